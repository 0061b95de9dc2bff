/* batch.h - the bytes of one commit in memory: first pending, then in flight, then part of the tail
 * that readers find without the disk.
 *
 * Uses: base, commit.h.  Thread: engine; while it is in flight the commit job writes its first
 * COMMIT_HEADER_BYTES and reads the rest.
 * Invariant: bytes [n, blocks_up(n)) are zero once it is sealed; where its messages lie is told by
 * the topics' rings (topic_log.h). */
#ifndef BELAY_STORE_BATCH_H
#define BELAY_STORE_BATCH_H

#include "base/list.h"
#include "store/commit.h"

/* The messages of one topic in one commit: a row of BELAY_TABLE_EXTENT. */
struct extent {
    uint32_t topic, count;
    uint64_t first;     /* sequence */
    uint64_t position;  /* number of the commit */
    uint64_t where;     /* segment.h */
    uint32_t length_bytes; /* of the commit */
    uint64_t bytes;     /* of the encoded messages */
    belay_time time_first, time_last;
};

static inline uint64_t extent_last(const struct extent *e)
{
    return e->first + e->count - 1;
}

struct batch {
    struct belay_list node;
    uint8_t *p; /* aligned */
    size_t n, cap;
    uint32_t records;
    uint64_t number; /* once it is sealed */
    struct extent *extents;
    uint32_t extent_count, extent_cap;
};

/* Errors: NULL without memory. */
struct batch *journal_batch_new(size_t cap);
void journal_batch_free(struct batch *b);
/* Empty again, memory kept. */
void journal_batch_clear(struct batch *b);
/* Room for n more bytes and count more extents; what was there may move. Errors: BELAY_NOMEM. */
int journal_batch_reserve(struct batch *b, size_t n, uint32_t count) BELAY_MUST_CHECK;
/* Zeros to the end of the block. */
void journal_batch_pad(struct batch *b);

#endif
