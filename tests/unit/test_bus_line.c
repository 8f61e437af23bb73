/* tests/unit/test_bus_line.c - the bus on bad lines, with dead, wrong and returning instruments. */
#include "tests/support/bus_fixture.h"

#include "drivers/wire/modbus.h"

#include <check.h>
#include <string.h>

/* ---- Faults of the line ---- */

START_TEST(one_lost_or_spoilt_reply_is_only_retried)
{
    static const enum line_fault faults[] = {LINE_LOST, LINE_GARBLED, LINE_WRONG_UNIT};
    struct rig *r = shared_rig(_i % BOTH_KINDS);
    enum line_fault f = faults[_i / BOTH_KINDS];

    bus_poll_period(&r->bus, 0, 300 * NSEC_MS, r->now);
    for (int i = 0; i < 20; i++) {
        rig_run(r, r->now + 700 * NSEC_MS + i * 7 * NSEC_MS);
        rig_fault(r, f, 1, 0);
        rig_run(r, r->now + NSEC_S);
        ck_assert_uint_eq(r->host.hits, (unsigned)i + 1);
    }
    ck_assert_uint_eq(r->n_poll_failed, 0);
    ck_assert_uint_eq(r->n_lost, 0);
    ck_assert_uint_ge(r->bus.inst[0].stats.retries, 20);
    ck_assert_uint_ge(r->n_poll_done, 50);
}
END_TEST

/* What is harmless: it goes on for ever, each poll answered at the first try. */
START_TEST(doubled_split_and_noisy_replies_go_on)
{
    static const enum line_fault faults[] = {LINE_DUPLICATED, LINE_SPLIT, LINE_NOISE};
    struct rig *r = polling_rig(kind_of(_i % BOTH_KINDS));
    enum line_fault f = faults[_i / BOTH_KINDS];

    rig_fault(r, f, UINT32_MAX, 4 * NSEC_MS);
    rig_run(r, r->now + 30 * NSEC_S);
    ck_assert_uint_ge(r->n_poll_done, 99);
    ck_assert_uint_eq(r->n_poll_failed, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
    if (f != LINE_SPLIT)
        ck_assert_uint_ge(r->bus.inst[0].stats.noise_bytes, f == LINE_NOISE ? 99 : 990);
}
END_TEST

static void (*counted)(struct rig *, nsec now, const uint8_t *p, size_t n);

/* The newest reply, whole, once more. */
static void hand_over_old(struct rig *r, nsec now, const uint8_t *p, size_t n)
{
    const struct bus_frame *f, *last = NULL;

    counted(r, now, p, n);
    for (uint32_t i = 0; (f = bus_frame_at(&r->bus, i)) != NULL; i++) {
        if (f->direction == '<')
            last = f;
    }
    if (last)
        bus_bytes(&r->bus, &r->bus_w, now - 1, now, last->bytes, last->n);
}

/* What had come before a request went out is handed over while it is sent: no answer to it, though
 * it looks like one. judge_samples() sees each wrong attribution. */
START_TEST(what_came_before_the_request_is_no_answer)
{
    struct rig *r = polling_rig(kind_of(_i));

    counted = r->on_send;
    r->on_send = hand_over_old;
    rig_run(r, r->now + 30 * NSEC_S);
    ck_assert_uint_ge(r->n_poll_done, 99);
    ck_assert_uint_eq(r->n_poll_failed, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
    ck_assert_uint_ge(r->bus.inst[0].stats.noise_bytes, 990);
}
END_TEST

static void play_late(struct rig *r, nsec late, uint32_t left, bool with_set)
{
    rig_run(r, r->now + 400 * NSEC_MS);
    rig_fault(r, LINE_LATE, left, late);
    if (with_set)
        rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, (double)(late / NSEC_MS % 100));
    rig_run(r, r->now + 3 * NSEC_S);
    ck_assert_uint_eq(r->n_open, 0);
    ck_assert_uint_eq(r->host.fault.left, 0);
    ck_assert_uint_eq(r->n_lost, 0);
}

/* Every delay from none to three times the time-out, of one reply and of several, with and without
 * a set among them; judge_samples() sees each wrong attribution. */
START_TEST(a_late_reply_is_never_taken_for_a_later_one)
{
    static const struct driver *const drivers[] = {&fake_line_crlf, &fake_modbus, &fake_line_hasty,
                                                   &fake_modbus_hasty};
    uint32_t left = 1 + (uint32_t)_i / 8;

    for (nsec late = 0; late <= 3 * TIMEOUT; late += 1 * NSEC_MS) {
        struct rig *r = polling_rig(drivers[_i % 4]);
        uint32_t done;

        play_late(r, late, left, _i % 8 < 4);
        done = r->n_poll_done;
        rig_run(r, r->now + 2 * NSEC_S);
        ck_assert_uint_ge(r->n_poll_done, done + 6);
        if (late > TIMEOUT)
            ck_assert_uint_gt(r->bus.inst[0].stats.retries, 0);
    }
}
END_TEST

/* The same with a neighbour on the line whose polls come between. */
START_TEST(a_late_reply_is_never_taken_for_a_neighbours)
{
    for (nsec late = 0; late <= 3 * TIMEOUT; late += 3 * NSEC_MS) {
        struct rig *r = shared_rig(_i);

        bus_poll_period(&r->bus, 0, 100 * NSEC_MS, r->now);
        bus_poll_period(&r->bus, 1, 70 * NSEC_MS, r->now);
        play_late(r, late, 2, true);
        ck_assert_uint_gt(r->n_poll_done, 20);
    }
}
END_TEST

/* Bytes of the reply handed over in two parts, cut everywhere. */
START_TEST(any_cut_of_a_reply_gives_the_same)
{
    struct rig *r = make_rig(kind_of(_i), 0);
    static const char text[] = "P 1\r\n";
    static const uint8_t frame[] = {5, 3, 4, 0, 1, 0, 0};
    uint8_t reply[16];
    size_t n = sizeof(text) - 1;

    identify(r, 0);
    r->on_report = NULL; /* the replies are not the instrument's */
    rig_fault(r, LINE_LOST, UINT32_MAX, 0);
    memcpy(reply, text, n);
    if (_i == 1) {
        uint16_t crc = modbus_crc(frame, sizeof(frame));

        memcpy(reply, frame, sizeof(frame));
        reply[7] = (uint8_t)(crc & 0xFF);
        reply[8] = (uint8_t)(crc >> 8);
        n = 9;
    }
    for (size_t cut = 0; cut <= n; cut++) {
        uint32_t before = r->n_samples;

        rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
        rig_run(r, r->now + 5 * NSEC_MS);
        bus_bytes(&r->bus, &r->bus_w, r->now, r->now, reply, cut);
        rig_run(r, r->now + 5 * NSEC_MS);
        bus_bytes(&r->bus, &r->bus_w, r->now, r->now, reply + cut, n - cut);
        ck_assert_uint_eq(r->n_samples, before + 1);
        ck_assert_double_eq(r->last[0][FAKE_P].value, 1);
        rig_fault(r, LINE_NONE, 0, 0);
        rig_run(r, r->now + 2 * NSEC_S);
        rig_fault(r, LINE_LOST, UINT32_MAX, 0);
    }
}
END_TEST

/* A whole frame of a neighbour comes before ours: passed over, no retry. */
START_TEST(a_foreign_frame_is_passed_over)
{
    struct rig *r = make_rig(&fake_modbus, BYTE_NS);
    uint8_t frame[] = {5, 3, 6, 0, 1, 0, 2, 0, 3, 0, 0}; /* three words, asked are two */
    uint16_t crc = modbus_crc(frame, sizeof(frame) - 2);
    int64_t t;

    identify(r, 0);
    frame[sizeof(frame) - 2] = (uint8_t)(crc & 0xFF);
    frame[sizeof(frame) - 1] = (uint8_t)(crc >> 8);
    t = rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    rig_run(r, r->now + 9 * NSEC_MS);
    bus_bytes(&r->bus, &r->bus_w, r->now, r->now, frame, sizeof(frame));
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_DONE);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.noise_bytes, sizeof(frame));
}
END_TEST

START_TEST(bytes_that_nobody_asked_for_hold_the_line_up_shortly)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    static const uint8_t junk[] = "hello";
    uint64_t sent;
    int64_t t;

    identify(r, 0);
    rig_run(r, r->now + NSEC_S);
    bus_bytes(&r->bus, &r->bus_w, r->now, r->now, junk, 5);
    ck_assert_uint_eq(r->bus.inst[0].stats.noise_bytes, 5);
    sent = r->n_sent;
    t = rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    rig_run(r, r->now + 15 * NSEC_MS);
    ck_assert_uint_eq(r->n_sent, sent);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_DONE);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
    /* A unit that never stops talking costs polls, but cannot stop them. */
    bus_poll_period(&r->bus, 0, 300 * NSEC_MS, r->now);
    for (int i = 0; i < 1500; i++) {
        rig_run(r, r->now + 10 * NSEC_MS);
        bus_bytes(&r->bus, &r->bus_w, r->now, r->now, junk, 5);
    }
    ck_assert_uint_ge(r->n_sent, sent + 5);
}
END_TEST

/* ---- Lost, back, wrong ---- */

START_TEST(a_dead_unit_is_lost_and_does_not_hold_up_its_neighbour)
{
    struct rig *r = shared_rig(_i);
    struct host_fault f = {.kind = LINE_LOST, .emu = 0, .left = UINT32_MAX};
    uint32_t asked;
    int64_t t;
    nsec start;

    bus_poll_period(&r->bus, 0, 500 * NSEC_MS, r->now);
    bus_poll_period(&r->bus, 1, 500 * NSEC_MS, r->now);
    rig_run(r, r->now + 2 * NSEC_S);
    host_fault(&r->host, &f);
    t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 5);
    r->bus.inst[0].state[5] = 7; /* learnt, as it were */
    start = r->now;
    while (r->n_lost == 0)
        rig_run(r, r->now + 100 * NSEC_MS);
    ck_assert_int_ge(r->now, start + 4 * NSEC_S);
    ck_assert_int_le(r->now, start + 8 * NSEC_S);
    ck_assert_int_eq(r->end[t], RIG_FAILED);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 5), E_STATE);
    ck_assert_uint_eq(r->bus.inst[0].state[5], 0);
    /* 2, 4, 8, 16, 30, 30 ... s: six tries in the first 100 s, the neighbour keeps its polls. */
    asked = (uint32_t)r->bus.inst[0].stats.sent;
    start = (nsec)r->bus.inst[1].stats.polls;
    rig_run(r, r->now + 100 * NSEC_S);
    ck_assert_uint_ge(r->bus.inst[0].stats.sent - asked, 5);
    ck_assert_uint_le(r->bus.inst[0].stats.sent - asked, 7);
    ck_assert_uint_ge(r->bus.inst[1].stats.polls - (uint64_t)start, 199);
    ck_assert_uint_eq(r->n_lost, 1);
    ck_assert_uint_eq(r->n_back, 0);
    host_fault(&r->host, NULL);
    rig_run(r, r->now + 31 * NSEC_S);
    ck_assert_uint_eq(r->n_back, 1);
    ck_assert_int_eq(rig_do(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 6, NSEC_S), RIG_DONE);
}
END_TEST

START_TEST(an_unplugged_line_is_lost_and_back)
{
    struct rig *r = polling_rig(kind_of(_i));

    rig_run(r, r->now + NSEC_S);
    rig_fault(r, LINE_DOWN, UINT32_MAX, 0);
    instrument_missed_some = true;
    rig_run(r, r->now + 20 * NSEC_S);
    ck_assert_uint_eq(r->n_lost, 1);
    rig_fault(r, LINE_NONE, 0, 0);
    rig_run(r, r->now + 20 * NSEC_S);
    ck_assert_uint_eq(r->n_back, 1);
    ck_assert_int_ge(r->last_at[0][FAKE_P], r->now - 400 * NSEC_MS);
}
END_TEST

START_TEST(a_link_down_fails_everything_at_once)
{
    struct rig *r = polling_rig(kind_of(_i));
    int64_t a = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 5);
    int64_t b;

    rig_run(r, r->now + 8 * NSEC_MS);
    b = rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_MODE, 1);
    bus_link(&r->bus, &r->bus_w, r->now, false);
    ck_assert_int_eq(r->how[a], XFER_LOST);
    ck_assert_int_eq(r->how[b], XFER_LOST);
    ck_assert_uint_eq(r->n_open, 0);
    ck_assert_uint_eq(r->n_lost, 1);
    ck_assert_int_eq(rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0), E_LOST);
    rig_run(r, r->now + 5 * NSEC_S);
    bus_link(&r->bus, &r->bus_w, r->now, true);
    rig_run(r, r->now + NSEC_S);
    ck_assert_uint_eq(r->n_back, 1);
    ck_assert_uint_ge(r->n_poll_done, 2);
}
END_TEST

START_TEST(nothing_is_written_to_a_wrong_device)
{
    struct rig *r = polling_rig(kind_of(_i));
    const struct fake_state *s = fake(r, 0);
    int64_t t;

    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, true);
    t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_FAILED);
    ck_assert_int_eq(r->how[t], XFER_REFUSED);
    ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 5), E_STATE);
    t = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_FAILED);
    t = rig_submit(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0);
    ck_assert_int_eq(rig_await(r, t, NSEC_S), RIG_FAILED);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_uint_eq(s->n_writes + s->safe_seen[0] + s->safe_seen[1] + s->safe_seen[2], 0);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, false);
    rig_run(r, r->now + 31 * NSEC_S);
    ck_assert_uint_eq(r->n_back, 1);
    ck_assert_int_eq(rig_do(r, JOB_SET, JOBKIND_SET, 0, FAKE_LEVEL, 6, NSEC_S), RIG_DONE);
}
END_TEST

/* One that was right is asked again before it is given up: its safe state hangs on it. */
START_TEST(one_wrong_identity_is_not_believed)
{
    struct rig *r = polling_rig(kind_of(_i));
    int64_t t;

    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, true);
    t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    rig_run(r, r->now + 120 * NSEC_MS);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, false);
    ck_assert_int_eq(rig_await(r, t, 2 * NSEC_S), RIG_DONE);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 1);
    ck_assert_int_eq(r->bus.inst[0].wrong, 0);
}
END_TEST

/* An instrument that is not there when the bench starts. */
START_TEST(a_unit_that_comes_later_is_found)
{
    struct rig *r = make_rig(kind_of(_i), BYTE_NS);
    int64_t t;

    rig_fault(r, LINE_DOWN, UINT32_MAX, 0);
    bus_poll_period(&r->bus, 0, NSEC_S, r->now);
    t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    ck_assert_int_eq(rig_await(r, t, 3 * NSEC_S), RIG_FAILED);
    rig_run(r, r->now + 20 * NSEC_S);
    ck_assert_uint_eq(r->n_lost, 1);
    rig_fault(r, LINE_NONE, 0, 0);
    rig_run(r, r->now + 31 * NSEC_S);
    ck_assert_uint_eq(r->n_back, 1);
    ck_assert_uint_gt(r->n_poll_done, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bus-line");
    TCase *c = tcase_create("bus-line");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, one_lost_or_spoilt_reply_is_only_retried, 0, 3 * BOTH_KINDS);
    tcase_add_loop_test(c, doubled_split_and_noisy_replies_go_on, 0, 3 * BOTH_KINDS);
    tcase_add_loop_test(c, what_came_before_the_request_is_no_answer, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_late_reply_is_never_taken_for_a_later_one, 0, 24);
    tcase_add_loop_test(c, a_late_reply_is_never_taken_for_a_neighbours, 0, BOTH_KINDS);
    tcase_add_loop_test(c, any_cut_of_a_reply_gives_the_same, 0, BOTH_KINDS);
    tcase_add_test(c, a_foreign_frame_is_passed_over);
    tcase_add_loop_test(c, bytes_that_nobody_asked_for_hold_the_line_up_shortly, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_dead_unit_is_lost_and_does_not_hold_up_its_neighbour, 0, BOTH_KINDS);
    tcase_add_loop_test(c, an_unplugged_line_is_lost_and_back, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_link_down_fails_everything_at_once, 0, BOTH_KINDS);
    tcase_add_loop_test(c, nothing_is_written_to_a_wrong_device, 0, BOTH_KINDS);
    tcase_add_loop_test(c, one_wrong_identity_is_not_believed, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_unit_that_comes_later_is_found, 0, BOTH_KINDS);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
