/* Draft 7, 2019-09 and OpenAPI 3.0: what they know that 2020-12 does not, and the other way round.
 * Meta-schemas that leave vocabularies out. */
#include "unit/json/schema_test.h"

#define SEVEN "\"$schema\":\"http://json-schema.org/draft-07/schema#\","
#define NINETEEN "\"$schema\":\"https://json-schema.org/draft/2019-09/schema\","

struct verdict {
    const char *schema, *value;
    bool valid;
};

static void hold(const struct verdict *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (valid(rows[i].schema, rows[i].value) != rows[i].valid)
            fail_msg("%s %s is %svalid", rows[i].schema, rows[i].value, rows[i].valid ? "in" : "");
}

static void dialects_have_names(void **state)
{
    (void)state;
    enum belay_schema_dialect d = BELAY_SCHEMA_OPENAPI_30;
    assert_false(belay_schema_dialect_find(BELAY_STR("http://json-schema.org/schema#"), &d));
    assert_int_equal(d, BELAY_SCHEMA_OPENAPI_30);
    assert_true(belay_schema_dialect_find(BELAY_STR("http://json-schema.org/draft-07/schema#"), &d));
    assert_int_equal(d, BELAY_SCHEMA_DRAFT_07);
    assert_true(belay_schema_dialect_find(BELAY_STR("https://json-schema.org/draft/2019-09/schema"), &d));
    assert_int_equal(d, BELAY_SCHEMA_2019_09);
    assert_true(belay_schema_dialect_find(BELAY_STR("https://spec.openapis.org/oas/3.1/dialect/base"), &d));
    assert_int_equal(d, BELAY_SCHEMA_2020_12);
}

static void draft_7_has_its_own_keywords(void **state)
{
    static const struct verdict rows[] = {
        /* items: one, or one each, and additionalItems only then */
        { "{" SEVEN "\"items\":[{\"type\":\"null\"},true]}", "[null,1,2]", true },
        { "{" SEVEN "\"items\":[{\"type\":\"null\"},true]}", "[1]", false },
        { "{" SEVEN "\"items\":[true],\"additionalItems\":false}", "[1]", true },
        { "{" SEVEN "\"items\":[true],\"additionalItems\":false}", "[1,2]", false },
        { "{" SEVEN "\"additionalItems\":{\"type\":\"null\"},\"items\":[true]}", "[1,2]", false },
        { "{" SEVEN "\"items\":{},\"additionalItems\":false}", "[1,2]", true },
        { "{" SEVEN "\"additionalItems\":false}", "[1,2]", true },
        { "{" SEVEN "\"items\":[]}", "[1,2]", true },
        { "{" SEVEN "\"items\":false}", "[]", true },
        { "{" SEVEN "\"items\":false}", "[1]", false },
        /* contains without a count */
        { "{" SEVEN "\"contains\":{\"const\":1}}", "[2,1]", true },
        { "{" SEVEN "\"contains\":{\"const\":1}}", "[]", false },
        { "{" SEVEN "\"contains\":{\"const\":1},\"minContains\":0,\"maxContains\":0}", "[1]", true },
        { "{" SEVEN "\"contains\":{\"const\":1},\"minContains\":0}", "[]", false },
        /* dependencies: names or a schema */
        { "{" SEVEN "\"dependencies\":{\"a\":[\"b\"],\"c\":{\"minProperties\":2},\"d\":false}}", "{\"a\":1}", false },
        { "{" SEVEN "\"dependencies\":{\"a\":[\"b\"],\"c\":{\"minProperties\":2}}}", "{\"a\":1,\"b\":2}", true },
        { "{" SEVEN "\"dependencies\":{\"a\":[\"b\"],\"c\":{\"minProperties\":2}}}", "{\"c\":1}", false },
        { "{" SEVEN "\"dependencies\":{\"d\":false}}", "{\"d\":1}", false },
        { "{" SEVEN "\"dependencies\":{\"d\":[]}}", "{\"d\":1}", true },
        /* what came later changes nothing */
        { "{" SEVEN "\"prefixItems\":[false],\"unevaluatedItems\":false}", "[1]", true },
        { "{" SEVEN "\"dependentRequired\":{\"a\":[\"b\"]},\"dependentSchemas\":{\"a\":false}}", "{\"a\":1}", true },
        { "{" SEVEN "\"unevaluatedProperties\":false,\"$dynamicRef\":\"#none\"}", "{\"a\":1}", true },
        { "{" SEVEN "\"$defs\":7,\"nullable\":7,\"discriminator\":7}", "1", true },
        /* what did not change */
        { "{" SEVEN "\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":2},\"else\":{\"const\":1}}", "6", true },
        { "{" SEVEN "\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":2},\"else\":{\"const\":1}}", "7", false },
        { "{" SEVEN "\"if\":{\"minimum\":5},\"then\":{\"multipleOf\":2},\"else\":{\"const\":1}}", "2", false },
        { "{" SEVEN "\"then\":false,\"else\":false}", "1", true },
        { "{" SEVEN "\"propertyNames\":{\"pattern\":\"^a\"},\"additionalProperties\":{\"type\":\"integer\"}}", "{\"ab\":1.0}",
          true },
        { "{" SEVEN "\"propertyNames\":{\"pattern\":\"^a\"}}", "{\"b\":1}", false },
        { "{" SEVEN "\"exclusiveMinimum\":1}", "1", false },
        { "{" SEVEN "\"format\":\"ipv4\"}", "\"1.2.3.256\"", false },
    };
    (void)state;
    hold(rows, sizeof rows / sizeof rows[0]);
}

static void in_draft_7_a_ref_stands_alone(void **state)
{
    static const struct verdict rows[] = {
        { "{" SEVEN "\"definitions\":{\"a\":{\"type\":\"array\"}},\"properties\":{\"x\":{\"$ref\":\"#/definitions/a\","
          "\"maxItems\":0}}}", "{\"x\":[1]}", true },
        { "{" SEVEN "\"definitions\":{\"a\":{\"type\":\"array\"}},\"properties\":{\"x\":{\"$ref\":\"#/definitions/a\","
          "\"maxItems\":\"no\",\"properties\":{\"p\":7}}}}", "{\"x\":{}}", false },
        { "{" SEVEN "\"$ref\":\"#/definitions/a\",\"definitions\":{\"a\":{\"$ref\":\"#here\"},"
          "\"b\":{\"$id\":\"#here\",\"type\":\"null\"}}}", "1", false },
        /* a member called $ref is no reference */
        { "{" SEVEN "\"properties\":{\"$ref\":{\"type\":\"string\"}}}", "{\"$ref\":1}", false },
        /* an $id beside it does not count: foo is the base's */
        { "{" SEVEN "\"$id\":\"http://x/base/\",\"definitions\":{\"foo\":{\"$id\":\"http://x/foo\",\"type\":\"string\"},"
          "\"own\":{\"$id\":\"foo\",\"type\":\"number\"}},\"allOf\":[{\"$id\":\"http://x/\",\"$ref\":\"foo\"}]}", "1", true },
        /* in 2020-12 both count */
        { "{\"$defs\":{\"a\":{\"type\":\"array\"}},\"$ref\":\"#/$defs/a\",\"maxItems\":0}", "[1]", false },
    };
    (void)state;
    hold(rows, sizeof rows / sizeof rows[0]);
}

static void in_draft_7_the_fragment_of_an_id_is_an_anchor(void **state)
{
    static const struct verdict rows[] = {
        { "{" SEVEN "\"allOf\":[{\"$ref\":\"#foo\"}],\"definitions\":{\"A\":{\"$id\":\"#foo\",\"type\":\"integer\"}}}", "\"a\"",
          false },
        { "{" SEVEN "\"allOf\":[{\"$ref\":\"http://x/bar#foo\"}],\"definitions\":{\"A\":{\"$id\":\"http://x/bar#foo\","
          "\"type\":\"integer\"}}}", "1", true },
        { "{" SEVEN "\"$id\":\"http://x/root\",\"allOf\":[{\"$ref\":\"http://x/nested.json#foo\"}],\"definitions\":{\"A\":{"
          "\"$id\":\"nested.json\",\"definitions\":{\"B\":{\"$id\":\"#foo\",\"type\":\"integer\"}}}}}", "\"a\"", false },
        /* one within an enum is no anchor */
        { "{" SEVEN "\"definitions\":{\"e\":{\"enum\":[{\"$id\":\"#foo\",\"type\":\"null\"}]},\"f\":{\"$id\":\"#foo\","
          "\"type\":\"string\"}},\"allOf\":[{\"$ref\":\"#foo\"}]}", "\"a\"", true },
    };
    int status;
    (void)state;
    hold(rows, sizeof rows / sizeof rows[0]);
    assert_non_null(strstr(refusal_of("{" SEVEN "\"allOf\":[{\"$ref\":\"#foo\"}],\"definitions\":{\"A\":{\"$anchor\":\"foo\"}}}",
                                      &status), "names no anchor"));
}

static void a_document_of_another_dialect_may_be_within_or_beside(void **state)
{
    static const struct verdict rows[] = {
        { "{\"$ref\":\"http://x/old\",\"$defs\":{\"old\":{\"$id\":\"http://x/old\"," SEVEN
          "\"items\":[{\"type\":\"null\"}]}}}", "[1]", false },
        { "{\"prefixItems\":[{\"$ref\":\"http://x/old\"}],\"$defs\":{\"old\":{\"$id\":\"http://x/old\"," SEVEN
          "\"prefixItems\":[false]}}}", "[[1]]", true },
    };
    (void)state;
    hold(rows, sizeof rows / sizeof rows[0]);
}

static void the_option_counts_where_no_schema_is_named(void **state)
{
    (void)state;
    options.dialect = BELAY_SCHEMA_DRAFT_07;
    assert_false(valid("{\"items\":[{\"type\":\"null\"}]}", "[1]"));
    assert_false(valid("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"prefixItems\":[false]}", "[1]"));
}

static void the_draft_of_2019_lies_between(void **state)
{
    static const struct verdict rows[] = {
        { "{" NINETEEN "\"items\":[true],\"additionalItems\":false}", "[1,2]", false },
        { "{" NINETEEN "\"prefixItems\":[false]}", "[1]", true },
        { "{" NINETEEN "\"items\":[true],\"unevaluatedItems\":false}", "[1]", true },
        { "{" NINETEEN "\"items\":[true],\"unevaluatedItems\":false}", "[1,2]", false },
        { "{" NINETEEN "\"contains\":{\"const\":1},\"unevaluatedItems\":false}", "[1]", false },
        { "{\"contains\":{\"const\":1},\"unevaluatedItems\":false}", "[1]", true },
        { "{" NINETEEN "\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", false },
        { "{" NINETEEN "\"allOf\":[{\"$ref\":\"#x\"}],\"$defs\":{\"y\":{\"$anchor\":\"x\",\"type\":\"null\"}}}", "1", false },
        { "{" NINETEEN "\"properties\":{\"a\":{\"$recursiveRef\":\"#\"}},\"additionalProperties\":false}", "{\"a\":{\"a\":{}}}",
          true },
        { "{" NINETEEN "\"properties\":{\"a\":{\"$recursiveRef\":\"#\"}},\"additionalProperties\":false}", "{\"a\":{\"b\":{}}}",
          false },
        /* the outer one that says $recursiveAnchor is meant */
        { "{" NINETEEN "\"$id\":\"http://x/strict\",\"$recursiveAnchor\":true,\"required\":[\"v\"],\"$ref\":\"http://x/tree\","
          "\"$defs\":{\"t\":{\"$id\":\"http://x/tree\",\"$recursiveAnchor\":true,\"properties\":{\"next\":{"
          "\"$recursiveRef\":\"#\"}}}}}", "{\"v\":1,\"next\":{}}", false },
        { "{" NINETEEN "\"$id\":\"http://x/strict\",\"required\":[\"v\"],\"$ref\":\"http://x/tree\","
          "\"$defs\":{\"t\":{\"$id\":\"http://x/tree\",\"$recursiveAnchor\":true,\"properties\":{\"next\":{"
          "\"$recursiveRef\":\"#\"}}}}}", "{\"v\":1,\"next\":{}}", true },
    };
    int status;
    (void)state;
    hold(rows, sizeof rows / sizeof rows[0]);
    assert_non_null(strstr(refusal_of("{" NINETEEN "\"$recursiveRef\":\"#/a\"}", &status), "$recursiveRef must be \"#\""));
}

static void openapi_3_0_has_its_own_keywords(void **state)
{
    static const struct verdict rows[] = {
        { "{\"type\":\"string\",\"nullable\":true}", "null", true },
        { "{\"nullable\":true,\"type\":\"string\"}", "1", false },
        { "{\"type\":\"string\",\"nullable\":false}", "null", false },
        { "{\"type\":\"string\"}", "null", false },
        { "{\"nullable\":true,\"type\":\"string\",\"enum\":[\"a\"]}", "null", false }, /* as 3.0.3 says */
        { "{\"nullable\":true,\"type\":\"string\",\"enum\":[\"a\",null]}", "null", true },
        { "{\"minimum\":1,\"exclusiveMinimum\":true}", "1", false },
        { "{\"exclusiveMinimum\":true,\"minimum\":1}", "2", true },
        { "{\"minimum\":1,\"exclusiveMinimum\":false}", "1", true },
        { "{\"maximum\":1,\"exclusiveMaximum\":true}", "1", false },
        { "{\"exclusiveMaximum\":true}", "1", true },
        { "{\"allOf\":[{\"$ref\":\"#/x\",\"maxLength\":0}],\"x\":{\"type\":\"string\"}}", "\"abc\"", true },
        { "{\"const\":1,\"if\":true,\"then\":false,\"patternProperties\":7,\"$id\":7,\"$defs\":7}", "2", true },
        { "{\"type\":\"integer\",\"format\":\"int32\"}", "3000000000", false },
        { "{\"items\":{\"type\":\"null\"}}", "[1]", false },
    };
    int status;
    (void)state;
    options.dialect = BELAY_SCHEMA_OPENAPI_30;
    hold(rows, sizeof rows / sizeof rows[0]);
    assert_non_null(strstr(refusal_of("{\"type\":[\"string\"]}", &status), "a list of types is 3.1's"));
    assert_non_null(strstr(refusal_of("{\"nullable\":1}", &status), "nullable must be true or false"));
    assert_non_null(strstr(refusal_of("{\"items\":[true]}", &status), "not array at #/items"));
}

/* ---- vocabularies ---- */

static const belay_json *resolve_meta(void *arg, struct belay_str uri)
{
    (void)arg;
    struct belay_str name = belay_str_starts(uri, BELAY_STR("http://meta/")) ? belay_str_sub(uri, 12, uri.n) : uri;
    char text[500];
    snprintf(text, sizeof text,
             "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
             "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
             "\"%s%.*s\":true,\"http://other/vocab\":false}}",
             belay_str_eq(name, BELAY_STR("unknown")) ? "http://needed/" : "https://json-schema.org/draft/2020-12/vocab/",
             BELAY_STR_ARG(name));
    return parse(belay_arena_str(&arena, belay_str_c(text)).p);
}

#define META(name) "\"$schema\":\"http://meta/" name "\","

static void a_meta_schema_may_leave_vocabularies_out(void **state)
{
    static const struct verdict rows[] = {
        { "{" META("applicator") "\"type\":\"null\",\"properties\":{\"a\":false}}", "1", true },
        { "{" META("applicator") "\"type\":\"null\",\"properties\":{\"a\":false}}", "{\"a\":1}", false },
        { "{" META("validation") "\"type\":\"object\",\"properties\":{\"a\":false}}", "{\"a\":1}", true },
        { "{" META("validation") "\"type\":\"object\",\"properties\":{\"a\":false}}", "1", false },
        { "{" META("applicator") "\"unevaluatedProperties\":false}", "{\"a\":1}", true },
        { "{" META("unevaluated") "\"unevaluatedProperties\":false}", "{\"a\":1}", false },
        { "{" META("format-annotation") "\"format\":\"ipv4\"}", "\"x\"", true },
        { "{" META("format-assertion") "\"format\":\"ipv4\"}", "\"x\"", false },
    };
    int status;
    (void)state;
    options = (struct belay_schema_opt){ .resolve = resolve_meta };
    hold(rows, sizeof rows / sizeof rows[0]);
    assert_non_null(strstr(refusal_of("{" META("unknown") "\"type\":\"null\"}", &status),
                           "needs the vocabulary http://needed/unknown, which is not known at #"));
    assert_int_equal(status, BELAY_UNSUPPORTED);
}

/* ---- keywords that nobody knows ---- */

static void note_unknown(void *arg, struct belay_str schema, struct belay_str keyword, struct belay_str meant)
{
    belay_buf_printf(arg, "%.*s %.*s%s%.*s;", BELAY_STR_ARG(schema), BELAY_STR_ARG(keyword), meant.n ? "=" : "",
                     BELAY_STR_ARG(meant));
}

static const char *unknown_in(const char *schema)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_KIB(4));
    options.unknown_keyword = note_unknown;
    options.unknown_keyword_arg = &out;
    belay_schema_free(compile(schema));
    struct belay_str text = belay_arena_str(&arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    return text.p;
}

static void unknown_keywords_are_told_and_change_nothing(void **state)
{
    (void)state;
    assert_string_equal(unknown_in("{\"title\":\"t\",\"minLenght\":1,\"x-own\":1,\"properties\":{\"a/b\":{\"requird\":[]},"
                                   "\"minLenght\":true}}"), " minLenght=minLength;/properties/a~1b requird=required;");
    assert_string_equal(unknown_in("{" SEVEN "\"$defs\":{},\"definitions\":{},\"prefixItems\":[]}"), " $defs; prefixItems;");
    options.dialect = BELAY_SCHEMA_OPENAPI_30;
    assert_string_equal(unknown_in("{\"const\":1,\"nullable\":true,\"xml\":{}}"), " const;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dialects_have_names),
        TEST(draft_7_has_its_own_keywords),
        TEST(in_draft_7_a_ref_stands_alone),
        TEST(in_draft_7_the_fragment_of_an_id_is_an_anchor),
        TEST(a_document_of_another_dialect_may_be_within_or_beside),
        TEST(the_option_counts_where_no_schema_is_named),
        TEST(the_draft_of_2019_lies_between),
        TEST(openapi_3_0_has_its_own_keywords),
        TEST(a_meta_schema_may_leave_vocabularies_out),
        TEST(unknown_keywords_are_told_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
