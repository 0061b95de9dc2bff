#include "policy/budget.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"

#define NS_PER_S 1e9
#define NS_PER_US 1000
#define TOLERANCE_NS INT64_C(100000000) /* what may come at once */

static int64_t width_us(const struct belay_budget_def *def)
{
    uint64_t window_ms = def->window_ms ? def->window_ms : 10000;
    return (int64_t)(window_ms * BELAY_US_PER_MS / BELAY_BUDGET_SLOTS);
}

/* Forgets the slots that left the window. */
static void advance(struct belay_budget *b, const struct belay_budget_def *def, belay_time now)
{
    int64_t slot = now / width_us(def);
    if (slot == b->slot)
        return;
    if (slot < b->slot || slot - b->slot >= BELAY_BUDGET_SLOTS) { /* less: a reload brought another width */
        memset(b->firsts, 0, sizeof b->firsts);
        b->firsts_sum = 0;
    } else {
        for (int64_t s = b->slot + 1; s <= slot; s++) {
            BELAY_ASSERT(b->firsts_sum >= b->firsts[s % BELAY_BUDGET_SLOTS]);
            b->firsts_sum -= b->firsts[s % BELAY_BUDGET_SLOTS];
            b->firsts[s % BELAY_BUDGET_SLOTS] = 0;
        }
    }
    b->slot = slot;
}

void belay_budget_first(struct belay_budget *b, const struct belay_budget_def *def, belay_time now)
{
    if (!(def->share > 0))
        return;
    advance(b, def, now);
    uint32_t *slot = &b->firsts[b->slot % BELAY_BUDGET_SLOTS];
    if (*slot == UINT32_MAX)
        return;
    ++*slot;
    b->firsts_sum++;
}

void belay_budget_not_first(struct belay_budget *b)
{
    uint32_t *slot = &b->firsts[b->slot % BELAY_BUDGET_SLOTS];
    if (!*slot) /* its slot is over: a first try too many, for the rest of the window */
        return;
    BELAY_ASSERT(b->firsts_sum);
    --*slot;
    b->firsts_sum--;
}

double belay_budget_per_second(struct belay_budget *b, const struct belay_budget_def *def, belay_time now)
{
    if (!(def->share > 0))
        return INFINITY;
    advance(b, def, now);
    double window_s = (double)width_us(def) * BELAY_BUDGET_SLOTS / BELAY_US_PER_S;
    double shared = def->share * (double)b->firsts_sum / window_s;
    return shared > def->floor ? shared : def->floor;
}

/* A second sees what fits into its nanoseconds and the tolerance. */
static int64_t interval_ns(double per_second)
{
    BELAY_ASSERT(per_second > 0);
    double ns = (NS_PER_S + TOLERANCE_NS) / per_second;
    return ns < 1e15 ? (int64_t)ceil(ns) : INT64_C(1000000000000000);
}

belay_time belay_budget_at(struct belay_budget *b, const struct belay_budget_def *def, belay_time now)
{
    if (!(def->share > 0) || BELAY_PLANTED(31))
        return now;
    int64_t interval = interval_ns(belay_budget_per_second(b, def, now));
    /* A tolerance of less than one interval would be none. */
    int64_t free_at_ns = b->next_at_ns - (interval < TOLERANCE_NS ? TOLERANCE_NS - interval : 0);
    if (free_at_ns <= now * NS_PER_US)
        return now;
    return (free_at_ns + NS_PER_US - 1) / NS_PER_US;
}

int64_t belay_budget_retry(struct belay_budget *b, const struct belay_budget_def *def, belay_time now)
{
    if (!(def->share > 0))
        return 0;
    int64_t from = now * NS_PER_US;
    int64_t interval = interval_ns(belay_budget_per_second(b, def, now));
    b->next_at_ns = (b->next_at_ns > from ? b->next_at_ns : from) + interval;
    return interval;
}

void belay_budget_not_retry(struct belay_budget *b, int64_t used)
{
    b->next_at_ns -= used;
}
