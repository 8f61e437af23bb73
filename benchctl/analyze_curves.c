/* benchctl/analyze_curves.c - resistances, dQ/dV and dV/dQ, and cell groups as sheets. */
#include "benchctl/analyze_priv.h"

#include "analysis/groups.h"
#include "analysis/resistance.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

/* A number for a note: notes have no locale. */
struct fixed {
    char text[32];
};

static const char *fixed(double v, int decimals, struct fixed *buf)
{
    str_fixed(v, decimals, 0, false, false, buf->text, sizeof(buf->text));
    return buf->text;
}

/* ---- Resistances ---- */

static const struct page_column pulse_columns[] = {
    {"rows",         "rows",    NULL,  SHEET_ROWS,   0,   0, 0},
    {"source_cycle", "cycle",   NULL,  SHEET_COUNT,  0,   0, 0},
    {"source_step",  "step",    NULL,  SHEET_COUNT,  0,   0, 0},
    {"t_s",          "at (s)",  NULL,  SHEET_NUMBER, 0,   1, 0},
    {"rest_s",       NULL,      NULL,  SHEET_NUMBER, 0,   1, 0},
    {"first_row_s",  NULL,      NULL,  SHEET_NUMBER, 0,   3, 0},
    {"soc",          "SOC (%)", NULL,  SHEET_NUMBER, 100, 1, 0},
    {"net_ah",       NULL,      NULL,  SHEET_NUMBER, 0,   4, 0},
    {"v0_v",         NULL,      NULL,  SHEET_NUMBER, 0,   4, 0},
    {"ocv_v",        "OCV (V)", NULL,  SHEET_FIGURE, 0,   3, 0},
    {"i_a",          "I",       "A",   SHEET_NUMBER, 0,   2, 0},
    {"r_0_1_ohm",    "0.1 s",   "ohm", SHEET_FIGURE, 0,   6, 0},
    {"r_0_5_ohm",    "0.5 s",   "ohm", SHEET_FIGURE, 0,   6, 0},
    {"r_1_ohm",      "1 s",     "ohm", SHEET_FIGURE, 0,   6, 0},
    {"r_2_ohm",      "2 s",     "ohm", SHEET_FIGURE, 0,   6, 0},
    {"r_5_ohm",      "5 s",     "ohm", SHEET_FIGURE, 0,   6, 0},
    {"r_10_ohm",     "10 s",    "ohm", SHEET_FIGURE, 0,   6, 0},
    {"r_18_ohm",     "18 s",    "ohm", SHEET_FIGURE, 0,   6, 0},
    {"r_30_ohm",     "30 s",    "ohm", SHEET_FIGURE, 0,   6, 0},
    {"power_w",      "power",   "W",   SHEET_FIGURE, 0,   1, 0},
    {"power_s",      NULL,      NULL,  SHEET_NUMBER, 0,   1, 0},
};

static void pulse_row_put(const struct pulse *p, struct page *s)
{
    page_rows(s, p->rows);
    page_count(s, p->source_cycle);
    page_count(s, p->step_number);
    page_number(s, p->t_s);
    page_number(s, p->rest_s);
    page_number(s, p->first_s);
    page_number(s, p->soc);
    page_number(s, p->net_ah);
    page_number(s, p->v0_v);
    page_figure(s, p->ocv_v);
    page_number(s, p->i_a);
    for (unsigned i = 0; i < RESISTANCE_TIMES; i++) {
        page_figure(s, p->r_ohm[i]);
    }
    page_figure(s, p->power_w);
    page_number(s, p->power_s);
}

int analyze_resistance(const struct recording *r, const struct analyze_wish *w, struct page *s,
                       struct diag *reterr)
{
    struct resistance_options o = {.v_min = w->v_min, .v_max = w->v_max};
    struct pulses p;
    struct fixed a, b;
    int rc = pulses_of(r, &o, &p, reterr);

    if (rc < 0) {
        return rc;
    }
    page_begin(s, pulse_columns, ARRAY_LEN(pulse_columns));
    for (size_t i = 0; i < p.n; i++) {
        pulse_row_put(&p.row[i], s);
    }
    if (p.n == 0) {
        page_note(s, "no current begins after a rest of 10 s: no resistance");
    }
    if (p.n_silent > 0) {
        page_note(s, "%zu more begin%s, with no row at any of these times", p.n_silent,
                   p.n_silent == 1 ? "s" : "");
    }
    page_note(s, "resistances: (V - V0) / (I - I0) at the time after the edge, V0 and I0 of "
                  "the last row at rest");
    page_note(s,
               "SOC 100 %% and 0 %%: the fullest and the emptiest moment of this recording, %s "
               "apart",
               value_text(p.capacity_ah * 3600.0, DIMS_CHARGE, false, a.text, sizeof(a.text)));
    page_note(s,
               "power: to %s V when discharging, to %s V when charging, with the last resistance "
               "of the row",
               fixed(p.v_min, 3, &a), fixed(p.v_max, 3, &b));
    analyze_note_accuracy(s, p.stated, &p.voltage, &p.current);
    pulses_done(&p);
    return 0;
}

/* ---- dQ/dV, dV/dQ ---- */

static const struct page_column ica_columns[] = {
    {"cycle",       "cycle",      NULL,   SHEET_COUNT,  0,   0, 0},
    {"mode",        "what",       NULL,   SHEET_TEXT,   0,   0, 0},
    {"rows",        "rows",       NULL,   SHEET_ROWS,   0,   0, 0},
    {"rate_1_h",    "rate (1/h)", NULL,   SHEET_NUMBER, 0,   3, 0},
    {"charge_ah",   NULL,         NULL,   SHEET_NUMBER, 0,   4, 0},
    {"conserved",   "kept (%)",   NULL,   SHEET_FIGURE, 100, 2, 0},
    {"peak",        "peak",       NULL,   SHEET_COUNT,  0,   0, 0},
    {"v_v",         "at (V)",     NULL,   SHEET_FIGURE, 0,   4, 0},
    {"height_ah_v", "height",     "Ah/V", SHEET_FIGURE, 0,   2, 0},
    {"fwhm_v",      "width (mV)", NULL,   SHEET_NUMBER, 1e3, 0, 0},
    {"area_ah",     "area",       "Ah",   SHEET_NUMBER, 0,   3, 0},
    {"prominence",  NULL,         NULL,   SHEET_NUMBER, 0,   2, 0},
};
static const struct page_column dva_columns[] = {
    {"cycle",       "cycle",      NULL,   SHEET_COUNT,  0,   0, 0},
    {"mode",        "what",       NULL,   SHEET_TEXT,   0,   0, 0},
    {"rows",        "rows",       NULL,   SHEET_ROWS,   0,   0, 0},
    {"rate_1_h",    "rate (1/h)", NULL,   SHEET_NUMBER, 0,   3, 0},
    {"charge_ah",   NULL,         NULL,   SHEET_NUMBER, 0,   4, 0},
    {"conserved",   "kept (%)",   NULL,   SHEET_FIGURE, 100, 2, 0},
    {"peak",        "peak",       NULL,   SHEET_COUNT,  0,   0, 0},
    {"q_ah",        "at",         "Ah",   SHEET_FIGURE, 0,   3, 0},
    {"height_v_ah", "height",     "V/Ah", SHEET_FIGURE, 0,   5, 0},
    {"fwhm_ah",     "width",      "Ah",   SHEET_NUMBER, 0,   2, 0},
    {"area_v",      "area (mV)",  NULL,   SHEET_NUMBER, 1e3, 1, 0},
    {"prominence",  NULL,         NULL,   SHEET_NUMBER, 0,   2, 0},
};
static const struct page_column ica_points[] = {
    {"cycle",    "cycle", NULL,   SHEET_COUNT,  0, 0, 0},
    {"mode",     "what",  NULL,   SHEET_TEXT,   0, 0, 0},
    {"v_v",      "V",     NULL,   SHEET_NUMBER, 0, 4, 0},
    {"ah_per_v", "dQ/dV", "Ah/V", SHEET_NUMBER, 0, 3, 0},
};
static const struct page_column dva_points[] = {
    {"cycle",    "cycle",        NULL, SHEET_COUNT,  0, 0, 0},
    {"mode",     "what",         NULL, SHEET_TEXT,   0, 0, 0},
    {"q_ah",     "Q",            "Ah", SHEET_NUMBER, 0, 4, 0},
    {"v_per_ah", "dV/dQ (V/Ah)", NULL, SHEET_NUMBER, 0, 5, 0},
};

static void half_put(const struct ica_half *h, struct page *s)
{
    page_count(s, h->cycle);
    page_text(s, h->charge ? "charge" : "discharge");
    page_rows(s, h->rows);
    page_number(s, h->rate_1_h);
    page_number(s, h->charge_ah);
    page_figure(s, h->why ? figure_none(h->why)
                           : (struct figure){1.0 + h->conserved, (double)NAN, NULL});
}

static void peaks_put(const struct ica_half *h, struct page *s)
{
    if (h->curve.n_peaks == 0) {
        half_put(h, s);
        page_count(s, 0);
        for (unsigned i = 0; i < 5; i++) {
            page_figure(s, (struct figure){(double)NAN, (double)NAN, NULL});
        }
    }
    for (unsigned k = 0; k < h->curve.n_peaks; k++) {
        const struct curve_peak *p = &h->curve.peak[k];

        half_put(h, s);
        page_count(s, p->track);
        page_figure(s, (struct figure){p->x, p->u_x, NULL});
        page_figure(s, (struct figure){p->height, p->u_height, NULL});
        page_number(s, p->fwhm);
        page_number(s, p->area);
        page_number(s, p->prominence);
    }
}

static void points_put(const struct ica_half *h, struct page *s)
{
    for (size_t i = 0; i < h->curve.n; i++) {
        page_count(s, h->cycle);
        page_text(s, h->charge ? "charge" : "discharge");
        page_number(s, h->curve.x0 + h->curve.dx * (double)i);
        page_number(s, h->curve.y[i]);
    }
}

static void ica_notes(const struct ica *a, const struct analyze_wish *w, struct page *s)
{
    bool fast = false, lost = false;
    double edge_v = 0.0, edge_a = 1.0;
    struct fixed f, g;
    char text[40];

    for (size_t i = 0; i < a->n; i++) {
        const struct ica_half *h = &a->half[i];

        fast = fast || (!h->why && !h->is_slow);
        lost = lost || (!h->why && !h->is_conserved);
        if (!h->why && h->v_edge_v > edge_v) {
            edge_v = h->v_edge_v;
            edge_a = fabs(h->i_a);
        }
    }
    if (a->kind == ICA_DQ_DV) {
        page_note(s,
                   "charge over voltage on a grid of %s, Savitzky-Golay of order 2 over %u points",
                   value_text(a->grid, DIMS_VOLTAGE, false, text, sizeof(text)), a->window);
    } else {
        page_note(s,
                   "voltage over charge on a grid of %s %% of it, Savitzky-Golay of order 2 over "
                   "%u points",
                   fixed(100.0 * a->grid, 2, &f), a->window);
    }
    page_note(s,
               "peak: the same number is the same feature in other cycles of that direction; kept: "
               "the area under the curve against what was counted%s",
               lost ? ", and more than 0.1 % is missing in some" : "");
    if (fast) {
        page_note(s, "faster than C/10 in places: polarisation moves peaks and blunts them");
    }
    if (w->r_ohm > 0.0) {
        page_note(s, "voltage less I x %s",
                   value_text(w->r_ohm, DIMS_RESISTANCE, false, text, sizeof(text)));
    } else if (edge_v > 0.0) {
        page_note(s,
                   "voltages as measured: they jump by %s mV (%s) when the current "
                   "begins; --resistance takes that out",
                   fixed(1e3 * edge_v, 0, &f),
                   value_text(edge_v / edge_a, DIMS_RESISTANCE, false, g.text, sizeof(g.text)));
    }
}

static int curves(const struct recording *r, const struct analyze_wish *w, enum ica_kind kind,
                  struct page *s, struct diag *reterr)
{
    struct ica_options o = {.kind = kind,
                            .grid = kind == ICA_DQ_DV ? w->grid_v : 0.0,
                            .window = w->window,
                            .r_ohm = w->r_ohm};
    const struct page_column *points = kind == ICA_DQ_DV ? ica_points : dva_points;
    const struct page_column *peaks = kind == ICA_DQ_DV ? ica_columns : dva_columns;
    struct cycles c;
    struct ica a;
    int rc = cycles_of(r, w->order, &c, reterr);

    if (rc < 0) {
        return rc;
    }
    rc = ica_of(r, &c, &o, &a, reterr);
    cycles_done(&c);
    if (rc < 0) {
        return rc;
    }
    page_begin(s, w->points ? points : peaks,
                w->points ? ARRAY_LEN(ica_points) : ARRAY_LEN(ica_columns));
    for (size_t i = 0; i < a.n; i++) {
        if (w->points) {
            points_put(&a.half[i], s);
        } else {
            peaks_put(&a.half[i], s);
        }
    }
    ica_notes(&a, w, s);
    analyze_note_accuracy(s, a.stated, &a.voltage, &a.current);
    ica_done(&a);
    return 0;
}

int analyze_ica(const struct recording *r, const struct analyze_wish *w, struct page *s,
                struct diag *reterr)
{
    return curves(r, w, ICA_DQ_DV, s, reterr);
}

int analyze_dva(const struct recording *r, const struct analyze_wish *w, struct page *s,
                struct diag *reterr)
{
    return curves(r, w, ICA_DV_DQ, s, reterr);
}

/* ---- Groups ---- */

static const struct page_column group_columns[] = {
    {"group",           "group",            NULL,  SHEET_COUNT,  0,   0, 0},
    {"column",          NULL,               NULL,  SHEET_TEXT,   0,   0, 0},
    {"verdict",         "verdict",          NULL,  SHEET_TEXT,   0,   0, 0},
    {"rest_v",          "rest (V)",         NULL,  SHEET_FIGURE, 0,   3, 0},
    {"below_v",         "below (mV)",       NULL,  SHEET_FIGURE, 1e3, 1, 0},
    {"end_v",           "end (V)",          NULL,  SHEET_FIGURE, 0,   3, 0},
    {"r_10_ohm",        "R 10 s",           "ohm", SHEET_FIGURE, 0,   6, 0},
    {"missing_ah",      "lacked",           "Ah",  SHEET_FIGURE, 0,   2, 0},
    {"missing_rest_ah", "by its rest",      NULL,  SHEET_FIGURE, 0,   2, 0},
    {"capacity_ratio",  "capacity (%)",     NULL,  SHEET_FIGURE, 100, 1, 0},
    {"early_ah",        "empty sooner",     "Ah",  SHEET_FIGURE, 0,   2, 0},
    {"p_imbalance",     "p imbalance",      NULL,  SHEET_NUMBER, 0,   3, 0},
    {"p_loss",          "p loss",           NULL,  SHEET_NUMBER, 0,   3, 0},
    {"p_shift",         "imbalance v loss", NULL,  SHEET_NUMBER, 0,   3, 0},
    {"rms_v",           "rms (mV)",         NULL,  SHEET_NUMBER, 1e3, 2, 0},
    {"rms_shift_v",     NULL,               NULL,  SHEET_NUMBER, 1e3, 2, 0},
    {"rms_capacity_v",  NULL,               NULL,  SHEET_NUMBER, 1e3, 2, 0},
};

static void verdict(const struct groups *g, unsigned i, char *buf, size_t size)
{
    const struct group *x = &g->group[i];
    int rc = str_fmt(buf, size, "%s%s%s%s", i == g->limiting ? "limits" : "",
                     i == g->limiting && (x->is_imbalanced || x->is_weak) ? ", " : "",
                     x->is_imbalanced ? "imbalanced" : "",
                     x->is_weak ? (x->is_imbalanced ? ", holds less" : "holds less") : "");

    (void)rc;
    if (buf[0] == '\0') {
        str_copy(buf, size, x->why ? "-" : x->is_reference ? "reference" : "undecided");
    }
}

static void group_row_put(const struct groups *g, unsigned i, struct page *s)
{
    const struct group *x = &g->group[i];
    char word[48];

    verdict(g, i, word, sizeof(word));
    page_count(s, i + 1);
    page_text(s, x->column);
    page_text(s, word);
    page_figure(s, x->v_rest_v);
    page_figure(s, x->below_v);
    page_figure(s, x->v_end_v);
    page_figure(s, x->r_10_ohm);
    page_figure(s, x->missing_ah);
    page_figure(s, x->rest_ah);
    page_figure(s, x->capacity_ratio);
    page_figure(s, x->early_ah);
    page_number(s, x->p_imbalance);
    page_number(s, x->p_loss);
    page_number(s, x->is_imbalanced || x->is_weak ? x->p_shift : (double)NAN);
    page_number(s, x->rms_v);
    page_number(s, x->rms_shift_v);
    page_number(s, x->rms_capacity_v);
}

static void group_notes(const struct groups *g, struct page *s)
{
    const struct group *x = &g->group[g->limiting];
    struct figure lost = {x->early_ah.v - x->missing_ah.v, x->capacity_ratio.u * g->charge_ah,
                          NULL};
    char early[40], lacked[40], loss[40];
    struct fixed f[4];

    page_note(s,
               "group %u limits: at the end it is %s mV beyond the next (p %s%s), rows %zu..%zu, "
               "%s Ah at %s A",
               g->limiting + 1, fixed(1e3 * g->margin_v.v, 0, &f[0]),
               g->p_limiting > 0.9995 ? "above " : "", fixed(fmin(g->p_limiting, 0.999), 3, &f[1]),
               g->rows.first + 1, g->rows.first + g->rows.n, fixed(g->charge_ah, 2, &f[2]),
               fixed(g->i_a, 1, &f[3]));
    if (g->why) {
        page_note(s, "imbalance and capacity are not identifiable: %s", g->why);
        return;
    }
    if (!x->why && x->early_ah.v > 0.0) {
        page_note(s,
                   "of the %s Ah that it is %s sooner, %s Ah it lacked at the begin (balancing "
                   "brings them back), %s Ah it does not hold",
                   figure_text(x->early_ah, 1.0, 2, early, sizeof(early)),
                   g->charge ? "full" : "empty",
                   figure_text(x->missing_ah, 1.0, 2, lacked, sizeof(lacked)),
                   figure_text(lost, 1.0, 2, loss, sizeof(loss)));
    }
    page_note(s,
               "against the %u groups that are alike (they scatter by %s Ah and %s %%); lacked: "
               "charge missing at the begin; capacity: against theirs",
               g->n_reference, fixed(g->scatter_ah, 2, &f[0]),
               fixed(100.0 * g->scatter_ratio, 1, &f[1]));
    page_note(s,
               "p imbalance: that more than 1 %% of the charge was missing; p loss: that more than "
               "2 %% of the capacity is; v: either one alone must explain curve and rest voltage");
    page_note(s,
               "uncertainty: 1 sigma, in the last digits; resolution, and how far groups that are "
               "alike differ");
}

int analyze_groups(const struct recording *r, const struct analyze_wish *w, struct page *s,
                   struct diag *reterr)
{
    struct groups g;
    int rc = groups_of(r, &g, reterr);

    (void)w;
    if (rc < 0) {
        return rc;
    }
    page_begin(s, group_columns, ARRAY_LEN(group_columns));
    for (unsigned i = 0; i < g.n; i++) {
        group_row_put(&g, i, s);
    }
    group_notes(&g, s);
    return 0;
}
