/* drivers/virtual/host.h - the memory host: one line, the emulators on it, its pacing and its
 * faults. The `sim:` link.
 *
 * The controller's bytes arrive after their wire time, replies leave after the instrument's
 * thinking time and take theirs. Line faults are made here for every emulator alike. Flat but for
 * the wiring. The owner asks when the host is due and calls it then; nothing happens in between.
 */
#ifndef DRIVERS_VIRTUAL_HOST_H
#define DRIVERS_VIRTUAL_HOST_H

#include "drivers/virtual/emu.h"

enum {
    HOST_EMUS_MAX = 8,
    HOST_PIECES_MAX = 32,
    HOST_BYTES_MAX = 2048
};

enum line_fault {
    LINE_NONE,
    LINE_LATE,       /* the reply leaves late_by after it should (beyond the driver's time-out) */
    LINE_LOST,       /* the reply never comes */
    LINE_GARBLED,    /* one bit of it is flipped */
    LINE_DUPLICATED, /* it comes twice, back to back */
    LINE_SPLIT,      /* in two pieces with a pause between */
    LINE_WRONG_UNIT, /* its address (Modbus unit, Alicat letter, ESPEC address echo) is a
                        neighbour's; where replies carry no address: nothing changes */
    LINE_WRONG_FUNCTION, /* a Modbus reply answers another function; others: nothing changes */
    LINE_WRONG_LENGTH,   /* a Modbus reply has one byte too many, and counts it; others: nothing
                            changes */
    LINE_CUT,            /* it breaks off: only its first bytes ever come */
    LINE_NOISE,          /* garbage bytes before it */
    LINE_DOWN,           /* unplugged: both directions dead */
    LINE_COUNT
};
const char *line_fault_name(enum line_fault f); /* "wrong-unit" */

struct host_fault {
    uint8_t kind;  /* enum line_fault */
    uint8_t emu;   /* index on this line, 255: all */
    uint32_t left; /* how many more replies it hits; UINT32_MAX: for ever */
    nsec late_by;  /* LINE_LATE, and the pause of LINE_SPLIT */
    uint32_t also; /* bit set of further kinds that befall the same replies; not LINE_DOWN */
    uint64_t salt; /* where bits flip and replies break is drawn from this and the count of hits */
};

struct host_piece {
    nsec first_at, at; /* first byte and last byte at the controller */
    uint16_t n;
    uint16_t start; /* in bytes */
};

struct host {
    uint8_t n_emus;
    nsec last_rx;      /* last byte from the controller */
    nsec line_free_at; /* the reply line is busy until then */
    struct host_fault fault;
    nsec silent_until[HOST_EMUS_MAX]; /* booting */
    nsec tick_at[HOST_EMUS_MAX];
    uint16_t n_in; /* controller's bytes under way */
    nsec in_at;    /* when the last of them arrives */
    uint16_t n_pieces, n_bytes;
    uint64_t hits; /* replies that a line fault has hit */
    struct host_piece piece[HOST_PIECES_MAX];
    uint8_t in[512], bytes[HOST_BYTES_MAX];
    uint8_t state[HOST_EMUS_MAX][EMU_STATE_MAX] __attribute__((aligned(16)));
    struct rng rng[HOST_EMUS_MAX];
};

struct host_wiring {
    const struct emu *emu[HOST_EMUS_MAX];
    struct emu_param param[HOST_EMUS_MAX];
    struct emu_env env[HOST_EMUS_MAX];
    nsec byte_ns; /* 0: no pacing (TCP) */
    bool tcp;
    void (*deliver)(void *owner, nsec first_at, nsec at, const uint8_t *, size_t n);
    void *owner;
};

void host_init(struct host *h, struct host_wiring *w, nsec byte_ns);
int host_add(struct host *h, struct host_wiring *w, const struct emu *emu,
             const struct emu_param *param, void *world, uint64_t seed, nsec now,
             struct diag *reterr) MUST_USE;
/* The bus sends (signature of bus_wiring.send through a small adapter of the owner). */
void host_send(struct host *h, struct host_wiring *w, nsec now, const uint8_t *p, size_t n);
/* The controller is gone: replies on their way to it are lost. */
void host_forget(struct host *h);
nsec host_due(const struct host *h, const struct host_wiring *w);
void host_work(struct host *h, struct host_wiring *w, nsec now);
void host_fault(struct host *h,
                const struct host_fault *fault); /* line fault; NULL kind LINE_NONE ends it */
void host_mind_fault(struct host *h, struct host_wiring *w, uint8_t emu, nsec now, enum emu_fault f,
                     bool on);
/* The plant acts on a terminal of its own (emu.hand). E_UNSUPPORTED: it has none. */
int host_hand(struct host *h, struct host_wiring *w, uint8_t emu, nsec now, uint32_t what,
              double value) MUST_USE;

#endif
