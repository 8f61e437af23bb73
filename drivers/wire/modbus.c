/* drivers/wire/modbus.c - Modbus RTU and TCP frames both ways. */
#include "drivers/wire/modbus.h"

#include "base/err.h"

#include <string.h>

enum {
    FN_READ_COILS = 1,
    FN_READ_INPUTS = 2,
    FN_READ_HOLDING = 3,
    FN_READ_INPUT_REGISTERS = 4,
    FN_WRITE_COIL = 5,
    FN_WRITE_REGISTER = 6,
    FN_WRITE_COILS = 15,
    FN_WRITE_REGISTERS = 16,
    FN_MASK_WRITE = 22,
    FN_READ_WRITE = 23,
    FN_EXCEPTION = 0x80,
};

/* 254: unit id and a PDU of 253, the most that a serial frame of 256 leaves. */
enum { MSG_MAX = 254, CRC_BYTES = 2, RTU_MAX = MSG_MAX + CRC_BYTES, MBAP_BYTES = 6 };

/* Half a byte at a time: 32 bytes of table serve as well as 512 at these lengths. */
static const uint16_t crc_nibble[16] = {
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
};

uint16_t modbus_crc(const uint8_t *p, size_t n)
{
    unsigned crc = 0xFFFF;

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ crc_nibble[crc & 0x0F];
        crc = (crc >> 4) ^ crc_nibble[crc & 0x0F];
    }
    return (uint16_t)crc;
}

uint16_t modbus_get_u16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

void modbus_put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)(v & 0xFF);
}

int modbus_rtu_wrap(const uint8_t *msg, size_t n, uint8_t *ret_frame, size_t size)
{
    uint16_t crc;

    ASSERT(n >= 2);
    if (n > MSG_MAX || n + CRC_BYTES > size)
        return E_FULL;
    crc = modbus_crc(msg, n);
    memmove(ret_frame, msg, n);
    ret_frame[n] = (uint8_t)(crc & 0xFF); /* the one little-endian number of the protocol */
    ret_frame[n + 1] = (uint8_t)(crc >> 8);
    return (int)(n + CRC_BYTES);
}

int modbus_tcp_wrap(uint16_t transaction, const uint8_t *msg, size_t n, uint8_t *ret_frame,
                    size_t size)
{
    ASSERT(n >= 2);
    if (n > MSG_MAX || n + MBAP_BYTES > size)
        return E_FULL;
    memmove(ret_frame + MBAP_BYTES, msg, n);
    modbus_put_u16(ret_frame, transaction);
    modbus_put_u16(ret_frame + 2, 0);
    modbus_put_u16(ret_frame + 4, (uint16_t)n);
    return (int)(n + MBAP_BYTES);
}

/* A frame whose data are counted by the byte at `at`. words: only an even count can be true. */
static int counted_length(const uint8_t *p, size_t n, size_t at, bool words)
{
    size_t length;

    if (n <= at)
        return 0;
    length = at + 1 + p[at] + CRC_BYTES;
    if (p[at] == 0 || length > RTU_MAX || (words && p[at] % 2 != 0))
        return E_GARBLED;
    return (int)length;
}

int modbus_rtu_reply_length(const uint8_t *p, size_t n)
{
    if (n < 2)
        return 0;
    switch (p[1]) {
    case FN_READ_COILS:
    case FN_READ_INPUTS:
        return counted_length(p, n, 2, false);
    case FN_READ_HOLDING:
    case FN_READ_INPUT_REGISTERS:
    case FN_READ_WRITE:
        return counted_length(p, n, 2, true);
    case FN_WRITE_COIL:
    case FN_WRITE_REGISTER:
    case FN_WRITE_COILS:
    case FN_WRITE_REGISTERS:
        return 8;
    case FN_MASK_WRITE:
        return 10;
    case FN_EXCEPTION | FN_READ_COILS:
    case FN_EXCEPTION | FN_READ_INPUTS:
    case FN_EXCEPTION | FN_READ_HOLDING:
    case FN_EXCEPTION | FN_READ_INPUT_REGISTERS:
    case FN_EXCEPTION | FN_WRITE_COIL:
    case FN_EXCEPTION | FN_WRITE_REGISTER:
    case FN_EXCEPTION | FN_WRITE_COILS:
    case FN_EXCEPTION | FN_WRITE_REGISTERS:
    case FN_EXCEPTION | FN_MASK_WRITE:
    case FN_EXCEPTION | FN_READ_WRITE:
        return 5;
    default:
        return E_GARBLED;
    }
}

/* Whether a byte count fits its register count is for the receiver to judge: that is answered with
 * exception 3, so the frame must still be found. */
int modbus_rtu_request_length(const uint8_t *p, size_t n)
{
    if (n < 2)
        return 0;
    switch (p[1]) {
    case FN_READ_COILS:
    case FN_READ_INPUTS:
    case FN_READ_HOLDING:
    case FN_READ_INPUT_REGISTERS:
    case FN_WRITE_COIL:
    case FN_WRITE_REGISTER:
        return 8;
    case FN_WRITE_COILS:
    case FN_WRITE_REGISTERS:
        return counted_length(p, n, 6, false);
    case FN_MASK_WRITE:
        return 10;
    case FN_READ_WRITE:
        return counted_length(p, n, 10, false);
    default:
        return E_GARBLED;
    }
}

int modbus_tcp_length(const uint8_t *p, size_t n)
{
    unsigned length;

    if ((n > 2 && p[2] != 0) || (n > 3 && p[3] != 0) || (n > 4 && p[4] != 0))
        return E_GARBLED; /* protocol 0, and no length above 255 */
    if (n < MBAP_BYTES)
        return 0;
    length = modbus_get_u16(p + 4);
    if (length < 2 || length > MSG_MAX)
        return E_GARBLED;
    return (int)(MBAP_BYTES + length);
}

bool modbus_rtu_intact(const uint8_t *frame, size_t n)
{
    if (n < 4 || n > RTU_MAX)
        return false;
    /* A CRC run over data and its own CRC leaves nothing. */
    return modbus_crc(frame, n) == 0;
}

static int read_answers(size_t n_data, const uint8_t *reply, size_t n_reply)
{
    return n_reply == 3 + n_data && reply[2] == n_data ? 0 : E_GARBLED;
}

static int echo_answers(const uint8_t *request, const uint8_t *reply, size_t n_reply, size_t n)
{
    return n_reply == n && memcmp(request, reply, n) == 0 ? 0 : E_GARBLED;
}

int modbus_answers(const uint8_t *request, size_t n_request, const uint8_t *reply, size_t n_reply,
                   uint8_t *ret_exception)
{
    size_t count;

    if (n_request < 6 || n_reply < 3 || reply[0] != request[0])
        return E_GARBLED;
    if (reply[1] == (request[1] | FN_EXCEPTION) && request[1] < FN_EXCEPTION) {
        if (n_reply != 3 || reply[2] == 0)
            return E_GARBLED;
        *ret_exception = reply[2];
        return E_REFUSED;
    }
    if (reply[1] != request[1])
        return E_GARBLED;
    count = modbus_get_u16(request + 4);
    switch (request[1]) {
    case FN_READ_COILS:
    case FN_READ_INPUTS:
        return read_answers((count + 7) / 8, reply, n_reply);
    case FN_READ_HOLDING:
    case FN_READ_INPUT_REGISTERS:
    case FN_READ_WRITE:
        return read_answers(2 * count, reply, n_reply);
    case FN_WRITE_COIL:
    case FN_WRITE_REGISTER:
    case FN_WRITE_COILS:
    case FN_WRITE_REGISTERS:
        return echo_answers(request, reply, n_reply, 6);
    case FN_MASK_WRITE:
        return n_request >= 8 ? echo_answers(request, reply, n_reply, 8) : E_GARBLED;
    default:
        return E_GARBLED;
    }
}

size_t modbus_read_request(uint8_t unit, uint8_t function, uint16_t addr, uint16_t count,
                           uint8_t *ret_msg)
{
    ret_msg[0] = unit;
    ret_msg[1] = function;
    modbus_put_u16(ret_msg + 2, addr);
    modbus_put_u16(ret_msg + 4, count);
    return 6;
}

size_t modbus_write_request(uint8_t unit, uint16_t addr, const uint16_t *words, uint16_t n,
                            uint8_t *ret_msg)
{
    ASSERT(n >= 1 && n <= MODBUS_WRITE_MAX);
    ret_msg[0] = unit;
    modbus_put_u16(ret_msg + 2, addr);
    if (n == 1) {
        ret_msg[1] = FN_WRITE_REGISTER;
        modbus_put_u16(ret_msg + 4, words[0]);
        return 6;
    }
    ret_msg[1] = FN_WRITE_REGISTERS;
    modbus_put_u16(ret_msg + 4, n);
    ret_msg[6] = (uint8_t)(2 * n);
    for (size_t i = 0; i < n; i++)
        modbus_put_u16(ret_msg + 7 + 2 * i, words[i]);
    return 7 + 2 * (size_t)n;
}

size_t modbus_exception(uint8_t unit, uint8_t function, uint8_t code, uint8_t *ret_msg)
{
    ret_msg[0] = unit;
    ret_msg[1] = function | FN_EXCEPTION;
    ret_msg[2] = code;
    return 3;
}
