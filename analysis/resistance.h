/* analysis/resistance.h - how the voltage answers when a current begins: R at stated times.
 *
 *     R(t) = (V(t) - V0) / (I(t) - I0)
 *
 * V0, I0: the last row of the rest before. V(t), I(t): straight between the rows around t, never
 * before the first row after the edge and never after the current has ended. Pulses are told by
 * their shape: a rest, then a current of one sign. Time counts from the step's own clock where it
 * has one (step_time_s), else from the last row at rest, and the interval goes into the
 * uncertainty.
 */
#ifndef ANALYSIS_RESISTANCE_H
#define ANALYSIS_RESISTANCE_H

#include "analysis/figure.h"

struct diag;

enum {
    RESISTANCE_TIMES = 8
};
extern const double resistance_times_s[RESISTANCE_TIMES];

struct resistance_options {
    const double *voltage_v; /* of the pulses; NULL: the recording's. A group's column, e.g. */
    double v_min, v_max;     /* for pulse power; 0 or NaN: the extremes of the recording */
    double rest_min_s;       /* shorter rests make no pulse; 0: 10 s */
};

struct pulse {
    struct rows rows; /* while the current flows, at most to a little after the last time */
    size_t rest_row;  /* of V0, I0 */
    uint32_t step_number, source_cycle;
    double t_s, rest_s, first_s, length_s; /* edge; rest before; edge to first row, to last row */
    double v0_v, i0_a, i_a;                /* i_a: mean of its rows */
    double net_ah;                         /* at the edge, since the first row */
    double soc; /* of the net charge between the recording's emptiest and fullest moment */
    struct figure r_ohm[RESISTANCE_TIMES];
    double power_s;        /* the time of the R that the power is made of; NaN: none */
    struct figure ocv_v;   /* at this charge, of pulses after at least 10 min of rest */
    struct figure power_w; /* discharge: V_min (OCV - V_min) / R; charge: V_max (V_max - OCV) / R */
};

struct pulses {
    size_t n;
    struct pulse *row;
    double v_min, v_max; /* that the power is for */
    double capacity_ah;  /* between the recording's emptiest and fullest moment */
    double rest_ah;      /* what the currents read at rest would add up to; not counted */
    size_t n_silent;     /* pulses that answer at none of the times: not in row */
    bool stated;         /* the instrument states its accuracy */
    struct recording_accuracy voltage, current;
};

int pulses_of(const struct recording *r, const struct resistance_options *opt, struct pulses *ret,
              struct diag *reterr) MUST_USE;
void pulses_done(struct pulses *p);

#endif
