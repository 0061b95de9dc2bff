/* rehearse.h - a letter's replay without effects: the flow runs, what it would do is told, nothing happens.
 *
 *   from the failed step (progress of the letter) or from the start
 *     call  --answer known--> goes on      known: recorded when it was made, else given by who asks
 *           `-not known-----> STOPPED: here the answer decides
 *     done, retry, letter --> told, with what would be published
 *
 * It is the flow's own code with the current definition: belay_flow_step, of a run that the engine does not know.  So
 * nothing is recorded, no slot or attempt is used up, no connection is asked.  A limit of what can be known beforehand:
 * time, and sagas ($saga) as they are now.
 *
 * Uses: engine.  Thread: the shard's. */
#ifndef BELAY_ENGINE_REHEARSE_H
#define BELAY_ENGINE_REHEARSE_H

#include "broker/letter.h"
#include "engine/engine.h"

enum belay_rehearsal_end {
    BELAY_REHEARSAL_STOPPED,  /* at a call whose answer nobody knows */
    BELAY_REHEARSAL_DONE,
    BELAY_REHEARSAL_FILTERED, /* discarded, by a filter */
    BELAY_REHEARSAL_RETRY,    /* it would be tried again */
    BELAY_REHEARSAL_LETTER    /* a letter again */
};
const char *belay_rehearsal_end_name(enum belay_rehearsal_end end);

struct belay_rehearsal_call {
    struct belay_str step;
    const struct belay_connection_def *connection;
    const struct belay_call_request *request;
    bool resolve;                            /* it asks whether the step's call was done */
    const struct belay_call_outcome *answer; /* NULL: not known */
    bool recorded;                           /* the answer of then */
};

struct belay_rehearsal {
    enum belay_rehearsal_end end;
    struct belay_str step;                   /* where it ended; "" at the end */
    const struct belay_flow_effects *effects;
    const struct belay_fault *fault;         /* RETRY, LETTER, DONE after on_error; NULL */
    uint64_t delay_ms;                       /* RETRY */
    bool parks;                              /* LETTER */
};

struct belay_rehearsal_opt {
    bool from_start;
    /* A JSON object: name of a step, else of a connection -> its answer: {"status", "headers", "body"}, or
     * {"error": "HTTP:TIMEOUT", "class": "unknown_outcome"}, or just a body. NULL: none are given. */
    const belay_json *answers;
    void (*called)(void *arg, const struct belay_rehearsal_call *call); /* in order */
    void (*ended)(void *arg, const struct belay_rehearsal *rehearsal);  /* once; views until it returns */
    void *arg;
};

/* Errors: BELAY_NOTFOUND (there is no such flow any more), BELAY_INVALID (it is a saga's; an answer is none),
 * BELAY_NOMEM, BELAY_CORRUPT, BELAY_VERSION (progress). */
int belay_engine_rehearse(struct belay_engine *e, const struct belay_letter *letter,
                          const struct belay_rehearsal_opt *opt, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;

#endif
