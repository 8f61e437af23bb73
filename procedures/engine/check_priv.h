/* procedures/engine/check_priv.h - intervals and costs, shared by bounds.c, check.c and plan.c. */
#ifndef PROCEDURES_ENGINE_CHECK_PRIV_H
#define PROCEDURES_ENGINE_CHECK_PRIV_H

#include "procedures/engine/check.h"

/* All values that an expression can have. measured: it depends on what the run will measure, then
 * lo and hi are what is known all the same. */
struct interval {
    double lo, hi;
    bool measured;
};
struct interval bounds_expr(const struct program *p, expr_id e);
struct interval bounds_code(const struct program *p, uint32_t start, uint16_t n);
/* The X of a taper end (ends.c lays its code out). */
struct interval bounds_taper(const struct program *p, expr_id cond);

struct cost {
    double worst_s, expected_s, rows, bytes, acts;
};
/* Of steps [from, to), loops multiplied, of two branches the longer one. */
struct cost cost_steps(const struct program *p, step_id from, step_id to);
struct cost cost_act(const struct program *p, const struct act *a);
/* profile_check.c: is each row of the profile within article and bench, and can the cycler follow?
 * 0, or the code of the first finding. */
int drive_check(const struct program *p, const struct act *act, struct check_report *r,
                struct diag *reterr);
bool bounds_one_c_measured(const struct program *p);
double accuracy_of(const struct program *p, chan_id chan, double full_scale, double v);

#endif
