/* tests/support/db_rig.c - see db_rig.h. */
#include "tests/support/db_rig.h"

#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <check.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct store_table rig_tables[RIG_TABLES] = {
    [RIG_CYCLER] = {.name = "cycler",
                    .instrument = "smu",
                    .driver = "keithley-2461",
                    .identity = "KEITHLEY,2461,1,2",
                    .n = 2,
                    .counts = true,
                    .column = {{"voltage_v", "cell.voltage", KIND_VOLTAGE_V, 1e-4, 2e-4, 1e-6},
                               {"current_a", "cell.current", KIND_CURRENT_A, 3e-4, 1e-6, 1e-9}}},
    [RIG_PRESS] = {.name = "press",
                    .instrument = "load",
                    .driver = "dat1400",
                    .n = 1,
                    .column = {{"pressure_pa", "press.pressure", KIND_PRESSURE_PA, 0, 1e4, 100}}},
    [RIG_CHAMBER] = {.name = "chamber",
                    .instrument = "oven",
                    .driver = "p300",
                    .n = 1,
                    .column = {{"temperature_k", "chamber.temperature", KIND_TEMPERATURE_K, 0, 0.5,
                                 0.1}}   },
};
const struct store_run rig_run = {
    .procedure = "assb-formation",
    .version = "1.0.0",
    .title = "a made-up run",
    .article = "ASSB-017",
    .bench = "demo",
    .station = "A",
    .program_hash = "3f9c2a7e00000000000000000000000000000000000000000000000000000000",
    .build = "0.1.0",
    .is_virtual = true,
    .seed = UINT64_C(0xFEDCBA9876543210),
    .wall_start = INT64_C(1763661720000000000),
    .capacity_c = 34.56,
    .area_m2 = 2e-4};
const struct store_source rig_sources[2] = {
    {"procedure", "formation.yaml", "name: x\n", 8},
    {"bench",     "demo.yaml",      "",          0}
};

void rig_folder(char buf[256])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(buf, 256,
             "%s/benchctl-db-"
             "XX"
             "XX"
             "XX",
             tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(buf));
}

void rig_remove(const char *dir)
{
    char command[400];

    ck_assert(strstr(dir, "benchctl-db-") != NULL);
    snprintf(command, sizeof(command), "chmod -R u+w '%s' && rm -r '%s'", dir, dir);
    ck_assert_int_eq(system(command), 0);
}

void rig_path(char buf[400], const char *dir, int64_t number)
{
    snprintf(buf, 400, "%s/runs/%06lld.run", dir, (long long)number);
}

static void told(const struct diag *d, int rc)
{
    char text[2000];

    if (rc >= 0)
        return;
    diag_format(d, text, sizeof(text), false);
    ck_abort_msg("%s: %s", err_text(rc), text);
}

struct store *rig_lab(const char *dir)
{
    struct store *s = NULL;
    struct diag d;

    diag_init(&d);
    told(&d, lab_open(dir, &s, &d));
    return s;
}

int64_t rig_begin(struct store *s)
{
    int64_t number = 0;
    struct diag d;

    diag_init(&d);
    told(&d, store_begin(s, &rig_run, rig_tables, RIG_TABLES, rig_sources, 2, &number, &d));
    return number;
}

double rig_time_s(uint32_t i)
{
    return i * 0.25;
}

double rig_voltage(uint32_t i)
{
    if (i == 76 || i == 130999 || i == 140002)
        return 9; /* just outside of what the tests ask for */
    return i % 97 == 13 ? (double)NAN : 3 + (i * UINT32_C(7919) % 1000) / 1000.0;
}

static void play_steps(struct store *s, uint32_t i, nsec t)
{
    static const char *const verbs[] = {"charge", "hold", "discharge", "rest"};
    uint32_t number = i / 500 + 1;
    struct store_step step = {.number = number,
                              .began = t,
                              .cycle = number / 4,
                              .name = "a step",
                              .verb = verbs[number % 4],
                              .file = "formation.yaml",
                              .line = 7};
    struct store_summary sum = {.number = number - 1,
                                .cycle = (number - 1) / 4,
                                .ended = t,
                                .cause = "until",
                                .charge_ah = number / 8.0,
                                .v_min = (double)NAN,
                                .v_max = 4.25,
                                .pressure_mean_pa = (double)INFINITY};

    if (number > 1)
        ck_assert_int_eq(store_step_end(s, &sum), 0);
    ck_assert_int_eq(store_step_begin(s, &step), 0);
    ck_assert_int_eq(store_measure(s, t, number, number / 4, "r", number / 3.0, "ohm"), 0);
    ck_assert_int_eq(store_note(s, t, "info", "a note"), 0);
    ck_assert_int_eq(store_register(s, t, "q", i / 7.0, "A h"), 0);
}

static int play_row(struct store *s, uint32_t i)
{
    nsec t = nsec_from_s(rig_time_s(i));
    double cycler[2] = {rig_voltage(i), i % 3 / 1024.0};
    uint8_t bad[2] = {isnan(cycler[0]) ? Q_OVER : Q_OK, Q_OK};
    double pressure = 5e6 + i % 11, temperature = 333 + i % 5 / 8.0;
    struct store_row row = {.table = RIG_CYCLER,
                            .t = t,
                            .step = i / 500 + 1,
                            .cycle = (i / 500 + 1) / 4,
                            .value = cycler,
                            .quality = bad,
                            .charge_ah = i / 4096.0,
                            .energy_wh = i / 1024.0};
    struct store_event event = {.seq = i * 2 + 1,
                                .t = t,
                                .kind = "set_confirmed",
                                .channel = "cycler.mode",
                                .value = i % 4};
    int rc = 0; /* Check writes to a file at each assertion: one for all */

    if (i % 500 == 0)
        play_steps(s, i, t);
    rc |= store_sample(s, &row);
    row.quality = NULL;
    row.table = RIG_PRESS;
    row.value = &pressure;
    if (i % 4 == 0)
        rc |= store_sample(s, &row);
    row.table = RIG_CHAMBER;
    row.value = &temperature;
    if (i % 16 == 0)
        rc |= store_sample(s, &row);
    if (i % 100 == 0)
        rc |= store_event(s, &event);
    if (i % 1000 == 999) {
        rc |= store_anchor(s, t, rig_run.wall_start + t);
        rc |= store_frame(s, "a", t, '>', "smu", (const uint8_t *)":READ?\n", 7);
        rc |= store_identity(s, RIG_PRESS, i % 2000 == 999 ? "DAT 1400" : "DAT1400");
    }
    return rc;
}

void rig_states(uint32_t next, struct rig_states *ret)
{
    memset(ret->state, (int)(next & 0xff), sizeof(ret->state));
    memset(ret->world, (int)(next >> 8 & 0xff), sizeof(ret->world));
    memcpy(ret->state, &next, sizeof(next));
    ret->n = 100 + next % 200;
    ret->n_world = 8000 + next % 1000;
}

void rig_commit(struct store *s, uint32_t next)
{
    struct rig_states at;
    struct diag d;

    diag_init(&d);
    rig_states(next, &at);
    told(&d, store_commit(s, at.state, at.n, at.world, at.n_world, &d));
    ck_assert_uint_eq(store_pending(s), 0);
}

void rig_play(struct store *s, uint32_t from, uint32_t to, uint32_t commit_every)
{
    int rc = 0;

    for (uint32_t i = from; i < to; i++) {
        rc |= play_row(s, i);
        if (commit_every > 0 && (i + 1) % commit_every == 0)
            rig_commit(s, i + 1);
    }
    ck_assert_int_eq(rc, 0);
}

uint32_t rig_resume(struct store *s, int64_t number)
{
    uint8_t *state = NULL, *world = NULL;
    size_t n = 0, n_world = 0;
    uint32_t next = 0;
    struct diag d;

    diag_init(&d);
    told(&d, store_resume(s, number, rig_tables, RIG_TABLES, &state, &n, &world, &n_world, &d));
    if (state != NULL) {
        memcpy(&next, state, sizeof(next));
        ck_assert_uint_eq(n, 100 + next % 200);
        ck_assert_uint_eq(n_world, 8000 + next % 1000);
        ck_assert_uint_eq(world[n_world - 1], next >> 8 & 0xff);
    }
    free(state);
    free(world);
    return next;
}

void rig_end(struct store *s, uint32_t rows, char sha[65])
{
    struct store_end end = {.t = nsec_from_s(rig_time_s(rows)),
                            .verdict = "done",
                            .cause = "done",
                            .text = "all steps",
                            .events = 2 * rows,
                            .guard_evaluations = 12345,
                            .virtual_speed = (double)NAN};
    struct diag d;

    diag_init(&d);
    told(&d, store_end(s, &end, sha, &d));
}

/* ---- Looking at a file with SQLite itself ---- */

static sqlite3 *raw(const char *path, int flags)
{
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open_v2(path, &db, flags, NULL), SQLITE_OK);
    return db;
}

int64_t rig_query(const char *path, const char *sql)
{
    sqlite3 *db = raw(path, SQLITE_OPEN_READONLY);
    sqlite3_stmt *st = NULL;
    int64_t v;

    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return v;
}

void rig_exec(const char *path, const char *sql)
{
    sqlite3 *db = raw(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    char *why = NULL;

    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, "%s", why);
    sqlite3_close(db);
}

static void dump_rows(sqlite3 *db, const char *table, struct sha256 *h)
{
    char sql[200];
    sqlite3_stmt *st = NULL;

    snprintf(sql, sizeof(sql), "SELECT %s* FROM \"%s\"",
             strcmp(table, "pyramid") == 0 || strcmp(table, "run_state") == 0 ? "" : "rowid, ",
             table);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    sha256_add(h, table, strlen(table) + 1);
    while (sqlite3_step(st) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            uint8_t type = (uint8_t)sqlite3_column_type(st, i);
            double real = sqlite3_column_double(st, i);
            int64_t whole = sqlite3_column_int64(st, i);

            sha256_add(h, &type, 1);
            if (type == SQLITE_FLOAT)
                sha256_add(h, &real, sizeof(real));
            else if (type == SQLITE_INTEGER)
                sha256_add(h, &whole, sizeof(whole));
            else if (type != SQLITE_NULL)
                sha256_add(h, sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i));
        }
    }
    sqlite3_finalize(st);
}

void rig_dump(const char *path, char hex[65])
{
    sqlite3 *db = raw(path, SQLITE_OPEN_READONLY);
    sqlite3_stmt *st = NULL;
    uint8_t digest[32];
    struct sha256 h;
    unsigned n = 0;

    sha256_init(&h);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT name FROM sqlite_schema WHERE type = 'table'"
                                        " ORDER BY name",
                                        -1, &st, NULL),
                     SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        dump_rows(db, (const char *)sqlite3_column_text(st, 0), &h);
        n++;
    }
    ck_assert_uint_ge(n, 14);
    sqlite3_finalize(st);
    sqlite3_close(db);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
}
