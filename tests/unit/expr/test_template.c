#include "unit/expr/expr_test.h"

static int eval_template(const char *text, bool path, const char *json, struct belay_buf *out)
{
    struct belay_arena arena;
    struct belay_template *t = NULL;
    struct belay_value input = belay_value_undefined(), v;
    const belay_json *root;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    belay_buf_clear(out);
    if (json) {
        assert_ok(belay_json_parse(belay_str_c(json), NULL, &arena, &root, NULL, NULL));
        input = belay_value_tape(root);
    }
    int status = belay_template_compile(belay_str_c(text), (struct belay_template_opt){ .path = path }, &t,
                                        &last_error, &last_err);
    if (status == BELAY_OK)
        status = belay_template_eval(t, input, NULL, &arena, &v, &last_error, &last_err);
    if (status)
        belay_buf_put_str(out, belay_str_c(last_error.code));
    else
        belay_value_write(out, v);
    belay_buf_put_c(out, '\0');
    belay_template_free(t);
    belay_arena_deinit(&arena);
    return status;
}

#define assert_template(text, path, json, expected)                                                \
    do {                                                                                           \
        struct belay_buf out_;                                                                     \
        belay_buf_init(&out_, 10000);                                                              \
        (void)eval_template(text, path, json, &out_);                                              \
        assert_string_equal(out_.p, expected);                                                     \
        belay_buf_deinit(&out_);                                                                   \
    } while (0)

static void an_expression_alone_keeps_its_type(void **state)
{
    (void)state;
    assert_template("{% a %}", false, "{\"a\":{\"b\":1}}", "{\"b\":1}");
    assert_template("{% [1,2] %}", false, NULL, "[1,2]");
    assert_template("plain", false, NULL, "\"plain\"");
    assert_template("", false, NULL, "\"\"");
}

static void text_around_expressions_makes_a_string(void **state)
{
    (void)state;
    assert_template("/orders/{% id %}/{% n %}", false,
                    "{\"id\":\"a b\",\"n\":12345678901234567890}",
                    "\"/orders/a b/12345678901234567890\"");
    assert_template("/orders/{% id %}", true, "{\"id\":\"a/b c\"}", "\"/orders/a%2Fb%20c\"");
    assert_template("{% id %}", true, "{\"id\":\"a/b\"}", "\"a%2Fb\"");
    assert_template("x{% '%}' %}y", false, NULL, "\"x%}y\"");
}

static void what_has_no_text_is_an_error_never_empty(void **state)
{
    (void)state;
    assert_template("/orders/{% idd %}", false, "{\"id\":1}", "U2001");
    assert_template("/orders/{% id %}", false, "{\"id\":null}", "U2001");
    assert_template("/orders/{% id %}", false, "{\"id\":[1]}", "U2001");
}

static void mistakes_are_told_with_their_place_in_the_text(void **state)
{
    (void)state;
    assert_template("ab{% 1 + %}", false, NULL, "S0207");
    assert_int_equal(last_error.position, 9);
    assert_non_null(strstr(last_err.msg, "S0207 at byte 9"));
    assert_template("ab{% 1 + 'x' %}", false, NULL, "T2002");
    assert_int_equal(last_error.position, 7);
    assert_template("ab{% 1 ", false, NULL, "U2002");
    assert_int_equal(last_error.position, 2);
}

static void a_template_knows_its_variables(void **state)
{
    (void)state;
    struct belay_template *t;
    assert_ok(belay_template_compile(BELAY_STR("a{% $message.id %}"),
                                     (struct belay_template_opt){ 0 }, &t, NULL, NULL));
    assert_true(belay_template_uses(t, BELAY_STR("message")));
    assert_false(belay_template_uses(t, BELAY_STR("headers")));
    assert_true(belay_template_uses_variables(t));
    assert_false(belay_template_is_literal(t));
    assert_true(belay_template_is_text(t));
    belay_template_free(t);
}

/* Whoever reads of the error looks for it there. */
static void an_error_says_where_its_text_is_written(void **state)
{
    (void)state;
    static const char *const texts[] = { "{% $number(id) %}", "/orders/{% $number(id) %}", "/orders/{% { 'no': 'scalar' } %}" };
    const belay_json *root;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(BELAY_STR("{\"id\":\"x\"}"), NULL, &arena, &root, NULL, NULL));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct belay_template_opt opt = { .path = i == 2, .file = BELAY_STR("orders.yaml"), .line = 31 };
        const struct belay_expr_env env = { 0 };
        struct belay_expr_error error;
        struct belay_template *t;
        struct belay_str text;
        uint32_t line;
        assert_ok(belay_template_compile(belay_str_c(texts[i]), opt, &t, NULL, NULL));
        assert_int_equal(belay_template_text(t, belay_value_tape(root), &env, &arena, &text, &error, NULL), BELAY_INVALID);
        assert_str(error.file, "orders.yaml");
        assert_int_equal(error.line, 31);
        assert_str(belay_template_place(t, &line), "orders.yaml");
        assert_int_equal(line, 31);
        belay_template_free(t);
    }
    belay_arena_deinit(&arena);
}

static void what_reads_no_variable_uses_none_of_any_name(void **state)
{
    (void)state;
    static const char *const texts[] = { "plain", "{% id %}", "/orders/{% id %}", "{% { 'id': id } %}" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct belay_template *t;
        assert_ok(belay_template_compile(belay_str_c(texts[i]), (struct belay_template_opt){ 0 }, &t, NULL, NULL));
        assert_false(belay_template_uses_variables(t));
        assert_false(belay_template_uses(t, BELAY_STR("message")));
        assert_int_equal(belay_template_is_text(t), i % 2 == 0);
        belay_template_free(t);
    }
}

static void a_template_names_what_the_host_must_know(void **state)
{
    struct belay_template *t;
    struct belay_str name;
    uint32_t count = 0;
    bool seen[2] = { false, false };
    (void)state;
    assert_ok(belay_template_compile(
        BELAY_STR("{% $sum(items.($x := n; $map(l, function($i) { $i + $x + $rate }))) %}"
                  " {% $saga('a', $$.id) %} {% $string(1) %}"),
        (struct belay_template_opt){ 0 }, &t, NULL, NULL));
    for (; belay_template_free_variable(t, count, &name); count++) {
        seen[0] = seen[0] || belay_str_eq(name, BELAY_STR("rate"));
        seen[1] = seen[1] || belay_str_eq(name, BELAY_STR("saga"));
    }
    assert_int_equal(count, 2);
    assert_true(seen[0] && seen[1]);
    belay_template_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expression_alone_keeps_its_type),
        cmocka_unit_test(text_around_expressions_makes_a_string),
        cmocka_unit_test(what_has_no_text_is_an_error_never_empty),
        cmocka_unit_test(mistakes_are_told_with_their_place_in_the_text),
        cmocka_unit_test(a_template_knows_its_variables),
        cmocka_unit_test(an_error_says_where_its_text_is_written),
        cmocka_unit_test(what_reads_no_variable_uses_none_of_any_name),
        cmocka_unit_test(a_template_names_what_the_host_must_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
