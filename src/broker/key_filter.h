/* key_filter.h - which parts may hold a key: a Bloom filter for each, laid out bit by bit beside each other.
 *
 *   plane g:  word[position] = bit s is set where the filter of slot 64 g + s has that position
 *
 * A lookup takes the word at each of the key's HASHES positions and keeps the bits that all have: all 64 slots of a plane
 * at once, a few cache lines however many parts there are.  No false negatives; of 49,152 keys a slot says yes wrongly to
 * one in 11,000.
 *
 *   FREE --key_filter_use--> LIVE --key_filter_drop--> DYING --its bits are cleared, in bites--> FREE
 *
 * Volatile: it is made again from what the parts' rows say.  Memory: 8 MiB a plane, made with its first slot and given
 * back with its last.  Thread: owner.
 */
#ifndef BELAY_BROKER_KEY_FILTER_H
#define BELAY_BROKER_KEY_FILTER_H

#include "base/hash.h"
#include "base/status.h"

#define KEY_FILTER_BITS (1u << 20) /* of a slot */
#define KEY_FILTER_BYTES (KEY_FILTER_BITS / 8)
#define KEY_FILTER_HASHES 8u
#define KEY_FILTER_PLANES 8u
#define KEY_FILTER_SLOTS (64u * KEY_FILTER_PLANES)

struct key_filter {
    uint64_t *planes[KEY_FILTER_PLANES];
    uint64_t live[KEY_FILTER_PLANES], dying[KEY_FILTER_PLANES], clearing[KEY_FILTER_PLANES];
    uint32_t cleared[KEY_FILTER_PLANES]; /* words of the pass under way */
};

void key_filter_deinit(struct key_filter *f);
static inline bool key_filter_live(const struct key_filter *f, uint32_t slot)
{
    return f->live[slot / 64] >> slot % 64 & 1;
}
/* It was never used, or is clear again. */
static inline bool key_filter_free(const struct key_filter *f, uint32_t slot)
{
    return !((f->live[slot / 64] | f->dying[slot / 64] | f->clearing[slot / 64]) >> slot % 64 & 1);
}
/* After it using the slot does not fail. */
int key_filter_reserve(struct key_filter *f, uint32_t slot) BELAY_MUST_CHECK;
/* An empty slot is live. One that is dying is cleared first, at once. */
void key_filter_use(struct key_filter *f, uint32_t slot);
void key_filter_drop(struct key_filter *f, uint32_t slot);
void key_filter_add(struct key_filter *f, uint32_t slot, struct belay_hash128 key);
/* Fetches what looks at all planes are going to read: at once, not one cache line after the other. */
void key_filter_prefetch(const struct key_filter *f, struct belay_hash128 key);
/* Slots of a plane that may hold the key: a bit each. */
uint64_t key_filter_look(const struct key_filter *f, uint32_t plane, struct belay_hash128 key);
/* Clears some of what is dying; false: nothing is left. */
bool key_filter_tick(struct key_filter *f);

/* The filter of one slot by itself, as rows keep it: KEY_FILTER_BYTES; take: n of them from byte `from` on. */
void key_bits_add(uint8_t *bits, struct belay_hash128 key);
void key_filter_take(struct key_filter *f, uint32_t slot, size_t from, const uint8_t *bits, size_t n);

#endif
