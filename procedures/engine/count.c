/* procedures/engine/count.c - what flowed: charge and energy of the step and of the run.
 *
 * Between two samples the current is taken as a straight line. Where the output opened, closed or
 * changed in between, the instrument told the moment (an edge): until the first opening the last
 * sample holds, nothing flows while it is open, and from the last edge on the new sample's value
 * holds back. The part after the last edge is kept in `tail`, because it belongs to the act that
 * begins there even when its set is confirmed only later.
 */
#include "procedures/engine/run_priv.h"

static void add(struct run *r, double dq, double dj)
{
    struct run_charge *c = &r->count;

    if (c->counting) {
        sum_add(&c->charge_c, dq);
        sum_add(&c->energy_j, dj);
    }
    sum_add(&c->tail.charge_c, dq);
    sum_add(&c->tail.energy_j, dj);
    if (dq >= 0.0) {
        sum_add(&c->in_c, dq);
        sum_add(&c->in_j, dj);
        sum_add(&c->tail.in_c, dq);
        sum_add(&c->tail.in_j, dj);
    } else {
        sum_add(&c->out_c, -dq);
        sum_add(&c->out_j, -dj);
        sum_add(&c->tail.out_c, -dq);
        sum_add(&c->tail.out_j, -dj);
    }
    r->soc_c -= dq;
}

static void add_hold(struct run *r, double a, double v, nsec dt)
{
    double s = nsec_to_s(dt);

    if (dt > 0 && !isnan(a))
        add(r, a * s, isnan(v) ? 0.0 : a * v * s);
}

static void add_line(struct run *r, double a0, double v0, double a1, double v1, nsec dt)
{
    double s = nsec_to_s(dt), x, vx;

    if (dt <= 0)
        return;
    if (isnan(v0))
        v0 = v1;
    if (isnan(v1))
        v1 = v0;
    if (isnan(v0))
        v0 = v1 = 0.0;
    if ((a0 < 0.0 && a1 > 0.0) ||
        (a0 > 0.0 && a1 < 0.0)) { /* each direction gets its own triangle */
        x = a0 / (a0 - a1);
        vx = v0 + x * (v1 - v0);
        add(r, 0.5 * a0 * x * s, a0 * (2.0 * v0 + vx) / 6.0 * x * s);
        add(r, 0.5 * a1 * (1.0 - x) * s, a1 * (2.0 * v1 + vx) / 6.0 * (1.0 - x) * s);
        return;
    }
    /* the product of two straight lines, integrated */
    add(r, 0.5 * (a0 + a1) * s, (2.0 * a0 * v0 + a0 * v1 + a1 * v0 + 2.0 * a1 * v1) / 6.0 * s);
}

static void tail_clear(struct run_charge *c)
{
    memset(&c->tail, 0, sizeof(c->tail));
}

/* Up to the last edge: hold, then nothing while open. last_at is the last edge then. */
static void take_edges(struct run *r)
{
    struct run_charge *c = &r->count;
    nsec until;

    if (c->close_at == NSEC_NEVER)
        return;
    until = c->open_at == NSEC_NEVER ? c->close_at : c->open_at;
    if (c->valid)
        add_hold(r, c->last_a, c->last_v, until - c->last_at);
    c->last_a = c->open ? 0.0 : (double)NAN;
    c->last_at = c->close_at;
    c->open_at = c->close_at = NSEC_NEVER;
    tail_clear(c);
}

/* A limit became smaller than the current that flowed: from the edge on it is known without a
 * sample. */
void count_limit(struct run *r, double lo_a, double hi_a)
{
    struct run_charge *c = &r->count;
    double a = c->last_a, limited = fmax(lo_a, fmin(hi_a, a));

    if (!c->valid || isnan(a) || c->open || c->close_at == NSEC_NEVER || !(fabs(limited - a) > 0.0))
        return;
    take_edges(r);
    c->last_a = limited;
}

void count_edge(struct run *r, nsec stamp, bool closed)
{
    struct run_charge *c = &r->count;

    if (c->valid && stamp < c->last_at)
        stamp = c->last_at; /* told late: it cannot be put before what is counted already */
    if (c->close_at != NSEC_NEVER && stamp < c->close_at)
        stamp = c->close_at;
    if (c->open && c->open_at == NSEC_NEVER)
        c->open_at = c->last_at; /* open since before the last sample */
    if (!closed && c->open_at == NSEC_NEVER)
        c->open_at = stamp;
    c->open = !closed;
    c->close_at = c->edge_at = stamp;
    if (!c->valid) {
        c->valid = 1;
        c->last_at = stamp;
        c->last_a = closed ? (double)NAN : 0.0;
        c->open_at = c->close_at = NSEC_NEVER;
        tail_clear(c);
    }
}

/* The sample is older than edges told already: they stay for the next one. */
static void sample_before_edges(struct run *r, nsec stamp, double a, double v)
{
    struct run_charge *c = &r->count;
    nsec first = c->open_at == NSEC_NEVER ? c->close_at : c->open_at;

    if (stamp > first)
        return;
    if (isnan(c->last_a))
        add_hold(r, a, v, stamp - c->last_at);
    else
        add_line(r, c->last_a, c->last_v, a, v, stamp - c->last_at);
    c->last_a = a;
    c->last_v = v;
    c->last_at = stamp;
}

void count_sample(struct run *r, const struct program *p, nsec stamp)
{
    struct run_charge *c = &r->count;
    double a = r->chan[p->role.current].value;
    double v = p->role.voltage == CHAN_NONE ? (double)NAN : r->chan[p->role.voltage].value;

    if (isnan(a) && !c->open)
        return; /* the next good one draws the line across */
    if (c->open && c->close_at == NSEC_NEVER)
        a = 0.0;
    if (!c->valid) {
        c->valid = 1;
        c->last_a = a;
        c->last_v = v;
        c->last_at = stamp;
        return;
    }
    if (stamp <= c->last_at)
        return;
    if (c->close_at != NSEC_NEVER && stamp <= c->close_at) {
        if (!isnan(a))
            sample_before_edges(r, stamp, a, v);
        return;
    }
    take_edges(r);
    if (c->open)
        a = 0.0;
    if (isnan(c->last_a))
        add_hold(r, a, v, stamp - c->last_at);
    else
        add_line(r, c->last_a, c->last_v, a, v, stamp - c->last_at);
    c->last_a = a;
    c->last_v = isnan(v) ? c->last_v : v;
    c->last_at = stamp;
}

nsec count_boundary(const struct run *r)
{
    const struct run_charge *c = &r->count;

    return c->edge_at != NSEC_NEVER && r->change_at != NSEC_NEVER && c->edge_at >= r->change_at
               ? c->edge_at
               : r->moment;
}

void count_close(struct run *r, nsec t)
{
    struct run_charge *c = &r->count;

    if (!c->valid || t <= c->last_at)
        return;
    if (c->close_at != NSEC_NEVER && c->close_at <= t)
        take_edges(r);
    if (t > c->last_at && !isnan(c->last_a)) {
        add_hold(r, c->last_a, c->last_v, t - c->last_at);
        c->last_at = t;
    }
}

void count_end(struct run *r, nsec t)
{
    struct run_charge *c = &r->count;

    count_close(r, t);
    c->counting = 0;
    if (c->edge_at != t)
        return;
    sum_add(&c->charge_c, -c->tail.charge_c.sum);
    sum_add(&c->energy_j, -c->tail.energy_j.sum);
}

/* The counters of the step begin at t: what flowed since the last edge is its own when the edge is
 * t. */
void count_begin(struct run *r, nsec t)
{
    struct run_charge *c = &r->count;
    bool own = c->edge_at == t;

    r->base.in_c = c->in_c;
    r->base.out_c = c->out_c;
    r->base.in_j = c->in_j;
    r->base.out_j = c->out_j;
    memset(&c->charge_c, 0, sizeof(c->charge_c));
    memset(&c->energy_j, 0, sizeof(c->energy_j));
    c->counting = 1;
    if (!own)
        return;
    c->charge_c = c->tail.charge_c;
    c->energy_j = c->tail.energy_j;
    sum_add(&r->base.in_c, -c->tail.in_c.sum);
    sum_add(&r->base.out_c, -c->tail.out_c.sum);
    sum_add(&r->base.in_j, -c->tail.in_j.sum);
    sum_add(&r->base.out_j, -c->tail.out_j.sum);
}
