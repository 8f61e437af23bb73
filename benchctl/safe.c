/* benchctl/safe.c - walking a safe sequence: station rule first, then the shared rules that its cause (or the end of every station) calls for. */
#include "benchctl/safe.h"

#include <math.h>

static const struct safe_rule *rule_at(const struct rig *r, const struct safe_walk *w)
{
    return w->rule < r->bench->n_rules ? &r->bench->rule[w->rule] : NULL;
}

/* Does this rule belong to the walk? */
static bool applies(const struct rig *r, const struct safe_walk *w, const struct safe_rule *rule)
{
    if (rule->station >= 0) {
        return w->station != INST_NONE && rule == safe_rule_for(r->bench, w->station, w->cause);
    }
    return (rule->when_all_ended && w->last) || (rule->causes & 1U << w->cause) != 0;
}

/* Of a chamber that others sit in, their sets are not dropped; ours is answered to nobody. */
static void drop_sets(struct rig *r, const struct bench_station *s, bool last)
{
    const uint8_t insts[] = {s->cycler, s->regulator, s->chamber};
    for (size_t k = 0; k < ARRAY_LEN(insts); k++) {
        if (insts[k] != INST_NONE && (last || insts[k] != s->chamber)) {
            rig_drop_sets(r, insts[k]);
        }
    }
}

void safe_begin(struct safe_walk *w, struct rig *r, int station, enum safe_cause cause, bool only_shared, bool last)
{
    uint32_t token = w->token ? w->token : SAFE_TOKEN;
    *w = (struct safe_walk){.active = 1, .station = only_shared ? INST_NONE : (uint8_t)station, .cause = (uint8_t)cause, .owner = (uint8_t)station, .last = last, .token = token, .deadline = NSEC_NEVER};
    if (!only_shared) {
        drop_sets(r, &r->bench->station[station], last);
    }
}

/* One small step of a ramp; the last one lands on the value. */
static double ramp_next(const struct safe_walk *w, const struct safe_action *a)
{
    double step = a->per_s; /* a second of it */
    double left = a->value - w->ramp_value;
    return fabs(left) <= step ? a->value : w->ramp_value + copysign(step, left);
}

static int begin_action(struct safe_walk *w, struct rig *r, const struct safe_action *a)
{
    switch ((enum safe_action_kind)a->kind) {
    case ACTION_OUTPUT_OFF: return rig_safe(r, a->inst, SAFE_OUTPUT_OFF, w->token);
    case ACTION_SAFE: return rig_safe(r, a->inst, SAFE_ALL, w->token);
    case ACTION_SET: return rig_set(r, a->inst, a->chan, a->value, w->token);
    case ACTION_RAMP:
        if (!w->ramping) {
            w->ramping = 1;
            if (!rig_held(r, a->inst, a->chan, &w->ramp_value)) {
                w->ramp_value = NAN;
            }
        }
        w->ramp_value = isnan(w->ramp_value) ? a->value : ramp_next(w, a);
        w->ramp_at = r->s.now + NSEC_S;
        return rig_set(r, a->inst, a->chan, w->ramp_value, w->token);
    case ACTION_KEEP: return 0;
    }
    return E_STATE;
}

static void note_failed(struct safe_walk *w, uint8_t inst)
{
    w->failed = (uint8_t)(w->failed < UINT8_MAX ? w->failed + 1 : UINT8_MAX);
    w->failed_insts = (uint16_t)(w->failed_insts | 1U << inst);
}

/* The action that waits has been answered (or given up). */
static void end_action(struct safe_walk *w, const struct safe_action *a)
{
    w->waiting = SAFE_IDLE;
    w->deadline = NSEC_NEVER;
    bool ramp_goes_on = a->kind == ACTION_RAMP && w->ramping && fabs(w->ramp_value - a->value) > 0.0;
    if (!ramp_goes_on) {
        w->ramping = 0;
        w->action++;
    }
}

bool safe_go(struct safe_walk *w, struct rig *r)
{
    while (w->active) {
        const struct safe_rule *rule = rule_at(r, w);
        if (!rule) {
            w->active = 0;
            w->done = 1;
            return true;
        }
        if (!applies(r, w, rule) || w->action >= rule->n) {
            w->rule++;
            w->action = 0;
            continue;
        }
        const struct safe_action *a = &rule->action[w->action];
        if (w->waiting == SAFE_WAITS) {
            if (r->s.now < w->deadline) {
                return false;
            }
            note_failed(w, a->inst); /* given up */
            w->ramping = 0;
        }
        if (w->waiting != SAFE_IDLE) {
            end_action(w, a);
            continue;
        }
        if (w->ramping && r->s.now < w->ramp_at) {
            return false;
        }
        w->token = SAFE_TOKEN | (uint32_t)w->owner << SAFE_OWNER_SHIFT | ((w->token + 1) & ((UINT32_C(1) << SAFE_OWNER_SHIFT) - 1));
        if (begin_action(w, r, a) < 0) {
            note_failed(w, a->inst);
            w->ramping = 0;
            w->action++;
        } else if (a->kind == ACTION_KEEP) {
            w->action++;
        } else {
            w->waiting = SAFE_WAITS;
            w->deadline = r->s.now + SAFE_ACTION_S * NSEC_S;
        }
    }
    return false;
}

bool safe_take(struct safe_walk *w, const struct rig_event *e)
{
    if (!(e->token & SAFE_TOKEN)) {
        return false;
    }
    if (!w->active || w->waiting != SAFE_WAITS || e->token != w->token) {
        return true; /* an answer that came after it was given up */
    }
    bool well = e->kind == RIG_JOB_DONE || e->kind == RIG_SET_DONE;
    if (!well) {
        note_failed(w, e->inst);
    }
    w->waiting = SAFE_ANSWERED; /* safe_go() ends the action */
    return true;
}

nsec safe_due(const struct safe_walk *w)
{
    if (!w->active) {
        return NSEC_NEVER;
    }
    if (w->waiting == SAFE_WAITS) {
        return w->deadline;
    }
    return w->ramping ? w->ramp_at : 0;
}
