/* benchctl/session.c - one run: what is due next, what events mean to it, what follows from them. The loop itself is crew.c.
 *
 * Order within one instant: lines and emulators first, then the engine's own timer, then script and safe sequence; events are fed one after the other, each with all its effects, before the
 * next is looked at. A commit falls between events only, so that what is in the file is one instant of everything.
 */
#include "benchctl/session_priv.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Run time and rig time: the procedure's clock runs --speed times faster. */
nsec session_run_time_at(const struct session *s, nsec rig_time)
{
    nsec t = rig_time - s->s.start_at;
    return s->rig->speed > 1.0 ? nsec_from_s(nsec_to_s(t) * s->rig->speed) : t;
}

static nsec rig_time_at(const struct session *s, nsec run_time)
{
    nsec t = s->rig->speed > 1.0 ? nsec_from_s(nsec_to_s(run_time) / s->rig->speed) + 1 : run_time;
    return s->s.start_at + t;
}

nsec session_run_time(const struct session *s)
{
    return s->s.started ? session_run_time_at(s, s->rig->s.now) : 0;
}

void session_say(const struct session *s, const char *level, const char *fmt, ...)
{
    if (!s->opt.say) {
        return;
    }
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    s->opt.say(s->opt.ctx, s, level, text);
}

/* ---- Feeding ------------------------------------------------------------------------------------------------------------------- */

int session_feed(struct session *s, struct event *e, struct diag *reterr)
{
    e->seq = ++s->s.seq;
    e->at = session_run_time(s);
    e->stamp = session_run_time_at(s, e->stamp);
    s->s.events++;
    int r = run_feed(s->run, s->program, e, &s->fx);
    if (r < 0) {
        s->s.seq--;
        return diag_add(reterr, r, "the engine cannot take a %s event in state %s", event_name(e->kind), run_state_name(s->run->state));
    }
    ASSERT(!s->fx.overflow);
    r = session_effects(s, e, reterr);
    if (r == 0 && s->opt.after_event && s->opt.after_event(s->opt.ctx, s) != 0) {
        return SESSION_STOPPED;
    }
    return r;
}

void session_queue(struct session *s, const struct event *e)
{
    ASSERT(s->s.n_queue < SESSION_QUEUE);
    s->s.queue[s->s.n_queue++] = *e;
}

static int drain_queue(struct session *s, struct diag *reterr)
{
    while (s->s.n_queue > 0 && !s->s.ended) {
        struct event e = s->s.queue[0];
        s->s.n_queue--;
        memmove(&s->s.queue[0], &s->s.queue[1], s->s.n_queue * sizeof e);
        e.stamp = s->rig->s.now;
        int r = session_feed(s, &e, reterr);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* ---- From the rig ---------------------------------------------------------------------------------------------------------------- */

static chan_id station_chan_of(const struct session *s, uint8_t inst, uint16_t chan, bool set)
{
    const struct station_desc *d = &s->map->desc;
    for (chan_id c = 0; c < d->n_chans; c++) {
        if (s->map->chan[c].inst == inst && s->map->chan[c].chan == chan && d->chan[c].set == set) {
            return c;
        }
    }
    return CHAN_NONE;
}

static uint16_t group_of_inst(const struct session *s, uint8_t inst)
{
    for (uint16_t g = 0; g < s->map->desc.n_groups; g++) {
        if (s->map->group_inst[g] == inst) {
            return g;
        }
    }
    return PROG_NONE;
}

static int feed_samples(struct session *s, const struct rig_event *re, uint16_t g, struct diag *reterr)
{
    const struct station_group *grp = &s->map->desc.group[g];
    struct event e = {.kind = EV_SAMPLE, .code = g, .n = grp->n, .stamp = re->stamp, .chan = CHAN_NONE};
    for (uint8_t k = 0; k < grp->n; k++) {
        const struct chan_map *m = &s->map->chan[grp->chan[k]];
        bool came = (re->mask & 1U << m->chan) != 0;
        e.quality[k] = came ? re->quality[m->chan] : (uint8_t)Q_STALE;
        e.sample[k] = came && e.quality[k] == Q_OK ? re->sample[m->chan] * m->scale : (double)NAN;
    }
    int r = session_feed(s, &e, reterr);
    return r == 0 && s->band && g == s->run->derived.cycler_group ? session_model(s, re->stamp, reterr) : r;
}

/* What decides is named rather than the silence before it; what comes while the bench is made safe is not the cause. */
static void blame_anew(struct session *s, uint16_t kind)
{
    if (kind != EV_INST_LOST && s->run->state != RUN_SAFING && s->run->state != RUN_ENDED) {
        s->s.text[0] = '\0';
    }
}

static int feed_set(struct session *s, const struct rig_event *re, uint16_t kind, struct diag *reterr)
{
    chan_id c = station_chan_of(s, re->inst, re->chan, true);
    double scale = c == CHAN_NONE ? 1.0 : s->map->chan[c].scale;
    uint32_t token = re->token & ((UINT32_C(1) << TOKEN_STATION_SHIFT) - 1);
    struct event e = {.kind = kind, .chan = c, .token = token, .value = re->value * scale, .stamp = re->stamp};
    if (kind != EV_SET_CONFIRMED) {
        const char *chan = s->bench->inst[re->inst].chans[re->chan].name;
        session_say(s, "warn", "`%s` %s: %s %s", s->bench->inst[re->inst].name, chan, event_name(kind), re->text);
        blame_anew(s, kind);
        session_blame(s, re->inst, "%s of %s%s%s", event_name(kind), chan, re->text[0] ? ", " : "", re->text);
    }
    return session_feed(s, &e, reterr);
}

static int feed_inst(struct session *s, const struct rig_event *re, uint16_t kind, struct diag *reterr)
{
    uint16_t g = group_of_inst(s, re->inst);
    if (g == PROG_NONE) {
        return 0; /* not of this station */
    }
    if (kind != EV_INST_BACK) {
        session_say(s, "warn", "`%s`: %s %s", s->bench->inst[re->inst].name, event_name(kind), re->text);
        blame_anew(s, kind);
        session_blame(s, re->inst, "%s%s%s", event_name(kind), re->text[0] ? ", " : "", re->text);
    }
    struct event e = {.kind = kind, .code = g, .value = re->value, .chan = CHAN_NONE, .stamp = re->stamp};
    return session_feed(s, &e, reterr);
}

/* A cycler that does not answer may go on sourcing: it is told blindly to switch off, which needs no answer, and the run pauses: when it is back, its output may be off. */
static int feed_lost(struct session *s, const struct rig_event *re, struct diag *reterr)
{
    bool at_work = s->run->state == RUN_ARMED || s->run->state == RUN_RUNNING || s->run->state == RUN_PAUSED;
    bool told = at_work && re->inst == s->bench->station[s->station].cycler && rig_safe(s->rig, re->inst, SAFE_OUTPUT_OFF, session_token(s, SAFE_TOKEN)) == 0;
    int mode = inst_find_chan(&s->bench->inst[re->inst], "mode");
    if (told && mode >= 0) {
        rig_note_asked(s->rig, re->inst, (uint16_t)mode, CYCLER_OFF);
    }
    struct rig_event lost = *re;
    lost.value = told;
    int r = feed_inst(s, &lost, EV_INST_LOST, reterr);
    if (told) {
        session_say(s, "warn", "`%s` is told to switch off, heard or not", s->bench->inst[re->inst].name);
    }
    return r;
}

/* It answers again. When it does not hold what it held, it was not the line that was silent. */
static int feed_back(struct session *s, const struct rig_event *re, struct diag *reterr)
{
    struct rig_event restart = *re;
    int r = feed_inst(s, re, EV_INST_BACK, reterr);
    if (r == 0 && rig_forgot(s->rig, re->inst, restart.text, sizeof restart.text)) {
        r = feed_inst(s, &restart, EV_INST_REBOOT, reterr);
    }
    return r;
}

/* The run time goes on where it stopped, and the gap counts. */
static void go_on(struct session *s)
{
    nsec gap = clock_wall(&s->opt.live->clock) - s->s.wall;
    s->gap_s = nsec_to_s(gap > 0 ? gap : 0); /* somebody has put the clock back */
    s->s.start_at = s->rig->s.now - nsec_from_s(nsec_to_s(s->s.alive) / s->rig->speed + s->gap_s);
    s->gap_s *= s->rig->speed;
    if (s->s.store_behind) {
        struct event e = {.kind = EV_STORE_OK, .chan = CHAN_NONE};
        s->s.store_behind = 0;
        session_queue(s, &e);
    }
}

static int start(struct session *s, struct diag *reterr)
{
    bool resumed = !isnan(s->gap_s);
    s->s.started = 1;
    s->s.start_at = s->rig->s.now;
    if (resumed) {
        go_on(s);
    }
    if (s->opt.live) {
        session_live_started(s);
    }
    if (resumed && s->run->state == RUN_ENDED) {
        s->s.walk_kind = WALK_AFTER_END;
        safe_begin(&s->s.walk, s->rig, s->station, SAFE_ANY, true, !crew_others(s));
        return 0;
    }
    struct event e = {.kind = resumed ? EV_RESUMED : EV_START, .value = resumed ? s->gap_s : 0.0, .chan = CHAN_NONE, .stamp = s->rig->s.now};
    return session_feed(s, &e, reterr);
}

static bool all_met(const struct session *s)
{
    for (uint8_t i = 0; i < s->bench->n_insts; i++) {
        if (s->needed & 1U << i && !s->s.identified[i]) {
            return false;
        }
    }
    return true;
}

/* When everybody has said who he is, the contacts have been seen and the watchdog relay holds. */
static int begin(struct session *s, struct diag *reterr)
{
    return !s->s.started && !s->s.ended && all_met(s) && session_interlocks_ready(s) ? start(s, reterr) : 0;
}

static int identified(struct session *s, const struct rig_event *re, struct diag *reterr)
{
    s->s.identified[re->inst] = 1;
    session_identity(s, re->inst);
    return begin(s, reterr);
}

/* Answers to what another station has asked for are not ours. */
static bool is_others(const struct session *s, const struct rig_event *re)
{
    switch ((enum rig_event_kind)re->kind) {
    case RIG_SET_DONE:
    case RIG_SET_MISMATCH:
    case RIG_SET_REFUSED:
    case RIG_SET_FAILED:
    case RIG_JOB_DONE:
    case RIG_JOB_FAILED: return (re->token >> TOKEN_STATION_SHIFT & (BENCH_STATIONS_MAX - 1)) != (uint32_t)s->station;
    case RIG_SAMPLES:
    case RIG_EDGE:
    case RIG_IDENTIFIED:
    case RIG_WRONG:
    case RIG_LOST:
    case RIG_BACK:
    case RIG_ALARM:
    case RIG_LOCAL:
    case RIG_REBOOTED: return false;
    }
    return false;
}

int session_take(struct session *s, const struct rig_event *re, struct diag *reterr)
{
    if (is_others(s, re) || safe_take(&s->s.walk, re)) {
        return 0;
    }
    session_interlock_take(s, re);
    if (re->kind == RIG_IDENTIFIED) {
        return identified(s, re, reterr);
    }
    if (re->kind == RIG_WRONG && !s->s.started && s->needed & 1U << re->inst) {
        int r = start(s, reterr);
        return r != 0 ? r : feed_inst(s, re, EV_INST_WRONG, reterr);
    }
    if (!s->s.started || s->s.ended) {
        return 0;
    }
    switch ((enum rig_event_kind)re->kind) {
    case RIG_SAMPLES:
        for (uint16_t g = 0; g < s->map->desc.n_groups; g++) {
            if (s->map->group_inst[g] == re->inst) {
                return feed_samples(s, re, g, reterr);
            }
        }
        return 0;
    case RIG_EDGE: {
        chan_id c = station_chan_of(s, re->inst, re->chan, false);
        struct event e = {.kind = EV_EDGE, .chan = c, .value = re->value, .stamp = re->stamp};
        return c == CHAN_NONE ? 0 : session_feed(s, &e, reterr);
    }
    case RIG_SET_DONE: return feed_set(s, re, EV_SET_CONFIRMED, reterr);
    case RIG_SET_MISMATCH: return feed_set(s, re, EV_SET_MISMATCH, reterr);
    case RIG_SET_REFUSED: return feed_set(s, re, EV_SET_REFUSED, reterr);
    case RIG_SET_FAILED: return feed_set(s, re, EV_SET_FAILED, reterr);
    case RIG_LOST: return feed_lost(s, re, reterr);
    case RIG_BACK: return feed_back(s, re, reterr);
    case RIG_ALARM: return feed_inst(s, re, EV_INST_ALARM, reterr);
    case RIG_LOCAL: return feed_inst(s, re, EV_INST_LOCAL, reterr);
    case RIG_REBOOTED: return feed_inst(s, re, EV_INST_REBOOT, reterr);
    case RIG_WRONG: return feed_inst(s, re, EV_INST_WRONG, reterr);
    case RIG_JOB_DONE:
    case RIG_JOB_FAILED:
    case RIG_IDENTIFIED: return 0;
    }
    return 0;
}

/* ---- Script and safe sequence ------------------------------------------------------------------------------------------------------- */

static nsec script_due(const struct session *s)
{
    if (!s->s.started || s->s.ended || s->s.script_at >= s->opt.n_script) {
        return NSEC_NEVER;
    }
    return rig_time_at(s, s->opt.script[s->s.script_at].at);
}

static int do_script(struct session *s, struct diag *reterr)
{
    while (script_due(s) <= s->rig->s.now) {
        const struct script_item *it = &s->opt.script[s->s.script_at++];
        switch ((enum script_kind)it->kind) {
        case SCRIPT_LINE_FAULT: rig_line_fault(s->rig, it->inst, it->what, it->count, it->late_s); break;
        case SCRIPT_MIND_FAULT: rig_mind_fault(s->rig, it->inst, it->what, it->on); break;
        case SCRIPT_HAND: rig_hand(s->rig, it->inst, it->what, it->on); break;
        case SCRIPT_OPERATOR: {
            struct event e = {.kind = EV_OPERATOR, .code = it->what, .chan = CHAN_NONE, .stamp = s->rig->s.now};
            int r = session_feed(s, &e, reterr);
            if (r != 0) {
                return r;
            }
            break;
        }
        }
    }
    return 0;
}

static int go_safe(struct session *s, struct diag *reterr)
{
    bool done = safe_go(&s->s.walk, s->rig);
    uint8_t cycler = s->bench->station[s->station].cycler;
    if (cycler != INST_NONE && (s->s.walk.failed_insts & 1U << cycler) && !crew_others(s)) {
        rig_watchdog_stop(s->rig); /* nobody can say that its output is off: the relay cuts it, and no other station's */
    }
    if (!done) {
        return 0;
    }
    if (s->s.walk_kind == WALK_AFTER_END) {
        session_unsafe(s);
        session_ended(s);
        return 0;
    }
    session_unsafe(s);
    struct event e = {.kind = EV_SAFE_DONE, .value = s->s.walk.failed == 0, .chan = CHAN_NONE, .stamp = s->rig->s.now};
    return session_feed(s, &e, reterr);
}

/* ---- The loop -------------------------------------------------------------------------------------------------------------------------- */

static nsec min_of(nsec a, nsec b)
{
    return a < b ? a : b;
}

static nsec wake_due(const struct session *s)
{
    if (!s->s.started && !s->s.ended) {
        return s->s.identify_until;
    }
    if (s->s.ended || s->run->state == RUN_ENDED) {
        return NSEC_NEVER;
    }
    nsec wake = run_next_wake(s->run, s->program);
    return wake == NSEC_NEVER ? NSEC_NEVER : rig_time_at(s, wake);
}

static int do_wake(struct session *s, struct diag *reterr)
{
    if (!s->s.started) { /* somebody did not say who he is: the run begins, names him in its pre-flight and ends */
        s->s.bench_down = 1;
        for (uint8_t i = 0; i < s->bench->n_insts; i++) {
            if (s->needed & 1U << i && !s->s.identified[i]) {
                session_say(s, "error", "`%s` does not answer", s->bench->inst[i].name);
                session_blame(s, i, "does not answer");
            }
        }
        return start(s, reterr);
    }
    struct event e = {.kind = EV_TIMER, .chan = CHAN_NONE, .stamp = s->rig->s.now};
    return session_feed(s, &e, reterr);
}

nsec session_due(const struct session *s)
{
    nsec t = min_of(wake_due(s), min_of(script_due(s), safe_due(&s->s.walk)));
    t = min_of(t, session_interlock_due(s));
    return s->opt.live ? min_of(t, session_live_due(s)) : t;
}

int session_instant(struct session *s, struct diag *reterr)
{
    nsec t = s->rig->s.now;
    int r = begin(s, reterr);
    r = r == 0 ? session_interlock_check(s, reterr) : r;
    if (r == 0 && wake_due(s) <= t && !s->s.ended) {
        r = do_wake(s, reterr);
    }
    r = r == 0 ? do_script(s, reterr) : r;
    r = r == 0 ? go_safe(s, reterr) : r;
    r = r == 0 && s->opt.live ? session_live_tick(s, reterr) : r;
    return r == 0 ? drain_queue(s, reterr) : r;
}

/* What may be otherwise in a while: a disk is full or away, a reader is in the way. */
static bool may_pass(int code)
{
    return code == E_FULL || code == E_IO || code == E_BUSY;
}

/* A commit that fails leaves the file as it was and the rows in memory: the run pauses, and it is tried again. */
static int commit_failed(struct session *s, int code, const char *why, struct diag *reterr)
{
    if (!may_pass(code)) {
        return diag_add(reterr, code, "%s", why);
    }
    session_stored(s, code, why);
    s->commit_again = s->rig->s.now + COMMIT_AGAIN_S * NSEC_S;
    return 0;
}

static int commit(struct session *s, struct diag *reterr)
{
    struct diag d;
    diag_init(&d);
    int n = run_encode(s->run, s->program, s->state_buf, RUN_ENCODED_MAX);
    if (n < 0) {
        return diag_add(reterr, n, "the run's state does not fit its checkpoint");
    }
    snap_save(&s->snap, s->world_buf);
    int r = store_commit(s->opt.store, s->state_buf, (size_t)n, s->world_buf, s->snap.total, &d);
    if (r < 0) {
        return commit_failed(s, r, d.n ? d.finding[d.n - 1].text : err_text(r), reterr);
    }
    session_stored_again(s);
    return s->opt.after_commit && s->opt.after_commit(s->opt.ctx, s) != 0 ? SESSION_STOPPED : 0;
}

int session_commit(struct session *s, struct diag *reterr)
{
    bool due = s->opt.store && !s->opt.live && !s->finished && store_pending(s->opt.store) >= s->opt.commit_rows && s->rig->s.now >= s->commit_again;
    return due ? commit(s, reterr) : 0;
}

int session_finish(struct session *s, struct diag *reterr)
{
    s->finished = true;
    if (!s->opt.store) {
        return 1;
    }
    struct store_end end = {
        .t = s->s.ended_at, .verdict = verdict_text(s->s.verdict), .cause = cause_text(s->s.cause), .text = s->s.text, .exit_code = session_exit_code(s),
        .events = s->s.events, .guard_evaluations = s->run->guard_evaluations, .virtual_speed = NAN,
    };
    int r = store_end(s->opt.store, &end, s->rows_sha256, reterr);
    if (may_pass(r)) {
        diag_hint(reterr, "when it can be written again, go on from its last commit: --resume %lld", (long long)s->number);
    }
    return r < 0 ? r : 1;
}

int session_exit_code(const struct session *s)
{
    switch ((enum verdict)s->s.verdict) {
    case VERDICT_DONE: return 0;
    case VERDICT_REJECTED: return 1;
    case VERDICT_TRIP: return 5;
    case VERDICT_ABORT: return s->s.bench_down ? 4 : 6;
    case VERDICT_FAIL: return 7;
    case VERDICT_NONE: break;
    }
    return 70;
}
