/* Every error of the syntax: its code, and where it points. */
#include <stdio.h>

#include "unit/expr/expr_test.h"

struct mistake {
    const char *source, *code;
    uint32_t position;
};

static void every_mistake_has_its_code_and_its_place(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        { "'abc", "S0101", 0 },
        { "1e999", "S0102", 0 },
        { "'a\\qb'", "S0103", 2 },
        { "'\\u12g4'", "S0104", 1 },
        { "a.`b", "S0105", 2 },
        { "1 /* x", "S0106", 2 },
        { "a b", "S0201", 2 },
        { "[1;2]", "S0202", 2 },
        { "{'a' 1}", "S0202", 5 },
        { "(1", "S0203", 2 },
        { "[1, 2", "S0203", 5 },
        { "$f(1", "S0203", 4 },
        { "", "S0207", 0 },
        { "1 + ", "S0207", 4 },
        { "a.", "S0207", 2 },
        { "function(x){1}", "S0208", 9 },
        { "a{'b':c}[0]", "S0209", 8 },
        { "a{'b':c}{'d':e}", "S0210", 8 },
        { ")", "S0211", 0 },
        { "1 + )", "S0211", 4 },
        { "a := 1", "S0212", 0 },
        { "a.1", "S0213", 2 },
        { "a.true", "S0213", 2 },
        { "a@b", "S0214", 2 },
        { "a#1", "S0214", 2 },
        { "a[0]@$x", "S0215", 4 },
        { "a^(b)@$x", "S0216", 5 },
        { "%", "S0217", 0 },
        { "a.%.%", "S0217", 0 },
        { "$x ~> //", "S0301", 6 },
        { "$x ~> /a", "S0302", 6 },
        { "$x ~> /a(/", "S0302", 6 },
        { "$x ~> /*/", "S0106", 6 },
        { "$x ~> /a**?+/", "S0303", 6 },
        { "function($x)<n<n>:n>{1}", "S0401", 12 },
        { "function($x)<(n<n>):n>{1}", "S0402", 12 },
        { "function($x)<q:n>{1}", "S0403", 12 },
        { "a ! b", "S0204", 2 },
        { "~a", "S0204", 0 },
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct belay_buf out;
        belay_buf_init(&out, 1000);
        const struct mistake *m = &mistakes[i];
        if (evaluate(m->source, NULL, NULL, &out) != BELAY_SYNTAX || strcmp(out.p, m->code) != 0
            || last_error.position != m->position || !last_error.message[0])
            fail_msg("%s: %s at %u", m->source, out.p, last_error.position);
        belay_buf_deinit(&out);
    }
}

static void what_looks_odd_is_right(void **state)
{
    (void)state;
    assert_expr("/* a */ 1 /* b */", NULL, "1");
    assert_expr("and", "{\"and\":1}", "1");
    assert_expr("or.in.and", "{\"or\":{\"in\":{\"and\":2}}}", "2");
    assert_expr("and and and", "{\"and\":true}", "true");
    assert_expr("'a'.b", "{\"a\":{\"b\":3}}", "3");
    assert_expr("`a b`.\"c\"", "{\"a b\":{\"c\":4}}", "4");
    assert_expr("10/2/5", NULL, "1");
    assert_expr("$x := 8/2", NULL, "4");
    assert_expr("(6)/(3)", NULL, "2");
    assert_expr("[6][0]/3", NULL, "2");
    assert_expr("2*-3", NULL, "-6");
    assert_expr("1-1", NULL, "0");
    assert_expr("- -3", NULL, "3");
    assert_expr("()", NULL, "undefined");
    assert_expr("(1;)", NULL, "1");
    assert_expr("[]", NULL, "[]");
    assert_expr("{}", NULL, "{}");
    assert_expr("[1,]", NULL, "S0211");
    assert_expr("true ? 1 : false ? 2 : 3", NULL, "1");
    assert_expr("$a := $b := 5", NULL, "5");
    assert_expr("\xce\xbb($x){$x}(7)", NULL, "7");
    assert_expr("$\xc3\xa9 := 1", NULL, "1");
    assert_expr("\"\\u0041\\/\\b\"", NULL, "\"A/\\b\"");
    assert_expr("$[[0..1]]", "[1,2,3]", "[1,2]");
    assert_expr("a.b.c", "{\"a\":[]}", "undefined");
}

static void the_expression_knows_its_variables(void **state)
{
    (void)state;
    struct belay_expr *e;
    struct belay_str name;
    const char *source = "($x := $message.id; $map($vars.a, function($v) { $v & $x & $saga('n') }))";
    assert_ok(belay_expr_compile(belay_str_c(source), &e, NULL, NULL));
    assert_str(belay_expr_source(e),
               "($x := $message.id; $map($vars.a, function($v) { $v & $x & $saga('n') }))");
    assert_true(belay_expr_uses(e, BELAY_STR("message")));
    assert_true(belay_expr_uses(e, BELAY_STR("x")));
    assert_false(belay_expr_uses(e, BELAY_STR("headers")));
    uint32_t n = 0;
    while (belay_expr_free_variable(e, n, &name)) {
        assert_true(belay_str_eq(name, BELAY_STR("message")) || belay_str_eq(name, BELAY_STR("vars"))
                    || belay_str_eq(name, BELAY_STR("saga")));
        n++;
    }
    assert_int_equal(n, 3);
    belay_expr_free(e);
}

static void one_expression_serves_many_evaluations(void **state)
{
    (void)state;
    struct belay_expr *e;
    struct belay_arena arena;
    struct belay_value v;
    const belay_json *root;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_expr_compile(BELAY_STR("($f := function($x) { $x + a }; $f(1))"), &e, NULL, NULL));
    for (int i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof text, "{\"a\":%d}", i);
        assert_ok(belay_json_parse(belay_str_c(text), NULL, &arena, &root, NULL, NULL));
        assert_ok(belay_expr_eval(e, belay_value_tape(root), NULL, &arena, &v, NULL, NULL));
        assert_true(v.type == BELAY_VALUE_NUMBER && v.u.d == i + 1);
        belay_arena_reset(&arena);
    }
    belay_expr_free(e);
    belay_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_has_its_code_and_its_place),
        cmocka_unit_test(what_looks_odd_is_right),
        cmocka_unit_test(the_expression_knows_its_variables),
        cmocka_unit_test(one_expression_serves_many_evaluations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
