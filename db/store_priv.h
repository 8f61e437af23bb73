/* db/store_priv.h - the writing side's inside: one run at a time, its rows in a batch until a
 * commit.
 *
 * What is put is kept in memory and goes to SQLite in one transaction at store_commit. So a full
 * disk loses nothing: the transaction is rolled back, the batch is still there, and the next
 * commit tries again.
 *
 * Real time: the connection of the run, its statements, pyramid, before and back are the store
 * thread's while it is at work (from store_commit_begin until it says idle), the owner's else;
 * batch and the catalogue's connection are always the owner's.
 */
#ifndef DB_STORE_PRIV_H
#define DB_STORE_PRIV_H

#include "base/str.h"
#include "db/pyramid_priv.h"

enum {
    BATCH_MAX = 64 << 20, /* bytes that may wait for a commit that works */
    WAL_PAGES = 2000,     /* 8 MB: then the log is folded into the file */
    WAIT_MS = 10000       /* that a disk may be silent before we stop waiting for the thread */
};

struct batch {
    uint8_t *p;
    size_t n, size;
    size_t limit; /* of n, for the record that is being put */
    size_t mark;  /* its start */
    nsec t;       /* its time */
    unsigned records;
    nsec oldest; /* of the times of its records; NSEC_NEVER: none has one */
    bool failed; /* it did not fit */
};

/* Encoded run and world; NULL: as they are. */
struct states {
    const uint8_t *p[2];
    size_t n[2];
};

struct worker; /* thread.c */

/* rows_hash.c: the hash over all sample rows, so far. */
struct rows_hash {
    struct sha256 sha;
    size_t n;
    uint8_t buf[8192];
};
/* Rows of the first table as they are put: begin, put each, end reads the other tables. done: how
 * many tables are in already. */
void rows_hash_begin(struct rows_hash *h, const struct table_desc *first);
void rows_hash_put(struct rows_hash *h, const struct table_desc *t, double t_s, uint32_t step,
                   uint32_t cycle, const double *field, const uint8_t *quality);
int rows_hash_end(struct rows_hash *h, sqlite3 *db, const struct table_list *list, unsigned done,
                  char ret_hex[65], struct diag *reterr) MUST_USE;

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
    bool bulk; /* runfile_bulk.c; then hash is current, and before_hash that of the last commit */
    struct rows_hash hash, before_hash;
    int lock_fd;
    struct table_list tables;
    struct pyramid pyramid[DB_TABLES_MAX], before[DB_TABLES_MAX]; /* before: of the last commit */
    sqlite3_stmt *insert[DB_TABLES_MAX];
    sqlite3_stmt *put[PUT_KINDS];
    sqlite3_stmt *bucket, *state;
    struct batch batch; /* what is put now */
    struct batch back;  /* with the thread, or back from it because the disk did not take it */
    /* Real time; worker NULL: none. */
    struct worker *worker;
    int wait_ms;                     /* WAIT_MS; tests have less patience */
    int checkpoint_pages, wal_pages; /* when to fold the log, how long it is */
};

/* batch.c: write a batch; an SQLite code. It stays as it is. */
int batch_apply(struct store *s, const struct batch *b);
int batch_prepare(struct store *s, struct diag *reterr) MUST_USE;
void batch_init(struct batch *b);
void batch_clear(struct batch *b);
/* The thread is idle: back and batch become one batch, in the order they were put. E_NOMEM: as they
 * were. */
int batch_gather(struct store *s) MUST_USE;

/* store.c: batch and states in one transaction. On failure the file is as before, the batch stays.
 */
int store_write(struct store *s, const struct batch *b, const struct states *states,
                struct diag *reterr) MUST_USE;

/* thread.c */
/* Until the thread has nothing to do, at most s->wait_ms: E_BUSY. Without one: at once. */
int worker_quiet(struct store *s, struct diag *reterr) MUST_USE;
bool worker_in_flight(const struct store *s);
/* States that came back from it unwritten, where the caller has none newer. */
void worker_states(const struct store *s, struct states *states);
/* What it was given is in the file, by itself or by the owner. */
void worker_settled(struct store *s);
/* The run is closed. */
void worker_forget(struct store *s);
/* Ends the thread. E_BUSY: it hangs in the disk, and what it uses may not be freed. */
int worker_stop(struct store *s);

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
/* From now on a commit that returns is on the disk, and so is what was committed before. */
int runfile_durable(struct store *s, struct diag *reterr) MUST_USE;
/* Real time: fold the log into the file when it has become long. */
void runfile_tidy(struct store *s);
/* What SQLite does not tell about the end of a journal: 1, the file is for good as it is. */
int runfile_for_good(sqlite3 *db, struct diag *reterr) MUST_USE;
/* Fold the write-ahead log into the file, durably. 1: done, 0: a reader has it open, try another
 * day. */
int runfile_settle(sqlite3 *db, struct diag *reterr) MUST_USE;
/* integrity_check and foreign_key_check: E_CORRUPT. */
int runfile_verify(sqlite3 *db, int64_t number, struct diag *reterr) MUST_USE;

/* runfile_bulk.c */
/* How a file that can be made again is written: without a log, and nothing waits for the disk. */
int bulk_settings(sqlite3 *db, struct diag *reterr) MUST_USE;
/* Within the transaction of its first rows: it is marked as half-made. */
int bulk_mark(sqlite3 *db, struct diag *reterr) MUST_USE;
/* Everything in it is on the disk, then the mark goes. 1, as runfile_settle. */
int bulk_publish(sqlite3 *db, struct diag *reterr) MUST_USE;
/* A file that carries the mark; nobody may be writing it. */
bool bulk_half_made(const char *lab, int64_t number);
/* Away with it, also from the catalogue. */
void bulk_drop(struct store *s, int64_t number);

#endif
