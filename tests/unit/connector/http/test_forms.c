/* Forms, urlencoded and multipart, and text: what flows get, and what is refused. */
#include <stdio.h>

#include "connector/http/multipart.h"
#include "lib/http_bench.h"
#include "unit/test.h"

#define FIELDS "{\"type\":\"object\",\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"},\"tags\":{\"type\":\"array\"," \
               "\"items\":{\"type\":\"string\"}},\"doc\":{\"type\":\"object\"},\"file\":{\"type\":\"string\"},\"ids\":{\"type\":\"array\"," \
               "\"items\":{\"type\":\"integer\"}}}}"
#define ENCODING "\"encoding\":{\"ids\":{\"style\":\"pipeDelimited\",\"explode\":false},\"file\":{\"contentType\":\"image/png, text/*\"}}"
#define DOCUMENT "{\"openapi\":\"3.1.0\",\"paths\":{\"/f\":{\"post\":{\"operationId\":\"f\",\"requestBody\":{\"required\":true,\"content\":{" \
                 "\"application/x-www-form-urlencoded\":{\"schema\":" FIELDS "," ENCODING "}," \
                 "\"multipart/form-data\":{\"schema\":" FIELDS "," ENCODING "}," \
                 "\"text/plain\":{\"schema\":{\"type\":\"string\",\"maxLength\":5}},\"application/octet-stream\":{}}}}}}}"

static struct belay_arena arena;
static struct http_bench bench;
static char room[1 << 16];

static int begin(void **state)
{
    struct belay_openapi *api;
    const belay_json *document;
    struct belay_err err = { 0 };
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    assert_ok(belay_json_parse(BELAY_STR(DOCUMENT), NULL, &arena, &document, NULL, &err));
    if (belay_openapi_compile(document, NULL, &api, &err))
        fail_msg("%s", err.msg);
    http_bench_init(&bench, api, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    http_bench_deinit(&bench);
    belay_arena_deinit(&arena);
    return 0;
}

/* The body that the receiver gets, or the status of the refusal. */
static const char *post(const char *type, struct belay_str body)
{
    static char text[1 << 16];
    uint32_t before = bench.kept_count;
    size_t n = (size_t)snprintf(text, sizeof text, "POST /f HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                                type, body.n);
    assert_true(n + body.n < sizeof text);
    memcpy(text + n, body.p, body.n);
    http_bench_feed(&bench, belay_str(text, n + body.n), 0);
    http_bench_output(&bench, room, sizeof room);
    if (bench.kept_count == before)
        return belay_arena_str(&arena, belay_str(room + 9, 3)).p;
    const char *got = belay_arena_str(&arena, bench.kept[before]->body).p;
    http_bench_answer(&bench, before, 200);
    static char drained[1000];
    http_bench_output(&bench, drained, sizeof drained);
    return got;
}

static void an_urlencoded_form_becomes_an_object(void **state)
{
    static const char *const rows[][2] = {
        { "n=1", "{\"n\":1}" },
        { "n=1&tags=a&tags=b+c", "{\"n\":1,\"tags\":[\"a\",\"b c\"]}" },
        { "ids=1%7C2&n=1", "{\"n\":1,\"ids\":[1,2]}" },
        { "n=1&doc=%7B%22a%22:true%7D", "{\"n\":1,\"doc\":{\"a\":true}}" },
        { "n=1&more=x&more=y&one=z", "{\"n\":1,\"more\":[\"x\",\"y\"],\"one\":\"z\"}" },
        { "n=1&n=2", "{\"n\":1}" },
        { "n=x", "422" }, { "tags=a", "422" }, { "n=1&doc=%7B", "422" }, { "n=%zz", "400" }, { "n=1&%ff=2", "400" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = post("application/x-www-form-urlencoded; charset=utf-8", belay_str_c(rows[i][0]));
        if (strcmp(got, rows[i][1]) != 0)
            fail_msg("%s: %s\n%s", rows[i][0], got, room);
    }
}

#define PART(fields, body) "--b\r\n" fields "\r\n\r\n" body "\r\n"
#define NAME(name) "Content-Disposition: form-data; name=\"" name "\""

static void multipart_parts_become_members(void **state)
{
    static const char *const rows[][2] = {
        { PART(NAME("n"), "7") "--b--\r\n", "{\"n\":7}" },
        { PART(NAME("n"), "7") "--b--", "{\"n\":7}" },
        { "preamble\r\n" PART(NAME("n"), "7") "--b-- epilogue", "{\"n\":7}" },
        { PART(NAME("n"), "7") PART(NAME("tags"), "x--b\r\n-") PART(NAME("tags"), "") "--b--\r\n",
          "{\"n\":7,\"tags\":[\"x--b\\r\\n-\",\"\"]}" },
        { PART(NAME("n"), "7\r\n--bb") "--b--", "400" }, /* two readers would not agree where it ends */
        { PART(NAME("n"), "7") PART(NAME("doc"), "{\"a\":[1]}") "--b--", "{\"n\":7,\"doc\":{\"a\":[1]}}" },
        { PART(NAME("n"), "7") PART(NAME("x") "\r\nContent-Type: application/json", "[1]") "--b--", "{\"n\":7,\"x\":[1]}" },
        { PART(NAME("n"), "7") PART(NAME("file") "; filename=\"a.png\"\r\nContent-Type: image/png", "abc") "--b--",
          "{\"n\":7,\"file\":\"YWJj\"}" },
        { PART(NAME("n"), "7") PART(NAME("file") "; filename=\"a.txt\"\r\nContent-Type: text/plain", "abc") "--b--",
          "{\"n\":7,\"file\":\"abc\"}" },
        { PART(NAME("n"), "7") PART(NAME("q%22\\\"") , "v") "--b--", "{\"n\":7,\"q\\\"\\\"\":\"v\"}" },
        { PART(NAME("n"), "7") PART(NAME("file") "\r\nContent-Type: image/gif", "abc") "--b--", "422" },
        { PART(NAME("n"), "7") PART(NAME("doc"), "{") "--b--", "422" },
        { PART(NAME("n"), "7"), "400" },                           /* no end */
        { "--b\r\n" NAME("n") "\r\n\r\n7\r\n--bx\r\n", "400" },     /* another boundary */
        { PART("X: y", "7") "--b--", "400" },                     /* no name */
        { PART(NAME("n") "; name=\"m\"", "7") "--b--", "400" },
        { PART("Content-Disposition: attachment; name=\"n\"", "7") "--b--", "400" },
        { PART(NAME("n") "\r\nContent-Transfer-Encoding: base64", "Nw==") "--b--", "400" },
        { "--b\n" NAME("n") "\n\n7\n--b--\n", "400" },
        { "--b--\r\n", "422" }, { "nothing", "400" }, { "--b", "400" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = post("multipart/form-data; boundary=b", belay_str_c(rows[i][0]));
        if (strcmp(got, rows[i][1]) != 0)
            fail_msg("%s:\n%s\n%s", rows[i][0], got, room);
    }
}

static void a_part_of_a_wrong_type_does_not_hide_other_faults(void **state)
{
    (void)state;
    assert_string_equal(post("multipart/form-data; boundary=b",
                             BELAY_STR(PART(NAME("n"), "x") PART(NAME("file") "\r\nContent-Type: image/gif", "abc") "--b--")),
                        "422");
    assert_non_null(strstr(room, "{\"pointer\":\"/file\",\"detail\":\"its part has another content type than is taken here\"}"));
    assert_non_null(strstr(room, "{\"pointer\":\"/n\",\"detail\":"));
}

static void a_boundary_is_what_rfc_2046_allows(void **state)
{
    struct belay_str body = BELAY_STR(PART(NAME("n"), "7") "--b--");
    static const char *const types[] = {
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=b\"b", "multipart/form-data; boundary=\"b \"", "multipart/form-data; boundary=<b>",
        "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        assert_string_equal(post(types[i], body), "400");
    assert_string_equal(post("multipart/form-data; Boundary=\"b\"; charset=utf-8", body), "{\"n\":7}");
}

static void too_many_parts_are_refused(void **state)
{
    struct belay_buf body;
    (void)state;
    belay_buf_init(&body, BELAY_MIB(1));
    for (int i = 0; i < BELAY_HTTP_FORM_FIELDS_MAX + 1; i++)
        belay_buf_put_str(&body, BELAY_STR("--b\r\n" "Content-Disposition:form-data;name=a\r\n\r\n\r\n"));
    belay_buf_put_str(&body, BELAY_STR("--b--"));
    struct http_part *parts;
    uint32_t count;
    struct belay_err err;
    assert_int_equal(http_multipart_parse(BELAY_STR("multipart/form-data; boundary=b"), belay_buf_view(&body), &arena,
                                          &parts, &count, &err), BELAY_LIMIT);
    belay_buf_deinit(&body);
    belay_buf_init(&body, BELAY_MIB(1));
    for (int i = 0; i < BELAY_HTTP_FORM_FIELDS_MAX + 1; i++)
        belay_buf_put_str(&body, BELAY_STR("a=&"));
    assert_string_equal(post("application/x-www-form-urlencoded", belay_buf_view(&body)), "413");
    belay_buf_deinit(&body);
}

static void text_is_judged_and_bytes_pass(void **state)
{
    (void)state;
    assert_string_equal(post("text/plain", BELAY_STR("hello")), "hello");
    assert_string_equal(post("text/plain", BELAY_STR("hello!")), "422");
    assert_string_equal(post("text/plain", BELAY_STR("\xff")), "422");
    assert_string_equal(post("application/octet-stream", BELAY_STR("\xff\xfe")), "\xff\xfe");
}

static void the_request_is_shown_with_its_values(void **state)
{
    const belay_json *v;
    struct belay_buf out;
    (void)state;
    http_bench_feed(&bench, BELAY_STR("POST /f?a=1&b=x%20y HTTP/1.1\r\nHost: x\r\nCookie: s=1\r\nAuthorization: secret\r\n"
                                      "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"), 0);
    assert_int_equal(bench.kept_count, 1);
    assert_ok(belay_http_describe(bench.kept[0], &arena, &v));
    belay_buf_init(&out, 4000);
    belay_json_write(&out, v);
    assert_str(belay_buf_view(&out), "{\"method\":\"POST\",\"path\":\"/f\",\"operation\":\"f\",\"params\":{},\"query\":{\"a\":\"1\",\"b\":\"x y\"},"
                                     "\"headers\":{\"host\":\"x\",\"content-type\":\"text/plain\",\"content-length\":\"1\"},"
                                     "\"cookies\":{\"s\":\"1\"},\"auth\":{}}");
    belay_buf_deinit(&out);
    struct belay_arena tight;
    belay_arena_init(&tight, 64, 64);
    assert_int_equal(belay_http_describe(bench.kept[0], &tight, &v), BELAY_NOMEM);
    belay_arena_deinit(&tight);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_urlencoded_form_becomes_an_object),
        TEST(multipart_parts_become_members),
        TEST(a_part_of_a_wrong_type_does_not_hide_other_faults),
        TEST(a_boundary_is_what_rfc_2046_allows),
        TEST(too_many_parts_are_refused),
        TEST(text_is_judged_and_bytes_pass),
        TEST(the_request_is_shown_with_its_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
