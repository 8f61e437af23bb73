/* models/thermal.h - chamber air and what hangs in it: first-order lags with rate limits, exact over a step of constant input. Our own choice of constants, from the emulator proposals
 * of the chamber's fact sheet (air 15 min, 3 K/min heating, 1 K/min cooling).
 */
#ifndef MODELS_THERMAL_H
#define MODELS_THERMAL_H

#include <stdbool.h>

struct chamber_param {
    double tau_s;               /* 900 open loop: drift to ambient when off */
    double heat_k_s, cool_k_s;  /* most rapid change while running: 3/60, 1/60 */
    double approach_s;          /* closed loop: last part of an approach is exponential with this: 60 */
};
struct chamber_state {
    double air_k;
};
void chamber_param_default(struct chamber_param *ret);
/* on: regulated to set_k within the rate limits; off: drifts to ambient. */
void chamber_step(struct chamber_state *s, const struct chamber_param *p, bool on, double set_k, double ambient_k, double dt_s);

struct thermal_lag {
    double value_k, tau_s;
};
void thermal_lag_step(struct thermal_lag *l, double to_k, double dt_s);

#endif
