/* finish.c - a message is done, or discarded with a reason.
 *
 * An ack of a message that is no exception is gathered (cursor.c); every other end is a record of its own.
 */
#include "broker/cursor.h"
#include "base/assert.h"
#include "broker/head.h"
#include "broker/held.h"
#include "broker/outcome.h"
#include "broker/record.h"
#include "broker/replay_impl.h"
#include "broker/subscription.h"
#include "broker/suspect.h"

enum { FINISH_WITH_LANE = 1 };

int finish_commit(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, enum finish_how how,
                  const struct belay_hash128 *held_in, struct belay_str reason, struct belay_str who,
                  struct belay_err *err)
{
    int status = delivery_prepare(b, sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = record_begin(b);
    BELAY_ASSERT(sequence && (how == FINISH_DONE || reason.n)); /* G4: what is discarded has a reason */
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, sequence);
    belay_pack_u8(r, (uint8_t)how);
    belay_pack_u8(r, held_in ? FINISH_WITH_LANE : 0);
    if (held_in)
        pack_hash(r, *held_in);
    belay_pack_svarint(r, b->now);
    belay_pack_str(r, reason);
    belay_pack_str(r, who);
    return record_commit(b, RECORD_FINISH, EXCEPTION_COST, true, err);
}

int apply_finish(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    uint8_t how = belay_unpack_u8(u), flags = belay_unpack_u8(u);
    struct belay_hash128 lane = { 0 };
    struct exception x;
    if (flags & FINISH_WITH_LANE)
        lane = unpack_hash(u);
    belay_time now = belay_unpack_svarint(u);
    belay_unpack_str(u);
    belay_unpack_str(u);
    if (!sub || !belay_unpack_ok(u) || how > FINISH_EXPIRED)
        return BELAY_CORRUPT;
    if (ranges_reserve(&sub->covered, 2) != BELAY_OK || ranges_reserve(&sub->started, 2) != BELAY_OK)
        return BELAY_NOMEM;
    if (flags & FINISH_WITH_LANE) {
        held_remove(b, sub, lane, sequence);
    } else if (exception_get(b, sub->id, sequence, &x)) {
        if (x.job && !exception_is_letter(&x))
            replay_outcome(b, sub, &x, how == FINISH_DONE ? REPLAYED_DONE : REPLAYED_DISCARDED);
        exception_remove(b, sub, sequence, &x, now);
        ranges_remove(&sub->started, sequence, sequence + 1);
    } else {
        progress_put(b, sub->id, sequence, BELAY_STR_NONE);
        cursor_pass(sub, sequence, sequence + 1);
    }
    suspect_forget(sub, sequence);
    ++*(how == FINISH_DONE ? &sub->n.done : how == FINISH_DISCARDED ? &sub->n.discarded : &sub->n.expired);
    sub->dirty = true;
    return BELAY_OK;
}

int belay_broker_ack(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    int status;
    BELAY_ASSERT(e->where == ENTRY_FLIGHT);
    if (e->exception || e->progress)
        status = finish_commit(b, d->sub, d->sequence, FINISH_DONE, NULL, BELAY_STR_NONE, BELAY_STR_NONE, err);
    else
        status = gather_ack(b, d->sub, d->sequence, err);
    if (status == BELAY_OK)
        delivery_end(b, e);
    return status;
}

int belay_broker_discard(struct belay_broker *b, struct belay_delivery *d, struct belay_str reason,
                         struct belay_err *err)
{
    BELAY_ASSERT(entry_of(d)->where == ENTRY_FLIGHT && reason.n); /* before the record: half of it must not be durable */
    int status = finish_commit(b, d->sub, d->sequence, FINISH_DISCARDED, NULL, reason, BELAY_STR_NONE, err);
    if (status == BELAY_OK)
        delivery_end(b, entry_of(d));
    return status;
}
