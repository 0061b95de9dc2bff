/* definitions.h - the current definitions, who consumes which subscription, and those that work in flight began with
 * (definitions.c, configure.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_DEFINITIONS_H
#define BELAY_ENGINE_DEFINITIONS_H

#include "broker/declare.h"
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

/* ---- for configure.c ---- */

/* Old ones beyond a bound go. */
void engine_definitions_trim(struct belay_engine *e);
/* What make will write is added to *need. */
void engine_definitions_need(struct belay_engine *e, const struct belay_definitions *d, struct belay_declare_need *need);
/* Stores those that are not stored, and makes a place for each; on failure some have one. Errors: BELAY_NOMEM, the store's. */
int engine_definitions_make(struct belay_engine *e, struct belay_definitions *d, struct belay_err *err) BELAY_MUST_CHECK;
/* They are refused: the places made go. */
void engine_definitions_drop(struct belay_engine *e, const struct belay_definitions *d);
/* They are the current ones: made before, so this cannot fail. */
void engine_definitions_take(struct belay_engine *e, struct belay_definitions *d);

/* belay_subscription_opt.lane_key: arg is a belay_flow_def; a belay_saga_step_def that awaits. */
int engine_lane_key(void *arg, const struct belay_message *m, struct belay_arena *arena, struct belay_str *ret_key,
                    struct belay_fault *ret_fault);
int engine_event_key(void *arg, const struct belay_message *m, struct belay_arena *arena, struct belay_str *ret_key,
                     struct belay_fault *ret_fault);
void engine_definitions_free(struct belay_engine *e);
struct engine_consumer *engine_consumer_of(struct belay_engine *e,
                                           const struct belay_subscription *sub);

#endif
