/* test_analysis_compare.c - a recording beside a model or another recording: alignment, what is not
 * judged, scores and verdicts, by figures that were worked out by hand. */
#include "analysis/compare.h"
#include "base/diag.h"
#include "base/err.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MAX = 128,
    STEPS_MAX = 8
};

struct made {
    struct recording r;
    double t[ROWS_MAX], v[ROWS_MAX], i[ROWS_MAX], step_time[ROWS_MAX];
    struct recording_step step[STEPS_MAX];
};

static struct made mine, other;
static struct compare c;
static struct compare_limits limits;
static struct diag d;

static void begin(struct made *m)
{
    memset(m, 0, sizeof(*m));
    m->r.t_s = m->t;
    m->r.voltage_v = m->v;
    m->r.current_a = m->i;
    m->r.steps = m->step;
    m->r.voltage = m->r.current = (struct recording_accuracy){NAN, NAN, NAN};
}

static void step(struct made *m, enum recording_mode mode)
{
    m->step[m->r.n_steps++] = (struct recording_step){.first = m->r.n, .mode = mode};
}

static void row(struct made *m, double t, double v, double i)
{
    size_t k = m->r.n++;

    ck_assert_uint_lt(k, ROWS_MAX);
    m->t[k] = t;
    m->v[k] = v;
    m->i[k] = i;
    m->step_time[k] = t - m->t[m->step[m->r.n_steps - 1].first];
    m->step[m->r.n_steps - 1].n++;
}

static void has_step_time(struct made *m)
{
    m->r.n_extra = 1;
    strcpy(m->r.extra[0].name, "step_time_s");
    m->r.extra[0].v = m->step_time;
}

static void setup(void)
{
    begin(&mine);
    begin(&other);
    memset(&c, 0, sizeof(c));
    diag_init(&d);
    compare_limits_default(&limits);
}

static void teardown(void)
{
    compare_done(&c);
}

static void compare_both(enum compare_by by)
{
    ck_assert_int_eq(compare_recordings(&mine.r, &other.r, by, &limits, &c, &d), 0);
}

/* ---- Scores ---- */

/* Residuals 1, -1, 2, -2, 0 mV: squares 10, differences squared 4 + 9 + 16 + 4 = 33. */
START_TEST(scores)
{
    static const double e[] = {1e-3, -1e-3, 2e-3, -2e-3, 0.0};

    step(&mine, RECORDING_REST);
    step(&other, RECORDING_REST);
    for (int k = 0; k < 5; k++) {
        row(&mine, k, 3.0 + 0.01 * k + e[k], 0.0);
        row(&other, k, 3.0 + 0.01 * k, 0.0);
    }
    compare_both(COMPARE_BY_TIME);
    ck_assert_uint_eq(c.total.n, 5);
    ck_assert_double_eq_tol(c.total.rmse_v, sqrt(10e-6 / 5.0), 1e-12);
    ck_assert_double_eq_tol(c.total.mae_v, 1.2e-3, 1e-12);
    ck_assert_double_eq_tol(c.total.max_v, 2e-3, 1e-12);
    ck_assert_double_eq_tol(c.total.max_at_s, 2.0, 1e-12);
    ck_assert_double_eq_tol(c.total.bias_v, 0.0, 1e-12);
    ck_assert_double_eq_tol(c.total.durbin_watson, 3.3, 1e-9);
    /* measured from 3.001 to 3.040 V */
    ck_assert_double_eq_tol(c.total.nrmse, sqrt(2e-6) / 0.039, 1e-9);
    ck_assert(isnan(c.total.energy_error)); /* nothing flowed */
    ck_assert_uint_eq(c.segment[COMPARE_REST].n, 5);
    ck_assert_uint_eq(c.total.verdict, COMPARE_PASS);
}
END_TEST

/* 1 A and 4 V beside 4.04 V: 1 % too much energy, whichever way it flows. */
START_TEST(energy)
{
    step(&mine, RECORDING_DISCHARGE);
    step(&other, RECORDING_DISCHARGE);
    for (int k = 0; k < 60; k++) {
        row(&mine, 10.0 * k, 4.0, -1.0);
        row(&other, 10.0 * k, 4.04, -1.0);
    }
    compare_both(COMPARE_BY_STEP);
    ck_assert_double_eq_tol(c.total.energy_error, 0.01, 1e-12);
    ck_assert_uint_eq(c.segment[COMPARE_CC].n, 60);
    ck_assert_double_eq_tol(c.total.bias_v, -0.04, 1e-12);
}
END_TEST

static void with_outside(unsigned n_outside)
{
    begin(&mine);
    begin(&other);
    step(&mine, RECORDING_REST);
    step(&other, RECORDING_REST);
    for (unsigned k = 0; k < 20; k++) {
        row(&mine, k, k < n_outside ? 3.06 : 3.04, 0.0);
        row(&other, k, 3.0, 0.0);
    }
    compare_done(&c);
    compare_both(COMPARE_BY_TIME);
}

/* 95 % and 90 % of 20 rows; 40 mV are within the 50 mV, 60 mV are not. */
START_TEST(verdicts)
{
    with_outside(1);
    ck_assert_uint_eq(c.total.n_inside, 19);
    ck_assert_uint_eq(c.total.verdict, COMPARE_PASS);
    with_outside(2);
    ck_assert_uint_eq(c.total.verdict, COMPARE_WARN);
    with_outside(3);
    ck_assert_uint_eq(c.total.verdict, COMPARE_FAIL);
    ck_assert_uint_eq(compare_worst(&c), COMPARE_REST);
    limits.rmse_v = 0.039; /* 40 mV each */
    with_outside(0);
    ck_assert_uint_eq(c.total.n_inside, 20);
    ck_assert_uint_eq(c.total.verdict, COMPARE_FAIL);
    limits.rmse_v = 0.041;
    with_outside(0);
    ck_assert_uint_eq(c.total.verdict, COMPARE_PASS);
}
END_TEST

/* Where both are known worse than the limit, k u is the band: the limits of an accuracy are evenly
 * spread, 0.09 V are 0.052 V standard deviation. */
START_TEST(uncertainty_widens)
{
    limits.sigma_v = 0.03;
    mine.r.voltage = (struct recording_accuracy){0.02, 0.03, NAN};
    step(&mine, RECORDING_REST);
    step(&other, RECORDING_REST);
    row(&mine, 0.0, 3.0, 0.0);
    row(&other, 0.0, 3.11, 0.0);
    compare_both(COMPARE_BY_TIME);
    ck_assert_double_eq_tol(c.row[0].band_v, 2.0 * hypot(0.09 / sqrt(3.0), 0.03), 1e-12);
    ck_assert_uint_eq(c.total.verdict, COMPARE_PASS);
}
END_TEST

/* ---- Alignment ---- */

/* A straight line is read between its rows, never beyond them; not by moving ours. */
START_TEST(reads_between)
{
    static const double t[] = {3.0, 7.0, 10.0, 13.0, 20.0, 22.0};

    step(&mine, RECORDING_REST);
    step(&other, RECORDING_REST);
    row(&mine, 0.0, 3.0, 0.0);
    for (int k = 0; k < 6; k++)
        row(&mine, t[k], 3.0 + 0.001 * t[k], 0.0);
    for (int k = 0; k < 3; k++)
        row(&other, 100.0 + 10.0 * k, 3.0 + 0.01 * k, 0.0); /* another clock */
    compare_both(COMPARE_BY_TIME);
    ck_assert_uint_eq(c.total.n, 6);
    ck_assert_uint_eq(c.n_unmatched, 1);
    ck_assert(!c.row[6].judged);
    ck_assert_double_le(c.total.max_v, 1e-12);
}
END_TEST

/* The voltage falls with the charge: twice the current, half the time. */
START_TEST(by_charge)
{
    step(&mine, RECORDING_DISCHARGE);
    step(&other, RECORDING_DISCHARGE);
    has_step_time(&mine);
    has_step_time(&other);
    for (int k = 0; k <= 6; k++)
        row(&mine, 600.0 * k, 4.0 - k / 6.0, -1.0);
    for (int k = 0; k <= 9; k++)
        row(&other, 200.0 * k, 4.0 - k / 9.0, -2.0);
    limits.mask_s = 0.0;
    compare_both(COMPARE_BY_CHARGE);
    ck_assert_uint_eq(c.total.n, 7);
    ck_assert_double_le(c.total.max_v, 1e-9);
    ck_assert_double_eq_tol(c.row[6].axis, 1.0, 1e-12); /* Ah */
    compare_done(&c);
    compare_both(COMPARE_BY_STEP);
    ck_assert_uint_eq(c.total.n, 4); /* up to 1800 s */
    ck_assert_double_eq_tol(c.total.max_v, 0.5, 1e-9);
}
END_TEST

/* Steps are paired; the other rested longer, so that by time nothing fits any more. */
START_TEST(by_step)
{
    for (int side = 0; side < 2; side++) {
        struct made *m = side ? &other : &mine;
        double rest_s = side ? 50.0 : 20.0;

        has_step_time(m);
        step(m, RECORDING_REST);
        for (double t = 0.0; t <= rest_s; t += 10.0)
            row(m, t, 3.0, 0.0);
        step(m, RECORDING_CHARGE);
        for (int k = 0; k < 30; k++)
            row(m, rest_s + 10.0 + 10.0 * k, 3.5 + 0.01 * k, 1.0);
    }
    compare_both(COMPARE_BY_STEP);
    ck_assert_uint_eq(c.total.n, 3 + 29); /* the first row of the charge is a transition */
    ck_assert_double_le(c.total.max_v, 1e-12);
    compare_done(&c);
    compare_both(COMPARE_BY_TIME);
    ck_assert_double_ge(c.total.max_v, 0.5);
    other.step[1].mode = RECORDING_DISCHARGE;
    compare_done(&c);
    ck_assert_int_eq(compare_recordings(&mine.r, &other.r, COMPARE_BY_STEP, &limits, &c, &d),
                     E_MISMATCH);
    ck_assert_ptr_nonnull(
        strstr(d.finding[0].text, "step 2 is a charge here and a discharge there"));
}
END_TEST

/* ---- What is not judged, and which segment it is ---- */

START_TEST(masks)
{
    step(&mine, RECORDING_REST);
    step(&other, RECORDING_REST);
    row(&mine, 0.0, 3.0, 0.0);
    row(&mine, 9.0, 3.0, 0.0);
    step(&mine, RECORDING_CHARGE);
    row(&mine, 10.0, 3.0, 1.0);
    row(&mine, 10.1, 3.0, 1.0);
    row(&mine, 10.2, 3.0, 1.0);
    row(&mine, 10.3, NAN, 1.0);
    row(&mine, 10.4, 3.0, 1.0);
    for (int k = 0; k <= 20; k++)
        row(&other, k, 3.0, 0.0);
    compare_both(COMPARE_BY_TIME);
    ck_assert(c.row[0].judged && c.row[1].judged);
    ck_assert(!c.row[2].judged && !c.row[3].judged && !c.row[5].judged);
    ck_assert(c.row[6].judged);
    ck_assert_uint_eq(c.segment[COMPARE_PULSE].n, c.total.n - 2);
    has_step_time(&mine); /* the step had begun before its first row */
    for (int k = 2; k < 7; k++)
        mine.step_time[k] += 0.5;
    compare_done(&c);
    compare_both(COMPARE_BY_TIME);
    ck_assert(c.row[2].judged && c.row[3].judged);
    limits.from_s = 10.15;
    limits.to_s = 10.25;
    compare_done(&c);
    compare_both(COMPARE_BY_TIME);
    ck_assert_uint_eq(c.total.n, 1);
}
END_TEST

/* A charge of 1000 s, of which the last 400 s are held at 4.2 V. */
START_TEST(segments)
{
    step(&mine, RECORDING_CHARGE);
    for (int k = 0; k <= 60; k++)
        row(&mine, 10.0 * k, 3.6 + 0.01 * k, 2.0);
    for (int k = 1; k <= 40; k++)
        row(&mine, 600.0 + 10.0 * k, 4.2, 2.0 * exp(-k / 10.0));
    step(&mine, RECORDING_REST);
    row(&mine, 1010.0, 4.19, 0.0);
    step(&mine, RECORDING_MIXED);
    row(&mine, 1020.0, 4.1, 1.0);
    row(&mine, 1030.0, 4.1, -1.0);
    other.r = mine.r;
    limits.mask_s = 0.0;
    compare_both(COMPARE_BY_TIME);
    ck_assert_uint_eq(c.segment[COMPARE_CV].n, 40);
    ck_assert_uint_eq(c.segment[COMPARE_CC].n, 61);
    ck_assert_uint_eq(c.segment[COMPARE_REST].n, 1);
    ck_assert_uint_eq(c.segment[COMPARE_DRIVE].n, 2);
    ck_assert_uint_eq(c.segment[COMPARE_PULSE].n, 0);
    ck_assert_uint_eq(c.segment[COMPARE_PULSE].verdict, COMPARE_NONE);
}
END_TEST

/* ---- A model ---- */

/* refs/models/cell.md par. 5: 132 A, R0 1.2, R1 0.8 (8 s), R2 1.1 mohm (180 s): 0.158400 V at once,
 * 0.171613 V at 1 s, 0.241592 V at 10 s; 0.029009 V at 10 s after its end. A charge so large that
 * the open-circuit voltage, 3 V and 1 V more when full, stays. */
static void sheet_cell(struct cell_model *ret)
{
    const struct cell_param p = {
        .capacity_c = 1e12,
        .charge_efficiency = 1.0,
        .n_ocv = 2,
        .n_rows = 1,
        .ocv_v = {3.0, 4.0},
        .row = {{0.5, 1.2e-3, 0.8e-3, 8.0, 1.1e-3, 180.0, 0.0}  },
        .reference_k = 298.15,
        .heat_j_k = INFINITY
    };

    cell_model_ecm("sheet", &p, ret);
}

static void sheet_rows(double lead_ohm)
{
    step(&mine, RECORDING_REST);
    row(&mine, 0.0, 3.5, 0.0);
    row(&mine, 5.0, 3.5, 0.001); /* what the instrument shows at rest */
    step(&mine, RECORDING_DISCHARGE);
    row(&mine, 5.0, 3.5 - 0.158400 - 132.0 * lead_ohm, -132.0);
    row(&mine, 6.0, 3.5 - 0.171613 - 132.0 * lead_ohm, -132.0);
    row(&mine, 15.0, 3.5 - 0.241592 - 132.0 * lead_ohm, -132.0);
    step(&mine, RECORDING_REST);
    row(&mine, 25.0, 3.5 - 0.029009, 0.0);
    has_step_time(&mine);
    mine.step_time[5] = 10.0;
}

static int with_model(const struct compare_model *how)
{
    return compare_with_model(&mine.r, how, COMPARE_BY_TIME, &limits, &c, &d);
}

START_TEST(model_of_the_sheet)
{
    struct cell_model m;
    struct compare_model how = {.model = &m, .temperature_k = NAN, .pressure_pa = NAN};

    sheet_cell(&m);
    sheet_rows(0.0);
    ck_assert_int_eq(with_model(&how), 0);
    ck_assert_double_eq_tol(c.start_soc, 0.5, 1e-6);
    ck_assert_uint_eq(c.n_unmatched, 1); /* the model starts with the rest's last row */
    for (size_t k = 1; k < c.n; k++)
        ck_assert_double_eq_tol(c.row[k].other_v, c.row[k].measured_v, 1e-6);
    ck_assert_uint_eq(c.total.n, 4); /* without the first row of the pulse */
    ck_assert_uint_eq(c.segment[COMPARE_PULSE].n, 2);
    ck_assert_uint_eq(c.total.verdict, COMPARE_PASS);
}
END_TEST

/* A lead in series is the set-up's and has to be said; 0.1 mohm are 13.2 mV. */
START_TEST(model_and_lead)
{
    struct cell_model m;
    struct compare_model how = {
        .model = &m, .start = COMPARE_AT_SOC, .soc = 0.5, .temperature_k = NAN, .pressure_pa = NAN};

    sheet_cell(&m);
    sheet_rows(1e-4);
    ck_assert_int_eq(with_model(&how), 0);
    ck_assert_double_eq_tol(c.segment[COMPARE_PULSE].bias_v, -0.0132, 1e-6);
    how.lead_ohm = 1e-4;
    compare_done(&c);
    ck_assert_int_eq(with_model(&how), 0);
    ck_assert_double_le(c.total.max_v, 1e-6);
    ck_assert_uint_eq(c.n_unmatched, 0);
}
END_TEST

START_TEST(model_without_a_start)
{
    struct cell_model m;
    struct compare_model how = {.model = &m, .temperature_k = NAN, .pressure_pa = NAN};

    sheet_cell(&m);
    ck_assert_int_eq(with_model(&how), E_NOENT); /* no rows */
    step(&mine, RECORDING_CHARGE);
    row(&mine, 0.0, 3.5, 1.0);
    ck_assert_int_eq(with_model(&how), E_INVALID);
    ck_assert_ptr_nonnull(strstr(d.finding[1].text, "does not begin at rest"));
    how.start = COMPARE_FRESH;
    ck_assert_int_eq(with_model(&how), E_INVALID);
    mine.v[0] = NAN;
    ck_assert_int_eq(with_model(&how), E_NOENT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compare");
    TCase *t = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, scores);
    tcase_add_test(t, energy);
    tcase_add_test(t, verdicts);
    tcase_add_test(t, uncertainty_widens);
    tcase_add_test(t, reads_between);
    tcase_add_test(t, by_charge);
    tcase_add_test(t, by_step);
    tcase_add_test(t, masks);
    tcase_add_test(t, segments);
    tcase_add_test(t, model_of_the_sheet);
    tcase_add_test(t, model_and_lead);
    tcase_add_test(t, model_without_a_start);
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
