/* db/store.c - a run from its first row to its end: begin, resume, commit, end.
 *
 * Virtual time: the caller writes, with synchronous=NORMAL; a run that a power cut has shortened is
 * rehearsed again. Real time (thread.c): with FULL, what a commit answered for is on the disk.
 *
 * There is no spool file in front of the run files yet. It pays where one fsync of the spool stands
 * for those of many run files; a process has one run on each of at most four stations now, and
 * commits ten times a second, which is one fsync of each file: four of 20 ms would still fit. Until
 * then a second copy of every row, a second kind of recovery and a file that may be ahead of the
 * run files it belongs to would buy nothing. The API is that of a spool: batches, begun and
 * answered for apart.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/store_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Begin ---- */

static int next_number(struct store *s, int64_t *ret, struct diag *reterr)
{
    int64_t known = 0, highest = 0;
    int rc = sql_int(s->lab, "SELECT coalesce(max(number), 0) FROM run", &known, reterr);

    if (rc == 0)
        rc = path_highest(s->dir, &highest,
                          reterr); /* the catalogue may be younger than the files */
    if (rc == 0)
        *ret = (known > highest ? known : highest) + 1;
    return rc;
}

static int catalogue_begin(struct store *s, struct diag *reterr)
{
    struct run_info info;
    int rc = info_read(s->db, &info, reterr);

    if (rc == 0)
        rc = catalogue_put(s->lab, &info, NULL, false, reterr);
    if (rc == 0)
        rc = sql_exec(s->lab, "COMMIT", reterr);
    return rc;
}

int store_begin(struct store *s, const struct store_run *run, const struct store_table *tables,
                unsigned n_tables, const struct store_source *sources, unsigned n_sources,
                int64_t *ret_number, struct diag *reterr)
{
    int64_t number = 0;
    int rc;

    if (s->db != NULL)
        return diag_add(reterr, E_STATE, "run %lld is under way", (long long)s->number);
    if (s->read_only)
        return diag_add(reterr, E_IO, "the lab folder %s is read-only", s->dir);
    /* the catalogue's write lock is held over the making of the file: numbers are given once */
    rc = sql_exec(s->lab, "BEGIN IMMEDIATE", reterr);
    if (rc < 0) {
        diag_wrap(reterr, "cannot begin a run");
        return rc;
    }
    rc = next_number(s, &number, reterr);
    /* rows that another thread writes are being measured now: there is no second time */
    s->bulk = run->bulk && n_tables > 0 && s->worker == NULL;
    if (rc == 0)
        rc = runfile_create(s, number, run, tables, n_tables, sources, n_sources, reterr);
    if (rc == 0) {
        rc = catalogue_begin(s, reterr);
        if (rc < 0) {
            runfile_detach(s);
            runfile_remove(s->dir, number);
        }
    }
    if (rc < 0) {
        s->bulk = false;
        sqlite3_exec(s->lab, "ROLLBACK", NULL, NULL, NULL);
        diag_wrap(reterr, "cannot begin a run");
        return rc;
    }
    *ret_number = number;
    return 0;
}

/* ---- Resume ---- */

static int load_state(sqlite3 *db, const char *kind, uint8_t **ret, size_t *ret_n,
                      struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr, "SELECT state FROM run_state WHERE kind = ?1");
    int step;

    if (rc < 0)
        return rc;
    sql_bind_text(st, 1, kind);
    step = sqlite3_step(st);
    *ret = NULL;
    *ret_n = 0;
    if (step == SQLITE_ROW) {
        size_t n = (size_t)sqlite3_column_bytes(st, 0);

        *ret = malloc(n > 0 ? n : 1);
        if (*ret == NULL)
            rc = diag_add(reterr, E_NOMEM, "out of memory");
        else if (n > 0)
            memcpy(*ret, sqlite3_column_blob(st, 0), n);
        *ret_n = n;
    } else if (step != SQLITE_DONE) {
        rc = sql_fail(db, reterr, "state of the run");
    }
    sqlite3_finalize(st);
    return rc;
}

static int not_begun(struct diag *reterr)
{
    return diag_add(reterr, E_STATE, "nothing was committed yet: start anew");
}

/* Its process was killed while it made the file: no tables, or no run in them. */
static bool is_blank(const struct store *s, int64_t number)
{
    char path[DB_PATH_MAX];
    sqlite3 *db = NULL;
    int64_t n = 1;
    int rc = path_run(path, sizeof(path), s->dir, number, ".run", NULL);

    if (rc == 0)
        rc = sql_open(path, true, false, &db, NULL);
    if (rc < 0)
        return false;
    rc = sql_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'run'", &n, NULL);
    if (rc == 0 && n > 0)
        rc = sql_int(db, "SELECT count(*) FROM run", &n, NULL);
    sqlite3_close(db);
    return rc == 0 && n == 0;
}

/* Before the writer opens it: an ended run is left as it is, whatever its version. */
static int check_open(const struct store *s, int64_t number, struct diag *reterr)
{
    struct run_file *f;
    struct run_info info;
    int rc;

    if (is_blank(s, number))
        return not_begun(reterr);
    rc = run_open(s->dir, number, &f, reterr);
    if (rc < 0)
        return rc;
    rc = run_info(f, &info, reterr);
    run_close(f);
    if (rc == 0 && info.ended)
        rc = diag_add(reterr, E_STATE, "it has ended: %s", info.verdict);
    return rc;
}

static int resume(struct store *s, int64_t number, const struct store_table *tables,
                  unsigned n_tables, uint8_t *state[2], size_t n[2], struct diag *reterr)
{
    int rc = check_open(s, number, reterr);

    if (rc == 0)
        rc = runfile_attach(s, number, reterr);
    if (rc < 0)
        return rc;
    rc = tables_compare(&s->tables, tables, n_tables, reterr);
    if (rc == 0)
        rc = load_state(s->db, "run", &state[0], &n[0], reterr);
    if (rc == 0)
        rc = load_state(s->db, "world", &state[1], &n[1], reterr);
    if (rc == 0 && state[0] == NULL)
        rc = not_begun(reterr);
    if (rc < 0)
        runfile_detach(s);
    return rc;
}

int store_resume(struct store *s, int64_t number, const struct store_table *tables,
                 unsigned n_tables, uint8_t **ret_state, size_t *ret_n, uint8_t **ret_world,
                 size_t *ret_n_world, struct diag *reterr)
{
    uint8_t *state[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    int rc;

    if (s->db != NULL)
        return diag_add(reterr, E_STATE, "run %lld is under way", (long long)s->number);
    if (s->read_only)
        return diag_add(reterr, E_IO, "the lab folder %s is read-only", s->dir);
    rc = resume(s, number, tables, n_tables, state, n, reterr);
    if (rc < 0) {
        free(state[0]);
        free(state[1]);
        diag_wrap(reterr, "cannot go on with run %lld", (long long)number);
        return rc;
    }
    *ret_state = state[0];
    *ret_n = n[0];
    *ret_world = state[1];
    *ret_n_world = n[1];
    return 0;
}

/* ---- Commit ---- */

static const char *const state_kind[2] = {"run", "world"};

static int put_states(struct store *s, const struct states *states)
{
    int rc = SQLITE_OK;

    for (int i = 0; i < 2 && rc == SQLITE_OK; i++) {
        if (states->p[i] == NULL)
            continue;
        sql_bind_text(s->state, 1, state_kind[i]);
        sqlite3_bind_blob64(s->state, 2, states->p[i], states->n[i], SQLITE_STATIC);
        rc = sql_run(s->state);
    }
    return rc;
}

static int transaction_begin(struct store *s, const struct batch *b, struct diag *reterr)
{
    memcpy(s->before, s->pyramid, s->tables.n * sizeof(s->pyramid[0]));
    if (s->bulk)
        s->before_hash = s->hash;
    errno = 0; /* sql_code looks at it */
    if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(s->db, reterr, "run %lld", (long long)s->number);
    if (batch_apply(s, b) != SQLITE_OK)
        return sql_fail(s->db, reterr, "run %lld", (long long)s->number);
    return 0;
}

static int transaction_commit(struct store *s, struct diag *reterr)
{
    errno = 0;
    if (sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(s->db, reterr, "run %lld", (long long)s->number);
    return 0;
}

/* Back to the last commit; what was put since then is still in the batch. */
static void transaction_undo(struct store *s, const struct batch *b, struct diag *reterr)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    memcpy(s->pyramid, s->before, s->tables.n * sizeof(s->pyramid[0]));
    if (s->bulk)
        s->hash = s->before_hash;
    diag_hint(reterr, "%u rows are kept in memory and wait for the next commit", b->records);
}

int store_write(struct store *s, const struct batch *b, const struct states *states,
                struct diag *reterr)
{
    int rc = transaction_begin(s, b, reterr);

    if (rc == 0 && put_states(s, states) != SQLITE_OK)
        rc = sql_fail(s->db, reterr, "state of run %lld", (long long)s->number);
    if (rc == 0)
        rc = transaction_commit(s, reterr);
    if (rc < 0)
        transaction_undo(s, b, reterr);
    return rc;
}

/* The caller writes by himself: the thread is idle and what it left is in the batch. */
static int take_over(struct store *s, struct diag *reterr)
{
    int rc = worker_quiet(s, reterr);

    if (rc == 0 && batch_gather(s) < 0)
        rc = diag_add(reterr, E_NOMEM, "out of memory");
    return rc;
}

int store_commit(struct store *s, const uint8_t *state, size_t n, const uint8_t *world,
                 size_t n_world, struct diag *reterr)
{
    struct states states = {
        {state, world  },
        {n,     n_world}
    };
    int rc;

    if (s->db == NULL)
        return diag_add(reterr, E_STATE, "no run is under way");
    rc = take_over(s, reterr);
    if (rc < 0)
        return rc;
    worker_states(s, &states);
    rc = store_write(s, &s->batch, &states, reterr);
    if (rc < 0)
        return rc;
    batch_clear(&s->batch);
    worker_settled(s);
    runfile_tidy(s);
    return 0;
}

unsigned store_pending(const struct store *s)
{
    return s->batch.records + (worker_in_flight(s) ? 0 : s->back.records);
}

/* ---- End ---- */

static int put_end(struct store *s, const struct store_end *end, const char *rows_sha256,
                   struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(s->db, &st, reterr,
                         "UPDATE run SET ended = 1, duration_s = ?1, verdict = ?2, cause = ?3,"
                         " text = ?4, exit_code = ?5, events = ?6, guard_evaluations = ?7,"
                         " virtual_speed = ?8, rows_sha256 = ?9");

    if (rc < 0)
        return rc;
    sqlite3_bind_double(st, 1, nsec_to_s(end->t));
    sql_bind_text(st, 2, end->verdict);
    sql_bind_text(st, 3, end->cause);
    sql_bind_text(st, 4, end->text);
    sqlite3_bind_int(st, 5, end->exit_code);
    sqlite3_bind_int64(st, 6, (sqlite3_int64)end->events);
    sqlite3_bind_int64(st, 7, (sqlite3_int64)end->guard_evaluations);
    sql_bind_real(st, 8, end->virtual_speed);
    sql_bind_text(st, 9, rows_sha256);
    if (sql_run(st) != SQLITE_OK)
        rc = sql_fail(s->db, reterr, "end of run %lld", (long long)s->number);
    sqlite3_finalize(st);
    return rc;
}

/* Everything that makes it an ended run, in the one transaction. */
static int end_in_file(struct store *s, const struct store_end *end, char sha[65],
                       struct diag *reterr)
{
    int rc = transaction_begin(s, &s->batch, reterr);

    for (unsigned i = 0; i < s->tables.n && rc == 0; i++) {
        if (pyramid_rest(&s->pyramid[i], &s->tables.table[i], s->bucket) != SQLITE_OK)
            rc = sql_fail(s->db, reterr, "pyramid of run %lld", (long long)s->number);
    }
    if (rc == 0)
        rc = s->bulk ? rows_hash_end(&s->hash, s->db, &s->tables, 1, sha, reterr)
                     : tables_sha256(s->db, &s->tables, sha, reterr);
    if (rc == 0)
        rc = put_end(s, end, sha, reterr);
    if (rc == 0)
        rc = sql_exec(s->db, "DELETE FROM run_state", reterr);
    if (rc == 0)
        rc = transaction_commit(s, reterr);
    if (rc < 0)
        transaction_undo(s, &s->batch, reterr);
    else
        batch_clear(&s->batch);
    return rc;
}

/* The file is complete; what follows makes it fit for an archive. The first thing that goes wrong
 * is told, the rest is done all the same. */
static int wrap_up(struct store *s, bool *ret_gone, struct diag *reterr)
{
    char path[DB_PATH_MAX], hex[65];
    struct run_info info;
    int rc = info_read(s->db, &info, reterr);
    bool known = rc == 0, settled, bulk = s->bulk;
    int next = runfile_verify(s->db, s->number, reterr);

    rc = rc < 0 ? rc : next;
    next = bulk ? bulk_publish(s->db, reterr) : runfile_settle(s->db, reterr);
    rc = rc < 0 ? rc : (next < 0 ? next : 0);
    settled = next == 1;
    runfile_detach(s);
    *ret_gone = bulk && !settled;
    if (*ret_gone) {
        bulk_drop(s, s->number);
        return diag_add(reterr, rc, "what was written is removed: it can be made again");
    }
    if (settled) {
        next = path_run(path, sizeof(path), s->dir, s->number, ".run", reterr);
        if (next == 0)
            next = path_sha256(path, hex, reterr);
        rc = rc < 0 ? rc : next;
        settled = next == 0;
    }
    if (known) {
        next = catalogue_put(s->lab, &info, settled ? hex : NULL, settled, reterr);
        rc = rc < 0 ? rc : next;
    }
    return rc;
}

int store_end(struct store *s, const struct store_end *end, char ret_rows_sha256[65],
              struct diag *reterr)
{
    char sha[65];
    bool gone;
    int rc;

    if (s->db == NULL)
        return diag_add(reterr, E_STATE, "no run is under way");
    rc = take_over(s, reterr);
    if (rc == 0)
        rc = end_in_file(s, end, sha, reterr);
    if (rc < 0) {
        diag_wrap(reterr, "cannot end run %lld", (long long)s->number);
        return rc;
    }
    rc = wrap_up(s, &gone, reterr);
    if (rc < 0 && gone) {
        diag_wrap(reterr, "cannot end run %lld", (long long)s->number);
        return rc;
    }
    if (rc < 0) {
        diag_wrap(reterr,
                  "run %lld has ended and its rows are safe, but its file is not fully closed",
                  (long long)s->number);
        return rc;
    }
    memcpy(ret_rows_sha256, sha, sizeof(sha));
    return 0;
}
