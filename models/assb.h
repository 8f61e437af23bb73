/* models/assb.h - lab all-solid-state cell: NMC811 | LPSCl | Li, 9.6 mAh on 2 cm2, as the spine's bench needs it.
 *
 * U_p(y): Chen et al. 2020 (J. Electrochem. Soc. 167, 080534), NMC811 against lithium. Everything else is our own choice and said so:
 *   OCV(y) = U_p(y) - exp((y - 0.92) / 0.01) V;  y 0.2780 at 4.25 V, 0.9205 at 2.5 V; 14.94 mAh per unit of y; fresh at y = 0.90
 *   10 % of the first charge and 0.5 % of every later one pass without changing y
 *   R_s = 12 + 10 * (max(P, 0.1 MPa) / 5 MPa)^-0.67 ohm at 60 degC, times exp(30 kJ/mol / R * (1/T - 1/333 K)); one RC of 1 ohm, 20 s
 * Charge current is positive. Pure functions over a flat state.
 */
#ifndef MODELS_ASSB_H
#define MODELS_ASSB_H

#include <stdbool.h>
#include <stdint.h>

struct assb_param {
    double charge_per_y_c;      /* 14.94 mAh in coulomb */
    double y_fresh;             /* 0.90 */
    double loss_first, loss_later; /* 0.10, 0.005: share of a charge that does not change y */
    double r_bulk_ohm, r_contact_ohm, contact_exponent, contact_reference_pa, contact_floor_pa;
    double activation_j_mol, reference_k;
    double r1_ohm, tau1_s;
};
struct assb_state {
    double y;          /* lithium in the positive electrode: falls on charge */
    double v1_v;       /* over the RC pair */
    double loss_share; /* of the charge under way */
    uint32_t charges;  /* begun so far; a charge begins when charging current follows at least 1 % of capacity of discharge, or is the first */
    double since_turn_c; /* charge passed since the direction last changed; rest does not change it */
    int8_t direction;  /* +1, -1, 0 at first */
};

void assb_param_default(struct assb_param *ret);
void assb_init(struct assb_state *ret, const struct assb_param *p);
double assb_ocv_v(double y); /* V */
/* State of charge 0..1 between the ends of the window 4.25 V .. 2.5 V; held at the ends outside. */
double assb_fill(double y);
double assb_series_ohm(const struct assb_param *p, double pressure_pa, double temperature_k);
/* Terminal voltage at current i_a right now (no time passes). */
double assb_voltage_v(const struct assb_state *s, const struct assb_param *p, double i_a, double pressure_pa, double temperature_k);
/* Current that gives v_v at the terminals right now (exact: the voltage is linear in the current). */
double assb_current_a(const struct assb_state *s, const struct assb_param *p, double v_v, double pressure_pa, double temperature_k);
/* Constant current over dt_s (exact for RC and charge). */
void assb_step(struct assb_state *s, const struct assb_param *p, double i_a, double dt_s);

#endif
