/* openapi_responses.c - what an operation promises to answer. */
#include "connector/http/openapi_impl.h"
#include "connector/http/responses.h"

static int compile_header(struct openapi_compile *c, const belay_json *key, struct http_response_rule *rule)
{
    const belay_json *v = belay_json_next(key), *schema;
    struct http_param_rule *header = &rule->headers[rule->header_count];
    int status = openapi_follow(c, v, &v);
    if (status)
        return status;
    *header = (struct http_param_rule){ .in = BELAY_HTTP_IN_HEADER, .style = HTTP_SIMPLE, .name = belay_json_str(key),
                                        .required = openapi_is_true(v, "required"), .explode = openapi_is_true(v, "explode") };
    if (belay_str_eq_nocase(header->name, BELAY_STR("content-type")))
        return BELAY_OK; /* its place is `content` */
    rule->header_count++;
    schema = belay_json_get(v, BELAY_STR("schema"));
    if (schema)
        status = openapi_shape(c, schema, &header->shape);
    if (schema && !status)
        status = openapi_schema(c, schema, &header->schema);
    return status;
}

static int compile_headers(struct openapi_compile *c, const belay_json *list, struct http_response_rule *rule)
{
    if (!list || list->type != BELAY_JSON_OBJECT)
        return BELAY_OK;
    size_t mark = openapi_enter(c, BELAY_STR("headers"));
    rule->headers = BELAY_ARENA_ARRAY(&c->api->arena, struct http_param_rule, list->n + 1);
    if (!rule->headers)
        return openapi_no_memory(c);
    const belay_json *key = belay_json_first(list);
    for (uint32_t i = 0; i < list->n; i++, key = belay_json_next(belay_json_next(key))) {
        size_t inner = openapi_enter(c, belay_json_str(key));
        int status = openapi_go_on(c, compile_header(c, key, rule), inner);
        if (status)
            return status;
        openapi_leave(c, inner);
    }
    openapi_leave(c, mark);
    return BELAY_OK;
}

static int compile_response(struct openapi_compile *c, const belay_json *key, struct http_response_rule *rule)
{
    const belay_json *v = belay_json_next(key);
    int status = openapi_follow(c, v, &v);
    if (status)
        return status;
    rule->key = belay_json_str(key);
    const belay_json *content = belay_json_get(v, BELAY_STR("content"));
    if (content && content->type == BELAY_JSON_OBJECT && content->n) {
        size_t mark = openapi_enter(c, BELAY_STR("content"));
        status = openapi_media(c, content, &rule->media, &rule->media_count);
        if (status)
            return status;
        openapi_leave(c, mark);
    }
    return compile_headers(c, belay_json_get(v, BELAY_STR("headers")), rule);
}

int openapi_responses(struct openapi_compile *c, const belay_json *operation, struct http_operation *op)
{
    const belay_json *list = belay_json_get(operation, BELAY_STR("responses"));
    if (c->opt->responses == BELAY_RESPONSES_OFF || !list || list->type != BELAY_JSON_OBJECT || !list->n)
        return BELAY_OK;
    size_t mark = openapi_enter(c, BELAY_STR("responses"));
    op->responses = BELAY_ARENA_ARRAY(&c->api->arena, struct http_response_rule, list->n);
    if (!op->responses)
        return openapi_no_memory(c);
    c->direction = BELAY_SCHEMA_RESPONSE;
    const belay_json *key = belay_json_first(list);
    for (uint32_t i = 0; i < list->n; i++, key = belay_json_next(belay_json_next(key))) {
        size_t inner = openapi_enter(c, belay_json_str(key));
        int status = openapi_go_on(c, compile_response(c, key, &op->responses[op->response_count++]), inner);
        if (status)
            return status;
        openapi_leave(c, inner);
    }
    c->direction = BELAY_SCHEMA_REQUEST;
    openapi_leave(c, mark);
    return BELAY_OK;
}
