/* analysis/figure.c - what stands behind a number. */
#include "analysis/figure.h"

#include <math.h>

enum {
    LOOK_AT = 20000 /* rows: enough to meet the smallest step */
};

/* Below it two neighbours differ by arithmetic, not by what was measured. */
#define SAME        1e-9
#define STEPS_LEAST 4.0

double figure_u_difference(double difference, const struct recording_accuracy *a)
{
    double gain = isnan(a->reading) ? 0.0 : a->reading * difference * FIGURE_OF_LIMIT;
    double step = isnan(a->resolution) ? 0.0 : a->resolution / sqrt(12.0);

    return sqrt(gain * gain + 2.0 * step * step);
}

double figure_u_reading(double reading, const struct recording_accuracy *a)
{
    double gain = isnan(a->reading) ? 0.0 : a->reading * reading * FIGURE_OF_LIMIT;
    double offset = isnan(a->offset) ? 0.0 : a->offset * FIGURE_OF_LIMIT;
    double step = isnan(a->resolution) ? 0.0 : a->resolution / sqrt(12.0);

    return sqrt(gain * gain + offset * offset + step * step);
}

/* Of what takes only a few values, the step says nothing of how finely it is read. */
static double smallest_step(const double *v, size_t n)
{
    double least = INFINITY, lo = INFINITY, hi = -INFINITY;

    n = n > LOOK_AT ? LOOK_AT : n;
    for (size_t k = 1; k < n; k++) {
        double d = fabs(v[k] - v[k - 1]);

        lo = v[k] < lo ? v[k] : lo;
        hi = v[k] > hi ? v[k] : hi;
        if (d > SAME * (1.0 + fabs(v[k])) && d < least) {
            least = d;
        }
    }
    return hi - lo >= STEPS_LEAST * least ? least : (double)NAN;
}

struct recording_accuracy figure_accuracy(const struct recording_accuracy *stated, const double *v,
                                          size_t n, bool *ret_stated)
{
    struct recording_accuracy a = *stated;

    *ret_stated = isfinite(a.reading) || isfinite(a.offset);
    if (!(a.resolution > 0.0)) {
        a.resolution = smallest_step(v, n);
    }
    return a;
}

struct figure figure_ratio(struct figure a, struct figure b)
{
    double ratio = a.v / b.v;

    if (a.why || b.why) {
        return figure_none(a.why ? a.why : b.why);
    }
    if (!isfinite(ratio)) {
        return figure_none("nothing to divide by");
    }
    return (struct figure){ratio, fabs(ratio) * hypot(a.u / a.v, b.u / b.v), NULL};
}
