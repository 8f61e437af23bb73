/* benchctl/crew.c - the loop: one rig, and the runs on its stations.
 *
 * Whatever the rig says goes to every run, and each takes what is of its station. What two stations share (a chamber) belongs to whoever has set it: another run may want the same value; one
 * that wants another is refused, and ends in its own safe state, not in theirs. What a shared rule does when every station has ended waits for the last; where it acts for a cause, because the
 * chamber is too hot for everybody, the others trip with the one that saw it.
 *
 * Run files are closed when the last run has ended: hashing a long one takes longer than the guardian is patient.
 */
#include "benchctl/control.h"
#include "benchctl/session_priv.h"

#include "base/str.h"

#include <math.h>

/* At work: something that it holds may be needed. A run whose safe sequence is under way holds nothing any more. */
static bool at_work(const struct session *s)
{
    return !s->s.ended && s->run->state != RUN_SAFING && s->run->state != RUN_ENDED;
}

bool crew_others(const struct session *s)
{
    for (unsigned k = 0; k < s->lead->n_crew; k++) {
        if (s->lead->crew[k] != s && at_work(s->lead->crew[k])) {
            return true;
        }
    }
    return false;
}

static bool holds_otherwise(const struct session *s, uint8_t inst, uint16_t chan, double value)
{
    const struct station_desc *d = &s->map->desc;
    for (chan_id c = 0; c < d->n_chans; c++) {
        const struct chan_map *m = &s->map->chan[c];
        if (d->chan[c].set && m->inst == inst && m->chan == chan && !isnan(s->run->written[c])) {
            return fabs(s->run->written[c] - value * m->scale) > d->chan[c].resolution;
        }
    }
    return false;
}

const struct session *crew_holder(const struct session *s, uint8_t inst, uint16_t chan, double value)
{
    for (unsigned k = 0; k < s->lead->n_crew; k++) {
        const struct session *o = s->lead->crew[k];
        if (o != s && at_work(o) && holds_otherwise(o, inst, chan, value)) {
            return o;
        }
    }
    return NULL;
}

void crew_poll(struct session *s, uint8_t inst, double period_s)
{
    for (unsigned k = 0; k < s->lead->n_crew; k++) {
        const struct session *o = s->lead->crew[k];
        if (o != s && o->needed & 1U << inst) {
            period_s = fmin(period_s, s->bench->inst[inst].poll_s);
        }
    }
    rig_poll(s->rig, inst, period_s);
}

/* Does a shared rule that acts for this cause touch what this run needs? */
static bool is_touched(const struct session *s, enum safe_cause cause)
{
    for (uint8_t r = 0; r < s->bench->n_rules; r++) {
        const struct safe_rule *rule = &s->bench->rule[r];
        for (uint8_t k = 0; k < rule->n && rule->station < 0 && rule->causes & 1U << cause; k++) {
            if (rule->action[k].kind != ACTION_KEEP && s->needed & 1U << rule->action[k].inst) {
                return true;
            }
        }
    }
    return false;
}

int crew_tripped(struct session *s, enum safe_cause cause, struct diag *reterr)
{
    int r = 0;
    for (unsigned k = 0; k < s->lead->n_crew && r == 0; k++) {
        struct session *o = s->lead->crew[k];
        if (o == s || !o->s.started || !at_work(o) || !is_touched(o, cause)) {
            continue;
        }
        o->s.interlocked = 1;
        o->s.interlock_cause = (uint8_t)cause;
        session_say(o, "warn", "station %s has tripped (%s), and what both use is made safe", s->bench->station[s->station].name, safe_cause_names[cause]);
        int told = str_fmt(o->s.text, sizeof o->s.text, "station %s: %s", s->bench->station[s->station].name, safe_cause_names[cause]);
        (void)told; /* a long name is cut */
        struct event e = {.kind = EV_TRIP, .code = CAUSE_INTERLOCK, .chan = CHAN_NONE, .stamp = o->rig->s.now};
        r = session_feed(o, &e, reterr);
    }
    return r;
}

/* ---- The loop ------------------------------------------------------------------------------------------------------------------ */

static int take_events(struct session *lead, struct diag *reterr)
{
    struct rig_event re;
    int r = 0;
    while (r == 0 && rig_take(lead->rig, &re)) {
        for (unsigned k = 0; k < lead->n_crew && r == 0; k++) {
            r = session_take(lead->crew[k], &re, reterr);
        }
        if (lead->opt.live && (re.kind == RIG_IDENTIFIED || re.kind == RIG_WRONG)) {
            session_live_identified(lead);
        }
    }
    return r;
}

static int one_instant(struct session *lead, struct diag *reterr)
{
    nsec t = rig_due(lead->rig);
    for (unsigned k = 0; k < lead->n_crew; k++) {
        nsec due = session_due(lead->crew[k]);
        t = due < t ? due : t;
    }
    ASSERT(t != NSEC_NEVER || lead->opt.live);
    rig_wait(lead->rig, t);
    int r = take_events(lead, reterr);
    if (r == 0 && lead->opt.control) {
        r = control_work(lead->opt.control, lead, reterr);
    }
    for (unsigned k = 0; k < lead->n_crew && r == 0; k++) {
        r = session_instant(lead->crew[k], reterr);
    }
    return r;
}

static bool all_ended(const struct session *lead)
{
    for (unsigned k = 0; k < lead->n_crew; k++) {
        if (!lead->crew[k]->s.ended) {
            return false;
        }
    }
    return true;
}

static int finish(struct session *lead, struct diag *reterr)
{
    int r = 1;
    for (unsigned k = 0; k < lead->n_crew; k++) {
        int e = session_finish(lead->crew[k], reterr); /* each of them, whatever became of the one before */
        r = e < 0 && r > 0 ? e : r;
    }
    return r;
}

static bool is_stopped(const struct session *lead)
{
    return lead->opt.stop_at && lead->s.started && session_run_time(lead) >= lead->opt.stop_at;
}

int session_work(struct session *lead, struct diag *reterr)
{
    ASSERT(lead->lead == lead);
    for (;;) {
        int r = all_ended(lead) ? 0 : one_instant(lead, reterr);
        if (r == 0 && all_ended(lead)) {
            return finish(lead, reterr);
        }
        if (r == 0 && is_stopped(lead)) {
            return 0;
        }
        for (unsigned k = 0; k < lead->n_crew && r == 0; k++) {
            r = session_commit(lead->crew[k], reterr);
        }
        if (r != 0) {
            return r == SESSION_STOPPED ? 0 : r;
        }
    }
}
