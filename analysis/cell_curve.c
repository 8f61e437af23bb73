/* analysis/cell_curve.c - leads, branches and axis of a slow cycle. */
#include "analysis/cell_curve.h"

#include "base/diag.h"
#include "base/err.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CURVE_POINTS = 601
};
#define STEP_WITHIN_S 2.0  /* rows on both sides of a step of the current */
#define STEP_SHARE    0.5  /* of the cycle's current: a smaller step says little */
#define REST_SHARE    0.02 /* of the cycle's current: no current */
#define SMOOTH_AH     0.12 /* the voltage is read in whole millivolt */
#define END_SHARE     0.01 /* of the curve: the slope beyond its end */

/* The interval before a row belongs to the row's step; a rest moves nothing. */
static double row_ah(const struct recording *r, size_t k)
{
    return k == 0 ? 0.0 : r->current_a[k] * (r->t_s[k] - r->t_s[k - 1]) / 3600.0;
}

static double step_ah(const struct recording *r, const struct recording_step *s)
{
    double ah = 0.0;

    for (size_t k = s->first; k < s->first + s->n; k++) {
        ah += row_ah(r, k);
    }
    return ah;
}

/* ---- The cycle ---- */

static bool whole(const struct recording *r, size_t d, struct cell_cycle *ret)
{
    const struct recording_step *s = &r->steps[d];
    double out = -step_ah(r, s);

    for (size_t k = d + 1; k < r->n_steps && k <= d + 2; k++) {
        if (r->steps[k].mode == RECORDING_CHARGE) {
            double in = step_ah(r, &r->steps[k]);
            double lasted = r->t_s[s->first + s->n - 1] - r->t_s[s->first];

            /* both ran from end to end: what went in is what came out, to a few percent */
            if (out <= 0.0 || fabs(in / out - 1.0) > 0.05 || lasted <= 0.0) {
                return false;
            }
            *ret = (struct cell_cycle){.of = r,
                                       .discharge = *s,
                                       .charge = r->steps[k],
                                       .cycle = s->cycle,
                                       .out_ah = out,
                                       .in_ah = in,
                                       .rate_a = out * 3600.0 / lasted};
            return true;
        }
    }
    return false;
}

int cell_cycle_find(const struct recording *r, uint32_t cycle, struct cell_cycle *ret,
                    struct diag *reterr)
{
    for (size_t d = 0; d < r->n_steps; d++) {
        bool wanted = cycle == 0 || r->steps[d].cycle == cycle;

        if (wanted && r->steps[d].mode == RECORDING_DISCHARGE && r->steps[d].n > 50 &&
            whole(r, d, ret)) {
            return 0;
        }
    }
    if (cycle > 0) {
        return diag_add(reterr, E_NOENT, "cycle %u is no whole discharge and charge",
                        (unsigned)cycle);
    }
    return diag_add(reterr, E_NOENT, "the recording has no cycle of a whole discharge and charge");
}

/* ---- The leads ---- */

struct steps {
    unsigned n;
    double di[CELL_STEPS_MAX], dv[CELL_STEPS_MAX], dt[CELL_STEPS_MAX];
};

/* A step between no current and the cycle's, seen by two rows close together. */
static void take_step(const struct cell_cycle *c, size_t k, struct steps *s)
{
    const struct recording *r = c->of;
    double before = r->current_a[k - 1], after = r->current_a[k];
    double quiet = REST_SHARE * c->rate_a, dt = r->t_s[k] - r->t_s[k - 1];
    bool between = (fabs(before) <= quiet) != (fabs(after) <= quiet);

    if (between && fabs(after - before) >= STEP_SHARE * c->rate_a && dt <= STEP_WITHIN_S &&
        isfinite(r->voltage_v[k]) && isfinite(r->voltage_v[k - 1]) && s->n < CELL_STEPS_MAX) {
        s->di[s->n] = after - before;
        s->dv[s->n] = r->voltage_v[k] - r->voltage_v[k - 1];
        s->dt[s->n] = dt;
        s->n++;
    }
}

int cell_lead_fit(const struct cell_cycle *c, struct cell_lead *ret, struct diag *reterr)
{
    const struct recording *r = c->of;
    size_t from = c->discharge.first, to = c->charge.first + c->charge.n;
    struct steps s = {0};
    struct cell_lead lead = {0};
    double ii = 0.0, iv = 0.0, sum = 0.0;

    for (size_t k = from > 0 ? from : 1; k <= to && k < r->n; k++) {
        take_step(c, k, &s);
    }
    if (s.n == 0) {
        return diag_add(reterr, E_RANGE, "cycle %u shows no step of the current within %g s",
                        (unsigned)c->cycle, STEP_WITHIN_S);
    }
    for (unsigned k = 0; k < s.n; k++) {
        ii += s.di[k] * s.di[k];
        iv += s.di[k] * s.dv[k];
        lead.after_s += s.dt[k] / (double)s.n;
        lead.step_ohm[k] = s.dv[k] / s.di[k];
    }
    lead.n = s.n;
    lead.sum_ohm = iv / ii;
    for (unsigned k = 0; k < s.n; k++) {
        double e = s.dv[k] - lead.sum_ohm * s.di[k];

        sum += e * e;
    }
    lead.half95_ohm = s.n < 2 ? (double)NAN
                              : gsl_cdf_tdist_Pinv(0.975, (double)s.n - 1.0) *
                                    sqrt(sum / ((double)s.n - 1.0) / ii);
    lead.lead_ohm = lead.sum_ohm;
    *ret = lead;
    return 0;
}

/* ---- The branches ---- */

struct branch {
    size_t n;
    double *ah, *v, *a; /* ah rising */
};

static int branch_read(const struct recording *r, const struct recording_step *s, double lead_ohm,
                       struct branch *ret)
{
    double *block = calloc(3 * s->n, sizeof(*block));
    double ah = 0.0;

    if (!block) {
        return E_NOMEM;
    }
    *ret = (struct branch){.ah = block, .v = block + s->n, .a = block + 2 * s->n};
    for (size_t k = s->first; k < s->first + s->n; k++) {
        ah += fabs(row_ah(r, k));
        if (isfinite(r->voltage_v[k]) && isfinite(ah)) {
            ret->ah[ret->n] = ah;
            ret->a[ret->n] = r->current_a[k];
            ret->v[ret->n] = r->voltage_v[k] - lead_ohm * r->current_a[k];
            ret->n++;
        }
    }
    return 0;
}

/* Straight line through the rows around ah: rounding to whole millivolt is averaged out, slopes are
 * kept, and at the ends, where there are rows on one side only, too. */
static double smooth(const struct branch *b, const double *column, double ah, double within_ah)
{
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    size_t lo = 0, hi = b->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (b->ah[mid] < ah - within_ah) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (size_t k = lo; k < b->n && b->ah[k] <= ah + within_ah; k++) {
        double x = b->ah[k] - ah;

        n += 1.0;
        sx += x;
        sy += column[k];
        sxx += x * x;
        sxy += x * column[k];
    }
    if (n < 3.0 || n * sxx - sx * sx <= 0.0) {
        return within_ah < 16.0 * SMOOTH_AH ? smooth(b, column, ah, 2.0 * within_ah) : (double)NAN;
    }
    return (sy * sxx - sx * sxy) / (n * sxx - sx * sx);
}

int cell_curve_read(const struct cell_cycle *c, double lead_ohm, struct cell_curve *ret,
                    struct diag *reterr)
{
    struct branch out = {0}, in = {0};
    int rc = branch_read(c->of, &c->discharge, lead_ohm, &out);

    rc = rc < 0 ? rc : branch_read(c->of, &c->charge, lead_ohm, &in);
    if (rc == 0) {
        ret->n = CURVE_POINTS;
        ret->out_ah = c->out_ah;
        for (unsigned k = 0; k < ret->n; k++) {
            double share = (double)k / (double)(ret->n - 1);
            /* the charge ends where the discharge began: its own count is stretched to that */
            double in_ah = (1.0 - share) * c->in_ah;

            ret->discharge_v[k] = smooth(&out, out.v, share * c->out_ah, SMOOTH_AH);
            ret->charge_v[k] = smooth(&in, in.v, in_ah, SMOOTH_AH);
            ret->charge_a[k] = smooth(&in, in.a, in_ah, SMOOTH_AH);
            if (!isfinite(ret->discharge_v[k]) || !isfinite(ret->charge_v[k])) {
                rc = diag_add(reterr, E_RANGE, "cycle %u has a gap at %.2f Ah", (unsigned)c->cycle,
                              share * c->out_ah);
                break;
            }
        }
    } else {
        diag_add(reterr, rc, "no memory for the branches of cycle %u", (unsigned)c->cycle);
    }
    free(out.ah);
    free(in.ah);
    return rc;
}

double cell_curve_at(const struct cell_curve *c, const double *column, double out_ah)
{
    double last = (double)(c->n - 1), x = out_ah / c->out_ah * last;
    unsigned back = (unsigned)ceil(END_SHARE * last), end = c->n - 1, k;

    if (!(x > 0.0)) {
        return column[0] + x * (column[back] - column[0]) / (double)back;
    }
    if (x >= last) {
        return column[end] + (x - last) * (column[end] - column[end - back]) / (double)back;
    }
    k = (unsigned)x;
    return column[k] + (x - (double)k) * (column[k + 1] - column[k]);
}
