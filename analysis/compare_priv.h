/* analysis/compare_priv.h - between compare.c (rows, scores) and what is compared with. */
#ifndef ANALYSIS_COMPARE_PRIV_H
#define ANALYSIS_COMPARE_PRIV_H

#include "analysis/compare.h"

/* Rows with time, axis, segment and what was measured; other_v NaN. */
int compare_begin(const struct recording *r, enum compare_by by,
                  const struct compare_limits *limits, struct compare *ret,
                  struct diag *reterr) MUST_USE;
/* Which rows are judged, and the scores. */
void compare_score(struct compare *c, const struct recording *r);

/* Time since the step began of its row k; the first row's own where the source says it, else 0. */
double compare_step_time_s(const struct recording *r, const struct recording_step *s, size_t k);
/* What flowed up to each row of a step since it began, in Ah, as a magnitude. ret: s->n values. */
void compare_step_charge(const struct recording *r, const struct recording_step *s, double *ret);
/* 0 at rest; where it is not valid the last valid one of the step. */
double compare_current_a(const struct recording *r, const struct recording_step *s, size_t k);

#endif
