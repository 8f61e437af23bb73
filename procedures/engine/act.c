/* procedures/engine/act.c - an act: its begin, its samples, its end. */
#include "procedures/engine/run_priv.h"

void act_enter(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = act_now(r, f->p);
    const struct prog_roles *o = &f->p->role;

    r->acting = ACTING_ENTERING;
    r->act_entered = r->moment;
    r->change_at = NSEC_NEVER;
    r->resuming = 0;
    if (o->voltage != CHAN_NONE && r->chan[o->voltage].seen)
        r->rest_v = r->chan[o->voltage].raw;
    if (o->current != CHAN_NONE && r->chan[o->current].seen)
        r->rest_a = r->chan[o->current].raw;
    record_poll(f, false);
    act_wants(f, a, false);
}

/* ---- Begin ---------------------------------------------------------------------------------- */

static void summary_begin(struct run *r, nsec t)
{
    struct run_summary *s = &r->now;

    memset(s, 0, sizeof(*s));
    s->step = r->step;
    s->end_name = PROG_NONE;
    s->cycle = r->cycle;
    s->number = ++r->acts_done;
    s->began = t;
    s->v_first = s->v_last = s->v_min = s->v_max = s->i_min = s->i_max = (double)NAN;
    s->t_min_k = s->t_max_k = s->p_min_pa = s->p_max_pa = s->p_mean_pa = (double)NAN;
    r->p_sum = 0.0;
    r->p_n = 0;
}

static void count_cycle(struct run *r, const struct program *p, const struct act *a)
{
    if (a->verb == VERB_CHARGE && r->discharged_in_cycle) {
        r->cycle++;
        r->discharged_in_cycle = 0;
    }
    if (a->verb == VERB_DISCHARGE || (a->verb == VERB_DRIVE && drive_discharges(p, a)))
        r->discharged_in_cycle = 1;
}

static void holds_reset(struct run *r, const struct program *p, const struct act *a)
{
    for (uint16_t i = 0; i < a->n_ends; i++)
        expr_reset_holds(r, p, p->ends[a->first_end + i].cond);
    for (uint16_t i = 0; i < a->n_saves; i++)
        expr_reset_holds(r, p, p->saves[a->first_save + i].expr);
}

/* Nothing may look stuck that had no reason to move. */
static void stuck_reset(struct run *r, const struct program *p)
{
    for (chan_id c = 0; c < p->station.n_chans; c++) {
        r->chan[c].changed_at = r->moment;
        r->chan[c].same = 0;
    }
}

/* Absolute time, NSEC_NEVER for none; false when it cannot be told. */
static bool time_after(const struct run *r, const struct program *p, nsec from, expr_id x,
                       nsec *ret)
{
    double s;

    *ret = NSEC_NEVER;
    if (x == PROG_NONE)
        return true;
    s = expr_value(r, p, x, NULL);
    if (isnan(s))
        return false;
    *ret = from + nsec_from_s(fmax(s, 0.0));
    return true;
}

static void ramps_begin(struct feed *f, const struct act *a)
{
    for (size_t i = 0; i < a->n_sets && f->r->state == RUN_RUNNING; i++)
        if (a->set[i].rate != PROG_NONE)
            ramp_start(f, a->set[i].chan, expr_value(f->r, f->p, a->set[i].value, NULL),
                       expr_value(f->r, f->p, a->set[i].rate, NULL));
}

/* The time of the act stood still until t. */
static void act_shift(struct run *r, nsec t)
{
    nsec by = t - r->act_paused_at;
    nsec *moved[] = {&r->act_began, &r->for_at, &r->least_at, &r->timeout_at};

    if (r->act_paused_at == NSEC_NEVER)
        return;
    for (size_t i = 0; i < ARRAY_LEN(moved); i++)
        if (*moved[i] != NSEC_NEVER)
            *moved[i] += by;
    r->act_paused_at = NSEC_NEVER;
}

static void act_continue(struct feed *f, nsec t)
{
    struct run *r = f->r;

    act_shift(r, t);
    r->resuming = 0;
    r->acting = ACTING_ON;
    if (r->cause == CAUSE_TIMEOUT &&
        r->timeout_at <= t) { /* a person has looked: another turn of the clock */
        const struct act *a = act_now(r, f->p);

        (void)time_after(r, f->p, t, a->timeout_s, &r->timeout_at);
    }
    holds_reset(r, f->p, act_now(r, f->p));
    stuck_reset(r, f->p);
}

void act_begin(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = act_now(r, f->p);
    nsec t = count_boundary(r);
    struct effect *x;

    if (r->resuming) {
        act_continue(f, t);
        return;
    }
    if (r->crossing)
        act_finish(f);
    count_close(r, t);
    count_begin(r, t);
    count_cycle(r, f->p, a);
    summary_begin(r, t);
    r->acting = ACTING_ON;
    r->act_began = t;
    r->act_paused_at = NSEC_NEVER;
    r->saves_done = 0;
    holds_reset(r, f->p, a);
    stuck_reset(r, f->p);
    for (uint16_t i = 0; i < f->p->n_windows; i++)
        if (r->derived.windows_of_acts >> i & 1u)
            window_reset(&r->window[i]);
    x = fx_add(f, FX_STEP_BEGIN, true);
    x->text = a->name;
    x->token = r->now.number;
    f->step_begun = true;
    record_begin(f);
    if (!time_after(r, f->p, t, a->for_s, &r->for_at) ||
        !time_after(r, f->p, t, a->at_least_s, &r->least_at) ||
        !time_after(r, f->p, t, a->timeout_s, &r->timeout_at)) {
        struct why why = WHY(CAUSE_CHECK);

        why.text = a->name;
        run_stop(f, VERDICT_ABORT, why);
        return;
    }
    ramps_begin(f, a);
}

/* ---- While it is on ---------------------------------------------------------------------------
 */

static void extremes(double v, double *lo, double *hi)
{
    if (isnan(v))
        return;
    *lo = isnan(*lo) ? v : fmin(*lo, v);
    *hi = isnan(*hi) ? v : fmax(*hi, v);
}

static void summary_sample(struct run *r, const struct program *p, uint16_t group)
{
    const struct station_group *g = &p->station.group[group];
    struct run_summary *s = &r->now;

    for (uint8_t i = 0; i < g->n; i++) {
        chan_id c = g->chan[i];
        double v = r->chan[c].value;

        if (isnan(v))
            continue;
        if (c == p->role.voltage) {
            s->v_first = isnan(s->v_first) ? v : s->v_first;
            s->v_last = v;
            extremes(v, &s->v_min, &s->v_max);
        } else if (c == p->role.current) {
            extremes(v, &s->i_min, &s->i_max);
        } else if (c >= p->role.temperature && c - p->role.temperature <= p->more_temperatures) {
            extremes(v, &s->t_min_k, &s->t_max_k);
        } else if (c == p->role.pressure) {
            extremes(v, &s->p_min_pa, &s->p_max_pa);
            r->p_sum += v;
            r->p_n++;
        }
    }
}

void reg_put(struct feed *f, reg_id reg, double v)
{
    struct run *r = f->r;
    struct effect *x;

    r->reg[reg] = v;
    if (f->p->regs[reg].name == r->derived.one_c_name &&
        v > 0.0) /* a charge, or the current of 1C itself */
        r->one_c_a = f->p->regs[reg].dims.s == 1 ? v / 3600.0 : v;
    x = fx_add(f, FX_REGISTER, true);
    x->chan = reg;
    x->value = v;
}

static nsec half_period(const struct run *r, uint16_t group)
{
    return group == PROG_NONE ? 0 : nsec_from_s(r->group_period_s[group] / 2.0);
}

static void saves_at(struct feed *f, const struct act *a, nsec slack)
{
    struct run *r = f->r;

    for (uint16_t i = 0; i < a->n_saves; i++) {
        const struct save *s = &f->p->saves[a->first_save + i];

        if (isnan(s->at_s) || (r->saves_done >> i & 1u) != 0 ||
            r->moment < r->act_began + nsec_from_s(s->at_s) - slack)
            continue;
        r->saves_done |= UINT32_C(1) << i;
        reg_put(f, s->reg, expr_value(r, f->p, s->expr, r->hold));
    }
}

void act_sample(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = act_now(r, f->p);

    if (r->acting != ACTING_ON || r->state != RUN_RUNNING || f->e->stamp < r->act_began)
        return;
    summary_sample(r, f->p, f->e->code);
    if (f->e->code != r->derived.cycler_group && r->derived.cycler_group != PROG_NONE)
        return;
    if (a->n_saves)
        saves_at(f, a, half_period(r, f->e->code));
    act_follow(f, a);
}

bool act_ends_at_once(const struct run *r, const struct program *p)
{
    const struct act *a = act_now(r, p);

    if (r->skipping)
        return true;
    if (a->n_ends || a->for_s != PROG_NONE || a->timeout_s != PROG_NONE)
        return false;
    return a->verb == VERB_SET || !ramps_moving(r);
}

/* ---- End --------------------------------------------------------------------------------------
 */

static bool end_is_natural(uint8_t cause)
{
    return cause == CAUSE_UNTIL || cause == CAUSE_TAPER;
}

/* A slow instrument's value of before the step says nothing of its end: the groups of a string
 * still show the current that flowed then. */
static bool is_of_act(const struct run *r, const struct program *p, expr_id cond)
{
    uint64_t chans = expr_chans(p, cond);

    for (chan_id c = 0; chans; c++, chans >>= 1)
        if ((chans & 1u) != 0 && r->chan[c].seen && r->chan[c].at < r->act_began)
            return false;
    return true;
}

enum cause act_verdict(struct feed *f, text_id *ret_name, step_id *ret_step)
{
    struct run *r = f->r;
    const struct act *a = act_now(r, f->p);

    *ret_name = PROG_NONE;
    *ret_step = PROG_NONE;
    if (r->acting != ACTING_ON || r->state != RUN_RUNNING || f->e->stamp < r->act_began)
        return CAUSE_NONE;
    for (uint16_t i = 0; i < a->n_ends; i++) {
        const struct end *e = &f->p->ends[a->first_end + i];

        if ((e->after_s > 0.0 && r->moment < r->act_began + nsec_from_s(e->after_s)) ||
            !is_of_act(r, f->p, e->cond))
            continue;
        if (!expr_true(r, f->p, e->cond) ||
            (end_is_natural(e->cause) && r->least_at != NSEC_NEVER && r->moment < r->least_at))
            continue;
        *ret_name = e->name;
        return (enum cause)e->cause;
    }
    if (r->moment >= r->for_at)
        return CAUSE_FOR;
    if (r->moment >= r->timeout_at)
        return CAUSE_TIMEOUT;
    return flow_stop_when(f, ret_name, ret_step);
}

/* An act without saves goes straight over into an electrical one that follows. */
static bool goes_straight_over(const struct run *r, const struct program *p, const struct act *a)
{
    step_id next = r->next_step;

    return !a->n_saves && !r->stop_after_step && next == r->step + 1 && next < p->n_steps &&
           p->steps[next].op == OP_ACT && is_electrical(&p->acts[p->steps[next].a]);
}

static bool reads_count(const struct program *p, const struct insn *in)
{
    (void)p;
    return in->op == INSN_STEP_CHARGE || in->op == INSN_STEP_ENERGY || in->op == INSN_SOC;
}

/* Saves at the end: values of this moment; what counts charge or energy is taken again when all has
 * flowed. */
static void saves_end(struct feed *f, const struct act *a)
{
    struct run *r = f->r;

    saves_at(f, a, half_period(r, r->derived.cycler_group));
    for (uint16_t i = 0; i < a->n_saves; i++) {
        const struct save *s = &f->p->saves[a->first_save + i];

        if (isnan(s->at_s))
            r->reg[s->reg] = expr_value(r, f->p, s->expr, r->hold);
    }
}

/* The registers as they are kept: told once, at the end of the step. */
static void act_save(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = &f->p->acts[f->p->steps[r->now.step].a];

    for (uint16_t i = 0; i < a->n_saves; i++) {
        const struct save *s = &f->p->saves[a->first_save + i];

        if (!isnan(s->at_s)) {
            if ((r->saves_done >> i & 1u) == 0)
                reg_put(f, s->reg, (double)NAN);
            continue;
        }
        reg_put(f, s->reg,
                expr_has(f->p, s->expr, reads_count) ? expr_value(r, f->p, s->expr, NULL)
                                                     : r->reg[s->reg]);
    }
}

void act_end(struct feed *f, enum cause cause, text_id name)
{
    struct run *r = f->r;
    const struct act *a = act_now(r, f->p);

    r->skipping = 0;
    r->now.cause = (uint16_t)cause;
    r->now.end_name = name == PROG_NONE ? (text_id)cause : name;
    r->now.ended = r->moment;
    if (!r->abandoned)
        saves_end(f, a);
    r->acting = ACTING_LEAVING;
    r->change_at = NSEC_NEVER;
    for (size_t i = 0; i < a->n_sets; i++) /* what it ramped stays where it got to */
        if (a->set[i].rate != PROG_NONE && a->verb != VERB_SET)
            ramp_cancel(r, a->set[i].chan);
    if (!is_electrical(a))
        return;
    if (!r->abandoned && goes_straight_over(r, f->p, a)) {
        r->step = r->next_step;
        r->crossing = 1;
        act_enter(f);
        return;
    }
    want_rest(f);
}

static void summary_end(struct run *r)
{
    struct run_summary *s = &r->now;
    const struct run_charge *c = &r->count;
    bool beyond = c->edge_at == s->ended; /* what came after the edge is the next act's */

    s->charge_c = c->charge_c.sum;
    s->energy_j = c->energy_j.sum;
    s->in_c = c->in_c.sum - r->base.in_c.sum - (beyond ? c->tail.in_c.sum : 0.0);
    s->out_c = c->out_c.sum - r->base.out_c.sum - (beyond ? c->tail.out_c.sum : 0.0);
    s->in_j = c->in_j.sum - r->base.in_j.sum - (beyond ? c->tail.in_j.sum : 0.0);
    s->out_j = c->out_j.sum - r->base.out_j.sum - (beyond ? c->tail.out_j.sum : 0.0);
    s->p_mean_pa = r->p_n ? r->p_sum / (double)r->p_n : (double)NAN;
}

/* Its registers and its end go out in one event, and one end in an event. */
bool act_finish_fits(const struct feed *f)
{
    const struct act *a = &f->p->acts[f->p->steps[f->r->now.step].a];

    return !f->step_ended && !f->recorded && f->fx->n + a->n_saves + 8u < EFFECTS_MAX;
}

void act_finish(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = &f->p->acts[f->p->steps[r->now.step].a];
    step_id next = r->crossing ? r->step : r->next_step;
    nsec t = is_electrical(a) ? count_boundary(r) : r->now.ended;
    struct effect *x;

    r->now.ended = t > r->now.began ? t : r->now.began;
    count_end(r, r->now.ended);
    summary_end(r);
    if (a->verb == VERB_CHARGE && r->now.cause == CAUSE_TAPER)
        r->soc_c = r->count.edge_at == r->now.ended ? -r->count.tail.charge_c.sum : 0.0;
    r->summary = r->now;
    r->last_cause = r->now.cause;
    r->last_end = r->now.end_name;
    r->step = r->now.step; /* what follows is still about this step */
    if ((r->state == RUN_RUNNING || r->state == RUN_PAUSED) && !r->abandoned)
        act_save(f);
    x = fx_add(f, FX_STEP_END, true);
    x->code = r->now.cause;
    x->text = r->now.end_name;
    x->token = r->now.number;
    f->step_ended = true;
    if (!r->crossing)
        record_poll(f, true);
    r->step = next;
    r->abandoned = 0;
    if (r->crossing) {
        r->crossing = 0;
        return;
    }
    r->acting = ACTING_NONE;
    r->act_began = NSEC_NEVER;
}

void act_timeout(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = act_now(r, f->p);
    struct why why = WHY(CAUSE_TIMEOUT);

    why.text = a->name;
    switch ((enum timeout_action)a->timeout_action) {
    case TIMEOUT_PAUSE: run_pause(f, why); return;
    case TIMEOUT_ABORT:
    case TIMEOUT_SAFE: run_stop(f, VERDICT_ABORT, why); return;
    case TIMEOUT_END: r->next_step = PROG_NONE; break;
    case TIMEOUT_NONE:
    case TIMEOUT_NEXT: break;
    }
    act_end(f, CAUSE_TIMEOUT, PROG_NONE);
}

void act_abandon(struct feed *f, step_id next)
{
    struct run *r = f->r;

    r->next_step = next;
    r->abandoned = 1;
    act_end(f, (enum cause)r->cause, PROG_NONE);
}

/* After a pause: go on with the rest of it; a pulse, or what says so, is done again from its begin.
 */
void act_resume(struct feed *f)
{
    struct run *r = f->r;
    const struct act *a = act_now(r, f->p);

    if (r->skipping) {
        r->next_step = (step_id)(r->step + 1);
        act_shift(r, r->moment);
        act_end(f, CAUSE_SKIP, PROG_NONE);
        return;
    }
    if (a->restart_block || a->verb == VERB_PULSE) {
        block_id b = f->p->steps[r->step].block;

        act_abandon(f, a->restart_block && b != PROG_NONE ? f->p->blocks[b].first : r->step);
        return;
    }
    r->acting = ACTING_ENTERING;
    r->resuming = 1;
    r->change_at = NSEC_NEVER;
    act_wants(f, a, true);
}
