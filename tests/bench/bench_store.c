/* tests/bench/bench_store.c - how long a commit of the store thread takes until it is on the disk,
 * and how long the loop waits for it, alone and while others read the run: printed, with the disk's
 * own fdatasync beside it. Fails where readers add more than 50 ms to the 99th percentile.
 *
 * bench_store [seconds per case, 5]
 */
#include "base/err.h"
#include "base/str.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BEFORE = 200000, /* rows that are there when the readers come */
    PER_COMMIT = 80, /* 800 rows/s of the cycler, 1050 of all tables */
    PERIOD_MS = 100,
    READERS = 2,
    COMMITS_MAX = 6000
};

struct figures {
    unsigned n;
    double ms[COMMITS_MAX], loop_ms; /* longest call of the loop's */
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile(const struct figures *f, unsigned percent)
{
    return f->ms[(f->n - 1) * percent / 100];
}

static void tell(const char *what, struct figures *f)
{
    qsort(f->ms, f->n, sizeof(f->ms[0]), by_size);
    printf("%-44s %4u commits: p50 %6.2f  p99 %6.2f  max %6.2f ms; loop held up %5.2f ms\n", what,
           f->n, quantile(f, 50), quantile(f, 99), f->ms[f->n - 1], f->loop_ms);
}

/* ---- Readers, each a process ---- */

static int no_row(void *ctx, unsigned n, const char *const *cells)
{
    (void)ctx;
    (void)n;
    (void)cells;
    return 0;
}

static void read_on(const char *dir, unsigned kind)
{
    for (;;) {
        struct number_columns columns;
        struct run_file *f;
        struct trace trace;

        if (run_open(dir, 1, &f, NULL) < 0)
            _exit(1);
        if (kind == 0 && run_rows(f, "cycler", no_row, NULL, NULL) < 0)
            _exit(2);
        if (kind == 1 && run_trace(f, "cell.voltage", 0, 1e9, 2000, &trace, NULL) == 0)
            trace_done(&trace);
        for (unsigned i = 0; kind == 2 && run_columns(f, i, &columns, NULL) == 0; i++)
            number_columns_done(&columns);
        run_close(f);
    }
}

static pid_t reader(const char *dir, unsigned kind)
{
    pid_t pid = fork();

    if (pid == 0)
        read_on(dir, kind);
    ck_assert_int_gt(pid, 0);
    return pid;
}

static void dismiss(pid_t pid)
{
    int status = 0;

    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status)); /* it has read all the time */
}

/* ---- The loop ---- */

static void pause_ms(double ms)
{
    struct timespec t = {.tv_nsec = (long)(ms * 1e6)};

    if (ms > 0)
        nanosleep(&t, NULL);
}

static void commits(struct store *s, uint32_t *next, double seconds, struct figures *ret)
{
    double end = now_ms() + seconds * 1e3;

    ret->n = 0;
    ret->loop_ms = 0;
    for (double due = now_ms(); due < end && ret->n < COMMITS_MAX; due += PERIOD_MS) {
        struct pollfd p = {.fd = store_event_fd(s), .events = POLLIN};
        struct rig_states at;
        uint64_t durable;
        double began, handed;
        int rc, ready;

        pause_ms(due - now_ms());
        rig_play(s, *next, *next + PER_COMMIT, 0);
        *next += PER_COMMIT;
        rig_states(*next, &at);
        began = now_ms();
        rc = store_commit_begin(s, at.state, at.n, at.world, at.n_world, *next);
        handed = now_ms();
        ready = poll(&p, 1, 20000);
        ret->ms[ret->n++] = now_ms() - began;
        ret->loop_ms = fmax(ret->loop_ms, handed - began);
        ck_assert(rc == 0 && ready == 1);
        ck_assert_int_eq(store_commit_poll(s, &durable, NULL), 1);
        ck_assert_uint_eq(durable, *next);
    }
}

static void disk_itself(const char *dir, double seconds)
{
    static struct figures f;
    uint8_t page[4096] = {1};
    char path[300];
    double end = now_ms() + seconds * 1e3;
    int fd;

    snprintf(path, sizeof(path), "%s/probe", dir);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    for (double due = now_ms(); due < end && f.n < COMMITS_MAX; due += PERIOD_MS) {
        double began;

        pause_ms(due - now_ms());
        began = now_ms();
        for (int i = 0; i < 12; i++)
            ck_assert_int_eq(write(fd, page, sizeof(page)), sizeof(page));
        ck_assert_int_eq(fdatasync(fd), 0);
        f.ms[f.n++] = now_ms() - began;
    }
    close(fd);
    tell("the disk: 12 pages appended, fdatasync", &f);
}

static double seconds = 5;
static bool good;

START_TEST(bench_store)
{
    static struct figures alone, scans, traces, analyses, held;
    uint32_t next = BEFORE;
    char dir[256], path[400];
    pid_t pid[READERS];
    struct store *s;
    sqlite3 *db = NULL;

    rig_folder(dir);
    disk_itself(dir, seconds);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, BEFORE, 1000);
    ck_assert_int_eq(store_threaded(s, NULL), 0);
    commits(s, &next, seconds, &alone);
    tell("alone", &alone);
    for (unsigned i = 0; i < READERS; i++)
        pid[i] = reader(dir, 0);
    commits(s, &next, seconds, &scans);
    for (unsigned i = 0; i < READERS; i++)
        dismiss(pid[i]);
    tell("two that read all rows, again and again", &scans);
    for (unsigned i = 0; i < READERS; i++)
        pid[i] = reader(dir, 1);
    commits(s, &next, seconds, &traces);
    for (unsigned i = 0; i < READERS; i++)
        dismiss(pid[i]);
    tell("two that plot, again and again", &traces);
    for (unsigned i = 0; i < READERS; i++)
        pid[i] = reader(dir, 2);
    commits(s, &next, seconds, &analyses);
    for (unsigned i = 0; i < READERS; i++)
        dismiss(pid[i]);
    tell("two that read all columns to analyse them", &analyses);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM step", NULL, NULL, NULL),
                     SQLITE_OK);
    commits(s, &next, seconds, &held);
    tell("one that holds a read transaction open", &held);
    sqlite3_close(db);
    lab_close(s);
    rig_remove(dir);
    good = quantile(&scans, 99) - quantile(&alone, 99) <= 50 &&
           quantile(&traces, 99) - quantile(&alone, 99) <= 50 &&
           quantile(&analyses, 99) - quantile(&alone, 99) <= 50 &&
           quantile(&held, 99) - quantile(&alone, 99) <= 50;
    printf("%s\n", good ? "readers add at most 50 ms" : "READERS ADD MORE THAN 50 ms");
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("bench_store");
    TCase *c = tcase_create("store");
    SRunner *r;
    int failed;

    if (argc > 1 && str_to_double(argv[1], strlen(argv[1]), &seconds) < 0)
        return 2;
    tcase_add_test(c, bench_store);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0 || !good;
}
