/* analysis/cell_fit.h - an equivalent-circuit cell identified from two recordings: a slow cycle for
 * the open-circuit voltage and the hysteresis, pulses over the charge for the rest.
 *
 * 1. The slow cycle gives the file's lead (kept out of the cell) and two branches; U lies between
 *    them, M is half their distance less what the current drops over the resistances.
 * 2. Over the whole pulse recording R0, R1, tau1, R2, tau2 at the charge states of its pulses, the
 *    size of the hysteresis and how quickly it turns are fitted together by nonlinear least
 * squares, with two more that belong to the slow file: where its full charge lies, and by how much
 * its voltage reads apart from the other file's. State of charge 1 and 0 are the ends of the pulse
 *    recording.
 * 3. 1 and 2 are repeated until they agree. The resistances in the slow cycle may differ from those
 *    of the pulses by one factor (its temperature is not known); it follows from M.
 *
 * Intervals are 95 %, from s^2 (J'J)^-1, widened for residuals that follow one another. What they
 * do not hold within 100 %, or what goes with another by more than 0.98, is not identified, and
 * said so.
 */
#ifndef ANALYSIS_CELL_FIT_H
#define ANALYSIS_CELL_FIT_H

#include "analysis/cell_curve.h"
#include "models/cell_ecm.h"

#include <stdbool.h>

enum {
    CELL_FIT_VALUES = 5, /* of a row */
    CELL_FIT_WHY_MAX = 64,
    CELL_PULSES_MAX = 24
};

struct cell_fit_options {
    uint32_t slow_cycle;  /* 0: the first whole one */
    double temperature_k; /* of the pulse recording */
    /* What one temperature does not tell; taken as stated into the cell. */
    double activation_j_mol; /* of the resistances */
    double heat_j_k, loss_w_k;
    uint64_t start; /* 0: the usual start; else it is moved at random, this the seed */
};

struct cell_fit_value {
    double value, half95; /* half95: NaN where nothing can be said */
    bool identified;
    char why[CELL_FIT_WHY_MAX]; /* why not */
};

/* A pulse as measured and as the fitted cell answers, by the same rows. */
struct cell_fit_pulse {
    double soc, rest_v, current_a, measured_ohm, model_ohm; /* 10 s after its beginning */
};

struct cell_fit {
    struct cell_param param;
    struct cell_lead lead;
    struct cell_fit_value value[CELL_ROWS_MAX][CELL_FIT_VALUES]; /* r0, r1, tau1, r2, tau2 */
    double hysteresis_half95_v[CELL_ROWS_MAX];
    struct cell_fit_value hysteresis_rate; /* per unit of soc */
    struct cell_fit_value tail_v_ah;       /* fall of U below the end of the slow cycle */
    struct cell_fit_value slow_start_ah, slow_offset_v, slow_factor; /* of the slow file */
    double slow_rate_a, slow_out_ah;
    uint32_t slow_cycle;
    double ocv_half95_v; /* of U: lead and reading offset */
    unsigned n_pulses;
    struct cell_fit_pulse pulse[CELL_PULSES_MAX];
    size_t rows, rows_used, n_values;
    unsigned rounds, iterations;
    bool settled;
    double rms_v;       /* of the whole pulse recording */
    double rms_after_v; /* from its first pulse on */
    double most_v;
    double durbin_watson, widened; /* by which intervals were widened */
    double condition, correlation; /* of J with scaled columns; the largest one */
};

void cell_fit_options_default(struct cell_fit_options *ret);
int cell_fit(const struct recording *slow, const struct recording *pulses,
             const struct cell_fit_options *o, struct cell_fit *ret, struct diag *reterr) MUST_USE;

/* A recording followed by the cell: the model's voltage at each of its rows, current and (where it
 * has one) temperature as recorded. state: at the row before `first`; NULL column: none wanted. */
struct cell_follow {
    double lead_ohm, offset_v; /* of the set-up: in the voltage that is compared, not in the cell */
    double ambient_k;
    bool held;                   /* the cell stays at ambient */
    const double *temperature_k; /* per row of the recording; NULL: the model's own */
};
void cell_follow(const struct recording *r, size_t first, size_t n, const struct cell_param *p,
                 const struct cell_follow *how, struct cell_state *state, double *ret_v);

#endif
