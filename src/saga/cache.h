/* cache.h - instances in memory, and their rows (cache.c).  Private to saga.
 * An instance belongs to the cache; a view of it holds until the next call that may evict, trim or erase.
 * Thread: engine. */
#ifndef BELAY_SAGA_CACHE_H
#define BELAY_SAGA_CACHE_H

#include "saga/instance.h"
#include "saga/saga.h"

/* What a decision writes: records, and what applying them changes (the kind's row is added). */
struct saga_cost {
    size_t bytes;
    uint32_t records;
    size_t state_bytes;
    uint32_t changes;
};
int saga_room_reserve(struct belay_sagas *s, const struct saga_cost *cost, bool may_use_reserve,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: BELAY_NOTFOUND, BELAY_NOMEM, BELAY_CORRUPT. */
int saga_cache_get(struct belay_sagas *s, const struct saga_key *key, struct saga **ret_saga,
                   struct belay_err *err) BELAY_MUST_CHECK;
/* A fresh one from the pool, not yet in memory's map. NULL: no memory. */
struct saga *saga_cache_fresh(struct belay_sagas *s, uint8_t step_count);
int saga_cache_add(struct belay_sagas *s, struct saga *i) BELAY_MUST_CHECK;
/* Where it belongs now: ready, idle until it is due, or out of memory when it ended (i may be
 * gone). */
void saga_cache_place(struct belay_sagas *s, struct saga *i, belay_time now);
/* In memory and in no queue, as after a load. */
bool saga_cache_is_loose(const struct saga *i);
/* Not before `until`, in memory only. */
void saga_cache_delay(struct belay_sagas *s, struct saga *i, belay_time until);
/* Out of every queue: its turn. */
void saga_cache_take(struct belay_sagas *s, struct saga *i);
/* Out of memory without a trace (its row stays what it is). */
void saga_cache_drop(struct belay_sagas *s, struct saga *i);
/* Evicts what is too much; does what the store has room for. */
void saga_cache_trim(struct belay_sagas *s);
/* Apply: its row; memory was reserved. */
void saga_cache_write(struct belay_sagas *s, const struct saga *i);
/* Errors: BELAY_NOMEM. */
int saga_cache_save(struct belay_sagas *s, struct belay_err *err) BELAY_MUST_CHECK;
/* Apply: both gone, i too. */
void saga_cache_erase(struct belay_sagas *s, struct saga *i);
size_t saga_row_bytes(const struct saga *i);
void saga_cache_free(struct belay_sagas *s);

#endif
