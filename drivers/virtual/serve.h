/* drivers/virtual/serve.h - the same hosts behind ptys and TCP sockets, in a process of their own,
 * in real time: `benchctl emu`.
 *
 * Each line of a bench becomes one pty (serial lines) or one listening TCP socket on the loopback
 * (lines without baud). Bytes from the controller go to host_send() as they come, replies are
 * written when their instant has come; the world runs `speed` times faster than the clock (its
 * drift is speed - 1), link pacing stays real.
 *
 * A TCP line has one client at a time, as most instruments do; the next one waits until that is
 * gone, and gets no reply that was meant for it. A client of a pty may come and go; what it has not
 * read waits for the next one, as in a UART's buffer. Nobody who does not read holds a line up:
 * bytes beyond the buffers are lost and counted.
 */
#ifndef DRIVERS_VIRTUAL_SERVE_H
#define DRIVERS_VIRTUAL_SERVE_H

#include "base/attr.h"
#include "drivers/virtual/host.h"

struct diag;

enum {
    SERVE_LINES_MAX = 8,
    SERVE_OUT_MAX = 4096
};
struct serve_line {
    struct host *host;
    struct host_wiring *wiring; /* its deliver and owner are set by serve_open() */
    bool tcp;
    bool is_open;
    uint16_t port;    /* TCP; 0: the system chooses, and it is kept here */
    int fd;           /* pty master, or the accepted connection; -1 */
    int listen_fd;    /* TCP; -1 */
    int keep_fd;      /* a slave descriptor kept open, so that a client may come and go; -1; while
                         the line is cut it keeps the pty's number from others */
    char uri[200];    /* what a controller opens: pty:/dev/pts/N, tcp:127.0.0.1:PORT */
    uint64_t dropped; /* bytes that nobody read */
    uint16_t n_out;
    uint8_t out[SERVE_OUT_MAX];
};
/* For those who act on the bench while it is served: called when their time has come, and when
 * their descriptor can be read. */
struct serve_hands {
    int fd;                              /* -1: none */
    nsec (*due)(void *ctx);              /* bench time; NULL: there are no hands */
    void (*work)(void *ctx, nsec now);   /* after it due() is later than now */
    void (*read)(void *ctx, nsec now);
    void *ctx;
};
struct serve { /* zeroed by its owner, and it stays where it is */
    unsigned n;
    struct serve_line line[SERVE_LINES_MAX];
    int64_t origin;     /* OS monotonic ns at bench time 0 */
    volatile int *stop; /* set by a signal handler, seen within 100 ms; NULL: none */
    /* For those who look on, both may be NULL: bytes came in on a line; something was worked, or
     * 10 ms have passed. `now` is the bench time. */
    void (*heard)(void *ctx, unsigned line, nsec now, const uint8_t *p, size_t n);
    void (*worked)(void *ctx, nsec now);
    void *ctx;
    struct serve_hands hands;
};

/* Open a pty or a socket for the line; fills uri. */
int serve_open(struct serve *s, unsigned line, struct diag *reterr) MUST_USE;
/* Work until *stop or until for_s seconds have passed (0: no limit). A TCP client that closes may
 * come again. */
int serve_work(struct serve *s, double for_s, struct diag *reterr) MUST_USE;
/* The cable is pulled: a client sees a hang-up or the end of the connection, and nothing answers
 * any more; the instruments live on. serve_open() plugs it in again (TCP: on the same port; a pty
 * may have a new name). */
void serve_cut(struct serve *s, unsigned line);
/* The instrument closes the connection and waits for the next client. TCP only. */
void serve_hang_up(struct serve *s, unsigned line);
void serve_close(struct serve *s);

#endif
