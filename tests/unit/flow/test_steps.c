#include "base/alloc.h"
#include "unit/flow/fixture.h"

static void a_flow_without_steps_is_done(void **state)
{
    struct fixture *f = *state;
    RUN_QUIET(f, "done\n");
}

static void map_changes_the_body_and_publish_sends_it(void **state)
{
    struct fixture *f = *state;
    add_map(f, "map-1", "{% { 'id': order_id, 'n': $count(items) } %}");
    add_publish(f, "publish-1", "shipments", NULL, NULL);
    RUN_QUIET(f, "publish shipments key=k {\"id\":\"o-1\",\"n\":2}\ndone\n");
}

static void an_unchanged_body_is_published_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    f->message.body = BELAY_STR("{ \"a\" : 1.50 }");
    add_publish(f, "publish-1", "shipments", "{% a %}", NULL);
    RUN_QUIET(f, "publish shipments key=1.5 { \"a\" : 1.50 }\ndone\n");
}

static void only_map_changes_the_body(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add_publish(f, "p", "a", NULL, "{% { 'other': 1 } %}");
    step->as = BELAY_STR("sent");
    step = add(f, BELAY_STEP_SET, "set-1");
    step->u.set.vars = NAMED(f, &step->u.set.count, "x", "{% total * 2 %}", "y", "{% $vars.x %}");
    add_publish(f, "q", "b", "{% $vars.x %}",
                "{% { 'id': order_id, 'y': $vars.y, 'topic': $sent.topic } %}");
    RUN_QUIET(
        f,
        "publish a key=k {\"other\":1}\npublish b key=24 {\"id\":\"o-1\",\"topic\":\"a\"}\ndone\n");
}

static void set_sees_what_was_set_before(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = { "a", "b", "c" };
        struct belay_step_def *step = add(f, BELAY_STEP_SET, names[i]);
        step->u.set.vars = NAMED(f, &step->u.set.count, "n", "{% $vars.n ? $vars.n + 1 : 1 %}");
    }
    add_publish(f, "p", "t", "{% $vars.n %}", NULL);
    RUN_QUIET(f, "publish t key=3 {\"order_id\":\"o-1\",\"total\":12,\"items\":[1,2]}\ndone\n");
}

static void a_discard_ends_every_run_with_its_reason(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_FILTER, "discard-1");
    step->u.filter.reason = BELAY_STR("nobody misses it");
    add_publish(f, "p", "t", NULL, NULL);
    RUN_QUIET(f, "filtered nobody misses it\n");
}

static void a_filter_ends_the_run_with_its_reason(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_FILTER, "filter-1");
    step->u.filter.when = T(f, "{% total > 100 %}");
    step->u.filter.reason = BELAY_STR("too small");
    add_publish(f, "p", "t", NULL, NULL);
    RUN_QUIET(f, "filtered too small\n");
    f->message.body = BELAY_STR("{\"total\":101}");
    RUN_QUIET(f, "publish t key=k {\"total\":101}\ndone\n");
}

static void choose_goes_the_first_way_that_holds(void **state)
{
    struct fixture *f = *state;
    struct belay_choice_def choices[]
        = { { T(f, "{% total > 100 %}"), 1 }, { T(f, "{% total > 10 %}"), 2 }, { NULL, 3 } };
    struct belay_step_def *choose = add(f, BELAY_STEP_CHOOSE, "choose-1");
    choose->u.choose.choices = choices;
    choose->u.choose.count = 3;
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = { "large", "middle", "small" };
        set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, names[i]), names[i], NULL, "{% total %}");
    }
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "after"), "after", NULL, "{% total %}");
    for (int i = 1; i <= 3; i++)
        f->steps[i].next = 4;
    choose->next = 4;
    RUN_QUIET(f, "publish middle key=k 12\npublish after key=k 12\ndone\n");
    f->message.body = BELAY_STR("{\"total\":1000}");
    RUN_QUIET(f, "publish large key=k 1000\npublish after key=k 1000\ndone\n");
    f->message.body = BELAY_STR("{\"total\":1}");
    RUN_QUIET(f, "publish small key=k 1\npublish after key=k 1\ndone\n");
    choose->u.choose.count = 2;
    RUN_QUIET(f, "publish after key=k 1\ndone\n");
}

static void a_log_says_anything_without_failing(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_LOG, "log-1");
    step->u.log.level = 2;
    step->u.log.message = T(f, "order {% order_id %}");
    step->u.log.fields
        = NAMED(f, &step->u.log.field_count, "items", "{% items %}", "none", "{% nothing %}");
    RUN_QUIET(f, "log 2 order o-1 items=[1,2] none=\ndone\n");
}

static void a_reply_has_status_headers_and_body(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_REPLY, "reply-1");
    step->u.reply.status = T(f, "202");
    step->u.reply.headers
        = NAMED(f, &step->u.reply.header_count, "location", "/orders/{% order_id %}");
    step->u.reply.body_none = true;
    struct drive d;
    drive_init(&d, f, NULL, 0);
    struct belay_flow_run *run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_DONE);
    const struct belay_flow_reply *reply = &belay_flow_effects(run)->reply;
    assert_true(reply->present && reply->status == 202 && reply->header_count == 1);
    assert_str(reply->headers[0].value, "/orders/o-1");
    assert_int_equal(reply->body.n, 0);
    belay_flow_free(run);
    drive_deinit(&d);
}

static void a_reply_sends_the_body_as_it_is_or_its_own(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_REPLY, "reply-1");
    RUN_QUIET(f, "reply 200 {\"order_id\":\"o-1\",\"total\":12,\"items\":[1,2]}\ndone\n");
    step->u.reply.body = T(f, "{% { 'id': order_id } %}");
    RUN_QUIET(f, "reply 200 {\"id\":\"o-1\"}\ndone\n");
    step->u.reply.body = T(f, "hello");
    RUN_QUIET(f, "reply 200 \"hello\"\ndone\n");
    step->u.reply.headers = NAMED(f, &step->u.reply.header_count, "Content-Type", "text/plain");
    RUN_QUIET(f, "reply 200 hello\ndone\n");
}

static void a_status_that_is_none_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_REPLY, "reply-1");
    step->u.reply.status = T(f, "{% total %}");
    RUN_QUIET(f, "letter EXPRESSION:ERROR\n");
    f->message.body = BELAY_STR("{\"total\":\"404\"}");
    RUN_QUIET(f, "reply 404 {\"total\":\"404\"}\ndone\n");
}

static void dead_letter_ends_the_run_after_what_it_did(void **state)
{
    struct fixture *f = *state;
    add_publish(f, "p", "alerts", NULL, "{% { 'bad': order_id } %}");
    struct belay_step_def *step = add(f, BELAY_STEP_DEAD_LETTER, "give-up");
    step->u.dead_letter.skip = true;
    step->u.dead_letter.reason = T(f, "order {% order_id %} makes no sense");
    struct drive d;
    drive_init(&d, f, NULL, 0);
    drive(f, &d);
    assert_trace_of(f, "publish alerts key=k {\"bad\":\"o-1\"}\nletter FLOW:DEAD_LETTER skip\n");
    assert_string_equal(d.fault.description, "order o-1 makes no sense");
    assert_string_equal(d.fault.step, "give-up");
    assert_int_equal(d.progress.n, 0); /* replayed, it begins anew */
    drive_deinit(&d);
}

static void expressions_see_message_headers_and_params(void **state)
{
    struct fixture *f = *state;
    static const struct belay_field headers[]
        = { { BELAY_STR_INIT("x-tenant"), BELAY_STR_INIT("acme") } };
    f->message.headers = headers;
    f->message.header_count = 1;
    f->params[0] = (struct belay_field){ BELAY_STR("order_id"), BELAY_STR("17") };
    f->params[1] = (struct belay_field){ BELAY_STR("verbose"), BELAY_STR("1") };
    add_map(f, "m",
            "{% { 'id': $message.id, 'key': $message.key, 'c': $message.correlationid, "
            "'a': $message.attempt, 't': $message.time, 's': $message.subject, "
            "'h': $headers.'x-tenant', 'p': $params.order_id, 'b': total } %}");
    add_publish(f, "p", "t", NULL, NULL);
    RUN_QUIET(f,
              "publish t key=k {\"id\":\"m-1\",\"key\":\"k\",\"c\":\"c-1\",\"a\":1,"
              "\"t\":\"1970-01-01T00:16:40.000Z\",\"h\":\"acme\",\"p\":\"17\",\"b\":12}\ndone\n");
}

static void a_body_that_is_no_json_is_a_string(void **state)
{
    struct fixture *f = *state;
    f->message.body = BELAY_STR("a,b,c");
    f->message.datacontenttype = BELAY_STR("text/csv");
    add_map(f, "m", "{% $split($, ',') %}");
    add_publish(f, "p", "t", NULL, NULL);
    RUN_QUIET(f, "publish t key=k [\"a\",\"b\",\"c\"]\ndone\n");
    f->message.datacontenttype = BELAY_STR(""); /* nobody says what it is */
    RUN_QUIET(f, "publish t key=k [\"a\",\"b\",\"c\"]\ndone\n");
    f->message.datacontenttype = BELAY_STR("application/json");
    RUN_QUIET(f, "letter VALIDATION:JSON\n");
}

static void a_body_nobody_looks_at_may_be_anything(void **state)
{
    struct fixture *f = *state;
    f->message.body = BELAY_STR("{ no json");
    add_publish(f, "p", "t", NULL, NULL);
    RUN_QUIET(f, "publish t key=k { no json\ndone\n");
}

static void what_is_undefined_makes_no_body_key_or_topic(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add_publish(f, "p", "t", "{% nothing %}", NULL);
    RUN_QUIET(f, "letter EXPRESSION:UNDEFINED\n");
    step->u.publish.key = T(f, "{% items %}"); /* no scalar */
    RUN_QUIET(f, "letter EXPRESSION:UNDEFINED\n");
    step->u.publish.key = NULL;
    step->u.publish.body = T(f, "{% nothing %}");
    RUN_QUIET(f, "letter EXPRESSION:UNDEFINED\n");
    step->u.publish.body = NULL;
    step->u.publish.target = T(f, "{% nothing %}");
    RUN_QUIET(f, "letter EXPRESSION:UNDEFINED\n");
    *step = (struct belay_step_def){ .kind = BELAY_STEP_MAP,
                                     .name = BELAY_STR("m"),
                                     .next = BELAY_STEP_END };
    step->u.map.value = T(f, "{% nothing.at.all %}");
    RUN_QUIET(f, "letter EXPRESSION:UNDEFINED\n");
}

static void a_published_message_is_derived_from_its_parent(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add_publish(f, "p", "t", "{% order_id %}", NULL);
    char id[33];
    belay_message_derive_id(BELAY_STR("m-1"), BELAY_STR("p"), 0, id);
    step->u.publish.type = T(f, "order.shipped");
    step->u.publish.delay = T(f, "1m30s");
    step->u.publish.headers = NAMED(f, &step->u.publish.header_count, "x", "{% total %}");
    f->message.traceparent = BELAY_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    struct drive d;
    drive_init(&d, f, NULL, 0);
    struct belay_flow_run *run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_DONE);
    const struct belay_publication *p = &belay_flow_effects(run)->publications[0];
    assert_true(belay_str_eq(p->message.id, belay_str_c(id)));
    assert_str(p->message.source, "/flows/notify");
    assert_str(p->message.type, "order.shipped");
    assert_str(p->message.correlationid, "c-1");
    assert_str(p->message.causationid, "m-1");
    assert_str(p->message.datacontenttype, "application/json");
    assert_true(belay_str_eq(p->message.traceparent, f->message.traceparent));
    assert_int_equal(p->delay_ms, 90000);
    assert_int_equal(p->message.time, f->now);
    assert_str(p->message.headers[0].value, "12");
    belay_flow_free(run);
    drive_deinit(&d);
}

static void a_delay_is_a_duration_or_milliseconds(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = { { "250", 250 },       { "250ms", 250 },    { "2s", 2000 }, { "5m", 300000 },
                 { "1h30m", 5400000 }, { "7d", 604800000 }, { "0", 0 } };
    static const char *const bad[]
        = { "", "s", "5 m", "-1", "1x", "1h30", "99999999999999999999d", "1.5s" };
    struct belay_step_def *step = add_publish(f, "p", "t", NULL, NULL);
    struct drive d;
    drive_init(&d, f, NULL, 0);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        step->u.publish.delay = T(f, good[i].text);
        struct belay_flow_run *run = drive_begin(f, &d);
        assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_DONE);
        assert_int_equal(belay_flow_effects(run)->publications[0].delay_ms, good[i].ms);
        belay_flow_free(run);
    }
    drive_deinit(&d);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        step->u.publish.delay = T(f, bad[i]);
        RUN_QUIET(f, "letter EXPRESSION:ERROR\n");
    }
}

static void limits_are_errors_of_the_flow(void **state)
{
    struct fixture *f = *state;
    char key[BELAY_KEY_BYTES_MAX + 16];
    memset(key, 'k', sizeof key);
    key[BELAY_KEY_BYTES_MAX + 1] = '\0';
    struct belay_step_def *step = add_publish(f, "p", "t", key, "{% total %}");
    RUN_QUIET(f, "letter FLOW:LIMIT\n");
    key[BELAY_KEY_BYTES_MAX] = '\0';
    step->u.publish.key = T(f, key);
    struct drive d;
    drive_init(&d, f, NULL, 0);
    drive(f, &d);
    drive_deinit(&d);
    assert_false(d.has_fault);
    belay_buf_clear(&f->trace);
}

static void the_same_run_draws_the_same_numbers(void **state)
{
    struct fixture *f = *state;
    char first[256];
    add_map(f, "m", "{% $uuid() %}");
    add_publish(f, "p", "t", NULL, NULL);
    for (int i = 0; i < 2; i++) {
        struct drive d;
        drive_init(&d, f, NULL, 0);
        drive(f, &d);
        drive_deinit(&d);
        belay_buf_put_c(&f->trace, '\0');
        if (i)
            assert_string_equal(f->trace.p, first);
        snprintf(first, sizeof first, "%s", f->trace.p);
        belay_buf_clear(&f->trace);
    }
}

static void a_lane_key_is_the_messages_or_an_expressions(void **state)
{
    struct fixture *f = *state;
    struct belay_fault fault;
    struct belay_str key;
    static const struct belay_field headers[]
        = { { BELAY_STR_INIT("idempotency-key"), BELAY_STR_INIT("a1") } };
    f->message.headers = headers;
    f->message.header_count = 1;
    assert_ok(belay_flow_key(NULL, &f->message, NULL, f->now, &f->arena, &key, &fault));
    assert_str(key, "k");
    assert_ok(belay_flow_key(T(f, "{% order_id %}-{% $message.id %}"), &f->message, NULL, f->now,
                               &f->arena, &key, &fault));
    assert_str(key, "o-1-m-1");
    assert_ok(belay_flow_key(T(f, "{% $headers.'idempotency-key' %}"), &f->message, NULL, f->now,
                               &f->arena, &key, &fault));
    assert_str(key, "a1");
    assert_int_equal(belay_flow_key(T(f, "{% nothing %}"), &f->message, NULL, f->now, &f->arena, &key, &fault), BELAY_INVALID);
    assert_string_equal(fault.type, "EXPRESSION:UNDEFINED");
    f->message.body = BELAY_STR("{");
    assert_int_equal(belay_flow_key(T(f, "{% nothing %}"), &f->message, NULL, f->now, &f->arena, &key, &fault), BELAY_INVALID);
    assert_string_equal(fault.type, "VALIDATION:JSON");
}

/* A key that would fill any arena is none, for good; one that there is no memory for now is one later. */
static void no_memory_for_a_key_is_not_no_key(void **state)
{
    struct fixture *f = *state;
    const struct belay_template *dear = T(f, "{% $length($pad('', 5000, 'x')) & order_id %}");
    struct belay_fault fault;
    struct belay_str key;
    struct belay_arena small, fresh;
    belay_arena_init(&small, 256, 4096);
    assert_int_equal(belay_flow_key(dear, &f->message, NULL, f->now, &small, &key, &fault), BELAY_INVALID);
    assert_string_equal(fault.type, "EXPRESSION:LIMIT");
    assert_int_equal(fault.class_, BELAY_CLASS_PERMANENT);
    belay_arena_deinit(&small);
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status != BELAY_OK && n < 100; n++) {
        belay_arena_init(&fresh, 256, BELAY_MIB(1));
        belay_alloc_fail_after(n);
        status = belay_flow_key(dear, &f->message, NULL, f->now, &fresh, &key, &fault);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(n == 0 ? status == BELAY_NOMEM : status == BELAY_NOMEM || status == BELAY_OK);
        if (status == BELAY_OK)
            assert_str(key, "5000o-1");
        belay_arena_deinit(&fresh);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flow_without_steps_is_done),
        TEST(map_changes_the_body_and_publish_sends_it),
        TEST(an_unchanged_body_is_published_byte_by_byte),
        TEST(only_map_changes_the_body),
        TEST(set_sees_what_was_set_before),
        TEST(a_filter_ends_the_run_with_its_reason),
        TEST(a_discard_ends_every_run_with_its_reason),
        TEST(choose_goes_the_first_way_that_holds),
        TEST(a_log_says_anything_without_failing),
        TEST(a_reply_has_status_headers_and_body),
        TEST(a_reply_sends_the_body_as_it_is_or_its_own),
        TEST(a_status_that_is_none_is_an_error),
        TEST(dead_letter_ends_the_run_after_what_it_did),
        TEST(expressions_see_message_headers_and_params),
        TEST(a_body_that_is_no_json_is_a_string),
        TEST(a_body_nobody_looks_at_may_be_anything),
        TEST(what_is_undefined_makes_no_body_key_or_topic),
        TEST(a_published_message_is_derived_from_its_parent),
        TEST(a_delay_is_a_duration_or_milliseconds),
        TEST(limits_are_errors_of_the_flow),
        TEST(the_same_run_draws_the_same_numbers),
        TEST(a_lane_key_is_the_messages_or_an_expressions),
        TEST(no_memory_for_a_key_is_not_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
