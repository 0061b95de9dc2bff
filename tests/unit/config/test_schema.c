/* What the tables say of themselves: the JSON Schema and docs/language.md.
 * `unit.config.schema --write` writes docs/language.md anew. */
#include "config/config.h"

#include <stdio.h>

#include "config/grammar.h"
#include "config/rules.h"
#include "unit/config/files.h"
#include "unit/config/order.h"
#include "json/schema.h"

#define REFERENCE BELAY_SOURCE_DIR "/docs/language.md"

static const belay_json *printed_schema(struct belay_buf *text, struct belay_arena *arena)
{
    const belay_json *root;
    struct belay_err err;
    belay_buf_init(text, 1 << 20);
    belay_arena_init(arena, 0, 1 << 24);
    belay_config_schema_write(text);
    assert_ok(belay_buf_status(text));
    assert_ok(belay_json_parse(belay_buf_view(text), NULL, arena, &root, NULL, &err));
    return root;
}

/* Every $ref of the document names something in it. */
static void check_refs(const belay_json *root, const belay_json *v)
{
    const belay_json *ref = belay_json_get(v, BELAY_STR("$ref"));
    if (ref && ref->type == BELAY_JSON_STRING)
        assert_non_null(belay_json_pointer(root, belay_str_sub(belay_json_str(ref), 1, ref->n)));
    const belay_json *at = belay_json_first(v);
    for (uint32_t i = 0; v->type >= BELAY_JSON_ARRAY && i < v->n; i++) {
        at += v->type == BELAY_JSON_OBJECT;
        check_refs(root, at);
        at = belay_json_next(at);
    }
}

static void the_schema_is_JSON_whose_references_hold(void **state)
{
    struct belay_buf text;
    struct belay_arena arena;
    (void)state;
    const belay_json *root = printed_schema(&text, &arena);
    check_refs(root, root);
    belay_arena_deinit(&arena);
    belay_buf_deinit(&text);
}

static void every_key_of_the_parser_is_in_the_schema(void **state)
{
    struct belay_buf text;
    struct belay_arena arena;
    const struct config_kind *kinds[64];
    (void)state;
    const belay_json *root = printed_schema(&text, &arena);
    size_t count = config_kinds(kinds, 64);
    assert_true(count > 20 && count < 64);
    for (size_t i = 0; i < count; i++) {
        const belay_json *kind
            = belay_json_get(belay_json_get(root, BELAY_STR("$defs")), belay_str_c(kinds[i]->name));
        const belay_json *forms = belay_json_get(kind, BELAY_STR("anyOf"));
        const belay_json *properties
            = belay_json_get(forms ? belay_json_at(forms, 0) : kind, BELAY_STR("properties"));
        for (const struct config_key *key = kinds[i]->keys; key->name; key++)
            assert_non_null(belay_json_get(properties, belay_str_c(key->name)));
    }
    belay_arena_deinit(&arena);
    belay_buf_deinit(&text);
}

/* An editor judges as the parser does: by the schema's own compiler. */
static bool valid(const belay_json *schema_root, const char *yaml)
{
    struct config_file file = { BELAY_STR("x.yaml"), belay_str_c(yaml) };
    struct belay_arena arena;
    struct belay_buf json;
    struct belay_problems problems;
    struct belay_schema *schema;
    struct belay_err err;
    const belay_json *value;
    int status;
    belay_arena_init(&arena, 0, 1 << 24);
    belay_buf_init(&json, 1 << 20);
    belay_problems_init(&problems);
    const struct config_node *tree = config_yaml(&file, &arena, &problems, &status);
    assert_non_null(tree);
    config_node_write(&json, tree, NULL);
    assert_ok(belay_json_parse(belay_buf_view(&json), NULL, &arena, &value, NULL, &err));
    assert_ok(belay_schema_compile(schema_root, schema_root, NULL, &schema, &err));
    bool result = belay_schema_valid(schema, value, NULL);
    belay_schema_free(schema);
    belay_problems_deinit(&problems);
    belay_buf_deinit(&json);
    belay_arena_deinit(&arena);
    return result;
}

static void the_schema_judges_as_the_parser_does(void **state)
{
    struct belay_buf text;
    struct belay_arena arena;
    (void)state;
    const belay_json *root = printed_schema(&text, &arena);
    assert_true(valid(root, order_yaml));
    assert_true(valid(root, "belay: 1\nname: a\ntopics: { t: }\n"));
    assert_false(valid(root, "belay: 1\nname: a\ntopcis: {}\n"));
    assert_false(valid(root, "name: a\n"));
    assert_false(
        valid(root, "belay: 1\nflows: { f: { from: { topic: t }, retry: { max_atempts: 3 } } }\n"));
    assert_false(valid(root, "belay: 1\nflows: { f: { from: { topic: t }, timeout: 30 } }\n"));
    assert_false(valid(
        root, "belay: 1\nflows: { f: { from: { topic: t }, steps: [ { log: x, map: y } ] } }\n"));
    assert_false(
        valid(root, "belay: 1\nflows: { f: { from: { topic: t }, steps: [ { wait: 5m } ] } }\n"));
    assert_false(valid(root, "belay: 1\nbindings: { a: {} }\n"));
    belay_arena_deinit(&arena);
    belay_buf_deinit(&text);
}

static void the_reference_is_what_the_tables_say(void **state)
{
    struct belay_buf want;
    (void)state;
    belay_buf_init(&want, 1 << 20);
    belay_config_reference_write(&want);
    assert_ok(belay_buf_status(&want));
    char *have = test_calloc(1, want.n + 2);
    FILE *f = fopen(REFERENCE, "r");
    assert_non_null(f);
    size_t n = fread(have, 1, want.n + 1, f);
    fclose(f);
    if (n != want.n || memcmp(have, want.p, n) != 0)
        fail_msg("docs/language.md is out of date: unit.config.schema --write");
    test_free(have);
    belay_buf_deinit(&want);
}

static void every_row_has_its_help(void **state)
{
    const struct config_kind *kinds[64];
    (void)state;
    size_t count = config_kinds(kinds, 64);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(kinds[i]->help) > 5);
        for (const struct config_key *key = kinds[i]->keys; key->name; key++) {
            assert_true(key->type == CONFIG_RESERVED || strlen(key->help) > 5);
            assert_true(key->type != CONFIG_TEXT_NODE || key->shape);
            assert_true(key->type != CONFIG_ANY_NODE || key->shape);
            assert_true(key - kinds[i]->keys < 64); /* config_parse counts them in 64 bits */
        }
    }
    for (const struct config_rule *r = config_rules; r->name; r++)
        assert_ptr_equal(config_rule(r->name), r);
}

static int write_reference(void)
{
    struct belay_buf text;
    belay_buf_init(&text, 1 << 20);
    belay_config_reference_write(&text);
    FILE *f = fopen(REFERENCE, "w");
    bool done = f && fwrite(text.p, 1, text.n, f) == text.n;
    if (f)
        done = fclose(f) == 0 && done;
    belay_buf_deinit(&text);
    return !done;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_is_JSON_whose_references_hold),
        cmocka_unit_test(every_key_of_the_parser_is_in_the_schema),
        cmocka_unit_test(the_schema_judges_as_the_parser_does),
        cmocka_unit_test(the_reference_is_what_the_tables_say),
        cmocka_unit_test(every_row_has_its_help),
    };
    if (argc == 2 && strcmp(argv[1], "--write") == 0)
        return write_reference();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
