#include "expr/eval.h"

/* ---- the value of a name ---- */

static struct belay_value lookup_in_array(struct run *run, struct belay_value input,
                                          struct belay_str name)
{
    struct value_iter it = value_iter(input);
    struct sequence s = { .n = 0 };
    struct belay_value item, v;
    if (++run->depth > run->depth_max || !run_charge(run, it.n))
        return run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
    while (value_iter_next(&it, &item)) {
        v = lookup_name(run, item, name);
        if (value_failed(v) || (value_defined(v) && !sequence_push_flat(run, &s, v)))
            return FAILED;
    }
    run->depth--;
    return sequence_value(&s);
}

struct belay_value lookup_name(struct run *run, struct belay_value input, struct belay_str name)
{
    if (value_is_array(input))
        return lookup_in_array(run, input, name);
    /* The tape of an object is searched from end to end: a large one costs more than its step. */
    if (input.type == BELAY_VALUE_TAPE && input.u.tape->n > 64
        && !run_charge(run, input.u.tape->n / 64))
        return FAILED;
    return value_get(input, name);
}

/* ---- wildcards ---- */

static bool push_deep(struct run *run, struct belay_value_array *to, struct belay_value v)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    if (++run->depth > run->depth_max || !run_charge(run, it.n)) {
        run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
        return false;
    }
    while (value_iter_next(&it, &item)) {
        bool ok = value_is_array(item) ? push_deep(run, to, item)
                                       : value_array_push(to, run->arena, item);
        if (!ok) {
            run_nomem(run);
            return false;
        }
    }
    run->depth--;
    return true;
}

/* As the reference appends: what took in an array is no sequence any more. */
static bool push_wild(struct run *run, struct belay_value_array *to, struct belay_value v)
{
    if (value_is_array(v)) {
        to->flags &= ~(uint32_t)ARRAY_SEQUENCE;
        return push_deep(run, to, v);
    }
    if (run_charge(run, 1) && value_array_push(to, run->arena, v))
        return true;
    run_nomem(run);
    return false;
}

struct belay_value eval_wildcard(struct run *run, struct belay_value input)
{
    if (input.type == BELAY_VALUE_ARRAY && input.u.array->flags & ARRAY_OUTER)
        input = value_array_at(input.u.array, 0);
    struct belay_value result = sequence_of(run, UNDEFINED), name, v;
    if (value_failed(result))
        return result;
    if (value_is_array(input)) {
        struct value_iter it = value_iter(input);
        while (value_iter_next(&it, &v))
            if (!push_wild(run, result.u.array, v))
                return FAILED;
        return result;
    }
    struct value_members m = value_members(input);
    while (value_members_next(&m, &name, &v))
        if (!push_wild(run, result.u.array, v))
            return FAILED;
    return result;
}

static bool descend(struct run *run, struct belay_value v, struct belay_value_array *to)
{
    struct belay_value name, item;
    struct value_members m = value_members(v);
    if (++run->depth > run->depth_max || !run_charge(run, 1)) {
        run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
        return false;
    }
    if (value_is_array(v)) {
        struct value_iter it = value_iter(v);
        while (value_iter_next(&it, &item))
            if (!descend(run, item, to))
                return false;
    } else if (!value_array_push(to, run->arena, v)) {
        run_nomem(run);
        return false;
    }
    while (value_members_next(&m, &name, &item))
        if (!descend(run, item, to))
            return false;
    run->depth--;
    return true;
}

struct belay_value eval_descendants(struct run *run, struct belay_value input)
{
    struct belay_value result = sequence_of(run, UNDEFINED);
    if (value_failed(result) || !value_defined(input))
        return value_failed(result) ? result : UNDEFINED;
    if (!descend(run, input, result.u.array))
        return FAILED;
    return result.u.array->n == 1 ? result.u.array->items[0] : result;
}

/* ---- predicates ---- */

static struct belay_value filter_at(struct belay_value input, double index, struct run *run)
{
    struct value_iter it = value_iter(input);
    index = __builtin_floor(index);
    if (index < 0)
        index += it.n;
    if (!(index >= 0 && index < it.n))
        return UNDEFINED;
    if (!run_charge(run, (uint64_t)index / 64))
        return FAILED;
    struct belay_value v = value_is_array(input) ? belay_value_at(input, (size_t)index) : input;
    if (v.type != VALUE_TUPLE)
        return v;
    struct belay_value one = sequence_of(run, v);
    if (!value_failed(one))
        one.u.array->flags |= ARRAY_TUPLES;
    return one;
}

static bool at_index(struct belay_value number, uint32_t at, uint32_t n)
{
    double index = __builtin_floor(value_double(number));
    return (index < 0 ? index + n : index) == at;
}

static bool all_numbers(struct belay_value v)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    if (!value_is_array(v))
        return false;
    while (value_iter_next(&it, &item))
        if (!value_is_number(item))
            return false;
    return true;
}

/* What a predicate gave for the item at a place: how often the item is kept. */
static uint32_t times_kept(struct run *run, struct belay_value v, uint32_t at, uint32_t n)
{
    uint32_t times = 0;
    if (value_is_number(v))
        return at_index(v, at, n);
    if (!all_numbers(v))
        return truthy(run, v);
    struct value_iter it = value_iter(v);
    struct belay_value item;
    while (value_iter_next(&it, &item))
        times += at_index(item, at, n);
    return times;
}

static bool is_tuples(struct belay_value v)
{
    return v.type == BELAY_VALUE_ARRAY && v.u.array->flags & ARRAY_TUPLES;
}

struct frame *tuple_frame(struct run *run, struct frame *parent, struct belay_value tuple)
{
    return frame_new(run, parent, tuple.u.tuple->bindings);
}

/* As the reference has it, nothing is filtered as a sequence of one undefined item. */
static struct belay_value filter_nothing(struct run *run, const struct node *predicate,
                                         struct frame *frame)
{
    struct belay_value v = eval(run, predicate, UNDEFINED, frame);
    uint32_t times = value_failed(v) ? 0 : times_kept(run, v, 0, 1);
    if (times == 0)
        return value_failed(v) ? v : UNDEFINED;
    struct belay_value_array *a = value_array_new(run->arena, times, ARRAY_SEQUENCE);
    for (; a && times > 0; times--)
        a->items[a->n++] = UNDEFINED;
    return a ? value_array(a) : run_nomem(run);
}

/* UNDEFINED: nothing is left. A single result that is no array stands for its sequence. */
struct belay_value eval_filter(struct run *run, const struct node *predicate,
                               struct belay_value input, struct frame *frame)
{
    if (predicate->type == NODE_LITERAL && value_is_number(predicate->value))
        return filter_at(input, value_double(predicate->value), run);
    struct sequence s = { .n = 0 };
    struct value_iter it = value_iter(input);
    struct belay_value item, context;
    if (!value_defined(input))
        return filter_nothing(run, predicate, frame);
    for (uint32_t at = 0; value_iter_next(&it, &item); at++) {
        bool tuple = item.type == VALUE_TUPLE;
        struct frame *inner = tuple ? tuple_frame(run, frame, item) : frame;
        context = tuple ? item.u.tuple->at : item;
        if (!inner)
            return FAILED;
        struct belay_value v = eval(run, predicate, context, inner);
        if (value_failed(v))
            return v;
        if (value_is_array(v) && !run_charge(run, value_iter(v).n / 4))
            return FAILED;
        for (uint32_t times = times_kept(run, v, at, it.n); times > 0; times--)
            if (!sequence_push(run, &s, item))
                return FAILED;
    }
    struct belay_value result = sequence_value(&s);
    if (is_tuples(input) && value_defined(result)) {
        if (result.type == VALUE_TUPLE)
            result = sequence_of(run, result);
        if (!value_failed(result))
            result.u.array->flags |= ARRAY_TUPLES;
    }
    return result;
}

/* ---- steps ---- */

static bool is_cons(struct belay_value v)
{
    return v.type == BELAY_VALUE_ARRAY && v.u.array->flags & ARRAY_CONS;
}

static struct belay_value eval_item(struct run *run, const struct node *step,
                                    struct belay_value item, struct frame *frame)
{
    struct belay_value v = step->type == NODE_NAME && !(step->flags & NODE_FINISH)
                               ? sequence_collapse(lookup_name(run, item, value_str(step->value)))
                               : eval(run, step, item, frame);
    for (const struct stage *s = step->extra->stages; s && !value_failed(v); s = s->next) {
        if (s->filter)
            v = eval_filter(run, s->filter, v, frame);
        if (!value_defined(v)) /* an empty sequence now: there is nothing more to filter */
            break;
    }
    return v;
}

/* A step over one item, its result as a sequence. An array is as good as the sequence of its items,
 * and of the last step it is the result itself. */
static struct belay_value eval_single(struct run *run, const struct node *step,
                                      struct belay_value item, struct frame *frame, bool last)
{
    struct belay_value v = eval_item(run, step, item, frame);
    struct sequence s = { .n = 0 };
    if (!last)
        return is_cons(v) ? sequence_of(run, v) : v;
    if (!is_sequence(v)) /* ... with what [] said of it */
        return v;
    if (!(is_cons(v) ? sequence_push(run, &s, v) : sequence_push_flat(run, &s, v)))
        return FAILED;
    return sequence_value(&s);
}

static struct belay_value eval_step(struct run *run, const struct node *step,
                                    struct belay_value input, struct frame *frame, bool last)
{
    struct value_iter it = value_iter(input);
    struct sequence s = { .n = 0 };
    struct belay_value item, v;
    if (step->type == NODE_SORT) {
        if (value_is_array(input) && it.n == 1 && belay_value_at(input, 0).type != VALUE_TUPLE)
            input = sequence_of(run, belay_value_at(input, 0)); /* whatever array it was */
        v = value_failed(input) ? input : eval_sort(run, step, input, frame);
        return value_failed(v) ? v : eval_stages(run, step->extra->stages, v, frame);
    }
    if (!value_is_array(input))
        return eval_single(run, step, input, frame, last);
    struct belay_value only = UNDEFINED;
    uint32_t results = 0;
    while (value_iter_next(&it, &item)) {
        v = eval_item(run, step, item, frame);
        if (value_failed(v))
            return v;
        if (!value_defined(v))
            continue;
        only = v;
        results++;
        if (!(is_cons(v) ? sequence_push(run, &s, v) : sequence_push_flat(run, &s, v)))
            return FAILED;
    }
    if (last && results == 1 && value_is_array(only) && !is_sequence(only))
        return only;
    return sequence_value(&s);
}

/* [...] as the first step is not evaluated for each item of the input, but over all of it. */
static struct belay_value eval_first_array(struct run *run, const struct node *step,
                                           struct belay_value input, struct frame *frame)
{
    if (!value_is_array(input) && value_defined(input))
        input = sequence_of(run, input);
    return value_failed(input) ? input : eval(run, step, input, frame);
}

/* Steps until the first that gives nothing. *ret_tuples: the result is a tuple stream. */
static struct belay_value eval_steps(struct run *run, const struct node *path,
                                     struct belay_value input, struct frame *frame,
                                     bool *ret_tuples)
{
    struct belay_value sequence = input;
    bool tuples = false;
    if (value_is_array(input) && path->items[0]->type == NODE_VARIABLE) {
        sequence = sequence_of(run, input);
        if (value_failed(sequence))
            return sequence;
    }
    for (uint32_t i = 0; i < path->n; i++) {
        const struct node *step = path->items[i];
        tuples = tuples || step->flags & NODE_TUPLE;
        if (i == 0 && step->flags & NODE_CONS)
            sequence = eval_first_array(run, step, sequence, frame);
        else if (tuples)
            sequence = eval_tuple_step(run, step, sequence, frame);
        else
            sequence = eval_step(run, step, sequence, frame, i + 1 == path->n);
        if (value_failed(sequence) || !value_defined(sequence))
            break;
        if (!tuples && value_is_array(sequence) && value_iter(sequence).n == 0) {
            /* An empty array is a result only of the last step, or as it was written. */
            if (i + 1 < path->n && !(i == 0 && step->flags & NODE_CONS))
                sequence = UNDEFINED;
            break;
        }
    }
    *ret_tuples = tuples;
    return sequence;
}

static struct belay_value untuple(struct run *run, struct belay_value tuples)
{
    struct belay_value result = sequence_of(run, UNDEFINED), item;
    struct value_iter it = value_iter(tuples);
    while (!value_failed(result) && value_defined(tuples) && value_iter_next(&it, &item)) {
        if (item.type == VALUE_TUPLE)
            item = item.u.tuple->at;
        if (value_defined(item) && !value_array_push(result.u.array, run->arena, item))
            result = run_nomem(run);
    }
    return result;
}

/* [] somewhere in the path: a single result stays an array. */
static struct belay_value keep_singleton(struct run *run, struct belay_value v)
{
    if (!value_defined(v))
        return v;
    if (!value_is_array(v) || (is_cons(v) && !is_sequence(v)))
        v = sequence_of(run, v);
    if (value_failed(v) || v.type != BELAY_VALUE_ARRAY || v.u.array->flags & ARRAY_KEEP)
        return v;
    struct belay_value_array *copy = belay_arena_alloc(run->arena, sizeof *copy);
    if (!copy)
        return run_nomem(run);
    *copy = *v.u.array;
    copy->cap = copy->n;
    copy->flags |= ARRAY_KEEP;
    return value_array(copy);
}

/* Most paths: one name, and nothing said about it. */
static bool is_name(const struct node *path)
{
    const struct node *step = path->items[0];
    return path->n == 1 && path->flags == 0 && !path->extra->group && step->type == NODE_NAME
           && step->flags == 0 && !step->extra->stages;
}

struct belay_value eval_path(struct run *run, const struct node *path, struct belay_value input,
                             struct frame *frame)
{
    bool tuples = false;
    if (is_name(path) && input.type == BELAY_VALUE_TAPE && input.u.tape->type == BELAY_JSON_OBJECT)
        return lookup_name(run, input, value_str(path->items[0]->value));
    struct belay_value v = eval_steps(run, path, input, frame, &tuples);
    struct belay_value stream = v;
    if (value_failed(v))
        return v;
    if (tuples && !value_defined(stream) && path->extra->group) { /* a stream still, of none */
        stream = sequence_of(run, UNDEFINED);
        if (value_failed(stream))
            return stream;
        stream.u.array->flags |= ARRAY_TUPLES;
    }
    if (tuples && !(path->flags & NODE_TUPLE))
        v = untuple(run, v);
    if (!value_failed(v) && path->flags & (NODE_KEEP_SINGLETON | NODE_KEEP_ARRAY))
        v = keep_singleton(run, v);
    if (!value_failed(v) && path->extra->group)
        v = eval_object(run, path->extra->group, tuples ? stream : v, frame);
    return v;
}
