/* benchctl/plot_script.c - a picture in gnuplot's language.
 *
 * The data stand in the script, so that script and picture are all that is needed to draw it again
 * or otherwise. Texts are in single quotes, where gnuplot replaces nothing: names of articles and
 * channels come from outside, and a backtick in double quotes would run a command.
 */
#include "benchctl/plot_priv.h"

#include <math.h>
#include <string.h>

/* Told apart on white paper and by colour-blind eyes (dark blue, vermilion, green, purple ...). */
enum {
    PAGE_WIDTH = 1130,
    PAGE_HEIGHT = 800
};

static const char *const colours[] = {"#1f4e9c", "#d1541b", "#2a7f55", "#8a3f9e",
                                      "#b08a00", "#3c9bc4", "#7a2f2f", "#666666",
                                      "#e0709a", "#6aa516", "#0f6f78", "#a9a9a9"};

/* ---- Words ---- */

/* Units as they are printed in pictures; the terminal keeps to ASCII. */
const char *plot_pretty_unit(const char *text, size_t *ret_n)
{
    static const struct {
        const char *plain, *pretty;
    } words[] = {
        {"degC", "\u00b0C"     },
        {"Mohm", "M\u03a9"     },
        {"kohm", "k\u03a9"     },
        {"mohm", "m\u03a9"     },
        {"uohm", "\u00b5\u03a9"},
        {"ohm",  "\u03a9"      },
        {"uAh",  "\u00b5Ah"    },
        {"uA",   "\u00b5A"     },
        {"uV",   "\u00b5V"     },
        {"uWh",  "\u00b5Wh"    },
        {"uW",   "\u00b5W"     },
        {"+-",   "\u00b1"      },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_starts(text, words[i].plain)) {
            *ret_n = strlen(words[i].plain);
            return words[i].pretty;
        }
    }
    return NULL;
}

static void put_quoted(struct text *t, const char *text, bool pretty)
{
    text_add_n(t, "'", 1);
    for (const char *p = text; *p; p++) {
        /* a unit stands alone: after a blank, and not in the middle of a name */
        bool begins = p == text || p[-1] == ' ';
        size_t n = 0;
        const char *better = pretty && begins ? plot_pretty_unit(p, &n) : NULL;

        if (better && (p[n] == '\0' || strchr(" ,)/", p[n]))) {
            text_add(t, "%s", better);
            p += n - 1;
        } else if (*p == '\'') {
            text_add_n(t, "''", 2);
        } else if ((unsigned char)*p < 0x20) {
            text_add_n(t, " ", 1);
        } else {
            text_add_n(t, p, 1);
        }
    }
    text_add_n(t, "'", 1);
}

static void put_set(struct text *t, const char *what, const char *text, const char *more,
                    bool pretty)
{
    text_add(t, "set %s ", what);
    put_quoted(t, text, pretty);
    text_add(t, "%s\n", more);
}

static void put_number(struct text *t, double v)
{
    char buf[64];
    size_t n = str_fixed(v, 6, 0, false, false, buf, sizeof(buf));

    while (n > 1 && buf[n - 1] == '0') {
        n--;
    }
    n -= buf[n - 1] == '.';
    text_add_n(t, buf, n);
}

/* ---- Data ---- */

static void put_block(struct text *t, unsigned panel, unsigned k, const struct series *s,
                      bool by_cycle)
{
    const struct plot_point *p = (const struct plot_point *)(const void *)s->points.p;

    text_add(t, "$d%u_%u << EOD\n", panel, k);
    for (size_t i = 0; i < s->points.n; i++) {
        if (isfinite(p[i].x) && isfinite(p[i].y)) {
            put_number(t, p[i].x);
            text_add_n(t, " ", 1);
            put_number(t, p[i].y);
            if (by_cycle) {
                text_add_n(t, " ", 1);
                put_number(t, p[i].z);
            }
        }
        text_add_n(t, "\n", 1); /* an empty line breaks the curve */
    }
    text_add(t, "EOD\n");
}

/* ---- One panel ---- */

/* On the terminal the axes have no labels (written upright they run into the numbers): the key
 * names quantity and unit instead. */
static void put_title(struct text *t, const struct panel *p, const struct series *s,
                      enum plot_as as)
{
    char title[PLOT_TITLE_MAX + PLOT_LABEL_MAX + 16];
    const char *axis = s->second ? p->y2_label : p->y_label;
    int rc;

    if (as != PLOT_TERMINAL) {
        put_quoted(t, s->title, true);
        return;
    }
    if (str_starts(axis, s->title)) {
        rc = str_fmt(title, sizeof(title), "%s%s  ", axis, s->second ? " (right)" : "");
    } else {
        rc = str_fmt(title, sizeof(title), "%s: %s%s  ", s->title, axis,
                     s->second ? " (right)" : "");
    }
    (void)rc;
    put_quoted(t, title, false);
}

static void put_series(struct text *t, const struct panel *p, unsigned panel, unsigned k,
                       enum plot_as as)
{
    static const char *const styles[] = {
        [SERIES_LINE] = "lines", [SERIES_POINTS] = "points", [SERIES_BOTH] = "linespoints"};
    static const unsigned marks[] = {7, 6, 9, 5, 11, 13, 4, 8, 10, 12, 14, 15};
    const struct series *s = &p->series[k];

    text_add(t, "$d%u_%u using 1:2%s with %s", panel, k, p->by_cycle ? ":3" : "", styles[s->style]);
    if (s->second) {
        text_add(t, " axes x1y2");
    }
    if (as != PLOT_TERMINAL) {
        text_add(t, p->by_cycle ? " lc palette lw 1" : " lw 1.2 lc rgb '%s'", colours[k]);
        if (s->style != SERIES_LINE) {
            text_add(t, " pt %u ps %s", marks[k], s->style == SERIES_POINTS ? "0.8" : "0.6");
        }
    }
    if (s->title[0] || as == PLOT_TERMINAL) {
        text_add(t, " title ");
        put_title(t, p, s, as);
    } else {
        text_add(t, " notitle");
    }
}

/* The colour scale says which cycle is which; its ticks are whole cycles. */
static void put_palette(struct text *t, const struct panel *p)
{
    const struct plot_point *point = (const struct plot_point *)(const void *)p->series[0].points.p;
    double low = INFINITY, high = -INFINITY;

    for (size_t i = 0; i < p->series[0].points.n; i++) {
        if (isfinite(point[i].y)) {
            low = fmin(low, point[i].z);
            high = fmax(high, point[i].z);
        }
    }
    if (!(high > low)) {
        high = low + 1.0;
    }
    text_add(t, "set palette defined (0 '#20407f', 0.35 '#2a8f8f', 0.65 '#8fae3a', 1 '#d1541b')\n");
    text_add(t, "set cbrange [%.0f:%.0f]\nset cbtics %.0f,%.0f scale 0.5 font ',10'\n", low, high,
             low, fmax(1.0, ceil((high - low) / 6.0)));
    text_add(t, "set colorbox user origin screen cbx, screen cby size screen 0.008, screen cbh\n");
}

static void put_remarks(struct text *t, const struct panel *p)
{
    struct text line = {0};

    for (unsigned k = 0; k < p->n_remarks; k++) {
        text_add(&line, "%s%s", k > 0 ? ", " : "", p->remark[k]);
    }
    put_set(t, "title", line.p, "", false);
    text_done(&line);
}

/* Cycles are whole: a step of 1, 2, 5, 10 ... that makes seven numbers at most. */
static void put_whole_tics(struct text *t, const struct panel *p)
{
    static const double factors[] = {2.0, 2.5, 2.0};
    double step = 1.0;

    for (unsigned k = 0; (p->x_high - p->x_low) / step > 7.0; k = (k + 1) % 3) {
        step *= factors[k];
    }
    text_add(t, "set format x '%%.0f'\nset xtics 0,%.0f\n", step);
}

/* A low panel has room for few numbers: a round step that the range holds three times or so. */
static void put_few_tics(struct text *t, const struct panel *p)
{
    double low = INFINITY, high = -INFINITY, step;

    for (unsigned k = 0; k < p->n; k++) {
        const struct plot_point *point =
            (const struct plot_point *)(const void *)p->series[k].points.p;

        for (size_t i = 0; i < p->series[k].points.n; i++) {
            low = fmin(low, point[i].y);
            high = fmax(high, point[i].y);
        }
    }
    if (!(high > low)) {
        return;
    }
    step = pow(10.0, floor(log10(high - low)));
    step *= (high - low) / step < 2.0 ? 0.5 : (high - low) / step < 5.0 ? 1.0 : 2.0;
    text_add(t, "set ytics ");
    put_number(t, step);
    text_add(t, "\n");
}

static void put_axes(struct text *t, const struct panel *p, bool pretty)
{
    if (p->n_remarks > 0 && !pretty) {
        put_remarks(t, p);
    } else {
        put_set(t, "title", p->by_cycle && !pretty ? "" : p->title, pretty ? " font ',10'" : "",
                pretty);
    }
    put_set(t, "xlabel", p->x_label, "", pretty);
    if (pretty) {
        put_set(t, "ylabel", p->y_label, "", true);
    }
    if (p->y2_label[0]) {
        text_add(t, "set ytics nomirror\nset y2tics\n");
    } else {
        text_add(t, "unset y2label\nunset y2tics\n%s", pretty ? "" : "set ytics mirror\n");
    }
    if (p->y2_label[0] && pretty) {
        put_set(t, "y2label", p->y2_label, " offset -0.5", true);
    }
    if (p->whole_x) {
        put_whole_tics(t, p);
    } else {
        text_add(t, "set format x '%%g'\nset xtics autofreq\n");
    }
    if (p->x_high > p->x_low) {
        text_add(t, "set xrange [");
        put_number(t, p->x_low);
        text_add(t, ":");
        put_number(t, p->x_high);
        text_add(t, "]\n");
    } else {
        text_add(t, "set xrange [*:*]\n");
    }
    if (p->y_high > p->y_low) {
        text_add(t, "set yrange [");
        put_number(t, p->y_low);
        text_add(t, ":");
        put_number(t, p->y_high);
        text_add(t, "]\n");
    } else {
        text_add(t, "set yrange [*:*]\n");
    }
    if (p->falling) {
        text_add(t, "set key inside right top vertical maxrows 8\n");
    } else {
        text_add(t, "set key outside above center horizontal\n");
    }
    if (p->by_cycle && pretty) {
        put_palette(t, p);
    }
}

/* Points come last: a line would cover them. */
static void put_panel(struct text *t, const struct panel *p, unsigned i, enum plot_as as)
{
    const char *glue = "plot ";

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned k = 0; k < p->n; k++) {
            bool last = p->series[k].style == SERIES_POINTS;

            if (last == (pass == 1) && series_has_points(&p->series[k])) {
                text_add(t, "%s", glue);
                put_series(t, p, i, k, as);
                glue = ", \\\n     ";
            }
        }
    }
    for (unsigned k = 0; k < p->n_remarks && as != PLOT_TERMINAL; k++) {
        text_add(t, "%sNaN with lines lc rgb 'white' title ", glue);
        put_quoted(t, p->remark[k], true);
    }
    text_add(t, "\n");
}

/* ---- The whole ---- */

static void put_terminal(struct text *t, const struct picture *p, const struct plot_target *to)
{
    switch (to->as) {
    case PLOT_TERMINAL:
        text_add(t, "set terminal dumb nofeed noenhanced size %u,%u\n", to->columns, to->rows);
        break;
    case PLOT_SVG:
        text_add(t,
                 "set terminal svg size %u,%u dynamic noenhanced font 'sans-serif,12'"
                 " background 'white'\n",
                 to->width ? to->width : PAGE_WIDTH, to->height ? to->height : PAGE_HEIGHT);
        break;
    case PLOT_PNG:
        text_add(t, "set terminal pngcairo size 1754,1240 noenhanced font 'Sans,10' fontscale 1.55"
                    " linewidth 1.5 pointscale 1.5 background 'white'\n");
        break;
    }
    text_add(t, "set encoding utf8\nset format y '%%.5g'\nset format y2 '%%.5g'\n");
    if (to->file) {
        put_set(t, "output", to->file, "", false);
    }
    text_add(t, "set key samplen 2%s\n", to->as == PLOT_TERMINAL ? " width 3" : "");
    if (to->as != PLOT_TERMINAL) {
        text_add(t, "set grid lc rgb '#cccccc' lw 0.7\nset border lc rgb '#444444' lw 0.8\n"
                    "set tics nomirror scale 0.6 textcolor rgb '#222222'\nset key font ',10' "
                    "spacing 1.1\n");
        put_set(t, "multiplot title", p->title, " font ',13'", true);
    }
}

struct box {
    double x, y, w, h; /* of the paper below its title, from the lower left */
};

static struct box place(const struct picture *p, unsigned at, unsigned n)
{
    if (p->stacked || n < 3) {
        return (struct box){0.0, (double)(n - 1 - at) / n, 1.0, 1.0 / n};
    }
    if (at == 0) {
        return (struct box){0.0, 0.54, 1.0, 0.46};
    }
    return (struct box){(double)(at - 1) / (n - 1), 0.0, 1.0 / (n - 1), 0.54};
}

/* Panels one above the other have one time axis: its numbers stand under the last. */
static void put_layout(struct text *t, const struct panel *p, const struct plot_target *to,
                       bool title, bool tight, unsigned at, unsigned count, struct box b)
{
    /* letters stay as they are when the paper is smaller: what they need is a larger share of it */
    const double across = to->width ? (double)PAGE_WIDTH / to->width : 1.0;
    const double up = to->height ? (double)PAGE_HEIGHT / to->height : 1.0;
    const double paper = title ? 1.0 - 0.05 * up : 1.0; /* the title has the rest */
    bool wide = b.w > 0.9, last = at + 1 == count;
    double foot = 0.085 * up, y, h, top;
    char n[8][32];

    if (tight) { /* what the last needs for its numbers, the others give */
        b.h = (1.0 - 0.06 * up) / count;
        b.y = b.h * (count - 1 - at) + (last ? 0.0 : 0.06 * up);
        b.h += last ? 0.06 * up : 0.0;
        foot = (last ? 0.082 : 0.025) * up;
    }
    y = b.y * paper;
    h = b.h * paper;
    top = y + h - (tight ? 0.035 : wide ? 0.05 : 0.06) * up;
    const double v[8] = {
        b.x,      y,  b.w, h, b.x + 0.07 * across, b.x + b.w - (wide ? 0.07 : 0.058) * across,
        y + foot, top};

    for (unsigned k = 0; k < 8; k++) {
        str_fixed(v[k], 4, 0, false, false, n[k], sizeof(n[k]));
    }
    text_add(t, "set origin %s,%s\nset size %s,%s\n", n[0], n[1], n[2], n[3]);
    text_add(t, "set lmargin at screen %s\nset rmargin at screen %s\n", n[4], n[5]);
    text_add(t, "set bmargin at screen %s\nset tmargin at screen %s\n", n[6], n[7]);
    if (p->by_cycle) {
        str_fixed(v[5] + 0.006, 4, 0, false, false, n[0], sizeof(n[0]));
        str_fixed(v[7] - v[6], 4, 0, false, false, n[1], sizeof(n[1]));
        text_add(t, "cbx = %s\ncby = %s\ncbh = %s\n", n[0], n[6], n[1]);
    }
}

static void put_whole_panel(struct text *t, const struct picture *p, const struct plot_target *to,
                            const unsigned *order, unsigned at, unsigned n)
{
    const struct panel *panel = &p->panel[order[at]];
    bool paper = to->as != PLOT_TERMINAL, tight = p->stacked && n > 1;

    if (paper) {
        put_layout(t, panel, to, p->title[0] != '\0', tight, at, n, place(p, at, n));
    }
    put_axes(t, panel, paper);
    if (paper && tight) {
        put_few_tics(t, panel);
        text_add(t, "%s", at + 1 < n ? "unset xlabel\nset format x ''\n" : "");
    }
    put_panel(t, panel, order[at], to->as);
}

void plot_script(const struct picture *p, const struct plot_target *to, struct text *ret)
{
    unsigned order[PLOT_PANELS_MAX], n = 0; /* the panels that have something in them */

    text_add(ret, "# %s\n# drawn by gnuplot; the data stand below\n", p->title);
    for (unsigned i = 0; i < p->n; i++) {
        if (!panel_has_points(&p->panel[i])) {
            continue;
        }
        order[n++] = i;
        for (unsigned k = 0; k < p->panel[i].n; k++) {
            put_block(ret, i, k, &p->panel[i].series[k], p->panel[i].by_cycle);
        }
    }
    put_terminal(ret, p, to);
    for (unsigned at = 0; at < n; at++) {
        put_whole_panel(ret, p, to, order, at, n);
    }
    if (to->as != PLOT_TERMINAL) {
        text_add(ret, "unset multiplot\nunset output\n");
    }
}
