/* A stop between two calls of a message: the one that was not made is no question afterwards, and one in every other case. */
#include "unit/engine/bench.h"

static const char yaml[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, timeout: 1h, breaker: false, concurrency: 1 }\n"
    "topics: { things: { retain: 1d }, others: { retain: 1d } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - publish: { topic: '{% topic %}', key: '{% id %}' }\n"
    "    reply: { status: 202 }\n"
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /first, body: 1 }\n"
    "      - call: { connection: out, method: POST, path: /second, body: 1 }\n"
    "  other:\n"
    "    from: { topic: others, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: PUT, path: /other, body: 1 }\n";

static void post(struct bench *b, const char *topic)
{
    struct bench_request r;
    char body[64];
    snprintf(body, sizeof body, "{\"id\":\"1\",\"topic\":\"%s\"}", topic);
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

static uint64_t called(const struct bench *b, const char *path)
{
    assert_string_equal(bench_call_last(b)->path, path);
    assert_false(bench_call_last(b)->cancel);
    return bench_call_last(b)->id;
}

/* The first call is answered, the second waits: the one slot is another message's, which is at work. */
static void between_the_calls(struct bench *b)
{
    bench_init(b, yaml);
    post(b, "others");
    uint64_t other = called(b, "/other");
    post(b, "things");
    bench_answer(b, other, "{}");
    uint64_t first = called(b, "/first");
    post(b, "others");
    bench_answer(b, first, "{}");
    (void)called(b, "/other");
}

static void stop(struct bench *b)
{
    belay_engine_stop(b->engine);
    bench_go(b);
    bench_crash(b);
    bench_go(b);
}

/* The other message has its turn too. */
static uint64_t second_is_made(struct bench *b)
{
    if (strcmp(bench_call_last(b)->path, "/other") == 0)
        bench_answer(b, bench_call_last(b)->id, "{}");
    return called(b, "/second");
}

static uint64_t letters(struct bench *b)
{
    struct belay_subscription_stats s = bench_stats(b, "handle");
    return s.dead + s.parked;
}

/* Among those that are remembered. */
static unsigned times_called(const struct bench *b, const char *path)
{
    unsigned count = 0;
    assert_true(b->call_count <= BENCH_KEPT);
    for (unsigned i = 0; i < b->call_count; i++)
        count += strcmp(b->calls[i].path, path) == 0;
    return count;
}

static void a_call_that_was_not_made_is_made_after_the_start(void **state)
{
    struct bench b;
    (void)state;
    between_the_calls(&b);
    stop(&b);
    bench_answer(&b, second_is_made(&b), "{}");
    assert_int_equal(letters(&b), 0);
    assert_int_equal(bench_stats(&b, "handle").backlog, 0);
    bench_deinit(&b);
}

static void also_after_two_stops(void **state)
{
    struct bench b;
    (void)state;
    between_the_calls(&b);
    stop(&b);
    if (strcmp(bench_call_last(&b)->path, "/other") == 0) {
        stop(&b);
        bench_answer(&b, second_is_made(&b), "{}");
        assert_int_equal(letters(&b), 0);
    }
    bench_deinit(&b);
}

static void a_death_while_it_is_made_then_leaves_a_question(void **state)
{
    struct bench b;
    (void)state;
    between_the_calls(&b);
    stop(&b);
    (void)second_is_made(&b);
    bench_crash(&b);
    bench_go(&b);
    bench_pass_ms(&b, 60000);
    assert_int_equal(letters(&b), 1);
    assert_int_equal(times_called(&b, "/second"), 1); /* nobody may repeat it */
    bench_deinit(&b);
}

static void a_stop_while_it_is_made_leaves_a_question(void **state)
{
    struct bench b;
    (void)state;
    between_the_calls(&b);
    stop(&b);
    (void)second_is_made(&b);
    stop(&b);
    bench_pass_ms(&b, 60000);
    assert_int_equal(letters(&b), 1);
    assert_int_equal(times_called(&b, "/second"), 1);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_was_not_made_is_made_after_the_start),
        cmocka_unit_test(also_after_two_stops),
        cmocka_unit_test(a_death_while_it_is_made_then_leaves_a_question),
        cmocka_unit_test(a_stop_while_it_is_made_leaves_a_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
