/* outcome.c - an attempt failed: the message is tried again later, or becomes a letter.
 *
 * The record names everything apply needs: it reads no configuration and no clock.
 */
#include "broker/outcome.h"

#include <string.h>

#include "broker/head.h"
#include "broker/held.h"
#include "broker/record.h"
#include "broker/replay_impl.h"
#include "broker/subscription.h"
#include "broker/suspect.h"

static void attempt_ended(struct head *h)
{
    BELAY_ASSERT(h->attempt > h->x.ended);
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
    const struct head_told told = head_of(e, definition);
    struct belay_buf *r = head_pack(b, &told);
    belay_pack_svarint(r, due);
    head_pack_progress(b, r, e, definition, progress);
    head_pack_failure(b, r, e->d.attempt, fault);
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
        exception_unwait(b, h.sub, h.sequence, &h.x);
    else if (h.x.keyed && !h.x.loner)
        lane_trouble(b, h.sub, h.x.lane, key_text_str(&h.x.key), h.sequence, h.x.first_attempt_at);
    attempt_ended(&h);
    exception_wait(b, h.sub, h.sequence, &h.x, due);
    exception_add_history(b, h.sub, h.sequence, &h.x, failure);
    if (message.p)
        (void)exception_give(&h.x, INSIDE_MESSAGE, message);
    exception_put_progress(b, h.sub, h.sequence, &h.x, progress.now, progress.packed);
    suspect_clear(h.sub, h.sequence);
    head_enter(&h);
    return BELAY_OK;
}

/* ---- letter ---- */

enum { LETTER_PARK = 1, LETTER_WITH_MESSAGE = 2, LETTER_INTERRUPTED = 4 };

/* Put away because it kills: how its attempt ended nobody knows, and a replay has to know that. */
static uint8_t interrupted(const struct entry *e, const struct belay_fault *fault)
{
    return e->d.interrupted && strcmp(fault->type, BELAY_FAULT_CRASH) == 0 ? LETTER_INTERRUPTED : 0;
}

/* 0 is none. */
uint64_t letter_fingerprint(const struct belay_fault *fault, struct belay_str owner)
{
    uint64_t fingerprint = belay_fault_fingerprint(fault, owner);
    return fingerprint ? fingerprint : 1;
}

static uint32_t edits_of(struct belay_broker *b, const struct entry *e)
{
    struct letter_facts f;
    return facts_get(b, e->d.sub->id, e->d.sequence, &f) ? f.edits : 0;
}

void letter_pack_facts(struct belay_broker *b, struct belay_buf *r, const struct letter_facts *f)
{
    belay_buf_clear(&b->message);
    facts_pack(&b->message, f);
    belay_pack_u32(r, (uint32_t)(belay_buf_status(&b->message) == BELAY_OK ? b->message.n : 0));
    belay_buf_put_str(r, belay_buf_view(&b->message));
}

int letter_now(struct belay_broker *b, struct entry *e, const struct belay_fault *fault, bool park, bool stop,
               struct belay_str progress, struct belay_hash128 definition, struct belay_err *err)
{
    struct belay_subscription *sub = e->d.sub;
    stop = stop && sub->opt.on_exhausted == BELAY_EXHAUSTED_STOP;
    int status = delivery_prepare(b, sub, err);
    if (status != BELAY_OK)
        return status;
    park = park && e->keyed && !e->loner;
    const struct head_told told = head_of(e, definition);
    struct belay_buf *r = head_pack(b, &told);
    belay_pack_u8(r, (uint8_t)((park ? LETTER_PARK : 0) | (e->letter ? 0 : LETTER_WITH_MESSAGE) | interrupted(e, fault)));
    head_pack_progress(b, r, e, definition, progress);
    head_pack_failure(b, r, e->d.attempt, fault);
    struct letter_facts facts = { .created_at = b->now, .fingerprint = letter_fingerprint(fault, sub->name),
                                  .payload_hash = belay_hash128(e->d.message.body),
                                  .edits = e->letter ? edits_of(b, e) : 0,
                                  .key = e->keyed ? e->d.lane_key : e->d.message.key };
    letter_pack_facts(b, r, &facts);
    if (!e->letter)
        belay_pack_str(r, e->encoded);
    struct cost cost = head_cost(r, e);
    status = belay_buf_status(r);
    if (status == BELAY_OK)
        status = belay_buf_status(&b->message);
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
    return letter_now(b, entry_of(d), fault, park, true, progress, definition, err);
}

int belay_broker_expire(struct belay_broker *b, struct belay_delivery *d, const struct belay_fault *fault,
                        belay_time now, struct belay_err *err)
{
    broker_advance(b, now);
    return letter_now(b, entry_of(d), fault, false, false, d->progress, d->definition, err);
}

void letter_put(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                struct belay_str facts, struct belay_str message)
{
    BELAY_ASSERT(x->letter || message.p);
    facts_put(b, sub->id, sequence, facts);
    if (message.p) {
        struct row_key key = key_letter(sub->id, sequence, LETTER_MESSAGE);
        belay_state_put(b->state, BELAY_TABLE_LETTER, row_key_str(&key), message);
    }
    x->letter = true;
    exception_take_out(x, INSIDE_MESSAGE); /* it has a row of its own now */
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
    struct belay_str facts = belay_unpack_bytes(u, belay_unpack_u32(u));
    struct letter_facts f;
    struct belay_str message = BELAY_STR_NONE;
    if (flags & LETTER_WITH_MESSAGE)
        message = belay_unpack_str(u);
    if (!belay_unpack_ok(u) || !facts_unpack(facts, &f))
        return BELAY_CORRUPT;
    bool parks = flags & LETTER_PARK, head = h.x.keyed && !h.x.loner;
    if (!h.is_new)
        exception_unwait(b, h.sub, h.sequence, &h.x);
    else if (parks)
        lane_trouble(b, h.sub, h.x.lane, key_text_str(&h.x.key), h.sequence, h.x.first_attempt_at);
    if (!h.is_new && h.x.job)
        replay_outcome(b, h.sub, &h.x, REPLAYED_FAILED);
    attempt_ended(&h);
    if (flags & LETTER_INTERRUPTED)
        h.x.ended--; /* it began, and did not end */
    letter_put(b, h.sub, h.sequence, &h.x, facts, message);
    group_arrived(b, h.sub->id, &f, failure);
    exception_set_state(b, h.sub, &h.x, parks ? EXCEPTION_PARKED : EXCEPTION_DEAD);
    exception_add_history(b, h.sub, h.sequence, &h.x, failure);
    exception_put_progress(b, h.sub, h.sequence, &h.x, progress.now, progress.packed);
    head_enter(&h);
    suspect_forget(h.sub, h.sequence);
    h.sub->topic->low_dirty = true;
    if (!h.is_new && head && !parks)
        lane_advance(b, h.sub, h.x.lane, h.sequence, f.created_at);
    return BELAY_OK;
}
