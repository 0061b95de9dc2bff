/* The tree as JSON, for people and tools: each kind of node with its parts. */
#include <stdio.h>

#include "base/alloc.h"
#include "unit/expr/expr_test.h"

static struct belay_str dump(const char *source, struct belay_buf *out)
{
    struct belay_expr *e;
    belay_buf_init(out, BELAY_MIB(1));
    assert_ok(belay_expr_compile(belay_str_c(source), &e, NULL, NULL));
    belay_expr_write_ast(out, e);
    belay_expr_free(e);
    return belay_buf_view(out);
}

static void each_kind_of_node_has_its_parts(void **state)
{
    static const struct {
        const char *source, *tree;
    } rows[] = {
        { "a.b[0]",
          "{\"type\":\"path\",\"position\":0,\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":0},"
          "{\"type\":\"name\",\"value\":\"b\",\"position\":2,\"stages\":[{\"type\":\"value\",\"value\":0,"
          "\"position\":4}]}]}" },
        { "$x := 1",
          "{\"type\":\"bind\",\"variable\":\"x\",\"position\":3,\"rhs\":{\"type\":\"value\",\"value\":1,\"position\":6}}" },
        { "a ? b : c",
          "{\"type\":\"condition\",\"position\":2,\"condition\":{\"type\":\"path\",\"position\":0,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":0}]},\"then\":{\"type\":\"path\",\"position\":4,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"b\",\"position\":4}]},\"else\":{\"type\":\"path\",\"position\":8,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"c\",\"position\":8}]}}" },
        { "function($n)<n:n>{$n+1}",
          "{\"type\":\"lambda\",\"position\":8,\"body\":{\"type\":\"binary\",\"operator\":\"+\",\"position\":20,"
          "\"lhs\":{\"type\":\"variable\",\"variable\":\"n\",\"position\":18},\"rhs\":{\"type\":\"value\",\"value\":1,"
          "\"position\":21}},\"arguments\":[{\"type\":\"variable\",\"variable\":\"n\",\"position\":9}]}" },
        { "|a|{\"b\":1},[\"c\"]|",
          "{\"type\":\"transform\",\"position\":0,\"pattern\":{\"type\":\"path\",\"position\":1,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":1}]},\"update\":{\"type\":\"object\",\"position\":3,"
          "\"expressions\":[{\"type\":\"value\",\"value\":\"b\",\"position\":4},{\"type\":\"value\",\"value\":1,"
          "\"position\":8}]},\"delete\":{\"type\":\"array\",\"position\":11,\"expressions\":[{\"type\":\"value\","
          "\"value\":\"c\",\"position\":12}]}}" },
        { "a^(>b,c){d:e}",
          "{\"type\":\"path\",\"position\":0,\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":0},"
          "{\"type\":\"sort\",\"position\":1,\"terms\":[{\"type\":\"term\",\"position\":3,"
          "\"expression\":{\"type\":\"path\",\"position\":4,\"steps\":[{\"type\":\"name\",\"value\":\"b\","
          "\"position\":4}]},\"descending\":true},{\"type\":\"term\",\"position\":6,\"expression\":{\"type\":\"path\","
          "\"position\":6,\"steps\":[{\"type\":\"name\",\"value\":\"c\",\"position\":6}]}}]}],"
          "\"group\":{\"type\":\"object\",\"position\":8,\"expressions\":[{\"type\":\"path\",\"position\":9,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"d\",\"position\":9}]},{\"type\":\"path\",\"position\":11,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"e\",\"position\":11}]}]}}" },
        { "a@$i#$n.%.b",
          "{\"type\":\"path\",\"position\":0,\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":0,\"focus\":\"i\","
          "\"index\":\"n\",\"tuple\":true},{\"type\":\"parent\",\"position\":8},{\"type\":\"name\",\"value\":\"b\","
          "\"position\":10}]}" },
        { "f(?,1)",
          "{\"type\":\"partial\",\"position\":1,\"procedure\":{\"type\":\"path\",\"position\":0,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"f\",\"position\":0}]},\"arguments\":[{\"type\":\"operator\","
          "\"position\":2},{\"type\":\"value\",\"value\":1,\"position\":4}]}" },
        { "-a & /x/i ~> $f",
          "{\"type\":\"apply\",\"position\":10,\"lhs\":{\"type\":\"binary\",\"operator\":\"&\",\"position\":3,"
          "\"lhs\":{\"type\":\"unary\",\"position\":0,\"expression\":{\"type\":\"path\",\"position\":1,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":1}]}},\"rhs\":{\"type\":\"regex\",\"position\":5}},"
          "\"rhs\":{\"type\":\"variable\",\"variable\":\"f\",\"position\":13}}" },
        { "[1..3,null]",
          "{\"type\":\"array\",\"position\":0,\"expressions\":[{\"type\":\"binary\",\"operator\":\"..\",\"position\":2,"
          "\"lhs\":{\"type\":\"value\",\"value\":1,\"position\":1},\"rhs\":{\"type\":\"value\",\"value\":3,"
          "\"position\":4}},{\"type\":\"value\",\"value\":null,\"position\":6}]}" },
        { "*.**",
          "{\"type\":\"path\",\"position\":0,\"steps\":[{\"type\":\"wildcard\",\"position\":0},{\"type\":\"descendant\","
          "\"position\":2}]}" },
        { "a ?: b ?? c",
          "{\"type\":\"default\",\"position\":2,\"lhs\":{\"type\":\"path\",\"position\":0,\"steps\":[{\"type\":\"name\","
          "\"value\":\"a\",\"position\":0}]},\"rhs\":{\"type\":\"coalesce\",\"position\":7,\"lhs\":{\"type\":\"path\","
          "\"position\":5,\"steps\":[{\"type\":\"name\",\"value\":\"b\",\"position\":5}]},\"rhs\":{\"type\":\"path\","
          "\"position\":10,\"steps\":[{\"type\":\"name\",\"value\":\"c\",\"position\":10}]}}}" },
        { "(a;b)[]",
          "{\"type\":\"block\",\"position\":0,\"expressions\":[{\"type\":\"path\",\"position\":1,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":1}]},{\"type\":\"path\",\"position\":3,"
          "\"steps\":[{\"type\":\"name\",\"value\":\"b\",\"position\":3}]}],\"keepArray\":true}" },
        { "$$.$",
          "{\"type\":\"path\",\"position\":0,\"steps\":[{\"type\":\"variable\",\"variable\":\"$\",\"position\":0},"
          "{\"type\":\"variable\",\"position\":3}]}" },
        { "\"x\" and true or a in b",
          "{\"type\":\"binary\",\"operator\":\"or\",\"position\":13,\"lhs\":{\"type\":\"binary\",\"operator\":\"and\","
          "\"position\":4,\"lhs\":{\"type\":\"value\",\"value\":\"x\",\"position\":0},\"rhs\":{\"type\":\"value\","
          "\"value\":true,\"position\":8}},\"rhs\":{\"type\":\"binary\",\"operator\":\"in\",\"position\":18,"
          "\"lhs\":{\"type\":\"path\",\"position\":16,\"steps\":[{\"type\":\"name\",\"value\":\"a\",\"position\":16}]},"
          "\"rhs\":{\"type\":\"path\",\"position\":21,\"steps\":[{\"type\":\"name\",\"value\":\"b\",\"position\":21}]}}}" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_buf out;
        if (!belay_str_eq(dump(rows[i].source, &out), belay_str_c(rows[i].tree)))
            fail_msg("%s: %.*s", rows[i].source, (int)out.n, out.p);
        belay_buf_deinit(&out);
    }
}

static void a_tree_without_memory_says_so(void **state)
{
    (void)state;
    struct belay_expr *e;
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(1));
    assert_ok(belay_expr_compile(BELAY_STR("a.b[c = 'd'] ~> $f"), &e, NULL, NULL));
    belay_alloc_fail_after(0);
    belay_expr_write_ast(&out, e);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(belay_buf_status(&out), BELAY_NOMEM);
    belay_buf_deinit(&out);
    belay_expr_free(e);
}

static void the_built_in_functions_have_names(void **state)
{
    (void)state;
    struct belay_str name;
    uint32_t count = 0, own = 0;
    for (; (name = belay_expr_builtin(count)).p; count++) {
        char source[64];
        struct belay_expr *e;
        snprintf(source, sizeof source, "$%.*s", BELAY_STR_ARG(name));
        assert_ok(belay_expr_compile(belay_str_c(source), &e, NULL, NULL));
        assert_false(belay_expr_free_variable(e, 0, &name)); /* it is known */
        belay_expr_free(e);
        own += strcmp(source, "$lookupTable") == 0 || strcmp(source, "$hash") == 0;
    }
    assert_true(count > 60 && own == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_node_has_its_parts),
        cmocka_unit_test(a_tree_without_memory_says_so),
        cmocka_unit_test(the_built_in_functions_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
