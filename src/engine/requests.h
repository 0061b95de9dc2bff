/* requests.h - requests of APIs: one message, one answer (requests.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_REQUESTS_H
#define BELAY_ENGINE_REQUESTS_H

#include "engine/engine.h"

struct engine_connection;
struct engine_run;

int engine_request_enact(struct belay_engine *e, struct engine_run *r);
void engine_request_again(struct belay_engine *e, struct engine_run *r);
/* What it wants to call is not called now: 503, and when to ask again. */
void engine_request_breaker_open(struct belay_engine *e, struct engine_run *r, const struct engine_connection *c);
/* The same flow asked for the same: so a request is known when it comes again. */
uint64_t engine_request_id(const struct engine_run *r);
/* Begun, and not answered. */
bool engine_request_is_open(const struct engine_run *r);
void engine_request_begin(struct belay_engine *e, struct engine_run *r);
/* The process ends, and nothing of it is out. */
void engine_request_leave(struct belay_engine *e, struct engine_run *r);
/* The process ends before its call does. */
void engine_request_cut(struct belay_engine *e, struct engine_run *r);
void engine_request_deadline(struct belay_engine *e, struct engine_run *r);
/* It waits for room in a queue, as long as its API lets it; and has waited so long. */
void engine_request_block(struct belay_engine *e, struct engine_run *r);
void engine_request_blocked(struct belay_engine *e, struct engine_run *r);
/* An error as the answer; nothing of the run took effect. */
void engine_request_refuse(struct belay_engine *e, struct engine_run *r, uint32_t status,
                           const char *type, struct belay_str detail, uint32_t retry_after_ms);

#endif
