/* The register box with its watchdog relay, the functions of the Modbus slave that only it uses,
 * and the small SCPI supply. */
#include "base/diag.h"
#include "base/err.h"
#include "drivers/virtual/emu.h"
#include "drivers/virtual/generic_modbus.h"
#include "drivers/virtual/host.h"
#include "drivers/virtual/world.h"
#include "drivers/wire/modbus.h"
#include "tests/support/emu_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The register box ---- */

static void begin(struct emu_rig *r, const struct generic_modbus_model *model)
{
    emu_rig_begin(r, "generic-modbus", 1, false, emu_rig_ideal);
    r->param.model = model;
    r->param.tcp = true;
    emu_rig_power(r);
    r->drives = 0;
}

/* Sends a PDU to unit 1 over TCP, wants that PDU back. */
static void answers(struct emu_rig *r, const char *pdu, size_t n, const char *want, size_t n_want)
{
    uint8_t msg[MODBUS_ADU_MAX] = {1}, frame[MODBUS_ADU_MAX];
    int n_frame;

    memcpy(msg + 1, pdu, n);
    n_frame = modbus_tcp_wrap(0x1234, msg, n + 1, frame, sizeof(frame));
    ck_assert_int_gt(n_frame, 0);
    emu_rig_bytes(r, 0, frame, (size_t)n_frame);
    (void)r->emu->tick(r->state, &r->env, r->now, &r->out);
    ck_assert_uint_eq(r->out.n_bytes, 7 + n_want);
    ck_assert_mem_eq(r->out.bytes, "\x12\x34\0\0", 4);
    ck_assert_uint_eq(modbus_get_u16(r->out.bytes + 4), 1 + n_want);
    ck_assert_mem_eq(r->out.bytes + 7, want, n_want);
    (void)emu_rig_collect(r);
}
#define ANSWERS(r, pdu, want) answers(r, pdu, sizeof(pdu) - 1, want, sizeof(want) - 1)

/* The examples of MODBUS Application Protocol V1.1b3 par. 6 where they fit 256 addresses. */
START_TEST(test_functions)
{
    struct emu_rig r;

    begin(&r, NULL);
    /* 15: ten coils from 19, data CD 01; 1: read back, as par. 6.11 and 6.1 count them */
    ANSWERS(&r, "\x0F\x00\x13\x00\x0A\x02\xCD\x01", "\x0F\x00\x13\x00\x0A");
    ANSWERS(&r, "\x01\x00\x13\x00\x0A", "\x01\x02\xCD\x01");
    ANSWERS(&r, "\x01\x00\x14\x00\x03", "\x01\x01\x06");
    /* 5: par. 6.5 */
    ANSWERS(&r, "\x05\x00\xAC\xFF\x00", "\x05\x00\xAC\xFF\x00");
    ANSWERS(&r, "\x01\x00\xAC\x00\x01", "\x01\x01\x01");
    ANSWERS(&r, "\x05\x00\xAC\x00\x00", "\x05\x00\xAC\x00\x00");
    ANSWERS(&r, "\x01\x00\xAC\x00\x01", "\x01\x01\x00");
    /* 2: all contacts closed */
    ANSWERS(&r, "\x02\x00\x00\x00\x09", "\x02\x02\xFF\x01");
    /* 6, 16, 3: par. 6.6, 6.12 */
    ANSWERS(&r, "\x06\x00\x01\x00\x03", "\x06\x00\x01\x00\x03");
    ANSWERS(&r, "\x10\x00\x01\x00\x02\x04\x00\x0A\x01\x02", "\x10\x00\x01\x00\x02");
    ANSWERS(&r, "\x03\x00\x01\x00\x02", "\x03\x04\x00\x0A\x01\x02");
    ANSWERS(&r, "\x04\x00\x01\x00\x01", "\x04\x02\x00\x00");
    /* 22: par. 6.16: 0x12 and F2, or 25, gives 0x17 */
    ANSWERS(&r, "\x06\x00\x04\x00\x12", "\x06\x00\x04\x00\x12");
    ANSWERS(&r, "\x16\x00\x04\x00\xF2\x00\x25", "\x16\x00\x04\x00\xF2\x00\x25");
    ANSWERS(&r, "\x03\x00\x04\x00\x01", "\x03\x02\x00\x17");
    /* 23: par. 6.17, read 3 from 14 where the write of 3 to 14 has just been */
    ANSWERS(&r, "\x17\x00\x0D\x00\x03\x00\x0E\x00\x02\x04\x00\xFE\x0A\xCD",
            "\x17\x06\x00\x00\x00\xFE\x0A\xCD");
}
END_TEST

START_TEST(test_exceptions)
{
    struct emu_rig r;

    begin(&r, NULL);
    ANSWERS(&r, "\x01\x00\xFF\x00\x02", "\x81\x02");
    ANSWERS(&r, "\x01\x00\x00\x00\x00", "\x81\x03");
    ANSWERS(&r, "\x01\x00\x00\x07\xD1", "\x81\x03"); /* 2001 */
    ANSWERS(&r, "\x02\x01\x00\x00\x01", "\x82\x02");
    ANSWERS(&r, "\x04\xFF\xFF\x00\x02", "\x84\x02");
    ANSWERS(&r, "\x05\x00\x00\x00\x01", "\x85\x03");
    ANSWERS(&r, "\x05\x01\x00\xFF\x00", "\x85\x02");
    ANSWERS(&r, "\x06\x01\x00\x00\x00", "\x86\x02");
    ANSWERS(&r, "\x0F\x00\x00\x00\x09\x01\xFF", "\x8F\x03"); /* nine coils in one byte */
    ANSWERS(&r, "\x0F\x00\x00\x00\x00\x00", "\x8F\x03");
    ANSWERS(&r, "\x10\x00\x00\x00\x02\x04\x00\x0A", "\x90\x03");
    ANSWERS(&r, "\x16\x00\x04\x00\xF2", "\x96\x03");
    ANSWERS(&r, "\x16\x01\x04\x00\xF2\x00\x25", "\x96\x02");
    ANSWERS(&r, "\x17\x00\x00\x00\x01\x00\x00\x00\x02\x02\x00\x01", "\x97\x03");
    ANSWERS(&r, "\x17\x00\x00\x00\x7E\x00\x00\x00\x01\x02\x00\x01", "\x97\x03"); /* 126 */
    ANSWERS(&r, "\x17\x00\xFF\x00\x02\x00\x00\x00\x01\x02\x00\x01", "\x97\x02");
    ANSWERS(&r, "\x03", "\x83\x03");
    ANSWERS(&r, "\x07", "\x87\x01");
    ANSWERS(&r, "\x2B\x0E\x01\x00", "\xAB\x01");
}
END_TEST

/* Coils over RTU; all splits of a frame of each length rule. */
START_TEST(test_rtu_splits)
{
    static const uint8_t messages[][12] = {
        {1,   1, 0, 0,  0,    9   },
        {  1, 15,  0, 3, 0,    10, 2, 0xCD, 1},
        { 1,  22, 0, 4,  0, 0xF2,    0, 0x25},
    };
    static const uint8_t lengths[] = {6, 9, 8};
    uint8_t stream[64];
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        int k = modbus_rtu_wrap(messages[i], lengths[i], stream + n, sizeof(stream) - n);

        ck_assert_int_gt(k, 0);
        n += (size_t)k;
    }
    emu_rig_every_split("generic-modbus", 1, true, &(struct port_sense){0}, stream, n);
}
END_TEST

START_TEST(test_presets_and_hands)
{
    static const struct box_preset presets[] = {
        {BOX_COIL,           3,  1     },
        {BOX_INPUT,          0,  0     },
        {BOX_HOLDING,        10, 0x406C}, /* 3.7001 as IEEE 754: 406C CE70 */
        {BOX_HOLDING,        11, 0xCE70},
        {BOX_INPUT_REGISTER, 2,  777   },
    };
    static const struct generic_modbus_model model = {.preset = presets,
                                                      .n_presets = ARRAY_LEN(presets),
                                                      .hot_first = 2,
                                                      .n_hot = 2,
                                                      .standing = 10,
                                                      .standing_scale = 0.1};
    struct emu_rig r;

    begin(&r, &model);
    ck_assert_uint_eq(r.drives, 0); /* no watchdog: the port is not touched */
    ck_assert(r.emu->energized(r.state));
    emu_rig_near(r.emu->standing(r.state), 0x406C * 0.1, 1e-9);
    ANSWERS(&r, "\x01\x00\x00\x00\x08", "\x01\x01\x08");
    ANSWERS(&r, "\x02\x00\x00\x00\x08", "\x02\x01\xFE");
    ANSWERS(&r, "\x03\x00\x0A\x00\x02", "\x03\x04\x40\x6C\xCE\x70");
    ANSWERS(&r, "\x04\x00\x02\x00\x01", "\x04\x02\x03\x09");
    ANSWERS(&r, "\x05\x00\x03\x00\x00", "\x05\x00\x03\x00\x00");
    ck_assert(!r.emu->energized(r.state));
    r.emu->hand(r.state, &r.env, r.now, BOX_HAND_INPUT + 0, 1.0);
    r.emu->hand(r.state, &r.env, r.now, BOX_HAND_INPUT + 7, 0.0);
    r.emu->hand(r.state, &r.env, r.now, BOX_HAND_WORD + 2, 65535.0);
    ANSWERS(&r, "\x02\x00\x00\x00\x08", "\x02\x01\x7F");
    ANSWERS(&r, "\x04\x00\x02\x00\x01", "\x04\x02\xFF\xFF");
    r.emu->hand(r.state, &r.env, r.now, BOX_HAND_INPUT + 5000, 0.0); /* not there: nothing */
    r.emu->hand(r.state, &r.env, r.now, BOX_HAND_WORD + 5000, 0.0);
    ANSWERS(&r, "\x02\x00\x00\x00\x08", "\x02\x01\x7F");
}
END_TEST

START_TEST(test_refused_models)
{
    static const struct box_preset beyond = {BOX_HOLDING, 256, 1};
    static const struct generic_modbus_model models[] = {
        {.preset = &beyond,          .n_presets = 1},
        {.watchdog = true,                          .watchdog_coil = 3}, /* no period */
        {.watchdog = true,.watchdog_coil = 256, .watchdog_period_ms = 500},
        {.hot_first = 250,           .n_hot = 10},
        {.standing = 256},
    };

    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct emu_rig r;
        struct diag diag;

        begin(&r, NULL);
        r.param.model = &models[i];
        diag_init(&diag);
        ck_assert_int_eq(r.emu->power_on(r.state, &r.param, &r.env, r.now, &diag), E_RANGE);
        ck_assert(diag_has_errors(&diag));
    }
}
END_TEST

START_TEST(test_box_faults)
{
    struct emu_rig r;

    begin(&r, NULL);
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    ANSWERS(&r, "\x06\x00\x01\x00\x03", "\x06\x00\x01\x00\x03");
    ANSWERS(&r, "\x03\x00\x01\x00\x01", "\x03\x02\x00\x00");
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);
    emu_rig_fault(&r, FAULT_REFUSE, true);
    ANSWERS(&r, "\x06\x00\x01\x00\x03", "\x86\x04");
    ANSWERS(&r, "\x05\x00\x01\xFF\x00", "\x85\x04");
    emu_rig_fault(&r, FAULT_REFUSE, false);
    emu_rig_fault(&r, FAULT_STUCK, true);
    r.emu->hand(r.state, &r.env, r.now, BOX_HAND_INPUT + 1, 0.0);
    ANSWERS(&r, "\x02\x00\x01\x00\x01", "\x02\x01\x01");
    emu_rig_fault(&r, FAULT_STUCK, false);
    ANSWERS(&r, "\x02\x00\x01\x00\x01", "\x02\x01\x00");
}
END_TEST

/* ---- The watchdog relay ---- */

static const struct generic_modbus_model dog = {
    .watchdog = true, .watchdog_coil = 8, .watchdog_period_ms = 500};
static const struct generic_modbus_model strict_dog = {
    .watchdog = true, .watchdog_coil = 8, .watchdog_period_ms = 500, .latching = true};
#define RETRIGGER(r) ANSWERS(r, "\x05\x00\x08\xFF\x00", "\x05\x00\x08\xFF\x00")

static nsec tick(struct emu_rig *r)
{
    return r->emu->tick(r->state, &r->env, r->now, &r->out);
}

START_TEST(test_watchdog)
{
    struct emu_rig r;

    begin(&r, &dog);
    ck_assert(!r.drive.on); /* has dropped when power comes */
    ck_assert_int_eq(tick(&r), NSEC_NEVER);
    RETRIGGER(&r);
    ck_assert(r.drive.on);
    ck_assert_int_eq(tick(&r), r.now + NSEC_S); /* twice its period */
    for (int i = 0; i < 5; i++) {
        r.now += 999 * NSEC_MS;
        ck_assert_int_eq(tick(&r), r.now + NSEC_MS);
        RETRIGGER(&r);
    }
    ck_assert_uint_eq(r.drives, 1);                              /* nothing moved in between */
    ANSWERS(&r, "\x05\x00\x09\xFF\x00", "\x05\x00\x09\xFF\x00"); /* another coil: no retrigger */
    r.now += NSEC_S;
    ck_assert_int_eq(tick(&r), NSEC_NEVER);
    ck_assert(!r.drive.on);
    ANSWERS(&r, "\x01\x00\x08\x00\x02", "\x01\x01\x02"); /* it reads 0 */
    RETRIGGER(&r);
    ck_assert(r.drive.on);
    ANSWERS(&r, "\x05\x00\x08\x00\x00", "\x05\x00\x08\x00\x00");
    ck_assert(!r.drive.on);
    RETRIGGER(&r);
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    r.now += 500 * NSEC_MS;
    RETRIGGER(&r);
    r.now += 500 * NSEC_MS;
    (void)tick(&r);
    ck_assert(!r.drive.on);
}
END_TEST

START_TEST(test_watchdog_latches)
{
    struct emu_rig r;

    begin(&r, &strict_dog);
    RETRIGGER(&r);
    ANSWERS(&r, "\x05\x00\x08\x00\x00", "\x05\x00\x08\x00\x00"); /* told to: no latch */
    RETRIGGER(&r);
    ck_assert(r.drive.on);
    r.now += NSEC_S;
    (void)tick(&r);
    ck_assert(!r.drive.on);
    RETRIGGER(&r);
    ck_assert(!r.drive.on);
    r.emu->hand(r.state, &r.env, r.now, BOX_HAND_RESET, 1.0);
    ck_assert(!r.drive.on);
    RETRIGGER(&r);
    ck_assert(r.drive.on);
}
END_TEST

static struct world world;
static struct host host;
static struct host_wiring wiring;

static void deliver(void *owner, nsec first_at, nsec at, const uint8_t *p, size_t n)
{
    (void)owner;
    (void)first_at;
    (void)at;
    (void)p;
    (void)n;
}

static void work_until(nsec t)
{
    host_work(&host, &wiring, t);
    world_advance(&world, t);
}

static void send_coil(nsec t, bool on)
{
    const uint8_t frame[] = {0, 1, 0, 0, 0, 6, 1, 5, 0, 8, on ? 0xFF : 0, 0};

    work_until(t);
    host_send(&host, &wiring, t, frame, sizeof(frame));
    work_until(t);
}

/* A cell under charge in a hot chamber, and nobody retriggers: to the millisecond the current is
 * gone and the chamber cools, whatever their instruments still believe. */
START_TEST(test_watchdog_in_the_world)
{
    struct emu_param param = {.unit = 1, .tcp = true, .model = &dog, .n_ports = 1};
    struct port_drive charge = {.on = true, .v_max = 4.2, .v_min = 4.2, .i_max = 1e-3};
    struct port_drive heat = {.on = true, .set = 333.15};
    struct port_sense sensed = {0};
    uint16_t source, chamber;
    double hot_k;

    world_init(&world, 298.15);
    ck_assert_int_eq(world_add_chamber(&world, NULL, 333.15), 0);
    ck_assert_int_eq(world_add_station(&world, 0), 0);
    world_put_assb(&world, 0, NULL);
    world_put_press(&world, 0, NULL);
    source = (uint16_t)world_add_port(&world, PORT_SOURCE, 0);
    chamber = (uint16_t)world_add_port(&world, PORT_CHAMBER, 0);
    param.ports[0] = (uint16_t)world_add_port(&world, PORT_RELAY, 99);
    host_init(&host, &wiring, 0);
    wiring.deliver = deliver;
    wiring.tcp = true;
    ck_assert_int_eq(
        host_add(&host, &wiring, emu_find("generic-modbus"), &param, &world, 1, 0, NULL), 0);
    ck_assert(world.watchdog_dropped);
    world_drive(&world, source, 0, &charge);
    world_drive(&world, chamber, 0, &heat);
    emu_rig_near(world.station[0].current_a, 0.0, 0.0);

    send_coil(NSEC_S, true);
    ck_assert(!world.watchdog_dropped);
    emu_rig_near(world.station[0].current_a, 1e-3, 1e-12);
    work_until(1999 * NSEC_MS);
    emu_rig_near(world.station[0].current_a, 1e-3, 1e-12);
    world_sense(&world, param.ports[0], world.now, &sensed);
    emu_rig_near(sensed.value, 1.0, 0.0);
    work_until(2000 * NSEC_MS);
    ck_assert(world.watchdog_dropped);
    emu_rig_near(world.station[0].current_a, 0.0, 0.0);
    hot_k = world.chamber[0].state.air_k;
    work_until(600 * NSEC_S);
    ck_assert(world.chamber[0].state.air_k < hot_k - 1.0);
    ck_assert(world.chamber[0].drive.on && world.station[0].source.on);
    emu_rig_near(world.station[0].charge_in_c, 1e-3 * 1.0, 1e-9); /* one second of 1 mA */
    world_sense(&world, source, world.now, &sensed);
    emu_rig_near(sensed.current_a, 0.0, 0.0);
    ck_assert(sensed.voltage_v > 2.0);
    send_coil(601 * NSEC_S, true);
    emu_rig_near(world.station[0].current_a, 1e-3, 1e-12);

    ck_assert_int_eq(host_hand(&host, &wiring, 0, world.now, BOX_HAND_INPUT, 0.0), 0);
    host_mind_fault(&host, &wiring, 0, world.now, FAULT_REBOOT, true);
    ck_assert(world.watchdog_dropped);
}
END_TEST

/* ---- The SCPI box ---- */

START_TEST(test_scpi_common)
{
    struct emu_rig r;

    emu_rig_begin(&r, "generic-scpi", 0, false, emu_rig_ideal);
    SAYS(&r, "*IDN?\n", "BENCHCTL,GENERIC-30-5,1001,1.0\n");
    SAYS(&r, "*ESR?\n", "128\n"); /* power on */
    SAYS(&r, "*ESR?;*OPC?;:SYST:ERR?\n", "0;1;0,\"No error\"\n");
    SAYS(&r, "FOO:BAR 1\n", "");
    SAYS(&r, "*STB?\n", "4\n");
    SAYS(&r, "SYSTEM:ERROR:NEXT?\n", "-113,\"Undefined header\"\n");
    SAYS(&r, "VOLT\n", "");
    SAYS(&r, "VOLT 1,2\n", "");
    SAYS(&r, "VOLT abc\n", "");
    SAYS(&r, "VOLT 31\n", "");
    SAYS(&r, "syst:err?;err?\n", "-109,\"Missing parameter\";-108,\"Parameter not allowed\"\n");
    SAYS(&r, "SYST:ERR?\n", "-104,\"Data type error\"\n");
    SAYS(&r, "SYST:ERR?\n", "-222,\"Data out of range\"\n");
    SAYS(&r, "SYST:ERR?\n", "0,\"No error\"\n");
    SAYS(&r, "*ESR?\n", "48\n");   /* command and execution errors */
    SAYS(&r, "MEAS:VOLT 1\n", ""); /* a query only */
    SAYS(&r, "*CLS;:SYST:ERR?\n", "0,\"No error\"\n");
    SAYS(&r, "*ESE 32;*SRE 32;X\n", "");
    SAYS(&r, "*STB?\n", "100\n"); /* 4 + 32 + 64 */
    for (int i = 0; i < 12; i++)
        SAYS(&r, "X\n", "");
    for (int i = 0; i < 7; i++)
        SAYS(&r, "SYST:ERR?\n", "-113,\"Undefined header\"\n");
    SAYS(&r, "SYST:ERR?\n", "-350,\"Queue overflow\"\n");
    SAYS(&r, "SYST:ERR?\n", "0,\"No error\"\n");
    r.now += NSEC_S;
    emu_rig_bytes(&r, NSEC_S, "*IDN?\n", 6);
    ck_assert_int_eq(r.out.piece[0].at, r.now + 2 * NSEC_MS);
}
END_TEST

START_TEST(test_scpi_source)
{
    struct emu_rig r;

    emu_rig_begin(&r, "generic-scpi", 0, false, emu_rig_ideal);
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    SAYS(&r, "SOUR:VOLT 4.2;CURR 0.5\n", "");
    SAYS(&r, "SOURce:VOLTage:LEVel:IMMediate:AMPLitude?\n", "+4.200000E+00\n");
    SAYS(&r, "CURR?\n", "+5.000000E-01\n");
    emu_rig_near(r.emu->standing(r.state), 4.2, 1e-12);
    SAYS(&r, "OUTP?\n", "0\n");
    SAYS(&r, "OUTP ON;OUTP?\n", "1\n");
    ck_assert(r.drive.on && r.emu->energized(r.state));
    emu_rig_near(r.drive.v_max, 4.2, 0.0);
    emu_rig_near(r.drive.v_min, 4.2, 0.0);
    emu_rig_near(r.drive.i_max, 0.5, 0.0);
    emu_rig_near(r.drive.i_min, 0.0, 0.0);
    r.sense = (struct port_sense){.voltage_v = 3.5, .current_a = 0.25};
    SAYS(&r, "MEAS:VOLT?;CURR?;POW?\n", "+3.500000E+00;+2.500000E-01;+8.750000E-01\n");
    SAYS(&r, "MEAS:TEMP?\n", "+9.910000E+37\n"); /* no second port */
    SAYS(&r, "VOLT MAX;VOLT?\n", "+3.000000E+01\n");
    SAYS(&r, "OUTP 0\n", "");
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    SAYS(&r, "OUTP 1;*RST;VOLT?;OUTP?\n", "+0.000000E+00;0\n");
    ck_assert(!r.drive.on);
    r.param.n_ports = 2;
    r.param.ports[1] = 7;
    emu_rig_power(&r);
    r.sense.value = 298.15;
    SAYS(&r, "MEAS:TEMP?\n", "+2.500000E+01\n");
}
END_TEST

START_TEST(test_scpi_faults)
{
    struct emu_rig r;

    emu_rig_begin(&r, "generic-scpi", 0, false, emu_rig_ideal);
    r.sense = (struct port_sense){.voltage_v = 3.5, .current_a = 0.25};
    SAYS(&r, "VOLT 4;CURR 1;OUTP ON\n", "");
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    SAYS(&r, "VOLT 5;VOLT?\n", "+4.000000E+00\n");
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);
    emu_rig_fault(&r, FAULT_REFUSE, true);
    SAYS(&r, "VOLT 5;VOLT?;:SYST:ERR?\n", "+4.000000E+00;-221,\"Settings conflict\"\n");
    SAYS(&r, "OUTP OFF\n", "");
    ck_assert(!r.emu->energized(r.state));
    emu_rig_fault(&r, FAULT_REFUSE, false);
    emu_rig_fault(&r, FAULT_STUCK, true);
    r.sense.voltage_v = 1.0;
    SAYS(&r, "MEAS:VOLT?\n", "+3.500000E+00\n");
    emu_rig_fault(&r, FAULT_STUCK, false);
    SAYS(&r, "MEAS:VOLT?\n", "+1.000000E+00\n");
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, true);
    SAYS(&r, "MEAS:VOLT?\n", "+9.910000E+37\n");
}
END_TEST

START_TEST(test_scpi_splits)
{
    static const char text[] = "*IDN?\nVOLT 4.25;VOLT?\nX\nMEAS:CURR?\nSYST:ERR?\n";
    struct port_sense sense = {.voltage_v = 3.7, .current_a = 1e-5};

    emu_rig_every_split("generic-scpi", 0, false, &sense, text, sizeof(text) - 1);
}
END_TEST

START_TEST(test_scpi_error)
{
    struct emu_rig r;
    double sum = 0.0, square = 0.0;

    emu_rig_begin(&r, "generic-scpi", 0, false, (struct emu_error){.gain = 1.0, .offset = 0.5});
    r.sense.voltage_v = 10.0; /* 0.03 % and half of 5 mV: reads 10.0055 */
    for (int i = 0; i < 2000; i++) {
        double v = emu_rig_number(emu_rig_say(&r, "MEAS:VOLT?\n"));

        sum += v / 2000;
        square += pow(v - 10.0055, 2) / 2000;
    }
    emu_rig_near(sum, 10.0055, 2e-5);
    emu_rig_near(sqrt(square), 2e-4, 2e-5);
    SAYS(&r, "VOLT 10;CURR 1;OUTP ON\n", "");
    emu_rig_near(r.drive.v_max, 9.9945, 1e-5); /* regulates what it shows */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus-generic");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_functions);
    tcase_add_test(t, test_exceptions);
    tcase_add_test(t, test_rtu_splits);
    tcase_add_test(t, test_presets_and_hands);
    tcase_add_test(t, test_refused_models);
    tcase_add_test(t, test_box_faults);
    tcase_add_test(t, test_watchdog);
    tcase_add_test(t, test_watchdog_latches);
    tcase_add_test(t, test_watchdog_in_the_world);
    tcase_add_test(t, test_scpi_common);
    tcase_add_test(t, test_scpi_source);
    tcase_add_test(t, test_scpi_faults);
    tcase_add_test(t, test_scpi_splits);
    tcase_add_test(t, test_scpi_error);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
