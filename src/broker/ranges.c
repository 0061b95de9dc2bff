#include "broker/ranges.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

void ranges_init(struct ranges *r)
{
    *r = (struct ranges){ 0 };
}

void ranges_deinit(struct ranges *r)
{
    belay_free(r->items);
    ranges_init(r);
}

int ranges_reserve(struct ranges *r, uint32_t n)
{
    if (r->cap - r->count >= n)
        return BELAY_OK;
    uint32_t cap = r->cap ? r->cap : 8;
    while (cap - r->count < n)
        cap *= 2;
    struct range *items = belay_realloc(r->items, cap * sizeof *items);
    if (!items)
        return BELAY_NOMEM;
    r->items = items;
    r->cap = cap;
    return BELAY_OK;
}

/* Index of the first range that ends at or above from. The end of the set is the usual place. */
static uint32_t lower(const struct ranges *r, uint64_t from)
{
    if (r->count && r->items[r->count - 1].end < from)
        return r->count;
    uint32_t lo = 0, hi = r->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (r->items[mid].end < from)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void insert(struct ranges *r, uint32_t at, struct range item)
{
    BELAY_ASSERT(r->count < r->cap && at <= r->count && item.first < item.end);
    memmove(&r->items[at + 1], &r->items[at], (r->count - at) * sizeof item);
    r->items[at] = item;
    r->count++;
}

static void erase(struct ranges *r, uint32_t at, uint32_t n)
{
    BELAY_ASSERT(at + n <= r->count);
    memmove(&r->items[at], &r->items[at + n], (r->count - at - n) * sizeof *r->items);
    r->count -= n;
}

uint64_t ranges_add(struct ranges *r, uint64_t first, uint64_t end)
{
    if (first >= end)
        return 0;
    uint32_t at = lower(r, first), stop = at;
    uint64_t there = 0;
    struct range merged = { first, end };
    for (; stop < r->count && r->items[stop].first <= end; stop++) {
        struct range old = r->items[stop];
        uint64_t lo = old.first > first ? old.first : first, hi = old.end < end ? old.end : end;
        there += hi > lo ? hi - lo : 0;
        merged.first = old.first < merged.first ? old.first : merged.first;
        merged.end = old.end > merged.end ? old.end : merged.end;
    }
    if (stop == at) {
        insert(r, at, merged);
    } else {
        r->items[at] = merged;
        erase(r, at + 1, stop - at - 1);
    }
    return end - first - there;
}

uint64_t ranges_remove(struct ranges *r, uint64_t first, uint64_t end)
{
    uint64_t gone = 0;
    uint32_t at = lower(r, first + 1);
    while (at < r->count && r->items[at].first < end) {
        struct range old = r->items[at];
        uint64_t lo = old.first > first ? old.first : first, hi = old.end < end ? old.end : end;
        gone += hi - lo;
        bool head = old.first < lo, tail = hi < old.end;
        if (head && tail) {
            r->items[at].end = lo;
            insert(r, at + 1, (struct range){ hi, old.end });
            break;
        }
        if (head)
            r->items[at++].end = lo;
        else if (tail)
            r->items[at++].first = hi;
        else
            erase(r, at, 1);
    }
    return gone;
}

bool ranges_contains(const struct ranges *r, uint64_t sequence)
{
    uint32_t at = lower(r, sequence + 1);
    return at < r->count && r->items[at].first <= sequence;
}

uint64_t ranges_next_absent(const struct ranges *r, uint64_t from)
{
    uint32_t at = lower(r, from + 1);
    return at < r->count && r->items[at].first <= from ? r->items[at].end : from;
}

const struct range *ranges_from(const struct ranges *r, uint64_t from)
{
    uint32_t at = lower(r, from + 1);
    return at < r->count ? &r->items[at] : NULL;
}

uint64_t ranges_size(const struct ranges *r)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < r->count; i++)
        n += r->items[i].end - r->items[i].first;
    return n;
}
