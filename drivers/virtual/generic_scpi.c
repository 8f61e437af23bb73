/* drivers/virtual/generic_scpi.c - a small one-quadrant supply with a meter, as any SCPI box, from
 * the fact sheet scpi-4882.
 *
 * Port 0: PORT_SOURCE: SOURce:VOLTage with SOURce:CURRent as the limit of what flows into the
 * article; it cannot sink. Port 1, if there is one: PORT_SENSE, MEASure:TEMPerature? in degC.
 *
 * Our own choices: 30 V, 5 A; all 0 and off after *RST and when power comes; 2 ms for a message;
 * accuracy 0.03 % + 5 mV, 0.1 % + 2 mA, 0.5 K; noise 0.2 mV, 0.1 mA, 0.02 K; a reading that is not
 * there is 9.91E37; sets go on being heard where the article is disconnected; OUTPut OFF is obeyed
 * even where sets are refused (-221) or ignored. Boot takes 8 s.
 */
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/virtual/emu.h"
#include "drivers/wire/line.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

enum {
    ERRORS_MAX = 8,
    SETTINGS = 2
};
enum quantity {
    VOLT,
    CURR,
    TEMP,
    POWER,
    QUANTITIES
};

static const nsec think = 2 * NSEC_MS;
static const double setting_max[SETTINGS] = {30.0, 5.0};
static const double of_reading[TEMP + 1] = {3e-4, 1e-3, 0.0};
static const double of_zero[TEMP + 1] = {5e-3, 2e-3, 0.5};
static const double noise[TEMP + 1] = {2e-4, 1e-4, 0.02};

struct supply {
    struct line_reader line;
    struct emu_error error;
    char serial[24];
    uint16_t port[2];
    bool has_sense, output;
    uint8_t esr, n_errors;
    int16_t errors[ERRORS_MAX];
    uint32_t faults, overruns;
    double setting[SETTINGS], stuck[QUANTITIES];
    double ese, sre;
    nsec busy_until;
};

struct call {
    struct supply *s;
    const struct emu_env *env;
    nsec now;
    const char *params;
    size_t n_params;
    bool query;
    struct emu_reply reply;
};

static bool has(const struct supply *s, enum emu_fault f)
{
    return (s->faults & 1U << f) != 0;
}

/* ---- Errors ---- */

static void error_push(struct supply *s, int code)
{
    s->esr |= code <= -400 ? 4U : code <= -300 ? 8U : code <= -200 ? 16U : 32U;
    if (s->n_errors == ERRORS_MAX)
        s->errors[ERRORS_MAX - 1] = -350;
    else
        s->errors[s->n_errors++] = (int16_t)code;
}

static const char *error_text(int code)
{
    switch (code) {
    case -102: return "Syntax error";
    case -104: return "Data type error";
    case -108: return "Parameter not allowed";
    case -109: return "Missing parameter";
    case -113: return "Undefined header";
    case -221: return "Settings conflict";
    case -222: return "Data out of range";
    case -350: return "Queue overflow";
    case -363: return "Input buffer overrun";
    default: return "No error";
    }
}

static void do_error(struct call *c, int which)
{
    struct supply *s = c->s;
    char text[48];
    int code = s->n_errors > 0 ? s->errors[0] : 0;

    (void)which;
    if (s->n_errors > 0) {
        s->n_errors--;
        memmove(s->errors, s->errors + 1, s->n_errors * sizeof(s->errors[0]));
    }
    if (str_fmt(text, sizeof text, "%d,\"%s\"", code, error_text(code)) == 0)
        emu_put(&c->reply, text);
}

/* ---- Parameters ---- */

static bool one_param(struct call *c, const char **ret_p, size_t *ret_n)
{
    int code = 0;

    if (!scpi_param(&c->params, &c->n_params, ret_p, ret_n) || *ret_n == 0)
        code = -109;
    else if (c->n_params > 0)
        code = -108;
    if (code != 0)
        error_push(c->s, code);
    return code == 0;
}

static bool number_param(struct call *c, double max, double *ret_v)
{
    const char *p;
    size_t n;

    if (!one_param(c, &p, &n))
        return false;
    if (scpi_match("MINimum", p, n) || scpi_match("DEFault", p, n)) {
        *ret_v = 0.0;
    } else if (scpi_match("MAXimum", p, n)) {
        *ret_v = max;
    } else if (scpi_number(p, n, ret_v) != 0) {
        error_push(c->s, -104);
        return false;
    }
    if (*ret_v >= 0.0 && *ret_v <= max)
        return true;
    error_push(c->s, -222);
    return false;
}

static void put_number(struct call *c, double v)
{
    char buf[32];

    (void)scpi_print(v, buf, sizeof(buf));
    emu_put(&c->reply, buf);
}

static void put_int(struct call *c, unsigned v)
{
    char buf[16];

    if (str_fmt(buf, sizeof buf, "%u", v) == 0)
        emu_put(&c->reply, buf);
}

/* ---- Source and meter ---- */

static double shown(const struct supply *s, enum quantity q, double si)
{
    return si + si * of_reading[q] * s->error.gain + of_zero[q] * s->error.offset;
}

static void drive(const struct supply *s, const struct emu_env *env, nsec now)
{
    struct port_drive d = {.on = s->output, .i_max = s->setting[CURR]};

    d.v_max = d.v_min = s->setting[VOLT];
    if (!s->error.ideal) /* it regulates what it shows */
        d.v_max = d.v_min = fmax(0.0, (s->setting[VOLT] - of_zero[VOLT] * s->error.offset) /
                                          (1.0 + of_reading[VOLT] * s->error.gain));
    env->drive(env->world, s->port[0], now, &d);
}

static double measure(struct supply *s, const struct emu_env *env, nsec now, enum quantity q)
{
    struct port_sense sensed = {0};
    double v;

    if (has(s, FAULT_SENSOR_OPEN) || (q == TEMP && !s->has_sense))
        return (double)NAN;
    if (q == POWER)
        return measure(s, env, now, VOLT) * measure(s, env, now, CURR);
    env->sense(env->world, s->port[q == TEMP], now, &sensed);
    if (q == TEMP && sensed.open)
        return (double)NAN;
    v = q == VOLT ? sensed.voltage_v : q == CURR ? sensed.current_a : sensed.value - 273.15;
    return s->error.ideal ? v : shown(s, q, v) + noise[q] * rng_normal(env->rng);
}

static void do_measure(struct call *c, int q)
{
    put_number(c, has(c->s, FAULT_STUCK) ? c->s->stuck[q]
                                         : measure(c->s, c->env, c->now, (enum quantity)q));
}

static bool obeys(struct call *c)
{
    if (has(c->s, FAULT_REFUSE)) {
        error_push(c->s, -221);
        return false;
    }
    return !has(c->s, FAULT_SILENT_IGNORE);
}

static void do_setting(struct call *c, int q)
{
    double v;

    if (c->query) {
        put_number(c, c->s->setting[q]);
    } else if (number_param(c, setting_max[q], &v) && obeys(c)) {
        c->s->setting[q] = v;
        drive(c->s, c->env, c->now);
    }
}

static void do_output(struct call *c, int which)
{
    const char *p;
    size_t n;
    bool on;

    (void)which;
    if (c->query) {
        put_int(c, c->s->output);
        return;
    }
    if (!one_param(c, &p, &n))
        return;
    if (scpi_bool(p, n, &on) != 0) {
        error_push(c->s, -104);
    } else if (!on || obeys(c)) {
        c->s->output = on;
        drive(c->s, c->env, c->now);
    }
}

/* ---- Common commands ---- */

static void do_identity(struct call *c, int which)
{
    (void)which;
    emu_put(&c->reply, "BENCHCTL,GENERIC-30-5,");
    emu_put(&c->reply, c->s->serial);
    emu_put(&c->reply, ",1.0");
}

static void do_reset(struct call *c, int which)
{
    (void)which;
    if (!obeys(c))
        return;
    c->s->output = false;
    c->s->setting[VOLT] = c->s->setting[CURR] = 0.0;
    drive(c->s, c->env, c->now);
}

static void do_clear(struct call *c, int which)
{
    (void)which;
    c->s->esr = c->s->n_errors = 0;
}

static void do_esr(struct call *c, int which)
{
    (void)which;
    put_int(c, c->s->esr);
    c->s->esr = 0;
}

static void do_status(struct call *c, int which)
{
    unsigned bits = c->s->n_errors > 0 ? 4U : 0U;

    (void)which;
    if ((c->s->esr & (unsigned)c->s->ese) != 0)
        bits |= 32U;
    if ((bits & (unsigned)c->s->sre) != 0)
        bits |= 64U;
    put_int(c, bits);
}

static void do_enable(struct call *c, int sre)
{
    double *mask = sre ? &c->s->sre : &c->s->ese, v;

    if (c->query)
        put_int(c, (unsigned)*mask);
    else if (number_param(c, 255.0, &v))
        *mask = nearbyint(v);
}

static void do_complete(struct call *c, int which)
{
    (void)which;
    if (c->query)
        put_int(c, 1);
    else
        c->s->esr |= 1U;
}

static void do_zero(struct call *c, int which)
{
    (void)which;
    if (c->query)
        put_int(c, 0);
}

enum {
    ASK = 1,
    TELL = 2,
    BOTH = 3
};
static const struct command {
    const char *pattern;
    void (*run)(struct call *, int which);
    int which, can;
} commands[] = {
    {"MEASure[:SCALar]:VOLTage[:DC]",                    do_measure,  VOLT,  ASK },
    {"MEASure[:SCALar]:CURRent[:DC]",                    do_measure,  CURR,  ASK },
    {"MEASure[:SCALar]:POWer[:DC]",                      do_measure,  POWER, ASK },
    {"MEASure[:SCALar]:TEMPerature",                     do_measure,  TEMP,  ASK },
    {"[SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]", do_setting,  VOLT,  BOTH},
    {"[SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]", do_setting,  CURR,  BOTH},
    {"OUTPut[:STATe]",                                   do_output,   0,     BOTH},
    {"SYSTem:ERRor[:NEXT]",                              do_error,    0,     ASK },
    {"*IDN",                                             do_identity, 0,     ASK },
    {"*RST",                                             do_reset,    0,     TELL},
    {"*CLS",                                             do_clear,    0,     TELL},
    {"*ESR",                                             do_esr,      0,     ASK },
    {"*STB",                                             do_status,   0,     ASK },
    {"*ESE",                                             do_enable,   0,     BOTH},
    {"*SRE",                                             do_enable,   1,     BOTH},
    {"*OPC",                                             do_complete, 0,     BOTH},
    {"*TST",                                             do_zero,     0,     ASK },
    {"*WAI",                                             do_zero,     0,     TELL},
};

/* ---- Messages ---- */

static void unit_serve(struct call *c, const struct scpi_unit *unit)
{
    size_t n = strlen(unit->header) - (unit->query ? 1 : 0);
    size_t before = c->reply.n, start;

    c->query = unit->query;
    c->params = unit->params;
    c->n_params = unit->n_params;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *k = &commands[i];

        if (!scpi_match(k->pattern, unit->header, n) || !(k->can & (c->query ? ASK : TELL)))
            continue;
        if (c->query && before > 0)
            emu_put(&c->reply, ";");
        start = c->reply.n;
        k->run(c, k->which);
        if (c->reply.n == start)
            c->reply.n = before;
        return;
    }
    error_push(c->s, -113);
}

static void message_serve(struct call *c, const char *message, struct emu_out *out)
{
    struct supply *s = c->s;
    struct scpi_parser parser;
    struct scpi_unit unit;
    int got;

    scpi_begin(&parser, message);
    while ((got = scpi_next(&parser, &unit)) != 0) {
        if (got < 0)
            error_push(s, -102);
        else
            unit_serve(c, &unit);
    }
    s->busy_until = (c->now > s->busy_until ? c->now : s->busy_until) + think;
    emu_reply_send(&c->reply, out, s->busy_until, "\n");
}

static void supply_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                         const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct supply *s = state;

    (void)idle_ns;
    for (size_t i = 0; i < n; i++) {
        if (line_take(&s->line, "\n", bytes[i])) {
            struct call c;

            c.s = s;
            c.env = env;
            c.now = now;
            c.reply.n = 0;
            message_serve(&c, s->line.buf, out);
        }
        if (s->line.overruns != s->overruns) {
            s->overruns = s->line.overruns;
            error_push(s, -363);
        }
    }
}

/* ---- The table ---- */

static int supply_power_on(void *state, const struct emu_param *p, const struct emu_env *env,
                           nsec now, struct diag *reterr)
{
    struct supply *s = state;

    if (p->n_ports < 1)
        return diag_add(reterr, E_INVALID, "generic-scpi needs a source port");
    if (!str_copy(s->serial, sizeof s->serial, p->serial ? p->serial : "1001"))
        return diag_add(reterr, E_RANGE, "a serial number has at most 23 characters");
    s->port[0] = p->ports[0];
    s->port[1] = p->ports[1];
    s->has_sense = p->n_ports > 1;
    s->error = p->error;
    s->esr = 128;
    drive(s, env, now);
    return 0;
}

static void supply_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f,
                         bool on)
{
    struct supply *s = state;

    for (int q = 0; f == FAULT_STUCK && on && q < QUANTITIES; q++)
        s->stuck[q] = measure(s, env, now, (enum quantity)q);
    s->faults = on ? s->faults | 1U << f : s->faults & ~(1U << f);
}

static bool supply_energized(const void *state)
{
    const struct supply *s = state;

    return s->output && s->setting[CURR] > 0.0 && s->setting[VOLT] > 0.0;
}

static double supply_standing(const void *state)
{
    const struct supply *s = state;

    return s->setting[VOLT];
}

_Static_assert(sizeof(struct supply) <= EMU_STATE_MAX, "state of the SCPI box");

extern const struct emu emu_generic_scpi;
const struct emu emu_generic_scpi = {
    .name = "generic-scpi",
    .sheet = "scpi-4882",
    .ports = {PORT_SOURCE},
    .n_ports = 1,
    .state_size = sizeof(struct supply),
    .faults = 1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_SENSOR_OPEN |
              1U << FAULT_REFUSE | 1U << FAULT_REBOOT,
    .boot_ms = 8000,
    .power_on = supply_power_on,
    .bytes = supply_bytes,
    .tick = NULL,
    .fault = supply_fault,
    .energized = supply_energized,
    .standing = supply_standing,
};
