/* tests/fault/fault_table.h - what becomes of a run, fault by fault and instrument by instrument; docs/FAULTS.md is printed from it. */
#ifndef TESTS_FAULT_FAULT_TABLE_H
#define TESTS_FAULT_FAULT_TABLE_H

#include "benchctl/session.h"

enum { FAULT_INSTS = 5, FAULT_ROLES = 4 }; /* the first four serve the station; the last guards it */
extern const char *const fault_insts[FAULT_INSTS]; /* by their names in benches/demo.yaml */

enum fault_end {
    ABSENT,       /* the instrument has no such fault */
    GOES_ON,      /* to its end: done, exit 0 */
    PAUSES,       /* and stays so; the operator aborts: exit 6 */
    TRIPS,        /* exit 5 */
    PAUSES_TRIPS, /* paused first, then exit 5 */
    FAILS,        /* exit 7 */
    PAUSES_FAILS,
};
enum lateness { LATE_BEYOND, LATE_WITHIN }; /* later than the driver waits; within */

struct fault_cell {
    enum fault_end outcome;
    enum cause pause, cause; /* of the pause; of the end (PAUSES: the operator's abort) */
    const char *says;        /* part of the closing line, besides the instrument's name */
    uint8_t note;            /* number of a note below the table; 0: none */
};
struct fault_row {
    const char *name;
    uint8_t kind, what; /* enum script_kind; enum line_fault or emu_fault */
    uint32_t replies;   /* 0: for ever */
    enum lateness lateness;
    struct fault_cell cell[FAULT_INSTS];
};
extern const struct fault_row fault_rows[];
extern const int n_fault_rows;

/* The page, as docs/FAULTS.md has it. Returns its length. */
size_t fault_page(char *buf, size_t size);

#endif
