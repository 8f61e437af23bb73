/* analysis/ica.c - the constant current part of each half cycle, differentiated. */
#include "analysis/ica.h"

#include "analysis/steps.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

#define CONSTANT_WITHIN 0.02
#define SHARE_LEAST     0.5   /* of the half's charge, in one constant current */
#define RATE_MOST_1_H   0.105 /* C/10, with room for a cell that is not quite the nominal one */
#define BACK_LEAST_V    0.005
#define BACK_STEPS      3.0
#define POINTS_LEAST    30
#define LOOKS           4096
#define GRID            0.002 /* V, or of the charge */
#define EDGE_SKIP       0.02  /* of the half: where current begins, voltage may turn */

struct work {
    const struct recording *r;
    struct ica_options opt;
    struct ica a;
    size_t size;
};

/* ---- Which rows ---- */

static double piece_as(const struct recording *r, size_t k)
{
    double as = (r->current_a[k - 1] + r->current_a[k]) / 2.0 * (r->t_s[k] - r->t_s[k - 1]);

    return as == as ? as : 0.0; /* a gap counts nothing */
}

/* About the row where half of the step's charge has flowed: a hold behind a constant current has
 * many rows but little charge. */
static size_t half_way(const struct recording *r, const struct step_sum *s)
{
    double half_as = fabs(s->integral.in_ah - s->integral.out_ah) * 1800.0, as = 0.0;
    size_t k = s->rows.first, last = k + s->rows.n - 1, stride = s->rows.n / LOOKS + 1;

    while (k + stride < last && fabs(as) < half_as) {
        double piece = r->current_a[k] * (r->t_s[k + stride] - r->t_s[k]);

        as += piece == piece ? piece : 0.0;
        k += stride;
    }
    return k;
}

/* Of the rows behind the first one. Two sums, so that one addition need not wait for the other. */
static double charge_ah(const struct recording *r, struct rows rows)
{
    double odd = 0.0, even = 0.0;
    size_t k = rows.first + 1, end = rows.first + rows.n;

    for (; k + 1 < end; k += 2) {
        odd += piece_as(r, k);
        even += piece_as(r, k + 1);
    }
    if (k < end) {
        odd += piece_as(r, k);
    }
    return fabs(odd + even) / 3600.0;
}

/* The rows until the first one at the end voltage: from there on voltage is held, and dQ/dV of what
 * flows then is no number. On the way there: the range, and the furthest way back against the
 * direction, without the first moments. */
struct way {
    size_t n;
    double lo, hi, back_v;
};

static struct way way_of(const double *v, size_t first, size_t end, bool charge)
{
    size_t skip = first + (size_t)(EDGE_SKIP * (double)(end - first)), at = first;
    double sign = charge ? 1.0 : -1.0, best = -INFINITY, low = INFINITY, least = INFINITY;
    struct way w = {0};

    for (size_t k = first; k < end; k++) {
        double x = sign * v[k];

        least = x < least ? x : least;
        if (x > best) {
            w.back_v = k >= skip && best - low > w.back_v ? best - low : w.back_v;
            best = x;
            low = x;
            at = k;
        }
        low = x < low && k >= skip ? x : low;
    }
    w.n = at < end ? at + 1 - first : end - first;
    w.lo = charge ? least : -best;
    w.hi = charge ? best : -least;
    return w;
}

static void constant_part(const struct work *w, const struct step_sum *s, struct ica_half *h,
                          struct way *way)
{
    const double *i = w->r->current_a;
    size_t first = half_way(w->r, s), end = first, stop = s->rows.first + s->rows.n;
    double within, steps = w->a.current.resolution;

    h->i_a = i[first];
    within = fmax(CONSTANT_WITHIN * fabs(h->i_a), steps > 0.0 ? 2.0 * steps : 0.0);
    while (end < stop && fabs(i[end] - h->i_a) <= within) {
        end++;
    }
    while (end > first && first > s->rows.first && fabs(i[first - 1] - h->i_a) <= within) {
        first--;
    }
    *way = way_of(w->r->voltage_v, first, end, h->charge);
    h->rows = (struct rows){first, way->n};
    h->back_v = way->back_v;
    h->charge_ah = h->rows.n > 0 ? charge_ah(w->r, h->rows) : 0.0;
}

/* The longest step by charge in the direction. */
static const struct step_sum *main_step(const struct cycles *c, const struct cycle_sum *y,
                                        bool charge)
{
    const struct step_sum *best = NULL;
    double most = 0.0;

    for (size_t i = y->first_step; i < y->first_step + y->n_steps; i++) {
        const struct step_sum *s = &c->step[i];
        double ah = charge ? s->integral.in_ah : s->integral.out_ah;

        if (s->mode != RECORDING_REST && ah > most) {
            most = ah;
            best = s;
        }
    }
    return best;
}

static double edge_v(const struct recording *r, const struct step_sum *s, double rest_a)
{
    size_t k = s->rows.first;

    if (k == 0 || !(fabs(r->current_a[k - 1]) <= rest_a)) {
        return NAN;
    }
    return fabs(r->voltage_v[k] - r->voltage_v[k - 1]);
}

/* ---- One half ---- */

static const char *not_this(const struct work *w, const struct ica_half *h, double half_ah)
{
    if (h->rows.n < POINTS_LEAST) {
        return "fewer than 30 rows of constant current";
    }
    if (h->charge_ah < SHARE_LEAST * half_ah) {
        return "less than half of the charge flowed in one constant current";
    }
    if (w->opt.kind == ICA_DQ_DV &&
        h->back_v > fmax(BACK_LEAST_V, BACK_STEPS * w->a.voltage.resolution)) {
        return "the voltage turns back: charge is no function of it (dva is)";
    }
    return NULL;
}

/* Rows of a half cycle for curve_of(). */
struct half_rows {
    const struct recording *r;
    size_t first;
    double r_ohm, as; /* as: charge up to the row before the next block */
    bool dq_dv;
};

static void fill_charge(struct half_rows *h, size_t first, size_t n, double *q)
{
    double as = first == 0 ? 0.0 : h->as;

    for (size_t k = 0; k < n; k++) {
        as += first + k > 0 ? piece_as(h->r, h->first + first + k) : 0.0;
        q[k] = fabs(as) / 3600.0;
    }
    h->as = as;
}

static void fill_voltage(const struct half_rows *h, size_t first, size_t n, double *v)
{
    const double *from = h->r->voltage_v + h->first + first;
    const double *i = h->r->current_a + h->first + first;

    for (size_t k = 0; k < n; k++) {
        v[k] = from[k] - h->r_ohm * i[k];
    }
}

static void fill_rows(void *ctx, size_t first, size_t n, double *x, double *y)
{
    struct half_rows *h = ctx;
    double *v = h->dq_dv ? x : y, *q = h->dq_dv ? y : x;

    if (v) {
        fill_voltage(h, first, n, v);
    }
    if (q) {
        fill_charge(h, first, n, q);
    }
}

static void differentiate(struct work *w, struct ica_half *h, const struct way *way)
{
    struct curve_options o = {.dx = w->a.grid, .window = w->a.window, .step = NAN};
    bool dq_dv = w->a.kind == ICA_DQ_DV;
    struct half_rows from = {w->r, h->rows.first, w->opt.r_ohm, 0.0, dq_dv};
    bool as_is = dq_dv && !(w->opt.r_ohm > 0.0);
    struct curve_rows rows = {h->rows.n, as_is ? way->lo : 0.0, as_is ? way->hi : 0.0, &from,
                              fill_rows};
    double expected;

    if (dq_dv) {
        o.step = w->a.voltage.resolution;
    } else {
        o.dx *= h->charge_ah;
    }
    if (curve_of(&rows, &o, &h->curve, NULL) < 0) {
        h->why = "too few points for the smoothing";
        return;
    }
    expected = dq_dv ? h->charge_ah : h->curve.span;
    h->conserved = h->curve.integral / expected - 1.0;
    curve_find_peaks(&h->curve);
    h->is_conserved = fabs(h->conserved) <= ICA_CONSERVED_WITHIN;
    h->is_slow = h->rate_1_h <= RATE_MOST_1_H;
}

static int add_half(struct work *w, const struct cycles *c, const struct cycle_sum *y, bool charge)
{
    const struct step_sum *s = main_step(c, y, charge);
    struct ica_half h = {
        .cycle = y->number, .source_cycle = y->source_cycle, .charge = charge, .conserved = NAN};
    struct way way;
    double half_ah = charge ? y->integral.in_ah : y->integral.out_ah;

    if (!s) {
        return 0;
    }
    if (w->a.n == w->size) {
        size_t size = 2 * w->size + 32;
        struct ica_half *p = realloc(w->a.half, size * sizeof(*p));

        if (!p) {
            return E_NOMEM;
        }
        w->a.half = p;
        w->size = size;
    }
    constant_part(w, s, &h, &way);
    h.rate_1_h = fabs(h.i_a) / half_ah;
    h.v_edge_v = edge_v(w->r, s, rest_current_a(w->r));
    h.why = not_this(w, &h, half_ah);
    if (!h.why) {
        differentiate(w, &h, &way);
    }
    w->a.half[w->a.n++] = h;
    return 0;
}

static int all_halves(struct work *w, const struct cycles *c, struct diag *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < c->n && rc == 0; i++) {
        rc = add_half(w, c, &c->cycle[i], c->charge_first);
        if (rc == 0) {
            rc = add_half(w, c, &c->cycle[i], !c->charge_first);
        }
    }
    return rc < 0 ? diag_add(reterr, rc, "no memory for the half cycles") : 0;
}

int ica_of(const struct recording *r, const struct cycles *c, const struct ica_options *opt,
           struct ica *ret, struct diag *reterr)
{
    struct work w = {.r = r, .opt = *opt};
    bool ignored;
    int rc;

    w.a.kind = opt->kind;
    w.a.window = (opt->window > 0 ? opt->window : opt->kind == ICA_DV_DQ ? 11U : 15U) | 1U;
    w.a.voltage = figure_accuracy(&r->voltage, r->voltage_v, r->n, &w.a.stated);
    w.a.current = figure_accuracy(&r->current, r->current_a, r->n, &ignored);
    w.a.grid = opt->grid > 0.0 ? opt->grid : GRID;
    if (!(opt->grid > 0.0) && opt->kind == ICA_DQ_DV && w.a.voltage.resolution > 0.0) {
        w.a.grid = fmax(GRID, 2.0 * w.a.voltage.resolution); /* a string, say, read to 10 mV */
    }
    rc = all_halves(&w, c, reterr);
    if (rc < 0) {
        ica_done(&w.a);
        return rc;
    }
    ica_track(&w.a, opt->track_within > 0.0 ? opt->track_within : 0.03);
    *ret = w.a;
    return 0;
}

void ica_done(struct ica *a)
{
    for (size_t i = 0; i < a->n; i++) {
        curve_done(&a->half[i].curve);
    }
    free(a->half);
    *a = (struct ica){0};
}
