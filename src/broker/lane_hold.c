/* lane_hold.c - the messages of one key: what happens to those behind one that is in trouble.
 *
 * A lane in memory has at most one busy entry; the others wait behind it.  When the busy one fails (or
 * the window is full of what waits behind it) those that wait become held, in one record: durable, in
 * order, out of memory.  What is read for that lane from then on is held as well, until the lane's
 * trouble is over.  A message that left its lane (a replayed dead letter) only shares the lane's one
 * place at work.
 */
#include "base/planted.h"
#include "broker/cursor.h"
#include "broker/head.h"
#include "broker/lane_impl.h"
#include "broker/record.h"
#include "broker/subscription.h"
#include "broker/unreadable.h"

/* sub | lane | key | head, 0: has one | its first attempt, progress | count | deltas */
static void pack_hold(struct belay_buf *r, struct belay_subscription *sub, struct lane *lane, struct entry *head)
{
    struct belay_list *node = lane->pending.next;
    struct entry *first = BELAY_CONTAINER_OF(node, struct entry, d.node);
    uint64_t at = 0;
    belay_pack_varint(r, sub->id);
    pack_hash(r, lane->hash);
    belay_pack_str(r, first->d.lane_key);
    belay_pack_varint(r, head ? head->d.sequence : 0);
    belay_pack_svarint(r, head ? head->d.first_attempt_at : 0);
    belay_pack_u8(r, head ? head->progress : 0);
    belay_pack_varint(r, lane->pending_count);
    for (; node != &lane->pending; node = node->next) {
        uint64_t sequence = BELAY_CONTAINER_OF(node, struct entry, d.node)->d.sequence;
        belay_pack_varint(r, sequence - at);
        at = sequence;
    }
}

int lane_hold(struct belay_broker *b, struct belay_subscription *sub, struct lane *lane, struct belay_err *err)
{
    struct entry *head = lane->trouble ? NULL : lane->busy;
    uint32_t count = lane->pending_count;
    BELAY_ASSERT(count && (lane->trouble || (head && !head->exception)));
    gather_flush(b, sub);
    int status = cursor_reserve(sub, err);
    if (status != BELAY_OK)
        return status;
    if (ranges_reserve(&sub->covered, count + 2) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory to hold the messages of a lane");
    struct belay_buf *r = record_begin(b);
    pack_hold(r, sub, lane, head);
    struct cost cost = { 4 * BELAY_KEY_BYTES_MAX + 4096 + (size_t)count * 16, 16 + count };
    status = record_commit(b, RECORD_HOLD, cost, true, err);
    if (status != BELAY_OK)
        return status;
    if (head) {
        head->exception = true;
        sub->fresh--;
        sub->loaded++;
    }
    BELAY_ASSERT(lane->pending_count == count);
    belay_list_unlink(&lane->troubled_node);
    for (; count; count--) /* the last one may take the lane along */
        entry_drop(b, BELAY_CONTAINER_OF(lane->pending.next, struct entry, d.node));
    return BELAY_OK;
}

bool lanes_hold(struct belay_broker *b, struct belay_subscription *sub)
{
    while (!belay_list_empty(&sub->troubled)) {
        struct lane *lane = BELAY_CONTAINER_OF(sub->troubled.next, struct lane, troubled_node);
        struct belay_err err;
        if (lane_hold(b, sub, lane, &err) != BELAY_OK)
            return false;
    }
    return true;
}

/* A message whose attempt had begun is held where its subscription went back, or where the process died while its lane
 * was being parked by hand: that it was begun is kept in its progress row. */
static void keep_attempt(struct belay_broker *b, struct belay_subscription *sub, struct lane_row *row, uint64_t sequence)
{
    static const char nothing[PROGRESS_PREFIX_BYTES] = { PROGRESS_VERSION };
    struct row_key key = key_exception(sub->id, sequence, PART_PROGRESS);
    struct belay_str value;
    if (!sub->started.count || !ranges_contains(&sub->started, sequence))
        return;
    row->kept = true;
    if (!belay_state_get(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &value))
        progress_put(b, sub->id, sequence, belay_str(nothing, sizeof nothing));
}

/* The message in flight, head of its lane from now on: waiting and due since ever, so that it comes again after a
 * crash. */
void lane_head_in_flight(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                         struct belay_str key, uint64_t head, belay_time first_attempt_at, bool progress)
{
    struct exception x = { .keyed = true, .lane = lane, .progress = progress, .first_attempt_at = first_attempt_at };
    x.begun = ranges_contains(&sub->started, head);
    key_text_set(&x.key, key);
    exception_wait(b, sub, head, &x, 0);
    exception_put(b, sub, head, &x);
    cursor_pass(sub, head, head + 1);
    if (head < sub->pin_low)
        sub->pin_low = head;
}

/* The lane's row cannot be read: what comes now is its head, and since when it is in trouble nobody knows. */
static void begin_anew(struct belay_broker *b, const struct belay_subscription *sub, struct belay_str key,
                       struct lane_row *ret_row)
{
    unreadable_found(b, "which messages the key '%.*s' of %.*s holds: they stay in the store, and are not handled (belay "
                     "audit names them)", BELAY_STR_ARG(key), BELAY_STR_ARG(sub->name));
    *ret_row = (struct lane_row){ .head = 0 };
    key_text_set(&ret_row->key, key);
}

int apply_hold(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    struct belay_hash128 lane = unpack_hash(u);
    struct belay_str key = belay_unpack_str(u);
    uint64_t head = belay_unpack_varint(u);
    belay_time first_attempt_at = belay_unpack_svarint(u);
    bool progress = belay_unpack_u8(u);
    uint64_t count = belay_unpack_varint(u), sequence = 0;
    struct lane_row row;
    if (!sub || !belay_unpack_ok(u) || count > belay_unpack_left(u))
        return BELAY_CORRUPT;
    if (ranges_reserve(&sub->covered, (uint32_t)count + 2) != BELAY_OK)
        return BELAY_NOMEM;
    if (head) {
        lane_trouble(b, sub, lane, key, head, first_attempt_at);
        lane_head_in_flight(b, sub, lane, key, head, first_attempt_at, progress);
    }
    bool there = lane_row_get(b, sub->id, lane, &row);
    if (!there)
        begin_anew(b, sub, key, &row);
    uint64_t held_before = row.held;
    bool wants_head = !there || (row.hand && !row.held && !lane_has_head(b, sub->id, lane, &row));
    for (uint64_t i = 0; i < count; i++) {
        sequence += belay_unpack_varint(u);
        if (i == 0 && sequence < sub->pin_low)
            sub->pin_low = sequence; /* after a seek back it may lie below its head */
        keep_attempt(b, sub, &row, sequence);
        if (wants_head && i == 0) {
            lane_promote(b, sub, lane, &row, sequence, row.hand_at);
        } else {
            if (!(BELAY_PLANTED(8) && i + 1 == count && count > 1))
                held_append(b, sub->id, lane, &row, sequence);
            sub->n.held++;
        }
        cursor_pass(sub, sequence, sequence + 1);
    }
    lane_row_put(b, sub->id, lane, &row);
    sub->n.stuck += lane_head_parked(b, sub, &row) ? row.held - held_before : 0;
    if (row.head && row.head < sub->pin_low)
        sub->pin_low = row.head;
    sub->dirty = true;
    return belay_unpack_ok(u) ? BELAY_OK : BELAY_CORRUPT;
}
