/* benchctl/interlocked.c - the interlocks and the watchdog of the bench while a run lives.
 *
 * A contact that is not healthy, gives no valid value, or gave none for three polls and a deadline trips the run at once. So does a watchdog output whose last confirmed set is two
 * periods old: the relay behind it has dropped by then, and an instrument that is cut off shows a current of zero as if the cell had wanted it.
 */
#include "benchctl/session_priv.h"

#include "base/str.h"

#include <math.h>

static bool counts(const struct session *s, int k)
{
    return interlock_counts(&s->bench->interlock[k], s->station, s->article->voltage_v.hi);
}

static nsec stale_at(const struct session *s, int k)
{
    return s->s.interlock[k].at + nsec_from_s(interlock_stale_s(s->bench, &s->bench->interlock[k]));
}

void session_interlock_take(struct session *s, const struct rig_event *re)
{
    for (int k = 0; k < s->bench->n_interlocks; k++) {
        const struct bench_interlock *lock = &s->bench->interlock[k];
        struct interlock_watch *w = &s->s.interlock[k];
        if (lock->inst != re->inst) {
            continue;
        }
        if (re->kind == RIG_LOST) {
            w->quality = Q_STALE;
        } else if (re->kind == RIG_SAMPLES && re->mask & 1U << lock->chan) {
            w->seen = 1;
            w->at = re->stamp;
            w->quality = re->quality[lock->chan];
            w->healthy = w->quality == Q_OK && (re->sample[lock->chan] > 0.5) == lock->healthy_on;
        }
    }
}

bool session_interlocks_ready(const struct session *s)
{
    for (int k = 0; k < s->bench->n_interlocks; k++) {
        if (counts(s, k) && !s->s.interlock[k].seen) {
            return false;
        }
    }
    return !s->bench->watchdog.there || s->rig->s.watchdog.held_until > 0;
}

/* Made safe already, or not begun. */
static bool at_rest(const struct session *s)
{
    return !s->s.started || s->s.ended || s->s.interlocked || s->run->state == RUN_SAFING || s->run->state == RUN_ENDED;
}

nsec session_interlock_due(const struct session *s)
{
    if (at_rest(s)) {
        return NSEC_NEVER;
    }
    nsec due = s->bench->watchdog.there ? s->rig->s.watchdog.held_until : NSEC_NEVER;
    for (int k = 0; k < s->bench->n_interlocks; k++) {
        nsec t = counts(s, k) ? stale_at(s, k) : NSEC_NEVER;
        due = t < due ? t : due;
    }
    return due;
}

static int trip(struct session *s, uint8_t inst, enum safe_cause cause, const char *why, struct diag *reterr)
{
    s->s.interlocked = 1;
    s->s.interlock_cause = (uint8_t)cause;
    s->s.text[0] = '\0'; /* this decides, not the silence before it */
    session_say(s, "warn", "`%s`: %s", s->bench->inst[inst].name, why);
    session_blame(s, inst, "%s", why);
    struct event e = {.kind = EV_TRIP, .code = CAUSE_INTERLOCK, .chan = CHAN_NONE, .stamp = s->rig->s.now};
    return session_feed(s, &e, reterr);
}

static int check_one(struct session *s, int k, struct diag *reterr)
{
    const struct bench_interlock *lock = &s->bench->interlock[k];
    const struct interlock_watch *w = &s->s.interlock[k];
    const char *chan = s->bench->inst[lock->inst].chans[lock->chan].name, *what = NULL;
    char why[120];
    if (!w->seen || w->quality != Q_OK || s->rig->s.now >= stale_at(s, k)) {
        what = "gives no fresh value";
    } else if (!w->healthy) {
        what = lock->healthy_on ? "is open" : "is closed";
    }
    if (!what) {
        return 0;
    }
    int r = str_fmt(why, sizeof why, "interlock %s: contact %s %s", lock->name, chan, what);
    (void)r; /* a long name is cut */
    return trip(s, lock->inst, lock->cause, why, reterr);
}

int session_interlock_check(struct session *s, struct diag *reterr)
{
    int r = 0;
    for (int k = 0; k < s->bench->n_interlocks && r == 0; k++) {
        if (!at_rest(s) && counts(s, k)) {
            r = check_one(s, k, reterr);
        }
    }
    if (r == 0 && !at_rest(s) && s->bench->watchdog.there && s->rig->s.now >= s->rig->s.watchdog.held_until) {
        r = trip(s, s->bench->watchdog.inst, SAFE_INTERLOCK, "watchdog output not set in time: its relay has dropped", reterr);
    }
    return r;
}
