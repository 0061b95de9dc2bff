/* What a connection lets through: breaker, retry budget, rate, turns. */
#include "unit/engine/bench.h"

#define HEAD(gate)                                                                                  \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, " gate " }\n"    \
    "topics: { things: { retain: 1d }, others: { retain: 1d } }\n"                                  \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"                                   \
    "flows:\n"                                                                                      \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: '{% topic %}', key: '{% id %}' }\n"                                  \
    "    reply: { status: 202 }\n"                                                                  \
    "  ask:\n"                                                                                      \
    "    from: { api: api, operation: b }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - call: { connection: out, method: POST, path: /asked, body: 1 }\n"                      \
    "    reply: { status: 200 }\n"

#define HANDLE(retry)                                                                               \
    "  handle:\n"                                                                                   \
    "    from: { topic: things, start: earliest }\n"                                                \
    "    retry: " retry "\n"                                                                        \
    "    steps:\n"                                                                                  \
    "      - call: { connection: out, method: POST, path: '/{% id %}', body: 1 }\n"

#define THREE "{ max_attempts: 3, initial: 1s, multiplier: 1, jitter: none }"

static const char breaking[] = HEAD("breaker: { min_calls: 2, open: 10s, open_max: 10s, probes: 1 }") HANDLE(THREE);
static const char budgeted[] = HEAD("breaker: false, retry_budget: { share: 0.01, floor: 1 }") HANDLE(
    "{ max_attempts: 3, initial: 1s, multiplier: 1, jitter: none }");
static const char slow_lane[] = HEAD("breaker: false, concurrency: 4, retry_budget: { share: 0, concurrency: 0.25 }")
    HANDLE("{ max_attempts: 9, initial: 1s, multiplier: 1, jitter: none }");
static const char rated[] = HEAD("rate: { per_second: 2, burst: 3 }") HANDLE(THREE);
static const char quick[] = HEAD("concurrency: 4") HANDLE("{ max_attempts: 2, immediate: 2, initial: 1s, jitter: none }");
static const char two_flows[] = HEAD("concurrency: 1") HANDLE(THREE)
    "  other:\n"
    "    from: { topic: others, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: '/other', body: 1 }\n";

static void post_to(struct bench *b, const char *topic, unsigned id)
{
    struct bench_request r;
    char body[64];
    snprintf(body, sizeof body, "{\"id\":\"%u\",\"topic\":\"%s\"}", id, topic);
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

static void post(struct bench *b, unsigned id)
{
    post_to(b, "things", id);
}

static void fail_last(struct bench *b)
{
    bench_answer_bad(b, bench_call_last(b)->id, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 503);
}

static struct belay_connection_stats out(struct bench *b)
{
    struct belay_connection_stats s;
    assert_true(belay_engine_connection_stats(b->engine, 0, &s));
    return s;
}

static void open_breaker(struct bench *b)
{
    for (unsigned i = 1; i <= 2; i++) {
        post(b, i);
        fail_last(b);
    }
    assert_string_equal(out(b).breaker, "open");
    assert_true(bench_saw_event(b, "breaker.opened"));
}

static void while_a_breaker_is_open_messages_wait_and_one_probe_goes(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, breaking);
    open_breaker(&b);
    post(&b, 3);
    bench_pass_ms(&b, 9000); /* also those that are due for a retry */
    assert_int_equal(b.call_count, 2);
    assert_int_equal(bench_stats(&b, "handle").waiting, 2);
    assert_string_equal(out(&b).held_by, "breaker");
    bench_pass_ms(&b, 1100);
    assert_int_equal(b.call_count, 3);
    assert_true(bench_saw_event(&b, "breaker.probing"));
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_string_equal(out(&b).breaker, "closed");
    assert_true(bench_saw_event(&b, "breaker.closed"));
    for (int i = 0; i < 8; i++) {
        bench_pass_ms(&b, 1000);
        bench_answer(&b, bench_call_last(&b)->id, "{}");
    }
    assert_int_equal(bench_stats(&b, "handle").done, 3);
    assert_int_equal(b.call_count, 5);
    bench_deinit(&b);
}

/* An hour, with a probe that fails every ten seconds: only who is the probe uses up attempts. */
static void a_long_outage_uses_up_no_attempts_but_those_of_probes(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, breaking);
    open_breaker(&b);
    for (unsigned i = 3; i <= 12; i++)
        post(&b, i);
    unsigned before = b.call_count, probes = 0;
    for (int i = 0; i < 60; i++) {
        bench_pass_ms(&b, 1000);
        if (b.call_count == before)
            continue;
        assert_int_equal(b.call_count, before + 1);
        before = b.call_count;
        probes++;
        fail_last(&b);
    }
    assert_in_range(probes, 4, 6);
    struct belay_subscription_stats s = bench_stats(&b, "handle");
    assert_int_equal(s.dead + s.parked + s.waiting + s.in_flight + s.backlog, 12);
    assert_int_equal(s.lost, 0);
    assert_true(s.dead + s.parked <= 2); /* three attempts each would be eighteen calls at least for more */
    bench_crash(&b); /* the breaker begins closed, and nobody is lost */
    for (int i = 0; i < 200; i++) {
        bench_pass_ms(&b, 1000);
        for (unsigned n = 0; n < BENCH_KEPT; n++)
            if (b.calls[n].id)
                bench_answer(&b, b.calls[n].id, "{}");
    }
    s = bench_stats(&b, "handle");
    assert_int_equal(s.done + s.dead + s.parked, 12);
    bench_deinit(&b);
}

static void a_caller_is_told_at_once_that_the_breaker_is_open(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, breaking);
    open_breaker(&b);
    assert_ok(bench_ask(&b, &r, "b", NULL, "{}"));
    bench_go(&b);
    assert_int_equal(bench_reply_last(&b)->status, 503);
    assert_string_equal(bench_reply_last(&b)->type, "breaker-open");
    bench_request_free(&r);
    bench_deinit(&b);
}

static void retries_beyond_the_budget_wait_and_come_one_by_one(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, budgeted);
    for (unsigned i = 1; i <= 10; i++) {
        post(&b, i);
        fail_last(&b);
    }
    assert_int_equal(bench_stats(&b, "handle").waiting, 10);
    unsigned last = b.call_count;
    for (int i = 0; i < 40; i++) {
        bench_pass_ms(&b, 500);
        assert_true(b.call_count <= last + 1);
        if (b.call_count > last)
            bench_answer(&b, bench_call_last(&b)->id, "{}");
        last = b.call_count;
    }
    assert_int_equal(bench_stats(&b, "handle").done, 10);
    assert_int_equal(b.call_count, 20); /* each was asked for twice */
    assert_in_range(out(&b).postponed, 3, 100);
    bench_deinit(&b);
}

static void postponed_retries_survive_a_crash(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, budgeted);
    for (unsigned i = 1; i <= 10; i++) {
        post(&b, i);
        fail_last(&b);
    }
    bench_pass_ms(&b, 1100);
    bench_crash(&b);
    assert_int_equal(bench_stats(&b, "handle").waiting, 10);
    for (int i = 0; i < 100; i++) {
        unsigned last = b.call_count;
        bench_pass_ms(&b, 500);
        if (b.call_count > last)
            bench_answer(&b, bench_call_last(&b)->id, "{}");
    }
    assert_int_equal(bench_stats(&b, "handle").done, 10);
    bench_deinit(&b);
}

static void keys_in_trouble_hold_one_slot_of_four(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, slow_lane);
    for (unsigned i = 1; i <= 8; i++) {
        post(&b, i);
        fail_last(&b);
    }
    bench_pass_ms(&b, 1000); /* all are due, and nobody answers */
    assert_int_equal(out(&b).retries_in_flight, 1);
    for (unsigned i = 9; i <= 12; i++)
        post(&b, i);
    assert_int_equal(out(&b).in_flight, 4);
    assert_int_equal(out(&b).retries_in_flight, 1);
    bench_deinit(&b);
}

static void a_rate_lets_its_burst_through_and_then_one_at_a_time(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, rated);
    for (unsigned i = 1; i <= 6; i++)
        post(&b, i);
    assert_int_equal(b.call_count, 3);
    assert_string_equal(out(&b).held_by, "rate");
    assert_true(belay_engine_wake_at(b.engine) <= b.now + 500 * BELAY_US_PER_MS);
    bench_pass_ms(&b, 500);
    assert_int_equal(b.call_count, 4);
    bench_pass_ms(&b, 1000);
    assert_int_equal(b.call_count, 6);
    bench_deinit(&b);
}

static void flows_take_turns_on_a_shared_connection(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, two_flows);
    for (unsigned i = 1; i <= 10; i++)
        post(&b, i);
    post_to(&b, "others", 11);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(bench_stats(&b, "other").in_flight, 1);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(bench_stats(&b, "other").done, 1); /* before most of those that came first */
    assert_true(bench_stats(&b, "handle").done <= 3);
    bench_deinit(&b);
}

static void quick_tries_use_up_one_attempt(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, quick);
    post(&b, 1);
    fail_last(&b);
    assert_int_equal(b.call_count, 2); /* in place */
    fail_last(&b);
    bench_pass_ms(&b, 200); /* the budget counts it like any other retry */
    assert_int_equal(b.call_count, 3);
    assert_int_equal(bench_stats(&b, "handle").waiting, 0);
    fail_last(&b);
    assert_int_equal(bench_stats(&b, "handle").waiting, 1); /* now it waits */
    bench_pass_ms(&b, 1000);
    assert_int_equal(b.call_count, 4);
    fail_last(&b);
    assert_int_equal(bench_stats(&b, "handle").parked, 1);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_a_breaker_is_open_messages_wait_and_one_probe_goes),
        cmocka_unit_test(a_long_outage_uses_up_no_attempts_but_those_of_probes),
        cmocka_unit_test(a_caller_is_told_at_once_that_the_breaker_is_open),
        cmocka_unit_test(retries_beyond_the_budget_wait_and_come_one_by_one),
        cmocka_unit_test(postponed_retries_survive_a_crash),
        cmocka_unit_test(keys_in_trouble_hold_one_slot_of_four),
        cmocka_unit_test(a_rate_lets_its_burst_through_and_then_one_at_a_time),
        cmocka_unit_test(flows_take_turns_on_a_shared_connection),
        cmocka_unit_test(quick_tries_use_up_one_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
