#include "base/limits.h"
#include "broker/letter.h"
#include "unit/engine/bench.h"

#define HEAD                                                                                        \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, concurrency: 8 }\n" \
    "topics: { things: { retain: 1d }, copies: { retain: 1d } }\n"                                  \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"                                   \
    "flows:\n"                                                                                      \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: things, key: '{% id %}' }\n"                                         \
    "    reply: { status: 202 }\n"

static const char calling[] = HEAD
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    retry: { max_attempts: 3, initial: 1s, multiplier: 1, jitter: none }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /one, body: '{% { \"id\": id } %}' }\n"
    "        as: one\n"
    "      - call: { connection: out, method: POST, path: /two, body: '{% { \"n\": $one.body.n } %}' }\n"
    "        as: two\n"
    "      - publish: { topic: copies, body: '{% { \"n\": $one.body.n } %}' }\n";

static const char calling_other[] = HEAD
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    retry: { max_attempts: 3, initial: 1s, multiplier: 1, jitter: none }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /new, body: '{% { \"id\": id } %}' }\n";

static const char mistyped[] = HEAD
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    steps:\n"
    "      - choose:\n"
    "          - when: \"{% id = 'number' %}\"\n"
    "            steps: [ { map: '{% $number(id) %}' } ]\n"
    "          - when: \"{% id = 'name' %}\"\n"
    "            steps:\n"
    "              - map: '{% totl %}'\n"
    "          - otherwise: [ { publish: { topic: copies, key: '{% items %}' } } ]\n";

static const char piping[] = HEAD
    "  pipe:\n"
    "    from: { topic: things, start: earliest }\n"
    "    idempotency: { key: '{% dedupe %}', window: 1h, required: false }\n"
    "    steps:\n"
    "      - log: { message: 'piped {% id %}' }\n"
    "      - map: '{% { \"copy\": id } %}'\n"
    "      - publish: { topic: copies }\n";

/* Keys that need more memory than a run has at hand. */
static const char piping_dear[] = HEAD
    "  pipe:\n"
    "    from: { topic: things, start: earliest }\n"
    "    idempotency: { key: \"{% $length($pad('', 5000, 'x')) & dedupe %}\", window: 1h, required: false }\n"
    "    steps:\n"
    "      - publish: { topic: copies }\n";

static const char laning_dear[] = HEAD
    "  pipe:\n"
    "    from: { topic: things, start: earliest }\n"
    "    lanes: { key: \"{% $length($pad('', 5000, 'x')) & id %}\" }\n"
    "    steps:\n"
    "      - publish: { topic: copies }\n";

static const char ticking[] = HEAD
    "  tick:\n"
    "    from: { timer: 10s }\n"
    "    steps:\n"
    "      - publish: { topic: copies }\n";

static const char many_calls[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, concurrency: 8192 }\n"
    "topics: { things: { retain: 1d } }\n"
    "flows:\n"
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    lanes: { concurrency: 8192 }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /one }\n";

static const char bounded[] =
    "belay: 1\n"
    "name: t\n"
    "topics: { things: { retain: 1d }, copies: { retain_bytes: 2KiB } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - publish: { topic: things, key: '{% id %}' }\n"
    "    reply: { status: 202 }\n"
    "  pipe:\n"
    "    from: { topic: things, start: earliest }\n"
    "    steps:\n"
    "      - publish: { topic: copies }\n"
    "      - publish: { topic: copies }\n"
    "  drain:\n"
    "    from: { topic: copies, start: earliest }\n"
    "    steps:\n"
    "      - log: { message: drained }\n";

static void post(struct bench *b, const char *body)
{
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

static uint64_t messages(struct bench *b, const char *topic)
{
    struct belay_topic_stats s;
    for (uint32_t i = 0; belay_broker_topic_stats(belay_engine_broker(b->engine), i, &s); i++)
        if (belay_str_eq(s.name, belay_str_c(topic)))
            return s.next - 1;
    return 0;
}

static void what_a_flow_publishes_appears_with_its_acknowledgement(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, piping);
    post(&b, "{\"id\":\"x\",\"dedupe\":\"1\"}");
    assert_int_equal(messages(&b, "copies"), 1);
    assert_int_equal(bench_stats(&b, "pipe").done, 1);
    assert_int_equal(b.log_count, 1);
    assert_string_equal(b.logs[0], "piped x");
    bench_deinit(&b);
}

static void a_message_with_a_known_key_is_done_and_published_once(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, piping);
    post(&b, "{\"id\":\"x\",\"dedupe\":\"1\"}");
    bench_crash(&b);
    post(&b, "{\"id\":\"y\",\"dedupe\":\"1\"}");
    post(&b, "{\"id\":\"z\",\"dedupe\":\"2\"}");
    assert_int_equal(messages(&b, "copies"), 2);
    assert_int_equal(bench_stats(&b, "pipe").done, 3);
    assert_true(bench_saw_event(&b, "message.duplicate"));
    bench_deinit(&b);
}

/* A message comes while the nth allocation from now on fails, and all later ones. False: none did. */
static bool comes_without_memory(struct bench *b, uint64_t n, const char *body)
{
    const struct belay_message m = { .id = BELAY_STR("1"), .source = BELAY_STR("/test"), .time = b->now, .body = belay_str_c(body),
                                     .datacontenttype = BELAY_STR("application/json") };
    assert_ok(belay_broker_publish(belay_engine_broker(b->engine), BELAY_STR("things"), &m, b->now, NULL, &b->err));
    belay_alloc_fail_after(n);
    for (int i = 0; i < 5; i++) {
        belay_engine_step(b->engine, b->now);
        sim_jobs_finish(&b->jobs);
        bench_take(b);
    }
    bool failed = belay_alloc_count() > n;
    belay_alloc_fail_after(UINT64_MAX);
    if (belay_engine_failed(b->engine, &b->err) != BELAY_OK)
        bench_crash(b);
    for (int i = 0; i < 10; i++)
        bench_pass_ms(b, 500);
    return failed;
}

static void without_memory_a_key_is_waited_for_and_a_duplicate_stays_one(void **state)
{
    bool failed = true;
    (void)state;
    for (uint64_t n = 0; failed && n < 300; n++) {
        struct bench b;
        bench_init(&b, piping_dear);
        post(&b, "{\"id\":\"x\",\"dedupe\":\"1\"}");
        failed = comes_without_memory(&b, n, "{\"id\":\"y\",\"dedupe\":\"1\"}");
        if (messages(&b, "copies") != 1)
            fail_msg("it was done again: allocation %llu failed", (unsigned long long)n);
        assert_int_equal(bench_stats(&b, "pipe").done, 2);
        bench_deinit(&b);
    }
    assert_false(failed);
}

static void without_memory_a_lane_is_waited_for_and_nothing_overtakes(void **state)
{
    bool failed = true;
    (void)state;
    for (uint64_t n = 0; failed && n < 300; n++) {
        struct bench b;
        bench_init(&b, laning_dear);
        failed = comes_without_memory(&b, n, "{\"id\":\"x\",\"dedupe\":\"1\"}");
        (void)comes_without_memory(&b, UINT64_MAX, "{\"id\":\"x\",\"dedupe\":\"2\"}");
        struct belay_subscription_stats s = bench_stats(&b, "pipe");
        if (s.dead || s.parked || s.done != 2)
            fail_msg("a letter of it: allocation %llu failed", (unsigned long long)n);
        assert_int_equal(messages(&b, "copies"), 2);
        bench_deinit(&b);
    }
    assert_false(failed);
}

static void a_call_waits_until_its_start_is_durable(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, calling);
    assert_ok(bench_ask(&b, &r, "a", NULL, "{\"id\":\"x\"}"));
    for (int i = 0; i < 5; i++) {
        belay_engine_step(b.engine, b.now);
        bench_take(&b);
    }
    assert_int_equal(b.call_count, 0);
    bench_go(&b);
    assert_int_equal(b.call_count, 1);
    bench_request_free(&r);
    bench_deinit(&b);
}

static void a_retry_goes_on_after_the_last_success(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, calling);
    post(&b, "{\"id\":\"x\"}");
    assert_string_equal(bench_call_last(&b)->path, "/one");
    bench_answer(&b, bench_call_last(&b)->id, "{\"n\":7}");
    assert_string_equal(bench_call_last(&b)->path, "/two");
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 503);
    assert_int_equal(bench_stats(&b, "handle").waiting, 1);
    assert_true(bench_saw_event(&b, "message.retry"));
    bench_crash(&b);
    bench_pass_ms(&b, 1100);
    assert_int_equal(b.call_count, 3);
    assert_string_equal(bench_call_last(&b)->path, "/two");
    assert_string_equal(bench_call_last(&b)->body, "{\"n\":7}");
    assert_string_equal(b.calls[2].key, b.calls[1].key);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(messages(&b, "copies"), 1);
    assert_int_equal(bench_stats(&b, "handle").done, 1);
    bench_deinit(&b);
}

static void a_crash_between_calls_repeats_only_what_is_not_known(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, calling);
    post(&b, "{\"id\":\"x\"}");
    bench_answer(&b, bench_call_last(&b)->id, "{\"n\":7}");
    assert_string_equal(bench_call_last(&b)->path, "/two");
    bench_crash(&b);
    bench_go(&b);
    bench_pass_ms(&b, 2000);
    assert_int_equal(b.call_count, 3);
    assert_string_equal(bench_call_last(&b)->path, "/two");
    bench_deinit(&b);
}

static void an_exhausted_message_parks_its_key_and_its_replay_frees_it(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, calling);
    post(&b, "{\"id\":\"x\"}");
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    post(&b, "{\"id\":\"x\"}");
    post(&b, "{\"id\":\"y\"}");
    struct belay_subscription_stats s = bench_stats(&b, "handle");
    assert_int_equal(s.parked, 1);
    assert_int_equal(s.held, 1);
    assert_int_equal(b.call_count, 2); /* y goes on */
    assert_true(bench_saw_event(&b, "message.parked"));
    struct belay_broker *broker = belay_engine_broker(b.engine);
    struct belay_subscription *sub = belay_broker_find(broker, BELAY_STR("handle"));
    assert_ok(belay_broker_letter_replay(broker, sub, 1, false, b.now, &b.err));
    bench_go(&b);
    assert_int_equal(b.call_count, 3);
    assert_string_equal(b.calls[2].key, b.calls[0].key);
    bench_answer(&b, b.calls[2].id, "{\"n\":1}");
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(b.call_count, 5); /* and the held one follows */
    bench_deinit(&b);
}

static void what_waits_ends_on_the_definition_it_began_with(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, calling);
    post(&b, "{\"id\":\"x\"}");
    bench_answer(&b, bench_call_last(&b)->id, "{\"n\":7}");
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 503);
    belay_definitions_unref(b.definitions);
    b.definitions = bench_compile(calling_other);
    bench_crash(&b); /* the old definition has to be compiled again */
    bench_pass_ms(&b, 1100);
    assert_string_equal(bench_call_last(&b)->path, "/two");
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(messages(&b, "copies"), 1);
    post(&b, "{\"id\":\"y\"}");
    assert_string_equal(bench_call_last(&b)->path, "/new");
    bench_deinit(&b);
}

static void the_subscription_of_a_removed_flow_pauses_until_it_is_back(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, piping);
    struct belay_definitions *without = bench_compile(ticking);
    assert_ok(belay_engine_configure(b.engine, without, b.now, &b.err));
    post(&b, "{\"id\":\"x\",\"dedupe\":\"1\"}");
    assert_int_equal(messages(&b, "copies"), 0);
    assert_true(bench_stats(&b, "pipe").paused.n > 0);
    assert_ok(belay_engine_configure(b.engine, b.definitions, b.now, &b.err));
    bench_go(&b);
    assert_int_equal(messages(&b, "copies"), 1);
    assert_int_equal(bench_stats(&b, "pipe").paused.n, 0);
    belay_definitions_unref(without);
    bench_deinit(&b);
}

static void a_timer_fires_once_a_period_and_once_for_those_it_missed(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, ticking);
    bench_pass_ms(&b, 5000);
    assert_int_equal(messages(&b, "copies"), 0);
    assert_true(belay_engine_wake_at(b.engine) <= b.now + 5 * BELAY_US_PER_S);
    bench_pass_ms(&b, 6000);
    assert_int_equal(messages(&b, "copies"), 1);
    bench_crash(&b);
    bench_pass_ms(&b, 10000);
    assert_int_equal(messages(&b, "copies"), 2);
    b.now += INT64_C(3600) * BELAY_US_PER_S;
    bench_crash(&b);
    bench_go(&b);
    assert_int_equal(messages(&b, "copies"), 3);
    bench_deinit(&b);
}

static void engine_time_does_not_go_back_when_the_clock_does(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, piping);
    post(&b, "{\"id\":\"x\",\"dedupe\":\"1\"}");
    b.now -= INT64_C(3600) * BELAY_US_PER_S;
    bench_go(&b);
    assert_true(bench_saw_event(&b, "clock.jumped"));
    post(&b, "{\"id\":\"y\",\"dedupe\":\"2\"}");
    b.now += 1000;
    bench_crash(&b);
    post(&b, "{\"id\":\"z\",\"dedupe\":\"3\"}"); /* the store asserts that time does not go back */
    assert_int_equal(messages(&b, "copies"), 3);
    bench_deinit(&b);
}

static void a_topic_that_is_full_makes_its_publishers_wait(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, bounded);
    struct belay_broker *broker = belay_engine_broker(b.engine);
    struct belay_subscription *drain = belay_broker_find(broker, BELAY_STR("drain"));
    assert_ok(belay_broker_pause(broker, drain, BELAY_STR("by hand"), &b.err));
    char body[256];
    memset(body, 'x', sizeof body);
    for (char c = 'a'; c < 'k'; c++) {
        snprintf(body, sizeof body, "{\"id\":\"%c\",\"text\":\"%0200d\"}", c, 0);
        post(&b, body);
    }
    uint64_t before = messages(&b, "copies");
    assert_true(before >= 2 && before < 20);
    assert_int_equal(before % 2, 0); /* both or none */
    assert_int_equal(bench_stats(&b, "pipe").done, before / 2);
    assert_ok(belay_broker_resume(broker, drain, &b.err));
    for (int i = 0; i < 100; i++)
        bench_pass_ms(&b, 100);
    assert_int_equal(messages(&b, "copies"), 20);
    assert_int_equal(bench_stats(&b, "drain").done, 20);
    bench_deinit(&b);
}

static void a_page_that_was_torn_says_nothing(void **state)
{
    struct bench b;
    struct belay_file *f = NULL;
    (void)state;
    bench_init(&b, piping);
    post(&b, "{\"id\":\"x\",\"dedupe\":\"1\"}");
    bench_die(&b);
    assert_ok(belay_file_open(b.disk, "in_flight", BELAY_FILE_WRITE, &f, &b.err));
    assert_ok(belay_file_write(f, 8, "torn", 4, 0, &b.err));
    assert_ok(belay_file_write(f, 16, "\1", 1, 0, &b.err));
    belay_file_close(f);
    bench_open(&b);
    bench_go(&b);
    assert_int_equal(bench_stats(&b, "pipe").done, 1);
    bench_deinit(&b);
}

#define HELD BELAY_ACTIONS_MAX / 8 /* from so many on nothing more is delivered */

/* Calls wait for a commit that takes its time: the backlog behind them is no reason to step again and again. */
static void an_engine_that_may_not_deliver_sleeps_until_something_ends(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, many_calls);
    bench_go(&b);
    struct belay_broker *broker = belay_engine_broker(b.engine);
    struct belay_subscription *sub = belay_broker_find(broker, BELAY_STR("handle"));
    assert_ok(belay_broker_pause(broker, sub, BELAY_STR("test"), &b.err));
    struct belay_message m = { .id = BELAY_STR("m"), .source = BELAY_STR("/t"), .body = BELAY_STR("{}"),
                               .datacontenttype = BELAY_STR("application/json"), .time = b.now };
    for (uint32_t i = 0; i < HELD + 500; i++) {
        assert_ok(belay_broker_publish(broker, BELAY_STR("things"), &m, b.now, NULL, &b.err));
        if (i % 500 == 0)
            bench_go(&b);
    }
    bench_go(&b);
    assert_ok(belay_broker_resume(broker, sub, &b.err));
    for (int i = 0; i < 200; i++) { /* what is read of the log is read, what is written is not */
        belay_engine_step(b.engine, b.now);
        while (sim_jobs_can_run(&b.jobs, BELAY_JOB_FETCH))
            sim_jobs_run(&b.jobs, BELAY_JOB_FETCH);
        while (sim_jobs_can_tell(&b.jobs, BELAY_JOB_FETCH))
            sim_jobs_tell(&b.jobs, BELAY_JOB_FETCH);
    }
    assert_int_equal(b.call_count, 0);
    uint64_t in_flight = bench_stats(&b, "handle").in_flight;
    assert_true(in_flight >= HELD && in_flight < HELD + 500);
    assert_true(belay_engine_wake_at(b.engine) > b.now);
    for (int i = 0; i < 20; i++)
        bench_go(&b);
    assert_int_equal(b.call_count, HELD + 500);
    bench_deinit(&b);
}

/* A letter is read by somebody who looks for the mistake in a file. */
static void an_expression_that_fails_says_in_which_file_and_line_it_is(void **state)
{
    static const struct {
        const char *body, *type, *end;
    } cases[] = { { "{\"id\":\"number\"}", "EXPRESSION:D3030", " of t.belay.yaml:18)" },
                  { "{\"id\":\"name\"}", "EXPRESSION:UNDEFINED", "what map made is undefined, by the text of t.belay.yaml:21" },
                  { "{\"id\":\"x\",\"items\":[1]}", "EXPRESSION:UNDEFINED", " of t.belay.yaml:22)" } };
    struct bench b;
    (void)state;
    bench_init(&b, mistyped);
    struct belay_broker *broker = belay_engine_broker(b.engine);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench_request r;
        struct belay_arena arena;
        struct belay_letter l;
        assert_ok(bench_ask(&b, &r, "a", NULL, cases[i].body));
        bench_go(&b);
        bench_request_free(&r);
        belay_arena_init(&arena, 0, BELAY_MIB(1));
        assert_ok(belay_broker_letter_get(broker, belay_broker_find(broker, BELAY_STR("handle")), i + 1, &arena, &l, &b.err));
        const struct belay_fault *f = &l.history[l.history_count - 1].fault;
        assert_string_equal(f->type, cases[i].type);
        if (!belay_str_ends(belay_str_c(f->description), belay_str_c(cases[i].end)))
            fail_msg("%s", f->description);
        belay_arena_deinit(&arena);
    }
    bench_deinit(&b);
}

static void a_caller_is_not_told_where_an_expression_is_written(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, mistyped);
    assert_ok(bench_ask(&b, &r, "a", NULL, "{\"id\":[1]}")); /* no key */
    bench_go(&b);
    assert_int_equal(bench_reply_last(&b)->status, 500);
    assert_string_equal(bench_reply_last(&b)->type, "EXPRESSION:UNDEFINED");
    assert_null(strstr(bench_reply_last(&b)->body, "yaml"));
    bench_request_free(&r);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expression_that_fails_says_in_which_file_and_line_it_is),
        cmocka_unit_test(a_caller_is_not_told_where_an_expression_is_written),
        cmocka_unit_test(what_a_flow_publishes_appears_with_its_acknowledgement),
        cmocka_unit_test(a_message_with_a_known_key_is_done_and_published_once),
        cmocka_unit_test(without_memory_a_key_is_waited_for_and_a_duplicate_stays_one),
        cmocka_unit_test(without_memory_a_lane_is_waited_for_and_nothing_overtakes),
        cmocka_unit_test(a_call_waits_until_its_start_is_durable),
        cmocka_unit_test(a_retry_goes_on_after_the_last_success),
        cmocka_unit_test(a_crash_between_calls_repeats_only_what_is_not_known),
        cmocka_unit_test(an_exhausted_message_parks_its_key_and_its_replay_frees_it),
        cmocka_unit_test(what_waits_ends_on_the_definition_it_began_with),
        cmocka_unit_test(the_subscription_of_a_removed_flow_pauses_until_it_is_back),
        cmocka_unit_test(a_timer_fires_once_a_period_and_once_for_those_it_missed),
        cmocka_unit_test(engine_time_does_not_go_back_when_the_clock_does),
        cmocka_unit_test(a_topic_that_is_full_makes_its_publishers_wait),
        cmocka_unit_test(a_page_that_was_torn_says_nothing),
        cmocka_unit_test(an_engine_that_may_not_deliver_sleeps_until_something_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
