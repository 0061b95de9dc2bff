/* Constructors: [...], {...} and the group-by, which is an object constructor over a sequence. */
#include "base/assert.h"
#include "expr/eval.h"

/* As $append: nothing disappears, a value counts as an array of one. */
struct belay_value append(struct run *run, struct belay_value a, struct belay_value b)
{
    if (!value_defined(a))
        return b;
    if (!value_defined(b))
        return a;
    uint64_t n = (uint64_t)value_iter(a).n + value_iter(b).n;
    struct belay_value_array *to = n > UINT32_MAX / 2 || !run_charge(run, n / 4)
                                       ? NULL
                                       : value_array_new(run->arena, (uint32_t)n, 0);
    if (!to || !value_array_push_all(to, run->arena, a) || !value_array_push_all(to, run->arena, b))
        return run_nomem(run);
    return value_array(to);
}

struct belay_value eval_array(struct run *run, const struct node *node, struct belay_value input,
                              struct frame *frame)
{
    /* The reference appends item by item; only that the first item is alone matters: a lone range
     * keeps being the range, without its [1..1] becoming 1. */
    struct belay_value_array *to
        = value_array_new(run->arena, node->n, node->flags & NODE_CONS ? ARRAY_CONS : 0);
    if (!to)
        return run_nomem(run);
    for (uint32_t i = 0; i < node->n; i++) {
        struct belay_value v = eval(run, node->items[i], input, frame);
        if (value_failed(v))
            return v;
        if (!value_defined(v))
            continue;
        bool whole = node->items[i]->type == NODE_ARRAY || !value_is_array(v);
        if (node->n == 1 && !whole && v.type == BELAY_VALUE_ARRAY
            && v.u.array->flags & ARRAY_RANGE) {
            uint32_t flags = to->flags;
            *to = *v.u.array;
            to->flags = flags | ARRAY_RANGE;
            continue;
        }
        if (!run_charge(run, whole ? 1 : value_iter(v).n / 4))
            return FAILED;
        if (!(whole ? value_array_push(to, run->arena, v)
                    : value_array_push_all(to, run->arena, v)))
            return run_nomem(run);
    }
    return value_array(to);
}

/* ---- objects ---- */

/* One item, names that are known: the usual constructor. */
static struct belay_value eval_plain_object(struct run *run, const struct node *pairs,
                                            struct belay_value item, struct frame *frame)
{
    struct belay_value_object *o = value_object_new(run->arena, pairs->n / 2);
    if (!o)
        return run_nomem(run);
    for (uint32_t i = 0; i < pairs->n; i += 2) {
        struct belay_value v = eval(run, pairs->items[i + 1], item, frame);
        if (value_failed(v))
            return v;
        if (value_defined(v))
            o->members[o->n++] = (struct value_member){ pairs->items[i]->value, v };
    }
    return belay_value_object(o);
}

struct group {
    struct belay_value_array *items; /* NULL while there is only: */
    struct belay_value first;
    uint32_t pair;
};

/* The groups so far; an object from name to place in the list keeps the look-up fast. */
struct groups {
    struct run *run;
    const struct node *pairs;
    struct belay_value_object *names;
    struct group *list;
    uint32_t n, cap;
};

static bool add_group(struct groups *g, struct belay_value name, struct belay_value item,
                      uint32_t pair)
{
    struct belay_arena *arena = g->run->arena;
    if (g->n == g->cap) {
        uint32_t cap = g->cap ? g->cap * 2 : 8;
        struct group *list = belay_arena_alloc(arena, cap * sizeof *list);
        if (!list)
            return false;
        if (g->n)
            memcpy(list, g->list, g->n * sizeof *list);
        g->list = list;
        g->cap = cap;
    }
    g->list[g->n] = (struct group){ NULL, item, pair };
    return value_object_put(g->names, arena, name, belay_value_int(g->n++));
}

static bool add_to_group(struct groups *g, struct group *group, struct belay_value item)
{
    struct belay_arena *arena = g->run->arena;
    if (!group->items) {
        group->items = value_array_new(arena, 4, item.type == VALUE_TUPLE ? ARRAY_TUPLES : 0);
        if (!group->items || !value_array_push_all(group->items, arena, group->first))
            return false;
    }
    return value_array_push_all(group->items, arena, item);
}

static bool put_in_group(struct groups *g, uint32_t pair, struct belay_value item,
                         struct belay_value context, struct frame *frame)
{
    struct belay_value name = eval(g->run, g->pairs->items[pair], context, frame);
    if (value_failed(name))
        return false;
    if (!value_defined(name))
        return true;
    if (name.type != BELAY_VALUE_STRING) {
        run_fail_value(g->run, "T1003", g->pairs->items[pair]->position, name);
        return false;
    }
    struct belay_value at = value_get(belay_value_object(g->names), value_str(name));
    bool ok;
    if (!value_defined(at)) {
        ok = add_group(g, name, item, pair);
    } else if (g->list[at.u.i].pair != pair) {
        run_fail_value(g->run, "D1009", g->pairs->items[pair]->position, name);
        return false;
    } else {
        ok = !value_defined(item) || add_to_group(g, &g->list[at.u.i], item);
    }
    if (!ok)
        run_nomem(g->run);
    return ok;
}

static struct frame *frame_of(struct run *run, struct frame *frame, struct belay_value item)
{
    return item.type == VALUE_TUPLE ? tuple_frame(run, frame, item) : frame;
}

static struct belay_value context_of(struct belay_value item)
{
    return item.type == VALUE_TUPLE ? item.u.tuple->at : item;
}

/* ---- groups of tuples: their items and each of their variables, appended ---- */

static const struct binding *find_binding(const struct binding *from, const struct binding *end,
                                          const struct name *name)
{
    while (from != end && from->name != name)
        from = from->next;
    return from == end ? NULL : from;
}

static struct binding *own_bindings(struct run *run, const struct binding *from)
{
    struct binding *own = NULL;
    for (const struct binding *b = from; b; b = b->next) {
        if (find_binding(own, NULL, b->name))
            continue; /* an older one, hidden */
        struct binding *copy = belay_arena_alloc(run->arena, sizeof *copy);
        if (!copy) {
            run_nomem(run);
            return NULL;
        }
        *copy = (struct binding){ b->name, b->value, own };
        own = copy;
    }
    return own;
}

static struct belay_value_array *column(struct run *run, uint32_t n)
{
    struct belay_value_array *a = value_array_new(run->arena, n, 0);
    if (!a)
        run_nomem(run);
    return a;
}

static bool reduce_tuples(struct run *run, const struct group *group, struct belay_value *ret_at,
                          struct binding **ret_bindings)
{
    const struct belay_value_tuple *first = group->first.u.tuple;
    struct binding *own = own_bindings(run, first->bindings);
    *ret_at = first->at;
    *ret_bindings = own;
    if (!group->items)
        return run->status == BELAY_OK;
    struct belay_value_array *at = column(run, group->items->n);
    for (uint32_t i = 0; at && i < group->items->n; i++)
        if (!value_array_push_all(at, run->arena, group->items->items[i].u.tuple->at))
            return run_nomem(run).type != VALUE_FAILED;
    for (struct binding *b = own; at && b; b = b->next) {
        struct belay_value_array *values = column(run, group->items->n);
        for (uint32_t i = 0; values && i < group->items->n; i++) {
            const struct binding *of
                = find_binding(group->items->items[i].u.tuple->bindings, NULL, b->name);
            if (of && !value_array_push_all(values, run->arena, of->value))
                return run_nomem(run).type != VALUE_FAILED;
        }
        if (!values)
            return false;
        b->value = value_array(values);
    }
    if (at)
        *ret_at = value_array(at);
    return at && run->status == BELAY_OK;
}

static struct belay_value group_value(struct groups *g, struct group *group, struct frame *frame)
{
    const struct node *value = g->pairs->items[group->pair + 1];
    struct belay_value context;
    if (group->first.type != VALUE_TUPLE) {
        context = group->items ? value_array(group->items) : group->first;
        return eval(g->run, value, context, frame);
    }
    struct binding *bindings = NULL;
    if (!reduce_tuples(g->run, group, &context, &bindings))
        return FAILED;
    struct frame *inner = frame_new(g->run, frame, bindings);
    return inner ? eval(g->run, value, context, inner) : FAILED;
}

static struct belay_value groups_object(struct groups *g, struct frame *frame)
{
    struct belay_value_object *o = value_object_new(g->run->arena, g->n);
    if (!o)
        return run_nomem(g->run);
    for (uint32_t i = 0; i < g->n; i++) {
        struct belay_value v = group_value(g, &g->list[i], frame);
        if (value_failed(v))
            return v;
        if (value_defined(v) && !value_object_put(o, g->run->arena, g->names->members[i].name, v))
            return run_nomem(g->run);
    }
    return belay_value_object(o);
}

static const struct node no_pairs = { .type = NODE_OBJECT, .flags = NODE_CONST_NAMES };

struct belay_value eval_object(struct run *run, const struct node *pairs, struct belay_value input,
                               struct frame *frame)
{
    struct value_iter it = value_iter(input);
    struct belay_value item = UNDEFINED;
    BELAY_ASSERT(pairs->n % 2 == 0);
    bool any = value_iter_next(&it, &item);
    if (!any && input.type == BELAY_VALUE_ARRAY && input.u.array->flags & ARRAY_TUPLES)
        pairs = &no_pairs; /* no tuple, no group */
    if (pairs->flags & NODE_CONST_NAMES && it.n <= 1 && item.type != VALUE_TUPLE)
        return eval_plain_object(run, pairs, item, frame);
    struct groups g = { .run = run, .pairs = pairs, .names = value_object_new(run->arena, 8) };
    if (!g.names)
        return run_nomem(run);
    do {
        struct frame *inner = frame_of(run, frame, item);
        if (!inner || !run_charge(run, 1))
            return FAILED;
        for (uint32_t i = 0; i < pairs->n; i += 2)
            if (!put_in_group(&g, i, item, context_of(item), inner))
                return FAILED;
    } while (any && value_iter_next(&it, &item));
    return groups_object(&g, frame);
}
