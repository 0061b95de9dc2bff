/* Keywords -> nodes.  One table says for each keyword what it holds and how it is compiled; what is
 * not in it is an annotation and changes no verdict. */
#include <math.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "json/schema_impl.h"

typedef int keyword_fn(struct schema_compiler *c, struct schema_node *n, const belay_json *v);

static int no_memory(struct schema_compiler *c)
{
    return belay_fail(c->err, BELAY_NOMEM, "no memory for the schema");
}

static int wrong(struct schema_compiler *c, const struct schema_node *n, const char *what)
{
    return schema_refuse(c, n, BELAY_INVALID, "%s", what);
}

/* ---- helpers ---- */

static void enqueue(struct schema_compiler *c, struct schema_node *n)
{
    if (n->state != SCHEMA_SEEN)
        return;
    n->state = SCHEMA_QUEUED;
    n->queue = c->queue;
    c->queue = n;
}

static struct schema_node *child(struct schema_compiler *c, const belay_json *v)
{
    struct schema_node *n = schema_known(c, v);
    BELAY_ASSERT(n); /* the scan knows the same keywords */
    enqueue(c, n);
    return n;
}

#define PART(name)                                                                  \
    static struct schema_##name *name##_of(struct schema_compiler *c, struct schema_node *n) \
    {                                                                               \
        if (!n->name) {                                                             \
            n->name = BELAY_ARENA_NEW(&c->schema->arena, struct schema_##name);     \
            if (n->name)                                                            \
                name##_init(n->name);                                               \
        }                                                                           \
        return n->name;                                                             \
    }

static void number_init(struct schema_number *p)
{
    (void)p;
}

static void general_init(struct schema_general *p)
{
    (void)p;
}

static void string_init(struct schema_string *p)
{
    p->max = SCHEMA_NONE;
}

static void array_init(struct schema_array *p)
{
    p->max = p->contains_max = SCHEMA_NONE;
    p->contains_min = 1;
}

PART(number)
PART(general)
PART(string)
PART(array)

static int count_of(struct schema_compiler *c, const struct schema_node *n, const belay_json *v,
                    const char *keyword, uint32_t *ret_count)
{
    double d = belay_json_is_number(v) ? belay_json_number(v) : -1;
    if (d < 0 || (v->type != BELAY_JSON_INT && d != floor(d)))
        return schema_refuse(c, n, BELAY_INVALID, "%s must be a whole number, 0 or more", keyword);
    *ret_count = d < (double)(SCHEMA_NONE - 1) ? (uint32_t)d : SCHEMA_NONE - 1;
    return BELAY_OK;
}

/* ---- any type ---- */

static int type_bits(struct belay_str name, uint16_t *types, bool *integer)
{
    static const struct {
        struct belay_str name;
        uint16_t bits;
    } rows[] = {
        { BELAY_STR_INIT("null"), 1 << BELAY_JSON_NULL },
        { BELAY_STR_INIT("boolean"), 1 << BELAY_JSON_TRUE | 1 << BELAY_JSON_FALSE },
        { BELAY_STR_INIT("number"), SCHEMA_NUMBER_TYPES },
        { BELAY_STR_INIT("string"), 1 << BELAY_JSON_STRING },
        { BELAY_STR_INIT("array"), 1 << BELAY_JSON_ARRAY },
        { BELAY_STR_INIT("object"), 1 << BELAY_JSON_OBJECT },
    };
    if (belay_str_eq(name, BELAY_STR("integer"))) {
        *integer = !(*types & SCHEMA_NUMBER_TYPES);
        *types |= SCHEMA_NUMBER_TYPES;
        return BELAY_OK;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (belay_str_eq(name, rows[i].name)) {
            *integer = *integer && rows[i].bits != SCHEMA_NUMBER_TYPES;
            *types |= rows[i].bits;
            return BELAY_OK;
        }
    return BELAY_INVALID;
}

static int compile_type(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    bool many = v->type == BELAY_JSON_ARRAY;
    const belay_json *item = many ? belay_json_first(v) : v;
    uint16_t types = 0;
    bool integer = false;
    for (uint32_t i = 0; i < (many ? v->n : 1); i++, item = belay_json_next(item)) {
        if (item->type != BELAY_JSON_STRING)
            return wrong(c, n, "type must be a string or an array of strings");
        if (type_bits(belay_json_str(item), &types, &integer))
            return schema_refuse(c, n, BELAY_INVALID, "there is no type \"%.*s\"",
                                 BELAY_STR_ARG(belay_json_str(item)));
    }
    n->types = types;
    n->integer = integer;
    return BELAY_OK;
}

static int compile_const(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    g->constant = v;
    return BELAY_OK;
}

static int compile_enum(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    if (v->type != BELAY_JSON_ARRAY)
        return wrong(c, n, "enum must be an array");
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    g->enumeration = v;
    return BELAY_OK;
}

static int compile_list(struct schema_compiler *c, struct schema_node *n, const belay_json *v,
                        struct schema_node ***ret_items)
{
    if (v->type != BELAY_JSON_ARRAY || v->n == 0)
        return wrong(c, n, "allOf, anyOf, oneOf and prefixItems are arrays of schemas, not empty");
    struct schema_node **items = BELAY_ARENA_ARRAY(&c->schema->arena, struct schema_node *, v->n);
    if (!items)
        return no_memory(c);
    const belay_json *item = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, item = belay_json_next(item))
        items[i] = child(c, item);
    *ret_items = items;
    return BELAY_OK;
}

static int compile_all(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (g)
        g->all.count = v->n;
    return g ? compile_list(c, n, v, &g->all.items) : no_memory(c);
}

static int compile_any(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (g)
        g->any.count = v->n;
    return g ? compile_list(c, n, v, &g->any.items) : no_memory(c);
}

static int compile_one(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (g)
        g->one.count = v->n;
    return g ? compile_list(c, n, v, &g->one.items) : no_memory(c);
}

static int compile_not(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    g->not_ = child(c, v);
    return BELAY_OK;
}

static int compile_if(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    g->if_ = child(c, v);
    return BELAY_OK;
}

static int compile_then(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    g->then = child(c, v);
    return BELAY_OK;
}

static int compile_else(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    g->else_ = child(c, v);
    return BELAY_OK;
}

static int compile_ref(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, "$ref must be a string");
    int status = schema_resolve(c, n, belay_json_str(v), &g->ref, NULL);
    if (status == BELAY_OK)
        enqueue(c, g->ref);
    return status;
}

static int compile_dynamic_ref(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_general *g = general_of(c, n);
    if (!g)
        return no_memory(c);
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, "$dynamicRef must be a string");
    int status = schema_resolve(c, n, belay_json_str(v), &g->dynamic, &g->dynamic_name);
    if (status)
        return status;
    enqueue(c, g->dynamic);
    if (g->dynamic_name.p)
        c->schema->dynamic = true;
    return BELAY_OK;
}

/* ---- numbers and strings ---- */

static int compile_bound(struct schema_compiler *c, struct schema_node *n, const belay_json *v,
                         size_t offset)
{
    struct schema_number *p = number_of(c, n);
    if (!p)
        return no_memory(c);
    if (!belay_json_is_number(v))
        return wrong(c, n, v->type == BELAY_JSON_TRUE || v->type == BELAY_JSON_FALSE
                               ? "a bound must be a number (the boolean form is OpenAPI 3.0's)"
                               : "a bound must be a number");
    *(const belay_json **)((char *)p + offset) = v;
    return BELAY_OK;
}

static int compile_minimum(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    return compile_bound(c, n, v, offsetof(struct schema_number, minimum));
}

static int compile_maximum(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    return compile_bound(c, n, v, offsetof(struct schema_number, maximum));
}

static int compile_above(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    return compile_bound(c, n, v, offsetof(struct schema_number, above));
}

static int compile_below(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    return compile_bound(c, n, v, offsetof(struct schema_number, below));
}

static int compile_multiple(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_number *p = number_of(c, n);
    if (!p)
        return no_memory(c);
    if (!belay_json_is_number(v) || belay_json_number(v) <= 0)
        return wrong(c, n, "multipleOf must be a number above 0");
    if (!schema_decimal(v, &p->multiple_digits, &p->multiple_exponent))
        return schema_refuse(c, n, BELAY_UNSUPPORTED, "multipleOf has more than 19 digits");
    p->multiple = v;
    return BELAY_OK;
}

static int compile_min_length(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_string *p = string_of(c, n);
    return p ? count_of(c, n, v, "minLength", &p->min) : no_memory(c);
}

static int compile_max_length(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_string *p = string_of(c, n);
    return p ? count_of(c, n, v, "maxLength", &p->max) : no_memory(c);
}

static int pattern_add(struct schema_compiler *c, struct schema_node *n, struct belay_str text,
                       struct pattern **ret_pattern)
{
    struct belay_err err;
    struct pattern *p;
    int status = pattern_new(text, &p, &err);
    if (status)
        return schema_refuse(c, n, status, "the pattern \"%.*s\": %s", BELAY_STR_ARG(text), err.msg);
    p->next = c->schema->patterns;
    c->schema->patterns = p;
    *ret_pattern = p;
    return BELAY_OK;
}

static int compile_pattern(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_string *p = string_of(c, n);
    if (!p)
        return no_memory(c);
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, "pattern must be a string");
    p->pattern_text = v;
    return pattern_add(c, n, belay_json_str(v), &p->pattern);
}

static int compile_format(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, "format must be a string");
    if (n->resource->assert_formats)
        n->format = (uint8_t)format_find(belay_json_str(v));
    return BELAY_OK;
}

/* ---- arrays ---- */

static int compile_prefix(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    if (p)
        p->prefix_count = v->n;
    return p ? compile_list(c, n, v, &p->prefix) : no_memory(c);
}

static int compile_items(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    if (!p)
        return no_memory(c);
    p->items = child(c, v);
    return BELAY_OK;
}

static int compile_contains(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    if (!p)
        return no_memory(c);
    p->contains = child(c, v);
    return BELAY_OK;
}

static int compile_unevaluated_items(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    if (!p)
        return no_memory(c);
    p->unevaluated = child(c, v);
    return BELAY_OK;
}

static int compile_min_items(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    return p ? count_of(c, n, v, "minItems", &p->min) : no_memory(c);
}

static int compile_max_items(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    return p ? count_of(c, n, v, "maxItems", &p->max) : no_memory(c);
}

static int compile_min_contains(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    return p ? count_of(c, n, v, "minContains", &p->contains_min) : no_memory(c);
}

static int compile_max_contains(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    return p ? count_of(c, n, v, "maxContains", &p->contains_max) : no_memory(c);
}

static int compile_unique(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_array *p = array_of(c, n);
    if (!p)
        return no_memory(c);
    if (v->type != BELAY_JSON_TRUE && v->type != BELAY_JSON_FALSE)
        return wrong(c, n, "uniqueItems must be true or false");
    p->unique = v->type == BELAY_JSON_TRUE;
    return BELAY_OK;
}

/* ---- objects ---- */

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
    uint32_t at = schema_member_find(o, name, 0);
    if (at != SCHEMA_NONE)
        return at;
    uint32_t slot = schema_member_hash(name) & o->slot_mask;
    while (o->slots[slot] != SCHEMA_NONE)
        slot = (slot + 1) & o->slot_mask;
    o->slots[slot] = o->member_count;
    o->members[o->member_count].name = name;
    return o->member_count++;
}

/* Members get their places in the order of `properties`, whatever keyword comes first: that is the
 * order evaluation expects. */
static void intern_properties(struct schema_object *o, const belay_json *properties)
{
    if (!properties || properties->type != BELAY_JSON_OBJECT)
        return;
    const belay_json *key = belay_json_first(properties);
    for (uint32_t i = 0; i < properties->n; i++, key = belay_json_next(key + 1))
        (void)intern(o, belay_json_str(key));
}

static int object_of(struct schema_compiler *c, struct schema_node *n, struct schema_object **ret_object)
{
    struct belay_arena *arena = &c->schema->arena;
    if (!n->object) {
        uint32_t names = names_of(n->source), slots = 4;
        if (names > BELAY_SCHEMA_NAMES_MAX)
            return schema_refuse(c, n, BELAY_LIMIT, "more than %d names", BELAY_SCHEMA_NAMES_MAX);
        while (slots < 2 * names)
            slots *= 2;
        struct schema_object *o = BELAY_ARENA_NEW(arena, struct schema_object);
        if (!o)
            return no_memory(c);
        o->members = BELAY_ARENA_ARRAY(arena, struct schema_member, names);
        o->slots = BELAY_ARENA_ARRAY(arena, uint32_t, slots);
        if (!o->members || !o->slots)
            return no_memory(c);
        memset(o->slots, 0xff, slots * sizeof(uint32_t));
        o->slot_mask = slots - 1;
        o->max = SCHEMA_NONE;
        intern_properties(o, belay_json_get(n->source, BELAY_STR("properties")));
        n->object = o;
    }
    *ret_object = n->object;
    return BELAY_OK;
}

static int compile_properties(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    if (v->type != BELAY_JSON_OBJECT)
        return wrong(c, n, "properties must be an object");
    int status = object_of(c, n, &o);
    if (status)
        return status;
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, key = belay_json_next(key + 1))
        o->members[intern(o, belay_json_str(key))].node = child(c, key + 1);
    return BELAY_OK;
}

/* An array of names as indexes of members. */
static int compile_names(struct schema_compiler *c, struct schema_node *n, const belay_json *v,
                         uint32_t **ret_items, uint32_t *ret_count)
{
    if (v->type != BELAY_JSON_ARRAY)
        return wrong(c, n, "required and dependentRequired want arrays of names");
    uint32_t *items = BELAY_ARENA_ARRAY(&c->schema->arena, uint32_t, v->n);
    if (!items)
        return no_memory(c);
    const belay_json *item = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, item = belay_json_next(item)) {
        if (item->type != BELAY_JSON_STRING)
            return wrong(c, n, "required and dependentRequired want arrays of names");
        items[i] = intern(n->object, belay_json_str(item));
    }
    *ret_items = items;
    *ret_count = v->n;
    return BELAY_OK;
}

static int compile_required(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    int status = object_of(c, n, &o);
    status = status ? status : compile_names(c, n, v, &o->required, &o->required_count);
    for (uint32_t i = 0; !status && i < o->required_count; i++)
        o->required_mask |= o->required[i] < 64 ? (uint64_t)1 << o->required[i] : 0;
    return status;
}

/* Room for `count` more dependents. */
static int dependents_grow(struct schema_compiler *c, struct schema_object *o, uint32_t count,
                           struct schema_dependent **ret_first)
{
    struct schema_dependent *all =
        BELAY_ARENA_ARRAY(&c->schema->arena, struct schema_dependent, o->dependent_count + count);
    if (!all)
        return no_memory(c);
    if (o->dependent_count)
        memcpy(all, o->dependents, o->dependent_count * sizeof *all);
    *ret_first = all + o->dependent_count;
    o->dependents = all;
    o->dependent_count += count;
    return BELAY_OK;
}

/* dependentSchemas, dependentRequired, and draft 7's `dependencies`, which was both. */
static int compile_dependents(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    struct schema_dependent *d = NULL;
    if (v->type != BELAY_JSON_OBJECT)
        return wrong(c, n, "dependentSchemas and dependentRequired must be objects");
    int status = object_of(c, n, &o);
    status = status ? status : dependents_grow(c, o, v->n, &d);
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n && !status; i++, d++, key = belay_json_next(key + 1)) {
        d->trigger = intern(o, belay_json_str(key));
        if (schema_known(c, key + 1))
            d->node = child(c, key + 1);
        else
            status = compile_names(c, n, key + 1, &d->required, &d->required_count);
    }
    return status;
}

static int compile_pattern_properties(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    if (v->type != BELAY_JSON_OBJECT)
        return wrong(c, n, "patternProperties must be an object");
    int status = object_of(c, n, &o);
    if (status)
        return status;
    o->patterns = BELAY_ARENA_ARRAY(&c->schema->arena, struct schema_pattern_member, v->n);
    if (!o->patterns)
        return no_memory(c);
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n && !status; i++, key = belay_json_next(key + 1)) {
        status = pattern_add(c, n, belay_json_str(key), &o->patterns[i].pattern);
        o->patterns[i].node = child(c, key + 1);
        o->pattern_count = i + 1;
    }
    return status;
}

static int compile_additional(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    int status = object_of(c, n, &o);
    if (!status)
        o->additional = child(c, v);
    return status;
}

static int compile_property_names(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    int status = object_of(c, n, &o);
    if (!status)
        o->names = child(c, v);
    return status;
}

static int compile_unevaluated_properties(struct schema_compiler *c, struct schema_node *n,
                                          const belay_json *v)
{
    struct schema_object *o;
    int status = object_of(c, n, &o);
    if (!status)
        o->unevaluated = child(c, v);
    return status;
}

static int compile_min_properties(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    int status = object_of(c, n, &o);
    return status ? status : count_of(c, n, v, "minProperties", &o->min);
}

static int compile_max_properties(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    struct schema_object *o;
    int status = object_of(c, n, &o);
    return status ? status : count_of(c, n, v, "maxProperties", &o->max);
}

/* ---- the table ---- */

static int keep(struct schema_compiler *c, struct schema_node *n, const belay_json *v)
{
    (void)c;
    (void)n;
    (void)v;
    return BELAY_OK;
}

static const struct keyword {
    struct belay_str name;
    enum schema_holds holds;
    bool assertion; /* of the validation vocabulary, which a dialect may leave out */
    keyword_fn *compile;
} keywords[] = {
    { BELAY_STR_INIT("type"), HOLDS_NOTHING, true, compile_type },
    { BELAY_STR_INIT("properties"), HOLDS_MAP, false, compile_properties },
    { BELAY_STR_INIT("required"), HOLDS_NOTHING, true, compile_required },
    { BELAY_STR_INIT("items"), HOLDS_SCHEMA, false, compile_items },
    { BELAY_STR_INIT("$ref"), HOLDS_NOTHING, false, compile_ref },
    { BELAY_STR_INIT("$dynamicRef"), HOLDS_NOTHING, false, compile_dynamic_ref },
    { BELAY_STR_INIT("$defs"), HOLDS_MAP, false, keep },
    { BELAY_STR_INIT("definitions"), HOLDS_MAP, false, keep },
    { BELAY_STR_INIT("const"), HOLDS_NOTHING, true, compile_const },
    { BELAY_STR_INIT("enum"), HOLDS_NOTHING, true, compile_enum },
    { BELAY_STR_INIT("allOf"), HOLDS_LIST, false, compile_all },
    { BELAY_STR_INIT("anyOf"), HOLDS_LIST, false, compile_any },
    { BELAY_STR_INIT("oneOf"), HOLDS_LIST, false, compile_one },
    { BELAY_STR_INIT("not"), HOLDS_SCHEMA, false, compile_not },
    { BELAY_STR_INIT("if"), HOLDS_SCHEMA, false, compile_if },
    { BELAY_STR_INIT("then"), HOLDS_SCHEMA, false, compile_then },
    { BELAY_STR_INIT("else"), HOLDS_SCHEMA, false, compile_else },
    { BELAY_STR_INIT("minimum"), HOLDS_NOTHING, true, compile_minimum },
    { BELAY_STR_INIT("maximum"), HOLDS_NOTHING, true, compile_maximum },
    { BELAY_STR_INIT("exclusiveMinimum"), HOLDS_NOTHING, true, compile_above },
    { BELAY_STR_INIT("exclusiveMaximum"), HOLDS_NOTHING, true, compile_below },
    { BELAY_STR_INIT("multipleOf"), HOLDS_NOTHING, true, compile_multiple },
    { BELAY_STR_INIT("minLength"), HOLDS_NOTHING, true, compile_min_length },
    { BELAY_STR_INIT("maxLength"), HOLDS_NOTHING, true, compile_max_length },
    { BELAY_STR_INIT("pattern"), HOLDS_NOTHING, true, compile_pattern },
    { BELAY_STR_INIT("format"), HOLDS_NOTHING, false, compile_format },
    { BELAY_STR_INIT("prefixItems"), HOLDS_LIST, false, compile_prefix },
    { BELAY_STR_INIT("contains"), HOLDS_SCHEMA, false, compile_contains },
    { BELAY_STR_INIT("minContains"), HOLDS_NOTHING, true, compile_min_contains },
    { BELAY_STR_INIT("maxContains"), HOLDS_NOTHING, true, compile_max_contains },
    { BELAY_STR_INIT("minItems"), HOLDS_NOTHING, true, compile_min_items },
    { BELAY_STR_INIT("maxItems"), HOLDS_NOTHING, true, compile_max_items },
    { BELAY_STR_INIT("uniqueItems"), HOLDS_NOTHING, true, compile_unique },
    { BELAY_STR_INIT("unevaluatedItems"), HOLDS_SCHEMA, false, compile_unevaluated_items },
    { BELAY_STR_INIT("patternProperties"), HOLDS_MAP, false, compile_pattern_properties },
    { BELAY_STR_INIT("additionalProperties"), HOLDS_SCHEMA, false, compile_additional },
    { BELAY_STR_INIT("propertyNames"), HOLDS_SCHEMA, false, compile_property_names },
    { BELAY_STR_INIT("unevaluatedProperties"), HOLDS_SCHEMA, false, compile_unevaluated_properties },
    { BELAY_STR_INIT("minProperties"), HOLDS_NOTHING, true, compile_min_properties },
    { BELAY_STR_INIT("maxProperties"), HOLDS_NOTHING, true, compile_max_properties },
    { BELAY_STR_INIT("dependentSchemas"), HOLDS_MAP, false, compile_dependents },
    { BELAY_STR_INIT("dependentRequired"), HOLDS_NOTHING, true, compile_dependents },
    { BELAY_STR_INIT("dependencies"), HOLDS_SOME, false, compile_dependents },
    { BELAY_STR_INIT("contentSchema"), HOLDS_SCHEMA, false, keep },
};

static const struct keyword *keyword_find(struct belay_str name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (belay_str_eq(name, keywords[i].name))
            return &keywords[i];
    return NULL;
}

enum schema_holds schema_keyword_holds(struct belay_str keyword)
{
    const struct keyword *k = keyword_find(keyword);
    return k ? k->holds : HOLDS_NOTHING;
}

static int compile_node(struct schema_compiler *c, struct schema_node *n)
{
    int status = BELAY_OK;
    n->state = SCHEMA_COMPILED;
    n->never = n->source->type == BELAY_JSON_FALSE;
    n->plain = n->source->type == BELAY_JSON_TRUE;
    if (n->source->type != BELAY_JSON_OBJECT)
        return BELAY_OK;
    const belay_json *key = belay_json_first(n->source);
    for (uint32_t i = 0; i < n->source->n && !status; i++, key = belay_json_next(key + 1)) {
        const struct keyword *k = keyword_find(belay_json_str(key));
        /* of two members with one name the last counts */
        if (!k || (k->assertion && n->resource->no_validation)
            || belay_json_get(n->source, k->name) != key + 1)
            continue;
        if (k->holds >= HOLDS_MAP && key[1].type != BELAY_JSON_OBJECT)
            status = schema_refuse(c, n, BELAY_INVALID, "%.*s must be an object", BELAY_STR_ARG(k->name));
        else
            status = k->compile(c, n, key + 1);
    }
    n->plain = !n->never && !n->integer && !n->format && !n->number && !n->string && !n->array && !n->object
               && !n->general;
    return status;
}

static int drain(struct schema_compiler *c)
{
    int status = BELAY_OK;
    while (c->queue && !status) {
        struct schema_node *n = c->queue;
        c->queue = n->queue;
        status = compile_node(c, n);
    }
    return status;
}

/* Whatever a $dynamicRef may come to; references in them may open more documents. */
static int drain_with_anchors(struct schema_compiler *c)
{
    int status = drain(c);
    for (bool more = c->schema->dynamic; more && !status;) {
        for (struct schema_resource *r = c->schema->resources; r; r = r->next)
            for (struct schema_anchor *a = r->anchors; a; a = a->next)
                if (a->dynamic)
                    enqueue(c, a->node);
        more = c->queue != NULL;
        status = drain(c);
    }
    return status;
}

/* ---- schemas that would evaluate themselves for ever ---- */

enum { WHITE, GREY, BLACK };

static int visit(struct schema_compiler *c, struct schema_node *n, unsigned depth);

static int visit_list(struct schema_compiler *c, const struct schema_list *l, unsigned depth)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < l->count && !status; i++)
        status = visit(c, l->items[i], depth);
    return status;
}

/* Schemas that see the same value as this one. */
static int visit_same(struct schema_compiler *c, struct schema_node *n, unsigned depth)
{
    const struct schema_general *g = n->general;
    int status = BELAY_OK;
    if (g) {
        struct schema_node *one[] = { g->not_, g->if_, g->then, g->else_, g->ref, g->dynamic };
        status = visit_list(c, &g->all, depth);
        status = status ? status : visit_list(c, &g->any, depth);
        status = status ? status : visit_list(c, &g->one, depth);
        for (size_t i = 0; i < sizeof one / sizeof one[0] && !status; i++)
            status = visit(c, one[i], depth);
        for (struct schema_resource *r = c->schema->resources; g->dynamic_name.p && r; r = r->next)
            for (struct schema_anchor *a = r->anchors; a && !status; a = a->next)
                if (a->dynamic && belay_str_eq(a->name, g->dynamic_name))
                    status = visit(c, a->node, depth);
    }
    for (uint32_t i = 0; n->object && i < n->object->dependent_count && !status; i++)
        status = visit(c, n->object->dependents[i].node, depth);
    return status;
}

static int visit(struct schema_compiler *c, struct schema_node *n, unsigned depth)
{
    if (!n || n->colour == BLACK)
        return BELAY_OK;
    if (n->colour == GREY)
        return schema_refuse(c, n, BELAY_INVALID, "the schema refers to itself");
    if (depth > BELAY_SCHEMA_DEPTH_MAX)
        return schema_refuse(c, n, BELAY_LIMIT, "more than %d schemas for one value", BELAY_SCHEMA_DEPTH_MAX);
    n->colour = GREY;
    int status = visit_same(c, n, depth + 1);
    n->colour = BLACK;
    return status;
}

static int check_circles(struct schema_compiler *c)
{
    size_t at = 0;
    int status = BELAY_OK;
    for (struct belay_map_slot *slot; !status && (slot = belay_map_next(&c->nodes, &at));)
        status = visit(c, slot->value, 0);
    return status;
}

/* ---- the whole ---- */

int belay_schema_compile(const belay_json *root, const belay_json *schema,
                         const struct belay_schema_opt *opt, struct belay_schema **ret_schema,
                         struct belay_err *err)
{
    struct schema_compiler c = { .err = err };
    c.schema = belay_calloc(1, sizeof *c.schema);
    if (!c.schema)
        return no_memory(&c);
    if (opt)
        c.opt = *opt;
    belay_arena_init(&c.schema->arena, BELAY_KIB(8), BELAY_SCHEMA_BYTES_MAX);
    belay_map_init(&c.nodes);
    int status = schema_open_main(&c, root, schema, &c.schema->root);
    if (!status) {
        enqueue(&c, c.schema->root);
        status = drain_with_anchors(&c);
    }
    if (!status)
        status = check_circles(&c);
    belay_map_deinit(&c.nodes);
    if (status) {
        belay_schema_free(c.schema);
        return status;
    }
    *ret_schema = c.schema;
    return BELAY_OK;
}

void belay_schema_free(struct belay_schema *s)
{
    if (!s)
        return;
    for (struct pattern *p = s->patterns, *next; p; p = next) {
        next = p->next;
        pattern_free(p);
    }
    belay_arena_deinit(&s->arena);
    belay_free(s);
}
