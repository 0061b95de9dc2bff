/* doubt.h - what of a request outlives its process: the row of its key until it is answered (doubt.c).  Private to
 * engine.  Thread: engine. */
#ifndef BELAY_ENGINE_DOUBT_H
#define BELAY_ENGINE_DOUBT_H

#include "engine/engine.h"

struct belay_call_outcome;
struct belay_idempotency;
struct engine_run;

/* The call that its flow wants is about to be made: the row says so first. Errors: the broker's; the call waits. */
int engine_doubt_record(struct belay_engine *e, struct engine_run *r, struct belay_err *err) BELAY_MUST_CHECK;
/* What an outcome (NULL: none, it began) and the step that took it tell of what its calls did. */
void engine_doubt_learn(struct engine_run *r, const struct belay_call_outcome *outcome);
/* An error is the answer: the key is free, or whoever asks again goes on from here. */
void engine_doubt_let_go(struct belay_engine *e, struct engine_run *r);
/* The row that an earlier try left (none: there is nothing to know). False: no memory. */
bool engine_doubt_resume(struct engine_run *r, const struct belay_idempotency *row) BELAY_MUST_CHECK;

#endif
