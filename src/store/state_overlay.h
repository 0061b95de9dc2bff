/* state_overlay.h - one level of the state in memory: for each table an ordered map from key to a
 * value or a tombstone.
 *
 * A node is found by its hash (get, put) and by its order (seek): it hangs in a bucket's chain and
 * in its table's treap, whose priorities are the same hash, so that the shape depends on the keys
 * alone and a run repeats. A new one stays loose until somebody asks for order, or many are: most
 * tables are not asked before the freeze, and nodes that are put in their places together find the
 * upper ones in the processor's cache.
 *
 * Uses: base, state_pool.h.  Thread: one owner; a frozen one may be read from two threads.
 * Invariant: a node is in one chain, and in one treap or loose list; a frozen overlay has no loose ones;
 * dropped[t]: what lies below this level in t is not there any more. */
#ifndef BELAY_STORE_STATE_OVERLAY_H
#define BELAY_STORE_STATE_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "store/state.h"
#include "store/state_pool.h"

enum { STATE_TABLES = BELAY_TABLE_DROPPABLE + BELAY_TABLE_PARTS };

struct overlay_node {
    struct overlay_node *left, *right, *chain;
    char *value;
    uint32_t value_n;
    uint32_t priority;
    uint16_t key_n;
    uint16_t table;
    bool dead; /* a tombstone: hides what lies below */
    char key[];
};

struct overlay {
    struct state_pool pool;
    struct overlay_node **buckets;
    uint32_t bucket_mask;
    uint32_t count;               /* nodes, tombstones too */
    uint32_t drops;               /* tables that are dropped */
    uint64_t position;            /* of a frozen one */
    struct overlay_node *root[STATE_TABLES];
    struct overlay_node *loose[STATE_TABLES]; /* by `right` */
    uint32_t loose_count[STATE_TABLES];
    bool dropped[STATE_TABLES];
};

/* Memory that one change may take beside its key and value. */
enum { OVERLAY_CHANGE_BYTES = 96 };

/* Errors: BELAY_NOMEM. changes_max: beyond it chains get long. */
int overlay_init(struct overlay *o, size_t block_size, uint32_t changes_max,
                 struct belay_err *err) BELAY_MUST_CHECK;
void overlay_deinit(struct overlay *o);
/* Empty again; memory goes back. */
void overlay_clear(struct overlay *o);

static inline bool overlay_empty(const struct overlay *o)
{
    return o->count == 0 && o->drops == 0;
}

/* Something is said of the table, but for a drop. */
static inline bool overlay_has(const struct overlay *o, uint32_t table)
{
    return o->root[table] || o->loose[table];
}

static inline size_t overlay_index_bytes(const struct overlay *o)
{
    return (o->bucket_mask + (size_t)1) * sizeof(struct overlay_node *);
}

static inline struct belay_str overlay_key(const struct overlay_node *n)
{
    return belay_str(n->key, n->key_n);
}

static inline struct belay_str overlay_value(const struct overlay_node *n)
{
    return belay_str(n->value, n->value_n);
}

uint64_t overlay_hash(uint32_t table, struct belay_str key);
/* NULL where this level says nothing of the key. */
struct overlay_node *overlay_find(const struct overlay *o, uint32_t table, struct belay_str key,
                                  uint64_t hash);
/* First node >= from (> from when after), tombstones too. */
struct overlay_node *overlay_seek(struct overlay *o, uint32_t table, struct belay_str from,
                                  bool after);
/* No node is loose afterwards: before it is frozen, for then two threads read it. */
void overlay_order(struct overlay *o);
/* The key's node, new ones dead and without a value. Memory was reserved. */
struct overlay_node *overlay_add(struct overlay *o, uint32_t table, struct belay_str key,
                                 uint64_t hash);
/* value may lie in this overlay. Memory was reserved. */
void overlay_set(struct overlay *o, struct overlay_node *n, struct belay_str value);
/* Makes a tombstone of it. */
void overlay_kill(struct overlay *o, struct overlay_node *n);
void overlay_remove(struct overlay *o, struct overlay_node *n, uint64_t hash);
/* All nodes of the table; hide: what lies below as well, from now on. */
void overlay_drop(struct overlay *o, uint32_t table, bool hide);

#endif
