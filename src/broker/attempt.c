/* attempt.c - what is recorded of an attempt while it lasts: that it began, and what its run has achieved.
 *
 * That an attempt began is a bit in `started`, gathered like an ack (cursor.c).  One that follows an interrupted
 * attempt is a record and a number in the exception's row: a set cannot count beyond one.
 */
#include "broker/head.h"

int belay_broker_start(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    if (!d->interrupted)
        return gather_start(b, d->sub, d->sequence, err);
    int status = delivery_prepare(b, d->sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = head_pack(b, e, d->definition);
    belay_pack_u8(r, e->progress);
    status = record_commit(b, RECORD_ATTEMPT, head_cost(r, e), true, err);
    if (status == BELAY_OK) {
        became_exception(e);
        if (!belay_list_empty(&d->sub->troubled))
            (void)!lanes_hold(b, d->sub);
    }
    return status;
}

/* An attempt of an exception begins; a message interrupted before becomes one: the set of started
 * ones cannot count beyond one. */
int apply_attempt(struct belay_broker *b, struct belay_unpack *u)
{
    struct head h;
    int status = head_unpack(b, u, &h);
    bool progress = belay_unpack_u8(u);
    if (status != BELAY_OK || !belay_unpack_ok(u))
        return status != BELAY_OK ? status : BELAY_CORRUPT;
    h.x.begun = h.attempt;
    h.x.progress = progress;
    if (h.is_new) {
        if (h.x.keyed && !h.x.loner)
            lane_trouble(b, h.sub, h.x.lane, key_text_str(&h.x.key), h.sequence);
        h.x.ended = h.attempt < 2 ? 0 : h.attempt - 2; /* the one before was interrupted */
        h.x.due = 0;
        exception_set_state(h.sub, &h.x, EXCEPTION_WAITING);
        due_put(b, h.sub, 0, h.sequence);
    }
    exception_put(b, h.sub, h.sequence, &h.x);
    head_enter(&h);
    return BELAY_OK;
}

int belay_broker_progress(struct belay_broker *b, struct belay_delivery *d, struct belay_str progress,
                          struct belay_hash128 definition, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    if (e->unchanged && belay_str_eq(d->progress, progress) && belay_hash128_eq(d->definition, definition))
        return BELAY_OK;
    int status = delivery_prepare(b, d->sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, d->sub->id);
    belay_pack_varint(r, d->sequence);
    progress_pack(r, definition, d->first_attempt_at, progress);
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
    if (!sub || !belay_unpack_ok(u) || packed.n < PROGRESS_PREFIX_BYTES)
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
