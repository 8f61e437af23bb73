/* benchctl/emu_watch.h - what an onlooker of `benchctl emu` writes down: when an output was switched and when the current in a cell began and ended, and
 * what was asked of the instruments.
 *
 * --watch FILE, one line each time an output is switched, the current crosses 1 % of the largest since it was switched on, or that largest has grown tenfold:
 *     T INSTRUMENT on|off flows|still CURRENT_A VOLTAGE_V LOWEST_V HIGHEST_V MOST_A
 * one when somebody has done something to the bench (emu_hands.h):
 *     T hand WORDS
 * and one with `end` for each of them at the end (MOST_A: that largest current; the extremes are of the whole time). T is CLOCK_MONOTONIC in seconds, so that another process can compare it with its own deeds; current and
 * voltage are the world's at the article, not what an instrument says.
 * --trace FILE, one line for each piece of bytes that came in: T BUS BYTES, text with \xNN for what is none.
 */
#ifndef BENCHCTL_EMU_WATCH_H
#define BENCHCTL_EMU_WATCH_H

#include "benchctl/rig.h"
#include "drivers/virtual/serve.h"

#include <stdio.h>

struct emu_watch {
    struct rig *rig;
    nsec origin; /* OS monotonic at bench time 0 */
    FILE *watch, *trace; /* NULL: not wanted */
    struct emu_watched {
        bool source, on, flowing;
        uint16_t port;
        double most_a, told_a;
    } inst[BENCH_INSTS_MAX];
};

/* watch, trace: paths, NULL: none. Hooks itself into serve. */
int emu_watch_open(struct emu_watch *w, struct rig *r, struct serve *serve, const char *watch, const char *trace, struct diag *reterr) MUST_USE;
/* WORDS have been done. */
void emu_watch_hand(const struct emu_watch *w, nsec now, const char *words);
void emu_watch_close(struct emu_watch *w, nsec now);

#endif
