/* models/cell_spm.c - single particle model; the equations are in the header. */
#include "models/cell_spm.h"

#include <math.h>
#include <string.h>

#define GAS_J_MOL_K   8.314462618
#define FARADAY_C     96485.33212
#define RATE_MOST     10.0 /* times the nominal capacity per hour, at held voltage */
#define SAME_V        1e-10
#define SURFACE_LEAST 1e-6 /* of c_most: the surface stays inside, where i0 is above nothing */
enum {
    HALVINGS = 100
};

void spm_param_chen2020(struct spm_param *ret, unsigned shells)
{
    *ret = (struct spm_param){
        .negative = {.thickness_m = 85.2e-6,
                     .active = 0.75,
                     .radius_m = 5.86e-6,
                     .diffusivity_m2_s = 3.3e-14,
                     .most_mol_m3 = 33133.0,
                     .full_mol_m3 = 29866.0,
                     .exchange = 6.48e-7,
                     .exchange_j_mol = 35e3  },
        .positive = {.thickness_m = 75.6e-6,
                     .active = 0.665,
                     .radius_m = 5.22e-6,
                     .diffusivity_m2_s = 4e-15,
                     .most_mol_m3 = 63104.0,
                     .full_mol_m3 = 17038.0,
                     .exchange = 3.42e-6,
                     .exchange_j_mol = 17.8e3},
        .area_m2 = 0.065 * 1.58,
        .electrolyte_mol_m3 = 1000.0,
        .reference_k = 298.15,
        .nominal_c = 5.0 * 3600.0,
        .shells = shells < SPM_SHELLS_MAX ? shells : SPM_SHELLS_MAX,
    };
}

double spm_negative_v(double x)
{
    return 1.9793 * exp(-39.3631 * x) + 0.2482 - 0.0909 * tanh(29.8538 * (x - 0.1234)) -
           0.04478 * tanh(14.9159 * (x - 0.2769)) - 0.0205 * tanh(30.4444 * (x - 0.6103));
}

double spm_positive_v(double y)
{
    return -0.8090 * y + 4.4875 - 0.0428 * tanh(18.5138 * (y - 0.5542)) -
           17.7326 * tanh(15.7890 * (y - 0.3117)) + 17.5842 * tanh(15.9308 * (y - 0.3120));
}

void spm_init(struct spm_state *ret, const struct spm_param *p, double temperature_k)
{
    memset(ret, 0, sizeof(*ret));
    ret->temperature_k = temperature_k;
    for (unsigned k = 0; k < p->shells; k++) {
        ret->negative_mol_m3[k] = p->negative.full_mol_m3;
        ret->positive_mol_m3[k] = p->positive.full_mol_m3;
    }
}

/* Flux out of the particles, mol/m2/s, at i_a of charge: lithium leaves the positive electrode. */
static double flux_of(const struct spm_electrode *e, double area_m2, double sign, double i_a)
{
    double surface = 3.0 * e->active / e->radius_m * e->thickness_m * area_m2;

    return sign * i_a / (FARADAY_C * surface);
}

double spm_sphere_surface(const double *c, unsigned shells, double radius_m,
                          double diffusivity_m2_s, double flux)
{
    double half = 0.5 * radius_m / (double)shells;

    return c[shells - 1] - flux * half / diffusivity_m2_s;
}

/* Volumes are in h^3 / 3 and areas in h^2, h the thickness of a shell: only ratios enter. */
void spm_sphere_step(double *c, unsigned shells, double radius_m, double diffusivity_m2_s,
                     double flux, double dt_s)
{
    double h = radius_m / (double)shells, upper[SPM_SHELLS_MAX];
    double reach = 3.0 * diffusivity_m2_s * dt_s / (h * h);

    for (unsigned k = 0; k < shells; k++) {
        double in = (double)k, out = in + 1.0;
        double volume = out * out * out - in * in * in;
        double from_in = reach * in * in / volume;
        double from_out = k + 1 < shells ? reach * out * out / volume : 0.0;
        double rhs = c[k];

        if (k + 1 == shells) {
            rhs -= 3.0 * flux * dt_s * out * out / (h * volume);
        }
        if (k == 0) {
            upper[0] = -from_out / (1.0 + from_out);
            c[0] = rhs / (1.0 + from_out);
        } else {
            double pivot = 1.0 + from_in + from_out + from_in * upper[k - 1];

            upper[k] = -from_out / pivot;
            c[k] = (rhs + from_in * c[k - 1]) / pivot;
        }
    }
    for (unsigned k = shells - 1; k-- > 0;) {
        c[k] -= upper[k] * c[k + 1];
    }
}

/* What an electrode adds to the voltage of the cell: its potential and its overpotential. */
static double electrode_v(const struct spm_electrode *e, const struct spm_param *p,
                          double surface_mol_m3, double flux, double temperature_k, double sign)
{
    double least = SURFACE_LEAST * e->most_mol_m3;
    double c = fmin(fmax(surface_mol_m3, least), e->most_mol_m3 - least);
    double warm =
        exp(e->exchange_j_mol / GAS_J_MOL_K * (1.0 / p->reference_k - 1.0 / temperature_k));
    double i0 = warm * e->exchange * sqrt(p->electrolyte_mol_m3 * c * (e->most_mol_m3 - c));
    double eta =
        2.0 * GAS_J_MOL_K * temperature_k / FARADAY_C * asinh(FARADAY_C * flux / (2.0 * i0));
    double fill = c / e->most_mol_m3;

    return sign * ((sign > 0.0 ? spm_positive_v(fill) : spm_negative_v(fill)) + eta);
}

struct surfaces {
    double negative, positive;
};

static double terminals_v(const struct spm_param *p, const struct surfaces *c, double i_a,
                          double temperature_k)
{
    return electrode_v(&p->positive, p, c->positive, flux_of(&p->positive, p->area_m2, 1.0, i_a),
                       temperature_k, 1.0) +
           electrode_v(&p->negative, p, c->negative, flux_of(&p->negative, p->area_m2, -1.0, i_a),
                       temperature_k, -1.0) +
           i_a * p->series_ohm;
}

static struct surfaces surfaces_of(const struct spm_state *s, const struct spm_param *p, double i_a)
{
    const struct spm_electrode *n = &p->negative, *e = &p->positive;

    return (struct surfaces){
        .negative = spm_sphere_surface(s->negative_mol_m3, p->shells, n->radius_m,
                                       n->diffusivity_m2_s, flux_of(n, p->area_m2, -1.0, i_a)),
        .positive = spm_sphere_surface(s->positive_mol_m3, p->shells, e->radius_m,
                                       e->diffusivity_m2_s, flux_of(e, p->area_m2, 1.0, i_a))};
}

double spm_voltage_v(const struct spm_state *s, const struct spm_param *p, double i_a)
{
    struct surfaces c = surfaces_of(s, p, i_a);

    return terminals_v(p, &c, i_a, s->temperature_k);
}

void spm_step(struct spm_state *s, const struct spm_param *p, double i_a, double dt_s)
{
    const struct spm_electrode *n = &p->negative, *e = &p->positive;

    spm_sphere_step(s->negative_mol_m3, p->shells, n->radius_m, n->diffusivity_m2_s,
                    flux_of(n, p->area_m2, -1.0, i_a), dt_s);
    spm_sphere_step(s->positive_mol_m3, p->shells, e->radius_m, e->diffusivity_m2_s,
                    flux_of(e, p->area_m2, 1.0, i_a), dt_s);
    s->charge_c += i_a * dt_s;
}

/* The implicit step is linear in the current: two of them give the surfaces of all. The voltage
 * rises with the current, so that halving the bracket finds the one there is. */
double spm_step_at_v(struct spm_state *s, const struct spm_param *p, double v_v, double dt_s)
{
    double most = RATE_MOST * p->nominal_c / 3600.0, lo = -most, hi = most, i = 0.0;
    struct spm_state rest = *s, unit = *s;
    struct surfaces at_rest, at_unit;

    spm_step(&rest, p, 0.0, dt_s);
    spm_step(&unit, p, 1.0, dt_s);
    at_rest = surfaces_of(&rest, p, 0.0);
    at_unit = surfaces_of(&unit, p, 1.0);
    for (int k = 0; k < HALVINGS && hi - lo > 0.0; k++) {
        struct surfaces c = {
            .negative = at_rest.negative + i * (at_unit.negative - at_rest.negative),
            .positive = at_rest.positive + i * (at_unit.positive - at_rest.positive)};
        double off = terminals_v(p, &c, i, s->temperature_k) - v_v;

        if (fabs(off) < SAME_V) {
            spm_step(s, p, i, dt_s);
            return i;
        }
        if (off > 0.0) {
            hi = i;
        } else {
            lo = i;
        }
        i = 0.5 * (lo + hi);
    }
    return NAN;
}

static double sphere_mol_m3(const double *c, unsigned shells)
{
    double sum = 0.0, n = (double)shells;

    for (unsigned k = 0; k < shells; k++) {
        double in = (double)k, out = in + 1.0;

        sum += c[k] * (out * out * out - in * in * in);
    }
    return sum / (n * n * n);
}

double spm_lithium_mol(const struct spm_state *s, const struct spm_param *p)
{
    const struct spm_electrode *n = &p->negative, *e = &p->positive;

    return p->area_m2 * (n->active * n->thickness_m * sphere_mol_m3(s->negative_mol_m3, p->shells) +
                         e->active * e->thickness_m * sphere_mol_m3(s->positive_mol_m3, p->shells));
}
