/* tests/unit/test_bus_safe.c - safe jobs from every state of the bus, and what may prove them. */
#include "tests/support/bus_fixture.h"

#include <check.h>

/* ---- Safe ---- */

static void expect_safe(struct rig *r, int inst, int64_t token, nsec most)
{
    nsec start = r->now;

    ck_assert_int_eq(rig_await(r, token, most), RIG_DONE);
    ck_assert_int_le(r->ended_at[token], start + most);
    for (int i = 0; i < FAKE_SAFE_REQUESTS; i++)
        ck_assert_uint_gt(fake(r, inst)->safe_seen[i], 0);
}

/* Whatever the bus is doing, with or without a fault that has it retry and rest. */
START_TEST(safe_works_from_every_phase)
{
    static const enum line_fault faults[] = {LINE_NONE, LINE_LOST, LINE_LATE, LINE_GARBLED,
                                             LINE_DUPLICATED};
    enum line_fault f = faults[_i / BOTH_KINDS];

    for (nsec wait = 0; wait < 400 * NSEC_MS; wait += 3 * NSEC_MS) {
        struct rig *r = polling_rig(kind_of(_i % BOTH_KINDS));
        int64_t set, safe;

        rig_fault(r, f, 1, 120 * NSEC_MS);
        set = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 5);
        rig_run(r, r->now + wait);
        safe = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
        expect_safe(r, 0, safe, 900 * NSEC_MS);
        rig_run(r, r->now + 3 * NSEC_S);
        ck_assert_int_ne(r->end[set], RIG_OPEN);
        ck_assert_uint_eq(r->n_open, 0);
    }
}
END_TEST

/* The requests themselves go out within the longest wait and one time-out each, though nothing is
 * ever answered. */
START_TEST(safe_is_sent_though_nobody_answers)
{
    struct rig *r = polling_rig(kind_of(_i));
    uint64_t sent;
    int64_t t;
    nsec start;

    rig_run(r, r->now + 100 * NSEC_MS);
    rig_fault(r, LINE_LOST, UINT32_MAX, 0);
    rig_run(r, r->now + 230 * NSEC_MS);
    start = r->now;
    t = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    rig_run(r, start + 200 * NSEC_MS + 3 * (TIMEOUT + 30 * NSEC_MS));
    for (int i = 0; i < FAKE_SAFE_REQUESTS; i++)
        ck_assert_uint_ge(fake(r, 0)->safe_seen[i], 1);
    ck_assert_int_eq(rig_await(r, t, 5 * NSEC_S), RIG_FAILED);
    for (int i = 0; i < FAKE_SAFE_REQUESTS; i++)
        ck_assert_uint_eq(fake(r, 0)->safe_seen[i], 4);
    /* And then the line rests, as after any silence. */
    sent = r->n_sent;
    rig_run(r, r->now + 150 * NSEC_MS);
    ck_assert_uint_eq(r->n_sent, sent);
}
END_TEST

START_TEST(safe_needs_no_identity)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t t = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);

    expect_safe(r, 0, t, 200 * NSEC_MS);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_OUTPUT, 0, 0, 0, NSEC_S), RIG_DONE);
    ck_assert_uint_eq(fake(r, 0)->safe_seen[0], 2);
    ck_assert_uint_eq(fake(r, 0)->safe_seen[1], 1);
}
END_TEST

START_TEST(safe_goes_into_a_full_queue)
{
    struct rig *r = shared_rig(_i);
    int n = 0;
    int64_t a, b;

    while (rig_submit(r, JOB_POLL, JOBKIND_POLL, n % 2, 0, 0) > 0)
        n++;
    ck_assert_int_eq(n, BUS_JOBS_MAX);
    a = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    ck_assert_int_gt(a, 0);
    ck_assert_uint_eq(r->n_open, BUS_JOBS_MAX / 2 + 1);
    while (rig_submit(r, JOB_POLL, JOBKIND_POLL, 1, 0, 0) > 0)
        n++;
    b = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 1, 0, 0);
    ck_assert_int_gt(b, 0);
    expect_safe(r, 0, a, NSEC_S);
    expect_safe(r, 1, b, NSEC_S);
    rig_run(r, r->now + 5 * NSEC_S);
    ck_assert_uint_eq(r->n_open, 0);
}
END_TEST

/* A dead unit's safe job does not keep its neighbour's waiting for all its passes. */
START_TEST(safe_jobs_take_turns)
{
    struct rig *r = shared_rig(_i);
    struct host_fault f = {.kind = LINE_LOST, .emu = 0, .left = UINT32_MAX};
    int64_t a, b;

    host_fault(&r->host, &f);
    a = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    b = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 1, 0, 0);
    rig_run(r, r->now + 3 * (TIMEOUT + 30 * NSEC_MS) + 100 * NSEC_MS);
    for (int i = 0; i < FAKE_SAFE_REQUESTS; i++)
        ck_assert_uint_ge(fake(r, 1)->safe_seen[i], 1);
    expect_safe(r, 1, b, NSEC_S);
    ck_assert_int_eq(rig_await(r, a, 5 * NSEC_S), RIG_FAILED);
}
END_TEST

/* All its replies look alike. One request goes unheard while the reply to the one before comes
 * late, in its place: the job must not be done before it has been heard. */
START_TEST(a_late_reply_proves_no_safe_request)
{
    for (nsec late = 0; late <= 3 * TIMEOUT; late += NSEC_MS) {
        struct rig *r = make_rig(kind_of(_i), BYTE_NS);
        int64_t t;

        identify(r, 0);
        fake(r, 0)->deaf[1] = 1;
        rig_fault(r, LINE_LATE, 1, late);
        t = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
        expect_safe(r, 0, t, 3 * NSEC_S);
    }
}
END_TEST

/* What was answered is not sent again but for the proof. */
START_TEST(safe_repeats_what_was_not_answered)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, NSEC_S), RIG_DONE);
    ck_assert_uint_eq(fake(r, 0)->safe_seen[0], 3);
    ck_assert_uint_eq(fake(r, 0)->safe_seen[1], 2);
    ck_assert_uint_eq(fake(r, 0)->safe_seen[2], 2);
}
END_TEST

START_TEST(safe_goes_between_the_requests_of_a_neighbours_poll)
{
    struct rig *r = shared_rig(_i);
    int64_t poll = rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    int64_t safe;

    rig_run(r, r->now + 5 * NSEC_MS);
    safe = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 1, 0, 0);
    expect_safe(r, 1, safe, NSEC_S);
    ck_assert_uint_eq(truths[0].n_q[0], 0);
    ck_assert_int_eq(rig_await(r, poll, NSEC_S), RIG_DONE);
    ck_assert_uint_eq(truths[0].n_p[0], 2);
}
END_TEST

START_TEST(safe_drops_a_set_under_way)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t set, safe;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    set = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 5);
    rig_run(r, r->now + 20 * NSEC_MS);
    safe = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    expect_safe(r, 0, safe, NSEC_S);
    ck_assert_int_eq(r->end[set], RIG_FAILED);
    rig_run(r, r->now + NSEC_S);
    ck_assert_uint_eq(fake(r, 0)->n_writes, 1);
}
END_TEST

/* An instrument that is slow to be given up: safe is on its way 200 ms later, whether the bus is
 * waiting for a reply, resting after none, or waiting to prove another safe job. */
START_TEST(safe_does_not_wait_for_long_time_outs)
{
    static const nsec waits[] = {100 * NSEC_MS, 1900 * NSEC_MS, 2100 * NSEC_MS, 3500 * NSEC_MS};
    const struct driver *d = _i % BOTH_KINDS ? &fake_modbus_slow : &fake_line_slow;
    struct rig *r = make_rig(d, BYTE_NS);
    nsec start;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    rig_run(r, r->now + waits[_i / BOTH_KINDS]);
    start = r->now;
    rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    rig_run(r, start + 350 * NSEC_MS);
    for (int i = 0; i < FAKE_SAFE_REQUESTS; i++)
        ck_assert_uint_ge(fake(r, 0)->safe_seen[i], 1);
}
END_TEST

START_TEST(safe_does_not_wait_for_anothers_proof)
{
    const struct driver *d = _i ? &fake_modbus_slow : &fake_line_slow;
    struct rig *r = &rigs[0];
    struct emu_param p = {.model = &fake_slow_crlf, .addressed = true};
    int64_t a;

    rig_init(r, BYTE_NS);
    rig_add(r, d, _i ? &fake_modbus_emu : &fake_line_emu, 'A', &p, NULL);
    add_second(r, 'B');
    rig_fault(r, LINE_LOST, 1, 0);
    a = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_int_eq(r->end[a], RIG_OPEN);
    rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 1, 0, 0);
    rig_run(r, r->now + 350 * NSEC_MS);
    for (int i = 0; i < FAKE_SAFE_REQUESTS; i++)
        ck_assert_uint_ge(fake(r, 1)->safe_seen[i], 1);
    expect_safe(r, 0, a, 10 * NSEC_S);
}
END_TEST

START_TEST(a_safe_job_evicts_from_a_queue_full_of_others)
{
    struct rig *r = shared_rig(_i);
    int64_t t;

    while (rig_submit(r, JOB_POLL, JOBKIND_POLL, 1, 0, 0) > 0)
        ;
    t = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    ck_assert_int_gt(t, 0);
    ck_assert_uint_eq(r->n_open, BUS_JOBS_MAX);
    expect_safe(r, 0, t, NSEC_S);
}
END_TEST

/* It lives: who it is is asked at once, not when the back-off ends. */
START_TEST(a_lost_unit_that_answers_safe_is_back_at_once)
{
    struct rig *r = polling_rig(kind_of(_i));

    rig_fault(r, LINE_LOST, UINT32_MAX, 0);
    rig_run(r, r->now + 40 * NSEC_S);
    ck_assert_uint_eq(r->n_lost, 1);
    rig_fault(r, LINE_NONE, 0, 0);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, NSEC_S), RIG_DONE);
    rig_run(r, r->now + 500 * NSEC_MS);
    ck_assert_uint_eq(r->n_back, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bus-safe");
    TCase *c = tcase_create("bus-safe");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, safe_works_from_every_phase, 0, 5 * BOTH_KINDS);
    tcase_add_loop_test(c, safe_is_sent_though_nobody_answers, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_needs_no_identity, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_goes_into_a_full_queue, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_jobs_take_turns, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_late_reply_proves_no_safe_request, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_repeats_what_was_not_answered, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_goes_between_the_requests_of_a_neighbours_poll, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_drops_a_set_under_way, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_does_not_wait_for_long_time_outs, 0, 4 * BOTH_KINDS);
    tcase_add_loop_test(c, safe_does_not_wait_for_anothers_proof, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_safe_job_evicts_from_a_queue_full_of_others, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_lost_unit_that_answers_safe_is_back_at_once, 0, BOTH_KINDS);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
