/* procedures/engine/sets.c - set-points: the queue of one transition, one set at a time, and ramps,
 * which feed the queue once a second. */
#include "procedures/engine/run_priv.h"

void want_add(struct feed *f, chan_id chan, double value)
{
    struct run *r = f->r;

    if (chan == CHAN_NONE)
        return;
    ASSERT(r->n_want < RUN_QUEUE_MAX);
    r->want[r->n_want++] = (struct run_want){.chan = chan, .value = value};
}

/* A set that is still unanswered is given up: nobody knows what the channel holds until a later one
 * is confirmed. */
void want_clear(struct run *r)
{
    if (r->token)
        r->written[r->want[r->want_at].chan] = (double)NAN;
    r->token = 0;
    r->n_want = r->want_at = 0;
}

void want_rest(struct feed *f)
{
    if (!output_at_rest(f->r, f->p))
        want_rest_anew(f);
}

/* The limit goes before, where nobody knows it: it may have been forgotten. */
void want_rest_anew(struct feed *f)
{
    const struct prog_roles *o = &f->p->role;
    bool limited = o->voltage_limit != CHAN_NONE && isfinite(f->p->v_hi);

    if (limited && isnan(f->r->written[o->voltage_limit]))
        want_add(f, o->voltage_limit, f->p->v_hi);
    want_add(f, o->mode, CYCLER_REST);
    if (limited)
        want_add(f, o->voltage_limit, f->p->v_hi);
    preflight_windows_anew(f);
}

static bool is_cycler_set(const struct program *p, chan_id c)
{
    const struct prog_roles *o = &p->role;

    return c == o->mode || c == o->voltage_set || c == o->current_limit || c == o->limit_charge ||
           c == o->limit_discharge || c == o->current_set || c == o->voltage_limit;
}

static double slack(const struct station_chan *c)
{
    return c->resolution > 0.0 ? c->resolution : 1e-9;
}

static bool inside(double v, double lo, double hi, double eps)
{
    return (isnan(lo) || v >= lo - eps) && (isnan(hi) || v <= hi + eps);
}

/* The article's window for this channel; direction as of the act: +1, -1, 0 both. */
static bool in_window(const struct program *p, chan_id chan, double v, int direction, double eps)
{
    const struct prog_roles *o = &p->role;

    if (chan == o->voltage_set)
        return inside(v, p->v_lo, p->v_hi, eps);
    if (chan == o->voltage_limit)
        return inside(fabs(v), (double)NAN, fmax(fabs(p->v_lo), fabs(p->v_hi)), eps);
    if (chan == o->limit_charge)
        return inside(v, 0.0, p->charge_max_a, eps);
    if (chan == o->limit_discharge)
        return inside(v, 0.0, p->discharge_max_a, eps);
    if (chan == o->current_limit)
        return inside(v, 0.0,
                      direction > 0   ? p->charge_max_a
                      : direction < 0 ? p->discharge_max_a
                                      : fmin(p->charge_max_a, p->discharge_max_a),
                      eps);
    if (chan == o->current_set)
        return inside(v, -p->discharge_max_a, p->charge_max_a, eps);
    if (chan == o->pressure_set)
        return inside(v, p->p_lo_pa, p->p_hi_pa, eps);
    if (chan == o->temperature_set)
        return inside(v, p->chamber_low_k, p->chamber_high_k, eps);
    return true;
}

bool want_check(const struct program *p, chan_id chan, double value, int direction)
{
    const struct station_chan *c = &p->station.chan[chan];

    return isfinite(value) && inside(value, c->min, c->max, slack(c)) &&
           in_window(p, chan, value, direction, slack(c));
}

/* Effects that take energy away need not wait for the disk. */
static bool takes_energy_away(const struct run *r, const struct program *p, chan_id chan, double v)
{
    const struct prog_roles *o = &p->role;

    if (chan == o->mode)
        return v < (double)CYCLER_VOLTAGE - 0.5;
    if (chan == o->current_limit || chan == o->limit_charge || chan == o->limit_discharge ||
        chan == o->current_set)
        return fabs(v) < fabs(r->written[chan]);
    return chan == o->temperature_set && v < r->written[chan];
}

static void send(struct feed *f, const struct run_want *w)
{
    struct run *r = f->r;
    struct effect *x = fx_add(f, FX_SET, !takes_energy_away(r, f->p, w->chan, w->value));

    r->token = r->next_token++;
    r->set_sent_at = r->at;
    if (is_cycler_set(f->p, w->chan) && r->change_at == NSEC_NEVER)
        r->change_at = r->at;
    x->chan = w->chan;
    x->value = w->value;
    x->token = r->token;
}

static int direction_now(const struct run *r, const struct program *p)
{
    const struct act *a = act_of(r, p);

    /* A row that is being set may be over before its last set goes out: each row is held against its
     * own direction where it is made, so that the wider of the two is right here. */
    if (a && a->verb == VERB_DRIVE)
        return p->charge_max_a < p->discharge_max_a ? -1 : 1;
    return a ? a->direction : 0;
}

static bool is_ramping(const struct run *r, chan_id chan)
{
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++)
        if (r->ramp[i].active && r->ramp[i].chan == chan)
            return true;
    return false;
}

static bool is_there(const struct run *r, const struct program *p, const struct run_want *w)
{
    /* a set-point that is exactly equal is never sent again; one that differs by less than the wire
     * can say neither */
    return w->chan != p->role.mode &&
           fabs(w->value - r->written[w->chan]) <= 0.5 * p->station.chan[w->chan].resolution;
}

/* For the look at the resting cell the voltage limit is as wide as the bench allows: a source of 0 A
 * whose limit is below the cell's voltage would drain it, at a current that nothing holds. */
static bool is_wide_look(const struct run *r, const struct program *p, chan_id chan)
{
    return chan == p->role.voltage_limit && r->state == RUN_ARMED && r->phase == ARMED_LIMITS;
}

static bool want_fits(const struct run *r, const struct program *p, const struct run_want *w)
{
    const struct station_chan *c = &p->station.chan[w->chan];

    if (is_wide_look(r, p, w->chan))
        return isfinite(w->value) && inside(w->value, c->min, c->max, slack(c));
    return want_check(p, w->chan, w->value, direction_now(r, p));
}

bool want_pump(struct feed *f)
{
    struct run *r = f->r;

    while (!r->token && r->want_at < r->n_want) {
        const struct run_want *w = &r->want[r->want_at];

        if (!want_fits(r, f->p, w)) {
            struct why why = WHY(CAUSE_SET_RANGE);

            why.chan = w->chan;
            why.value = w->value;
            run_stop(f, VERDICT_FAIL, why);
            return false;
        }
        if (!is_there(r, f->p, w)) {
            send(f, w);
            return false;
        }
        if (!is_ramping(r, w->chan))
            r->setpoint[w->chan] = w->value;
        r->want_at++;
    }
    if (r->token)
        return false;
    r->n_want = r->want_at = 0;
    return true;
}

/* A current changes with the confirmation when the instrument has not told better. */
static void implied_edge(struct feed *f, chan_id chan)
{
    struct run *r = f->r;
    const struct run_charge *c = &r->count;
    bool off = mode_is(r, f->p, CYCLER_OFF);

    if (!is_cycler_set(f->p, chan))
        return;
    if (c->edge_at == NSEC_NEVER || c->edge_at <= r->set_sent_at ||
        (c->open && !off && !mode_is(r, f->p, CYCLER_REST)))
        count_edge(r, f->e->stamp > r->at ? r->at : f->e->stamp, !off);
}

/* On a slow line a ramp shall not send its next step into the answer of the last: the polls want
 * their turn. */
static void ramp_rest(struct run *r, const struct program *p, chan_id chan)
{
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++)
        if (r->ramp[i].active && r->ramp[i].chan == chan &&
            r->ramp[i].tick_at < r->moment + real_time(p, RAMP_TICK_S) / 2)
            r->ramp[i].tick_at = r->moment + real_time(p, RAMP_TICK_S) / 2;
}

void set_confirmed(struct feed *f)
{
    struct run *r = f->r;
    const struct event *e = f->e;
    const struct run_want *w = &r->want[r->want_at];

    if (e->token != r->token) { /* given up in the meantime */
        if (isnan(r->written[e->chan]))
            r->written[e->chan] = e->value;
        return;
    }
    r->written[w->chan] = w->value;
    if (!is_ramping(r, w->chan))
        r->setpoint[w->chan] = w->value;
    ramp_rest(r, f->p, w->chan);
    r->token = 0;
    r->want_at++;
    implied_edge(f, w->chan);
    if (w->chan == f->p->role.limit_charge)
        count_limit(r, -(double)INFINITY, w->value);
    else if (w->chan == f->p->role.limit_discharge)
        count_limit(r, -w->value, (double)INFINITY);
    else if (w->chan == f->p->role.current_limit)
        count_limit(r, -w->value, w->value);
}

static bool cycler_is_silent(const struct run *r)
{
    uint16_t g = r->derived.cycler_group;

    return g != PROG_NONE &&
           (r->group_lost[g] || r->at - r->group_at[g] > r->derived.group_stale[g]);
}

static void set_failed(struct feed *f, enum cause cause, chan_id chan, double value)
{
    struct run *r = f->r;
    struct why why = WHY(cause);

    r->written[chan] = (double)NAN;
    if (r->state == RUN_PAUSED && is_cycler_set(f->p, chan) &&
        (cause == CAUSE_INST_LOST || cause == CAUSE_SET_TIMEOUT) && cycler_is_silent(r)) {
        want_clear(r); /* the pause is about this instrument: it gets its second limit */
        r->rest_due = 1;
        return;
    }
    why.chan = chan;
    why.value = value;
    run_stop(f, VERDICT_FAIL, why);
}

void set_bad(struct feed *f)
{
    const struct event *e = f->e;

    if (e->token != f->r->token) {
        f->r->written[e->chan] = (double)NAN;
        return;
    }
    set_failed(f,
               e->kind == EV_SET_MISMATCH  ? CAUSE_SET_MISMATCH
               : e->kind == EV_SET_REFUSED ? CAUSE_SET_REFUSED
                                           : CAUSE_INST_LOST,
               e->chan, e->value);
}

void set_timer(struct feed *f)
{
    struct run *r = f->r;

    if (r->token && r->at - r->set_sent_at >= real_time(f->p, SET_TIMEOUT_S))
        set_failed(f, CAUSE_SET_TIMEOUT, r->want[r->want_at].chan, r->want[r->want_at].value);
}

/* ---- Ramps ---------------------------------------------------------------------------------- */

void ramp_cancel(struct run *r, chan_id chan)
{
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++)
        if (r->ramp[i].active && r->ramp[i].chan == chan) {
            r->ramp[i].active = 0;
            r->setpoint[chan] = r->written[chan]; /* it stays where it got to */
        }
}

/* Where it stands: as written, else as measured. A press at rest reads a little below zero on half
 * of all load cells, and no regulator can be set there: what lies outside its range is the error of
 * the measurement. */
double ramp_from(const struct run *r, const struct program *p, chan_id chan)
{
    chan_id measured = chan == p->role.pressure_set      ? p->role.pressure
                       : chan == p->role.temperature_set ? p->role.temperature
                                                         : CHAN_NONE;
    const struct station_chan *c = &p->station.chan[chan];
    double v;

    if (!isnan(r->written[chan]) || measured == CHAN_NONE)
        return r->written[chan];
    v = isnan(r->chan[measured].value) ? r->chan[measured].raw : r->chan[measured].value;
    return isnan(v) ? v : fmin(fmax(v, c->min), c->max);
}

void ramp_start(struct feed *f, chan_id chan, double to, double per_s)
{
    struct run *r = f->r;
    struct run_ramp *m = NULL;
    double from = ramp_from(r, f->p, chan);

    ramp_cancel(r, chan);
    for (size_t i = 0; i < RUN_RAMPS_MAX && !m; i++)
        if (!r->ramp[i].active)
            m = &r->ramp[i];
    per_s = fabs(per_s);
    if (!m || !want_check(f->p, chan, to, 0) || !(per_s > 0.0) ||
        isnan(from)) { /* from nowhere it would be a jump */
        struct why why = WHY(CAUSE_SET_RANGE);

        why.chan = chan;
        why.value = to;
        run_stop(f, VERDICT_FAIL, why);
        return;
    }
    r->setpoint[chan] = to;
    *m = (struct run_ramp){.chan = chan,
                           .active = 1,
                           .from = from,
                           .to = to,
                           .per_s = per_s,
                           .since = r->moment,
                           .tick_at = r->moment};
}

void ramps_tick(struct feed *f)
{
    struct run *r = f->r;

    for (size_t i = 0; i < RUN_RAMPS_MAX; i++) {
        struct run_ramp *m = &r->ramp[i];
        double way, v;

        if (!m->active || r->n_want || r->token || m->tick_at > r->moment)
            continue;
        way = m->per_s * nsec_to_s(r->moment - m->since);
        v = way >= fabs(m->to - m->from) ? m->to : m->to > m->from ? m->from + way : m->from - way;
        m->tick_at = r->moment + real_time(f->p, RAMP_TICK_S);
        m->active = way < fabs(m->to - m->from);
        if (m->active && fabs(v - r->written[m->chan]) < f->p->station.chan[m->chan].resolution)
            continue;
        want_add(f, m->chan, v);
    }
}

nsec ramps_wake(const struct run *r)
{
    nsec at = NSEC_NEVER;

    if (r->token)
        return at; /* its answer wakes */
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++)
        if (r->ramp[i].active && r->ramp[i].tick_at < at)
            at = r->ramp[i].tick_at;
    return at;
}

bool ramps_moving(const struct run *r)
{
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++)
        if (r->ramp[i].active)
            return true;
    return false;
}

void ramps_shift(struct run *r, nsec by)
{
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++) {
        if (!r->ramp[i].active)
            continue;
        r->ramp[i].since += by;
        r->ramp[i].tick_at += by;
    }
}
