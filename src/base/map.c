#include "base/map.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"

#define CAP_MIN 16

void belay_map_init(struct belay_map *m)
{
    *m = (struct belay_map){ 0 };
}

void belay_map_deinit(struct belay_map *m)
{
    belay_free(m->slots);
    *m = (struct belay_map){ 0 };
}

/* The slot of the key, or the free slot where it would go. cap > count, so there is one. */
static struct belay_map_slot *find(const struct belay_map *m, struct belay_str key, uint64_t hash)
{
    size_t mask = m->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct belay_map_slot *slot = &m->slots[i];
        if (!slot->value || (slot->hash == hash && belay_str_eq(slot->key, key)))
            return slot;
    }
}

void *belay_map_get(const struct belay_map *m, struct belay_str key)
{
    return m->count ? find(m, key, belay_hash64(key))->value : NULL;
}

static int grow(struct belay_map *m)
{
    struct belay_map bigger = { .cap = m->cap ? m->cap * 2 : CAP_MIN, .count = m->count };
    bigger.slots = belay_calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return BELAY_NOMEM;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value)
            *find(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    belay_free(m->slots);
    *m = bigger;
    return BELAY_OK;
}

int belay_map_put(struct belay_map *m, struct belay_str key, void *value, void **ret_old)
{
    BELAY_ASSERT(value);
    if (m->count + 1 > m->cap / 4 * 3 && grow(m) != BELAY_OK)
        return BELAY_NOMEM;
    uint64_t hash = belay_hash64(key);
    struct belay_map_slot *slot = find(m, key, hash);
    if (ret_old)
        *ret_old = slot->value;
    m->count += slot->value == NULL;
    *slot = (struct belay_map_slot){ .key = key, .hash = hash, .value = value };
    return BELAY_OK;
}

/* Closes the gap at i by moving back every later slot of the run that may move. */
static void close_gap(struct belay_map *m, size_t i)
{
    size_t mask = m->cap - 1;
    for (size_t j = (i + 1) & mask; m->slots[j].value; j = (j + 1) & mask) {
        size_t home = m->slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            m->slots[i] = m->slots[j];
            i = j;
        }
    }
    m->slots[i] = (struct belay_map_slot){ 0 };
}

void *belay_map_del(struct belay_map *m, struct belay_str key)
{
    if (!m->count)
        return NULL;
    struct belay_map_slot *slot = find(m, key, belay_hash64(key));
    void *value = slot->value;
    if (value) {
        close_gap(m, (size_t)(slot - m->slots));
        m->count--;
    }
    return value;
}

struct belay_map_slot *belay_map_next(const struct belay_map *m, size_t *at)
{
    while (*at < m->cap) {
        struct belay_map_slot *slot = &m->slots[(*at)++];
        if (slot->value)
            return slot;
    }
    return NULL;
}
