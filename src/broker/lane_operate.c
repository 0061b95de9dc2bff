/* lane_operate.c - what an operator does with one lane: park, release, retry, skip.
 *
 *                    letter(park)                     park
 *   open --fails--> in trouble --------> parked     any ----> by hand ----> (as it would be without)
 *    ^                 |                    |                      release
 *    `-- nothing held -+-- release, skip, --'
 *                          replay succeeds
 *
 * A lane parked by hand is a row of LANE with a mark.  It may have no head and hold nothing: then it waits for its
 * first message, which becomes the head.  Its head, unless a letter, is EXCEPTION_HELD: without a time, so that no
 * reader ever finds it.  exception_wait is where that is decided, so every way to wait obeys the mark.  Everything
 * else (what is held, in which order, what follows when the head goes) is as for any lane in trouble.
 *
 * What was in flight when the lane was parked may end.  To know what to do when it fails, it is the head from then on.
 */
#include "base/planted.h"
#include "broker/deliver.h"
#include "broker/head.h"
#include "broker/lane.h"
#include "broker/lane_impl.h"
#include "broker/outcome.h"
#include "broker/record.h"
#include "broker/replay_impl.h"
#include "broker/subscription.h"
#include "broker/suspect.h"

int lane_find_row(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key, struct lane_row *ret_row,
                  struct belay_err *err)
{
    if (lane_in_trouble(b, sub->id, belay_hash128(key), ret_row))
        return BELAY_OK;
    return belay_fail(err, BELAY_NOTFOUND, "%.*s holds nothing of the key '%.*s'", BELAY_STR_ARG(sub->name),
                      BELAY_STR_ARG(key));
}

/* sub | key | now */
static struct belay_buf *lane_pack(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key)
{
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_str(r, key);
    belay_pack_svarint(r, b->now);
    return r;
}

struct told_lane {
    struct belay_subscription *sub;
    struct belay_str key;
    struct belay_hash128 hash;
    belay_time now;
    struct lane_row row;
    bool trouble; /* row is filled */
};

static int lane_unpack(struct belay_broker *b, struct belay_unpack *u, struct told_lane *t)
{
    t->sub = unpack_subscription(b, u);
    t->key = belay_unpack_str(u);
    t->now = belay_unpack_svarint(u);
    if (!t->sub || !belay_unpack_ok(u) || !t->key.n || t->key.n > BELAY_KEY_BYTES_MAX)
        return BELAY_CORRUPT;
    if (ranges_reserve(&t->sub->covered, 2) != BELAY_OK || ranges_reserve(&t->sub->started, 2) != BELAY_OK)
        return BELAY_NOMEM;
    t->hash = belay_hash128(t->key);
    t->trouble = lane_in_trouble(b, t->sub->id, t->hash, &t->row);
    return BELAY_OK;
}

static bool head_in_flight(const struct belay_subscription *sub, uint64_t head)
{
    const struct entry *e = head ? entry_find(sub, head) : NULL;
    return e && e->where == ENTRY_FLIGHT;
}

static int commit(struct belay_broker *b, struct belay_subscription *sub, enum record_type type, struct belay_err *err)
{
    int status = record_commit(b, type, EXCEPTION_COST, true, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}

/* ---- park ---- */

static int may_park(struct belay_subscription *sub, struct belay_str key, struct belay_str reason, struct belay_err *err)
{
    if (!sub->opt.ordered)
        return belay_fail(err, BELAY_INVALID, "%.*s has no lanes", BELAY_STR_ARG(sub->name));
    if (!key.n || key.n > BELAY_KEY_BYTES_MAX)
        return belay_fail(err, BELAY_INVALID, "a lane's key has 1 to %d bytes", BELAY_KEY_BYTES_MAX);
    if (!belay_str_trim(reason).n)
        return belay_fail(err, BELAY_INVALID, "a lane is parked with a reason");
    return BELAY_OK;
}

/* What was to come next is put back; what is in flight stays the lane's one place at work. */
static void put_back(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 hash, bool was_fresh)
{
    struct lane *lane = lane_find(sub, hash);
    struct entry *busy = lane ? lane->busy : NULL;
    if (was_fresh) {
        BELAY_ASSERT(busy && !busy->exception && sub->fresh);
        busy->exception = true;
        sub->fresh--;
        sub->loaded++;
    }
    if (busy && busy->where != ENTRY_FLIGHT)
        entry_recall(b, busy);
    /* The head is read in the background: it is read for nothing. */
    struct lane_row row;
    struct entry *head = lane_row_get(b, sub->id, hash, &row) && row.head ? entry_find(sub, row.head) : NULL;
    if (head && head->where != ENTRY_FLIGHT && head->exception)
        entry_recall(b, head);
}

int belay_broker_lane_park(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                           struct belay_str reason, struct belay_str who, belay_time now, struct belay_err *err)
{
    broker_advance(b, now);
    int status = may_park(sub, key, reason, err);
    if (status == BELAY_OK)
        status = delivery_prepare(b, sub, err);
    if (status != BELAY_OK)
        return status;
    struct lane *lane = lane_find(sub, belay_hash128(key));
    struct entry *fresh = lane && lane->busy && !lane->busy->exception ? lane->busy : NULL;
    struct belay_buf *r = lane_pack(b, sub, key);
    belay_pack_str(r, belay_str_sub(reason, 0, BELAY_LANE_REASON_BYTES_MAX));
    belay_pack_str(r, belay_str_sub(who, 0, BELAY_LANE_REASON_BYTES_MAX));
    belay_pack_varint(r, fresh ? fresh->d.sequence : 0);
    belay_pack_svarint(r, fresh ? fresh->d.first_attempt_at : 0);
    belay_pack_u8(r, fresh ? fresh->progress : 0);
    status = record_commit(b, RECORD_LANE_PARK, EXCEPTION_COST, true, err);
    if (status != BELAY_OK)
        return status;
    put_back(b, sub, belay_hash128(key), fresh != NULL);
    if (!belay_list_empty(&sub->troubled))
        (void)!lanes_hold(b, sub); /* refused now: fill() tries again */
    subscription_kick(b, sub);
    return BELAY_OK;
}

static void mark(struct belay_broker *b, struct told_lane *t, struct belay_str reason, struct belay_str who)
{
    struct lane *lane = lane_find(t->sub, t->hash);
    if (!t->trouble) {
        t->row = (struct lane_row){ .since = t->now, .head_since = t->now };
        key_text_set(&t->row.key, t->key);
        t->sub->n.lanes_in_trouble++;
    }
    if (!t->trouble || !t->row.hand) {
        t->sub->n.lanes_by_hand++;
        t->row.hand_at = t->now;
    }
    lane_row_by_hand(&t->row, t->row.hand_at, reason, who);
    lane_row_put(b, t->sub->id, t->hash, &t->row);
    t->sub->dirty = true;
    if (!lane)
        return;
    lane->trouble = lane->hand = true;
    if (lane->pending_count)
        lane_mark_troubled(t->sub, lane);
}

int apply_lane_park(struct belay_broker *b, struct belay_unpack *u)
{
    struct told_lane t;
    struct exception x;
    int status = lane_unpack(b, u, &t);
    if (status != BELAY_OK)
        return status;
    struct belay_str reason = belay_unpack_str(u), who = belay_unpack_str(u);
    uint64_t fresh = belay_unpack_varint(u);
    belay_time first_attempt_at = belay_unpack_svarint(u);
    bool progress = belay_unpack_u8(u);
    if (!belay_unpack_ok(u))
        return BELAY_CORRUPT;
    mark(b, &t, reason, who);
    if (fresh) {
        t.row.head = fresh;
        lane_row_put(b, t.sub->id, t.hash, &t.row);
        lane_head_in_flight(b, t.sub, t.hash, t.key, fresh, first_attempt_at, progress);
    } else if (t.row.head && lane_has_head(b, t.sub->id, t.hash, &t.row) && exception_get(b, t.sub->id, t.row.head, &x)
               && x.state == EXCEPTION_WAITING && !BELAY_PLANTED(81)) {
        exception_unwait(b, t.sub, t.row.head, &x);
        exception_wait(b, t.sub, t.row.head, &x, x.due);
        exception_put(b, t.sub, t.row.head, &x);
    }
    return BELAY_OK;
}

/* ---- release ---- */

int belay_broker_lane_release(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                              belay_time now, struct belay_err *err)
{
    struct lane_row row;
    struct exception x;
    broker_advance(b, now);
    int status = lane_find_row(b, sub, key, &row, err);
    if (status != BELAY_OK)
        return status;
    bool letter = row.head && exception_get(b, sub->id, row.head, &x) && x.state == EXCEPTION_PARKED;
    if (!row.hand && !letter)
        return belay_fail(err, BELAY_CONFLICT, "the key '%.*s' is not parked, its head waits or is at work: retry or skip it",
                          BELAY_STR_ARG(key));
    lane_pack(b, sub, key);
    return commit(b, sub, RECORD_LANE_RELEASE, err);
}

/* The mark goes. False: the lane is an ordinary one again. */
static bool unmark(struct belay_broker *b, struct told_lane *t)
{
    struct lane *lane = lane_find(t->sub, t->hash);
    t->row.hand = false;
    lane_row_put(b, t->sub->id, t->hash, &t->row);
    count_less(&t->sub->n.lanes_by_hand, 1);
    t->sub->dirty = true;
    if (lane)
        lane->hand = false;
    if (!t->row.held && !lane_has_head(b, t->sub->id, t->hash, &t->row)) {
        lane_healed(b, t->sub, t->hash);
        return false;
    }
    if (lane)
        lane_pump(b, t->sub, lane); /* replayed dead letters */
    return true;
}

int apply_lane_release(struct belay_broker *b, struct belay_unpack *u)
{
    struct told_lane t;
    struct exception x;
    int status = lane_unpack(b, u, &t);
    if (status != BELAY_OK)
        return status;
    if (!t.trouble)
        return BELAY_CORRUPT;
    if (t.row.hand && !unmark(b, &t))
        return BELAY_OK;
    if (!exception_get(b, t.sub->id, t.row.head, &x)) { /* its row cannot be read: the lane goes on without it */
        lane_advance(b, t.sub, t.hash, t.row.head, t.now);
    } else if (x.state == EXCEPTION_HELD) {
        exception_wait(b, t.sub, t.row.head, &x, t.now);
        exception_put(b, t.sub, t.row.head, &x);
    } else if (x.state == EXCEPTION_PARKED) {
        exception_set_state(b, t.sub, &x, EXCEPTION_DEAD);
        exception_put(b, t.sub, t.row.head, &x);
        t.sub->topic->low_dirty = true;
        if (BELAY_PLANTED(82) && t.row.held > 1) { /* what it held first is forgotten */
            held_take(b, t.sub->id, t.hash, &t.row);
            lane_row_put(b, t.sub->id, t.hash, &t.row);
        }
        lane_advance(b, t.sub, t.hash, t.row.head, t.now);
    }
    return BELAY_OK;
}

/* ---- retry ---- */

/* The head that an operator may do something with now. */
static int find_head(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                     struct lane_row *ret_row, struct exception *ret_x, struct belay_err *err)
{
    int status = lane_find_row(b, sub, key, ret_row, err);
    if (status != BELAY_OK)
        return status;
    if (!ret_row->head || !exception_get(b, sub->id, ret_row->head, ret_x))
        return belay_fail(err, BELAY_CONFLICT, "the key '%.*s' is parked by hand and has no message yet",
                          BELAY_STR_ARG(key));
    if (head_in_flight(sub, ret_row->head))
        return belay_fail(err, BELAY_CONFLICT, "message %llu of the key '%.*s' is at work now",
                          (unsigned long long)ret_row->head, BELAY_STR_ARG(key));
    return BELAY_OK;
}

int belay_broker_lane_retry(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                            belay_time now, struct belay_err *err)
{
    struct lane_row row;
    struct exception x;
    broker_advance(b, now);
    int status = find_head(b, sub, key, &row, &x, err);
    if (status != BELAY_OK)
        return status;
    if (row.hand)
        return belay_fail(err, BELAY_CONFLICT, "the key '%.*s' is parked by hand (%.*s): release it first",
                          BELAY_STR_ARG(key), row.reason.n, row.reason.bytes);
    if (x.state == EXCEPTION_PARKED && letter_unseen(b, sub->id, row.head, &x))
        return belay_fail(err, BELAY_CONFLICT, "message %llu of the key '%.*s' is not the one that its run began from, and at its "
                          "failed step the flow goes on with what it had made of that one: belay dlq replay %.*s %llu --from-start",
                          (unsigned long long)row.head, BELAY_STR_ARG(key), BELAY_STR_ARG(sub->name), (unsigned long long)row.head);
    if (x.state == EXCEPTION_PARKED)
        return belay_broker_letter_replay(b, sub, row.head, false, now, err);
    lane_pack(b, sub, key);
    status = commit(b, sub, RECORD_LANE_RETRY, err);
    struct entry *e = status == BELAY_OK ? entry_find(sub, row.head) : NULL;
    if (e)
        entry_recall(b, e); /* it was read with the attempts it had */
    return status;
}

int apply_lane_retry(struct belay_broker *b, struct belay_unpack *u)
{
    struct told_lane t;
    struct exception x;
    int status = lane_unpack(b, u, &t);
    if (status != BELAY_OK)
        return status;
    if (!t.trouble || !exception_get(b, t.sub->id, t.row.head, &x) || x.state != EXCEPTION_WAITING)
        return BELAY_CORRUPT;
    exception_unwait(b, t.sub, t.row.head, &x);
    /* Of an interrupted attempt nobody knows how it ended: that stays known. */
    x.total += x.ended;
    x.begun -= x.begun < x.ended ? x.begun : x.ended;
    x.ended = 0;
    x.first_attempt_at = 0;
    exception_wait(b, t.sub, t.row.head, &x, t.now);
    exception_put(b, t.sub, t.row.head, &x);
    return BELAY_OK;
}

/* ---- skip ---- */

/* The head's message: BELAY_EMPTY: it is not at hand. */
static int message_of(struct belay_broker *b, struct belay_subscription *sub, uint64_t head, const struct exception *x,
                      struct belay_str *encoded)
{
    struct belay_fetched item;
    if (encoded->n)
        return BELAY_OK;
    if (exception_has_inside(x, INSIDE_MESSAGE))
        *encoded = exception_inside(b, sub->id, head, INSIDE_MESSAGE);
    else if (belay_store_peek(b->store, sub->topic_id, head, 1, BELAY_MESSAGE_BYTES_MAX, &item))
        *encoded = item.encoded;
    return encoded->n ? BELAY_OK : BELAY_EMPTY;
}

/* Of one that was a letter before: what is known of its message stays. */
static struct letter_facts facts_of(struct belay_broker *b, struct belay_subscription *sub, uint64_t head,
                                    const struct exception *x, const struct belay_message *m,
                                    const struct belay_fault *fault)
{
    struct letter_facts facts = { .payload_hash = belay_hash128(m->body), .key = key_text_str(&x->key) };
    if (x->letter)
        (void)facts_get(b, sub->id, head, &facts);
    facts.created_at = b->now;
    facts.fingerprint = letter_fingerprint(fault, sub->name);
    return facts;
}

static int skip_commit(struct belay_broker *b, struct belay_subscription *sub, uint64_t head, const struct exception *x,
                       struct belay_str encoded, const struct belay_message *m, const struct belay_fault *fault,
                       struct belay_err *err)
{
    struct letter_facts facts = facts_of(b, sub, head, x, m, fault);
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, head);
    head_pack_failure(b, r, x->ended, fault);
    letter_pack_facts(b, r, &facts);
    if (!x->letter)
        belay_pack_str(r, encoded);
    int status = belay_buf_status(&b->message);
    if (status != BELAY_OK)
        return belay_fail(err, status, "a letter: %s", belay_status_text(status));
    struct cost cost = EXCEPTION_COST;
    cost.state_bytes += r->n;
    cost.changes += 8;
    return record_commit(b, RECORD_LANE_SKIP, cost, true, err);
}

int belay_broker_lane_skip(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key, uint64_t head,
                           struct belay_str encoded, struct belay_str reason, struct belay_str who, belay_time now,
                           struct belay_err *err)
{
    struct lane_row row;
    struct exception x;
    struct belay_message m = { 0 };
    struct belay_arena arena;
    struct belay_fault fault;
    broker_advance(b, now);
    int status = delivery_prepare(b, sub, err); /* it appends: before anything is looked at */
    if (status == BELAY_OK)
        status = find_head(b, sub, key, &row, &x, err);
    if (status != BELAY_OK)
        return status;
    if (head && row.head != head)
        return belay_fail(err, BELAY_CONFLICT, "the key '%.*s' went on meanwhile: its head is %llu now, not %llu",
                          BELAY_STR_ARG(key), (unsigned long long)row.head, (unsigned long long)head);
    if (x.state == EXCEPTION_PARKED)
        return belay_broker_letter_release(b, sub, row.head, now, err);
    if (!x.letter && message_of(b, sub, row.head, &x, &encoded) != BELAY_OK)
        return belay_fail(err, BELAY_EMPTY, "message %llu is not in memory", (unsigned long long)row.head);
    belay_arena_init(&arena, 4096, 2 * BELAY_MESSAGE_BYTES_MAX);
    status = x.letter ? BELAY_OK : belay_message_decode(encoded, &arena, &m, err);
    belay_fault_init(&fault, "OPERATOR:SKIPPED", BELAY_CLASS_PERMANENT, "%.*s skipped it: %.*s", BELAY_STR_ARG(who),
                     BELAY_STR_ARG(reason));
    fault.at = b->now;
    if (status == BELAY_OK)
        status = skip_commit(b, sub, row.head, &x, encoded, &m, &fault, err);
    belay_arena_deinit(&arena);
    struct entry *e = status == BELAY_OK ? entry_find(sub, row.head) : NULL;
    if (e)
        entry_recall(b, e);
    subscription_kick(b, sub);
    return status;
}

int apply_lane_skip(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t head = belay_unpack_varint(u);
    struct belay_str failure = head_unpack_failure(u), message = BELAY_STR_NONE;
    struct belay_str facts = belay_unpack_bytes(u, belay_unpack_u32(u));
    struct letter_facts f;
    struct exception x;
    if (belay_unpack_left(u))
        message = belay_unpack_str(u);
    if (!sub || !belay_unpack_ok(u) || !facts_unpack(facts, &f) || !exception_get(b, sub->id, head, &x)
        || (x.state != EXCEPTION_WAITING && x.state != EXCEPTION_HELD) || x.letter != !message.p)
        return BELAY_CORRUPT;
    if (ranges_reserve(&sub->started, 2) != BELAY_OK)
        return BELAY_NOMEM;
    exception_unwait(b, sub, head, &x);
    if (x.job)
        replay_outcome(b, sub, &x, REPLAYED_FAILED);
    x.ended = x.begun = exception_begun(sub, head, &x);
    ranges_remove(&sub->started, head, head + 1);
    letter_put(b, sub, head, &x, facts, message);
    group_arrived(b, sub->id, &f, failure);
    exception_set_state(b, sub, &x, EXCEPTION_DEAD);
    exception_add_history(b, sub, head, &x, failure);
    exception_put(b, sub, head, &x);
    suspect_forget(sub, head);
    sub->topic->low_dirty = true;
    lane_advance(b, sub, x.lane, head, f.created_at);
    return BELAY_OK;
}
