/* drivers/virtual/generic_modbus.c - a box of coils, contacts and registers, with the watchdog
 * relay of a bench. No instrument of a fact sheet: MODBUS Application Protocol V1.1b3 is its sheet.
 *
 * Port 0: PORT_RELAY, used only where the model has a watchdog. The relay is a retriggerable
 * off-delay: each write of 1 to its coil starts its time anew, a write of 0 drops it at once, and
 * it has dropped when power comes. A coil whose relay has dropped reads 0. One that latches is
 * latched by a missing retrigger, not by a 0 or by power.
 *
 * Our own choices: 256 of each kind from address 0 (exception 2 beyond); 5 ms for a request; boot
 * takes 8 s. An ignored write retriggers nothing. STUCK holds contacts and input registers. After a
 * reboot contacts and input registers stand as the model presets them, whatever hands did.
 */
#include "drivers/virtual/generic_modbus.h"

#include "base/diag.h"
#include "base/err.h"
#include "drivers/virtual/emu.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

enum {
    FN_COILS = 1,
    FN_INPUTS = 2,
    FN_INPUT_REGISTERS = 4,
    FN_WRITE_COIL = 5,
    FN_WRITE_COILS = 15
};
enum {
    ALL_FUNCTIONS =
        1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 15 | 1 << 16 | 1 << 22 | 1 << 23
};

static const nsec think = 5 * NSEC_MS;

struct plant { /* what the box reads and cannot change */
    uint8_t input[BOX_SIZE / 8];
    uint16_t word[BOX_SIZE];
};

struct box {
    struct modbus_slave line;
    uint32_t faults;
    uint16_t port;
    bool watchdog, latching, tripped; /* tripped: waits for the reset */
    uint16_t watchdog_coil, hot_first, n_hot, standing;
    double standing_scale;
    nsec hold, drop_at; /* drop_at NSEC_NEVER: the relay has dropped */
    uint8_t coil[BOX_SIZE / 8];
    uint16_t holding[BOX_SIZE];
    struct plant plant, stuck;
};

static bool has(const struct box *b, enum emu_fault f)
{
    return (b->faults & 1U << f) != 0;
}

static bool bit_of(const uint8_t *bits, unsigned at)
{
    return (bits[at / 8] >> at % 8 & 1) != 0;
}

static void bit_put(uint8_t *bits, unsigned at, bool on)
{
    unsigned mask = 1U << at % 8;

    bits[at / 8] = (uint8_t)(on ? bits[at / 8] | mask : bits[at / 8] & ~mask);
}

/* ---- The relay ---- */

static void relay_drive(const struct box *b, const struct emu_env *env, nsec now)
{
    const struct port_drive d = {.on = b->drop_at != NSEC_NEVER};

    env->drive(env->world, b->port, now, &d);
}

static void relay_drop(struct box *b, const struct emu_env *env, nsec now)
{
    b->drop_at = NSEC_NEVER;
    bit_put(b->coil, b->watchdog_coil, false);
    relay_drive(b, env, now);
}

static void relay_trigger(struct box *b, const struct emu_env *env, nsec now, bool on)
{
    if (!on) {
        relay_drop(b, env, now);
    } else if (!b->tripped) {
        bool was_held = b->drop_at != NSEC_NEVER;

        b->drop_at = now + b->hold;
        bit_put(b->coil, b->watchdog_coil, true);
        if (!was_held)
            relay_drive(b, env, now);
    }
}

static nsec box_tick(void *state, const struct emu_env *env, nsec now, struct emu_out *out)
{
    struct box *b = state;

    (void)out;
    if (b->watchdog && b->drop_at <= now) {
        b->tripped = b->latching;
        relay_drop(b, env, now);
    }
    return b->watchdog ? b->drop_at : NSEC_NEVER;
}

/* ---- The tables ---- */

static int box_get(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
                   uint16_t *ret_word)
{
    const struct box *b = state;
    const struct plant *plant = has(b, FAULT_STUCK) ? &b->stuck : &b->plant;

    (void)env;
    (void)now;
    if (addr >= BOX_SIZE)
        return MODBUS_EX_ADDRESS;
    switch (fn) {
    case FN_COILS: *ret_word = bit_of(b->coil, addr); break;
    case FN_INPUTS: *ret_word = bit_of(plant->input, addr); break;
    case FN_INPUT_REGISTERS: *ret_word = plant->word[addr]; break;
    default: *ret_word = b->holding[addr]; break;
    }
    return 0;
}

static int box_put(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
                   uint16_t word)
{
    struct box *b = state;
    bool coil = fn == FN_WRITE_COIL || fn == FN_WRITE_COILS;

    if (addr >= BOX_SIZE)
        return MODBUS_EX_ADDRESS;
    if (has(b, FAULT_REFUSE))
        return MODBUS_EX_FAILURE;
    if (has(b, FAULT_SILENT_IGNORE))
        return 0;
    if (!coil)
        b->holding[addr] = word;
    else if (b->watchdog && addr == b->watchdog_coil)
        relay_trigger(b, env, now, word != 0);
    else
        bit_put(b->coil, addr, word != 0);
    return 0;
}

/* ---- The table of the emulator ---- */

static bool preset(struct box *b, const struct box_preset *p)
{
    if (p->addr >= BOX_SIZE)
        return false;
    switch (p->table) {
    case BOX_COIL: bit_put(b->coil, p->addr, p->word != 0); return true;
    case BOX_INPUT: bit_put(b->plant.input, p->addr, p->word != 0); return true;
    case BOX_HOLDING: b->holding[p->addr] = p->word; return true;
    case BOX_INPUT_REGISTER: b->plant.word[p->addr] = p->word; return true;
    }
    return false;
}

static int model_apply(struct box *b, const struct generic_modbus_model *m, struct diag *reterr)
{
    if (m->standing >= BOX_SIZE || m->hot_first + m->n_hot > BOX_SIZE ||
        (m->watchdog && (m->watchdog_coil >= BOX_SIZE || m->watchdog_period_ms == 0)))
        return diag_add(reterr, E_RANGE,
                        "generic-modbus has %d of each kind, and its watchdog "
                        "a period",
                        BOX_SIZE);
    for (size_t i = 0; i < m->n_presets; i++)
        if (!preset(b, &m->preset[i]))
            return diag_add(reterr, E_RANGE, "generic-modbus has no address %u to preset",
                            m->preset[i].addr);
    b->watchdog = m->watchdog;
    b->latching = m->latching;
    b->watchdog_coil = m->watchdog_coil;
    b->hold = 2 * (nsec)m->watchdog_period_ms * NSEC_MS;
    b->hot_first = m->hot_first;
    b->n_hot = m->n_hot;
    b->standing = m->standing;
    b->standing_scale = m->standing_scale > 0.0 ? m->standing_scale : 1.0;
    return 0;
}

static int box_power_on(void *state, const struct emu_param *p, const struct emu_env *env, nsec now,
                        struct diag *reterr)
{
    static const struct generic_modbus_model plain;
    struct box *b = state;
    int rc;

    if (p->unit < 1 || p->unit > 247)
        return diag_add(reterr, E_INVALID, "generic-modbus needs a unit of 1..247");
    memset(b->plant.input, 0xFF, sizeof(b->plant.input));
    rc = model_apply(b, p->model ? p->model : &plain, reterr);
    if (rc != 0)
        return rc;
    if (b->watchdog && p->n_ports < 1)
        return diag_add(reterr, E_INVALID, "the watchdog of generic-modbus needs a relay port");
    b->line = (struct modbus_slave){
        .tcp = p->tcp,
        .unit = (uint8_t)p->unit,
        .max_words = MODBUS_READ_MAX,
        .functions = ALL_FUNCTIONS,
        .think = think,
    };
    b->port = p->ports[0];
    b->drop_at = NSEC_NEVER;
    if (b->watchdog)
        relay_drop(b, env, now);
    return 0;
}

static void box_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                      const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct box *b = state;

    modbus_slave_bytes(&b->line, b, env, now, idle_ns, bytes, n, box_get, box_put, out);
}

static void box_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct box *b = state;

    (void)env;
    (void)now;
    if (f == FAULT_STUCK && on)
        b->stuck = b->plant;
    b->faults = on ? b->faults | 1U << f : b->faults & ~(1U << f);
}

static void box_hand(void *state, const struct emu_env *env, nsec now, uint32_t what, double value)
{
    struct box *b = state;
    uint32_t at = what & 0xFFFF;

    (void)env;
    (void)now;
    if (what >= BOX_HAND_RESET)
        b->tripped = false;
    else if (what >= BOX_HAND_WORD && at < BOX_SIZE)
        b->plant.word[at] = (uint16_t)fmin(fmax(nearbyint(value), 0.0), UINT16_MAX);
    else if (what < BOX_SIZE)
        bit_put(b->plant.input, at, value > 0.0 || value < 0.0);
}

static bool box_energized(const void *state)
{
    const struct box *b = state;

    for (unsigned i = 0; i < b->n_hot; i++)
        if (bit_of(b->coil, b->hot_first + i))
            return true;
    return false;
}

static double box_standing(const void *state)
{
    const struct box *b = state;

    return b->holding[b->standing] * b->standing_scale;
}

_Static_assert(sizeof(struct box) <= EMU_STATE_MAX, "state of the register box");

extern const struct emu emu_generic_modbus;
const struct emu emu_generic_modbus = {
    .name = "generic-modbus",
    .sheet = "modbus-v1.1b3",
    .ports = {PORT_RELAY},
    .n_ports = 1,
    .state_size = sizeof(struct box),
    .faults =
        1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_REFUSE | 1U << FAULT_REBOOT,
    .boot_ms = 8000,
    .power_on = box_power_on,
    .bytes = box_bytes,
    .tick = box_tick,
    .fault = box_fault,
    .hand = box_hand,
    .energized = box_energized,
    .standing = box_standing,
};
