/* analysis/cell_fit.c - what is fitted to what, and what comes out as a cell. */
#include "analysis/cell_fit_priv.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS_MAX = 20,
    ROUNDS_FIRST = 2,
    OCV_POINTS = 401
};
#define TURN_SHARE    0.04 /* at its ends a slow branch has not turned yet */
#define SETTLED_V     2e-5
#define MOVED         0.5 /* a start is moved by up to this, in logarithms */
#define TOGETHER      0.98
#define RATE_START    50.0
#define PRIOR_FIRST_V 0.1 /* of the time constants, in the first rounds and then */
#define PRIOR_V       0.02

struct fit {
    const struct recording *pulses;
    const struct cell_fit_options *o;
    struct cell_cycle cycle;
    struct cell_curve curve;
    struct fit_problem problem;
    struct fit_result result;
    double r_ohm[CELL_ROWS_MAX], r1s_ohm; /* steady at the rows; within a second, mean */
    gsl_vector *x;
    struct cell_fit *out;
};

void cell_fit_options_default(struct cell_fit_options *ret)
{
    *ret = (struct cell_fit_options){
        .temperature_k = 298.15, .activation_j_mol = 30e3, .heat_j_k = 800.0, .loss_w_k = 1.25};
}

/* ---- The start ---- */

static const struct cell_fit_pulse *pulse_near(const struct cell_fit *out, double soc)
{
    const struct cell_fit_pulse *best = &out->pulse[0];

    for (unsigned k = 1; k < out->n_pulses; k++) {
        if (fabs(out->pulse[k].soc - soc) < fabs(best->soc - soc)) {
            best = &out->pulse[k];
        }
    }
    return best;
}

static void start(struct fit *f)
{
    /* of the resistance after 10 s, and s */
    static const double first[CELL_FIT_VALUES] = {0.75, 0.35, 8.0, 0.6, 150.0};
    const struct fit_problem *p = &f->problem;
    unsigned common = p->n_soc * CELL_FIT_VALUES;
    struct rng rng;

    rng_seed(&rng, f->o->start, 1);
    for (unsigned k = 0; k < p->n_soc; k++) {
        double r10 = fabs(pulse_near(f->out, p->soc[k])->measured_ohm);

        for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
            bool time = v == 2 || v == 4;
            double from = log(time ? first[v] : first[v] * r10);
            double moved = f->o->start ? MOVED * (2.0 * rng_uniform(&rng) - 1.0) : 0.0;

            gsl_vector_set(f->x, k * CELL_FIT_VALUES + v, from + moved);
        }
    }
    gsl_vector_set(f->x, common + FIT_FACTOR, 1.0);
    gsl_vector_set(f->x, common + FIT_RATE,
                   log(RATE_START) + (f->o->start ? MOVED * (rng_uniform(&rng) - 0.5) : 0.0));
    gsl_vector_set(f->x, common + FIT_START, 0.0);
    gsl_vector_set(f->x, common + FIT_OFFSET, 0.0);
}

/* ---- What the slow cycle gives, with the resistances known so far ---- */

static double value_of(const struct fit *f, unsigned row, unsigned value)
{
    return exp(gsl_vector_get(f->x, row * CELL_FIT_VALUES + value));
}

static double common_of(const struct fit *f, unsigned which)
{
    return gsl_vector_get(f->x, f->problem.n_soc * CELL_FIT_VALUES + which);
}

static void resistances(struct fit *f)
{
    double after = f->out->lead.after_s;

    f->r1s_ohm = 0.0;
    for (unsigned k = 0; k < f->problem.n_soc; k++) {
        double r0 = value_of(f, k, 0), r1 = value_of(f, k, 1), r2 = value_of(f, k, 3);

        f->r_ohm[k] = r0 + r1 + r2;
        f->r1s_ohm +=
            (r0 - r1 * expm1(-after / value_of(f, k, 2)) - r2 * expm1(-after / value_of(f, k, 4))) /
            f->problem.n_soc;
    }
}

static double resistance_at(const struct fit *f, double soc)
{
    const struct fit_problem *p = &f->problem;
    unsigned k = 0, last = p->n_soc - 1;
    double share;

    if (soc <= p->soc[0] || soc >= p->soc[last]) {
        return f->r_ohm[soc <= p->soc[0] ? 0 : last];
    }
    while (p->soc[k + 1] <= soc) {
        k++;
    }
    share = (soc - p->soc[k]) / (p->soc[k + 1] - p->soc[k]);
    return f->r_ohm[k] + share * (f->r_ohm[k + 1] - f->r_ohm[k]);
}

static double soc_of_curve(const struct fit *f, unsigned point)
{
    double ah = f->curve.out_ah * (double)point / (double)(f->curve.n - 1);

    return 1.0 - (ah - common_of(f, FIT_START)) / f->problem.capacity_ah;
}

static unsigned turned(const struct cell_curve *c)
{
    return (unsigned)(TURN_SHARE * c->n);
}

/* U and what makes up M on the curve's axis; returns the largest change of U. At the ends one
 * branch has not turned yet, and the charge was held with less and less current: there the other
 * branch alone tells, with the gap of the place where both have turned. */
static double curves_make(struct fit *f)
{
    const struct cell_curve *c = &f->curve;
    struct fit_problem *p = &f->problem;
    unsigned end = turned(c), last = c->n - 1 - end;
    double most = 0.0, factor = common_of(f, FIT_FACTOR);

    for (unsigned k = 0; k < c->n; k++) {
        unsigned from = k < end ? end : k > last ? last : k;
        double in_a = c->charge_a[k], out_a = f->cycle.rate_a;
        double r = resistance_at(f, soc_of_curve(f, k));
        double up = c->charge_v[k] - factor * r * in_a, u;
        double down = c->discharge_v[k] + factor * r * out_a;

        p->gap_v[k] = 0.5 * (c->charge_v[from] - c->discharge_v[from]);
        p->drop_v[k] = 0.5 * resistance_at(f, soc_of_curve(f, from)) * (out_a + c->charge_a[from]);
        u = k < end    ? up - fmax(p->gap_v[k] - factor * p->drop_v[k], 0.0)
            : k > last ? down + fmax(p->gap_v[k] - factor * p->drop_v[k], 0.0)
                       : 0.5 * (up + down);
        most = fmax(most, fabs(u - p->ocv_v[k]));
        p->ocv_v[k] = u;
    }
    return most;
}

/* The lead is what the steps show less what the cell itself answers within that time. */
static int slow_read(struct fit *f, struct diag *reterr)
{
    struct cell_lead *lead = &f->out->lead;

    resistances(f);
    lead->cell_ohm = common_of(f, FIT_FACTOR) * f->r1s_ohm;
    lead->lead_ohm = lead->sum_ohm - lead->cell_ohm;
    return cell_curve_read(&f->cycle, lead->lead_ohm, &f->curve, reterr);
}

/* ---- Rounds ---- */

static int rounds(struct fit *f, struct diag *reterr)
{
    struct cell_fit *out = f->out;
    double moved;
    unsigned tail = f->problem.n_soc * CELL_FIT_VALUES + FIT_TAIL;
    int rc = slow_read(f, reterr);

    if (rc == 0) {
        curves_make(f);
        gsl_vector_set(f->x, tail,
                       cell_curve_at(&f->curve, f->problem.ocv_v, f->curve.out_ah + 1.0) -
                           f->problem.ocv_v[f->curve.n - 1]);
    }
    for (; rc == 0 && !out->settled && out->rounds < ROUNDS_MAX; out->rounds++) {
        f->problem.prior_v = out->rounds < ROUNDS_FIRST ? PRIOR_FIRST_V : PRIOR_V;
        rc = fit_least_squares(&f->problem, f->x, &f->result, reterr);
        if (rc == 0) {
            out->iterations += f->result.iterations;
            rc = slow_read(f, reterr);
            moved = rc == 0 ? curves_make(f) : 0.0;
            out->settled = moved < SETTLED_V && out->rounds >= ROUNDS_FIRST;
        }
    }
    return rc;
}

/* ---- The cell ---- */

static void param_make(struct fit *f)
{
    const struct fit_problem *p = &f->problem;
    struct cell_param *cell = &f->out->param;
    double start_ah = common_of(f, FIT_START);

    *cell = (struct cell_param){.capacity_c = p->capacity_ah * 3600.0,
                                .charge_efficiency = 1.0,
                                .n_ocv = OCV_POINTS,
                                .n_rows = p->n_soc,
                                .hysteresis_rate = exp(common_of(f, FIT_RATE)),
                                .activation_j_mol = f->o->activation_j_mol,
                                .reference_k = f->o->temperature_k,
                                .heat_j_k = f->o->heat_j_k,
                                .loss_w_k = f->o->loss_w_k};
    for (unsigned k = 0; k < OCV_POINTS; k++) {
        double soc = (double)k / (OCV_POINTS - 1);
        double ah = start_ah + (1.0 - soc) * p->capacity_ah;

        cell->ocv_v[k] = fit_ocv_v(p, common_of(f, FIT_TAIL), ah) + common_of(f, FIT_OFFSET);
        if (k > 0) { /* a whole millivolt of rounding may make it fall */
            cell->ocv_v[k] = fmax(cell->ocv_v[k], cell->ocv_v[k - 1] + 1e-6);
        }
    }
    for (unsigned k = 0; k < p->n_soc; k++) {
        double ah = start_ah + (1.0 - p->soc[k]) * p->capacity_ah;
        double half = cell_curve_at(&f->curve, p->gap_v, ah) -
                      common_of(f, FIT_FACTOR) * cell_curve_at(&f->curve, p->drop_v, ah);

        cell->row[k] = (struct cell_row){.soc = p->soc[k],
                                         .r0_ohm = value_of(f, k, 0),
                                         .r1_ohm = value_of(f, k, 1),
                                         .tau1_s = value_of(f, k, 2),
                                         .r2_ohm = value_of(f, k, 3),
                                         .tau2_s = value_of(f, k, 4),
                                         .hysteresis_v = fmax(half, 0.0)};
    }
}

/* The value of place `at` of the fitted vector; as a logarithm its half95 is a share of it. zero: a
 * value that may as well be nothing, so that a wide interval does not speak against it. */
static void value_make(struct fit *f, unsigned at, bool logarithm, bool zero,
                       struct cell_fit_value *ret)
{
    static const char *const names[CELL_FIT_VALUES] = {"R0", "R1", "tau1", "R2", "tau2"};
    const struct fit_result *r = &f->result;
    unsigned with = r->goes_with[at], common = f->problem.n_soc * CELL_FIT_VALUES;
    double x = gsl_vector_get(f->x, at), share;
    int rc = 0;

    ret->value = logarithm ? exp(x) : x;
    ret->half95 = logarithm ? ret->value * r->half95[at] : r->half95[at];
    share = fabs(ret->half95 / ret->value);
    ret->identified = false;
    if (!isfinite(ret->half95)) {
        rc = str_fmt(ret->why, sizeof(ret->why), "the data do not move it");
    } else if (share > 1.0 && !zero) {
        rc = str_fmt(ret->why, sizeof(ret->why), "interval wider than the value");
    } else if (fabs(r->goes_by[at]) > TOGETHER && with < common) {
        rc = str_fmt(ret->why, sizeof(ret->why), "goes with %s at soc %d %%",
                     names[with % CELL_FIT_VALUES],
                     (int)lround(100.0 * f->problem.soc[with / CELL_FIT_VALUES]));
    } else if (fabs(r->goes_by[at]) > TOGETHER) {
        rc = str_fmt(ret->why, sizeof(ret->why), "goes with a value of the slow file");
    } else {
        ret->identified = true;
    }
    ASSERT(rc == 0);
}

static void values_make(struct fit *f)
{
    struct cell_fit *out = f->out;
    unsigned common = f->problem.n_soc * CELL_FIT_VALUES;

    for (unsigned k = 0; k < f->problem.n_soc; k++) {
        double ah = common_of(f, FIT_START) + (1.0 - f->problem.soc[k]) * f->problem.capacity_ah;

        for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
            value_make(f, k * CELL_FIT_VALUES + v, true, false, &out->value[k][v]);
        }
        out->hysteresis_half95_v[k] =
            f->result.half95[common + FIT_FACTOR] * cell_curve_at(&f->curve, f->problem.drop_v, ah);
    }
    value_make(f, common + FIT_RATE, true, false, &out->hysteresis_rate);
    value_make(f, common + FIT_FACTOR, false, false, &out->slow_factor);
    value_make(f, common + FIT_START, false, true, &out->slow_start_ah);
    value_make(f, common + FIT_OFFSET, false, true, &out->slow_offset_v);
    value_make(f, common + FIT_TAIL, false, false, &out->tail_v_ah);
    out->ocv_half95_v = hypot(out->slow_offset_v.half95, 0.5e-3);
}

/* How well the finished cell, tables and all, follows what it was fitted to. */
static int scores(struct fit *f, struct diag *reterr)
{
    const struct recording *r = f->pulses;
    struct cell_fit *out = f->out;
    struct cell_follow how = {.ambient_k = f->o->temperature_k, .held = true};
    struct cell_state state;
    double *v = calloc(r->n, sizeof(*v)), sum = 0, after = 0, n = 0, n_after = 0;
    size_t first_pulse = fit_first_pulse(r);

    if (!v) {
        return diag_add(reterr, E_NOMEM, "no memory for %zu rows", r->n);
    }
    cell_init(&state, f->problem.row[0].soc, how.ambient_k);
    state.h_v = (f->problem.row[r->n > 1].i_a > 0.0 ? -1.0 : 1.0) * out->param.row[0].hysteresis_v;
    cell_follow(r, 0, r->n, &out->param, &how, &state, v);
    for (size_t k = 0; k < r->n; k++) {
        double e = v[k] - r->voltage_v[k];

        if (isfinite(e)) {
            sum += e * e;
            n += 1.0;
            after += k >= first_pulse ? e * e : 0.0;
            n_after += k >= first_pulse;
            out->most_v = fmax(out->most_v, fabs(e));
        }
    }
    out->rms_v = sqrt(sum / n);
    out->rms_after_v = sqrt(after / n_after);
    fit_pulses_read(&f->problem, r, v, out);
    free(v);
    return 0;
}

static int finish(struct fit *f, struct diag *reterr)
{
    struct cell_fit *out = f->out;

    param_make(f);
    values_make(f);
    out->slow_rate_a = f->cycle.rate_a;
    out->slow_out_ah = f->cycle.out_ah;
    out->slow_cycle = f->cycle.cycle;
    out->rows = f->problem.n;
    out->rows_used = f->problem.n_used;
    out->n_values = fit_size(&f->problem);
    out->durbin_watson = f->result.durbin_watson;
    out->widened = f->result.widened;
    out->condition = f->result.condition;
    out->correlation = f->result.correlation;
    return scores(f, reterr);
}

int cell_fit(const struct recording *slow, const struct recording *pulses,
             const struct cell_fit_options *o, struct cell_fit *ret, struct diag *reterr)
{
    struct fit *f = calloc(1, sizeof(*f));
    struct cell_fit *out = calloc(1, sizeof(*out));
    int rc = f && out ? 0 : diag_add(reterr, E_NOMEM, "no memory for a fit");

    if (rc == 0) {
        *f = (struct fit){.pulses = pulses, .o = o, .out = out};
        f->problem.curve = &f->curve;
        rc = cell_cycle_find(slow, o->slow_cycle, &f->cycle, reterr);
    }
    rc = rc < 0 ? rc : cell_lead_fit(&f->cycle, &out->lead, reterr);
    rc = rc < 0 ? rc : fit_rows_read(&f->problem, pulses, reterr);
    if (rc == 0) {
        fit_pulses_read(&f->problem, pulses, NULL, out);
        rc = fit_table(&f->problem, pulses, out, reterr);
    }
    if (rc == 0) {
        f->x = gsl_vector_calloc(fit_size(&f->problem));
        start(f);
        rc = rounds(f, reterr);
    }
    rc = rc < 0 ? rc : finish(f, reterr);
    if (rc == 0) {
        *ret = *out;
    }
    if (f) {
        free(f->problem.row);
        gsl_vector_free(f->x);
    }
    free(f);
    free(out);
    return rc;
}
