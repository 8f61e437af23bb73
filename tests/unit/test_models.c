/* test_models.c - the models against closed forms, the figures and arithmetic done by hand.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "models/assb.h"
#include "models/press.h"
#include "models/replay.h"
#include "models/thermal.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)

static struct assb_param param_fresh(struct assb_state *s)
{
    struct assb_param p;
    assb_param_default(&p);
    assb_init(s, &p);
    return p;
}

/* ---- All-solid-state cell
 * ------------------------------------------------------------------------ */

START_TEST(ocv_window)
{
    NEAR(assb_ocv_v(0.2780), 4.25, 1e-3);
    NEAR(assb_ocv_v(0.9205), 2.5, 1e-3);
    /* By an independent evaluation of the published formula with the exponential. */
    NEAR(assb_ocv_v(0.5), 3.971958656403654, 1e-12);
    NEAR(assb_ocv_v(0.9), 3.432864998406901, 1e-12);
    ck_assert(isfinite(assb_ocv_v(50.0)));
    ck_assert(isfinite(assb_ocv_v(-50.0)));
    /* 0.6425 of y at 14.94 mAh are the 9.6 mAh of the cell. */
    struct assb_state s;
    struct assb_param p = param_fresh(&s);
    NEAR(p.charge_per_y_c * (0.9205 - 0.2780) / 3.6, 9.6, 0.01);
    ck_assert_double_eq(s.y, 0.90);
    NEAR(assb_fill(0.2780), 1.0, 1e-12);
    NEAR(assb_fill(0.9205), 0.0, 1e-12);
    NEAR(assb_fill(0.59925), 0.5, 1e-12);
    ck_assert_double_eq(assb_fill(0.1), 1.0);
    ck_assert_double_eq(assb_fill(1.0), 0.0);
}
END_TEST

START_TEST(ocv_falls)
{
    for (int k = 20; k < 950; k++)
        ck_assert_double_lt(assb_ocv_v((k + 1) / 1000.0), assb_ocv_v(k / 1000.0));
}
END_TEST

START_TEST(series_table)
{
    struct assb_state s;
    struct assb_param p = param_fresh(&s);
    NEAR(assb_series_ohm(&p, 5e6, 333.0), 22.0, 1e-12);
    NEAR(assb_series_ohm(&p, 10e6, 333.0), 18.2851, 1e-4);   /* 12 + 10 * 2^-0.67 */
    NEAR(assb_series_ohm(&p, 1e6, 333.0), 41.3975, 1e-4);    /* 12 + 10 * 5^0.67 */
    NEAR(assb_series_ohm(&p, 0.1e6, 333.0), 149.5023, 1e-4); /* 12 + 10 * 50^0.67 */
    NEAR(assb_series_ohm(&p, 0.0, 333.0), 149.5023, 1e-4);
    /* 30 kJ/mol / R = 3608.17 K; 1/298.15 - 1/333 = 3.51007e-4 1/K; exp(1.26650) = 3.54839 */
    NEAR(assb_series_ohm(&p, 5e6, 298.15) / 22.0, 3.5484, 3e-4);
    NEAR(assb_series_ohm(&p, 5e6, 333.15) / 22.0, exp(3608.17 * (1.0 / 333.15 - 1.0 / 333.0)),
         1e-6);
}
END_TEST

START_TEST(rc_pulse)
{
    struct assb_state s;
    struct assb_param p = param_fresh(&s);
    assb_step(&s, &p, 2e-3, 10.0);
    NEAR(s.v1_v, 2e-3 * (1.0 - exp(-0.5)), 1e-15);
    struct assb_state parts;
    assb_init(&parts, &p);
    for (int k = 0; k < 100; k++)
        assb_step(&parts, &p, 2e-3, 0.1);
    NEAR(parts.v1_v, s.v1_v, 1e-14);
    NEAR(parts.y, s.y, 1e-14);

    double at_end_v = s.v1_v;
    double y = s.y;
    assb_step(&s, &p, 0.0, 20.0);
    NEAR(s.v1_v, at_end_v * exp(-1.0), 1e-15);
    ck_assert_double_eq(s.y, y);
    assb_step(&s, &p, 0.0, 1e4);
    assb_step(&s, &p, 0.0, 1.0);
    ck_assert_double_eq(s.v1_v, 0.0);
}
END_TEST

START_TEST(voltage_and_current)
{
    struct assb_state s;
    struct assb_param p = param_fresh(&s);
    s.v1_v = 1e-3;
    double ocv = assb_ocv_v(s.y);
    NEAR(assb_voltage_v(&s, &p, 0.0, 5e6, 333.0), ocv + 1e-3, 1e-15);
    NEAR(assb_voltage_v(&s, &p, 1e-3, 5e6, 333.0), ocv + 1e-3 + 22e-3, 1e-13);
    NEAR(assb_voltage_v(&s, &p, -1e-3, 5e6, 333.0), ocv + 1e-3 - 22e-3, 1e-13);
    NEAR(assb_current_a(&s, &p, 4.25, 5e6, 333.0), (4.25 - ocv - 1e-3) / 22.0, 1e-15);
    double i_a = assb_current_a(&s, &p, 3.1, 2e6, 320.0);
    NEAR(assb_voltage_v(&s, &p, i_a, 2e6, 320.0), 3.1, 1e-13);
    ck_assert_double_lt(i_a, 0.0);
}
END_TEST

START_TEST(charge_losses)
{
    struct assb_state s;
    struct assb_param p = param_fresh(&s);
    double per_y_c = 14.94 * 3.6;
    /* 5 C of first charge: 10 % pass without changing y. */
    assb_step(&s, &p, 1e-3, 2000.0);
    assb_step(&s, &p, 1e-3, 3000.0);
    NEAR(s.y, 0.90 - 0.9 * 5.0 / per_y_c, 1e-13);
    ck_assert_uint_eq(s.charges, 1);
    /* Discharge counts in full. */
    double y = s.y;
    assb_step(&s, &p, -1e-3, 4000.0);
    NEAR(s.y, y + 4.0 / per_y_c, 1e-13);
    y = s.y;
    assb_step(&s, &p, 1e-3, 1000.0);
    NEAR(s.y, y - 0.995 * 1.0 / per_y_c, 1e-13);
    ck_assert_uint_eq(s.charges, 2);
}
END_TEST

START_TEST(charge_begins)
{
    struct assb_state s;
    struct assb_param p = param_fresh(&s);
    /* 1 % of 0.6425 * 53.784 C is 0.34556 C. A discharge before the first charge is not one. */
    assb_step(&s, &p, -1e-3, 10.0);
    ck_assert_uint_eq(s.charges, 0);
    assb_step(&s, &p, 1e-3, 100.0);
    ck_assert_uint_eq(s.charges, 1);
    assb_step(&s, &p, -1e-3, 340.0);
    assb_step(&s, &p, 1e-3, 1.0);
    ck_assert_uint_eq(s.charges, 1);
    ck_assert_double_eq(s.loss_share, 0.10);
    /* A rest does not turn, and what was passed before it counts. */
    assb_step(&s, &p, -1e-3, 300.0);
    assb_step(&s, &p, 0.0, 3600.0);
    assb_step(&s, &p, -1e-3, 50.0);
    NEAR(s.since_turn_c, 0.35, 1e-12);
    assb_step(&s, &p, 1e-3, 1.0);
    ck_assert_uint_eq(s.charges, 2);
    ck_assert_double_eq(s.loss_share, 0.005);
}
END_TEST

/* ---- Press
 * ----------------------------------------------------------------------------------------- */

START_TEST(press_factor)
{
    struct press_param p;
    press_param_default(&p);
    struct press_state s = {.gauge_pa = 0.3e6};
    /* 63 mm piston over 2 cm2: 31.17 cm2 / 2 cm2 */
    NEAR(press_stack_pa(&s, &p) / s.gauge_pa, 15.586, 1e-3);
    NEAR(press_stack_pa(&s, &p) / s.gauge_pa, 15.6, 0.05);
    NEAR(press_force_n(&s, &p), 0.3e6 * 31.1725e-4, 0.01);
    p.friction = 0.02;
    NEAR(press_force_n(&s, &p), 0.98 * 0.3e6 * 31.1725e-4, 0.01);
}
END_TEST

START_TEST(press_breathing)
{
    struct press_param p;
    press_param_default(&p);
    struct press_state s = {.gauge_pa = 0.3e6};
    double empty_pa = press_stack_pa(&s, &p);
    s.fill = 1.0;
    NEAR(press_stack_pa(&s, &p) - empty_pa, 0.2e6, 1e-6);
    NEAR(press_force_n(&s, &p), (empty_pa + 0.2e6) * 2e-4, 1e-9);
    s.fill = 0.25;
    NEAR(press_stack_pa(&s, &p) - empty_pa, 0.05e6, 1e-6);
    s = (struct press_state){.gauge_pa = 3000.0, .fill = 1.0}; /* 0.047 MPa: not pressed */
    NEAR(press_stack_pa(&s, &p), 3000.0 * 15.586, 3.0);
}
END_TEST

START_TEST(press_regulator)
{
    struct press_param p;
    press_param_default(&p);
    struct press_state s = {.set_pa = 1e5};
    press_step(&s, &p, 0.1);
    NEAR(s.gauge_pa, 1e5 * (1.0 - exp(-1.0)), 1e-6);
    press_step(&s, &p, 10.0);
    ck_assert_double_eq(s.gauge_pa, 1e5);
    s.set_pa = 2e6;
    press_step(&s, &p, 10.0);
    ck_assert_double_eq(s.gauge_pa, p.supply_pa);
    s.set_pa = -1e5;
    press_step(&s, &p, 10.0);
    ck_assert_double_eq(s.gauge_pa, 0.0);
}
END_TEST

/* ---- Air
 * ------------------------------------------------------------------------------------------- */

START_TEST(chamber_ramps)
{
    struct chamber_param p;
    chamber_param_default(&p);
    struct chamber_state s = {.air_k = 298.15};
    chamber_step(&s, &p, true, 333.15, 298.15, 300.0);
    NEAR(s.air_k, 298.15 + 15.0, 1e-9); /* 3 K/min */
    /* 3 K before the set-point, at 640 s, the exponential part begins. */
    chamber_step(&s, &p, true, 333.15, 298.15, 340.0);
    NEAR(s.air_k, 330.15, 1e-9);
    chamber_step(&s, &p, true, 333.15, 298.15, 60.0);
    NEAR(s.air_k, 333.15 - 3.0 * exp(-1.0), 1e-9);

    struct chamber_state one = {.air_k = 298.15};
    chamber_step(&one, &p, true, 333.15, 298.15, 700.0);
    NEAR(one.air_k, s.air_k, 1e-9);

    s.air_k = 333.15;
    chamber_step(&s, &p, true, 298.15, 298.15, 600.0);
    NEAR(s.air_k, 323.15, 1e-9); /* 1 K/min */
    chamber_step(&s, &p, true, 298.15, 298.15, 24.0 * 60.0 + 60.0);
    NEAR(s.air_k, 298.15 + exp(-1.0), 1e-9);
    chamber_step(&s, &p, true, 298.15, 298.15, 1e5);
    NEAR(s.air_k, 298.15, 1e-9);
}
END_TEST

START_TEST(chamber_off_and_lag)
{
    struct chamber_param p;
    chamber_param_default(&p);
    struct chamber_state s = {.air_k = 333.15};
    chamber_step(&s, &p, false, 400.0, 293.15, 900.0);
    NEAR(s.air_k, 293.15 + 40.0 * exp(-1.0), 1e-9);
    struct thermal_lag l = {.value_k = 300.0, .tau_s = 1200.0};
    thermal_lag_step(&l, 320.0, 600.0);
    thermal_lag_step(&l, 320.0, 600.0);
    NEAR(l.value_k, 320.0 - 20.0 * exp(-1.0), 1e-9);
}
END_TEST

/* ---- Replay
 * ---------------------------------------------------------------------------------------- */

/* R = 0.1 ohm gives E 4.1, 4.0, 3.8 V at 10, 20, 30 C of discharge; 3.5, 4.1 at 10, 20 C of charge,
 * then in a step of its own 4.15 at 25 C and, by the trapezoid, 4.19 at 31 C. */
#define HEAD  "Exclude,Cycle,Step,StepTime(s),Current(A),Voltage(V),Capacity(Ah),Mode\r\n"
#define OTHER "No,2,1,5,1,3.9,0,CHRG\r\n"
#define DISCHARGE                           \
    "No,3,2,10,-1,4.0,-0.00277778,DCHG\r\n" \
    "No,3,2,20,-1,3.9,-0.00555556,DCHG\r\n" \
    "No,3,2,30,-1,3.7,-0.00833333,DCHG\r\n"
#define REST "No,3,3,60,0,3.75,-0.00833333,REST\r\n"
#define CHARGE                              \
    "No,3,4,10,1,3.6,0.00277778,CHRG\r\n"   \
    "No,3,4,20,1,4.2,0.00555556,CHRG\r\n"   \
    "No,3,5,10,0.5,4.2,0.00694444,CHRG\r\n" \
    "No,3,5,30,0.1,4.2,0.00861111,CHRG\r\n"

static struct arena arena;
static struct diag diag;

static int table_read(const char *text, struct replay_table *ret)
{
    diag_init(&diag);
    return replay_from_csv("tiny.csv", text, strlen(text), 3, 0.1, &arena, ret, &diag);
}

static struct replay_table table_tiny(void)
{
    struct replay_table t;
    ck_assert_int_eq(table_read(HEAD OTHER DISCHARGE REST CHARGE, &t), 0);
    return t;
}

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_done(&arena);
}

START_TEST(replay_table_nodes)
{
    struct replay_table t = table_tiny();
    static const double dq[] = {0, 10, 20, 30}, de[] = {4.1, 4.1, 4.0, 3.8};
    static const double cq[] = {0, 10, 20, 25, 31}, ce[] = {3.5, 3.5, 4.1, 4.15, 4.19};
    ck_assert_uint_eq(t.n_discharge, 4);
    ck_assert_uint_eq(t.n_charge, 5);
    for (size_t k = 0; k < 4; k++) {
        NEAR(t.discharge_q_c[k], dq[k], 1e-12);
        NEAR(t.discharge_e_v[k], de[k], 1e-12);
    }
    for (size_t k = 0; k < 5; k++) {
        NEAR(t.charge_q_c[k], cq[k], 1e-12);
        NEAR(t.charge_e_v[k], ce[k], 1e-12);
    }
    /* A counter that starts anew with each step is the same recording. */
    struct replay_table reset;
    ck_assert_int_eq(
        table_read(HEAD DISCHARGE
                   "No,3,4,10,1,3.6,0.00277778,CHRG\nNo,3,4,20,1,4.2,0.00555556,CHRG\n"
                   "No,3,5,10,0.5,4.2,0.00138889,CHRG\nNo,3,5,30,0.1,4.2,0.00305556,CHRG",
                   &reset),
        0);
    NEAR(reset.charge_q_c[4], 31.0, 1e-12);
}
END_TEST

START_TEST(replay_walk)
{
    struct replay_table t = table_tiny();
    struct replay_state s;
    replay_init(&s);
    NEAR(replay_e_v(&s, &t), 4.1, 1e-12);
    ck_assert_double_eq(replay_fill(&s, &t), 1.0);
    NEAR(replay_voltage_v(&s, &t, -2.0), 3.9, 1e-12);
    replay_step(&s, &t, -1.0, 15.0);
    NEAR(replay_e_v(&s, &t), 4.05, 1e-12);
    NEAR(replay_fill(&s, &t), 0.5, 1e-12);
    NEAR(replay_current_a(&s, &t, 3.95), -1.0, 1e-9);
    replay_step(&s, &t, -1.0, 10.0);
    replay_step(&s, &t, 0.0, 1000.0);
    NEAR(replay_e_v(&s, &t), 3.9, 1e-12);
    /* Beyond the end it falls faster than the last 0.02 V/C, to any cut-off. */
    replay_step(&s, &t, -1.0, 8.0);
    ck_assert_double_lt(replay_e_v(&s, &t), 3.8 - 3.0 * 0.02);
    replay_step(&s, &t, -1.0, 10.0);
    ck_assert_double_lt(replay_e_v(&s, &t), 2.0);
    ck_assert_double_eq(replay_fill(&s, &t), 0.0);
    replay_step(&s, &t, 1.0, 31.0);
    NEAR(replay_e_v(&s, &t), 4.19, 1e-12);
    NEAR(replay_fill(&s, &t), 1.0, 1e-12);
    replay_step(&s, &t, 1.0, 31.0);
    ck_assert_double_gt(replay_e_v(&s, &t), 5.0);
}
END_TEST

START_TEST(replay_turns)
{
    struct replay_table t = table_tiny();
    struct replay_state s;
    replay_init(&s);
    /* Charging a full or half-full cell begins the charge branch at its head. */
    NEAR(replay_voltage_v(&s, &t, 1.0), 3.6, 1e-12);
    NEAR(replay_current_a(&s, &t, 4.2), 7.0, 1e-9);
    replay_step(&s, &t, -1.0, 15.0);
    replay_step(&s, &t, 0.5, 30.0);
    ck_assert_int_eq(s.direction, 1);
    NEAR(s.q_c, 15.0, 1e-12);
    NEAR(replay_e_v(&s, &t), 3.8, 1e-12);
    /* Both branches would do: the present one is kept. */
    NEAR(replay_current_a(&s, &t, 3.9), 1.0, 1e-9);
    ck_assert_double_eq(replay_current_a(&s, &t, 3.8 + 5e-7), 0.0);
    NEAR(replay_current_a(&s, &t, 3.7), -4.0, 1e-9); /* from 4.1 V */
    /* 4.15 V lies between the full charge branch (4.19 V) and the discharge branch's head. */
    replay_step(&s, &t, 0.5, 32.0);
    ck_assert_double_eq(replay_current_a(&s, &t, 4.15), 0.0);
    NEAR(replay_current_a(&s, &t, 4.0), -1.0, 1e-9);
    replay_step(&s, &t, -1.0, 25.0);
    NEAR(replay_e_v(&s, &t), 3.9, 1e-12);
}
END_TEST

static void refused(const char *text, int code, int line, const char *says)
{
    struct replay_table t = {.n_charge = 77};
    ck_assert_int_eq(table_read(text, &t), code);
    ck_assert_uint_eq(t.n_charge, 77);
    ck_assert_uint_ge(diag.n, 1);
    ck_assert_int_eq(diag.finding[0].line, line);
    ck_assert_msg(strstr(diag.finding[0].text, says) || strstr(diag.finding[0].hint, says), "%s",
                  diag.finding[0].text);
}

START_TEST(replay_refusals)
{
    refused("", E_SYNTAX, 0, "empty");
    refused("Cycle,Step,StepTime(s),Current(A),Capacity(Ah),Mode\n", E_SYNTAX, 1, "Voltage(V)");
    refused(HEAD OTHER, E_NOENT, 0, "no discharge in cycle 3");
    refused(HEAD DISCHARGE REST, E_NOENT, 0, "no charge in cycle 3");
    refused(HEAD DISCHARGE CHARGE DISCHARGE, E_INVALID, 9, "twice");
    refused(HEAD "No,3,2,10,-1,4.O,-0.00277778,DCHG\n", E_SYNTAX, 2, "not a number");
    refused(HEAD "No,3,2,10,-1\n", E_SYNTAX, 2, "ends before");
    refused(HEAD "No,3,2,10,1,4.0,0.00277778,DCHG\n", E_INVALID, 2, "sign");
    refused(HEAD "No,3,2,10,-1,4.0,0,DCHG\nNo,3,2,9,-1,4.0,0,DCHG\n", E_INVALID, 3, "backwards");
    /* 20 C by current and time after the first row, 20.04 C by the counter. */
    refused(HEAD "No,3,2,10,-1,4.0,-0.00277778,DCHG\nNo,3,2,30,-1,3.7,-0.00834444,DCHG\n" CHARGE,
            E_MISMATCH, 0, "0.1 %");
    struct replay_table t;
    diag_init(&diag);
    ck_assert_int_eq(replay_from_csv("x", HEAD, strlen(HEAD), 3, 0.0, &arena, &t, &diag), E_RANGE);
}
END_TEST

START_TEST(replay_recording)
{
    const char *dir = getenv("BENCHCTL_DATA"), *source = getenv("srcdir");
    char path[512];
    ck_assert_int_eq(str_fmt(path, sizeof path, "%s%s/01_leaf_cell/cell-cycling-10c-24c-40c.csv",
                             dir      ? dir
                             : source ? source
                                      : ".",
                             dir ? "" : "/../shared/data"),
                     0);
    char *text = NULL;
    size_t n = 0;
    if (file_read(path, 8000000, &text, &n) < 0) {
        printf("skipped: no recording %s (set BENCHCTL_DATA)\n", path);
        return;
    }
    struct replay_table t;
    diag_init(&diag);
    int rc = replay_from_csv(path, text, n, 5, 0.11, &arena, &t, &diag);
    free(text);
    ck_assert_msg(rc == 0, "%s", diag.finding[0].text);
    NEAR(t.discharge_q_c[t.n_discharge - 1] / 3600.0, 29.86, 29.86e-3);
    NEAR(t.charge_q_c[t.n_charge - 1] / 3600.0, 29.79, 29.79e-3);
    NEAR(t.discharge_e_v[0], 3.935 + 2.17 * 0.11, 1e-9);
    NEAR(t.discharge_e_v[t.n_discharge - 1], 3.0 + 2.17 * 0.11, 1e-9);
    NEAR(t.charge_e_v[0], 3.484 - 2.17 * 0.11, 1e-9);
    NEAR(t.charge_e_v[t.n_charge - 1], 4.2 - 0.20 * 0.11, 1e-9);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("models");
    TCase *cell = tcase_create("assb");
    tcase_add_test(cell, ocv_window);
    tcase_add_test(cell, ocv_falls);
    tcase_add_test(cell, series_table);
    tcase_add_test(cell, rc_pulse);
    tcase_add_test(cell, voltage_and_current);
    tcase_add_test(cell, charge_losses);
    tcase_add_test(cell, charge_begins);
    suite_add_tcase(s, cell);
    TCase *around = tcase_create("press and air");
    tcase_add_test(around, press_factor);
    tcase_add_test(around, press_breathing);
    tcase_add_test(around, press_regulator);
    tcase_add_test(around, chamber_ramps);
    tcase_add_test(around, chamber_off_and_lag);
    suite_add_tcase(s, around);
    TCase *replay = tcase_create("replay");
    tcase_add_checked_fixture(replay, setup, teardown);
    tcase_add_test(replay, replay_table_nodes);
    tcase_add_test(replay, replay_walk);
    tcase_add_test(replay, replay_turns);
    tcase_add_test(replay, replay_refusals);
    tcase_add_test(replay, replay_recording);
    suite_add_tcase(s, replay);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
