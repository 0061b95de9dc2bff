/* What contracts of APIs need beside a verdict: directions, what is deprecated, discriminators, and
 * what a schema admits of text. */
#include "unit/json/schema_test.h"

#define ORDER                                                                                              \
    "{\"required\":[\"id\",\"card\",\"qty\"],\"properties\":{\"id\":{\"readOnly\":true,\"type\":\"string\"},"     \
    "\"card\":{\"$ref\":\"#/$defs/secret\"},\"qty\":{\"type\":\"integer\",\"readOnly\":false}},"                 \
    "\"$defs\":{\"secret\":{\"allOf\":[{\"writeOnly\":true}]}}}"

static void a_request_has_nothing_that_is_read_only(void **state)
{
    (void)state;
    options.direction = BELAY_SCHEMA_REQUEST;
    assert_true(valid(ORDER, "{\"card\":1,\"qty\":1}"));
    assert_string_equal(faults_of(ORDER, "{\"id\":\"a\",\"qty\":1}"),
                        "/id | /properties/id/readOnly | readOnly: a request must not contain it\n"
                        " | /required | the member \"card\" is missing");
}

static void a_response_has_nothing_that_is_write_only(void **state)
{
    (void)state;
    options.direction = BELAY_SCHEMA_RESPONSE;
    assert_true(valid(ORDER, "{\"id\":\"a\",\"qty\":1}"));
    assert_string_equal(faults_of(ORDER, "{\"card\":1,\"qty\":1}"),
                        "/card | /$defs/secret/allOf/0/writeOnly | writeOnly: a response must not contain it\n"
                        " | /required | the member \"id\" is missing");
}

static void without_a_direction_they_are_remarks(void **state)
{
    (void)state;
    assert_true(valid(ORDER, "{\"id\":\"a\",\"card\":1,\"qty\":1}"));
    assert_false(valid(ORDER, "{\"card\":1,\"qty\":1}"));
}

/* ---- deprecated ---- */

static const char *deprecated_in(const char *schema, const char *value)
{
    struct belay_schema *s = compile(schema);
    struct belay_schema_faults notes = { .arena = &arena };
    belay_schema_deprecated(s, parse(value), &notes);
    if (!belay_schema_has_deprecated(s))
        assert_int_equal(notes.count, 0);
    belay_schema_free(s);
    return lines_of(&notes);
}

static void what_is_deprecated_is_told_where_it_is_used(void **state)
{
    (void)state;
    const char *schema = "{\"properties\":{\"old\":{\"deprecated\":true},\"new\":{\"deprecated\":false},"
                         "\"list\":{\"items\":{\"deprecated\":true,\"type\":\"null\"}}}}";
    assert_string_equal(deprecated_in(schema, "{\"new\":1}"), "");
    assert_string_equal(deprecated_in(schema, "{\"old\":1,\"list\":[null]}"),
                        "/old | /properties/old/deprecated | the member \"old\" is deprecated\n"
                        "/list/0 | /properties/list/items/deprecated | this is deprecated");
    assert_string_equal(deprecated_in("{\"type\":\"object\"}", "{}"), "");
}

static void an_alternative_that_does_not_fit_tells_nothing(void **state)
{
    (void)state;
    const char *schema = "{\"anyOf\":[{\"properties\":{\"a\":{\"deprecated\":true}},\"required\":[\"b\"]},"
                         "{\"properties\":{\"a\":{\"type\":\"integer\"}}},"
                         "{\"properties\":{\"c\":{\"deprecated\":true}}}],"
                         "\"not\":{\"properties\":{\"a\":{\"deprecated\":true,\"const\":0}},\"required\":[\"a\"]}}";
    assert_string_equal(deprecated_in(schema, "{\"a\":1,\"c\":1}"),
                        "/c | /anyOf/2/properties/c/deprecated | the member \"c\" is deprecated");
}

/* ---- discriminator ---- */

#define PETS                                                                                                \
    "{\"components\":{\"schemas\":{\"Cat\":{\"required\":[\"lives\"]},\"Dog\":{\"required\":[\"bark\"]}}},"      \
    "\"oneOf\":[{\"$ref\":\"#/components/schemas/Cat\"},{\"$ref\":\"#/components/schemas/Dog\"}],"              \
    "\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{\"hound\":\"Dog\","                              \
    "\"tom\":\"#/components/schemas/Cat\"}}}"

static void a_discriminator_says_which_alternative_was_meant(void **state)
{
    static const struct {
        const char *value, *faults;
    } rows[] = {
        { "{\"kind\":\"Dog\"}", " | /components/schemas/Dog/required | the member \"bark\" is missing" },
        { "{\"kind\":\"hound\"}", " | /components/schemas/Dog/required | the member \"bark\" is missing" },
        { "{\"kind\":\"tom\"}", " | /components/schemas/Cat/required | the member \"lives\" is missing" },
        { "{\"kind\":\"wolf\"}", "/kind | /discriminator | \"wolf\" names none of the alternatives" },
        { "{\"kind\":1}", " | /discriminator | the member \"kind\", which tells the alternatives apart, is no text" },
        { "{}", " | /discriminator | the member \"kind\", which tells the alternatives apart, is missing" },
        { "{\"kind\":\"Cat\",\"bark\":1,\"lives\":9}",
          " | /oneOf | the object fits alternatives 1 and 2; exactly one is allowed" },
    };
    (void)state;
    assert_true(valid(PETS, "{\"kind\":\"Dog\",\"bark\":1}"));
    assert_true(valid(PETS, "{\"bark\":1}")); /* it changes no verdict */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(faults_of(PETS, rows[i].value), rows[i].faults);
}

/* ---- views ---- */

enum {
    NUMBER = 1 << BELAY_JSON_INT | 1 << BELAY_JSON_DOUBLE | 1 << BELAY_JSON_BIG,
    STRING = 1 << BELAY_JSON_STRING,
    NULL_ = 1 << BELAY_JSON_NULL,
    BOOLEAN = 1 << BELAY_JSON_TRUE | 1 << BELAY_JSON_FALSE,
    ARRAY = 1 << BELAY_JSON_ARRAY,
    OBJECT = 1 << BELAY_JSON_OBJECT,
    EVERY = NUMBER | STRING | NULL_ | BOOLEAN | ARRAY | OBJECT
};

static void a_schema_tells_the_types_it_admits(void **state)
{
    static const struct {
        const char *schema;
        unsigned types;
        bool integer;
    } rows[] = {
        { "true", EVERY, false },
        { "false", 0, false },
        { "{\"type\":\"integer\"}", NUMBER, true },
        { "{\"type\":[\"number\",\"null\"]}", NUMBER | NULL_, false },
        { "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"boolean\"}}}", BOOLEAN, false },
        { "{\"allOf\":[{\"type\":[\"string\",\"number\"]},{\"type\":\"integer\"}]}", NUMBER, true },
        { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}", STRING | NUMBER, true },
        { "{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}", NUMBER, false },
        { "{\"const\":1}", NUMBER, false },
        { "{\"enum\":[\"a\",null]}", STRING | NULL_, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_schema *s = compile(rows[i].schema);
        bool integer;
        assert_int_equal(belay_schema_types(belay_schema_root(s), &integer), rows[i].types);
        assert_int_equal(integer, rows[i].integer);
        belay_schema_free(s);
    }
    assert_int_equal(belay_schema_types(NULL, NULL), EVERY);
}

static unsigned member_types(const struct belay_schema_node *n, const char *name)
{
    return belay_schema_types(belay_schema_member(n, belay_str_c(name)), NULL);
}

static void a_schema_tells_its_parts(void **state)
{
    (void)state;
    struct belay_schema *s = compile(
        "{\"$ref\":\"#/$defs/base\",\"properties\":{\"list\":{\"prefixItems\":[{\"type\":\"null\"}],"
        "\"items\":{\"type\":\"integer\"}}},\"patternProperties\":{\"^n_\":{\"type\":\"number\"}},"
        "\"$defs\":{\"base\":{\"anyOf\":[true,{\"properties\":{\"deep\":{\"type\":\"string\"}}}],"
        "\"additionalProperties\":{\"type\":\"boolean\"}}}}");
    const struct belay_schema_node *root = belay_schema_root(s), *list;
    list = belay_schema_member(root, BELAY_STR("list"));
    assert_int_equal(belay_schema_types(belay_schema_item(list, 0), NULL), NULL_);
    assert_int_equal(belay_schema_types(belay_schema_item(list, 7), NULL), NUMBER);
    assert_int_equal(member_types(root, "n_x"), NUMBER);
    assert_int_equal(member_types(root, "other"), BOOLEAN); /* of what it refers to */
    assert_null(belay_schema_item(root, 0));
    assert_null(belay_schema_member(list, BELAY_STR("x")));
    assert_null(belay_schema_member(NULL, BELAY_STR("x")));
    assert_null(belay_schema_item(NULL, 0));
    belay_schema_free(s);
    s = compile("{\"allOf\":[{\"anyOf\":[true,{\"properties\":{\"deep\":{\"type\":\"string\"}}}]}]}");
    assert_int_equal(member_types(belay_schema_root(s), "deep"), STRING);
    belay_schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_has_nothing_that_is_read_only),
        TEST(a_response_has_nothing_that_is_write_only),
        TEST(without_a_direction_they_are_remarks),
        TEST(what_is_deprecated_is_told_where_it_is_used),
        TEST(an_alternative_that_does_not_fit_tells_nothing),
        TEST(a_discriminator_says_which_alternative_was_meant),
        TEST(a_schema_tells_the_types_it_admits),
        TEST(a_schema_tells_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
