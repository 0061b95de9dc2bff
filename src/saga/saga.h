/* saga.h - long-running processes of steps with compensations: durable instances of one shard.
 *
 *            start message                    every step done
 *   (none) -----------------> RUNNING -----------------------------> COMPLETED
 *                              |  step failed, deadline, abort
 *                              v
 *                         COMPENSATING --all undone--> COMPENSATED
 *                              |  (FAILED: nothing had to be undone)
 *                              |  a compensation is exhausted
 *                              v
 *                           PARKED --a person's word--> COMPENSATING | RUNNING | ...
 *
 * Steps in order: [when] -> call and/or publish -> await.  A step: PENDING -> BEGUN -> (WAITING
 * retry | RESOLVING | AWAITING) -> DONE | SKIPPED | FAILED (known to have had no effect) | UNKNOWN;
 * then UNDOING -> UNDONE.  On failure every step that BEGAN and is not known to have had no effect
 * (DONE, AWAITING, UNKNOWN, a FAILED await after its publish) is compensated in reverse order (G5),
 * each until it succeeds or is parked.  Compensating a publish first takes the message out of its
 * subscriptions where it still waits (belay_broker_cancel, waiting while it is in flight); where an
 * attempt ever began, or it is done, the step's `compensate` runs too.
 *
 * A step's `timeout` bounds all of it: attempts, the waits between them, the event.  A step that is
 * the `pivot` is the point of no return: once it is done neither failure nor deadline nor abort lead
 * back, and a step that fails is parked for a person.
 *
 * Sans-I/O: decide -> append -> apply; rows in SAGA, SAGA_DUE, SAGA_EVENT.  An instance keeps the
 * hash of the definition it began with.  An event that comes before its saga waits in its
 * subscription as for a retry, with a copy in SAGA_EVENT, as long as the saga's deadline (or 7
 * days), then becomes a letter; for an ended saga it is done; a second start of an id is done as a
 * duplicate.  An ended instance is kept for BELAY_SAGA_KEEP_MS, so that it can be looked at and
 * duplicates are known.  The time an instance is parked does not count towards its deadline.
 * Memory: instances that have work in hand, at most BELAY_SAGAS_IN_MEMORY and the calls in flight.
 * Uses: broker, policy, expr, flow/call.h.  Thread: engine.
 */
#ifndef BELAY_SAGA_SAGA_H
#define BELAY_SAGA_SAGA_H

#include "broker/broker.h"
#include "flow/call.h"
#include "model/saga_def.h"

struct belay_sagas;
struct belay_redact_words; /* json/redact.h */

/* What an operator wants to hear of at once. Views during the call. */
struct belay_saga_news {
    const char *name; /* static: saga.retry, saga.compensating, saga.parked, saga.compensation_failed, saga.settled, saga.ended */
    uint8_t level;    /* of obs */
    struct belay_str saga, id, step, correlationid, traceparent;
    struct belay_str why;
    const char *word; /* saga.settled: what a person said */
    struct belay_str by, reason;
    const char *state;   /* of the instance from now on */
    const char *parked;  /* what a person is asked about: "step", "compensation"; NULL */
    uint32_t attempt;    /* 0: none */
    belay_time again_at; /* BELAY_TIME_NEVER: none */
};

struct belay_sagas_opt {
    struct belay_broker *broker;
    struct belay_store *store;
    /* The definition an instance began with; NULL: unknown (its instance is parked with
     * SAGA:DEFINITION). */
    const struct belay_saga_def *(*definition)(void *arg, struct belay_str name,
                                               struct belay_hash128 hash);
    /* May a call to this connection begin now? retry: its step was tried before. False: when a call of the
     * connection ends, or at *ret_at, which is NEVER at first; a retry that has a time comes back then. */
    bool (*may_call)(void *arg, const struct belay_connection_def *connection, bool retry, belay_time *ret_at);
    /* Told as it is appended, not at recovery; may be NULL. A saga that completed is no news. */
    void (*tell)(void *arg, const struct belay_saga_news *news);
    /* The instance (its key, a view) that is worked on from now on, before anything of it is evaluated; may be NULL. */
    void (*at_work)(void *arg, struct belay_str key);
    /* After how many deaths of the process, it alone at work, an instance is parked; NULL: never. */
    uint32_t (*deaths_allowed)(void *arg);
    /* A message to a saga becomes a letter; may be NULL. */
    void (*tell_letter)(void *arg, const struct belay_delivery *d, const struct belay_fault *fault);
    void *arg;
    uint64_t seed;
    const struct belay_redact *const *redact; /* what texts may not tell, as it is whenever one is made; NULL: nothing */
};
int belay_sagas_new(const struct belay_sagas_opt *opt, struct belay_sagas **ret_sagas,
                    struct belay_err *err) BELAY_MUST_CHECK;
void belay_sagas_free(struct belay_sagas *s);
void belay_sagas_set_store(struct belay_sagas *s, struct belay_store *store);
int belay_sagas_load(struct belay_sagas *s, struct belay_state *state,
                     struct belay_err *err) BELAY_MUST_CHECK;
int belay_sagas_apply(struct belay_sagas *s, uint64_t position, const struct belay_record *record,
                      struct belay_err *err) BELAY_MUST_CHECK;
void belay_sagas_save(struct belay_sagas *s, struct belay_state *state);
/* After recovery: a call that was begun and has no outcome is one of unknown outcome. */
void belay_sagas_recovered(struct belay_sagas *s, belay_time now);

/* A start message (subscription named as the saga) or an awaited event (subscription "saga/step").
 * Ends the delivery: ack, or letter when id or match cannot be evaluated. BELAY_BUSY/NOSPACE:
 * nothing happened. */
int belay_sagas_start(struct belay_sagas *s, const struct belay_saga_def *def,
                      struct belay_delivery *d, belay_time now,
                      struct belay_err *err) BELAY_MUST_CHECK;
int belay_sagas_event(struct belay_sagas *s, const struct belay_saga_def *def, uint32_t step,
                      struct belay_delivery *d, belay_time now,
                      struct belay_err *err) BELAY_MUST_CHECK;

/* Due work: timeouts, deadlines, publishes, retries; gives calls to make, and whether their step was tried before.
 * False: nothing now. The
 * request's id is the sagas' token for its outcome; its intent is recorded in the pending commit
 * (perform it when durable). Views valid until the next call of this room. */
bool belay_sagas_next(struct belay_sagas *s, belay_time now, struct belay_call_request *ret_request,
                      const struct belay_connection_def **ret_connection, bool *ret_retry);
int belay_sagas_outcome(struct belay_sagas *s, const struct belay_call_outcome *outcome,
                        belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* The connector would not take it (BELAY_BUSY): as if never asked. */
void belay_sagas_defer(struct belay_sagas *s, uint64_t request_id, belay_time not_before);
belay_time belay_sagas_wake_at(const struct belay_sagas *s);

/* The words of an instance (json/redact.h): of its start message and its results. Unknown: none. */
void belay_sagas_gather(struct belay_sagas *s, struct belay_str name, struct belay_str id, struct belay_redact_words *words);
/* ---- what was at work when the process died (suspect.c) ---- */

/* Of the call that next gave; a view until the next call. None: p == NULL. */
struct belay_str belay_sagas_key_of(struct belay_sagas *s, uint64_t request_id);
/* The process died with it at work; alone: and with nothing else, which counts against it. story: a line for its history.
 * One that has ended is passed by. Errors: BELAY_BUSY, BELAY_NOSPACE. */
int belay_sagas_accuse(struct belay_sagas *s, struct belay_str key, bool alone, struct belay_str story, belay_time now,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* As next, of this one alone, as long as it is suspected: false also where it has no call to make now. */
bool belay_sagas_next_of(struct belay_sagas *s, struct belay_str key, belay_time now, struct belay_call_request *ret_request,
                         const struct belay_connection_def **ret_connection, bool *ret_retry);

/* JSON of an instance: {"id","saga","status" (the definition's word), "state", "step" (the one it
 * is at), "parked": "step"|"compensation" (what a person is asked about),
 * "started_at","updated_at","deadline", "waits" (of one under way that waits: {"event": topic, "until"}, or
 * {"connection","attempt","in_flight","until"}), "history":[{"at","event","step","attempt","detail"}],
 * "progress":[{"step","state"}], "steps":{name: result},
 * "error":{"type","step","description","endpoint","class","status","at"}}. A call's result is
 * {"status","headers","body"}, a publish's {"id","topic"}; where the step awaited an event, that is
 * its member "event": {"id","type","time","body"}. BELAY_NOTFOUND. */
int belay_sagas_view(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                     struct belay_buf *out, struct belay_err *err) BELAY_MUST_CHECK;
/* Ids of a saga after `after`, in order; false at the end. View until the next change. */
bool belay_sagas_list(struct belay_sagas *s, struct belay_str name, struct belay_str after,
                      struct belay_str *ret_id, struct belay_str *ret_state);

/* A person's word on an instance; who and why go into its history and the log.
 *   RETRY     PARKED: the parked step or compensation again; waiting for a retry: now
 *   DONE      the parked step or compensation was done; `result`, JSON, is then $steps.NAME.body
 *   NOT_DONE  it was not: fails the saga; of a compensation, and past the pivot, as RETRY
 *   SKIP      leave the parked step out and go on; a compensation: leave its step as it is
 * BELAY_CONFLICT: not parked, or not for a step of which one can say that (an input that cannot be
 * read, a definition that is not there: retry or abort). BELAY_INVALID: a result where none
 * belongs, or larger than a saga may carry. */
enum belay_saga_settle {
    BELAY_SAGA_SETTLE_RETRY,
    BELAY_SAGA_SETTLE_DONE,
    BELAY_SAGA_SETTLE_NOT_DONE,
    BELAY_SAGA_SETTLE_SKIP,
    BELAY_SAGA_SETTLE_ABORT /* belay_sagas_abort's own */
};
struct belay_saga_word {
    enum belay_saga_settle how;
    struct belay_str who, reason; /* reason, result: may be empty */
    struct belay_str result;
};
int belay_sagas_settle(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                       const struct belay_saga_word *word, belay_time now,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* Begins compensation of an instance that is RUNNING, or was when it was PARKED; when the call
 * under way has ended. BELAY_CONFLICT: it is not, or it is past its pivot. */
int belay_sagas_abort(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                      struct belay_str who, struct belay_str reason, belay_time now,
                      struct belay_err *err) BELAY_MUST_CHECK;

struct belay_saga_stats {
    uint64_t running, compensating, parked, completed, compensated, failed, events_waiting;
};
bool belay_sagas_stats(struct belay_sagas *s, uint32_t index, struct belay_str *ret_name,
                       struct belay_saga_stats *ret_stats);
/* Looks at the next some thousand instances, to know which has not moved for longest. Call about once a second. */
void belay_sagas_watch(struct belay_sagas *s);
/* Since when the instance of a saga (index as of stats) that is under way and has not moved for longest has not. False:
 * none is known. */
bool belay_sagas_idle(struct belay_sagas *s, uint32_t index, belay_time *ret_since);
/* Consistency of rows, due entries and counters; slow; BELAY_CORRUPT. */
int belay_sagas_check(struct belay_sagas *s, struct belay_err *err) BELAY_MUST_CHECK;

#endif
