/* scope.c - what the expressions of a saga see: $ the start message's body, $message, $headers,
 * $steps the results so far, $error why it is compensated. */
#include "saga/room.h"

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

int saga_scope_message(struct belay_sagas *s, const struct belay_message *m, belay_time now,
                       struct belay_scope *ret_scope, struct belay_binding bindings[2],
                       struct belay_err *err)
{
    struct belay_value body;
    bindings[0].name = BELAY_STR("message");
    bindings[1].name = BELAY_STR("headers");
    int status = body_value(s, m->body, &body, err);
    if (status != BELAY_OK)
        return status;
    if (belay_message_value(m, 0, &s->arena, &bindings[0].value) != BELAY_OK
        || belay_fields_value(m->headers, m->header_count, &s->arena, &bindings[1].value) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for a saga's expressions");
    *ret_scope = (struct belay_scope){ .body = body, .body_text = m->body, .body_type = m->datacontenttype,
                                       .bindings = bindings, .binding_count = 2, .now = now,
                                       .random = &s->random, .scratch = &s->scratch };
    return BELAY_OK;
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
        int status = belay_value_object_put(o, arena, t->def->steps[n].name, belay_value_tape(root));
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

int saga_scope(struct saga_turn *t, struct belay_err *err)
{
    if (t->scoped)
        return BELAY_OK;
    struct belay_sagas *s = t->room;
    int status = belay_message_decode(saga_input(t->saga), &s->arena, &t->input, err);
    if (status == BELAY_OK)
        status = saga_scope_message(s, &t->input, t->now, &t->scope, t->bindings, err);
    if (status != BELAY_OK)
        return status;
    t->bindings[2].name = BELAY_STR("steps");
    t->bindings[3].name = BELAY_STR("error");
    if (steps_value(t, &t->bindings[2].value) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for a saga's expressions");
    t->scope.binding_count = 3;
    t->scope.source = belay_arena_printf(&s->arena, "/sagas/%.*s", BELAY_STR_ARG(t->def->name));
    if (t->saga->fault.n) {
        if (error_value(t, &t->bindings[3].value) != BELAY_OK)
            return belay_fail(err, BELAY_NOMEM, "no memory for a saga's expressions");
        t->scope.binding_count = 4;
    }
    t->scoped = true;
    return BELAY_OK;
}
