/* models/thermal.c - chamber air and first-order lags, in closed form over each step. */
#include "models/thermal.h"

#include <math.h>

#define SETTLED_K 1e-9

void chamber_param_default(struct chamber_param *ret)
{
    *ret = (struct chamber_param){
        .tau_s = 900.0, .heat_k_s = 3.0 / 60.0, .cool_k_s = 1.0 / 60.0, .approach_s = 60.0};
}

/* value after dt_s of exponential approach */
static double approach(double value, double to, double tau_s, double dt_s)
{
    double off = value - to;
    if (fabs(off) > SETTLED_K && tau_s > 0.0)
        off *= exp(-dt_s / tau_s);
    else
        off = 0.0;
    return to + off;
}

void chamber_step(struct chamber_state *s, const struct chamber_param *p, bool on, double set_k,
                  double ambient_k, double dt_s)
{
    if (!on) {
        s->air_k = approach(s->air_k, ambient_k, p->tau_s, dt_s);
        return;
    }
    double off_k = set_k - s->air_k;
    double rate_k_s = off_k > 0.0 ? p->heat_k_s : p->cool_k_s;
    /* The exponential part begins where its slope is the rate limit, so that the rate does not
     * jump. */
    double ramp_s = fmax((fabs(off_k) - rate_k_s * p->approach_s) / rate_k_s, 0.0);
    if (ramp_s >= dt_s) {
        s->air_k += copysign(rate_k_s * dt_s, off_k);
        return;
    }
    s->air_k += copysign(rate_k_s * ramp_s, off_k);
    s->air_k = approach(s->air_k, set_k, p->approach_s, dt_s - ramp_s);
}

void thermal_lag_step(struct thermal_lag *l, double to_k, double dt_s)
{
    l->value_k = approach(l->value_k, to_k, l->tau_s, dt_s);
}
