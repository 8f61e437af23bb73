/* benchctl/plot_priv.h - a picture between the run file and gnuplot: panels of series in the units
 * people expect.
 *
 *     run file -> plot_data.c ---> struct picture -> plot_script.c -> plot_run.c (gnuplot)
 *     its rows -> plot_analysis.c /               \-> JSON, CSV (cmd_plot.c)
 */
#ifndef BENCHCTL_PLOT_PRIV_H
#define BENCHCTL_PLOT_PRIV_H

#include "analysis/cycles.h"
#include "analysis/ica.h"
#include "benchctl/story.h"

enum {
    PLOT_SERIES_MAX = 12, /* as many as there are colours */
    PLOT_PANELS_MAX = 8,
    PLOT_LABEL_MAX = 64,
    PLOT_REMARKS_MAX = 3,
    PLOT_TITLE_MAX = 240
};

enum series_style {
    SERIES_LINE,
    SERIES_POINTS,
    SERIES_BOTH
};

struct plot_point {
    double x, y; /* y NaN: the line is broken here */
    double z;    /* of a panel with a colour scale: the cycle */
};
struct series {
    char title[PLOT_TITLE_MAX];
    enum series_style style;
    bool second;        /* on the right-hand axis */
    struct list points; /* struct plot_point */
};
struct panel {
    const char *what; /* "time", "curves", "cycles", "contact", "channel", "ica" ... */
    char title[PLOT_TITLE_MAX];
    char x_label[PLOT_LABEL_MAX], y_label[PLOT_LABEL_MAX],
        y2_label[PLOT_LABEL_MAX]; /* y2 "": no such axis */
    double x_low, x_high;         /* the axis; both 0: by the data */
    double y_low, y_high;         /* the same */
    bool by_cycle;                /* coloured by z */
    bool whole_x;                 /* x counts: no fractions at its ticks */
    bool falling;       /* nothing is drawn at the upper right: the key finds room there */
    unsigned n_remarks; /* lines of the key without a curve */
    char remark[PLOT_REMARKS_MAX][PLOT_LABEL_MAX];
    unsigned n;
    struct series series[PLOT_SERIES_MAX];
};
struct picture {
    char title[PLOT_TITLE_MAX];
    bool stacked; /* panels one above the other, all of full width */
    unsigned n;
    struct panel panel[PLOT_PANELS_MAX];
};

/* plot_data.c. Each adds a panel when the run has what it shows; 0 or negative. from_s, to_s: run
 * time, infinite: all. */
struct plot_range {
    double from_s, to_s;
    unsigned points; /* buckets of a trace */
};
/* wall_start NSEC_NEVER: not known. */
void picture_title(struct picture *p, const struct run_info *r);
int picture_time(struct picture *p, struct run_file *f, const struct story *s,
                 const struct plot_range *range, struct diag *reterr) MUST_USE;
int picture_channels(struct picture *p, struct run_file *f, const struct story *s,
                     const char *const *names, unsigned n, const struct plot_range *range,
                     struct diag *reterr) MUST_USE;
int picture_curves(struct picture *p, struct run_file *f, const struct story *s,
                   struct diag *reterr) MUST_USE;
void picture_cycles(struct picture *p, const struct story *s);
void picture_contact(struct picture *p, const struct story *s);
/* The cell groups of a string: every voltage but the whole one. */
int picture_groups(struct picture *p, struct run_file *f, const struct story *s,
                   const struct plot_range *range, struct diag *reterr) MUST_USE;
bool panel_has_points(const struct panel *p);
bool series_has_points(const struct series *s);
void picture_done(struct picture *p);

struct panel *panel_add(struct picture *p, const char *what, const char *title);
struct series *series_add(struct panel *p, enum series_style style, bool second, const char *title);
void series_point(struct series *s, double x, double y, double z);
/* "voltage / V" */
void axis_label(char ret[PLOT_LABEL_MAX], const char *quantity, const char *unit);
/* The points of an axis, which are in this SI unit, get one that suits all of them. */
void axis_units(struct panel *p, bool second, const char *quantity, const char *si_unit);
void axis_charge(struct panel *p, const char *quantity); /* x, in Ah */
/* From the first to the last cycle: whole ones. */
void axis_cycles(struct panel *p, double first, double last);

/* plot_analysis.c: what the rows say. Each adds a panel when they say it. */
int picture_ica(struct picture *p, const struct recording *r, enum ica_kind kind,
                struct diag *reterr) MUST_USE;
int picture_resistance(struct picture *p, const struct recording *r, struct diag *reterr) MUST_USE;
void picture_counted(struct picture *p, const struct cycles *c);

/* plot_script.c: gnuplot's language, with the data in it. */
enum plot_as {
    PLOT_TERMINAL,
    PLOT_SVG,
    PLOT_PNG
};
struct plot_target {
    enum plot_as as;
    const char *file;       /* name of the picture beside the script; terminal: NULL */
    unsigned columns, rows; /* terminal */
    unsigned width, height; /* SVG, in pixels; 0: a page */
};
void plot_script(const struct picture *p, const struct plot_target *to, struct text *ret);
/* At a unit ("ohm"): its printed form and how much of the text it stands for. NULL. */
const char *plot_pretty_unit(const char *text, size_t *ret_n);

/* plot_run.c: runs gnuplot on a script in a folder (NULL: here); what it prints goes to output. The
 * error tells gnuplot's own last words. */
int plot_run(const char *script, size_t n, const char *folder, FILE *output,
             struct diag *reterr) MUST_USE;

/* plot_draw.c: on the terminal; into the picture `out`, whose script stands beside it under the same
 * name with .gp, and gnuplot works in their folder. */
int plot_draw_terminal(const struct picture *p, struct diag *reterr) MUST_USE;
int plot_draw_file(const struct picture *p, enum plot_as as, const char *out,
                   struct diag *reterr) MUST_USE;

#endif
