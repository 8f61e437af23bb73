/* tests/support/dialogue.h - one Modbus bus against a peer that answers each request truly, then
 * spoils the answer on purpose. What the driver is handed must be the true answer to the newest
 * request, to the byte: every reply carries the number of its request, every exception a code that
 * changes with it.
 */
#ifndef TESTS_SUPPORT_DIALOGUE_H
#define TESTS_SUPPORT_DIALOGUE_H

#include "base/rng.h"
#include "drivers/bus/bus.h"
#include "drivers/bus/modbus_lib.h"

/* As ck_assert(), but costs nothing while it holds. */
#define DLG_CHECK(c)                                           \
    do {                                                       \
        if (!(c))                                              \
            ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #c); \
    } while (0)

enum {
    DLG_KINDS = 10, /* functions 1-6, 15, 16, 22, 23 */
    DLG_FRAMINGS = 3,
    DLG_WAYS = 2 * DLG_FRAMINGS, /* each with wire/modbus.c and with libmodbus */
    DLG_FRAME_MAX = 300,
    DLG_PIECES_MAX = 64,
    DLG_UNIT = 17,
    DLG_TIMEOUT_MS = 50,
    DLG_LATE_MS = 120,
};
enum dlg_framing {
    DLG_RTU,
    DLG_RTU_OVER_TCP,
    DLG_TCP
};

/* A message under the hands of a test: unit + PDU, and what will be put around it. */
struct dlg_message {
    uint8_t msg[DLG_FRAME_MAX];
    size_t n;
    uint16_t transaction;
    uint16_t length_off; /* added to the MBAP length */
    uint16_t protocol;
    bool crc_wrong;
};

struct dlg_piece {
    nsec first_at, at;
    size_t n;
    uint8_t bytes[2 * DLG_FRAME_MAX];
};

struct dlg;
struct dlg_fault {
    uint32_t left;     /* answers it still hits */
    bool identify;     /* those to identify too */
    bool exception;    /* what is answered is an exception */
    nsec late_by;      /* the answer leaves so much later */
    size_t cut;        /* in two, so many bytes first; 0: not */
    bool bytewise;     /* each byte by itself */
    nsec pause;        /* between the parts */
    bool doubled;      /* twice, in one read */
    bool held;         /* comes in one read with the next answer */
    size_t keep;       /* only so many bytes of it ever come; 0: all */
    uint8_t flip_mask; /* of the byte at flip_at of the frame */
    size_t flip_at;
    void (*edit)(struct dlg_message *, int how); /* a wrong answer instead */
    int how;
    bool edit_first; /* the wrong answer, then the right one, in one read */
};

struct dlg {
    struct bus bus;
    struct bus_wiring w;
    struct inst inst;
    struct chan chans[DLG_KINDS];
    enum dlg_framing framing;
    nsec now, line_free_at, think;
    uint32_t timeout_ms; /* 0: the driver's */
    uint32_t n_requests, n_plans;
    uint32_t n_replies, n_refusals; /* handed to the driver */
    uint32_t n_spoilt;              /* wrong answers sent */
    /* The truth about the newest request. */
    uint8_t truth[DLG_FRAME_MAX];
    size_t n_truth;
    bool truth_is_exception;
    struct dlg_fault fault;
    uint8_t held[DLG_FRAME_MAX];
    size_t n_held;
    unsigned n_pieces;
    struct dlg_piece piece[DLG_PIECES_MAX];
    uint32_t token;
    int end; /* of the newest job: 0 open, 1 done, -1 failed */
    enum xfer_outcome how;
    uint32_t n_lost;
};

/* A request has arrived at the peer: what it has to say is put into d->piece. */
void dlg_serve(struct dlg *d, nsec arrived, const uint8_t *p, size_t n);
/* way: framing + DLG_FRAMINGS when libmodbus is in it. Identified, at rest. */
void dlg_begin(struct dlg *d, int way);
/* The same up to the first request. */
void dlg_set_up(struct dlg *d, int way);
void dlg_submit(struct dlg *d, enum job_class class, enum job_kind kind, int chan);
void dlg_end(struct dlg *d);
void dlg_run(struct dlg *d, nsec until);
/* One request of that kind, retried by the bus as it sees fit; returns when its job has ended and
 * all late bytes have come. */
void dlg_ask(struct dlg *d, int kind);
/* Nothing spoilt any more: the same must succeed at once. */
void dlg_prove_healed(struct dlg *d, int kind);
/* Length of the true answer's frame to that kind. */
size_t dlg_frame_length(const struct dlg *d, int kind, bool exception);
/* Frame with all that belongs around it; returns its length. */
size_t dlg_wrap(const struct dlg *d, const struct dlg_message *m, uint8_t *ret_frame);
/* unit + PDU that truly answers this request, as its `serial`th. */
size_t dlg_answer(const uint8_t *request, size_t n, uint32_t serial, bool exception,
                  uint8_t *ret_msg);

extern const struct driver dlg_driver; /* one channel a kind */

#endif
