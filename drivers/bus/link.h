/* drivers/bus/link.h - byte pipes to real (or emulated) instruments: serial ports, ptys, TCP.
 * Non-blocking; the owner watches the descriptor.
 *
 *   serial:/dev/serial/by-id/usb-FTDI_1234   libserialport: opens, configures; locked by flock(),
 *                                            since it does not lock by itself
 *   serial:usb-serial=FT1234                 the port whose USB serial number is that
 *   pty:/dev/pts/5                           plain termios (libserialport 0.1.1 refuses ptys);
 *                                            shows no parity or baud errors
 *   tcp:host:port                            no delay, keep-alive; [::1] in brackets
 *
 * A hung-up pty or tty shows as POLLHUP, never as a time-out; a closed TCP peer as end of file.
 * Both are E_LOST here.
 */
#ifndef DRIVERS_BUS_LINK_H
#define DRIVERS_BUS_LINK_H

#include "base/attr.h"
#include "base/nsec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;

enum link_kind {
    LINK_NONE,
    LINK_SERIAL,
    LINK_PTY,
    LINK_TCP
};
enum {
    LINK_URI_MAX = 200
};
struct link_conf {
    int baud;   /* 0: not a serial line */
    int parity; /* 0 none, 1 even, 2 odd */
};
struct link { /* all zero before it is opened for the first time */
    int fd;   /* -1: closed */
    enum link_kind kind;
    bool connecting; /* TCP: wait for writability, then link_connected() */
    void *port;      /* libserialport's */
    _Atomic int *progress; /* bytes of the present link_send() that are out; NULL: nobody asks */
    char uri[LINK_URI_MAX];
    uint8_t n_peer; /* TCP: the address that the name had when first opened, for reconnecting */
    uint8_t peer[32];
};

/* Kind of a URI, LINK_NONE with a finding when it is none. */
enum link_kind link_parse(const char *uri, struct diag *reterr);
/* Open (what was open is closed); TCP may still be connecting. 0, or E_LOST (try again later),
 * E_INVALID, E_BUSY (somebody has it locked) with the story. A TCP host that is a name is looked up
 * the first time only: that may take seconds, and a bench at work cannot wait for a name server.
 * conf is for serial lines, else it may be NULL. */
int link_open(struct link *l, const char *uri, const struct link_conf *conf,
              struct diag *reterr) MUST_USE;
int link_connected(struct link *l) MUST_USE; /* 0, E_AGAIN (not yet) or E_LOST */
void link_close(struct link *l);
/* All bytes, or E_LOST; a full buffer (a peer that does not read) is E_LOST too after 100 ms of
 * trying: never blocks longer. */
int link_send(struct link *l, const uint8_t *p, size_t n) MUST_USE;
/* Bytes read; 0: nothing now; E_LOST. */
int link_read(struct link *l, uint8_t *buf, size_t size) MUST_USE;
/* Drop what has come in so far. Before each request: what is there already is no answer to it. */
void link_drain(struct link *l);

/* Ports of this machine for `benchctl scan`: nonzero from `each` stops and is returned. */
struct link_port {
    char uri[LINK_URI_MAX], name[96], usb_serial[64], description[96];
};
int link_list(int (*each)(void *ctx, const struct link_port *), void *ctx,
              struct diag *reterr) MUST_USE;

#endif
