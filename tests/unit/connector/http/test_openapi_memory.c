/* Without memory: whatever allocation fails, a document is compiled whole or not at all, and a request gets its answer,
 * a refusal that says "later", or none; never half of one. */
#include "base/alloc.h"
#include "connector/http/mock.h"
#include "lib/http_bench.c"
#include "model/definition.h"
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>

/* A name, two in path and query of every style, bodies of every kind, security, answers that are judged. */
static const char document_text[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"T\",\"version\":\"1\"},\"servers\":[{\"url\":\"https://x/v1\"}],\"paths\":{"
    "\"/items/{ids}\":{\"get\":{\"operationId\":\"show\",\"deprecated\":true,\"security\":[{\"key\":[]},{\"token\":[\"read\"]}],\"parameters\":["
    "{\"name\":\"ids\",\"in\":\"path\",\"required\":true,\"style\":\"matrix\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},"
    "{\"name\":\"f\",\"in\":\"query\",\"style\":\"deepObject\",\"explode\":true,\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}},"
    "{\"name\":\"p\",\"in\":\"query\",\"style\":\"pipeDelimited\",\"explode\":false,\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}}},"
    "{\"name\":\"X-H\",\"in\":\"header\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":\"^a\"}}},"
    "{\"name\":\"s\",\"in\":\"cookie\",\"schema\":{\"type\":\"integer\"}},"
    "{\"name\":\"j\",\"in\":\"query\",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}}],"
    "\"responses\":{\"200\":{\"description\":\"ok\",\"headers\":{\"X-N\":{\"schema\":{\"type\":\"integer\"}}},\"content\":{\"application/json\":"
    "{\"schema\":{\"$ref\":\"#/components/schemas/Item\"}}}}}}},"
    "\"/form\":{\"post\":{\"operationId\":\"form\",\"requestBody\":{\"required\":true,\"content\":{"
    "\"application/x-www-form-urlencoded\":{\"schema\":{\"$ref\":\"#/components/schemas/Form\"}},"
    "\"multipart/form-data\":{\"schema\":{\"$ref\":\"#/components/schemas/Form\"},\"encoding\":{\"file\":{\"contentType\":\"image/*\"}}},"
    "\"text/plain\":{\"schema\":{\"type\":\"string\",\"maxLength\":4}}}},"
    "\"responses\":{\"200\":{\"description\":\"ok\",\"content\":{\"application/json\":{\"example\":{\"a\":1}}}}}}}},"
    "\"components\":{\"schemas\":{\"Item\":{\"type\":\"object\",\"required\":[\"id\",\"when\"],\"properties\":{\"id\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"when\":{\"type\":\"string\",\"format\":\"date-time\"},\"tags\":{\"type\":\"array\",\"minItems\":2,\"items\":{\"type\":\"string\",\"pattern\":\"^[a-c]{3}$\"}},"
    "\"kind\":{\"oneOf\":[{\"$ref\":\"#/components/schemas/Form\"},{\"type\":\"null\"}]}}},"
    "\"Form\":{\"type\":\"object\",\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"},\"file\":{\"type\":\"string\"},\"o\":{\"type\":\"object\"}}}},"
    "\"securitySchemes\":{\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-Key\"},\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}}}";

/* Until a minute after the bench's clock, signed with the secret below. */
#define TOKEN                                                                                                            \
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJpIiwiYXVkIjoiYSIsImV4cCI6MTcwMDAwMDA2MCwic3ViIjoiYW5uIiwic2NvcGUiOiJyZWFkIn0."    \
    "0P8fjRLRuC9ByUI7neiEKnKrfJsruwHame4Fi7fvWOA"
#define JWKS "{\"keys\":[{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"

#define GET(target, fields) "GET " target " HTTP/1.1\r\nHost: x\r\n" fields, ""
#define POST(type, body) "POST /v1/form HTTP/1.1\r\nHost: x\r\nContent-Type: " type "\r\n", body
#define ITEMS "/v1/items/;ids=1,2?f[a]=3&p=1%7C2.5&j=%7B%22a%22:1%7D&x=y"
#define PART(head, body) "--b\r\nContent-Disposition: form-data; " head "\r\n\r\n" body "\r\n"

static struct belay_arena arena;
static const belay_json *document;
static struct belay_openapi *api;
static struct belay_security_def defs[2];
static struct belay_openapi_opt opt;
static char room[1 << 16];

static int begin(void **state)
{
    static const struct belay_field keys[] = { { BELAY_STR_INIT("ann"), BELAY_STR_INIT("k") } };
    static const struct belay_str audience[] = { BELAY_STR_INIT("a") };
    (void)state;
    defs[0] = (struct belay_security_def){ .name = BELAY_STR("key"), .keys = keys, .key_count = 1 };
    defs[1] = (struct belay_security_def){ .name = BELAY_STR("token"), .jwks_text = BELAY_STR(JWKS), .issuer = BELAY_STR("i"),
                                           .audiences = audience, .audience_count = 1, .leeway_ms = 30000 };
    opt = (struct belay_openapi_opt){ .security = defs, .security_count = 2, .responses = BELAY_RESPONSES_ENFORCE,
                                      .document_path = BELAY_STR("/openapi.json"), .page_path = BELAY_STR("/docs") };
    belay_arena_init(&arena, 0, BELAY_MIB(4));
    assert_ok(belay_json_parse(belay_str_c(document_text), NULL, &arena, &document, NULL, NULL));
    assert_ok(belay_openapi_compile(document, &opt, &api, NULL));
    return 0;
}

static int end(void **state)
{
    (void)state;
    http_api_release(api);
    belay_arena_deinit(&arena);
    return 0;
}

static void a_document_is_compiled_whole_or_not_at_all(void **state)
{
    (void)state;
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status != BELAY_OK; n++) {
        struct belay_openapi *one = NULL;
        struct belay_err err = { 0 };
        belay_alloc_fail_after(n);
        status = belay_openapi_compile(document, &opt, &one, &err);
        belay_alloc_fail_after(UINT64_MAX);
        if (n == 5000 || (status != BELAY_OK && status != BELAY_NOMEM))
            fail_msg("after %llu: %s %s", (unsigned long long)n, belay_status_name(status), err.msg);
        assert_true((status == BELAY_OK) == (one != NULL));
        if (one)
            belay_openapi_free(one);
    }
}

/* The flow's answer, judged by the document. */
static int answer(void *arg, struct belay_http_request *r, struct belay_err *err)
{
    static const struct belay_field fields[] = { { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/json") },
                                                 { BELAY_STR_INIT("x-n"), BELAY_STR_INIT("7") } };
    const belay_json *described;
    (void)arg, (void)err;
    int status = belay_http_describe(r, r->arena, &described);
    if (status)
        return status;
    belay_http_reply(r, 200, fields, 2, BELAY_STR("{\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\",\"when\":\"2024-01-01T00:00:00Z\"}"));
    return BELAY_OK;
}

/* The status; 0: no answer at all. */
static int ask(const char *head, const char *body, bool mocked, uint64_t fail_after, uint64_t *ret_count)
{
    struct belay_http_mock mock = { 7 };
    struct http_bench b;
    char request[2048];
    snprintf(request, sizeof request, "%sContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
    http_api_hold(api);
    http_bench_init(&b, api, NULL);
    b.host.on_request = mocked ? belay_http_mock_answer : answer;
    b.host.on_request_arg = &mock;
    belay_alloc_fail_after(fail_after);
    http_bench_feed(&b, belay_str_c(request), 0);
    *ret_count = belay_alloc_count();
    belay_alloc_fail_after(UINT64_MAX);
    const char *out = http_bench_output(&b, room, sizeof room);
    assert_true(!out[0] || strncmp(out, "HTTP/1.1 ", 9) == 0);
    int status = out[0] ? atoi(out + 9) : 0;
    http_bench_deinit(&b);
    for (int i = 0; i < 3; i++) /* what was published is kept with the api: made anew each time here */
        belay_buf_deinit(&api->texts[i]);
    return status;
}

static void a_request_gets_its_answer_a_refusal_or_none(void **state)
{
    static const struct {
        const char *head, *body;
        int status; /* with memory */
    } rows[] = {
        { GET(ITEMS, "X-Key: k\r\nX-H: a,ab\r\nCookie: s=5\r\n"), 200 },
        { GET(ITEMS, "Authorization: Bearer " TOKEN "\r\n"), 200 },
        { GET("/v1/items/;ids=1,x?f[a]=y&p=q", "X-Key: k\r\nX-H: b\r\n"), 400 },
        { POST("application/x-www-form-urlencoded", "n=5&o=%7B%22a%22:1%7D&x"), 200 },
        { POST("multipart/form-data; boundary=b", PART("name=n", "7") PART("name=\"o\"", "{}") "--b--\r\n"), 200 },
        { POST("application/x-www-form-urlencoded", "n=x"), 422 },
        { POST("text/plain", "abcde"), 422 },
        { GET("/openapi.json", ""), 200 },
        { GET("/openapi.yaml", ""), 200 },
        { GET("/docs", ""), 200 },
        { GET("/v1/none", ""), 404 },
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        bool mocked = i % 2;
        uint64_t count = 1, n = 0;
        for (int status = -1; count > n || n == 0; n++) {
            status = ask(rows[i / 2].head, rows[i / 2].body, mocked, n, &count);
            bool expected = status == rows[i / 2].status || status == 0 || status == 500 || status == 503;
            if (!expected || (count <= n && status != rows[i / 2].status))
                fail_msg("%s\nafter %llu of %llu: %d\n%.300s", rows[i / 2].head, (unsigned long long)n,
                         (unsigned long long)count, status, room);
            assert_true(n < 2000);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_compiled_whole_or_not_at_all),
        TEST(a_request_gets_its_answer_a_refusal_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
