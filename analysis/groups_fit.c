/* analysis/groups_fit.c - one group's curve laid onto the reference: Gauss and Newton on three
 * numbers. */
#include "analysis/groups_priv.h"

#include "base/err.h"

#include <gsl/gsl_multifit.h>
#include <math.h>

enum {
    ITERATIONS = 15,
    PARAMETERS = 3,
    HOLDS = 4,        /* rows that hold c and s, and what is not free */
    COMMON_LEAST = 40 /* points */
};
#define ROWS      (GROUPS_POINTS + HOLDS)
#define LEAVE_OUT 0.05 /* of the charge at the begin, where polarisation still builds up */
#define RHO_MOST  0.98

struct fit_work {
    const struct group_curve *g, *ref;
    enum group_fit_kind kind;
    const struct group_prior *prior;
    double p[PARAMETERS]; /* s, b, c */
    size_t n;
    double e[GROUPS_POINTS], scale;
    gsl_matrix *x, *covariance;
    gsl_vector *y, *step;
    gsl_multifit_linear_workspace *work;
};

/* Value and slope of the reference at x; false outside of what it knows. */
static bool reference_at(const struct group_curve *ref, double x, double *ret_v, double *ret_slope)
{
    double span = ref->q_ah[GROUPS_POINTS - 1] - ref->q_ah[0];
    double at = (x - ref->q_ah[0]) / span * (GROUPS_POINTS - 1);
    size_t k;

    if (!(at >= LEAVE_OUT * GROUPS_POINTS) || at > GROUPS_POINTS - 1) {
        return false;
    }
    k = (size_t)at < GROUPS_POINTS - 2 ? (size_t)at : GROUPS_POINTS - 2;
    *ret_slope = (ref->v[k + 1] - ref->v[k]) / (ref->q_ah[k + 1] - ref->q_ah[k]);
    *ret_v = ref->v[k] + *ret_slope * (x - ref->q_ah[k]);
    return isfinite(*ret_v);
}

/* Rows of the linear problem; the last one holds c. sigma: of a point. */
static void fill(struct fit_work *w, double sigma)
{
    double last_q = w->g->q_ah[GROUPS_POINTS - 1], v, slope;

    w->n = 0;
    for (size_t k = 0; k < GROUPS_POINTS; k++) {
        double q = w->g->q_ah[k];

        if (q < LEAVE_OUT * last_q || !isfinite(w->g->v[k]) ||
            !reference_at(w->ref, w->p[0] + w->p[1] * q, &v, &slope)) {
            continue;
        }
        w->e[w->n] = w->g->v[k] - v - w->p[2];
        gsl_matrix_set(w->x, w->n, 0, w->kind == GROUP_FIT_CAPACITY ? 0.0 : slope / sigma);
        gsl_matrix_set(w->x, w->n, 1, w->kind == GROUP_FIT_SHIFT ? 0.0 : slope * q / sigma);
        gsl_matrix_set(w->x, w->n, 2, 1.0 / sigma);
        gsl_vector_set(w->y, w->n, w->e[w->n] / sigma);
        w->n++;
    }
    /* what is not free is held by a row of its own */
    for (size_t k = w->n; k < ROWS; k++) {
        for (size_t i = 0; i < PARAMETERS; i++) {
            gsl_matrix_set(w->x, k, i, 0.0);
        }
        gsl_vector_set(w->y, k, 0.0);
    }
    gsl_matrix_set(w->x, w->n, 2, 1.0 / w->prior->sigma_c_v);
    gsl_vector_set(w->y, w->n, -w->p[2] / w->prior->sigma_c_v);
    gsl_matrix_set(w->x, w->n + 1, 0, w->kind == GROUP_FIT_CAPACITY ? 1e6 : 0.0);
    gsl_matrix_set(w->x, w->n + 2, 1, w->kind == GROUP_FIT_SHIFT ? 1e6 : 0.0);
    if (w->prior->sigma_s_ah > 0.0 && w->kind != GROUP_FIT_CAPACITY) {
        gsl_matrix_set(w->x, w->n + 3, 0, 1.0 / w->prior->sigma_s_ah);
        gsl_vector_set(w->y, w->n + 3, (w->prior->s_ah - w->p[0]) / w->prior->sigma_s_ah);
    }
}

static double rms_of(const struct fit_work *w)
{
    double sum = 0.0;

    for (size_t k = 0; k < w->n; k++) {
        sum += w->e[k] * w->e[k];
    }
    return sqrt(sum / (double)w->n);
}

/* Points that are alike to their neighbour tell less: by (1 + rho) / (1 - rho). */
static double inflation(const struct fit_work *w)
{
    double sum = 0.0, next = 0.0, rho;

    for (size_t k = 0; k < w->n; k++) {
        sum += w->e[k] * w->e[k];
        next += k > 0 ? w->e[k] * w->e[k - 1] : 0.0;
    }
    rho = sum > 0.0 ? next / sum : 0.0;
    rho = rho < 0.0 ? 0.0 : rho > RHO_MOST ? RHO_MOST : rho;
    return (1.0 + rho) / (1.0 - rho);
}

static int iterate(struct fit_work *w, double sigma)
{
    double chi2, last_q = w->g->q_ah[GROUPS_POINTS - 1];

    for (unsigned i = 0; i < ITERATIONS; i++) {
        fill(w, sigma);
        if (w->n < COMMON_LEAST ||
            gsl_multifit_linear(w->x, w->y, w->step, w->covariance, &chi2, w->work) != 0) {
            return E_RANGE;
        }
        /* gsl scales the covariance by the scatter of its rows; ours are scaled already */
        w->scale = chi2 > 0.0 ? sqrt((ROWS - PARAMETERS) / chi2) : 1.0;
        for (size_t k = 0; k < PARAMETERS; k++) {
            double d = gsl_vector_get(w->step, k), most = k == 0 ? 0.1 * last_q : 0.1;

            d = fmax(-most, fmin(most, d));
            w->p[k] += isfinite(d) ? d : 0.0;
        }
    }
    fill(w, sigma);
    return w->n < COMMON_LEAST ? E_RANGE : 0;
}

/* First by the curve alone, nearly; then, as neighbours share their errors, with what is known
 * before weighed against what is independent in what the first fit left over. */
static int fit_twice(struct fit_work *w)
{
    double least = fmax(w->g->u_v, 1e-5);
    int rc = iterate(w, least);

    if (rc == 0) {
        rc = iterate(w, fmax(rms_of(w), least) * sqrt(inflation(w)));
    }
    return rc;
}

int group_fit(const struct group_curve *g, const struct group_curve *reference,
              const struct group_prior *prior, enum group_fit_kind kind, struct group_fit *ret)
{
    struct fit_work w = {
        .g = g, .ref = reference, .kind = kind, .prior = prior, .p = {0.0, 1.0, 0.0}
    };
    int rc = E_NOMEM;

    w.x = gsl_matrix_calloc(ROWS, PARAMETERS);
    w.y = gsl_vector_calloc(ROWS);
    w.step = gsl_vector_calloc(PARAMETERS);
    w.covariance = gsl_matrix_calloc(PARAMETERS, PARAMETERS);
    w.work = gsl_multifit_linear_alloc(ROWS, PARAMETERS);
    if (w.x && w.y && w.step && w.covariance && w.work) {
        rc = fit_twice(&w);
    }
    if (rc == 0) {
        double scale = w.scale;

        ret->s_ah = w.p[0];
        ret->b = w.p[1];
        ret->c_v = w.p[2];
        ret->u_s_ah = scale * sqrt(gsl_matrix_get(w.covariance, 0, 0));
        ret->u_b = scale * sqrt(gsl_matrix_get(w.covariance, 1, 1));
        ret->cov_sb = scale * scale * gsl_matrix_get(w.covariance, 0, 1);
        ret->rms_v = rms_of(&w);
        ret->n_free = (double)w.n / inflation(&w);
    }
    gsl_matrix_free(w.x);
    gsl_vector_free(w.y);
    gsl_vector_free(w.step);
    gsl_matrix_free(w.covariance);
    gsl_multifit_linear_free(w.work);
    return rc;
}
