/* ranges.h - a set of sequence numbers as sorted, disjoint, non-adjacent ranges.
 * Uses: base.  Thread: one owner.  Invariant: items[i].end < items[i + 1].first.
 * add and remove cannot fail once ranges_reserve made room: apply calls them. */
#ifndef BELAY_BROKER_RANGES_H
#define BELAY_BROKER_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct range {
    uint64_t first, end; /* [first, end) */
};

struct ranges {
    struct range *items;
    uint32_t count, cap;
};

void ranges_init(struct ranges *r);
void ranges_deinit(struct ranges *r);
/* Room for n more ranges than there are. Errors: BELAY_NOMEM. */
int ranges_reserve(struct ranges *r, uint32_t n) BELAY_MUST_CHECK;
/* Adds [first, end); what is there already stays. Returns how many sequences are new. */
uint64_t ranges_add(struct ranges *r, uint64_t first, uint64_t end);
/* Takes [first, end) out. Returns how many sequences were there. May need room for one more range. */
uint64_t ranges_remove(struct ranges *r, uint64_t first, uint64_t end);
bool ranges_contains(const struct ranges *r, uint64_t sequence);
/* The lowest sequence >= from that is not in the set. */
uint64_t ranges_next_absent(const struct ranges *r, uint64_t from);
/* The first range that ends above from; NULL where there is none. */
const struct range *ranges_from(const struct ranges *r, uint64_t from);
/* How many sequences the set has. */
uint64_t ranges_size(const struct ranges *r);

#endif
