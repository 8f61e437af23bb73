/* drivers/bus/bus.h - one line and the instruments on it: queue, pacing, matching, retries, late
 * rule, flight recorder.
 *
 * The bus keeps wishes (jobs), not requests: a job is planned by its driver when its turn comes,
 * one at a time. Classes SAFE > SET > POLL > PROBE; polls run on absolute deadlines with lateness
 * recorded. After a time-out or garbage the bus is quiet for the driver's late_ms, drops what
 * comes, and first sends the identify request, whose reply has another shape than any poll: only
 * then can a late reply not pass for the next one. A reply is attributed to a request only by shape
 * and address, never by its turn alone.
 *
 * The owner (benchctl/) calls bus_work() when due, bus_bytes() when bytes came, and gets reports
 * through one callback, out of which it may submit, drop and change poll periods, but not call
 * bus_work() or bus_bytes(). No clock, no allocation; all of struct bus is flat but for the wiring
 * (bus_wiring), which is set up again after a restore.
 */
#ifndef DRIVERS_BUS_BUS_H
#define DRIVERS_BUS_BUS_H

#include "base/nsec.h"
#include "drivers/driver.h"

enum {
    BUS_INSTS_MAX = 8,
    BUS_JOBS_MAX = 64,
    BUS_RX_MAX = 1024,
    BUS_FRAMES_MAX = 256, /* flight recorder */
    BUS_FRAME_BYTES = 72, /* of each frame kept */
};

enum job_class {
    JOB_SAFE,
    JOB_SET,
    JOB_POLL,
    JOB_PROBE
};
enum job_kind {
    JOBKIND_IDENTIFY,
    JOBKIND_POLL,
    JOBKIND_SET,
    JOBKIND_SAFE_OUTPUT,
    JOBKIND_SAFE_ALL
};

struct job {
    uint8_t class, kind;
    uint8_t inst; /* index on this bus */
    uint8_t attempt;
    uint8_t internal; /* the bus's own: a scheduled poll, the identify of a lost unit */
    uint16_t chan;
    uint32_t token; /* of the owner; comes back in the report; 0 in the bus's own polls */
    double value;
    nsec submitted_at;
};

/* What the bus tells its owner: the result of one xfer's absorb (samples, notices) or the end of a
 * job. */
enum bus_report_kind {
    BUS_SAMPLES,    /* outcome has samples and/or notices; stamp as below */
    BUS_JOB_DONE,   /* job ended well (its notices came before); SET: after NOTICE_SET_* */
    BUS_JOB_FAILED, /* job ended badly: failure says how, text why; every accepted job ends in
                       exactly one DONE or FAILED */
    BUS_INST_LOST,  /* no valid reply for lost_after: unanswered jobs were failed before */
    BUS_INST_BACK,  /* identified again */
};
struct bus_report {
    enum bus_report_kind kind;
    uint8_t inst; /* index on the bus */
    nsec stamp;   /* first byte of the reply minus its wire time; else now */
    const struct job *job;
    const struct outcome *outcome; /* BUS_SAMPLES */
    enum xfer_outcome failure;     /* BUS_JOB_FAILED */
    char text[NOTICE_TEXT_MAX];
};

struct bus_stats {
    uint64_t sent, replies, timeouts, garbled, refused, retries, noise_bytes, resyncs, late_drops;
    nsec lateness_max, latency_max;
    double latency_sum_s, lateness_sum_s;
    uint64_t polls;
};

struct bus_frame { /* flight recorder entry */
    nsec at;
    uint8_t inst, direction; /* '>' sent, '<' received, '!' noise */
    uint16_t n;              /* true length; the first BUS_FRAME_BYTES are kept */
    uint8_t bytes[BUS_FRAME_BYTES];
};

struct bus_inst {
    nsec poll_period, poll_next; /* period 0: not polled */
    nsec last_reply;
    nsec asked_at; /* first request since the last valid reply */
    nsec retry_at; /* when a lost instrument is tried again (back-off) */
    uint8_t identified, lost, resync, wrong;
    uint8_t failures; /* in a row */
    uint8_t
        wrong_once;  /* has just answered as another device: asked again before that is believed */
    uint8_t backoff; /* tries of the back-off so far; 0: none runs */
    uint8_t state[DRIVER_STATE_MAX] __attribute__((aligned(8)));
    struct bus_stats stats;
};

enum bus_phase {
    BUS_IDLE,
    BUS_WAITING,
    BUS_QUIET,
    BUS_GAP,
    BUS_DOWN
};

struct bus {
    uint8_t phase, n_insts;
    uint8_t current_is_set; /* a job is under way */
    uint8_t prefix;         /* the running plan is the identify that goes before the current job */
    uint8_t said_identity;  /* of the running identify plan: 0 nothing yet, 1 identified, 2 wrong
                               device */
    uint8_t said_set;       /* the current SET has had its answer */
    uint8_t safe_doubt;     /* a reply to this safe job may have been a late one */
    uint16_t safe_good;     /* bit set: requests of this safe job answered well */
    uint16_t at_xfer;       /* of the running plan */
    nsec phase_until;       /* deadline of WAITING, end of QUIET or GAP */
    nsec quiet_cap;         /* noise cannot prolong QUIET or GAP beyond */
    nsec doubt_until;       /* a late reply to something may come until then */
    nsec sent_at, rx_first_at, rx_last_at;
    uint16_t rx_n;
    uint16_t last_n; /* length of the last reply: a repeated one is as long */
    uint16_t n_jobs;
    uint16_t transaction;
    uint32_t frame_next; /* flight recorder, counts for ever */
    struct job current;
    struct plan plan;
    struct job job[BUS_JOBS_MAX];
    struct bus_inst inst[BUS_INSTS_MAX];
    uint8_t rx[BUS_RX_MAX];
    struct bus_frame frame[BUS_FRAMES_MAX];
};

struct modbus_lib; /* drivers/bus/modbus_lib.h */

/* Pointers and functions: not part of the state. */
struct bus_wiring {
    const char *name;
    struct inst *inst[BUS_INSTS_MAX];
    enum wire_kind wire;
    bool modbus_tcp;        /* else RTU frames, whatever carries them: a serial line or TCP */
    struct modbus_lib *lib; /* Modbus frames by libmodbus, opened for the same framing; NULL: by
                               wire/modbus.c (sim:) */
    const char *line_end;
    nsec byte_ns;                                                 /* 0: not a serial line */
    nsec lost_after;                                              /* default 5 s */
    /* 0, or E_LOST. May hand over what came before it by bus_bytes(), first_at before now. */
    int (*send)(void *link, nsec now, const uint8_t *, size_t n);
    void *link;
    void (*report)(void *owner, const struct bus_report *);
    void *owner;
};

void bus_init(struct bus *b, struct bus_wiring *w);
/* Put an instrument on the line; its state block becomes b->inst[i].state. Returns its index, or
 * E_FULL. */
int bus_add(struct bus *b, struct bus_wiring *w, struct inst *inst);

/* A wish. SETs: a newer set of the same channel that is still queued is replaced (the older fails
 * with XFER_DROPPED). SAFE jobs drop every queued job of that instrument below class SAFE first.
 * While the link is down everything is refused (E_LOST). A safe job for a wrong device is taken and
 * fails at once: nothing is ever written to one. A SET is refused (E_STATE) while the instrument is
 * not identified or is the wrong device; SAFE never is. E_FULL when the queue is full; SAFE then
 * evicts. value must be within the channel's range: E_RANGE. */
int bus_submit(struct bus *b, struct bus_wiring *w, nsec now, const struct job *job) MUST_USE;
void bus_poll_period(struct bus *b, uint8_t inst, nsec period, nsec now);
/* Drop all queued SETs of an instrument (they fail with XFER_DROPPED). */
void bus_drop_sets(struct bus *b, struct bus_wiring *w, nsec now, uint8_t inst);

/* Entries of the flight recorder, oldest first: i from 0; NULL behind the newest. */
const struct bus_frame *bus_frame_at(const struct bus *b, uint32_t i);

/* When bus_work() wants to be called next; NSEC_NEVER: only on bytes. */
nsec bus_due(const struct bus *b, const struct bus_wiring *w);
void bus_work(struct bus *b, struct bus_wiring *w, nsec now);
/* Bytes came; the first of them at first_at, the last at now. */
void bus_bytes(struct bus *b, struct bus_wiring *w, nsec first_at, nsec now, const uint8_t *p,
               size_t n);
/* Down: all jobs fail with XFER_LOST, all identified instruments are reported lost. Up: they are
 * identified again and reported back. */
void bus_link(struct bus *b, struct bus_wiring *w, nsec now, bool up);

/* A request as it goes on this wire, for the guardian's cards: length or E_FULL. */
int bus_frame_request(const struct bus *b, const struct bus_wiring *w, const struct xfer *x,
                      uint8_t *ret_frame, size_t size) MUST_USE;

#endif
