/* test_world.c - sources against cells in time, judged by the models' closed forms. */
#include "base/diag.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "drivers/virtual/world.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)
#define PER_Y_C                   (14.94 * 3.6)

static struct world world;
static uint16_t source, chamber, regulator, load_cell, thermocouple;

/* One station in one chamber at 25 degC, an ASSB cell, ports for everything. */
static void build(struct world *w, double start_k)
{
    world_init(w, 298.15);
    int c = world_add_chamber(w, NULL, start_k), s = world_add_station(w, c);
    world_put_assb(w, s, NULL);
    source = (uint16_t)world_add_port(w, PORT_SOURCE, s);
    chamber = (uint16_t)world_add_port(w, PORT_CHAMBER, c);
    regulator = (uint16_t)world_add_port(w, PORT_PRESSURE, s);
    load_cell = (uint16_t)world_add_port(w, PORT_FORCE, s);
    thermocouple = (uint16_t)world_add_port(w, PORT_SENSE, s);
}

static void setup(void)
{
    build(&world, 298.15);
}

static nsec at(double s)
{
    return nsec_from_s(s);
}

static void voltage_source(struct world *w, double t_s, double v_v, double i_min_a, double i_max_a)
{
    struct port_drive d = {
        .on = true, .v_max = v_v, .v_min = v_v, .i_max = i_max_a, .i_min = i_min_a};
    world_drive(w, source, at(t_s), &d);
}

static void current_source(struct world *w, double t_s, double i_a, double v_min_v, double v_max_v)
{
    struct port_drive d = {
        .on = true, .v_max = v_max_v, .v_min = v_min_v, .i_max = i_a, .i_min = i_a};
    world_drive(w, source, at(t_s), &d);
}

static void relay_open(struct world *w, double t_s)
{
    struct port_drive d = {.on = false};
    world_drive(w, source, at(t_s), &d);
}

static void set(struct world *w, uint16_t port, double t_s, bool on, double value)
{
    struct port_drive d = {.on = on, .set = value};
    world_drive(w, port, at(t_s), &d);
}

static struct port_sense sense(struct world *w, uint16_t port, double t_s)
{
    struct port_sense s;
    world_sense(w, port, at(t_s), &s);
    return s;
}

/* What the cell of the default world is worth at the start, without press at 25 degC. */
static double fresh_ocv_v(void)
{
    return assb_ocv_v(0.90);
}

static double floor_ohm(void)
{
    struct assb_param p;
    assb_param_default(&p);
    return assb_series_ohm(&p, 0.1e6, 298.15);
}

START_TEST(relay_is_open)
{
    struct port_sense s = sense(&world, source, 100.0);
    NEAR(s.voltage_v, fresh_ocv_v(), 1e-12);
    ck_assert_double_eq(s.current_a, 0.0);
    ck_assert_uint_eq(s.limit, 0);
    ck_assert(!s.open);
    NEAR(world.station[0].voltage_peak_v, fresh_ocv_v(), 1e-12);
    NEAR(world.station[0].voltage_low_v, fresh_ocv_v(), 1e-12);
}
END_TEST

START_TEST(boxes)
{
    double ocv_v = fresh_ocv_v(), ohm = floor_ohm();
    voltage_source(&world, 0.0, 3.5, -1e-3, 1e-3);
    struct port_sense s = sense(&world, source, 0.0);
    NEAR(s.voltage_v, 3.5, 1e-15);
    NEAR(s.current_a, (3.5 - ocv_v) / ohm, 1e-15);
    ck_assert_uint_eq(s.limit, 'V');

    voltage_source(&world, 0.0, 4.25, -1e-3, 1e-3);
    s = sense(&world, source, 0.0);
    NEAR(s.voltage_v, ocv_v + 1e-3 * ohm, 1e-12);
    ck_assert_double_eq(s.current_a, 1e-3);
    ck_assert_uint_eq(s.limit, 'I');

    voltage_source(&world, 0.0, 0.0, -1e-3, 1e-3); /* an output "off" that is a 0 V source */
    s = sense(&world, source, 0.0);
    NEAR(s.voltage_v, ocv_v - 1e-3 * ohm, 1e-12);
    ck_assert_double_eq(s.current_a, -1e-3);
    ck_assert_uint_eq(s.limit, 'I');

    voltage_source(&world, 0.0, 3.0, 0.0, 1e-3); /* may not discharge */
    s = sense(&world, source, 0.0);
    NEAR(s.voltage_v, ocv_v, 1e-12);
    ck_assert_double_eq(s.current_a, 0.0);
    ck_assert_uint_eq(s.limit, 'I');
}
END_TEST

START_TEST(current_sources)
{
    double ocv_v = fresh_ocv_v(), ohm = floor_ohm();
    current_source(&world, 0.0, -1e-4, -4.3, 4.3);
    struct port_sense s = sense(&world, source, 0.0);
    ck_assert_double_eq(s.current_a, -1e-4);
    NEAR(s.voltage_v, ocv_v - 1e-4 * ohm, 1e-12);
    ck_assert_uint_eq(s.limit, 'I');

    current_source(&world, 0.0, 50e-3, -4.3, 4.3); /* would need some 30 V */
    s = sense(&world, source, 0.0);
    NEAR(s.voltage_v, 4.3, 1e-15);
    NEAR(s.current_a, (4.3 - ocv_v) / ohm, 1e-15);
    ck_assert_uint_eq(s.limit, 'V');

    current_source(&world, 0.0, 1e-3, -2.0, 2.0); /* a limit below the cell drains it */
    s = sense(&world, source, 0.0);
    NEAR(s.voltage_v, 2.0, 1e-15);
    NEAR(s.current_a, (2.0 - ocv_v) / ohm, 1e-15);
    ck_assert_uint_eq(s.limit, 'V');
}
END_TEST

START_TEST(pulse_has_its_tail)
{
    current_source(&world, 0.0, 1e-3, -5.0, 5.0);
    double before_v = sense(&world, source, 0.0).voltage_v;
    double after_v = sense(&world, source, 10.0).voltage_v;
    double y = 0.90 - 0.9 * 10e-3 / PER_Y_C;
    NEAR(after_v - before_v, assb_ocv_v(y) - assb_ocv_v(0.90) + 1e-3 * (1.0 - exp(-0.5)), 1e-12);
    relay_open(&world, 10.0);
    NEAR(sense(&world, source, 30.0).voltage_v,
         assb_ocv_v(y) + 1e-3 * (1.0 - exp(-0.5)) * exp(-1.0), 1e-12);
}
END_TEST

START_TEST(charge_is_exact)
{
    world.drift = 1e-4;
    current_source(&world, 0.0, 1e-3, -5.0, 5.0);
    current_source(&world, 1234.5, -2e-3, -5.0, 5.0);
    relay_open(&world, 1334.5);
    sense(&world, source, 4000.0);
    NEAR(world.station[0].charge_in_c, 1.2345 * 1.0001, 1e-11);
    NEAR(world.station[0].charge_out_c, 0.2 * 1.0001, 1e-11);
    NEAR(world.station[0].assb.y, 0.90 + (0.2 - 0.9 * 1.2345) * 1.0001 / PER_Y_C, 1e-11);
    ck_assert_double_eq(world.station[0].current_peak_a, 1e-3);
    ck_assert_double_eq(world.station[0].current_low_a, -2e-3);
}
END_TEST

/* When a first charge at i_a meets v_v, by bisection over the closed form. */
static double crossing_s(double i_a, double v_v)
{
    double low_s = 0.0, high_s = 0.9 * PER_Y_C / i_a;
    for (int k = 0; k < 60; k++) {
        double t_s = 0.5 * (low_s + high_s);
        double v = assb_ocv_v(0.90 - 0.9 * i_a * t_s / PER_Y_C) + i_a * (1.0 - exp(-t_s / 20.0)) +
                   i_a * floor_ohm();
        if (v < v_v)
            low_s = t_s;
        else
            high_s = t_s;
    }
    return low_s;
}

START_TEST(crossing_is_hit)
{
    double cross_s = crossing_s(1e-3, 4.2);
    ck_assert_double_gt(cross_s, 100.0);
    voltage_source(&world, 0.0, 4.2, 0.0, 1e-3);
    /* No poll in between: the steps alone must find it. */
    struct port_sense s = sense(&world, source, cross_s - 1e-3);
    ck_assert_uint_eq(s.limit, 'I');
    ck_assert_double_lt(s.voltage_v, 4.2);
    s = sense(&world, source, cross_s + 1e-3);
    ck_assert_uint_eq(s.limit, 'V');
    NEAR(s.voltage_v, 4.2, 1e-15);
    NEAR(s.current_a, 1e-3, 1e-8);
    sense(&world, source, cross_s + 3600.0);
    ck_assert_double_le(world.station[0].voltage_peak_v, 4.2);
    ck_assert_double_le(world.station[0].current_peak_a, 1e-3);
}
END_TEST

START_TEST(polls_do_not_matter)
{
    static struct world slow;
    build(&slow, 298.15);
    double cross_s = crossing_s(1e-3, 4.0);
    voltage_source(&world, 0.0, 4.0, -1e-3, 1e-3);
    voltage_source(&slow, 0.0, 4.0, -1e-3, 1e-3);
    double end_s = floor(cross_s) + 2000.0;
    for (double t_s = 0.3; t_s < end_s; t_s += 0.7)
        sense(&world, source, t_s);
    struct port_sense fast_end = sense(&world, source, end_s),
                      slow_end = sense(&slow, source, end_s);
    ck_assert_uint_eq(fast_end.limit, 'V');
    NEAR(fast_end.current_a / slow_end.current_a, 1.0, 1e-6);
    NEAR(world.station[0].charge_in_c / slow.station[0].charge_in_c, 1.0, 1e-7);
    /* The cell got what the terminals counted. */
    NEAR((0.90 - slow.station[0].assb.y) * PER_Y_C / 0.9, slow.station[0].charge_in_c, 1e-11);
}
END_TEST

/* At constant OCV slope and without RC a held voltage gives an exponential; here against many small
 * steps of the same model. */
START_TEST(held_voltage_is_second_order)
{
    voltage_source(&world, 0.0, 3.6, -1.0, 1.0);
    struct assb_param p;
    struct assb_state s;
    assb_param_default(&p);
    assb_init(&s, &p);
    for (int k = 0; k < 100000; k++)
        assb_step(&s, &p, assb_current_a(&s, &p, 3.6, 0.0, 298.15), 1e-3);
    NEAR(sense(&world, source, 100.0).current_a / assb_current_a(&s, &p, 3.6, 0.0, 298.15), 1.0,
         1e-5);
}
END_TEST

START_TEST(second_charge)
{
    voltage_source(&world, 0.0, 2.0, -1e-3, 1e-3);
    voltage_source(&world, 300.0, 4.25, -1e-3, 1e-3);
    sense(&world, source, 1300.0);
    ck_assert_uint_eq(world.station[0].assb.charges, 1);
    double y = world.station[0].assb.y;
    voltage_source(&world, 1300.0, 2.0, -1e-3, 1e-3);
    voltage_source(&world, 2000.0, 4.25, -1e-3, 1e-3); /* 0.7 C later, partly discharged */
    sense(&world, source, 2500.0);
    ck_assert_uint_eq(world.station[0].assb.charges, 2);
    NEAR(world.station[0].assb.y, y + (0.7 - 0.995 * 0.5) / PER_Y_C, 1e-12);
}
END_TEST

START_TEST(wrong_wires)
{
    double ocv_v = fresh_ocv_v(), ohm = floor_ohm();
    world.station[0].reversed = 1;
    NEAR(sense(&world, source, 0.0).voltage_v, -ocv_v, 1e-12);
    voltage_source(&world, 0.0, 4.25, -1e-3, 1e-3);
    struct port_sense s = sense(&world, source, 1000.0);
    ck_assert_double_eq(s.current_a, 1e-3);
    ck_assert_uint_eq(s.limit, 'I');
    NEAR(s.voltage_v, -(assb_ocv_v(0.90 + 1.0 / PER_Y_C) - 1e-3 * (ohm + 1.0)), 1e-9);
    NEAR(world.station[0].charge_in_c, 1.0, 1e-11); /* as the source sees it */
    NEAR(world.station[0].assb.y, 0.90 + 1.0 / PER_Y_C, 1e-12);

    world.station[0].reversed = 0;
    world.station[0].open_lead = 1;
    s = sense(&world, source, 1001.0);
    ck_assert(s.open);
    ck_assert_double_eq(s.current_a, 0.0);
    NEAR(s.voltage_v, 4.25, 1e-15);
    NEAR(sense(&world, source, 2000.0).voltage_v, 4.25, 1e-15);
    NEAR(world.station[0].assb.y, 0.90 + 1.0 / PER_Y_C, 1e-12);
    current_source(&world, 2000.0, -1e-3, -4.3, 4.3);
    NEAR(sense(&world, source, 2000.0).voltage_v, -4.3, 1e-15);
}
END_TEST

static void mishap(double t_s, enum world_mishap_kind kind, double value)
{
    world.station[0].mishap =
        (struct world_mishap){.at = at(t_s), .value = value, .kind = (uint8_t)kind};
}

/* What happens at its instant, and what is left when it has been mended. */
START_TEST(mishaps_and_mending)
{
    voltage_source(&world, 0.0, 4.25, -1e-3, 1e-3);
    mishap(1.0, MISHAP_CURRENT, 0.5e-3);
    ck_assert_double_eq(sense(&world, source, 0.5).current_a, 1e-3);
    NEAR(sense(&world, source, 1.0).current_a, 1.5e-3, 1e-15);
    mishap(2.0, MISHAP_EMF, -1.0);
    struct port_sense s = sense(&world, source, 2.0);
    NEAR(s.current_a, 1.5e-3, 1e-15);
    ck_assert_double_lt(s.voltage_v, fresh_ocv_v());
    mishap(3.0, MISHAP_LEAD, 0.0);
    ck_assert_double_eq(sense(&world, source, 3.0).current_a, 0.0);
    mishap(4.0, MISHAP_AIR, 350.0);
    NEAR(sense(&world, chamber, 4.0).value, 350.0, 1e-12);
    NEAR(sense(&world, chamber, 100.0).value, 350.0, 1e-12);
    world_mend(&world, 0);
    s = sense(&world, source, 100.0);
    ck_assert_double_eq(s.current_a, 1e-3);
    ck_assert_double_gt(s.voltage_v, fresh_ocv_v());
    ck_assert_double_lt(sense(&world, chamber, 200.0).value, 350.0);
}
END_TEST

START_TEST(no_cell)
{
    world_init(&world, 298.15);
    int s = world_add_station(&world, -1);
    source = (uint16_t)world_add_port(&world, PORT_SOURCE, s);
    load_cell = (uint16_t)world_add_port(&world, PORT_FORCE, s);
    thermocouple = (uint16_t)world_add_port(&world, PORT_SENSE, s);
    voltage_source(&world, 0.0, 3.0, -1.0, 1.0);
    struct port_sense r = sense(&world, source, 10.0);
    ck_assert(r.open);
    NEAR(r.voltage_v, 3.0, 1e-15);
    ck_assert_double_eq(r.current_a, 0.0);
    ck_assert(sense(&world, load_cell, 10.0).open);
    NEAR(sense(&world, thermocouple, 10.0).value, 298.15, 1e-12);
    world.port[thermocouple].open = 1;
    ck_assert(sense(&world, thermocouple, 10.0).open);
}
END_TEST

START_TEST(press_meets_cell)
{
    double factor = 15.58623; /* pi / 4 * 63 mm ^ 2 over 2 cm2 */
    world_put_press(&world, 0, NULL);
    double stack_pa = 5e6, fill = (0.9205 - 0.90) / 0.6425;
    set(&world, regulator, 0.0, true, (stack_pa - 0.2e6 * fill) / factor);
    NEAR(sense(&world, regulator, 0.1).value,
         (stack_pa - 0.2e6 * fill) / factor * (1.0 - exp(-1.0)), 1.0);
    NEAR(sense(&world, load_cell, 10.0).value, 1000.0, 0.01); /* 5 MPa on 2 cm2 */
    NEAR(world.station[0].pressure_peak_pa, 5e6, 20.0);
    voltage_source(&world, 10.0, 3.6, -1.0, 1.0);
    struct assb_param p;
    assb_param_default(&p);
    NEAR(sense(&world, source, 10.0).current_a,
         (3.6 - fresh_ocv_v()) / assb_series_ohm(&p, 5e6, 298.15), 1e-8);
    /* Charging swells it: 10 C of first charge are 9 C of y, 0.26047 of a full charge. */
    current_source(&world, 10.0, 1e-3, -9.0, 9.0);
    double y = world.station[0].assb.y;
    sense(&world, source, 10010.0);
    NEAR(sense(&world, load_cell, 10010.0).value - 1000.0, 0.2e6 * 9.0 / PER_Y_C / 0.6425 * 2e-4,
         0.01);
    NEAR(world.station[0].assb.y, y - 9.0 / PER_Y_C, 1e-10);
}
END_TEST

START_TEST(squeeze_while_charging)
{
    /* Less contact resistance lets a held voltage drive more, up to the current limit. */
    world_put_press(&world, 0, NULL);
    voltage_source(&world, 0.0, fresh_ocv_v() + 0.05, -1e-3, 0.5e-3);
    double before_a = sense(&world, source, 1.0).current_a;
    ck_assert_double_lt(before_a, 0.15e-3);
    set(&world, regulator, 1.0, true, 0.5e6);
    struct port_sense s = sense(&world, source, 3.0);
    ck_assert_double_gt(s.current_a, 0.3e-3);
    ck_assert_double_le(world.station[0].current_peak_a, 0.5e-3);
}
END_TEST

START_TEST(air_and_cell)
{
    set(&world, chamber, 0.0, true, 333.15);
    NEAR(sense(&world, chamber, 300.0).value, 313.15, 1e-6);
    NEAR(sense(&world, chamber, 700.0).value, 333.15 - 3.0 * exp(-1.0), 1e-6);
    /* Behind a ramp r a lag follows as r * (t - tau * (1 - exp(-t/tau))). */
    setup();
    set(&world, chamber, 0.0, true, 333.15);
    NEAR(sense(&world, thermocouple, 600.0).value,
         298.15 + 0.05 * (600.0 - 1200.0 * (1.0 - exp(-0.5))), 1e-5);
    NEAR(sense(&world, thermocouple, 40000.0).value, 333.15, 1e-6);
    set(&world, chamber, 40000.0, false, 333.15);
    NEAR(sense(&world, chamber, 40900.0).value, 298.15 + 35.0 * exp(-1.0), 1e-6);
}
END_TEST

static void play(struct world *w, double from_s, double to_s)
{
    for (double t_s = from_s; t_s < to_s; t_s += 1.0) {
        if (fmod(t_s, 600.0) < 1.0)
            voltage_source(w, t_s, fmod(t_s, 1200.0) < 1.0 ? 3.7 : 3.2, -1e-3, 1e-3);
        sense(w, source, t_s + 0.25);
        sense(w, load_cell, t_s + 0.5);
    }
}

START_TEST(same_bytes)
{
    static struct world a, b, kept;
    memset(&a, 0x55, sizeof a);
    memset(&b, 0xaa, sizeof b);
    build(&a, 298.15);
    build(&b, 298.15);
    world_put_press(&a, 0, NULL);
    world_put_press(&b, 0, NULL);
    set(&a, regulator, 0.0, true, 2e5);
    set(&b, regulator, 0.0, true, 2e5);
    play(&a, 0.0, 3000.0);
    play(&b, 0.0, 3000.0);
    ck_assert_mem_eq(&a, &b, sizeof a);
    memcpy(&kept, &a, sizeof a);
    play(&a, 3000.0, 6000.0);
    play(&b, 3000.0, 6000.0);
    ck_assert_mem_eq(&a, &b, sizeof a);
    memcpy(&a, &kept, sizeof a);
    play(&a, 3000.0, 6000.0);
    ck_assert_mem_eq(&a, &b, sizeof a);
    /* Asking again, or for an instant past, changes nothing. */
    struct port_sense now = sense(&a, source, 6000.0), past = sense(&a, source, 10.0);
    ck_assert_double_eq(now.current_a, past.current_a);
    ck_assert(a.now == at(6000.0));
}
END_TEST

START_TEST(full_tables)
{
    ck_assert_int_eq(world_add_chamber(&world, NULL, 300.0), 1);
    ck_assert_int_eq(world_add_chamber(&world, NULL, 300.0), E_FULL);
    ck_assert_int_eq(world_add_station(&world, 2), E_NOENT);
    for (int k = 1; k < WORLD_STATIONS_MAX; k++)
        ck_assert_int_eq(world_add_station(&world, -1), k);
    ck_assert_int_eq(world_add_station(&world, -1), E_FULL);
    ck_assert_int_eq(world_add_port(&world, PORT_SOURCE, WORLD_STATIONS_MAX), E_NOENT);
    ck_assert_int_eq(world_add_port(&world, PORT_CHAMBER, -1), E_NOENT);
    for (int k = 5; k < WORLD_PORTS_MAX; k++)
        ck_assert_int_eq(world_add_port(&world, PORT_FORCE, 1), k);
    ck_assert_int_eq(world_add_port(&world, PORT_FORCE, 1), E_FULL);
}
END_TEST

/* ---- Replay
 * ---------------------------------------------------------------------------------------- */

START_TEST(replay_small)
{
    static const double dq[] = {0, 100, 200}, de[] = {4.0, 3.5, 3.0}, cq[] = {0, 100, 200},
                        ce[] = {3.0, 3.6, 4.0};
    struct replay_table t = {0.1, 3, 3, cq, ce, dq, de};
    world_put_replay(&world, 0, &t);
    NEAR(sense(&world, source, 0.0).voltage_v, 4.0, 1e-12);
    /* 1 A: 3.2 V at the terminals is E = 3.3, at 140 s; then held, di/dt = -slope * i / R: tau =
     * 0.1 / 0.005 = 20 s. */
    voltage_source(&world, 0.0, 3.2, -1.0, 1.0);
    ck_assert_uint_eq(sense(&world, source, 139.99).limit, 'I');
    struct port_sense s = sense(&world, source, 140.01);
    ck_assert_uint_eq(s.limit, 'V');
    NEAR(sense(&world, source, 160.0).current_a, -exp(-1.0), 1e-4);
    sense(&world, source, 2000.0);
    NEAR(world.station[0].charge_out_c, 160.0, 1e-3);
    ck_assert_int_eq(world.station[0].replay.direction, -1);
    ck_assert_double_eq(world.station[0].charge_in_c, 0.0);
    /* Turned while partly discharged: the charge branch from its head. */
    voltage_source(&world, 2000.0, 4.1, -1.0, 1.0);
    NEAR(sense(&world, source, 2050.0).voltage_v, 3.3 + 0.1, 1e-9);
    NEAR(world.station[0].replay.q_c, 50.0, 1e-9);
}
END_TEST

static char *recording_read(size_t *ret_n)
{
    const char *dir = getenv("BENCHCTL_DATA"), *from = getenv("srcdir");
    char path[512], *text = NULL;
    ck_assert_int_eq(str_fmt(path, sizeof path, "%s%s/01_leaf_cell/cell-cycling-10c-24c-40c.csv",
                             dir    ? dir
                             : from ? from
                                    : ".",
                             dir ? "" : "/../shared/data"),
                     0);
    if (file_read(path, 8000000, &text, ret_n) < 0) {
        printf("skipped: no recording %s (set BENCHCTL_DATA)\n", path);
        return NULL;
    }
    return text;
}

START_TEST(replay_of_recording)
{
    size_t n = 0;
    char *text = recording_read(&n);
    if (!text)
        return;
    static struct diag diag;
    struct arena arena;
    struct replay_table t;
    arena_init(&arena);
    ck_assert_int_eq(replay_from_csv("recording", text, n, 5, 0.11, &arena, &t, &diag), 0);
    free(text);
    world_put_replay(&world, 0, &t);
    /* 2.17 A down to 3.0 V; the real cycler took 49537.7 s and counted 29.86 Ah. */
    voltage_source(&world, 0.0, 2.9, -2.17, 2.17);
    double t_s = 0.0;
    while (sense(&world, source, t_s).voltage_v > 3.0)
        t_s += 1.0;
    NEAR(t_s, 49537.7, 50.0);
    NEAR(world.station[0].charge_out_c / 3600.0, 29.86, 29.86e-3);
    relay_open(&world, t_s);
    /* 4.2 V down to 0.20 A: 70502.3 s and 29.79 Ah. */
    double start_s = t_s + 300.0;
    voltage_source(&world, start_s, 4.2, -2.17, 2.17);
    t_s = start_s + 10.0;
    while (sense(&world, source, t_s).current_a > 0.20)
        t_s += 1.0;
    NEAR(t_s - start_s, 70502.3, 70.0);
    NEAR(world.station[0].charge_in_c / 3600.0, 29.79, 29.79e-3);
    NEAR(sense(&world, source, t_s).voltage_v, 4.2, 1e-12);
    arena_done(&arena);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("world");
    TCase *source_case = tcase_create("source and cell");
    tcase_add_checked_fixture(source_case, setup, NULL);
    tcase_add_test(source_case, relay_is_open);
    tcase_add_test(source_case, boxes);
    tcase_add_test(source_case, current_sources);
    tcase_add_test(source_case, pulse_has_its_tail);
    tcase_add_test(source_case, charge_is_exact);
    tcase_add_test(source_case, crossing_is_hit);
    tcase_add_test(source_case, polls_do_not_matter);
    tcase_add_test(source_case, held_voltage_is_second_order);
    tcase_add_test(source_case, second_charge);
    tcase_add_test(source_case, wrong_wires);
    tcase_add_test(source_case, mishaps_and_mending);
    tcase_add_test(source_case, no_cell);
    suite_add_tcase(s, source_case);
    TCase *around = tcase_create("press, air, world");
    tcase_add_checked_fixture(around, setup, NULL);
    tcase_add_test(around, press_meets_cell);
    tcase_add_test(around, squeeze_while_charging);
    tcase_add_test(around, air_and_cell);
    tcase_add_test(around, same_bytes);
    tcase_add_test(around, full_tables);
    suite_add_tcase(s, around);
    TCase *replay = tcase_create("replay");
    tcase_set_timeout(replay, 60.0);
    tcase_add_checked_fixture(replay, setup, NULL);
    tcase_add_test(replay, replay_small);
    tcase_add_test(replay, replay_of_recording);
    suite_add_tcase(s, replay);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
