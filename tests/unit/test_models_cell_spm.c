/* test_models_cell_spm.c - the single particle model: a sphere against its series solution, lithium
 * kept, the sheet's figures for the cell of Chen et al. 2020, and held voltage.
 */
#include "models/cell_spm.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)
#define ROOM_K                    298.15
#define PI                        3.14159265358979323846

/* (c_s - c0) D / (j R) of a sphere of 1 m and D 1 m2/s after tau, flux inwards. */
static double sphere(unsigned shells, double tau, unsigned steps)
{
    double c[SPM_SHELLS_MAX] = {0};

    for (unsigned k = 0; k < steps; k++) {
        spm_sphere_step(c, shells, 1.0, 1.0, -1.0, tau / steps);
    }
    return spm_sphere_surface(c, shells, 1.0, 1.0, -1.0);
}

/* 3 tau + 1/5 - 2 sum exp(-l^2 tau) / l^2 over tan l = l. */
static double series(double tau)
{
    double sum = 0.0;

    for (int n = 1; n <= 60; n++) {
        double l = (n + 0.5) * PI;

        for (int k = 0; k < 50; k++) {
            l = n * PI + atan(l);
        }
        sum += exp(-l * l * tau) / (l * l);
    }
    return 3.0 * tau + 0.2 - 2.0 * sum;
}

START_TEST(sphere_series)
{
    NEAR(series(0.05), 0.312165, 1e-6);
    NEAR(series(0.5), 1.699996, 1e-6);
    NEAR(sphere(160, 0.05, 4000), 0.312165, 1e-4);
    NEAR(sphere(160, 0.5, 4000), 1.699996, 1e-4);
}
END_TEST

/* The error falls to a quarter when the shells are halved: order 2, as the sheet has it. */
START_TEST(sphere_order)
{
    static const double sheet[] = {3.9e-3, 9.6e-4, 2.4e-4};
    unsigned shells = 10;

    for (unsigned k = 0; k < 3; k++, shells *= 2) {
        double error = fabs(sphere(shells, 0.05, 20000) - series(0.05));

        NEAR(error / sheet[k], 1.0, 0.1);
    }
}
END_TEST

/* 3 j t / R in the mean, to rounding. */
START_TEST(sphere_mass)
{
    double c[20] = {0}, sum = 0.0;

    for (int k = 0; k < 1000; k++) {
        spm_sphere_step(c, 20, 5e-6, 3e-14, -1e-5, 3.0);
    }
    for (int k = 0; k < 20; k++) {
        double in = k, out = k + 1.0;

        sum += c[k] * (out * out * out - in * in * in) / 8000.0;
    }
    NEAR(sum / (3.0 * 1e-5 * 3000.0 / 5e-6), 1.0, 1e-12);
}
END_TEST

struct run {
    double capacity_ah, end_s, v[4];
};

/* Discharge at C times 5 A to 2.5 V in steps of `dt_s`; voltages at 600, 1200, 1800, 2400 s over C.
 */
static struct run discharge(unsigned shells, double c, double dt_s)
{
    struct spm_param p;
    struct spm_state s;
    struct run r = {0};
    double i = -5.0 * c, t = 0.0, before, v;

    spm_param_chen2020(&p, shells);
    spm_init(&s, &p, ROOM_K);
    v = before = spm_voltage_v(&s, &p, i);
    while (v > 2.5) {
        before = v;
        spm_step(&s, &p, i, dt_s);
        t += dt_s;
        v = spm_voltage_v(&s, &p, i);
        for (int k = 0; k < 4; k++) {
            if (fabs(t - 600.0 * (k + 1) / c) < 0.5 * dt_s) {
                r.v[k] = v;
            }
        }
    }
    r.end_s = t - dt_s * (2.5 - v) / (before - v);
    r.capacity_ah = -i * r.end_s / 3600.0;
    return r;
}

static const struct {
    double c;
    struct run sheet;
} rates[] = {
    {0.2, {5.06515, 18234.5, {4.01745, 3.86552, 3.70759, 3.58303}}},
    {1.0, {4.95512, 3567.7, {3.86750, 3.71594, 3.56822, 3.45896}} },
    {2.0, {4.82166, 1735.8, {3.76349, 3.56880, 3.46119, 3.34219}} },
};

START_TEST(chen_fine)
{
    struct run r = discharge(160, rates[_i].c, 2.0 / rates[_i].c);

    NEAR(r.capacity_ah / rates[_i].sheet.capacity_ah, 1.0, 2e-4);
    NEAR(r.end_s / rates[_i].sheet.end_s, 1.0, 2e-4);
    for (int k = 0; k < 4; k++) {
        NEAR(r.v[k], rates[_i].sheet.v[k], 0.5e-3);
    }
}
END_TEST

START_TEST(chen_coarse)
{
    struct run r = discharge(20, rates[_i].c, 2.0 / rates[_i].c);

    /* eight times coarser than the sheet's */
    NEAR(r.capacity_ah / rates[_i].sheet.capacity_ah, 1.0, 3e-4);
    for (int k = 0; k < 4; k++) {
        NEAR(r.v[k], rates[_i].sheet.v[k], 2e-3);
    }
}
END_TEST

/* V(600 s) over the step falls with the step, order 1: 3.867629 at 8 s, 3.867448 at 0.5 s. */
START_TEST(chen_steps)
{
    NEAR(discharge(160, 1.0, 8.0).v[0], 3.867629, 1e-4);
    NEAR(discharge(160, 1.0, 8.0).v[0] - discharge(160, 1.0, 2.0).v[0], 3.867629 - 3.867484, 3e-5);
}
END_TEST

START_TEST(lithium_stays)
{
    struct spm_param p;
    struct spm_state s;
    double before;

    spm_param_chen2020(&p, 20);
    spm_init(&s, &p, ROOM_K);
    before = spm_lithium_mol(&s, &p);
    for (int k = 0; k < 300; k++) {
        spm_step(&s, &p, k < 200 ? -5.0 : 2.5, 5.0);
    }
    NEAR(spm_lithium_mol(&s, &p) / before, 1.0, 1e-12);
    /* charge current is positive: it puts lithium into the negative electrode */
    before = s.negative_mol_m3[19];
    spm_step(&s, &p, 5.0, 1.0);
    ck_assert_double_gt(s.negative_mol_m3[19], before);
    ck_assert_double_gt(spm_voltage_v(&s, &p, 5.0), spm_voltage_v(&s, &p, 0.0));
}
END_TEST

START_TEST(held_voltage)
{
    struct spm_param p;
    struct spm_state s, kept;
    double last = INFINITY;

    spm_param_chen2020(&p, 20);
    spm_init(&s, &p, ROOM_K);
    for (int k = 0; k < 200; k++) {
        spm_step(&s, &p, -5.0, 5.0);
    }
    for (int k = 0; k < 100; k++) {
        double i = spm_step_at_v(&s, &p, 4.0, 10.0);

        NEAR(spm_voltage_v(&s, &p, i), 4.0, 1e-8);
        ck_assert_double_gt(i, 0.0);
        ck_assert_double_lt(i, last); /* it tapers */
        last = i;
    }
    kept = s;
    ck_assert(isnan(spm_step_at_v(&s, &p, 40.0, 10.0)));
    NEAR(s.positive_mol_m3[19], kept.positive_mol_m3[19], 1e-300);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("models_cell_spm");
    TCase *t = tcase_create("spm");
    SRunner *runner;
    int failed, n = (int)(sizeof(rates) / sizeof(rates[0]));

    tcase_add_test(t, sphere_series);
    tcase_add_test(t, sphere_order);
    tcase_add_test(t, sphere_mass);
    tcase_add_loop_test(t, chen_fine, 0, n);
    tcase_add_loop_test(t, chen_coarse, 0, n);
    tcase_add_test(t, chen_steps);
    tcase_add_test(t, lithium_stays);
    tcase_add_test(t, held_voltage);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
