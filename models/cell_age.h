/* models/cell_age.h - what a cell loses with time and with cycles.
 *
 * Time: a growing layer, Q^2 grows by k(T)^2 per time, so that a changing temperature is followed;
 * k 0.35 % per square root of a day at 25 degC and 50 kJ/mol are our own choice. Cycles: half
 * cycles found by rainflow counting (ASTM E1049), each costs k * depth^b * rate^c.
 */
#ifndef MODELS_CELL_AGE_H
#define MODELS_CELL_AGE_H

#include <stddef.h>

struct age_param {
    double layer_per_root_s, layer_j_mol, reference_k; /* share of the capacity */
    double cycle, depth_power, rate_power;             /* share per half cycle of depth 1 at 1C */
};
void age_param_default(struct age_param *ret);
double age_layer_rate(const struct age_param *p, double temperature_k); /* k */
/* Loss after dt_s more at this temperature. */
double age_layer_step(const struct age_param *p, double lost, double temperature_k, double dt_s);
double age_half_cycle(const struct age_param *p, double depth, double rate_c);

struct rainflow_range {
    double range, mean;
    double count; /* 1 or 0.5 */
};
/* Ranges of a history; the turning points are found here. stack: room for n values. Returns the
 * number of ranges, of which the first `most` are in ret. */
size_t age_rainflow(const double *x, size_t n, double *stack, struct rainflow_range *ret,
                    size_t most);

#endif
