/* test_onset.c - from the physical onset to no current at the cell over real lines: ptys and TCP
 * sockets, the emulators in a process of their own, against the bound that `check` printed.
 *
 * Each trial is a run that charges (or discharges) when something happens to the bench at a phase
 * of its own; the emulators' world tells when the last 1 % of the current ended (emu --watch). A
 * bench is used again for the next trial, so that each of them also shows that what was mended
 * works again.
 *
 * BENCHCTL_LONG=1: a hundred of each, BENCHCTL_JOBS (64) benches at a time, which mostly wait: half
 * an hour. Else two kinds, once each. BENCHCTL_ROWS: only those whose name contains it;
 * BENCHCTL_TRIALS: so many; BENCHCTL_KEEP: the folder with what they said stays. */
#define _GNU_SOURCE /* nftw */
#include "tests/fault/onset_rows.h"
#include "tests/support/emu_pair.h"

#include "base/rng.h"
#include "base/str.h"

#include <check.h>
#include <ftw.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROWS_MAX = 64,
    CHUNK = 10, /* trials on one bench */
    JOBS_MAX = 200,
    FLOWS_S = 40, /* it has to charge by then */
    GOES_ON_S = 6,
    AFTER_S = 10, /* looked at for so long after the bound */
    CODES = 8     /* exit codes that are counted, the last: others */
};
#define QUIET_S 1.0 /* as long without current: it does not come again by itself */

struct bench_kind {
    const char *name, *file, *article, *sed, *sed_to;
    double least_a; /* the pulse before the first step is smaller */
};
static const struct bench_kind kinds[ONSET_BENCHES] = {
    [ONSET_DEMO] = {"demo", "benches/demo.yaml", "articles/ASSB-017.yaml", "ambient: 23 degC",
                    "ambient: 23 degC, start: 60 degC", 2e-4},
    [ONSET_TCP] = {"tcp", "tests/emu/tcp.yaml", "articles/ASSB-017.yaml", NULL, NULL, 2e-4},
    [ONSET_SHARED] = {"shared-line", "tests/fault/shared-line.yaml", "tests/sim/big-cell.yaml",
                      NULL, NULL, 2.0},
};

/* Of what goes before the tests. */
static void must(bool good)
{
    if (!good) {
        perror("test_onset");
        _exit(1);
    }
}

static const char *top;
static char work[200], bench_path[ONSET_BENCHES][PAIR_PATH_MAX];

/* What became of a trial: written whole into a pipe. */
struct result {
    unsigned row;
    double s; /* infinite: the current did not end; NaN: it never began, or the bench broke */
    int code;
    bool again, outside; /* the current came again; the cell left its window */
    char what[60];
};
struct told {
    double worst_s, least_s, bound_s;
    unsigned wanted, n, within, again, outside, codes[CODES];
    char what[60];
};
static struct told told[ROWS_MAX];

/* ---- What `check` says ---- */

/* "1 min 25 s" at text; 0 where it is none. */
static double duration_at(const char *text)
{
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"h", 3600.0}, {"min", 60.0}, {"s", 1.0}, {"ms", 1e-3}};
    double sum = 0.0;

    for (;;) {
        size_t n = strcspn(text, " "), m;
        double v;

        if (text[n] != ' ' || str_to_double(text, n, &v) < 0)
            return sum;
        text += n + 1;
        m = strcspn(text, " ;\n");
        for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
            if (strlen(units[k].unit) == m && memcmp(units[k].unit, text, m) == 0)
                sum += v * units[k].s;
        }
        text += m;
        if (*text != ' ')
            return sum;
        text++;
    }
}

/* The last duration of the line that begins so. */
static double bound_in(const char *said, const char *begins)
{
    static const char most[] = "at most ";

    for (const char *line = said; line && *line; line = strchr(line, '\n')) {
        line += strspn(line, " \n");
        const char *end = strchr(line, '\n'), *at = NULL;
        if (strncmp(line, begins, strlen(begins)) != 0)
            continue;
        for (const char *p = line; (p = strstr(p, most)) != NULL && (!end || p < end);)
            at = p += strlen(most);
        return at ? duration_at(at) : 0.0;
    }
    return 0.0;
}

static void squeeze_blanks(char *text)
{
    char *to = text;

    for (const char *at = text; *at; at++) {
        if (*at != ' ' || to == text || to[-1] != ' ')
            *to++ = *at;
    }
    *to = '\0';
}

static void path_in(const char *folder, const char *name, char ret_path[PAIR_PATH_MAX])
{
    int n = snprintf(ret_path, PAIR_PATH_MAX, "%s/%s", folder, name);

    must(n < PAIR_PATH_MAX);
}

static size_t file_text(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(buf, 1, size - 1, f) : 0;

    if (f)
        fclose(f);
    buf[n] = '\0';
    return n;
}

static double bound_of(const struct onset_row *row)
{
    static char said[16384];
    const struct bench_kind *kind = &kinds[row->bench];
    char procedure[PAIR_PATH_MAX], article[PAIR_PATH_MAX], out[PAIR_PATH_MAX];
    const char *const argv[] = {getenv("BENCHCTL"), "check", bench_path[row->bench], procedure,
                                "--article",        article, "--guards",             NULL};

    path_in(top, row->procedure, procedure);
    path_in(top, kind->article, article);
    path_in(work, "check.out", out);
    if (pair_call(argv, out) != 0)
        return 0.0;
    (void)file_text(out, said, sizeof said);
    squeeze_blanks(said);
    return bound_in(said, row->bound);
}

/* ---- One trial ---- */

static void unusable(struct result *r, const char *what)
{
    r->s = NAN;
    (void)str_copy(r->what, sizeof r->what, what);
}

static bool mend(struct emu_pair *p, const struct onset_row *row)
{
    bool good = true;

    for (int k = 0; k < ONSET_WORDS_MAX && row->mend[k]; k++)
        good = pair_hand(p, row->mend[k]) && good;
    return good;
}

/* A run that is paused waits for a person; one that trips ends by itself. */
static void bring_to_end(struct emu_pair *p, struct result *r)
{
    if (p->run > 0 && !pair_run_ended(p, 0.2, &r->code)) {
        pair_signal(p, SIGTERM);
        if (!pair_run_ended(p, 30.0, &r->code)) {
            pair_signal(p, SIGKILL);
            (void)!pair_run_ended(p, 5.0, &r->code);
            unusable(r, "the run does not end");
        }
    }
}

/* It has ended, or is paused: what comes later is no work of the mishap. */
static bool has_noticed(struct emu_pair *p, double within_s, struct result *r)
{
    double until = now_s() + within_s;

    do {
        if (pair_run_ended(p, 0.0, &r->code) || pair_run_says(p, "state  paused"))
            return true;
        pair_watch(p, now_s() + 0.1);
    } while (now_s() < until);
    return false;
}

/* A line that is back in time is no reason to stop. */
static void goes_on(struct emu_pair *p, struct result *r)
{
    unsigned times = p->times_flowing;

    pair_watch(p, now_s() + GOES_ON_S);
    r->s = p->flowing && p->times_flowing == times && !has_noticed(p, 0.0, r) ? 0.0 : (double)NAN;
    if (isnan(r->s))
        unusable(r, "it does not go on");
    bring_to_end(p, r);
}

static void onset(struct emu_pair *p, const struct onset_row *row, double bound_s, struct result *r)
{
    unsigned times;
    bool still, noticed;

    if (row->before) {
        if (!pair_hand(p, row->before)) {
            unusable(r, "the hands do not move");
            return;
        }
        pair_watch(p, now_s() + row->before_s);
    }
    times = p->times_flowing;
    if (!p->flowing) {
        unusable(r, "no current at the onset");
        return;
    }
    p->still_at_s = NAN;
    if (!pair_hand(p, row->onset)) {
        unusable(r, "the hands do not move");
        return;
    }
    if (!row->bound) {
        goes_on(p, r);
        return;
    }
    still = pair_wait_still(p, bound_s + AFTER_S, QUIET_S);
    noticed = has_noticed(p, bound_s + AFTER_S, r);
    r->s = still ? p->still_at_s - p->hand_at_s : (double)INFINITY;
    r->outside = !row->leaves && (p->low_v < 2.0 || p->high_v > 4.4);
    if (!mend(p, row)) {
        unusable(r, "it cannot be mended");
        return;
    }
    times = p->flowing ? times : p->times_flowing;
    bring_to_end(p, r);
    r->again = p->times_flowing != times;
    if (!noticed)
        unusable(r, "the run takes no notice");
}

static void trial(struct emu_pair *p, const struct onset_row *row, double bound_s, struct rng *rng,
                  struct result *r)
{
    if (!pair_run(p) || !pair_wait_flowing(p, FLOWS_S)) {
        int code;
        (void)!pair_run_ended(p, 0.0, &code);
        unusable(r, "no current begins");
    } else {
        pair_watch(p, now_s() + 0.3 + row->phase_s * rng_uniform(rng));
        onset(p, row, bound_s, r);
    }
    bring_to_end(p, r);
    if (!pair_safe(p))
        unusable(r, "benchctl safe fails");
}

/* Some trials, one after the other, on one bench; a process of its own. */
static void job(unsigned row_at, unsigned first, unsigned n, double bound_s, int to)
{
    const struct onset_row *row = &onset_rows[row_at];
    char name[40], folder[PAIR_PATH_MAX], procedure[PAIR_PATH_MAX], article[PAIR_PATH_MAX];
    struct emu_pair p = {.folder = folder,
                         .bench = bench_path[row->bench],
                         .bench_name = kinds[row->bench].name,
                         .procedure = procedure,
                         .article = article,
                         .least_a = kinds[row->bench].least_a};
    struct rng rng;
    bool good;

    snprintf(name, sizeof name, "%u-%u", row_at, first);
    path_in(work, name, folder);
    path_in(top, row->procedure, procedure);
    path_in(top, kinds[row->bench].article, article);
    rng_seed(&rng, 4712, row_at * 1000 + first);
    good = mkdir(folder, 0700) == 0 && pair_begin(&p);
    for (unsigned k = 0; k < n; k++) {
        struct result r = {.row = row_at, .s = NAN, .code = -1};

        if (good)
            trial(&p, row, bound_s, &rng, &r);
        else
            unusable(&r, "no emulators");
        if (write(to, &r, sizeof r) != (ssize_t)sizeof r)
            break;
        good = good && !isnan(r.s);
    }
    pair_end(&p);
}

/* ---- All of them ---- */

static unsigned number_of(const char *variable, unsigned otherwise, unsigned most)
{
    const char *text = getenv(variable);
    int64_t n;

    if (!text || str_to_int(text, strlen(text), &n) < 0 || n < 1)
        return otherwise;
    return n > most ? most : (unsigned)n;
}

static void take(const struct result *r)
{
    struct told *t = &told[r->row];
    unsigned code = r->code >= 0 && r->code < CODES - 1 ? (unsigned)r->code : CODES - 1U;

    t->n++;
    t->codes[code]++;
    t->again += r->again;
    t->outside += r->outside;
    if (isnan(r->s)) {
        if (!t->what[0])
            memcpy(t->what, r->what, sizeof t->what);
        return;
    }
    t->within += r->s <= t->bound_s;
    t->worst_s = fmax(t->worst_s, r->s);
    t->least_s = fmin(t->least_s, r->s);
}

static void take_all(int from, unsigned *jobs)
{
    struct result r;
    struct pollfd fd = {.fd = from, .events = POLLIN};

    while (poll(&fd, 1, 20) > 0 && (fd.revents & POLLIN)) {
        if (read(from, &r, sizeof r) == (ssize_t)sizeof r)
            take(&r);
    }
    while (*jobs > 0 && waitpid(-1, NULL, WNOHANG) > 0)
        --*jobs;
}

/* Long rows first, so that the last ones do not wait for them. */
static void work_all(unsigned most)
{
    int pipes[2];
    unsigned jobs = 0;
    bool done[ROWS_MAX] = {false};

    must(pipe(pipes) == 0);
    for (size_t k = 0; k < n_onset_rows; k++) {
        size_t row = 0;
        for (size_t i = 1; i < n_onset_rows; i++) {
            if (done[row] || (!done[i] && told[i].bound_s > told[row].bound_s))
                row = i;
        }
        done[row] = true;
        for (unsigned first = 0; first < told[row].wanted; first += CHUNK) {
            unsigned left = told[row].wanted - first;
            while (jobs >= most)
                take_all(pipes[0], &jobs);
            pid_t pid = fork();
            if (pid == 0) {
                close(pipes[0]);
                job((unsigned)row, first, left < CHUNK ? left : CHUNK, told[row].bound_s, pipes[1]);
                _exit(0);
            }
            jobs += pid > 0;
        }
    }
    while (jobs > 0)
        take_all(pipes[0], &jobs);
    take_all(pipes[0], &jobs);
    close(pipes[0]);
    close(pipes[1]);
}

static void print_row(const struct onset_row *row, const struct told *t)
{
    printf("%-45s ", row->name);
    if (row->bound)
        printf("%7.3f .. %7.3f s   bound %6.2f s", t->least_s, t->worst_s, t->bound_s);
    else
        printf("%-38s", "goes on");
    printf("  %3u of %3u  ", t->within, t->n);
    for (unsigned k = 0; k < CODES; k++) {
        if (t->codes[k])
            printf(" exit %s: %u", k == CODES - 1 ? "?" : (const char[]){(char)('0' + k), 0},
                   t->codes[k]);
    }
    printf("%s%s%s%s\n", t->again ? "  CURRENT AGAIN" : "", t->outside ? "  OUTSIDE" : "",
           t->what[0] ? "  " : "", t->what);
}

/* ---- Benches and folders ---- */

static void write_bench(enum onset_bench k)
{
    static char text[65536];
    char from[PAIR_PATH_MAX], name[64];
    const char *at;
    FILE *f;

    snprintf(name, sizeof name, "%s.yaml", kinds[k].name);
    path_in(top, kinds[k].file, from);
    path_in(work, name, bench_path[k]);
    must(file_text(from, text, sizeof text) > 0);
    at = kinds[k].sed ? strstr(text, kinds[k].sed) : text;
    must(at != NULL);
    f = fopen(bench_path[k], "we");
    must(f != NULL);
    fprintf(f, "%.*s%s%s", (int)(at - text), text, kinds[k].sed ? kinds[k].sed_to : "",
            kinds[k].sed ? at + strlen(kinds[k].sed) : at);
    must(fclose(f) == 0);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
    (void)st;
    (void)what;
    (void)ftw;
    return remove(path);
}

static void prepare(void)
{
    const char *only = getenv("BENCHCTL_ROWS"), *tmp = getenv("TMPDIR");
    bool all = number_of("BENCHCTL_LONG", 0, 1) || only;
    unsigned n = number_of("BENCHCTL_TRIALS", only || !all ? 1 : 100, 1000);
    int len = snprintf(work, sizeof work, "%s/onset-XXXXXX", tmp ? tmp : "/tmp");

    must(len < (int)sizeof work);
    must(mkdtemp(work) != NULL);
    must(n_onset_rows <= ROWS_MAX);
    for (int k = 0; k < ONSET_BENCHES; k++)
        write_bench((enum onset_bench)k);
    for (size_t k = 0; k < n_onset_rows; k++) {
        const struct onset_row *row = &onset_rows[k];
        struct told *t = &told[k];

        *t = (struct told){.worst_s = -INFINITY, .least_s = INFINITY};
        if (only ? strstr(row->name, only) != NULL : all || row->quick) {
            t->wanted = n;
            t->bound_s = row->bound ? bound_of(row) : (double)INFINITY;
        }
    }
}

/* ---- What is asked of them ---- */

START_TEST(test_row)
{
    const struct onset_row *row = &onset_rows[_i];
    const struct told *t = &told[_i];

    if (t->wanted == 0)
        return;
    ck_assert_msg(t->bound_s > 0.0, "check prints no bound that begins with %s", row->bound);
    ck_assert_msg(t->what[0] == '\0', "%s: %s", row->name, t->what);
    ck_assert_msg(t->n == t->wanted, "%s: %u trials of %u", row->name, t->n, t->wanted);
    ck_assert_msg(t->within == t->n, "%s: %.3f s, the bound is %.3f s", row->name, t->worst_s,
                  t->bound_s);
    ck_assert_msg(t->again == 0, "%s: the current came again", row->name);
    ck_assert_msg(t->outside == 0, "%s: the cell left its window", row->name);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("onset");
    TCase *t = tcase_create("onset");

    tcase_add_loop_test(t, test_row, 0, (int)n_onset_rows);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r;
    int failed;

    top = getenv("top_srcdir");
    if (!top || !getenv("BENCHCTL")) {
        printf("skipped: top_srcdir and BENCHCTL say where sources and program are\n");
        return 77;
    }
    signal(SIGPIPE, SIG_IGN);
    prepare();
    work_all(number_of("BENCHCTL_JOBS", 64, JOBS_MAX));
    for (size_t k = 0; k < n_onset_rows; k++) {
        if (told[k].wanted)
            print_row(&onset_rows[k], &told[k]);
    }
    r = srunner_create(suite());
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    if (getenv("BENCHCTL_KEEP"))
        printf("kept: %s\n", work);
    else
        nftw(work, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed ? 1 : 0;
}
