/* benchctl/session_live.c - what a session has more on real lines: the guardian, the operator's signals, commits by the clock, and sets that wait until they are durable.
 *
 * The gate: an effect that needs durability leaves when the store says that its event is on the disk; what takes energy away (SAFE, output to rest, a smaller current) leaves at once.
 */
#include "benchctl/session_priv.h"

#include <string.h>

enum { COMMIT_MS = 100, GUARDIAN_LOOK_MS = 100 };

/* What is open now. */
static void line_fds(const struct live *l, int fds[LIVE_LINES_MAX])
{
    for (unsigned k = 0; k < l->n; k++) {
        fds[k] = l->line[k].up ? l->line[k].link.fd : -1;
    }
}

int session_live_open(struct session *s, struct diag *reterr)
{
    struct live *l = s->opt.live;
    int fds[LIVE_LINES_MAX];
    line_fds(l, fds);
    int r = s->opt.safed && s->lead == s ? guardian_start(&l->guardian, s->bench->name, s->opt.safed, s->opt.lock_fd, fds, l->n, reterr) : 0;
    if (r == 0 && s->opt.store) { /* after the fork: the guardian has no threads */
        r = store_threaded(s->opt.store, reterr);
        if (r == 0) {
            r = live_watch(l, store_event_fd(s->opt.store));
        }
    }
    s->batch = 1;
    return r;
}

/* Stations whose safe sequence the guardian would walk: those at work, and those whose own was not answered well, where it tries its own way when we go. */
static unsigned guarded_stations(const struct session *s)
{
    unsigned stations = 0;
    for (unsigned k = 0; k < s->lead->n_crew; k++) {
        const struct session *o = s->lead->crew[k];
        if (o->s.started && (!o->s.ended || o->s.walk.failed != 0)) {
            stations |= 1U << o->station;
        }
    }
    return stations;
}

static void guard(struct session *s)
{
    unsigned stations = guarded_stations(s);
    if (stations != 0) {
        live_cards(s->opt.live, stations);
    }
    guardian_arm(&s->opt.live->guardian, stations != 0);
}

void session_live_started(struct session *s)
{
    int r = s->opt.store ? store_anchor(s->opt.store, session_run_time(s), clock_wall(&s->opt.live->clock)) : 0;
    session_stored(s, r, "its clock");
    guard(s);
}

void session_live_identified(struct session *s)
{
    if (guardian_armed(&s->opt.live->guardian)) {
        guard(s);
    }
}

/* Nobody works without a guardian: a killed one has a successor at once. */
static void look_at_guardian(struct session *s)
{
    struct live *l = s->opt.live;
    if (s->rig->s.now < s->guardian_look) {
        return;
    }
    s->guardian_look = s->rig->s.now + GUARDIAN_LOOK_MS * NSEC_MS;
    bool died = guardian_died(&l->guardian);
    if (!died && (l->guardian.pid != 0 || !l->guardian.page)) {
        return;
    }
    int fds[LIVE_LINES_MAX];
    struct diag why;
    diag_init(&why);
    line_fds(l, fds);
    int r = guardian_again(&l->guardian, fds, l->n, &why);
    if (died) {
        session_say(s, "severe", "the guardian was killed: %s", r == 0 ? "another one watches" : "and there is no other");
    }
}

void session_live_ended(struct session *s)
{
    guard(s);
}

/* ---- The gate ------------------------------------------------------------------------------------------------------------------------ */

bool session_holds(struct session *s, const struct effect *fx)
{
    if (!s->opt.live || !s->opt.store || !fx->needs_durable) {
        return false;
    }
    if (s->n_held == SESSION_QUEUE) {
        return false; /* never more than one set waits for its answer: cannot be */
    }
    s->held[s->n_held].batch = s->batch;
    s->held[s->n_held].fx = *fx;
    s->n_held++;
    return true;
}

void session_drop_held(struct session *s)
{
    s->n_held = 0;
}

static void release(struct session *s)
{
    unsigned k = 0;
    while (k < s->n_held && s->held[k].batch <= s->durable) {
        session_set(s, &s->held[k].fx);
        k++;
    }
    s->n_held -= k;
    memmove(&s->held[0], &s->held[k], s->n_held * sizeof s->held[0]);
}

static int commit_begin(struct session *s, struct diag *reterr)
{
    int n = run_encode(s->run, s->program, s->state_buf, RUN_ENCODED_MAX);
    if (n < 0) {
        return diag_add(reterr, n, "the run's state does not fit its checkpoint");
    }
    if (s->s.started) {
        s->s.wall = clock_wall(&s->opt.live->clock);
        s->s.alive = session_run_time(s);
    }
    snap_save(&s->snap, s->world_buf);
    int r = store_commit_begin(s->opt.store, s->state_buf, (size_t)n, s->world_buf, s->snap.total, s->batch);
    if (r == 0) {
        s->committing = true;
        s->batch++;
        s->commit_at = s->rig->s.now + COMMIT_MS * NSEC_MS;
    }
    return r == E_BUSY ? 0 : r;
}

static int commit_end(struct session *s, struct diag *reterr)
{
    uint64_t durable = s->durable;
    struct diag why;
    diag_init(&why);
    (void)reterr;
    int r = store_commit_poll(s->opt.store, &durable, &why);
    if (r == 0) {
        return 0; /* still under way */
    }
    s->committing = false;
    if (r < 0) {
        session_stored(s, r, why.n ? why.finding[0].text : err_text(r)); /* STORE_BEHIND: the run pauses; the batch is kept and tried again */
        return 0;
    }
    s->durable = durable;
    session_stored_again(s);
    release(s);
    return s->opt.after_commit && s->opt.after_commit(s->opt.ctx, s) != 0 ? SESSION_STOPPED : 0;
}

static int take_signal(struct session *s, struct diag *reterr)
{
    int signalled = s->opt.signalled ? *s->opt.signalled : 0;
    if (signalled <= s->told_signal || !s->s.started || s->s.ended) {
        return 0;
    }
    s->told_signal = signalled;
    session_say(s, "warn", "asked to stop: the bench is made safe");
    struct event e = {.kind = EV_OPERATOR, .code = OP_ABORT, .chan = CHAN_NONE, .stamp = s->rig->s.now};
    return session_feed(s, &e, reterr);
}

int session_live_tick(struct session *s, struct diag *reterr)
{
    if (s->lead == s) {
        look_at_guardian(s);
    }
    int r = take_signal(s, reterr);
    if (r != 0 || !s->opt.store) {
        return r;
    }
    if (s->committing) {
        r = commit_end(s, reterr);
    }
    if (r == 0 && !s->committing && s->n_held > 0 && store_pending(s->opt.store) == 0) { /* its event left no row */
        s->durable = s->batch++;
        release(s);
    }
    bool wanted = s->n_held > 0 || s->rig->s.now >= s->commit_at;
    if (r == 0 && !s->committing && wanted && store_pending(s->opt.store) > 0) {
        r = commit_begin(s, reterr);
    }
    return r;
}

nsec session_live_due(const struct session *s)
{
    if (!s->opt.store || s->committing) {
        return NSEC_NEVER;
    }
    return store_pending(s->opt.store) > 0 ? s->commit_at : NSEC_NEVER;
}
