/* analysis/cell_fit_lsq.c - the nonlinear least squares of cell_fit.c.
 *
 * Every state of the cell moves by an exponential from row to row; its derivatives by the fitted
 * values move likewise, so that one pass over the rows gives voltages and Jacobian, exactly.
 */
#include "analysis/cell_fit_priv.h"

#include "base/diag.h"
#include "base/err.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITERATIONS_MAX = 300,
    R0 = 0,
    R1,
    TAU1,
    R2,
    TAU2
};
#define X_TOL      1e-6
#define G_TOL      1e-12
#define PRIOR_TAU1 8.0
#define PRIOR_TAU2 150.0
#define SLOPE_AH   0.02
#define PULSE_TIMES \
    3.0 /* the shape of a pulse is known better than U: its rows count so much more */

unsigned fit_size(const struct fit_problem *p)
{
    return p->n_soc * CELL_FIT_VALUES + FIT_COMMON;
}

double fit_ocv_v(const struct fit_problem *p, double tail, double out_ah)
{
    double beyond = out_ah - p->curve->out_ah;

    return beyond > 0.0 ? p->ocv_v[p->curve->n - 1] + tail * beyond
                        : cell_curve_at(p->curve, p->ocv_v, out_ah);
}

static unsigned at(unsigned row, unsigned value)
{
    return row * CELL_FIT_VALUES + value;
}

struct place { /* in the rows over soc */
    unsigned k[2];
    double w[2];
};

static struct place place_of(const struct fit_problem *p, double soc)
{
    unsigned last = p->n_soc - 1, k = 0;
    double share;

    if (soc <= p->soc[0]) {
        return (struct place){
            {0,   0  },
            {1.0, 0.0}
        };
    }
    if (soc >= p->soc[last]) {
        return (struct place){
            {last, last},
            {1.0,  0.0 }
        };
    }
    while (p->soc[k + 1] <= soc) {
        k++;
    }
    share = (soc - p->soc[k]) / (p->soc[k + 1] - p->soc[k]);
    return (struct place){
        {k,           k + 1},
        {1.0 - share, share}
    };
}

/* One RC pair and its derivatives. */
struct pair {
    double v;
    double by_r[CELL_ROWS_MAX], by_tau[CELL_ROWS_MAX]; /* by the logarithms */
};

struct sim {
    const struct fit_problem *p;
    double value[CELL_ROWS_MAX][CELL_FIT_VALUES];
    double factor, rate, start_ah, offset_v, tail;
    struct pair pair[2];
    double h, h_by_factor, h_by_rate;
};

static double mix(const struct sim *s, const struct place *w, unsigned value)
{
    return w->w[0] * s->value[w->k[0]][value] + w->w[1] * s->value[w->k[1]][value];
}

static void pair_move(struct sim *s, unsigned which, const struct place *w,
                      const struct fit_row *row)
{
    unsigned r = which ? R2 : R1, t = which ? TAU2 : TAU1;
    struct pair *pair = &s->pair[which];
    double tau = mix(s, w, t), to = mix(s, w, r) * row->i_a, a = exp(-row->dt_s / tau);
    double by_tau = (pair->v - to) * a * row->dt_s / (tau * tau);

    for (unsigned k = 0; k < s->p->n_soc; k++) {
        pair->by_r[k] *= a;
        pair->by_tau[k] *= a;
    }
    for (unsigned e = 0; e < 2; e++) {
        unsigned k = w->k[e];

        pair->by_r[k] += (1.0 - a) * row->i_a * w->w[e] * s->value[k][r];
        pair->by_tau[k] += by_tau * w->w[e] * s->value[k][t];
    }
    pair->v = to + (pair->v - to) * a;
}

static double slow_ah(const struct sim *s, double soc)
{
    return s->start_ah + (1.0 - soc) * s->p->capacity_ah;
}

/* M, and its derivative. */
static double half_v(const struct sim *s, double soc, double *ret_by_factor)
{
    double gap = cell_curve_at(s->p->curve, s->p->gap_v, slow_ah(s, soc));
    double drop = cell_curve_at(s->p->curve, s->p->drop_v, slow_ah(s, soc));
    double half = gap - s->factor * drop;

    *ret_by_factor = half > 0.0 ? -drop : 0.0;
    return fmax(half, 0.0);
}

static void hysteresis_move(struct sim *s, const struct fit_row *row)
{
    double e = exp(-s->rate * row->passed), to, by_factor;

    if (row->passed <= 0.0) {
        return;
    }
    to = copysign(half_v(s, row->soc_before, &by_factor), row->i_a);
    by_factor = copysign(1.0, row->i_a) * by_factor;
    s->h_by_factor = by_factor + (s->h_by_factor - by_factor) * e;
    s->h_by_rate = s->h_by_rate * e - (s->h - to) * row->passed * s->rate * e;
    s->h = to + (s->h - to) * e;
}

static void sim_begin(struct sim *s, const struct fit_problem *p, const gsl_vector *x)
{
    unsigned common = p->n_soc * CELL_FIT_VALUES;
    double past = p->n > 1 && p->row[1].i_a > 0.0 ? -1.0 : 1.0;

    memset(s, 0, sizeof(*s));
    s->p = p;
    for (unsigned k = 0; k < p->n_soc; k++) {
        for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
            s->value[k][v] = exp(gsl_vector_get(x, at(k, v)));
        }
    }
    s->factor = gsl_vector_get(x, common + FIT_FACTOR);
    s->rate = exp(gsl_vector_get(x, common + FIT_RATE));
    s->start_ah = gsl_vector_get(x, common + FIT_START);
    s->offset_v = gsl_vector_get(x, common + FIT_OFFSET);
    s->tail = gsl_vector_get(x, common + FIT_TAIL);
    /* a recording that begins with a charge follows a discharge, and the other way round */
    s->h = past * half_v(s, p->row[0].soc, &s->h_by_factor);
    s->h_by_factor *= past;
}

static void sim_derive(const struct sim *s, const struct fit_row *row, const struct place *w,
                       gsl_matrix *j, size_t n)
{
    unsigned common = s->p->n_soc * CELL_FIT_VALUES;
    double ah = slow_ah(s, row->soc);
    double slope =
        (fit_ocv_v(s->p, s->tail, ah + SLOPE_AH) - fit_ocv_v(s->p, s->tail, ah - SLOPE_AH)) /
        (2.0 * SLOPE_AH);

    for (unsigned k = 0; k < s->p->n_soc; k++) {
        gsl_matrix_set(j, n, at(k, R0), 0.0);
        gsl_matrix_set(j, n, at(k, R1), s->pair[0].by_r[k]);
        gsl_matrix_set(j, n, at(k, TAU1), s->pair[0].by_tau[k]);
        gsl_matrix_set(j, n, at(k, R2), s->pair[1].by_r[k]);
        gsl_matrix_set(j, n, at(k, TAU2), s->pair[1].by_tau[k]);
    }
    for (unsigned e = 0; e < 2; e++) {
        double *cell = gsl_matrix_ptr(j, n, at(w->k[e], R0));

        *cell += row->i_a * w->w[e] * s->value[w->k[e]][R0];
    }
    gsl_matrix_set(j, n, common + FIT_FACTOR, s->h_by_factor);
    gsl_matrix_set(j, n, common + FIT_RATE, s->h_by_rate);
    gsl_matrix_set(j, n, common + FIT_START, slope);
    gsl_matrix_set(j, n, common + FIT_OFFSET, 1.0);
    gsl_matrix_set(j, n, common + FIT_TAIL, fmax(ah - s->p->curve->out_ah, 0.0));
}

void fit_simulate(const struct fit_problem *p, const gsl_vector *x, double *ret_v,
                  gsl_matrix *ret_j)
{
    struct sim s;
    size_t n = 0;

    sim_begin(&s, p, x);
    for (size_t k = 0; k < p->n; k++) {
        const struct fit_row *row = &p->row[k];
        struct place w = place_of(p, row->soc_before);

        pair_move(&s, 0, &w, row);
        pair_move(&s, 1, &w, row);
        hysteresis_move(&s, row);
        w = place_of(p, row->soc);
        ret_v[k] = fit_ocv_v(p, s.tail, slow_ah(&s, row->soc)) + s.offset_v + s.h + s.pair[0].v +
                   s.pair[1].v + row->i_a * mix(&s, &w, R0);
        if (ret_j && row->used) {
            sim_derive(&s, row, &w, ret_j, n++);
        }
    }
}

/* ---- GSL ---- */

struct job {
    const struct fit_problem *p;
    double *v; /* of all rows */
};

/* Time constants are held near a prior, loosely: sums of exponentials have flat valleys. Intervals
 * do not count it: they are those of the data alone. */
static void prior(const struct fit_problem *p, const gsl_vector *x, gsl_vector *f, gsl_matrix *j)
{
    for (unsigned k = 0; k < 2 * p->n_soc; k++) {
        unsigned column = at(k / 2, k % 2 ? TAU2 : TAU1);
        double from = log(k % 2 ? PRIOR_TAU2 : PRIOR_TAU1);
        size_t n = p->n_used + k;

        if (f) {
            gsl_vector_set(f, n, p->prior_v * (gsl_vector_get(x, column) - from));
        }
        if (j) {
            gsl_vector_view row = gsl_matrix_row(j, n);

            gsl_vector_set_zero(&row.vector);
            gsl_matrix_set(j, n, column, p->prior_v);
        }
    }
}

static int residuals(const gsl_vector *x, void *data, gsl_vector *ret)
{
    struct job *job = data;

    fit_simulate(job->p, x, job->v, NULL);
    for (size_t k = 0; k < job->p->n; k++) {
        const struct fit_row *row = &job->p->row[k];

        if (row->used && !isfinite(job->v[k])) {
            return GSL_EDOM;
        }
        if (row->used) {
            double e = job->v[k] - row->v_v;

            if (row->from != FIT_ABSOLUTE) {
                e = PULSE_TIMES * (e - (job->v[row->from] - job->p->row[row->from].v_v));
            }
            gsl_vector_set(ret, row->nth, e);
        }
    }
    prior(job->p, x, ret, NULL);
    return GSL_SUCCESS;
}

static int jacobian(const gsl_vector *x, void *data, gsl_matrix *ret)
{
    struct job *job = data;

    fit_simulate(job->p, x, job->v, ret);
    for (size_t k = 0; k < job->p->n; k++) {
        const struct fit_row *row = &job->p->row[k];

        if (row->used && row->from != FIT_ABSOLUTE) {
            gsl_vector_view own = gsl_matrix_row(ret, row->nth);
            gsl_vector_view rest = gsl_matrix_row(ret, job->p->row[row->from].nth);

            gsl_vector_sub(&own.vector, &rest.vector);
            gsl_vector_scale(&own.vector, PULSE_TIMES);
        }
    }
    prior(job->p, x, NULL, ret);
    return GSL_SUCCESS;
}

/* Residuals that follow one another say the same thing several times: 1 + r over 1 - r of them
 * count for one. */
static double follow_one_another(const double *e, size_t n, double *ret_durbin_watson)
{
    double r = gsl_stats_lag1_autocorrelation(e, 1, n), diff = 0.0, sum = 0.0;

    for (size_t k = 0; k < n; k++) {
        sum += e[k] * e[k];
        diff += k > 0 ? (e[k] - e[k - 1]) * (e[k] - e[k - 1]) : 0.0;
    }
    *ret_durbin_watson = sum > 0.0 ? diff / sum : (double)NAN;
    r = fmin(fmax(r, 0.0), 0.999);
    return sqrt((1.0 + r) / (1.0 - r));
}

static void correlations(const gsl_matrix *c, struct fit_result *ret)
{
    ret->correlation = 0.0;
    for (size_t a = 0; a < c->size1; a++) {
        ret->goes_by[a] = 0.0;
        for (size_t b = 0; b < c->size1; b++) {
            double r = a == b ? 0.0
                              : gsl_matrix_get(c, a, b) /
                                    sqrt(gsl_matrix_get(c, a, a) * gsl_matrix_get(c, b, b));

            if (fabs(r) > fabs(ret->goes_by[a])) {
                ret->goes_by[a] = r;
                ret->goes_with[a] = (unsigned)b;
            }
        }
        ret->correlation = fmax(ret->correlation, fabs(ret->goes_by[a]));
    }
}

static void read_out(const struct fit_problem *p, gsl_multifit_nlinear_workspace *work,
                     gsl_matrix *covariance, struct fit_result *ret)
{
    const gsl_vector *e = gsl_multifit_nlinear_residual(work);
    double sum = 0.0, variance, reciprocal = 0.0;
    unsigned size = fit_size(p);
    gsl_matrix_const_view data =
        gsl_matrix_const_submatrix(gsl_multifit_nlinear_jac(work), 0, 0, p->n_used, size);

    for (size_t k = 0; k < p->n_used; k++) {
        sum += gsl_vector_get(e, k) * gsl_vector_get(e, k);
    }
    ret->rms_v = sqrt(sum / (double)p->n_used);
    variance = sum / (double)(p->n_used - size);
    ret->widened = follow_one_another(e->data, p->n_used, &ret->durbin_watson);
    gsl_multifit_nlinear_covar(&data.matrix, 0.0, covariance);
    for (unsigned k = 0; k < size; k++) {
        ret->half95[k] = 1.96 * ret->widened * sqrt(variance * gsl_matrix_get(covariance, k, k));
    }
    correlations(covariance, ret);
    gsl_multifit_nlinear_rcond(&reciprocal, work);
    ret->condition = reciprocal > 0.0 ? 1.0 / reciprocal : (double)INFINITY;
    ret->iterations = (unsigned)gsl_multifit_nlinear_niter(work);
}

static int solve(struct job *job, gsl_vector *x, struct fit_result *ret)
{
    gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
    size_t size = x->size, n = job->p->n_used + 2U * job->p->n_soc;
    gsl_multifit_nlinear_fdf fdf = {
        .f = residuals, .df = jacobian, .n = n, .p = size, .params = job};
    gsl_multifit_nlinear_workspace *work;
    gsl_matrix *covariance = gsl_matrix_alloc(size, size);
    int info = 0, rc = E_NOMEM;

    how.solver = gsl_multifit_nlinear_solver_cholesky;
    work = gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &how, n, size);
    if (work && covariance) {
        rc = gsl_multifit_nlinear_init(x, &fdf, work);
        if (rc == GSL_SUCCESS) {
            rc = gsl_multifit_nlinear_driver(ITERATIONS_MAX, X_TOL, G_TOL, 0.0, NULL, NULL, &info,
                                             work);
        }
        /* no further progress is what a fit ends with that cannot get better */
        rc = rc == GSL_SUCCESS || rc == GSL_ENOPROG || rc == GSL_EMAXITER ? 0 : E_RANGE;
        gsl_vector_memcpy(x, gsl_multifit_nlinear_position(work));
        read_out(job->p, work, covariance, ret);
    }
    gsl_matrix_free(covariance);
    gsl_multifit_nlinear_free(work);
    return rc;
}

int fit_least_squares(const struct fit_problem *p, gsl_vector *x, struct fit_result *ret,
                      struct diag *reterr)
{
    struct job job = {.p = p, .v = calloc(p->n, sizeof(double))};
    gsl_error_handler_t *old;
    int rc = E_NOMEM;

    if (job.v) {
        old = gsl_set_error_handler_off(); /* the usual one ends the program */
        rc = solve(&job, x, ret);
        gsl_set_error_handler(old);
    }
    free(job.v);
    if (rc < 0) {
        return diag_add(reterr, rc, "the least squares do not end: %s", err_text(rc));
    }
    return 0;
}
