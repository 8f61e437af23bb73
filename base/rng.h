/* base/rng.h - chance that repeats: xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64.
 * Flat state. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* Streams of one seed are independent: one per emulator, one per world. */
void rng_seed(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *r);
/* [0, 1) with 53 bits. */
double rng_uniform(struct rng *r);
/* Uniform integer in 0..n-1; n >= 1. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* Standard normal; fast (ziggurat or polar), the same on every machine: no libm function whose last
 * bit may differ between builds beyond log and sqrt. */
double rng_normal(struct rng *r);

#endif
