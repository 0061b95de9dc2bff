/* random.h - seeded pseudo-randomness (SplitMix64): the same seed, the same numbers.  The seed
 * comes with the event (G8, the simulation); never from the system in the core.  Thread: owner. */
#ifndef BELAY_BASE_RANDOM_H
#define BELAY_BASE_RANDOM_H

#include <stdint.h>

struct belay_random {
    uint64_t state;
};

static inline uint64_t belay_random_next(struct belay_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [0, n); n > 0. Bias below n / 2^64. */
static inline uint64_t belay_random_below(struct belay_random *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)belay_random_next(r) * n) >> 64);
}

/* Uniform in [0, 1). */
static inline double belay_random_unit(struct belay_random *r)
{
    return (double)(belay_random_next(r) >> 11) * 0x1.0p-53;
}

#endif
