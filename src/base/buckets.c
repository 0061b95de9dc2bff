#include "base/buckets.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/planted.h"

#define WAYS 8
#define SPREAD 4 /* places for each caller: chance fills no set while there is room elsewhere */

struct place {
    uint64_t who; /* 0: nobody yet */
    struct belay_rate rate;
};

struct set {
    struct place places[WAYS];
    struct belay_rate shared;
};

struct belay_buckets {
    uint64_t seed;
    uint32_t mask;
    struct set *sets;
};

struct belay_buckets *belay_buckets_new(uint32_t callers_max)
{
    struct belay_buckets *b = belay_calloc(1, sizeof *b);
    uint64_t count = 1;
    while (count * WAYS < (uint64_t)callers_max * SPREAD)
        count *= 2;
    if (!b)
        return NULL;
    b->mask = (uint32_t)(count - 1);
    b->sets = belay_calloc(count, sizeof *b->sets);
    if (!b->sets) {
        belay_free(b);
        return NULL;
    }
    return b;
}

void belay_buckets_free(struct belay_buckets *b)
{
    if (!b)
        return;
    belay_free(b->sets);
    belay_free(b);
}

void belay_buckets_seed(struct belay_buckets *b, uint64_t seed)
{
    b->seed = seed;
}

size_t belay_buckets_bytes(const struct belay_buckets *b)
{
    return sizeof *b + ((size_t)b->mask + 1) * sizeof *b->sets;
}

uint64_t belay_buckets_who(const struct belay_buckets *b, struct belay_str scheme, struct belay_str name)
{
    return belay_hash64_seeded(name, belay_hash64_seeded(scheme, b->seed));
}

struct belay_rate *belay_buckets_of(struct belay_buckets *b, uint64_t who, belay_time now, bool *ret_shared)
{
    struct set *set = &b->sets[(who >> 32) & b->mask];
    struct place *room = NULL;
    who |= who == 0;
    *ret_shared = false;
    for (int i = 0; i < WAYS; i++) {
        struct place *at = &set->places[i];
        if (at->who == who)
            return &at->rate;
        if (!room && belay_rate_is_full(&at->rate, now))
            room = at;
    }
    if (!room && BELAY_PLANTED(126))
        room = &set->places[who % WAYS];
    *ret_shared = !room;
    if (!room)
        return &set->shared;
    room->who = who;
    room->rate = BELAY_PLANTED(125) ? (struct belay_rate){ 0 } : set->shared; /* he may have taken of it */
    return &room->rate;
}
