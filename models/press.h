/* models/press.h - stack press: pressure regulator -> piston -> stack -> load cell. Our own simple model.
 *
 * Regulator: first-order approach to its set-point (100 ms to 63 %). Force = gauge pressure * piston area * (1 - friction) + breathing: the cell swells when charged, and against the stiffness of frame and
 * regulator that is 0.2 MPa of stack pressure for a full charge. Stack pressure = force / cell area.
 */
#ifndef MODELS_PRESS_H
#define MODELS_PRESS_H

struct press_param {
    double piston_m;            /* diameter: 0.063 */
    double cell_area_m2;        /* 2e-4 */
    double friction;            /* share of the piston's force lost in its seals: 0 */
    double tau_s;               /* 0.1 */
    double breathing_pa;        /* 0.2e6 per full charge, only while pressed (above 0.05 MPa) */
    double supply_pa;           /* most the regulator can give, gauge: 1.1e6, so that all of a 150 psi range is within reach */
};
struct press_state {
    double gauge_pa, set_pa;
    double fill;                /* state of charge 0..1 that the breathing follows */
};
void press_param_default(struct press_param *ret);
void press_step(struct press_state *s, const struct press_param *p, double dt_s);
double press_force_n(const struct press_state *s, const struct press_param *p);
double press_stack_pa(const struct press_state *s, const struct press_param *p);

#endif
