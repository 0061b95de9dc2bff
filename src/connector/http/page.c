/* page.c - an OpenAPI document as a page that people read. */
#include "connector/http/publish.h"
#include "connector/http/text.h"

struct page {
    struct belay_buf *out;
    const belay_json *document;
};

static const char head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:1px solid #ccd5de}a{color:#0b5cad}"
    "article{border:1px solid #ccd5de;border-radius:6px;margin:1rem 0;padding:.6rem 1rem}"
    "h3{margin:.2rem 0;font:600 1rem ui-monospace,monospace}b.m{display:inline-block;min-width:4.5rem;color:#0b5cad}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{text-align:left;padding:.2rem .8rem .2rem 0;"
    "border-bottom:1px solid #e6ebf0;vertical-align:top}code,pre{font:13px/1.45 ui-monospace,monospace}"
    "pre{background:#f4f7fa;padding:.6rem;overflow:auto;border-radius:4px}.d{white-space:pre-wrap}"
    ".old h3{text-decoration:line-through}.q{color:#5b6b7a}summary{cursor:pointer}"
    "@media(prefers-color-scheme:dark){body{background:#12181f;color:#dde5ee}a,b.m{color:#7db7f5}"
    "pre{background:#1b242e}article,h2,td,th{border-color:#33414f}.q{color:#93a4b5}}</style>\n";

/* ---- text ---- */

static void put(struct page *p, const char *text)
{
    belay_buf_put_str(p->out, belay_str_c(text));
}

static void put_text(struct page *p, struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '<': put(p, "&lt;"); break;
        case '>': put(p, "&gt;"); break;
        case '&': put(p, "&amp;"); break;
        case '"': put(p, "&quot;"); break;
        case '\'': put(p, "&#39;"); break;
        default: belay_buf_put_c(p->out, s.p[i]);
        }
    }
}

static struct belay_str text_of(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR("");
}

static bool is_true(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_TRUE;
}

static void put_tagged(struct page *p, const char *open, struct belay_str text, const char *close)
{
    if (!text.n)
        return;
    put(p, open);
    put_text(p, text);
    put(p, close);
}

/* A schema's name in the document becomes a link. */
static void put_linked(struct page *p, struct belay_str s)
{
    static const char prefix[] = "#/components/schemas/";
    while (s.n) {
        const char *at = memmem(s.p, s.n, prefix, sizeof prefix - 1);
        size_t before = at ? (size_t)(at - s.p) : s.n;
        put_text(p, belay_str_sub(s, 0, before));
        s = belay_str_sub(s, before, s.n);
        if (!s.n)
            return;
        size_t n = belay_str_find(s, '"');
        struct belay_str name = belay_str_sub(s, sizeof prefix - 1, n - (sizeof prefix - 1));
        put_tagged(p, "<a href=\"#schema-", name, "\">");
        put_text(p, belay_str_sub(s, 0, n));
        put(p, name.n ? "</a>" : "");
        s = belay_str_sub(s, n, s.n);
    }
}

static void put_json(struct page *p, const belay_json *v)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(4));
    belay_json_write_pretty(&text, v);
    put(p, "<pre>");
    put_linked(p, belay_buf_view(&text));
    put(p, "</pre>");
    belay_buf_deinit(&text);
}

static const belay_json *follow(const struct page *p, const belay_json *v)
{
    for (int i = 0; i < 16 && v; i++) {
        struct belay_str ref = text_of(v, "$ref");
        if (ref.n < 2 || ref.p[0] != '#')
            return v;
        v = belay_json_pointer(p->document, belay_str_sub(ref, 1, ref.n)); /* names with % are shown by none */
    }
    return v;
}

/* ---- parts of an operation ---- */

static void put_params(struct page *p, const belay_json *list)
{
    uint32_t count = list && list->type == BELAY_JSON_ARRAY ? list->n : 0;
    for (uint32_t i = 0; i < count; i++) {
        const belay_json *v = follow(p, belay_json_at(list, i));
        const belay_json *schema = belay_json_get(v, BELAY_STR("schema"));
        struct belay_buf text;
        if (!v)
            continue;
        put_tagged(p, "<tr><td><code>", text_of(v, "name"), "</code>");
        put(p, is_true(v, "required") ? " <b>*</b>" : "");
        put(p, is_true(v, "deprecated") ? " <span class=q>deprecated</span>" : "");
        put_tagged(p, "<td>", text_of(v, "in"), "");
        belay_buf_init(&text, BELAY_KIB(64));
        if (schema)
            belay_json_write(&text, schema);
        put(p, "<td><code>");
        put_linked(p, belay_buf_view(&text));
        put(p, "</code><td class=d>");
        put_text(p, text_of(v, "description"));
        belay_buf_deinit(&text);
    }
}

static void put_media(struct page *p, const belay_json *content)
{
    const belay_json *key = content ? belay_json_first(content) : NULL;
    for (uint32_t i = 0; content && content->type == BELAY_JSON_OBJECT && i < content->n; i++) {
        const belay_json *media = belay_json_next(key);
        const belay_json *shown[] = { belay_json_get(media, BELAY_STR("schema")), belay_json_get(media, BELAY_STR("example")),
                                      belay_json_get(media, BELAY_STR("examples")) };
        put(p, "<details><summary><code>");
        put_text(p, belay_json_str(key));
        put(p, "</code></summary>");
        for (size_t k = 0; k < 3; k++) {
            put(p, shown[k] && k ? "<p class=q>example" : "");
            if (shown[k])
                put_json(p, shown[k]);
        }
        put(p, "</details>");
        key = belay_json_next(media);
    }
}

static void put_responses(struct page *p, const belay_json *responses)
{
    const belay_json *key = responses ? belay_json_first(responses) : NULL;
    for (uint32_t i = 0; responses && responses->type == BELAY_JSON_OBJECT && i < responses->n; i++) {
        const belay_json *v = follow(p, belay_json_next(key));
        put_tagged(p, "<tr><td><code>", belay_json_str(key), "</code>");
        put(p, "<td class=d>");
        put_text(p, text_of(v, "description"));
        put_media(p, belay_json_get(v, BELAY_STR("content")));
        key = belay_json_next(belay_json_next(key));
    }
}

static void put_security(struct page *p, const belay_json *operation)
{
    const belay_json *own = belay_json_get(operation, BELAY_STR("security"));
    const belay_json *list = own ? own : belay_json_get(p->document, BELAY_STR("security"));
    if (!list || list->type != BELAY_JSON_ARRAY || !list->n)
        return;
    put(p, "<p class=q>who may ask: ");
    for (uint32_t i = 0; i < list->n; i++) {
        const belay_json *one = belay_json_at(list, i);
        const belay_json *key = belay_json_first(one);
        put(p, i ? " or " : "");
        put(p, one->type == BELAY_JSON_OBJECT && one->n ? "" : "anybody");
        for (uint32_t k = 0; one->type == BELAY_JSON_OBJECT && k < one->n; k++) {
            put(p, k ? " and " : "");
            put_text(p, belay_json_str(key));
            key = belay_json_next(belay_json_next(key));
        }
    }
}

static void put_operation(struct page *p, struct belay_str method, struct belay_str path, const belay_json *item,
                          const belay_json *op)
{
    const belay_json *shared = belay_json_get(item, BELAY_STR("parameters"));
    const belay_json *own = belay_json_get(op, BELAY_STR("parameters"));
    const belay_json *body = follow(p, belay_json_get(op, BELAY_STR("requestBody")));
    put(p, is_true(op, "deprecated") ? "<article class=old>" : "<article>");
    put_tagged(p, "<h3><b class=m>", method, "</b> ");
    put_text(p, path);
    put(p, "</h3>");
    put(p, is_true(op, "deprecated") ? "<p><b>deprecated</b>" : "");
    put_tagged(p, "<p>", text_of(op, "summary"), "");
    put_tagged(p, "<p class=d>", text_of(op, "description"), "");
    put_security(p, op);
    if (shared || own) {
        put(p, "<table>");
        put_params(p, shared);
        put_params(p, own);
        put(p, "</table>");
    }
    if (body) {
        put(p, is_true(body, "required") ? "<p>Body <b>*</b>" : "<p>Body");
        put_tagged(p, " <span class=d>", text_of(body, "description"), "</span>");
        put_media(p, belay_json_get(body, BELAY_STR("content")));
    }
    put(p, "<table>");
    put_responses(p, belay_json_get(op, BELAY_STR("responses")));
    put(p, "</table></article>\n");
}

static void put_path(struct page *p, struct belay_str path, const belay_json *item)
{
    static const char *const methods[][2] = { { "get", "GET" },     { "put", "PUT" },       { "post", "POST" },
                                              { "patch", "PATCH" }, { "delete", "DELETE" }, { "head", "HEAD" },
                                              { "options", "OPTIONS" }, { "trace", "TRACE" } };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const belay_json *op = belay_json_get(item, belay_str_c(methods[i][0]));
        if (op)
            put_operation(p, belay_str_c(methods[i][1]), path, item, op);
    }
}

static void put_schemas(struct page *p, const belay_json *schemas)
{
    if (!schemas || schemas->type != BELAY_JSON_OBJECT || !schemas->n)
        return;
    put(p, "<h2>Schemas</h2>");
    const belay_json *key = belay_json_first(schemas);
    for (uint32_t i = 0; i < schemas->n; i++) {
        put_tagged(p, "<article id=\"schema-", belay_json_str(key), "\">");
        put_tagged(p, "<h3>", belay_json_str(key), "</h3>");
        put_json(p, belay_json_next(key));
        put(p, "</article>\n");
        key = belay_json_next(belay_json_next(key));
    }
}

void http_page_write(struct belay_buf *out, const belay_json *document, struct belay_str json_path)
{
    struct page p = { out, document };
    const belay_json *info = belay_json_get(document, BELAY_STR("info"));
    const belay_json *paths = belay_json_get(document, BELAY_STR("paths"));
    const belay_json *components = belay_json_get(document, BELAY_STR("components"));
    put(&p, head);
    put_tagged(&p, "<title>", text_of(info, "title"), "</title>");
    put_tagged(&p, "<h1>", text_of(info, "title"), "</h1>");
    put_tagged(&p, "<p class=q>", text_of(info, "version"), "");
    put_tagged(&p, " &middot; <a href=\"", json_path, "\">OpenAPI document</a>");
    put_tagged(&p, "<p class=d>", text_of(info, "description"), "");
    put(&p, "<h2>Operations</h2>\n");
    const belay_json *key = paths ? belay_json_first(paths) : NULL;
    for (uint32_t i = 0; paths && paths->type == BELAY_JSON_OBJECT && i < paths->n; i++) {
        const belay_json *item = belay_json_next(key);
        put_path(&p, belay_json_str(key), follow(&p, item));
        key = belay_json_next(item);
    }
    put_schemas(&p, belay_json_get(components, BELAY_STR("schemas")));
}
