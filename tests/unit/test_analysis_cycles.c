/* test_analysis_cycles.c - steps, cycles, charge and energy of made-up recordings, by arithmetic.
 */
#include "analysis/cycles.h"
#include "analysis/heat.h"
#include "analysis/steps.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "tests/support/rec_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)

/* ---- Steps ---- */

/* Numbers of the source: two steps of one number with a cycle between them are two. */
START_TEST(splits_by_numbers)
{
    static const enum recording_mode mode[] = {RECORDING_REST, RECORDING_CHARGE, RECORDING_REST,
                                               RECORDING_CHARGE};
    struct recording r;

    rec_begin(&r, 16, 0, NULL);
    rec_row(&r, 0, 3.5, 0.0, 1, 1);
    rec_row(&r, 1, 3.5, 0.0, 1, 1);
    rec_row(&r, 2, 3.6, 1.0, 2, 1);
    rec_row(&r, 3, 3.6, 1.0, 2, 1);
    rec_row(&r, 4, 3.5, 0.004, 3, 1); /* 0.4 % of the largest: at rest */
    rec_row(&r, 5, 3.6, 1.0, 3, 2);
    rec_end(&r);
    ck_assert_uint_eq(r.n_steps, ARRAY_LEN(mode));
    for (size_t i = 0; i < r.n_steps; i++) {
        ck_assert_int_eq(r.steps[i].mode, mode[i]);
    }
    ck_assert_uint_eq(r.steps[1].first, 2);
    ck_assert_uint_eq(r.steps[1].n, 2);
    ck_assert_uint_eq(r.steps[3].cycle, 2);
    recording_done(&r);
}
END_TEST

/* Without numbers: where current begins, ends or turns; a row without a current ends nothing. */
START_TEST(splits_by_current)
{
    struct recording r;

    rec_begin(&r, 16, 0, NULL);
    rec_row(&r, 0, 3.5, 0.0, 0, 0);
    rec_row(&r, 1, 3.6, 1.0, 0, 0);
    rec_row(&r, 2, 3.6, NAN, 0, 0);
    rec_row(&r, 3, 3.6, 0.9, 0, 0);
    rec_row(&r, 4, 3.4, -1.0, 0, 0);
    rec_row(&r, 5, 3.4, -1.0, 0, 0);
    rec_row(&r, 6, 3.5, 0.0, 0, 0);
    rec_end(&r);
    ck_assert_uint_eq(r.n_steps, 4);
    ck_assert_uint_eq(r.steps[1].n, 3);
    ck_assert_int_eq(r.steps[2].mode, RECORDING_DISCHARGE);
    recording_done(&r);
}
END_TEST

START_TEST(a_drive_goes_both_ways)
{
    struct recording r;

    rec_begin(&r, 64, 0, NULL);
    for (unsigned i = 0; i < 40; i++) {
        rec_row(&r, i, 3.6, i % 4 < 2 ? -2.0 : 1.0, 7, 1);
    }
    rec_row(&r, 40, 3.6, 0.0, 8, 1);
    rec_end(&r);
    ck_assert_uint_eq(r.n_steps, 2);
    ck_assert_int_eq(r.steps[0].mode, RECORDING_MIXED);
    recording_done(&r);
}
END_TEST

/* ---- Charge ---- */

/* The step's first row comes 10 s after its begin (step time), 500 s after the row before: 1 A for
 * 10 s, then 1 to 3 A over 100 s: 10 + 200 As. */
START_TEST(first_row_brings_its_step_time)
{
    static const char *const names[] = {"step_time_s"};
    struct recording r;
    struct cycles c;

    rec_begin(&r, 16, 1, names);
    rec_row(&r, 0, 3.5, 0.0, 1, 1);
    rec_set(&r, 0, 0.0);
    rec_row(&r, 500, 4.0, 1.0, 2, 1);
    rec_set(&r, 0, 10.0);
    rec_row(&r, 600, 4.0, 3.0, 2, 1);
    rec_set(&r, 0, 110.0);
    rec_end(&r);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    NEAR(c.step[1].integral.in_ah, 210.0 / 3600.0, 1e-12);
    NEAR(c.step[1].integral.in_wh, 840.0 / 3600.0, 1e-12);
    NEAR(c.step[1].begin_s, 490.0, 1e-9);
    ck_assert(!c.has_counter);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* Without it: what passed since the row before, at the step's own current. */
START_TEST(first_row_without_step_time)
{
    struct recording r;
    struct cycles c;

    rec_begin(&r, 16, 0, NULL);
    rec_row(&r, 0, 3.5, 0.0, 1, 1);
    rec_row(&r, 30, 4.0, -1.0, 2, 1);
    rec_row(&r, 90, 4.0, -1.0, 2, 1);
    rec_end(&r);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    NEAR(c.step[1].integral.out_ah, 90.0 / 3600.0, 1e-12);
    NEAR(c.step[1].integral.in_ah, 0.0, 1e-12);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* From +1 A to -3 A over 40 s: through zero after 10 s: 5 As in, 45 As out. */
START_TEST(a_turning_current_is_two_triangles)
{
    struct recording r;
    struct cycles c;

    rec_begin(&r, 16, 0, NULL);
    rec_row(&r, 0, 4.0, 1.0, 1, 1);
    rec_row(&r, 40, 4.0, -3.0, 1, 1);
    rec_row(&r, 41, 4.0, 0.0, 2, 1);
    rec_end(&r);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    NEAR(c.step[0].integral.in_ah, 5.0 / 3600.0, 1e-12);
    NEAR(c.step[0].integral.out_ah, 45.0 / 3600.0, 1e-12);
    NEAR(c.step[0].integral.out_wh, 180.0 / 3600.0, 1e-12);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* A gap counts nothing, and is told. */
START_TEST(gaps_are_told)
{
    struct recording r;
    struct cycles c;

    rec_begin(&r, 16, 0, NULL);
    rec_row(&r, 0, 4.0, 1.0, 1, 1);
    rec_row(&r, 10, 4.0, NAN, 1, 1);
    rec_row(&r, 20, 4.0, 1.0, 1, 1);
    rec_row(&r, 30, 4.0, 1.0, 1, 1);
    rec_end(&r);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_uint_eq(c.step[0].n_invalid, 1);
    NEAR(c.step[0].integral.in_ah, 10.0 / 3600.0, 1e-12);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* ---- The instrument's counter ---- */

enum resets {
    NEVER,
    PER_STEP,
    PER_CYCLE
};

/* Charge 1 Ah, discharge 0.9 Ah, three times; counters as instruments reset them. */
static void counted(struct recording *r, enum resets resets, double gain)
{
    static const char *const names[] = {"counter_in_ah", "counter_out_ah"};
    double in = 0.0, out = 0.0, t = 0.0;

    rec_begin(r, 4096, 2, names);
    for (uint32_t cycle = 1; cycle <= 3; cycle++) {
        for (uint32_t step = 1; step <= 4; step++) {
            double a = step == 1 ? 1.0 : step == 3 ? -0.9 : 0.0;

            if (resets == PER_STEP || (resets == PER_CYCLE && step == 1)) {
                in = out = 0.0;
            }
            for (unsigned k = 0; k < 60; k++) {
                t += 60.0;
                in += a > 0.0 ? gain * a / 60.0 : 0.0;
                out -= a < 0.0 ? gain * a / 60.0 : 0.0;
                rec_row(r, t, 3.7, a, step, cycle);
                rec_set(r, 0, in);
                rec_set(r, 1, out);
            }
        }
    }
    rec_end(r);
}

START_TEST(counters_however_they_reset)
{
    struct recording r;
    struct cycles c;

    counted(&r, (enum resets)_i, 1.0);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_uint_eq(c.n, 3);
    for (size_t i = 0; i < c.n; i++) {
        NEAR(c.cycle[i].charge_ah.v, 1.0, 1e-9);
        NEAR(c.cycle[i].discharge_ah.v, 0.9, 1e-9);
        NEAR(c.cycle[i].counter_in_ah.v, 1.0, 1e-9);
        NEAR(c.cycle[i].ce.v, 0.9, 1e-9);
        ck_assert(!c.cycle[i].flagged || i == 0);
    }
    /* nothing says how long the first row's current had flowed: a sixtieth is missing, and told */
    NEAR(c.cycle[0].integral.in_ah, 59.0 / 60.0, 1e-9);
    ck_assert(c.cycle[0].flagged);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

START_TEST(counters_that_differ_are_flagged)
{
    struct recording r;
    struct cycles c;

    counted(&r, PER_CYCLE, 1.002);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert(c.cycle[1].flagged);
    NEAR(c.cycle[1].differ_ah, 1.0 / 1.002 - 1.0, 1e-9);
    NEAR(c.cycle[1].charge_ah.v, 1.002, 1e-9); /* the instrument's is the answer */
    NEAR(c.cycle[1].integral.in_ah, 1.0, 1e-9);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* ---- Cycles ---- */

/* Ah per step, one row a minute at 6 A; the source counts no cycles. */
static void moves(struct recording *r, const double *ah, size_t n)
{
    double t = 0.0;

    rec_begin(r, 40000, 0, NULL);
    for (size_t i = 0; i < n; i++) {
        unsigned rows = (unsigned)lround(fabs(ah[i]) / 0.1);

        for (unsigned k = 0; k < rows; k++) {
            t += 60.0;
            rec_row(r, t, 3.7, ah[i] > 0.0 ? 6.0 : -6.0, (uint32_t)i + 1, 1);
        }
        t += 60.0;
        rec_row(r, t, 3.7, 0.0, 1000 + (uint32_t)i, 1);
    }
    rec_end(r);
}

/* Pulses and regen are no turns: one charge, one discharge in pieces, one cycle. */
START_TEST(pulses_make_no_cycles)
{
    static const double ah[] = {30.0, -0.3, 0.1, -3.0, -0.3, 0.1, -3.0, -24.0};
    struct recording r;
    struct cycles c;

    moves(&r, ah, ARRAY_LEN(ah));
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_uint_eq(c.n, 1);
    ck_assert(c.charge_first);
    NEAR(c.cycle[0].discharge_ah.v, 30.6, 1e-9);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* Discharge first: each against the charge before it, which itself came after a discharge. */
START_TEST(discharge_first)
{
    static const double ah[] = {-30.0, 31.0, -29.0, 30.0, -28.0, 29.0};
    struct recording r;
    struct cycles c;

    moves(&r, ah, ARRAY_LEN(ah));
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_uint_eq(c.n, 3);
    ck_assert(!c.charge_first);
    ck_assert_ptr_nonnull(c.cycle[0].ce.why);
    NEAR(c.cycle[1].ce.v, 29.0 / 31.0, 1e-9);
    NEAR(c.cycle[2].ce.v, 28.0 / 30.0, 1e-9);
    cycles_done(&c);
    /* somebody who knows better */
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_CHARGE_FIRST, &c, NULL), 0);
    ck_assert_uint_eq(c.n, 3);
    NEAR(c.cycle[1].charge_ah.v, 30.0, 1e-9);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* Stated accuracies: 0.1 % of reading, 20 mA of offset over ten hours at 3 A (30 Ah). Gain falls
 * out of CE, the offset adds: 0.2 Ah of limit each way, so 2 * 0.2 / 30 / sqrt 3. */
START_TEST(uncertainty_by_hand)
{
    struct recording r;
    struct cycles c;
    double t = 0.0;

    rec_begin(&r, 8192, 0, NULL);
    for (uint32_t cycle = 1; cycle <= 2; cycle++) {
        for (unsigned k = 0; k < 1200; k++) {
            t += 60.0;
            rec_row(&r, t, 3.7, k < 600 ? 3.0 : -3.0, k < 600 ? 1 : 2, cycle);
        }
    }
    r.current = (struct recording_accuracy){1e-3, 0.02, 1e-6};
    r.voltage = (struct recording_accuracy){0.0, 0.0, 1e-6};
    rec_row(&r, t + 60.0, 3.7, 0.0, 3, 2);
    rec_end(&r);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert(c.stated);
    NEAR(c.cycle[1].charge_ah.v, 30.0, 1e-9);
    NEAR(c.cycle[1].charge_ah.u, hypot(0.03, 0.2) / sqrt(3.0), 1e-6);
    NEAR(c.cycle[1].ce.v, 1.0, 1e-9);
    NEAR(c.cycle[1].ce.u, 2.0 * 0.2 / 30.0 / sqrt(3.0), 1e-6);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

START_TEST(nothing_is_nothing)
{
    struct recording r = {0};
    struct cycles c;
    struct diag d;

    diag_init(&d);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, &d), E_NOENT);
    ck_assert_uint_eq(d.n, 1);
    rec_begin(&r, 4, 0, NULL);
    rec_row(&r, 0, 3.7, 0.0, 1, 1);
    rec_end(&r);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_uint_eq(c.n, 1);
    ck_assert_ptr_nonnull(c.cycle[0].charge_ah.why);
    ck_assert(isnan(c.cycle[0].charge_ah.v));
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

/* ---- Warmth ---- */

/* 10 A for an hour warms from 300 K by 5 K, most after 50 minutes: 8.33 Ah. */
START_TEST(warmth)
{
    static const char *const names[] = {"temperature_1_k"};
    struct recording r;
    struct cycles c;
    struct heat h;

    rec_begin(&r, 256, 1, names);
    for (unsigned k = 0; k < 20; k++) {
        rec_row(&r, 60.0 * k, 3.7, 0.0, 1, 1);
        rec_set(&r, 0, 300.0);
    }
    for (unsigned k = 1; k <= 60; k++) {
        rec_row(&r, 1140.0 + 60.0 * k, 3.6, -10.0, 2, 1);
        rec_set(&r, 0, k <= 50 ? 300.0 + 0.1 * k : 305.0 - 0.1 * (k - 50));
    }
    rec_end(&r);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_int_eq(heat_of(&r, &c, &h, NULL), 0);
    ck_assert_uint_eq(h.n, 1);
    NEAR(h.row[0].rise_k.v, 5.0, 1e-9);
    NEAR(h.row[0].minutes_to_most, 50.0, 1e-9);
    NEAR(h.row[0].k_per_ah.v, 5.0 / (500.0 / 60.0), 1e-9);
    NEAR(h.row[0].end_k.v, 304.0, 1e-9);
    NEAR(h.row[0].rise_k.u, sqrt(2.0) * 0.1 / sqrt(12.0), 1e-9); /* told in steps of 0.1 K */
    heat_done(&h);
    cycles_done(&c);
    recording_done(&r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cycles");
    TCase *t = tcase_create("steps and cycles");

    tcase_add_test(t, splits_by_numbers);
    tcase_add_test(t, splits_by_current);
    tcase_add_test(t, a_drive_goes_both_ways);
    tcase_add_test(t, first_row_brings_its_step_time);
    tcase_add_test(t, first_row_without_step_time);
    tcase_add_test(t, a_turning_current_is_two_triangles);
    tcase_add_test(t, gaps_are_told);
    tcase_add_loop_test(t, counters_however_they_reset, NEVER, PER_CYCLE + 1);
    tcase_add_test(t, counters_that_differ_are_flagged);
    tcase_add_test(t, pulses_make_no_cycles);
    tcase_add_test(t, discharge_first);
    tcase_add_test(t, uncertainty_by_hand);
    tcase_add_test(t, nothing_is_nothing);
    tcase_add_test(t, warmth);
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
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
