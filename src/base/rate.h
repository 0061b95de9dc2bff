/* rate.h - a token bucket: so many a second, and a burst of so many at once.
 * Kept as the time at which the bucket is full again, so that a look and a take are a few additions.
 * Uses: base.  Thread: the owner's.  Invariant: within any t seconds at most burst + t * per_second. */
#ifndef BELAY_BASE_RATE_H
#define BELAY_BASE_RATE_H

#include "base/time.h"

struct belay_rate_def {
    double per_second; /* 0: any */
    uint32_t burst;    /* 0 is 1 */
};

struct belay_rate { /* zero: full */
    int64_t full_at_ns;
};

/* When one may be taken: not later than now means at once. No rate in def: at once. */
belay_time belay_rate_at(const struct belay_rate *r, const struct belay_rate_def *def, belay_time now);
/* Takes one. belay_rate_at said that it may. */
void belay_rate_take(struct belay_rate *r, const struct belay_rate_def *def, belay_time now);
/* What it was taken for did not happen. */
void belay_rate_give_back(struct belay_rate *r, const struct belay_rate_def *def);

/* How many may be taken at once, now: at most burst. UINT32_MAX without a rate. */
uint32_t belay_rate_left(const struct belay_rate *r, const struct belay_rate_def *def, belay_time now);
/* Nothing is known of it any more that a new one would not say. */
static inline bool belay_rate_is_full(const struct belay_rate *r, belay_time now)
{
    return r->full_at_ns <= now * 1000;
}

#endif
