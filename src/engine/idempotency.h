/* idempotency.h - who works under a key just now, and answers as bytes (idempotency.c).  Private to engine. What is
 * durable of it is the broker's.  Thread: engine. */
#ifndef BELAY_ENGINE_IDEMPOTENCY_H
#define BELAY_ENGINE_IDEMPOTENCY_H

#include "base/arena.h"
#include "base/buf.h"
#include "engine/engine.h"

struct engine_run;

bool engine_key_set(struct belay_engine *e, struct engine_run *r, struct belay_str scope,
                    struct belay_str key);
struct engine_run *engine_key_holder(struct belay_engine *e, const struct engine_run *r);
int engine_key_claim(struct belay_engine *e, struct engine_run *r);
void engine_key_release(struct belay_engine *e, struct engine_run *r);
/* A reply as bytes, and back (views of bytes, fields from arena). */
void engine_answer_pack(struct belay_buf *out, const struct belay_action_reply *reply);
bool engine_answer_unpack(struct belay_str bytes, struct belay_arena *arena,
                          struct belay_action_reply *ret_reply);

#endif
