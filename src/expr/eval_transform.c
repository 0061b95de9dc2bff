/* | pattern | update, deletions |: a copy of the input in which the matched objects are changed.
 * The reference copies all and changes in place; here the matches are found in the input, and a
 * copy is made only of what lies on the way to them. */
#include "expr/eval.h"

struct transform {
    struct run *run;
    const struct node *node;
    struct frame *frame;
    struct belay_value matches; /* objects of the input, by address */
    const void **set;           /* open addressing over their addresses */
    uint32_t mask;
};

static struct belay_value copy(struct transform *t, struct belay_value v);

static const void *address(struct belay_value v)
{
    return v.type == BELAY_VALUE_TAPE ? (const void *)v.u.tape : (const void *)v.u.object;
}

static const void **find(const struct transform *t, const void *p)
{
    uint32_t at = (uint32_t)(((uintptr_t)p >> 4) * 0x9e3779b1u) & t->mask;
    while (t->set[at] && t->set[at] != p)
        at = (at + 1) & t->mask;
    return &t->set[at];
}

static bool put(struct transform *t, struct belay_value_object *o, struct belay_value name,
                struct belay_value v)
{
    if (value_failed(v))
        return false;
    if (value_object_put(o, t->run->arena, name, v))
        return true;
    run_nomem(t->run);
    return false;
}

static bool update(struct transform *t, struct belay_value original, struct belay_value_object *o)
{
    struct belay_value name, v;
    struct belay_value change = eval(t->run, t->node->b, original, t->frame);
    if (value_failed(change) || !value_defined(change))
        return !value_failed(change);
    if (!value_is_object(change)) {
        run_fail_value(t->run, "T2011", t->node->b->position, change);
        return false;
    }
    struct value_members m = value_members(change);
    while (value_members_next(&m, &name, &v))
        if (!put(t, o, name, v))
            return false;
    return true;
}

static bool deletions(struct transform *t, struct belay_value original, struct belay_value *ret)
{
    struct belay_value v;
    *ret = UNDEFINED;
    if (!t->node->c)
        return true;
    *ret = eval(t->run, t->node->c, original, t->frame);
    if (value_failed(*ret))
        return false;
    struct value_iter it = value_iter(*ret);
    while (value_defined(*ret) && value_iter_next(&it, &v)) {
        if (v.type == BELAY_VALUE_STRING)
            continue;
        run_fail_value(t->run, "T2012", t->node->c->position, *ret);
        return false;
    }
    return true;
}

/* On a match that is no object a change has no effect, but may fail. */
static bool try_changes(struct transform *t, struct belay_value v)
{
    struct belay_value gone;
    struct belay_value_object *nowhere = value_object_new(t->run->arena, 4);
    if (nowhere)
        return update(t, v, nowhere) && deletions(t, v, &gone);
    run_nomem(t->run);
    return false;
}

static bool collect(struct transform *t)
{
    struct value_iter it = value_iter(t->matches);
    struct belay_value v;
    uint32_t slots = 8;
    while (slots < 2 * it.n)
        slots *= 2;
    t->set = BELAY_ARENA_ARRAY(t->run->arena, const void *, slots);
    t->mask = slots - 1;
    if (!t->set) {
        run_nomem(t->run);
        return false;
    }
    while (value_iter_next(&it, &v)) {
        if (value_is_object(v))
            *find(t, address(v)) = address(v);
        else if (!try_changes(t, v))
            return false;
    }
    return true;
}

static bool listed(struct belay_value list, struct belay_value name)
{
    struct value_iter it = value_iter(list);
    struct belay_value v;
    while (value_defined(list) && value_iter_next(&it, &v))
        if (belay_str_eq(value_str(v), value_str(name)))
            return true;
    return false;
}

static struct belay_value changed(struct transform *t, struct belay_value original,
                                  struct belay_value_object *o)
{
    struct belay_value gone;
    if (!update(t, original, o) || !deletions(t, original, &gone))
        return FAILED;
    if (!value_defined(gone))
        return belay_value_object(o);
    struct belay_value_object *rest = value_object_new(t->run->arena, o->n);
    if (!rest)
        return run_nomem(t->run);
    for (uint32_t i = 0; i < o->n; i++)
        if (!listed(gone, o->members[i].name)
            && !put(t, rest, o->members[i].name, o->members[i].value))
            return FAILED;
    return belay_value_object(rest);
}

static struct belay_value copy_object(struct transform *t, struct belay_value v)
{
    struct value_members m = value_members(v);
    struct belay_value_object *o = value_object_new(t->run->arena, value_member_count(v));
    struct belay_value name, item;
    if (!o)
        return run_nomem(t->run);
    while (value_members_next(&m, &name, &item))
        if (!put(t, o, name, copy(t, item)))
            return FAILED;
    return *find(t, address(v)) ? changed(t, v, o) : belay_value_object(o);
}

static struct belay_value copy_array(struct transform *t, struct belay_value v)
{
    struct value_iter it = value_iter(v);
    struct belay_value_array *a = value_array_new(t->run->arena, it.n, 0);
    struct belay_value item;
    if (!a)
        return run_nomem(t->run);
    while (value_iter_next(&it, &item)) {
        item = copy(t, item);
        if (value_failed(item))
            return item;
        a->items[a->n++] = item;
    }
    return value_array(a);
}

static struct belay_value copy(struct transform *t, struct belay_value v)
{
    struct run *run = t->run;
    if (!value_is_array(v) && !value_is_object(v))
        return v;
    if (run->depth >= run->depth_max || !run_charge(run, 1))
        return run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
    run->depth++;
    v = value_is_array(v) ? copy_array(t, v) : copy_object(t, v);
    run->depth--;
    return v;
}

struct belay_value transform_apply(struct run *run, const struct belay_value_function *f,
                                   struct belay_value input)
{
    struct transform t = { .run = run, .node = f->u.lambda.node, .frame = f->u.lambda.frame };
    if (!value_defined(input))
        return input;
    if (!value_is_array(input) && !value_is_object(input))
        return run_fail_value(run, "T0410", t.node->position, input);
    t.matches = eval(run, t.node->a, input, t.frame);
    if (value_failed(t.matches))
        return t.matches;
    if (!value_defined(t.matches))
        return input;
    return collect(&t) ? copy(&t, input) : FAILED;
}
