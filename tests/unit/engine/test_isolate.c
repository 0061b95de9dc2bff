/* What was in flight when the process died runs one by one; what kills it again and again is quarantined. */
#include "broker/crash.h"
#include "broker/letter.h"
#include "broker/poison.h"
#include "unit/engine/bench.h"

#define HEAD                                                                                        \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, concurrency: 8 }\n" \
    "topics: { things: { retain: 1d }, copies: { retain: 1d } }\n"                                  \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"

#define FLOWS                                                                                       \
    "flows:\n"                                                                                      \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: things, key: '{% id %}' }\n"                                         \
    "    reply: { status: 202 }\n"                                                                  \
    "  ask:\n"                                                                                      \
    "    from: { api: api, operation: b }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - call: { connection: out, method: GET, path: /ask }\n"                                  \
    "    reply: { status: 200 }\n"                                                                  \
    "  handle:\n"                                                                                   \
    "    from: { topic: things, start: earliest }\n"                                                \
    "    retry: { max_attempts: 2, initial: 1s, multiplier: 1, jitter: none }\n"                    \
    "    steps:\n"                                                                                  \
    "      - call: { connection: out, method: POST, path: '/{% id %}' }\n"

#define SAGA                                                                                        \
    "sagas:\n"                                                                                      \
    "  pay:\n"                                                                                      \
    "    from: { topic: things, start: earliest }\n"                                                \
    "    id: '{% id %}'\n"                                                                          \
    "    steps:\n"                                                                                  \
    "      - name: charge\n"                                                                        \
    "        call: { connection: out, method: POST, path: '/saga/{% id %}' }\n"

#define POST_ONLY                                                                                   \
    "flows:\n"                                                                                      \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: things, key: '{% id %}' }\n"                                         \
    "    reply: { status: 202 }\n"

#define TWO_STEPS                                                                                   \
    "sagas:\n"                                                                                      \
    "  pay:\n"                                                                                      \
    "    from: { topic: things, start: earliest }\n"                                                \
    "    id: '{% id %}'\n"                                                                          \
    "    steps:\n"                                                                                  \
    "      - name: charge\n"                                                                        \
    "        call: { connection: out, method: POST, path: '/charge/{% id %}' }\n"                   \
    "        compensate: { call: { connection: out, method: POST, path: '/refund/{% id %}' } }\n"   \
    "      - name: ship\n"                                                                          \
    "        call: { connection: out, method: POST, path: '/ship/{% id %}' }\n"

static const char sagas[] = HEAD POST_ONLY TWO_STEPS;
static const char plain[] = HEAD FLOWS;
static const char with_saga[] = HEAD FLOWS SAGA;
static const char once[] = HEAD "crash_loop: { after: 1 }\n" FLOWS;
static const char blind[] = "belay: 1\n"
                            "name: t\n"
                            "connections: { out: { http: { base_url: 'http://127.0.0.1:1' }, concurrency: 8 } }\n"
                            "topics: { things: { retain: 1d }, copies: { retain: 1d } }\n"
                            "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
                            "crash_loop: { after: 1 }\n" FLOWS;
static const char sorry[] = HEAD "flows:\n"
                                 "  ask:\n"
                                 "    from: { api: api, operation: b }\n"
                                 "    steps:\n"
                                 "      - call: { connection: out, method: GET, path: /ask }\n"
                                 "    reply: { status: 500 }\n";
static const char thrice[] = HEAD "crash_loop: { after: 1 }\n" FLOWS "    crash_loop: { after: 3 }\n";

static void post(struct bench *b, const char *id)
{
    struct bench_request r;
    char body[64];
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

static void dies(struct bench *b)
{
    b->call_count = 0;
    bench_crash(b);
    bench_go(b);
}

static struct belay_letter letter_of(struct bench *b, uint64_t sequence, struct belay_arena *arena)
{
    struct belay_broker *broker = belay_engine_broker(b->engine);
    struct belay_letter l = { 0 };
    assert_ok(belay_broker_letter_get(broker, belay_broker_find(broker, BELAY_STR("handle")), sequence, arena, &l,
                                      &b->err));
    return l;
}

static void what_was_in_flight_runs_one_by_one_and_then_the_rest(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    post(&b, "a");
    post(&b, "b");
    post(&b, "c");
    assert_int_equal(b.call_count, 3);
    dies(&b);
    post(&b, "d"); /* not in flight then: waits */
    for (unsigned n = 1; n <= 3; n++) {
        assert_int_equal(b.call_count, n);
        bench_answer(&b, bench_call_last(&b)->id, "{}");
    }
    assert_int_equal(b.call_count, 4);
    assert_string_equal(bench_call_last(&b)->path, "/d");
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(bench_stats(&b, "handle").done, 4);
    bench_deinit(&b);
}

static void two_deaths_alone_and_a_message_is_quarantined_with_its_story(void **state)
{
    struct bench b;
    struct belay_arena arena;
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    bench_init(&b, plain);
    post(&b, "bad");
    post(&b, "good");
    dies(&b); /* with both: held against none of them */
    assert_int_equal(b.call_count, 1);
    const char *first = bench_call_last(&b)->path;
    for (int n = 0; n < 5 && strcmp(first, "/bad") != 0; n++) { /* the other one succeeds first */
        bench_answer(&b, bench_call_last(&b)->id, "{}");
        first = bench_call_last(&b)->path;
    }
    assert_string_equal(first, "/bad");
    dies(&b);
    assert_string_equal(bench_call_last(&b)->path, "/bad");
    assert_false(bench_saw_event(&b, "poison.quarantined"));
    dies(&b);
    assert_true(bench_saw_event(&b, "poison.quarantined"));
    assert_int_equal(bench_stats(&b, "handle").parked, 1);
    for (unsigned i = 0; i < b.call_count; i++) {
        assert_string_equal(b.calls[i].path, "/good"); /* where it had not been asked yet */
        bench_answer(&b, b.calls[i].id, "{}");
    }
    assert_int_equal(bench_stats(&b, "handle").done, 1);
    struct belay_letter l = letter_of(&b, 1, &arena);
    const struct belay_fault *fault = &l.history[l.history_count - 1].fault;
    assert_string_equal(fault->type, "POISON:CRASH");
    assert_non_null(strstr(fault->description, "died 2 times"));
    char story[BELAY_FAULT_EXCERPT_MAX + 1];
    snprintf(story, sizeof story, "%.*s", (int)fault->excerpt_n, fault->excerpt);
    assert_non_null(strstr(story, "with 2 messages in flight, this one and handle 2"));
    assert_non_null(strstr(strstr(story, "ran alone") + 1, "ran alone"));
    belay_arena_deinit(&arena);
    bench_deinit(&b);
}

static void a_crash_uses_up_no_attempt(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, thrice);
    post(&b, "a");
    dies(&b);
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 500);
    assert_int_equal(bench_stats(&b, "handle").waiting, 1);
    bench_pass_ms(&b, 1000);
    assert_int_equal(b.call_count, 2);
    dies(&b);
    bench_answer(&b, bench_call_last(&b)->id, "{}"); /* its second attempt, begun twice */
    assert_int_equal(bench_stats(&b, "handle").done, 1);
    bench_deinit(&b);
}

static void success_clears_what_was_held_against_it(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    for (int i = 0; i < 5; i++) {
        post(&b, "a");
        dies(&b);
        assert_int_equal(b.call_count, 1);
        bench_answer(&b, bench_call_last(&b)->id, "{}");
        assert_int_equal(bench_stats(&b, "handle").done, (uint64_t)i + 1);
    }
    bench_deinit(&b);
}

static void the_number_of_deaths_can_be_said(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, once);
    post(&b, "a");
    dies(&b);
    assert_int_equal(bench_stats(&b, "handle").parked, 1);
    bench_deinit(&b);
    bench_init(&b, thrice);
    post(&b, "a");
    dies(&b);
    dies(&b);
    assert_int_equal(bench_stats(&b, "handle").parked, 0);
    dies(&b);
    assert_int_equal(bench_stats(&b, "handle").parked, 1);
    bench_deinit(&b);
}

static void a_message_beside_a_sagas_call_was_not_alone(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, with_saga);
    post(&b, "a");
    assert_int_equal(b.call_count, 2);
    for (int i = 0; i < 2; i++) {
        dies(&b);
        assert_int_equal(b.call_count, 1); /* the saga waits until the suspect had its turn */
        assert_string_equal(bench_call_last(&b)->path, "/a");
        if (i == 0) {
            bench_pass_ms(&b, 6000); /* longer than it may be alone */
            bench_pass_ms(&b, 2000); /* the saga's retry */
            assert_int_equal(b.call_count, 2);
        }
    }
    assert_int_equal(bench_stats(&b, "handle").parked, 0);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(bench_stats(&b, "handle").done, 1);
    bench_deinit(&b);
}

/* ---- sagas ---- */

static struct belay_saga_stats saga_stats(struct bench *b)
{
    struct belay_str name;
    struct belay_saga_stats s;
    assert_true(belay_sagas_stats(belay_engine_sagas(b->engine), 0, &name, &s));
    return s;
}

/* JSON, as an operator sees it. */
static void assert_saga(struct bench *b, const char *id, const char *part, bool there)
{
    struct belay_buf view;
    belay_buf_init(&view, BELAY_MIB(1));
    assert_ok(belay_sagas_view(belay_engine_sagas(b->engine), BELAY_STR("pay"), belay_str_c(id), &view, &b->err));
    belay_buf_put_c(&view, '\0');
    if ((strstr(view.p, part) != NULL) != there)
        fail_msg("%s %s in %s", part, there ? "is not" : "is", view.p);
    belay_buf_deinit(&view);
}

static void answer_last(struct bench *b)
{
    bench_answer(b, bench_call_last(b)->id, "{}");
}

static void say(struct bench *b, const char *id, enum belay_saga_settle how)
{
    const struct belay_saga_word word = { .how = how, .who = BELAY_STR("ann") };
    assert_ok(belay_sagas_settle(belay_engine_sagas(b->engine), BELAY_STR("pay"), belay_str_c(id), &word, b->now, &b->err));
    bench_go(b);
}

static void sagas_run_one_by_one_and_then_the_rest(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, sagas);
    post(&b, "a");
    post(&b, "b");
    post(&b, "c");
    assert_int_equal(b.call_count, 3);
    dies(&b);
    post(&b, "d"); /* had not begun: waits */
    for (unsigned n = 1; n <= 3; n++) {
        assert_int_equal(b.call_count, n);
        assert_non_null(strstr(bench_call_last(&b)->path, "/charge/"));
        answer_last(&b);
    }
    assert_int_equal(b.call_count, 7); /* d's, and the next step of all three */
    assert_saga(&b, "a", "\"crashed\"", true);
    assert_saga(&b, "a", "with 0 messages and 3 calls", true);
    assert_saga(&b, "d", "\"crashed\"", false);
    bench_deinit(&b);
}

static void a_saga_that_kills_alone_is_parked_with_its_story_and_the_rest_go_on(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, sagas);
    post(&b, "bad");
    post(&b, "good");
    dies(&b); /* with both: held against none of them */
    for (int n = 0; n < 5 && strcmp(bench_call_last(&b)->path, "/charge/bad") != 0; n++)
        answer_last(&b);
    assert_string_equal(bench_call_last(&b)->path, "/charge/bad");
    assert_int_equal(saga_stats(&b).parked, 0);
    dies(&b);
    assert_int_equal(b.call_count, 1);
    assert_string_equal(bench_call_last(&b)->path, "/charge/bad");
    dies(&b);
    assert_int_equal(saga_stats(&b).parked, 1);
    assert_saga(&b, "bad", "POISON:CRASH", true);
    assert_saga(&b, "bad", "died 2 times", true);
    assert_saga(&b, "bad", "while this saga alone was at work", true);
    assert_int_equal(b.call_count, 1); /* the good one */
    assert_non_null(strstr(bench_call_last(&b)->path, "good"));
    for (int n = 0; n < 2; n++)
        answer_last(&b);
    assert_int_equal(saga_stats(&b).completed, 1);
    dies(&b); /* what is parked stays parked */
    assert_int_equal(b.call_count, 0);
    assert_int_equal(saga_stats(&b).parked, 1);
    say(&b, "bad", BELAY_SAGA_SETTLE_DONE); /* it had been charged */
    assert_string_equal(bench_call_last(&b)->path, "/ship/bad");
    answer_last(&b);
    assert_int_equal(saga_stats(&b).completed, 2);
    bench_deinit(&b);
}

static void a_word_of_a_person_gives_as_many_deaths_again_and_success_forgets_them(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, sagas);
    post(&b, "a");
    dies(&b);
    dies(&b);
    assert_int_equal(saga_stats(&b).parked, 1);
    say(&b, "a", BELAY_SAGA_SETTLE_RETRY);
    assert_string_equal(bench_call_last(&b)->path, "/charge/a");
    dies(&b);
    assert_int_equal(saga_stats(&b).parked, 0);
    answer_last(&b);
    assert_string_equal(bench_call_last(&b)->path, "/ship/a");
    dies(&b); /* another step: the first death of this one */
    assert_int_equal(saga_stats(&b).parked, 0);
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 409);
    assert_string_equal(bench_call_last(&b)->path, "/refund/a");
    dies(&b); /* compensations too */
    assert_string_equal(bench_call_last(&b)->path, "/refund/a");
    assert_int_equal(saga_stats(&b).parked, 0);
    dies(&b);
    assert_int_equal(saga_stats(&b).parked, 1);
    assert_saga(&b, "a", "\"parked\":\"compensation\"", true);
    say(&b, "a", BELAY_SAGA_SETTLE_DONE);
    assert_int_equal(saga_stats(&b).compensated, 1);
    bench_deinit(&b);
}

static void a_saga_beside_a_message_was_not_alone(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, with_saga);
    post(&b, "a");
    for (int i = 0; i < 4; i++) {
        dies(&b);
        bench_pass_ms(&b, 6000); /* longer than the message may be alone: then the saga */
        assert_int_equal(b.call_count, 2);
    }
    assert_int_equal(saga_stats(&b).parked, 0);
    bench_deinit(&b);
}

static void requests_go_on_but_for_their_calls(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, plain);
    post(&b, "a");
    dies(&b);
    unsigned replies = b.reply_count;
    post(&b, "b");
    assert_int_equal(b.reply_count, replies + 1);
    assert_ok(bench_ask(&b, &r, "b", NULL, "{}"));
    bench_go(&b);
    assert_int_equal(b.call_count, 1);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(b.call_count, 3); /* the request's, and b's */
    for (int i = 1; i < 3; i++)
        bench_answer(&b, b.calls[i].id, "{}");
    assert_int_equal(bench_reply_last(&b)->status, 200);
    bench_request_free(&r);
    bench_deinit(&b);
}

/* The client of a process that died asks again, and is answered what it may be. */
static const struct bench_reply *ask_again(struct bench *b, struct bench_request *r, const char *body)
{
    assert_ok(bench_ask(b, r, "b", NULL, body));
    bench_go(b);
    return b->reply_count ? bench_reply_last(b) : NULL;
}

/* As a list names it. */
static struct belay_str flow_of_the_killer(struct bench *b)
{
    struct belay_poison_key key = { 0 };
    struct belay_poison p;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_true(belay_poison_next(belay_engine_broker(b->engine), &key, b->now, &arena, &p));
    assert_int_equal(p.key.kind, BELAY_POISON_REQUEST);
    belay_arena_deinit(&arena);
    return belay_engine_request_flow(b->engine, key.hash.lo);
}

static void a_request_that_was_alone_at_two_deaths_is_refused(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, plain);
    for (int i = 0; i < 2; i++) {
        (void)ask_again(&b, &r, "{\"id\":\"deadly\"}");
        assert_int_equal(b.call_count, 1);
        dies(&b);
        bench_request_free(&r);
    }
    const struct bench_reply *reply = ask_again(&b, &r, "{\"id\":\"deadly\"}");
    assert_int_equal(b.call_count, 0);
    assert_int_equal(reply->status, 422);
    assert_true(bench_saw_event(&b, "request.poisoned"));
    assert_str(flow_of_the_killer(&b), "ask");
    bench_request_free(&r);
    (void)ask_again(&b, &r, "{\"id\":\"fine\"}"); /* asks for something else */
    assert_int_equal(b.call_count, 1);
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_int_equal(bench_reply_last(&b)->status, 200);
    bench_request_free(&r);
    bench_deinit(&b);
}

static struct belay_api_stats api_stats(struct bench *b)
{
    struct belay_api_stats s;
    assert_true(belay_engine_api_stats(b->engine, 0, &s));
    return s;
}

/* Or one that kills as it is begun, before that is durable, would do so for ever: each start would count the same death. */
static void a_request_is_not_begun_before_the_death_is_known(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, plain);
    for (int i = 0; i < 2; i++) {
        (void)ask_again(&b, &r, "{\"id\":\"deadly\"}");
        assert_int_equal(b.call_count, 1);
        bench_request_free(&r);
        bench_crash(&b);
        b.call_count = 0;
        assert_ok(bench_ask(&b, &r, "b", NULL, "{\"id\":\"deadly\"}")); /* it comes before the engine has stepped once */
        if (i == 1)
            break;
        assert_int_equal(api_stats(&b).at_door, 1);
        assert_int_equal(api_stats(&b).running, 0);
        bench_request_free(&r);
        bench_crash(&b); /* of something else: it is the same death */
        b.call_count = 0;
    }
    bench_go(&b);
    assert_int_equal(b.call_count, 0);
    assert_int_equal(bench_reply_last(&b)->status, 422);
    bench_request_free(&r);
    bench_deinit(&b);
}

static void an_answer_that_is_an_error_does_not_forget_the_death(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, sorry);
    for (int i = 0; i < 2; i++) {
        (void)ask_again(&b, &r, "{}");
        assert_int_equal(b.call_count, 1);
        bench_answer(&b, bench_call_last(&b)->id, "{}");
        assert_int_equal(bench_reply_last(&b)->status, 500);
        bench_request_free(&r);
        (void)ask_again(&b, &r, "{}");
        dies(&b);
        bench_request_free(&r);
    }
    assert_int_equal(ask_again(&b, &r, "{}")->status, 422);
    assert_int_equal(b.call_count, 0);
    bench_request_free(&r);
    bench_deinit(&b);
}

static void success_forgets_the_death_of_a_request(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, plain);
    for (int i = 0; i < 3; i++) { /* dies, succeeds; three times */
        (void)ask_again(&b, &r, "{}");
        dies(&b);
        bench_request_free(&r);
        (void)ask_again(&b, &r, "{}");
        assert_int_equal(b.call_count, 1);
        bench_answer(&b, bench_call_last(&b)->id, "{}");
        assert_int_equal(bench_reply_last(&b)->status, 200);
        bench_request_free(&r);
    }
    bench_deinit(&b);
}

static void a_request_that_had_company_is_innocent(void **state)
{
    struct bench b;
    struct bench_request r, beside;
    (void)state;
    bench_init(&b, once); /* one death would do */
    (void)ask_again(&b, &r, "{}");
    assert_ok(bench_ask(&b, &beside, "b", NULL, "{\"id\":2}"));
    bench_go(&b);
    assert_int_equal(b.call_count, 2);
    dies(&b);
    bench_request_free(&beside);
    bench_request_free(&r);
    (void)ask_again(&b, &r, "{}");
    assert_int_equal(b.call_count, 1);
    bench_request_free(&r);
    bench_deinit(&b);
}

/* Quarantined while nobody knows what its call did: a replay must not repeat it. */
static void what_kills_and_may_not_be_repeated_is_a_question_when_it_is_replayed(void **state)
{
    struct bench b;
    struct belay_arena arena;
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    bench_init(&b, blind);
    post(&b, "a");
    assert_int_equal(b.call_count, 1);
    dies(&b); /* one death is enough here */
    assert_int_equal(b.call_count, 0);
    struct belay_letter l = letter_of(&b, 1, &arena);
    assert_string_equal(l.history[l.history_count - 1].fault.type, "POISON:CRASH");
    struct belay_broker *broker = belay_engine_broker(b.engine);
    assert_ok(belay_broker_letter_replay(broker, belay_broker_find(broker, BELAY_STR("handle")), 1, false, b.now, &b.err));
    bench_go(&b);
    assert_int_equal(b.call_count, 0);
    l = letter_of(&b, 1, &arena);
    assert_int_equal(l.history[l.history_count - 1].fault.class_, BELAY_CLASS_UNKNOWN_OUTCOME);
    assert_ok(belay_engine_letter_settle(b.engine, belay_broker_find(broker, BELAY_STR("handle")), 1, BELAY_FLOW_SETTLE_RETRY,
                                         BELAY_STR_NONE, b.now, &b.err));
    bench_go(&b);
    assert_int_equal(b.call_count, 1);
    belay_arena_deinit(&arena);
    bench_deinit(&b);
}

static void a_suspect_that_hangs_lets_the_next_one_go(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    post(&b, "a");
    post(&b, "b");
    dies(&b);
    assert_int_equal(b.call_count, 1);
    assert_true(belay_engine_wake_at(b.engine) > b.now);
    assert_true(belay_engine_wake_at(b.engine) <= b.now + 5 * BELAY_US_PER_S);
    bench_pass_ms(&b, 5000);
    assert_int_equal(b.call_count, 2);
    post(&b, "c");
    assert_int_equal(b.call_count, 2);
    bench_pass_ms(&b, 5000);
    assert_int_equal(b.call_count, 3);
    bench_deinit(&b);
}

static void a_stop_and_a_failure_leave_nobody_suspected(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    post(&b, "a");
    belay_engine_stop(b.engine);
    bench_crash(&b); /* it ended before its calls did, but in order */
    assert_int_equal(belay_broker_suspected(belay_engine_broker(b.engine)), 0);
    bench_go(&b);
    sim_disk_fail_sync_after(b.disk, 0);
    struct bench_request r;
    assert_ok(bench_ask(&b, &r, "a", NULL, "{\"id\":\"b\"}"));
    for (int i = 0; i < 4; i++) {
        belay_engine_step(b.engine, b.now);
        sim_jobs_finish(&b.jobs);
    }
    belay_engine_step(b.engine, b.now);
    assert_int_equal(belay_engine_failed(b.engine, &b.err), BELAY_IO);
    sim_disk_fail_sync_after(b.disk, UINT64_MAX);
    bench_crash(&b);
    assert_int_equal(belay_broker_suspected(belay_engine_broker(b.engine)), 0);
    bench_request_free(&r);
    bench_deinit(&b);
}

/* ---- what the pages say ---- */

struct page {
    uint64_t magic, crash, sequence;
    uint32_t sub, check, others, unused;
};
#define MAGIC 0x3354474c46594c42u

static void read_page(struct bench *b, struct page *ret_page)
{
    struct belay_file *f = NULL;
    size_t n;
    bench_die(b);
    assert_ok(belay_file_open(b->disk, "in_flight", 0, &f, &b->err));
    assert_ok(belay_file_read(f, 0, ret_page, sizeof *ret_page, &n, &b->err));
    belay_file_close(f);
    bench_open(b);
}

static void leave_in_hand(struct bench *b, uint32_t sub, uint64_t sequence)
{
    struct page page = { MAGIC, belay_broker_crash_next(belay_engine_broker(b->engine)), sequence, sub, 0, 0, 0 };
    struct belay_file *f = NULL;
    page.check = (uint32_t)(sequence * 0x9e3779b97f4a7c15u >> 32) ^ sub * 0x85ebca6bu ^ 0x42454c59u;
    bench_die(b);
    assert_ok(belay_file_open(b->disk, "in_flight", BELAY_FILE_WRITE, &f, &b->err));
    assert_ok(belay_file_write(f, 0, &page, sizeof page, 0, &b->err));
    belay_file_close(f);
    bench_open(b);
}

static uint32_t handle_id(struct bench *b)
{
    return belay_subscription_id(belay_broker_find(belay_engine_broker(b->engine), BELAY_STR("handle")));
}

static void pause_it(struct bench *b)
{
    struct belay_broker *broker = belay_engine_broker(b->engine);
    assert_ok(belay_broker_pause(broker, belay_broker_find(broker, BELAY_STR("handle")), BELAY_STR("by hand"), &b->err));
}

/* Or a message that kills at once would do so for ever: each process would die before it knows why. */
static void a_crash_is_remembered_until_it_is_counted_durably(void **state)
{
    struct bench b;
    struct page page;
    (void)state;
    bench_init(&b, plain);
    pause_it(&b);
    post(&b, "a");
    uint32_t handle = handle_id(&b);
    leave_in_hand(&b, handle, 1);
    for (int i = 0; i <= 3; i++) { /* it dies of something else, again and again */
        read_page(&b, &page);
        assert_int_equal(page.sub, handle);
    }
    belay_engine_step(b.engine, b.now);
    sim_jobs_finish(&b.jobs);
    belay_engine_step(b.engine, b.now); /* it was one crash */
    read_page(&b, &page);
    assert_int_equal(page.sub, 0);
    assert_true(bench_saw_event(&b, "message.crashed") || b.event_count == 0);
    assert_int_equal(belay_broker_suspected(belay_engine_broker(b.engine)), 1);
    bench_deinit(&b);
}

static void a_message_that_kills_in_hand_is_quarantined_though_it_calls_nobody(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, plain);
    pause_it(&b);
    post(&b, "a");
    for (int i = 0; i < 2; i++) {
        leave_in_hand(&b, handle_id(&b), 1);
        bench_go(&b);
        assert_true(bench_saw_event(&b, "message.crashed"));
    }
    struct belay_broker *broker = belay_engine_broker(b.engine);
    assert_ok(belay_broker_resume(broker, belay_broker_find(broker, BELAY_STR("handle")), &b.err));
    bench_go(&b);
    assert_int_equal(b.call_count, 0);
    assert_int_equal(bench_stats(&b, "handle").parked, 1);
    bench_deinit(&b);
}

static void something_else_in_hand_speaks_for_the_message(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, once);
    pause_it(&b);
    post(&b, "a");
    leave_in_hand(&b, UINT32_MAX, 0); /* a request's flow, and nothing noted: nobody is suspected */
    bench_go(&b);
    assert_int_equal(belay_broker_suspected(belay_engine_broker(b.engine)), 0);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_in_flight_runs_one_by_one_and_then_the_rest),
        cmocka_unit_test(two_deaths_alone_and_a_message_is_quarantined_with_its_story),
        cmocka_unit_test(a_crash_uses_up_no_attempt),
        cmocka_unit_test(success_clears_what_was_held_against_it),
        cmocka_unit_test(the_number_of_deaths_can_be_said),
        cmocka_unit_test(a_message_beside_a_sagas_call_was_not_alone),
        cmocka_unit_test(sagas_run_one_by_one_and_then_the_rest),
        cmocka_unit_test(a_saga_that_kills_alone_is_parked_with_its_story_and_the_rest_go_on),
        cmocka_unit_test(a_word_of_a_person_gives_as_many_deaths_again_and_success_forgets_them),
        cmocka_unit_test(a_saga_beside_a_message_was_not_alone),
        cmocka_unit_test(requests_go_on_but_for_their_calls),
        cmocka_unit_test(a_request_that_was_alone_at_two_deaths_is_refused),
        cmocka_unit_test(a_request_is_not_begun_before_the_death_is_known),
        cmocka_unit_test(an_answer_that_is_an_error_does_not_forget_the_death),
        cmocka_unit_test(success_forgets_the_death_of_a_request),
        cmocka_unit_test(a_request_that_had_company_is_innocent),
        cmocka_unit_test(what_kills_and_may_not_be_repeated_is_a_question_when_it_is_replayed),
        cmocka_unit_test(a_suspect_that_hangs_lets_the_next_one_go),
        cmocka_unit_test(a_stop_and_a_failure_leave_nobody_suspected),
        cmocka_unit_test(a_crash_is_remembered_until_it_is_counted_durably),
        cmocka_unit_test(a_message_that_kills_in_hand_is_quarantined_though_it_calls_nobody),
        cmocka_unit_test(something_else_in_hand_speaks_for_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
