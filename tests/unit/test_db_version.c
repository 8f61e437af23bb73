/* Run files of an old version go on as new ones; those of a newer one, and what is no run file at
 * all, are refused; one that cannot be settled is not called closed. */
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A run file as version 1 had it, word for word: this text is never changed. */
static const char *const version_1[] = {
    "CREATE TABLE run(number INTEGER PRIMARY KEY, procedure TEXT, version TEXT, title TEXT,"
    " article TEXT, bench TEXT, station TEXT, verdict TEXT, cause TEXT, text TEXT,"
    " program_hash TEXT, build TEXT, rows_sha256 TEXT, wall_start_ns INTEGER NOT NULL,"
    " duration_s REAL, ended INTEGER NOT NULL, is_virtual INTEGER NOT NULL, capacity_c REAL,"
    " area_m2 REAL, seed INTEGER NOT NULL, events INTEGER, guard_evaluations INTEGER,"
    " exit_code INTEGER, virtual_speed REAL) STRICT",
    "CREATE TABLE source(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,"
    " sha256 TEXT NOT NULL, text TEXT NOT NULL) STRICT",
    "CREATE TABLE sample_table(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, instrument TEXT,"
    " driver TEXT, identity TEXT, counts INTEGER NOT NULL) STRICT",
    "CREATE TABLE channel(id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " table_name TEXT NOT NULL REFERENCES sample_table(name), column_name TEXT NOT NULL,"
    " kind TEXT NOT NULL, unit TEXT NOT NULL, accuracy_reading REAL, accuracy_offset REAL,"
    " resolution REAL) STRICT",
    "CREATE TABLE step(number INTEGER PRIMARY KEY, began_s REAL NOT NULL, cycle INTEGER NOT NULL,"
    " name TEXT NOT NULL, verb TEXT NOT NULL, file TEXT, line INTEGER) STRICT",
    "CREATE TABLE step_summary(number INTEGER PRIMARY KEY REFERENCES step(number),"
    " cycle INTEGER NOT NULL, ended_s REAL NOT NULL, cause TEXT, end_name TEXT, charge_ah REAL,"
    " energy_wh REAL, charge_in_ah REAL, charge_out_ah REAL, energy_in_wh REAL,"
    " energy_out_wh REAL, v_first REAL, v_last REAL, v_min REAL, v_max REAL, i_min REAL,"
    " i_max REAL, temperature_min_k REAL, temperature_max_k REAL, pressure_min_pa REAL,"
    " pressure_max_pa REAL, pressure_mean_pa REAL) STRICT",
    "CREATE TABLE event(id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, t_s REAL NOT NULL,"
    " kind TEXT NOT NULL, channel TEXT, value REAL, text TEXT) STRICT",
    "CREATE TABLE anchor(id INTEGER PRIMARY KEY, mono_ns INTEGER NOT NULL,"
    " wall_ns INTEGER NOT NULL) STRICT",
    "CREATE TABLE frame(id INTEGER PRIMARY KEY, bus TEXT NOT NULL, t_s REAL NOT NULL,"
    " direction TEXT NOT NULL, instrument TEXT, bytes BLOB NOT NULL) STRICT",
    "CREATE TABLE note(id INTEGER PRIMARY KEY, t_s REAL NOT NULL, level TEXT NOT NULL,"
    " text TEXT NOT NULL) STRICT",
    "CREATE TABLE measure(id INTEGER PRIMARY KEY, t_s REAL NOT NULL,"
    " step INTEGER NOT NULL REFERENCES step(number), cycle INTEGER NOT NULL, name TEXT NOT NULL,"
    " value REAL, unit TEXT) STRICT",
    "CREATE TABLE register_value(id INTEGER PRIMARY KEY, t_s REAL NOT NULL, name TEXT NOT NULL,"
    " value REAL, unit TEXT) STRICT",
    "CREATE TABLE run_state(kind TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE cycler(t_s REAL NOT NULL, step INTEGER NOT NULL REFERENCES step(number),"
    " cycle INTEGER NOT NULL, voltage_v REAL, current_a REAL, charge_ah REAL, energy_wh REAL,"
    " quality BLOB) STRICT",
    "CREATE TABLE press(t_s REAL NOT NULL, step INTEGER NOT NULL REFERENCES step(number),"
    " cycle INTEGER NOT NULL, pressure_pa REAL, quality BLOB) STRICT",
    "CREATE TABLE chamber(t_s REAL NOT NULL, step INTEGER NOT NULL REFERENCES step(number),"
    " cycle INTEGER NOT NULL, temperature_k REAL, quality BLOB) STRICT",
};
static const char *const version_1_tables[] = {
    "run",       "source", "sample_table", "channel", "step",    "step_summary",
    "event",     "anchor", "frame",        "note",    "measure", "register_value",
    "run_state", "cycler", "press",        "chamber",
};

/* Replace the file of run 1 by one of version 1 with the same rows. */
static void downgrade(const char *dir)
{
    char path[400], twin[400], sql[1000];

    rig_path(twin, dir, 1);
    rig_path(path, dir, 2);
    for (size_t i = 0; i < ARRAY_LEN(version_1); i++)
        rig_exec(path, version_1[i]);
    for (size_t i = 0; i < ARRAY_LEN(version_1_tables); i++) {
        snprintf(sql, sizeof(sql), "ATTACH '%s' AS twin; INSERT INTO main.%s SELECT * FROM twin.%s",
                 twin, version_1_tables[i], version_1_tables[i]);
        rig_exec(path, sql);
    }
    rig_exec(path, "PRAGMA application_id = 1111838275; PRAGMA user_version = 1");
    ck_assert_int_eq(rename(path, twin), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(sql, sizeof(sql), "%s%s", twin, i == 0 ? "-wal" : "-shm");
        unlink(sql);
    }
}

START_TEST(test_version_1)
{
    enum {
        FIRST = 70000,
        ALL = 71000
    };
    char dir[256], path[400], sha[65], dump[65], now[65];
    struct run_file *f;
    struct store *s;
    struct trace t;

    rig_folder(dir);
    rig_path(path, dir, 1);
    s = rig_lab(dir);
    rig_begin(s);
    rig_play(s, 0, FIRST, 1000);
    rig_play(s, FIRST, ALL, 1000);
    rig_end(s, ALL, sha);
    lab_close(s);
    rig_dump(path, dump);
    rig_remove(dir);

    rig_folder(dir);
    rig_path(path, dir, 1);
    s = rig_lab(dir);
    rig_begin(s);
    rig_play(s, 0, FIRST, 1000);
    lab_close(s);
    downgrade(dir);
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0); /* read as it is */
    ck_assert_int_eq(run_trace(f, "cell.voltage", 0, 1e6, 100, &t, NULL), 0);
    ck_assert_uint_eq(t.n, 100);
    trace_done(&t);
    run_close(f);
    ck_assert_int_eq(rig_query(path, "PRAGMA user_version"), 1);
    s = rig_lab(dir);
    ck_assert_uint_eq(rig_resume(s, 1), FIRST);
    ck_assert_int_eq(rig_query(path, "PRAGMA user_version"), 2);
    rig_play(s, FIRST, ALL, 1000);
    rig_end(s, ALL, now);
    lab_close(s);
    ck_assert_str_eq(now, sha);
    rig_dump(path, now);
    ck_assert_str_eq(now, dump);
    rig_remove(dir);
}
END_TEST

START_TEST(test_other_files)
{
    char dir[256], path[400], lab[400], sha[65];
    struct run_file *f;
    struct store *s;

    rig_folder(dir);
    rig_path(path, dir, 1);
    snprintf(lab, sizeof(lab), "%s/lab.db", dir);
    s = rig_lab(dir);
    rig_begin(s);
    rig_end(s, 0, sha);
    lab_close(s);
    rig_exec(path, "PRAGMA user_version = 3");
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), E_VERSION);
    rig_exec(path, "PRAGMA user_version = 2; PRAGMA application_id = 7");
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), E_CORRUPT);
    ck_assert_int_eq(run_open_path(lab, &f, NULL), E_CORRUPT); /* a catalogue is no run */
    ck_assert_int_eq(run_open(dir, 2, &f, NULL), E_NOENT);
    rig_exec(lab, "PRAGMA user_version = 2");
    ck_assert_int_eq(lab_open(dir, &s, NULL), E_VERSION);
    ck_assert_int_eq(file_write(lab, "this is not a catalogue, whatever its name may say", 50), 0);
    ck_assert_int_eq(lab_open(dir, &s, NULL), E_CORRUPT);
    rig_remove(dir);
}
END_TEST

/* ---- A journal that does not go away ---- */

static int (*true_unlink)(const char *);

static int stubborn_unlink(const char *path)
{
    size_t n = strlen(path);

    if (n > 12 && strcmp(path + n - 12, ".run-journal") == 0) {
        errno = EIO;
        return -1;
    }
    return true_unlink(path);
}

/* SQLite does not tell that its last journal stayed: opening the file would take the header back.
 * Such a run is not recorded as closed, and its file is not hashed, until the next who opens the
 * lab can settle it. */
START_TEST(test_stubborn_journal)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    char dir[256], path[400], lab[400], sha[65];
    struct store_end end = {.t = NSEC_S, .verdict = "done", .cause = "done", .text = "", .virtual_speed = (double)NAN};
    struct store *s;
    int rc;

    rig_folder(dir);
    ck_assert_int_eq(str_fmt(lab, sizeof(lab), "%s/lab.db", dir), 0);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, 50, 0);
    true_unlink = (int (*)(const char *))vfs->xGetSystemCall(vfs, "unlink");
    ck_assert_int_eq(
        vfs->xSetSystemCall(vfs, "unlink", (sqlite3_syscall_ptr)stubborn_unlink), SQLITE_OK);
    rc = store_end(s, &end, sha, NULL);
    ck_assert_int_eq(vfs->xSetSystemCall(vfs, "unlink", NULL), SQLITE_OK);
    ck_assert_int_eq(rc, E_IO);
    lab_close(s);
    ck_assert_int_eq(rig_query(lab, "SELECT count(*) FROM run WHERE closed = 1"), 0);
    ck_assert_int_eq(rig_query(lab, "SELECT count(*) FROM run WHERE file_sha256 NOT NULL"), 0);
    lab_close(rig_lab(dir));
    ck_assert_int_eq(rig_query(lab, "SELECT count(*) FROM run WHERE closed = 1"), 1);
    rig_remove(dir);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("db_version");
    TCase *c = tcase_create("version");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_version_1);
    tcase_add_test(c, test_other_files);
    tcase_add_test(c, test_stubborn_journal);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
