/* deliver.c - the next message, fair among subscriptions.
 *
 * A subscription is in the ring while it may have something to give; next() takes the first, and puts it
 * back at the end.  What brings one into the ring: a publish, an outcome, a fetch that ended, a time.
 */
#include "broker/deliver.h"

#include "broker/idempotency_impl.h"
#include "broker/lane_filter.h"
#include "broker/lane_impl.h"
#include "broker/letter_impl.h"
#include "broker/outcome.h"
#include "broker/poison.h"
#include "broker/record.h"
#include "broker/replay_impl.h"
#include "broker/retention.h"
#include "broker/schedule.h"
#include "broker/suspect.h"
#include "broker/sweep.h"
#include "broker/trail.h"

#define READS_PER_TURN 4 /* batches of held or finished messages a turn may pass over */

bool subscription_may_deliver(const struct belay_subscription *sub)
{
    return sub->active && !sub->stopped && !sub->paused[0] && !sub->broken
           && sub->in_flight < sub->opt.concurrency;
}

void subscription_kick(struct belay_broker *b, struct belay_subscription *sub)
{
    if (!subscription_may_deliver(sub) || !belay_list_empty(&sub->ring_node))
        return;
    belay_list_push(&b->ring, &sub->ring_node);
    b->ring_count++;
}

/* When there may be something that no event announces. */
void subscription_rearm(struct belay_broker *b, struct belay_subscription *sub)
{
    belay_time at = sub->retry_at;
    struct belay_heap_node *later = belay_heap_min(&sub->later);
    belay_heap_remove(&b->wakes, &sub->wake);
    if (!subscription_may_deliver(sub))
        return;
    if (may_load(b, sub) && sub->next_due < at)
        at = sub->next_due;
    if (later && later->key < at)
        at = later->key;
    if (at != BELAY_TIME_NEVER && belay_heap_insert(&b->wakes, &sub->wake, at) != BELAY_OK)
        subscription_kick(b, sub); /* no memory to remember it: look at once */
}

static void wake(struct belay_broker *b)
{
    struct belay_heap_node *node;
    while ((node = belay_heap_min(&b->wakes)) && node->key <= b->now) {
        struct belay_subscription *sub = BELAY_CONTAINER_OF(node, struct belay_subscription, wake);
        belay_heap_remove(&b->wakes, node);
        subscription_kick(b, sub);
    }
}

void deferred_ready(struct belay_broker *b, struct belay_subscription *sub)
{
    struct belay_heap_node *node;
    while ((node = belay_heap_min(&sub->later)) && node->key <= b->now) {
        belay_heap_remove(&sub->later, node);
        entry_ready(BELAY_CONTAINER_OF(node, struct entry, later));
    }
}

/* True: something is there, or may be there at once. */
static bool fill(struct belay_broker *b, struct belay_subscription *sub)
{
    if (sub->retry_at <= b->now)
        sub->retry_at = BELAY_TIME_NEVER;
    if (belay_heap_min(&sub->later))
        deferred_ready(b, sub);
    if (sub->next_due <= b->now)
        read_due(b, sub);
    for (int turn = 0; turn < READS_PER_TURN; turn++) {
        if (!belay_list_empty(&sub->troubled) && !lanes_hold(b, sub)) {
            sub->retry_at = b->now + BELAY_US_PER_MS;
            break;
        }
        if (!belay_list_empty(&sub->ready))
            return true;
        if (!read_fresh(b, sub))
            break;
        if (turn == READS_PER_TURN - 1)
            return true;
    }
    return !belay_list_empty(&sub->ready);
}

bool deliver_refused(struct belay_broker *b, struct entry *e, bool *ret_stop)
{
    struct belay_subscription *sub = e->d.sub;
    struct belay_fault fault;
    struct belay_err err;
    struct belay_str key;
    int status = BELAY_OK;
    if (!e->lane_fault)
        return false;
    belay_fault_init(&fault, "EXPRESSION:LIMIT", BELAY_CLASS_PERMANENT, "the lane key is too long");
    if (sub->opt.lane_key)
        status = sub->opt.lane_key(sub->opt.arg, &e->d.message, &e->page->fetch.arena, &key, &fault);
    fault.at = b->now;
    bool park = e->keyed && !e->loner && sub->opt.on_exhausted == BELAY_EXHAUSTED_PARK_KEY;
    e->where = ENTRY_FLIGHT;
    sub->in_flight++;
    *ret_stop = status == BELAY_NOMEM /* what is wrong with it can be told later */
                || letter_now(b, e, &fault, park, true, e->d.progress, e->d.definition, &err) != BELAY_OK;
    if (*ret_stop) {
        sub->in_flight--;
        entry_ready(e);
        sub->retry_at = b->now + BELAY_US_PER_MS;
    }
    return true;
}

void deliver_take(struct belay_broker *b, struct entry *e)
{
    struct belay_subscription *sub = e->d.sub;
    const struct suspect *s = sub->suspect_count ? suspect_find(sub, e->d.sequence) : NULL;
    BELAY_ASSERT(e->where == ENTRY_READY && sub->in_flight < sub->opt.concurrency);
    BELAY_ASSERT(!e->lane || (e->lane->busy == e && (e->loner || !e->lane->hand)));
    e->d.deaths = s ? s->deaths : 0;
    e->where = ENTRY_FLIGHT;
    e->taken = true;
    e->taken_at = b->now;
    sub->in_flight++;
    if (!e->d.first_attempt_at)
        e->d.first_attempt_at = b->now;
}

static struct entry *take(struct belay_broker *b, struct belay_subscription *sub, bool *ret_again)
{
    *ret_again = false;
    while (subscription_may_deliver(sub)) {
        if (belay_list_empty(&sub->ready) || !belay_list_empty(&sub->troubled))
            *ret_again = fill(b, sub);
        struct belay_list *node = belay_list_pop(&sub->ready);
        if (!node)
            return NULL;
        struct entry *e = BELAY_CONTAINER_OF(node, struct entry, d.node);
        bool stop = false;
        if (deliver_refused(b, e, &stop)) {
            if (stop)
                return NULL;
            continue;
        }
        deliver_take(b, e);
        return e;
    }
    return NULL;
}

struct belay_delivery *belay_broker_next(struct belay_broker *b, belay_time now)
{
    broker_advance(b, now);
    wake(b);
    for (uint32_t n = b->ring_count; n; n--) {
        struct belay_list *node = belay_list_pop(&b->ring);
        if (!node)
            break;
        struct belay_subscription *sub = BELAY_CONTAINER_OF(node, struct belay_subscription, ring_node);
        bool again;
        b->ring_count--;
        struct entry *e = take(b, sub, &again);
        if (e || again)
            subscription_kick(b, sub);
        if (e)
            return &e->d;
        subscription_rearm(b, sub);
    }
    return NULL;
}

/* What waits is looked at once a millisecond, not once for each: a step and its commit are the same for one and for a
 * hundred. */
static belay_time next_delivery_at(const struct belay_broker *b)
{
    struct belay_heap_node *node = belay_heap_min(&b->wakes);
    if (b->ring_count)
        return b->now;
    if (!node || node->key > BELAY_TIME_NEVER - BELAY_US_PER_MS)
        return node ? node->key : BELAY_TIME_NEVER;
    return (node->key + BELAY_US_PER_MS - 1) / BELAY_US_PER_MS * BELAY_US_PER_MS;
}

belay_time belay_broker_tick_at(const struct belay_broker *b)
{
    belay_time at = BELAY_TIME_NEVER;
    if (b->sweeping && b->now + SWEEP_PERIOD_US < at)
        at = b->now + SWEEP_PERIOD_US;
    at = b->scheduled_due < at ? b->scheduled_due : at;
    if (b->replay_count) {
        belay_time replays = replays_wake_at(b);
        at = replays < at ? replays : at;
    }
    if (b->expires && b->expire_at < at)
        at = b->expire_at;
    return b->retention_at < at ? b->retention_at : at;
}

belay_time belay_broker_wake_at(const struct belay_broker *b)
{
    belay_time at = next_delivery_at(b), tick = belay_broker_tick_at(b);
    return at < tick ? at : tick;
}

void belay_broker_defer(struct belay_broker *b, struct belay_delivery *d, belay_time not_before)
{
    struct entry *e = entry_of(d);
    struct belay_subscription *sub = d->sub;
    BELAY_ASSERT(e->where == ENTRY_FLIGHT && sub->in_flight);
    sub->in_flight--;
    e->where = ENTRY_DEFERRED;
    if (e->lane && e->lane->hand) { /* it was parked meanwhile */
        entry_recall(b, e);
        subscription_kick(b, sub);
        return;
    }
    if (not_before <= b->now || belay_heap_insert(&sub->later, &e->later, not_before) != BELAY_OK)
        entry_ready(e);
    subscription_kick(b, sub);
    subscription_rearm(b, sub);
}

void belay_broker_tick(struct belay_broker *b, belay_time now)
{
    broker_advance(b, now);
    schedule_tick(b);
    retention_tick(b);
    idempotency_tick(b);
    sweep_tick(b);
    lane_filter_tick(b);
    poison_tick(b);
    trail_tick(b);
    if (b->replay_count)
        replays_tick(b);
    group_tick(b);
    letters_expire_tick(b);
}
