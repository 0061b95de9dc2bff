/* HTTP in without sockets: what is handed over, what is refused with which words, in which order
 * answers leave, what time does. Each request is fed whole and byte by byte. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "lib/http_bench.h"
#include "unit/test.h"

#define HEAD(line) line " HTTP/1.1\r\nHost: x\r\n"
#define POST(type, length, body) \
    HEAD("POST /orders") "Content-Type: " type "\r\nContent-Length: " length "\r\n\r\n" body
#define JSON HEAD("POST /orders") "Content-Type: application/json\r\n"
#define GET(path) HEAD("GET " path) "\r\n"

static const char document_text[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"t\",\"version\":\"1\"},\"paths\":{"
    "\"/orders\":{\"post\":{\"operationId\":\"placeOrder\",\"parameters\":[{\"name\":\"Idempotency-Key\","
    "\"in\":\"header\",\"required\":false,\"schema\":{\"type\":\"string\",\"maxLength\":8}}],"
    "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
    "\"$ref\":\"#/components/schemas/Order\"}}}},\"responses\":{\"202\":{\"description\":\"accepted\"}}}},"
    "\"/orders/{id}\":{\"get\":{\"operationId\":\"getOrder\",\"parameters\":[{\"name\":\"id\",\"in\":\"path\","
    "\"required\":true,\"schema\":{\"type\":\"string\",\"maxLength\":20}},{\"name\":\"limit\",\"in\":\"query\","
    "\"schema\":{\"type\":\"integer\",\"minimum\":1}}],\"responses\":{\"200\":{\"description\":\"ok\"}}}}},"
    "\"components\":{\"schemas\":{\"Order\":{\"type\":\"object\",\"required\":[\"order_id\",\"items\"],"
    "\"properties\":{\"order_id\":{\"type\":\"string\"},\"items\":{\"type\":\"array\",\"minItems\":1,\"items\":{"
    "\"type\":\"object\",\"properties\":{\"qty\":{\"type\":\"integer\",\"minimum\":1}}}}},"
    "\"additionalProperties\":false}}}}";

static struct belay_arena arena;
static const belay_json *document;
static char room[1 << 20];

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    return belay_json_parse(belay_str_c(document_text), NULL, &arena, &document, NULL, NULL);
}

static int end(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    return 0;
}

static void bench_open(struct http_bench *b, const struct belay_http_limits *limits)
{
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    if (belay_openapi_compile(document, NULL, &api, &err))
        fail_msg("%s", err.msg);
    http_bench_init(b, api, limits);
}

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

/* ---- one request, one answer ---- */

struct exchange {
    const char *request, *status; /* "422" */
    const char *parts[6];         /* each is in the answer */
};

static void expect_refusal(const struct exchange *e, const struct belay_http_limits *limits, size_t piece)
{
    struct http_bench b;
    bench_open(&b, limits);
    http_bench_feed(&b, belay_str_c(e->request), piece);
    const char *out = http_bench_output(&b, room, sizeof room);
    char line[20];
    snprintf(line, sizeof line, "HTTP/1.1 %s ", e->status);
    if (!strstr(out, line) || out != strstr(out, line))
        fail_msg("wanted %s for:\n%s\ngot:\n%s", e->status, e->request, out);
    assert_int_equal(b.handed, 0);
    contains(out, "content-type: application/problem+json\r\n");
    contains(out, "\"correlationid\":\"");
    for (size_t i = 0; i < 6 && e->parts[i]; i++)
        contains(out, e->parts[i]);
    http_bench_deinit(&b);
}

static void expect_refusals(const struct exchange *rows, size_t count, const struct belay_http_limits *limits)
{
    for (size_t i = 0; i < count; i++) {
        expect_refusal(&rows[i], limits, 0);
        expect_refusal(&rows[i], limits, 1);
        expect_refusal(&rows[i], limits, 7);
    }
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void a_good_order_is_handed_over_and_answered(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        struct http_bench b;
        bench_open(&b, NULL);
        http_bench_feed(&b, BELAY_STR(HEAD("POST /orders?x=1") "Content-Type: application/json; charset=utf-8\r\n"
                                      "Idempotency-Key: \"a1\"\r\nX-Correlation-ID: c-7\r\nContent-Length: 45\r\n\r\n"
                                      "{\"order_id\":\"o1\",\"items\":[{\"qty\":1,\"s\":\"x\"}]}"), piece);
        assert_int_equal(b.kept_count, 1);
        const struct belay_http_request *r = b.kept[0];
        assert_str(r->operation_id, "placeOrder");
        assert_str(r->path, "/orders");
        assert_str(r->idempotency_key, "\"a1\"");
        assert_str(r->correlationid, "c-7");
        assert_str(belay_json_str(belay_json_get(r->body_json, BELAY_STR("order_id"))), "o1");
        http_bench_answer(&b, 0, 202);
        const char *out = http_bench_output(&b, room, sizeof room);
        contains(out, "HTTP/1.1 202 Accepted\r\n");
        contains(out, "x-correlation-id: c-7\r\n");
        contains(out, "content-length: 11\r\n");
        contains(out, "\r\n\r\n/orders?x=1");
        assert_false(http_session_is_finished(&b.session));
        http_bench_deinit(&b);
    }
}

static void every_fault_of_a_body_is_named_by_its_pointer(void **state)
{
    static const struct exchange rows[] = {
        { POST("application/json", "50", "{\"items\":[{\"qty\":1},{\"qty\":0}, {\"qty\":\"x\"}],\"b\":1}"), "422",
          { "{\"pointer\":\"/items/1/qty\",\"detail\":\"0 is less than the minimum 1\"}",
            "{\"pointer\":\"/items/2/qty\",\"detail\":\"\\\"x\\\" is a string, not integer\"}",
            "{\"pointer\":\"/b\",\"detail\":\"the member \\\"b\\\" is not allowed here\"}",
            "{\"pointer\":\"\",\"detail\":\"the member \\\"order_id\\\" is missing\"}",
            "\"status\":422" } },
        { POST("application/json", "2", "[]"), "422", { "\"detail\":\"[] is an array, not object\"" } },
    };
    (void)state;
    expect_refusals(rows, COUNT(rows), NULL);
}

static void malformed_json_is_refused_with_line_and_column(void **state)
{
    static const struct exchange rows[] = {
        { POST("application/json", "9", "{\n \"a\": }"), "400", { "line 2, column 7" } },
        { POST("application/json", "1", "\xff"), "400", { "line 1, column 1" } },
        { POST("application/json", "7", "{\"a\":1\n"), "400", { "line 2, column 1" } },
    };
    (void)state;
    expect_refusals(rows, COUNT(rows), NULL);
}

static void paths_methods_and_types_that_are_not_there_are_refused(void **state)
{
    static const struct exchange rows[] = {
        { GET("/nothing"), "404", { "no such path" } },
        { GET("/orders"), "405", { "allow: POST\r\n" } },
        { HEAD("DELETE /orders/7") "\r\n", "405", { "allow: GET, HEAD\r\n" } },
        { POST("text/plain", "2", "{}"), "415", { "content type" } },
        { HEAD("POST /orders") "Content-Length: 2\r\n\r\n{}", "415", { "Content-Type is missing" } },
        { POST("application/json; charset=latin1", "2", "{}"), "415", { "UTF-8" } },
        { HEAD("POST /orders") "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
          "415", { "content coding" } },
        { HEAD("POST /orders") "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n", "400",
          { "a body is required" } },
        { HEAD("POST /orders") "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400",
          { "a body is required" } },
        { GET("/orders/7?limit=0"), "400", { "\"parameter\":\"limit\"", "0 is less than the minimum 1" } },
        { GET("/orders/7?limit=x"), "400", { "\"parameter\":\"limit\"", "not integer" } },
        { GET("/orders/123456789012345678901"), "400", { "\"parameter\":\"id\"", "\"in\":\"path\"" } },
        { GET("/orders/%ff"), "400", { "UTF-8" } },
        { HEAD("GET /orders/7") "CE-ExpiryTime: tomorrow\r\n\r\n", "400",
          { "\"parameter\":\"ce-expirytime\"", "\"in\":\"header\"", "RFC 3339" } },
        { GET("/orders/%2"), "400", { "percent" } },
        { HEAD("POST /orders") "Idempotency-Key: 123456789\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
          "400", { "\"in\":\"header\"", "9 characters" } },
    };
    (void)state;
    expect_refusals(rows, COUNT(rows), NULL);
}

static void what_is_too_large_is_refused(void **state)
{
    static const struct belay_http_limits limits = { .body_bytes_max = 10, .target_bytes_max = 40,
                                                     .header_bytes_max = 200, .header_count_max = 5 };
    static const struct exchange rows[] = {
        { POST("application/json", "11", "01234567890"), "413", { "connection: close\r\n" } },
        { HEAD("POST /orders") "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
          "6\r\n{\"a\":1\r\n6\r\n,\"b\":2\r\n0\r\n\r\n", "413", { "connection: close\r\n" } },
        { GET("/orders/123456789012345678901234567890123456789"), "414", { "too long" } },
        { HEAD("GET /orders/1") "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n", "431", { "too many" } },
        { HEAD("GET /orders/1")
          "A: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n",
          "431", { "too large" } },
    };
    (void)state;
    expect_refusals(rows, COUNT(rows), &limits);
}

/* Whatever two parsers on one path could read differently ends the connection. */
static void ambiguous_framing_is_refused_and_the_connection_ends(void **state)
{
    static const char *const requests[] = {
        JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        JSON "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        JSON "Content-Length: 2, 2\r\n\r\n{}",
        JSON "Content-Length: +2\r\n\r\n{}",
        JSON "Content-Length: 0x2\r\n\r\n{}",
        JSON "Content-Length: -1\r\n\r\n{}",
        JSON "Content-Length: 99999999999999999999999\r\n\r\n{}",
        JSON "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        JSON "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        JSON "Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
        JSON "Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "POST /orders HTTP/1.0\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "GET /orders/1 HTTP/1.1\r\n\r\n",
        "GET /orders/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /orders/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
        "GET /orders/1 HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
        "GET /orders/1 HTTP/1.1\r\nHost: x\r\n:\r\n\r\n",
        JSON "Content-Length: 2\r\n 2\r\n\r\n{}",
        HEAD("GET /orders/1") "No colon\r\n\r\n",
        HEAD("GET /orders/1") "Na me: x\r\n\r\n",
        "GET /orders/1 HTTP/1.1\nHost: x\n\n",
        "GET /or ders HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++)
        for (size_t piece = 0; piece < 2; piece++) {
            struct http_bench b;
            bench_open(&b, NULL);
            http_bench_feed(&b, belay_str_c(requests[i]), piece);
            const char *out = http_bench_output(&b, room, sizeof room);
            if (strncmp(out, "HTTP/1.1 400 ", 13) != 0)
                fail_msg("wanted 400 for:\n%s\ngot:\n%s", requests[i], out);
            contains(out, "connection: close\r\n");
            assert_null(strstr(out + 1, "HTTP/1.1 "));
            assert_true(http_session_is_finished(&b.session));
            assert_int_equal(b.handed, 0);
            http_bench_deinit(&b);
        }
}

/* RFC 9112 5.2 lets a server read a folded line as spaces; what matters is that no line end comes in. */
static void a_folded_field_is_one_line(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 2; piece++) {
        struct http_bench b;
        bench_open(&b, NULL);
        http_bench_feed(&b, BELAY_STR(HEAD("GET /orders/1") "Folded: a\r\n \tb\r\nLast: c\r\n\r\n"), piece);
        assert_int_equal(b.kept_count, 1);
        struct belay_str value = belay_http_header(b.kept[0], BELAY_STR("folded"));
        assert_int_equal(belay_str_find(value, '\n'), value.n);
        assert_int_equal(belay_str_find(value, '\r'), value.n);
        assert_str(belay_http_header(b.kept[0], BELAY_STR("last")), "c");
        http_bench_deinit(&b);
    }
}

static void other_protocols_and_wishes_are_refused(void **state)
{
    static const struct exchange rows[] = {
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", { "HTTP/1.1" } },
        { "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505", { "HTTP/1.1" } },
        { "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "501", { "CONNECT" } },
        { "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", "501", { "method" } },
        { "\x16\x03\x01\x02", "501", { "no HTTP" } },
        { HEAD("POST /orders") "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501", { "transfer coding" } },
        { JSON "Transfer-Encoding: chunked\r\n ,identity\r\n\r\n0\r\n\r\n", "501", { "transfer coding" } },
        { HEAD("POST /orders") "Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}", "417", { "100-continue" } },
    };
    (void)state;
    expect_refusals(rows, COUNT(rows), NULL);
}

/* ---- order, connections ---- */

static void pipelined_requests_are_answered_in_their_order(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 2; piece++) {
        struct http_bench b;
        bench_open(&b, NULL);
        http_bench_feed(&b, BELAY_STR(GET("/orders/1") GET("/nothing") GET("/orders/2") GET("/orders/3")), piece);
        assert_int_equal(b.kept_count, 3);
        http_bench_answer(&b, 2, 200);
        http_bench_answer(&b, 1, 200);
        assert_string_equal(http_bench_output(&b, room, sizeof room), "");
        http_bench_answer(&b, 0, 200);
        const char *out = http_bench_output(&b, room, sizeof room);
        const char *one = strstr(out, "/orders/1"), *none = strstr(out, "404 Not Found"),
                   *two = strstr(out, "/orders/2"), *three = strstr(out, "/orders/3");
        assert_true(one && none && two && three && one < none && none < two && two < three);
        http_bench_deinit(&b);
    }
}

static void a_long_pipeline_is_held_and_goes_on(void **state)
{
    enum { N = 3 * BELAY_HTTP_PIPELINE_MAX };
    (void)state;
    struct http_bench b;
    struct belay_buf many;
    belay_buf_init(&many, BELAY_MIB(1));
    for (int i = 0; i < N; i++)
        belay_buf_printf(&many, "GET /orders/%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
    bench_open(&b, NULL);
    http_bench_feed(&b, belay_buf_view(&many), 0);
    assert_int_equal(b.kept_count, BELAY_HTTP_PIPELINE_MAX);
    assert_false(http_session_wants_bytes(&b.session));
    http_session_eof(&b.session); /* half-closed: what was sent is still answered */
    for (uint32_t i = 0; i < N; i++) {
        assert_true(b.kept_count > i);
        http_bench_answer(&b, i, 200);
    }
    assert_int_equal(b.handed, N);
    contains(http_bench_output(&b, room, sizeof room), "/orders/95");
    assert_true(http_session_is_finished(&b.session));
    belay_buf_deinit(&many);
    http_bench_deinit(&b);
}

static void a_half_closed_client_still_gets_its_answer(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    http_bench_feed(&b, BELAY_STR(GET("/orders/1")), 0);
    http_session_eof(&b.session);
    assert_false(http_session_is_finished(&b.session));
    http_bench_answer(&b, 0, 200);
    contains(http_bench_output(&b, room, sizeof room), "connection: close\r\n");
    assert_true(http_session_is_finished(&b.session));
    http_bench_deinit(&b);
}

static void a_request_that_is_cut_off_is_forgotten(void **state)
{
    static const char request[] = POST("application/json", "45", "{\"order_id\":\"o1\",\"items\":[{\"qty\":1,\"s\":\"x\"}]}");
    (void)state;
    for (size_t n = 0; n < sizeof request - 1; n++) {
        struct http_bench b;
        bench_open(&b, NULL);
        http_bench_feed(&b, belay_str(request, n), 0);
        http_session_eof(&b.session);
        assert_true(http_session_is_finished(&b.session));
        assert_int_equal(b.handed, 0);
        assert_string_equal(http_bench_output(&b, room, sizeof room), "");
        http_bench_deinit(&b);
    }
}

static void a_client_that_has_gone_is_not_missed(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    http_bench_feed(&b, BELAY_STR(GET("/orders/1")), 0);
    http_session_deinit(&b.session);
    http_session_init(&b.session, &b.host, BELAY_STR("other"), BELAY_STR(""), b.session.changed);
    http_bench_answer(&b, 0, 200);
    assert_string_equal(http_bench_output(&b, room, sizeof room), "");
    assert_int_equal(b.host.exchanges, 0);
    http_bench_deinit(&b);
}

static void connections_are_kept_as_the_client_wishes(void **state)
{
    static const struct {
        const char *request;
        bool kept;
    } rows[] = {
        { GET("/orders/1"), true },
        { HEAD("GET /orders/1") "Connection: close\r\n\r\n", false },
        { "GET /orders/1 HTTP/1.0\r\n\r\n", false },
        { "GET /orders/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_bench b;
        bench_open(&b, NULL);
        http_bench_feed(&b, belay_str_c(rows[i].request), 0);
        http_bench_answer(&b, 0, 200);
        const char *out = http_bench_output(&b, room, sizeof room);
        assert_int_equal(strstr(out, "connection: close\r\n") == NULL, rows[i].kept);
        assert_int_equal(http_session_is_finished(&b.session), !rows[i].kept);
        http_bench_deinit(&b);
    }
}

static void head_is_answered_without_a_body(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    http_bench_feed(&b, BELAY_STR(HEAD("HEAD /orders/1") "\r\n"), 0);
    http_bench_answer(&b, 0, 200);
    const char *out = http_bench_output(&b, room, sizeof room);
    contains(out, "content-length: 9\r\n");
    assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    http_bench_deinit(&b);
}

static void one_hundred_continue_is_said_when_the_body_is_wanted(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    http_bench_feed(&b, BELAY_STR(HEAD("POST /orders") "Content-Type: application/json\r\nExpect: 100-continue\r\n"
                                  "Content-Length: 45\r\n\r\n"), 0);
    assert_string_equal(http_bench_output(&b, room, sizeof room), "HTTP/1.1 100 Continue\r\n\r\n");
    http_bench_feed(&b, BELAY_STR("{\"order_id\":\"o1\",\"items\":[{\"qty\":1,\"s\":\"x\"}]}"), 0);
    assert_int_equal(b.handed, 1);
    http_bench_answer(&b, 0, 202);
    http_bench_output(&b, room, sizeof room);
    http_bench_feed(&b, BELAY_STR(HEAD("POST /nothing") "Expect: 100-continue\r\nContent-Length: 45\r\n\r\n"), 0);
    const char *out = http_bench_output(&b, room, sizeof room);
    contains(out, "HTTP/1.1 404 ");
    assert_null(strstr(out, "100 Continue"));
    assert_true(http_session_is_finished(&b.session)); /* the body may come or not: nobody can tell */
    http_bench_deinit(&b);
}

/* ---- time ---- */

static void a_slow_head_is_cut_off(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    for (int i = 0; i < 9; i++) {
        http_bench_feed(&b, belay_str(GET("/orders/1") + i, 1), 0);
        http_bench_wait(&b, 1000);
        assert_false(http_session_is_finished(&b.session));
    }
    http_bench_wait(&b, 1000);
    contains(http_bench_output(&b, room, sizeof room), "HTTP/1.1 408 ");
    assert_true(http_session_is_finished(&b.session));
    http_bench_deinit(&b);
}

static void a_slow_body_is_cut_off_and_a_steady_one_is_not(void **state)
{
    (void)state;
    struct http_bench b;
    static char piece[20000];
    memset(piece, ' ', sizeof piece);
    for (int steady = 0; steady < 2; steady++) {
        bench_open(&b, NULL);
        http_bench_feed(&b, BELAY_STR(POST("application/json", "1000000", "")), 0);
        for (int i = 0; i < 40; i++) {
            http_bench_feed(&b, belay_str(piece, steady ? sizeof piece : 100), 0);
            http_bench_wait(&b, 1000);
        }
        const char *out = http_bench_output(&b, room, sizeof room);
        assert_int_equal(strncmp(out, "HTTP/1.1 408 ", 13) == 0, !steady);
        http_bench_deinit(&b);
    }
}

static void an_idle_connection_ends_without_a_word(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    http_bench_feed(&b, BELAY_STR(GET("/orders/1")), 0);
    http_bench_wait(&b, 10 * BELAY_HTTP_IDLE_TIMEOUT_MS);
    assert_false(http_session_is_finished(&b.session)); /* it waits for us */
    http_bench_answer(&b, 0, 200);
    http_bench_output(&b, room, sizeof room);
    http_bench_wait(&b, BELAY_HTTP_IDLE_TIMEOUT_MS - 1);
    assert_false(http_session_is_finished(&b.session));
    http_bench_wait(&b, 1);
    assert_true(http_session_is_finished(&b.session));
    assert_string_equal(http_bench_output(&b, room, sizeof room), "");
    http_bench_deinit(&b);
}

static void draining_answers_what_is_in_flight_and_takes_nothing_new(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    http_bench_feed(&b, BELAY_STR(GET("/orders/1")), 0);
    b.host.draining = true;
    http_session_drain(&b.session);
    http_bench_answer(&b, 0, 200);
    contains(http_bench_output(&b, room, sizeof room), "connection: close\r\n");
    assert_true(http_session_is_finished(&b.session));
    http_bench_feed(&b, BELAY_STR(GET("/orders/2")), 0);
    assert_int_equal(b.handed, 1);
    http_bench_deinit(&b);
}

/* ---- too much at once ---- */

static void a_busy_receiver_means_503_with_retry_after(void **state)
{
    (void)state;
    struct http_bench b;
    bench_open(&b, NULL);
    b.status = BELAY_BUSY;
    http_bench_feed(&b, BELAY_STR(GET("/orders/1")), 0);
    const char *out = http_bench_output(&b, room, sizeof room);
    contains(out, "HTTP/1.1 503 ");
    contains(out, "retry-after: 1\r\n");
    b.status = BELAY_INVALID;
    http_bench_feed(&b, BELAY_STR(GET("/orders/1")), 0);
    contains(http_bench_output(&b, room, sizeof room), "HTTP/1.1 500 ");
    assert_int_equal(b.host.counters.requests, 0);
    http_bench_deinit(&b);
}

static void beyond_its_limits_the_server_says_503(void **state)
{
    (void)state;
    struct belay_http_limits limits = { .requests_max = 2, .bodies_bytes_max = 60 };
    struct http_bench b;
    bench_open(&b, &limits);
    http_bench_feed(&b, BELAY_STR(GET("/orders/1") GET("/orders/2") GET("/orders/3")), 0);
    assert_int_equal(b.handed, 2);
    http_bench_answer(&b, 0, 200);
    http_bench_answer(&b, 1, 200);
    contains(http_bench_output(&b, room, sizeof room), "HTTP/1.1 503 ");
    static const char order[] = POST("application/json", "45", "{\"order_id\":\"o1\",\"items\":[{\"qty\":1,\"s\":\"x\"}]}");
    http_bench_feed(&b, belay_str_c(order), 0);
    http_bench_feed(&b, belay_str_c(order), 0);
    assert_int_equal(b.handed, 3);
    http_bench_answer(&b, 2, 202);
    contains(http_bench_output(&b, room, sizeof room), "HTTP/1.1 503 ");
    http_bench_feed(&b, belay_str_c(order), 0); /* the first one's body is given back */
    assert_int_equal(b.handed, 4);
    http_bench_deinit(&b);
}

/* ---- memory ---- */

static void without_memory_the_session_survives(void **state)
{
    static const char requests[] =
        POST("application/json", "45", "{\"order_id\":\"o1\",\"items\":[{\"qty\":1,\"s\":\"x\"}]}") GET("/nothing")
        POST("application/json", "2", "{}") GET("/orders/a%20b?limit=3");
    (void)state;
    for (uint64_t n = 0; n < 60; n++) {
        struct http_bench b;
        bench_open(&b, NULL);
        b.answer_at_once = true;
        belay_alloc_fail_after(n);
        http_bench_feed(&b, belay_str(requests, sizeof requests - 1), 0);
        belay_alloc_fail_after(UINT64_MAX);
        const char *out = http_bench_output(&b, room, sizeof room);
        assert_true(out[0] == '\0' || strncmp(out, "HTTP/1.1 ", 9) == 0);
        http_bench_deinit(&b);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_order_is_handed_over_and_answered),
        TEST(every_fault_of_a_body_is_named_by_its_pointer),
        TEST(malformed_json_is_refused_with_line_and_column),
        TEST(paths_methods_and_types_that_are_not_there_are_refused),
        TEST(what_is_too_large_is_refused),
        TEST(ambiguous_framing_is_refused_and_the_connection_ends),
        TEST(a_folded_field_is_one_line),
        TEST(other_protocols_and_wishes_are_refused),
        TEST(pipelined_requests_are_answered_in_their_order),
        TEST(a_long_pipeline_is_held_and_goes_on),
        TEST(a_half_closed_client_still_gets_its_answer),
        TEST(a_request_that_is_cut_off_is_forgotten),
        TEST(a_client_that_has_gone_is_not_missed),
        TEST(connections_are_kept_as_the_client_wishes),
        TEST(head_is_answered_without_a_body),
        TEST(one_hundred_continue_is_said_when_the_body_is_wanted),
        TEST(a_slow_head_is_cut_off),
        TEST(a_slow_body_is_cut_off_and_a_steady_one_is_not),
        TEST(an_idle_connection_ends_without_a_word),
        TEST(draining_answers_what_is_in_flight_and_takes_nothing_new),
        TEST(a_busy_receiver_means_503_with_retry_after),
        TEST(beyond_its_limits_the_server_says_503),
        TEST(without_memory_the_session_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
