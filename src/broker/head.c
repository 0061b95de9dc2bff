#include "broker/head.h"

#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/lane_impl.h"
#include "broker/record.h"
#include "broker/subscription.h"

/* Views of a packed fault may be long: a record of a retry is bounded by it and the progress. */
#define FAULT_BYTES_MAX 2048

enum { HEAD_KEYED = 1, HEAD_LONER = 2 };

struct head_told head_of(const struct entry *e, struct belay_hash128 definition)
{
    BELAY_ASSERT(e->where == ENTRY_FLIGHT);
    return (struct head_told){ .sub = e->d.sub, .sequence = e->d.sequence, .attempt = e->d.attempt,
                               .keyed = e->keyed, .loner = e->loner,
                               .first_attempt_at = e->d.first_attempt_at, .accepted_at = e->d.message.accepted_at,
                               .definition = definition, .lane = e->hash, .key = e->d.lane_key };
}

/* sub | sequence | flags | attempt | first_attempt_at | accepted_at | definition | [lane, key] */
struct belay_buf *head_pack(struct belay_broker *b, const struct head_told *t)
{
    struct belay_buf *r = record_begin(b);
    BELAY_ASSERT(t->sequence && t->attempt && (!t->keyed || t->key.n));
    belay_pack_varint(r, t->sub->id);
    belay_pack_varint(r, t->sequence);
    belay_pack_u8(r, (uint8_t)((t->keyed ? HEAD_KEYED : 0) | (t->loner ? HEAD_LONER : 0)));
    belay_pack_varint(r, t->attempt);
    belay_pack_svarint(r, t->first_attempt_at);
    belay_pack_svarint(r, t->accepted_at);
    pack_hash(r, t->definition);
    if (t->keyed) {
        pack_hash(r, t->lane);
        belay_pack_str(r, t->key);
    }
    return r;
}

int head_unpack(struct belay_broker *b, struct belay_unpack *u, struct head *h)
{
    h->sub = unpack_subscription(b, u);
    h->sequence = belay_unpack_varint(u);
    uint8_t flags = belay_unpack_u8(u);
    h->attempt = (uint32_t)belay_unpack_varint(u);
    belay_time first_attempt_at = belay_unpack_svarint(u), accepted_at = belay_unpack_svarint(u);
    struct belay_hash128 definition = unpack_hash(u), lane = { 0 };
    struct belay_str key = { 0 };
    if (flags & HEAD_KEYED) {
        lane = unpack_hash(u);
        key = belay_unpack_str(u);
    }
    if (!h->sub || !belay_unpack_ok(u))
        return BELAY_CORRUPT;
    if (ranges_reserve(&h->sub->covered, 2) != BELAY_OK || ranges_reserve(&h->sub->started, 2) != BELAY_OK)
        return BELAY_NOMEM;
    h->is_new = !exception_get(b, h->sub->id, h->sequence, &h->x);
    if (h->is_new) {
        h->x = (struct exception){ .keyed = flags & HEAD_KEYED, .loner = flags & HEAD_LONER, .lane = lane };
        key_text_set(&h->x.key, key);
    }
    h->x.first_attempt_at = first_attempt_at;
    h->x.accepted_at = accepted_at;
    h->x.definition = definition;
    return BELAY_OK;
}

void head_enter(struct head *h)
{
    cursor_pass(h->sub, h->sequence, h->sequence + 1);
    ranges_remove(&h->sub->started, h->sequence, h->sequence + 1);
}

struct cost head_cost(const struct belay_buf *record, const struct entry *e)
{
    struct cost cost = EXCEPTION_COST;
    cost.state_bytes += record->n + e->d.lane_key.n;
    cost.changes += 8;
    return cost;
}

void became_exception(struct entry *e)
{
    if (e->exception)
        return;
    BELAY_ASSERT(e->d.sub->fresh);
    e->exception = true;
    e->d.sub->fresh--;
    e->d.sub->loaded++;
}

/* ---- progress and failure ---- */

void head_pack_first_progress(struct belay_buf *r, const struct progress *p)
{
    belay_pack_u8(r, p->bytes.n ? PROGRESS_NEW : PROGRESS_NONE);
    if (p->bytes.n)
        progress_pack(r, p);
}

struct progress head_progress(const struct entry *e, struct belay_hash128 definition, struct belay_str progress)
{
    struct progress p = { .definition = definition, .made_of = e->made_of, .first_attempt_at = e->d.first_attempt_at,
                          .bytes = progress };
    if (!e->goes_on) {
        bool whole = belay_message_content_hash(e->encoded, &p.made_of);
        BELAY_ASSERT(whole); /* it was decoded when it came in */
    }
    return p;
}

void head_pack_progress(struct belay_broker *b, struct belay_buf *r, struct entry *e, struct belay_hash128 definition,
                        struct belay_str progress)
{
    const struct progress now = progress.n ? head_progress(e, definition, progress) : (struct progress){ .definition = definition };
    struct progress old;
    bool same = e->progress && progress_get(b, e->d.sub->id, e->d.sequence, e->exception, &old)
                && belay_str_eq(old.bytes, progress) && belay_hash128_eq(old.definition, definition)
                && (!progress.n || belay_hash128_eq(old.made_of, now.made_of));
    if (same)
        belay_pack_u8(r, PROGRESS_SAME);
    else if (e->progress && !progress.n)
        belay_pack_u8(r, PROGRESS_GONE);
    else
        head_pack_first_progress(r, &now);
}

struct told_progress head_unpack_progress(struct belay_unpack *u)
{
    struct told_progress told = { .now = belay_unpack_u8(u) };
    if (told.now == PROGRESS_NEW)
        told.packed = belay_unpack_str(u);
    u->failed = u->failed || told.now > PROGRESS_GONE;
    return told;
}

/* version | attempt number | fault: an entry of the history. */
void head_pack_failure(struct belay_broker *b, struct belay_buf *r, uint32_t attempt, const struct belay_fault *fault)
{
    struct belay_fault known = *fault;
    size_t at = r->n;
    char *size = belay_buf_reserve(r, 4 + FAULT_BYTES_MAX);
    if (!size)
        return;
    r->n += 4;
    belay_pack_u8(r, ROW_VERSION);
    belay_pack_u32(r, attempt);
    if (!known.at)
        known.at = b->now; /* an expression, a definition: what is no call tells no time */
    belay_fault_pack(r, &known);
    if (belay_buf_status(r) == BELAY_OK)
        belay_store_u32(r->p + at, (uint32_t)(r->n - at - 4));
}

struct belay_str head_unpack_failure(struct belay_unpack *u)
{
    return belay_unpack_bytes(u, belay_unpack_u32(u));
}

/* ---- the delivery ---- */

void delivery_end(struct belay_broker *b, struct entry *e)
{
    struct belay_subscription *sub = e->d.sub;
    BELAY_ASSERT(e->where == ENTRY_FLIGHT);
    entry_drop(b, e);
    if (!belay_list_empty(&sub->troubled))
        (void)!lanes_hold(b, sub); /* refused now: fill() tries again */
    subscription_kick(b, sub);
}

int delivery_prepare(struct belay_broker *b, struct belay_subscription *sub, struct belay_err *err)
{
    gather_flush(b, sub);
    return cursor_reserve(sub, err);
}
