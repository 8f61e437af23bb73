/* analysis/cell_fit_rows.c - the pulse recording as rows, its pulses, and the rows of the table. */
#include "analysis/cell_fit_priv.h"

#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

enum {
    PER_STEP_MAX = 200 /* rows of one step whose residuals count */
};
#define QUIET_SHARE     0.001 /* of the largest current: none */
#define PULSE_LONGEST_S 120.0
#define REST_SHORTEST_S 600.0
#define LOOK_AFTER_S    10.0
#define SAME_SOC        0.01

static double largest_current(const struct recording *r)
{
    double most = 0.0;

    for (size_t k = 0; k < r->n; k++) {
        most = fmax(most, isfinite(r->current_a[k]) ? fabs(r->current_a[k]) : 0.0);
    }
    return most;
}

static double step_lasted(const struct recording *r, const struct recording_step *s)
{
    return r->t_s[s->first + s->n - 1] - (s->first > 0 ? r->t_s[s->first - 1] : r->t_s[0]);
}

static bool is_pulse(const struct recording *r, size_t s)
{
    const struct recording_step *step = &r->steps[s];

    return s > 0 && step->mode == RECORDING_DISCHARGE && r->steps[s - 1].mode == RECORDING_REST &&
           step_lasted(r, step) <= PULSE_LONGEST_S &&
           step_lasted(r, &r->steps[s - 1]) >= REST_SHORTEST_S;
}

int fit_rows_read(struct fit_problem *p, const struct recording *r, struct diag *reterr)
{
    double quiet = QUIET_SHARE * largest_current(r), ah = 0.0, most = 0.0, least = 0.0;

    p->row = calloc(r->n, sizeof(*p->row));
    if (!p->row) {
        return diag_add(reterr, E_NOMEM, "no memory for %zu rows", r->n);
    }
    p->n = r->n;
    for (size_t k = 0; k < r->n; k++) {
        struct fit_row *row = &p->row[k];

        row->i_a = isfinite(r->current_a[k]) && fabs(r->current_a[k]) > quiet ? r->current_a[k] : 0;
        row->v_v = r->voltage_v[k];
        row->dt_s = k > 0 ? r->t_s[k] - r->t_s[k - 1] : 0.0;
        row->soc_before = ah;
        ah += row->i_a * row->dt_s / 3600.0;
        row->soc = ah;
        most = fmax(most, ah);
        least = fmin(least, ah);
    }
    p->capacity_ah = most - least;
    if (p->capacity_ah <= 0.0) {
        return diag_add(reterr, E_RANGE, "the pulse recording moves no charge");
    }
    for (size_t k = 0; k < r->n; k++) {
        struct fit_row *row = &p->row[k];

        row->soc = (row->soc - least) / p->capacity_ah;
        row->soc_before = (row->soc_before - least) / p->capacity_ah;
        row->passed = fabs(row->i_a) * row->dt_s / 3600.0 / p->capacity_ah;
    }
    return 0;
}

/* Voltage at t by the rows of the pulse; NaN where it does not last so long. */
static double voltage_at(const double *t_s, const double *v, size_t first, size_t n, double t)
{
    for (size_t k = first; k < first + n; k++) {
        if (t_s[k] >= t && k > first) {
            double share = (t - t_s[k - 1]) / (t_s[k] - t_s[k - 1]);

            return v[k - 1] + share * (v[k] - v[k - 1]);
        }
    }
    return NAN;
}

void fit_pulses_read(const struct fit_problem *p, const struct recording *r, const double *model_v,
                     struct cell_fit *out)
{
    out->n_pulses = 0;
    for (size_t s = 1; s < r->n_steps && out->n_pulses < CELL_PULSES_MAX; s++) {
        const struct recording_step *step = &r->steps[s];
        size_t rest = step->first - 1;
        struct cell_fit_pulse pulse = {.model_ohm = NAN};
        double at_s = r->t_s[rest] + LOOK_AFTER_S, di;

        if (!is_pulse(r, s)) {
            continue;
        }
        di = r->current_a[step->first + step->n / 2] - r->current_a[rest];
        pulse.soc = p->row[rest].soc;
        pulse.rest_v = r->voltage_v[rest];
        pulse.current_a = di;
        pulse.measured_ohm =
            (voltage_at(r->t_s, r->voltage_v, step->first, step->n, at_s) - pulse.rest_v) / di;
        if (model_v) {
            pulse.model_ohm =
                (voltage_at(r->t_s, model_v, step->first, step->n, at_s) - model_v[rest]) / di;
        }
        if (isfinite(pulse.measured_ohm)) {
            out->pulse[out->n_pulses++] = pulse;
        }
    }
}

/* Which residuals count: from the first pulse on all, before it those of charge states that pulses
 * cover, because what the cell went through before the recording is not known. And which of them
 * against the rest before their pulse: how far U is off there is no matter of the pulse. */
static void rows_mark(struct fit_problem *p, const struct recording *r)
{
    size_t from = FIT_ABSOLUTE;
    bool begun = false;

    for (size_t s = 0; s < r->n_steps; s++) {
        const struct recording_step *step = &r->steps[s];
        size_t every = (step->n + PER_STEP_MAX - 1) / PER_STEP_MAX, last = step->n - 1;

        if (is_pulse(r, s)) {
            from = step->first - 1;
            begun = true;
        } else if (step_lasted(r, step) > PULSE_LONGEST_S) {
            from = FIT_ABSOLUTE;
        }
        for (size_t k = 0; k < step->n; k++) {
            struct fit_row *row = &p->row[step->first + k];

            row->used = (k % every == 0 || k == last) && isfinite(row->v_v) &&
                        (begun || row->soc >= p->soc[0]);
            row->from = from;
            row->nth = p->n_used;
            p->n_used += row->used;
        }
    }
}

/* Rows of the table: where the pulses are, rising. */
int fit_table(struct fit_problem *p, const struct recording *r, const struct cell_fit *out,
              struct diag *reterr)
{
    for (unsigned k = out->n_pulses; k-- > 0 && p->n_soc < CELL_ROWS_MAX;) {
        if (p->n_soc == 0 || out->pulse[k].soc > p->soc[p->n_soc - 1] + SAME_SOC) {
            p->soc[p->n_soc++] = out->pulse[k].soc;
        }
    }
    if (p->n_soc < 2) {
        return diag_add(reterr, E_RANGE,
                        "a cell needs pulses of up to %g s after rests of at least %g s at two "
                        "states of charge, there are %u",
                        PULSE_LONGEST_S, REST_SHORTEST_S, p->n_soc);
    }
    rows_mark(p, r);
    if (p->n_used <= fit_size(p)) {
        return diag_add(reterr, E_RANGE, "%zu rows are too few for %u values", p->n_used,
                        fit_size(p));
    }
    return 0;
}

size_t fit_first_pulse(const struct recording *r)
{
    for (size_t s = 1; s < r->n_steps; s++) {
        if (is_pulse(r, s)) {
            return r->steps[s].first;
        }
    }
    return r->n;
}
