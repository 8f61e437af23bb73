/* procedures/engine/eval.c - stack code: values of expressions. NaN is unknown and stays so;
 * comparisons with it are unknown, and unknown never fires. */
#include "procedures/engine/run_priv.h"

static double from_bool(bool b)
{
    return b ? 1.0 : 0.0;
}

static bool known(double v)
{
    return !isnan(v);
}

static double chan_value(const struct run *r, uint16_t c)
{
    const struct run_chan *rc = &r->chan[c];

    return r->moment - rc->at > r->derived.stale[c] ? (double)NAN : rc->value;
}

static double logic_and(double a, double b)
{
    if ((known(a) && fabs(a) < 0.5) || (known(b) && fabs(b) < 0.5))
        return 0.0;
    return known(a) && known(b) ? 1.0 : (double)NAN;
}

static double logic_or(double a, double b)
{
    if ((known(a) && fabs(a) >= 0.5) || (known(b) && fabs(b) >= 0.5))
        return 1.0;
    return known(a) && known(b) ? 0.0 : (double)NAN;
}

static double compare(uint16_t op, double a, double b)
{
    if (!known(a) || !known(b))
        return (double)NAN;
    switch (op) {
    case INSN_LT: return from_bool(a < b);
    case INSN_LE: return from_bool(a <= b);
    case INSN_GT: return from_bool(a > b);
    case INSN_GE: return from_bool(a >= b);
    case INSN_EQ: return from_bool(!(a < b) && !(a > b));
    default: return from_bool(a < b || a > b);
    }
}

static double arithmetic(uint16_t op, double a, double b)
{
    switch (op) {
    case INSN_ADD: return a + b;
    case INSN_SUB: return a - b;
    case INSN_MUL: return a * b;
    case INSN_DIV: return fabs(b) > 0.0 ? a / b : (double)NAN;
    case INSN_MOD: return fabs(b) > 0.0 ? a - b * floor(a / b) : (double)NAN;
    case INSN_MIN: return known(a) && known(b) ? fmin(a, b) : (double)NAN;
    default: return known(a) && known(b) ? fmax(a, b) : (double)NAN;
    }
}

static double held(const struct run *r, const struct insn *in, double cond, struct run_hold *hold)
{
    nsec since = r->hold[in->a].since;

    if (hold) {
        if (!known(cond) || cond < 0.5)
            hold[in->a].since = NSEC_NEVER;
        else if (since == NSEC_NEVER)
            hold[in->a].since = r->moment;
        since = hold[in->a].since;
    }
    if (!known(cond) || cond < 0.5)
        return cond;
    return from_bool(since != NSEC_NEVER && r->moment - since >= nsec_from_s(in->v));
}

static double in_cv(const struct run *r, const struct program *p, double tolerance_v)
{
    double v, set;

    if (p->role.voltage == CHAN_NONE || p->role.voltage_set == CHAN_NONE)
        return (double)NAN;
    v = chan_value(r, p->role.voltage);
    set = r->setpoint[p->role.voltage_set];
    return known(v) && known(set) ? from_bool(fabs(v - set) <= tolerance_v) : (double)NAN;
}

static double resistance(const struct run *r, const struct program *p)
{
    double v, di;

    if (p->role.voltage == CHAN_NONE || p->role.current == CHAN_NONE)
        return (double)NAN;
    v = chan_value(r, p->role.voltage) - r->rest_v;
    di = chan_value(r, p->role.current) - r->rest_a;
    return fabs(di) > 0.0 ? fabs(v) / fabs(di) : (double)NAN;
}

static double step_time_s(const struct run *r)
{
    nsec now = r->state == RUN_PAUSED || r->state == RUN_RECOVERING ? r->paused_since : r->moment;

    if (r->acting != ACTING_ON && r->acting != ACTING_LEAVING) /* of the act that ended last */
        return nsec_to_s(r->summary.ended - r->summary.began);
    return r->act_began == NSEC_NEVER || now < r->act_began ? 0.0 : nsec_to_s(now - r->act_began);
}

/* What does not depend on the stack. r is not NULL. */
static double leaf(const struct run *r, const struct program *p, const struct insn *in)
{
    switch (in->op) {
    case INSN_CHAN: return chan_value(r, in->a);
    case INSN_SETPOINT: return r->setpoint[in->a];
    case INSN_REG: return r->reg[in->a];
    case INSN_STEP_CHARGE: return fabs(r->count.charge_c.sum);
    case INSN_STEP_ENERGY: return fabs(r->count.energy_j.sum);
    case INSN_STEP_TIME: return step_time_s(r);
    case INSN_RUN_TIME: return nsec_to_s(r->moment - r->started_at);
    case INSN_ONE_C: return r->one_c_a;
    case INSN_SOC: return 1.0 - r->soc_c / (r->one_c_a * 3600.0);
    case INSN_CYCLE: return (double)r->cycle;
    case INSN_CAUSE: return (double)r->last_end;
    case INSN_WINDOW: return window_value(r, p, in->a);
    case INSN_ENDED_BY: return from_bool(r->last_end == in->a);
    case INSN_IN_CV: return in_cv(r, p, in->v);
    case INSN_RESISTANCE: return resistance(r, p);
    default: return from_bool(known(chan_value(r, in->a)));
    }
}

static unsigned arguments(uint16_t op)
{
    if (op == INSN_NEG || op == INSN_ABS || op == INSN_NOT || op == INSN_HOLD)
        return 1;
    return op >= INSN_ADD && op <= INSN_OR ? 2 : 0;
}

static double one_argument(const struct run *r, const struct insn *in, double a,
                           struct run_hold *hold)
{
    switch (in->op) {
    case INSN_NEG: return -a;
    case INSN_ABS: return fabs(a);
    case INSN_NOT: return known(a) ? from_bool(a < 0.5) : a;
    default: return r ? held(r, in, a, hold) : (double)NAN;
    }
}

static double two_arguments(uint16_t op, double a, double b)
{
    if (op == INSN_AND)
        return logic_and(a, b);
    if (op == INSN_OR)
        return logic_or(a, b);
    return op >= INSN_LT ? compare(op, a, b) : arithmetic(op, a, b);
}

double expr_value(const struct run *r, const struct program *p, expr_id x, struct run_hold *hold)
{
    double stack[EVAL_STACK];
    size_t n = 0;
    const struct expr *ex = &p->exprs[x];
    const struct insn *in = p->code + ex->start, *end = in + ex->n;

    if (ex->n == 1 && in->op == INSN_CHAN && r)
        return chan_value(r, in->a);
    for (; in < end; in++) {
        if (in->op == INSN_CONST) {
            stack[n++] = in->v;
            continue;
        }
        switch (arguments(in->op)) {
        case 0:
            if (r)
                stack[n++] = leaf(r, p, in);
            else
                stack[n++] = in->op == INSN_ONE_C ? p->one_c_a : (double)NAN;
            break;
        case 1: stack[n - 1] = one_argument(r, in, stack[n - 1], hold); break;
        default:
            n--;
            stack[n - 1] = two_arguments(in->op, stack[n - 1], stack[n]);
            break;
        }
    }
    return n ? stack[n - 1] : (double)NAN;
}

double run_eval(const struct run *r, const struct program *p, expr_id e)
{
    return expr_value(r, p, e, NULL);
}

bool expr_true(struct run *r, const struct program *p, expr_id x)
{
    return expr_value(r, p, x, r->hold) >= 0.5;
}

void expr_reset_holds(struct run *r, const struct program *p, expr_id x)
{
    const struct expr *ex = &p->exprs[x];

    for (uint32_t i = ex->start; i < ex->start + ex->n; i++)
        if (p->code[i].op == INSN_HOLD)
            r->hold[p->code[i].a].since = NSEC_NEVER;
}

bool expr_has(const struct program *p, expr_id x,
              bool (*test)(const struct program *, const struct insn *))
{
    const struct expr *ex = &p->exprs[x];

    for (uint32_t i = ex->start; i < ex->start + ex->n; i++) {
        if (test(p, &p->code[i]))
            return true;
        if (p->code[i].op == INSN_WINDOW && expr_has(p, p->windows[p->code[i].a].expr, test))
            return true;
    }
    return false;
}

uint64_t expr_chans(const struct program *p, expr_id x)
{
    const struct expr *ex = &p->exprs[x];
    uint64_t bits = 0;

    for (uint32_t i = ex->start; i < ex->start + ex->n; i++) {
        const struct insn *in = &p->code[i];

        if (in->op == INSN_CHAN)
            bits |= UINT64_C(1) << in->a;
        else if (in->op == INSN_WINDOW)
            bits |= expr_chans(p, p->windows[in->a].expr);
        else if (in->op == INSN_RESISTANCE || in->op == INSN_IN_CV) {
            if (p->role.voltage != CHAN_NONE)
                bits |= UINT64_C(1) << p->role.voltage;
            if (p->role.current != CHAN_NONE)
                bits |= UINT64_C(1) << p->role.current;
        }
    }
    return bits;
}

uint32_t expr_windows(const struct program *p, expr_id x)
{
    const struct expr *ex = &p->exprs[x];
    uint32_t bits = 0;

    for (uint32_t i = ex->start; i < ex->start + ex->n; i++)
        if (p->code[i].op == INSN_WINDOW)
            bits |= UINT32_C(1) << p->code[i].a | expr_windows(p, p->windows[p->code[i].a].expr);
    return bits;
}

static bool operand_fits(const struct program *p, const struct insn *in)
{
    switch (in->op) {
    case INSN_CHAN:
    case INSN_KNOWN:
    case INSN_SETPOINT: return in->a < p->station.n_chans;
    case INSN_REG: return in->a < p->n_regs;
    case INSN_HOLD: return in->a < p->n_holds;
    case INSN_WINDOW: return in->a < p->n_windows;
    default: return in->op <= INSN_KNOWN;
    }
}

int expr_validate(const struct program *p, expr_id x, struct diag *reterr)
{
    const struct expr *ex = &p->exprs[x];
    unsigned depth = 0;

    if (ex->start > p->n_code || ex->n > p->n_code - ex->start || !ex->n)
        return diag_add(reterr, E_CORRUPT, "expression %u lies outside the code", (unsigned)x);
    for (uint32_t i = ex->start; i < ex->start + ex->n; i++) {
        unsigned need = arguments(p->code[i].op);

        if (!operand_fits(p, &p->code[i]) || depth < need)
            return diag_add(reterr, E_CORRUPT, "expression %u is damaged", (unsigned)x);
        depth += 1 - need;
        if (depth > EVAL_STACK)
            return diag_add(reterr, E_FULL, "expression `%s` is nested too deeply",
                            program_text(p, ex->source));
    }
    return depth == 1 ? 0 : diag_add(reterr, E_CORRUPT, "expression %u is damaged", (unsigned)x);
}
