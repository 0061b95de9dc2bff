/* postpone.c - what waited for its retry waits a little longer, because the outside system is not to be asked now.
 *
 * It stays what it is (an exception that waits, the head of its lane); only its time moves.  No attempt begins or
 * ends with it, so that however long a breaker is open, none is used up. */
#include "base/planted.h"
#include "base/assert.h"
#include "broker/deliver.h"
#include "broker/exception.h"
#include "broker/record.h"
#include "broker/subscription.h"

int belay_broker_postpone(struct belay_broker *b, struct belay_delivery *d, belay_time due, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    struct belay_subscription *sub = d->sub;
    struct exception x;
    BELAY_ASSERT(e->where == ENTRY_FLIGHT);
    if (!e->exception || !exception_get(b, sub->id, d->sequence, &x)) /* or its row cannot be read any more */
        return belay_fail(err, BELAY_CONFLICT, "it does not wait for a retry");
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, d->sequence);
    belay_pack_svarint(r, due);
    int status = record_commit(b, RECORD_POSTPONE, EXCEPTION_COST, true, err);
    if (status != BELAY_OK)
        return status;
    entry_drop(b, e);
    subscription_kick(b, sub);
    return BELAY_OK;
}

int apply_postpone(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    belay_time due = belay_unpack_svarint(u);
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !exception_get(b, sub->id, sequence, &x)
        || (x.state != EXCEPTION_WAITING && x.state != EXCEPTION_HELD))
        return BELAY_CORRUPT;
    if (BELAY_PLANTED(32)) { /* an attempt that was never made */
        x.ended = ++x.begun;
        x.total++;
    }
    if (!BELAY_PLANTED(33)) /* due when nobody looks */
        exception_unwait(b, sub, sequence, &x);
    exception_wait(b, sub, sequence, &x, due);
    exception_put(b, sub, sequence, &x);
    return BELAY_OK;
}
