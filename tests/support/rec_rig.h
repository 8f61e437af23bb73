/* tests/support/rec_rig.h - recordings made up row by row, for tests of the analyses. */
#ifndef TESTS_SUPPORT_REC_RIG_H
#define TESTS_SUPPORT_REC_RIG_H

#include "analysis/recording.h"

enum {
    REC_EXTRA_MAX = 8
};

/* An empty recording with room for `rows`; extras are columns of NaN. Ends with recording_done().
 */
void rec_begin(struct recording *r, size_t rows, unsigned n_extra, const char *const *names);
/* One row; its extras are those of the row before until rec_set(). Step and cycle as they stand. */
void rec_row(struct recording *r, double t_s, double v_v, double i_a, uint32_t step,
             uint32_t cycle);
/* Extra column of the newest row. */
void rec_set(struct recording *r, unsigned extra, double v);
/* Steps. */
void rec_end(struct recording *r);

#endif
