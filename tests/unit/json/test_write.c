#include <math.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "json/json.h"
#include "unit/test.h"

static struct belay_arena arena;
static struct belay_buf out;

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    belay_buf_init(&out, BELAY_MIB(1));
    return 0;
}

static int end(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    belay_buf_deinit(&out);
    return 0;
}

static const belay_json *parse(const char *text)
{
    const belay_json *v = NULL;
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, NULL));
    return v;
}

static const char *written(void)
{
    belay_buf_put_c(&out, '\0');
    assert_ok(belay_buf_status(&out));
    struct belay_str text = belay_arena_str(&arena, belay_buf_view(&out));
    belay_buf_clear(&out);
    return text.p;
}

static void what_was_read_is_written_compactly(void **state)
{
    static const char *const rows[][2] = {
        { " { \"a\" : [ 1 , 2.50 , -0 ] , \"b\\u0041\" : null } ", "{\"a\":[1,2.5,0],\"bA\":null}" },
        { "[true,false,\"\",{},[]]", "[true,false,\"\",{},[]]" },
        { "[12345678901234567890, 0.1000000000000000000001]", "[12345678901234567890,0.1000000000000000000001]" },
        { "[1e5,1e21,1e-7,123e-2,5e-324]", "[100000,1e+21,1e-7,1.23,5e-324]" },
        { "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}" },
        { "\"\\u00e4\\/\\u0001\\\"\\\\\\b\\f\\n\\r\\t\"", "\"\xc3\xa4/\\u0001\\\"\\\\\\b\\f\\n\\r\\t\"" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        belay_json_write(&out, parse(rows[i][0]));
        assert_string_equal(written(), rows[i][1]);
    }
}

static void people_get_lines(void **state)
{
    (void)state;
    belay_json_write_pretty(&out, parse("{\"a\":[1,{}],\"b\":{\"c\":[]}}"));
    assert_string_equal(written(), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
}

static void strings_that_are_no_utf_8_stay_valid_json(void **state)
{
    (void)state;
    belay_json_write_str(&out, BELAY_STR("a\xff\xc3(\xed\xa0\x80" "b\x7f"));
    const char *text = written();
    const belay_json *v = parse(text);
    assert_int_equal(v->type, BELAY_JSON_STRING);
    assert_non_null(strstr(text, "\xef\xbf\xbd"));
}

static void numbers_beyond_json_become_null(void **state)
{
    (void)state;
    belay_json_write_double(&out, NAN);
    belay_json_write_double(&out, INFINITY);
    belay_json_write_double(&out, -0.0);
    belay_json_write_int(&out, INT64_MIN);
    belay_json_write_uint(&out, UINT64_MAX);
    assert_string_equal(written(), "nullnull0-922337203685477580818446744073709551615");
}

static void the_streaming_writer_keeps_the_commas(void **state)
{
    (void)state;
    struct belay_json_out o = belay_json_out(&out);
    belay_json_begin_object(&o);
    belay_json_key(&o, "a");
    belay_json_begin_array(&o);
    belay_json_put_int(&o, -1);
    belay_json_put_uint(&o, 1);
    belay_json_put_double(&o, 0.5);
    belay_json_begin_object(&o);
    belay_json_end_object(&o);
    belay_json_begin_array(&o);
    belay_json_end_array(&o);
    belay_json_put_null(&o);
    belay_json_end_array(&o);
    belay_json_key_str(&o, BELAY_STR("b\""));
    belay_json_put_bool(&o, true);
    belay_json_key(&o, "c");
    belay_json_put_c(&o, "x");
    belay_json_key(&o, "d");
    belay_json_put_raw(&o, BELAY_STR("{\"raw\":1}"));
    belay_json_key(&o, "e");
    belay_json_put(&o, parse("[1, 2]"));
    belay_json_key(&o, "f");
    belay_json_put_str(&o, BELAY_STR(""));
    belay_json_end_object(&o);
    assert_string_equal(written(), "{\"a\":[-1,1,0.5,{},[],null],\"b\\\"\":true,\"c\":\"x\",\"d\":{\"raw\":1},"
                                   "\"e\":[1,2],\"f\":\"\"}");
}

static void a_buffer_that_fails_says_so_in_the_end(void **state)
{
    (void)state;
    const belay_json *v = parse("[\"a longer text than the buffer takes\",1,2,3]");
    struct belay_buf small;
    belay_buf_init(&small, 10);
    belay_json_write(&small, v);
    assert_int_equal(belay_buf_status(&small), BELAY_LIMIT);
    belay_buf_deinit(&small);
    belay_alloc_fail_after(0);
    belay_buf_init(&small, 1000);
    belay_json_write(&small, v);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(belay_buf_status(&small), BELAY_NOMEM);
    belay_buf_deinit(&small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_read_is_written_compactly),
        TEST(people_get_lines),
        TEST(strings_that_are_no_utf_8_stay_valid_json),
        TEST(numbers_beyond_json_become_null),
        TEST(the_streaming_writer_keeps_the_commas),
        TEST(a_buffer_that_fails_says_so_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
