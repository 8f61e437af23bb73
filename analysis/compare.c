/* analysis/compare.c - rows that are compared, their segments, and the scores. */
#include "analysis/compare_priv.h"

#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PULSE_MOST_S 120.0
#define CV_WITHIN_V  3e-3
#define CV_FALL      0.95               /* of its first current: less has fallen at its end */
#define UNIFORM      1.7320508075688772 /* limits of an accuracy to its standard deviation */
enum {
    CV_ROWS_LEAST = 4
};

const char *const compare_segment_names[] = {"rest", "CC", "CV", "pulse", "drive", NULL};
const char *const compare_verdict_names[] = {"none", "pass", "warn", "fail", NULL};

void compare_limits_default(struct compare_limits *ret)
{
    *ret = (struct compare_limits){.band_v = 0.05,
                                   .rmse_v = INFINITY,
                                   .k = 2.0,
                                   .sigma_v = NAN,
                                   .mask_s = 0.2,
                                   .pass = 0.95,
                                   .warn = 0.90,
                                   .from_s = -INFINITY,
                                   .to_s = INFINITY};
}

/* ---- A step ---- */

double compare_step_time_s(const struct recording *r, const struct recording_step *s, size_t k)
{
    const double *step_time = recording_extra(r, "step_time_s");
    double first = step_time && step_time[s->first] >= 0.0 ? step_time[s->first] : 0.0;

    return first + r->t_s[k] - r->t_s[s->first];
}

double compare_current_a(const struct recording *r, const struct recording_step *s, size_t k)
{
    while (!isfinite(r->current_a[k]) && k > s->first) {
        k--; /* the last valid one of the step goes on */
    }
    return s->mode == RECORDING_REST || !isfinite(r->current_a[k]) ? 0.0 : r->current_a[k];
}

void compare_step_charge(const struct recording *r, const struct recording_step *s, double *ret)
{
    double sum_c = compare_current_a(r, s, s->first) * compare_step_time_s(r, s, s->first);

    ret[0] = fabs(sum_c) / 3600.0;
    for (size_t k = s->first + 1; k < s->first + s->n; k++) {
        sum_c += 0.5 * (compare_current_a(r, s, k - 1) + compare_current_a(r, s, k)) *
                 (r->t_s[k] - r->t_s[k - 1]);
        ret[k - s->first] = fabs(sum_c) / 3600.0;
    }
}

/* The first row from which on the voltage stands at the step's last one while the current falls;
 * the step's end where there is no such part. */
static size_t held_from(const struct recording *r, const struct recording_step *s)
{
    size_t end = s->first + s->n, k = end;
    double last_v = r->voltage_v[end - 1], within = CV_WITHIN_V;

    if (isfinite(r->voltage.resolution)) {
        within = fmax(within, 2.0 * r->voltage.resolution);
    }
    while (k > s->first && fabs(r->voltage_v[k - 1] - last_v) <= within) {
        k--;
    }
    if (end - k < CV_ROWS_LEAST ||
        !(fabs(r->current_a[end - 1]) < CV_FALL * fabs(r->current_a[k]))) {
        return end;
    }
    /* what still flows at full current belongs to the constant current before */
    while (k < end && fabs(r->current_a[k]) > 0.995 * fabs(r->current_a[s->first + s->n / 8])) {
        k++;
    }
    return k;
}

static void step_segments(struct compare *c, const struct recording *r,
                          const struct recording_step *s)
{
    size_t end = s->first + s->n, held = end;
    enum compare_segment segment = COMPARE_CC;
    double lasts_s = compare_step_time_s(r, s, end - 1);

    if (s->mode == RECORDING_REST) {
        segment = COMPARE_REST;
    } else if (s->mode == RECORDING_MIXED) {
        segment = COMPARE_DRIVE;
    } else if (lasts_s <= PULSE_MOST_S) {
        segment = COMPARE_PULSE;
    } else {
        held = held_from(r, s);
    }
    for (size_t k = s->first; k < end; k++) {
        c->row[k].segment = (uint8_t)(k >= held ? COMPARE_CV : segment);
    }
}

/* ---- Rows ---- */

static void put_axis(struct compare *c, const struct recording *r, enum compare_by by)
{
    double moved_ah = 0.0, *charge = NULL;

    for (size_t i = 0; by == COMPARE_BY_CHARGE && i < r->n_steps; i++) {
        const struct recording_step *s = &r->steps[i];

        charge = malloc(s->n * sizeof(*charge));
        if (!charge) {
            break; /* the axis of a picture: time stays */
        }
        compare_step_charge(r, s, charge);
        for (size_t k = 0; k < s->n; k++) {
            c->row[s->first + k].axis = moved_ah + charge[k];
        }
        moved_ah += charge[s->n - 1];
        free(charge);
    }
}

int compare_begin(const struct recording *r, enum compare_by by,
                  const struct compare_limits *limits, struct compare *ret, struct diag *reterr)
{
    struct compare c = {.by = by, .limits = *limits, .n = r->n, .start_soc = NAN};

    if (r->n == 0) {
        return diag_add(reterr, E_NOENT, "the recording has no rows");
    }
    c.row = calloc(r->n, sizeof(*c.row));
    if (!c.row) {
        return diag_add(reterr, E_NOMEM, "no memory for %zu rows", r->n);
    }
    for (size_t k = 0; k < r->n; k++) {
        c.row[k] = (struct compare_row){.t_s = r->t_s[k],
                                        .axis = r->t_s[k],
                                        .measured_v = r->voltage_v[k],
                                        .other_v = NAN,
                                        .current_a = r->current_a[k]};
    }
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct recording_step *s = &r->steps[i];

        for (size_t k = s->first; k < s->first + s->n; k++) {
            c.row[k].step = (uint32_t)i;
        }
        step_segments(&c, r, s);
    }
    put_axis(&c, r, by);
    *ret = c;
    return 0;
}

/* ---- Scores ---- */

struct sums {
    size_t n, n_inside;
    double e, abs, square, max_v, max_at_s, least_v, most_v, differences;
    double measured_j, other_j;
    bool follows; /* the row before was judged too */
    double before_v;
};

static double band_of(const struct compare *c, const struct recording *r, double voltage_v)
{
    const struct recording_accuracy *a = &r->voltage;
    double sigma_v = isfinite(c->limits.sigma_v) ? c->limits.sigma_v : 0.0, off = 0.0;

    off += isfinite(a->reading) ? a->reading * fabs(voltage_v) : 0.0;
    off += isfinite(a->offset) ? a->offset : 0.0;
    off += isfinite(a->resolution) ? 0.5 * a->resolution : 0.0;
    return fmax(c->limits.k * hypot(off / UNIFORM, sigma_v), c->limits.band_v);
}

/* dt_s: since the row before. */
static void add(struct sums *s, const struct compare_row *row, double dt_s)
{
    double e = row->measured_v - row->other_v;

    if (s->n == 0) {
        s->least_v = s->most_v = row->measured_v;
    }
    s->n++;
    s->n_inside += fabs(e) <= row->band_v;
    s->e += e;
    s->abs += fabs(e);
    s->square += e * e;
    if (!(fabs(e) <= s->max_v)) {
        s->max_v = fabs(e);
        s->max_at_s = row->t_s;
    }
    s->least_v = fmin(s->least_v, row->measured_v);
    s->most_v = fmax(s->most_v, row->measured_v);
    if (s->follows) {
        s->differences += (e - s->before_v) * (e - s->before_v);
    }
    s->follows = true;
    s->before_v = e;
    if (isfinite(row->current_a) && row->segment != COMPARE_REST) {
        s->measured_j += fabs(row->current_a) * row->measured_v * dt_s;
        s->other_j += fabs(row->current_a) * row->other_v * dt_s;
    }
}

static void take(const struct sums *s, const struct compare_limits *l, bool total,
                 struct compare_scores *ret)
{
    double n = (double)s->n, share = (double)s->n_inside / n;

    *ret = (struct compare_scores){.n = s->n,
                                   .n_inside = s->n_inside,
                                   .rmse_v = sqrt(s->square / n),
                                   .mae_v = s->abs / n,
                                   .max_v = s->n > 0 ? s->max_v : (double)NAN,
                                   .max_at_s = s->n > 0 ? s->max_at_s : (double)NAN,
                                   .bias_v = s->e / n,
                                   .nrmse = NAN,
                                   .energy_error = NAN,
                                   .durbin_watson = NAN};
    if (s->most_v > s->least_v) {
        ret->nrmse = ret->rmse_v / (s->most_v - s->least_v);
    }
    if (fabs(s->measured_j) > 0.0) {
        ret->energy_error = s->other_j / s->measured_j - 1.0;
    }
    if (s->square > 0.0) {
        ret->durbin_watson = s->differences / s->square;
    }
    if (s->n == 0) {
        ret->verdict = COMPARE_NONE;
    } else if (share < l->warn || (total && ret->rmse_v > l->rmse_v)) {
        ret->verdict = COMPARE_FAIL;
    } else {
        ret->verdict = share < l->pass ? COMPARE_WARN : COMPARE_PASS;
    }
}

void compare_score(struct compare *c, const struct recording *r)
{
    struct sums all = {0}, segment[COMPARE_SEGMENTS] = {{0}};

    for (size_t k = 0; k < c->n; k++) {
        struct compare_row *row = &c->row[k];
        const struct recording_step *s = &r->steps[row->step];
        bool fresh = k > 0 && compare_step_time_s(r, s, k) < c->limits.mask_s && row->step > 0;
        double dt_s = k > 0 ? r->t_s[k] - r->t_s[k - 1] : 0.0;

        bool wanted = row->t_s >= c->limits.from_s && row->t_s <= c->limits.to_s;

        row->band_v = band_of(c, r, row->measured_v);
        row->judged = wanted && !fresh && isfinite(row->measured_v) && isfinite(row->other_v);
        c->n_unmatched += wanted && isfinite(row->measured_v) && !isfinite(row->other_v);
        if (row->judged) {
            add(&all, row, dt_s);
            add(&segment[row->segment], row, dt_s);
        }
        for (unsigned i = 0; i < COMPARE_SEGMENTS; i++) {
            segment[i].follows = segment[i].follows && row->judged && row->segment == i;
        }
        all.follows = all.follows && row->judged;
    }
    take(&all, &c->limits, true, &c->total);
    for (unsigned i = 0; i < COMPARE_SEGMENTS; i++) {
        take(&segment[i], &c->limits, false, &c->segment[i]);
    }
}

enum compare_segment compare_worst(const struct compare *c)
{
    enum compare_segment worst = COMPARE_SEGMENTS;

    for (unsigned i = 0; i < COMPARE_SEGMENTS; i++) {
        const struct compare_scores *s = &c->segment[i];

        if (s->n > 0 &&
            (worst == COMPARE_SEGMENTS || s->verdict > c->segment[worst].verdict ||
             (s->verdict == c->segment[worst].verdict && s->rmse_v > c->segment[worst].rmse_v))) {
            worst = (enum compare_segment)i;
        }
    }
    return worst;
}

void compare_done(struct compare *c)
{
    free(c->row);
    memset(c, 0, sizeof(*c));
}
