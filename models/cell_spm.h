/* models/cell_spm.h - single particle model: one sphere for each electrode, lithium diffuses in it.
 *
 * Finite volumes over evenly spaced shells, implicit in time (one tridiagonal solve each), so that
 * any step is stable; the surface concentration follows from the outermost shell and the flux.
 *   V = U_p(y) - U_n(x) + eta_p + eta_n + I R,  eta = (2 R T / F) asinh(F j / 2 i0)
 * charge current positive; the sheet this follows counts discharge positive and is turned round
 * here. The parameters are Chen et al. 2020 (J. Electrochem. Soc. 167, 080534) for an LG M50 cell.
 */
#ifndef MODELS_CELL_SPM_H
#define MODELS_CELL_SPM_H

enum {
    SPM_SHELLS_MAX = 160
};

struct spm_electrode {
    double thickness_m, active, radius_m, diffusivity_m2_s;
    double most_mol_m3, full_mol_m3; /* concentration at most, and in a fully charged cell */
    double exchange;                 /* i0 over sqrt(c_e c (c_most - c)) at the reference */
    double exchange_j_mol;
};
struct spm_param {
    struct spm_electrode negative, positive;
    double area_m2, electrolyte_mol_m3, series_ohm;
    double reference_k, nominal_c;
    unsigned shells; /* up to SPM_SHELLS_MAX */
};
struct spm_state {
    double negative_mol_m3[SPM_SHELLS_MAX], positive_mol_m3[SPM_SHELLS_MAX]; /* from the centre */
    double temperature_k;
    double charge_c; /* passed, charge positive */
};

void spm_param_chen2020(struct spm_param *ret, unsigned shells);
/* Fully charged, at rest. */
void spm_init(struct spm_state *ret, const struct spm_param *p, double temperature_k);
double spm_negative_v(double x); /* against lithium */
double spm_positive_v(double y);

/* Right now, with the gradient that i_a has built up to now. */
double spm_voltage_v(const struct spm_state *s, const struct spm_param *p, double i_a);
void spm_step(struct spm_state *s, const struct spm_param *p, double i_a, double dt_s);
/* A step of held voltage: the current, constant over the step, at whose end the terminals are at
 * v_v. Returns it; NaN, with the state as it was, where no current within ten times the nominal
 * capacity per hour does. */
double spm_step_at_v(struct spm_state *s, const struct spm_param *p, double v_v, double dt_s);
/* Lithium in both electrodes, mol: what no step changes. */
double spm_lithium_mol(const struct spm_state *s, const struct spm_param *p);

/* One sphere: dt_s of outward flux (mol/m2/s), implicit. c: `shells` values from the centre. */
void spm_sphere_step(double *c, unsigned shells, double radius_m, double diffusivity_m2_s,
                     double flux, double dt_s);
double spm_sphere_surface(const double *c, unsigned shells, double radius_m,
                          double diffusivity_m2_s, double flux);

#endif
