/* procedures/engine/record.c - which samples are kept, and how fast the cycler is asked while that
 * matters. */
#include "procedures/engine/run_priv.h"

#define PAUSED_PERIOD_S 30.0

/* The phase of the act's record rule at this time in the act; NULL: none is given. */
static const struct record_phase *phase_at(const struct program *p, const struct act *a, double t_s)
{
    uint16_t first = a && a->n_records ? a->first_record : p->first_record;
    uint16_t n = a && a->n_records ? a->n_records : p->n_default_records;
    uint16_t i = 0;

    if (!n)
        return NULL;
    while (i + 1 < n && t_s >= p->records[first + i].for_s) {
        t_s -= p->records[first + i].for_s;
        i++;
    }
    return &p->records[first + i];
}

static double act_time_s(const struct run *r)
{
    return r->acting == ACTING_ON && r->moment > r->act_began ? nsec_to_s(r->moment - r->act_began)
                                                              : 0.0;
}

static double delta_of(const struct record_phase *ph, enum chan_kind kind)
{
    switch (kind) {
    case KIND_VOLTAGE_V: return ph->delta_v;
    case KIND_CURRENT_A: return ph->delta_a;
    case KIND_PRESSURE_PA: return ph->delta_pa;
    case KIND_TEMPERATURE_K: return ph->delta_k;
    case KIND_POWER_W:
    case KIND_FORCE_N:
    case KIND_FLOW_MOL_S:
    case KIND_FRACTION:
    case KIND_SWITCH:
    case KIND_STATE:
    case KIND_CHARGE_C:
    case KIND_ENERGY_J:
    case KIND_RESISTANCE_OHM:
    case KIND_COUNT: break;
    }
    return (double)INFINITY;
}

static bool moved(const struct feed *f, const struct record_phase *ph, uint16_t group)
{
    const struct station_group *g = &f->p->station.group[group];
    const struct run_record *rec = &f->r->record[group];

    for (uint8_t i = 0; i < g->n; i++) {
        double v = f->r->chan[g->chan[i]].value, d = v - rec->last_v[i];

        if (isnan(v) != isnan(rec->last_v[i]) ||
            fabs(d) >= delta_of(ph, f->p->station.chan[g->chan[i]].kind))
            return true;
    }
    return false;
}

/* A quarter of a poll early counts as due, so that jitter does not drop every other row. */
static bool period_over(const struct run *r, uint16_t group, double period_s)
{
    double early_s = fmin(0.25 * r->group_period_s[group], 0.25 * period_s);

    return r->moment - r->record[group].last_at >= nsec_from_s(period_s - early_s);
}

static bool ends_before_next(const struct run *r, uint16_t group)
{
    nsec next = r->moment + nsec_from_s(r->group_period_s[group]);

    return r->acting == ACTING_ON && r->for_at != NSEC_NEVER && r->for_at <= next;
}

static bool due(const struct feed *f, uint16_t group)
{
    const struct run *r = f->r;
    const struct record_phase *ph;

    if (r->state == RUN_SAFING || !r->record[group].any)
        return true;
    if (r->state != RUN_RUNNING)
        return period_over(r, group, PAUSED_PERIOD_S);
    ph = phase_at(f->p, act_of(r, f->p), act_time_s(r));
    if (!ph)
        return period_over(r, group, PAUSED_PERIOD_S) || ends_before_next(r, group);
    return (isfinite(ph->period_s) && period_over(r, group, ph->period_s)) || moved(f, ph, group) ||
           ends_before_next(r, group);
}

void record_sample(struct feed *f, bool last)
{
    struct run *r = f->r;
    uint16_t group = f->e->code;
    const struct station_group *g = &f->p->station.group[group];
    struct run_record *rec = &r->record[group];
    struct effect *x;

    if (!last && !due(f, group))
        return;
    rec->any = 1;
    rec->last_at = r->moment;
    for (uint8_t i = 0; i < g->n; i++)
        rec->last_v[i] = r->chan[g->chan[i]].value;
    f->recorded = true;
    x = fx_add(f, FX_RECORD, false);
    x->code = group;
    x->v[0] = r->count.charge_c.sum;
    x->v[1] = r->count.energy_j.sum;
    x->v[2] = (double)r->cycle;
    x->v[3] = r->acting == ACTING_ON || r->acting == ACTING_LEAVING ? (double)r->now.number : 0.0;
}

void record_begin(struct feed *f)
{
    for (uint16_t g = 0; g < f->p->station.n_groups; g++)
        f->r->record[g].any = 0;
}

/* ---- Poll period of the cycler ------------------------------------------------------------------
 */

/* A save at a time: soon after the begin of the act it needs its own period; shortly before it is
 * due the samples come ten times closer, so that one falls near it. */
static double period_for_save(const struct run *r, double at_s, double ordinary_s)
{
    double left_s = at_s - act_time_s(r);

    if (at_s > 0.0 && at_s < ordinary_s)
        return at_s;
    return left_s <= 1.5 * ordinary_s ? 0.1 * ordinary_s : (double)INFINITY;
}

/* Shortest period that the act needs now. */
static double wanted_period_s(const struct run *r, const struct program *p, const struct act *a,
                              double ordinary_s)
{
    const struct record_phase *ph = phase_at(p, a, act_time_s(r));
    double s = ph && isfinite(ph->period_s) ? ph->period_s : (double)INFINITY;

    for (uint16_t i = 0; i < a->n_saves; i++) {
        const struct save *v = &p->saves[a->first_save + i];

        if (!isnan(v->at_s) && (r->acting != ACTING_ON || (r->saves_done >> i & 1u) == 0))
            s = fmin(s, period_for_save(r, v->at_s, ordinary_s));
    }
    if (a->verb == VERB_DRIVE) /* a row without a sample would not be counted */
        s = fmin(s, 0.5 * p->drives[a->drive].shortest_s);
    return s;
}

void record_poll(struct feed *f, bool ending)
{
    struct run *r = f->r;
    uint16_t g = r->derived.cycler_group;
    const struct station_group *sg;
    const struct act *a = act_of(r, f->p);
    double s;
    struct effect *x;

    if (g == PROG_NONE)
        return;
    sg = &f->p->station.group[g];
    s = sg->period_s;
    if (!ending && a)
        s = fmin(s, fmax(wanted_period_s(r, f->p, a, sg->period_s), sg->fastest_s));
    if (fabs(s - r->group_period_s[g]) < 1e-9)
        return;
    r->group_period_s[g] = s;
    x = fx_add(f, FX_POLL_PERIOD, false);
    x->code = g;
    x->value = s;
}
