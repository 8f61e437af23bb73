/* benchctl/cmd_model.c - `benchctl model`: a cell's parameters fitted to recordings, and shown. */
#include "benchctl/cellfile.h"
#include "benchctl/look.h"

#include "analysis/cell_fit.h"
#include "analysis/import.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORDINGS = 2
};

static const char *const value_titles[CELL_FIT_VALUES] = {"R0 mOhm", "R1 mOhm", "tau1 s", "R2 mOhm",
                                                          "tau2 s"};

static bool is_time(unsigned value)
{
    return value == 2 || value == 4;
}

/* ---- What is fitted to ---- */

struct given {
    struct recording rec[RECORDINGS];
    char source[RECORDINGS][320];
    unsigned n;
};

static void given_done(struct given *g)
{
    for (unsigned k = 0; k < g->n; k++) {
        recording_done(&g->rec[k]);
    }
}

/* The file's name without its folders, and its hash: what it was is then known wherever it is. */
static int source_of_file(const char *path, char *ret, size_t size, struct diag *reterr)
{
    const char *slash = strrchr(path, '/');
    struct sha256 h;
    uint8_t digest[32];
    char hex[65], *text = NULL;
    size_t n = 0;
    int rc = file_read(path, 1U << 30, &text, &n);

    if (rc < 0) {
        return diag_add(reterr, rc, "%s: %s", path, err_text(rc));
    }
    sha256_init(&h);
    sha256_add(&h, text, n);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    free(text);
    rc = str_fmt(ret, size, "%s, sha256 %s", slash ? slash + 1 : path, hex);
    return rc < 0 ? diag_add(reterr, rc, "%s: the name is too long", path) : 0;
}

static int take_files(const struct args *a, struct given *g, struct diag *reterr)
{
    const char *path[RECORDINGS + 1];
    unsigned n = args_all(a, "--recording", path, RECORDINGS + 1);

    for (unsigned k = 0; k < n; k++) {
        int rc = g->n < RECORDINGS ? 0 : diag_add(reterr, E_FULL, "there are too many recordings");

        rc = rc < 0 ? rc : import_recording(path[k], NULL, &g->rec[g->n], reterr);
        if (rc < 0) {
            return rc;
        }
        rc = source_of_file(path[k], g->source[g->n], sizeof(g->source[g->n]), reterr);
        g->n++;
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int take_run(const struct args *a, const char *word, struct given *g)
{
    struct run_file *f = NULL;
    struct run_info info;
    char base[LOOK_PATH_MAX];
    struct diag d;
    int rc;

    diag_init(&d);
    if (g->n == RECORDINGS) {
        return cli_error(a, EXIT_USAGE, "there are too many recordings");
    }
    rc = look_open(a, word, &f, &info, base);
    if (rc != EXIT_DONE) {
        return rc;
    }
    if (recording_read(f, &g->rec[g->n], &d) < 0) {
        rc = cli_findings(a, &d);
    } else {
        int cut = str_fmt(g->source[g->n], sizeof(g->source[g->n]), "run %lld of %s on %s",
                          (long long)info.number, info.procedure, info.article);

        (void)cut; /* a cut name still names it */
        g->n++;
    }
    run_close(f);
    return rc;
}

static int take_given(const struct args *a, struct given *g)
{
    struct diag d;

    diag_init(&d);
    if (take_files(a, g, &d) < 0) {
        return cli_findings(a, &d);
    }
    for (int k = 2; k < a->n; k++) {
        int rc = take_run(a, a->arg[k], g);

        if (rc != EXIT_DONE) {
            return rc;
        }
    }
    if (g->n != RECORDINGS) {
        return cli_error(a, EXIT_USAGE,
                         "a fit needs two recordings, a slow cycle and pulses; there %s %u",
                         g->n == 1 ? "is" : "are", g->n);
    }
    return EXIT_DONE;
}

static double largest_current(const struct recording *r)
{
    double most = 0.0;

    for (size_t k = 0; k < r->n; k++) {
        most = fmax(most, isfinite(r->current_a[k]) ? fabs(r->current_a[k]) : 0.0);
    }
    return most;
}

/* ---- Options ---- */

static int take_number(const struct args *a, const char *option, int64_t most, int64_t *ret)
{
    const char *text = args_get(a, option);

    *ret = 0;
    if (text && (str_to_int(text, strlen(text), ret) < 0 || *ret < 0 || *ret > most)) {
        return cli_error(a, EXIT_USAGE, "%s needs a whole number from 0, not `%s`", option, text);
    }
    return EXIT_DONE;
}

static int take_options(const struct args *a, struct cell_fit_options *o)
{
    static const struct dims molar = {.m = 2, .kg = 1, .s = -2, .mol = -1};
    static const struct dims heat = {.m = 2, .kg = 1, .s = -2, .k = -1};
    static const struct dims loss = {.m = 2, .kg = 1, .s = -3, .k = -1};
    int64_t cycle = 0, from = 0;
    int rc;

    cell_fit_options_default(o);
    rc = take_number(a, "--cycle", UINT32_MAX, &cycle);
    rc = rc ? rc : take_number(a, "--start", INT64_MAX, &from);
    rc = rc ? rc : args_quantity(a, "--temperature", DIMS_TEMPERATURE, "25 degC", &o->temperature_k);
    rc = rc ? rc : args_quantity(a, "--activation", molar, "30 kJ/mol", &o->activation_j_mol);
    rc = rc ? rc : args_quantity(a, "--heat-capacity", heat, "800 J/K", &o->heat_j_k);
    rc = rc ? rc : args_quantity(a, "--heat-loss", loss, "1.25 W/K", &o->loss_w_k);
    if (rc == EXIT_DONE && (o->heat_j_k <= 0.0 || o->loss_w_k < 0.0 || o->temperature_k <= 0.0)) {
        rc = cli_error(a, EXIT_USAGE, "heat capacity and temperature are above 0");
    }
    o->slow_cycle = (uint32_t)cycle;
    o->start = (uint64_t)from;
    return rc;
}

/* ---- A fit, for people ---- */

static void print_value(const char *label, const struct cell_fit_value *v, double scale,
                        const char *unit)
{
    printf("  %-30s %.4g +- %.2g %s%s%s\n", label, v->value * scale, v->half95 * scale, unit,
           v->identified ? "" : "  NOT IDENTIFIED: ", v->identified ? "" : v->why);
}

static void print_slow(const struct cell_fit *f)
{
    const struct cell_lead *l = &f->lead;

    printf("slow recording: cycle %u, %.2f A, %.2f Ah out\n", (unsigned)f->slow_cycle,
           f->slow_rate_a, f->slow_out_ah);
    printf("  %u steps of the current within %.1f s:", l->n, l->after_s);
    for (unsigned k = 0; k < l->n; k++) {
        printf(" %.1f", l->step_ohm[k] * 1e3);
    }
    printf(" mOhm\n");
    printf("  %-30s %.2f +- %.2g mOhm (fit %.2f less the cell's own %.2f)\n",
           "leads, kept out of the cell", l->lead_ohm * 1e3, l->half95_ohm * 1e3, l->sum_ohm * 1e3,
           l->cell_ohm * 1e3);
    print_value("resistances over the pulses'", &f->slow_factor, 1.0, "");
    print_value("pulses' voltage less this file's", &f->slow_offset_v, 1e3, "mV");
    print_value("pulses' full charge lies at", &f->slow_start_ah, 1.0, "Ah");
}

static void print_rows(const struct cell_fit *f)
{
    struct table t;
    bool any = false;

    table_begin(&t, CELL_FIT_VALUES + 2, 0x7f, NULL);
    table_cell(&t, "SOC %%");
    for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
        table_cell(&t, "%s", value_titles[v]);
    }
    table_cell(&t, "M mV");
    for (unsigned k = 0; k < f->param.n_rows; k++) {
        table_cell(&t, "%.1f", 100.0 * f->param.row[k].soc);
        for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
            const struct cell_fit_value *x = &f->value[k][v];
            double scale = is_time(v) ? 1.0 : 1e3;

            any = any || !x->identified;
            table_cell(&t, is_time(v) ? "%.1f +- %.1f%s" : "%.3f +- %.3f%s", x->value * scale,
                       x->half95 * scale, x->identified ? " " : "*");
        }
        table_cell(&t, "%.1f +- %.1f", f->param.row[k].hysteresis_v * 1e3,
                   f->hysteresis_half95_v[k] * 1e3);
    }
    table_print(&t, stdout);
    if (any) {
        printf("* not identified:\n");
        for (unsigned k = 0; k < f->param.n_rows; k++) {
            for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
                if (!f->value[k][v].identified) {
                    printf("  %s at soc %.1f %%: %s\n", value_titles[v],
                           100.0 * f->param.row[k].soc, f->value[k][v].why);
                }
            }
        }
    }
}

static void print_pulses(const struct cell_fit *f)
{
    struct table t;

    table_begin(&t, 5, 0x1f, NULL);
    table_cell(&t, "SOC %%");
    table_cell(&t, "rest V");
    table_cell(&t, "R10 mOhm");
    table_cell(&t, "model");
    table_cell(&t, "off %%");
    for (unsigned k = 0; k < f->n_pulses; k++) {
        const struct cell_fit_pulse *p = &f->pulse[k];

        table_cell(&t, "%.1f", 100.0 * p->soc);
        table_cell(&t, "%.3f", p->rest_v);
        table_cell(&t, "%.3f", p->measured_ohm * 1e3);
        table_cell(&t, "%.3f", p->model_ohm * 1e3);
        table_cell(&t, "%+.1f", 100.0 * (p->model_ohm / p->measured_ohm - 1.0));
    }
    table_print(&t, stdout);
}

static void print_fit(const struct cell_fit *f)
{
    print_slow(f);
    printf("cell: %.3f Ah; intervals are 95 %%, U +- %.1f mV\n", f->param.capacity_c / 3600.0,
           f->ocv_half95_v * 1e3);
    print_value("hysteresis turns, per unit soc", &f->hysteresis_rate, 1.0, "");
    print_value("U below the slow cycle's end", &f->tail_v_ah, 1.0, "V/Ah");
    print_rows(f);
    print_pulses(f);
    printf("pulse recording: %.2f mV rms from the first pulse on, %.2f mV over all %zu rows, "
           "largest %.1f mV\n",
           f->rms_after_v * 1e3, f->rms_v * 1e3, f->rows, f->most_v * 1e3);
    printf("fit: %zu values from %zu rows, %u rounds%s, %u iterations; Durbin-Watson %.2f, "
           "intervals widened by %.1f; condition %.3g, largest correlation %.3f\n",
           f->n_values, f->rows_used, f->rounds, f->settled ? "" : " (NOT SETTLED)", f->iterations,
           f->durbin_watson, f->widened, f->condition, f->correlation);
}

/* ---- A fit, for programs ---- */

static json_t *value_json(const struct cell_fit_value *v)
{
    json_t *o = json_object();

    json_object_set_new(o, "value", number_json(v->value));
    json_object_set_new(o, "half95", number_json(v->half95));
    json_object_set_new(o, "identified", json_boolean(v->identified));
    return o;
}

static json_t *rows_json(const struct cell_fit *f)
{
    static const char *const keys[CELL_FIT_VALUES] = {"r0_ohm", "r1_ohm", "tau1_s", "r2_ohm",
                                                      "tau2_s"};
    json_t *rows = json_array();

    for (unsigned k = 0; k < f->param.n_rows; k++) {
        json_t *row = json_object();

        json_object_set_new(row, "soc", number_json(f->param.row[k].soc));
        for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
            json_object_set_new(row, keys[v], value_json(&f->value[k][v]));
        }
        json_object_set_new(row, "hysteresis_v", number_json(f->param.row[k].hysteresis_v));
        json_array_append_new(rows, row);
    }
    return rows;
}

static int print_json(const struct cell_fit *f)
{
    json_t *o = json_object(), *pulses = json_array();

    for (unsigned k = 0; k < f->n_pulses; k++) {
        json_array_append_new(pulses, json_pack("{s:f, s:f, s:f, s:f}", "soc", f->pulse[k].soc,
                                                "rest_v", f->pulse[k].rest_v, "measured_ohm",
                                                f->pulse[k].measured_ohm, "model_ohm",
                                                f->pulse[k].model_ohm));
    }
    json_object_set_new(o, "capacity_c", number_json(f->param.capacity_c));
    json_object_set_new(o, "lead_ohm", number_json(f->lead.lead_ohm));
    json_object_set_new(o, "lead_half95_ohm", number_json(f->lead.half95_ohm));
    json_object_set_new(o, "slow_factor", value_json(&f->slow_factor));
    json_object_set_new(o, "slow_offset_v", value_json(&f->slow_offset_v));
    json_object_set_new(o, "slow_start_ah", value_json(&f->slow_start_ah));
    json_object_set_new(o, "hysteresis_rate", value_json(&f->hysteresis_rate));
    json_object_set_new(o, "rows", rows_json(f));
    json_object_set_new(o, "pulses", pulses);
    json_object_set_new(o, "rms_after_v", number_json(f->rms_after_v));
    json_object_set_new(o, "rms_v", number_json(f->rms_v));
    json_object_set_new(o, "durbin_watson", number_json(f->durbin_watson));
    json_object_set_new(o, "condition", number_json(f->condition));
    json_object_set_new(o, "settled", json_boolean(f->settled));
    return json_out(o);
}

/* ---- fit ---- */

static int write_file(const struct args *a, const struct cell_fit *f, const struct given *g)
{
    const char *out = args_get(a, "--out"), *name = args_get(a, "--name");
    struct cell_file_about about = {.name = name ? name : "cell", .about = args_get(a, "--about")};
    struct text text = {0};
    int rc;

    if (!out) {
        return EXIT_DONE;
    }
    about.n_sources = args_all(a, "--source", about.source, 14);
    for (unsigned k = 0; k < g->n; k++) {
        about.source[about.n_sources++] = g->source[k];
    }
    cell_file_write(f, &about, &text);
    rc = file_write(out, text.p, text.n);
    text_done(&text);
    if (rc < 0) {
        return cli_error(a, EXIT_INTERNAL, "cannot write %s: %s", out, err_text(rc));
    }
    if (!a->json) {
        printf("%s\n", out);
    }
    return EXIT_DONE;
}

static int fit_given(const struct args *a, const struct cell_fit_options *o, const struct given *g)
{
    bool first = largest_current(&g->rec[0]) <= largest_current(&g->rec[1]);
    struct cell_fit *f = calloc(1, sizeof(*f));
    struct diag d;
    int rc = EXIT_DONE;

    diag_init(&d);
    if (!f) {
        return cli_error(a, EXIT_INTERNAL, "no memory for a fit");
    }
    if (cell_fit(&g->rec[!first], &g->rec[first], o, f, &d) < 0) {
        rc = cli_findings(a, &d);
    } else {
        if (a->json) {
            print_json(f);
        } else {
            print_fit(f);
        }
        rc = write_file(a, f, g);
        rc = rc == EXIT_DONE && !f->settled ? EXIT_LIMITS : rc;
    }
    free(f);
    return rc;
}

static int run_fit(const struct args *a)
{
    struct given g = {.n = 0};
    struct cell_fit_options o;
    int rc;

    if (a->n < 2 || strcmp(a->arg[1], "cell") != 0) {
        return cli_error(a, EXIT_USAGE, "say what is fitted: `benchctl model fit cell ...`");
    }
    rc = take_options(a, &o);
    rc = rc ? rc : take_given(a, &g);
    rc = rc ? rc : fit_given(a, &o, &g);
    given_done(&g);
    return rc;
}

/* ---- show ---- */

static void show_rows(const struct cell_file *f)
{
    struct table t;
    static const char *const titles[] = {"SOC %",  "OCV V",   "R0 mOhm", "R1 mOhm",
                                         "tau1 s", "R2 mOhm", "tau2 s",  "M mV"};

    table_begin(&t, 8, 0xff, titles);
    for (unsigned k = 0; k < f->param.n_rows; k++) {
        const struct cell_row *r = &f->param.row[k];

        table_cell(&t, "%.1f", 100.0 * r->soc);
        table_cell(&t, "%.4f", cell_ocv_v(&f->param, r->soc));
        table_cell(&t, "%.3f", r->r0_ohm * 1e3);
        table_cell(&t, "%.3f", r->r1_ohm * 1e3);
        table_cell(&t, "%.1f", r->tau1_s);
        table_cell(&t, "%.3f", r->r2_ohm * 1e3);
        table_cell(&t, "%.1f", r->tau2_s);
        table_cell(&t, "%.1f", r->hysteresis_v * 1e3);
    }
    table_print(&t, stdout);
}

static void show_texts(const char *label, const struct conf_texts *t)
{
    for (unsigned k = 0; k < t->n; k++) {
        printf("  %-16s %s\n", k == 0 ? label : "", t->text[k]);
    }
}

static int show_json(const struct cell_file *f)
{
    json_t *o = json_object(), *rows = json_array();

    json_object_set_new(o, "cell", json_string(f->name));
    json_object_set_new(o, "capacity_c", number_json(f->param.capacity_c));
    for (unsigned k = 0; k < f->param.n_rows; k++) {
        const struct cell_row *r = &f->param.row[k];

        json_array_append_new(rows, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "soc",
                                              r->soc, "ocv_v", cell_ocv_v(&f->param, r->soc),
                                              "r0_ohm", r->r0_ohm, "r1_ohm", r->r1_ohm, "tau1_s",
                                              r->tau1_s, "r2_ohm", r->r2_ohm, "tau2_s", r->tau2_s,
                                              "hysteresis_v", r->hysteresis_v));
    }
    json_object_set_new(o, "rows", rows);
    return json_out(o);
}

static int run_show(const struct args *a)
{
    struct cell_file f;
    struct diag d;
    char text[48];

    diag_init(&d);
    if (a->n != 2) {
        return cli_error(a, EXIT_USAGE, "model show needs one parameter file");
    }
    if (cell_file_read(a->arg[1], &f, &d) < 0) {
        return cli_findings(a, &d);
    }
    if (a->json) {
        int rc = show_json(&f);

        cell_file_done(&f);
        return rc;
    }
    printf("%s  %s\n", f.name, f.about ? f.about : "");
    printf("  %-16s %s\n", "capacity",
           qty_print(f.param.capacity_c, DIMS_CHARGE, false, text, sizeof(text)));
    printf("  %-16s %.4f V .. %.4f V\n", "OCV", cell_ocv_v(&f.param, 0.0),
           cell_ocv_v(&f.param, 1.0));
    printf("  %-16s %s\n", "resistances at",
           qty_print(f.param.reference_k, DIMS_TEMPERATURE, true, text, sizeof(text)));
    show_texts("sources", &f.sources);
    show_texts("assumed", &f.assumed);
    show_texts("not identified", &f.not_identified);
    if (f.has_setup) {
        printf("  %-16s leads %.2f mOhm, voltage %+.2f mV, resistances times %.2f\n", "slow file",
               f.setup.lead_ohm * 1e3, -f.setup.offset_v * 1e3, f.setup.factor);
    }
    show_rows(&f);
    cell_file_done(&f);
    return EXIT_DONE;
}

/* ---- The subcommand ---- */

static int run(const struct args *a)
{
    static const char *const verbs[] = {"fit", "show", NULL};
    const char *near;

    if (strcmp(a->arg[0], "fit") == 0) {
        return run_fit(a);
    }
    if (strcmp(a->arg[0], "show") == 0) {
        return run_show(a);
    }
    near = str_nearest(a->arg[0], verbs);
    return cli_error(a, EXIT_USAGE, "model fits or shows, not `%s`%s%s%s", a->arg[0],
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static const struct option options[] = {
    {"--recording",     "FILE", true,  "a recording of a cycler: two, or runs of the lab"           },
    {"--cycle",         "N",    false, "of the slow recording (default: its first whole one)"       },
    {"--temperature",   "T",    false, "of the pulses (default 25 degC)"                            },
    {"--activation",    "E",    false, "of the resistances, as stated (default 30 kJ/mol)"          },
    {"--heat-capacity", "C",    false, "of the cell, as stated (default 800 J/K)"                   },
    {"--heat-loss",     "L",    false, "to what is around it, as stated (default 1.25 W/K)"         },
    {"--start",         "N",    false, "seed that moves the start of the fit (default 0: not moved)"},
    {"--out",           "FILE", false, "write the cell's parameter file"                            },
    {"--name",          "NAME", false, "of the cell in it"                                          },
    {"--about",         "TEXT", false, "a line about it"                                            },
    {"--source",        "TEXT", true,  "where recordings or assumed values come from"               },
    {NULL,              NULL,   false, NULL                                                         },
};

extern const struct command cmd_model;
const struct command cmd_model = {
    .name = "model",
    .group = "use",
    .arguments = "fit cell [RUN...] | show FILE",
    .help = "fit a cell's parameters to recordings, or show a parameter file",
    .more =
        "A fit needs two recordings: a slow cycle for the open-circuit voltage and pulses over\n"
        "the charge for the resistances; which is which their currents tell. Leads of the slow\n"
        "recording are fitted and kept out of the cell. Intervals are 95 %; what the recordings\n"
        "do not tell is said so. Exit 1: the fit did not settle.\n"
        "\n"
        "  benchctl model fit cell --recording slow.csv --cycle 5 --recording hppc.csv --out "
        "cell.yaml\n"
        "  benchctl model show models/leaf-cell.yaml",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON,
    .min_args = 1,
    .max_args = 4,
    .run = run,
};
