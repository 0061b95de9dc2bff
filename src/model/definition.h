/* definition.h - what a configuration means: connections, topics, apis, flows, sagas, compiled, as one set.
 * config makes it from YAML; engine, flow and saga run it.  Each kind has a header of its own.
 * Uses: base; expressions and schemas are opaque here.  Thread: immutable once made; the set is
 * reference-counted.  Memory: everything lives in the set's arena. */
#ifndef BELAY_MODEL_DEFINITION_H
#define BELAY_MODEL_DEFINITION_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/alert_def.h"
#include "model/api_def.h"
#include "model/connection_def.h"
#include "model/flow_def.h"
#include "model/retry_def.h"
#include "model/role.h"
#include "model/saga_def.h"
#include "model/topic_def.h"

struct belay_expr_data; /* expr/expr.h */
struct belay_redact;    /* json/redact.h */

struct belay_definitions {
    const struct belay_expr_data *expr_data; /* $env and $lookupTable; opaque here */
    const struct belay_redact *redact;        /* what may not be told; NULL: of one that was compiled again */
    struct belay_arena arena;
    struct belay_str name;                    /* of the application */
    uint32_t crash_after;                     /* of flows and sagas that say nothing; 0: the default */
    struct belay_poison_def poison;           /* likewise */
    struct belay_policy_def *policies; uint32_t policy_count;
    struct belay_connection_def *connections; uint32_t connection_count;
    struct belay_topic_def *topics; uint32_t topic_count;     /* queues too */
    struct belay_api_def *apis; uint32_t api_count;
    struct belay_flow_def *flows; uint32_t flow_count;
    struct belay_saga_def *sagas; uint32_t saga_count;
    const struct belay_alert_def *alerts; uint32_t alert_count;
    const struct belay_caller_def *tokens; uint32_t token_count; /* of the admin API over TCP */
    const struct belay_caller_def *users; uint32_t user_count;   /* of its unix socket, besides its owner and root */
    _Atomic uint32_t refs;                    /* any thread: the last one frees */
    void (*free)(struct belay_definitions *); /* by who made it: expressions, schemas, then the arena */
};

/* NULL where there is none of that name. */
const struct belay_policy_def *belay_definitions_policy(const struct belay_definitions *d, struct belay_str name);
const struct belay_connection_def *belay_definitions_connection(const struct belay_definitions *d, struct belay_str name);
const struct belay_topic_def *belay_definitions_topic(const struct belay_definitions *d, struct belay_str name);
const struct belay_flow_def *belay_definitions_flow(const struct belay_definitions *d, struct belay_str name);
/* The flow that answers an operation of an API. */
const struct belay_flow_def *belay_definitions_operation(const struct belay_definitions *d,
                                                         struct belay_str api, struct belay_str operation);
struct belay_definitions *belay_definitions_ref(struct belay_definitions *d);
void belay_definitions_unref(struct belay_definitions *d);

#endif
