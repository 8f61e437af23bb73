/* drivers/bus/modbus_lib.c - libmodbus at one end of a private socketpair, the bus at the other.
 *
 * Everything that libmodbus reads has been put there before it is called, so its waiting times are
 * set to the shortest that it takes: it gives up at once on a frame that it believes longer than it
 * is. What one call leaves behind is read away before the next.
 */
#include "drivers/bus/modbus_lib.h"

#include "base/diag.h"
#include "base/err.h"
#include "drivers/wire/modbus.h"

#include <modbus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    UNIT_LAST = 247, /* of a serial line; what is above is reserved */
    SHORTEST_WAIT_US = 1,
    REPLY_MAX = MODBUS_TCP_MAX_ADU_LENGTH /* what libmodbus may write: longer than any of RTU */
};

struct modbus_lib {
    modbus_t *ctx;
    int near, far; /* libmodbus has `near` and closes it */
    bool tcp;
};

static int open_pair(struct modbus_lib *m)
{
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0)
        return E_IO;
    if (fd[0] >= FD_SETSIZE) { /* libmodbus waits with select() */
        (void)close(fd[0]);
        (void)close(fd[1]);
        return E_FULL;
    }
    m->near = fd[0];
    m->far = fd[1];
    return 0;
}

/* Name and port are never used: the context is given its socket. */
static int open_context(struct modbus_lib *m)
{
    m->ctx = m->tcp ? modbus_new_tcp("127.0.0.1", MODBUS_TCP_DEFAULT_PORT)
                    : modbus_new_rtu("none", 9600, 'N', 8, 1);
    if (!m->ctx)
        return E_NOMEM;
    if (modbus_set_response_timeout(m->ctx, 0, SHORTEST_WAIT_US) != 0 ||
        modbus_set_byte_timeout(m->ctx, 0, SHORTEST_WAIT_US) != 0 ||
        modbus_set_error_recovery(m->ctx, MODBUS_ERROR_RECOVERY_NONE) != 0 ||
        modbus_set_socket(m->ctx, m->near) != 0) {
        modbus_free(m->ctx);
        m->ctx = NULL;
        return E_UNSUPPORTED;
    }
    return 0;
}

int modbus_lib_open(bool tcp, struct modbus_lib **ret, struct diag *reterr)
{
    struct modbus_lib *m = calloc(1, sizeof(*m));
    int rc;

    if (!m)
        return diag_add(reterr, E_NOMEM, "no memory for a Modbus line");
    m->tcp = tcp;
    rc = open_pair(m);
    if (rc != 0) {
        free(m);
        return diag_add(reterr, rc, "no descriptors left for a Modbus line");
    }
    rc = open_context(m);
    if (rc != 0) {
        (void)close(m->near);
        (void)close(m->far);
        free(m);
        return diag_add(reterr, rc, "libmodbus does not start");
    }
    *ret = m;
    return 0;
}

void modbus_lib_close(struct modbus_lib *m)
{
    if (!m)
        return;
    modbus_close(m->ctx); /* closes m->near */
    modbus_free(m->ctx);
    (void)close(m->far);
    free(m);
}

static void empty(int fd)
{
    uint8_t rest[512];

    while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
        ;
}

/* Both ways, whatever came and whatever libmodbus made of it. */
static void empty_pair(struct modbus_lib *m)
{
    empty(m->near);
    empty(m->far);
}

int modbus_lib_wrap(struct modbus_lib *m, uint16_t transaction, const uint8_t *msg, size_t n,
                    uint8_t *ret_frame, size_t size)
{
    uint8_t frame[MODBUS_ADU_MAX + 8];
    ssize_t got;
    int sent;

    ASSERT(n >= 2);
    if (!m->tcp && msg[0] > UNIT_LAST)
        return E_RANGE;
    if (n > MODBUS_MAX_PDU_LENGTH + 1)
        return E_FULL;
    sent = modbus_send_raw_request(m->ctx, msg, (int)n);
    got = recv(m->far, frame, sizeof(frame), MSG_DONTWAIT);
    empty_pair(m);
    if (sent < 0 || got != sent)
        return E_INVALID;
    if ((size_t)got > size)
        return E_FULL;
    if (m->tcp)
        modbus_put_u16(frame, transaction);
    memcpy(ret_frame, frame, (size_t)got);
    return (int)got;
}

int modbus_lib_check(struct modbus_lib *m, uint8_t unit, const uint8_t *frame, size_t n)
{
    uint8_t reply[REPLY_MAX];
    size_t most = m->tcp ? MODBUS_TCP_MAX_ADU_LENGTH : MODBUS_RTU_MAX_ADU_LENGTH;
    int got;

    if (n == 0 || n > most)
        return E_GARBLED;
    /* On a serial line libmodbus passes over the replies of others; over TCP it does not look. */
    if (!m->tcp && (unit > UNIT_LAST || modbus_set_slave(m->ctx, unit) != 0))
        return E_GARBLED;
    if (send(m->far, frame, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n) {
        empty_pair(m);
        return E_GARBLED;
    }
    got = modbus_receive_confirmation(m->ctx, reply);
    empty_pair(m);
    return got == (int)n ? 0 : E_GARBLED;
}
