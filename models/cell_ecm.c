/* models/cell_ecm.c - equivalent-circuit cell; the equations are in the header. */
#include "models/cell_ecm.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define GAS_J_MOL_K 8.314462618
#define UNTIL_SHARE 1e-9

void cell_init(struct cell_state *ret, double soc, double temperature_k)
{
    memset(ret, 0, sizeof(*ret));
    ret->soc = soc;
    ret->temperature_k = temperature_k;
    ret->own_capacity = 1.0;
    ret->own_resistance = 1.0;
}

/* Interval of U and the place in it; beyond the ends the place is outside 0..1. */
static unsigned ocv_interval(const struct cell_param *p, double soc, double *ret_share)
{
    double x = soc * (double)(p->n_ocv - 1);
    double most = (double)(p->n_ocv - 2);
    double below = !(x > 0.0) ? 0.0 : x > most ? most : x;
    unsigned k = (unsigned)below;

    *ret_share = x - (double)k;
    return k;
}

double cell_ocv_v(const struct cell_param *p, double soc)
{
    double share;
    unsigned k = ocv_interval(p, soc, &share);

    return p->ocv_v[k] + share * (p->ocv_v[k + 1] - p->ocv_v[k]);
}

double cell_ocv_slope_v(const struct cell_param *p, double soc)
{
    double share;
    unsigned k = ocv_interval(p, soc, &share);

    return (p->ocv_v[k + 1] - p->ocv_v[k]) * (double)(p->n_ocv - 1);
}

double cell_soc_at_v(const struct cell_param *p, double v_v)
{
    double lo = 0.0, hi = 1.0;

    if (v_v <= cell_ocv_v(p, lo)) {
        return lo;
    }
    if (v_v >= cell_ocv_v(p, hi)) {
        return hi;
    }
    for (int k = 0; k < 60; k++) {
        double mid = 0.5 * (lo + hi);

        if (cell_ocv_v(p, mid) < v_v) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return 0.5 * (lo + hi);
}

double cell_arrhenius(const struct cell_param *p, double temperature_k)
{
    double colder = 1.0 / temperature_k - 1.0 / p->reference_k;

    return exp(p->activation_j_mol / GAS_J_MOL_K * colder);
}

/* Row below soc; at: where to begin to look. */
static unsigned find_row(const struct cell_param *p, double soc, unsigned at)
{
    unsigned last = p->n_rows - 1, k = at < last ? at : last;

    while (k > 0 && p->row[k].soc > soc) {
        k--;
    }
    while (k < last && p->row[k + 1].soc <= soc) {
        k++;
    }
    return k;
}

static double between(double a, double b, double share)
{
    return a + share * (b - a);
}

static unsigned interpolate(const struct cell_param *p, double soc, unsigned at, double factor,
                            struct cell_row *ret)
{
    unsigned k = find_row(p, soc, at);
    const struct cell_row *a = &p->row[k], *b = &p->row[k + 1 < p->n_rows ? k + 1 : k];
    double share = b == a || soc <= a->soc ? 0.0 : (soc - a->soc) / (b->soc - a->soc);

    ret->soc = soc;
    ret->r0_ohm = factor * between(a->r0_ohm, b->r0_ohm, share);
    ret->r1_ohm = factor * between(a->r1_ohm, b->r1_ohm, share);
    ret->tau1_s = between(a->tau1_s, b->tau1_s, share);
    ret->r2_ohm = factor * between(a->r2_ohm, b->r2_ohm, share);
    ret->tau2_s = between(a->tau2_s, b->tau2_s, share);
    ret->hysteresis_v = between(a->hysteresis_v, b->hysteresis_v, share);
    return k;
}

void cell_row_at(const struct cell_param *p, double soc, double temperature_k, struct cell_row *ret)
{
    interpolate(p, soc, 0, cell_arrhenius(p, temperature_k), ret);
}

double cell_emf_v(const struct cell_state *s, const struct cell_param *p)
{
    return cell_ocv_v(p, s->soc) + s->h_v + s->v1_v + s->v2_v;
}

double cell_series_ohm(const struct cell_state *s, const struct cell_param *p)
{
    struct cell_row r;

    interpolate(p, s->soc, s->at, s->own_resistance * cell_arrhenius(p, s->temperature_k), &r);
    return r.r0_ohm;
}

double cell_voltage_v(const struct cell_state *s, const struct cell_param *p, double i_a)
{
    return cell_emf_v(s, p) + i_a * cell_series_ohm(s, p);
}

double cell_current_a(const struct cell_state *s, const struct cell_param *p, double v_v)
{
    return (v_v - cell_emf_v(s, p)) / cell_series_ohm(s, p);
}

double cell_power_current_a(const struct cell_state *s, const struct cell_param *p, double power_w)
{
    double e = cell_emf_v(s, p), r = cell_series_ohm(s, p);
    double under = e * e + 4.0 * r * power_w;

    /* the root near P / E, written so that small powers keep their digits */
    return under < 0.0 ? (double)NAN : 2.0 * power_w / (e + sqrt(under));
}

static double settle(double from, double to, double x)
{
    return to + (from - to) * x;
}

static void warm(struct cell_state *s, const struct cell_param *p, double power_w, double dt_s,
                 double ambient_k)
{
    if (dt_s < s->keep_dt_s || dt_s > s->keep_dt_s) {
        s->keep_dt_s = dt_s;
        s->keep = exp(-p->loss_w_k * dt_s / p->heat_j_k);
    }
    if (p->loss_w_k > 0.0) {
        s->temperature_k = settle(s->temperature_k, ambient_k + power_w / p->loss_w_k, s->keep);
    } else {
        s->temperature_k += power_w * dt_s / p->heat_j_k;
    }
    s->heat_j += power_w * dt_s;
}

void cell_step(struct cell_state *s, const struct cell_param *p, double i_a, double dt_s,
               double ambient_k)
{
    bool flows = i_a > 0.0 || i_a < 0.0;
    double passed_c = i_a * dt_s, capacity_c = p->capacity_c * s->own_capacity;
    double factor = s->own_resistance * cell_arrhenius(p, s->temperature_k);
    double over_v = s->h_v + s->v1_v + s->v2_v; /* beside R0, now and at the end */
    struct cell_row r;

    s->at = interpolate(p, s->soc, s->at, factor, &r);
    s->v1_v = settle(s->v1_v, r.r1_ohm * i_a, exp(-dt_s / r.tau1_s));
    s->v2_v = settle(s->v2_v, r.r2_ohm * i_a, exp(-dt_s / r.tau2_s));
    if (flows) {
        double turned = p->hysteresis_rate * fabs(passed_c) / capacity_c;

        s->h_v = settle(s->h_v, copysign(r.hysteresis_v, i_a), exp(-turned));
        s->soc += (i_a > 0.0 ? p->charge_efficiency : 1.0) * passed_c / capacity_c;
        s->charge_c += passed_c;
    }
    s->soc -= s->own_leak_a * dt_s / capacity_c;
    over_v = 0.5 * (over_v + s->h_v + s->v1_v + s->v2_v) + r.r0_ohm * i_a;
    warm(s, p, i_a * (over_v + s->temperature_k * p->entropy_v_k), dt_s, ambient_k);
}

static double voltage_after(const struct cell_state *s, const struct cell_param *p, double i_a,
                            double dt_s, double ambient_k)
{
    struct cell_state later = *s;

    cell_step(&later, p, i_a, dt_s, ambient_k);
    return cell_voltage_v(&later, p, i_a);
}

double cell_until_v(const struct cell_state *s, const struct cell_param *p, double i_a, double v_v,
                    double most_s, double ambient_k)
{
    double side = i_a < 0.0 ? -1.0 : 1.0; /* a charge comes from below */
    double lo = 0.0, hi = most_s;

    if (side * (cell_voltage_v(s, p, i_a) - v_v) >= 0.0) {
        return 0.0;
    }
    if (!(side * (voltage_after(s, p, i_a, most_s, ambient_k) - v_v) >= 0.0)) {
        return -1.0;
    }
    while (hi - lo > UNTIL_SHARE * most_s) {
        double mid = 0.5 * (lo + hi);

        if (side * (voltage_after(s, p, i_a, mid, ambient_k) - v_v) >= 0.0) {
            hi = mid;
        } else {
            lo = mid;
        }
    }
    return hi;
}
