/* What a schema admits, without a value to ask about: a walk over the schemas that see the same value.
 * It visits a few hundred of them at most: who coerces text wants what is obvious, and schemas that refer
 * to one another twice double at each step. */
#include "json/schema_node.h"

enum { VISITS_MAX = 256 };

const struct belay_schema_node *belay_schema_root(const struct belay_schema *s)
{
    return s->root;
}

/* ---- types ---- */

struct admits {
    unsigned types;
    bool integer;
};

static struct admits admitted(const struct belay_schema_node *n, unsigned *left);

static struct admits both(struct admits a, struct admits b)
{
    return (struct admits){ a.types & b.types, a.integer || b.integer };
}

/* What one of a list admits. */
static struct admits either(const struct schema_list *l, unsigned *left)
{
    struct admits all = { 0, true };
    for (uint32_t i = 0; i < l->count; i++) {
        struct admits one = admitted(l->items[i], left);
        all.types |= one.types;
        if (one.types & SCHEMA_NUMBER_TYPES)
            all.integer = all.integer && one.integer;
    }
    return all;
}

/* Types of the values that const or enum lists. */
static unsigned types_of_values(const struct schema_general *g)
{
    unsigned types = g->constant ? 1u << g->constant->type : SCHEMA_ALL_TYPES;
    const belay_json *item = g->enumeration ? belay_json_first(g->enumeration) : NULL;
    unsigned listed = item ? 0 : SCHEMA_ALL_TYPES;
    for (uint32_t i = 0; item && i < g->enumeration->n; i++, item = belay_json_next(item))
        listed |= 1u << item->type;
    types &= listed;
    return types & SCHEMA_NUMBER_TYPES ? types | SCHEMA_NUMBER_TYPES : types; /* 1 is 1.0 */
}

static struct admits admitted(const struct belay_schema_node *n, unsigned *left)
{
    struct admits a = { n->types, n->integer };
    const struct schema_general *g = n->general;
    if (n->never)
        return (struct admits){ 0, false };
    if (!g || *left == 0)
        return a;
    --*left;
    a.types &= types_of_values(g);
    if (g->ref)
        a = both(a, admitted(g->ref, left));
    for (uint32_t i = 0; i < g->all.count; i++)
        a = both(a, admitted(g->all.items[i], left));
    if (g->any.count)
        a = both(a, either(&g->any, left));
    if (g->one.count)
        a = both(a, either(&g->one, left));
    return a;
}

unsigned belay_schema_types(const struct belay_schema_node *n, bool *ret_integer)
{
    unsigned left = VISITS_MAX;
    struct admits a = n ? admitted(n, &left) : (struct admits){ SCHEMA_ALL_TYPES, false };
    if (ret_integer)
        *ret_integer = a.integer && (a.types & SCHEMA_NUMBER_TYPES);
    return a.types;
}

/* ---- parts ---- */

struct wanted {
    struct belay_str name; /* p NULL: the item `index` */
    size_t index;
};

static const struct belay_schema_node *own_part(const struct belay_schema_node *n, const struct wanted *w)
{
    if (!w->name.p)
        return !n->array                           ? NULL
               : w->index < n->array->prefix.count ? n->array->prefix.items[w->index]
                                                   : n->array->items;
    if (!n->object)
        return NULL;
    uint32_t at = schema_member_find(n->object, w->name);
    const struct belay_schema_node *member = at == SCHEMA_NONE ? NULL : n->object->members[at].node;
    for (uint32_t i = 0; i < n->object->pattern_count && !member; i++)
        if (pattern_match(n->object->patterns[i].pattern, w->name) == BELAY_OK)
            member = n->object->patterns[i].node;
    return member ? member : n->object->additional;
}

static const struct belay_schema_node *part_of(const struct belay_schema_node *n, const struct wanted *w,
                                               unsigned *left)
{
    const struct schema_general *g = n->general;
    const struct belay_schema_node *found = own_part(n, w);
    if (found || !g || *left == 0)
        return found;
    --*left;
    const struct schema_list *lists[] = { &g->all, &g->any, &g->one };
    if (g->ref)
        found = part_of(g->ref, w, left);
    for (int list = 0; list < 3; list++)
        for (uint32_t i = 0; i < lists[list]->count && !found; i++)
            found = part_of(lists[list]->items[i], w, left);
    return found;
}

const struct belay_schema_node *belay_schema_member(const struct belay_schema_node *n, struct belay_str name)
{
    struct wanted w = { .name = name.p ? name : BELAY_STR("") };
    unsigned left = VISITS_MAX;
    return n ? part_of(n, &w, &left) : NULL;
}

const struct belay_schema_node *belay_schema_item(const struct belay_schema_node *n, size_t index)
{
    struct wanted w = { .index = index };
    unsigned left = VISITS_MAX;
    return n ? part_of(n, &w, &left) : NULL;
}
