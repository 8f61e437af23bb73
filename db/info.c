/* db/info.c - the row that describes a run: the same columns in its file and in the catalogue. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db_priv.h"

#include <math.h>
#include <string.h>

#define INFO_COLUMNS                                                                    \
    "number, procedure, version, title, article, bench, station, verdict, cause, text," \
    " program_hash, build, rows_sha256, wall_start_ns, duration_s, ended, is_virtual,"  \
    " capacity_c, area_m2, seed, events, guard_evaluations"

void info_from_row(sqlite3_stmt *st, struct run_info *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->number = sqlite3_column_int64(st, 0);
    sql_copy(st, 1, ret->procedure, sizeof(ret->procedure));
    sql_copy(st, 2, ret->version, sizeof(ret->version));
    sql_copy(st, 3, ret->title, sizeof(ret->title));
    sql_copy(st, 4, ret->article, sizeof(ret->article));
    sql_copy(st, 5, ret->bench, sizeof(ret->bench));
    sql_copy(st, 6, ret->station, sizeof(ret->station));
    sql_copy(st, 7, ret->verdict, sizeof(ret->verdict));
    sql_copy(st, 8, ret->cause, sizeof(ret->cause));
    sql_copy(st, 9, ret->text, sizeof(ret->text));
    sql_copy(st, 10, ret->hash, sizeof(ret->hash));
    sql_copy(st, 11, ret->build, sizeof(ret->build));
    sql_copy(st, 12, ret->rows_sha256, sizeof(ret->rows_sha256));
    ret->wall_start = sqlite3_column_int64(st, 13);
    ret->duration = nsec_from_s(sqlite3_column_double(st, 14));
    ret->ended = sqlite3_column_int(st, 15) != 0;
    ret->is_virtual = sqlite3_column_int(st, 16) != 0;
    ret->capacity_c = sql_real(st, 17);
    ret->area_m2 = sql_real(st, 18);
    ret->seed = (uint64_t)sqlite3_column_int64(st, 19);
    ret->events = (uint64_t)sqlite3_column_int64(st, 20);
    ret->guard_evaluations = (uint64_t)sqlite3_column_int64(st, 21);
}

static int later(sqlite3 *db, const char *sql, double *t_s, struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr, "%s", sql);

    if (rc < 0)
        return rc;
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *t_s = fmax(*t_s, sqlite3_column_double(st, 0));
    rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_fail(db, reterr, "%.60s", sql);
    sqlite3_finalize(st);
    return rc;
}

/* How far a run that has not ended has come: the newest of what is in its tables. */
static int duration_so_far(sqlite3 *db, nsec *ret, struct diag *reterr)
{
    struct table_list list;
    char sql[120];
    double t_s = 0;
    int rc = tables_load(db, &list, reterr);

    if (rc == 0)
        rc = later(db, "SELECT began_s FROM step ORDER BY number DESC LIMIT 1", &t_s, reterr);
    if (rc == 0)
        rc = later(db, "SELECT ended_s FROM step_summary ORDER BY number DESC LIMIT 1", &t_s,
                   reterr);
    if (rc == 0)
        rc = later(db, "SELECT t_s FROM event ORDER BY id DESC LIMIT 1", &t_s, reterr);
    for (unsigned i = 0; i < list.n && rc == 0; i++) {
        rc = str_fmt(sql, sizeof(sql), "SELECT t_s FROM \"%s\" ORDER BY rowid DESC LIMIT 1",
                     list.table[i].name);
        if (rc == 0)
            rc = later(db, sql, &t_s, reterr);
    }
    if (rc == 0)
        *ret = nsec_from_s(t_s);
    return rc;
}

int info_read(sqlite3 *db, struct run_info *ret, struct diag *reterr)
{
    struct run_info info;
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr, "SELECT " INFO_COLUMNS " FROM run");

    if (rc < 0)
        return rc;
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        info_from_row(st, &info);
        rc = 0;
    } else if (rc == SQLITE_DONE) {
        rc = diag_add(reterr, E_CORRUPT, "the file has no run in it");
    } else {
        rc = sql_fail(db, reterr, "run");
    }
    sqlite3_finalize(st);
    if (rc == 0 && !info.ended)
        rc = duration_so_far(db, &info.duration, reterr);
    if (rc == 0)
        *ret = info;
    return rc;
}

static int put_prepare(sqlite3 *lab, sqlite3_stmt **ret, struct diag *reterr)
{
    return sql_prepare(
        lab, ret, reterr,
        "INSERT INTO run(" INFO_COLUMNS ", file_sha256, closed) VALUES(?1, ?2, ?3, ?4, ?5, ?6,"
        " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)"
        " ON CONFLICT(number) DO UPDATE SET procedure = ?2, version = ?3, title = ?4,"
        " article = ?5, bench = ?6, station = ?7, verdict = ?8, cause = ?9, text = ?10,"
        " program_hash = ?11, build = ?12, rows_sha256 = ?13, wall_start_ns = ?14,"
        " duration_s = ?15, ended = ?16, is_virtual = ?17, capacity_c = ?18, area_m2 = ?19,"
        " seed = ?20, events = ?21, guard_evaluations = ?22,"
        " file_sha256 = coalesce(?23, file_sha256), closed = ?24");
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

int catalogue_put(sqlite3 *lab, const struct run_info *info, const char *file_sha256, bool closed,
                  struct diag *reterr)
{
    const char *const text[] = {info->procedure, info->version, info->title,   info->article,
                                info->bench,     info->station, info->verdict, info->cause,
                                info->text,      info->hash,    info->build,   info->rows_sha256};
    sqlite3_stmt *st;
    int rc = put_prepare(lab, &st, reterr);

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(st, 1, info->number);
    for (size_t i = 0; i < ARRAY_LEN(text); i++)
        sql_bind_text(st, 2 + (int)i, text_or_null(text[i]));
    sqlite3_bind_int64(st, 14, info->wall_start);
    sql_bind_real(st, 15, info->ended ? nsec_to_s(info->duration) : (double)NAN);
    sqlite3_bind_int(st, 16, info->ended);
    sqlite3_bind_int(st, 17, info->is_virtual);
    sql_bind_real(st, 18, info->capacity_c);
    sql_bind_real(st, 19, info->area_m2);
    sqlite3_bind_int64(st, 20, (sqlite3_int64)info->seed);
    sqlite3_bind_int64(st, 21, (sqlite3_int64)info->events);
    sqlite3_bind_int64(st, 22, (sqlite3_int64)info->guard_evaluations);
    sql_bind_text(st, 23, file_sha256);
    sqlite3_bind_int(st, 24, closed);
    if (sql_run(st) != SQLITE_OK)
        rc = sql_fail(lab, reterr, "run %lld in the catalogue", (long long)info->number);
    sqlite3_finalize(st);
    return rc;
}

int catalogue_forget(sqlite3 *lab, int64_t number, struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(lab, &st, reterr, "DELETE FROM run WHERE number = ?1");

    if (rc < 0)
        return rc;
    sqlite3_bind_int64(st, 1, number);
    if (sql_run(st) != SQLITE_OK)
        rc = sql_fail(lab, reterr, "run %lld in the catalogue", (long long)number);
    sqlite3_finalize(st);
    return rc;
}

int catalogue_list(sqlite3 *lab, sqlite3_stmt **ret, struct diag *reterr)
{
    return sql_prepare(lab, ret, reterr, "SELECT " INFO_COLUMNS " FROM run ORDER BY number DESC");
}
