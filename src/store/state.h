/* state.h - the derived state: ordered tables of key -> value, written only by apply.
 *
 *        get / iterate
 *   overlay (active, memory) -> frozen overlay (memory, being checkpointed) -> backend (LMDB | model)
 *
 * put and del go to the active overlay and cannot fail: memory for them was reserved
 * (belay_state_reserve) before decide.  At a freeze the active overlay becomes the frozen one and a
 * checkpoint job commits it to the backend with its position, in one transaction; then the frozen
 * one is dropped.  Only one freeze at a time.
 *
 * Uses: base.  Thread: engine only, but for belay_state_checkpoint_run (background) which touches
 * nothing but the frozen overlay and the backend's writer.
 * Invariants: a value read is the last one put at any level; the backend never holds what is beyond
 * its position; memory <= 2 * size_bytes_max.
 * Keys: 1..BELAY_STATE_KEY_BYTES_MAX bytes, compared as bytes (numbers big-endian, base/pack.h).
 */
#ifndef BELAY_STORE_STATE_H
#define BELAY_STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

/* Each room owns its tables. Numbers are on the disk: a table that nobody uses keeps its own.
 * A table from BELAY_TABLE_DROPPABLE on can be dropped whole. */
enum belay_table {
    BELAY_TABLE_META = 1,     /* engine: time, format, counters, definitions by hash */
    BELAY_TABLE_DEFINITION,
    BELAY_TABLE_TOPIC,        /* broker: resident rows */
    BELAY_TABLE_SUBSCRIPTION,
    BELAY_TABLE_EXTENT,       /* store: topic, last sequence -> extent (docs/format/records.md) */
    BELAY_TABLE_ARCHIVE,      /* store: topic, last sequence -> file */
    BELAY_TABLE_EXCEPTION,    /* broker: subscription, sequence -> departed from the order */
    BELAY_TABLE_DUE,          /* broker: subscription, time, sequence */
    BELAY_TABLE_LANE,         /* broker: subscription, key hash -> lane in trouble */
    BELAY_TABLE_HELD,         /* broker: subscription, key hash, first sequence -> run of sequences */
    BELAY_TABLE_LETTER,       /* broker: subscription, sequence -> dead letter: message, facts; its history is the exception's */
    BELAY_TABLE_SCHEDULED,    /* broker: time, number -> message for a topic */
    BELAY_TABLE_IDEMPOTENCY,  /* nobody's: keys live in the parts below */
    BELAY_TABLE_SAGA,         /* saga: definition name, id -> instance */
    BELAY_TABLE_SAGA_DUE,     /* saga: time, instance */
    BELAY_TABLE_SAGA_EVENT,   /* saga: event that came before its saga */
    BELAY_TABLE_SAGA_PUBLISHED, /* nobody's */
    BELAY_TABLE_COUNTER,      /* the store's own tests */
    BELAY_TABLE_TRAIL,        /* broker: what persons did */
    BELAY_TABLE_REPLAY,       /* broker: job -> replay of many letters; what it put aside, what is under way */
    BELAY_TABLE_LETTER_INDEX, /* broker: group, key, time -> letter */
    BELAY_TABLE_GROUP,        /* broker: fingerprint -> letters that failed alike */
    BELAY_TABLE_POISON,       /* broker: payload or error, subscription -> how often it failed lately */
    BELAY_TABLE_STATIC_COUNT,
    BELAY_TABLE_DROPPABLE = 64, /* idempotency parts: DROPPABLE + n, n < BELAY_TABLE_PARTS */
    BELAY_TABLE_PARTS = 512
};

/* ---- backend port: LMDB in life, an ordered map in the simulation ---- */

struct belay_state_change {
    uint32_t table;
    struct belay_str key;
    struct belay_str value; /* p == NULL: delete; empty value: p != NULL, n == 0 */
    bool drop;              /* the whole table, before the changes that follow it; key unused */
};

struct belay_state_backend {
    void *self;
    /* Position of the last commit; 0 for a new one. */
    uint64_t (*position)(void *self);
    /* Views live until the next refresh. Errors: BELAY_NOTFOUND, BELAY_IO, BELAY_CORRUPT. */
    int (*get)(void *self, uint32_t table, struct belay_str key, struct belay_str *ret_value,
               struct belay_err *err);
    /* First key >= from (or > when `after`); BELAY_NOTFOUND at the end of the table. */
    int (*seek)(void *self, uint32_t table, struct belay_str from, bool after, struct belay_str *ret_key,
                struct belay_str *ret_value, struct belay_err *err);
    /* Background thread. Changes come in table, key order, through `next` (false at the end). All of
     * them and position become durable together, or none. */
    int (*commit)(void *self, uint64_t position, bool (*next)(void *arg, struct belay_state_change *ret),
                  void *arg, struct belay_err *err);
    /* Engine thread, after a commit ended: reads see it from now on. */
    int (*refresh)(void *self, struct belay_err *err);
    /* Every row is there and can be found. NULL: there is nothing that could be wrong. Errors: BELAY_CORRUPT. */
    int (*verify)(void *self, struct belay_err *err);
    void (*close)(void *self);
};

/* Opens (creates) the environment in an existing folder. map_bytes is address space, not memory, and
 * the most the file may grow to (commit: BELAY_NOSPACE); 0: 256 GiB. One process at a time (the
 * store's lock sees to it). Format: docs/format/checkpoint.md.
 * Errors: BELAY_IO, BELAY_NOSPACE, BELAY_NOMEM, BELAY_VERSION, BELAY_CORRUPT. */
int belay_state_lmdb_open(const char *path, uint64_t map_bytes, struct belay_state_backend *ret_backend,
                          struct belay_err *err) BELAY_MUST_CHECK;
/* The format of a data directory as a whole; it is kept in the checkpoint. */
#define BELAY_STORE_FORMAT 1
/* Of the environment in an existing folder. Errors: BELAY_NOTFOUND (there is none), as open. */
int belay_state_lmdb_format(const char *path, uint32_t *ret_format, struct belay_err *err) BELAY_MUST_CHECK;
/* As open, of an older format: for migrations. */
int belay_state_lmdb_open_format(const char *path, uint32_t format, struct belay_state_backend *ret_backend,
                                 struct belay_err *err) BELAY_MUST_CHECK;
/* commit at the position there is, and the format with it. */
int belay_state_lmdb_migrate(const struct belay_state_backend *backend, uint32_t format,
                             bool (*next)(void *arg, struct belay_state_change *ret), void *arg,
                             struct belay_err *err) BELAY_MUST_CHECK;
/* What the backend (an open LMDB one, which outlives it) holds now, whatever is committed to it later: only to read,
 * on one thread, any. It keeps pages from being used again: not for hours. Errors: BELAY_NOMEM, BELAY_IO. */
int belay_state_lmdb_snapshot(const struct belay_state_backend *of, struct belay_state_backend *ret_backend,
                              struct belay_err *err) BELAY_MUST_CHECK;
/* In memory, survives belay_state_free (the simulation's disk holds it): free with close. A crash
 * leaves it at its last commit. */
int belay_state_model_open(struct belay_state_backend *ret_backend, struct belay_err *err) BELAY_MUST_CHECK;
/* backend is a model: its next commit changes nothing and fails with status. */
void belay_state_model_fail_next(struct belay_state_backend *backend, int status);

/* ---- state ---- */

struct belay_state;

/* Borrows backend. size_bytes_max: of each overlay. Errors: BELAY_NOMEM. */
int belay_state_new(const struct belay_state_backend *backend, size_t size_bytes_max,
                    struct belay_state **ret_state, struct belay_err *err) BELAY_MUST_CHECK;
void belay_state_free(struct belay_state *s);

/* Memory for about `bytes` of keys and values in `changes` puts and dels, before decide; holds until
 * the next reservation. BELAY_BUSY: the active overlay is full (intake stops until it can be frozen,
 * which may have to wait for the checkpoint of the frozen one); BELAY_NOMEM. What is larger than a
 * whole overlay gets an empty one for itself. */
int belay_state_reserve(struct belay_state *s, size_t bytes, uint32_t changes,
                        struct belay_err *err) BELAY_MUST_CHECK;

/* The same beyond the limit: for resident rows that are put just before a freeze, which makes room.
 * Errors: BELAY_NOMEM. */
int belay_state_reserve_save(struct belay_state *s, size_t bytes, uint32_t changes,
                             struct belay_err *err) BELAY_MUST_CHECK;

/* False where there is none. The view lives until the next put, del, freeze or checkpoint_done. An
 * error of the backend is fatal: it is kept (belay_state_error) and reads as absent. */
bool belay_state_get(struct belay_state *s, uint32_t table, struct belay_str key, struct belay_str *ret_value);
void belay_state_put(struct belay_state *s, uint32_t table, struct belay_str key, struct belay_str value);
void belay_state_del(struct belay_state *s, uint32_t table, struct belay_str key);
/* Empties a droppable table. */
void belay_state_drop(struct belay_state *s, uint32_t table);
/* First live key >= from (> from when `after`) that starts with prefix; false at the end. Views live as
 * with get. Iterate: from = copy of the key found, after = true. */
bool belay_state_seek(struct belay_state *s, uint32_t table, struct belay_str from, bool after,
                      struct belay_str prefix, struct belay_str *ret_key, struct belay_str *ret_value);
/* BELAY_OK, or the first error a read met; the engine checks it after each step and stops. */
int belay_state_error(const struct belay_state *s, struct belay_err *err);

/* ---- checkpoint ---- */

bool belay_state_may_freeze(const struct belay_state *s); /* no frozen overlay, active not empty */
/* How much of size_bytes_max the active overlay has used up, by memory or by its number of changes
 * (BELAY_OVERLAY_CHANGES_MAX), whichever is nearer to its cap; all of it after a reservation was
 * refused. So freeze beyond a share of size_bytes_max. */
size_t belay_state_active_bytes(const struct belay_state *s);
/* The active overlay becomes the frozen one: state as of `position`. */
void belay_state_freeze(struct belay_state *s, uint64_t position);
/* Called now and then by checkpoint_run, on its thread, between two rows. */
void belay_state_set_rest(struct belay_state *s, void (*rest)(void *arg), void *arg);
/* Background thread: commits the frozen overlay. */
int belay_state_checkpoint_run(struct belay_state *s, struct belay_err *err) BELAY_MUST_CHECK;
/* Engine thread, after run ended well: drops the frozen overlay, refreshes the backend's reader.
 * BELAY_NOMEM: nothing happened, to be called again; other errors are final. */
int belay_state_checkpoint_done(struct belay_state *s, struct belay_err *err) BELAY_MUST_CHECK;
/* Of the last checkpoint done. */
uint64_t belay_state_position(const struct belay_state *s);

#endif
