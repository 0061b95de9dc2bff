/* timers.h - flows whose source is a timer (timers.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_TIMERS_H
#define BELAY_ENGINE_TIMERS_H

#include "base/limits.h"
#include "engine/engine.h"

struct engine_timer { /* a flow with a timer as its source */
    const struct belay_flow_def *flow;
    belay_time next;
    char topic[BELAY_NAME_BYTES_MAX + 8];
};

int engine_timers_configure(struct belay_engine *e, const struct belay_definitions *d,
                            struct belay_err *err);
void engine_timers_fire(struct belay_engine *e);
belay_time engine_timers_wake_at(const struct belay_engine *e);
int engine_timer_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
/* Name of the queue that a timer's messages go through. */
void engine_timer_topic(const struct belay_flow_def *flow, char *ret_name, size_t size);
void engine_timers_free(struct belay_engine *e);

#endif
