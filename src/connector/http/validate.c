#include "connector/http/validate.h"

#include "base/assert.h"
#include "connector/http/problem.h"
#include "connector/http/text.h"

/* ---- parameters ---- */

struct params {
    struct belay_http_request *r;
    struct belay_http_param *items;
    uint32_t count, cap;
    struct belay_buf *errors;
    bool invalid;
};

static void fault(struct params *p, enum belay_http_param_in in, struct belay_str name,
                  const char *detail)
{
    http_fault_param(p->errors, in, name, BELAY_STR_NONE, belay_str_c(detail));
    p->invalid = true;
}

static struct belay_json_node string_node(struct belay_str text)
{
    return (struct belay_json_node){ .type = BELAY_JSON_STRING, .n = (uint32_t)text.n, .u.s = text.p };
}

/* The text as the schema types it; what does not fit stays a string, and the schema says so. */
static struct belay_json_node typed_node(struct belay_str text, uint8_t types, struct belay_arena *arena)
{
    const belay_json *v;
    if ((types & HTTP_TYPE_BOOLEAN) && belay_str_eq(text, BELAY_STR("true")))
        return (struct belay_json_node){ .type = BELAY_JSON_TRUE };
    if ((types & HTTP_TYPE_BOOLEAN) && belay_str_eq(text, BELAY_STR("false")))
        return (struct belay_json_node){ .type = BELAY_JSON_FALSE };
    if ((types & HTTP_TYPE_NULL) && text.n == 0)
        return (struct belay_json_node){ .type = BELAY_JSON_NULL };
    if ((types & HTTP_TYPE_NUMBER) && text.n && text.p[0] != ' '
        && !belay_json_parse(text, NULL, arena, &v, NULL, NULL) && belay_json_is_number(v))
        return *v;
    return string_node(text);
}

/* An array of the texts; a container node and its elements. NULL without memory. */
static const belay_json *array_node(const struct belay_str *texts, uint32_t count, uint8_t types,
                                    struct belay_arena *arena)
{
    struct belay_json_node *nodes = belay_arena_alloc(arena, sizeof *nodes * ((size_t)count + 1));
    if (!nodes)
        return NULL;
    nodes[0] = (struct belay_json_node){ .type = BELAY_JSON_ARRAY, .n = count, .u.skip = count + 1u };
    for (uint32_t i = 0; i < count; i++)
        nodes[i + 1] = typed_node(texts[i], types, arena);
    return nodes;
}

static const belay_json *scalar_node(struct belay_str text, uint8_t types, struct belay_arena *arena)
{
    struct belay_json_node *node = belay_arena_alloc(arena, sizeof *node);
    if (node)
        *node = typed_node(text, types, arena);
    return node;
}

/* The texts of one parameter as one value. */
static int typed_value(const struct http_param_rule *rule, struct belay_str *texts, uint32_t count,
                       struct belay_arena *arena, const belay_json **ret_value)
{
    if (rule->json)
        return belay_json_parse(texts[0], NULL, arena, ret_value, NULL, NULL);
    if (!(rule->types & HTTP_TYPE_ARRAY)) {
        *ret_value = scalar_node(texts[0], rule->types, arena);
        return *ret_value ? BELAY_OK : BELAY_NOMEM;
    }
    struct belay_str split[BELAY_HTTP_PARAMS_MAX];
    if (!rule->explode) {
        struct belay_str rest = texts[0];
        for (count = 0; rest.p && count < BELAY_HTTP_PARAMS_MAX; count++) {
            split[count] = belay_str_split(&rest, ',');
            if (rule->in == BELAY_HTTP_IN_HEADER) /* lists in fields: RFC 9110 section 5.6.1 */
                split[count] = belay_str_trim(split[count]);
        }
        texts = split;
    }
    *ret_value = array_node(texts, count, rule->item_types, arena);
    return *ret_value ? BELAY_OK : BELAY_NOMEM;
}

static void check_schema(struct params *p, const struct http_param_rule *rule, const belay_json *value)
{
    struct belay_schema_faults faults = { .arena = p->r->arena };
    if (!rule->schema || belay_schema_valid(rule->schema, value, &faults))
        return;
    for (size_t i = 0; i < faults.count; i++)
        http_fault_param(p->errors, rule->in, rule->name, faults.items[i].instance,
                         faults.items[i].message);
    p->invalid = true;
}

/* What came in the place of the rule under its name; BELAY_HTTP_PARAMS_MAX texts at most. */
static uint32_t collect(const struct params *p, const struct http_param_rule *rule,
                        struct belay_str *texts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count && count < BELAY_HTTP_PARAMS_MAX; i++)
        if (p->items[i].in == rule->in && belay_str_eq(p->items[i].name, rule->name))
            texts[count++] = p->items[i].text;
    return count;
}

static void set_value(struct params *p, const struct http_param_rule *rule, const belay_json *value)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->items[i].in == rule->in && belay_str_eq(p->items[i].name, rule->name))
            p->items[i].value = value;
}

static int apply_rule(struct params *p, const struct http_param_rule *rule)
{
    struct belay_str texts[BELAY_HTTP_PARAMS_MAX];
    uint32_t count = collect(p, rule, texts);
    if (count == 0) {
        if (rule->required)
            fault(p, rule->in, rule->name, "is required and missing");
        return BELAY_OK;
    }
    const belay_json *value = NULL;
    int status = typed_value(rule, texts, count, p->r->arena, &value);
    if (status == BELAY_NOMEM)
        return status;
    if (status) {
        fault(p, rule->in, rule->name, "is no JSON");
        return BELAY_OK;
    }
    check_schema(p, rule, value);
    set_value(p, rule, value);
    return BELAY_OK;
}

/* Room for one more; BELAY_INVALID beyond the limit. */
static int add(struct params *p, enum belay_http_param_in in, struct belay_str name,
               struct belay_str text)
{
    if (p->count == p->cap)
        return BELAY_INVALID;
    p->items[p->count++] = (struct belay_http_param){ .in = in, .name = name, .text = text };
    return BELAY_OK;
}

static int add_query(struct params *p, struct belay_str query)
{
    struct belay_str rest = query;
    while (rest.p) {
        struct belay_str raw = belay_str_split(&rest, '&'), name, text;
        if (!raw.n)
            continue;
        struct belay_str raw_name = belay_str_split(&raw, '=');
        int status = http_decode(p->r->arena, raw_name, true, &name);
        if (!status)
            status = http_decode(p->r->arena, raw, true, &text);
        if (status == BELAY_NOMEM)
            return status;
        if (status) {
            fault(p, BELAY_HTTP_IN_QUERY, BELAY_STR(""), "the query is not percent-encoded UTF-8");
            return BELAY_OK;
        }
        if (add(p, BELAY_HTTP_IN_QUERY, name, text)) {
            fault(p, BELAY_HTTP_IN_QUERY, BELAY_STR(""), "too many parameters");
            return BELAY_OK;
        }
    }
    return BELAY_OK;
}

/* Fields that a rule names become parameters too. */
static void add_fields(struct params *p, const struct http_operation *op)
{
    for (uint32_t i = 0; op && i < op->param_count; i++) {
        const struct http_param_rule *rule = &op->params[i];
        if (rule->in != BELAY_HTTP_IN_HEADER)
            continue;
        struct belay_str value = belay_http_header(p->r, rule->name);
        if (!value.p)
            continue;
        if (!http_is_utf8(value) || add(p, BELAY_HTTP_IN_HEADER, rule->name, value))
            fault(p, BELAY_HTTP_IN_HEADER, rule->name, "is no UTF-8");
    }
}

/* Those without a rule are strings. */
static int value_the_rest(struct params *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->items[i].value)
            continue;
        p->items[i].value = scalar_node(p->items[i].text, 0, p->r->arena);
        if (!p->items[i].value)
            return BELAY_NOMEM;
    }
    return BELAY_OK;
}

/* An upper bound, so that the array is as long as needed and no longer. */
static uint32_t count_most(const struct http_operation *op, const struct http_match *match,
                           struct belay_str query)
{
    uint32_t most = match->value_count + (op ? op->param_count : 0) + (query.n > 0);
    for (size_t i = 0; i < query.n && most < BELAY_HTTP_PARAMS_MAX; i++)
        most += query.p[i] == '&';
    return most;
}

int http_validate_params(struct belay_http_request *r, const struct http_operation *op,
                         const struct http_match *match, struct belay_str query,
                         struct belay_buf *errors)
{
    struct params p = { .r = r, .cap = count_most(op, match, query), .errors = errors };
    if (p.cap == 0)
        return BELAY_OK;
    p.items = belay_arena_alloc(r->arena, sizeof *p.items * p.cap);
    if (!p.items)
        return BELAY_NOMEM;
    const struct http_path *path = op ? op->owner : NULL;
    for (uint32_t i = 0; path && i < path->name_count && i < match->value_count; i++)
        if (add(&p, BELAY_HTTP_IN_PATH, path->names[i], match->values[i]))
            BELAY_UNREACHABLE();
    add_fields(&p, op);
    int status = add_query(&p, query);
    for (uint32_t i = 0; !status && op && i < op->param_count; i++)
        status = apply_rule(&p, &op->params[i]);
    if (!status)
        status = value_the_rest(&p);
    r->params = p.items;
    r->param_count = p.count;
    return status ? status : p.invalid ? BELAY_INVALID : BELAY_OK;
}

/* ---- bodies ---- */

const struct http_media_rule *http_media_rule(const struct http_operation *op,
                                              struct belay_str content_type)
{
    struct belay_str type = http_media_type(content_type);
    const struct http_media_rule *best = NULL;
    for (uint32_t i = 0; type.n && i < op->media_count; i++) {
        const struct http_media_rule *rule = &op->media[i];
        bool exact = belay_str_eq_nocase(rule->range, type);
        if (exact || (!best && http_media_matches(rule->range, type)))
            best = rule;
        if (exact)
            break;
    }
    return best;
}

int http_parse_body(struct belay_http_request *r, struct belay_err *err)
{
    struct belay_err inner;
    if (!r->body.n || !http_media_is_json(http_media_type(r->content_type)))
        return BELAY_OK;
    int status = belay_json_parse(r->body, NULL, r->arena, &r->body_json, NULL, &inner);
    if (!status)
        return BELAY_OK;
    r->body_json = NULL;
    if (status == BELAY_NOMEM)
        return belay_fail(err, status, "out of memory");
    return belay_fail(err, status, "the body is no JSON: %s", inner.msg);
}

int http_validate_body(struct belay_http_request *r, const struct belay_schema *schema,
                       struct belay_buf *errors)
{
    struct belay_schema_faults faults = { .arena = r->arena };
    BELAY_ASSERT(r->body_json);
    if (belay_schema_valid(schema, r->body_json, &faults))
        return BELAY_OK;
    for (size_t i = 0; i < faults.count; i++)
        http_fault_pointer(errors, faults.items[i].instance, faults.items[i].message);
    return BELAY_INVALID;
}
