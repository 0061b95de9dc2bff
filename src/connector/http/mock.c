#include "connector/http/mock.h"

#include "base/hash.h"
#include "connector/http/exchange.h"
#include "connector/http/responses.h"
#include "connector/http/sample.h"
#include "connector/http/text.h"
#include "connector/http/validate.h"

#define TRIES 8
#define FIELDS_MAX 32

struct mock {
    struct belay_http_request *r;
    const struct http_operation *op;
    const belay_json *document;
    uint64_t seed;
    struct belay_str code, example; /* preferred; p NULL: none */
    uint32_t status;
    struct belay_field fields[FIELDS_MAX];
    uint32_t field_count;
    struct belay_str body;
};

static const belay_json *get(const belay_json *v, const char *name)
{
    return belay_json_get(v, belay_str_c(name));
}

static const belay_json *follow(const struct mock *m, const belay_json *v)
{
    for (int i = 0; i < 16 && v; i++) {
        const belay_json *ref = get(v, "$ref");
        if (!ref || ref->type != BELAY_JSON_STRING || ref->n < 1)
            return v;
        v = belay_json_pointer(m->document, belay_str_sub(belay_json_str(ref), 1, ref->n));
    }
    return v;
}

/* Prefer: code=404, example="late"; several fields and ';' are the same. */
static void read_preference(struct mock *m)
{
    struct belay_str rest = http_joined_header(m->r, BELAY_STR("prefer"));
    while (rest.p) {
        struct belay_str item = belay_str_split(&rest, ',');
        while (item.p) {
            struct belay_str value = belay_str_split(&item, ';');
            struct belay_str name = belay_str_trim(belay_str_split(&value, '='));
            value = belay_str_trim(value.p ? value : BELAY_STR(""));
            if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
                value = belay_str_sub(value, 1, value.n - 2);
            if (belay_str_eq_nocase(name, BELAY_STR("code")))
                m->code = value;
            if (belay_str_eq_nocase(name, BELAY_STR("example")))
                m->example = value;
        }
    }
}

/* ---- which response ---- */

static uint32_t status_of(struct belay_str key)
{
    uint64_t n;
    if (belay_str_to_u64(key, &n) && n >= 200 && n <= 599)
        return (uint32_t)n;
    bool range = key.n == 3 && key.p[0] >= '2' && key.p[0] <= '5';
    return range ? (uint32_t)(key.p[0] - '0') * 100 : 200;
}

/* The one that was asked for; else the lowest success, `default` (mostly of errors) only where no other is one; else the
 * first. */
static const belay_json *choose_response(struct mock *m)
{
    const belay_json *list = get(m->op->source, "responses"), *chosen = NULL;
    if (!list || list->type != BELAY_JSON_OBJECT || !list->n)
        return NULL;
    if (m->code.p) {
        struct belay_str range = belay_arena_join(m->r->arena, belay_str_sub(m->code, 0, 1), BELAY_STR("XX"), BELAY_STR_NONE);
        uint64_t code;
        if (!belay_str_to_u64(m->code, &code) || code < 200 || code > 599)
            return NULL;
        m->status = (uint32_t)code;
        chosen = belay_json_get(list, m->code);
        chosen = chosen ? chosen : belay_json_get(list, range);
        return follow(m, chosen ? chosen : get(list, "default"));
    }
    const belay_json *key = belay_json_first(list);
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < list->n; i++) {
        uint32_t status = status_of(belay_json_str(key));
        uint32_t rank = belay_str_eq(belay_json_str(key), BELAY_STR("default")) ? 299 : status < 300 ? status : 300;
        if (rank < best) {
            best = rank;
            chosen = belay_json_next(key);
            m->status = status;
        }
        key = belay_json_next(belay_json_next(key));
    }
    return follow(m, chosen);
}

static bool accepts(struct belay_str accept, struct belay_str type)
{
    while (accept.p) {
        struct belay_str item = belay_str_split(&accept, ',');
        struct belay_str q = http_media_param(item, BELAY_STR("q"));
        bool never = q.p && (belay_str_eq(q, BELAY_STR("0")) || belay_str_eq(q, BELAY_STR("0.0")) || belay_str_eq(q, BELAY_STR("0.000")));
        if (!never && http_media_matches(http_media_type(item), type))
            return true;
    }
    return false;
}

/* The key of `content` that the client takes, JSON first; NULL: none. */
static const belay_json *choose_media(const struct mock *m, const belay_json *content)
{
    struct belay_str accept = http_joined_header(m->r, BELAY_STR("accept"));
    const belay_json *found = NULL, *key = belay_json_first(content);
    for (uint32_t i = 0; i < content->n; i++) {
        struct belay_str type = http_media_type(belay_json_str(key));
        bool fits = !accept.n || accepts(accept, type);
        if (fits && (!found || (http_media_is_json(type) && !http_media_is_json(http_media_type(belay_json_str(found))))))
            found = key;
        key = belay_json_next(belay_json_next(key));
    }
    return found;
}

/* ---- the body ---- */

static const belay_json *given_example(const struct mock *m, const belay_json *media, bool *ret_missing)
{
    const belay_json *examples = get(media, "examples"), *one = NULL;
    bool named = examples && examples->type == BELAY_JSON_OBJECT && examples->n;
    *ret_missing = false;
    if (m->example.p) {
        one = named ? follow(m, belay_json_get(examples, m->example)) : NULL;
        *ret_missing = !one;
    } else if (get(media, "example")) {
        return get(media, "example");
    } else if (named) {
        one = follow(m, belay_json_next(belay_json_first(examples)));
    }
    return get(one, "value");
}

/* "there is no example 'x' here; there is shipping, late" */
static struct belay_str missing_example(const struct mock *m, const belay_json *media)
{
    const belay_json *examples = get(media, "examples"), *key = examples ? belay_json_first(examples) : NULL;
    struct belay_buf text;
    belay_buf_init(&text, BELAY_KIB(1));
    belay_buf_printf(&text, "there is no example '%.*s' here", BELAY_STR_ARG(m->example));
    for (uint32_t i = 0; key && examples->type == BELAY_JSON_OBJECT && i < examples->n; i++) {
        belay_buf_printf(&text, "%s%.*s", i ? ", " : "; there is ", BELAY_STR_ARG(belay_json_str(key)));
        key = belay_json_next(belay_json_next(key));
    }
    struct belay_str copy = belay_buf_status(&text) ? BELAY_STR("there is no example of that name here")
                                                    : belay_arena_str(m->r->arena, belay_buf_view(&text));
    belay_buf_deinit(&text);
    return copy;
}

static bool fits(const struct mock *m, const struct belay_schema *schema, struct belay_str text)
{
    const belay_json *v;
    return !schema || (!belay_json_parse(text, NULL, m->r->arena, &v, NULL, NULL) && belay_schema_valid(schema, v, NULL));
}

static const struct belay_schema *compiled(const struct mock *m, struct belay_str type)
{
    const struct http_response_rule *rule = http_response_rule(m->op, m->status);
    const struct http_media_rule *media = rule ? http_media_rule(rule->media, rule->media_count, type) : NULL;
    return media ? media->schema : NULL;
}

static void make_body(struct mock *m, const belay_json *schema, struct belay_str type, struct belay_buf *out)
{
    bool good = false;
    for (uint64_t i = 0; i < TRIES && !good; i++) {
        struct http_sample s = { .document = m->document, .random = { m->seed + i }, .request = m->r, .out = out };
        belay_buf_clear(out);
        http_sample_write(&s, schema);
        good = belay_buf_status(out) || fits(m, compiled(m, type), belay_buf_view(out));
    }
    if (!good)
        m->fields[m->field_count++] = (struct belay_field){ BELAY_STR("x-mock-note"),
                                                            BELAY_STR("no value was found that fits the schema") };
}

/* A string of another type than JSON goes without its quotes. */
static struct belay_str as_sent(const struct mock *m, struct belay_str type, struct belay_str json)
{
    const belay_json *v;
    if (http_media_is_json(type) || belay_json_parse(json, NULL, m->r->arena, &v, NULL, NULL)
        || v->type != BELAY_JSON_STRING)
        return json;
    return belay_json_str(v);
}

/* False: it was refused. */
static bool put_body(struct mock *m, const belay_json *response, struct belay_buf *out)
{
    const belay_json *content = get(response, "content");
    struct belay_http_problem problem = { .status = 406, .detail = BELAY_STR("no content type that the client takes") };
    bool missing;
    if (!content || content->type != BELAY_JSON_OBJECT || !content->n)
        return true;
    const belay_json *key = choose_media(m, content);
    if (!key) {
        belay_http_reply_problem(m->r, &problem);
        return false;
    }
    struct belay_str type = belay_json_str(key);
    const belay_json *media = belay_json_next(key), *example = given_example(m, media, &missing);
    if (missing) {
        problem = (struct belay_http_problem){ .status = 404, .detail = missing_example(m, media) };
        belay_http_reply_problem(m->r, &problem);
        return false;
    }
    if (example)
        belay_json_write(out, example);
    else if (get(media, "schema"))
        make_body(m, get(media, "schema"), http_media_type(type), out);
    bool concrete = belay_str_find(type, '*') == type.n;
    m->fields[m->field_count++] = (struct belay_field){ BELAY_STR("content-type"),
                                                        concrete ? type : BELAY_STR("application/octet-stream") };
    m->body = as_sent(m, http_media_type(type), belay_buf_view(out));
    return true;
}

/* ---- fields ---- */

static void put_fields(struct mock *m, const belay_json *response)
{
    const belay_json *list = get(response, "headers");
    const belay_json *key = list ? belay_json_first(list) : NULL;
    for (uint32_t i = 0; list && list->type == BELAY_JSON_OBJECT && i < list->n && m->field_count < FIELDS_MAX - 2; i++) {
        const belay_json *v = follow(m, belay_json_next(key)), *example = get(v, "example");
        struct belay_buf text;
        belay_buf_init(&text, BELAY_KIB(4));
        struct http_sample s = { .document = m->document, .random = { m->seed + i }, .out = &text };
        if (example)
            belay_json_write(&text, example);
        else if (get(v, "schema"))
            http_sample_write(&s, get(v, "schema"));
        struct belay_str value = belay_arena_str(m->r->arena, belay_buf_view(&text));
        if (value.n)
            m->fields[m->field_count++] = (struct belay_field){ belay_json_str(key), as_sent(m, BELAY_STR("text/plain"), value) };
        belay_buf_deinit(&text);
        key = belay_json_next(belay_json_next(key));
    }
    if (m->code.p || m->example.p)
        m->fields[m->field_count++] = (struct belay_field){ BELAY_STR("preference-applied"),
                                                            http_joined_header(m->r, BELAY_STR("prefer")) };
}

int belay_http_mock_answer(void *arg, struct belay_http_request *request, struct belay_err *err)
{
    const struct belay_http_mock *mock = arg;
    struct http_exchange *x = (struct http_exchange *)request;
    /* The seed is hashed, too: tries count upwards from it, and neighbours would meet. */
    struct belay_str parts[] = { belay_str((const char *)&mock->seed, sizeof mock->seed), request->method, request->target };
    struct belay_hash128 hash = belay_hash128_parts(parts, 3);
    struct mock m = { .r = request, .op = x->operation, .document = x->api->document, .seed = hash.lo };
    struct belay_buf out;
    (void)err;
    belay_buf_init(&out, BELAY_MIB(4));
    read_preference(&m);
    const belay_json *response = choose_response(&m);
    if (!response) {
        struct belay_http_problem problem = { .status = 404, .detail = BELAY_STR("the operation declares no such response") };
        belay_http_reply_problem(request, &problem);
    } else if (put_body(&m, response, &out)) {
        put_fields(&m, response);
        belay_http_reply(request, m.status, m.fields, m.field_count, m.body);
    }
    belay_buf_deinit(&out);
    return BELAY_OK;
}
