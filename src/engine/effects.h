/* effects.h - what a run brought about: publications, logs (effects.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_EFFECTS_H
#define BELAY_ENGINE_EFFECTS_H

#include "engine/engine.h"

struct engine_run;

/* Can all that the run publishes be appended now, with `extra` bytes beside it? BELAY_OK; BELAY_BUSY or
 * BELAY_NOSPACE: not now; BELAY_INVALID: never, *ret_fault says why. */
int engine_effects_check(struct belay_engine *e, struct engine_run *r, size_t extra,
                         struct belay_fault *ret_fault);
/* belay_flow_input's admit: a full queue that rejects is the step's error. arg: the run's `owner`. */
bool engine_effects_admit(void *arg, const struct belay_publication *p, struct belay_fault *ret_fault);
void engine_effects_publish(struct belay_engine *e, struct engine_run *r);
void engine_effects_log(struct belay_engine *e, struct engine_run *r);

#endif
