/* tests/unit/test_run.c - the run engine on a small bench: the way through a program, acts, saves,
 * loops, ends. */
#include "tests/support/run_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rig_program prog;
static struct rig_bench bench;

static void cycles(double n)
{
    block_id k;

    rig_open(&prog);
    rig_guards(&prog);
    k = rig_block(&prog, LOOP_REPEAT, "cycles");
    prog.blocks[k].count = rig_const(&prog, n);
    (void)rig_charge(&prog, 0.02, 4.0, 0.002);
    (void)rig_rest(&prog, 60.0);
    (void)rig_discharge(&prog, 0.02, 3.2);
    (void)rig_rest(&prog, 30.0);
    rig_block_end(&prog);
}

/* From 3.5 V OCV to 4.0 V with 2 mA left (OCV 3.999): 17.964 C; down to 3.2 V under 20 mA
 * (OCV 3.21) and at most one more second. */
START_TEST(test_three_cycles)
{
    cycles(3.0);
    rig_run(&bench, &prog, 1e5);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_END), 12);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_TAPER);
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, 17.964, 0.003);
    ck_assert_uint_eq(rig_summary(&bench, 1)->cause, CAUSE_FOR);
    ck_assert_double_eq_tol(
        nsec_to_s(rig_summary(&bench, 1)->ended - rig_summary(&bench, 1)->began), 60.0, 1e-9);
    ck_assert_uint_eq(rig_summary(&bench, 2)->cause, CAUSE_UNTIL);
    ck_assert_str_eq(program_text(&prog.p, rig_summary(&bench, 2)->end_name), "empty");
    ck_assert_double_eq_tol(rig_summary(&bench, 2)->charge_c, -28.404, 0.03);
    ck_assert_double_eq_tol(rig_summary(&bench, 2)->out_c, -rig_summary(&bench, 2)->charge_c, 1e-9);
    ck_assert_double_eq_tol(bench.run.count.in_c.sum, bench.in_c, 1e-4);
    ck_assert_double_eq_tol(bench.run.count.out_c.sum, bench.out_c, 1e-4);
    /* cycle: the second charge after a discharge */
    ck_assert_uint_eq(rig_summary(&bench, 3)->cycle, 1);
    ck_assert_uint_eq(rig_summary(&bench, 4)->cycle, 2);
    ck_assert_uint_eq(rig_summary(&bench, 11)->cycle, 3);
    ck_assert_uint_eq(rig_summary(&bench, 11)->number, 12);
    ck_assert_double_eq_tol(bench.value[RIG_MODE], CYCLER_OFF, 1e-9);
}
END_TEST

/* What the steps are told to have passed is all that passed. */
START_TEST(test_steps_add_up)
{
    double in = 0.0, out = 0.0;

    for (int edges = 0; edges < 2; edges++) {
        cycles(2.0);
        rig_close(&prog);
        rig_start(&bench, &prog);
        bench.keep_edges = edges == 1;
        bench.latency = 130 * NSEC_MS;
        ck_assert(rig_until(&bench, RUN_ENDED, 1e5));
        in = out = 0.0;
        for (size_t i = 0; i < 8; i++) {
            in += rig_summary(&bench, i)->in_c;
            out += rig_summary(&bench, i)->out_c;
        }
        ck_assert_double_eq_tol(in, bench.in_c, 1e-4);
        ck_assert_double_eq_tol(out, bench.out_c, 1e-4);
    }
}
END_TEST

START_TEST(test_sets_of_a_charge)
{
    /* the voltage limit is wide, 5 V on this bench, until the resting cell has been looked at */
    const chan_id order[] = {RIG_THIGH,      RIG_VLIMIT,        RIG_MODE, RIG_VLIMIT,
                             RIG_LIM_CHARGE, RIG_LIM_DISCHARGE, RIG_VSET, RIG_MODE,
                             RIG_MODE};
    const double value[] = {363.0, 5.0, CYCLER_REST, 4.4, 0.02, 0.0, 4.0, CYCLER_VOLTAGE,
                            CYCLER_REST};

    rig_open(&prog);
    (void)rig_charge(&prog, 0.02, 4.0, 0.002);
    (void)rig_rest(&prog, 1.0);
    rig_run(&bench, &prog, 1e5);
    for (size_t i = 0; i < 9; i++) {
        const struct effect *x = &rig_nth(&bench, FX_SET, i)->fx;

        ck_assert_uint_eq(x->chan, order[i]);
        ck_assert_double_eq_tol(x->value, value[i], 1e-12);
        ck_assert_uint_eq(x->token, i + 1);
        /* to rest leaves at once; what gives energy waits for the disk */
        ck_assert(x->needs_durable == !(x->chan == RIG_MODE && x->value < 1.5));
    }
}
END_TEST

/* Charge to charge: straight over, the smaller limit before the voltage, the larger after it. */
START_TEST(test_straight_over)
{
    struct act *a;
    size_t n;

    rig_open(&prog);
    a = rig_charge(&prog, 0.02, 4.0, 0.002);
    a->for_s = rig_const(&prog, 20.0);
    a = rig_charge(&prog, 0.04, 4.05, 0.002);
    a->for_s = rig_const(&prog, 20.0);
    a = rig_discharge(&prog, 0.03, 3.0);
    a->for_s = rig_const(&prog, 20.0);
    rig_run(&bench, &prog, 1e4);
    n = rig_count(&bench, FX_SET);
    ck_assert_uint_eq(n, 8 + 2 + 3 + 2);
    ck_assert_uint_eq(rig_nth(&bench, FX_SET, 8)->fx.chan, RIG_VSET);
    ck_assert_uint_eq(rig_nth(&bench, FX_SET, 9)->fx.chan, RIG_LIM_CHARGE);
    ck_assert_uint_eq(rig_nth(&bench, FX_SET, 10)->fx.chan, RIG_LIM_CHARGE);
    ck_assert_double_eq_tol(rig_nth(&bench, FX_SET, 10)->fx.value, 0.0, 1e-12);
    ck_assert_uint_eq(rig_nth(&bench, FX_SET, 11)->fx.chan, RIG_VSET);
    ck_assert_uint_eq(rig_nth(&bench, FX_SET, 12)->fx.chan, RIG_LIM_DISCHARGE);
    /* 20 s at 20 mA (a little more until the limit is raised), 20 s at 40 mA, 20 s at -30 mA */
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, 0.4, 0.002);
    ck_assert_double_eq_tol(rig_summary(&bench, 1)->charge_c, 0.8, 0.003);
    ck_assert_double_eq_tol(rig_summary(&bench, 2)->charge_c, -0.6, 0.003);
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->in_c + rig_summary(&bench, 1)->in_c +
                                rig_summary(&bench, 2)->in_c,
                            bench.in_c, 1e-4);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_BEGIN), 3);
    /* each end comes before the next begin */
    ck_assert(rig_nth(&bench, FX_STEP_END, 0) < rig_nth(&bench, FX_STEP_BEGIN, 1));
}
END_TEST

START_TEST(test_saves)
{
    reg_id q, one_c, r10, early, never;
    struct act *a;

    rig_open(&prog);
    q = rig_reg(&prog, "q");
    one_c = rig_reg(&prog, "one_c");
    r10 = rig_reg(&prog, "r_10");
    early = rig_reg(&prog, "v_early");
    never = rig_reg(&prog, "never");
    a = rig_charge(&prog, 0.02, 4.0, 0.002);
    a->verb = VERB_PULSE;
    a->n_ends = 0;
    a->for_s = rig_const(&prog, 10.0);
    rig_save(&prog, a, r10, RX(&prog, DO(RESISTANCE)), 10.0);
    rig_save(&prog, a, early, RX(&prog, CH(RIG_VOLTAGE)), 0.1);
    rig_save(&prog, a, never, RX(&prog, CH(RIG_VOLTAGE)), 20.0);
    rig_save(&prog, a, q, RX(&prog, DO(STEP_CHARGE)), (double)NAN);
    rig_save(&prog, a, one_c, RX(&prog, DO(STEP_CHARGE), K(180.0), DO(MUL)), (double)NAN);
    (void)rig_rest(&prog, 5.0);
    rig_step(&prog, OP_LET, q, RX(&prog, DO(ONE_C)));
    rig_run(&bench, &prog, 1e4);
    /* 0.5 ohm, and the OCV that rose by 20 mA x 10 s / 36 C: 0.0056 V / 0.02 A = 0.278 ohm */
    ck_assert_double_eq_tol(rig_register(&bench, r10, 0), 0.5 + 10.0 / 36.0, 0.02);
    /* OCV 3.5 V + 0.02 A x 0.5 ohm + 0.02 A x 0.1 s / 36 C */
    ck_assert_double_eq_tol(rig_register(&bench, early, 0), 3.51, 1e-4);
    ck_assert(isnan(rig_register(&bench, never, 0)));
    /* the whole pulse, its tail until the output opened included */
    ck_assert_double_eq_tol(rig_register(&bench, q, 0), 0.2, 0.0005);
    ck_assert_double_eq_tol(rig_register(&bench, q, 0), bench.in_c, 1e-6);
    ck_assert_double_eq_tol(bench.run.one_c_a, 0.2 * 180.0 / 3600.0, 1e-4);
    ck_assert_double_eq_tol(rig_register(&bench, q, 1), bench.run.one_c_a, 1e-12);
    /* polled faster until the save at 100 ms was taken, and not faster than the instrument can */
    ck_assert_uint_ge(rig_count(&bench, FX_POLL_PERIOD), 2);
    ck_assert_double_eq_tol(rig_nth(&bench, FX_POLL_PERIOD, 0)->fx.value, 0.1, 1e-12);
    ck_assert_double_eq_tol(bench.run.group_period_s[RIG_CYCLER], 1.0, 1e-12);
}
END_TEST

START_TEST(test_soc)
{
    struct act *a;

    rig_open(&prog);
    (void)rig_charge(&prog, 0.02, 4.0, 0.002);
    a = rig_discharge(&prog, 0.02, 2.95);
    a->for_s = rig_const(&prog, 900.0); /* 18 C of 36 C */
    rig_close(&prog);
    rig_start(&bench, &prog);
    ck_assert(rig_until(&bench, RUN_RUNNING, 10.0));
    ck_assert(isnan(bench.run.soc_c));
    ck_assert(rig_until(&bench, RUN_ENDED, 1e4));
    ck_assert_double_eq_tol(bench.run.soc_c, 18.0, 0.01);
    ck_assert_double_eq_tol(run_eval(&bench.run, &prog.p, RX(&prog, DO(SOC))), 0.5, 0.001);
}
END_TEST

/* ---- Loops and branches --------------------------------------------------------------------- */

START_TEST(test_loops)
{
    block_id list, range, once;
    reg_id x, y, sum;
    step_id branch;

    rig_open(&prog);
    x = rig_reg(&prog, "x");
    y = rig_reg(&prog, "y");
    sum = rig_reg(&prog, "sum");
    prog.regs[sum].initial = 0.0;
    list = rig_block(&prog, LOOP_LIST, "list");
    prog.blocks[list].reg = x;
    prog.blocks[list].list_n = 3;
    prog.lists[0] = rig_const(&prog, 5.0);
    prog.lists[1] = rig_const(&prog, 7.0);
    prog.lists[2] = rig_const(&prog, 11.0);
    range = rig_block(&prog, LOOP_RANGE, "range");
    prog.blocks[range].reg = y;
    prog.blocks[range].from = rig_const(&prog, 0.9);
    prog.blocks[range].to = rig_const(&prog, 0.1);
    prog.blocks[range].by = rig_const(&prog, -0.1);
    /* y below 0.55: leave the range; x of 7: next turn of the list */
    branch = rig_step(&prog, OP_IF, RX(&prog, REG(y), K(0.55), DO(LT)), 0);
    (void)rig_step(&prog, OP_LEAVE, range, 0);
    prog.steps[branch].b = prog.p.n_steps;
    branch = rig_step(&prog, OP_IF, RX(&prog, REG(x), K(7.0), DO(EQ)), 0);
    (void)rig_step(&prog, OP_CONTINUE, list, 0);
    prog.steps[branch].b = prog.p.n_steps;
    (void)rig_step(&prog, OP_LET, sum, RX(&prog, REG(sum), REG(x), DO(ADD)));
    rig_block_end(&prog);
    once = rig_block(&prog, LOOP_ONCE, "once");
    (void)once;
    (void)rig_step(&prog, OP_LET, sum, RX(&prog, REG(sum), K(100.0), DO(ADD)));
    rig_block_end(&prog);
    rig_block_end(&prog);
    rig_run(&bench, &prog, 100.0);
    /* 0.9, 0.8, 0.7, 0.6: four times 5 and four times 11; `once` is skipped for 7 */
    ck_assert_double_eq_tol(bench.run.reg[sum], 4 * 5 + 4 * 11 + 200, 1e-9);
    ck_assert_double_eq_tol(bench.run.reg[x], 11.0, 1e-12);
    ck_assert_double_eq_tol(bench.run.reg[y], 0.5, 1e-9);
}
END_TEST

START_TEST(test_many_turns_of_nothing)
{
    block_id k;
    reg_id n;

    rig_open(&prog);
    n = rig_reg(&prog, "n");
    prog.regs[n].initial = 0.0;
    k = rig_block(&prog, LOOP_REPEAT, "k");
    prog.blocks[k].count = rig_const(&prog, 5000.0);
    prog.blocks[k].count_max = 900; /* the proven bound holds */
    (void)rig_step(&prog, OP_LET, n, RX(&prog, REG(n), K(1.0), DO(ADD)));
    rig_block_end(&prog);
    rig_run(&bench, &prog, 100.0);
    ck_assert_double_eq_tol(bench.run.reg[n], 900.0, 1e-12);
}
END_TEST

START_TEST(test_zero_turns_and_unknown_turns)
{
    block_id k;
    reg_id n;

    rig_open(&prog);
    k = rig_block(&prog, LOOP_REPEAT, "k");
    prog.blocks[k].count = rig_const(&prog, 0.0);
    (void)rig_rest(&prog, 1.0);
    rig_block_end(&prog);
    rig_run(&bench, &prog, 100.0);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_BEGIN), 0);

    rig_open(&prog);
    n = rig_reg(&prog, "n");
    k = rig_block(&prog, LOOP_REPEAT, "k");
    prog.blocks[k].count = RX(&prog, REG(n));
    (void)rig_rest(&prog, 1.0);
    rig_block_end(&prog);
    rig_run(&bench, &prog, 100.0);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_uint_eq(bench.run.cause, CAUSE_CHECK);
}
END_TEST

START_TEST(test_stop_when)
{
    block_id outer, inner;
    struct act *a;

    rig_open(&prog);
    outer = rig_block(&prog, LOOP_REPEAT, "outer");
    prog.blocks[outer].count = rig_const(&prog, 5.0);
    prog.blocks[outer].stop_when = RX(&prog, CH(RIG_VOLTAGE), K(3.8), DO(GE));
    inner = rig_block(&prog, LOOP_REPEAT, "inner");
    prog.blocks[inner].count = rig_const(&prog, 50.0);
    prog.blocks[inner].stop_when = RX(&prog, CH(RIG_VOLTAGE), K(3.7), DO(GE));
    a = rig_charge(&prog, 0.1, 4.2, 0.002);
    a->for_s = rig_const(&prog, 20.0);
    (void)rig_rest(&prog, 5.0);
    rig_block_end(&prog);
    a = rig_charge(&prog, 0.1, 4.2, 0.002);
    a->for_s = rig_const(&prog, 1000.0);
    rig_block_end(&prog);
    (void)rig_rest(&prog, 5.0);
    rig_run(&bench, &prog, 1e5);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    /* pulses until 3.7 V ends the inner block in mid-step, the charge until 3.8 V ends the outer
     * one, then the last rest */
    ck_assert_uint_eq(rig_summary(&bench, bench.run.acts_done - 1)->cause, CAUSE_FOR);
    ck_assert_uint_eq(rig_summary(&bench, bench.run.acts_done - 2)->cause, CAUSE_STOP_WHEN);
    ck_assert_double_eq_tol(rig_summary(&bench, bench.run.acts_done - 2)->v_last, 3.8, 0.004);
    ck_assert_uint_eq(rig_summary(&bench, bench.run.acts_done - 3)->cause, CAUSE_STOP_WHEN);
    ck_assert_double_eq_tol(rig_summary(&bench, bench.run.acts_done - 3)->v_last, 3.7, 0.004);
}
END_TEST

/* ---- Ends ------------------------------------------------------------------------------------ */

START_TEST(test_ends)
{
    struct act *a;
    reg_id by;

    rig_open(&prog);
    by = rig_reg(&prog, "by");
    a = rig_charge(&prog, 0.02, 4.0,
                   0.002); /* first of the list wins, though both come true in one sample */
    a->n_ends = 0;
    rig_end(&prog, a, RX(&prog, DO(STEP_TIME), K(5.0), DO(GE)), CAUSE_UNTIL, "first");
    rig_end(&prog, a, RX(&prog, DO(STEP_TIME), K(5.0), DO(GE)), CAUSE_STOP, "second");
    (void)rig_step(&prog, OP_LET, by, RX(&prog, {INSN_ENDED_BY, 0, 0}));
    a = rig_rest(&prog, 100.0); /* natural ends wait for at_least, a stop does not wait */
    a->for_s = PROG_NONE;
    a->at_least_s = rig_const(&prog, 30.0);
    rig_end(&prog, a, RX(&prog, CH(RIG_VOLTAGE), K(1.0), DO(GT)), CAUSE_UNTIL, "settled");
    a = rig_rest(&prog, 100.0);
    a->at_least_s = rig_const(&prog, 30.0);
    rig_end(&prog, a, RX(&prog, CH(RIG_VOLTAGE), K(1.0), DO(GT)), CAUSE_STOP, "stopped");
    prog.ends[prog.p.n_ends - 1].after_s = 7.0; /* blanking */
    a = rig_rest(&prog, 100.0);                 /* held without a break */
    rig_end(&prog, a, RX(&prog, CH(RIG_VOLTAGE), K(1.0), DO(GT), {INSN_HOLD, 0, 12.0}), CAUSE_UNTIL,
            "held");
    rig_run(&bench, &prog, 1e4);
    ck_assert_str_eq(program_text(&prog.p, rig_summary(&bench, 0)->end_name), "first");
    ck_assert_double_eq_tol(
        nsec_to_s(rig_summary(&bench, 1)->ended - rig_summary(&bench, 1)->began), 30.5, 0.6);
    ck_assert_uint_eq(rig_summary(&bench, 2)->cause, CAUSE_STOP);
    ck_assert_double_eq_tol(
        nsec_to_s(rig_summary(&bench, 2)->ended - rig_summary(&bench, 2)->began), 7.5, 0.6);
    ck_assert_double_eq_tol(
        nsec_to_s(rig_summary(&bench, 3)->ended - rig_summary(&bench, 3)->began), 12.6, 1.1);
    ck_assert_double_eq_tol(bench.run.reg[by], 0.0, 1e-12);
}
END_TEST

static void timeout(enum timeout_action action)
{
    struct act *a;

    rig_open(&prog);
    a = rig_charge(&prog, 0.02, 4.0, 0.002);
    a->timeout_s = rig_const(&prog, 50.0);
    a->timeout_action = (uint8_t)action;
    (void)rig_rest(&prog, 5.0);
    (void)rig_step(&prog, OP_DONE, 0, 0);
    prog.p.at_end = prog.p.n_steps;
    (void)rig_rest(&prog, 3.0);
    (void)rig_step(&prog, OP_FINISH, 0, 0);
    rig_close(&prog);
    rig_start(&bench, &prog);
}

START_TEST(test_timeouts)
{
    timeout(TIMEOUT_NEXT);
    ck_assert(rig_until(&bench, RUN_ENDED, 500.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    ck_assert_uint_eq(rig_summary(&bench, 0)->cause, CAUSE_TIMEOUT);
    ck_assert_str_eq(program_text(&prog.p, rig_summary(&bench, 0)->end_name), "timeout");
    ck_assert_uint_eq(bench.run.acts_done, 3);

    timeout(TIMEOUT_END);
    ck_assert(rig_until(&bench, RUN_ENDED, 500.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    ck_assert_uint_eq(bench.run.cause, CAUSE_TIMEOUT);
    ck_assert_uint_eq(bench.run.acts_done, 2); /* at_end follows */

    for (int k = 0; k < 2; k++) {
        timeout(k ? TIMEOUT_ABORT : TIMEOUT_SAFE);
        ck_assert(rig_until(&bench, RUN_ENDED, 500.0));
        ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
        ck_assert_uint_eq(bench.run.cause, CAUSE_TIMEOUT);
        ck_assert_uint_eq(rig_count(&bench, FX_SAFE), 1);
        ck_assert_uint_eq(rig_count(&bench, FX_STEP_END), 1);
        ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, 1.0, 0.01);
        ck_assert_double_eq_tol(rig_summary(&bench, 0)->charge_c, bench.in_c, 1e-5);
    }

    timeout(TIMEOUT_PAUSE);
    ck_assert(rig_until(&bench, RUN_PAUSED, 500.0));
    ck_assert_uint_eq(bench.run.cause, CAUSE_TIMEOUT);
    rig_for(&bench, 10.0);
    ck_assert_double_eq_tol(bench.value[RIG_MODE], CYCLER_REST, 1e-9);
    ck_assert(rig_event(&bench, EV_OPERATOR, OP_RESUME, 0.0) == 0);
    rig_for(&bench, 40.0); /* another turn of the clock */
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
    ck_assert(rig_until(&bench, RUN_PAUSED, 20.0));
}
END_TEST

START_TEST(test_at_end_and_rejected)
{
    rig_open(&prog);
    prog.endings[0] = (struct ending){
        .verdict = END_REJECTED,
        .reason = {.text = rig_text(&prog, "only {}"), .n = 1},
        .n_measures = 1
    };
    prog.endings[0].reason.expr[0] = rig_const(&prog, 12.5);
    prog.exprs[prog.endings[0].reason.expr[0]].dims = DIMS_VOLTAGE;
    prog.measures[0] =
        (struct measure){.name = rig_text(&prog, "q"), .expr = rig_const(&prog, 3.0)};
    prog.p.n_endings = prog.p.n_measures = 1;
    (void)rig_rest(&prog, 5.0);
    (void)rig_step(&prog, OP_END, 0, 0);
    (void)rig_rest(&prog, 50.0);
    (void)rig_step(&prog, OP_DONE, 0, 0);
    prog.p.at_end = prog.p.n_steps;
    (void)rig_squeeze(&prog, 2e6, 1e5);
    (void)rig_step(&prog, OP_FINISH, 0, 0);
    rig_run(&bench, &prog, 1e3);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_REJECTED);
    ck_assert_uint_eq(bench.run.cause, CAUSE_END);
    ck_assert_uint_eq(rig_count(&bench, FX_MEASURE), 1);
    ck_assert_uint_eq(bench.run.acts_done, 2);
    ck_assert_double_eq_tol(bench.value[RIG_PSET], 2e6, 1e-6);
    char text[80];
    const struct effect *x = &rig_nth(&bench, FX_END, 0)->fx;

    run_format_reason(&prog.p, (uint16_t)x->token, x->v, text, sizeof(text));
    ck_assert_str_eq(text, "only 12.5 V");
}
END_TEST

START_TEST(test_progress_grows)
{
    double last = 0.0, done, left;

    cycles(3.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    for (int i = 0; i < 200 && bench.run.state != RUN_ENDED; i++) {
        rig_for(&bench, 60.0);
        run_progress(&bench.run, &prog.p, &done, &left);
        ck_assert_double_ge(done, last);
        ck_assert_double_le(done, 1.0);
        ck_assert_double_ge(left, 0.0);
        last = done;
    }
    ck_assert_double_eq_tol(last, 1.0, 1e-12);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run");
    TCase *t = tcase_create("run");
    SRunner *r;
    int bad;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_three_cycles);
    tcase_add_test(t, test_steps_add_up);
    tcase_add_test(t, test_sets_of_a_charge);
    tcase_add_test(t, test_straight_over);
    tcase_add_test(t, test_saves);
    tcase_add_test(t, test_soc);
    tcase_add_test(t, test_loops);
    tcase_add_test(t, test_many_turns_of_nothing);
    tcase_add_test(t, test_zero_turns_and_unknown_turns);
    tcase_add_test(t, test_stop_when);
    tcase_add_test(t, test_ends);
    tcase_add_test(t, test_timeouts);
    tcase_add_test(t, test_at_end_and_rejected);
    tcase_add_test(t, test_progress_grows);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
