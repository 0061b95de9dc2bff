/* The table of keywords.  A row says who knows the keyword, what it holds (for the scan), and where its
 * value goes.  A keyword that changed its meaning between dialects has a row for each meaning. */
#include <stddef.h>

#include "json/schema_compile.h"

enum {
    D20 = 1 << BELAY_SCHEMA_2020_12,
    D19 = 1 << BELAY_SCHEMA_2019_09,
    D07 = 1 << BELAY_SCHEMA_DRAFT_07,
    O30 = 1 << BELAY_SCHEMA_OPENAPI_30,
    NEW = D20 | D19,       /* since 2019-09 */
    OLD = D19 | D07,       /* until 2019-09 */
    JSON = D20 | D19 | D07,
    ALL = JSON | O30
};

#define TEXT(text) BELAY_STR_INIT(text)
#define GENERAL(field) PART_GENERAL, offsetof(struct schema_general, field)
#define NUMBER(field) PART_NUMBER, offsetof(struct schema_number, field)
#define STRING(field) PART_STRING, offsetof(struct schema_string, field)
#define ARRAY(field) PART_ARRAY, offsetof(struct schema_array, field)
#define OBJECT(field) PART_OBJECT, offsetof(struct schema_object, field)
#define NODE PART_NODE, 0

#define CORE VOCABULARY_CORE
#define APPLICATOR VOCABULARY_APPLICATOR
#define UNEVALUATED VOCABULARY_UNEVALUATED
#define VALIDATION VOCABULARY_VALIDATION

static const struct schema_keyword keywords[] = {
    { TEXT("type"), ALL, VALIDATION, HOLDS_NOTHING, NODE, schema_read_type },
    { TEXT("properties"), ALL, APPLICATOR, HOLDS_MAP, OBJECT(members), schema_read_properties },
    { TEXT("required"), ALL, VALIDATION, HOLDS_NOTHING, OBJECT(required), schema_read_required },
    { TEXT("items"), D20 | O30, APPLICATOR, HOLDS_SCHEMA, ARRAY(items), schema_read_child },
    { TEXT("items"), OLD, APPLICATOR, HOLDS_ITEMS, ARRAY(items), schema_read_items },
    { TEXT("additionalItems"), OLD, APPLICATOR, HOLDS_SCHEMA, ARRAY(items), schema_read_additional_items },
    { TEXT("prefixItems"), D20, APPLICATOR, HOLDS_LIST, ARRAY(prefix), schema_read_list },
    { TEXT("contains"), JSON, APPLICATOR, HOLDS_SCHEMA, ARRAY(contains), schema_read_child },
    { TEXT("minContains"), NEW, VALIDATION, HOLDS_NOTHING, ARRAY(contains_min), schema_read_count },
    { TEXT("maxContains"), NEW, VALIDATION, HOLDS_NOTHING, ARRAY(contains_max), schema_read_count },
    { TEXT("minItems"), ALL, VALIDATION, HOLDS_NOTHING, ARRAY(min), schema_read_count },
    { TEXT("maxItems"), ALL, VALIDATION, HOLDS_NOTHING, ARRAY(max), schema_read_count },
    { TEXT("uniqueItems"), ALL, VALIDATION, HOLDS_NOTHING, ARRAY(unique), schema_read_flag },
    { TEXT("unevaluatedItems"), NEW, UNEVALUATED, HOLDS_SCHEMA, ARRAY(unevaluated), schema_read_child },

    { TEXT("$ref"), ALL, CORE, HOLDS_NOTHING, GENERAL(ref), schema_read_ref },
    { TEXT("$dynamicRef"), D20, CORE, HOLDS_NOTHING, GENERAL(dynamic), schema_read_dynamic_ref },
    { TEXT("$recursiveRef"), D19, CORE, HOLDS_NOTHING, GENERAL(dynamic), schema_read_recursive_ref },
    { TEXT("$defs"), NEW, CORE, HOLDS_MAP, NODE, NULL },
    { TEXT("definitions"), JSON, CORE, HOLDS_MAP, NODE, NULL },
    { TEXT("const"), JSON, VALIDATION, HOLDS_NOTHING, GENERAL(constant), schema_read_value },
    { TEXT("enum"), ALL, VALIDATION, HOLDS_NOTHING, GENERAL(enumeration), schema_read_enum },
    { TEXT("allOf"), ALL, APPLICATOR, HOLDS_LIST, GENERAL(all), schema_read_list },
    { TEXT("anyOf"), ALL, APPLICATOR, HOLDS_LIST, GENERAL(any), schema_read_list },
    { TEXT("oneOf"), ALL, APPLICATOR, HOLDS_LIST, GENERAL(one), schema_read_list },
    { TEXT("not"), ALL, APPLICATOR, HOLDS_SCHEMA, GENERAL(not_), schema_read_child },
    { TEXT("if"), JSON, APPLICATOR, HOLDS_SCHEMA, GENERAL(if_), schema_read_child },
    { TEXT("then"), JSON, APPLICATOR, HOLDS_SCHEMA, GENERAL(then), schema_read_child },
    { TEXT("else"), JSON, APPLICATOR, HOLDS_SCHEMA, GENERAL(else_), schema_read_child },

    { TEXT("minimum"), ALL, VALIDATION, HOLDS_NOTHING, NUMBER(minimum), schema_read_bound },
    { TEXT("maximum"), ALL, VALIDATION, HOLDS_NOTHING, NUMBER(maximum), schema_read_bound },
    { TEXT("exclusiveMinimum"), ALL, VALIDATION, HOLDS_NOTHING, NUMBER(above), schema_read_bound },
    { TEXT("exclusiveMaximum"), ALL, VALIDATION, HOLDS_NOTHING, NUMBER(below), schema_read_bound },
    { TEXT("multipleOf"), ALL, VALIDATION, HOLDS_NOTHING, NUMBER(multiple), schema_read_multiple },
    { TEXT("minLength"), ALL, VALIDATION, HOLDS_NOTHING, STRING(min), schema_read_count },
    { TEXT("maxLength"), ALL, VALIDATION, HOLDS_NOTHING, STRING(max), schema_read_count },
    { TEXT("pattern"), ALL, VALIDATION, HOLDS_NOTHING, STRING(pattern), schema_read_pattern },
    { TEXT("format"), ALL, CORE, HOLDS_NOTHING, NODE, schema_read_format },

    { TEXT("patternProperties"), JSON, APPLICATOR, HOLDS_MAP, OBJECT(patterns), schema_read_pattern_properties },
    { TEXT("additionalProperties"), ALL, APPLICATOR, HOLDS_SCHEMA, OBJECT(additional), schema_read_child },
    { TEXT("propertyNames"), JSON, APPLICATOR, HOLDS_SCHEMA, OBJECT(names), schema_read_child },
    { TEXT("unevaluatedProperties"), NEW, UNEVALUATED, HOLDS_SCHEMA, OBJECT(unevaluated), schema_read_child },
    { TEXT("minProperties"), ALL, VALIDATION, HOLDS_NOTHING, OBJECT(min), schema_read_count },
    { TEXT("maxProperties"), ALL, VALIDATION, HOLDS_NOTHING, OBJECT(max), schema_read_count },
    { TEXT("dependentSchemas"), NEW, APPLICATOR, HOLDS_MAP, OBJECT(dependents), schema_read_dependents },
    { TEXT("dependentRequired"), NEW, VALIDATION, HOLDS_NOTHING, OBJECT(dependents), schema_read_dependents },
    { TEXT("dependencies"), JSON, APPLICATOR, HOLDS_SOME, OBJECT(dependents), schema_read_dependents },

    { TEXT("nullable"), O30, VALIDATION, HOLDS_NOTHING, NODE, schema_read_nullable },
    { TEXT("readOnly"), ALL, CORE, HOLDS_NOTHING, NODE, schema_read_read_only },
    { TEXT("writeOnly"), ALL, CORE, HOLDS_NOTHING, NODE, schema_read_write_only },
    { TEXT("deprecated"), ALL, CORE, HOLDS_NOTHING, GENERAL(deprecated), schema_read_deprecated },
    { TEXT("discriminator"), D20 | O30, CORE, HOLDS_NOTHING, GENERAL(discriminated), schema_read_discriminator },

    /* what the scan has read already, and annotations */
    { TEXT("$id"), JSON, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("$schema"), JSON, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("$anchor"), NEW, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("$dynamicAnchor"), D20, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("$recursiveAnchor"), D19, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("$vocabulary"), NEW, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("$comment"), JSON, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("title"), ALL, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("description"), ALL, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("default"), ALL, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("examples"), JSON, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("contentEncoding"), JSON, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("contentMediaType"), JSON, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("contentSchema"), NEW, CORE, HOLDS_SCHEMA, NODE, NULL },
    { TEXT("example"), D20 | O30, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("externalDocs"), D20 | O30, CORE, HOLDS_NOTHING, NODE, NULL },
    { TEXT("xml"), D20 | O30, CORE, HOLDS_NOTHING, NODE, NULL },
};

const struct schema_keyword *schema_keyword_find(uint8_t dialect, struct belay_str name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if ((keywords[i].dialects >> dialect & 1) && belay_str_eq(name, keywords[i].name))
            return &keywords[i];
    return NULL;
}

bool schema_is_near(struct belay_str written, struct belay_str candidate, unsigned *best)
{
    unsigned distance = written.n < 64 && candidate.n < 64 ? belay_str_distance(written, candidate, *best) : *best;
    if (distance >= *best || distance * 3 > written.n || distance * 3 > candidate.n)
        return false; /* "$ref" is no slip for "$defs" */
    *best = distance;
    return true;
}

struct belay_str schema_keyword_meant(uint8_t dialect, struct belay_str name)
{
    struct belay_str meant = BELAY_STR_NONE;
    unsigned best = 3;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if ((keywords[i].dialects >> dialect & 1) && schema_is_near(name, keywords[i].name, &best))
            meant = keywords[i].name;
    return meant;
}
