/* cache.c - instances in memory: taken from their rows, put where they belong, written back. */
#include "saga/cache.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "saga/kinds.h"
#include "saga/queue.h"
#include "saga/room.h"

int saga_room_reserve(struct belay_sagas *s, const struct saga_cost *cost, bool may_use_reserve,
                      struct belay_err *err)
{
    int status
        = belay_store_reserve(s->opt.store, cost->bytes, cost->records, may_use_reserve, err);
    if (status != BELAY_OK)
        return status;
    return belay_state_reserve(s->state, cost->state_bytes + KIND_ROW_BYTES, cost->changes + 1,
                               err);
}

/* ---- rows ---- */

static struct belay_str due_key(char *to, belay_time due, const struct saga *i)
{
    belay_store_be64(to, (uint64_t)due);
    memcpy(to + 8, i->key.bytes, i->key.n);
    return belay_str(to, 8u + i->key.n);
}

/* Its entry in SAGA_DUE is at `due` from now on; NEVER: it has none. */
static void put_entry(struct belay_sagas *s, struct saga *i, belay_time due)
{
    char key[DUE_KEY_BYTES_MAX];
    if (i->entry != BELAY_TIME_NEVER)
        belay_state_del(s->state, BELAY_TABLE_SAGA_DUE, due_key(key, i->entry, i));
    if (due != BELAY_TIME_NEVER)
        belay_state_put(s->state, BELAY_TABLE_SAGA_DUE, due_key(key, due, i), BELAY_STR(""));
    i->entry = due;
}

size_t saga_row_bytes(const struct saga *i)
{
    return i->data.n + i->log.n + i->fault.n + 64u * (i->step_count + 4u) + KEY_BYTES_MAX;
}

void saga_cache_write(struct belay_sagas *s, const struct saga *i)
{
    belay_buf_clear(&s->row);
    saga_row_pack(&s->row, i);
    BELAY_ASSERT(belay_buf_status(&s->row) == BELAY_OK); /* reserved */
    belay_state_put(s->state, BELAY_TABLE_SAGA, saga_key_str(&i->key), belay_buf_view(&s->row));
}

void saga_cache_erase(struct belay_sagas *s, struct saga *i)
{
    BELAY_ASSERT(saga_ended(i->state));
    if (i->entry != BELAY_TIME_NEVER)
        put_entry(s, i, BELAY_TIME_NEVER);
    belay_state_del(s->state, BELAY_TABLE_SAGA, saga_key_str(&i->key));
    saga_cache_drop(s, i);
}

/* Before a checkpoint: every instance in memory has the entry that leads to it from then on. */
int saga_cache_save(struct belay_sagas *s, struct belay_err *err)
{
    struct belay_map_slot *slot;
    size_t at = 0, bytes = 0;
    uint32_t changes = 0;
    while ((slot = belay_map_next(&s->sagas, &at))) {
        const struct saga *i = slot->value;
        changes += i->entry == i->due ? 0 : 2;
        bytes += i->entry == i->due ? 0 : 2 * DUE_KEY_BYTES_MAX;
    }
    int status = changes ? belay_state_reserve_save(s->state, bytes, changes, err) : BELAY_OK;
    for (at = 0; status == BELAY_OK && changes && (slot = belay_map_next(&s->sagas, &at));) {
        struct saga *i = slot->value;
        if (i->entry != i->due)
            put_entry(s, i, i->due);
    }
    return status;
}

/* ---- in and out ---- */

struct saga *saga_cache_fresh(struct belay_sagas *s, uint8_t step_count)
{
    struct belay_list *node = belay_list_pop(&s->pool);
    struct saga *i = node ? BELAY_CONTAINER_OF(node, struct saga, node) : saga_new();
    if (node) {
        BELAY_ASSERT(s->pool_count);
        s->pool_count--;
    }
    if (i && saga_clear(i, step_count) != BELAY_OK) {
        saga_free(i);
        return NULL;
    }
    return i;
}

static void retire(struct belay_sagas *s, struct saga *i)
{
    if (s->pool_count >= BELAY_SAGAS_POOLED) {
        saga_free(i);
        return;
    }
    belay_list_push(&s->pool, &i->node);
    s->pool_count++;
}

static void account(struct belay_sagas *s, struct saga *i)
{
    size_t bytes = saga_bytes(i);
    BELAY_ASSERT(s->bytes >= i->counted_bytes);
    s->bytes += bytes - i->counted_bytes;
    i->counted_bytes = bytes;
}

int saga_cache_add(struct belay_sagas *s, struct saga *i)
{
    void *twin = NULL;
    int status = belay_map_put(&s->sagas, saga_key_str(&i->key), i, &twin);
    BELAY_ASSERT(!twin); /* of two in memory each would run its steps */
    if (status == BELAY_OK)
        account(s, i);
    return status;
}

static int load(struct belay_sagas *s, const struct saga_key *key, struct belay_str row,
                struct saga **ret_saga, struct belay_err *err)
{
    struct saga *i = saga_cache_fresh(s, 0);
    if (!i)
        return belay_fail(err, BELAY_NOMEM, "no memory for a saga");
    i->key = *key;
    i->kind = saga_kind_at(s, belay_load_be32(key->bytes + 1));
    int status = saga_row_unpack(row, i, err);
    i->entry = i->due; /* so it is with every row that is not in memory */
    if (status == BELAY_OK && !i->kind)
        status = belay_fail(err, BELAY_CORRUPT, "row of saga instance: its name has no number");
    if (status == BELAY_OK && saga_cache_add(s, i) != BELAY_OK)
        status = belay_fail(err, BELAY_NOMEM, "no memory for a saga");
    if (status != BELAY_OK) {
        retire(s, i);
        return status;
    }
    *ret_saga = i;
    return BELAY_OK;
}

int saga_cache_get(struct belay_sagas *s, const struct saga_key *key, struct saga **ret_saga,
                   struct belay_err *err)
{
    struct belay_str row;
    struct saga *i = belay_map_get(&s->sagas, saga_key_str(key));
    if (i) {
        *ret_saga = i;
        return BELAY_OK;
    }
    if (!belay_state_get(s->state, BELAY_TABLE_SAGA, saga_key_str(key), &row))
        return belay_fail(err, BELAY_NOTFOUND, "no such saga");
    return load(s, key, row, ret_saga, err);
}

void saga_cache_take(struct belay_sagas *s, struct saga *i)
{
    BELAY_ASSERT(!i->gated || s->gated);
    s->gated -= i->gated;
    i->gated = false;
    belay_list_unlink(&i->node);
    belay_list_unlink(&i->idle);
    belay_heap_remove(&s->timers, &i->timer);
}

void saga_cache_drop(struct belay_sagas *s, struct saga *i)
{
    BELAY_ASSERT(i->flight == FLIGHT_NONE && s->bytes >= i->counted_bytes);
    saga_cache_take(s, i);
    belay_map_del(&s->sagas, saga_key_str(&i->key));
    s->bytes -= i->counted_bytes;
    i->counted_bytes = 0;
    retire(s, i);
}

/* False: no room for its entry now. */
static bool evict(struct belay_sagas *s, struct saga *i)
{
    if (i->entry != i->due) {
        if (belay_state_reserve(s->state, 2 * DUE_KEY_BYTES_MAX, 2, NULL) != BELAY_OK)
            return false;
        put_entry(s, i, i->due);
    }
    if (i->entry != BELAY_TIME_NEVER)
        saga_queue_note(s, i);
    saga_cache_drop(s, i);
    return true;
}

/* Timers need memory; without it the row's entry has to do. */
static void start_timer(struct belay_sagas *s, struct saga *i, belay_time at)
{
    if (at != BELAY_TIME_NEVER && belay_heap_insert(&s->timers, &i->timer, at) != BELAY_OK)
        belay_list_push(&s->ready, &i->node); /* looked at again, and not due: tried again */
}

void saga_cache_delay(struct belay_sagas *s, struct saga *i, belay_time until)
{
    BELAY_ASSERT(i->flight == FLIGHT_NONE);
    saga_cache_take(s, i);
    account(s, i);
    if (!i->again) /* that a call was never handed over is known in memory only */
        belay_list_push(&s->idle, &i->idle);
    start_timer(s, i, until);
}

void saga_cache_place(struct belay_sagas *s, struct saga *i, belay_time now)
{
    saga_cache_take(s, i);
    account(s, i);
    if (i->flight != FLIGHT_NONE)
        return;
    if (i->due <= now) {
        belay_list_push(&s->ready, &i->node);
        return;
    }
    if (saga_ended(i->state) && evict(s, i))
        return;
    belay_list_push(&s->idle, &i->idle);
    start_timer(s, i, i->due);
}

bool saga_cache_is_loose(const struct saga *i)
{
    return belay_list_empty(&i->node) && belay_list_empty(&i->idle)
           && i->timer.index == BELAY_HEAP_OUT && i->flight == FLIGHT_NONE;
}

static bool evict_last(struct belay_sagas *s, struct belay_list *list)
{
    for (struct belay_list *node = list->prev; node != list; node = node->prev) {
        struct saga *i = BELAY_CONTAINER_OF(node, struct saga, node);
        if (!i->again)
            return evict(s, i);
    }
    return false;
}

static bool evict_one(struct belay_sagas *s)
{
    if (!belay_list_empty(&s->idle))
        return evict(s, BELAY_CONTAINER_OF(s->idle.next, struct saga, idle));
    for (uint32_t g = 0; g < s->gate_count; g++)
        if (evict_last(s, &s->gates[g]->waiting))
            return true;
    return evict_last(s, &s->ready);
}

void saga_cache_trim(struct belay_sagas *s)
{
    while (s->sagas.count > BELAY_SAGAS_IN_MEMORY || s->bytes > BELAY_SAGAS_BYTES_IN_MEMORY)
        if (!evict_one(s))
            break;
}

void saga_cache_free(struct belay_sagas *s)
{
    struct belay_list *node;
    struct belay_map_slot *slot;
    size_t at = 0;
    while ((slot = belay_map_next(&s->sagas, &at)))
        saga_free(slot->value);
    belay_map_deinit(&s->sagas);
    while ((node = belay_list_pop(&s->pool)))
        saga_free(BELAY_CONTAINER_OF(node, struct saga, node));
    belay_heap_deinit(&s->timers);
}
