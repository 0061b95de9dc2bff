/* step_def.h - steps of a flow, and what they call and publish.  Uses: base; expressions and schemas are opaque
 * here.  Thread: immutable once made. */
#ifndef BELAY_MODEL_STEP_DEF_H
#define BELAY_MODEL_STEP_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/connection_def.h"

struct belay_template; /* expr/expr.h */
struct belay_schema;   /* json/schema.h */

struct belay_named_template { /* a call parameter, a header, a variable */
    struct belay_str name;
    const struct belay_template *value;
};

enum belay_step_kind {
    BELAY_STEP_VALIDATE, BELAY_STEP_MAP, BELAY_STEP_FILTER, BELAY_STEP_CHOOSE, BELAY_STEP_SET,
    BELAY_STEP_PUBLISH, BELAY_STEP_CALL, BELAY_STEP_LOG, BELAY_STEP_REPLY, BELAY_STEP_DEAD_LETTER
};

#define BELAY_STEP_END UINT16_MAX /* `next` of the last step */

enum belay_answer_kind { BELAY_ANSWER_AUTO, BELAY_ANSWER_TEXT }; /* what its body is: as its type says, or a string */

struct belay_call_def {
    const struct belay_connection_def *connection;
    const struct belay_named_template *params;  /* method, path, ... */
    uint32_t param_count;
    const struct belay_named_template *headers;
    uint32_t header_count;
    const struct belay_template *body;          /* NULL: the body as it is (none for GET, DELETE) */
    uint32_t timeout_ms;                        /* 0: the connection's */
    enum belay_answer_kind answer;
};

struct belay_publish_def {
    const struct belay_template *target;        /* name of a topic or queue; usually literal */
    const struct belay_template *key;           /* NULL: the message's key */
    const struct belay_template *body;          /* NULL: the body as it is */
    const struct belay_template *type, *delay;  /* NULL; delay: a duration text or milliseconds */
    const struct belay_template *ttl;           /* NULL: the topic's; as delay */
    const struct belay_named_template *headers;
    uint32_t header_count;
};

struct belay_choice_def {
    const struct belay_template *when;          /* NULL: otherwise (the last) */
    uint16_t first;                             /* index of the branch's first step */
};

struct belay_step_def {
    enum belay_step_kind kind;
    struct belay_str name;  /* `name`, else `as`, else kind + ordinal ("call-2"); unique in its flow */
    struct belay_str as;    /* variable of the result; may be empty */
    uint16_t next;          /* flat array: choose branches jump back to what follows */
    struct belay_place place;
    union {
        struct { const struct belay_schema *schema; } validate;
        struct { const struct belay_template *value; } map;
        struct { const struct belay_template *when; struct belay_str reason; } filter; /* false: discarded; when NULL: always */
        struct { const struct belay_choice_def *choices; uint32_t count; } choose;
        struct { const struct belay_named_template *vars; uint32_t count; } set;
        struct belay_publish_def publish;
        struct {
            struct belay_call_def call;
            const struct belay_call_def *resolve;   /* NULL: none */
            const struct belay_retry_def *retry;    /* NULL: the flow's */
        } call;
        struct { uint8_t level; const struct belay_template *message;
                 const struct belay_named_template *fields; uint32_t field_count; } log;
        struct { const struct belay_template *status, *body; /* body NULL: the body as it is */
                 bool body_none;
                 const struct belay_named_template *headers; uint32_t header_count; } reply;
        struct { bool skip; const struct belay_template *reason; } dead_letter;
    } u;
};

#endif
