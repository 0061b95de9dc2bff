/* describe.c - a request as the value that expressions see as $request. */
#include "base/limits.h"
#include "connector/http/server.h"
#include "connector/http/shape.h"
#include "connector/http/style.h"

static void put_params(struct http_tape *t, const struct belay_http_request *r, enum belay_http_param_in in)
{
    size_t at = http_tape_open(t, BELAY_JSON_OBJECT);
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->param_count; i++) {
        if (r->params[i].in != in)
            continue;
        http_tape_string(t, r->params[i].name);
        http_tape_value(t, r->params[i].value);
        count++;
    }
    http_tape_close(t, at, count);
}

static const belay_json *declared(const struct belay_http_request *r, enum belay_http_param_in in,
                                  struct belay_str name)
{
    for (uint32_t i = 0; i < r->param_count; i++)
        if (r->params[i].in == in && belay_str_eq(r->params[i].name, name))
            return r->params[i].value;
    return NULL;
}

static void put_value(struct http_tape *t, const belay_json *value, struct belay_str text)
{
    if (value)
        http_tape_value(t, value);
    else
        http_tape_string(t, text);
}

/* Credentials stay where they were checked. */
static bool is_hidden(struct belay_str name)
{
    return belay_str_eq(name, BELAY_STR("authorization")) || belay_str_eq(name, BELAY_STR("cookie"));
}

static void put_headers(struct http_tape *t, const struct belay_http_request *r)
{
    size_t at = http_tape_open(t, BELAY_JSON_OBJECT);
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->header_count; i++) {
        if (is_hidden(r->headers[i].name))
            continue;
        http_tape_string(t, r->headers[i].name);
        put_value(t, declared(r, BELAY_HTTP_IN_HEADER, r->headers[i].name), r->headers[i].value);
        count++;
    }
    http_tape_close(t, at, count);
}

static int put_cookies(struct http_tape *t, const struct belay_http_request *r)
{
    struct belay_str field = belay_http_header(r, BELAY_STR("cookie"));
    struct http_pairs pairs = { NULL, 0 };
    int status = field.n ? http_pairs_parse(field, ';', false, BELAY_HTTP_PARAMS_MAX, t->arena, &pairs) : BELAY_OK;
    if (status == BELAY_NOMEM)
        return status;
    size_t at = http_tape_open(t, BELAY_JSON_OBJECT);
    uint32_t count = 0;
    for (uint32_t i = 0; !status && i < pairs.count; i++) {
        struct belay_str name = pairs.items[i].name;
        http_tape_string(t, name);
        put_value(t, declared(r, BELAY_HTTP_IN_COOKIE, name), pairs.items[i].raw);
        count++;
    }
    http_tape_close(t, at, count);
    return BELAY_OK;
}

static void put_auth(struct http_tape *t, const struct belay_http_auth *auth)
{
    size_t at = http_tape_open(t, BELAY_JSON_OBJECT);
    uint32_t count = 0;
    if (auth->scheme.n) {
        http_tape_string(t, BELAY_STR("scheme"));
        http_tape_string(t, auth->scheme);
        http_tape_string(t, BELAY_STR("subject"));
        http_tape_string(t, auth->subject);
        count = 2;
    }
    if (auth->claims) {
        http_tape_string(t, BELAY_STR("claims"));
        http_tape_value(t, auth->claims);
        count++;
    }
    http_tape_close(t, at, count);
}

int belay_http_describe(const struct belay_http_request *r, struct belay_arena *arena,
                        const belay_json **ret_request)
{
    struct http_tape t = http_tape(arena, 64);
    size_t at = http_tape_open(&t, BELAY_JSON_OBJECT);
    http_tape_string(&t, BELAY_STR("method"));
    http_tape_string(&t, r->method);
    http_tape_string(&t, BELAY_STR("path"));
    http_tape_string(&t, r->path);
    http_tape_string(&t, BELAY_STR("operation"));
    http_tape_string(&t, r->operation_id);
    http_tape_string(&t, BELAY_STR("params"));
    put_params(&t, r, BELAY_HTTP_IN_PATH);
    http_tape_string(&t, BELAY_STR("query"));
    put_params(&t, r, BELAY_HTTP_IN_QUERY);
    http_tape_string(&t, BELAY_STR("headers"));
    put_headers(&t, r);
    http_tape_string(&t, BELAY_STR("cookies"));
    int status = put_cookies(&t, r);
    http_tape_string(&t, BELAY_STR("auth"));
    put_auth(&t, &r->auth);
    http_tape_close(&t, at, 8);
    if (status || t.failed)
        return BELAY_NOMEM;
    *ret_request = http_tape_root(&t);
    return BELAY_OK;
}
