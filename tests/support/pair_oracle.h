/* tests/support/pair_oracle.h - what an instrument would say if it were asked now over a perfect
 * line: its emulator is copied, and the copy is asked by the driver itself, without a bus. */
#ifndef TESTS_SUPPORT_PAIR_ORACLE_H
#define TESTS_SUPPORT_PAIR_ORACLE_H

#include "tests/support/bus_rig.h"

struct oracle {
    bool answered; /* identify and poll ended well */
    bool known[CHANNELS_MAX];
    struct sample last[CHANNELS_MAX]; /* of each channel that was read */
};

/* env: the world as the copy shall see it; nothing that it drives may reach the true one. */
void oracle_ask(const struct rig *r, int inst, const struct emu_env *env, nsec now,
                struct oracle *ret);

#endif
