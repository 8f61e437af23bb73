/* drivers/bus/link.c - what all links have in common: names, sending, reading, locks. */
#include "drivers/bus/link.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/bus/link_priv.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    SEND_MOST_MS = 100,
    DRAIN_READS_MAX = 64 /* a peer that never stops is not worth more */
};

/* ---- Names ---- */

static enum link_kind kind_of(const char *uri, const char **ret_where)
{
    static const struct {
        const char *prefix;
        enum link_kind kind;
    } kinds[] = {
        {"serial:", LINK_SERIAL},
        {"pty:",    LINK_PTY   },
        {"tcp:",    LINK_TCP   }
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_starts(uri, kinds[i].prefix)) {
            *ret_where = uri + strlen(kinds[i].prefix);
            return kinds[i].kind;
        }
    }
    return LINK_NONE;
}

static int path_parse(const char *uri, const char *where, struct diag *reterr)
{
    if (where[0] == '/' && where[1] != '\0')
        return 0;
    return diag_add(reterr, E_INVALID, "link \"%s\" has no absolute path", uri);
}

static int serial_parse(const char *uri, const char *where, struct diag *reterr)
{
    if (!str_starts(where, "usb-serial="))
        return path_parse(uri, where, reterr);
    if (where[strlen("usb-serial=")] != '\0')
        return 0;
    return diag_add(reterr, E_INVALID, "link \"%s\" has no serial number", uri);
}

/* The kind, and what stands behind its prefix. */
static enum link_kind parse(const char *uri, const char **ret_where, struct diag *reterr)
{
    enum link_kind kind = kind_of(uri, ret_where);
    int rc = 0;

    if (strlen(uri) >= LINK_URI_MAX) {
        (void)diag_add(reterr, E_INVALID, "link is longer than %d characters", LINK_URI_MAX - 1);
        return LINK_NONE;
    }
    switch (kind) {
    case LINK_NONE:
        (void)diag_add(reterr, E_INVALID, "link \"%s\" is of no known kind", uri);
        diag_hint(reterr, "serial:/dev/..., serial:usb-serial=..., pty:/dev/pts/N, tcp:host:port");
        break;
    case LINK_SERIAL: rc = serial_parse(uri, *ret_where, reterr); break;
    case LINK_PTY: rc = path_parse(uri, *ret_where, reterr); break;
    case LINK_TCP: rc = tcp_parse(uri, *ret_where, reterr); break;
    }
    return rc == 0 ? kind : LINK_NONE;
}

enum link_kind link_parse(const char *uri, struct diag *reterr)
{
    const char *where = "";

    return parse(uri, &where, reterr);
}

/* ---- Open and close ---- */

const char *link_why(int error)
{
    switch (error) {
    case ENOENT: return "there is no such device";
    case ENODEV:
    case ENXIO: return "the device is gone";
    case EIO: return "the device does not work";
    case EACCES:
    case EPERM: return "no permission";
    case EBUSY: return "somebody else has it";
    case ENOTTY: return "it is not a serial port";
    case EMFILE:
    case ENFILE: return "no descriptors left";
    case ECONNREFUSED: return "refused by the other end";
    case ECONNRESET: return "reset by the other end";
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN: return "there is no way to it";
    case ETIMEDOUT: return "the other end does not answer";
    default: return "the operating system refuses";
    }
}

int link_open_failed(struct diag *reterr, const char *uri, int error)
{
    int code = E_LOST;

    if (error == EACCES || error == EPERM || error == ENOTTY || error == EISDIR || error == EINVAL)
        code = E_INVALID;
    else if (error == EBUSY)
        code = E_BUSY;
    (void)diag_add(reterr, code, "cannot open %s <- %s (error %d)", uri, link_why(error), error);
    if (error == EACCES)
        diag_hint(reterr, "ports usually belong to the group dialout");
    return code;
}

int link_lock(int fd, const char *uri, struct diag *reterr)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return diag_add(reterr, E_BUSY, "%s is in use by another program", uri);
    return diag_add(reterr, E_LOST, "cannot lock %s <- %s", uri, link_why(errno));
}

int link_open(struct link *l, const char *uri, const struct link_conf *conf, struct diag *reterr)
{
    const char *where = "";
    enum link_kind kind = parse(uri, &where, reterr);

    link_close(l);
    if (strcmp(l->uri, uri) != 0)
        l->n_peer = 0;
    l->fd = -1;
    l->kind = kind;
    l->port = NULL;
    l->connecting = false;
    if (kind == LINK_NONE)
        return E_INVALID;
    if (uri != l->uri)
        (void)str_copy(l->uri, sizeof(l->uri), uri);
    if (kind == LINK_SERIAL)
        return serial_open(l, where, conf, reterr);
    return kind == LINK_PTY ? pty_open(l, where, reterr) : tcp_open(l, where, reterr);
}

void link_close(struct link *l)
{
    if (l->kind == LINK_NONE || l->fd < 0)
        return;
    if (l->kind == LINK_SERIAL)
        serial_close(l);
    else
        (void)close(l->fd);
    l->fd = -1;
    l->connecting = false;
}

/* ---- Bytes ---- */

bool link_has_hung_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static bool is_passing(int error)
{
    return error == EAGAIN || error == EINTR;
}

/* Bytes taken now, or E_LOST. */
static int write_some(struct link *l, const uint8_t *p, size_t n)
{
    ssize_t done;

    if (l->kind == LINK_SERIAL)
        return serial_write(l, p, n);
    done = l->kind == LINK_TCP ? send(l->fd, p, n, MSG_NOSIGNAL) : write(l->fd, p, n);
    if (done < 0)
        return is_passing(errno) ? 0 : E_LOST;
    return (int)done;
}

/* The deadline is a descriptor too, made when it is first needed, so that a peer that takes a byte
 * now and then cannot prolong it. */
static bool wait_for_room(int fd, int *timer)
{
    struct itimerspec most = {.it_value.tv_nsec = SEND_MOST_MS * NSEC_MS};
    struct pollfd p[2] = {
        {.fd = fd, .events = POLLOUT},
        {.events = POLLIN       }
    };
    int n;

    if (*timer < 0) {
        *timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (*timer < 0 || timerfd_settime(*timer, 0, &most, NULL) != 0)
            return false;
    }
    p[1].fd = *timer;
    n = poll(p, 2, -1);
    if (n < 0)
        return errno == EINTR;
    return p[1].revents == 0 && (p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

int link_send(struct link *l, const uint8_t *p, size_t n)
{
    size_t done = 0;
    int timer = -1;
    bool alive = l->fd >= 0 && !l->connecting;

    ASSERT(n <= INT_MAX);
    while (alive && done < n) {
        int now = write_some(l, p + done, n - done);

        if (now > 0)
            done += (size_t)now;
        if (now > 0 && l->progress)
            atomic_store(l->progress, (int)done);
        if (now <= 0)
            alive = now == 0 && wait_for_room(l->fd, &timer);
    }
    if (timer >= 0)
        (void)close(timer);
    return alive ? 0 : E_LOST;
}

int link_read(struct link *l, uint8_t *buf, size_t size)
{
    ssize_t n;

    ASSERT(size > 0 && size <= INT_MAX);
    if (l->fd < 0)
        return E_LOST;
    if (l->connecting)
        return 0;
    if (l->kind == LINK_SERIAL)
        return serial_read(l, buf, size);
    n = read(l->fd, buf, size);
    if (n > 0)
        return (int)n;
    return n < 0 && is_passing(errno) ? 0 : E_LOST;
}

void link_drain(struct link *l)
{
    uint8_t rest[1024];

    for (int i = 0; i < DRAIN_READS_MAX; i++) {
        if (link_read(l, rest, sizeof(rest)) <= 0)
            return;
    }
}
