/* models/cell_ecm.h - a lithium-ion cell as an equivalent circuit: open-circuit voltage with
 * hysteresis, a series resistance, two RC pairs, one temperature.
 *
 *   V = U(soc) + h + R0 I + v1 + v2,  charge current positive
 *   d soc/dt = I / Q (times the efficiency on charge)
 *   d vj/dt  = (Rj I - vj) / tau_j
 *   d h/dt   = rate |I| / Q (M sign(I) - h)
 *   mc dT/dt = I (V - U) + I T dU/dT - hA (T - T_ambient)
 *
 * The sheet this follows counts discharge positive; here it is turned round, once and for all.
 * R0, Rj, tau_j and M are tables over soc, linear between their rows and held beyond the ends; the
 * three resistances follow temperature by one Arrhenius factor. U is evenly spaced over soc 0..1
 * and goes on with the slope of its end. Within a step of constant current every state moves by its
 * own exponential, with the table's values at the step's beginning: exact where the tables are
 * flat, and stable however long the step. Pure functions; parameters are const, the state is flat.
 */
#ifndef MODELS_CELL_ECM_H
#define MODELS_CELL_ECM_H

#include <stdint.h>

enum {
    CELL_OCV_MAX = 401,
    CELL_ROWS_MAX = 24
};

struct cell_row {
    double soc; /* rising */
    double r0_ohm, r1_ohm, tau1_s, r2_ohm, tau2_s;
    double hysteresis_v; /* M: half of what lies between the branches */
};
struct cell_param {
    double capacity_c;        /* between soc 0 and 1 */
    double charge_efficiency; /* share of a charge that is stored */
    unsigned n_ocv, n_rows;   /* 2 .. CELL_OCV_MAX, 1 .. CELL_ROWS_MAX */
    double ocv_v[CELL_OCV_MAX];
    struct cell_row row[CELL_ROWS_MAX];
    double hysteresis_rate; /* of the change per unit of soc passed */
    double entropy_v_k;     /* dU/dT */
    double activation_j_mol, reference_k;
    double heat_j_k, loss_w_k; /* mc and hA */
};
struct cell_state {
    double soc, v1_v, v2_v, h_v, temperature_k;
    double own_capacity, own_resistance; /* of this cell over its kind's: 1, 1 */
    double own_leak_a;                   /* what it loses by itself */
    double charge_c;                     /* passed since the beginning, charge positive */
    double heat_j;          /* given off since the beginning, the reversible part included */
    double keep_dt_s, keep; /* exp(-hA dt / mc) of the last dt */
    uint32_t at;            /* row used last: makes the look-up quick, changes no value */
};

/* At rest, relaxed, without a past: h_v may then be set within -M .. +M. */
void cell_init(struct cell_state *ret, double soc, double temperature_k);
double cell_ocv_v(const struct cell_param *p, double soc);
double cell_ocv_slope_v(const struct cell_param *p, double soc); /* dU/dsoc */
/* The soc whose U is v_v: bisection between 0 and 1, held at the ends; U must rise with soc. */
double cell_soc_at_v(const struct cell_param *p, double v_v);
/* The table's values at soc, resistances at temperature_k. */
void cell_row_at(const struct cell_param *p, double soc, double temperature_k,
                 struct cell_row *ret);
double cell_arrhenius(const struct cell_param *p, double temperature_k);

/* V at no current at all, and R0: V = E + R0 I holds right now (no time passes). */
double cell_emf_v(const struct cell_state *s, const struct cell_param *p);
double cell_series_ohm(const struct cell_state *s, const struct cell_param *p);
double cell_voltage_v(const struct cell_state *s, const struct cell_param *p, double i_a);
double cell_current_a(const struct cell_state *s, const struct cell_param *p, double v_v);
/* The current that gives power_w at the terminals right now (charge positive); NaN where the cell
 * cannot give it. */
double cell_power_current_a(const struct cell_state *s, const struct cell_param *p, double power_w);

/* Constant current over dt_s. */
void cell_step(struct cell_state *s, const struct cell_param *p, double i_a, double dt_s,
               double ambient_k);
/* Seconds of i_a until the terminals are at v_v, to 1e-9 of most_s; 0 when they are there or beyond
 * already, -1 when not within most_s. The state stays as it is. */
double cell_until_v(const struct cell_state *s, const struct cell_param *p, double i_a, double v_v,
                    double most_s, double ambient_k);

#endif
