/* analysis/resistance.c - pulses found by their shape, and what they say. */
#include "analysis/resistance.h"

#include "analysis/steps.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

#define REST_MIN_S 10.0
#define RELAXED_S  600.0
#define SLACK_S    2e-3 /* a clock that gives 9.9999 s means 10 s */

enum {
    NOISE_ROWS = 12
};

const double resistance_times_s[RESISTANCE_TIMES] = {0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 18.0, 30.0};

struct finder {
    const struct recording *r;
    const double *v, *step_time_s, *net_ah;
    double rest_a, rest_min_s;
    struct pulses p;
    size_t size;
};

/* ---- Noise ---- */

/* Of the last rows of the rest, by their second differences: a slope does not count. */
static double noise_v(const double *v, size_t first, size_t last)
{
    double sum = 0.0;
    size_t n = 0;

    if (last - first > NOISE_ROWS) {
        first = last - NOISE_ROWS;
    }
    for (size_t k = first + 1; k + 1 <= last; k++) {
        double d = v[k + 1] - 2.0 * v[k] + v[k - 1];

        if (isfinite(d)) {
            sum += d * d;
            n++;
        }
    }
    return n > 0 ? sqrt(sum / (6.0 * (double)n)) : 0.0;
}

/* ---- One pulse ---- */

struct at {
    double v, i, slope_v; /* V/s around it */
};

static bool value_at(const struct finder *f, const struct pulse *p, double t_s, struct at *ret)
{
    const double *t = f->r->t_s, *i = f->r->current_a;
    double at = p->t_s + t_s;

    for (size_t k = p->rows.first; k < p->rows.first + p->rows.n; k++) {
        size_t a = k > p->rows.first ? k - 1 : k;
        double w;

        if (t[k] < at - SLACK_S) {
            continue;
        }
        if (k == p->rows.first && t[k] > at + SLACK_S) {
            return false;
        }
        w = t[k] > t[a] && t[k] > at ? (at - t[a]) / (t[k] - t[a]) : 1.0;
        *ret = (struct at){f->v[a] + w * (f->v[k] - f->v[a]), i[a] + w * (i[k] - i[a]),
                           t[k] > t[a] ? fabs(f->v[k] - f->v[a]) / (t[k] - t[a]) : 0.0};
        return isfinite(ret->v) && isfinite(ret->i);
    }
    return false;
}

static struct figure resistance_at(const struct finder *f, const struct pulse *p, double t_s,
                                   double noise, double edge_s)
{
    struct at a;
    double dv, di, u_v, u_i, r;

    if (t_s < p->first_s - SLACK_S) {
        return figure_none("the first row comes later");
    }
    if (t_s > p->length_s + SLACK_S) {
        return figure_none("the current has ended before");
    }
    if (!value_at(f, p, t_s, &a)) {
        return figure_none("rows without a valid value");
    }
    dv = a.v - p->v0_v;
    di = a.i - p->i0_a;
    u_v = figure_u_difference(dv, &f->p.voltage);
    u_v = sqrt(u_v * u_v + 2.0 * noise * noise + pow(a.slope_v * edge_s / sqrt(12.0), 2.0));
    u_i = figure_u_difference(di, &f->p.current);
    r = dv / di;
    return (struct figure){r, hypot(u_v / di, r * u_i / di), NULL};
}

static bool goes_on(const struct finder *f, size_t k, size_t row)
{
    const struct recording *r = f->r;

    return row < r->n && r->step[row] == r->step[k] && r->cycle[row] == r->cycle[k] &&
           fabs(r->current_a[row]) > f->rest_a &&
           (r->current_a[row] > 0.0) == (r->current_a[k] > 0.0);
}

/* The row after the pulse, or after the first one that lies behind the last time. */
static size_t end_of(const struct finder *f, const struct pulse *p, double *ret_mean_a)
{
    double until = p->t_s + resistance_times_s[RESISTANCE_TIMES - 1], sum = 0.0;
    size_t k = p->rows.first, row = k;

    while (goes_on(f, k, row)) {
        sum += f->r->current_a[row++];
        if (f->r->t_s[row - 1] > until) {
            break;
        }
    }
    *ret_mean_a = sum / (double)(row - k);
    return row;
}

static void fill_pulse(const struct finder *f, struct pulse *p)
{
    const struct recording *r = f->r;
    size_t k = p->rows.first, rest = p->rest_row, from = rest, end;
    double edge_s = r->t_s[k] - r->t_s[rest], noise;

    p->t_s = r->t_s[rest];
    if (f->step_time_s && r->step[k] != r->step[rest] && f->step_time_s[k] >= 0.0) {
        p->t_s = r->t_s[k] - f->step_time_s[k];
        edge_s = 0.0;
    }
    while (from > 0 && fabs(r->current_a[from - 1]) <= f->rest_a) {
        from--;
    }
    p->rest_s = r->t_s[rest] - (from > 0 ? r->t_s[from - 1] : r->t_s[from]);
    end = end_of(f, p, &p->i_a);
    p->rows.n = end - k;
    p->first_s = r->t_s[k] - p->t_s;
    p->length_s = r->t_s[end - 1] - p->t_s;
    p->v0_v = f->v[rest];
    p->i0_a = r->current_a[rest];
    p->step_number = r->step[k];
    p->source_cycle = r->cycle[k];
    p->net_ah = f->net_ah[rest];
    noise = noise_v(f->v, from, rest);
    for (unsigned i = 0; i < RESISTANCE_TIMES; i++) {
        p->r_ohm[i] = resistance_at(f, p, resistance_times_s[i], noise, edge_s);
    }
}

/* ---- All pulses ---- */

static bool answers(const struct pulse *p)
{
    for (unsigned i = 0; i < RESISTANCE_TIMES; i++) {
        if (!p->r_ohm[i].why) {
            return true;
        }
    }
    return false;
}

static int add_pulse(struct finder *f, size_t row)
{
    struct pulse p = {
        .rows = {row, 0},
          .rest_row = row - 1
    };

    fill_pulse(f, &p);
    if (p.rest_s < f->rest_min_s || isnan(p.v0_v)) {
        return 0;
    }
    if (!answers(&p)) {
        f->p.n_silent++;
        return 0;
    }
    if (f->p.n == f->size) {
        size_t size = 2 * f->size + 32;
        struct pulse *more = realloc(f->p.row, size * sizeof(*more));

        if (!more) {
            return E_NOMEM;
        }
        f->p.row = more;
        f->size = size;
    }
    f->p.row[f->p.n++] = p;
    return 0;
}

static int find_pulses(struct finder *f)
{
    const double *i = f->r->current_a;
    int rc = 0;

    for (size_t k = 1; k < f->r->n && rc == 0; k++) {
        if (fabs(i[k - 1]) <= f->rest_a && fabs(i[k]) > f->rest_a) {
            rc = add_pulse(f, k);
        }
    }
    return rc;
}

/* Where the charge is on the recording's own scale. */
static void fill_soc(struct finder *f)
{
    double lo = 0.0, hi = 0.0;

    for (size_t k = 0; k < f->r->n; k++) {
        lo = fmin(lo, f->net_ah[k]);
        hi = fmax(hi, f->net_ah[k]);
    }
    f->p.capacity_ah = hi - lo;
    for (size_t s = 0; s < f->r->n_steps; s++) {
        const struct recording_step *st = &f->r->steps[s];

        for (size_t k = st->first; st->mode == RECORDING_REST && k < st->first + st->n; k++) {
            double as = k > 0 ? f->r->current_a[k] * (f->r->t_s[k] - f->r->t_s[k - 1]) : 0.0;

            f->p.rest_ah += isfinite(as) ? as / 3600.0 : 0.0;
        }
    }
    for (size_t k = 0; k < f->p.n; k++) {
        f->p.row[k].soc = hi > lo ? (f->p.row[k].net_ah - lo) / (hi - lo) : (double)NAN;
    }
}

/* ---- Power ---- */

/* At the charge of p, straight between the relaxed pulses around it. */
static struct figure ocv_at(const struct pulses *all, const struct pulse *p)
{
    double u = figure_u_reading(p->v0_v, &all->voltage);
    const struct pulse *below = NULL, *above = NULL;

    if (p->rest_s >= RELAXED_S) {
        return (struct figure){p->v0_v, u, NULL};
    }
    for (size_t k = 0; k < all->n; k++) {
        const struct pulse *x = &all->row[k];

        if (x->rest_s < RELAXED_S) {
            continue;
        }
        if (x->net_ah <= p->net_ah && (!below || x->net_ah > below->net_ah)) {
            below = x;
        }
        if (x->net_ah >= p->net_ah && (!above || x->net_ah < above->net_ah)) {
            above = x;
        }
    }
    if (!below || !above) {
        return figure_none("no rest of 10 min on both sides of this charge");
    }
    if (above->net_ah <= below->net_ah) {
        return (struct figure){below->v0_v, u, NULL};
    }
    return (struct figure){below->v0_v + (above->v0_v - below->v0_v) * (p->net_ah - below->net_ah) /
                                             (above->net_ah - below->net_ah),
                           u, NULL};
}

static void fill_power(const struct pulses *all, struct pulse *p)
{
    const struct figure *r = NULL;
    double limit = p->i_a > 0.0 ? all->v_max : all->v_min, room;

    p->ocv_v = ocv_at(all, p);
    p->power_s = (double)NAN;
    for (unsigned i = 0; i < RESISTANCE_TIMES; i++) {
        if (!p->r_ohm[i].why) {
            r = &p->r_ohm[i];
            p->power_s = resistance_times_s[i];
        }
    }
    if (!r || !(r->v > 0.0)) {
        p->power_w = figure_none(r ? "no positive resistance" : "no resistance");
        return;
    }
    if (p->ocv_v.why) {
        p->power_w = figure_none(p->ocv_v.why);
        return;
    }
    room = fabs(limit - p->ocv_v.v);
    p->power_w.v = limit * room / r->v;
    p->power_w.u = limit * hypot(p->ocv_v.u / r->v, room * r->u / (r->v * r->v));
    p->power_w.why = NULL;
}

static void extremes(const double *v, size_t n, double *ret_lo, double *ret_hi)
{
    *ret_lo = INFINITY;
    *ret_hi = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        *ret_lo = v[k] < *ret_lo ? v[k] : *ret_lo;
        *ret_hi = v[k] > *ret_hi ? v[k] : *ret_hi;
    }
}

static void prepare(struct finder *f, const struct resistance_options *opt)
{
    const struct recording *r = f->r;
    double lo, hi;
    bool ignored;

    f->v = opt->voltage_v ? opt->voltage_v : r->voltage_v;
    f->step_time_s = recording_extra(r, "step_time_s");
    f->rest_a = rest_current_a(r);
    f->rest_min_s = opt->rest_min_s > 0.0 ? opt->rest_min_s : REST_MIN_S;
    f->p.voltage = figure_accuracy(&r->voltage, f->v, r->n, &f->p.stated);
    f->p.current = figure_accuracy(&r->current, r->current_a, r->n, &ignored);
    extremes(f->v, r->n, &lo, &hi);
    f->p.v_min = opt->v_min > 0.0 ? opt->v_min : lo;
    f->p.v_max = opt->v_max > 0.0 ? opt->v_max : hi;
}

int pulses_of(const struct recording *r, const struct resistance_options *opt, struct pulses *ret,
              struct diag *reterr)
{
    static const struct resistance_options usual = {0};
    struct finder f = {.r = r};
    double *net_ah = NULL;
    int rc;

    if (r->n == 0) {
        return diag_add(reterr, E_NOENT, "the recording has no rows");
    }
    rc = charge_along(r, &net_ah, reterr);
    if (rc < 0) {
        return rc;
    }
    f.net_ah = net_ah;
    prepare(&f, opt ? opt : &usual);
    rc = find_pulses(&f);
    if (rc < 0) {
        free(net_ah);
        pulses_done(&f.p);
        return diag_add(reterr, rc, "no memory for the pulses");
    }
    fill_soc(&f);
    for (size_t k = 0; k < f.p.n; k++) {
        fill_power(&f.p, &f.p.row[k]);
    }
    free(net_ah);
    *ret = f.p;
    return 0;
}

void pulses_done(struct pulses *p)
{
    free(p->row);
    *p = (struct pulses){0};
}
