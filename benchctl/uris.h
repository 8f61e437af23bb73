/* benchctl/uris.h - which link each bus of a bench has: the bench file's, or a links file's instead. */
#ifndef BENCHCTL_URIS_H
#define BENCHCTL_URIS_H

#include "benchctl/cli.h"
#include "benchctl/live.h"

struct uris {
    struct links links;
    const char *uri[BENCH_BUSES_MAX];
};
/* --links FILE of the command, if given. A bus left on `sim:` is refused: it needs `benchctl sim`. */
int uris_of(const struct args *a, const struct bench *b, struct uris *ret, struct diag *reterr) MUST_USE;

#endif
