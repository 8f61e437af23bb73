/* db/sql.c - the few things we ask of SQLite, with its errors told as ours. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db_priv.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    BUSY_MS = 5000
};

static bool no_room(int system_errno)
{
    return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

int sql_code(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_FULL: return E_FULL;
    case SQLITE_IOERR:
        /* SQLite keeps the system's reason for most failures, but not for that of a COMMIT */
        return (db != NULL && no_room(sqlite3_system_errno(db))) || no_room(errno) ? E_FULL : E_IO;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return E_BUSY;
    case SQLITE_NOMEM: return E_NOMEM;
    case SQLITE_ERROR: /* a table or column that should be there is not */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT: return E_CORRUPT;
    default: return E_IO;
    }
}

int sql_fail(sqlite3 *db, struct diag *reterr, const char *fmt, ...)
{
    int code = sql_code(db, sqlite3_extended_errcode(db));
    char what[DIAG_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    if (code == 0)
        code = E_CORRUPT;
    return diag_add(reterr, code, "%s: %s", what,
                    code == E_FULL ? "the disk is full" : sqlite3_errmsg(db));
}

int sql_open(const char *path, bool write, bool create, sqlite3 **ret_db, struct diag *reterr)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    sqlite3 *db = NULL;
    int rc;

    flags |= write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    if (create)
        flags |= SQLITE_OPEN_CREATE;
    rc = sqlite3_open_v2(path, &db, flags, NULL);
    if (rc != SQLITE_OK) {
        if (db == NULL)
            return diag_add(reterr, E_NOMEM, "cannot open %s: out of memory", path);
        rc = sql_fail(db, reterr, "cannot open %s", path);
        sqlite3_close(db);
        return rc;
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    *ret_db = db;
    return 0;
}

int sql_exec(sqlite3 *db, const char *sql, struct diag *reterr)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return sql_fail(db, reterr, "%.60s", sql);
}

int sql_prepare(sqlite3 *db, sqlite3_stmt **ret, struct diag *reterr, const char *fmt, ...)
{
    char sql[DB_SQL_MAX];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(sql, sizeof(sql), fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(sql))
        return diag_add(reterr, E_RANGE, "a statement of %d characters is too long", n);
    if (sqlite3_prepare_v2(db, sql, n + 1, ret, NULL) == SQLITE_OK)
        return 0;
    *ret = NULL;
    return sql_fail(db, reterr, "%.60s", sql);
}

int sql_int(sqlite3 *db, const char *sql, int64_t *ret, struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr, "%s", sql);

    if (rc < 0)
        return rc;
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *ret = sqlite3_column_int64(st, 0);
        rc = 0;
    } else {
        rc = rc == SQLITE_DONE ? E_NOENT : sql_fail(db, reterr, "%.60s", sql);
    }
    sqlite3_finalize(st);
    return rc;
}

int sql_run(sqlite3_stmt *st)
{
    sqlite3_step(st);
    return sqlite3_reset(st); /* gives the code of a failed step again */
}

int sql_bind_real(sqlite3_stmt *st, int i, double v)
{
    return isfinite(v) ? sqlite3_bind_double(st, i, v) : sqlite3_bind_null(st, i);
}

int sql_bind_text(sqlite3_stmt *st, int i, const char *text)
{
    return text != NULL ? sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC)
                        : sqlite3_bind_null(st, i);
}

double sql_real(sqlite3_stmt *st, int i)
{
    return sqlite3_column_type(st, i) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(st, i);
}

void sql_copy(sqlite3_stmt *st, int i, char *buf, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(st, i);

    str_copy(buf, size, text != NULL ? text : "");
}

bool sql_name_ok(const char *name)
{
    size_t n = 0;

    if (name == NULL || name[0] < 'a' || name[0] > 'z')
        return false;
    for (; name[n] != '\0'; n++) {
        bool ok = (name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9') ||
                  name[n] == '_';

        if (!ok || n + 1 >= DB_NAME_MAX)
            return false;
    }
    return true;
}
