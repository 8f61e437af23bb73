/* tests/bench/bench_store.c - how long a commit of the store thread takes until it is on the disk,
 * and how long the loop waits for it, alone and while others read the run: processes that do
 * nothing else, and the commands analyze, plot and tail again and again; with the disk's own
 * fdatasync beside it. Fails where readers add more than 50 ms to the 99th percentile.
 *
 * bench_store [seconds per case, 5]
 */
#include "base/err.h"
#include "base/str.h"
#include "tests/support/bench.h"
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
    COMMANDS = 4, /* kinds of readers that are commands begin here */
    READERS_MAX = 4,
    COMMITS_MAX = 6000
};

#define MORE_MS 50.0 /* that readers may add */

struct figures {
    unsigned n;
    double ms[COMMITS_MAX], loop_ms; /* longest call of the loop's */
};

static double now_ms(void)
{
    return bench_now_s() * 1e3;
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

/* most_ms: what the 99th percentile may be; NaN. */
static void tell(const char *what, struct figures *f, double most_ms)
{
    struct bench_line l = {
        .job = what, .unit = "ms p99", .processor = (double)NAN, .limit = most_ms};

    qsort(f->ms, f->n, sizeof(f->ms[0]), by_size);
    l.figure = quantile(f, 99);
    snprintf(l.peers, sizeof(l.peers), "- (%u: p50 %.2f, max %.2f ms; loop held up %.2f ms)", f->n,
             quantile(f, 50), f->ms[f->n - 1], f->loop_ms);
    bench_tell(&l);
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

/* The commands, as a person starts them; one that fails ends the loop. */
static void command_on(const char *dir, unsigned kind)
{
    static const char *const words[] = {"analyze 1", "plot 1 --what time --json",
                                        "tail 1 --once --rows 1000", "tail 1"};
    char line[800];

    snprintf(line, sizeof(line), "while '%s' %s --lab '%s' >/dev/null; do :; done",
             getenv("BENCHCTL"), words[kind - COMMANDS], dir);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(3);
}

static pid_t reader(const char *dir, unsigned kind)
{
    pid_t pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        if (kind >= COMMANDS)
            command_on(dir, kind);
        read_on(dir, kind);
    }
    ck_assert_int_gt(pid, 0);
    return pid;
}

static void dismiss(pid_t pid)
{
    int status = 0;

    kill(-pid, SIGKILL);
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
    tell("the disk: 12 pages appended, fdatasync", &f, (double)NAN);
}

static double seconds = 5;

/* While n readers work, of one kind or, for commands, one of each. */
static void beside(const char *what, const char *dir, struct store *s, uint32_t *next,
                   unsigned kind, unsigned n, double most_ms)
{
    static struct figures f;
    pid_t pid[READERS_MAX];

    for (unsigned i = 0; i < n; i++)
        pid[i] = reader(dir, kind + (kind >= COMMANDS ? i : 0));
    commits(s, next, seconds, &f);
    for (unsigned i = 0; i < n; i++)
        dismiss(pid[i]);
    tell(what, &f, most_ms);
}

static void beside_a_held_one(const char *path, struct store *s, uint32_t *next, double most_ms)
{
    static struct figures f;
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM step", NULL, NULL, NULL),
                     SQLITE_OK);
    commits(s, next, seconds, &f);
    tell("a commit; one holds a read transaction", &f, most_ms);
    sqlite3_close(db);
}

START_TEST(bench_store)
{
    static struct figures alone;
    uint32_t next = BEFORE;
    char dir[256], path[400];
    struct store *s;
    double most_ms;

    rig_folder(dir);
    bench_begin("commits: 10 a second to a run of 200000 rows");
    disk_itself(dir, seconds);
    s = rig_lab(dir);
    rig_path(path, dir, rig_begin(s));
    rig_play(s, 0, BEFORE, 1000);
    ck_assert_int_eq(store_threaded(s, NULL), 0);
    commits(s, &next, seconds, &alone);
    tell("a commit; nobody reads", &alone, (double)NAN);
    most_ms = quantile(&alone, 99) + MORE_MS;
    beside("a commit; two read all rows", dir, s, &next, 0, READERS, most_ms);
    beside("a commit; two plot", dir, s, &next, 1, READERS, most_ms);
    beside("a commit; two read all columns", dir, s, &next, 2, READERS, most_ms);
    if (getenv("BENCHCTL"))
        beside("a commit; analyze, plot, tail x 2 in loops", dir, s, &next, COMMANDS, READERS_MAX,
               most_ms);
    beside_a_held_one(path, s, &next, most_ms);
    lab_close(s);
    rig_remove(dir);
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
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0 || bench_missed() > 0;
}
