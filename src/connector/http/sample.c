#include "connector/http/sample.h"

#include "base/limits.h"

#include <math.h>
#include <stdio.h>

#include "connector/http/text.h"

#define DEPTH_SMALL 5 /* deeper, only what must be there */
#define DEPTH_MAX 24
#define VIEW_MAX 48
#define NAMES_MAX 128

/* A schema with all that it refers to: keywords are looked for in each. */
struct view {
    const belay_json *items[VIEW_MAX];
    uint32_t count;
    struct belay_str kind; /* what the discriminator says of the branch taken; p NULL: nothing */
    struct belay_str kind_member;
};

static void put_schema(struct http_sample *s, const belay_json *schema, unsigned depth);

static const belay_json *get(const belay_json *v, const char *name)
{
    return belay_json_get(v, belay_str_c(name));
}

static struct belay_str text_of(const belay_json *v)
{
    return v && v->type == BELAY_JSON_STRING ? belay_json_str(v) : BELAY_STR_NONE;
}

static const belay_json *find(const struct view *v, const char *name)
{
    for (uint32_t i = 0; i < v->count; i++) {
        const belay_json *found = get(v->items[i], name);
        if (found)
            return found;
    }
    return NULL;
}

static uint64_t draw(struct http_sample *s, uint64_t below)
{
    return below ? belay_random_next(&s->random) % below : 0;
}

/* ---- views ---- */

static struct belay_str last_name(struct belay_str ref)
{
    size_t at = ref.n;
    while (at && ref.p[at - 1] != '/')
        at--;
    return belay_str_sub(ref, at, ref.n);
}

/* What discriminator calls the branch: its key in the mapping, else the schema's name. */
static void note_kind(struct view *v, const belay_json *schema, const belay_json *branch)
{
    const belay_json *discriminator = get(schema, "discriminator"), *mapping = get(discriminator, "mapping");
    struct belay_str member = text_of(get(discriminator, "propertyName")), ref = text_of(get(branch, "$ref"));
    if (!member.n || !ref.n)
        return;
    v->kind_member = member;
    v->kind = last_name(ref);
    const belay_json *key = mapping ? belay_json_first(mapping) : NULL;
    for (uint32_t i = 0; mapping && mapping->type == BELAY_JSON_OBJECT && i < mapping->n; i++) {
        struct belay_str to = text_of(belay_json_next(key));
        if (belay_str_eq(to, ref) || belay_str_eq(to, v->kind)) {
            v->kind = belay_json_str(key);
            return;
        }
        key = belay_json_next(belay_json_next(key));
    }
}

static void look_at(struct http_sample *s, struct view *v, const belay_json *schema)
{
    if (!schema || schema->type != BELAY_JSON_OBJECT || v->count == VIEW_MAX)
        return;
    for (uint32_t i = 0; i < v->count; i++)
        if (v->items[i] == schema)
            return;
    v->items[v->count++] = schema;
    struct belay_str ref = text_of(get(schema, "$ref"));
    if (ref.n && ref.p[0] == '#')
        look_at(s, v, belay_json_pointer(s->document, belay_str_sub(ref, 1, ref.n)));
    const belay_json *all = get(schema, "allOf");
    for (uint32_t i = 0; all && all->type == BELAY_JSON_ARRAY && i < all->n; i++)
        look_at(s, v, belay_json_at(all, i));
    const belay_json *one = get(schema, "oneOf") ? get(schema, "oneOf") : get(schema, "anyOf");
    if (one && one->type == BELAY_JSON_ARRAY && one->n) {
        const belay_json *branch = belay_json_at(one, draw(s, one->n));
        note_kind(v, schema, branch);
        look_at(s, v, branch);
    }
}

/* ---- scalars ---- */

static double bound(const struct view *v, const char *inclusive, const char *exclusive, double step, double otherwise)
{
    const belay_json *at = find(v, inclusive), *beyond = find(v, exclusive);
    double value = at && belay_json_is_number(at) ? belay_json_number(at) : otherwise;
    if (beyond && belay_json_is_number(beyond))
        return belay_json_number(beyond) + step;
    return beyond && beyond->type == BELAY_JSON_TRUE ? value + step : value; /* 3.0: a boolean */
}

static void put_number(struct http_sample *s, const struct view *v, bool whole)
{
    const belay_json *multiple = find(v, "multipleOf");
    double step = multiple && belay_json_is_number(multiple) ? belay_json_number(multiple) : whole ? 1 : 0.01;
    double unset = -INFINITY, low = bound(v, "minimum", "exclusiveMinimum", step, unset);
    double high = bound(v, "maximum", "exclusiveMaximum", -step, INFINITY);
    if (!isfinite(low))
        low = isfinite(high) ? high - 100 * step : whole ? 1 : step;
    if (!isfinite(high))
        high = low + 1000 * step;
    double first = ceil(low / step), last = floor(high / step);
    uint64_t count = last > first ? (uint64_t)(last - first) + 1 : 1;
    double chosen = (first + (double)draw(s, count > 100000 ? 100000 : count)) * step;
    if (whole || (floor(step) == step && fabs(chosen) < 9e15)) {
        belay_json_write_int(s->out, fabs(chosen) < 9e18 ? (int64_t)llround(chosen) : 0);
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "%.10g", chosen);
    belay_buf_put_str(s->out, belay_str_c(text));
}

static bool put_format(struct http_sample *s, struct belay_str format)
{
    unsigned n = (unsigned)draw(s, 1000), day = 1 + n % 28, month = 1 + n % 12;
    static const struct { const char *format, *text; } fixed[] = {
        { "uri", "https://example.com/a" }, { "url", "https://example.com/a" }, { "uri-reference", "/a" },
        { "iri", "https://example.com/a" }, { "ipv6", "2001:db8::1" }, { "byte", "YmVsYXk=" }, { "binary", "belay" },
        { "json-pointer", "/a" }, { "regex", "^a$" }, { "duration", "PT5M" }, { "password", "correct horse" },
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (belay_str_eq(format, belay_str_c(fixed[i].format))) {
            belay_json_write_str(s->out, belay_str_c(fixed[i].text));
            return true;
        }
    if (belay_str_eq(format, BELAY_STR("date-time")))
        belay_buf_printf(s->out, "\"2026-%02u-%02uT%02u:%02u:00Z\"", month, day, n % 24, n % 60);
    else if (belay_str_eq(format, BELAY_STR("date")))
        belay_buf_printf(s->out, "\"2026-%02u-%02u\"", month, day);
    else if (belay_str_eq(format, BELAY_STR("time")))
        belay_buf_printf(s->out, "\"%02u:%02u:00Z\"", n % 24, n % 60);
    else if (belay_str_eq(format, BELAY_STR("uuid")))
        belay_buf_printf(s->out, "\"%08x-%04x-4%03x-8%03x-%012llx\"", (unsigned)draw(s, UINT32_MAX), (unsigned)draw(s, 65536),
                         (unsigned)draw(s, 4096), (unsigned)draw(s, 4096), (unsigned long long)draw(s, 1ull << 48));
    else if (belay_str_eq(format, BELAY_STR("email")))
        belay_buf_printf(s->out, "\"user%u@example.com\"", n);
    else if (belay_str_eq(format, BELAY_STR("hostname")))
        belay_buf_printf(s->out, "\"host%u.example.com\"", n);
    else if (belay_str_eq(format, BELAY_STR("ipv4")))
        belay_buf_printf(s->out, "\"192.0.2.%u\"", n % 255);
    else
        return false;
    return true;
}

static uint64_t size_of(const belay_json *v, uint64_t otherwise)
{
    return v && v->type == BELAY_JSON_INT && v->u.i >= 0 ? (uint64_t)v->u.i : otherwise;
}

static void put_text(struct http_sample *s, const struct view *v)
{
    static const char *const words[] = { "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel" };
    uint64_t min = size_of(find(v, "minLength"), 0), max = size_of(find(v, "maxLength"), 4096);
    struct belay_str pattern = text_of(find(v, "pattern")), format = text_of(find(v, "format"));
    struct belay_buf text;
    if (!pattern.n && format.n && put_format(s, format))
        return;
    belay_buf_init(&text, BELAY_KIB(64));
    bool made = pattern.n && http_sample_pattern(&s->random, pattern, &text);
    if (!made)
        belay_buf_clear(&text);
    while (!made && text.n < (min ? min : 1) && text.n < BELAY_KIB(8) && !belay_buf_status(&text)) {
        belay_buf_put_str(&text, text.n ? BELAY_STR(" ") : BELAY_STR(""));
        belay_buf_put_str(&text, belay_str_c(words[draw(s, 8)]));
    }
    struct belay_str whole = belay_buf_view(&text);
    if (!made && whole.n > max)
        whole.n = max;
    belay_json_write_str(s->out, whole);
    belay_buf_deinit(&text);
}

/* ---- containers ---- */

static void put_array(struct http_sample *s, const struct view *v, unsigned depth)
{
    const belay_json *items = find(v, "items"), *prefix = find(v, "prefixItems"), *unique = find(v, "uniqueItems");
    uint64_t min = size_of(find(v, "minItems"), 0), max = size_of(find(v, "maxItems"), min + 2);
    uint64_t most = max < min + 2 ? max : min + 2, count = depth >= DEPTH_SMALL ? min : min + draw(s, most - min + 1);
    if (!count && most && depth < DEPTH_SMALL)
        count = 1;
    if (count > 1 && unique && unique->type == BELAY_JSON_TRUE && !min)
        count = 1;
    if (prefix && prefix->type == BELAY_JSON_ARRAY && count < prefix->n)
        count = prefix->n;
    belay_buf_put_c(s->out, '[');
    for (uint64_t i = 0; i < count && i < 1000; i++) {
        const belay_json *own = prefix ? belay_json_at(prefix, i) : NULL;
        if (i)
            belay_buf_put_c(s->out, ',');
        put_schema(s, own ? own : items, depth + 1);
    }
    belay_buf_put_c(s->out, ']');
}

static bool is_required(const struct view *v, struct belay_str name)
{
    for (uint32_t i = 0; i < v->count; i++) {
        const belay_json *list = get(v->items[i], "required");
        for (uint32_t k = 0; list && list->type == BELAY_JSON_ARRAY && k < list->n; k++)
            if (belay_str_eq(text_of(belay_json_at(list, k)), name))
                return true;
    }
    return false;
}

static bool is_write_only(struct http_sample *s, const belay_json *schema)
{
    struct belay_str ref = text_of(get(schema, "$ref"));
    if (ref.n && ref.p[0] == '#')
        schema = belay_json_pointer(s->document, belay_str_sub(ref, 1, ref.n));
    const belay_json *flag = get(schema, "writeOnly");
    return flag && flag->type == BELAY_JSON_TRUE;
}

/* The path parameter of that name, where the request has one. */
static const belay_json *echoed(const struct http_sample *s, struct belay_str name)
{
    for (uint32_t i = 0; s->request && i < s->request->param_count; i++)
        if (s->request->params[i].in == BELAY_HTTP_IN_PATH && belay_str_eq(s->request->params[i].name, name))
            return s->request->params[i].value;
    return NULL;
}

static void put_member(struct http_sample *s, const struct view *v, struct belay_str name, const belay_json *schema,
                       unsigned depth)
{
    const belay_json *echo = depth == 0 ? echoed(s, name) : NULL;
    belay_json_write_str(s->out, name);
    belay_buf_put_c(s->out, ':');
    if (v->kind.p && belay_str_eq(name, v->kind_member))
        belay_json_write_str(s->out, v->kind);
    else if (echo)
        belay_json_write(s->out, echo);
    else
        put_schema(s, schema, depth + 1);
}

static void put_object(struct http_sample *s, const struct view *v, unsigned depth)
{
    struct belay_str names[NAMES_MAX];
    uint32_t count = 0;
    belay_buf_put_c(s->out, '{');
    for (uint32_t i = 0; i < v->count; i++) {
        const belay_json *list = get(v->items[i], "properties");
        const belay_json *key = list ? belay_json_first(list) : NULL;
        for (uint32_t k = 0; list && list->type == BELAY_JSON_OBJECT && k < list->n && count < NAMES_MAX; k++) {
            struct belay_str name = belay_json_str(key);
            const belay_json *schema = belay_json_next(key);
            bool wanted = is_required(v, name) || (depth < DEPTH_SMALL && draw(s, 4) > 0);
            for (uint32_t n = 0; n < count; n++)
                wanted = wanted && !belay_str_eq(names[n], name);
            key = belay_json_next(schema);
            if (!wanted || is_write_only(s, schema))
                continue;
            if (count)
                belay_buf_put_c(s->out, ',');
            names[count++] = name;
            put_member(s, v, name, schema, depth);
        }
    }
    const belay_json *others = find(v, "additionalProperties");
    if (!count && others && others->type == BELAY_JSON_OBJECT && depth < DEPTH_SMALL)
        put_member(s, v, BELAY_STR("key"), others, depth);
    belay_buf_put_c(s->out, '}');
}

/* ---- a schema ---- */

static struct belay_str type_of(const struct view *v)
{
    const belay_json *type = find(v, "type");
    for (uint32_t i = 0; type && type->type == BELAY_JSON_ARRAY && i < type->n; i++)
        if (!belay_str_eq(text_of(belay_json_at(type, i)), BELAY_STR("null")))
            return text_of(belay_json_at(type, i));
    if (text_of(type).n)
        return text_of(type);
    if (find(v, "properties") || find(v, "additionalProperties"))
        return BELAY_STR("object");
    if (find(v, "items"))
        return BELAY_STR("array");
    return find(v, "minimum") || find(v, "maximum") ? BELAY_STR("number") : BELAY_STR("string");
}

/* A value that the document gives. */
static bool put_given(struct http_sample *s, const struct view *v)
{
    const belay_json *list = find(v, "enum"), *examples = find(v, "examples");
    const belay_json *given = find(v, "const") ? find(v, "const") : find(v, "example");
    if (!given && examples && examples->type == BELAY_JSON_ARRAY && examples->n)
        given = belay_json_at(examples, draw(s, examples->n));
    if (!given && list && list->type == BELAY_JSON_ARRAY && list->n)
        given = belay_json_at(list, draw(s, list->n));
    if (!given)
        given = find(v, "default");
    if (given)
        belay_json_write(s->out, given);
    return given != NULL;
}

static void put_schema(struct http_sample *s, const belay_json *schema, unsigned depth)
{
    struct view v = { .count = 0 };
    if (depth > DEPTH_MAX || belay_buf_status(s->out)) {
        belay_buf_put_str(s->out, BELAY_STR("null"));
        return;
    }
    look_at(s, &v, schema);
    if (put_given(s, &v))
        return;
    struct belay_str type = type_of(&v);
    if (belay_str_eq(type, BELAY_STR("object")))
        put_object(s, &v, depth);
    else if (belay_str_eq(type, BELAY_STR("array")))
        put_array(s, &v, depth);
    else if (belay_str_eq(type, BELAY_STR("integer")))
        put_number(s, &v, true);
    else if (belay_str_eq(type, BELAY_STR("number")))
        put_number(s, &v, false);
    else if (belay_str_eq(type, BELAY_STR("boolean")))
        belay_buf_put_str(s->out, draw(s, 2) ? BELAY_STR("true") : BELAY_STR("false"));
    else if (belay_str_eq(type, BELAY_STR("null")))
        belay_buf_put_str(s->out, BELAY_STR("null"));
    else
        put_text(s, &v);
}

void http_sample_write(struct http_sample *s, const belay_json *schema)
{
    put_schema(s, schema, 0);
}
