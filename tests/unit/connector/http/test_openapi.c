/* An OpenAPI document compiled: what it serves, how parameters become values, what is refused and
 * where. */
#include <stdio.h>

#include "base/alloc.h"
#include "lib/http_bench.h"
#include "unit/test.h"

#define OK "\"responses\":{\"200\":{\"description\":\"ok\"}}"
#define DOCUMENT(paths) "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"t\",\"version\":\"1\"},\"paths\":{" paths "}}"
#define GET_WITH(params) DOCUMENT("\"/a\":{\"get\":{\"operationId\":\"a\",\"parameters\":[" params "]," OK "}}")

static struct belay_arena arena;
static struct http_bench bench;
static char room[1 << 16];

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(4));
    return 0;
}

static int end(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    return 0;
}

static const belay_json *parse(const char *text)
{
    const belay_json *v = NULL;
    struct belay_err err;
    if (belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, &err))
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static void open_bench(const char *document)
{
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    if (belay_openapi_compile(parse(document), NULL, &api, &err))
        fail_msg("%s", err.msg);
    http_bench_init(&bench, api, NULL);
}

/* The request that the target leads to; NULL where it is refused (the answer is in room). */
static const struct belay_http_request *get(const char *target, const char *header)
{
    char text[600];
    uint32_t before = bench.kept_count;
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, header);
    http_bench_feed(&bench, belay_str_c(text), 0);
    http_bench_output(&bench, room, sizeof room);
    return bench.kept_count > before ? bench.kept[before] : NULL;
}

static void end_request(void)
{
    http_bench_answer(&bench, bench.kept_count - 1, 200);
    http_bench_output(&bench, room, sizeof room);
}

/* The value as JSON, "-" where there is none. */
static const char *value(const struct belay_http_request *r, const char *name)
{
    const struct belay_http_param *p = belay_http_param(r, belay_str_c(name));
    struct belay_buf out;
    belay_buf_init(&out, 1000);
    if (p && p->value)
        belay_json_write(&out, p->value);
    else
        belay_buf_put_c(&out, '-');
    struct belay_str text = belay_arena_str(&arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    return text.p;
}

static void operations_are_listed(void **state)
{
    (void)state;
    struct belay_openapi *api;
    assert_ok(belay_openapi_compile(parse("{\"openapi\":\"3.1.0\",\"servers\":[{\"url\":\"https://x.test/v1/\"}],\"paths\":{"
                                          "\"/a\":{\"get\":{\"operationId\":\"readA\"," OK "},\"post\":{" OK "}}}}"), NULL, &api, NULL));
    assert_int_equal(belay_openapi_count(api), 2);
    struct belay_openapi_operation one = belay_openapi_at(api, 0), two = belay_openapi_at(api, 1);
    assert_str(one.id, "readA");
    assert_str(one.path, "/v1/a");
    assert_str(two.id, "POST /a"); /* as the configuration names it */
    assert_str(two.path, "/v1/a");
    assert_false(two.body_required);
    belay_openapi_free(api);
}

static void paths_are_found_the_literal_one_first(void **state)
{
    static const char *const rows[][2] = {
        { "/files/new", "literal" }, { "/files/x", "template" }, { "/files/x.json", "suffix" },
        { "/files/x/parts/3", "deep" }, { "/files/a%2Fb", "template" }, { "/files/x?y=/files/new", "template" },
        { "http://host/files/new", "literal" }, { "/files/", NULL }, { "/files", NULL }, { "/files/x/parts", NULL },
        { "/FILES/new", NULL }, { "//files/new", NULL }, { "/files/new/", NULL }, { "*", NULL },
    };
    (void)state;
    open_bench(DOCUMENT("\"/files/{name}\":{\"get\":{\"operationId\":\"template\"," OK "}},"
                        "\"/files/{name}.json\":{\"get\":{\"operationId\":\"suffix\"," OK "}},"
                        "\"/files/new\":{\"get\":{\"operationId\":\"literal\"," OK "}},"
                        "\"/files/{name}/parts/{number}\":{\"get\":{\"operationId\":\"deep\"," OK "}}"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct belay_http_request *r = get(rows[i][0], "");
        if (!r != !rows[i][1] || (r && !belay_str_eq(r->operation_id, belay_str_c(rows[i][1]))))
            fail_msg("%s led to %.*s\n%s", rows[i][0], r ? (int)r->operation_id.n : 4, r ? r->operation_id.p : "none", room);
        if (r)
            end_request();
    }
    const struct belay_http_request *r = get("/files/a%2Fb%20%C3%A4/parts/7", "");
    assert_non_null(r);
    assert_true(belay_str_eq(belay_http_param(r, BELAY_STR("name"))->text, BELAY_STR("a/b \xc3\xa4")));
    assert_str(belay_http_param(r, BELAY_STR("number"))->text, "7");
    http_bench_deinit(&bench);
}

static void parameters_become_the_values_their_schema_names(void **state)
{
    (void)state;
    open_bench(GET_WITH("{\"name\":\"n\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}},"
                        "{\"name\":\"d\",\"in\":\"query\",\"schema\":{\"type\":[\"number\",\"null\"]}},"
                        "{\"name\":\"b\",\"in\":\"query\",\"schema\":{\"type\":\"boolean\"}},"
                        "{\"name\":\"s\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}},"
                        "{\"name\":\"many\",\"in\":\"query\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},"
                        "{\"name\":\"list\",\"in\":\"query\",\"explode\":false,\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},"
                        "{\"name\":\"doc\",\"in\":\"query\",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}},"
                        "{\"name\":\"X-Ids\",\"in\":\"header\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}"));
    const struct belay_http_request *r =
        get("/a?n=12&d=1.5&b=true&s=12&many=1&many=2&list=a,b%2Cc&doc=%7B%22x%22%3A1%7D&other=1", "X-Ids: 1, 2\r\n");
    if (!r)
        fail_msg("%s", room);
    assert_string_equal(value(r, "n"), "12");
    assert_string_equal(value(r, "d"), "1.5");
    assert_string_equal(value(r, "b"), "true");
    assert_string_equal(value(r, "s"), "\"12\"");
    assert_string_equal(value(r, "many"), "[1,2]");
    assert_string_equal(value(r, "doc"), "{\"x\":1}");
    assert_string_equal(value(r, "x-ids"), "[1,2]");
    end_request();
    assert_null(get("/a?n=1.5", ""));
    assert_non_null(strstr(room, "\"parameter\":\"n\""));
    assert_null(get("/a?b=yes", ""));
    assert_null(get("/a?doc=%7B", ""));
    assert_null(get("/a?many=1&many=x", ""));
    assert_non_null(strstr(room, "\"pointer\":\"/1\""));
    http_bench_deinit(&bench);
}

static void required_parameters_must_come(void **state)
{
    (void)state;
    open_bench("{\"openapi\":\"3.1.0\",\"paths\":{\"/a\":{\"parameters\":[{\"$ref\":\"#/components/parameters/Tenant\"}],"
               "\"get\":{\"operationId\":\"a\",\"parameters\":[{\"name\":\"q\",\"in\":\"query\",\"required\":true}]," OK "}}},"
               "\"components\":{\"parameters\":{\"Tenant\":{\"name\":\"Tenant\",\"in\":\"header\",\"required\":true,"
               "\"schema\":{\"enum\":[\"one\",\"two\"]}}}}}");
    assert_null(get("/a", ""));
    assert_non_null(strstr(room, "HTTP/1.1 400 "));
    assert_non_null(strstr(room, "\"parameter\":\"q\""));
    assert_non_null(strstr(room, "\"parameter\":\"tenant\""));
    assert_null(get("/a?q=1", "Tenant: three\r\n"));
    assert_non_null(get("/a?q=", "TENANT: two\r\n"));
    http_bench_deinit(&bench);
}

static void bodies_are_judged_by_their_media_type(void **state)
{
    static const struct {
        const char *type, *body, *status;
    } rows[] = {
        { "application/json", "{}", "422" }, { "application/json", "[]", "200" },
        { "APPLICATION/JSON ; charset=\"UTF-8\"", "[]", "200" }, { "application/vnd.x+json", "{\"a\":1}", "200" },
        { "application/vnd.x+json", "{", "400" }, { "text/plain", "anything", "200" }, { "text/html", "x", "200" },
        { "image/png", "x", "415" }, { "nonsense", "x", "415" },
    };
    (void)state;
    open_bench(DOCUMENT("\"/a\":{\"post\":{\"operationId\":\"a\",\"requestBody\":{\"content\":{"
                        "\"application/json\":{\"schema\":{\"type\":\"array\"}},\"application/vnd.x+json\":{},"
                        "\"text/*\":{\"schema\":{\"type\":\"string\"}}}}," OK "}}"));
    bench.answer_at_once = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                 rows[i].type, strlen(rows[i].body), rows[i].body);
        http_bench_feed(&bench, belay_str_c(text), 0);
        http_bench_output(&bench, room, sizeof room);
        if (strncmp(room + 9, rows[i].status, 3) != 0)
            fail_msg("%s %s: %s", rows[i].type, rows[i].body, room);
    }
    http_bench_feed(&bench, BELAY_STR("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 0);
    assert_non_null(strstr(http_bench_output(&bench, room, sizeof room), "HTTP/1.1 200 ")); /* not required */
    http_bench_deinit(&bench);
}

static void every_server_s_path_stands_before_the_paths(void **state)
{
    static const char *const rows[][2] = {
        { "/v1/a", "a" }, { "/v2/a", "a" }, { "/a", NULL }, { "/own/b", "b" }, { "/v1/b", NULL }, { "/op/b", "c" },
    };
    (void)state;
    open_bench("{\"openapi\":\"3.1.0\",\"servers\":[{\"url\":\"https://x.test/{v}/\",\"variables\":{\"v\":{\"default\":\"v1\"}}},"
               "{\"url\":\"/v2\"},{\"url\":\"http://other/v2/\"}],\"paths\":{\"/a\":{\"get\":{\"operationId\":\"a\","
               "\"parameters\":[{\"name\":\"q\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}}]," OK "}},"
               "\"/b\":{\"servers\":[{\"url\":\"/own\"}],\"get\":{\"operationId\":\"b\"," OK "},"
               "\"put\":{\"operationId\":\"p\"," OK "},\"head\":{\"servers\":[{\"url\":\"/op\"}],\"operationId\":\"c\"," OK "}}}}");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i][1] && strcmp(rows[i][1], "c") == 0)
            continue;
        const struct belay_http_request *r = get(rows[i][0], "");
        if (!r != !rows[i][1] || (r && !belay_str_eq(r->operation_id, belay_str_c(rows[i][1]))))
            fail_msg("%s\n%s", rows[i][0], room);
        if (r)
            end_request();
    }
    assert_null(get("/v2/a?q=x", "")); /* the rules are the same */
    assert_null(get("/op/b", ""));
    assert_non_null(strstr(room, "405"));
    assert_non_null(strstr(room, "allow: HEAD\r\n"));
    http_bench_deinit(&bench);
}

static void a_wrong_document_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *document;
        int status;
        const char *part;
    } rows[] = {
        { "{}", BELAY_INVALID, "\"openapi\" is missing" },
        { "{\"openapi\":\"2.0\",\"paths\":{}}", BELAY_UNSUPPORTED, "only OpenAPI 3.1" },
        { "{\"openapi\":\"3.1.0\"}", BELAY_INVALID, "/paths" },
        { "{\"openapi\":\"3.1.0\",\"servers\":[{\"url\":\"/{v}\"}],\"paths\":{}}", BELAY_INVALID, "/servers/0: a variable without" },
        { "{\"openapi\":\"3.1.0\",\"servers\":[{\"url\":\"v1\"}],\"paths\":{}}", BELAY_UNSUPPORTED, "/servers/0: a relative path" },
        { DOCUMENT("\"a\":{}"), BELAY_INVALID, "/paths/a" },
        { DOCUMENT("\"/a/{b\":{}"), BELAY_INVALID, "/paths/~1a~1{b" },
        { DOCUMENT("\"/a/{b}/{b}\":{}"), BELAY_INVALID, "/paths/" },
        { DOCUMENT("\"/a/{b}\":{\"get\":{}},\"/a/{c}\":{\"get\":{}}"), BELAY_INVALID, "/paths/~1a~1{c}" },
        { DOCUMENT("\"/a\":{\"get\":{\"operationId\":\"x\"},\"put\":{\"operationId\":\"x\"}}"), BELAY_INVALID, "used twice" },
        { DOCUMENT("\"/a\":{\"$ref\":\"#/none\"}"), BELAY_INVALID, "the reference #/none leads to nothing" },
        { DOCUMENT("\"/a\":{\"$ref\":\"#/%zz\"}"), BELAY_INVALID, "the reference #/%zz leads to nothing" },
        { DOCUMENT("\"/a\":{\"$ref\":\"other.yaml\"}"), BELAY_UNSUPPORTED, "another document" },
        { DOCUMENT("\"/a\":{\"$ref\":\"#/paths/~1a\"}"), BELAY_INVALID, "circle" },
        { GET_WITH("{\"in\":\"query\"}"), BELAY_INVALID, "/paths/~1a/get/parameters/0: a parameter without name" },
        { GET_WITH("{\"name\":\"x\",\"in\":\"body\"}"), BELAY_INVALID, "in must be" },
        { GET_WITH("{\"name\":\"x\",\"in\":\"path\"}"), BELAY_INVALID, "does not name" },
        { GET_WITH("{\"name\":\"x\",\"in\":\"query\",\"style\":\"matrix\"}"), BELAY_INVALID, "does not go with" },
        { GET_WITH("{\"name\":\"x\",\"in\":\"query\",\"style\":\"deep\"}"), BELAY_INVALID, "no such style" },
        { GET_WITH("{\"name\":\"x\",\"in\":\"query\",\"schema\":{\"type\":\"strin\"}}"), BELAY_INVALID,
          "there is no type \"strin\"" },
        { GET_WITH("{\"name\":\"x\",\"in\":\"query\",\"content\":{}}"), BELAY_INVALID, "exactly one media type" },
        { DOCUMENT("\"/a\":{\"post\":{\"requestBody\":{}}}"), BELAY_INVALID, "requestBody: a request body without content" },
        { DOCUMENT("\"/a\":{\"post\":{\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"pattern\":\"(\"}}}}}}"),
          BELAY_INVALID, "/paths/~1a/post/requestBody/application~1json" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_openapi *api = NULL;
        struct belay_err err = { 0 };
        int status = belay_openapi_compile(parse(rows[i].document), NULL, &api, &err);
        if (status != rows[i].status || !strstr(err.msg, rows[i].part))
            fail_msg("%s: %s %s", rows[i].document, belay_status_name(status), err.msg);
        assert_null(api);
    }
}

static void without_memory_nothing_is_compiled(void **state)
{
    (void)state;
    const belay_json *document = parse(
        "{\"openapi\":\"3.1.0\",\"paths\":{\"/a/{b}.c\":{\"parameters\":[{\"name\":\"Q\",\"in\":\"header\",\"schema\":{\"type\":\"array\","
        "\"items\":{\"pattern\":\"^a\"}}}],\"get\":{" OK "},\"post\":{\"requestBody\":{\"content\":{\"application/json\":{"
        "\"schema\":{\"properties\":{\"x\":{\"type\":\"string\"}}}}}}," OK "}}}}");
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status != BELAY_OK; n++) {
        struct belay_openapi *api = NULL;
        belay_alloc_fail_after(n);
        status = belay_openapi_compile(document, NULL, &api, NULL);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
        if (status == BELAY_OK)
            belay_openapi_free(api);
        assert_true(n < 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(operations_are_listed),
        TEST(paths_are_found_the_literal_one_first),
        TEST(parameters_become_the_values_their_schema_names),
        TEST(required_parameters_must_come),
        TEST(bodies_are_judged_by_their_media_type),
        TEST(every_server_s_path_stands_before_the_paths),
        TEST(a_wrong_document_is_refused_with_its_place),
        TEST(without_memory_nothing_is_compiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
