/* sagas.h - what flows see of sagas (sagas.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_SAGAS_H
#define BELAY_ENGINE_SAGAS_H

#include "engine/engine.h"

int engine_saga_function(void *arg, struct belay_arena *arena, const struct belay_value *args,
                         uint32_t count, struct belay_value *ret, struct belay_err *err);

#endif
