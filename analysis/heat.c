/* analysis/heat.c - how warm a step made what was tested. */
#include "analysis/heat.h"

#include "analysis/steps.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REST_ROWS = 10
};
#define STEP_LEAST 0.02

struct sensor {
    const struct recording_column *column;
    struct recording_accuracy accuracy;
};

static unsigned find_sensors(const struct recording *r, struct sensor *ret)
{
    struct recording_accuracy unknown = {NAN, NAN, NAN};
    unsigned n = 0;
    bool stated;

    for (unsigned i = 0; i < r->n_extra; i++) {
        size_t length = strlen(r->extra[i].name);

        if (length > 2 && strcmp(r->extra[i].name + length - 2, "_k") == 0) {
            ret[n].column = &r->extra[i];
            ret[n++].accuracy = figure_accuracy(&unknown, r->extra[i].v, r->n, &stated);
        }
    }
    return n;
}

/* One sensor on one step; false: it said nothing. */
static bool look(const struct recording *r, const struct sensor *x, const struct step_sum *s,
                 const double *net_ah, double rest_a, struct heat_row *ret)
{
    const double *v = x->column->v;
    size_t first = s->rows.first, from = first, most = first, last = first + s->rows.n - 1;
    double sum = 0.0, ah;

    while (from > 0 && first - from < REST_ROWS && fabs(r->current_a[from - 1]) <= rest_a) {
        sum += v[--from];
    }
    for (size_t k = first; k <= last; k++) {
        most = v[k] > v[most] || isnan(v[most]) ? k : most;
    }
    ret->start_k.v = from < first ? sum / (double)(first - from) : v[first];
    if (!isfinite(ret->start_k.v) || !isfinite(v[most])) {
        return false;
    }
    str_copy(ret->column, sizeof(ret->column), x->column->name);
    ret->minutes_to_most = (r->t_s[most] - s->begin_s) / 60.0;
    ret->start_k.u = figure_u_reading(ret->start_k.v, &x->accuracy);
    ret->rise_k =
        (struct figure){v[most] - ret->start_k.v,
                        figure_u_difference(v[most] - ret->start_k.v, &x->accuracy), NULL};
    ret->end_k = isfinite(v[last]) ? (struct figure){v[last], ret->start_k.u, NULL}
                                   : figure_none("no valid value");
    ah = fabs(net_ah[most] - (first > 0 ? net_ah[first - 1] : 0.0));
    ret->k_per_ah = ah > 0.0 ? (struct figure){ret->rise_k.v / ah, ret->rise_k.u / ah, NULL}
                             : figure_none("it never got warmer");
    return true;
}

static int add(struct heat *h, size_t *size, const struct heat_row *row)
{
    if (h->n == *size) {
        size_t larger = 2 * *size + 32;
        struct heat_row *p = realloc(h->row, larger * sizeof(*p));

        if (!p) {
            return E_NOMEM;
        }
        h->row = p;
        *size = larger;
    }
    h->row[h->n++] = *row;
    return 0;
}

static double moved(const struct step_sum *s)
{
    return s->mode == RECORDING_REST ? 0.0 : s->integral.in_ah + s->integral.out_ah;
}

static int all_steps(const struct recording *r, const struct cycles *c, const double *net_ah,
                     const struct sensor *sensor, struct heat *h)
{
    double most = 0.0, rest_a = rest_current_a(r);
    size_t size = 0, cycle = 0;
    int rc = 0;

    for (size_t i = 0; i < c->n_steps; i++) {
        most = fmax(most, moved(&c->step[i]));
    }
    for (size_t i = 0; i < c->n_steps && rc == 0; i++) {
        const struct step_sum *s = &c->step[i];

        while (cycle + 1 < c->n && c->cycle[cycle + 1].first_step <= i) {
            cycle++;
        }
        if (moved(s) <= STEP_LEAST * most) {
            continue;
        }
        for (unsigned k = 0; k < h->n_sensors && rc == 0; k++) {
            struct heat_row row = {.step_number = s->number,
                                   .source_cycle = s->source_cycle,
                                   .cycle = c->cycle[cycle].number,
                                   .charge = s->integral.in_ah > s->integral.out_ah,
                                   .rows = s->rows,
                                   .begin_s = s->begin_s};

            if (look(r, &sensor[k], s, net_ah, rest_a, &row)) {
                rc = add(h, &size, &row);
            }
        }
    }
    return rc;
}

int heat_of(const struct recording *r, const struct cycles *c, struct heat *ret,
            struct diag *reterr)
{
    struct sensor sensor[RECORDING_EXTRA_MAX];
    struct heat h = {.n_sensors = find_sensors(r, sensor)};
    double *net_ah = NULL;
    int rc;

    if (h.n_sensors == 0) {
        return diag_add(reterr, E_NOENT, "the run has no temperatures");
    }
    rc = charge_along(r, &net_ah, reterr);
    if (rc < 0) {
        return rc;
    }
    rc = all_steps(r, c, net_ah, sensor, &h);
    free(net_ah);
    if (rc < 0) {
        heat_done(&h);
        return diag_add(reterr, rc, "no memory for the steps");
    }
    *ret = h;
    return 0;
}

void heat_done(struct heat *h)
{
    free(h->row);
    *h = (struct heat){0};
}
