#include "expr/eval.h"
#include "expr/signature.h"

static struct belay_value function_value(struct belay_value_function *f)
{
    return (struct belay_value){ .type = BELAY_VALUE_FUNCTION, .u.function = f };
}

static struct belay_value_function *function_new(struct run *run, enum function_kind kind)
{
    struct belay_value_function *f = belay_arena_alloc(run->arena, sizeof *f);
    if (f)
        f->kind = kind;
    else
        run_nomem(run);
    return f;
}

/* A lambda or a transform, with the variables it sees. */
struct belay_value eval_closure(struct run *run, const struct node *node, struct belay_value input,
                                struct frame *frame, enum function_kind kind)
{
    struct belay_value_function *f = function_new(run, kind);
    if (!f)
        return FAILED;
    f->u.lambda.node = node;
    f->u.lambda.frame = frame;
    f->u.lambda.input = input;
    return function_value(f);
}

uint32_t function_arity(struct belay_value function)
{
    const struct belay_value_function *f = function.u.function;
    uint32_t open = 0;
    switch (f->kind) {
    case FUNCTION_BUILTIN: return f->u.builtin.def->arity;
    case FUNCTION_HOST: return f->u.host->args_max;
    case FUNCTION_LAMBDA: return f->u.lambda.node->n;
    case FUNCTION_PARTIAL:
        for (uint32_t i = 0; i < f->u.partial.node->n; i++)
            open += f->u.partial.node->items[i]->type == NODE_OPERATOR;
        return open;
    default: return 1;
    }
}

/* ---- applying each kind ---- */

static struct belay_value apply_builtin(struct run *run, const struct belay_value_function *f,
                                        struct belay_value *args, uint32_t n,
                                        struct belay_value input, struct frame *frame)
{
    struct call call = { args, n, input, frame };
    if (!signature_apply(f->u.builtin.signature, run, input, &call.args, &call.n))
        return FAILED;
    return f->u.builtin.def->call(run, &call);
}

static struct belay_value apply_host(struct run *run, const struct belay_host_function *host,
                                     struct belay_value *args, uint32_t n)
{
    struct belay_value ret = UNDEFINED;
    struct belay_err err;
    if (n < host->args_min || n > host->args_max)
        return run_fail(run, "T0410", NO_POSITION, host->name);
    belay_err_clear(&err);
    run->host_called = true;
    if (host->call(host->arg, run->arena, args, n, &ret, &err) == BELAY_OK)
        return ret;
    run_fail(run, "D9001", NO_POSITION, host->name);
    memcpy(run->detail, err.msg, sizeof run->detail);
    return FAILED;
}

static struct belay_value apply_lambda(struct run *run, const struct belay_value_function *f,
                                       struct belay_value *args, uint32_t n,
                                       struct belay_value input)
{
    const struct node *node = f->u.lambda.node;
    if (node->extra->signature && !signature_apply(node->extra->signature, run, input, &args, &n))
        return FAILED;
    struct frame *frame = frame_new(run, f->u.lambda.frame, NULL);
    if (!frame)
        return FAILED;
    for (uint32_t i = 0; i < node->n; i++)
        if (!frame_bind(run, frame, node->items[i]->name, i < n ? args[i] : UNDEFINED))
            return FAILED;
    return eval(run, node->a, f->u.lambda.input, frame);
}

static struct belay_value apply_partial(struct run *run, const struct belay_value_function *f,
                                        const struct belay_value *args, uint32_t n,
                                        struct belay_value input, struct frame *frame)
{
    uint32_t count = f->u.partial.node->n, given = 0;
    struct belay_value *all = belay_arena_alloc(run->arena, count * sizeof *all);
    if (!all)
        return run_nomem(run);
    for (uint32_t i = 0; i < count; i++) {
        all[i] = f->u.partial.args[i];
        if (f->u.partial.node->items[i]->type == NODE_OPERATOR)
            all[i] = given < n ? args[given] : UNDEFINED;
        given += f->u.partial.node->items[i]->type == NODE_OPERATOR;
    }
    return apply(run, f->u.partial.function, all, count, input, frame);
}

static struct belay_value apply_regex(struct run *run, const struct regex *re,
                                      const struct belay_value *args, uint32_t n)
{
    if (n < 1 || args[0].type != BELAY_VALUE_STRING)
        return UNDEFINED;
    return regex_apply(run, re, value_str(args[0]), 0, false);
}

static struct belay_value apply_once(struct run *run, struct belay_value function,
                                     struct belay_value *args, uint32_t n, struct belay_value input,
                                     struct frame *frame)
{
    const struct belay_value_function *f = function.u.function;
    struct belay_value v;
    if (function.type != BELAY_VALUE_FUNCTION)
        return run_fail_value(run, "T1006", NO_POSITION, function);
    switch (f->kind) {
    case FUNCTION_BUILTIN: return apply_builtin(run, f, args, n, input, frame);
    case FUNCTION_HOST: return apply_host(run, f->u.host, args, n);
    case FUNCTION_LAMBDA: return apply_lambda(run, f, args, n, input);
    case FUNCTION_PARTIAL: return apply_partial(run, f, args, n, input, frame);
    case FUNCTION_CHAIN:
        v = apply(run, f->u.chain.first, args, n, UNDEFINED, frame);
        return value_failed(v) ? v : apply(run, f->u.chain.second, &v, 1, UNDEFINED, frame);
    case FUNCTION_REGEX: return apply_regex(run, f->u.regex, args, n);
    case FUNCTION_REGEX_NEXT:
        return regex_apply(run, f->u.next.regex, f->u.next.text, f->u.next.from, true);
    default: return transform_apply(run, f, n > 0 ? args[0] : UNDEFINED);
    }
}

/* ---- calls ---- */

/* few: where FEW arguments fit that need not outlive the call; may be NULL. */
#define FEW 4
static struct belay_value *eval_args(struct run *run, const struct node *node,
                                     struct belay_value input, struct frame *frame,
                                     const struct belay_value *first, struct belay_value *few)
{
    uint32_t at = 0;
    struct belay_value *args
        = few && node->n < FEW ? few : belay_arena_alloc(run->arena, (node->n + 1) * sizeof *args);
    if (!args) {
        run_nomem(run);
        return NULL;
    }
    if (first)
        args[at++] = *first;
    for (uint32_t i = 0; i < node->n; i++) {
        args[at] = node->items[i]->type == NODE_OPERATOR ? UNDEFINED
                                                         : eval(run, node->items[i], input, frame);
        if (value_failed(args[at++]))
            return NULL;
    }
    return args;
}

static bool is_path_name(const struct node *node)
{
    return node->type == NODE_PATH && node->items[0]->type == NODE_NAME;
}

static bool is_variable(struct run *run, struct frame *frame, struct belay_str text)
{
    const struct name *name = expr_find_name(frame->root->expr, text);
    return builtin_find(text) || (name && value_defined(lookup(run, frame, name)));
}

/* The procedure of a call. A name without its $ that is a function's gets a hint. */
static struct belay_value procedure(struct run *run, const struct node *node,
                                    struct belay_value input, struct frame *frame, const char *hint)
{
    struct belay_value f = eval(run, node->a, input, frame);
    if (value_failed(f) || f.type == BELAY_VALUE_FUNCTION)
        return f;
    if (!value_defined(f) && is_path_name(node->a)
        && is_variable(run, frame, value_str(node->a->items[0]->value)))
        return run_fail(run, hint, node->position, value_str(node->a->items[0]->value));
    struct belay_str token = is_path_name(node->a) ? value_str(node->a->items[0]->value)
                             : node->a->type == NODE_VARIABLE && node->a->name ? node->a->name->text
                                                                               : BELAY_STR_NONE;
    return run_fail(run, hint[4] == '5' ? "T1006" : "T1008", node->position, token);
}

/* Holds no memory: what the call that gave it took is free again, since a call binds variables in
 * its own frames only. ($eval binds in its caller's, a host function may keep what it likes.) */
static bool is_scalar(struct belay_value v)
{
    return v.type < BELAY_VALUE_BIG;
}

/* Calls that a lambda ends with are made here, one after the other, so that recursion in tail
 * position needs no stack. */
struct belay_value apply(struct run *run, struct belay_value function, struct belay_value *args,
                         uint32_t n, struct belay_value input, struct frame *frame)
{
    if (++run->depth > run->depth_max)
        return run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
    struct belay_arena_mark mark = belay_arena_mark(run->arena);
    struct belay_value v = apply_once(run, function, args, n, input, frame);
    while (v.type == VALUE_TAIL) {
        const struct node *node = run->tail.node;
        struct belay_value context = run->tail.input;
        struct frame *inner = run->tail.frame;
        function = procedure(run, node, context, inner, "T1005");
        args = value_failed(function) ? NULL : eval_args(run, node, context, inner, NULL, NULL);
        v = args ? apply_once(run, function, args, node->n, context, inner) : FAILED;
        if (value_failed(v))
            run_locate(run, node->position);
    }
    run->depth--;
    if (is_scalar(v) && !run->bound_by_eval && !run->host_called)
        belay_arena_rewind(run->arena, mark);
    return v;
}

static struct belay_value call_with(struct run *run, const struct node *node,
                                    struct belay_value input, struct frame *frame,
                                    const struct belay_value *first)
{
    struct belay_value f = procedure(run, node, input, frame, "T1005");
    struct belay_value few[FEW];
    struct belay_value *args
        = value_failed(f) ? NULL : eval_args(run, node, input, frame, first, few);
    if (!args)
        return FAILED;
    struct belay_value v = apply(run, f, args, node->n + (first ? 1 : 0), input, frame);
    if (value_failed(v))
        run_locate(run, node->position);
    return v;
}

struct belay_value eval_call(struct run *run, const struct node *node, struct belay_value input,
                             struct frame *frame)
{
    if (!(node->flags & NODE_TAIL))
        return call_with(run, node, input, frame, NULL);
    run->tail.node = node;
    run->tail.input = input;
    run->tail.frame = frame;
    return (struct belay_value){ .type = VALUE_TAIL };
}

struct belay_value eval_partial(struct run *run, const struct node *node, struct belay_value input,
                                struct frame *frame)
{
    struct belay_value *args = eval_args(run, node, input, frame, NULL, NULL);
    if (!args)
        return FAILED;
    struct belay_value function = procedure(run, node, input, frame, "T1007");
    struct belay_value_function *f
        = value_failed(function) ? NULL : function_new(run, FUNCTION_PARTIAL);
    if (!f)
        return FAILED;
    f->u.partial.function = function;
    f->u.partial.args = args;
    f->u.partial.node = node;
    return function_value(f);
}

struct belay_value eval_apply(struct run *run, const struct node *node, struct belay_value input,
                              struct frame *frame)
{
    struct belay_value left = eval(run, node->a, input, frame);
    if (value_failed(left))
        return left;
    if (node->b->type == NODE_CALL)
        return call_with(run, node->b, input, frame, &left);
    struct belay_value f = eval(run, node->b, input, frame);
    if (value_failed(f))
        return f;
    if (f.type != BELAY_VALUE_FUNCTION)
        return run_fail_value(run, "T2006", node->position, f);
    if (left.type != BELAY_VALUE_FUNCTION) {
        struct belay_value *args = belay_arena_alloc(run->arena, sizeof *args);
        if (!args)
            return run_nomem(run);
        *args = left;
        return apply(run, f, args, 1, UNDEFINED, frame);
    }
    struct belay_value_function *chain = function_new(run, FUNCTION_CHAIN);
    if (!chain)
        return FAILED;
    chain->u.chain.first = left;
    chain->u.chain.second = f;
    return function_value(chain);
}
