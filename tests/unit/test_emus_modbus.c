/* The Modbus slave, and the DAT 1400 emulator against the register list of its fact sheet. */
#include "drivers/virtual/emu.h"
#include "drivers/wire/modbus.h"
#include "tests/support/emu_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Pavone DAT 1400 ---- */

static size_t modbus(struct emu_rig *r, const uint8_t *msg, size_t n, uint8_t *ret)
{
    uint8_t frame[MODBUS_ADU_MAX];
    int n_frame = modbus_rtu_wrap(msg, n, frame, sizeof(frame));
    size_t got;

    ck_assert_int_gt(n_frame, 0);
    emu_rig_bytes(r, NSEC_S, frame, (size_t)n_frame);
    got = r->out.n_bytes;
    if (got > 0) {
        ck_assert(modbus_rtu_intact(r->out.bytes, got));
        got -= 2;
        memcpy(ret, r->out.bytes, got);
    }
    (void)emu_rig_collect(r);
    return got;
}

/* Register as the maker counts, INT16 words. */
static void reads(struct emu_rig *r, uint16_t reg, uint16_t n, const uint16_t *want)
{
    uint8_t msg[8], reply[MODBUS_ADU_MAX] = {0};
    size_t got = modbus(r, msg, modbus_read_request(1, 3, (uint16_t)(reg - 1), n, msg), reply);

    ck_assert_uint_eq(got, 3U + 2U * n);
    ck_assert_uint_eq(reply[2], 2U * n);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(modbus_get_u16(reply + 3 + 2 * i), want[i]);
}

static int32_t gross(struct emu_rig *r)
{
    uint8_t msg[8], reply[MODBUS_ADU_MAX] = {0};

    ck_assert_uint_eq(modbus(r, msg, modbus_read_request(1, 3, 1, 2, msg), reply), 7);
    return (int32_t)((uint32_t)modbus_get_u16(reply + 3) << 16 | modbus_get_u16(reply + 5));
}

static unsigned status(struct emu_rig *r)
{
    uint8_t msg[8], reply[MODBUS_ADU_MAX] = {0};

    ck_assert_uint_eq(modbus(r, msg, modbus_read_request(1, 3, 0, 1, msg), reply), 5);
    return modbus_get_u16(reply + 3);
}

static unsigned write_says(struct emu_rig *r, uint16_t reg, const uint16_t *words, uint16_t n)
{
    uint8_t msg[64], reply[MODBUS_ADU_MAX] = {0};
    size_t got = modbus(r, msg, modbus_write_request(1, (uint16_t)(reg - 1), words, n, msg), reply);

    if (got == 3)
        return reply[2];
    ck_assert_uint_eq(got, 6);
    ck_assert_mem_eq(reply, msg, 6);
    return 0;
}

START_TEST(test_pavone_frame)
{
    /* unit 1, read 5 registers from PDU address 0; CRC by hand: 0xC985 */
    static const uint8_t request[] = {0x01, 0x03, 0x00, 0x00, 0x00, 0x05, 0x85, 0xC9};
    static const uint8_t start[] = {0x01, 0x03, 0x0A, 0x00, 0x00, 0x00, 0x00,
                                    0x5D, 0xC0, 0x00, 0x00, 0x5D, 0xC0};
    struct emu_rig r;

    emu_rig_begin(&r, "pavone-dat1400", 1, false, emu_rig_ideal);
    r.sense.value = 2400.0; /* 12 MPa x 2 cm2: 24000 tenths = 0x5DC0 */
    emu_rig_bytes(&r, NSEC_S, request, sizeof(request));
    ck_assert_uint_eq(r.out.n_bytes, sizeof(start) + 2);
    ck_assert_mem_eq(r.out.bytes, start, sizeof(start));
    ck_assert_int_eq(r.out.piece[0].at, r.now + 5 * NSEC_MS);
    ck_assert(!r.emu->energized(r.state));
}
END_TEST

START_TEST(test_pavone_readings)
{
    struct emu_rig r;

    emu_rig_begin(&r, "pavone-dat1400", 1, false, emu_rig_ideal);
    r.sense.value = -12.3;
    ck_assert_int_eq(gross(&r), -123);
    r.sense.value = 4.0;
    r.now += 99 * NSEC_MS;
    ck_assert_int_eq(gross(&r), -123); /* ten readings a second */
    r.now += NSEC_MS;
    ck_assert_int_eq(gross(&r), 40);
    ck_assert_uint_eq(status(&r), 0); /* moving */
    r.now += NSEC_S;
    ck_assert_uint_eq(status(&r), 1U << 1);
    r.sense.value = 0.0;
    r.now += NSEC_S;
    (void)status(&r);
    r.now += NSEC_S;
    ck_assert_uint_eq(status(&r), 1U << 0 | 1U << 1 | 1U << 2);
    reads(&r, 6, 2, (const uint16_t[]){0, 40}); /* peak */
    r.sense.value = 5000.5;
    r.now += NSEC_S;
    ck_assert_uint_eq(status(&r), 1U << 5);
    r.sense.value = -5000.5;
    r.now += NSEC_S;
    ck_assert_uint_eq(status(&r), 1U << 4);
    r.sense.open = true;
    r.now += NSEC_S;
    ck_assert_uint_eq(status(&r) & 1U << 6, 1U << 6);
}
END_TEST

START_TEST(test_pavone_registers)
{
    struct emu_rig r;
    uint8_t msg[8], reply[MODBUS_ADU_MAX] = {0};

    emu_rig_begin(&r, "pavone-dat1400", 1, false, emu_rig_ideal);
    reads(&r, 1101, 5, (const uint16_t[]){9, 1, 0, 50000, 20000});
    ck_assert_uint_eq(write_says(&r, 201, (const uint16_t[]){1, 2, 3, 4}, 4), 0);
    reads(&r, 201, 4, (const uint16_t[]){1, 2, 3, 4});
    emu_rig_near(r.emu->standing(r.state), 6553.8, 1e-9); /* 0x00010002 tenths */
    ck_assert_uint_eq(write_says(&r, 202, (const uint16_t[]){9}, 1), 0);
    reads(&r, 202, 1, (const uint16_t[]){9});
    ck_assert_uint_eq(write_says(&r, 1102, (const uint16_t[]){2}, 1), 3);   /* locked */
    ck_assert_uint_eq(write_says(&r, 2, (const uint16_t[]){2}, 1), 3);      /* a reading */
    ck_assert_uint_eq(write_says(&r, 300, (const uint16_t[]){2}, 1), 2);    /* not there */
    ck_assert_uint_eq(write_says(&r, 503, (const uint16_t[]){0x10}, 1), 3); /* zero calibration */
    ck_assert_uint_eq(write_says(&r, 503, (const uint16_t[]){2}, 1), 3);
    ck_assert_uint_eq(modbus(&r, msg, modbus_read_request(1, 3, 299, 1, msg), reply), 3);
    ck_assert_mem_eq(reply, "\x01\x83\x02", 3);
    ck_assert_uint_eq(modbus(&r, msg, modbus_read_request(1, 4, 0, 1, msg), reply), 3);
    ck_assert_mem_eq(reply, "\x01\x84\x01", 3);
    ck_assert_uint_eq(modbus(&r, msg, modbus_read_request(1, 1, 0, 1, msg), reply), 3);
    ck_assert_mem_eq(reply, "\x01\x81\x01", 3);
    ck_assert_uint_eq(modbus(&r, msg, modbus_read_request(1, 3, 0, 126, msg), reply), 3);
    ck_assert_mem_eq(reply, "\x01\x83\x03", 3);
    ck_assert_uint_eq(modbus(&r, msg, modbus_read_request(1, 3, 0xFFFF, 2, msg), reply), 3);
    ck_assert_mem_eq(reply, "\x01\x83\x02", 3);
    ck_assert_uint_eq(modbus(&r, msg, modbus_read_request(2, 3, 0, 1, msg), reply), 0);
    /* a broadcast is obeyed and not answered */
    ck_assert_uint_eq(
        modbus(&r, msg, modbus_write_request(0, 201, (const uint16_t[]){7}, 1, msg), reply), 0);
    reads(&r, 202, 1, (const uint16_t[]){7});
}
END_TEST

START_TEST(test_pavone_commands)
{
    struct emu_rig r;

    emu_rig_begin(&r, "pavone-dat1400", 1, false, emu_rig_ideal);
    r.sense.value = 5.0;
    ck_assert_uint_eq(write_says(&r, 503, (const uint16_t[]){1}, 1), 0);
    ck_assert_int_eq(gross(&r), 0);
    r.sense.value = 25.0;
    r.now += NSEC_S;
    ck_assert_int_eq(gross(&r), 200);
    reads(&r, 6, 2, (const uint16_t[]){0, 200});
    r.sense.value = 15.0;
    r.now += NSEC_S;
    ck_assert_uint_eq(write_says(&r, 503, (const uint16_t[]){3}, 1), 0);
    reads(&r, 6, 2, (const uint16_t[]){0, 100});
    r.sense.value = 1000.0; /* too much to be a zero */
    r.now += NSEC_S;
    ck_assert_uint_eq(write_says(&r, 503, (const uint16_t[]){1}, 1), 3);
}
END_TEST

START_TEST(test_pavone_faults)
{
    struct emu_rig r;

    emu_rig_begin(&r, "pavone-dat1400", 1, false, emu_rig_ideal);
    r.sense.value = 100.0;
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    ck_assert_uint_eq(write_says(&r, 202, (const uint16_t[]){5}, 1), 0);
    reads(&r, 202, 1, (const uint16_t[]){0});
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);
    emu_rig_fault(&r, FAULT_REFUSE, true);
    ck_assert_uint_eq(write_says(&r, 202, (const uint16_t[]){5}, 1), 3);
    emu_rig_fault(&r, FAULT_REFUSE, false);
    emu_rig_fault(&r, FAULT_STUCK, true);
    r.sense.value = 200.0;
    r.now += NSEC_S;
    ck_assert_int_eq(gross(&r), 1000);
    emu_rig_fault(&r, FAULT_STUCK, false);
    ck_assert_int_eq(gross(&r), 2000);
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, true);
    ck_assert_uint_eq(status(&r) & 1U << 6, 1U << 6);
    ck_assert_int_ne(gross(&r), 2000);
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, false);
    emu_rig_fault(&r, FAULT_ALARM, true);
    ck_assert_uint_eq(status(&r) & 1U << 5, 1U << 5);
    emu_rig_fault(&r, FAULT_ALARM, false);
    emu_rig_fault(&r, FAULT_WRONG_MODEL, true);
    reads(&r, 1101, 5, (const uint16_t[]){12, 0, 0, 10000, 20000});
    ck_assert_int_eq(gross(&r), 200);
}
END_TEST

START_TEST(test_pavone_error)
{
    struct emu_rig r;
    double sum = 0.0, square = 0.0;

    emu_rig_begin(&r, "pavone-dat1400", 1, false, (struct emu_error){.gain = 1.0, .offset = -1.0});
    r.sense.value = 2000.0;
    for (int i = 0; i < 2000; i++) {
        double v;

        r.now += 100 * NSEC_MS;
        v = gross(&r) / 10.0;
        sum += v;
        square += (v - 2000.1) * (v - 2000.1);
    }
    emu_rig_near(sum / 2000, 2000.1, 0.03); /* + 0.03 % of 2000 N - 0.5 N */
    emu_rig_near(sqrt(square / 2000), 0.2, 0.02);
}
END_TEST

START_TEST(test_modbus_line)
{
    uint8_t frame[8] = {0x01, 0x03, 0x00, 0x00, 0x00, 0x05, 0x85, 0xC9};
    uint8_t two[16];
    struct emu_rig r;

    emu_rig_begin(&r, "pavone-dat1400", 1, false, emu_rig_ideal);
    memcpy(two, frame, 8);
    memcpy(two + 8, frame, 8);
    emu_rig_bytes(&r, NSEC_S, two, 16);
    ck_assert_uint_eq(r.out.n_pieces, 2);
    (void)emu_rig_collect(&r);
    /* half a frame, silence, a whole one */
    emu_rig_bytes(&r, NSEC_S, frame, 5);
    emu_rig_bytes(&r, 10 * NSEC_MS, frame, 8);
    ck_assert_uint_eq(r.out.n_pieces, 1);
    (void)emu_rig_collect(&r);
    /* a broken frame is not answered, and nothing is until the next silence */
    frame[5] ^= 1;
    emu_rig_bytes(&r, NSEC_S, frame, 8);
    frame[5] ^= 1;
    emu_rig_bytes(&r, 0, frame, 8);
    ck_assert_uint_eq(r.out.n_pieces, 0);
    emu_rig_bytes(&r, NSEC_S, frame, 8);
    ck_assert_uint_eq(r.out.n_pieces, 1);
    (void)emu_rig_collect(&r);
    emu_rig_bytes(&r, NSEC_S, "\xFF\xFF\xFF", 3);
    emu_rig_bytes(&r, NSEC_S, frame, 8);
    ck_assert_uint_eq(r.out.n_pieces, 1);
}
END_TEST

static int word_get(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
                    uint16_t *ret_word)
{
    (void)state;
    (void)env;
    (void)now;
    (void)fn;
    *ret_word = addr;
    return 0;
}

static int word_put(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
                    uint16_t word)
{
    (void)env;
    (void)now;
    (void)fn;
    ((uint16_t *)state)[addr] = word;
    return 0;
}

START_TEST(test_modbus_tcp)
{
    static const uint8_t read[] = {0x12, 0x34, 0, 0, 0, 6, 9, 3, 0, 2, 0, 1};
    static const uint8_t write[] = {0, 1, 0, 0, 0, 11, 9, 16, 0, 1, 0, 2, 4, 0, 5, 0, 6};
    static const uint8_t short_write[] = {0, 1, 0, 0, 0, 9, 9, 16, 0, 1, 0, 2, 4, 0, 5};
    struct modbus_slave s = {.tcp = true, .unit = 9, .think = 3};
    struct emu_env env = {0};
    struct emu_out out = {0};
    uint16_t words[4] = {0};

    for (size_t i = 0; i < sizeof(read); i++)
        modbus_slave_bytes(&s, words, &env, 10, 0, read + i, 1, word_get, word_put, &out);
    ck_assert_uint_eq(out.n_bytes, 11);
    ck_assert_mem_eq(out.bytes, "\x12\x34\0\0\0\x05\x09\x03\x02\0\x02", 11);
    ck_assert_int_eq(out.piece[0].at, 13);
    out = (struct emu_out){0};
    modbus_slave_bytes(&s, words, &env, 10, 0, write, sizeof(write), word_get, word_put, &out);
    ck_assert_mem_eq(out.bytes, "\0\x01\0\0\0\x06\x09\x10\0\x01\0\x02", 12);
    ck_assert_uint_eq(words[1], 5);
    ck_assert_uint_eq(words[2], 6);
    out = (struct emu_out){0};
    modbus_slave_bytes(&s, words, &env, 10, 0, short_write, sizeof(short_write), word_get, word_put,
                       &out);
    ck_assert_mem_eq(out.bytes, "\0\x01\0\0\0\x03\x09\x90\x03", 9);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus-modbus");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_pavone_frame);
    tcase_add_test(t, test_pavone_readings);
    tcase_add_test(t, test_pavone_registers);
    tcase_add_test(t, test_pavone_commands);
    tcase_add_test(t, test_pavone_faults);
    tcase_add_test(t, test_pavone_error);
    tcase_add_test(t, test_modbus_line);
    tcase_add_test(t, test_modbus_tcp);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
