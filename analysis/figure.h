/* analysis/figure.h - a number with what stands behind it: its uncertainty, and the rows it came
 * from; or the reason why there is none.
 *
 * Uncertainties are standard ones (1 sigma). What an instrument states as a limit of error is taken
 * as a rectangle, so a third root of it. Where the instrument states nothing, the resolution seen
 * in the rows is all that is counted, and whoever prints it says so.
 */
#ifndef ANALYSIS_FIGURE_H
#define ANALYSIS_FIGURE_H

#include "analysis/recording.h"

#include <stdbool.h>
#include <stddef.h>

struct figure {
    double v;        /* NaN: not identifiable */
    double u;        /* NaN: not known */
    const char *why; /* of a NaN; NULL otherwise */
};

struct rows {
    size_t first, n; /* from 0 */
};

#define FIGURE_OF_LIMIT 0.57735026918962576 /* 1 / sqrt 3 */

static inline struct figure figure_none(const char *why)
{
    return (struct figure){(double)__builtin_nan(""), (double)__builtin_nan(""), why};
}

/* u of a difference of two readings that one instrument took soon after another: its offset falls
 * out, gain and resolution stay. */
double figure_u_difference(double difference, const struct recording_accuracy *a);
/* u of one reading: gain, offset and resolution. */
double figure_u_reading(double reading, const struct recording_accuracy *a);
/* As stated, or the smallest step from row to row where the instrument states no resolution.
 * ret_stated: it states its accuracy. */
struct recording_accuracy figure_accuracy(const struct recording_accuracy *stated, const double *v,
                                          size_t n, bool *ret_stated);
/* a / b of independent figures. */
struct figure figure_ratio(struct figure a, struct figure b);

#endif
