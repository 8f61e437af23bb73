/* analysis/cell_follow.c - a recording followed by a cell: what it would have shown. */
#include "analysis/cell_fit.h"

#include <math.h>

/* The instrument's zero is not exact: what a rest shows as current is none. */
static double current_of(const struct recording *r, size_t k, enum recording_mode mode)
{
    return mode == RECORDING_REST || !isfinite(r->current_a[k]) ? 0.0 : r->current_a[k];
}

void cell_follow(const struct recording *r, size_t first, size_t n, const struct cell_param *p,
                 const struct cell_follow *how, struct cell_state *state, double *ret_v)
{
    size_t step = 0;

    for (size_t k = first; k < first + n; k++) {
        double dt = k > 0 ? r->t_s[k] - r->t_s[k - 1] : 0.0, i;

        while (step + 1 < r->n_steps && r->steps[step + 1].first <= k) {
            step++;
        }
        i = current_of(r, k, r->n_steps > 0 ? r->steps[step].mode : RECORDING_MIXED);
        if (how->temperature_k && isfinite(how->temperature_k[k])) {
            state->temperature_k = how->temperature_k[k];
        }
        cell_step(state, p, i, dt, how->ambient_k);
        if (how->held) {
            state->temperature_k = how->ambient_k;
        }
        ret_v[k - first] = cell_voltage_v(state, p, i) + i * how->lead_ohm + how->offset_v;
    }
}
