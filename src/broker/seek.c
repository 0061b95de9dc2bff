/* seek.c - a subscription goes to another place of its topic.
 *
 * Forward: what is queued before the place is discarded, with the reason; what is in flight ends as it would.
 * Back: what is done is queued again.  Exceptions (waiting, held, parked, dead) stay what they are: they are
 * worked through by themselves.
 */
#include "base/planted.h"
#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/exception.h"
#include "broker/held.h"
#include "broker/record.h"
#include "broker/subscription.h"
#include "broker/suspect.h"

/* ---- the exceptions above a place, as ranges ---- */

struct collect {
    struct ranges *into;
    uint64_t from;
    int status;
};

static bool collect_one(void *arg, uint64_t sequence)
{
    struct collect *c = arg;
    if (sequence < c->from)
        return true;
    if (c->into->count >= RANGES_MAX)
        c->status = BELAY_LIMIT;
    else if (ranges_reserve(c->into, 1) != BELAY_OK)
        c->status = BELAY_NOMEM;
    else
        ranges_add(c->into, sequence, sequence + 1);
    return c->status == BELAY_OK;
}

static int collect_held(struct belay_broker *b, struct belay_subscription *sub, struct collect *c)
{
    struct row_key prefix = key_id(sub->id), from = prefix;
    struct belay_str key, value;
    while (c->status == BELAY_OK
           && rows_seek(b, BELAY_TABLE_LANE, row_key_str(&from), true, row_key_str(&prefix), &key,
                               &value)) {
        struct belay_hash128 lane = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        struct lane_row row;
        from = key_lane(sub->id, lane);
        if (lane_row_get(b, sub->id, lane, &row))
            held_each(b, sub->id, lane, &row, collect_one, c);
    }
    return c->status;
}

static int collect_exceptions(struct belay_broker *b, struct belay_subscription *sub, uint64_t from,
                              struct ranges *into)
{
    struct collect c = { .into = into, .from = from };
    struct exception x;
    for (uint64_t at = from; exception_next(b, sub->id, &at, &x); at++)
        if (x.state != EXCEPTION_OVER && !collect_one(&c, at))
            return c.status;
    return collect_held(b, sub, &c);
}

/* ---- deciding ---- */

/* In flight (or deferred) and no exception: the record names them, they are not discarded. */
static int pack_kept(struct belay_subscription *sub, uint64_t below, struct ranges *kept)
{
    struct belay_map_slot *slot;
    for (size_t at = 0; (slot = belay_map_next(&sub->index, &at));) {
        struct entry *e = slot->value;
        if (e->exception || !e->taken || e->d.sequence >= below)
            continue;
        if (ranges_reserve(kept, 1) != BELAY_OK)
            return BELAY_NOMEM;
        ranges_add(kept, e->d.sequence, e->d.sequence + 1);
    }
    return BELAY_OK;
}

static int check_place(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_err *err)
{
    uint64_t first = belay_store_first_sequence(b->store, sub->topic_id);
    uint64_t next = belay_store_next_sequence(b->store, sub->topic_id);
    if (sequence >= first && sequence <= next)
        return BELAY_OK;
    return belay_fail(err, BELAY_INVALID, "%.*s has messages %llu to %llu, not %llu", BELAY_STR_ARG(sub->topic->name),
                      (unsigned long long)first, (unsigned long long)next - 1, (unsigned long long)sequence);
}

/* Each that is taken out of a range may make two of it. */
static int started_reserve(struct belay_subscription *sub)
{
    return ranges_reserve(&sub->started, (uint32_t)ranges_size(&sub->started) + 2);
}

static int reserve_ranges(struct belay_subscription *sub, uint32_t n, struct belay_err *err)
{
    if (ranges_reserve(&sub->covered, n) == BELAY_OK && started_reserve(sub) == BELAY_OK)
        return BELAY_OK;
    return belay_fail(err, BELAY_NOMEM, "no memory to seek");
}

int belay_broker_seek(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                      struct belay_str reason, belay_time now, struct belay_err *err)
{
    struct ranges set;
    ranges_init(&set);
    broker_advance(b, now);
    gather_flush(b, sub);
    bool back = sequence < sub->cursor;
    int status = check_place(b, sub, sequence, err);
    if (status != BELAY_OK)
        return status;
    status = back ? collect_exceptions(b, sub, sequence, &set) : pack_kept(sub, sequence, &set);
    if (status != BELAY_OK)
        belay_fail(err, status, "%.*s cannot go back: too many messages there are letters or wait",
                   BELAY_STR_ARG(sub->name));
    if (status == BELAY_OK)
        status = reserve_ranges(sub, set.count + 2, err);
    if (status == BELAY_OK) {
        struct belay_buf *r = record_begin(b);
        uint64_t at = 0;
        belay_pack_varint(r, sub->id);
        belay_pack_u8(r, back);
        belay_pack_varint(r, sequence);
        belay_pack_varint(r, set.count);
        for (uint32_t i = 0; i < set.count; i++) {
            belay_pack_varint(r, set.items[i].first - at);
            belay_pack_varint(r, set.items[i].end - set.items[i].first);
            at = set.items[i].end;
        }
        belay_pack_svarint(r, b->now);
        belay_pack_str(r, reason);
        uint64_t started = ranges_size(&sub->started);
        status = record_commit(b, RECORD_SEEK, (struct cost){ started * 64 + 64, (uint32_t)started + 1 }, true, err);
    }
    if (status == BELAY_OK) {
        if (!BELAY_PLANTED(19))
            window_reset(b, sub);
        subscription_kick(b, sub);
    }
    ranges_deinit(&set);
    return status;
}

/* ---- applying ---- */

/* Of what is queued: exceptions there stay what they are. */
static void forget_progress(struct belay_broker *b, struct belay_subscription *sub, uint64_t first, uint64_t end)
{
    const struct range *r;
    for (uint64_t at = first; (r = ranges_from(&sub->started, at)) && r->first < end && at < end;) {
        uint64_t sequence = r->first < at ? at : r->first;
        at = sequence + 1;
        if (sequence >= end || cursor_covers(sub, sequence))
            continue;
        progress_put(b, sub->id, sequence, BELAY_STR_NONE);
        ranges_remove(&sub->started, sequence, sequence + 1);
    }
    for (uint32_t i = sub->suspect_count; i--;) {
        uint64_t sequence = sub->suspects[i].sequence;
        if (sequence >= first && sequence < end && !cursor_covers(sub, sequence))
            suspect_forget(sub, sequence);
    }
}

static void skip(struct belay_broker *b, struct belay_subscription *sub, uint64_t first, uint64_t end)
{
    if (first >= end)
        return;
    forget_progress(b, sub, first, end);
    sub->n.discarded += cursor_cover(sub, first, end);
}

static void go_back(struct belay_subscription *sub, uint64_t to)
{
    uint64_t before = sub->cursor - sub->start + ranges_size(&sub->covered);
    sub->covered.count = 0;
    sub->cursor = to;
    sub->start = to < sub->start ? to : sub->start;
    sub->pin_low = to < sub->pin_low ? to : sub->pin_low;
    sub->went_back = sub->dirty = true;
    sub->covered_before = before;
}

/* What is queued again is neither done nor discarded any more. */
static void uncount(struct belay_subscription *sub)
{
    uint64_t after = sub->cursor - sub->start + ranges_size(&sub->covered);
    uint64_t again = sub->covered_before - after;
    uint64_t done = again < sub->n.done ? again : sub->n.done;
    sub->n.done -= done;
    sub->n.discarded -= again - done;
}

int apply_seek(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    bool back = belay_unpack_u8(u);
    uint64_t to = belay_unpack_varint(u), count = belay_unpack_varint(u), at = 0;
    if (!sub || !belay_unpack_ok(u) || count > belay_unpack_left(u))
        return BELAY_CORRUPT;
    if (ranges_reserve(&sub->covered, (uint32_t)count + 2) != BELAY_OK || started_reserve(sub) != BELAY_OK)
        return BELAY_NOMEM;
    uint64_t from = sub->cursor;
    if (back)
        go_back(sub, to);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = at + belay_unpack_varint(u);
        at = first + belay_unpack_varint(u);
        if (back) {
            cursor_cover(sub, first, at);
        } else {
            skip(b, sub, from, first);
            from = at;
        }
    }
    if (back)
        uncount(sub);
    else
        skip(b, sub, from, to);
    belay_unpack_svarint(u);
    belay_unpack_str(u);
    return belay_unpack_ok(u) ? BELAY_OK : BELAY_CORRUPT;
}
