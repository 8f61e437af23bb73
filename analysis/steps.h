/* analysis/steps.h - one step's charge, energy and extremes: the inner loop of cycles.c. */
#ifndef ANALYSIS_STEPS_H
#define ANALYSIS_STEPS_H

#include "analysis/cycles.h"

/* The instrument's counters of a recording; NULL where it has none. */
struct counters {
    const double *in_ah, *out_ah, *net_ah, *in_wh, *out_wh, *net_wh, *step_time_s;
};
void counters_of(const struct recording *r, struct counters *ret);

void step_sum(const struct recording *r, const struct counters *c, const struct recording_step *s,
              struct step_sum *ret);

/* Currents up to this are none: the rule stands at the top of split.c. */
double rest_current_a(const struct recording *r);

/* Net charge since the first row at every row, by the rule of cycles.h; n doubles, heap. */
int charge_along(const struct recording *r, double **ret, struct diag *reterr) MUST_USE;

#endif
