/* procedures/engine/run.c - one event: is it ours, which cell of the table, what does it do. */
#include "procedures/engine/run_priv.h"

struct effect *fx_add(struct feed *f, enum effect_kind kind, bool durable)
{
    struct effect_list *l = f->fx;
    struct effect *x = &l->fx[l->n < EFFECTS_MAX ? l->n : EFFECTS_MAX - 1];

    if (l->n < EFFECTS_MAX)
        l->n++;
    else
        l->overflow = true;
    memset(x, 0, sizeof(*x));
    x->kind = (uint8_t)kind;
    x->needs_durable = durable;
    x->chan = CHAN_NONE;
    x->text = PROG_NONE;
    x->step = f->r->step;
    return x;
}

bool fx_room(const struct feed *f)
{
    return f->fx->n < EFFECTS_MAX - EFFECTS_SPARE;
}

static nsec later(nsec a, nsec b)
{
    return a > b ? a : b;
}
static nsec earlier(nsec a, nsec b)
{
    return a < b ? a : b;
}

/* ---- Init ------------------------------------------------------------------------------------ */

static int fits(const struct program *p, struct diag *reterr)
{
    const struct {
        const char *what;
        size_t n, most;
    } rows[] = {
        {"registers",   p->n_regs,           PROG_REGS_MAX     },
        {"hold timers", p->n_holds,          PROG_HOLDS_MAX    },
        {"windows",     p->n_windows,        PROG_WINDOWS_MAX  },
        {"guards",      p->n_guards,         PROG_GUARDS_MAX   },
        {"watch rules", p->n_watches,        PROG_WATCHES_MAX  },
        {"channels",    p->station.n_chans,  STATION_CHANS_MAX },
        {"groups",      p->station.n_groups, STATION_GROUPS_MAX},
        {"steps",       p->n_steps,          PROG_STEPS_MAX    },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].n > rows[i].most)
            return diag_add(reterr, E_FULL, "the program has %zu %s, a run can hold %zu", rows[i].n,
                            rows[i].what, rows[i].most);
    for (uint16_t x = 0; x < p->n_exprs; x++) {
        int rc = expr_validate(p, x, reterr);

        if (rc < 0)
            return rc;
    }
    return p->start < p->n_steps ? 0 : diag_add(reterr, E_CORRUPT, "the program has no first step");
}

static void init_times(struct run *r, const struct program *p)
{
    nsec *never[] = {&r->act_began,      &r->act_paused_at, &r->for_at,         &r->least_at,
                     &r->timeout_at,     &r->change_at,     &r->question_until, &r->count.open_at,
                     &r->count.close_at, &r->count.edge_at, &r->proof_at,       &r->press_off_since};

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        *never[i] = NSEC_NEVER;
    for (size_t i = 0; i < PROG_HOLDS_MAX; i++)
        r->hold[i].since = NSEC_NEVER;
    for (size_t i = 0; i < PROG_GUARDS_MAX; i++)
        r->guard[i].since = r->guard_invalid[i].since = NSEC_NEVER;
    for (size_t i = 0; i < p->n_windows; i++)
        window_reset(&r->window[i]);
}

int run_init(struct run *r, const struct program *p, struct diag *reterr)
{
    int rc = fits(p, reterr);

    if (rc < 0)
        return rc;
    memset(r, 0, sizeof(*r));
    init_times(r, p);
    r->cycle = 1;
    r->next_token = 1;
    r->cause_text = PROG_NONE;
    r->cause_chan = CHAN_NONE;
    r->cause_group = PROG_NONE;
    r->ending = PROG_NONE;
    r->last_end = CAUSE_NONE;
    r->one_c_a = p->one_c_a;
    r->cause_value = r->soc_c = r->rest_v = r->rest_a = (double)NAN;
    for (size_t i = 0; i < STATION_CHANS_MAX; i++) {
        r->setpoint[i] = r->written[i] = r->chan[i].value = r->chan[i].raw = (double)NAN;
        r->chan[i].quality = Q_INVALID;
    }
    r->count.last_a = r->count.last_v = (double)NAN;
    for (size_t i = 0; i < p->station.n_groups; i++)
        r->group_period_s[i] = p->station.group[i].period_s;
    for (size_t i = 0; i < p->n_regs; i++)
        r->reg[i] = p->regs[i].initial;
    run_derive(r, p);
    return 0;
}

/* ---- Samples ----------------------------------------------------------------------------------
 */

static void take_values(struct run *r, const struct program *p, const struct event *e)
{
    const struct station_group *g = &p->station.group[e->code];
    nsec stamp = earlier(e->stamp, r->at);

    for (uint8_t i = 0; i < g->n; i++) {
        struct run_chan *c = &r->chan[g->chan[i]];
        double v = e->sample[i];
        bool ok = e->quality[i] == Q_OK && isfinite(v);

        c->at = later(c->at, stamp);
        c->quality = ok ? Q_OK : e->quality[i] == Q_OK ? Q_INVALID : e->quality[i];
        c->value = ok ? v : (double)NAN;
        if (!ok)
            continue;
        if (c->seen && !(v < c->raw) && !(v > c->raw)) {
            c->same++;
        } else {
            c->changed_at = r->moment;
            c->same = 0;
        }
        c->raw = v;
        c->seen = 1;
    }
    r->group_at[e->code] = later(r->group_at[e->code], stamp);
}

/* RUNNING: the act, watch rules, recording; only then what the act's end brings. */
static void running_sample(struct feed *f)
{
    struct run *r = f->r;
    text_id name = PROG_NONE;
    step_id to = PROG_NONE;
    enum cause cause = CAUSE_NONE;

    if (r->acting == ACTING_ON) {
        act_sample(f);
        cause = act_verdict(f, &name, &to);
    }
    watches_sample(f);
    record_sample(f, cause != CAUSE_NONE);
    if (cause != CAUSE_NONE) {
        r->next_step = to == PROG_NONE ? (step_id)(r->step + 1) : to;
        if (cause == CAUSE_TIMEOUT)
            act_timeout(f);
        else
            act_end(f, cause, name);
    } else if (r->acting == ACTING_ON) {
        stuck_sample(f);
        if (r->acting == ACTING_ON && f->e->code == r->derived.cycler_group &&
            r->state == RUN_RUNNING)
            record_poll(f, false);
    }
    flow_advance(f);
}

static void paused_sample(struct feed *f)
{
    struct run *r = f->r;

    watches_sample(f);
    record_sample(f, false);
    if (r->rest_due && f->e->code == r->derived.cycler_group) {
        r->rest_due = 0;
        want_rest(f);
    }
    pause_settle(f);
}

static void on_sample(struct feed *f)
{
    struct run *r = f->r;
    bool judged;

    take_values(r, f->p, f->e);
    proof_sample(f); /* names the lead; a guard would only name the voltage */
    judged = r->state == RUN_READY || r->state == RUN_ARMED || r->state == RUN_RUNNING ||
             r->state == RUN_PAUSED || r->state == RUN_RECOVERING;
    if (r->derived.windows_of[f->e->code])
        windows_feed(r, f->p, f->e->code);
    if (judged)
        (void)guards_sample(f);
    if (f->e->code == r->derived.cycler_group)
        count_sample(r, f->p, earlier(f->e->stamp, r->at));
    switch ((enum run_state)r->state) {
    case RUN_READY:
        record_sample(f, false);
        ready_look(f);
        break;
    case RUN_ARMED:
        record_sample(f, false);
        arm_pump(f);
        break;
    case RUN_RUNNING: running_sample(f); break;
    case RUN_PAUSED: paused_sample(f); break;
    case RUN_SAFING: record_sample(f, false); break;
    case RUN_RECOVERING:
        record_sample(f, false);
        recover_look(f);
        break;
    case RUN_NEW:
    case RUN_ENDED:
    case RUN_STATE_COUNT: break;
    }
}

/* ---- Time ---------------------------------------------------------------------------------------
 */

static void question_timer(struct feed *f)
{
    struct run *r = f->r;
    struct why why = WHY(CAUSE_TIMEOUT);

    if (!r->asking || r->at < r->question_until)
        return;
    why.text = f->p->questions[r->question].text;
    r->question_until = NSEC_NEVER;
    if (r->state == RUN_READY)
        run_stop(f, VERDICT_ABORT, why);
    else
        run_pause(f, why);
}

static void running_timer(struct feed *f)
{
    struct run *r = f->r;

    question_timer(f);
    if (r->state == RUN_RUNNING && r->acting == ACTING_ON) {
        r->next_step = (step_id)(r->step + 1);
        if (r->moment >= r->for_at)
            act_end(f, CAUSE_FOR, PROG_NONE);
        else if (r->moment >= r->timeout_at)
            act_timeout(f);
    }
    flow_advance(f);
}

static void paused_timer(struct feed *f)
{
    struct run *r = f->r;

    if (r->at - r->paused_since >= nsec_from_s(f->p->station.pause_max_s))
        run_stop(f, VERDICT_ABORT, WHY(CAUSE_PAUSE_MAX));
}

static void on_timer(struct feed *f)
{
    struct run *r = f->r;

    set_timer(f);
    if (r->state == RUN_ARMED || r->state == RUN_RUNNING || r->state == RUN_PAUSED)
        guards_timer(f);
    switch ((enum run_state)r->state) {
    case RUN_READY:
        question_timer(f);
        ready_look(f);
        flow_advance(f);
        break;
    case RUN_ARMED: arm_pump(f); break;
    case RUN_RUNNING: running_timer(f); break;
    case RUN_PAUSED: paused_timer(f); break;
    case RUN_RECOVERING: recover_look(f); break;
    case RUN_NEW:
    case RUN_SAFING:
    case RUN_ENDED:
    case RUN_STATE_COUNT: break;
    }
}

static nsec act_wake(const struct run *r)
{
    return r->acting == ACTING_ON ? earlier(r->for_at, r->timeout_at) : NSEC_NEVER;
}

nsec run_next_wake(const struct run *r, const struct program *p)
{
    nsec at = NSEC_NEVER;

    if (r->token)
        at = r->set_sent_at + real_time(p, SET_TIMEOUT_S);
    if (r->flow_due)
        return r->at;
    switch ((enum run_state)r->state) {
    case RUN_READY:
        return r->phase == READY_SENSE ? r->phase_since + real_time(p, SENSE_TIMEOUT_S) : r->question_until;
    case RUN_ARMED:
        at = earlier(at, guards_wake(r, p));
        return r->phase == ARMED_OCV ? earlier(at, r->phase_since + real_time(p, SENSE_TIMEOUT_S)) : at;
    case RUN_RUNNING:
        at = earlier(at, guards_wake(r, p));
        at = earlier(at, act_wake(r));
        at = earlier(at, drive_wake(r, p));
        at = earlier(at, r->question_until);
        return earlier(at, ramps_wake(r));
    case RUN_PAUSED:
        at = earlier(at, guards_wake(r, p));
        return earlier(at, r->paused_since + nsec_from_s(p->station.pause_max_s));
    case RUN_RECOVERING: return r->phase_since + real_time(p, SENSE_TIMEOUT_S);
    case RUN_NEW:
    case RUN_SAFING:
    case RUN_ENDED:
    case RUN_STATE_COUNT: break;
    }
    return NSEC_NEVER;
}

/* ---- What else comes in
 * -------------------------------------------------------------------------- */

static void on_start(struct feed *f)
{
    struct run *r = f->r;

    r->started_at = r->at;
    for (size_t g = 0; g < f->p->station.n_groups; g++)
        r->group_at[g] = r->at;
    run_enter(f, RUN_READY);
    ready_look(f);
}

static void on_confirmed(struct feed *f)
{
    struct run *r = f->r;

    set_confirmed(f);
    if (r->state == RUN_ARMED)
        arm_pump(f);
    else if (r->state == RUN_RUNNING)
        flow_advance(f);
    else if (r->state == RUN_PAUSED)
        pause_settle(f);
}

static struct why why_inst(const struct feed *f, enum cause cause)
{
    struct why why = WHY(cause);

    why.group = f->e->code;
    why.value = f->e->value;
    return why;
}

static void on_local(struct feed *f)
{
    enum run_state s = (enum run_state)f->r->state;

    run_forget_sets(f);
    if (s == RUN_RUNNING || s == RUN_PAUSED)
        run_pause(f, why_inst(f, CAUSE_INST_LOCAL));
    else
        run_stop(f, VERDICT_ABORT, why_inst(f, CAUSE_INST_LOCAL));
}

static void operator_stop(struct feed *f)
{
    struct run *r = f->r;

    if (r->state == RUN_READY || r->state == RUN_ARMED) {
        run_stop(f, VERDICT_ABORT, WHY(CAUSE_OPERATOR));
        return;
    }
    if (r->in_at_end || (r->state != RUN_RUNNING && r->state != RUN_PAUSED))
        return;
    r->stop_after_step = 1;
    r->asking = 0;
    r->question_until = NSEC_NEVER;
}

static void operator_skip(struct feed *f)
{
    struct run *r = f->r;

    if (r->state != RUN_RUNNING && r->state != RUN_PAUSED)
        return;
    if (r->state == RUN_RUNNING && r->acting == ACTING_ON) {
        r->next_step = (step_id)(r->step + 1);
        act_end(f, CAUSE_SKIP, PROG_NONE);
    } else if (r->acting == ACTING_ON || r->acting == ACTING_ENTERING) {
        r->skipping = 1;
    }
}

static void on_operator(struct feed *f)
{
    struct run *r = f->r;

    switch ((enum op)f->e->code) {
    case OP_PAUSE:
        if (r->state == RUN_PAUSED && r->cause == CAUSE_STORE)
            r->cause = CAUSE_OPERATOR; /* the store alone does not end it any more */
        run_pause(f, WHY(CAUSE_OPERATOR));
        return;
    case OP_RESUME:
        if (r->state == RUN_PAUSED && r->cause != CAUSE_STORE && !guards_missing(r, f->p))
            run_resume(f);
        return;
    case OP_SKIP: operator_skip(f); break;
    case OP_STOP_AFTER_STEP: operator_stop(f); break;
    case OP_ABORT: run_stop(f, VERDICT_ABORT, WHY(CAUSE_ABORT)); return;
    case OP_ANSWER:
        if (r->state == RUN_READY || r->state == RUN_RUNNING || r->state == RUN_PAUSED)
            flow_answer(f);
        break;
    }
    flow_advance(f);
}

static void on_behind(struct feed *f)
{
    if (f->r->state == RUN_RUNNING)
        run_pause(f, WHY(CAUSE_STORE));
    else
        run_stop(f, VERDICT_ABORT, WHY(CAUSE_STORE));
}

static enum cause cause_of(const struct event *e)
{
    switch (e->kind) {
    case EV_INST_ALARM: return CAUSE_INST_ALARM;
    case EV_INST_LOCAL: return CAUSE_INST_LOCAL;
    case EV_INST_REBOOT: return CAUSE_INST_REBOOT;
    case EV_INST_WRONG: return CAUSE_INST_WRONG;
    default: return (enum cause)e->code;
    }
}

/* ---- Feed
 * ------------------------------------------------------------------------------------------ */

static void deed_do(struct feed *f, enum deed deed, nsec was)
{
    struct run *r = f->r;
    const struct event *e = f->e;

    switch (deed) {
    case DEED_NOTHING:
    case DEED_COUNT: break;
    case DEED_START: on_start(f); break;
    case DEED_TIMER: on_timer(f); break;
    case DEED_SAMPLE: on_sample(f); break;
    case DEED_EDGE:
        if (e->chan == f->p->role.current)
            count_edge(r, earlier(e->stamp, r->at), e->value >= 0.5);
        break;
    case DEED_CONFIRMED: on_confirmed(f); break;
    case DEED_SET_BAD: set_bad(f); break;
    case DEED_LOST:
        r->group_lost[e->code] = 1;
        if (r->state == RUN_RUNNING && e->code == r->derived.cycler_group && e->value > 0.5)
            run_pause(f, why_inst(f, CAUSE_INST_LOST)); /* whether it has heard, nobody knows */
        break;
    case DEED_BACK:
        r->group_lost[e->code] = 0;
        run_forget_sets(f);
        break;
    case DEED_ALARM: run_stop(f, VERDICT_TRIP, why_inst(f, CAUSE_INST_ALARM)); break;
    case DEED_LOCAL: on_local(f); break;
    case DEED_REBOOT: run_stop(f, VERDICT_FAIL, why_inst(f, CAUSE_INST_REBOOT)); break;
    case DEED_WRONG: run_stop(f, VERDICT_FAIL, why_inst(f, CAUSE_INST_WRONG)); break;
    case DEED_OPERATOR: on_operator(f); break;
    case DEED_TRIP: run_stop(f, VERDICT_TRIP, WHY((enum cause)e->code)); break;
    case DEED_SAFE_DONE: run_safe_done(f); break;
    case DEED_BEHIND: on_behind(f); break;
    case DEED_STORE_OK:
        if (r->cause == CAUSE_STORE && !guards_missing(r, f->p))
            run_resume(f);
        break;
    case DEED_RESUMED: run_restarted(f, was); break;
    case DEED_NOTE: run_alarm(f, ALARM_SEVERE, WHY(cause_of(e))); break;
    }
}

static int event_fits(const struct run *r, const struct program *p, const struct event *e)
{
    const struct station_desc *s = &p->station;

    if (e->seq != r->seq + 1 || e->at < r->at)
        return E_STATE;
    switch (e->kind) {
    case EV_SAMPLE: return e->code < s->n_groups && e->n == s->group[e->code].n ? 0 : E_RANGE;
    case EV_INST_LOST:
    case EV_INST_BACK:
    case EV_INST_ALARM:
    case EV_INST_LOCAL:
    case EV_INST_REBOOT:
    case EV_INST_WRONG: return e->code < s->n_groups ? 0 : E_RANGE;
    case EV_EDGE: return e->chan < s->n_chans ? 0 : E_RANGE;
    case EV_SET_CONFIRMED:
    case EV_SET_MISMATCH:
    case EV_SET_REFUSED:
    case EV_SET_FAILED:
        if (e->chan >= s->n_chans || !e->token || e->token >= r->next_token)
            return E_RANGE;
        return e->token == r->token && e->chan != r->want[r->want_at].chan ? E_RANGE : 0;
    case EV_OPERATOR: return e->code <= OP_ANSWER ? 0 : E_RANGE;
    case EV_TRIP: return e->code < CAUSE_COUNT ? 0 : E_RANGE;
    case EV_RESUMED: return e->value >= 0.0 ? 0 : E_RANGE;
    default: return e->kind < EV_KIND_COUNT ? 0 : E_RANGE;
    }
}

int run_feed(struct run *r, const struct program *p, const struct event *e,
             struct effect_list *ret_fx)
{
    struct feed f = {.r = r, .p = p, .e = e, .fx = ret_fx};
    nsec was = r->moment;
    bool stamped = e->kind == EV_SAMPLE || e->kind == EV_EDGE || e->kind == EV_SET_CONFIRMED;
    int rc = event_fits(r, p, e);

    if (rc < 0)
        return rc;
    ret_fx->n = 0;
    ret_fx->overflow = false;
    r->seq = e->seq;
    r->at = e->at;
    r->moment = later(was, stamped ? earlier(e->stamp, e->at) : e->at);
    deed_do(&f, (enum deed)run_table[r->state][e->kind].deed, was);
    return 0;
}
