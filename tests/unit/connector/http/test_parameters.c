/* Every row of OpenAPI's table of styles, and what is at its edges: from the text of a request to the value
 * that flows see. */
#include <stdio.h>

#include "lib/http_bench.h"
#include "unit/test.h"

static struct belay_arena arena;
static struct http_bench bench;
static char room[1 << 16];

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    return 0;
}

static int end(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    return 0;
}

#define ARRAY "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}"
#define WORDS "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define OBJECT "\"schema\":{\"type\":\"object\",\"properties\":{\"R\":{\"type\":\"integer\"},\"G\":{\"type\":\"integer\"}}}"
#define IN(in, style, explode) "\"in\":\"" in "\",\"style\":\"" style "\",\"explode\":" explode ","

struct row {
    const char *rule, *sent, *value; /* NULL: 400 */
};

/* sent: the path's segment, the query, or a field's line. */
static const char *ask(const char *path, const char *rule, const char *target, const char *field)
{
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    const belay_json *document;
    static char text[8192];
    snprintf(text, sizeof text,
             "{\"openapi\":\"3.1.0\",\"paths\":{\"%s\":{\"get\":{\"operationId\":\"a\",\"parameters\":[{\"name\":\"color\",%s,"
             "\"required\":true}]}}}}", path, rule);
    struct belay_str copy = belay_arena_str(&arena, belay_str_c(text));
    assert_ok(belay_json_parse(copy, NULL, &arena, &document, NULL, &err));
    if (belay_openapi_compile(document, NULL, &api, &err))
        fail_msg("%s: %s", text, err.msg);
    http_bench_init(&bench, api, NULL);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, field);
    http_bench_feed(&bench, belay_str_c(text), 0);
    http_bench_output(&bench, room, sizeof room);
    const char *value = NULL;
    if (bench.kept_count) {
        const struct belay_http_param *p = belay_http_param(bench.kept[0], BELAY_STR("color"));
        struct belay_buf out;
        belay_buf_init(&out, 4000);
        if (p)
            belay_json_write(&out, p->value);
        value = belay_arena_str(&arena, belay_buf_view(&out)).p;
        belay_buf_deinit(&out);
    } else if (strncmp(room, "HTTP/1.1 400 ", 13) != 0) {
        fail_msg("%s: %s", target, room);
    }
    http_bench_deinit(&bench);
    return value;
}

static void check(const struct row *row, const char *value)
{
    if (!row->value != !value || (value && strcmp(value, row->value) != 0))
        fail_msg("%s %s: %s instead of %s\n%s", row->rule, row->sent, value ? value : "refused",
                 row->value ? row->value : "a refusal", room);
}

static void a_path_takes_simple_label_and_matrix(void **state)
{
    static const struct row rows[] = {
        { IN("path", "simple", "false") "\"schema\":{\"type\":\"string\"}", "blue", "\"blue\"" },
        { IN("path", "simple", "false") "\"schema\":{\"type\":\"integer\"}", "42", "42" },
        { IN("path", "simple", "false") "\"schema\":{\"type\":\"integer\"}", "x", NULL },
        { IN("path", "simple", "false") ARRAY, "1,2,3", "[1,2,3]" },
        { IN("path", "simple", "true") ARRAY, "1,2,3", "[1,2,3]" },
        { IN("path", "simple", "false") ARRAY, "1,b", NULL },
        { IN("path", "simple", "false") WORDS, "a%2Cb,c", "[\"a,b\",\"c\"]" },
        { IN("path", "simple", "false") OBJECT, "R,100,G,200", "{\"R\":100,\"G\":200}" },
        { IN("path", "simple", "true") OBJECT, "R=100,G=200", "{\"R\":100,\"G\":200}" },
        { IN("path", "simple", "false") OBJECT, "R,100,G", NULL },
        { IN("path", "label", "false") "\"schema\":{\"type\":\"string\"}", ".blue", "\"blue\"" },
        { IN("path", "label", "false") "\"schema\":{\"type\":\"string\"}", "blue", NULL },
        { IN("path", "label", "false") "\"schema\":{\"type\":\"string\"}", ".", "\"\"" },
        { IN("path", "label", "false") ARRAY, ".1,2", "[1,2]" },
        { IN("path", "label", "true") ARRAY, ".1.2", "[1,2]" },
        { IN("path", "label", "false") OBJECT, ".R,100,G,200", "{\"R\":100,\"G\":200}" },
        { IN("path", "label", "true") OBJECT, ".R=100.G=200", "{\"R\":100,\"G\":200}" },
        { IN("path", "matrix", "false") "\"schema\":{\"type\":\"string\"}", ";color=blue", "\"blue\"" },
        { IN("path", "matrix", "false") "\"schema\":{\"type\":\"string\"}", ";color", "\"\"" },
        { IN("path", "matrix", "false") "\"schema\":{\"type\":\"string\"}", ";colour=blue", NULL },
        { IN("path", "matrix", "false") ARRAY, ";color=1,2", "[1,2]" },
        { IN("path", "matrix", "true") ARRAY, ";color=1;color=2", "[1,2]" },
        { IN("path", "matrix", "true") ARRAY, ";color=1;other=2", NULL },
        { IN("path", "matrix", "false") OBJECT, ";color=R,100,G,200", "{\"R\":100,\"G\":200}" },
        { IN("path", "matrix", "true") OBJECT, ";R=100;G=200", "{\"R\":100,\"G\":200}" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, "/c/%s", rows[i].sent);
        check(&rows[i], ask("/c/{color}", rows[i].rule, target, ""));
    }
}

static void a_query_takes_form_space_pipe_and_deep_object(void **state)
{
    static const struct row rows[] = {
        { IN("query", "form", "true") "\"schema\":{\"type\":\"string\"}", "color=a+b%2B", "\"a b+\"" },
        { IN("query", "form", "true") "\"schema\":{\"type\":\"string\"}", "color=", "\"\"" },
        { IN("query", "form", "true") "\"schema\":{\"type\":\"boolean\"}", "color=true", "true" },
        { IN("query", "form", "true") "\"schema\":{\"enum\":[1,2]}", "color=2", "2" },
        { IN("query", "form", "true") "\"schema\":{\"allOf\":[{\"type\":\"number\"},{\"minimum\":1}]}", "color=1.5", "1.5" },
        { IN("query", "form", "true") "\"schema\":{\"type\":[\"integer\",\"null\"]}", "color=", "null" },
        { IN("query", "form", "true") "\"schema\":{\"type\":\"integer\"}", "color=12345678901234567890123", "12345678901234567890123" },
        { IN("query", "form", "true") "\"schema\":{\"type\":\"integer\"}", "color=%201", NULL },
        { IN("query", "form", "true") "\"allowEmptyValue\":true,\"schema\":{\"type\":\"integer\"}", "color", "\"\"" },
        { IN("query", "form", "true") ARRAY, "color=1&x=9&color=2", "[1,2]" },
        { IN("query", "form", "true") ARRAY, "color=1", "[1]" },
        { IN("query", "form", "false") ARRAY, "color=1,2", "[1,2]" },
        { IN("query", "form", "false") ARRAY, "color=", "[]" },
        { IN("query", "form", "false") WORDS, "color=a%2Cb,c", "[\"a,b\",\"c\"]" },
        { IN("query", "form", "false") OBJECT, "color=R,100,G,200", "{\"R\":100,\"G\":200}" },
        { IN("query", "form", "true") OBJECT, "R=100&G=200&other=1", "{\"R\":100,\"G\":200}" },
        { IN("query", "form", "true") OBJECT, "other=1", NULL },
        { IN("query", "form", "true") "\"schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}",
          "a=1&b=2", "{\"a\":1,\"b\":2}" },
        { IN("query", "spaceDelimited", "false") ARRAY, "color=1%202+3", "[1,2,3]" },
        { IN("query", "spaceDelimited", "false") OBJECT, "color=R%20100%20G%20200", "{\"R\":100,\"G\":200}" },
        { IN("query", "spaceDelimited", "true") ARRAY, "color=1&color=2", "[1,2]" },
        { IN("query", "pipeDelimited", "false") ARRAY, "color=1|2%7C3%7c4", "[1,2,3,4]" },
        { IN("query", "pipeDelimited", "false") OBJECT, "color=R%7C100%7CG%7C200", "{\"R\":100,\"G\":200}" },
        { IN("query", "pipeDelimited", "true") ARRAY, "color=1&color=2", "[1,2]" },
        { IN("query", "deepObject", "true") OBJECT, "color[R]=100&color%5BG%5D=200", "{\"R\":100,\"G\":200}" },
        { IN("query", "deepObject", "true") OBJECT, "color[R]=x", NULL },
        { IN("query", "deepObject", "true") OBJECT, "color[]=1&color=2", NULL },
        { IN("query", "deepObject", "true") "\"schema\":{\"type\":\"object\",\"properties\":{\"t\":" "{\"type\":\"array\",\"items\":"
          "{\"type\":\"integer\"}}}}", "color[t]=1&color[t]=2", "{\"t\":[1,2]}" },
        { "\"in\":\"query\",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}", "color=%7B%22x%22%3A1%7D", "{\"x\":1}" },
        { "\"in\":\"query\",\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\",\"maxLength\":3}}}", "color=abc", "\"abc\"" },
        { "\"in\":\"query\",\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\",\"maxLength\":3}}}", "color=abcd", NULL },
        { IN("query", "form", "true") ARRAY, "color=%FF", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char target[300];
        snprintf(target, sizeof target, "/c?%s", rows[i].sent);
        check(&rows[i], ask("/c", rows[i].rule, target, ""));
    }
}

static void headers_and_cookies_take_their_styles(void **state)
{
    static const struct row rows[] = {
        { IN("header", "simple", "false") "\"schema\":{\"type\":\"string\"}", "color: 100%25", "\"100%25\"" },
        { IN("header", "simple", "false") ARRAY, "color: 1, 2,3", "[1,2,3]" },
        { IN("header", "simple", "false") ARRAY, "color: 1\r\nColor: 2", "[1,2]" },
        { IN("header", "simple", "false") OBJECT, "color: R,100, G,200", "{\"R\":100,\"G\":200}" },
        { IN("header", "simple", "true") OBJECT, "color: R=100, G=200", "{\"R\":100,\"G\":200}" },
        { IN("header", "simple", "false") "\"schema\":{\"type\":\"integer\"}", "other: 1", NULL },
        { IN("cookie", "form", "true") "\"schema\":{\"type\":\"integer\"}", "Cookie: a=1; color=2", "2" },
        { IN("cookie", "form", "true") "\"schema\":{\"type\":\"integer\"}", "Cookie: colors=2", NULL },
        { IN("cookie", "form", "false") ARRAY, "Cookie: color=1,2", "[1,2]" },
        { IN("cookie", "form", "true") ARRAY, "Cookie: color=1; color=2", "[1,2]" },
        { IN("cookie", "form", "false") OBJECT, "Cookie: color=R,100,G,200", "{\"R\":100,\"G\":200}" },
        { IN("cookie", "form", "true") "\"schema\":{\"type\":\"string\"}", "Cookie: color=%zz", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char field[300];
        snprintf(field, sizeof field, "%s\r\n", rows[i].sent);
        check(&rows[i], ask("/c", rows[i].rule, "/c", field));
    }
}

static void ten_thousand_parameters_are_too_many(void **state)
{
    static char target[BELAY_HTTP_TARGET_BYTES_MAX - 200];
    size_t n = 0;
    (void)state;
    n += (size_t)snprintf(target, sizeof target, "/c?");
    while (n + 3 < sizeof target) {
        memcpy(target + n, "a&", 3);
        n += 2;
    }
    static char text[sizeof target + 100];
    struct belay_openapi *api;
    const belay_json *document;
    struct belay_err err = { 0 };
    assert_ok(belay_json_parse(BELAY_STR("{\"openapi\":\"3.1.0\",\"paths\":{\"/c\":{\"get\":{}}}}"), NULL, &arena, &document, NULL, &err));
    assert_ok(belay_openapi_compile(document, NULL, &api, &err));
    http_bench_init(&bench, api, NULL);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    http_bench_feed(&bench, belay_str_c(text), 0);
    assert_non_null(strstr(http_bench_output(&bench, room, sizeof room), "too many parameters"));
    http_bench_deinit(&bench);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_takes_simple_label_and_matrix),
        TEST(a_query_takes_form_space_pipe_and_deep_object),
        TEST(headers_and_cookies_take_their_styles),
        TEST(ten_thousand_parameters_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
