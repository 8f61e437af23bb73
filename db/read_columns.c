/* db/read_columns.c - a sample table as columns of numbers, for what computes on them. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read_priv.h"

#include <stdlib.h>

enum {
    ROWS_A_TRANSACTION = 16384, /* a few ms: a checkpoint of the writer never waits long for us */
    FIXED = 3                   /* t_s, step, cycle */
};
_Static_assert(sizeof(((struct number_columns *)0)->column) /
                       sizeof(((struct number_columns *)0)->column[0]) >=
                   DB_FIELDS_MAX,
               "every table fits");

/* Name, unit and what the instrument states of each column. */
static int describe(struct run_file *f, const struct table_desc *t, struct number_columns *c,
                    struct diag *reterr)
{
    sqlite3_stmt *st;
    unsigned i = 0;
    int step;
    int rc = sql_prepare(f->db, &st, reterr,
                         "SELECT column_name, unit, accuracy_reading, accuracy_offset, resolution"
                         " FROM channel WHERE table_name = ?1 ORDER BY id");

    if (rc < 0)
        return rc;
    sql_bind_text(st, 1, t->name);
    while ((step = sqlite3_step(st)) == SQLITE_ROW && i < t->n_fields) {
        struct number_column *column = &c->column[i++];

        sql_copy(st, 0, column->name, sizeof(column->name));
        sql_copy(st, 1, column->unit, sizeof(column->unit));
        column->accuracy_reading = sql_real(st, 2);
        column->accuracy_offset = sql_real(st, 3);
        column->resolution = sql_real(st, 4);
    }
    if (step != SQLITE_DONE || i != t->n_fields)
        rc = diag_add(reterr, E_CORRUPT, "the description of table %s is damaged", t->name);
    sqlite3_finalize(st);
    return rc;
}

static int make_room(struct number_columns *c, size_t n, struct diag *reterr)
{
    size_t each = (1 + c->n_columns) * sizeof(double) + 2 * sizeof(uint32_t);
    double *p = n < SIZE_MAX / each ? malloc(n > 0 ? n * each : 1) : NULL;

    if (p == NULL)
        return diag_add(reterr, E_NOMEM, "no memory for %zu rows of %s", n, c->table);
    c->block = p;
    c->t_s = p;
    for (unsigned i = 0; i < c->n_columns; i++)
        c->column[i].v = p + (1 + i) * n;
    c->step = (uint32_t *)(void *)(p + (1 + c->n_columns) * n);
    c->cycle = c->step + n;
    return 0;
}

/* Rows after ?1, at most ?2 of them. */
static int prepare(struct run_file *f, const struct table_desc *t, sqlite3_stmt **ret,
                   struct diag *reterr)
{
    struct text sql = {0};
    int rc;

    text_add(&sql, "SELECT rowid, t_s, step, cycle");
    for (unsigned i = 0; i < t->n_fields; i++)
        text_add(&sql, ", \"%s\"", t->column[i]);
    text_add(&sql, " FROM \"%s\" WHERE rowid > ?1 ORDER BY rowid LIMIT ?2", t->name);
    text_add_n(&sql, "", 1);
    rc = sql_prepare(f->db, ret, reterr, "%s", sql.p);
    text_done(&sql);
    return rc;
}

static int take_some(struct run_file *f, sqlite3_stmt *st, struct number_columns *c, size_t most,
                     int64_t *after, struct diag *reterr)
{
    int step;

    sqlite3_bind_int64(st, 1, *after);
    sqlite3_bind_int64(st, 2, (int64_t)most);
    while ((step = sqlite3_step(st)) == SQLITE_ROW) {
        size_t k = c->n++;

        *after = sqlite3_column_int64(st, 0);
        c->t_s[k] = sqlite3_column_double(st, 1);
        c->step[k] = (uint32_t)sqlite3_column_int64(st, 2);
        c->cycle[k] = (uint32_t)sqlite3_column_int64(st, 3);
        for (unsigned i = 0; i < c->n_columns; i++)
            c->column[i].v[k] = sql_real(st, 1 + FIXED + (int)i);
    }
    if (step != SQLITE_DONE)
        return sql_fail(f->db, reterr, "rows of %s", c->table);
    sqlite3_reset(st);
    return 0;
}

static int take_all(struct run_file *f, const struct table_desc *t, size_t rows,
                    struct number_columns *c, struct diag *reterr)
{
    sqlite3_stmt *st = NULL;
    int64_t after = 0;
    int rc = prepare(f, t, &st, reterr);

    while (rc == 0 && c->n < rows) {
        size_t left = rows - c->n, had = c->n;

        rc = take_some(f, st, c, left < ROWS_A_TRANSACTION ? left : ROWS_A_TRANSACTION, &after,
                       reterr);
        if (rc == 0 && c->n == had)
            break;
    }
    sqlite3_finalize(st);
    return rc;
}

int run_columns(struct run_file *f, unsigned index, struct number_columns *ret, struct diag *reterr)
{
    struct number_columns c = {0};
    const struct table_desc *t;
    int64_t rows;
    int rc;

    if (index >= f->tables.n)
        return E_NOENT; /* the end of a walk over the tables, not a mistake */
    t = &f->tables.table[index];
    str_copy(c.table, sizeof(c.table), t->name);
    c.counts = t->counts;
    c.n_columns = t->n_fields;
    rc = describe(f, t, &c, reterr);
    if (rc == 0)
        rc = table_rows(f->db, t, &rows, reterr);
    if (rc == 0)
        rc = make_room(&c, (size_t)rows, reterr);
    if (rc == 0)
        rc = take_all(f, t, (size_t)rows, &c, reterr);
    if (rc < 0) {
        number_columns_done(&c);
        return rc;
    }
    *ret = c;
    return 0;
}

void number_columns_done(struct number_columns *c)
{
    free(c->block);
    *c = (struct number_columns){0};
}
