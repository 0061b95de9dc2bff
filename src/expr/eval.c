#include "expr/eval.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"

/* ---- failing ---- */

struct belay_value run_fail(struct run *run, const char *code, uint32_t position,
                            struct belay_str token)
{
    if (run->status == BELAY_OK) {
        run->status = code[0] == 'U' && code[1] == '1' ? BELAY_LIMIT : BELAY_INVALID;
        error_set(&run->error, code, position, token);
    }
    return FAILED;
}

struct belay_value run_nomem(struct run *run)
{
    /* What is not the arena's does not say whether its limit or the heap was in the way: a small block does. */
    void *probe = belay_malloc(64);
    belay_free(probe);
    if (run->status == BELAY_OK && (!probe || run->arena->starved)) {
        run->status = BELAY_NOMEM;
        error_set(&run->error, "U1004", NO_POSITION, BELAY_STR_NONE);
    }
    return run_fail(run, "U1004", NO_POSITION, BELAY_STR_NONE);
}

struct belay_value run_fail_value(struct run *run, const char *code, uint32_t position,
                                  struct belay_value value)
{
    char text[VALUE_NUMBER_TEXT_MAX];
    struct belay_str token = BELAY_STR_NONE;
    if (value.type == BELAY_VALUE_STRING || value.type == BELAY_VALUE_BOOL
        || value_is_number(value))
        token = value_scalar_text(value, text);
    else if (value_is_array(value))
        token = BELAY_STR("array");
    else if (value_is_object(value))
        token = BELAY_STR("object");
    else if (value.type == BELAY_VALUE_NULL)
        token = BELAY_STR("null");
    else if (value.type == BELAY_VALUE_FUNCTION)
        token = BELAY_STR("function");
    return run_fail(run, code, position, token);
}

void run_locate(struct run *run, uint32_t position)
{
    if (run->error.position == NO_POSITION)
        run->error.position = position;
}

bool run_charge(struct run *run, uint64_t steps)
{
    if (run->steps_left < steps) {
        run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
        return false;
    }
    run->steps_left -= steps;
    return true;
}

/* ---- variables ---- */

static struct belay_value host_value(struct run *run, const struct name *name)
{
    const struct belay_expr_env *env = run->env;
    if (belay_str_eq(name->text, BELAY_STR("$")))
        return run->input;
    for (size_t i = 0; i < env->binding_count; i++)
        if (belay_str_eq(env->bindings[i].name, name->text))
            return env->bindings[i].value;
    for (size_t i = 0; i < env->function_count; i++) {
        if (!belay_str_eq(env->functions[i].name, name->text))
            continue;
        struct belay_value_function *f = BELAY_ARENA_NEW(run->arena, struct belay_value_function);
        if (!f)
            return run_nomem(run);
        f->kind = FUNCTION_HOST;
        f->u.host = &env->functions[i];
        return (struct belay_value){ .type = BELAY_VALUE_FUNCTION, .u.function = f };
    }
    return name->value;
}

struct root *root_new(struct run *run, const struct belay_expr *e)
{
    struct root *root
        = belay_arena_alloc(run->arena, sizeof *root + e->name_count * sizeof *root->values);
    if (!root) {
        run_nomem(run);
        return NULL;
    }
    root->expr = e;
    root->values = (struct belay_value *)(root + 1);
    for (const struct name *name = e->names; name; name = name->next) {
        root->values[name->index] = host_value(run, name);
        if (value_failed(root->values[name->index]))
            return NULL;
    }
    return root;
}

struct belay_value lookup(struct run *run, struct frame *frame, const struct name *name)
{
    struct root *root = frame->root;
    if (name->local || run->bound_by_eval)
        for (; frame; frame = frame->parent)
            for (const struct binding *b = frame->bindings; b; b = b->next)
                if (b->name == name)
                    return b->value;
    if (name->owner == root->expr)
        return root->values[name->index];
    return host_value(run, name);
}

struct frame *frame_new(struct run *run, struct frame *parent, struct binding *bindings)
{
    struct frame *frame = belay_arena_alloc(run->arena, sizeof *frame);
    if (!frame) {
        run_nomem(run);
        return NULL;
    }
    *frame = (struct frame){ bindings, parent, parent->root };
    return frame;
}

bool frame_bind(struct run *run, struct frame *frame, const struct name *name, struct belay_value v)
{
    struct binding *b = belay_arena_alloc(run->arena, sizeof *b);
    if (!b) {
        run_nomem(run);
        return false;
    }
    *b = (struct binding){ name, v, frame->bindings };
    frame->bindings = b;
    return true;
}

/* ---- sequences ---- */

bool is_sequence(struct belay_value v)
{
    return v.type == BELAY_VALUE_ARRAY && v.u.array->flags & (ARRAY_SEQUENCE | ARRAY_OUTER);
}

struct belay_value sequence_of(struct run *run, struct belay_value v)
{
    struct belay_value_array *a = value_array_new(run->arena, 1, ARRAY_SEQUENCE);
    if (!a)
        return run_nomem(run);
    if (value_defined(v))
        a->items[a->n++] = v;
    return value_array(a);
}

struct belay_value sequence_collapse(struct belay_value v)
{
    if (v.type != BELAY_VALUE_ARRAY)
        return v;
    const struct belay_value_array *a = v.u.array;
    if (!(a->flags & (ARRAY_SEQUENCE | ARRAY_OUTER)) || a->flags & ARRAY_TUPLES || a->n > 1)
        return v;
    if (a->n == 0)
        return UNDEFINED;
    return a->flags & ARRAY_KEEP ? v : value_array_at(a, 0);
}

static bool sequence_open(struct run *run, struct sequence *s, uint32_t cap)
{
    s->array = value_array_new(run->arena, cap < 4 ? 4 : cap, ARRAY_SEQUENCE);
    if (!s->array) {
        run_nomem(run);
        return false;
    }
    if (s->n == 1)
        s->array->items[s->array->n++] = s->one;
    return true;
}

bool sequence_push(struct run *run, struct sequence *s, struct belay_value v)
{
    if (s->n == 0 && !s->array && !value_is_array(v)) {
        s->one = v;
        s->n = 1;
        return true;
    }
    if (!s->array && !sequence_open(run, s, 4))
        return false;
    if (!value_array_push(s->array, run->arena, v)) {
        run_nomem(run);
        return false;
    }
    s->n++;
    return true;
}

bool sequence_push_flat(struct run *run, struct sequence *s, struct belay_value v)
{
    if (!value_is_array(v))
        return sequence_push(run, s, v);
    uint32_t count = value_iter(v).n;
    if (count == 0)
        return true;
    if (!run_charge(run, count / 4) || (!s->array && !sequence_open(run, s, count + s->n)))
        return false;
    if (!value_array_push_all(s->array, run->arena, v)) {
        run_nomem(run);
        return false;
    }
    s->n += count;
    return true;
}

struct belay_value sequence_value(const struct sequence *s)
{
    if (s->array)
        return value_array(s->array);
    return s->n ? s->one : UNDEFINED;
}

/* ---- evaluating ---- */

static struct belay_value eval_block(struct run *run, const struct node *node,
                                     struct belay_value input, struct frame *frame)
{
    struct belay_value result = UNDEFINED;
    struct frame *inner = frame_new(run, frame, NULL);
    if (!inner)
        return FAILED;
    for (uint32_t i = 0; i < node->n; i++) {
        result = eval(run, node->items[i], input, inner);
        if (value_failed(result))
            break;
    }
    return result;
}

static struct belay_value eval_condition(struct run *run, const struct node *node,
                                         struct belay_value input, struct frame *frame)
{
    struct belay_value v = eval(run, node->a, input, frame);
    if (value_failed(v))
        return v;
    bool yes = node->type == NODE_COALESCE ? value_defined(v) : truthy(run, v);
    if (node->type != NODE_CONDITION)
        return yes ? v : eval(run, node->b, input, frame);
    if (yes)
        return eval(run, node->b, input, frame);
    return node->c ? eval(run, node->c, input, frame) : UNDEFINED;
}

static struct belay_value eval_bind(struct run *run, const struct node *node,
                                    struct belay_value input, struct frame *frame)
{
    struct belay_value v = eval(run, node->b, input, frame);
    if (value_failed(v))
        return v;
    if (!node->name->local || node->name->owner != frame->root->expr)
        run->bound_by_eval = true;
    return frame_bind(run, frame, node->name, v) ? v : FAILED;
}

static struct belay_value eval_variable(struct run *run, const struct node *node,
                                        struct belay_value input, struct frame *frame)
{
    if (node->name)
        return lookup(run, frame, node->name);
    if (input.type == BELAY_VALUE_ARRAY && input.u.array->flags & ARRAY_OUTER)
        return value_array_at(input.u.array, 0);
    return input;
}

static struct belay_value eval_type(struct run *run, const struct node *node,
                                    struct belay_value input, struct frame *frame)
{
    switch (node->type) {
    case NODE_LITERAL:
    case NODE_REGEX: return node->value;
    case NODE_NAME: return lookup_name(run, input, value_str(node->value));
    case NODE_VARIABLE: return eval_variable(run, node, input, frame);
    case NODE_WILDCARD: return eval_wildcard(run, input);
    case NODE_DESCENDANT: return eval_descendants(run, input);
    case NODE_PARENT: return lookup(run, frame, node->extra->slot->label);
    case NODE_BINARY: return eval_binary(run, node, input, frame);
    case NODE_NEGATE: return eval_negate(run, node, input, frame);
    case NODE_ARRAY: return eval_array(run, node, input, frame);
    case NODE_OBJECT: return eval_object(run, node, input, frame);
    case NODE_BLOCK: return eval_block(run, node, input, frame);
    case NODE_CONDITION:
    case NODE_DEFAULT:
    case NODE_COALESCE: return eval_condition(run, node, input, frame);
    case NODE_CALL: return eval_call(run, node, input, frame);
    case NODE_PARTIAL: return eval_partial(run, node, input, frame);
    case NODE_LAMBDA: return eval_closure(run, node, input, frame, FUNCTION_LAMBDA);
    case NODE_TRANSFORM: return eval_closure(run, node, input, frame, FUNCTION_TRANSFORM);
    case NODE_BIND: return eval_bind(run, node, input, frame);
    case NODE_APPLY: return eval_apply(run, node, input, frame);
    case NODE_PATH: return eval_path(run, node, input, frame);
    default: return run_fail(run, "S0201", node->position, BELAY_STR_NONE);
    }
}

/* [] on a node: its sequence of one stays an array. */
static struct belay_value keep_array(struct run *run, struct belay_value v)
{
    if (!is_sequence(v) || v.u.array->n != 1 || v.u.array->flags & ARRAY_KEEP)
        return v;
    struct belay_value_array *copy = belay_arena_alloc(run->arena, sizeof *copy);
    if (!copy)
        return run_nomem(run);
    *copy = *v.u.array;
    copy->cap = copy->n;
    copy->flags |= ARRAY_KEEP;
    return value_array(copy);
}

static struct belay_value eval_finish(struct run *run, const struct node *node,
                                      struct belay_value v, struct frame *frame)
{
    for (const struct stage *p = node->extra->predicates; p && !value_failed(v); p = p->next) {
        v = eval_filter(run, p->filter, v, frame);
        if (!value_is_array(v) && value_defined(v) && !value_failed(v)
            && node->flags & NODE_KEEP_ARRAY)
            v = sequence_of(run, v);
        if (!value_defined(v)) /* an empty sequence now: there is nothing more to filter */
            break;
    }
    if (node->extra->group && node->type != NODE_PATH && !value_failed(v))
        v = eval_object(run, node->extra->group, v, frame);
    return v;
}

static inline struct belay_value eval_whole(struct run *run, const struct node *node,
                                            struct belay_value input, struct frame *frame)
{
    struct belay_value v = eval_type(run, node, input, frame);
    if (__builtin_expect(node->flags & NODE_FINISH, 0) && !value_failed(v))
        v = eval_finish(run, node, v, frame);
    return v;
}

/* eval_whole() for a run that may be stopped from outside, or wants to know where its steps go. */
static struct belay_value eval_watched(struct run *run, const struct node *node,
                                       struct belay_value input, struct frame *frame)
{
    const struct belay_expr_env *env = run->env;
    if (env->stop && *env->stop)
        return run_fail(run, "U1007", node->position, BELAY_STR_NONE);
    if (!env->costs || node->id >= run->expr->node_count) /* of $eval: its caller's */
        return eval_whole(run, node, input, frame);
    uint64_t outer = run->inner, before = run->steps_left;
    run->inner = 0;
    struct belay_value v = eval_whole(run, node, input, frame);
    uint64_t spent = before - run->steps_left + 1; /* and the one of evaluating it at all */
    struct belay_expr_cost *cost = &env->costs[node->id];
    cost->steps += spent - run->inner;
    cost->times++;
    cost->position = node->position;
    cost->kind = node_kind(node);
    run->inner = outer + spent;
    return v;
}

struct belay_value eval(struct run *run, const struct node *node, struct belay_value input,
                        struct frame *frame)
{
    if (__builtin_expect(run->steps_left == 0 || run->depth >= run->depth_max, 0))
        return run_fail(run, "U1001", node->position, BELAY_STR_NONE);
    run->steps_left--;
    run->depth++;
    struct belay_value v = __builtin_expect(run->watched, 0)
                               ? eval_watched(run, node, input, frame)
                               : eval_whole(run, node, input, frame);
    run->depth--;
    if (v.type == BELAY_VALUE_ARRAY) {
        if (node->flags & NODE_KEEP_ARRAY)
            v = keep_array(run, v);
        return sequence_collapse(v);
    }
    if (value_failed(v))
        run_locate(run, node->position);
    return v;
}

/* ---- the public face ---- */

static int report(struct run *run, uint32_t offset, struct belay_expr_error *ret_error,
                  struct belay_err *err)
{
    struct belay_expr_error *e = &run->error;
    run_locate(run, 0);
    e->position += offset;
    if (ret_error)
        *ret_error = *e;
    return belay_fail(err, run->status, "%s at byte %u: %s%s%.60s%s%.300s", e->code, e->position,
                      e->message, e->token[0] ? ": " : "", e->token, run->detail[0] ? ": " : "",
                      run->detail);
}

static struct belay_value wrap_input(struct run *run, struct belay_value input)
{
    if (!value_is_array(input) || is_sequence(input))
        return input;
    struct belay_value wrapped = sequence_of(run, input);
    if (!value_failed(wrapped))
        wrapped.u.array->flags = ARRAY_OUTER | ARRAY_SEQUENCE;
    return wrapped;
}

int belay_expr_eval(const struct belay_expr *e, struct belay_value input,
                    const struct belay_expr_env *env, struct belay_arena *arena,
                    struct belay_value *ret_value, struct belay_expr_error *ret_error,
                    struct belay_err *err)
{
    static const struct belay_expr_env nothing;
    struct run run;
    env = env ? env : &nothing;
    memset(&run, 0, offsetof(struct run, detail) + 1);
    run.arena = arena;
    run.env = env;
    run.input = input;
    run.expr = e;
    run.watched = env->stop || env->costs;
    run.data = e->data ? e->data : env->data;
    run.random = env->random ? env->random : &run.own_random;
    run.steps_left = env->steps_max ? env->steps_max : BELAY_EXPR_STEPS_DEFAULT;
    run.match_left = BELAY_EXPR_MATCH_STEPS_DEFAULT;
    run.depth_max = env->depth_max ? env->depth_max : BELAY_EXPR_DEPTH_DEFAULT;
    if (run.depth_max > BELAY_EXPR_DEPTH_MAX)
        run.depth_max = BELAY_EXPR_DEPTH_MAX;
    struct frame frame = { NULL, NULL, root_new(&run, e) };
    struct frame *outer = belay_arena_alloc(arena, sizeof *outer); /* a closure may outlive us */
    struct belay_value v = FAILED;
    if (!outer)
        run_nomem(&run);
    else if (frame.root) {
        *outer = frame;
        v = wrap_input(&run, input);
        if (!value_failed(v))
            v = eval(&run, e->root, v, outer);
        if (!value_failed(v) && !run_charge(&run, 1)) /* a walk that gave up gave no result */
            v = FAILED;
    }
    belay_buf_deinit(&run.scratch);
    BELAY_ASSERT(value_failed(v) == (run.status != BELAY_OK));
    BELAY_ASSERT(run.status || run.depth == 0); /* whoever went down came up again */
    if (run.status)
        return report(&run, e->offset, ret_error, err);
    *ret_value = v;
    return BELAY_OK;
}
