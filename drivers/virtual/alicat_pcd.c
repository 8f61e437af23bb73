/* drivers/virtual/alicat_pcd.c - Alicat PCD-150PSIG-D dual-valve pressure controller, firmware
 * 10v20, from the fact sheet alicat.
 *
 * Port 0: PORT_PRESSURE; drives the regulator's set-point and senses the pressure, both gauge,
 * pascal.
 *
 * Not confirmed by a source, chosen here: it thinks 5 ms; a set-point below 0 or above full scale,
 * and a unit other than psi, are answered by "?"; hold, cancel, lock and tare answer with a data
 * frame; a hold traps the gas until C; tare works below 1 % of full scale; a broken sensor reads
 * 125 % of full scale with ADC and POV; at the over-pressure alarm (OPL) the valves close and
 * pressure can only fall; a set-point of 0 is obeyed even where others are refused or ignored. What
 * the sheet states as unconfirmed too: accuracy 0.25 % of full scale, resolution 0.01 psi, noise
 * 0.01 psi. The controller regulates what its own sensor shows, so its error is the pressure's.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/virtual/alicat_pcd_priv.h"
#include "drivers/virtual/emu.h"
#include "drivers/wire/line.h"

#include <math.h>
#include <string.h>

static const double psi_pa = 6894.757293168;
static const double full_scale_psi = 150.0, accuracy_psi = 0.375, noise_psi = 0.01;
static const double tare_most_psi = 1.5, energized_psi = 0.5;
static const nsec think = 5 * NSEC_MS;

enum {
    STAT_ABS = 2,
    STAT_GAUGE = 6,
    STAT_SET_ABS = 34,
    STAT_SET_GAUGE = 38
};

struct pcd {
    struct line_reader line;
    uint16_t port;
    char unit, source; /* source of the set-point: S, A or U */
    bool hold, locked, read, streaming;
    uint32_t stream_ms;
    nsec stream_at;
    uint32_t faults;
    struct emu_error error;
    double set_psi, tare_psi;
    double held_psi; /* what was trapped by a hold or the alarm, as the sensor shows it */
    double pv_psi;   /* last reading, for a stuck sensor */
};

struct call {
    struct pcd *p;
    const struct emu_env *env;
    nsec now, at; /* at: when the reply leaves */
    const struct word *word;
    const char *args;
    struct emu_reply reply;
};

struct word {
    const char *name;
    bool (*run)(struct call *); /* false: "?" */
};

static bool has(const struct pcd *p, enum emu_fault f)
{
    return (p->faults & 1U << f) != 0;
}

/* ---- Physics ---- */

static double offset_psi(const struct pcd *p)
{
    return p->error.ideal ? 0.0 : accuracy_psi * p->error.offset;
}

/* What the sensor shows without noise. */
static double sensor_psi(const struct pcd *p, const struct emu_env *env, nsec now, bool *ret_open)
{
    struct port_sense sense = {0};

    env->sense(env->world, p->port, now, &sense);
    *ret_open = sense.open || has(p, FAULT_SENSOR_OPEN);
    return sense.value / psi_pa + offset_psi(p) - p->tare_psi;
}

static double pressure_psi(struct pcd *p, const struct emu_env *env, nsec now, bool *ret_open)
{
    double v;

    if (has(p, FAULT_STUCK) && p->read) {
        *ret_open = false;
        return p->pv_psi;
    }
    v = sensor_psi(p, env, now, ret_open);
    if (*ret_open)
        return 1.25 * full_scale_psi;
    if (!p->error.ideal)
        v += noise_psi * rng_normal(env->rng);
    p->pv_psi = v;
    p->read = true;
    return v;
}

static void drive(const struct pcd *p, const struct emu_env *env, nsec now)
{
    double psi = p->set_psi;

    if (p->hold)
        psi = p->held_psi;
    else if (has(p, FAULT_ALARM))
        psi = fmin(psi, p->held_psi);
    /* Zero vents: an error of the sensor does not make vacuum. */
    psi = psi > 0.0 ? fmax(psi - offset_psi(p) + p->tare_psi, 0.0) : 0.0;
    env->drive(env->world, p->port, now, &(struct port_drive){.on = true, .set = psi * psi_pa});
}

/* ---- Text ---- */

static void put(struct call *c, const char *text)
{
    emu_put(&c->reply, text);
}

static void put_char(struct call *c, char x)
{
    emu_put_char(&c->reply, x);
}

static void put_unit(struct call *c)
{
    put_char(c, c->p->unit);
    put_char(c, ' ');
}

/* "+093.10": sign, seven places, two decimals. */
static void put_psi(struct call *c, double v)
{
    char buf[32];

    if (fabs(v) < 0.005)
        v = 0.0;
    (void)str_fixed(v, 2, 7, true, true, buf, sizeof(buf));
    put(c, buf);
}

static void put_units(struct call *c)
{
    put(c, has(c->p, FAULT_WRONG_MODEL) ? "10 PSIA" : "10 PSIG");
}

static void put_frame(struct call *c)
{
    struct pcd *p = c->p;
    bool open;
    double psi = pressure_psi(p, c->env, c->now, &open);

    put_psi(c, psi);
    put_char(c, ' ');
    put_psi(c, p->set_psi);
    if (open)
        put(c, " ADC");
    if (p->hold)
        put(c, " HLD");
    if (p->locked)
        put(c, " LCK");
    if (has(p, FAULT_ALARM))
        put(c, " OPL");
    if (psi > full_scale_psi * 1.01)
        put(c, " POV");
}

static bool answer_frame(struct call *c)
{
    put_unit(c);
    put_frame(c);
    return true;
}

static bool args_number(const struct call *c, double *ret_v)
{
    const char *text = c->args;

    return line_number(&text, ' ', ret_v) == 0 && *text == '\0';
}

static bool is_stat(const struct pcd *p, double v)
{
    bool abs = has(p, FAULT_WRONG_MODEL);

    return fabs(v - (abs ? STAT_ABS : STAT_GAUGE)) < 0.5 ||
           fabs(v - (abs ? STAT_SET_ABS : STAT_SET_GAUGE)) < 0.5;
}

/* ---- Commands ---- */

/* Set-points that come by the wire. False: refused. */
static bool set_psi(struct call *c, double psi)
{
    struct pcd *p = c->p;

    psi = round(psi * 100.0) / 100.0;
    if (!(psi >= 0.0 && psi <= full_scale_psi) || (has(p, FAULT_REFUSE) && psi > 0.0))
        return false;
    if (p->source != 'S' || (has(p, FAULT_SILENT_IGNORE) && psi > 0.0))
        return true;
    p->set_psi = psi;
    drive(p, c->env, c->now);
    return true;
}

/* "A +current +requested 10 PSIG". There is no ramp: they differ only where the set was not obeyed.
 */
static bool do_set(struct call *c)
{
    double asked = c->p->set_psi;

    if (*c->args != '\0' && (!args_number(c, &asked) || !set_psi(c, asked)))
        return false;
    if (c->p->source != 'S')
        asked = c->p->set_psi;
    put_unit(c);
    put_psi(c, c->p->set_psi);
    put_char(c, ' ');
    put_psi(c, asked);
    put_char(c, ' ');
    put_units(c);
    return true;
}

/* "A64000": full scale in 64000 steps. */
static bool do_integer(struct call *c)
{
    double v;

    return args_number(c, &v) && v >= 0.0 && v <= 64000.0 &&
           set_psi(c, v / 64000.0 * full_scale_psi) && answer_frame(c);
}

static bool do_source(struct call *c)
{
    struct pcd *p = c->p;
    char source = *c->args >= 'a' ? (char)(*c->args - 'a' + 'A') : *c->args;

    if (source != '\0') {
        if (c->args[1] != '\0' || strchr("SAU", source) == NULL || has(p, FAULT_REFUSE))
            return false;
        if (!has(p, FAULT_SILENT_IGNORE))
            p->source = source;
    }
    put_unit(c);
    put_char(c, p->source);
    return true;
}

static bool do_loop(struct call *c)
{
    uint32_t stat = has(c->p, FAULT_WRONG_MODEL) ? STAT_SET_ABS : STAT_SET_GAUGE;
    double v = stat;

    /* One sensor, one loop. */
    if (*c->args != '\0' &&
        (!args_number(c, &v) || fabs(v - stat) > 0.5 || has(c->p, FAULT_REFUSE)))
        return false;
    put_unit(c);
    emu_put_fixed(&c->reply, stat, 0);
    return true;
}

static bool do_full_scale(struct call *c)
{
    double v;

    if (!args_number(c, &v) || !is_stat(c->p, v))
        return false;
    put_unit(c);
    put_psi(c, full_scale_psi);
    put_char(c, ' ');
    put_units(c);
    return true;
}

static bool do_units(struct call *c)
{
    const char *text = c->args;
    double stat, code = 10.0;

    if (line_number(&text, ' ', &stat) != 0 || !is_stat(c->p, stat))
        return false;
    if (*text != '\0' && (line_number(&text, ' ', &code) != 0 || *text != '\0'))
        return false;
    if (fabs(code - 10.0) > 0.5)
        return false;
    put_unit(c);
    put_units(c);
    return true;
}

/* "ADV 10 6": averaged over so many milliseconds; no unit letter in the reply. */
static bool do_averages(struct call *c)
{
    const char *text = c->args;
    double ms, stat;
    bool first = true, open;

    if (line_number(&text, ' ', &ms) != 0 || !(ms >= 1.0 && ms <= 9999.0) || *text == '\0')
        return false;
    while (*text != '\0') {
        if (line_number(&text, ' ', &stat) != 0)
            return false;
        if (!first)
            put_char(c, ' ');
        first = false;
        if (!is_stat(c->p, stat))
            put(c, "--");
        else if (stat < 10.0)
            put_psi(c, pressure_psi(c->p, c->env, c->now, &open));
        else
            put_psi(c, c->p->set_psi);
    }
    c->at += (nsec)ms * NSEC_MS;
    return true;
}

/* Both valves of a PCD shut at "closed", and stand still where they are at "position": for a tight
 * fixture the same. */
static bool do_hold(struct call *c)
{
    bool open;

    if (has(c->p, FAULT_REFUSE))
        return false;
    if (!has(c->p, FAULT_SILENT_IGNORE)) {
        c->p->held_psi = fmax(sensor_psi(c->p, c->env, c->now, &open), 0.0);
        c->p->hold = true;
        drive(c->p, c->env, c->now);
    }
    return answer_frame(c);
}

/* Going back to a set-point of 0 takes energy away: obeyed like a set-point of 0. */
static bool do_cancel(struct call *c)
{
    bool lets_go = c->p->set_psi <= 0.0;

    if (has(c->p, FAULT_REFUSE) && !lets_go)
        return false;
    if (!has(c->p, FAULT_SILENT_IGNORE) || lets_go) {
        c->p->hold = false;
        drive(c->p, c->env, c->now);
    }
    return answer_frame(c);
}

static bool do_tare(struct call *c)
{
    bool open;
    double psi = sensor_psi(c->p, c->env, c->now, &open);

    if (has(c->p, FAULT_WRONG_MODEL) || has(c->p, FAULT_REFUSE) || open ||
        fabs(psi) > tare_most_psi)
        return false;
    if (!has(c->p, FAULT_SILENT_IGNORE))
        c->p->tare_psi += psi;
    return answer_frame(c);
}

static bool do_lock(struct call *c)
{
    c->p->locked = c->word->name[0] == 'L';
    return answer_frame(c);
}

static bool do_stream(struct call *c)
{
    c->p->streaming = true;
    c->p->stream_at = c->now + c->p->stream_ms * NSEC_MS;
    return true;
}

static bool do_stream_interval(struct call *c)
{
    double ms = c->p->stream_ms;

    if (*c->args != '\0' && (!args_number(c, &ms) || !(ms >= 1.0 && ms <= 65535.0)))
        return false;
    c->p->stream_ms = (uint32_t)ms;
    put_unit(c);
    emu_put_fixed(&c->reply, c->p->stream_ms, 0);
    return true;
}

static bool do_version(struct call *c)
{
    put_char(c, c->p->unit);
    put(c, "   10v20.0-R24 Jan  9 2025,15:04:07");
    return true;
}

static bool do_maker(struct call *c)
{
    alicat_put_maker(&c->reply, c->p->unit, has(c->p, FAULT_WRONG_MODEL));
    return true;
}

static bool do_fields(struct call *c)
{
    alicat_put_fields(&c->reply, c->p->unit, has(c->p, FAULT_WRONG_MODEL));
    return true;
}

/* Longer names before those they start with. */
static const struct word words[] = {
    {"LSS",  do_source         },
    {"LS",   do_set            },
    {"LV",   do_loop           },
    {"S",    do_set            },
    {"FPF",  do_full_scale     },
    {"DCU",  do_units          },
    {"DV",   do_averages       },
    {"HC",   do_hold           },
    {"HP",   do_hold           },
    {"VE",   do_version        },
    {"??M*", do_maker          },
    {"??D*", do_fields         },
    {"@ @",  do_stream         },
    {"NCS",  do_stream_interval},
    {"TP",   do_tare           },
    {"P",    do_tare           },
    {"C",    do_cancel         },
    {"L",    do_lock           },
    {"U",    do_lock           },
};

/* ---- Lines ---- */

static char upper(char x)
{
    return x >= 'a' && x <= 'z' ? (char)(x - 'a' + 'A') : x;
}

/* The word ends where a blank, a number or the line does, so that "AS75.0" is S and "AST" nothing.
 */
static bool word_is(const char *name, const char *text, const char **ret_args)
{
    size_t n = 0;

    for (; name[n] != '\0'; n++)
        if (upper(text[n]) != name[n])
            return false;
    if (upper(text[n]) >= 'A' && upper(text[n]) <= 'Z')
        return false;
    *ret_args = text + n + strspn(text + n, " ");
    return true;
}

static bool command_serve(struct call *c, const char *text)
{
    if (*text == '\0')
        return answer_frame(c);
    if (*text >= '0' && *text <= '9') {
        c->args = text;
        return do_integer(c);
    }
    for (c->word = words; c->word < words + ARRAY_LEN(words); c->word++)
        if (word_is(c->word->name, text, &c->args))
            return c->word->run(c);
    return false;
}

static void line_serve(struct call *c, const char *line, struct emu_out *out)
{
    struct pcd *p = c->p;

    if (line[0] == '@' && line[1] == '@') {
        /* "@@ A": the end of streaming is the only line a streaming unit takes. */
        line += 2 + strspn(line + 2, " =");
        if (upper(line[0]) == p->unit && line[1] == '\0')
            p->streaming = false;
        return;
    }
    if (p->streaming || upper(line[0]) != p->unit)
        return;
    if (!command_serve(c, line + 1)) {
        c->reply.n = 0;
        put_char(c, '?');
    }
    emu_reply_send(&c->reply, out, c->at, "\r");
}

static void call_begin(struct call *c, struct pcd *p, const struct emu_env *env, nsec now)
{
    c->p = p;
    c->env = env;
    c->now = now;
    c->at = now + think;
    c->args = "";
    c->reply.n = 0;
}

static void pcd_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                      const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct pcd *p = state;

    (void)idle_ns;
    for (size_t i = 0; i < n; i++) {
        if (line_take(&p->line, "\r", bytes[i])) {
            struct call c;

            call_begin(&c, p, env, now);
            line_serve(&c, p->line.buf, out);
        }
    }
}

static nsec pcd_tick(void *state, const struct emu_env *env, nsec now, struct emu_out *out)
{
    struct pcd *p = state;
    struct call c;

    if (!p->streaming)
        return NSEC_NEVER;
    if (now >= p->stream_at) {
        call_begin(&c, p, env, now);
        put_frame(&c);
        emu_reply_send(&c.reply, out, now, "\r");
        p->stream_at = now + p->stream_ms * NSEC_MS;
    }
    return p->stream_at;
}

static int pcd_power_on(void *state, const struct emu_param *param, const struct emu_env *env,
                        nsec now, struct diag *reterr)
{
    struct pcd *p = state;
    char unit = param->unit == 0 ? 'A' : upper((char)(param->unit & 0x7F));

    if (param->n_ports < 1 || param->unit > 'z' || unit < 'A' || unit > 'Z')
        return diag_add(reterr, E_INVALID, "alicat-pcd needs one pressure port and a unit of A..Z");
    p->port = param->ports[0];
    p->unit = unit;
    p->source = 'S';
    p->stream_ms = 50;
    p->error = param->error;
    drive(p, env, now);
    return 0;
}

static void pcd_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct pcd *p = state;
    bool open;

    p->faults = on ? p->faults | 1U << f : p->faults & ~(1U << f);
    if (f == FAULT_LOCAL)
        p->source = on ? 'A' : 'S';
    if (f == FAULT_ALARM) {
        if (on)
            p->held_psi = fmax(sensor_psi(p, env, now, &open), 0.0);
        drive(p, env, now);
    }
}

static bool pcd_energized(const void *state)
{
    const struct pcd *p = state;

    return p->set_psi > energized_psi || (p->hold && p->held_psi > energized_psi);
}

static double pcd_standing(const void *state)
{
    const struct pcd *p = state;

    return p->set_psi * psi_pa;
}

_Static_assert(sizeof(struct pcd) <= EMU_STATE_MAX, "state of the PCD");

extern const struct emu emu_alicat_pcd;
const struct emu emu_alicat_pcd = {
    .name = "alicat-pcd",
    .sheet = "alicat",
    .ports = {PORT_PRESSURE},
    .n_ports = 1,
    .state_size = sizeof(struct pcd),
    .faults = 1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_SENSOR_OPEN |
              1U << FAULT_REFUSE | 1U << FAULT_LOCAL | 1U << FAULT_REBOOT | 1U << FAULT_ALARM |
              1U << FAULT_WRONG_MODEL,
    .boot_ms = 1000,
    .power_on = pcd_power_on,
    .bytes = pcd_bytes,
    .tick = pcd_tick,
    .fault = pcd_fault,
    .energized = pcd_energized,
    .standing = pcd_standing,
};
