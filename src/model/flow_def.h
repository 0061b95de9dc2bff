/* flow_def.h - flows: where their messages come from, their lanes, their errors, their steps.
 * Uses: base; expressions are opaque here.  Thread: immutable once made. */
#ifndef BELAY_MODEL_FLOW_DEF_H
#define BELAY_MODEL_FLOW_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/time.h"
#include "model/step_def.h"

enum belay_source_kind { BELAY_SOURCE_API, BELAY_SOURCE_TOPIC, BELAY_SOURCE_QUEUE, BELAY_SOURCE_TIMER };
enum belay_start { BELAY_START_UNSAID, BELAY_START_EARLIEST, BELAY_START_LATEST, BELAY_START_TIME };
enum belay_exhausted { BELAY_EXHAUSTED_PARK_KEY, BELAY_EXHAUSTED_SKIP, BELAY_EXHAUSTED_STOP };

struct belay_source_def {
    enum belay_source_kind kind;
    struct belay_str name;       /* api, topic or queue */
    struct belay_str operation;  /* API: operationId */
    enum belay_start start;
    belay_time start_time;
    uint64_t every_ms;           /* TIMER */
};

/* What a request gets whose key is being handled: 409, or, after that one, its answer. */
enum belay_concurrent { BELAY_CONCURRENT_CONFLICT, BELAY_CONCURRENT_WAIT };

struct belay_idempotency_def {
    const struct belay_template *key; /* NULL: none asked for */
    uint64_t window_ms;
    bool required;
    enum belay_concurrent concurrent;
};

struct belay_lanes_def {
    const struct belay_template *key; /* NULL: the message's key */
    uint32_t concurrency;
    uint32_t prefetch;                /* read ahead of those at work at most; 0: BELAY_LANE_READ_AHEAD_MAX */
    enum belay_exhausted on_exhausted;
};

/* When a flow's or saga's letters go by themselves; 0, 0: never. */
struct belay_letters_def {
    uint64_t expire_ms, count_max;
    struct belay_str reason;
};

struct belay_error_rule {
    const struct belay_str *when; /* patterns (belay_fault_matches) */
    uint32_t when_count;
    uint16_t first;               /* index of its first step */
};

enum belay_poison_action { BELAY_POISON_DEAD_LETTER, BELAY_POISON_PARK_FLOW, BELAY_POISON_ALERT };
/* What fails again and again (broker/poison.h). */
struct belay_poison_def {
    uint32_t same_payload;        /* distinct messages with one payload that failed; 0: not said at all */
    uint32_t same_signature;      /* distinct messages that failed alike */
    uint64_t window_ms;
    enum belay_poison_action action;
};
#define BELAY_POISON_DEFAULT ((struct belay_poison_def){ 3, 50, 3600000, BELAY_POISON_DEAD_LETTER })

struct belay_flow_def {
    struct belay_str name;
    struct belay_hash128 hash;    /* of `text` */
    struct belay_str text;        /* canonical JSON of the definition, ${} unexpanded */
    struct belay_source_def from;
    struct belay_idempotency_def idempotency;
    struct belay_lanes_def lanes;
    struct belay_letters_def letters;
    struct belay_retry_def retry;
    uint32_t timeout_ms;          /* of one run without its waits; 0: none */
    uint32_t crash_after;         /* deaths while a message ran alone, then it is quarantined; 0: the set's */
    struct belay_poison_def poison; /* same_payload 0: the set's */
    uint16_t first;               /* BELAY_STEP_END: no steps */
    const struct belay_step_def *steps;
    uint32_t step_count;
    const struct belay_error_rule *on_error;
    uint32_t on_error_count;
    bool has_calls, replies;
    bool writes;                  /* publishes, or keeps a key: its requests need room in the store */
    struct belay_place place;
};

#endif
