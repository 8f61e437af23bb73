/* analysis/recording.h - what was measured, as columns in memory: what every analysis works on.
 *
 * It comes from a run file (a run of ours or an imported one) or straight from an importer. Rows are
 * those of the cycler, never resampled; what other instruments measured stands beside them as the
 * last value at or before the row's time (NaN where that was not valid). Charge current is positive.
 * Times are run time in s, never decreasing. Values that were not valid are NaN.
 *
 * Names of extra columns, where the source has them (all optional):
 *   counter_in_ah, counter_out_ah, counter_in_wh, counter_out_wh   the instrument's own counters,
 *       as the source resets them (per step or per cycle: `counter_resets`)
 *   counter_ah, counter_wh                                         the same where it has only one
 *   voltage_1_v .. voltage_N_v                                     cell groups of a string
 *   temperature_1_k .. temperature_N_k, pressure_pa, ...
 */
#ifndef ANALYSIS_RECORDING_H
#define ANALYSIS_RECORDING_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct run_file;

enum {
    RECORDING_EXTRA_MAX = 32,
    RECORDING_NAME_MAX = 48
};

/* What a step does, from the program or told from its rows. */
enum recording_mode {
    RECORDING_REST,
    RECORDING_CHARGE,
    RECORDING_DISCHARGE,
    RECORDING_MIXED /* pulses, drives */
};

struct recording_step {
    size_t first, n; /* rows */
    uint32_t number; /* as the source numbers it */
    uint32_t cycle;
    enum recording_mode mode;
};

struct recording_column {
    char name[RECORDING_NAME_MAX];
    double *v;
};

/* As the instrument states them; NaN: not known. Reading: a fraction; offset: in the unit. */
struct recording_accuracy {
    double reading, offset, resolution;
};

enum recording_resets { RECORDING_NEVER, RECORDING_PER_STEP, RECORDING_PER_CYCLE };

struct recording {
    size_t n;
    double *t_s, *voltage_v, *current_a;
    uint32_t *step, *cycle; /* as the source counts them */
    unsigned n_extra;
    struct recording_column extra[RECORDING_EXTRA_MAX];
    size_t n_steps;
    struct recording_step *steps; /* in order of time; every row belongs to one */
    struct recording_accuracy voltage, current;
    double capacity_ah; /* of the article; NaN: not known */
    enum recording_resets counter_resets;
    void *block; /* the memory behind it */
};

/* All rows of a run. Heap; recording_done() takes a zeroed one too. */
int recording_read(struct run_file *f, struct recording *ret, struct diag *reterr) MUST_USE;
void recording_done(struct recording *r);
/* NULL: it has no such column. */
const double *recording_extra(const struct recording *r, const char *name);
/* Fill steps and n_steps from step, cycle and current: a new step where the step number or the cycle
 * changes, or (without step numbers) where the current changes its sign or goes to rest. */
int recording_split(struct recording *r, struct diag *reterr) MUST_USE;

#endif
