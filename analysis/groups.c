/* analysis/groups.c - which group limits a string, and whether it lacks charge or capacity. */
#include "analysis/groups_priv.h"

#include "analysis/resistance.h"
#include "analysis/steps.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    R_10 = 5,        /* index of 10 s in resistance_times_s */
    REST_ROWS = 10,  /* at most, of which the rest voltage is the mean */
    STEP_ROWS = 400, /* at least */
    REFERENCE_LEAST = 2,
    SLOPE_FROM = 4, /* % of the charge: the slope near the begin */
    SLOPE_TO = 14
};
#define SLOPE_UNSURE 0.3
#define ALIKE        0.015 /* of the charge: groups within it of the median make the reference */
#define UNKNOWN_V    0.02  /* of c, where there is no R10 */
#define R_SPREAD     0.1   /* of the resistances, from group to group */

struct look {
    const struct recording *r;
    const double *v[GROUPS_MAX];
    struct group_curve curve[GROUPS_MAX];
    struct group_fit fit[GROUPS_MAX];
    double shift_ah[GROUPS_MAX]; /* of the fit with b = 1 */
    double net_first;
    struct groups g;
};

/* ---- What is there ---- */

static void find_columns(struct look *l)
{
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        char name[RECORDING_NAME_MAX];
        const double *v;

        if (str_fmt(name, sizeof(name), "voltage_%u_v", i + 1) < 0) {
            return;
        }
        v = recording_extra(l->r, name);
        if (!v) {
            return;
        }
        l->v[i] = v;
        str_copy(l->g.group[i].column, sizeof(l->g.group[i].column), name);
        l->g.n = i + 1;
    }
}

/* The step that moved most charge one way; discharges before charges. */
static const struct recording_step *find_step(const struct look *l, const double *net_ah)
{
    const struct recording_step *best = NULL;
    double most = 0.0;

    for (unsigned pass = 0; pass < 2 && !best; pass++) {
        for (size_t i = 0; i < l->r->n_steps; i++) {
            const struct recording_step *s = &l->r->steps[i];
            double ah = fabs(net_ah[s->first + s->n - 1] - net_ah[s->first]);
            enum recording_mode wanted = pass == 0 ? RECORDING_DISCHARGE : RECORDING_CHARGE;

            if (s->mode == wanted && s->n >= STEP_ROWS && ah > most) {
                most = ah;
                best = s;
            }
        }
    }
    return best;
}

/* ---- Curves ---- */

/* The mean of the step's rows in even portions of charge. */
static void make_curve(struct look *l, const double *net_ah, unsigned i)
{
    struct group_curve *c = &l->curve[i];
    double n[GROUPS_POINTS] = {0.0};
    size_t first = l->g.rows.first;

    memset(c, 0, sizeof(*c));
    for (size_t k = first; k < first + l->g.rows.n; k++) {
        double q = fabs(net_ah[k] - l->net_first);
        double v = l->v[i][k];
        size_t at = (size_t)(q / l->g.charge_ah * GROUPS_POINTS);

        if (isfinite(v)) {
            at = at < GROUPS_POINTS ? at : GROUPS_POINTS - 1;
            c->v[at] += v;
            c->q_ah[at] += q;
            n[at] += 1.0;
        }
    }
    for (size_t k = 0; k < GROUPS_POINTS; k++) {
        c->v[k] = n[k] > 0.0 ? c->v[k] / n[k] : (double)NAN;
        c->q_ah[k] = l->g.charge_ah * ((double)k + 0.5) / GROUPS_POINTS;
    }
    /* rounding is shared by rows in a row: no gain from the mean is claimed */
    c->u_v = isfinite(l->g.voltage.resolution) ? l->g.voltage.resolution / sqrt(12.0) : 1e-4;
}

/* Mean of the reference groups, or of all where there are none yet, without `but`. */
static void make_reference(const struct look *l, unsigned but, struct group_curve *ret)
{
    bool all = l->g.n_reference == 0;
    double n = 0.0;

    memset(ret, 0, sizeof(*ret));
    for (unsigned i = 0; i < l->g.n; i++) {
        if (i == but || (!all && !l->g.group[i].is_reference)) {
            continue;
        }
        for (size_t k = 0; k < GROUPS_POINTS; k++) {
            ret->v[k] += l->curve[i].v[k];
            ret->q_ah[k] = l->curve[i].q_ah[k];
        }
        n += 1.0;
    }
    for (size_t k = 0; k < GROUPS_POINTS; k++) {
        ret->v[k] /= n;
    }
}

/* Resistances differ from group to group. The R10 of the begin does not say how: it depends on the
 * charge itself (near full by a quarter), which is what is asked for. */
static double sigma_c(const struct look *l)
{
    double sum = 0.0, n = 0.0;

    for (unsigned k = 0; k < l->g.n; k++) {
        if (isfinite(l->g.group[k].r_10_ohm.v)) {
            sum += l->g.group[k].r_10_ohm.v;
            n += 1.0;
        }
    }
    return n > 0.0 ? fmax(R_SPREAD * fabs(l->g.i_a * sum / n), 2.0 * l->curve[0].u_v) : UNKNOWN_V;
}

/* What the rest says of s. */
static void fill_rest(struct look *l, unsigned i, const struct group_curve *ref)
{
    struct group *g = &l->g.group[i];
    size_t a = GROUPS_POINTS * SLOPE_FROM / 100, b = GROUPS_POINTS * SLOPE_TO / 100;
    double slope = fabs((ref->v[b] - ref->v[a]) / (ref->q_ah[b] - ref->q_ah[a]));
    double sign = l->g.charge ? -1.0 : 1.0, s = sign * g->below_v.v / slope;

    g->rest_ah = !g->below_v.why && isfinite(s)
                     ? (struct figure){s, hypot(g->below_v.u / slope, SLOPE_UNSURE * s), NULL}
                     : figure_none("no rest before it");
}

/* ---- Who is the reference ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* First by the mean of all; those whose shift is near the median are alike. */
static void choose_reference(struct look *l)
{
    double shift[GROUPS_MAX], sorted[GROUPS_MAX], median;
    unsigned n = 0;

    for (unsigned i = 0; i < l->g.n; i++) {
        struct group_prior prior = {.sigma_c_v = sigma_c(l)};
        struct group_curve mean;
        struct group_fit f;

        make_reference(l, GROUPS_MAX, &mean);
        shift[i] =
            group_fit(&l->curve[i], &mean, &prior, GROUP_FIT_SHIFT, &f) == 0 ? f.s_ah : (double)NAN;
        if (isfinite(shift[i])) {
            sorted[n++] = shift[i];
        }
    }
    if (n < REFERENCE_LEAST + 1) {
        return;
    }
    qsort(sorted, n, sizeof(sorted[0]), by_size);
    median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
    for (unsigned i = 0; i < l->g.n; i++) {
        l->g.group[i].is_reference = fabs(shift[i] - median) <= ALIKE * l->g.charge_ah;
    }
    for (unsigned i = 0; i < l->g.n; i++) {
        l->g.n_reference += l->g.group[i].is_reference;
    }
    if (2 * l->g.n_reference < l->g.n) {
        l->g.n_reference = 0;
    }
}

/* ---- Each group against it ---- */

static void fit_group(struct look *l, unsigned i)
{
    struct group *g = &l->g.group[i];
    struct group_fit shift, capacity;
    struct group_curve ref;
    struct group_prior prior = {.sigma_c_v = sigma_c(l)};

    make_reference(l, i, &ref);
    fill_rest(l, i, &ref);
    if (!g->rest_ah.why) {
        prior.s_ah = g->rest_ah.v;
        prior.sigma_s_ah = g->rest_ah.u;
    }
    if (group_fit(&l->curve[i], &ref, &prior, GROUP_FIT_BOTH, &l->fit[i]) < 0 ||
        group_fit(&l->curve[i], &ref, &prior, GROUP_FIT_SHIFT, &shift) < 0 ||
        group_fit(&l->curve[i], &ref, &prior, GROUP_FIT_CAPACITY, &capacity) < 0) {
        g->why = "its curve has too little in common with the others'";
        return;
    }
    g->rms_v = l->fit[i].rms_v;
    g->rms_shift_v = shift.rms_v;
    l->shift_ah[i] = shift.s_ah;
    g->rms_capacity_v = capacity.rms_v;
}

static void scatter(struct look *l)
{
    double s2 = 0.0, b2 = 0.0, n = 0.0;

    for (unsigned i = 0; i < l->g.n; i++) {
        if (l->g.group[i].is_reference && !l->g.group[i].why) {
            s2 += l->fit[i].s_ah * l->fit[i].s_ah;
            b2 += (l->fit[i].b - 1.0) * (l->fit[i].b - 1.0);
            n += 1.0;
        }
    }
    l->g.scatter_ah = n > 1.0 ? sqrt(s2 / (n - 1.0)) : (double)NAN;
    l->g.scatter_ratio = n > 1.0 ? sqrt(b2 / (n - 1.0)) : (double)NAN;
}

static double above(double value, double limit, double u)
{
    return u > 0.0 ? gsl_cdf_ugaussian_P((value - limit) / u) : (double)NAN;
}

/* One of the two alone, by how much each misses the curve and the rest voltage: a loss leaves the
 * rest voltage of a full group where the others' is. */
static double shift_or_capacity(const struct look *l, unsigned i)
{
    const struct group *g = &l->g.group[i];
    double points = l->fit[i].n_free / (g->rms_v * g->rms_v), misses;

    misses = (g->rms_capacity_v * g->rms_capacity_v - g->rms_shift_v * g->rms_shift_v) * points;
    if (!g->rest_ah.why) {
        misses += pow(g->below_v.v / g->below_v.u, 2.0);
        misses -= pow((g->rest_ah.v - l->shift_ah[i]) / g->rest_ah.u, 2.0);
    }
    return 1.0 / (1.0 + exp(-0.5 * fmax(-1400.0, fmin(1400.0, misses))));
}

static void answer(struct look *l, unsigned i)
{
    struct group *g = &l->g.group[i];
    const struct group_fit *f = &l->fit[i];
    double q = l->g.charge_ah;

    if (g->why) {
        g->missing_ah = g->capacity_ratio = g->early_ah = figure_none(g->why);
        g->p_imbalance = g->p_loss = g->p_shift = (double)NAN;
        return;
    }
    g->missing_ah = (struct figure){f->s_ah, hypot(f->u_s_ah, l->g.scatter_ah), NULL};
    g->capacity_ratio =
        (struct figure){1.0 / f->b, hypot(f->u_b, l->g.scatter_ratio) / (f->b * f->b), NULL};
    g->early_ah.v = f->s_ah + (f->b - 1.0) * q;
    g->early_ah.u =
        sqrt(fmax(0.0, f->u_s_ah * f->u_s_ah + f->u_b * f->u_b * q * q + 2.0 * f->cov_sb * q) +
             l->g.scatter_ah * l->g.scatter_ah);
    g->p_imbalance = above(fabs(g->missing_ah.v), GROUPS_IMBALANCE * q, g->missing_ah.u);
    g->p_loss = above(1.0 - g->capacity_ratio.v, GROUPS_LOSS, g->capacity_ratio.u);
    g->p_shift = shift_or_capacity(l, i);
    g->is_imbalanced = g->p_imbalance >= GROUPS_SURE;
    g->is_weak = g->p_loss >= GROUPS_SURE;
}

/* ---- Rest, resistance, end ---- */

static struct figure rest_voltage(const struct look *l, unsigned i)
{
    const struct recording *r = l->r;
    size_t first = l->g.rows.first, from = first;
    double rest_a = rest_current_a(r), sum = 0.0;

    while (from > 0 && first - from < REST_ROWS && fabs(r->current_a[from - 1]) <= rest_a) {
        from--;
    }
    for (size_t k = from; k < first; k++) {
        sum += l->v[i][k];
    }
    if (from == first || !isfinite(sum)) {
        return figure_none("no rest before it");
    }
    sum /= (double)(first - from);
    return (struct figure){sum, figure_u_reading(sum, &l->g.voltage), NULL};
}

static int resistances(struct look *l, struct diag *reterr)
{
    for (unsigned i = 0; i < l->g.n; i++) {
        struct resistance_options o = {.voltage_v = l->v[i], .rest_min_s = 1.0};
        struct pulses p;
        int rc = pulses_of(l->r, &o, &p, reterr);

        if (rc < 0) {
            return rc;
        }
        l->g.group[i].r_10_ohm = figure_none("no rest before it");
        for (size_t k = 0; k < p.n; k++) {
            if (p.row[k].rows.first == l->g.rows.first) {
                l->g.group[i].r_10_ohm = p.row[k].r_ohm[R_10];
            }
        }
        pulses_done(&p);
    }
    return 0;
}

static void below_others(struct look *l)
{
    for (unsigned i = 0; i < l->g.n; i++) {
        double sum = 0.0, squares = 0.0, n = 0.0, mean, v = l->g.group[i].v_rest_v.v;

        for (unsigned k = 0; k < l->g.n; k++) {
            if (k != i && (l->g.n_reference == 0 || l->g.group[k].is_reference)) {
                sum += l->g.group[k].v_rest_v.v;
                squares += l->g.group[k].v_rest_v.v * l->g.group[k].v_rest_v.v;
                n += 1.0;
            }
        }
        mean = sum / n;
        if (!isfinite(v) || !isfinite(mean) || n < 2.0) {
            l->g.group[i].below_v = figure_none("no rest before it");
            continue;
        }
        /* the others' spread: what groups that are alike may differ by */
        l->g.group[i].below_v =
            (struct figure){mean - v,
                            sqrt(fmax(0.0, (squares - n * mean * mean) / (n - 1.0)) +
                                 2.0 * pow(l->g.voltage.resolution, 2.0) / 12.0),
                            NULL};
    }
}

/* Whose voltage is the furthest at the end. */
static void find_limiting(struct look *l)
{
    double sign = l->g.charge ? -1.0 : 1.0, best = INFINITY, next = INFINITY;
    size_t end = l->g.rows.first + l->g.rows.n - 1;

    for (unsigned i = 0; i < l->g.n; i++) {
        double v = l->v[i][end];

        l->g.group[i].v_end_v = isfinite(v)
                                    ? (struct figure){v, figure_u_reading(v, &l->g.voltage), NULL}
                                    : figure_none("no valid value");
        if (sign * v < best) {
            next = best;
            best = sign * v;
            l->g.limiting = i;
        } else if (sign * v < next) {
            next = sign * v;
        }
    }
    l->g.margin_v.v = next - best;
    l->g.margin_v.u = 1.41421356237309505 * figure_u_reading(best, &l->g.voltage);
    l->g.p_limiting = above(l->g.margin_v.v, 0.0, l->g.margin_v.u);
}

/* ---- All of it ---- */

static void compare(struct look *l, const double *net_ah)
{
    for (unsigned i = 0; i < l->g.n; i++) {
        make_curve(l, net_ah, i);
    }
    choose_reference(l);
    below_others(l);
    if (l->g.n_reference < REFERENCE_LEAST) {
        l->g.why = l->g.n < REFERENCE_LEAST + 1
                       ? "two groups cannot tell which of them is the odd one"
                       : "no half of the groups is alike: there is no reference among them";
    }
    for (unsigned i = 0; i < l->g.n; i++) {
        if (l->g.why) {
            l->g.group[i].why = l->g.why;
        } else {
            fit_group(l, i);
        }
    }
    scatter(l);
    for (unsigned i = 0; i < l->g.n; i++) {
        answer(l, i);
    }
}

static int look_at(struct look *l, const double *net_ah, struct diag *reterr)
{
    const struct recording_step *s = find_step(l, net_ah);
    struct recording_accuracy unknown = {NAN, NAN, NAN};
    int rc;

    if (!s) {
        return diag_add(reterr, E_NOENT,
                        "no discharge or charge of %d rows: groups cannot be compared", STEP_ROWS);
    }
    l->g.rows = (struct rows){s->first, s->n};
    l->g.charge = s->mode == RECORDING_CHARGE;
    l->net_first = s->first > 0 ? net_ah[s->first - 1] : 0.0;
    l->g.charge_ah = fabs(net_ah[s->first + s->n - 1] - l->net_first);
    l->g.i_a = l->r->current_a[s->first + s->n / 2];
    l->g.voltage = figure_accuracy(&unknown, l->v[0], l->r->n, &l->g.stated);
    for (unsigned i = 0; i < l->g.n; i++) {
        l->g.group[i].v_rest_v = rest_voltage(l, i);
    }
    find_limiting(l);
    rc = resistances(l, reterr);
    if (rc == 0) {
        compare(l, net_ah);
    }
    return rc;
}

int groups_of(const struct recording *r, struct groups *ret, struct diag *reterr)
{
    struct look *l = calloc(1, sizeof(*l));
    double *net_ah = NULL;
    int rc;

    if (!l) {
        return diag_add(reterr, E_NOMEM, "out of memory");
    }
    l->r = r;
    find_columns(l);
    rc = l->g.n < 2
             ? diag_add(reterr, E_NOENT, "the run has no voltages of cell groups (voltage_1_v ...)")
             : charge_along(r, &net_ah, reterr);
    if (rc == 0) {
        rc = look_at(l, net_ah, reterr);
    }
    if (rc == 0) {
        *ret = l->g;
    }
    free(net_ah);
    free(l);
    return rc;
}
