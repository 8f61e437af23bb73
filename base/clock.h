/* base/clock.h - the only door to the system's clocks, and its virtual twin.
 *
 * A clock is a value passed down. Run time is mono; wall time is only stored as anchor pairs, so
 * that NTP and daylight saving never touch a duration.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/nsec.h"

#include <stdbool.h>
#include <stddef.h>

struct clock {
    bool is_virtual;
    nsec mono;          /* virtual: now; OS: offset so that it starts at 0 */
    nsec wall_at_start; /* ns since the epoch, UTC */
};

void clock_init_os(struct clock *c);
/* wall_start_s: seconds since the epoch at mono 0 (a fixed date keeps simulations repeatable). */
void clock_init_virtual(struct clock *c, int64_t wall_start_s);
nsec clock_mono(const struct clock *c);
/* Instant `t` of this (OS) clock as the system counts it: CLOCK_MONOTONIC ns, for timerfd and shared pages. */
nsec clock_os(const struct clock *c, nsec t);
nsec clock_wall(const struct clock *c);
/* Virtual only; never backwards (asserted). */
void clock_advance_to(struct clock *c, nsec t);

/* "2026-11-20 18:02" / with seconds, UTC, into buf; returns buf. */
const char *wall_format(nsec wall, bool seconds, char *buf, size_t size);

#endif
