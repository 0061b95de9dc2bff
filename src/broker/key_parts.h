/* key_parts.h - parts of the idempotency keys: a droppable table each, by its slot.  Private to broker.
 *
 *   NONE --open_part--> OPEN --close_part--> FULL
 *                        |                     |
 *                        +--- parts_over ------+   the time of their bucket has passed
 *                                |
 *                               OVER --part_gone--> NONE   its table is dropped: one a checkpoint
 *
 * In the table: the keys' rows (part_row), and of a full part its filter in rows of FILTER_ROW_BYTES, small enough that
 * LMDB keeps them in its leaves: a table without pages of its own for one value is dropped without looking at its leaves.
 *
 * Uses: resident.h.  Thread: engine only.
 * Invariant: a slot is live in the filter exactly while its part is OPEN or FULL; it is not used again before it is NONE;
 * at most one part of a bucket is OPEN. */
#ifndef BELAY_BROKER_KEY_PARTS_H
#define BELAY_BROKER_KEY_PARTS_H

#include "broker/resident.h"

#define PART_RUNS_MAX 16 /* of a part; the last one takes what else comes */

/* Where a key is within its part. */
struct place {
    uint8_t run, number;
};

static inline uint32_t part_table(uint32_t slot)
{
    return BELAY_TABLE_DROPPABLE + slot;
}

static inline bool part_live(const struct key_part *part)
{
    return part->state == PART_OPEN || part->state == PART_FULL;
}

struct row_key part_row(struct place at, struct belay_hash128 h);

/* ---- for decide ---- */

/* The slot of the bucket's open part, or of one to open; KEY_FILTER_SLOTS: none. *ret_closes: the open one is full, and
 * open_part closes it. */
uint32_t part_for(struct belay_broker *b, uint32_t bucket, bool *ret_closes);
/* Memory for what apply does with it. Errors: BELAY_NOMEM. */
int part_reserve(struct belay_broker *b, uint32_t bucket, uint32_t slot) BELAY_MUST_CHECK;
/* What closing a part puts into the state. */
struct cost part_closing(void);
/* The same, where the next key may need it: its part may be full. */
struct cost idempotency_extra(const struct belay_broker *b);
/* A part whose table is to be dropped now; KEY_FILTER_SLOTS: none. */
uint32_t part_to_drop(const struct belay_broker *b);

/* ---- for apply; memory was reserved ---- */

/* The bucket's open part from now on; the one before it, if any, is closed: that takes part_closing(). */
void open_part(struct belay_broker *b, uint32_t bucket, uint32_t slot);
/* The key is in the filter from now on. */
void part_takes(struct belay_broker *b, uint32_t slot, struct place at, struct belay_hash128 h, bool one_more);
void parts_over(struct belay_broker *b, uint32_t bucket);
/* Errors: BELAY_CORRUPT (it was not over). */
int part_gone(struct belay_broker *b, uint64_t slot) BELAY_MUST_CHECK;

/* ---- life; they are packed into row 0 ---- */

/* Before they are packed for a checkpoint. */
void parts_begin_runs(struct belay_broker *b);
void parts_pack(const struct belay_broker *b, struct belay_buf *out);
/* Errors: BELAY_CORRUPT, BELAY_NOMEM. */
int parts_unpack(struct belay_broker *b, struct belay_unpack *u) BELAY_MUST_CHECK;
/* What the filter of each part says; behind parts_unpack. Errors: BELAY_CORRUPT (*err names the part). */
int parts_load(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;
void parts_free(struct belay_broker *b);
int parts_check(const struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

#endif
