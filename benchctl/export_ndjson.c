/* benchctl/export_ndjson.c - a run as lines of JSON.
 *
 * Every table in turn, in the order of its rows: first what the run is, then steps, sample rows,
 * events, results. `kind` says what a line is. Numbers are the text that reads back to the value of
 * the run file, so they are not parsed on the way.
 */
#include "benchctl/export_priv.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read.h"

#include <string.h>

enum {
    TABLES_MAX = 16
};

static void put_string(FILE *to, const char *text)
{
    putc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') {
            putc('\\', to);
            putc(*p, to);
        } else if (*p < 0x20) {
            fprintf(to, "\\u%04x", *p);
        } else {
            putc(*p, to);
        }
    }
    putc('"', to);
}

/* Columns of the run file that hold words; all others hold numbers. */
static bool holds_text(const char *column)
{
    static const char *const words[] = {
        "procedure", "version",     "title",     "article",    "bench",       "station",
        "verdict",   "cause",       "text",      "build",      "kind",        "name",
        "sha256",    "rows_sha256", "unit",      "table_name", "column_name", "instrument",
        "driver",    "identity",    "verb",      "file",       "end_name",    "channel",
        "level",     "bus",         "direction", "bytes",      "quality",     "program_hash"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i], column) == 0) {
            return true;
        }
    }
    return false;
}

static int take_header(struct ndjson *l, unsigned n, const char *const *cells)
{
    bool source = strcmp(l->kind, "source") == 0;

    if (n > NDJSON_COLUMNS) {
        return 1;
    }
    for (unsigned i = 0; i < n; i++) {
        str_copy(l->name[i], sizeof(l->name[i]), cells[i]);
        l->is_text[i] = holds_text(cells[i]);
        /* its hash names it; the text itself is in the run file */
        l->left_out[i] = strcmp(cells[i], "id") == 0 || (source && strcmp(cells[i], "text") == 0);
    }
    return 0;
}

int ndjson_line(void *ctx, unsigned n, const char *const *cells)
{
    struct ndjson *l = ctx;

    if (l->header) {
        l->header = false;
        return take_header(l, n, cells);
    }
    fputs("{\"kind\":", l->to);
    put_string(l->to, l->kind);
    if (l->table) {
        fputs(",\"table\":", l->to);
        put_string(l->to, l->table);
    }
    for (unsigned i = 0; i < n; i++) {
        bool clash = strcmp(l->name[i], "kind") == 0;

        if (l->left_out[i]) {
            continue;
        }
        putc(',', l->to);
        put_string(l->to, clash ? "type" : l->name[i]);
        putc(':', l->to);
        if (cells[i][0] == '\0') {
            fputs("null", l->to);
        } else if (l->is_text[i]) {
            put_string(l->to, cells[i]);
        } else {
            fputs(cells[i], l->to);
        }
    }
    fputs("}\n", l->to);
    return ferror(l->to) ? 1 : 0;
}

static int put_table(struct run_file *f, FILE *to, const char *kind, const char *table, bool sample,
                     struct diag *reterr)
{
    struct ndjson l = {.to = to, .kind = kind, .table = sample ? table : NULL, .header = true};

    return run_rows(f, table, ndjson_line, &l, reterr);
}

struct tables {
    unsigned n;
    int at;
    char name[TABLES_MAX][NDJSON_NAME];
};

static int on_table(void *ctx, unsigned n, const char *const *cells)
{
    struct tables *t = ctx;

    if (t->at < 0) {
        for (unsigned i = 0; i < n; i++) {
            t->at = strcmp(cells[i], "name") == 0 ? (int)i : t->at;
        }
        return t->at < 0;
    }
    str_copy(t->name[t->n], NDJSON_NAME, cells[t->at]);
    return ++t->n == TABLES_MAX;
}

int export_ndjson(struct run_file *f, FILE *to, struct diag *reterr)
{
    static const char *const before[] = {"run",     "source", "sample_table",
                                         "channel", "anchor", "step"};
    static const char *const after[] = {"step_summary", "event", "measure", "register_value",
                                        "note"};
    struct tables tables = {.at = -1};
    int rc = run_rows(f, "sample_table", on_table, &tables, reterr);

    for (size_t i = 0; i < ARRAY_LEN(before) && rc == 0; i++) {
        rc = put_table(f, to, before[i], before[i], false, reterr);
    }
    for (unsigned i = 0; i < tables.n && rc == 0; i++) {
        rc = put_table(f, to, "row", tables.name[i], true, reterr);
    }
    for (size_t i = 0; i < ARRAY_LEN(after) && rc == 0; i++) {
        rc = put_table(f, to, after[i], after[i], false, reterr);
    }
    return rc;
}
