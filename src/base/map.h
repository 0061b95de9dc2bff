/* map.h - hash map from bytes to a pointer; open addressing, linear probing.
 * Uses: alloc, hash.  Thread: one owner.  Keys are borrowed: they live at least as long as their
 * entry (usually inside the value). */
#ifndef BELAY_BASE_MAP_H
#define BELAY_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct belay_map_slot {
    struct belay_str key;
    uint64_t hash;
    void *value; /* NULL: free slot */
};

struct belay_map {
    struct belay_map_slot *slots;
    size_t count, cap; /* cap: 0 or a power of two */
};

void belay_map_init(struct belay_map *m);
void belay_map_deinit(struct belay_map *m);
/* NULL when absent. */
void *belay_map_get(const struct belay_map *m, struct belay_str key);
/* Value is not NULL. Replaces; *ret_old (may be NULL) gets the value that was there or NULL.
 * Errors: BELAY_NOMEM (nothing changed). */
int belay_map_put(struct belay_map *m, struct belay_str key, void *value, void **ret_old) BELAY_MUST_CHECK;
/* The value that was there, or NULL. */
void *belay_map_del(struct belay_map *m, struct belay_str key);
/* Iterates in slot order (no order to rely on): start with *at = 0; NULL at the end.
 * The map must not change meanwhile. */
struct belay_map_slot *belay_map_next(const struct belay_map *m, size_t *at);

#endif
