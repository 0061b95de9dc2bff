/* topic_log.h - the logs of the topics: sequence numbers, and where the messages lie.
 *
 *      1 ... low ... archived ... (rows of EXTENT) ... ring_first ... next
 *            |  archive file |        journal       |  in memory as well |
 *
 * Rows, all derived from records:
 *   EXTENT  topic, last sequence  -> struct extent          the messages of one commit
 *   EXTENT  topic, 0              -> next, low, archived, bytes, time of the last
 *   ARCHIVE topic, last sequence  -> struct archived        an archive file
 * They are keyed by their *last* sequence, so that the first row at or after a sequence is the one
 * that holds it.
 *
 * `low` is told by the broker and is no record: the value in the summary row is that of the last
 * checkpoint, and only a value that a checkpoint made durable lets the store forget anything.
 *
 * Uses: base, state.h, batch.h.  Thread: engine. */
#ifndef BELAY_STORE_TOPIC_LOG_H
#define BELAY_STORE_TOPIC_LOG_H

#include "base/list.h"
#include "store/batch.h"
#include "store/state.h"

#define TOPIC_KEY_BYTES 12
#define ROW_VERSION 1 /* first byte of each */
#define EXTENT_ROW_BYTES 57
#define ARCHIVED_ROW_BYTES 49
#define SUMMARY_ROW_BYTES 41

struct tail_item { /* one message in memory */
    struct batch *batch;
    uint32_t offset; /* of its record */
};

struct archived { /* a file of messages of one topic */
    uint64_t first, last;
    uint64_t bytes;      /* of the encoded messages */
    uint64_t file_bytes;
    belay_time time_first, time_last;
};

struct topic_log {
    uint32_t id;
    bool known, dirty;      /* has messages or had; its summary row is out of date */
    uint64_t next, low, archived;
    uint64_t bytes;         /* of the messages from low on */
    belay_time time_last;

    uint32_t open_extent;   /* of the pending batch, + 1; 0: none yet */

    struct tail_item *ring; /* at sequence & (ring_cap - 1) */
    uint32_t ring_cap;
    uint64_t ring_first;

    uint64_t head_first, head_last, head_bytes; /* row that holds low: what of it counts in bytes */
    uint64_t need_last, need_position;          /* row that holds the first message needed */

    uint64_t gc_extent, gc_archive; /* rows up to this one are gone */
    struct belay_list gc_node;      /* where there are rows to go */
};

struct topic_logs {
    bool moved; /* a low passed a row since the last freeze */
    struct topic_log *all; /* by number */
    uint32_t count;    /* the highest number in use, + 1 */
    struct belay_list gc;
};

void topic_log_key(uint32_t topic, uint64_t last, uint8_t ret_key[TOPIC_KEY_BYTES]);
void archived_encode(const struct archived *a, uint8_t ret_row[ARCHIVED_ROW_BYTES]);
/* False where the row makes no sense. */
bool archived_decode(struct belay_str key, struct belay_str row, struct archived *ret_a);

/* Errors: BELAY_NOMEM. */
int topic_logs_init(struct topic_logs *t) BELAY_MUST_CHECK;
void topic_logs_deinit(struct topic_logs *t);
/* The topic; made known when it is new. */
struct topic_log *topic_logs_at(struct topic_logs *t, uint32_t id);
/* From the summary rows. Errors: BELAY_CORRUPT. */
int topic_logs_load(struct topic_logs *t, struct belay_state *state, struct belay_err *err) BELAY_MUST_CHECK;
/* Summary rows of those that are dirty; overlay memory was reserved (topic_logs_dirty of them). */
void topic_logs_save(struct topic_logs *t, struct belay_state *state);
uint32_t topic_logs_dirty(const struct topic_logs *t);

/* The row that holds the sequence, or the first one after it. */
bool extent_find(struct belay_state *state, uint32_t topic, uint64_t sequence, struct extent *ret_e);
bool archived_find(struct belay_state *state, uint32_t topic, uint64_t sequence, struct archived *ret_a);

/* A message was appended at `offset` of the batch: the next sequence. Not in_memory: recovery, where
 * the batch has no bytes. */
void topic_log_append(struct topic_log *t, struct batch *b, uint32_t offset, uint32_t encoded_bytes,
                  belay_time accepted_at, bool in_memory);
/* The batch got its place: its extents become rows. */
void topic_logs_sealed(struct topic_logs *t, struct batch *b, uint64_t where, struct belay_state *state);
/* The batch leaves memory. */
void topic_logs_evict(struct topic_logs *t, const struct batch *b);
/* Messages below low count no more. */
void topic_log_set_low(struct topic_logs *all, struct topic_log *t, uint64_t low, struct belay_state *state);
/* Messages through `last` are in archive files. */
void topic_log_set_archived(struct topic_logs *all, struct topic_log *t, uint64_t last);
/* Lowest commit that holds a message still needed from the journal; UINT64_MAX: none. */
uint64_t topic_logs_needed(struct topic_logs *t, struct belay_state *state);

#endif
