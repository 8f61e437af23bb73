/* db/pyramid_priv.h - minima and maxima of 256 and of 65536 rows, so that a plot need not read
 * them.
 *
 * Row numbers of a table run from 1 without gaps; bucket b of a span covers rows b * span + 1 to
 * (b + 1) * span. A bucket is written when its last row is. The open ones live in struct pyramid
 * (flat, so that a failed commit puts the old one back) and are made again from the last rows when
 * a run goes on; pyramid_rest writes them at the end of the run.
 */
#ifndef DB_PYRAMID_PRIV_H
#define DB_PYRAMID_PRIV_H

#include "db/db_priv.h"

enum {
    PYRAMID_LEVELS = 2,
    PYRAMID_SPAN_0 = 256,
    PYRAMID_SPAN_1 = 65536
};

struct pyramid_field {
    uint32_t n; /* values; 0: lo and hi mean nothing */
    double lo, hi;
};
struct pyramid_bucket {
    uint32_t rows;
    double t0_s, t1_s;
    struct pyramid_field field[DB_FIELDS_MAX];
};
struct pyramid {
    int64_t rows; /* in the table */
    struct pyramid_bucket open[PYRAMID_LEVELS];
};

/* The statement that pyramid_add and pyramid_rest write with. */
int pyramid_prepare(sqlite3 *db, sqlite3_stmt **ret, struct diag *reterr) MUST_USE;
/* One row; fields[n_fields], NaN: none. An SQLite code. */
int pyramid_add(struct pyramid *p, const struct table_desc *t, sqlite3_stmt *insert, double t_s,
                const double *fields);
int pyramid_rest(struct pyramid *p, const struct table_desc *t, sqlite3_stmt *insert);
/* Open buckets from what is in the file. */
int pyramid_load(sqlite3 *db, const struct table_desc *t, struct pyramid *ret,
                 struct diag *reterr) MUST_USE;
/* All of it from the rows: a file of version 1. */
int pyramid_rebuild(sqlite3 *db, struct diag *reterr) MUST_USE;

#endif
