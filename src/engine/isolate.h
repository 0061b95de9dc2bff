/* isolate.h - what was in flight when the process died runs one by one (isolate.c).  Private to engine.
 * Thread: engine. */
#ifndef BELAY_ENGINE_ISOLATE_H
#define BELAY_ENGINE_ISOLATE_H

#include "engine/room.h"

struct engine_call;
struct engine_run;

void engine_isolate_begin(struct belay_engine *e);
/* Hands a suspect out where that may be now. True: nobody is suspected, the others may go. */
bool engine_isolate(struct belay_engine *e);
/* The suspect's call waits for its commit, and is out: only then its time begins. */
void engine_isolate_granted(struct belay_engine *e, const struct engine_run *r);
void engine_isolate_out(struct belay_engine *e, const struct engine_run *r);
/* The same of a saga's call; ended: it has no outcome to come. */
void engine_isolate_saga_out(struct belay_engine *e, const struct engine_call *c, bool ended);
/* The sagas' part of a crash, in the commit that counts it. Errors: BELAY_BUSY, BELAY_NOSPACE: again later. */
int engine_accuse(struct belay_engine *e, const struct belay_crash *crash, struct belay_err *err);
void engine_accused_free(struct belay_engine *e);
uint32_t engine_deaths_allowed(const struct belay_engine *e, const struct belay_flow_def *flow);
/* The crash before is not written down yet. */
static inline bool engine_is_uncounted(const struct belay_engine *e)
{
    return e->uncounted.count || e->uncounted.others_named;
}
/* NEVER: not isolating. */
belay_time engine_isolate_wake_at(const struct belay_engine *e);
/* So many deaths, and it is quarantined instead of being run. True: the delivery is gone. */
bool engine_quarantine(struct belay_engine *e, struct belay_delivery *d, const struct belay_flow_def *flow);

#endif
