/* analysis/ica.h - dQ/dV over voltage (ICA) and dV/dQ over charge (DVA) of every half cycle.
 *
 * Taken is, of the half cycle's largest step, what flowed at one current (within 2 % of that at
 * half of its charge): the constant current part, without the hold. Smoothing is recorded with the
 * result, because heights depend on it (8 % between windows of 18 and 75 mV on one cell). The
 * charge under the curve is held against the charge that was counted.
 */
#ifndef ANALYSIS_ICA_H
#define ANALYSIS_ICA_H

#include "analysis/curve.h"
#include "analysis/cycles.h"

#define ICA_CONSERVED_WITHIN 1e-3

enum ica_kind {
    ICA_DQ_DV, /* curve: x in V, y in Ah/V */
    ICA_DV_DQ  /* curve: x in Ah from the begin of the half, y in V/Ah */
};

struct ica_options {
    enum ica_kind kind;
    double grid;         /* V; of the charge for DVA; 0: 2 mV (two steps of the converter), 0.2 % */
    unsigned window;     /* points; 0: 15, 11 */
    double r_ohm;        /* V - I R is taken for V; 0: V as it is */
    double track_within; /* in x: a peak that moved further is another one; 0: 30 mV, 3 % */
};

struct ica_half {
    uint32_t cycle, source_cycle;
    bool charge;
    struct rows rows;
    double i_a;        /* where half of the charge has flowed */
    double rate_1_h;   /* |i| over the charge of the half: 0.1 is C/10 */
    double charge_ah;  /* of the rows */
    double conserved;  /* integral of the curve over charge_ah (DVA: over the voltage), less 1 */
    double back_v;     /* the furthest that the voltage turned back */
    double v_edge_v;   /* |V| jump from the rest before to the first row; NaN */
    const char *why;   /* no curve: why; NULL */
    bool is_conserved; /* within ICA_CONSERVED_WITHIN */
    bool is_slow;      /* C/10 or slower: else polarisation moves and blunts the peaks */
    struct curve curve;
};

struct ica {
    enum ica_kind kind;
    double grid;
    unsigned window, n_tracks;
    size_t n;
    struct ica_half *half;
    bool stated;
    struct recording_accuracy voltage, current;
};

int ica_of(const struct recording *r, const struct cycles *c, const struct ica_options *opt,
           struct ica *ret, struct diag *reterr) MUST_USE;
void ica_done(struct ica *a);

/* track.c: the same feature gets the same number in all halves of one direction. */
void ica_track(struct ica *a, double within);

#endif
