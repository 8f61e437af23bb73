/* db/runfile.c - a run file's life on disk: made, opened for writing, folded together, verified. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int os_code(int error)
{
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return E_FULL;
    return error == ENOENT ? E_NOENT : E_IO;
}

/* ---- The writer's lock ---- */

/* Not on the run file itself: closing any descriptor of it would drop SQLite's own locks. */
int runfile_lock(const char *lab, int64_t number, int *ret_fd, struct diag *reterr)
{
    struct flock want = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[DB_PATH_MAX];
    int rc = path_run(path, sizeof(path), lab, number, ".lock", reterr);
    int fd;

    if (rc < 0)
        return rc;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return diag_add(reterr, os_code(errno), "cannot make %s: %s", path, strerror(errno));
    if (fcntl(fd, F_SETLK, &want) == 0) {
        *ret_fd = fd;
        return 0;
    }
    rc = errno == EACCES || errno == EAGAIN ? E_BUSY : E_IO;
    close(fd);
    return diag_add(reterr, rc, "run %lld is written by another process", (long long)number);
}

void runfile_unlock(const char *lab, int64_t number, int fd)
{
    char path[DB_PATH_MAX];

    if (fd < 0)
        return;
    if (path_run(path, sizeof(path), lab, number, ".lock", NULL) == 0)
        unlink(path);
    close(fd);
}

/* ---- Making one ---- */

/* The name is the number's proof: it is made exclusively, and its folder's entry is durable. */
static int make_file(const char *lab, int64_t number, char path[DB_PATH_MAX], struct diag *reterr)
{
    int rc = path_run(path, DB_PATH_MAX, lab, number, ".run", reterr);
    int fd;

    if (rc < 0)
        return rc;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return diag_add(reterr, errno == EEXIST ? E_EXISTS : os_code(errno), "cannot make %s: %s",
                        path, strerror(errno));
    close(fd);
    rc = path_sync(path, reterr);
    if (rc < 0)
        unlink(path);
    return rc;
}

static int insert_run(sqlite3 *db, int64_t number, const struct store_run *run, struct diag *reterr)
{
    const char *const text[] = {run->procedure, run->version, run->title,        run->article,
                                run->bench,     run->station, run->program_hash, run->build};
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr,
                         "INSERT INTO run(number, procedure, version, title, article, bench,"
                         " station, program_hash, build, wall_start_ns, ended, is_virtual,"
                         " capacity_c, area_m2, seed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                         " ?10, 0, ?11, ?12, ?13, ?14)");

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(st, 1, number);
    for (size_t i = 0; i < ARRAY_LEN(text); i++)
        sql_bind_text(st, 2 + (int)i, text[i]);
    sqlite3_bind_int64(st, 10, run->wall_start);
    sqlite3_bind_int(st, 11, run->is_virtual);
    sql_bind_real(st, 12, run->capacity_c);
    sql_bind_real(st, 13, run->area_m2);
    sqlite3_bind_int64(st, 14, (sqlite3_int64)run->seed);
    if (sql_run(st) != SQLITE_OK)
        rc = sql_fail(db, reterr, "run %lld", (long long)number);
    sqlite3_finalize(st);
    return rc;
}

static int insert_sources(sqlite3 *db, const struct store_source *sources, unsigned n,
                          struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr,
                         "INSERT INTO source(kind, name, sha256, text) VALUES(?1, ?2, ?3, ?4)");

    for (unsigned i = 0; i < n && rc == 0; i++) {
        struct sha256 h;
        uint8_t digest[32];
        char hex[65];

        sha256_init(&h);
        sha256_add(&h, sources[i].text, sources[i].n);
        sha256_end(&h, digest);
        sha256_hex(digest, hex);
        sql_bind_text(st, 1, sources[i].kind);
        sql_bind_text(st, 2, sources[i].name);
        sql_bind_text(st, 3, hex);
        sqlite3_bind_text64(st, 4, sources[i].n > 0 ? sources[i].text : "", sources[i].n,
                            SQLITE_STATIC, SQLITE_UTF8);
        if (sql_run(st) != SQLITE_OK)
            rc = sql_fail(db, reterr, "source %s", sources[i].name);
    }
    sqlite3_finalize(st);
    return rc;
}

/* All in one transaction: a run file has its run, or it is an empty database. */
static int fill_file(sqlite3 *db, int64_t number, bool bulk, const struct store_run *run,
                     const struct store_table *tables, unsigned n_tables,
                     const struct store_source *sources, unsigned n_sources, struct diag *reterr)
{
    int rc = sql_exec(db, "BEGIN IMMEDIATE", reterr);

    if (rc < 0)
        return rc;
    rc = insert_run(db, number, run, reterr);
    if (rc == 0)
        rc = insert_sources(db, sources, n_sources, reterr);
    if (rc == 0)
        rc = sql_exec(db,
                      "INSERT INTO step(number, began_s, cycle, name, verb)"
                      " VALUES(0, 0, 0, 'before the first step', 'none')",
                      reterr);
    if (rc == 0)
        rc = tables_create(db, tables, n_tables, reterr);
    if (rc == 0 && bulk)
        rc = bulk_mark(db, reterr);
    if (rc == 0)
        rc = sql_exec(db, "COMMIT", reterr);
    if (rc < 0)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static int file_settings(const struct store *s, sqlite3 *db, struct diag *reterr)
{
    if (s->bulk)
        return bulk_settings(db, reterr);
    return sql_exec(db,
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                    " PRAGMA wal_autocheckpoint=2000; PRAGMA cache_size=-8192",
                    reterr);
}

int runfile_create(struct store *s, int64_t number, const struct store_run *run,
                   const struct store_table *tables, unsigned n_tables,
                   const struct store_source *sources, unsigned n_sources, struct diag *reterr)
{
    char path[DB_PATH_MAX];
    sqlite3 *db = NULL;
    int rc = make_file(s->dir, number, path, reterr);

    if (rc < 0)
        return rc;
    rc = sql_open(path, true, false, &db, reterr);
    if (rc == 0)
        rc = file_settings(s, db, reterr);
    if (rc == 0)
        rc = schema_run(db, reterr);
    if (rc == 0)
        rc = fill_file(db, number, s->bulk, run, tables, n_tables, sources, n_sources, reterr);
    sqlite3_close(db);
    if (rc == 0)
        rc = runfile_attach(s, number, reterr);
    if (rc < 0)
        runfile_remove(s->dir, number);
    return rc;
}

void runfile_remove(const char *lab, int64_t number)
{
    static const char *const suffix[] = {".run", ".run-wal", ".run-shm", ".run-journal", ".lock"};
    char path[DB_PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(suffix); i++) {
        if (path_run(path, sizeof(path), lab, number, suffix[i], NULL) == 0)
            unlink(path);
    }
}

/* ---- Open for writing ---- */

static int prepare_all(struct store *s, struct diag *reterr)
{
    char marks[4 * (DB_FIELDS_MAX + 4)];
    int rc = pyramid_prepare(s->db, &s->bucket, reterr);

    if (rc == 0)
        rc = sql_prepare(s->db, &s->state, reterr,
                         "INSERT INTO run_state(kind, state) VALUES(?1, ?2)"
                         " ON CONFLICT(kind) DO UPDATE SET state = ?2");
    if (rc == 0)
        rc = batch_prepare(s, reterr);
    for (unsigned i = 0; i < s->tables.n && rc == 0; i++) {
        size_t n = 0;

        for (unsigned k = 0; k < 4 + s->tables.table[i].n_fields; k++) {
            marks[n++] = k == 0 ? ' ' : ',';
            marks[n++] = '?';
        }
        marks[n] = '\0';
        rc = sql_prepare(s->db, &s->insert[i], reterr, "INSERT INTO \"%s\" VALUES(%s)",
                         s->tables.table[i].name, marks);
    }
    return rc;
}

static int attach_tables(struct store *s, struct diag *reterr)
{
    int rc = tables_load(s->db, &s->tables, reterr);

    for (unsigned i = 0; i < s->tables.n && rc == 0; i++)
        rc = pyramid_load(s->db, &s->tables.table[i], &s->pyramid[i], reterr);
    return rc;
}

int runfile_attach(struct store *s, int64_t number, struct diag *reterr)
{
    char path[DB_PATH_MAX];
    int64_t version;
    int rc = path_run(path, sizeof(path), s->dir, number, ".run", reterr);

    if (rc == 0)
        rc = runfile_lock(s->dir, number, &s->lock_fd, reterr);
    if (rc < 0)
        return rc;
    s->number = number;
    rc = sql_open(path, true, false, &s->db, reterr);
    if (rc == 0)
        rc = schema_check(s->db, s->bulk ? RUN_BULK_ID : RUN_APP_ID, RUN_VERSION, &version, reterr);
    if (rc == 0)
        rc = file_settings(s, s->db, reterr);
    if (rc == 0 && !s->bulk)
        rc = schema_run(s->db, reterr);
    if (rc == 0)
        rc = attach_tables(s, reterr);
    if (rc == 0)
        rc = prepare_all(s, reterr);
    if (rc == 0 && s->bulk)
        rows_hash_begin(&s->hash, &s->tables.table[0]);
    if (rc == 0 && s->worker != NULL)
        rc = runfile_durable(s, reterr);
    if (rc < 0)
        runfile_detach(s);
    return rc;
}

static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct store *s = ctx;

    (void)db;
    (void)name;
    s->wal_pages = pages;
    return SQLITE_OK;
}

/* A process that was killed may have left a log that is in the page cache only, and even one whose
 * pages a failed fsync has marked clean, so that no later fsync writes them. Copied into the file
 * they are written anew. The log's own entry in the folder is synced by SQLite too, which does not
 * tell when that fails. */
int runfile_durable(struct store *s, struct diag *reterr)
{
    int rc = sql_exec(s->db, "PRAGMA synchronous=FULL", reterr);

    if (rc < 0)
        return rc;
    sqlite3_wal_hook(s->db, on_wal, s); /* in place of the automatic checkpoint */
    errno = 0;
    if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
        return sql_fail(s->db, reterr, "run %lld", (long long)s->number);
    return path_sync(sqlite3_db_filename(s->db, "main"), reterr);
}

/* What it cannot do now stays in the log, which is durable, and is tried again after the next
 * commit. */
void runfile_tidy(struct store *s)
{
    if (s->wal_pages >= s->checkpoint_pages)
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void finalize_all(struct store *s)
{
    for (unsigned i = 0; i < DB_TABLES_MAX; i++) {
        sqlite3_finalize(s->insert[i]);
        s->insert[i] = NULL;
    }
    for (unsigned i = 0; i < PUT_KINDS; i++) {
        sqlite3_finalize(s->put[i]);
        s->put[i] = NULL;
    }
    sqlite3_finalize(s->bucket);
    sqlite3_finalize(s->state);
    s->bucket = NULL;
    s->state = NULL;
}

void runfile_detach(struct store *s)
{
    finalize_all(s);
    sqlite3_close(s->db);
    s->db = NULL;
    s->bulk = false;
    runfile_unlock(s->dir, s->number, s->lock_fd);
    s->lock_fd = -1;
    s->tables.n = 0;
    s->wal_pages = 0;
    batch_clear(&s->batch);
    batch_clear(&s->back);
    worker_forget(s);
}

/* ---- At its end ---- */

/* SQLite does not tell when it could not remove the journal of the header's change, which would
 * take it back when somebody opens the file; and what it removed could be back after a power cut.
 * Either way the file would no longer be the one we hash. */
int runfile_for_good(sqlite3 *db, struct diag *reterr)
{
    char journal[DB_PATH_MAX];
    const char *path = sqlite3_db_filename(db, "main");
    int rc = path_sync(path, reterr);

    if (rc < 0)
        return rc;
    if (str_fmt(journal, sizeof(journal), "%s-journal", path) < 0 || access(journal, F_OK) == 0)
        return diag_add(reterr, E_IO, "cannot remove the journal of the run file");
    return 1;
}

int runfile_settle(sqlite3 *db, struct diag *reterr)
{
    sqlite3_stmt *st;
    char mode[16] = "";
    int rc;

    sqlite3_busy_timeout(db, 100); /* a reader may stay: no use in waiting for it */
    rc = sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    if (rc != SQLITE_OK && sql_code(db, rc) != E_BUSY)
        return sql_fail(db, reterr, "cannot fold the write-ahead log into the run file");
    rc = sql_prepare(db, &st, reterr, "PRAGMA journal_mode=DELETE");
    if (rc < 0)
        return rc;
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        sql_copy(st, 0, mode, sizeof(mode));
    else if (sql_code(db, rc) != E_BUSY)
        rc = sql_fail(db, reterr, "cannot close the write-ahead log of the run file");
    sqlite3_finalize(st);
    if (rc < 0)
        return rc;
    return strcmp(mode, "delete") == 0 ? runfile_for_good(db, reterr) : 0;
}

static int check_with(sqlite3 *db, const char *pragma, bool ok_row, int64_t number,
                      struct diag *reterr)
{
    char text[120] = "";
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr, "PRAGMA %s", pragma);
    int step;

    if (rc < 0)
        return rc;
    step = sqlite3_step(st);
    if (step == SQLITE_ROW)
        sql_copy(st, 0, text, sizeof(text));
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = sql_fail(db, reterr, "run %lld: %s", (long long)number, pragma);
    else if (ok_row && strcmp(text, "ok") != 0)
        rc = diag_add(reterr, E_CORRUPT, "run %lld: the file is damaged: %s", (long long)number,
                      text);
    else if (!ok_row && step == SQLITE_ROW)
        rc = diag_add(reterr, E_CORRUPT,
                      "run %lld: a row of %s names a step or table that is not there",
                      (long long)number, text);
    sqlite3_finalize(st);
    return rc;
}

int runfile_verify(sqlite3 *db, int64_t number, struct diag *reterr)
{
    int rc = check_with(db, "integrity_check(1)", true, number, reterr);
    int fk = check_with(db, "foreign_key_check", false, number, reterr);

    return rc < 0 ? rc : fk;
}
