/* tests/support/emu_pair.h - `benchctl emu` and `benchctl run` in processes of their own, over
 * ptys and TCP sockets, and what the emulators' world tells of its current.
 *
 * $BENCHCTL is the program. Everything lies in a folder of the owner. Nothing here knows what is
 * tested; a wait that is over says false. */
#ifndef TESTS_SUPPORT_EMU_PAIR_H
#define TESTS_SUPPORT_EMU_PAIR_H

#include "base/attr.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum {
    PAIR_PATH_MAX = 400,
    PAIR_LINE_MAX = 400
};

struct emu_pair {
    const char *folder, *bench, *procedure, *article;
    const char *bench_name;   /* LAB/NAME.safed */
    pid_t emu, run;           /* 0: none */
    int hands_fd, watch_fd;
    double least_a;           /* so much has to flow before it counts as a current */
    /* What the watch has told so far. */
    bool flowing;             /* more than 1 % of the most, and that is least_a or more */
    double still_at_s;        /* the last time it ended; CLOCK_MONOTONIC, as all times of the watch */
    unsigned times_flowing;   /* how often it began */
    double hand_at_s;         /* when the last of what was said to the hands was done */
    unsigned hands_said, hands_done;
    double low_v, high_v;     /* extremes at the article */
    size_t n_line;
    char line[PAIR_LINE_MAX];
};

double now_s(void);
/* Paths are kept, not copied. */
bool pair_begin(struct emu_pair *p) MUST_USE;
void pair_end(struct emu_pair *p);
bool pair_run(struct emu_pair *p) MUST_USE;
/* Ended within so long? *ret_code: its exit code, 256 + the signal that ended it. */
bool pair_run_ended(struct emu_pair *p, double within_s, int *ret_code) MUST_USE;
/* Has it said so (--verbose)? */
bool pair_run_says(const struct emu_pair *p, const char *text);
void pair_signal(const struct emu_pair *p, int number);
/* `benchctl safe`, where the guardian has left its word. True: it was needed and done, or not
 * needed. */
bool pair_safe(struct emu_pair *p) MUST_USE;

/* Say a line to the hands and wait until it has been done. */
bool pair_hand(struct emu_pair *p, const char *words) MUST_USE;
/* Take in what the watch tells until that time, or until it is as wanted. */
void pair_watch(struct emu_pair *p, double until_s);
bool pair_wait_flowing(struct emu_pair *p, double within_s) MUST_USE;
/* It has ended, and has not begun again for quiet_s. */
bool pair_wait_still(struct emu_pair *p, double within_s, double quiet_s) MUST_USE;
/* FOLDER/NAME */
void pair_path(const struct emu_pair *p, const char *name, char ret_path[PAIR_PATH_MAX]);

/* Run argv to its end with its output in a file; exit code. */
int pair_call(const char *const *argv, const char *out_path);

#endif
