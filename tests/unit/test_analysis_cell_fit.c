/* test_analysis_cell_fit.c - a cell identified from recordings that a known cell made: what was put
 * in comes out, the slow file's leads stay out of the cell, a second start ends at the same place,
 * and what cannot be told is refused or marked.
 */
#include "analysis/cell_fit.h"
#include "base/diag.h"
#include "base/err.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)
#define ROOM_K                    298.15
#define CAPACITY_AH               30.0
#define LEAD_OHM                  0.1
#define OFFSET_V                  0.006
#define FACTOR                    1.8
#define SLOW_FULL                 0.995 /* the slow cycle's full charge */

enum {
    ROWS_MAX = 8000,
    STEPS_MAX = 64,
    PULSES = 5
};

/* A recording as it grows. */
struct tape {
    struct recording r;
    struct recording_step step[STEPS_MAX];
    double t_s[ROWS_MAX], v[ROWS_MAX], a[ROWS_MAX];
    struct cell_param p;
    struct cell_state s;
    double lead_ohm, offset_v, now_s;
};
static struct tape slow, pulses;
static struct cell_fit fit, other;
static struct diag d;

static struct cell_param known(double factor)
{
    struct cell_param p = {.capacity_c = CAPACITY_AH * 3600.0,
                           .charge_efficiency = 1.0,
                           .n_ocv = CELL_OCV_MAX,
                           .n_rows = 2,
                           .hysteresis_rate = 60.0,
                           .reference_k = ROOM_K,
                           .heat_j_k = INFINITY};

    for (int k = 0; k < CELL_OCV_MAX; k++) {
        double z = (double)k / (CELL_OCV_MAX - 1);

        p.ocv_v[k] = 3.35 + 0.7 * z + 0.05 * tanh(12.0 * (z - 0.6)) - 0.25 * exp(-z / 0.03);
    }
    p.row[0] = (struct cell_row){
        0.0, factor * 1.8e-3, factor * 0.6e-3, 9.0, factor * 2.4e-3, 180.0, 0.008};
    p.row[1] = (struct cell_row){
        1.0, factor * 1.4e-3, factor * 0.4e-3, 7.0, factor * 1.6e-3, 120.0, 0.008};
    return p;
}

static void begin(struct tape *t, const struct cell_param *p, double soc, double h_v)
{
    memset(t, 0, sizeof(*t));
    t->p = *p;
    cell_init(&t->s, soc, ROOM_K);
    t->s.h_v = h_v;
    t->r = (struct recording){
        .t_s = t->t_s, .voltage_v = t->v, .current_a = t->a, .steps = t->step, .capacity_ah = NAN};
}

/* A step of `n` rows; the voltage is written to a tenth of a millivolt. */
static void go(struct tape *t, uint32_t cycle, double i_a, double dt_s, unsigned n)
{
    struct recording_step *step = &t->step[t->r.n_steps++];

    ck_assert_uint_le(t->r.n_steps, STEPS_MAX);
    *step = (struct recording_step){.first = t->r.n,
                                    .n = n,
                                    .cycle = cycle,
                                    .number = (uint32_t)t->r.n_steps,
                                    .mode = i_a > 0.0   ? RECORDING_CHARGE
                                            : i_a < 0.0 ? RECORDING_DISCHARGE
                                                        : RECORDING_REST};
    for (unsigned k = 0; k < n; k++) {
        size_t row = t->r.n++;
        double v;

        ck_assert_uint_lt(row, ROWS_MAX);
        t->now_s += dt_s;
        cell_step(&t->s, &t->p, i_a, dt_s, ROOM_K);
        v = cell_voltage_v(&t->s, &t->p, i_a) + i_a * t->lead_ohm - t->offset_v;
        t->t_s[row] = t->now_s;
        t->a[row] = i_a;
        t->v[row] = round(v * 1e4) / 1e4;
    }
}

static double seconds(double soc, double i_a)
{
    return soc * CAPACITY_AH * 3600.0 / i_a;
}

/* Charge 3 % up to full, rest, then pulses over the charge, down to empty. */
static void make_pulses(void)
{
    struct cell_param p = known(1.0);
    double per_pulse = (30.0 * 30.0 - 22.5 * 10.0) / 3600.0 / CAPACITY_AH;

    begin(&pulses, &p, 0.03, -0.008);
    go(&pulses, 1, 10.0, seconds(0.97, 10.0) / 200.0, 200);
    go(&pulses, 1, 0.0, 60.0, 60);
    for (int k = 0; k < PULSES; k++) {
        double between = 1.0 / PULSES - per_pulse;

        go(&pulses, 1, -30.0, 0.5, 60);
        go(&pulses, 1, 0.0, 1.0, 40);
        go(&pulses, 1, 22.5, 0.5, 20);
        go(&pulses, 1, -10.0, seconds(between, 10.0) / 200.0, 200);
        go(&pulses, 1, 0.0, 60.0, 60);
    }
}

static void make_slow(double factor)
{
    struct cell_param p = known(factor);
    double rows = 500.0, run = seconds(SLOW_FULL - 0.02, 2.0) / rows;

    begin(&slow, &p, SLOW_FULL, 0.008);
    slow.lead_ohm = LEAD_OHM;
    slow.offset_v = OFFSET_V;
    go(&slow, 1, 0.0, 1.0, 20);
    go(&slow, 5, -2.0, 1.0, 60);
    go(&slow, 5, -2.0, run, (unsigned)rows - 2);
    go(&slow, 5, 0.0, 1.0, 30);
    go(&slow, 5, 2.0, 1.0, 60);
    go(&slow, 5, 2.0, run, (unsigned)rows - 2);
    go(&slow, 5, 0.0, 1.0, 30);
    /* rows close together and rows far apart are one step of the cycler */
    for (unsigned k = 1; k + 1 < slow.r.n_steps; k++) {
        if (slow.step[k].mode == slow.step[k + 1].mode) {
            slow.step[k].n += slow.step[k + 1].n;
            memmove(&slow.step[k + 1], &slow.step[k + 2],
                    (slow.r.n_steps - k - 2) * sizeof(slow.step[0]));
            slow.r.n_steps--;
        }
    }
}

static void make(void)
{
    make_pulses();
    make_slow(FACTOR);
    diag_init(&d);
}

static void check_rows(const struct cell_fit *f)
{
    struct cell_param truth = known(1.0);

    ck_assert_uint_eq(f->param.n_rows, PULSES);
    for (unsigned k = 0; k < f->param.n_rows; k++) {
        const struct cell_row *row = &f->param.row[k];
        struct cell_row is;

        cell_row_at(&truth, row->soc, ROOM_K, &is);
        NEAR(row->soc, (k + 1.0) / PULSES, 1e-6);
        NEAR(row->r0_ohm / is.r0_ohm, 1.0, 0.02);
        NEAR(row->r1_ohm / is.r1_ohm, 1.0, 0.20);
        NEAR(row->tau1_s / is.tau1_s, 1.0, 0.25);
        NEAR(row->r2_ohm / is.r2_ohm, 1.0, 0.15);
        NEAR(row->tau2_s / is.tau2_s, 1.0, 0.20);
        ck_assert(f->value[k][0].identified);
        NEAR(row->hysteresis_v, is.hysteresis_v, 1e-3);
        NEAR(cell_ocv_v(&f->param, row->soc), cell_ocv_v(&truth, row->soc), 1.5e-3);
    }
}

START_TEST(known_cell)
{
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &fit, &d), 0);
    ck_assert(fit.settled);
    ck_assert_uint_eq(fit.slow_cycle, 5);
    ck_assert_uint_ge(fit.lead.n, 3);
    NEAR(fit.lead.lead_ohm, LEAD_OHM, 0.3e-3);
    NEAR(fit.slow_factor.value, FACTOR, 0.15); /* M is off by 0.6 mV then */
    NEAR(fit.slow_offset_v.value, OFFSET_V, 1e-3);
    NEAR(fit.slow_start_ah.value, (SLOW_FULL - 1.0) * CAPACITY_AH, 0.1);
    NEAR(fit.param.capacity_c, CAPACITY_AH * 3600.0, 1.0);
    check_rows(&fit);
    ck_assert_double_lt(fit.rms_after_v, 0.8e-3);
    ck_assert_uint_eq(fit.n_pulses, PULSES);
    for (unsigned k = 0; k < PULSES; k++) {
        NEAR(fit.pulse[k].model_ohm / fit.pulse[k].measured_ohm, 1.0, 0.01);
    }
}
END_TEST

/* Twice the leads, the same cell. */
START_TEST(leads_stay_out)
{
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &fit, &d), 0);
    for (size_t k = 0; k < slow.r.n; k++) {
        slow.v[k] += LEAD_OHM * slow.a[k];
    }
    ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &other, &d), 0);
    NEAR(other.lead.lead_ohm - fit.lead.lead_ohm, LEAD_OHM, 1e-6);
    for (unsigned k = 0; k < PULSES; k++) {
        NEAR(other.param.row[k].r0_ohm / fit.param.row[k].r0_ohm, 1.0, 1e-4);
        NEAR(other.param.row[k].hysteresis_v, fit.param.row[k].hysteresis_v, 1e-5);
    }
}
END_TEST

START_TEST(second_start)
{
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &fit, &d), 0);
    ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &other, &d), 0);
    ck_assert_int_eq(memcmp(&fit.param, &other.param, sizeof(fit.param)), 0);
    for (o.start = 1; o.start < 3; o.start++) {
        ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &other, &d), 0);
        for (unsigned k = 0; k < PULSES; k++) {
            for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
                double off = other.value[k][v].value - fit.value[k][v].value;

                ck_assert_double_lt(fabs(off), 0.02 * fit.value[k][v].value);
                ck_assert_double_lt(fabs(off), fit.value[k][v].half95);
            }
        }
    }
}
END_TEST

/* The model of the fit is the model of models/: the finished cell follows to the same rms. */
START_TEST(follows)
{
    struct cell_follow how = {.ambient_k = ROOM_K, .held = true};
    struct cell_param p = known(1.0);
    static double v[ROWS_MAX];
    struct cell_state s;

    make();
    cell_init(&s, 0.03, ROOM_K);
    s.h_v = -0.008;
    /* the first row of the tape ends a step that the recording does not show */
    cell_step(&s, &p, 10.0, pulses.t_s[0], ROOM_K);
    cell_follow(&pulses.r, 0, pulses.r.n, &p, &how, &s, v);
    for (size_t k = 0; k < pulses.r.n; k++) {
        NEAR(v[k], pulses.v[k], 0.6e-4);
    }
}
END_TEST

/* ---- What cannot be told ---- */

START_TEST(no_pulses)
{
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    ck_assert_int_lt(cell_fit(&slow.r, &slow.r, &o, &fit, &d), 0);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "pulses"));
}
END_TEST

START_TEST(no_cycle)
{
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    o.slow_cycle = 4;
    ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &fit, &d), E_NOENT);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "cycle 4"));
}
END_TEST

/* Rows a minute apart at every step of the current: the lead cannot be told from the cell. */
START_TEST(no_step)
{
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    for (size_t k = 0; k < slow.r.n; k++) {
        slow.t_s[k] += 60.0 * (double)k;
    }
    ck_assert_int_lt(cell_fit(&slow.r, &pulses.r, &o, &fit, &d), 0);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "step of the current"));
}
END_TEST

START_TEST(empty)
{
    struct recording none = {.n = 0};
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    ck_assert_int_lt(cell_fit(&none, &pulses.r, &o, &fit, &d), 0);
    ck_assert_int_lt(cell_fit(&slow.r, &none, &o, &fit, &d), 0);
}
END_TEST

/* Values that are not there do not count, and break nothing. */
START_TEST(gaps)
{
    struct cell_fit_options o;

    make();
    cell_fit_options_default(&o);
    for (size_t s = 0; s < pulses.r.n_steps; s++) {
        for (size_t k = 3; k + 1 < pulses.step[s].n; k += 7) {
            pulses.v[pulses.step[s].first + k] = NAN;
        }
    }
    ck_assert_int_eq(cell_fit(&slow.r, &pulses.r, &o, &fit, &d), 0);
    check_rows(&fit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("analysis_cell_fit");
    TCase *t = tcase_create("fit");
    SRunner *runner;
    int failed;

    tcase_add_test(t, known_cell);
    tcase_add_test(t, leads_stay_out);
    tcase_add_test(t, second_start);
    tcase_add_test(t, follows);
    tcase_add_test(t, no_pulses);
    tcase_add_test(t, no_cycle);
    tcase_add_test(t, no_step);
    tcase_add_test(t, empty);
    tcase_add_test(t, gaps);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
