/* openapi_bodies.c - media types of bodies, and the fields of forms. */
#include "connector/http/openapi_impl.h"
#include "connector/http/text.h"

/* A field is JSON where its encoding says so, or it is an object and nothing says how it is written. */
static int compile_field(struct openapi_compile *c, const belay_json *encoding, struct http_field_rule *f)
{
    struct belay_str word = openapi_text(encoding, "style");
    const belay_json *explode = belay_json_get(encoding, BELAY_STR("explode"));
    f->style = HTTP_FORM;
    if (word.p && !http_style_parse(word, &f->style))
        return openapi_refuse(c, BELAY_INVALID, "there is no such style (simple, label, matrix, form, spaceDelimited, pipeDelimited, deepObject)");
    f->explode = explode ? explode->type == BELAY_JSON_TRUE : f->style == HTTP_FORM;
    f->content_type = openapi_text(encoding, "contentType");
    bool object = (f->shape.types & HTTP_TYPE_OBJECT) && !(f->shape.types & HTTP_TYPE_ARRAY);
    f->json = f->content_type.n ? http_media_is_json(http_media_type(f->content_type))
                                : object && !word.p && !explode;
    return BELAY_OK;
}

static int compile_fields(struct openapi_compile *c, const belay_json *media, struct http_media_rule *rule)
{
    const belay_json *encodings = belay_json_get(media, BELAY_STR("encoding"));
    size_t mark = openapi_enter(c, BELAY_STR("encoding"));
    uint32_t count = rule->shape.member_count;
    rule->fields = BELAY_ARENA_ARRAY(&c->api->arena, struct http_field_rule, count + 1);
    if (!rule->fields)
        return openapi_no_memory(c);
    for (uint32_t i = 0; i < count; i++) {
        struct http_field_rule *f = &rule->fields[rule->field_count++];
        f->name = rule->shape.members[i].name;
        f->shape = rule->shape.members[i].shape;
        size_t inner = openapi_enter(c, f->name);
        int status = openapi_go_on(c, compile_field(c, belay_json_get(encodings, f->name), f), inner);
        if (status)
            return status;
        openapi_leave(c, inner);
    }
    openapi_leave(c, mark);
    return BELAY_OK;
}

static int compile_media(struct openapi_compile *c, const belay_json *key, struct http_media_rule *rule)
{
    const belay_json *media = belay_json_next(key);
    const belay_json *schema = belay_json_get(media, BELAY_STR("schema"));
    rule->range = http_media_type(belay_json_str(key));
    if (!schema)
        return BELAY_OK;
    int status = openapi_shape(c, schema, &rule->shape);
    if (!status && http_media_kind(rule->range) >= HTTP_MEDIA_FORM)
        status = compile_fields(c, media, rule);
    return status ? status : openapi_schema(c, schema, &rule->schema);
}

int openapi_media(struct openapi_compile *c, const belay_json *content, struct http_media_rule **ret_media,
                  uint32_t *ret_count)
{
    *ret_media = BELAY_ARENA_ARRAY(&c->api->arena, struct http_media_rule, content->n + 1);
    if (!*ret_media)
        return openapi_no_memory(c);
    const belay_json *key = belay_json_first(content);
    for (uint32_t i = 0; i < content->n; i++) {
        size_t inner = openapi_enter(c, belay_json_str(key));
        int status = openapi_go_on(c, compile_media(c, key, &(*ret_media)[(*ret_count)++]), inner);
        if (status)
            return status;
        openapi_leave(c, inner);
        key = belay_json_next(belay_json_next(key));
    }
    return BELAY_OK;
}

int openapi_body(struct openapi_compile *c, const belay_json *body, struct http_operation *op)
{
    if (!body)
        return BELAY_OK;
    size_t mark = openapi_enter(c, BELAY_STR("requestBody"));
    int status = openapi_follow(c, body, &body);
    if (status)
        return status;
    op->body_required = openapi_is_true(body, "required");
    const belay_json *content = belay_json_get(body, BELAY_STR("content"));
    if (!content || content->type != BELAY_JSON_OBJECT || content->n == 0)
        return openapi_refuse(c, BELAY_INVALID, "a request body without content");
    status = openapi_media(c, content, &op->media, &op->media_count);
    if (!status)
        openapi_leave(c, mark);
    return status;
}
