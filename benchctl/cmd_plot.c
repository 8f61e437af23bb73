/* benchctl/cmd_plot.c - `benchctl plot [RUN]`: a run drawn in the terminal and as a picture. */
#include "benchctl/plot_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    POINTS_PAPER = 1200,
    WISH_CHANNELS_MAX = 24
};

static const char *const kinds[] = {"all",     "time",         "curves", "cycles",
                                    "contact", "temperatures", "groups", "resistance",
                                    "ica",     "dva",          NULL};

struct wish {
    const char *what; /* one of kinds */
    const char *as;   /* NULL: the terminal and an SVG file */
    const char *out;
    const char *channel[WISH_CHANNELS_MAX];
    unsigned n_channels;
    struct plot_range range;
};

/* ---- What is asked for ---- */

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);

    return n > k && strcmp(text + n - k, tail) == 0;
}

/* The format of a file is what its name says, or --as. */
static int take_format(const struct args *a, struct wish *w)
{
    static const char *const formats[] = {"terminal", "svg", "png", NULL};
    const char *near;

    w->as = args_get(a, "--as");
    w->out = args_get(a, "--out");
    for (unsigned i = 0; w->as && formats[i]; i++) {
        if (strcmp(w->as, formats[i]) == 0) {
            if (i == 0 && w->out) {
                return cli_error(a, EXIT_USAGE, "--out is for svg and png");
            }
            return EXIT_DONE;
        }
    }
    if (w->as) {
        near = str_nearest(w->as, formats);
        return cli_error(a, EXIT_USAGE, "--as is terminal, svg or png, not `%s`%s%s%s", w->as,
                         near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (w->out) {
        w->as = ends_with(w->out, ".png") ? "png" : "svg";
    }
    return EXIT_DONE;
}

static int take_wish(const struct args *a, struct wish *w)
{
    const char *what = args_get(a, "--what"), *near;
    int rc;

    *w = (struct wish){
        .what = kinds[0], .range = {-INFINITY, INFINITY, POINTS_PAPER}
    };
    w->n_channels = args_all(a, "--channel", w->channel, WISH_CHANNELS_MAX);
    if (what && w->n_channels > 0) {
        return cli_error(a, EXIT_USAGE, "--what or --channel, not both");
    }
    for (unsigned i = 0; what; i++) {
        if (!kinds[i]) {
            near = str_nearest(what, kinds);
            return cli_error(a, EXIT_USAGE,
                             "--what is all, time, curves, cycles, contact, temperatures, groups, "
                             "resistance, ica or dva, not `%s`%s%s%s",
                             what, near ? "; did you mean " : "", near ? near : "",
                             near ? "?" : "");
        }
        if (strcmp(kinds[i], what) == 0) {
            w->what = kinds[i];
            break;
        }
    }
    rc = take_format(a, w);
    rc = rc ? rc : args_quantity(a, "--from", DIMS_TIME, "10 h", &w->range.from_s);
    return rc ? rc : args_quantity(a, "--to", DIMS_TIME, "10 h", &w->range.to_s);
}

static bool has_points(const struct picture *p)
{
    bool any = false;

    for (unsigned i = 0; i < p->n; i++) {
        any = any || panel_has_points(&p->panel[i]);
    }
    return any;
}

/* Every channel that measures one. */
static int add_temperatures(struct picture *p, struct run_file *f, const struct story *s,
                            const struct plot_range *range, struct diag *reterr)
{
    const struct channel_row *row = (const struct channel_row *)(const void *)s->channels.p;
    const char *names[PLOT_SERIES_MAX];
    unsigned n = 0;

    for (size_t i = 0; i < s->channels.n && n < PLOT_SERIES_MAX; i++) {
        if (strcmp(row[i].unit, "K") == 0) {
            names[n++] = row[i].name;
        }
    }
    return n > 0 ? picture_channels(p, f, s, names, n, range, reterr) : 0;
}

/* What takes the rows themselves. */
static int add_analysis(struct picture *p, struct run_file *f, const char *what,
                        struct diag *reterr)
{
    struct recording r = {0};
    struct cycles c;
    int rc = recording_read(f, &r, reterr);

    if (rc < 0) {
        return rc;
    }
    if (strcmp(what, "resistance") == 0) {
        rc = picture_resistance(p, &r, reterr);
    } else if (strcmp(what, "cycles") == 0) {
        rc = cycles_of(&r, CYCLE_ORDER_FOUND, &c, reterr);
        if (rc == 0) {
            picture_counted(p, &c);
            cycles_done(&c);
        }
    } else {
        rc = picture_ica(p, &r, strcmp(what, "ica") == 0 ? ICA_DQ_DV : ICA_DV_DQ, reterr);
    }
    recording_done(&r);
    return rc;
}

/* Imported steps are numbered by whoever recorded them; the rows tell where cycles begin. */
static int add_cycles(struct picture *p, struct run_file *f, const struct story *s,
                      struct diag *reterr)
{
    if (run_is_import(&s->info)) {
        return add_analysis(p, f, "cycles", reterr);
    }
    picture_cycles(p, s);
    return 0;
}

static bool is_analysis(const char *what)
{
    return strcmp(what, "resistance") == 0 || strcmp(what, "ica") == 0 || strcmp(what, "dva") == 0;
}

static int fill(struct picture *p, struct run_file *f, const struct story *s, const struct wish *w,
                struct diag *reterr)
{
    bool all = strcmp(w->what, "all") == 0;
    struct run_info info = s->info;
    int rc = 0;

    if (story_start_unknown(s)) {
        info.wall_start = NSEC_NEVER;
    }
    picture_title(p, &info);
    if (w->n_channels > 0) {
        rc = picture_channels(p, f, s, w->channel, w->n_channels, &w->range, reterr);
        all = false;
    }
    if (all || strcmp(w->what, "time") == 0) {
        rc = picture_time(p, f, s, &w->range, reterr);
    }
    if (rc == 0 && strcmp(w->what, "temperatures") == 0) {
        rc = add_temperatures(p, f, s, &w->range, reterr);
    }
    if (rc == 0 && (all || strcmp(w->what, "curves") == 0)) {
        rc = picture_curves(p, f, s, reterr);
    }
    if (rc == 0 && (all || strcmp(w->what, "cycles") == 0)) {
        rc = add_cycles(p, f, s, reterr);
    }
    if (rc == 0 && (all || strcmp(w->what, "contact") == 0)) {
        picture_contact(p, s);
    }
    if (rc == 0 && strcmp(w->what, "groups") == 0) {
        rc = picture_groups(p, f, s, &w->range, reterr);
    }
    if (rc == 0 && is_analysis(w->what)) {
        rc = add_analysis(p, f, w->what, reterr);
    }
    if (rc == 0 && !has_points(p)) {
        const char *of = w->n_channels > 0 ? w->channel[0] : all ? "" : w->what;

        rc = diag_add(reterr, E_NOENT, "run %lld has nothing to draw%s%s",
                      (long long)s->info.number, of[0] ? " of " : "", of);
    }
    return rc;
}

/* ---- Where it goes ---- */

/* In a terminal without a wish for one panel, the first and the last tell most: time, and what the
 * run was for. */
static void shorten(struct picture *p)
{
    for (unsigned i = 1; i + 1 < p->n; i++) {
        for (unsigned k = 0; k < p->panel[i].n; k++) {
            list_done(&p->panel[i].series[k].points);
        }
    }
    if (p->n > 2) {
        p->panel[1] = p->panel[p->n - 1];
        p->n = 2;
    }
}

/* NNNNNN.svg; one kind of panel or a channel: NNNNNN-curves.svg, NNNNNN-cell.voltage.svg. */
static int picture_path(const struct wish *w, const char *base, const char *as, char *ret,
                        size_t size)
{
    const char *tail = w->n_channels > 0             ? w->channel[0]
                       : strcmp(w->what, "all") == 0 ? ""
                                                     : w->what;

    if (w->out) {
        return str_copy(ret, size, w->out) ? 0 : E_FULL;
    }
    if (str_fmt(ret, size, "%s%s%s.%s", base, tail[0] ? "-" : "", tail, as) < 0) {
        return E_FULL;
    }
    for (char *p = ret + strlen(base); *p; p++) {
        *p = *p == '/' ? '_' : *p; /* a channel's name is no path */
    }
    return 0;
}

static int draw(const struct args *a, struct picture *p, const struct wish *w, const char *base)
{
    const char *as = w->as ? w->as : "svg";
    char out[LOOK_PATH_MAX + 80];
    struct diag d;
    int rc = 0;

    diag_init(&d);
    if (strcmp(as, "terminal") != 0) {
        rc = picture_path(w, base, as, out, sizeof(out));
        rc = rc < 0 ? diag_add(&d, rc, "the path of the picture is too long")
                    : plot_draw_file(p, strcmp(as, "png") == 0 ? PLOT_PNG : PLOT_SVG, out, &d);
    }
    if (rc == 0 && (!w->as || strcmp(as, "terminal") == 0)) {
        if (strcmp(w->what, "all") == 0 && w->n_channels == 0) {
            shorten(p);
        }
        rc = plot_draw_terminal(p, &d);
    }
    if (rc < 0) {
        cli_findings(a, &d);
        return EXIT_INTERNAL;
    }
    if (strcmp(as, "terminal") != 0) {
        printf("%s\n", out);
    }
    return EXIT_DONE;
}

/* ---- For other programs ---- */

static int print_json(const struct picture *p, const struct run_info *r)
{
    json_t *panels = json_array();

    for (unsigned i = 0; i < p->n; i++) {
        const struct panel *panel = &p->panel[i];
        json_t *all = json_array();

        for (unsigned k = 0; k < panel->n; k++) {
            const struct series *s = &panel->series[k];
            const struct plot_point *point = (const struct plot_point *)(const void *)s->points.p;
            json_t *points = json_array();

            for (size_t n = 0; n < s->points.n; n++) {
                json_t *one = json_array();

                json_array_append_new(one, number_json(point[n].x));
                json_array_append_new(one, number_json(point[n].y));
                if (panel->by_cycle) {
                    json_array_append_new(one, number_json(point[n].z));
                }
                json_array_append_new(points, one);
            }
            json_array_append_new(all, json_pack("{s:s, s:s, s:o}", "title", s->title, "axis",
                                                 s->second ? panel->y2_label : panel->y_label,
                                                 "points", points));
        }
        json_array_append_new(panels, json_pack("{s:s, s:s, s:o}", "what", panel->what, "x",
                                                panel->x_label, "series", all));
    }
    return json_out(json_pack("{s:I, s:s, s:o}", "run", (json_int_t)r->number, "title", p->title,
                              "panels", panels));
}

static int print_csv(const struct picture *p)
{
    puts("panel,series,x_axis,y_axis,x,y,cycle");
    for (unsigned i = 0; i < p->n; i++) {
        const struct panel *panel = &p->panel[i];

        for (unsigned k = 0; k < panel->n; k++) {
            const struct series *s = &panel->series[k];
            const struct plot_point *point = (const struct plot_point *)(const void *)s->points.p;

            for (size_t n = 0; n < s->points.n; n++) {
                csv_cell(stdout, panel->what, true);
                csv_cell(stdout, s->title, false);
                csv_cell(stdout, panel->x_label, false);
                csv_cell(stdout, s->second ? panel->y2_label : panel->y_label, false);
                csv_number(stdout, point[n].x, false);
                csv_number(stdout, point[n].y, false);
                csv_number(stdout, panel->by_cycle ? point[n].z : (double)NAN, false);
                putchar('\n');
            }
        }
    }
    return EXIT_DONE;
}

/* ---- The subcommand ---- */

static int plot_file(const struct args *a, struct run_file *f, const struct wish *w,
                     const char *base)
{
    struct picture picture = {.n = 0};
    struct story story;
    struct diag d;
    int rc;

    diag_init(&d);
    if (story_read(f, &story, &d) < 0) {
        return cli_findings(a, &d);
    }
    if (fill(&picture, f, &story, w, &d) < 0) {
        rc = cli_findings(a, &d);
    } else if (a->json) {
        rc = print_json(&picture, &story.info);
    } else if (a->csv) {
        rc = print_csv(&picture);
    } else {
        rc = draw(a, &picture, w, base);
    }
    picture_done(&picture);
    story_done(&story);
    return rc;
}

static int run(const struct args *a)
{
    struct run_file *f = NULL;
    char base[LOOK_PATH_MAX];
    struct run_info info;
    struct wish w;
    int rc = take_wish(a, &w);

    if (rc == EXIT_DONE) {
        rc = look_open(a, a->n > 0 ? a->arg[0] : NULL, &f, &info, base);
    }
    if (rc == EXIT_DONE) {
        rc = plot_file(a, f, &w, base);
        run_close(f);
    }
    return rc;
}

static const struct option options[] = {
    {"--what",    "KIND",   false,
     "all (default: time, curves, cycles, contact), one of these, or temperatures, groups, "
     "resistance, ica, dva"                                                                       },
    {"--channel", "NAME",   true,  "this channel over time"                                       },
    {"--from",    "TIME",   false, "of the run, such as \"10 h\""                                 },
    {"--to",      "TIME",   false, "of the run"                                                   },
    {"--as",      "FORMAT", false, "terminal, svg or png (default: the terminal, and an SVG file)"},
    {"--out",     "FILE",   false,
     "the picture (default: beside the run file); its gnuplot script gets .gp"                    },
    {NULL,        NULL,     false, NULL                                                           },
};

const struct command cmd_plot = {
    .name = "plot",
    .group = "use",
    .arguments = "[RUN]",
    .help = "draw a run: over time, voltage over charge, capacity, resistance, dQ/dV",
    .more =
        "RUN is a number of `benchctl runs` or the path of a run file; without it the newest.\n"
        "The script that drew a picture is kept beside it with its data. --json and --csv print\n"
        "the points of the picture instead. groups: voltages of the cell groups of a string;\n"
        "resistance: over the state of charge; ica, dva: dQ/dV and dV/dQ of every half cycle.\n"
        "\n"
        "  benchctl plot 42 --what contact\n"
        "  benchctl plot 42 --channel cell.voltage --channel chamber.temperature --from \"10 h\" "
        "--as png",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON | COMMON_CSV,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
