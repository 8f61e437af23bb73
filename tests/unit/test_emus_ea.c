/* The EA PSB emulator against the registers, captures and scaling of its fact sheet. */
#include "base/attr.h"
#include "base/diag.h"
#include "drivers/virtual/ea_psb.h"
#include "drivers/virtual/emu.h"
#include "drivers/virtual/world.h"
#include "drivers/wire/modbus.h"
#include "tests/support/emu_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REMOTE = 402,
    OUTPUT = 405,
    ACKNOWLEDGE = 411,
    SINK_P = 498,
    SINK_I = 499,
    U = 500,
    I = 501,
    P = 502,
    STATE = 505,
    OVP = 550,
    OCP = 553,
    OPP = 556,
    U_MAX = 9000,
    U_MIN = 9001,
    I_MAX = 9002,
    SINK_I_MAX = 9008,
    COMPLIANCE = 10013
};
enum {
    FULL = 0xCCCC,
    SET_MAX = 0xD0E5,
    TRIP_MAX = 0xE147
};

/* Sends unit + PDU as one RTU frame; the reply the same way, its length returned. */
static size_t talk(struct emu_rig *r, const uint8_t *msg, size_t n, uint8_t *ret)
{
    uint8_t frame[MODBUS_ADU_MAX];
    int n_frame = modbus_rtu_wrap(msg, n, frame, sizeof(frame));
    size_t got;

    ck_assert_int_gt(n_frame, 0);
    emu_rig_bytes(r, NSEC_S, frame, (size_t)n_frame);
    if (r->emu->tick)
        (void)r->emu->tick(r->state, &r->env, r->now, &r->out);
    got = r->out.n_bytes;
    if (got > 0) {
        ck_assert(modbus_rtu_intact(r->out.bytes, got));
        got -= 2;
        memcpy(ret, r->out.bytes, got);
    }
    (void)emu_rig_collect(r);
    return got;
}

/* 0, or the exception. */
static unsigned says(struct emu_rig *r, const uint8_t *msg, size_t n)
{
    uint8_t reply[MODBUS_ADU_MAX] = {0};
    size_t got = talk(r, msg, n, reply);

    ck_assert_uint_eq(reply[0], msg[0]);
    if (got == 3) {
        ck_assert_uint_eq(reply[1], msg[1] | 0x80U);
        return reply[2];
    }
    ck_assert_uint_eq(got, 6);
    ck_assert_mem_eq(reply, msg, 6);
    return 0;
}

static unsigned put(struct emu_rig *r, unsigned addr, unsigned word)
{
    const uint16_t words[1] = {(uint16_t)word};
    uint8_t msg[8];

    return says(r, msg, modbus_write_request(1, (uint16_t)addr, words, 1, msg));
}

static unsigned coil(struct emu_rig *r, unsigned addr, bool on)
{
    const uint8_t msg[] = {1, 5, (uint8_t)(addr >> 8), (uint8_t)(addr & 0xFF), on ? 0xFF : 0, 0};

    return says(r, msg, sizeof(msg));
}

static unsigned words(struct emu_rig *r, unsigned addr, unsigned n, uint16_t *ret_words)
{
    uint8_t msg[8], reply[MODBUS_ADU_MAX] = {0};
    size_t got = talk(r, msg, modbus_read_request(1, 3, (uint16_t)addr, (uint16_t)n, msg), reply);

    if (got == 3)
        return reply[2];
    ck_assert_uint_eq(got, 3U + 2U * n);
    for (unsigned i = 0; i < n; i++)
        ret_words[i] = modbus_get_u16(reply + 3 + 2 * i);
    return 0;
}

static unsigned word(struct emu_rig *r, unsigned addr)
{
    uint16_t w = 0;

    ck_assert_uint_eq(words(r, addr, 1, &w), 0);
    return w;
}

static uint32_t state(struct emu_rig *r)
{
    uint16_t w[5] = {0};

    ck_assert_uint_eq(words(r, STATE, 5, w), 0);
    return (uint32_t)w[0] << 16 | w[1];
}

static void begin(struct emu_rig *r)
{
    emu_rig_begin(r, "ea-psb", 1, false, emu_rig_ideal);
}

/* Remote, power at maximum, U and both currents, output on. */
static void at_work(struct emu_rig *r, unsigned u, unsigned source, unsigned sink)
{
    ck_assert_uint_eq(coil(r, REMOTE, true), 0);
    ck_assert_uint_eq(put(r, P, FULL), 0);
    ck_assert_uint_eq(put(r, SINK_P, FULL), 0);
    ck_assert_uint_eq(put(r, U, u), 0);
    ck_assert_uint_eq(put(r, I, source), 0);
    ck_assert_uint_eq(put(r, SINK_I, sink), 0);
    ck_assert_uint_eq(coil(r, OUTPUT, true), 0);
}

/* ---- Who it is ---- */

START_TEST(test_identity)
{
    /* 60, 60, 1200 as IEEE 754, high word first */
    static const uint16_t nominal[] = {0x4270, 0, 0x4270, 0, 0x4496, 0};
    struct emu_rig r;
    uint16_t w[20] = {0};

    begin(&r);
    ck_assert_uint_eq(words(&r, 121, 6, w), 0);
    ck_assert_mem_eq(w, nominal, sizeof(nominal));
    ck_assert_uint_eq(words(&r, 1, 20, w), 0);
    ck_assert_uint_eq(w[0], 'P' << 8 | 'S');
    ck_assert_uint_eq(w[1], 'B' << 8 | ' ');
    ck_assert_uint_eq(w[19], 0);
    ck_assert_uint_eq(words(&r, 21, 20, w), 0);
    ck_assert_uint_eq(w[0], 'E' << 8 | 'A');
    r.param.serial = "1234567";
    emu_rig_power(&r);
    ck_assert_uint_eq(words(&r, 151, 20, w), 0);
    ck_assert_uint_eq(w[0], '1' << 8 | '2');
    ck_assert_uint_eq(w[3], '7' << 8);
    ck_assert_uint_eq(w[4], 0);
    emu_rig_fault(&r, FAULT_WRONG_MODEL, true);
    ck_assert_uint_eq(words(&r, 1, 20, w), 0);
    ck_assert_uint_eq(w[1], 'I' << 8 | ' '); /* a PSI: no sink */
}
END_TEST

START_TEST(test_model)
{
    static const struct ea_psb_model big = {
        .nominal_v = 500.0, .nominal_a = 90.0, .nominal_w = 15000.0};
    static const struct ea_psb_model odd = {.nominal_v = -1.0};
    struct emu_rig r;
    struct diag diag;
    uint16_t w[2] = {0};

    begin(&r);
    r.param.model = &big;
    emu_rig_power(&r);
    ck_assert_uint_eq(words(&r, 121, 2, w), 0);
    ck_assert_uint_eq(w[0], 0x43FA); /* 500.0 */
    r.sense.voltage_v = 250.0;
    r.now += NSEC_S;
    ck_assert_uint_eq(word(&r, 507), FULL / 2);
    r.param.model = &odd;
    diag_init(&diag);
    ck_assert_int_lt(r.emu->power_on(r.state, &r.param, &r.env, r.now, &diag), 0);
}
END_TEST

/* ---- The wire ---- */

START_TEST(test_capture)
{
    /* Remote over USB, output off: 505 = 0000, 506 = 0803. */
    struct emu_rig r;
    uint8_t msg[8], reply[MODBUS_ADU_MAX] = {0};

    begin(&r);
    ck_assert_uint_eq(state(&r), 0);
    ck_assert_uint_eq(coil(&r, REMOTE, true), 0);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(1, 3, STATE, 2, msg), reply), 7);
    ck_assert_mem_eq(reply, "\x01\x03\x04\x00\x00\x08\x03", 7);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(1, 1, REMOTE, 1, msg), reply), 4);
    ck_assert_mem_eq(reply, "\x01\x01\x01\x01", 4);
    emu_rig_bytes(&r, NSEC_S, "\x01\x03\x00\x79\x00\x06\x14\x11", 8); /* CRC by another library */
    ck_assert_uint_eq(r.out.n_bytes, 3 + 12 + 2);
    ck_assert_int_eq(r.out.piece[0].at, r.now + 50 * NSEC_MS);
}
END_TEST

START_TEST(test_address)
{
    struct emu_rig r;
    uint8_t msg[8], reply[MODBUS_ADU_MAX] = {0};

    begin(&r); /* Full: its address and 0, which is answered */
    ck_assert_uint_eq(word(&r, COMPLIANCE), 1);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(0, 3, 0, 1, msg), reply), 5);
    ck_assert_uint_eq(reply[0], 0);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(2, 3, 0, 1, msg), reply), 0);
    ck_assert_uint_eq(coil(&r, REMOTE, true), 0);
    ck_assert_uint_eq(put(&r, COMPLIANCE, 2), 3);
    ck_assert_uint_eq(put(&r, COMPLIANCE, 0), 0);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(1, 3, 0, 1, msg), reply), 0);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(0, 3, COMPLIANCE, 1, msg), reply), 5);
    ck_assert_uint_eq(modbus_get_u16(reply + 3), 0);

    emu_rig_begin(&r, "ea-psb", 0, false, emu_rig_ideal); /* Limited from the start */
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(1, 3, 0, 1, msg), reply), 0);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(0, 3, 0, 1, msg), reply), 5);
    ck_assert_uint_eq(reply[0], 0);
}
END_TEST

START_TEST(test_tcp)
{
    static const uint8_t remote[] = {0, 7, 0, 0, 0, 6, 1, 5, 1, 0x92, 0xFF, 0};
    static const uint8_t read[] = {0, 8, 0, 0, 0, 6, 1, 3, 1, 0xF9, 0, 2};
    struct emu_rig r;

    begin(&r);
    r.param.tcp = true;
    emu_rig_power(&r);
    emu_rig_bytes(&r, 0, remote, sizeof(remote));
    ck_assert_uint_eq(r.out.n_bytes, 12);
    ck_assert_mem_eq(r.out.bytes, remote, 12);
    (void)emu_rig_collect(&r);
    emu_rig_bytes(&r, 0, read, sizeof(read));
    ck_assert_mem_eq(r.out.bytes, "\0\x08\0\0\0\x07\x01\x03\x04\0\0\x08\x06", 13);
}
END_TEST

START_TEST(test_functions)
{
    static const uint16_t sets[] = {FULL, 100, 200, 300, FULL};
    struct emu_rig r;
    uint8_t msg[32], reply[MODBUS_ADU_MAX] = {0};
    uint16_t w[5] = {0};

    begin(&r);
    ck_assert_uint_eq(coil(&r, REMOTE, true), 0);
    ck_assert_uint_eq(says(&r, msg, modbus_write_request(1, SINK_P, sets, 5, msg)), 0);
    ck_assert_uint_eq(words(&r, SINK_P, 5, w), 0);
    ck_assert_mem_eq(w, sets, sizeof(sets));
    ck_assert_uint_eq(says(&r, (const uint8_t *)"\x01\x05\x01\x95\x12\x34", 6), 3);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(1, 2, 402, 1, msg), reply), 3);
    ck_assert_uint_eq(reply[2], 1);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(1, 4, 0, 1, msg), reply), 3);
    ck_assert_uint_eq(reply[2], 1);
    ck_assert_uint_eq(talk(&r, msg, modbus_read_request(1, 1, 403, 1, msg), reply), 3);
    ck_assert_uint_eq(reply[2], 2);
    ck_assert_uint_eq(words(&r, 503, 1, w), 2); /* an option */
    ck_assert_uint_eq(words(&r, 9005, 2, w), 2);
    ck_assert_uint_eq(put(&r, 507, 1), 2);
    ck_assert_uint_eq(coil(&r, 400, true), 2);
}
END_TEST

/* ---- Sets ---- */

START_TEST(test_remote_first)
{
    struct emu_rig r;

    begin(&r);
    ck_assert_uint_eq(put(&r, U, 100), 7);
    ck_assert_uint_eq(put(&r, U_MAX, 100), 7);
    ck_assert_uint_eq(put(&r, OVP, 100), 7);
    ck_assert_uint_eq(coil(&r, OUTPUT, true), 7);
    ck_assert_uint_eq(coil(&r, ACKNOWLEDGE, true), 7);
    ck_assert_uint_eq(word(&r, U), 0);
    ck_assert_uint_eq(coil(&r, REMOTE, true), 0);
    ck_assert_uint_eq(put(&r, U, 100), 0);
    ck_assert_uint_eq(word(&r, U), 100);
    ck_assert_uint_eq(coil(&r, REMOTE, false), 0);
    ck_assert_uint_eq(put(&r, U, 101), 7);
    ck_assert_uint_eq(word(&r, U), 100);
}
END_TEST

START_TEST(test_ranges)
{
    struct emu_rig r;

    begin(&r);
    ck_assert_uint_eq(coil(&r, REMOTE, true), 0);
    for (unsigned addr = SINK_P; addr <= P; addr++) {
        ck_assert_uint_eq(put(&r, addr, SET_MAX), 0);
        ck_assert_uint_eq(put(&r, addr, SET_MAX + 1), 3);
        ck_assert_uint_eq(word(&r, addr), SET_MAX);
        ck_assert_uint_eq(put(&r, addr, 0), 0);
    }
    ck_assert_uint_eq(put(&r, OVP, TRIP_MAX), 0);
    ck_assert_uint_eq(put(&r, OVP, TRIP_MAX + 1), 3);
    ck_assert_uint_eq(put(&r, U_MAX, SET_MAX + 1), 3);
    ck_assert_uint_eq(put(&r, U_MAX, 4000), 0);
    ck_assert_uint_eq(put(&r, U, 4001), 3);
    ck_assert_uint_eq(put(&r, U, 4000), 0);
    ck_assert_uint_eq(put(&r, U_MAX, 3999), 3); /* would exclude what stands */
    ck_assert_uint_eq(word(&r, U_MAX), 4000);
    ck_assert_uint_eq(put(&r, U_MIN, 2000), 0);
    ck_assert_uint_eq(put(&r, U, 1999), 3);
    ck_assert_uint_eq(put(&r, I_MAX, 1000), 0);
    ck_assert_uint_eq(put(&r, SINK_I_MAX, 0), 0);
    ck_assert_uint_eq(put(&r, I, 1001), 3);
    ck_assert_uint_eq(put(&r, SINK_I, 1), 3);
    ck_assert_uint_eq(put(&r, SINK_I, 0), 0);
    ck_assert_uint_eq(put(&r, I, 1000), 0);
}
END_TEST

/* 4.2 V and 2 A of 60 V, 60 A are 3670 and 1748 counts. */
START_TEST(test_box)
{
    struct emu_rig r;

    begin(&r);
    r.sense.voltage_v = 3.7;
    ck_assert(!r.drive.on);
    ck_assert_uint_eq(word(&r, 507), 3233); /* measured with the output off */
    at_work(&r, 3670, 1748, 0);
    ck_assert(r.drive.on && r.emu->energized(r.state));
    emu_rig_near(r.drive.v_max, 4.2, 60.0 / FULL);
    emu_rig_near(r.drive.v_min, r.drive.v_max, 0.0);
    emu_rig_near(r.drive.i_max, 2.0, 60.0 / FULL);
    emu_rig_near(r.drive.i_min, 0.0, 0.0);
    emu_rig_near(r.emu->standing(r.state), 4.2, 60.0 / FULL);
    ck_assert_uint_eq(put(&r, SINK_I, 874), 0);
    emu_rig_near(r.drive.i_min, -1.0, 60.0 / FULL);
    ck_assert_uint_eq(put(&r, SINK_I, 0), 0);
    ck_assert_uint_eq(put(&r, I, 0), 0);
    ck_assert(!r.emu->energized(r.state)); /* on, but no current may flow */
    ck_assert_uint_eq(put(&r, I, 1), 0);
    ck_assert(r.emu->energized(r.state));
    ck_assert_uint_eq(coil(&r, OUTPUT, false), 0);
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
}
END_TEST

START_TEST(test_readings)
{
    struct emu_rig r;
    uint16_t w[5] = {0};

    begin(&r);
    at_work(&r, 3670, 1748, 874);
    r.now += NSEC_S;
    r.sense = (struct port_sense){.voltage_v = 3.9, .current_a = 2.0, .limit = 'I'};
    ck_assert_uint_eq(words(&r, STATE, 5, w), 0);
    ck_assert_uint_eq(w[0], 0);
    ck_assert_uint_eq(w[1], 0x0803 | 1 << 7 | 2 << 9); /* on, CC, source */
    ck_assert_uint_eq(w[2], 3408);                     /* 3.9 / 60 x 52428 */
    ck_assert_uint_eq(w[3], 1748);
    ck_assert_uint_eq(w[4], 341); /* 7.8 / 1200 x 52428 */
    r.now += NSEC_S;
    r.sense = (struct port_sense){.voltage_v = 4.2, .current_a = -1.0, .limit = 'V'};
    ck_assert_uint_eq(words(&r, STATE, 5, w), 0);
    ck_assert_uint_eq(w[1], 0x0803 | 1 << 7 | 1 << 12); /* on, CV, sink */
    ck_assert_uint_eq(w[3], 874);
    ck_assert_uint_eq(coil(&r, OUTPUT, false), 0);
    ck_assert_uint_eq(words(&r, STATE, 5, w), 0);
    ck_assert_uint_eq(w[1], 0x0803);
    ck_assert_uint_eq(w[3], 0);
}
END_TEST

/* ---- Protection ---- */

START_TEST(test_trips)
{
    static const struct {
        unsigned addr, bit;
    } trips[] = {
        {OVP, 16},
        {OCP, 17},
        {OPP, 18},
    };

    for (size_t i = 0; i < ARRAY_LEN(trips); i++) {
        struct emu_rig r;

        begin(&r);
        r.sense = (struct port_sense){.voltage_v = 3.9, .current_a = 2.0, .limit = 'I'};
        at_work(&r, 3670, 1748, 0);
        ck_assert_uint_eq(put(&r, trips[i].addr, 300), 0);
        r.now += 20 * NSEC_MS; /* nobody asks */
        ck_assert_int_eq(r.emu->tick(r.state, &r.env, r.now, &r.out), NSEC_NEVER);
        ck_assert(!r.drive.on && !r.emu->energized(r.state));
        ck_assert_uint_eq(state(&r), 0x0803 | 1U << 15 | 1U << trips[i].bit);
        ck_assert_uint_eq(coil(&r, OUTPUT, true), 4);
        ck_assert_uint_eq(put(&r, trips[i].addr, TRIP_MAX), 0);
        ck_assert_uint_eq(coil(&r, OUTPUT, true), 4);
        ck_assert_uint_eq(coil(&r, ACKNOWLEDGE, true), 0);
        ck_assert_uint_eq(state(&r), 0x0803);
        ck_assert_uint_eq(coil(&r, OUTPUT, true), 0);
        ck_assert(r.drive.on);
    }
}
END_TEST

/* ---- Faults ---- */

START_TEST(test_faults)
{
    struct emu_rig r;

    begin(&r);
    r.sense = (struct port_sense){.voltage_v = 3.9, .current_a = 2.0, .limit = 'I'};
    at_work(&r, 3670, 1748, 0);

    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    ck_assert_uint_eq(put(&r, U, 3000), 0);
    ck_assert_uint_eq(put(&r, U_MAX, 5000), 0);
    ck_assert_uint_eq(put(&r, OVP, 5000), 0);
    ck_assert_uint_eq(word(&r, U), 3670);
    ck_assert_uint_eq(word(&r, U_MAX), SET_MAX);
    ck_assert_uint_eq(word(&r, OVP), TRIP_MAX);
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);

    emu_rig_fault(&r, FAULT_REFUSE, true);
    ck_assert_uint_eq(put(&r, U, 3000), 4);
    ck_assert_uint_eq(word(&r, U), 3670);
    emu_rig_fault(&r, FAULT_REFUSE, false);

    emu_rig_fault(&r, FAULT_STUCK, true);
    r.sense = (struct port_sense){.voltage_v = 4.1, .current_a = -1.0};
    r.now += NSEC_S;
    ck_assert_uint_eq(word(&r, 507), 3408);
    ck_assert_uint_eq(word(&r, 508), 1748);
    ck_assert_uint_eq(state(&r) & 1U << 12, 0);
    ck_assert_uint_eq(put(&r, U, 3671), 0);
    ck_assert_uint_eq(word(&r, 507), 3408);
    emu_rig_fault(&r, FAULT_STUCK, false);
    ck_assert_uint_eq(word(&r, 507), 3583);

    emu_rig_fault(&r, FAULT_ALARM, true);
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    ck_assert_uint_eq(state(&r), 0x0803 | 1U << 15 | 1U << 19);
    ck_assert_uint_eq(coil(&r, OUTPUT, true), 4);
    emu_rig_fault(&r, FAULT_ALARM, false);
    ck_assert_uint_eq(state(&r), 0x0803);
    ck_assert(!r.drive.on);
    ck_assert_uint_eq(coil(&r, OUTPUT, true), 0);

    emu_rig_power(&r); /* reboot */
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    ck_assert_uint_eq(state(&r), 0);
    ck_assert_uint_eq(word(&r, U), 0);
}
END_TEST

/* Somebody at the panel: nothing is taken, and what was on stays on. */
START_TEST(test_local)
{
    struct emu_rig r;

    begin(&r);
    r.sense.voltage_v = 3.9;
    at_work(&r, 3670, 1748, 0);
    emu_rig_fault(&r, FAULT_LOCAL, true);
    ck_assert_uint_eq(state(&r), 1 | 1U << 7);
    ck_assert_uint_eq(put(&r, U, 3000), 7);
    ck_assert_uint_eq(coil(&r, REMOTE, true), 7);
    ck_assert_uint_eq(coil(&r, OUTPUT, false), 7);
    ck_assert(r.drive.on && r.emu->energized(r.state));
    emu_rig_fault(&r, FAULT_LOCAL, false);
    ck_assert_uint_eq(state(&r), 1U << 7);
    ck_assert_uint_eq(coil(&r, REMOTE, true), 0);
    ck_assert_uint_eq(coil(&r, OUTPUT, false), 0);
    ck_assert(!r.emu->energized(r.state));
}
END_TEST

/* Switching off works whatever else is wrong. */
START_TEST(test_off_always)
{
    struct emu_rig r;

    begin(&r);
    for (int f = FAULT_NONE + 1; f < FAULT_COUNT; f++) {
        if ((r.emu->faults & 1U << f) == 0 || f == FAULT_REBOOT || f == FAULT_LOCAL)
            continue;
        emu_rig_power(&r);
        at_work(&r, 3670, 1748, 874);
        emu_rig_fault(&r, (enum emu_fault)f, true);
        ck_assert_uint_eq(coil(&r, OUTPUT, false), 0);
        ck_assert(!r.emu->energized(r.state) && !r.drive.on);
    }
}
END_TEST

/* ---- Accuracy ---- */

START_TEST(test_error)
{
    struct emu_rig r;
    double u = 0.0, u2 = 0.0, i = 0.0;
    uint16_t w[2] = {0};

    emu_rig_begin(&r, "ea-psb", 1, false, (struct emu_error){.gain = 0.5, .offset = -0.5});
    r.sense = (struct port_sense){.voltage_v = 30.0, .current_a = 10.0};
    at_work(&r, FULL / 2, FULL / 6, FULL / 6);
    emu_rig_near(r.drive.v_max, 30.015, 1e-6); /* it reads 15 mV low: it regulates as much high */
    emu_rig_near(r.drive.i_max, 9.97, 1e-6);
    emu_rig_near(r.drive.i_min, -10.03, 1e-6);
    for (int k = 0; k < 2000; k++) {
        r.now += 100 * NSEC_MS;
        ck_assert_uint_eq(words(&r, 507, 2, w), 0);
        u += w[0] * 60.0 / FULL / 2000;
        u2 += pow(w[0] * 60.0 / FULL - 29.985, 2) / 2000;
        i += w[1] * 60.0 / FULL / 2000;
    }
    emu_rig_near(u, 29.985, 2e-4);         /* half of 0.05 % of 60 V */
    emu_rig_near(sqrt(u2), 1.25e-3, 1e-4); /* 1.2 mV, and counts of 1.144 mV */
    emu_rig_near(i, 10.03, 4e-4);          /* half of 0.1 % of 60 A */
    /* a direction that is off stays off, whatever the error */
    ck_assert_uint_eq(put(&r, SINK_I, 0), 0);
    ck_assert_uint_eq(put(&r, I, 0), 0);
    emu_rig_near(r.drive.i_min, 0.0, 0.0);
    emu_rig_near(r.drive.i_max, 0.0, 0.0);
}
END_TEST

/* ---- With a cell ---- */

static struct world world;

static void on_cell(struct emu_rig *r)
{
    begin(r);
    world_init(&world, 333.15);
    ck_assert_int_eq(world_add_station(&world, -1), 0);
    world_put_assb(&world, 0, NULL);
    world_put_press(&world, 0, NULL);
    r->param.ports[0] = (uint16_t)world_add_port(&world, PORT_SOURCE, 0);
    r->env = (struct emu_env){
        .world = &world, .drive = world_drive, .sense = world_sense, .rng = &r->rng};
    emu_rig_power(r);
}

START_TEST(test_charge_and_discharge)
{
    struct emu_rig r;
    uint16_t w[5] = {0};
    double rest_v;

    on_cell(&r);
    rest_v = word(&r, 507) * 60.0 / FULL;
    ck_assert(rest_v > 2.0 && rest_v < 4.3);
    at_work(&r, 3670, 3, 0); /* 4.2 V, 3.43 mA at most */
    r.now += NSEC_S;
    ck_assert_uint_eq(words(&r, STATE, 5, w), 0);
    ck_assert_uint_eq(w[1], 0x0803 | 1 << 7 | 2 << 9);
    ck_assert_uint_eq(w[3], 3);
    emu_rig_near(world.station[0].current_a, 3 * 60.0 / FULL, 1e-9);
    ck_assert_uint_eq(put(&r, I, 0), 0);
    ck_assert_uint_eq(put(&r, U, 1748), 0); /* 2.0 V */
    ck_assert_uint_eq(put(&r, SINK_I, 4), 0);
    r.now += NSEC_S;
    ck_assert_uint_eq(words(&r, STATE, 5, w), 0);
    ck_assert_uint_eq(w[1], 0x0803 | 1 << 7 | 2 << 9 | 1 << 12);
    ck_assert_uint_eq(w[3], 4);
    emu_rig_near(world.station[0].current_a, -4 * 60.0 / FULL, 1e-9);
    ck_assert_uint_eq(coil(&r, OUTPUT, false), 0);
    emu_rig_near(world.station[0].current_a, 0.0, 0.0);
}
END_TEST

/* Small power sets hold the power, whatever the voltage does. One count is 22.9 mW: a cell of a
 * few mW takes less, so that a nominal power of 1 W is asked for. */
START_TEST(test_constant_power)
{
    static const struct ea_psb_model small = {.nominal_v = 6.0, .nominal_a = 0.1, .nominal_w = 1.0};
    struct emu_rig r;
    uint16_t w[5] = {0};

    on_cell(&r);
    r.param.model = &small;
    emu_rig_power(&r);
    at_work(&r, 36700, 26214, 0);          /* 4.2 V, 50 mA */
    ck_assert_uint_eq(put(&r, P, 262), 0); /* 5 mW */
    for (int k = 0; k < 500; k++) {
        r.now += 20 * NSEC_MS;
        ck_assert_int_eq(r.emu->tick(r.state, &r.env, r.now, &r.out), r.now + 20 * NSEC_MS);
    }
    ck_assert_uint_eq(words(&r, STATE, 5, w), 0);
    ck_assert_uint_eq(w[1] & 3 << 9, 3 << 9);
    emu_rig_near(world.station[0].current_a * world.station[0].voltage_v, 4.997e-3, 2e-5);
    emu_rig_near(w[4], 262, 1);
}
END_TEST

/* Remote, a state, a neighbour's and a wrong frame, cut everywhere. */
START_TEST(test_splits)
{
    static const uint8_t messages[][6] = {
        {1, 5, 1, 0x92, 0xFF, 0  },
        {1, 3, 1, 0xF9, 0,    5  },
        {2, 3, 1, 0xF9, 0,    5  },
        {1, 6, 1, 0xF4, 0,    100},
    };
    struct port_sense sense = {.voltage_v = 3.7};
    uint8_t stream[64];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        int k = modbus_rtu_wrap(messages[i], 6, stream + n, sizeof(stream) - n);

        ck_assert_int_gt(k, 0);
        n += (size_t)k;
    }
    emu_rig_every_split("ea-psb", 1, true, &sense, stream, n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus-ea");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_identity);
    tcase_add_test(t, test_model);
    tcase_add_test(t, test_capture);
    tcase_add_test(t, test_address);
    tcase_add_test(t, test_tcp);
    tcase_add_test(t, test_functions);
    tcase_add_test(t, test_remote_first);
    tcase_add_test(t, test_ranges);
    tcase_add_test(t, test_box);
    tcase_add_test(t, test_readings);
    tcase_add_test(t, test_trips);
    tcase_add_test(t, test_faults);
    tcase_add_test(t, test_local);
    tcase_add_test(t, test_off_always);
    tcase_add_test(t, test_error);
    tcase_add_test(t, test_splits);
    tcase_add_test(t, test_charge_and_discharge);
    tcase_add_test(t, test_constant_power);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
