/* test_analysis_curves.c - resistances, dQ/dV and cell groups of made-up cells whose truth is
 * known.
 */
#include "analysis/groups.h"
#include "analysis/ica.h"
#include "analysis/resistance.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "tests/support/rec_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)

/* ---- Resistances ---- */

/* Rest of 20 min at 3.8 V, then -10 A: 20 mV at once, 10 mV more with 10 s. */
static double answer_v(double t_s)
{
    return 3.8 - 0.02 - 0.01 * (1.0 - exp(-t_s / 10.0));
}

static void pulse(struct recording *r, double first_s, double until_s, bool step_time)
{
    static const char *const names[] = {"step_time_s"};
    double t0 = 1200.0;

    rec_begin(r, 4096, step_time ? 1 : 0, names);
    for (unsigned k = 0; k <= 120; k++) {
        rec_row(r, 10.0 * k, 3.8, 0.0, 1, 1);
        if (step_time) {
            rec_set(r, 0, 10.0 * k);
        }
    }
    t0 += step_time ? 3.0 : 0.0; /* the edge came later than the last row at rest */
    for (double t = first_s; t <= until_s + 1e-9; t += 0.5) {
        rec_row(r, t0 + t, answer_v(t), -10.0, 2, 1);
        if (step_time) {
            rec_set(r, 0, t);
        }
    }
    rec_row(r, t0 + until_s + 10.0, 3.8, 0.0, 3, 1);
    rec_end(r);
}

START_TEST(resistance_at_stated_times)
{
    struct recording r;
    struct pulses p;
    bool step_time = _i == 1;

    pulse(&r, 0.25, 20.25, step_time);
    ck_assert_int_eq(pulses_of(&r, NULL, &p, NULL), 0);
    ck_assert_uint_eq(p.n, 1);
    NEAR(p.row[0].t_s, step_time ? 1203.0 : 1200.0, 1e-9);
    NEAR(p.row[0].rest_s, 1200.0, 1e-9);
    ck_assert_ptr_nonnull(p.row[0].r_ohm[0].why); /* 0.1 s: before the first row */
    ck_assert(isnan(p.row[0].r_ohm[0].v));
    for (unsigned i = 1; i < 7; i++) {
        double t = resistance_times_s[i];

        NEAR(p.row[0].r_ohm[i].v, (3.8 - answer_v(t)) / 10.0, 2e-6); /* straight between rows */
    }
    ck_assert_ptr_nonnull(p.row[0].r_ohm[7].why); /* 30 s: over by then */
    pulses_done(&p);
    recording_done(&r);
}
END_TEST

/* 3.8 V at rest, 3.0 V is the limit, R at 18 s: P = 3.0 * 0.8 / R. */
START_TEST(pulse_power)
{
    struct resistance_options o = {.v_min = 3.0};
    struct recording r;
    struct pulses p;
    double ohm = (3.8 - answer_v(18.0)) / 10.0;

    pulse(&r, 0.25, 20.25, false);
    ck_assert_int_eq(pulses_of(&r, &o, &p, NULL), 0);
    NEAR(p.row[0].ocv_v.v, 3.8, 1e-9);
    NEAR(p.row[0].power_s, 18.0, 1e-9);
    NEAR(p.row[0].power_w.v, 3.0 * 0.8 / ohm, 1.0);
    pulses_done(&p);
    recording_done(&r);
}
END_TEST

/* Voltages in steps of 1 mV, currents of 10 A: u >= sqrt 2 * 1 mV / sqrt 12 / 10 A = 0.041 mohm. */
START_TEST(resolution_is_in_the_uncertainty)
{
    struct recording r;
    struct pulses p;

    pulse(&r, 0.5, 20.0, false);
    for (size_t k = 0; k < r.n; k++) {
        r.voltage_v[k] = round(r.voltage_v[k] * 1000.0) / 1000.0;
    }
    ck_assert_int_eq(pulses_of(&r, NULL, &p, NULL), 0);
    NEAR(p.voltage.resolution, 0.001, 1e-9);
    ck_assert_double_ge(p.row[0].r_ohm[5].u, 0.0408e-3);
    ck_assert_double_le(p.row[0].r_ohm[5].u, 0.08e-3);
    pulses_done(&p);
    recording_done(&r);
}
END_TEST

START_TEST(a_short_rest_is_no_rest)
{
    struct recording r;
    struct pulses p;

    rec_begin(&r, 64, 0, NULL);
    rec_row(&r, 0, 3.9, 5.0, 1, 1);
    rec_row(&r, 10, 3.9, 5.0, 1, 1);
    rec_row(&r, 12, 3.8, 0.0, 2, 1);
    rec_row(&r, 14, 3.8, 0.0, 2, 1);
    rec_row(&r, 15, 3.7, -5.0, 3, 1);
    rec_row(&r, 60, 3.6, -5.0, 3, 1);
    rec_end(&r);
    ck_assert_int_eq(pulses_of(&r, NULL, &p, NULL), 0);
    ck_assert_uint_eq(p.n, 0);
    pulses_done(&p);
    recording_done(&r);
}
END_TEST

/* ---- dQ/dV ---- */

/* A cell whose dQ/dV is a base of 5 Ah/V and two Gauss bells of 2 and 1 Ah, 20 mV wide (sigma):
 * heights 5 + 2 / (0.02 sqrt(2 pi)) = 44.89 and 24.95 Ah/V. */
static double charge_at(double v, double shift_v)
{
    return 5.0 * (v - 3.2) + 1.0 * (1.0 + erf((v - 3.5 - shift_v) / 0.02 / sqrt(2.0))) +
           0.5 * (1.0 + erf((v - 3.8 - shift_v) / 0.02 / sqrt(2.0)));
}

static double voltage_at(double q, double shift_v)
{
    double lo = 3.0, hi = 4.5;

    for (unsigned i = 0; i < 60; i++) {
        double v = (lo + hi) / 2.0;

        if (charge_at(v, shift_v) < q) {
            lo = v;
        } else {
            hi = v;
        }
    }
    return (lo + hi) / 2.0;
}

/* Discharges of 7 Ah at C/14, one row every 20 s; the cell ages by 4 mV a cycle. */
static void slow_cycles(struct recording *r, unsigned n, double quantum_v, double back_v)
{
    double t = 0.0;

    rec_begin(r, 60000, 0, NULL);
    for (uint32_t cycle = 1; cycle <= n; cycle++) {
        for (unsigned k = 0; k <= 2520; k++) {
            double v = voltage_at(7.0 - k * 0.5 * 20.0 / 3600.0, 0.004 * (double)(cycle - 1));

            t += 20.0;
            v += k > 1000 && k < 1100 ? back_v : 0.0;
            v = quantum_v > 0.0 ? round(v / quantum_v) * quantum_v : v;
            rec_row(r, t, v, -0.5, 1, cycle);
        }
        for (unsigned k = 0; k < 100; k++) {
            t += 500.0;
            rec_row(r, t, 4.2, 0.6, 2, cycle);
        }
    }
    rec_end(r);
}

static void curves(const struct recording *r, struct ica_options o, struct ica *ret)
{
    struct cycles c;

    ck_assert_int_eq(cycles_of(r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_int_eq(ica_of(r, &c, &o, ret, NULL), 0);
    cycles_done(&c);
}

/* Savitzky and Golay over 30 mV takes some 4 % off a bell of 47 mV half width. */
START_TEST(finds_the_bells)
{
    struct recording r;
    struct ica a;
    const struct ica_half *h;

    slow_cycles(&r, 1, _i == 0 ? 0.0 : 0.001, 0.0);
    curves(&r, (struct ica_options){.kind = ICA_DQ_DV}, &a);
    h = &a.half[0];
    ck_assert_ptr_null(h->why);
    ck_assert(h->is_slow && h->is_conserved);
    NEAR(h->charge_ah, 7.0, 0.005);
    ck_assert_uint_eq(h->curve.n_peaks, 2);
    NEAR(h->curve.peak[0].x, 3.5, 0.002);
    NEAR(h->curve.peak[1].x, 3.8, 0.002);
    NEAR(h->curve.peak[0].height, 44.89, 2.5);
    NEAR(h->curve.peak[1].height, 24.95, 1.5);
    /* half of 44.9 is 22.4, (22.4 - 5) / 39.9 = 0.437 of the bell: 2 * 0.02 * sqrt(-2 ln 0.437) */
    NEAR(h->curve.peak[0].fwhm, 0.0515, 0.004);
    ck_assert_ptr_nonnull(a.half[1].why); /* the charge at one voltage */
    ica_done(&a);
    recording_done(&r);
}
END_TEST

START_TEST(follows_peaks_through_cycles)
{
    struct recording r;
    struct ica a;

    slow_cycles(&r, 5, 0.0, 0.0);
    curves(&r, (struct ica_options){.kind = ICA_DQ_DV}, &a);
    for (size_t i = 0; i < a.n; i++) {
        const struct ica_half *h = &a.half[i];

        if (h->charge) {
            continue;
        }
        ck_assert_uint_eq(h->curve.n_peaks, 2);
        ck_assert_uint_eq(h->curve.peak[0].track, 1);
        ck_assert_uint_eq(h->curve.peak[1].track, 2);
        NEAR(h->curve.peak[0].x, 3.5 + 0.004 * (double)(h->cycle - 1), 0.002);
    }
    ck_assert_uint_eq(a.n_tracks, 2);
    ica_done(&a);
    recording_done(&r);
}
END_TEST

/* A voltage that jumps back by 20 mV on the way is no base for dQ/dV; dV/dQ still is. */
START_TEST(refuses_a_voltage_that_turns_back)
{
    struct recording r;
    struct ica a;

    slow_cycles(&r, 1, 0.0, 0.02);
    curves(&r, (struct ica_options){.kind = ICA_DQ_DV}, &a);
    ck_assert_ptr_nonnull(a.half[0].why);
    ck_assert_uint_eq(a.half[0].curve.n, 0);
    ica_done(&a);
    curves(&r, (struct ica_options){.kind = ICA_DV_DQ}, &a);
    ck_assert_ptr_null(a.half[0].why);
    ica_done(&a);
    recording_done(&r);
}
END_TEST

/* 0.1 ohm in the leads: -0.5 A lowers all by 50 mV, and is taken out again. */
START_TEST(takes_leads_out)
{
    struct recording r;
    struct ica a;

    slow_cycles(&r, 1, 0.0, 0.0);
    for (size_t k = 0; k < r.n; k++) {
        r.voltage_v[k] += 0.1 * r.current_a[k];
    }
    curves(&r, (struct ica_options){.kind = ICA_DQ_DV}, &a);
    NEAR(a.half[0].curve.peak[0].x, 3.45, 0.002);
    ica_done(&a);
    curves(&r, (struct ica_options){.kind = ICA_DQ_DV, .r_ohm = 0.1}, &a);
    NEAR(a.half[0].curve.peak[0].x, 3.5, 0.002);
    ica_done(&a);
    recording_done(&r);
}
END_TEST

/* dV/dQ has its valleys where dQ/dV has its bells, its top between them: 1 / 5 V/Ah. */
START_TEST(dva_is_the_inverse)
{
    struct recording r;
    struct ica a;
    double top = 0.0;

    slow_cycles(&r, 1, 0.0, 0.0);
    curves(&r, (struct ica_options){.kind = ICA_DV_DQ}, &a);
    for (size_t i = a.half[0].curve.n / 10; i < a.half[0].curve.n * 9 / 10; i++) {
        top = fmax(top, a.half[0].curve.y[i]);
    }
    NEAR(top, 0.2, 0.005);
    ica_done(&a);
    recording_done(&r);
}
END_TEST

/* ---- Groups ---- */

/* V over the charge that is gone from a full cell of 60 Ah: a slope, two bends, a knee at the end.
 */
static double ocv(double gone_ah)
{
    double x = gone_ah / 60.0;

    return 4.15 - 0.45 * x + 0.03 * tanh((x - 0.3) / 0.08) - 0.02 * tanh((x - 0.65) / 0.05) -
           0.15 * exp((x - 1.0) / 0.05) + 0.02 * exp(-x / 0.03);
}

struct made_group {
    double missing_ah, capacity, r_ohm; /* capacity: of 60 Ah */
};

/* A minute of rest, then 60 A until one of them is at 3.0 V. Voltages in mV. */
static void string_of(struct recording *r, const struct made_group *g, unsigned n)
{
    static const char *const names[] = {"voltage_1_v", "voltage_2_v", "voltage_3_v",
                                        "voltage_4_v", "voltage_5_v", "voltage_6_v"};
    struct rng rng;
    double least = 5.0;

    rng_seed(&rng, 7, 0);
    rec_begin(r, 8192, n, names);
    for (unsigned k = 0; k < 4000 && least > 3.0; k++) {
        double i = k < 60 ? 0.0 : -60.0, gone = k < 60 ? 0.0 : (k - 59) / 60.0, sum = 0.0;
        double v[REC_EXTRA_MAX];

        least = 5.0;
        for (unsigned m = 0; m < n; m++) {
            v[m] = ocv((g[m].missing_ah + gone / g[m].capacity)) + i * g[m].r_ohm;
            v[m] = round((v[m] + 2e-4 * (rng_uniform(&rng) - 0.5)) * 1000.0) / 1000.0;
            sum += v[m];
            least = fmin(least, v[m]);
        }
        rec_row(r, k < 60 ? k : 59.0 + (k - 59), sum, i, k < 60 ? 1 : 2, 1);
        for (unsigned m = 0; m < n; m++) {
            rec_set(r, m, v[m]);
        }
    }
    rec_end(r);
}

/* One began 4 Ah lower, one holds 10 % less: each is called what it is. */
START_TEST(tells_imbalance_from_loss)
{
    static const struct made_group made[] = {
        {0.0,  1.0,   1.20e-3},
        {4.0,  1.0,   1.20e-3},
        {0.1,  1.003, 1.22e-3},
        {-0.1, 0.998, 1.18e-3},
        {0.0,  0.90,  1.20e-3},
        {0.05, 1.001, 1.21e-3}
    };
    struct recording r;
    struct groups g;

    string_of(&r, made, ARRAY_LEN(made));
    ck_assert_int_eq(groups_of(&r, &g, NULL), 0);
    ck_assert_ptr_null(g.why);
    ck_assert_uint_eq(g.n, 6);
    ck_assert_uint_eq(g.limiting, 4); /* 54 Ah; the other one has 56 */
    ck_assert(g.group[1].is_imbalanced && !g.group[1].is_weak);
    ck_assert(!g.group[4].is_imbalanced && g.group[4].is_weak);
    NEAR(g.group[1].missing_ah.v, 4.0, 3.0 * g.group[1].missing_ah.u);
    NEAR(g.group[4].capacity_ratio.v, 0.90, 3.0 * g.group[4].capacity_ratio.u);
    ck_assert_double_lt(g.group[1].missing_ah.u, 1.0);
    ck_assert_double_lt(g.group[4].capacity_ratio.u, 0.03);
    ck_assert_double_gt(g.group[1].p_shift, 0.99);
    ck_assert_double_lt(g.group[4].p_shift, 0.01);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_int_eq(g.group[i].is_reference, i != 1 && i != 4);
    }
    recording_done(&r);
}
END_TEST

START_TEST(groups_that_are_alike)
{
    static const struct made_group made[] = {
        {0.0,  1.0,   1.20e-3},
        {0.1,  1.002, 1.22e-3},
        {-0.1, 0.998, 1.18e-3},
        {0.05, 1.001, 1.21e-3}
    };
    struct recording r;
    struct groups g;

    string_of(&r, made, ARRAY_LEN(made));
    ck_assert_int_eq(groups_of(&r, &g, NULL), 0);
    for (unsigned i = 0; i < g.n; i++) {
        ck_assert(g.group[i].is_reference && !g.group[i].is_imbalanced && !g.group[i].is_weak);
    }
    recording_done(&r);
}
END_TEST

/* Two that differ: nothing says which is the odd one. */
START_TEST(two_groups_are_not_identifiable)
{
    static const struct made_group made[] = {
        {0.0, 1.0, 1.2e-3},
        {4.0, 1.0, 1.2e-3}
    };
    struct recording r;
    struct groups g;

    string_of(&r, made, ARRAY_LEN(made));
    ck_assert_int_eq(groups_of(&r, &g, NULL), 0);
    ck_assert_uint_eq(g.limiting, 1); /* that much is seen */
    ck_assert_ptr_nonnull(g.why);
    ck_assert_ptr_nonnull(g.group[1].missing_ah.why);
    ck_assert(!g.group[1].is_imbalanced);
    recording_done(&r);
}
END_TEST

START_TEST(no_groups_no_answer)
{
    struct recording r;
    struct groups g;
    struct diag d;

    diag_init(&d);
    rec_begin(&r, 8, 0, NULL);
    rec_row(&r, 0, 3.7, 0.0, 1, 1);
    rec_end(&r);
    ck_assert_int_eq(groups_of(&r, &g, &d), E_NOENT);
    ck_assert_uint_eq(d.n, 1);
    recording_done(&r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("curves");
    TCase *t = tcase_create("resistance");
    TCase *i = tcase_create("dQ/dV");
    TCase *g = tcase_create("groups");

    tcase_add_loop_test(t, resistance_at_stated_times, 0, 2);
    tcase_add_test(t, pulse_power);
    tcase_add_test(t, resolution_is_in_the_uncertainty);
    tcase_add_test(t, a_short_rest_is_no_rest);
    tcase_add_loop_test(i, finds_the_bells, 0, 2);
    tcase_add_test(i, follows_peaks_through_cycles);
    tcase_add_test(i, refuses_a_voltage_that_turns_back);
    tcase_add_test(i, takes_leads_out);
    tcase_add_test(i, dva_is_the_inverse);
    tcase_add_test(g, tells_imbalance_from_loss);
    tcase_add_test(g, groups_that_are_alike);
    tcase_add_test(g, two_groups_are_not_identifiable);
    tcase_add_test(g, no_groups_no_answer);
    suite_add_tcase(s, t);
    suite_add_tcase(s, i);
    suite_add_tcase(s, g);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    int failed;

    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
