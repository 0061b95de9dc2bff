/* flow.h - one message through one flow: event in, verdict out; no I/O, no durability of its own.
 *
 *   begin -> step(NULL) -> CALL -> (engine performs it durably) -> step(outcome) -> ... -> DONE
 *                      \-> RETRY (again later, from the last recorded success)
 *                      \-> LETTER (policy exhausted, permanent, or unknown and nobody can tell)
 *
 * What the run publishes, logs and replies is gathered and belongs to the verdict: nothing has
 * happened before the engine commits it together with the acknowledgement.  Only `map` changes the
 * body.
 * An error goes: retry policy (transient) -> on_error rules (permanent, or exhausted) -> LETTER.
 * An unknown outcome: repeatable -> as transient; else `resolve` is asked (a CALL): ok answer = it
 * was done, and its answer is the step's result; 404/410 (permanent) = it was not, so try again;
 * anything else = ask again by the retry policy; without resolve or when it stays unknown -> LETTER,
 * and no rule sees it.
 *
 * Uses: expr, policy, model, call.h.  Thread: engine.  Memory: one arena a run, bounded.
 */
#ifndef BELAY_FLOW_FLOW_H
#define BELAY_FLOW_FLOW_H

#include "flow/call.h"

struct belay_flow_run;

/* Runs that have ended, kept with their memory for the next message. */
struct belay_flow_pool;
/* Errors: BELAY_NOMEM. */
int belay_flow_pool_new(struct belay_flow_pool **ret_pool, struct belay_err *err) BELAY_MUST_CHECK;
/* After the last of its runs was freed. */
void belay_flow_pool_free(struct belay_flow_pool *pool);

enum belay_flow_verdict { BELAY_FLOW_CALL, BELAY_FLOW_DONE, BELAY_FLOW_RETRY, BELAY_FLOW_LETTER };

struct belay_flow_input {
    const struct belay_flow_def *def;    /* outlives the run */
    const struct belay_message *message; /* outlives the run */
    const belay_json *body;              /* parsed already, or NULL */
    const struct belay_field *params;    /* API: path and query parameters */
    uint32_t param_count;
    /* API: what $request shows, made when an expression asks for it. Errors: BELAY_NOMEM. */
    int (*describe)(void *arg, struct belay_arena *arena, const belay_json **ret_request);
    void *describe_arg;
    uint32_t attempt; /* from 1 */
    bool interrupted; /* the attempt before began a call and never told its outcome */
    belay_time first_attempt_at;
    struct belay_str progress; /* of an earlier attempt; "" none */
    const struct belay_host_function *functions;
    size_t function_count;
    /* May it be published? NULL: whatever. False: *ret_fault says why not, the error of the step. */
    bool (*admit)(void *arg, const struct belay_publication *p, struct belay_fault *ret_fault);
    void *admit_arg;
    bool answers;                 /* somebody waits for the reply: what is not admitted is not tried again */
    uint64_t seed;                /* of the jitter; what expressions draw comes from the message */
    struct belay_flow_pool *pool; /* NULL: the run has memory of its own */
    const struct belay_redact *const *redact; /* what logs and faults may not tell, as it is whenever one is made; NULL: nothing */
};

/* Errors: BELAY_NOMEM, BELAY_CORRUPT (progress). */
int belay_flow_begin(const struct belay_flow_input *input, struct belay_flow_run **ret_run,
                     struct belay_err *err) BELAY_MUST_CHECK;
void belay_flow_free(struct belay_flow_run *run);
/* Goes on until a verdict. outcome: of the call asked for last (borrowed), NULL at first. */
enum belay_flow_verdict belay_flow_step(struct belay_flow_run *run, belay_time now,
                                        const struct belay_call_outcome *outcome);

/* CALL: the request (views of the run; id is the engine's to set) and where it goes. */
const struct belay_call_request *belay_flow_request(const struct belay_flow_run *run);
const struct belay_connection_def *belay_flow_connection(const struct belay_flow_run *run);
/* CALL, the first one: the run's time (`timeout`) begins only now; until then it waited for a slot. */
void belay_flow_time_begins(struct belay_flow_run *run, belay_time now);
/* CALL: its step was tried before, in this attempt or an earlier one. */
bool belay_flow_repeats(const struct belay_flow_run *run);
/* CALL: the step's name; it asks whether the step's call was done (`resolve`). */
struct belay_str belay_flow_step_name(const struct belay_flow_run *run);
bool belay_flow_asks(const struct belay_flow_run *run);
/* CALL: what the step does may be done again whatever became of it before. */
bool belay_flow_repeatable(const struct belay_flow_run *run);
/* An on_error rule has taken over. */
bool belay_flow_in_rule(const struct belay_flow_run *run);
/* Did a run that began with progress make the call of this step, as far as that tells? What it was answered:
 * { status, headers, body }, or UNDEFINED where nobody wanted to know. */
bool belay_flow_recorded(const struct belay_flow_run *run, struct belay_str step, struct belay_value *ret_answer);
/* What must be durable before the call, or with the retry or the letter: body, variables and
 * results so far, what was gathered, the step to go on with, unknown-outcome state. A letter's is that
 * of the step that failed, whatever on_error did; of DONE it is the end, for a verdict that cannot be
 * committed. "" when nothing is worth keeping (first call, no results yet). More than
 * BELAY_PROGRESS_BYTES_MAX: the verdict is a LETTER (FLOW:PROGRESS_TOO_LARGE). */
struct belay_str belay_flow_progress(struct belay_flow_run *run);
/* Of a run that is left before the call it wants was made: whoever goes on makes that call, where an attempt that was
 * recorded as begun would otherwise leave its outcome in doubt. Durable before the call: belay_flow_progress, which differs. */
struct belay_str belay_flow_progress_at_rest(struct belay_flow_run *run);

/* Does a run that begins with it go on with what was made of the message before - a mapped body, variables, publications -
 * whatever the message says by now? */
bool belay_flow_carries(struct belay_str progress);

/* A person's word on a letter whose last call has an unknown outcome (its fault says which step): the progress that its
 * replay begins with, into out.  result: JSON, the call's answer for DONE; "" none.  Errors: BELAY_CONFLICT (what it
 * achieved is lost), BELAY_LIMIT (out's), BELAY_VERSION, BELAY_CORRUPT, BELAY_NOMEM. */
enum belay_flow_settle { BELAY_FLOW_SETTLE_DONE = 1, BELAY_FLOW_SETTLE_NOT_DONE, BELAY_FLOW_SETTLE_RETRY };
int belay_flow_settle(struct belay_str progress, enum belay_flow_settle how, const struct belay_fault *fault,
                      struct belay_str result, struct belay_buf *out, struct belay_err *err) BELAY_MUST_CHECK;

/* DONE, and LETTER where on_error steps ran: effects, in order. */
struct belay_flow_log {
    uint8_t level; /* obs level */
    struct belay_str message;
    const struct belay_field *fields;
    uint32_t field_count;
};
struct belay_flow_reply {
    bool present;
    uint32_t status;
    const struct belay_field *headers;
    uint32_t header_count;
    struct belay_str body;
    struct belay_str content_type; /* "application/json" unless the headers say */
};
struct belay_flow_effects {
    const struct belay_publication *publications;
    uint32_t publication_count;
    const struct belay_flow_log *logs;
    uint32_t log_count;
    struct belay_flow_reply reply;
    struct belay_str filtered; /* reason; p != NULL: a filter ended the run, discarded, not done */
};
const struct belay_flow_effects *belay_flow_effects(const struct belay_flow_run *run);
/* RETRY, LETTER, and DONE after on_error: what failed, without what may not be told. */
const struct belay_fault *belay_flow_fault(const struct belay_flow_run *run);
uint64_t belay_flow_delay_ms(const struct belay_flow_run *run); /* RETRY */
bool belay_flow_skips(const struct belay_flow_run *run);        /* LETTER: does not park its key */

/* Lane key and idempotency key of a message, before a run exists. Errors: BELAY_INVALID (*ret_fault says why: it has none),
 * BELAY_NOMEM (not now: whoever takes that for no key does things twice, or out of order). */
int belay_flow_key(const struct belay_template *key, const struct belay_message *m,
                   const belay_json *body, belay_time now, struct belay_arena *arena,
                   struct belay_str *ret_key, struct belay_fault *ret_fault) BELAY_MUST_CHECK;

#endif
