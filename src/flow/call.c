/* call.c - a `call` as a request. */
#include "flow/call.h"

#include "base/hash.h"
#include "base/limits.h"
#include "flow/eval.h"

/* Stable over every repetition, so that a service that honours it does the work once. A resolve
 * asks about the call itself and carries its key. */
static struct belay_str key_of(const struct belay_call_origin *origin, struct belay_arena *arena)
{
    struct belay_str purpose = belay_str_c(origin->purpose);
    if (belay_str_eq(purpose, BELAY_STR("resolve")))
        purpose = BELAY_STR("do");
    const struct belay_str parts[] = { origin->owner, origin->subject, origin->step, purpose };
    char *hex = belay_arena_bytes(arena, 33);
    if (!hex)
        return BELAY_STR_NONE;
    belay_hash128_hex(belay_hash128_parts(parts, 4), hex);
    return belay_str(hex, 32);
}

static bool is_bodiless(struct belay_str method)
{
    return belay_str_eq(method, BELAY_STR("GET")) || belay_str_eq(method, BELAY_STR("HEAD"))
           || belay_str_eq(method, BELAY_STR("DELETE"));
}

static bool sends_body(const struct belay_call_def *def, const struct belay_call_request *r)
{
    return def->body || !is_bodiless(field_value(r->params, r->param_count, BELAY_STR("method")));
}

/* A body that is no JSON needs its type said; JSON is what a connector assumes. */
static bool add_type(const struct eval *e, struct belay_call_request *r, struct belay_str type)
{
    const struct belay_str name = BELAY_STR("content-type");
    if (!type.n || body_is_json(type) || field_value(r->headers, r->header_count, name).n)
        return true;
    struct belay_field *headers
        = BELAY_ARENA_ARRAY(e->arena, struct belay_field, r->header_count + 1);
    if (!headers)
        return eval_no_memory(e);
    if (r->header_count)
        memcpy(headers, r->headers, sizeof *headers * r->header_count);
    headers[r->header_count++] = (struct belay_field){ name, type };
    r->headers = headers;
    return true;
}

static bool build_body(const struct eval *e, const struct belay_call_def *def,
                       struct belay_call_request *r)
{
    struct belay_str type = field_value(r->headers, r->header_count, BELAY_STR("content-type"));
    if (!sends_body(def, r))
        return true;
    if (!def->body && !e->scope->body_text.p && e->scope->body.type == BELAY_VALUE_UNDEFINED)
        return true; /* the body as it is: none */
    return eval_body(e, def->body, type, &r->body, &type)
           && (r->body.n == 0 || add_type(e, r, type));
}

bool belay_call_build(const struct belay_call_def *def, const struct belay_scope *scope,
                      const struct belay_call_origin *origin, struct belay_arena *arena,
                      struct belay_call_request *ret_request, struct belay_fault *ret_fault)
{
    const struct eval e = { scope, origin->step, arena, ret_fault };
    uint32_t timeout_ms = def->timeout_ms ? def->timeout_ms : def->connection->timeout_ms;
    struct belay_call_request r = {
        .param_count = def->param_count,
        .header_count = def->header_count,
        .idempotency_key = key_of(origin, arena),
        .correlationid = origin->correlationid,
        .traceparent = origin->traceparent,
        .timeout_ms = timeout_ms ? timeout_ms : BELAY_CALL_TIMEOUT_MS_DEFAULT,
    };
    if (!r.idempotency_key.p)
        return eval_no_memory(&e);
    if (!eval_fields(&e, def->params, def->param_count, &r.params)
        || !eval_fields(&e, def->headers, def->header_count, &r.headers)
        || !build_body(&e, def, &r))
        return false;
    *ret_request = r;
    return true;
}

bool belay_call_repeatable(const struct belay_call_def *def,
                           const struct belay_call_request *request)
{
    const struct belay_connection_def *c = def->connection;
    return c->honours_key || (c->idempotent && c->idempotent(request));
}
