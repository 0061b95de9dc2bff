#include "broker/key_filter.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define CLEAR_BITE 32768u /* words: some 50 us */

/* The i-th of HASHES positions: two hashes make them all. */
static uint32_t position(struct belay_hash128 key, uint32_t i)
{
    return (uint32_t)((key.hi + i * (key.lo | 1)) >> 20) & (KEY_FILTER_BITS - 1);
}

void key_filter_deinit(struct key_filter *f)
{
    for (uint32_t g = 0; g < KEY_FILTER_PLANES; g++)
        belay_free(f->planes[g]);
    *f = (struct key_filter){ 0 };
}

int key_filter_reserve(struct key_filter *f, uint32_t slot)
{
    uint64_t **plane = &f->planes[slot / 64];
    BELAY_ASSERT(slot < KEY_FILTER_SLOTS);
    if (!*plane)
        *plane = belay_calloc(KEY_FILTER_BITS, sizeof **plane);
    return *plane ? BELAY_OK : BELAY_NOMEM;
}

static void clear(struct key_filter *f, uint32_t g, uint64_t slots, uint32_t from, uint32_t to)
{
    uint64_t *plane = f->planes[g];
    BELAY_ASSERT(plane && !(f->live[g] & slots) && to <= KEY_FILTER_BITS);
    for (uint32_t i = from; i < to; i++)
        plane[i] &= ~slots;
}

void key_filter_use(struct key_filter *f, uint32_t slot)
{
    uint32_t g = slot / 64;
    uint64_t bit = UINT64_C(1) << slot % 64;
    BELAY_ASSERT(f->planes[g] && !(f->live[g] & bit));
    if ((f->dying[g] | f->clearing[g]) & bit)
        clear(f, g, bit, 0, KEY_FILTER_BITS);
    f->dying[g] &= ~bit;
    f->clearing[g] &= ~bit;
    f->live[g] |= bit;
}

void key_filter_drop(struct key_filter *f, uint32_t slot)
{
    uint32_t g = slot / 64;
    uint64_t bit = UINT64_C(1) << slot % 64;
    BELAY_ASSERT(f->live[g] & bit);
    f->live[g] &= ~bit;
    f->dying[g] |= bit;
    if (f->live[g])
        return;
    belay_free(f->planes[g]); /* nobody is left in it */
    f->planes[g] = NULL;
    f->dying[g] = f->clearing[g] = 0;
}

void key_filter_add(struct key_filter *f, uint32_t slot, struct belay_hash128 key)
{
    uint64_t *plane = f->planes[slot / 64], bit = UINT64_C(1) << slot % 64;
    BELAY_ASSERT(f->live[slot / 64] & bit);
    for (uint32_t i = 0; i < KEY_FILTER_HASHES; i++)
        plane[position(key, i)] |= bit;
}

void key_filter_prefetch(const struct key_filter *f, struct belay_hash128 key)
{
    for (uint32_t g = 0; g < KEY_FILTER_PLANES; g++)
        for (uint32_t i = 0; f->live[g] && i < KEY_FILTER_HASHES; i++)
            __builtin_prefetch(&f->planes[g][position(key, i)]);
}

uint64_t key_filter_look(const struct key_filter *f, uint32_t plane, struct belay_hash128 key)
{
    uint64_t slots = f->live[plane];
    for (uint32_t i = 0; slots && i < KEY_FILTER_HASHES; i++)
        slots &= f->planes[plane][position(key, i)];
    return slots;
}

bool key_filter_tick(struct key_filter *f)
{
    for (uint32_t g = 0; g < KEY_FILTER_PLANES; g++) {
        if (!f->clearing[g]) { /* a pass takes those that are dying when it begins */
            f->clearing[g] = f->dying[g];
            f->dying[g] = 0;
            f->cleared[g] = 0;
        }
        if (!f->clearing[g])
            continue;
        clear(f, g, f->clearing[g], f->cleared[g], f->cleared[g] + CLEAR_BITE);
        f->cleared[g] += CLEAR_BITE;
        if (f->cleared[g] == KEY_FILTER_BITS)
            f->clearing[g] = 0;
        return true;
    }
    return false;
}

void key_bits_add(uint8_t *bits, struct belay_hash128 key)
{
    for (uint32_t i = 0; i < KEY_FILTER_HASHES; i++) {
        uint32_t at = position(key, i);
        bits[at / 8] |= (uint8_t)(1u << at % 8);
    }
}

void key_filter_take(struct key_filter *f, uint32_t slot, size_t from, const uint8_t *bits, size_t n)
{
    uint64_t *plane = f->planes[slot / 64], bit = UINT64_C(1) << slot % 64;
    BELAY_ASSERT(f->live[slot / 64] & bit);
    BELAY_ASSERT(from <= KEY_FILTER_BYTES && n <= KEY_FILTER_BYTES - from);
    for (size_t i = 0; i < n; i++)
        for (uint8_t byte = bits[i]; byte; byte &= (uint8_t)(byte - 1))
            plane[8 * (from + i) + (uint32_t)__builtin_ctz(byte)] |= bit;
}
