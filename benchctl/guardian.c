/* benchctl/guardian.c - see guardian.h. What runs after the fork is below the line `the guardian itself`: system calls only. */
#define _GNU_SOURCE
#include "benchctl/guardian.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The system's own count: it is the same in both processes. */
static nsec os_now(void)
{
    static const struct clock system_clock;
    return clock_mono(&system_clock);
}

/* ---- The guardian itself ------------------------------------------------------------------------------------------------------- */

enum {
    REPLY_MS = 150,   /* for what must be off within a second */
    REPLY_MOST_MS = 600,
    CONNECT_MS = 200
};
union peer {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};
struct ward {
    struct guard_page *page;
    int socket, out; /* out: BENCH.safed */
    const char *safed;
    pid_t controller;
    int fd[GUARD_LINES_MAX];
    union peer peer[GUARD_LINES_MAX]; /* of TCP lines: for connecting again */
    socklen_t n_peer[GUARD_LINES_MAX];
    bool taken[GUARD_LINES_MAX];
};

/* Remember where a TCP line leads. */
static void note_peer(struct ward *w, unsigned line)
{
    union peer peer;
    socklen_t n = sizeof peer;
    if (w->fd[line] >= 0 && getpeername(w->fd[line], &peer.any, &n) == 0 && (peer.any.sa_family == AF_INET || peer.any.sa_family == AF_INET6)) {
        w->peer[line] = peer;
        w->n_peer[line] = n;
    }
}

static void put(int fd, const char *text)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t w = write(fd, text, n);
        if (w <= 0 && errno != EINTR) {
            return;
        }
        if (w > 0) {
            text += w;
            n -= (size_t)w;
        }
    }
}

/* A descriptor for a line came: "line number" with SCM_RIGHTS. Returns false at end of file. */
static bool take_message(struct ward *w)
{
    int line = -1;
    struct iovec iov = {.iov_base = &line, .iov_len = sizeof line};
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof control.buf};
    ssize_t n = recvmsg(w->socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n == 0) {
        return false;
    }
    if (n < (ssize_t)sizeof line || line < 0 || line >= GUARD_LINES_MAX) {
        return n > 0 || errno == EAGAIN || errno == EINTR;
    }
    if (w->fd[line] >= 0) {
        close(w->fd[line]);
        w->fd[line] = -1;
    }
    const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        memcpy(&w->fd[line], CMSG_DATA(c), sizeof(int));
        note_peer(w, (unsigned)line);
    }
    return true;
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* Read until nothing has come for quiet_ms, at most most_ms. Returns bytes seen, -1 when the line is dead. */
static long drain(int fd, int quiet_ms, int most_ms)
{
    nsec end = os_now() + most_ms * NSEC_MS;
    long seen = 0;
    while (os_now() < end) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r = poll(&p, 1, quiet_ms);
        if (r == 0) {
            return seen;
        }
        if (r > 0 && (p.revents & POLLIN)) {
            char buf[256];
            ssize_t n = read(fd, buf, sizeof buf);
            if (n == 0) {
                return -1;
            }
            seen += n > 0 ? n : 0;
        } else if (r > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL))) {
            return -1;
        }
    }
    return seen;
}

static bool send_all(int fd, const uint8_t *p, size_t n)
{
    nsec end = os_now() + 200 * NSEC_MS;
    while (n > 0 && os_now() < end) {
        ssize_t w = write(fd, p, n);
        if (w > 0) {
            p += w;
            n -= (size_t)w;
        } else if (errno == EAGAIN) {
            struct pollfd q = {.fd = fd, .events = POLLOUT};
            poll(&q, 1, 20);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return n == 0;
}

/* A reply has come: a whole line, or for Modbus bytes and then silence; of the latter, that it is the answer to this function and no exception. Nothing else of it is judged: the frame's
 * effect is what counts, and `benchctl safe` proves it. */
static bool await_reply(int fd, const struct guard_line *l, const struct guard_frame *f, uint32_t timeout_ms, bool *ret_refused)
{
    nsec end = os_now() + (nsec)timeout_ms * NSEC_MS;
    uint8_t reply[GUARD_FRAME_BYTES];
    size_t got = 0;
    uint8_t want = l->line_end[0] ? (uint8_t)l->line_end[strlen(l->line_end) - 1] : '\n';
    while (os_now() < end && got < sizeof reply) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int left = (int)((end - os_now()) / NSEC_MS) + 1;
        int r = poll(&p, 1, got > 0 && l->modbus ? 20 : left);
        if (r == 0 && got > 0 && l->modbus) {
            break;
        }
        if (r > 0) {
            ssize_t n = read(fd, reply + got, sizeof reply - got);
            if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
                return false;
            }
            got += n > 0 ? (size_t)n : 0;
            if (!l->modbus && got > 0 && reply[got - 1] == want) {
                return true;
            }
        }
    }
    if (!l->modbus || got < l->fn_at + 3U) {
        return false;
    }
    *ret_refused = reply[l->fn_at] != f->bytes[l->fn_at];
    return true;
}

static bool is_write(const struct guard_line *l, const struct guard_frame *f)
{
    uint8_t fn = f->bytes[l->fn_at];
    return l->modbus && (fn == 5 || fn == 6 || fn == 15 || fn == 16);
}

/* All frames of a card, once: all of them were answered, and what was written last was not refused. */
static bool send_card(const struct ward *w, const struct guard_card *c, uint32_t timeout_ms)
{
    const struct guard_line *l = &w->page->line[c->line];
    int fd = w->fd[c->line];
    bool all = c->n > 0, refused_last = false;
    for (uint8_t k = 0; k < c->n; k++) {
        const struct guard_frame *f = &c->frame[k];
        bool refused = false;
        if (k > 0 && c->gap_ms > 0) {
            pause_ms((int)c->gap_ms);
        }
        if (drain(fd, 2, 20) < 0 || !send_all(fd, f->bytes, f->n)) {
            return false;
        }
        bool answered = f->no_reply || await_reply(fd, l, f, timeout_ms, &refused);
        all = all && answered;
        refused_last = is_write(l, f) ? refused : refused_last || refused;
    }
    return all && !refused_last;
}

/* A TCP line that is down, or whose far end is in the middle of something: a new connection begins anew. */
static bool connect_again(struct ward *w, unsigned line)
{
    if (w->n_peer[line] == 0) {
        return w->fd[line] >= 0;
    }
    if (w->fd[line] >= 0) {
        close(w->fd[line]);
    }
    w->fd[line] = socket(w->peer[line].any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int fd = w->fd[line], one = 1, error = 0;
    socklen_t n = sizeof error;
    if (fd < 0) {
        return false;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if ((connect(fd, &w->peer[line].any, w->n_peer[line]) == 0 || errno == EINPROGRESS) && poll(&p, 1, CONNECT_MS) > 0 &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0) {
        return true;
    }
    close(fd);
    w->fd[line] = -1;
    return false;
}

/* The half-sent frame ends, what was asked is answered or given up: then the line is ours. */
static void take_line(struct ward *w, unsigned line)
{
    struct guard_line *l = &w->page->line[line];
    int fd = w->fd[line], n = atomic_load(&l->flight_n), sent = atomic_load(&l->flight_sent);
    nsec busy = atomic_load(&l->busy_until), now = os_now();
    w->taken[line] = true;
    if (n > 0 && n <= GUARD_FRAME_BYTES && sent > 0 && sent < n) {
        /* Its true rest: a number that is cut may be a larger one (1 of 1e-3), and a counted frame takes the next one for its tail. */
        (void)!send_all(fd, l->flight + sent, (size_t)(n - sent));
    } else if (!l->modbus && l->line_end[0]) {
        /* How much of it went is not known, or all did: an empty line more does no harm, and our first command is not its tail. */
        (void)!send_all(fd, (const uint8_t *)l->line_end, strlen(l->line_end));
    }
    if (busy > now && busy - now < 300 * NSEC_MS) {
        pause_ms((int)((busy - now) / NSEC_MS) + 1);
    }
    if (l->modbus) {
        pause_ms(8); /* t3.5 at 9600 baud: a cut Modbus frame is dropped by its silence */
    }
    (void)drain(fd, 15, 80);
}

static bool try_card(struct ward *w, const struct guard_card *c, int pass)
{
    static const uint32_t most[GUARDIAN_TRIES] = {REPLY_MS, REPLY_MS, REPLY_MOST_MS};
    uint32_t wait = most[pass];
    wait = c->timeout_ms < wait && c->timeout_ms > 0 ? c->timeout_ms : wait;
    if ((w->fd[c->line] < 0 || pass > 0) && !connect_again(w, c->line)) {
        return false;
    }
    if (!w->taken[c->line]) {
        take_line(w, c->line);
    }
    return send_card(w, c, wait);
}

static void report(const struct ward *w, const struct guard_card *c, bool done)
{
    put(w->out, c->name);
    put(w->out, done ? ": safe\n" : w->fd[c->line] < 0 ? ": line is down\n" : ": no answer\n");
}

/* In the order of the safe sequence; but all tries for what carries current come before the others' first. */
static void walk(struct ward *w, const char *why)
{
    struct guard_page *p = w->page;
    const struct guard_set *set = &p->set[atomic_load(&p->current) & 1U];
    bool done[GUARD_CARDS_MAX] = {false};
    atomic_store(&p->walking, 1);
    put(w->out, "cause: ");
    put(w->out, why);
    put(w->out, "\n");
    for (int round = 0; round < 2; round++) {
        bool first = round == 0;
        for (int pass = 0; pass < GUARDIAN_TRIES; pass++) {
            for (uint8_t k = 0; k < set->n && k < GUARD_CARDS_MAX; k++) {
                const struct guard_card *c = &set->card[k];
                if (c->first != first || done[k] || c->line >= GUARD_LINES_MAX) {
                    continue;
                }
                done[k] = try_card(w, c, pass);
                if (done[k] || pass == GUARDIAN_TRIES - 1) {
                    report(w, c, done[k]);
                }
            }
        }
    }
    fsync(w->out);
    atomic_store(&p->walked, 1);
}

/* Nothing was on, or all is safe: nothing is to be told. */
_Noreturn static void leave_well(const struct ward *w)
{
    struct stat st;
    if (fstat(w->out, &st) == 0 && st.st_size == 0) {
        unlink(w->safed);
    }
    _exit(0);
}

_Noreturn static void guard(struct ward *w)
{
    for (;;) {
        struct pollfd p = {.fd = w->socket, .events = POLLIN};
        poll(&p, 1, 50);
        bool alive = !(p.revents & (POLLIN | POLLHUP)) || take_message(w);
        bool armed = atomic_load(&w->page->armed) != 0;
        if (!alive) {
            if (!armed) {
                leave_well(w);
            }
            walk(w, atomic_load(&w->page->goodbye) ? "the controller left with the bench not proven safe" : "the controller died");
            _exit(0);
        }
        if (armed && os_now() - atomic_load(&w->page->heart_beat) > GUARDIAN_HANG_MS * NSEC_MS) {
            kill(w->controller, SIGKILL); /* it must not wake up and send */
            for (int k = 0; k < 10 && take_message(w); k++) { /* until it is gone, its last descriptors taken */
                pause_ms(2);
            }
            walk(w, "the controller hung");
            _exit(0);
        }
    }
}

/* ---- The controller's side -------------------------------------------------------------------------------------------------------- */

static int fork_guardian(struct guardian *g, const int *fds, unsigned n, struct diag *reterr)
{
    int pair[2], out = open(g->safed, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (out < 0) {
        return diag_add(reterr, E_IO, "cannot write %s: %s", g->safed, strerror(errno));
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        close(out);
        return diag_add(reterr, E_IO, "cannot set up the guardian: %s", strerror(errno));
    }
    struct ward w = {.page = g->page, .socket = pair[1], .out = out, .safed = g->safed, .controller = getpid()};
    for (unsigned k = 0; k < GUARD_LINES_MAX; k++) {
        w.fd[k] = k < n ? fds[k] : -1;
        note_peer(&w, k);
    }
    guardian_beat(g);
    pid_t pid = fork();
    if (pid == 0) { /* g->lock_fd is inherited: the lock is held as long as either of us lives */
        close(pair[0]);
        setsid(); /* a ^C at the terminal is the controller's, and so is the end of the terminal */
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        prctl(PR_SET_NAME, "benchctl-guard", 0, 0, 0);
        guard(&w);
    }
    close(pair[1]);
    close(out);
    if (pid < 0) {
        close(pair[0]);
        return diag_add(reterr, E_IO, "cannot fork the guardian: %s", strerror(errno));
    }
    g->pid = pid;
    g->socket = pair[0];
    return 0;
}

int guardian_start(struct guardian *g, const char *bench, const char *safed, int lock_fd, const int *fds, unsigned n, struct diag *reterr)
{
    memset(g, 0, sizeof *g);
    g->socket = -1;
    g->lock_fd = lock_fd;
    if (!str_copy(g->safed, sizeof g->safed, safed)) {
        return diag_add(reterr, E_RANGE, "the path of the lab is too long");
    }
    struct guard_page *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return diag_add(reterr, E_IO, "cannot set up the guardian: %s", strerror(errno));
    }
    (void)str_copy(page->bench, sizeof page->bench, bench);
    page->n_lines = (uint8_t)n;
    g->page = page;
    int r = fork_guardian(g, fds, n, reterr);
    if (r < 0) {
        munmap(page, sizeof *page);
        g->page = NULL;
    }
    return r;
}

bool guardian_died(struct guardian *g)
{
    if (g->pid == 0 || waitpid(g->pid, NULL, WNOHANG) != g->pid) {
        return false;
    }
    close(g->socket);
    g->socket = -1;
    g->pid = 0;
    return true;
}

int guardian_again(struct guardian *g, const int *fds, unsigned n, struct diag *reterr)
{
    return g->page && g->pid == 0 ? fork_guardian(g, fds, n, reterr) : 0;
}

int guardian_line(struct guardian *g, unsigned line, int fd)
{
    int number = (int)line;
    struct iovec iov = {.iov_base = &number, .iov_len = sizeof number};
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        msg.msg_control = control.buf;
        msg.msg_controllen = sizeof control.buf;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return g->pid == 0 || sendmsg(g->socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) > 0 ? 0 : E_IO;
}

void guardian_beat(struct guardian *g)
{
    if (g->page) {
        atomic_store(&g->page->heart_beat, os_now());
    }
}

void guardian_busy(struct guardian *g, unsigned line, nsec for_ns)
{
    if (g->page && line < GUARD_LINES_MAX) {
        atomic_store(&g->page->line[line].busy_until, os_now() + for_ns);
    }
}

_Atomic int *guardian_flight(struct guardian *g, unsigned line, const uint8_t *bytes, size_t n)
{
    if (!g->page || line >= GUARD_LINES_MAX) {
        return NULL;
    }
    struct guard_line *l = &g->page->line[line];
    atomic_store(&l->flight_n, 0);
    if (n > 0 && n <= sizeof l->flight) {
        memcpy(l->flight, bytes, n);
        atomic_store(&l->flight_sent, 0);
        atomic_store(&l->flight_n, (int)n);
    }
    return &l->flight_sent;
}

void guardian_arm(struct guardian *g, bool armed)
{
    if (g->page) {
        guardian_beat(g);
        atomic_store(&g->page->armed, armed);
    }
}

bool guardian_armed(const struct guardian *g)
{
    return g->page && atomic_load(&g->page->armed) != 0;
}

struct guard_set *guardian_cards_begin(struct guardian *g)
{
    if (!g->page) {
        return NULL;
    }
    struct guard_set *set = &g->page->set[(atomic_load(&g->page->current) + 1U) & 1U];
    set->n = 0;
    return set;
}

void guardian_cards_end(struct guardian *g)
{
    if (g->page) {
        atomic_fetch_add(&g->page->current, 1U);
    }
}

void guardian_goodbye(struct guardian *g)
{
    if (g->pid != 0) {
        atomic_store(&g->page->goodbye, 1);
        close(g->socket);
        while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (g->page) {
        munmap(g->page, sizeof *g->page);
    }
    memset(g, 0, sizeof *g);
    g->socket = -1;
}

/* ---- Lock and record ------------------------------------------------------------------------------------------------------------------ */

int bench_lock(const char *lab, const char *bench, double wait_s, int *ret_fd, struct diag *reterr)
{
    char path[600];
    if (str_fmt(path, sizeof path, "%s/%s.lock", lab, bench) < 0) {
        return diag_add(reterr, E_RANGE, "the path of the lab is too long");
    }
    mkdir(lab, 0770);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    if (fd < 0) {
        return diag_add(reterr, E_IO, "cannot open %s: %s", path, strerror(errno));
    }
    nsec end = os_now() + nsec_from_s(wait_s);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (os_now() >= end) {
            close(fd);
            diag_add(reterr, E_BUSY, "bench `%s` is in use by another benchctl (or its guardian makes it safe just now)", bench);
            return E_BUSY;
        }
        pause_ms(20);
    }
    *ret_fd = fd;
    return 0;
}

int bench_safed_path(const char *lab, const char *bench, char *buf, size_t size)
{
    return str_fmt(buf, size, "%s/%s.safed", lab, bench);
}

int bench_safed_read(const char *lab, const char *bench, char **ret_text)
{
    char path[600];
    size_t n;
    char *text;
    int r = bench_safed_path(lab, bench, path, sizeof path);
    r = r < 0 ? r : file_read(path, 1U << 20, &text, &n);
    if (r < 0) {
        return r;
    }
    if (n == 0) {
        free(text);
        return E_NOENT;
    }
    *ret_text = text;
    return 0;
}
