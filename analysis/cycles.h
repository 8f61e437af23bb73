/* analysis/cycles.h - charge and energy of every step and every cycle, counted twice.
 *
 * Integration: the interval before a row belongs to the row's step. Inside a step it is a
 * trapezoid; the first row of a step brings its step time (column step_time_s; without it what
 * passed since the row before), at its own current and voltage. At rest nothing is counted: what
 * flows there is the instrument's offset, and is told apart.
 *
 * Cycles: a new one begins where the source counts a new one, and also where, within one number of
 * the source, the charge turns into the direction the cycle began with after both directions were
 * done. A turn is one of more than 20 % of the largest charge that one step moved: pulses and regen
 * make no cycles. CE and EE are discharge over charge of the same cycle where charge comes first,
 * over the charge of the cycle before where discharge comes first.
 *
 * Where the instrument counts for itself its figure is the answer and the integral the cross-check;
 * more than 0.1 % between them is flagged.
 */
#ifndef ANALYSIS_CYCLES_H
#define ANALYSIS_CYCLES_H

#include "analysis/figure.h"

struct diag;
struct run_file;

#define CYCLES_FLAG_ABOVE 1e-3

enum cycle_order {
    CYCLE_ORDER_FOUND, /* the direction of the first step that moves charge into a cycle's half */
    CYCLE_ORDER_CHARGE_FIRST,
    CYCLE_ORDER_DISCHARGE_FIRST
};

/* Both directions, positive. */
struct amounts {
    double in_ah, out_ah, in_wh, out_wh;
};

struct step_sum {
    struct rows rows;
    uint32_t number, source_cycle;
    enum recording_mode mode;
    double begin_s, end_s;
    struct amounts integral;
    bool has_counter, has_wh_counter;
    struct amounts counter;          /* NaN where it cannot say: one net counter, both directions */
    double sampling_ah, sampling_wh; /* what the interval between rows leaves open */
    double v_first, v_last, v_min, v_max, i_mean, i_max; /* i_max: the largest of either sign */
    size_t n_invalid;                                    /* rows without current or voltage */
};

struct cycle_sum {
    uint32_t number, source_cycle; /* ours from 1; the source's */
    size_t first_step, n_steps;
    struct rows rows;
    double begin_s, end_s;
    struct figure charge_ah, discharge_ah, charge_wh, discharge_wh; /* the answer */
    struct figure counter_in_ah, counter_out_ah, counter_in_wh, counter_out_wh;
    struct amounts integral;
    double differ_ah, differ_wh; /* integral over counter, less 1, the larger one; NaN */
    bool flagged;                /* differ_ah is above CYCLES_FLAG_ABOVE */
    struct figure ce, ee;
    struct figure v_charge, v_discharge; /* mean: energy over charge */
};

struct cycles {
    size_t n_steps, n;
    struct step_sum *step;
    struct cycle_sum *cycle;
    bool charge_first, has_counter;
    bool stated;           /* the instrument states its accuracy */
    double rest_a, rest_s; /* mean current of all rests (the offset), and how long they were */
    struct recording_accuracy voltage, current;
    double counter_resolution_ah; /* as seen in the rows */
};

int cycles_of(const struct recording *r, enum cycle_order order, struct cycles *ret,
              struct diag *reterr) MUST_USE;
void cycles_done(struct cycles *c);
/* A step's own figures: of charge and of discharge. */
struct step_figures {
    struct figure in_ah, out_ah, in_wh, out_wh;
};
void step_figures(const struct cycles *c, const struct step_sum *s, struct step_figures *ret);

#endif
