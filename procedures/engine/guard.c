/* procedures/engine/guard.c - what nobody may cross: guards with debounce and conditions, values
 * that are missing, values that do not move; and watch rules. */
#include "procedures/engine/run_priv.h"

enum {
    STUCK_SAMPLES = 20
};
#define STUCK_CELL_S         10.0
#define STUCK_CELL_UNKNOWN_S 600.0 /* without a capacity */
#define STUCK_CELL_SHARE \
    0.01 /* of the capacity has passed and the voltage is bit for bit the same */
#define STUCK_PRESS_S        10.0
#define STUCK_CHAMBER_S      600.0
#define STUCK_CHAMBER_AWAY_K 2.0

static struct why why_guard(const struct program *p, enum cause cause, uint16_t g, double value)
{
    struct why why = WHY(cause);

    why.text = p->guards[g].text;
    why.value = value;
    return why;
}

/* Nothing can be said of voltage and current while the output is open. A cycler that was lost and is
 * back stands as it was set before: what it is set to will be said again, but its current flows. */
static bool output_on(const struct run *r, const struct program *p)
{
    double mode;

    if (p->role.mode == CHAN_NONE)
        return true;
    mode = r->written[p->role.mode];
    if (isnan(mode) && r->state == RUN_RUNNING)
        mode = r->setpoint[p->role.mode];
    return fabs(mode - CYCLER_REST) < 0.5 || fabs(mode - CYCLER_VOLTAGE) < 0.5 ||
           fabs(mode - CYCLER_CURRENT) < 0.5;
}

/* The first channel it reads that has no good value; CHAN_NONE: all have. */
static chan_id invalid_chan(const struct run *r, const struct program *p, uint16_t g)
{
    const struct guard *gd = &p->guards[g];
    uint64_t chans = expr_chans(p, gd->value);

    if (gd->where != PROG_NONE)
        chans |= expr_chans(p, gd->where);
    for (chan_id c = 0; c < p->station.n_chans; c++)
        if ((chans >> c & 1u) != 0 && isnan(r->chan[c].value))
            return c;
    return CHAN_NONE;
}

/* A guard that cannot be judged because a channel has no good value; a window that is still filling
 * is no reason. */
static void note_invalid(struct run *r, const struct program *p, uint16_t g)
{
    if (invalid_chan(r, p, g) == CHAN_NONE)
        r->guard_invalid[g].since = NSEC_NEVER;
    else if (r->guard_invalid[g].since == NSEC_NEVER)
        r->guard_invalid[g].since = r->moment;
}

static struct why why_invalid(const struct run *r, const struct program *p, uint16_t g)
{
    struct why why = why_guard(p, CAUSE_GUARD_INVALID, g, (double)NAN);

    why.chan = invalid_chan(r, p, g);
    why.group = why.chan == CHAN_NONE ? PROG_NONE : p->station.chan[why.chan].group;
    return why;
}

static void not_judged(struct run *r, uint16_t g)
{
    r->guard[g].since = r->guard_invalid[g].since = NSEC_NEVER;
}

/* One guard: true when it has been violated long enough. */
static bool guard_violated(struct run *r, const struct program *p, uint16_t g, double *ret_value)
{
    const struct guard *gd = &p->guards[g];
    double v;

    r->guard_evaluations++;
    if (gd->where != PROG_NONE) {
        double w = expr_value(r, p, gd->where, r->hold);

        if (isnan(w)) {
            note_invalid(r, p, g);
            return false;
        }
        if (w < 0.5) {
            not_judged(r, g);
            return false;
        }
    }
    v = expr_value(r, p, gd->value, r->hold);
    if (isnan(v)) {
        note_invalid(r, p, g);
        return false;
    }
    r->guard_invalid[g].since = NSEC_NEVER;
    if (v >= gd->lo && v <= gd->hi) {
        r->guard[g].since = NSEC_NEVER;
        return false;
    }
    if (r->guard[g].since == NSEC_NEVER)
        r->guard[g].since = r->moment;
    *ret_value = v;
    return !(gd->hold_s > 0.0) || r->moment - r->guard[g].since >= nsec_from_s(gd->hold_s);
}

bool guards_sample(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;
    uint64_t bits = r->derived.guards_of[f->e->code];
    /* until the resting cell has been looked at, which says more than a limit does */
    bool looked = r->state != RUN_ARMED || r->phase > ARMED_OCV;
    bool on = output_on(r, p) && looked;
    double v = (double)NAN;

    for (uint16_t g = 0; bits; g++, bits >>= 1) {
        if (!(bits & 1u))
            continue;
        if (!on && (r->derived.guards_electrical >> g & 1u) != 0) {
            not_judged(r, g);
            continue;
        }
        if (guard_violated(r, p, g, &v)) {
            /* before anything is written there is nothing to trip: the run is refused */
            struct why why =
                why_guard(p, v > p->guards[g].hi ? CAUSE_GUARD_HIGH : CAUSE_GUARD_LOW, g, v);

            why.group = f->e->code;
            run_stop(f, r->state == RUN_READY ? VERDICT_ABORT : VERDICT_TRIP, why);
            return true;
        }
    }
    return false;
}

/* ---- Missing values
 * ------------------------------------------------------------------------------ */

struct limits {
    nsec pause, trip;
};

static struct limits group_limits(const struct run *r, uint16_t g)
{
    return (struct limits){r->derived.group_stale[g], r->derived.group_trip[g]};
}

/* The longest limits of the groups it reads. */
static struct limits invalid_limits(const struct run *r, const struct program *p, uint16_t guard)
{
    uint64_t groups = p->exprs[p->guards[guard].value].groups;
    struct limits most = {0, 0};

    if (p->guards[guard].where != PROG_NONE)
        groups |= p->exprs[p->guards[guard].where].groups;
    for (uint16_t g = 0; g < p->station.n_groups; g++)
        if ((groups >> g & 1u) != 0 && group_limits(r, g).pause > most.pause)
            most.pause = group_limits(r, g).pause;
    most.trip = (1 + STALE_TRIP_FACTOR) * most.pause; /* it answers: nothing boots */
    return most;
}

/* What a value missing since `since` leads to. True: done for this event. */
static bool missing_since(struct feed *f, nsec since, struct limits limit, struct why why)
{
    struct run *r = f->r;
    nsec age = r->at - since;

    if (age <= limit.pause)
        return false;
    if (r->state == RUN_ARMED) {
        run_stop(f, VERDICT_ABORT, why);
        return true;
    }
    if (age > limit.trip) {
        run_stop(f, VERDICT_TRIP, why);
        return true;
    }
    run_pause(f, why);
    return false;
}

static uint16_t guard_of_group(const struct run *r, const struct program *p, uint16_t group)
{
    uint16_t g = 0;

    while (g + 1 < p->n_guards && (r->derived.guards_of[group] >> g & 1u) == 0)
        g++;
    return g;
}

void guards_timer(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;

    for (uint16_t g = 0; g < p->station.n_groups; g++) {
        struct why why;

        if ((r->derived.guarded_groups >> g & 1u) == 0)
            continue;
        why = why_guard(p, CAUSE_GUARD_STALE, guard_of_group(r, p, g), (double)NAN);
        why.group = g;
        if (missing_since(f, r->group_at[g], group_limits(r, g), why))
            return;
    }
    for (uint16_t g = 0; g < p->n_guards; g++)
        if (r->guard_invalid[g].since != NSEC_NEVER &&
            missing_since(f, r->guard_invalid[g].since, invalid_limits(r, p, g),
                          why_invalid(r, p, g)))
            return;
}

/* A guarded value is still missing: a pause because of it cannot end. */
bool guards_missing(const struct run *r, const struct program *p)
{
    for (uint16_t g = 0; g < p->station.n_groups; g++)
        if ((r->derived.guarded_groups >> g & 1u) != 0 &&
            r->at - r->group_at[g] > group_limits(r, g).pause)
            return true;
    for (uint16_t g = 0; g < p->n_guards; g++)
        if (r->guard_invalid[g].since != NSEC_NEVER &&
            r->at - r->guard_invalid[g].since > invalid_limits(r, p, g).pause)
            return true;
    return false;
}

/* A run that works has not paused yet, even where a sample of another group came at that instant. */
static nsec missing_wake(const struct run *r, nsec since, struct limits limit)
{
    nsec first = since + limit.pause + 1, second = since + limit.trip + 1;

    return r->at < first || r->state != RUN_PAUSED ? first : second;
}

nsec guards_wake(const struct run *r, const struct program *p)
{
    nsec at = NSEC_NEVER, w;

    for (uint16_t g = 0; g < p->station.n_groups; g++) {
        if ((r->derived.guarded_groups >> g & 1u) == 0)
            continue;
        w = missing_wake(r, r->group_at[g], group_limits(r, g));
        at = w < at ? w : at;
    }
    for (uint16_t g = 0; g < p->n_guards; g++) {
        if (r->guard_invalid[g].since == NSEC_NEVER)
            continue;
        w = missing_wake(r, r->guard_invalid[g].since, invalid_limits(r, p, g));
        at = w < at ? w : at;
    }
    return at;
}

/* ---- Values that do not move
 * ------------------------------------------------------------------------ */

static bool same_for(const struct run *r, chan_id c, double s)
{
    return r->chan[c].same >= STUCK_SAMPLES && r->moment - r->chan[c].changed_at >= nsec_from_s(s);
}

/* A sensor that lives flickers; an ideal one (a rehearsal without errors, a recording with flat
 * stretches) may stand still as long as little charge has passed. */
static bool cell_is_stuck(const struct run *r, const struct program *p)
{
    chan_id v = p->role.voltage, i = p->role.current;
    double amps, s;

    if (v == CHAN_NONE || i == CHAN_NONE)
        return false;
    amps = fabs(r->chan[i].value);
    if (!(amps >
          3.0 * (p->station.chan[i].accuracy_offset + p->station.chan[i].accuracy_reading * amps)))
        return false;
    s = r->one_c_a > 0.0 ? fmax(STUCK_CELL_S, STUCK_CELL_SHARE * r->one_c_a * 3600.0 / amps)
                         : STUCK_CELL_UNKNOWN_S;
    return same_for(r, v, s) && same_for(r, i, s);
}

/* Stack pressure and the regulator's own: both follow the ramp. */
static bool press_is_stuck(const struct run *r, const struct program *p, chan_id c)
{
    for (size_t i = 0; i < RUN_RAMPS_MAX && c != CHAN_NONE; i++) {
        const struct run_ramp *m = &r->ramp[i];
        nsec since = r->chan[c].changed_at > m->since ? r->chan[c].changed_at : m->since;

        if (m->active && m->chan == p->role.pressure_set &&
            m->per_s * STUCK_PRESS_S > 3.0 * p->station.chan[c].resolution &&
            r->moment - since >= nsec_from_s(STUCK_PRESS_S) && r->chan[c].same >= 3)
            return true;
    }
    return false;
}

static bool chamber_is_stuck(const struct run *r, const struct program *p)
{
    chan_id c = p->role.temperature, set = p->role.temperature_set;

    if (c == CHAN_NONE || set == CHAN_NONE || isnan(r->setpoint[set]))
        return false;
    return fabs(r->chan[c].value - r->setpoint[set]) > STUCK_CHAMBER_AWAY_K &&
           same_for(r, c, STUCK_CHAMBER_S);
}

void stuck_sample(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;
    const struct act *a = act_now(r, p);
    struct why why = WHY(CAUSE_STUCK);

    if (r->state != RUN_RUNNING || r->acting != ACTING_ON)
        return;
    why.group = f->e->code;
    if (f->e->code == r->derived.cycler_group && is_electrical(a) && cell_is_stuck(r, p))
        why.chan = p->role.voltage;
    else if (press_is_stuck(r, p, p->role.pressure))
        why.chan = p->role.pressure;
    else if (press_is_stuck(r, p, p->role.regulator))
        why.chan = p->role.regulator;
    else if (chamber_is_stuck(r, p))
        why.chan = p->role.temperature;
    else if (press_disagrees(r, p))
        why = (struct why){.cause = CAUSE_PRESS_RATIO,
                           .text = PROG_NONE,
                           .chan = p->role.pressure,
                           .group = PROG_NONE,
                           .value = r->chan[p->role.pressure].value};
    else
        return;
    run_pause(f, why);
    run_alarm(f, ALARM_SEVERE, why);
}

/* ---- Watch rules
 * -------------------------------------------------------------------------------------- */

void watches_sample(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;

    if (r->state != RUN_RUNNING && r->state != RUN_PAUSED)
        return;
    for (uint16_t i = 0; i < p->n_watches; i++) {
        const struct watch *w = &p->watches[i];
        uint64_t groups = p->exprs[w->when].groups;
        double v;

        if (groups && (groups >> f->e->code & 1u) == 0)
            continue;
        v = expr_value(r, p, w->when, r->hold);
        if (isnan(v))
            continue;
        if (v >= 0.5 && !r->watch_on[i]) {
            struct effect *x = fx_add(f, FX_ALARM, true);

            x->code = PROG_NONE;
            x->chan = w->level;
            x->text = w->text;
        }
        r->watch_on[i] = v >= 0.5;
    }
}
