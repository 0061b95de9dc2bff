#include "policy/limiter.h"

#include <math.h>

#include "base/assert.h"

#define SMOOTHING 0.3    /* of a change */
#define TOLERANCE 1.5    /* so much longer than usual is no sign of a queue */
#define FAILED_PART 10   /* one of so many failed is too many */

static double limit_of(const struct belay_limiter *l, uint32_t max)
{
    double limit = l->limit > 0 ? l->limit : BELAY_LIMITER_START;
    return limit > max ? max : limit;
}

uint32_t belay_limiter_limit(const struct belay_limiter *l, uint32_t max)
{
    double found = limit_of(l, max ? max : 1);
    uint32_t limit = (uint32_t)(l->probing ? found / 2 : found);
    return limit ? limit : 1;
}

/* A limit that was not used says nothing about a larger one. */
static double wanted(const struct belay_limiter *l, double limit, double short_us)
{
    double gradient = TOLERANCE * l->base_us / short_us;
    gradient = gradient < 0.5 ? 0.5 : gradient > 1 ? 1 : gradient;
    bool used = 2.0 * l->in_flight_most >= limit;
    if (gradient >= 1 && !used)
        return limit;
    return gradient * limit + (used ? sqrt(limit) : 0);
}

/* At half the limit: the first look still has calls from before. */
static void look_unhurried(struct belay_limiter *l, double short_us)
{
    if (--l->probing == 0)
        l->base_us = short_us;
}

static void look(struct belay_limiter *l, uint32_t max)
{
    BELAY_ASSERT(l->count && l->failed <= l->count);
    double limit = limit_of(l, max), to = limit;
    double short_us = (double)l->sum_us / l->count;
    if (l->base_us <= 0 || short_us < l->base_us)
        l->base_us = short_us;
    if (l->failed * FAILED_PART > l->count) {
        to = limit * 0.9;
        l->probing = 0; /* what fails may be quick */
    } else if (l->probing) {
        look_unhurried(l, short_us);
    } else {
        to = short_us > 0 ? wanted(l, limit, short_us) : limit;
        to = limit + (to - limit) * SMOOTHING;
        if (++l->looks % BELAY_LIMITER_PROBE == 0)
            l->probing = 2;
    }
    l->limit = to < 1 ? 1 : to > max ? max : to;
    l->sum_us = 0;
    l->count = l->failed = l->in_flight_most = 0;
}

void belay_limiter_sample(struct belay_limiter *l, uint32_t max, uint64_t duration_us,
                          uint32_t in_flight, bool failed)
{
    uint32_t samples = 2 * belay_limiter_limit(l, max);
    max = max ? max : 1;
    l->count++;
    l->failed += failed;
    l->sum_us += duration_us;
    if (in_flight > l->in_flight_most)
        l->in_flight_most = in_flight;
    if (l->count >= (samples > BELAY_LIMITER_SAMPLES ? samples : BELAY_LIMITER_SAMPLES))
        look(l, max);
}
