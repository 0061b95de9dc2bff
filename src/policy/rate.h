/* rate.h - a token bucket: so many a second, and a burst of so many at once.
 * Kept as the time at which the bucket is full again, so that a look and a take are a few additions.
 * Uses: base, model.  Thread: the owner's.  Invariant: within any t seconds at most burst + t * per_second. */
#ifndef BELAY_POLICY_RATE_H
#define BELAY_POLICY_RATE_H

#include "model/definition.h"

struct belay_rate { /* zero: full */
    int64_t full_at_ns;
};

/* When one may be taken: not later than now means at once. No rate in def: at once. */
belay_time belay_rate_at(const struct belay_rate *r, const struct belay_rate_def *def, belay_time now);
/* Takes one. belay_rate_at said that it may. */
void belay_rate_take(struct belay_rate *r, const struct belay_rate_def *def, belay_time now);
/* What it was taken for did not happen. */
void belay_rate_give_back(struct belay_rate *r, const struct belay_rate_def *def);

#endif
