#include "base/alloc.h"
#include "base/limits.h"
#include "json/json.h"
#include "unit/test.h"

static struct belay_arena arena;

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    return 0;
}

static int end(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    return 0;
}

static const belay_json *parse(const char *text)
{
    const belay_json *v = NULL;
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, NULL));
    return v;
}

static void a_tape_is_walked_with_first_and_next(void **state)
{
    (void)state;
    const belay_json *v = parse("{\"a\":[1,[2,3],{}],\"b\":\"x\"}");
    assert_int_equal(v->type, BELAY_JSON_OBJECT);
    assert_int_equal(v->n, 2);
    const belay_json *key = belay_json_first(v);
    assert_str(belay_json_str(key), "a");
    const belay_json *item = belay_json_first(key + 1);
    assert_int_equal(item->u.i, 1);
    item = belay_json_next(item);
    assert_int_equal(item->n, 2);
    item = belay_json_next(item);
    assert_int_equal(item->type, BELAY_JSON_OBJECT);
    assert_int_equal(item->n, 0);
    key = belay_json_next(key + 1);
    assert_ptr_equal(belay_json_next(item), key);
    assert_str(belay_json_str(key), "b");
    assert_ptr_equal(belay_json_next(key + 1), belay_json_next(v));
}

static void numbers_keep_what_they_are(void **state)
{
    static const struct {
        const char *text;
        enum belay_json_type type;
    } rows[] = {
        { "0", BELAY_JSON_INT }, { "-0", BELAY_JSON_INT }, { "9223372036854775807", BELAY_JSON_INT },
        { "-9223372036854775808", BELAY_JSON_INT }, { "9223372036854775808", BELAY_JSON_BIG },
        { "-9223372036854775809", BELAY_JSON_BIG }, { "1.0", BELAY_JSON_DOUBLE }, { "1e2", BELAY_JSON_DOUBLE },
        { "0.12345678901234567", BELAY_JSON_DOUBLE }, { "0.123456789012345678", BELAY_JSON_BIG },
        { "1e308", BELAY_JSON_DOUBLE }, { "1e309", BELAY_JSON_BIG }, { "1e-400", BELAY_JSON_BIG },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const belay_json *v = parse(rows[i].text);
        if (v->type != rows[i].type)
            fail_msg("%s became %d", rows[i].text, v->type);
        if (v->type == BELAY_JSON_BIG)
            assert_true(belay_str_eq(belay_json_str(v), belay_str_c(rows[i].text)));
    }
    assert_true(parse("1.5e3")->u.d == 1500.0);
    assert_true(belay_json_number(parse("1e309")) > 1e308);
}

static void strings_are_views_or_unescaped_copies(void **state)
{
    (void)state;
    const char *text = "[\"plain \xc3\xa4\",\"a\\n\\u00e4\\ud83d\\ude00\\u0000\\/\"]";
    const belay_json *v = parse(text);
    const belay_json *plain = belay_json_at(v, 0), *escaped = belay_json_at(v, 1);
    assert_ptr_equal(plain->u.s, text + 2);
    assert_true(plain->flags & BELAY_JSON_PLAIN);
    assert_false(escaped->flags & BELAY_JSON_PLAIN);
    assert_true(belay_str_eq(belay_json_str(escaped), BELAY_STR("a\n\xc3\xa4\xf0\x9f\x98\x80\0/")));
}

static void what_is_wrong_has_its_line_and_column(void **state)
{
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *part;
    } rows[] = {
        { "", 1, 1, "end of the text" }, { "{\n  \"a\": nul\n}", 2, 8, "" }, { "[1,]", 1, 4, "" },
        { "[\"\xc3\xa4\", x]", 1, 7, "" }, /* columns are characters */
        { "{\"a\" 1}", 1, 6, "':'" }, { "[1] 2", 1, 5, "" }, { "\r\n\r\n\t!", 3, 2, "" },
        { "[\"\\ud800\"]", 1, 3, "" }, { "[\"\\x\"]", 1, 3, "" }, { "[\"a\nb\"]", 1, 4, "" }, { "01", 1, 2, "" },
        { "\xef\xbb\xbf{}", 1, 1, "" }, { "{\"a\":1,}", 1, 8, "" }, { "[1 2]", 1, 4, "" }, { "-", 1, 2, "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const belay_json *v = NULL;
        struct belay_json_place place = { 0, 0, 0 };
        struct belay_err err;
        int status = belay_json_parse(belay_str_c(rows[i].text), NULL, &arena, &v, &place, &err);
        assert_int_equal(status, BELAY_SYNTAX);
        assert_null(v);
        if (place.line != rows[i].line || place.column != rows[i].column || !strstr(err.msg, rows[i].part))
            fail_msg("%s: %u:%u %s", rows[i].text, place.line, place.column, err.msg);
    }
}

static void depth_and_size_have_limits(void **state)
{
    (void)state;
    const belay_json *v;
    struct belay_err err;
    struct belay_json_limits limits = { .depth_max = 3, .size_bytes_max = 10 };
    assert_ok(belay_json_parse(BELAY_STR("[[[1]]]"), &limits, &arena, &v, NULL, &err));
    assert_int_equal(belay_json_parse(BELAY_STR("[[[[1]]]]"), &limits, &arena, &v, NULL, &err), BELAY_LIMIT);
    assert_int_equal(belay_json_parse(BELAY_STR("\"123456789\""), &limits, &arena, &v, NULL, &err), BELAY_LIMIT);
    static char deep[2 * BELAY_JSON_DEPTH_DEFAULT + 3];
    memset(deep, '[', BELAY_JSON_DEPTH_DEFAULT);
    memset(deep + BELAY_JSON_DEPTH_DEFAULT, ']', BELAY_JSON_DEPTH_DEFAULT);
    assert_ok(belay_json_parse(belay_str_c(deep), NULL, &arena, &v, NULL, &err));
    memset(deep, '[', BELAY_JSON_DEPTH_DEFAULT + 1);
    memset(deep + BELAY_JSON_DEPTH_DEFAULT + 1, ']', BELAY_JSON_DEPTH_DEFAULT + 1);
    assert_int_equal(belay_json_parse(belay_str_c(deep), NULL, &arena, &v, NULL, &err), BELAY_LIMIT);
}

static void of_two_members_with_one_name_the_last_is_found(void **state)
{
    (void)state;
    const belay_json *v = parse("{\"a\":1,\"b\":2,\"a\":3}");
    assert_int_equal(v->n, 3);
    assert_int_equal(belay_json_get(v, BELAY_STR("a"))->u.i, 3);
    assert_null(belay_json_get(v, BELAY_STR("c")));
    assert_null(belay_json_get(parse("[]"), BELAY_STR("a")));
    assert_null(belay_json_get(NULL, BELAY_STR("a")));
    assert_null(belay_json_at(v, 0));
    assert_null(belay_json_at(parse("[1]"), 1));
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    static const char text[] = "[\"\\n\",{\"a\":[1,2,3,\"\\u00e4\"]},\"\\t and a longer one, so that it needs room\"]";
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status != BELAY_OK; n++) {
        struct belay_arena small;
        const belay_json *v;
        struct belay_err err;
        belay_arena_init(&small, 64, BELAY_MIB(1));
        belay_alloc_fail_after(n);
        status = belay_json_parse(belay_str_c(text), NULL, &small, &v, NULL, &err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
        belay_arena_deinit(&small);
        assert_true(n < 100);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tape_is_walked_with_first_and_next),
        TEST(numbers_keep_what_they_are),
        TEST(strings_are_views_or_unescaped_copies),
        TEST(what_is_wrong_has_its_line_and_column),
        TEST(depth_and_size_have_limits),
        TEST(of_two_members_with_one_name_the_last_is_found),
        TEST(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
