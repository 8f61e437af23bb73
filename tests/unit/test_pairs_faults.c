/* tests/unit/test_pairs_faults.c - every driver against its emulator, with faults of line and mind.
 */
#include "tests/support/pair_fixture.h"

#include <check.h>

/* ---- Faults of the line ---- */

static const uint32_t fault_lengths[] = {1, 2, 5, UINT32_MAX};

/* The instrument is at work, is polled and set while the line is bad, and all is well afterwards.
 */
static void weather(struct rig *r, enum line_fault f, uint32_t left, nsec late)
{
    int chan = standing_chan(&r->inst[0]);
    int64_t token[6] = {0};

    rig_fault(r, f, left, late);
    for (int i = 0; i < 6; i++) {
        if (chan >= 0) {
            double v = gentle(&r->inst[0].chans[chan]);

            token[i] = rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, v + (i % 2 ? 0 : 0.1 * v));
            if (token[i] < 0)
                ck_assert_int_eq(token[i], E_STATE);
        }
        rig_run(r, r->now + 2700 * NSEC_MS);
    }
    rig_fault(r, LINE_NONE, 0, 0);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_uint_eq(r->n_open, 0);
    for (int i = 0; i < 6; i++) {
        if (token[i] > 0)
            one_answer(r, token[i]);
    }
    ck_assert_uint_eq(r->n_lost, r->n_back);
    ck_assert_int_eq(r->bus.inst[0].identified, 1);
    ck_assert_int_eq(rig_do(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
}

/* A fault of the line alone must not look like a hand at the panel or a restart. */
START_TEST(line_faults_in_mid_operation)
{
    enum line_fault f = (enum line_fault)(1 + _i % (LINE_COUNT - 1));
    int pair = _i / (LINE_COUNT - 1);
    const struct driver *d = pair_driver(pair);
    nsec late[] = {d->timeout_ms * NSEC_MS / 2, (d->timeout_ms + 200) * NSEC_MS,
                   2 * d->timeout_ms * NSEC_MS + 100 * NSEC_MS};

    for (size_t i = 0; i < ARRAY_LEN(fault_lengths); i++) {
        for (size_t k = 0; k < (f == LINE_LATE ? 3 : 1); k++) {
            struct rig *r = pair_operating(pair);

            weather(r, f, fault_lengths[i], f == LINE_LATE ? late[k] : 50 * NSEC_MS);
            ck_assert_msg(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED) == 0, "%s %s: %s",
                          d->name, line_fault_name(f),
                          r->said[(r->n_said - 1) % RIG_SAID_MAX].notice.text);
            ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
            ck_assert(!energized(r, 0));
        }
    }
}
END_TEST

/* What does not cost a reply goes on for ever without a retry. */
START_TEST(harmless_faults_go_on)
{
    static const enum line_fault faults[] = {LINE_DUPLICATED, LINE_SPLIT, LINE_NOISE};

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct rig *r = pair_operating(_i);
        uint32_t done = r->n_poll_done;

        rig_fault(r, faults[i], UINT32_MAX, 20 * NSEC_MS);
        rig_run(r, r->now + 60 * NSEC_S);
        ck_assert_uint_ge(r->n_poll_done - done, 59);
        ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
        ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
    }
}
END_TEST

/* A safe job that is answered late, or not, says "done" only when it is. */
START_TEST(safe_through_line_faults)
{
    enum line_fault f = (enum line_fault)(_i % LINE_COUNT);
    int pair = _i / LINE_COUNT;
    const struct driver *d = pair_driver(pair);

    for (int step = 0; step < 12; step++) {
        struct rig *r = pair_operating(pair);
        int64_t t;

        rig_fault(r, f, 1 + (uint32_t)step % 3, d->timeout_ms * NSEC_MS + 150 * NSEC_MS);
        rig_run(r, r->now + step * 97 * NSEC_MS);
        t = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
        if (f == LINE_DOWN)
            rig_run(r, r->now + 2 * NSEC_S);
        rig_fault(r, f, f == LINE_DOWN ? 0 : r->host.fault.left, r->host.fault.late_by);
        ck_assert_int_eq(rig_await(r, t, 60 * NSEC_S), RIG_DONE);
        ck_assert(!energized(r, 0));
    }
}
END_TEST

/* ---- Faults of the mind ---- */

static unsigned said(const struct rig *r, enum notice first, enum notice last)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < r->n_said && i < RIG_SAID_MAX; i++)
        n += r->said[i].notice.notice >= first && r->said[i].notice.notice <= last;
    return n;
}

static void expect_seen(const struct rig *r, enum emu_fault f)
{
    const char *name = r->inst[0].name;
    bool sets = standing_chan(&r->inst[0]) >= 0;

    switch (f) {
    case FAULT_SILENT_IGNORE:
        ck_assert_msg(!sets || said(r, NOTICE_SET_MISMATCH, NOTICE_SET_MISMATCH), "%s", name);
        break;
    case FAULT_REFUSE:
        ck_assert_msg(!sets || said(r, NOTICE_SET_REFUSED, NOTICE_SET_REFUSED), "%s", name);
        break;
    case FAULT_SENSOR_OPEN: ck_assert_msg(n_not_ok > 0, "%s: open sensor is not seen", name); break;
    case FAULT_LOCAL:
        ck_assert_msg(said(r, NOTICE_LOCAL, NOTICE_LOCAL), "%s: local is not seen", name);
        break;
    case FAULT_ALARM:
        ck_assert_msg(said(r, NOTICE_ALARM, NOTICE_ALARM), "%s: alarm is not seen", name);
        break;
    case FAULT_REBOOT:
        ck_assert_msg(!sets || said(r, NOTICE_REBOOTED, NOTICE_REBOOTED) || r->n_lost == 1,
                      "%s: restart is not seen", name);
        break;
    case FAULT_WRONG_MODEL:
    case FAULT_STUCK:
    case FAULT_NONE:
    case FAULT_COUNT: break;
    }
}

static void forget_said(struct rig *r)
{
    r->n_said = 0;
    n_not_ok = 0;
}

static void judge_fault(struct rig *r, enum emu_fault f)
{
    int chan = standing_chan(&r->inst[0]);
    int64_t t = 0;
    enum rig_end end;

    forget_said(r);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, f, true);
    rig_run(r, r->now + 12 * NSEC_S);
    if (chan >= 0) {
        t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, 1.05 * gentle(&r->inst[0].chans[chan]));
        ck_assert(t > 0 || t == E_STATE);
    }
    rig_run(r, r->now + 12 * NSEC_S);
    expect_seen(r, f);
    if (t > 0)
        one_answer(r, t);
    rig_run(r, r->now + 30 * NSEC_S);
    end = rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 60 * NSEC_S);
    ck_assert_int_ne(end, RIG_OPEN);
    ck_assert_msg(end == RIG_FAILED || !energized(r, 0), "%s: safe is done, but it is on",
                  emu_fault_name(f));
    host_mind_fault(&r->host, &r->host_w, 0, r->now, f, false);
    rig_run(r, r->now + 40 * NSEC_S);
    ck_assert_uint_eq(r->n_open, 0);
    ck_assert_uint_eq(r->n_lost, r->n_back);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
    ck_assert(!energized(r, 0));
    ck_assert_int_ge(r->last_at[0][0], r->now - 5 * NSEC_S);
}

START_TEST(mind_faults_in_mid_operation)
{
    enum emu_fault f = (enum emu_fault)(1 + _i % (FAULT_COUNT - 1));
    int pair = _i / (FAULT_COUNT - 1);
    struct rig *r;

    if (!(emu_find(pair_driver(pair)->name)->faults & 1U << f) || f == FAULT_WRONG_MODEL)
        return;
    r = pair_operating(pair);
    judge_fault(r, f);
}
END_TEST

START_TEST(nothing_is_written_to_the_wrong_model)
{
    struct rig *r = pair_operating(_i);
    bool on = energized(r, 0);
    double stood = standing(r, 0);
    uint64_t sent;
    int64_t t;

    if (!(r->host_w.emu[0]->faults & 1U << FAULT_WRONG_MODEL))
        return;
    bus_poll_period(&r->bus, 0, 0, r->now);
    rig_run(r, r->now + 5 * NSEC_S);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, true);
    t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    ck_assert_int_eq(rig_await(r, t, 20 * NSEC_S), RIG_FAILED);
    ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_WRONG_DEVICE));
    sent = r->n_sent;
    if (standing_chan(&r->inst[0]) >= 0)
        ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, standing_chan(&r->inst[0]),
                                    gentle(&r->inst[0].chans[standing_chan(&r->inst[0])])),
                         E_STATE);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, NSEC_S), RIG_FAILED);
    ck_assert_uint_eq(r->n_sent, sent);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_int_eq(energized(r, 0), on);
    ck_assert_double_eq_tol(standing(r, 0), stood, 1e-9);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, false);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_int_eq(r->bus.inst[0].identified, 1);
}
END_TEST

/* ---- Everything at once ---- */

/* What a line alone must not look like. */
static void no_hand_was_seen(const struct rig *r)
{
    for (uint32_t i = 0; i < r->n_said && i < RIG_SAID_MAX; i++) {
        const struct notice_said *n = &r->said[i].notice;

        ck_assert_msg(n->notice < NOTICE_ALARM, "%s: %s", r->inst[0].name, n->text);
    }
}

static void storm_step(struct rig *r, struct rng *rng, int64_t *ret_token)
{
    const struct driver *d = r->inst[0].driver;
    const nsec lates[] = {20 * NSEC_MS, d->timeout_ms * NSEC_MS + 100 * NSEC_MS,
                          2 * d->timeout_ms * NSEC_MS};
    int chan = standing_chan(&r->inst[0]);
    int states = state_chan(&r->inst[0]);
    double v;

    *ret_token = 0;
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        if (chan < 0)
            break;
        v = gentle(&r->inst[0].chans[chan]);
        *ret_token = rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan,
                                v * (1 + 0.001 * (double)rng_below(rng, 50)));
        break;
    case 2:
    case 3:
        if (states >= 0)
            *ret_token = rig_submit(r, JOB_SET, JOBKIND_SET, 0, states,
                                    rng_below(rng, (uint32_t)r->inst[0].chans[states].max + 1));
        break;
    case 4: rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0); break;
    case 5: rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0); break;
    default:
        rig_fault(r, (enum line_fault)rng_below(rng, LINE_DOWN), 1 + rng_below(rng, 3),
                  lates[rng_below(rng, 3)]);
        break;
    }
    rig_run(r, r->now + (nsec)rng_below(rng, 4 * d->timeout_ms) * NSEC_MS);
}

/* pair_judge() watches every reading and every proof; a safe job that says "done" is looked into as
 * it says so. */
static void judge_safe(struct rig *r, const struct bus_report *report)
{
    pair_judge(r, report);
    if (report->kind == BUS_JOB_DONE && report->job->class == JOB_SAFE)
        RIG_CHECK(!energized(r, report->inst));
}

START_TEST(a_storm)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct rig *r = pair_operating(_i);
        struct rng rng;

        rng_seed(&rng, seed, 1);
        r->on_report = judge_safe;
        for (int i = 0; i < 150; i++) {
            int64_t t;

            storm_step(r, &rng, &t);
            ck_assert(t >= 0 || t == E_STATE);
            if (t > 0 && r->end[t] == RIG_OPEN)
                rig_run(r, r->now + 2 * NSEC_S);
            if (t > 0 && r->end[t] != RIG_OPEN)
                one_answer(r, t);
        }
        rig_fault(r, LINE_NONE, 0, 0);
        rig_run(r, r->now + 60 * NSEC_S);
        ck_assert_uint_eq(r->n_open, 0);
        ck_assert_uint_eq(r->n_lost, r->n_back);
        no_hand_was_seen(r);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pairs-faults");
    TCase *c = tcase_create("pairs-faults");
    SRunner *runner = srunner_create(s);
    int n = n_drivers();
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, line_faults_in_mid_operation, 0, n * (LINE_COUNT - 1));
    tcase_add_loop_test(c, harmless_faults_go_on, 0, n);
    tcase_add_loop_test(c, safe_through_line_faults, 0, n * LINE_COUNT);
    tcase_add_loop_test(c, mind_faults_in_mid_operation, 0, n * (FAULT_COUNT - 1));
    tcase_add_loop_test(c, nothing_is_written_to_the_wrong_model, 0, n);
    tcase_add_loop_test(c, a_storm, 0, n);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
