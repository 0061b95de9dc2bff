/* Rate limits at the edge: who is refused, what he is told, what a reload keeps. */
#include <stdio.h>

#include "base/alloc.h"
#include "lib/http_bench.h"
#include "model/definition.h"
#include "unit/test.h"

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: x\r\n" fields "\r\n"

static const char document_text[]
    = "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"t\",\"version\":\"1\"},\"paths\":{"
      "\"/open\":{\"get\":{\"operationId\":\"open\",\"responses\":{\"200\":{\"description\":\"ok\"}}}},"
      "\"/other\":{\"get\":{\"operationId\":\"other\",\"responses\":{\"200\":{\"description\":\"ok\"}}}},"
      "\"/closed\":{\"get\":{\"operationId\":\"closed\",\"security\":[{\"key\":[]}],\"responses\":{\"200\":{\"description\":\"ok\"}}}}},"
      "\"components\":{\"securitySchemes\":{\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-key\"}}}}";

static const struct belay_field keys[] = { { BELAY_STR_INIT("anna"), BELAY_STR_INIT("k-anna") },
                                           { BELAY_STR_INIT("ben"), BELAY_STR_INIT("k-ben") } };
static const struct belay_security_def security[] = { { .name = BELAY_STR_INIT("key"), .keys = keys, .key_count = 2 } };
static const struct belay_str only_closed[] = { BELAY_STR_INIT("closed") };
static struct belay_arena arena;
static const belay_json *document;
static char room[1 << 16];
static struct http_bench bench;
static uint32_t notices;
static uint64_t noticed;
static char caller[64];

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

static void on_notice(void *arg, const struct belay_http_notice *n)
{
    (void)arg;
    assert_int_equal(n->kind, BELAY_HTTP_LIMITED);
    notices++;
    noticed += n->count;
    snprintf(caller, sizeof caller, "%.*s", BELAY_STR_ARG(n->caller));
}

static struct belay_openapi *compile(const struct belay_limit_def *limits, uint32_t count)
{
    const struct belay_openapi_opt opt = { .security = security, .security_count = 1, .limits = limits, .limit_count = count };
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    if (belay_openapi_compile(document, &opt, &api, &err))
        fail_msg("%s", err.msg);
    http_limits_start(api, NULL, 5);
    return api;
}

static void open_with(const struct belay_limit_def *limits, uint32_t count)
{
    http_bench_init(&bench, compile(limits, count), NULL);
    bench.answer_at_once = true;
    bench.host.notice = on_notice;
    notices = 0;
    noticed = 0;
}

static const char *ask(const char *request)
{
    http_bench_feed(&bench, belay_str_c(request), 0);
    return http_bench_output(&bench, room, sizeof room);
}

static void expect(const char *request, const char *status, const char *part)
{
    const char *out = ask(request);
    if (strncmp(out, "HTTP/1.1 ", 9) != 0 || strncmp(out + 9, status, 3) != 0 || !strstr(out, part))
        fail_msg("wanted %s and \"%s\", got:\n%s", status, part, out);
}

static void beyond_the_burst_it_is_429_and_says_when_to_come_again(void **state)
{
    (void)state;
    static const struct belay_limit_def limits[] = { { .name = BELAY_STR_INIT("total"), .rate = { 0.5, 2 } } };
    open_with(limits, 1);
    expect(GET("/open", ""), "200", "ratelimit-policy: \"total\";q=2;w=4\r\nratelimit: \"total\";r=1;t=2\r\n");
    expect(GET("/other", ""), "200", "ratelimit: \"total\";r=0;t=4\r\n");
    const char *out = ask(GET("/open", ""));
    static const char *const parts[] = { "HTTP/1.1 429 Too Many Requests\r\n", "retry-after: 2\r\n", "ratelimit: \"total\";r=0;t=2\r\n",
                                         "content-type: application/problem+json\r\n", "\"violated-policies\":[\"total\"]",
                                         "\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\"" };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(out, parts[i]))
            fail_msg("no \"%s\" in:\n%s", parts[i], out);
    assert_int_equal(bench.handed, 2);
    http_bench_wait(&bench, 1999);
    expect(GET("/open", ""), "429", "retry-after: 1\r\n");
    http_bench_wait(&bench, 1);
    expect(GET("/open", ""), "200", "r=0;t=4");
    const struct http_limit *l = &bench.host.api->limits[0];
    assert_int_equal(atomic_load(&l->passed), 3);
    assert_int_equal(atomic_load(&l->refused), 2);
    http_bench_deinit(&bench);
}

static void each_key_has_a_share_of_its_own_and_strangers_use_up_none(void **state)
{
    (void)state;
    static const struct belay_limit_def limits[]
        = { { .name = BELAY_STR_INIT("each"), .rate = { 1, 1 }, .by = BELAY_LIMIT_BY_CALLER, .callers_max = 10 },
            { .name = BELAY_STR_INIT("all"), .rate = { 1, 3 } } };
    open_with(limits, 2);
    for (int i = 0; i < 5; i++)
        expect(GET("/closed", "x-key: wrong\r\n"), "401", "");
    expect(GET("/closed", "x-key: k-anna\r\n"), "200", "ratelimit: \"each\";r=0;t=1, \"all\";r=2;t=1\r\n");
    expect(GET("/closed", "x-key: k-anna\r\n"), "429", "\"violated-policies\":[\"each\"]");
    expect(GET("/closed", "x-key: k-ben\r\n"), "200", "\"all\";r=1"); /* what each refused, all did not count */
    expect(GET("/open", ""), "200", "\"all\";r=0");                   /* nobody has to say who he is: his address */
    http_bench_wait(&bench, 900);
    expect(GET("/open", ""), "429", "\"violated-policies\":[\"each\",\"all\"]");
    http_bench_deinit(&bench);
}

static void a_limit_by_address_counts_those_who_guess(void **state)
{
    (void)state;
    static const struct belay_limit_def limits[]
        = { { .name = BELAY_STR_INIT("host"), .rate = { 1, 2 }, .by = BELAY_LIMIT_BY_ADDRESS, .callers_max = 10 },
            { .name = BELAY_STR_INIT("all"), .rate = { 1, 9 } } };
    open_with(limits, 2);
    expect(GET("/closed", "x-key: wrong\r\n"), "401", "ratelimit: \"host\";r=1;t=1\r\n");
    const char *out = ask(GET("/closed", "x-key: k-ben\r\n"));
    assert_non_null(strstr(out, "ratelimit: \"host\";r=0;t=2\r\n"));
    assert_non_null(strstr(out, "ratelimit: \"all\";r=8;t=1\r\n"));
    expect(GET("/closed", "x-key: k-ben\r\n"), "429", "\"host\"");
    bench.session.peer = BELAY_STR("127.0.0.1:5001"); /* another port is nobody else */
    expect(GET("/open", ""), "429", "\"host\"");
    bench.session.peer = BELAY_STR("127.0.0.2:5001");
    expect(GET("/open", ""), "200", "\"host\";r=1");
    http_bench_deinit(&bench);
}

static void of_ipv6_the_network_counts_and_of_a_mapped_one_all(void **state)
{
    (void)state;
    static const struct belay_limit_def limits[]
        = { { .name = BELAY_STR_INIT("host"), .rate = { 0.001, 1 }, .by = BELAY_LIMIT_BY_ADDRESS, .callers_max = 10 } };
    static const struct { const char *peer, *status; } rows[]
        = { { "[2001:db8:1:2::1]:5", "200" }, { "[2001:db8:1:2:3:4:5:6]:7", "429" }, { "[2001:db8:1:3::1]:5", "200" },
            { "[::ffff:10.0.0.1]:9", "200" }, { "[::ffff:10.0.0.2]:9", "200" }, { "[::ffff:10.0.0.1]:10", "429" },
            { "uid 1000", "200" }, { "uid 1001", "200" }, { "uid 1000", "429" } };
    open_with(limits, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench.session.peer = belay_str_c(rows[i].peer);
        expect(GET("/open", ""), rows[i].status, "\"host\"");
    }
    http_bench_deinit(&bench);
}

static void a_limit_of_operations_leaves_the_others_alone(void **state)
{
    (void)state;
    static const struct belay_limit_def limits[]
        = { { .name = BELAY_STR_INIT("slow"), .rate = { 1, 1 }, .operations = only_closed, .operation_count = 1 } };
    open_with(limits, 1);
    expect(GET("/closed", "x-key: k-ben\r\n"), "200", "\"slow\"");
    expect(GET("/closed", "x-key: k-anna\r\n"), "429", "\"slow\"");
    for (int i = 0; i < 3; i++) {
        const char *out = ask(GET("/open", ""));
        assert_non_null(strstr(out, "HTTP/1.1 200"));
        assert_null(strstr(out, "ratelimit"));
    }
    expect(GET("/nowhere", ""), "404", "");
    http_bench_deinit(&bench);
}

static void the_operator_is_told_once_a_minute_how_many_and_who(void **state)
{
    (void)state;
    static const struct belay_limit_def limits[]
        = { { .name = BELAY_STR_INIT("each"), .rate = { 0.001, 1 }, .by = BELAY_LIMIT_BY_CALLER, .callers_max = 10 } };
    open_with(limits, 1);
    for (int i = 0; i < 11; i++)
        ask(GET("/closed", "x-key: k-anna\r\n"));
    assert_int_equal(notices, 1);
    assert_int_equal(noticed, 1);
    assert_string_equal(caller, "anna");
    http_bench_deinit(&bench);
    open_with(limits, 1);
    for (int i = 0; i < 11; i++) {
        ask(GET("/closed", "x-key: k-ben\r\n"));
        bench.clock.now_ms += 6001;
    }
    assert_int_equal(notices, 1);
    ask(GET("/open", ""));
    ask(GET("/open", ""));
    assert_int_equal(notices, 2);
    assert_int_equal(noticed, 11);
    assert_string_equal(caller, "127.0.0.1");
    http_bench_deinit(&bench);
}

static void a_reload_keeps_the_buckets_of_limits_that_stay(void **state)
{
    (void)state;
    static const struct belay_limit_def before[]
        = { { .name = BELAY_STR_INIT("a"), .rate = { 0.001, 1 }, .by = BELAY_LIMIT_BY_CALLER, .callers_max = 10 },
            { .name = BELAY_STR_INIT("b"), .rate = { 0.001, 1 }, .operations = only_closed, .operation_count = 1 } };
    static const struct belay_limit_def after[]
        = { { .name = BELAY_STR_INIT("b"), .rate = { 0.001, 5 } },
            { .name = BELAY_STR_INIT("a"), .rate = { 0.001, 1 }, .by = BELAY_LIMIT_BY_CALLER, .callers_max = 10 } };
    open_with(before, 2);
    expect(GET("/open", ""), "200", "\"a\";r=0");
    expect(GET("/open", ""), "429", "\"a\"");
    struct belay_openapi *old = bench.host.api, *api = compile(after, 2);
    http_limits_start(api, old, 6);
    bench.host.api = api;
    http_api_release(old);
    expect(GET("/open", ""), "429", "\"violated-policies\":[\"a\"]");
    assert_int_equal(atomic_load(&api->limits[1].refused), 2);
    bench.session.peer = BELAY_STR("127.0.0.9:1");
    expect(GET("/open", ""), "200", "\"b\";r=4"); /* another one than before */
    http_bench_deinit(&bench);
}

static void without_memory_an_api_is_not_opened(void **state)
{
    (void)state;
    static const struct belay_limit_def limits[]
        = { { .name = BELAY_STR_INIT("a"), .rate = { 1, 1 }, .by = BELAY_LIMIT_BY_CALLER, .callers_max = 10 },
            { .name = BELAY_STR_INIT("b"), .rate = { 1, 1 } } };
    const struct belay_openapi_opt opt = { .security = security, .security_count = 1, .limits = limits, .limit_count = 2 };
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status == BELAY_NOMEM; n++) {
        struct belay_openapi *api = NULL;
        struct belay_err err = { 0 };
        belay_alloc_fail_after(n);
        status = belay_openapi_compile(document, &opt, &api, &err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(n < 1000);
        belay_openapi_free(api);
    }
    assert_int_equal(status, BELAY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_burst_it_is_429_and_says_when_to_come_again),
        cmocka_unit_test(each_key_has_a_share_of_its_own_and_strangers_use_up_none),
        cmocka_unit_test(a_limit_by_address_counts_those_who_guess),
        cmocka_unit_test(of_ipv6_the_network_counts_and_of_a_mapped_one_all),
        cmocka_unit_test(a_limit_of_operations_leaves_the_others_alone),
        cmocka_unit_test(the_operator_is_told_once_a_minute_how_many_and_who),
        cmocka_unit_test(a_reload_keeps_the_buckets_of_limits_that_stay),
        cmocka_unit_test(without_memory_an_api_is_not_opened),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
