/* $schema: a dialect we know, or one that a meta-schema defines by the vocabularies of one we know. */
#include "json/schema_compile.h"

static const struct {
    struct belay_str uri;
    uint8_t dialect;
} dialects[] = {
    { BELAY_STR_INIT("https://json-schema.org/draft/2020-12/schema"), BELAY_SCHEMA_2020_12 },
    { BELAY_STR_INIT("https://spec.openapis.org/oas/3.1/dialect/base"), BELAY_SCHEMA_2020_12 },
    { BELAY_STR_INIT("https://json-schema.org/draft/2019-09/schema"), BELAY_SCHEMA_2019_09 },
    { BELAY_STR_INIT("http://json-schema.org/draft-07/schema"), BELAY_SCHEMA_DRAFT_07 },
    { BELAY_STR_INIT("https://json-schema.org/draft-07/schema"), BELAY_SCHEMA_DRAFT_07 },
};

/* Of 2020-12 and 2019-09, whose names differ in the year. What they say of annotations changes no
 * verdict. */
enum { EMPTY = 0xff };

static const struct {
    struct belay_str name;
    uint8_t year; /* enum belay_schema_dialect, or both */
    uint8_t vocabularies;
} vocabularies[] = {
    { BELAY_STR_INIT("core"), EMPTY, 1 << VOCABULARY_CORE },
    { BELAY_STR_INIT("applicator"), BELAY_SCHEMA_2020_12, 1 << VOCABULARY_APPLICATOR },
    { BELAY_STR_INIT("applicator"), BELAY_SCHEMA_2019_09, 1 << VOCABULARY_APPLICATOR | 1 << VOCABULARY_UNEVALUATED },
    { BELAY_STR_INIT("unevaluated"), BELAY_SCHEMA_2020_12, 1 << VOCABULARY_UNEVALUATED },
    { BELAY_STR_INIT("validation"), EMPTY, 1 << VOCABULARY_VALIDATION },
    { BELAY_STR_INIT("meta-data"), EMPTY, 0 },
    { BELAY_STR_INIT("content"), EMPTY, 0 },
    { BELAY_STR_INIT("format"), BELAY_SCHEMA_2019_09, 0 },
    { BELAY_STR_INIT("format-annotation"), BELAY_SCHEMA_2020_12, 0 },
    { BELAY_STR_INIT("format-assertion"), BELAY_SCHEMA_2020_12, 0 },
};

static struct belay_str without_hash(struct belay_str uri)
{
    if (uri.n && uri.p[uri.n - 1] == '#')
        uri.n--;
    return uri;
}

bool belay_schema_dialect_find(struct belay_str uri, enum belay_schema_dialect *ret_dialect)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
        if (belay_str_eq(without_hash(uri), dialects[i].uri)) {
            *ret_dialect = (enum belay_schema_dialect)dialects[i].dialect;
            return true;
        }
    return false;
}

struct schema_rules schema_rules_of(uint8_t dialect, bool assert_formats)
{
    return (struct schema_rules){ dialect, UINT8_MAX, assert_formats };
}

bool schema_ref_stands_alone(const struct belay_schema_node *n)
{
    return (n->rules.dialect == BELAY_SCHEMA_DRAFT_07 || n->rules.dialect == BELAY_SCHEMA_OPENAPI_30)
           && schema_text_of(n->source, "$ref").p;
}

/* The name within "https://json-schema.org/draft/YEAR/vocab/NAME"; {NULL, 0}: another URI. */
static struct belay_str vocabulary_name(uint8_t dialect, struct belay_str uri)
{
    struct belay_str prefix = dialect == BELAY_SCHEMA_2019_09
                                  ? BELAY_STR("https://json-schema.org/draft/2019-09/vocab/")
                                  : BELAY_STR("https://json-schema.org/draft/2020-12/vocab/");
    return belay_str_starts(uri, prefix) ? belay_str_sub(uri, prefix.n, uri.n) : BELAY_STR_NONE;
}

/* One vocabulary of a meta-schema. False: unknown. */
static bool add_vocabulary(struct schema_rules *rules, struct belay_str uri)
{
    struct belay_str name = vocabulary_name(rules->dialect, uri);
    bool oas = belay_str_eq(uri, BELAY_STR("https://spec.openapis.org/oas/3.1/vocab/base"));
    for (size_t i = 0; name.p && i < sizeof vocabularies / sizeof vocabularies[0]; i++) {
        if (!belay_str_eq(name, vocabularies[i].name)
            || (vocabularies[i].year != EMPTY && vocabularies[i].year != rules->dialect))
            continue;
        rules->vocabularies |= vocabularies[i].vocabularies;
        rules->assert_formats |= belay_str_eq(name, BELAY_STR("format-assertion"));
        return true;
    }
    return oas;
}

/* The vocabularies of the meta-schema n's $schema leads to. */
static int take_vocabularies(struct schema_compiler *c, const struct belay_schema_node *n, const belay_json *meta,
                             struct schema_rules *rules)
{
    const belay_json *list = belay_json_get(meta, BELAY_STR("$vocabulary"));
    if (!list || list->type != BELAY_JSON_OBJECT)
        return BELAY_OK;
    rules->vocabularies = 1 << VOCABULARY_CORE;
    const belay_json *key = belay_json_first(list);
    for (uint32_t i = 0; i < list->n; i++, key = belay_json_next(key + 1)) {
        bool needed = key[1].type == BELAY_JSON_TRUE;
        if (!add_vocabulary(rules, belay_json_str(key)) && needed)
            return schema_refuse(c, n, BELAY_UNSUPPORTED, "the dialect needs the vocabulary %.*s, which is not known",
                                 BELAY_STR_ARG(belay_json_str(key)));
    }
    return BELAY_OK;
}

int schema_take_dialect(struct schema_compiler *c, struct belay_schema_node *n)
{
    struct belay_str uri = without_hash(schema_text_of(n->source, "$schema"));
    struct schema_rules rules = schema_rules_of(0, c->opt.assert_formats);
    enum belay_schema_dialect dialect = BELAY_SCHEMA_2020_12;
    int status = BELAY_OK;
    if (!uri.p || n->rules.dialect == BELAY_SCHEMA_OPENAPI_30)
        return BELAY_OK;
    if (!belay_schema_dialect_find(uri, &dialect)) {
        const belay_json *meta;
        status = schema_document(c, uri, &meta);
        if (status)
            return status;
        if (!meta || !belay_schema_dialect_find(schema_text_of(meta, "$schema"), &dialect))
            return schema_refuse(c, n, BELAY_UNSUPPORTED,
                                 "the dialect %.*s is not known (2020-12, 2019-09 and draft-07 are)",
                                 BELAY_STR_ARG(uri));
        rules.dialect = (uint8_t)dialect;
        status = take_vocabularies(c, n, meta, &rules);
    }
    rules.dialect = (uint8_t)dialect;
    n->rules = rules;
    return status;
}
