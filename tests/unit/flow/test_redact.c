/* What leaves a run without what may not be told: logs and faults; what stays within it as it is. */
#include "json/redact.h"

#include "unit/flow/fixture.h"

static void set_rules(struct fixture *f)
{
    static const struct belay_str paths[] = { BELAY_STR_INIT("card"), BELAY_STR_INIT("token") },
                                  secrets[] = { BELAY_STR_INIT("s3cret-bearer") };
    const struct belay_redact_opt opt = { .paths = paths, .path_count = 2, .secrets = secrets, .secret_count = 1 };
    struct belay_err err;
    assert_ok(belay_redact_new(&opt, &f->arena, &f->redact, &err));
    f->message.body = BELAY_STR("{\"order_id\":\"o-1\",\"total\":12,\"card\":{\"number\":4111222233334444,\"name\":\"Ann Example\"}}");
}

static struct belay_step_def *add_log(struct fixture *f, const char *text)
{
    struct belay_step_def *step = add(f, BELAY_STEP_LOG, "log-1");
    step->u.log.level = 2;
    step->u.log.message = T(f, text);
    return step;
}

static void a_log_tells_no_named_value_wherever_it_went(void **state)
{
    struct fixture *f = *state;
    set_rules(f);
    struct belay_step_def *set = add(f, BELAY_STEP_SET, "set-1");
    set->u.set.vars = NAMED(f, &set->u.set.count, "who", "{% card.name %}");
    add_map(f, "map-1", "{% { 'id': order_id, 'copy': card } %}");
    struct belay_step_def *step = add_log(f, "of {% $vars.who %}: {% copy.number %}");
    step->u.log.fields = NAMED(f, &step->u.log.field_count, "all", "{% $ %}", "last", "{% $substring($string(copy.number), -4) %}");
    RUN_QUIET(f, "log 2 of [redacted]: [redacted] all={\"id\":\"o-1\",\"copy\":{\"number\":\"[redacted]\",\"name\":\"[redacted]\"}} last=4444\ndone\n");
}

static void a_log_tells_no_header_that_holds_credentials(void **state)
{
    struct fixture *f = *state;
    static const struct belay_field headers[] = { { BELAY_STR_INIT("Authorization"), BELAY_STR_INIT("Bearer abcdef") },
                                                  { BELAY_STR_INIT("x-a"), BELAY_STR_INIT("open") } };
    set_rules(f);
    f->message.headers = headers;
    f->message.header_count = 2;
    add_log(f, "{% $headers.Authorization %} {% $headers.'x-a' %}");
    RUN_QUIET(f, "log 2 [redacted] open\ndone\n");
}

static void what_an_answer_holds_is_not_told_either(void **state)
{
    struct fixture *f = *state;
    set_rules(f);
    add_call(f, "charge", "POST", "/c", "{% { 'a': 1 } %}");
    add_log(f, "{% $charge.body.token %} {% $charge.body.id %}");
    RUN(f, "call POST /c {\"a\":1}\nlog 2 [redacted] ch-1\ndone\n", ok("{\"token\":\"tok-123456\",\"id\":\"ch-1\"}"));
}

static struct belay_fault fault_of(struct fixture *f, const struct belay_call_outcome *outcome)
{
    struct drive d;
    struct belay_fault fault;
    drive_init(&d, f, outcome, 1);
    drive(f, &d);
    assert_true(d.has_fault);
    fault = d.fault;
    drive_deinit(&d);
    belay_buf_clear(&f->trace);
    return fault;
}

static void a_fault_tells_neither_what_it_quotes_nor_where_it_went(void **state)
{
    struct fixture *f = *state;
    struct belay_call_outcome o = refused();
    set_rules(f);
    add_call(f, "charge", "POST", "/c", "{% { 'a': 1 } %}");
    o.description = BELAY_STR("card 4111222233334444 of \"Ann Example\" with tok-123456 by s3cret-bearer");
    o.endpoint = BELAY_STR("POST http://h/by/Ann%20Example");
    o.body = BELAY_STR("{\"token\":\"tok-123456\",\"number\":4111222233334444,\"auth\":\"s3cret-bearer\",\"why\":\"no\"}");
    const struct belay_fault fault = fault_of(f, &o);
    assert_string_equal(fault.description, "card [redacted] of \"[redacted]\" with [redacted] by [redacted]");
    assert_string_equal(fault.endpoint, "POST http://h/by/[redacted]");
    /* what its own place names stays: it is hidden where it is shown */
    assert_str(belay_str(fault.excerpt, fault.excerpt_n),
               "{\"token\":\"tok-123456\",\"number\":\"[redacted]\",\"auth\":\"[redacted]\",\"why\":\"no\"}");
}

static void what_was_cut_is_not_told_in_part(void **state)
{
    struct fixture *f = *state;
    struct belay_call_outcome o = refused();
    char body[BELAY_FAULT_EXCERPT_MAX + 32];
    set_rules(f);
    add_call(f, "charge", "POST", "/c", "{% { 'a': 1 } %}");
    memset(body, 'x', sizeof body);
    memcpy(body + BELAY_FAULT_EXCERPT_MAX - 7, "4111222233334444", 16); /* seven bytes of it are kept */
    o.body = belay_str(body, sizeof body);
    const struct belay_fault fault = fault_of(f, &o);
    assert_null(memmem(fault.excerpt, fault.excerpt_n, "4111", 4));
}

static void expressions_see_an_error_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct belay_call_outcome o = refused();
    set_rules(f);
    add_call(f, "charge", "POST", "/c", "{% { 'a': 1 } %}");
    on_error(f, "HTTP:CLIENT_ERROR");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "p"), "t", NULL, "{% { 'why': $error.description, 'n': $error.body.n } %}");
    o.description = BELAY_STR("no card 4111222233334444");
    o.body = BELAY_STR("{\"n\":4111222233334444}");
    RUN(f, "call POST /c {\"a\":1}\npublish t key=k {\"why\":\"no card 4111222233334444\",\"n\":4111222233334444}\ndone\n", o);
    const struct belay_fault fault = fault_of(f, &o);
    assert_string_equal(fault.description, "no card [redacted]");
}

static void an_expression_that_fails_quotes_nothing(void **state)
{
    struct fixture *f = *state;
    struct drive d;
    set_rules(f);
    add_map(f, "map-1", "{% $number(card.name) %}");
    drive_init(&d, f, NULL, 0);
    drive(f, &d);
    assert_null(strstr(d.fault.description, "Ann"));
    drive_deinit(&d);
}

static void without_rules_all_is_told(void **state)
{
    struct fixture *f = *state;
    add_log(f, "{% order_id %}");
    RUN_QUIET(f, "log 2 o-1\ndone\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_log_tells_no_named_value_wherever_it_went),
        TEST(a_log_tells_no_header_that_holds_credentials),
        TEST(what_an_answer_holds_is_not_told_either),
        TEST(a_fault_tells_neither_what_it_quotes_nor_where_it_went),
        TEST(what_was_cut_is_not_told_in_part),
        TEST(expressions_see_an_error_as_it_is),
        TEST(an_expression_that_fails_quotes_nothing),
        TEST(without_rules_all_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
