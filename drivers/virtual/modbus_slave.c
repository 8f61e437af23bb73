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

/* `have` above the buffer: dropping until silence. */
enum {
    SLAVE_LOST = 0xFFFF
};
enum {
    FN_READ = 3,
    FN_READ_INPUT = 4,
    FN_WRITE = 6,
    FN_WRITE_MANY = 16
};

struct slave_call {
    void *state;
    const struct emu_env *env;
    nsec now;
    modbus_get *get;
    modbus_put *put;
};

static size_t answer_read(const struct modbus_slave *s, const struct slave_call *c,
                          const uint8_t *msg, uint8_t *ret_msg)
{
    uint16_t addr = modbus_get_u16(msg + 2);
    uint16_t count = modbus_get_u16(msg + 4);
    uint16_t most =
        s->max_words != 0 && s->max_words < MODBUS_READ_MAX ? s->max_words : MODBUS_READ_MAX;

    if (count == 0 || count > most)
        return modbus_exception(msg[0], msg[1], MODBUS_EX_VALUE, ret_msg);
    if ((uint32_t)addr + count > 0x10000U)
        return modbus_exception(msg[0], msg[1], MODBUS_EX_ADDRESS, ret_msg);
    ret_msg[0] = msg[0];
    ret_msg[1] = msg[1];
    ret_msg[2] = (uint8_t)(2 * count);
    for (uint16_t i = 0; i < count; i++) {
        uint16_t word = 0;
        int code = c->get(c->state, c->env, c->now, msg[1], (uint16_t)(addr + i), &word);

        if (code != 0)
            return modbus_exception(msg[0], msg[1], (uint8_t)code, ret_msg);
        modbus_put_u16(ret_msg + 3 + 2 * (size_t)i, word);
    }
    return 3 + 2 * (size_t)count;
}

static size_t answer_write(const struct modbus_slave *s, const struct slave_call *c,
                           const uint8_t *msg, size_t n, uint8_t *ret_msg)
{
    uint16_t addr = modbus_get_u16(msg + 2);
    uint16_t count = msg[1] == FN_WRITE ? 1 : modbus_get_u16(msg + 4);
    const uint8_t *words = msg + (msg[1] == FN_WRITE ? 4 : 7);
    uint16_t most =
        s->max_words != 0 && s->max_words < MODBUS_WRITE_MAX ? s->max_words : MODBUS_WRITE_MAX;

    if (count == 0 || count > most ||
        (msg[1] == FN_WRITE_MANY && (n != 7 + 2 * (size_t)count || msg[6] != 2 * count)))
        return modbus_exception(msg[0], msg[1], MODBUS_EX_VALUE, ret_msg);
    if ((uint32_t)addr + count > 0x10000U)
        return modbus_exception(msg[0], msg[1], MODBUS_EX_ADDRESS, ret_msg);
    for (uint16_t i = 0; i < count; i++) {
        int code = c->put(c->state, c->env, c->now, msg[1], (uint16_t)(addr + i),
                          modbus_get_u16(words + 2 * (size_t)i));

        if (code != 0)
            return modbus_exception(msg[0], msg[1], (uint8_t)code, ret_msg);
    }
    memcpy(ret_msg, msg, 6);
    return 6;
}

/* msg: unit + PDU. Returns the length of the answer. */
static size_t answer(const struct modbus_slave *s, const struct slave_call *c, const uint8_t *msg,
                     size_t n, uint8_t *ret_msg)
{
    switch (msg[1]) {
    case FN_READ:
    case FN_READ_INPUT:
        if (n == 6)
            return answer_read(s, c, msg, ret_msg);
        break;
    case FN_WRITE:
        if (n == 6)
            return answer_write(s, c, msg, n, ret_msg);
        break;
    case FN_WRITE_MANY:
        if (n >= 7)
            return answer_write(s, c, msg, n, ret_msg);
        break;
    default: return modbus_exception(msg[0], msg[1], MODBUS_EX_FUNCTION, ret_msg);
    }
    return modbus_exception(msg[0], msg[1], MODBUS_EX_VALUE, ret_msg);
}

static void frame_serve(const struct modbus_slave *s, const struct slave_call *c,
                        const uint8_t *frame, size_t n, struct emu_out *out)
{
    uint8_t msg[MODBUS_ADU_MAX], wire[MODBUS_ADU_MAX];
    const uint8_t *request = s->tcp ? frame + 6 : frame;
    size_t n_request = s->tcp ? n - 6 : n - 2;
    bool broadcast = !s->tcp && request[0] == 0;
    size_t n_msg;
    int n_wire;

    if (request[0] != s->unit && !broadcast)
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

    if (idle_ns >= frame_gap)
        s->have = 0;
    for (size_t i = 0; i < n; i++)
        slave_take(s, &call, bytes[i], out);
}
