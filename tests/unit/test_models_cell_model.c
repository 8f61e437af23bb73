/* test_models_cell_model.c - one face for the cell models: where they start, what they are called
 * by. */
#include "models/cell_model.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct cell_around room = {.temperature_k = 298.15, .pressure_pa = 5e6};

/* U = 3 V + soc; 10 mohm, one pair of 20 mohm and 20 s; 1 Ah. */
static void plain_cell(struct cell_param *p)
{
    *p = (struct cell_param){
        .capacity_c = 3600.0,
        .charge_efficiency = 1.0,
        .n_ocv = 2,
        .n_rows = 1,
        .ocv_v = {3.0, 4.0},
        .row = {{.soc = 0.5, .r0_ohm = 0.01, .r1_ohm = 0.02, .tau1_s = 20.0, .tau2_s = 100.0}  },
        .activation_j_mol = 30e3,
        .reference_k = 298.15,
        .heat_j_k = INFINITY
    };
}

static void model_of(int which, struct cell_model *ret)
{
    struct cell_param p;

    if (which < 2) {
        ck_assert(cell_model_builtin(cell_model_names[which], ret));
    } else {
        plain_cell(&p);
        cell_model_ecm("plain", &p, ret);
    }
}

/* The state of charge that was said, and the one that its own voltage leads back to. */
START_TEST(starts)
{
    static const double socs[] = {0.0, 0.05, 0.3, 0.5, 0.75, 1.0};
    struct cell_model_state s;
    struct cell_model m;

    model_of(_i, &m);
    for (size_t k = 0; k < sizeof(socs) / sizeof(*socs); k++) {
        double v;

        cell_model_start_soc(&m, socs[k], &room, &s);
        ck_assert_double_eq_tol(cell_model_soc(&m, &s), socs[k], 1e-9);
        v = cell_model_voltage_v(&m, &s, 0.0, &room);
        cell_model_start_ocv(&m, v, &room, &s);
        ck_assert_double_eq_tol(cell_model_soc(&m, &s), socs[k], 1e-6);
        ck_assert_double_eq_tol(cell_model_voltage_v(&m, &s, 0.0, &room), v, 1e-6);
    }
    cell_model_start_ocv(&m, 0.5, &room, &s);
    ck_assert_double_eq_tol(cell_model_soc(&m, &s), 0.0, 1e-12);
    cell_model_start_ocv(&m, 9.0, &room, &s);
    ck_assert_double_eq_tol(cell_model_soc(&m, &s), 1.0, 1e-12);
}
END_TEST

/* Charge is positive: it raises the voltage at once, and the state of charge. */
START_TEST(charge_is_positive)
{
    struct cell_model_state s;
    struct cell_model m;

    model_of(_i, &m);
    cell_model_start_soc(&m, 0.5, &room, &s);
    ck_assert_double_gt(cell_model_voltage_v(&m, &s, 1e-3, &room),
                        cell_model_voltage_v(&m, &s, 0.0, &room));
    cell_model_step(&m, &s, 1e-3, 3600.0, &room);
    ck_assert_double_gt(cell_model_soc(&m, &s), 0.5);
}
END_TEST

/* assb.h: y 0.90 fresh, of the window 0.9205 .. 0.2780; a tenth of the first charge is lost, then
 * 0.5 %: 14.94 mAh per unit of y. */
START_TEST(lab_cell)
{
    struct cell_model_state s;
    struct cell_model m;
    double window = 0.9205 - 0.2780;

    model_of(0, &m);
    ck_assert(cell_model_start_fresh(&m, &room, &s));
    ck_assert_double_eq_tol(cell_model_soc(&m, &s), (0.9205 - 0.90) / window, 1e-9);
    cell_model_step(&m, &s, 1e-3, 3600.0, &room); /* 1 mAh */
    ck_assert_double_eq_tol(cell_model_soc(&m, &s), (0.9205 - 0.90 + 0.9 / 14.94) / window, 1e-9);
    cell_model_start_soc(&m, 0.5, &room, &s);
    cell_model_step(&m, &s, 1e-3, 3600.0, &room);
    ck_assert_double_eq_tol(cell_model_soc(&m, &s), 0.5 + 0.995 / 14.94 / window, 1e-9);
}
END_TEST

/* Without a temperature or a pressure the model's own: 60 degC or so, 5 MPa. 22 ohm and 1 mA. */
START_TEST(surroundings)
{
    const struct cell_around none = {.temperature_k = NAN, .pressure_pa = NAN};
    struct cell_model_state s;
    struct cell_model m;
    double cold, r;

    model_of(0, &m);
    cell_model_start_soc(&m, 0.5, &none, &s);
    r = (cell_model_voltage_v(&m, &s, 1e-3, &none) - cell_model_voltage_v(&m, &s, 0.0, &none)) /
        1e-3;
    ck_assert_double_eq_tol(r, 22.0, 1e-6);
    model_of(2, &m); /* its heat is not known: it is as warm as the air */
    cell_model_start_soc(&m, 0.5, &room, &s);
    cell_model_step(&m, &s, 0.0, 1.0,
                    &(struct cell_around){.temperature_k = 273.15, .pressure_pa = NAN});
    cold = cell_model_voltage_v(&m, &s, 1.0, &room) - cell_model_voltage_v(&m, &s, 0.0, &room);
    ck_assert_double_eq_tol(cold, 0.01 * exp(30e3 / 8.314462618 * (1.0 / 273.15 - 1.0 / 298.15)),
                            1e-9);
}
END_TEST

START_TEST(names_and_hashes)
{
    struct cell_model a, b;
    struct cell_param p;

    ck_assert(!cell_model_builtin("leaf", &a));
    model_of(0, &a);
    model_of(0, &b);
    ck_assert_str_eq(a.hash, b.hash);
    ck_assert_uint_eq(strlen(a.hash), 64);
    model_of(1, &b);
    ck_assert_str_ne(a.hash, b.hash);
    plain_cell(&p);
    cell_model_ecm("plain", &p, &a);
    p.row[0].tau2_s += 1e-9;
    cell_model_ecm("plain", &p, &b);
    ck_assert_str_ne(a.hash, b.hash);
    cell_model_ecm("another name", &p, &a);
    ck_assert_str_eq(a.hash, b.hash);
    ck_assert(!cell_model_start_fresh(&a, &room, &(struct cell_model_state){0}));
    model_of(1, &a);
    ck_assert(cell_model_start_fresh(&a, &room, &(struct cell_model_state){0}));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cell_model");
    TCase *t = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_add_loop_test(t, starts, 0, 3);
    tcase_add_loop_test(t, charge_is_positive, 0, 3);
    tcase_add_test(t, lab_cell);
    tcase_add_test(t, surroundings);
    tcase_add_test(t, names_and_hashes);
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
