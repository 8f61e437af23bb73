/* benchctl/cmd_tail.c - `benchctl tail [RUN]`: the last rows of a run, and those that come.
 *
 * Each look opens the file, reads what is new in short transactions and closes it, so that neither
 * a commit nor the end of the run ever waits for somebody who watches.
 */
#include "base/err.h"
#include "benchctl/export_priv.h"
#include "benchctl/look.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 250,
    ROWS = 10,
    WIDTH = 12, /* of a column, at least */
    SIGNIFICANT = 7,
    LOST_AFTER = 4 /* looks: it has not ended and nobody writes */
};

struct tail {
    const struct args *args;
    char table[40];
    int64_t at_row, at_step, at_note; /* as run_rows_after counts them */
    struct ndjson *json;              /* of the rows; NULL: text */
    bool header, told_header;         /* the next call brings names; they were printed */
    unsigned width[NDJSON_COLUMNS];
    unsigned got, lost; /* rows of one call; looks that found no writer */
};

/* ---- Rows ---- */

/* A few digits are enough to look at; --csv and --json give all. */
static const char *short_cell(const char *cell, unsigned i, char *buf, size_t size)
{
    const char *power = strchr(cell, 'e');
    size_t n = power ? (size_t)(power - cell) : strlen(cell);
    char number[32];
    double v;
    int before = 1;

    if (i == 1 || i == 2 || strlen(cell) < WIDTH || str_to_double(cell, n, &v) < 0 ||
        fabs(v) >= 1e9) {
        return cell;
    }
    for (double limit = 10.0; fabs(v) >= limit && before < SIGNIFICANT; limit *= 10.0) {
        before++;
    }
    str_fixed(v, (power ? SIGNIFICANT - 2 : SIGNIFICANT) - before, 0, false, false, number,
              sizeof(number));
    return str_fmt(buf, size, "%s%s", number, power ? power : "") < 0 ? cell : buf;
}

static void put_text(struct tail *t, unsigned n, const char *const *cells, bool names)
{
    for (unsigned i = 0; i < n && i < NDJSON_COLUMNS; i++) {
        char buf[40];
        const char *text = names ? cells[i] : short_cell(cells[i], i, buf, sizeof(buf));
        size_t wide = strlen(cells[i]) > WIDTH ? strlen(cells[i]) : WIDTH;

        if (names) {
            t->width[i] = i == 1 || i == 2 ? 6 : (unsigned)wide;
        }
        if (i + 1 < n || text[0]) {
            printf("%s%*s", i > 0 ? " " : "", (int)t->width[i], text);
        }
    }
    putchar('\n');
}

static void put_csv(unsigned n, const char *const *cells)
{
    for (unsigned i = 0; i < n; i++) {
        csv_cell(stdout, cells[i], i == 0);
    }
    putchar('\n');
}

static int on_row(void *ctx, unsigned n, const char *const *cells)
{
    struct tail *t = ctx;
    bool names = t->header;

    t->header = false;
    t->got += !names;
    if (t->json) {
        return ndjson_line(t->json, n, cells);
    }
    if (names && t->told_header) {
        return 0;
    }
    t->told_header = true;
    if (t->args->csv) {
        put_csv(n, cells);
    } else {
        put_text(t, n, cells, names);
    }
    return 0;
}

static int put_rows(struct tail *t, struct run_file *f, struct diag *reterr)
{
    int rc;

    do {
        t->got = 0;
        t->header = true;
        if (t->json) {
            t->json->header = true;
        }
        rc = run_rows_after(f, t->table, &t->at_row, on_row, t, reterr);
    } while (rc == 0 && t->got > 0);
    return rc;
}

/* ---- What happens in between ---- */

struct columns {
    struct tail *tail;
    const char *kind; /* "step", "note" */
    bool header;
    int at[4];
};

/* A step as "# 12.5 s: step 3 rest", a note as "# 12.5 s: warn: its text". */
static int on_word(void *ctx, unsigned n, const char *const *cells)
{
    static const char *const wanted[2][4] = {
        {"began_s", "number", "name", "verb"},
        {"t_s",     "level",  "text", NULL  }
    };
    struct columns *c = ctx;
    bool step = strcmp(c->kind, "step") == 0;

    if (c->header) {
        c->header = false;
        for (unsigned k = 0; k < 4; k++) {
            for (unsigned i = 0; i < n && wanted[!step][k]; i++) {
                c->at[k] = strcmp(cells[i], wanted[!step][k]) == 0 ? (int)i : c->at[k];
            }
        }
        return 0;
    }
    if (step && strcmp(cells[c->at[1]], "0") == 0) {
        return 0; /* what was before the first step */
    }
    if (step) {
        printf("# %s s: step %s %s (%s)\n", cells[c->at[0]], cells[c->at[1]], cells[c->at[2]],
               cells[c->at[3]]);
    } else {
        printf("# %s s: %s: %s\n", cells[c->at[0]], cells[c->at[1]], cells[c->at[2]]);
    }
    return 0;
}

static int put_words(struct tail *t, struct run_file *f, const char *kind, int64_t *at,
                     struct diag *reterr)
{
    struct columns c = {.tail = t, .kind = kind, .header = true};

    if (t->json) {
        struct ndjson json = {.to = stdout, .kind = kind, .header = true};

        return run_rows_after(f, kind, at, ndjson_line, &json, reterr);
    }
    return run_rows_after(f, kind, at, on_word, &c, reterr);
}

/* ---- Which table ---- */

struct first_table {
    char name[40];
};

static int on_channel(void *ctx, const struct channel_row *row)
{
    struct first_table *t = ctx;

    if (!t->name[0]) {
        str_copy(t->name, sizeof(t->name), row->table);
    }
    if (strcmp(row->table, "cycler") == 0) {
        str_copy(t->name, sizeof(t->name), row->table);
        return 1;
    }
    return 0;
}

static int no_row(void *ctx, unsigned n, const char *const *cells)
{
    (void)ctx;
    (void)n;
    (void)cells;
    return 0;
}

/* The cycler's rows, else those of the first table; or the one that is asked for. */
static int take_table(struct tail *t, struct run_file *f, struct diag *reterr)
{
    const char *given = args_get(t->args, "--table");
    struct first_table first = {.name = ""};
    int rc;

    if (given) {
        int64_t behind = INT64_MAX; /* no row: is there such a table? */

        str_copy(t->table, sizeof(t->table), given);
        return run_rows_after(f, t->table, &behind, no_row, NULL, reterr);
    }
    rc = run_channels(f, on_channel, &first, reterr);
    str_copy(t->table, sizeof(t->table), first.name);
    return rc == 0 && !first.name[0] ? diag_add(reterr, E_NOENT, "the run has no sample table")
                                     : rc;
}

/* ---- The subcommand ---- */

static void put_end(const struct tail *t, const struct run_info *info)
{
    const char *verdict = info->ended ? info->verdict : "broken off";

    if (t->json) {
        json_t *o = json_pack("{s:s, s:I, s:b, s:s, s:s, s:s}", "kind", "end", "number",
                              (json_int_t)info->number, "ended", info->ended, "verdict", verdict,
                              "cause", info->cause, "text", info->text);

        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(o);
        return;
    }
    printf("# run %lld: %s", (long long)info->number, verdict);
    if (info->cause[0] && strcmp(info->cause, verdict) != 0) {
        printf(", %s", info->cause);
    }
    printf("%s%s\n", info->text[0] ? ": " : "", info->text);
}

/* What is new since the last look. 1: that was all, 0: more may come. */
static int look(struct tail *t, struct run_file *f, bool follow, struct run_info *ret_info,
                struct diag *reterr)
{
    bool written;
    int rc =
        run_info(f, ret_info, reterr); /* before its rows: an end behind it is seen next time */

    rc = rc == 0 ? put_words(t, f, "step", &t->at_step, reterr) : rc;
    rc = rc == 0 ? put_rows(t, f, reterr) : rc;
    rc = rc == 0 ? put_words(t, f, "note", &t->at_note, reterr) : rc;
    if (rc < 0) {
        return rc;
    }
    if (ret_info->ended || !follow) {
        return 1;
    }
    written = run_is_written(f);
    t->lost = written ? 0 : t->lost + 1;
    return t->lost >= LOST_AFTER;
}

static int open_again(const struct args *a, int64_t number, const char *word, struct run_file **ret,
                      struct run_info *ret_info)
{
    char text[24];

    if (word) {
        return look_open(a, word, ret, ret_info, NULL);
    }
    (void)!str_fmt(text, sizeof(text), "%lld", (long long)number);
    return look_open(a, text, ret, ret_info, NULL);
}

static int follow_run(struct tail *t, const char *word, bool follow)
{
    struct run_info info;
    struct run_file *f;
    struct diag d;
    int rc = look_open(t->args, word, &f, &info, NULL), more;

    if (rc != EXIT_DONE) {
        return rc;
    }
    diag_init(&d);
    more = take_table(t, f, &d);
    more = more < 0 ? more : look(t, f, follow, &info, &d);
    run_close(f);
    while (more == 0) {
        fflush(stdout);
        (void)!poll(NULL, 0, LOOK_MS);
        rc = open_again(t->args, info.number, word, &f, &info);
        if (rc != EXIT_DONE) {
            return rc;
        }
        more = look(t, f, follow, &info, &d);
        run_close(f);
    }
    if (more < 0) {
        return cli_findings(t->args, &d);
    }
    if (info.ended || follow) {
        put_end(t, &info);
    }
    if (!info.ended && follow) {
        return cli_error(t->args, EXIT_BENCH,
                         "nobody writes run %lld: its program is gone; `benchctl run --resume`"
                         " goes on with it",
                         (long long)info.number);
    }
    return EXIT_DONE;
}

static int run(const struct args *a)
{
    const char *rows = args_get(a, "--rows");
    struct tail t = {.args = a, .at_step = -1, .at_note = -1};
    int64_t n = ROWS;
    int rc;

    if (a->json && a->csv) {
        return cli_error(a, EXIT_USAGE, "--json or --csv, not both");
    }
    if (rows && (str_to_int(rows, strlen(rows), &n) < 0 || n < 1 || n > 1000000)) {
        return cli_error(a, EXIT_USAGE, "--rows needs a number from 1 to 1000000, not `%s`", rows);
    }
    t.at_row = -n;
    if (a->json) {
        t.json = calloc(1, sizeof(*t.json));
        if (!t.json) {
            return cli_error(a, EXIT_INTERNAL, "out of memory");
        }
        *t.json = (struct ndjson){.to = stdout, .kind = "row", .table = t.table};
    }
    rc = follow_run(&t, a->n > 0 ? a->arg[0] : NULL, !args_get(a, "--once"));
    free(t.json);
    return rc;
}

static const struct option options[] = {
    {"--rows",  "N",    false, "begin with the last N rows (default 10)"     },
    {"--table", "NAME", false, "of this sample table (default: the cycler's)"},
    {"--once",  NULL,   false, "do not wait for more"                        },
    {NULL,      NULL,   false, NULL                                          },
};

extern const struct command cmd_tail;
const struct command cmd_tail = {
    .name = "tail",
    .group = "look",
    .arguments = "[RUN]",
    .help = "the last rows of a run and those that come, with steps, notes and alarms",
    .more = "RUN is a number of `benchctl runs` or the path of a run file; without it the newest.\n"
            "It ends when the run ends. It only reads, and holds up nobody who writes. Steps,\n"
            "notes and alarms stand between the rows: as lines that begin with # (also with\n"
            "--csv), with --json as objects of kind step and note beside those of kind row.\n"
            "\n"
            "  benchctl tail --table press\n"
            "  benchctl tail 42 --json | jq 'select(.kind == \"note\")'",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON | COMMON_CSV,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
