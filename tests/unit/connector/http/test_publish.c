/* What an API tells about itself, what it promises, and what is said when it does not keep it. */
#include <stdio.h>

#include "connector/http/publish.h"
#include "connector/http/sample.h"
#include "lib/http_bench.h"
#include "unit/test.h"

#define DOCUMENT(version, extra) "{\"openapi\":\"" version "\",\"info\":{\"title\":\"<Orders> & more\",\"version\":\"1\"},\"paths\":{" \
    "\"/a\":{\"get\":{\"operationId\":\"a\",\"deprecated\":true,\"responses\":{\"200\":{\"description\":\"ok\",\"headers\":{\"X-N\":" \
    "{\"required\":true,\"schema\":{\"type\":\"integer\"}}},\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/A\"}}}}," \
    "\"4XX\":{\"description\":\"no\",\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\",\"maxLength\":3}}}},\"204\":{\"description\":\"\"}}}," \
    "\"post\":{\"operationId\":\"p\",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/A\"}}}},\"responses\":{}}}}," \
    "\"components\":{\"schemas\":{\"A\":{\"type\":\"object\",\"required\":[\"id\",\"secret\"],\"properties\":{\"id\":{\"type\":\"integer\",\"readOnly\":true" extra "}," \
    "\"secret\":{\"type\":\"string\",\"writeOnly\":true}}}}}}"

static struct belay_arena arena;
static struct http_bench bench;
static char room[1 << 16], told[4096];
static unsigned notices;

static void on_notice(void *arg, const struct belay_http_notice *n)
{
    (void)arg;
    notices++;
    snprintf(told, sizeof told, "%d %.*s %u %.*s", (int)n->kind, BELAY_STR_ARG(n->operation_id), n->status, BELAY_STR_ARG(n->detail));
}

static const belay_json *parse(const char *text)
{
    const belay_json *v = NULL;
    struct belay_err err = { 0 };
    if (belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, &err))
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static void open_bench(const char *document, enum belay_responses responses)
{
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    const struct belay_openapi_opt opt = { .responses = responses, .document_path = BELAY_STR("/openapi.json"), .page_path = BELAY_STR("/docs") };
    if (belay_openapi_compile(parse(document), &opt, &api, &err))
        fail_msg("%s", err.msg);
    http_bench_init(&bench, api, NULL);
    bench.host.notice = on_notice;
    notices = 0;
}

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    return 0;
}

static int end(void **state)
{
    (void)state;
    http_bench_deinit(&bench);
    belay_arena_deinit(&arena);
    return 0;
}

static const char *ask(const char *line, const char *fields)
{
    char text[600];
    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\n%s\r\n", line, fields);
    http_bench_feed(&bench, belay_str_c(text), 0);
    return http_bench_output(&bench, room, sizeof room);
}

static void the_document_and_its_page_are_served(void **state)
{
    (void)state;
    open_bench(DOCUMENT("3.1.0", ""), BELAY_RESPONSES_LOG);
    assert_non_null(strstr(ask("GET /openapi.json", ""), "content-type: application/json\r\n"));
    assert_non_null(strstr(room, "\"openapi\": \"3.1.0\""));
    char tag[200];
    snprintf(tag, sizeof tag, "If-None-Match: %.34s\r\n", strstr(room, "etag: ") + 6);
    assert_non_null(strstr(ask("GET /openapi.json", tag), "HTTP/1.1 304 "));
    assert_non_null(strstr(ask("GET /openapi.yaml", ""), "\nopenapi: \"3.1.0\"\ninfo:\n  title: \"<Orders> & more\"\n"));
    assert_non_null(strstr(ask("GET /docs", ""), "content-security-policy: default-src 'none'"));
    assert_non_null(strstr(room, "<h1>&lt;Orders&gt; &amp; more</h1>"));
    assert_non_null(strstr(room, "<a href=\"#schema-A\">"));
    assert_null(strstr(room, "<script"));
    assert_non_null(strstr(ask("POST /docs", "Content-Length: 0\r\n"), "allow: GET, HEAD\r\n"));
    assert_non_null(strstr(ask("GET /openapi.yml", ""), "HTTP/1.1 404 "));
}

static void a_path_of_the_document_hides_a_published_one(void **state)
{
    (void)state;
    open_bench("{\"openapi\":\"3.1.0\",\"paths\":{\"/docs\":{\"get\":{}}}}", BELAY_RESPONSES_LOG);
    ask("GET /docs", "");
    assert_int_equal(bench.kept_count, 1);
}

static void yaml_quotes_what_could_be_something_else(void **state)
{
    struct belay_buf out;
    (void)state;
    open_bench(DOCUMENT("3.1.0", ""), BELAY_RESPONSES_OFF);
    belay_buf_init(&out, 4000);
    http_yaml_write(&out, parse("{\"a\":[],\"b\":[1,{\"c\":{},\"no\":null,\"d\":[\"x\",[2,\"3\"]]}],\"e f\":\"yes\",\"200\":\"a: b\",\"g\":{\"h\":\"#i\"}}"));
    assert_str(belay_buf_view(&out), "a: []\nb:\n  - 1\n  - c: {}\n    \"no\": null\n    d:\n      - x\n      -\n        - 2\n        - \"3\"\n"
                                     "\"e f\": \"yes\"\n\"200\": \"a: b\"\ng:\n  h: \"#i\"\n");
    belay_buf_deinit(&out);
}

static const char *answered(uint32_t status, const char *type, const char *number, const char *body)
{
    uint32_t at = bench.kept_count;
    ask("GET /a", "");
    assert_int_equal(bench.kept_count, at + 1);
    const struct belay_field fields[] = { { BELAY_STR("Content-Type"), belay_str_c(type) }, { BELAY_STR("x-n"), belay_str_c(number) } };
    belay_http_reply(bench.kept[at], status, fields + (type ? 0 : 1), (type != NULL) + (number != NULL), belay_str_c(body));
    http_exchange_came_back(bench.posted[--bench.posted_count]);
    bench.kept_count = at;
    return http_bench_output(&bench, room, sizeof room);
}

static void answers_are_held_against_the_document(void **state)
{
    static const struct { uint32_t status; const char *type, *number, *body, *said; } rows[] = {
        { 200, "application/json", "1", "{\"id\":1}", NULL }, /* what is writeOnly is not missed */
        { 200, "application/json", "1", "{\"id\":1,\"secret\":\"x\"}", "writeOnly" },
        { 200, "application/json", "1", "{}", "\"id\\\" is missing" }, { 200, "application/json", "1", "{", "no JSON" },
        { 200, "application/json", "x", "{\"id\":1}", "X-N" }, { 200, "application/json", NULL, "{\"id\":1}", "required and missing" },
        { 200, "text/plain", "1", "x", "not declared" }, { 418, "text/plain", "1", "abc", NULL }, { 418, "text/plain", "1", "abcd", "more than the 3" },
        { 204, NULL, "1", "", NULL }, { 302, NULL, "1", "", "the status is not declared" },
    };
    (void)state;
    open_bench(DOCUMENT("3.1.0", ""), BELAY_RESPONSES_ENFORCE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        told[0] = '\0';
        answered(rows[i].status, rows[i].type, rows[i].number, rows[i].body);
        bool bad = strncmp(room, "HTTP/1.1 500 ", 13) == 0;
        bool first = i == 0 && strncmp(told, "1 a", 3) == 0; /* deprecated: once */
        if (bad != (rows[i].said != NULL) || (rows[i].said && !strstr(told, rows[i].said) && !strstr(room, rows[i].said)) || (!bad && told[0] && !first))
            fail_msg("%u %s: %s\n%s", rows[i].status, rows[i].body, told, room);
    }
}

static void in_run_a_wrong_answer_is_told_and_passes(void **state)
{
    (void)state;
    open_bench(DOCUMENT("3.1.0", ""), BELAY_RESPONSES_LOG);
    assert_non_null(strstr(answered(200, "application/json", "1", "{}"), "HTTP/1.1 200 "));
    assert_non_null(strstr(told, "0 a 200 {\"pointer\""));
    assert_int_equal(notices, 2); /* and that it is deprecated */
    answered(200, "application/json", "1", "{\"id\":1}");
    assert_int_equal(notices, 2);
    bench.clock.now_ms += 3600001;
    answered(200, "application/json", "1", "{\"id\":1}");
    assert_int_equal(notices, 3);
    assert_string_equal(told, "1 a 0 3");
}

static void openapi_3_0_has_its_own_words(void **state)
{
    (void)state;
    open_bench(DOCUMENT("3.0.3", ",\"nullable\":true,\"minimum\":1,\"exclusiveMinimum\":true"), BELAY_RESPONSES_ENFORCE);
    assert_non_null(strstr(answered(200, "application/json", "1", "{\"id\":null}"), "HTTP/1.1 200 "));
    assert_non_null(strstr(answered(200, "application/json", "1", "{\"id\":1}"), "HTTP/1.1 500 "));
    const char *post = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s";
    static const char *const bodies[][2] = { { "{\"secret\":\"x\"}", NULL }, { "{}", "422" }, { "{\"id\":5,\"secret\":\"x\"}", "422" } };
    for (int i = 0; i < 3; i++) {
        char text[300];
        uint32_t before = bench.kept_count;
        snprintf(text, sizeof text, post, strlen(bodies[i][0]), bodies[i][0]);
        http_bench_feed(&bench, belay_str_c(text), 0);
        http_bench_output(&bench, room, sizeof room);
        assert_int_equal(bench.kept_count - before, bodies[i][1] == NULL);
        if (!bodies[i][1])
            http_bench_answer(&bench, before, 200);
        else
            assert_non_null(strstr(room, "readOnly") ? room : strstr(room, "422"));
    }
}

static void samples_fit_their_schemas(void **state)
{
    static const char *const schemas[] = {
        "{\"type\":\"integer\",\"minimum\":5,\"maximum\":5}", "{\"type\":\"number\",\"exclusiveMinimum\":0,\"multipleOf\":0.25,\"maximum\":1}",
        "{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}-\\\\d{3,4}(x|yz)?$\"}", "{\"type\":\"string\",\"minLength\":20,\"maxLength\":21}",
        "{\"type\":\"string\",\"format\":\"date-time\"}", "{\"type\":\"string\",\"format\":\"uuid\"}", "{\"type\":\"string\",\"format\":\"email\"}",
        "{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":3,\"maxItems\":4}", "{\"enum\":[1,\"a\",null]}", "{\"const\":{\"a\":[1]}}",
        "{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}},\"additionalProperties\":false}",
        "{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\",\"b\"]},{\"properties\":{\"b\":{\"type\":\"string\"}}}]}",
        "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "{\"$ref\":\"#/$defs/tree\",\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":"
        "{\"v\":{\"type\":\"integer\"},\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/tree\"}}},\"required\":[\"v\",\"kids\"]}}}",
        "{\"type\":[\"null\",\"integer\"]}", "true",
    };
    (void)state;
    open_bench(DOCUMENT("3.1.0", ""), BELAY_RESPONSES_OFF);
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        const belay_json *schema = parse(schemas[i]), *v;
        struct belay_schema *compiled;
        const struct belay_schema_opt opt = { .assert_formats = true };
        assert_ok(belay_schema_compile(schema, schema, &opt, &compiled, NULL));
        for (uint64_t seed = 1; seed < 30; seed++) {
            struct belay_buf out, again;
            belay_buf_init(&out, BELAY_KIB(64));
            belay_buf_init(&again, BELAY_KIB(64));
            struct http_sample one = { .document = schema, .random = { seed }, .out = &out }, two = one;
            two.out = &again;
            http_sample_write(&one, schema);
            http_sample_write(&two, schema);
            assert_true(belay_str_eq(belay_buf_view(&out), belay_buf_view(&again)));
            struct belay_str text = belay_arena_str(&arena, belay_buf_view(&out));
            assert_ok(belay_json_parse(text, NULL, &arena, &v, NULL, NULL));
            if (!belay_schema_valid(compiled, v, NULL))
                fail_msg("%s: %s", schemas[i], text.p);
            belay_buf_deinit(&out);
            belay_buf_deinit(&again);
        }
        belay_schema_free(compiled);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_document_and_its_page_are_served),
        TEST(a_path_of_the_document_hides_a_published_one),
        TEST(yaml_quotes_what_could_be_something_else),
        TEST(answers_are_held_against_the_document),
        TEST(in_run_a_wrong_answer_is_told_and_passes),
        TEST(openapi_3_0_has_its_own_words),
        TEST(samples_fit_their_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
