/* benchctl/compare_plot.c - both voltages, and the residual with its band, over time or charge. */
#include "benchctl/compare_cmd.h"
#include "benchctl/plot_priv.h"

#include <math.h>
#include <string.h>

enum {
    BUCKETS = 600
};

static struct series *add_series(struct panel *p, const char *title)
{
    struct series *s = &p->series[p->n++];

    *s = (struct series){.style = SERIES_LINE};
    s->points.each = sizeof(struct plot_point);
    str_copy(s->title, sizeof(s->title), title);
    return s;
}

static void add_point(struct series *s, double x, double y)
{
    const struct plot_point p = {x, y, 0.0};

    list_add(&s->points, &p);
}

static struct panel *add_panel(struct picture *p, const char *what, const char *title)
{
    struct panel *panel = &p->panel[p->n++];

    *panel = (struct panel){.what = what};
    str_copy(panel->title, sizeof(panel->title), title);
    return panel;
}

static double residual(const struct compare_row *row)
{
    return row->judged ? row->measured_v - row->other_v : (double)NAN;
}

/* Of a bucket of rows the one with the smallest and the one with the largest residual, in their
 * order; where none is judged its first. */
static unsigned pick(const struct compare *c, size_t from, size_t to, size_t ret[2])
{
    size_t lo = c->n, hi = c->n;

    for (size_t k = from; k < to; k++) {
        double e = residual(&c->row[k]);

        if (isnan(e)) {
            continue;
        }
        lo = lo == c->n || e < residual(&c->row[lo]) ? k : lo;
        hi = hi == c->n || e > residual(&c->row[hi]) ? k : hi;
    }
    if (lo == c->n) {
        ret[0] = from;
        return 1;
    }
    ret[0] = lo < hi ? lo : hi;
    ret[1] = lo < hi ? hi : lo;
    return lo == hi ? 1 : 2;
}

struct drawn {
    struct series *measured, *other, *residual, *band;
    double x_scale, mv;
};

static void draw_rows(const struct compare *c, const struct drawn *d)
{
    size_t each = c->n / BUCKETS + 1, at[2];

    for (size_t k = 0; k < c->n; k += each) {
        unsigned n = pick(c, k, k + each < c->n ? k + each : c->n, at);

        for (unsigned i = 0; i < n; i++) {
            const struct compare_row *row = &c->row[at[i]];
            double x = row->axis / d->x_scale;

            add_point(d->measured, x, row->measured_v);
            add_point(d->other, x, row->other_v);
            add_point(d->residual, x, residual(row) * d->mv);
        }
    }
}

/* One curve in two pieces. */
static void draw_band(const struct compare *c, const struct drawn *d)
{
    size_t each = c->n / BUCKETS + 1;

    for (int side = 1; side >= -1; side -= 2) {
        for (size_t k = 0; k < c->n; k += each) {
            const struct compare_row *row = &c->row[k];

            add_point(d->band, row->axis / d->x_scale, side * row->band_v * d->mv);
        }
        add_point(d->band, NAN, NAN);
    }
}

static double longest(const struct compare *c)
{
    double most = 0.0;

    for (size_t k = 0; k < c->n; k++) {
        most = fmax(most, fabs(c->row[k].axis));
    }
    return most;
}

void compare_picture(const struct comparison *x, struct picture *ret)
{
    const struct compare *c = &x->c;
    bool charge = c->by == COMPARE_BY_CHARGE;
    struct drawn d = {.x_scale = 1.0, .mv = 1e3};
    const char *quantity = charge ? "charge moved" : "time", *unit = charge ? "Ah" : "s";
    const char *other = x->has_model ? x->model.name : x->other.title;
    struct panel *over, *under;
    double most = longest(c);
    int rc;

    if (charge && most < 0.5) {
        d.x_scale = 1e-3;
        unit = "mAh";
    } else if (!charge && most > 7200.0) {
        d.x_scale = 3600.0;
        unit = "h";
    }
    ret->stacked = true;
    over = add_panel(ret, "compare", "");
    under = add_panel(ret, "residual", "");
    rc = str_fmt(ret->title, sizeof(ret->title), "%s beside %s: %s", x->mine.title, other,
                 compare_verdict_names[c->total.verdict]);
    rc = rc == 0 ? str_fmt(over->x_label, sizeof(over->x_label), "%s / %s", quantity, unit) : rc;
    str_copy(under->x_label, sizeof(under->x_label), over->x_label);
    str_copy(over->y_label, sizeof(over->y_label), "voltage / V");
    str_copy(under->y_label, sizeof(under->y_label), "residual / mV");
    d.measured = add_series(over, "measured");
    d.other = add_series(over, other);
    d.residual = add_series(under, "measured less the other");
    d.band = add_series(under, "band");
    draw_rows(c, &d);
    draw_band(c, &d);
    (void)rc; /* a long title is cut */
}
