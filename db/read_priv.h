/* db/read_priv.h - an open run file, for the files that read it. */
#ifndef DB_READ_PRIV_H
#define DB_READ_PRIV_H

#include "db/db_priv.h"

struct run_file {
    sqlite3 *db;
    int64_t version; /* 1: no pyramid */
    struct table_list tables;
};

/* First row of 1 .. rows + 1 whose COLUMN is at least x (after: greater than x). The column must
 * not fall from row to row, as t_s and step do not. */
int read_bound(struct run_file *f, const struct table_desc *t, const char *column, double x,
               bool after, int64_t rows, int64_t *ret, struct diag *reterr) MUST_USE;

#endif
