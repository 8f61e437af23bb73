/* db/read_rows.c - rows as text cells for --csv, and voltage against charge per half cycle. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    CELLS_MAX = 48,
    CELL_SIZE = 768
};

/* ---- Rows as text ---- */

struct cells {
    int hidden;   /* last columns that are not handed over: 1 when the last one is the rowid */
    int64_t last; /* rowid of the last row, where it is known */
    const char *cell[CELLS_MAX];
    char buf[CELLS_MAX][CELL_SIZE]; /* for those that SQLite does not have as text */
};

/* "voltage_v:over current_a:stale": the columns that are not ok, by name. */
static void quality_cell(const struct table_desc *t, const uint8_t *q, int n, char *buf)
{
    struct text text = {0};

    for (int i = 0; q != NULL && i < n && (unsigned)i < t->n; i++) {
        if (q[i] != Q_OK)
            text_add(&text, "%s%s:%s", text.n > 0 ? " " : "", t->column[i],
                     quality_text((enum quality)q[i]));
    }
    text_add_n(&text, "", 1);
    str_copy(buf, CELL_SIZE, text.p);
    text_done(&text);
}

static void hex_cell(const uint8_t *p, int n, char *buf)
{
    static const char digits[] = "0123456789abcdef";
    int k = 0;

    for (int i = 0; p != NULL && i < n && k + 3 < CELL_SIZE; i++) {
        buf[k++] = digits[p[i] >> 4];
        buf[k++] = digits[p[i] & 15u];
    }
    buf[k] = '\0';
}

static const char *make_cell(sqlite3_stmt *st, int i, const struct table_desc *t, char *buf)
{
    const char *text;

    switch (sqlite3_column_type(st, i)) {
    case SQLITE_FLOAT: str_from_double(sqlite3_column_double(st, i), buf, CELL_SIZE); return buf;
    case SQLITE_BLOB:
        if (t != NULL && i == 3 + (int)t->n_fields)
            quality_cell(t, sqlite3_column_blob(st, i), sqlite3_column_bytes(st, i), buf);
        else
            hex_cell(sqlite3_column_blob(st, i), sqlite3_column_bytes(st, i), buf);
        return buf;
    case SQLITE_NULL: return "";
    default: text = (const char *)sqlite3_column_text(st, i); return text != NULL ? text : "";
    }
}

static int each_row(struct run_file *f, sqlite3_stmt *st, const struct table_desc *t,
                    int (*each)(void *ctx, unsigned n, const char *const *cells), void *ctx,
                    struct cells *c, struct diag *reterr)
{
    int n = sqlite3_column_count(st) - c->hidden, step = SQLITE_DONE, stop;

    if (n > CELLS_MAX)
        return diag_add(reterr, E_RANGE, "a table of %d columns is too wide", n);
    for (int i = 0; i < n; i++)
        c->cell[i] = sqlite3_column_name(st, i);
    stop = each(ctx, (unsigned)n, c->cell);
    while (stop == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++)
            c->cell[i] = make_cell(st, i, t, c->buf[i]);
        if (c->hidden > 0)
            c->last = sqlite3_column_int64(st, n);
        stop = each(ctx, (unsigned)n, c->cell);
    }
    return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : sql_fail(f->db, reterr, "rows");
}

static const struct table_desc *find_table(const struct run_file *f, const char *name)
{
    for (unsigned i = 0; i < f->tables.n; i++) {
        if (strcmp(f->tables.table[i].name, name) == 0)
            return &f->tables.table[i];
    }
    return NULL;
}

static int unknown_table(struct run_file *f, const char *name, struct diag *reterr)
{
    const char *names[DB_TABLES_MAX + 1];
    const char *near;
    int rc = diag_add(reterr, E_NOENT, "the run has no table `%s`", name);

    for (unsigned i = 0; i < f->tables.n; i++)
        names[i] = f->tables.table[i].name;
    names[f->tables.n] = NULL;
    near = str_nearest(name, names);
    if (near != NULL)
        diag_hint(reterr, "did you mean %s?", near);
    return rc;
}

static int rows_of(struct run_file *f, const char *table, const char *sql, int64_t after,
                   int64_t *last, int (*each)(void *ctx, unsigned n, const char *const *cells),
                   void *ctx, struct diag *reterr)
{
    const struct table_desc *t = find_table(f, table);
    struct cells *c;
    sqlite3_stmt *st;
    int rc;

    if (t == NULL && (!sql_name_ok(table) || !schema_reserved(table)))
        return unknown_table(f, table, reterr);
    c = malloc(sizeof(*c));
    if (c == NULL)
        return diag_add(reterr, E_NOMEM, "out of memory");
    c->hidden = last != NULL;
    c->last = after;
    rc = sql_prepare(f->db, &st, reterr, "SELECT *%s FROM \"%s\"%s", last != NULL ? ", rowid" : "",
                     table, t != NULL || last != NULL ? sql : "");
    if (rc == 0) {
        if (last != NULL)
            sqlite3_bind_int64(st, 1, after);
        rc = each_row(f, st, t, each, ctx, c, reterr);
        sqlite3_finalize(st);
    }
    if (rc == 0 && last != NULL)
        *last = c->last;
    free(c);
    return rc;
}

int run_rows(struct run_file *f, const char *table,
             int (*each)(void *ctx, unsigned n, const char *const *cells), void *ctx,
             struct diag *reterr)
{
    /* our own tables come in the order of their keys by themselves */
    return rows_of(f, table, " ORDER BY rowid", 0, NULL, each, ctx, reterr);
}

int run_rows_after(struct run_file *f, const char *table, int64_t *at,
                   int (*each)(void *ctx, unsigned n, const char *const *cells), void *ctx,
                   struct diag *reterr)
{
    int64_t after = *at, newest = 0;
    char sql[120];
    int rc = 0;

    if (strcmp(table, "pyramid") == 0 || strcmp(table, "run_state") == 0)
        return diag_add(reterr, E_NOENT, "the rows of %s have no order", table);
    if (after < 0 && (find_table(f, table) || (sql_name_ok(table) && schema_reserved(table)))) {
        rc = str_fmt(sql, sizeof(sql), "SELECT coalesce(max(rowid), 0) FROM \"%s\"", table);
        rc = rc < 0 ? rc : sql_int(f->db, sql, &newest, reterr);
        after = newest + after > 0 ? newest + after : 0;
    }
    return rc < 0 ? rc
                  : rows_of(f, table, " WHERE rowid > ?1 ORDER BY rowid LIMIT 5000", after, at,
                            each, ctx, reterr);
}

/* ---- Branches ---- */

struct piece { /* one step's rows in the counts table */
    int64_t first, last;
    double offset_ah; /* of the branch when the step began */
};
struct branch {
    uint32_t cycle;
    int direction;    /* +1 charge, -1 discharge, 0: none yet */
    double charge_ah; /* of the steps so far, positive */
    int64_t rows;
    struct piece *piece;
    size_t n, size;
};
struct branches {
    struct run_file *f;
    const struct table_desc *t;
    int64_t rows;
    unsigned points;
    sqlite3_stmt *forward, *backward;
    int (*each)(void *ctx, const struct branch_row *);
    void *ctx;
    int stop;
    struct branch b;
    struct diag *reterr;
};

/* The first row with values from `from` on, or the last one up to `to`. */
static int branch_point(struct branches *w, sqlite3_stmt *st, int64_t from, int64_t to,
                        const struct piece *p)
{
    struct branch_row row = {.cycle = w->b.cycle, .charge = w->b.direction > 0};
    int step;

    sqlite3_bind_int64(st, 1, from);
    sqlite3_bind_int64(st, 2, to);
    step = sqlite3_step(st);
    if (step == SQLITE_ROW) {
        row.q_ah = p->offset_ah + w->b.direction * sqlite3_column_double(st, 0);
        row.v_v = sqlite3_column_double(st, 1);
        w->stop = w->each(w->ctx, &row);
    }
    sqlite3_reset(st);
    return step == SQLITE_ROW || step == SQLITE_DONE
               ? 0
               : sql_fail(w->f->db, w->reterr, "rows of %s", w->t->name);
}

/* Every stride-th row from the first, and the last, whatever the stride. */
static int branch_flush(struct branches *w)
{
    int64_t most = w->points > 1 ? w->points - 1 : 1;
    int64_t stride = (w->b.rows - 1 + most - 1) / most;
    int64_t start = 0; /* of the piece, counted in rows of the branch */
    int rc = 0;

    stride = stride > 0 ? stride : 1;
    for (size_t i = 0; i < w->b.n && rc == 0; i++) {
        const struct piece *p = &w->b.piece[i];
        int64_t n = p->last - p->first + 1;
        int64_t k = (start + stride - 1) / stride * stride - start;

        for (; k < n && rc == 0 && w->stop == 0; k += stride) {
            int64_t to = p->first + k + stride - 1;

            if (start + k != w->b.rows - 1)
                rc = branch_point(w, w->forward, p->first + k, to < p->last ? to : p->last, p);
        }
        start += n;
        if (rc == 0 && w->stop == 0 && start == w->b.rows)
            rc = branch_point(w, w->backward,
                              p->last - stride + 1 > p->first ? p->last - stride + 1 : p->first,
                              p->last, p);
    }
    w->b.rows = 0;
    w->b.n = 0;
    w->b.charge_ah = 0;
    return rc;
}

static int branch_add(struct branches *w, uint32_t step, double charge_ah)
{
    struct branch *b = &w->b;
    struct piece p = {.offset_ah = b->charge_ah};
    int64_t after;
    int rc = read_bound(w->f, w->t, "step", step, false, w->rows, &p.first, w->reterr);

    if (rc == 0)
        rc = read_bound(w->f, w->t, "step", step, true, w->rows, &after, w->reterr);
    if (rc < 0)
        return rc;
    p.last = after - 1;
    b->charge_ah += b->direction * charge_ah;
    if (p.last < p.first)
        return 0;
    if (b->n == b->size) {
        struct piece *more = realloc(b->piece, (b->size + 64) * sizeof(*more));

        if (more == NULL)
            return diag_add(w->reterr, E_NOMEM, "out of memory");
        b->piece = more;
        b->size += 64;
    }
    b->piece[b->n++] = p;
    b->rows += p.last - p.first + 1;
    return 0;
}

static int branch_step(struct branches *w, sqlite3_stmt *st)
{
    uint32_t number = (uint32_t)sqlite3_column_int64(st, 0);
    uint32_t cycle = (uint32_t)sqlite3_column_int64(st, 1);
    const char *verb = (const char *)sqlite3_column_text(st, 2);
    double charge_ah = sqlite3_column_double(st, 3); /* 0 while it is under way */
    int direction = w->b.direction, rc = 0;

    if (strcmp(verb, "charge") == 0)
        direction = 1;
    else if (strcmp(verb, "discharge") == 0)
        direction = -1;
    else if (charge_ah > 0 || charge_ah < 0)
        direction = charge_ah > 0 ? 1 : -1;
    if (direction == 0)
        return 0;
    if (w->b.n > 0 && (cycle != w->b.cycle || direction != w->b.direction))
        rc = branch_flush(w);
    if (cycle != w->b.cycle || direction != w->b.direction)
        w->b.charge_ah = 0;
    w->b.cycle = cycle;
    w->b.direction = direction;
    return rc < 0 || w->stop != 0 ? rc : branch_add(w, number, charge_ah);
}

static int branches_walk(struct branches *w)
{
    sqlite3_stmt *st;
    int step = SQLITE_DONE;
    int rc = sql_prepare(w->f->db, &st, w->reterr,
                         "SELECT s.number, coalesce(e.cycle, s.cycle), s.verb, e.charge_ah"
                         " FROM step s LEFT JOIN step_summary e USING(number)"
                         " WHERE s.verb IN ('charge', 'discharge', 'hold') ORDER BY s.number");

    if (rc < 0)
        return rc;
    while (rc == 0 && w->stop == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
        rc = branch_step(w, st);
    if (rc == 0 && step != SQLITE_ROW && step != SQLITE_DONE)
        rc = sql_fail(w->f->db, w->reterr, "steps");
    sqlite3_finalize(st);
    if (rc == 0 && w->stop == 0 && w->b.n > 0)
        rc = branch_flush(w);
    return rc;
}

/* Column of the first voltage of the table; 0: none. */
static int voltage_column(struct branches *w, char column[DB_NAME_MAX])
{
    sqlite3_stmt *st;
    int rc = sql_prepare(w->f->db, &st, w->reterr,
                         "SELECT column_name FROM channel WHERE table_name = ?1 AND"
                         " kind = 'voltage' ORDER BY id LIMIT 1");

    if (rc < 0)
        return rc;
    sql_bind_text(st, 1, w->t->name);
    if (sqlite3_step(st) == SQLITE_ROW) {
        sql_copy(st, 0, column, DB_NAME_MAX);
        rc = 1;
    }
    sqlite3_finalize(st);
    return rc;
}

static int branches_prepare(struct branches *w, const char *column)
{
    static const char sql[] = "SELECT charge_ah, \"%s\" FROM \"%s\" WHERE rowid BETWEEN ?1 AND ?2"
                              " AND \"%s\" IS NOT NULL AND charge_ah IS NOT NULL"
                              " ORDER BY rowid %s LIMIT 1";
    char text[512];
    int rc = str_fmt(text, sizeof(text), sql, column, w->t->name, column, "ASC");

    if (rc == 0)
        rc = sql_prepare(w->f->db, &w->forward, w->reterr, "%s", text);
    if (rc == 0)
        rc = str_fmt(text, sizeof(text), sql, column, w->t->name, column, "DESC");
    if (rc == 0)
        rc = sql_prepare(w->f->db, &w->backward, w->reterr, "%s", text);
    if (rc == 0)
        rc = table_rows(w->f->db, w->t, &w->rows, w->reterr);
    return rc;
}

int run_branches(struct run_file *f, unsigned points,
                 int (*each)(void *ctx, const struct branch_row *), void *ctx, struct diag *reterr)
{
    struct branches w = {.f = f, .points = points, .each = each, .ctx = ctx, .reterr = reterr};
    char column[DB_NAME_MAX];
    int rc;

    for (unsigned i = 0; i < f->tables.n && w.t == NULL; i++) {
        if (f->tables.table[i].counts)
            w.t = &f->tables.table[i];
    }
    if (w.t == NULL)
        return 0; /* a run without a cycler has no branches */
    rc = sql_exec(f->db, "BEGIN", reterr);
    if (rc < 0)
        return rc;
    rc = voltage_column(&w, column);
    if (rc > 0) {
        rc = branches_prepare(&w, column);
        if (rc == 0)
            rc = branches_walk(&w);
    }
    sqlite3_finalize(w.forward);
    sqlite3_finalize(w.backward);
    free(w.b.piece);
    sqlite3_exec(f->db, "COMMIT", NULL, NULL, NULL);
    return rc;
}
