/* Keywords of objects.  Every name that one of them mentions is a member of the node's table, in the
 * order of `properties`, whichever keyword comes first: that is the order evaluation expects. */
#include "base/assert.h"
#include "json/schema_compile.h"

/* Names that the keywords of a schema mention, at most. */
static uint32_t names_of(const belay_json *schema)
{
    static const struct belay_str keywords[] = {
        BELAY_STR_INIT("properties"), BELAY_STR_INIT("required"), BELAY_STR_INIT("dependentSchemas"),
        BELAY_STR_INIT("dependentRequired"), BELAY_STR_INIT("dependencies")
    };
    uint32_t count = 0;
    for (int i = 0; i < 5; i++) {
        const belay_json *v = belay_json_get(schema, keywords[i]);
        count += v && v->type >= BELAY_JSON_ARRAY ? v->n : 0;
        if (i < 3 || !v || v->type != BELAY_JSON_OBJECT)
            continue;
        const belay_json *key = belay_json_first(v);
        for (uint32_t j = 0; j < v->n; j++, key = belay_json_next(key + 1))
            count += key[1].type == BELAY_JSON_ARRAY ? key[1].n : 0;
    }
    return count;
}

static uint32_t intern(struct schema_object *o, struct belay_str name)
{
    uint32_t at = schema_member_find(o, name);
    if (at != SCHEMA_NONE)
        return at;
    BELAY_ASSERT(o->member_count < o->member_room); /* names_of() counted it */
    uint32_t slot = schema_member_hash(name) & o->slot_mask;
    while (o->slots[slot] != SCHEMA_NONE)
        slot = (slot + 1) & o->slot_mask;
    o->slots[slot] = o->member_count;
    o->members[o->member_count].name = name;
    return o->member_count++;
}

static void intern_properties(struct schema_object *o, const belay_json *properties)
{
    if (!properties || properties->type != BELAY_JSON_OBJECT)
        return;
    const belay_json *key = belay_json_first(properties);
    for (uint32_t i = 0; i < properties->n; i++, key = belay_json_next(key + 1))
        (void)intern(o, belay_json_str(key));
}

int schema_object_new(struct schema_compiler *c, struct belay_schema_node *n, struct schema_object **ret_object)
{
    struct belay_arena *arena = &c->schema->arena;
    uint32_t names = names_of(n->source), slots = 4;
    if (names > BELAY_SCHEMA_NAMES_MAX)
        return schema_refuse(c, n, BELAY_LIMIT, "more than %d names", BELAY_SCHEMA_NAMES_MAX);
    while (slots < 2 * names)
        slots *= 2;
    struct schema_object *o = BELAY_ARENA_NEW(arena, struct schema_object);
    if (!o)
        return schema_no_memory(c);
    o->members = BELAY_ARENA_ARRAY(arena, struct schema_member, names);
    o->slots = BELAY_ARENA_ARRAY(arena, uint32_t, slots);
    if (!o->members || !o->slots)
        return schema_no_memory(c);
    memset(o->slots, 0xff, slots * sizeof(uint32_t));
    o->slot_mask = slots - 1;
    o->member_room = names;
    o->max = SCHEMA_NONE;
    intern_properties(o, belay_json_get(n->source, BELAY_STR("properties")));
    *ret_object = o;
    return BELAY_OK;
}

int schema_read_properties(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                           void *at, const belay_json *v)
{
    struct schema_object *o = n->object;
    (void)k;
    (void)at;
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, key = belay_json_next(key + 1))
        o->members[intern(o, belay_json_str(key))].node = schema_child(c, key + 1);
    return BELAY_OK;
}

/* An array of names as indexes of members. */
static int read_names(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                      const belay_json *v, uint32_t **ret_items, uint32_t *ret_count)
{
    bool strings = v->type == BELAY_JSON_ARRAY;
    uint32_t count = strings ? v->n : 0;
    uint32_t *items = BELAY_ARENA_ARRAY(&c->schema->arena, uint32_t, count);
    if (!items)
        return schema_no_memory(c);
    const belay_json *item = belay_json_first(v);
    for (uint32_t i = 0; i < count && strings; i++, item = belay_json_next(item)) {
        strings = item->type == BELAY_JSON_STRING;
        if (strings)
            items[i] = intern(n->object, belay_json_str(item));
    }
    if (!strings)
        return schema_refuse(c, n, BELAY_INVALID, "%.*s wants arrays of names", BELAY_STR_ARG(k->name));
    *ret_items = items;
    *ret_count = count;
    return BELAY_OK;
}

static void mask_required(struct schema_object *o)
{
    o->required_mask = 0;
    for (uint32_t i = 0; i < o->required_count; i++)
        o->required_mask |= o->required[i] < 64 ? (uint64_t)1 << o->required[i] : 0;
}

int schema_read_required(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                         void *at, const belay_json *v)
{
    struct schema_object *o = n->object;
    (void)at;
    int status = read_names(c, n, k, v, &o->required, &o->required_count);
    mask_required(o);
    return status;
}

/* Whether the schema of a member, or what it refers to, denies it; *left: more than so many are not
 * asked. */
static bool denied(const struct belay_schema_node *n, unsigned *left)
{
    if (!n || *left == 0)
        return false;
    --*left;
    if (n->denied || !n->general)
        return n->denied != NULL;
    bool found = denied(n->general->ref, left);
    for (uint32_t i = 0; i < n->general->all.count && !found; i++)
        found = denied(n->general->all.items[i], left);
    return found;
}

void schema_object_relax(struct schema_object *o)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < o->required_count; i++) {
        unsigned left = BELAY_SCHEMA_DEPTH_MAX;
        if (!denied(o->members[o->required[i]].node, &left))
            o->required[kept++] = o->required[i];
    }
    o->required_count = kept;
    mask_required(o);
}

/* Room for `count` more dependents. */
static int dependents_grow(struct schema_compiler *c, struct schema_object *o, uint32_t count,
                           struct schema_dependent **ret_first)
{
    struct schema_dependent *all =
        BELAY_ARENA_ARRAY(&c->schema->arena, struct schema_dependent, o->dependent_count + count);
    if (!all)
        return schema_no_memory(c);
    if (o->dependent_count)
        memcpy(all, o->dependents, o->dependent_count * sizeof *all);
    *ret_first = all + o->dependent_count;
    o->dependents = all;
    o->dependent_count += count;
    return BELAY_OK;
}

/* dependentSchemas, dependentRequired, and draft 7's `dependencies`, which was both. */
int schema_read_dependents(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                           void *at, const belay_json *v)
{
    struct schema_object *o = n->object;
    struct schema_dependent *d = NULL;
    (void)at;
    if (v->type != BELAY_JSON_OBJECT)
        return schema_refuse(c, n, BELAY_INVALID, "%.*s must be an object", BELAY_STR_ARG(k->name));
    int status = dependents_grow(c, o, v->n, &d);
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n && !status; i++, d++, key = belay_json_next(key + 1)) {
        d->trigger = intern(o, belay_json_str(key));
        d->keyword = k->name.p;
        if (k->holds == HOLDS_MAP || (k->holds == HOLDS_SOME && key[1].type != BELAY_JSON_ARRAY))
            d->node = schema_child(c, key + 1);
        else
            status = read_names(c, n, k, key + 1, &d->required, &d->required_count);
    }
    return status;
}

int schema_read_pattern_properties(struct schema_compiler *c, struct belay_schema_node *n,
                                   const struct schema_keyword *k, void *at, const belay_json *v)
{
    struct schema_object *o = n->object;
    int status = BELAY_OK;
    (void)k;
    (void)at;
    o->patterns = BELAY_ARENA_ARRAY(&c->schema->arena, struct schema_pattern_member, v->n);
    if (!o->patterns)
        return schema_no_memory(c);
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n && !status; i++, key = belay_json_next(key + 1)) {
        status = schema_pattern_add(c, n, belay_json_str(key), &o->patterns[i].pattern);
        o->patterns[i].node = schema_child(c, key + 1);
        o->pattern_count = i + 1;
    }
    return status;
}
