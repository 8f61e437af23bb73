/* benchctl/plot_data.c - what a picture shows, taken from a run.
 *
 * Nothing here reads all samples: traces come thinned to minimum and maximum of what one point of
 * the picture covers, curves with a bounded number of points a branch.
 */
#include "benchctl/plot_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CURVE_POINTS = 150, /* a branch */
    CURVE_CYCLES = 60,  /* more cycles than this are not told apart in one picture */
    FIT_POINTS = 80,
};

/* ---- Panels ---- */

struct panel *panel_add(struct picture *p, const char *what, const char *title)
{
    struct panel *panel = &p->panel[p->n++];

    ASSERT(p->n <= PLOT_PANELS_MAX);
    *panel = (struct panel){.what = what};
    str_copy(panel->title, sizeof(panel->title), title);
    return panel;
}

struct series *series_add(struct panel *p, enum series_style style, bool second, const char *title)
{
    struct series *s = &p->series[p->n++];

    ASSERT(p->n <= PLOT_SERIES_MAX);
    *s = (struct series){.style = style, .second = second};
    s->points.each = sizeof(struct plot_point);
    str_copy(s->title, sizeof(s->title), title);
    return s;
}

void series_point(struct series *s, double x, double y, double z)
{
    const struct plot_point p = {x, y, z};

    list_add(&s->points, &p);
}

static struct plot_point *point_at(const struct series *s, size_t i)
{
    return (struct plot_point *)(void *)s->points.p + i;
}

void axis_label(char ret[PLOT_LABEL_MAX], const char *quantity, const char *unit)
{
    int rc = unit[0] ? str_fmt(ret, PLOT_LABEL_MAX, "%s / %s", quantity, unit)
                     : str_fmt(ret, PLOT_LABEL_MAX, "%s", quantity);
    (void)rc;
}

void picture_title(struct picture *p, const struct run_info *r)
{
    bool when = r->wall_start != NSEC_NEVER;
    char start[40], what[160];
    int rc = str_fmt(p->title, sizeof(p->title), "run %lld  %s%s%s%s%s%s%s%s", (long long)r->number,
                     run_what(r, what, sizeof(what)), r->article[0] ? "  article " : "", r->article,
                     r->station[0] ? "  station " : "", r->station, when ? "  " : "",
                     when ? wall_text(r->wall_start, false, start, sizeof(start)) : "",
                     when ? " UTC" : "");
    (void)rc;
    /* it also stands in a comment of the script, which ends where a line ends */
    for (char *c = p->title; *c; c++) {
        *c = (unsigned char)*c < 0x20 ? ' ' : *c;
    }
}

bool series_has_points(const struct series *s)
{
    for (size_t i = 0; i < s->points.n; i++) {
        if (isfinite(point_at(s, i)->x) && isfinite(point_at(s, i)->y)) {
            return true;
        }
    }
    return false;
}

bool panel_has_points(const struct panel *p)
{
    bool any = false;

    for (unsigned k = 0; k < p->n; k++) {
        any = any || series_has_points(&p->series[k]);
    }
    return any;
}

void picture_done(struct picture *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        for (unsigned k = 0; k < p->panel[i].n; k++) {
            list_done(&p->panel[i].series[k].points);
        }
    }
    p->n = 0;
}

/* ---- Channels over time ---- */

static void time_unit(double span_s, struct shown *ret)
{
    *ret = (struct shown){.scale = 1.0, .unit = "s"};
    if (span_s > 1000.0 * 3600.0) {
        *ret = (struct shown){.scale = 86400.0, .unit = "d"};
    } else if (span_s > 2.0 * 3600.0) {
        *ret = (struct shown){.scale = 3600.0, .unit = "h"};
    } else if (span_s > 300.0) {
        *ret = (struct shown){.scale = 60.0, .unit = "min"};
    }
}

static const struct channel_row *channel_at(const struct story *s, size_t i)
{
    return (const struct channel_row *)(const void *)s->channels.p + i;
}

static const struct channel_row *channel_named(const struct story *s, const char *name)
{
    for (size_t i = 0; i < s->channels.n; i++) {
        if (strcmp(channel_at(s, i)->name, name) == 0) {
            return channel_at(s, i);
        }
    }
    return NULL;
}

/* The channel that a picture of any run should have: by name, or else the first in that unit. */
static const struct channel_row *channel_like(const struct story *s, const char *name,
                                              const char *unit)
{
    const struct channel_row *c = channel_named(s, name);

    for (size_t i = 0; i < s->channels.n && !c; i++) {
        c = strcmp(channel_at(s, i)->unit, unit) == 0 ? channel_at(s, i) : NULL;
    }
    return c;
}

/* Whether the channel falls through a bucket, judged by its neighbours. */
static bool falls(const struct trace *t, size_t i)
{
    size_t before = i > 0 ? i - 1 : i, after = i + 1 < t->n ? i + 1 : i;

    return t->lo[after] + t->hi[after] < t->lo[before] + t->hi[before];
}

/* Points in SI and seconds; the picture's own units come when all of it is known. Lowest and
 * highest of a bucket one after the other in the order in which they were passed, a little apart,
 * so that a slope stays a slope. */
static int trace_add(struct series *s, struct run_file *f, const char *channel,
                     const struct plot_range *range, struct diag *reterr)
{
    struct trace t = {0};
    int rc = run_trace(f, channel, range->from_s, range->to_s, range->points, &t, reterr);

    for (size_t i = 0; rc == 0 && i < t.n; i++) {
        bool down = falls(&t, i), wide = t.hi[i] > t.lo[i] && i > 0 && i + 1 < t.n;
        double apart_s = wide ? fmin(t.t_s[i] - t.t_s[i - 1], t.t_s[i + 1] - t.t_s[i]) / 4.0 : 0.0;

        series_point(s, t.t_s[i] - apart_s, down ? t.hi[i] : t.lo[i], 0.0);
        if (t.hi[i] > t.lo[i]) {
            series_point(s, t.t_s[i] + apart_s, down ? t.lo[i] : t.hi[i], 0.0);
        }
    }
    if (rc == 0) {
        trace_done(&t);
    }
    return rc;
}

static double most_of(const struct series *s)
{
    double most = 0.0;

    for (size_t i = 0; i < s->points.n; i++) {
        double v = fabs(point_at(s, i)->y);

        most = v > most ? v : most;
    }
    return most;
}

/* The values of an axis get one unit together. */
void axis_units(struct panel *p, bool second, const char *quantity, const char *si_unit)
{
    double scale, offset, most = 0.0;
    struct dims d = DIMS_NONE;
    struct shown shown;

    for (unsigned k = 0; k < p->n; k++) {
        most = p->series[k].second == second ? fmax(most, most_of(&p->series[k])) : most;
    }
    if (si_unit[0] && unit_parse(si_unit, strlen(si_unit), &scale, &offset, &d) < 0) {
        shown = (struct shown){.scale = 1.0};
        str_copy(shown.unit, sizeof(shown.unit), si_unit);
    } else {
        shown_for(most, d, strcmp(si_unit, "K") == 0, 4, &shown);
    }
    for (unsigned k = 0; k < p->n; k++) {
        for (size_t i = 0; p->series[k].second == second && i < p->series[k].points.n; i++) {
            struct plot_point *point = point_at(&p->series[k], i);

            point->y = shown_value(&shown, point->y);
        }
    }
    axis_label(second ? p->y2_label : p->y_label, quantity, shown.unit);
}

void axis_charge(struct panel *p, const char *quantity)
{
    struct shown shown;
    double most = 0.0;

    for (unsigned k = 0; k < p->n; k++) {
        for (size_t i = 0; i < p->series[k].points.n; i++) {
            most = fmax(most, fabs(point_at(&p->series[k], i)->x));
        }
    }
    shown_for(most * 3600.0, DIMS_CHARGE, false, 4, &shown);
    for (unsigned k = 0; k < p->n; k++) {
        for (size_t i = 0; i < p->series[k].points.n; i++) {
            struct plot_point *point = point_at(&p->series[k], i);

            point->x = shown_value(&shown, point->x * 3600.0);
        }
    }
    axis_label(p->x_label, quantity, shown.unit);
}

static void time_axis(struct panel *p, const struct story *s, const struct plot_range *range)
{
    double from_s = fmax(range->from_s, 0.0), to_s = fmin(range->to_s, nsec_to_s(s->info.duration));
    struct shown t;

    time_unit(fmax(to_s - from_s, 0.0), &t);
    for (unsigned k = 0; k < p->n; k++) {
        for (size_t i = 0; i < p->series[k].points.n; i++) {
            struct plot_point *point = point_at(&p->series[k], i);

            point->x = shown_value(&t, point->x);
        }
    }
    p->x_low = shown_value(&t, from_s);
    p->x_high = shown_value(&t, fmax(to_s, from_s + 1e-3));
    axis_label(p->x_label, "time", t.unit);
}

/* "cell.voltage" -> "voltage"; ret_n: without a number behind it, as in "cell.voltage_1" */
static const char *last_word(const char *channel, size_t *ret_n)
{
    const char *dot = strrchr(channel, '.'), *word = dot ? dot + 1 : channel;
    size_t n = strlen(word);

    while (n > 0 && word[n - 1] >= '0' && word[n - 1] <= '9') {
        n--;
    }
    *ret_n = n > 1 && word[n] != '\0' && word[n - 1] == '_' ? n - 1 : strlen(word);
    return word;
}

static void axis_of(struct panel *p, bool second, const char *channel, const char *si_unit)
{
    char quantity[PLOT_LABEL_MAX];
    size_t n = 0;
    const char *word = last_word(channel, &n);
    int rc = str_fmt(quantity, sizeof(quantity), "%.*s", (int)n, word);

    (void)rc; /* a long name is cut */
    axis_units(p, second, quantity, si_unit);
}

int picture_time(struct picture *p, struct run_file *f, const struct story *s,
                 const struct plot_range *range, struct diag *reterr)
{
    const struct channel_row *v = channel_like(s, "cell.voltage", "V");
    const struct channel_row *other = channel_like(s, "press.pressure", "Pa");
    struct panel *panel;
    int rc = 0;

    other = other ? other : channel_like(s, "cell.current", "A");
    if (!v && !other) {
        return 0;
    }
    panel = panel_add(p, "time", "");
    if (v) {
        rc = trace_add(series_add(panel, SERIES_LINE, false, v->name), f, v->name, range, reterr);
        axis_of(panel, false, v->name, v->unit);
    }
    if (other && rc == 0) {
        rc = trace_add(series_add(panel, SERIES_LINE, v != NULL, other->name), f, other->name,
                       range, reterr);
        axis_of(panel, v != NULL, other->name, other->unit);
    }
    time_axis(panel, s, range);
    return rc;
}

/* One panel for each unit, in the order of the first channel that has it. */
int picture_channels(struct picture *p, struct run_file *f, const struct story *s,
                     const char *const *names, unsigned n, const struct plot_range *range,
                     struct diag *reterr)
{
    const char *units[PLOT_PANELS_MAX] = {0};
    unsigned first = p->n;
    int rc = 0;

    for (unsigned i = 0; i < n && rc == 0; i++) {
        const struct channel_row *c = channel_named(s, names[i]);
        const char *unit = c ? c->unit : "";
        unsigned k = first;

        while (k < p->n && strcmp(units[k], unit) != 0) {
            k++;
        }
        if (k == PLOT_PANELS_MAX || (k < p->n && p->panel[k].n == PLOT_SERIES_MAX)) {
            return diag_add(reterr, E_FULL, "more channels than one picture can hold");
        }
        if (k == p->n) {
            units[k] = unit;
            panel_add(p, "channel", "");
        }
        /* a name that the run does not have is refused here, with the nearest it has */
        rc = trace_add(series_add(&p->panel[k], SERIES_LINE, false, names[i]), f, names[i], range,
                       reterr);
    }
    for (unsigned k = first; k < p->n; k++) {
        axis_of(&p->panel[k], false, p->panel[k].series[0].title, units[k]);
        time_axis(&p->panel[k], s, range);
    }
    p->stacked = true;
    return rc;
}

/* "cell.voltage_3" -> "group 3" */
static void group_title(const char *channel, char *ret, size_t size)
{
    size_t n = 0;
    const char *word = last_word(channel, &n);
    int rc = word[n] == '_' && strncmp(word, "voltage", n) == 0
                 ? str_fmt(ret, size, "group %s", word + n + 1)
                 : str_fmt(ret, size, "%s", channel);

    (void)rc; /* it has room for a channel's name */
}

int picture_groups(struct picture *p, struct run_file *f, const struct story *s,
                   const struct plot_range *range, struct diag *reterr)
{
    const struct channel_row *whole = channel_like(s, "cell.voltage", "V");
    struct panel *panel = NULL;
    char title[80];
    int rc = 0;

    for (size_t i = 0; i < s->channels.n && rc == 0; i++) {
        const struct channel_row *c = channel_at(s, i);

        if (c == whole || strcmp(c->unit, "V") != 0 || (panel && panel->n == PLOT_SERIES_MAX)) {
            continue;
        }
        panel = panel ? panel : panel_add(p, "groups", "");
        group_title(c->name, title, sizeof(title));
        rc = trace_add(series_add(panel, SERIES_LINE, false, title), f, c->name, range, reterr);
    }
    if (panel) {
        axis_units(panel, false, "voltage", "V");
        time_axis(panel, s, range);
    }
    return rc;
}

/* ---- Voltage over charge ---- */

struct curves {
    struct series *s;
    const struct story *story;
    uint32_t stride; /* every stride-th cycle is drawn */
    uint32_t cycle;
    bool charge, begun;
};

static int on_branch(void *ctx, const struct branch_row *row)
{
    struct curves *c = ctx;

    if (row->cycle % c->stride != 1 % c->stride) {
        return 0;
    }
    if (c->begun && (row->cycle != c->cycle || row->charge != c->charge)) {
        series_point(c->s, 0.0, NAN, 0.0);
    }
    c->begun = true;
    c->cycle = row->cycle;
    c->charge = row->charge;
    series_point(c->s, row->q_ah, row->v_v, (double)row->cycle);
    return 0;
}

int picture_curves(struct picture *p, struct run_file *f, const struct story *s,
                   struct diag *reterr)
{
    struct curves c = {.story = s, .stride = (uint32_t)(s->cycles.n / CURVE_CYCLES) + 1};
    struct panel *panel;
    int rc;

    if (s->cycles.n == 0) {
        return 0;
    }
    panel = panel_add(p, "curves", s->cycles.n > 1 ? "colour: cycle" : "");
    c.s = series_add(panel, SERIES_LINE, false, "");
    rc = run_branches(f, CURVE_POINTS, on_branch, &c, reterr);
    panel->by_cycle = s->cycles.n > 1;
    axis_charge(panel, "charge passed");
    axis_units(panel, false, "voltage", "V");
    return rc;
}

/* ---- Capacity, resistance ---- */

static enum series_style style_for(size_t n)
{
    return n > 60 ? SERIES_LINE : SERIES_BOTH;
}

/* Whole cycles with half a cycle of room at each end. */
void axis_cycles(struct panel *p, double first, double last)
{
    str_copy(p->x_label, sizeof(p->x_label), "cycle");
    p->whole_x = true;
    p->x_low = first - 0.5;
    p->x_high = last + 0.5;
}

void picture_cycles(struct picture *p, const struct story *s)
{
    enum series_style style = style_for(s->cycles.n);
    struct series *in, *out, *ce;
    struct panel *panel;

    if (s->cycles.n == 0) {
        return;
    }
    panel = panel_add(p, "cycles", "");
    in = series_add(panel, style, false, "charge");
    out = series_add(panel, style, false, "discharge");
    ce = series_add(panel, style, true, "CE");
    for (size_t i = 0; i < s->cycles.n; i++) {
        const struct cycle_row *c = story_cycle(s, i);
        double x = (double)c->cycle;

        /* a half that was not done is no capacity of zero */
        series_point(in, x, c->charge_ah > 0.0 ? c->charge_ah * 3600.0 : (double)NAN, 0.0);
        series_point(out, x, c->discharge_ah > 0.0 ? c->discharge_ah * 3600.0 : (double)NAN, 0.0);
        series_point(ce, x, 100.0 * c->ce, 0.0);
    }
    axis_cycles(panel, (double)story_cycle(s, 0)->cycle,
                (double)story_cycle(s, s->cycles.n - 1)->cycle);
    str_copy(panel->y2_label, sizeof(panel->y2_label), "CE / %");
    axis_units(panel, false, "capacity", "A s");
}

static void add_fit(struct panel *panel, const struct story *s, double low_pa, double high_pa)
{
    static const char *const names[] = {"a", "b", "m"};
    struct series *line = series_add(panel, SERIES_LINE, false, "a + b (P/5 MPa)^-m");
    char text[48];

    for (unsigned i = 0; i <= FIT_POINTS; i++) {
        double x_pa = low_pa + (high_pa - low_pa) * (double)i / FIT_POINTS;

        series_point(line, x_pa, contact_resistance_ohm(&s->fit, x_pa), 0.0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        int rc = str_fmt(panel->remark[i], sizeof(panel->remark[i]), "%s %s", names[i],
                         story_fit_part(&s->fit, i, text, sizeof(text)));
        (void)rc;
    }
    panel->n_remarks = ARRAY_LEN(names);
    panel->falling = true;
}

/* Without a spread of pressures there is no law to see, but how the resistance went. */
static void resistance_over_cycles(struct picture *p, const struct story *s)
{
    const struct contact_point *row = s->resistance.row;
    size_t n = s->resistance.n;
    struct panel *panel;
    struct series *r;
    char title[64];

    if (n < 2) {
        return;
    }
    panel = panel_add(p, "contact", "");
    r = series_add(panel, style_for(n), false, story_r_title(s, title, sizeof(title)));
    for (size_t i = 0; i < n; i++) {
        series_point(r, (double)row[i].cycle, row[i].r_ohm, 0.0);
    }
    axis_cycles(panel, (double)row[0].cycle, (double)row[n - 1].cycle);
    axis_units(panel, false, "resistance", "ohm");
}

void picture_contact(struct picture *p, const struct story *s)
{
    double low_pa = INFINITY, high_pa = 0.0;
    struct series *measured;
    struct panel *panel;
    struct shown shown;
    char title[64];

    for (size_t i = 0; i < s->resistance.n; i++) {
        double x = s->resistance.row[i].pressure_pa;

        low_pa = x < low_pa ? x : low_pa;
        high_pa = x > high_pa ? x : high_pa;
    }
    if (!(high_pa > 1.05 * low_pa)) {
        resistance_over_cycles(p, s);
        return;
    }
    panel = panel_add(p, "contact", "");
    measured = series_add(panel, SERIES_POINTS, false, story_r_title(s, title, sizeof(title)));
    for (size_t i = 0; i < s->resistance.n; i++) {
        series_point(measured, s->resistance.row[i].pressure_pa, s->resistance.row[i].r_ohm, 0.0);
    }
    if (s->has_fit && s->fit.identifiable) {
        add_fit(panel, s, low_pa, high_pa);
    }
    shown_for(high_pa, DIMS_PRESSURE, false, 3, &shown);
    for (unsigned k = 0; k < panel->n; k++) {
        for (size_t i = 0; i < panel->series[k].points.n; i++) {
            point_at(&panel->series[k], i)->x =
                shown_value(&shown, point_at(&panel->series[k], i)->x);
        }
    }
    axis_label(panel->x_label, "stack pressure", shown.unit);
    axis_units(panel, false, "resistance", "ohm");
}
