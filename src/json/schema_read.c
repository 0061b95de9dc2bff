/* How the values of keywords get into nodes, but for those of objects (schema_object_read.c).  The table
 * in schema_keyword.c says which function reads which keyword, and where `at` lies. */
#include <math.h>

#include "base/assert.h"
#include "json/schema_compile.h"

static int wrong(struct schema_compiler *c, const struct belay_schema_node *n, const struct schema_keyword *k,
                 const char *must)
{
    return schema_refuse(c, n, BELAY_INVALID, "%.*s must be %s", BELAY_STR_ARG(k->name), must);
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

/* OpenAPI 3.0's nullable speaks of the `type` beside it, whichever comes first. */
static bool nullable(const struct belay_schema_node *n)
{
    const belay_json *v = belay_json_get(n->source, BELAY_STR("nullable"));
    return n->rules.dialect == BELAY_SCHEMA_OPENAPI_30 && v && v->type == BELAY_JSON_TRUE;
}

static int refuse_type(struct schema_compiler *c, const struct belay_schema_node *n, struct belay_str name)
{
    static const char *const types[] = { "string", "number", "integer", "boolean", "array", "object", "null" };
    const char *meant = NULL;
    unsigned best = 3;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (schema_is_near(name, belay_str_c(types[i]), &best))
            meant = types[i];
    if (!meant)
        return schema_refuse(c, n, BELAY_INVALID, "there is no type \"%.*s\"", BELAY_STR_ARG(name));
    return schema_refuse(c, n, BELAY_INVALID, "there is no type \"%.*s\"; did you mean \"%s\"?", BELAY_STR_ARG(name),
                         meant);
}

int schema_read_type(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                     void *at, const belay_json *v)
{
    (void)at;
    bool many = v->type == BELAY_JSON_ARRAY, integer = false;
    const belay_json *item = many ? belay_json_first(v) : v;
    uint16_t types = 0;
    if (many && n->rules.dialect == BELAY_SCHEMA_OPENAPI_30)
        return wrong(c, n, k, "one name in OpenAPI 3.0 (a list of types is 3.1's)");
    for (uint32_t i = 0; i < (many ? v->n : 1); i++, item = belay_json_next(item)) {
        if (item->type != BELAY_JSON_STRING)
            return wrong(c, n, k, "a string or an array of strings");
        if (type_bits(belay_json_str(item), &types, &integer))
            return refuse_type(c, n, belay_json_str(item));
    }
    n->types = nullable(n) ? types | 1 << BELAY_JSON_NULL : types;
    n->integer = integer;
    return BELAY_OK;
}

int schema_read_nullable(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                         void *at, const belay_json *v)
{
    (void)at;
    bool boolean = v->type == BELAY_JSON_TRUE || v->type == BELAY_JSON_FALSE;
    return boolean ? BELAY_OK : wrong(c, n, k, "true or false"); /* with `type` */
}

int schema_read_child(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                      void *at, const belay_json *v)
{
    (void)n;
    (void)k;
    *(struct belay_schema_node **)at = schema_child(c, v);
    return BELAY_OK;
}

int schema_read_list(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                     void *at, const belay_json *v)
{
    struct schema_list *list = at;
    if (v->type != BELAY_JSON_ARRAY || v->n == 0)
        return wrong(c, n, k, "an array of schemas, not empty");
    list->items = BELAY_ARENA_ARRAY(&c->schema->arena, struct belay_schema_node *, v->n);
    if (!list->items)
        return schema_no_memory(c);
    const belay_json *item = belay_json_first(v);
    for (; list->count < v->n; list->count++, item = belay_json_next(item))
        list->items[list->count] = schema_child(c, item);
    return BELAY_OK;
}

int schema_read_value(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                      void *at, const belay_json *v)
{
    (void)c;
    (void)n;
    (void)k;
    *(const belay_json **)at = v;
    return BELAY_OK;
}

int schema_read_enum(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                     void *at, const belay_json *v)
{
    return v->type == BELAY_JSON_ARRAY ? schema_read_value(c, n, k, at, v) : wrong(c, n, k, "an array");
}

int schema_read_count(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                      void *at, const belay_json *v)
{
    double d = belay_json_is_number(v) ? belay_json_number(v) : -1;
    if (d < 0 || (v->type != BELAY_JSON_INT && d != floor(d)))
        return wrong(c, n, k, "a whole number, 0 or more");
    *(uint32_t *)at = d < (double)(SCHEMA_NONE - 1) ? (uint32_t)d : SCHEMA_NONE - 1;
    return BELAY_OK;
}

int schema_read_flag(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                     void *at, const belay_json *v)
{
    if (v->type != BELAY_JSON_TRUE && v->type != BELAY_JSON_FALSE)
        return wrong(c, n, k, "true or false");
    *(bool *)at = v->type == BELAY_JSON_TRUE;
    return BELAY_OK;
}

/* ---- references ---- */

int schema_read_ref(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                    void *at, const belay_json *v)
{
    struct belay_schema_node **target = at;
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, k, "a string");
    int status = schema_resolve(c, n, belay_json_str(v), target, NULL);
    if (status == BELAY_OK)
        schema_enqueue(c, *target);
    return status;
}

int schema_read_dynamic_ref(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                            void *at, const belay_json *v)
{
    struct schema_general *g = n->general;
    BELAY_ASSERT(at == &g->dynamic);
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, k, "a string");
    int status = schema_resolve(c, n, belay_json_str(v), &g->dynamic, &g->dynamic_name);
    if (status)
        return status;
    schema_enqueue(c, g->dynamic);
    c->schema->dynamic |= g->dynamic_name.p != NULL;
    return BELAY_OK;
}

/* 2019-09: always "#"; dynamic where the resource it leads to says $recursiveAnchor. */
int schema_read_recursive_ref(struct schema_compiler *c, struct belay_schema_node *n,
                              const struct schema_keyword *k, void *at, const belay_json *v)
{
    struct schema_general *g = n->general;
    BELAY_ASSERT(at == &g->dynamic);
    if (v->type != BELAY_JSON_STRING || !belay_str_eq(belay_json_str(v), BELAY_STR("#")))
        return wrong(c, n, k, "\"#\"");
    int status = schema_resolve(c, n, BELAY_STR("#"), &g->dynamic, NULL);
    if (status)
        return status;
    schema_enqueue(c, g->dynamic);
    for (const struct schema_anchor *a = g->dynamic->resource->anchors; a; a = a->next)
        if (a->dynamic && a->name.n == 0)
            g->dynamic_name = a->name;
    c->schema->dynamic |= g->dynamic_name.p != NULL;
    return BELAY_OK;
}

/* ---- numbers and strings ---- */

/* OpenAPI 3.0: true makes the bound beside it exclusive. */
static int read_exclusive(struct schema_number *p, const belay_json *schema, bool minimum)
{
    const belay_json *bound = belay_json_get(schema, minimum ? BELAY_STR("minimum") : BELAY_STR("maximum"));
    if (bound && belay_json_is_number(bound))
        *(minimum ? &p->above : &p->below) = bound;
    return BELAY_OK;
}

int schema_read_bound(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                      void *at, const belay_json *v)
{
    bool boolean = v->type == BELAY_JSON_TRUE || v->type == BELAY_JSON_FALSE;
    bool exclusive = at == &n->number->above || at == &n->number->below;
    if (exclusive && boolean && n->rules.dialect == BELAY_SCHEMA_OPENAPI_30)
        return v->type == BELAY_JSON_TRUE ? read_exclusive(n->number, n->source, at == &n->number->above) : BELAY_OK;
    if (!belay_json_is_number(v))
        return wrong(c, n, k, boolean ? "a number (the boolean form is OpenAPI 3.0's)" : "a number");
    *(const belay_json **)at = v;
    return BELAY_OK;
}

int schema_read_multiple(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                         void *at, const belay_json *v)
{
    struct schema_number *p = n->number;
    BELAY_ASSERT(at == &p->multiple);
    if (!belay_json_is_number(v) || belay_json_number(v) <= 0)
        return wrong(c, n, k, "a number above 0");
    if (!schema_decimal(v, &p->multiple_digits, &p->multiple_exponent))
        return schema_refuse(c, n, BELAY_UNSUPPORTED, "multipleOf has more than 19 digits");
    p->multiple = v;
    return BELAY_OK;
}

int schema_pattern_add(struct schema_compiler *c, struct belay_schema_node *n, struct belay_str text,
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

int schema_read_pattern(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                        void *at, const belay_json *v)
{
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, k, "a string");
    n->string->pattern_text = v;
    return schema_pattern_add(c, n, belay_json_str(v), at);
}

int schema_read_format(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                       void *at, const belay_json *v)
{
    (void)at;
    if (v->type != BELAY_JSON_STRING)
        return wrong(c, n, k, "a string");
    if (n->rules.assert_formats)
        n->format = (uint8_t)format_find(belay_json_str(v));
    return BELAY_OK;
}

/* ---- items before 2020-12: a schema, or one for each of the first and additionalItems ---- */

int schema_read_items(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                      void *at, const belay_json *v)
{
    if (v->type != BELAY_JSON_ARRAY)
        return schema_read_child(c, n, k, at, v);
    return v->n ? schema_read_list(c, n, k, &n->array->prefix, v) : BELAY_OK;
}

int schema_read_additional_items(struct schema_compiler *c, struct belay_schema_node *n,
                                 const struct schema_keyword *k, void *at, const belay_json *v)
{
    const belay_json *items = belay_json_get(n->source, BELAY_STR("items"));
    if (!items || items->type != BELAY_JSON_ARRAY)
        return BELAY_OK;
    return schema_read_child(c, n, k, at, v);
}

/* ---- OpenAPI ---- */

int schema_read_read_only(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                          void *at, const belay_json *v)
{
    bool flag = false;
    (void)at;
    int status = schema_read_flag(c, n, k, &flag, v);
    if (flag && c->opt.direction == BELAY_SCHEMA_REQUEST)
        n->denied = "readOnly";
    return status;
}

int schema_read_write_only(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                           void *at, const belay_json *v)
{
    bool flag = false;
    (void)at;
    int status = schema_read_flag(c, n, k, &flag, v);
    if (flag && c->opt.direction == BELAY_SCHEMA_RESPONSE)
        n->denied = "writeOnly";
    return status;
}

int schema_read_deprecated(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                           void *at, const belay_json *v)
{
    int status = schema_read_flag(c, n, k, at, v);
    c->schema->deprecated |= n->general->deprecated;
    return status;
}

int schema_read_discriminator(struct schema_compiler *c, struct belay_schema_node *n,
                              const struct schema_keyword *k, void *at, const belay_json *v)
{
    if (!schema_text_of(v, "propertyName").p)
        return wrong(c, n, k, "an object with a propertyName");
    return schema_read_value(c, n, k, at, v);
}
