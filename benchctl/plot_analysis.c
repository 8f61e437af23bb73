/* benchctl/plot_analysis.c - pictures of what the rows of a run say: dQ/dV, dV/dQ, resistance over
 * the state of charge, capacity as it was counted.
 */
#include "benchctl/plot_priv.h"

#include "analysis/resistance.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

enum {
    HALF_POINTS = 300, /* of a curve */
    HALVES_MAX = 40,   /* more are not told apart in one picture */
    CYCLES_WITH_MARKS = 60
};

/* ---- dQ/dV and dV/dQ ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* dV/dQ climbs steeply where the cell is full or empty: that must not flatten the rest. */
static double usual_height(const struct ica *a)
{
    double *v, height = 0.0;
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++) {
        n += a->half[i].why ? 0 : a->half[i].curve.n;
    }
    v = malloc((n + 1) * sizeof(*v));
    n = 0;
    for (size_t i = 0; v && i < a->n; i++) {
        for (size_t k = 0; !a->half[i].why && k < a->half[i].curve.n; k++) {
            v[n++] = a->half[i].curve.y[k];
        }
    }
    if (n > 0) {
        qsort(v, n, sizeof(*v), by_size);
        height = fmin(v[n - 1], 4.0 * v[n / 2]);
    }
    free(v);
    return height;
}

static void half_add(struct series *s, const struct ica_half *h, double scale)
{
    const struct curve *c = &h->curve;
    size_t every = c->n / HALF_POINTS + 1;

    if (s->points.n > 0) {
        series_point(s, 0.0, NAN, 0.0);
    }
    for (size_t i = 0; i < c->n; i += every) {
        series_point(s, c->x0 + c->dx * (double)i, (h->charge ? scale : -scale) * c->y[i],
                     (double)h->cycle);
    }
}

static void ica_axes(struct panel *panel, enum ica_kind kind, bool milli)
{
    if (kind == ICA_DQ_DV) {
        axis_label(panel->x_label, "voltage", "V");
        axis_label(panel->y_label, "dQ/dV", milli ? "(mAh/V)" : "(Ah/V)");
    } else {
        axis_charge(panel, "charge since the half cycle began");
        axis_label(panel->y_label, "dV/dQ", milli ? "(mV/Ah)" : "(V/Ah)");
    }
}

static void ica_panel(struct picture *p, const struct ica *a)
{
    uint32_t first = UINT32_MAX, last = 0, stride;
    bool both = false, charge = false, any = false;
    double most = a->kind == ICA_DV_DQ ? usual_height(a) : 0.0, scale;
    struct panel *panel;
    struct series *s;
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct ica_half *h = &a->half[i];

        if (h->why) {
            continue;
        }
        both = both || (any && h->charge != charge);
        charge = h->charge;
        any = true;
        n++;
        first = h->cycle < first ? h->cycle : first;
        last = h->cycle > last ? h->cycle : last;
        for (size_t k = 0; a->kind == ICA_DQ_DV && k < h->curve.n; k++) {
            most = fmax(most, h->curve.y[k]);
        }
    }
    if (n == 0) {
        return;
    }
    stride = (uint32_t)(n / HALVES_MAX) + 1;
    scale = most < 0.95 ? 1e3 : 1.0;
    panel = panel_add(p, a->kind == ICA_DQ_DV ? "ica" : "dva",
                      last > first && both ? "charge upwards, discharge downwards; colour: cycle"
                      : last > first       ? "colour: cycle"
                      : both               ? "charge upwards, discharge downwards"
                                           : "");
    s = series_add(panel, SERIES_LINE, false, "");
    for (size_t i = 0; i < a->n; i++) {
        if (!a->half[i].why && (a->half[i].cycle - first) % stride == 0) {
            half_add(s, &a->half[i], scale);
        }
    }
    panel->by_cycle = last > first;
    if (a->kind == ICA_DV_DQ) {
        panel->y_low = both || !charge ? -most * scale : 0.0;
        panel->y_high = both || charge ? most * scale : 0.0;
    }
    ica_axes(panel, a->kind, scale > 1.0);
}

int picture_ica(struct picture *p, const struct recording *r, enum ica_kind kind,
                struct diag *reterr)
{
    const struct ica_options o = {.kind = kind};
    struct cycles c;
    struct ica a;
    int rc = cycles_of(r, CYCLE_ORDER_FOUND, &c, reterr);

    if (rc < 0) {
        return rc;
    }
    rc = ica_of(r, &c, &o, &a, reterr);
    cycles_done(&c);
    if (rc == 0) {
        ica_panel(p, &a);
        ica_done(&a);
    }
    return rc;
}

/* ---- Resistance over the state of charge ---- */

/* At one time after the edge, in one direction. Pulses that follow one another down or up the
 * state of charge are joined; where it turns or leaps another sequence begins. */
static void pulses_add(struct panel *panel, const struct pulses *p, unsigned time, bool charge)
{
    double before = (double)NAN, way = 0.0;
    struct series *s = NULL;
    char title[40];
    int rc = str_fmt(title, sizeof(title), "%s %.0f s", charge ? "charge" : "discharge",
                     resistance_times_s[time]);

    (void)rc;
    for (size_t i = 0; i < p->n; i++) {
        const struct pulse *x = &p->row[i];
        double step = x->soc - before;

        if ((x->i_a > 0.0) != charge || !isfinite(x->r_ohm[time].v) || !isfinite(x->soc)) {
            continue;
        }
        s = s ? s : series_add(panel, SERIES_BOTH, false, title);
        if (step * way < 0.0 || fabs(step) > 0.3) {
            series_point(s, 0.0, NAN, 0.0);
            way = 0.0;
        } else if (isfinite(step)) {
            way = step;
        }
        before = x->soc;
        series_point(s, 100.0 * x->soc, x->r_ohm[time].v, 0.0);
    }
}

int picture_resistance(struct picture *p, const struct recording *r, struct diag *reterr)
{
    static const double shown_s[] = {1.0, 10.0, 30.0};
    const struct resistance_options o = {.v_min = 0.0};
    struct panel *panel;
    struct pulses pulses;
    int rc = pulses_of(r, &o, &pulses, reterr);

    if (rc < 0) {
        return rc;
    }
    panel = panel_add(p, "resistance", "");
    for (unsigned charge = 0; charge < 2; charge++) {
        for (unsigned i = 0; i < ARRAY_LEN(shown_s); i++) {
            for (unsigned k = 0; k < RESISTANCE_TIMES; k++) {
                if (fabs(resistance_times_s[k] - shown_s[i]) < 1e-9) {
                    pulses_add(panel, &pulses, k, charge == 1);
                }
            }
        }
    }
    pulses_done(&pulses);
    panel->x_low = -2.0;
    panel->x_high = 102.0;
    axis_label(panel->x_label, "state of charge", "%");
    axis_units(panel, false, "resistance", "ohm");
    return 0;
}

/* ---- Capacity ---- */

void picture_counted(struct picture *p, const struct cycles *c)
{
    enum series_style style = c->n > CYCLES_WITH_MARKS ? SERIES_LINE : SERIES_BOTH;
    struct series *in, *out, *ce;
    struct panel *panel;

    if (c->n == 0) {
        return;
    }
    panel = panel_add(p, "cycles", "");
    in = series_add(panel, style, false, "charge");
    out = series_add(panel, style, false, "discharge");
    ce = series_add(panel, style, true, "CE");
    for (size_t i = 0; i < c->n; i++) {
        const struct cycle_sum *y = &c->cycle[i];
        double x = (double)y->number;

        series_point(in, x, y->charge_ah.v * 3600.0, 0.0);
        series_point(out, x, y->discharge_ah.v * 3600.0, 0.0);
        series_point(ce, x, 100.0 * y->ce.v, 0.0);
    }
    axis_cycles(panel, (double)c->cycle[0].number, (double)c->cycle[c->n - 1].number);
    if (series_has_points(ce)) {
        axis_label(panel->y2_label, "CE", "%");
    }
    axis_units(panel, false, "capacity", "A s");
}
