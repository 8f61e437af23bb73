/* drivers/bus/ask.c - the bus calls a driver here and nowhere else. What a driver leaves NULL, its
 * rows do. */
#include "drivers/bus/bus_priv.h"

static int call_planner(struct bus *b, const struct bus_wiring *w)
{
    const struct inst *inst = w->inst[b->current.inst];
    const struct driver *d = inst->driver;
    enum job_kind kind = b->prefix ? JOBKIND_IDENTIFY : (enum job_kind)b->current.kind;

    switch (kind) {
    case JOBKIND_IDENTIFY: return d->plan_identify ? d->plan_identify(inst, &b->plan) : 0;
    case JOBKIND_POLL:
        return d->plan_poll ? d->plan_poll(inst, &b->plan) : rows_plan_poll(inst, &b->plan);
    case JOBKIND_SET:
        if (d->plan_set)
            return d->plan_set(inst, b->current.chan, b->current.value, &b->plan);
        return rows_plan_set(inst, b->current.chan, b->current.value, &b->plan);
    case JOBKIND_SAFE_OUTPUT:
        return d->plan_safe ? d->plan_safe(inst, SAFE_OUTPUT_OFF, &b->plan) : 0;
    case JOBKIND_SAFE_ALL: return d->plan_safe ? d->plan_safe(inst, SAFE_ALL, &b->plan) : 0;
    }
    return E_INVALID;
}

int exchange_plan(struct bus *b, const struct bus_wiring *w)
{
    int rc;

    b->plan.n = 0;
    b->plan.overflow = false;
    b->at_xfer = 0;
    b->said_identity = IDENTITY_NONE;
    b->said_set = 0;
    b->safe_good = 0;
    b->safe_doubt = 0;
    rc = call_planner(b, w);
    return rc >= 0 && b->plan.overflow ? E_FULL : rc;
}

static void outcome_begin(struct bus *b, struct outcome *o)
{
    o->n_samples = 0;
    o->n_notices = 0;
    o->overflow = false;
    o->plan = &b->plan;
}

int driver_absorb(struct bus *b, const struct bus_wiring *w, const struct xfer *x,
                  struct outcome *o)
{
    struct inst *inst = w->inst[b->current.inst];

    outcome_begin(b, o);
    return inst->driver->absorb ? inst->driver->absorb(inst, x, o) : rows_absorb(inst, x, o);
}

void outcome_report(struct bus *b, struct bus_wiring *w, nsec stamp, const struct outcome *o)
{
    struct job job;
    struct bus_report report;

    if (o->n_samples == 0 && o->n_notices == 0)
        return;
    job = b->current;
    report.kind = BUS_SAMPLES;
    report.inst = job.inst;
    report.stamp = stamp;
    report.job = &job;
    report.outcome = o;
    report.failure = XFER_REPLY;
    report.text[0] = '\0';
    w->report(w->owner, &report);
}

/* Nothing can be appended to a plan that has failed. */
int driver_tell_failure(struct bus *b, const struct bus_wiring *w, struct xfer *x,
                        enum xfer_outcome how, struct outcome *ret_outcome)
{
    uint16_t n = b->plan.n;
    int rc;

    x->outcome = (uint8_t)how;
    x->rx_len = 0;
    x->rx[0] = 0;
    rc = driver_absorb(b, w, x, ret_outcome);
    b->plan.n = n;
    return rc;
}
