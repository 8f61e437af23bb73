/* procedures/engine/run_flow.c - the flat program between acts: loops, branches, registers,
 * questions, checks, ends. It goes on until something has to be waited for. */
#include "procedures/engine/run_priv.h"

static double value(const struct feed *f, expr_id x)
{
    return expr_value(f->r, f->p, x, NULL);
}

static void refuse(struct feed *f, text_id text)
{
    struct why why = WHY(CAUSE_CHECK);

    why.text = text;
    run_stop(f, VERDICT_ABORT, why);
}

/* ---- Blocks ------------------------------------------------------------------------------------
 */

static uint32_t turns_within(const struct block *b, double n)
{
    return n < 1.0 ? 0 : n >= (double)b->count_max ? b->count_max : (uint32_t)n;
}

/* False: it cannot be told, the run is aborted. */
static bool turns_of(struct feed *f, const struct block *b, uint32_t *ret)
{
    double n = 1.0, from, by;
    expr_id culprit = PROG_NONE;

    switch ((enum loop_kind)b->kind) {
    case LOOP_ONCE: break;
    case LOOP_REPEAT:
        culprit = b->count;
        n = floor(value(f, b->count) + 1e-9);
        break;
    case LOOP_LIST: n = b->list_n; break;
    case LOOP_RANGE:
        culprit = b->from;
        from = value(f, b->from);
        by = value(f, b->by);
        n = fabs(by) > 0.0 ? floor((value(f, b->to) - from) / by + 1e-9) + 1.0 : (double)NAN;
        break;
    }
    if (isnan(n)) {
        refuse(f, f->p->exprs[culprit].source);
        return false;
    }
    *ret = b->kind == LOOP_ONCE ? 1 : b->kind == LOOP_LIST ? b->list_n : turns_within(b, n);
    return true;
}

static void loop_variable(struct feed *f, const struct block *b, const struct run_loop *l)
{
    double v = (double)l->turn + 1.0;

    if (b->reg == PROG_NONE || b->kind == LOOP_ONCE)
        return;
    if (b->kind == LOOP_LIST)
        v = value(f, f->p->list_exprs[b->list_first + l->turn]);
    if (b->kind == LOOP_RANGE)
        v = l->value + (double)l->turn * value(f, b->by);
    reg_put(f, b->reg, v);
}

static void block_enter(struct feed *f, block_id id)
{
    struct run *r = f->r;
    const struct block *b = &f->p->blocks[id];
    struct run_loop *l = &r->loop[b->depth];
    uint32_t turns;

    if (!turns_of(f, b, &turns))
        return;
    *l = (struct run_loop){.block = id, .turns = turns};
    if (b->kind == LOOP_RANGE)
        l->value = value(f, b->from);
    if (b->stop_when != PROG_NONE)
        expr_reset_holds(r, f->p, b->stop_when);
    if (!turns) {
        r->step = b->end;
        return;
    }
    loop_variable(f, b, l);
    r->step = b->first;
}

static void block_next(struct feed *f, block_id id)
{
    struct run *r = f->r;
    const struct block *b = &f->p->blocks[id];
    struct run_loop *l = &r->loop[b->depth];

    l->turn++;
    if (l->turn >= l->turns) {
        r->step = b->end;
        return;
    }
    loop_variable(f, b, l);
    r->step = b->first;
}

/* The outermost block whose stop_when has come true. */
enum cause flow_stop_when(struct feed *f, text_id *ret_name, step_id *ret_step)
{
    enum cause cause = CAUSE_NONE;

    for (block_id id = f->p->steps[f->r->step].block; id != PROG_NONE;
         id = f->p->blocks[id].parent) {
        const struct block *b = &f->p->blocks[id];

        if (b->stop_when == PROG_NONE || !expr_true(f->r, f->p, b->stop_when))
            continue;
        cause = CAUSE_STOP_WHEN;
        *ret_name = PROG_NONE;
        *ret_step = b->end;
    }
    return cause;
}

/* ---- Notes, questions, ends
 * ---------------------------------------------------------------------- */

static void template_values(const struct feed *f, const struct template_text *t, double v[4])
{
    for (uint8_t i = 0; i < t->n && i < 4; i++)
        v[i] = value(f, t->expr[i]);
}

static void note(struct feed *f, const struct step *s, enum effect_kind kind)
{
    struct effect *x = fx_add(f, kind, true);

    x->code = s->a;
    if (kind == FX_ALARM)
        x->chan = s->b;
    template_values(f, &f->p->templates[s->a], x->v);
}

static void measures(struct feed *f, uint16_t first, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        const struct measure *m = &f->p->measures[first + i];
        struct effect *x = fx_add(f, FX_MEASURE, true);

        x->code = (uint16_t)(first + i);
        x->text = m->name;
        x->value = value(f, m->expr);
    }
}

static void ask(struct feed *f, uint16_t id)
{
    struct run *r = f->r;
    const struct question *q = &f->p->questions[id];
    struct effect *x = fx_add(f, FX_ASK, true);
    double s = q->timeout_s == PROG_NONE ? (double)INFINITY : value(f, q->timeout_s);

    r->asking = 1;
    r->question = id;
    r->question_token = r->next_token++;
    r->question_until = isfinite(s) ? r->moment + nsec_from_s(fmax(s, 0.0)) : NSEC_NEVER;
    x->code = id;
    x->token = r->question_token;
    x->text = q->text;
}

static bool answer_fits(const struct question *q, double v)
{
    switch ((enum ask_kind)q->kind) {
    case ASK_YES: return fabs(v) < 1e-9 || fabs(v - 1.0) < 1e-9;
    case ASK_CHOICE: return v >= 0.0 && v < (double)q->n_options && fabs(v - floor(v)) < 1e-9;
    case ASK_NUMBER: return v >= q->lo && v <= q->hi;
    case ASK_TEXT: break;
    }
    return true;
}

void flow_answer(struct feed *f)
{
    struct run *r = f->r;
    const struct question *q;

    if (!r->asking || f->e->token != r->question_token)
        return;
    q = &f->p->questions[r->question];
    if (!answer_fits(q, f->e->value)) {
        ask(f, r->question);
        return;
    }
    r->asking = 0;
    r->question_until = NSEC_NEVER;
    if (q->save != PROG_NONE) {
        reg_put(f, q->save, q->kind == ASK_TEXT ? (double)NAN : f->e->value);
    } else if (q->kind == ASK_YES &&
               f->e->value < 0.5) { /* nobody reads the no: it is meant to stop */
        refuse(f, q->text);
        return;
    }
    r->step++;
}

void flow_to_end(struct feed *f, enum verdict v, enum cause cause)
{
    struct run *r = f->r;

    if (!r->in_at_end) {
        r->final_verdict = (uint8_t)v;
        r->end_cause = (uint16_t)cause;
        r->in_at_end = 1;
        r->stop_after_step = 0;
        if (f->p->at_end != PROG_NONE) {
            r->step = f->p->at_end;
            return;
        }
    }
    r->acting = ACTING_FINISHING;
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++)
        r->ramp[i].active = 0;
    if (f->p->role.mode != CHAN_NONE && !mode_is(r, f->p, CYCLER_OFF))
        want_add(f, f->p->role.mode, CYCLER_OFF);
}

static void reach_end(struct feed *f, uint16_t id)
{
    struct run *r = f->r;
    const struct ending *en = &f->p->endings[id];

    measures(f, en->first_measure, en->n_measures);
    if (!r->in_at_end) {
        r->ending = id;
        if (en->reason.text != PROG_NONE)
            template_values(f, &en->reason, r->reason_v);
    }
    flow_to_end(f,
                en->verdict == END_REJECTED || en->verdict == END_QUARANTINE ? VERDICT_REJECTED
                                                                             : VERDICT_DONE,
                CAUSE_END);
}

/* ---- Steps
 * ------------------------------------------------------------------------------------------ */

/* A check of the cell waits until the cycler measures it: in READY its output is off. */
static bool is_deferred(const struct feed *f, const struct step *s)
{
    uint64_t chans = expr_chans(f->p, s->a);
    const struct prog_roles *o = &f->p->role;

    if (o->mode == CHAN_NONE)
        return false;
    return (o->voltage != CHAN_NONE && (chans >> o->voltage & 1u) != 0) ||
           (o->current != CHAN_NONE && (chans >> o->current & 1u) != 0);
}

static void check(struct feed *f, const struct step *s)
{
    struct run *r = f->r;
    bool deferred = r->state != RUN_RUNNING && is_deferred(f, s);

    r->step++;
    if ((r->state == RUN_READY && deferred) || (r->state == RUN_ARMED && !deferred))
        return;
    if (!(value(f, s->a) >= 0.5))
        refuse(f, s->b);
}

/* End of `before`, or of the steps. */
static void done(struct feed *f)
{
    if (f->r->state == RUN_READY) {
        run_arm(f);
    } else if (f->r->state == RUN_ARMED) {
        run_enter(f, RUN_RUNNING);
        f->r->step = f->p->start;
    } else {
        flow_to_end(f, VERDICT_DONE, CAUSE_DONE);
    }
}

static void flow_jump(struct feed *f, const struct step *s)
{
    struct run *r = f->r;

    switch (s->op) {
    case OP_IF: r->step = value(f, s->a) >= 0.5 ? (step_id)(r->step + 1) : s->b; break;
    case OP_JUMP: r->step = s->a; break;
    case OP_ENTER: block_enter(f, s->a); break;
    case OP_NEXT: block_next(f, s->a); break;
    case OP_LEAVE: r->step = f->p->blocks[s->a].end; break;
    default: r->step = f->p->blocks[s->a].next; break;
    }
}

/* What has an effect of its own; in ARMED `before` is walked a second time for its deferred checks
 * only. */
static void flow_do(struct feed *f, const struct step *s)
{
    struct run *r = f->r;

    if (r->state == RUN_ARMED) {
        r->step++;
        return;
    }
    switch (s->op) {
    case OP_ASK: /* the answer goes on */ ask(f, s->a); return;
    case OP_LET: reg_put(f, s->a, value(f, s->b)); break;
    case OP_MEASURE: measures(f, s->a, s->b); break;
    case OP_NOTE: note(f, s, FX_NOTE); break;
    default: note(f, s, FX_ALARM); break;
    }
    r->step++;
}

/* Several effects of one step leave together. */
static bool step_fits(const struct feed *f, const struct step *s)
{
    unsigned n = s->op == OP_MEASURE ? s->b : s->op == OP_END ? f->p->endings[s->a].n_measures : 0;

    return f->fx->n + n + 4u < EFFECTS_MAX || f->fx->n == 0;
}

static void flow_step(struct feed *f)
{
    const struct step *s = &f->p->steps[f->r->step];

    if (!step_fits(f, s)) {
        f->full = true;
        return;
    }

    switch ((enum step_op)s->op) {
    case OP_ACT:
        if (f->r->state == RUN_RUNNING)
            act_enter(f);
        else
            f->r->step++;
        break;
    case OP_CHECK: check(f, s); break;
    case OP_END: reach_end(f, s->a); break;
    case OP_DONE: done(f); break;
    case OP_FINISH: flow_to_end(f, VERDICT_DONE, CAUSE_DONE); break;
    case OP_IF:
    case OP_JUMP:
    case OP_ENTER:
    case OP_NEXT:
    case OP_LEAVE:
    case OP_CONTINUE: flow_jump(f, s); break;
    case OP_LET:
    case OP_MEASURE:
    case OP_NOTE:
    case OP_ALARM:
    case OP_ASK: flow_do(f, s); break;
    }
}

/* May the program go on in this state? */
static bool flow_is_on(const struct run *r)
{
    return r->state == RUN_RUNNING || (r->state == RUN_READY && r->phase == READY_BEFORE) ||
           (r->state == RUN_ARMED && r->phase == ARMED_CHECKS);
}

/* Between acts: one step. */
static void flow_one(struct feed *f)
{
    struct run *r = f->r;

    if (r->state == RUN_RUNNING &&
        (r->next_step == PROG_NONE || (r->stop_after_step && !r->in_at_end)))
        flow_to_end(f, VERDICT_DONE,
                    r->stop_after_step ? CAUSE_OPERATOR : (enum cause)r->last_cause);
    else
        flow_step(f);
    if (r->acting == ACTING_NONE)
        r->next_step = r->step;
}

/* One turn: true when there is more to do in this event. */
static bool advance_once(struct feed *f)
{
    struct run *r = f->r;

    if (!want_pump(f) || !flow_is_on(r))
        return false;
    switch ((enum acting)r->acting) {
    case ACTING_NONE:
        if (r->asking)
            break;
        if (proof_holds(f))
            return r->n_want > 0;
        if (!flow_is_on(r))
            return false;
        flow_one(f);
        return true;
    case ACTING_ENTERING:
        f->full = f->step_begun || (r->crossing && !act_finish_fits(f));
        if (!f->full)
            act_begin(f);
        return true;
    case ACTING_ON:
        if (!act_ends_at_once(r, f->p))
            break;
        r->next_step = (step_id)(r->step + 1);
        act_end(f, r->skipping ? CAUSE_SKIP : CAUSE_AT_ONCE, PROG_NONE);
        return true;
    case ACTING_LEAVING:
        f->full = !act_finish_fits(f);
        if (!f->full)
            act_finish(f);
        return true;
    case ACTING_FINISHING: run_end(f); return false;
    }
    if (r->state == RUN_RUNNING)
        ramps_tick(f);
    return drive_tick(f) || r->n_want > 0;
}

void flow_advance(struct feed *f)
{
    unsigned left = FLOW_BUDGET;

    f->r->flow_due = 0;
    while (left-- && fx_room(f) && !f->full)
        if (!advance_once(f))
            return;
    f->r->flow_due = 1;
}
