/* client_preview.c - what a call would send, told and not sent: the call is made as ever, and put away. */
#include "connector/http/client_impl.h"

#define HIDDEN BELAY_STR("***")

static bool is_named(const struct belay_field *fields, uint32_t count, struct belay_str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (belay_str_eq_nocase(fields[i].name, name))
            return true;
    return false;
}

/* A line of libcurl's list: "name: value", "name;" (no value), "name:" (not to be sent: false). */
static bool take_line(const char *line, struct belay_arena *arena, struct belay_field *ret_field)
{
    struct belay_str text = belay_str_c(line);
    size_t colon = belay_str_find(text, ':');
    if (colon + 1 == text.n)
        return false;
    bool empty = colon >= text.n;
    struct belay_str value = empty ? BELAY_STR("") : belay_str_trim(belay_str_sub(text, colon + 1, text.n));
    ret_field->name = belay_arena_str(arena, belay_str_sub(text, 0, empty ? text.n - 1 : colon));
    ret_field->value = belay_arena_str(arena, value);
    return true;
}

/* Fields of the connection may be secrets; those of the step are the flow's. */
static bool is_secret(const struct http_client_options *o, const struct belay_call_request *r, struct belay_str name)
{
    return belay_str_eq_nocase(name, BELAY_STR("authorization"))
           || (is_named(o->headers, o->header_count, name) && !is_named(r->headers, r->header_count, name));
}

static int preview_headers(const struct http_call *call, const struct belay_call_request *r, struct belay_arena *arena,
                           struct belay_call_preview *p)
{
    const struct http_client_options *o = &call->client->options;
    uint32_t count = 1;
    for (const struct curl_slist *l = call->headers; l; l = l->next)
        count++;
    struct belay_field *fields = BELAY_ARENA_ARRAY(arena, struct belay_field, count);
    if (!fields)
        return BELAY_NOMEM;
    uint32_t n = 0;
    for (const struct curl_slist *l = call->headers; l; l = l->next) {
        if (!take_line(l->data, arena, &fields[n]))
            continue;
        if (!fields[n].name.p || !fields[n].value.p)
            return BELAY_NOMEM;
        if (is_secret(o, r, fields[n].name))
            fields[n].value = HIDDEN;
        n++;
    }
    if ((o->username || o->bearer) && !is_named(fields, n, BELAY_STR("authorization")))
        fields[n++] = (struct belay_field){ BELAY_STR("authorization"), HIDDEN };
    p->headers = fields;
    p->header_count = n;
    return BELAY_OK;
}

/* A URL without a path of the call often is a secret beyond its host: then only that is told. */
static struct belay_str preview_target(const struct http_call *call, const struct belay_call_request *r,
                                       struct belay_arena *arena)
{
    struct belay_str url = belay_str_c(call->url);
    for (uint32_t i = 0; i < r->param_count; i++)
        if (belay_str_eq(r->params[i].name, BELAY_STR("path")) && r->params[i].value.n)
            return belay_arena_str(arena, url);
    struct belay_str place = call->endpoint;
    return belay_arena_str(arena, belay_str_sub(place, belay_str_find(place, ' ') + 1, place.n));
}

int http_preview(struct belay_connection *client, const struct belay_call_request *request, struct belay_arena *arena,
                 struct belay_call_preview *ret_preview, struct belay_err *err)
{
    struct http_call *call;
    struct belay_call_preview p = { .body = request->body };
    int status = http_call_new(client, request, &call, err);
    if (status != BELAY_OK)
        return status;
    p.method = belay_arena_str(arena, belay_str_c(call->method));
    p.target = preview_target(call, request, arena);
    status = p.method.p && p.target.p ? preview_headers(call, request, arena, &p) : BELAY_NOMEM;
    http_call_free(call);
    if (status != BELAY_OK)
        return belay_fail(err, status, "no memory to show a call");
    *ret_preview = p;
    return BELAY_OK;
}
