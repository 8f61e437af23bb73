/* drivers/keithley_2461.c - Keithley 2461 SourceMeter as the cycler of a cell, SCPI: who it is,
 * what it reads, what has happened to it, and how it is made safe. Sets are in
 * keithley_2461_set.c, words and numbers in keithley_2461_wire.c.
 *
 * Polls while the output is on are one READ?; every CHECK_EVERY polls the standing set-points
 * come along, so that a hand at the panel is seen. While it is off nothing valid is at the
 * terminals: relay and off-state are asked for instead.
 */
#include "drivers/keithley_2461_priv.h"

#include "base/conf.h"
#include "base/str.h"
#include "drivers/wire/line.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

enum {
    CHECK_EVERY = 4
}; /* polls between two looks at the standing set-points */

static const char *const mode_names[] = {"off", "rest", "voltage", "current", NULL};

/* Measuring, one year; the sheet's unconfirmed figures until the data sheet is at hand. */
static const struct chan_range voltage_ranges[] = {
    {20,    1.5e-4, 1e-3, 20e-6, 20e-6},
    {.full_scale = 0},
};
static const struct chan_range current_ranges[] = {
    {1e-3,    2e-4, 200e-9, 1e-9, 1e-9},
    {10e-3, 2e-4, 2.5e-6, 10e-9, 10e-9},
    {100e-3,   2e-4, 15e-6, 100e-9, 100e-9},
    {1,   5e-4, 500e-6, 1e-6, 1e-6},
    {4, 1e-3, 3e-3, 4e-6, 4e-6},
    {7,  1e-3, 3e-3, 7e-6, 7e-6},
    {.full_scale = 0 },
};

/* clang-format off */
static const struct chan channels[] = {
    [CH_VOLTAGE] = {
        .name = "voltage", .ranges = voltage_ranges, .kind = KIND_VOLTAGE_V, .access = CHAN_READ,
        .min = -20, .max = 20, .accuracy_reading = 1.5e-4, .accuracy_offset = 1e-3,
        .noise_rms = 20e-6, .resolution = 20e-6, .polled = true,
    },
    [CH_CURRENT] = {
        .name = "current", .ranges = current_ranges, .kind = KIND_CURRENT_A, .access = CHAN_READ,
        .min = -7, .max = 7, .accuracy_reading = 1e-3, .accuracy_offset = 3e-3, .noise_rms = 7e-6,
        .resolution = 1e-9, .polled = true,
    },
    [CH_VOLTAGE_SET] = {
        .name = "voltage_set", .kind = KIND_VOLTAGE_V, .access = CHAN_READ_SET, .min = -20,
        .max = 20, .resolution = 20e-6, .safety = true,
    },
    [CH_CURRENT_LIMIT] = {
        .name = "current_limit", .ranges = current_ranges, .kind = KIND_CURRENT_A,
        .access = CHAN_READ_SET, .min = 10e-6, .max = 7, .resolution = 1e-9, .safety = true,
    },
    [CH_CURRENT_SET] = {
        .name = "current_set", .ranges = current_ranges, .kind = KIND_CURRENT_A,
        .access = CHAN_READ_SET, .min = -7, .max = 7, .resolution = 1e-9, .safety = true,
    },
    [CH_VOLTAGE_LIMIT] = {
        .name = "voltage_limit", .kind = KIND_VOLTAGE_V, .access = CHAN_READ_SET, .min = 0.2,
        .max = 20, .resolution = 20e-6, .safety = true,
    },
    [CH_MODE] = {
        .name = "mode", .states = mode_names, .kind = KIND_STATE, .access = CHAN_READ_SET,
        .min = CYCLER_OFF, .max = CYCLER_CURRENT, .resolution = 1, .safety = true,
    },
    {0},
};
/* clang-format on */

struct keithley_param {
    const char *serial;
};

static const struct keithley_param param_defaults = {.serial = ""};

static const struct conf_key param_keys[] = {
    {.name = "serial",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(keithley_param, serial),
     .help = "serial number, compared with the third field of *IDN?; absent: any"},
    {0},
};

static const struct schema params = {
    .name = "keithley-2461",
    .about = "Keithley 2461 SourceMeter",
    .keys = param_keys,
};

/* Source status of a reading. */
enum {
    STATUS_OVP = 4,
    STATUS_HOT = 16,
    STATUS_ON = 128
};

/* ---- Identify ---- */

static int keithley_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    (void)inst;
    smu_plan(ret_plan, TAG_IDN, "*IDN?");
    return 0;
}

static int absorb_idn(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct keithley_param *p = inst->param;
    struct smu_state *s = inst->state;
    const char *rest = (const char *)x->rx;
    const char *field[4];
    size_t n[4];

    /* A reading begins with a sign or a digit, a function with a quote. */
    if (!((rest[0] >= 'A' && rest[0] <= 'Z') || (rest[0] >= 'a' && rest[0] <= 'z')) ||
        strchr(rest, ';') != NULL)
        return E_GARBLED;
    for (size_t i = 0; i < 4; i++)
        if (!line_field(&rest, ',', &field[i], &n[i]))
            return E_GARBLED;
    (void)str_copy(s->idn, sizeof(s->idn), (const char *)x->rx);
    if (n[1] < 4 || memcmp(field[1] + n[1] - 4, "2461", 4) != 0) {
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, s->idn);
        return 0;
    }
    while (n[2] > 0 && field[2][0] == ' ') {
        field[2]++;
        n[2]--;
    }
    if (p->serial != NULL && p->serial[0] != '\0' &&
        (strlen(p->serial) != n[2] || memcmp(p->serial, field[2], n[2]) != 0)) {
        driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, 0, "serial number is %.*s, bench says %s",
                          (int)n[2], field[2], p->serial);
        return 0;
    }
    smu_plan(out->plan, TAG_LANG, "*LANG?");
    return 0;
}

static const char state_query[] = ":OUTP?;:OUTP:SMOD?;:SENS:FUNC?;:SOUR:FUNC?;:SOUR:VOLT?;"
                                  ":SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SOUR:CURR?;:SOUR:CURR:VLIM?";

static int absorb_lang(const struct xfer *x, struct outcome *out)
{
    const char *text = (const char *)x->rx;

    if (strcmp(text, "SCPI") == 0) {
        smu_plan(out->plan, TAG_ID_STATE, state_query);
        return 0;
    }
    if (!str_starts(text, "TSP") && !str_starts(text, "SCPI"))
        return E_GARBLED;
    driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, "command set is not SCPI (System > Settings)");
    return 0;
}

/* ---- What has happened to it ---- */

/* A restart is known by its off-state: it comes up with NORM. */
static void see_off_state(struct smu_state *s, bool himp, struct outcome *out)
{
    if (s->himp && !himp) {
        driver_notice(out, NOTICE_REBOOTED, CH_MODE, CYCLER_OFF,
                      "off-state is no longer high impedance: it has restarted");
        s->have = 0;
    } else if (s->fell && s->alarms == 0) {
        driver_notice(out, NOTICE_LOCAL, CH_MODE, CYCLER_OFF, "output switched off at the panel");
    }
    s->himp = himp;
    s->fell = false;
}

static void output_fell(struct smu_state *s, struct outcome *out)
{
    s->fell = true;
    s->mode = CYCLER_OFF;
    smu_edge(out, false);
}

/* Level and limit that ought to stand in this mode. */
static void standing(const struct smu_state *s, uint16_t *ret_level, double *ret_level_value,
                     uint16_t *ret_limit)
{
    bool voltage = s->mode == CYCLER_VOLTAGE;

    *ret_level = voltage ? CH_VOLTAGE_SET : CH_CURRENT_SET;
    *ret_level_value = s->mode == CYCLER_REST ? 0 : s->set[*ret_level];
    *ret_limit = voltage ? CH_CURRENT_LIMIT : CH_VOLTAGE_LIMIT;
}

/* Said once: what is found is taken over. */
static void see_standing(struct inst *inst, double level, double limit, struct outcome *out)
{
    struct smu_state *s = inst->state;
    uint16_t level_chan, limit_chan;
    double want;

    standing(s, &level_chan, &want, &limit_chan);
    if (!chan_agrees(&inst->chans[level_chan], want, level)) {
        driver_notice(out, NOTICE_LOCAL, level_chan, level, "source level changed at the panel");
        s->set[level_chan] = level;
        if (s->mode == CYCLER_REST)
            s->mode = CYCLER_CURRENT;
    }
    if (!chan_agrees(&inst->chans[limit_chan], s->set[limit_chan], limit)) {
        driver_notice(out, NOTICE_LOCAL, limit_chan, limit, "source limit changed at the panel");
        s->set[limit_chan] = limit;
    }
}

struct found {
    bool on, himp;
    char source;
    double v, ilim, range_a, i, vlim;
};

static int parse_found(const struct xfer *x, struct found *ret)
{
    struct smu_part p[9];
    char measure;

    if (smu_split(x, p, 9) != 0 || smu_part_bool(&p[0], &ret->on) != 0 ||
        smu_part_smod(&p[1], &ret->himp) != 0 || smu_part_function(&p[2], &measure) != 0 ||
        smu_part_function(&p[3], &ret->source) != 0 || smu_part_number(&p[4], &ret->v) != 0 ||
        smu_part_number(&p[5], &ret->ilim) != 0 || smu_part_number(&p[6], &ret->range_a) != 0 ||
        smu_part_number(&p[7], &ret->i) != 0 || smu_part_number(&p[8], &ret->vlim) != 0)
        return E_GARBLED;
    return 0;
}

static uint8_t found_mode(const struct found *f)
{
    if (!f->on)
        return CYCLER_OFF;
    if (f->source == 'V')
        return CYCLER_VOLTAGE;
    return fabs(f->i) < 1e-12 ? CYCLER_REST : CYCLER_CURRENT;
}

/* What was given and is no longer there was not given. */
static void take(const struct inst *inst, uint16_t chan, double value)
{
    struct smu_state *s = inst->state;

    if (!chan_agrees(&inst->chans[chan], s->set[chan], value))
        s->have &= (uint16_t) ~(1U << chan);
    s->set[chan] = value;
}

/* Take the instrument's word for what stands. Otherwise unknown values count as given only where
 * current flows under them. */
static void learn(const struct inst *inst, const struct found *f)
{
    struct smu_state *s = inst->state;

    s->mode = found_mode(f);
    s->known = true;
    s->range_a = f->range_a;
    take(inst, CH_VOLTAGE_SET, f->v);
    take(inst, CH_CURRENT_LIMIT, f->ilim);
    take(inst, CH_VOLTAGE_LIMIT, f->vlim);
    if (s->mode == CYCLER_CURRENT || (s->have & HAVE_CURRENT_SET) == 0)
        s->set[CH_CURRENT_SET] = f->i;
    if (s->mode == CYCLER_VOLTAGE)
        s->have |= HAVE_VOLTAGE_SET | HAVE_CURRENT_LIMIT;
    else if (s->mode == CYCLER_CURRENT)
        s->have |= HAVE_CURRENT_SET | HAVE_VOLTAGE_LIMIT;
    else if (s->mode == CYCLER_REST)
        s->have |= HAVE_VOLTAGE_LIMIT;
}

/* The current that is kept here is said only where none of the instrument's own flows. */
static void emit_found(const struct smu_state *s, const struct found *f, struct outcome *out)
{
    bool flows = found_mode(f) == CYCLER_CURRENT;

    driver_emit(out, CH_VOLTAGE_SET, f->v, Q_OK);
    driver_emit(out, CH_CURRENT_LIMIT, f->ilim, Q_OK);
    driver_emit(out, CH_CURRENT_SET, flows ? f->i : s->set[CH_CURRENT_SET], Q_OK);
    driver_emit(out, CH_VOLTAGE_LIMIT, f->vlim, Q_OK);
    driver_emit(out, CH_MODE, found_mode(f), Q_OK);
}

/* At identify nothing but a restart is judged: a set that is being tried again may explain all
 * else. The next poll will. */
static int absorb_id_state(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct found f;

    if (parse_found(x, &f) != 0)
        return E_GARBLED;
    if (s->himp && !f.himp) {
        if (s->known && smu_is_on(s->mode) && !f.on)
            output_fell(s, out);
        see_off_state(s, f.himp, out);
        s->known = false;
    }
    if (!s->known)
        learn(inst, &f);
    s->himp = f.himp;
    s->look = true;
    emit_found(s, &f, out);
    driver_notice(out, NOTICE_IDENTIFIED, 0, 0, s->idn);
    return 0;
}

/* The output is on although it should not be, or nothing is known: take what is found. */
static int absorb_state(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct found f;

    if (parse_found(x, &f) != 0)
        return E_GARBLED;
    if (s->known && found_mode(&f) != s->mode) {
        driver_notice(out, NOTICE_LOCAL, CH_MODE, found_mode(&f),
                      f.on ? "output switched on at the panel"
                           : "output switched off at the panel");
        smu_edge(out, f.on);
    }
    learn(inst, &f);
    s->himp = f.himp;
    emit_found(s, &f, out);
    return 0;
}

/* ---- Poll ---- */

#define READ_QUERY   ":READ? \"defbuffer1\",READ,SOUR,SOURSTAT,STAT"
#define OUTPUT_QUERY ":OUTP?;:OUTP:SMOD?"

static void plan_check(const struct smu_state *s, struct plan *plan)
{
    if (s->mode == CYCLER_VOLTAGE)
        smu_plan(plan, TAG_READ_CHECK, READ_QUERY ";:SOUR:VOLT?;:SOUR:VOLT:ILIM?");
    else
        smu_plan(plan, TAG_READ_CHECK, READ_QUERY ";:SOUR:CURR?;:SOUR:CURR:VLIM?");
}

static int keithley_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    const struct smu_state *s = inst->state;

    if (!s->known || !smu_is_on(s->mode) || s->look)
        smu_plan(ret_plan, TAG_OUTPUT, OUTPUT_QUERY);
    else if (s->polls + 1 < CHECK_EVERY)
        smu_plan(ret_plan, TAG_READ, READ_QUERY);
    else
        plan_check(s, ret_plan);
    return 0;
}

static void emit_reading(struct outcome *out, uint16_t chan, double v, bool on)
{
    driver_emit(out, chan, v, !on || isnan(v) ? Q_INVALID : isinf(v) ? Q_OVER : Q_OK);
}

static void see_status(struct smu_state *s, unsigned status, struct outcome *out)
{
    unsigned now = status & (STATUS_OVP | STATUS_HOT);
    unsigned new_ones = now & ~(unsigned)s->alarms;

    if ((new_ones & STATUS_HOT) != 0)
        driver_notice(out, NOTICE_ALARM, CH_MODE, STATUS_HOT, "source over temperature");
    if ((new_ones & STATUS_OVP) != 0)
        driver_notice(out, NOTICE_ALARM, CH_MODE, STATUS_OVP, "overvoltage protection is active");
    s->alarms = (uint16_t)now;
}

/* "reading,source,source status,status": the reading is the current of a voltage source, the
 * voltage of a current source; the other one is the source's own read-back. */
static int absorb_reading(struct inst *inst, const struct smu_part *p, struct outcome *out)
{
    struct smu_state *s = inst->state;
    const char *at = p->p;
    double v[4] = {0};
    unsigned status;
    bool on;

    for (size_t i = 0; i < 4; i++) {
        size_t left = (size_t)(p->p + p->n - at);
        const char *end = memchr(at, ',', left);

        if ((end == NULL) != (i == 3))
            return E_GARBLED;
        if (scpi_number(at, end == NULL ? left : (size_t)(end - at), &v[i]) != 0)
            return E_GARBLED;
        at = end == NULL ? at : end + 1;
    }
    if (!(v[2] >= 0 && v[2] <= 255 && v[3] >= 0 && v[3] <= 65535))
        return E_GARBLED;
    status = (unsigned)v[2];
    on = (status & STATUS_ON) != 0;
    emit_reading(out, CH_VOLTAGE, s->mode == CYCLER_VOLTAGE ? v[1] : v[0], on);
    emit_reading(out, CH_CURRENT, s->mode == CYCLER_VOLTAGE ? v[0] : v[1], on);
    see_status(s, status, out);
    if (!on) {
        output_fell(s, out);
        smu_plan(out->plan, TAG_OUTPUT, OUTPUT_QUERY);
    }
    return 0;
}

static int absorb_read(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct smu_part p[3];
    double level = 0, limit = 0;
    int r;

    if (x->tag == TAG_READ) {
        if (smu_split(x, p, 1) != 0)
            return E_GARBLED;
        s->polls++;
        return absorb_reading(inst, &p[0], out);
    }
    if (smu_split(x, p, 3) != 0 || smu_part_number(&p[1], &level) != 0 ||
        smu_part_number(&p[2], &limit) != 0)
        return E_GARBLED;
    s->polls = 0;
    r = absorb_reading(inst, &p[0], out);
    if (r == 0 && smu_is_on(s->mode))
        see_standing(inst, level, limit, out);
    return r;
}

/* While the output is open nothing valid can be read at the terminals. */
static int absorb_output(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct smu_part p[2];
    bool on, himp;

    if (smu_split(x, p, 2) != 0 || smu_part_bool(&p[0], &on) != 0 ||
        smu_part_smod(&p[1], &himp) != 0)
        return E_GARBLED;
    s->look = false;
    if (s->known && smu_is_on(s->mode) && !on)
        output_fell(s, out);
    see_off_state(s, himp, out);
    if (s->known && smu_is_on(s->mode)) {
        plan_check(s, out->plan);
        return 0;
    }
    driver_emit(out, CH_VOLTAGE, 0, Q_INVALID);
    driver_emit(out, CH_CURRENT, 0, Q_INVALID);
    if (on || !s->known)
        smu_plan(out->plan, TAG_STATE, state_query);
    return 0;
}

/* ---- Safe ---- */

/* The read-back of SMOD has a request of its own; the second sets it again, so that it may be
 * the only one to arrive. */
static int keithley_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    (void)inst;
    (void)want;
    smu_plan(ret_plan, TAG_SAFE_SMOD, "*CLS;:OUTP:SMOD HIMP;:OUTP:SMOD?");
    smu_plan(ret_plan, TAG_SAFE, ":OUTP:SMOD HIMP;:OUTP OFF;:OUTP?");
    return 0;
}

static int absorb_safe(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct smu_part p[1];
    bool yes;

    if (smu_split(x, p, 1) != 0)
        return E_GARBLED;
    if (x->tag == TAG_SAFE_SMOD) {
        if (smu_part_smod(&p[0], &yes) != 0 || !yes)
            return E_GARBLED; /* not the answer to HIMP, however late */
        s->himp = true;
        return 0;
    }
    if (smu_part_bool(&p[0], &yes) != 0 || yes)
        return E_GARBLED;
    s->mode = CYCLER_OFF;
    s->known = true;
    s->fell = false;
    smu_edge(out, false);
    return 0;
}

static int absorb_reply(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    switch (x->tag) {
    case TAG_IDN: return absorb_idn(inst, x, out);
    case TAG_LANG: return absorb_lang(x, out);
    case TAG_ID_STATE: return absorb_id_state(inst, x, out);
    case TAG_STATE: return absorb_state(inst, x, out);
    case TAG_READ:
    case TAG_READ_CHECK: return absorb_read(inst, x, out);
    case TAG_OUTPUT: return absorb_output(inst, x, out);
    case TAG_SAFE_SMOD:
    case TAG_SAFE: return absorb_safe(inst, x, out);
    default: return smu_absorb_set(inst, x, out);
    }
}

/* A set that was lost on the way may have been obeyed: the instrument is asked again before
 * anything is called a hand at the panel. */
static int keithley_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    int r = x->outcome == XFER_REPLY ? absorb_reply(inst, x, out) : 0;

    if ((x->outcome != XFER_REPLY || r != 0) && x->tag >= TAG_SETS)
        s->known = false;
    return r;
}

extern const struct driver driver_keithley_2461;
const struct driver driver_keithley_2461 = {
    .name = "keithley-2461",
    .title = "Keithley 2461 SourceMeter",
    .role = "cycler",
    .status = DRIVER_EMULATED,
    .wire = WIRE_LINE, /* LAN, raw socket 5025; the same lines go over USBTMC */
    .line_end = "\n",
    .timeout_ms = 1000,
    .set_ms = SMU_DIALOGUE_MS,
    .late_ms = 1000,
    .boot_ms = 30000,
    .chans = channels,
    .params = &params,
    .state_size = sizeof(struct smu_state),
    .param_size = sizeof(struct keithley_param),
    .param_defaults = &param_defaults,
 /* clang-format off */
    .hazard = {
        "lost link: goes on sourcing; a voltage source at the end voltage holds there",
        "power-up: output off, off-state NORMAL (a 0 V source) until it is told otherwise",
        "front panel: stays live; output seen at once, set-points within four polls",
        "off-state: high impedance, relay open, set and read back before every off",
        "limits: one current limit for both directions; VLIM does not guard the lower voltage",
        "watchdog: none",
    },
  /* clang-format on */
    .plan_identify = keithley_plan_identify,
    .plan_poll = keithley_plan_poll,
    .plan_set = smu_plan_set,
    .plan_safe = keithley_plan_safe,
    .absorb = keithley_absorb,
};
