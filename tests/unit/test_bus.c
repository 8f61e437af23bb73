/* tests/unit/test_bus.c - the bus against two fakes whose replies carry the number of the request
 * they answer: the hook on sending counts the requests, so a reading that answers another request
 * than the newest is seen at once.
 */
#include "tests/support/fakes.h"
#include "tests/support/rig.h"

#include "drivers/wire/modbus.h"

#include <check.h>
#include <math.h>
#include <string.h>

#define BYTE_NS    (NSEC_S / 960) /* 9600 baud */
#define TIMEOUT    (FAKE_TIMEOUT_MS * NSEC_MS)
#define BOTH_KINDS 2

static const struct fake_model slow_crlf = {.line_end = "\r\n", .think = 5 * NSEC_MS};
static const struct fake_model slow_cr = {.line_end = "\r", .think = 5 * NSEC_MS};
static const struct fake_model slow_lf = {.line_end = "\n", .think = 5 * NSEC_MS};
static const struct fake_model tcp_model = {.line_end = "", .think = NSEC_MS, .tcp = true};

/* Two rigs are enough for every test; they are large. */
static struct rig rigs[2];

/* ---- Truth: what was asked last ---- */

struct truth {
    uint32_t n_p[BUS_INSTS_MAX], n_q[BUS_INSTS_MAX];
};
static struct truth truths[2];

static struct truth *truth_of(const struct rig *r)
{
    return r == &rigs[0] ? &truths[0] : &truths[1];
}

static void count_request(struct rig *r, nsec now, const uint8_t *p, size_t n)
{
    struct truth *t = truth_of(r);
    int inst = r->bus.current.inst;

    (void)now;
    if (r->bus_w.wire == WIRE_LINE) {
        const uint8_t *text = p + r->inst[inst].addressed;

        RIG_CHECK(n > 1);
        t->n_p[inst] += text[0] == 'P';
        t->n_q[inst] += text[0] == 'Q';
    } else {
        const uint8_t *pdu = p + (r->bus_w.modbus_tcp ? 7 : 1);

        t->n_p[inst] += pdu[0] == 3 && pdu[1] == 0 && pdu[2] == 0;
        t->n_q[inst] += pdu[0] == 3 && pdu[1] == 0 && pdu[2] == 10;
    }
}

/* Requests that a dead line swallowed are asked but never counted by the instrument; tests with
 * such ones set this. */
static bool instrument_missed_some;

static void judge_samples(struct rig *r, const struct bus_report *report)
{
    const struct truth *t = truth_of(r);
    const struct fake_state *s;
    struct fake_state copy;

    if (report->kind != BUS_SAMPLES)
        return;
    memcpy(&copy, r->host.state[report->inst], sizeof(copy));
    s = &copy;
    for (int i = 0; i < report->outcome->n_samples; i++) {
        const struct sample *sample = &report->outcome->sample[i];
        uint32_t newest = sample->chan == FAKE_P ? s->n_p : s->n_q;

        RIG_CHECK(lround(sample->value) == (long)newest);
        RIG_CHECK(instrument_missed_some ||
                  newest == (sample->chan == FAKE_P ? t->n_p : t->n_q)[report->inst]);
    }
}

static struct fake_state *fake(struct rig *r, int inst)
{
    return (struct fake_state *)(void *)r->host.state[inst];
}

static void watch(struct rig *r)
{
    r->on_send = count_request;
    r->on_report = judge_samples;
    memset(truth_of(r), 0, sizeof(struct truth));
    instrument_missed_some = false;
}

static struct rig *make_rig(const struct driver *driver, nsec byte_ns)
{
    struct rig *r = &rigs[0];
    struct emu_param p = {.model = &slow_crlf};

    if (driver->line_end)
        p.model = strcmp(driver->line_end, "\r") == 0   ? &slow_cr
                  : strcmp(driver->line_end, "\n") == 0 ? &slow_lf
                                                        : &slow_crlf;
    rig_init(r, byte_ns);
    watch(r);
    rig_add(r, driver, driver->wire == WIRE_LINE ? &fake_line_emu : &fake_modbus_emu, 5, &p, NULL);
    return r;
}

static const struct driver *kind_of(int i)
{
    return i == 0 ? &fake_line_crlf : &fake_modbus;
}

static void identify(struct rig *r, int inst)
{
    ck_assert_int_eq(rig_do(r, JOB_PROBE, JOBKIND_IDENTIFY, inst, 0, 0, 5 * NSEC_S), RIG_DONE);
    ck_assert_int_eq(r->bus.inst[inst].identified, 1);
}

/* An identified rig with a poll every 300 ms, about to start. */
static struct rig *polling_rig(const struct driver *driver)
{
    struct rig *r = make_rig(driver, BYTE_NS);

    identify(r, 0);
    bus_poll_period(&r->bus, 0, 300 * NSEC_MS, r->now);
    return r;
}

static void add_second(struct rig *r, uint16_t unit)
{
    struct emu_param p = {.model = &slow_crlf, .addressed = r->inst[0].addressed};

    rig_add(r, r->inst[0].driver, r->host_w.emu[0], unit, &p, NULL);
}

/* Two units on one line. */
static struct rig *shared_rig(int kind)
{
    struct rig *r = &rigs[0];
    struct emu_param p = {.model = &slow_crlf, .addressed = true};

    rig_init(r, BYTE_NS);
    watch(r);
    rig_add(r, kind_of(kind), kind == 0 ? &fake_line_emu : &fake_modbus_emu, 'A', &p, NULL);
    add_second(r, 'B');
    identify(r, 0);
    identify(r, 1);
    return r;
}

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
    struct emu_param p = {.model = &tcp_model};

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
    struct emu_param p = {.model = &slow_crlf, .addressed = true};
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

static void add_cases(TCase *c)
{
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
    tcase_add_loop_test(c, one_lost_or_spoilt_reply_is_only_retried, 0, 3 * BOTH_KINDS);
    tcase_add_loop_test(c, doubled_split_and_noisy_replies_go_on, 0, 3 * BOTH_KINDS);
    tcase_add_loop_test(c, a_late_reply_is_never_taken_for_a_later_one, 0, 24);
    tcase_add_loop_test(c, a_late_reply_is_never_taken_for_a_neighbours, 0, BOTH_KINDS);
    tcase_add_loop_test(c, any_cut_of_a_reply_gives_the_same, 0, BOTH_KINDS);
    tcase_add_loop_test(c, bytes_that_nobody_asked_for_hold_the_line_up_shortly, 0, BOTH_KINDS);
}

static void add_more_cases(TCase *c)
{
    tcase_add_loop_test(c, the_plan_goes_on_only_after_a_good_answer, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_job_fails_after_two_retries, 0, BOTH_KINDS);
    tcase_add_loop_test(c, what_must_not_be_repeated_is_not, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_set_is_repeated_after_identify, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_repeated_set_keeps_its_place, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_set_is_not_repeated_when_a_newer_one_waits, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_dead_unit_is_lost_and_does_not_hold_up_its_neighbour, 0, BOTH_KINDS);
    tcase_add_loop_test(c, an_unplugged_line_is_lost_and_back, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_link_down_fails_everything_at_once, 0, BOTH_KINDS);
    tcase_add_loop_test(c, nothing_is_written_to_a_wrong_device, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_unit_that_comes_later_is_found, 0, BOTH_KINDS);
    tcase_add_loop_test(c, every_job_ends_once_in_a_storm, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_copy_goes_on_the_same, 0, BOTH_KINDS);
    tcase_add_loop_test(c, the_flight_recorder_keeps_the_last_frames, 0, BOTH_KINDS);
}

static void add_safe_cases(TCase *c)
{
    tcase_add_loop_test(c, a_late_reply_proves_no_safe_request, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_repeats_what_was_not_answered, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_goes_between_the_requests_of_a_neighbours_poll, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_drops_a_set_under_way, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_does_not_wait_for_anothers_proof, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_safe_job_evicts_from_a_queue_full_of_others, 0, BOTH_KINDS);
    tcase_add_loop_test(c, a_lost_unit_that_answers_safe_is_back_at_once, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_works_from_every_phase, 0, 5 * BOTH_KINDS);
    tcase_add_loop_test(c, safe_is_sent_though_nobody_answers, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_needs_no_identity, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_goes_into_a_full_queue, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_jobs_take_turns, 0, BOTH_KINDS);
    tcase_add_loop_test(c, safe_does_not_wait_for_long_time_outs, 0, 4 * BOTH_KINDS);
}

int main(void)
{
    Suite *s = suite_create("bus");
    TCase *c = tcase_create("bus");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_set_timeout(c, 60);
    add_cases(c);
    add_more_cases(c);
    add_safe_cases(c);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
