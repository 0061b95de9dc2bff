/* eval.h - templates over a scope, with failures as faults; bodies from and to bytes.
 * Private to flow.  Uses: expr, json, model, call.h.  Thread: engine.
 * Every function here returns false with *ret_fault set, and has then set nothing else. */
#ifndef BELAY_FLOW_EVAL_H
#define BELAY_FLOW_EVAL_H

#include "flow/call.h"

struct eval {
    const struct belay_scope *scope;
    struct belay_str step; /* named by the fault */
    struct belay_arena *arena;
    struct belay_fault *fault;
};

bool eval_value(const struct eval *e, const struct belay_template *t,
                struct belay_value *ret_value);
/* A scalar's text; anything else is EXPRESSION:UNDEFINED. `what` names it in the fault ("key"). */
bool eval_text(const struct eval *e, const struct belay_template *t, const char *what,
               struct belay_str *ret_text);
bool eval_fields(const struct eval *e, const struct belay_named_template *items, uint32_t count,
                 const struct belay_field **ret_fields);
/* What is sent as a body: t's value, or with t NULL the body as it is. *ret_type: its media type,
 * empty where nobody ever said what the bytes are. A string stays its own text where `type` (a
 * header of the user's; may be empty) is not JSON. */
bool eval_body(const struct eval *e, const struct belay_template *t, struct belay_str type,
               struct belay_str *ret_text, struct belay_str *ret_type);

/* JSON of v in the arena. */
bool eval_json(const struct eval *e, struct belay_value v, struct belay_str *ret_text);
/* There was no memory, and there may be some later. */
bool eval_passes(const struct belay_fault *fault);
/* FLOW:MEMORY: transient, unless the arena is at its limit. Returns false. */
bool eval_no_memory(const struct eval *e);
/* EXPRESSION:UNDEFINED of what t made (NULL: it came so). Returns false. */
bool eval_undefined(const struct eval *e, const struct belay_template *t, const char *what);
bool eval_fail(const struct eval *e, const char *type, const char *fmt, ...) BELAY_PRINTF(3, 4);

/* Is it JSON by its media type? No type is none. */
bool body_is_json(struct belay_str media_type);
/* What bytes mean as `$`: JSON by their type is parsed (VALIDATION:JSON where it is none); without
 * a type parsed where possible; anything else, and what cannot be parsed, is a string; no bytes:
 * undefined. Borrows text. */
bool body_parse(const struct eval *e, struct belay_str text, struct belay_str media_type,
                struct belay_value *ret_value);

/* Value of a field by name, ASCII case ignored. */
struct belay_str field_value(const struct belay_field *fields, uint32_t count,
                             struct belay_str name);

#endif
