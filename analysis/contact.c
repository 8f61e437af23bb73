/* analysis/contact.c - fit of R = a + b * (P / 5 MPa)^-m.
 *
 * For a given m the curve is linear in a and b, so a scan over m with both solved exactly finds the
 * right valley without a guess from outside; GSL's trust region then polishes all three together
 * and gives the covariance. Starting the trust region anywhere else was tried: with a flat R it
 * runs to m = 0, where a and b are one parameter.
 */
#include "analysis/contact.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>
#include <stdlib.h>

/* Beyond these an exponent is not a property of a contact. */
#define M_LOWEST      0.02
#define M_HIGHEST     4.0
#define SAME_PRESSURE 0.02
enum {
    M_STEPS = 80,
    ITERATIONS_MAX = 200
};

struct used {
    size_t n;
    double *x; /* P / 5 MPa */
    double *r, *w;
    bool absolute; /* every sigma is known: weights are 1/sigma^2 */
};

static bool usable(const struct contact_point *p)
{
    return isfinite(p->pressure_pa) && p->pressure_pa > 0.0 && isfinite(p->r_ohm);
}

static bool has_sigma(const struct contact_point *p)
{
    return isfinite(p->sigma_ohm) && p->sigma_ohm > 0.0;
}

static void take(const struct contact_point *points, size_t n, struct used *u)
{
    u->absolute = true;
    for (size_t i = 0; i < n; i++) {
        u->absolute = u->absolute && (!usable(&points[i]) || has_sigma(&points[i]));
    }
    for (size_t i = 0; i < n; i++) {
        const struct contact_point *p = &points[i];

        if (usable(p)) {
            u->x[u->n] = p->pressure_pa / CONTACT_REFERENCE_PA;
            u->r[u->n] = p->r_ohm;
            u->w[u->n] = u->absolute ? 1.0 / (p->sigma_ohm * p->sigma_ohm) : 1.0;
            u->n++;
        }
    }
}

static unsigned count_pressures(const struct used *u)
{
    unsigned n = 0;

    for (size_t i = 0; i < u->n; i++) {
        bool seen = false;

        for (size_t k = 0; k < i && !seen; k++) {
            seen = fabs(u->x[i] - u->x[k]) <= SAME_PRESSURE * u->x[k];
        }
        n += !seen;
    }
    return n;
}

/* Best a and b for an m; the weighted sum of squares, or infinity where they cannot be told apart.
 */
static double solve_linear(const struct used *u, double m, double *ret_a, double *ret_b)
{
    double sw = 0, sz = 0, szz = 0, sr = 0, szr = 0, sum = 0;

    for (size_t i = 0; i < u->n; i++) {
        double z = pow(u->x[i], -m);

        sw += u->w[i];
        sz += u->w[i] * z;
        sr += u->w[i] * u->r[i];
    }
    /* around the means: the plain normal equations lose half the digits */
    for (size_t i = 0; i < u->n; i++) {
        double z = pow(u->x[i], -m) - sz / sw;

        szz += u->w[i] * z * z;
        szr += u->w[i] * z * (u->r[i] - sr / sw);
    }
    if (!(szz > 0.0)) {
        return INFINITY;
    }
    *ret_b = szr / szz;
    *ret_a = (sr - *ret_b * sz) / sw;
    for (size_t i = 0; i < u->n; i++) {
        double d = *ret_a + *ret_b * pow(u->x[i], -m) - u->r[i];

        sum += u->w[i] * d * d;
    }
    return sum;
}

static int residuals(const gsl_vector *p, void *data, gsl_vector *ret)
{
    const struct used *u = data;

    for (size_t i = 0; i < u->n; i++) {
        double z = pow(u->x[i], -gsl_vector_get(p, 2));

        gsl_vector_set(ret, i, gsl_vector_get(p, 0) + gsl_vector_get(p, 1) * z - u->r[i]);
    }
    return GSL_SUCCESS;
}

static int jacobian(const gsl_vector *p, void *data, gsl_matrix *ret)
{
    const struct used *u = data;

    for (size_t i = 0; i < u->n; i++) {
        double z = pow(u->x[i], -gsl_vector_get(p, 2));

        gsl_matrix_set(ret, i, 0, 1.0);
        gsl_matrix_set(ret, i, 1, z);
        gsl_matrix_set(ret, i, 2, -gsl_vector_get(p, 1) * z * log(u->x[i]));
    }
    return GSL_SUCCESS;
}

static void scan(const struct used *u, double start[3])
{
    double best = INFINITY;

    for (unsigned k = 0; k <= M_STEPS; k++) {
        double m = M_LOWEST * pow(M_HIGHEST / M_LOWEST, (double)k / M_STEPS), a = 0, b = 0;
        double sum = solve_linear(u, m, &a, &b);

        if (sum < best) {
            best = sum;
            start[0] = a;
            start[1] = b;
            start[2] = m;
        }
    }
}

static void read_out(const struct used *u, gsl_multifit_nlinear_workspace *work,
                     gsl_matrix *covariance, struct contact_fit *fit)
{
    const gsl_vector *p = gsl_multifit_nlinear_position(work);
    double chi2 = 0, sum = 0, variance;

    gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(work), 0.0, covariance);
    fit->a_ohm = gsl_vector_get(p, 0);
    fit->b_ohm = gsl_vector_get(p, 1);
    fit->m = gsl_vector_get(p, 2);
    for (size_t i = 0; i < u->n; i++) {
        double d = fit->a_ohm + fit->b_ohm * pow(u->x[i], -fit->m) - u->r[i];

        sum += d * d;
        chi2 += u->w[i] * d * d;
    }
    fit->rms_ohm = sqrt(sum / (double)u->n);
    variance = chi2 / (double)(u->n - 3);
    if (u->absolute && variance < 1.0) {
        variance = 1.0;
    }
    fit->se_a_ohm = sqrt(variance * gsl_matrix_get(covariance, 0, 0));
    fit->se_b_ohm = sqrt(variance * gsl_matrix_get(covariance, 1, 1));
    fit->se_m = sqrt(variance * gsl_matrix_get(covariance, 2, 2));
}

static int polish(struct used *u, const double start[3], struct contact_fit *fit)
{
    const gsl_multifit_nlinear_parameters par = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_fdf fdf = {.f = residuals, .df = jacobian, .n = u->n, .p = 3, .params = u};
    gsl_multifit_nlinear_workspace *work =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &par, u->n, 3);
    gsl_matrix *covariance = gsl_matrix_alloc(3, 3);
    gsl_vector_const_view x = gsl_vector_const_view_array(start, 3);
    gsl_vector_const_view w = gsl_vector_const_view_array(u->w, u->n);
    int info = 0, rc = E_NOMEM;

    if (work && covariance) {
        rc = gsl_multifit_nlinear_winit(&x.vector, &w.vector, &fdf, work);
        if (rc == GSL_SUCCESS) {
            rc = gsl_multifit_nlinear_driver(ITERATIONS_MAX, 1e-10, 1e-12, 0.0, NULL, NULL, &info,
                                             work);
        }
        /* no further progress is what an exact fit ends with */
        rc = rc == GSL_SUCCESS || rc == GSL_ENOPROG ? 0 : E_RANGE;
        read_out(u, work, covariance, fit);
    }
    gsl_matrix_free(covariance);
    gsl_multifit_nlinear_free(work);
    return rc;
}

static void judge(struct contact_fit *f, int rc)
{
    const char *why = "";

    if (rc < 0 || !isfinite(f->m) || !isfinite(f->se_m)) {
        why = "no exponent fits";
    } else if (f->b_ohm <= 0.0) {
        why = "the resistance does not fall with pressure";
    } else if (f->m <= M_LOWEST || f->m >= M_HIGHEST) {
        why = "the exponent is outside what a contact can have";
    } else if (f->se_m > 0.5 * f->m) {
        why = "m is not told from a and b: more or wider spread pressures are needed";
    }
    f->identifiable = why[0] == '\0';
    str_copy(f->why, sizeof(f->why), why);
}

static int fit_used(struct used *u, struct contact_fit *ret, struct diag *reterr)
{
    struct contact_fit fit = {.n = u->n, .n_pressures = count_pressures(u)};
    double start[3] = {0};
    gsl_error_handler_t *old;

    if (u->n < CONTACT_POINTS_MIN || fit.n_pressures < 3) {
        return diag_add(reterr, E_RANGE,
                        "R over pressure needs %d points at 3 pressures, there are %zu at %u",
                        CONTACT_POINTS_MIN, u->n, fit.n_pressures);
    }
    scan(u, start);
    old = gsl_set_error_handler_off(); /* the usual one ends the program */
    judge(&fit, polish(u, start, &fit));
    gsl_set_error_handler(old);
    *ret = fit;
    return 0;
}

int contact_fit(const struct contact_point *points, size_t n, struct contact_fit *ret,
                struct diag *reterr)
{
    struct used u = {0};
    double *block = calloc(3 * n + 1, sizeof(*block));
    int rc;

    if (!block) {
        return diag_add(reterr, E_NOMEM, "no memory for %zu points", n);
    }
    u.x = block;
    u.r = block + n;
    u.w = block + 2 * n;
    take(points, n, &u);
    rc = fit_used(&u, ret, reterr);
    free(block);
    return rc;
}

double contact_resistance_ohm(const struct contact_fit *fit, double pressure_pa)
{
    return fit->a_ohm + fit->b_ohm * pow(pressure_pa / CONTACT_REFERENCE_PA, -fit->m);
}
