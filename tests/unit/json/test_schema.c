/* What the suite does not ask: the sentences and pointers of faults, schemas that are refused, bounds
 * beyond doubles, no memory, no allocation. The suite itself: test_schema_suite.c. */
#include "unit/json/schema_test.h"

/* ---- faults ---- */

static void each_keyword_says_what_is_wrong(void **state)
{
    static const struct {
        const char *schema, *value, *fault;
    } rows[] = {
        { "{\"minimum\":1}", "0", " | /minimum | 0 is less than the minimum 1" },
        { "{\"maximum\":1}", "1.5", " | /maximum | 1.5 is greater than the maximum 1" },
        { "{\"exclusiveMinimum\":1}", "1", " | /exclusiveMinimum | 1 is not greater than 1" },
        { "{\"exclusiveMaximum\":1}", "1", " | /exclusiveMaximum | 1 is not less than 1" },
        { "{\"multipleOf\":0.01}", "1.005", " | /multipleOf | 1.005 is not a multiple of 0.01" },
        { "{\"type\":\"string\"}", "7", " | /type | 7 is a number, not string" },
        { "{\"type\":[\"string\",\"null\"]}", "[]",
          " | /type | [] is an array, not one of [\"string\",\"null\"]" },
        { "{\"type\":\"integer\"}", "1.5", " | /type | 1.5 is a number, not integer" },
        { "{\"minLength\":2}", "\"\xc3\xa4\"",
          " | /minLength | \"\xc3\xa4\" has 1 character, fewer than the 2 allowed" },
        { "{\"maxLength\":2}", "\"abc\"", " | /maxLength | \"abc\" has 3 characters, more than the 2 allowed" },
        { "{\"pattern\":\"^[A-Z]+$\"}", "\"abc\"",
          " | /pattern | \"abc\" does not match the pattern ^[A-Z]+$" },
        { "{\"format\":\"uuid\"}", "\"abc\"", " | /format | \"abc\" is no uuid" },
        { "{\"format\":\"int32\"}", "4294967296", " | /format | 4294967296 does not fit int32" },
        { "{\"enum\":[\"a\",1]}", "\"b\"", " | /enum | \"b\" is not one of [\"a\",1]" },
        { "{\"const\":null}", "false", " | /const | false is not null" },
        { "{\"minItems\":1}", "[]", " | /minItems | 0 items, fewer than the minimum 1" },
        { "{\"maxItems\":1}", "[1,2]", " | /maxItems | 2 items, more than the maximum 1" },
        { "{\"uniqueItems\":true}", "[1,1.0]", " | /uniqueItems | the items are not all different" },
        { "{\"contains\":{\"type\":\"string\"}}", "[1]",
          " | /contains | 0 items fit what the array must contain, at least 1 must" },
        { "{\"contains\":true,\"maxContains\":1}", "[1,2]",
          " | /maxContains | 2 items fit what the array may contain at most 1 times" },
        { "{\"items\":{\"minimum\":1}}", "[1,0]", "/1 | /items/minimum | 0 is less than the minimum 1" },
        { "{\"required\":[\"qty\"]}", "{}", " | /required | the member \"qty\" is missing" },
        { "{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"a\":1,\"b/c\":1}",
          "/b~1c | /additionalProperties | the member \"b/c\" is not allowed here" },
        { "{\"properties\":{\"a\":true},\"unevaluatedProperties\":false}", "{\"b\":1}",
          "/b | /unevaluatedProperties | the member \"b\" is not allowed here" },
        { "{\"prefixItems\":[true],\"unevaluatedItems\":false}", "[1,2]",
          "/1 | /unevaluatedItems | the item 1 is not allowed here" },
        { "{\"minProperties\":1}", "{}", " | /minProperties | 0 members, fewer than the minimum 1" },
        { "{\"maxProperties\":0}", "{\"a\":1}", " | /maxProperties | 1 members, more than the maximum 0" },
        { "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
          " | /dependentRequired | where there is \"a\" there must be \"b\"" },
        { "{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}",
          "/ab | /propertyNames/maxLength | \"ab\" has 2 characters, more than the 1 allowed" },
        { "{\"not\":{\"type\":\"null\"}}", "null", " | /not | null is what is not allowed here" },
        { "{\"anyOf\":[{\"minimum\":5},{\"multipleOf\":2}]}", "3",
          " | /anyOf | 3 fits none of the 2 alternatives" },
        { "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3",
          " | /oneOf | 3 fits alternatives 1 and 2; exactly one is allowed" },
        { "{\"properties\":{\"a\":false}}", "{\"a\":1}", "/a | /properties/a | nothing is allowed here" },
        { "{\"patternProperties\":{\"^x\":{\"type\":\"null\"}}}", "{\"xa\":1}",
          "/xa | /patternProperties/^x/type | 1 is a number, not null" },
        { "{\"dependentSchemas\":{\"a\":{\"required\":[\"b\"]}}}", "{\"a\":1}",
          " | /dependentSchemas/a/required | the member \"b\" is missing" },
        { "{\"if\":{\"minimum\":5},\"then\":{\"maximum\":8},\"else\":{\"maximum\":2}}", "9",
          " | /then/maximum | 9 is greater than the maximum 8" },
        { "{\"if\":{\"minimum\":5},\"then\":{\"maximum\":8},\"else\":{\"maximum\":2}}", "3",
          " | /else/maximum | 3 is greater than the maximum 2" },
        { "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"null\"}}}", "1",
          " | /$defs/a/type | 1 is a number, not null" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(faults_of(rows[i].schema, rows[i].value), rows[i].fault);
}

static void every_fault_is_named(void **state)
{
    (void)state;
    const char *order = "{\"type\":\"object\",\"required\":[\"id\",\"items\"],\"properties\":{"
                        "\"id\":{\"type\":\"string\"},\"items\":{\"type\":\"array\",\"minItems\":3,\"items\":{"
                        "\"type\":\"object\",\"properties\":{\"qty\":{\"type\":\"integer\",\"minimum\":1,"
                        "\"multipleOf\":2}}}}},\"additionalProperties\":false}";
    assert_string_equal(faults_of(order, "{\"items\":[{\"qty\":-1},{\"qty\":\"x\"}],\"more\":1}"),
                        "/items | /properties/items/minItems | 2 items, fewer than the minimum 3\n"
                        "/items/0/qty | /properties/items/items/properties/qty/minimum | -1 is less than the minimum 1\n"
                        "/items/0/qty | /properties/items/items/properties/qty/multipleOf | -1 is not a multiple of 2\n"
                        "/items/1/qty | /properties/items/items/properties/qty/type | \"x\" is a string, not integer\n"
                        "/more | /additionalProperties | the member \"more\" is not allowed here\n"
                        " | /required | the member \"id\" is missing");
}

/* The last counts to who reads it; what is wrong with the first is a fault all the same (decision 0445). */
static void each_of_two_members_of_one_name_is_judged(void **state)
{
    (void)state;
    const char *schema = "{\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\"}},\"maxProperties\":2}";
    assert_string_equal(faults_of(schema, "{\"id\":7,\"id\":\"good\"}"), "/id | /properties/id/type | 7 is a number, not string");
    assert_string_equal(faults_of(schema, "{\"id\":\"good\",\"id\":7}"), "/id | /properties/id/type | 7 is a number, not string");
    assert_string_equal(faults_of(schema, "{\"id\":\"a\",\"id\":\"b\"}"), "");
    assert_string_equal(faults_of(schema, "{\"id\":\"a\",\"id\":\"b\",\"x\":1}"), " | /maxProperties | 3 members, more than the maximum 2");
}

/* Where only one alternative is for values of this type, its faults are the helpful ones. */
static void the_alternative_that_was_meant_speaks(void **state)
{
    (void)state;
    assert_string_equal(faults_of("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"integer\",\"minimum\":1}]}", "0"),
                        " | /anyOf/1/minimum | 0 is less than the minimum 1");
    assert_string_equal(faults_of("{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/n\"}],"
                                  "\"$defs\":{\"n\":{\"type\":\"integer\",\"minimum\":1}}}", "0"),
                        " | /$defs/n/minimum | 0 is less than the minimum 1");
}

static void faults_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    struct belay_schema *s = compile("{\"items\":false}");
    struct belay_schema_faults faults = { .arena = &arena, .count_max = 3 };
    assert_false(belay_schema_valid(s, parse("[1,2,3,4,5]"), &faults));
    assert_int_equal(faults.count, 3);
    assert_int_equal(faults.dropped, 2);
    assert_str(faults.items[2].instance, "/2");
    belay_schema_free(s);
}

static void long_values_are_cut_at_a_character(void **state)
{
    (void)state;
    char value[300] = "\"";
    for (int i = 0; i < 100; i++)
        memcpy(value + 1 + 2 * i, "\xc3\xa4", 3);
    memcpy(value + 201, "\"", 2);
    const char *text = faults_of("{\"maxLength\":2}", value);
    const char *dots = strstr(text, "...");
    assert_non_null(dots);
    assert_int_equal((unsigned char)dots[-1], 0xa4);
}

/* ---- numbers ---- */

static void bounds_and_multiples_are_exact(void **state)
{
    (void)state;
    assert_false(valid("{\"maximum\":9007199254740992}", "9007199254740993"));
    assert_true(valid("{\"maximum\":9007199254740993}", "9007199254740993"));
    assert_false(valid("{\"maximum\":100000000000000000000}", "100000000000000000001"));
    assert_false(valid("{\"exclusiveMinimum\":0.1}", "0.1"));
    assert_true(valid("{\"exclusiveMinimum\":0.1}", "0.1000000000000000000001"));
    assert_true(valid("{\"multipleOf\":0.01}", "19.99"));
    assert_true(valid("{\"multipleOf\":0.01}", "4.35"));
    assert_true(valid("{\"multipleOf\":0.1}", "1e300"));
    assert_true(valid("{\"multipleOf\":1e-8}", "12391239123"));
    assert_false(valid("{\"multipleOf\":0.123456789}", "1e308"));
    assert_true(valid("{\"multipleOf\":3}", "-9"));
    assert_true(valid("{\"multipleOf\":1000}", "5e3"));
    assert_false(valid("{\"multipleOf\":1000}", "5500"));
    assert_true(valid("{\"multipleOf\":7}", "777777777777777777777777777777"));
    assert_false(valid("{\"multipleOf\":7}", "777777777777777777777777777778"));
    assert_true(valid("{\"multipleOf\":0.00000000000000000001}", "1.23456789012345678901"));
    assert_false(valid("{\"multipleOf\":0.0000000000000000001}", "1.23456789012345678901"));
    assert_true(valid("{\"multipleOf\":18446744073709551557}", "-36893488147419103114"));
    assert_true(valid("{\"multipleOf\":5}", "0"));
    assert_true(valid("{\"multipleOf\":5}", "0.00000000000000000000"));
    assert_true(valid("{\"type\":\"integer\"}", "1.0"));
    assert_true(valid("{\"type\":\"integer\"}", "12345678901234567890.0"));
    assert_true(valid("{\"type\":\"integer\"}", "1.23456789012345678901e20"));
    assert_false(valid("{\"type\":\"integer\"}", "1.23456789012345678901e19"));
    assert_true(valid("{\"type\":\"integer\"}", "1e400"));
    assert_false(valid("{\"type\":\"integer\"}", "1e-400"));
    assert_true(valid("{\"type\":\"integer\"}", "123456789012345678900e-2"));
}

/* ---- strings ---- */

static void patterns_mean_what_ecma_262_says(void **state)
{
    static const struct {
        const char *pattern, *value;
        bool match;
    } rows[] = {
        { "^a$", "\"a\\n\"", false },           { "^\\\\S+$", "\"a\\u00a0\"", false },
        { "^\\\\s$", "\"\\ufeff\"", true },     { "^[\\\\s]$", "\"\\u2003\"", true },
        { "^[^\\\\S]$", "\" \"", true },        { "^.$", "\"\\u2028\"", false },
        { "^\\\\d$", "\"\\u0661\"", false },    { "^\\\\w$", "\"\xc3\xa4\"", false },
        { "^\\\\p{Letter}$", "\"\xc3\xa4\"", true }, { "^\\\\P{Lu}$", "\"A\"", false },
        { "^\\\\p{Script=Greek}$", "\"\xce\xb1\"", true }, { "^\\\\u00e4$", "\"\xc3\xa4\"", true },
        { "^\\\\ud83d\\\\ude00$", "\"\\ud83d\\ude00\"", true }, { "^\\\\u{1f600}$", "\"\\ud83d\\ude00\"", true },
        { "^\\\\cJ$", "\"\\n\"", true },        { "^\\\\v$", "\"\\u000b\"", true },
        { "^\\\\v$", "\"\\n\"", false },        { "^[\\\\b]$", "\"\\b\"", true },
        { "^[[:alpha:]]$", "\"a]\"", true },    { "^a{,3}$", "\"a{,3}\"", true },
        { "^x{2,3}?$", "\"xx\"", true },        { "^[^]$", "\"\\n\"", true },
        { "[]", "\"a\"", false },               { "^(?<y>\\\\d{4})-\\\\k<y>$", "\"2024-2024\"", true },
        { "(a)|b\\\\1", "\"b\"", true },        { "^(?!x)", "\"xa\"", false },
        { "a", "\"bab\"", true },               { "^\\\\/\\\\-\\\\@$", "\"/-@\"", true },
        { "^\\\\0$", "\"\\u0000\"", true },     { "^\\\\x41$", "\"A\"", true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char schema[200];
        snprintf(schema, sizeof schema, "{\"pattern\":\"%s\"}", rows[i].pattern);
        if (valid(schema, rows[i].value) != rows[i].match)
            fail_msg("%s %s %s", rows[i].pattern, rows[i].match ? "does not match" : "matches", rows[i].value);
    }
}

static void a_pattern_that_takes_too_long_is_a_fault_and_not_a_hang(void **state)
{
    (void)state;
    const char *text = faults_of("{\"pattern\":\"^(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"");
    assert_non_null(strstr(text, "too costly"));
}

/* Each place of the text is a beginning, and none needs a step back: PCRE2 sees no cost in that. */
static void the_square_of_a_long_text_is_too_costly_and_once_through_it_is_not(void **state)
{
    static char text[100000];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[0] = text[sizeof text - 2] = '"';
    assert_non_null(strstr(faults_of("{\"pattern\":\"[a-z]*[a-y]*\\\\d\"}", text), "too costly"));
    assert_true(valid("{\"pattern\":\"^[a-z]+$\"}", text));
    assert_true(valid("{\"pattern\":\"^(?:a|b)+$\"}", text));
    assert_false(valid("{\"pattern\":\"^[b-z]\"}", text));
}

/* ---- refused schemas ---- */

static void a_wrong_schema_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *schema;
        int status;
        const char *part;
    } rows[] = {
        { "{\"type\":\"strin\"}", BELAY_INVALID, "there is no type \"strin\"; did you mean \"string\"? at #" },
        { "{\"properties\":{\"a\":{\"type\":7}}}", BELAY_INVALID, "at #/properties/a" },
        { "{\"properties\":{\"a/b\":3}}", BELAY_INVALID, "not number at #/properties/a~1b" },
        { "{\"items\":[{}]}", BELAY_INVALID, "not array at #/items" },
        { "{\"pattern\":\"(\"}", BELAY_INVALID, "the pattern \"(\"" },
        { "{\"pattern\":\"a++\"}", BELAY_INVALID, "nothing to repeat" },
        { "{\"pattern\":\"\\\\Aa\\\\Z\"}", BELAY_INVALID, "ECMA-262 does not know" },
        { "{\"pattern\":\"(?>a)\"}", BELAY_INVALID, "a group" },
        { "{\"pattern\":\"(*FAIL)\"}", BELAY_INVALID, "nothing to repeat" },
        { "{\"pattern\":7}", BELAY_INVALID, "must be a string" },
        { "{\"patternProperties\":{\"[\":true}}", BELAY_INVALID, "the pattern \"[\"" },
        { "{\"$ref\":\"#/$defs/none\"}", BELAY_INVALID, "leads to nothing at #" },
        { "{\"$ref\":\"#none\"}", BELAY_INVALID, "names no anchor" },
        { "{\"$ref\":\"http://example.com/s\"}", BELAY_INVALID, "no known document" },
        { "{\"$ref\":\"#/%zz\"}", BELAY_INVALID, "malformed" },
        { "{\"$ref\":\"#\"}", BELAY_INVALID, "refers to itself" },
        { "{\"allOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#\"}]}}}", BELAY_INVALID,
          "refers to itself" },
        { "{\"allOf\":[]}", BELAY_INVALID, "not empty" },
        { "{\"enum\":3}", BELAY_INVALID, "enum must be an array" },
        { "{\"required\":\"a\"}", BELAY_INVALID, "arrays of names" },
        { "{\"required\":[1]}", BELAY_INVALID, "arrays of names" },
        { "{\"dependentRequired\":{\"a\":{}}}", BELAY_INVALID, "arrays of names" },
        { "{\"properties\":[]}", BELAY_INVALID, "must be an object" },
        { "{\"minLength\":-1}", BELAY_INVALID, "minLength must be a whole number" },
        { "{\"maxItems\":1.5}", BELAY_INVALID, "maxItems must be a whole number" },
        { "{\"minimum\":\"1\"}", BELAY_INVALID, "minimum must be a number" },
        { "{\"exclusiveMinimum\":true}", BELAY_INVALID, "OpenAPI 3.0" },
        { "{\"multipleOf\":0}", BELAY_INVALID, "above 0" },
        { "{\"multipleOf\":1.23456789012345678901}", BELAY_UNSUPPORTED, "19 digits" },
        { "{\"uniqueItems\":1}", BELAY_INVALID, "true or false" },
        { "{\"format\":1}", BELAY_INVALID, "format must be a string" },
        { "{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", BELAY_UNSUPPORTED,
          "the dialect http://json-schema.org/draft-04/schema is not known" },
        { "{\"$id\":\"http://x/\",\"$defs\":{\"a\":{\"$id\":\"a\",\"$schema\":\"http://y/\"}}}", BELAY_UNSUPPORTED,
          "the dialect http://y/ is not known (2020-12, 2019-09 and draft-07 are) at #/$defs/a" },
        { "{\"readOnly\":1}", BELAY_INVALID, "readOnly must be true or false" },
        { "{\"discriminator\":\"type\"}", BELAY_INVALID, "discriminator must be an object with a propertyName" },
        { "{\"oneOf\":[true],\"discriminator\":{\"propertyName\":\"t\",\"mapping\":{\"a\":\"#/none\"}}}", BELAY_INVALID,
          "#/none leads to nothing" },
        { "7", BELAY_INVALID, "a schema is an object" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status;
        const char *why = refusal_of(rows[i].schema, &status);
        if (status != rows[i].status || !strstr(why, rows[i].part))
            fail_msg("%s: %s", rows[i].schema, why);
        const char *told = mistakes_in(rows[i].schema, rows[i].status);
        if (!strstr(told, rows[i].part))
            fail_msg("%s: told was %s", rows[i].schema, told);
    }
}

static void what_no_schema_names_is_told_beside_other_faults(void **state)
{
    (void)state;
    assert_string_equal(faults_of("{\"properties\":{\"a\":{\"type\":\"string\"}},\"anyOf\":[{\"properties\":"
                                  "{\"b\":{\"const\":1}},\"required\":[\"b\"]},{\"properties\":{\"c\":{\"const\":1}},\"required\":[\"c\"]}],"
                                  "\"if\":{\"required\":[\"none\"]},\"then\":{\"properties\":{\"d\":true}},"
                                  "\"unevaluatedProperties\":false}",
                                  "{\"a\":1,\"b\":1,\"c\":2,\"d\":3,\"e\":4}"),
                        "/a | /properties/a/type | 1 is a number, not string\n"
                        "/e | /unevaluatedProperties | the member \"e\" is not allowed here");
    assert_string_equal(faults_of("{\"prefixItems\":[{\"const\":1}],\"unevaluatedItems\":false}", "[2,3]"),
                        "/0 | /prefixItems/0/const | 2 is not 1\n"
                        "/1 | /unevaluatedItems | the item 1 is not allowed here");
    assert_string_equal(faults_of("{\"prefixItems\":[{\"const\":1}],\"contains\":{\"const\":5},\"unevaluatedItems\":false}", "[2,3]"),
                        "/0 | /prefixItems/0/const | 2 is not 1\n"
                        " | /contains | 0 items fit what the array must contain, at least 1 must");
}

/* Each level names the next twice: what is looked at for the faults is bounded, too. */
static void unevaluated_members_of_a_wrong_value_are_looked_for_in_bounded_time(void **state)
{
    struct belay_buf schema;
    (void)state;
    belay_buf_init(&schema, BELAY_KIB(64));
    belay_buf_printf(&schema, "{\"minProperties\":2,\"unevaluatedProperties\":false,\"anyOf\":[{\"$ref\":\"#/$defs/n0\"},true],\"$defs\":{");
    for (int i = 0; i < 60; i++)
        belay_buf_printf(&schema, "\"n%d\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/n%d\"},{\"$ref\":\"#/$defs/n%d\"}]},", i, i + 1, i + 1);
    belay_buf_printf(&schema, "\"n60\":{\"type\":\"object\"}}}");
    belay_buf_put_c(&schema, '\0');
    assert_non_null(strstr(faults_of(schema.p, "{\"a\":1}"), "fewer"));
    belay_buf_deinit(&schema);
}

static void every_mistake_of_a_schema_is_told(void **state)
{
    (void)state;
    assert_string_equal(mistakes_in("{\"type\":\"objekt\",\"properties\":{\"a\":{\"type\":[\"intger\",1]},\"b\":7,"
                                    "\"c\":{\"$ref\":\"#/$defs/d/addres\",\"pattern\":\"(\"}},\"required\":\"a\","
                                    "\"$defs\":{\"d\":{\"address\":1},\"e\":{\"allOf\":[],\"$ref\":\"#/$defs/e\"}},"
                                    "\"items\":{\"$ref\":\"#/$defs/e\"}}",
                                    BELAY_INVALID),
                        "a schema is an object, true or false, not number at #/properties/b\n"
                        "there is no type \"objekt\"; did you mean \"object\"? at #\n"
                        "required wants arrays of names at #\n"
                        "allOf must be an array of schemas, not empty at #/$defs/e\n"
                        "the reference #/$defs/d/addres leads to nothing; did you mean 'address'? at #/properties/c\n"
                        "the pattern \"(\": missing closing parenthesis at #/properties/c\n"
                        "there is no type \"intger\"; did you mean \"integer\"? at #/properties/a\n");
    assert_string_equal(mistakes_in("{\"dependentSchemas\":{\"a\":[\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}}", BELAY_INVALID),
                        "a schema is an object, true or false, not array at #/dependentSchemas/a\n");
    /* what hangs together is looked at once it is whole */
    assert_string_equal(mistakes_in("{\"$ref\":\"#\"}", BELAY_INVALID), "the schema refers to itself at #\n");
}

/* Of what another document says too little is known to go into it. */
static const belay_json *resolve_broken(void *arg, struct belay_str uri)
{
    (void)arg;
    (void)uri;
    return parse("{\"$schema\":\"http://none/\",\"properties\":{\"a\":{\"properties\":{\"b\":{}}}},\"$defs\":{\"d\":{\"not\":{}}}}");
}

static void a_broken_document_is_told_once_and_not_entered(void **state)
{
    (void)state;
    options.resolve = resolve_broken;
    assert_string_equal(mistakes_in("{\"allOf\":[{\"$ref\":\"http://x/\"},{\"$ref\":\"http://x/\"},"
                                    "{\"$ref\":\"http://x/#/properties/a\"},{\"$ref\":\"http://x/#/$defs/d\"},{\"type\":1}]}",
                                    BELAY_INVALID),
                        "type must be a string or an array of strings at #/allOf/4\n"
                        "the dialect http://none/ is not known (2020-12, 2019-09 and draft-07 are) at http://x/#\n");
}

/* ---- documents ---- */

static void a_schema_within_an_openapi_document_finds_its_components(void **state)
{
    (void)state;
    const belay_json *root = parse(
        "{\"openapi\":\"3.1.0\",\"paths\":{\"/orders\":{\"schema\":{\"type\":\"array\","
        "\"items\":{\"$ref\":\"#/components/schemas/Order\"},\"minItems\":1}}},"
        "\"components\":{\"schemas\":{\"Order\":{\"properties\":{\"qty\":{\"$ref\":\"#/components/schemas/Qty\"},"
        "\"next\":{\"$ref\":\"#/components/schemas/Order\"},\"pet\":{\"$ref\":\"#pet\"}}},"
        "\"Qty\":{\"minimum\":1},\"Pet\":{\"$anchor\":\"pet\",\"type\":\"string\"}}}}");
    const belay_json *schema = belay_json_pointer(root, BELAY_STR("/paths/~1orders/schema"));
    struct belay_schema *s = NULL;
    struct belay_schema_faults faults = { .arena = &arena };
    assert_ok(belay_schema_compile(root, schema, NULL, &s, NULL));
    assert_true(belay_schema_valid(s, parse("[{\"qty\":1,\"next\":{\"qty\":2},\"pet\":\"x\"}]"), NULL));
    assert_false(belay_schema_valid(s, parse("[{\"next\":{\"qty\":0}}]"), &faults));
    assert_str(faults.items[0].instance, "/0/next/qty");
    assert_str(faults.items[0].schema, "/components/schemas/Qty/minimum");
    assert_false(belay_schema_valid(s, parse("[]"), &faults));
    assert_str(faults.items[1].schema, "/paths/~1orders/schema/minItems");
    belay_schema_free(s);
}

/* Wherever the walk begins, the longest chain is found: the stack is the caller's. */
static void a_chain_of_schemas_for_one_value_has_an_end(void **state)
{
    (void)state;
    struct belay_buf schema;
    belay_buf_init(&schema, BELAY_MIB(1));
    belay_buf_printf(&schema, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    for (int i = 0; i < 2000; i++)
        belay_buf_printf(&schema, "\"%d\":{\"$ref\":\"#/$defs/%d\"},", i, i + 1);
    belay_buf_printf(&schema, "\"2000\":{\"type\":\"null\"}}}");
    belay_buf_put_c(&schema, '\0');
    int status;
    assert_non_null(strstr(refusal_of(schema.p, &status), "more than 200 schemas for one value"));
    assert_int_equal(status, BELAY_LIMIT);
    belay_buf_deinit(&schema);
}

/* Each level of the value is seen by many schemas: more than a stack should bear is a fault. */
static void a_value_too_deep_for_the_stack_is_a_fault(void **state)
{
    (void)state;
    struct belay_buf schema, value;
    belay_buf_init(&schema, BELAY_MIB(1));
    belay_buf_init(&value, BELAY_MIB(1));
    for (int i = 0; i < 150; i++)
        belay_buf_printf(&schema, "{\"allOf\":[");
    belay_buf_printf(&schema, "{\"items\":{\"$ref\":\"#\"}}");
    for (int i = 0; i < 150; i++)
        belay_buf_printf(&schema, "]}");
    for (int i = 0; i < 120; i++)
        belay_buf_printf(&value, "[");
    for (int i = 0; i < 120; i++)
        belay_buf_printf(&value, "]");
    belay_buf_put_c(&schema, '\0');
    belay_buf_put_c(&value, '\0');
    assert_non_null(strstr(faults_of(schema.p, value.p), "the value is nested too deeply for this schema"));
    assert_false(valid(schema.p, value.p));
    assert_true(valid(schema.p, "[[[[]]]]"));
    belay_buf_deinit(&schema);
    belay_buf_deinit(&value);
}

/* ---- bounds ---- */

/* Schemas that refer to one another twice: each step doubles the work. */
static void work_that_doubles_has_an_end(void **state)
{
    (void)state;
    struct belay_buf schema;
    belay_buf_init(&schema, BELAY_MIB(1));
    belay_buf_printf(&schema, "{\"not\":{\"$ref\":\"#/$defs/0\"},\"$defs\":{");
    for (int i = 0; i < 60; i++)
        belay_buf_printf(&schema, "\"%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/%d\"},{\"$ref\":\"#/$defs/%d\"}]},", i, i + 1, i + 1);
    belay_buf_printf(&schema, "\"60\":{\"type\":\"null\"}}}");
    belay_buf_put_c(&schema, '\0');
    assert_non_null(strstr(faults_of(schema.p, "1"), "the value takes too long to validate by this schema"));
    struct belay_schema *s = compile(schema.p);
    assert_int_equal(belay_schema_types(belay_schema_root(s), NULL), 0x1ff);
    belay_schema_free(s);
    belay_buf_deinit(&schema);
}

static void too_many_names_or_members_are_refused(void **state)
{
    (void)state;
    struct belay_buf schema;
    int status;
    belay_buf_init(&schema, BELAY_MIB(1));
    for (int i = 0; i < 5000; i++)
        belay_buf_printf(&schema, "%s{\"$anchor\":\"a%d\"}", i ? "," : "{\"anyOf\":[", i);
    belay_buf_put(&schema, "]}", 3);
    assert_non_null(strstr(refusal_of(schema.p, &status), "more than 4096 documents, $ids and anchors"));
    assert_int_equal(status, BELAY_LIMIT);
    belay_buf_clear(&schema);
    for (int i = 0; i < 10001; i++)
        belay_buf_printf(&schema, "%c\"type\":\"null\"", i ? ',' : '{');
    belay_buf_put(&schema, "}", 2);
    assert_non_null(strstr(refusal_of(schema.p, &status), "more than 10000 members in one schema"));
    assert_int_equal(status, BELAY_LIMIT);
    belay_buf_deinit(&schema);
}

#define COSTLY "{\"pattern\":\"^(a+)+$\"}"
#define TEXT "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\""

static void what_a_costly_pattern_leaves_open_is_not_valid(void **state)
{
    (void)state;
    assert_true(valid("{\"anyOf\":[" COSTLY ",{\"type\":\"string\"}]}", TEXT));
    assert_false(valid("{\"anyOf\":[" COSTLY ",{\"type\":\"null\"}]}", TEXT));
    assert_string_equal(faults_of("{\"not\":" COSTLY "}", TEXT), " | /not | a pattern in it is too costly to match");
    assert_string_equal(faults_of("{\"oneOf\":[" COSTLY ",true]}", TEXT), " | /oneOf | a pattern in it is too costly to match");
    assert_string_equal(faults_of("{\"if\":" COSTLY ",\"else\":true}", TEXT), " | /if | a pattern in it is too costly to match");
    assert_string_equal(faults_of("{\"patternProperties\":{\"^(a+)+$\":false}}", "{" TEXT ":1}"),
                        "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab | /patternProperties | "
                        "its name is too costly to match with a pattern");
}

static const belay_json *resolve_one(void *arg, struct belay_str uri)
{
    return belay_str_eq(uri, BELAY_STR("http://example.com/schemas/qty.json")) ? arg : NULL;
}

static void another_document_is_asked_for_and_named_in_faults(void **state)
{
    (void)state;
    const belay_json *qty = parse("{\"minimum\":1}");
    struct belay_schema_opt opt = { .resolve = resolve_one, .resolve_arg = (void *)(uintptr_t)qty,
                                    .base_uri = BELAY_STR("http://example.com/schemas/order.json") };
    const belay_json *schema = parse("{\"properties\":{\"qty\":{\"$ref\":\"qty.json\"}}}");
    struct belay_schema *s = NULL;
    struct belay_schema_faults faults = { .arena = &arena };
    assert_ok(belay_schema_compile(schema, schema, &opt, &s, NULL));
    assert_false(belay_schema_valid(s, parse("{\"qty\":0}"), &faults));
    assert_str(faults.items[0].schema, "http://example.com/schemas/qty.json#/minimum");
    belay_schema_free(s);
}

/* ---- large values ---- */

static void large_objects_and_arrays_are_handled(void **state)
{
    (void)state;
    struct belay_buf schema, value;
    belay_buf_init(&schema, BELAY_MIB(4));
    belay_buf_init(&value, BELAY_MIB(4));
    belay_buf_printf(&schema, "{\"uniqueItems\":true,\"required\":[\"k0\"");
    for (int i = 1; i < 300; i++)
        belay_buf_printf(&schema, ",\"k%d\"", i);
    belay_buf_printf(&schema, "],\"allOf\":[{\"patternProperties\":{\"^k\":true}}],\"unevaluatedProperties\":false}");
    belay_buf_put_c(&schema, '\0');
    belay_buf_printf(&value, "{\"k0\":0");
    for (int i = 1; i < 5000; i++)
        belay_buf_printf(&value, ",\"k%d\":%d", i, i);
    belay_buf_put(&value, "}", 2);
    assert_true(valid(schema.p, value.p));
    value.p[value.n - 2] = ',';
    value.n--;
    belay_buf_put(&value, "\"other\":1}", 11);
    assert_string_equal(faults_of(schema.p, value.p),
                        "/other | /unevaluatedProperties | the member \"other\" is not allowed here");
    assert_string_equal(faults_of(schema.p, "{}") + 0, faults_of(schema.p, "{}"));
    for (size_t n = 10; n < 3000; n *= 4) {
        belay_buf_clear(&value);
        for (size_t i = 0; i < n; i++)
            belay_buf_printf(&value, "%c{\"a\":%zu}", i ? ',' : '[', i);
        size_t length = value.n;
        belay_buf_put(&value, "]", 2);
        assert_true(valid(schema.p, value.p));
        value.n = length;
        belay_buf_put(&value, ",{\"a\":1.0}]", 12);
        assert_false(valid(schema.p, value.p));
    }
    belay_buf_deinit(&schema);
    belay_buf_deinit(&value);
}

/* ---- memory ---- */

#define EVERYTHING                                                                                       \
    "{\"$id\":\"http://x/y\",\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1,"    \
    "\"multipleOf\":0.5},\"b\":{\"pattern\":\"^[a-z]+\\\\s?$\",\"format\":\"date-time\"},\"c\":{\"items\":{\"$ref\":\"#q\"},"  \
    "\"prefixItems\":[true],\"contains\":{\"const\":1},\"uniqueItems\":true},\"d\":{\"enum\":[1,\"x\"]}},"       \
    "\"required\":[\"a\"],\"patternProperties\":{\"^p\":{\"type\":\"null\"}},\"dependentRequired\":{\"a\":[\"b\"]},"  \
    "\"dependentSchemas\":{\"a\":{\"minProperties\":1}},\"anyOf\":[{\"type\":\"object\"},{\"type\":\"null\"}],"   \
    "\"if\":true,\"then\":{\"required\":[\"b\"]},\"unevaluatedProperties\":false,"                          \
    "\"$defs\":{\"q\":{\"$anchor\":\"q\",\"type\":\"integer\"}}}"
#define FITS "{\"a\":5,\"b\":\"x\",\"c\":[1,2],\"d\":\"x\",\"px\":null}"

static void without_memory_mistakes_are_told_or_not(void **state)
{
    (void)state;
    const belay_json *schema = parse("{\"type\":\"x\",\"properties\":{\"a\":{\"$ref\":\"#/b\"},\"c\":{\"pattern\":\"(\"}}}");
    struct belay_schema *s = NULL;
    struct belay_buf told;
    struct belay_err err;
    int status = BELAY_NOMEM;
    belay_buf_init(&told, BELAY_KIB(64));
    options.mistake = note_mistake;
    options.mistake_arg = &told;
    for (uint64_t n = 0; status == BELAY_NOMEM; n++) {
        belay_alloc_fail_after(n);
        status = belay_schema_compile(schema, schema, &options, &s, &err);
        belay_alloc_fail_after(UINT64_MAX);
    }
    assert_int_equal(status, BELAY_INVALID);
    assert_null(s);
    belay_buf_deinit(&told);
}

static void without_memory_compilation_fails_cleanly(void **state)
{
    (void)state;
    const belay_json *schema = parse(EVERYTHING);
    struct belay_schema *s = NULL;
    struct belay_err err;
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status != BELAY_OK; n++) {
        belay_alloc_fail_after(n);
        status = belay_schema_compile(schema, schema, NULL, &s, &err);
        belay_alloc_fail_after(UINT64_MAX);
        if (status)
            assert_int_equal(status, BELAY_NOMEM);
    }
    belay_schema_free(s);
}

static void a_valid_value_costs_no_allocation(void **state)
{
    (void)state;
    const belay_json *schema = parse(EVERYTHING), *value = parse(FITS);
    struct belay_schema *s = NULL;
    struct belay_schema_faults faults = { .arena = &arena };
    assert_ok(belay_schema_compile(schema, schema, NULL, &s, NULL));
    belay_alloc_fail_after(0);
    bool ok = belay_schema_valid(s, value, &faults);
    uint64_t allocations = belay_alloc_count();
    belay_alloc_fail_after(UINT64_MAX);
    assert_true(ok);
    assert_int_equal(allocations, 0);
    belay_schema_free(s);
}

static void without_memory_faults_are_counted(void **state)
{
    (void)state;
    struct belay_schema *s = compile(EVERYTHING);
    const belay_json *value = parse("{\"a\":0,\"c\":[\"x\",2,2],\"zz\":1}");
    for (uint64_t n = 0; n < 30; n++) {
        struct belay_arena small;
        struct belay_schema_faults faults = { .arena = &small };
        belay_arena_init(&small, 64, BELAY_KIB(64));
        belay_alloc_fail_after(n);
        bool ok = belay_schema_valid(s, value, &faults);
        belay_alloc_fail_after(UINT64_MAX);
        assert_false(ok);
        assert_true(faults.count + faults.dropped >= 4);
        belay_arena_deinit(&small);
    }
    belay_schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_keyword_says_what_is_wrong),
        TEST(every_fault_is_named),
        TEST(each_of_two_members_of_one_name_is_judged),
        TEST(the_alternative_that_was_meant_speaks),
        TEST(faults_beyond_the_limit_are_counted),
        TEST(long_values_are_cut_at_a_character),
        TEST(bounds_and_multiples_are_exact),
        TEST(patterns_mean_what_ecma_262_says),
        TEST(a_pattern_that_takes_too_long_is_a_fault_and_not_a_hang),
        TEST(a_wrong_schema_is_refused_with_its_place),
        TEST(a_chain_of_schemas_for_one_value_has_an_end),
        TEST(a_value_too_deep_for_the_stack_is_a_fault),
        TEST(work_that_doubles_has_an_end),
        TEST(too_many_names_or_members_are_refused),
        TEST(the_square_of_a_long_text_is_too_costly_and_once_through_it_is_not),
        TEST(what_a_costly_pattern_leaves_open_is_not_valid),
        TEST(a_schema_within_an_openapi_document_finds_its_components),
        TEST(what_no_schema_names_is_told_beside_other_faults),
        TEST(unevaluated_members_of_a_wrong_value_are_looked_for_in_bounded_time),
        TEST(every_mistake_of_a_schema_is_told),
        TEST(a_broken_document_is_told_once_and_not_entered),
        TEST(another_document_is_asked_for_and_named_in_faults),
        TEST(large_objects_and_arrays_are_handled),
        TEST(without_memory_mistakes_are_told_or_not),
        TEST(without_memory_compilation_fails_cleanly),
        TEST(a_valid_value_costs_no_allocation),
        TEST(without_memory_faults_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
