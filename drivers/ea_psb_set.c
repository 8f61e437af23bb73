/* drivers/ea_psb_set.c - how an EA PSB is set.
 *
 * Each set-point is one register, written and read back; remote control is taken before the first,
 * for without it every write is refused. One set of mode voltage is a dialogue with the output
 * open: what stands in the five set registers is read, what is not as it shall be is written and
 * read again, and only then the output is closed. So there is no instant at which a limit left
 * over from another direction, another run or the panel is armed: a limit that was not given is
 * written as zero.
 */
#include "drivers/ea_psb_priv.h"

#include "base/str.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

/* Where a channel is written, and the lower end that has to be zero for it. */
static const struct target {
    uint16_t reg, least;
} targets[CH_COUNT] = {
    [CH_VOLTAGE_SET] = {REG_VOLTAGE,      0             },
    [CH_LIMIT_CHARGE] = {REG_CURRENT,      0             },
    [CH_LIMIT_DISCHARGE] = {REG_SINK_CURRENT, 0             },
    [CH_WINDOW_V_HIGH] = {REG_V_MAX,        0             },
    [CH_WINDOW_V_LOW] = {REG_V_MIN,        0             },
    [CH_WINDOW_CHARGE] = {REG_I_MAX,        REG_I_MIN     },
    [CH_WINDOW_DISCHARGE] = {REG_SINK_I_MAX,   REG_SINK_I_MIN},
};

static uint16_t raw_of(const struct inst *inst, uint16_t chan, double value)
{
    return (uint16_t)lround(fmin(fmax(value / ea_nominal(inst, chan) * EA_FULL, 0), 65535));
}

static struct xfer *carry(struct xfer *x, uint16_t chan, double want)
{
    if (x != NULL) {
        x->chan = chan;
        x->want = want;
    }
    return x;
}

/* ---- Single sets ---- */

static int plan_single(const struct inst *inst, uint16_t chan, double value, struct plan *plan)
{
    const struct ea_state *s = inst->state;
    const struct target *t = &targets[chan];
    uint16_t raw, zero = 0;

    if (!(s->v_nom > 0))
        return E_STATE; /* nothing is known that could scale it */
    raw = raw_of(inst, chan, value);
    if (!s->known || !s->remote)
        carry(plan_modbus_coil(plan, inst, TAG_REMOTE, COIL_REMOTE, true), chan, value);
    if (t->least != 0)
        carry(plan_modbus_write(plan, inst, TAG_LEAST, t->least, &zero, 1), chan, value);
    carry(plan_modbus_write(plan, inst, TAG_WRITE, t->reg, &raw, 1), chan, value);
    carry(plan_modbus_read(plan, inst, TAG_BACK, t->reg, 1), chan, value);
    return 0;
}

static bool moves_current(const struct ea_state *s, uint16_t chan)
{
    return ea_is_on(s) &&
           (chan == CH_VOLTAGE_SET || chan == CH_LIMIT_CHARGE || chan == CH_LIMIT_DISCHARGE);
}

static void absorb_single(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    double got;

    if (x->tag == TAG_REMOTE) {
        s->remote = true;
    } else if (x->tag == TAG_WRITE && moves_current(s, x->chan)) {
        ea_edge(out, true);
    } else if (x->tag == TAG_BACK) {
        got = ea_value(inst, x->chan, modbus_word(x, 0));
        s->set[x->chan] = got;
        s->have |= (uint16_t)(1U << x->chan);
        driver_set_result(out, inst, x, got);
    }
}

/* ---- The dialogue of mode ---- */

static bool given(const struct ea_state *s, uint16_t chan)
{
    return (s->have & 1U << chan) != 0;
}

static int plan_voltage(const struct inst *inst, struct plan *plan)
{
    const struct ea_state *s = inst->state;

    if (!given(s, CH_VOLTAGE_SET) || !(given(s, CH_LIMIT_CHARGE) || given(s, CH_LIMIT_DISCHARGE)) ||
        !(s->v_nom > 0))
        return E_STATE; /* what it shall source or sink was never said */
    if (s->known && s->remote && ea_is_on(s)) {
        carry(plan_modbus_read(plan, inst, TAG_MODE_LOOK, REG_STATE, STATE_WORDS), CH_MODE,
              CYCLER_VOLTAGE);
        return 0;
    }
    carry(plan_modbus_coil(plan, inst, TAG_MODE_REMOTE, COIL_REMOTE, true), CH_MODE,
          CYCLER_VOLTAGE);
    carry(plan_modbus_coil(plan, inst, TAG_MODE_OFF, COIL_OUTPUT, false), CH_MODE, CYCLER_VOLTAGE);
    carry(plan_modbus_read(plan, inst, TAG_MODE_STATE, REG_STATE, STATE_WORDS), CH_MODE,
          CYCLER_VOLTAGE);
    return 0;
}

/* An open output in the hand at the panel is only looked at: nothing else would be obeyed. */
static int plan_open(const struct inst *inst, double mode, struct plan *plan)
{
    const struct ea_state *s = inst->state;

    if (s->known && s->panel && !ea_is_on(s)) {
        carry(plan_modbus_read(plan, inst, TAG_MODE_LOOK, REG_STATE, STATE_WORDS), CH_MODE, mode);
        return 0;
    }
    if (!s->known || !s->remote)
        carry(plan_modbus_coil(plan, inst, TAG_MODE_REMOTE, COIL_REMOTE, true), CH_MODE, mode);
    carry(plan_modbus_coil(plan, inst, TAG_MODE_OFF, COIL_OUTPUT, false), CH_MODE, mode);
    carry(plan_modbus_read(plan, inst, TAG_MODE_STATE, REG_STATE, STATE_WORDS), CH_MODE, mode);
    return 0;
}

int ea_plan_set(const struct inst *inst, uint16_t chan, double value, struct plan *ret_plan)
{
    if (chan >= CH_COUNT || (chan != CH_MODE && targets[chan].reg == 0))
        return E_UNSUPPORTED;
    if (chan != CH_MODE)
        return plan_single(inst, chan, value, ret_plan);
    switch (lround(value)) {
    case CYCLER_OFF:
    case CYCLER_REST: return plan_open(inst, value, ret_plan);
    case CYCLER_VOLTAGE: return plan_voltage(inst, ret_plan);
    default: return E_UNSUPPORTED; /* it has no signed current source */
    }
}

/* A register of the dialogue and what shall stand in it. */
struct wish {
    uint16_t reg, raw;
};
enum {
    WISHES = 5
};

/* In the order in which they are written: what takes energy away, both powers at their most (the
 * currents limit), the voltage, what gives energy. */
static void wishes_of(const struct inst *inst, struct wish ret[WISHES])
{
    const struct ea_state *s = inst->state;
    struct wish source = {REG_CURRENT, 0}, sink = {REG_SINK_CURRENT, 0};
    bool source_last;

    if (given(s, CH_LIMIT_CHARGE))
        source.raw = raw_of(inst, CH_LIMIT_CHARGE, s->set[CH_LIMIT_CHARGE]);
    if (given(s, CH_LIMIT_DISCHARGE))
        sink.raw = raw_of(inst, CH_LIMIT_DISCHARGE, s->set[CH_LIMIT_DISCHARGE]);
    source_last = source.raw > sink.raw;
    ret[0] = source_last ? sink : source;
    ret[1] = (struct wish){REG_SINK_POWER, EA_FULL};
    ret[2] = (struct wish){REG_POWER, EA_FULL};
    ret[3] = (struct wish){REG_VOLTAGE, raw_of(inst, CH_VOLTAGE_SET, s->set[CH_VOLTAGE_SET])};
    ret[4] = source_last ? source : sink;
}

/* A power may stand above its nominal value. */
static bool stands(const struct inst *inst, const struct xfer *x, const struct wish *w)
{
    const struct ea_state *s = inst->state;

    if (w->reg == REG_SINK_POWER)
        return s->sink_power >= w->raw;
    if (w->reg == REG_POWER)
        return modbus_word(x, REG_POWER - REG_SINK_CURRENT) >= w->raw;
    return modbus_word(x, (uint16_t)(w->reg - REG_SINK_CURRENT)) == w->raw;
}

static void say_mode(struct outcome *out, const struct ea_state *s, const char *why)
{
    driver_notice(out, NOTICE_SET_MISMATCH, CH_MODE, s->mode, why);
}

static void say_done(struct ea_state *s, const struct xfer *x, struct outcome *out)
{
    s->mode = (uint8_t)lround(x->want);
    s->known = true;
    driver_notice(out, NOTICE_SET_DONE, CH_MODE, x->want, "");
}

static void plan_look_at_sets(const struct inst *inst, bool again, struct plan *plan)
{
    carry(plan_modbus_read(plan, inst, again ? TAG_MODE_POWER_BACK : TAG_MODE_POWER, REG_SINK_POWER,
                           1),
          CH_MODE, CYCLER_VOLTAGE);
    carry(plan_modbus_read(plan, inst, again ? TAG_MODE_SETS_BACK : TAG_MODE_SETS, REG_SINK_CURRENT,
                           SET_WORDS),
          CH_MODE, CYCLER_VOLTAGE);
}

/* The output was ordered off: is it, and does it obey? */
static void absorb_mode_state(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    uint32_t word = ea_state_word(x, 0);

    s->remote = (word & STATE_REMOTE) != 0;
    s->panel = (word & STATE_PLACE) == PLACE_PANEL;
    if ((word & STATE_ON) != 0) {
        if (!ea_is_on(s))
            ea_edge(out, true);
        s->mode = CYCLER_VOLTAGE;
        say_mode(out, s, "output stays on");
        return;
    }
    s->mode = CYCLER_REST;
    s->known = true;
    if (lround(x->want) != CYCLER_VOLTAGE)
        say_done(s, x, out);
    else if (!s->remote)
        say_mode(out, s, "remote control is not given");
    else if ((word & STATE_ALARM) != 0)
        say_mode(out, s, "an alarm stands; acknowledge it at the instrument");
    else
        plan_look_at_sets(inst, false, out->plan);
}

static void plan_on(const struct inst *inst, struct plan *plan)
{
    carry(plan_modbus_coil(plan, inst, TAG_MODE_ON, COIL_OUTPUT, true), CH_MODE, CYCLER_VOLTAGE);
    carry(plan_modbus_read(plan, inst, TAG_MODE_VERIFY, REG_STATE, STATE_WORDS), CH_MODE,
          CYCLER_VOLTAGE);
}

static void absorb_mode_sets(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    struct wish w[WISHES];
    unsigned wrong = 0;

    wishes_of(inst, w);
    for (size_t i = 0; i < WISHES; i++) {
        if (stands(inst, x, &w[i]))
            continue;
        wrong++;
        if (x->tag == TAG_MODE_SETS_BACK) {
            driver_notice_fmt(out, NOTICE_SET_MISMATCH, CH_MODE, s->mode,
                              "register %u does not keep %u", (unsigned)w[i].reg,
                              (unsigned)w[i].raw);
            return;
        }
        carry(plan_modbus_write(out->plan, inst, TAG_MODE_WRITE, w[i].reg, &w[i].raw, 1), CH_MODE,
              CYCLER_VOLTAGE);
    }
    if (wrong > 0)
        plan_look_at_sets(inst, true, out->plan);
    else
        plan_on(inst, out->plan);
}

/* Anything wrong with the output on switches it off before it is said: what is said ends the plan.
 */
static void absorb_verify(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    uint32_t word = ea_state_word(x, 0);
    const char *why = NULL;

    if ((word & STATE_ALARM) != 0)
        why = "an alarm came with the output";
    else if ((word & STATE_REMOTE) == 0)
        why = "remote control is lost";
    if ((word & STATE_ON) == 0) {
        if (ea_is_on(s))
            ea_edge(out, false);
        s->mode = CYCLER_REST;
        say_mode(out, s, why != NULL ? why : "output is off");
    } else if (why != NULL) {
        (void)str_copy(s->why, sizeof(s->why), why);
        carry(plan_modbus_coil(out->plan, inst, TAG_ABORT_OFF, COIL_OUTPUT, false), CH_MODE,
              x->want);
        carry(plan_modbus_read(out->plan, inst, TAG_ABORT_STATE, REG_STATE, STATE_WORDS), CH_MODE,
              x->want);
    } else {
        say_done(s, x, out);
    }
}

/* It is said to stand already: is it so? The poll says what has become of it otherwise. */
static void absorb_look(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;
    uint32_t word = ea_state_word(x, 0);
    bool on = (word & STATE_ON) != 0;

    if (on != (lround(x->want) == CYCLER_VOLTAGE))
        say_mode(out, s, on ? "output is on" : "output is off");
    else if (on && (word & STATE_REMOTE) == 0)
        say_mode(out, s, "remote control is lost");
    else
        say_done(s, x, out);
}

static void absorb_abort(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;

    if (x->tag == TAG_ABORT_OFF)
        return;
    if ((ea_state_word(x, 0) & STATE_ON) == 0) {
        s->mode = CYCLER_REST;
        ea_edge(out, false);
    }
    say_mode(out, s, s->why);
}

int ea_absorb_set(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct ea_state *s = inst->state;

    switch (x->tag) {
    case TAG_REMOTE:
    case TAG_LEAST:
    case TAG_WRITE:
    case TAG_BACK: absorb_single(inst, x, out); return 0;
    case TAG_MODE_REMOTE:
    case TAG_MODE_WRITE: return 0;
    case TAG_MODE_OFF:
        if (ea_is_on(s) || !s->known)
            ea_edge(out, false);
        s->mode = CYCLER_REST;
        return 0;
    case TAG_MODE_STATE: absorb_mode_state(inst, x, out); return 0;
    case TAG_MODE_POWER:
    case TAG_MODE_POWER_BACK: s->sink_power = modbus_word(x, 0); return 0;
    case TAG_MODE_SETS:
    case TAG_MODE_SETS_BACK: absorb_mode_sets(inst, x, out); return 0;
    case TAG_MODE_ON:
        s->mode = CYCLER_VOLTAGE;
        ea_edge(out, true);
        return 0;
    case TAG_MODE_VERIFY: absorb_verify(inst, x, out); return 0;
    case TAG_MODE_LOOK: absorb_look(inst, x, out); return 0;
    case TAG_ABORT_OFF:
    case TAG_ABORT_STATE: absorb_abort(inst, x, out); return 0;
    default: return E_NOT_MINE;
    }
}

void ea_set_refused(const struct xfer *x, struct outcome *out)
{
    const char *why = "";

    if (x->tag == TAG_REMOTE || x->tag == TAG_MODE_REMOTE)
        why = ": remote control is not given, is it held at the panel?";
    else if (x->refusal == MODBUS_EX_VALUE)
        why = ": it does not allow the value, look at its own limits";
    driver_notice_fmt(out, NOTICE_SET_REFUSED, x->chan, x->want, "refused with exception %u%s",
                      (unsigned)x->refusal, why);
}
