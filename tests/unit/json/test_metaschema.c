/* The published meta-schemas: a schema may refer to them, with nobody there who looks documents up. */
#include "unit/json/schema_test.h"

static const char *const dialects[] = { "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft-07/schema",
                                        "https://json-schema.org/draft/2019-09/schema",
                                        "https://json-schema.org/draft/2020-12/schema#" };

static const char *to(const char *uri)
{
    return belay_arena_printf(&arena, "{\"$ref\":\"%s\"}", uri).p;
}

static void a_schema_is_held_against_its_meta_schema(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } rows[] = {
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"],\"maxLength\":3}}}", true },
        { "true", true },
        { "{\"type\":\"strin\"}", false },
        { "{\"properties\":{\"a\":{\"allOf\":[{\"minItems\":-1}]}}}", false },
        { "{\"required\":[\"a\",\"a\"]}", false },
        { "{\"$ref\":7}", false },
        { "3", false },
    };
    (void)state;
    for (size_t d = 0; d < sizeof dialects / sizeof dialects[0]; d++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (valid(to(dialects[d]), rows[i].value) != rows[i].good)
                fail_msg("%s: %s", dialects[d], rows[i].value);
}

static void what_the_years_changed_is_seen(void **state)
{
    (void)state;
    assert_true(valid(to(dialects[0]), "{\"items\":[{}],\"dependencies\":{\"a\":[\"b\"]}}"));
    assert_true(valid(to(dialects[2]), "{\"items\":[{}],\"unevaluatedItems\":false}"));
    assert_false(valid(to(dialects[3]), "{\"items\":[{}]}"));
    assert_true(valid(to(dialects[0]), "{\"$defs\":7}"));
    assert_false(valid(to(dialects[2]), "{\"$defs\":7}"));
    assert_false(valid(to(dialects[3]), "{\"$defs\":{\"a\":{\"prefixItems\":[]}}}"));
}

static void a_vocabulary_and_a_part_may_be_named(void **state)
{
    (void)state;
    assert_true(valid(to("https://json-schema.org/draft/2020-12/meta/core"), "{\"type\":\"strin\"}"));
    assert_false(valid(to("https://json-schema.org/draft/2020-12/meta/validation"), "{\"type\":\"strin\"}"));
    assert_false(valid(to("https://json-schema.org/draft/2019-09/meta/format"), "{\"format\":1}"));
    assert_false(valid(to("http://json-schema.org/draft-07/schema#/definitions/simpleTypes"), "\"strin\""));
    assert_true(valid(to("http://json-schema.org/draft-07/schema#/definitions/simpleTypes"), "\"string\""));
}

static const belay_json *own_documents(void *arg, struct belay_str uri)
{
    (void)arg;
    return belay_str_eq(uri, BELAY_STR("https://json-schema.org/draft/2020-12/meta/core")) ? parse("false") : NULL;
}

static void documents_of_the_caller_go_before(void **state)
{
    (void)state;
    options.resolve = own_documents;
    assert_false(valid(to("https://json-schema.org/draft/2020-12/meta/core"), "{}"));
    assert_true(valid(to("https://json-schema.org/draft/2020-12/meta/content"), "{}"));
}

static void what_nobody_published_is_not_there(void **state)
{
    static const char *const uris[] = { "https://json-schema.org/draft/2020-12/meta/none", "https://json-schema.org/",
                                        "ftp://json-schema.org/draft-07/schema", "http://json-schema.org/draft-04/schema" };
    struct belay_schema *s;
    struct belay_err err;
    (void)state;
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        const belay_json *schema = parse(to(uris[i]));
        assert_int_equal(belay_schema_compile(schema, schema, &options, &s, &err), BELAY_INVALID);
        assert_non_null(strstr(err.msg, "leads to no known document"));
    }
}

static void without_memory_it_is_said(void **state)
{
    const belay_json *schema = parse(to(dialects[3]));
    struct belay_schema *s;
    struct belay_err err;
    int status = BELAY_NOMEM;
    (void)state;
    for (uint64_t n = 0; status != BELAY_OK; n++) {
        assert_true(n < 10000 && status == BELAY_NOMEM);
        belay_alloc_fail_after(n);
        status = belay_schema_compile(schema, schema, &options, &s, &err);
        belay_alloc_fail_after(UINT64_MAX);
    }
    belay_schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_schema_is_held_against_its_meta_schema),
        TEST(what_the_years_changed_is_seen),
        TEST(a_vocabulary_and_a_part_may_be_named),
        TEST(documents_of_the_caller_go_before),
        TEST(what_nobody_published_is_not_there),
        TEST(without_memory_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
