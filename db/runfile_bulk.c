/* db/runfile_bulk.c - a run file that is written at once from something that is still there: an
 * import.
 *
 * It costs half the writing when no log is kept and nothing waits for the disk: what a power cut or
 * a kill leaves can be made again, if only nobody takes it for a run. So the file carries another
 * application_id until it is whole: readers refuse it, the next lab_open removes it. The mark goes
 * in a transaction of its own, with a journal and FULL syncs: its fsync of the file covers
 * everything that was written before, and until it has returned the journal brings the mark back.
 */
#include "base/diag.h"
#include "base/err.h"
#include "db/store_priv.h"

int bulk_settings(sqlite3 *db, struct diag *reterr)
{
    return sql_exec(
        db, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-8192", reterr);
}

int bulk_mark(sqlite3 *db, struct diag *reterr)
{
    char sql[60];
    int rc = str_fmt(sql, sizeof(sql), "PRAGMA application_id=%d", (int)RUN_BULK_ID);

    return rc < 0 ? rc : sql_exec(db, sql, reterr);
}

int bulk_publish(sqlite3 *db, struct diag *reterr)
{
    char sql[160];
    int rc = str_fmt(sql, sizeof(sql),
                     "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; BEGIN IMMEDIATE;"
                     " PRAGMA application_id=%d; COMMIT",
                     (int)RUN_APP_ID);

    if (rc == 0)
        rc = sql_exec(db, sql, reterr);
    if (rc < 0) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return rc;
    }
    return runfile_for_good(db, reterr);
}

bool bulk_half_made(const char *lab, int64_t number)
{
    char path[DB_PATH_MAX];
    sqlite3 *db = NULL;
    int64_t id = 0;
    int rc = path_run(path, sizeof(path), lab, number, ".run", NULL);

    /* for writing: a cut while the mark went has left a journal that brings it back */
    if (rc < 0 || sql_open(path, true, false, &db, NULL) < 0)
        return false;
    rc = sql_int(db, "PRAGMA application_id", &id, NULL);
    sqlite3_close(db);
    return rc == 0 && id == RUN_BULK_ID;
}

void bulk_drop(struct store *s, int64_t number)
{
    runfile_remove(s->dir, number);
    if (catalogue_forget(s->lab, number, NULL) < 0)
        return; /* its row stays, as that of a run whose file was deleted */
}
