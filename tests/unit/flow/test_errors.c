#include "unit/flow/fixture.h"

#define CHARGE "call POST /charges {\"order_id\":\"o-1\",\"total\":12,\"items\":[1,2]}\n"
#define ERRORS                                                                                     \
    "publish errors key=k {\"order\":\"o-1\",\"why\":\"HTTP:CLIENT_ERROR\",\"status\":422}\n"

/* publish before -> charge -> publish after; on_error: publish errors */
static void order_flow(struct fixture *f, const char *pattern)
{
    add_publish(f, "p", "before", NULL, "{% total %}");
    add_call(f, "charge", "POST", "/charges", NULL);
    add_publish(f, "q", "after", NULL, "{% total %}");
    on_error(f, pattern);
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e"), "errors", NULL,
                "{% { 'order': order_id, 'why': $error.type, 'status': $error.status } %}");
}

static void an_error_is_handled_by_the_rule_that_names_it(void **state)
{
    struct fixture *f = *state;
    order_flow(f, "HTTP:CLIENT_ERROR");
    struct drive d;
    const struct belay_call_outcome outcomes[] = { refused() };
    drive_init(&d, f, outcomes, 1);
    drive(f, &d);
    assert_trace_of(f, CHARGE "publish before key=k 12\n" ERRORS "done\n");
    assert_true(d.has_fault); /* done, and yet one learns what had failed */
    assert_string_equal(d.fault.type, "HTTP:CLIENT_ERROR");
    drive_deinit(&d);
}

static void an_error_no_rule_names_is_a_letter_without_effects(void **state)
{
    struct fixture *f = *state;
    order_flow(f, "HTTP:TIMEOUT");
    RUN(f, CHARGE "letter HTTP:CLIENT_ERROR\n", refused());
}

static void a_transient_error_is_handled_when_it_is_exhausted(void **state)
{
    struct fixture *f = *state;
    order_flow(f, "class:transient");
    f->def.retry.max_attempts = 2;
    RUN(f,
        CHARGE "retry HTTP:SERVER_ERROR\n" CHARGE "publish before key=k 12\n"
               "publish errors key=k "
               "{\"order\":\"o-1\",\"why\":\"HTTP:SERVER_ERROR\",\"status\":503}\ndone\n",
        transient(), transient());
}

static void rules_are_asked_in_order(void **state)
{
    struct fixture *f = *state;
    order_flow(f, "HTTP:404");
    on_error(f, "HTTP");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e2"), "second", NULL, "{% total %}");
    on_error(f, "*");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e3"), "third", NULL, "{% total %}");
    RUN(f, CHARGE "publish before key=k 12\npublish second key=k 12\ndone\n", refused());
    f->message.datacontenttype = BELAY_STR("application/json");
    f->message.body = BELAY_STR("{");
    RUN_QUIET(f, "letter VALIDATION:JSON\n"); /* the handler needs the body too */
}

static void a_letter_takes_the_rules_effects_along(void **state)
{
    struct fixture *f = *state;
    order_flow(f, "HTTP");
    struct belay_step_def *step = add(f, BELAY_STEP_DEAD_LETTER, "dl");
    step->u.dead_letter.skip = true;
    const struct belay_call_outcome outcomes[] = { refused(), ok("1") };
    struct drive d;
    drive_init(&d, f, outcomes, 2);
    assert_false(attempt(f, &d));
    assert_trace_of(f, CHARGE ERRORS "letter HTTP:CLIENT_ERROR skip\n");
    d.attempt = 1; /* replayed: from the step that failed, with what was gathered before it */
    assert_false(attempt(f, &d));
    assert_trace_of(f, CHARGE "publish before key=k 12\npublish after key=k 12\ndone\n");
    drive_deinit(&d);
}

static void a_handler_changes_nothing_for_the_replay(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% { 'n': 1 } %}");
    struct belay_step_def *set = add(f, BELAY_STEP_SET, "s");
    set->u.set.vars = NAMED(f, &set->u.set.count, "v", "{% 1 %}");
    add_call(f, "a", "POST", "/a", "{% { 'n': n, 'v': $vars.v } %}");
    add_call(f, "b", "POST", "/b", "{% { 'n': n, 'v': $vars.v, 'a': $a.body } %}");
    on_error(f, "*");
    struct belay_step_def *step = add_apart(f, BELAY_STEP_MAP, "em");
    step->u.map.value = T(f, "{% { 'n': 2 } %}");
    set = add(f, BELAY_STEP_SET, "es");
    set->u.set.vars = NAMED(f, &set->u.set.count, "v", "{% 2 %}", "w", "{% $vars.v %}");
    add_publish(f, "ep", "errors", NULL,
                "{% { 'n': n, 'v': $vars.v, 'w': $vars.w, 'a': $a.body } %}");
    add(f, BELAY_STEP_DEAD_LETTER, "dl");
    const struct belay_call_outcome outcomes[] = { ok("7"), refused(), ok("") };
    struct drive d;
    drive_init(&d, f, outcomes, 3);
    assert_false(attempt(f, &d));
    assert_trace_of(
        f, "call POST /a {\"n\":1,\"v\":1}\ncall POST /b {\"n\":1,\"v\":1,\"a\":7}\n"
           "publish errors key=k {\"n\":2,\"v\":2,\"w\":1,\"a\":7}\nletter HTTP:CLIENT_ERROR\n");
    d.attempt = 1;
    assert_false(attempt(f, &d));
    assert_trace_of(f, "call POST /b {\"n\":1,\"v\":1,\"a\":7}\ndone\n");
    drive_deinit(&d);
}

static void a_call_in_a_rule_is_tried_again_like_any_other(void **state)
{
    struct fixture *f = *state;
    add_publish(f, "p", "before", NULL, "{% total %}");
    add_call(f, "charge", "POST", "/charges", NULL);
    on_error(f, "HTTP");
    struct belay_step_def *step = add_apart(f, BELAY_STEP_CALL, "tell");
    step->as = BELAY_STR("told");
    step->u.call.call = call_def(f, "POST", "/tell", "{% { 'why': $error.type } %}");
    add_publish(f, "e", "errors", NULL, "{% { 'told': $told.body, 'why': $error.description } %}");
    RUN(f,
        CHARGE "call POST /tell {\"why\":\"HTTP:CLIENT_ERROR\"}\nretry HTTP:SERVER_ERROR\n"
               "call POST /tell {\"why\":\"HTTP:CLIENT_ERROR\"}\npublish before key=k 12\n"
               "publish errors key=k {\"told\":1,\"why\":\"no\"}\ndone\n",
        refused(), transient(), ok("1"));
    RUN(f,
        CHARGE "call POST /tell {\"why\":\"HTTP:CLIENT_ERROR\"}\ncrash\nletter FLOW:INTERRUPTED\n",
        refused(), crash());
}

static void an_error_in_a_rule_is_a_letter_that_tells_of_both(void **state)
{
    struct fixture *f = *state;
    order_flow(f, "*");
    f->steps[3].u.publish.key = T(f, "{% nothing %}");
    struct drive d;
    const struct belay_call_outcome outcomes[] = { refused() };
    drive_init(&d, f, outcomes, 1);
    drive(f, &d);
    assert_trace_of(f, CHARGE "letter EXPRESSION:UNDEFINED\n");
    assert_non_null(strstr(d.fault.description, "on_error was handling HTTP:CLIENT_ERROR: no"));
    assert_string_equal(d.fault.step, "e");
    drive_deinit(&d);
}

static void an_error_of_an_expression_goes_the_same_way(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% $number('x') %}");
    on_error(f, "EXPRESSION:ERROR");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e"), "errors", NULL,
                "{% { 'step': $error.step } %}");
    RUN_QUIET(f, "publish errors key=k {\"step\":\"m\"}\ndone\n");
}

static void an_error_of_an_expression_is_named_by_its_code(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% $error('no such customer') %}");
    on_error(f, "EXPRESSION:D3137");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e"), "errors", NULL,
                "{% { 'type': $error.type, 'why': $error.description } %}");
    RUN_QUIET(f, "publish errors key=k {\"type\":\"EXPRESSION:D3137\",\"why\":\"no such customer (D3137, at byte 9)\"}\ndone\n");
}

static void an_unknown_outcome_is_never_handled_by_a_rule(void **state)
{
    struct fixture *f = *state;
    order_flow(f, "*");
    RUN(f, CHARGE "letter HTTP:TIMEOUT\n", unknown());
}

static void a_rule_may_answer(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_REPLY, "r");
    add_map(f, "m", "{% nothing %}");
    on_error(f, "EXPRESSION:UNDEFINED");
    step = add_apart(f, BELAY_STEP_REPLY, "er");
    step->u.reply.status = T(f, "404");
    step->u.reply.body = T(f, "{% { 'title': $error.description } %}");
    RUN_QUIET(f, "reply 404 {\"title\":\"what map made is undefined\"}\ndone\n");
}

static void the_answer_of_an_error_can_be_read(void **state)
{
    struct fixture *f = *state;
    add_call(f, "charge", "POST", "/charges", NULL);
    on_error(f, "HTTP");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e"), "errors", NULL,
                "{% { 'code': $error.body.code } %}");
    struct belay_call_outcome declined = refused();
    declined.body = BELAY_STR("{\"code\":\"card_declined\"}");
    RUN(f, CHARGE "publish errors key=k {\"code\":\"card_declined\"}\ndone\n", declined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_error_is_handled_by_the_rule_that_names_it),
        TEST(an_error_no_rule_names_is_a_letter_without_effects),
        TEST(a_transient_error_is_handled_when_it_is_exhausted),
        TEST(rules_are_asked_in_order),
        TEST(a_letter_takes_the_rules_effects_along),
        TEST(a_handler_changes_nothing_for_the_replay),
        TEST(a_call_in_a_rule_is_tried_again_like_any_other),
        TEST(an_error_in_a_rule_is_a_letter_that_tells_of_both),
        TEST(an_error_of_an_expression_goes_the_same_way),
        TEST(an_error_of_an_expression_is_named_by_its_code),
        TEST(an_unknown_outcome_is_never_handled_by_a_rule),
        TEST(a_rule_may_answer),
        TEST(the_answer_of_an_error_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
