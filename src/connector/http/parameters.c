/* parameters.c - from path, query, header fields and cookies to typed, judged parameters. */
#include "base/assert.h"
#include "connector/http/problem.h"
#include "connector/http/text.h"
#include "connector/http/validate.h"

struct params {
    struct belay_http_request *r;
    const struct http_operation *op;
    const struct http_match *match;
    struct http_pairs query, cookies;
    struct belay_http_param *items;
    uint32_t count, cap;
    struct belay_buf *errors;
    bool cookies_known, invalid;
};

static void fault(struct params *p, enum belay_http_param_in in, struct belay_str name, const char *detail)
{
    http_fault_param(p->errors, in, name, BELAY_STR_NONE, belay_str_c(detail));
    p->invalid = true;
}

static void add(struct params *p, enum belay_http_param_in in, struct belay_str name, struct belay_str text,
                const belay_json *value)
{
    BELAY_ASSERT(p->count < p->cap);
    p->items[p->count++] = (struct belay_http_param){ in, name, text, value };
}

struct belay_str http_joined_header(const struct belay_http_request *r, struct belay_str name)
{
    struct belay_str all = BELAY_STR_NONE;
    for (uint32_t i = 0; i < r->header_count; i++) {
        if (!belay_str_eq(r->headers[i].name, name))
            continue;
        all = all.p ? belay_arena_join(r->arena, all, BELAY_STR(", "), r->headers[i].value)
                    : r->headers[i].value;
        if (!all.p)
            return BELAY_STR("");
    }
    return all;
}

/* ---- where a parameter's text is ---- */

static int parse_cookies(struct params *p)
{
    if (p->cookies_known)
        return BELAY_OK;
    p->cookies_known = true;
    struct belay_str field = http_joined_header(p->r, BELAY_STR("cookie"));
    int status = http_pairs_parse(field.p ? field : BELAY_STR(""), ';', false, BELAY_HTTP_PARAMS_MAX,
                                  p->r->arena, &p->cookies);
    if (status && status != BELAY_NOMEM) {
        fault(p, BELAY_HTTP_IN_COOKIE, BELAY_STR(""), "the cookies are too many or not percent-encoded UTF-8");
        return BELAY_OK;
    }
    return status;
}

static struct belay_str path_value(const struct params *p, struct belay_str name)
{
    const struct http_path *path = p->op->owner;
    for (uint32_t i = 0; i < path->name_count && i < p->match->value_count; i++)
        if (belay_str_eq(path->names[i], name))
            return p->match->values[i];
    return BELAY_STR_NONE;
}

static struct http_pair *pair_called(struct http_pairs *pairs, struct belay_str name)
{
    struct http_pair *found = NULL;
    for (uint32_t i = 0; i < pairs->count; i++)
        if (belay_str_eq(pairs->items[i].name, name)) {
            pairs->items[i].taken = true;
            found = found ? found : &pairs->items[i];
        }
    return found;
}

static bool is_composed(const struct http_shape *s)
{
    return s->types & (HTTP_TYPE_ARRAY | HTTP_TYPE_OBJECT);
}

/* The raw text, p NULL where there is none. */
static struct belay_str raw_of(struct params *p, const struct http_param_rule *rule)
{
    struct http_pair *pair;
    switch (rule->in) {
    case BELAY_HTTP_IN_PATH: return path_value(p, rule->name);
    case BELAY_HTTP_IN_HEADER:
        return is_composed(&rule->shape) ? http_joined_header(p->r, rule->name)
                                         : belay_http_header(p->r, rule->name);
    default: break;
    }
    pair = pair_called(rule->in == BELAY_HTTP_IN_QUERY ? &p->query : &p->cookies, rule->name);
    return !pair ? BELAY_STR_NONE : pair->raw.p ? pair->raw : BELAY_STR("");
}

/* ---- from text to value ---- */

static int decode_raw(const struct params *p, const struct http_param_rule *rule, struct belay_str raw,
                      struct belay_str *ret_text)
{
    if (rule->in == BELAY_HTTP_IN_HEADER) {
        *ret_text = raw;
        return http_is_utf8(raw) ? BELAY_OK : BELAY_INVALID;
    }
    return http_decode(p->r->arena, raw, rule->in == BELAY_HTTP_IN_QUERY, ret_text);
}

static bool declared_otherwise(const void *arg, struct belay_str name)
{
    const struct http_operation *op = arg;
    for (uint32_t i = 0; i < op->param_count; i++)
        if (op->params[i].in == BELAY_HTTP_IN_QUERY && belay_str_eq(op->params[i].name, name))
            return true;
    return false;
}

static void check_schema(struct params *p, const struct http_param_rule *rule, const belay_json *value)
{
    struct belay_schema_faults faults = { .arena = p->r->arena };
    if (!rule->schema || belay_schema_valid(rule->schema, value, &faults))
        return;
    for (size_t i = 0; i < faults.count; i++)
        http_fault_param(p->errors, rule->in, rule->name, faults.items[i].instance, faults.items[i].message);
    p->invalid = true;
}

/* Members of an exploded or deep object have names of their own. */
static bool is_spread(const struct http_param_rule *rule)
{
    bool object = (rule->shape.types & HTTP_TYPE_OBJECT) && !(rule->shape.types & HTTP_TYPE_ARRAY);
    bool pairs = rule->in == BELAY_HTTP_IN_QUERY || rule->in == BELAY_HTTP_IN_COOKIE;
    return pairs && !rule->json && !rule->text && (rule->style == HTTP_DEEP || (object && rule->explode));
}

/* *ret_text: what $params shows. *ret_value NULL: it did not come. */
static int value_of(struct params *p, const struct http_param_rule *rule, struct belay_str *ret_text,
                    const belay_json **ret_value)
{
    const struct http_written w = { .style = rule->style, .explode = rule->explode, .name = rule->name,
                                    .plain = rule->in == BELAY_HTTP_IN_HEADER,
                                    .plus = rule->in == BELAY_HTTP_IN_QUERY, .shape = &rule->shape };
    struct http_tape t = http_tape(p->r->arena, is_composed(&rule->shape) ? 16 : 1);
    struct http_pairs *pairs = rule->in == BELAY_HTTP_IN_COOKIE ? &p->cookies : &p->query;
    struct belay_str raw = BELAY_STR("");
    bool found = false;
    *ret_value = NULL;
    *ret_text = BELAY_STR("");
    if (is_spread(rule)) {
        int status = http_written_pairs(&w, pairs, declared_otherwise, p->op, &t, &found);
        if (!status && found)
            *ret_value = http_tape_root(&t);
        return status;
    }
    raw = raw_of(p, rule);
    if (!raw.p)
        return BELAY_OK;
    int status = decode_raw(p, rule, raw, ret_text);
    if (status)
        return status == BELAY_INVALID ? BELAY_SYNTAX : status;
    if (rule->json)
        return belay_json_parse(*ret_text, NULL, p->r->arena, ret_value, NULL, NULL) == BELAY_NOMEM
                   ? BELAY_NOMEM
                   : *ret_value ? BELAY_OK : BELAY_CONFLICT;
    if (rule->in >= BELAY_HTTP_IN_COOKIE || rule->in == BELAY_HTTP_IN_QUERY)
        status = http_written_pairs(&w, pairs, declared_otherwise, p->op, &t, &found);
    else
        status = http_written_value(&w, raw, &t);
    if (!status)
        *ret_value = http_tape_root(&t);
    return status;
}

static int apply(struct params *p, const struct http_param_rule *rule)
{
    const belay_json *value;
    struct belay_str text;
    int status = rule->in == BELAY_HTTP_IN_COOKIE ? parse_cookies(p) : BELAY_OK;
    if (!status)
        status = value_of(p, rule, &text, &value);
    if (status == BELAY_NOMEM)
        return status;
    if (status) {
        fault(p, rule->in, rule->name,
              status == BELAY_CONFLICT ? "is no JSON"
              : status == BELAY_SYNTAX ? "is not percent-encoded UTF-8"
                                       : "is not written in the style of its parameter");
    } else if (!value) {
        if (rule->required)
            fault(p, rule->in, rule->name, "is required and missing");
    } else {
        bool empty = rule->allow_empty && text.n == 0 && !is_composed(&rule->shape);
        if (!empty)
            check_schema(p, rule, value);
        add(p, rule->in, rule->name, text, value);
    }
    return BELAY_OK;
}

/* ---- what nobody declared: strings ---- */

static int add_string(struct params *p, enum belay_http_param_in in, struct belay_str name, struct belay_str raw)
{
    struct http_tape t = http_tape(p->r->arena, 1);
    struct belay_str text;
    int status = http_decode(p->r->arena, raw, in == BELAY_HTTP_IN_QUERY, &text);
    if (status == BELAY_INVALID) {
        fault(p, in, name, "is not percent-encoded UTF-8");
        return BELAY_OK;
    }
    if (!status)
        http_tape_string(&t, text);
    if (status || t.failed)
        return BELAY_NOMEM;
    add(p, in, name, text, http_tape_root(&t));
    return BELAY_OK;
}

static bool has_item(const struct params *p, enum belay_http_param_in in, struct belay_str name)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->items[i].in == in && belay_str_eq(p->items[i].name, name))
            return true;
    return false;
}

static int add_the_rest(struct params *p)
{
    const struct http_path *path = p->op ? p->op->owner : NULL;
    int status = BELAY_OK;
    for (uint32_t i = 0; path && !status && i < path->name_count && i < p->match->value_count; i++)
        if (!p->invalid && !has_item(p, BELAY_HTTP_IN_PATH, path->names[i]))
            status = add_string(p, BELAY_HTTP_IN_PATH, path->names[i], p->match->values[i]);
    for (uint32_t i = 0; !status && i < p->query.count; i++)
        if (!p->query.items[i].taken)
            status = add_string(p, BELAY_HTTP_IN_QUERY, p->query.items[i].name, p->query.items[i].raw);
    return status;
}

static int parse_query(struct params *p, struct belay_str query)
{
    int status = http_pairs_parse(query, '&', true, BELAY_HTTP_PARAMS_MAX, p->r->arena, &p->query);
    if (status && status != BELAY_NOMEM) {
        fault(p, BELAY_HTTP_IN_QUERY, BELAY_STR(""),
              status == BELAY_LIMIT ? "too many parameters" : "the query is not percent-encoded UTF-8");
        return BELAY_OK;
    }
    return status;
}

/* CloudEvents in binary mode: a message lives as long as this says, so one that says nothing readable is told. */
static void check_expirytime(struct params *p)
{
    belay_time at;
    for (uint32_t i = 0; p->op && i < p->r->header_count; i++)
        if (belay_str_eq(p->r->headers[i].name, BELAY_STR("ce-expirytime"))
            && (!belay_time_parse(belay_str_trim(p->r->headers[i].value), &at) || at <= 0))
            fault(p, BELAY_HTTP_IN_HEADER, BELAY_STR("ce-expirytime"), "no time as RFC 3339 writes it, such as 2026-12-24T18:00:00Z");
}

int http_validate_params(struct belay_http_request *r, const struct http_operation *op,
                         const struct http_match *match, struct belay_str query,
                         struct belay_buf *errors)
{
    struct params p = { .r = r, .op = op, .match = match, .errors = errors };
    int status = query.n ? parse_query(&p, query) : BELAY_OK;
    check_expirytime(&p);
    p.cap = match->value_count + (op ? op->param_count : 0) + p.query.count;
    if (status || p.cap == 0)
        return status ? status : p.invalid ? BELAY_INVALID : BELAY_OK;
    p.items = belay_arena_alloc(r->arena, sizeof *p.items * p.cap);
    if (!p.items)
        return BELAY_NOMEM;
    for (uint32_t i = 0; !status && op && i < op->param_count; i++)
        status = apply(&p, &op->params[i]);
    if (!status)
        status = add_the_rest(&p);
    r->params = p.items;
    r->param_count = p.count;
    return status ? status : p.invalid ? BELAY_INVALID : BELAY_OK;
}
