/* clock.h - engine time: never goes back, also not over a restart (clock.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_CLOCK_H
#define BELAY_ENGINE_CLOCK_H

#include "engine/engine.h"

void engine_clock_open(struct belay_engine *e, belay_time wall);
void engine_clock_tick(struct belay_engine *e, belay_time wall);
/* Before the flush: the commit that begins or grows tells the time. */
void engine_clock_record(struct belay_engine *e);
belay_time engine_clock_wall(const struct belay_engine *e, belay_time engine_time);
int engine_clock_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
void engine_clock_load(struct belay_engine *e);

#endif
