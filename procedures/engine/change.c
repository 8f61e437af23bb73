/* procedures/engine/change.c - from state to state: arming, pausing, resuming, recovering, and the
 * ways to the end. */
#include "procedures/engine/run_priv.h"

static void cause_set(struct run *r, struct why why)
{
    r->cause = (uint16_t)why.cause;
    r->cause_text = why.text;
    r->cause_chan = why.chan;
    r->cause_group = why.group;
    r->cause_value = why.value;
}

void run_enter(struct feed *f, enum run_state s)
{
    struct run *r = f->r;
    struct effect *x = fx_add(f, FX_STATE, true);

    r->state = (uint8_t)s;
    r->phase = 0;
    r->phase_since = r->at;
    x->code = (uint16_t)s;
    x->value = (double)r->cause;
    x->text = r->cause_text;
    x->chan = r->cause_chan;
}

void run_alarm(struct feed *f, enum alarm_level level, struct why why)
{
    struct effect *x = fx_add(f, FX_ALARM, true);

    x->code = PROG_NONE;
    x->chan = (chan_id)level;
    x->text = why.text == PROG_NONE ? (text_id)why.cause : why.text; /* the first texts are those of the causes */
    x->value = (double)why.cause;
}

/* ---- READY and ARMED
 * ------------------------------------------------------------------------------ */

/* The first channel that is needed and has not been seen yet; CHAN_NONE: all are there. The cell's
 * own, and what a model makes of them, wait until the output is at rest. */
static chan_id missing(const struct run *r, const struct program *p)
{
    for (chan_id c = 0; c < p->station.n_chans; c++) {
        if ((r->derived.used_chans >> c & 1u) == 0 ||
            p->station.chan[c].group >= p->station.n_groups)
            continue;
        if (p->role.mode != CHAN_NONE && (c == p->role.voltage || c == p->role.current ||
                                          p->station.chan[c].group == r->derived.model_group))
            continue;
        if (isnan(r->chan[c].value))
            return c;
    }
    return CHAN_NONE;
}

void ready_look(struct feed *f)
{
    struct run *r = f->r;
    chan_id c;

    if (r->phase != READY_SENSE)
        return;
    c = missing(r, f->p);
    if (c == CHAN_NONE) {
        if (!preflight_sensors(f))
            return;
        r->phase = READY_BEFORE;
        if (f->p->before == PROG_NONE)
            run_arm(f);
        else
            r->step = f->p->before;
        flow_advance(f);
    } else if (r->at - r->phase_since >= real_time(f->p, SENSE_TIMEOUT_S)) {
        struct why why = WHY(CAUSE_CHECK);

        why.chan = c;
        run_stop(f, VERDICT_ABORT, why);
    }
}

void run_arm(struct feed *f)
{
    const struct program *p = f->p;
    const struct prog_roles *o = &p->role;

    if (!preflight_sensors(f)) /* questions may have taken hours */
        return;
    run_enter(f, RUN_ARMED);
    if (!isnan(p->chamber_high_k))
        want_add(f, o->chamber_high, p->chamber_high_k);
    if (!isnan(p->chamber_low_k))
        want_add(f, o->chamber_low, p->chamber_low_k);
    if (isfinite(p->v_hi) && o->voltage_limit != CHAN_NONE)
        want_add(f, o->voltage_limit, preflight_look_v(p));
    want_add(f, o->mode, CYCLER_REST);
    preflight_windows(f);
    (void)want_pump(f);
}

static void run_begin(struct feed *f)
{
    struct run *r = f->r;

    if (f->p->before != PROG_NONE && f->p->role.mode != CHAN_NONE) {
        r->phase = ARMED_CHECKS;
        r->step = f->p->before;
    } else {
        run_enter(f, RUN_RUNNING);
        r->step = f->p->start;
    }
    flow_advance(f);
}

static void ocv_look(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;
    struct why why = WHY(CAUSE_CHECK);

    why.chan = p->role.voltage;
    if (p->role.voltage != CHAN_NONE) {
        const struct run_chan *v = &r->chan[p->role.voltage];

        if (v->at < r->phase_since || isnan(v->value)) {
            if (r->at - r->phase_since >= real_time(f->p, SENSE_TIMEOUT_S))
                run_stop(f, VERDICT_ABORT, why);
            return;
        }
        if (!preflight_ocv(f, v->value))
            return;
    }
    r->phase = ARMED_NARROW;
    if (isfinite(p->v_hi))
        want_add(f, p->role.voltage_limit, p->v_hi);
    if (want_pump(f))
        run_begin(f);
}

void arm_pump(struct feed *f)
{
    struct run *r = f->r;

    if (r->phase == ARMED_LIMITS && want_pump(f)) {
        r->phase = ARMED_OCV;
        r->phase_since = r->moment;
        if (f->p->role.mode == CHAN_NONE)
            run_begin(f);
    } else if (r->phase == ARMED_OCV) {
        ocv_look(f);
    } else if (r->phase == ARMED_NARROW && want_pump(f)) {
        run_begin(f);
    } else if (r->phase == ARMED_CHECKS) {
        flow_advance(f);
    }
}

/* ---- The ways to the end
 * -------------------------------------------------------------------------- */

void run_end(struct feed *f)
{
    struct run *r = f->r;
    bool normal = r->final_verdict == VERDICT_DONE || r->final_verdict == VERDICT_REJECTED;
    struct effect *x;

    if (normal) {
        struct why why = WHY((enum cause)r->end_cause);

        cause_set(r, why);
    }
    r->verdict = r->final_verdict;
    r->acting = ACTING_NONE;
    r->asking = 0;
    want_clear(r);
    run_enter(f, RUN_ENDED);
    x = fx_add(f, FX_END, true);
    x->code = r->verdict;
    x->value = (double)r->cause;
    x->text = r->cause_text;
    x->chan = r->cause_chan;
    x->token = r->ending;
    memcpy(x->v, r->reason_v, sizeof(x->v));
}

void run_stop(struct feed *f, enum verdict v, struct why why)
{
    struct run *r = f->r;
    struct effect *x;
    bool untouched = r->state == RUN_NEW || (r->state == RUN_READY && v != VERDICT_TRIP);

    if (r->state == RUN_SAFING || r->state == RUN_ENDED)
        return;
    cause_set(r, why);
    r->final_verdict = (uint8_t)v;
    want_clear(r);
    memset(r->ramp, 0, sizeof(r->ramp));
    r->asking = r->flow_due = r->rest_due = 0;
    if (untouched) { /* nothing has been written, so there is nothing to make safe */
        run_end(f);
        return;
    }
    r->change_at = r->at;
    r->safing_since = r->at;
    x = fx_add(f, FX_SAFE, false);
    x->code = (uint16_t)why.cause;
    x->text = why.text;
    x->chan = why.chan;
    run_enter(f, RUN_SAFING);
}

/* It ended straight into another act and never got there. */
static void uncross(struct feed *f)
{
    struct run *r = f->r;

    r->crossing = 0;
    r->next_step = r->step;
    act_finish(f);
    r->acting = ACTING_ENTERING;
}

void run_safe_done(struct feed *f)
{
    struct run *r = f->r;

    if (r->count.edge_at == NSEC_NEVER || r->count.edge_at < r->safing_since)
        count_edge(r, r->safing_since, false); /* the instrument told no better */
    if (f->e->value < 0.5)
        run_alarm(f, ALARM_SEVERE, WHY((enum cause)r->cause));
    if (r->crossing) {
        uncross(f);
    } else if (r->acting == ACTING_ON || r->acting == ACTING_LEAVING || r->resuming) {
        if (r->acting != ACTING_LEAVING) {
            r->now.cause = r->cause;
            r->now.end_name = (text_id)r->cause;
        }
        r->now.ended = r->safing_since;
        r->next_step = r->step;
        act_finish(f);
    }
    run_end(f);
}

/* ---- What an instrument stands at is not certain any more
 * ------------------------------------------------------------ */

static uint16_t group_of(const struct program *p, chan_id c)
{
    return c == CHAN_NONE ? PROG_NONE : p->station.chan[c].group;
}

/* What the instrument of this event stands at is not certain: a hand turned it, or it was away. What
 * it is set to is said again when the run goes on, and rest at once while it is paused. */
void run_forget_sets(struct feed *f)
{
    struct run *r = f->r;
    const struct prog_roles *o = &f->p->role;
    uint16_t chamber = group_of(f->p, station_find(&f->p->station, "chamber.temperature"));
    const struct {
        uint16_t group;
        chan_id chan;
    } rows[] = {
        {r->derived.cycler_group, o->mode},         {r->derived.cycler_group, o->voltage_set},
        {r->derived.cycler_group, o->current_limit}, {r->derived.cycler_group, o->limit_charge},
        {r->derived.cycler_group, o->limit_discharge}, {r->derived.cycler_group, o->current_set},
        {r->derived.cycler_group, o->voltage_limit}, {group_of(f->p, o->regulator), o->pressure_set},
        {chamber, o->temperature_set},              {chamber, o->chamber_mode},
        {chamber, o->chamber_high},                 {chamber, o->chamber_low},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].group == f->e->code && rows[i].chan != CHAN_NONE)
            r->written[rows[i].chan] = (double)NAN;
    if (r->state == RUN_PAUSED && f->e->code == r->derived.cycler_group && !r->n_want)
        r->rest_due = 1;
}

/* What stands besides the output and is not certain any more; what is ramping goes on from where it
 * was. */
static void want_standing(struct feed *f)
{
    const struct run *r = f->r;
    const struct prog_roles *o = &f->p->role;
    const chan_id chans[] = {o->chamber_high, o->chamber_low, o->temperature_set, o->chamber_mode,
                             o->pressure_set};

    for (size_t i = 0; i < ARRAY_LEN(chans); i++) {
        bool ramping = false;

        if (chans[i] == CHAN_NONE || !isnan(r->written[chans[i]]) || isnan(r->setpoint[chans[i]]))
            continue;
        for (size_t k = 0; k < RUN_RAMPS_MAX; k++)
            ramping = ramping || (r->ramp[k].active && r->ramp[k].chan == chans[i]);
        if (!ramping)
            want_add(f, chans[i], r->setpoint[chans[i]]);
    }
}

/* ---- Pause
 * ------------------------------------------------------------------------------------------- */

/* When the output has come to rest: an act that was leaving is complete. */
void pause_settle(struct feed *f)
{
    struct run *r = f->r;

    if (!want_pump(f) || r->state != RUN_PAUSED)
        return;
    if (r->crossing)
        uncross(f);
    else if (r->acting == ACTING_LEAVING)
        act_finish(f);
}

void run_pause(struct feed *f, struct why why)
{
    struct run *r = f->r;

    if (r->state != RUN_RUNNING)
        return;
    cause_set(r, why);
    r->paused_since = r->moment;
    if (r->acting == ACTING_ON && r->act_paused_at == NSEC_NEVER)
        r->act_paused_at = r->moment;
    want_clear(r);
    r->flow_due = 0;
    proof_reset(r);
    if (r->acting != ACTING_LEAVING && !r->crossing)
        r->change_at = NSEC_NEVER;
    run_enter(f, RUN_PAUSED);
    want_rest(f);
    pause_settle(f);
}

void run_resume(struct feed *f)
{
    struct run *r = f->r;
    nsec by = r->moment - r->paused_since;
    bool paused;

    ramps_shift(r, by);
    if (r->question_until != NSEC_NEVER)
        r->question_until += by;
    want_clear(r);
    r->rest_due = 0;
    paused = r->state == RUN_PAUSED;
    if (r->state == RUN_RECOVERING && f->p->role.mode != CHAN_NONE)
        want_rest_anew(f); /* nobody knows what stands: current only from there */
    run_enter(f, RUN_RUNNING);
    if (paused) /* after a restart of the controller nothing is heated or pressed again by itself */
        want_standing(f);
    switch ((enum acting)r->acting) {
    case ACTING_ENTERING:
        if (r->resuming)
            act_resume(f);
        else
            act_enter(f);
        break;
    case ACTING_ON: act_resume(f); break;
    case ACTING_LEAVING: want_rest(f); break;
    case ACTING_FINISHING:
        if (f->p->role.mode != CHAN_NONE)
            want_add(f, f->p->role.mode, CYCLER_OFF);
        break;
    case ACTING_NONE: break;
    }
    flow_advance(f);
}

/* ---- After a restart
 * ------------------------------------------------------------------------------------ */

static bool all_back(const struct run *r, const struct program *p, uint16_t *ret_group)
{
    uint32_t need = r->derived.guarded_groups;

    if (r->derived.cycler_group != PROG_NONE)
        need |= UINT32_C(1) << r->derived.cycler_group;
    for (uint16_t g = 0; g < p->station.n_groups; g++) {
        if ((need >> g & 1u) != 0 && r->group_at[g] < r->phase_since) {
            *ret_group = g;
            return false;
        }
    }
    return true;
}

static void restart_act(struct feed *f)
{
    struct run *r = f->r;

    run_enter(f, RUN_RUNNING);
    if (r->acting == ACTING_ON || r->resuming) {
        r->acting = ACTING_ON;
        act_abandon(f, r->step);
        flow_advance(f);
    } else {
        r->paused_since = r->moment;
        run_resume(f);
    }
}

static void end_run(struct feed *f)
{
    struct run *r = f->r;

    run_enter(f, RUN_RUNNING);
    if (r->acting == ACTING_ON || r->resuming) {
        r->acting = ACTING_ON;
        act_abandon(f, PROG_NONE);
    } else if (r->acting == ACTING_LEAVING) {
        r->next_step = PROG_NONE;
        want_rest(f);
    } else if (r->acting != ACTING_FINISHING) {
        r->acting = ACTING_NONE;
        r->asking = 0;
        r->next_step = PROG_NONE;
        r->last_cause = CAUSE_POWER_LOSS;
        want_rest(f);
    } else if (f->p->role.mode != CHAN_NONE) {
        want_add(f, f->p->role.mode, CYCLER_OFF);
    }
    flow_advance(f);
}

static void recover(struct feed *f)
{
    struct run *r = f->r;
    uint8_t policy =
        r->gap_s <= f->p->power_loss_within_s ? f->p->on_power_loss : f->p->on_power_loss_else;
    struct why why = WHY(CAUSE_POWER_LOSS);

    if (r->paused_state == RUN_PAUSED && policy != POWER_SAFE && policy != POWER_END)
        policy = POWER_PAUSE;
    cause_set(r, why);
    switch ((enum power_policy)policy) {
    case POWER_RESUME: run_resume(f); break;
    case POWER_RESTART_STEP: restart_act(f); break;
    case POWER_SAFE: run_stop(f, VERDICT_ABORT, why); break;
    case POWER_END: end_run(f); break;
    case POWER_PAUSE:
    case POWER_ASK:
        r->state = RUN_RUNNING;
        ramps_shift(r, r->moment - r->paused_since);
        run_alarm(f, ALARM_WARN, why);
        run_pause(f, why);
        break;
    }
}

void recover_look(struct feed *f)
{
    struct run *r = f->r;
    uint16_t group;

    if (all_back(r, f->p, &group)) {
        recover(f);
    } else if (r->at - r->phase_since >= real_time(f->p, SENSE_TIMEOUT_S)) {
        struct why why = WHY(CAUSE_INST_LOST);

        why.group = group;
        run_stop(f, VERDICT_FAIL, why);
    }
}

/* Nobody knows what the instruments hold, and what flowed in the gap is not counted. */
static void forget(struct run *r, const struct program *p)
{
    want_clear(r);
    for (chan_id c = 0; c < p->station.n_chans; c++) {
        r->written[c] = (double)NAN;
        r->chan[c].value = (double)NAN;
    }
    if (p->role.mode != CHAN_NONE)
        r->setpoint[p->role.mode] = (double)NAN;
    r->count.valid = r->count.open = 0;
    r->count.open_at = r->count.close_at = r->count.edge_at = NSEC_NEVER;
    for (uint16_t w = 0; w < p->n_windows; w++)
        window_reset(&r->window[w]);
    for (uint16_t g = 0; g < p->n_guards; g++)
        r->guard[g].since = r->guard_invalid[g].since = NSEC_NEVER;
}

void run_restarted(struct feed *f, nsec was)
{
    struct run *r = f->r;
    struct why why = WHY(CAUSE_POWER_LOSS);
    enum run_state from = (enum run_state)r->state;

    if (r->crossing)
        uncross(f);
    forget(r, f->p);
    proof_reset(r);
    r->flow_due = 0;
    r->gap_s = f->e->value;
    if (from == RUN_SAFING) { /* a safe sequence may be walked again; the verdict stays */
        struct effect *x = fx_add(f, FX_SAFE, false);

        x->code = r->cause;
        return;
    }
    cause_set(r, why);
    if (from == RUN_READY ||
        from == RUN_ARMED) { /* nothing has flowed: the pre-flight begins again */
        r->asking = 0;
        run_enter(f, RUN_READY);
        return;
    }
    if (from != RUN_RECOVERING)
        r->paused_state = (uint8_t)from;
    if (from == RUN_RUNNING) {
        r->paused_since = was;
        if (r->acting == ACTING_ON && r->act_paused_at == NSEC_NEVER)
            r->act_paused_at = was;
    }
    run_enter(f, RUN_RECOVERING);
}
