/* analysis/import_memory.c - a recording in memory: one block that grows in place. */
#include "analysis/import.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MIN = 1024
};

struct memory {
    unsigned n_extra;
    struct import_extra extra[RECORDING_EXTRA_MAX];
    size_t n, room;
    double *block; /* t, v, i, step time, extras, then step and cycle, each of `room` */
    double used[RECORDING_EXTRA_MAX];
    double capacity_ah;
    struct recording rec;
};

static size_t doubles(const struct memory *m)
{
    return 4 + m->n_extra;
}

static size_t row_bytes(const struct memory *m)
{
    return doubles(m) * sizeof(double) + 2 * sizeof(uint32_t);
}

static double *column(const struct memory *m, size_t i)
{
    return m->block + i * m->room;
}

static uint32_t *counts(const struct memory *m, size_t i)
{
    return (uint32_t *)(void *)column(m, doubles(m)) + i * m->room;
}

/* Columns move from places `from` rows long to places `to` rows long within the block. */
static void spread(struct memory *m, size_t from, size_t to)
{
    size_t all = doubles(m);
    uint32_t *old_counts = (uint32_t *)(void *)(m->block + all * from);
    uint32_t *new_counts = (uint32_t *)(void *)(m->block + all * to);

    if (to > from) { /* the last first */
        memmove(new_counts + to, old_counts + from, m->n * sizeof(uint32_t));
        memmove(new_counts, old_counts, m->n * sizeof(uint32_t));
        for (size_t i = all; i-- > 1;)
            memmove(m->block + i * to, m->block + i * from, m->n * sizeof(double));
    } else {
        for (size_t i = 1; i < all; i++)
            memmove(m->block + i * to, m->block + i * from, m->n * sizeof(double));
        memmove(new_counts, old_counts, m->n * sizeof(uint32_t));
        memmove(new_counts + to, old_counts + from, m->n * sizeof(uint32_t));
    }
    m->room = to;
}

static int grow(struct memory *m, size_t room, struct diag *reterr)
{
    double *p;

    if (room > SIZE_MAX / row_bytes(m))
        return diag_add(reterr, E_NOMEM, "out of memory");
    p = realloc(m->block, room * row_bytes(m));
    if (!p)
        return diag_add(reterr, E_NOMEM, "out of memory: %zu rows of %zu bytes", room,
                        row_bytes(m));
    m->block = p;
    spread(m, m->room, room);
    return 0;
}

static int on_begin(void *ctx, const struct import_shape *shape, struct diag *reterr)
{
    struct memory *m = ctx;
    uint64_t rows = shape->rows_expected + shape->rows_expected / 64;

    m->n_extra = shape->n_extra;
    memcpy(m->extra, shape->extra, sizeof(m->extra));
    return grow(m, rows > ROWS_MIN ? (size_t)rows : ROWS_MIN, reterr);
}

static int on_row(void *ctx, const struct import_row *row, struct diag *reterr)
{
    struct memory *m = ctx;
    size_t n = m->n;

    if (n == m->room) {
        int rc = grow(m, m->room + m->room / 4, reterr);

        if (rc < 0)
            return rc;
    }
    column(m, 0)[n] = row->t_s;
    column(m, 1)[n] = row->voltage_v;
    column(m, 2)[n] = row->current_a;
    column(m, 3)[n] = row->step_time_s;
    for (unsigned i = 0; i < m->n_extra; i++) {
        column(m, 4 + i)[n] = row->extra[i];
        m->used[i] += isnan(row->extra[i]) ? 0 : 1;
    }
    counts(m, 0)[n] = row->step;
    counts(m, 1)[n] = row->cycle;
    m->n++;
    return 0;
}

/* Smallest difference between neighbours, a sign of the last digit that is written. */
static double resolution(const double *v, size_t n)
{
    double least = (double)INFINITY;

    for (size_t i = 1; i < n; i++) {
        double d = fabs(v[i] - v[i - 1]);

        if (d > 1e-12 && d < least)
            least = d;
    }
    return isinf(least) ? (double)NAN : least;
}

static void name_columns(struct memory *m, struct recording *r)
{
    r->n = m->n;
    r->block = m->block;
    r->t_s = column(m, 0);
    r->voltage_v = column(m, 1);
    r->current_a = column(m, 2);
    r->step = counts(m, 0);
    r->cycle = counts(m, 1);
    /* a sensor that never gave a value is no column */
    for (unsigned i = 0; i < m->n_extra; i++) {
        if (!(m->used[i] > 0))
            continue;
        r->extra[r->n_extra].v = column(m, 4 + i);
        memcpy(r->extra[r->n_extra++].name, m->extra[i].name, RECORDING_NAME_MAX);
    }
    if (r->n_extra == RECORDING_EXTRA_MAX)
        return;
    r->extra[r->n_extra].v = column(m, 3);
    (void)str_copy(r->extra[r->n_extra++].name, RECORDING_NAME_MAX, "step_time_s");
}

static int on_end(void *ctx, const struct import_report *report, struct diag *reterr)
{
    struct memory *m = ctx;
    struct recording *r = &m->rec;
    double nan = (double)NAN;
    double *p;

    (void)reterr;
    spread(m, m->room, m->n);
    p = realloc(m->block, m->n * row_bytes(m));
    if (p)
        m->block = p;
    *r = (struct recording){.capacity_ah = m->capacity_ah > 0 ? m->capacity_ah : nan,
                            .counter_resets = report->resets};
    name_columns(m, r);
    r->voltage = (struct recording_accuracy){nan, nan, resolution(r->voltage_v, r->n)};
    r->current = (struct recording_accuracy){nan, nan, resolution(r->current_a, r->n)};
    return 0;
}

int import_recording(const char *path, const struct import_options *opt, struct recording *ret,
                     struct diag *reterr)
{
    struct memory *m = calloc(1, sizeof(*m));
    struct import_sink sink = {.ctx = m, .begin = on_begin, .row = on_row, .end = on_end};
    int rc;

    if (!m)
        return diag_add(reterr, E_NOMEM, "out of memory");
    m->capacity_ah = opt ? opt->capacity_ah : 0;
    rc = import_file(path, opt, &sink, NULL, reterr);
    if (rc == 0)
        rc = recording_split(&m->rec, reterr);
    if (rc == 0)
        *ret = m->rec;
    else
        free(m->block);
    free(m);
    return rc;
}
