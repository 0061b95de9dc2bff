#include "base/alloc.h"
#include "json/schema_eval.h"

/* ---- uniqueItems ---- */

enum { PAIRS_MAX = 16, STACK_MAX = 512 };

static bool unique_by_pairs(const belay_json *v)
{
    const belay_json *a = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, a = belay_json_next(a)) {
        const belay_json *b = belay_json_next(a);
        for (uint32_t j = i + 1; j < v->n; j++, b = belay_json_next(b))
            if (belay_json_equal(a, b))
                return false;
    }
    return true;
}

/* slots: a power of two of at least twice the items, all NULL. */
static bool unique_by_hash(const belay_json *v, const belay_json **slots, uint32_t mask)
{
    const belay_json *item = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, item = belay_json_next(item)) {
        uint32_t at = (uint32_t)belay_json_hash(item) & mask;
        for (; slots[at]; at = (at + 1) & mask)
            if (belay_json_equal(slots[at], item))
                return false;
        slots[at] = item;
    }
    return true;
}

static __attribute__((noinline)) bool unique_on_stack(const belay_json *v)
{
    const belay_json *slots[2 * STACK_MAX];
    memset(slots, 0, sizeof slots);
    return unique_by_hash(v, slots, 2 * STACK_MAX - 1);
}

static bool unique(const belay_json *v)
{
    if (v->n <= PAIRS_MAX)
        return unique_by_pairs(v);
    if (v->n <= STACK_MAX)
        return unique_on_stack(v);
    uint32_t count = 4 * STACK_MAX;
    while (count < 2 * v->n)
        count *= 2;
    const belay_json **slots = belay_calloc(count, sizeof *slots);
    if (!slots)
        return unique_by_pairs(v); /* slow, not wrong */
    bool ok = unique_by_hash(v, slots, count - 1);
    belay_free(slots);
    return ok;
}

/* ---- the rest ---- */

static bool eval_items(struct schema_run *r, const struct schema_array *p, const belay_json *v,
                       const struct schema_place *at)
{
    bool ok = true;
    struct schema_place here = { at, NULL, 0 };
    const belay_json *item = belay_json_first(v);
    for (; here.index < v->n; here.index++, item = belay_json_next(item)) {
        const struct belay_schema_node *n = here.index < p->prefix.count ? p->prefix.items[here.index] : p->items;
        if (!n)
            break;
        ok = schema_check(r, n, item, &here) && ok;
        if (!ok && !r->faults)
            return false;
    }
    return ok;
}

static bool eval_contains(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                          const struct schema_place *at)
{
    const struct schema_array *p = n->array;
    uint32_t count = 0;
    const belay_json *item = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, item = belay_json_next(item)) {
        count += schema_holds_for(r, p->contains, item);
        if (count >= p->contains_min && p->contains_max == SCHEMA_NONE)
            break;
    }
    if (count < p->contains_min) {
        (void)schema_fault(r, n, p->contains_min == 1 ? "contains" : "minContains", at,
                           "%u item%s fit what the array must contain, at least %u must", count,
                           count == 1 ? "" : "s", p->contains_min);
        return false;
    }
    if (count > p->contains_max) {
        (void)schema_fault(r, n, "maxContains", at, "%u items fit what the array may contain at most %u times",
                           count, p->contains_max);
        return false;
    }
    return true;
}

bool schema_eval_array(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                       const struct schema_place *at)
{
    const struct schema_array *p = n->array;
    bool ok = true;
    if (v->n < p->min) {
        ok = false;
        (void)schema_fault(r, n, "minItems", at, "%u item%s, fewer than the minimum %u", v->n,
                           v->n == 1 ? "" : "s", p->min);
    }
    if ((ok || r->faults) && v->n > p->max) {
        ok = false;
        (void)schema_fault(r, n, "maxItems", at, "%u items, more than the maximum %u", v->n, p->max);
    }
    if ((ok || r->faults) && (p->items || p->prefix.count))
        ok = eval_items(r, p, v, at) && ok;
    if ((ok || r->faults) && p->contains)
        ok = eval_contains(r, n, v, at) && ok;
    if ((ok || r->faults) && p->unique && !unique(v)) {
        ok = false;
        (void)schema_fault(r, n, "uniqueItems", at, "the items are not all different");
    }
    return ok;
}
