/* benchctl/twin.h - virtual twins that are made up as the bench file says: a scanner's channels go
 * where the stations have them, a supply is as large as it is.
 */
#ifndef BENCHCTL_TWIN_H
#define BENCHCTL_TWIN_H

#include "benchctl/bench.h"
#include "drivers/virtual/ea_psb.h"
#include "drivers/virtual/keysight_daq970a.h"

struct twin {
    struct ea_psb_model supply;
    char type[40]; /* of the supply */
    struct keysight_daq970a_model scanner;
    struct daq_wire wire[CHANNELS_MAX];
};

/* *ret_model: what the emulator takes, NULL where it needs nothing; it points into ret, which stays
 * where it is while the emulator lives. A scanner's channels go to the groups and places of the
 * stations that name them; a thermocouple that none names lies in the room, leads are open. */
int twin_model(const struct bench *b, int inst, struct world *w, struct twin *ret,
               const void **ret_model, struct diag *reterr) MUST_USE;

#endif
