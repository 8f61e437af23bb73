/* procedures/engine/proof.c - the pulse that proves the leads: a current far below the article's
 * limit flows for two seconds, and has to be seen, with a voltage that a cell can have.
 *
 * It is made once a run, between two acts: before the first when nothing is pressed, after the first
 * squeeze else, and in any case before the first current. The source stands a tenth of the article's
 * window away from the cell's voltage, so that even with an open sense lead that floats at the
 * source's own voltage the cell stays inside; with one that reads nothing the source would rise to
 * its most, and only the current limit holds it: hence so small a current.
 *
 * A pulse that a pause or a restart has cut is made again. */
#include "procedures/engine/run_priv.h"

#define PROOF_S        2.0
#define PROOF_SETTLE_S 0.5 /* no sample is judged before */
#define JUMP_SHARE     0.1 /* of the article's window: no cell answers so much to so little */
#define JUMP_SEEN      0.9 /* of that: the source has got there */
#define FLOWS_SHARE    0.5 /* the current is read within so much of what was asked for */

void proof_reset(struct run *r)
{
    if (r->proof != PROOF_DONE)
        r->proof = PROOF_DUE;
    r->proof_at = NSEC_NEVER;
}

static double jump_v(const struct program *p)
{
    return JUMP_SHARE * (p->v_hi - p->v_lo);
}

/* ---- When it is made ----------------------------------------------------------------------- */

static bool is_squeezed(const struct run *r, const struct program *p)
{
    return p->role.pressure_set != CHAN_NONE && r->setpoint[p->role.pressure_set] > 0.0;
}

/* At every sensor that says something. */
static bool allowed_now(const struct run *r, const struct program *p, int direction)
{
    double lo = direction > 0 ? p->charge_lo_k : p->discharge_lo_k;
    double hi = direction > 0 ? p->charge_hi_k : p->discharge_hi_k;
    bool allowed = true;

    for (uint16_t i = 0; p->role.temperature != CHAN_NONE && i <= p->more_temperatures; i++) {
        double k = r->chan[p->role.temperature + i].value;

        allowed = allowed && (isnan(k) || (k >= lo && k <= hi));
    }
    return allowed;
}

/* Towards the middle of the window where the temperature allows it; 0: neither way. */
static int direction_of(const struct run *r, const struct program *p, double v)
{
    int to = v < 0.5 * (p->v_lo + p->v_hi) ? 1 : -1;

    if (allowed_now(r, p, to))
        return to;
    return allowed_now(r, p, -to) ? -to : 0;
}

static bool is_due(const struct run *r, const struct program *p)
{
    const struct act *a = act_of(r, p);

    if (!a || r->state != RUN_RUNNING || r->acting != ACTING_NONE || r->stop_after_step ||
        r->next_step == PROG_NONE)
        return false;
    if (!is_electrical(a) && p->presses && !is_squeezed(r, p))
        return false;
    /* too cold both ways: later, or the act itself is refused */
    return direction_of(r, p, 0.0) != 0;
}

/* ---- Its sets --------------------------------------------------------------------------------- */

static void enter(struct run *r, enum proof_phase phase)
{
    r->proof = (uint8_t)phase;
    r->proof_at = r->moment;
}

static void want_pulse(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;
    const struct prog_roles *o = &p->role;
    double a = fabs(r->proof_a), v = r->proof_v + copysign(jump_v(p), r->proof_a);

    if (o->limit_charge != CHAN_NONE && o->limit_discharge != CHAN_NONE) {
        want_add(f, o->limit_charge, r->proof_a > 0.0 ? a : 0.0);
        want_add(f, o->limit_discharge, r->proof_a > 0.0 ? 0.0 : a);
    } else {
        want_add(f, o->current_limit, a);
    }
    want_add(f, o->voltage_set, fmin(fmax(v, p->v_lo), p->v_hi));
    want_add(f, o->mode, CYCLER_VOLTAGE);
}

/* ---- What is seen ----------------------------------------------------------------------------- */

static bool is_fresh(const struct run *r, const struct program *p, nsec since)
{
    return r->chan[p->role.voltage].at >= since && !isnan(r->chan[p->role.voltage].value) &&
           !isnan(r->chan[p->role.current].value);
}

static void fail(struct feed *f, enum cause cause, chan_id chan)
{
    struct why why = WHY(cause);

    why.chan = chan;
    why.value = f->r->chan[chan].value;
    run_stop(f, VERDICT_ABORT, why);
}

/* The resting cell, once more: under pressure it is another one than before. */
static void take_rest(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;
    int direction;

    r->proof_v = r->chan[p->role.voltage].value;
    if (!preflight_ocv(f, r->proof_v))
        return;
    direction = direction_of(r, p, r->proof_v);
    if (direction == 0) { /* the way that the cold leaves open is not known to be safe: later */
        r->proof = PROOF_DUE;
        return;
    }
    r->proof_a = direction * p->proof_a;
    enter(r, PROOF_SETTING);
    want_pulse(f);
}

/* A source that is held by its voltage instead of its current has no cell, or sees none. */
static void judge(struct feed *f)
{
    const struct run *r = f->r;
    const struct prog_roles *o = &f->p->role;
    double v = r->chan[o->voltage].value, a = r->chan[o->current].value;

    if (!(fabs(v - r->proof_v) < JUMP_SEEN * jump_v(f->p)) && fabs(a) >= 0.5 * fabs(r->proof_a))
        fail(f, CAUSE_SENSE_LEAD, o->voltage);
    else if (!(fabs(a - r->proof_a) <= FLOWS_SHARE * fabs(r->proof_a)))
        fail(f, CAUSE_CURRENT_LEAD, o->current);
    else if (r->moment >= r->proof_at + real_time(f->p, PROOF_S))
        enter(f->r, PROOF_LEAVING);
}

void proof_sample(struct feed *f)
{
    const struct run *r = f->r;

    if (r->state != RUN_RUNNING || r->proof != PROOF_ON || f->e->code != r->derived.cycler_group)
        return;
    if (is_fresh(r, f->p, r->proof_at + real_time(f->p, PROOF_SETTLE_S)))
        judge(f);
    if (r->state == RUN_RUNNING && r->proof == PROOF_LEAVING)
        want_rest_anew(f);
}

static bool took_too_long(struct feed *f)
{
    if (f->r->moment - f->r->proof_at < real_time(f->p, SENSE_TIMEOUT_S))
        return false;
    fail(f, CAUSE_CHECK, f->p->role.voltage);
    return true;
}

/* Sets are confirmed whenever this is called. */
bool proof_holds(struct feed *f)
{
    struct run *r = f->r;
    const struct program *p = f->p;

    if (!(p->proof_a > 0.0) || r->proof == PROOF_DONE)
        return false;
    switch ((enum proof_phase)r->proof) {
    case PROOF_DUE:
        if (!is_due(r, p))
            return false;
        if (mode_is(r, p, CYCLER_REST))
            enter(r, PROOF_RESTING);
        else
            want_rest_anew(f);
        return true;
    case PROOF_RESTING:
        if (is_fresh(r, p, r->proof_at))
            take_rest(f);
        else
            (void)took_too_long(f);
        break;
    case PROOF_SETTING: enter(r, PROOF_ON); break;
    case PROOF_ON: (void)took_too_long(f); break;
    case PROOF_LEAVING: enter(r, PROOF_SETTLING); break;
    case PROOF_SETTLING:
        if (is_fresh(r, p, r->proof_at))
            r->proof = PROOF_DONE;
        else
            (void)took_too_long(f);
        break;
    case PROOF_DONE: break;
    }
    return r->proof != PROOF_DONE && r->proof != PROOF_DUE && r->state == RUN_RUNNING;
}
