/* benchctl/cmd_import.c - `benchctl import FILE...`: recordings of other cyclers become runs. */
#include "analysis/import.h"
#include "base/clock.h"
#include "base/err.h"
#include "benchctl/look.h"
#include "db/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    struct import_options opt;
    struct import_run run;
    bool why;
};

/* ---- Options ---- */

/* One of the words; its place, -1 with a message. */
static int take_word(const struct args *a, const char *option, const char *const *words)
{
    const char *given = args_get(a, option), *near;

    if (!given) {
        return 0;
    }
    for (int i = 1; words[i]; i++) {
        if (strcmp(words[i], given) == 0) {
            return i;
        }
    }
    near = str_nearest(given, words + 1);
    (void)cli_error(a, EXIT_USAGE, "%s cannot be `%s`%s%s%s", option, given,
                    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return -1;
}

static int take_signs(const struct args *a, struct import_options *o)
{
    static const char *const separators[] = {"", "comma", "semicolon", "tab", NULL};
    static const char *const decimals[] = {"", "point", "comma", NULL};
    static const char *const signs[] = {"", "charge", "discharge", "state", NULL};
    static const char *const dates[] = {"", "dmy", "mdy", NULL};
    static const char *const backs[] = {"", "skip", "join", NULL};
    int separator = take_word(a, "--separator", separators);
    int decimal = take_word(a, "--decimal", decimals);
    int sign = take_word(a, "--sign", signs), date = take_word(a, "--date", dates);
    int back = take_word(a, "--back", backs);

    if (separator < 0 || decimal < 0 || sign < 0 || date < 0 || back < 0) {
        return EXIT_USAGE;
    }
    o->separator = "\0,;\t"[separator];
    o->decimal = "\0.,"[decimal];
    o->sign = (enum import_sign)sign;
    o->date = (enum import_date)date;
    o->back = (enum import_back)back;
    return EXIT_DONE;
}

static int take_capacity(const struct args *a, struct wish *w)
{
    double charge_c = (double)NAN;
    int rc = args_quantity(a, "--capacity", DIMS_CHARGE, "31 Ah", &charge_c);

    if (rc == EXIT_DONE && charge_c <= 0.0) {
        return cli_error(a, EXIT_USAGE, "--capacity needs a charge, such as \"31 Ah\", not `%s`",
                         args_get(a, "--capacity"));
    }
    w->run.capacity_ah = charge_c / 3600.0;
    return rc;
}

static int take_wish(const struct args *a, struct wish *w)
{
    int rc;

    memset(w, 0, sizeof(*w));
    w->why = args_get(a, "--why") != NULL;
    w->run.article = args_get(a, "--article");
    w->run.build = BENCHCTL_VERSION;
    w->opt.dialect = args_get(a, "--dialect");
    w->opt.time_unit = args_get(a, "--time-unit");
    w->opt.voltage_unit = args_get(a, "--voltage-unit");
    w->opt.current_unit = args_get(a, "--current-unit");
    w->opt.charge_unit = args_get(a, "--charge-unit");
    w->opt.energy_unit = args_get(a, "--energy-unit");
    w->opt.n_set = args_all(a, "--set", w->opt.set, IMPORT_SET_MAX);
    rc = take_signs(a, &w->opt);
    return rc ? rc : take_capacity(a, w);
}

/* ---- What is told ---- */

static void tell_findings(const struct args *a, const struct diag *d)
{
    if (d->n > 0) {
        (void)cli_findings(a, d);
    }
}

static json_t *report_json(const struct import_report *r)
{
    json_t *o = json_pack("{s:s, s:s, s:i}", "dialect", r->dialect, "title", r->title,
                          "header_line", r->header_line);
    json_t *columns = json_array(), *why = json_array();

    for (unsigned i = 0; i < r->n_why; i++) {
        json_array_append_new(why, json_string(r->why[i]));
    }
    for (unsigned i = 0; i < r->n_columns; i++) {
        const struct import_column *c = &r->column[i];
        json_t *column =
            json_pack("{s:s, s:s, s:s}", "header", c->header, "unit", c->unit, "column", c->name);

        if (c->name[0] == '\0' && c->why) {
            json_object_set_new(column, "left_out", json_string(c->why));
        }
        json_array_append_new(columns, column);
    }
    json_object_set_new(o, "evidence", why);
    json_object_set_new(o, "columns", columns);
    return o;
}

static int explain(const struct args *a, const struct wish *w, const char *path, json_t *list)
{
    struct import_report *r = malloc(sizeof(*r));
    struct text t = {0};
    struct diag d;
    int rc;

    if (!r) {
        return cli_error(a, EXIT_INTERNAL, "out of memory");
    }
    diag_init(&d);
    rc = import_explain(path, &w->opt, r, &d);
    tell_findings(a, &d);
    if (rc == 0 && list) {
        json_t *o = report_json(r);

        json_object_set_new(o, "file", json_string(path));
        json_array_append_new(list, o);
    } else if (rc == 0) {
        import_why(r, &t);
        printf("%s: %s\n%.*s", path, r->title, (int)t.n, t.p ? t.p : "");
        text_done(&t);
    }
    free(r);
    return rc < 0 ? EXIT_FILE : EXIT_DONE;
}

static void told_json(json_t *list, const char *path, int64_t number, const struct import_report *r)
{
    json_t *o = report_json(r);

    json_object_set_new(o, "file", json_string(path));
    json_object_set_new(o, "run", json_integer((json_int_t)number));
    json_object_set_new(o, "rows", json_integer((json_int_t)r->rows));
    json_object_set_new(o, "steps", json_integer((json_int_t)r->steps));
    json_object_set_new(o, "cycles", json_integer((json_int_t)r->cycles));
    json_object_set_new(o, "duration_s", number_json(r->to_s - r->from_s));
    json_object_set_new(o, "charge_in_ah", number_json(r->in_ah));
    json_object_set_new(o, "charge_out_ah", number_json(r->out_ah));
    json_object_set_new(o, "counter_in_ah", number_json(r->their_in_ah));
    json_object_set_new(o, "counter_out_ah", number_json(r->their_out_ah));
    json_object_set_new(o, "sha256", json_string(r->sha256));
    json_array_append_new(list, o);
}

static void told(const char *path, int64_t number, const struct import_report *r)
{
    char took[40], in[40], out[40];

    printf("run %lld: %s, %s: %llu rows, %llu step%s, %llu cycle%s, %s, in %s, out %s\n",
           (long long)number, path, r->title, (unsigned long long)r->rows,
           (unsigned long long)r->steps, r->steps == 1 ? "" : "s", (unsigned long long)r->cycles,
           r->cycles == 1 ? "" : "s", duration_text(r->to_s - r->from_s, took, sizeof(took)),
           value_text(r->in_ah * 3600.0, DIMS_CHARGE, false, in, sizeof(in)),
           value_text(r->out_ah * 3600.0, DIMS_CHARGE, false, out, sizeof(out)));
}

/* ---- Work ---- */

static int import_one(const struct args *a, struct wish *w, struct store *s, const char *path,
                      json_t *list)
{
    struct import_report *r = malloc(sizeof(*r));
    int64_t number = 0;
    struct diag d;
    int rc;

    if (!r) {
        return cli_error(a, EXIT_INTERNAL, "out of memory");
    }
    diag_init(&d);
    rc = import_run(s, path, &w->opt, &w->run, r, &number, &d);
    tell_findings(a, &d);
    if (rc == 0 && list) {
        told_json(list, path, number, r);
    } else if (rc == 0) {
        told(path, number, r);
    }
    free(r);
    return rc < 0 ? EXIT_FILE : EXIT_DONE;
}

static int import_all(const struct args *a, struct wish *w, json_t *list)
{
    struct clock clock;
    struct store *s;
    struct diag d;
    int exit_code = EXIT_DONE;

    diag_init(&d);
    if (lab_open(a->lab, &s, &d) < 0) {
        return cli_findings(a, &d);
    }
    clock_init_os(&clock);
    w->run.wall = clock_wall(&clock);
    for (int i = 0; i < a->n; i++) {
        int rc = import_one(a, w, s, a->arg[i], list);

        exit_code = rc ? rc : exit_code;
    }
    lab_close(s);
    return exit_code;
}

static int run(const struct args *a)
{
    struct wish w;
    json_t *list = NULL;
    int rc = take_wish(a, &w), exit_code = EXIT_DONE;

    if (rc) {
        return rc;
    }
    if (a->json) {
        list = json_array();
    }
    if (w.why) {
        for (int i = 0; i < a->n; i++) {
            rc = explain(a, &w, a->arg[i], list);
            exit_code = rc ? rc : exit_code;
        }
    } else {
        exit_code = import_all(a, &w, list);
    }
    if (list) {
        (void)json_out(list);
    }
    return exit_code;
}

static const struct option options[] = {
    {"--why",          NULL,          false, "only tell how the file would be read, and by what evidence" },
    {"--article",      "ARTICLE",     false, "what was measured"                                          },
    {"--capacity",     "CHARGE",      false, "its capacity, such as \"31 Ah\""                            },
    {"--dialect",      "NAME",        false,
     "bitrode, ftv, arbin, maccor, neware, basytec, novonix, pec,"
     " ec-lab, bdf, benchctl or csv"                                                                      },
    {"--set",          "WHAT=HEADER", true,
     "this header is time, step_time, wall, voltage, current,"
     " cycle, step, state; skip leaves it out"                                                            },
    {"--separator",    "WORD",        false, "comma, semicolon or tab"                                    },
    {"--decimal",      "WORD",        false, "point or comma"                                             },
    {"--time-unit",    "UNIT",        false, "s, ms, min or h, whatever the header says"                  },
    {"--voltage-unit", "UNIT",        false, "V or mV"                                                    },
    {"--current-unit", "UNIT",        false, "A, mA or uA"                                                },
    {"--charge-unit",  "UNIT",        false, "of the counters: Ah, mAh or As"                             },
    {"--energy-unit",  "UNIT",        false, "of the counters: Wh, mWh or J"                              },
    {"--sign",         "WORD",        false, "positive current is charge, discharge, or as the state says"},
    {"--date",         "WORD",        false, "dmy or mdy"                                                 },
    {"--back",         "WORD",        false,
     "rows whose time goes back: skip them, or join a clock that"
     " was started anew"                                                                                  },
    {NULL,             NULL,          false, NULL                                                         },
};

const struct command cmd_import = {
    .name = "import",
    .group = "use",
    .arguments = "FILE...",
    .help = "recordings of other cyclers become runs",
    .more =
        "Each file becomes a run file that show, plot and analyze read like our own. Rows stay as"
        " they are, the instrument's counters stand beside ours.",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON,
    .min_args = 1,
    .max_args = ARGS_MAX,
    .run = run,
};
