/* benchctl/cmd_runs.c - `benchctl runs`: what a lab has run, newest first, from its catalogue. */
#include "benchctl/look.h"

#include <string.h>

enum {
    WHAT_MAX = 48 /* of a file's name, so that a line fits into a terminal */
};

struct listing {
    const struct args *a;
    const char *article;
    int64_t most;
    int64_t n;
    struct table table;
    json_t *json;
};

static void json_row(struct listing *l, const struct run_info *r)
{
    char start[40];
    json_t *o = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "number", (json_int_t)r->number,
        "procedure", r->procedure, "version", r->version, "article", r->article, "bench", r->bench,
        "station", r->station, "start", wall_text(r->wall_start, true, start, sizeof(start)),
        "verdict", r->verdict, "cause", r->cause, "ended", r->ended, "virtual", r->is_virtual);

    json_object_set_new(o, "duration_s", number_json(nsec_to_s(r->duration)));
    json_object_set_new(o, "text", json_string(r->text));
    json_object_set_new(o, "rows_sha256", json_string(r->rows_sha256));
    json_array_append_new(l->json, o);
}

static void csv_run(const struct run_info *r)
{
    char number[24], start[40];
    int rc = str_fmt(number, sizeof(number), "%lld", (long long)r->number);
    (void)rc;

    csv_cell(stdout, number, true);
    csv_cell(stdout, r->procedure, false);
    csv_cell(stdout, r->version, false);
    csv_cell(stdout, r->article, false);
    csv_cell(stdout, r->bench, false);
    csv_cell(stdout, r->station, false);
    csv_cell(stdout, wall_text(r->wall_start, true, start, sizeof(start)), false);
    csv_number(stdout, nsec_to_s(r->duration), false);
    csv_cell(stdout, r->verdict, false);
    csv_cell(stdout, r->cause, false);
    fputc('\n', stdout);
}

static void table_run(struct listing *l, const struct run_info *r)
{
    char text[160];
    size_t n;

    table_cell(&l->table, "%lld", (long long)r->number);
    n = strlen(run_what(r, text, sizeof(text)));
    table_cell(&l->table, "%.*s%s", WHAT_MAX, text, n > WHAT_MAX ? "..." : "");
    table_cell(&l->table, "%s", r->article[0] ? r->article : "-");
    table_cell(&l->table, "%s", r->station[0] ? r->station : "-");
    table_cell(&l->table, "%s", wall_text(r->wall_start, false, text, sizeof(text)));
    table_cell(&l->table, "%s", duration_text(nsec_to_s(r->duration), text, sizeof(text)));
    table_cell(&l->table, "%s", verdict_shown(l->a, r->verdict, r->ended, text, sizeof(text)));
}

static int on_run(void *ctx, const struct run_info *r)
{
    struct listing *l = ctx;

    if (l->article && strcmp(l->article, r->article) != 0) {
        return 0;
    }
    if (l->most > 0 && l->n == l->most) {
        return 1;
    }
    l->n++;
    if (l->a->json) {
        json_row(l, r);
    } else if (l->a->csv) {
        csv_run(r);
    } else {
        table_run(l, r);
    }
    return 0;
}

static int run(const struct args *a)
{
    static const char *const headers[] = {"run",         "procedure", "article", "station",
                                          "start (UTC)", "took",      "verdict"};
    struct listing l = {.a = a, .article = args_get(a, "--article")};
    const char *last = args_get(a, "--last");
    struct diag d;
    int rc;

    diag_init(&d);
    if (last && (str_to_int(last, strlen(last), &l.most) < 0 || l.most < 1)) {
        return cli_error(a, EXIT_USAGE, "--last needs a number of runs, not `%s`", last);
    }
    if (a->json) {
        l.json = json_array();
    } else if (a->csv) {
        puts("number,procedure,version,article,bench,station,start,duration_s,verdict,cause");
    } else {
        table_begin(&l.table, 7, 1U | 1U << 5, headers);
    }
    rc = lab_runs(a->lab, on_run, &l, &d);
    if (a->json && rc >= 0) {
        json_out(l.json);
    } else if (a->json) {
        json_decref(l.json);
    } else if (!a->csv && (rc < 0 || l.n == 0)) {
        table_print(&l.table, NULL);
    } else if (!a->csv) {
        table_print(&l.table, stdout);
    }
    if (rc < 0) {
        return cli_findings(a, &d);
    }
    if (l.n == 0 && !a->json && !a->csv) {
        printf("no runs in %s%s%s\n", a->lab, l.article ? " of article " : "",
               l.article ? l.article : "");
    }
    return EXIT_DONE;
}

static const struct option options[] = {
    {"--article", "ARTICLE", false, "only runs of this article"},
    {"--last",    "N",       false, "only the newest N"        },
    {NULL,        NULL,      false, NULL                       },
};

const struct command cmd_runs = {
    .name = "runs",
    .group = "use",
    .arguments = "",
    .help = "what was run: procedure, article, start, duration, verdict",
    .more = "Newest first. `benchctl show N` tells one run, `benchctl plot N` draws it.",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON | COMMON_CSV,
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
