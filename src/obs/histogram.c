/* The index of a value v >= 1 is that of w = v - 1, so that the bounds are inclusive:
 *
 *     w < 16            w                                  width 1
 *     16 <= w < 32      16 + (w - 16)                      width 1
 *     2^k <= w < 2^k+1  16 (k - 3) + next 4 bits of w      width 2^(k-4)
 */
#include "obs/metric.h"

#include "base/assert.h"

#define SUB (1u << BELAY_HISTOGRAM_SUB_BITS)
#define VALUE_MAX (UINT64_C(1) << BELAY_HISTOGRAM_MAX_BITS)

static unsigned index_of(uint64_t value)
{
    uint64_t w = value > VALUE_MAX ? VALUE_MAX - 1 : value - (value > 0);
    if (w < SUB)
        return (unsigned)w;
    unsigned top = 63 - (unsigned)__builtin_clzll(w);
    unsigned shift = top - BELAY_HISTOGRAM_SUB_BITS;
    unsigned index = ((shift + 1) << BELAY_HISTOGRAM_SUB_BITS) + ((unsigned)(w >> shift) & (SUB - 1));
    BELAY_ASSERT(index < BELAY_HISTOGRAM_BUCKETS);
    return index;
}

/* The largest value that index_of sends there. */
static uint64_t bound_of(unsigned index)
{
    if (index < SUB)
        return index + 1;
    unsigned shift = (index >> BELAY_HISTOGRAM_SUB_BITS) - 1;
    return ((uint64_t)(SUB + (index & (SUB - 1))) + 1) << shift;
}

void belay_histogram_record(struct belay_histogram *h, uint64_t value)
{
    atomic_fetch_add_explicit(&h->buckets[index_of(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, value, memory_order_relaxed);
}

static uint64_t bucket(const struct belay_histogram *h, unsigned i)
{
    return atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
}

uint64_t belay_histogram_count(const struct belay_histogram *h)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < BELAY_HISTOGRAM_BUCKETS; i++)
        count += bucket(h, i);
    return count;
}

uint64_t belay_histogram_quantile(const struct belay_histogram *h, double q)
{
    BELAY_ASSERT(q >= 0 && q <= 1);
    uint64_t count = belay_histogram_count(h), seen = 0;
    double rank = q * (double)count;
    for (unsigned i = 0; i < BELAY_HISTOGRAM_BUCKETS && count; i++) {
        seen += bucket(h, i);
        if (seen && (double)seen >= rank)
            return bound_of(i);
    }
    return 0;
}
