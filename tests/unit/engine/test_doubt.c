/* Requests whose call may have been made: whatever they are answered, their key asks whether it was, and never makes it
 * a second time. */
#include "unit/engine/bench.h"

#define CHARGE(gate, retry)                                                                         \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  bank: { http: { base_url: 'http://127.0.0.1:1' }, " gate " }\n"                              \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"                                   \
    "flows:\n"                                                                                      \
    "  charge:\n"                                                                                   \
    "    from: { api: api, operation: b }\n"                                                        \
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 1h }\n"                  \
    "    timeout: 5s\n"                                                                             \
    "    retry: " retry "\n"                                                                        \
    "    steps:\n"                                                                                  \
    "      - call:\n"                                                                               \
    "          connection: bank\n"                                                                  \
    "          method: POST\n"                                                                      \
    "          path: /charges\n"                                                                    \
    "          body: 1\n"                                                                           \
    "        resolve: { connection: bank, method: GET, path: '/charges/{% id %}' }\n"               \
    "    reply: { status: 200 }\n"

#define SOON "{ max_attempts: 9, initial: 1s, multiplier: 1, jitter: none }"
#define LATE "{ max_attempts: 9, initial: 6s, multiplier: 1, jitter: none }"

static const char unasked[] =
    "belay: 1\n"
    "name: t\n"
    "connections: { bank: { http: { base_url: 'http://127.0.0.1:1' }, breaker: { min_calls: 2, probes: 1 } } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  charge:\n"
    "    from: { api: api, operation: b }\n"
    "    steps: [ { call: { connection: bank, method: POST, path: /charges, body: 1 }, as: charge } ]\n"
    "    reply: { status: 200 }\n";
static const char touchy[] = CHARGE("breaker: { min_calls: 1, open: 10s, open_max: 10s, probes: 1 }", SOON);
static const char patient[] = CHARGE("breaker: { min_calls: 2, open: 10s, open_max: 10s, probes: 1 }", SOON);
static const char one_by_one[] = CHARGE("breaker: false, concurrency: 1", SOON);
static const char late[] = CHARGE("breaker: false", LATE);

static void charge(struct bench *b, struct bench_request *r, const char *key)
{
    assert_ok(bench_ask(b, r, "b", key, "{\"id\":\"x\"}"));
    bench_go(b);
}

static void time_out(struct bench *b)
{
    assert_string_equal(bench_call_last(b)->path, "/charges");
    bench_answer_bad(b, bench_call_last(b)->id, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:TIMEOUT", 0);
}

static void say_busy(struct bench *b)
{
    assert_string_equal(bench_call_last(b)->path, "/charges/x");
    bench_answer_bad(b, bench_call_last(b)->id, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 503);
}

static unsigned charges(const struct bench *b)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->call_count; i++)
        count += !b->calls[i].cancel && strcmp(b->calls[i].path, "/charges") == 0;
    return count;
}

/* The same key again: it is asked whether the charge was made. It was: that is its answer. */
static void asks_and_charges_no_more(struct bench *b, const char *key)
{
    struct bench_request again;
    unsigned before = charges(b);
    charge(b, &again, key);
    assert_string_equal(bench_call_last(b)->path, "/charges/x");
    bench_answer(b, bench_call_last(b)->id, "{}");
    assert_int_equal(bench_reply_last(b)->status, 200);
    assert_int_equal(charges(b), before);
    bench_request_free(&again);
}

static void a_breaker_that_opens_before_the_question_keeps_the_key(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, touchy);
    charge(&b, &r, "k1");
    time_out(&b);
    assert_string_equal(bench_reply_last(&b)->type, "breaker-open");
    bench_pass_ms(&b, 11000);
    asks_and_charges_no_more(&b, "k1");
    bench_request_free(&r);
    bench_deinit(&b);
}

static void a_breaker_that_opens_between_two_questions_keeps_the_key(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, patient);
    charge(&b, &r, "k1");
    time_out(&b);
    say_busy(&b);
    bench_pass_ms(&b, 1000);
    assert_string_equal(bench_reply_last(&b)->type, "breaker-open");
    bench_pass_ms(&b, 11000);
    asks_and_charges_no_more(&b, "k1");
    bench_request_free(&r);
    bench_deinit(&b);
}

static void a_question_that_waits_for_its_next_try_at_the_deadline_keeps_the_key(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, one_by_one);
    charge(&b, &r, "k1");
    time_out(&b);
    say_busy(&b);
    bench_pass_ms(&b, 6000); /* it is due, and so is the deadline */
    assert_int_equal(bench_reply_last(&b)->status, 504);
    asks_and_charges_no_more(&b, "k1");
    bench_request_free(&r);
    bench_deinit(&b);
}

static void a_question_that_waits_for_its_turn_at_the_deadline_keeps_the_key(void **state)
{
    struct bench b;
    struct bench_request r, other;
    (void)state;
    bench_init(&b, one_by_one);
    charge(&b, &r, "k1");
    uint64_t first = bench_call_last(&b)->id;
    charge(&b, &other, "k2");
    assert_int_equal(b.call_count, 1);
    bench_answer_bad(&b, first, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:TIMEOUT", 0);
    assert_int_equal(charges(&b), 2); /* the other one's turn came first */
    uint64_t second = bench_call_last(&b)->id;
    bench_pass_ms(&b, 6000);
    assert_int_equal(b.reply_count, 2);
    bench_answer_bad(&b, second, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:TIMEOUT", 0);
    asks_and_charges_no_more(&b, "k1");
    asks_and_charges_no_more(&b, "k2");
    bench_request_free(&r);
    bench_request_free(&other);
    bench_deinit(&b);
}

static void a_question_that_would_come_after_the_deadline_keeps_the_key(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    bench_init(&b, late);
    charge(&b, &r, "k1");
    time_out(&b);
    say_busy(&b);
    assert_int_equal(bench_reply_last(&b)->status, 503);
    asks_and_charges_no_more(&b, "k1");
    bench_request_free(&r);
    bench_deinit(&b);
}

static void a_deadline_before_an_interrupted_request_went_on_keeps_the_key(void **state)
{
    struct bench b;
    struct bench_request r, other, again;
    (void)state;
    bench_init(&b, one_by_one);
    charge(&b, &r, "k1");
    bench_crash(&b);
    bench_go(&b);
    charge(&b, &other, "k2");
    uint64_t slot = bench_call_last(&b)->id;
    charge(&b, &again, "k1"); /* behind it */
    bench_pass_ms(&b, 6000);
    assert_int_equal(bench_reply_last(&b)->status, 504);
    bench_answer_bad(&b, slot, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:TIMEOUT", 0);
    asks_and_charges_no_more(&b, "k1");
    bench_request_free(&r);
    bench_request_free(&other);
    bench_request_free(&again);
    bench_deinit(&b);
}

static void once_it_is_known_not_to_be_done_an_error_frees_the_key(void **state)
{
    struct bench b;
    struct bench_request r, new;
    (void)state;
    bench_init(&b, one_by_one);
    charge(&b, &r, "k1");
    time_out(&b);
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_PERMANENT, "HTTP:NOT_FOUND", 404);
    bench_pass_ms(&b, 1000);
    assert_int_equal(charges(&b), 2);
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 402);
    assert_int_equal(bench_reply_last(&b)->status, 502);
    assert_ok(bench_ask(&b, &new, "b", "k1", "{\"id\":\"y\"}")); /* another payload: the key is as if it had never come */
    bench_go(&b);
    assert_int_equal(b.reply_count, 1);
    assert_int_equal(charges(&b), 3);
    bench_request_free(&r);
    bench_request_free(&new);
    bench_deinit(&b);
}

/* The partner answered: who waits is told that its answer is the trouble, not that none came. */
static void an_answer_that_nobody_can_use_is_502(void **state)
{
    struct bench b;
    struct bench_request r;
    (void)state;
    for (int i = 0; i < 3; i++) {
        bench_init(&b, unasked);
        assert_ok(bench_ask(&b, &r, "b", NULL, "{\"id\":\"x\"}"));
        bench_go(&b);
        uint64_t id = bench_call_last(&b)->id;
        if (i == 0)
            bench_answer(&b, id, "<p>Bad gateway</p>");
        else
            bench_answer_bad(&b, id, i == 1 ? BELAY_CLASS_UNKNOWN_OUTCOME : BELAY_CLASS_PERMANENT, "HTTP:RESPONSE_TOO_LARGE", 200);
        assert_int_equal(bench_reply_last(&b)->status, 502);
        assert_string_equal(bench_reply_last(&b)->type, i == 0 ? "HTTP:INVALID_BODY" : "HTTP:RESPONSE_TOO_LARGE");
        bench_request_free(&r);
        bench_deinit(&b);
    }
}

/* It asks whether the system bears its calls, and this one answers in time: what its body is only flows know that keep it. */
static void a_body_that_cannot_be_read_is_a_good_call_to_the_breaker(void **state)
{
    struct bench b;
    struct bench_request r;
    struct belay_connection_stats bank;
    (void)state;
    bench_init(&b, unasked);
    for (int i = 0; i < 4; i++) {
        assert_ok(bench_ask(&b, &r, "b", NULL, "{\"id\":\"x\"}"));
        bench_go(&b);
        bench_answer(&b, bench_call_last(&b)->id, "<p>Bad gateway</p>");
        assert_int_equal(bench_reply_last(&b)->status, 502);
        bench_request_free(&r);
    }
    assert_true(belay_engine_connection_stats(b.engine, 0, &bank));
    assert_string_equal(bank.breaker, "closed");
    assert_int_equal(bank.failed_percent, 0);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_breaker_that_opens_before_the_question_keeps_the_key),
        cmocka_unit_test(a_breaker_that_opens_between_two_questions_keeps_the_key),
        cmocka_unit_test(a_question_that_waits_for_its_next_try_at_the_deadline_keeps_the_key),
        cmocka_unit_test(a_question_that_waits_for_its_turn_at_the_deadline_keeps_the_key),
        cmocka_unit_test(a_question_that_would_come_after_the_deadline_keeps_the_key),
        cmocka_unit_test(a_deadline_before_an_interrupted_request_went_on_keeps_the_key),
        cmocka_unit_test(once_it_is_known_not_to_be_done_an_error_frees_the_key),
        cmocka_unit_test(an_answer_that_nobody_can_use_is_502),
        cmocka_unit_test(a_body_that_cannot_be_read_is_a_good_call_to_the_breaker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
