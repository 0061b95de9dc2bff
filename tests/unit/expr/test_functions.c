/* The functions, where the official cases leave something open: edges, text beyond ASCII, what the
 * host decides. */
#include "unit/expr/expr_test.h"

static void strings_count_in_characters(void **state)
{
    (void)state;
    assert_expr("$length('h\xc3\xa9llo \xf0\x9f\x98\x80')", NULL, "7");
    assert_expr("$substring('h\xc3\xa9llo', 1, 2)", NULL, "\"\xc3\xa9l\"");
    assert_expr("$substring('hello', -3)", NULL, "\"llo\"");
    assert_expr("$substring('hello', 1, -1)", NULL, "\"\"");
    assert_expr("$substring('hello', 9)", NULL, "\"\"");
    assert_expr("$split('a\xc3\xa9', '')", NULL, "[\"a\",\"\xc3\xa9\"]");
    assert_expr("$pad('\xc3\xa9', 3, '#')", NULL, "\"\xc3\xa9##\"");
    assert_expr("$pad('x', -4, 'ab')", NULL, "\"abax\"");
    assert_expr("$uppercase('stra\xc3\x9f\x65 \xd0\xb6 \xc3\xa9 \xcf\x82')", NULL,
                "\"STRASSE \xd0\x96 \xc3\x89 \xce\xa3\"");
    assert_expr("$lowercase('\xc3\x89\xd0\x96')", NULL, "\"\xc3\xa9\xd0\xb6\"");
    assert_expr("$trim(' \t a \n b ')", NULL, "\"a b\"");
    assert_expr("'\\ud83d\\ude00'", NULL, "\"\xf0\x9f\x98\x80\"");
    assert_expr("'a' < '\\uffff' and '\\ud83d\\ude00' < '\\uffff'", NULL, "true");
}

static void a_surrogate_alone_is_refused_where_bytes_are_made(void **state)
{
    (void)state;
    assert_expr("$encodeUrl('\\ud800')", NULL, "D3140");
    assert_expr("$encodeUrlComponent('\\ud800')", NULL, "D3140");
    assert_expr("$length('\\ud800')", NULL, "1");
    assert_expr("'\\ud800'", NULL, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void urls_and_base64_go_there_and_back(void **state)
{
    (void)state;
    assert_expr("$encodeUrlComponent('?x=\xc3\xa9 /')", NULL, "\"%3Fx%3D%C3%A9%20%2F\"");
    assert_expr("$encodeUrl('http://a/?x=\xc3\xa9')", NULL, "\"http://a/?x=%C3%A9\"");
    assert_expr("$decodeUrlComponent('%3Fx%3D%C3%A9')", NULL, "\"?x=\xc3\xa9\"");
    assert_expr("$decodeUrl('%3Fx%C3%A9')", NULL, "\"%3Fx\xc3\xa9\"");
    assert_expr("$decodeUrlComponent('%ff')", NULL, "D3140");
    assert_expr("$base64encode('a') & $base64encode('ab') & $base64encode('abc')", NULL,
                "\"YQ==YWI=YWJj\"");
    assert_expr("$base64decode('YWJj' & 'ZA==')", NULL, "\"abcd\"");
}

static void numbers_round_and_convert_as_the_reference_does(void **state)
{
    (void)state;
    assert_expr("[$round(2.5), $round(3.5), $round(-0.5), $round(123.456, 2), $round(125, -1)]",
                NULL, "[2,4,0,123.46,120]");
    assert_expr("$number('0x1F') + $number('0b11') + $number('0o17')", NULL, "49");
    assert_expr("$number('1e400')", NULL, "D3030");
    assert_expr("$number(' 1')", NULL, "D3030");
    assert_expr("$number('')", NULL, "D3030");
    assert_expr("$power(10, 400)", NULL, "D3061");
    assert_expr("$sqrt(-1)", NULL, "D3060");
    assert_expr("$formatBase(255, 16)", NULL, "\"ff\"");
    assert_expr("$formatBase(-7, 2)", NULL, "\"-111\"");
    assert_expr("$formatNumber(2.5, '0') & ' ' & $formatNumber(0.125, '0.00')", NULL, "\"3 0.13\"");
    assert_expr("$formatNumber(100000, '0.0e0') & ' ' & $formatNumber(1234, '0.0e0')", NULL,
                "\"10.0e4 1.2e3\"");
    assert_expr("$formatNumber(999999.996, '#,##0.00')", NULL, "\"1,000,000.00\"");
    assert_expr("$formatNumber(1e308, '0\xe2\x80\xb0')", NULL, "D1001");
    assert_expr("$string(1e21) & $string(1e-7) & $string(-0)", NULL, "\"1e+211e-70\"");
    assert_expr("$string(n)", "{\"n\":12345678901234567890}", "\"12345678901234567890\"");
    assert_expr("'x' & n", "{\"n\":1e400}", "\"x1e400\"");
    assert_expr("$floor(n)", "{\"n\":1e400}", "D1001");
    assert_expr("n * 0", "{\"n\":1e400}", "D1001");
    assert_expr("$sum([1e308, 1e308])", NULL, "D1001");
    assert_expr("$abs(n)", "{\"n\":-9007199254740993}", "9007199254740993");
}

static void dates_follow_pictures_and_zones(void **state)
{
    (void)state;
    assert_expr("$fromMillis(1510067557121, '[M01]/[D01]/[Y0001] [h#1]:[m01][P]', '-0530')", NULL,
                "\"11/07/2017 9:42am\"");
    assert_expr("$fromMillis(-1)", NULL, "\"1969-12-31T23:59:59.999Z\"");
    assert_expr("$fromMillis(1e20)", NULL, "D1001");
    assert_expr("$toMillis('2024-02-29') - $toMillis('2024-02-28')", NULL, "86400000");
    assert_expr("$toMillis('2023-02-29')", NULL, "D3110");
    assert_expr("$toMillis('2020-01-01T00:00:00+02:00')", NULL, "1577829600000");
    assert_expr("$toMillis('-0530', '[Z]') ~> $type", NULL, "\"number\"");
    assert_expr("$toMillis('28 Feb 24 at 5pm', '[D] [MNn,3-3] [Y01] at [h][P]') ~> $exists", NULL,
                "true");
}

static void arrays_and_objects(void **state)
{
    (void)state;
    assert_expr("$distinct([1, 1.0, 'a', 'a', {'x':1}, {'x':1}, [1], [1]])", NULL,
                "[1,\"a\",{\"x\":1},[1]]");
    assert_expr("$zip([1,2,3],['a','b'])", NULL, "[[1,\"a\"],[2,\"b\"]]");
    assert_expr("$merge([{'a':1},{'b':2},{'a':3}])", NULL, "{\"a\":3,\"b\":2}");
    assert_expr("$spread({'a':1,'b':2})", NULL, "[{\"a\":1},{\"b\":2}]");
    assert_expr("$spread([[{'a':1,'b':2}],[3,[4]]])", NULL, "[{\"a\":1},{\"b\":2},3,4]");
    assert_expr("$spread([[1]])", NULL, "[1]");
    assert_expr("$spread([[]])", NULL, "[]");
    assert_expr("$keys([{'a':1},{'b':2},{'a':3}])", NULL, "[\"a\",\"b\"]");
    assert_expr("$each({'a':1,'b':2}, function($v, $k) { $k & $v })", NULL, "[\"a1\",\"b2\"]");
    assert_expr("$sift({'a':1,'b':2}, function($v) { $v > 1 })", NULL, "{\"b\":2}");
    assert_expr("$reverse([1..3])", NULL, "[3,2,1]");
    assert_expr("$append([1], 2)", NULL, "[1,2]");
    assert_expr("$sort(['b', 1])", NULL, "D3070");
    assert_expr("$max([]) ~> $exists", NULL, "false");
    assert_expr("$average([1,2,3])", NULL, "2");
    assert_expr("$sum(['a'])", NULL, "T0412");
    assert_expr("$lookup([{'a':1},{'a':2}], 'a')", NULL, "[1,2]");
    assert_expr("$string({'a':[1,{}],'b':[]}, true)", NULL,
                "\"{\\n  \\\"a\\\": [\\n    1,\\n    {}\\n  ],\\n  \\\"b\\\": []\\n}\"");
}

static void many_names_stay_fast_and_in_order(void **state)
{
    (void)state;
    assert_expr(
        "($o := $merge([1..5000].{$string($): $}); [$count($keys($o)), $o.`4999`, $keys($o)[0]])",
        NULL, "[5000,4999,\"1\"]");
    assert_expr("$count($distinct([1..5000].($ % 100)))", NULL, "100");
    assert_expr("$count([1..5000]{$string($ % 10): $count($)}.*)", NULL, "10");
}

static void replacements_can_name_groups(void **state)
{
    (void)state;
    assert_expr("$match('ac', /a(b)?(c)/).groups", NULL, "[null,\"c\"]");
    assert_expr("$replace('ac', /a(b)?(c)/, '[$1$2]')", NULL, "\"[c]\"");
    assert_expr("$replace('ac', /a(b)?(c)/, function($m) { $m.groups[1] })", NULL, "\"c\"");
    assert_expr("$replace('265USD', /([0-9]+)USD/, '$$$1')", NULL, "\"$265\"");
    assert_expr("$replace('abc', /(.)(.)(.)/, '$3$2$1$0$4')", NULL, "\"cbaabc\"");
    assert_expr("$replace('a.b.c', '.', '$0', 1)", NULL, "\"a$0b.c\"");
    assert_expr("$replace('ab', /[ab]/, function($m) { $uppercase($m.match) })", NULL, "\"AB\"");
    assert_expr("$replace('ab', /b/, function($m) { 1 })", NULL, "D3012");
    assert_expr("$match('a1b2', /([a-z])(\\d)?/)[1].groups", NULL, "[\"b\",\"2\"]");
    assert_expr("/b(c)/('abcd').[start, end, groups]", NULL, "[1,3,\"c\"]");
    assert_expr("$split('a1b2c', /\\d/, 2)", NULL, "[\"a\",\"b\"]");
}

/* ---- the host ---- */

static int add_all(void *arg, struct belay_arena *arena, const struct belay_value *args,
                   uint32_t count, struct belay_value *ret, struct belay_err *err)
{
    (void)arena;
    *(uint32_t *)arg += 1;
    if (count > 1 && args[1].type == BELAY_VALUE_NULL)
        return belay_fail(err, BELAY_UNAVAILABLE, "the host has no idea");
    *ret = belay_value_number((double)count);
    return BELAY_OK;
}

static void a_host_function_is_called_and_may_fail(void **state)
{
    (void)state;
    struct belay_buf out;
    uint32_t calls = 0;
    struct belay_host_function f = {
        .name = BELAY_STR_INIT("saga"), .args_min = 1, .args_max = 2, .call = add_all, .arg = &calls
    };
    struct belay_expr_env env = { .functions = &f, .function_count = 1 };
    belay_buf_init(&out, 1000);
    assert_ok(evaluate("$saga('a') + $map([1,2], $saga)[1]", NULL, &env, &out));
    assert_string_equal(out.p, "3");
    assert_int_equal(calls, 3);
    assert_int_equal(evaluate("1 + $saga('a', null)", NULL, &env, &out), BELAY_INVALID);
    assert_string_equal(out.p, "D9001");
    assert_int_equal(last_error.position, 9);
    assert_non_null(strstr(last_err.msg, "the host has no idea"));
    assert_int_equal(evaluate("$saga()", NULL, &env, &out), BELAY_INVALID);
    assert_string_equal(out.p, "T0410");
    belay_buf_deinit(&out);
}

static void a_binding_hides_a_function(void **state)
{
    (void)state;
    struct belay_buf out;
    struct belay_binding b = { BELAY_STR_INIT("error"), belay_value_str(BELAY_STR("E")) };
    struct belay_expr_env env = { .bindings = &b, .binding_count = 1 };
    belay_buf_init(&out, 1000);
    assert_ok(evaluate("$error", NULL, &env, &out));
    assert_string_equal(out.p, "\"E\"");
    assert_int_equal(evaluate("$error('x')", NULL, NULL, &out), BELAY_INVALID);
    assert_string_equal(out.p, "D3137");
    assert_string_equal(last_error.message, "x");
    belay_buf_deinit(&out);
}

static void the_same_seed_gives_the_same_randomness(void **state)
{
    (void)state;
    struct belay_buf a, b;
    struct belay_random random = { 42 };
    struct belay_expr_env env = { .random = &random };
    belay_buf_init(&a, 1000);
    belay_buf_init(&b, 1000);
    assert_ok(evaluate("[$random(), $uuid(), $shuffle([1..9])]", NULL, &env, &a));
    random.state = 42;
    assert_ok(evaluate("[$random(), $uuid(), $shuffle([1..9])]", NULL, &env, &b));
    assert_string_equal(a.p, b.p);
    random.state = 43;
    assert_ok(evaluate("[$random(), $uuid(), $shuffle([1..9])]", NULL, &env, &b));
    assert_string_not_equal(a.p, b.p);
    belay_buf_deinit(&a);
    belay_buf_deinit(&b);
}

static void errors_say_where(void **state)
{
    (void)state;
    assert_expr("a.b + 'x'", "{\"a\":{\"b\":1}}", "T2002");
    assert_int_equal(last_error.position, 4);
    assert_string_equal(last_error.token, "x");
    assert_expr("1 +", NULL, "S0207");
    assert_int_equal(last_error.position, 3);
    assert_expr("(1; 2", NULL, "S0203");
    assert_expr("[1, 2)", NULL, "S0202");
    assert_int_equal(last_error.position, 5);
    assert_expr("a b", NULL, "S0201");
    assert_int_equal(last_error.position, 2);
    assert_expr("$map([1], $uppercase)", NULL, "T0410");
    assert_expr("\"abc", NULL, "S0101");
    assert_expr("'\xff'", NULL, "S0104");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_count_in_characters),
        cmocka_unit_test(a_surrogate_alone_is_refused_where_bytes_are_made),
        cmocka_unit_test(urls_and_base64_go_there_and_back),
        cmocka_unit_test(numbers_round_and_convert_as_the_reference_does),
        cmocka_unit_test(dates_follow_pictures_and_zones),
        cmocka_unit_test(arrays_and_objects),
        cmocka_unit_test(many_names_stay_fast_and_in_order),
        cmocka_unit_test(replacements_can_name_groups),
        cmocka_unit_test(a_host_function_is_called_and_may_fail),
        cmocka_unit_test(a_binding_hides_a_function),
        cmocka_unit_test(the_same_seed_gives_the_same_randomness),
        cmocka_unit_test(errors_say_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
