/* benchctl/plot_priv.h - a picture between the run file and gnuplot: panels of series in the units
 * people expect.
 *
 *     run file -> plot_data.c -> struct picture -> plot_script.c -> plot_run.c (gnuplot)
 *                                             \-> JSON, CSV (cmd_plot.c)
 */
#ifndef BENCHCTL_PLOT_PRIV_H
#define BENCHCTL_PLOT_PRIV_H

#include "benchctl/story.h"

enum {
    PLOT_SERIES_MAX = 8,
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
    const char *what; /* "time", "curves", "cycles", "contact", "channel" */
    char title[PLOT_TITLE_MAX];
    char x_label[PLOT_LABEL_MAX], y_label[PLOT_LABEL_MAX],
        y2_label[PLOT_LABEL_MAX]; /* y2 "": no such axis */
    double x_low, x_high;         /* the axis; both 0: by the data */
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
bool panel_has_points(const struct panel *p);
bool series_has_points(const struct series *s);
void picture_done(struct picture *p);

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

#endif
