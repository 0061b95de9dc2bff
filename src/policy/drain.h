/* drain.h - how fast something empties, as observed; and from it when those that were turned away come again.
 * Uses: base.  Pure.  Thread: one owner.
 * The speed is a mean that forgets: what happened BELAY_DRAIN_MEMORY_MS ago counts a third. */
#ifndef BELAY_POLICY_DRAIN_H
#define BELAY_POLICY_DRAIN_H

#include <stdbool.h>

#include "base/time.h"

#define BELAY_DRAIN_MEMORY_MS 5000
#define BELAY_DRAIN_SAMPLE_MS 100     /* shorter looks are one */
#define BELAY_DRAIN_AFTER_MS_MIN 1000 /* Retry-After has whole seconds */
#define BELAY_DRAIN_AFTER_MS_MAX 60000

struct belay_drain {
    bool begun, known;  /* looked at once; twice */
    belay_time at;
    uint64_t left;      /* had left by then */
    double per_second;
};

/* So many had left by now, in all: never less than before (else, as after a seek, it begins anew). */
void belay_drain_see(struct belay_drain *d, uint64_t left, belay_time now);
/* The same, but there was not always something to leave since the last look: it may be faster than that, not slower. */
void belay_drain_skip(struct belay_drain *d, uint64_t left, belay_time now);
/* When `amount` will have left at this speed, within the bounds above; the least where nothing is known yet, the
 * most where nothing leaves. */
uint32_t belay_drain_after_ms(const struct belay_drain *d, uint64_t amount);

#endif
