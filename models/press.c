/* models/press.c - regulator, piston, stack, load cell. */
#include "models/press.h"

#include <math.h>

#define PI         3.14159265358979323846
#define PRESSED_PA 0.05e6 /* below, the stack is not held and swells freely */
#define SETTLED_PA 1e-3   /* closer than any gauge can tell: the approach has ended */

void press_param_default(struct press_param *ret)
{
    *ret = (struct press_param){
        .piston_m = 0.063,
        .cell_area_m2 = 2e-4,
        .friction = 0.0,
        .tau_s = 0.1,
        .breathing_pa = 0.2e6,
        .supply_pa = 1.1e6,
    };
}

void press_step(struct press_state *s, const struct press_param *p, double dt_s)
{
    double to_pa = fmin(fmax(s->set_pa, 0.0), p->supply_pa);
    double off_pa = s->gauge_pa - to_pa;
    if (fabs(off_pa) > SETTLED_PA)
        off_pa *= exp(-dt_s / p->tau_s);
    s->gauge_pa = fabs(off_pa) > SETTLED_PA ? to_pa + off_pa : to_pa;
}

double press_stack_pa(const struct press_state *s, const struct press_param *p)
{
    double piston_m2 = PI / 4.0 * p->piston_m * p->piston_m;
    double squeezed_pa = s->gauge_pa * piston_m2 * (1.0 - p->friction) / p->cell_area_m2;
    return squeezed_pa > PRESSED_PA ? squeezed_pa + p->breathing_pa * s->fill : squeezed_pa;
}

double press_force_n(const struct press_state *s, const struct press_param *p)
{
    return press_stack_pa(s, p) * p->cell_area_m2;
}
