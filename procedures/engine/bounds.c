/* procedures/engine/bounds.c - interval arithmetic over stack code.
 *
 * A register's interval is the hull of everything that any step may put into it, wherever that step
 * stands: coarse, but it needs no order of execution and so cannot be wrong about one. */
#include "procedures/engine/check_priv.h"

#include <math.h>
#include <string.h>

enum {
    REG_DEPTH_MAX = 6
};

static const struct interval unknown = {-INFINITY, INFINITY, true};

static struct interval code_bounds(const struct program *p, uint32_t start, uint16_t n,
                                   unsigned depth);

static struct interval expr_bounds(const struct program *p, expr_id e, unsigned depth)
{
    return e == PROG_NONE ? unknown : code_bounds(p, p->exprs[e].start, p->exprs[e].n, depth);
}

static struct interval hull(struct interval a, struct interval b)
{
    return (struct interval){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi,
                             a.measured || b.measured};
}

static void join(struct interval *into, bool *any, struct interval x)
{
    *into = *any ? hull(*into, x) : x;
    *any = true;
}

static void join_block(const struct program *p, const struct block *b, struct interval *x,
                       bool *any, unsigned depth)
{
    if (b->kind == LOOP_REPEAT)
        join(x, any, (struct interval){1.0, (double)b->count_max, false});
    for (uint16_t i = 0; b->kind == LOOP_LIST && i < b->list_n; i++)
        join(x, any, expr_bounds(p, p->list_exprs[b->list_first + i], depth));
    if (b->kind == LOOP_RANGE) {
        join(x, any, expr_bounds(p, b->from, depth));
        join(x, any, expr_bounds(p, b->to, depth));
    }
}

static struct interval reg_bounds(const struct program *p, reg_id r, unsigned depth)
{
    struct interval x = unknown;
    bool any = false;

    if (depth >= REG_DEPTH_MAX)
        return unknown;
    for (uint16_t i = 0; i < p->n_saves; i++)
        if (p->saves[i].reg == r)
            return unknown;
    for (uint16_t i = 0; i < p->n_blocks; i++)
        if (p->blocks[i].reg == r)
            join_block(p, &p->blocks[i], &x, &any, depth + 1);
    for (uint16_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].op == OP_LET && p->steps[i].a == r)
            join(&x, &any, expr_bounds(p, p->steps[i].b, depth + 1));
    for (uint16_t i = 0; i < p->n_questions; i++)
        if (p->questions[i].save == r)
            join(&x, &any, (struct interval){p->questions[i].lo, p->questions[i].hi, false});
    return any ? x : unknown;
}

bool bounds_one_c_measured(const struct program *p)
{
    for (uint16_t i = 0; i < p->n_regs; i++)
        if (strcmp(program_text(p, p->regs[i].name), "one_c") == 0)
            return true;
    return false;
}

static double product(double a, double b)
{
    return fabs(a) > 0.0 && fabs(b) > 0.0
               ? a * b
               : 0.0; /* 0 times infinity is 0 here: the bound of a bound */
}

static struct interval multiply(struct interval a, struct interval b)
{
    const double v[] = {product(a.lo, b.lo), product(a.lo, b.hi), product(a.hi, b.lo),
                        product(a.hi, b.hi)};
    struct interval x = {v[0], v[0], a.measured || b.measured};

    for (int i = 1; i < 4; i++) {
        x.lo = v[i] < x.lo ? v[i] : x.lo;
        x.hi = v[i] > x.hi ? v[i] : x.hi;
    }
    return x;
}

static struct interval divide(struct interval a, struct interval b)
{
    struct interval inverse = {0.0, 0.0, b.measured};

    if (b.lo <= 0.0 && b.hi >= 0.0)
        return (struct interval){-INFINITY, INFINITY, a.measured || b.measured};
    inverse.lo = 1.0 / b.hi;
    inverse.hi = 1.0 / b.lo;
    return multiply(a, inverse);
}

static struct interval binary(uint16_t op, struct interval a, struct interval b)
{
    bool m = a.measured || b.measured;

    switch (op) {
    case INSN_ADD: return (struct interval){a.lo + b.lo, a.hi + b.hi, m};
    case INSN_SUB: return (struct interval){a.lo - b.hi, a.hi - b.lo, m};
    case INSN_MUL: return multiply(a, b);
    case INSN_DIV: return divide(a, b);
    case INSN_MIN:
        return (struct interval){a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi, m};
    case INSN_MAX:
        return (struct interval){a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi, m};
    case INSN_MOD:
        return (struct interval){-fmax(fabs(b.lo), fabs(b.hi)), fmax(fabs(b.lo), fabs(b.hi)), m};
    default: return (struct interval){0.0, 1.0, m}; /* conditions */
    }
}

static struct interval magnitude(struct interval a)
{
    if (a.lo >= 0.0)
        return a;
    if (a.hi <= 0.0)
        return (struct interval){-a.hi, -a.lo, a.measured};
    return (struct interval){0.0, fmax(-a.lo, a.hi), a.measured};
}

static struct interval leaf(const struct program *p, const struct insn *i, unsigned depth)
{
    switch (i->op) {
    case INSN_CONST: return (struct interval){i->v, i->v, false};
    case INSN_REG: return reg_bounds(p, i->a, depth);
    case INSN_ONE_C:
        if (bounds_one_c_measured(p))
            return (struct interval){0.0, INFINITY, true};
        return (struct interval){p->one_c_a, p->one_c_a, false};
    case INSN_STEP_CHARGE:
    case INSN_STEP_ENERGY:
    case INSN_STEP_TIME:
    case INSN_RUN_TIME: return (struct interval){0.0, INFINITY, true};
    default: return unknown;
    }
}

static struct interval code_bounds(const struct program *p, uint32_t start, uint16_t n,
                                   unsigned depth)
{
    struct interval stack[PROG_STACK_MAX];
    unsigned top = 0;

    for (uint16_t k = 0; k < n; k++) {
        const struct insn *i = &p->code[start + k];
        bool two =
            (i->op >= INSN_ADD && i->op <= INSN_MOD) || (i->op >= INSN_MIN && i->op <= INSN_OR);

        if (two && top >= 2) {
            stack[top - 2] = binary(i->op, stack[top - 2], stack[top - 1]);
            top--;
        } else if (i->op == INSN_NEG && top >= 1) {
            stack[top - 1] =
                (struct interval){-stack[top - 1].hi, -stack[top - 1].lo, stack[top - 1].measured};
        } else if (i->op == INSN_ABS && top >= 1) {
            stack[top - 1] = magnitude(stack[top - 1]);
        } else if ((i->op == INSN_NOT || i->op == INSN_HOLD) && top >= 1) {
            stack[top - 1] = (struct interval){0.0, 1.0, stack[top - 1].measured};
        } else if (top < PROG_STACK_MAX) {
            stack[top++] = leaf(p, i, depth);
        }
    }
    return top > 0 ? stack[top - 1] : unknown;
}

struct interval bounds_expr(const struct program *p, expr_id e)
{
    return expr_bounds(p, e, 0);
}

struct interval bounds_code(const struct program *p, uint32_t start, uint16_t n)
{
    return code_bounds(p, start, n, 0);
}

/* in_cv, current, abs, X ..., less, and, hold */
struct interval bounds_taper(const struct program *p, expr_id cond)
{
    const struct expr *e = &p->exprs[cond];

    return e->n > 6 ? code_bounds(p, e->start + 3, (uint16_t)(e->n - 6), 0) : unknown;
}

double accuracy_of(const struct program *p, chan_id chan, double full_scale, double v)
{
    if (chan == CHAN_NONE)
        return 0.0;
    return station_accuracy(&p->station.chan[chan], full_scale, v);
}
