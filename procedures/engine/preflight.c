/* procedures/engine/preflight.c - what has to be true before current flows: sensors that live and
 * agree, a load cell at zero, the right cell the right way round, the article's window in the
 * instrument, a temperature at which this current is allowed. The pulse that proves the leads is in
 * proof.c.
 *
 * Each refusal has a cause of its own, for a person has to find the lead or the sensor. */
#include "procedures/engine/run_priv.h"

#define FORCE_ZERO_N 5.0
/* Force and regulator may differ by a tenth for the friction of seals, and by what a cell swells
 * against its frame; gauge taken for absolute is one atmosphere times the ratio of the areas. */
#define RATIO_SHARE    0.1
#define RATIO_SLACK_PA 0.3e6
#define RATIO_HOLD_S   10.0 /* longer than two polls of a moving press are apart */
#define LIMIT_SHARE    0.98
#define UNSEEN_SHARE   0.1 /* of the least voltage expected: below, there is no cell */

static void refuse(struct feed *f, enum cause cause, chan_id chan, double value)
{
    struct why why = WHY(cause);

    why.chan = chan;
    why.value = value;
    run_stop(f, VERDICT_ABORT, why);
}

/* ---- Sensors -------------------------------------------------------------------------------- */

/* The first group that is read and has gone silent since it was seen; PROG_NONE: none. */
static uint16_t silent_group(const struct run *r, const struct program *p)
{
    for (chan_id c = 0; c < p->station.n_chans; c++) {
        uint16_t g = p->station.chan[c].group;

        if ((r->derived.used_chans >> c & 1u) != 0 && g < p->station.n_groups &&
            r->at - r->group_at[g] > r->derived.group_stale[g])
            return g;
    }
    return PROG_NONE;
}

static double accuracy(const struct program *p, chan_id c, double v)
{
    return station_accuracy(&p->station.chan[c], (double)NAN, v);
}

static bool has_both_pressures(const struct run *r, const struct program *p)
{
    return p->role.pressure != CHAN_NONE && p->role.regulator != CHAN_NONE &&
           !isnan(r->chan[p->role.pressure].value) && !isnan(r->chan[p->role.regulator].value);
}

static bool pressures_differ(const struct run *r, const struct program *p)
{
    double force = r->chan[p->role.pressure].value, air = r->chan[p->role.regulator].value;
    double allowed = RATIO_SHARE * fmax(fabs(force), fabs(air)) + RATIO_SLACK_PA +
                     accuracy(p, p->role.pressure, force) + accuracy(p, p->role.regulator, air);

    return fabs(force - air) > allowed;
}

/* At rest the regulator says that nothing presses: then the load cell has to say so too. */
static bool press_is_idle(const struct run *r, const struct program *p)
{
    double air = r->chan[p->role.regulator].value;

    return fabs(air) <= 2.0 * accuracy(p, p->role.regulator, air);
}

static bool press_ready(struct feed *f)
{
    const struct run *r = f->r;
    const struct prog_roles *o = &f->p->role;

    if (!f->p->presses || !has_both_pressures(r, f->p))
        return true;
    if (pressures_differ(r, f->p)) {
        refuse(f, CAUSE_PRESS_RATIO, o->regulator, r->chan[o->regulator].value);
        return false;
    }
    if (o->force != CHAN_NONE && press_is_idle(r, f->p) &&
        fabs(r->chan[o->force].value) > FORCE_ZERO_N) {
        refuse(f, CAUSE_FORCE_ZERO, o->force, r->chan[o->force].value);
        return false;
    }
    return true;
}

bool preflight_sensors(struct feed *f)
{
    uint16_t g = silent_group(f->r, f->p);

    if (g != PROG_NONE) {
        struct why why = WHY(CAUSE_GUARD_STALE);

        why.group = g;
        run_stop(f, VERDICT_ABORT, why);
        return false;
    }
    return press_ready(f);
}

/* While it runs: one of the two lies, and nobody knows which. */
bool press_disagrees(struct run *r, const struct program *p)
{
    if (!has_both_pressures(r, p) || !pressures_differ(r, p)) {
        r->press_off_since = NSEC_NEVER;
        return false;
    }
    if (r->press_off_since == NSEC_NEVER)
        r->press_off_since = r->moment;
    return r->moment - r->press_off_since >= nsec_from_s(RATIO_HOLD_S);
}

/* ---- The article's window in the instrument -------------------------------------------------- */

/* An instrument refuses a limit that excludes what stands, and a set-point outside its limits. So,
 * with the output at rest: currents to zero, the window wide open, the voltage into the middle of
 * the article's, and the window shut around it. What is between them at arm is never armed. */
void preflight_windows(struct feed *f)
{
    const struct program *p = f->p;
    const struct prog_roles *o = &p->role;
    const struct station_chan *chan = p->station.chan;

    if (o->limit_charge != CHAN_NONE && o->window_charge != CHAN_NONE)
        want_add(f, o->limit_charge, 0.0);
    if (o->limit_discharge != CHAN_NONE && o->window_discharge != CHAN_NONE)
        want_add(f, o->limit_discharge, 0.0);
    if (o->window_v_high != CHAN_NONE && o->window_v_low != CHAN_NONE && isfinite(p->v_lo) &&
        isfinite(p->v_hi)) {
        want_add(f, o->window_v_low, chan[o->window_v_low].min);
        want_add(f, o->window_v_high, chan[o->window_v_high].max);
        want_add(f, o->voltage_set, 0.5 * (p->v_lo + p->v_hi));
        want_add(f, o->window_v_high, p->v_hi);
        want_add(f, o->window_v_low, fmax(p->v_lo, chan[o->window_v_low].min));
    }
    if (o->window_charge != CHAN_NONE)
        want_add(f, o->window_charge, fmin(p->charge_max_a, chan[o->window_charge].max));
    if (o->window_discharge != CHAN_NONE)
        want_add(f, o->window_discharge, fmin(p->discharge_max_a, chan[o->window_discharge].max));
}

void preflight_windows_anew(struct feed *f)
{
    const struct prog_roles *o = &f->p->role;
    const chan_id window[] = {o->window_v_high, o->window_v_low, o->window_charge,
                              o->window_discharge};

    for (size_t i = 0; i < ARRAY_LEN(window); i++) {
        if (window[i] != CHAN_NONE && isnan(f->r->written[window[i]])) {
            preflight_windows(f);
            return;
        }
    }
}

double preflight_look_v(const struct program *p)
{
    double most = p->station.chan[p->role.voltage_limit].max;

    return isfinite(most) ? fmax(most, p->v_hi) : p->v_hi;
}

/* ---- The cell at rest ------------------------------------------------------------------------ */

static bool within(double v, double lo, double hi)
{
    return v >= lo && v <= hi;
}

/* Where the article expects nothing, its window is what is expected. */
static enum cause judge_ocv(const struct program *p, double v)
{
    double lo = isfinite(p->ocv_lo_v) ? p->ocv_lo_v : p->v_lo;
    double hi = isfinite(p->ocv_hi_v) ? p->ocv_hi_v : p->v_hi;

    if (within(v, lo, hi))
        return CAUSE_NONE;
    if (lo > 0.0 && fabs(v) < UNSEEN_SHARE * lo)
        return CAUSE_NO_CELL;
    if (p->role.voltage_limit != CHAN_NONE && fabs(v) >= LIMIT_SHARE * preflight_look_v(p))
        return CAUSE_NO_CELL; /* into nothing, the least current drives a source to its limit */
    return v < 0.0 && within(-v, lo, hi) ? CAUSE_REVERSED : CAUSE_OCV;
}

bool preflight_ocv(struct feed *f, double v)
{
    enum cause cause = judge_ocv(f->p, v);

    if (cause == CAUSE_NONE)
        return true;
    refuse(f, cause, f->p->role.voltage, v);
    return false;
}

/* ---- Temperature ------------------------------------------------------------------------------
 */

bool preflight_temperature(struct feed *f, int direction)
{
    const struct program *p = f->p;

    for (uint16_t i = 0; p->role.temperature != CHAN_NONE && i <= p->more_temperatures; i++) {
        chan_id c = (chan_id)(p->role.temperature + i);
        double k = f->r->chan[c].value;

        if (isnan(k))
            continue; /* a guard that misses it says so */
        if ((direction >= 0 && !within(k, p->charge_lo_k, p->charge_hi_k)) ||
            (direction <= 0 && !within(k, p->discharge_lo_k, p->discharge_hi_k))) {
            refuse(f, CAUSE_TEMPERATURE, c, k);
            return false;
        }
    }
    return true;
}
