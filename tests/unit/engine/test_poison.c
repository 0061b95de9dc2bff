/* What fails again and again: no retries are left for it, and the edge refuses it; an outage is no poison. */
#include "broker/letter.h"
#include "broker/poison.h"
#include "unit/engine/bench.h"

#define HEAD                                                                                        \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, concurrency: 64," \
    " breaker: { min_calls: 20 } }\n"                                                               \
    "topics: { things: { retain: 1d } }\n"                                                          \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"

#define FLOWS                                                                                       \
    "flows:\n"                                                                                      \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: things }\n"                                                          \
    "    reply: { status: 202 }\n"                                                                  \
    "  look:\n"                                                                                     \
    "    from: { api: api, operation: b }\n"                                                        \
    "    steps: []\n"                                                                               \
    "    reply: { status: 200 }\n"                                                                  \
    "  handle:\n"                                                                                   \
    "    from: { topic: things, start: earliest }\n"                                                \
    "    retry: { max_attempts: 4, initial: 1s, multiplier: 1, jitter: none }\n"                    \
    "    steps:\n"                                                                                  \
    "      - call: { connection: out, method: POST, path: '/x' }\n"

static const char plain[] = HEAD "poison: { same_payload: 2, same_signature: 3, window: 10m }\n" FLOWS;
static const char parking[] = HEAD FLOWS "    poison: { same_payload: 2, same_signature: 3, action: park_flow }\n";
static const char telling[] = HEAD "poison: { same_payload: 2, action: alert }\n" FLOWS;

/* One more than fail. */
static const char stalling[] = HEAD "poison: { same_payload: 2, same_signature: 25, window: 10m }\n" FLOWS
                                    "    lanes: { concurrency: 64 }\n";

/* What comes is not what is published, nor does the flow say where before it has looked. */
static const char mapping[] = HEAD
    "poison: { same_payload: 2, same_signature: 30, window: 10m }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 1h, required: false }\n"
    "    steps:\n"
    "      - publish: { topic: '{% to %}', body: '{% { \"a\": a } %}' }\n"
    "    reply: { status: 202 }\n"
    "  check:\n"
    "    from: { api: api, operation: b }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: '/check' }\n"
    "      - publish: { topic: things, body: '{% { \"a\": a } %}' }\n"
    "    reply: { status: 202 }\n"
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: '/x' }\n";

static void post(struct bench *b, const char *body)
{
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

static void fails(struct bench *b, enum belay_class class_, const char *type, uint32_t status)
{
    bench_answer_bad(b, bench_call_last(b)->id, class_, type, status);
}

static bool has_tripped(struct bench *b, enum belay_poison_kind kind)
{
    struct belay_arena arena;
    struct belay_poison_key key = { 0 };
    struct belay_poison p;
    bool found = false;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    while (belay_poison_next(belay_engine_broker(b->engine), &key, b->now, &arena, &p))
        found |= p.key.kind == kind && p.tripped_at;
    belay_arena_deinit(&arena);
    return found;
}

static void a_payload_that_failed_under_two_ids_is_refused_at_the_edge(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    post(&b, "{\"a\":1,\"b\":[2]}");
    fails(&b, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    post(&b, "{ \"b\": [2.0], \"a\": 1 }"); /* the same, written otherwise */
    assert_int_equal(bench_reply_last(&b)->status, 202);
    assert_false(bench_saw_event(&b, "poison.payload"));
    fails(&b, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    assert_true(bench_saw_event(&b, "poison.payload"));
    bench_crash(&b);
    unsigned calls = b.call_count;
    post(&b, "{\"a\":1,\"b\":[2]}");
    assert_int_equal(bench_reply_last(&b)->status, 422);
    assert_string_equal(bench_reply_last(&b)->type, "poison");
    assert_true(bench_saw_event(&b, "request.poisoned"));
    assert_int_equal(b.call_count, calls);
    post(&b, "{\"a\":1,\"b\":[3]}");
    assert_int_equal(bench_reply_last(&b)->status, 202);
    struct bench_request r; /* an operation that publishes nothing there does not mind */
    assert_ok(bench_ask(&b, &r, "b", NULL, "{\"a\":1,\"b\":[2]}"));
    bench_go(&b);
    assert_int_equal(bench_reply_last(&b)->status, 200);
    bench_request_free(&r);
    bench_pass_ms(&b, 10 * 60 * 1000);
    post(&b, "{\"a\":1,\"b\":[2]}"); /* the window is over */
    assert_int_equal(bench_reply_last(&b)->status, 202);
    bench_deinit(&b);
}

static void an_outage_is_no_poison(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    for (int i = 0; i < 6; i++) {
        post(&b, "{\"same\":1}");
        fails(&b, BELAY_CLASS_TRANSIENT, i % 2 ? "HTTP:CONNECTIVITY" : "HTTP:SERVER_ERROR", i % 2 ? 0 : 500);
    }
    assert_false(belay_poison_any(belay_engine_broker(b.engine)));
    assert_int_equal(bench_stats(&b, "handle").waiting, 6);
    bench_deinit(&b);
}

/* The partner answers others well, and this one with 500: its retries are not burnt a second time. */
static void a_payload_that_a_healthy_partner_cannot_take_has_no_retries_left(void **state)
{
    struct bench b;
    char body[32];
    (void)state;
    bench_init(&b, plain);
    for (int i = 0; i < 6; i++) {
        snprintf(body, sizeof body, "{\"good\":%d}", i);
        post(&b, body);
        bench_answer(&b, bench_call_last(&b)->id, "{}");
    }
    post(&b, "{\"bad\":1}");
    fails(&b, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 500);
    assert_int_equal(bench_stats(&b, "handle").waiting, 1);
    post(&b, "{\"bad\":1}");
    fails(&b, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 500);
    struct belay_subscription_stats s = bench_stats(&b, "handle");
    assert_int_equal(s.waiting, 1); /* the first one, until its next attempt */
    assert_int_equal(s.dead + s.parked, 1);
    bench_pass_ms(&b, 1000);
    fails(&b, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 500);
    assert_int_equal(bench_stats(&b, "handle").waiting, 0);
    bench_deinit(&b);
}

static void success_forgets_what_was_held_against_a_payload(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    for (int i = 0; i < 2; i++) {
        post(&b, "{\"a\":1}");
        fails(&b, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    }
    assert_true(has_tripped(&b, BELAY_POISON_PAYLOAD));
    struct belay_broker *broker = belay_engine_broker(b.engine);
    struct belay_subscription *sub = belay_broker_find(broker, BELAY_STR("handle"));
    assert_ok(belay_broker_letter_replay(broker, sub, 1, false, b.now, &b.err)); /* the partner was mended */
    bench_go(&b);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_false(has_tripped(&b, BELAY_POISON_PAYLOAD));
    post(&b, "{\"a\":1}");
    assert_int_equal(bench_reply_last(&b)->status, 202);
    bench_deinit(&b);
}

static void an_error_that_many_messages_share_pauses_the_flow(void **state)
{
    struct bench b;
    char body[32];
    (void)state;
    bench_init(&b, parking);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bench_stats(&b, "handle").paused.n, 0);
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        post(&b, body);
        fails(&b, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    }
    assert_true(bench_saw_event(&b, "poison.signature"));
    assert_true(bench_stats(&b, "handle").paused.n > 0);
    unsigned calls = b.call_count;
    post(&b, "{\"n\":9}");
    assert_int_equal(bench_reply_last(&b)->status, 202); /* accepted, and kept */
    assert_int_equal(b.call_count, calls);
    bench_deinit(&b);
}

static void alert_tells_and_does_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, telling);
    for (int i = 0; i < 4; i++) {
        post(&b, "{\"a\":1}");
        assert_int_equal(bench_reply_last(&b)->status, 202);
        fails(&b, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    }
    assert_true(bench_saw_event(&b, "poison.payload"));
    assert_int_equal(bench_stats(&b, "handle").paused.n, 0);
    bench_deinit(&b);
}

static void a_quarantined_payload_is_refused_as_well(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    post(&b, "{\"kills\":1}");
    for (int i = 0; i < 2; i++) {
        bench_crash(&b);
        bench_go(&b);
    }
    assert_true(bench_saw_event(&b, "poison.quarantined"));
    post(&b, "{\"kills\":1}");
    assert_int_equal(bench_reply_last(&b)->status, 422);
    bench_deinit(&b);
}

static void what_a_flow_makes_of_a_request_is_refused_too(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, mapping);
    for (int i = 0; i < 2; i++) {
        post(&b, i ? "{\"a\":1,\"to\":\"things\",\"n\":2}" : "{\"a\":1,\"to\":\"things\",\"n\":1}");
        fails(&b, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    }
    assert_true(bench_saw_event(&b, "poison.payload"));
    post(&b, "{\"a\":1,\"to\":\"things\",\"n\":3}");
    assert_int_equal(bench_reply_last(&b)->status, 422);
    assert_string_equal(bench_reply_last(&b)->type, "poison");
    assert_int_equal(b.call_count, 2);
    for (int i = 0; i < 2; i++) { /* the key is not used up by it: the payload is what is wrong, until somebody clears it */
        assert_ok(bench_ask(&b, &r, "a", "\"k1\"", i ? "{\"a\":2,\"to\":\"things\"}" : "{\"a\":1,\"to\":\"things\"}"));
        bench_go(&b);
        bench_request_free(&r);
        assert_int_equal(bench_reply_last(&b)->status, i ? 202 : 422);
    }
    unsigned calls = b.call_count;
    assert_ok(bench_ask(&b, &r, "b", NULL, "{\"a\":1,\"n\":9}")); /* it has made a call by then: that stands */
    bench_go(&b);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    bench_go(&b);
    assert_int_equal(bench_reply_last(&b)->status, 202);
    assert_true(b.call_count > calls);
    bench_request_free(&r);
    bench_deinit(&b);
}

/* So many that each is forgotten among those counted last before it is tried again. */
#define STALLED 24

static unsigned count_events(struct bench *b, const char *name)
{
    unsigned n = 0;
    assert_true(b->event_count <= BENCH_KEPT);
    for (unsigned i = 0; i < b->event_count; i++)
        n += strcmp(b->events[i], name) == 0;
    return n;
}

/* The store is busy until its checkpoint is done: what comes to nothing meanwhile is neither told nor counted. */
static void a_failure_that_finds_no_room_is_told_and_counted_once(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, stalling);
    bench_die(&b);
    b.overlay_bytes_max = BELAY_KIB(40);
    bench_open(&b);
    for (int i = 0; i < STALLED; i++) {
        char body[32];
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        post(&b, body);
    }
    assert_int_equal(b.call_count, STALLED);
    b.event_count = 0;
    for (int i = 0; i < STALLED; i++) { /* no job ends meanwhile */
        const struct belay_call_outcome o = { .id = b.calls[i].id, .class_ = BELAY_CLASS_PERMANENT, .status = 400,
                                              .type = BELAY_STR("HTTP:CLIENT_ERROR"), .description = BELAY_STR("bad"),
                                              .endpoint = BELAY_STR("test") };
        belay_engine_outcome(b.engine, &o, b.now);
    }
    for (int i = 0; i < 100; i++)
        belay_engine_step(b.engine, b.now);
    assert_true(bench_stats(&b, "handle").in_flight > STALLED / 2);
    for (int i = 0; i < STALLED; i++)
        bench_pass_ms(&b, 20);
    assert_int_equal(bench_stats(&b, "handle").in_flight, 0);
    assert_int_equal(bench_stats(&b, "handle").dead + bench_stats(&b, "handle").parked, STALLED);
    assert_int_equal(count_events(&b, "message.dead_letter") + count_events(&b, "message.parked"), STALLED);
    assert_false(bench_saw_event(&b, "poison.signature"));
    assert_false(has_tripped(&b, BELAY_POISON_SIGNATURE));
    bench_deinit(&b);
}

#define LARGE_BYTES 100000

static void post_large(struct bench *b)
{
    static char body[LARGE_BYTES + 1];
    memset(body, ' ', LARGE_BYTES);
    memcpy(body, "{\"n\":0}", 7);
    post(b, body);
}

static void open_with_overlay(struct bench *b, const char *yaml, size_t bytes)
{
    bench_init(b, yaml);
    bench_die(b);
    b->overlay_bytes_max = bytes;
    bench_open(b);
}

/* No job ends meanwhile: the disk is slow. */
static void fails_now(struct bench *b, unsigned call, enum belay_class class_, const char *type, uint32_t status)
{
    const struct belay_call_outcome o = { .id = b->calls[call].id, .class_ = class_, .status = status,
                                          .type = belay_str_c(type), .description = BELAY_STR("bad"),
                                          .endpoint = BELAY_STR("test") };
    belay_engine_outcome(b->engine, &o, b->now);
}

/* A checkpoint is through, and of changes behind it there is this call's retry: what is larger than an overlay gets
 * none now. */
static void a_retry_is_all_there_is(struct bench *b, unsigned call)
{
    uint64_t before = bench_stats(b, "handle").waiting;
    fails_now(b, call, BELAY_CLASS_TRANSIENT, "HTTP:UNAVAILABLE", 503);
    for (int i = 0; i < 10; i++)
        bench_pass_ms(b, 20);
    assert_true(bench_stats(b, "handle").waiting > before);
}

/* A retry's record has no message of this size: nor does it ask for room for one. */
static void a_large_message_waits_for_its_retry_however_little_room_there_is(void **state)
{
    struct bench b;
    (void)state;
    open_with_overlay(&b, stalling, BELAY_KIB(96));
    post_large(&b);
    post(&b, "{\"n\":1}");
    assert_int_equal(b.call_count, 2);
    a_retry_is_all_there_is(&b, 1);
    fails_now(&b, 0, BELAY_CLASS_TRANSIENT, "HTTP:UNAVAILABLE", 503);
    assert_int_equal(bench_stats(&b, "handle").waiting, 2);
    assert_int_equal(bench_stats(&b, "handle").in_flight, 0);
    bench_deinit(&b);
}

/* What trips is a letter, and that has the message: it waits for the room, with nothing told, and is told once. */
static void a_large_message_that_trips_waits_for_room_for_its_letter(void **state)
{
    struct bench b;
    (void)state;
    open_with_overlay(&b, stalling, BELAY_KIB(96));
    for (int i = 0; i < 6; i++) {
        post(&b, "{\"good\":true}");
        bench_answer(&b, bench_call_last(&b)->id, "{}");
    }
    post_large(&b);
    post(&b, "{\"n\":1}");
    post_large(&b);
    assert_int_equal(b.call_count, 9);
    fails_now(&b, 6, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 500);
    bench_go(&b);
    a_retry_is_all_there_is(&b, 7);
    assert_int_equal(bench_stats(&b, "handle").waiting, 2);
    fails_now(&b, 8, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 500);
    assert_int_equal(bench_stats(&b, "handle").waiting, 2);
    assert_int_equal(bench_stats(&b, "handle").in_flight, 1);
    assert_false(bench_saw_event(&b, "poison.payload"));
    for (int i = 0; i < 10; i++)
        bench_pass_ms(&b, 20);
    assert_int_equal(bench_stats(&b, "handle").in_flight, 0);
    assert_int_equal(bench_stats(&b, "handle").dead + bench_stats(&b, "handle").parked, 1);
    assert_int_equal(count_events(&b, "poison.payload"), 1);
    bench_deinit(&b);
}

/* What is too large for the room there is says nothing of those behind it. */
static void a_large_letter_that_finds_no_room_does_not_hold_up_small_ones(void **state)
{
    struct bench b;
    (void)state;
    open_with_overlay(&b, stalling, BELAY_KIB(64));
    post_large(&b);
    for (int i = 1; i < STALLED; i++) {
        char body[32];
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        post(&b, body);
    }
    assert_int_equal(b.call_count, STALLED);
    fails_now(&b, 1, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400); /* the first round of the stalled ends with it */
    fails_now(&b, 0, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400); /* the second begins with it */
    for (unsigned i = 2; i < STALLED; i++)
        fails_now(&b, i, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    assert_int_equal(bench_stats(&b, "handle").in_flight, STALLED);
    for (int i = 0; i < 2; i++) { /* the checkpoint is begun, and does not end: now the overlay has room for small ones */
        b.now = belay_time_add_ms(b.now, 20);
        belay_engine_step(b.engine, b.now);
    }
    assert_true(bench_stats(&b, "handle").in_flight < STALLED);
    for (int i = 0; i < 10; i++)
        bench_pass_ms(&b, 20);
    assert_int_equal(bench_stats(&b, "handle").in_flight, 0);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_that_failed_under_two_ids_is_refused_at_the_edge),
        cmocka_unit_test(what_a_flow_makes_of_a_request_is_refused_too),
        cmocka_unit_test(an_outage_is_no_poison),
        cmocka_unit_test(a_payload_that_a_healthy_partner_cannot_take_has_no_retries_left),
        cmocka_unit_test(success_forgets_what_was_held_against_a_payload),
        cmocka_unit_test(an_error_that_many_messages_share_pauses_the_flow),
        cmocka_unit_test(alert_tells_and_does_nothing),
        cmocka_unit_test(a_quarantined_payload_is_refused_as_well),
        cmocka_unit_test(a_failure_that_finds_no_room_is_told_and_counted_once),
        cmocka_unit_test(a_large_message_waits_for_its_retry_however_little_room_there_is),
        cmocka_unit_test(a_large_message_that_trips_waits_for_room_for_its_letter),
        cmocka_unit_test(a_large_letter_that_finds_no_room_does_not_hold_up_small_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
