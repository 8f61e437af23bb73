/* tests/support/emu_pair.c - see emu_pair.h. */
#define _GNU_SOURCE /* pipe2, prctl */
#include "tests/support/emu_pair.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WORDS_MAX = 16
};

double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void pair_path(const struct emu_pair *p, const char *name, char ret_path[PAIR_PATH_MAX])
{
    int n = snprintf(ret_path, PAIR_PATH_MAX, "%s/%s", p->folder, name);

    if (n < 0 || n >= PAIR_PATH_MAX)
        abort();
}

/* ---- Processes ---- */

static void redirect(int fd, int to)
{
    if (fd == to)
        (void)fcntl(fd, F_SETFD, 0); /* else it would be closed */
    else if (fd >= 0 && dup2(fd, to) < 0)
        _exit(126);
}

/* in, extra: descriptors for 0 and 3; -1: none. It ends with us. */
static pid_t start(const char *const *argv, int in, const char *out_path, int extra)
{
    char *words[WORDS_MAX + 1];
    pid_t parent = getpid();
    int n = 0;
    pid_t pid;

    for (; argv[n] && n < WORDS_MAX; n++)
        words[n] = (char *)(uintptr_t)argv[n];
    words[n] = NULL;
    pid = fork();
    if (pid == 0) {
        int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || out < 0)
            _exit(126);
        redirect(in >= 0 ? in : nothing, 0);
        redirect(out, 1);
        redirect(out, 2);
        redirect(extra, 3);
        execv(words[0], words);
        _exit(127);
    }
    return pid > 0 ? pid : 0;
}

static bool ended(pid_t pid, double within_s, int *ret_code)
{
    double until = now_s() + within_s;
    int status;

    for (;;) {
        pid_t r = waitpid(pid, &status, WNOHANG);

        if (r == pid) {
            *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
            return true;
        }
        if (r < 0 || now_s() >= until)
            return false;
        poll(NULL, 0, 5);
    }
}

int pair_call(const char *const *argv, const char *out_path)
{
    int code = -1;
    pid_t pid = start(argv, -1, out_path, -1);

    if (pid == 0 || !ended(pid, 60.0, &code))
        return -1;
    return code;
}

static bool file_has(const char *path, const char *text)
{
    char buf[16384];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);

    if (fd >= 0)
        close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return strstr(buf, text) != NULL;
}

static bool wait_ready(struct emu_pair *p, const char *path)
{
    double until = now_s() + 10.0;
    int code;

    while (!file_has(path, "ready\n")) {
        if (now_s() >= until || ended(p->emu, 0.0, &code))
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}

bool pair_begin(struct emu_pair *p)
{
    char links[PAIR_PATH_MAX], out[PAIR_PATH_MAX];
    const char *const argv[] = {getenv("BENCHCTL"), "emu",     p->bench,     "--links", links,
                                "--watch",          "/dev/fd/3", "--hands", NULL};
    int hands[2], watch[2];

    p->run = 0;
    p->hands_fd = p->watch_fd = -1;
    if (pipe2(hands, O_CLOEXEC) != 0 || pipe2(watch, O_CLOEXEC) != 0)
        return false;
    pair_path(p, "links", links);
    pair_path(p, "emu.out", out);
    p->emu = start(argv, hands[0], out, watch[1]);
    close(hands[0]);
    close(watch[1]);
    p->hands_fd = hands[1];
    p->watch_fd = watch[0];
    return p->emu > 0 && wait_ready(p, out);
}

void pair_end(struct emu_pair *p)
{
    int code;

    if (p->emu > 0) {
        kill(p->emu, SIGTERM);
        if (!ended(p->emu, 5.0, &code))
            kill(p->emu, SIGKILL);
    }
    if (p->hands_fd >= 0)
        close(p->hands_fd);
    if (p->watch_fd >= 0)
        close(p->watch_fd);
    p->emu = 0;
    p->hands_fd = p->watch_fd = -1;
}

bool pair_run(struct emu_pair *p)
{
    char links[PAIR_PATH_MAX], lab[PAIR_PATH_MAX], out[PAIR_PATH_MAX];
    const char *const argv[] = {getenv("BENCHCTL"), "run",       p->bench, p->procedure,
                                "--article",        p->article,  "--lab",  lab,
                                "--links",          links,       "--verbose", NULL};

    pair_path(p, "links", links);
    pair_path(p, "lab", lab);
    pair_path(p, "run.out", out);
    p->run = start(argv, -1, out, -1);
    return p->run > 0;
}

bool pair_run_ended(struct emu_pair *p, double within_s, int *ret_code)
{
    double until = now_s() + within_s;

    while (p->run > 0 && !ended(p->run, 0.0, ret_code)) {
        if (now_s() >= until)
            return false;
        pair_watch(p, now_s() + 0.02);
    }
    p->run = 0;
    return true;
}

bool pair_run_says(const struct emu_pair *p, const char *text)
{
    char out[PAIR_PATH_MAX];

    pair_path(p, "run.out", out);
    return file_has(out, text);
}

void pair_signal(const struct emu_pair *p, int number)
{
    if (p->run > 0)
        kill(p->run, number);
}

bool pair_safe(struct emu_pair *p)
{
    char links[PAIR_PATH_MAX], lab[PAIR_PATH_MAX], out[PAIR_PATH_MAX], name[PAIR_PATH_MAX],
        safed[PAIR_PATH_MAX];
    const char *const argv[] = {getenv("BENCHCTL"), "safe", p->bench, "--lab", lab,
                                "--links",          links,  NULL};
    int n = snprintf(name, sizeof name, "lab/%s.safed", p->bench_name);

    if (n < 0 || n >= (int)sizeof name)
        return false;
    pair_path(p, name, safed);
    pair_path(p, "links", links);
    pair_path(p, "lab", lab);
    pair_path(p, "safe.out", out);
    return access(safed, F_OK) != 0 || pair_call(argv, out) == 0;
}

/* ---- The watch ---- */

/* Field n of a line, from 0; "" where there are fewer. */
static const char *field(const char *line, int n, size_t *ret_n)
{
    while (n-- > 0) {
        line += strcspn(line, " ");
        line += *line == ' ';
    }
    *ret_n = strcspn(line, " ");
    return line;
}

static double number(const char *line, int n)
{
    size_t len;
    const char *at = field(line, n, &len);
    double v = NAN;

    return str_to_double(at, len, &v) == 0 ? v : (double)NAN;
}

static bool field_is(const char *line, int n, const char *text)
{
    size_t len;
    const char *at = field(line, n, &len);

    return len == strlen(text) && memcmp(at, text, len) == 0;
}

/* T hand WORDS, or T INSTRUMENT on|off|end flows|still CURRENT VOLTAGE LOWEST HIGHEST MOST */
static void take_line(struct emu_pair *p, const char *line)
{
    double at_s = number(line, 0);

    if (field_is(line, 1, "hand")) {
        p->hand_at_s = at_s;
        p->hands_done++;
        return;
    }
    bool flowing = field_is(line, 3, "flows") && number(line, 8) >= p->least_a;
    if (p->flowing && !flowing)
        p->still_at_s = at_s;
    if (flowing && !p->flowing)
        p->times_flowing++;
    p->flowing = flowing;
    p->low_v = number(line, 6);
    p->high_v = number(line, 7);
}

static void take_bytes(struct emu_pair *p, const char *buf, ssize_t n)
{
    for (ssize_t k = 0; k < n; k++) {
        if (buf[k] == '\n') {
            p->line[p->n_line] = '\0';
            take_line(p, p->line);
            p->n_line = 0;
        } else if (p->n_line < sizeof p->line - 1) {
            p->line[p->n_line++] = buf[k];
        }
    }
}

/* Once something has come, or after wait_s. */
static void watch_once(struct emu_pair *p, double wait_s)
{
    struct pollfd fd = {.fd = p->watch_fd, .events = POLLIN};
    int most_ms = wait_s <= 0.0 ? 0 : (int)fmin(ceil(wait_s * 1e3), 1000.0);
    char buf[4096];

    if (poll(&fd, 1, most_ms) > 0 && (fd.revents & POLLIN))
        take_bytes(p, buf, read(p->watch_fd, buf, sizeof buf));
    else if (fd.revents) /* the emulators are gone */
        poll(NULL, 0, most_ms);
}

void pair_watch(struct emu_pair *p, double until_s)
{
    double left_s;

    while ((left_s = until_s - now_s()) > 0.0)
        watch_once(p, left_s);
}

bool pair_hand(struct emu_pair *p, const char *words)
{
    char text[PAIR_LINE_MAX];
    int n = snprintf(text, sizeof text, "%s\n", words);
    double until = now_s() + 5.0;

    if (n < 0 || n >= (int)sizeof text || write(p->hands_fd, text, (size_t)n) != n)
        return false;
    p->hands_said++;
    while (p->hands_done < p->hands_said && now_s() < until)
        watch_once(p, until - now_s());
    return p->hands_done == p->hands_said;
}

bool pair_wait_flowing(struct emu_pair *p, double within_s)
{
    double until = now_s() + within_s;

    while (!p->flowing && now_s() < until)
        watch_once(p, until - now_s());
    return p->flowing;
}

bool pair_wait_still(struct emu_pair *p, double within_s, double quiet_s)
{
    double until = now_s() + within_s, quiet = 0.0;

    for (;;) {
        double now = now_s();

        if (p->flowing) {
            quiet = 0.0;
            if (now >= until)
                return false;
            watch_once(p, until - now);
            continue;
        }
        quiet = quiet > 0.0 ? quiet : now + quiet_s;
        if (now >= quiet)
            return true;
        watch_once(p, quiet - now);
    }
}
