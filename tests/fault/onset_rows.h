/* tests/fault/onset_rows.h - what happens to the benches of test_onset, and whose bound holds. */
#ifndef TESTS_FAULT_ONSET_ROWS_H
#define TESTS_FAULT_ONSET_ROWS_H

#include <stddef.h>

enum onset_bench {
    ONSET_DEMO,   /* two TCP lines, three ptys */
    ONSET_TCP,    /* TCP only */
    ONSET_SHARED, /* cycler, load cell and a box on one pty */
    ONSET_BENCHES
};
enum {
    ONSET_WORDS_MAX = 3
};
struct onset_row {
    const char *name;
    enum onset_bench bench;
    const char *procedure;
    const char *before; /* so many seconds before it; NULL: nothing */
    double before_s;
    const char *onset;
    const char *mend[ONSET_WORDS_MAX];
    const char *bound; /* what `check --guards` begins its line with, blanks counting as one;
                          NULL: the run goes on */
    double phase_s;    /* the onset comes anywhere within so long a time */
    unsigned char quick; /* also without BENCHCTL_LONG */
    unsigned char leaves; /* the mishap itself takes the cell out of its window */
};
extern const struct onset_row onset_rows[];
extern const size_t n_onset_rows;

#endif
