/* procedures/engine/drive.c - which sets an act needs: output to rest, a voltage source with
 * limits, a current; and what its file line sets besides. */
#include "procedures/engine/run_priv.h"

static double value_of(const struct run *r, const struct program *p, expr_id x, double otherwise)
{
    return x == PROG_NONE ? otherwise : expr_value(r, p, x, NULL);
}

/* The largest current that article and instrument allow. */
static double limit_most(const struct program *p, chan_id chan, double article)
{
    return chan == CHAN_NONE ? article : fmin(article, p->station.chan[chan].max);
}

/* Power and resistance become a current at the present voltage. */
static double rate_now(const struct run *r, const struct program *p, const struct act *a)
{
    double at = value_of(r, p, a->at, (double)NAN);
    double v = p->role.voltage == CHAN_NONE ? (double)NAN : r->chan[p->role.voltage].raw;

    if (a->at_kind == AT_POWER)
        return fabs(at / v);
    if (a->at_kind == AT_RESISTANCE)
        return fabs(v / at);
    return at;
}

static size_t limits_of(const struct run *r, const struct program *p, const struct act *a,
                        struct limit_wish ret[2])
{
    const struct prog_roles *o = &p->role;
    bool given = a->at != PROG_NONE && a->at_kind != AT_NONE;
    double rate = given ? fabs(rate_now(r, p, a)) : 0.0;
    double in = given ? rate : limit_most(p, o->limit_charge, p->charge_max_a);
    double out = given ? rate : limit_most(p, o->limit_discharge, p->discharge_max_a);

    if (o->limit_charge != CHAN_NONE && o->limit_discharge != CHAN_NONE) {
        ret[0] = (struct limit_wish){o->limit_charge, a->direction < 0 ? 0.0 : in};
        ret[1] = (struct limit_wish){o->limit_discharge, a->direction > 0 ? 0.0 : out};
        return 2;
    }
    ret[0] = (struct limit_wish){
        o->current_limit,
        given ? rate : limit_most(p, o->current_limit, fmin(p->charge_max_a, p->discharge_max_a))};
    return 1;
}

static double source_level(const struct run *r, const struct program *p, const struct act *a)
{
    if (a->v_set != PROG_NONE)
        return expr_value(r, p, a->v_set, NULL);
    return a->direction < 0 ? value_of(r, p, a->v_lo, p->v_lo) : value_of(r, p, a->v_hi, p->v_hi);
}

void source_wants(struct feed *f, const struct limit_wish *w, size_t n, double level_v)
{
    const struct run *r = f->r;
    const struct prog_roles *o = &f->p->role;
    bool already = mode_is(r, f->p, CYCLER_VOLTAGE);

    for (size_t i = 0; i < n; i++)
        if (!already || !(w[i].value > r->written[w[i].chan]))
            want_add(f, w[i].chan, w[i].value);
    want_add(f, o->voltage_set, level_v);
    for (size_t i = 0; i < n; i++)
        if (already && w[i].value > r->written[w[i].chan])
            want_add(f, w[i].chan, w[i].value);
    if (!already)
        want_add(f, o->mode, CYCLER_VOLTAGE);
}

static void want_source(struct feed *f, const struct act *a)
{
    struct limit_wish w[2];
    size_t n = limits_of(f->r, f->p, a, w);

    source_wants(f, w, n, source_level(f->r, f->p, a));
}

static void want_current(struct feed *f, const struct act *a)
{
    const struct run *r = f->r;
    const struct prog_roles *o = &f->p->role;
    double lo = value_of(r, f->p, a->v_lo, f->p->v_lo), hi = value_of(r, f->p, a->v_hi, f->p->v_hi);

    if (o->voltage_limit != CHAN_NONE)
        want_add(f, o->voltage_limit,
                 isnan(lo) || isnan(hi) ? (double)NAN : fmax(fabs(lo), fabs(hi)));
    want_add(f, o->current_set, rate_now(r, f->p, a));
    if (!mode_is(r, f->p, CYCLER_CURRENT))
        want_add(f, o->mode, CYCLER_CURRENT);
}

/* An electrical act needs what drives the output; the compiler has seen to it, but a rate without a
 * limit must never leave. */
static bool can_drive(const struct program *p, const struct act *a)
{
    const struct prog_roles *o = &p->role;

    if (o->mode == CHAN_NONE)
        return false;
    if (a->verb == VERB_CURRENT)
        return o->current_set != CHAN_NONE;
    return o->voltage_set != CHAN_NONE &&
           (o->current_limit != CHAN_NONE ||
            (o->limit_charge != CHAN_NONE && o->limit_discharge != CHAN_NONE));
}

/* One set-point of the file. A chamber begins to control only when it knows where to. */
static void want_set(struct feed *f, const struct act_set *s)
{
    const struct prog_roles *o = &f->p->role;
    bool starts = s->chan == o->temperature_set && o->chamber_mode != CHAN_NONE &&
                  !(fabs(f->r->written[o->chamber_mode] - (double)CHAMBER_CONSTANT) < 0.5);

    if (s->rate == PROG_NONE) {
        ramp_cancel(f->r, s->chan);
        want_add(f, s->chan, expr_value(f->r, f->p, s->value, NULL));
    } else if (starts) {
        want_add(f, s->chan, ramp_from(f->r, f->p, s->chan));
    }
    if (starts)
        want_add(f, o->chamber_mode, CHAMBER_CONSTANT);
}

/* Which way its current can flow: a voltage that is held takes either. */
static int way_of(const struct run *r, const struct program *p, const struct act *a)
{
    if (a->verb == VERB_CURRENT)
        return rate_now(r, p, a) < 0.0 ? -1 : 1;
    if (a->verb == VERB_DRIVE)
        return drive_way(p, a);
    return a->direction;
}

void act_wants(struct feed *f, const struct act *a, bool electrical_only)
{
    const struct prog_roles *o = &f->p->role;

    if (is_electrical(a)) {
        if (!can_drive(f->p, a)) {
            run_stop(f, VERDICT_FAIL, WHY(CAUSE_SET_RANGE));
            return;
        }
        if (!preflight_temperature(f, way_of(f->r, f->p, a)))
            return;
        if (a->verb == VERB_CURRENT)
            want_current(f, a);
        else if (a->verb == VERB_DRIVE)
            drive_wants(f, a);
        else
            want_source(f, a);
    } else if (a->output_off && o->mode != CHAN_NONE) {
        if (!mode_is(f->r, f->p, CYCLER_OFF))
            want_add(f, o->mode, CYCLER_OFF);
    } else if (o->mode != CHAN_NONE && !mode_is(f->r, f->p, CYCLER_REST)) {
        want_rest_anew(f);
    }
    if (electrical_only)
        return;
    for (size_t i = 0; i < a->n_sets; i++)
        want_set(f, &a->set[i]);
}

/* Power and resistance: the current limit follows the voltage. */
void act_follow(struct feed *f, const struct act *a)
{
    struct run *r = f->r;
    struct limit_wish w[2];
    size_t n;

    if (a->at_kind == AT_CURRENT || a->at_kind == AT_NONE || a->verb == VERB_CURRENT || r->n_want ||
        r->token)
        return;
    n = limits_of(r, f->p, a, w);
    for (size_t i = 0; i < n; i++)
        if (fabs(w[i].value - r->written[w[i].chan]) >
            fmax(2.0 * f->p->station.chan[w[i].chan].resolution, 0.002 * fabs(w[i].value)))
            want_add(f, w[i].chan, w[i].value);
}
