/* benchctl/readback.h - what the instruments of a bench stand at, asked without a single set: what a restarted controller does before anything else. */
#ifndef BENCHCTL_READBACK_H
#define BENCHCTL_READBACK_H

#include "benchctl/rig.h"

#include <stdio.h>

/* Opens the lines, asks everybody who he is and what he reads, prints one line per channel, closes. rig, live: the caller's, zero. Who does not answer within max_s is told as such; E_LOST:
 * a line cannot be opened. */
int bench_read_back(const struct bench *b, struct rig *rig, struct live *live, const char *const *uris, double max_s, FILE *to, struct diag *reterr) MUST_USE;

#endif
