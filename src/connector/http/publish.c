#include "connector/http/publish.h"

#include "base/hash.h"

#define TEXT_BYTES_MAX BELAY_MIB(32)

enum { JSON, YAML, PAGE };

static const char *const types[] = { "application/json", "application/yaml", "text/html; charset=utf-8" };

/* "/openapi.json" is "/openapi.yaml", too. */
static bool is_yaml_of(struct belay_str path, struct belay_str document)
{
    struct belay_str ending = BELAY_STR(".json");
    return belay_str_ends(document, ending) && path.n == document.n && belay_str_ends(path, BELAY_STR(".yaml"))
           && memcmp(path.p, document.p, path.n - ending.n) == 0;
}

/* JSON, YAML, PAGE; -1: not published. */
static int form_of(const struct belay_openapi *api, struct belay_str path)
{
    if (api->page_path.n && belay_str_eq(path, api->page_path))
        return PAGE;
    if (!api->document_path.n)
        return -1;
    if (belay_str_eq(path, api->document_path))
        return JSON;
    return is_yaml_of(path, api->document_path) ? YAML : -1;
}

static int make(struct belay_openapi *api, int form)
{
    struct belay_buf *text = &api->texts[form];
    if (text->n)
        return BELAY_OK;
    belay_buf_init(text, TEXT_BYTES_MAX);
    if (form == JSON)
        belay_json_write_pretty(text, api->document);
    else if (form == YAML)
        http_yaml_write(text, api->document);
    else
        http_page_write(text, api->document, api->document_path);
    int status = belay_buf_status(text);
    if (status) {
        belay_buf_deinit(text);
        belay_buf_init(text, TEXT_BYTES_MAX);
    }
    return status;
}

static void answer(struct http_exchange *x, int form, struct belay_str text)
{
    char tag[40];
    struct belay_hash128 hash = belay_hash128(text);
    tag[0] = '"';
    belay_hash128_hex(hash, tag + 1);
    tag[33] = '"';
    struct belay_str etag = belay_str(tag, 34);
    const struct belay_field fields[] = {
        { BELAY_STR("content-type"), belay_str_c(types[form]) },
        { BELAY_STR("etag"), etag },
        { BELAY_STR("cache-control"), BELAY_STR("no-cache") },
        { BELAY_STR("x-content-type-options"), BELAY_STR("nosniff") },
        { BELAY_STR("content-security-policy"), BELAY_STR("default-src 'none'; style-src 'unsafe-inline'") },
    };
    bool known = belay_str_eq(belay_http_header(&x->request, BELAY_STR("if-none-match")), etag);
    http_exchange_answer(x, known ? 304 : 200, fields, form == PAGE ? 5 : 4, known ? BELAY_STR_NONE : text);
}

uint32_t http_publish(struct http_exchange *x)
{
    struct belay_openapi *api = x->host->api;
    int form = api->document ? form_of(api, x->request.path) : -1;
    static const struct belay_field none;
    if (form < 0)
        return 0;
    if (!belay_str_eq(x->request.method, BELAY_STR("GET")) && !belay_str_eq(x->request.method, BELAY_STR("HEAD"))) {
        struct belay_http_problem problem = { .status = 405, .detail = BELAY_STR("the path has no such method") };
        http_exchange_problem(x, &problem, (struct belay_field){ BELAY_STR("allow"), BELAY_STR("GET, HEAD") });
    } else if (make(api, form)) {
        struct belay_http_problem problem = { .status = 503, .detail = BELAY_STR("out of memory"), .retry_after_s = 1 };
        http_exchange_problem(x, &problem, none);
    } else {
        answer(x, form, belay_buf_view(&api->texts[form]));
    }
    x->state = HTTP_ANSWERED;
    return x->answer.status;
}
