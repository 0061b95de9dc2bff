/* Schemas and contracts of several files: what their references lead to, and that what is stored of them is whole. */
#include "config/config.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "json/schema.h"
#include "unit/config/files.h"

#define FLOW(schema)                                                                                               \
    "belay: 1\nname: a\ntopics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps:\n      - validate: "   \
    "{ schema: " schema " }\n"

static bool fits(const struct belay_schema *schema, const char *text)
{
    struct belay_arena arena;
    const belay_json *v;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, NULL));
    bool ok = belay_schema_valid(schema, v, NULL);
    belay_arena_deinit(&arena);
    return ok;
}

/* By the files, and by what is stored of them where those are gone. */
static void hold(const struct mem_file *files, const char *good, const char *bad)
{
    static const struct mem_file none[] = { { 0 } };
    struct mem_config m;
    struct belay_definitions *one = NULL;
    struct belay_problems problems;
    mem_load(&m, files);
    for (uint32_t i = 0; i < m.problems.count; i++)
        if (m.problems.items[i].level == BELAY_PROBLEM_ERROR)
            print_error("%s\n", m.problems.items[i].message.p);
    assert_ok(m.status);
    const struct belay_schema *schema = m.d->flows[0].steps[0].u.validate.schema;
    assert_true(fits(schema, good));
    assert_false(fits(schema, bad));
    m.opt.read_arg = (void *)none;
    belay_problems_init(&problems);
    assert_ok(belay_config_recompile(&m.opt, m.d, m.d->flows[0].text, &one, &problems, &m.err));
    schema = one->flows[0].steps[0].u.validate.schema;
    assert_true(fits(schema, good));
    assert_false(fits(schema, bad));
    assert_true(belay_str_eq(one->flows[0].text, m.d->flows[0].text));
    belay_definitions_unref(one);
    belay_problems_deinit(&problems);
    mem_free(&m);
}

static const char *told(const struct mem_file *files, struct belay_buf *out)
{
    struct mem_config m;
    mem_load(&m, files);
    belay_buf_clear(out);
    mem_write_problems(&m, out);
    mem_free(&m);
    return out->p;
}

#define GOOD "{\"ship\":{\"street\":\"x\",\"back\":{\"ship\":{\"street\":\"y\"}}},\"zip\":\"1\"}"
#define BAD "{\"ship\":{\"street\":\"x\",\"back\":{\"ship\":{\"street\":7}}},\"zip\":\"1\"}"

static void a_reference_leads_to_a_file_beside_and_back(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("schemas/order.json") },
        { "schemas/order.json", "{\"properties\": {\"ship\": {\"$ref\": \"common/address.yaml\"}, \"zip\": {\"$ref\": "
                                "\"common/address.yaml#/$defs/zip\"}}}" },
        { "schemas/common/address.yaml", "properties:\n  street: { $ref: '#/$defs/text' }\n  back: { $ref: ../order.json }\n"
                                         "$defs: { text: { type: string }, zip: { type: string } }\n" },
        { 0 },
    };
    (void)state;
    hold(files, GOOD, BAD);
    hold(files, "{\"zip\":\"1\"}", "{\"zip\":1}");
}

/* As they are published: each with its $id, and references relative to it, or by the whole of it. */
static void files_with_ids_lie_beside_each_other_as_their_ids_do(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("schemas/order.json") },
        { "schemas/order.json",
          "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"$id\": \"https://x.test/s/order.json\",\n"
          "\"properties\": {\"ship\": {\"$ref\": \"address.json\"}, \"zip\": {\"$ref\": \"https://x.test/s/address.json#/$defs/zip\"}}}" },
        { "schemas/address.json",
          "{\"$id\": \"https://x.test/s/address.json\", \"properties\": {\"street\": {\"$ref\": \"#/$defs/text\"},\n"
          "\"back\": {\"$ref\": \"order.json\"}}, \"$defs\": {\"text\": {\"type\": \"string\"}, \"zip\": {\"type\": \"string\"}}}" },
        { 0 },
    };
    (void)state;
    hold(files, GOOD, BAD);
    hold(files, "{\"zip\":\"1\"}", "{\"zip\":1}");
}

static void a_schema_within_the_configuration_refers_to_files_too(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("{ properties: { a: { $ref: 'a.json#/$defs/n' }, b: { $ref: 'https://json-schema.org/draft/2020-12/schema' } } }") },
        { "a.json", "{\"$defs\": {\"n\": {\"type\": \"integer\"}}}" },
        { 0 },
    };
    (void)state;
    hold(files, "{\"a\":1,\"b\":{\"type\":\"string\"}}", "{\"a\":\"x\"}");
    hold(files, "{\"a\":1}", "{\"b\":{\"type\":\"strin\"}}");
}

/* In the bundle they are one resource; and "#x" is the file's own x, whatever the others call so. */
static void files_may_have_anchors_of_one_name(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("a.json") },
        { "a.json", "{\"$defs\": {\"x\": {\"$anchor\": \"x\", \"type\": \"string\"}}, \"properties\": {\n"
                    "\"own\": {\"$ref\": \"#x\"}, \"b\": {\"$ref\": \"b.json#x\"}, \"c\": {\"$ref\": \"c.json\"}}}" },
        { "b.json", "{\"$defs\": {\"x\": {\"$anchor\": \"x\", \"type\": \"integer\"}}}" },
        { "c.json", "{\"$defs\": {\"x\": {\"$anchor\": \"x\", \"type\": \"boolean\"}}, \"properties\": {\n"
                    "\"own\": {\"$ref\": \"#x\"}, \"a\": {\"$ref\": \"a.json#x\"}, \"b\": {\"$ref\": \"b.json#x\"}}}" },
        { 0 },
    };
    (void)state;
    hold(files, "{\"own\":\"s\",\"b\":1,\"c\":{\"own\":true,\"a\":\"s\",\"b\":2}}", "{\"own\":1}");
    hold(files, "{}", "{\"b\":\"s\"}");
    hold(files, "{}", "{\"c\":{\"own\":1}}");
    hold(files, "{}", "{\"c\":{\"a\":1}}");
    hold(files, "{}", "{\"c\":{\"b\":true}}");
}

/* Draft 7's "$id": "#x" is an anchor, and closes nothing off. */
static void anchors_of_draft_7_are_anchors(void **state)
{
#define DRAFT_7 "\"$schema\": \"http://json-schema.org/draft-07/schema#\", "
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("a.json") },
        { "a.json", "{" DRAFT_7 "\"definitions\": {\"x\": {\"$id\": \"#x\", \"type\": \"string\"}}, \"properties\": {\n"
                    "\"own\": {\"$ref\": \"#x\"}, \"b\": {\"$ref\": \"b.json#x\"}}}" },
        { "b.json", "{" DRAFT_7 "\"definitions\": {\"x\": {\"$id\": \"#x\", \"items\": {\"$ref\": \"c.json\"}}}}" },
        { "c.json", "{" DRAFT_7 "\"type\": \"integer\"}" },
        { 0 },
    };
    (void)state;
    hold(files, "{\"own\":\"s\",\"b\":[1]}", "{\"own\":1}");
    hold(files, "{}", "{\"b\":[true]}");
}

/* The specification's own example: a tree that is strict about what it extends. */
static void a_schema_extends_another_file_by_its_dynamic_anchor(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("strict.json") },
        { "strict.json", "{\"$id\": \"https://x.test/strict.json\", \"$dynamicAnchor\": \"node\", \"$ref\": \"tree.json\", \"unevaluatedProperties\": false}" },
        { "tree.json", "{\"$id\": \"https://x.test/tree.json\", \"$dynamicAnchor\": \"node\", \"properties\": {\"data\": true,\n"
                       "\"children\": {\"items\": {\"$dynamicRef\": \"#node\"}}}}" },
        { 0 },
    };
    (void)state;
    hold(files, "{\"children\":[{\"data\":1}]}", "{\"children\":[{\"daat\":1}]}");
}

static void a_dynamic_reference_that_depends_on_the_way_is_refused(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("all.json") },
        { "all.json", "{\"properties\": {\"a\": {\"$ref\": \"strict.json\"}, \"b\": {\"$ref\": \"tree.json\"}}}" },
        { "strict.json", "{\"$dynamicAnchor\": \"node\", \"$ref\": \"tree.json\", \"unevaluatedProperties\": false}" },
        { "tree.json", "{\"$dynamicAnchor\": \"node\", \"properties\": {\n\"children\": {\"items\": {\"$dynamicRef\": \"#node\"}}}}" },
        { 0 },
    };
    static const struct mem_file alone[] = {
        { "belay.yaml", FLOW("all.json") },
        { "all.json", "{\"properties\": {\"b\": {\"$ref\": \"tree.json\"}, \"c\": {\"$dynamicRef\": \"tree.json#node\"}}}" },
        { "tree.json", "{\"$dynamicAnchor\": \"node\", \"properties\": {\n\"children\": {\"items\": {\"$dynamicRef\": \"#node\"}, \"type\": \"array\"}}}" },
        { 0 },
    };
    struct belay_buf out;
    (void)state;
    belay_buf_init(&out, 1 << 16);
    assert_string_equal(told(files, &out), "tree.json:2:39: error: 2 files have the $dynamicAnchor 'node', and the first of all has not: "
                                           "which is meant is not known [schema]\n");
    belay_buf_deinit(&out);
    hold(alone, "{\"b\":{\"children\":[{\"children\":[]}]}}", "{\"b\":{\"children\":[{\"children\":1}]}}");
    hold(alone, "{}", "{\"c\":{\"children\":1}}");
}

/* As tools bundle them: each under $defs, with its $id, and the references as they were. */
static void a_document_may_hold_what_it_refers_to_by_id(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("order.json") },
        { "order.json",
          "{\"$id\": \"https://x.test/s/order.json\", \"properties\": {\"a\": {\"$ref\": \"item.json\"},\n"
          "\"b\": {\"$ref\": \"https://x.test/s/item.json#/$defs/n\"}, \"c\": {\"$ref\": \"c.json\"}},\n"
          "\"$defs\": {\"i\": {\"$id\": \"https://x.test/s/item.json\", \"type\": \"string\", \"$defs\": {\"n\": {\"type\": \"integer\"}}}}}" },
        { "c.json", "{\"$id\": \"https://x.test/s/c.json\", \"items\": {\"$ref\": \"t/d.json#/$defs/n\"}, \"$defs\": {\n"
                    "\"d\": {\"$id\": \"t/d.json\", \"$defs\": {\"n\": {\"type\": \"boolean\"}}}}}" },
        { 0 },
    };
    (void)state;
    hold(files, "{\"a\":\"s\",\"b\":1,\"c\":[true]}", "{\"a\":1}");
    hold(files, "{}", "{\"b\":\"s\"}");
    hold(files, "{}", "{\"c\":[1]}");
}

/* Broken all over, in every language: told, or out of memory, and nothing stays behind. */
static void without_memory_mistakes_of_many_files_are_told_or_not(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("a.json") "apis: { w: { listen: ':80', openapi: api.yaml } }\n" },
        { "a.json", "{\"$id\": \"https://x/a.json\", \"allOf\": [{\"$ref\": \"b.json\"}, {\"type\": \"x\", \"minLenght\": 1}]}" },
        { "b.json", "{\"$id\": \"https://x/b.json\", \"items\": {\"$ref\": \"a.json#/allOf/3\"}}" },
        { "api.yaml", "openapi: 3.1.0\npaths:\n  /o:\n    post:\n      paramters: []\n      requestBody: { $ref: 'b.json#/none' }\n" },
        { 0 },
    };
    struct mem_config m;
    uint64_t failing = 0;
    (void)state;
    do {
        belay_alloc_fail_after(failing++);
        mem_load(&m, files);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(m.status == BELAY_NOMEM || m.status == BELAY_INVALID);
        assert_null(m.d);
        mem_free(&m);
    } while (m.status == BELAY_NOMEM);
}

static void what_leads_nowhere_is_told_where_it_was_written(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", FLOW("a.json") },
        { "a.json", "{\"allOf\": [{\"$ref\": \"b.json\"},\n {\"$ref\": \"none.json#/$defs/a\"},\n {\"$ref\": \"none.json\"}]}" },
        { "b.json", "{\"not\":\n {\"type\": \"strin\"}}" },
        { 0 },
    };
    static const struct mem_file missing_gone[] = {
        { "belay.yaml", FLOW("a.json") },
        { "a.json", "{\"allOf\": [{\"$ref\": \"b.json\"},\n {\"$ref\": \"https://x.test/y\"}]}" },
        { "b.json", "{\"not\":\n {\"type\": \"strin\"}}" },
        { 0 },
    };
    struct belay_buf out;
    (void)state;
    belay_buf_init(&out, 1 << 16);
    assert_string_equal(told(files, &out), "a.json:2:11: error: the file cannot be read: none.json: no such file [file]\n"
                        "a.json:3:11: error: the file cannot be read: none.json: no such file [file]\n"
                        "b.json:1:2: error: there is no type \"strin\"; did you mean \"string\"? [schema]\n");
    assert_string_equal(told(missing_gone, &out),
                        "a.json:2:2: error: the reference to https://x.test/y leads to no known document; "
                        "nothing is fetched: put a copy beside it, or into a folder that the configuration names: remotes [schema]\n"
                        "b.json:1:2: error: there is no type \"strin\"; did you mean \"string\"? [schema]\n");
    belay_buf_deinit(&out);
}

static void a_contract_with_a_missing_file_is_told_of_the_rest(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", "belay: 1\nname: a\napis: { w: { listen: ':80', openapi: api.yaml } }\n" },
        { "api.yaml", "openapi: 3.1.0\npaths:\n  /o:\n    get:\n      parameters: [ { $ref: none.yaml }, { in: query } ]\n      responses:\n"
                      "        '200': { description: x, content: { a/b: { schema: { items: { $ref: 'none.yaml#/x' }, type: strin } } } }\n"
                      "    put: { security: [ { Tokn: [] } ], requestBody: { $ref: '#/components/requestBodies/Oder' } }\n"
                      "components: { securitySchemes: { Token: { type: http, scheme: bearer } }, requestBodies: { Order: { content: { a/b: {} } } } }\n" },
        { 0 },
    };
    struct belay_buf out;
    (void)state;
    belay_buf_init(&out, 1 << 16);
    assert_string_equal(told(files, &out),
                        "api.yaml:5:29: error: the file cannot be read: none.yaml: no such file [file]\n"
                        "api.yaml:5:42: error: a parameter without name [openapi]\n"
                        "api.yaml:7:52: error: there is no type \"strin\"; did you mean \"string\"? [openapi]\n"
                        "api.yaml:7:77: error: the file cannot be read: none.yaml: no such file [file]\n"
                        "api.yaml:8:26: error: names no security scheme of the components; did you mean 'Token'? [openapi]\n"
                        "api.yaml:8:40: error: the reference #/components/requestBodies/Oder leads to nothing; did you mean 'Order'? [openapi]\n");
    belay_buf_deinit(&out);
}

static void a_contract_takes_schemas_with_ids(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", "belay: 1\nname: a\napis: { w: { listen: ':80', openapi: api.yaml } }\n"
                        "flows: { f: { from: { api: w, operation: o }, reply: { status: 200 } } }\n" },
        { "api.yaml", "openapi: 3.1.0\npaths:\n  /o:\n    post:\n      operationId: o\n      requestBody:\n        content:\n"
                      "          application/json: { schema: { $ref: s/order.json } }\n" },
        { "s/order.json", "{\"$id\": \"https://x.test/s/order.json\", \"properties\": {\"ship\": {\"$ref\": \"address.json\"}}}" },
        { "s/address.json", "{\"$id\": \"https://x.test/s/address.json\", \"properties\": {\"zip\": {\"$ref\": \"#/$defs/z\"}},\n"
                            "\"$defs\": {\"z\": {\"type\": \"string\"}}}" },
        { 0 },
    };
    struct belay_buf out;
    struct mem_config m;
    (void)state;
    belay_buf_init(&out, 1 << 16);
    mem_load(&m, files);
    mem_write_problems(&m, &out);
    assert_string_equal(out.p, "");
    assert_ok(m.status);
    const belay_json *ref = belay_json_pointer(m.d->apis[0].openapi, BELAY_STR("/x-files/s~1order.json/properties/ship/$ref"));
    assert_str(belay_json_str(ref), "#/x-files/s~1address.json");
    mem_free(&m);
    belay_buf_deinit(&out);
}

static void a_contract_finds_the_ids_of_its_components(void **state)
{
    static const struct mem_file files[] = {
        { "belay.yaml", "belay: 1\nname: a\napis: { w: { listen: ':80', openapi: api.yaml } }\n"
                        "flows: { f: { from: { api: w, operation: o }, reply: { status: 200 } } }\n" },
        { "api.yaml", "openapi: 3.1.0\npaths:\n  /o:\n    post:\n      operationId: o\n      requestBody:\n        content:\n"
                      "          application/json: { schema: { $ref: 'https://x.test/order' } }\n"
                      "          text/plain: { schema: { $ref: 'https://x.test/order#/properties/id' } }\n"
                      "components: { schemas: { Order: { $id: 'https://x.test/order', properties: { id: { type: string }, sub: { $ref: order } } } } }\n" },
        { 0 },
    };
    struct mem_config m;
    (void)state;
    mem_load(&m, files);
    assert_ok(m.status);
    const belay_json *content = belay_json_pointer(m.d->apis[0].openapi, BELAY_STR("/paths/~1o/post/requestBody/content"));
    assert_str(belay_json_str(belay_json_pointer(content, BELAY_STR("/application~1json/schema/$ref"))), "#/components/schemas/Order");
    assert_str(belay_json_str(belay_json_pointer(content, BELAY_STR("/text~1plain/schema/$ref"))), "#/components/schemas/Order/properties/id");
    mem_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_leads_to_a_file_beside_and_back),
        cmocka_unit_test(files_with_ids_lie_beside_each_other_as_their_ids_do),
        cmocka_unit_test(a_schema_within_the_configuration_refers_to_files_too),
        cmocka_unit_test(files_may_have_anchors_of_one_name),
        cmocka_unit_test(anchors_of_draft_7_are_anchors),
        cmocka_unit_test(a_schema_extends_another_file_by_its_dynamic_anchor),
        cmocka_unit_test(a_dynamic_reference_that_depends_on_the_way_is_refused),
        cmocka_unit_test(a_document_may_hold_what_it_refers_to_by_id),
        cmocka_unit_test(without_memory_mistakes_of_many_files_are_told_or_not),
        cmocka_unit_test(what_leads_nowhere_is_told_where_it_was_written),
        cmocka_unit_test(a_contract_with_a_missing_file_is_told_of_the_rest),
        cmocka_unit_test(a_contract_takes_schemas_with_ids),
        cmocka_unit_test(a_contract_finds_the_ids_of_its_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
