/* benchctl/uris.h - which link each bus of a bench has: the bench file's, or a links file's instead. */
#ifndef BENCHCTL_URIS_H
#define BENCHCTL_URIS_H

#include "benchctl/cli.h"
#include "benchctl/live.h"
#include "benchctl/rig.h"

struct uris {
    struct links links;
    const char *uri[BENCH_BUSES_MAX];
};
/* --links FILE of the command, if given. A bus left on `sim:` is refused: it needs `benchctl sim`. */
int uris_of(const struct args *a, const struct bench *b, struct uris *ret, struct diag *reterr) MUST_USE;

/* A bench for a command that asks or sets once: virtual where its lines are `sim:` and no --links is given, else its real lines with the bench's lock, so that nobody speaks beside a run.
 * E_BUSY: somebody else is at work there. */
struct at_hand {
    struct rig rig;
    struct live live;
    int lock_fd; /* -1: virtual */
};
int at_hand_open(struct at_hand *h, const struct args *a, const struct bench *b, struct diag *reterr) MUST_USE;
void at_hand_close(struct at_hand *h);

#endif
