/* procedures/engine/window.c - values over time: rates, means and extremes of an expression over a
 * span or over the step.
 *
 * A window over a span is cut into slots of span / (WINDOW_SLOTS - 2); each keeps the time-weighted
 * mean (or the extreme) of the samples that fell into it. The rate is the slope of a least-squares
 * line through the slots, exact for a straight line and calm where the instrument is noisy.
 */
#include "procedures/engine/run_priv.h"

void window_reset(struct run_window *w)
{
    memset(w, 0, sizeof(*w));
    w->began = w->last_at = w->next = w->slot_at = NSEC_NEVER;
    w->extreme = w->last_v = (double)NAN;
}

static double farther(uint8_t kind, double a, double b)
{
    if (isnan(a))
        return b;
    if (isnan(b))
        return a;
    return kind == WINDOW_MAX ? fmax(a, b) : fmin(a, b);
}

static nsec slot_length(const struct window *d)
{
    return nsec_from_s(d->span_s / (WINDOW_SLOTS - 2));
}

static void slot_close(struct run_window *w, const struct window *d)
{
    bool extreme = d->kind == WINDOW_MAX || d->kind == WINDOW_MIN;

    w->t[w->head] = w->last_at;
    w->v[w->head] = extreme ? w->extreme : w->sum / w->weight;
    w->head = (uint16_t)((w->head + 1) % WINDOW_SLOTS);
    if (w->n < WINDOW_SLOTS)
        w->n++;
    w->sum = w->weight = 0.0;
    w->extreme = w->last_v; /* the sample on the border belongs to both */
    w->slot_at = w->last_at;
    w->next = w->last_at + slot_length(d);
}

static void window_add(struct run_window *w, const struct window *d, nsec t, double v)
{
    double dt;

    if (w->began != NSEC_NEVER && !d->over_step && t - w->last_at > nsec_from_s(d->span_s / 2.0))
        window_reset(w); /* a hole too wide to bridge */
    if (w->began == NSEC_NEVER) {
        w->began = w->last_at = w->slot_at = t;
        w->next = t + (d->over_step ? 0 : slot_length(d));
        w->last_v = w->extreme = v;
        return;
    }
    if (t <= w->last_at)
        return;
    dt = nsec_to_s(t - w->last_at);
    w->sum += 0.5 * (w->last_v + v) * dt;
    w->weight += dt;
    w->extreme = farther(d->kind, w->extreme, v);
    w->last_v = v;
    w->last_at = t;
    if (!d->over_step && t >= w->next)
        slot_close(w, d);
}

void windows_feed(struct run *r, const struct program *p, uint16_t group)
{
    uint32_t bits = r->derived.windows_of[group];

    for (uint16_t i = 0; bits; i++, bits >>= 1) {
        double v;

        if (!(bits & 1u))
            continue;
        if ((r->derived.windows_of_acts >> i & 1u) != 0 && p->windows[i].over_step &&
            (r->acting != ACTING_ON || r->state != RUN_RUNNING || r->moment < r->act_began))
            continue;
        v = expr_value(r, p, p->windows[i].expr, NULL);
        if (!isnan(v))
            window_add(&r->window[i], &p->windows[i], r->moment, v);
    }
}

static unsigned oldest(const struct run_window *w)
{
    return (unsigned)((w->head + WINDOW_SLOTS - w->n) % WINDOW_SLOTS);
}

static double extreme_value(const struct run_window *w, const struct window *d, nsec from)
{
    double best = w->extreme;

    for (unsigned k = 0, i = oldest(w); k < w->n; k++, i = (i + 1) % WINDOW_SLOTS)
        if (w->t[i] > from)
            best = farther(d->kind, best, w->v[i]);
    return best;
}

/* Slots that end after `from`, each with its length; f gets the middle in s before now, the mean
 * and the length. */
struct line {
    double w, t, v, tt, tv;
};
static void line_add(struct line *l, double t, double v, double w)
{
    l->w += w;
    l->t += w * t;
    l->v += w * v;
    l->tt += w * t * t;
    l->tv += w * t * v;
}

static void line_slots(const struct run_window *w, nsec from, struct line *l)
{
    nsec start = w->began;

    for (unsigned k = 0, i = oldest(w); k < w->n; k++, i = (i + 1) % WINDOW_SLOTS) {
        /* the start of the oldest slot of a full ring is not kept: it only serves as the border of
         * the next */
        if (w->t[i] > from && (w->n < WINDOW_SLOTS || k > 0))
            line_add(l, nsec_to_s(start - w->last_at + (w->t[i] - start) / 2), w->v[i],
                     nsec_to_s(w->t[i] - start));
        start = w->t[i];
    }
    if (w->weight > 0.0)
        line_add(l, nsec_to_s(w->slot_at - w->last_at) / 2.0, w->sum / w->weight, w->weight);
}

static double line_slope(const struct line *l)
{
    double d = l->w * l->tt - l->t * l->t;

    return d > 0.0 ? (l->w * l->tv - l->t * l->v) / d : (double)NAN;
}

static double over_step(const struct run_window *w, const struct window *d)
{
    if (d->kind == WINDOW_MAX || d->kind == WINDOW_MIN)
        return w->extreme;
    if (d->kind == WINDOW_MEAN)
        return w->weight > 0.0 ? w->sum / w->weight : w->last_v;
    return (double)NAN;
}

double window_value(const struct run *r, const struct program *p, uint16_t i)
{
    const struct window *d = &p->windows[i];
    const struct run_window *w = &r->window[i];
    struct line l = {0};
    nsec from;

    if (w->began == NSEC_NEVER)
        return (double)NAN;
    if (d->over_step)
        return over_step(w, d);
    if (w->last_at - w->began < nsec_from_s(d->span_s * (1.0 - 1e-6)))
        return (double)NAN;
    from = w->last_at - nsec_from_s(d->span_s);
    if (d->kind == WINDOW_MAX || d->kind == WINDOW_MIN)
        return extreme_value(w, d, from);
    line_slots(w, from, &l);
    if (d->kind == WINDOW_RATE)
        return line_slope(&l);
    return l.w > 0.0 ? l.v / l.w : (double)NAN;
}
