/* benchctl/safe.h - the one walker of safe sequences. Flat state; one action after the other, each answered or given up after SAFE_ACTION_S; an action that fails
 * does not stop the next.
 */
#ifndef BENCHCTL_SAFE_H
#define BENCHCTL_SAFE_H

#include "benchctl/rig.h"

enum { SAFE_ACTION_S = 20 };
#define SAFE_TOKEN UINT32_C(0x80000000) /* tokens of the walker have this bit, and say whose it is */
enum { SAFE_OWNER_SHIFT = 28 };

enum safe_waiting { SAFE_IDLE, SAFE_WAITS, SAFE_ANSWERED };
struct safe_walk {
    uint8_t active, done, failed; /* failed: actions that were not answered well */
    uint8_t station, cause, owner, last; /* station: INST_NONE where only shared rules are walked; owner: whose walk it is; last: no other station is at work */
    uint8_t rule, action;         /* next to begin */
    uint8_t waiting, ramping;
    uint16_t failed_insts;        /* bit set: whose actions failed */
    uint32_t token;
    nsec deadline, ramp_at;
    double ramp_value;
};

/* Begin: everything queued for the station's instruments below SAFE is dropped. only_shared: after a normal end, what `every station ended` asks for; last: every other one has. */
void safe_begin(struct safe_walk *w, struct rig *r, int station, enum safe_cause cause, bool only_shared, bool last);
/* Go on: call after begin, after each event, and when safe_due() is reached. Returns true once when it has just ended. */
bool safe_go(struct safe_walk *w, struct rig *r);
/* An answer of the rig; true when it was the walker's. */
bool safe_take(struct safe_walk *w, const struct rig_event *e);
nsec safe_due(const struct safe_walk *w);

#endif
