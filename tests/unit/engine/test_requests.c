#include "unit/engine/bench.h"

static const char app[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: Idempotency-Key }, concurrency: 2 }\n"
    "topics: { things: {} }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  accept:\n"
    "    from: { api: api, operation: a }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 1h }\n"
    "    steps:\n"
    "      - publish: { topic: things, key: '{% id %}' }\n"
    "    reply: { status: 202, headers: { location: '/things/{% id %}' }, body: '{% { \"id\": id } %}' }\n"
    "  ask:\n"
    "    from: { api: api, operation: b }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 1h, required: false }\n"
    "    timeout: 5s\n"
    "    retry: { max_attempts: 3, initial: 100ms, jitter: none }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /x, body: '{% { \"id\": id } %}' }\n"
    "        as: got\n"
    "      - map: '{% { \"n\": $got.body.n } %}'\n"
    "    reply: { status: 200 }\n";

/* Its key needs more memory than a run has at hand. */
static const char dear[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: Idempotency-Key }, concurrency: 2 }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  ask:\n"
    "    from: { api: api, operation: b }\n"
    "    idempotency: { key: \"{% $length($pad('', 5000, 'x')) & $headers.'idempotency-key' %}\", window: 1h }\n"
    "    timeout: 5s\n"
    "    retry: { max_attempts: 3, initial: 100ms, jitter: none }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /x }\n"
    "    reply: { status: 200 }\n";

static const char waiting[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: Idempotency-Key }, concurrency: 2 }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  ask:\n"
    "    from: { api: api, operation: b }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 1h, concurrent: wait }\n"
    "    timeout: 5s\n"
    "    retry: { max_attempts: 1 }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /x, body: '{% { \"id\": id } %}' }\n"
    "        as: got\n"
    "      - map: '{% { \"n\": $got.body.n } %}'\n"
    "    reply: { status: 201, headers: { x-n: '{% $string(n) %}' } }\n";

static const char checking[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: Idempotency-Key } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  ask:\n"
    "    from: { api: api, operation: b }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 1h }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: /x, body: '{% { \"id\": id } %}' }\n"
    "        as: got\n"
    "      - map: '{% { \"n\": $got.body.n } %}'\n"
    "      - validate: { schema: { type: object, properties: { n: { type: integer } } } }\n"
    "    reply: { status: 200 }\n";

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    *state = b;
    bench_init(b, app);
    return 0;
}

static int teardown(void **state)
{
    bench_deinit(*state);
    free(*state);
    return 0;
}

static void an_accepted_request_is_answered_when_it_is_durable(void **state)
{
    struct bench *b = *state;
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "a", "\"k1\"", "{\"id\":\"x\"}"));
    belay_engine_step(b->engine, b->now);
    bench_take(b);
    assert_int_equal(b->reply_count, 0); /* the commit has not run */
    bench_go(b);
    assert_int_equal(b->reply_count, 1);
    assert_int_equal(b->replies[0].status, 202);
    assert_ptr_equal(b->replies[0].user, &r);
    assert_string_equal(b->replies[0].body, "{\"id\":\"x\"}");
    assert_non_null(strstr(b->replies[0].headers, "location=/things/x;"));
    bench_request_free(&r);
}

/* Their flow serves the next one before they are durable. */
static void answers_that_wait_together_stay_apart(void **state)
{
    struct bench *b = *state;
    struct bench_request r[8];
    char key[16], body[32];
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof key, "k%d", i);
        snprintf(body, sizeof body, "{\"id\":\"x%d\"}", i);
        assert_ok(bench_ask(b, &r[i], "a", key, body));
    }
    bench_go(b);
    assert_int_equal(b->reply_count, 8);
    for (int i = 0; i < 8; i++) {
        snprintf(body, sizeof body, "{\"id\":\"x%d\"}", i);
        assert_string_equal(b->replies[i].body, body);
        snprintf(body, sizeof body, "location=/things/x%d;", i);
        assert_non_null(strstr(b->replies[i].headers, body));
        assert_non_null(strstr(b->replies[i].headers, "application/json"));
        bench_request_free(&r[i]);
    }
}

static void the_same_key_gets_the_same_answer_and_no_second_message(void **state)
{
    struct bench *b = *state;
    struct bench_request r, again;
    assert_ok(bench_ask(b, &r, "a", "\"k1\"", "{\"id\":\"x\"}"));
    bench_go(b);
    bench_crash(b);
    assert_ok(bench_ask(b, &again, "a", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(b->reply_count, 2);
    assert_int_equal(b->replies[1].status, 202);
    assert_string_equal(b->replies[1].body, b->replies[0].body);
    assert_string_equal(b->replies[1].headers, b->replies[0].headers);
    struct belay_topic_stats s;
    assert_true(belay_broker_topic_stats(belay_engine_broker(b->engine), 0, &s));
    assert_int_equal(s.next, 2);
    bench_request_free(&r);
    bench_request_free(&again);
}

static void a_key_is_forgotten_after_its_window(void **state)
{
    struct bench *b = *state;
    struct bench_request r, again;
    assert_ok(bench_ask(b, &r, "a", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    bench_pass_ms(b, 3 * 3600 * 1000);
    assert_ok(bench_ask(b, &again, "a", "k1", "{\"id\":\"y\"}"));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 202);
    assert_string_equal(bench_reply_last(b)->body, "{\"id\":\"y\"}");
    bench_request_free(&r);
    bench_request_free(&again);
}

static void a_missing_key_is_400_and_another_payload_422(void **state)
{
    struct bench *b = *state;
    struct bench_request r, other, none;
    assert_ok(bench_ask(b, &none, "a", NULL, "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 400);
    assert_ok(bench_ask(b, &r, "a", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_ok(bench_ask(b, &other, "a", "k1", "{\"id\":\"y\"}"));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 422);
    assert_true(bench_reply_last(b)->problem);
    bench_request_free(&r);
    bench_request_free(&other);
    bench_request_free(&none);
}

/* Also where a key is not required: who sends one relies on it. */
static void a_key_that_is_too_long_is_told_and_not_left_out(void **state)
{
    struct bench *b = *state;
    static const char *const operations[] = { "a", "b" };
    char key[BELAY_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    for (size_t i = 0; i < 2; i++) {
        struct bench_request r;
        assert_ok(bench_ask(b, &r, operations[i], key, "{\"id\":\"x\"}"));
        bench_go(b);
        assert_int_equal(b->reply_count, i + 1);
        assert_int_equal(bench_reply_last(b)->status, 400);
        assert_non_null(strstr(bench_reply_last(b)->body, "1024"));
        bench_request_free(&r);
    }
    assert_int_equal(b->call_count, 0);
}

static void a_key_is_a_string_of_a_structured_header(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = { "\"k1", "\"k1\" x", "k\xc3\xa9", "a\tb", "\"a\\nb\"", "\"", "\"\"", "  " };
    struct bench_request r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_ok(bench_ask(b, &r, "a", bad[i], "{\"id\":\"x\"}"));
        bench_go(b);
        assert_int_equal(bench_reply_last(b)->status, 400);
        bench_request_free(&r);
    }
    static const char *const same[] = { "\"k\\\"1\"", "\"k\\\"1\"; version=1", "k\"1" };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_ok(bench_ask(b, &r, "a", same[i], "{\"id\":\"x\"}"));
        bench_go(b);
        assert_int_equal(bench_reply_last(b)->status, 202);
        bench_request_free(&r);
    }
    struct belay_topic_stats t;
    assert_true(belay_broker_topic_stats(belay_engine_broker(b->engine), 0, &t));
    assert_int_equal(t.next, 2); /* one message */
}

static void a_second_request_waits_for_the_first_ones_answer(void **state)
{
    struct bench b;
    struct bench_request first, second, other;
    (void)state;
    bench_init(&b, waiting);
    assert_ok(bench_ask(&b, &first, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(&b);
    assert_ok(bench_ask(&b, &second, "b", "k1", "{\"id\":\"x\"}"));
    assert_ok(bench_ask(&b, &other, "b", "k1", "{\"id\":\"y\"}"));
    bench_pass_ms(&b, 100);
    assert_int_equal(b.reply_count, 1);
    assert_int_equal(b.replies[0].status, 422); /* another payload does not wait */
    assert_int_equal(b.call_count, 1);
    bench_answer(&b, bench_call_last(&b)->id, "{\"n\":7}");
    bench_pass_ms(&b, 10);
    assert_int_equal(b.reply_count, 3);
    assert_int_equal(b.call_count, 1);
    for (int i = 1; i < 3; i++) { /* byte for byte, with its headers */
        assert_int_equal(b.replies[i].status, 201);
        assert_string_equal(b.replies[i].body, "{\"n\":7}");
        assert_string_equal(b.replies[i].headers, b.replies[1].headers);
    }
    assert_non_null(strstr(b.replies[2].headers, "x-n=7;"));
    assert_ptr_equal(b.replies[2].user, &second);
    bench_request_free(&first);
    bench_request_free(&second);
    bench_request_free(&other);
    bench_deinit(&b);
}

static void who_waited_tries_himself_when_the_first_one_failed(void **state)
{
    struct bench b;
    struct bench_request first, second, late;
    (void)state;
    bench_init(&b, waiting);
    assert_ok(bench_ask(&b, &first, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(&b);
    assert_ok(bench_ask(&b, &second, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(&b);
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 400);
    bench_pass_ms(&b, 10);
    assert_int_equal(b.call_count, 2);
    assert_ok(bench_ask(&b, &late, "b", "k1", "{\"id\":\"x\"}"));
    bench_pass_ms(&b, 4000);
    assert_int_equal(b.reply_count, 1);
    bench_pass_ms(&b, 1100); /* nobody waits longer than the flow may take */
    assert_int_equal(b.reply_count, 3);
    assert_int_equal(b.replies[1].status + b.replies[2].status, 504 + 409);
    bench_request_free(&first);
    bench_request_free(&second);
    bench_request_free(&late);
    bench_deinit(&b);
}

/* The same request under another key; `from` keeps what it points to. */
static int ask_as(struct bench *b, const struct bench_request *from, const char *key, struct bench_request *r)
{
    *r = *from;
    r->headers[1].value = belay_str_c(key);
    r->q.headers = r->headers;
    r->q.user = r;
    return belay_engine_request(b->engine, &r->q, b->now, &b->err);
}

static void without_memory_a_key_is_neither_ignored_nor_too_long(void **state)
{
    bool failed = true;
    (void)state;
    for (uint64_t n = 0; failed && n < 100; n++) {
        struct bench b;
        struct bench_request first, second, again;
        bench_init(&b, dear);
        assert_ok(bench_ask(&b, &first, "b", "k0", "{\"id\":1}"));
        bench_go(&b);
        bench_answer(&b, bench_call_last(&b)->id, "{}"); /* what it leaves at hand is enough for the rest of a run */
        belay_alloc_fail_after(n);
        int status = ask_as(&b, &first, "k1", &second);
        failed = belay_alloc_count() > n;
        belay_alloc_fail_after(UINT64_MAX);
        bench_pass_ms(&b, 500); /* a run that began without memory is tried again */
        bool called = b.call_count == 2;
        assert_true(status == BELAY_OK || status == BELAY_BUSY);
        assert_int_equal(b.reply_count, 1 + (status == BELAY_OK && !called));
        if (b.reply_count == 2 && bench_reply_last(&b)->status != 503)
            fail_msg("answered %u: allocation %llu failed", bench_reply_last(&b)->status, (unsigned long long)n);
        assert_ok(ask_as(&b, &first, "k1", &again));
        bench_go(&b);
        if (b.call_count != 2)
            fail_msg("%u calls under two keys: allocation %llu failed", b.call_count, (unsigned long long)n);
        bench_request_free(&first);
        bench_deinit(&b);
    }
    assert_false(failed);
}

/* The IETF draft: the result of the operation, success or an error. What may go well next time is none. */
static void a_refusal_for_good_is_answered_again_byte_for_byte_and_leaves_nothing_to_do(void **state)
{
    struct bench b;
    struct bench_request first, again, other;
    (void)state;
    bench_init(&b, checking);
    for (int i = 0; i < 2; i++) {
        assert_ok(bench_ask(&b, &first, "b", "k1", "{\"id\":7}"));
        bench_go(&b);
        assert_int_equal(b.call_count, 1); /* of the first one: the flow had begun */
        if (i == 0)
            bench_answer(&b, bench_call_last(&b)->id, "{\"n\":\"none\"}");
        assert_int_equal(b.reply_count, 2u * (unsigned)i + 1);
        assert_int_equal(bench_reply_last(&b)->status, 422);
        char body[sizeof bench_reply_last(&b)->body];
        memcpy(body, bench_reply_last(&b)->body, sizeof body);
        assert_non_null(strstr(body, "\"error\":\"VALIDATION:SCHEMA\""));
        assert_ok(bench_ask(&b, &again, "b", "k1", "{\"id\":7}"));
        bench_go(&b);
        assert_string_equal(bench_reply_last(&b)->body, body);
        assert_int_equal(bench_reply_last(&b)->status, 422);
        bench_request_free(&first);
        bench_request_free(&again);
        bench_crash(&b); /* and by the next process too */
        b.call_count = 1;
    }
    assert_ok(bench_ask(&b, &other, "b", "k1", "{\"id\":8}"));
    bench_go(&b);
    assert_non_null(strstr(bench_reply_last(&b)->type, "idempotency-key-reused"));
    bench_request_free(&other);
    bench_deinit(&b);
}

static void a_synchronous_flow_calls_and_replies(void **state)
{
    struct bench *b = *state;
    struct bench_request r, meanwhile;
    assert_ok(bench_ask(b, &r, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(b->reply_count, 0);
    assert_int_equal(b->call_count, 1);
    assert_string_equal(bench_call_last(b)->path, "/x");
    assert_string_equal(bench_call_last(b)->body, "{\"id\":\"x\"}");
    assert_int_not_equal(bench_call_last(b)->key[0], '\0');
    assert_ok(bench_ask(b, &meanwhile, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 409);
    bench_answer(b, b->calls[0].id, "{\"n\":5}");
    assert_int_equal(bench_reply_last(b)->status, 200);
    assert_string_equal(bench_reply_last(b)->body, "{\"n\":5}");
    assert_ptr_equal(bench_reply_last(b)->user, &r);
    bench_request_free(&r);
    bench_request_free(&meanwhile);
}

static void a_call_that_fails_is_tried_again_then_the_error_frees_the_key(void **state)
{
    struct bench *b = *state;
    struct bench_request r, again;
    assert_ok(bench_ask(b, &r, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(b->call_count, i);
        bench_answer_bad(b, bench_call_last(b)->id, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 503);
        bench_pass_ms(b, 1000);
    }
    assert_int_equal(bench_reply_last(b)->status, 503);
    assert_ok(bench_ask(b, &again, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(b->call_count, 4);
    assert_string_equal(b->calls[3].key, b->calls[0].key); /* stable over repetitions */
    bench_answer(b, bench_call_last(b)->id, "{\"n\":1}");
    assert_int_equal(bench_reply_last(b)->status, 200);
    bench_request_free(&r);
    bench_request_free(&again);
}

static void a_crash_while_calling_is_resumed_by_the_same_key(void **state)
{
    struct bench *b = *state;
    struct bench_request r, again, other;
    assert_ok(bench_ask(b, &r, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(b->call_count, 1);
    bench_crash(b);
    bench_go(b);
    assert_int_equal(b->call_count, 1); /* nobody asked */
    assert_ok(bench_ask(b, &other, "b", "k1", "{\"id\":\"z\"}"));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 422);
    assert_ok(bench_ask(b, &again, "b", "k1", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(b->call_count, 2);
    assert_string_equal(b->calls[1].key, b->calls[0].key);
    bench_answer(b, bench_call_last(b)->id, "{\"n\":2}");
    assert_int_equal(bench_reply_last(b)->status, 200);
    bench_request_free(&r);
    bench_request_free(&again);
    bench_request_free(&other);
}

static void a_flow_that_takes_too_long_is_cancelled_and_504(void **state)
{
    struct bench *b = *state;
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "b", NULL, "{\"id\":\"x\"}"));
    bench_go(b);
    uint64_t id = bench_call_last(b)->id;
    bench_pass_ms(b, 6000);
    assert_int_equal(bench_reply_last(b)->status, 504);
    assert_true(bench_call_last(b)->cancel);
    assert_int_equal(bench_call_last(b)->id, id);
    bench_answer(b, id, "{\"n\":1}"); /* too late: ignored */
    assert_int_equal(b->reply_count, 1);
    struct belay_engine_stats s;
    belay_engine_stats(b->engine, &s);
    assert_int_equal(s.calls_in_flight, 0);
    bench_request_free(&r);
}

static void calls_wait_for_a_slot_of_their_connection(void **state)
{
    struct bench *b = *state;
    struct bench_request r[3];
    for (int i = 0; i < 3; i++)
        assert_ok(bench_ask(b, &r[i], "b", NULL, "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(b->call_count, 2);
    bench_answer(b, b->calls[0].id, "{\"n\":1}");
    assert_int_equal(b->call_count, 3);
    bench_answer(b, b->calls[1].id, "{\"n\":1}");
    bench_answer(b, b->calls[2].id, "{\"n\":1}");
    assert_int_equal(b->reply_count, 3);
    for (int i = 0; i < 3; i++)
        bench_request_free(&r[i]);
}

static void a_refused_call_is_made_again_without_using_up_an_attempt(void **state)
{
    struct bench *b = *state;
    struct bench_request r;
    struct belay_err busy;
    assert_ok(bench_ask(b, &r, "b", NULL, "{\"id\":\"x\"}"));
    bench_go(b);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(b->call_count, i);
        belay_engine_call_refused(b->engine, bench_call_last(b)->id,
                                  belay_fail(&busy, BELAY_BUSY, "full"), &busy, b->now);
        bench_pass_ms(b, 100);
    }
    bench_answer(b, bench_call_last(b)->id, "{\"n\":1}");
    assert_int_equal(bench_reply_last(b)->status, 200);
    bench_request_free(&r);
}

static void what_cannot_be_taken_is_refused_at_once(void **state)
{
    struct bench *b = *state;
    struct bench_request r[17], over;
    for (int i = 0; i < 16; i++)
        assert_ok(bench_ask(b, &r[i], "b", NULL, "{\"id\":\"x\"}"));
    assert_int_equal(bench_ask(b, &over, "b", NULL, "{\"id\":\"x\"}"), BELAY_BUSY);
    assert_true(b->err.retry_after_ms > 0);
    bench_request_free(&over);
    assert_int_equal(bench_ask(b, &over, "nothing", NULL, "{}"), BELAY_NOTFOUND);
    bench_request_free(&over);
    belay_engine_stop(b->engine);
    assert_int_equal(bench_ask(b, &over, "b", NULL, "{}"), BELAY_CANCELLED);
    bench_request_free(&over);
    for (int i = 0; i < 16; i++)
        bench_request_free(&r[i]);
}

static void a_stopped_engine_answers_what_waits_and_becomes_idle(void **state)
{
    struct bench *b = *state;
    struct bench_request r[3];
    for (int i = 0; i < 3; i++)
        assert_ok(bench_ask(b, &r[i], "b", NULL, "{\"id\":\"x\"}"));
    bench_go(b);
    belay_engine_stop(b->engine);
    bench_go(b);
    assert_int_equal(b->reply_count, 1); /* the one without a slot */
    assert_int_equal(b->replies[0].status, 503);
    assert_false(belay_engine_idle(b->engine));
    bench_answer(b, b->calls[0].id, "{\"n\":1}");
    bench_answer(b, b->calls[1].id, "{\"n\":1}");
    assert_int_equal(b->reply_count, 3);
    assert_true(belay_engine_idle(b->engine));
    for (int i = 0; i < 3; i++)
        bench_request_free(&r[i]);
}

static void a_full_disk_is_503_and_goes_on_when_there_is_room(void **state)
{
    struct bench *b = *state;
    static struct bench_request r[4000];
    struct sim_disk_stats stats;
    unsigned n = 0;
    sim_disk_stats(b->disk, &stats);
    sim_disk_set_capacity(b->disk, stats.used_bytes);
    char key[16];
    int status = BELAY_OK;
    for (; n < 4000 && status == BELAY_OK; n++) {
        snprintf(key, sizeof key, "k%u", n);
        status = bench_ask(b, &r[n], "a", key, "{\"id\":\"x\"}");
        if (status == BELAY_OK)
            bench_go(b);
        if (bench_reply_last(b)->status != 202)
            break;
    }
    assert_ok(status);
    assert_int_equal(bench_reply_last(b)->status, 503);
    assert_string_equal(bench_reply_last(b)->type, "no-space");
    assert_true(bench_reply_last(b)->retry_after_ms > 0);
    struct bench_request again; /* what was answered before needs no room */
    assert_ok(bench_ask(b, &again, "a", "k0", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 202);
    bench_request_free(&again);
    sim_disk_set_capacity(b->disk, 0);
    bench_pass_ms(b, 1000);
    struct bench_request more;
    assert_ok(bench_ask(b, &more, "a", "more", "{\"id\":\"x\"}"));
    bench_go(b);
    assert_int_equal(bench_reply_last(b)->status, 202);
    for (unsigned i = 0; i <= n; i++)
        bench_request_free(&r[i]);
    bench_request_free(&more);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_accepted_request_is_answered_when_it_is_durable),
        T(answers_that_wait_together_stay_apart),
        T(the_same_key_gets_the_same_answer_and_no_second_message),
        T(a_key_is_forgotten_after_its_window),
        T(a_missing_key_is_400_and_another_payload_422),
        T(a_key_that_is_too_long_is_told_and_not_left_out),
        cmocka_unit_test(without_memory_a_key_is_neither_ignored_nor_too_long),
        T(a_synchronous_flow_calls_and_replies),
        T(a_call_that_fails_is_tried_again_then_the_error_frees_the_key),
        T(a_crash_while_calling_is_resumed_by_the_same_key),
        T(a_flow_that_takes_too_long_is_cancelled_and_504),
        T(calls_wait_for_a_slot_of_their_connection),
        T(a_key_is_a_string_of_a_structured_header),
        T(a_second_request_waits_for_the_first_ones_answer),
        T(who_waited_tries_himself_when_the_first_one_failed),
        T(a_refusal_for_good_is_answered_again_byte_for_byte_and_leaves_nothing_to_do),
        T(a_refused_call_is_made_again_without_using_up_an_attempt),
        T(what_cannot_be_taken_is_refused_at_once),
        T(a_stopped_engine_answers_what_waits_and_becomes_idle),
        T(a_full_disk_is_503_and_goes_on_when_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
