/* flight.h - what is in flight, noted in pages that outlive the process (flight.c).  Private to engine.
 * Thread: engine. */
#ifndef BELAY_ENGINE_FLIGHT_H
#define BELAY_ENGINE_FLIGHT_H

#include "broker/crash.h"
#include "engine/engine.h"

struct engine_call;
struct engine_run;

/* What is found there; items from e->arena. */
int engine_flight_open(struct belay_engine *e, struct belay_crash *ret_crash, struct belay_err *err);
/* A message's flow is about to be stepped; FLIGHT_REQUEST: that of a request, by its engine_request_id; FLIGHT_OTHER: a saga. */
#define FLIGHT_OTHER UINT32_MAX
#define FLIGHT_REQUEST (UINT32_MAX - 1)
void engine_flight_at_work(struct belay_engine *e, uint32_t sub, uint64_t sequence);
void engine_flight_idle(struct belay_engine *e);
/* A message is in flight from here on, and no more. */
void engine_flight_note(struct belay_engine *e, const struct engine_run *r);
void engine_flight_unnote(struct belay_engine *e, const struct engine_run *r);
/* A request has begun; engine_flight_unnote: it is answered. */
void engine_flight_request(struct belay_engine *e, const struct engine_run *r, uint64_t id);
/* Whose call it is: of which saga; no more. */
void engine_flight_saga(struct belay_engine *e, const struct engine_call *c, struct belay_str key);
void engine_flight_saga_ended(struct belay_engine *e, const struct engine_call *c);
/* Whose turn it is, after a take of FLIGHT_OTHER. */
void engine_flight_saga_at_work(struct belay_engine *e, struct belay_str key);
/* A call of a saga or a request is under way; no more. */
void engine_flight_other(struct belay_engine *e, bool begins);
/* The process ends in order: nothing it did ended it. */
void engine_flight_clear(struct belay_engine *e);
/* What the last process died of is durable: messages may be delivered. */
bool engine_flight_is_known(struct belay_engine *e);
/* What the last process died of, written down: nothing is delivered before. False: not yet. (engine.c) */
bool engine_crash_count(struct belay_engine *e);
void engine_flight_close(struct belay_engine *e);

#endif
