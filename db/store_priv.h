/* db/store_priv.h - the writing side's inside: one run at a time, its rows in a batch until a
 * commit.
 *
 * What is put is kept in memory and goes to SQLite in one transaction at store_commit. So a full
 * disk loses nothing: the transaction is rolled back, the batch is still there, and the next
 * commit tries again.
 */
#ifndef DB_STORE_PRIV_H
#define DB_STORE_PRIV_H

#include "db/pyramid_priv.h"

enum {
    BATCH_MAX = 64 << 20
}; /* bytes that may wait for a commit that works */

struct batch {
    uint8_t *p;
    size_t n, size;
    size_t mark; /* start of the record that is being put */
    unsigned records;
    bool failed; /* it did not fit */
};

enum put_kind {
    PUT_EVENT,
    PUT_STEP,
    PUT_SUMMARY,
    PUT_MEASURE,
    PUT_NOTE,
    PUT_REGISTER,
    PUT_FRAME,
    PUT_IDENTITY,
    PUT_ANCHOR,
    PUT_KINDS,
    PUT_SAMPLE = PUT_KINDS
};

struct store {
    char dir[DB_PATH_MAX];
    sqlite3 *lab;
    bool read_only;
    /* The run under way; db NULL: none. */
    sqlite3 *db;
    int64_t number;
    int lock_fd;
    struct table_list tables;
    struct pyramid pyramid[DB_TABLES_MAX], before[DB_TABLES_MAX]; /* before: of the last commit */
    sqlite3_stmt *insert[DB_TABLES_MAX];
    sqlite3_stmt *put[PUT_KINDS];
    sqlite3_stmt *bucket, *state;
    struct batch batch;
};

/* batch.c: write everything put so far; an SQLite code. The batch stays. */
int batch_apply(struct store *s);
int batch_prepare(struct store *s, struct diag *reterr) MUST_USE;
void batch_clear(struct batch *b);

/* runfile.c */
/* Lock of a run's writer, beside its file: E_BUSY when another process has it. */
int runfile_lock(const char *lab, int64_t number, int *ret_fd, struct diag *reterr) MUST_USE;
void runfile_unlock(const char *lab, int64_t number, int fd);
/* A new file with its first rows, open for writing in s. Nothing is left behind on failure. */
int runfile_create(struct store *s, int64_t number, const struct store_run *run,
                   const struct store_table *tables, unsigned n_tables,
                   const struct store_source *sources, unsigned n_sources,
                   struct diag *reterr) MUST_USE;
void runfile_remove(const char *lab, int64_t number);
/* The file of a run, open in s; statements prepared, pyramids loaded. */
int runfile_attach(struct store *s, int64_t number, struct diag *reterr) MUST_USE;
void runfile_detach(struct store *s);
/* Fold the write-ahead log into the file. 1: done, 0: a reader has it open, try another day. */
int runfile_settle(sqlite3 *db, struct diag *reterr) MUST_USE;
/* integrity_check and foreign_key_check: E_CORRUPT. */
int runfile_verify(sqlite3 *db, int64_t number, struct diag *reterr) MUST_USE;

#endif
