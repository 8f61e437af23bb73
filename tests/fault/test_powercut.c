/* tests/fault/test_powercut.c - the power goes at every access of a short run and at random ones of
 * longer runs; the disk is full or broken at the nth access. What the store had answered for is
 * there, no file is damaged, and the run goes on: at its end the file is the undisturbed one's,
 * cell by cell.
 *
 * 300 cuts in runs that are cut again and again; BENCHCTL_LONG=1: 3000, and every access of the
 * short run in every way that unsynced writes may be lost.
 */
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "db/store_priv.h"
#include "tests/support/cut_vfs.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SHORT_ROWS = 110,
    SHORT_EVERY = 25,
    ROWS = 2310,
    EVERY = 50,
    NUMBERS_MAX = 40, /* of runs in one folder: begins that the power has cut are numbers gone */
    FOLD_PAGES = 60   /* so that the log is folded several times even in a short run */
};

static bool is_long(void)
{
    return getenv("BENCHCTL_LONG") != NULL;
}

/* ---- The undisturbed run: without a thread, with the plain file access ---- */

struct reference {
    uint32_t rows;
    bool made;
    char dump[65], sha[65];
};

/* The number is in the file: one reference for each. */
static const struct reference *reference(uint32_t rows, uint32_t every, int64_t number)
{
    static struct reference known[2][NUMBERS_MAX];
    struct reference *r = &known[rows == ROWS][number];
    char dir[256], path[400];
    struct store *s;
    FILE *f;

    ck_assert_int_lt(number, NUMBERS_MAX);
    if (r->made)
        return r;
    rig_folder(dir);
    s = rig_lab(dir);
    if (number > 1) {
        rig_path(path, dir, number - 1);
        f = fopen(path, "wb");
        ck_assert_ptr_nonnull(f);
        fclose(f);
    }
    ck_assert_int_eq(rig_begin(s), number);
    rig_play(s, 0, rows, every);
    rig_end(s, rows, r->sha);
    lab_close(s);
    rig_path(path, dir, number);
    rig_dump(path, r->dump);
    rig_remove(dir);
    r->rows = rows;
    r->made = true;
    return r;
}

/* ---- A run in real time, and what its store has answered for ---- */

struct run {
    char dir[256];
    uint32_t rows, every;
    /* Answered for: */
    bool begun, ended;
    int64_t number;
    uint32_t next;
    char sha[65];
    /* Faults that the run has to live with: */
    bool is_patient;
    bool is_unreadable; /* the check of the ended file calls that damaged */
    unsigned failed;    /* commits, and the like */
    uint64_t faults;    /* before the disk was well again */
    struct diag story;  /* of the last failure */
    bool is_listed; /* somebody looks at the list of runs after each cut, which mends the catalogue
                     */
};

static struct diag *fresh_story(struct run *run)
{
    diag_init(&run->story);
    return &run->story;
}

static int lab_up(struct run *run, struct store **ret)
{
    struct store *s;
    int rc = lab_open(run->dir, &s, fresh_story(run));

    if (rc < 0)
        return rc;
    s->checkpoint_pages = FOLD_PAGES;
    rc = store_threaded(s, &run->story);
    if (rc < 0)
        lab_close(s);
    else
        *ret = s;
    return rc;
}

static int begin(struct store *s, uint32_t next)
{
    struct rig_states at;

    rig_states(next, &at);
    return store_commit_begin(s, at.state, at.n, at.world, at.n_world, next);
}

/* Until the thread has answered. */
static int answer(struct store *s, struct run *run)
{
    struct pollfd p = {.fd = store_event_fd(s), .events = POLLIN};
    uint64_t durable = 0;
    int rc;

    ck_assert_int_eq(poll(&p, 1, 60000), 1);
    rc = store_commit_poll(s, &durable, fresh_story(run));
    ck_assert_int_ne(rc, 0); /* it said that it had ended */
    if (rc < 0)
        return rc;
    ck_assert_uint_le(run->next, durable);
    run->next = (uint32_t)durable;
    return 0;
}

/* An error that may be, and every third one is the last for now. */
static int bear(struct run *run, int rc)
{
    char text[1000] = "";

    diag_format(&run->story, text, sizeof(text), false);
    ck_assert_msg(rc == E_FULL || rc == E_IO || (rc == E_CORRUPT && run->is_unreadable), "%s: %s",
                  err_text(rc), text);
    ck_assert(diag_code(&run->story) == rc);
    if (++run->failed % 3 == 0) {
        run->faults += cut_faults();
        cut_fault(CUT_NO_FAULT, 0, 0);
    }
    return 0;
}

/* Rows are put while the former ones are written. */
static int play(struct store *s, struct run *run, uint32_t from)
{
    uint32_t to = from + run->every < run->rows ? from + run->every : run->rows;
    int rc = 0;

    rig_play(s, from, to, 0);
    while (to % run->every == 0 && rc == 0) {
        uint32_t more = to + run->every < run->rows ? to + run->every : run->rows;

        ck_assert_int_eq(begin(s, to), 0);
        rig_play(s, to, more, 0);
        rc = answer(s, run);
        if (rc < 0 && run->is_patient) {
            ck_assert_uint_ge(store_pending(s), more - run->next); /* all of them wait */
            rc = bear(run, rc);
        }
        if (to == more)
            break;
        to = more;
    }
    return rc;
}

static int end_once(struct store *s, struct run *run)
{
    struct store_end how = {.t = nsec_from_s(rig_time_s(run->rows)),
                            .verdict = "done",
                            .cause = "done",
                            .text = "all steps",
                            .events = 2 * run->rows,
                            .guard_evaluations = 12345,
                            .virtual_speed = (double)NAN};
    int rc = store_end(s, &how, run->sha, fresh_story(run));

    run->ended = rc == 0;
    return rc;
}

static int end(struct store *s, struct run *run)
{
    int rc = end_once(s, run);

    while (rc < 0 && run->is_patient) {
        rc = bear(run, rc);
        if (s->db != NULL) /* else it has ended, and is closed when the lab is opened */
            rc = end_once(s, run);
    }
    return rc;
}

static bool file_has_ended(const struct run *run)
{
    struct run_info info;
    struct run_file *f;
    bool ended;

    if (run_open(run->dir, run->number, &f, NULL) < 0)
        return false;
    ended = run_info(f, &info, NULL) == 0 && info.ended;
    run_close(f);
    return ended;
}

/* Begin or go on. 1: it has ended already. */
static int start(struct store *s, struct run *run, uint32_t *ret_from)
{
    struct rig_states at, want;
    uint8_t *p[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    uint32_t from = 0;
    int rc = E_STATE;

    if (run->begun) {
        rc = store_resume(s, run->number, rig_tables, RIG_TABLES, &p[0], &n[0], &p[1], &n[1],
                          fresh_story(run));
        if (rc == E_STATE && file_has_ended(run))
            return 1;
        if (rc < 0 && (rc != E_STATE || run->next > 0))
            return rc; /* nothing committed is only right when nothing was answered for */
    }
    if (rc == E_STATE) {
        *ret_from = 0;
        rc = store_begin(s, &rig_run, rig_tables, RIG_TABLES, rig_sources, 2, &run->number,
                         fresh_story(run));
        run->begun = rc == 0;
        return rc;
    }
    memcpy(&from, p[0], sizeof(from));
    rig_states(from, &want);
    at = want;
    ck_assert_uint_ge(from, run->next);
    ck_assert(n[0] == want.n && n[1] == want.n_world);
    ck_assert(memcmp(p[0], at.state, n[0]) == 0 && memcmp(p[1], at.world, n[1]) == 0);
    free(p[0]);
    free(p[1]);
    *ret_from = from;
    return 0;
}

/* From where it is to its end, or until something fails. */
static int go(struct run *run)
{
    struct store *s = NULL;
    uint32_t from = 0;
    int rc = lab_up(run, &s);

    while (rc < 0 && run->is_patient) {
        bear(run, rc);
        rc = lab_up(run, &s);
    }
    if (rc < 0)
        return rc;
    rc = start(s, run, &from);
    while (rc < 0 && run->is_patient) {
        bear(run, rc);
        rc = start(s, run, &from);
    }
    if (rc == 0)
        rc = play(s, run, from);
    if (rc == 0)
        rc = end(s, run);
    lab_close(s);
    return rc;
}

/* ---- What must be true ---- */

/* May roll back what the power has cut, which a reader may not. */
static int64_t query(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    int64_t v;

    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(db));
    ck_assert_msg(sqlite3_step(st) == SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(db));
    v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return v;
}

static int64_t lab_query(const struct run *run, const char *sql)
{
    char path[400];

    snprintf(path, sizeof(path), "%s/lab.db", run->dir);
    return query(path, sql);
}

static int count_run(void *ctx, const struct run_info *info)
{
    (void)info;
    ++*(int *)ctx;
    return 0;
}

static void look_after_cut(const struct run *run)
{
    static const char whole[] = "SELECT count(*) FROM pragma_integrity_check"
                                " WHERE integrity_check = 'ok'";
    char path[400], sql[100];
    int runs = 0;

    if (!run->begun)
        return;
    ck_assert(file_has_ended(run) || !run->ended);
    rig_path(path, run->dir, run->number);
    ck_assert_int_eq(rig_query(path, whole), 1);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    ck_assert_int_ge(rig_query(path, "SELECT count(*) FROM cycler"), run->next);
    ck_assert_int_eq(lab_query(run, whole), 1);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM run WHERE number = %lld",
             (long long)run->number);
    ck_assert_int_eq(lab_query(run, sql), 1);
    if (run->is_listed) {
        ck_assert_int_eq(lab_runs(run->dir, count_run, &runs, NULL), 0);
        ck_assert_int_ge(runs, 1);
    }
}

static void look_at_end(const struct run *run)
{
    const struct reference *want = reference(run->rows, run->every, run->number);
    char path[400], dump[65], hex[65], sql[300];
    struct sha256 h;
    uint8_t digest[32];
    struct store *s;
    char *text;
    size_t n;

    cut_arm(0, CUT_LOSE, 0);
    s = rig_lab(run->dir); /* closes what was not closed yet */
    lab_close(s);
    rig_path(path, run->dir, run->number);
    ck_assert_int_eq(file_read(path, 100 << 20, &text, &n), 0);
    sha256_init(&h);
    sha256_add(&h, text, n);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    free(text);
    /* a row that was made again from the file proves nothing about it, and says so */
    snprintf(sql, sizeof(sql),
             "SELECT ended = 1 AND closed = 1 AND rows_sha256 = '%s'"
             " AND (file_sha256 = '%s' OR %d AND file_sha256 IS NULL) FROM run WHERE number = %lld",
             want->sha, hex, run->is_listed, (long long)run->number);
    ck_assert_int_eq(lab_query(run, sql), 1);
    rig_dump(path, dump);
    ck_assert_str_eq(dump, want->dump);
    if (run->ended)
        ck_assert_str_eq(run->sha, want->sha);
}

/* The cut that was armed, if it came; 0: the run has ended. */
static int cut_and_look(struct run *run)
{
    int rc = go(run);
    bool cut = cut_dark();

    ck_assert_msg(cut || rc >= 0, "%s without a cut", err_text(rc));
    if (cut) {
        cut_power_on();
        look_after_cut(run);
    }
    return rc;
}

static void fresh(struct run *run, uint32_t rows, uint32_t every)
{
    memset(run, 0, sizeof(*run));
    run->rows = rows;
    run->every = every;
    rig_folder(run->dir);
    cut_fresh(run->dir);
}

/* ---- Power cuts ---- */

static uint64_t accesses_of(uint32_t rows, uint32_t every)
{
    struct run run;
    uint64_t n;

    fresh(&run, rows, every);
    cut_arm(0, CUT_LOSE, 0);
    ck_assert_int_eq(go(&run), 0);
    n = cut_accesses();
    look_at_end(&run);
    rig_remove(run.dir);
    return n;
}

START_TEST(test_every_access)
{
    uint64_t n = accesses_of(SHORT_ROWS, SHORT_EVERY), modes = is_long() ? CUT_MODES : 1;

    ck_assert_uint_gt(n, 200);
    for (uint64_t i = 0; i < n * modes; i++) {
        struct run run;

        fresh(&run, SHORT_ROWS, SHORT_EVERY);
        cut_arm(i / modes + 1,
                (enum cut_mode)(modes > 1 ? i % CUT_MODES : (i * 7 + i / 5) % CUT_MODES), i);
        cut_and_look(&run);
        cut_arm(0, CUT_LOSE, 0);
        ck_assert_int_ge(go(&run), 0);
        look_at_end(&run);
        rig_remove(run.dir);
    }
}
END_TEST

START_TEST(test_random_cuts)
{
    uint64_t n = accesses_of(ROWS, EVERY);
    unsigned cuts = 0, want = is_long() ? 3000 : 300, runs = 0;
    struct rng r;

    rng_seed(&r, 20260707, 0);
    while (cuts < want) {
        struct run run;
        int rc = E_IO;

        fresh(&run, ROWS, EVERY);
        run.is_listed = runs % 2 == 0;
        while (rc < 0) {
            cut_arm(1 + rng_below(&r, (uint32_t)(n / 3)), (enum cut_mode)rng_below(&r, CUT_MODES),
                    rng_u64(&r));
            rc = cut_and_look(&run);
            cuts += rc < 0;
        }
        cut_arm(0, (enum cut_mode)rng_below(&r, CUT_MODES), rng_u64(&r));
        cut_power_on(); /* and once more when all is done and told */
        look_at_end(&run);
        rig_remove(run.dir);
        runs++;
    }
    ck_assert_uint_gt(runs, 20);
}
END_TEST

/* ---- A disk that is full or broken ---- */

/* The nth access fails, alone, with some more, or with all until the third failure was told. */
static uint64_t run_with_fault(enum cut_fault fault, uint64_t nth)
{
    static const uint64_t length[] = {1, 8, UINT32_MAX};
    struct run run;

    fresh(&run, SHORT_ROWS, SHORT_EVERY);
    run.is_patient = true;
    run.is_unreadable = fault == CUT_EIO_READ;
    cut_arm(0, CUT_LOSE, 0);
    cut_fault(fault, nth, length[nth % ARRAY_LEN(length)]);
    ck_assert_int_ge(go(&run), 0);
    run.faults += cut_faults();
    cut_fault(CUT_NO_FAULT, 0, 0);
    look_at_end(&run);
    rig_remove(run.dir);
    return run.faults;
}

static void every_fault(enum cut_fault fault, uint64_t step)
{
    uint64_t nth = 1;

    while (run_with_fault(fault, nth) > 0)
        nth += step;
    ck_assert_uint_gt(nth, 50);
}

START_TEST(test_full)
{
    every_fault(CUT_FULL, is_long() ? 1 : 2);
}
END_TEST

START_TEST(test_broken)
{
    uint64_t n = accesses_of(SHORT_ROWS, SHORT_EVERY);

    every_fault(CUT_EIO, is_long() ? 1 : 5);
    for (uint64_t nth = n - 60; nth <= n; nth++) /* each of closing the file and telling the lab */
        run_with_fault(CUT_EIO, nth);
}
END_TEST

START_TEST(test_unreadable)
{
    every_fault(CUT_EIO_READ, is_long() ? 1 : 3);
}
END_TEST

/* Faults and cuts in one run: what was answered for between them is there. */
START_TEST(test_full_and_cut)
{
    unsigned cuts = 0, want = is_long() ? 1000 : 40;
    uint64_t n = accesses_of(ROWS, EVERY);
    struct rng r;

    rng_seed(&r, 20260708, 0);
    while (cuts < want) {
        struct run run;
        int rc = E_IO;

        fresh(&run, ROWS, EVERY);
        while (rc < 0) {
            cut_arm(1 + rng_below(&r, (uint32_t)(n / 2)), (enum cut_mode)rng_below(&r, CUT_MODES),
                    rng_u64(&r));
            cut_fault(rng_below(&r, 2) != 0 ? CUT_FULL : CUT_EIO,
                      1 + rng_below(&r, (uint32_t)n / 4), 1 + rng_below(&r, 40));
            rc = go(&run);
            cut_fault(CUT_NO_FAULT, 0, 0);
            if (rc < 0 && !cut_dark())
                continue; /* as a program that gave up: the next one goes on */
            if (rc < 0) {
                cut_power_on();
                look_after_cut(&run);
                cuts++;
            }
        }
        if (cut_dark())
            cut_power_on();
        look_at_end(&run);
        rig_remove(run.dir);
    }
}
END_TEST

/* Somebody who has a run open: the last one to close it would fold its log. */
static sqlite3 *onlooker(const struct run *run)
{
    sqlite3 *db = NULL;
    char path[400];

    rig_path(path, run->dir, run->number);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "SELECT count(*) FROM step", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* A failed fsync leaves pages that the system takes for clean. The process dies; the next one finds
 * them in the page cache, takes them for committed, and commits on top of them. */
START_TEST(test_failed_sync_and_kill)
{
    struct store *s = NULL;
    sqlite3 *db;
    struct run run;
    uint32_t from;

    fresh(&run, ROWS, EVERY);
    cut_arm(0, CUT_LOSE, 1);
    ck_assert_int_eq(lab_up(&run, &s), 0);
    ck_assert_int_eq(start(s, &run, &from), 0);
    for (uint32_t i = 0; i < 4; i++) {
        rig_play(s, i * EVERY, (i + 1) * EVERY, 0);
        ck_assert_int_eq(begin(s, (i + 1) * EVERY), 0);
        ck_assert_int_eq(answer(s, &run), 0);
    }
    rig_play(s, 4 * EVERY, 5 * EVERY, 0);
    cut_fault(CUT_EIO_SYNC, 1, 1);
    ck_assert_int_eq(begin(s, 5 * EVERY), 0);
    ck_assert_int_eq(answer(s, &run), E_IO);
    ck_assert_uint_eq(cut_faults(), 1);
    cut_fault(CUT_NO_FAULT, 0, 0);
    cut_kill();
    lab_close(s);
    cut_revive();
    db = onlooker(&run);

    ck_assert_int_eq(lab_up(&run, &s), 0);
    ck_assert_int_eq(start(s, &run, &from), 0);
    ck_assert_uint_eq(from, 5 * EVERY); /* it is in the page cache */
    rig_play(s, from, from + EVERY, 0);
    ck_assert_int_eq(begin(s, from + EVERY), 0);
    ck_assert_int_eq(answer(s, &run), 0);
    cut_kill();
    lab_close(s);
    sqlite3_close(db);
    cut_power_on();
    ck_assert_uint_eq(run.next, 6 * EVERY);
    look_after_cut(&run);
    ck_assert_int_eq(go(&run), 0);
    look_at_end(&run);
    rig_remove(run.dir);
}
END_TEST

/* Begun without a thread, killed, and gone on with in real time: the log's name in its folder is
 * not on the disk, and SQLite does not tell when the sync that should bring it there fails. */
START_TEST(test_log_of_another)
{
    struct store *s;
    sqlite3 *db;
    struct run run;
    uint32_t from;

    fresh(&run, ROWS, EVERY);
    cut_arm(0, CUT_LOSE, 1);
    s = rig_lab(run.dir);
    run.number = rig_begin(s);
    run.begun = true;
    cut_fault(CUT_EIO_FOLDER, 1, 2);
    rig_play(s, 0, 4 * EVERY, EVERY);
    cut_kill();
    lab_close(s);
    cut_revive();
    db = onlooker(&run);
    ck_assert_int_eq(lab_up(&run, &s), 0);
    ck_assert_int_eq(start(s, &run, &from), 0);
    ck_assert_uint_eq(cut_faults(), 2); /* in both processes */
    cut_fault(CUT_NO_FAULT, 0, 0);
    ck_assert_uint_eq(from, 4 * EVERY);
    rig_play(s, from, from + EVERY, 0);
    ck_assert_int_eq(begin(s, from + EVERY), 0);
    ck_assert_int_eq(answer(s, &run), 0);
    cut_kill();
    lab_close(s);
    sqlite3_close(db);
    cut_power_on();
    ck_assert_uint_eq(run.next, 5 * EVERY);
    look_after_cut(&run);
    ck_assert_int_eq(go(&run), 0);
    look_at_end(&run);
    rig_remove(run.dir);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("powercut");
    TCase *c = tcase_create("disk");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 1200);
    tcase_add_test(c, test_every_access);
    tcase_add_test(c, test_random_cuts);
    tcase_add_test(c, test_full);
    tcase_add_test(c, test_broken);
    tcase_add_test(c, test_unreadable);
    tcase_add_test(c, test_full_and_cut);
    tcase_add_test(c, test_failed_sync_and_kill);
    tcase_add_test(c, test_log_of_another);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
