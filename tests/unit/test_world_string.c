/* test_world_string.c - a string of cells in the world: what its source, its taps and its sensors
 * see, against sums by hand and against the model stepped by itself.
 *
 * The cell: 3.5 V empty to 4.0 V full in a straight line, 2 mohm, no pairs, 10 Ah; 800 J/K, 2 W/K.
 */
#include "drivers/virtual/world.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUPS = 4,
    PARALLEL = 2,
    MODULE = 2
};
#define CELL_C   36000.0
#define GROUP_C  (PARALLEL * CELL_C)
#define R_OHM    2e-3
#define LEAD_OHM 1e-3
#define AIR_K    298.15

static struct world world;
static struct cell_param cell;
static struct world_string string;
static int source;

static void put(double soc, double activation)
{
    struct cell_string_state begin;

    cell = (struct cell_param){
        .capacity_c = CELL_C,
        .charge_efficiency = 1,
        .n_ocv = 2,
        .n_rows = 1,
        .ocv_v = {3.5, 4.0},
        .row = {{0.5, R_OHM, 0, 1, 0, 1, 0}  },
        .activation_j_mol = activation,
        .reference_k = AIR_K,
        .heat_j_k = 800,
        .loss_w_k = 2
    };
    string = (struct world_string){
        .cells = {.cell = &cell, .groups = GROUPS, .parallel = PARALLEL},
        .module_groups = MODULE,
        .lead_ohm = LEAD_OHM
    };
    world_init(&world, AIR_K);
    ck_assert_int_eq(world_add_station(&world, -1), 0);
    source = world_add_port(&world, PORT_SOURCE, 0);
    cell_string_init(&begin, &string.cells, soc, 350.0); /* replaced by the air's */
    for (unsigned k = 0; k < PARALLEL; k++)
        cell_string_at(&begin, &string.cells, 2, k)->soc = soc - 0.1;
    world_put_string(&world, 0, &string, &begin);
}

static void drive(nsec now, double a_min, double a_max, double v_min, double v_max)
{
    struct port_drive d = {
        .on = true, .v_max = v_max, .v_min = v_min, .i_max = a_max, .i_min = a_min};

    world_drive(&world, (uint16_t)source, now, &d);
}

static struct port_sense sense(nsec now)
{
    struct port_sense s;

    world_sense(&world, (uint16_t)source, now, &s);
    return s;
}

START_TEST(at_rest)
{
    put(0.5, 0);
    /* three groups at 3.75 V, one at 3.70 V */
    ck_assert_double_eq_tol(world_group_v(&world, 0, 1), 3.75, 1e-12);
    ck_assert_double_eq_tol(world_group_v(&world, 0, 3), 3.70, 1e-12);
    ck_assert(isnan(world_group_v(&world, 0, 0)));
    ck_assert(isnan(world_group_v(&world, 0, GROUPS + 1)));
    ck_assert_double_eq_tol(sense(0).voltage_v, 14.95, 1e-12);
    ck_assert_double_eq_tol(world_place_k(&world, 0, 1), AIR_K, 1e-12);
    ck_assert_double_eq_tol(world_place_k(&world, 0, 2), AIR_K, 1e-12);
    ck_assert(isnan(world_place_k(&world, 0, 0)));
    ck_assert(isnan(world_place_k(&world, 0, 3)));
}
END_TEST

/* 20 A out for 600 s: 12000 C, a sixth of a group: 83.3 mV less, and 20 mV over two cells in
 * parallel; the terminals lose 20 mV more over the leads. */
START_TEST(constant_current)
{
    double less = 0.5 * 12000.0 / GROUP_C, drop = 20.0 * R_OHM / PARALLEL;

    put(0.5, 0);
    drive(0, -20, -20, 0, 100);
    struct port_sense s = sense(600 * NSEC_S);
    ck_assert_double_eq_tol(s.current_a, -20.0, 1e-12);
    ck_assert_double_eq_tol(world_group_v(&world, 0, 1), 3.75 - less - drop, 1e-9);
    ck_assert_double_eq_tol(world_group_v(&world, 0, 3), 3.70 - less - drop, 1e-9);
    ck_assert_double_eq_tol(s.voltage_v, 14.95 - 4 * (less + drop) - 20.0 * LEAD_OHM, 1e-9);
    ck_assert_double_eq_tol(world.station[0].charge_out_c, 12000.0, 1e-6);
    ck_assert_double_eq_tol(world.station[0].charge_in_c, 0.0, 1e-12);
}
END_TEST

/* Held voltage: 4 groups rise by 4 * 0.5 V / 72000 C, over 4 * 1 + 1 mohm: tau is 180 s. */
START_TEST(held_voltage)
{
    double rise_v_c = GROUPS * 0.5 / GROUP_C, r = GROUPS * R_OHM / PARALLEL + LEAD_OHM;
    double first_a = 0.05 / r, tau_s = r / rise_v_c;

    put(0.5, 0);
    drive(0, -200, 200, 15.0, 15.0);
    struct port_sense s = sense(0);
    ck_assert_double_eq_tol(s.current_a, first_a, 1e-9);
    ck_assert_int_eq(s.limit, 'V');
    for (int t = 60; t <= 600; t += 60) {
        s = sense(t * NSEC_S);
        ck_assert_double_eq_tol(s.voltage_v, 15.0, 1e-9);
        ck_assert_double_eq_tol(s.current_a, first_a * exp(-t / tau_s), 1e-4 * first_a);
    }
    double passed_c = first_a * tau_s * (1.0 - exp(-600.0 / tau_s));
    ck_assert_double_eq_tol(world.station[0].charge_in_c, passed_c, 1e-4 * passed_c);
}
END_TEST

/* A current that runs into its voltage is cut there: 10 A, 15.2 V at the terminals. */
START_TEST(current_into_its_limit)
{
    double drop = 10.0 * (GROUPS * R_OHM / PARALLEL + LEAD_OHM);
    double until_s = (15.2 - 14.95 - drop) / (GROUPS * 0.5 / GROUP_C) / 10.0;

    put(0.5, 0);
    drive(0, 10, 10, 0, 15.2);
    struct port_sense s = sense(nsec_from_s(until_s - 0.5));
    ck_assert_int_eq(s.limit, 'I');
    s = sense(nsec_from_s(until_s + 1.0));
    ck_assert_int_eq(s.limit, 'V');
    ck_assert_double_eq_tol(s.voltage_v, 15.2, 1e-9);
    ck_assert_double_lt(s.current_a, 10.0);
    ck_assert_double_gt(s.current_a, 9.9);
}
END_TEST

/* 20 A a cell: 0.8 W over 2 W/K is 0.4 K in the end, with 400 s. */
START_TEST(it_warms_by_its_own_heat)
{
    put(0.9, 0);
    drive(0, -40, -40, 0, 100);
    (void)sense(400 * NSEC_S);
    ck_assert_double_eq_tol(world_place_k(&world, 0, 1) - AIR_K, 0.4 * (1.0 - exp(-1.0)), 1e-6);
    ck_assert_double_eq_tol(world_place_k(&world, 0, 2), world_place_k(&world, 0, 1), 1e-12);
    ck_assert_double_lt(sense(400 * NSEC_S).current_a, -39.9);
}
END_TEST

/* What is added to its voltage is seen at a tap and at the terminals alike. */
START_TEST(mishap_of_a_group)
{
    put(0.5, 0);
    world.station[0].mishap =
        (struct world_mishap){.at = NSEC_S, .value = -1.0, .kind = MISHAP_EMF};
    struct port_sense s = sense(2 * NSEC_S);
    ck_assert_double_eq_tol(world_group_v(&world, 0, 1), 2.75, 1e-12);
    ck_assert_double_eq_tol(world_group_v(&world, 0, 2), 3.75, 1e-12);
    ck_assert_double_eq_tol(s.voltage_v, 13.95, 1e-12);
}
END_TEST

/* Flat: a copy goes on as the original does, byte for byte. */
START_TEST(a_copy_goes_on_alike)
{
    static struct world copy;

    put(0.6, 30e3);
    drive(0, -200, 30, 15.6, 15.6);
    (void)sense(700 * NSEC_S / 3);
    memcpy(&copy, &world, sizeof world);
    struct port_sense a = sense(1000 * NSEC_S), b;
    world_sense(&copy, (uint16_t)source, 1000 * NSEC_S, &b);
    ck_assert_double_eq(a.voltage_v, b.voltage_v);
    ck_assert_mem_eq(&copy, &world, sizeof world);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("world string");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, at_rest);
    tcase_add_test(t, constant_current);
    tcase_add_test(t, held_voltage);
    tcase_add_test(t, current_into_its_limit);
    tcase_add_test(t, it_warms_by_its_own_heat);
    tcase_add_test(t, mishap_of_a_group);
    tcase_add_test(t, a_copy_goes_on_alike);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
