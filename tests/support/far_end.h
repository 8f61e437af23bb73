/* tests/support/far_end.h - the other end of a real link, in the same process: the master of a pty,
 * or a TCP socket on the loopback. */
#ifndef TESTS_SUPPORT_FAR_END_H
#define TESTS_SUPPORT_FAR_END_H

#include "drivers/bus/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct far_end {
    int fd;        /* non-blocking; -1: nobody is connected */
    int listen_fd; /* TCP */
    char uri[64];  /* what the near end opens */
};

void far_open(struct far_end *f, bool tcp);
/* Opens the near end; returns when both ends are there. */
void far_connect(struct far_end *f, struct link *l);
void far_hang_up(struct far_end *f); /* the listener stays */
void far_close(struct far_end *f);
/* All bytes, waiting for room or for more; more than 5 s of waiting fails the test. */
void far_write(struct far_end *f, const void *p, size_t n);
void far_read(struct far_end *f, void *p, size_t n);
/* Wait until the near end has something to tell. */
void far_await(struct link *l);

/* While set, ptys of this process have modem lines, as libserialport wants them (it then takes
 * them for serial ports). */
extern bool ptys_have_lines;

#endif
