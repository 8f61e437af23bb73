/* drivers/virtual/modbus_slave.c - the shape all register instruments share: framing, unit filter,
 * counts and exceptions.
 *
 * An RTU slave finds frames by silence. Whatever it cannot read as a request it drops up to the
 * next silence, and it never answers a broken frame, a neighbour's, or a broadcast.
 */
#include "drivers/virtual/emu.h"
#include "drivers/wire/modbus.h"

#include <string.h>

/* t3.5 at 9600 baud is 3.6 ms; nothing within a frame pauses that long. */
static const nsec frame_gap = 3500 * INT64_C(1000);

/* TCP frames are counted, not timed: half a frame waits for its rest as long as the connection
 * lasts. So long a silence is the host's word for a new one. */
static const nsec connection_gap = 60 * NSEC_S;

/* `have` above the buffer: dropping until silence. */
enum {
    SLAVE_LOST = 0xFFFF
};
enum {
    FN_COILS = 1,
    FN_INPUTS = 2,
    FN_READ = 3,
    FN_READ_INPUT = 4,
    FN_WRITE_COIL = 5,
    FN_WRITE = 6,
    FN_WRITE_COILS = 15,
    FN_WRITE_MANY = 16,
    FN_MASK = 22,
    FN_READ_WRITE = 23,
};
enum {
    DEFAULT_FUNCTIONS = 1 << FN_READ | 1 << FN_READ_INPUT | 1 << FN_WRITE | 1 << FN_WRITE_MANY,
    BITS_READ_MAX = 2000,
    BITS_WRITE_MAX = 1968,
    READ_WRITE_MAX = 121 /* words that function 23 writes */
};

struct slave_call {
    void *state;
    const struct emu_env *env;
    nsec now;
    modbus_get *get;
    modbus_put *put;
};

static bool is_bits(uint8_t fn)
{
    return fn == FN_COILS || fn == FN_INPUTS || fn == FN_WRITE_COIL || fn == FN_WRITE_COILS;
}

/* 0, or the exception that this count at this address deserves. */
static int extent_check(uint16_t addr, uint16_t count, unsigned most)
{
    if (count == 0 || count > most)
        return MODBUS_EX_VALUE;
    return (uint32_t)addr + count > 0x10000U ? MODBUS_EX_ADDRESS : 0;
}

static unsigned words_most(const struct modbus_slave *s, unsigned protocol_most)
{
    return s->max_words != 0 && s->max_words < protocol_most ? s->max_words : protocol_most;
}

/* Byte count and data behind msg[1]. Returns 0 or an exception code. */
static int data_read(const struct slave_call *c, uint8_t fn, uint16_t addr, uint16_t count,
                     uint8_t *ret_msg)
{
    size_t n = is_bits(fn) ? (count + 7U) / 8U : 2U * count;

    ret_msg[2] = (uint8_t)n;
    memset(ret_msg + 3, 0, n);
    for (uint16_t i = 0; i < count; i++) {
        uint16_t word = 0;
        int code = c->get(c->state, c->env, c->now, fn, (uint16_t)(addr + i), &word);

        if (code != 0)
            return code;
        if (!is_bits(fn))
            modbus_put_u16(ret_msg + 3 + 2 * (size_t)i, word);
        else if (word != 0)
            ret_msg[3 + i / 8] |= (uint8_t)(1U << i % 8);
    }
    return 0;
}

static int data_write(const struct slave_call *c, uint8_t fn, uint16_t addr, uint16_t count,
                      const uint8_t *data)
{
    for (uint16_t i = 0; i < count; i++) {
        unsigned word = is_bits(fn) ? (unsigned)data[i / 8] >> i % 8 & 1U
                                    : (unsigned)modbus_get_u16(data + 2U * i);
        int code = c->put(c->state, c->env, c->now, fn, (uint16_t)(addr + i), (uint16_t)word);

        if (code != 0)
            return code;
    }
    return 0;
}

static int serve_read(const struct modbus_slave *s, const struct slave_call *c, const uint8_t *msg,
                      size_t n, uint8_t *ret_msg, size_t *ret_n)
{
    uint16_t addr = modbus_get_u16(msg + 2), count = modbus_get_u16(msg + 4);
    unsigned most = is_bits(msg[1]) ? BITS_READ_MAX : words_most(s, MODBUS_READ_MAX);
    int code;

    if (n != 6)
        return MODBUS_EX_VALUE;
    code = extent_check(addr, count, most);
    if (code == 0)
        code = data_read(c, msg[1], addr, count, ret_msg);
    *ret_n = 3U + ret_msg[2];
    return code;
}

static int serve_write_one(const struct slave_call *c, const uint8_t *msg, size_t n,
                           uint8_t *ret_msg, size_t *ret_n)
{
    uint16_t word = modbus_get_u16(msg + 4);

    if (n != 6 || (msg[1] == FN_WRITE_COIL && word != 0 && word != 0xFF00))
        return MODBUS_EX_VALUE;
    if (msg[1] == FN_WRITE_COIL)
        word = word != 0;
    memcpy(ret_msg, msg, 6);
    *ret_n = 6;
    return c->put(c->state, c->env, c->now, msg[1], modbus_get_u16(msg + 2), word);
}

static int serve_write_many(const struct modbus_slave *s, const struct slave_call *c,
                            const uint8_t *msg, size_t n, uint8_t *ret_msg, size_t *ret_n)
{
    bool bits = is_bits(msg[1]);
    uint16_t addr = modbus_get_u16(msg + 2), count = modbus_get_u16(msg + 4);
    unsigned most = bits ? BITS_WRITE_MAX : words_most(s, MODBUS_WRITE_MAX);
    size_t n_data = bits ? (count + 7U) / 8U : 2U * count;
    int code;

    if (n < 7 || n != 7 + n_data || msg[6] != n_data)
        return MODBUS_EX_VALUE;
    code = extent_check(addr, count, most);
    if (code == 0)
        code = data_write(c, msg[1], addr, count, msg + 7);
    memcpy(ret_msg, msg, 6);
    *ret_n = 6;
    return code;
}

static int serve_mask(const struct slave_call *c, const uint8_t *msg, size_t n, uint8_t *ret_msg,
                      size_t *ret_n)
{
    uint16_t addr = modbus_get_u16(msg + 2), word = 0;
    unsigned and_mask, or_mask;
    int code;

    if (n != 8)
        return MODBUS_EX_VALUE;
    and_mask = modbus_get_u16(msg + 4);
    or_mask = modbus_get_u16(msg + 6);
    code = c->get(c->state, c->env, c->now, msg[1], addr, &word);
    if (code != 0)
        return code;
    memcpy(ret_msg, msg, 8);
    *ret_n = 8;
    return c->put(c->state, c->env, c->now, msg[1], addr,
                  (uint16_t)((word & and_mask) | (or_mask & ~and_mask)));
}

/* The write comes first, so that what it wrote can be read back. */
static int serve_read_write(const struct modbus_slave *s, const struct slave_call *c,
                            const uint8_t *msg, size_t n, uint8_t *ret_msg, size_t *ret_n)
{
    uint16_t addr, count, to_addr, to_count;
    int code;

    if (n < 11)
        return MODBUS_EX_VALUE;
    addr = modbus_get_u16(msg + 2);
    count = modbus_get_u16(msg + 4);
    to_addr = modbus_get_u16(msg + 6);
    to_count = modbus_get_u16(msg + 8);
    if (n != 11 + 2 * (size_t)to_count || msg[10] != 2 * to_count)
        return MODBUS_EX_VALUE;
    code = extent_check(addr, count, words_most(s, MODBUS_READ_MAX));
    if (code == 0)
        code = extent_check(to_addr, to_count, words_most(s, READ_WRITE_MAX));
    if (code == 0)
        code = data_write(c, msg[1], to_addr, to_count, msg + 11);
    if (code == 0)
        code = data_read(c, msg[1], addr, count, ret_msg);
    *ret_n = 3U + ret_msg[2];
    return code;
}

static bool is_known(const struct modbus_slave *s, uint8_t fn)
{
    uint32_t functions = s->functions != 0 ? s->functions : (uint32_t)DEFAULT_FUNCTIONS;

    return fn < 32 && (functions >> fn & 1U) != 0;
}

static int serve(const struct modbus_slave *s, const struct slave_call *c, const uint8_t *msg,
                 size_t n, uint8_t *ret_msg, size_t *ret_n)
{
    if (!is_known(s, msg[1]))
        return MODBUS_EX_FUNCTION;
    if (n < 6)
        return MODBUS_EX_VALUE;
    switch (msg[1]) {
    case FN_COILS:
    case FN_INPUTS:
    case FN_READ:
    case FN_READ_INPUT: return serve_read(s, c, msg, n, ret_msg, ret_n);
    case FN_WRITE_COIL:
    case FN_WRITE: return serve_write_one(c, msg, n, ret_msg, ret_n);
    case FN_WRITE_COILS:
    case FN_WRITE_MANY: return serve_write_many(s, c, msg, n, ret_msg, ret_n);
    case FN_MASK: return serve_mask(c, msg, n, ret_msg, ret_n);
    case FN_READ_WRITE: return serve_read_write(s, c, msg, n, ret_msg, ret_n);
    default: return MODBUS_EX_FUNCTION;
    }
}

/* msg: unit + PDU. Returns the length of the answer. */
static size_t answer(const struct modbus_slave *s, const struct slave_call *c, const uint8_t *msg,
                     size_t n, uint8_t *ret_msg)
{
    size_t n_msg = 0;
    int code;

    ret_msg[0] = msg[0];
    ret_msg[1] = msg[1];
    ret_msg[2] = 0;
    code = serve(s, c, msg, n, ret_msg, &n_msg);
    if (code != 0)
        return modbus_exception(msg[0], msg[1], (uint8_t)code, ret_msg);
    return n_msg;
}

static void frame_serve(const struct modbus_slave *s, const struct slave_call *c,
                        const uint8_t *frame, size_t n, struct emu_out *out)
{
    uint8_t msg[MODBUS_ADU_MAX], wire[MODBUS_ADU_MAX];
    const uint8_t *request = s->tcp ? frame + 6 : frame;
    size_t n_request = s->tcp ? n - 6 : n - 2;
    bool broadcast = !s->tcp && request[0] == 0 && !s->answers_zero;
    size_t n_msg;
    int n_wire;

    if (request[0] != s->unit && !broadcast && !(s->answers_zero && request[0] == 0))
        return;
    n_msg = answer(s, c, request, n_request, msg);
    if (broadcast)
        return;
    if (s->tcp)
        n_wire = modbus_tcp_wrap(modbus_get_u16(frame), msg, n_msg, wire, sizeof(wire));
    else
        n_wire = modbus_rtu_wrap(msg, n_msg, wire, sizeof(wire));
    if (n_wire > 0)
        emu_send(out, c->now + s->think, wire, (size_t)n_wire);
}

/* Takes one byte; serves the frame when it is whole. */
static void slave_take(struct modbus_slave *s, const struct slave_call *c, uint8_t byte,
                       struct emu_out *out)
{
    int length;

    if (s->have == SLAVE_LOST)
        return;
    s->buf[s->have++] = byte;
    length =
        s->tcp ? modbus_tcp_length(s->buf, s->have) : modbus_rtu_request_length(s->buf, s->have);
    if (length < 0 || length > (int)sizeof(s->buf)) {
        s->have = SLAVE_LOST;
        return;
    }
    if (length == 0 || s->have < length)
        return;
    if (s->tcp || modbus_rtu_intact(s->buf, s->have)) {
        frame_serve(s, c, s->buf, s->have, out);
        s->have = 0;
    } else {
        s->have = SLAVE_LOST;
    }
}

void modbus_slave_bytes(struct modbus_slave *s, void *state, const struct emu_env *env, nsec now,
                        nsec idle_ns, const uint8_t *bytes, size_t n, modbus_get *get,
                        modbus_put *put, struct emu_out *out)
{
    const struct slave_call call = {.state = state, .env = env, .now = now, .get = get, .put = put};

    if (idle_ns >= (s->tcp && s->have != SLAVE_LOST ? connection_gap : frame_gap))
        s->have = 0;
    for (size_t i = 0; i < n; i++)
        slave_take(s, &call, bytes[i], out);
}
