/* drivers/bus/bus.c - wishes in, reports out: the queue of one line.
 *
 * The queue is an array in order of arrival, small enough to be searched each time. It keeps one
 * place free for the current job, which goes back into it when it is to be tried again: a set to
 * the front, since the order of sets is their meaning; a poll to the end, so that a dead unit does
 * not hold up its neighbours.
 */
#include "drivers/bus/bus_priv.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

void bus_init(struct bus *b, struct bus_wiring *w)
{
    memset(b, 0, sizeof(*b));
    if (w->lost_after <= 0)
        w->lost_after = 5 * NSEC_S;
}

int bus_add(struct bus *b, struct bus_wiring *w, struct inst *inst)
{
    uint8_t i = b->n_insts;

    if (i == BUS_INSTS_MAX)
        return E_FULL;
    ASSERT(inst->driver->state_size <= DRIVER_STATE_MAX);
    if (i == 0) {
        w->wire = inst->driver->wire;
        w->line_end = inst->driver->line_end;
    }
    if (inst->driver->wire != w->wire)
        return E_INVALID;
    if (w->wire != WIRE_LINE && w->wire != WIRE_MODBUS)
        return E_UNSUPPORTED;
    if (w->wire == WIRE_LINE && strcmp(inst->driver->line_end, w->line_end) != 0)
        return E_INVALID;
    inst->state = b->inst[i].state;
    w->inst[i] = inst;
    b->n_insts++;
    return i;
}

/* ---- Reports ---- */

void job_report(struct bus *b, struct bus_wiring *w, nsec now, const struct job *job,
                enum bus_report_kind kind, enum xfer_outcome how, const char *text)
{
    struct job ended = *job;
    struct bus_report report;

    (void)b;
    report.kind = kind;
    report.inst = ended.inst;
    report.stamp = now;
    report.job = &ended;
    report.outcome = NULL;
    report.failure = how;
    (void)str_copy(report.text, sizeof(report.text), text);
    w->report(w->owner, &report);
}

void inst_report(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst,
                 enum bus_report_kind kind)
{
    struct bus_report report;

    (void)b;
    report.kind = kind;
    report.inst = inst;
    report.stamp = now;
    report.job = NULL;
    report.outcome = NULL;
    report.failure = XFER_TIMEOUT;
    report.text[0] = '\0';
    w->report(w->owner, &report);
}

/* ---- Queue ---- */

int queue_best(const struct bus *b)
{
    int best = -1;

    for (int i = 0; i < b->n_jobs; i++) {
        if (best < 0 || b->job[i].class < b->job[best].class)
            best = i;
    }
    return best;
}

bool queue_has_safe(const struct bus *b, int inst)
{
    for (int i = 0; i < b->n_jobs; i++) {
        if (b->job[i].class == JOB_SAFE && (inst < 0 || b->job[i].inst == inst))
            return true;
    }
    return false;
}

bool queue_has_safe_below(const struct bus *b, uint8_t attempt)
{
    for (int i = 0; i < b->n_jobs; i++) {
        if (b->job[i].class == JOB_SAFE && b->job[i].attempt < attempt)
            return true;
    }
    return false;
}

void queue_take(struct bus *b, int at, struct job *ret_job)
{
    ASSERT(at >= 0 && at < b->n_jobs);
    *ret_job = b->job[at];
    b->n_jobs--;
    memmove(&b->job[at], &b->job[at + 1], (size_t)(b->n_jobs - at) * sizeof(b->job[0]));
}

void queue_put_first(struct bus *b, const struct job *job)
{
    ASSERT(b->n_jobs < BUS_JOBS_MAX);
    memmove(&b->job[1], &b->job[0], b->n_jobs * sizeof(b->job[0]));
    b->job[0] = *job;
    b->n_jobs++;
}

void queue_put_last(struct bus *b, const struct job *job)
{
    ASSERT(b->n_jobs < BUS_JOBS_MAX);
    b->job[b->n_jobs++] = *job;
}

bool queue_supersedes(const struct bus *b, const struct job *job)
{
    for (int i = 0; i < b->n_jobs; i++) {
        const struct job *other = &b->job[i];

        if (other->kind == JOBKIND_SET && other->inst == job->inst && other->chan == job->chan)
            return true;
    }
    return false;
}

static void fail_queued(struct bus *b, struct bus_wiring *w, nsec now, int at,
                        enum xfer_outcome how, const char *text)
{
    struct bus_inst *in = &b->inst[b->job[at].inst];
    struct job job;

    queue_take(b, at, &job);
    /* As for a job that fails under way: nobody else would ever ask again who it is. */
    if (!in->identified && !inst_is_retried(in))
        inst_schedule_retry(in, now);
    if (!job.internal)
        job_report(b, w, now, &job, BUS_JOB_FAILED, how, text);
}

/* The owner may submit from within each report, so the queue is looked through anew, and no oftener
 * than it was long. */
static void fail_matching(struct bus *b, struct bus_wiring *w, nsec now, const struct job *like,
                          bool (*match)(const struct job *, const struct job *),
                          enum xfer_outcome how, const char *text)
{
    for (int left = b->n_jobs; left > 0; left--) {
        int at = 0;

        while (at < b->n_jobs && !match(&b->job[at], like))
            at++;
        if (at == b->n_jobs)
            return;
        fail_queued(b, w, now, at, how, text);
    }
}

static bool same_inst_below_safe(const struct job *job, const struct job *like)
{
    return job->inst == like->inst && job->class > JOB_SAFE;
}

static bool same_inst_set(const struct job *job, const struct job *like)
{
    return job->inst == like->inst && job->kind == JOBKIND_SET;
}

/* The same value is no newer one: two stations may want it of a chamber that both sit in. */
static bool older_set(const struct job *job, const struct job *like)
{
    return same_inst_set(job, like) && job->chan == like->chan && fabs(job->value - like->value) > 0.0;
}

static bool any_job(const struct job *job, const struct job *like)
{
    (void)job;
    (void)like;
    return true;
}

void queue_drop(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst, enum xfer_outcome how,
                const char *text)
{
    struct job like = {.inst = inst};

    fail_matching(b, w, now, &like, same_inst_below_safe, how, text);
}

void bus_drop_sets(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst)
{
    struct job like = {.inst = inst};

    fail_matching(b, w, now, &like, same_inst_set, XFER_DROPPED, "dropped");
}

/* ---- Submitting ---- */

static int check_set(const struct bus *b, const struct bus_wiring *w, const struct job *job)
{
    const struct inst *inst = w->inst[job->inst];
    const struct chan *chan;

    if (job->chan >= inst->n_chans)
        return E_INVALID;
    chan = &inst->chans[job->chan];
    if (!(chan->access & CHAN_SET))
        return E_UNSUPPORTED;
    if (!(job->value >= chan->min && job->value <= chan->max))
        return E_RANGE;
    if ((chan->kind == KIND_STATE || chan->kind == KIND_SWITCH) && floor(job->value) < job->value)
        return E_RANGE;
    if (!b->inst[job->inst].identified || b->inst[job->inst].wrong)
        return E_STATE;
    return 0;
}

static int check_job(const struct bus *b, const struct bus_wiring *w, const struct job *job)
{
    bool safe = job->kind == JOBKIND_SAFE_OUTPUT || job->kind == JOBKIND_SAFE_ALL;

    if (job->inst >= b->n_insts || job->class > JOB_PROBE || job->kind > JOBKIND_SAFE_ALL ||
        safe != (job->class == JOB_SAFE))
        return E_INVALID;
    if (b->phase == BUS_DOWN)
        return E_LOST;
    return job->kind == JOBKIND_SET ? check_set(b, w, job) : 0;
}

/* Room for a safe job: the newest of the lowest class gives way. */
static void evict(struct bus *b, struct bus_wiring *w, nsec now)
{
    int worst = -1;

    for (int i = 0; i < b->n_jobs; i++) {
        if (b->job[i].class > JOB_SAFE && (worst < 0 || b->job[i].class >= b->job[worst].class))
            worst = i;
    }
    if (worst >= 0)
        fail_queued(b, w, now, worst, XFER_DROPPED, "dropped: the queue is full");
}

/* Whatever the line is busy with, a safe job waits no longer than BUS_SAFE_WAIT for it; not at all
 * for the proof of another one. */
static void hurry(struct bus *b, nsec now)
{
    nsec most = now + BUS_SAFE_WAIT;

    if (b->current_is_set && b->current.class == JOB_SAFE) {
        if (b->phase != BUS_QUIET)
            return;
        b->current_is_set = 0;
        queue_put_last(b, &b->current);
        most = now + BUS_REST_MIN;
    }
    if (b->phase_until > most)
        b->phase_until = most;
    if (b->quiet_cap > most)
        b->quiet_cap = most;
}

static bool has_room(const struct bus *b)
{
    return b->n_jobs + b->current_is_set < BUS_JOBS_MAX;
}

int bus_submit(struct bus *b, struct bus_wiring *w, nsec now, const struct job *job)
{
    struct job mine;
    int rc = check_job(b, w, job);

    if (rc != 0)
        return rc;
    memset(&mine, 0, sizeof(mine)); /* padding too: the state is compared byte for byte */
    mine.class = job->class;
    mine.kind = job->kind;
    mine.inst = job->inst;
    mine.chan = job->chan;
    mine.token = job->token;
    mine.value = job->value;
    mine.submitted_at = now;
    if (mine.class == JOB_SAFE) {
        queue_drop(b, w, now, mine.inst, XFER_DROPPED, "dropped: the instrument is made safe");
        if (!has_room(b))
            evict(b, w, now);
    } else if (mine.kind == JOBKIND_SET) {
        fail_matching(b, w, now, &mine, older_set, XFER_DROPPED,
                      "dropped: replaced by a newer value");
    }
    if (!has_room(b))
        return E_FULL;
    queue_put_last(b, &mine);
    if (mine.class == JOB_SAFE)
        hurry(b, now);
    return 0;
}

void bus_poll_period(struct bus *b, uint8_t inst, nsec period, nsec now)
{
    struct bus_inst *in = &b->inst[inst];

    ASSERT(inst < b->n_insts && period >= 0);
    if (period == in->poll_period)
        return;
    in->poll_period = period;
    in->poll_next = now;
}

/* ---- Link ---- */

static void link_lost(struct bus *b, struct bus_wiring *w, nsec now)
{
    struct job like = {.inst = 0};

    if (b->current_is_set)
        exchange_give_up(b, w, now, XFER_LOST, "the link is down");
    b->rx_n = 0;
    fail_matching(b, w, now, &like, any_job, XFER_LOST, "the link is down");
    for (uint8_t i = 0; i < b->n_insts; i++) {
        struct bus_inst *in = &b->inst[i];
        bool known = in->identified;

        in->identified = 0;
        in->resync = 1;
        if (!known)
            continue;
        memset(in->state, 0, sizeof(in->state));
        in->lost = 1;
        inst_report(b, w, now, i, BUS_INST_LOST);
    }
}

void bus_link(struct bus *b, struct bus_wiring *w, nsec now, bool up)
{
    if (up == (b->phase != BUS_DOWN))
        return;
    if (!up) {
        b->phase = BUS_DOWN; /* before the reports: what is submitted in them is refused */
        link_lost(b, w, now);
        return;
    }
    b->phase = BUS_IDLE;
    b->phase_until = now;
    for (int i = 0; i < b->n_insts; i++) {
        struct bus_inst *in = &b->inst[i];

        in->retry_at = now;
        in->failures = 0;
        if (in->lost || in->wrong)
            in->backoff = 1;
    }
}
