/* procedures/engine/progress.c - how much of the plan is behind us. Every act has an estimated
 * duration from its constants, every loop its proven number of turns; what was executed is counted
 * by the place in the flat program, so that the fraction only grows.
 */
#include "procedures/engine/run_priv.h"

#define ACT_GUESS_S   600.0
#define PULSE_GUESS_S 10.0

static double constant(const struct program *p, expr_id x)
{
    return x == PROG_NONE ? (double)NAN : expr_value(NULL, p, x, NULL);
}

static double charge_time_s(const struct program *p, const struct act *a)
{
    double at = fabs(constant(p, a->at));

    if (a->at_kind == AT_CURRENT && at > 0.0 && p->capacity_c > 0.0)
        return p->capacity_c / at;
    return (double)NAN;
}

static double guess_s(const struct program *p, const struct act *a)
{
    double s = constant(p, a->for_s);

    if (s >= 0.0)
        return s;
    if (a->verb == VERB_CHARGE || a->verb == VERB_DISCHARGE || a->verb == VERB_CURRENT)
        s = charge_time_s(p, a);
    if (a->verb == VERB_PULSE)
        s = PULSE_GUESS_S;
    if (a->verb == VERB_SET)
        s = 1.0;
    if (!(s >= 0.0))
        s = a->verb == VERB_CHARGE || a->verb == VERB_DISCHARGE ? 3600.0 : ACT_GUESS_S;
    if (constant(p, a->at_least_s) > s)
        s = constant(p, a->at_least_s);
    if (constant(p, a->timeout_s) < s)
        s = constant(p, a->timeout_s);
    return s;
}

/* Blocks around a step, outermost first; returns how many. */
static size_t chain(const struct program *p, block_id b, block_id ret[PROG_DEPTH_MAX])
{
    block_id up[PROG_DEPTH_MAX];
    size_t n = 0;

    for (; b != PROG_NONE && n < PROG_DEPTH_MAX; b = p->blocks[b].parent)
        up[n++] = b;
    for (size_t i = 0; i < n; i++)
        ret[i] = up[n - 1 - i];
    return n;
}

static double turns_of(const struct program *p, block_id b)
{
    const struct block *k = &p->blocks[b];

    return k->kind == LOOP_ONCE   ? 1.0
           : k->kind == LOOP_LIST ? (double)k->list_n
                                  : fmax((double)k->count_max, 1.0);
}

/* Executions of step s in all, and how many of them lie before the place of r. */
static double executions(const struct run *r, const struct program *p, step_id s, step_id here,
                         double *ret_done)
{
    block_id mine[PROG_DEPTH_MAX], there[PROG_DEPTH_MAX];
    size_t n = chain(p, p->steps[s].block, mine),
           m = here < p->n_steps ? chain(p, p->steps[here].block, there) : 0;
    double all = 1.0, done = 0.0;
    bool common = true;

    for (size_t i = 0; i < n; i++)
        all *= turns_of(p, mine[i]);
    *ret_done = 0.0;
    for (size_t i = 0; i < n; i++) {
        double turns = turns_of(p, mine[i]), inner = 1.0;

        for (size_t k = i + 1; k < n; k++)
            inner *= turns_of(p, mine[k]);
        common = common && i < m && mine[i] == there[i];
        if (!common) {
            if (s < here)
                done += inner * turns;
            break;
        }
        done += inner * fmin((double)r->loop[p->blocks[mine[i]].depth].turn, turns);
        if (i + 1 == n && s < here)
            done += 1.0;
    }
    if (!n && s < here)
        done = 1.0;
    *ret_done = fmin(done, all);
    return all;
}

static double here_done_s(const struct run *r, const struct program *p)
{
    const struct act *a = act_of(r, p);
    nsec now = r->act_paused_at != NSEC_NEVER ? r->act_paused_at : r->moment;
    double s, t;

    if (!a || (r->acting != ACTING_ON && r->acting != ACTING_LEAVING) ||
        r->act_began == NSEC_NEVER || now <= r->act_began)
        return 0.0;
    s = guess_s(p, a);
    t = nsec_to_s(now - r->act_began);
    return t < s ? t : s; /* longer than thought: it stands still, it does not fall back */
}

void run_progress(const struct run *r, const struct program *p, double *ret_done,
                  double *ret_left_s)
{
    double all_s = 0.0, done_s = 0.0;
    bool begun = r->state >= RUN_RUNNING && r->state != RUN_ENDED;

    for (step_id s = 0; s < p->n_steps; s++) {
        double d, before = 0.0, n;

        if (p->steps[s].op != OP_ACT)
            continue;
        d = guess_s(p, &p->acts[p->steps[s].a]);
        n = executions(r, p, s, begun ? r->step : 0, &before);
        all_s += n * d;
        done_s += begun ? before * d : 0.0;
    }
    if (begun)
        done_s += here_done_s(r, p);
    if (r->state == RUN_ENDED || r->acting == ACTING_FINISHING)
        done_s = all_s;
    *ret_done = all_s > 0.0 ? fmin(done_s / all_s, 1.0) : 0.0;
    *ret_left_s = fmax(all_s - done_s, 0.0);
}
