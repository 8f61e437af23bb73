/* drivers/keithley_2461_set.c - how a Keithley 2461 is set.
 *
 * The house knows four modes (enum cycler_mode); the instrument knows a source function, a
 * measure function and an output relay. One set of `mode` is the dialogue between them, a state
 * per message: SMOD HIMP and only then OUTP OFF (the normal off-state is a 0 V source, which
 * would discharge the cell), functions, limits before ranges, OUTP ON, and a last look. Each
 * reply must be right before the next message is planned.
 */
#include "drivers/keithley_2461_priv.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

enum {
    DIALOGUE_MS = SMU_DIALOGUE_MS
};

#define RANGE_V     20.0
#define RANGE_MAX_A 7.0
/* The sheet's unconfirmed least limit: this part of the range that measures it. */
#define LIMIT_PART 0.01

static const char error_query[] = ";:SYST:ERR?";

/* ---- Single sets ---- */

/* The smallest range of the channel that holds it; the largest for what a hand at the panel may
 * have left beyond. */
static double range_for(const struct inst *inst, uint16_t chan, double a)
{
    const struct chan_range *range = chan_range_for(&inst->chans[chan], a);

    return range != NULL ? range->full_scale : RANGE_MAX_A;
}

/* Current limit and measuring range, limit first. The limit may not be above the range that
 * follows it, nor below a hundredth of the range that stands: on the way down both hold only in
 * steps. */
static void say_current_limit(const struct inst *inst, struct smu_message *m, double limit_a,
                              double range_a)
{
    double step_a;

    if (!(range_a > 0 && range_a <= RANGE_MAX_A))
        range_a = RANGE_MAX_A;
    do {
        step_a = fmax(limit_a, LIMIT_PART * range_a);
        range_a = range_for(inst, CH_CURRENT_LIMIT, step_a);
        smu_say_number(m, ";:SOUR:VOLT:ILIM ", step_a);
        smu_say_number(m, ";:SENS:CURR:RANG ", range_a);
    } while (step_a > limit_a);
}

/* Is this the range that was asked for? It is read back as a number, perhaps with the over-range
 * on top. */
static bool range_agrees(double asked, double got)
{
    return got >= asked * 0.999 && got <= asked * 1.1;
}

/* The next message of a set that goes on: same channel, same wish. */
static void plan_next(struct plan *plan, const struct xfer *before, uint16_t tag, const char *text)
{
    struct xfer *x = smu_plan(plan, tag, text);

    if (x != NULL) {
        x->chan = before->chan;
        x->want = before->want;
        x->timeout_ms = DIALOGUE_MS;
    }
}

/* The range that grows must grow before the level, the one that shrinks after it. */
static void say_current_level(const struct inst *inst, struct smu_message *m, double old_a,
                              double new_a)
{
    double old_range = range_for(inst, CH_CURRENT_SET, old_a);
    double new_range = range_for(inst, CH_CURRENT_SET, new_a);

    if (new_range > old_range)
        smu_say_number(m, ";:SOUR:CURR:RANG ", new_range);
    smu_say_number(m, ";:SOUR:CURR ", new_a);
    if (new_range < old_range)
        smu_say_number(m, ";:SOUR:CURR:RANG ", new_range);
}

static int plan_single(const struct inst *inst, uint16_t chan, double value, struct plan *plan)
{
    const struct smu_state *s = inst->state;
    struct smu_message m = {.n = 0};
    uint16_t tag = TAG_LEVEL;
    struct xfer *x;

    smu_say(&m, "*CLS");
    if (chan == CH_VOLTAGE_SET) {
        smu_say_number(&m, ";:SOUR:VOLT ", value);
        smu_say(&m, ";:SOUR:VOLT?");
    } else if (chan == CH_VOLTAGE_LIMIT) {
        smu_say_number(&m, ";:SOUR:CURR:VLIM ", value);
        smu_say(&m, ";:SOUR:CURR:VLIM?");
    } else if (chan == CH_CURRENT_LIMIT) {
        say_current_limit(inst, &m, value,
                          s->known && s->mode == CYCLER_VOLTAGE ? s->range_a : RANGE_MAX_A);
        smu_say(&m, ";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?");
        tag = TAG_RANGED;
    } else if (s->known && s->mode == CYCLER_CURRENT) {
        say_current_level(inst, &m, s->set[CH_CURRENT_SET], value);
        smu_say(&m, ";:SOUR:CURR?");
    } else {
        /* At rest this current would flow at once: it is kept here until mode current, and
         * proven then. */
        smu_say(&m, ";:OUTP?");
        tag = TAG_KEEP;
    }
    smu_say(&m, error_query);
    x = smu_plan(plan, tag, m.text);
    if (x != NULL) {
        x->chan = chan;
        x->want = value;
    }
    return 0;
}

/* Does a change of this channel change the current that flows now? */
static bool moves_current(const struct smu_state *s, uint16_t chan)
{
    if (s->mode == CYCLER_VOLTAGE)
        return chan == CH_VOLTAGE_SET || chan == CH_CURRENT_LIMIT;
    return s->mode == CYCLER_CURRENT && chan == CH_CURRENT_SET;
}

static int absorb_single(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    size_t n = x->tag == TAG_RANGED ? 3 : 2;
    struct smu_part p[3];
    double got, range_a = 0;
    int64_t error;

    if (smu_split(x, p, n) != 0 || smu_part_number(&p[0], &got) != 0 ||
        smu_part_error(&p[n - 1], &error) != 0 || (n == 3 && smu_part_number(&p[1], &range_a) != 0))
        return E_GARBLED;
    if (error != 0) {
        s->known = false; /* half of the message may have been obeyed: the next poll asks */
        driver_notice(out, NOTICE_SET_REFUSED, x->chan, x->want, p[n - 1].p);
        return 0;
    }
    if (x->tag == TAG_KEEP)
        got = x->want;
    if (moves_current(s, x->chan))
        smu_edge(out, true);
    s->set[x->chan] = got;
    s->have |= (uint16_t)(1U << x->chan);
    if (n == 3) {
        s->range_a = range_a;
        if (!range_agrees(range_for(inst, x->chan, x->want), range_a)) {
            driver_notice(out, NOTICE_SET_MISMATCH, x->chan, got, "measuring range is another");
            return 0;
        }
    }
    driver_set_result(out, inst, x, got);
    return 0;
}

/* ---- The dialogue of mode ---- */

static bool wants_voltage(const struct xfer *x)
{
    return lround(x->want) == CYCLER_VOLTAGE;
}

#define FUNCTIONS_QUERY ";:SENS:FUNC?;:SOUR:FUNC?"

static const char *verify_query(bool voltage)
{
    return voltage ? ":OUTP?" FUNCTIONS_QUERY ";:SENS:CURR:RSEN?;:SYST:ERR?"
                   : ":OUTP?" FUNCTIONS_QUERY ";:SENS:VOLT:RSEN?;:SYST:ERR?";
}

/* A mode that stands already is looked at, not made again: the relay wears, and the current
 * would stop. */
static int plan_mode(const struct inst *inst, double value, struct plan *plan)
{
    static const uint16_t needs[] = {
        [CYCLER_OFF] = 0,
        [CYCLER_REST] = HAVE_VOLTAGE_LIMIT,
        [CYCLER_VOLTAGE] = HAVE_VOLTAGE_SET | HAVE_CURRENT_LIMIT,
        [CYCLER_CURRENT] = HAVE_CURRENT_SET | HAVE_VOLTAGE_LIMIT,
    };
    const struct smu_state *s = inst->state;
    long mode = lround(value);
    struct xfer *x;

    if (mode < 0 || mode >= (long)ARRAY_LEN(needs))
        return E_RANGE;
    if ((s->have & needs[mode]) != needs[mode])
        return E_STATE; /* what it shall source or hold was never said */
    if (s->known && s->himp && mode != CYCLER_OFF && s->mode == mode)
        x = smu_plan(plan, TAG_VERIFY, verify_query(mode == CYCLER_VOLTAGE));
    else
        x = smu_plan(plan, TAG_SMOD, "*CLS;:OUTP:SMOD HIMP;:OUTP:SMOD?");
    if (x != NULL) {
        x->chan = CH_MODE;
        x->want = (double)mode;
        x->timeout_ms = DIALOGUE_MS;
    }
    return 0;
}

int smu_plan_set(const struct inst *inst, uint16_t chan, double value, struct plan *ret_plan)
{
    if (chan == CH_MODE)
        return plan_mode(inst, value, ret_plan);
    if (chan < CH_VOLTAGE_SET || chan >= CH_MODE)
        return E_UNSUPPORTED;
    return plan_single(inst, chan, value, ret_plan);
}

static void say_failed(const struct smu_state *s, const struct xfer *x, bool refused,
                       const char *why, struct outcome *out)
{
    driver_notice(out, refused ? NOTICE_SET_REFUSED : NOTICE_SET_MISMATCH, x->chan,
                  refused ? x->want : s->mode, why);
}

/* It did not come about. With the output on it is switched off before that is said: what is said
 * ends the plan. */
static void dialogue_failed(struct inst *inst, const struct xfer *x, const struct smu_part *error,
                            int64_t code, const char *why, struct outcome *out)
{
    struct smu_state *s = inst->state;

    if (code != 0)
        why = error->p;
    if (smu_is_on(s->mode) && (x->tag == TAG_ON || x->tag == TAG_VERIFY)) {
        s->refused = code != 0;
        (void)str_copy(s->why, sizeof(s->why), why);
        plan_next(out->plan, x, TAG_ABORT, ":OUTP:SMOD HIMP;:OUTP OFF;:OUTP?");
    } else {
        say_failed(s, x, code != 0, why, out);
    }
}

static int absorb_abort(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct smu_part p[1];
    bool on;

    if (smu_split(x, p, 1) != 0 || smu_part_bool(&p[0], &on) != 0)
        return E_GARBLED;
    if (!on) {
        s->mode = CYCLER_OFF;
        smu_edge(out, false);
    }
    say_failed(s, x, s->refused, s->why, out);
    return 0;
}

static int absorb_smod(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct smu_part p[1];
    bool himp;

    if (smu_split(x, p, 1) != 0 || smu_part_smod(&p[0], &himp) != 0)
        return E_GARBLED;
    s->himp = himp;
    if (himp)
        plan_next(out->plan, x, TAG_OFF, ":OUTP OFF;:OUTP?;:SYST:ERR?");
    else
        dialogue_failed(inst, x, NULL, 0, "off-state is not high impedance", out);
    return 0;
}

/* Functions before anything that hangs on them; measure before source, for the first may change
 * the second. The level passes through zero, so that the range fits whatever stood there. */
static void plan_functions(struct inst *inst, const struct xfer *x, struct plan *plan)
{
    const struct smu_state *s = inst->state;
    struct smu_message m = {.n = 0};

    if (wants_voltage(x)) {
        smu_say(&m, ":SENS:FUNC \"CURR\";:SOUR:FUNC VOLT;:SENS:CURR:RSEN ON;"
                    ":SOUR:VOLT:READ:BACK ON;:SOUR:VOLT 0;:SOUR:VOLT:RANG 20");
        smu_say_number(&m, ";:SOUR:VOLT ", s->set[CH_VOLTAGE_SET]);
        smu_say(&m, FUNCTIONS_QUERY ";:OUTP:SMOD?;:SOUR:VOLT?");
    } else {
        smu_say(&m,
                ":SENS:FUNC \"VOLT\";:SOUR:FUNC CURR;:SENS:VOLT:RSEN ON;"
                ":SOUR:CURR:READ:BACK ON;:SOUR:CURR 0" FUNCTIONS_QUERY ";:OUTP:SMOD?;:SOUR:CURR?");
    }
    smu_say(&m, error_query);
    plan_next(plan, x, TAG_FUNC, m.text);
}

static int absorb_off(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct smu_part p[2];
    int64_t error;
    bool on;

    if (smu_split(x, p, 2) != 0 || smu_part_bool(&p[0], &on) != 0 ||
        smu_part_error(&p[1], &error) != 0)
        return E_GARBLED;
    if (!on) {
        s->mode = CYCLER_OFF;
        s->known = true;
        s->fell = false;
        smu_edge(out, false);
    }
    if (on || error != 0)
        dialogue_failed(inst, x, &p[1], error, "output stays on", out);
    else if (lround(x->want) == CYCLER_OFF)
        driver_notice(out, NOTICE_SET_DONE, CH_MODE, CYCLER_OFF, "");
    else
        plan_functions(inst, x, out->plan);
    return 0;
}

/* Limit before range; the current level last, inside its range. */
static void plan_limits(struct inst *inst, const struct xfer *x, struct plan *plan)
{
    const struct smu_state *s = inst->state;
    double vlim = s->set[CH_VOLTAGE_LIMIT];
    double level = lround(x->want) == CYCLER_CURRENT ? s->set[CH_CURRENT_SET] : 0;
    struct smu_message m = {.n = 0};

    if (wants_voltage(x)) {
        smu_say(&m, "*CLS");
        say_current_limit(inst, &m, s->set[CH_CURRENT_LIMIT], RANGE_MAX_A);
        smu_say(&m, ";:SOUR:VOLT?;:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?");
    } else {
        /* 1 V is a hundredth of the largest voltage range, which may stand. */
        smu_say_number(&m, ":SOUR:CURR:VLIM ", fmax(vlim, 1));
        smu_say(&m, ";:SENS:VOLT:RANG 20");
        if (vlim < 1)
            smu_say_number(&m, ";:SOUR:CURR:VLIM ", vlim);
        smu_say_number(&m, ";:SOUR:CURR:RANG ", range_for(inst, CH_CURRENT_SET, level));
        smu_say_number(&m, ";:SOUR:CURR ", level);
        smu_say(&m, ";:SOUR:CURR?;:SOUR:CURR:VLIM?;:SENS:VOLT:RANG?");
    }
    smu_say(&m, error_query);
    plan_next(plan, x, TAG_LIMIT, m.text);
}

static int absorb_func(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct smu_state *s = inst->state;
    bool voltage = wants_voltage(x);
    struct smu_part p[5];
    char measure, source;
    double level;
    int64_t error;
    bool himp;

    if (smu_split(x, p, 5) != 0 || smu_part_function(&p[0], &measure) != 0 ||
        smu_part_function(&p[1], &source) != 0 || smu_part_smod(&p[2], &himp) != 0 ||
        smu_part_number(&p[3], &level) != 0 || smu_part_error(&p[4], &error) != 0)
        return E_GARBLED;
    if (error != 0)
        dialogue_failed(inst, x, &p[4], error, "", out);
    else if (source != (voltage ? 'V' : 'C') || measure != (voltage ? 'C' : 'V'))
        dialogue_failed(inst, x, NULL, 0, "source or measure function is another", out);
    else if (!himp)
        dialogue_failed(inst, x, NULL, 0, "off-state is not high impedance", out);
    else if (!chan_agrees(&inst->chans[voltage ? CH_VOLTAGE_SET : CH_CURRENT_SET],
                          voltage ? s->set[CH_VOLTAGE_SET] : 0, level))
        dialogue_failed(inst, x, NULL, 0, "source level is another", out);
    else
        plan_limits(inst, x, out->plan);
    return 0;
}

static int absorb_limit(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    bool voltage = wants_voltage(x);
    uint16_t level_chan = voltage ? CH_VOLTAGE_SET : CH_CURRENT_SET;
    uint16_t limit_chan = voltage ? CH_CURRENT_LIMIT : CH_VOLTAGE_LIMIT;
    double want = lround(x->want) == CYCLER_REST ? 0 : s->set[level_chan];
    struct smu_part p[4];
    double level, limit, range;
    int64_t error;

    if (smu_split(x, p, 4) != 0 || smu_part_number(&p[0], &level) != 0 ||
        smu_part_number(&p[1], &limit) != 0 || smu_part_number(&p[2], &range) != 0 ||
        smu_part_error(&p[3], &error) != 0)
        return E_GARBLED;
    if (voltage)
        s->range_a = range;
    if (error != 0)
        dialogue_failed(inst, x, &p[3], error, "", out);
    else if (!chan_agrees(&inst->chans[level_chan], want, level))
        dialogue_failed(inst, x, NULL, 0, "source level is another", out);
    else if (!chan_agrees(&inst->chans[limit_chan], s->set[limit_chan], limit))
        dialogue_failed(inst, x, NULL, 0, "source limit is another", out);
    else if (!range_agrees(voltage ? range_for(inst, limit_chan, limit) : RANGE_V, range))
        dialogue_failed(inst, x, NULL, 0, "measuring range is another", out);
    else
        plan_next(out->plan, x, TAG_ON, ":OUTP ON;:OUTP?;:SYST:ERR?");
    return 0;
}

static int absorb_on(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct smu_state *s = inst->state;
    struct smu_part p[2];
    int64_t error;
    bool on;

    if (smu_split(x, p, 2) != 0 || smu_part_bool(&p[0], &on) != 0 ||
        smu_part_error(&p[1], &error) != 0)
        return E_GARBLED;
    if (on) {
        s->mode = (uint8_t)lround(x->want);
        s->polls = 0;
        s->alarms = 0;
        smu_edge(out, true);
    }
    if (!on || error != 0)
        dialogue_failed(inst, x, &p[1], error, "output stays off", out);
    else
        plan_next(out->plan, x, TAG_VERIFY, verify_query(wants_voltage(x)));
    return 0;
}

/* High impedance forces two-wire sense while off: only now does RSEN say what measures. */
static int absorb_verify(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    bool voltage = wants_voltage(x);
    struct smu_part p[5];
    char measure, source;
    int64_t error;
    bool on, remote;

    if (smu_split(x, p, 5) != 0 || smu_part_bool(&p[0], &on) != 0 ||
        smu_part_function(&p[1], &measure) != 0 || smu_part_function(&p[2], &source) != 0 ||
        smu_part_bool(&p[3], &remote) != 0 || smu_part_error(&p[4], &error) != 0)
        return E_GARBLED;
    if (error != 0)
        dialogue_failed(inst, x, &p[4], error, "", out);
    else if (!on)
        dialogue_failed(inst, x, NULL, 0, "output is off", out);
    else if (source != (voltage ? 'V' : 'C') || measure != (voltage ? 'C' : 'V'))
        dialogue_failed(inst, x, NULL, 0, "source or measure function is another", out);
    else if (!remote)
        dialogue_failed(inst, x, NULL, 0, "sense is not four-wire", out);
    else
        driver_notice(out, NOTICE_SET_DONE, CH_MODE, x->want, "");
    return 0;
}

int smu_absorb_set(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    switch (x->tag) {
    case TAG_LEVEL:
    case TAG_RANGED:
    case TAG_KEEP: return absorb_single(inst, x, out);
    case TAG_SMOD: return absorb_smod(inst, x, out);
    case TAG_OFF: return absorb_off(inst, x, out);
    case TAG_FUNC: return absorb_func(inst, x, out);
    case TAG_LIMIT: return absorb_limit(inst, x, out);
    case TAG_ON: return absorb_on(inst, x, out);
    case TAG_VERIFY: return absorb_verify(inst, x, out);
    case TAG_ABORT: return absorb_abort(inst, x, out);
    default: return E_NOT_MINE;
    }
}
