/* test_models_cell.c - the equivalent-circuit cell against closed forms: pulses of two RC pairs,
 * heating, hysteresis, Arrhenius, energy, ends found by voltage. Expected figures are those of the
 * model's sheet or worked out here.
 */
#include "models/cell_ecm.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)
#define ROOM_K                    298.15

/* U flat, so that only the resistances show; 1e6 Ah, so that a pulse moves no charge state. */
static struct cell_param flat(void)
{
    struct cell_param p = {
        .capacity_c = 3.6e9,
        .charge_efficiency = 1.0,
        .n_ocv = 2,
        .ocv_v = {3.7, 3.7},
        .n_rows = 1,
        .reference_k = ROOM_K,
        .heat_j_k = INFINITY
    };

    p.row[0] = (struct cell_row){.soc = 0.5,
                                 .r0_ohm = 1.2e-3,
                                 .r1_ohm = 0.8e-3,
                                 .tau1_s = 8.0,
                                 .r2_ohm = 1.1e-3,
                                 .tau2_s = 180.0};
    return p;
}

/* 33 Ah; U a straight line from 3 V to 4 V. */
static struct cell_param line(void)
{
    struct cell_param p = flat();

    p.capacity_c = 33.0 * 3600.0;
    p.ocv_v[0] = 3.0;
    p.ocv_v[1] = 4.0;
    return p;
}

/* ---- Pairs ---- */

START_TEST(pulse_of_sheet)
{
    struct cell_param p = flat();
    struct cell_state s;

    cell_init(&s, 0.5, ROOM_K);
    NEAR(cell_voltage_v(&s, &p, -132.0), 3.7 - 0.158400, 1e-12);
    cell_step(&s, &p, -132.0, 1.0, ROOM_K);
    NEAR(3.7 - cell_voltage_v(&s, &p, -132.0), 0.171613, 1e-6);
    for (int k = 1; k < 10; k++) {
        cell_step(&s, &p, -132.0, 1.0, ROOM_K);
    }
    NEAR(3.7 - cell_voltage_v(&s, &p, -132.0), 0.241592, 1e-6);
    cell_step(&s, &p, 0.0, 10.0, ROOM_K);
    NEAR(3.7 - cell_voltage_v(&s, &p, 0.0), 0.029009, 1e-6);
}
END_TEST

START_TEST(pulse_closed_form)
{
    struct cell_param p = flat();
    struct cell_state s;
    double v1 = 0.8e-3 * -132.0 * -expm1(-10.0 / 8.0);
    double v2 = 1.1e-3 * -132.0 * -expm1(-10.0 / 180.0);

    cell_init(&s, 0.5, ROOM_K);
    cell_step(&s, &p, -132.0, 10.0, ROOM_K);
    NEAR(s.v1_v, v1, 1e-15);
    NEAR(s.v2_v, v2, 1e-15);
    cell_step(&s, &p, 0.0, 7.0, ROOM_K);
    NEAR(s.v1_v, v1 * exp(-7.0 / 8.0), 1e-15);
    NEAR(s.v2_v, v2 * exp(-7.0 / 180.0), 1e-15);
}
END_TEST

/* However a constant current is cut into steps, the end is the same. */
START_TEST(steps_do_not_matter)
{
    struct cell_param p = flat();
    struct cell_state one, many;

    cell_init(&one, 0.5, ROOM_K);
    many = one;
    cell_step(&one, &p, 50.0, 1000.0, ROOM_K);
    for (int k = 0; k < 1000; k++) {
        cell_step(&many, &p, 50.0, 1.0, ROOM_K);
    }
    NEAR(one.v1_v, many.v1_v, 1e-14);
    NEAR(one.v2_v, many.v2_v, 1e-14);
    NEAR(one.soc, many.soc, 1e-12);
    /* a step much longer than both time constants: settled, not unstable */
    cell_step(&one, &p, 50.0, 1e9, ROOM_K);
    NEAR(cell_voltage_v(&one, &p, 50.0), cell_ocv_v(&p, one.soc) + 50.0 * 3.1e-3, 1e-9);
}
END_TEST

/* ---- Tables ---- */

START_TEST(rows_between)
{
    struct cell_param p = line();
    struct cell_row r;

    p.n_rows = 3;
    p.row[0] = (struct cell_row){0.1, 4e-3, 1e-3, 10.0, 2e-3, 100.0, 0.01};
    p.row[1] = (struct cell_row){0.5, 2e-3, 2e-3, 20.0, 4e-3, 300.0, 0.03};
    p.row[2] = (struct cell_row){0.9, 3e-3, 2e-3, 20.0, 4e-3, 300.0, 0.01};
    cell_row_at(&p, 0.2, ROOM_K, &r);
    NEAR(r.r0_ohm, 3.5e-3, 1e-15);
    NEAR(r.tau2_s, 150.0, 1e-10);
    NEAR(r.hysteresis_v, 0.015, 1e-15);
    cell_row_at(&p, -3.0, ROOM_K, &r);
    NEAR(r.r0_ohm, 4e-3, 1e-15);
    cell_row_at(&p, 3.0, ROOM_K, &r);
    NEAR(r.r0_ohm, 3e-3, 1e-15);
    cell_row_at(&p, 0.5, ROOM_K, &r);
    NEAR(r.r0_ohm, 2e-3, 1e-15);
}
END_TEST

/* Where the row used last was does not change what comes out. */
START_TEST(row_used_last)
{
    struct cell_param p = line();
    struct cell_state s;

    p.n_rows = 3;
    p.row[0] = (struct cell_row){0.1, 4e-3, 1e-3, 10.0, 2e-3, 100.0, 0.0};
    p.row[1] = (struct cell_row){0.5, 2e-3, 2e-3, 20.0, 4e-3, 300.0, 0.0};
    p.row[2] = (struct cell_row){0.9, 3e-3, 2e-3, 20.0, 4e-3, 300.0, 0.0};
    for (double soc = -0.2; soc < 1.3; soc += 0.05) {
        double ohm = 0.0;

        for (uint32_t at = 0; at < 5; at++) {
            cell_init(&s, soc, ROOM_K);
            s.at = at;
            ohm = at == 0 ? cell_series_ohm(&s, &p) : ohm;
            ck_assert(cell_series_ohm(&s, &p) >= ohm && cell_series_ohm(&s, &p) <= ohm);
        }
    }
}
END_TEST

START_TEST(ocv_line_and_beyond)
{
    struct cell_param p = line();

    NEAR(cell_ocv_v(&p, 0.25), 3.25, 1e-15);
    NEAR(cell_ocv_v(&p, -0.1), 2.9, 1e-12);
    NEAR(cell_ocv_v(&p, 1.1), 4.1, 1e-12);
    NEAR(cell_ocv_slope_v(&p, 0.3), 1.0, 1e-12);
    NEAR(cell_soc_at_v(&p, 3.6), 0.6, 1e-12);
    ck_assert_double_eq(cell_soc_at_v(&p, 2.0), 0.0);
    ck_assert_double_eq(cell_soc_at_v(&p, 5.0), 1.0);
}
END_TEST

/* 30 kJ/mol between 25 and 35 degC: exp(-30000 / 8.314462618 * (1/298.15 - 1/308.15)). */
START_TEST(arrhenius)
{
    struct cell_param p = flat();
    struct cell_row r;

    p.activation_j_mol = 30e3;
    NEAR(cell_arrhenius(&p, ROOM_K), 1.0, 1e-15);
    NEAR(cell_arrhenius(&p, 308.15), 0.67521, 2e-5);
    cell_row_at(&p, 0.5, 308.15, &r);
    NEAR(r.r0_ohm / 1.2e-3, 0.67521, 2e-5);
    NEAR(r.r2_ohm / 1.1e-3, 0.67521, 2e-5);
    NEAR(r.tau2_s, 180.0, 1e-12);
}
END_TEST

/* ---- Charge ---- */

START_TEST(charge_is_counted)
{
    struct cell_param p = line();
    struct cell_state s;

    cell_init(&s, 1.0, ROOM_K);
    for (int k = 0; k < 1800; k++) {
        cell_step(&s, &p, -33.0, 1.0, ROOM_K);
    }
    NEAR(s.soc, 0.5, 1e-12);
    NEAR(s.charge_c, -33.0 * 1800.0, 1e-6);
    p.charge_efficiency = 0.99;
    cell_step(&s, &p, 33.0, 1800.0, ROOM_K);
    NEAR(s.soc, 0.995, 1e-12);
    /* what makes a cell differ from its kind */
    cell_init(&s, 0.5, ROOM_K);
    s.own_capacity = 0.8;
    s.own_resistance = 2.0;
    s.own_leak_a = 0.33;
    NEAR(cell_series_ohm(&s, &p), 2.4e-3, 1e-15);
    cell_step(&s, &p, -33.0, 360.0, ROOM_K);
    NEAR(s.soc, 0.5 - 0.1 / 0.8 - 0.001 / 0.8, 1e-12);
}
END_TEST

START_TEST(hysteresis_turns)
{
    struct cell_param p = line();
    struct cell_state s;

    p.row[0].hysteresis_v = 0.02;
    p.hysteresis_rate = 40.0;
    cell_init(&s, 0.5, ROOM_K);
    s.h_v = 0.02;
    /* 1 % of the charge out: from +M towards -M by exp(-0.4) */
    cell_step(&s, &p, -33.0, 36.0, ROOM_K);
    NEAR(s.h_v, -0.02 + 0.04 * exp(-0.4), 1e-12);
    cell_step(&s, &p, 0.0, 1e6, ROOM_K); /* a rest does not change it */
    NEAR(s.h_v, -0.02 + 0.04 * exp(-0.4), 1e-12);
    for (int k = 0; k < 100; k++) {
        cell_step(&s, &p, 33.0, 36.0 / 4.0, ROOM_K);
    }
    NEAR(s.h_v, 0.02, 1e-5);
    NEAR(cell_emf_v(&s, &p) - cell_ocv_v(&p, s.soc), s.h_v + s.v1_v + s.v2_v, 1e-12);
}
END_TEST

/* ---- Terminals ---- */

START_TEST(terminals)
{
    struct cell_param p = line();
    struct cell_state s;
    double i;

    cell_init(&s, 0.6, ROOM_K);
    cell_step(&s, &p, -20.0, 30.0, ROOM_K);
    NEAR(cell_current_a(&s, &p, cell_voltage_v(&s, &p, 12.5)), 12.5, 1e-9);
    i = cell_power_current_a(&s, &p, -100.0);
    NEAR(i * cell_voltage_v(&s, &p, i), -100.0, 1e-9);
    ck_assert(i < 0.0);
    i = cell_power_current_a(&s, &p, 100.0);
    NEAR(i * cell_voltage_v(&s, &p, i), 100.0, 1e-9);
    NEAR(cell_power_current_a(&s, &p, 0.0), 0.0, 1e-300);
    /* e^2 / 4R is the most that it can give */
    i = cell_emf_v(&s, &p);
    ck_assert(isnan(cell_power_current_a(&s, &p, -1.01 * i * i / (4.0 * 1.2e-3))));
    ck_assert(isfinite(cell_power_current_a(&s, &p, -0.99 * i * i / (4.0 * 1.2e-3))));
}
END_TEST

START_TEST(until_voltage)
{
    struct cell_param p = line();
    struct cell_state s, later;
    double t;

    cell_init(&s, 0.5, ROOM_K);
    p.row[0].r1_ohm = p.row[0].r2_ohm = 0.0;
    /* U - 33 A * 1.2 mOhm = 3.4 V at soc 0.4396: 6.04 % of 3600 s */
    t = cell_until_v(&s, &p, -33.0, 3.4, 1000.0, ROOM_K);
    NEAR(t, (0.5 - (3.4 + 33.0 * 1.2e-3 - 3.0)) * 3600.0, 1e-5);
    later = s;
    cell_step(&later, &p, -33.0, t, ROOM_K);
    NEAR(cell_voltage_v(&later, &p, -33.0), 3.4, 1e-9);
    ck_assert_double_eq(cell_until_v(&s, &p, -33.0, 3.4, 100.0, ROOM_K), -1.0);
    ck_assert_double_eq(cell_until_v(&s, &p, -33.0, 3.6, 100.0, ROOM_K), 0.0);
    ck_assert_double_eq(cell_until_v(&s, &p, 33.0, 3.3, 100.0, ROOM_K), 0.0);
    t = cell_until_v(&s, &p, 33.0, 3.6, 1000.0, ROOM_K);
    NEAR(t, (3.6 - 33.0 * 1.2e-3 - 3.5) * 3600.0, 1e-5);
    NEAR(s.soc, 0.5, 1e-15); /* looking changes nothing */
}
END_TEST

/* ---- Heat ---- */

START_TEST(heat_of_sheet)
{
    struct cell_param p = flat();
    struct cell_state s;

    /* 100 A over 1.2 mOhm are 12 W */
    p.row[0].r1_ohm = p.row[0].r2_ohm = 0.0;
    p.heat_j_k = 900.0;
    p.loss_w_k = 2.4;
    cell_init(&s, 0.5, ROOM_K);
    for (int k = 0; k < 60; k++) {
        cell_step(&s, &p, k % 2 ? 100.0 : -100.0, 10.0, ROOM_K);
    }
    NEAR(s.temperature_k - ROOM_K, 3.9905, 5e-5);
    NEAR(s.heat_j, 12.0 * 600.0, 1e-6);
    cell_step(&s, &p, 100.0, 1e7, ROOM_K);
    NEAR(s.temperature_k - ROOM_K, 5.0, 1e-9);
    /* without losses: 12 W * 75 s / 900 J/K */
    p.loss_w_k = 0.0;
    cell_init(&s, 0.5, ROOM_K);
    cell_step(&s, &p, 100.0, 75.0, ROOM_K);
    NEAR(s.temperature_k - ROOM_K, 1.0, 1e-12);
}
END_TEST

/* I T dU/dT is absorbed or given off whichever way the current goes. */
START_TEST(reversible_heat)
{
    struct cell_param p = flat();
    struct cell_state s;

    p.row[0].r0_ohm = p.row[0].r1_ohm = p.row[0].r2_ohm = 0.0;
    p.entropy_v_k = -1e-4;
    cell_init(&s, 0.5, 300.0);
    cell_step(&s, &p, -10.0, 100.0, 300.0);
    NEAR(s.heat_j, 10.0 * 300.0 * 1e-4 * 100.0, 1e-9);
    cell_step(&s, &p, 10.0, 100.0, 300.0);
    NEAR(s.heat_j, 0.0, 1e-9);
}
END_TEST

/* What goes in at the terminals is stored as U dQ or given off as heat. */
START_TEST(energy_balance)
{
    struct cell_param p = line();
    struct cell_state s;
    double in_j = 0.0, stored_j;

    p.row[0].hysteresis_v = 0.01;
    p.hysteresis_rate = 50.0;
    cell_init(&s, 0.3, ROOM_K);
    for (int k = 0; k < 36000; k++) {
        double i = k < 12000 ? 33.0 : k < 24000 ? -20.0 : 5.0, before = cell_voltage_v(&s, &p, i);

        cell_step(&s, &p, i, 0.1, ROOM_K);
        in_j += 0.5 * (before + cell_voltage_v(&s, &p, i)) * i * 0.1;
    }
    /* U = 3 + soc: the integral of U over the charge */
    stored_j = p.capacity_c * (3.0 * (s.soc - 0.3) + 0.5 * (s.soc * s.soc - 0.09));
    NEAR(in_j - s.heat_j, stored_j, 1e-6 * fabs(in_j));
    ck_assert_double_gt(s.heat_j, 0.0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("models_cell");
    TCase *t = tcase_create("ecm");
    SRunner *runner;
    int failed;

    tcase_add_test(t, pulse_of_sheet);
    tcase_add_test(t, pulse_closed_form);
    tcase_add_test(t, steps_do_not_matter);
    tcase_add_test(t, rows_between);
    tcase_add_test(t, row_used_last);
    tcase_add_test(t, ocv_line_and_beyond);
    tcase_add_test(t, arrhenius);
    tcase_add_test(t, charge_is_counted);
    tcase_add_test(t, hysteresis_turns);
    tcase_add_test(t, terminals);
    tcase_add_test(t, until_voltage);
    tcase_add_test(t, heat_of_sheet);
    tcase_add_test(t, reversible_heat);
    tcase_add_test(t, energy_balance);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
