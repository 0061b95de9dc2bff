#include "store/state_overlay.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/pack.h"

/* Pieces of a change, rounded up: node and key at most 5/4 (48 + key) + 15, the value 5/4 + 15. */
_Static_assert(sizeof(struct overlay_node) * 5 / 4 + 30 <= OVERLAY_CHANGE_BYTES, "reserved too little");

/* Callers may guess a little low ("about"): a put beyond its reservation takes from this. */
enum { SLACK_BYTES = 4096 };

enum { LOOSE_MAX = 512 }; /* to order them is some 100 us, once */

int overlay_init(struct overlay *o, size_t block_size, uint32_t changes_max, struct belay_err *err)
{
    uint32_t buckets = 64;
    while (buckets < changes_max)
        buckets *= 2;
    struct overlay_node **b = belay_calloc(buckets, sizeof(struct overlay_node *));
    if (!b)
        return belay_fail(err, BELAY_NOMEM, "no memory for an overlay of %u changes", changes_max);
    *o = (struct overlay){ .buckets = b, .bucket_mask = buckets - 1 };
    state_pool_init(&o->pool, block_size);
    return BELAY_OK;
}

void overlay_deinit(struct overlay *o)
{
    state_pool_clear(&o->pool);
    belay_free(o->buckets);
}

void overlay_clear(struct overlay *o)
{
    state_pool_clear(&o->pool);
    if (o->count)
        memset(o->buckets, 0, overlay_index_bytes(o));
    memset(o->root, 0, sizeof o->root);
    memset(o->loose, 0, sizeof o->loose);
    memset(o->loose_count, 0, sizeof o->loose_count);
    memset(o->dropped, 0, sizeof o->dropped);
    o->count = o->drops = 0;
    o->position = 0;
}

uint64_t overlay_hash(uint32_t table, struct belay_str key)
{
    return belay_hash64(key) ^ (table * 0x9e3779b97f4a7c15u);
}

struct overlay_node *overlay_find(const struct overlay *o, uint32_t table, struct belay_str key,
                                  uint64_t hash)
{
    struct overlay_node *n = o->buckets[hash & o->bucket_mask];
    while (n
           && !(n->priority == (uint32_t)(hash >> 32) && n->table == table
                && belay_str_eq(overlay_key(n), key)))
        n = n->chain;
    return n;
}

/* Most keys differ in their first eight bytes: no call for those. */
static inline int compare(const struct overlay_node *n, struct belay_str key)
{
    if (n->key_n >= 8 && key.n >= 8) {
        uint64_t a = belay_load_be64(n->key), b = belay_load_be64(key.p);
        if (a != b)
            return a < b ? -1 : 1;
    }
    return belay_str_cmp(overlay_key(n), key);
}

/* ---- treap: in order by key, a heap by priority ---- */

static void treap_split(struct overlay_node *t, struct belay_str key, struct overlay_node **less,
                        struct overlay_node **more)
{
    while (t) {
        if (compare(t, key) < 0) {
            *less = t;
            less = &t->right;
            t = *less;
        } else {
            *more = t;
            more = &t->left;
            t = *more;
        }
    }
    *less = *more = NULL;
}

static struct overlay_node *treap_join(struct overlay_node *a, struct overlay_node *b)
{
    struct overlay_node *root, **at = &root;
    while (a && b) {
        if (a->priority > b->priority) {
            *at = a;
            at = &a->right;
            a = *at;
        } else {
            *at = b;
            at = &b->left;
            b = *at;
        }
    }
    *at = a ? a : b;
    return root;
}

static void treap_insert(struct overlay_node **at, struct overlay_node *n)
{
    while (*at && (*at)->priority >= n->priority)
        at = compare(*at, overlay_key(n)) > 0 ? &(*at)->left : &(*at)->right;
    treap_split(*at, overlay_key(n), &n->left, &n->right);
    *at = n;
}

static void treap_remove(struct overlay_node **at, struct overlay_node *n)
{
    while (*at != n)
        at = compare(*at, overlay_key(n)) > 0 ? &(*at)->left : &(*at)->right;
    *at = treap_join(n->left, n->right);
}

/* The loose ones find their places. */
static void order(struct overlay *o, uint32_t table)
{
    if (!o->loose[table])
        return; /* a frozen one is not written to */
    while (o->loose[table]) {
        struct overlay_node *n = o->loose[table];
        o->loose[table] = n->right;
        treap_insert(&o->root[table], n);
    }
    o->loose_count[table] = 0;
}

void overlay_order(struct overlay *o)
{
    for (uint32_t table = 0; table < STATE_TABLES; table++)
        order(o, table);
}

struct overlay_node *overlay_seek(struct overlay *o, uint32_t table, struct belay_str from,
                                  bool after)
{
    order(o, table);
    struct overlay_node *n = o->root[table], *found = NULL;
    while (n) {
        int c = compare(n, from);
        if (c > 0 || (c == 0 && !after)) {
            found = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return found;
}

/* ---- changes ---- */

static void *take(struct overlay *o, size_t n)
{
    void *piece = state_pool_take(&o->pool, n);
    if (!piece && state_pool_reserve(&o->pool, state_pool_rounded(n) + SLACK_BYTES))
        piece = state_pool_take(&o->pool, n);
    BELAY_ASSERT(piece); /* memory is reserved before decide: belay_state_reserve */
    return piece;
}

struct overlay_node *overlay_add(struct overlay *o, uint32_t table, struct belay_str key,
                                 uint64_t hash)
{
    struct overlay_node *n = take(o, sizeof *n + key.n);
    *n = (struct overlay_node){ .priority = (uint32_t)(hash >> 32),
                                .key_n = (uint16_t)key.n,
                                .table = (uint16_t)table,
                                .dead = true };
    memcpy(n->key, key.p, key.n);
    struct overlay_node **bucket = &o->buckets[hash & o->bucket_mask];
    n->chain = *bucket;
    *bucket = n;
    n->right = o->loose[table];
    o->loose[table] = n;
    o->count++;
    if (++o->loose_count[table] == LOOSE_MAX)
        order(o, table);
    return n;
}

void overlay_set(struct overlay *o, struct overlay_node *n, struct belay_str value)
{
    size_t rounded = state_pool_rounded(value.n);
    size_t old = n->value ? state_pool_rounded(n->value_n) : 0;
    if (old == rounded) { /* in place; value may be a part of the old one */
        memmove(n->value, value.p ? value.p : "", value.n);
    } else {
        char *to = take(o, value.n);
        memcpy(to, value.p ? value.p : "", value.n);
        if (old)
            state_pool_give(&o->pool, n->value, old);
        n->value = to;
    }
    n->value_n = (uint32_t)value.n;
    n->dead = false;
}

void overlay_kill(struct overlay *o, struct overlay_node *n)
{
    if (n->value)
        state_pool_give(&o->pool, n->value, n->value_n);
    n->value = NULL;
    n->value_n = 0;
    n->dead = true;
}

static void release(struct overlay *o, struct overlay_node *n, uint64_t hash)
{
    struct overlay_node **at = &o->buckets[hash & o->bucket_mask];
    BELAY_ASSERT(o->count);
    while (*at != n)
        at = &(*at)->chain;
    *at = n->chain;
    overlay_kill(o, n);
    state_pool_give(&o->pool, n, sizeof *n + n->key_n);
    o->count--;
}

void overlay_remove(struct overlay *o, struct overlay_node *n, uint64_t hash)
{
    order(o, n->table);
    treap_remove(&o->root[n->table], n);
    release(o, n, hash);
}

void overlay_drop(struct overlay *o, uint32_t table, bool hide)
{
    order(o, table);
    for (struct overlay_node *n; (n = o->root[table]);) {
        o->root[table] = treap_join(n->left, n->right);
        release(o, n, overlay_hash(table, overlay_key(n)));
    }
    if (hide && !o->dropped[table]) {
        o->dropped[table] = true;
        o->drops++;
    }
}
