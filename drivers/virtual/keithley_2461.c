/* drivers/virtual/keithley_2461.c - Keithley 2461 SourceMeter, SCPI command set, from the fact
 * sheets keithley-24xx and scpi-4882.
 *
 * Port 0: PORT_SOURCE. With the output off and SMODe NORMal or ZERO the cell stays connected to a 0
 * V source: the hazard of this instrument, and its power-on state. HIMPedance opens the relay and
 * forgets 4-wire sensing.
 *
 * Not confirmed by a source, chosen here: 2 ms for a command; a function change switches the output
 * off; power-on current limit 105 uA; a limit below 1 % of a fixed current range is refused (-222),
 * and a larger range lifts a limit that is too small for it; ILIM may exceed the range, which then
 * overflows; the 7 A range has the accuracy of the 4 A range, ranges below 1 mA and other than 20 V
 * that of their neighbour in proportion; a broken sense lead overflows the voltage;
 * over-temperature opens the output and stays in the source status; OUTPut OFF is obeyed even where
 * sets are refused or ignored; a command error ends its message, other errors do not. Source and
 * measurement share one reference: one that reads high sources low, so that its read-back agrees
 * with its set-point. Named buffers, TSTamp and pulse ranges are not built.
 */
#include "drivers/virtual/keithley_2461_priv.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

static const nsec think = 2 * NSEC_MS;

bool smu_has(const struct smu *s, enum emu_fault f)
{
    return (s->faults & 1U << f) != 0;
}

/* ---- Errors ---- */

void smu_error_push(struct smu *s, int code)
{
    s->esr |= code <= -400 ? 4U : code <= -300 || code > 0 ? 8U : code <= -200 ? 16U : 32U;
    if (s->n_errors == ERRORS_MAX)
        s->errors[ERRORS_MAX - 1] = -350;
    else
        s->errors[s->n_errors++] = (int16_t)code;
}

void smu_fail(struct call *c, int code)
{
    if (code > -200 && code <= -100)
        c->stop = true;
    smu_error_push(c->s, code);
}

const char *smu_error_text(int code)
{
    switch (code) {
    case -102: return "Syntax error";
    case -104: return "Data type error";
    case -108: return "Parameter not allowed";
    case -109: return "Missing parameter";
    case -113: return "Undefined header";
    case -221: return "Settings conflict";
    case -222: return "Parameter data out of range";
    case -224: return "Illegal parameter value";
    case -230: return "Data corrupt or stale";
    case -350: return "Queue overflow";
    case -363: return "Input buffer overrun";
    case ERR_HOT: return "Output off, over temperature";
    default: return "Error";
    }
}

/* ---- Reply and parameters ---- */

void smu_put(struct call *c, const char *text)
{
    emu_put(&c->reply, text);
}

void smu_put_number(struct call *c, double v)
{
    char buf[32];

    (void)scpi_print(v, buf, sizeof(buf));
    smu_put(c, buf);
}

void smu_put_fixed(struct call *c, double v, int decimals)
{
    emu_put_fixed(&c->reply, v, decimals);
}

void smu_put_bool(struct call *c, bool v)
{
    smu_put(c, v ? "1" : "0");
}

/* The only parameter. */
static bool one_param(struct call *c, const char **ret_p, size_t *ret_n)
{
    if (!scpi_param(&c->params, &c->n_params, ret_p, ret_n) || *ret_n == 0) {
        smu_fail(c, -109);
        return false;
    }
    if (c->n_params > 0) {
        smu_fail(c, -108);
        return false;
    }
    return true;
}

bool smu_param_number(struct call *c, double *ret_v)
{
    const struct command *k = c->command;
    const char *p;
    size_t n;

    if (!one_param(c, &p, &n))
        return false;
    if (scpi_match("MINimum", p, n)) {
        *ret_v = k->lo;
    } else if (scpi_match("MAXimum", p, n)) {
        *ret_v = k->hi;
    } else if (scpi_match("DEFault", p, n)) {
        *ret_v = k->def;
    } else if (scpi_number(p, n, ret_v) != 0) {
        smu_fail(c, -104);
        return false;
    }
    if (!(*ret_v >= k->lo && *ret_v <= k->hi)) {
        smu_fail(c, -222);
        return false;
    }
    return true;
}

bool smu_param_bool(struct call *c, bool *ret_v)
{
    const char *p;
    size_t n;

    if (!one_param(c, &p, &n))
        return false;
    if (scpi_bool(p, n, ret_v) == 0)
        return true;
    smu_fail(c, -104);
    return false;
}

int smu_param_word(struct call *c, const char *const *words, int n_words)
{
    const char *p;
    size_t n;

    if (!one_param(c, &p, &n))
        return -1;
    if (n >= 2 && (p[0] == '"' || p[0] == '\'')) {
        p++;
        n -= 2;
    }
    for (int i = 0; i < n_words; i++)
        if (scpi_match(words[i], p, n))
            return i;
    smu_fail(c, -224);
    return -1;
}

bool smu_obeys(struct call *c)
{
    if (smu_has(c->s, FAULT_REFUSE)) {
        smu_fail(c, -221);
        return false;
    }
    return !smu_has(c->s, FAULT_SILENT_IGNORE);
}

/* ---- Messages ---- */

static void unit_serve(struct call *c, const struct scpi_unit *unit)
{
    size_t n = strlen(unit->header) - (unit->query ? 1 : 0), before = c->reply.n;

    c->command = smu_command_find(unit->header, n);
    c->query = unit->query;
    c->params = unit->params;
    c->n_params = unit->n_params;
    if (c->command == NULL || (c->command->can & (unit->query ? ASK : TELL)) == 0) {
        smu_fail(c, -113);
        return;
    }
    if (!unit->query) {
        c->command->run(c);
        return;
    }
    if (before > 0)
        smu_put(c, ";");
    c->command->run(c);
    if (c->reply.n == before + (before > 0 ? 1 : 0))
        c->reply.n = before; /* it failed: no empty place in the reply */
}

static void message_serve(struct call *c, const char *message, struct emu_out *out)
{
    struct smu *s = c->s;
    struct scpi_parser parser;
    struct scpi_unit unit;
    int got = 1;

    scpi_begin(&parser, message);
    while (!c->stop && (got = scpi_next(&parser, &unit)) != 0) {
        if (got < 0)
            smu_fail(c, -102);
        else
            unit_serve(c, &unit);
    }
    s->busy_until = (c->now > s->busy_until ? c->now : s->busy_until) + c->cost;
    emu_reply_send(&c->reply, out, s->busy_until, "\n");
}

static void smu_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                      const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct smu *s = state;

    (void)idle_ns;
    for (size_t i = 0; i < n; i++) {
        if (line_take(&s->line, "\n", bytes[i])) {
            struct call c;

            c.s = s;
            c.env = env;
            c.now = now;
            c.cost = think;
            c.reply.n = 0;
            c.stop = false;
            message_serve(&c, s->line.buf, out);
        }
        if (s->line.overruns != s->overruns) {
            s->overruns = s->line.overruns;
            smu_error_push(s, -363);
        }
    }
}

static int smu_power_on(void *state, const struct emu_param *p, const struct emu_env *env, nsec now,
                        struct diag *reterr)
{
    struct smu *s = state;

    if (p->n_ports < 1)
        return diag_add(reterr, E_INVALID, "keithley-2461 needs one source port");
    s->port = p->ports[0];
    if (!str_copy(s->serial, sizeof s->serial, p->serial ? p->serial : "04000001"))
        return diag_add(reterr, E_RANGE, "a serial number has at most 15 digits");
    s->error = p->error;
    s->esr = 128;
    smu_defaults(s);
    smu_drive(s, env, now);
    return 0;
}

/* Somebody turns the knobs: level and limit a little towards zero. */
static void panel_turned(struct smu *s)
{
    if (s->source == VOLT) {
        s->level[VOLT] = copysign(fmax(fabs(s->level[VOLT]) - 0.1, 0.0), s->level[VOLT]);
        s->limit[VOLT] = fmax(0.9 * s->limit[VOLT], smu_limit_least(s));
    } else {
        s->level[CURR] *= 0.9;
        s->limit[CURR] = fmax(s->limit[CURR] - 0.1, 0.02);
    }
}

static void smu_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct smu *s = state;

    s->faults = on ? s->faults | 1U << f : s->faults & ~(1U << f);
    if (f == FAULT_LOCAL && on) {
        panel_turned(s);
        smu_drive(s, env, now);
    }
    if (f == FAULT_ALARM && on) {
        smu_error_push(s, ERR_HOT);
        smu_output_set(s, env, now, false);
    }
}

static bool smu_energized(const void *state)
{
    const struct smu *s = state;

    return s->output && !(s->source == CURR && fabs(s->level[CURR]) <= 0.0);
}

static double smu_standing(const void *state)
{
    const struct smu *s = state;

    return s->level[VOLT];
}

_Static_assert(sizeof(struct smu) <= EMU_STATE_MAX, "state of the 2461");

extern const struct emu emu_keithley_2461;
const struct emu emu_keithley_2461 = {
    .name = "keithley-2461",
    .sheet = "keithley-24xx",
    .ports = {PORT_SOURCE},
    .n_ports = 1,
    .state_size = sizeof(struct smu),
    .faults = 1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_SENSOR_OPEN |
              1U << FAULT_REFUSE | 1U << FAULT_LOCAL | 1U << FAULT_REBOOT | 1U << FAULT_ALARM |
              1U << FAULT_WRONG_MODEL,
    .boot_ms = 30000,
    .power_on = smu_power_on,
    .bytes = smu_bytes,
    .tick = NULL,
    .fault = smu_fault,
    .energized = smu_energized,
    .standing = smu_standing,
};
