/* procedures/engine/plan.c - how long it takes, and the plan as a person reads it.
 *
 * Worst case: every time-out runs out, of two branches the longer one is taken, every loop makes
 * all its turns. Pauses and questions wait for people and are not counted. Expected: what the
 * rates, the ramps and the holding times say, never more than the worst case; it is an estimate and
 * says so. */
#include "procedures/engine/check_priv.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

enum {
    SETTLE_S = 3600,
    REST_GUESS_S = 1800,
    SET_S = 10
}; /* of a chamber; of a rest that waits for a condition; of a set-point */

static double finite_or(double v, double other)
{
    return isfinite(v) ? v : other;
}

static double least(double a, double b)
{
    return b < a ? b : a;
}

/* The longest `for` in the ends of an act. */
static double hold_of(const struct program *p, const struct act *a)
{
    double hold_s = 0.0;

    for (uint16_t i = 0; i < a->n_ends; i++) {
        const struct expr *e = &p->exprs[p->ends[a->first_end + i].cond];

        for (uint16_t k = 0; k < e->n; k++)
            if (p->code[e->start + k].op == INSN_HOLD)
                hold_s = fmax(hold_s, p->code[e->start + k].v);
    }
    return hold_s;
}

/* Longest way of a ramp over all its set-points, at its slowest. */
static double ramp_of(const struct program *p, const struct act *a)
{
    double ramp_s = a->n_sets > 0 ? SET_S : 0.0;

    for (uint8_t i = 0; i < a->n_sets; i++) {
        double way = 0.0;

        if (a->set[i].rate == PROG_NONE)
            continue;
        for (uint16_t k = 0; k < p->n_acts; k++)
            for (uint8_t n = 0; n < p->acts[k].n_sets; n++)
                if (p->acts[k].set[n].chan == a->set[i].chan) {
                    struct interval x = bounds_expr(p, p->acts[k].set[n].value);

                    way = fmax(way, fmax(finite_or(fabs(x.hi), 0.0), finite_or(fabs(x.lo), 0.0)));
                }
        if (a->set[i].chan == p->role.temperature_set)
            way = least(way, 200.0); /* places on the scale, not ways from absolute zero */
        ramp_s = fmax(ramp_s, way / fmax(bounds_expr(p, a->set[i].rate).lo, 1e-12));
    }
    return finite_or(ramp_s, 1e9);
}

static double worst_of(const struct program *p, const struct act *a)
{
    double t = INFINITY;

    if (a->for_s != PROG_NONE)
        t = bounds_expr(p, a->for_s).hi;
    if (a->timeout_s != PROG_NONE)
        t = least(t, bounds_expr(p, a->timeout_s).hi);
    return a->for_s == PROG_NONE && a->timeout_s == PROG_NONE ? ramp_of(p, a) : t;
}

static double expected_of(const struct program *p, const struct act *a, double worst_s)
{
    bool electric = a->at_kind != AT_NONE && a->verb != VERB_HOLD;
    struct interval at;

    if (a->for_s != PROG_NONE)
        return least(worst_s, finite_or(bounds_expr(p, a->for_s).hi, worst_s));
    if (electric && a->at_kind == AT_CURRENT && isfinite(p->capacity_c)) {
        at = bounds_expr(p, a->at);
        if (at.hi > 0.0 && isfinite(at.hi))
            return least(worst_s, p->capacity_c / at.hi * (a->direction > 0 ? 1.1 : 1.0));
    }
    if (a->verb == VERB_SOAK)
        return least(worst_s, ramp_of(p, a) + SETTLE_S + hold_of(p, a));
    if (a->n_sets > 0)
        return least(worst_s, ramp_of(p, a) + hold_of(p, a));
    return least(worst_s, REST_GUESS_S + hold_of(p, a));
}

/* Rows of the sample tables: one per group and record period. Differences add to them; a third more
 * is what cells of this kind give. */
static void add_rows(const struct program *p, const struct act *a, struct cost *c)
{
    uint16_t first = a->n_records > 0 ? a->first_record : p->first_record,
             n = a->n_records > 0 ? a->n_records : p->n_default_records;
    double left_s = c->expected_s, rows = 0.0;

    for (uint16_t i = 0; i < n; i++) {
        const struct record_phase *r = &p->records[first + i];
        double t = least(left_s, r->for_s), period_s = isfinite(r->period_s) ? r->period_s : 60.0;
        bool deltas = isfinite(r->delta_v) || isfinite(r->delta_a) || isfinite(r->delta_pa) ||
                      isfinite(r->delta_k);

        rows += t / period_s * (deltas ? 4.0 / 3.0 : 1.0);
        left_s -= t;
    }
    for (uint16_t g = 0; g < p->station.n_groups; g++) {
        c->rows += rows;
        c->bytes += rows * (24.0 + 9.0 * p->station.group[g].n);
    }
}

struct cost cost_act(const struct program *p, const struct act *a)
{
    struct cost c = {.acts = 1.0};

    c.worst_s = worst_of(p, a);
    c.expected_s = expected_of(p, a, c.worst_s);
    add_rows(p, a, &c);
    return c;
}

static void cost_add(struct cost *to, struct cost x, double times)
{
    to->worst_s += x.worst_s * times;
    to->expected_s += x.expected_s * times;
    to->rows += x.rows * times;
    to->bytes += x.bytes * times;
    to->acts += x.acts * times;
}

/* IF at i: [then] or [then, JUMP][else]. Returns where it goes on. */
static step_id cost_branch(const struct program *p, step_id i, struct cost *c)
{
    step_id other = p->steps[i].b, end = other;
    struct cost a, b = {0};
    bool has_else =
        other > i + 1 && p->steps[other - 1].op == OP_JUMP && p->steps[other - 1].a >= other;

    a = cost_steps(p, (step_id)(i + 1), has_else ? (step_id)(other - 1) : other);
    if (has_else) {
        end = p->steps[other - 1].a;
        b = cost_steps(p, other, end);
    }
    cost_add(c, a.worst_s >= b.worst_s ? a : b, 1.0);
    return end;
}

struct cost cost_steps(const struct program *p, step_id from, step_id to)
{
    struct cost c = {0};

    for (step_id i = from; i < to;) {
        const struct step *s = &p->steps[i];

        if (s->op == OP_ACT) {
            cost_add(&c, cost_act(p, &p->acts[s->a]), 1.0);
        } else if (s->op == OP_IF) {
            i = cost_branch(p, i, &c);
            continue;
        } else if (s->op == OP_ENTER) {
            const struct block *b = &p->blocks[s->a];

            cost_add(&c, cost_steps(p, b->first, b->next), (double)b->count_max);
            i = b->end;
            continue;
        }
        i++;
    }
    return c;
}

/* ---- The plan ---- */

static void put_line(struct text *out, unsigned depth, const char *what, const char *rest)
{
    text_add(out, "%*s%-*s%s\n", (int)(2 * depth), "", 44 - (int)(2 * depth), what, rest);
}

static void put_block(const struct program *p, const struct block *b, struct text *out)
{
    char what[96];
    const char *name = program_text(p, b->name);

    if (b->kind == LOOP_ONCE)
        str_copy(what, sizeof(what), "block");
    else if (str_fmt(what, sizeof(what), "%s %u times", b->kind == LOOP_REPEAT ? "repeat" : "each",
                     b->count_max) < 0)
        what[sizeof(what) - 1] = '\0';
    text_add(out, "%*s%s%s%s:\n", (int)(2 * b->depth), "", what, name[0] ? ", " : "", name);
}

static void put_act(const struct program *p, const struct step *s, struct text *out)
{
    const struct act *a = &p->acts[s->a];
    struct cost c = cost_act(p, a);
    char rest[96], t1[32], t2[32];

    if (str_fmt(rest, sizeof(rest), "about %s, %s at most",
                qty_print(c.expected_s, DIMS_TIME, false, t1, sizeof(t1)),
                qty_print(c.worst_s, DIMS_TIME, false, t2, sizeof(t2))) < 0)
        rest[sizeof(rest) - 1] = '\0';
    put_line(out, s->depth, program_text(p, a->name), rest);
}

static void put_step(const struct program *p, const struct step *s, struct text *out)
{
    switch ((enum step_op)s->op) {
    case OP_ACT: put_act(p, s, out); break;
    case OP_ENTER: put_block(p, &p->blocks[s->a], out); break;
    case OP_IF:
        text_add(out, "%*sif %s\n", (int)(2 * s->depth), "",
                 program_text(p, p->exprs[s->a].source));
        break;
    case OP_CHECK:
        text_add(out, "%*scheck %s\n", (int)(2 * s->depth), "", program_text(p, s->b));
        break;
    case OP_ASK:
        text_add(out, "%*sask \"%s\"\n", (int)(2 * s->depth), "",
                 program_text(p, p->questions[s->a].text));
        break;
    case OP_MEASURE:
        text_add(out, "%*smeasure", (int)(2 * s->depth), "");
        for (uint16_t i = 0; i < s->b; i++)
            text_add(out, "%s %s", i > 0 ? "," : "", program_text(p, p->measures[s->a + i].name));
        text_add(out, "\n");
        break;
    case OP_LEAVE:
        text_add(out, "%*sleave %s\n", (int)(2 * s->depth), "",
                 program_text(p, p->blocks[s->a].name));
        break;
    case OP_CONTINUE:
        text_add(out, "%*snext %s\n", (int)(2 * s->depth), "",
                 program_text(p, p->blocks[s->a].name));
        break;
    case OP_END: text_add(out, "%*send\n", (int)(2 * s->depth), ""); break;
    case OP_LET:
    case OP_NOTE:
    case OP_ALARM:
    case OP_JUMP:
    case OP_NEXT:
    case OP_DONE:
    case OP_FINISH: break;
    }
}

void program_plan(const struct program *p, struct text *out)
{
    text_add(out, "%s %s\n", program_text(p, p->name), program_text(p, p->version));
    for (uint16_t i = 0; i < p->n_steps; i++) {
        if (i == p->before)
            text_add(out, "before\n");
        if (i == p->start)
            text_add(out, "steps\n");
        if (i == p->at_end && p->steps[i].op != OP_FINISH)
            text_add(out, "at the end\n");
        put_step(p, &p->steps[i], out);
    }
}
