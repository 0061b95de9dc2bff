/* What a hostile expression may try: each ends as a typed error, in bounded time and memory. */
#include <stdlib.h>

#include "base/alloc.h"
#include "unit/expr/expr_test.h"

#define TEXT_MAX 200000

/* before, then what count times, then after */
static char *repeated(const char *before, const char *what, size_t count, const char *after)
{
    size_t n = strlen(what), at = strlen(before);
    char *text = test_malloc(at + n * count + strlen(after) + 1);
    memcpy(text, before, at);
    for (size_t i = 0; i < count; i++, at += n)
        memcpy(text + at, what, n);
    memcpy(text + at, after, strlen(after) + 1);
    return text;
}

static void ends_with(const char *source, const char *json, const char *code, int status)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(64));
    int got = evaluate(source, json, NULL, &out);
    assert_string_equal(out.p, code);
    assert_int_equal(got, status);
    belay_buf_deinit(&out);
}

static void ends_repeated(const char *before, const char *what, size_t count, const char *after,
                          const char *code, int status)
{
    char *text = repeated(before, what, count, after);
    ends_with(text, "{}", code, status);
    test_free(text);
}

static void syntax_that_nests_too_deeply_is_refused(void **state)
{
    (void)state;
    ends_repeated("", "(", 100000, "", "U1002", BELAY_LIMIT);
    ends_repeated("", "[", 100000, "", "U1002", BELAY_LIMIT);
    ends_repeated("", "-", 100000, "1", "U1002", BELAY_LIMIT);
    ends_repeated("1", "+1", 50000, "", "U1002", BELAY_LIMIT);
    ends_repeated("a", ".a", 50000, "", "U1002", BELAY_LIMIT);
    ends_repeated("a", "[0]", 50000, "", "U1002", BELAY_LIMIT);
    ends_repeated("a", "?a:a", 50000, "", "U1002", BELAY_LIMIT);
    ends_repeated("$x", ":=$x", 40000, "", "U1002", BELAY_LIMIT);
    ends_repeated("a", "()", 100000, "", "U1002", BELAY_LIMIT);
    ends_repeated("/", "(", 4000, "/", "S0302", BELAY_SYNTAX);
    ends_repeated("'", "x", BELAY_EXPR_SOURCE_BYTES_MAX, "'", "U1003", BELAY_LIMIT);
}

static void recursion_without_end_ends(void **state)
{
    (void)state;
    ends_with("($f := function($n) { 1 + $f($n) }; $f(1))", NULL, "U1001", BELAY_LIMIT);
    ends_with("($f := function() { $f() }; $f())", NULL, "U1004", BELAY_LIMIT);
    ends_with("($f := function($x) { $map([1], $f) }; $f(1))", NULL, "U1001", BELAY_LIMIT);
    ends_with("($f := $eval; $g := '$eval($g)'; $eval($g))", NULL, "U1001", BELAY_LIMIT);
    ends_with("($f := function($a) { $g($a) ~> $f }; $g := function($a) { $a }; $f(1))", NULL,
              "U1001", BELAY_LIMIT);
}

static void loops_are_counted(void **state)
{
    (void)state;
    ends_with("$sum([1..10000000].($ * 2))", NULL, "U1001", BELAY_LIMIT);
    ends_with("$count([1..9999999])", NULL, "9999999", BELAY_OK);
    ends_with("[1..10000001]", NULL, "D2014", BELAY_INVALID);
    ends_with("[1..3000].([1..3000])", NULL, "U1004", BELAY_LIMIT);
    ends_with("$reduce([1..10000000], function($a, $b) { $a })", NULL, "U1001", BELAY_LIMIT);
    ends_with("$count($reduce([1..90], function($a, $i) { {'a': $a} }, 1).**.**.**.**.**)", NULL,
              "U1004", BELAY_LIMIT);
}

static void growth_is_bounded_by_the_arena(void **state)
{
    (void)state;
    ends_with("$reduce([1..60], function($s) { $s & $s }, 'xxxxxxxxxxxxxxxx')", NULL, "D3050",
              BELAY_INVALID);
    ends_with("$reduce([1..60], function($s, $i) { $s & $s }, 'xxxxxxxxxxxxxxxx')", NULL, "U1004",
              BELAY_LIMIT);
    ends_with("$reduce([1..60], function($s, $i) { $append($s, $s) }, [1, 2])", NULL, "U1004",
              BELAY_LIMIT);
    ends_with("$pad('x', 1e18)", NULL, "U1004", BELAY_LIMIT);
    ends_with("$pad('x', -4e9)", NULL, "U1004", BELAY_LIMIT);
    ends_with("$reduce([1..40], function($s, $i) { $replace($s, 'x', 'xx') }, 'x')", NULL, "U1001",
              BELAY_LIMIT);
    ends_with("$reduce([1..40], function($s, $i) { {'a': $s, 'b': $s} }, 1) ~> $string ~> $length",
              NULL, "U1004", BELAY_LIMIT);
}

static void what_nests_too_deeply_is_not_written(void **state)
{
    (void)state;
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(4));
    ends_with("$match($pad('', 10000, 'a') & 'd', /(a|b|c)*d/).index", NULL, "0", BELAY_OK);
    ends_with("$reduce([1..5000], function($a, $i) { [[$a]] }, 1) ~> $string", NULL, "U1004",
              BELAY_LIMIT);
    ends_with("($x := $reduce([1..5000], function($a, $i) { [[$a]] }, 1); $x = $x)", NULL, "false",
              BELAY_OK);
    ends_with("$reduce([1..5000], function($a, $i) { [[$a]] }, 1).**", NULL, "U1001", BELAY_LIMIT);
    belay_buf_deinit(&out);
}

static void a_regex_that_backtracks_without_end_is_stopped(void **state)
{
    (void)state;
    ends_with("$match($pad('', 40, 'a') & 'b', /^(a|aa)+$/)", NULL, "U1005", BELAY_LIMIT);
    ends_with("$match($pad('', 30000, 'a') & 'dx', /(a|b|c)*d$/)", NULL, "U1004", BELAY_LIMIT);
    ends_with("$match('x', /(/)", NULL, "S0302", BELAY_SYNTAX);
    ends_with("$match('x', /[z-a]/)", NULL, "S0303", BELAY_SYNTAX);
}

/* Values share parts: what takes little memory can be endless to walk. */
static void walking_is_counted_too(void **state)
{
    (void)state;
    ends_with("($t := function($i) { $reduce([1..$i], function($s, $x) { [[$s], [$s]] }, 0) }; "
              "$t(60) = $t(60))",
              NULL, "U1001", BELAY_LIMIT);
    ends_with("($t := $reduce([1..60], function($s, $x) { [[$s], [$s]] }, 0); $t ? 1 : 2)", NULL,
              "U1001", BELAY_LIMIT);
    ends_with(
        "($t := $reduce([1..60], function($s, $x) { [[$s], [$s]] }, 0); $distinct([$t, $t, 1]))",
        NULL, "U1001", BELAY_LIMIT);
    ends_with("($t := $reduce([1..200000], function($s, $x) { [[$s]] }, 0); $t ? 1 : 2)", NULL,
              "U1004", BELAY_LIMIT);
    ends_with("($s := $pad('', 100000, 'a'); $sort([1..90000].$s))", NULL, "U1001", BELAY_LIMIT);
    ends_with("[1..30000][[1..30000]]", NULL, "U1001", BELAY_LIMIT);
    ends_with("($s := $pad('', 1000000, 'a'); $t := $pad('', 1000000, 'a'); [1..100000].($s = $t))",
              NULL, "U1001", BELAY_LIMIT);
}

static void a_regex_cannot_scan_a_long_text_again_and_again(void **state)
{
    (void)state;
    ends_with("$match($pad('', 1000000, 'a'), /a*[bc]/)", NULL, "U1005", BELAY_LIMIT);
    ends_with("$match($pad('', 1000000, 'a'), /(a|aa){1,15}c|(a|aa){1,15}d/)", NULL, "U1005",
              BELAY_LIMIT);
    ends_with("$match($pad('', 100000, 'a') & 'b', /b/).index", NULL, "100000", BELAY_OK);
    ends_with("$count($match($pad('', 3000, 'ab '), /\\w+/))", NULL, "1000", BELAY_OK);
}

/* Where a match goes on in the same text, the text is not read anew: it would be the square of its length. */
static void many_matches_in_a_long_text_are_no_hostility(void **state)
{
    (void)state;
    ends_with("$length($replace($pad('', 400000, 'ab '), /\\w+/, 'x'))", NULL, "266667", BELAY_OK);
    ends_with("$count($split($pad('', 600000, 'abcde\\n'), /\\n/))", NULL, "100001", BELAY_OK);
    ends_with("$count($filter([1..20000], function($i) { $contains('2024-01-31', /^(\\d{4})-(\\d\\d)-(\\d\\d)$/) }))", NULL,
              "20000", BELAY_OK);
}

/* All matches of an evaluation have one purse. */
static void hostile_matches_are_stopped_together(void **state)
{
    (void)state;
    ends_with("$count($filter([1..100], function($i) { $contains($pad('', 14, 'a') & 'b', /^(a|aa)+$/) }))", NULL, "U1005",
              BELAY_LIMIT);
}

/* A match costs steps, it does not come on top of them. */
static void a_match_may_take_what_is_left_of_the_steps(void **state)
{
    struct belay_buf out;
    (void)state;
    belay_buf_init(&out, 1000);
    for (uint64_t steps = 10; steps <= 1000; steps *= 10) {
        struct belay_expr_env env = { .steps_max = steps };
        assert_int_equal(evaluate("$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /^(a+)+$/)", NULL, &env, &out), BELAY_LIMIT);
    }
    struct belay_expr_env env = { .steps_max = 1000 };
    assert_ok(evaluate("$match('aaa!', /(a+)+!$/).index", NULL, &env, &out));
    assert_string_equal(out.p, "0");
    belay_buf_deinit(&out);
}

static void signatures_cannot_be_made_to_search_for_ever(void **state)
{
    (void)state;
    ends_with(
        "function($a)<x+x+x+x+x+x+x+x+x+x+x+x+n>{1}(1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,"
        "4,5,6,7,8,9,0,'x')",
        NULL, "U1001", BELAY_LIMIT);
}

static void the_deepest_evaluation_fits_the_stack(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "($f := function($n) { 1 + $f($n) }; $f(1))",
        "($f := function($x) { $map([$x], function($y) { $f($y) }) ~> $sum }; $f(1))",
        "($f := function($x) { $sort([$x, 1], function($l, $r) { $f($l) > 1 }) }; $f(1))",
        "($f := function($x) { $replace('a', /a/, $f) & 'b' }; $f('a'))",
        "($f := function($x) { [$x].($[$f($)])^($f($)){$string($f($)): $f($)} & 1 }; $f(1))",
        "($f := function($x) { ({'a':{'b':1}} ~> |a|{'b': $f(b)}|).a.b + 1 }; $f(1))",
        "($s := '1 + $eval($s)'; $eval($s))",
        "($f := function($x) { {'a':[$x]}.a@$v#$i.($f($v) & %.a) & 1 }; $f(1))",
    };
    struct belay_buf out;
    struct belay_expr_env env = { .depth_max = BELAY_EXPR_DEPTH_MAX };
    belay_buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        assert_int_equal(evaluate(sources[i], NULL, &env, &out), BELAY_LIMIT);
        assert_true(strcmp(out.p, "U1001") == 0 || strcmp(out.p, "U1004") == 0);
    }
    belay_buf_deinit(&out);
}

static void steps_and_depth_can_be_set(void **state)
{
    (void)state;
    struct belay_buf out;
    struct belay_expr_env env = { .steps_max = 20 };
    belay_buf_init(&out, 1000);
    assert_int_equal(evaluate("[1..100].($ + 1)", NULL, &env, &out), BELAY_LIMIT);
    assert_ok(evaluate("1 + 1", NULL, &env, &out));
    env = (struct belay_expr_env){ .depth_max = 10 };
    assert_int_equal(evaluate("1+(1+(1+(1+(1+(1+1)))))", NULL, &env, &out), BELAY_LIMIT);
    assert_string_equal(out.p, "U1001");
    belay_buf_deinit(&out);
}

/* ---- without memory ---- */

static int compile_and_eval(const char *source, const char *json)
{
    struct belay_arena arena;
    struct belay_expr *e;
    struct belay_value v;
    const belay_json *root;
    belay_arena_init(&arena, 256, BELAY_MIB(1));
    int status = belay_json_parse(belay_str_c(json), NULL, &arena, &root, NULL, &last_err);
    if (status == BELAY_OK)
        status = belay_expr_compile(belay_str_c(source), &e, &last_error, &last_err);
    if (status == BELAY_OK) {
        status
            = belay_expr_eval(e, belay_value_tape(root), NULL, &arena, &v, &last_error, &last_err);
        belay_expr_free(e);
    }
    belay_arena_deinit(&arena);
    return status;
}

static void without_memory_there_is_an_error_and_no_leak(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "a.b{c: $sum(d)}",
        "$replace(s, /(a)(b*)/, '$2$1') & $string(a)",
        "($f := function($x, $y) { $x & $y }; $map(a.b, function($v, $i) { $f($v.c, $i) }))",
        "a.b@$x#$i^(>$x.d, $i).{'i': $i, 'x': $x.c, 'p': s}",
        "$ ~> |a.b|{'d': d + 1}, 'c'|",
        "$keys($merge(a.b)) ~> $sort ~> $distinct ~> $reverse ~> $join('-')",
        "$eval('[1..3].($ * 2)') ~> $zip([3,2,1])",
        "$lookup(?, 's')($) ~> $split('') ~> $shuffle",
    };
    const char *json
        = "{\"a\":{\"b\":[{\"c\":\"x\",\"d\":1},{\"c\":\"y\",\"d\":2},{\"c\":\"x\",\"d\":3}]},"
          "\"s\":\"abbabb\"}";
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        int status = BELAY_NOMEM;
        uint64_t n = 0;
        for (; status != BELAY_OK && n < 500; n++) {
            belay_alloc_fail_after(n);
            status = compile_and_eval(sources[i], json);
            belay_alloc_fail_after(UINT64_MAX);
            if (status != BELAY_OK && status != BELAY_NOMEM)
                fail_msg("%s: %s", sources[i], last_err.msg);
        }
        assert_ok(status);
        assert_true(n > 3);
    }
}

static void a_template_without_memory_says_so(void **state)
{
    (void)state;
    struct belay_template *t = NULL;
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status != BELAY_OK; n++) {
        belay_alloc_fail_after(n);
        status
            = belay_template_compile(BELAY_STR("a{% b %}c{% d %}"),
                                     (struct belay_template_opt){ 0 }, &t, &last_error, &last_err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
    }
    belay_template_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_that_nests_too_deeply_is_refused),
        cmocka_unit_test(recursion_without_end_ends),
        cmocka_unit_test(loops_are_counted),
        cmocka_unit_test(growth_is_bounded_by_the_arena),
        cmocka_unit_test(what_nests_too_deeply_is_not_written),
        cmocka_unit_test(a_regex_that_backtracks_without_end_is_stopped),
        cmocka_unit_test(walking_is_counted_too),
        cmocka_unit_test(a_regex_cannot_scan_a_long_text_again_and_again),
        cmocka_unit_test(many_matches_in_a_long_text_are_no_hostility),
        cmocka_unit_test(hostile_matches_are_stopped_together),
        cmocka_unit_test(a_match_may_take_what_is_left_of_the_steps),
        cmocka_unit_test(signatures_cannot_be_made_to_search_for_ever),
        cmocka_unit_test(the_deepest_evaluation_fits_the_stack),
        cmocka_unit_test(steps_and_depth_can_be_set),
        cmocka_unit_test(without_memory_there_is_an_error_and_no_leak),
        cmocka_unit_test(a_template_without_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
