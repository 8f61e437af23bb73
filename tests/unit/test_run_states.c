/* tests/unit/test_run_states.c - what stops a run or holds it: instruments, people, the store,
 * power; and every cell of the table. */
#include "base/err.h"
#include "base/str.h"
#include "tests/support/run_guarded.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Instruments, people, the store
 * --------------------------------------------------------------- */

START_TEST(test_instruments)
{
    const struct {
        enum event_kind kind;
        enum verdict verdict;
        enum cause cause;
    } rows[] = {
        {EV_INST_ALARM,  VERDICT_TRIP, CAUSE_INST_ALARM },
        {EV_INST_REBOOT, VERDICT_FAIL, CAUSE_INST_REBOOT},
        {EV_INST_WRONG,  VERDICT_FAIL, CAUSE_INST_WRONG }
    };
    char story[120];

    for (size_t i = 0; i < 3; i++) {
        begin_charge();
        ck_assert(rig_event(&bench, rows[i].kind, RIG_CHAMBER, 17.0) == 0);
        ends_as(rows[i].verdict, rows[i].cause);
        run_story(&bench.run, &prog.p, story, sizeof(story));
        ck_assert(strstr(story, "oven") != NULL);
    }
    begin_charge();
    ck_assert(rig_event(&bench, EV_INST_LOST, RIG_CHAMBER, 0.0) == 0);
    rig_for(&bench, 3.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING); /* only its values count */
    ck_assert(rig_event(&bench, EV_INST_LOCAL, RIG_CHAMBER, 0.0) == 0);
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    ck_assert_uint_eq(bench.run.cause, CAUSE_INST_LOCAL);

    begin_charge();
    ck_assert(rig_event(&bench, EV_INST_LOST, RIG_CYCLER, 0.0) == 0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    ck_assert(rig_event(&bench, EV_INST_LOST, RIG_CYCLER, 1.0) == 0); /* and was told to switch off */
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    ck_assert_uint_eq(bench.run.cause, CAUSE_INST_LOST);
}
END_TEST

START_TEST(test_pause_and_resume)
{
    nsec began;
    double q;

    rig_open(&prog);
    rig_guards(&prog);
    struct act *a = rig_charge(&prog, 0.02, 4.1, 0.002);
    a->for_s = rig_const(&prog, 100.0);
    (void)rig_rest(&prog, 10.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 1, 10.0));
    began = bench.at;
    rig_for(&bench, 40.0);
    op(OP_PAUSE);
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    rig_for(&bench, 1.0);
    q = bench.in_c;
    ck_assert_double_eq_tol(bench.value[RIG_MODE], CYCLER_REST, 1e-9);
    rig_for(&bench, 500.0);
    ck_assert_double_eq_tol(bench.in_c, q, 1e-12); /* nothing flows */
    op(OP_RESUME);
    ck_assert(rig_until_act(&bench, 2, 200.0));
    /* 100 s of charge in all; the pause does not count, the charge goes on */
    ck_assert_double_eq_tol(nsec_to_s(bench.at - began), 601.0, 0.3);
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, 2.0, 0.003);
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, bench.in_c, 1e-5);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_END), 1);
}
END_TEST

START_TEST(test_pulse_is_restarted)
{
    struct act *a;

    rig_open(&prog);
    a = rig_charge(&prog, 0.1, 4.1, 0.002);
    a->verb = VERB_PULSE;
    a->n_ends = 0;
    a->for_s = rig_const(&prog, 10.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 1, 10.0));
    rig_for(&bench, 6.0);
    op(OP_PAUSE);
    rig_for(&bench, 50.0);
    op(OP_RESUME);
    ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_END), 2);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_OPERATOR);
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, 0.6, 0.01);
    ck_assert_uint_eq(rig_summary(&bench, 1)->cause, CAUSE_FOR);
    ck_assert_double_eq_tol(rig_summary(&bench, 1)->charge_c, 1.0, 0.005);
}
END_TEST

START_TEST(test_block_is_restarted)
{
    block_id k;
    struct act *a;

    rig_open(&prog);
    k = rig_block(&prog, LOOP_REPEAT, "gitt");
    prog.blocks[k].count = rig_const(&prog, 3.0);
    a = rig_charge(&prog, 0.1, 4.1, 0.002);
    a->n_ends = 0;
    a->for_s = rig_const(&prog, 10.0);
    a = rig_rest(&prog, 20.0);
    a->restart_block = true;
    rig_block_end(&prog);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 4, 200.0)); /* the rest of the second turn */
    op(OP_PAUSE);
    rig_for(&bench, 5.0);
    op(OP_RESUME);
    ck_assert(rig_until(&bench, RUN_ENDED, 300.0));
    ck_assert_uint_eq(bench.run.acts_done, 8); /* three turns of two, and one turn again */
    ck_assert_double_eq_tol(bench.in_c, 4.0, 0.05);
}
END_TEST

START_TEST(test_frozen_ramp)
{
    double p;

    rig_open(&prog);
    (void)rig_squeeze(&prog, 8e6, 1e5); /* 70 s */
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 1, 10.0));
    rig_for(&bench, 30.0);
    op(OP_PAUSE);
    rig_for(&bench, 1.0);
    p = bench.value[RIG_PSET];
    rig_for(&bench, 100.0);
    ck_assert_double_eq_tol(bench.value[RIG_PSET], p, 1e-9);
    op(OP_RESUME);
    rig_for(&bench, 3.0);
    ck_assert_double_gt(bench.value[RIG_PSET], p);
    ck_assert_double_lt(bench.value[RIG_PSET], p + 5e5);
    ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
    ck_assert_double_eq_tol(bench.value[RIG_PSET], 8e6, 1e-6);
}
END_TEST

START_TEST(test_skip_stop_abort)
{
    begin_charge();
    op(OP_SKIP);
    ck_assert(rig_until_act(&bench, 2, 10.0));
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_SKIP);
    op(OP_PAUSE);
    op(OP_SKIP);
    op(OP_RESUME);
    ck_assert(rig_until(&bench, RUN_ENDED, 5.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);

    begin_charge();
    op(OP_STOP_AFTER_STEP);
    ck_assert(rig_until(&bench, RUN_ENDED, 5000.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    ck_assert_uint_eq(bench.run.cause, CAUSE_OPERATOR);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_END), 1);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_TAPER);

    begin_charge();
    op(OP_ABORT);
    ends_as(VERDICT_ABORT, CAUSE_ABORT);
}
END_TEST

START_TEST(test_store_and_pause_max)
{
    begin_charge();
    ck_assert(rig_event(&bench, EV_STORE_BEHIND, 0, 0.0) == 0);
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    op(OP_RESUME); /* nothing goes on unrecorded */
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    rig_for(&bench, 10.0);
    ck_assert(rig_event(&bench, EV_STORE_OK, 0, 0.0) == 0);
    rig_for(&bench, 10.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    op(OP_PAUSE);
    ck_assert(rig_event(&bench, EV_STORE_OK, 0, 0.0) == 0); /* was not the cause */
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    rig_for(&bench, 3599.0);
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    rig_for(&bench, 2.0);
    ends_as(VERDICT_ABORT, CAUSE_PAUSE_MAX);
}
END_TEST

/* ---- Power loss
 * ------------------------------------------------------------------------------------ */

static void power(enum power_policy policy, double gap_s)
{
    begin();
    prog.p.on_power_loss = (uint8_t)policy;
    ck_assert(rig_until_act(&bench, 1, 100.0));
    rig_for(&bench, 30.0);
    bench.value[RIG_MODE] = CYCLER_OFF;
    bench.n_pending = 0;
    bench.at += nsec_from_s(gap_s);
    bench.world_at = bench.at;
    for (int g = 0; g < RIG_GROUPS; g++)
        bench.poll_at[g] = bench.at + (g + 1) * 300 * NSEC_MS;
    size_t sets = bench.sets;
    ck_assert(rig_event(&bench, EV_RESUMED, 0, gap_s) == 0);
    ck_assert_uint_eq(bench.run.state, RUN_RECOVERING);
    rig_for(&bench, 0.8);
    ck_assert_uint_eq(bench.sets, sets); /* nothing is written before everything is read */
    rig_for(&bench, 1.0);
}

START_TEST(test_power_loss)
{
    power(POWER_RESUME, 300.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    rig_for(&bench, 20.0);
    ck_assert_double_eq_tol(bench.current_a, 0.02, 1e-9);
    ck_assert_uint_eq(bench.run.acts_done, 1);

    power(POWER_RESUME, 700.0); /* too long: else pause */
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    ck_assert_uint_eq(bench.run.cause, CAUSE_POWER_LOSS);
    op(OP_RESUME);
    rig_for(&bench, 20.0);
    ck_assert_double_eq_tol(bench.current_a, 0.02, 1e-9);

    power(POWER_RESTART_STEP, 300.0);
    rig_for(&bench, 5.0);
    ck_assert_uint_eq(bench.run.acts_done, 2);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_POWER_LOSS);

    power(POWER_SAFE, 300.0);
    ends_as(VERDICT_ABORT, CAUSE_POWER_LOSS);

    power(POWER_END, 300.0);
    ck_assert(rig_until(&bench, RUN_ENDED, 10.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    ck_assert_uint_eq(bench.run.cause, CAUSE_POWER_LOSS);
}
END_TEST

/* ---- Every cell
 * -------------------------------------------------------------------------------------- */

static void into(enum run_state s)
{
    begin();
    if (s == RUN_NEW) {
        struct diag d;

        diag_init(&d);
        ck_assert_int_eq(run_init(&bench.run, &prog.p, &d), 0);
        bench.seq = 0;
        bench.n_log = 0;
    } else if (s == RUN_ARMED || s == RUN_RUNNING) {
        ck_assert(rig_until(&bench, s, 10.0));
    } else if (s != RUN_READY) {
        ck_assert(rig_until_act(&bench, 1, 10.0));
        rig_for(&bench, 5.0);
        if (s == RUN_PAUSED)
            op(OP_PAUSE);
        else if (s == RUN_RECOVERING)
            ck_assert(rig_event(&bench, EV_RESUMED, 0, 1.0) == 0);
        else
            op(OP_ABORT);
        if (s == RUN_ENDED)
            ck_assert(rig_until(&bench, RUN_ENDED, 10.0));
    }
    ck_assert_uint_eq(bench.run.state, s);
}

/* The state each event leads to; S: the same. */
#define S RUN_STATE_COUNT
/* clang-format off */
static const uint8_t leads_to[EV_KIND_COUNT][RUN_STATE_COUNT] = {
    /* new, ready, armed, running, paused, safing, ended, recovering; of OPERATOR: abort */
    [EV_START] = {RUN_READY, S, S, S, S, S, S, S},
    [EV_TIMER] = {S, S, S, S, S, S, S, S},
    [EV_SAMPLE] = {S, S, S, S, S, S, S, S},
    [EV_EDGE] = {S, S, S, S, S, S, S, S},
    [EV_SET_CONFIRMED] = {S, S, S, S, S, S, S, S},
    [EV_SET_MISMATCH] = {S, S, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, S},
    [EV_SET_REFUSED] = {S, S, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, S},
    [EV_SET_FAILED] = {S, S, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, S},
    [EV_INST_LOST] = {S, S, S, S, S, S, S, S},
    [EV_INST_BACK] = {S, S, S, S, S, S, S, S},
    [EV_INST_ALARM] = {RUN_ENDED, RUN_SAFING, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, RUN_SAFING},
    [EV_INST_LOCAL] = {RUN_ENDED, RUN_ENDED, RUN_SAFING, RUN_PAUSED, S, S, S, RUN_SAFING},
    [EV_INST_REBOOT] = {RUN_ENDED, RUN_ENDED, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, S},
    [EV_INST_WRONG] = {RUN_ENDED, RUN_ENDED, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, RUN_SAFING},
    [EV_OPERATOR] = {RUN_ENDED, RUN_ENDED, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, RUN_SAFING},
    [EV_TRIP] = {RUN_ENDED, RUN_SAFING, RUN_SAFING, RUN_SAFING, RUN_SAFING, S, S, RUN_SAFING},
    [EV_SAFE_DONE] = {S, S, S, S, S, RUN_ENDED, S, S},
    [EV_STORE_BEHIND] = {S, S, RUN_SAFING, RUN_PAUSED, S, S, S, RUN_SAFING},
    [EV_STORE_OK] = {S, S, S, S, S, S, S, S},
    [EV_RESUMED] = {S, S, RUN_READY, RUN_RECOVERING, RUN_RECOVERING, S, S, S},
};
/* clang-format on */

START_TEST(test_every_cell)
{
    for (int s = 0; s < RUN_STATE_COUNT; s++)
        for (int k = 0; k < EV_KIND_COUNT; k++) {
            struct event e = {.kind = (uint16_t)k};
            uint64_t seq;

            into((enum run_state)s);
            e.stamp = bench.at;
            if (k == EV_SAMPLE)
                e.n = 2;
            if (k == EV_SAMPLE)
                e.quality[0] = e.quality[1] = Q_INVALID;
            if (k == EV_OPERATOR)
                e.code = OP_ABORT;
            if (k == EV_TRIP)
                e.code = CAUSE_INTERLOCK;
            if (k >= EV_SET_CONFIRMED && k <= EV_SET_FAILED) {
                if (bench.run.next_token == 1)
                    continue; /* no set has been sent that could be answered */
                e.token = bench.run.token ? bench.run.token : bench.run.next_token - 1;
                e.chan = bench.run.token ? bench.run.want[bench.run.want_at].chan : RIG_VSET;
            }
            seq = bench.seq;
            ck_assert_msg(rig_feed(&bench, &e) == 0, "%s in %s was not taken",
                          event_name((enum event_kind)k), run_state_name((enum run_state)s));
            ck_assert_uint_eq(bench.seq, seq + 1);
            ck_assert_msg(bench.run.state == (leads_to[k][s] == S ? s : leads_to[k][s]),
                          "%s in %s leads to %s", event_name((enum event_kind)k),
                          run_state_name((enum run_state)s),
                          run_state_name((enum run_state)bench.run.state));
            ck_assert(run_transition((enum run_state)s, (enum event_kind)k)[0] != '\0');
            ck_assert(!bench.overflow);
        }
}
END_TEST

/* docs/ENGINE.md prints the table: each cell that does something has its row there. */
START_TEST(test_printed_table)
{
    const char *top = getenv("top_srcdir");
    char path[512], row[400], *text = NULL, *place;
    size_t n;

    if (!top)
        return;
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/docs/ENGINE.md", top), 0);
    if (file_read(path, 1 << 20, &text, &n) == E_NOENT)
        return; /* a tree without its docs */
    ck_assert_ptr_nonnull(text);
    for (int s = 0; s < RUN_STATE_COUNT; s++) {
        ck_assert_int_eq(str_fmt(row, sizeof(row), "### %s\n", run_state_name((enum run_state)s)),
                         0);
        place = strstr(text, row);
        ck_assert_msg(place != NULL, "no heading %s", row);
        for (int k = 0; k < EV_KIND_COUNT; k++) {
            const char *said = run_transition((enum run_state)s, (enum event_kind)k);

            if (strcmp(said, "-") == 0)
                continue;
            ck_assert_int_eq(
                str_fmt(row, sizeof(row), "\n| %s | %s |\n", event_name((enum event_kind)k), said),
                0);
            ck_assert_msg(strstr(place, row) != NULL, "docs/ENGINE.md lacks in %s:%s",
                          run_state_name((enum run_state)s), row);
        }
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run_states");
    TCase *t = tcase_create("run_states");
    SRunner *r;
    int bad;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_instruments);
    tcase_add_test(t, test_pause_and_resume);
    tcase_add_test(t, test_pulse_is_restarted);
    tcase_add_test(t, test_block_is_restarted);
    tcase_add_test(t, test_frozen_ramp);
    tcase_add_test(t, test_skip_stop_abort);
    tcase_add_test(t, test_store_and_pause_max);
    tcase_add_test(t, test_power_loss);
    tcase_add_test(t, test_every_cell);
    tcase_add_test(t, test_printed_table);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
