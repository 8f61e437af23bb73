/* tests/unit/test_run_proof.c - the pulse that proves the leads, on the small bench: when it is
 * made, that it is made once, made again when it was cut, and what it refuses. */
#include "tests/support/run_rig.h"

#include <check.h>
#include <math.h>
#include <string.h>

static struct rig_program prog;
static struct rig_bench bench;

/* 2 mA over 0.5 ohm is a millivolt; the cell is at 3.5 V, below the middle of 2.8 V .. 4.4 V. */
#define PULSE_A 0.002

static void open_it(void)
{
    rig_open(&prog);
    rig_guards(&prog);
    prog.p.proof_a = PULSE_A;
}

static size_t sets_to(chan_id chan, double value)
{
    size_t n = 0;

    for (size_t i = 0; i < rig_count(&bench, FX_SET); i++) {
        const struct effect *x = &rig_nth(&bench, FX_SET, i)->fx;

        n += x->chan == chan && fabs(x->value - value) < 1e-9;
    }
    return n;
}

static nsec pulse_at(void)
{
    for (size_t i = 0; i < bench.n_log; i++)
        if (bench.log[i].fx.kind == FX_SET && bench.log[i].fx.chan == RIG_MODE &&
            fabs(bench.log[i].fx.value - (double)CYCLER_VOLTAGE) < 0.5)
            return bench.log[i].at;
    return NSEC_NEVER;
}

static nsec began(size_t k)
{
    return rig_nth(&bench, FX_STEP_BEGIN, k)->at;
}

START_TEST(test_before_the_first_step)
{
    open_it();
    (void)rig_rest(&prog, 5.0);
    (void)rig_charge(&prog, 0.02, 4.0, 0.019);
    bench.through_bytes = false;
    rig_run(&bench, &prog, 1e4);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    ck_assert_uint_eq(sets_to(RIG_LIM_CHARGE, PULSE_A), 1);
    ck_assert_uint_eq(sets_to(RIG_LIM_DISCHARGE, 0.0), 1); /* and it stands for the charge */
    ck_assert_uint_eq(sets_to(RIG_VSET, 3.5 + 0.1 * (4.4 - 2.8)), 1);
    ck_assert(pulse_at() < began(0));
    /* two seconds and a poll of it, and nothing else, have flowed before the charge */
    ck_assert_double_ge(rig_summary(&bench, 0)->v_first, 3.5);
    ck_assert_double_eq_tol(bench.in_c - rig_summary(&bench, 1)->in_c, 2.5 * PULSE_A, PULSE_A);
    /* an act begins from a voltage without current */
    ck_assert_double_eq_tol(rig_summary(&bench, 0)->v_first, 3.5, 5e-4);
}
END_TEST

START_TEST(test_after_the_first_squeeze)
{
    open_it();
    prog.p.presses = true;
    (void)rig_rest(&prog, 5.0);
    (void)rig_squeeze(&prog, 3e6, 1e5);
    (void)rig_rest(&prog, 5.0);
    rig_run(&bench, &prog, 1e4);
    ck_assert(pulse_at() > began(1));
    ck_assert(pulse_at() < began(2));
    ck_assert_uint_eq(sets_to(RIG_MODE, CYCLER_VOLTAGE), 1);
}
END_TEST

START_TEST(test_none_where_none_is_wanted)
{
    open_it();
    prog.p.proof_a = 0.0;
    (void)rig_rest(&prog, 5.0);
    rig_run(&bench, &prog, 1e4);
    ck_assert(pulse_at() == NSEC_NEVER);
}
END_TEST

/* Cut by a pause in its middle, it is made again; and the run goes through its bytes all the time. */
START_TEST(test_made_again)
{
    open_it();
    (void)rig_rest(&prog, 5.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
    bench.through_bytes = true;
    while (pulse_at() == NSEC_NEVER)
        rig_for(&bench, 0.1);
    rig_for(&bench, 0.5);
    ck_assert_uint_eq(bench.run.acts_done, 0);
    ck_assert_int_eq(rig_event(&bench, EV_OPERATOR, OP_PAUSE, 0.0), 0);
    rig_for(&bench, 5.0);
    ck_assert_double_eq_tol(bench.current_a, 0.0, 1e-9);
    ck_assert_int_eq(rig_event(&bench, EV_OPERATOR, OP_RESUME, 0.0), 0);
    ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_DONE);
    ck_assert_uint_eq(sets_to(RIG_MODE, CYCLER_VOLTAGE), 2);
}
END_TEST

START_TEST(test_no_current)
{
    open_it();
    (void)rig_charge(&prog, 0.02, 4.0, 0.002);
    rig_close(&prog);
    rig_start(&bench, &prog);
    bench.stuck[RIG_CURRENT] = 1.0; /* reads 0 A for ever */
    ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_uint_eq(bench.run.cause, CAUSE_CURRENT_LEAD);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_BEGIN), 0);
    ck_assert_uint_eq(rig_count(&bench, FX_SAFE), 1);
}
END_TEST

/* In the cold a discharge is allowed and a charge is not: the pulse goes the way that is left, and
 * the charge is refused before it begins. */
START_TEST(test_cold)
{
    open_it();
    prog.p.charge_lo_k = 300.0; /* it has 298 K */
    (void)rig_rest(&prog, 5.0);
    (void)rig_charge(&prog, 0.02, 4.0, 0.002);
    rig_run(&bench, &prog, 100.0);
    ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
    ck_assert_uint_eq(bench.run.cause, CAUSE_TEMPERATURE);
    ck_assert_uint_eq(bench.run.cause_chan, RIG_TEMPERATURE);
    ck_assert_double_eq_tol(bench.in_c, 0.0, 1e-12);
    ck_assert_double_gt(bench.out_c, 0.0);
    ck_assert_uint_eq(sets_to(RIG_LIM_CHARGE, 0.0), 1);
    ck_assert_uint_eq(sets_to(RIG_LIM_DISCHARGE, PULSE_A), 1);
}
END_TEST

/* A cell that is another one, or the wrong way round, is named before a guard sees a voltage. */
START_TEST(test_resting_cell)
{
    const struct {
        double q_c;
        enum cause cause;
    } cases[] = {
        {18.0 + 36.0 * 1.0, CAUSE_OCV},        /* 4.5 V */
        {18.0 - 36.0 * 1.0, CAUSE_OCV},        /* 2.5 V */
        {18.0 - 36.0 * 3.4, CAUSE_NO_CELL},    /* 0.1 V */
        {18.0 - 36.0 * 7.0, CAUSE_REVERSED},   /* -3.5 V */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        open_it();
        (void)rig_charge(&prog, 0.02, 4.0, 0.002);
        rig_close(&prog);
        rig_start(&bench, &prog);
        bench.q_c = cases[i].q_c;
        ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
        ck_assert_str_eq(cause_text((enum cause)bench.run.cause), cause_text(cases[i].cause));
        ck_assert_uint_eq(bench.run.verdict, VERDICT_ABORT);
        ck_assert_double_eq_tol(bench.in_c + bench.out_c, 0.0, 1e-12);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("run_proof");
    TCase *t = tcase_create("proof");

    tcase_add_test(t, test_before_the_first_step);
    tcase_add_test(t, test_after_the_first_squeeze);
    tcase_add_test(t, test_none_where_none_is_wanted);
    tcase_add_test(t, test_made_again);
    tcase_add_test(t, test_no_current);
    tcase_add_test(t, test_cold);
    tcase_add_test(t, test_resting_cell);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    int failed;

    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
