/* connection_def.h - connections, and what one lets through (policy/gate.h).  Uses: base; the connector's own
 * options are opaque here.  Thread: immutable once made. */
#ifndef BELAY_MODEL_CONNECTION_DEF_H
#define BELAY_MODEL_CONNECTION_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rate.h"
#include "base/str.h"
#include "model/place.h"
#include "model/retry_def.h"

struct belay_call_request; /* belay/connector.h */

/* ---- what a connection lets through; zero: everything ---- */

struct belay_budget_def {
    double share;             /* retries to first tries at most (0.2); 0: no bound */
    double floor;             /* retries a second that are always allowed */
    uint32_t window_ms;       /* over which first tries are counted; 0: 10 s */
    double concurrency;       /* share of the slots that retries may hold, one at least; 0: all of them */
};

struct belay_breaker_def {
    bool enabled;
    double failure_rate;      /* opens at this share of failed calls; 0: never */
    double slow_rate;         /* and at this share of slow ones */
    uint32_t slow_ms;         /* a call is slow beyond; 0: none is */
    uint32_t calls_min;       /* of the window, before it is judged */
    uint32_t window_ms;
    uint32_t open_ms, open_max_ms; /* open for so long, twice that after each probe that failed, up to */
    uint32_t probes;          /* calls that must succeed before it closes */
};

struct belay_gate_def {
    uint32_t concurrency;     /* calls at once; 0 is 1. AUTO: at most */
    bool concurrency_auto;    /* found by latency */
    struct belay_rate_def rate;
    struct belay_budget_def budget;
    struct belay_breaker_def breaker;
};

/* ---- connections ---- */

struct belay_connection_def {
    struct belay_str name;
    struct belay_str connector;         /* "http": descriptor and options are config's and runtime's */
    struct belay_str namespace_;        /* of its errors: "HTTP" */
    const void *config;                 /* struct belay_connection_config, opaque to the core */
    bool honours_key;                   /* the service honours the idempotency key */
    uint32_t timeout_ms;
    struct belay_gate_def gate;         /* how many calls, how fast, and whether at all */
    const struct belay_retry_def *retry; /* of calls whose step, and flow or saga, say nothing; NULL: none */
    struct belay_place place;
    bool (*idempotent)(const struct belay_call_request *request); /* the connector's own word */
};

#endif
