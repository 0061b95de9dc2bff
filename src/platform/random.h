/* random.h - the port to the system's randomness: seeds and secrets.  Uses: base.  Thread: any.
 * What must repeat in the simulation takes its numbers from base/random.h, seeded by this port. */
#ifndef BELAY_PLATFORM_RANDOM_H
#define BELAY_PLATFORM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct belay_entropy {
    /* Fills n bytes; cannot fail once the system is up. */
    void (*fill)(void *ctx, void *p, size_t n);
    void *ctx;
};

/* getrandom(2). Static, never closed. */
const struct belay_entropy *belay_entropy_posix(void);

static inline void belay_entropy_fill(const struct belay_entropy *e, void *p, size_t n)
{
    e->fill(e->ctx, p, n);
}

static inline uint64_t belay_entropy_u64(const struct belay_entropy *e)
{
    uint64_t v;
    belay_entropy_fill(e, &v, sizeof v);
    return v;
}

#endif
