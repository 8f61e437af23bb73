/* analysis/heat.h - how warm a step made what was tested, sensor by sensor. */
#ifndef ANALYSIS_HEAT_H
#define ANALYSIS_HEAT_H

#include "analysis/cycles.h"

struct diag;

struct heat_row {
    char column[RECORDING_NAME_MAX];
    uint32_t step_number, source_cycle, cycle; /* cycle: ours */
    bool charge;
    struct rows rows;
    double begin_s, minutes_to_most;
    struct figure start_k;  /* mean of the last rows at rest before; else the first row */
    struct figure rise_k;   /* the warmest less that */
    struct figure end_k;    /* at the last row */
    struct figure k_per_ah; /* rise over the charge that flowed until then */
};

struct heat {
    size_t n;
    struct heat_row *row;
    unsigned n_sensors;
};

/* Steps that moved at least 2 % of the largest charge of a step. E_NOENT: no temperatures. */
int heat_of(const struct recording *r, const struct cycles *c, struct heat *ret,
            struct diag *reterr) MUST_USE;
void heat_done(struct heat *h);

#endif
