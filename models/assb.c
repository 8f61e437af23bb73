/* models/assb.c - lab all-solid-state cell; see the header for what is published and what is ours.
 */
#include "models/assb.h"

#include <math.h>
#include <string.h>

#define GAS_J_MOL_K     8.314462618
#define COULOMB_PER_MAH 3.6
#define Y_FULL          0.2780 /* 4.25 V */
#define Y_EMPTY         0.9205 /* 2.5 V */
#define TURN_SHARE      0.01   /* of capacity: a shorter discharge is a pulse within a charge */

void assb_param_default(struct assb_param *ret)
{
    *ret = (struct assb_param){
        .charge_per_y_c = 14.94 * COULOMB_PER_MAH,
        .y_fresh = 0.90,
        .loss_first = 0.10,
        .loss_later = 0.005,
        .r_bulk_ohm = 12.0,
        .r_contact_ohm = 10.0,
        .contact_exponent = 0.67,
        .contact_reference_pa = 5e6,
        .contact_floor_pa = 0.1e6,
        .activation_j_mol = 30e3,
        .reference_k = 333.0,
        .r1_ohm = 1.0,
        .tau1_s = 20.0,
    };
}

void assb_init(struct assb_state *ret, const struct assb_param *p)
{
    memset(ret, 0, sizeof *ret);
    ret->y = p->y_fresh;
}

double assb_ocv_v(double y)
{
    double u_p = -0.8090 * y + 4.4875 - 0.0428 * tanh(18.5138 * (y - 0.5542)) -
                 17.7326 * tanh(15.7890 * (y - 0.3117)) + 17.5842 * tanh(15.9308 * (y - 0.3120));
    /* A cell without a voltage limit may be driven far out of its window; the voltage then stays
     * finite. */
    return u_p - exp(fmin((y - 0.92) / 0.01, 100.0));
}

double assb_fill(double y)
{
    return fmin(fmax((Y_EMPTY - y) / (Y_EMPTY - Y_FULL), 0.0), 1.0);
}

double assb_series_ohm(const struct assb_param *p, double pressure_pa, double temperature_k)
{
    double pressed = fmax(pressure_pa, p->contact_floor_pa) / p->contact_reference_pa;
    double cold = 1.0 / temperature_k - 1.0 / p->reference_k;
    return (p->r_bulk_ohm + p->r_contact_ohm * pow(pressed, -p->contact_exponent)) *
           exp(p->activation_j_mol / GAS_J_MOL_K * cold);
}

double assb_voltage_v(const struct assb_state *s, const struct assb_param *p, double i_a,
                      double pressure_pa, double temperature_k)
{
    return assb_ocv_v(s->y) + s->v1_v + i_a * assb_series_ohm(p, pressure_pa, temperature_k);
}

double assb_current_a(const struct assb_state *s, const struct assb_param *p, double v_v,
                      double pressure_pa, double temperature_k)
{
    return (v_v - assb_ocv_v(s->y) - s->v1_v) / assb_series_ohm(p, pressure_pa, temperature_k);
}

static void direction_follow(struct assb_state *s, const struct assb_param *p, double i_a)
{
    int8_t direction = i_a > 0.0 ? 1 : -1;
    if (direction == s->direction)
        return;

    double turn_c = TURN_SHARE * (Y_EMPTY - Y_FULL) * p->charge_per_y_c;
    if (direction > 0 && (s->charges == 0 || s->since_turn_c >= turn_c)) {
        s->charges++;
        s->loss_share = s->charges == 1 ? p->loss_first : p->loss_later;
    }
    s->direction = direction;
    s->since_turn_c = 0.0;
}

void assb_step(struct assb_state *s, const struct assb_param *p, double i_a, double dt_s)
{
    if (i_a > 0.0 || i_a < 0.0) {
        direction_follow(s, p, i_a);
        double passed_c = i_a * dt_s;
        double kept = i_a > 0.0 ? 1.0 - s->loss_share : 1.0;
        s->since_turn_c += fabs(passed_c);
        s->y -= kept * passed_c / p->charge_per_y_c;
    } else if (fabs(s->v1_v) < 1e-12) {
        s->v1_v =
            0.0; /* relaxed below anything that could be read: no more exponentials in long rests */
        return;
    }
    double settled_v = i_a * p->r1_ohm;
    s->v1_v = settled_v + (s->v1_v - settled_v) * exp(-dt_s / p->tau1_s);
}
