/* drivers/bus/safe.c - the passes of a safe job. Each request is sent whatever became of the one
 * before; a pass repeats what lacks its good answer. */
#include "drivers/bus/bus_priv.h"

/* The next request of this pass that lacks its good answer. */
static bool safe_seek(struct bus *b)
{
    while (b->at_xfer < b->plan.n && (b->safe_good & (1U << b->at_xfer)))
        b->at_xfer++;
    return b->at_xfer < b->plan.n;
}

/* The pass that proves it: everything anew, when no late reply can come any longer. */
static void safe_prove(struct bus *b, struct bus_wiring *w, nsec now)
{
    int rc;

    b->phase_until = later(b->phase_until, b->doubt_until);
    rc = exchange_plan(b, w);
    if (rc < 0)
        exchange_unplanned(b, w, now, rc);
}

static void safe_pass_ended(struct bus *b, struct bus_wiring *w, nsec now, enum xfer_outcome how)
{
    bool all = b->safe_good == (1U << b->plan.n) - 1U;

    if (all && !b->safe_doubt) {
        exchange_done(b, w, now);
        return;
    }
    if (b->current.attempt >= BUS_SAFE_RETRIES) {
        exchange_give_up(b, w, now, all ? XFER_TIMEOUT : how,
                         "not all requests were answered well");
        return;
    }
    b->current.attempt++;
    bus_inst(b)->stats.retries++;
    b->phase = BUS_QUIET;
    if (queue_has_safe_below(b, b->current.attempt)) { /* first another's turn */
        b->current_is_set = 0;
        queue_put_last(b, &b->current);
        b->phase_until = now + BUS_REST_MIN;
    } else {
        b->phase_until = now + earlier(bus_late(b, w), BUS_SAFE_WAIT);
        if (all || b->current.attempt == BUS_SAFE_RETRIES)
            safe_prove(b, w, now);
        b->at_xfer = 0;
        (void)safe_seek(b);
    }
    b->quiet_cap = b->phase_until;
}

void safe_next(struct bus *b, struct bus_wiring *w, nsec now, bool good, enum xfer_outcome how)
{
    if (good) {
        b->safe_good = (uint16_t)(b->safe_good | 1U << b->at_xfer);
        if (now < b->doubt_until)
            b->safe_doubt = 1;
    }
    b->at_xfer++;
    if (!safe_seek(b))
        safe_pass_ended(b, w, now, how);
}
