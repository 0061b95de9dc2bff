/* Queues that are full, and messages whose time is over. */
#include "broker/letter.h"
#include "unit/engine/bench.h"

#define HEAD(queue)                                                                                 \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, concurrency: 4 }\n"                         \
    "topics: { things: { retain: 1d } }\n"                                                          \
    "queues: { jobs: " queue ", spill: {} }\n"                                                      \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json, max_wait: 2s } }\n"                     \
    "flows:\n"                                                                                      \
    "  work:\n"                                                                                     \
    "    from: { queue: jobs }\n"                                                                   \
    "    lanes: { concurrency: 1 }\n"                                                               \
    "    steps:\n"                                                                                  \
    "      - call: { connection: out, method: PUT, path: '/work' }\n"                               \
    "  ask:\n"                                                                                      \
    "    from: { api: api, operation: b }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { queue: jobs }\n"                                                            \
    "    reply: { status: 202 }\n"                                                                  \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: things, key: '{% id %}' }\n"                                         \
    "    reply: { status: 202 }\n"

#define PIPE                                                                                        \
    "  pipe:\n"                                                                                     \
    "    from: { topic: things, start: earliest }\n"                                                \
    "    lanes: { concurrency: 2 }\n"                                                               \
    "    retry: { max_attempts: 2, initial: 1s, jitter: none }\n"                                   \
    "    steps:\n"                                                                                  \
    "      - publish: { queue: jobs }\n"

static const char waiting[] = HEAD("{ max_messages: 2 }") PIPE;
static const char rejecting[] = HEAD("{ max_messages: 2, on_full: reject }") PIPE;
static const char spilling[] = HEAD("{ max_messages: 1, on_full: reject }") PIPE
    "    on_error:\n"
    "      - when: [ 'BROKER:QUEUE_FULL' ]\n"
    "        steps: [ { publish: { queue: spill } } ]\n";
static const char calling[] = HEAD("{ max_messages: 1 }")
    "  pipe:\n"
    "    from: { topic: things, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /once }\n"
    "      - publish: { queue: jobs }\n";
static const char calling_without_limit[] = HEAD("{}")
    "  pipe:\n"
    "    from: { topic: things, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /once }\n"
    "      - publish: { queue: jobs }\n";
static const char unlimited[] = HEAD("{}");
static const char short_lived[] = HEAD("{ ttl: 5s }")
    "  brief:\n"
    "    from: { topic: things, start: earliest }\n"
    "    steps:\n"
    "      - publish: { queue: jobs, ttl: 1s }\n";

static const char one_by_one[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, concurrency: 8 }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json, max_concurrent: 1, max_wait: 2s } }\n"
    "flows:\n"
    "  ask:\n"
    "    from: { api: api, operation: b }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: '/{% n %}' }\n"
    "    reply: { status: 200 }\n";

static struct bench *open_bench(const char *yaml)
{
    struct bench *b = calloc(1, sizeof *b);
    bench_init(b, yaml);
    return b;
}

static void close_bench(struct bench *b)
{
    bench_deinit(b);
    free(b);
}

static void post(struct bench *b, unsigned id)
{
    struct bench_request r;
    char body[32];
    snprintf(body, sizeof body, "{\"id\":\"%u\"}", id);
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 202);
    bench_request_free(&r);
}

/* The one call of `work` that is out succeeds. */
static void work(struct bench *b)
{
    bench_answer(b, bench_call_last(b)->id, "{}");
}

static uint64_t length(struct bench *b, const char *topic)
{
    struct belay_topic_stats s;
    for (uint32_t i = 0; belay_broker_topic_stats(belay_engine_broker(b->engine), i, &s); i++)
        if (belay_str_eq(s.name, belay_str_c(topic)))
            return s.length;
    fail();
    return 0;
}

static void a_flow_waits_for_room_and_its_messages_stay_in_their_queue(void **state)
{
    (void)state;
    struct bench *b = open_bench(waiting);
    for (unsigned i = 0; i < 10; i++)
        post(b, i);
    for (int i = 0; i < 100; i++)
        bench_pass_ms(b, 1000); /* however long: no attempt is used up */
    struct belay_subscription_stats s = bench_stats(b, "pipe");
    assert_int_equal(length(b, "jobs"), 2);
    assert_int_equal(s.done, 2);
    assert_int_equal(s.in_flight, 2);
    assert_int_equal(s.backlog, 6);
    assert_int_equal(s.waiting + s.dead + s.parked, 0);
    for (int i = 0; i < 10; i++)
        work(b);
    assert_int_equal(bench_stats(b, "pipe").done, 10);
    assert_int_equal(bench_stats(b, "work").done, 10);
    close_bench(b);
}

static void a_flow_that_is_rejected_tries_again_and_then_gives_up(void **state)
{
    (void)state;
    struct bench *b = open_bench(rejecting);
    for (unsigned i = 0; i < 3; i++)
        post(b, i);
    assert_int_equal(bench_stats(b, "pipe").waiting, 1);
    bench_pass_ms(b, 1100);
    assert_int_equal(bench_stats(b, "pipe").parked, 1);
    struct belay_arena arena;
    struct belay_letter letter;
    uint32_t sub = 0;
    uint64_t sequence = 0;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_true(belay_broker_letter_next(belay_engine_broker(b->engine), NULL, &sub, &sequence, &arena, &letter));
    assert_int_equal(letter.history_count, 2);
    assert_string_equal(letter.history[1].fault.type, "BROKER:QUEUE_FULL");
    assert_string_equal(letter.history[1].fault.step, "publish-1");
    assert_int_equal(letter.history[1].fault.class_, BELAY_CLASS_TRANSIENT);
    assert_non_null(strstr(letter.history[1].fault.description, "'jobs' is full (max_messages): 2 messages wait"));
    belay_arena_deinit(&arena);
    close_bench(b);
}

static void a_rule_may_send_elsewhere_what_a_full_queue_rejects(void **state)
{
    (void)state;
    struct bench *b = open_bench(spilling);
    post(b, 1);
    post(b, 2);
    bench_pass_ms(b, 1100);
    assert_int_equal(length(b, "spill"), 1);
    assert_int_equal(bench_stats(b, "pipe").done, 2);
    close_bench(b);
}

static void a_caller_waits_for_room_for_a_while(void **state)
{
    (void)state;
    struct bench *b = open_bench(waiting);
    struct bench_request r[4];
    for (int i = 0; i < 4; i++)
        assert_ok(bench_ask(b, &r[i], "b", NULL, "{}"));
    bench_go(b);
    assert_int_equal(b->reply_count, 2); /* two had room */
    bench_pass_ms(b, 1000);
    assert_int_equal(b->reply_count, 2);
    work(b);
    assert_int_equal(b->reply_count, 3);
    assert_int_equal(bench_reply_last(b)->status, 202);
    bench_pass_ms(b, 1100);
    assert_int_equal(b->reply_count, 4);
    assert_int_equal(bench_reply_last(b)->status, 503);
    assert_string_equal(bench_reply_last(b)->type, "BROKER:QUEUE_FULL");
    assert_true(bench_reply_last(b)->retry_after_ms >= 1000);
    assert_int_equal(length(b, "jobs"), 2);
    for (int i = 0; i < 4; i++)
        bench_request_free(&r[i]);
    close_bench(b);
}

static void a_caller_is_rejected_at_once(void **state)
{
    (void)state;
    struct bench *b = open_bench(rejecting);
    struct bench_request r[3];
    for (int i = 0; i < 3; i++)
        assert_ok(bench_ask(b, &r[i], "b", NULL, "{}"));
    bench_go(b);
    assert_int_equal(b->reply_count, 3);
    assert_int_equal(b->replies[0].status + b->replies[1].status + b->replies[2].status, 202 + 202 + 503);
    for (int i = 0; i < 3; i++)
        bench_request_free(&r[i]);
    close_bench(b);
}

/* It waits with its call behind it: a crash makes no question of that. */
static void what_waits_for_room_keeps_what_its_calls_achieved(void **state)
{
    (void)state;
    struct bench *b = open_bench(calling);
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "b", NULL, "{}"));
    bench_go(b); /* jobs is full; work's call is out */
    bench_request_free(&r);
    uint64_t first = bench_call_last(b)->id;
    post(b, 1);
    assert_string_equal(bench_call_last(b)->path, "/once");
    bench_answer(b, bench_call_last(b)->id, "{}");
    unsigned calls = b->call_count;
    assert_int_equal(bench_stats(b, "pipe").in_flight, 1);
    bench_crash(b);
    bench_go(b);
    bench_pass_ms(b, 6000); /* they are suspected, and run one by one */
    assert_int_equal(b->call_count, calls + 1); /* that of work, which may be repeated */
    assert_string_equal(bench_call_last(b)->path, "/work");
    assert_int_equal(bench_stats(b, "pipe").in_flight, 1);
    assert_int_equal(bench_stats(b, "pipe").dead + bench_stats(b, "pipe").parked, 0);
    work(b);
    assert_int_equal(bench_stats(b, "pipe").done, 1);
    (void)first;
    close_bench(b);
}

static void a_stop_does_not_wait_for_a_full_queue(void **state)
{
    (void)state;
    struct bench *b = open_bench(waiting);
    struct bench_request r;
    for (unsigned i = 0; i < 6; i++)
        post(b, i);
    assert_ok(bench_ask(b, &r, "b", NULL, "{}"));
    bench_go(b);
    belay_engine_stop(b->engine);
    work(b);
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 503);
    assert_true(belay_engine_idle(b->engine));
    bench_crash(b);
    bench_go(b);
    for (int i = 0; i < 5; i++)
        work(b);
    assert_int_equal(bench_stats(b, "work").done, 6);
    bench_request_free(&r);
    close_bench(b);
}

/* Nothing new fits: what is left is the reserve of what drains. */
static unsigned fill_the_disk(struct bench *b)
{
    struct sim_disk_stats stats;
    struct bench_request r;
    static char body[20000];
    memset(body, ' ', sizeof body - 1);
    body[sizeof body - 2] = '}';
    sim_disk_stats(b->disk, &stats);
    sim_disk_set_capacity(b->disk, stats.used_bytes + BELAY_MIB(1));
    for (unsigned i = 0; i < 1000; i++) {
        char id[32];
        memcpy(body, id, (size_t)snprintf(id, sizeof id, "{\"id\":\"%u\"", i));
        int status = bench_ask(b, &r, "a", NULL, body);
        if (status == BELAY_OK) {
            bench_pass_ms(b, 100);
            status = bench_reply_last(b)->status == 202 ? BELAY_OK : BELAY_NOSPACE;
        }
        bench_request_free(&r);
        if (status != BELAY_OK)
            return i;
    }
    fail_msg("a full disk takes everything");
    return 0;
}

/* All calls are answered well, until none is made. */
static void answer_all(struct bench *b, unsigned *answered)
{
    while (*answered < b->call_count) {
        assert_true(b->call_count - *answered <= BENCH_KEPT);
        bench_answer(b, b->calls[(*answered)++ % BENCH_KEPT].id, "{}");
        bench_pass_ms(b, 50);
    }
}

static void a_stop_that_finds_no_room_ends_with_its_drain_and_loses_nothing(void **state)
{
    (void)state;
    struct bench *b = open_bench(calling_without_limit);
    unsigned answered = 0;
    unsigned accepted = fill_the_disk(b);
    answer_all(b, &answered); /* what they publish uses up the reserve */
    assert_true(bench_stats(b, "pipe").in_flight > 0);
    belay_engine_stop(b->engine);
    bench_pass_ms(b, 60000);
    assert_false(belay_engine_idle(b->engine));
    belay_engine_cut(b->engine);
    bench_go(b);
    assert_true(belay_engine_idle(b->engine));
    sim_disk_set_capacity(b->disk, 0);
    bench_crash(b);
    bench_go(b);
    assert_false(bench_saw_event(b, "message.crashed"));
    for (int i = 0; i < 20; i++) {
        answer_all(b, &answered);
        bench_pass_ms(b, 1000);
    }
    struct belay_subscription_stats pipe = bench_stats(b, "pipe");
    assert_int_equal(pipe.in_flight + pipe.backlog + pipe.waiting, 0);
    assert_true(pipe.done > 0);
    assert_int_equal(pipe.done + pipe.dead + pipe.parked, accepted);
    close_bench(b);
}

static void what_was_not_begun_in_time_is_a_letter(void **state)
{
    (void)state;
    struct bench *b = open_bench(short_lived);
    struct bench_request r;
    for (int i = 0; i < 2; i++) {
        assert_ok(bench_ask(b, &r, "b", NULL, "{}"));
        bench_go(b);
        bench_request_free(&r);
    }
    post(b, 1); /* a second to live: behind two that take long */
    bench_pass_ms(b, 4000);
    work(b); /* the second is begun after 4 s of 5 */
    assert_int_equal(bench_stats(b, "work").done, 1);
    bench_pass_ms(b, 4000);
    work(b); /* begun in time is in time */
    assert_int_equal(bench_stats(b, "work").done, 2);
    assert_int_equal(bench_stats(b, "work").dead, 1);
    assert_true(bench_saw_event(b, "message.expired"));
    assert_ok(belay_broker_letter_replay(belay_engine_broker(b->engine),
                                         belay_broker_find(belay_engine_broker(b->engine), BELAY_STR("work")), 3, false,
                                         b->now, &b->err));
    bench_go(b);
    work(b); /* a person wants it */
    assert_int_equal(bench_stats(b, "work").done, 3);
    close_bench(b);
}

static void a_callers_expirytime_goes_with_the_message(void **state)
{
    (void)state;
    struct bench *b = open_bench(unlimited);
    struct bench_request r;
    char at[BELAY_TIME_TEXT_BYTES];
    for (int i = 0; i < 2; i++) {
        assert_ok(bench_ask(b, &r, "b", "x", "{}"));
        bench_go(b);
        bench_request_free(&r);
    }
    belay_time_text(belay_time_add_ms(b->now, 2000), at);
    assert_int_equal(bench_ask(b, &r, "nothing", "x", "{}"), BELAY_NOTFOUND); /* shapes a request to be changed */
    r.headers[1] = (struct belay_field){ BELAY_STR("ce-expirytime"), belay_str_c(at) };
    r.q.operation = BELAY_STR("b");
    assert_ok(belay_engine_request(b->engine, &r.q, b->now, &b->err));
    bench_go(b);
    bench_pass_ms(b, 2500);
    for (int i = 0; i < 2; i++)
        work(b);
    assert_int_equal(bench_stats(b, "work").done, 2);
    assert_int_equal(bench_stats(b, "work").dead, 1);
    bench_request_free(&r);
    close_bench(b);
}

static void ask(struct bench *b, struct bench_request *r, unsigned n)
{
    static char bodies[4][32]; /* a request is borrowed until it is answered */
    snprintf(bodies[n], sizeof bodies[n], "{\"n\":\"%u\"}", n);
    assert_ok(bench_ask(b, r, "b", NULL, bodies[n]));
    bench_go(b);
}

static struct belay_api_stats api_stats(struct bench *b)
{
    struct belay_api_stats s;
    assert_true(belay_engine_api_stats(b->engine, 0, &s));
    assert_false(belay_engine_api_stats(b->engine, 1, &s));
    return s;
}

static void requests_beyond_max_concurrent_wait_for_their_turn(void **state)
{
    (void)state;
    struct bench *b = open_bench(one_by_one);
    struct bench_request r[3];
    for (unsigned n = 0; n < 3; n++)
        ask(b, &r[n], n);
    assert_int_equal(b->call_count, 1);
    assert_int_equal(api_stats(b).running, 1);
    assert_int_equal(api_stats(b).waiting, 2);
    for (unsigned n = 0; n < 3; n++) { /* in the order they came */
        char path[8];
        snprintf(path, sizeof path, "/%u", n);
        assert_string_equal(bench_call_last(b)->path, path);
        work(b);
        bench_pass_ms(b, 1);
        assert_int_equal(bench_reply_last(b)->status, 200);
        bench_request_free(&r[n]);
    }
    assert_int_equal(b->reply_count, 3);
    assert_int_equal(api_stats(b).running + api_stats(b).waiting, 0);
    close_bench(b);
}

static void where_many_are_late_the_newest_goes_first(void **state)
{
    (void)state;
    struct bench *b = open_bench(one_by_one);
    struct bench_request r[4];
    for (unsigned n = 0; n < 4; n++) {
        ask(b, &r[n], n);
        bench_pass_ms(b, 400);
    }
    work(b); /* after 1.6 s: 1 has waited for 1.2 s of 2 s */
    bench_pass_ms(b, 1);
    assert_string_equal(bench_call_last(b)->path, "/3");
    bench_pass_ms(b, 1300);
    assert_int_equal(b->reply_count, 3);
    assert_int_equal(bench_reply_last(b)->status, 503);
    assert_string_equal(bench_reply_last(b)->type, "overloaded");
    assert_true(bench_reply_last(b)->retry_after_ms >= 1000);
    assert_int_equal(api_stats(b).refused, 2);
    work(b);
    assert_int_equal(bench_reply_last(b)->status, 200);
    for (unsigned n = 0; n < 4; n++)
        bench_request_free(&r[n]);
    close_bench(b);
}

static void who_waits_at_a_stop_is_told(void **state)
{
    (void)state;
    struct bench *b = open_bench(one_by_one);
    struct bench_request r[2];
    for (unsigned n = 0; n < 2; n++)
        ask(b, &r[n], n);
    belay_engine_stop(b->engine);
    bench_go(b);
    assert_int_equal(b->reply_count, 1);
    assert_int_equal(bench_reply_last(b)->status, 503);
    work(b);
    bench_go(b);
    assert_true(belay_engine_idle(b->engine));
    for (unsigned n = 0; n < 2; n++)
        bench_request_free(&r[n]);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_waits_for_room_and_its_messages_stay_in_their_queue),
        cmocka_unit_test(a_flow_that_is_rejected_tries_again_and_then_gives_up),
        cmocka_unit_test(a_rule_may_send_elsewhere_what_a_full_queue_rejects),
        cmocka_unit_test(a_caller_waits_for_room_for_a_while),
        cmocka_unit_test(a_caller_is_rejected_at_once),
        cmocka_unit_test(what_waits_for_room_keeps_what_its_calls_achieved),
        cmocka_unit_test(a_stop_does_not_wait_for_a_full_queue),
        cmocka_unit_test(a_stop_that_finds_no_room_ends_with_its_drain_and_loses_nothing),
        cmocka_unit_test(what_was_not_begun_in_time_is_a_letter),
        cmocka_unit_test(a_callers_expirytime_goes_with_the_message),
        cmocka_unit_test(requests_beyond_max_concurrent_wait_for_their_turn),
        cmocka_unit_test(where_many_are_late_the_newest_goes_first),
        cmocka_unit_test(who_waits_at_a_stop_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
