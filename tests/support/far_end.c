/* tests/support/far_end.c - the other end of a real link. */
#define _XOPEN_SOURCE 700 /* posix_openpt() */

#include "tests/support/far_end.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 5000
};

bool ptys_have_lines;

/* In place of the C library's, for libserialport too. */
long syscall(long number, ...);

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    if (ptys_have_lines && (request == TIOCMGET || request == TIOCMSET || request == TIOCMBIS ||
                            request == TIOCMBIC)) {
        if (request == TIOCMGET)
            memset(arg, 0, sizeof(int));
        return 0;
    }
    return (int)syscall(SYS_ioctl, fd, request, arg);
}

static void make_nonblocking(int fd)
{
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
}

static void open_pty(struct far_end *f)
{
    const char *name;

    f->fd = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(f->fd, 0);
    ck_assert_int_eq(grantpt(f->fd), 0);
    ck_assert_int_eq(unlockpt(f->fd), 0);
    make_nonblocking(f->fd);
    name = ptsname(f->fd);
    ck_assert_ptr_nonnull(name);
    ck_assert_int_eq(str_fmt(f->uri, sizeof(f->uri), "pty:%s", name), 0);
}

static void open_listener(struct far_end *f)
{
    struct sockaddr_in a;
    socklen_t n = sizeof(a);

    memset(&a, 0, sizeof(a));
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(f->listen_fd, 0);
    make_nonblocking(f->listen_fd);
    ck_assert_int_eq(bind(f->listen_fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    ck_assert_int_eq(listen(f->listen_fd, 4), 0);
    ck_assert_int_eq(getsockname(f->listen_fd, (struct sockaddr *)&a, &n), 0);
    ck_assert_int_eq(str_fmt(f->uri, sizeof(f->uri), "tcp:127.0.0.1:%u", ntohs(a.sin_port)), 0);
}

void far_open(struct far_end *f, bool tcp)
{
    f->fd = f->listen_fd = -1;
    if (tcp)
        open_listener(f);
    else
        open_pty(f);
}

static void await(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;

    do {
        n = poll(&p, 1, PATIENCE_MS);
    } while (n < 0 && errno == EINTR);
    ck_assert_msg(n > 0, "nothing happens");
}

void far_await(struct link *l)
{
    await(l->fd, POLLIN);
}

void far_connect(struct far_end *f, struct link *l)
{
    int one = 1;

    if (f->listen_fd < 0 && f->fd < 0) /* a pty that was hung up does not come back */
        open_pty(f);
    ck_assert_int_eq(link_open(l, f->uri, NULL, NULL), 0);
    if (f->listen_fd < 0)
        return;
    await(f->listen_fd, POLLIN);
    f->fd = accept(f->listen_fd, NULL, NULL);
    ck_assert_int_ge(f->fd, 0);
    make_nonblocking(f->fd);
    ck_assert_int_eq(setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    await(l->fd, POLLOUT);
    ck_assert_int_eq(link_connected(l), 0);
}

void far_hang_up(struct far_end *f)
{
    if (f->fd >= 0)
        ck_assert_int_eq(close(f->fd), 0);
    f->fd = -1;
}

void far_close(struct far_end *f)
{
    far_hang_up(f);
    if (f->listen_fd >= 0)
        ck_assert_int_eq(close(f->listen_fd), 0);
    f->listen_fd = -1;
}

void far_write(struct far_end *f, const void *p, size_t n)
{
    const uint8_t *b = p;

    while (n > 0) {
        ssize_t done = write(f->fd, b, n);

        if (done < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            await(f->fd, POLLOUT);
            continue;
        }
        b += done;
        n -= (size_t)done;
    }
}

void far_read(struct far_end *f, void *p, size_t n)
{
    uint8_t *b = p;

    while (n > 0) {
        ssize_t got = read(f->fd, b, n);

        if (got < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            await(f->fd, POLLIN);
            continue;
        }
        ck_assert_int_gt(got, 0);
        b += got;
        n -= (size_t)got;
    }
}
