#include "base/rate.h"

#include "base/assert.h"
#include "base/planted.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_US 1000
#define INTERVAL_NS_MAX INT64_C(1000000000000000) /* eleven days */
#define FULL_NS_MAX INT64_C(1000000000000000000)  /* thirty years: with now, in 64 bits */

static int64_t interval_ns(const struct belay_rate_def *def)
{
    double ns = (double)NS_PER_S / def->per_second;
    return ns < 1 ? 1 : ns > INTERVAL_NS_MAX ? INTERVAL_NS_MAX : (int64_t)ns;
}

/* Of a burst that would be back after centuries, as many as are back in FULL_NS_MAX: the sums stay within 64 bits. */
static uint32_t burst_of(const struct belay_rate_def *def)
{
    uint32_t burst = def->burst ? def->burst : 1;
    int64_t most = FULL_NS_MAX / interval_ns(def);
    return burst < most ? burst : (uint32_t)most;
}

static int64_t tolerance_ns(const struct belay_rate_def *def, int64_t interval)
{
    return (int64_t)(burst_of(def) - 1) * interval;
}

belay_time belay_rate_at(const struct belay_rate *r, const struct belay_rate_def *def, belay_time now)
{
    if (!(def->per_second > 0) || BELAY_PLANTED(34))
        return now;
    int64_t free_at_ns = r->full_at_ns - tolerance_ns(def, interval_ns(def));
    if (free_at_ns <= now * NS_PER_US)
        return now;
    return (free_at_ns + NS_PER_US - 1) / NS_PER_US;
}

void belay_rate_take(struct belay_rate *r, const struct belay_rate_def *def, belay_time now)
{
    if (!(def->per_second > 0))
        return;
    int64_t from = now * NS_PER_US;
    r->full_at_ns = (r->full_at_ns > from ? r->full_at_ns : from) + interval_ns(def);
}

void belay_rate_give_back(struct belay_rate *r, const struct belay_rate_def *def)
{
    if (def->per_second > 0)
        r->full_at_ns -= interval_ns(def);
}

uint32_t belay_rate_left(const struct belay_rate *r, const struct belay_rate_def *def, belay_time now)
{
    if (!(def->per_second > 0))
        return UINT32_MAX;
    uint32_t burst = burst_of(def);
    int64_t lacking_ns = r->full_at_ns - now * NS_PER_US;
    if (lacking_ns <= 0)
        return burst;
    int64_t interval = interval_ns(def), lacking = (lacking_ns + interval - 1) / interval;
    return lacking >= burst ? 0 : burst - (uint32_t)lacking;
}
