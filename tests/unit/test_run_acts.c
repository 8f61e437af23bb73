/* tests/unit/test_run.c - the run engine on a small bench: the way through a program, acts, saves,
 * loops, ends. */
#include "tests/support/run_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rig_program prog;
static struct rig_bench bench;

/* ---- Other verbs ------------------------------------------------------------------------------
 */

START_TEST(test_ramp)
{
    size_t n = 0;
    double last = 1e6;

    rig_open(&prog);
    (void)rig_squeeze(&prog, 3e6, 1e5); /* 20 s */
    rig_run(&bench, &prog, 1e3);
    for (size_t i = 0; i < rig_count(&bench, FX_SET); i++) {
        const struct effect *x = &rig_nth(&bench, FX_SET, i)->fx;

        if (x->chan != RIG_PSET)
            continue;
        ck_assert_double_ge(x->value, last);
        ck_assert_double_le(x->value - last, 1.2e5);
        last = x->value;
        n++;
    }
    ck_assert_double_eq_tol(last, 3e6, 1e-6);
    ck_assert_uint_ge(n, 19);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_AT_ONCE);
    ck_assert_double_eq_tol(
        nsec_to_s(rig_summary(&bench, 0)->ended - rig_summary(&bench, 0)->began), 20.5, 1.0);
}
END_TEST

START_TEST(test_soak_and_set)
{
    struct act *a;

    rig_open(&prog);
    a = rig_act(&prog, VERB_SOAK, "soak");
    a->n_sets = 1;
    a->set[0].chan = RIG_TSET;
    a->set[0].value = rig_const(&prog, 333.15);
    rig_end(&prog, a,
            RX(&prog, CH(RIG_TEMPERATURE), {INSN_SETPOINT, RIG_TSET, 0}, DO(SUB), DO(ABS), K(0.5),
               DO(LE), {INSN_HOLD, 0, 60.0}),
            CAUSE_UNTIL, "temperature");
    for (int i = 0; i < 5; i++) { /* sets that are there already end in a row */
        a = rig_act(&prog, VERB_SET, "set");
        a->n_sets = 1;
        a->set[0].chan = RIG_PSET;
        a->set[0].value = rig_const(&prog, i < 2 ? 2e6 : 3e6);
    }
    rig_run(&bench, &prog, 1e4);
    ck_assert_double_eq_tol(bench.value[RIG_CHAMBER_MODE], CHAMBER_CONSTANT, 1e-9);
    /* 35 K at a time constant of 60 s: 0.5 K after 255 s, then 60 s */
    ck_assert_double_eq_tol(
        nsec_to_s(rig_summary(&bench, 0)->ended - rig_summary(&bench, 0)->began), 315.0, 3.0);
    ck_assert_uint_eq(bench.run.acts_done, 6);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_END), 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_uint_eq(rig_summary(&bench, i)->number, i + 1);
    ck_assert_uint_eq(rig_summary(&bench, 5)->cause, CAUSE_AT_ONCE);
    size_t sets = 0;
    for (size_t i = 0; i < rig_count(&bench, FX_SET); i++)
        sets += rig_nth(&bench, FX_SET, i)->fx.chan == RIG_PSET;
    ck_assert_uint_eq(sets, 2); /* on change only */
}
END_TEST

START_TEST(test_current_power_hold)
{
    struct act *a;
    double p_w = 0.35;

    rig_open(&prog);
    a = rig_act(&prog, VERB_CURRENT, "current -50 mA");
    a->at_kind = AT_CURRENT;
    a->at = rig_const(&prog, -0.05);
    a->v_lo = rig_const(&prog, 3.0);
    a->v_hi = rig_const(&prog, 4.2);
    a->for_s = rig_const(&prog, 20.0);
    a = rig_discharge(&prog, 0.0, 3.0);
    a->at_kind = AT_POWER;
    a->at = rig_const(&prog, p_w);
    a->for_s = rig_const(&prog, 60.0);
    a = rig_act(&prog, VERB_HOLD, "hold 3.36 V");
    a->v_set = rig_const(&prog, 3.36);
    a->for_s = rig_const(&prog, 30.0);
    rig_run(&bench, &prog, 1e3);
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, -1.0, 0.01);
    /* energy is power times time, to the dead band of 0.2 % and the first seconds */
    ck_assert_double_eq_tol(rig_summary(&bench, 1)->energy_j, -p_w * 60.0, 0.01 * p_w * 60.0);
    ck_assert_double_eq_tol(rig_summary(&bench, 2)->v_last, 3.36, 0.002);
    /* lowered to 4.2 V for the current, and the article's again at rest */
    ck_assert_double_eq_tol(bench.run.written[RIG_VLIMIT], 4.4, 1e-9);
}
END_TEST

/* ---- Pre-flight and questions ------------------------------------------------------------------
 */

START_TEST(test_sensor_missing)
{
    char story[160];

    rig_open(&prog);
    rig_guards(&prog);
    (void)rig_rest(&prog, 5.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    bench.silent[RIG_PRESS] = true;
    ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_uint_eq(bench.run.cause, CAUSE_CHECK);
    ck_assert_uint_eq(bench.sets, 0);
    ck_assert_uint_eq(rig_count(&bench, FX_SAFE), 0);
    ck_assert_double_eq_tol(nsec_to_s(bench.at), 30.0, 0.1);
    run_story(&bench.run, &prog.p, story, sizeof(story));
    ck_assert_str_eq(story, "check failed: press.pressure");
}
END_TEST

START_TEST(test_ocv_window)
{
    rig_open(&prog);
    rig_guards(&prog);
    (void)rig_charge(&prog, 0.02, 4.0, 0.002);
    prog.p.ocv_lo_v = 3.6;
    rig_run(&bench, &prog, 100.0); /* the cell has 3.5 V */
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_uint_eq(bench.run.cause_chan, RIG_VOLTAGE);
    ck_assert_double_eq_tol(bench.in_c + bench.out_c, 0.0, 1e-12); /* no current ever */
    ck_assert_uint_eq(rig_count(&bench, FX_SAFE), 1);
}
END_TEST

static void with_before(expr_id check)
{
    prog.p.before = prog.p.n_steps;
    (void)rig_step(&prog, OP_CHECK, check, rig_text(&prog, "the check"));
    (void)rig_step(&prog, OP_DONE, 0, 0);
    prog.p.start = prog.p.n_steps;
    (void)rig_rest(&prog, 2.0);
}

START_TEST(test_before_checks)
{
    rig_open(&prog);
    with_before(RX(&prog, CH(RIG_PRESSURE), K(5e6), DO(GT)));
    rig_run(&bench, &prog, 100.0);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_uint_eq(bench.sets, 0); /* READY refuses: nothing was written */

    /* of the cell: judged as soon as the output rests, before any current */
    rig_open(&prog);
    with_before(RX(&prog, CH(RIG_VOLTAGE), K(3.9), DO(GT)));
    rig_run(&bench, &prog, 100.0);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_uint_eq(rig_count(&bench, FX_SAFE), 1);
    ck_assert_str_eq(program_text(&prog.p, bench.run.cause_text), "the check");

    rig_open(&prog);
    with_before(RX(&prog, CH(RIG_VOLTAGE), K(3.4), DO(GT)));
    rig_run(&bench, &prog, 100.0);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
}
END_TEST

static void answer(double v)
{
    struct event e = {
        .kind = EV_OPERATOR, .code = OP_ANSWER, .token = bench.run.question_token, .value = v};

    ck_assert(rig_feed(&bench, &e) == 0);
}

START_TEST(test_questions)
{
    reg_id mass;

    rig_open(&prog);
    mass = rig_reg(&prog, "mass");
    prog.questions[0] = (struct question){.text = rig_text(&prog, "Mass"),
                                          .kind = ASK_NUMBER,
                                          .lo = 1.0,
                                          .hi = 5.0,
                                          .save = mass,
                                          .timeout_s = PROG_NONE};
    prog.questions[1] = (struct question){.text = rig_text(&prog, "Go on?"),
                                          .kind = ASK_YES,
                                          .save = PROG_NONE,
                                          .timeout_s = rig_const(&prog, 60.0)};
    prog.p.n_questions = 2;
    (void)rig_rest(&prog, 2.0);
    (void)rig_step(&prog, OP_ASK, 0, 0);
    (void)rig_rest(&prog, 2.0);
    (void)rig_step(&prog, OP_ASK, 1, 0);
    (void)rig_rest(&prog, 2.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(!rig_until(&bench, RUN_ENDED, 500.0)); /* nobody answers, nothing goes on */
    ck_assert_uint_eq(rig_count(&bench, FX_ASK), 1);
    answer(7.0); /* out of range: asked again with another token */
    ck_assert_uint_eq(rig_count(&bench, FX_ASK), 2);
    ck_assert_uint_ne(rig_nth(&bench, FX_ASK, 0)->fx.token, rig_nth(&bench, FX_ASK, 1)->fx.token);
    answer(3.0);
    ck_assert_double_eq_tol(bench.run.reg[mass], 3.0, 1e-12);
    ck_assert(rig_until(&bench, RUN_PAUSED, 100.0)); /* the second has a time-out */
    ck_assert(rig_event(&bench, EV_OPERATOR, OP_RESUME, 0.0) == 0);
    answer(0.0); /* a no that nobody reads ends the run */
    ck_assert(rig_until(&bench, RUN_ENDED, 10.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_str_eq(program_text(&prog.p, bench.run.cause_text), "Go on?");
}
END_TEST

START_TEST(test_notes)
{
    char text[120];
    const struct effect *x;

    rig_open(&prog);
    prog.templates[0] = (struct template_text){
        .text = rig_text(&prog, "{} at {}"),
        .n = 2,
        .expr = {rig_const(&prog, 9.6e-3), rig_const(&prog, 333.15)}
    };
    prog.exprs[prog.templates[0].expr[0]].dims = DIMS_CURRENT;
    prog.exprs[prog.templates[0].expr[1]].dims = DIMS_TEMPERATURE;
    prog.exprs[prog.templates[0].expr[1]].point = true;
    prog.p.n_templates = 1;
    (void)rig_step(&prog, OP_NOTE, 0, 0);
    (void)rig_step(&prog, OP_ALARM, 0, ALARM_WARN);
    rig_run(&bench, &prog, 10.0);
    x = &rig_nth(&bench, FX_NOTE, 0)->fx;
    run_format(&prog.p, x->code, x->v, text, sizeof(text));
    ck_assert_str_eq(text, "9.60 mA at 60.0 degC");
    ck_assert_uint_eq(rig_nth(&bench, FX_ALARM, 0)->fx.chan, ALARM_WARN);
}
END_TEST

/* ---- Recording and progress
 * ---------------------------------------------------------------------- */

START_TEST(test_record)
{
    struct act *a;

    rig_open(&prog);
    a = rig_rest(&prog, 100.0); /* default: every 10 s, the first and the last */
    (void)a;
    rig_run(&bench, &prog, 1e3);
    ck_assert_uint_ge(bench.rows[RIG_CYCLER], 11);
    ck_assert_uint_le(bench.rows[RIG_CYCLER], 15);

    rig_open(&prog);
    a = rig_rest(&prog, 100.0);
    a->first_record = 1;
    a->n_records = 2;
    prog.records[1] = prog.records[2] = prog.records[0];
    prog.records[1].period_s = 0.1;
    prog.records[1].for_s = 5.0;
    prog.records[2].period_s = 25.0;
    prog.p.n_records = 3;
    rig_run(&bench, &prog, 1e3);
    ck_assert_uint_ge(bench.rows[RIG_CYCLER], 50 + 4);
    ck_assert_uint_le(bench.rows[RIG_CYCLER], 50 + 10);
    ck_assert_double_eq_tol(rig_nth(&bench, FX_POLL_PERIOD, 0)->fx.value, 0.1, 1e-12);
    ck_assert_double_eq_tol(rig_nth(&bench, FX_POLL_PERIOD, 1)->fx.value, 1.0, 1e-12);

    rig_open(&prog); /* deltas: 3.5 V to 3.6 V under 20 mA in steps of 10 mV */
    a = rig_charge(&prog, 0.02, 4.0, 0.002);
    a->n_ends = 0;
    rig_end(&prog, a, RX(&prog, CH(RIG_VOLTAGE), K(3.61), DO(GE)), CAUSE_UNTIL, "v");
    prog.records[0].period_s = (double)INFINITY;
    prog.records[0].delta_v = 0.01;
    rig_run(&bench, &prog, 1e3);
    ck_assert_uint_ge(bench.rows[RIG_CYCLER], 10);
    ck_assert_uint_le(bench.rows[RIG_CYCLER], 16);
}
END_TEST

START_TEST(test_bad_events)
{
    struct event e = {.kind = EV_TIMER};
    struct effect_list l;
    uint64_t h;

    rig_open(&prog);
    (void)rig_rest(&prog, 2.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    h = run_hash(&bench.run, &prog.p);
    e.seq = bench.seq; /* not the next one */
    ck_assert_int_lt(run_feed(&bench.run, &prog.p, &e, &l), 0);
    e.seq = bench.seq + 1;
    e.at = -1;
    ck_assert_int_lt(run_feed(&bench.run, &prog.p, &e, &l), 0);
    e.at = bench.at;
    e.kind = EV_SAMPLE;
    e.code = RIG_GROUPS;
    ck_assert_int_lt(run_feed(&bench.run, &prog.p, &e, &l), 0);
    e.kind = EV_SET_CONFIRMED;
    e.token = 99;
    ck_assert_int_lt(run_feed(&bench.run, &prog.p, &e, &l), 0);
    e.kind = EV_KIND_COUNT;
    ck_assert_int_lt(run_feed(&bench.run, &prog.p, &e, &l), 0);
    ck_assert(h == run_hash(&bench.run, &prog.p));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run_acts");
    TCase *t = tcase_create("run_acts");
    SRunner *r;
    int bad;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_ramp);
    tcase_add_test(t, test_soak_and_set);
    tcase_add_test(t, test_current_power_hold);
    tcase_add_test(t, test_sensor_missing);
    tcase_add_test(t, test_ocv_window);
    tcase_add_test(t, test_before_checks);
    tcase_add_test(t, test_questions);
    tcase_add_test(t, test_notes);
    tcase_add_test(t, test_record);
    tcase_add_test(t, test_bad_events);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
