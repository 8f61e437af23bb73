/* tests/unit/test_bus.c - queue, deadlines, retries, answers, recorder and copies of the bus. */
#include "tests/support/bus_fixture.h"

#include <check.h>
#include <math.h>
#include <string.h>

/* ---- Plain work ---- */

START_TEST(polls_keep_their_deadlines)
{
    struct rig *r = polling_rig(kind_of(_i));
    nsec start = r->now;
    const struct bus_stats *s = &r->bus.inst[0].stats;

    rig_run(r, start + 30 * NSEC_S - NSEC_MS);
    ck_assert_uint_eq(r->n_poll_done, 100);
    ck_assert_uint_eq(r->n_poll_failed, 0);
    ck_assert_uint_eq(s->polls, 100);
    ck_assert_uint_eq(fake(r, 0)->n_p, 100);
    ck_assert_double_eq(r->last[0][FAKE_Q].value, 100);
    ck_assert_int_le(s->lateness_max, 8 * NSEC_MS); /* the rest after identify, once */
    ck_assert_uint_eq(s->timeouts + s->garbled + s->noise_bytes, 0);
}
END_TEST

/* Others in the way make polls late, but the grid stands; what was missed is not made up for. */
START_TEST(late_polls_return_to_their_grid)
{
    struct rig *r = polling_rig(kind_of(_i));
    nsec start = r->now;

    for (int i = 0; i < 30; i++) {
        rig_run(r, start + i * 310 * NSEC_MS);
        rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    }
    rig_run(r, r->now + NSEC_S);
    ck_assert_int_eq((r->bus.inst[0].poll_next - start) % (300 * NSEC_MS), 0);
    ck_assert_int_gt(r->bus.inst[0].stats.lateness_max, 10 * NSEC_MS);
    rig_fault(r, LINE_LOST, 2, 0);
    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_int_eq((r->bus.inst[0].poll_next - start) % (300 * NSEC_MS), 0);
    ck_assert_uint_lt(r->bus.inst[0].stats.polls, 44);
}
END_TEST

/* Jobs that keep coming do not starve the scheduled polls of a neighbour. */
START_TEST(older_polls_go_first)
{
    struct rig *r = shared_rig(_i);

    bus_poll_period(&r->bus, 1, 300 * NSEC_MS, r->now);
    for (int i = 0; i < 100; i++) {
        while (r->n_open < 3)
            rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
        rig_run(r, r->now + 30 * NSEC_MS);
    }
    ck_assert_uint_ge(r->n_poll_done, 9);
}
END_TEST

/* "P 7\r\n": request of 4 bytes, 5 ms, reply of 5 bytes. The stamp is when the first of them began.
 */
START_TEST(samples_are_stamped_with_the_first_byte)
{
    struct rig *r = polling_rig(&fake_line_crlf);
    nsec start;

    rig_run(r, r->now + NSEC_S);
    start = r->bus.inst[0].poll_next;
    rig_run(r, start + 200 * NSEC_MS);
    ck_assert_int_eq(r->last_at[0][FAKE_P], start + 4 * BYTE_NS + 5 * NSEC_MS);
}
END_TEST

START_TEST(all_terminators_work)
{
    static const struct driver *const drivers[] = {&fake_line_crlf, &fake_line_cr, &fake_line_lf};
    struct rig *r = polling_rig(drivers[_i]);

    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_uint_ge(r->n_poll_done, 10);
    ck_assert_uint_eq(r->n_poll_failed, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.garbled, 0);
}
END_TEST

START_TEST(tcp_frames_work)
{
    struct rig *r = &rigs[0];
    struct emu_param p = {.model = &fake_tcp_model};

    rig_init(r, 0);
    r->bus_w.modbus_tcp = true;
    r->host_w.tcp = true;
    watch(r);
    rig_add(r, &fake_modbus, &fake_modbus_emu, 5, &p, NULL);
    identify(r, 0);
    bus_poll_period(&r->bus, 0, 300 * NSEC_MS, r->now);
    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_uint_ge(r->n_poll_done, 10);
    for (nsec late = 0; late <= 3 * TIMEOUT; late += 5 * NSEC_MS) {
        rig_fault(r, LINE_LATE, 2, late);
        rig_run(r, r->now + 2 * NSEC_S);
    }
    rig_fault(r, LINE_DUPLICATED, 4, 0);
    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_uint_eq(r->n_poll_failed, 0);
}
END_TEST

static char order[64];

static void note_order(struct rig *r, const struct bus_report *report)
{
    static const char letter[] = {'I', 'p', 's', 'O', 'A'};
    size_t n = strlen(order);

    (void)r;
    if (report->kind == BUS_JOB_DONE || report->kind == BUS_JOB_FAILED) {
        ck_assert_uint_lt(n, sizeof(order) - 2);
        order[n] = report->kind == BUS_JOB_DONE ? letter[report->job->kind] : '-';
        order[n + 1] = '\0';
    }
}

/* Three classes at once while an exchange is under way; the safe job, submitted last, drops the set
 * and the rest of its own instrument. */
START_TEST(classes_go_by_rank)
{
    struct rig *r = shared_rig(_i);

    memset(order, 0, sizeof(order));
    r->on_report = note_order;
    rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 10);
    rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_MODE, 1);
    rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 1, 0, 0);
    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_str_eq(order, "AsspI");
    ck_assert_uint_eq(r->n_open, 0);
    ck_assert_double_eq(fake(r, 0)->value[FAKE_LEVEL], 10);
    ck_assert_double_eq(fake(r, 0)->value[FAKE_MODE], 1);
}
END_TEST

START_TEST(a_newer_set_replaces_a_queued_one)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t first, second, third, other;

    identify(r, 0);
    first = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 10);
    other = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_MODE, 1);
    rig_run(r, r->now + 10 * NSEC_MS); /* the first is on the wire now */
    second = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 20);
    third = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 30);
    ck_assert_int_eq(r->end[second], RIG_FAILED);
    ck_assert_int_eq(r->how[second], XFER_DROPPED);
    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_int_eq(r->end[first], RIG_DONE);
    ck_assert_int_eq(r->end[other], RIG_DONE);
    ck_assert_int_eq(r->end[third], RIG_DONE);
    ck_assert_double_eq(fake(r, 0)->value[FAKE_LEVEL], 30);
    ck_assert_uint_eq(fake(r, 0)->n_writes, 3);
}
END_TEST

START_TEST(sets_are_checked_at_the_door)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    uint64_t sent;

    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 1), E_STATE);
    identify(r, 0);
    sent = r->n_sent;
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 100.5), E_RANGE);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, -0.5), E_RANGE);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, (double)NAN), E_RANGE);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_MODE, 0.5), E_RANGE);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_P, 1), E_UNSUPPORTED);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_CHANS, 1), E_INVALID);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 1, FAKE_LEVEL, 1), E_INVALID);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SAFE_ALL, 0, 0, 0), E_INVALID);
    ck_assert_int_eq(rig_submit(r, JOB_SAFE, JOBKIND_POLL, 0, 0, 0), E_INVALID);
    rig_run(r, r->now + NSEC_S);
    ck_assert_uint_eq(r->n_sent, sent);
}
END_TEST

START_TEST(sets_have_one_answer_each)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t t;

    identify(r, 0);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 40);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_DONE);
    ck_assert_double_eq(rig_notice(r, t, NOTICE_SET_DONE)->value, 40);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_SILENT_IGNORE, true);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 50);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_DONE);
    ck_assert_double_eq(rig_notice(r, t, NOTICE_SET_MISMATCH)->value, 40);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_REFUSE, true);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 60);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), _i == 0 ? RIG_DONE : RIG_FAILED);
    ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_SET_REFUSED));
    ck_assert_uint_eq(rig_count_notices(r, t, NOTICE_SET_DONE, NOTICE_SET_REFUSED), 1);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
}
END_TEST

START_TEST(sets_of_one_instrument_can_be_dropped)
{
    struct rig *r = shared_rig(_i);
    int64_t a = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 1);
    int64_t b = rig_submit(r, JOB_SET, JOBKIND_SET, 1, FAKE_LEVEL, 2);

    bus_drop_sets(&r->bus, &r->bus_w, r->now, 0);
    ck_assert_int_eq(r->end[a], RIG_FAILED);
    ck_assert_int_eq(r->how[a], XFER_DROPPED);
    ck_assert_int_eq(rig_await(r, b, NSEC_S), RIG_DONE);
    ck_assert_uint_eq(fake(r, 0)->n_writes, 0);
}
END_TEST

/* ---- Retrying ---- */

START_TEST(the_plan_goes_on_only_after_a_good_answer)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t t;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    t = rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    rig_run(r, r->now + 40 * NSEC_MS);
    ck_assert_uint_eq(truths[0].n_q[0], 0);
    ck_assert_int_eq(rig_await(r, t, 2 * NSEC_S), RIG_DONE);
    ck_assert_uint_eq(truths[0].n_p[0], 2);
    ck_assert_uint_eq(truths[0].n_q[0], 1);
    ck_assert_uint_eq(r->bus.inst[0].stats.resyncs, 1);
}
END_TEST

START_TEST(a_job_fails_after_two_retries)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t t;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 3, 0);
    t = rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    ck_assert_int_eq(rig_await(r, t, 4 * NSEC_S), RIG_FAILED);
    ck_assert_int_eq(r->how[t], XFER_TIMEOUT);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 2);
    ck_assert_uint_eq(r->bus.inst[0].stats.timeouts, 3);
    ck_assert_uint_eq(r->n_lost, 0);
    ck_assert_int_eq(rig_do(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0, NSEC_S), RIG_DONE);
}
END_TEST

START_TEST(what_must_not_be_repeated_is_not)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t t;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_COUNT, 1);
    ck_assert_int_eq(rig_await(r, t, 2 * NSEC_S), RIG_FAILED);
    ck_assert_uint_eq(fake(r, 0)->n_t, 1);
    /* But what goes before it may be: the identify of the resynchronisation is lost twice. */
    rig_fault(r, LINE_LOST, 2, 0);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_COUNT, 1);
    ck_assert_int_eq(rig_await(r, t, 3 * NSEC_S), RIG_DONE);
    ck_assert_uint_eq(fake(r, 0)->n_t, 2);
}
END_TEST

/* What was lost on the way may have been obeyed: the driver must know. A lost poll is no such
 * thing. */
START_TEST(the_driver_is_told_of_a_lost_set)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    ck_assert_int_eq(rig_do(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 3, 2 * NSEC_S), RIG_DONE);
    ck_assert_uint_eq(r->bus.inst[0].state[0], 1);
    rig_fault(r, LINE_LOST, 1, 0);
    ck_assert_int_eq(rig_do(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0, 2 * NSEC_S), RIG_DONE);
    ck_assert_uint_eq(r->bus.inst[0].state[0], 1);
    rig_fault(r, LINE_LOST, 1, 0);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 2 * NSEC_S), RIG_DONE);
    ck_assert_uint_eq(r->bus.inst[0].state[0], 2);
}
END_TEST

START_TEST(a_refused_set_goes_no_further)
{
    struct rig *r = make_rig(&fake_line_crlf, BYTE_NS);
    int64_t t;

    identify(r, 0);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_REFUSE, true);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_MODE, 1);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_DONE);
    ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_SET_REFUSED));
    ck_assert_uint_eq(fake(r, 0)->n_p, 0);
}
END_TEST

START_TEST(a_set_is_repeated_after_identify)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t t;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 33);
    ck_assert_int_eq(rig_await(r, t, 2 * NSEC_S), RIG_DONE);
    ck_assert_uint_eq(fake(r, 0)->n_writes, 2);
    ck_assert_uint_eq(rig_count_notices(r, t, NOTICE_SET_DONE, NOTICE_SET_REFUSED), 1);
    ck_assert_uint_eq(rig_count_notices(r, t, NOTICE_IDENTIFIED, NOTICE_IDENTIFIED), 1);
}
END_TEST

/* Two sets of one instrument keep their order though the first has to be repeated. */
START_TEST(a_repeated_set_keeps_its_place)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t first, second;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    first = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 10);
    second = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_MODE, 1);
    ck_assert_int_eq(rig_await(r, second, 2 * NSEC_S), RIG_DONE);
    ck_assert_int_eq(r->end[first], RIG_DONE);
    ck_assert_int_lt(r->ended_at[first], r->ended_at[second]);
}
END_TEST

START_TEST(a_set_is_not_repeated_when_a_newer_one_waits)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t first, second;

    identify(r, 0);
    rig_fault(r, LINE_LOST, 1, 0);
    first = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 10);
    rig_run(r, r->now + 20 * NSEC_MS);
    second = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 20);
    ck_assert_int_eq(rig_await(r, second, 2 * NSEC_S), RIG_DONE);
    ck_assert_int_eq(r->end[first], RIG_FAILED);
    ck_assert_uint_eq(fake(r, 0)->n_writes, 2);
    ck_assert_double_eq(fake(r, 0)->value[FAKE_LEVEL], 20);
}
END_TEST

/* ---- Everything at once ---- */

static void storm_step(struct rig *r, struct rng *rng)
{
    static const nsec lates[] = {2 * NSEC_MS, 40 * NSEC_MS, 90 * NSEC_MS, 150 * NSEC_MS};
    int inst = (int)rng_below(rng, 2);

    switch (rng_below(rng, 8)) {
    case 0:
    case 1: rig_submit(r, JOB_SET, JOBKIND_SET, inst, FAKE_LEVEL, rng_below(rng, 101)); break;
    case 2: rig_submit(r, JOB_SET, JOBKIND_SET, inst, FAKE_MODE, rng_below(rng, 2)); break;
    case 3: rig_submit(r, JOB_POLL, JOBKIND_POLL, inst, 0, 0); break;
    case 4: rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, inst, 0, 0); break;
    case 5: rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, inst, 0, 0); break;
    default:
        rig_fault(r, (enum line_fault)rng_below(rng, LINE_DOWN), 1 + rng_below(rng, 3),
                  lates[rng_below(rng, 4)]);
        break;
    }
    rig_run(r, r->now + (nsec)rng_below(rng, 300) * NSEC_MS);
}

START_TEST(every_job_ends_once_in_a_storm)
{
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct rig *r = shared_rig(_i);
        struct rng rng;

        rng_seed(&rng, seed, 0);
        bus_poll_period(&r->bus, 0, 250 * NSEC_MS, r->now);
        bus_poll_period(&r->bus, 1, 400 * NSEC_MS, r->now);
        for (int i = 0; i < 300; i++)
            storm_step(r, &rng);
        rig_fault(r, LINE_NONE, 0, 0);
        rig_run(r, r->now + 40 * NSEC_S);
        ck_assert_uint_eq(r->n_open, 0);
        ck_assert_uint_eq(r->bus.n_jobs, 0);
        ck_assert_int_ge(r->last_at[0][FAKE_P], r->now - NSEC_S);
        ck_assert_int_ge(r->last_at[1][FAKE_P], r->now - NSEC_S);
    }
}
END_TEST

/* A copy made in mid-flight lives the same life as the original. */
START_TEST(a_copy_goes_on_the_same)
{
    for (int steps = 0; steps < 40; steps++) {
        struct rig *r = shared_rig(_i);
        struct rng rng, same;

        rng_seed(&rng, 11, 0);
        bus_poll_period(&r->bus, 0, 250 * NSEC_MS, r->now);
        for (int i = 0; i < steps; i++)
            storm_step(r, &rng);
        rig_run(r, r->now + steps * NSEC_MS);
        truths[1] = truths[0];
        rig_copy(&rigs[1], r);
        same = rng;
        for (int i = 0; i < 20; i++)
            storm_step(r, &rng);
        for (int i = 0; i < 20; i++)
            storm_step(&rigs[1], &same);
        ck_assert_uint_eq(rigs[0].hash, rigs[1].hash);
        ck_assert_uint_eq(rigs[0].n_sent, rigs[1].n_sent);
        ck_assert_mem_eq(&rigs[0].host, &rigs[1].host, sizeof(rigs[0].host));
        ck_assert_mem_eq(&rigs[0].bus, &rigs[1].bus, sizeof(rigs[0].bus));
    }
}
END_TEST

START_TEST(the_flight_recorder_keeps_the_last_frames)
{
    struct rig *r = polling_rig(kind_of(_i));
    const struct bus_frame *f;
    uint32_t n = 0;
    nsec before = 0;

    ck_assert_ptr_nonnull(bus_frame_at(&r->bus, 0));
    rig_run(r, r->now + 60 * NSEC_S + 100 * NSEC_MS);
    while ((f = bus_frame_at(&r->bus, n)) != NULL) {
        ck_assert_int_ge(f->at, before);
        ck_assert(f->direction == '<' || f->direction == '>');
        before = f->at;
        n++;
    }
    ck_assert_uint_eq(n, BUS_FRAMES_MAX);
    f = bus_frame_at(&r->bus, n - 1);
    ck_assert_int_eq(f->direction, '<');
    ck_assert_int_ge(f->at, r->now - 100 * NSEC_MS);
    if (_i == 0) {
        ck_assert_mem_eq(f->bytes, "Q ", 2);
        ck_assert_mem_eq(bus_frame_at(&r->bus, n - 2)->bytes, "Q?\r\n", 4);
        ck_assert_uint_eq(bus_frame_at(&r->bus, n - 2)->n, 4);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bus");
    TCase *c = tcase_create("bus");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, polls_keep_their_deadlines, 0, BOTH_KINDS);
    tcase_add_loop_test(c, late_polls_return_to_their_grid, 0, BOTH_KINDS);
    tcase_add_loop_test(c, older_polls_go_first, 0, BOTH_KINDS);
    tcase_add_test(c, samples_are_stamped_with_the_first_byte);
    tcase_add_loop_test(c, all_terminators_work, 0, 3);
    tcase_add_test(c, tcp_frames_work);
    tcase_add_loop_test(c, classes_go_by_rank, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_newer_set_replaces_a_queued_one, 0, BOTH_KINDS);
    tcase_add_loop_test(c, sets_are_checked_at_the_door, 0, BOTH_KINDS);
    tcase_add_loop_test(c, sets_have_one_answer_each, 0, BOTH_KINDS);
    tcase_add_loop_test(c, sets_of_one_instrument_can_be_dropped, 0, BOTH_KINDS);
    tcase_add_loop_test(c, the_plan_goes_on_only_after_a_good_answer, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_job_fails_after_two_retries, 0, BOTH_KINDS);
    tcase_add_loop_test(c, what_must_not_be_repeated_is_not, 0, BOTH_KINDS);
    tcase_add_loop_test(c, the_driver_is_told_of_a_lost_set, 0, BOTH_KINDS);
    tcase_add_test(c, a_refused_set_goes_no_further);
    tcase_add_loop_test(c, a_set_is_repeated_after_identify, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_repeated_set_keeps_its_place, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_set_is_not_repeated_when_a_newer_one_waits, 0, BOTH_KINDS);
    tcase_add_loop_test(c, every_job_ends_once_in_a_storm, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_copy_goes_on_the_same, 0, BOTH_KINDS);
    tcase_add_loop_test(c, the_flight_recorder_keeps_the_last_frames, 0, BOTH_KINDS);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
