/* deliveries.h - what the broker gives out goes to a flow or a saga, and ends with an outcome (deliveries.c).
 * Private to engine. Thread: engine. */
#ifndef BELAY_ENGINE_DELIVERIES_H
#define BELAY_ENGINE_DELIVERIES_H

#include "engine/engine.h"

struct engine_connection;
struct engine_run;

/* Hands messages to flows and sagas, so many or about so many bytes of them; false: nothing more now. */
bool engine_deliver(struct belay_engine *e, uint32_t count_max, size_t bytes_max);
/* Room for another run, its actions and what it may leave in the store? */
bool engine_may_deliver(const struct belay_engine *e);
void engine_deliver_one(struct belay_engine *e, struct belay_delivery *d);
int engine_delivery_enact(struct belay_engine *e, struct engine_run *r);
/* A retry that may not be made now: the broker has it again until later, no attempt used up. BELAY_CONFLICT: it is
 * none that the broker can put away; BELAY_BUSY, NOSPACE: nothing happened. The run is gone when OK. */
int engine_delivery_postpone(struct belay_engine *e, struct engine_run *r, struct engine_connection *c);
/* Too many of its flow wait already: the broker keeps it for a moment. The run is gone. */
void engine_delivery_give_back(struct belay_engine *e, struct engine_run *r);

#endif
