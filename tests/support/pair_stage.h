/* tests/support/pair_stage.h - one or two instruments of a kind on a line that spoils replies at
 * random, in a world that takes a step with each request: a reply that is taken for the answer to
 * a later request, or of the neighbour, shows as a value that is not true any more.
 *
 * The judge looks at each report as it comes. What is measured is compared with the world, what is
 * held with what the emulator itself would say if it were asked at that instant (pair_oracle.h).
 */
#ifndef TESTS_SUPPORT_PAIR_STAGE_H
#define TESTS_SUPPORT_PAIR_STAGE_H

#include "base/rng.h"
#include "tests/support/pair_judge.h"
#include "tests/support/pair_oracle.h"
#include "tests/support/pair_truth.h"

enum {
    STAGE_UNITS_MAX = 2
};

struct stage_stats {
    uint64_t dialogues, exchanges, jobs, sets_done, sets_refused, sets_other, safe_done;
    uint64_t samples, samples_true, samples_held, samples_not_ok; /* compared with world, oracle */
    uint64_t beyond; /* not judged: of safe jobs, with a reply later than late_ms on its way */
    uint64_t refused, retried, lost;
    uint64_t spoilt;            /* replies with at least one fault */
    uint64_t two;               /* with two or more */
    uint64_t kinds[LINE_COUNT]; /* faults by kind */
    uint64_t minds[FAULT_COUNT];
    nsec back_max; /* the longest from the last fault to the last unit's next good poll */
};

struct stage {
    struct rig rig;
    struct rng rng;
    const struct driver *driver;
    const struct emu *emu;
    uint64_t seed;
    int n_units;
    bool ideal, tcp;
    unsigned often;          /* of 100 replies so many are spoilt */
    struct host_fault armed; /* lies in wait for the reply to the newest request */
    uint64_t hits;           /* of the host when it was put there */
    struct host_fault next;  /* befalls the next reply, whatever else; then it is forgotten */
    uint32_t epoch;          /* requests so far: the step of the world */
    uint32_t seen_epoch[STAGE_UNITS_MAX];
    nsec seen_at[STAGE_UNITS_MAX];
    bool moved[STAGE_UNITS_MAX]; /* a register box took this step too */
    enum emu_fault mind[STAGE_UNITS_MAX];
    nsec mind_at[STAGE_UNITS_MAX];
    nsec asked_at, overdue_until;    /* a reply later than the driver's late_ms comes until then */
    nsec foreign_until;              /* the same, and it has another's address */
    bool mute;                       /* no good reply to the newest request can come */
    uint8_t answers[RIG_TOKENS_MAX]; /* to each set */
    double done[STAGE_UNITS_MAX][CHANNELS_MAX]; /* by the newest set; NaN: none yet */
    nsec polled_at[STAGE_UNITS_MAX];
    struct stage_stats *stats;
};

/* Nothing has been asked yet. Drawn from the seed: one unit or two, their errors, RTU on a serial
 * line or over TCP, or TCP, libmodbus or not; a serial line of text or TCP. */
void stage_begin(struct stage *s, const struct driver *d, uint64_t seed, struct stage_stats *stats);
/* The emulator's own head: one fault at a time for each unit; FAULT_NONE ends it. */
void stage_mind(struct stage *s, int unit, enum emu_fault f);
/* No faults any more, of line and mind. */
void stage_heal(struct stage *s);
bool stage_is_box(const struct stage *s); /* it has registers instead of ports */
bool stage_energized(const struct stage *s, int unit);

#endif
