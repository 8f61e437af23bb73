/* analysis/cell_curve.h - what one slow cycle tells of a cell: the leads of the set-up, the two
 * branches of its voltage and the open-circuit voltage between them.
 *
 * A slow recording may be made with long leads; every step of the current then moves the voltage by
 * lead and cell together. The lead is fitted from these steps, less what the cell itself answers
 * within the same second, and taken out: it is a property of the file, not of the cell.
 */
#ifndef ANALYSIS_CELL_CURVE_H
#define ANALYSIS_CELL_CURVE_H

#include "analysis/recording.h"
#include "base/attr.h"

#include <stdbool.h>

enum {
    CELL_CURVE_MAX = 801,
    CELL_STEPS_MAX = 16
};

/* One cycle: discharge, then charge, both from end to end. */
struct cell_cycle {
    const struct recording *of;
    struct recording_step discharge, charge;
    uint32_t cycle;
    double out_ah, in_ah; /* counted from the rows */
    double rate_a;        /* mean current of the discharge, positive */
};
/* cycle 0: the first whole one. E_NOENT when there is none. */
int cell_cycle_find(const struct recording *r, uint32_t cycle, struct cell_cycle *ret,
                    struct diag *reterr) MUST_USE;

struct cell_lead {
    unsigned n; /* steps of the current that were used */
    double step_ohm[CELL_STEPS_MAX];
    double sum_ohm, half95_ohm; /* lead and cell: dV = R dI by least squares */
    double after_s;             /* how long after the step the voltage was read */
    double cell_ohm, lead_ohm;  /* the cell's share, the file's */
};
/* From the steps of one cycle. E_RANGE when it has none. */
int cell_lead_fit(const struct cell_cycle *c, struct cell_lead *ret, struct diag *reterr) MUST_USE;

/* Over the charge taken out since full, evenly from 0 to out_ah. */
struct cell_curve {
    unsigned n;
    double out_ah;
    double discharge_v[CELL_CURVE_MAX]; /* less the lead */
    double charge_v[CELL_CURVE_MAX];    /* the same, on the discharge's axis */
    double charge_a[CELL_CURVE_MAX];    /* falls where the charge was held at its end */
};
int cell_curve_read(const struct cell_cycle *c, double lead_ohm, struct cell_curve *ret,
                    struct diag *reterr) MUST_USE;
/* Value at out_ah of one of the columns; goes on beyond the ends with their slope. */
double cell_curve_at(const struct cell_curve *c, const double *column, double out_ah);

#endif
