/* drivers/bus/standing.c - how each instrument stands: known, lost, wrong or back, and when it is
 * asked next. */
#include "drivers/bus/bus_priv.h"

#include <string.h>

/* The bus's own knock at the door of a lost instrument. */
bool job_is_probe(const struct job *job)
{
    return job->internal && job->class == JOB_PROBE;
}

void inst_schedule_retry(struct bus_inst *in, nsec now)
{
    nsec wait_s = in->backoff < 4 ? 2 << in->backoff : BUS_BACKOFF_MAX_S;

    if (in->backoff < UINT8_MAX)
        in->backoff++;
    in->retry_at = now + wait_s * NSEC_S;
}

void inst_mark_lost(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst)
{
    struct bus_inst *in = &b->inst[inst];

    in->lost = 1;
    in->identified = 0;
    in->backoff = 0;
    memset(in->state, 0, sizeof(in->state));
    inst_schedule_retry(in, now);
    queue_drop(b, w, now, inst, XFER_TIMEOUT, "the instrument is lost");
    inst_report(b, w, now, inst, BUS_INST_LOST);
}

void inst_mark_wrong(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst)
{
    struct bus_inst *in = &b->inst[inst];

    if (!in->wrong)
        in->backoff = 0;
    in->wrong = 1;
    in->identified = 0;
    memset(in->state, 0, sizeof(in->state));
    queue_drop(b, w, now, inst, XFER_REFUSED, "another device answers");
}

void inst_mark_identified(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst)
{
    struct bus_inst *in = &b->inst[inst];
    bool back = in->lost || in->wrong || job_is_probe(&b->current);

    if (!in->identified && in->poll_next < now)
        in->poll_next = now;
    in->identified = 1;
    in->lost = in->wrong = in->wrong_once = in->resync = in->backoff = 0;
    if (back)
        inst_report(b, w, now, inst, BUS_INST_BACK);
}

/* ---- Deadlines ---- */

bool inst_is_retried(const struct bus_inst *in)
{
    return in->lost || in->wrong || (!in->identified && in->backoff > 0);
}

static nsec inst_due(const struct bus_inst *in)
{
    if (inst_is_retried(in))
        return in->retry_at;
    return in->identified && in->poll_period > 0 ? in->poll_next : NSEC_NEVER;
}

static bool internal_is_queued(const struct bus *b, uint8_t inst)
{
    for (int i = 0; i < b->n_jobs; i++) {
        if (b->job[i].internal && b->job[i].inst == inst)
            return true;
    }
    return false;
}

/* Deadlines stay on their grid; those that have passed are not made up for. */
void inst_poll_advance(struct bus_inst *in, nsec now)
{
    in->poll_next += in->poll_period;
    if (in->poll_next <= now)
        in->poll_next +=
            (now - in->poll_next) / in->poll_period * in->poll_period + in->poll_period;
}

/* The instrument whose deadline passed first, or -1. */
int queue_first_due(struct bus *b, nsec now, nsec *ret_due)
{
    int best = -1;
    nsec best_due = now + 1;

    for (uint8_t i = 0; i < b->n_insts; i++) {
        nsec due = inst_due(&b->inst[i]);

        if (due >= best_due)
            continue;
        if (b->n_jobs > 0 && internal_is_queued(b, i)) {
            if (!inst_is_retried(&b->inst[i]))
                inst_poll_advance(&b->inst[i], now);
            continue;
        }
        best = i;
        best_due = due;
    }
    *ret_due = best_due;
    return best;
}

nsec bus_due(const struct bus *b, const struct bus_wiring *w)
{
    nsec due = NSEC_NEVER;

    (void)w;
    if (b->phase == BUS_DOWN)
        return NSEC_NEVER;
    if (b->phase != BUS_IDLE)
        return b->phase_until;
    if (b->n_jobs > 0)
        return b->phase_until;
    for (int i = 0; i < b->n_insts; i++)
        due = earlier(due, inst_due(&b->inst[i]));
    return later(due, b->phase_until);
}
