/* door.h - requests that wait before their flow begins, until the store takes more, or a crash is counted (door.c).  Private to engine.
 * Thread: engine. */
#ifndef BELAY_ENGINE_DOOR_H
#define BELAY_ENGINE_DOOR_H

#include "engine/engine.h"

struct engine_run;

/* False: not now: it waits, or was refused. */
bool engine_door_lets(struct belay_engine *e, struct engine_run *r);
void engine_door_leave(struct belay_engine *e, struct engine_run *r);
/* It has waited as long as it may. */
void engine_door_waited(struct belay_engine *e, struct engine_run *r);
/* Those for whom there is room, once it is known what the last process died of. */
void engine_door_open(struct belay_engine *e);
belay_time engine_door_wake_at(const struct belay_engine *e);
int engine_door_check(const struct belay_engine *e, struct belay_err *err);

#endif
