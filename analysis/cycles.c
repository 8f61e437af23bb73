/* analysis/cycles.c - steps into cycles, and what a cycle's figures are worth. */
#include "analysis/cycles.h"

#include "analysis/steps.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

#define TURN 0.2 /* of the largest charge that one step moved */

static double net_ah(const struct step_sum *s)
{
    return s->mode == RECORDING_REST ? 0.0 : s->integral.in_ah - s->integral.out_ah;
}

/* ---- Turns: where charge reverses for more than a pulse ---- */

struct turns {
    double limit_ah, net, top, bottom;
    size_t top_step, bottom_step; /* the first step after each */
    int direction;
    int *at; /* per step: +1, -1: a half cycle begins here; 0: none */
};

/* The half begins with its first step that moves charge: a rest belongs to what went before. */
static void mark(struct turns *t, const struct step_sum *s, size_t from, size_t to, int direction)
{
    while (from < to && net_ah(&s[from]) * direction <= 0.0) {
        from++;
    }
    t->at[from] = direction;
    t->direction = direction;
}

/* A recording that ends while current flows the other way: the half that begins there has not moved
 * enough yet to be a turn, but is no pulse either. */
static void open_end(struct turns *t, const struct step_sum *s, size_t n)
{
    double q = n > 0 ? net_ah(&s[n - 1]) : 0.0;

    if (t->direction > 0 && q < 0.0) {
        mark(t, s, t->top_step, n - 1, -1);
    } else if (t->direction < 0 && q > 0.0) {
        mark(t, s, t->bottom_step, n - 1, 1);
    }
}

static void find_turns(const struct step_sum *s, size_t n, struct turns *t)
{
    double largest = 0.0;

    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(net_ah(&s[i])));
    }
    t->limit_ah = TURN * largest;
    for (size_t i = 0; i < n; i++) {
        t->net += net_ah(&s[i]);
        if (t->direction >= 0 && t->top - t->net > t->limit_ah) {
            mark(t, s, t->top_step, i, -1);
            t->bottom = t->net;
            t->bottom_step = i + 1;
        } else if (t->direction <= 0 && t->net - t->bottom > t->limit_ah) {
            mark(t, s, t->bottom_step, i, 1);
            t->top = t->net;
            t->top_step = i + 1;
        }
        if (t->net > t->top) {
            t->top = t->net;
            t->top_step = i + 1;
        }
        if (t->net < t->bottom) {
            t->bottom = t->net;
            t->bottom_step = i + 1;
        }
    }
    open_end(t, s, n);
}

/* +1: within one number of the source charge comes first more often than discharge. */
static int order_found(const struct step_sum *s, size_t n, const int *at)
{
    int first = 0, votes = 0, any = 0;
    bool paired = false; /* only the first pair of a number votes */

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && s[i].source_cycle != s[i - 1].source_cycle) {
            first = 0;
            paired = false;
        }
        if (at[i] == 0) {
            continue;
        }
        any = any ? any : at[i];
        if (first == 0) {
            first = at[i];
        } else if (!paired) {
            votes += first;
            paired = true;
        }
    }
    return votes > 0 ? 1 : votes < 0 ? -1 : any;
}

/* ---- Cycles ---- */

static int add_cycle(struct cycles *c, size_t *size, size_t step)
{
    if (c->n == *size) {
        size_t larger = 2 * *size + 64;
        struct cycle_sum *p = realloc(c->cycle, larger * sizeof(*p));

        if (!p) {
            return E_NOMEM;
        }
        c->cycle = p;
        *size = larger;
    }
    c->cycle[c->n] = (struct cycle_sum){.number = (uint32_t)c->n + 1,
                                        .source_cycle = c->step[step].source_cycle,
                                        .first_step = step};
    c->n++;
    return 0;
}

static int cut_cycles(struct cycles *c, const int *at, int order)
{
    bool done[2] = {false, false};
    size_t size = 0;
    int rc = 0;

    for (size_t i = 0; i < c->n_steps && rc == 0; i++) {
        const struct step_sum *s = &c->step[i];
        bool source = i == 0 || s->source_cycle != s[-1].source_cycle;
        bool again = at[i] != 0 && at[i] == order && done[0] && done[1];

        if (source || again) {
            rc = add_cycle(c, &size, i);
            done[0] = done[1] = false;
        }
        if (rc == 0) {
            c->cycle[c->n - 1].n_steps++;
        }
        if (at[i] != 0) {
            done[at[i] > 0] = true;
        }
    }
    return rc;
}

/* ---- Figures ---- */

/* What makes the error of a half cycle's charge, in Ah and as fractions of its energy. */
struct doubt {
    double gain_ah, offset_ah, other_ah; /* offset: the same in both directions, so it adds in CE */
    double v_fraction, gain_wh;
};

struct half {
    unsigned n; /* steps that moved charge */
    double seconds, sampling_ah, sampling_wh, integral_ah, integral_wh, counter_ah, counter_wh;
    bool has_counter, has_wh_counter, any;
};

static void add_step(const struct step_sum *s, bool in, struct half *h)
{
    double ah = in ? s->integral.in_ah : s->integral.out_ah;

    if (s->mode == RECORDING_REST) {
        return;
    }
    h->has_counter = h->has_counter && s->has_counter;
    h->has_wh_counter = h->has_wh_counter && s->has_wh_counter;
    h->integral_ah += ah;
    h->integral_wh += in ? s->integral.in_wh : s->integral.out_wh;
    h->counter_ah += in ? s->counter.in_ah : s->counter.out_ah;
    h->counter_wh += in ? s->counter.in_wh : s->counter.out_wh;
    if (ah > 0.0) {
        h->any = true;
        h->n++;
        h->seconds += s->end_s - s->begin_s;
        h->sampling_ah += s->sampling_ah;
        h->sampling_wh += s->sampling_wh;
    }
}

static void gather(const struct cycles *c, const struct cycle_sum *y, bool in, struct half *h)
{
    *h = (struct half){.has_counter = true, .has_wh_counter = true};
    for (size_t i = y->first_step; i < y->first_step + y->n_steps; i++) {
        add_step(&c->step[i], in, h);
    }
    h->has_counter = h->has_counter && isfinite(h->counter_ah);
    h->has_wh_counter = h->has_wh_counter && isfinite(h->counter_wh);
}

static double or_zero(double x)
{
    return isfinite(x) ? x : 0.0;
}

/* An instrument that counts saw all that flowed between the rows; but it may cut its last digit off
 * at every step, so that steps add up and not their squares. */
static void doubt_of(const struct cycles *c, const struct half *h, struct doubt *ret)
{
    const struct recording_accuracy *a = &c->current;
    double hours = h->seconds / 3600.0, mean_v = h->integral_wh / h->integral_ah;
    double offset_a = isfinite(a->offset) ? a->offset * FIGURE_OF_LIMIT
                                          : fabs(or_zero(c->rest_a)) * FIGURE_OF_LIMIT;
    double step_a = or_zero(a->resolution) / sqrt(12.0);

    ret->gain_ah = or_zero(a->reading) * h->integral_ah * FIGURE_OF_LIMIT;
    ret->offset_ah = offset_a * hours;
    ret->other_ah = h->has_counter ? h->n * or_zero(c->counter_resolution_ah) / sqrt(6.0)
                                   : hypot(step_a * hours, h->sampling_ah);
    ret->v_fraction = or_zero(fabs(figure_u_reading(mean_v, &c->voltage) / mean_v));
    ret->gain_wh = h->has_wh_counter ? 0.0 : h->sampling_wh;
}

static struct figure charge_figure(const struct half *h, const struct doubt *d)
{
    double v = h->has_counter ? h->counter_ah : h->integral_ah;

    if (!h->any) {
        return figure_none("no such half");
    }
    return (struct figure){
        v, sqrt(d->gain_ah * d->gain_ah + d->offset_ah * d->offset_ah + d->other_ah * d->other_ah),
        NULL};
}

static struct figure energy_figure(const struct half *h, const struct doubt *d, struct figure q)
{
    double v = h->has_wh_counter ? h->counter_wh : h->integral_wh;
    double of_charge = q.v > 0.0 ? q.u / q.v : (double)NAN;

    if (!h->any) {
        return figure_none("no such half");
    }
    return (struct figure){v, hypot(v * hypot(of_charge, d->v_fraction), d->gain_wh), NULL};
}

static struct figure counter_figure(const struct half *h, bool has, double v, double u)
{
    if (!has || !h->any) {
        return figure_none(h->any ? "the instrument did not count it" : "no such half");
    }
    return (struct figure){v, u, NULL};
}

static double apart(bool has, double integral, double counter, double before)
{
    double x = has && counter > 0.0 ? integral / counter - 1.0 : (double)NAN;

    return isnan(before) || fabs(x) > fabs(before) ? x : before;
}

/* Gain and V errors are the same in both halves and fall out; the offset has opposite signs. */
static struct figure efficiency(struct figure out, struct figure in, const struct doubt *d_out,
                                const struct doubt *d_in, double q_out, double q_in, double extra)
{
    struct figure f = figure_ratio(out, in);
    double offset = d_out->offset_ah / q_out + d_in->offset_ah / q_in;

    if (!f.why) {
        f.u = fabs(f.v) * sqrt(offset * offset + pow(d_out->other_ah / q_out, 2.0) +
                               pow(d_in->other_ah / q_in, 2.0) + extra * extra);
    }
    return f;
}

struct halves {
    struct half in, out;
    struct doubt in_d, out_d;
};

static void fill_cycle(const struct cycles *c, struct cycle_sum *y, struct halves *h)
{
    const struct step_sum *first = &c->step[y->first_step];
    const struct step_sum *last = &c->step[y->first_step + y->n_steps - 1];
    double more;

    gather(c, y, true, &h->in);
    gather(c, y, false, &h->out);
    doubt_of(c, &h->in, &h->in_d);
    doubt_of(c, &h->out, &h->out_d);
    y->rows = (struct rows){first->rows.first, last->rows.first + last->rows.n - first->rows.first};
    y->begin_s = first->begin_s;
    y->end_s = last->end_s;
    y->integral = (struct amounts){h->in.integral_ah, h->out.integral_ah, h->in.integral_wh,
                                   h->out.integral_wh};
    y->charge_ah = charge_figure(&h->in, &h->in_d);
    y->discharge_ah = charge_figure(&h->out, &h->out_d);
    y->charge_wh = energy_figure(&h->in, &h->in_d, y->charge_ah);
    y->discharge_wh = energy_figure(&h->out, &h->out_d, y->discharge_ah);
    y->counter_in_ah = counter_figure(&h->in, h->in.has_counter, h->in.counter_ah, y->charge_ah.u);
    y->counter_out_ah =
        counter_figure(&h->out, h->out.has_counter, h->out.counter_ah, y->discharge_ah.u);
    y->counter_in_wh =
        counter_figure(&h->in, h->in.has_wh_counter, h->in.counter_wh, y->charge_wh.u);
    y->counter_out_wh =
        counter_figure(&h->out, h->out.has_wh_counter, h->out.counter_wh, y->discharge_wh.u);
    more = apart(h->in.has_counter && h->in.any, h->in.integral_ah, h->in.counter_ah, NAN);
    y->differ_ah =
        apart(h->out.has_counter && h->out.any, h->out.integral_ah, h->out.counter_ah, more);
    more = apart(h->in.has_wh_counter && h->in.any, h->in.integral_wh, h->in.counter_wh, NAN);
    y->differ_wh =
        apart(h->out.has_wh_counter && h->out.any, h->out.integral_wh, h->out.counter_wh, more);
    y->flagged = fabs(y->differ_ah) > CYCLES_FLAG_ABOVE;
    y->v_charge = figure_ratio(y->charge_wh, y->charge_ah);
    y->v_discharge = figure_ratio(y->discharge_wh, y->discharge_ah);
    if (!y->v_charge.why) {
        y->v_charge.u = fabs(y->v_charge.v) * h->in_d.v_fraction;
    }
    if (!y->v_discharge.why) {
        y->v_discharge.u = fabs(y->v_discharge.v) * h->out_d.v_fraction;
    }
}

/* in: the cycle whose charge the discharge of y is held against. */
static void fill_efficiency(const struct cycle_sum *in, const struct halves *in_h,
                            const struct halves *h, struct cycle_sum *y)
{
    double volts = hypot(h->out_d.v_fraction, in_h->in_d.v_fraction);

    y->ce = efficiency(y->discharge_ah, in->charge_ah, &h->out_d, &in_h->in_d, h->out.integral_ah,
                       in_h->in.integral_ah, 0.0);
    y->ee = efficiency(y->discharge_wh, in->charge_wh, &h->out_d, &in_h->in_d, h->out.integral_ah,
                       in_h->in.integral_ah, volts);
}

static void no_efficiency(struct cycle_sum *y, const char *why)
{
    y->ce = y->ee = figure_none(why);
}

static void fill_all(struct cycles *c, bool open_end, int open_mode)
{
    struct halves before = {0};

    for (size_t i = 0; i < c->n; i++) {
        struct cycle_sum *y = &c->cycle[i];
        struct halves h;

        fill_cycle(c, y, &h);
        if (!h.out.any) {
            no_efficiency(y, "no discharge");
        } else if (i + 1 == c->n && open_end && open_mode == RECORDING_DISCHARGE) {
            no_efficiency(
                y, "the recording ends with the discharge: whether it was over is not known");
        } else if (c->charge_first) {
            fill_efficiency(y, &h, &h, y);
        } else if (i > 0 && before.in.any && before.out.any) {
            fill_efficiency(&c->cycle[i - 1], &before, &h, y);
        } else {
            no_efficiency(y, i > 0 ? "the charge before it began from a state that is not known"
                                   : "no charge before it");
        }
        before = h;
    }
}

void step_figures(const struct cycles *c, const struct step_sum *s, struct step_figures *ret)
{
    for (unsigned in = 0; in < 2; in++) {
        struct half h = {.has_counter = true, .has_wh_counter = true};
        struct figure q, e;
        struct doubt d;

        add_step(s, in, &h);
        h.has_counter = h.has_counter && isfinite(h.counter_ah);
        h.has_wh_counter = h.has_wh_counter && isfinite(h.counter_wh);
        doubt_of(c, &h, &d);
        q = charge_figure(&h, &d);
        e = energy_figure(&h, &d, q);
        if (in) {
            ret->in_ah = q;
            ret->in_wh = e;
        } else {
            ret->out_ah = q;
            ret->out_wh = e;
        }
    }
}

/* ---- All of it ---- */

static void rest_offset(struct cycles *c)
{
    double as = 0.0;

    c->rest_s = 0.0;
    for (size_t i = 0; i < c->n_steps; i++) {
        const struct step_sum *s = &c->step[i];
        double seconds = s->end_s - s->begin_s;

        if (s->mode == RECORDING_REST && isfinite(s->i_mean) && seconds > 0.0) {
            as += s->i_mean * seconds;
            c->rest_s += seconds;
        }
    }
    c->rest_a = c->rest_s > 0.0 ? as / c->rest_s : (double)NAN;
}

static int sum_steps(const struct recording *r, struct cycles *c)
{
    struct recording_accuracy unknown = {NAN, NAN, NAN};
    struct counters counters;
    bool stated;

    c->step = malloc((r->n_steps > 0 ? r->n_steps : 1) * sizeof(*c->step));
    if (!c->step) {
        return E_NOMEM;
    }
    counters_of(r, &counters);
    for (size_t i = 0; i < r->n_steps; i++) {
        step_sum(r, &counters, &r->steps[i], &c->step[i]);
    }
    c->n_steps = r->n_steps;
    c->has_counter = counters.in_ah || counters.net_ah;
    c->current = figure_accuracy(&r->current, r->current_a, r->n, &c->stated);
    c->voltage = figure_accuracy(&r->voltage, r->voltage_v, r->n, &stated);
    c->counter_resolution_ah = NAN;
    if (c->has_counter) {
        c->counter_resolution_ah =
            figure_accuracy(&unknown, counters.in_ah ? counters.in_ah : counters.net_ah, r->n,
                            &stated)
                .resolution;
    }
    rest_offset(c);
    return 0;
}

static int make_cycles(struct cycles *c, enum cycle_order order)
{
    struct turns t = {.at = calloc(c->n_steps > 0 ? c->n_steps : 1, sizeof(int))};
    const struct step_sum *last = c->n_steps > 0 ? &c->step[c->n_steps - 1] : NULL;
    int first = order == CYCLE_ORDER_CHARGE_FIRST ? 1 : -1, rc;

    if (!t.at) {
        return E_NOMEM;
    }
    find_turns(c->step, c->n_steps, &t);
    if (order == CYCLE_ORDER_FOUND) {
        first = order_found(c->step, c->n_steps, t.at);
    }
    c->charge_first = first >= 0;
    rc = cut_cycles(c, t.at, first);
    free(t.at);
    if (rc == 0) {
        fill_all(c, last && last->mode != RECORDING_REST, last ? (int)last->mode : -1);
    }
    return rc;
}

int cycles_of(const struct recording *r, enum cycle_order order, struct cycles *ret,
              struct diag *reterr)
{
    struct cycles c = {0};
    int rc = r->n > 0 ? sum_steps(r, &c) : 0;

    if (r->n == 0) {
        return diag_add(reterr, E_NOENT, "the recording has no rows");
    }
    if (rc == 0) {
        rc = make_cycles(&c, order);
    }
    if (rc < 0) {
        cycles_done(&c);
        return diag_add(reterr, rc, "no memory for the cycles");
    }
    *ret = c;
    return 0;
}

void cycles_done(struct cycles *c)
{
    free(c->step);
    free(c->cycle);
    *c = (struct cycles){0};
}
