/* benchctl/actuators.h - what becomes of everything that can heat, press or carry current when a process or the host above it dies. Told by `benchctl check`. */
#ifndef BENCHCTL_ACTUATORS_H
#define BENCHCTL_ACTUATORS_H

#include "benchctl/bench.h"

enum { ACTUATOR_TEXT = 120 };
struct actuator {
    uint8_t inst;
    char controller[ACTUATOR_TEXT]; /* the controller dies or hangs */
    char guardian[ACTUATOR_TEXT];   /* the guardian dies, the controller lives and starts another */
    char host[ACTUATOR_TEXT];       /* both, or the host */
    bool stays;                     /* nothing makes it harmless when the host dies */
};
/* Of one station; returns how many. */
int actuators_of(const struct bench *b, int station, struct actuator ret[3]);

#endif
