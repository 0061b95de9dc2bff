/* store.h - one shard's durable store: journal, state, topic logs; opened, recovered, stepped.
 *
 *   append(record)* -> pending commit --flush--> commit job (write + sync) -> durable()
 *   records are applied by their room at once; what leaves the process waits for durable().
 *
 * A *position* is the number of a commit: opaque to users but ordered.  Records appended now will be
 * durable when belay_store_durable() >= belay_store_position().  At most one commit is in flight;
 * what is appended meanwhile gathers in the next one (natural batching, no timer).
 *
 * Topic logs: a message appended to a topic gets the next sequence number (from 1).  Where it lies
 * (tail cache, journal, archive file) is the store's secret.  `low` of a topic is the lowest sequence
 * anybody still needs; below it the store may forget.
 *
 * Uses: base, model, platform/disk.h.  Thread: engine only; jobs carry the blocking work.
 * A failed write or sync is fatal: belay_store_failed() says so for ever, nothing more becomes
 * durable, the process must stop.
 */
#ifndef BELAY_STORE_STORE_H
#define BELAY_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/time.h"
#include "store/jobs.h"
#include "store/state.h"

struct belay_disk; /* platform/disk.h */
struct belay_store;

/* Record types by room; a released type's body is frozen for its version. */
enum belay_record_room {
    BELAY_RECORD_STORE = 0x0100,  /* message, archived, ... */
    BELAY_RECORD_BROKER = 0x0200,
    BELAY_RECORD_FLOW = 0x0300,   /* none yet: a flow's progress rides in the broker's records */
    BELAY_RECORD_SAGA = 0x0400,
    BELAY_RECORD_ENGINE = 0x0500
};

struct belay_record {
    uint16_t type;
    uint8_t version;
    struct belay_str body;
};

struct belay_store_opt {
    struct belay_disk *disk;              /* rooted in the data directory */
    const struct belay_jobs *jobs;
    const struct belay_state_backend *state;
    uint64_t segment_bytes;               /* 0: default */
    uint64_t journal_bytes_max;           /* archiving starts here; 0: 256 MiB */
    uint64_t bytes_max;                   /* of the whole store; 0: the disk's */
    size_t overlay_bytes_max, tail_cache_bytes; /* 0: defaults of limits.h */
    uint64_t seed;                        /* salts */
    /* Only to look, at a directory that nobody writes or at a snapshot of the state: nothing is changed, and only
     * what reads may be called. The tail of the journal is applied in memory, up to BELAY_LOOK_OVERLAY_BYTES. */
    bool look;
    bool state_only;                      /* look at the state as of its position; there is no journal */
    /* Called for each record of the other rooms, at recovery; the rooms call their own apply after
     * append. Cannot fail but for a type or version it does not know: BELAY_VERSION. */
    int (*apply)(void *arg, uint64_t position, const struct belay_record *record, struct belay_err *err);
    /* Before the tail is applied: resident rows are to be loaded from the state. */
    int (*load)(void *arg, struct belay_state *state, struct belay_err *err);
    /* Just before a freeze: resident rows that changed are to be put into the state. Room for 1024 rows
     * in 128 KiB is there; who may need more calls belay_state_reserve_save first. */
    void (*save)(void *arg, struct belay_state *state);
    void *arg;
};

/* Opens or creates and recovers (blocking; before the engine's first step): locks the directory,
 * opens the checkpoint, applies the tail, rewrites the surviving tail under a new salt and syncs it.
 * Errors: BELAY_LOCKED, BELAY_VERSION, BELAY_CORRUPT (names segment, offset, why), BELAY_IO,
 * BELAY_NOSPACE, BELAY_NOMEM. */
int belay_store_open(const struct belay_store_opt *opt, struct belay_store **ret_store,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* A stop's last act, blocking: the state as of the last commit, which from then on has a witness. No job in
 * flight (belay_store_idle), everything durable. On failure nothing is lost: recovery reads the journal.
 * Errors: BELAY_BUSY (something is pending), why the store failed, BELAY_NOSPACE, BELAY_NOMEM, BELAY_IO. */
int belay_store_checkpoint(struct belay_store *s, struct belay_err *err) BELAY_MUST_CHECK;
/* A checkpoint is to come with one of the next flushes; there was one, or there was nothing to put into one, when
 * belay_store_checkpointed(position as of now). */
void belay_store_checkpoint_soon(struct belay_store *s);
bool belay_store_checkpointed(const struct belay_store *s, uint64_t position);
/* No job may be in flight (belay_store_idle). Frees; writes nothing. */
void belay_store_close(struct belay_store *s);
bool belay_store_idle(const struct belay_store *s);
struct belay_state *belay_store_state(struct belay_store *s);

/* ---- writing ---- */

/* Room on disk and in the overlay for a decision of at most `bytes` in `records` records.
 * What was reserved in this step already and not used is enough for a smaller one.
 * may_use_reserve: acks, retries, dead letters, checkpoints: what lets a full disk drain.
 * Errors: BELAY_NOSPACE, BELAY_BUSY (both transient: producers get 503, deliveries wait). */
int belay_store_reserve(struct belay_store *s, size_t bytes, uint32_t records, bool may_use_reserve,
                        struct belay_err *err) BELAY_MUST_CHECK;

/* Room that stays aside until it is redeemed, in the same step, whatever is reserved and appended
 * between: for what gathers and is appended at the end of the step (acks as ranges). May use the
 * reserve. Redeem the same before the flush; from then on it is as reserved. Errors: as reserve. */
int belay_store_promise(struct belay_store *s, size_t bytes, uint32_t records,
                        struct belay_err *err) BELAY_MUST_CHECK;
void belay_store_redeem(struct belay_store *s, size_t bytes, uint32_t records);

/* Body is copied into the pending commit; was reserved, so cannot fail. Returns a view of the copy,
 * valid until the next append (apply reads it from there). */
struct belay_str belay_store_append(struct belay_store *s, uint16_t type, uint8_t version,
                                    struct belay_str body);

/* Appends a message to a topic's log (topic: number given by the broker, > 0) and applies it: the
 * sequence is returned. `encoded` is belay_message_encode's. accepted_at must not go backwards. */
uint64_t belay_store_append_message(struct belay_store *s, uint32_t topic, belay_time accepted_at,
                                    struct belay_str encoded);

/* Position that what was appended last will have; durable >= position: it is safe. What is promised
 * counts as appended: it will be, in this commit. */
uint64_t belay_store_position(const struct belay_store *s);
uint64_t belay_store_durable(const struct belay_store *s);
/* Starts the commit job if none is in flight and something is pending; also the checkpoint, segment
 * and archive jobs that are due. Call at the end of every engine step. */
void belay_store_flush(struct belay_store *s, belay_time now);
/* look: is every message from low on where a row says? *ret_first and *ret_last: the first gap, 0: none. */
void belay_store_gap(struct belay_store *s, uint32_t topic, uint64_t *ret_first, uint64_t *ret_last);
/* BELAY_OK, or why nothing more will become durable. */
int belay_store_failed(const struct belay_store *s, struct belay_err *err);

/* ---- topic logs ---- */

/* Sequence the next message of the topic will get (1 for an empty one). */
uint64_t belay_store_next_sequence(struct belay_store *s, uint32_t topic);
/* Lowest sequence still there. */
uint64_t belay_store_first_sequence(struct belay_store *s, uint32_t topic);
/* Nothing below `low` is needed any more (not a record: derived from state by the broker, told again
 * after recovery). */
void belay_store_set_low(struct belay_store *s, uint32_t topic, uint64_t low);
/* Bytes and messages of a topic at or above its low. */
void belay_store_topic_size(struct belay_store *s, uint32_t topic, uint64_t *ret_messages, uint64_t *ret_bytes);
/* First sequence whose accepted_at >= time (sparse index, then exact). Next sequence if none. */
uint64_t belay_store_sequence_at(struct belay_store *s, uint32_t topic, belay_time time);
/* About when a message that exists was accepted, without reading it: within its commit, or between the first and the
 * last of its archive. */
belay_time belay_store_accepted_near(struct belay_store *s, uint32_t topic, uint64_t sequence);

struct belay_fetched {
    uint64_t sequence;
    belay_time accepted_at;
    struct belay_str encoded; /* belay_message_decode */
};

/* Messages first.. (at most count_max and bytes_max, at least one) out of memory: the tail cache or the
 * pending commit. Views live until the next append or flush. Returns how many; 0: not in memory, use
 * fetch. */
uint32_t belay_store_peek(struct belay_store *s, uint32_t topic, uint64_t first, uint32_t count_max,
                          size_t bytes_max, struct belay_fetched *ret_items);

struct belay_fetch {
    struct belay_job job;
    struct belay_store *store;
    uint32_t topic;
    uint64_t first;
    uint32_t count_max;
    size_t bytes_max;
    /* result, when done is called */
    int status;               /* BELAY_OK, BELAY_NOTFOUND (below first), BELAY_IO, BELAY_CORRUPT */
    struct belay_err err;
    struct belay_arena arena; /* holds the items; init by the caller, deinit by the caller */
    struct belay_fetched *items;
    uint32_t count;
    void (*done)(struct belay_fetch *fetch); /* engine thread */
    void *arg;
    void *priv[4];            /* the store's own while it runs */
};
/* Reads in the background; f belongs to the store until done. */
void belay_store_fetch(struct belay_store *s, struct belay_fetch *f);

/* ---- inspection ---- */

struct belay_store_stats {
    uint64_t commits, commit_bytes, records, messages;
    uint64_t segments, segments_free, journal_bytes, archive_files, archive_bytes;
    uint64_t checkpoint_position, durable, overlay_bytes;
    uint64_t disk_free_bytes;
    uint32_t commit_us_last;
    bool is_full;     /* the last try to get room failed: what may not use the reserve is refused */
    bool unwitnessed; /* at open: nothing said which segment was the newest, so the loss of one would not be seen */
};
void belay_store_stats(const struct belay_store *s, struct belay_store_stats *ret_stats);

/* Verifies a directory without changing it; report gets one line a finding (JSON Lines when json).
 * BELAY_OK: sound. BELAY_CORRUPT: said what and where. BELAY_LOCKED: in use. */
int belay_store_check(struct belay_disk *disk, const struct belay_state_backend *state,
                      struct belay_buf *report, bool json, struct belay_err *err) BELAY_MUST_CHECK;

#endif
