/* state_gap.h - ranges of a table known to hold no live key.
 *
 * A queue's front is deleted key by key, and each deleted key leaves a tombstone until the
 * checkpoint.  "The first live key" would walk over all of them again and again; so a seek that
 * walked far leaves behind what it learnt, and the next one starts at the end of it.
 *
 * Uses: base.  Thread: owner.  Invariant: no live key k with from <= k < to. */
#ifndef BELAY_STORE_STATE_GAP_H
#define BELAY_STORE_STATE_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/str.h"

enum { STATE_GAPS = 64, STATE_GAP_KEY = BELAY_STATE_KEY_BYTES_MAX + 1 };

struct state_gap {
    uint32_t table; /* 0: unused */
    uint16_t from_n, to_n;
    bool open; /* to the end of the table; to is unused */
    uint64_t used;
    char from[STATE_GAP_KEY], to[STATE_GAP_KEY];
};

struct state_gaps {
    struct state_gap items[STATE_GAPS];
    unsigned count; /* used ones */
    uint64_t clock;
};

/* The gap that holds key; NULL where none does. Lives until the next add or fill. */
const struct state_gap *state_gap_find(struct state_gaps *g, uint32_t table, struct belay_str key);
/* No live key from `from` (exclusive when after) up to `to` (exclusive; p == NULL: the table's end). A
 * gap that ends or starts there grows; else the least used one makes room. */
void state_gap_add(struct state_gaps *g, uint32_t table, struct belay_str from, bool after,
                   struct belay_str to);
/* A key comes to life. */
void state_gap_fill(struct state_gaps *g, uint32_t table, struct belay_str key);

static inline struct belay_str state_gap_to(const struct state_gap *gap)
{
    return belay_str(gap->to, gap->to_n);
}

#endif
