/* Modbus frames from the specifications and from the instruments' fact sheets. */
#include "base/attr.h"
#include "base/err.h"
#include "drivers/wire/modbus.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- Modbus ---- */

/* Bit by bit, as the serial line specification describes it. */
static unsigned crc_plain(const uint8_t *p, size_t n)
{
    unsigned crc = 0xFFFF;

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xA001 : crc >> 1;
    }
    return crc;
}

START_TEST(test_modbus_crc)
{
    static const uint8_t a[] = {0x01, 0x03, 0x00, 0x00, 0x00, 0x0A};
    static const uint8_t b[] = {0x11, 0x03, 0x00, 0x6B, 0x00, 0x03};
    uint8_t frame[16];

    ck_assert_uint_eq(modbus_crc((const uint8_t *)"123456789", 9), 0x4B37);
    ck_assert_uint_eq(modbus_crc(a, sizeof(a)), 0xCDC5);
    ck_assert_int_eq(modbus_rtu_wrap(a, sizeof(a), frame, sizeof(frame)), 8);
    ck_assert_mem_eq(frame, ((const uint8_t[]){1, 3, 0, 0, 0, 0x0A, 0xC5, 0xCD}), 8);
    ck_assert_int_eq(modbus_rtu_wrap(b, sizeof(b), frame, sizeof(frame)), 8);
    ck_assert_mem_eq(frame, ((const uint8_t[]){0x11, 3, 0, 0x6B, 0, 3, 0x76, 0x87}), 8);
    ck_assert(modbus_rtu_intact(frame, 8));
    for (unsigned i = 0; i < 64; i++) { /* no single bit gets through */
        frame[i / 8] ^= (uint8_t)(1U << (i % 8));
        ck_assert(!modbus_rtu_intact(frame, 8));
        frame[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    ck_assert(!modbus_rtu_intact(frame, 7));
    ck_assert(!modbus_rtu_intact(frame, 0));
    for (unsigned i = 0; i < 65536; i += 7) {
        uint8_t two[2] = {(uint8_t)(i >> 8), (uint8_t)(i & 0xFF)};

        ck_assert_uint_eq(modbus_crc(two, 2), crc_plain(two, 2));
    }
}
END_TEST

START_TEST(test_modbus_wrap)
{
    uint8_t msg[256] = {0xFF, 3}, frame[MODBUS_ADU_MAX];

    ck_assert_int_eq(modbus_rtu_wrap(msg, 254, frame, sizeof(frame)), 256);
    ck_assert_int_eq(modbus_rtu_wrap(msg, 255, frame, sizeof(frame)), E_FULL);
    ck_assert_int_eq(modbus_rtu_wrap(msg, 6, frame, 7), E_FULL);
    ck_assert_int_eq(modbus_tcp_wrap(0xBEEF, msg, 254, frame, sizeof(frame)), 260);
    ck_assert_mem_eq(frame, ((const uint8_t[]){0xBE, 0xEF, 0, 0, 0, 254, 0xFF, 3}), 8);
    ck_assert_int_eq(modbus_tcp_wrap(1, msg, 255, frame, sizeof(frame)), E_FULL);
    ck_assert_int_eq(modbus_tcp_wrap(1, msg, 6, frame, 11), E_FULL);
}
END_TEST

/* Examples of the application protocol V1.1b3, par. 6.1 to 6.17, with unit 0x11 before them; then
 * those of the instruments. */
struct exchange {
    uint8_t request[24];
    size_t n_request;
    uint8_t reply[24];
    size_t n_reply;
};
static const struct exchange exchanges[] = {
    {{0x11, 0x01, 0x00, 0x13, 0x00, 0x13}, 6, {0x11, 0x01, 0x03, 0xCD, 0x6B, 0x05}, 6},
    {{0x11, 0x02, 0x00, 0xC4, 0x00, 0x16}, 6, {0x11, 0x02, 0x03, 0xAC, 0xDB, 0x35}, 6},
    {{0x11, 0x03, 0x00, 0x6B, 0x00, 0x03},
     6,
     {0x11, 0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64},
     9},
    {{0x11, 0x04, 0x00, 0x08, 0x00, 0x01}, 6, {0x11, 0x04, 0x02, 0x00, 0x0A}, 5},
    {{0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00}, 6, {0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00}, 6},
    {{0x11, 0x06, 0x00, 0x01, 0x00, 0x03}, 6, {0x11, 0x06, 0x00, 0x01, 0x00, 0x03}, 6},
    {{0x11, 0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01},
     9,
     {0x11, 0x0F, 0x00, 0x13, 0x00, 0x0A},
     6},
    {{0x11, 0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02},
     11,
     {0x11, 0x10, 0x00, 0x01, 0x00, 0x02},
     6},
    {{0x11, 0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25},
     8,
     {0x11, 0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25},
     8},
    {{0x11, 0x17, 0x00, 0x03, 0x00, 0x06, 0x00, 0x0E, 0x00, 0x03, 0x06, 0x00, 0xFF, 0x00, 0xFF,
      0x00, 0xFF},
     17,
     {0x11, 0x17, 0x0C, 0x00, 0xFE, 0x0A, 0xCD, 0x00, 0x01, 0x00, 0x03, 0x00, 0x0D, 0x00, 0xFF},
     15},
    /* EA PSB: state, registers 505 and 506; remote on, coil 402 */
    {{0x01, 0x03, 0x01, 0xF9, 0x00, 0x02}, 6, {0x01, 0x03, 0x04, 0x00, 0x00, 0x08, 0x03}, 7},
    {{0x00, 0x05, 0x01, 0x92, 0xFF, 0x00}, 6, {0x00, 0x05, 0x01, 0x92, 0xFF, 0x00}, 6},
    /* Pavone DAT: status, gross -2, net 1000 in one request */
    {{0x20, 0x03, 0x00, 0x00, 0x00, 0x05},
     6,
     {0x20, 0x03, 0x0A, 0x00, 0x02, 0xFF, 0xFF, 0xFF, 0xFE, 0x00, 0x00, 0x03, 0xE8},
     13},
};

/* Each beginning of a frame either says nothing yet or the whole length. */
static void check_framing(int (*length)(const uint8_t *, size_t), const uint8_t *frame, int n)
{
    int told = 0;

    for (int k = 0; k <= n; k++) {
        int got = length(frame, (size_t)k);

        ck_assert_msg(got == n || (got == 0 && told == 0), "%d of %d bytes: %d", k, n, got);
        told = got;
    }
    ck_assert_int_eq(told, n);
}

START_TEST(test_modbus_every_split)
{
    uint8_t frame[MODBUS_ADU_MAX + 4];
    int n;

    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        const struct exchange *x = &exchanges[i];

        n = modbus_rtu_wrap(x->request, x->n_request, frame, sizeof(frame));
        check_framing(modbus_rtu_request_length, frame, n);
        n = modbus_rtu_wrap(x->reply, x->n_reply, frame, sizeof(frame));
        check_framing(modbus_rtu_reply_length, frame, n);
        frame[n] = 0x55; /* more bytes behind do not change it */
        ck_assert_int_eq(modbus_rtu_reply_length(frame, (size_t)n + 1), n);
        n = modbus_tcp_wrap((uint16_t)i, x->reply, x->n_reply, frame, sizeof(frame));
        check_framing(modbus_tcp_length, frame, n);
        n = modbus_tcp_wrap((uint16_t)i, x->request, x->n_request, frame, sizeof(frame));
        check_framing(modbus_tcp_length, frame, n);

        n = (int)modbus_exception(0x11, x->request[1], MODBUS_EX_ADDRESS, frame + 8);
        n = modbus_rtu_wrap(frame + 8, (size_t)n, frame, 8);
        ck_assert_int_eq(n, 5);
        check_framing(modbus_rtu_reply_length, frame, n);
    }
}
END_TEST

START_TEST(test_modbus_not_a_frame)
{
    static const uint8_t reply[][3] = {
        {1, 0x00, 0},  {1, 0x07, 0},   {1, 0x80, 0},   {1, 0x2B, 0}, {1, 0xAB, 1},
        {1, 0x03, 0},  {1, 0x03, 5},   {1, 0x03, 252}, {1, 0x17, 3}, {1, 0x01, 0},
        {1, 0x01, 252}, {1, 0x04, 255},
    };
    static const uint8_t request[][2] = {{1, 0}, {1, 7}, {1, 0x83}, {1, 0x90}, {1, 24}};
    static const uint8_t counted[] = {1, 16, 0, 0, 0, 1, 0};
    static const uint8_t tcp[][6] = {
        {0, 1, 1, 0, 0, 6}, {0, 1, 0, 1, 0, 6}, {0, 1, 0, 0, 1, 6},
        {0, 1, 0, 0, 0, 1}, {0, 1, 0, 0, 0, 255},
    };

    for (size_t i = 0; i < ARRAY_LEN(reply); i++)
        ck_assert_int_eq(modbus_rtu_reply_length(reply[i], 3), E_GARBLED);
    for (size_t i = 0; i < ARRAY_LEN(request); i++)
        ck_assert_int_eq(modbus_rtu_request_length(request[i], 2), E_GARBLED);
    ck_assert_int_eq(modbus_rtu_request_length(counted, 7), E_GARBLED);
    for (size_t i = 0; i < ARRAY_LEN(tcp); i++)
        ck_assert_int_eq(modbus_tcp_length(tcp[i], 6), E_GARBLED);
    /* the longest read there is */
    ck_assert_int_eq(modbus_rtu_reply_length((const uint8_t[]){1, 3, 250}, 3), 255);
}
END_TEST

START_TEST(test_modbus_answers)
{
    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        const struct exchange *x = &exchanges[i];
        uint8_t reply[25] = {0};
        uint8_t exception = 0xEE;
        /* what of the reply the request settles: a read's data are free, all of an echo is bound */
        bool reads = x->request[1] <= 4 || x->request[1] == 0x17;
        size_t bound = reads ? 3 : x->n_reply;

        memcpy(reply, x->reply, x->n_reply);
        ck_assert_int_eq(
            modbus_answers(x->request, x->n_request, reply, x->n_reply, &exception), 0);
        for (size_t k = 0; k < x->n_reply; k++) {
            int expected = k < bound ? E_GARBLED : 0;

            reply[k] ^= 0x40; /* another unit, function, byte count, address, value */
            ck_assert_int_eq(
                modbus_answers(x->request, x->n_request, reply, x->n_reply, &exception), expected);
            reply[k] ^= 0x40;
        }
        for (size_t n = 0; n <= x->n_reply + 1; n++) {
            if (n != x->n_reply)
                ck_assert_int_eq(modbus_answers(x->request, x->n_request, reply, n, &exception),
                                 E_GARBLED);
        }
        ck_assert_uint_eq(exception, 0xEE);

        ck_assert_uint_eq(modbus_exception(x->request[0], x->request[1], 2, reply), 3);
        ck_assert_uint_eq(reply[1], x->request[1] + 0x80U);
        ck_assert_int_eq(modbus_answers(x->request, x->n_request, reply, 3, &exception),
                         E_REFUSED);
        ck_assert_uint_eq(exception, 2);
        ck_assert_int_eq(modbus_answers(x->request, x->n_request, reply, 4, &exception),
                         E_GARBLED);
        reply[0] ^= 1;
        ck_assert_int_eq(modbus_answers(x->request, x->n_request, reply, 3, &exception),
                         E_GARBLED);
        reply[0] ^= 1;
        reply[1] ^= 8; /* an exception to another function */
        ck_assert_int_eq(modbus_answers(x->request, x->n_request, reply, 3, &exception),
                         E_GARBLED);
        reply[1] ^= 8;
        reply[2] = 0; /* no such code */
        ck_assert_int_eq(modbus_answers(x->request, x->n_request, reply, 3, &exception),
                         E_GARBLED);
    }
}
END_TEST

START_TEST(test_modbus_late_reply)
{
    /* EA firmware: a write's echo comes late, in answer to a read; and a read of another length */
    static const uint8_t read5[] = {1, 3, 0x01, 0xF9, 0, 5};
    static const uint8_t echo[] = {1, 6, 0x01, 0xF4, 0x80, 0x00};
    static const uint8_t read2[] = {1, 3, 4, 0, 0, 8, 3};
    uint8_t exception = 0;

    ck_assert_int_eq(modbus_answers(read5, 6, echo, 6, &exception), E_GARBLED);
    ck_assert_int_eq(modbus_answers(read5, 6, read2, 7, &exception), E_GARBLED);
    /* the echo of another set-point */
    static const uint8_t set[] = {1, 6, 0x01, 0xF4, 0x80, 0x01};
    ck_assert_int_eq(modbus_answers(set, 6, echo, 6, &exception), E_GARBLED);
}
END_TEST

START_TEST(test_modbus_requests)
{
    static const uint16_t one[] = {0xD0E5};
    uint16_t many[MODBUS_WRITE_MAX] = {0x000A, 0x0102};
    uint8_t msg[MODBUS_ADU_MAX], frame[MODBUS_ADU_MAX];

    ck_assert_uint_eq(modbus_read_request(0x11, 3, 0x6B, 3, msg), 6);
    ck_assert_mem_eq(msg, exchanges[2].request, 6);
    ck_assert_uint_eq(modbus_write_request(1, 500, one, 1, msg), 6);
    ck_assert_mem_eq(msg, ((const uint8_t[]){1, 6, 0x01, 0xF4, 0xD0, 0xE5}), 6);
    ck_assert_uint_eq(modbus_write_request(0x11, 1, many, 2, msg), 11);
    ck_assert_mem_eq(msg, exchanges[7].request, 11);
    ck_assert_uint_eq(modbus_write_request(1, 0, many, MODBUS_WRITE_MAX, msg), 253);
    ck_assert_int_eq(modbus_rtu_wrap(msg, 253, frame, sizeof(frame)), 255);
    ck_assert_int_eq(modbus_rtu_request_length(frame, 255), 255);

    modbus_put_u16(msg, 0xCCCC - 1);
    ck_assert_mem_eq(msg, ((const uint8_t[]){0xCC, 0xCB}), 2);
    ck_assert_uint_eq(modbus_get_u16(msg), 52427);
}
END_TEST

static Suite *wire_modbus_suite(void)
{
    Suite *s = suite_create("wire_modbus");
    TCase *modbus = tcase_create("modbus");

    tcase_add_test(modbus, test_modbus_crc);
    tcase_add_test(modbus, test_modbus_wrap);
    tcase_add_test(modbus, test_modbus_every_split);
    tcase_add_test(modbus, test_modbus_not_a_frame);
    tcase_add_test(modbus, test_modbus_answers);
    tcase_add_test(modbus, test_modbus_late_reply);
    tcase_add_test(modbus, test_modbus_requests);
    suite_add_tcase(s, modbus);
    return s;
}

int main(void)
{
    SRunner *sr = srunner_create(wire_modbus_suite());
    int failed;

    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
