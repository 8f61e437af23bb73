/* db/read_trace.c - a channel over time, thinned for a plot without reading what the plot cannot
 * show.
 *
 * The range is found by bisection. When it holds more rows than points, it is walked in the widest
 * buckets of the pyramid; a bucket that is wider in time than one point, or that the range cuts, is
 * entered: into smaller buckets, in the end into rows.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/pyramid_priv.h"
#include "db/read_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct point {
    bool any;
    double t0_s, t1_s, lo, hi;
};

struct walk {
    struct run_file *f;
    const struct table_desc *t;
    int64_t channel, rows;      /* rows in the table */
    sqlite3_stmt *row, *bucket; /* bucket NULL: a file without pyramid */
    double begin_s, width_s;
    unsigned points;
    struct point *point;
    struct diag *reterr;
};

/* ---- Which channel ---- */

struct place {
    const struct table_desc *t;
    unsigned field;
    int64_t channel;
};

static int unknown_channel(struct run_file *f, const char *name, struct diag *reterr)
{
    const char *names[DB_TABLES_MAX * DB_FIELDS_MAX + 1];
    char text[DB_TABLES_MAX * DB_FIELDS_MAX][64];
    size_t n = 0;
    sqlite3_stmt *st;
    const char *near;
    int rc = sql_prepare(f->db, &st, reterr, "SELECT name FROM channel ORDER BY id");

    if (rc < 0)
        return rc;
    while (n < ARRAY_LEN(text) && sqlite3_step(st) == SQLITE_ROW) {
        sql_copy(st, 0, text[n], sizeof(text[n]));
        names[n] = text[n];
        n++;
    }
    sqlite3_finalize(st);
    names[n] = NULL;
    rc = diag_add(reterr, E_NOENT, "the run has no channel `%s`", name);
    near = str_nearest(name, names);
    if (near != NULL)
        diag_hint(reterr, "did you mean %s?", near);
    return rc;
}

/* By its name, or as table.column. */
static int find_channel(struct run_file *f, const char *name, struct place *ret,
                        struct diag *reterr)
{
    int64_t id = 0;
    sqlite3_stmt *st;
    int rc = sql_prepare(f->db, &st, reterr,
                         "SELECT id FROM channel WHERE name = ?1 OR table_name || '.' ||"
                         " column_name = ?1 ORDER BY name = ?1 DESC, id LIMIT 1");

    if (rc < 0)
        return rc;
    sql_bind_text(st, 1, name);
    if (sqlite3_step(st) == SQLITE_ROW)
        id = sqlite3_column_int64(st, 0);
    rc = sqlite3_finalize(st) == SQLITE_OK ? 0 : sql_fail(f->db, reterr, "channels");
    for (unsigned i = 0; i < f->tables.n && rc == 0; i++) {
        const struct table_desc *t = &f->tables.table[i];

        if (id >= t->first_channel && id < t->first_channel + t->n_fields) {
            *ret = (struct place){t, (unsigned)(id - t->first_channel), id};
            return 0;
        }
    }
    return rc < 0 ? rc : unknown_channel(f, name, reterr);
}

/* ---- The walk ---- */

static void take(struct walk *w, double t0_s, double t1_s, double lo, double hi)
{
    double at = ((t0_s + t1_s) / 2 - w->begin_s) / w->width_s;
    unsigned i = at > 0 ? (at < w->points ? (unsigned)at : w->points - 1) : 0;
    struct point *p = &w->point[i];

    if (!p->any) {
        *p = (struct point){true, t0_s, t1_s, lo, hi};
        return;
    }
    p->t0_s = fmin(p->t0_s, t0_s);
    p->t1_s = fmax(p->t1_s, t1_s);
    p->lo = fmin(p->lo, lo);
    p->hi = fmax(p->hi, hi);
}

static int walk_rows(struct walk *w, int64_t first, int64_t last)
{
    int step;

    sqlite3_bind_int64(w->row, 1, first);
    sqlite3_bind_int64(w->row, 2, last);
    while ((step = sqlite3_step(w->row)) == SQLITE_ROW) {
        if (sqlite3_column_type(w->row, 1) != SQLITE_NULL) {
            double t_s = sqlite3_column_double(w->row, 0), v = sqlite3_column_double(w->row, 1);

            take(w, t_s, t_s, v, v);
        }
    }
    sqlite3_reset(w->row);
    return step == SQLITE_DONE ? 0 : sql_fail(w->f->db, w->reterr, "rows of %s", w->t->name);
}

/* 1: taken; 0: it must be entered (not there yet, or too wide). */
static int walk_bucket(struct walk *w, int64_t span, int64_t number)
{
    int step, rc = 0;

    sqlite3_bind_int64(w->bucket, 1, w->channel);
    sqlite3_bind_int64(w->bucket, 2, span);
    sqlite3_bind_int64(w->bucket, 3, number);
    step = sqlite3_step(w->bucket);
    if (step == SQLITE_ROW) {
        double t0_s = sqlite3_column_double(w->bucket, 0);
        double t1_s = sqlite3_column_double(w->bucket, 1);

        if (sqlite3_column_int64(w->bucket, 2) == 0) {
            rc = 1; /* no value in it */
        } else if (t1_s - t0_s <= w->width_s) {
            take(w, t0_s, t1_s, sqlite3_column_double(w->bucket, 3),
                 sqlite3_column_double(w->bucket, 4));
            rc = 1;
        }
    } else if (step != SQLITE_DONE) {
        rc = sql_fail(w->f->db, w->reterr, "pyramid");
    }
    sqlite3_reset(w->bucket);
    return rc;
}

/* Rows first .. last in buckets of the level; level -1: row by row. */
static int walk_range(struct walk *w, int level, int64_t first, int64_t last)
{
    static const int64_t span_of[PYRAMID_LEVELS] = {PYRAMID_SPAN_0, PYRAMID_SPAN_1};
    int64_t span;
    int rc = 0;

    if (level < 0 || w->bucket == NULL)
        return walk_rows(w, first, last);
    span = span_of[level];
    for (int64_t r = first; r <= last && rc >= 0;) {
        int64_t number = (r - 1) / span;
        int64_t end = (number + 1) * span;
        int64_t stop = end < last ? end : last;
        bool whole = r == number * span + 1 && (end <= last || last == w->rows);

        rc = whole ? walk_bucket(w, span, number) : 0;
        if (rc == 0)
            rc = walk_range(w, level - 1, r, stop);
        r = stop + 1;
    }
    return rc < 0 ? rc : 0;
}

/* ---- What comes out ---- */

static int trace_make(struct trace *t, size_t n, struct diag *reterr)
{
    double *p = malloc((n > 0 ? n : 1) * 3 * sizeof(*p));

    if (p == NULL)
        return diag_add(reterr, E_NOMEM, "out of memory");
    *t = (struct trace){.n = 0, .t_s = p, .lo = p + n, .hi = p + 2 * n};
    return 0;
}

static int trace_exact(struct walk *w, int64_t first, int64_t last, struct trace *t)
{
    int step;
    int rc = trace_make(t, (size_t)(last - first + 1), w->reterr);

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(w->row, 1, first);
    sqlite3_bind_int64(w->row, 2, last);
    while ((step = sqlite3_step(w->row)) == SQLITE_ROW) {
        if (sqlite3_column_type(w->row, 1) == SQLITE_NULL)
            continue;
        t->t_s[t->n] = sqlite3_column_double(w->row, 0);
        t->lo[t->n] = t->hi[t->n] = sqlite3_column_double(w->row, 1);
        t->n++;
    }
    if (step != SQLITE_DONE) {
        rc = sql_fail(w->f->db, w->reterr, "rows of %s", w->t->name);
        trace_done(t);
    }
    return rc;
}

static double time_of(struct walk *w, int64_t row)
{
    double t_s;

    sqlite3_bind_int64(w->row, 1, row);
    sqlite3_bind_int64(w->row, 2, row);
    t_s = sqlite3_step(w->row) == SQLITE_ROW ? sqlite3_column_double(w->row, 0) : 0;
    sqlite3_reset(w->row);
    return t_s;
}

static int trace_thinned(struct walk *w, int64_t first, int64_t last, struct trace *t)
{
    int rc;

    w->begin_s = time_of(w, first);
    w->width_s = fmax((time_of(w, last) - w->begin_s) / w->points, 1e-9);
    w->point = calloc(w->points, sizeof(*w->point));
    if (w->point == NULL)
        return diag_add(w->reterr, E_NOMEM, "out of memory");
    rc = walk_range(w, PYRAMID_LEVELS - 1, first, last);
    if (rc == 0)
        rc = trace_make(t, w->points, w->reterr);
    for (unsigned i = 0; i < w->points && rc == 0; i++) {
        const struct point *p = &w->point[i];

        if (!p->any)
            continue;
        t->t_s[t->n] = p->t0_s + (p->t1_s - p->t0_s) / 2;
        t->lo[t->n] = p->lo;
        t->hi[t->n] = p->hi;
        t->n++;
    }
    free(w->point);
    return rc;
}

static int trace_range(struct walk *w, double from_s, double to_s, struct trace *t)
{
    int64_t first = 1, after;
    int rc = table_rows(w->f->db, w->t, &w->rows, w->reterr);

    after = rc == 0 ? w->rows + 1 : 1;
    if (rc == 0 && isfinite(from_s))
        rc = read_bound(w->f, w->t, "t_s", from_s, false, w->rows, &first, w->reterr);
    if (rc == 0 && isfinite(to_s))
        rc = read_bound(w->f, w->t, "t_s", to_s, true, w->rows, &after, w->reterr);
    if (rc < 0)
        return rc;
    if (after <= first)
        return trace_make(t, 0, w->reterr);
    if (after - first <= w->points)
        return trace_exact(w, first, after - 1, t);
    return trace_thinned(w, first, after - 1, t);
}

int run_trace(struct run_file *f, const char *channel, double from_s, double to_s, unsigned points,
              struct trace *ret, struct diag *reterr)
{
    struct walk w = {.f = f, .points = points, .reterr = reterr};
    struct trace t = {0};
    struct place at = {0};
    int rc;

    if (points == 0)
        return diag_add(reterr, E_RANGE, "a trace of no points");
    /* one read transaction, so that a run under way does not grow between the statements */
    rc = sql_exec(f->db, "BEGIN", reterr);
    if (rc < 0)
        return rc;
    rc = find_channel(f, channel, &at, reterr);
    if (rc == 0) {
        w.t = at.t;
        w.channel = at.channel;
        rc = sql_prepare(f->db, &w.row, reterr,
                         "SELECT t_s, \"%s\" FROM \"%s\" WHERE rowid BETWEEN ?1 AND ?2"
                         " ORDER BY rowid",
                         at.t->column[at.field], at.t->name);
    }
    if (rc == 0 && f->version >= 2)
        rc = sql_prepare(f->db, &w.bucket, reterr,
                         "SELECT t0_s, t1_s, n, lo, hi FROM pyramid WHERE channel = ?1 AND"
                         " span = ?2 AND bucket = ?3");
    if (rc == 0)
        rc = trace_range(&w, from_s, to_s, &t);
    sqlite3_finalize(w.row);
    sqlite3_finalize(w.bucket);
    sqlite3_exec(f->db, "COMMIT", NULL, NULL, NULL);
    if (rc == 0)
        *ret = t;
    return rc;
}

void trace_done(struct trace *t)
{
    free(t->t_s);
    *t = (struct trace){0};
}
