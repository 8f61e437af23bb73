/* analysis/curve.h - a smoothed derivative on an even grid, and its peaks.
 *
 * Rows are gathered into levels of x first (the mean of x and y in each, so that what a coarse
 * converter gives as one reading is one point), then y is laid straight between the levels onto the
 * grid, then differentiated by Savitzky and Golay: a parabola through `window` points, at the ends
 * the parabola of the last whole window.
 */
#ifndef ANALYSIS_CURVE_H
#define ANALYSIS_CURVE_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct diag;

enum {
    CURVE_PEAKS_MAX = 16,
    CURVE_BLOCK = 2048
};

struct curve_peak {
    double x, height; /* parabola through the three points around the top */
    double prominence;
    double fwhm; /* NaN: a valley comes before half the height */
    double area; /* between the valleys on both sides */
    double u_x, u_height;
    unsigned track; /* the same feature in other curves has the same; from 1 */
};

struct curve {
    double x0, dx;
    size_t n;
    double *y;             /* |dy/dx|; heap */
    double noise;          /* standard deviation of y by what smoothing took away */
    double span, integral; /* |y(end) - y(begin)| of what was differentiated; of the result */
    unsigned n_peaks;
    struct curve_peak peak[CURVE_PEAKS_MAX];
};

struct curve_options {
    double dx;
    unsigned window; /* odd */
    double step;     /* the smallest step of x; NaN: not known */
};

/* Where rows come from: asked for in blocks, from the first to the last, more than once. y may be
 * NULL. A block instead of whole columns, because fresh memory costs more than the arithmetic. */
struct curve_rows {
    size_t n;
    double lo, hi; /* of x, where they are known; else both 0: they are looked for */
    void *ctx;
    void (*fill)(void *ctx, size_t first, size_t n, double *x, double *y);
};

/* E_RANGE: fewer than `window` points. Rows with NaN are left out. */
int curve_of(const struct curve_rows *rows, const struct curve_options *opt, struct curve *ret,
             struct diag *reterr) MUST_USE;
/* Peaks with a prominence of at least three times the noise and 3 % of the highest. */
void curve_find_peaks(struct curve *c);
void curve_done(struct curve *c);

#endif
