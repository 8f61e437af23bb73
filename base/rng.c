/* base/rng.c - xoshiro256** with the scrambler and seeding its authors advise. */
#include "base/rng.h"

#include "base/err.h"

#include <math.h>

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed, uint64_t stream)
{
    /* The stream is hashed before it meets the seed: neighbours of both stay far apart. */
    uint64_t hashed = stream, x = seed;

    if (stream != 0)
        x ^= splitmix64(&hashed);
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix64(&x);
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t out = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return out;
}

double rng_uniform(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    ASSERT(n >= 1);
    /* Draws from the incomplete last round are thrown away, or small numbers would be likelier. */
    uint32_t spare = (uint32_t)(-n) % n;

    for (;;) {
        uint64_t product = (rng_u64(r) >> 32) * n;

        if ((uint32_t)product >= spare)
            return (uint32_t)(product >> 32);
    }
}

/* Polar method. The second number of each pair is dropped: keeping it would be hidden state. */
double rng_normal(struct rng *r)
{
    for (;;) {
        double x = 2.0 * rng_uniform(r) - 1.0;
        double y = 2.0 * rng_uniform(r) - 1.0;
        double q = x * x + y * y;

        if (q > 0.0 && q < 1.0)
            return x * sqrt(-2.0 * log(q) / q);
    }
}
