/* poison.h - what fails again and again (poison.c).  Private to engine. The rows and their counting are the broker's
 * (broker/poison.h).  Thread: engine.
 *
 * A request of an API is refused as one that kills only after as many deaths as `crash_loop` allows of a process in which
 * nothing else was at work. */
#ifndef BELAY_ENGINE_POISON_H
#define BELAY_ENGINE_POISON_H

#include "engine/engine.h"

struct engine_run;

/* Would engine_poison_failed say that it is to become a letter? Nothing is counted. */
bool engine_poison_may_trip(struct belay_engine *e, struct engine_run *r, const struct belay_fault *fault);
/* An attempt failed. True: it is to become a letter now, whatever its policy says; *ret_fault says why. *ret_pause: its
 * flow is to be paused, once the delivery has ended. */
bool engine_poison_failed(struct belay_engine *e, struct engine_run *r, const struct belay_fault *fault,
                          struct belay_fault *ret_fault, bool *ret_pause);
void engine_poison_pause(struct belay_engine *e, struct belay_subscription *sub);
/* It succeeded after all. */
void engine_poison_succeeded(struct belay_engine *e, struct engine_run *r);
/* It killed the process: whoever sends the same is refused. */
void engine_poison_quarantined(struct belay_engine *e, const struct belay_delivery *d, const struct belay_flow_def *flow,
                               const struct belay_fault *fault);
/* The process died while this request (engine_request_id) was all that was at work, in crash `number`: durable with it.
 * Errors: BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int engine_poison_died_of(struct belay_engine *e, uint64_t request, uint64_t number, struct belay_err *err) BELAY_MUST_CHECK;
void engine_poison_request_succeeded(struct belay_engine *e, struct engine_run *r);
/* True: the request is known to kill, or its payload is known to be poison where it goes, and it was answered so. */
bool engine_poison_refuses(struct belay_engine *e, struct engine_run *r);
/* The same of what its flow made of it: into another payload, or for a topic that an expression chose. Not where it has made
 * calls by now: what they did would be told as if nothing had happened. */
bool engine_poison_refuses_effects(struct belay_engine *e, struct engine_run *r);

#endif
