/* cursor.c - what a subscription that keeps up costs: a cursor, and ranges above it.
 *
 *      done, exceptions        [covered)      [covered)
 *   ------------------------->|             |            |
 *                          cursor                        next of the topic
 *
 * The cursor is the lowest sequence that is neither finished nor an exception.  Acks and starts gather
 * in memory and are appended once a step, as ranges: in order they cost a few bytes a batch.
 */
#include "broker/cursor.h"

#include "broker/record.h"
#include "broker/subscription.h"
#include "broker/suspect.h"

#define RANGE_BYTES (2 * BELAY_VARINT_MAX)
#define GATHER_BYTES (2 * ((size_t)GATHER_RANGES_MAX * RANGE_BYTES + 64)) /* an ack and a start record */

uint64_t cursor_cover(struct belay_subscription *sub, uint64_t first, uint64_t end)
{
    first = first < sub->cursor ? sub->cursor : first;
    if (first >= end)
        return 0;
    uint64_t added = 0;
    if (first == sub->cursor && (!sub->covered.count || sub->covered.items[0].first > end)) {
        sub->cursor = end;
        added = end - first;
    } else {
        added = ranges_add(&sub->covered, first, end);
        BELAY_ASSERT(sub->covered.items[0].first >= sub->cursor);
        if (sub->covered.items[0].first == sub->cursor) {
            sub->cursor = sub->covered.items[0].end;
            ranges_remove(&sub->covered, 0, sub->cursor);
        }
    }
    sub->dirty = sub->topic->low_dirty = true;
    return added;
}

uint64_t cursor_pass(struct belay_subscription *sub, uint64_t first, uint64_t end)
{
    if (sub->started.count)
        ranges_remove(&sub->started, first, end);
    return cursor_cover(sub, first, end);
}

bool cursor_covers(const struct belay_subscription *sub, uint64_t sequence)
{
    return sequence < sub->cursor || ranges_contains(&sub->covered, sequence);
}

int cursor_reserve(struct belay_subscription *sub, struct belay_err *err)
{
    if (ranges_reserve(&sub->covered, sub->acks.count + 2) != BELAY_OK
        || ranges_reserve(&sub->started, sub->acks.count + sub->starts.count + 2) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for the ranges of a subscription");
    return BELAY_OK;
}

/* ---- gathering ---- */

int gather_prepare(struct belay_broker *b, struct belay_subscription *sub, struct ranges *set,
                   struct belay_err *err)
{
    if (set->count == GATHER_RANGES_MAX)
        gather_flush(b, sub);
    int status = cursor_reserve(sub, err);
    if (status != BELAY_OK)
        return status;
    if (ranges_reserve(set, 1) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for the acks of a step");
    if (belay_list_empty(&sub->gather_node)) {
        /* Once a step and subscription: room for both records at their largest. */
        status = belay_store_promise(b->store, GATHER_BYTES, 2, err);
        if (status != BELAY_OK)
            return status;
        belay_list_push(&b->gathering, &sub->gather_node);
    }
    return BELAY_OK;
}

static int gather(struct belay_broker *b, struct belay_subscription *sub, struct ranges *set,
                  uint64_t sequence, struct belay_err *err)
{
    int status = gather_prepare(b, sub, set, err);
    if (status == BELAY_OK) {
        uint64_t added = ranges_add(set, sequence, sequence + 1);
        BELAY_ASSERT(added == 1); /* once a step */
    }
    return status;
}

int gather_ack(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
               struct belay_err *err)
{
    return gather(b, sub, &sub->acks, sequence, err);
}

int gather_start(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                 struct belay_err *err)
{
    return gather(b, sub, &sub->starts, sequence, err);
}

/* sub | count | (gap from the end of the range before, length)... */
static void append_ranges(struct belay_broker *b, struct belay_subscription *sub,
                          enum record_type type, struct ranges *set)
{
    if (!set->count)
        return;
    struct belay_buf *r = record_begin(b);
    uint64_t at = 0;
    belay_buf_reserve(r, 64 + (size_t)set->count * RANGE_BYTES);
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        belay_pack_varint(r, set->items[i].first - at);
        belay_pack_varint(r, set->items[i].end - set->items[i].first);
        at = set->items[i].end;
    }
    BELAY_ASSERT(belay_buf_status(r) == BELAY_OK);
    set->count = 0;
    record_append(b, type);
}

void gather_flush(struct belay_broker *b, struct belay_subscription *sub)
{
    if (belay_list_empty(&sub->gather_node))
        return;
    belay_list_unlink(&sub->gather_node);
    belay_store_redeem(b->store, GATHER_BYTES, 2);
    append_ranges(b, sub, RECORD_START, &sub->starts);
    append_ranges(b, sub, RECORD_ACK, &sub->acks);
}

void belay_broker_flush(struct belay_broker *b)
{
    while (!belay_list_empty(&b->gathering))
        gather_flush(b, BELAY_CONTAINER_OF(b->gathering.next, struct belay_subscription, gather_node));
    b->unit = (struct cost){ 0 };
}

/* Calls fn for each range of a record. The count says how much room the set needs at recovery. */
static int each_range(struct belay_broker *b, struct belay_unpack *u,
                      void (*fn)(struct belay_subscription *sub, uint64_t first, uint64_t end))
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t count = belay_unpack_varint(u), at = 0;
    if (!sub || count > GATHER_RANGES_MAX)
        return BELAY_CORRUPT;
    if (ranges_reserve(&sub->covered, (uint32_t)count + 1) != BELAY_OK
        || ranges_reserve(&sub->started, (uint32_t)count + 1) != BELAY_OK)
        return BELAY_NOMEM;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = at + belay_unpack_varint(u);
        at = first + belay_unpack_varint(u);
        if (!belay_unpack_ok(u))
            return BELAY_CORRUPT;
        fn(sub, first, at);
    }
    return BELAY_OK;
}

static void ack_range(struct belay_subscription *sub, uint64_t first, uint64_t end)
{
    if (sub->suspect_count)
        suspect_forget_range(sub, first, end);
    sub->n.done += cursor_pass(sub, first, end);
}

static void start_range(struct belay_subscription *sub, uint64_t first, uint64_t end)
{
    ranges_add(&sub->started, first, end);
    sub->dirty = true;
}

int apply_ack(struct belay_broker *b, struct belay_unpack *u)
{
    return each_range(b, u, ack_range);
}

int apply_start(struct belay_broker *b, struct belay_unpack *u)
{
    return each_range(b, u, start_range);
}
