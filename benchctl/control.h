/* benchctl/control.h - words from other terminals to a run that is going on: pause, resume, skip, stop, abort.
 *
 * A Unix socket LAB/BENCH.sock (mode 0660): one line a request, `WORD [STATION]`, one JSON line back with what the run does after it. The loop reads it; it never waits for
 * anybody.
 */
#ifndef BENCHCTL_CONTROL_H
#define BENCHCTL_CONTROL_H

#include "base/attr.h"

#include <stddef.h>

struct diag;
struct live;
struct session;

enum { CONTROL_PEERS = 4, CONTROL_LINE = 160 };

struct control {
    struct live *live;
    int fd;               /* -1: closed */
    char path[100];
    struct control_peer {
        struct control *control;
        int fd;           /* -1: free */
        unsigned n;
        char line[CONTROL_LINE];
    } peer[CONTROL_PEERS];
};

/* The live session must be open. E_RANGE: the path is too long for a socket; E_IO. */
int control_open(struct control *c, struct live *live, const char *path, struct diag *reterr) MUST_USE;
void control_close(struct control *c); /* takes one that was never opened, zeroed */
/* What has come is done. Called by the loop between two instants. */
int control_work(struct control *c, struct session *lead, struct diag *reterr) MUST_USE;

int control_path(const char *lab, const char *bench, char *buf, size_t size) MUST_USE;

#endif
