/* models/cell_model.c - one face for the cell models. */
#include "models/cell_model.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define FARADAY_C 96485.33212
#define ASSB_BAND 0.05 /* V; ours, as for the equivalent circuit */
#define ECM_BAND  0.05
#define ECM_RMSE  0.015
#define SPM_BAND  0.02
enum {
    SPM_SHELLS = 20,
    HALVINGS = 60
};

const char *const cell_model_names[] = {"assb-lab-cell", "spm-chen2020", NULL};

/* ---- Parameters ---- */

struct digest {
    struct sha256 h;
};

/* Independent of byte order and padding. */
static void digest_all(struct digest *d, const double *v, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        uint8_t b[8];
        uint64_t bits;
        double x = v[k] + 0.0; /* one zero */

        memcpy(&bits, &x, sizeof(bits));
        for (unsigned i = 0; i < sizeof(b); i++) {
            b[i] = (uint8_t)(bits >> (8 * i));
        }
        sha256_add(&d->h, b, sizeof(b));
    }
}
#define DIGEST(d, ...)                             \
    digest_all((d), (const double[]){__VA_ARGS__}, \
               sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static void digest_assb(struct digest *d, const struct assb_param *p)
{
    DIGEST(d, p->charge_per_y_c, p->y_fresh, p->loss_first, p->loss_later, p->r_bulk_ohm,
           p->r_contact_ohm, p->contact_exponent, p->contact_reference_pa, p->contact_floor_pa,
           p->activation_j_mol, p->reference_k, p->r1_ohm, p->tau1_s);
}

static void digest_ecm(struct digest *d, const struct cell_param *p)
{
    DIGEST(d, p->capacity_c, p->charge_efficiency, p->n_ocv, p->n_rows, p->hysteresis_rate,
           p->entropy_v_k, p->activation_j_mol, p->reference_k, p->heat_j_k, p->loss_w_k);
    digest_all(d, p->ocv_v, p->n_ocv);
    for (unsigned k = 0; k < p->n_rows; k++) {
        const struct cell_row *r = &p->row[k];

        DIGEST(d, r->soc, r->r0_ohm, r->r1_ohm, r->tau1_s, r->r2_ohm, r->tau2_s, r->hysteresis_v);
    }
}

static void digest_electrode(struct digest *d, const struct spm_electrode *e)
{
    DIGEST(d, e->thickness_m, e->active, e->radius_m, e->diffusivity_m2_s, e->most_mol_m3,
           e->full_mol_m3, e->exchange, e->exchange_j_mol);
}

static void digest_spm(struct digest *d, const struct spm_param *p)
{
    digest_electrode(d, &p->negative);
    digest_electrode(d, &p->positive);
    DIGEST(d, p->area_m2, p->electrolyte_mol_m3, p->series_ohm, p->reference_k, p->nominal_c,
           p->shells);
}

static void finish(struct cell_model *m)
{
    uint8_t sum[32];
    struct digest d;

    sha256_init(&d.h);
    switch (m->kind) {
    case CELL_MODEL_ASSB: digest_assb(&d, &m->of.assb); break;
    case CELL_MODEL_ECM: digest_ecm(&d, &m->of.ecm); break;
    case CELL_MODEL_SPM: digest_spm(&d, &m->of.spm); break;
    }
    sha256_end(&d.h, sum);
    sha256_hex(sum, m->hash);
}

bool cell_model_builtin(const char *name, struct cell_model *ret)
{
    struct cell_model m = {.sigma_v = NAN, .rmse_v = INFINITY};

    if (strcmp(name, cell_model_names[0]) == 0) {
        m.kind = CELL_MODEL_ASSB;
        m.band_v = ASSB_BAND;
        assb_param_default(&m.of.assb);
    } else if (strcmp(name, cell_model_names[1]) == 0) {
        m.kind = CELL_MODEL_SPM;
        m.band_v = SPM_BAND;
        spm_param_chen2020(&m.of.spm, SPM_SHELLS);
    } else {
        return false;
    }
    str_copy(m.name, sizeof(m.name), name);
    finish(&m);
    *ret = m;
    return true;
}

void cell_model_ecm(const char *name, const struct cell_param *param, struct cell_model *ret)
{
    *ret = (struct cell_model){
        .kind = CELL_MODEL_ECM, .sigma_v = NAN, .band_v = ECM_BAND, .rmse_v = ECM_RMSE};
    ret->of.ecm = *param;
    str_copy(ret->name, sizeof(ret->name), name);
    finish(ret);
}

/* ---- What surrounds it ---- */

static double temperature_of(const struct cell_model *m, const struct cell_around *a)
{
    double reference_k = 298.15;

    switch (m->kind) {
    case CELL_MODEL_ASSB: reference_k = m->of.assb.reference_k; break;
    case CELL_MODEL_ECM: reference_k = m->of.ecm.reference_k; break;
    case CELL_MODEL_SPM: reference_k = m->of.spm.reference_k; break;
    }
    return a->temperature_k > 0.0 ? a->temperature_k : reference_k;
}

static double pressure_of(const struct cell_model *m, const struct cell_around *a)
{
    return isfinite(a->pressure_pa) ? a->pressure_pa : m->of.assb.contact_reference_pa;
}

/* ---- Start ---- */

static double spm_electrode_c(const struct spm_param *p, const struct spm_electrode *e)
{
    return FARADAY_C * p->area_m2 * e->thickness_m * e->active; /* coulomb per mol/m3 */
}

static void spm_start(struct spm_state *s, const struct spm_param *p, double soc, double k)
{
    double out_c = (1.0 - soc) * p->nominal_c;
    double negative = p->negative.full_mol_m3 - out_c / spm_electrode_c(p, &p->negative);
    double positive = p->positive.full_mol_m3 + out_c / spm_electrode_c(p, &p->positive);

    spm_init(s, p, k);
    for (unsigned n = 0; n < p->shells; n++) {
        s->negative_mol_m3[n] = negative;
        s->positive_mol_m3[n] = positive;
    }
    s->charge_c = -out_c;
}

bool cell_model_start_fresh(const struct cell_model *m, const struct cell_around *a,
                            struct cell_model_state *ret)
{
    if (m->kind == CELL_MODEL_ECM) {
        return false;
    }
    cell_model_start_soc(m, 1.0, a, ret);
    if (m->kind == CELL_MODEL_ASSB) {
        assb_init(&ret->of.assb, &m->of.assb);
    }
    return true;
}

/* assb_fill() falls evenly with y. */
static double assb_y_at(double soc)
{
    double lo = 0.0, hi = 1.0;

    for (int k = 0; k < HALVINGS; k++) {
        double mid = 0.5 * (lo + hi);

        *(assb_fill(mid) > soc ? &lo : &hi) = mid;
    }
    return soc > 0.0 ? 0.5 * (lo + hi) : hi;
}

void cell_model_start_soc(const struct cell_model *m, double soc, const struct cell_around *a,
                          struct cell_model_state *ret)
{
    double k = temperature_of(m, a);

    memset(ret, 0, sizeof(*ret));
    ret->kind = (uint8_t)m->kind;
    switch (m->kind) {
    case CELL_MODEL_ASSB:
        assb_init(&ret->of.assb, &m->of.assb);
        ret->of.assb.y = assb_y_at(soc);
        ret->of.assb.charges = 1; /* it has been charged before */
        ret->of.assb.loss_share = m->of.assb.loss_later;
        break;
    case CELL_MODEL_ECM: cell_init(&ret->of.ecm, soc, k); break;
    case CELL_MODEL_SPM: spm_start(&ret->of.spm, &m->of.spm, soc, k); break;
    }
}

/* The open-circuit voltage rises with the state of charge in all of them. */
void cell_model_start_ocv(const struct cell_model *m, double v_v, const struct cell_around *a,
                          struct cell_model_state *ret)
{
    double lo = 0.0, hi = 1.0;

    for (int k = 0; k < HALVINGS; k++) {
        double mid = 0.5 * (lo + hi);

        cell_model_start_soc(m, mid, a, ret);
        *(cell_model_voltage_v(m, ret, 0.0, a) < v_v ? &lo : &hi) = mid;
    }
    /* the end itself where it is beyond */
    cell_model_start_soc(m, hi < 1.0 ? lo > 0.0 ? 0.5 * (lo + hi) : 0.0 : 1.0, a, ret);
}

/* ---- Work ---- */

double cell_model_voltage_v(const struct cell_model *m, const struct cell_model_state *s,
                            double i_a, const struct cell_around *a)
{
    switch (m->kind) {
    case CELL_MODEL_ASSB:
        return assb_voltage_v(&s->of.assb, &m->of.assb, i_a, pressure_of(m, a),
                              temperature_of(m, a));
    case CELL_MODEL_ECM: return cell_voltage_v(&s->of.ecm, &m->of.ecm, i_a);
    case CELL_MODEL_SPM: return spm_voltage_v(&s->of.spm, &m->of.spm, i_a);
    }
    return NAN;
}

void cell_model_step(const struct cell_model *m, struct cell_model_state *s, double i_a,
                     double dt_s, const struct cell_around *a)
{
    double k = temperature_of(m, a);

    switch (m->kind) {
    case CELL_MODEL_ASSB: assb_step(&s->of.assb, &m->of.assb, i_a, dt_s); break;
    case CELL_MODEL_ECM:
        /* measured itself; or nothing is known of its heat: then it is as warm as what is around */
        if (a->temperature_k > 0.0 && (a->of_cell || !isfinite(m->of.ecm.heat_j_k))) {
            s->of.ecm.temperature_k = k;
        }
        cell_step(&s->of.ecm, &m->of.ecm, i_a, dt_s, k);
        break;
    case CELL_MODEL_SPM:
        s->of.spm.temperature_k = k;
        spm_step(&s->of.spm, &m->of.spm, i_a, dt_s);
        break;
    }
}

double cell_model_soc(const struct cell_model *m, const struct cell_model_state *s)
{
    switch (m->kind) {
    case CELL_MODEL_ASSB: return assb_fill(s->of.assb.y);
    case CELL_MODEL_ECM: return s->of.ecm.soc;
    case CELL_MODEL_SPM: return 1.0 + s->of.spm.charge_c / m->of.spm.nominal_c;
    }
    return NAN;
}
