/* outcome.c - how a delivery ends, and what is recorded while it lasts.
 *
 * An ack of a message that is no exception is gathered (cursor.c); every other outcome is a record of
 * its own.  The record names everything apply needs: it reads no configuration and no clock.
 */
#include "broker/impl.h"

/* Views of a packed fault may be long: a record of a retry is bounded by it and the progress. */
#define FAULT_BYTES_MAX 2048

static void end(struct belay_broker *b, struct entry *e)
{
    struct belay_subscription *sub = e->d.sub;
    entry_drop(b, e);
    if (!belay_list_empty(&sub->troubled))
        (void)!lanes_hold(b, sub); /* refused now: fill() tries again */
    subscription_kick(b, sub);
}

static int prepare(struct belay_broker *b, struct belay_subscription *sub, struct belay_err *err)
{
    gather_flush(b, sub);
    return cursor_reserve(sub, err);
}

/* ---- settle: done or discarded, with rows or a reason ---- */

enum { SETTLE_WITH_LANE = 1 };

int settle_commit(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, enum settle_how how,
                  const struct belay_hash128 *held_in, struct belay_str reason, struct belay_str who,
                  struct belay_err *err)
{
    int status = prepare(b, sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, sequence);
    belay_pack_u8(r, (uint8_t)how);
    belay_pack_u8(r, held_in ? SETTLE_WITH_LANE : 0);
    if (held_in)
        pack_hash(r, *held_in);
    belay_pack_svarint(r, b->now);
    belay_pack_str(r, reason);
    belay_pack_str(r, who);
    return record_commit(b, RECORD_SETTLE, EXCEPTION_COST, true, err);
}

int apply_settle(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    uint8_t how = belay_unpack_u8(u), flags = belay_unpack_u8(u);
    struct belay_hash128 lane = { 0 };
    struct exception x;
    if (flags & SETTLE_WITH_LANE)
        lane = unpack_hash(u);
    belay_time now = belay_unpack_svarint(u);
    belay_unpack_str(u);
    belay_unpack_str(u);
    if (!sub || !belay_unpack_ok(u))
        return BELAY_CORRUPT;
    if (ranges_reserve(&sub->settled, 2) != BELAY_OK || ranges_reserve(&sub->started, 2) != BELAY_OK)
        return BELAY_NOMEM;
    if (flags & SETTLE_WITH_LANE) {
        held_remove(b, sub, lane, sequence);
    } else if (exception_get(b, sub->id, sequence, &x)) {
        exception_remove(b, sub, sequence, &x, now);
    } else {
        exception_put_progress(b, sub, sequence, BELAY_STR_NONE);
        cursor_settle(sub, sequence, sequence + 1);
    }
    crash_forget(sub, sequence);
    ++*(how == SETTLE_DONE ? &sub->n.done : &sub->n.discarded);
    sub->dirty = true;
    return BELAY_OK;
}

int belay_broker_ack(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    int status;
    if (e->exception || e->progress)
        status = settle_commit(b, d->sub, d->sequence, SETTLE_DONE, NULL, BELAY_STR_NONE, BELAY_STR_NONE, err);
    else
        status = gather_ack(b, d->sub, d->sequence, err);
    if (status == BELAY_OK)
        end(b, e);
    return status;
}

int belay_broker_discard(struct belay_broker *b, struct belay_delivery *d, struct belay_str reason,
                         struct belay_err *err)
{
    int status = settle_commit(b, d->sub, d->sequence, SETTLE_DISCARDED, NULL, reason, BELAY_STR_NONE, err);
    if (status == BELAY_OK)
        end(b, entry_of(d));
    return status;
}

/* ---- what retry, letter and attempt share: how a message becomes an exception ---- */

enum { HEAD_KEYED = 1, HEAD_LONER = 2 };

/* sub | sequence | flags | attempt | first_attempt_at | accepted_at | definition | [lane, key] */
static struct belay_buf *pack_head(struct belay_broker *b, struct entry *e, struct belay_hash128 definition)
{
    struct belay_buf *r = record_begin(b);
    bool keyed = e->keyed;
    belay_pack_varint(r, e->d.sub->id);
    belay_pack_varint(r, e->d.sequence);
    belay_pack_u8(r, (uint8_t)((keyed ? HEAD_KEYED : 0) | (e->loner ? HEAD_LONER : 0)));
    belay_pack_varint(r, e->d.attempt);
    belay_pack_svarint(r, e->d.first_attempt_at);
    belay_pack_svarint(r, e->d.message.accepted_at);
    pack_hash(r, definition);
    if (keyed) {
        pack_hash(r, e->hash);
        belay_pack_str(r, e->d.lane_key);
    }
    return r;
}

struct head {
    struct belay_subscription *sub;
    uint64_t sequence;
    uint32_t attempt;
    struct exception x; /* as it is, or a new one (state 0) */
    bool is_new;
};

/* The exception the record is about: as it is, with the attempt and definition of the record; or a new one. */
static int unpack_head(struct belay_broker *b, struct belay_unpack *u, struct head *h)
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
    if (ranges_reserve(&h->sub->settled, 2) != BELAY_OK || ranges_reserve(&h->sub->started, 2) != BELAY_OK)
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

/* In place of a queued message from now on. */
static void enter(struct belay_subscription *sub, struct head *h)
{
    cursor_settle(sub, h->sequence, h->sequence + 1);
}

/* How a record tells the progress that the exception has from now on. */
enum { PROGRESS_NEW, PROGRESS_SAME, PROGRESS_NONE, PROGRESS_GONE };

static void pack_progress(struct belay_broker *b, struct belay_buf *r, struct entry *e,
                          struct belay_hash128 definition, struct belay_str progress)
{
    struct belay_hash128 old_definition;
    belay_time old_first;
    struct belay_str old;
    bool same = e->progress && progress_get(b, e->d.sub->id, e->d.sequence, &old_definition, &old_first, &old)
                && belay_str_eq(old, progress) && belay_hash128_eq(old_definition, definition);
    if (same) {
        belay_pack_u8(r, PROGRESS_SAME);
    } else if (progress.n) {
        belay_pack_u8(r, PROGRESS_NEW);
        progress_pack(r, definition, e->d.first_attempt_at, progress);
    } else {
        belay_pack_u8(r, e->progress ? PROGRESS_GONE : PROGRESS_NONE);
    }
}

static void apply_packed_progress(struct belay_broker *b, struct belay_unpack *u, struct head *h)
{
    uint8_t what = belay_unpack_u8(u);
    h->x.progress = what == PROGRESS_NEW || what == PROGRESS_SAME;
    if (what == PROGRESS_NEW)
        exception_put_progress(b, h->sub, h->sequence, belay_unpack_str(u));
    else if (what == PROGRESS_GONE)
        exception_put_progress(b, h->sub, h->sequence, BELAY_STR_NONE);
}

/* version | attempt number | fault: an entry of the history. */
static void pack_failure(struct belay_buf *r, struct entry *e, const struct belay_fault *fault)
{
    size_t at = r->n;
    char *size = belay_buf_reserve(r, 4 + FAULT_BYTES_MAX);
    if (!size)
        return;
    r->n += 4;
    belay_pack_u8(r, ROW_VERSION);
    belay_pack_u32(r, e->d.attempt);
    belay_fault_pack(r, fault);
    if (belay_buf_status(r) == BELAY_OK)
        belay_store_u32(r->p + at, (uint32_t)(r->n - at - 4));
}

static struct belay_str unpack_failure(struct belay_unpack *u)
{
    return belay_unpack_bytes(u, belay_unpack_u32(u));
}

static void attempt_ended(struct head *h)
{
    h->x.ended = h->attempt;
    if (h->x.begun < h->attempt)
        h->x.begun = h->attempt;
}

static struct cost head_cost(const struct belay_buf *record, const struct entry *e)
{
    struct cost cost = EXCEPTION_COST;
    cost.state_bytes += record->n + e->d.lane_key.n;
    cost.changes += 8;
    return cost;
}

/* What apply did with the message, for the entry that stays or the lane that waits. */
static void became_exception(struct entry *e)
{
    if (e->exception)
        return;
    e->exception = true;
    e->d.sub->fresh--;
    e->d.sub->loaded++;
}

/* ---- retry ---- */

int belay_broker_retry(struct belay_broker *b, struct belay_delivery *d, belay_time due,
                       const struct belay_fault *fault, struct belay_str progress,
                       struct belay_hash128 definition, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    int status = prepare(b, d->sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = pack_head(b, e, definition);
    belay_pack_svarint(r, due);
    pack_progress(b, r, e, definition, progress);
    pack_failure(r, e, fault);
    status = record_commit(b, RECORD_RETRY, head_cost(r, e), true, err);
    if (status == BELAY_OK) {
        became_exception(e);
        end(b, e);
    }
    return status;
}

int apply_retry(struct belay_broker *b, struct belay_unpack *u)
{
    struct head h;
    int status = unpack_head(b, u, &h);
    if (status != BELAY_OK)
        return status;
    belay_time due = belay_unpack_svarint(u);
    apply_packed_progress(b, u, &h);
    struct belay_str failure = unpack_failure(u);
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
    exception_put(b, h.sub, h.sequence, &h.x);
    due_put(b, h.sub, due, h.sequence);
    enter(h.sub, &h);
    return BELAY_OK;
}

/* ---- letter ---- */

enum { LETTER_PARK = 1, LETTER_WITH_MESSAGE = 2 };

int letter_now(struct belay_broker *b, struct entry *e, const struct belay_fault *fault, bool park,
               struct belay_str progress, struct belay_hash128 definition, struct belay_err *err)
{
    struct belay_subscription *sub = e->d.sub;
    bool stop = sub->opt.on_exhausted == BELAY_EXHAUSTED_STOP;
    int status = prepare(b, sub, err);
    if (status != BELAY_OK)
        return status;
    park = park && e->keyed && !e->loner;
    struct belay_buf *r = pack_head(b, e, definition);
    belay_pack_u8(r, (uint8_t)((park ? LETTER_PARK : 0) | (e->letter ? 0 : LETTER_WITH_MESSAGE)));
    pack_progress(b, r, e, definition, progress);
    pack_failure(r, e, fault);
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
    end(b, e);
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
}

int apply_letter(struct belay_broker *b, struct belay_unpack *u)
{
    struct head h;
    int status = unpack_head(b, u, &h);
    if (status != BELAY_OK)
        return status;
    uint8_t flags = belay_unpack_u8(u);
    apply_packed_progress(b, u, &h);
    struct belay_str failure = unpack_failure(u);
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
    attempt_ended(&h);
    put_letter(b, &h, facts, message);
    exception_set_state(h.sub, &h.x, parks ? EXCEPTION_PARKED : EXCEPTION_DEAD);
    exception_add_history(b, h.sub, h.sequence, &h.x, failure);
    exception_put(b, h.sub, h.sequence, &h.x);
    enter(h.sub, &h);
    crash_forget(h.sub, h.sequence);
    h.sub->topic->low_dirty = true;
    if (!h.is_new && head && !parks)
        lane_advance(b, h.sub, h.x.lane, now);
    return BELAY_OK;
}

/* ---- attempts and progress ---- */

int belay_broker_start(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    if (!e->exception && d->attempt == 1)
        return gather_start(b, d->sub, d->sequence, err);
    int status = prepare(b, d->sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = pack_head(b, e, d->definition);
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
    int status = unpack_head(b, u, &h);
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
    enter(h.sub, &h);
    return BELAY_OK;
}

int belay_broker_progress(struct belay_broker *b, struct belay_delivery *d, struct belay_str progress,
                          struct belay_hash128 definition, struct belay_err *err)
{
    struct entry *e = entry_of(d);
    int status = prepare(b, d->sub, err);
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, d->sub->id);
    belay_pack_varint(r, d->sequence);
    progress_pack(r, definition, d->first_attempt_at, progress);
    struct cost cost = { r->n + 2048 + BELAY_KEY_BYTES_MAX, 4 };
    status = record_commit(b, RECORD_PROGRESS, cost, true, err);
    if (status == BELAY_OK)
        e->progress = true;
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
    bool is_exception = exception_get(b, sub->id, sequence, &x);
    exception_put_progress(b, sub, sequence, packed);
    if (!is_exception)
        ranges_add(&sub->started, sequence, sequence + 1);
    else if (!x.progress) {
        x.progress = true;
        exception_put(b, sub, sequence, &x);
    }
    sub->dirty = true;
    return BELAY_OK;
}
