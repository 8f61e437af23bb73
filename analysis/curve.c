/* analysis/curve.c - a smoothed derivative on an even grid, and its peaks. */
#include "analysis/curve.h"

#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define SIGMAS     3.0
#define OF_TOP     0.03
#define LEVELS     0.5 /* of a grid step */
#define POINTS_MAX 4000000.0

/* ---- Levels ---- */

struct level {
    double x, y, n;
};

static size_t block_at(const struct curve_rows *rows, size_t first)
{
    return rows->n - first < CURVE_BLOCK ? rows->n - first : CURVE_BLOCK;
}

static void range_of(const struct curve_rows *rows, double *ret_lo, double *ret_hi)
{
    double x[CURVE_BLOCK], lo = INFINITY, hi = -INFINITY;

    for (size_t first = 0; first < rows->n; first += CURVE_BLOCK) {
        size_t n = block_at(rows, first);

        rows->fill(rows->ctx, first, n, x, NULL);
        for (size_t k = 0; k < n; k++) {
            lo = x[k] < lo ? x[k] : lo;
            hi = x[k] > hi ? x[k] : hi;
        }
    }
    *ret_lo = lo;
    *ret_hi = hi;
}

/* Levels that got rows, in order of x. */
static size_t gather(const struct curve_rows *rows, double lo, double width, struct level *level,
                     size_t n_levels)
{
    double x[CURVE_BLOCK], y[CURVE_BLOCK], per = 1.0 / width, end = (double)n_levels;
    size_t used = 0;

    for (size_t first = 0; first < rows->n; first += CURVE_BLOCK) {
        size_t n = block_at(rows, first);

        rows->fill(rows->ctx, first, n, x, y);
        for (size_t k = 0; k < n; k++) {
            double at = (x[k] - lo) * per + 0.5;

            if (at >= 0.0 && at < end && y[k] == y[k]) { /* not for NaN */
                struct level *l = &level[(unsigned)at];

                l->x += x[k];
                l->y += y[k];
                l->n += 1.0;
            }
        }
    }
    for (size_t i = 0; i < n_levels; i++) {
        if (level[i].n > 0.0) {
            level[used++] = (struct level){level[i].x / level[i].n, level[i].y / level[i].n, 1.0};
        }
    }
    return used;
}

static void lay_on_grid(const struct level *level, size_t n_levels, double x0, double dx, size_t n,
                        double *y)
{
    size_t j = 0;

    for (size_t i = 0; i < n; i++) {
        double x = x0 + dx * (double)i;

        while (j + 2 < n_levels && level[j + 1].x < x) {
            j++;
        }
        y[i] = level[j].y +
               (level[j + 1].y - level[j].y) * (x - level[j].x) / (level[j + 1].x - level[j].x);
    }
}

/* ---- Savitzky and Golay, order 2 ---- */

struct parabola {
    double a, b, c; /* a + b i + c i^2, i counted from the window's middle */
};

static struct parabola fit(const double *y, size_t middle, size_t half)
{
    double n = 2.0 * (double)half + 1.0, s2 = 0.0, s4 = 0.0, m0 = 0.0, m1 = 0.0, m2 = 0.0;
    struct parabola p;

    for (size_t k = 0; k <= 2 * half; k++) {
        double i = (double)k - (double)half, v = y[middle - half + k];

        s2 += i * i;
        s4 += i * i * i * i;
        m0 += v;
        m1 += v * i;
        m2 += v * i * i;
    }
    p.c = (n * m2 - s2 * m0) / (n * s4 - s2 * s2);
    p.a = (m0 - p.c * s2) / n;
    p.b = m1 / s2;
    return p;
}

/* d[i] = |slope| at i; returns the standard deviation of y around the parabolas. */
static double differentiate(const double *y, size_t n, size_t half, double dx, double sign,
                            double *d)
{
    double sum = 0.0;

    for (size_t i = 0; i < n; i++) {
        size_t middle = i < half ? half : i + half >= n ? n - 1 - half : i;
        double off = (double)i - (double)middle, miss;
        struct parabola p = fit(y, middle, half);

        d[i] = sign * (p.b + 2.0 * p.c * off) / dx;
        miss = y[i] - (p.a + p.b * off + p.c * off * off);
        sum += miss * miss;
    }
    return sqrt(sum / (double)n);
}

static void finish(struct curve *c, const double *y, size_t half)
{
    double sign = y[c->n - 1] >= y[0] ? 1.0 : -1.0, s2 = 0.0, sigma;

    sigma = differentiate(y, c->n, half, c->dx, sign, c->y);
    for (size_t i = 1; i <= half; i++) {
        s2 += 2.0 * (double)i * (double)i;
    }
    c->noise = sigma / (c->dx * sqrt(s2));
    c->span = sign * (y[c->n - 1] - y[0]);
    for (size_t i = 1; i < c->n; i++) {
        c->integral += (c->y[i - 1] + c->y[i]) / 2.0 * c->dx;
    }
}

int curve_of(const struct curve_rows *rows, const struct curve_options *opt, struct curve *ret,
             struct diag *reterr)
{
    double lo, hi, width = LEVELS * opt->dx;
    struct curve c = {.dx = opt->dx};
    struct level *level;
    size_t n_levels, used, half = opt->window / 2;
    double *grid;

    if (rows->lo < rows->hi) {
        lo = rows->lo;
        hi = rows->hi;
    } else {
        range_of(rows, &lo, &hi);
    }
    width = opt->step > width ? opt->step : width;
    if (!(hi > lo) || !((hi - lo) / c.dx >= (double)(2 * half)) || half < 1 ||
        (hi - lo) / width > POINTS_MAX) {
        return diag_add(reterr, E_RANGE, "too few points for a window of %u", opt->window);
    }
    c.x0 = lo;
    c.n = (size_t)((hi - lo) / c.dx * (1.0 + 1e-12)) + 1;
    n_levels = (size_t)((hi - lo) / width) + 2;
    level = calloc(n_levels, sizeof(*level));
    grid = calloc(c.n, sizeof(*grid));
    c.y = malloc(c.n * sizeof(*c.y));
    if (!level || !grid || !c.y) {
        free(level);
        free(grid);
        curve_done(&c);
        return diag_add(reterr, E_NOMEM, "no memory for %zu points", c.n);
    }
    used = gather(rows, lo, width, level, n_levels);
    if (used >= 2) {
        lay_on_grid(level, used, c.x0, c.dx, c.n, grid);
        finish(&c, grid, half);
    }
    free(level);
    free(grid);
    if (used < 2) {
        curve_done(&c);
        return diag_add(reterr, E_RANGE, "too few points for a window of %u", opt->window);
    }
    *ret = c;
    return 0;
}

void curve_done(struct curve *c)
{
    free(c->y);
    *c = (struct curve){0};
}

/* ---- Peaks ---- */

/* The lowest point between a top and the next higher one on that side; the end counts as its foot.
 */
static size_t foot(const struct curve *c, size_t top, int side)
{
    size_t i = top, lowest = top;

    while (side > 0 ? i + 1 < c->n : i > 0) {
        i = side > 0 ? i + 1 : i - 1;
        if (c->y[i] > c->y[top]) {
            break;
        }
        lowest = c->y[i] < c->y[lowest] ? i : lowest;
    }
    return lowest;
}

static double crossing(const struct curve *c, size_t top, size_t end, double level)
{
    size_t i = top;

    while (i != end && c->y[i] > level) {
        i = end > top ? i + 1 : i - 1;
    }
    if (c->y[i] > level || i == top) {
        return NAN;
    }
    size_t above = end > top ? i - 1 : i + 1;
    double w = (c->y[above] - level) / (c->y[above] - c->y[i]);

    return c->x0 + c->dx * ((double)above + w * ((double)i - (double)above));
}

static void describe(const struct curve *c, size_t top, size_t left, size_t right,
                     struct curve_peak *p)
{
    double a = c->y[top - 1], b = c->y[top], d = c->y[top + 1], bend = a - 2.0 * b + d;
    double shift = bend < 0.0 ? 0.5 * (a - d) / bend : 0.0;

    p->x = c->x0 + c->dx * ((double)top + shift);
    p->height = b - 0.25 * (a - d) * shift;
    p->fwhm = crossing(c, top, right, p->height / 2.0) - crossing(c, top, left, p->height / 2.0);
    p->area = 0.0;
    for (size_t i = left + 1; i <= right; i++) {
        p->area += (c->y[i - 1] + c->y[i]) / 2.0 * c->dx;
    }
    p->u_height = c->noise;
    /* where a parabola over the half width has its top, with this noise on its points */
    p->u_x = hypot(c->dx / sqrt(12.0), bend < 0.0 ? c->noise / -bend * c->dx * 0.5 : 0.0);
    if (isfinite(p->fwhm) && p->u_x > p->fwhm / 4.0) {
        p->u_x = p->fwhm / 4.0;
    }
    p->track = 0;
}

/* The valley towards the next peak that was kept, or the end. */
static size_t valley(const struct curve *c, size_t from, size_t to)
{
    size_t lowest = from, step_up = to > from;

    for (size_t i = from; i != to; i = step_up ? i + 1 : i - 1) {
        lowest = c->y[i] < c->y[lowest] ? i : lowest;
    }
    return c->y[to] < c->y[lowest] ? to : lowest;
}

void curve_find_peaks(struct curve *c)
{
    size_t top[CURVE_PEAKS_MAX];
    double highest = 0.0, least;
    unsigned n = 0;

    for (size_t i = 0; i < c->n; i++) {
        highest = fmax(highest, c->y[i]);
    }
    least = fmax(SIGMAS * c->noise, OF_TOP * highest);
    for (size_t i = 1; i + 1 < c->n && n < CURVE_PEAKS_MAX; i++) {
        if (c->y[i] > c->y[i - 1] && c->y[i] >= c->y[i + 1]) {
            double l = c->y[foot(c, i, -1)], r = c->y[foot(c, i, 1)];

            c->peak[n].prominence = c->y[i] - fmax(l, r);
            if (c->peak[n].prominence >= least) {
                top[n++] = i;
            }
        }
    }
    c->n_peaks = n;
    for (unsigned k = 0; k < n; k++) {
        size_t left = valley(c, top[k], k > 0 ? top[k - 1] : 0);
        size_t right = valley(c, top[k], k + 1 < n ? top[k + 1] : c->n - 1);

        describe(c, top[k], left, right, &c->peak[k]);
    }
}
