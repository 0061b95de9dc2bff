/* attempt.c - what is recorded of an attempt while it lasts: that it began, and what its run has achieved.
 *
 * That an attempt began is a bit in `started`, gathered like an ack (cursor.c).  A crash uses up no attempt: what it
 * cut short is made again under the same number, and has nothing new to record.
 */
#include "broker/cursor.h"
#include "broker/head.h"
#include "broker/record.h"
#include "broker/subscription.h"

/* The one after an interrupted attempt is that attempt again, and recorded already. */
int belay_broker_start(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    BELAY_ASSERT(e->where == ENTRY_FLIGHT);
    if (e->begun || d->interrupted)
        return BELAY_OK;
    int status = gather_start(b, d->sub, d->sequence, err);
    e->begun = status == BELAY_OK;
    return status;
}

int belay_broker_progress(struct belay_broker *b, struct belay_delivery *d, struct belay_str progress,
                          struct belay_hash128 definition, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    BELAY_ASSERT(e->where == ENTRY_FLIGHT);
    if (e->unchanged && belay_str_eq(d->progress, progress) && belay_hash128_eq(d->definition, definition))
        return BELAY_OK;
    int status = delivery_prepare(b, d->sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, d->sub->id);
    belay_pack_varint(r, d->sequence);
    const struct progress p = head_progress(e, definition, progress);
    progress_pack(r, &p);
    struct cost cost = { r->n + 2048 + BELAY_KEY_BYTES_MAX + INSIDE_BYTES_MAX, 6 };
    status = record_commit(b, RECORD_PROGRESS, cost, true, err);
    if (status == BELAY_OK) {
        e->progress = true;
        e->unchanged = false;
    }
    return status;
}

int apply_progress(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    struct belay_str packed = belay_unpack_str(u);
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !progress_is_sound(packed))
        return BELAY_CORRUPT;
    if (ranges_reserve(&sub->started, 2) != BELAY_OK)
        return BELAY_NOMEM;
    if (exception_get(b, sub->id, sequence, &x)) {
        exception_put_progress(b, sub, sequence, &x, PROGRESS_NEW, packed);
    } else {
        progress_put(b, sub->id, sequence, packed);
        ranges_add(&sub->started, sequence, sequence + 1);
    }
    sub->dirty = true;
    return BELAY_OK;
}
