/* outcome.c - an attempt failed: the message is tried again later, or becomes a letter.
 *
 * The record names everything apply needs: it reads no configuration and no clock.
 */
#include "broker/head.h"

static void attempt_ended(struct head *h)
{
    h->x.ended = h->attempt;
    if (h->x.begun < h->attempt)
        h->x.begun = h->attempt;
}

/* ---- retry ---- */

int belay_broker_retry(struct belay_broker *b, struct belay_delivery *d, belay_time due,
                       const struct belay_fault *fault, struct belay_str progress,
                       struct belay_hash128 definition, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    int status = delivery_prepare(b, d->sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = head_pack(b, e, definition);
    belay_pack_svarint(r, due);
    head_pack_progress(b, r, e, definition, progress);
    head_pack_failure(r, e, fault);
    if (!e->letter && !e->inside && e->encoded.n <= INSIDE_BYTES_MAX)
        belay_pack_str(r, e->encoded); /* it will not be looked for in the log then */
    status = record_commit(b, RECORD_RETRY, head_cost(r, e), true, err);
    if (status == BELAY_OK) {
        became_exception(e);
        delivery_end(b, e);
    }
    return status;
}

int apply_retry(struct belay_broker *b, struct belay_unpack *u)
{
    struct head h;
    int status = head_unpack(b, u, &h);
    if (status != BELAY_OK)
        return status;
    belay_time due = belay_unpack_svarint(u);
    struct told_progress progress = head_unpack_progress(u);
    struct belay_str failure = head_unpack_failure(u);
    struct belay_str message = belay_unpack_left(u) ? belay_unpack_str(u) : BELAY_STR_NONE;
    if (!belay_unpack_ok(u))
        return BELAY_CORRUPT;
    if (!h.is_new)
        due_del(b, h.sub, h.x.due, h.sequence);
    else if (h.x.keyed && !h.x.loner)
        lane_trouble(b, h.sub, h.x.lane, key_text_str(&h.x.key), h.sequence);
    attempt_ended(&h);
    h.x.due = due;
    exception_set_state(h.sub, &h.x, EXCEPTION_WAITING);
    exception_add_history(b, h.sub, h.sequence, &h.x, failure);
    if (message.p)
        (void)exception_give(&h.x, INSIDE_MESSAGE, message);
    exception_put_progress(b, h.sub, h.sequence, &h.x, progress.now, progress.packed);
    due_put(b, h.sub, due, h.sequence);
    head_enter(&h);
    return BELAY_OK;
}

/* ---- letter ---- */

enum { LETTER_PARK = 1, LETTER_WITH_MESSAGE = 2 };

int letter_now(struct belay_broker *b, struct entry *e, const struct belay_fault *fault, bool park,
               struct belay_str progress, struct belay_hash128 definition, struct belay_err *err)
{
    struct belay_subscription *sub = e->d.sub;
    bool stop = sub->opt.on_exhausted == BELAY_EXHAUSTED_STOP;
    int status = delivery_prepare(b, sub, err);
    if (status != BELAY_OK)
        return status;
    park = park && e->keyed && !e->loner;
    struct belay_buf *r = head_pack(b, e, definition);
    belay_pack_u8(r, (uint8_t)((park ? LETTER_PARK : 0) | (e->letter ? 0 : LETTER_WITH_MESSAGE)));
    head_pack_progress(b, r, e, definition, progress);
    head_pack_failure(r, e, fault);
    belay_pack_u8(r, ROW_VERSION);
    belay_pack_svarint(r, b->now);
    belay_pack_u64(r, belay_fault_fingerprint(fault));
    pack_hash(r, belay_hash128(e->d.message.body));
    if (!e->letter)
        belay_pack_str(r, e->encoded);
    struct cost cost = head_cost(r, e);
    status = belay_buf_status(r);
    if (status != BELAY_OK)
        return belay_fail(err, status, "a letter: %s", belay_status_text(status));
    /* With the pause, if it comes to that: both or none. */
    status = record_reserve(b, r->n + 256, 2, cost, true, err);
    if (status != BELAY_OK)
        return status;
    record_append(b, RECORD_LETTER);
    if (stop)
        subscription_pause_append(b, sub, BELAY_STR("a message became a letter (on_exhausted: stop)"));
    became_exception(e);
    delivery_end(b, e);
    return BELAY_OK;
}

int belay_broker_letter(struct belay_broker *b, struct belay_delivery *d, const struct belay_fault *fault,
                        bool park, struct belay_str progress, struct belay_hash128 definition,
                        belay_time now, struct belay_err *err)
{
    broker_advance(b, now);
    return letter_now(b, entry_of(d), fault, park, progress, definition, err);
}

static void put_letter(struct belay_broker *b, struct head *h, struct belay_str facts, struct belay_str message)
{
    struct row_key key = key_letter(h->sub->id, h->sequence, LETTER_FACTS);
    belay_state_put(b->state, BELAY_TABLE_LETTER, row_key_str(&key), facts);
    if (message.p) {
        key = key_letter(h->sub->id, h->sequence, LETTER_MESSAGE);
        belay_state_put(b->state, BELAY_TABLE_LETTER, row_key_str(&key), message);
    }
    h->x.letter = true;
    exception_take_out(&h->x, INSIDE_MESSAGE); /* it has a row of its own now */
}

int apply_letter(struct belay_broker *b, struct belay_unpack *u)
{
    struct head h;
    int status = head_unpack(b, u, &h);
    if (status != BELAY_OK)
        return status;
    uint8_t flags = belay_unpack_u8(u);
    struct told_progress progress = head_unpack_progress(u);
    struct belay_str failure = head_unpack_failure(u);
    struct belay_str facts = belay_str((const char *)u->p, 0);
    belay_unpack_u8(u);
    belay_time now = belay_unpack_svarint(u);
    belay_unpack_u64(u);
    unpack_hash(u);
    facts.n = (size_t)((const char *)u->p - facts.p);
    struct belay_str message = BELAY_STR_NONE;
    if (flags & LETTER_WITH_MESSAGE)
        message = belay_unpack_str(u);
    if (!belay_unpack_ok(u))
        return BELAY_CORRUPT;
    bool parks = flags & LETTER_PARK, head = h.x.keyed && !h.x.loner;
    if (!h.is_new)
        due_del(b, h.sub, h.x.due, h.sequence);
    else if (parks)
        lane_trouble(b, h.sub, h.x.lane, key_text_str(&h.x.key), h.sequence);
    if (!h.is_new && h.x.job)
        replay_outcome(b, h.sub, &h.x, REPLAYED_FAILED);
    attempt_ended(&h);
    put_letter(b, &h, facts, message);
    exception_set_state(h.sub, &h.x, parks ? EXCEPTION_PARKED : EXCEPTION_DEAD);
    exception_add_history(b, h.sub, h.sequence, &h.x, failure);
    exception_put_progress(b, h.sub, h.sequence, &h.x, progress.now, progress.packed);
    head_enter(&h);
    crash_forget(h.sub, h.sequence);
    h.sub->topic->low_dirty = true;
    if (!h.is_new && head && !parks)
        lane_advance(b, h.sub, h.x.lane, now);
    return BELAY_OK;
}
