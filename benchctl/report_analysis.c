/* benchctl/report_analysis.c - what the analysis room makes of the rows of a run, on paper: the
 * tables of `benchctl analyze`, as many columns of them as a page holds, each only where the run
 * has it.
 */
#include "benchctl/report_priv.h"

#include "analysis/groups.h"
#include "analysis/heat.h"
#include "analysis/resistance.h"
#include "base/err.h"
#include "benchctl/analyze_priv.h"

#include <math.h>
#include <string.h>

enum {
    ROWS_MAX = 60,    /* of a table; more are shown from both ends */
    PEAKS_MAX = 24,   /* the same of peaks: a cycle has many */
    TENTHS_LEAST = 6, /* of the state of charge, for a picture over it */
    WIDTH = 720,
    HEIGHT = 300
};
#define RATE_MOST_1_H 0.5 /* faster than C/2 a curve of dQ/dV says little about the cell */
#define RISE_LEAST_K  1.0

/* ---- The rows ---- */

int insight_read(struct run_file *f, struct insight *ret, struct diag *reterr)
{
    struct diag d;
    int rc;

    *ret = (struct insight){.has_cycles = false};
    diag_init(&d);
    rc = recording_read(f, &ret->recording, &d);
    if (rc == 0) {
        rc = cycles_of(&ret->recording, CYCLE_ORDER_FOUND, &ret->cycles, &d);
        ret->has_cycles = rc == 0;
    }
    if (rc == E_NOMEM || rc == E_IO || rc == E_CORRUPT) {
        insight_done(ret);
        return diag_add(reterr, rc, "%s", d.n > 0 ? d.finding[0].text : "cannot read the rows");
    }
    return 0; /* a run without a cell's voltage and current has no analyses */
}

void insight_done(struct insight *in)
{
    if (in->has_cycles) {
        cycles_done(&in->cycles);
    }
    recording_done(&in->recording);
    in->has_cycles = false;
}

/* ---- A sheet, told as blocks ---- */

struct teller {
    struct report *r;
    const char *caption;
};

static void tell_table(void *ctx, unsigned n, unsigned right, const char *const *titles)
{
    const struct teller *t = ctx;

    report_table(t->r, t->caption, n, right, titles);
}

static void tell_cell(void *ctx, const char *text)
{
    const struct teller *t = ctx;

    report_cell(t->r, "%s", text);
}

static void tell_end(void *ctx)
{
    (void)ctx;
}

static void tell_reason(void *ctx, bool first, const char *text)
{
    const struct teller *t = ctx;

    (void)first;
    report_small(t->r, "not identifiable: %s", text);
}

static void tell_note(void *ctx, const char *text)
{
    const struct teller *t = ctx;

    report_small(t->r, "%s", text);
}

typedef int fill_fn(const struct recording *r, const struct analyze_wish *w, struct page *s,
                    struct diag *reterr);

/* keys: the columns that are shown; most: rows, 0: all. */
static int put_sheet(struct report *r, const struct insight *in, fill_fn *fill, const char *caption,
                     const char *const *keys, size_t most, struct diag *reterr)
{
    const struct analyze_wish w = {.v_min = (double)NAN, .v_max = (double)NAN};
    struct teller teller = {r, caption};
    const struct page_told to = {&teller, tell_table, tell_cell, tell_end, tell_reason, tell_note};
    struct page s;
    int rc = fill(&in->recording, &w, &s, reterr);

    if (rc == 0) {
        page_tell(&s, keys, most, &to);
        page_done(&s);
    }
    return rc;
}

/* ---- Which of them ---- */

static int put_counted(struct report *r, const struct insight *in, bool all, struct diag *reterr)
{
    static const char *const keys[] = {
        "cycle", "rows", "charge_ah",         "discharge_ah",      "charge_wh", "discharge_wh",
        "ce",    "ee",   "integral_apart_ah", "integral_apart_wh", "flag",      NULL};

    return put_sheet(r, in, analyze_cycles, "Capacity, energy and efficiency by cycle.", keys,
                     all ? 0 : ROWS_MAX, reterr);
}

/* Whether pulses stand at many states of charge, not just full and empty. */
static bool is_spread(const struct pulses *p)
{
    unsigned tenths = 0, n = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (p->row[i].soc >= 0.0 && p->row[i].soc <= 1.0) {
            tenths |= 1U << (unsigned)(p->row[i].soc * 10.0);
        }
    }
    for (; tenths != 0; tenths >>= 1) {
        n += tenths & 1U;
    }
    return n >= TENTHS_LEAST;
}

static int put_resistance(struct report *r, const struct insight *in, bool all, struct diag *reterr)
{
    static const char *const keys[] = {"rows",     "source_step", "soc",     "ocv_v",
                                       "i_a",      "r_0_5_ohm",   "r_1_ohm", "r_10_ohm",
                                       "r_30_ohm", "power_w",     NULL};
    const struct resistance_options o = {.v_min = 0.0};
    struct picture picture = {.n = 0};
    struct pulses p;
    bool any, spread;
    int rc = pulses_of(&in->recording, &o, &p, reterr);

    if (rc < 0) {
        return rc;
    }
    any = p.n > 0;
    spread = is_spread(&p);
    pulses_done(&p);
    if (any) {
        rc = put_sheet(r, in, analyze_resistance,
                       "Resistance where a current begins after a rest, at times after the edge.",
                       keys, all ? 0 : ROWS_MAX, reterr);
    }
    if (rc == 0 && spread) {
        rc = picture_resistance(&picture, &in->recording, reterr);
        if (rc == 0) {
            report_picture(r, "Resistance over the state of charge.", &picture, WIDTH, HEIGHT);
        }
        picture_done(&picture);
    }
    return rc;
}

static int has_slow_halves(const struct insight *in, bool *ret, struct diag *reterr)
{
    const struct ica_options o = {.kind = ICA_DQ_DV};
    struct ica a;
    int rc = ica_of(&in->recording, &in->cycles, &o, &a, reterr);

    *ret = false;
    if (rc == 0) {
        for (size_t i = 0; i < a.n; i++) {
            *ret = *ret || (!a.half[i].why && a.half[i].rate_1_h <= RATE_MOST_1_H);
        }
        ica_done(&a);
    }
    return rc;
}

static int put_ica(struct report *r, const struct insight *in, bool all, struct diag *reterr)
{
    static const char *const keys[] = {"cycle",     "mode",    "rows", "rate_1_h",
                                       "conserved", "peak",    "v_v",  "height_ah_v",
                                       "fwhm_v",    "area_ah", NULL};
    struct picture picture = {.n = 0};
    bool any = false;
    int rc = has_slow_halves(in, &any, reterr);

    if (rc < 0 || !any) {
        return rc;
    }
    rc = put_sheet(r, in, analyze_ica, "Peaks of dQ/dV.", keys, all ? 0 : PEAKS_MAX, reterr);
    rc = rc < 0 ? rc : picture_ica(&picture, &in->recording, ICA_DQ_DV, reterr);
    if (rc == 0) {
        report_picture(r, "dQ/dV of each half cycle.", &picture, WIDTH, HEIGHT);
    }
    picture_done(&picture);
    return rc;
}

static int put_groups(struct report *r, const struct insight *in, bool all, struct diag *reterr)
{
    static const char *const keys[] = {
        "group",    "verdict",     "rest_v",          "end_v",
        "r_10_ohm", "missing_ah",  "missing_rest_ah", "capacity_ratio",
        "early_ah", "p_imbalance", "p_loss",          "p_shift",
        NULL};

    int rc;

    if (!recording_extra(&in->recording, "voltage_1_v")) {
        return 0;
    }
    rc = put_sheet(r, in, analyze_groups, "Cell groups of the string.", keys, all ? 0 : ROWS_MAX,
                   reterr);
    return rc == E_NOENT ? E_INVALID : rc; /* there are groups: why is nothing told of them? */
}

/* What a chamber holds within a fraction of a kelvin is no warmth of the cell. */
static int put_heat(struct report *r, const struct insight *in, bool all, struct diag *reterr)
{
    static const char *const keys[] = {"cycle",  "source_step", "mode",   "rows",
                                       "sensor", "start_k",     "rise_k", "minutes_to_most",
                                       "end_k",  "k_per_ah",    NULL};
    bool any = false;
    struct heat h;
    int rc = heat_of(&in->recording, &in->cycles, &h, reterr);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < h.n; i++) {
        any = any || h.row[i].rise_k.v >= RISE_LEAST_K;
    }
    heat_done(&h);
    return any ? put_sheet(r, in, analyze_heat, "Temperature rise by step.", keys,
                           all ? 0 : ROWS_MAX, reterr)
               : 0;
}

int report_analyses(struct report *r, const struct insight *in, bool all, struct diag *reterr)
{
    static int (*const parts[])(struct report * r, const struct insight *in, bool all,
                                struct diag *reterr) = {put_counted, put_groups, put_resistance,
                                                        put_ica, put_heat};

    if (!in->has_cycles || in->cycles.n == 0) {
        return 0;
    }
    report_heading(r, "Analyses");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct diag d;
        int rc;

        diag_init(&d);
        rc = parts[i](r, in, all, &d);
        if (rc == E_NOMEM) {
            return diag_add(reterr, rc, "out of memory");
        }
        if (rc < 0 && rc != E_NOENT) { /* E_NOENT: the run has no such thing */
            report_small(r, "not identifiable: %s", d.n > 0 ? d.finding[0].text : err_text(rc));
        }
    }
    return 0;
}

/* ---- For the summary ---- */

static void name_groups(const struct groups *g, bool weak, struct text *to)
{
    unsigned n = 0;

    for (unsigned i = 0; i < g->n; i++) {
        if (weak ? g->group[i].is_weak : g->group[i].is_imbalanced) {
            text_add(to, "%s%u", n++ > 0 ? ", " : weak ? "; hold less: " : "; imbalanced: ", i + 1);
        }
    }
}

void report_groups_key(struct report *r, const struct insight *in)
{
    struct text line = {0};
    struct groups g;

    if (!in->has_cycles || groups_of(&in->recording, &g, NULL) < 0) {
        return;
    }
    text_add(&line, "%u, number %u limits", g.n, g.limiting + 1);
    name_groups(&g, false, &line);
    name_groups(&g, true, &line);
    report_key(r, "cell groups", "%s", line.p);
    text_done(&line);
}

void report_capacity_key(struct report *r, const struct insight *in)
{
    const struct cycle_sum *first = NULL, *last = NULL;
    char a[40], b[40];

    for (size_t i = 0; in->has_cycles && i < in->cycles.n; i++) {
        const struct cycle_sum *c = &in->cycles.cycle[i];

        if (isfinite(c->discharge_ah.v)) {
            first = first ? first : c;
            /* the last one that was finished, where one was */
            last = isfinite(c->ce.v) || !last || !isfinite(last->ce.v) ? c : last;
        }
    }
    if (!first) {
        return;
    }
    figure_text(first->discharge_ah, 1.0, 4, a, sizeof(a));
    figure_text(last->discharge_ah, 1.0, 4, b, sizeof(b));
    if (first == last) {
        report_key(r, "discharge capacity", "%s Ah", a);
    } else {
        report_key(r, "discharge capacity", "%s Ah in cycle %u, %s Ah in cycle %u", a,
                   first->number, b, last->number);
    }
}
