/* analysis/steps.c - one step's charge, energy and extremes. */
#include "analysis/steps.h"

#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

/* ---- Our integral ---- */

/* Positive and negative part of a trapezoid whose ends differ in sign: two triangles. */
static void add_crossing(double a, double b, double dt_s, double *in, double *out)
{
    double whole = fabs(a) + fabs(b), part = dt_s * b * b / (2.0 * whole);
    double rest = dt_s * a * a / (2.0 * whole);

    *in += b > 0.0 ? part : rest;
    *out += b > 0.0 ? rest : part;
}

static void add_piece(double a, double b, double dt_s, double *in, double *out)
{
    if (a * b < 0.0) {
        add_crossing(a, b, dt_s, in, out);
    } else if (a + b >= 0.0) {
        *in += (a + b) / 2.0 * dt_s;
    } else {
        *out -= (a + b) / 2.0 * dt_s;
    }
}

struct sums {
    double in, out, in_wh, out_wh; /* As, Ws */
    double coarse, coarse_wh;      /* net, every second row only */
    double fine, fine_wh;          /* net, of the same stretch */
};

/* How far the trapezoid is from the integral is told by how far it is from itself on every second
 * row: a third of that (Richardson). */
static void coarse_piece(const struct recording *r, size_t k, struct sums *s)
{
    const double *t = r->t_s, *i = r->current_a, *v = r->voltage_v;
    double dt = t[k] - t[k - 2], h1 = t[k - 1] - t[k - 2], h2 = t[k] - t[k - 1];
    double p0 = i[k - 2] * v[k - 2], p1 = i[k - 1] * v[k - 1], p2 = i[k] * v[k];
    double coarse = (i[k - 2] + i[k]) / 2.0 * dt, coarse_wh = (p0 + p2) / 2.0 * dt;
    double fine = (i[k - 2] + i[k - 1]) / 2.0 * h1 + (i[k - 1] + i[k]) / 2.0 * h2;
    double fine_wh = (p0 + p1) / 2.0 * h1 + (p1 + p2) / 2.0 * h2;

    if (isfinite(fine_wh) && isfinite(coarse_wh)) {
        s->coarse += coarse;
        s->fine += fine;
        s->coarse_wh += coarse_wh;
        s->fine_wh += fine_wh;
    }
}

/* The interval before the step's first row. */
static void first_piece(const struct recording *r, const struct counters *c, size_t k,
                        struct sums *s)
{
    double dt = k > 0 ? r->t_s[k] - r->t_s[k - 1] : r->t_s[k], i = r->current_a[k];

    if (c->step_time_s && isfinite(c->step_time_s[k]) && c->step_time_s[k] >= 0.0) {
        dt = c->step_time_s[k];
    } else if (k == 0) {
        dt = 0.0; /* nothing says when it began */
    }
    if (isfinite(i) && isfinite(r->voltage_v[k])) {
        add_piece(i, i, dt, &s->in, &s->out);
        /* by the current's direction: a cell that is reversed gives energy while it is charged */
        *(i > 0.0 ? &s->in_wh : &s->out_wh) += fabs(i) * r->voltage_v[k] * dt;
    }
}

static void integrate(const struct recording *r, const struct recording_step *st, struct sums *s)
{
    const double *t = r->t_s, *i = r->current_a, *v = r->voltage_v;
    size_t end = st->first + st->n;
    double in = 0.0, out = 0.0, in_wh = 0.0, out_wh = 0.0;

    for (size_t k = st->first + 1; k < end; k++) {
        double dt = t[k] - t[k - 1], mean = (i[k - 1] + i[k]) / 2.0;
        double power = (i[k - 1] * v[k - 1] + i[k] * v[k]) / 2.0;

        if (i[k - 1] * i[k] < 0.0) {
            add_crossing(i[k - 1], i[k], dt, &in, &out);
            if (isfinite(power)) {
                add_piece(i[k - 1] * v[k - 1], i[k] * v[k], dt, &in_wh, &out_wh);
            }
        } else if (mean > 0.0) {
            in += mean * dt;
            in_wh += isfinite(power) ? power * dt : 0.0;
        } else if (mean < 0.0) { /* neither for NaN */
            out -= mean * dt;
            out_wh -= isfinite(power) ? power * dt : 0.0;
        }
    }
    for (size_t k = st->first + 2; k < end; k += 2) {
        coarse_piece(r, k, s);
    }
    s->in += in;
    s->out += out;
    s->in_wh += in_wh;
    s->out_wh += out_wh;
}

/* ---- Extremes ---- */

static void extremes(const struct recording *r, const struct recording_step *st,
                     struct step_sum *ret)
{
    const double *v = r->voltage_v, *i = r->current_a;
    double v_min = INFINITY, v_max = -INFINITY, i_lo = 0.0, i_hi = 0.0, sum = 0.0;
    size_t end = st->first + st->n, bad = 0;

    for (size_t k = st->first; k < end; k++) {
        v_min = v[k] < v_min ? v[k] : v_min;
        v_max = v[k] > v_max ? v[k] : v_max;
        i_lo = i[k] < i_lo ? i[k] : i_lo;
        i_hi = i[k] > i_hi ? i[k] : i_hi;
        sum += i[k] == i[k] ? i[k] : 0.0;
        bad += !(i[k] == i[k]) || !(v[k] == v[k]);
    }
    ret->v_first = v[st->first];
    ret->v_last = v[end - 1];
    ret->v_min = v_min <= v_max ? v_min : (double)NAN;
    ret->v_max = v_min <= v_max ? v_max : (double)NAN;
    ret->i_max = i_hi > -i_lo ? i_hi : i_lo;
    ret->i_mean = bad < st->n ? sum / (double)(st->n - bad) : (double)NAN;
    ret->n_invalid = bad;
}

/* ---- The instrument's own ---- */

void counters_of(const struct recording *r, struct counters *ret)
{
    *ret = (struct counters){.in_ah = recording_extra(r, "counter_in_ah"),
                             .out_ah = recording_extra(r, "counter_out_ah"),
                             .net_ah = recording_extra(r, "counter_ah"),
                             .in_wh = recording_extra(r, "counter_in_wh"),
                             .out_wh = recording_extra(r, "counter_out_wh"),
                             .net_wh = recording_extra(r, "counter_wh"),
                             .step_time_s = recording_extra(r, "step_time_s")};
    if (!ret->in_ah || !ret->out_ah) {
        ret->in_ah = ret->out_ah = NULL;
    }
    if (!ret->in_wh || !ret->out_wh) {
        ret->in_wh = ret->out_wh = NULL;
    }
}

/* What a counter gained over a step. Whether it began anew with the step is seen at its first row,
 * which has moved `expected` since: whichever of the two readings is nearer to that. */
static double gained(const double *counter, const struct recording_step *s, double expected)
{
    double first = counter[s->first], last = counter[s->first + s->n - 1];
    double before = s->first > 0 ? counter[s->first - 1] : 0.0;

    if (isnan(before) || fabs(first - expected) < fabs(first - before - expected)) {
        before = 0.0;
    }
    return last - before;
}

static double positive(double x)
{
    return x > 0.0 ? x : isnan(x) ? x : 0.0;
}

struct pair {
    double in, out;
};

/* From two counters, or from a net one where only one direction was gone. */
static bool read_counter(const double *in, const double *out, const double *net,
                         const struct recording_step *s, const struct pair *first, struct pair *ret)
{
    if (in) {
        ret->in = positive(gained(in, s, first->in));
        ret->out = positive(gained(out, s, first->out));
        return true;
    }
    if (!net) {
        return false;
    }
    if (s->mode == RECORDING_MIXED) {
        *ret = (struct pair){NAN, NAN};
        return true;
    }
    /* some count a discharge up, some down: the mode knows which it is */
    ret->in = s->mode == RECORDING_CHARGE ? fabs(gained(net, s, first->in)) : 0.0;
    ret->out = s->mode == RECORDING_DISCHARGE
                   ? fabs(gained(net, s, net[s->first + s->n - 1] < 0.0 ? -first->out : first->out))
                   : 0.0;
    return true;
}

void step_sum(const struct recording *r, const struct counters *c, const struct recording_step *s,
              struct step_sum *ret)
{
    struct sums first = {0}, all;
    struct pair q = {0}, e = {0}, first_q, first_e;

    *ret = (struct step_sum){
        .rows = {s->first, s->n},
        .number = s->number,
        .source_cycle = s->cycle,
        .mode = s->mode,
        .end_s = r->t_s[s->first + s->n - 1]
    };
    first_piece(r, c, s->first, &first);
    all = first;
    integrate(r, s, &all);
    extremes(r, s, ret);
    ret->begin_s = s->first > 0 ? r->t_s[s->first - 1] : r->t_s[0];
    if (c->step_time_s && isfinite(c->step_time_s[s->first])) {
        ret->begin_s = r->t_s[s->first] - c->step_time_s[s->first];
    }
    ret->integral = (struct amounts){all.in / 3600.0, all.out / 3600.0, all.in_wh / 3600.0,
                                     all.out_wh / 3600.0};
    ret->sampling_ah = fabs(all.fine - all.coarse) / 3.0 / 3600.0;
    ret->sampling_wh = fabs(all.fine_wh - all.coarse_wh) / 3.0 / 3600.0;
    first_q = (struct pair){first.in / 3600.0, first.out / 3600.0};
    first_e = (struct pair){first.in_wh / 3600.0, first.out_wh / 3600.0};
    ret->has_counter = read_counter(c->in_ah, c->out_ah, c->net_ah, s, &first_q, &q);
    ret->has_wh_counter = read_counter(c->in_wh, c->out_wh, c->net_wh, s, &first_e, &e);
    ret->counter = (struct amounts){q.in, q.out, e.in, e.out};
}

int charge_along(const struct recording *r, double **ret, struct diag *reterr)
{
    double *q = malloc((r->n > 0 ? r->n : 1) * sizeof(*q)), as = 0.0;
    const double *t = r->t_s, *i = r->current_a;
    struct counters c;

    if (!q) {
        return diag_add(reterr, E_NOMEM, "no memory for %zu rows", r->n);
    }
    counters_of(r, &c);
    for (size_t s = 0; s < r->n_steps; s++) {
        const struct recording_step *st = &r->steps[s];
        bool rest = st->mode == RECORDING_REST;
        struct sums first = {0};

        first_piece(r, &c, st->first, &first);
        as += rest ? 0.0 : first.in - first.out;
        q[st->first] = as / 3600.0;
        for (size_t k = st->first + 1; k < st->first + st->n; k++) {
            double piece = rest ? 0.0 : (i[k - 1] + i[k]) / 2.0 * (t[k] - t[k - 1]);

            as += piece == piece ? piece : 0.0;
            q[k] = as / 3600.0;
        }
    }
    *ret = q;
    return 0;
}
