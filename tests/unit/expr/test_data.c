/* Belay's own functions: digests, formats, and what the configuration lends. */
#include <stdio.h>

#include "base/alloc.h"
#include "unit/expr/expr_test.h"

static void digests_are_those_of_the_standards(void **state)
{
    (void)state;
    assert_expr("$hash('abc', 'sha-256')", NULL,
                "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
    assert_expr("$hash('', 'sha-256')", NULL,
                "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"");
    assert_expr("$hash('', 'xxh128')", NULL, "\"99aa06d3014798d86001c324468d497f\"");
    assert_expr("$hash({'a': [1, true]}, 'sha-256') = $hash('{\"a\":[1,true]}', 'sha-256')", NULL,
                "true");
    assert_expr("$hash(nothing, 'sha-256')", "{}", "undefined");
    assert_expr("$hash('abc', 'md5')", NULL, "U3001");
    assert_string_equal(last_error.token, "md5");
}

static void json_texts_are_read_and_written_exactly(void **state)
{
    (void)state;
    assert_expr("$parse('{\"a\":[1,2.50,9007199254740993]}').a[2]", NULL, "9007199254740993");
    assert_expr("'[1]' ~> $parse()", NULL, "[1]");
    assert_expr("$parse('{\"a\":', 'json')", NULL, "U3003");
    assert_non_null(strstr(last_error.message, "line 1, column 6"));
    assert_expr("$serialize({'a': 0.1 + 0.2})", NULL, "\"{\\\"a\\\":0.30000000000000004}\"");
    assert_expr("$parse($serialize($)) = $", "{\"a\":[null,{\"b\":\"\\u0000x\"}]}", "true");
    assert_expr("$parse('{}', 'application/problem+json; charset=utf-8')", NULL, "{}");
    assert_expr("$parse('x', 'yaml')", NULL, "U3002");
    assert_expr("$parse(nothing)", "{}", "undefined");
    assert_expr("$serialize(nothing, 'xml')", "{}", "undefined");
}

static void csv_has_named_columns(void **state)
{
    (void)state;
    assert_expr("$parse('sku,qty\r\nROPE,1\r\n\"a \"\"b\"\", c\",2\n', 'csv')", NULL,
                "[{\"sku\":\"ROPE\",\"qty\":\"1\"},{\"sku\":\"a \\\"b\\\", c\",\"qty\":\"2\"}]");
    assert_expr("$parse('a;b\n\n1;\"x\ny\"', 'csv', {'delimiter': ';'})", NULL,
                "[{\"a\":\"1\",\"b\":\"x\\ny\"}]");
    assert_expr("$parse('1,2\n3', 'csv', {'header': false})", NULL, "[[\"1\",\"2\"],[\"3\"]]");
    assert_expr("$parse('\\uFEFFa\n1', 'text/csv; charset=utf-8')", NULL, "[{\"a\":\"1\"}]");
    assert_expr("$parse('', 'csv')", NULL, "[]");
    assert_expr("$parse('a,b\n1', 'csv')", NULL, "U3003");
    assert_non_null(strstr(last_error.message, "line 2: 1 fields, but 2 columns"));
    assert_expr("$parse('a,a\n', 'csv')", NULL, "U3003");
    assert_expr("$parse('a\n\"x', 'csv')", NULL, "U3003");
    assert_expr("$parse('a\n\"x\"y', 'csv')", NULL, "U3003");
    assert_expr("$parse('a', 'csv', {'delimiter': 'xy'})", NULL, "U3004");
}

static void csv_is_written_as_it_is_read(void **state)
{
    (void)state;
    assert_expr("$serialize([{'a': 1, 'b': 'x,y'}, {'b': '\"', 'c': true}], 'csv')", NULL,
                "\"a,b,c\\r\\n1,\\\"x,y\\\",\\r\\n\\\"\\\",\\\"\\\"\\\"\\\",true\\r\\n\"");
    assert_expr("$serialize([[1, null], ['']], 'csv')", NULL, "\"1,\\r\\n\\\"\\\"\\r\\n\"");
    assert_expr("($x := [{'a': '', 'b': 'l\nm'}]; $parse($serialize($x, 'csv'), 'csv') = $x)", NULL,
                "true");
    assert_expr("$serialize([['\\uFEFFx']], 'csv')", NULL, "\"\\\"\xef\xbb\xbfx\\\"\\r\\n\"");
    assert_expr("$serialize([{'a': [1]}], 'csv')", NULL, "U3004");
    assert_expr("$serialize([{'a': 1}, 2], 'csv')", NULL, "U3004");
    assert_expr("$serialize(7, 'csv')", NULL, "U3004");
}

static void form_data_repeats_names(void **state)
{
    (void)state;
    assert_expr("$parse('a=1&b=x+y%26&a=2&c&=z&d=%', 'form')", NULL,
                "{\"a\":[\"1\",\"2\"],\"b\":\"x y&\",\"c\":\"\",\"\":\"z\",\"d\":\"%\"}");
    assert_expr("$parse('a&=', 'form') ", NULL, "{\"a\":\"\",\"\":\"\"}");
    assert_expr("$decodeUrl('')", NULL, "\"\"");
    assert_expr("$parse('a=%ff', 'form')", NULL, "U3003");
    assert_expr("$serialize({'a b': ['1', true, 2.5], 'c': '\xc3\xa9&'}, 'form')", NULL,
                "\"a+b=1&a+b=true&a+b=2.5&c=%C3%A9%26\"");
    assert_expr("$serialize({'a': {}}, 'form')", NULL, "U3004");
    assert_expr("$serialize('a', 'form')", NULL, "U3004");
}

static void xml_becomes_members(void **state)
{
    (void)state;
    assert_expr("$parse('<o id=\"7\"><i>a</i><i n=\"2\">b</i><e/></o>', 'xml')", NULL,
                "{\"o\":{\"@id\":\"7\",\"i\":[\"a\",{\"@n\":\"2\",\"#text\":\"b\"}],\"e\":\"\"}}");
    assert_expr("$parse('<o>\n  <a>1</a>\n  <b> </b>\n</o>', 'xml')", NULL,
                "{\"o\":{\"a\":\"1\",\"b\":\" \"}}");
    assert_expr("$parse('<o xml:space=\"preserve\"> <a/></o>', 'xml').o.`#text`", NULL, "\" \"");
    assert_expr("$parse('<p>x <b>y</b></p>', 'xml')", NULL,
                "{\"p\":{\"#text\":\"x \",\"b\":\"y\"}}");
    assert_expr("$parse('<p><a/><b/><a/></p>', 'xml').p.`#order`", NULL, "[\"a\",\"b\",\"a\"]");
    assert_expr("$parse('<?go now?><p><!--c--><![CDATA[<&]]></p>', 'application/soap+xml')", NULL,
                "{\"?go\":\"now\",\"p\":{\"#comment\":\"c\",\"#text\":\"<&\"}}");
    assert_expr("$parse('<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><n:p xmlns:n=\"u\">\xc3\xa9</n:p>',"
                " 'xml').`n:p`.`#text`", NULL, "\"\xc3\xa9\"");
}

#define ROUND(xml) "$serialize($parse('" xml "', 'xml'), 'xml') = '" xml "'"

static void xml_comes_back_as_it_was(void **state)
{
    (void)state;
    assert_expr(ROUND("<o id=\"7\"><i>a</i><i n=\"&lt;&amp;&quot;&#10;\">b</i><e/></o>"), NULL, "true");
    assert_expr(ROUND("<p>some <b>bold</b> <i>text</i> and <b>more</b>.</p>"), NULL, "true");
    assert_expr(ROUND("<p><a>1</a><b/><a>2</a><!-- c --><b/><?t x?></p>"), NULL, "true");
    assert_expr(ROUND("<?t x?><p>&#13;&gt;</p>"), NULL, "true");
    assert_expr("$serialize({'o': {'@x': 1, 'i': [1.5, true, null], 'e': {}}}, 'xml')", NULL,
                "\"<o x=\\\"1\\\"><i>1.5</i><i>true</i><i/><e/></o>\"");
}

static void xml_that_cannot_be_written_is_refused(void **state)
{
    (void)state;
    static const char *const sources[]
        = { "7", "{}", "{'a': 1, 'b': 2}", "{'a': [1, 2]}", "{'1a': 1}", "{'a': {'@': 1}}",
            "{'a': {'x y': 1}}", "{'a': '\\u0001'}", "{'a': {'#comment': 'a--b'}}",
            "{'a': {'?x': '?>'}}", "{'a': {'?xml': ''}}", "{'a': {'b': 1, '#order': ['c']}}",
            "{'a': {'b': [1, 2], '#order': ['b']}}", "{'a': {'#text': {}}}", "{'a': {'': 1}}" };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char source[200];
        snprintf(source, sizeof source, "$serialize(%s, 'xml')", sources[i]);
        assert_expr(source, NULL, "U3004");
    }
}

static void xml_declares_no_entity_and_has_an_end(void **state)
{
    (void)state;
    assert_expr("$parse('<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>', 'xml')", NULL, "U3003");
    assert_non_null(strstr(last_error.message, "document type"));
    assert_expr("$parse('<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>', 'xml')", NULL, "U3003");
    assert_expr("$parse('<a>&x;</a>', 'xml')", NULL, "U3003");
    assert_expr("$parse('<a>\n<b></a>', 'xml')", NULL, "U3003");
    assert_non_null(strstr(last_error.message, "line 2, column 6: mismatched tag"));
    assert_expr("$parse('', 'xml')", NULL, "U3003");
    assert_expr("$parse($join([1..300].('<a>')), 'xml')", NULL, "U3003");
    assert_non_null(strstr(last_error.message, "deeper"));
}

/* ---- $env and $lookupTable ---- */

struct lent {
    struct belay_arena arena;
    struct belay_expr_data *data;
    struct belay_expr_env env;
};

static struct belay_value json(struct lent *l, const char *text)
{
    const belay_json *root;
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &l->arena, &root, NULL, NULL));
    return belay_value_tape(root);
}

static void lend(struct lent *l)
{
    struct belay_err err;
    belay_arena_init(&l->arena, 0, BELAY_MIB(1));
    l->data = belay_expr_data_new(&l->arena);
    assert_ok(belay_expr_data_env(l->data, BELAY_STR("REGION"), BELAY_STR("eu")));
    assert_ok(belay_expr_data_table(l->data, BELAY_STR("vat"), json(l, "{\"DE\":19,\"FR\":20}"),
                                    BELAY_STR(""), &err));
    assert_ok(belay_expr_data_table(l->data, BELAY_STR("skus"),
                                    json(l, "[{\"id\":7,\"n\":\"seven\"},{\"id\":\"x\"}]"),
                                    BELAY_STR("id"), &err));
    l->env = (struct belay_expr_env){ .data = l->data };
}

#define assert_lent(l, source, expected)                   \
    do {                                                   \
        struct belay_buf out_;                             \
        belay_buf_init(&out_, BELAY_MIB(1));               \
        (void)evaluate(source, NULL, &(l)->env, &out_);    \
        assert_string_equal(out_.p, expected);             \
        belay_buf_deinit(&out_);                           \
    } while (0)

static void expressions_read_what_is_declared_and_nothing_else(void **state)
{
    (void)state;
    struct lent l;
    lend(&l);
    assert_lent(&l, "$env('REGION')", "\"eu\"");
    assert_lent(&l, "$env('PATH')", "U3005");
    assert_string_equal(last_error.token, "PATH");
    assert_lent(&l, "$lookupTable('vat', 'DE')", "19");
    assert_lent(&l, "$lookupTable('vat', 'XX')", "undefined");
    assert_lent(&l, "$lookupTable('vat', nothing)", "undefined");
    assert_lent(&l, "$lookupTable('skus', 7).n & $lookupTable('skus', 'x').id", "\"sevenx\"");
    assert_lent(&l, "['7', 'x'].$lookupTable('skus', $).n", "\"seven\"");
    assert_lent(&l, "$lookupTable('none', 'x')", "U3006");
    assert_expr("$env('REGION')", NULL, "U3005");
    assert_expr("$lookupTable('vat', 'DE')", NULL, "U3006");
    belay_arena_deinit(&l.arena);
}

static void a_name_that_is_written_out_and_not_declared_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *missing; /* the last one first */
    } rows[] = {
        { "{% $env('REGION') & $lookupTable('vat', 'DE') %}", "" },
        { "{% $env('REGIN') %}", "env REGIN at 8;" },
        { "a {% 1 %} b {% [$lookupTable('vta', x), $map(y, function($v) { $env(\"P\") })] %}", "env P at 68;table vta at 29;" },
        { "{% $env(x) & $env('A' & 'B') & $env() & env('C') %}", "" },
        { "{% ($env := function($x) { $x }; $env('mine')) %}", "" },
    };
    struct lent l;
    lend(&l);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_template *t;
        struct belay_expr_missing m;
        struct belay_buf said;
        belay_buf_init(&said, BELAY_KIB(1));
        assert_ok(belay_template_compile(belay_str_c(rows[i].text), (struct belay_template_opt){ .data = l.data }, &t,
                                         NULL, NULL));
        for (uint32_t k = 0; belay_template_missing(t, k, &m); k++)
            belay_buf_printf(&said, "%s %.*s at %u;", m.table ? "table" : "env", BELAY_STR_ARG(m.name), m.position);
        belay_buf_put_c(&said, '\0');
        assert_string_equal(said.p, rows[i].missing);
        belay_buf_deinit(&said);
        belay_template_free(t);
    }
    assert_string_equal(belay_expr_data_name(l.data, true, 1).p, "skus");
    assert_null(belay_expr_data_name(l.data, false, 1).p);
    belay_arena_deinit(&l.arena);
}

static void rows_that_are_no_table_are_refused(void **state)
{
    (void)state;
    struct lent l;
    struct belay_err err;
    lend(&l);
    struct belay_str t = BELAY_STR("t"), id = BELAY_STR("id");
    assert_int_equal(belay_expr_data_table(l.data, t, json(&l, "3"), id, &err), BELAY_INVALID);
    assert_int_equal(belay_expr_data_table(l.data, t, json(&l, "[{}]"), BELAY_STR(""), &err),
                     BELAY_INVALID);
    assert_int_equal(belay_expr_data_table(l.data, t, json(&l, "[{\"id\":1},{}]"), id, &err),
                     BELAY_INVALID);
    assert_string_equal(err.msg, "row 2 has no 'id' that could be its key");
    assert_int_equal(
        belay_expr_data_table(l.data, t, json(&l, "[{\"id\":1},{\"id\":\"1\"}]"), id, &err),
        BELAY_INVALID);
    assert_string_equal(err.msg, "row 2: the key '1' is there already");
    belay_arena_deinit(&l.arena);
}

static void formats_survive_without_memory(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "$serialize($parse('<o id=\"7\"><i>a</i><b/><i n=\"2\">b</i></o>', 'xml'), 'xml')",
        "$serialize($parse('a,b\n1,2\n', 'csv'), 'csv')", "$parse('a=1&b=2&a=3', 'form')",
        "$hash('abc', 'sha-256')"
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        for (uint64_t n = 0;; n++) {
            struct belay_arena arena;
            struct belay_expr *e = NULL;
            struct belay_value v;
            belay_arena_init(&arena, 256, BELAY_MIB(1));
            belay_alloc_fail_after(n);
            int status = belay_expr_compile(belay_str_c(sources[i]), &e, NULL, NULL);
            if (!status)
                status = belay_expr_eval(e, belay_value_undefined(), NULL, &arena, &v, NULL, NULL);
            belay_alloc_fail_after(UINT64_MAX);
            belay_expr_free(e);
            belay_arena_deinit(&arena);
            if (status == BELAY_OK)
                break;
            assert_int_equal(status, BELAY_NOMEM);
            assert_true(n < 1000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standards),
        cmocka_unit_test(json_texts_are_read_and_written_exactly),
        cmocka_unit_test(csv_has_named_columns),
        cmocka_unit_test(csv_is_written_as_it_is_read),
        cmocka_unit_test(form_data_repeats_names),
        cmocka_unit_test(xml_becomes_members),
        cmocka_unit_test(xml_comes_back_as_it_was),
        cmocka_unit_test(xml_that_cannot_be_written_is_refused),
        cmocka_unit_test(xml_declares_no_entity_and_has_an_end),
        cmocka_unit_test(expressions_read_what_is_declared_and_nothing_else),
        cmocka_unit_test(a_name_that_is_written_out_and_not_declared_is_told),
        cmocka_unit_test(rows_that_are_no_table_are_refused),
        cmocka_unit_test(formats_survive_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
