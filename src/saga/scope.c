/* scope.c - what the expressions of a saga see: $ the start message's body, $message, $headers,
 * $steps the results so far, $error why it is compensated. */
#include "saga/scope.h"

#include "saga/kinds.h"
#include "saga/room.h"
#include "saga/turn.h"

struct belay_expr_env saga_env(const struct belay_scope *scope)
{
    return (struct belay_expr_env){ .bindings = scope->bindings,
                                    .binding_count = scope->binding_count,
                                    .functions = scope->functions,
                                    .function_count = scope->function_count,
                                    .now = scope->now,
                                    .random = scope->random };
}

/* A body that is no JSON is text. */
static int body_value(struct belay_sagas *s, struct belay_str body, struct belay_value *ret_value,
                      struct belay_err *err)
{
    const belay_json *root;
    int status = BELAY_SYNTAX;
    if (body.n)
        status = belay_json_parse(body, NULL, &s->arena, &root, NULL, err);
    if (status == BELAY_NOMEM)
        return status;
    *ret_value = status == BELAY_OK ? belay_value_tape(root) : belay_value_str(body);
    return BELAY_OK;
}

/* ---- what a template sees, so that nothing is built in vain ---- */

unsigned saga_sees(const struct belay_template *t)
{
    static const struct belay_str names[] = { BELAY_STR_INIT("message"), BELAY_STR_INIT("headers"),
                                              BELAY_STR_INIT("steps"), BELAY_STR_INIT("error") };
    struct belay_str name;
    unsigned sees = 0;
    for (uint32_t n = 0; t && belay_template_free_variable(t, n, &name); n++)
        for (unsigned bit = 0; bit < 4; bit++)
            if (belay_str_eq(name, names[bit]))
                sees |= 1u << bit;
    return sees;
}

static unsigned sees_named(const struct belay_named_template *named, uint32_t count)
{
    unsigned sees = 0;
    for (uint32_t n = 0; n < count; n++)
        sees |= saga_sees(named[n].value);
    return sees;
}

unsigned saga_sees_call(const struct belay_call_def *call)
{
    return sees_named(call->params, call->param_count)
           | sees_named(call->headers, call->header_count) | saga_sees(call->body);
}

unsigned saga_sees_publish(const struct belay_publish_def *p)
{
    return saga_sees(p->target) | saga_sees(p->key) | saga_sees(p->body) | saga_sees(p->type)
           | saga_sees(p->delay) | saga_sees(p->ttl) | sees_named(p->headers, p->header_count);
}

/* ---- the values ---- */

/* Where it could be made: into the scope, by name. */
static int put(struct belay_scope *scope, const char *name, int status,
               const struct belay_value *value, struct belay_err *err)
{
    if (status != BELAY_OK)
        return belay_fail(err, status, "no memory for a saga's expressions");
    scope->bindings[scope->binding_count++] = (struct belay_binding){ belay_str_c(name), *value };
    return BELAY_OK;
}

int saga_scope_message(struct belay_sagas *s, const struct belay_message *m, unsigned sees,
                       belay_time now, struct belay_scope *ret_scope,
                       struct belay_binding *bindings, struct belay_err *err)
{
    struct belay_value body, value;
    int status = body_value(s, m->body, &body, err);
    if (status != BELAY_OK)
        return status;
    *ret_scope = (struct belay_scope){ .body = body,
                                       .body_text = m->body,
                                       .body_type = m->datacontenttype,
                                       .bindings = bindings,
                                       .now = now,
                                       .random = &s->random,
                                       .scratch = &s->scratch };
    if (sees & SEES_MESSAGE)
        status
            = put(ret_scope, "message", belay_message_value(m, 0, &s->arena, &value), &value, err);
    if (status == BELAY_OK && (sees & SEES_HEADERS))
        status
            = put(ret_scope, "headers",
                  belay_fields_value(m->headers, m->header_count, &s->arena, &value), &value, err);
    return status;
}

static int steps_value(struct saga_turn *t, struct belay_value *ret_value)
{
    struct belay_arena *arena = &t->room->arena;
    struct belay_value_object *o = belay_value_object_new(arena);
    if (!o)
        return BELAY_NOMEM;
    for (uint32_t n = 0; n < t->saga->step_count; n++) {
        struct belay_str text = saga_range(t->saga, t->saga->steps[n].result);
        const belay_json *root;
        if (!text.n || belay_json_parse(text, NULL, arena, &root, NULL, NULL) != BELAY_OK)
            continue;
        int status
            = belay_value_object_put(o, arena, t->def->steps[n].name, belay_value_tape(root));
        if (status != BELAY_OK)
            return status;
    }
    *ret_value = belay_value_object(o);
    return BELAY_OK;
}

static int error_value(struct saga_turn *t, struct belay_value *ret_value)
{
    struct belay_fault *fault = belay_arena_alloc(&t->room->arena, sizeof *fault);
    if (!fault)
        return BELAY_NOMEM;
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&t->saga->fault));
    belay_fault_unpack(&u, fault);
    return belay_fault_value(fault, &t->room->arena, ret_value);
}

int saga_scope(struct saga_turn *t, unsigned sees, struct belay_err *err)
{
    struct belay_sagas *s = t->room;
    struct belay_value value;
    if (t->scoped && (t->sees & sees) == sees)
        return BELAY_OK;
    int status = belay_message_decode(saga_input(t->saga), &s->arena, &t->input, err);
    t->input.expires_at = 0; /* it was begun in time: what it brings about has no such end */
    if (status == BELAY_OK)
        status = saga_scope_message(s, &t->input, sees, t->now, &t->scope, t->bindings, err);
    if (status == BELAY_OK && (sees & SEES_STEPS))
        status = put(&t->scope, "steps", steps_value(t, &value), &value, err);
    if (status == BELAY_OK && (sees & SEES_ERROR) && t->saga->fault.n)
        status = put(&t->scope, "error", error_value(t, &value), &value, err);
    if (status != BELAY_OK)
        return status;
    t->scope.source = t->saga->kind->source;
    t->sees = sees;
    t->scoped = true;
    return BELAY_OK;
}
