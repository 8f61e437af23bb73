/* benchctl/cmd_analyze.c - `benchctl analyze RUN [WHAT]`: what a run's rows say. */
#include "benchctl/analyze_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    int (*fill)(const struct recording *r, const struct analyze_wish *w, struct page *s,
                struct diag *reterr);
} kinds[] = {
    {"cycles",     analyze_cycles    },
    {"steps",      analyze_steps     },
    {"resistance", analyze_resistance},
    {"ica",        analyze_ica       },
    {"dva",        analyze_dva       },
    {"heat",       analyze_heat      },
    {"groups",     analyze_groups    },
};

/* ---- What is asked for ---- */

static int kind_of(const struct args *a, const char *word, size_t *ret)
{
    const char *names[ARRAY_LEN(kinds) + 1] = {NULL};
    const char *near;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(word, kinds[i].name) == 0) {
            *ret = i;
            return EXIT_DONE;
        }
        names[i] = kinds[i].name;
    }
    near = str_nearest(word, names);
    return cli_error(a, EXIT_USAGE, "`%s` is no analysis%s%s%s", word,
                     near ? ": did you mean "
                          : ": cycles, steps, resistance, ica, dva, heat, groups",
                     near ? near : "", near ? "?" : "");
}

/* One that is more than nothing. */
static int take_quantity(const struct args *a, const char *option, struct dims dims,
                         const char *example, double *ret)
{
    double si = 1.0;
    int rc = args_quantity(a, option, dims, example, &si);

    if (rc == EXIT_DONE && !(si > 0.0)) {
        return cli_error(a, EXIT_USAGE, "%s needs a value such as \"%s\", not `%s`", option,
                         example, args_get(a, option));
    }
    if (rc == EXIT_DONE && args_get(a, option)) {
        *ret = si;
    }
    return rc;
}

static int take_order(const struct args *a, enum cycle_order *ret)
{
    const char *text = args_get(a, "--first");

    if (!text) {
        return EXIT_DONE;
    }
    if (strcmp(text, "charge") == 0) {
        *ret = CYCLE_ORDER_CHARGE_FIRST;
    } else if (strcmp(text, "discharge") == 0) {
        *ret = CYCLE_ORDER_DISCHARGE_FIRST;
    } else {
        return cli_error(a, EXIT_USAGE, "--first needs charge or discharge, not `%s`", text);
    }
    return EXIT_DONE;
}

static int take_window(const struct args *a, unsigned *ret)
{
    const char *text = args_get(a, "--window");
    int64_t n = 0;

    if (!text) {
        return EXIT_DONE;
    }
    if (str_to_int(text, strlen(text), &n) < 0 || n < 3 || n > 999 || n % 2 == 0) {
        return cli_error(a, EXIT_USAGE, "--window needs an odd number from 3 to 999, not `%s`",
                         text);
    }
    *ret = (unsigned)n;
    return EXIT_DONE;
}

static int take_wish(const struct args *a, struct analyze_wish *w)
{
    int rc = take_order(a, &w->order);

    if (rc == EXIT_DONE) {
        rc = take_quantity(a, "--vmin", DIMS_VOLTAGE, "3.0 V", &w->v_min);
    }
    if (rc == EXIT_DONE) {
        rc = take_quantity(a, "--vmax", DIMS_VOLTAGE, "4.2 V", &w->v_max);
    }
    if (rc == EXIT_DONE) {
        rc = take_quantity(a, "--resistance", DIMS_RESISTANCE, "110 mohm", &w->r_ohm);
    }
    if (rc == EXIT_DONE) {
        rc = take_quantity(a, "--grid", DIMS_VOLTAGE, "2 mV", &w->grid_v);
    }
    if (rc == EXIT_DONE) {
        rc = take_window(a, &w->window);
    }
    w->points = args_get(a, "--points") != NULL;
    return rc;
}

/* ---- The subcommand ---- */

static int analyze(const struct args *a, struct run_file *f, size_t kind,
                   const struct analyze_wish *w)
{
    struct recording r = {0};
    struct page s;
    struct diag d;
    int rc;

    diag_init(&d);
    if (args_get(a, "--quick")) {
        rc = analyze_summaries(f, &s, &d);
    } else {
        rc = recording_read(f, &r, &d);
        if (rc == 0) {
            rc = kinds[kind].fill(&r, w, &s, &d);
        }
        recording_done(&r);
    }
    return rc < 0 ? cli_findings(a, &d) : page_out(&s, a, kinds[kind].name);
}

static void print_head(const struct run_info *r, const char *what)
{
    char text[160];

    printf("run %lld  %s%s%s  %s%s\n\n", (long long)r->number, run_what(r, text, sizeof(text)),
           r->article[0] ? "  article " : "", r->article, what,
           r->ended ? "" : "  (it has not ended: what is in the file so far)");
}

static int run(const struct args *a)
{
    struct analyze_wish w = {.v_min = (double)NAN, .v_max = (double)NAN};
    struct run_file *f = NULL;
    struct run_info info;
    size_t kind = 0;
    int rc = EXIT_DONE;

    if (a->n > 1) {
        rc = kind_of(a, a->arg[1], &kind);
    }
    if (rc == EXIT_DONE) {
        rc = take_wish(a, &w);
    }
    if (rc == EXIT_DONE && args_get(a, "--quick") && kind != 0) {
        rc = cli_error(a, EXIT_USAGE, "--quick goes with cycles");
    }
    if (rc == EXIT_DONE) {
        rc = look_open(a, a->arg[0], &f, &info, NULL);
    }
    if (rc != EXIT_DONE) {
        return rc;
    }
    if (!a->json && !a->csv) {
        print_head(&info, kinds[kind].name);
    }
    rc = analyze(a, f, kind, &w);
    run_close(f);
    return rc;
}

static const struct option options[] = {
    {"--first",      "WHICH",      false, "cycles begin with charge or discharge; else found"   },
    {"--quick",      NULL,         false, "cycles from the step summaries, without reading rows"},
    {"--vmin",       "VOLTAGE",    false, "resistance: power to this one, not the lowest seen"  },
    {"--vmax",       "VOLTAGE",    false, "resistance: power to this one, not the highest seen" },
    {"--resistance", "RESISTANCE", false, "ica, dva: take I R out of the voltage first"         },
    {"--grid",       "VOLTAGE",    false, "ica: grid (default 2 mV, or two steps of the meter)" },
    {"--window",     "N",          false, "ica, dva: points of the smoothing (default 15, 11)"  },
    {"--points",     NULL,         false, "ica, dva: the curves, not their peaks"               },
    {NULL,           NULL,         false, NULL                                                  },
};

const struct command cmd_analyze = {
    .name = "analyze",
    .group = "use",
    .arguments = "RUN [cycles|steps|resistance|ica|dva|heat|groups]",
    .help = "what the rows of a run say: capacity, CE, resistance, dQ/dV, warmth, cell groups",
    .more =
        "RUN is a number of `benchctl runs` or the path of a run file, also one that is going on.\n"
        "Without a word: cycles. 30.090(36) is 30.090 with a standard uncertainty of 0.036.\n"
        "Nothing is shown that the rows do not tell: below the table it says why.\n"
        "\n"
        "  benchctl analyze 42\n"
        "  benchctl analyze 42 resistance --vmin '3.0 V' --csv > pulses.csv\n"
        "  benchctl analyze 42 ica --resistance '110 mohm'",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON | COMMON_CSV,
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
