/* A flow's `timeout`: what bounds the run of a message, also where it waits for a slot of its connection. */
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
    "    timeout: 5s\n"
    "    retry: { max_attempts: 2, initial: 1s, jitter: none }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /first, body: 1 }\n"
    "      - call: { connection: out, method: POST, path: /second, body: 1 }\n"
    "  other:\n"
    "    from: { topic: others, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /other, body: 1 }\n";

static void ask(struct bench *b, struct bench_request *r, const char *topic)
{
    char body[64];
    snprintf(body, sizeof body, "{\"id\":\"1\",\"topic\":\"%s\"}", topic);
    assert_ok(bench_ask(b, r, "a", NULL, body));
}

static void post(struct bench *b, const char *topic)
{
    struct bench_request r;
    ask(b, &r, topic);
    bench_go(b);
    bench_request_free(&r);
}

static uint64_t called(const struct bench *b, unsigned count, const char *path)
{
    assert_int_equal(b->call_count, count);
    assert_string_equal(bench_call_last(b)->path, path);
    assert_false(bench_call_last(b)->cancel);
    return bench_call_last(b)->id;
}

/* A message of things has the slot for its first call, and next is one of others. */
static uint64_t others_turn_is_next(struct bench *b)
{
    post(b, "others");
    uint64_t other = called(b, 1, "/other");
    post(b, "things");
    bench_answer(b, other, "{}");
    uint64_t first = called(b, 2, "/first");
    post(b, "others");
    return first;
}

static void is_cancelled(const struct bench *b, unsigned count, uint64_t id)
{
    assert_int_equal(b->call_count, count);
    assert_true(bench_call_last(b)->cancel);
    assert_int_equal(bench_call_last(b)->id, id);
}

static void a_call_is_cancelled_when_the_time_of_its_run_is_over(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, yaml);
    post(&b, "things");
    bench_answer(&b, called(&b, 1, "/first"), "{}");
    uint64_t id = called(&b, 2, "/second");
    bench_pass_ms(&b, 4999);
    assert_int_equal(b.call_count, 2);
    bench_pass_ms(&b, 1);
    is_cancelled(&b, 3, id);
    bench_pass_ms(&b, 60000);
    assert_int_equal(b.call_count, 3); /* told once */
    bench_deinit(&b);
}

/* However long others hold the slots: its attempts are for what it does itself. */
static void a_messages_time_begins_with_its_first_slot(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, yaml);
    post(&b, "others");
    uint64_t other = called(&b, 1, "/other");
    post(&b, "things");
    bench_pass_ms(&b, 60000);
    assert_int_equal(b.call_count, 1);
    assert_false(bench_saw_event(&b, "message.retry"));
    bench_answer(&b, other, "{}");
    uint64_t first = called(&b, 2, "/first");
    bench_pass_ms(&b, 3000);
    bench_answer(&b, first, "{}");
    uint64_t second = called(&b, 3, "/second"); /* of its five seconds two are left */
    bench_pass_ms(&b, 1999);
    assert_int_equal(b.call_count, 3);
    bench_pass_ms(&b, 1);
    is_cancelled(&b, 4, second);
    bench_deinit(&b);
}

/* The second call waits behind one of another flow, and no longer than the run may take: nothing was sent, so it is
 * tried again like anything transient, from where it was. */
static void a_run_whose_time_passes_while_its_next_call_waits_is_tried_again(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, yaml);
    uint64_t first = others_turn_is_next(&b);
    bench_answer(&b, first, "{}");
    uint64_t other = called(&b, 3, "/other");
    bench_pass_ms(&b, 4999);
    assert_false(bench_saw_event(&b, "message.retry"));
    bench_pass_ms(&b, 1);
    assert_true(bench_saw_event(&b, "message.retry"));
    assert_int_equal(bench_stats(&b, "handle").waiting, 1);
    assert_int_equal(b.call_count, 3);
    bench_pass_ms(&b, 60000);
    bench_answer(&b, other, "{}");
    for (int i = 0; i < 100 && b.call_count < 4; i++) /* postponed while there was no slot for a retry */
        bench_pass_ms(&b, 1000);
    uint64_t second = called(&b, 4, "/second");
    bench_pass_ms(&b, 5000);
    is_cancelled(&b, 5, second); /* its time is its own again */
    bench_answer_bad(&b, second, BELAY_CLASS_TRANSIENT, "HTTP:CONNECTIVITY", 0);
    struct belay_subscription_stats s = bench_stats(&b, "handle");
    assert_int_equal(s.dead + s.parked, 1); /* that was the second attempt */
    bench_deinit(&b);
}

/* Its slot is granted and its intent recorded, but the call waits for the disk. */
static void a_call_that_nobody_saw_in_time_is_not_made(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, yaml);
    ask(&b, &r, "things");
    for (int i = 0; i < 20; i++) { /* no action is taken */
        belay_engine_step(b.engine, b.now);
        sim_jobs_finish(&b.jobs);
    }
    struct belay_connection_stats out;
    assert_true(belay_engine_connection_stats(b.engine, 0, &out));
    assert_int_equal(out.in_flight, 1);
    bench_pass_ms(&b, 5000);
    assert_int_equal(b.call_count, 0);
    assert_true(bench_saw_event(&b, "message.retry"));
    assert_true(belay_engine_connection_stats(b.engine, 0, &out));
    assert_int_equal(out.in_flight, 0);
    bench_pass_ms(&b, 1000);
    bench_answer(&b, called(&b, 1, "/first"), "{}");
    bench_answer(&b, called(&b, 2, "/second"), "{}");
    assert_int_equal(bench_stats(&b, "handle").done, 1);
    bench_request_free(&r);
    bench_deinit(&b);
}

/* The connector had no room; until it has, another flow took the slot. */
static void a_call_that_was_refused_waits_no_longer_than_its_run_may_take(void **state)
{
    struct bench b;
    struct belay_err err;
    (void)state;
    bench_init(&b, yaml);
    uint64_t first = others_turn_is_next(&b);
    belay_engine_call_refused(b.engine, first, belay_fail(&err, BELAY_BUSY, "full"), &err, b.now);
    bench_go(&b);
    (void)called(&b, 3, "/other");
    bench_pass_ms(&b, 4000);
    assert_false(bench_saw_event(&b, "message.retry"));
    bench_pass_ms(&b, 1000);
    assert_true(bench_saw_event(&b, "message.retry"));
    assert_int_equal(b.call_count, 3);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_cancelled_when_the_time_of_its_run_is_over),
        cmocka_unit_test(a_messages_time_begins_with_its_first_slot),
        cmocka_unit_test(a_run_whose_time_passes_while_its_next_call_waits_is_tried_again),
        cmocka_unit_test(a_call_that_nobody_saw_in_time_is_not_made),
        cmocka_unit_test(a_call_that_was_refused_waits_no_longer_than_its_run_may_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
