/* tests/fault/fault_watch.h - looks on after every event of a rehearsal: states, what stood when the bench was made safe, and whether what the run believes is what the world is. */
#ifndef TESTS_FAULT_FAULT_WATCH_H
#define TESTS_FAULT_FAULT_WATCH_H

#include "benchctl/session.h"

enum { WATCH_HISTORY = 64, WATCH_ACTS = 16 };

enum truth { TRUE_VOLTAGE, TRUE_CURRENT, TRUE_FORCE, TRUE_GAUGE, TRUE_AIR, TRUTHS };
struct moment {
    nsec at;
    double v[TRUTHS];
};

struct onlooker {
    /* Set by the test. */
    double slack_s;      /* a reply may be as old as that */
    uint8_t faulty;      /* instrument whose own mind is ill from fault_at on: its samples may lie */
    nsec fault_at;
    nsec sets_from;      /* what stands is compared with what was set from then on; 0: always */
    /* Seen. */
    int n_pauses, n_samples, n_sets;
    uint16_t pause_cause;
    uint8_t state;
    nsec safing_at;
    double standing_at_safing[BENCH_INSTS_MAX];
    bool energized_at_safing[BENCH_INSTS_MAX];
    nsec act_began[WATCH_ACTS];
    nsec group_at[STATION_GROUPS_MAX];
    struct moment moment[WATCH_HISTORY];
    unsigned n_moments;
    char said[400];      /* the last things that were said */
};

void watch_begin(struct onlooker *w);
/* For session_options: ctx is the watch. */
int watch_event(void *ctx, struct session *s);
void watch_say(void *ctx, const struct session *s, const char *level, const char *text);

#endif
