/* tests/support/pair_fixture.h - every driver against its emulator, over bus, host and world.
 * Nothing here knows an instrument but the table of gentle values.
 *
 * Judged at the instrument, not in the driver's belief: energized() after safe, standing() against
 * every reading and every proof of a set-point. A late or foreign reply that was taken for the
 * right one shows as a set-point that does not stand.
 */
#ifndef TESTS_SUPPORT_PAIR_FIXTURE_H
#define TESTS_SUPPORT_PAIR_FIXTURE_H

#include "drivers/virtual/world.h"
#include "tests/support/bus_rig.h"

extern struct world pair_world;
extern unsigned n_not_ok; /* samples of another quality than Q_OK so far */

#define PAIR_ROWS "tests/pairs"                 /* the channels of the generic drivers */
const struct driver *pair_driver(int i);        /* NULL: no more */
const void *pair_model(const struct driver *d); /* of its emulator, for emu_param */
int n_drivers(void);

/* A value for this channel that a bench could live with. */
double gentle(const struct chan *c);
/* The set-point that emu.standing() speaks of: the first channel that is set by a number; -1: none.
 */
int standing_chan(const struct inst *inst);
int state_chan(const struct inst *inst); /* the first that is set to a state; -1: none */
bool settable(const struct inst *inst, int chan, bool states);
double standing(const struct rig *r, int inst);
bool stands(const struct rig *r, int inst, double value);
bool energized(const struct rig *r, int inst);

/* A set-point that is read, or proven, is the one that stands now: no request is under way that
 * could have changed it since. Hangs on each rig made here. */
void pair_judge(struct rig *r, const struct bus_report *report);

struct rig *pair_make(int driver);
struct rig *pair_make_shared(const struct driver *d, int units, bool addressed);
void pair_identify(struct rig *r);
/* Identified, all set-points at gentle values, at work, polled each second for 10 s. */
struct rig *pair_operating(int driver);

/* Exactly one answer to a set that has ended; none to one that was never sent. */
void one_answer(const struct rig *r, int64_t token);
/* Set and wait for the end. Returns the token. */
int64_t pair_set(struct rig *r, int inst, int chan, double value);
/* The same, and it must have been done. */
void pair_set_well(struct rig *r, int inst, int chan, double value);

#endif
