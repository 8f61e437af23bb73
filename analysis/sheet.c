/* analysis/sheet.c - all sample tables of a run as one wide sheet. */
#include "analysis/sheet.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every sample table begins with t_s, step, cycle and ends with quality. */
enum {
    FIRST_VALUE = 3
};

/* A table that does not lead: its times and values, row after row. */
struct sheet_aside {
    size_t n, size;
    unsigned width;
    double *row; /* 1 + width numbers each: t_s first */
    size_t next; /* the first row that is later than the leading one */
    bool shown;  /* some row has been */
    char cell[SHEET_COLUMNS_MAX][SHEET_CELL_MAX];
};

/* ---- Which columns ---- */

struct finder {
    struct sheet *s;
    int at_name, at_counts;
    bool header;
    int rc;
};

static int cell_named(unsigned n, const char *const *cells, const char *name)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(cells[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int on_table(void *ctx, unsigned n, const char *const *cells)
{
    struct finder *f = ctx;
    struct sheet *s = f->s;

    if (f->header) {
        f->header = false;
        f->at_name = cell_named(n, cells, "name");
        f->at_counts = cell_named(n, cells, "counts");
        return f->at_name < 0 || f->at_counts < 0 ? (f->rc = E_CORRUPT) : 0;
    }
    if (s->n_tables == SHEET_TABLES_MAX) {
        return f->rc = E_FULL;
    }
    str_copy(s->table[s->n_tables], sizeof(s->table[0]), cells[f->at_name]);
    if (!s->counts && strcmp(cells[f->at_counts], "0") != 0) { /* the cycler leads */
        char first[sizeof(s->table[0])];

        s->counts = true;
        memcpy(first, s->table[0], sizeof(first));
        memcpy(s->table[0], s->table[s->n_tables], sizeof(first));
        memcpy(s->table[s->n_tables], first, sizeof(first));
    }
    s->n_tables++;
    return 0;
}

struct columns {
    struct sheet *s;
    unsigned table;
    int rc;
};

/* Only the header is wanted. */
static int on_header(void *ctx, unsigned n, const char *const *cells)
{
    struct columns *c = ctx;
    struct sheet *s = c->s;

    for (unsigned i = FIRST_VALUE; i + 1 < n; i++) {
        struct sheet_column *to = &s->column[s->n];

        if (s->n == SHEET_COLUMNS_MAX) {
            return c->rc = E_FULL;
        }
        *to = (struct sheet_column){.of = c->table,
                                    .at = i,
                                    .accuracy_reading = NAN,
                                    .accuracy_offset = NAN,
                                    .resolution = NAN};
        str_copy(to->table, sizeof(to->table), s->table[c->table]);
        str_copy(to->column, sizeof(to->column), cells[i]);
        if (str_fmt(to->name, sizeof(to->name), "%s%s%s", c->table > 0 ? to->table : "",
                    c->table > 0 ? "." : "", cells[i]) < 0 ||
            str_fmt(to->channel, sizeof(to->channel), "%s.%s", to->table, cells[i]) < 0) {
            return c->rc = E_FULL;
        }
        s->n++;
    }
    return 1;
}

/* What the run says about its channels, by the names of the columns in table `channel`. */
struct channels {
    struct sheet *s;
    bool header;
    int at[7];
};
enum {
    AT_NAME,
    AT_TABLE,
    AT_COLUMN,
    AT_UNIT,
    AT_READING,
    AT_OFFSET,
    AT_RESOLUTION
};

static double number_or_nan(const char *text)
{
    double v = NAN;

    return text[0] && str_to_double(text, strlen(text), &v) == 0 ? v : (double)NAN;
}

static int on_channel(void *ctx, unsigned n, const char *const *cells)
{
    static const char *const names[] = {"name",      "table_name",       "column_name",
                                        "unit",      "accuracy_reading", "accuracy_offset",
                                        "resolution"};
    struct channels *c = ctx;

    if (c->header) {
        c->header = false;
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
            c->at[i] = cell_named(n, cells, names[i]);
        }
        return 0;
    }
    for (unsigned i = 0; i < c->s->n; i++) {
        struct sheet_column *to = &c->s->column[i];

        if (strcmp(to->table, cells[c->at[AT_TABLE]]) == 0 &&
            strcmp(to->column, cells[c->at[AT_COLUMN]]) == 0) {
            str_copy(to->channel, sizeof(to->channel), cells[c->at[AT_NAME]]);
            str_copy(to->unit, sizeof(to->unit), cells[c->at[AT_UNIT]]);
            to->accuracy_reading = number_or_nan(cells[c->at[AT_READING]]);
            to->accuracy_offset = number_or_nan(cells[c->at[AT_OFFSET]]);
            to->resolution = number_or_nan(cells[c->at[AT_RESOLUTION]]);
        }
    }
    return 0;
}

static int on_instrument(void *ctx, const struct channel_row *row)
{
    struct sheet *s = ctx;

    for (unsigned i = 0; i < s->n; i++) {
        if (strcmp(s->column[i].channel, row->name) == 0) {
            str_copy(s->column[i].instrument, sizeof(s->column[i].instrument), row->instrument);
        }
    }
    return 0;
}

static int find_columns(struct run_file *f, struct sheet *s, struct diag *reterr)
{
    struct finder finder = {.s = s, .header = true};
    struct channels channels = {.s = s, .header = true};
    int rc = run_rows(f, "sample_table", on_table, &finder, reterr);

    rc = rc == 0 ? finder.rc : rc;
    if (rc == 0 && s->n_tables == 0) {
        return diag_add(reterr, E_NOENT, "the run has no sample rows");
    }
    for (unsigned i = 0; i < s->n_tables && rc == 0; i++) {
        struct columns c = {.s = s, .table = i};

        rc = run_rows(f, s->table[i], on_header, &c, reterr);
        rc = rc == 0 ? c.rc : rc;
    }
    rc = rc == 0 ? run_rows(f, "channel", on_channel, &channels, reterr) : rc;
    rc = rc == 0 ? run_channels(f, on_instrument, s, reterr) : rc;
    if (rc == E_FULL) {
        return diag_add(reterr, rc, "the run has more tables or columns than a sheet can hold");
    }
    return rc;
}

/* ---- Tables beside the leading one ---- */

struct loading {
    struct sheet_aside *to;
    bool header;
    int rc;
};

static int on_aside(void *ctx, unsigned n, const char *const *cells)
{
    struct loading *l = ctx;
    struct sheet_aside *a = l->to;
    double *row;

    if (l->header) {
        l->header = false;
        a->width = n - FIRST_VALUE - 1;
        return 0;
    }
    if (a->n == a->size) {
        size_t size = 2 * a->size + 1024;

        row = realloc(a->row, size * (1 + a->width) * sizeof(*row));
        if (!row) {
            return l->rc = E_NOMEM;
        }
        a->row = row;
        a->size = size;
    }
    row = a->row + a->n++ * (1 + a->width);
    row[0] = number_or_nan(cells[0]);
    for (unsigned i = 0; i < a->width; i++) {
        row[1 + i] = number_or_nan(cells[FIRST_VALUE + i]);
    }
    return 0;
}

int sheet_open(struct run_file *f, struct sheet *ret, struct diag *reterr)
{
    int rc;

    memset(ret, 0, sizeof(*ret));
    rc = find_columns(f, ret, reterr);
    if (rc == 0) {
        ret->aside = calloc(ret->n_tables, sizeof(*ret->aside));
        rc = ret->aside ? 0 : diag_add(reterr, E_NOMEM, "out of memory");
    }
    for (unsigned i = 1; i < ret->n_tables && rc == 0; i++) {
        struct loading l = {.to = &ret->aside[i], .header = true};

        rc = run_rows(f, ret->table[i], on_aside, &l, reterr);
        if (rc == 0 && l.rc < 0) {
            rc = diag_add(reterr, l.rc, "out of memory for the rows of %s", ret->table[i]);
        }
        ret->beside += l.to->size * (1 + l.to->width) * sizeof(double);
    }
    if (rc < 0) {
        sheet_done(ret);
    }
    return rc;
}

void sheet_done(struct sheet *s)
{
    for (unsigned i = 1; s->aside && i < s->n_tables; i++) {
        free(s->aside[i].row);
    }
    free(s->aside);
    memset(s, 0, sizeof(*s));
}

const struct sheet_column *sheet_channel(const struct sheet *s, const char *channel)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (strcmp(s->column[i].channel, channel) == 0) {
            return &s->column[i];
        }
    }
    return NULL;
}

/* ---- Rows ---- */

struct walk {
    struct sheet *s;
    int (*each)(void *ctx, const struct sheet_row *row);
    void *ctx;
    const char *cell[SHEET_COLUMNS_MAX];
    uint64_t index;
    bool header;
    int rc;
};

/* To its last row at or before t; its texts are made anew only when that is another one. */
static void aside_to(struct sheet_aside *a, double t_s)
{
    size_t before = a->next;

    while (a->next < a->n && !(a->row[a->next * (1 + a->width)] > t_s)) {
        a->next++;
    }
    if (a->next == before && (a->shown || a->next == 0)) {
        return;
    }
    a->shown = true;
    for (unsigned i = 0; i < a->width && i < SHEET_COLUMNS_MAX; i++) {
        double v = a->row[(a->next - 1) * (1 + a->width) + 1 + i];

        a->cell[i][0] = '\0';
        if (!isnan(v)) {
            str_from_double(v, a->cell[i], sizeof(a->cell[i]));
        }
    }
}

static int on_row(void *ctx, unsigned n, const char *const *cells)
{
    struct walk *w = ctx;
    struct sheet_row row;
    double t_s;

    if (w->header) {
        w->header = false;
        return 0;
    }
    t_s = number_or_nan(cells[0]);
    for (unsigned i = 1; i < w->s->n_tables; i++) {
        aside_to(&w->s->aside[i], t_s);
    }
    for (unsigned i = 0; i < w->s->n; i++) {
        const struct sheet_column *c = &w->s->column[i];

        w->cell[i] = c->of == 0 ? cells[c->at] : w->s->aside[c->of].cell[c->at - FIRST_VALUE];
    }
    row = (struct sheet_row){.index = ++w->index,
                             .t_s = cells[0],
                             .step = cells[1],
                             .cycle = cells[2],
                             .cell = w->cell,
                             .quality = cells[n - 1]};
    return w->rc = w->each(w->ctx, &row);
}

int sheet_rows(struct run_file *f, struct sheet *s,
               int (*each)(void *ctx, const struct sheet_row *row), void *ctx, struct diag *reterr)
{
    struct walk w = {.s = s, .each = each, .ctx = ctx, .header = true};
    int rc;

    for (unsigned i = 1; i < s->n_tables; i++) {
        struct sheet_aside *a = &s->aside[i];

        a->next = 0;
        a->shown = false;
        memset(a->cell, 0, sizeof(a->cell));
    }
    rc = run_rows(f, s->table[0], on_row, &w, reterr);
    return rc < 0 ? rc : w.rc < 0 ? w.rc : 0;
}
