/* benchctl/analyze_cycles.c - cycles, steps and warmth as sheets. */
#include "benchctl/analyze_priv.h"

#include "analysis/heat.h"
#include "base/err.h"

#include <math.h>

static const char *mode_word(enum recording_mode mode)
{
    switch (mode) {
    case RECORDING_REST: return "rest";
    case RECORDING_CHARGE: return "charge";
    case RECORDING_DISCHARGE: return "discharge";
    case RECORDING_MIXED: return "both ways";
    default: return "";
    }
}

void analyze_note_accuracy(struct page *s, bool stated, const struct recording_accuracy *voltage,
                           const struct recording_accuracy *current)
{
    char v[40], a[40];

    value_text(voltage->resolution, DIMS_VOLTAGE, false, v, sizeof(v));
    value_text(current->resolution, DIMS_CURRENT, false, a, sizeof(a));
    page_note(s, "uncertainty: 1 sigma, in the last digits; %s, steps of %s and %s, sampling",
               stated
                   ? "the instrument's accuracy"
                   : "what the instrument is good for is not stated, so only the current it reads "
                     "at rest",
               v, a);
}

/* ---- Cycles ---- */

static const struct page_column cycle_columns[] = {
    {"cycle",             "cycle",        NULL, SHEET_COUNT,  0,   0, 0},
    {"source_cycle",      "source",       NULL, SHEET_COUNT,  0,   0, 0},
    {"rows",              "rows",         NULL, SHEET_ROWS,   0,   0, 0},
    {"begin_s",           NULL,           NULL, SHEET_NUMBER, 0,   1, 0},
    {"end_s",             NULL,           NULL, SHEET_NUMBER, 0,   1, 0},
    {"charge_ah",         "charge",       "Ah", SHEET_FIGURE, 0,   4, 0},
    {"discharge_ah",      "discharge",    "Ah", SHEET_FIGURE, 0,   4, 0},
    {"charge_wh",         "in",           "Wh", SHEET_FIGURE, 0,   3, 0},
    {"discharge_wh",      "out",          "Wh", SHEET_FIGURE, 0,   3, 0},
    {"ce",                "CE (%)",       NULL, SHEET_FIGURE, 100, 3, 0},
    {"ee",                "EE (%)",       NULL, SHEET_FIGURE, 100, 2, 0},
    {"v_charge_mean",     NULL,           NULL, SHEET_FIGURE, 0,   4, 0},
    {"v_discharge_mean",  NULL,           NULL, SHEET_FIGURE, 0,   4, 0},
    {"integral_in_ah",    NULL,           NULL, SHEET_NUMBER, 0,   4, 0},
    {"integral_out_ah",   NULL,           NULL, SHEET_NUMBER, 0,   4, 0},
    {"integral_in_wh",    NULL,           NULL, SHEET_NUMBER, 0,   4, 0},
    {"integral_out_wh",   NULL,           NULL, SHEET_NUMBER, 0,   4, 0},
    {"counter_in_ah",     NULL,           NULL, SHEET_FIGURE, 0,   4, 0},
    {"counter_out_ah",    NULL,           NULL, SHEET_FIGURE, 0,   4, 0},
    {"counter_in_wh",     NULL,           NULL, SHEET_FIGURE, 0,   4, 0},
    {"counter_out_wh",    NULL,           NULL, SHEET_FIGURE, 0,   4, 0},
    {"integral_apart_ah", "Ah apart (%)", NULL, SHEET_NUMBER, 100, 3, 0},
    {"integral_apart_wh", "Wh apart (%)", NULL, SHEET_NUMBER, 100, 3, 0},
    {"flag",              "",             NULL, SHEET_TEXT,   0,   0, 0},
};

static void cycle_row_put(const struct cycles *c, const struct cycle_sum *y, struct page *s)
{
    char flag[32] = "";
    size_t bad = 0;

    for (size_t i = y->first_step; i < y->first_step + y->n_steps; i++) {
        bad += c->step[i].n_invalid;
    }
    page_count(s, y->number);
    page_count(s, y->source_cycle);
    page_rows(s, y->rows);
    page_number(s, y->begin_s);
    page_number(s, y->end_s);
    page_figure(s, y->charge_ah);
    page_figure(s, y->discharge_ah);
    page_figure(s, y->charge_wh);
    page_figure(s, y->discharge_wh);
    page_figure(s, y->ce);
    page_figure(s, y->ee);
    page_figure(s, y->v_charge);
    page_figure(s, y->v_discharge);
    page_number(s, y->integral.in_ah);
    page_number(s, y->integral.out_ah);
    page_number(s, y->integral.in_wh);
    page_number(s, y->integral.out_wh);
    page_figure(s, y->counter_in_ah);
    page_figure(s, y->counter_out_ah);
    page_figure(s, y->counter_in_wh);
    page_figure(s, y->counter_out_wh);
    page_number(s, y->differ_ah);
    page_number(s, y->differ_wh);
    if (bad > 0) {
        int rc = str_fmt(flag, sizeof(flag), "%zu gap%s", bad, bad == 1 ? "" : "s");

        (void)rc;
    }
    page_text(s, bad > 0 ? flag : y->flagged ? "apart" : "");
}

static unsigned flagged(const struct cycles *c)
{
    unsigned n = 0;

    for (size_t i = 0; i < c->n; i++) {
        n += c->cycle[i].flagged;
    }
    return n;
}

int analyze_cycles(const struct recording *r, const struct analyze_wish *w, struct page *s,
                   struct diag *reterr)
{
    struct cycles c;
    char a[40];
    int rc = cycles_of(r, w->order, &c, reterr);

    if (rc < 0) {
        return rc;
    }
    page_begin(s, cycle_columns, ARRAY_LEN(cycle_columns));
    for (size_t i = 0; i < c.n; i++) {
        cycle_row_put(&c, &c.cycle[i], s);
    }
    page_note(s, "%s",
               c.has_counter
                   ? "Ah and Wh: as the instrument counted them; apart: the integral of the "
                     "rows against it"
                   : "Ah and Wh: the integral of the rows; the instrument did not count");
    page_note(s, "CE, EE: discharge over the charge %s",
               c.charge_first ? "of the same cycle"
                              : "of the cycle before (discharge comes first)");
    if (flagged(&c) > 0) {
        page_note(s,
                   "%u cycle%s more than 0.1 %% apart: look at the sampling, or at how finely the "
                   "instrument counts",
                   flagged(&c), flagged(&c) == 1 ? " is" : "s are");
    }
    if (isfinite(c.rest_a)) {
        page_note(s, "current at rest: %s on the mean (not counted)",
                   value_text(c.rest_a, DIMS_CURRENT, false, a, sizeof(a)));
    }
    analyze_note_accuracy(s, c.stated, &c.voltage, &c.current);
    cycles_done(&c);
    return 0;
}

/* ---- Steps ---- */

static const struct page_column step_columns[] = {
    {"step",            "#",        NULL, SHEET_COUNT,  0, 0, 0},
    {"source_step",     "source",   NULL, SHEET_COUNT,  0, 0, 0},
    {"source_cycle",    "cycle",    NULL, SHEET_COUNT,  0, 0, 0},
    {"mode",            "what",     NULL, SHEET_TEXT,   0, 0, 0},
    {"rows",            "rows",     NULL, SHEET_ROWS,   0, 0, 0},
    {"begin_s",         "at (s)",   NULL, SHEET_NUMBER, 0, 1, 0},
    {"took_s",          "took (s)", NULL, SHEET_NUMBER, 0, 1, 0},
    {"charge_in_ah",    "in",       "Ah", SHEET_FIGURE, 0, 4, 0},
    {"charge_out_ah",   "out",      "Ah", SHEET_FIGURE, 0, 4, 0},
    {"energy_in_wh",    "in",       "Wh", SHEET_FIGURE, 0, 3, 0},
    {"energy_out_wh",   "out",      "Wh", SHEET_FIGURE, 0, 3, 0},
    {"integral_in_ah",  NULL,       NULL, SHEET_NUMBER, 0, 4, 0},
    {"integral_out_ah", NULL,       NULL, SHEET_NUMBER, 0, 4, 0},
    {"integral_in_wh",  NULL,       NULL, SHEET_NUMBER, 0, 4, 0},
    {"integral_out_wh", NULL,       NULL, SHEET_NUMBER, 0, 4, 0},
    {"v_first",         "V first",  NULL, SHEET_NUMBER, 0, 4, 0},
    {"v_last",          "V last",   NULL, SHEET_NUMBER, 0, 4, 0},
    {"v_min",           NULL,       NULL, SHEET_NUMBER, 0, 4, 0},
    {"v_max",           NULL,       NULL, SHEET_NUMBER, 0, 4, 0},
    {"i_mean",          "mean",     "A",  SHEET_NUMBER, 0, 4, 0},
    {"i_max",           NULL,       NULL, SHEET_NUMBER, 0, 4, 0},
    {"rows_invalid",    NULL,       NULL, SHEET_COUNT,  0, 0, 0},
};

static void step_row_put(const struct cycles *c, size_t i, struct page *s)
{
    const struct step_sum *x = &c->step[i];
    struct step_figures f;

    step_figures(c, x, &f);
    page_count(s, i + 1);
    page_count(s, x->number);
    page_count(s, x->source_cycle);
    page_text(s, mode_word(x->mode));
    page_rows(s, x->rows);
    page_number(s, x->begin_s);
    page_number(s, x->end_s - x->begin_s);
    /* a step that only discharges lacks nothing when it has no charge */
    f.in_ah.why = f.out_ah.why = f.in_wh.why = f.out_wh.why = NULL;
    page_figure(s, f.in_ah);
    page_figure(s, f.out_ah);
    page_figure(s, f.in_wh);
    page_figure(s, f.out_wh);
    page_number(s, x->integral.in_ah);
    page_number(s, x->integral.out_ah);
    page_number(s, x->integral.in_wh);
    page_number(s, x->integral.out_wh);
    page_number(s, x->v_first);
    page_number(s, x->v_last);
    page_number(s, x->v_min);
    page_number(s, x->v_max);
    page_number(s, x->i_mean);
    page_number(s, x->i_max);
    page_count(s, x->n_invalid);
}

int analyze_steps(const struct recording *r, const struct analyze_wish *w, struct page *s,
                  struct diag *reterr)
{
    struct cycles c;
    int rc = cycles_of(r, w->order, &c, reterr);

    if (rc < 0) {
        return rc;
    }
    page_begin(s, step_columns, ARRAY_LEN(step_columns));
    for (size_t i = 0; i < c.n_steps; i++) {
        step_row_put(&c, i, s);
    }
    page_note(s,
               "a step ends where the source's step or cycle number changes; at rest is a current "
               "below 0.5 %% of the largest");
    analyze_note_accuracy(s, c.stated, &c.voltage, &c.current);
    cycles_done(&c);
    return 0;
}

/* ---- Warmth ---- */

static const struct page_column heat_columns[] = {
    {"cycle",           "cycle",       NULL,   SHEET_COUNT,  0, 0, 0     },
    {"source_step",     "step",        NULL,   SHEET_COUNT,  0, 0, 0     },
    {"mode",            "what",        NULL,   SHEET_TEXT,   0, 0, 0     },
    {"rows",            "rows",        NULL,   SHEET_ROWS,   0, 0, 0     },
    {"sensor",          "sensor",      NULL,   SHEET_TEXT,   0, 0, 0     },
    {"start_k",         "start",       "degC", SHEET_FIGURE, 0, 1, 273.15},
    {"rise_k",          "rise (K)",    NULL,   SHEET_FIGURE, 0, 1, 0     },
    {"minutes_to_most", "after (min)", NULL,   SHEET_NUMBER, 0, 1, 0     },
    {"end_k",           "end",         "degC", SHEET_FIGURE, 0, 1, 273.15},
    {"k_per_ah",        "rise (K/Ah)", NULL,   SHEET_FIGURE, 0, 3, 0     },
};

int analyze_heat(const struct recording *r, const struct analyze_wish *w, struct page *s,
                 struct diag *reterr)
{
    struct cycles c;
    struct heat h = {0};
    int rc = cycles_of(r, w->order, &c, reterr);

    if (rc < 0) {
        return rc;
    }
    rc = heat_of(r, &c, &h, reterr);
    cycles_done(&c);
    if (rc < 0) {
        return rc;
    }
    page_begin(s, heat_columns, ARRAY_LEN(heat_columns));
    for (size_t i = 0; i < h.n; i++) {
        const struct heat_row *x = &h.row[i];

        page_count(s, x->cycle);
        page_count(s, x->step_number);
        page_text(s, x->charge ? "charge" : "discharge");
        page_rows(s, x->rows);
        page_text(s, x->column);
        page_figure(s, x->start_k);
        page_figure(s, x->rise_k);
        page_number(s, x->minutes_to_most);
        page_figure(s, x->end_k);
        page_figure(s, x->k_per_ah);
    }
    page_note(s, "rise: the warmest row of the step over the last rows at rest before it");
    page_note(s, "uncertainty: 1 sigma, in the last digits; the sensor's resolution only");
    heat_done(&h);
    return 0;
}

/* ---- Without the rows ---- */

static const struct page_column summary_columns[] = {
    {"cycle",            "cycle",     NULL, SHEET_COUNT,  0,   0, 0},
    {"charge_ah",        "charge",    "Ah", SHEET_NUMBER, 0,   4, 0},
    {"discharge_ah",     "discharge", "Ah", SHEET_NUMBER, 0,   4, 0},
    {"charge_wh",        "in",        "Wh", SHEET_NUMBER, 0,   3, 0},
    {"discharge_wh",     "out",       "Wh", SHEET_NUMBER, 0,   3, 0},
    {"ce",               "CE (%)",    NULL, SHEET_NUMBER, 100, 3, 0},
    {"ee",               "EE (%)",    NULL, SHEET_NUMBER, 100, 2, 0},
    {"v_charge_mean",    NULL,        NULL, SHEET_NUMBER, 0,   4, 0},
    {"v_discharge_mean", NULL,        NULL, SHEET_NUMBER, 0,   4, 0},
};

static int on_cycle(void *ctx, const struct cycle_row *c)
{
    struct page *s = ctx;

    page_count(s, c->cycle);
    page_number(s, c->charge_ah);
    page_number(s, c->discharge_ah);
    page_number(s, c->charge_wh);
    page_number(s, c->discharge_wh);
    page_number(s, c->ce);
    page_number(s, c->ee);
    page_number(s, c->v_charge_mean);
    page_number(s, c->v_discharge_mean);
    return 0;
}

int analyze_summaries(struct run_file *f, struct page *s, struct diag *reterr)
{
    int rc;

    page_begin(s, summary_columns, ARRAY_LEN(summary_columns));
    rc = run_cycles(f, on_cycle, s, reterr);
    if (rc < 0) {
        list_done(&s->cells);
        return rc;
    }
    page_note(s,
               "from the step summaries of the file: steps that have ended, as they were counted; "
               "no cross-check, no uncertainty");
    return 0;
}
