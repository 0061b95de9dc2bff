#include "expr/functions.h"

static struct belay_value sequence_new(struct run *run, uint32_t cap)
{
    struct belay_value_array *a = value_array_new(run->arena, cap, ARRAY_SEQUENCE);
    return a ? value_array(a) : run_nomem(run);
}

static bool push(struct run *run, struct belay_value list, struct belay_value v)
{
    if (value_array_push(list.u.array, run->arena, v))
        return true;
    run_nomem(run);
    return false;
}

struct belay_value f_append(struct run *run, struct call *call)
{
    return append(run, call->args[0], call->args[1]);
}

struct belay_value f_exists(struct run *run, struct call *call)
{
    (void)run;
    return belay_value_bool(value_defined(call->args[0]));
}

/* A copy of the items that may be changed. */
static struct belay_value_array *items_of(struct run *run, struct belay_value v)
{
    struct belay_value_array *a = value_array_new(run->arena, value_iter(v).n, 0);
    if (a && value_array_push_all(a, run->arena, v) && run_charge(run, a->n / 4))
        return a;
    run_nomem(run);
    return NULL;
}

struct belay_value f_reverse(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    if (!value_defined(v) || value_iter(v).n < 2)
        return v;
    struct belay_value_array *a = items_of(run, v);
    if (!a)
        return FAILED;
    for (uint32_t i = 0, j = a->n - 1; i < j; i++, j--) {
        struct belay_value swap = a->items[i];
        a->items[i] = a->items[j];
        a->items[j] = swap;
    }
    return value_array(a);
}

struct belay_value f_shuffle(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    if (!value_defined(v) || value_iter(v).n < 2)
        return v;
    struct belay_value_array *a = items_of(run, v);
    if (!a)
        return FAILED;
    for (uint32_t i = a->n - 1; i > 0; i--) {
        uint32_t j = (uint32_t)belay_random_below(run->random, i + 1);
        struct belay_value swap = a->items[i];
        a->items[i] = a->items[j];
        a->items[j] = swap;
    }
    return value_array(a);
}

/* ---- sorting ---- */

struct sorting {
    struct run *run;
    const struct call *call;
    struct belay_value function;
};

static int by_value(void *arg, struct belay_value a, struct belay_value b)
{
    struct sorting *s = arg;
    return compare_values(s->run, a, b);
}

static int by_function(void *arg, struct belay_value a, struct belay_value b)
{
    struct sorting *s = arg;
    struct belay_value v = call_hof(s->run, s->call, s->function, a, b, UNDEFINED);
    return value_failed(v) ? COMPARE_FAILED : truthy(s->run, v);
}

/* All strings or all numbers. */
static bool sortable(const struct belay_value_array *a)
{
    bool strings = true, numbers = true;
    for (uint32_t i = 0; i < a->n; i++) {
        strings = strings && a->items[i].type == BELAY_VALUE_STRING;
        numbers = numbers && value_is_number(a->items[i]);
    }
    return strings || numbers;
}

struct belay_value f_sort(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    struct sorting s = { run, call, call->args[1] };
    if (!value_defined(v) || value_iter(v).n < 2)
        return v;
    struct belay_value_array *a = items_of(run, v);
    if (!a)
        return FAILED;
    bool own = !value_defined(s.function);
    if (own && !sortable(a))
        return run_fail(run, "D3070", NO_POSITION, BELAY_STR_NONE);
    return merge_sort(run, a->items, a->n, own ? by_value : by_function, &s) ? value_array(a)
                                                                             : FAILED;
}

/* ---- distinct, zip ---- */

/* Keeps the first of equal items: a table of places, open addressing by hash. */
static bool keep_distinct(struct run *run, struct belay_value v, struct belay_value to)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)it.n)
        slots *= 2;
    uint32_t *table = BELAY_ARENA_ARRAY(run->arena, uint32_t, slots);
    struct belay_value_array *a = to.u.array;
    if (!table) {
        run_nomem(run);
        return false;
    }
    while (value_iter_next(&it, &item)) {
        uint64_t at = value_hash(item, &run->steps_left) & (slots - 1);
        while (table[at] && !value_equal(a->items[table[at] - 1], item, &run->steps_left)
               && run_charge(run, 1))
            at = (at + 1) & (slots - 1);
        if (run->status || !run_charge(run, 1))
            return false;
        if (table[at])
            continue;
        if (!push(run, to, item))
            return false;
        table[at] = a->n;
    }
    return true;
}

struct belay_value f_distinct(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    if (!value_is_array(v) || value_iter(v).n < 2)
        return v;
    struct belay_value_array *a
        = value_array_new(run->arena, 8, is_sequence(v) ? ARRAY_SEQUENCE : 0);
    if (!a)
        return run_nomem(run);
    return keep_distinct(run, v, value_array(a)) ? value_array(a) : FAILED;
}

struct belay_value f_zip(struct run *run, struct call *call)
{
    uint32_t n = UINT32_MAX;
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t count = value_defined(call->args[i]) ? value_iter(call->args[i]).n : 0;
        n = count < n ? count : n;
    }
    struct belay_value result = sequence_new(run, n);
    struct value_iter *its = belay_arena_alloc(run->arena, (call->n + 1) * sizeof *its);
    if (value_failed(result) || !its)
        return run_nomem(run);
    result.u.array->flags = 0;
    for (uint32_t i = 0; i < call->n; i++)
        its[i] = value_iter(call->args[i]);
    for (uint32_t k = 0; k < n; k++) {
        struct belay_value_array *row = value_array_new(run->arena, call->n, 0);
        if (!row || !run_charge(run, call->n))
            return run_nomem(run);
        for (uint32_t i = 0; i < call->n; i++)
            if (value_iter_next(&its[i], &row->items[row->n]))
                row->n++;
        if (!push(run, result, value_array(row)))
            return FAILED;
    }
    return result;
}

/* ---- objects ---- */

static bool collect_keys(struct run *run, struct belay_value v, struct belay_value_object *seen)
{
    struct belay_value name, item;
    if (run->depth >= run->depth_max || !run_charge(run, 1 + value_member_count(v) / 4)) {
        run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
        return false;
    }
    run->depth++;
    if (value_is_array(v)) {
        struct value_iter it = value_iter(v);
        while (value_iter_next(&it, &item))
            if (!collect_keys(run, item, seen))
                return false;
    }
    struct value_members m = value_members(v);
    while (value_members_next(&m, &name, &item)) {
        if (!value_object_put(seen, run->arena, name, belay_value_null())) {
            run_nomem(run);
            return false;
        }
    }
    run->depth--;
    return true;
}

struct belay_value f_keys(struct run *run, struct call *call)
{
    struct belay_value_object *seen = value_object_new(run->arena, 8);
    struct belay_value result = sequence_new(run, 0);
    if (!seen || value_failed(result))
        return run_nomem(run);
    if (!collect_keys(run, call->args[0], seen))
        return FAILED;
    for (uint32_t i = 0; i < seen->n; i++)
        if (!push(run, result, seen->members[i].name))
            return FAILED;
    return result;
}

struct belay_value f_lookup(struct run *run, struct call *call)
{
    if (!value_defined(call->args[1]))
        return UNDEFINED;
    return lookup_name(run, call->args[0], value_str(call->args[1]));
}

static bool spread(struct run *run, struct belay_value v, struct belay_value to);

/* What is in arrays comes out of them, however deep. */
static bool spread_items(struct run *run, struct belay_value v, struct belay_value to)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    if (run->depth >= run->depth_max || !run_charge(run, 1)) {
        run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
        return false;
    }
    run->depth++;
    bool ok = true;
    while (ok && value_iter_next(&it, &item))
        ok = spread(run, item, to);
    run->depth--;
    return ok;
}

static bool spread(struct run *run, struct belay_value v, struct belay_value to)
{
    struct value_members m = value_members(v);
    struct belay_value name, item;
    if (value_is_array(v))
        return spread_items(run, v, to);
    if (!value_is_object(v))
        return push(run, to, v);
    while (value_members_next(&m, &name, &item)) {
        struct belay_value_object *o = value_object_new(run->arena, 1);
        if (!o || !run_charge(run, 1))
            return value_failed(run_nomem(run)) && false;
        o->members[o->n++] = (struct value_member){ name, item };
        if (!push(run, to, belay_value_object(o)))
            return false;
    }
    return true;
}

struct belay_value f_spread(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0], item;
    if (!value_is_array(v) && !value_is_object(v))
        return v;
    struct belay_value result = sequence_new(run, 4);
    struct value_iter it = value_iter(v);
    while (!value_failed(result) && value_iter_next(&it, &item))
        if (!spread(run, item, result))
            return FAILED;
    if (value_is_array(v) && !value_failed(result) && it.n > 0) /* appended: no sequence any more */
        result.u.array->flags = 0;
    return result;
}

struct belay_value f_merge(struct run *run, struct call *call)
{
    struct value_iter it = value_iter(call->args[0]);
    struct belay_value object, name, item;
    struct belay_value_object *o = value_object_new(run->arena, 8);
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    while (o && value_iter_next(&it, &object)) {
        struct value_members m = value_members(object);
        while (value_members_next(&m, &name, &item))
            if (!run_charge(run, 1) || !value_object_put(o, run->arena, name, item))
                return run_nomem(run);
    }
    return o ? belay_value_object(o) : run_nomem(run);
}

struct belay_value f_clone(struct run *run, struct call *call)
{
    (void)run;
    return call->args[0]; /* values do not change: a copy is the value itself */
}

struct belay_value f_type(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    (void)run;
    switch (v.type) {
    case BELAY_VALUE_UNDEFINED: return UNDEFINED;
    case BELAY_VALUE_NULL: return belay_value_str(BELAY_STR("null"));
    case BELAY_VALUE_BOOL: return belay_value_str(BELAY_STR("boolean"));
    case BELAY_VALUE_STRING: return belay_value_str(BELAY_STR("string"));
    case BELAY_VALUE_FUNCTION: return belay_value_str(BELAY_STR("function"));
    default: break;
    }
    if (value_is_number(v))
        return belay_value_str(BELAY_STR("number"));
    return belay_value_str(value_is_array(v) ? BELAY_STR("array") : BELAY_STR("object"));
}
