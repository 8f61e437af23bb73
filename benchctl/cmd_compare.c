/* benchctl/cmd_compare.c - `benchctl compare [RUN] --model M | --run R2 | --recording FILE`: what
 * was measured beside what a model says, or what was measured elsewhere.
 */
#include "benchctl/compare_cmd.h"
#include "benchctl/plot_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    const char *model, *run, *recording, *out;
    enum compare_by by;
    bool drawn; /* in the terminal too */
};

static int take_by(const struct args *a, enum compare_by *ret)
{
    static const char *const names[] = {"time", "charge", "step", NULL};
    const char *text = args_get(a, "--by"), *near;

    *ret = COMPARE_BY_TIME;
    for (unsigned k = 0; text && names[k]; k++) {
        if (strcmp(text, names[k]) == 0) {
            *ret = (enum compare_by)k;
            return EXIT_DONE;
        }
    }
    if (!text) {
        return EXIT_DONE;
    }
    near = str_nearest(text, names);
    return cli_error(a, EXIT_USAGE, "--by is time, charge or step, not `%s`%s%s%s", text,
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int take_start(const struct args *a, struct compare_model *how)
{
    const char *text = args_get(a, "--start");

    if (!text || strcmp(text, "ocv") == 0) {
        how->start = COMPARE_FROM_OCV;
        return EXIT_DONE;
    }
    if (strcmp(text, "fresh") == 0) {
        how->start = COMPARE_FRESH;
        return EXIT_DONE;
    }
    how->start = COMPARE_AT_SOC;
    if (args_quantity(a, "--start", DIMS_NONE, "30 %", &how->soc) != EXIT_DONE ||
        !(how->soc >= 0.0 && how->soc <= 1.0)) {
        return cli_error(a, EXIT_USAGE,
                         "--start takes ocv, fresh, or a state of charge from 0 to 1");
    }
    return EXIT_DONE;
}

static int take_wish(const struct args *a, struct wish *w, struct comparison *x)
{
    int rc, n;

    *w = (struct wish){.model = args_get(a, "--model"),
                       .run = args_get(a, "--run"),
                       .recording = args_get(a, "--recording"),
                       .out = args_get(a, "--out"),
                       .drawn = args_get(a, "--plot") != NULL};
    x->how = (struct compare_model){.temperature_k = NAN, .pressure_pa = NAN};
    n = (w->model != NULL) + (w->run != NULL) + (w->recording != NULL);
    if (n != 1) {
        return cli_error(a, EXIT_USAGE, "beside what? one of --model, --run and --recording");
    }
    rc = take_by(a, &w->by);
    rc = rc ? rc : take_start(a, &x->how);
    rc = rc ? rc : args_quantity(a, "--lead", DIMS_RESISTANCE, "110 mohm", &x->how.lead_ohm);
    rc = rc ? rc : args_quantity(a, "--temperature", DIMS_TEMPERATURE, "25 degC", &x->how.temperature_k);
    rc = rc ? rc : args_quantity(a, "--pressure", DIMS_PRESSURE, "3 MPa", &x->how.pressure_pa);
    return rc;
}

static int take_limits(const struct args *a, struct compare_limits *l)
{
    int rc = args_quantity(a, "--band", DIMS_VOLTAGE, "50 mV", &l->band_v);

    rc = rc ? rc : args_quantity(a, "--rmse", DIMS_VOLTAGE, "15 mV", &l->rmse_v);
    rc = rc ? rc : args_quantity(a, "--mask", DIMS_TIME, "200 ms", &l->mask_s);
    rc = rc ? rc : args_quantity(a, "--from", DIMS_TIME, "2 h", &l->from_s);
    rc = rc ? rc : args_quantity(a, "--to", DIMS_TIME, "10 h", &l->to_s);
    if (rc == EXIT_DONE && (!(l->band_v > 0.0) || !(l->rmse_v > 0.0) || !(l->mask_s >= 0.0))) {
        rc = cli_error(a, EXIT_USAGE, "a band is above zero");
    }
    return rc;
}

/* ---- The work ---- */

static int with_model(const struct args *a, const struct wish *w, struct comparison *x)
{
    struct compare_limits limits;
    char *text = NULL;
    size_t n;
    struct diag d;
    int rc;

    diag_init(&d);
    if (model_find(w->model, NULL, NULL, &x->model, &text, &n, x->model_path, &d) < 0) {
        return cli_findings(a, &d);
    }
    free(text);
    x->has_model = true;
    x->how.model = &x->model;
    compare_limits_default(&limits);
    limits.band_v = x->model.band_v;
    limits.rmse_v = x->model.rmse_v;
    limits.sigma_v = x->model.sigma_v;
    rc = take_limits(a, &limits);
    if (rc == EXIT_DONE && compare_with_model(&x->mine.r, &x->how, w->by, &limits, &x->c, &d) < 0) {
        rc = cli_findings(a, &d);
    }
    return rc;
}

static int with_recording(const struct args *a, const struct wish *w, struct comparison *x)
{
    struct compare_limits limits;
    struct diag d;
    int rc = w->run ? side_open(a, w->run, &x->other) : side_import(a, w->recording, &x->other);

    diag_init(&d);
    compare_limits_default(&limits);
    rc = rc ? rc : take_limits(a, &limits);
    if (rc == EXIT_DONE &&
        compare_recordings(&x->mine.r, &x->other.r, w->by, &limits, &x->c, &d) < 0) {
        rc = cli_findings(a, &d);
    }
    return rc;
}

/* A run's picture stands beside it, that of another cycler's file in the working folder. */
static int draw(const struct args *a, const struct wish *w, const struct comparison *x, char *out,
                size_t size)
{
    struct picture picture = {.n = 0};
    struct diag d;
    int rc;

    diag_init(&d);
    rc = w->out ? str_fmt(out, size, "%s", w->out)
                : str_fmt(out, size, "%s-compare.svg", x->mine.base);
    compare_picture(x, &picture);
    rc = rc < 0 ? diag_add(&d, rc, "the path of the picture is too long") : rc;
    if (rc == 0) {
        size_t n = strlen(out);
        bool png = n > 4 && strcmp(out + n - 4, ".png") == 0;

        rc = plot_draw_file(&picture, png ? PLOT_PNG : PLOT_SVG, out, &d);
    }
    if (rc == 0 && w->drawn) {
        rc = plot_draw_terminal(&picture, &d);
        printf("\n");
    }
    picture_done(&picture);
    if (rc < 0) {
        cli_findings(a, &d);
        return EXIT_INTERNAL;
    }
    return EXIT_DONE;
}

static int tell(const struct args *a, const struct wish *w, const struct comparison *x)
{
    char out[LOOK_PATH_MAX + 16] = "";
    int rc;

    if (a->json || a->csv) {
        rc = a->json ? compare_print_json(x) : compare_print_csv(x);
    } else {
        rc = args_get(a, "--no-plot") ? EXIT_DONE : draw(a, w, x, out, sizeof(out));
        rc = rc ? rc : compare_print(a, x, out);
    }
    return rc                                                                         ? rc
           : x->c.total.verdict == COMPARE_FAIL || x->c.total.verdict == COMPARE_NONE ? EXIT_LIMITS
                                                                                      : EXIT_DONE;
}

static int run(const struct args *a)
{
    struct comparison *x = calloc(1, sizeof(*x));
    struct wish w;
    int rc;

    if (!x) {
        return cli_error(a, EXIT_INTERNAL, "out of memory");
    }
    rc = take_wish(a, &w, x);
    rc = rc ? rc : side_open(a, a->n > 0 ? a->arg[0] : NULL, &x->mine);
    if (rc == EXIT_DONE) {
        rc = w.model ? with_model(a, &w, x) : with_recording(a, &w, x);
    }
    rc = rc ? rc : tell(a, &w, x);
    compare_done(&x->c);
    side_done(&x->other);
    side_done(&x->mine);
    free(x);
    return rc;
}

static const struct option options[] = {
    {"--model",       "NAME",        false,
     "a cell model: assb-lab-cell, spm-chen2020, or the parameter file of a cell"                             },
    {"--run",         "RUN",         false, "another run"                                                     },
    {"--recording",   "FILE",        false, "a recording of another cycler"                                   },
    {"--by",          "AXIS",        false, "time, charge or step (default: time)"                            },
    {"--start",       "SOC",         false,
     "of the model: ocv (default: the rest it begins with), fresh, or a state of charge"                      },
    {"--from",        "TIME",        false, "of the recording: a model starts there, nothing before is judged"},
    {"--to",          "TIME",        false, "nothing after it is judged"                                      },
    {"--lead",        "RESISTANCE",  false, "of the set-up, in series with the model"                         },
    {"--temperature", "TEMPERATURE", false, "of the model, where the recording has none"                      },
    {"--pressure",    "PRESSURE",    false, "of the model, where the recording has none"                      },
    {"--band",        "VOLTAGE",     false, "the residual may be this far (default: the model's, or 50 mV)"   },
    {"--rmse",        "VOLTAGE",     false, "and its root mean square (default: the model's, or any)"         },
    {"--mask",        "TIME",        false, "not judged after a change (default: 200 ms)"                     },
    {"--out",         "FILE",        false, "the picture, .svg or .png (default: beside the run file)"        },
    {"--plot",        NULL,          false, "draw it in the terminal too"                                     },
    {"--no-plot",     NULL,          false, "draw no picture"                                                 },
    {NULL,            NULL,          false, NULL                                                              },
};

extern const struct command cmd_compare;
const struct command cmd_compare = {
    .name = "compare",
    .group = "use",
    .arguments = "[RUN]",
    .help = "a run beside a cell model, another run or a recording: scores, band, residual",
    .more =
        "RUN is a number of `benchctl runs`, the path of a run file, or a recording of another\n"
        "cycler; without it the newest run. The model is driven with the measured current and\n"
        "asked at the measured instants. Exit 1: outside the band. --csv prints every row.\n"
        "\n"
        "  benchctl compare 42 --model assb-lab-cell --start fresh\n"
        "  benchctl compare 42 --run 41 --by charge --band \"10 mV\"\n"
        "  benchctl compare cell.csv --model leaf-cell --start 1",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON | COMMON_CSV,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
