/* db/db_priv.h - what every file of this folder shares: SQLite's errors told as ours, statements,
 * and the description of the sample tables, which is read from the file itself.
 */
#ifndef DB_DB_PRIV_H
#define DB_DB_PRIV_H

#include "base/attr.h"
#include "db/read.h"
#include "db/store.h"

#include <sqlite3.h>

enum {
    RUN_VERSION = 2, /* user_version of a run file: 1 what was measured, 2 the pyramid */
    LAB_VERSION = 1,
    RUN_APP_ID = 0x42454e43,  /* "BENC" */
    RUN_BULK_ID = 0x42454e49, /* "BENI": an import that is not at its end */
    LAB_APP_ID = 0x42454e4c,  /* "BENL" */
    DB_TABLES_MAX = 16,
    DB_FIELDS_MAX = STORE_COLUMNS_MAX + 2, /* channels, charge_ah, energy_wh */
    DB_NAME_MAX = 48,
    DB_SQL_MAX = 2048,
    DB_PATH_MAX = 1024,
};

/* One sample table. Field i is column 3 + i (after t_s, step, cycle) and channel first_channel + i.
 */
struct table_desc {
    char name[DB_NAME_MAX];
    unsigned n;        /* channels */
    unsigned n_fields; /* and the two counts */
    bool counts;
    int64_t first_channel;
    char column[DB_FIELDS_MAX][DB_NAME_MAX];
};
struct table_list {
    unsigned n;
    struct table_desc table[DB_TABLES_MAX];
};

/* sql.c */
int sql_code(sqlite3 *db, int rc);
/* Code of the last error of db, with its story: "WHAT: disk full". Before any further call on db.
 */
int sql_fail(sqlite3 *db, struct diag *reterr, const char *fmt, ...) PRINTF(3, 4);
/* create: the file may be absent. ret_db untouched on failure. */
int sql_open(const char *path, bool write, bool create, sqlite3 **ret_db,
             struct diag *reterr) MUST_USE;
int sql_exec(sqlite3 *db, const char *sql, struct diag *reterr) MUST_USE;
int sql_prepare(sqlite3 *db, sqlite3_stmt **ret, struct diag *reterr, const char *fmt, ...)
    PRINTF(4, 5) MUST_USE;
/* First cell of the first row; E_NOENT when there is no row. */
int sql_int(sqlite3 *db, const char *sql, int64_t *ret, struct diag *reterr) MUST_USE;
/* Step a statement that gives no rows, and reset it. */
int sql_run(sqlite3_stmt *st);
int sql_bind_real(sqlite3_stmt *st, int i, double v);           /* not finite: NULL */
int sql_bind_text(sqlite3_stmt *st, int i, const char *text);   /* NULL: NULL; text stays */
double sql_real(sqlite3_stmt *st, int i);                       /* NULL: NaN */
void sql_copy(sqlite3_stmt *st, int i, char *buf, size_t size); /* NULL: "" */
/* Lower-case letters, digits and underscores, a letter first, short enough. */
bool sql_name_ok(const char *name);

/* schema.c: bring a file to the newest version, each step in its own transaction. E_VERSION when it
 * is newer. */
int schema_run(sqlite3 *db, struct diag *reterr) MUST_USE;
int schema_lab(sqlite3 *db, struct diag *reterr) MUST_USE;
/* The file is ours and not newer than we are; its version. */
int schema_check(sqlite3 *db, int64_t app_id, int64_t newest, int64_t *ret_version,
                 struct diag *reterr) MUST_USE;
/* A name that would hide one of our own tables. */
bool schema_reserved(const char *name);

/* tables.c */
int tables_create(sqlite3 *db, const struct store_table *tables, unsigned n,
                  struct diag *reterr) MUST_USE;
int tables_load(sqlite3 *db, struct table_list *ret, struct diag *reterr) MUST_USE;
/* Names and columns as the caller will put them; E_MISMATCH. */
int tables_compare(const struct table_list *list, const struct store_table *tables, unsigned n,
                   struct diag *reterr) MUST_USE;
/* Rows of a table: their numbers run from 1 without gaps. */
int table_rows(sqlite3 *db, const struct table_desc *t, int64_t *ret_rows,
               struct diag *reterr) MUST_USE;

/* rows_hash.c: over the exact bits of all rows; the layout is in docs/RUNFILE.md. */
int tables_sha256(sqlite3 *db, const struct table_list *list, char ret_hex[65],
                  struct diag *reterr) MUST_USE;

/* info.c */
int info_read(sqlite3 *db, struct run_info *ret, struct diag *reterr) MUST_USE;
/* Catalogue rows: insert or bring up to date. file_sha256 NULL: keep what is there. closed: no
 * write-ahead log is left beside the file. */
int catalogue_put(sqlite3 *lab, const struct run_info *info, const char *file_sha256, bool closed,
                  struct diag *reterr) MUST_USE;
int catalogue_forget(sqlite3 *lab, int64_t number, struct diag *reterr) MUST_USE;
/* Statement over the catalogue's run rows, newest first, for info_from_row. */
int catalogue_list(sqlite3 *lab, sqlite3_stmt **ret, struct diag *reterr) MUST_USE;
void info_from_row(sqlite3_stmt *st, struct run_info *ret);

/* paths.c */
int path_lab(char *buf, size_t size, const char *lab, struct diag *reterr) MUST_USE;
int path_run(char *buf, size_t size, const char *lab, int64_t number, const char *suffix,
             struct diag *reterr) MUST_USE;
/* Numbers of runs/NNNNNN.run, ascending, heap. An absent folder is an empty one. */
int path_numbers(const char *lab, int64_t **ret, size_t *ret_n, struct diag *reterr) MUST_USE;
int path_highest(const char *lab, int64_t *ret, struct diag *reterr) MUST_USE;
/* What was made or removed in the folder of this file or folder outlasts a power cut. */
int path_sync(const char *path, struct diag *reterr) MUST_USE;
/* Like mkdir -p. */
int path_folder(const char *path, struct diag *reterr) MUST_USE;
int path_sha256(const char *path, char ret_hex[65], struct diag *reterr) MUST_USE;

#endif
