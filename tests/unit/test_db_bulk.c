/* tests/unit/test_db_bulk.c - run files that are written at once, as an import does: the same rows
 * and the same hash as the careful way, and nobody takes one that was cut short for a run.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "tests/support/cut_vfs.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROWS = 3000,
    EVERY = 700,
    CUT_ROWS = 300,
    CUT_EVERY = 100
};

static int64_t begin_bulk(struct store *s)
{
    struct store_run run = rig_run;
    int64_t number = 0;
    int rc;

    run.bulk = true;
    rc = store_begin(s, &run, rig_tables, RIG_TABLES, rig_sources, 2, &number, NULL);
    ck_assert_int_eq(rc, 0);
    return number;
}

static void hash_of_rows(const char *dir, char hex[65])
{
    struct run_file *f;

    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0);
    ck_assert_int_eq(run_rows_sha256(f, hex, NULL), 0);
    run_close(f);
}

START_TEST(test_same)
{
    char careful[256], quick[256], path[400], sha[2][65], dump[2][65], again[65];
    struct store *s;

    rig_folder(careful);
    s = rig_lab(careful);
    rig_begin(s);
    rig_play(s, 0, ROWS, EVERY);
    rig_end(s, ROWS, sha[0]);
    lab_close(s);
    rig_path(path, careful, 1);
    rig_dump(path, dump[0]);
    rig_folder(quick);
    s = rig_lab(quick);
    ck_assert_int_eq(begin_bulk(s), 1);
    rig_play(s, 0, ROWS, EVERY);
    rig_end(s, ROWS, sha[1]);
    lab_close(s);
    rig_path(path, quick, 1);
    rig_dump(path, dump[1]);
    ck_assert_str_eq(sha[0], sha[1]);
    ck_assert_str_eq(dump[0], dump[1]);
    hash_of_rows(quick, again);
    ck_assert_str_eq(sha[1], again);
    ck_assert_int_eq(rig_query(path, "PRAGMA application_id"), 0x42454e43);
    strcat(path, "-journal");
    ck_assert_int_ne(access(path, F_OK), 0);
    rig_remove(careful);
    rig_remove(quick);
}
END_TEST

/* What is hashed while it is put is what SQLite gives back: it has no negative zero. */
START_TEST(test_odd_values)
{
    static const double odd[] = {-0.0, 0.0, 3.0, -7e15, 1e300, INFINITY, -INFINITY, NAN, 5e-324};
    char dir[256], sha[65], again[65];
    struct store_end end = {.t = 0, .verdict = "done", .virtual_speed = (double)NAN};
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    begin_bulk(s);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        uint8_t quality[2] = {(uint8_t)(i % 2), 0};
        double value[2] = {odd[i], -odd[i]};
        struct store_row row = {.table = RIG_CYCLER,
                                .t = (nsec)i * 1000000000,
                                .value = value,
                                .quality = quality,
                                .charge_ah = odd[i],
                                .energy_wh = 1};

        ck_assert_int_eq(store_sample(s, &row), 0);
    }
    ck_assert_int_eq(store_end(s, &end, sha, NULL), 0);
    lab_close(s);
    hash_of_rows(dir, again);
    ck_assert_str_eq(sha, again);
    rig_remove(dir);
}
END_TEST

static int count_half(void *ctx, const struct run_info *info)
{
    *(int *)ctx += strcmp(info->verdict, "half-made") == 0;
    return 0;
}

struct pipes {
    int hold[2], told[2];
};

/* The child begins an import, tells, and stays in it until it is told; then it ends it or dies. */
static pid_t child(const char *dir, struct pipes *p, bool to_its_end)
{
    ck_assert_int_eq(pipe(p->hold), 0);
    ck_assert_int_eq(pipe(p->told), 0);

    pid_t pid = fork();

    if (pid == 0) {
        struct store *s = rig_lab(dir);
        char c, sha[65];

        begin_bulk(s);
        rig_play(s, 0, ROWS, EVERY);
        rig_commit(s, ROWS);
        if (write(p->told[1], "x", 1) != 1 || read(p->hold[0], &c, 1) != 1)
            _exit(2);
        if (to_its_end)
            rig_end(s, ROWS, sha);
        _exit(0);
    }
    ck_assert_int_gt(pid, 0);
    return pid;
}

static void await(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The child is in the middle of its import. */
static void await_middle(const struct pipes *p)
{
    char c;

    ck_assert_int_eq(read(p->told[0], &c, 1), 1);
}

START_TEST(test_cut_short)
{
    char dir[256], path[400], lock[400];
    uint8_t *state[2];
    size_t n[2];
    struct run_file *f;
    struct store *s;
    struct diag d;
    struct pipes p;
    int half = 0;
    pid_t pid;

    rig_folder(dir);
    lab_close(rig_lab(dir));
    rig_path(path, dir, 1);
    pid = child(dir, &p, false);
    await_middle(&p);
    /* while it goes on: refused, and left alone */
    diag_init(&d);
    ck_assert_int_eq(run_open(dir, 1, &f, &d), E_STATE);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "import"));
    lab_close(rig_lab(dir));
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(write(p.hold[1], "x", 1), 1);
    await(pid);
    /* it died */
    ck_assert_int_eq(lab_runs(dir, count_half, &half, NULL), 0);
    ck_assert_int_eq(half, 1);
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), E_STATE);
    s = rig_lab(dir);
    ck_assert_int_ne(access(path, F_OK), 0);
    str_copy(lock, sizeof(lock), path);
    memcpy(lock + strlen(lock) - 4, ".loc", 4);
    ck_assert_int_ne(access(lock, F_OK), 0);
    ck_assert_int_lt(
        store_resume(s, 1, rig_tables, RIG_TABLES, &state[0], &n[0], &state[1], &n[1], NULL), 0);
    ck_assert_int_eq(begin_bulk(s), 1);
    lab_close(s); /* before its end */
    ck_assert_int_ne(access(path, F_OK), 0);
    half = 0;
    ck_assert_int_eq(lab_runs(dir, count_half, &half, NULL), 0);
    ck_assert_int_eq(half, 0);
    rig_remove(dir);
}
END_TEST

START_TEST(test_to_its_end)
{
    char dir[256];
    struct run_file *f;
    struct pipes p;
    pid_t pid;

    rig_folder(dir);
    lab_close(rig_lab(dir));
    pid = child(dir, &p, true);
    await_middle(&p);
    ck_assert_int_eq(write(p.hold[1], "x", 1), 1);
    await(pid);
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0);
    run_close(f);
    rig_remove(dir);
}
END_TEST

/* ---- The power goes ---- */

/* The whole import; how far it got does not matter, nothing of it was promised. true: it ended. */
static bool import_all(const char *dir)
{
    struct store_end end = {.t = 0, .verdict = "done", .virtual_speed = (double)NAN};
    struct store_run run = rig_run;
    struct store *s;
    char sha[65];
    int64_t number;
    bool ended = false;

    run.bulk = true;
    if (lab_open(dir, &s, NULL) < 0)
        return false;
    if (store_begin(s, &run, rig_tables, RIG_TABLES, rig_sources, 2, &number, NULL) == 0) {
        int rc = 0;

        for (uint32_t i = 0; i < CUT_ROWS && rc == 0; i += CUT_EVERY) {
            rig_play(s, i, i + CUT_EVERY, 0);
            rc = store_commit(s, NULL, 0, NULL, 0, NULL);
        }
        ended = rc == 0 && store_end(s, &end, sha, NULL) == 0;
    }
    lab_close(s);
    return ended;
}

/* Whoever opens it finds the whole run or none. */
static void check_after(const char *dir, bool ended, const char *whole)
{
    struct run_file *f;
    struct run_info info;
    char hex[65];
    int rc = run_open(dir, 1, &f, NULL);

    if (ended)
        ck_assert_int_eq(rc, 0);
    if (rc == 0) {
        int64_t rows = run_info(f, &info, NULL) == 0 && info.ended;

        if (rows > 0) {
            ck_assert_int_eq(run_rows_sha256(f, hex, NULL), 0);
            ck_assert_str_eq(hex, whole);
            ck_assert_str_eq(info.rows_sha256, whole);
        }
        ck_assert(!ended || rows > 0);
        run_close(f);
    }
}

START_TEST(test_power_cut)
{
    char dir[256], whole[65];
    uint64_t accesses;

    rig_folder(dir);
    cut_fresh(dir);
    cut_arm(0, CUT_KEEP, 1);
    ck_assert(import_all(dir));
    accesses = cut_accesses();
    hash_of_rows(dir, whole);
    rig_remove(dir);
    ck_assert_uint_gt(accesses, 20);
    for (uint64_t k = 1; k <= accesses; k++) {
        bool ended;

        rig_folder(dir);
        cut_fresh(dir);
        cut_arm(k, (enum cut_mode)(k % CUT_MODES), k);
        ended = import_all(dir);
        cut_power_on();
        check_after(dir, ended, whole);
        rig_remove(dir);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_bulk");
    TCase *c = tcase_create("bulk");
    SRunner *r;
    int failed;

    tcase_add_test(c, test_same);
    tcase_add_test(c, test_odd_values);
    tcase_add_test(c, test_cut_short);
    tcase_add_test(c, test_to_its_end);
    tcase_add_test(c, test_power_cut);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
