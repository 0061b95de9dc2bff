/* Requests whose flow makes several calls: what was answered is not asked for again, and what was under way is asked
 * about, whatever the request was answered and whoever died. */
#include "unit/engine/bench.h"

#define TRANSFER(hold)                                                                              \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  bank: { http: { base_url: 'http://127.0.0.1:1' }, breaker: false, concurrency: 1 }\n"        \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"                                   \
    "flows:\n"                                                                                      \
    "  transfer:\n"                                                                                 \
    "    from: { api: api, operation: b }\n"                                                        \
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 1h }\n"                  \
    "    timeout: 5s\n"                                                                             \
    "    retry: { max_attempts: 2, initial: 1s, jitter: none }\n"                                   \
    "    steps:\n"                                                                                  \
    "      - call: { connection: bank, method: " hold ", body: 1 }\n"                               \
    "        as: hold\n"                                                                            \
    "      - call: { connection: bank, method: POST, path: /charges, body: '{% $hold.body.n %}' }\n" \
    "        resolve: { connection: bank, method: GET, path: '/charges/{% id %}' }\n"               \
    "        as: charge\n"                                                                          \
    "      - map: '{% { \"hold\": $hold.body.n, \"charge\": $charge.body.n } %}'\n"                 \
    "    reply: { status: 200 }\n"

static const char with_post[] = TRANSFER("POST, path: /holds"); /* nobody can be asked about it */
static const char with_put[] = TRANSFER("PUT, path: /holds");

static const char body[] = "{\"id\":\"x\"}";

static void ask(struct bench *b, struct bench_request *r)
{
    assert_ok(bench_ask(b, r, "b", "k1", body));
    bench_go(b);
}

static uint64_t called(struct bench *b, unsigned count, const char *method, const char *path)
{
    assert_int_equal(b->call_count, count);
    assert_string_equal(bench_call_last(b)->path, path);
    assert_string_equal(bench_call_last(b)->method, method);
    return bench_call_last(b)->id;
}

static void replied(struct bench *b, uint32_t status)
{
    assert_int_equal(bench_reply_last(b)->status, status);
}

/* The hold is answered with 7, and the charge is out. */
static void ask_and_hold(struct bench *b, struct bench_request *r, const char *method)
{
    ask(b, r);
    bench_answer(b, called(b, 1, method, "/holds"), "{\"n\":7}");
    (void)called(b, 2, "POST", "/charges");
}

static void charge_goes_well(struct bench *b)
{
    bench_answer(b, bench_call_last(b)->id, "{\"n\":8}");
    replied(b, 200);
    assert_string_equal(bench_reply_last(b)->body, "{\"hold\":7,\"charge\":8}");
}

static void a_death_during_the_second_call_asks_about_that_one_and_keeps_the_first_ones_answer(void **state)
{
    struct bench b;
    struct bench_request r, again;
    (void)state;
    bench_init(&b, with_post);
    ask_and_hold(&b, &r, "POST");
    bench_crash(&b);
    ask(&b, &again);
    (void)called(&b, 3, "GET", "/charges/x");
    charge_goes_well(&b);
    bench_request_free(&r);
    bench_request_free(&again);
    bench_deinit(&b);
}

static void a_second_call_that_was_not_made_after_all_is_made_and_the_first_is_not(void **state)
{
    struct bench b;
    struct bench_request r, again;
    (void)state;
    bench_init(&b, with_post);
    ask_and_hold(&b, &r, "POST");
    bench_crash(&b);
    ask(&b, &again);
    bench_answer_bad(&b, called(&b, 3, "GET", "/charges/x"), BELAY_CLASS_PERMANENT, "HTTP:NOT_FOUND", 404);
    bench_pass_ms(&b, 1000);
    (void)called(&b, 4, "POST", "/charges");
    assert_string_equal(bench_call_last(&b)->body, "7");
    assert_string_equal(bench_call_last(&b)->key, b.calls[1].key);
    charge_goes_well(&b);
    bench_request_free(&r);
    bench_request_free(&again);
    bench_deinit(&b);
}

static void a_death_during_the_first_call_makes_no_question_of_the_second(void **state)
{
    struct bench b;
    struct bench_request r, again;
    (void)state;
    bench_init(&b, with_put);
    ask(&b, &r);
    (void)called(&b, 1, "PUT", "/holds");
    bench_crash(&b);
    ask(&b, &again);
    bench_answer(&b, called(&b, 2, "PUT", "/holds"), "{\"n\":7}");
    (void)called(&b, 3, "POST", "/charges"); /* it was never made */
    charge_goes_well(&b);
    bench_request_free(&r);
    bench_request_free(&again);
    bench_deinit(&b);
}

static void two_deaths_and_a_time_out_later_the_second_call_is_still_the_one_in_question(void **state)
{
    struct bench b;
    struct bench_request r, second, third;
    (void)state;
    bench_init(&b, with_put);
    ask_and_hold(&b, &r, "PUT");
    bench_crash(&b);
    ask(&b, &second);
    (void)called(&b, 3, "GET", "/charges/x");
    bench_pass_ms(&b, 6000);
    replied(&b, 504);
    bench_crash(&b);
    ask(&b, &third);
    (void)called(&b, 5, "GET", "/charges/x"); /* the fourth was a cancellation */
    charge_goes_well(&b);
    bench_request_free(&r);
    bench_request_free(&second);
    bench_request_free(&third);
    bench_deinit(&b);
}

static void refuse_the_charge(struct bench *b)
{
    bench_answer_bad(b, bench_call_last(b)->id, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 402);
    replied(b, 502);
}

static void an_error_after_a_call_that_nobody_may_repeat_goes_on_at_the_step_that_failed(void **state)
{
    struct bench b;
    struct bench_request r, again, other;
    (void)state;
    bench_init(&b, with_post);
    ask_and_hold(&b, &r, "POST");
    refuse_the_charge(&b);
    assert_ok(bench_ask(&b, &other, "b", "k1", "{\"id\":\"y\"}")); /* the hold is of another payload */
    bench_go(&b);
    replied(&b, 422);
    ask(&b, &again);
    (void)called(&b, 3, "POST", "/charges"); /* its outcome is known: nothing to ask */
    charge_goes_well(&b);
    bench_request_free(&r);
    bench_request_free(&again);
    bench_request_free(&other);
    bench_deinit(&b);
}

static void what_was_achieved_outlives_a_death_after_the_error(void **state)
{
    struct bench b;
    struct bench_request r, again, last;
    (void)state;
    bench_init(&b, with_post);
    ask_and_hold(&b, &r, "POST");
    refuse_the_charge(&b);
    bench_crash(&b);
    ask(&b, &again);
    (void)called(&b, 3, "POST", "/charges");
    refuse_the_charge(&b);
    bench_crash(&b);
    ask(&b, &last);
    (void)called(&b, 4, "POST", "/charges");
    charge_goes_well(&b);
    bench_request_free(&r);
    bench_request_free(&again);
    bench_request_free(&last);
    bench_deinit(&b);
}

static void an_error_after_calls_that_may_be_repeated_frees_the_key(void **state)
{
    struct bench b;
    struct bench_request r, other;
    (void)state;
    bench_init(&b, with_put);
    ask_and_hold(&b, &r, "PUT");
    refuse_the_charge(&b);
    assert_ok(bench_ask(&b, &other, "b", "k1", "{\"id\":\"y\"}"));
    bench_go(&b);
    (void)called(&b, 3, "PUT", "/holds");
    bench_request_free(&r);
    bench_request_free(&other);
    bench_deinit(&b);
}

/* The second call waits for its turn: the one slot is another request's. */
static void a_stop_between_two_calls_leaves_no_question(void **state)
{
    struct bench b;
    struct bench_request r, other, again;
    (void)state;
    bench_init(&b, with_post);
    ask(&b, &r);
    uint64_t hold = called(&b, 1, "POST", "/holds");
    assert_ok(bench_ask(&b, &other, "b", "k2", body));
    bench_go(&b);
    bench_answer(&b, hold, "{\"n\":7}");
    uint64_t theirs = called(&b, 2, "POST", "/holds");
    belay_engine_stop(b.engine);
    bench_go(&b);
    replied(&b, 503);
    bench_answer(&b, theirs, "{\"n\":9}"); /* it is at work: it may end */
    (void)called(&b, 3, "POST", "/charges");
    bench_crash(&b);
    ask(&b, &again);
    (void)called(&b, 4, "POST", "/charges"); /* no question */
    assert_string_equal(bench_call_last(&b)->body, "7");
    charge_goes_well(&b);
    bench_request_free(&r);
    bench_request_free(&other);
    bench_request_free(&again);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_during_the_second_call_asks_about_that_one_and_keeps_the_first_ones_answer),
        cmocka_unit_test(a_second_call_that_was_not_made_after_all_is_made_and_the_first_is_not),
        cmocka_unit_test(a_death_during_the_first_call_makes_no_question_of_the_second),
        cmocka_unit_test(two_deaths_and_a_time_out_later_the_second_call_is_still_the_one_in_question),
        cmocka_unit_test(an_error_after_a_call_that_nobody_may_repeat_goes_on_at_the_step_that_failed),
        cmocka_unit_test(what_was_achieved_outlives_a_death_after_the_error),
        cmocka_unit_test(an_error_after_calls_that_may_be_repeated_frees_the_key),
        cmocka_unit_test(a_stop_between_two_calls_leaves_no_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
