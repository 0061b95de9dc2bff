#include "store/state.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "store/state_impl.h"

enum {
    SIZE_BYTES_MIN = BELAY_KIB(16),
    BLOCK_BYTES = BELAY_KIB(64),
    CHANGE_BYTES_MIN = 128,
    GAP_WORTH = 16 /* a walk over fewer tombstones is not worth remembering */
};

/* ---- life ---- */

int belay_state_new(const struct belay_state_backend *backend, size_t size_bytes_max,
                    struct belay_state **ret_state, struct belay_err *err)
{
    struct belay_state *s = belay_calloc(1, sizeof *s);
    if (!s)
        return belay_fail(err, BELAY_NOMEM, "no memory for the state");
    s->backend = *backend;
    s->size_bytes_max = size_bytes_max > SIZE_BYTES_MIN ? size_bytes_max : SIZE_BYTES_MIN;
    size_t changes = s->size_bytes_max / CHANGE_BYTES_MIN;
    s->changes_max = changes > BELAY_OVERLAY_CHANGES_MAX ? BELAY_OVERLAY_CHANGES_MAX : (uint32_t)changes;
    size_t block = s->size_bytes_max / 8 > BLOCK_BYTES ? BLOCK_BYTES : s->size_bytes_max / 8;
    int status = BELAY_OK;
    for (int i = 0; i < 2 && status == BELAY_OK; i++)
        status = overlay_init(&s->overlays[i], block, s->changes_max, err);
    if (status != BELAY_OK)
        goto failed;
    s->active = &s->overlays[0];
    status = backend->refresh(backend->self, err);
    if (status == BELAY_OK)
        status = state_look_for_empty(s, NULL, err);
    if (status != BELAY_OK)
        goto failed;
    s->position = backend->position(backend->self);
    *ret_state = s;
    return BELAY_OK;
failed:
    belay_state_free(s);
    return status;
}

void belay_state_free(struct belay_state *s)
{
    if (!s)
        return;
    for (int i = 0; i < 2; i++)
        overlay_deinit(&s->overlays[i]);
    belay_free(s);
}

int state_look_for_empty(struct belay_state *s, const struct overlay *changed, struct belay_err *err)
{
    struct belay_str key, value;
    for (uint32_t table = 1; table < STATE_TABLES; table++) {
        if (changed && !overlay_has(changed, table) && !changed->dropped[table])
            continue;
        int status = s->backend.seek(s->backend.self, table, BELAY_STR(""), false, &key, &value, err);
        if (status != BELAY_OK && status != BELAY_NOTFOUND)
            return status;
        s->backend_empty[table] = status == BELAY_NOTFOUND;
    }
    return BELAY_OK;
}

void state_failed(struct belay_state *s, const struct belay_err *err)
{
    if (s->err.code == BELAY_OK)
        s->err = *err;
}

int belay_state_error(const struct belay_state *s, struct belay_err *err)
{
    if (s->err.code != BELAY_OK && err)
        *err = s->err;
    return s->err.code;
}

/* ---- memory ---- */

int belay_state_reserve(struct belay_state *s, size_t bytes, uint32_t changes, struct belay_err *err)
{
    struct overlay *o = s->active;
    if (overlay_empty(o) && o->pool.used_bytes == 0 && o->pool.block_bytes > s->size_bytes_max / 2)
        state_pool_clear(&o->pool); /* what was put was deleted again, in pieces of other sizes */
    size_t need = bytes + bytes / 4 + (size_t)changes * OVERLAY_CHANGE_BYTES;
    size_t growth = state_pool_growth(&o->pool, need);
    bool fits = o->pool.block_bytes + growth + overlay_index_bytes(o) <= s->size_bytes_max
                && o->count + changes <= s->changes_max;
    /* What no overlay could ever hold gets one of its own, else it would wait for ever. */
    bool alone = overlay_empty(o) && !s->frozen;
    if (!fits && !alone) {
        s->refused = true;
        return belay_fail(err, BELAY_BUSY, "the state waits for its checkpoint");
    }
    if (!state_pool_reserve(&o->pool, need))
        return belay_fail(err, BELAY_NOMEM, "no memory for a change of the state");
    return BELAY_OK;
}

int belay_state_reserve_save(struct belay_state *s, size_t bytes, uint32_t changes,
                             struct belay_err *err)
{
    size_t need = bytes + bytes / 4 + (size_t)changes * OVERLAY_CHANGE_BYTES;
    if (!state_pool_reserve(&s->active->pool, need))
        return belay_fail(err, BELAY_NOMEM, "no memory for a change of the state");
    return BELAY_OK;
}

size_t belay_state_active_bytes(const struct belay_state *s)
{
    size_t bytes = s->active->pool.used_bytes;
    size_t share = s->size_bytes_max * s->active->count / s->changes_max;
    if (share < bytes)
        share = bytes;
    return s->refused && share < s->size_bytes_max ? s->size_bytes_max : share;
}

/* ---- reads ---- */

static void check(uint32_t table, struct belay_str key)
{
    BELAY_ASSERT(table > 0 && table < STATE_TABLES);
    BELAY_ASSERT(key.n > 0 && key.n <= BELAY_STATE_KEY_BYTES_MAX);
}

static bool backend_get(struct belay_state *s, uint32_t table, struct belay_str key,
                        struct belay_str *ret_value)
{
    if (s->backend_empty[table])
        return false;
    struct belay_err err = { 0 };
    int status = s->backend.get(s->backend.self, table, key, ret_value, &err);
    if (status != BELAY_OK && status != BELAY_NOTFOUND)
        state_failed(s, &err);
    return status == BELAY_OK;
}

/* What the frozen overlay and the backend say. */
static bool get_below(struct belay_state *s, uint32_t table, struct belay_str key, uint64_t hash,
                      struct belay_str *ret_value)
{
    if (s->active->dropped[table])
        return false;
    if (s->frozen) {
        const struct overlay_node *n = overlay_find(s->frozen, table, key, hash);
        if (n && !n->dead)
            *ret_value = overlay_value(n);
        if (n || s->frozen->dropped[table])
            return n && !n->dead;
    }
    return backend_get(s, table, key, ret_value);
}

bool belay_state_get(struct belay_state *s, uint32_t table, struct belay_str key,
                     struct belay_str *ret_value)
{
    check(table, key);
    if (!overlay_has(s->active, table) && !s->frozen)
        return !s->active->dropped[table] && backend_get(s, table, key, ret_value);
    uint64_t hash = overlay_hash(table, key);
    const struct overlay_node *n = overlay_find(s->active, table, key, hash);
    if (!n)
        return get_below(s, table, key, hash, ret_value);
    if (!n->dead)
        *ret_value = overlay_value(n);
    return !n->dead;
}

/* One level's next entry of a merge. */
struct candidate {
    struct belay_str key, value;
    bool there, dead;
};

enum { LEVELS = 3 };

static struct candidate seek_overlay(struct overlay *o, uint32_t table, struct belay_str from,
                                     bool after)
{
    const struct overlay_node *n = overlay_has(o, table) ? overlay_seek(o, table, from, after) : NULL;
    if (!n)
        return (struct candidate){ 0 };
    return (struct candidate){ overlay_key(n), overlay_value(n), true, n->dead };
}

static struct candidate seek_backend(struct belay_state *s, uint32_t table, struct belay_str from,
                                     bool after)
{
    struct candidate c = { 0 };
    if (s->backend_empty[table])
        return c;
    struct belay_err err = { 0 };
    int status = s->backend.seek(s->backend.self, table, from, after, &c.key, &c.value, &err);
    if (status != BELAY_OK && status != BELAY_NOTFOUND)
        state_failed(s, &err);
    c.there = status == BELAY_OK;
    return c;
}

static struct candidate seek_level(struct belay_state *s, int level, uint32_t table,
                                   struct belay_str from, bool after)
{
    if (level > 0 && s->active->dropped[table])
        return (struct candidate){ 0 };
    if (level == 0)
        return seek_overlay(s->active, table, from, after);
    if (level == 1)
        return s->frozen ? seek_overlay(s->frozen, table, from, after) : (struct candidate){ 0 };
    if (s->frozen && s->frozen->dropped[table])
        return (struct candidate){ 0 };
    return seek_backend(s, table, from, after);
}

/* The least of them; of equal ones the upper level's. NULL at the end. */
static struct candidate *least(struct candidate c[LEVELS])
{
    struct candidate *best = NULL;
    for (int i = 0; i < LEVELS; i++)
        if (c[i].there && (!best || belay_str_cmp(c[i].key, best->key) < 0))
            best = &c[i];
    return best;
}

/* The first live entry from `from` on, or the first of any kind that does not start with prefix; not
 * there at the end. *ret_walked: tombstones on the way. */
static struct candidate walk(struct belay_state *s, uint32_t table, struct belay_str from, bool after,
                             struct belay_str prefix, unsigned *ret_walked)
{
    struct candidate c[LEVELS], *best;
    *ret_walked = 0;
    for (int i = 0; i < LEVELS; i++)
        c[i] = seek_level(s, i, table, from, after);
    while ((best = least(c)) && best->dead && belay_str_starts(best->key, prefix)) {
        struct belay_str key = best->key;
        for (int i = 0; i < LEVELS; i++)
            if (c[i].there && belay_str_cmp(c[i].key, key) <= 0)
                c[i] = seek_level(s, i, table, key, true);
        ++*ret_walked;
    }
    return best ? *best : (struct candidate){ 0 };
}

bool belay_state_seek(struct belay_state *s, uint32_t table, struct belay_str from, bool after,
                      struct belay_str prefix, struct belay_str *ret_key, struct belay_str *ret_value)
{
    BELAY_ASSERT(table > 0 && table < STATE_TABLES && from.n <= BELAY_STATE_KEY_BYTES_MAX);
    if (belay_str_cmp(from, prefix) < 0) {
        from = prefix;
        after = false;
    }
    struct belay_str start = from;
    bool start_after = after;
    const struct state_gap *gap = s->gaps.count ? state_gap_find(&s->gaps, table, from) : NULL;
    if (gap && gap->open)
        return false;
    if (gap) {
        start = state_gap_to(gap);
        start_after = false;
    }
    unsigned walked;
    struct candidate c = walk(s, table, start, start_after, prefix, &walked);
    if (walked >= GAP_WORTH)
        state_gap_add(&s->gaps, table, start, start_after, c.there ? c.key : BELAY_STR_NONE);
    if (!c.there || c.dead || !belay_str_starts(c.key, prefix))
        return false;
    *ret_key = c.key;
    *ret_value = c.value;
    return true;
}

/* ---- writes ---- */

void belay_state_put(struct belay_state *s, uint32_t table, struct belay_str key, struct belay_str value)
{
    check(table, key);
    uint64_t hash = overlay_hash(table, key);
    struct overlay_node *n = overlay_find(s->active, table, key, hash);
    if (!n || n->dead)
        state_gap_fill(&s->gaps, table, key);
    if (!n)
        n = overlay_add(s->active, table, key, hash);
    overlay_set(s->active, n, value);
}

/* What is put and deleted between two checkpoints leaves nothing behind. Of what was not put since the last one nobody
 * asks the backend whether it is there: it nearly always is, and to look costs more than a tombstone for nothing. */
void belay_state_del(struct belay_state *s, uint32_t table, struct belay_str key)
{
    check(table, key);
    uint64_t hash = overlay_hash(table, key);
    struct belay_str hidden;
    struct overlay_node *n = overlay_find(s->active, table, key, hash);
    bool empty = s->backend_empty[table] && !(s->frozen && overlay_has(s->frozen, table));
    if (!n && !empty && !s->active->dropped[table])
        overlay_add(s->active, table, key, hash);
    else if (n && get_below(s, table, key, hash, &hidden))
        overlay_kill(s->active, n);
    else if (n)
        overlay_remove(s->active, n, hash);
}

void belay_state_drop(struct belay_state *s, uint32_t table)
{
    BELAY_ASSERT(table >= BELAY_TABLE_DROPPABLE && table < STATE_TABLES);
    bool below = !s->backend_empty[table] || (s->frozen && overlay_has(s->frozen, table));
    overlay_drop(s->active, table, below);
}
