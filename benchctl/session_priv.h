/* benchctl/session_priv.h - between the loop (session.c) and the effects (gate.c). */
#ifndef BENCHCTL_SESSION_PRIV_H
#define BENCHCTL_SESSION_PRIV_H

#include "benchctl/session.h"

#include <stdarg.h>
#include <stdio.h>

enum { SESSION_STOPPED = 1000 };
enum { COMMIT_AGAIN_S = 60 };
enum { WALK_NONE, WALK_SAFE, WALK_AFTER_END };
/* A fixed date, so that two rehearsals give the same file: 2026-01-01 00:00 UTC. */
#define VIRTUAL_WALL_START_S INT64_C(1767225600)

int session_feed(struct session *s, struct event *e, struct diag *reterr) MUST_USE;
void session_queue(struct session *s, const struct event *e);
int session_effects(struct session *s, const struct event *e, struct diag *reterr) MUST_USE;
void session_say(const struct session *s, const char *level, const char *fmt, ...) PRINTF(3, 4);
/* Remember which instrument it was first, for the closing line. */
void session_blame(struct session *s, uint8_t inst, const char *fmt, ...) PRINTF(3, 4);
/* What the safe sequence could not do is part of the closing line. */
void session_unsafe(struct session *s);
/* The store said no (r < 0): the run is told once, until it can write again. */
void session_stored(struct session *s, int r, const char *why);
/* The run is over, and so is what came after it. */
void session_ended(struct session *s);
void session_identity(struct session *s, uint8_t inst);

/* session.c, for the loop (crew.c) */
int session_take(struct session *s, const struct rig_event *re, struct diag *reterr) MUST_USE;
/* When it wants to be asked: its own timer, script, safe sequence, interlocks, commits. */
nsec session_due(const struct session *s);
/* What is due now, and what events have left. */
int session_instant(struct session *s, struct diag *reterr) MUST_USE;
/* A rehearsal's commit, where there are rows enough. */
int session_commit(struct session *s, struct diag *reterr) MUST_USE;
int session_finish(struct session *s, struct diag *reterr) MUST_USE;
/* crew.c: is any other run of the bench still going on? */
bool crew_others(const struct session *s);
/* Who holds a shared instrument elsewhere than this value; NULL: nobody. */
const struct session *crew_holder(const struct session *s, uint8_t inst, uint16_t chan, double value);
/* A poll period that a run asks for; an instrument that others use too is not polled slower than its bench file says. */
void crew_poll(struct session *s, uint8_t inst, double period_s);
/* A safe sequence has taken what others use: their runs trip. */
int crew_tripped(struct session *s, enum safe_cause cause, struct diag *reterr) MUST_USE;

/* A token on the wire says whose it is. */
enum { TOKEN_STATION_SHIFT = SAFE_OWNER_SHIFT };
static inline uint32_t session_token(const struct session *s, uint32_t token)
{
    return token | (uint32_t)s->station << TOKEN_STATION_SHIFT;
}

/* Rig time as run time. */
nsec session_run_time_at(const struct session *s, nsec rig_time);
/* interlocked.c: from the boxes, before and after the start; ready: every input has been seen and the watchdog relay holds. */
void session_interlock_take(struct session *s, const struct rig_event *re);
bool session_interlocks_ready(const struct session *s);
nsec session_interlock_due(const struct session *s);
/* Trip when something is not healthy; once. */
int session_interlock_check(struct session *s, struct diag *reterr) MUST_USE;
/* model_band.c: after each sample of the cycler's group. stamp: rig time. */
int session_model(struct session *s, nsec stamp, struct diag *reterr) MUST_USE;
/* A row of the cycler is written: the model's own beside it; later in this sample, or with what is known now. */
void session_model_row(struct session *s, nsec t, uint32_t step, uint32_t cycle, bool later);
/* gate.c */
/* A line in the journal and on the terminal: note, info, warn, severe. */
void session_tell(struct session *s, const char *level, const char *text);
void session_set(struct session *s, const struct effect *fx);
void session_stored_again(struct session *s);
/* session_live.c: real lines only. */
int session_live_open(struct session *s, struct diag *reterr) MUST_USE;
void session_live_started(struct session *s);
/* Somebody has said anew who he is: the guardian's cards name who is there now. */
void session_live_identified(struct session *s);
void session_live_ended(struct session *s);
int session_live_tick(struct session *s, struct diag *reterr) MUST_USE;
nsec session_live_due(const struct session *s);
/* Does this set wait for the store? SAFE drops what waits. */
bool session_holds(struct session *s, const struct effect *fx);
void session_drop_held(struct session *s);

#endif
