/* benchctl/rig.h - a bench at work: its lines, the instruments on them and, when it is virtual, the emulators and the world behind. It owns the time.
 *
 * What instruments say comes out as rig_events in a ring, in order; the owner drains it. Everything that changes is in struct rig_state, flat, registered
 * with a snap. Under the virtual clock time jumps to the next due entry; nothing allocates per exchange.
 */
#ifndef BENCHCTL_RIG_H
#define BENCHCTL_RIG_H

#include "base/clock.h"
#include "benchctl/bench.h"
#include "benchctl/box.h"
#include "benchctl/live.h"
#include "benchctl/twin.h"

enum { RIG_RING = 256 };

enum rig_event_kind {
    RIG_SAMPLES,       /* one poll of inst: value[], quality[] by the instrument's channel; mask says which */
    RIG_EDGE,          /* chan, value */
    RIG_SET_DONE, RIG_SET_MISMATCH, RIG_SET_REFUSED, RIG_SET_FAILED, /* token, chan, value; exactly one per accepted SET */
    RIG_JOB_DONE, RIG_JOB_FAILED,  /* token of a safe or identify job */
    RIG_IDENTIFIED, RIG_WRONG,
    RIG_LOST, RIG_BACK,
    RIG_ALARM, RIG_LOCAL, RIG_REBOOTED,
};
struct rig_event {
    uint8_t kind, inst;
    uint16_t chan;
    uint32_t token;
    nsec stamp;
    double value;
    uint16_t mask;     /* RIG_SAMPLES */
    double sample[CHANNELS_MAX];
    uint8_t quality[CHANNELS_MAX];
    char text[NOTICE_TEXT_MAX];
};

/* Of the set channels of one instrument: what was last read back or confirmed since it was last lost, the same before that, and what was asked for last. */
struct rig_standing {
    uint16_t known, before_known, was_asked;
    double held[CHANNELS_MAX], before[CHANNELS_MAX], asked[CHANNELS_MAX];
};

struct rig_inst_state {
    uint16_t mask;     /* samples of the poll under way */
    uint8_t answered;  /* the SET under way has had its answer */
    nsec stamp;
    double sample[CHANNELS_MAX];
    uint8_t quality[CHANNELS_MAX];
    char identity[NOTICE_TEXT_MAX];
    struct rig_standing standing;
};

/* Retriggering of the bench's watchdog relay. Its answers are not passed on. */
#define RIG_WATCHDOG_TOKEN UINT32_C(0x7FFFFFFF)
struct rig_watchdog {
    uint8_t on, waiting; /* waiting: a set is under way */
    nsec next;           /* NSEC_NEVER: off */
    nsec held_until;     /* the relay holds so long by the last confirmed set; 0: none was confirmed */
};

struct rig_state {
    nsec now;
    struct rig_watchdog watchdog;
    uint32_t head, n;  /* ring */
    struct rig_inst_state inst[BENCH_INSTS_MAX];
    struct rig_event ring[RIG_RING];
};

struct rig {
    const struct bench *bench;
    struct rig_state s;
    struct bus *bus;            /* n_buses */
    struct host *host;
    struct world *world;
    struct bus_wiring bus_wiring[BENCH_BUSES_MAX];
    struct host_wiring host_wiring[BENCH_BUSES_MAX];
    struct rig_line {
        struct rig *rig;
        uint8_t bus;
        uint8_t inst[BUS_INSTS_MAX]; /* slot -> instrument of the bench */
    } line[BENCH_BUSES_MAX];
    struct box box[BENCH_INSTS_MAX]; /* of virtual boxes; constant */
    struct twin twin[BENCH_INSTS_MAX]; /* of virtual scanners and supplies; constant */
    struct live *live;          /* real lines; NULL: a virtual bench in memory */
    struct modbus_lib *lib[BENCH_BUSES_MAX]; /* of a virtual bench whose Modbus frames libmodbus builds and checks, as on real lines */
    double speed;               /* --speed: run seconds per second; poll periods are divided by it */
};

/* Open every line of a virtual bench: emulators, world, errors drawn from `seed` (0: the seeds of the bench file). */
int rig_open(struct rig *r, const struct bench *b, uint64_t seed, struct diag *reterr) MUST_USE;
/* After rig_open(): libmodbus in the path of every Modbus line, as it is on real ones. */
int rig_wire_up(struct rig *r, struct diag *reterr) MUST_USE;
/* Open the real lines (or those of `benchctl emu`): one URI per bus. live is the caller's. */
int rig_open_live(struct rig *r, const struct bench *b, struct live *live, const char *const *uris, double speed, struct diag *reterr) MUST_USE;
/* Only the emulators and their world, for `benchctl emu`: hosts and wiring are filled, no buses. */
int rig_emulate(struct rig *r, const struct bench *b, uint64_t seed, double speed, struct diag *reterr) MUST_USE;
void rig_close(struct rig *r);
/* Register what changes. */
void rig_snap(struct rig *r, struct snap *snap);
/* After snap_load: pointers inside the world are set again. */
void rig_restored(struct rig *r);

nsec rig_due(const struct rig *r);
/* Time passes up to `t`, in memory at once; on real lines until then or until something has come. What is due is worked. */
void rig_wait(struct rig *r, nsec t);
/* Work everything that is due at exactly `t` (>= now); t becomes now. */
void rig_advance(struct rig *r, nsec t);
bool rig_take(struct rig *r, struct rig_event *ret);

/* Wishes. value in the instrument's terms. 0 or E_...; a refused SET gives no event. */
int rig_set(struct rig *r, uint8_t inst, uint16_t chan, double value, uint32_t token) MUST_USE;
int rig_safe(struct rig *r, uint8_t inst, enum safe_want want, uint32_t token) MUST_USE;
int rig_identify(struct rig *r, uint8_t inst, uint32_t token) MUST_USE;
void rig_poll(struct rig *r, uint8_t inst, double period_s);
void rig_drop_sets(struct rig *r, uint8_t inst);

/* From now on the watchdog output is set every period, in real time, until rig_close() or our death. Nothing where the bench has none. */
void rig_watchdog_start(struct rig *r);
/* It is not set any more: the relay behind it drops after two periods. */
void rig_watchdog_stop(struct rig *r);

/* Faults of the virtual bench, and what only an emulator can tell. */
void rig_line_fault(struct rig *r, uint8_t inst, enum line_fault kind, uint32_t count, double late_s);
void rig_mind_fault(struct rig *r, uint8_t inst, enum emu_fault f, bool on);
/* A contact of a box opens or closes. */
void rig_hand(struct rig *r, uint8_t inst, uint16_t chan, bool closed);
bool rig_energized(const struct rig *r, uint8_t inst);
double rig_standing(const struct rig *r, uint8_t inst);
uint64_t rig_exchanges(const struct rig *r);

/* standing.c: what a set channel stands at by the last read-back since the instrument was last lost; false: not known. */
bool rig_held(const struct rig *r, uint8_t inst, uint16_t chan, double *ret_value);
/* An instrument that is back holds something else than before it was lost, and nobody asked for that: it has restarted. what: for people. */
bool rig_forgot(const struct rig *r, uint8_t inst, char *ret_what, size_t size);
void rig_note_held(struct rig *r, uint8_t inst, uint16_t chan, double value);
void rig_note_asked(struct rig *r, uint8_t inst, uint16_t chan, double value);
void rig_note_lost(struct rig *r, uint8_t inst);

/* One job, waited for: identify all, poll all, for `get` and `set`. Runs the virtual clock until answered or max_s. */
int rig_wait_identified(struct rig *r, double max_s, struct diag *reterr) MUST_USE;

#endif
