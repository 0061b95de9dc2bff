/* The backend in memory: what the simulation's disk holds of the state.
 *
 * As with LMDB, a commit is there as a whole from its end on (position, a crash) and readers see it
 * from their next refresh: it waits in `committed` until then. */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "store/state_overlay.h"

enum { BLOCK = BELAY_KIB(16), BUCKETS = 4096 };

struct batch {
    struct batch *next;
    struct overlay changes;
};

struct model {
    struct overlay rows;     /* as readers see it */
    struct batch *committed; /* oldest first; not yet seen */
    uint64_t position;
    int fail_next;
};

static uint64_t model_position(void *self)
{
    return ((struct model *)self)->position;
}

static int model_get(void *self, uint32_t table, struct belay_str key, struct belay_str *ret_value,
                     struct belay_err *err)
{
    struct model *m = self;
    (void)err;
    struct overlay_node *n = overlay_find(&m->rows, table, key, overlay_hash(table, key));
    if (!n)
        return BELAY_NOTFOUND;
    *ret_value = overlay_value(n);
    return BELAY_OK;
}

static int model_seek(void *self, uint32_t table, struct belay_str from, bool after,
                      struct belay_str *ret_key, struct belay_str *ret_value, struct belay_err *err)
{
    struct model *m = self;
    (void)err;
    struct overlay_node *n = overlay_seek(&m->rows, table, from, after);
    if (!n)
        return BELAY_NOTFOUND;
    *ret_key = overlay_key(n);
    *ret_value = overlay_value(n);
    return BELAY_OK;
}

static bool room_for(struct overlay *o, struct belay_str key, struct belay_str value)
{
    size_t bytes = key.n + value.n;
    return state_pool_reserve(&o->pool, bytes + bytes / 4 + OVERLAY_CHANGE_BYTES);
}

static bool gather(struct overlay *o, const struct belay_state_change *c)
{
    if (c->drop) {
        overlay_drop(o, c->table, true);
        return true;
    }
    if (!room_for(o, c->key, c->value))
        return false;
    struct overlay_node *n = overlay_add(o, c->table, c->key, overlay_hash(c->table, c->key));
    if (c->value.p)
        overlay_set(o, n, c->value);
    return true;
}

static void batch_free(struct batch *b)
{
    overlay_deinit(&b->changes);
    belay_free(b);
}

static int model_commit(void *self, uint64_t position,
                        bool (*next)(void *arg, struct belay_state_change *ret), void *arg,
                        struct belay_err *err)
{
    struct model *m = self;
    int status = m->fail_next;
    m->fail_next = BELAY_OK;
    if (status != BELAY_OK)
        return belay_fail(err, status, "this commit was told to fail");
    struct batch *b = belay_calloc(1, sizeof *b);
    if (!b)
        return belay_fail(err, BELAY_NOMEM, "no memory for a commit");
    status = overlay_init(&b->changes, BLOCK, BUCKETS, err);
    struct belay_state_change c;
    while (status == BELAY_OK && next(arg, &c))
        if (!gather(&b->changes, &c))
            status = belay_fail(err, BELAY_NOMEM, "no memory for a commit");
    if (status != BELAY_OK) {
        batch_free(b);
        return status;
    }
    struct batch **at = &m->committed;
    while (*at)
        at = &(*at)->next;
    *at = b;
    m->position = position;
    return BELAY_OK;
}

/* Takes over a table's changes; false: no memory, those done are done, to be gone on with. */
static bool merge_table(struct overlay *rows, struct overlay *changes, uint32_t table)
{
    if (changes->dropped[table])
        overlay_drop(rows, table, false);
    for (struct overlay_node *c; (c = overlay_seek(changes, table, BELAY_STR(""), false));) {
        struct belay_str key = overlay_key(c);
        uint64_t hash = overlay_hash(table, key);
        struct overlay_node *n = overlay_find(rows, table, key, hash);
        if (c->dead) {
            if (n)
                overlay_remove(rows, n, hash);
        } else {
            if (!room_for(rows, key, overlay_value(c)))
                return false;
            overlay_set(rows, n ? n : overlay_add(rows, table, key, hash), overlay_value(c));
        }
        changes->dropped[table] = false;
        overlay_remove(changes, c, hash);
    }
    return true;
}

static int model_refresh(void *self, struct belay_err *err)
{
    struct model *m = self;
    while (m->committed) {
        struct batch *b = m->committed;
        for (uint32_t table = 1; table < STATE_TABLES; table++)
            if (!merge_table(&m->rows, &b->changes, table))
                return belay_fail(err, BELAY_NOMEM, "no memory for a commit");
        m->committed = b->next;
        batch_free(b);
    }
    return BELAY_OK;
}

static void model_close(void *self)
{
    struct model *m = self;
    for (struct batch *b = m->committed, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    overlay_deinit(&m->rows);
    belay_free(m);
}

int belay_state_model_open(struct belay_state_backend *ret_backend, struct belay_err *err)
{
    struct model *m = belay_calloc(1, sizeof *m);
    if (!m)
        return belay_fail(err, BELAY_NOMEM, "no memory for the state's model");
    int status = overlay_init(&m->rows, BLOCK, BUCKETS, err);
    if (status != BELAY_OK) {
        belay_free(m);
        return status;
    }
    *ret_backend = (struct belay_state_backend){ .self = m,
                                                 .position = model_position,
                                                 .get = model_get,
                                                 .seek = model_seek,
                                                 .commit = model_commit,
                                                 .refresh = model_refresh,
                                                 .close = model_close };
    return BELAY_OK;
}

void belay_state_model_fail_next(struct belay_state_backend *backend, int status)
{
    BELAY_ASSERT(backend->commit == model_commit);
    ((struct model *)backend->self)->fail_next = status;
}
