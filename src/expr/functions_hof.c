/* Functions that call functions. */
#include <stdio.h>

#include "expr/functions.h"

struct belay_value call_hof(struct run *run, const struct call *call, struct belay_value f,
                            struct belay_value a, struct belay_value b, struct belay_value c)
{
    uint32_t arity = f.type == BELAY_VALUE_FUNCTION ? function_arity(f) : 1;
    uint32_t n = arity < 1 ? 1 : arity > 3 ? 3 : arity;
    struct belay_value args[3] = { a, b, c };
    return apply(run, f, args, n, UNDEFINED, call->frame);
}

static struct belay_value index_value(uint32_t i)
{
    return belay_value_number(i);
}

/* What f says of each item; kept is that, or the item itself where that is true. */
static struct belay_value collect(struct run *run, struct call *call, bool items)
{
    struct value_iter it = value_iter(call->args[0]);
    struct belay_value result = sequence_of(run, UNDEFINED), item;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    while (!value_failed(result) && value_iter_next(&it, &item)) {
        struct belay_value v
            = call_hof(run, call, call->args[1], item, index_value(it.at - 1), call->args[0]);
        if (value_failed(v))
            return v;
        if ((items ? truthy(run, v) : value_defined(v))
            && !value_array_push(result.u.array, run->arena, items ? item : v))
            return run_nomem(run);
    }
    return result;
}

struct belay_value f_map(struct run *run, struct call *call)
{
    return collect(run, call, false);
}

struct belay_value f_filter(struct run *run, struct call *call)
{
    return collect(run, call, true);
}

struct belay_value f_single(struct run *run, struct call *call)
{
    struct value_iter it = value_iter(call->args[0]);
    struct belay_value item, found = UNDEFINED;
    bool any = false;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    while (value_iter_next(&it, &item)) {
        struct belay_value v = belay_value_bool(true);
        if (value_defined(call->args[1]))
            v = call_hof(run, call, call->args[1], item, index_value(it.at - 1), call->args[0]);
        if (value_failed(v))
            return v;
        if (!truthy(run, v))
            continue;
        if (any)
            return run_fail(run, "D3138", NO_POSITION, BELAY_STR_NONE);
        any = true;
        found = item;
    }
    return any ? found : run_fail(run, "D3139", NO_POSITION, BELAY_STR_NONE);
}

struct belay_value f_reduce(struct run *run, struct call *call)
{
    struct belay_value list = call->args[0], f = call->args[1], total = call->args[2], item;
    struct value_iter it = value_iter(list);
    if (!value_defined(list))
        return UNDEFINED;
    uint32_t arity = function_arity(f), n = arity > 4 ? 4 : arity;
    if (arity < 2)
        return run_fail(run, "D3050", NO_POSITION, BELAY_STR_NONE);
    if (!value_defined(total) && !value_iter_next(&it, &total))
        return UNDEFINED;
    while (value_iter_next(&it, &item)) {
        struct belay_value args[4] = { total, item, index_value(it.at - 1), list };
        total = apply(run, f, args, n, UNDEFINED, call->frame);
        if (value_failed(total))
            return total;
    }
    return total;
}

struct belay_value f_sift(struct run *run, struct call *call)
{
    struct belay_value object = call->args[0], name, item;
    struct value_members m = value_members(object);
    struct belay_value_object *o = value_object_new(run->arena, 8);
    if (!value_defined(object))
        return UNDEFINED;
    while (o && value_members_next(&m, &name, &item)) {
        struct belay_value v = call_hof(run, call, call->args[1], item, name, object);
        if (value_failed(v))
            return v;
        if (truthy(run, v) && !value_object_put(o, run->arena, name, item))
            return run_nomem(run);
    }
    if (!o)
        return run_nomem(run);
    return o->n ? belay_value_object(o) : UNDEFINED;
}

struct belay_value f_each(struct run *run, struct call *call)
{
    struct belay_value object = call->args[0], name, item;
    struct value_members m = value_members(object);
    struct belay_value result = sequence_of(run, UNDEFINED);
    while (!value_failed(result) && value_members_next(&m, &name, &item)) {
        struct belay_value v = call_hof(run, call, call->args[1], item, name, object);
        if (value_failed(v))
            return v;
        if (value_defined(v) && !value_array_push(result.u.array, run->arena, v))
            return run_nomem(run);
    }
    return result;
}

/* ---- errors on purpose ---- */

static struct belay_value fail_with(struct run *run, const char *code, struct belay_value message,
                                    struct belay_str otherwise)
{
    struct belay_str text = message.type == BELAY_VALUE_STRING ? value_str(message) : otherwise;
    run_fail(run, code, NO_POSITION, BELAY_STR_NONE);
    snprintf(run->error.message, sizeof run->error.message, "%.*s", BELAY_STR_ARG(text));
    return FAILED;
}

struct belay_value f_error(struct run *run, struct call *call)
{
    return fail_with(run, "D3137", call->args[0], BELAY_STR("$error() function evaluated"));
}

struct belay_value f_assert(struct run *run, struct call *call)
{
    if (truthy(run, call->args[0]))
        return UNDEFINED;
    return fail_with(run, "D3141", call->args[1], BELAY_STR("$assert() statement failed"));
}

struct belay_value f_eval(struct run *run, struct call *call)
{
    struct belay_value input = value_defined(call->args[1]) ? call->args[1] : call->input;
    struct belay_expr *e = BELAY_ARENA_NEW(run->arena, struct belay_expr);
    struct belay_expr_error error;
    if (call->args[0].type != BELAY_VALUE_STRING)
        return UNDEFINED;
    if (!e)
        return run_nomem(run);
    if (!run_charge(run, 1 + call->args[0].n))
        return FAILED;
    int status = expr_build(e, run->arena, value_str(call->args[0]), call->frame->root->expr,
                            &error, NULL);
    if (status == BELAY_NOMEM)
        return run_nomem(run);
    if (status)
        return run_fail(run, "D3120", NO_POSITION, belay_str_c(error.code));
    run->bound_by_eval = true;
    if (value_is_array(input) && !is_sequence(input)) {
        input = sequence_of(run, input);
        if (value_failed(input))
            return input;
        input.u.array->flags |= ARRAY_OUTER;
    }
    struct belay_value v = eval(run, e->root, input, call->frame);
    if (value_failed(v) && run->status == BELAY_INVALID) {
        run->error.position = NO_POSITION; /* what it says is not of this source */
        memcpy(run->error.code, "D3121", 6);
    }
    return v;
}
