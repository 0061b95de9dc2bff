/* limiter.h - finds how many calls at once an outside system bears, from how long they take.
 *
 * A look, every few dozen calls, holds the mean latency against that of an unhurried system: where it is more than
 * half as long again, calls queue up over there, and the limit goes down in proportion, at most to half; where it is
 * not, and the limit was used, the limit goes up by its square root (the gradient rule).  A share of failed calls
 * takes a tenth off.  What unhurried means is measured: every BELAY_LIMITER_PROBE looks the limit is halved for two,
 * and the second one counts; in between a shorter mean is believed at once.  A longer one alone never is: a queue
 * that stays would become the measure of itself.
 * Uses: base, model.  Thread: the owner's.  Invariant: 1 <= limit <= max. */
#ifndef BELAY_POLICY_LIMITER_H
#define BELAY_POLICY_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#define BELAY_LIMITER_START 8
#define BELAY_LIMITER_SAMPLES 16 /* of a look, at least */
#define BELAY_LIMITER_PROBE 64   /* looks between two probes */

struct belay_limiter { /* zero: BELAY_LIMITER_START */
    double limit;
    double base_us;              /* mean latency of an unhurried system; 0: not known */
    uint32_t looks;              /* since the last probe */
    uint8_t probing;             /* looks at half the limit that are still to come */
    uint64_t sum_us;             /* since the last look */
    uint32_t count, failed;
    uint32_t in_flight_most;
};

uint32_t belay_limiter_limit(const struct belay_limiter *l, uint32_t max);
/* A call ended; in_flight: calls under way while it was, itself included. */
void belay_limiter_sample(struct belay_limiter *l, uint32_t max, uint64_t duration_us, uint32_t in_flight,
                          bool failed);

#endif
