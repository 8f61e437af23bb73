/* tests/support/bus_rig.h - one bus and one host back to back under a virtual clock, with
 * everything that was reported kept for judgement. */
#ifndef TESTS_SUPPORT_BUS_RIG_H
#define TESTS_SUPPORT_BUS_RIG_H

#include "drivers/bus/bus.h"
#include "drivers/virtual/host.h"

#include <check.h>

/* As ck_assert(), but costs nothing while it holds: Check's own writes a message each time. What is
 * in rig_story goes with it: which of many, so that it can be played again. */
#define RIG_CHECK(c)                                                        \
    do {                                                                    \
        if (!(c))                                                           \
            ck_abort_msg("%s:%d: %s%s", __FILE__, __LINE__, #c, rig_story); \
    } while (0)
extern char rig_story[64];

enum {
    RIG_TOKENS_MAX = 4096,
    RIG_SAID_MAX = 64
};

/* What became of a token. */
enum rig_end {
    RIG_OPEN,
    RIG_DONE,
    RIG_FAILED
};

struct rig_said {
    uint8_t inst;
    uint32_t token;
    struct notice_said notice;
};

struct rig {
    struct bus bus;
    struct host host;
    struct bus_wiring bus_w;
    struct host_wiring host_w;
    struct inst inst[BUS_INSTS_MAX];
    struct chan chans[BUS_INSTS_MAX][CHANNELS_MAX];
    _Alignas(16) uint8_t param[BUS_INSTS_MAX][256];
    nsec now;
    uint32_t next_token; /* tokens from 1 */
    uint32_t n_open;
    uint8_t end[RIG_TOKENS_MAX]; /* enum rig_end */
    uint8_t how[RIG_TOKENS_MAX]; /* enum xfer_outcome of a failure */
    nsec ended_at[RIG_TOKENS_MAX];
    uint32_t n_lost, n_back, n_samples, n_poll_failed, n_poll_done;
    uint32_t n_said; /* counts for ever; the last RIG_SAID_MAX are kept */
    struct rig_said said[RIG_SAID_MAX];
    struct sample last[BUS_INSTS_MAX][CHANNELS_MAX]; /* newest of each channel */
    nsec last_at[BUS_INSTS_MAX][CHANNELS_MAX];
    uint64_t hash;   /* of all reports and all bytes sent */
    uint64_t n_sent; /* requests */
    /* Hooks of a test, may be NULL. */
    void (*on_send)(struct rig *, nsec now, const uint8_t *p, size_t n);
    void (*on_report)(struct rig *, const struct bus_report *);
    void *user;
    const char *rows; /* folder with the channels of the generic drivers; NULL: tests/wire */
};

void rig_init(struct rig *r, nsec byte_ns);
/* Returns the index. Instrument and emulator stand on the same unit. */
int rig_add(struct rig *r, const struct driver *driver, const struct emu *emu, uint16_t unit,
            const struct emu_param *emu_param, void *world);
/* Copy of a running rig: state copied, wiring its own. */
void rig_copy(struct rig *r, const struct rig *from);
void rig_run(struct rig *r, nsec until);
/* Submit; returns the token, or a negative E_... */
int64_t rig_submit(struct rig *r, enum job_class class, enum job_kind kind, int inst, int chan,
                   double value);
/* Run until a token has ended, or `most` has passed. Returns what became of it. */
enum rig_end rig_await(struct rig *r, int64_t token, nsec most);
/* Submit and await. */
enum rig_end rig_do(struct rig *r, enum job_class class, enum job_kind kind, int inst, int chan,
                    double value, nsec most);
/* Newest notice of that kind said for a token; NULL: none. */
const struct notice_said *rig_notice(const struct rig *r, int64_t token, enum notice kind);
unsigned rig_count_notices(const struct rig *r, int64_t token, enum notice first, enum notice last);
void rig_fault(struct rig *r, enum line_fault kind, uint32_t left, nsec late_by);

#endif
