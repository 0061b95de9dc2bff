/* idempotency.h - a request or message with a key that came before.  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_IDEMPOTENCY_H
#define BELAY_BROKER_IDEMPOTENCY_H

#include "broker/broker.h"

enum belay_idempotency_state { BELAY_IDEMPOTENCY_NONE, BELAY_IDEMPOTENCY_RUNNING, BELAY_IDEMPOTENCY_DONE };
struct belay_idempotency {
    enum belay_idempotency_state state;
    struct belay_hash128 request;  /* of the payload */
    struct belay_str answer;       /* DONE: what was stored; RUNNING: so_far; view until the next change of state */
    bool interrupted;              /* RUNNING, but by a process that is gone: the same key resumes it */
};
/* scope: "api/operation" or a subscription's name; the key is compared in full. */
void belay_broker_idempotency_get(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                  struct belay_idempotency *ret_idem);
/* so_far: kept with it, whatever it means. Begun again: in place of the one before. */
int belay_broker_idempotency_begin(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                   struct belay_hash128 request, struct belay_str so_far, uint64_t window_ms, belay_time now,
                                   struct belay_err *err) BELAY_MUST_CHECK;
/* Also without a begin before (one commit). */
int belay_broker_idempotency_done(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                  struct belay_hash128 request, struct belay_str answer, uint64_t window_ms,
                                  belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Nothing happened after all: the key is free again. */
int belay_broker_idempotency_forget(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                    struct belay_err *err) BELAY_MUST_CHECK;

#endif
