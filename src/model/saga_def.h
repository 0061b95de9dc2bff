/* saga_def.h - sagas: steps with what undoes them.  Uses: base; expressions are opaque here.
 * Thread: immutable once made. */
#ifndef BELAY_MODEL_SAGA_DEF_H
#define BELAY_MODEL_SAGA_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "model/flow_def.h"

struct belay_compensate_def {
    const struct belay_call_def *call;        /* one of both, or neither */
    const struct belay_publish_def *publish;
    struct belay_retry_def retry;
};

struct belay_await_def {
    struct belay_str topic;
    const struct belay_template *match;       /* yields the saga's id from the event */
    const struct belay_template *fail_when;   /* NULL: any event is success */
    uint64_t timeout_ms;
};

struct belay_saga_step_def {
    struct belay_str name;
    struct belay_str status;                  /* word shown while it runs; empty: "running" */
    const struct belay_call_def *call;        /* call and publish exclude each other */
    const struct belay_call_def *resolve;
    const struct belay_publish_def *publish;
    const struct belay_await_def *await;      /* after call or publish, or alone */
    const struct belay_compensate_def *compensate;
    struct belay_retry_def retry;
    const struct belay_template *when;        /* NULL: always; false skips the step */
    uint64_t timeout_ms;                      /* of all attempts, their waits and the event; 0: none */
    bool pivot;                               /* done, the saga only goes forward */
    struct belay_place place;
};

struct belay_saga_def {
    struct belay_str name;
    struct belay_hash128 hash;
    struct belay_str text;
    struct belay_source_def from;             /* a topic or queue */
    const struct belay_template *id;
    uint64_t deadline_ms;                     /* 0: none */
    struct belay_letters_def letters;         /* of messages that started none, and of events that none came for */
    const struct belay_saga_step_def *steps;
    uint32_t step_count;
    /* words for the saga's states; empty: the state's own name */
    struct belay_str word_started, word_completed, word_compensating, word_compensated, word_failed,
        word_parked;
    struct belay_place place;
};

#endif
