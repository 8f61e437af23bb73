/* analysis/compare_other.c - what a recording is compared with: a model driven by its current, or
 * another recording. */
#include "analysis/compare_priv.h"

#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

/* ---- A model ---- */

struct surroundings {
    const double *cell_k, *air_k, *pressure_pa;
    const struct compare_model *how;
};

static void around_at(const struct surroundings *s, size_t k, struct cell_around *ret)
{
    *ret = (struct cell_around){.temperature_k = s->how->temperature_k,
                                .pressure_pa = s->how->pressure_pa};
    if (s->cell_k && isfinite(s->cell_k[k])) {
        ret->temperature_k = s->cell_k[k];
        ret->of_cell = true;
    } else if (s->air_k && isfinite(s->air_k[k])) {
        ret->temperature_k = s->air_k[k];
    }
    if (s->pressure_pa && isfinite(s->pressure_pa[k])) {
        ret->pressure_pa = s->pressure_pa[k];
    }
}

/* The last valid row of the rest that row k is in: the most relaxed one. */
static int start_at_rest(const struct recording *r, const struct recording_step *s, size_t *k,
                         struct diag *reterr)
{
    if (s->mode != RECORDING_REST) {
        diag_add(reterr, E_INVALID,
                 "the recording does not begin at rest: where the model starts is not known");
        diag_hint(reterr, "say its state of charge, --start \"50 %%\", or begin in a rest, "
                          "--from \"2 h\"");
        return E_INVALID;
    }
    while (*k + 1 < s->first + s->n && isfinite(r->voltage_v[*k + 1])) {
        ++*k;
    }
    return 0;
}

static int start(const struct recording *r, const struct surroundings *s, const struct compare *c,
                 struct cell_model_state *ret, size_t *ret_first, struct diag *reterr)
{
    const struct compare_model *how = s->how;
    struct cell_around a;
    size_t k = 0;
    int rc = 0;

    while (k < r->n && !(r->t_s[k] >= c->limits.from_s && isfinite(r->voltage_v[k]) &&
                         isfinite(r->current_a[k]))) {
        k++;
    }
    if (k == r->n) {
        return diag_add(reterr, E_NOENT, "no row has a voltage and a current");
    }
    if (how->start == COMPARE_FROM_OCV) {
        rc = start_at_rest(r, &r->steps[c->row[k].step], &k, reterr);
    }
    around_at(s, k, &a);
    if (rc == 0 && how->start == COMPARE_FRESH && !cell_model_start_fresh(how->model, &a, ret)) {
        rc = diag_add(reterr, E_INVALID, "a cell of %s has no known fresh state", how->model->name);
    } else if (rc == 0 && how->start == COMPARE_AT_SOC) {
        cell_model_start_soc(how->model, how->soc, &a, ret);
    } else if (rc == 0 && how->start == COMPARE_FROM_OCV) {
        cell_model_start_ocv(how->model, r->voltage_v[k], &a, ret);
    }
    *ret_first = k;
    return rc;
}

/* From the row before to row k. */
static void drive(const struct recording *r, const struct recording_step *s, size_t k,
                  const struct cell_model *m, const struct cell_around *a,
                  struct cell_model_state *state)
{
    double dt_s = r->t_s[k] - r->t_s[k - 1], now_a = compare_current_a(r, s, k), own_s;

    if (!(dt_s > 0.0)) {
        return;
    }
    if (k > s->first) {
        cell_model_step(m, state, 0.5 * (compare_current_a(r, s, k - 1) + now_a), dt_s, a);
        return;
    }
    own_s = compare_step_time_s(r, s, k);
    if (own_s > 0.0 && own_s < dt_s) { /* the step before went on for a while */
        cell_model_step(m, state, compare_current_a(r, s - 1, k - 1), dt_s - own_s, a);
        dt_s = own_s;
    }
    cell_model_step(m, state, now_a, dt_s, a);
}

int compare_with_model(const struct recording *r, const struct compare_model *how,
                       enum compare_by by, const struct compare_limits *limits, struct compare *ret,
                       struct diag *reterr)
{
    struct surroundings s = {.cell_k = recording_extra(r, "temperature_1_k"),
                             .air_k = recording_extra(r, "temperature_k"),
                             .pressure_pa = recording_extra(r, "pressure_pa"),
                             .how = how};
    struct cell_model_state state;
    struct compare c;
    size_t first = 0;
    int rc = compare_begin(r, by, limits, &c, reterr);

    if (rc < 0) {
        return rc;
    }
    rc = start(r, &s, &c, &state, &first, reterr);
    if (rc < 0) {
        compare_done(&c);
        return rc;
    }
    c.start_soc = cell_model_soc(how->model, &state);
    for (size_t k = first; k < r->n; k++) {
        const struct recording_step *step = &r->steps[c.row[k].step];
        double i_a = compare_current_a(r, step, k);
        struct cell_around a;

        around_at(&s, k, &a);
        if (k > first) {
            drive(r, step, k, how->model, &a, &state);
        }
        if (isfinite(r->current_a[k])) {
            c.row[k].other_v =
                cell_model_voltage_v(how->model, &state, i_a, &a) + i_a * how->lead_ohm;
        }
    }
    compare_score(&c, r);
    *ret = c;
    return 0;
}

/* ---- Another recording ---- */

/* Between the rows k and k + 1 of o, of which `share` is passed; NaN between two steps. */
static double between(const struct recording *o, size_t k, double share)
{
    return o->voltage_v[k] + share * (o->voltage_v[k + 1] - o->voltage_v[k]);
}

/* Voltage of o at x on an axis that does not fall. *at: where the last look-up ended. */
static double read_at(const struct recording *o, size_t first, const double *axis, size_t n,
                      double x, size_t *at)
{
    size_t k = *at;

    while (k + 1 < n && axis[k + 1] < x) {
        k++;
    }
    if (k + 1 < n && axis[k + 1] <= x) {
        k++; /* exactly at it; of two rows at one time the one that is next in turn */
    }
    *at = k;
    if (!(axis[k] <= x)) {
        return NAN;
    }
    if (!(axis[k] < x)) {
        return o->voltage_v[first + k];
    }
    if (k + 1 >= n) {
        return NAN;
    }
    return between(o, first + k, (x - axis[k]) / (axis[k + 1] - axis[k]));
}

static void by_time(struct compare *c, const struct recording *r, const struct recording *o)
{
    size_t at = 0, step = 0;

    for (size_t k = 0; k < r->n; k++) {
        double x = r->t_s[k] - r->t_s[0] + o->t_s[0];
        double v = read_at(o, 0, o->t_s, o->n, x, &at);

        while (step + 1 < o->n_steps && o->steps[step + 1].first <= at) {
            step++;
        }
        /* within a step of the other, or exactly at one of its rows */
        bool inside = at + 1 < o->steps[step].first + o->steps[step].n || !(o->t_s[at] < x);

        c->row[k].other_v = inside ? v : (double)NAN;
    }
}

static const char *mode_name(enum recording_mode m)
{
    switch (m) {
    case RECORDING_REST: return "rest";
    case RECORDING_CHARGE: return "charge";
    case RECORDING_DISCHARGE: return "discharge";
    case RECORDING_MIXED: break;
    }
    return "drive";
}

static void put_step_axis(const struct recording *r, const struct recording_step *s, bool charge,
                          double *ret)
{
    if (charge) {
        compare_step_charge(r, s, ret);
        return;
    }
    for (size_t k = 0; k < s->n; k++) {
        ret[k] = compare_step_time_s(r, s, s->first + k);
    }
}

/* mine, theirs: room for a step each. */
static void pair(struct compare *c, const struct recording *r, const struct recording *o,
                 size_t step, double *mine, double *theirs)
{
    const struct recording_step *s = &r->steps[step], *other = &o->steps[step];
    bool charge = c->by == COMPARE_BY_CHARGE &&
                  (s->mode == RECORDING_CHARGE || s->mode == RECORDING_DISCHARGE);
    size_t at = 0;

    put_step_axis(r, s, charge, mine);
    put_step_axis(o, other, charge, theirs);
    for (size_t k = 0; k < s->n; k++) {
        c->row[s->first + k].other_v = read_at(o, other->first, theirs, other->n, mine[k], &at);
    }
}

static size_t longest_step(const struct recording *r)
{
    size_t most = 1;

    for (size_t i = 0; i < r->n_steps; i++) {
        most = r->steps[i].n > most ? r->steps[i].n : most;
    }
    return most;
}

static int same_steps(const struct recording *r, const struct recording *o, size_t *ret_n,
                      struct diag *reterr)
{
    size_t n = r->n_steps < o->n_steps ? r->n_steps : o->n_steps;

    for (size_t i = 0; i < n; i++) {
        if (r->steps[i].mode != o->steps[i].mode) {
            diag_add(reterr, E_MISMATCH,
                     "step %zu is a %s here and a %s there: they do not go together", i + 1,
                     mode_name(r->steps[i].mode), mode_name(o->steps[i].mode));
            diag_hint(reterr, "--by time compares what was at the same time");
            return E_MISMATCH;
        }
    }
    *ret_n = n;
    return 0;
}

static int by_steps(struct compare *c, const struct recording *r, const struct recording *o,
                    struct diag *reterr)
{
    double *mine = malloc(longest_step(r) * sizeof(*mine));
    double *theirs = malloc(longest_step(o) * sizeof(*theirs));
    size_t n = 0;
    int rc =
        mine && theirs ? same_steps(r, o, &n, reterr) : diag_add(reterr, E_NOMEM, "out of memory");

    for (size_t i = 0; rc == 0 && i < n; i++) {
        pair(c, r, o, i, mine, theirs);
    }
    free(mine);
    free(theirs);
    return rc;
}

int compare_recordings(const struct recording *r, const struct recording *other, enum compare_by by,
                       const struct compare_limits *limits, struct compare *ret,
                       struct diag *reterr)
{
    struct compare c;
    int rc;

    if (other->n == 0) {
        return diag_add(reterr, E_NOENT, "the other recording has no rows");
    }
    rc = compare_begin(r, by, limits, &c, reterr);
    if (rc < 0) {
        return rc;
    }
    if (by == COMPARE_BY_TIME) {
        by_time(&c, r, other);
    } else {
        rc = by_steps(&c, r, other, reterr);
    }
    if (rc < 0) {
        compare_done(&c);
        return rc;
    }
    compare_score(&c, r);
    *ret = c;
    return 0;
}
