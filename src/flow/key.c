/* key.c - the lane or idempotency key of a message that is in no run yet. */
#include "base/limits.h"
#include "flow/eval.h"
#include "flow/flow.h"

/* False: ret_fault says why. */
static bool find(const struct belay_template *key, const struct belay_message *m, const belay_json *body, belay_time now,
                 struct belay_arena *arena, struct belay_str *ret_key, struct belay_fault *ret_fault)
{
    struct belay_binding bindings[2];
    struct belay_scope scope
        = { .bindings = bindings, .now = now, .body = belay_value_undefined() };
    const struct eval e = { &scope, BELAY_STR_NONE, arena, ret_fault };
    struct belay_str text = m->key;
    if (body)
        scope.body = belay_value_tape(body);
    else if (key && !belay_template_is_literal(key)
             && !body_parse(&e, m->body, m->datacontenttype, &scope.body))
        return false;
    if (key && belay_template_uses(key, BELAY_STR("message"))) {
        struct belay_binding *b = &bindings[scope.binding_count++];
        b->name = BELAY_STR("message");
        if (belay_message_value(m, 0, arena, &b->value))
            return eval_no_memory(&e);
    }
    if (key && belay_template_uses(key, BELAY_STR("headers"))) {
        struct belay_binding *b = &bindings[scope.binding_count++];
        b->name = BELAY_STR("headers");
        if (belay_fields_value(m->headers, m->header_count, arena, &b->value))
            return eval_no_memory(&e);
    }
    if (key && !eval_text(&e, key, "key", &text))
        return false;
    if (text.n > BELAY_KEY_BYTES_MAX)
        return eval_fail(&e, "FLOW:LIMIT", "key: %zu bytes, more than %d", text.n,
                         BELAY_KEY_BYTES_MAX);
    *ret_key = text;
    return true;
}

int belay_flow_key(const struct belay_template *key, const struct belay_message *m,
                   const belay_json *body, belay_time now, struct belay_arena *arena,
                   struct belay_str *ret_key, struct belay_fault *ret_fault)
{
    if (find(key, m, body, now, arena, ret_key, ret_fault))
        return BELAY_OK;
    return eval_passes(ret_fault) ? BELAY_NOMEM : BELAY_INVALID;
}
