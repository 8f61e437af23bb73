/* drivers/virtual/serve.c - hosts behind ptys and TCP sockets, in real time.
 *
 * One poll loop. Deadlines are absolute bench times; what is due on any line is worked in the order
 * of its time, so that the lines agree about the world they share.
 */
#define _GNU_SOURCE /* ppoll, accept4, posix_openpt, cfmakeraw */
#include "drivers/virtual/serve.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A signal may come between the look at *stop and the wait. */
static const nsec look_at_stop = 100 * NSEC_MS;
/* An onlooker sees what the world does by itself that much later at most. */
static const nsec look_at_world = 10 * NSEC_MS;

static nsec now_of(const struct serve *s)
{
    const struct clock c = {.mono = s->origin};

    return clock_mono(&c);
}

/* ---- Descriptors ---- */

static void fd_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static bool open_pty(struct serve_line *l)
{
    char name[64];
    struct termios raw;

    fd_close(&l->keep_fd); /* of a line that was cut: its number is free now, and likely ours again */
    l->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (l->fd < 0 || grantpt(l->fd) != 0 || unlockpt(l->fd) != 0 ||
        ptsname_r(l->fd, name, sizeof name) != 0)
        return false;
    l->keep_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (l->keep_fd < 0 || tcgetattr(l->keep_fd, &raw) != 0)
        return false;
    cfmakeraw(&raw);
    return tcsetattr(l->keep_fd, TCSANOW, &raw) == 0 &&
           str_fmt(l->uri, sizeof l->uri, "pty:%s", name) == 0;
}

static bool open_tcp(struct serve_line *l)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(l->port)};
    union {
        struct sockaddr_in in;
        struct sockaddr any;
    } addr;
    socklen_t n = sizeof at;
    int one = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.in = at;
    l->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->listen_fd < 0 ||
        setsockopt(l->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(l->listen_fd, &addr.any, n) != 0 || listen(l->listen_fd, 4) != 0 ||
        getsockname(l->listen_fd, &addr.any, &n) != 0)
        return false;
    l->port = ntohs(addr.in.sin_port);
    return str_fmt(l->uri, sizeof l->uri, "tcp:127.0.0.1:%u", l->port) == 0;
}

/* A pty that is cut keeps its number: nobody else's line shall be found under its name. */
static void line_cut(struct serve_line *l)
{
    fd_close(&l->fd);
    fd_close(&l->listen_fd);
    l->n_out = 0;
    l->is_open = false;
    host_forget(l->host);
}

static void line_close(struct serve_line *l)
{
    line_cut(l);
    fd_close(&l->keep_fd);
}

/* The client of a TCP line is gone. */
static void client_close(struct serve_line *l)
{
    fd_close(&l->fd);
    l->n_out = 0;
    host_forget(l->host);
}

/* ---- Bytes ---- */

static void out_write(struct serve_line *l)
{
    ssize_t n;

    if (l->n_out == 0 || l->fd < 0)
        return;
    n = l->tcp ? send(l->fd, l->out, l->n_out, MSG_NOSIGNAL) : write(l->fd, l->out, l->n_out);
    if (n > 0) {
        l->n_out = (uint16_t)(l->n_out - n);
        memmove(l->out, l->out + n, l->n_out);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        l->n_out = 0; /* the end of a client is noticed where its bytes are read */
    }
}

static void line_deliver(void *owner, nsec first_at, nsec at, const uint8_t *p, size_t n)
{
    struct serve_line *l = owner;
    size_t room = (size_t)SERVE_OUT_MAX - l->n_out;
    size_t kept = n < room ? n : room;

    (void)first_at;
    (void)at;
    if (l->fd < 0)
        kept = 0;
    l->dropped += n - kept;
    memcpy(l->out + l->n_out, p, kept);
    l->n_out = (uint16_t)(l->n_out + kept);
    out_write(l);
}

static size_t in_room(const struct serve_line *l)
{
    return sizeof(l->host->in) - l->host->n_in;
}

static void in_read(struct serve *s, struct serve_line *l)
{
    uint8_t buf[sizeof(l->host->in)];
    ssize_t n = read(l->fd, buf, in_room(l));

    if (n > 0 && s->heard)
        s->heard(s->ctx, (unsigned)(l - s->line), now_of(s), buf, (size_t)n);
    if (n > 0)
        host_send(l->host, l->wiring, now_of(s), buf, (size_t)n);
    else if (l->tcp && (n == 0 || (errno != EAGAIN && errno != EINTR)))
        client_close(l);
}

static void client_accept(struct serve_line *l)
{
    int one = 1;

    l->fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (l->fd >= 0 && setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        fd_close(&l->fd);
}

/* ---- The loop ---- */

static int first_due(const struct serve *s, nsec *ret_due)
{
    int best = -1;

    *ret_due = NSEC_NEVER;
    for (unsigned i = 0; i < s->n; i++) {
        const struct serve_line *l = &s->line[i];
        nsec due = l->host ? host_due(l->host, l->wiring) : NSEC_NEVER;

        if (due < *ret_due) {
            *ret_due = due;
            best = (int)i;
        }
    }
    return best;
}

/* All that is due now; returns when the next is. */
static nsec work_due(struct serve *s)
{
    nsec due;

    for (;;) {
        int i = first_due(s, &due);
        nsec hands = s->hands.due ? s->hands.due(s->hands.ctx) : NSEC_NEVER;

        if (hands < due && hands <= now_of(s)) {
            s->hands.work(s->hands.ctx, now_of(s));
            continue;
        }
        if (i < 0 || due > now_of(s))
            return hands < due ? hands : due;
        host_work(s->line[i].host, s->line[i].wiring, due);
        if (s->worked)
            s->worked(s->ctx, due);
    }
}

static void poll_fill(const struct serve *s, struct pollfd *ret_fds)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct serve_line *l = &s->line[i];
        bool accepts = l->is_open && l->tcp && l->fd < 0;

        ret_fds[i].fd = !l->is_open ? -1 : accepts ? l->listen_fd : l->fd;
        ret_fds[i].events = accepts || in_room(l) > 0 ? POLLIN : 0;
        if (l->n_out > 0)
            ret_fds[i].events |= POLLOUT;
        ret_fds[i].revents = 0;
    }
}

static void line_serve(struct serve *s, struct serve_line *l, int revents)
{
    if (l->tcp && l->fd < 0) {
        client_accept(l);
        return;
    }
    if (revents & POLLOUT)
        out_write(l);
    if ((revents & (POLLIN | POLLHUP | POLLERR)) && l->fd >= 0 && in_room(l) > 0)
        in_read(s, l);
}

static int wait_until(struct serve *s, nsec until, struct diag *reterr)
{
    struct pollfd fds[SERVE_LINES_MAX + 1];
    nsec left = until - now_of(s), most = s->worked ? look_at_world : look_at_stop;
    struct timespec ts = {0};

    left = left < 0 ? 0 : left > most ? most : left;
    ts.tv_nsec = (long)left;
    poll_fill(s, fds);
    fds[s->n] = (struct pollfd){.fd = s->hands.due ? s->hands.fd : -1, .events = POLLIN};
    if (ppoll(fds, s->n + 1, &ts, NULL) < 0)
        return errno == EINTR ? 0 : diag_add(reterr, E_IO, "waiting for the lines failed");
    for (unsigned i = 0; i < s->n; i++)
        if (fds[i].revents != 0)
            line_serve(s, &s->line[i], fds[i].revents);
    if (fds[s->n].revents != 0)
        s->hands.read(s->hands.ctx, now_of(s));
    return 0;
}

int serve_work(struct serve *s, double for_s, struct diag *reterr)
{
    nsec end = for_s > 0.0 ? now_of(s) + nsec_from_s(for_s) : NSEC_NEVER;

    while (!s->stop || *s->stop == 0) {
        nsec due = work_due(s);
        int rc;

        if (s->worked)
            s->worked(s->ctx, now_of(s));
        if (now_of(s) >= end)
            break;
        rc = wait_until(s, due < end ? due : end, reterr);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int serve_open(struct serve *s, unsigned line, struct diag *reterr)
{
    struct serve_line *l = &s->line[line];

    ASSERT(line < SERVE_LINES_MAX && l->host && l->wiring && !l->is_open);
    if (line >= s->n)
        s->n = line + 1;
    l->fd = l->listen_fd = -1;
    if (l->uri[0] == '\0') /* for the first time */
        l->keep_fd = -1;
    l->wiring->deliver = line_deliver;
    l->wiring->owner = l;
    if (!(l->tcp ? open_tcp(l) : open_pty(l))) {
        line_close(l);
        return diag_add(reterr, E_IO, l->tcp ? "no socket for line %u" : "no pty for line %u",
                        line);
    }
    l->is_open = true;
    return 0;
}

void serve_cut(struct serve *s, unsigned line)
{
    ASSERT(line < s->n);
    if (s->line[line].is_open)
        line_cut(&s->line[line]);
}

void serve_hang_up(struct serve *s, unsigned line)
{
    ASSERT(line < s->n && s->line[line].tcp);
    client_close(&s->line[line]);
}

void serve_close(struct serve *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (s->line[i].uri[0] != '\0')
            line_close(&s->line[i]);
    }
}
