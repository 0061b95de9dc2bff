#include "connector/http/shape.h"

#include "connector/http/text.h"

#define NESTING_MAX 4 /* parameter, member, item, and one in reserve */
#define COMBINED_MAX 32

struct look {
    struct belay_arena *arena;
    const belay_json *document;
    unsigned budget; /* of schemas looked at for one shape: a circle ends */
    int status;
};

static uint8_t type_bit(struct belay_str name)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } rows[] = { { "integer", HTTP_TYPE_NUMBER }, { "number", HTTP_TYPE_NUMBER },
                 { "boolean", HTTP_TYPE_BOOLEAN }, { "null", HTTP_TYPE_NULL },
                 { "array", HTTP_TYPE_ARRAY },     { "string", HTTP_TYPE_STRING },
                 { "object", HTTP_TYPE_OBJECT } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (belay_str_eq(name, belay_str_c(rows[i].name)))
            return rows[i].bit;
    return 0;
}

static uint8_t bit_of_value(const belay_json *v)
{
    switch ((enum belay_json_type)v->type) {
    case BELAY_JSON_NULL: return HTTP_TYPE_NULL;
    case BELAY_JSON_FALSE:
    case BELAY_JSON_TRUE: return HTTP_TYPE_BOOLEAN;
    case BELAY_JSON_STRING: return HTTP_TYPE_STRING;
    case BELAY_JSON_ARRAY: return HTTP_TYPE_ARRAY;
    case BELAY_JSON_OBJECT: return HTTP_TYPE_OBJECT;
    default: return HTTP_TYPE_NUMBER;
    }
}

static const belay_json *target_of(struct look *l, const belay_json *schema)
{
    const belay_json *ref = belay_json_get(schema, BELAY_STR("$ref"));
    struct belay_str text, pointer;
    if (!ref || ref->type != BELAY_JSON_STRING)
        return NULL;
    text = belay_json_str(ref);
    if (!text.n || text.p[0] != '#'
        || http_decode(l->arena, belay_str_sub(text, 1, text.n), false, &pointer))
        return NULL;
    return belay_json_pointer(l->document, pointer);
}

static uint8_t types_listed(const belay_json *list, bool by_name)
{
    uint8_t types = 0;
    for (uint32_t i = 0; list->type == BELAY_JSON_ARRAY && i < list->n; i++) {
        const belay_json *item = belay_json_at(list, i);
        if (!by_name)
            types |= bit_of_value(item);
        else if (item->type == BELAY_JSON_STRING)
            types |= type_bit(belay_json_str(item));
    }
    return types;
}

static uint8_t types_said(const belay_json *schema)
{
    const belay_json *type = belay_json_get(schema, BELAY_STR("type"));
    const belay_json *constant = belay_json_get(schema, BELAY_STR("const"));
    const belay_json *list = belay_json_get(schema, BELAY_STR("enum"));
    const belay_json *nullable = belay_json_get(schema, BELAY_STR("nullable"));
    uint8_t types = 0;
    if (type)
        types = type->type == BELAY_JSON_STRING ? type_bit(belay_json_str(type)) : types_listed(type, true);
    else if (constant)
        types = bit_of_value(constant);
    else if (list)
        types = types_listed(list, false);
    return types | (types && nullable && nullable->type == BELAY_JSON_TRUE ? HTTP_TYPE_NULL : 0);
}

static void look_at(struct look *l, const belay_json *schema, unsigned nesting, struct http_shape *s);

static const struct http_shape *inner(struct look *l, const belay_json *schema, unsigned nesting)
{
    if (!schema || nesting == 0)
        return NULL;
    struct http_shape *s = BELAY_ARENA_NEW(l->arena, struct http_shape);
    if (s)
        look_at(l, schema, nesting - 1, s);
    else
        l->status = BELAY_NOMEM;
    return s;
}

/* Appends the members that s does not have yet. */
static void add_members(struct look *l, const belay_json *list, unsigned nesting, struct http_shape *s)
{
    if (!list || list->type != BELAY_JSON_OBJECT || nesting == 0)
        return;
    struct http_shape_member *all =
        BELAY_ARENA_ARRAY(l->arena, struct http_shape_member, s->member_count + list->n + 1);
    if (!all) {
        l->status = BELAY_NOMEM;
        return;
    }
    uint32_t count = s->member_count;
    if (count)
        memcpy(all, s->members, count * sizeof *all);
    const belay_json *key = belay_json_first(list);
    for (uint32_t i = 0; i < list->n && l->budget; i++, key = belay_json_next(belay_json_next(key))) {
        if (http_shape_member(s, belay_json_str(key)))
            continue;
        all[count].name = belay_json_str(key);
        look_at(l, belay_json_next(key), nesting - 1, &all[count++].shape);
    }
    s->members = all;
    s->member_count = count;
}

static void combine(struct look *l, const belay_json *list, unsigned nesting, struct http_shape *s)
{
    if (!list || list->type != BELAY_JSON_ARRAY)
        return;
    for (uint32_t i = 0; i < list->n && i < COMBINED_MAX; i++)
        look_at(l, belay_json_at(list, i), nesting, s);
}

/* Adds what schema says to s. */
static void look_at(struct look *l, const belay_json *schema, unsigned nesting, struct http_shape *s)
{
    if (l->budget == 0 || l->status || !schema || schema->type != BELAY_JSON_OBJECT)
        return;
    l->budget--;
    s->types |= types_said(schema);
    const belay_json *others = belay_json_get(schema, BELAY_STR("additionalProperties"));
    s->open = s->open || (others && others->type != BELAY_JSON_FALSE);
    if (!s->items)
        s->items = inner(l, belay_json_get(schema, BELAY_STR("items")), nesting);
    if (!s->others && others && others->type == BELAY_JSON_OBJECT)
        s->others = inner(l, others, nesting);
    add_members(l, belay_json_get(schema, BELAY_STR("properties")), nesting, s);
    look_at(l, target_of(l, schema), nesting, s);
    combine(l, belay_json_get(schema, BELAY_STR("allOf")), nesting, s);
    combine(l, belay_json_get(schema, BELAY_STR("anyOf")), nesting, s);
    combine(l, belay_json_get(schema, BELAY_STR("oneOf")), nesting, s);
    if (!s->types && s->member_count)
        s->types = HTTP_TYPE_OBJECT;
}

int http_shape_of(struct belay_arena *arena, const belay_json *document, const belay_json *schema,
                  struct http_shape *ret_shape)
{
    struct look l = { .arena = arena, .document = document, .budget = 4096 };
    struct http_shape s = { 0 };
    look_at(&l, schema, NESTING_MAX, &s);
    if (!l.status)
        *ret_shape = s;
    return l.status;
}

const struct http_shape *http_shape_member(const struct http_shape *s, struct belay_str name)
{
    for (uint32_t i = 0; s && i < s->member_count; i++)
        if (belay_str_eq(s->members[i].name, name))
            return &s->members[i].shape;
    return NULL;
}
