/* by_name.c - one message, asked for by its sequence: where it is, out of the way. */
#include "broker/by_name.h"

#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/exception.h"
#include "broker/held.h"
#include "broker/outcome.h"
#include "broker/record.h"
#include "broker/suspect.h"

const char *belay_message_state_name(enum belay_message_state state)
{
    static const char *const names[] = { "queued", "held", "in flight", "waiting", "parked",
                                         "dead", "done", "expired", "discarded", "scheduled" };
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static enum belay_message_state of_exception(const struct exception *x)
{
    switch (x->state) {
    case EXCEPTION_WAITING: return BELAY_MESSAGE_WAITING;
    case EXCEPTION_PARKED: return BELAY_MESSAGE_PARKED;
    case EXCEPTION_DEAD: return BELAY_MESSAGE_DEAD;
    case EXCEPTION_HELD: return BELAY_MESSAGE_HELD;
    case EXCEPTION_OVER: break;
    }
    BELAY_UNREACHABLE();
}

enum belay_message_state belay_broker_state_of(struct belay_broker *b, struct belay_subscription *sub,
                                               uint64_t sequence, uint32_t *ret_attempts)
{
    enum belay_message_state state = BELAY_MESSAGE_DONE;
    uint32_t attempts = 0;
    struct exception x;
    struct belay_hash128 lane;
    gather_flush(b, sub);
    struct entry *e = entry_find(sub, sequence);
    if (e && e->where == ENTRY_FLIGHT) {
        state = BELAY_MESSAGE_IN_FLIGHT;
        attempts = e->d.attempt;
    } else if (exception_get(b, sub->id, sequence, &x)) {
        state = of_exception(&x);
        attempts = x.total + exception_begun(sub, sequence, &x);
    } else if (!cursor_covers(sub, sequence)) {
        state = BELAY_MESSAGE_QUEUED;
        attempts = ranges_contains(&sub->started, sequence);
    } else if (held_find(b, sub, sequence, &lane)) {
        state = BELAY_MESSAGE_HELD;
    }
    if (ret_attempts)
        *ret_attempts = attempts;
    return state;
}

static bool attempted(struct belay_subscription *sub, uint64_t sequence, uint32_t attempts)
{
    return attempts || suspect_find(sub, sequence);
}

int belay_broker_cancel(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                        struct belay_str reason, belay_time now, bool *ret_attempted, struct belay_err *err)
{
    uint32_t attempts;
    struct belay_hash128 lane = { 0 };
    broker_advance(b, now);
    enum belay_message_state state = belay_broker_state_of(b, sub, sequence, &attempts);
    struct entry *e = entry_find(sub, sequence);
    bool tried = attempted(sub, sequence, attempts);
    if (state == BELAY_MESSAGE_DONE || sequence >= belay_store_next_sequence(b->store, sub->topic_id))
        return belay_fail(err, BELAY_NOTFOUND, "message %llu is done", (unsigned long long)sequence);
    if (state == BELAY_MESSAGE_IN_FLIGHT)
        return belay_fail(err, BELAY_BUSY, "message %llu is in flight", (unsigned long long)sequence);
    if (state == BELAY_MESSAGE_QUEUED && sub->covered.count >= RANGES_MAX)
        return belay_fail(err, BELAY_BUSY, "%.*s: too many messages out of order", BELAY_STR_ARG(sub->name));
    bool held = state == BELAY_MESSAGE_HELD && held_find(b, sub, sequence, &lane);
    int status = finish_commit(b, sub, sequence, FINISH_DISCARDED, held ? &lane : NULL, reason, BELAY_STR_NONE, err);
    if (status != BELAY_OK)
        return status;
    if (e)
        entry_drop(b, e);
    subscription_kick(b, sub);
    *ret_attempted = tried;
    return BELAY_OK;
}
