#include "connector/http/api.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "connector/http/responses.h"

struct belay_openapi *http_api_new(void)
{
    struct belay_openapi *api = belay_calloc(1, sizeof *api);
    if (!api)
        return NULL;
    belay_arena_init(&api->arena, 0, BELAY_MIB(64));
    http_router_init(&api->router, &api->arena);
    api->holds = 1;
    return api;
}

static void free_response(struct http_response_rule *rule)
{
    for (uint32_t i = 0; i < rule->media_count; i++)
        belay_schema_free(rule->media[i].schema);
    for (uint32_t i = 0; i < rule->header_count; i++)
        belay_schema_free(rule->headers[i].schema);
}

static void free_schemas(struct http_operation *op)
{
    if (op->alias)
        return;
    for (uint32_t i = 0; i < op->response_count; i++)
        free_response(&op->responses[i]);
    for (uint32_t i = 0; i < op->param_count; i++)
        belay_schema_free(op->params[i].schema);
    for (uint32_t i = 0; i < op->media_count; i++)
        belay_schema_free(op->media[i].schema);
}

void belay_openapi_free(struct belay_openapi *api)
{
    if (!api)
        return;
    for (uint32_t i = 0; i < api->operation_count; i++)
        free_schemas(api->operations[i]);
    for (uint32_t i = 0; i < api->scheme_count; i++)
        http_scheme_deinit(&api->schemes[i]);
    http_limits_deinit(api);
    for (size_t i = 0; i < 3; i++)
        belay_buf_deinit(&api->texts[i]);
    belay_free(api->operations);
    belay_arena_deinit(&api->arena);
    belay_free(api);
}

void http_api_hold(struct belay_openapi *api)
{
    BELAY_ASSERT(api->holds > 0);
    api->holds++;
}

void http_api_release(struct belay_openapi *api)
{
    BELAY_ASSERT(api->holds > 0);
    if (--api->holds)
        return;
    void (*released)(void *arg) = api->released;
    void *released_arg = api->released_arg;
    belay_openapi_free(api);
    if (released)
        released(released_arg);
}

static int grow_operations(struct belay_openapi *api)
{
    uint32_t cap = api->operation_cap ? api->operation_cap * 2 : 16;
    void *grown = belay_realloc(api->operations, cap * sizeof(void *));
    if (!grown)
        return BELAY_NOMEM;
    api->operations = grown;
    api->operation_cap = cap;
    return BELAY_OK;
}

int http_api_add_operation(struct belay_openapi *api, struct http_path *path,
                           struct http_operation *op, struct belay_err *err)
{
    if (api->operation_count == api->operation_cap && grow_operations(api))
        return belay_fail(err, BELAY_NOMEM, "no memory for operations");
    api->operations[api->operation_count++] = op;
    op->owner = path;
    struct http_operation **at = &path->operations;
    while (*at)
        at = &(*at)->next;
    *at = op;
    return BELAY_OK;
}

static bool has_method(const struct http_path *path, struct belay_str method)
{
    for (const struct http_operation *op = path->operations; op; op = op->next)
        if (belay_str_eq(op->method, method))
            return true;
    return false;
}

int http_api_finish_path(struct belay_openapi *api, struct http_path *path, struct belay_err *err)
{
    struct belay_buf allow;
    belay_buf_init(&allow, BELAY_KIB(4));
    for (const struct http_operation *op = path->operations; op; op = op->next) {
        belay_buf_put_str(&allow, allow.n ? BELAY_STR(", ") : BELAY_STR(""));
        belay_buf_put_str(&allow, op->method);
        if (belay_str_eq(op->method, BELAY_STR("GET")) && !has_method(path, BELAY_STR("HEAD")))
            belay_buf_put_str(&allow, BELAY_STR(", HEAD"));
    }
    path->allow = belay_arena_str(&api->arena, belay_buf_view(&allow));
    int status = belay_buf_status(&allow);
    belay_buf_deinit(&allow);
    return status || !path->allow.p ? belay_fail(err, BELAY_NOMEM, "no memory for routes") : 0;
}

/* The path of a template, made when the route is its first. */
static int path_of(struct belay_openapi *api, struct belay_str template_, struct http_path **ret_path,
                   struct belay_err *err)
{
    for (uint32_t i = 0; i < api->operation_count; i++) {
        if (belay_str_eq(api->operations[i]->path, template_)) {
            *ret_path = api->operations[i]->owner;
            return BELAY_OK;
        }
    }
    struct http_path *path = BELAY_ARENA_NEW(&api->arena, struct http_path);
    if (!path)
        return belay_fail(err, BELAY_NOMEM, "no memory for routes");
    path->template_ = template_;
    int status = http_router_add(&api->router, template_, path, path->names, &path->name_count, err);
    if (!status)
        *ret_path = path;
    return status;
}

static int add_route(struct belay_openapi *api, const struct belay_http_route *route,
                     struct belay_err *err)
{
    struct http_path *path = NULL;
    int status = path_of(api, belay_str_c(route->path), &path, err);
    if (status)
        return status;
    struct http_operation *op = BELAY_ARENA_NEW(&api->arena, struct http_operation);
    if (!op)
        return belay_fail(err, BELAY_NOMEM, "no memory for routes");
    op->id = belay_str_c(route->operation);
    op->method = belay_str_c(route->method);
    op->path = path->template_;
    status = http_api_add_operation(api, path, op, err);
    return status ? status : http_api_finish_path(api, path, err);
}

int http_api_from_routes(const struct belay_http_route *routes, uint32_t count,
                         struct belay_openapi **ret_api, struct belay_err *err)
{
    struct belay_openapi *api = http_api_new();
    if (!api)
        return belay_fail(err, BELAY_NOMEM, "no memory for routes");
    for (uint32_t i = 0; i < count; i++) {
        int status = add_route(api, &routes[i], err);
        if (status) {
            belay_openapi_free(api);
            return status;
        }
    }
    *ret_api = api;
    return BELAY_OK;
}

uint32_t belay_openapi_count(const struct belay_openapi *api)
{
    return api->operation_count;
}

struct belay_openapi_operation belay_openapi_at(const struct belay_openapi *api, uint32_t index)
{
    BELAY_ASSERT(index < api->operation_count);
    const struct http_operation *op = api->operations[index];
    return (struct belay_openapi_operation){
        .id = op->id,
        .method = op->method,
        .path = op->path,
        .body_required = op->body_required,
    };
}
