/* call.h - from definitions to requests: what a `call` or `publish` of a flow or a saga says, once
 * its templates are evaluated.  Uses: expr, model, the connector contract's plain types.  Thread:
 * engine. */
#ifndef BELAY_FLOW_CALL_H
#define BELAY_FLOW_CALL_H

#include "base/buf.h"
#include "belay/connector.h"
#include "expr/expr.h"
#include "model/fault.h"
#include "model/message.h"
#include "model/step_def.h"

/* What an expression sees (design section 7). */
struct belay_scope {
    struct belay_value body;        /* $ */
    struct belay_binding *bindings; /* message, headers, params, vars, error, results, steps */
    size_t binding_count;
    const struct belay_host_function *functions;
    size_t function_count;
    belay_time now;
    struct belay_random *random;
    struct belay_str body_text; /* the body's bytes as they came; p NULL: written from `body` */
    struct belay_str body_type; /* their media type; may be empty */
    struct belay_str source;    /* of what is published: "/flows/accept-order" */
    struct belay_buf *scratch;  /* where texts are made, kept between calls; NULL: a buffer each */
    bool outside;               /* what fails is told to an API's caller: not where it is written */
};

struct belay_call_origin {
    struct belay_str owner; /* flow or saga name */
    struct belay_str step;
    struct belay_str subject; /* what the key is stable over: message id, or saga id */
    const char *purpose;      /* "do", "resolve", "compensate": part of the key but for resolve */
    struct belay_str correlationid, traceparent;
};

/* Evaluates def into *ret_request (memory from arena). The idempotency key is the hash of (owner,
 * subject, step, purpose) in hex, the same for every repetition. False: *ret_fault says why
 * (EXPRESSION:...). */
bool belay_call_build(const struct belay_call_def *def, const struct belay_scope *scope,
                      const struct belay_call_origin *origin, struct belay_arena *arena,
                      struct belay_call_request *ret_request, struct belay_fault *ret_fault);

struct belay_publication {
    struct belay_str target;
    uint64_t delay_ms;
    /* id derived from parent, step, index; correlation and causation set */
    struct belay_message message;
};
bool belay_publish_build(const struct belay_publish_def *def, const struct belay_scope *scope,
                         struct belay_str step, uint64_t index, const struct belay_message *parent,
                         struct belay_arena *arena, struct belay_publication *ret_publication,
                         struct belay_fault *ret_fault);

/* The fault of an outcome that is not ok. */
void belay_fault_of_outcome(struct belay_fault *f, const struct belay_call_outcome *o,
                            struct belay_str step, belay_time now);

/* ---- what things are to an expression; memory from arena, texts borrowed ---- */

/* $message: {"id", "source", "type", "subject", "key", "time", "accepted_at", "correlationid",
 * "causationid", "traceparent", "tracestate", "datacontenttype", "attempt"}, as far as they are
 * there (attempt 0: not). Errors: BELAY_NOMEM. */
int belay_message_value(const struct belay_message *m, uint32_t attempt, struct belay_arena *arena,
                        struct belay_value *ret_value) BELAY_MUST_CHECK;
/* $headers, $params: of two with one name the last counts. Errors: BELAY_NOMEM. */
int belay_fields_value(const struct belay_field *fields, uint32_t count, struct belay_arena *arena,
                       struct belay_value *ret_value) BELAY_MUST_CHECK;
/* $error: {"type", "class", "description", "step", "status", "endpoint", "at", "body"}; body is the
 * answer's, as far as it is kept, parsed where that is JSON. Errors: BELAY_NOMEM. */
int belay_fault_value(const struct belay_fault *f, struct belay_arena *arena,
                      struct belay_value *ret_value) BELAY_MUST_CHECK;
/* { "status", "headers", "body" } of an outcome: what `as:` names. body is parsed when the answer
 * is JSON (def NULL: a call that says nothing about it). The outcome's bytes are copied. UNDEFINED: no memory. */
struct belay_value belay_outcome_value(const struct belay_call_def *def, const struct belay_call_outcome *o,
                                       struct belay_arena *arena);
/* A success whose body says it is JSON and is none, of a call whose result is wanted. True: *ret_outcome is what it is
 * instead, INVALID_BODY in its connector's namespace, of unknown outcome: the call was made, and nobody knows what it came to.
 * Type and description lie in arena, the body is o's. */
bool belay_call_misread(const struct belay_call_def *def, const struct belay_call_outcome *o, struct belay_arena *arena,
                        struct belay_call_outcome *ret_outcome);

/* May the call be repeated without asking? */
bool belay_call_repeatable(const struct belay_call_def *def,
                           const struct belay_call_request *request);

/* An expression's failure as a fault: EXPRESSION:UNDEFINED (U2001), EXPRESSION:LIMIT (U1001,
 * BELAY_LIMIT), EXPRESSION:D3030 by its code, EXPRESSION:ERROR without one; always permanent. e: of a template. */
void belay_fault_of_expr(struct belay_fault *f, int status, const struct belay_expr_error *e,
                         struct belay_str step);
/* " of orders.yaml:31": where it is written, for the end of a sentence; "" where that is not known (a stored definition). */
#define FAULT_PLACE_BYTES 96
void belay_fault_place(struct belay_str file, uint32_t line, char ret_text[FAULT_PLACE_BYTES]);

#endif
