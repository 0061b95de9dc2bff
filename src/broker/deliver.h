/* deliver.h - the next message: read into the window, made ready, taken.  Private to broker.
 * Uses: window.h.  Thread: engine only. */
#ifndef BELAY_BROKER_DELIVER_H
#define BELAY_BROKER_DELIVER_H

#include "broker/window.h"

#define FETCHES_MAX 64        /* reads of exceptions under way */

void subscription_kick(struct belay_broker *b, struct belay_subscription *sub);
void subscription_rearm(struct belay_broker *b, struct belay_subscription *sub);
/* An entry that is ready becomes the delivery. */
void deliver_take(struct belay_broker *b, struct entry *e);
/* The lane key of a ready entry could not be told: it becomes a letter. True: it did, or could not now. */
bool deliver_refused(struct belay_broker *b, struct entry *e, bool *ret_stop);
bool subscription_may_deliver(const struct belay_subscription *sub);
void deferred_ready(struct belay_broker *b, struct belay_subscription *sub);
/* Messages of the subscription that may be in memory. */
static inline uint32_t prefetch_of(const struct belay_broker *b, const struct belay_subscription *sub)
{
    uint32_t own = sub->opt.prefetch;
    return own && own < b->read_ahead_max ? own : b->read_ahead_max;
}
/* May another exception be loaded? At least one of each subscription, however large the others are. */
static inline bool may_load(const struct belay_broker *b, const struct belay_subscription *sub)
{
    return sub->loaded < prefetch_of(b, sub) && b->fetches < FETCHES_MAX
           && (b->window_bytes < WINDOW_BYTES_MAX || !sub->loaded);
}
/* Reads fresh messages into the window. True: there is more to read at once. */
bool read_fresh(struct belay_broker *b, struct belay_subscription *sub);
void read_due(struct belay_broker *b, struct belay_subscription *sub);
/* The row at (due, sequence) is to be read again. */
void due_rewind(struct belay_subscription *sub, belay_time due, uint64_t sequence);

#endif
