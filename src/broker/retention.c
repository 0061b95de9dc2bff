/* retention.c - what a topic keeps: never less than what a durable subscription has not finished (G1).
 *
 *   low = min(lowest unfinished of every subscription, what retain_ms and retain_bytes keep)
 *
 * The low is not a record: it follows from the state and the time, and is told to the store again after
 * a restart.  An exception needs the log until its message is a letter's own.
 */
#include "broker/retention.h"

#include "base/planted.h"
#include "broker/exception.h"
#include "broker/topic.h"

#define PIN_BITE 64                      /* exceptions looked at, a subscription and tick */
#define RETENTION_PERIOD_US BELAY_US_PER_S /* how often time is looked at */

/* Moves pin_low to the lowest exception that needs the log, a bite at a time; it never passes one. */
static void advance_pin(struct belay_broker *b, struct belay_subscription *sub)
{
    struct exception x;
    if (sub->went_back && sub->n.held)
        return; /* a lane may hold messages below its head: nothing stands for them */
    for (uint32_t n = 0; n < PIN_BITE && sub->pin_low < sub->cursor; n++) {
        uint64_t at = sub->pin_low;
        if (!exception_next(b, sub->id, &at, &x)) {
            sub->pin_low = UINT64_MAX;
            return;
        }
        sub->pin_low = at;
        if (at >= sub->cursor || exception_pins(b, sub, &x))
            return;
        sub->pin_low = at + 1;
    }
    if (sub->pin_low < sub->cursor)
        sub->topic->low_dirty = true; /* more to look at */
}

/* Lowest sequence of the topic that is not finished by all. */
static uint64_t retention_finished_low(struct belay_broker *b, struct topic *t)
{
    uint64_t low = t->subscription_count ? UINT64_MAX : belay_store_first_sequence(b->store, t->id);
    for (struct belay_list *node = t->subscriptions.next; node != &t->subscriptions; node = node->next) {
        struct belay_subscription *sub = BELAY_CONTAINER_OF(node, struct belay_subscription, topic_node);
        advance_pin(b, sub);
        uint64_t needed = sub->pin_low < sub->cursor ? sub->pin_low : sub->cursor;
        low = needed < low ? needed : low;
    }
    return low;
}

/* Where retain_bytes lets the log begin: by the mean size of what is there, never beyond. */
static uint64_t low_by_bytes(struct belay_broker *b, struct topic *t, uint64_t from, uint64_t bytes_keep)
{
    uint64_t messages, bytes;
    belay_store_topic_size(b->store, t->id, &messages, &bytes);
    if (bytes <= bytes_keep || !messages)
        return from;
    uint64_t mean = bytes / messages + 1, surplus = (bytes - bytes_keep + mean - 1) / mean;
    return from + surplus;
}

static void set_low(struct belay_broker *b, struct topic *t, uint64_t low)
{
    if (low <= t->low)
        return;
    BELAY_ASSERT(low <= belay_store_next_sequence(b->store, t->id));
    t->low = low;
    belay_store_set_low(b->store, t->id, low);
}

static void retain(struct belay_broker *b, struct topic *t)
{
    t->low_dirty = false;
    uint64_t finished = retention_finished_low(b, t), low = finished;
    if (t->retain_ms) {
        belay_time since = b->now - (belay_time)t->retain_ms * BELAY_US_PER_MS;
        uint64_t by_time = belay_store_sequence_at(b->store, t->id, since);
        uint64_t by_bytes = t->retain_bytes ? low_by_bytes(b, t, t->low, t->retain_bytes) : 0;
        uint64_t kept = by_time > by_bytes ? by_time : by_bytes;
        low = kept < finished || BELAY_PLANTED(20) ? kept : finished;
        if (BELAY_PLANTED(21))
            low = 0;
    }
    set_low(b, t, low);
}

bool retention_make_room(struct belay_broker *b, struct topic *t, size_t bytes)
{
    uint64_t messages, used;
    belay_store_topic_size(b->store, t->id, &messages, &used);
    if (used + bytes <= t->retain_bytes)
        return true;
    uint64_t finished = retention_finished_low(b, t);
    while (used + bytes > t->retain_bytes && t->low < finished) {
        uint64_t keep = t->retain_bytes > bytes ? t->retain_bytes - bytes : 0;
        uint64_t low = low_by_bytes(b, t, t->low ? t->low : belay_store_first_sequence(b->store, t->id), keep);
        set_low(b, t, low < finished ? low : finished);
        belay_store_topic_size(b->store, t->id, &messages, &used);
    }
    return used + bytes <= t->retain_bytes;
}

void retention_tick(struct belay_broker *b)
{
    bool periodic = b->retention_at <= b->now, timed = false;
    for (uint32_t i = 0; i < b->topic_count; i++) {
        struct topic *t = b->topics[i];
        timed = timed || t->retain_ms;
        if (t->retain_ms ? periodic : t->low_dirty)
            retain(b, t);
    }
    if (periodic)
        b->retention_at = timed ? b->now + RETENTION_PERIOD_US : BELAY_TIME_NEVER;
}
