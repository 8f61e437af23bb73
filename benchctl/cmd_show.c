/* benchctl/cmd_show.c - `benchctl show [RUN]`: one run told, or given to other programs. */
#include "benchctl/show_priv.h"

#include <math.h>
#include <string.h>

/* ---- JSON ---- */

static void set_number(json_t *o, const char *key, double v)
{
    json_object_set_new(o, key, number_json(v));
}

static json_t *info_json(const struct run_info *r)
{
    char start[40];
    json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "number",
                          (json_int_t)r->number, "procedure", r->procedure, "version", r->version,
                          "title", r->title, "article", r->article, "bench", r->bench, "station",
                          r->station, "verdict", r->verdict, "cause", r->cause, "text", r->text,
                          "ended", r->ended, "virtual", r->is_virtual);

    json_object_set_new(o, "start",
                        json_string(wall_text(r->wall_start, true, start, sizeof(start))));
    set_number(o, "duration_s", nsec_to_s(r->duration));
    set_number(o, "capacity_ah", r->capacity_c / 3600.0);
    set_number(o, "area_m2", r->area_m2);
    json_object_set_new(o, "seed", json_integer((json_int_t)r->seed));
    json_object_set_new(o, "events", json_integer((json_int_t)r->events));
    json_object_set_new(o, "guard_evaluations", json_integer((json_int_t)r->guard_evaluations));
    json_object_set_new(o, "program_hash", json_string(r->hash));
    json_object_set_new(o, "build", json_string(r->build));
    json_object_set_new(o, "rows_sha256", json_string(r->rows_sha256));
    return o;
}

/* A figure of a row: the same table makes JSON keys and CSV columns. */
struct figure {
    const char *name;
    size_t offset;
};
#define FIGURE(type, field)                  \
    {                                        \
#        field, offsetof(struct type, field) \
    }

static double figure_value(const void *row, const struct figure *f)
{
    double v;

    memcpy(&v, (const char *)row + f->offset, sizeof(v));
    return v;
}

static const struct figure cycle_figures[] = {FIGURE(cycle_row, pressure_pa),
                                              FIGURE(cycle_row, charge_ah),
                                              FIGURE(cycle_row, discharge_ah),
                                              FIGURE(cycle_row, charge_wh),
                                              FIGURE(cycle_row, discharge_wh),
                                              FIGURE(cycle_row, ce),
                                              FIGURE(cycle_row, ee),
                                              FIGURE(cycle_row, v_charge_mean),
                                              FIGURE(cycle_row, v_discharge_mean)};
static const struct figure step_figures[] = {FIGURE(step_row, charge_ah),
                                             FIGURE(step_row, energy_wh),
                                             FIGURE(step_row, charge_in_ah),
                                             FIGURE(step_row, charge_out_ah),
                                             FIGURE(step_row, energy_in_wh),
                                             FIGURE(step_row, energy_out_wh),
                                             FIGURE(step_row, v_first),
                                             FIGURE(step_row, v_last),
                                             FIGURE(step_row, v_min),
                                             FIGURE(step_row, v_max),
                                             FIGURE(step_row, i_min),
                                             FIGURE(step_row, i_max),
                                             FIGURE(step_row, temperature_min_k),
                                             FIGURE(step_row, temperature_max_k),
                                             FIGURE(step_row, pressure_min_pa),
                                             FIGURE(step_row, pressure_max_pa),
                                             FIGURE(step_row, pressure_mean_pa)};

static json_t *cycles_json(const struct story *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->cycles.n; i++) {
        const struct cycle_row *c = story_cycle(s, i);
        json_t *o = json_pack("{s:I}", "cycle", (json_int_t)c->cycle);

        for (size_t k = 0; k < ARRAY_LEN(cycle_figures); k++) {
            set_number(o, cycle_figures[k].name, figure_value(c, &cycle_figures[k]));
        }
        if (s->resistance.name[0]) {
            set_number(o, "r_ohm", story_cycle_r_ohm(s, c->cycle));
        }
        json_array_append_new(all, o);
    }
    return all;
}

static double ended_s(const struct step_row *s)
{
    return s->ended == NSEC_NEVER ? (double)NAN : nsec_to_s(s->ended);
}

static json_t *steps_json(const struct story *s)
{
    const struct step_row *row = (const struct step_row *)(const void *)s->steps.p;
    json_t *all = json_array();

    for (size_t i = 0; i < s->steps.n; i++) {
        json_t *o = json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "number", (json_int_t)row[i].number,
                              "cycle", (json_int_t)row[i].cycle, "name", row[i].name, "verb",
                              row[i].verb, "cause", row[i].cause, "end_name", row[i].end_name);

        set_number(o, "began_s", nsec_to_s(row[i].began));
        set_number(o, "ended_s", ended_s(&row[i]));
        for (size_t k = 0; k < ARRAY_LEN(step_figures); k++) {
            set_number(o, step_figures[k].name, figure_value(&row[i], &step_figures[k]));
        }
        json_array_append_new(all, o);
    }
    return all;
}

static json_t *measures_json(const struct story *s)
{
    const struct measure_row *row = (const struct measure_row *)(const void *)s->measures.p;
    json_t *all = json_array();

    for (size_t i = 0; i < s->measures.n; i++) {
        json_t *o = json_pack("{s:I, s:I, s:s, s:s}", "step", (json_int_t)row[i].step, "cycle",
                              (json_int_t)row[i].cycle, "name", row[i].name, "unit", row[i].unit);

        set_number(o, "t_s", nsec_to_s(row[i].t));
        set_number(o, "value", row[i].value);
        json_array_append_new(all, o);
    }
    return all;
}

static json_t *notes_json(const struct story *s)
{
    const struct note_row *row = (const struct note_row *)(const void *)s->notes.p;
    json_t *all = json_array();

    for (size_t i = 0; i < s->notes.n; i++) {
        json_t *o = json_pack("{s:s, s:s}", "level", row[i].level, "text", row[i].text);

        set_number(o, "t_s", nsec_to_s(row[i].t));
        json_array_append_new(all, o);
    }
    return all;
}

static json_t *channels_json(const struct story *s)
{
    const struct channel_row *row = (const struct channel_row *)(const void *)s->channels.p;
    json_t *all = json_array();

    for (size_t i = 0; i < s->channels.n; i++) {
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", row[i].name,
                                             "table", row[i].table, "column", row[i].column, "unit",
                                             row[i].unit, "instrument", row[i].instrument,
                                             "identity", row[i].identity));
    }
    return all;
}

static json_t *contact_json(const struct story *s)
{
    const struct contact_fit *f = &s->fit;
    json_t *points = json_array(), *o = json_pack("{s:s}", "register", s->resistance.name);

    for (size_t i = 0; i < s->resistance.n; i++) {
        const struct contact_point *p = &s->resistance.row[i];
        json_t *point = json_pack("{s:I}", "cycle", (json_int_t)p->cycle);

        set_number(point, "t_s", p->t_s);
        set_number(point, "pressure_pa", p->pressure_pa);
        set_number(point, "r_ohm", p->r_ohm);
        json_array_append_new(points, point);
    }
    json_object_set_new(o, "points", points);
    if (s->has_fit) {
        json_t *fit = json_pack("{s:s, s:b, s:s, s:I, s:I}", "law", "R = a + b * (P / 5 MPa)^-m",
                                "identifiable", f->identifiable, "why", f->why, "points",
                                (json_int_t)f->n, "pressures", (json_int_t)f->n_pressures);

        set_number(fit, "a_ohm", f->a_ohm);
        set_number(fit, "b_ohm", f->b_ohm);
        set_number(fit, "m", f->m);
        set_number(fit, "se_a_ohm", f->se_a_ohm);
        set_number(fit, "se_b_ohm", f->se_b_ohm);
        set_number(fit, "se_m", f->se_m);
        set_number(fit, "rms_ohm", f->rms_ohm);
        json_object_set_new(o, "fit", fit);
    }
    return o;
}

static int show_json(const struct story *s)
{
    json_t *o = info_json(&s->info);

    json_object_set_new(o, "cycles", cycles_json(s));
    if (s->resistance.name[0]) {
        json_object_set_new(o, "contact", contact_json(s));
    }
    json_object_set_new(o, "steps", steps_json(s));
    json_object_set_new(o, "measures", measures_json(s));
    json_object_set_new(o, "notes", notes_json(s));
    json_object_set_new(o, "channels", channels_json(s));
    return json_out(o);
}

/* ---- CSV ---- */

static void csv_count(uint64_t n, bool first)
{
    char text[24];
    int rc = str_fmt(text, sizeof(text), "%llu", (unsigned long long)n);

    (void)rc;
    csv_cell(stdout, text, first);
}

static int csv_cycles(const struct story *s)
{
    fputs("cycle", stdout);
    for (size_t k = 0; k < ARRAY_LEN(cycle_figures); k++) {
        csv_cell(stdout, cycle_figures[k].name, false);
    }
    puts(",r_ohm");
    for (size_t i = 0; i < s->cycles.n; i++) {
        const struct cycle_row *c = story_cycle(s, i);

        csv_count(c->cycle, true);
        for (size_t k = 0; k < ARRAY_LEN(cycle_figures); k++) {
            csv_number(stdout, figure_value(c, &cycle_figures[k]), false);
        }
        csv_number(stdout, story_cycle_r_ohm(s, c->cycle), false);
        putchar('\n');
    }
    return EXIT_DONE;
}

static int csv_steps(const struct story *s)
{
    const struct step_row *row = (const struct step_row *)(const void *)s->steps.p;

    fputs("number,cycle,name,verb,cause,end_name,began_s,ended_s", stdout);
    for (size_t k = 0; k < ARRAY_LEN(step_figures); k++) {
        csv_cell(stdout, step_figures[k].name, false);
    }
    putchar('\n');
    for (size_t i = 0; i < s->steps.n; i++) {
        csv_count(row[i].number, true);
        csv_count(row[i].cycle, false);
        csv_cell(stdout, row[i].name, false);
        csv_cell(stdout, row[i].verb, false);
        csv_cell(stdout, row[i].cause, false);
        csv_cell(stdout, row[i].end_name, false);
        csv_number(stdout, nsec_to_s(row[i].began), false);
        csv_number(stdout, ended_s(&row[i]), false);
        for (size_t k = 0; k < ARRAY_LEN(step_figures); k++) {
            csv_number(stdout, figure_value(&row[i], &step_figures[k]), false);
        }
        putchar('\n');
    }
    return EXIT_DONE;
}

static int on_row(void *ctx, unsigned n, const char *const *cells)
{
    (void)ctx;
    for (unsigned i = 0; i < n; i++) {
        csv_cell(stdout, cells[i], i == 0);
    }
    return putchar('\n') == EOF; /* a reader that has gone ends it */
}

/* Cycles and steps are made of several tables; every other name is a table of the run file. */
static int show_csv(const struct args *a, struct run_file *f, const char *table)
{
    bool cycles = strcmp(table, "cycles") == 0, made = cycles || strcmp(table, "steps") == 0;
    struct story story;
    struct diag d;
    int rc;

    diag_init(&d);
    if (made) {
        rc = story_read(f, &story, &d);
        if (rc == 0) {
            rc = cycles ? csv_cycles(&story) : csv_steps(&story);
            story_done(&story);
            return rc;
        }
    } else {
        rc = run_rows(f, table, on_row, NULL, &d);
    }
    return rc < 0 ? cli_findings(a, &d) : EXIT_DONE;
}

/* ---- The subcommand ---- */

static int show_open(const struct args *a, struct run_file *f, int64_t ends)
{
    struct story story;
    struct diag d;
    int rc;

    diag_init(&d);
    if (story_read(f, &story, &d) < 0) {
        return cli_findings(a, &d);
    }
    if (a->json) {
        rc = show_json(&story);
    } else {
        rc = show_text(a, &story, args_get(a, "--all") != NULL, (size_t)ends);
    }
    story_done(&story);
    return rc;
}

static int run(const struct args *a)
{
    const char *steps = args_get(a, "--steps"), *table = args_get(a, "--table");
    struct run_file *f = NULL;
    struct run_info info;
    int64_t ends = 0;
    int rc;

    if (steps && (str_to_int(steps, strlen(steps), &ends) < 0 || ends < 1)) {
        return cli_error(a, EXIT_USAGE, "--steps needs a number of rows, not `%s`", steps);
    }
    if (table && !a->csv) {
        return cli_error(a, EXIT_USAGE, "--table goes with --csv");
    }
    rc = look_open(a, a->n > 0 ? a->arg[0] : NULL, &f, &info, NULL);
    if (rc != EXIT_DONE) {
        return rc;
    }
    rc = a->csv ? show_csv(a, f, table ? table : "cycles") : show_open(a, f, ends);
    run_close(f);
    return rc;
}

static const struct option options[] = {
    {"--all",   NULL,   false, "every step, cycle, measure and note"                              },
    {"--steps", "N",    false, "the first and the last N of a long list (default 12)"             },
    {"--table", "NAME", false,
     "with --csv: cycles (default), steps, or a table of the run file: cycler, press, measure ..."},
    {NULL,      NULL,   false, NULL                                                               },
};

const struct command cmd_show = {
    .name = "show",
    .group = "use",
    .arguments = "[RUN]",
    .help = "one run: how it ended, cycles, resistances, steps, measures, alarms",
    .more = "RUN is a number of `benchctl runs` or the path of a run file; without it the newest.\n"
            "JSON and CSV are in SI units, charge in Ah and energy in Wh, as in the run file.\n"
            "\n"
            "  benchctl show 42\n"
            "  benchctl show 42 --csv --table cycler > cycler.csv",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON | COMMON_CSV,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
