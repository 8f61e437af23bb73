/* tests/support/bench.h - what the programs of `make bench` share: one table, the best of some
 * rounds, and the same job in Python where it has numpy, pandas and scipy.
 */
#ifndef TESTS_SUPPORT_BENCH_H
#define TESTS_SUPPORT_BENCH_H

#include <stdbool.h>

/* By the clock on the wall and by the processor, in seconds. */
struct bench_cost {
    double wall_s, cpu_s;
};
/* The least of some rounds: the others had company. */
struct bench_cost bench_best(void (*job)(void *ctx), void *ctx, int rounds);
double bench_now_s(void);

/* One line of the table. */
struct bench_line {
    const char *job, *unit;
    double figure;    /* by the wall: what the limit is for */
    double processor; /* the same by processor time; NaN: not taken */
    double limit;     /* NaN: none */
    bool more;        /* is better, as of MB/s */
    char peers[120];  /* "pandas 1.23 s x12" */
};
void bench_begin(const char *title);
/* Prints it. A limit that only a busy machine missed is told as that, and is not held against us.
 */
void bench_tell(const struct bench_line *l);
/* A job of so many bytes or rows, or of milliseconds. */
struct bench_line bench_rate(const char *job, const char *unit, struct bench_cost c, double amount,
                             double limit);
struct bench_line bench_ms(const char *job, struct bench_cost c, double limit);
/* Lines that missed their limit, so far. */
int bench_missed(void);

/* The same job by tests/bench/peers.py: its line gets what that took, and how many times as long.
 * ours_s: what the job took here. result: what came out, NaN where there is nothing to compare;
 * another one is told. */
void bench_peer(struct bench_line *l, const char *name, const char *path, double ours_s,
                double result);

#endif
