/* definitions.h - the current definitions, who consumes which subscription, and those that work in flight began with
 * (definitions.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_DEFINITIONS_H
#define BELAY_ENGINE_DEFINITIONS_H

#include "engine/engine.h"

enum engine_consumer_kind { CONSUMER_NONE, CONSUMER_FLOW, CONSUMER_SAGA, CONSUMER_AWAIT };
struct engine_consumer {
    enum engine_consumer_kind kind;
    const struct belay_flow_def *flow;
    const struct belay_saga_def *saga;
    uint32_t step;
    struct belay_subscription *sub;
};

/* A definition that can be found by its hash. */
struct engine_kept {
    uint8_t key[17]; /* 'f' or 's', hash */
    struct belay_definitions *set;
    const struct belay_flow_def *flow;
    const struct belay_saga_def *saga;
    bool current;
};

const struct belay_flow_def *engine_flow_of(struct belay_engine *e, struct belay_hash128 hash,
                                            struct belay_definitions **ret_set);
const struct belay_saga_def *engine_saga_of(void *arg, struct belay_str name,
                                            struct belay_hash128 hash);
int engine_definition_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
void engine_definitions_free(struct belay_engine *e);
struct engine_consumer *engine_consumer_of(struct belay_engine *e,
                                           const struct belay_subscription *sub);

#endif
