/* openapi_servers.c - the path part of servers: what stands before every path. */
#include "connector/http/openapi_impl.h"

/* {name} in a server's URL stands for its default. */
static int put_variables(struct openapi_compile *c, const belay_json *server, struct belay_str url,
                         struct belay_buf *out)
{
    const belay_json *variables = belay_json_get(server, BELAY_STR("variables"));
    while (url.n) {
        size_t open = belay_str_find(url, '{');
        belay_buf_put_str(out, belay_str_sub(url, 0, open));
        url = belay_str_sub(url, open, url.n);
        size_t close = belay_str_find(url, '}');
        if (!url.n)
            break;
        if (close == url.n)
            return openapi_refuse(c, BELAY_INVALID, "'{' without '}'");
        struct belay_str name = belay_str_sub(url, 1, close - 1);
        struct belay_str text = openapi_text(belay_json_get(variables, name), "default");
        if (!text.p)
            return openapi_refuse(c, BELAY_INVALID, "a variable without its default");
        belay_buf_put_str(out, text);
        url = belay_str_sub(url, close + 1, url.n);
    }
    return belay_buf_status(out) ? openapi_no_memory(c) : BELAY_OK;
}

/* "https://host/v1/" -> "/v1". */
static struct belay_str path_part(struct belay_str url)
{
    const char *scheme = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    if (scheme) {
        url = belay_str_sub(url, (size_t)(scheme - url.p) + 3, url.n);
        url = belay_str_sub(url, belay_str_find(url, '/'), url.n);
    }
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return url;
}

static int add(struct openapi_compile *c, const belay_json *server, struct openapi_prefixes *to)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_KIB(8));
    int status = put_variables(c, server, openapi_text(server, "url"), &text);
    struct belay_str path = path_part(belay_buf_view(&text));
    if (!status && path.n && path.p[0] != '/')
        status = openapi_refuse(c, BELAY_UNSUPPORTED, "a relative path: where the document will lie is not known");
    bool known = false;
    for (uint32_t i = 0; i < to->count; i++)
        known = known || belay_str_eq(to->items[i], path);
    if (!status && !known && to->count == OPENAPI_PREFIXES_MAX)
        status = openapi_refuse(c, BELAY_LIMIT, "too many different paths of servers");
    if (!status && !known) {
        to->items[to->count] = belay_arena_str(&c->api->arena, path);
        status = to->items[to->count++].p ? BELAY_OK : openapi_no_memory(c);
    }
    belay_buf_deinit(&text);
    return status;
}

int openapi_servers(struct openapi_compile *c, const belay_json *owner, struct openapi_prefixes *prefixes)
{
    const belay_json *list = belay_json_get(owner, BELAY_STR("servers"));
    if (!list || list->type != BELAY_JSON_ARRAY || list->n == 0)
        return BELAY_OK;
    size_t mark = openapi_enter(c, BELAY_STR("servers"));
    struct openapi_prefixes own = { .count = 0 };
    for (uint32_t i = 0; i < list->n; i++) {
        size_t inner = openapi_enter_index(c, i);
        int status = openapi_go_on(c, add(c, belay_json_at(list, i), &own), inner);
        if (status)
            return status;
        openapi_leave(c, inner);
    }
    openapi_leave(c, mark);
    if (own.count)
        *prefixes = own;
    return BELAY_OK;
}
