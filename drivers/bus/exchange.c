/* drivers/bus/exchange.c - one exchange after the other: planning, sending, waiting, retrying, the
 * late rule.
 *
 * Three rules keep a late reply from passing for a later one: after silence or garbage the line
 * rests for late_ms and what comes is dropped; then the instrument is identified first, by a
 * request whose reply looks like no poll's; and bytes that began before the request went out are
 * never its answer. A safe job cannot afford the first two. It sends everything at once and repeats
 * what was not answered, but a reply that could be a late one proves nothing: such a job is planned
 * and sent once more when no late reply can come any longer, and only that is its proof.
 */
#include "drivers/bus/bus_priv.h"

#include "base/str.h"

#include <string.h>

/* How long a repeated reply would hold the line, twice over. */
static nsec rest_time(const struct bus *b, const struct bus_wiring *w)
{
    nsec rest = 2 * b->last_n * w->byte_ns;

    return rest > BUS_REST_MIN ? rest : BUS_REST_MIN;
}

/* ---- Ends of jobs ---- */

static void job_end(struct bus *b, struct bus_wiring *w, nsec now, enum bus_report_kind kind,
                    enum xfer_outcome how, const char *text)
{
    struct job job = b->current;
    struct bus_inst *in = bus_inst(b);

    b->current_is_set = 0;
    b->prefix = 0;
    if (b->phase == BUS_WAITING || b->phase == BUS_GAP)
        b->phase = BUS_IDLE; /* phase_until still holds the next request back */
    if (kind == BUS_JOB_FAILED && !in->identified)
        inst_schedule_retry(in, now);
    if (!job_is_probe(&job))
        job_report(b, w, now, &job, kind, how, text);
}

void exchange_done(struct bus *b, struct bus_wiring *w, nsec now)
{
    job_end(b, w, now, BUS_JOB_DONE, XFER_REPLY, "");
}

void exchange_give_up(struct bus *b, struct bus_wiring *w, nsec now, enum xfer_outcome how,
                      const char *text)
{
    job_end(b, w, now, BUS_JOB_FAILED, how, text);
}

void exchange_unplanned(struct bus *b, struct bus_wiring *w, nsec now, int code)
{
    char text[NOTICE_TEXT_MAX];

    (void)str_copy(text, sizeof(text), "not planned: ");
    (void)str_copy(text + strlen(text), sizeof(text) - strlen(text), err_text(code));
    exchange_give_up(b, w, now, XFER_DROPPED, text);
}

/* ---- Planning ---- */

/* The running plan has been answered to its end. */
static void plan_done(struct bus *b, struct bus_wiring *w, nsec now)
{
    bool identify = b->prefix || b->current.kind == JOBKIND_IDENTIFY || job_is_probe(&b->current);
    int rc;

    if (identify && b->said_identity == IDENTITY_NONE && bus_driver(b, w)->plan_identify != NULL) {
        exchange_give_up(b, w, now, XFER_GARBLED, "the answers do not identify the instrument");
        return;
    }
    if (identify)
        inst_mark_identified(b, w, now, b->current.inst);
    if (!b->current_is_set)
        return;
    if (b->prefix) {
        b->prefix = 0;
        rc = exchange_plan(b, w);
        if (rc < 0)
            exchange_unplanned(b, w, now, rc);
        else if (b->plan.n == 0)
            plan_done(b, w, now);
        return;
    }
    if (b->current.kind == JOBKIND_SET && !b->said_set)
        exchange_give_up(b, w, now, XFER_GARBLED, "the driver has no answer to the set");
    else
        exchange_done(b, w, now);
}

static void exchange_wait(struct bus *b, nsec until)
{
    b->phase = BUS_QUIET;
    b->phase_until = until;
    b->quiet_cap = until;
}

static void job_start(struct bus *b, struct bus_wiring *w, nsec now, const struct job *job)
{
    struct bus_inst *in = &b->inst[job->inst];
    int rc;

    b->current = *job;
    b->current_is_set = 1;
    b->phase = BUS_GAP;
    b->prefix = job->class != JOB_SAFE && job->kind != JOBKIND_IDENTIFY &&
                (!in->identified || in->resync) && bus_driver(b, w)->plan_identify != NULL;
    if (in->wrong && job->class == JOB_SAFE) {
        exchange_give_up(b, w, now, XFER_REFUSED,
                         "another device answers: nothing is written to it");
        return;
    }
    rc = exchange_plan(b, w);
    if (rc < 0)
        exchange_unplanned(b, w, now, rc);
    else if (b->plan.n == 0)
        plan_done(b, w, now);
    else if (job->class == JOB_SAFE && job->attempt == BUS_SAFE_RETRIES && now < b->doubt_until)
        exchange_wait(b, b->doubt_until);
}

/* ---- Sending ---- */

static void send_request(struct bus *b, struct bus_wiring *w, nsec now)
{
    struct xfer *x = &b->plan.x[b->at_xfer];
    struct bus_inst *in = bus_inst(b);
    uint8_t frame[XFER_BYTES_MAX + 8];
    nsec on_wire, timeout;
    int n;

    b->transaction++;
    n = bus_frame_request(b, w, x, frame, sizeof(frame));
    if (n < 0) {
        exchange_give_up(b, w, now, XFER_DROPPED,
                         n == E_FULL ? "the driver's request is too long"
                                     : "the driver's request is none");
        return;
    }
    frame_record(b, now, b->current.inst, '>', frame, (size_t)n);
    in->stats.sent++;
    if (in->failures == 0)
        in->asked_at = now;
    on_wire = n * w->byte_ns;
    timeout = (x->timeout_ms ? x->timeout_ms : bus_driver(b, w)->timeout_ms) * NSEC_MS;
    x->rx_len = 0;
    x->refusal = 0;
    b->rx_n = 0;
    b->sent_at = now;
    b->phase = BUS_WAITING;
    b->phase_until = now + on_wire + (x->no_reply ? 0 : timeout);
    if (b->current.class != JOB_SAFE && queue_has_safe(b, -1))
        b->phase_until = earlier(b->phase_until, now + BUS_SAFE_WAIT);
    if (w->send(w->link, now, frame, (size_t)n) < 0)
        bus_link(b, w, now, false);
}

/* Rest before the next request: the driver's gap, and enough for the first byte of whatever else
 * the instrument has to say. */
static void rest_after(struct bus *b, const struct bus_wiring *w, nsec now, const struct xfer *x)
{
    nsec gap = (x->gap_ms ? x->gap_ms : bus_driver(b, w)->gap_ms) * NSEC_MS;

    gap = later(gap, later(BUS_GAP_MIN, 4 * w->byte_ns));
    b->phase = BUS_GAP;
    b->phase_until = now + gap;
    b->quiet_cap = now + BUS_NOISE_MAX;
}

/* ---- Failures ---- */

static bool changes_something(const struct bus *b)
{
    return !b->prefix && b->current.kind == JOBKIND_SET;
}

/* A failure that stands: the driver may have something to say to it. */
static void absorb_failure(struct bus *b, struct bus_wiring *w, nsec now, struct xfer *x,
                           enum xfer_outcome how)
{
    struct outcome o;

    if (driver_tell_failure(b, w, x, how, &o) >= 0)
        outcome_report(b, w, now, &o);
}

static bool may_retry(const struct bus *b, const struct xfer *x)
{
    const struct bus_inst *in = &b->inst[b->current.inst];

    if (in->lost || in->wrong || b->current.attempt >= BUS_RETRIES)
        return false;
    if (x->retry == RETRY_NEVER && !b->prefix)
        return false;
    if (queue_has_safe(b, b->current.inst))
        return false;
    return b->current.kind != JOBKIND_SET || !queue_supersedes(b, &b->current);
}

static void retry_later(struct bus *b, nsec now)
{
    b->current_is_set = 0;
    b->prefix = 0;
    b->current.attempt++;
    bus_inst(b)->stats.retries++;
    if (b->current.class == JOB_SET) {
        queue_put_first(b, &b->current);
    } else {
        b->current.submitted_at = now;
        queue_put_last(b, &b->current);
    }
}

static void enter_quiet(struct bus *b, const struct bus_wiring *w, nsec now)
{
    b->phase = BUS_QUIET;
    b->phase_until = now + bus_late(b, w);
    b->quiet_cap = b->phase_until + BUS_NOISE_MAX;
    if (queue_has_safe(b, -1)) {
        b->phase_until = earlier(b->phase_until, b->sent_at + BUS_SAFE_WAIT);
        b->phase_until = later(b->phase_until, now);
        b->quiet_cap = b->phase_until;
    }
}

static void failure_text(const struct bus *b, const struct bus_wiring *w, enum xfer_outcome how,
                         char *buf, size_t size)
{
    const struct xfer *x = &b->plan.x[b->at_xfer];
    const char *what = b->prefix ? "identify: " : "";
    unsigned timeout_ms = x->timeout_ms ? x->timeout_ms : bus_driver(b, w)->timeout_ms;
    int rc;

    if (how == XFER_TIMEOUT)
        rc = str_fmt(buf, size, "%sno reply within %u ms", what, timeout_ms);
    else if (how == XFER_REFUSED)
        rc = str_fmt(buf, size, "%srefused with exception %u", what, (unsigned)x->refusal);
    else if (x->refusal != 0)
        rc = str_fmt(buf, size, "%sexception %u, but perhaps a late one", what,
                     (unsigned)x->refusal);
    else
        rc = str_fmt(buf, size, "%sgarbled reply", what);
    ASSERT(rc == 0);
}

/* Who has to be asked who it is before anything else. Text carries no function and often no address:
 * there a late reply may pass for a neighbour's too. */
static void mark_resync(struct bus *b, const struct bus_wiring *w)
{
    bus_inst(b)->resync = 1;
    for (int i = 0; i < b->n_insts && w->wire == WIRE_LINE; i++)
        b->inst[i].resync = 1;
}

/* Silence or garbage instead of a reply. */
static void exchange_failed(struct bus *b, struct bus_wiring *w, nsec now, enum xfer_outcome how)
{
    struct xfer *x = &b->plan.x[b->at_xfer];
    struct bus_inst *in = bus_inst(b);
    uint8_t inst = b->current.inst;
    char text[NOTICE_TEXT_MAX];
    struct outcome unheard;
    bool lost_now;

    if (how == XFER_TIMEOUT)
        in->stats.timeouts++;
    else
        in->stats.garbled++;
    in->stats.resyncs++;
    if (in->failures < UINT8_MAX)
        in->failures++;
    mark_resync(b, w);
    b->doubt_until = later(b->doubt_until, now + bus_late(b, w));
    lost_now = !in->lost && now - in->asked_at >= w->lost_after;
    if (b->current.class == JOB_SAFE) {
        rest_after(b, w, now, x);
        b->phase_until = later(b->phase_until, now + BUS_REST_MIN);
        (void)driver_tell_failure(b, w, x, how, &unheard);
        safe_next(b, w, now, false, how);
        if (lost_now)
            inst_mark_lost(b, w, now, inst);
        return;
    }
    enter_quiet(b, w, now);
    if (!lost_now && may_retry(b, x)) {
        if (changes_something(b))
            (void)driver_tell_failure(b, w, x, how, &unheard);
        retry_later(b, now);
        return;
    }
    failure_text(b, w, how, text, sizeof(text));
    absorb_failure(b, w, now, x, how);
    if (b->current_is_set)
        exchange_give_up(b, w, now, how, text);
    if (lost_now && b->phase != BUS_DOWN)
        inst_mark_lost(b, w, now, inst);
}

/* ---- Replies ---- */

/* What the bus itself has to know of what was said. Returns true when the instrument said no, or
 * has another value. */
static bool heed_notices(struct bus *b, const struct outcome *o)
{
    bool identify = b->prefix || b->current.kind == JOBKIND_IDENTIFY;
    bool said_no = false;

    for (int i = 0; i < o->n_notices; i++) {
        switch ((enum notice)o->notice[i].notice) {
        case NOTICE_IDENTIFIED:
            if (b->said_identity == IDENTITY_NONE)
                b->said_identity = IDENTITY_RIGHT;
            break;
        case NOTICE_WRONG_DEVICE: b->said_identity = IDENTITY_WRONG; break;
        case NOTICE_SET_DONE: b->said_set = 1; break;
        case NOTICE_SET_MISMATCH:
        case NOTICE_SET_REFUSED:
            b->said_set = 1;
            said_no = true;
            break;
        case NOTICE_REBOOTED:
            if (!identify)
                bus_inst(b)->resync = 1;
            break;
        case NOTICE_EDGE:
        case NOTICE_ALARM:
        case NOTICE_LOCAL: break;
        }
    }
    return said_no;
}

/* The tail of a broken line may look like another name. An instrument that was right is asked again
 * before it is given up: nothing, not even safe, is written to a wrong one. */
static bool is_hasty_verdict(struct bus_inst *in, const struct outcome *o)
{
    for (int i = 0; i < o->n_notices; i++) {
        if (o->notice[i].notice == NOTICE_WRONG_DEVICE && in->identified && !in->wrong_once) {
            in->wrong_once = 1;
            return true;
        }
    }
    return false;
}

static void wrong_device(struct bus *b, struct bus_wiring *w, nsec now)
{
    uint8_t inst = b->current.inst;

    inst_mark_wrong(b, w, now, inst);
    if (b->current_is_set)
        exchange_give_up(b, w, now, XFER_REFUSED, "another device answers");
}

/* A reply was absorbed and reported: on to the next request, or to the end. */
static void exchange_ended(struct bus *b, struct bus_wiring *w, nsec now, bool refused,
                           bool said_no)
{
    char text[NOTICE_TEXT_MAX];

    if (b->said_identity == IDENTITY_WRONG) {
        wrong_device(b, w, now);
    } else if (b->current.class == JOB_SAFE) {
        safe_next(b, w, now, !refused && !said_no, XFER_REFUSED);
    } else if (refused) {
        failure_text(b, w, XFER_REFUSED, text, sizeof(text));
        exchange_give_up(b, w, now, XFER_REFUSED, text);
    } else if (b->plan.overflow) {
        exchange_give_up(b, w, now, XFER_DROPPED, "the driver's plan is too long");
    } else if (said_no && b->current.kind == JOBKIND_SET) {
        exchange_done(b, w, now); /* it has had its answer */
    } else if (++b->at_xfer == b->plan.n) {
        plan_done(b, w, now);
    }
}

static void count_reply(struct bus *b, nsec now, bool refused)
{
    struct bus_inst *in = bus_inst(b);
    nsec latency = b->rx_last_at - b->sent_at;

    in->stats.replies++;
    in->stats.refused += refused;
    in->stats.latency_max = later(in->stats.latency_max, latency);
    in->stats.latency_sum_s += (double)latency * 1e-9;
    in->failures = 0;
    in->last_reply = now;
    if (in->lost)
        in->retry_at = now; /* it lives: ask at once who it is */
}

static void reply_came(struct bus *b, struct bus_wiring *w, nsec now, bool refused, nsec stamp)
{
    struct xfer *x = &b->plan.x[b->at_xfer];
    struct outcome o;
    bool said_no;

    x->outcome = refused ? XFER_REFUSED : XFER_REPLY;
    if ((driver_absorb(b, w, x, &o) < 0 && !refused) || is_hasty_verdict(bus_inst(b), &o)) {
        exchange_failed(b, w, now, XFER_GARBLED);
        return;
    }
    count_reply(b, now, refused);
    rest_after(b, w, now, x);
    said_no = heed_notices(b, &o);
    if (b->current.class == JOB_SAFE && now < b->doubt_until)
        o.n_samples = 0; /* perhaps the answer to an earlier poll; the proof reads them anew */
    outcome_report(b, w, stamp, &o);
    if (b->current_is_set) /* the owner may have taken the link down */
        exchange_ended(b, w, now, refused, said_no);
}

/* ---- Bytes ---- */

static void noise(struct bus *b, const struct bus_wiring *w, nsec now, size_t n)
{
    if (b->n_insts > 0)
        b->inst[b->current.inst].stats.noise_bytes += n;
    if (b->phase == BUS_WAITING || b->phase == BUS_DOWN)
        return;
    if (b->phase == BUS_IDLE && now >= b->phase_until)
        b->quiet_cap = now + BUS_NOISE_MAX;
    b->phase_until = later(b->phase_until, earlier(now + rest_time(b, w), b->quiet_cap));
}

static void try_match(struct bus *b, struct bus_wiring *w, nsec now, bool silent)
{
    struct xfer *x = &b->plan.x[b->at_xfer];
    size_t start = 0;
    size_t n = 0;
    size_t behind;
    enum match m = match_reply(b, w, x, silent, &start, &n);

    switch (m) {
    case MATCH_MORE:
        if (b->rx_n == BUS_RX_MAX)
            exchange_failed(b, w, now, XFER_GARBLED);
        return;
    case MATCH_SPOILT: b->phase_until = earlier(b->phase_until, now + BUS_REST_MIN); return;
    case MATCH_GARBLED: exchange_failed(b, w, now, XFER_GARBLED); return;
    case MATCH_REPLY:
    case MATCH_REFUSED: break;
    }
    behind = b->rx_n - start - n;
    b->last_n = (uint16_t)n;
    if (w->wire == WIRE_LINE && behind == 1 &&
        (b->rx[b->rx_n - 1] == '\n' || b->rx[b->rx_n - 1] == '\r'))
        behind = 0; /* the other half of a longer terminator */
    bus_inst(b)->stats.noise_bytes += start;
    reply_came(b, w, now, m == MATCH_REFUSED, b->rx_first_at + ((nsec)start - 1) * w->byte_ns);
    if (behind > 0)
        noise(b, w, now, behind);
}

void bus_bytes(struct bus *b, struct bus_wiring *w, nsec first_at, nsec now, const uint8_t *p,
               size_t n)
{
    bool ours = b->phase == BUS_WAITING && (b->rx_n > 0 || first_at >= b->sent_at);
    size_t room = (size_t)BUS_RX_MAX - b->rx_n;

    if (n == 0)
        return;
    if (!ours || b->plan.x[b->at_xfer].no_reply) {
        frame_record(b, first_at, b->current.inst, '!', p, n);
        if (b->phase == BUS_QUIET && b->n_insts > 0)
            b->inst[b->current.inst].stats.late_drops++;
        noise(b, w, now, n);
        return;
    }
    frame_record(b, first_at, b->current.inst, '<', p, n);
    if (b->rx_n == 0)
        b->rx_first_at = first_at;
    b->rx_last_at = now;
    if (n > room)
        n = room;
    memcpy(b->rx + b->rx_n, p, n);
    b->rx_n = (uint16_t)(b->rx_n + n);
    if (!b->plan.x[b->at_xfer].expect_quiet || b->rx_n == BUS_RX_MAX)
        try_match(b, w, now, false);
    else if (!queue_has_safe(b, -1))
        b->phase_until = now + BUS_LINE_SILENCE;
}

/* ---- Time ---- */

static void waiting_over(struct bus *b, struct bus_wiring *w, nsec now)
{
    const struct xfer *x = &b->plan.x[b->at_xfer];

    if (x->no_reply) {
        b->rx_last_at = now;
        reply_came(b, w, now, false, now);
    } else if (b->rx_n == 0) {
        exchange_failed(b, w, now, XFER_TIMEOUT);
    } else if (x->expect_quiet) {
        try_match(b, w, now, true);
    } else {
        exchange_failed(b, w, now, XFER_GARBLED);
    }
}

/* A safe job does not wait for the rest of another's plan. What cannot be done twice is finished
 * first. */
static void give_way(struct bus *b, struct bus_wiring *w, nsec now)
{
    struct outcome unheard;

    if (queue_has_safe(b, b->current.inst)) {
        if (changes_something(b))
            (void)driver_tell_failure(b, w, &b->plan.x[b->at_xfer], XFER_DROPPED, &unheard);
        exchange_give_up(b, w, now, XFER_DROPPED, "dropped: the instrument is made safe");
        return;
    }
    for (int i = 0; i < b->at_xfer && !b->prefix; i++) {
        if (b->plan.x[i].retry == RETRY_NEVER)
            return;
    }
    b->current_is_set = 0;
    b->prefix = 0;
    b->phase = BUS_IDLE;
    queue_put_first(b, &b->current);
}

static void start_scheduled(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst)
{
    struct bus_inst *in = &b->inst[inst];
    struct job job;
    nsec late;

    memset(&job, 0, sizeof(job));
    job.class = JOB_POLL;
    job.kind = JOBKIND_POLL;
    job.inst = inst;
    job.internal = 1;
    job.submitted_at = now;
    if (inst_is_retried(in)) {
        job.class = JOB_PROBE;
        if (w->inst[inst]->driver->plan_identify)
            job.kind = JOBKIND_IDENTIFY;
    } else {
        late = now - in->poll_next;
        in->stats.polls++;
        in->stats.lateness_max = later(in->stats.lateness_max, late);
        in->stats.lateness_sum_s += (double)late * 1e-9;
        inst_poll_advance(in, now);
    }
    job_start(b, w, now, &job);
}

static bool start_next(struct bus *b, struct bus_wiring *w, nsec now)
{
    int queued = queue_best(b);
    int inst = -1;
    nsec due = NSEC_NEVER;
    struct job job;

    if (now < b->doubt_until && (queued < 0 || b->job[queued].class > JOB_SAFE)) {
        exchange_wait(b, b->doubt_until);
        return true;
    }
    if ((queued < 0 || b->job[queued].class > JOB_SET) && b->n_jobs < BUS_JOBS_MAX)
        inst = queue_first_due(b, now, &due);
    if (queued >= 0 && inst >= 0 &&
        (b->job[queued].class > JOB_POLL || b->job[queued].submitted_at > due))
        queued = -1;
    if (queued >= 0) {
        queue_take(b, queued, &job);
        job_start(b, w, now, &job);
        return true;
    }
    if (inst < 0)
        return false;
    start_scheduled(b, w, now, (uint8_t)inst);
    return true;
}

void bus_work(struct bus *b, struct bus_wiring *w, nsec now)
{
    while (b->phase != BUS_DOWN && now >= b->phase_until) {
        if (b->phase == BUS_WAITING) {
            waiting_over(b, w, now);
            continue;
        }
        if (b->current_is_set && b->current.class != JOB_SAFE && b->n_jobs > 0 &&
            queue_has_safe(b, -1))
            give_way(b, w, now);
        if (b->current_is_set) {
            send_request(b, w, now);
            continue;
        }
        b->phase = BUS_IDLE;
        if (!start_next(b, w, now))
            return;
    }
}
