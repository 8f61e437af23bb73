/* drivers/bus/bus_priv.h - between the files of the bus: queue (bus.c), exchanges (exchange.c,
 * safe.c, standing.c), framing (match.c), recorder. */
#ifndef DRIVERS_BUS_BUS_PRIV_H
#define DRIVERS_BUS_BUS_PRIV_H

#include "drivers/bus/bus.h"

enum {
    BUS_RETRIES = 2,      /* of an ordinary job */
    BUS_SAFE_RETRIES = 3, /* passes of a safe job after the first */
    BUS_BACKOFF_MAX_S = 30,
};
#define BUS_SAFE_WAIT    (200 * NSEC_MS) /* the longest a safe job waits for anything */
#define BUS_LINE_SILENCE (120 * NSEC_MS) /* ends a reply of several lines */
#define BUS_GAP_MIN      (100 * NSEC_MS / 1000)
#define BUS_REST_MIN     (20 * NSEC_MS)
#define BUS_NOISE_MAX    (1 * NSEC_S) /* noise holds the line up no longer than this */

enum identity {
    IDENTITY_NONE,
    IDENTITY_RIGHT,
    IDENTITY_WRONG
}; /* bus.said_identity */

enum match {
    MATCH_MORE,    /* not complete yet */
    MATCH_REPLY,   /* x->rx filled */
    MATCH_REFUSED, /* Modbus exception: x->refusal filled */
    MATCH_SPOILT,  /* our own reply's shape with a wrong check sum: nothing better will come */
    MATCH_GARBLED,
};

/* Look for the reply of x in b->rx. It lies at *ret_start and is *ret_n bytes long on the wire.
 * `silent`: the line has gone quiet, more will not come. */
enum match match_reply(const struct bus *b, const struct bus_wiring *w, struct xfer *x, bool silent,
                       size_t *ret_start, size_t *ret_n);

/* recorder.c */
void frame_record(struct bus *b, nsec at, uint8_t inst, uint8_t direction, const uint8_t *p,
                  size_t n);

/* bus.c: the queue. */
int queue_best(const struct bus *b); /* index of the next job by class and age, -1: empty */
bool queue_has_safe(const struct bus *b, int inst);              /* inst -1: any */
bool queue_has_safe_below(const struct bus *b, uint8_t attempt); /* one that was tried less often */
void queue_take(struct bus *b, int at, struct job *ret_job);
void queue_put_first(struct bus *b, const struct job *job);
void queue_put_last(struct bus *b, const struct job *job);
/* Fail all queued jobs of an instrument below SAFE. */
void queue_drop(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst, enum xfer_outcome how,
                const char *text);
bool queue_supersedes(const struct bus *b,
                      const struct job *job); /* is a newer set of its channel queued? */
void job_report(struct bus *b, struct bus_wiring *w, nsec now, const struct job *job,
                enum bus_report_kind kind, enum xfer_outcome how, const char *text);
void inst_report(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst,
                 enum bus_report_kind kind);

/* ask.c */
int exchange_plan(struct bus *b, const struct bus_wiring *w); /* negative: the driver cannot */
int driver_absorb(struct bus *b, const struct bus_wiring *w, const struct xfer *x,
                  struct outcome *ret_outcome);

/* The driver learns of each failed attempt to change something: what was lost on the way may have
 * been obeyed. Returns what absorb() does. */
int driver_tell_failure(struct bus *b, const struct bus_wiring *w, struct xfer *x,
                        enum xfer_outcome how, struct outcome *ret_outcome);
/* To the owner, unless there is nothing in it. */
void outcome_report(struct bus *b, struct bus_wiring *w, nsec stamp, const struct outcome *o);

/* exchange.c: the current job ends. */
void exchange_done(struct bus *b, struct bus_wiring *w, nsec now);
void exchange_give_up(struct bus *b, struct bus_wiring *w, nsec now, enum xfer_outcome how,
                      const char *text);

/* The driver could not plan it. */
void exchange_unplanned(struct bus *b, struct bus_wiring *w, nsec now, int code);

/* safe.c: a request of a safe job has ended, well or not. */
void safe_next(struct bus *b, struct bus_wiring *w, nsec now, bool good, enum xfer_outcome how);

/* standing.c */
bool job_is_probe(const struct job *job); /* the bus's own knock at the door of a lost instrument */
bool inst_is_retried(const struct bus_inst *in);
void inst_schedule_retry(struct bus_inst *in, nsec now);
void inst_mark_lost(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst);
void inst_mark_wrong(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst);
void inst_mark_identified(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst);
void inst_poll_advance(struct bus_inst *in, nsec now);
int queue_first_due(struct bus *b, nsec now,
                    nsec *ret_due); /* the instrument whose deadline passed first, or -1 */

static inline struct bus_inst *bus_inst(struct bus *b)
{
    return &b->inst[b->current.inst];
}

static inline const struct driver *bus_driver(const struct bus *b, const struct bus_wiring *w)
{
    return w->inst[b->current.inst]->driver;
}

static inline nsec bus_late(const struct bus *b, const struct bus_wiring *w)
{
    return bus_driver(b, w)->late_ms * NSEC_MS;
}

static inline nsec earlier(nsec a, nsec b)
{
    return a < b ? a : b;
}

static inline nsec later(nsec a, nsec b)
{
    return a > b ? a : b;
}

#endif
