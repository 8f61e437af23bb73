/* tests/support/eventful.c - see eventful.h. */
#include "tests/support/eventful.h"

#include <check.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static struct script script;

static int say_yes(void *ctx, const struct session *s, const struct question *q, double *ret_value)
{
    (void)ctx;
    (void)s;
    (void)q;
    *ret_value = 1.0;
    return 0;
}

void eventful_load(struct sim_case *c)
{
    static const char *const faults[] = {"air sensor-open at 90 s for 10 s", "cell_force stuck at 190 s for 40 s", "oven lost 5 replies at 6 min"};
    static const char *const words[] = {"resume at 110 s", "resume at 250 s", "resume at 7 min", "pause at 18 min", "resume at 20 min"};
    sim_load(c, "benches/demo.yaml", "tests/fault/eventful.yaml", "articles/ASSB-017.yaml", NULL);
    script = (struct script){0};
    ck_assert_int_eq(script_faults(&script, &c->loaded.bench, faults, ARRAY_LEN(faults), &c->diag), 0);
    ck_assert_int_eq(script_operator(&script, words, ARRAY_LEN(words), &c->diag), 0);
}

void eventful_options(struct session_options *ret)
{
    *ret = (struct session_options){.script = script.item, .n_script = script.n, .answer = say_yes};
}

/* ---- Dumps ---------------------------------------------------------------------------------------------------------------------- */

static void dump_cell(sqlite3_stmt *st, int i, FILE *to)
{
    uint64_t bits;
    double v;
    const uint8_t *p;
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER: fprintf(to, "|i%" PRId64, (int64_t)sqlite3_column_int64(st, i)); return;
    case SQLITE_FLOAT:
        v = sqlite3_column_double(st, i);
        memcpy(&bits, &v, sizeof bits);
        fprintf(to, "|r%016" PRIx64 " %.17g", bits, v);
        return;
    case SQLITE_TEXT: fprintf(to, "|t%s", (const char *)sqlite3_column_text(st, i)); return;
    case SQLITE_BLOB:
        p = sqlite3_column_blob(st, i);
        fputs("|b", to);
        for (int k = 0; k < sqlite3_column_bytes(st, i); k++) {
            fprintf(to, "%02x", p[k]);
        }
        return;
    default: fputs("|null", to); return;
    }
}

static void dump_table(sqlite3 *db, const char *name, FILE *to)
{
    char sql[200];
    sqlite3_stmt *st = NULL;
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY 1, 2, 3", name);
    if (strcmp(name, "run_state") == 0) {
        snprintf(sql, sizeof sql, "SELECT * FROM run_state");
    } else if (strcmp(name, "pyramid") != 0) {
        snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY rowid", name);
    }
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", name, sqlite3_errmsg(db));
    while (sqlite3_step(st) == SQLITE_ROW) {
        fputs(name, to);
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            if (strcmp(name, "run") != 0 || strcmp(sqlite3_column_name(st, i), "number") != 0) {
                dump_cell(st, i, to);
            }
        }
        fputc('\n', to);
    }
    ck_assert_int_eq(sqlite3_finalize(st), SQLITE_OK);
}

char *run_dump(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    unsigned tables = 0;
    FILE *to = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(to);
    ck_assert_msg(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK, "%s: %s", path, sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT name, sql FROM sqlite_schema ORDER BY type, name", -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(st, 0), *sql = (const char *)sqlite3_column_text(st, 1);
        fprintf(to, "schema %s %s\n", name, sql ? sql : "");
        if (sql && strncmp(sql, "CREATE TABLE", 12) == 0) {
            dump_table(db, name, to);
            tables++;
        }
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    fclose(to);
    ck_assert_uint_ge(tables, 14);
    return text;
}

void dump_same(const char *what, const char *is, const char *expected)
{
    const char *a = is, *b = expected;
    while (*a || *b) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0) {
            ck_abort_msg("%s: the run files differ:\n  is       %.*s\n  expected %.*s", what, n < 600 ? (int)n : 600, a, m < 600 ? (int)m : 600, b);
        }
        a += n + (a[n] != '\0');
        b += m + (b[m] != '\0');
    }
}

void run_path(char *buf, size_t size, const char *lab, int64_t number)
{
    int n = snprintf(buf, size, "%s/runs/%06" PRId64 ".run", lab, number);
    ck_assert(n > 0 && (size_t)n < size);
}
