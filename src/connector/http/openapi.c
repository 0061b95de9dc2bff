#include "connector/http/openapi_impl.h"

#include "base/alloc.h"
#include "base/assert.h"

struct place {
    struct belay_str template_;
    const belay_json *item;
    struct openapi_prefixes prefixes;
    struct http_path *paths[4 * OPENAPI_PREFIXES_MAX];
    uint32_t path_count;
    size_t mark; /* of the path's own place */
};

/* ---- operations ---- */

/* As config names it, too: without what servers put before it. */
static int operation_id(struct openapi_compile *c, const belay_json *v, struct belay_str template_,
                        struct http_operation *op)
{
    op->id = openapi_text(v, "operationId");
    if (!op->id.n)
        op->id = belay_arena_printf(&c->api->arena, "%.*s %.*s", BELAY_STR_ARG(op->method),
                                    BELAY_STR_ARG(template_));
    if (!op->id.p)
        return openapi_no_memory(c);
    for (uint32_t i = 0; i < c->api->operation_count; i++)
        if (belay_str_eq(c->api->operations[i]->id, op->id))
            return openapi_refuse(c, BELAY_INVALID, "operationId is used twice");
    return BELAY_OK;
}

static size_t list_length(const belay_json *list)
{
    return list && list->type == BELAY_JSON_ARRAY ? list->n : 0;
}

/* key: the operation's, in lower case. Those of the path stand before it, not in it. */
static int compile_params(struct openapi_compile *c, const struct place *at, const belay_json *v, struct belay_str key,
                          struct http_operation *op)
{
    const belay_json *shared = belay_json_get(at->item, BELAY_STR("parameters"));
    const belay_json *own = belay_json_get(v, BELAY_STR("parameters"));
    size_t count = list_length(shared) + list_length(own);
    op->params = BELAY_ARENA_ARRAY(&c->api->arena, struct http_param_rule, count + 1);
    if (!op->params)
        return openapi_no_memory(c);
    openapi_leave(c, at->mark);
    openapi_enter(c, BELAY_STR("parameters"));
    int status = openapi_params(c, shared, op);
    if (status)
        return status;
    openapi_leave(c, at->mark);
    size_t mark = openapi_enter(c, key);
    mark = openapi_enter(c, BELAY_STR("parameters"));
    status = openapi_params(c, own, op);
    if (!status)
        openapi_leave(c, mark);
    return status;
}

/* A path parameter that the template does not name can never be there. */
static int check_path_params(struct openapi_compile *c, const struct http_operation *op)
{
    const struct http_path *path = op->owner;
    for (uint32_t i = 0; i < op->param_count; i++) {
        bool found = op->params[i].in != BELAY_HTTP_IN_PATH;
        for (uint32_t n = 0; n < path->name_count; n++)
            found = found || belay_str_eq(path->names[n], op->params[i].name);
        if (!found)
            return openapi_refuse(c, BELAY_INVALID, "a path parameter that the path does not name");
    }
    return BELAY_OK;
}

/* ---- paths: one for each prefix that an operation of the template has ---- */

static int path_for(struct openapi_compile *c, struct place *at, struct belay_str prefix,
                    struct http_path **ret_path)
{
    struct belay_str whole = belay_arena_join(&c->api->arena, prefix, at->template_, BELAY_STR_NONE);
    if (!whole.p)
        return openapi_no_memory(c);
    for (uint32_t i = 0; i < at->path_count; i++)
        if (belay_str_eq(at->paths[i]->template_, whole)) {
            *ret_path = at->paths[i];
            return BELAY_OK;
        }
    if (at->path_count == sizeof at->paths / sizeof at->paths[0])
        return openapi_refuse(c, BELAY_LIMIT, "too many different paths of servers");
    struct http_path *path = BELAY_ARENA_NEW(&c->api->arena, struct http_path);
    if (!path)
        return openapi_no_memory(c);
    path->template_ = whole;
    struct belay_err inner;
    belay_err_clear(&inner);
    int status = http_router_add(&c->api->router, whole, path, path->names, &path->name_count, &inner);
    if (status) /* not EXISTS, which an address in use means to whoever opens a server */
        return openapi_refuse(c, status == BELAY_NOMEM ? status : BELAY_INVALID, inner.msg);
    at->paths[at->path_count++] = path;
    *ret_path = path;
    return BELAY_OK;
}

static int add_operation(struct openapi_compile *c, struct place *at, struct belay_str prefix,
                         struct http_operation *op)
{
    struct http_path *path = NULL;
    int status = path_for(c, at, prefix, &path);
    if (status)
        return status;
    op->path = path->template_;
    if (http_api_add_operation(c->api, path, op, NULL))
        return openapi_no_memory(c);
    return BELAY_OK;
}

static int add_aliases(struct openapi_compile *c, struct place *at, const struct openapi_prefixes *prefixes,
                       const struct http_operation *op)
{
    int status = BELAY_OK;
    for (uint32_t i = 1; i < prefixes->count && !status; i++) {
        struct http_operation *alias = BELAY_ARENA_NEW(&c->api->arena, struct http_operation);
        if (!alias)
            return openapi_no_memory(c);
        *alias = *op;
        alias->alias = true;
        alias->next = NULL;
        status = add_operation(c, at, prefixes->items[i], alias);
    }
    return status;
}

/* What a linked operation holds: of its parts one may be wrong without the others being misread. */
static int compile_parts(struct openapi_compile *c, struct place *at, const belay_json *v, struct belay_str key,
                         struct http_operation *op)
{
    size_t mark = c->place.n;
    int status = openapi_go_on(c, compile_params(c, at, v, key, op), mark);
    if (!status && !c->mistake) /* a parameter that was left out may be the one that is missed */
        status = openapi_go_on(c, check_path_params(c, op), mark);
    if (!status)
        status = openapi_go_on(c, openapi_body(c, belay_json_get(v, BELAY_STR("requestBody")), op), mark);
    if (!status)
        status = openapi_go_on(c, openapi_security(c, v, op), mark);
    return status ? status : openapi_responses(c, v, op);
}

static int compile_operation(struct openapi_compile *c, struct place *at, const belay_json *v, struct belay_str key,
                             const char *method)
{
    struct openapi_prefixes prefixes = at->prefixes;
    struct http_operation *op = BELAY_ARENA_NEW(&c->api->arena, struct http_operation);
    if (!op)
        return openapi_no_memory(c);
    op->method = belay_str_c(method);
    op->source = v;
    op->deprecated = openapi_is_true(v, "deprecated");
    int status = operation_id(c, v, at->template_, op);
    if (!status)
        status = openapi_servers(c, v, &prefixes);
    if (!status) /* from here on its schemas are freed with the API */
        status = add_operation(c, at, prefixes.items[0], op);
    if (!status)
        status = compile_parts(c, at, v, key, op);
    return status ? status : add_aliases(c, at, &prefixes, op);
}

static int compile_path(struct openapi_compile *c, struct place *at)
{
    static const struct {
        const char *key, *method;
    } methods[] = { { "get", "GET" },     { "put", "PUT" },         { "post", "POST" },
                    { "patch", "PATCH" }, { "delete", "DELETE" },   { "head", "HEAD" },
                    { "trace", "TRACE" }, { "options", "OPTIONS" } };
    struct http_path *first = NULL;
    int status = openapi_follow(c, at->item, &at->item);
    if (!status)
        status = openapi_servers(c, at->item, &at->prefixes);
    if (!status) /* also without operations: its template is judged, and it answers 405 */
        status = path_for(c, at, at->prefixes.items[0], &first);
    for (size_t i = 0; !status && i < sizeof methods / sizeof methods[0]; i++) {
        const belay_json *v = belay_json_get(at->item, belay_str_c(methods[i].key));
        if (!v)
            continue;
        size_t mark = openapi_enter(c, belay_str_c(methods[i].key));
        status = openapi_go_on(c, compile_operation(c, at, v, belay_str_c(methods[i].key), methods[i].method), mark);
        if (!status)
            openapi_leave(c, mark);
    }
    for (uint32_t i = 0; i < at->path_count && !status; i++)
        if (http_api_finish_path(c->api, at->paths[i], NULL))
            status = openapi_no_memory(c);
    return status;
}

static int compile_paths(struct openapi_compile *c, const struct openapi_prefixes *prefixes)
{
    const belay_json *paths = belay_json_get(c->document, BELAY_STR("paths"));
    size_t mark = openapi_enter(c, BELAY_STR("paths"));
    if (!paths || paths->type != BELAY_JSON_OBJECT)
        return openapi_refuse(c, BELAY_INVALID, "must be an object");
    const belay_json *key = belay_json_first(paths);
    for (uint32_t i = 0; i < paths->n; i++) {
        struct place at = { .template_ = belay_json_str(key), .item = belay_json_next(key), .prefixes = *prefixes };
        size_t inner = openapi_enter(c, at.template_);
        bool extension = belay_str_starts(at.template_, BELAY_STR("x-"));
        at.mark = c->place.n;
        int status = extension ? BELAY_OK : openapi_go_on(c, compile_path(c, &at), inner);
        if (status)
            return status;
        openapi_leave(c, inner);
        key = belay_json_next(belay_json_next(key));
    }
    openapi_leave(c, mark);
    return BELAY_OK;
}

/* ---- the document ---- */

static int check_version(struct openapi_compile *c)
{
    struct belay_str version = openapi_text(c->document, "openapi");
    if (!version.p)
        return openapi_refuse(c, BELAY_INVALID, "no OpenAPI document (the member \"openapi\" is missing)");
    bool three_0 = belay_str_starts(version, BELAY_STR("3.0.")) || belay_str_eq(version, BELAY_STR("3.0"));
    if (!three_0 && !belay_str_starts(version, BELAY_STR("3.1.")) && !belay_str_eq(version, BELAY_STR("3.1")))
        return openapi_refuse(c, BELAY_UNSUPPORTED, "only OpenAPI 3.1 and 3.0 are understood");
    c->direction = BELAY_SCHEMA_REQUEST;
    c->dialect = three_0 ? BELAY_SCHEMA_OPENAPI_30 : BELAY_SCHEMA_2020_12;
    struct belay_str dialect = openapi_text(c->document, "jsonSchemaDialect");
    if (dialect.n && !three_0 && !belay_str_starts(dialect, BELAY_STR("https://spec.openapis.org/oas/3.1/"))
        && !belay_schema_dialect_find(dialect, &c->dialect))
        return openapi_refuse(c, BELAY_UNSUPPORTED, "jsonSchemaDialect names a dialect that is not known");
    return BELAY_OK;
}

int belay_openapi_compile(const belay_json *document, const struct belay_openapi_opt *opt,
                          struct belay_openapi **ret_api, struct belay_err *err)
{
    static const struct belay_openapi_opt nothing;
    struct belay_err own = { 0 };
    struct openapi_compile c = { .document = document, .opt = opt ? opt : &nothing, .err = err ? err : &own };
    struct openapi_prefixes prefixes = { .items = { BELAY_STR_INIT("") }, .count = 1 };
    belay_buf_init(&c.place, BELAY_KIB(64));
    c.api = http_api_new();
    int status = c.api ? check_version(&c) : openapi_no_memory(&c);
    if (!status)
        status = openapi_servers(&c, document, &prefixes);
    if (!status)
        status = compile_paths(&c, &prefixes);
    status = openapi_go_on(&c, status, 0);
    status = status ? status : c.mistake;
    if (!status)
        status = http_limits_compile(c.api, c.opt->limits, c.opt->limit_count, err);
    if (!status) {
        c.api->document = document;
        c.api->responses = c.opt->responses;
        c.api->document_path = c.opt->document_path;
        c.api->page_path = c.opt->page_path;
        *ret_api = c.api;
    } else {
        belay_openapi_free(c.api);
    }
    belay_buf_deinit(&c.place);
    return status;
}
