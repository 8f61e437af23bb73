/* models/replay.h - a cell made from a recording: E(q) = V - I * R of its rows, one branch for charge and one for discharge; terminal voltage E(q) + I * R.
 *
 * Starts full at the head of the discharge branch; a change of direction starts the other branch at its own start. q counts charge passed on the branch, in C.
 * Beyond a branch's end E goes on with the slope of its last rows, steepened, so that a cut-off is always reached.
 */
#ifndef MODELS_REPLAY_H
#define MODELS_REPLAY_H

#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

struct diag;

struct replay_table {
    double resistance_ohm;
    size_t n_charge, n_discharge;
    const double *charge_q_c, *charge_e_v;       /* rising q from 0 */
    const double *discharge_q_c, *discharge_e_v; /* rising q from 0 (discharged charge) */
};
struct replay_state {
    double q_c;       /* along the present branch */
    int8_t direction; /* -1 discharge (at first), +1 charge */
    uint32_t at;      /* last row used, so that look-up is O(1) */
};

/* From a Bitrode CSV as in the LEAF cell recordings (columns Cycle, Step, StepTime(s), Current(A), Voltage(V), Capacity(Ah), Mode DCHG/CHRG/REST by header name): rows of
 * `cycle`. q from the rows' own current and time by the rule of the interval that belongs to the step of its end, checked against the counter column to 0.1 %. text: the whole file. */
int replay_from_csv(const char *name, const char *text, size_t n, int cycle, double resistance_ohm, struct arena *a, struct replay_table *ret, struct diag *reterr);

/* A voltage source stays on the present branch where both would carry current, and carries none where neither would (v_v between the present E and the
 * head of the other branch) or within a microvolt of E: noise of the arithmetic must not change the direction. */
void replay_init(struct replay_state *ret);
double replay_e_v(struct replay_state *s, const struct replay_table *t);
double replay_voltage_v(struct replay_state *s, const struct replay_table *t, double i_a);
double replay_current_a(struct replay_state *s, const struct replay_table *t, double v_v);
/* State of charge 0..1: the present branch's share, held at its ends. */
double replay_fill(const struct replay_state *s, const struct replay_table *t);
void replay_step(struct replay_state *s, const struct replay_table *t, double i_a, double dt_s);

#endif
