#include "unit/engine/bench.h"

static const char app[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, concurrency: 1 }\n"
    "topics: { orders: { retain: 1d } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - publish: { topic: orders, key: '{% id %}' }\n"
    "    reply: { status: 202 }\n"
    "  look:\n"
    "    from: { api: api, operation: b }\n"
    "    steps:\n"
    "      - map: \"{% $exists($saga('pay', id)) ? $saga('pay', id).{ 'state': state } : { 'state': 'none' } %}\"\n"
    "    reply: { status: 200 }\n"
    "  also:\n"
    "    from: { topic: orders, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /also, body: '{% { \"id\": id } %}' }\n"
    "sagas:\n"
    "  pay:\n"
    "    from: { topic: orders, start: earliest }\n"
    "    id: '{% id %}'\n"
    "    steps:\n"
    "      - name: charge\n"
    "        call: { connection: out, method: POST, path: /charge, body: '{% { \"id\": id } %}' }\n";

static void post(struct bench *b, const char *body)
{
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

static void look(struct bench *b, const char *body, const char *expected)
{
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "b", NULL, body));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 200);
    assert_string_equal(bench_reply_last(b)->body, expected);
    bench_request_free(&r);
}

static void a_saga_calls_and_flows_can_see_it(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, app);
    look(&b, "{\"id\":\"x\"}", "{\"state\":\"none\"}");
    post(&b, "{\"id\":\"x\"}");
    look(&b, "{\"id\":\"x\"}", "{\"state\":\"running\"}");
    for (unsigned i = 0; i < 2; i++)
        bench_answer(&b, bench_call_last(&b)->id, "{}");
    look(&b, "{\"id\":\"x\"}", "{\"state\":\"completed\"}");
    bench_deinit(&b);
}

static void runs_and_sagas_take_turns_for_the_slots_of_a_connection(void **state)
{
    struct bench b;
    unsigned charges = 0;
    (void)state;
    bench_init(&b, app);
    for (char c = 'a'; c < 'i'; c++) {
        char body[16];
        snprintf(body, sizeof body, "{\"id\":\"%c\"}", c);
        post(&b, body);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(b.call_count, i + 1); /* one slot */
        charges += strcmp(bench_call_last(&b)->path, "/charge") == 0;
        bench_answer(&b, bench_call_last(&b)->id, "{}");
    }
    assert_true(charges >= 3 && charges <= 5);
    bench_deinit(&b);
}

static void a_refused_call_of_a_saga_is_made_again(void **state)
{
    struct bench b;
    struct belay_err busy;
    (void)state;
    bench_init(&b, app);
    post(&b, "{\"id\":\"x\"}");
    for (int i = 0; i < 6; i++) {
        belay_engine_call_refused(b.engine, bench_call_last(&b)->id,
                                  belay_fail(&busy, BELAY_BUSY, "full"), &busy, b.now);
        bench_pass_ms(&b, 200);
    }
    for (int i = 0; i < 2; i++)
        bench_answer(&b, bench_call_last(&b)->id, "{}");
    look(&b, "{\"id\":\"x\"}", "{\"state\":\"completed\"}");
    bench_deinit(&b);
}

static const char two_steps[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K } }\n"
    "topics: { orders: { retain: 1d } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - publish: { topic: orders, key: '{% id %}' }\n"
    "    reply: { status: 202 }\n"
    "sagas:\n"
    "  pay:\n"
    "    from: { topic: orders, start: earliest }\n"
    "    id: '{% id %}'\n"
    "    steps:\n"
    "      - name: charge\n"
    "        call: { connection: out, method: POST, path: /charge }\n"
    "        compensate: { call: { connection: out, method: POST, path: /refund } }\n"
    "      - name: ship\n"
    "        call: { connection: out, method: POST, path: /ship }\n";

static void what_an_operator_wants_to_know_of_a_saga_is_told(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, two_steps);
    post(&b, "{\"id\":\"x\"}");
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_string_equal(bench_call_last(&b)->path, "/ship");
    assert_int_equal(b.event_count, 0); /* what goes as it should is no news */

    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_TRANSIENT, "HTTP:503", 503);
    assert_true(bench_saw_event(&b, "saga.retry"));
    assert_false(bench_saw_event(&b, "saga.compensating"));
    bench_pass_ms(&b, 60000);
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 409);
    assert_true(bench_saw_event(&b, "saga.compensating"));

    assert_string_equal(bench_call_last(&b)->path, "/refund");
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 409);
    assert_true(bench_saw_event(&b, "saga.parked"));
    assert_ok(belay_sagas_settle(belay_engine_sagas(b.engine), BELAY_STR("pay"), BELAY_STR("x"), &(struct belay_saga_word){ .how = BELAY_SAGA_SETTLE_RETRY, .who = BELAY_STR("me") }, b.now, &b.err));
    bench_go(&b);
    assert_true(bench_saw_event(&b, "saga.settled"));
    assert_false(bench_saw_event(&b, "saga.ended"));
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_true(bench_saw_event(&b, "saga.ended"));
    bench_deinit(&b);
}

static const char waits[] =
    "belay: 1\n"
    "name: t\n"
    "topics: { orders: { retain: 1d }, facts: { retain: 1d } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  start: { from: { api: api, operation: a }, steps: [ publish: { topic: orders, key: '{% id %}' } ], reply: { status: 202 } }\n"
    "  event: { from: { api: api, operation: b }, steps: [ publish: { topic: facts, key: '{% customer %}' } ], reply: { status: 202 } }\n"
    "sagas:\n"
    "  pay:\n"
    "    from: { topic: orders, start: earliest }\n"
    "    id: '{% id %}'\n"
    "    steps:\n"
    "      - name: paid\n"
    "        await: { topic: facts, match: '{% id %}', timeout: 1h }\n";

static void event(struct bench *b, const char *body)
{
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "b", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

static struct belay_subscription_stats events_of_pay(struct bench *b)
{
    struct belay_subscription_stats s;
    belay_engine_watch(b->engine, b->now);
    for (uint32_t i = 0; belay_broker_subscription_stats(belay_engine_broker(b->engine), i, &s); i++)
        if (belay_str_eq(s.name, BELAY_STR("pay/paid")))
            return s;
    fail_msg("no subscription");
    return s;
}

static struct belay_saga_stats sagas_of_pay(struct bench *b)
{
    struct belay_str name;
    struct belay_saga_stats s;
    assert_true(belay_sagas_stats(belay_engine_sagas(b->engine), 0, &name, &s));
    return s;
}

/* One of a saga that never comes, with the key of others: it waits beside them, and is no message in trouble. */
static void an_event_that_waits_for_its_saga_holds_back_no_other_and_is_no_trouble(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, waits);
    event(&b, "{\"id\":\"nobody\",\"customer\":\"c\"}");
    belay_time came = b.now;
    post(&b, "{\"id\":\"x\"}");
    bench_pass_ms(&b, 120000);
    struct belay_subscription_stats s = events_of_pay(&b);
    assert_true(s.waiting == 1 && s.oldest_at == BELAY_TIME_NEVER && s.stalled_since == BELAY_TIME_NEVER);
    assert_true(s.early_at <= came && s.early_at > came - BELAY_US_PER_S);
    assert_false(bench_saw_event(&b, "lane.stalled"));
    assert_int_equal(sagas_of_pay(&b).running, 1);
    event(&b, "{\"id\":\"x\",\"customer\":\"c\"}");
    assert_int_equal(sagas_of_pay(&b).running, 0); /* it has got its event */
    assert_int_equal(events_of_pay(&b).waiting, 1);
    post(&b, "{\"id\":\"nobody\"}"); /* and the other comes after all */
    bench_pass_ms(&b, 1000);
    s = events_of_pay(&b);
    assert_true(s.waiting == 0 && s.early_at == BELAY_TIME_NEVER);
    assert_int_equal(sagas_of_pay(&b).running, 0);
    bench_deinit(&b);
}

/* Every allocation fails in turn: nothing crashes, nothing leaks, and what was accepted is there. */
static void without_memory_nothing_is_lost(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 1500; n += 1 + n / 40) {
        struct bench b;
        struct bench_request r;
        bench_init(&b, app);
        const belay_json *root = NULL;
        belay_arena_init(&r.arena, 0, BELAY_MIB(1));
        assert_ok(belay_json_parse(BELAY_STR("{\"id\":\"x\"}"), NULL, &r.arena, &root, NULL, &b.err));
        r.q = (struct belay_engine_request){ .user = &r, .api = BELAY_STR("api"),
                                             .operation = BELAY_STR("a"), .method = BELAY_STR("POST"),
                                             .target = BELAY_STR("/"), .body_json = root,
                                             .body = BELAY_STR("{\"id\":\"x\"}"),
                                             .content_type = BELAY_STR("application/json") };
        belay_alloc_fail_after(n);
        int status = belay_engine_request(b.engine, &r.q, b.now, &b.err);
        for (int i = 0; i < 5; i++) {
            belay_engine_step(b.engine, b.now);
            sim_jobs_finish(&b.jobs);
            bench_take(&b);
        }
        belay_alloc_fail_after(UINT64_MAX);
        bool accepted = b.reply_count && b.replies[0].status == 202;
        assert_true(status == BELAY_OK || status == BELAY_BUSY || status == BELAY_NOMEM
                    || status == BELAY_NOSPACE);
        if (belay_engine_failed(b.engine, &b.err) != BELAY_OK)
            bench_crash(&b);
        for (int i = 0; i < 30; i++)
            bench_pass_ms(&b, 500);
        if (accepted) {
            struct belay_topic_stats s;
            assert_true(belay_broker_topic_stats(belay_engine_broker(b.engine), 0, &s));
            assert_int_equal(s.next, 2);
        }
        belay_arena_deinit(&r.arena);
        bench_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saga_calls_and_flows_can_see_it),
        cmocka_unit_test(runs_and_sagas_take_turns_for_the_slots_of_a_connection),
        cmocka_unit_test(a_refused_call_of_a_saga_is_made_again),
        cmocka_unit_test(what_an_operator_wants_to_know_of_a_saga_is_told),
        cmocka_unit_test(an_event_that_waits_for_its_saga_holds_back_no_other_and_is_no_trouble),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
