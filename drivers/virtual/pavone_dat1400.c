/* drivers/virtual/pavone_dat1400.c - Pavone Systems DAT 1400 load-cell transmitter with a 5 kN
 * cell, from the fact sheet pavone-dat.
 *
 * Port 0: PORT_FORCE, newtons. Registers are numbered from 1 in the maker's tables; the PDU address
 * is one less.
 *
 * Not confirmed by a source, chosen here: the status bits are those of the DAT 100/400; the cell's
 * capacity and full scale are counted like weights, in divisions of 10^-decimals; the division code
 * counts as in the DAT 100 table (9 = 0.1); the sensitivity is in 0.0001 mV/V; a write to a locked
 * parameter answers exception 3; semi-automatic zero works within 2 % of capacity; the peak sees
 * the readings that somebody asked for. What the sheet states as unconfirmed too: span 0.03 %, zero
 * 0.5 N, noise 0.2 N RMS, 10 readings a second.
 */
#include "base/diag.h"
#include "base/err.h"
#include "drivers/virtual/emu.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

enum {
    REG_STATUS = 1,
    REG_GROSS = 2,
    REG_NET = 4,
    REG_PEAK = 6,
    REG_INPUTS = 8,
    REG_OUTPUTS = 9,
    REG_LATCHED = 101,
    REG_LATCHED_LAST = 104,
    REG_SET_1 = 201,
    REG_SET_2 = 203,
    REG_DATA = 501,
    REG_COMMAND = 503,
    REG_DIVISION = 1101,
    REG_DECIMALS = 1102,
    REG_CAPACITY = 1103,
    REG_SENSITIVITY = 1105,
    REG_FIXED_TARE = 1106,
    REG_FULL_SCALE = 1301,
};

enum {
    BIT_CENTRE = 1 << 0,
    BIT_STABLE = 1 << 1,
    BIT_ZERO_BAND = 1 << 2,
    BIT_UNDER = 1 << 4,
    BIT_OVER = 1 << 5,
    BIT_WRONG = 1 << 6,
    BIT_OUTPUT_1 = 1 << 12,
    BIT_OUTPUT_2 = 1 << 13,
};

enum {
    COMMAND_NONE = 0,
    COMMAND_ZERO = 1,
    COMMAND_PEAK_RESET = 3
};

static const double span_accuracy = 3e-4; /* of reading: 0.03 % of full scale at full scale */
static const double zero_accuracy_n = 0.5, noise_n = 0.2;
static const double stable_n = 1.0, zero_band_n = 1.0;
static const nsec reading_period = 100 * NSEC_MS;

struct dat {
    struct modbus_slave line;
    uint16_t port;
    struct emu_error error;
    uint32_t faults;
    int64_t slot; /* which tenth of a second the reading is from */
    bool read, open, stable;
    double gross_n; /* before the zero is taken off */
    double zero_n, peak_n;
    uint16_t set[4]; /* registers 201..204 */
    uint16_t data[2];
};

static bool has(const struct dat *d, enum emu_fault f)
{
    return (d->faults & 1U << f) != 0;
}

/* The sibling counts whole newtons of a 10 kN cell. */
static double divisions_per_n(const struct dat *d)
{
    return has(d, FAULT_WRONG_MODEL) ? 1.0 : 10.0;
}

static double capacity_n(const struct dat *d)
{
    return has(d, FAULT_WRONG_MODEL) ? 10000.0 : 5000.0;
}

static int32_t divisions(const struct dat *d, double force_n)
{
    double v = nearbyint(force_n * divisions_per_n(d));

    return (int32_t)fmin(fmax(v, -2e9), 2e9);
}

static void refresh(struct dat *d, const struct emu_env *env, nsec now)
{
    int64_t slot = now / reading_period;
    struct port_sense sense = {0};
    double force;

    if (d->read && (slot == d->slot || has(d, FAULT_STUCK)))
        return;
    env->sense(env->world, d->port, now, &sense);
    force = sense.value;
    if (!d->error.ideal)
        force += force * span_accuracy * d->error.gain + zero_accuracy_n * d->error.offset +
                 noise_n * rng_normal(env->rng);
    d->stable = d->read && fabs(force - d->gross_n) <= stable_n;
    d->open = sense.open;
    d->gross_n = force;
    if (!d->read || force - d->zero_n > d->peak_n)
        d->peak_n = force - d->zero_n;
    d->slot = slot;
    d->read = true;
}

static bool is_open(const struct dat *d)
{
    return d->open || has(d, FAULT_SENSOR_OPEN);
}

/* A bridge without its cell drives the input off its range. */
static double shown_n(const struct dat *d)
{
    return is_open(d) ? 1.1 * capacity_n(d) : d->gross_n - d->zero_n;
}

static uint16_t half(int32_t v, bool high)
{
    return (uint16_t)((uint32_t)v >> (high ? 16 : 0));
}

static int32_t setpoint(const struct dat *d, int i)
{
    return (int32_t)((uint32_t)d->set[2 * i] << 16 | d->set[2 * i + 1]);
}

static uint16_t status(const struct dat *d)
{
    double force = shown_n(d);
    int32_t raw = divisions(d, force);
    unsigned bits = 0;

    if (is_open(d))
        bits |= BIT_WRONG;
    else if (d->stable)
        bits |= BIT_STABLE;
    if (raw == 0)
        bits |= BIT_CENTRE;
    if (fabs(force) <= zero_band_n)
        bits |= BIT_ZERO_BAND;
    if (force < -capacity_n(d))
        bits |= BIT_UNDER;
    if (force > capacity_n(d) || has(d, FAULT_ALARM))
        bits |= BIT_OVER;
    if (setpoint(d, 0) > 0 && raw >= setpoint(d, 0))
        bits |= BIT_OUTPUT_1;
    if (setpoint(d, 1) > 0 && raw >= setpoint(d, 1))
        bits |= BIT_OUTPUT_2;
    return (uint16_t)bits;
}

/* Registers that tell what the transmitter is set up for. */
static int get_parameter(const struct dat *d, unsigned reg, uint16_t *ret_word)
{
    bool sibling = has(d, FAULT_WRONG_MODEL);

    switch (reg) {
    case REG_DIVISION: *ret_word = sibling ? 12 : 9; return 0;
    case REG_DECIMALS: *ret_word = sibling ? 0 : 1; return 0;
    case REG_CAPACITY:
    case REG_CAPACITY + 1:
        *ret_word = half(divisions(d, capacity_n(d)), reg == REG_CAPACITY);
        return 0;
    case REG_FULL_SCALE:
    case REG_FULL_SCALE + 1:
        *ret_word = half(divisions(d, capacity_n(d)), reg == REG_FULL_SCALE);
        return 0;
    case REG_SENSITIVITY: *ret_word = 20000; return 0;
    default: break;
    }
    /* Functions, tare, stability and outputs stand at zero: nothing here uses them. */
    if ((reg >= 1001 && reg <= 1009) || reg == REG_FIXED_TARE || reg == REG_FIXED_TARE + 1 ||
        (reg >= 1303 && reg <= 1308) || (reg >= 1403 && reg <= 1416) || reg == 2000 ||
        reg == 2100) {
        *ret_word = 0;
        return 0;
    }
    return MODBUS_EX_ADDRESS;
}

static int dat_get(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
                   uint16_t *ret_word)
{
    struct dat *d = state;
    unsigned reg = addr + 1U;

    if (fn != 3)
        return MODBUS_EX_FUNCTION;
    refresh(d, env, now);
    switch (reg) {
    case REG_STATUS: *ret_word = status(d); return 0;
    case REG_GROSS:
    case REG_GROSS + 1: *ret_word = half(divisions(d, shown_n(d)), reg == REG_GROSS); return 0;
    case REG_NET:
    case REG_NET + 1: /* no tare can be taken by command here: net is gross */
        *ret_word = half(divisions(d, shown_n(d)), reg == REG_NET);
        return 0;
    case REG_PEAK:
    case REG_PEAK + 1: *ret_word = half(divisions(d, d->peak_n), reg == REG_PEAK); return 0;
    case REG_INPUTS: *ret_word = 0; return 0;
    case REG_OUTPUTS: *ret_word = (uint16_t)(status(d) >> 12 & 3U); return 0;
    default: break;
    }
    if (reg >= REG_LATCHED && reg <= REG_LATCHED_LAST) {
        *ret_word = 0;
        return 0;
    }
    if (reg >= REG_SET_1 && reg < REG_SET_1 + 4) {
        *ret_word = d->set[reg - REG_SET_1];
        return 0;
    }
    return get_parameter(d, reg, ret_word);
}

static int command(struct dat *d, uint16_t word)
{
    switch (word) {
    case COMMAND_NONE: return 0;
    case COMMAND_ZERO:
        if (is_open(d) || fabs(d->gross_n) > 0.02 * capacity_n(d))
            return MODBUS_EX_VALUE;
        if (!has(d, FAULT_SILENT_IGNORE))
            d->zero_n = d->gross_n;
        return 0;
    case COMMAND_PEAK_RESET:
        if (!has(d, FAULT_SILENT_IGNORE))
            d->peak_n = d->gross_n - d->zero_n;
        return 0;
    default: return MODBUS_EX_VALUE;
    }
}

static int dat_put(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
                   uint16_t word)
{
    struct dat *d = state;
    unsigned reg = addr + 1U;
    uint16_t ignored;

    refresh(d, env, now);
    if (has(d, FAULT_REFUSE))
        return MODBUS_EX_VALUE;
    if (reg == REG_COMMAND)
        return command(d, word);
    if (reg == REG_DATA || reg == REG_DATA + 1) {
        d->data[reg - REG_DATA] = word;
        return 0;
    }
    if (reg >= REG_SET_1 && reg < REG_SET_1 + 4) {
        if (!has(d, FAULT_SILENT_IGNORE))
            d->set[reg - REG_SET_1] = word;
        return 0;
    }
    /* There, but read only or locked; else not there at all. */
    (void)fn;
    return dat_get(d, env, now, 3, addr, &ignored) == 0 ? MODBUS_EX_VALUE : MODBUS_EX_ADDRESS;
}

static int dat_power_on(void *state, const struct emu_param *p, const struct emu_env *env, nsec now,
                        struct diag *reterr)
{
    struct dat *d = state;

    (void)env;
    (void)now;
    if (p->n_ports < 1 || p->unit < 1 || p->unit > 247)
        return diag_add(reterr, E_INVALID,
                        "pavone-dat1400 needs one force port and a unit of 1..247");
    d->line = (struct modbus_slave){
        .unit = (uint8_t)p->unit,
        .max_words = MODBUS_READ_MAX,
        .think = 5 * NSEC_MS,
    };
    d->port = p->ports[0];
    d->error = p->error;
    return 0;
}

static void dat_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                      const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct dat *d = state;

    modbus_slave_bytes(&d->line, d, env, now, idle_ns, bytes, n, dat_get, dat_put, out);
}

static void dat_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct dat *d = state;

    if (f == FAULT_STUCK && on)
        refresh(d, env, now);
    d->faults = on ? d->faults | 1U << f : d->faults & ~(1U << f);
}

static bool dat_energized(const void *state)
{
    (void)state;
    return false;
}

static double dat_standing(const void *state)
{
    const struct dat *d = state;

    return setpoint(d, 0) / divisions_per_n(d);
}

_Static_assert(sizeof(struct dat) <= EMU_STATE_MAX, "state of the DAT 1400");

extern const struct emu emu_pavone_dat1400;
const struct emu emu_pavone_dat1400 = {
    .name = "pavone-dat1400",
    .sheet = "pavone-dat",
    .ports = {PORT_FORCE},
    .n_ports = 1,
    .state_size = sizeof(struct dat),
    .faults = 1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_SENSOR_OPEN |
              1U << FAULT_REFUSE | 1U << FAULT_REBOOT | 1U << FAULT_ALARM | 1U << FAULT_WRONG_MODEL,
    .boot_ms = 3000,
    .power_on = dat_power_on,
    .bytes = dat_bytes,
    .tick = NULL,
    .fault = dat_fault,
    .energized = dat_energized,
    .standing = dat_standing,
};
