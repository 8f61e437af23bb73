/* procedures/engine/profile_run.c - an act that follows a profile: which row it is, what that asks
 * of the cycler, and when the next one begins.
 *
 * Nothing is kept but the act's own begin, which pauses move: the row follows from the time, so
 * that a pause or a restart goes on where it was, and a row whose sets were late is not made up
 * for. */
#include "procedures/engine/run_priv.h"

#define FOLLOW_SHARE 0.002 /* of a power: the limit follows the voltage in such steps */

static const struct drive *drive_of(const struct program *p, const struct act *a)
{
    return &p->drives[a->drive];
}

/* Time in the profile. While the act's time stands still, so does the profile. */
static nsec profile_time(const struct run *r)
{
    if (r->acting != ACTING_ON && !r->resuming)
        return 0; /* its sets are going out */
    return (r->act_paused_at == NSEC_NEVER ? r->moment : r->act_paused_at) - r->act_began;
}

static uint32_t row_at(const struct drive *d, nsec t)
{
    uint32_t lo = 0, hi = d->n;

    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (nsec_from_s(d->at_s[mid]) <= t)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

nsec drive_wake(const struct run *r, const struct program *p)
{
    const struct act *a = act_of(r, p);
    const struct drive *d;

    if (!a || a->verb != VERB_DRIVE || r->acting != ACTING_ON || r->token || r->n_want)
        return NSEC_NEVER;
    d = drive_of(p, a);
    return r->act_began + nsec_from_s(d->at_s[row_at(d, profile_time(r)) + 1]);
}

/* Which ways it drives: bit 0 charging, bit 1 discharging. */
static unsigned ways(const struct drive *d)
{
    unsigned both = 0;

    for (uint32_t k = 0; k < d->n && both != 3; k++)
        both |= d->value[k] > 0.0 ? 1u : d->value[k] < 0.0 ? 2u : 0u;
    return both;
}

int drive_way(const struct program *p, const struct act *a)
{
    unsigned w = ways(drive_of(p, a));

    return w == 1 ? 1 : w == 2 ? -1 : 0;
}

bool drive_discharges(const struct program *p, const struct act *a)
{
    return (ways(drive_of(p, a)) & 2u) != 0;
}

/* ---- What a row asks for ---- */

struct asked {
    int direction; /* 0: no current */
    double amps;   /* magnitude; NaN: nobody knows */
    bool beyond;   /* the row wants more than article or instrument allow: amps is what they do */
    bool follows;  /* a power: the limit follows the voltage */
};

static chan_id limit_chan(const struct program *p, int direction)
{
    const struct prog_roles *o = &p->role;

    if (o->limit_charge != CHAN_NONE && o->limit_discharge != CHAN_NONE)
        return direction < 0 ? o->limit_discharge : o->limit_charge;
    return o->current_limit;
}

static struct asked asked_by(const struct run *r, const struct program *p, const struct drive *d,
                             uint32_t k)
{
    double v = d->value[k], most;
    double scale = d->scale == PROG_NONE ? 1.0 : expr_value(r, p, d->scale, NULL);
    struct asked x = {.direction = v > 0.0 ? 1 : v < 0.0 ? -1 : 0};

    if (x.direction == 0)
        return x;
    if (!(scale > 0.0))
        scale = (double)NAN;
    if (d->kind == DRIVE_CRATE)
        scale *= r->one_c_a;
    x.amps = fabs(v) * scale;
    if (d->kind == DRIVE_POWER) {
        double now_v = fabs(r->chan[p->role.voltage].raw);

        x.amps = now_v > 0.0 ? x.amps / now_v : (double)NAN;
        x.follows = true;
    }
    most = fmin(x.direction > 0 ? p->charge_max_a : p->discharge_max_a,
                p->station.chan[limit_chan(p, x.direction)].max);
    x.beyond = x.amps > most * (1.0 + 1e-9);
    if (x.beyond)
        x.amps = most;
    return x;
}

/* A limit that cannot be made so small is none: then the output rests. */
static bool rests(const struct program *p, const struct asked *x)
{
    chan_id c = limit_chan(p, x->direction);

    return x->amps < p->station.chan[c].min - 0.5 * p->station.chan[c].resolution;
}

/* Of a row without current: the level of the one before, else of the one after, so that nothing
 * moves. */
static int level_direction(const struct drive *d, uint32_t k)
{
    for (uint32_t i = k + 1; i-- > 0;)
        if (d->value[i] > 0.0 || d->value[i] < 0.0)
            return d->value[i] > 0.0 ? 1 : -1;
    for (uint32_t i = k; i < d->n; i++)
        if (d->value[i] > 0.0 || d->value[i] < 0.0)
            return d->value[i] > 0.0 ? 1 : -1;
    return 1;
}

static double level_v(const struct run *r, const struct program *p, const struct act *a, uint32_t k)
{
    if (level_direction(drive_of(p, a), k) > 0)
        return a->v_hi == PROG_NONE ? p->v_hi : expr_value(r, p, a->v_hi, NULL);
    return a->v_lo == PROG_NONE ? p->v_lo : expr_value(r, p, a->v_lo, NULL);
}

static size_t limits_for(const struct program *p, const struct asked *x, struct limit_wish ret[2])
{
    const struct prog_roles *o = &p->role;

    if (o->limit_charge != CHAN_NONE && o->limit_discharge != CHAN_NONE) {
        ret[0] = (struct limit_wish){o->limit_charge, x->direction > 0 ? x->amps : 0.0};
        ret[1] = (struct limit_wish){o->limit_discharge, x->direction < 0 ? x->amps : 0.0};
        return 2;
    }
    ret[0] = (struct limit_wish){o->current_limit, x->amps};
    return 1;
}

/* Does it stand already? A power does not chase every millivolt. */
static bool stands(const struct run *r, const struct program *p, const struct limit_wish *w,
                   bool follows)
{
    double slack = 0.5 * p->station.chan[w->chan].resolution;

    if (follows && w->value > 0.0 && r->written[w->chan] > 0.0)
        slack = fmax(4.0 * slack, FOLLOW_SHARE * w->value);
    return fabs(w->value - r->written[w->chan]) <= slack;
}

static void unknown(struct feed *f, chan_id chan)
{
    struct why why = WHY(CAUSE_SET_RANGE);

    why.chan = chan;
    run_stop(f, VERDICT_FAIL, why);
}

/* always: whether it stands or not. */
static void wants_for(struct feed *f, const struct act *a, const struct asked *x, uint32_t k,
                      bool always)
{
    const struct run *r = f->r;
    const struct program *p = f->p;
    double level = level_v(r, p, a, k);
    struct limit_wish w[2];
    size_t n;
    bool there;

    if (rests(p, x)) {
        if (!mode_is(r, p, CYCLER_REST))
            want_rest_anew(f);
        return;
    }
    n = limits_for(p, x, w);
    there =
        mode_is(r, p, CYCLER_VOLTAGE) && fabs(level - r->written[p->role.voltage_set]) <=
                                             0.5 * p->station.chan[p->role.voltage_set].resolution;
    for (size_t i = 0; i < n; i++)
        there = there && stands(r, p, &w[i], x->follows);
    if (always || !there)
        source_wants(f, w, n, level);
}

void drive_wants(struct feed *f, const struct act *a)
{
    const struct drive *d = drive_of(f->p, a);
    uint32_t k = row_at(d, profile_time(f->r));
    struct asked x = asked_by(f->r, f->p, d, k);

    if (isnan(x.amps))
        unknown(f, limit_chan(f->p, x.direction));
    else
        wants_for(f, a, &x, k, true);
}

bool drive_tick(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = act_of(r, f->p);
    const struct drive *d;
    struct asked x;
    uint32_t k;

    if (!a || a->verb != VERB_DRIVE || r->acting != ACTING_ON || r->state != RUN_RUNNING ||
        r->n_want || r->token)
        return false;
    d = drive_of(f->p, a);
    k = row_at(d, profile_time(r));
    x = asked_by(r, f->p, d, k);
    if (isnan(x.amps)) {
        unknown(f, limit_chan(f->p, x.direction));
    } else if (x.beyond && a->at_limit != LIMIT_CLIP) {
        r->next_step = (step_id)(r->step + 1);
        act_end(f, a->at_limit == LIMIT_SKIP ? CAUSE_SKIP : CAUSE_LIMIT, PROG_NONE);
        return true;
    } else {
        wants_for(f, a, &x, k, false);
    }
    return r->n_want > 0;
}
