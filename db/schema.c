/* db/schema.c - the tables of run files and of the catalogue, as a ladder of versions.
 *
 * A new file climbs the whole ladder, an old one the rest of it, so that there is one way to each
 * table and not two. A rung that has been released is never edited: add the next one.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db_priv.h"
#include "db/pyramid_priv.h"

#include <string.h>

/* ---- Run files, version 1: what was put ---- */

static const char *const run_v1[] = {
    "CREATE TABLE run("
    "number INTEGER PRIMARY KEY, procedure TEXT, version TEXT, title TEXT, article TEXT,"
    " bench TEXT, station TEXT, verdict TEXT, cause TEXT, text TEXT, program_hash TEXT,"
    " build TEXT, rows_sha256 TEXT, wall_start_ns INTEGER NOT NULL, duration_s REAL,"
    " ended INTEGER NOT NULL, is_virtual INTEGER NOT NULL, capacity_c REAL, area_m2 REAL,"
    " seed INTEGER NOT NULL, events INTEGER, guard_evaluations INTEGER, exit_code INTEGER,"
    " virtual_speed REAL) STRICT",
    "CREATE TABLE source("
    "id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,"
    " text TEXT NOT NULL) STRICT",
    "CREATE TABLE sample_table("
    "id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, instrument TEXT, driver TEXT,"
    " identity TEXT, counts INTEGER NOT NULL) STRICT",
    "CREATE TABLE channel("
    "id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " table_name TEXT NOT NULL REFERENCES sample_table(name), column_name TEXT NOT NULL,"
    " kind TEXT NOT NULL, unit TEXT NOT NULL, accuracy_reading REAL, accuracy_offset REAL,"
    " resolution REAL) STRICT",
    "CREATE TABLE step("
    "number INTEGER PRIMARY KEY, began_s REAL NOT NULL, cycle INTEGER NOT NULL,"
    " name TEXT NOT NULL, verb TEXT NOT NULL, file TEXT, line INTEGER) STRICT",
    "CREATE TABLE step_summary("
    "number INTEGER PRIMARY KEY REFERENCES step(number), cycle INTEGER NOT NULL,"
    " ended_s REAL NOT NULL, cause TEXT, end_name TEXT, charge_ah REAL, energy_wh REAL,"
    " charge_in_ah REAL, charge_out_ah REAL, energy_in_wh REAL, energy_out_wh REAL,"
    " v_first REAL, v_last REAL, v_min REAL, v_max REAL, i_min REAL, i_max REAL,"
    " temperature_min_k REAL, temperature_max_k REAL, pressure_min_pa REAL,"
    " pressure_max_pa REAL, pressure_mean_pa REAL) STRICT",
    "CREATE TABLE event("
    "id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, t_s REAL NOT NULL, kind TEXT NOT NULL,"
    " channel TEXT, value REAL, text TEXT) STRICT",
    "CREATE TABLE anchor("
    "id INTEGER PRIMARY KEY, mono_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL) STRICT",
    "CREATE TABLE frame("
    "id INTEGER PRIMARY KEY, bus TEXT NOT NULL, t_s REAL NOT NULL, direction TEXT NOT NULL,"
    " instrument TEXT, bytes BLOB NOT NULL) STRICT",
    "CREATE TABLE note("
    "id INTEGER PRIMARY KEY, t_s REAL NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL) STRICT",
    "CREATE TABLE measure("
    "id INTEGER PRIMARY KEY, t_s REAL NOT NULL, step INTEGER NOT NULL REFERENCES step(number),"
    " cycle INTEGER NOT NULL, name TEXT NOT NULL, value REAL, unit TEXT) STRICT",
    "CREATE TABLE register_value("
    "id INTEGER PRIMARY KEY, t_s REAL NOT NULL, name TEXT NOT NULL, value REAL, unit TEXT) STRICT",
    "CREATE TABLE run_state(kind TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID",
    NULL,
};

/* ---- Run files, version 2: what is derived from it for plots ---- */

static const char *const run_v2[] = {
    "CREATE TABLE pyramid("
    "channel INTEGER NOT NULL REFERENCES channel(id), span INTEGER NOT NULL,"
    " bucket INTEGER NOT NULL, t0_s REAL NOT NULL, t1_s REAL NOT NULL, n INTEGER NOT NULL,"
    " lo REAL, hi REAL, PRIMARY KEY(channel, span, bucket)) STRICT, WITHOUT ROWID",
    NULL,
};

/* ---- The catalogue ---- */

static const char *const lab_v1[] = {
    "CREATE TABLE article_version("
    "id INTEGER PRIMARY KEY, name TEXT NOT NULL, barcode TEXT, kind TEXT, text TEXT NOT NULL,"
    " sha256 TEXT NOT NULL, wall_ns INTEGER NOT NULL) STRICT",
    "CREATE TABLE article("
    "name TEXT PRIMARY KEY, barcode TEXT UNIQUE, kind TEXT,"
    " version INTEGER NOT NULL REFERENCES article_version(id)) STRICT",
    "CREATE TABLE run("
    "number INTEGER PRIMARY KEY, procedure TEXT, version TEXT, title TEXT, article TEXT,"
    " bench TEXT, station TEXT, verdict TEXT, cause TEXT, text TEXT, program_hash TEXT,"
    " build TEXT, rows_sha256 TEXT, wall_start_ns INTEGER NOT NULL, duration_s REAL,"
    " ended INTEGER NOT NULL, is_virtual INTEGER NOT NULL, capacity_c REAL, area_m2 REAL,"
    " seed INTEGER NOT NULL, events INTEGER, guard_evaluations INTEGER, file_sha256 TEXT,"
    " closed INTEGER NOT NULL) STRICT",
    "CREATE INDEX run_article ON run(article)",
    NULL,
};

struct rung {
    const char *const *ddl;
    int (*fill)(sqlite3 *db, struct diag *reterr); /* NULL: the tables are enough */
};
static const struct rung run_ladder[RUN_VERSION] = {
    {run_v1, NULL           },
    {run_v2, pyramid_rebuild}
};
static const struct rung lab_ladder[LAB_VERSION] = {
    {lab_v1, NULL}
};

bool schema_reserved(const char *name)
{
    static const char *const ours[] = {
        "run",  "source", "sample_table", "channel",        "step",      "step_summary", "event",
        "note", "anchor", "frame",        "register_value", "run_state", "pyramid",      "measure",
    };

    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(name, ours[i]) == 0)
            return true;
    }
    return strncmp(name, "sqlite_", 7) == 0;
}

int schema_check(sqlite3 *db, int64_t app_id, int64_t newest, int64_t *ret_version,
                 struct diag *reterr)
{
    int64_t id = 0, version = 0;
    int rc = sql_int(db, "PRAGMA application_id", &id, reterr);

    if (rc == 0)
        rc = sql_int(db, "PRAGMA user_version", &version, reterr);
    if (rc < 0)
        return rc;
    if (id == RUN_BULK_ID && app_id == RUN_APP_ID) {
        rc = diag_add(reterr, E_STATE, "an import into this run is under way, or was broken off");
        diag_hint(reterr, "one that was broken off is removed by the next import: repeat it");
        return rc;
    }
    if (id != app_id || version < 1)
        return diag_add(reterr, E_CORRUPT, "this is not a %s of benchctl",
                        app_id == RUN_APP_ID ? "run file" : "catalogue");
    if (version > newest)
        return diag_add(reterr, E_VERSION,
                        "written by a newer benchctl (version %d of the tables, %d is known)",
                        (int)version, (int)newest);
    *ret_version = version;
    return 0;
}

static int climb(sqlite3 *db, const struct rung *rung, struct diag *reterr)
{
    int rc = 0;

    for (size_t i = 0; rung->ddl[i] != NULL && rc == 0; i++)
        rc = sql_exec(db, rung->ddl[i], reterr);
    if (rc == 0 && rung->fill != NULL)
        rc = rung->fill(db, reterr);
    return rc;
}

/* What version an existing file has; an empty one has 0. */
static int version_now(sqlite3 *db, int64_t app_id, int64_t newest, int64_t *ret,
                       struct diag *reterr)
{
    int64_t objects = 0;
    int rc = sql_int(db, "SELECT count(*) FROM sqlite_schema", &objects, reterr);

    if (rc < 0)
        return rc;
    if (objects == 0) {
        *ret = 0;
        return 0;
    }
    return schema_check(db, app_id, newest, ret, reterr);
}

static int upgrade(sqlite3 *db, const struct rung *ladder, int64_t newest, int64_t app_id,
                   struct diag *reterr)
{
    char sql[120];
    int64_t version = 0;
    int rc = version_now(db, app_id, newest, &version, reterr);

    if (rc < 0 || version == newest)
        return rc;
    rc = sql_exec(db, "BEGIN IMMEDIATE", reterr);
    if (rc < 0)
        return rc;
    /* another process may have been faster while this one waited */
    rc = version_now(db, app_id, newest, &version, reterr);
    for (int64_t v = version; rc == 0 && v < newest; v++)
        rc = climb(db, &ladder[v], reterr);
    if (rc == 0)
        rc = str_fmt(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
                     (int)app_id, (int)newest);
    if (rc == 0)
        rc = sql_exec(db, sql, reterr);
    if (rc < 0)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int schema_run(sqlite3 *db, struct diag *reterr)
{
    return upgrade(db, run_ladder, RUN_VERSION, RUN_APP_ID, reterr);
}

int schema_lab(sqlite3 *db, struct diag *reterr)
{
    return upgrade(db, lab_ladder, LAB_VERSION, LAB_APP_ID, reterr);
}
