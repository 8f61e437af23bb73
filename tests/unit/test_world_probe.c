/* test_world_probe.c - measuring points of the world: the truth there, whatever the source sees. */
#include "base/err.h"
#include "drivers/virtual/world.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct world world;

static uint16_t add(enum probe_kind kind, uint8_t of, uint16_t index, double value)
{
    struct world_probe p = {.value = value, .kind = (uint8_t)kind, .of = of, .index = index};
    int port = world_add_probe(&world, &p);

    ck_assert_int_ge(port, 0);
    return (uint16_t)port;
}

static struct port_sense sense(uint16_t port, nsec now)
{
    struct port_sense s;

    world_sense(&world, port, now, &s);
    return s;
}

static void setup(void)
{
    world_init(&world, 290.0);
    ck_assert_int_eq(world_add_chamber(&world, NULL, 310.0), 0);
    ck_assert_int_eq(world_add_station(&world, 0), 0);
    ck_assert_int_eq(world_add_station(&world, -1), 1);
}

START_TEST(test_kinds)
{
    uint16_t air = add(PROBE_AIR, 0, 0, 0.0), ambient = add(PROBE_AMBIENT, 0, 0, 0.0);
    uint16_t fixed = add(PROBE_FIXED, 0, 0, 1.25);
    uint16_t cell = add(PROBE_TEMPERATURE, 0, 1, 0.0), other = add(PROBE_TEMPERATURE, 1, 1, 0.0);

    ck_assert_double_eq(world_probe(&world, air, 0), 310.0);
    ck_assert_double_eq(world_probe(&world, ambient, 0), 290.0);
    ck_assert_double_eq(world_probe(&world, fixed, 0), 1.25);
    ck_assert_double_eq(world_probe(&world, cell, 0), 310.0);
    ck_assert_double_eq(world_probe(&world, other, 0), 290.0);
    ck_assert_double_eq(sense(air, 0).value, 310.0);
    ck_assert(!sense(fixed, 0).open);
    world.port[fixed].open = 1;
    ck_assert(sense(fixed, 0).open);
    /* nothing conditions the chamber: its air comes down, the cell lags behind */
    ck_assert_double_lt(world_probe(&world, air, 600 * NSEC_S), 309.0);
    ck_assert_double_gt(world_probe(&world, cell, 600 * NSEC_S),
                        world_probe(&world, air, 600 * NSEC_S));
    ck_assert_int_eq(world.now, 600 * NSEC_S);
}
END_TEST

START_TEST(test_cell_voltage)
{
    uint16_t group = add(PROBE_VOLTAGE, 0, 1, 0.0), second = add(PROBE_VOLTAGE, 0, 2, 0.0);
    int source = world_add_port(&world, PORT_SOURCE, 0),
        same = world_add_port(&world, PORT_PROBE, 0);
    struct port_drive charge = {
        .on = true, .v_max = 4.4, .v_min = 0.0, .i_min = 1e-3, .i_max = 1e-3};
    double rest_v;

    ck_assert(isnan(world_probe(&world, group, 0))); /* no cell */
    ck_assert(sense(group, 0).open);
    ck_assert_double_eq(sense(group, 0).value, 0.0);
    world_put_assb(&world, 0, NULL);
    rest_v = world_probe(&world, group, 0);
    ck_assert_double_eq(rest_v, assb_ocv_v(world.station[0].assb.y));
    ck_assert(isnan(world_probe(&world, second, 0))); /* a single cell has one group */
    world_drive(&world, (uint16_t)source, NSEC_S, &charge);
    ck_assert_double_gt(world_probe(&world, group, NSEC_S), rest_v);
    ck_assert_double_eq(world_probe(&world, group, NSEC_S),
                        sense((uint16_t)source, NSEC_S).voltage_v);
    ck_assert_double_eq(world_probe(&world, (uint16_t)same, NSEC_S),
                        world_probe(&world, group, NSEC_S));
    /* the source is off its lead: the meter still sees the cell */
    world.station[0].open_lead = 1;
    ck_assert_double_eq_tol(world_probe(&world, group, NSEC_S), rest_v, 1e-3);
    ck_assert(sense((uint16_t)source, NSEC_S).open);
}
END_TEST

/* Wires of its own: a source that is the wrong way round does not turn the meter round. */
START_TEST(test_reversed_source)
{
    uint16_t group = add(PROBE_VOLTAGE, 0, 1, 0.0);
    int source = world_add_port(&world, PORT_SOURCE, 0);

    world_put_assb(&world, 0, NULL);
    world.station[0].reversed = 1;
    ck_assert_double_gt(world_probe(&world, group, 0), 1.0);
    ck_assert_double_eq(sense((uint16_t)source, 0).voltage_v, -world_probe(&world, group, 0));
}
END_TEST

START_TEST(test_refusals)
{
    static const struct world_probe wrong[] = {
        {.kind = PROBE_VOLTAGE,     .of = 2, .index = 1},
        {.kind = PROBE_VOLTAGE,               .of = 0, .index = 0},
        {.kind = PROBE_TEMPERATURE,     .of = 2, .index = 1},
        {.kind = PROBE_AIR,               .of = 1},
        {.kind = PROBE_FIXED + 1},
    };
    struct world_probe ambient = {.kind = PROBE_AMBIENT};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(world_add_probe(&world, &wrong[i]), E_NOENT);
    ck_assert_int_eq(world_add_port(&world, PORT_PROBE, 2), E_NOENT);
    for (int i = 0; i < WORLD_PORTS_MAX; i++)
        ck_assert_int_eq(world_add_probe(&world, &ambient), i);
    ck_assert_int_eq(world_add_probe(&world, &ambient), E_FULL);
}
END_TEST

/* Worlds are compared byte for byte. */
START_TEST(test_same_bytes)
{
    static struct world first;

    for (int i = 0; i < 2; i++) {
        struct world_probe p;

        memset(&p, 0xA5 * i, sizeof p);
        p = (struct world_probe){.value = 2.5, .kind = PROBE_FIXED};
        memset(&world, 0x5A * i, sizeof world);
        setup();
        ck_assert_int_ge(world_add_probe(&world, &p), 0);
        (void)world_probe(&world, 0, 10 * NSEC_S);
        if (i == 0)
            memcpy(&first, &world, sizeof first);
    }
    ck_assert_mem_eq(&first, &world, sizeof first);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("world-probe");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, test_kinds);
    tcase_add_test(t, test_cell_voltage);
    tcase_add_test(t, test_reversed_source);
    tcase_add_test(t, test_refusals);
    tcase_add_test(t, test_same_bytes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
