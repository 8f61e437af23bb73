/* The verb drive in the run engine, on the small bench: rows at their times, what flows, pauses,
 * restarts, limits and ends.
 *
 * The bench has one limit a direction, each up to 0.5 A; the article allows 0.2 A charging and 0.3
 * A discharging between 2.8 V and 4.4 V. Its cell stands at 3.5 V and has 0.5 ohm. */
#include "tests/support/run_rig.h"

#include "base/err.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rig_program prog;
static struct rig_bench bench;
static struct drive table;

/* Five rows: charge, discharge, nothing, discharge harder, charge; 60 s. */
static const double at_s[] = {0, 10, 20, 30, 40, 60};
static const double amps[] = {0.1, -0.2, 0, -0.3, 0.05};
#define NET_C (0.1 * 10 - 0.2 * 10 - 0.3 * 10 + 0.05 * 20)

static struct act *drive_act(const double *at, const double *value, uint32_t n)
{
    struct act *a = rig_act(&prog, VERB_DRIVE, "drive");

    table = (struct drive){.kind = DRIVE_CURRENT,
                           .n = n,
                           .at_s = at,
                           .value = value,
                           .scale = PROG_NONE,
                           .shortest_s = 10};
    prog.p.drives = &table;
    prog.p.n_drives = 1;
    a->for_s = rig_const(&prog, at[n]);
    a->v_lo = rig_const(&prog, 2.9);
    a->v_hi = rig_const(&prog, 4.3);
    a->at_limit = LIMIT_END;
    return a;
}

static struct act *open_with_profile(void)
{
    rig_open(&prog);
    return drive_act(at_s, amps, 5);
}

/* The k-th confirmed set of a channel within the act: the log has them as they went out. */
static const struct rig_entry *nth_set(chan_id chan, size_t k)
{
    for (size_t i = 0; i < bench.n_log; i++)
        if (bench.log[i].fx.kind == FX_SET && bench.log[i].fx.chan == chan && k-- == 0)
            return &bench.log[i];
    return NULL;
}

static double second(nsec t, nsec from)
{
    return nsec_to_s(t - from);
}

START_TEST(test_rows)
{
    static const double level_v[] = {4.3, 2.9, 4.3};
    const struct run_summary *s;
    size_t n = 0;

    (void)open_with_profile();
    rig_run(&bench, &prog, 1e3);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    s = rig_summary(&bench, 0);
    ck_assert_uint_eq(s->cause, CAUSE_FOR);
    ck_assert_double_eq_tol(second(s->ended, s->began), 60.0, 0.2);
    ck_assert_double_eq_tol(s->charge_c, NET_C, 0.02);
    /* it is counted as the world has it: edges and a sample in each row */
    ck_assert_double_eq_tol(s->charge_c, bench.in_c - bench.out_c, 1e-3);
    ck_assert_double_eq_tol(s->in_c, 2.0, 0.02);
    ck_assert_double_eq_tol(s->out_c, 5.0, 0.03);
    ck_assert_double_eq_tol(s->i_max, 0.1, 1e-9);
    ck_assert_double_eq_tol(s->i_min, -0.3, 1e-9);
    /* the level changes with the sign only */
    for (size_t k = 0; nth_set(RIG_VSET, k); k++, n++) {
        ck_assert_uint_lt(k, 3);
        ck_assert_double_eq_tol(nth_set(RIG_VSET, k)->fx.value, level_v[k], 1e-12);
    }
    ck_assert_uint_eq(n, 3);
    /* the first row is set before the act begins, the others at their times */
    for (size_t k = 1; k < 3; k++) {
        const struct rig_entry *set = nth_set(RIG_VSET, k);
        ck_assert_ptr_nonnull(set);
        ck_assert_double_eq_tol(second(set->at, s->began), k == 1 ? 10.0 : 40.0, 0.1);
    }
    ck_assert_uint_eq(bench.run.discharged_in_cycle, 1);
}
END_TEST

/* At a change of sign nothing flows more than the smaller of the two: the old limit first, the new
 * one last, and never both above zero. */
START_TEST(test_sign_changes)
{
    double charge = 0.0, discharge = 0.0, level = 0.0, mode = 0.0;

    (void)open_with_profile();
    rig_run(&bench, &prog, 1e3);
    for (size_t i = 0; i < bench.n_log; i++) {
        const struct effect *x = &bench.log[i].fx;

        if (x->kind != FX_SET)
            continue;
        charge = x->chan == RIG_LIM_CHARGE ? x->value : charge;
        discharge = x->chan == RIG_LIM_DISCHARGE ? x->value : discharge;
        level = x->chan == RIG_VSET ? x->value : level;
        mode = x->chan == RIG_MODE ? x->value : mode;
        if (mode < 1.5)
            continue; /* no current yet */
        ck_assert_msg(!(charge > 0.0 && discharge > 0.0), "both limits are open");
        ck_assert_msg(!(charge > 0.0 && level < 4.0), "charging towards %g V", level);
        ck_assert_msg(!(discharge > 0.0 && level > 3.0), "discharging towards %g V", level);
        /* what takes current away need not wait for the disk */
        if (x->chan == RIG_LIM_CHARGE && x->value < 0.05)
            ck_assert(!x->needs_durable);
    }
}
END_TEST

/* A pause of 100 s in the second row: rest meanwhile, and the rest of the row after it. */
static void pause_and_resume(bool bytes, double amps_after)
{
    const struct run_summary *s;

    (void)open_with_profile();
    rig_close(&prog);
    rig_start(&bench, &prog);
    bench.through_bytes = bytes;
    ck_assert(rig_until_act(&bench, 1, 100.0));
    rig_for(&bench, 14.0);
    ck_assert_double_eq_tol(bench.current_a, -0.2, 1e-9);
    ck_assert_int_eq(rig_event(&bench, EV_OPERATOR, OP_PAUSE, 0.0), 0);
    rig_for(&bench, 100.0);
    ck_assert_double_eq_tol(bench.current_a, 0.0, 1e-12);
    ck_assert_int_eq(rig_event(&bench, EV_OPERATOR, OP_RESUME, 0.0), 0);
    rig_for(&bench, 2.0);
    ck_assert_double_eq_tol(bench.current_a, amps_after, 1e-9);
    ck_assert(rig_until(&bench, RUN_ENDED, 200.0));
    s = rig_summary(&bench, 0);
    ck_assert_uint_eq(s->cause, CAUSE_FOR);
    ck_assert_double_eq_tol(second(s->ended, s->began), 60.0 + 100.0, 0.3);
    ck_assert_double_eq_tol(s->charge_c, NET_C, 0.04);
    ck_assert_double_eq_tol(s->charge_c, bench.in_c - bench.out_c, 1e-3);
}

START_TEST(test_pause_keeps_the_place)
{
    pause_and_resume(false, -0.2);
    pause_and_resume(true, -0.2);
}
END_TEST

/* After a restart: on_power_loss resume goes on at the place where the last event was. */
START_TEST(test_restart)
{
    struct event e = {.kind = EV_RESUMED, .value = 30.0};

    for (int again = 0; again < 2; again++) {
        (void)open_with_profile();
        prog.p.on_power_loss = again ? POWER_RESTART_STEP : POWER_RESUME;
        rig_close(&prog);
        rig_start(&bench, &prog);
        bench.through_bytes = true;
        ck_assert(rig_until_act(&bench, 1, 100.0));
        rig_for(&bench, 34.0);
        ck_assert_double_eq_tol(bench.current_a, -0.3, 1e-9);
        bench.n_pending = 0;
        bench.value[RIG_MODE] = CYCLER_OFF; /* its supply was gone too */
        rig_for(&bench, 0.0);
        e.stamp = bench.at;
        ck_assert_int_eq(rig_feed(&bench, &e), 0);
        rig_for(&bench, 4.0);
        ck_assert_double_eq_tol(bench.current_a, again ? 0.1 : -0.3, 1e-9);
        ck_assert(rig_until(&bench, RUN_ENDED, 200.0));
        ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
        ck_assert_uint_eq(rig_count(&bench, FX_STEP_END), again ? 2 : 1);
    }
}
END_TEST

/* Conditions end it as any act; what flowed is kept. */
START_TEST(test_condition)
{
    struct act *a = open_with_profile();
    reg_id q = rig_reg(&prog, "q");

    rig_save(&prog, a, q, RX(&prog, {INSN_STEP_CHARGE, 0, 0}), (double)NAN);
    rig_end(&prog, a, RX(&prog, CH(RIG_CURRENT), K(-0.25), DO(LE)), CAUSE_UNTIL, "hard");
    rig_run(&bench, &prog, 1e3);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_UNTIL);
    ck_assert_double_eq_tol(second(rig_summary(&bench, 0)->ended, rig_summary(&bench, 0)->began),
                            30.5, 0.7);
    ck_assert_double_eq_tol(rig_register(&bench, q, 0), fabs(rig_summary(&bench, 0)->charge_c),
                            1e-9);
    ck_assert_double_gt(rig_register(&bench, q, 0), 0.9);
}
END_TEST

/* A power becomes a current at the voltage, and follows it: energy is power times time. */
START_TEST(test_power)
{
    static const double from_s[] = {0, 30, 90}, watts[] = {0.35, -0.7};
    const struct run_summary *s;

    rig_open(&prog);
    (void)drive_act(from_s, watts, 2);
    table.kind = DRIVE_POWER;
    rig_run(&bench, &prog, 1e3);
    s = rig_summary(&bench, 0);
    ck_assert_uint_eq(s->cause, CAUSE_FOR);
    ck_assert_double_eq_tol(s->in_j, 0.35 * 30, 0.02 * 0.35 * 30);
    ck_assert_double_eq_tol(s->out_j, 0.7 * 60, 0.02 * 0.7 * 60);
}
END_TEST

START_TEST(test_scale_and_rate)
{
    static const double from_s[] = {0, 20}, half_c[] = {10.0}; /* 1C is 10 mA */

    rig_open(&prog);
    (void)drive_act(from_s, half_c, 1);
    table.kind = DRIVE_CRATE;
    table.scale = rig_const(&prog, 1.5);
    rig_run(&bench, &prog, 1e3);
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, 10.0 * 0.01 * 1.5 * 20, 0.02);
}
END_TEST

/* What only the run knows: clip drives what the article allows, end ends the step. */
START_TEST(test_beyond)
{
    static const double from_s[] = {0, 10, 30}, watts[] = {0.35, -1.2}; /* 0.34 A at 3.5 V */
    const struct run_summary *s;

    for (int at_limit = LIMIT_CLIP; at_limit <= LIMIT_END; at_limit++) {
        rig_open(&prog);
        drive_act(from_s, watts, 2)->at_limit = (uint8_t)at_limit;
        table.kind = DRIVE_POWER;
        rig_run(&bench, &prog, 1e3);
        s = rig_summary(&bench, 0);
        ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
        ck_assert_double_ge(s->i_min, -0.3 - 1e-9);
        ck_assert_uint_eq(s->cause, at_limit == LIMIT_CLIP   ? CAUSE_FOR
                                    : at_limit == LIMIT_SKIP ? CAUSE_SKIP
                                                             : CAUSE_LIMIT);
        ck_assert_double_eq_tol(s->out_c, at_limit == LIMIT_CLIP ? 6.0 : 0.0, 0.05);
        ck_assert_double_eq_tol(second(s->ended, s->began), at_limit == LIMIT_CLIP ? 30 : 10, 0.5);
    }
}
END_TEST

/* A scale that was never measured: nobody knows the current, so none is set. */
START_TEST(test_unknown)
{
    (void)open_with_profile();
    table.scale = RX(&prog, REG(rig_reg(&prog, "unknown")));
    rig_run(&bench, &prog, 1e3);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_FAIL);
    ck_assert_uint_eq(bench.run.cause, CAUSE_SET_RANGE);
    ck_assert_double_eq_tol(bench.in_c + bench.out_c, 0.0, 1e-12);
}
END_TEST

/* One limit for both directions that does not go down to zero, as a Keithley's: 0 A is a rest. */
START_TEST(test_one_limit)
{
    size_t rests = 0, limits = 0;

    (void)open_with_profile();
    prog.p.role.current_limit = RIG_LIM_CHARGE;
    prog.p.role.limit_charge = prog.p.role.limit_discharge = CHAN_NONE;
    prog.p.station.chan[RIG_LIM_CHARGE].min = 1e-5;
    rig_close(&prog);
    rig_start(&bench, &prog);
    bench.value[RIG_LIM_DISCHARGE] = 0.5; /* of the bench's world; not asked for */
    ck_assert(rig_until_act(&bench, 1, 100.0));
    rig_for(&bench, 25.0);
    ck_assert_double_eq_tol(bench.value[RIG_MODE], CYCLER_REST, 1e-9);
    ck_assert_double_eq_tol(bench.current_a, 0.0, 1e-12);
    rig_for(&bench, 20.0);
    ck_assert_double_eq_tol(bench.value[RIG_MODE], CYCLER_VOLTAGE, 1e-9);
    ck_assert_double_eq_tol(bench.current_a, 0.05, 1e-9);
    ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    for (size_t k = 0; nth_set(RIG_MODE, k); k++)
        rests += nth_set(RIG_MODE, k)->fx.value < 1.5 && nth_set(RIG_MODE, k)->fx.value > 0.5;
    ck_assert_uint_eq(rests, 3); /* at arm, in the profile, at its end */
    /* 0.3 A is more than the article lets charge, and is set all the same: the row discharges */
    for (size_t k = 0; nth_set(RIG_LIM_CHARGE, k); k++, limits++)
        ck_assert_double_ge(nth_set(RIG_LIM_CHARGE, k)->fx.value, 1e-5);
    ck_assert_uint_eq(limits, 4);
}
END_TEST

/* Half as long between two polls as the shortest row, and the ordinary period after it. */
START_TEST(test_poll)
{
    static const double from_s[] = {0, 0.6, 1.2, 1.8}, mixed[] = {0.1, -0.1, 0.1};
    const struct run_summary *s;

    rig_open(&prog);
    (void)drive_act(from_s, mixed, 3);
    table.shortest_s = 0.6;
    rig_run(&bench, &prog, 100.0);
    ck_assert_uint_ge(rig_count(&bench, FX_POLL_PERIOD), 2);
    ck_assert_double_eq_tol(rig_nth(&bench, FX_POLL_PERIOD, 0)->fx.value, 0.3, 1e-9);
    ck_assert_double_eq_tol(bench.run.group_period_s[RIG_CYCLER], 1.0, 1e-9);
    s = rig_summary(&bench, 0);
    ck_assert_double_eq_tol(s->charge_c, bench.in_c - bench.out_c, 1e-3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run drive");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_rows);
    tcase_add_test(t, test_sign_changes);
    tcase_add_test(t, test_pause_keeps_the_place);
    tcase_add_test(t, test_restart);
    tcase_add_test(t, test_condition);
    tcase_add_test(t, test_power);
    tcase_add_test(t, test_scale_and_rate);
    tcase_add_test(t, test_beyond);
    tcase_add_test(t, test_unknown);
    tcase_add_test(t, test_one_limit);
    tcase_add_test(t, test_poll);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
