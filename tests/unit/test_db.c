/* Writing run files: what is put is there, nothing is lost or doubled by a kill or a full disk. */
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROWS = 3000
};

/* A run of `rows` that nothing disturbs; its dump and SHA. */
static void undisturbed(uint32_t rows, uint32_t commit_every, char dump[65], char sha[65])
{
    char dir[256], path[400];
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, rows, commit_every);
    rig_end(s, rows, sha);
    lab_close(s);
    rig_dump(path, dump);
    rig_remove(dir);
}

START_TEST(test_ended_file)
{
    char dir[256], path[400], lab[400], sha[65], hex[65], beside[420], sql[300];
    struct store *s;
    struct sha256 h;
    uint8_t digest[32];
    char *text;
    size_t n;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, ROWS, 500);
    rig_end(s, ROWS, sha);
    lab_close(s);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), ROWS);
    ck_assert_int_eq(rig_query(path, "SELECT max(rowid) FROM press"), ROWS / 4);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM step"), 1 + ROWS / 500);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM event WHERE value = 0"), ROWS / 100);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler WHERE voltage_v IS NULL"
                                     " AND quality = x'0200'"),
                     31); /* 13, 110, ... 2923 */
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler WHERE quality IS NOT NULL"), 31);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM run_state"), 0);
    ck_assert_int_eq(rig_query(path, "SELECT seed FROM run"), (int64_t)rig_run.seed);
    ck_assert_int_eq(rig_query(path, "PRAGMA application_id"), 0x42454e43);
    ck_assert_int_eq(rig_query(path, "PRAGMA user_version"), 2);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM step_summary WHERE v_min IS NULL AND"
                                     " pressure_mean_pa IS NULL AND v_max = 4.25"),
                     5);
    ck_assert_int_eq(rig_query(path, "SELECT identity = 'DAT 1400' FROM sample_table WHERE id = 2"),
                     1);
    /* a file that can be read anywhere: header bytes 18, 19 say rollback journal, nothing beside it
     */
    ck_assert_int_eq(file_read(path, 100 << 20, &text, &n), 0);
    ck_assert_int_eq(text[18], 1);
    ck_assert_int_eq(text[19], 1);
    snprintf(beside, sizeof(beside), "%s-wal", path);
    ck_assert_int_ne(access(beside, F_OK), 0);
    sha256_init(&h);
    sha256_add(&h, text, n);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    free(text);
    snprintf(lab, sizeof(lab), "%s/lab.db", dir);
    snprintf(sql, sizeof(sql),
             "SELECT file_sha256 = '%s' AND rows_sha256 = '%s' AND closed = 1"
             " FROM run WHERE number = 1",
             hex, sha);
    ck_assert_int_eq(rig_query(lab, sql), 1);
    rig_remove(dir);
}
END_TEST

static void le64(struct sha256 *h, uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)(v >> (8 * i));

        sha256_add(h, &byte, 1);
    }
}

/* The figure by the description in docs/RUNFILE.md, from bits written down here. */
START_TEST(test_rows_sha256)
{
    static const struct store_table table = {
        .name = "cycler",
        .n = 1,
        .counts = true,
        .column = {{"voltage_v", "cell.voltage", KIND_VOLTAGE_V, 0, 0, 0}}};
    static const uint8_t bad[1] = {Q_STALE};
    char dir[256], sha[65], hex[65];
    double v[2] = {3.5, (double)NAN};
    struct store_row row[2] = {
        {.t = 500000000, .value = &v[0], .charge_ah = 0.25, .energy_wh = -2},
        { .t = 1500000000,
         .value = &v[1],
         .quality = bad,
         .cycle = 3,
         .charge_ah = 1,
         .energy_wh = (double)NAN}
    };
    struct store_end end = {.t = 0, .verdict = "done", .virtual_speed = (double)NAN};
    struct store *s;
    int64_t number;
    struct sha256 h;
    uint8_t digest[32];

    rig_folder(dir);
    s = rig_lab(dir);
    ck_assert_int_eq(store_begin(s, &rig_run, &table, 1, NULL, 0, &number, NULL), 0);
    ck_assert_int_eq(store_sample(s, &row[0]), 0);
    ck_assert_int_eq(store_sample(s, &row[1]), 0);
    ck_assert_uint_eq(store_pending(s), 2);
    ck_assert_int_eq(store_end(s, &end, sha, NULL), 0);
    lab_close(s);
    rig_remove(dir);

    sha256_init(&h);
    sha256_add(&h, "cycler\0voltage_v\0charge_ah\0energy_wh", 37);
    le64(&h, UINT64_C(0x3fe0000000000000)); /* 0.5 s */
    le64(&h, 0);
    le64(&h, 0);
    le64(&h, UINT64_C(0x400c000000000000)); /* 3.5 V */
    le64(&h, UINT64_C(0x3fd0000000000000)); /* 0.25 */
    le64(&h, UINT64_C(0xc000000000000000)); /* -2 */
    sha256_add(&h, "\0", 1);
    le64(&h, UINT64_C(0x3ff8000000000000)); /* 1.5 s */
    le64(&h, 0);
    le64(&h, 3);
    le64(&h, UINT64_C(0x7ff8000000000000));
    le64(&h, UINT64_C(0x3ff0000000000000));
    le64(&h, UINT64_C(0x7ff8000000000000));
    sha256_add(&h, "\1\1", 2);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    ck_assert_str_eq(sha, hex);
}
END_TEST

/* ---- Killed ---- */

static void in_child(void (*run)(const char *dir, uint32_t a, uint32_t b), const char *dir,
                     uint32_t a, uint32_t b)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        run(dir, a, b);
        _exit(0);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

/* Go on from the last commit, do `rows` rows in commits of `every`, die with some rows put but not
 * committed. */
static void live_and_die(const char *dir, uint32_t rows, uint32_t every)
{
    struct store *s = rig_lab(dir);
    uint32_t next = 0, end;

    if (rows == 0) { /* the first life dies right after its first commit */
        rig_begin(s);
        rig_commit(s, 0);
        return;
    }
    next = rig_resume(s, 1);
    end = next + rows < ROWS ? next + rows : ROWS;
    rig_play(s, next, end, every);
}

static void live_to_the_end(const char *dir, uint32_t every, uint32_t unused)
{
    struct store *s = rig_lab(dir);
    char sha[65];

    (void)unused;
    rig_play(s, rig_resume(s, 1), ROWS, every);
    rig_end(s, ROWS, sha);
    lab_close(s);
}

START_TEST(test_killed)
{
    char dump[65], sha[65], dir[256], path[400], now[65];
    struct rng rng;

    undisturbed(ROWS, 250, dump, sha);
    for (uint64_t seed = 0; seed < 6; seed++) {
        rng_seed(&rng, 77, seed);
        rig_folder(dir);
        rig_path(path, dir, 1);
        in_child(live_and_die, dir, 0, 0);
        for (int i = 0; i < 6; i++)
            in_child(live_and_die, dir, 1 + (uint32_t)(rng_u64(&rng) % 900),
                     1 + (uint32_t)(rng_u64(&rng) % 400));
        in_child(live_to_the_end, dir, 250, 0);
        rig_dump(path, now);
        ck_assert_str_eq(now, dump);
        rig_remove(dir);
    }
}
END_TEST

/* ---- A disk that is full ---- */

/* No file may grow beyond the log of the run and `more`. Nothing is asserted under it: Check writes
 * a file too. */
static void limit_size(const char *path, rlim_t more)
{
    struct rlimit limit;
    struct stat st = {0};
    char wal[420];

    snprintf(wal, sizeof(wal), "%s-wal", path);
    ck_assert_int_eq(stat(wal, &st), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = (rlim_t)st.st_size + more;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void lift_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

START_TEST(test_full)
{
    char dir[256], path[400], sha[65], dump[65], now[65];
    struct store_end end = {.t = nsec_from_s(rig_time_s(ROWS)),
                            .verdict = "done",
                            .cause = "done",
                            .text = "all steps",
                            .events = 2 * ROWS,
                            .guard_evaluations = 12345,
                            .virtual_speed = (double)NAN};
    struct store *s;
    struct diag d;
    unsigned pending, left[2];
    int rc[2];

    undisturbed(ROWS, 0, dump, sha);
    signal(SIGXFSZ, SIG_IGN);
    rig_folder(dir);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, 700, 0);
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), 0);
    rig_play(s, 700, 2500, 0);
    pending = store_pending(s);
    limit_size(path, 20000);
    diag_init(&d);
    for (int i = 0; i < 2; i++) {
        rc[i] = store_commit(s, NULL, 0, NULL, 0, &d);
        left[i] = store_pending(s);
    }
    lift_limit();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(rc[i], E_FULL);
        ck_assert_ptr_nonnull(strstr(d.finding[i].text, "disk is full"));
        ck_assert_uint_eq(left[i], pending);
    }
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), 700);
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), 0);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), 2500);
    rig_play(s, 2500, ROWS, 0);
    limit_size(path, 5000);
    rc[0] = store_end(s, &end, now, NULL); /* and again, when there is room */
    lift_limit();
    ck_assert_int_eq(rc[0], E_FULL);
    ck_assert_int_eq(store_end(s, &end, now, NULL), 0);
    ck_assert_str_eq(now, sha);
    lab_close(s);
    rig_dump(path, now);
    ck_assert_str_eq(now, dump);
    rig_remove(dir);
}
END_TEST

/* ---- Numbers ---- */

static void begin_some(const char *dir, uint32_t n, uint32_t unused)
{
    (void)unused;
    for (uint32_t i = 0; i < n; i++) {
        struct store *s = rig_lab(dir);

        rig_begin(s);
        lab_close(s);
    }
}

START_TEST(test_numbers)
{
    char dir[256], lab[400];
    pid_t pid[4];
    struct store *s;
    int status;

    rig_folder(dir);
    for (int i = 0; i < 4; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            begin_some(dir, 5, 0);
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
        ck_assert_int_eq(status, 0);
    }
    snprintf(lab, sizeof(lab), "%s/lab.db", dir);
    ck_assert_int_eq(rig_query(lab, "SELECT count(*) FROM run"), 20);
    ck_assert_int_eq(rig_query(lab, "SELECT max(number) FROM run"), 20);
    /* neither a lost catalogue nor a removed file gives a number again */
    ck_assert_int_eq(unlink(lab), 0);
    s = rig_lab(dir);
    ck_assert_int_eq(rig_begin(s), 21);
    lab_close(s);
    rig_path(lab, dir, 21);
    ck_assert_int_eq(unlink(lab), 0);
    s = rig_lab(dir);
    ck_assert_int_eq(rig_begin(s), 22);
    lab_close(s);
    rig_remove(dir);
}
END_TEST

/* ---- What is refused ---- */

START_TEST(test_refused_tables)
{
    static const struct {
        const char *table, *first, *second;
    } row[] = {
        {"run",      "a_v",       "b_v"      },
        {"pyramid",  "a_v",       "b_v"      },
        {"sqlite_x", "a_v",       "b_v"      },
        {"Cycler",   "a_v",       "b_v"      },
        {"a b",      "a_v",       "b_v"      },
        {"x\"y",     "a_v",       "b_v"      },
        {"",         "a_v",       "b_v"      },
        {"ok",       "t_s",       "b_v"      },
        {"ok",       "a_v",       "a_v"      },
        {"ok",       "quality",   "b_v"      },
        {"ok",       "a_v",       "1v"       },
        {"ok",       "a_v",       "energy_wh"},
        {"ok",       "a_v);DROP", "b_v"      },
        {"ok",       "rowid",     "b_v"      },
    };
    char dir[256], path[400];
    struct store *s;
    int64_t number = -5;

    rig_folder(dir);
    s = rig_lab(dir);
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct store_table t = {
            .name = row[i].table,
            .n = 2,
            .column = {{row[i].first, "a", KIND_VOLTAGE_V, 0, 0, 0},
                       {row[i].second, "b", KIND_VOLTAGE_V, 0, 0, 0}}
        };
        struct diag d;

        diag_init(&d);
        ck_assert_int_eq(store_begin(s, &rig_run, &t, 1, NULL, 0, &number, &d), E_INVALID);
        ck_assert_uint_eq(d.n, 1);
        ck_assert_int_eq(number, -5);
        rig_path(path, dir, 1);
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    ck_assert_int_eq(rig_begin(s), 1);
    ck_assert_int_eq(store_begin(s, &rig_run, rig_tables, 1, NULL, 0, &number, NULL), E_STATE);
    lab_close(s);
    rig_remove(dir);
}
END_TEST

static void resume_is_busy(const char *dir, uint32_t a, uint32_t b)
{
    uint8_t *p[2];
    size_t n[2];

    (void)a;
    (void)b;
    ck_assert_int_eq(
        store_resume(rig_lab(dir), 1, rig_tables, RIG_TABLES, &p[0], &n[0], &p[1], &n[1], NULL),
        E_BUSY);
}

START_TEST(test_refused_resume)
{
    char dir[256], sha[65];
    struct store_table other[RIG_TABLES];
    uint8_t *p[2] = {NULL, NULL};
    size_t n[2];
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_begin(s);
    in_child(resume_is_busy, dir, 0, 0);
    lab_close(s);
    s = rig_lab(dir);
    ck_assert_int_eq(store_resume(s, 9, rig_tables, RIG_TABLES, &p[0], &n[0], &p[1], &n[1], NULL),
                     E_NOENT);
    memcpy(other, rig_tables, sizeof(other));
    other[RIG_PRESS].column[0].name = "force_n";
    ck_assert_int_eq(store_resume(s, 1, other, RIG_TABLES, &p[0], &n[0], &p[1], &n[1], NULL),
                     E_MISMATCH);
    ck_assert_int_eq(store_resume(s, 1, rig_tables, 2, &p[0], &n[0], &p[1], &n[1], NULL),
                     E_MISMATCH);
    /* nothing was committed with a state */
    ck_assert_int_eq(store_resume(s, 1, rig_tables, RIG_TABLES, &p[0], &n[0], &p[1], &n[1], NULL),
                     E_STATE);
    ck_assert_int_eq(rig_begin(s), 2);
    rig_end(s, 0, sha);
    ck_assert_int_eq(store_note(s, 0, "info", "after the end"), E_STATE);
    ck_assert_int_eq(store_resume(s, 2, rig_tables, RIG_TABLES, &p[0], &n[0], &p[1], &n[1], NULL),
                     E_STATE);
    ck_assert_ptr_null(p[0]);
    lab_close(s);
    rig_remove(dir);
}
END_TEST

/* A sample of a step that nobody began is told at the end; the run is closed all the same. */
START_TEST(test_unknown_step)
{
    char dir[256], path[400], sha[65];
    double v[2] = {1, 2};
    struct store_row row = {.table = RIG_CYCLER, .step = 4, .value = v};
    struct store_end end = {.verdict = "done", .virtual_speed = (double)NAN};
    struct store *s;
    struct diag d;

    diag_init(&d);
    rig_folder(dir);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    ck_assert_int_eq(store_sample(s, &row), 0);
    ck_assert_int_eq(store_end(s, &end, sha, &d), E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "cycler"));
    ck_assert_int_eq(rig_query(path, "SELECT ended FROM run"), 1);
    lab_close(s);
    rig_remove(dir);
}
END_TEST

/* A plot that is open does not hold up the end; the next lab_open does what was left. */
START_TEST(test_reader_at_end)
{
    char dir[256], path[400], lab[400], sha[65], beside[420];
    struct run_file *f;
    struct trace t;
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, 600, 100);
    ck_assert_int_eq(run_open(dir, 0, &f, NULL), 0);
    ck_assert_int_eq(run_trace(f, "cell.voltage", (double)NAN, (double)NAN, 1000, &t, NULL), 0);
    ck_assert_uint_eq(t.n, 600 - 7); /* without 13, 110 ... 595 */
    trace_done(&t);
    rig_end(s, 600, sha);
    lab_close(s);
    run_close(f);
    snprintf(lab, sizeof(lab), "%s/lab.db", dir);
    ck_assert_int_eq(rig_query(lab, "SELECT ended = 1 AND closed = 0 FROM run"), 1);
    lab_close(rig_lab(dir));
    ck_assert_int_eq(rig_query(lab, "SELECT closed = 1 AND length(file_sha256) = 64 FROM run"), 1);
    snprintf(beside, sizeof(beside), "%s-wal", path);
    ck_assert_int_ne(access(beside, F_OK), 0);
    rig_remove(dir);
}
END_TEST

START_TEST(test_articles)
{
    char dir[256], lab[400];
    char *text = NULL;
    struct store *s;
    struct diag d;

    diag_init(&d);
    rig_folder(dir);
    s = rig_lab(dir);
    ck_assert_int_eq(lab_article_put(s, "ASSB-017", "4006381333931", "cell", "a: 1\n", 10, NULL),
                     0);
    ck_assert_int_eq(lab_article_put(s, "ASSB-017", "4006381333931", "cell", "a: 1\n", 11, NULL),
                     0);
    ck_assert_int_eq(lab_article_put(s, "ASSB-017", "4006381333931", "cell", "a: 2\n", 12, NULL),
                     0);
    ck_assert_int_eq(lab_article_put(s, "ASSB-018", NULL, "cell", "b: 1\n", 13, NULL), 0);
    ck_assert_int_eq(lab_article_put(s, "ASSB-019", "", "cell", "c: 1\n", 14, NULL), 0);
    ck_assert_int_eq(lab_article_put(s, "X", "4006381333931", "cell", "d: 1\n", 15, &d), E_EXISTS);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "ASSB-017"));
    ck_assert_int_eq(lab_article_get(s, "4006381333931", &text, NULL), 0);
    ck_assert_str_eq(text, "a: 2\n");
    free(text);
    ck_assert_int_eq(lab_article_get(s, "ASSB-018", &text, NULL), 0);
    ck_assert_str_eq(text, "b: 1\n");
    free(text);
    ck_assert_int_eq(lab_article_get(s, "nobody", &text, NULL), E_NOENT);
    lab_close(s);
    snprintf(lab, sizeof(lab), "%s/lab.db", dir);
    ck_assert_int_eq(rig_query(lab, "SELECT count(*) FROM article_version"), 4);
    ck_assert_int_eq(rig_query(lab, "SELECT wall_ns FROM article_version WHERE id = 2"), 12);
    rig_remove(dir);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("db");
    TCase *c = tcase_create("store");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_ended_file);
    tcase_add_test(c, test_rows_sha256);
    tcase_add_test(c, test_killed);
    tcase_add_test(c, test_full);
    tcase_add_test(c, test_numbers);
    tcase_add_test(c, test_refused_tables);
    tcase_add_test(c, test_refused_resume);
    tcase_add_test(c, test_unknown_step);
    tcase_add_test(c, test_reader_at_end);
    tcase_add_test(c, test_articles);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
