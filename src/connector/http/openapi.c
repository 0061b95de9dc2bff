#include "connector/http/openapi.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "connector/http/api.h"
#include "connector/http/text.h"

#define REF_CHAIN_MAX 16

struct compile {
    struct belay_openapi *api;
    const belay_json *document;
    struct belay_str prefix; /* of every path, from servers[0].url */
    struct belay_buf place;  /* JSON Pointer of what is looked at */
    struct belay_err *err;
};

/* ---- places and references ---- */

static int refuse(struct compile *c, int status, const char *what)
{
    return belay_fail(c->err, status, "openapi: %.*s: %s", BELAY_STR_ARG(belay_buf_view(&c->place)),
                      what);
}

static int no_memory(struct compile *c)
{
    return refuse(c, BELAY_NOMEM, "out of memory");
}

static size_t enter(struct compile *c, struct belay_str token)
{
    size_t mark = c->place.n;
    belay_json_pointer_push(&c->place, token);
    return mark;
}

static size_t enter_index(struct compile *c, size_t index)
{
    size_t mark = c->place.n;
    belay_json_pointer_push_index(&c->place, index);
    return mark;
}

static void leave(struct compile *c, size_t mark)
{
    c->place.n = mark;
}

static struct belay_str text_of(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR_NONE;
}

static bool is_true(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_TRUE;
}

/* Follows {"$ref": "#/..."} to what it names. */
static int follow(struct compile *c, const belay_json *v, const belay_json **ret_v)
{
    for (int i = 0; i < REF_CHAIN_MAX; i++) {
        struct belay_str ref = text_of(v, "$ref");
        if (!ref.p) {
            *ret_v = v;
            return BELAY_OK;
        }
        struct belay_str pointer;
        if (ref.n == 0 || ref.p[0] != '#')
            return refuse(c, BELAY_UNSUPPORTED, "$ref to another document");
        int status = http_decode(&c->api->arena, belay_str_sub(ref, 1, ref.n), false, &pointer);
        v = status ? NULL : belay_json_pointer(c->document, pointer);
        if (!v)
            return refuse(c, BELAY_INVALID, "$ref names nothing");
    }
    return refuse(c, BELAY_INVALID, "$ref goes in a circle");
}

static int compile_schema(struct compile *c, const belay_json *schema, struct belay_schema **ret_schema)
{
    const struct belay_schema_opt opt = { .assert_formats = true };
    struct belay_err inner;
    belay_err_clear(&inner);
    int status = belay_schema_compile(c->document, schema, &opt, ret_schema, &inner);
    return status ? refuse(c, status, inner.msg) : BELAY_OK;
}

/* ---- parameters ---- */

static uint8_t type_bit(struct belay_str name)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } rows[] = { { "integer", HTTP_TYPE_NUMBER }, { "number", HTTP_TYPE_NUMBER },
                 { "boolean", HTTP_TYPE_BOOLEAN }, { "null", HTTP_TYPE_NULL },
                 { "array", HTTP_TYPE_ARRAY }, { "string", HTTP_TYPE_STRING } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (belay_str_eq(name, belay_str_c(rows[i].name)))
            return rows[i].bit;
    return 0;
}

/* The types that a schema names; 0 when it names none. */
static int types_of(struct compile *c, const belay_json *schema, uint8_t *ret_types)
{
    const belay_json *v = schema;
    int status = v ? follow(c, v, &v) : BELAY_OK;
    if (status)
        return status;
    const belay_json *type = belay_json_get(v, BELAY_STR("type"));
    uint8_t types = 0;
    if (type && type->type == BELAY_JSON_STRING)
        types = type_bit(belay_json_str(type));
    for (size_t i = 0; type && type->type == BELAY_JSON_ARRAY && i < type->n; i++) {
        const belay_json *item = belay_json_at(type, i);
        types |= item->type == BELAY_JSON_STRING ? type_bit(belay_json_str(item)) : 0;
    }
    *ret_types = types;
    return BELAY_OK;
}

static int param_place(struct compile *c, const belay_json *v, struct http_param_rule *rule, bool *skip)
{
    struct belay_str in = text_of(v, "in");
    rule->required = is_true(v, "required");
    if (belay_str_eq(in, BELAY_STR("path"))) {
        rule->in = BELAY_HTTP_IN_PATH;
        rule->required = true;
    } else if (belay_str_eq(in, BELAY_STR("query"))) {
        rule->in = BELAY_HTTP_IN_QUERY;
    } else if (belay_str_eq(in, BELAY_STR("header"))) {
        rule->in = BELAY_HTTP_IN_HEADER;
    } else if (belay_str_eq(in, BELAY_STR("cookie"))) {
        *skip = true;
        return rule->required ? refuse(c, BELAY_UNSUPPORTED, "a required cookie parameter") : BELAY_OK;
    } else {
        return refuse(c, BELAY_INVALID, "in must be path, query, header or cookie");
    }
    return BELAY_OK;
}

static int param_style(struct compile *c, const belay_json *v, struct http_param_rule *rule)
{
    bool query = rule->in == BELAY_HTTP_IN_QUERY;
    struct belay_str style = text_of(v, "style");
    if (style.p && !belay_str_eq(style, query ? BELAY_STR("form") : BELAY_STR("simple")))
        return refuse(c, BELAY_UNSUPPORTED, "a style other than form (query) and simple");
    const belay_json *explode = belay_json_get(v, BELAY_STR("explode"));
    rule->explode = query && (!explode || explode->type == BELAY_JSON_TRUE);
    return BELAY_OK;
}

static int param_schema(struct compile *c, const belay_json *v, struct http_param_rule *rule)
{
    const belay_json *content = belay_json_get(v, BELAY_STR("content"));
    const belay_json *schema = belay_json_get(v, BELAY_STR("schema"));
    if (content) {
        const belay_json *media = belay_json_get(content, BELAY_STR("application/json"));
        if (!media)
            return refuse(c, BELAY_UNSUPPORTED, "parameter content other than application/json");
        rule->json = true;
        schema = belay_json_get(media, BELAY_STR("schema"));
    }
    if (!schema)
        return BELAY_OK;
    int status = types_of(c, schema, &rule->types);
    if (!status && (rule->types & HTTP_TYPE_ARRAY)) {
        const belay_json *target;
        status = follow(c, schema, &target);
        if (!status)
            status = types_of(c, belay_json_get(target, BELAY_STR("items")), &rule->item_types);
    }
    return status ? status : compile_schema(c, schema, &rule->schema);
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

static int compile_param(struct compile *c, const belay_json *v, struct http_param_rule *rule, bool *skip)
{
    int status = param_place(c, v, rule, skip);
    if (status || *skip)
        return status;
    rule->name = text_of(v, "name");
    if (!rule->name.n)
        return refuse(c, BELAY_INVALID, "a parameter without name");
    if (rule->in == BELAY_HTTP_IN_HEADER) {
        rule->name = lower_copy(&c->api->arena, rule->name);
        if (!rule->name.p)
            return no_memory(c);
        *skip = is_reserved_header(rule->name);
    }
    return *skip ? BELAY_OK : param_style(c, v, rule);
}

static struct http_param_rule *find_rule(struct http_operation *op, const struct http_param_rule *like)
{
    for (uint32_t i = 0; i < op->param_count; i++)
        if (op->params[i].in == like->in && belay_str_eq(op->params[i].name, like->name))
            return &op->params[i];
    return NULL;
}

/* A later list (the operation's) replaces what an earlier one (the path's) says. */
static int compile_params(struct compile *c, const belay_json *list, struct http_operation *op)
{
    size_t count = list && list->type == BELAY_JSON_ARRAY ? list->n : 0;
    for (size_t i = 0; i < count; i++) {
        size_t mark = enter_index(c, i);
        const belay_json *v;
        struct http_param_rule rule = { 0 };
        bool skip = false;
        int status = follow(c, belay_json_at(list, i), &v);
        if (!status)
            status = compile_param(c, v, &rule, &skip);
        if (!status && !skip)
            status = param_schema(c, v, &rule);
        if (status)
            return status;
        leave(c, mark);
        if (skip)
            continue;
        struct http_param_rule *old = find_rule(op, &rule);
        if (old)
            belay_schema_free(old->schema);
        *(old ? old : &op->params[op->param_count++]) = rule;
    }
    return BELAY_OK;
}

/* ---- bodies ---- */

static int compile_media(struct compile *c, const belay_json *key, struct http_media_rule *rule)
{
    const belay_json *media = belay_json_next(key);
    const belay_json *schema = belay_json_get(media, BELAY_STR("schema"));
    rule->range = http_media_type(belay_json_str(key));
    bool json = http_media_is_json(rule->range) || belay_str_ends(rule->range, BELAY_STR("/*"));
    return schema && json ? compile_schema(c, schema, &rule->schema) : BELAY_OK;
}

static int compile_body(struct compile *c, const belay_json *body, struct http_operation *op)
{
    if (!body)
        return BELAY_OK;
    size_t mark = enter(c, BELAY_STR("requestBody"));
    int status = follow(c, body, &body);
    if (status)
        return status;
    op->body_required = is_true(body, "required");
    const belay_json *content = belay_json_get(body, BELAY_STR("content"));
    if (!content || content->type != BELAY_JSON_OBJECT || content->n == 0)
        return refuse(c, BELAY_INVALID, "a request body without content");
    op->media = BELAY_ARENA_ARRAY(&c->api->arena, struct http_media_rule, content->n);
    if (!op->media)
        return no_memory(c);
    const belay_json *key = belay_json_first(content);
    for (uint32_t i = 0; i < content->n; i++) {
        size_t inner = enter(c, belay_json_str(key));
        status = compile_media(c, key, &op->media[op->media_count++]);
        if (status)
            return status;
        leave(c, inner);
        key = belay_json_next(belay_json_next(key));
    }
    leave(c, mark);
    return BELAY_OK;
}

/* ---- operations and paths ---- */

static int operation_id(struct compile *c, const belay_json *v, struct http_operation *op)
{
    op->id = text_of(v, "operationId");
    if (!op->id.n)
        op->id = belay_arena_printf(&c->api->arena, "%.*s %.*s", BELAY_STR_ARG(op->method),
                                    BELAY_STR_ARG(op->path));
    if (!op->id.p)
        return no_memory(c);
    for (uint32_t i = 0; i < c->api->operation_count; i++)
        if (belay_str_eq(c->api->operations[i]->id, op->id))
            return refuse(c, BELAY_INVALID, "operationId is used twice");
    return BELAY_OK;
}

static size_t list_length(const belay_json *list)
{
    return list && list->type == BELAY_JSON_ARRAY ? list->n : 0;
}

static int compile_operation(struct compile *c, const belay_json *item, const belay_json *v,
                             const char *method, struct http_path *path)
{
    const belay_json *shared = belay_json_get(item, BELAY_STR("parameters"));
    const belay_json *own = belay_json_get(v, BELAY_STR("parameters"));
    struct http_operation *op = BELAY_ARENA_NEW(&c->api->arena, struct http_operation);
    if (!op)
        return no_memory(c);
    op->method = belay_str_c(method);
    op->path = path->template_;
    size_t count = list_length(shared) + list_length(own);
    op->params = BELAY_ARENA_ARRAY(&c->api->arena, struct http_param_rule, count + 1);
    if (!op->params)
        return no_memory(c);
    int status = operation_id(c, v, op);
    if (!status) /* from here on its schemas are freed with the API */
        status = http_api_add_operation(c->api, path, op, c->err);
    size_t mark = enter(c, BELAY_STR("parameters"));
    if (!status)
        status = compile_params(c, shared, op);
    if (!status)
        status = compile_params(c, own, op);
    if (status)
        return status;
    leave(c, mark);
    return compile_body(c, belay_json_get(v, BELAY_STR("requestBody")), op);
}

/* A path parameter that the template does not name can never be there. */
static int check_path_params(struct compile *c, const struct http_path *path)
{
    for (const struct http_operation *op = path->operations; op; op = op->next)
        for (uint32_t i = 0; i < op->param_count; i++) {
            bool found = op->params[i].in != BELAY_HTTP_IN_PATH;
            for (uint32_t n = 0; n < path->name_count; n++)
                found = found || belay_str_eq(path->names[n], op->params[i].name);
            if (!found)
                return refuse(c, BELAY_INVALID, "a path parameter that the path does not name");
        }
    return BELAY_OK;
}

static int compile_path(struct compile *c, struct belay_str template_, const belay_json *item)
{
    static const struct {
        const char *key, *method;
    } methods[] = { { "get", "GET" },     { "put", "PUT" },         { "post", "POST" },
                    { "patch", "PATCH" }, { "delete", "DELETE" },   { "head", "HEAD" },
                    { "trace", "TRACE" }, { "options", "OPTIONS" } };
    struct http_path *path = BELAY_ARENA_NEW(&c->api->arena, struct http_path);
    if (!path)
        return no_memory(c);
    path->template_ = belay_arena_printf(&c->api->arena, "%.*s%.*s", BELAY_STR_ARG(c->prefix),
                                         BELAY_STR_ARG(template_));
    if (!path->template_.p)
        return no_memory(c);
    struct belay_err inner;
    belay_err_clear(&inner);
    int status = http_router_add(&c->api->router, path->template_, path, path->names,
                                 &path->name_count, &inner);
    if (status) /* not EXISTS, which an address in use means to whoever opens a server */
        return refuse(c, status == BELAY_NOMEM ? status : BELAY_INVALID, inner.msg);
    status = follow(c, item, &item);
    for (size_t i = 0; !status && i < sizeof methods / sizeof methods[0]; i++) {
        const belay_json *v = belay_json_get(item, belay_str_c(methods[i].key));
        if (!v)
            continue;
        size_t mark = enter(c, belay_str_c(methods[i].key));
        status = compile_operation(c, item, v, methods[i].method, path);
        if (!status)
            leave(c, mark);
    }
    if (!status)
        status = check_path_params(c, path);
    return status ? status : http_api_finish_path(c->api, path, c->err);
}

static int compile_paths(struct compile *c)
{
    const belay_json *paths = belay_json_get(c->document, BELAY_STR("paths"));
    size_t mark = enter(c, BELAY_STR("paths"));
    if (!paths || paths->type != BELAY_JSON_OBJECT)
        return refuse(c, BELAY_INVALID, "must be an object");
    const belay_json *key = belay_json_first(paths);
    for (uint32_t i = 0; i < paths->n; i++) {
        struct belay_str template_ = belay_json_str(key);
        size_t inner = enter(c, template_);
        bool extension = belay_str_starts(template_, BELAY_STR("x-"));
        int status = extension ? BELAY_OK : compile_path(c, template_, belay_json_next(key));
        if (status)
            return status;
        leave(c, inner);
        key = belay_json_next(belay_json_next(key));
    }
    leave(c, mark);
    return BELAY_OK;
}

/* "https://host/v1/" -> "/v1"; a path with {} in it is no prefix that could be matched. */
static int find_prefix(struct compile *c)
{
    const belay_json *first = belay_json_at(belay_json_get(c->document, BELAY_STR("servers")), 0);
    struct belay_str url = text_of(first, "url");
    const char *scheme = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    if (scheme) {
        url = belay_str_sub(url, (size_t)(scheme - url.p) + 3, url.n);
        url = belay_str_sub(url, belay_str_find(url, '/'), url.n);
    }
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (url.n && (url.p[0] != '/' || belay_str_find(url, '{') < url.n))
        return refuse(c, BELAY_UNSUPPORTED, "servers: a relative path or a variable in its path");
    c->prefix = url;
    return BELAY_OK;
}

static int check_version(struct compile *c)
{
    struct belay_str version = text_of(c->document, "openapi");
    if (!version.p)
        return refuse(c, BELAY_INVALID, "no OpenAPI document (the member \"openapi\" is missing)");
    if (!belay_str_starts(version, BELAY_STR("3.1.")) && !belay_str_eq(version, BELAY_STR("3.1")))
        return refuse(c, BELAY_UNSUPPORTED, "only OpenAPI 3.1 is understood");
    return BELAY_OK;
}

int belay_openapi_compile(const belay_json *document, struct belay_openapi **ret_api,
                          struct belay_err *err)
{
    struct compile c = { .document = document, .err = err };
    belay_buf_init(&c.place, BELAY_KIB(64));
    c.api = http_api_new();
    int status = c.api ? check_version(&c) : no_memory(&c);
    if (!status)
        status = find_prefix(&c);
    if (!status)
        status = compile_paths(&c);
    if (!status) {
        c.api->document = document;
        *ret_api = c.api;
    } else {
        belay_openapi_free(c.api);
    }
    belay_buf_deinit(&c.place);
    return status;
}
