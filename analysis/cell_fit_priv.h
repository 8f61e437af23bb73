/* analysis/cell_fit_priv.h - between cell_fit.c (what is fitted to what) and cell_fit_lsq.c (the
 * least squares themselves). */
#ifndef ANALYSIS_CELL_FIT_PRIV_H
#define ANALYSIS_CELL_FIT_PRIV_H

#include "analysis/cell_fit.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>
#include <stdint.h>

/* The vector that is fitted: CELL_FIT_VALUES logarithms for each row, then these. */
enum {
    FIT_FACTOR, /* resistances in the slow cycle over those of the pulses */
    FIT_RATE,   /* of the hysteresis, logarithm */
    FIT_START,  /* Ah: the pulses' full charge on the slow file's axis */
    FIT_OFFSET, /* V: the pulses' voltage less the slow file's */
    FIT_TAIL,   /* V/Ah: how U falls below the end of the slow cycle */
    FIT_COMMON
};

struct fit_row {
    double dt_s, i_a, v_v;
    double soc, soc_before;
    double passed; /* |charge| over capacity */
    bool used;     /* its residual counts */
    size_t nth;    /* of the used rows */
    size_t from; /* FIT_ABSOLUTE, or the row whose residual is taken off: the rest before a pulse */
};
#define FIT_ABSOLUTE SIZE_MAX

struct fit_problem {
    size_t n, n_used;
    struct fit_row *row;
    unsigned n_soc;
    double soc[CELL_ROWS_MAX]; /* rising */
    double capacity_ah;
    double prior_v; /* what a time constant costs that is e times away from its prior */
    const struct cell_curve *curve;
    double ocv_v[CELL_CURVE_MAX];  /* on the curve's axis: U, */
    double gap_v[CELL_CURVE_MAX];  /* half the distance of the branches, */
    double drop_v[CELL_CURVE_MAX]; /* and what of it the resistances make at factor 1 */
};

struct fit_result {
    unsigned iterations;
    double condition, correlation, durbin_watson, widened, rms_v;
    double half95[CELL_ROWS_MAX * CELL_FIT_VALUES + FIT_COMMON];
    unsigned goes_with[CELL_ROWS_MAX * CELL_FIT_VALUES + FIT_COMMON]; /* its closest fellow */
    double goes_by[CELL_ROWS_MAX * CELL_FIT_VALUES + FIT_COMMON];     /* and how close */
};

/* cell_fit_rows.c. model_v: of all rows, or NULL for the measured side only. */
int fit_rows_read(struct fit_problem *p, const struct recording *r, struct diag *reterr) MUST_USE;
void fit_pulses_read(const struct fit_problem *p, const struct recording *r, const double *model_v,
                     struct cell_fit *out);
int fit_table(struct fit_problem *p, const struct recording *r, const struct cell_fit *out,
              struct diag *reterr) MUST_USE;
size_t fit_first_pulse(const struct recording *r); /* its first row */

/* U of the slow file at a charge taken out; tail: FIT_TAIL. */
double fit_ocv_v(const struct fit_problem *p, double tail, double out_ah);
unsigned fit_size(const struct fit_problem *p);
/* Voltages of all rows; J, where wanted: of the used ones. */
void fit_simulate(const struct fit_problem *p, const gsl_vector *x, double *ret_v,
                  gsl_matrix *ret_j);
int fit_least_squares(const struct fit_problem *p, gsl_vector *x, struct fit_result *ret,
                      struct diag *reterr) MUST_USE;

#endif
