/* outcome.c - what a call came to, as a fault and as a value; an expression's failure as a fault. */
#include "flow/call.h"
#include "flow/eval.h"

static void cut_c(char *to, size_t size, struct belay_str s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;
    if (n)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

void belay_fault_of_outcome(struct belay_fault *f, const struct belay_call_outcome *o, struct belay_str step,
                            belay_time now)
{
    char type[sizeof f->type];
    cut_c(type, sizeof type, o->type.n ? o->type : BELAY_STR("CALL:ERROR"));
    belay_fault_init(f, type, o->class_, "%.*s", BELAY_STR_ARG(o->description));
    f->status = o->status;
    f->retry_after_ms = o->retry_after_ms;
    f->duration_us = o->duration_us;
    f->at = now;
    belay_fault_set_step(f, step);
    belay_fault_set_endpoint(f, o->endpoint);
    belay_fault_set_excerpt(f, o->body);
}

/* ---- as a value ---- */

static bool put(struct belay_value_object *o, struct belay_arena *arena, const char *name, struct belay_value v)
{
    return belay_value_object_put(o, arena, belay_str_c(name), v) == BELAY_OK;
}

static bool put_headers(struct belay_value_object *o, struct belay_arena *arena,
                        const struct belay_call_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->header_count; i++) {
        struct belay_str name = belay_arena_str(arena, outcome->headers[i].name);
        struct belay_str value = belay_arena_str(arena, outcome->headers[i].value);
        if (!name.p || !value.p || belay_value_object_put(o, arena, name, belay_value_str(value)))
            return false;
    }
    return true;
}

/* An answer that says it is JSON and is none is a string: the call was done, and its status counts. */
static bool body_value(const struct belay_call_outcome *o, struct belay_arena *arena, struct belay_value *ret)
{
    const struct belay_str type = field_value(o->headers, o->header_count, BELAY_STR("content-type"));
    const belay_json *root;
    *ret = belay_value_undefined();
    if (!o->body.n)
        return true;
    struct belay_str text = belay_arena_str(arena, o->body);
    if (!text.p)
        return false;
    int status = BELAY_SYNTAX;
    if (!type.n || body_is_json(type))
        status = belay_json_parse(text, NULL, arena, &root, NULL, NULL);
    if (status == BELAY_NOMEM)
        return false;
    *ret = status ? belay_value_str(text) : belay_value_tape(root);
    return true;
}

struct belay_value belay_outcome_value(const struct belay_call_outcome *o, struct belay_arena *arena)
{
    struct belay_value_object *result = belay_value_object_new(arena), *headers = belay_value_object_new(arena);
    struct belay_value body;
    bool ok = result && headers && put_headers(headers, arena, o) && body_value(o, arena, &body)
              && put(result, arena, "status", belay_value_int(o->status))
              && put(result, arena, "headers", belay_value_object(headers))
              && (body.type == BELAY_VALUE_UNDEFINED || put(result, arena, "body", body));
    return ok ? belay_value_object(result) : belay_value_undefined();
}

/* ---- expressions ---- */

void belay_fault_of_expr(struct belay_fault *f, int status, const struct belay_expr_error *e, struct belay_str step)
{
    const char *type = "EXPRESSION:ERROR";
    if (status == BELAY_LIMIT || strcmp(e->code, "U1001") == 0)
        type = "EXPRESSION:LIMIT";
    else if (strcmp(e->code, "U2001") == 0)
        type = "EXPRESSION:UNDEFINED";
    if (e->code[0])
        belay_fault_init(f, type, BELAY_CLASS_PERMANENT, "%s (%s, at byte %u)", e->message, e->code, e->position);
    else
        belay_fault_init(f, type, BELAY_CLASS_PERMANENT, "%s", belay_status_text(status));
    belay_fault_set_step(f, step);
}
