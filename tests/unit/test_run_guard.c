/* tests/unit/test_run_guard.c - what stops a run or holds it: guards, missing and stuck values,
 * refused sets, instruments, people, the store, power. */
#include "tests/support/run_guarded.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Guards -------------------------------------------------------------------------------- */

START_TEST(test_guard_trips)
{
    char story[160];
    uint64_t n;

    begin_charge();
    n = bench.run.guard_evaluations;
    rig_for(&bench, 10.0);
    ck_assert_uint_eq(bench.run.guard_evaluations - n, 30);
    bench.value[RIG_TSET] = 400.0;
    ck_assert(rig_until(&bench, RUN_SAFING, 500.0));
    ck_assert_double_eq_tol(bench.run.cause_value, 358.5, 0.7);
    rig_for(&bench, 0.05);
    ck_assert(rig_event(&bench, EV_TRIP, CAUSE_INTERLOCK, 0.0) ==
              0); /* a second one is only noted */
    ends_as(VERDICT_TRIP, CAUSE_GUARD_HIGH);
    run_story(&bench.run, &prog.p, story, sizeof(story));
    ck_assert_str_eq(program_text(&prog.p, bench.run.cause_text), "chamber.temperature .. 85 degC");
    ck_assert(strstr(story, "guard, too high: chamber.temperature .. 85 degC") == story);
    /* what flowed until the output opened is in the summary */
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, bench.in_c, 1e-4);
}
END_TEST

START_TEST(test_guard_debounce)
{
    begin_charge();
    bench.value[RIG_PRESSURE] = bench.value[RIG_PSET] = 9.5e6; /* .. 9 MPa for 2 s */
    rig_for(&bench, 1.5);
    bench.value[RIG_PRESSURE] = bench.value[RIG_PSET] = 1e6;
    rig_for(&bench, 20.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    bench.value[RIG_PRESSURE] = bench.value[RIG_PSET] = 9.5e6;
    rig_for(&bench, 1.5);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    rig_for(&bench, 2.0);
    ends_as(VERDICT_TRIP, CAUSE_GUARD_HIGH);
}
END_TEST

/* The sample that ends the act also trips: the trip wins. */
START_TEST(test_trip_wins)
{
    rig_open(&prog);
    rig_guard(&prog, RX(&prog, CH(RIG_VOLTAGE)), 2.9, 3.55, 0.0, "cell.voltage .. 3.55 V");
    struct act *a = rig_charge(&prog, 0.02, 4.1, 0.002);
    rig_end(&prog, a, RX(&prog, CH(RIG_VOLTAGE), K(3.55), DO(GT)), CAUSE_UNTIL, "full");
    (void)rig_discharge(&prog, 0.02, 3.2);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ends_as(VERDICT_TRIP, CAUSE_GUARD_HIGH);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_BEGIN), 1);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_GUARD_HIGH);
}
END_TEST

START_TEST(test_guard_where)
{
    rig_open(&prog);
    rig_guard(&prog, RX(&prog, CH(RIG_CURRENT)), -(double)INFINITY, 0.001, 0.0,
              "current where cold");
    prog.guards[0].where = RX(&prog, CH(RIG_TEMPERATURE), K(278.15), DO(LT));
    (void)rig_charge(&prog, 0.02, 4.1, 0.002);
    rig_close(&prog);
    rig_start(&bench, &prog);
    rig_for(&bench, 60.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING); /* warm: not judged */
    bench.value[RIG_TEMPERATURE] = bench.value[RIG_TSET] = 270.0;
    rig_for(&bench, 2.5);
    ends_as(VERDICT_TRIP, CAUSE_GUARD_HIGH);
}
END_TEST

/* Output open: voltage and current are invalid and that is no reason for anything; the others stay
 * guarded. */
START_TEST(test_output_off)
{
    struct act *a;

    rig_open(&prog);
    rig_guards(&prog);
    /* a temperature that counts only while current flows: nobody knows the current now */
    rig_guard(&prog, RX(&prog, CH(RIG_TEMPERATURE)), 280.0, 330.0, 0.0, "while charging");
    prog.guards[prog.p.n_guards - 1].where = RX(&prog, CH(RIG_CURRENT), K(1e-3), DO(GT));
    a = rig_rest(&prog, 200.0);
    a->output_off = true;
    (void)rig_charge(&prog, 0.02, 4.1, 0.002);
    rig_close(&prog);
    rig_start(&bench, &prog);
    rig_for(&bench, 150.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    ck_assert_double_eq_tol(bench.value[RIG_MODE], CYCLER_OFF, 1e-9);
    rig_for(&bench, 100.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    ck_assert_uint_eq(bench.run.acts_done, 2);
}
END_TEST

/* ---- Missing values ---------------------------------------------------------------------------
 */

/* stale_s is 4: paused after 4 s, tripped after 16 s. */
START_TEST(test_stale)
{
    nsec t;

    for (uint16_t g = 0; g < RIG_GROUPS; g++) {
        begin_charge();
        t = bench.run.group_at[g];
        bench.silent[g] = true;
        if (g == RIG_CYCLER)
            bench.mute = true; /* the instrument is gone: its sets are not answered either */
        ck_assert(rig_until(&bench, RUN_PAUSED, 10.0));
        ck_assert_double_eq_tol(nsec_to_s(bench.at - t), 4.0, 0.01);
        ck_assert_uint_eq(bench.run.cause, CAUSE_GUARD_STALE);
        ck_assert_uint_eq(bench.run.cause_group, g);
        ck_assert(rig_until(&bench, RUN_SAFING, 20.0));
        ck_assert_double_eq_tol(nsec_to_s(bench.at - t), 16.0, 0.01);
        ends_as(VERDICT_TRIP, CAUSE_GUARD_STALE);
    }
}
END_TEST

/* Something else comes in at that very instant, before the timer does: it pauses all the same. */
START_TEST(test_stale_unnoticed)
{
    nsec t;

    begin_charge();
    t = bench.run.group_at[RIG_CHAMBER];
    bench.silent[RIG_CHAMBER] = true;
    rig_for(&bench, 3.9 - nsec_to_s(bench.at - t));
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    bench.at = t + nsec_from_s(4.001);
    ck_assert(rig_event(&bench, EV_STORE_OK, 0, 0.0) == 0);
    ck_assert(rig_until(&bench, RUN_PAUSED, 0.1));
    ck_assert_uint_eq(bench.run.cause, CAUSE_GUARD_STALE);
}
END_TEST

/* A cycler that was away for a moment goes on as it was set: its current is guarded at once. */
START_TEST(test_back_is_guarded)
{
    uint64_t n;

    begin_charge();
    ck_assert(rig_event(&bench, EV_INST_LOST, RIG_CYCLER, 0.0) == 0);
    ck_assert(rig_event(&bench, EV_INST_BACK, RIG_CYCLER, 0.0) == 0);
    n = bench.run.guard_evaluations;
    rig_for(&bench, 10.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    ck_assert_uint_eq(bench.run.guard_evaluations - n, 30);
    bench.q_c = -10.0; /* 2.72 V */
    ck_assert(rig_until(&bench, RUN_SAFING, 2.5));
    ends_as(VERDICT_TRIP, CAUSE_GUARD_LOW);
}
END_TEST

START_TEST(test_stale_comes_back)
{
    begin_charge();
    bench.silent[RIG_CHAMBER] = true;
    ck_assert(rig_until(&bench, RUN_PAUSED, 10.0));
    op(OP_RESUME); /* not while it is missing */
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED);
    bench.silent[RIG_CHAMBER] = false;
    rig_for(&bench, 100.0);
    ck_assert_uint_eq(bench.run.state, RUN_PAUSED); /* no trip, and a person goes on */
    op(OP_RESUME);
    rig_for(&bench, 5.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    ck_assert_double_eq_tol(bench.current_a, 0.02, 1e-9);
}
END_TEST

START_TEST(test_invalid)
{
    begin_charge();
    bench.invalid[RIG_PRESSURE] = 1.0;
    ck_assert(rig_until(&bench, RUN_PAUSED, 10.0));
    ck_assert_uint_eq(bench.run.cause, CAUSE_GUARD_INVALID);
    ends_as(VERDICT_TRIP, CAUSE_GUARD_INVALID);
    begin_charge();
    bench.invalid[RIG_PRESSURE] = 1.0;
    rig_for(&bench, 3.0);
    bench.invalid[RIG_PRESSURE] = 0.0;
    rig_for(&bench, 100.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
}
END_TEST

START_TEST(test_stuck)
{
    const struct effect *x;

    begin_charge();
    bench.stuck[RIG_VOLTAGE] = bench.stuck[RIG_CURRENT] = 1.0;
    /* 1 % of 36 C at 20 mA: 18 s, and at least 20 samples */
    ck_assert(rig_until(&bench, RUN_PAUSED, 40.0));
    ck_assert_uint_eq(bench.run.cause, CAUSE_STUCK);
    ck_assert_uint_eq(bench.run.cause_chan, RIG_VOLTAGE);
    x = &rig_nth(&bench, FX_ALARM, 0)->fx;
    ck_assert_uint_eq(x->chan, ALARM_SEVERE);
    ck_assert_str_eq(program_text(&prog.p, x->text), cause_text(CAUSE_STUCK));

    rig_open(&prog);
    (void)rig_squeeze(&prog, 8e6, 5e4);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 1, 10.0));
    bench.stuck[RIG_PRESSURE] = 1.0;
    ck_assert(rig_until(&bench, RUN_PAUSED, 20.0));
    ck_assert_uint_eq(bench.run.cause_chan, RIG_PRESSURE);

    rig_open(&prog);
    (void)rig_squeeze(&prog, 2e6, 0.0);
    prog.acts[0].verb = VERB_SOAK;
    prog.acts[0].set[0] =
        (struct act_set){.chan = RIG_TSET, .value = rig_const(&prog, 340.0), .rate = PROG_NONE};
    prog.acts[0].for_s = rig_const(&prog, 5000.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 1, 10.0));
    bench.stuck[RIG_TEMPERATURE] = 1.0;
    ck_assert(!rig_until(&bench, RUN_PAUSED, 590.0));
    ck_assert(rig_until(&bench, RUN_PAUSED, 20.0));
}
END_TEST

/* An ideal instrument may repeat itself: constant current into a flat stretch, no current at rest.
 */
START_TEST(test_not_stuck)
{
    rig_open(&prog);
    rig_guards(&prog);
    (void)rig_rest(&prog, 500.0);
    (void)rig_charge(&prog, 0.02, 4.1, 0.002);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 2, 600.0));
    bench.stuck[RIG_VOLTAGE] =
        1.0; /* the current still moves? no: only the voltage stands, for 15 s */
    rig_for(&bench, 15.0);
    bench.stuck[RIG_VOLTAGE] = 0.0;
    rig_for(&bench, 100.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
}
END_TEST

/* ---- Sets
 * ---------------------------------------------------------------------------------------- */

START_TEST(test_bad_answers)
{
    const int kinds[] = {EV_SET_MISMATCH, EV_SET_REFUSED, EV_SET_FAILED};
    const enum cause causes[] = {CAUSE_SET_MISMATCH, CAUSE_SET_REFUSED, CAUSE_INST_LOST};
    const chan_id chans[] = {RIG_THIGH, RIG_MODE, RIG_VSET};

    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 3; c++) {
            begin();
            bench.bad_chan = chans[c];
            bench.bad_kind = kinds[k];
            ends_as(VERDICT_FAIL, causes[k]);
            ck_assert_uint_eq(bench.run.cause_chan, chans[c]);
        }
    begin();
    rig_for(&bench, 0.5);
    bench.mute = true;
    ends_as(VERDICT_FAIL, CAUSE_SET_TIMEOUT);
    ck_assert_double_ge(nsec_to_s(bench.at), 30.0);
}
END_TEST

/* Outside of the instrument's range or the article's window: nothing leaves. */
START_TEST(test_set_range)
{
    struct {
        double at_a, cv_v;
    } bad[] = {
        {0.25,              4.1        },
        {0.02,              4.5        },
        {0.02,              2.5        },
        {-(double)INFINITY, 4.1        },
        {(double)NAN,       4.1        },
        {0.02,              (double)NAN}
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rig_open(&prog);
        rig_guards(&prog);
        (void)rig_charge(&prog, bad[i].at_a, bad[i].cv_v, 0.002);
        rig_close(&prog);
        rig_start(&bench, &prog);
        ends_as(VERDICT_FAIL, CAUSE_SET_RANGE);
        ck_assert_double_eq_tol(bench.in_c + bench.out_c, 0.0, 1e-12);
    }
    rig_open(&prog);
    (void)rig_squeeze(&prog, 9.5e6, 0.0); /* the press could, the article must not */
    rig_close(&prog);
    rig_start(&bench, &prog);
    ends_as(VERDICT_FAIL, CAUSE_SET_RANGE);
    rig_open(&prog);
    (void)rig_squeeze(&prog, 9.5e6, 1e5);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ends_as(VERDICT_FAIL, CAUSE_SET_RANGE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run_guard");
    TCase *t = tcase_create("run_guard");
    SRunner *r;
    int bad;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_guard_trips);
    tcase_add_test(t, test_guard_debounce);
    tcase_add_test(t, test_trip_wins);
    tcase_add_test(t, test_guard_where);
    tcase_add_test(t, test_output_off);
    tcase_add_test(t, test_stale);
    tcase_add_test(t, test_stale_unnoticed);
    tcase_add_test(t, test_back_is_guarded);
    tcase_add_test(t, test_stale_comes_back);
    tcase_add_test(t, test_invalid);
    tcase_add_test(t, test_stuck);
    tcase_add_test(t, test_not_stuck);
    tcase_add_test(t, test_bad_answers);
    tcase_add_test(t, test_set_range);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
