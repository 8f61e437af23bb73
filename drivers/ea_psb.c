/* drivers/ea_psb.c - EA PSB 9000 / 10000, a bidirectional supply as cycler of modules, packs and
 * stacks, Modbus: who it is, what it reads, what has happened to it, how it is made safe. Sets are
 * in ea_psb_set.c.
 *
 * Everything on the wire is a part of a nominal value, and the nominal values are the
 * instrument's own (a derated unit of the same name has others): they are read at identify, and
 * compared with the bench, whose ranges and accuracies hang on them. State and actual values are
 * one request, so that the sign of the current (source or sink) belongs to its value.
 */
#include "drivers/ea_psb_priv.h"

#include "base/conf.h"
#include "base/str.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

static const char *const mode_names[] = {"off", "rest", "voltage", NULL};

/* The most that a set-point may be, in parts of the nominal value, and the largest of the family.
 */
#define SET_MAX 1.02
#define V_MAX   2000.0
#define A_MAX   1000.0
#define W_MAX   30e3
/* The sheet's unconfirmed accuracies, in parts of the nominal value. */
#define ACCURACY_V 5e-4
#define ACCURACY_A 1e-3

/* The ranges of the largest; setup() narrows them to the nominal values, from which accuracies and
 * steps follow too. */
/* clang-format off */
#define READ_CHAN(chan_name, chan_kind, least, most)                                  \
    {.name = chan_name, .kind = chan_kind, .access = CHAN_READ, .min = least,         \
     .max = most, .polled = true}
#define SET_CHAN(chan_name, chan_kind, most)                                          \
    {.name = chan_name, .kind = chan_kind, .access = CHAN_READ_SET, .max = most,      \
     .safety = true}
static const struct chan channels[] = {
    [CH_VOLTAGE] = READ_CHAN("voltage", KIND_VOLTAGE_V, 0, SET_MAX * V_MAX),
    [CH_CURRENT] = READ_CHAN("current", KIND_CURRENT_A, -SET_MAX * A_MAX, SET_MAX * A_MAX),
    [CH_POWER] = READ_CHAN("power", KIND_POWER_W, -SET_MAX * W_MAX, SET_MAX * W_MAX),
    [CH_VOLTAGE_SET] = SET_CHAN("voltage_set", KIND_VOLTAGE_V, SET_MAX * V_MAX),
    [CH_LIMIT_CHARGE] = SET_CHAN("limit_charge", KIND_CURRENT_A, SET_MAX * A_MAX),
    [CH_LIMIT_DISCHARGE] = SET_CHAN("limit_discharge", KIND_CURRENT_A, SET_MAX * A_MAX),
    [CH_WINDOW_V_HIGH] = SET_CHAN("window_v_high", KIND_VOLTAGE_V, SET_MAX * V_MAX),
    [CH_WINDOW_V_LOW] = SET_CHAN("window_v_low", KIND_VOLTAGE_V, SET_MAX * V_MAX),
    [CH_WINDOW_CHARGE] = SET_CHAN("window_charge", KIND_CURRENT_A, SET_MAX * A_MAX),
    [CH_WINDOW_DISCHARGE] = SET_CHAN("window_discharge", KIND_CURRENT_A, SET_MAX * A_MAX),
    [CH_MODE] = {
        .name = "mode", .states = mode_names, .kind = KIND_STATE, .access = CHAN_READ_SET,
        .min = CYCLER_OFF, .max = CYCLER_VOLTAGE, .resolution = 1, .polled = true, .safety = true,
    },
    {0},
};
/* clang-format on */

struct ea_param {
    double v_nom, a_nom, w_nom;
    const char *serial;
};

static const struct ea_param param_defaults = {
    .v_nom = 60, .a_nom = 60, .w_nom = 1200, .serial = ""};

static const struct conf_key param_keys[] = {
    {.name = "nominal_voltage",
     .type = CONF_QTY,
     .dims = DIM_VOLTAGE,
     .min = 1,
     .max = V_MAX,
     .offset = CONF_OFFSET(ea_param, v_nom),
     .help = "60 V if absent; compared with registers 121, 122"},
    {.name = "nominal_current",
     .type = CONF_QTY,
     .dims = DIM_CURRENT,
     .min = 1,
     .max = A_MAX,
     .offset = CONF_OFFSET(ea_param, a_nom),
     .help = "60 A if absent; compared with registers 123, 124"},
    {.name = "nominal_power",
     .type = CONF_QTY,
     .dims = DIM_POWER,
     .min = 1,
     .max = W_MAX,
     .offset = CONF_OFFSET(ea_param, w_nom),
     .help = "1.2 kW if absent; not compared, for the mains may derate it"},
    {.name = "serial",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(ea_param, serial),
     .help = "serial number, compared with registers 151 to 170; absent: any"},
    {0                        },
};

static const struct schema params = {
    .name = "ea-psb",
    .about = "EA PSB 9000 / 10000 bidirectional supply",
    .keys = param_keys,
};

static int ea_setup(struct inst *inst, struct diag *reterr)
{
    const struct ea_param *p = inst->param;

    if (inst->unit > 247)
        return diag_add(reterr, E_RANGE,
                        "address of %s must be 0 to 247: 1, or 0 where it is set to Limited",
                        inst->name);
    for (uint16_t i = 0; i < CH_MODE; i++) {
        struct chan *c = &inst->chans[i];
        double nominal = c->kind == KIND_VOLTAGE_V   ? p->v_nom
                         : c->kind == KIND_CURRENT_A ? p->a_nom
                                                     : p->w_nom;

        c->max = fmin(c->max, SET_MAX * nominal);
        c->min = fmax(c->min, -SET_MAX * nominal);
        c->resolution = nominal / EA_FULL;
        if (c->polled)
            c->noise_rms = c->resolution;
    }
    inst->chans[CH_VOLTAGE].accuracy_offset = ACCURACY_V * p->v_nom;
    inst->chans[CH_CURRENT].accuracy_offset = ACCURACY_A * p->a_nom;
    inst->chans[CH_POWER].accuracy_offset = (ACCURACY_V + ACCURACY_A) * p->w_nom;
    return 0;
}

/* ---- Numbers ---- */

double ea_nominal(const struct inst *inst, uint16_t chan)
{
    const struct ea_state *s = inst->state;

    if (chan == CH_POWER)
        return s->w_nom;
    return inst->chans[chan].kind == KIND_VOLTAGE_V ? s->v_nom : s->a_nom;
}

double ea_value(const struct inst *inst, uint16_t chan, uint16_t raw)
{
    return ea_nominal(inst, chan) * raw / EA_FULL;
}

uint32_t ea_state_word(const struct xfer *x, uint16_t at)
{
    return (uint32_t)modbus_word(x, at) << 16 | modbus_word(x, (uint16_t)(at + 1));
}

void ea_edge(struct outcome *out, bool closed)
{
    driver_notice(out, NOTICE_EDGE, CH_CURRENT, closed ? 1 : 0, "");
}

bool ea_is_on(const struct ea_state *s)
{
    return s->mode == CYCLER_VOLTAGE;
}

/* Two characters a register, padded with NUL. What is not printable becomes a point. */
static void take_text(const struct xfer *x, uint16_t at, char ret_text[41])
{
    const uint8_t *p = x->rx + 3 + 2 * (size_t)at;
    size_t n = 0;

    for (; n < 40 && p[n] != 0; n++)
        ret_text[n] = p[n] >= 0x20 && p[n] < 0x7F ? (char)p[n] : '.';
    while (n > 0 && ret_text[n - 1] == ' ')
        n--;
    ret_text[n] = '\0';
}

static double take_float(const struct xfer *x, uint16_t at)
{
    uint32_t bits = ea_state_word(x, at);
    float f;

    memcpy(&f, &bits, sizeof(f));
    return (double)f;
}

/* ---- Identify ---- */

static int ea_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    plan_modbus_read(ret_plan, inst, TAG_CLASS, REG_CLASS, CLASS_WORDS);
    return 0;
}

static void absorb_class(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;

    take_text(x, 1, s->type);
    if (strstr(s->type, "PSB") == NULL)
        driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, modbus_word(x, 0),
                          "`%s`, class %u, is no PSB", s->type, (unsigned)modbus_word(x, 0));
    else
        plan_modbus_read(out->plan, inst, TAG_NOMINAL, REG_NOMINAL, NOMINAL_WORDS);
}

static bool nominal_agrees(double has, double bench)
{
    return fabs(has - bench) <= 1e-3 * bench;
}

static void say_nominal(struct outcome *out, uint16_t chan, double has, double bench)
{
    const struct chan_kind_info *k =
        chan_kind_info(chan == CH_VOLTAGE ? KIND_VOLTAGE_V : KIND_CURRENT_A);
    char a[24], b[24];

    driver_notice_fmt(out, NOTICE_WRONG_DEVICE, chan, has, "nominal %s is %s, bench says %s",
                      k->word, qty_print(has, k->dims, false, a, sizeof(a)),
                      qty_print(bench, k->dims, false, b, sizeof(b)));
}

static void absorb_nominal(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct ea_param *p = inst->param;
    struct ea_state *s = inst->state;
    double v = take_float(x, 0), a = take_float(x, 2), w = take_float(x, 4);

    if (!nominal_agrees(v, p->v_nom)) {
        say_nominal(out, CH_VOLTAGE, v, p->v_nom);
    } else if (!nominal_agrees(a, p->a_nom)) {
        say_nominal(out, CH_CURRENT, a, p->a_nom);
    } else if (!(w > 0 && w < 1e7)) {
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, "nominal power makes no sense");
    } else {
        s->v_nom = v;
        s->a_nom = a;
        s->w_nom = w;
        plan_modbus_read(out->plan, inst, TAG_SERIAL, REG_SERIAL, SERIAL_WORDS);
    }
}

static void absorb_serial(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct ea_param *p = inst->param;
    struct ea_state *s = inst->state;

    take_text(x, 0, s->serial);
    if (p->serial != NULL && p->serial[0] != '\0' && strcmp(p->serial, s->serial) != 0)
        driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, 0, "serial number is %s, bench says %s",
                          s->serial, p->serial);
    else
        plan_modbus_read(out->plan, inst, TAG_ID_SETS, REG_SINK_CURRENT, SET_WORDS);
}

/* A set-point as it stands. One that was given and is no longer there was not given; while a set
 * is being tried again only the next poll judges. */
static void take(struct inst *inst, uint16_t chan, uint16_t raw, struct outcome *out)
{
    struct ea_state *s = inst->state;
    double value = ea_value(inst, chan, raw);

    driver_emit(out, chan, value, Q_OK);
    if (s->known)
        return;
    if (!chan_agrees(&inst->chans[chan], s->set[chan], value))
        s->have &= (uint16_t) ~(1U << chan);
    s->set[chan] = value;
}

static void absorb_standing(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    if (x->tag == TAG_ID_SETS) {
        take(inst, CH_LIMIT_DISCHARGE, modbus_word(x, 0), out);
        take(inst, CH_VOLTAGE_SET, modbus_word(x, 1), out);
        take(inst, CH_LIMIT_CHARGE, modbus_word(x, 2), out);
        plan_modbus_read(out->plan, inst, TAG_ID_WINDOW, REG_V_MAX, WINDOW_WORDS);
    } else if (x->tag == TAG_ID_WINDOW) {
        take(inst, CH_WINDOW_V_HIGH, modbus_word(x, 0), out);
        take(inst, CH_WINDOW_V_LOW, modbus_word(x, 1), out);
        take(inst, CH_WINDOW_CHARGE, modbus_word(x, 2), out);
        plan_modbus_read(out->plan, inst, TAG_ID_SINK_MAX, REG_SINK_I_MAX, 1);
    } else {
        take(inst, CH_WINDOW_DISCHARGE, modbus_word(x, 0), out);
        plan_modbus_read(out->plan, inst, TAG_ID_STATE, REG_STATE, STATE_WORDS);
    }
}

/* Take its word for what stands. */
static void learn(struct ea_state *s, uint32_t word)
{
    bool on = (word & STATE_ON) != 0;

    s->remote = (word & STATE_REMOTE) != 0;
    s->panel = (word & STATE_PLACE) == PLACE_PANEL;
    if (on) {
        s->mode = CYCLER_VOLTAGE;
    } else if (ea_is_on(s)) {
        s->mode = CYCLER_REST;
    }
    s->known = true;
}

/* Off and rest are the same open output. In remote control, or in the hand at the panel, nobody
 * can tell which of them was meant, and neither is said; a unit that nobody holds has been switched
 * on since. */
static void absorb_id_state(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    uint32_t word = ea_state_word(x, 0);
    bool on = (word & STATE_ON) != 0;

    if (!s->known) {
        if (s->seen && ea_is_on(s) != on)
            ea_edge(out, on);
        learn(s, word);
        if (on) /* current flows under what was just read */
            s->have |= 1U << CH_VOLTAGE_SET | 1U << CH_LIMIT_CHARGE | 1U << CH_LIMIT_DISCHARGE;
    }
    s->seen = true;
    if (on)
        driver_emit(out, CH_MODE, CYCLER_VOLTAGE, Q_OK);
    else if ((word & STATE_REMOTE) == 0 && (word & STATE_PLACE) == PLACE_NOBODY)
        driver_emit(out, CH_MODE, CYCLER_OFF, Q_OK);
    driver_notice_fmt(out, NOTICE_IDENTIFIED, 0, 0, "%.40s, serial number %.32s", s->type,
                      s->serial);
}

/* ---- Poll ---- */

static int ea_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    plan_modbus_read(ret_plan, inst, TAG_POLL, REG_STATE, POLL_WORDS);
    return 0;
}

/* The bits behind the alarm bit are unconfirmed: they are told, and nothing is decided by them. */
static void see_alarm(struct ea_state *s, uint32_t word, struct outcome *out)
{
    bool alarm = (word & STATE_ALARM) != 0;

    if (alarm && !s->alarm)
        driver_notice_fmt(out, NOTICE_ALARM, CH_MODE, word >> 15,
                          "alarm, state bits 15 and up %#x%s%s%s%s", (unsigned)(word >> 15),
                          (word & 1U << 16) != 0 ? " overvoltage" : "",
                          (word & 1U << 17) != 0 ? " overcurrent" : "",
                          (word & 1U << 18) != 0 ? " overpower" : "",
                          (word & 1U << 19) != 0 ? " overtemperature" : "");
    s->alarm = alarm;
}

/* Remote control is gone: taken at the panel, or forgotten in a restart, which leaves the output
 * off and nobody in control. */
static void see_remote_lost(struct ea_state *s, uint32_t word, struct outcome *out)
{
    if ((word & STATE_PLACE) != PLACE_NOBODY || (word & STATE_ON) != 0) {
        driver_notice(out, NOTICE_LOCAL, CH_MODE, s->mode, "remote control was taken away");
        return;
    }
    driver_notice(out, NOTICE_REBOOTED, CH_MODE, CYCLER_OFF,
                  "remote control is forgotten and the output is off: it has restarted");
    s->have = 0;
    s->mode = CYCLER_OFF;
}

/* What nobody here asked for. */
static void see_state(struct ea_state *s, uint32_t word, struct outcome *out)
{
    bool on = (word & STATE_ON) != 0, remote = (word & STATE_REMOTE) != 0;
    bool lost = s->known && s->remote && !remote;
    bool told = (word & STATE_ALARM) != 0;

    see_alarm(s, word, out);
    if (ea_is_on(s) != on) {
        ea_edge(out, on);
        if (s->known && on)
            driver_notice(out, NOTICE_LOCAL, CH_MODE, CYCLER_VOLTAGE,
                          "output switched on at the instrument");
        else if (s->known && !lost && !told)
            driver_notice(out, NOTICE_ALARM, CH_MODE, 0,
                          "output fell without an order and without an alarm");
    }
    if (lost && !(on && !ea_is_on(s)))
        see_remote_lost(s, word, out);
    learn(s, word);
}

static void absorb_poll(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    uint32_t word = ea_state_word(x, 0);
    double sign = (word & STATE_SINK) != 0 ? -1 : 1;
    /* Before identify nothing is known that could scale it. */
    enum quality q = s->v_nom > 0 ? Q_OK : Q_INVALID;

    see_state(s, word, out);
    driver_emit(out, CH_VOLTAGE, ea_value(inst, CH_VOLTAGE, modbus_word(x, 2)), q);
    driver_emit(out, CH_CURRENT, sign * ea_value(inst, CH_CURRENT, modbus_word(x, 3)), q);
    driver_emit(out, CH_POWER, sign * ea_value(inst, CH_POWER, modbus_word(x, 4)), q);
    driver_emit(out, CH_MODE, s->mode, Q_OK);
}

/* ---- Safe ---- */

/* Off first: as a rule it is obeyed at once. Where nobody holds the unit it is refused, and obeyed
 * after remote control was taken. */
static int ea_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    (void)want;
    plan_modbus_coil(ret_plan, inst, TAG_SAFE_OFF, COIL_OUTPUT, false);
    plan_modbus_coil(ret_plan, inst, TAG_SAFE_REMOTE, COIL_REMOTE, true);
    plan_modbus_coil(ret_plan, inst, TAG_SAFE_OFF, COIL_OUTPUT, false);
    plan_modbus_read(ret_plan, inst, TAG_SAFE_STATE, REG_STATE, STATE_WORDS);
    return 0;
}

static int absorb_safe(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    uint32_t word;

    if (x->tag != TAG_SAFE_STATE)
        return 0;
    word = ea_state_word(x, 0);
    if ((word & STATE_ON) != 0)
        return E_GARBLED; /* not what was asked for, whatever it answers */
    learn(s, word);
    s->mode = CYCLER_REST;
    ea_edge(out, false);
    return 0;
}

static int absorb_reply(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    switch (x->tag) {
    case TAG_CLASS: absorb_class(inst, x, out); return 0;
    case TAG_NOMINAL: absorb_nominal(inst, x, out); return 0;
    case TAG_SERIAL: absorb_serial(inst, x, out); return 0;
    case TAG_ID_SETS:
    case TAG_ID_WINDOW:
    case TAG_ID_SINK_MAX: absorb_standing(inst, x, out); return 0;
    case TAG_ID_STATE: absorb_id_state(inst, x, out); return 0;
    case TAG_POLL: absorb_poll(inst, x, out); return 0;
    case TAG_SAFE_OFF:
    case TAG_SAFE_REMOTE:
    case TAG_SAFE_STATE: return absorb_safe(inst, x, out);
    default: return ea_absorb_set(inst, x, out);
    }
}

/* What was lost or refused on the way may have been obeyed in part: the instrument is asked again
 * before anything is called a hand at the panel. */
static int ea_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    uint8_t exception;
    int r = 0;

    if (x->outcome == XFER_REPLY) {
        r = modbus_answers(x->tx, x->tx_len, x->rx, x->rx_len, &exception) == 0
                ? absorb_reply(inst, x, out)
                : E_GARBLED;
    } else if (x->outcome == XFER_REFUSED && x->tag == TAG_CLASS) {
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, x->refusal, "has no registers 0 to 20");
    } else if (x->outcome == XFER_REFUSED && x->tag >= TAG_SETS && x->tag < TAG_SAFE_OFF) {
        ea_set_refused(x, out);
    }
    if ((x->outcome != XFER_REPLY || r != 0) && x->tag >= TAG_SETS)
        s->known = false;
    return r;
}

extern const struct driver driver_ea_psb;
const struct driver driver_ea_psb = {
    .name = "ea-psb",
    .title = "EA PSB 9000 / 10000 bidirectional supply",
    .role = "cycler",
    .status = DRIVER_EMULATED,
    .wire = WIRE_MODBUS,
    .baud = 115200,
    .timeout_ms = 1000,
    .gap_ms = 50,
    .late_ms = 1000,
    .chans = channels,
    .params = &params,
    .state_size = sizeof(struct ea_state),
    .param_size = sizeof(struct ea_param),
    .param_defaults = &param_defaults,
    /* clang-format off */
    .hazard = {
        "goes on as it was, at the voltage and within the limits it was given: needs an interlock",
        "register 408 decides: off, or as it was; remote control is gone and sets are refused",
        "locked while remote; LOCAL takes control away, then nothing is obeyed, not even safe",
        "off and rest are the same open output: 0 A, the voltage is still measured (unconfirmed)",
        "its own: voltage, a current for each direction (the other one zero), window 9000 to 9009",
        "none",
    },
    /* clang-format on */
    .setup = ea_setup,
    .plan_identify = ea_plan_identify,
    .plan_poll = ea_plan_poll,
    .plan_set = ea_plan_set,
    .plan_safe = ea_plan_safe,
    .absorb = ea_absorb,
};
