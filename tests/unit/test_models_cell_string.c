/* test_models_cell_string.c - groups of cells in series, and what cells lose: equal cells are one
 * cell, parallel currents go by the resistances, a pack is as large as its least group; the growing
 * layer and rainflow counting.
 */
#include "base/rng.h"
#include "models/cell_age.h"
#include "models/cell_string.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)
#define ROOM_K                    298.15

static struct cell_param kind(void)
{
    struct cell_param p = {
        .capacity_c = 33.0 * 3600.0,
        .charge_efficiency = 1.0,
        .n_ocv = 3,
        .ocv_v = {3.0, 3.7, 4.2},
        .n_rows = 1,
        .hysteresis_rate = 40.0,
        .activation_j_mol = 30e3,
        .reference_k = ROOM_K,
        .heat_j_k = 800.0,
        .loss_w_k = 1.0
    };

    p.row[0] = (struct cell_row){0.5, 1.5e-3, 0.5e-3, 9.0, 2e-3, 110.0, 0.008};
    return p;
}

START_TEST(equal_cells_are_one)
{
    struct cell_param cell = kind();
    struct cell_string_param p = {.cell = &cell, .groups = 6, .parallel = 2};
    struct cell_string_state s;
    struct cell_state one;
    struct cell_string_extremes x;

    cell_string_init(&s, &p, 0.9, ROOM_K);
    cell_init(&one, 0.9, ROOM_K);
    for (int k = 0; k < 500; k++) {
        double i = k % 3 ? -65.0 : 20.0;

        cell_string_step(&s, &p, i, 5.0, ROOM_K);
        cell_step(&one, &cell, 0.5 * i, 5.0, ROOM_K);
    }
    for (unsigned g = 0; g < 6; g++) {
        NEAR(cell_string_group_v(&s, &p, g, -65.0), cell_voltage_v(&one, &cell, -32.5), 1e-12);
        NEAR(cell_string_at(&s, &p, g, 1)->soc, one.soc, 1e-12);
        NEAR(cell_string_at(&s, &p, g, 1)->temperature_k, one.temperature_k, 1e-10);
    }
    NEAR(cell_string_voltage_v(&s, &p, -65.0), 6.0 * cell_voltage_v(&one, &cell, -32.5), 1e-11);
    NEAR(cell_string_current_a(&s, &p, cell_string_voltage_v(&s, &p, 17.0)), 17.0, 1e-9);
    cell_string_look(&s, &p, -65.0, &x);
    NEAR(x.most_v - x.least_v, 0.0, 1e-12);
    NEAR(x.deviation_v, 0.0, 1e-12);
}
END_TEST

START_TEST(split_by_resistance)
{
    struct cell_param cell = kind();
    struct cell_string_param p = {.cell = &cell, .groups = 2, .parallel = 2};
    struct cell_string_state s;
    double a, b;

    cell_string_init(&s, &p, 0.5, ROOM_K);
    cell_string_at(&s, &p, 0, 1)->own_resistance = 3.0;
    a = cell_string_share_a(&s, &p, 0, 0, -60.0);
    b = cell_string_share_a(&s, &p, 0, 1, -60.0);
    NEAR(a, -45.0, 1e-10);
    NEAR(b, -15.0, 1e-10);
    /* 1.5 and 4.5 mOhm in parallel: 1.125 mOhm */
    NEAR(cell_string_group_v(&s, &p, 0, -60.0), 3.7 - 60.0 * 1.125e-3, 1e-12);
    /* cells of one group that differ in charge level out through one another, without any current
     */
    cell_string_at(&s, &p, 1, 0)->soc = 0.6;
    a = cell_string_share_a(&s, &p, 1, 0, 0.0);
    NEAR(a, -cell_string_share_a(&s, &p, 1, 1, 0.0), 1e-9);
    ck_assert_double_lt(a, 0.0);
    for (int k = 0; k < 20000; k++) {
        cell_string_step(&s, &p, 0.0, 1.0, ROOM_K);
    }
    /* what is left is the two branches of the hysteresis: 16 mV at 1.2 V per unit */
    NEAR(cell_string_at(&s, &p, 1, 0)->soc - cell_string_at(&s, &p, 1, 1)->soc, 0.016 / 1.2, 3e-3);
    NEAR(cell_string_at(&s, &p, 1, 0)->soc + cell_string_at(&s, &p, 1, 1)->soc, 1.1, 1e-9);
}
END_TEST

START_TEST(bleeding)
{
    struct cell_param cell = kind();
    struct cell_string_param p = {.cell = &cell, .groups = 2, .parallel = 1, .bleed_ohm = 37.0};
    struct cell_string_state s;

    cell_string_init(&s, &p, 0.5, ROOM_K);
    s.bleeds[1] = 1;
    for (int k = 0; k < 360; k++) {
        cell_string_step(&s, &p, 0.0, 10.0, ROOM_K);
    }
    NEAR(cell_string_at(&s, &p, 0, 0)->soc, 0.5, 1e-15);
    /* 3.7 V over 37 ohm, 0.1 A for an hour, out of 33 Ah; the voltage falls a little meanwhile */
    NEAR(0.5 - cell_string_at(&s, &p, 1, 0)->soc, 0.1 / 33.0, 2e-5);
}
END_TEST

START_TEST(weak_group)
{
    struct cell_param cell = kind();
    struct cell_string_param p = {.cell = &cell, .groups = 6, .parallel = 2};
    struct cell_string_state s;
    struct cell_string_extremes x;

    cell_string_init(&s, &p, 0.5, ROOM_K);
    cell_string_at(&s, &p, 3, 0)->own_capacity = 0.8;
    NEAR(cell_string_capacity_c(&s, &p), 1.8 * cell.capacity_c, 1e-6);
    for (int k = 0; k < 100; k++) {
        cell_string_step(&s, &p, -65.0, 10.0, ROOM_K);
    }
    cell_string_look(&s, &p, -65.0, &x);
    ck_assert_uint_eq(x.least, 3);
    ck_assert_double_gt(x.deviation_v, 0.0);
}
END_TEST

/* The least of 96 means of two normal cells: 1 - 2.4930 s / sqrt 2, within the sheet's figures. */
START_TEST(pack_capacity)
{
    static const double spread[] = {0.01, 0.02, 0.04}, sheet[] = {0.9824, 0.9649, 0.9299};
    static struct cell_string_state s;
    struct cell_param cell = kind();
    struct cell_string_param p = {.cell = &cell, .groups = 96, .parallel = 2};
    struct rng rng;
    enum {
        DRAWS = 400
    };

    rng_seed(&rng, 4, 1);
    cell_string_init(&s, &p, 1.0, ROOM_K);
    for (int k = 0; k < 3; k++) {
        double mean = 0.0, error = spread[k] / sqrt(2.0) * 0.43 / sqrt(DRAWS);

        for (int d = 0; d < DRAWS; d++) {
            cell_string_spread(&s, &p, &rng, spread[k], 0.1, 0.0, 0.0);
            mean += cell_string_capacity_c(&s, &p) / (2.0 * cell.capacity_c) / DRAWS;
        }
        NEAR(mean, 1.0 - 2.4930 * spread[k] / sqrt(2.0), 4.0 * error);
        NEAR(mean, sheet[k], 4.0 * error + 5e-5);
    }
}
END_TEST

/* ---- Ageing ---- */

START_TEST(layer)
{
    struct age_param p;
    double lost = 0.0, hot = 273.15 + 45.0;

    age_param_default(&p);
    NEAR(age_layer_rate(&p, hot) / age_layer_rate(&p, ROOM_K), 3.5538, 5e-4);
    for (int k = 0; k < 3652; k++) {
        lost = age_layer_step(&p, lost, ROOM_K, 86400.0);
    }
    lost = age_layer_step(&p, lost, ROOM_K, 43200.0);
    NEAR(lost, 0.2115, 5e-5);
    /* a year hot and a year cool: the squares add up, whichever comes first */
    lost = age_layer_step(&p, age_layer_step(&p, 0.0, hot, 3e7), ROOM_K, 3e7);
    NEAR(lost, age_layer_step(&p, age_layer_step(&p, 0.0, ROOM_K, 3e7), hot, 3e7), 1e-15);
    NEAR(age_half_cycle(&p, 1.0, 1.0), p.cycle, 1e-18);
    NEAR(age_half_cycle(&p, 0.25, 4.0), p.cycle * 0.125 * 2.0, 1e-18);
}
END_TEST

static double counted(const struct rainflow_range *r, size_t n, double range)
{
    double sum = 0.0;

    for (size_t k = 0; k < n; k++) {
        sum += fabs(r[k].range - range) < 1e-12 ? r[k].count : 0.0;
    }
    return sum;
}

/* The worked example of ASTM E1049: ranges 3, 4, 6, 8, 9 with counts 0.5, 1.5, 0.5, 1, 0.5. */
START_TEST(rainflow)
{
    static const double x[] = {-2, 1, -3, 5, -1, 3, -4, 4, -2};
    /* the same turning points with points on the way and points that stay */
    static const double y[] = {-2, -1, 1, 1, 0, -3, 2, 5, 3, -1, -1, 3, -4, 4, 4, -2};
    struct rainflow_range r[16];
    double stack[16];

    for (int k = 0; k < 2; k++) {
        size_t n = k ? age_rainflow(y, 16, stack, r, 16) : age_rainflow(x, 9, stack, r, 16);

        NEAR(counted(r, n, 3.0), 0.5, 1e-15);
        NEAR(counted(r, n, 4.0), 1.5, 1e-15);
        NEAR(counted(r, n, 6.0), 0.5, 1e-15);
        NEAR(counted(r, n, 8.0), 1.0, 1e-15);
        NEAR(counted(r, n, 9.0), 0.5, 1e-15);
        NEAR(counted(r, n, 7.0), 0.0, 1e-15);
    }
    ck_assert_uint_eq(age_rainflow(x, 0, stack, r, 16), 0);
    ck_assert_uint_eq(age_rainflow(x, 1, stack, r, 16), 0);
    ck_assert_uint_eq(age_rainflow(x, 9, stack, r, 2), age_rainflow(x, 9, stack, r, 16));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("models_cell_string");
    TCase *t = tcase_create("string");
    SRunner *runner;
    int failed;

    tcase_add_test(t, equal_cells_are_one);
    tcase_add_test(t, split_by_resistance);
    tcase_add_test(t, bleeding);
    tcase_add_test(t, weak_group);
    tcase_add_test(t, pack_capacity);
    tcase_add_test(t, layer);
    tcase_add_test(t, rainflow);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
