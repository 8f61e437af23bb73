/* drivers/bus/link_tcp.c - TCP: finding the address, connecting without waiting, and noticing a
 * cable that was pulled. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/bus/link_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A silent peer is asked after so long, so often, and given up; the same for what it does not
 * acknowledge. */
enum {
    ALIVE_IDLE_S = 5,
    ALIVE_EVERY_S = 1,
    ALIVE_TRIES = 3,
    UNACKNOWLEDGED_MS = 8000
};

struct place {
    char host[LINK_URI_MAX], port[8];
    bool numeric6; /* it stood in brackets */
};

/* "host:port", "[address]:port". */
static bool split(const char *where, struct place *ret_place)
{
    const char *colon = strrchr(where, ':');
    size_t n;
    int64_t port;

    if (!colon || str_to_int(colon + 1, strlen(colon + 1), &port) != 0 || port < 1 ||
        port > 65535 || !str_copy(ret_place->port, sizeof(ret_place->port), colon + 1))
        return false;
    n = (size_t)(colon - where);
    ret_place->numeric6 = where[0] == '[';
    if (ret_place->numeric6) {
        if (n < 3 || where[n - 1] != ']')
            return false;
        where++;
        n -= 2;
    } else if (memchr(where, ':', n)) {
        return false;
    }
    if (n == 0 || n >= sizeof(ret_place->host))
        return false;
    memcpy(ret_place->host, where, n);
    ret_place->host[n] = '\0';
    return true;
}

int tcp_parse(const char *uri, const char *where, struct diag *reterr)
{
    struct place place;

    if (split(where, &place))
        return 0;
    (void)diag_add(reterr, E_INVALID, "link \"%s\" is not tcp:host:port", uri);
    diag_hint(reterr, "tcp:192.168.1.10:502, tcp:[fe80::1]:502");
    return E_INVALID;
}

static int look_up(struct link *l, const struct place *place, int family, int flags)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int rc;

    hints.ai_flags = flags | AI_NUMERICSERV;
    rc = getaddrinfo(place->host, place->port, &hints, &found);
    if (rc != 0)
        return rc == EAI_AGAIN ? E_LOST : E_INVALID;
    ASSERT(found->ai_addrlen <= sizeof(l->peer));
    memcpy(l->peer, found->ai_addr, found->ai_addrlen);
    l->n_peer = (uint8_t)found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* Instruments speak IPv4 long before IPv6. */
static int find_peer(struct link *l, const char *where, struct diag *reterr)
{
    struct place place;
    int rc;

    if (l->n_peer > 0)
        return 0;
    if (!split(where, &place))
        return E_INVALID;
    if (place.numeric6)
        rc = look_up(l, &place, AF_INET6, AI_NUMERICHOST);
    else if ((rc = look_up(l, &place, AF_INET, 0)) != 0)
        rc = look_up(l, &place, AF_INET6, 0);
    if (rc != 0)
        return diag_add(reterr, rc, "cannot open %s <- no address is known for \"%s\"", l->uri,
                        place.host);
    return 0;
}

static void set_option(int fd, int level, int option, int value)
{
    /* What a system does not know it does not need: the bus notices silence by itself. */
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

int tcp_open(struct link *l, const char *where, struct diag *reterr)
{
    struct sockaddr_storage peer;
    int rc = find_peer(l, where, reterr);
    int fd;

    if (rc != 0)
        return rc;
    memset(&peer, 0, sizeof(peer));
    memcpy(&peer, l->peer, l->n_peer);
    fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return link_open_failed(reterr, l->uri, errno);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, ALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, ALIVE_EVERY_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, ALIVE_TRIES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
    if (connect(fd, (const struct sockaddr *)&peer, l->n_peer) != 0) {
        if (errno != EINPROGRESS && errno != EINTR) {
            rc = link_open_failed(reterr, l->uri, errno);
            (void)close(fd);
            return rc;
        }
        l->connecting = true;
    }
    l->fd = fd;
    return 0;
}

int link_connected(struct link *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLOUT};
    int error = 0;
    socklen_t n = sizeof(error);

    if (l->fd < 0)
        return E_LOST;
    if (!l->connecting)
        return 0;
    if (poll(&p, 1, 0) <= 0)
        return E_AGAIN;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0)
        return E_LOST;
    l->connecting = false;
    return 0;
}
