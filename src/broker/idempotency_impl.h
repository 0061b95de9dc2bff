/* idempotency_impl.h - idempotency keys over time (idempotency.c); where they lie: key_parts.h.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_IDEMPOTENCY_IMPL_H
#define BELAY_BROKER_IDEMPOTENCY_IMPL_H

#include "broker/resident.h"

/* Buckets whose time has passed are over, and the tables of their parts go. */
void idempotency_tick(struct belay_broker *b);

#endif
