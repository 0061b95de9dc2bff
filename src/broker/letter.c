/* letter.c - the workbench: replay, release, discard.
 *
 *   PARKED --replay--> WAITING (still the head of its lane)
 *      | `-release---> DEAD (the lane goes on) --replay--> WAITING, beside its lane
 *      `-discard---> gone with a reason (the lane goes on)
 *
 * A replayed letter keeps its message, history and fingerprint until it is done; it is no letter while
 * it waits.
 */
#include "broker/by_name.h"
#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/held.h"
#include "broker/letter_impl.h"
#include "broker/outcome.h"
#include "broker/record.h"
#include "broker/subscription.h"
#include "broker/unreadable.h"

/* Somebody else was quicker, or there never was one. */
static int no_letter(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_err *err)
{
    struct exception x;
    unsigned long long n = sequence;
    bool there = exception_get(b, sub->id, sequence, &x), given = sequence >= sub->start && cursor_covers(sub, sequence);
    if (there && x.letter && x.job)
        return belay_fail(err, BELAY_CONFLICT, "letter %llu of %.*s is being replayed by job %u", n,
                          BELAY_STR_ARG(sub->name), x.job);
    if (there && x.letter)
        return belay_fail(err, BELAY_CONFLICT, "letter %llu of %.*s is being replayed already", n, BELAY_STR_ARG(sub->name));
    if (!there && given && belay_broker_state_of(b, sub, sequence, NULL) == BELAY_MESSAGE_DONE)
        return belay_fail(err, BELAY_CONFLICT, "%.*s has no letter %llu: that message is done, or was discarded",
                          BELAY_STR_ARG(sub->name), n);
    return belay_fail(err, BELAY_NOTFOUND, "%.*s has no letter %llu", BELAY_STR_ARG(sub->name), n);
}

int letter_find(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *ret_x,
                struct belay_err *err)
{
    if (exception_get(b, sub->id, sequence, ret_x) && exception_is_letter(ret_x))
        return BELAY_OK;
    return no_letter(b, sub, sequence, err);
}

static int is_damaged(const struct belay_subscription *sub, uint64_t sequence, struct belay_err *err)
{
    return belay_fail(err, BELAY_CORRUPT, "letter %llu of %.*s is damaged, in the store: belay audit says more; it can be "
                      "discarded", (unsigned long long)sequence, BELAY_STR_ARG(sub->name));
}

int letter_find_whole(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *ret_x,
                      struct letter_facts *ret_facts, struct belay_err *err)
{
    struct row_key key = key_letter(sub->id, sequence, LETTER_MESSAGE);
    struct belay_str message;
    int status = letter_find(b, sub, sequence, ret_x, err);
    if (status == BELAY_OK
        && (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &message) || !facts_get(b, sub->id, sequence, ret_facts)))
        status = is_damaged(sub, sequence, err);
    return status;
}

int letter_readable(struct belay_broker *b, uint32_t sub, uint64_t sequence)
{
    struct row_key key = key_letter(sub, sequence, LETTER_MESSAGE);
    struct belay_str message;
    if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &message))
        return BELAY_CORRUPT;
    return unreadable_message(message);
}

/* One that goes on: nobody would ever see it again if it could not be read then. */
static int find_readable(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *ret_x,
                         struct belay_err *err)
{
    struct letter_facts facts;
    int status = letter_find_whole(b, sub, sequence, ret_x, &facts, err);
    if (status != BELAY_OK)
        return status;
    status = letter_readable(b, sub->id, sequence);
    if (status == BELAY_CORRUPT)
        return is_damaged(sub, sequence, err);
    return status == BELAY_OK ? status : belay_fail(err, status, "letter %llu: %s", (unsigned long long)sequence,
                                                    belay_status_text(status));
}

int belay_broker_letter_get(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                            struct belay_arena *arena, struct belay_letter *ret_letter, struct belay_err *err)
{
    struct exception x;
    int status = letter_find(b, sub, sequence, &x, err);
    if (status != BELAY_OK) { /* err says what became of it */
        if (err)
            err->code = BELAY_NOTFOUND;
        return BELAY_NOTFOUND;
    }
    status = letter_take(b, sub, sequence, &x, false, arena, ret_letter);
    return status == BELAY_OK ? status : belay_fail(err, status, "letter %llu: %s", (unsigned long long)sequence,
                                                    belay_status_text(status));
}

static void pack_letter(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, sequence);
    belay_pack_svarint(r, b->now);
}

int belay_broker_letter_replay(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                               bool from_start, belay_time now, struct belay_err *err)
{
    struct exception x;
    broker_advance(b, now);
    int status = find_readable(b, sub, sequence, &x, err);
    if (status != BELAY_OK)
        return status;
    pack_letter(b, sub, sequence);
    belay_pack_u8(&b->record, from_start);
    status = record_commit(b, RECORD_REPLAY, EXCEPTION_COST, true, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}

int apply_replay(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    belay_time now = belay_unpack_svarint(u);
    bool from_start = belay_unpack_u8(u);
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !exception_get(b, sub->id, sequence, &x) || !exception_is_letter(&x))
        return BELAY_CORRUPT;
    letter_replayed(b, sub, sequence, &x, from_start, 0, now);
    return BELAY_OK;
}

void letter_replayed(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                     bool from_start, uint32_t job, belay_time now)
{
    struct letter_facts facts;
    bool known = facts_get(b, sub->id, sequence, &facts);
    BELAY_ASSERT(exception_is_letter(x) && known);
    group_left(b, facts.fingerprint);
    if (x->state == EXCEPTION_DEAD)
        x->loner = true; /* it left its lane: it waits for its turn there, and holds nobody */
    x->job = job;
    bool interrupted = x->begun > x->ended && !from_start; /* nobody knows what its last call did: that stays known */
    x->total += x->begun - interrupted;
    x->begun = interrupted;
    x->ended = 0;
    x->first_attempt_at = 0;
    x->definition = (struct belay_hash128){ 0 }; /* the current one: often what was mended */
    exception_wait(b, sub, sequence, x, now);
    if (from_start) {
        exception_put_progress(b, sub, sequence, x, x->progress ? PROGRESS_GONE : PROGRESS_NONE, BELAY_STR_NONE);
    } else {
        exception_put(b, sub, sequence, x);
    }
}

int belay_broker_letter_resume(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                               struct belay_str progress, belay_time now, struct belay_err *err)
{
    struct exception x;
    broker_advance(b, now);
    int status = find_readable(b, sub, sequence, &x, err);
    if (status != BELAY_OK)
        return status;
    pack_letter(b, sub, sequence);
    struct progress p = { 0 };
    if (x.progress)
        (void)progress_get(b, sub->id, sequence, true, &p); /* a person's word makes nothing of the message: made_of stays */
    p.definition = x.definition;
    p.first_attempt_at = 0;
    p.bytes = progress;
    progress_pack(&b->record, &p);
    struct cost cost = EXCEPTION_COST;
    cost.state_bytes += b->record.n;
    status = record_commit(b, RECORD_RESUME, cost, true, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}

int apply_resume(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    belay_time now = belay_unpack_svarint(u);
    struct belay_str packed = belay_unpack_str(u);
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !progress_is_sound(packed) || !exception_get(b, sub->id, sequence, &x)
        || !exception_is_letter(&x))
        return BELAY_CORRUPT;
    letter_replayed(b, sub, sequence, &x, false, 0, now);
    exception_put_progress(b, sub, sequence, &x, PROGRESS_NEW, packed);
    return BELAY_OK;
}

int belay_broker_letter_release(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                belay_time now, struct belay_err *err)
{
    struct exception x;
    broker_advance(b, now);
    int status = letter_find(b, sub, sequence, &x, err);
    if (status != BELAY_OK || x.state == EXCEPTION_DEAD)
        return status;
    pack_letter(b, sub, sequence);
    status = record_commit(b, RECORD_RELEASE, EXCEPTION_COST, true, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}

int apply_release(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    belay_time now = belay_unpack_svarint(u);
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !exception_get(b, sub->id, sequence, &x) || x.state != EXCEPTION_PARKED)
        return BELAY_CORRUPT;
    exception_set_state(b, sub, &x, EXCEPTION_DEAD);
    exception_put(b, sub, sequence, &x);
    sub->topic->low_dirty = true;
    lane_advance(b, sub, x.lane, sequence, now);
    return BELAY_OK;
}

int belay_broker_letter_discard(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                struct belay_str reason, struct belay_str who, belay_time now, struct belay_err *err)
{
    struct exception x;
    broker_advance(b, now);
    int status = letter_find(b, sub, sequence, &x, err);
    if (status != BELAY_OK)
        return status;
    if (belay_str_trim(reason).n == 0)
        return belay_fail(err, BELAY_INVALID, "a letter is discarded with a reason");
    status = finish_commit(b, sub, sequence, FINISH_DISCARDED, NULL, reason, who, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}
