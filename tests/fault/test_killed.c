/* tests/fault/test_killed.c - the process is killed at seeded places, and another one goes on from its files: the run file at the end is the undisturbed one's, cell by cell.
 *
 * A chain is one run whose process is killed again and again: after some event, after some commit, or in the middle of a write to a file (half of it is written then). Children are
 * killed for good, by SIGKILL. What was not committed is lost with them and happens again. This says nothing about power cuts: what was written is in the page cache.
 * A disk that is full for a while is here as well, since it is the same hook.
 */
#include "tests/support/eventful.h"

#include "base/rng.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMIT_ROWS = 25, CHAIN_MAX = 14, QUICK_PLACES = 200, LONG_PLACES = 1000 };

static struct sim_case sim;

/* ---- Where it dies ---------------------------------------------------------------------------------------------------------------- */

struct place {
    uint64_t event;         /* after the event that is this one or a later one; 0: no */
    unsigned commit, write; /* after so many commits, in the write of this number; 0: no */
    unsigned full, n_full;  /* it lives, but so many writes from this one on find no room */
};
static struct place place;  /* of this process */
static struct {
    unsigned commits, writes, end_writes;
} so_far;

static void die(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

static int after_event(void *ctx, struct session *s)
{
    (void)ctx;
    if (place.event && s->s.events >= place.event) {
        die();
    }
    return 0;
}

static int after_commit(void *ctx, struct session *s)
{
    (void)ctx;
    (void)s;
    if (++so_far.commits == place.commit) {
        die();
    }
    so_far.end_writes = so_far.writes;
    return 0;
}

/* SQLite's way to a file; every write of the store goes through here. */
static ssize_t dying_write(int fd, const void *p, size_t n, off_t at)
{
    if (++so_far.writes == place.write) {
        ssize_t r = pwrite(fd, p, n / 2, at);
        (void)r;
        die();
    }
    if (place.full && so_far.writes >= place.full && so_far.writes < place.full + place.n_full) {
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, p, n, at);
}

static void watch_writes(void)
{
    sqlite3_vfs *v = sqlite3_vfs_find(NULL);
    ck_assert(v && v->iVersion >= 3 && v->xSetSystemCall);
    ck_assert_int_eq(sizeof(off_t), 8);
    ck_assert_int_eq(v->xSetSystemCall(v, "pwrite64", (sqlite3_syscall_ptr)dying_write), SQLITE_OK);
    v->xSetSystemCall(v, "pwrite", (sqlite3_syscall_ptr)dying_write);
}

/* ---- One process ------------------------------------------------------------------------------------------------------------------- */

enum { CHILD_ENDED = 0, CHILD_WAS_ENDED = 1, CHILD_WRONG = 2, CHILD_KILLED = 3 };
struct told { /* by the children, in shared memory */
    uint64_t hash, events, guard_evaluations;
    char rows_sha256[65];
    int exit_code;
    unsigned begun, resumed; /* sessions that began anew, that went on */
    unsigned writes, end_writes; /* in all; when the last commit was made */
};
static struct told *told;

static int64_t newest(const char *lab)
{
    char path[300];
    int64_t n = 0;
    for (;;) {
        run_path(path, sizeof path, lab, n + 1);
        if (access(path, F_OK) != 0) {
            return n;
        }
        n++;
    }
}

static int wrong(const struct diag *d)
{
    char text[2000];
    diag_format(d, text, sizeof text, false);
    fprintf(stderr, "%s\n", text);
    return CHILD_WRONG;
}

static int open_newest(const char *lab, const struct session_options *opt)
{
    static char text[2000];
    struct session_input in;
    struct diag d;
    diag_init(&d);
    sim_input(&sim, &in);
    in.resume = newest(lab);
    int r = in.resume ? session_open(&sim.session, &in, opt, &d) : E_STATE;
    if (r == 0) {
        told->resumed++;
        return 0;
    }
    diag_format(&d, text, sizeof text, false);
    if (in.resume && strstr(text, "it has ended")) {
        return CHILD_WAS_ENDED;
    }
    if (r != E_STATE || (in.resume && !strstr(text, "nothing was committed yet"))) {
        return wrong(&d);
    }
    in.resume = 0;
    diag_init(&d);
    told->begun++;
    return session_open(&sim.session, &in, opt, &d) == 0 ? 0 : wrong(&d);
}

static int work(const char *lab)
{
    struct session_options opt;
    struct diag d;
    diag_init(&d);
    eventful_options(&opt);
    opt.commit_rows = COMMIT_ROWS;
    opt.after_event = after_event;
    opt.after_commit = after_commit;
    if (lab_open(lab, &opt.store, &d) < 0) {
        return wrong(&d);
    }
    int r = open_newest(lab, &opt);
    if (r == 0) {
        r = session_work(&sim.session, &d) == 1 ? CHILD_ENDED : wrong(&d);
        const struct session *s = &sim.session;
        told->events = s->s.events;
        told->guard_evaluations = s->run->guard_evaluations;
        told->hash = run_hash(s->run, s->program);
        told->exit_code = session_exit_code(s);
        memcpy(told->rows_sha256, s->rows_sha256, sizeof told->rows_sha256);
        session_close(&sim.session);
    }
    lab_close(opt.store);
    told->writes = so_far.writes;
    told->end_writes = so_far.end_writes;
    return r;
}

/* How it ended: CHILD_..., or that it was killed. */
static int process_status(const char *lab, const struct place *where)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        place = *where;
        memset(&so_far, 0, sizeof so_far);
        _exit(work(lab));
    }
    while (waitpid(child, &status, 0) < 0) {
        ck_assert_int_eq(errno, EINTR);
    }
    if (WIFSIGNALED(status)) {
        ck_assert_int_eq(WTERMSIG(status), SIGKILL);
        return CHILD_KILLED;
    }
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* True: it was killed; else it has ended, or had before. */
static bool process(const char *lab, const struct place *where)
{
    int status = process_status(lab, where);
    ck_assert_msg(status == CHILD_ENDED || status == CHILD_WAS_ENDED || status == CHILD_KILLED, "the child said no (%d)", status);
    return status == CHILD_KILLED;
}

/* ---- The undisturbed one ------------------------------------------------------------------------------------------------------------- */

static struct told plain;
static char *plain_dump;

static void setup(void)
{
    char lab[200], path[300];
    FILE *file = tmpfile();
    ck_assert(file && ftruncate(fileno(file), sizeof *told) == 0);
    void *shared = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    ck_assert(shared != MAP_FAILED);
    fclose(file);
    told = shared;
    watch_writes();
    eventful_load(&sim);
    sim_folder(lab, sizeof lab);
    ck_assert(!process(lab, &(struct place){0}));
    plain = *told;
    ck_assert_int_eq(plain.exit_code, EXIT_TRIP);
    ck_assert_uint_eq(plain.begun, 1);
    run_path(path, sizeof path, lab, 1);
    plain_dump = run_dump(path);
    ck_assert_ptr_null(strstr(plain_dump, "run_state|"));
    sim_remove(lab);
}

static void teardown(void)
{
    free(plain_dump);
    cli_unload(&sim.loaded);
    munmap(told, sizeof *told);
}

/* The catalogue has it as ended, closed, and with the hash of the file that is there. */
static void check_catalogue(const char *what, const char *lab, const char *file)
{
    char path[300], hex[65];
    static uint8_t chunk[65536];
    uint8_t digest[32];
    struct sha256 h;
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    FILE *f = fopen(file, "rb");
    ck_assert_ptr_nonnull(f);
    sha256_init(&h);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) {
        sha256_add(&h, chunk, n);
    }
    fclose(f);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    snprintf(path, sizeof path, "%s/lab.db", lab);
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT verdict, ended + closed, rows_sha256, file_sha256 FROM run ORDER BY number DESC LIMIT 1", -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(st, 0), "tripped");
    ck_assert_msg(sqlite3_column_int(st, 1) == 2, "%s: the catalogue does not know that it has ended", what);
    ck_assert_str_eq((const char *)sqlite3_column_text(st, 2), plain.rows_sha256);
    ck_assert_msg(strcmp((const char *)sqlite3_column_text(st, 3), hex) == 0, "%s: the catalogue has the hash of another file", what);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void check_end(const char *what, const char *lab)
{
    char path[300];
    run_path(path, sizeof path, lab, newest(lab));
    char *dump = run_dump(path);
    dump_same(what, dump, plain_dump);
    free(dump);
    check_catalogue(what, lab, path);
    if (told->events) { /* the last process worked to the end, and was not killed after it */
        ck_assert_uint_eq(told->events, plain.events);
        ck_assert_uint_eq(told->guard_evaluations, plain.guard_evaluations);
        ck_assert_uint_eq(told->hash, plain.hash);
        ck_assert_int_eq(told->exit_code, plain.exit_code);
        ck_assert_str_eq(told->rows_sha256, plain.rows_sha256);
    }
}

/* ---- Chains ------------------------------------------------------------------------------------------------------------------------------ */

static struct place draw_place(struct rng *g, unsigned k, unsigned n)
{
    uint64_t span = plain.events / n;
    switch (rng_below(g, 5)) {
    case 0: return (struct place){.commit = 1 + rng_below(g, 3)};
    case 1: return (struct place){.write = 1 + rng_below(g, k == 0 ? plain.writes : plain.writes / n)};
    default: return (struct place){.event = 1 + span * k + rng_below(g, (uint32_t)span)};
    }
}

/* Kills made. */
static unsigned chain(uint64_t seed, unsigned *counts)
{
    char lab[200], what[160];
    struct rng g;
    rng_seed(&g, seed, 0);
    sim_folder(lab, sizeof lab);
    unsigned n = 1 + rng_below(&g, CHAIN_MAX), killed = 0;
    memset(told, 0, sizeof *told);
    bool going = true;
    for (unsigned k = 0; k < n && going; k++) {
        struct place p = draw_place(&g, k, n);
        going = process(lab, &p);
        if (going) {
            killed++;
            counts[p.event ? 0 : p.commit ? 1 : 2]++;
        }
    }
    if (going) {
        ck_assert(!process(lab, &(struct place){0}));
    }
    snprintf(what, sizeof what, "chain of seed %" PRIu64 ", %u kills", seed, killed);
    check_end(what, lab);
    sim_remove(lab);
    return killed;
}

START_TEST(test_places)
{
    unsigned want = getenv("BENCHCTL_LONG") ? LONG_PLACES : QUICK_PLACES, killed = 0, chains = 0, counts[3] = {0};
    while (killed < want) {
        killed += chain(++chains, counts);
        ck_assert_uint_lt(chains, want);
    }
    printf("killed at %u places in %u runs: after an event %u, after a commit %u, in a write %u\n", killed, chains, counts[0], counts[1], counts[2]);
}
END_TEST

/* ---- The edges ----------------------------------------------------------------------------------------------------------------------------- */

/* How the newest run of the lab is not gone on with. */
static void refused(const char *lab, const struct session_options *as, int code, const char *message)
{
    struct session_options opt = *as;
    struct session_input in;
    struct diag d;
    char text[2000];
    diag_init(&d);
    sim_input(&sim, &in);
    in.resume = newest(lab);
    ck_assert_int_eq(lab_open(lab, &opt.store, &d), 0);
    ck_assert_int_eq(session_open(&sim.session, &in, &opt, &d), code);
    diag_format(&d, text, sizeof text, false);
    ck_assert_msg(strstr(text, message) != NULL, "%s", text);
    lab_close(opt.store);
}

/* The run is there and cannot be gone on with; a new one is like any other. */
START_TEST(test_before_first_commit)
{
    char lab[200];
    struct session_options opt;
    eventful_options(&opt);
    sim_folder(lab, sizeof lab);
    memset(told, 0, sizeof *told);
    ck_assert(process(lab, &(struct place){.event = 5}));
    ck_assert_int_eq(newest(lab), 1);
    refused(lab, &opt, E_STATE, "nothing was committed yet: start anew");
    ck_assert(!process(lab, &(struct place){0}));
    ck_assert_int_eq(newest(lab), 2);
    ck_assert_uint_eq(told->begun, 2);
    check_end("started anew", lab);
    sim_remove(lab);
}
END_TEST

/* Another bench or script would go on from a state that is not its own. */
START_TEST(test_other_surroundings)
{
    char lab[200];
    struct session_options opt;
    struct conf_doc *bench = &sim.loaded.bench.doc;
    eventful_options(&opt);
    sim_folder(lab, sizeof lab);
    memset(told, 0, sizeof *told);
    ck_assert(process(lab, &(struct place){.event = plain.events / 2}));
    opt.n_script--;
    refused(lab, &opt, E_MISMATCH, "other faults and operator's words");
    opt.n_script++;
    bench->n--; /* as if its last line were another */
    refused(lab, &opt, E_MISMATCH, "another bench");
    bench->n++;
    ck_assert(!process(lab, &(struct place){0}));
    ck_assert_uint_eq(told->begun, 1);
    ck_assert_uint_eq(told->resumed, 1);
    check_end("refused, and gone on with", lab);
    sim_remove(lab);
}
END_TEST

/* Every write of the beginning and of the end: making the files, the last transaction, and what follows it. */
START_TEST(test_writes_at_the_edges)
{
    unsigned step = getenv("BENCHCTL_LONG") ? 1 : 7;
    for (unsigned k = 1; k <= plain.writes; k += step) {
        char lab[200], what[80];
        if (k == 60 / step * step + 1 && plain.writes > 120) { /* the middle belongs to the chains */
            k = plain.writes - 60;
        }
        sim_folder(lab, sizeof lab);
        memset(told, 0, sizeof *told);
        ck_assert_msg(process(lab, &(struct place){.write = k}), "there is no write %u of %u", k, plain.writes);
        ck_assert(!process(lab, &(struct place){0}));
        snprintf(what, sizeof what, "killed in write %u of %u", k, plain.writes);
        check_end(what, lab);
        sim_remove(lab);
    }
}
END_TEST

/* The rows of a table in a dump, and their length. */
static size_t rows_of(const char *dump, const char *table, const char **ret)
{
    char head[40];
    snprintf(head, sizeof head, "\n%s|r", table);
    const char *at = strstr(dump, head);
    ck_assert_ptr_nonnull(at);
    *ret = ++at;
    while (strncmp(at, head + 1, strlen(head + 1)) == 0) {
        at += strcspn(at, "\n") + 1;
    }
    return (size_t)(at - *ret);
}

/* A disk that is full for a while: the run pauses, nothing that was measured is lost, and it goes on by itself. */
START_TEST(test_full_for_a_while)
{
    enum { TRIES = 4 };
    static const char *const tables[] = {"cycler", "press", "chamber"};
    char lab[200], path[300];
    sim_folder(lab, sizeof lab);
    memset(told, 0, sizeof *told);
    ck_assert(!process(lab, &(struct place){.full = plain.writes / 2, .n_full = TRIES}));
    ck_assert_int_eq(told->exit_code, EXIT_TRIP); /* by the last squeeze, as ever */
    run_path(path, sizeof path, lab, 1);
    char *dump = run_dump(path);
    ck_assert_ptr_nonnull(strstr(dump, "|tstore behind|"));
    ck_assert_ptr_nonnull(strstr(dump, "|tstore ok|"));
    for (size_t k = 0; k < ARRAY_LEN(tables); k++) { /* the same to the pause, and more rows after it */
        const char *is, *expected;
        size_t n = rows_of(dump, tables[k], &is), m = rows_of(plain_dump, tables[k], &expected), same = 0;
        while (same < n && same < m && is[same] == expected[same]) {
            same++;
        }
        ck_assert_uint_gt(same, m / 3);
        ck_assert_uint_gt(n, m);
    }
    free(dump);
    sim_remove(lab);
}
END_TEST

/* Full at the very end: it is said, and the run is gone on with from its last commit. */
START_TEST(test_full_at_the_end)
{
    char lab[200];
    sim_folder(lab, sizeof lab);
    memset(told, 0, sizeof *told);
    ck_assert_int_eq(process_status(lab, &(struct place){.full = plain.end_writes + 1, .n_full = 1000000}), CHILD_WRONG);
    ck_assert(!process(lab, &(struct place){0}));
    ck_assert_uint_eq(told->resumed, 1);
    check_end("gone on with when there was room again", lab);
    sim_remove(lab);
}
END_TEST

START_TEST(test_after_the_end)
{
    char lab[200];
    struct session_options opt;
    eventful_options(&opt);
    sim_folder(lab, sizeof lab);
    memset(told, 0, sizeof *told);
    ck_assert(!process(lab, &(struct place){0}));
    memset(told, 0, sizeof *told);
    ck_assert(!process(lab, &(struct place){0}));
    ck_assert_uint_eq(told->resumed + told->begun, 0);
    check_end("gone on with after its end", lab);
    refused(lab, &opt, E_STATE, "it has ended: tripped");
    sim_remove(lab);
}
END_TEST

int main(void)
{
    /* Nothing here is about the disk: a folder in memory where there is one. */
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 1);
    }
    Suite *s = suite_create("killed");
    TCase *t = tcase_create("killed");
    tcase_set_timeout(t, 900);
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, test_before_first_commit);
    tcase_add_test(t, test_other_surroundings);
    tcase_add_test(t, test_after_the_end);
    tcase_add_test(t, test_full_for_a_while);
    tcase_add_test(t, test_full_at_the_end);
    tcase_add_test(t, test_writes_at_the_edges);
    tcase_add_test(t, test_places);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
