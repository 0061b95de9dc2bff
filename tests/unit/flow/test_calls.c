#include "unit/flow/fixture.h"

#define CHARGE "call POST /charges {\"amount\":12}\n"
#define ASK "call GET /charges/o-1\n"

static struct belay_step_def *add_charge(struct fixture *f)
{
    return add_call(f, "charge", "POST", "/charges", "{% { 'amount': total } %}");
}

static void the_result_of_a_call_is_known_by_its_name(void **state)
{
    struct fixture *f = *state;
    add_charge(f);
    add_publish(f, "p", "t", "{% order_id %}",
                "{% { 'status': $charge.status, 'id': $charge.body.id, 't': "
                "$charge.headers.'content-type' } %}");
    RUN(f,
        CHARGE
        "publish t key=o-1 {\"status\":200,\"id\":\"ch-1\",\"t\":\"application/json\"}\ndone\n",
        ok("{\"id\":\"ch-1\"}"));
}

static void what_is_wrong_with_an_answer_is_said(void **state)
{
    struct fixture *f = *state;
    add_charge(f);
    struct drive d;
    const struct belay_call_outcome outcomes[] = { ok("{\"id\": 1,}") };
    drive_init(&d, f, outcomes, 1);
    drive(f, &d);
    assert_int_equal(d.fault.class_, BELAY_CLASS_UNKNOWN_OUTCOME);
    assert_int_equal(d.fault.status, 200);
    assert_non_null(strstr(d.fault.description, "application/json"));
    assert_non_null(strstr(d.fault.description, "line 1, column 10"));
    drive_deinit(&d);
}

static void an_answer_whose_result_nobody_keeps_need_not_be_read(void **state)
{
    struct fixture *f = *state;
    add_charge(f)->as = BELAY_STR_NONE;
    RUN(f, CHARGE "done\n", ok("<p>"));
}

static void an_answer_that_is_no_json_is_a_string(void **state)
{
    struct fixture *f = *state;
    add_charge(f)->u.call.call.answer = BELAY_ANSWER_TEXT;
    add_publish(f, "p", "t", NULL, "{% { 'b': $charge.body } %}");
    RUN(f, CHARGE "publish t key=k {\"b\":\"<p>\"}\ndone\n", ok("<p>"));
    RUN(f, CHARGE "publish t key=k {}\ndone\n", ok(""));
}

static void a_request_carries_a_key_that_stays_and_ids(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add_charge(f);
    struct belay_str keys[2];
    char first[33] = "";
    step->u.call.call.headers
        = NAMED(f, &step->u.call.call.header_count, "x-order", "{% order_id %}");
    step->u.call.call.timeout_ms = 700;
    struct drive d;
    drive_init(&d, f, NULL, 0);
    for (int i = 0; i < 2; i++, d.attempt++) {
        struct belay_flow_run *run = drive_begin(f, &d);
        assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
        const struct belay_call_request *r = belay_flow_request(run);
        assert_ptr_equal(belay_flow_connection(run), &f->payments);
        assert_int_equal(r->timeout_ms, 700);
        assert_str(r->correlationid, "c-1");
        assert_str(r->headers[0].value, "o-1");
        keys[i] = r->idempotency_key;
        assert_int_equal(keys[i].n, 32);
        if (i)
            assert_memory_equal(keys[i].p, first, 32);
        memcpy(first, keys[i].p, 32);
        belay_flow_free(run);
    }
    drive_deinit(&d);
}

static void a_body_that_is_no_json_says_its_type(void **state)
{
    struct fixture *f = *state;
    add_call(f, "c", "POST", "/x", NULL);
    f->message.body = BELAY_STR("a,b");
    f->message.datacontenttype = BELAY_STR("text/csv");
    struct drive d;
    drive_init(&d, f, NULL, 0);
    struct belay_flow_run *run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
    const struct belay_call_request *r = belay_flow_request(run);
    assert_str(r->body, "a,b");
    assert_int_equal(r->header_count, 1);
    assert_str(r->headers[0].name, "content-type");
    assert_str(r->headers[0].value, "text/csv");
    belay_flow_free(run);
    drive_deinit(&d);
}

static void get_and_delete_send_no_body_unless_told(void **state)
{
    struct fixture *f = *state;
    add_call(f, "a", "GET", "/a", NULL);
    add_call(f, "b", "DELETE", "/b", NULL);
    add_call(f, "c", "PUT", "/c", NULL);
    add_call(f, "d", "DELETE", "/d", "{% total %}");
    RUN(f,
        "call GET /a\ncall DELETE /b\n"
        "call PUT /c {\"order_id\":\"o-1\",\"total\":12,\"items\":[1,2]}\ncall DELETE /d "
        "12\ndone\n",
        ok(""), ok(""), ok(""), ok(""));
}

static void a_transient_error_is_tried_again_until_attempts_are_used_up(void **state)
{
    struct fixture *f = *state;
    add_charge(f);
    RUN(f, CHARGE "retry HTTP:SERVER_ERROR\n" CHARGE "done\n", transient(), ok(""));
    RUN(f,
        CHARGE "retry HTTP:SERVER_ERROR\n" CHARGE "retry HTTP:SERVER_ERROR\n" CHARGE
               "letter HTTP:SERVER_ERROR\n",
        transient(), transient(), transient());
}

static void a_permanent_error_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    add_charge(f);
    struct drive d;
    const struct belay_call_outcome outcomes[] = { refused() };
    drive_init(&d, f, outcomes, 1);
    drive(f, &d);
    assert_trace_of(f, CHARGE "letter HTTP:CLIENT_ERROR\n");
    assert_string_equal(d.fault.step, "charge");
    assert_string_equal(d.fault.endpoint, "POST http://h/c");
    assert_int_equal(d.fault.status, 422);
    drive_deinit(&d);
}

static void a_steps_own_policy_comes_first(void **state)
{
    struct fixture *f = *state;
    static const struct belay_retry_def once = { 1, 0, 1, 1, 1, BELAY_JITTER_NONE, true, 0, NULL, 0 };
    add_charge(f)->u.call.retry = &once;
    RUN(f, CHARGE "letter HTTP:SERVER_ERROR\n", transient());
}

/* In place: no retry in between, and the durable ones come after. */
static void quick_tries_are_made_in_place(void **state)
{
    struct fixture *f = *state;
    static const struct belay_retry_def quick = { 2, 0, 1, 1, 1, BELAY_JITTER_NONE, true, 2, NULL, 0 };
    add_charge(f)->u.call.retry = &quick;
    RUN(f,
        CHARGE CHARGE CHARGE "retry HTTP:SERVER_ERROR\n" CHARGE "letter HTTP:SERVER_ERROR\n",
        transient(), transient(), transient(), transient());
}

static void the_next_step_has_quick_tries_of_its_own(void **state)
{
    struct fixture *f = *state;
    static const struct belay_retry_def quick = { 2, 0, 1, 1, 1, BELAY_JITTER_NONE, true, 1, NULL, 0 };
    add_charge(f)->u.call.retry = &quick;
    add_call(f, "ship", "PUT", "/ship", "{% $charge.body %}")->u.call.retry = &quick;
    RUN(f, CHARGE CHARGE "call PUT /ship 1\ncall PUT /ship 1\nretry HTTP:SERVER_ERROR\ncall PUT /ship 1\ndone\n",
        transient(), ok("1"), transient(), transient(), ok("2"));
}

static void each_step_has_attempts_of_its_own(void **state)
{
    struct fixture *f = *state;
    add_charge(f);
    add_call(f, "ship", "PUT", "/ship", "{% $charge.body %}");
    RUN(f,
        CHARGE
        "retry HTTP:SERVER_ERROR\n" CHARGE "retry HTTP:SERVER_ERROR\n" CHARGE
        "call PUT /ship 1\nretry HTTP:SERVER_ERROR\ncall PUT /ship 1\nretry HTTP:SERVER_ERROR\n"
        "call PUT /ship 1\nletter HTTP:SERVER_ERROR\n",
        transient(), transient(), ok("1"), transient(), transient(), transient());
}

static void a_retry_goes_on_after_the_last_success(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% { 'order_id': order_id, 'total': total + 1 } %}");
    add_publish(f, "p", "before", NULL, NULL);
    add_call(f, "a", "POST", "/a", "{% total %}");
    struct belay_step_def *set = add(f, BELAY_STEP_SET, "s");
    set->u.set.vars = NAMED(f, &set->u.set.count, "got", "{% $a.body.n %}");
    add_map(f, "m2", "{% $merge([$, { 'n': $vars.got }]) %}");
    add_call(f, "b", "POST", "/b", NULL);
    add_publish(f, "q", "after", NULL, "{% { 'a': $a.body.n, 'b': $b.body, 'v': $vars.got } %}");
    RUN(f,
        "call POST /a 13\ncall POST /b {\"order_id\":\"o-1\",\"total\":13,\"n\":5}\nretry "
        "HTTP:SERVER_ERROR\n"
        "call POST /b {\"order_id\":\"o-1\",\"total\":13,\"n\":5}\n"
        "publish before key=k {\"order_id\":\"o-1\",\"total\":13}\n"
        "publish after key=k {\"a\":5,\"b\":true,\"v\":5}\ndone\n",
        ok("{\"n\":5}"), transient(), ok("true"));
}

static void retry_after_is_waited_for(void **state)
{
    struct fixture *f = *state;
    add_charge(f);
    struct belay_call_outcome later = transient();
    later.retry_after_ms = 60000;
    const struct belay_call_outcome outcomes[] = { later };
    struct drive d;
    drive_init(&d, f, outcomes, 1);
    belay_time before = f->now;
    assert_true(attempt(f, &d));
    assert_in_range(f->now - before, 60000 * BELAY_US_PER_MS, 60001 * BELAY_US_PER_MS);
    drive_deinit(&d);
    belay_buf_clear(&f->trace);
}

static void a_run_has_a_time_of_its_own(void **state)
{
    struct fixture *f = *state;
    add_charge(f);
    add_call(f, "b", "GET", "/b", NULL);
    f->def.timeout_ms = 1500;
    struct drive d;
    drive_init(&d, f, NULL, 0);
    struct belay_flow_run *run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
    assert_int_equal(belay_flow_request(run)->timeout_ms, 1500);
    struct belay_call_outcome outcome = ok("");
    assert_int_equal(belay_flow_step(run, f->now + 1400 * BELAY_US_PER_MS, &outcome),
                     BELAY_FLOW_CALL);
    assert_int_equal(belay_flow_request(run)->timeout_ms, 100);
    belay_flow_free(run);
    run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
    assert_int_equal(belay_flow_step(run, f->now + 1500 * BELAY_US_PER_MS, &outcome),
                     BELAY_FLOW_RETRY);
    assert_string_equal(belay_flow_fault(run)->type, "FLOW:TIMEOUT");
    belay_flow_free(run);
    run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
    belay_flow_time_begins(run, f->now + 9000 * BELAY_US_PER_MS); /* so long it waited for its slot */
    assert_int_equal(belay_flow_step(run, f->now + 10000 * BELAY_US_PER_MS, &outcome), BELAY_FLOW_CALL);
    assert_int_equal(belay_flow_request(run)->timeout_ms, 500);
    belay_flow_free(run);
    drive_deinit(&d);
}

/* ---- unknown outcomes: each class, repeatable or not, with and without resolve ---- */

enum how { NO_RESOLVE, RESOLVE };

static void case_of(const char *method, bool honours, enum how how, const char *expected,
                    const struct belay_call_outcome *outcomes, uint32_t count)
{
    struct fixture *f = malloc(sizeof *f);
    fixture_init(f);
    f->payments.honours_key = honours;
    struct belay_step_def *step
        = add_call(f, "charge", method, "/charges", "{% { 'amount': total } %}");
    if (how == RESOLVE)
        add_resolve(f, step, "/charges/{% order_id %}");
    add_publish(f, "p", "t", NULL, "{% $charge.body %}");
    assert_run(f, outcomes, count, expected);
    fixture_deinit(f);
    free(f);
}
#define CASE(method, honours, how, expected, ...)                                                  \
    do {                                                                                           \
        const struct belay_call_outcome list_[] = { __VA_ARGS__ };                                 \
        case_of((method), (honours), (how), (expected), list_, sizeof list_ / sizeof list_[0]);    \
    } while (0)

#define GET "call GET /charges {\"amount\":12}\n"
#define PAID "publish t key=k \"paid\"\ndone\n"
#define TIMEOUT "retry HTTP:TIMEOUT\n"
#define INVALID "retry HTTP:INVALID_BODY\n"
#define ERROR "retry HTTP:SERVER_ERROR\n"

static void what_may_be_repeated_is(void **state)
{
    (void)state;
    CASE("GET", false, NO_RESOLVE, GET TIMEOUT GET PAID, unknown(), ok("\"paid\""));
    CASE("GET", false, RESOLVE, GET TIMEOUT GET PAID, unknown(), ok("\"paid\""));
    CASE("POST", true, NO_RESOLVE, CHARGE TIMEOUT CHARGE PAID, unknown(), ok("\"paid\""));
    CASE("POST", true, RESOLVE, CHARGE TIMEOUT CHARGE TIMEOUT CHARGE "letter HTTP:TIMEOUT\n",
         unknown(), unknown(), unknown());
    CASE("POST", true, NO_RESOLVE, CHARGE "crash\n" CHARGE PAID, crash(), ok("\"paid\""));
    CASE("POST", true, RESOLVE, CHARGE "crash\n" CHARGE PAID, crash(), ok("\"paid\""));
}

/* The call was made: what may be repeated is, what may not is asked about, or somebody's matter. */
static void an_answer_that_says_json_and_is_none_is_an_unknown_outcome(void **state)
{
    (void)state;
    CASE("GET", false, NO_RESOLVE, GET INVALID GET PAID, ok("<p>"), ok("\"paid\""));
    CASE("POST", true, NO_RESOLVE, CHARGE INVALID CHARGE PAID, ok("{\"id\":"), ok("\"paid\""));
    CASE("POST", false, NO_RESOLVE, CHARGE "letter HTTP:INVALID_BODY\n", ok("<p>"));
    CASE("POST", false, RESOLVE, CHARGE ASK PAID, ok("<p>"), ok("\"paid\""));
}

/* Many answer 200 or 201, say JSON, and send nothing. */
static void an_answer_of_no_bytes_has_no_body_whatever_it_says(void **state)
{
    struct fixture *f = *state;
    f->payments.honours_key = false;
    add_charge(f);
    add_publish(f, "p", "t", NULL, "{% { 'has': $exists($charge.body), 'status': $charge.status } %}");
    const struct belay_call_outcome outcomes[] = { ok("") };
    assert_run(f, outcomes, 1, CHARGE "publish t key=k {\"has\":false,\"status\":200}\ndone\n");
}

static void an_answer_that_cannot_be_read_is_an_error_of_its_connector(void **state)
{
    struct fixture *f = *state;
    f->payments.namespace_ = BELAY_STR("WIRE");
    add_charge(f);
    const struct belay_call_outcome outcomes[] = { ok("<p>") };
    assert_run(f, outcomes, 1, CHARGE "letter WIRE:INVALID_BODY\n");
}

/* Who answers says what the body is: the call, or the one who was asked about it. */
static void an_answer_is_read_as_the_one_who_was_asked_gives_it(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct fixture *f = malloc(sizeof *f);
        fixture_init(f);
        f->payments.honours_key = false;
        struct belay_step_def *step = add_call(f, "charge", "POST", "/charges", "{% { 'amount': total } %}");
        add_resolve(f, step, "/charges/{% order_id %}");
        struct belay_call_def *text = asked ? (struct belay_call_def *)step->u.call.resolve : &step->u.call.call;
        text->answer = BELAY_ANSWER_TEXT;
        add_publish(f, "p", "t", NULL, "{% $type($charge.body) %}");
        const struct belay_call_outcome outcomes[] = { unknown(), ok("{\"id\":7}") };
        assert_run(f, outcomes, 2,
                   asked ? CHARGE ASK "publish t key=k \"string\"\ndone\n"
                         : CHARGE ASK "publish t key=k \"object\"\ndone\n");
        fixture_deinit(f);
        free(f);
    }
}

static void what_nobody_can_tell_is_a_letter(void **state)
{
    (void)state;
    CASE("POST", false, NO_RESOLVE, CHARGE "letter HTTP:TIMEOUT\n", unknown());
    CASE("POST", false, NO_RESOLVE, CHARGE ERROR CHARGE "letter HTTP:TIMEOUT\n", transient(),
         unknown());
    CASE("POST", false, NO_RESOLVE, CHARGE "crash\nletter FLOW:INTERRUPTED\n", crash());
}

static void resolve_tells_what_was_done(void **state)
{
    (void)state;
    CASE("POST", false, RESOLVE, CHARGE ASK PAID, unknown(), ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE "crash\n" ASK PAID, crash(), ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE ASK "crash\n" ASK PAID, unknown(), crash(), ok("\"paid\""));
}

static void what_was_not_done_is_done_again(void **state)
{
    (void)state;
    struct belay_call_outcome gone = not_found();
    gone.status = 410;
    CASE("POST", false, RESOLVE, CHARGE ASK TIMEOUT CHARGE PAID, unknown(), not_found(),
         ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE ASK TIMEOUT CHARGE PAID, unknown(), gone, ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE "crash\n" ASK "retry FLOW:INTERRUPTED\n" CHARGE PAID,
         crash(), not_found(), ok("\"paid\""));
    CASE("POST", false, RESOLVE,
         CHARGE ASK TIMEOUT CHARGE ASK TIMEOUT CHARGE ASK "letter HTTP:TIMEOUT\n", unknown(),
         not_found(), unknown(), not_found(), unknown(), not_found());
}

static void an_answer_that_tells_nothing_is_asked_for_again(void **state)
{
    (void)state;
    CASE("POST", false, RESOLVE, CHARGE ASK ERROR ASK PAID, unknown(), transient(), ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE ASK TIMEOUT ASK PAID, unknown(), unknown(), ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE ASK "retry HTTP:CLIENT_ERROR\n" ASK PAID, unknown(),
         refused(), ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE ASK ERROR ASK ERROR ASK "letter HTTP:TIMEOUT\n", unknown(),
         transient(), transient(), transient());
    CASE("POST", false, RESOLVE, CHARGE ASK ERROR ASK TIMEOUT CHARGE PAID, unknown(), transient(),
         not_found(), ok("\"paid\""));
}

static void known_outcomes_ask_nobody(void **state)
{
    (void)state;
    CASE("POST", false, RESOLVE, CHARGE ERROR CHARGE PAID, transient(), ok("\"paid\""));
    CASE("POST", false, RESOLVE, CHARGE "letter HTTP:CLIENT_ERROR\n", refused());
    CASE("POST", false, RESOLVE, CHARGE "letter HTTP:CLIENT_ERROR\n", not_found());
    struct belay_call_outcome fatal = failed(BELAY_CLASS_FATAL, 0, "HTTP:BROKEN");
    CASE("POST", true, RESOLVE, CHARGE "letter HTTP:BROKEN\n", fatal);
}

static void an_open_question_survives_its_letter(void **state)
{
    struct fixture *f = *state;
    static const struct belay_retry_def once = { 1, 0, 1, 1, 1, BELAY_JITTER_NONE, true, 0, NULL, 0 };
    struct belay_step_def *step = add_charge(f);
    step->u.call.retry = &once;
    add_resolve(f, step, "/charges/{% order_id %}");
    const struct belay_call_outcome outcomes[] = { unknown(), transient(), ok("1") };
    struct drive d;
    drive_init(&d, f, outcomes, 3);
    assert_false(attempt(f, &d));
    assert_trace_of(f, CHARGE ASK "letter HTTP:TIMEOUT\n");
    assert_int_equal(d.fault.class_, BELAY_CLASS_UNKNOWN_OUTCOME);
    d.attempt = 1; /* replayed: fresh attempts; it asks before it charges */
    assert_false(attempt(f, &d));
    assert_trace_of(f, ASK "done\n");
    drive_deinit(&d);
}

static void a_question_the_new_definition_cannot_ask_is_a_letter(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add_charge(f);
    add_resolve(f, step, "/charges/{% order_id %}");
    const struct belay_call_outcome outcomes[] = { unknown(), transient(), ok("1") };
    struct drive d;
    drive_init(&d, f, outcomes, 3);
    assert_true(attempt(f, &d));
    step->u.call.resolve = NULL;
    assert_false(attempt(f, &d));
    assert_trace_of(f, CHARGE ASK ERROR "letter FLOW:INTERRUPTED\n");
    f->payments.honours_key = true; /* or it may be repeated after all */
    assert_false(attempt(f, &d));
    drive_deinit(&d);
    assert_trace_of(f, CHARGE "done\n");
}

static void a_question_that_cannot_be_put_is_a_letter(void **state)
{
    struct fixture *f = *state;
    add_resolve(f, add_charge(f), "/charges/{% nothing %}");
    on_error(f, "*");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "p"), "errors", NULL, NULL);
    RUN(f, CHARGE "letter HTTP:TIMEOUT\n", unknown());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_result_of_a_call_is_known_by_its_name),
        TEST(an_answer_that_is_no_json_is_a_string),
        TEST(what_is_wrong_with_an_answer_is_said),
        TEST(an_answer_whose_result_nobody_keeps_need_not_be_read),
        cmocka_unit_test(an_answer_that_says_json_and_is_none_is_an_unknown_outcome),
        TEST(an_answer_of_no_bytes_has_no_body_whatever_it_says),
        TEST(an_answer_that_cannot_be_read_is_an_error_of_its_connector),
        cmocka_unit_test(an_answer_is_read_as_the_one_who_was_asked_gives_it),
        TEST(a_request_carries_a_key_that_stays_and_ids),
        TEST(a_body_that_is_no_json_says_its_type),
        TEST(get_and_delete_send_no_body_unless_told),
        TEST(a_transient_error_is_tried_again_until_attempts_are_used_up),
        TEST(a_permanent_error_is_not_tried_again),
        TEST(a_steps_own_policy_comes_first),
        TEST(each_step_has_attempts_of_its_own),
        TEST(quick_tries_are_made_in_place),
        TEST(the_next_step_has_quick_tries_of_its_own),
        TEST(a_retry_goes_on_after_the_last_success),
        TEST(retry_after_is_waited_for),
        TEST(a_run_has_a_time_of_its_own),
        cmocka_unit_test(what_may_be_repeated_is),
        cmocka_unit_test(what_nobody_can_tell_is_a_letter),
        cmocka_unit_test(resolve_tells_what_was_done),
        cmocka_unit_test(what_was_not_done_is_done_again),
        cmocka_unit_test(an_answer_that_tells_nothing_is_asked_for_again),
        cmocka_unit_test(known_outcomes_ask_nobody),
        TEST(an_open_question_survives_its_letter),
        TEST(a_question_the_new_definition_cannot_ask_is_a_letter),
        TEST(a_question_that_cannot_be_put_is_a_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
