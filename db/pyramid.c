/* db/pyramid.c - the min/max pyramid, kept current row by row in the transaction of the rows. */
#include "db/pyramid_priv.h"

#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

static const uint32_t span_of[PYRAMID_LEVELS] = {PYRAMID_SPAN_0, PYRAMID_SPAN_1};

int pyramid_prepare(sqlite3 *db, sqlite3_stmt **ret, struct diag *reterr)
{
    return sql_prepare(db, ret, reterr,
                       "INSERT INTO pyramid(channel, span, bucket, t0_s, t1_s, n, lo, hi)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
}

static void bucket_take(struct pyramid_bucket *b, unsigned field, uint32_t n, double lo, double hi)
{
    struct pyramid_field *f = &b->field[field];

    if (n == 0)
        return;
    if (f->n == 0 || lo < f->lo)
        f->lo = lo;
    if (f->n == 0 || hi > f->hi)
        f->hi = hi;
    f->n += n;
}

static void bucket_span(struct pyramid_bucket *b, uint32_t rows, double t0_s, double t1_s)
{
    if (b->rows == 0)
        b->t0_s = t0_s;
    b->t1_s = t1_s;
    b->rows += rows;
}

static int bucket_write(const struct pyramid_bucket *b, const struct table_desc *t, unsigned level,
                        int64_t number, sqlite3_stmt *insert)
{
    int rc = SQLITE_OK;

    for (unsigned i = 0; i < t->n_fields && rc == SQLITE_OK; i++) {
        const struct pyramid_field *f = &b->field[i];

        sqlite3_bind_int64(insert, 1, t->first_channel + i);
        sqlite3_bind_int64(insert, 2, span_of[level]);
        sqlite3_bind_int64(insert, 3, number);
        sqlite3_bind_double(insert, 4, b->t0_s);
        sqlite3_bind_double(insert, 5, b->t1_s);
        sqlite3_bind_int64(insert, 6, f->n);
        if (f->n > 0) {
            sqlite3_bind_double(insert, 7, f->lo);
            sqlite3_bind_double(insert, 8, f->hi);
        } else {
            sqlite3_bind_null(insert, 7);
            sqlite3_bind_null(insert, 8);
        }
        rc = sql_run(insert);
    }
    return rc;
}

static void bucket_merge(struct pyramid_bucket *to, const struct pyramid_bucket *from,
                         unsigned n_fields)
{
    bucket_span(to, from->rows, from->t0_s, from->t1_s);
    for (unsigned i = 0; i < n_fields; i++)
        bucket_take(to, i, from->field[i].n, from->field[i].lo, from->field[i].hi);
}

/* Write the open bucket of a level, whose last row is the table's, and hand it up. */
static int level_close(struct pyramid *p, const struct table_desc *t, unsigned level,
                       sqlite3_stmt *insert)
{
    struct pyramid_bucket *b = &p->open[level];
    int rc = SQLITE_OK;

    if (insert != NULL)
        rc = bucket_write(b, t, level, (p->rows - 1) / span_of[level], insert);
    if (level + 1 < PYRAMID_LEVELS)
        bucket_merge(&p->open[level + 1], b, t->n_fields);
    memset(b, 0, sizeof(*b));
    return rc;
}

static void row_take(struct pyramid *p, const struct table_desc *t, double t_s,
                     const double *fields)
{
    p->rows++;
    bucket_span(&p->open[0], 1, t_s, t_s);
    for (unsigned i = 0; i < t->n_fields; i++)
        bucket_take(&p->open[0], i, isnan(fields[i]) ? 0u : 1u, fields[i], fields[i]);
}

int pyramid_add(struct pyramid *p, const struct table_desc *t, sqlite3_stmt *insert, double t_s,
                const double *fields)
{
    int rc = SQLITE_OK;

    row_take(p, t, t_s, fields);
    for (unsigned level = 0; level < PYRAMID_LEVELS && rc == SQLITE_OK; level++) {
        if (p->open[level].rows == span_of[level])
            rc = level_close(p, t, level, insert);
    }
    return rc;
}

int pyramid_rest(struct pyramid *p, const struct table_desc *t, sqlite3_stmt *insert)
{
    int rc = SQLITE_OK;

    for (unsigned level = 0; level < PYRAMID_LEVELS && rc == SQLITE_OK; level++) {
        if (p->open[level].rows > 0)
            rc = level_close(p, t, level, insert);
    }
    return rc;
}

/* Feed rows first.. of the table; insert NULL: only the open buckets are made. */
static int feed_rows(sqlite3 *db, const struct table_desc *t, int64_t first, struct pyramid *p,
                     sqlite3_stmt *insert, struct diag *reterr)
{
    double fields[DB_FIELDS_MAX];
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr, "SELECT * FROM \"%s\" WHERE rowid >= ?1 ORDER BY rowid",
                         t->name);
    int step = SQLITE_ROW;

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(st, 1, first);
    while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
        for (unsigned i = 0; i < t->n_fields; i++)
            fields[i] = sql_real(st, 3 + (int)i);
        if (pyramid_add(p, t, insert, sqlite3_column_double(st, 0), fields) != SQLITE_OK)
            rc = sql_fail(db, reterr, "pyramid of %s", t->name);
    }
    if (rc == 0 && step != SQLITE_DONE)
        rc = sql_fail(db, reterr, "rows of %s", t->name);
    sqlite3_finalize(st);
    return rc;
}

/* The open upper bucket is the merger of the lower ones that are written. */
static int load_upper(sqlite3 *db, const struct table_desc *t, struct pyramid *p,
                      struct diag *reterr)
{
    int64_t first = p->rows / PYRAMID_SPAN_1 * (PYRAMID_SPAN_1 / PYRAMID_SPAN_0);
    int64_t end = p->rows / PYRAMID_SPAN_0;
    struct pyramid_bucket *up = &p->open[1];
    int step = SQLITE_DONE;
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr,
                         "SELECT t0_s, t1_s, n, lo, hi FROM pyramid WHERE channel = ?1 AND"
                         " span = %d AND bucket >= ?2 AND bucket < ?3 ORDER BY bucket",
                         PYRAMID_SPAN_0);

    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < t->n_fields && step == SQLITE_DONE; i++) {
        sqlite3_bind_int64(st, 1, t->first_channel + i);
        sqlite3_bind_int64(st, 2, first);
        sqlite3_bind_int64(st, 3, end);
        while ((step = sqlite3_step(st)) == SQLITE_ROW) {
            if (i == 0)
                bucket_span(up, PYRAMID_SPAN_0, sqlite3_column_double(st, 0),
                            sqlite3_column_double(st, 1));
            bucket_take(up, i, (uint32_t)sqlite3_column_int64(st, 2), sqlite3_column_double(st, 3),
                        sqlite3_column_double(st, 4));
        }
        sqlite3_reset(st);
    }
    if (step != SQLITE_DONE)
        rc = sql_fail(db, reterr, "pyramid of %s", t->name);
    sqlite3_finalize(st);
    return rc;
}

int pyramid_load(sqlite3 *db, const struct table_desc *t, struct pyramid *ret, struct diag *reterr)
{
    struct pyramid p = {0};
    int64_t rows, closed;
    int rc = table_rows(db, t, &rows, reterr);

    if (rc < 0)
        return rc;
    closed = rows / PYRAMID_SPAN_0 * PYRAMID_SPAN_0;
    p.rows = closed;
    rc = load_upper(db, t, &p, reterr);
    if (rc == 0)
        rc = feed_rows(db, t, closed + 1, &p, NULL, reterr);
    if (rc < 0)
        return rc;
    if (p.rows != rows)
        return diag_add(reterr, E_CORRUPT, "rows of %s are not numbered from 1 without gaps",
                        t->name);
    *ret = p;
    return 0;
}

static int rebuild_table(sqlite3 *db, const struct table_desc *t, bool ended, sqlite3_stmt *insert,
                         struct diag *reterr)
{
    struct pyramid p = {0};
    int rc = feed_rows(db, t, 1, &p, insert, reterr);

    if (rc == 0 && ended && pyramid_rest(&p, t, insert) != SQLITE_OK)
        rc = sql_fail(db, reterr, "pyramid of %s", t->name);
    return rc;
}

int pyramid_rebuild(sqlite3 *db, struct diag *reterr)
{
    struct table_list list;
    sqlite3_stmt *insert;
    int64_t ended = 0;
    int rc = tables_load(db, &list, reterr);

    if (rc == 0 && list.n > 0)
        rc = sql_int(db, "SELECT ended FROM run", &ended, reterr);
    if (rc == 0)
        rc = pyramid_prepare(db, &insert, reterr);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < list.n && rc == 0; i++)
        rc = rebuild_table(db, &list.table[i], ended != 0, insert, reterr);
    sqlite3_finalize(insert);
    return rc;
}
