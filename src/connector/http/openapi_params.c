/* openapi_params.c - the parameters of an operation. */
#include "connector/http/openapi_impl.h"
#include "connector/http/text.h"

static int place_of(struct openapi_compile *c, const belay_json *v, struct http_param_rule *rule)
{
    static const char *const places[] = { "path", "query", "header", "cookie" };
    struct belay_str in = openapi_text(v, "in");
    rule->required = openapi_is_true(v, "required");
    for (int i = 0; i < 4; i++) {
        if (!belay_str_eq(in, belay_str_c(places[i])))
            continue;
        rule->in = (enum belay_http_param_in)i;
        if (rule->in == BELAY_HTTP_IN_PATH)
            rule->required = true;
        return BELAY_OK;
    }
    return openapi_refuse(c, BELAY_INVALID, "in must be path, query, header or cookie");
}

/* Which styles go where: OpenAPI 3.1, section 4.8.12.3. */
static bool goes_with(enum http_style style, enum belay_http_param_in in)
{
    switch (style) {
    case HTTP_SIMPLE: return in == BELAY_HTTP_IN_PATH || in == BELAY_HTTP_IN_HEADER;
    case HTTP_LABEL:
    case HTTP_MATRIX: return in == BELAY_HTTP_IN_PATH;
    case HTTP_FORM: return in == BELAY_HTTP_IN_QUERY || in == BELAY_HTTP_IN_COOKIE;
    case HTTP_SPACE:
    case HTTP_PIPE:
    case HTTP_DEEP: return in == BELAY_HTTP_IN_QUERY;
    }
    return false;
}

static int style_of(struct openapi_compile *c, const belay_json *v, struct http_param_rule *rule)
{
    bool form = rule->in == BELAY_HTTP_IN_QUERY || rule->in == BELAY_HTTP_IN_COOKIE;
    struct belay_str word = openapi_text(v, "style");
    const belay_json *explode = belay_json_get(v, BELAY_STR("explode"));
    rule->style = form ? HTTP_FORM : HTTP_SIMPLE;
    if (word.p && !http_style_parse(word, &rule->style))
        return openapi_refuse(c, BELAY_INVALID, "there is no such style (simple, label, matrix, form, spaceDelimited, pipeDelimited, deepObject)");
    if (!goes_with(rule->style, rule->in))
        return openapi_refuse(c, BELAY_INVALID, "a style that does not go with its place");
    rule->explode = explode ? explode->type == BELAY_JSON_TRUE : rule->style == HTTP_FORM;
    rule->allow_empty = openapi_is_true(v, "allowEmptyValue");
    return BELAY_OK;
}

static int schema_of(struct openapi_compile *c, const belay_json *v, struct http_param_rule *rule)
{
    const belay_json *content = belay_json_get(v, BELAY_STR("content"));
    const belay_json *schema = belay_json_get(v, BELAY_STR("schema"));
    if (content) {
        if (content->type != BELAY_JSON_OBJECT || content->n != 1)
            return openapi_refuse(c, BELAY_INVALID, "content has exactly one media type");
        const belay_json *key = belay_json_first(content);
        rule->json = http_media_is_json(http_media_type(belay_json_str(key)));
        rule->text = !rule->json;
        schema = belay_json_get(belay_json_next(key), BELAY_STR("schema"));
    }
    if (!schema)
        return BELAY_OK;
    int status = openapi_shape(c, schema, &rule->shape);
    if (status)
        return status;
    if (rule->text)
        rule->shape = (struct http_shape){ .types = rule->shape.types & ~(HTTP_TYPE_ARRAY | HTTP_TYPE_OBJECT) };
    return openapi_schema(c, schema, &rule->schema);
}

static struct belay_str lower_copy(struct belay_arena *arena, struct belay_str s)
{
    struct belay_str copy = belay_arena_str(arena, s);
    for (size_t i = 0; copy.p && i < copy.n; i++)
        if (copy.p[i] >= 'A' && copy.p[i] <= 'Z')
            ((char *)copy.p)[i] |= 0x20;
    return copy;
}

/* These describe themselves elsewhere in the document (OpenAPI 3.1, section 4.8.12.2.1). */
static bool is_reserved_header(struct belay_str name)
{
    return belay_str_eq(name, BELAY_STR("accept")) || belay_str_eq(name, BELAY_STR("content-type"))
           || belay_str_eq(name, BELAY_STR("authorization"));
}

static int compile(struct openapi_compile *c, const belay_json *v, struct http_param_rule *rule, bool *skip)
{
    int status = place_of(c, v, rule);
    if (status)
        return status;
    rule->name = openapi_text(v, "name");
    if (!rule->name.n)
        return openapi_refuse(c, BELAY_INVALID, "a parameter without name");
    if (rule->in == BELAY_HTTP_IN_HEADER) {
        rule->name = lower_copy(&c->api->arena, rule->name);
        if (!rule->name.p)
            return openapi_no_memory(c);
        *skip = is_reserved_header(rule->name);
    }
    if (*skip)
        return BELAY_OK;
    status = style_of(c, v, rule);
    return status ? status : schema_of(c, v, rule);
}

static struct http_param_rule *find_rule(struct http_operation *op, const struct http_param_rule *like)
{
    for (uint32_t i = 0; i < op->param_count; i++)
        if (op->params[i].in == like->in && belay_str_eq(op->params[i].name, like->name))
            return &op->params[i];
    return NULL;
}

int openapi_params(struct openapi_compile *c, const belay_json *list, struct http_operation *op)
{
    size_t count = list && list->type == BELAY_JSON_ARRAY ? list->n : 0;
    for (size_t i = 0; i < count; i++) {
        size_t mark = openapi_enter_index(c, i);
        const belay_json *v;
        struct http_param_rule rule = { 0 };
        bool skip = false;
        int status = openapi_follow(c, belay_json_at(list, i), &v);
        if (!status)
            status = compile(c, v, &rule, &skip);
        bool good = !status;
        status = openapi_go_on(c, status, mark);
        if (status)
            return status;
        openapi_leave(c, mark);
        if (skip || !good)
            continue;
        struct http_param_rule *old = find_rule(op, &rule);
        if (old)
            belay_schema_free(old->schema);
        *(old ? old : &op->params[op->param_count++]) = rule;
    }
    return BELAY_OK;
}
