#include "expr/eval.h"

bool merge_sort(struct run *run, struct belay_value *items, uint32_t n,
                int (*compare)(void *arg, struct belay_value a, struct belay_value b), void *arg)
{
    struct belay_value *from = items, *to = belay_arena_alloc(run->arena, n * sizeof *to);
    if (!to) {
        run_nomem(run);
        return false;
    }
    for (uint64_t width = 1; width < n; width *= 2) {
        if (!run_charge(run, n))
            return false;
        for (uint64_t start = 0; start < n; start += 2 * width) {
            uint64_t middle = start + width < n ? start + width : n;
            uint64_t end = start + 2 * width < n ? start + 2 * width : n;
            uint64_t a = start, b = middle;
            for (uint64_t at = start; at < end; at++) {
                int c = a == middle ? 1 : b == end ? 0 : compare(arg, from[a], from[b]);
                if (c == COMPARE_FAILED)
                    return false;
                to[at] = c > 0 ? from[b++] : from[a++];
            }
        }
        struct belay_value *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, n * sizeof *items);
    return true;
}

int compare_values(struct run *run, struct belay_value a, struct belay_value b)
{
    if (a.type != BELAY_VALUE_STRING)
        return value_compare_numbers(a, b);
    if (!run_charge(run, (a.n < b.n ? a.n : b.n) / 256))
        return COMPARE_FAILED;
    int c = value_compare_str(value_str(a), value_str(b));
    return (c > 0) - (c < 0);
}

/* An item to sort with the values of its terms; a term is evaluated when it is first compared. */
struct keyed {
    struct belay_value item;
    struct belay_value keys[]; /* VALUE_FAILED: not evaluated yet */
};

struct order {
    struct run *run;
    const struct node *sort;
    struct frame *frame;
};

static struct belay_value key_of(struct order *o, struct keyed *k, uint32_t term)
{
    if (value_failed(k->keys[term])) {
        bool tuple = k->item.type == VALUE_TUPLE;
        struct frame *frame = tuple ? tuple_frame(o->run, o->frame, k->item) : o->frame;
        struct belay_value context = tuple ? k->item.u.tuple->at : k->item;
        if (frame)
            k->keys[term] = eval(o->run, o->sort->items[term]->a, context, frame);
    }
    return k->keys[term];
}

static int fail(struct order *o, const char *code, struct belay_value v)
{
    run_fail_value(o->run, code, o->sort->position, v);
    return COMPARE_FAILED;
}

static bool sortable(struct belay_value v)
{
    return v.type == BELAY_VALUE_STRING || value_is_number(v);
}

static int compare_keys(struct order *o, struct belay_value a, struct belay_value b, bool down)
{
    if (value_failed(a) || value_failed(b))
        return COMPARE_FAILED;
    if (!value_defined(a) || !value_defined(b)) /* nothing comes last, whatever the direction */
        return value_defined(b) ? 1 : value_defined(a) ? -1 : 0;
    if (!sortable(a) || !sortable(b))
        return fail(o, "T2008", sortable(a) ? b : a);
    if ((a.type == BELAY_VALUE_STRING) != (b.type == BELAY_VALUE_STRING))
        return fail(o, "T2007", b);
    int c = compare_values(o->run, a, b);
    return c == COMPARE_FAILED || !down ? c : -c;
}

static int compare_items(void *arg, struct belay_value a, struct belay_value b)
{
    struct order *o = arg;
    struct keyed *x = (struct keyed *)(void *)a.u.tuple, *y = (struct keyed *)(void *)b.u.tuple;
    int c = 0;
    for (uint32_t i = 0; c == 0 && i < o->sort->n; i++) {
        struct belay_value v = key_of(o, x, i);
        struct belay_value w = value_failed(v) ? v : key_of(o, y, i);
        c = compare_keys(o, v, w, o->sort->items[i]->flags & NODE_DESCENDING);
    }
    return c;
}

/* The items of input as VALUE_TUPLEs that point to a struct keyed. */
static struct belay_value_array *keyed_items(struct run *run, struct belay_value input,
                                             uint32_t terms)
{
    struct value_iter it = value_iter(input);
    struct belay_value_array *a = value_array_new(run->arena, it.n, 0);
    size_t size = sizeof(struct keyed) + terms * sizeof(struct belay_value);
    struct belay_value item;
    while (a && value_iter_next(&it, &item)) {
        struct keyed *k = belay_arena_alloc(run->arena, size);
        if (!k)
            return NULL;
        k->item = item;
        for (uint32_t i = 0; i < terms; i++)
            k->keys[i] = FAILED;
        a->items[a->n++] = (struct belay_value){ .type = VALUE_TUPLE, .u.tuple = (void *)k };
    }
    return a;
}

struct belay_value eval_sort(struct run *run, const struct node *sort, struct belay_value input,
                             struct frame *frame)
{
    struct order o = { run, sort, frame };
    if (!value_is_array(input) || value_iter(input).n < 2)
        return input;
    struct belay_value_array *a = keyed_items(run, input, sort->n);
    if (!a)
        return run_nomem(run);
    if (!merge_sort(run, a->items, a->n, compare_items, &o))
        return FAILED;
    for (uint32_t i = 0; i < a->n; i++)
        a->items[i] = ((struct keyed *)(void *)a->items[i].u.tuple)->item;
    if (input.type == BELAY_VALUE_ARRAY)
        a->flags = input.u.array->flags & ARRAY_TUPLES ? ARRAY_TUPLES | ARRAY_SEQUENCE : 0;
    return value_array(a);
}
