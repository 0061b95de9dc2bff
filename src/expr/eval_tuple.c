/* Paths that carry variables along: @ (focus), # (index) and % (parent). An item of such a path is
 * a tuple: the item, and the bindings made on the way to it. */
#include "expr/eval.h"

static struct belay_value tuple_new(struct run *run, struct belay_value at,
                                    struct binding *bindings)
{
    struct belay_value_tuple *t = belay_arena_alloc(run->arena, sizeof *t);
    if (!t)
        return run_nomem(run);
    *t = (struct belay_value_tuple){ at, bindings };
    return (struct belay_value){ .type = VALUE_TUPLE, .u.tuple = t };
}

static bool tuple_bind(struct run *run, struct belay_value tuple, const struct name *name,
                       struct belay_value v)
{
    struct binding *b = belay_arena_alloc(run->arena, sizeof *b);
    if (!b) {
        run_nomem(run);
        return false;
    }
    *b = (struct binding){ name, v, tuple.u.tuple->bindings };
    tuple.u.tuple->bindings = b;
    return true;
}

/* Puts the bindings of inner (down to where they are those of outer) before outer's. */
static bool join_bindings(struct run *run, struct belay_value to, const struct binding *inner,
                          const struct binding *outer)
{
    const struct binding *newest_first[64];
    uint32_t n = 0;
    for (; inner && inner != outer && n < 64; inner = inner->next)
        newest_first[n++] = inner;
    while (n > 0) {
        n--;
        if (!tuple_bind(run, to, newest_first[n]->name, newest_first[n]->value))
            return false;
    }
    return true;
}

static struct belay_value new_stream(struct run *run)
{
    struct belay_value stream = sequence_of(run, UNDEFINED);
    if (!value_failed(stream))
        stream.u.array->flags |= ARRAY_TUPLES;
    return stream;
}

static bool push(struct run *run, struct belay_value stream, struct belay_value tuple)
{
    if (!value_failed(tuple) && value_array_push(stream.u.array, run->arena, tuple))
        return true;
    run_nomem(run);
    return false;
}

/* The tuple for one result of a step that was evaluated over from. */
static struct belay_value next_tuple(struct run *run, const struct node *step,
                                     struct belay_value from, struct belay_value result,
                                     uint32_t at)
{
    struct belay_value_tuple *old = from.u.tuple;
    bool inner = result.type == VALUE_TUPLE;
    struct belay_value t = tuple_new(run,
                                     inner         ? result.u.tuple->at
                                     : step->extra->focus ? old->at
                                                   : result,
                                     old->bindings);
    if (value_failed(t))
        return t;
    if (inner)
        return join_bindings(run, t, result.u.tuple->bindings, old->bindings) ? t : FAILED;
    if ((step->extra->focus && !tuple_bind(run, t, step->extra->focus, result))
        || (step->extra->index && !tuple_bind(run, t, step->extra->index, belay_value_number(at)))
        || (step->extra->ancestor && !tuple_bind(run, t, step->extra->ancestor->label, old->at)))
        return FAILED;
    return t;
}

static bool step_over(struct run *run, const struct node *step, struct belay_value from,
                      struct frame *frame, struct belay_value stream)
{
    struct frame *inner = tuple_frame(run, frame, from);
    if (!inner)
        return false;
    struct belay_value v = eval(run, step, from.u.tuple->at, inner), item;
    if (value_failed(v))
        return false;
    if (!value_defined(v))
        return true;
    struct value_iter it = value_iter(v);
    for (uint32_t at = 0; value_iter_next(&it, &item); at++)
        if (!push(run, stream, next_tuple(run, step, from, item, at)))
            return false;
    return true;
}

static struct belay_value sort_step(struct run *run, const struct node *step,
                                    struct belay_value input, struct frame *frame)
{
    struct belay_value sorted = eval_sort(run, step, input, frame), item, t;
    if (value_failed(sorted))
        return sorted;
    if (sorted.type == BELAY_VALUE_ARRAY && sorted.u.array->flags & ARRAY_TUPLES) {
        if (!step->extra->index)
            return sorted;
        for (uint32_t i = 0; i < sorted.u.array->n; i++)
            if (!tuple_bind(run, sorted.u.array->items[i], step->extra->index, belay_value_number(i)))
                return FAILED;
        return sorted;
    }
    struct belay_value stream = new_stream(run);
    struct value_iter it = value_iter(sorted);
    while (!value_failed(stream) && value_defined(sorted) && value_iter_next(&it, &item)) {
        t = tuple_new(run, item, NULL);
        if (value_failed(t)
            || (step->extra->index && !tuple_bind(run, t, step->extra->index, belay_value_number(it.at - 1)))
            || !push(run, stream, t))
            return FAILED;
    }
    return stream;
}

struct belay_value eval_stages(struct run *run, const struct stage *stages,
                               struct belay_value input, struct frame *frame)
{
    struct belay_value item;
    for (; stages && !value_failed(input); stages = stages->next) {
        if (stages->filter) {
            input = eval_filter(run, stages->filter, input, frame);
            continue;
        }
        struct value_iter it = value_iter(input);
        while (value_defined(input) && value_iter_next(&it, &item))
            if (item.type == VALUE_TUPLE
                && !tuple_bind(run, item, stages->index, belay_value_number(it.at - 1)))
                return FAILED;
    }
    return input;
}

struct belay_value eval_tuple_step(struct run *run, const struct node *step,
                                   struct belay_value input, struct frame *frame)
{
    struct belay_value stream, item;
    if (step->type == NODE_SORT) {
        stream = sort_step(run, step, input, frame);
    } else {
        struct value_iter it = value_iter(input);
        stream = new_stream(run);
        while (!value_failed(stream) && value_iter_next(&it, &item)) {
            if (item.type != VALUE_TUPLE)
                item = tuple_new(run, item, NULL);
            if (value_failed(item) || !step_over(run, step, item, frame, stream))
                return FAILED;
        }
    }
    return value_failed(stream) ? stream : eval_stages(run, step->extra->stages, stream, frame);
}
