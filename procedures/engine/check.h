/* procedures/engine/check.h - what can be said of a program before it runs: bounds, durations, latencies; and that every set value stays inside the
 * article's window and the bench's limits (interval arithmetic over registers; what depends on measured registers is bounded by the run itself and said so). */
#ifndef PROCEDURES_ENGINE_CHECK_H
#define PROCEDURES_ENGINE_CHECK_H

#include "procedures/engine/program.h"

struct check_report {
    unsigned steps, unrolled;           /* acts in the file; acts executed at most */
    double worst_s, expected_s;
    double rows, bytes;                 /* expected */
    double charge_max_a, discharge_max_a, v_min, v_max, pressure_max_pa, temperature_min_k, temperature_max_k; /* largest that can be asked for */
    double taper_a, taper_accuracy_a;   /* smallest taper, and the current accuracy there; NaN: none */
    unsigned n_guards, runtime_bounded; /* set values that depend on measured registers */
    /* Worst time from the onset to no current, per guard: poll, queue and three tries, or the pause for a stale value where that comes first; debounce; the longer of trip
     * and pause. A value that comes late is not judged late: at stale_s the run pauses. */
    double trip_s[PROG_GUARDS_MAX];
    /* The same from the silence of a guarded group to the pause; of the cycler: to its being switched off blindly. 0: not guarded. */
    double silent_s[STATION_GROUPS_MAX];
    double cut_s;                       /* the cycler's line is dead; infinite: nothing cuts it, its own limits hold */
};
/* Refuses (each with its line): a set value that can leave the window or the bench's range; a guard debounce shorter than its poll period (unless 0); a C-rate without capacity; a taper smaller than twice the
 * accuracy of the current there; a step that cannot end; a role or range that the station does not offer. */
int program_check(const struct program *p, struct check_report *ret, struct diag *reterr) MUST_USE;

/* The plan as a person reads it: one line an act with expected and worst duration, loops indented. */
struct text;
void program_plan(const struct program *p, struct text *out);

#endif
