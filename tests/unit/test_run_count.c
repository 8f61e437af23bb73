/* tests/unit/test_run_count.c - counters, expressions and windows of the run engine against closed
 * forms. */
#include "tests/support/run_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rig_program prog;
static struct rig_bench bench;
static nsec zero;

/* A rest of an hour: samples are fed by the test, the bench's own polls are silent. */
static void begin(void)
{
    rig_open(&prog);
    (void)rig_rest(&prog, 36000.0);
    rig_close(&prog);
}

static void start(void)
{
    rig_start(&bench, &prog);
    ck_assert(rig_until_act(&bench, 1, 100.0));
    for (int g = 0; g < RIG_GROUPS; g++)
        bench.silent[g] = true;
    bench.run.count.valid = 0; /* the first sample that follows begins the counting */
    zero = bench.at;
}

static void group(uint16_t g, double t_s, double a, double b)
{
    struct event e = {.kind = EV_SAMPLE,
                      .code = g,
                      .n = prog.p.station.group[g].n,
                      .stamp = zero + nsec_from_s(t_s)};

    if (e.stamp > bench.at)
        bench.at = bench.world_at = e.stamp;
    e.sample[0] = a;
    e.sample[1] = b;
    ck_assert_int_eq(rig_feed(&bench, &e), 0);
}

static void sample(double t_s, double v, double a)
{
    group(RIG_CYCLER, t_s, v, a);
}

static void edge(double t_s, double closed)
{
    struct event e = {
        .kind = EV_EDGE, .chan = RIG_CURRENT, .value = closed, .stamp = zero + nsec_from_s(t_s)};

    if (e.stamp > bench.at)
        bench.at = bench.world_at = e.stamp;
    ck_assert_int_eq(rig_feed(&bench, &e), 0);
}

static double charge(void)
{
    return bench.run.count.charge_c.sum;
}

/* ---- Charge ------------------------------------------------------------------------------------
 */

/* A triangle of +-1 A over 40 s, sampled at 1 Hz: each half has 10 C, the sum is 0. */
START_TEST(test_triangle)
{
    begin();
    start();
    for (int t = 0; t <= 40; t++)
        sample(t, 4.0, t <= 10 ? t / 10.0 : t <= 30 ? (20 - t) / 10.0 : (t - 40) / 10.0);
    ck_assert_double_eq_tol(charge(), 0.0, 1e-12);
    ck_assert_double_eq_tol(bench.run.count.in_c.sum, 10.0, 1e-12);
    ck_assert_double_eq_tol(bench.run.count.out_c.sum, 10.0, 1e-12);
    ck_assert_double_eq_tol(bench.run.count.in_j.sum, 40.0, 1e-11);
}
END_TEST

/* Zero crossing between samples: from -1 A to +3 A in 4 s: 0.5 C out in the first second, 4.5 C in
 * in the rest. */
START_TEST(test_crossing)
{
    begin();
    start();
    sample(0.0, 3.0, -1.0);
    sample(4.0, 5.0, 3.0);
    ck_assert_double_eq_tol(bench.run.count.out_c.sum, 0.5, 1e-12);
    ck_assert_double_eq_tol(bench.run.count.in_c.sum, 4.5, 1e-12);
    /* v = 3 + t/2, i = t - 1: integral of v i over 0..1 is -1.5 + 1/6 - 1/4 ... = -19/12, over 1..4
     * it is 20.25 */
    ck_assert_double_eq_tol(bench.run.count.out_j.sum, 19.0 / 12.0, 1e-12);
    ck_assert_double_eq_tol(bench.run.count.in_j.sum, 20.25, 1e-12);
}
END_TEST

/* 3 A until it opens at 0.3 s, nothing until it closes at 0.7 s, then 5 A. */
START_TEST(test_edges)
{
    begin();
    start();
    sample(0.0, 1.0, 3.0);
    edge(0.3, 0.0);
    edge(0.7, 1.0);
    sample(1.0, 1.0, 5.0);
    ck_assert_double_eq_tol(charge(), 3.0 * 0.3 + 5.0 * 0.3, 1e-12);
    /* changed, never open: the old value holds until the edge, the new one from there */
    edge(1.6, 1.0);
    sample(2.0, 1.0, -2.0);
    ck_assert_double_eq_tol(charge(), 2.4 + 5.0 * 0.6 - 2.0 * 0.4, 1e-12);
    /* opens and stays open: what an open instrument reads is nothing */
    edge(2.5, 0.0);
    sample(3.0, (double)NAN, (double)NAN);
    sample(4.0, 1.0, 0.01);
    edge(4.5, 1.0);
    sample(5.0, 1.0, 1.0);
    ck_assert_double_eq_tol(charge(), 4.6 - 2.0 * 0.5 + 1.0 * 0.5, 1e-12);
    /* a sample taken before the edge, but told after it, belongs to the old current */
    edge(5.6, 0.0);
    sample(5.5, 1.0, 3.0);
    sample(6.0, 1.0, 0.0);
    ck_assert_double_eq_tol(charge(), 4.1 + 0.5 * (1.0 + 3.0) * 0.5 + 3.0 * 0.1, 1e-12);
}
END_TEST

/* A reading that is not good is bridged by a straight line. */
START_TEST(test_gap)
{
    begin();
    start();
    sample(0.0, 1.0, 1.0);
    sample(1.0, (double)NAN, (double)NAN);
    sample(2.0, 1.0, 3.0);
    ck_assert_double_eq_tol(charge(), 4.0, 1e-12);
}
END_TEST

/* A thousand hours of 0.96 mA at 1 Hz in a million steps: no drift of the sum. */
START_TEST(test_long_sum)
{
    const int n = 200000;

    begin();
    start();
    for (int t = 0; t <= n; t++)
        sample(0.1 * t, 3.7, 0.96e-3);
    ck_assert_double_eq_tol(charge() / (0.96e-3 * 0.1 * n), 1.0, 1e-14);
}
END_TEST

/* ---- Expressions
 * ---------------------------------------------------------------------------------- */

static double eval_now(expr_id x)
{
    double v = run_eval(&bench.run, &prog.p, x);

    prog.p.n_exprs = x; /* it was only for this question */
    prog.p.n_code = prog.exprs[x].start;
    return v;
}
#define EVAL(...) eval_now(RX(&prog, __VA_ARGS__))
#define UNKNOWN   K((double)NAN)

START_TEST(test_logic)
{
    begin();
    start();
    const double t[] = {0.0, 1.0, (double)NAN};

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) { /* Kleene: a known side may decide */
            double both = EVAL(K(t[i]), K(t[j]), DO(AND)), any = EVAL(K(t[i]), K(t[j]), DO(OR));

            if (i == 0 || j == 0)
                ck_assert_double_eq(both, 0.0);
            else
                ck_assert(i == 1 && j == 1 ? both > 0.5 : isnan(both));
            if (i == 1 || j == 1)
                ck_assert_double_eq(any, 1.0);
            else
                ck_assert(i == 0 && j == 0 ? any < 0.5 : isnan(any));
        }
    ck_assert(isnan(EVAL(UNKNOWN, DO(NOT))));
    ck_assert(isnan(EVAL(UNKNOWN, K(1.0), DO(LT))));
    ck_assert(isnan(EVAL(K(1.0), UNKNOWN, DO(EQ))));
    ck_assert_double_eq(EVAL(K(1.0), K(1.0), DO(EQ)), 1.0);
    ck_assert_double_eq(EVAL(K(1.0), K(1.0), DO(NE)), 0.0);
    ck_assert_double_eq(EVAL(K(2.0), K(1.0), DO(GE)), 1.0);
}
END_TEST

START_TEST(test_arithmetic)
{
    begin();
    start();
    ck_assert_double_eq(EVAL(K(7.0), K(2.0), DO(MOD)), 1.0);
    ck_assert_double_eq(EVAL(K(-7.0), K(2.0), DO(MOD)), 1.0);
    ck_assert(isnan(EVAL(K(7.0), K(0.0), DO(MOD))));
    ck_assert(isnan(EVAL(K(7.0), K(0.0), DO(DIV))));
    ck_assert_double_eq(EVAL(K(7.0), K(2.0), DO(DIV)), 3.5);
    ck_assert_double_eq(EVAL(K(7.0), DO(NEG), DO(ABS), K(2.0), DO(SUB)), 5.0);
    ck_assert_double_eq(EVAL(K(7.0), K(2.0), DO(MIN)), 2.0);
    ck_assert(isnan(EVAL(K(7.0), UNKNOWN, DO(MAX))));
    ck_assert_double_eq(EVAL(K(2.0), K(3.0), K(4.0), DO(MUL), DO(ADD)), 14.0);
    ck_assert_double_eq_tol(EVAL(DO(ONE_C)), 0.01, 1e-15);
    ck_assert_double_eq(EVAL(DO(CYCLE)), 1.0);
}
END_TEST

/* A value older than its limit (4 s) is unknown. */
START_TEST(test_freshness)
{
    begin();
    start();
    sample(0.0, 3.7, 0.1);
    ck_assert_double_eq(EVAL(CH(RIG_VOLTAGE)), 3.7);
    ck_assert_double_eq(EVAL({INSN_KNOWN, RIG_VOLTAGE, 0}), 1.0);
    group(RIG_PRESS, 3.9, 1e6, 0.0);
    ck_assert_double_eq(EVAL(CH(RIG_VOLTAGE)), 3.7);
    group(RIG_PRESS, 4.1, 1e6, 0.0);
    ck_assert(isnan(EVAL(CH(RIG_VOLTAGE))));
    ck_assert_double_eq(EVAL({INSN_KNOWN, RIG_VOLTAGE, 0}), 0.0);
}
END_TEST

START_TEST(test_damaged_code)
{
    struct run r;
    struct diag d;

    begin();
    (void)RX(&prog, DO(ADD)); /* nothing to add */
    diag_init(&d);
    ck_assert_int_lt(run_init(&r, &prog.p, &d), 0);
    begin();
    (void)RX(&prog, K(1.0), K(2.0)); /* two values left */
    ck_assert_int_lt(run_init(&r, &prog.p, &d), 0);
    begin();
    (void)RX(&prog, {INSN_REG, 5, 0}); /* no such register */
    ck_assert_int_lt(run_init(&r, &prog.p, &d), 0);
}
END_TEST

/* ---- Windows
 * ---------------------------------------------------------------------------------------- */

static void window(uint8_t kind, bool over_step, double span_s)
{
    begin();
    prog.windows[0] = (struct window){.kind = kind,
                                      .over_step = over_step,
                                      .span_s = span_s,
                                      .expr = RX(&prog, CH(RIG_PRESSURE))};
    prog.p.n_windows = 1;
    start();
}

/* A straight line of 50 Pa/s: exactly, as soon as 60 s have passed, at any sampling. */
START_TEST(test_rate)
{
    const double periods[] = {0.1, 1.0, 7.0, 20.0};

    for (size_t k = 0; k < 4; k++) {
        double t = 0.0;

        window(WINDOW_RATE, false, 60.0);
        for (int i = 0; t < 300.0; i++) {
            t = periods[k] * i;
            group(RIG_PRESS, t, 1e6 + 50.0 * t, 0.0);
            if (t < 59.9)
                ck_assert(isnan(EVAL({INSN_WINDOW, 0, 0})));
            if (t > 60.0)
                ck_assert_double_eq_tol(EVAL({INSN_WINDOW, 0, 0}), 50.0, 1e-6);
        }
        /* a bend is seen after the span has passed over it */
        for (double u = 0.0; u < 80.0; u += periods[k])
            group(RIG_PRESS, t + periods[k] + u, 1e6 - 20.0 * u, 0.0);
        ck_assert_double_eq_tol(EVAL({INSN_WINDOW, 0, 0}), -20.0, 1e-3);
    }
}
END_TEST

/* Mean of a line over the last 30 s is its value 15 s ago; extremes of a sine are its amplitude. */
START_TEST(test_mean_and_extremes)
{
    window(WINDOW_MEAN, false, 30.0);
    for (int t = 0; t <= 100; t++)
        group(RIG_PRESS, t, 1000.0 * t, 0.0);
    ck_assert_double_eq_tol(EVAL({INSN_WINDOW, 0, 0}), 85000.0, 1000.0);

    window(WINDOW_MAX, false, 20.0);
    for (int t = 0; t <= 100; t++)
        group(RIG_PRESS, t, t == 50 ? 9000.0 : 1000.0 + t, 0.0);
    ck_assert_double_eq(EVAL({INSN_WINDOW, 0, 0}), 1100.0);
    window(WINDOW_MAX, false, 20.0);
    for (int t = 0; t <= 65; t++)
        group(RIG_PRESS, t, t == 50 ? 9000.0 : 1000.0 + t, 0.0);
    ck_assert_double_eq(EVAL({INSN_WINDOW, 0, 0}), 9000.0);
    window(WINDOW_MIN, true, 0.0);
    for (int t = 0; t <= 65; t++)
        group(RIG_PRESS, t, 5000.0 + fabs(t - 20.0), 0.0);
    ck_assert_double_eq(EVAL({INSN_WINDOW, 0, 0}), 5000.0);
    window(WINDOW_MEAN, true, 0.0); /* over the step: from its first sample, weighted by time */
    group(RIG_PRESS, 1.0, 1000.0, 0.0);
    ck_assert_double_eq(EVAL({INSN_WINDOW, 0, 0}), 1000.0);
    group(RIG_PRESS, 2.0, 1000.0, 0.0);
    group(RIG_PRESS, 2.5, 3000.0, 0.0);
    group(RIG_PRESS, 4.5, 3000.0, 0.0);
    ck_assert_double_eq_tol(EVAL({INSN_WINDOW, 0, 0}), (1000.0 + 1000.0 + 6000.0) / 3.5, 1e-9);
}
END_TEST

/* Noise of 1 kPa on 1 Hz samples over 10 min: the rate is calmer than two single samples could be.
 */
START_TEST(test_rate_is_calm)
{
    double worst = 0.0;
    uint64_t x = 1;

    window(WINDOW_RATE, false, 600.0);
    for (int t = 0; t <= 3000; t++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        group(RIG_PRESS, t, 5e6 + 1000.0 * ((double)(x >> 40) / 8388608.0 - 1.0), 0.0);
        if (t > 600)
            worst = fmax(worst, fabs(EVAL({INSN_WINDOW, 0, 0})));
    }
    /* least squares: sigma_slope = sigma sqrt(12 / n) / T = 577 Pa x 0.141 / 600 s = 0.14 Pa/s */
    ck_assert_double_lt(worst, 5.0 * 0.14);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run_count");
    TCase *t = tcase_create("run_count");
    SRunner *r;
    int bad;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_triangle);
    tcase_add_test(t, test_crossing);
    tcase_add_test(t, test_edges);
    tcase_add_test(t, test_gap);
    tcase_add_test(t, test_long_sum);
    tcase_add_test(t, test_logic);
    tcase_add_test(t, test_arithmetic);
    tcase_add_test(t, test_freshness);
    tcase_add_test(t, test_damaged_code);
    tcase_add_test(t, test_rate);
    tcase_add_test(t, test_mean_and_extremes);
    tcase_add_test(t, test_rate_is_calm);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
