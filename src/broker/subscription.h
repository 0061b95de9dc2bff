/* subscription.h - durable readers of topics, as rows.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_SUBSCRIPTION_H
#define BELAY_BROKER_SUBSCRIPTION_H

#include "broker/resident.h"

int subscriptions_load(struct belay_broker *b, struct belay_state *state);
void subscriptions_save(struct belay_broker *b, struct belay_state *state);
void subscriptions_free(struct belay_broker *b);
/* Unpacks an id; NULL (and u failed) where there is none. */
struct belay_subscription *unpack_subscription(struct belay_broker *b, struct belay_unpack *u);
/* Pauses with a durable reason; room was reserved. */
void subscription_pause_append(struct belay_broker *b, struct belay_subscription *sub, struct belay_str reason);

#endif
