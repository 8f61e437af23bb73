/* benchctl/rig_priv.h - between the files of a rig. */
#ifndef BENCHCTL_RIG_PRIV_H
#define BENCHCTL_RIG_PRIV_H

#include "benchctl/rig.h"

/* Which ports of the world an instrument is wired to. */
struct wired {
    uint16_t n, port[EMU_PORTS_MAX];
};

/* rig_world.c: chambers, fixtures and cells of the bench file; ports[] by instrument. */
int rig_open_world(struct rig *r, struct wired *ports, struct diag *reterr) MUST_USE;

#endif
