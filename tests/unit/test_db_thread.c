/* The store thread: hands over without waiting, answers when it is on the disk, keeps what the disk
 * did not take, and is waited for no longer than it says. */
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/store_priv.h"
#include "tests/support/cut_vfs.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ROWS = 3000
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char dir[256], path[400];

static struct store *threaded(void)
{
    struct store *s;

    rig_folder(dir);
    cut_fresh(dir);
    cut_arm(0, CUT_LOSE, 0);
    s = rig_lab(dir);
    ck_assert_int_eq(store_threaded(s, NULL), 0);
    rig_path(path, dir, rig_begin(s));
    return s;
}

static int begin(struct store *s, uint32_t next)
{
    struct rig_states at;

    rig_states(next, &at);
    return store_commit_begin(s, at.state, at.n, at.world, at.n_world, next);
}

static bool has_answered(const struct store *s, int wait_ms)
{
    struct pollfd p = {.fd = store_event_fd(s), .events = POLLIN};

    return poll(&p, 1, wait_ms) == 1;
}

static void done(struct store *s, uint32_t next)
{
    uint64_t durable = 0;

    ck_assert(has_answered(s, 30000));
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 1);
    ck_assert_uint_eq(durable, next);
}

static void leave(struct store *s)
{
    lab_close(s);
    rig_remove(dir);
}

START_TEST(test_order_of_calls)
{
    uint64_t durable = 77;
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    ck_assert_int_eq(store_event_fd(s), -1);
    ck_assert_int_eq(begin(s, 0), E_STATE);
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), E_STATE);
    ck_assert_int_eq(store_threaded(s, NULL), 0);
    ck_assert_int_eq(store_threaded(s, NULL), 0); /* it is already */
    ck_assert_int_ge(store_event_fd(s), 0);
    ck_assert_int_eq(begin(s, 0), E_STATE); /* no run */
    ck_assert_uint_eq(durable, 77);
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 0);
    ck_assert_uint_eq(durable, 0);
    rig_begin(s);
    ck_assert_int_eq(begin(s, 0), 0); /* nothing was put: well, then that is durable */
    done(s, 0);
    ck_assert(!has_answered(s, 0)); /* it is told once */
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 0);
    leave(s);
}
END_TEST

/* While the disk takes its time rows are put and nothing waits; they go with the next commit. */
START_TEST(test_slow_disk)
{
    struct store *s = threaded();
    struct store_waiting w;
    uint64_t durable = 77;
    double before = now_s();
    size_t bytes;

    store_behind(s, &w);
    ck_assert(w.bytes == 0 && w.records == 0 && w.oldest == NSEC_NEVER);
    rig_play(s, 100, 150, 0);
    store_behind(s, &w);
    bytes = w.bytes;
    ck_assert_uint_gt(bytes, 50 * 20);
    ck_assert_int_eq(w.oldest, nsec_from_s(rig_time_s(100)));
    ck_assert_uint_eq(store_pending(s), w.records);
    cut_hold(true);
    ck_assert_int_eq(begin(s, 150), 0);
    ck_assert_uint_eq(store_pending(s), 0); /* on its way */
    ck_assert_int_eq(begin(s, 150), E_BUSY);
    rig_play(s, 150, 200, 0);
    ck_assert(!has_answered(s, 50));
    ck_assert_int_eq(begin(s, 200), E_BUSY);
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 0);
    ck_assert_uint_eq(durable, 0);
    store_behind(s, &w);
    ck_assert_uint_gt(w.bytes, bytes);
    ck_assert_int_eq(w.oldest, nsec_from_s(rig_time_s(100)));
    ck_assert_double_lt(now_s() - before, 5);
    cut_hold(false);
    ck_assert(has_answered(s, 30000));
    ck_assert_int_eq(begin(s, 200), E_BUSY); /* until the answer is taken */
    done(s, 150);
    store_behind(s, &w);
    ck_assert_int_eq(w.oldest, nsec_from_s(rig_time_s(150)));
    ck_assert_int_eq(begin(s, 200), 0);
    done(s, 200);
    store_behind(s, &w);
    ck_assert(w.bytes == 0 && w.records == 0 && w.oldest == NSEC_NEVER);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), 100);
    leave(s);
}
END_TEST

/* store_commit and store_end wait for a disk that is slow, but not for ever. */
START_TEST(test_bounded_wait)
{
    struct store_end end = {.verdict = "done", .virtual_speed = (double)NAN};
    struct store *s = threaded();
    char sha[65];
    struct diag d;
    double before;
    uint64_t durable;

    diag_init(&d);
    s->wait_ms = 200;
    rig_play(s, 0, 50, 0);
    cut_hold(true);
    ck_assert_int_eq(begin(s, 50), 0);
    rig_play(s, 50, 100, 0);
    before = now_s();
    ck_assert_int_eq(store_end(s, &end, sha, &d), E_BUSY);
    ck_assert_int_eq(diag_code(&d), E_BUSY);
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), E_BUSY);
    ck_assert_double_gt(now_s() - before, 0.35);
    ck_assert_double_lt(now_s() - before, 5);
    cut_hold(false);
    s->wait_ms = 30000;
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), 0);
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 1);
    ck_assert_uint_eq(durable, 50); /* what it was asked for; the rest is as well */
    ck_assert_uint_eq(store_pending(s), 0);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), 100);
    rig_play(s, 100, 150, 0);
    cut_hold(true);
    ck_assert_int_eq(begin(s, 150), 0);
    cut_hold(false);
    ck_assert_int_eq(store_end(s, &end, sha, NULL), 0); /* with a commit under way */
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), 150);
    ck_assert_int_eq(begin(s, 150), E_STATE);
    rig_begin(s);
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 0);
    ck_assert_uint_eq(durable, 0); /* of the new run */
    leave(s);
}
END_TEST

/* Rows and state of a commit that failed go with the next one, though that gives no state. */
START_TEST(test_full_disk)
{
    struct store *s = threaded();
    uint64_t durable = 77;
    char text[2000];
    struct diag d;
    struct store_waiting w;

    diag_init(&d);
    rig_play(s, 0, 50, 0);
    cut_fault(CUT_FULL, 1, UINT32_MAX);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(i == 0 ? begin(s, 50) : store_commit_begin(s, NULL, 0, NULL, 0, 50), 0);
        ck_assert(has_answered(s, 30000));
        ck_assert_int_eq(store_commit_poll(s, &durable, i == 2 ? &d : NULL), E_FULL);
        ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 0); /* told once */
        ck_assert_uint_eq(durable, 0);
    }
    diag_format(&d, text, sizeof(text), false);
    ck_assert_msg(strstr(text, "the disk is full") && strstr(text, "wait for the next commit"),
                  "%s", text);
    rig_play(s, 50, 100, 0);
    store_behind(s, &w);
    ck_assert_uint_eq(w.records, store_pending(s));
    ck_assert_int_eq(w.oldest, 0);
    cut_fault(CUT_NO_FAULT, 0, 0);
    ck_assert_int_eq(store_commit_begin(s, NULL, 0, NULL, 0, 100), 0);
    done(s, 100);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), 100);
    lab_close(s);
    s = rig_lab(dir);
    ck_assert_uint_eq(rig_resume(s, 1), 50); /* the state of the commit that failed */
    leave(s);
}
END_TEST

/* Both batches count: 64 MiB may wait, whoever has them. */
START_TEST(test_bound)
{
    struct store *s = threaded();
    uint8_t *block = calloc(1, 1 << 20);
    struct store_waiting w;
    uint64_t durable;
    unsigned n = 0;

    ck_assert_ptr_nonnull(block);
    cut_fault(CUT_FULL, 1, UINT32_MAX);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(store_frame(s, "a", 0, '<', "smu", block, 1 << 20), 0);
    ck_assert_int_eq(store_commit_begin(s, NULL, 0, NULL, 0, 1), 0);
    while (store_frame(s, "a", 0, '<', "smu", block, 1 << 20) == 0)
        n++;
    ck_assert_uint_eq(n, 23);
    ck_assert(has_answered(s, 30000));
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), E_FULL);
    ck_assert_int_eq(store_commit_begin(s, NULL, 0, NULL, 0, 2), 0);
    ck_assert_int_eq(store_frame(s, "a", 0, '<', "smu", block, 1 << 20), E_FULL);
    ck_assert_int_eq(store_note(s, 0, "info", "a small one fits"), 0);
    store_behind(s, &w);
    ck_assert_uint_le(w.bytes, BATCH_MAX);
    ck_assert_int_eq(w.oldest, 0); /* the note; frames are old by nature */
    ck_assert(has_answered(s, 30000));
    ck_assert_int_eq(store_commit_poll(s, &durable, NULL), E_FULL);
    cut_fault(CUT_NO_FAULT, 0, 0);
    ck_assert_int_eq(store_commit_begin(s, NULL, 0, NULL, 0, 3), 0);
    done(s, 3);
    ck_assert_int_eq(rig_query(path, "SELECT sum(length(bytes) = 1048576) FROM frame"), 63);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM note"), 1);
    free(block);
    leave(s);
}
END_TEST

/* The thread is begun in the middle of a run, ends with the lab, and the file is that of a run
 * without one. */
START_TEST(test_same_file)
{
    char sha[2][65], dump[2][65];
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, ROWS, 300);
    rig_end(s, ROWS, sha[0]);
    lab_close(s);
    rig_dump(path, dump[0]);
    rig_remove(dir);

    rig_folder(dir);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, 600, 300);
    ck_assert_int_eq(store_threaded(s, NULL), 0);
    rig_play(s, 600, 700, 0);
    ck_assert_int_eq(begin(s, 700), 0);
    lab_close(s); /* with a commit under way */
    s = rig_lab(dir);
    ck_assert_int_eq(store_threaded(s, NULL), 0);
    ck_assert_uint_eq(rig_resume(s, 1), 700);
    for (uint32_t i = 700; i < ROWS; i += 100) {
        rig_play(s, i, i + 50, 0);
        ck_assert_int_eq(begin(s, i + 50), 0);
        rig_play(s, i + 50, i + 100, i % 300 == 0 ? 100 : 0); /* now and then by itself */
        if (!has_answered(s, 30000))
            ck_abort_msg("no answer");
        else {
            uint64_t durable;

            ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 1);
            ck_assert_uint_eq(durable, i + 50);
        }
    }
    rig_end(s, ROWS, sha[1]);
    lab_close(s);
    rig_dump(path, dump[1]);
    rig_remove(dir);
    ck_assert_str_eq(sha[0], sha[1]);
    ck_assert_str_eq(dump[0], dump[1]);
}
END_TEST

static volatile sig_atomic_t signals;
static pthread_t signalled;

static void on_signal(int number)
{
    (void)number;
    signalled = pthread_self();
    signals++;
}

/* Signals of the process are the loop's: the thread never takes one. */
START_TEST(test_signals)
{
    struct sigaction act = {.sa_handler = on_signal};
    struct store *s = threaded();
    sigset_t usr1;

    ck_assert_int_eq(sigaction(SIGUSR1, &act, NULL), 0);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(begin(s, i), 0);
        done(s, i);
    }
    ck_assert_int_eq(signals, 0);
    ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL), 0);
    ck_assert_int_eq(signals, 1);
    ck_assert(pthread_equal(signalled, pthread_self()));
    leave(s);
}
END_TEST

/* A reader in the middle of a long query: commits go on, and what it sees is one instant. */
START_TEST(test_reader)
{
    struct store *s = threaded();
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    double worst = 0;

    s->checkpoint_pages = 30;
    rig_play(s, 0, 500, 0);
    ck_assert_int_eq(begin(s, 500), 0);
    done(s, 500);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT t_s FROM cycler", -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    for (uint32_t i = 500; i < ROWS; i += 100) {
        double before = now_s();

        rig_play(s, i, i + 100, 0);
        ck_assert_int_eq(begin(s, i + 100), 0);
        done(s, i + 100);
        worst = fmax(worst, now_s() - before);
    }
    ck_assert_double_lt(worst, 2); /* it waits for nobody: SQLite's patience would be 5 s */
    for (int i = 1; i < 500; i++)
        ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_DONE);
    sqlite3_finalize(st);
    sqlite3_close(db);
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM cycler"), ROWS);
    leave(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_thread");
    TCase *c = tcase_create("thread");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_order_of_calls);
    tcase_add_test(c, test_slow_disk);
    tcase_add_test(c, test_bounded_wait);
    tcase_add_test(c, test_full_disk);
    tcase_add_test(c, test_bound);
    tcase_add_test(c, test_same_file);
    tcase_add_test(c, test_signals);
    tcase_add_test(c, test_reader);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
