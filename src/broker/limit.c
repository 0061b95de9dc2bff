/* limit.c - how much a topic may hold: max_messages, max_bytes, max_age; and how fast it empties.
 *
 *   length = given to the slowest subscription - done, discarded, expired, dead - parked and what waits behind them
 *
 * What a person has to settle does not count: one key in trouble must not close a queue to all others.  It is
 * kept all the same, and alerts.  Nothing here is durable: limits are configuration, and are asked before a
 * record is made, never when one is applied.
 */
#include "broker/record.h"
#include "broker/topic.h"

#define AGE_LOOK_US (10 * BELAY_US_PER_MS) /* how old the oldest is, is looked up so often at most */
#define ROOM_PART 10                       /* who is turned away comes when a tenth of the limit is free */

static uint64_t finished(const struct belay_subscription *sub)
{
    const struct counters *n = &sub->n;
    return n->done + n->discarded + n->expired + n->dead + n->parked + n->stuck;
}

static uint64_t length_for(struct belay_broker *b, const struct belay_subscription *sub)
{
    uint64_t given = belay_store_next_sequence(b->store, sub->topic_id) - sub->start, gone = finished(sub);
    return given > gone ? given - gone : 0;
}

/* The slowest subscription; NULL: it has none. */
static struct belay_subscription *slowest(struct belay_broker *b, struct topic *t, uint64_t *ret_length)
{
    struct belay_subscription *worst = NULL;
    *ret_length = 0;
    for (struct belay_list *node = t->subscriptions.next; node != &t->subscriptions; node = node->next) {
        struct belay_subscription *sub = BELAY_CONTAINER_OF(node, struct belay_subscription, topic_node);
        uint64_t length = length_for(b, sub);
        if (!worst || length > *ret_length) {
            worst = sub;
            *ret_length = length;
        }
    }
    return worst;
}

uint64_t topic_length(struct belay_broker *b, struct topic *t)
{
    uint64_t length, bytes;
    if (!slowest(b, t, &length))
        belay_store_topic_size(b->store, t->id, &length, &bytes);
    return length;
}

/* By the mean size of what is in the log. */
static uint64_t bytes_of(struct belay_broker *b, const struct topic *t, uint64_t messages)
{
    uint64_t count, bytes;
    belay_store_topic_size(b->store, t->id, &count, &bytes);
    return count ? bytes / count * messages : 0;
}

/* Has the lowest that is queued or in flight waited for too long? Looked up now and then: it moves slowly. */
static bool is_old(struct belay_broker *b, struct topic *t)
{
    if (b->now < t->aged_until)
        return t->aged;
    t->aged_until = b->now + AGE_LOOK_US;
    t->aged = false;
    uint64_t first = belay_store_sequence_at(b->store, t->id,
                                             b->now - (belay_time)t->limit.max_age_ms * BELAY_US_PER_MS);
    for (struct belay_list *node = t->subscriptions.next; node != &t->subscriptions; node = node->next) {
        const struct belay_subscription *sub = BELAY_CONTAINER_OF(node, struct belay_subscription, topic_node);
        t->aged = t->aged || sub->cursor < first;
    }
    return t->aged;
}

/* Would who comes now wait for too long? By the speed that was seen while there was always something to do: the age of
 * the oldest alone would let a whole crowd in once it is young enough. */
static bool too_long(const struct topic *t, uint64_t length)
{
    double per_max_age = t->drain.per_second * (double)t->limit.max_age_ms / 1000;
    return t->drain.known && t->drain.per_second > 0 && (double)length >= per_max_age && length > 0;
}

static enum belay_topic_bound bound_of(struct belay_broker *b, struct topic *t, uint64_t length, size_t bytes)
{
    const struct belay_topic_def *limit = &t->limit;
    if (limit->max_messages && length >= limit->max_messages)
        return BELAY_BOUND_MESSAGES;
    if (limit->max_bytes && length && bytes_of(b, t, length) + bytes > limit->max_bytes)
        return BELAY_BOUND_BYTES;
    return limit->max_age_ms && (too_long(t, length) || is_old(b, t)) ? BELAY_BOUND_AGE : BELAY_BOUND_NONE;
}

/* How many leave before those that were turned away have a chance. */
static uint64_t leave_first(const struct topic *t, uint64_t length, enum belay_topic_bound bound)
{
    uint64_t limit = bound == BELAY_BOUND_MESSAGES ? t->limit.max_messages : length;
    return limit / ROOM_PART + 1;
}

/* How fast the slowest subscription finishes, while it has always something to: where more left than were there at the
 * last look, it may have waited for work in between. */
static void see_drain(struct belay_broker *b, struct topic *t)
{
    uint64_t length;
    const struct belay_subscription *sub = slowest(b, t, &length);
    if (!sub)
        return;
    if (sub->id != t->drain_of) /* another is the slowest now: its own speed counts */
        t->drain = (struct belay_drain){ 0 };
    t->drain_of = sub->id;
    uint64_t left = sub->n.done + sub->n.discarded + sub->n.expired;
    belay_time before = t->drain.at;
    if (t->drain.begun && left >= t->drain.left && left - t->drain.left >= t->drain_length)
        belay_drain_skip(&t->drain, left, b->now);
    else
        belay_drain_see(&t->drain, left, b->now);
    if (t->drain.at != before || !t->drain_length)
        t->drain_length = length;
}

/* When room is to be expected. Where all that counts waits for a retry, or behind one, nothing leaves before the first of
 * them is due, however fast it went before. */
static uint32_t room_after_ms(struct belay_broker *b, struct topic *t, enum belay_topic_bound bound)
{
    uint64_t length;
    const struct belay_subscription *sub = slowest(b, t, &length);
    uint32_t after_ms = belay_drain_after_ms(&t->drain, leave_first(t, length, bound));
    bool all_wait = sub && !sub->in_flight && sub->n.waiting + sub->n.held - sub->n.stuck >= length;
    if (!all_wait || sub->next_due <= b->now || sub->next_due == BELAY_TIME_NEVER)
        return after_ms;
    uint64_t due_ms = (uint64_t)(sub->next_due - b->now) / BELAY_US_PER_MS + 1;
    due_ms = due_ms < BELAY_DRAIN_AFTER_MS_MAX ? due_ms : BELAY_DRAIN_AFTER_MS_MAX;
    return due_ms > after_ms ? (uint32_t)due_ms : after_ms;
}

bool belay_broker_topic_full(struct belay_broker *b, struct belay_str topic, size_t bytes, belay_time now,
                             struct belay_topic_full *ret_full)
{
    struct topic *t = topic_find(b, topic);
    broker_advance(b, now);
    if (!t || !t->limited)
        return false;
    uint64_t length = topic_length(b, t);
    enum belay_topic_bound bound = bound_of(b, t, length, bytes);
    see_drain(b, t);
    if (bound == BELAY_BOUND_NONE)
        return false;
    t->full_seen++;
    t->full_at = b->now;
    *ret_full = (struct belay_topic_full){
        .bound = bound,
        .rejects = t->limit.on_full == BELAY_ON_FULL_REJECT,
        .length = length,
        .retry_after_ms = room_after_ms(b, t, bound),
    };
    return true;
}

const char *belay_topic_bound_name(enum belay_topic_bound bound)
{
    static const char *const names[] = { "", "max_messages", "max_bytes", "max_age" };
    return names[bound];
}

void topic_limit(struct topic *t, const struct belay_topic_def *def)
{
    t->limit = *def;
    t->limit.name = BELAY_STR_NONE; /* belongs to the configuration, which may go */
    t->limited = def->max_messages || def->max_bytes || def->max_age_ms;
    t->aged_until = 0;
}

void topic_limit_stats(struct belay_broker *b, struct topic *t, struct belay_topic_stats *s)
{
    s->max_messages = t->limit.max_messages;
    s->max_bytes = t->limit.max_bytes;
    s->max_age_ms = t->limit.max_age_ms;
    s->rejects = t->limit.on_full == BELAY_ON_FULL_REJECT;
    s->length = topic_length(b, t);
    s->times_full = t->full_seen;
    s->full_at = t->full_seen ? t->full_at : BELAY_TIME_NEVER;
    s->bound = t->limited ? bound_of(b, t, s->length, 0) : BELAY_BOUND_NONE;
    see_drain(b, t);
    s->drain_per_second = t->drain.known ? t->drain.per_second : 0;
}
