/* timers.h - flows whose source is a timer (timers.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_TIMERS_H
#define BELAY_ENGINE_TIMERS_H

#include "base/limits.h"
#include "broker/declare.h"
#include "engine/engine.h"

struct engine_timer { /* a flow with a timer as its source */
    const struct belay_flow_def *flow;
    belay_time next;
    char topic[BELAY_NAME_BYTES_MAX + 8];
};

struct engine_timers {
    struct engine_timer *items; /* belay_free */
    uint32_t count;
};

/* Could their queues be declared? As belay_broker_declare_check. */
int engine_timers_check(struct belay_engine *e, const struct belay_definitions *d, struct belay_declare_need *need,
                        struct belay_err *err) BELAY_MUST_CHECK;
/* Declares their queues; those in force stay. Errors: BELAY_NOMEM, those of belay_broker_declare_topic. */
int engine_timers_make(struct belay_engine *e, const struct belay_definitions *d, struct engine_timers *ret_timers,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* They are in force: takes the memory. */
void engine_timers_configure(struct belay_engine *e, struct engine_timers timers);
void engine_timers_fire(struct belay_engine *e);
belay_time engine_timers_wake_at(const struct belay_engine *e);
int engine_timer_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
/* Name of the queue that a timer's messages go through. */
void engine_timer_topic(const struct belay_flow_def *flow, char *ret_name, size_t size);
void engine_timers_free(struct belay_engine *e);

#endif
