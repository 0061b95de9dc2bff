/* Warnings: what each rule sees, and what it does not. */
#include "config/config.h"

#include "unit/config/files.h"
#include "unit/config/order.h"

#define HEAD "belay: 1\nname: a\n"

/* Loads, and returns what was said (the caller's buffer); everything here loads. */
static const char *said(const char *yaml, const char *openapi, struct belay_buf *out)
{
    const struct mem_file files[]
        = { { "belay.yaml", yaml }, { "api.yaml", openapi ? openapi : "" }, { 0 } };
    struct mem_config m;
    mem_load(&m, files);
    belay_buf_clear(out);
    for (uint32_t i = 0; i < m.problems.count; i++) {
        const struct belay_problem *p = &m.problems.items[i];
        belay_buf_printf(out, "%u:%u: %s [%s]\n", p->place.line, p->place.column, p->message.p,
                         p->rule);
    }
    belay_buf_put_c(out, '\0');
    if (m.status)
        print_error("%s", out->p);
    assert_ok(m.status);
    assert_int_equal(m.problems.error_count, 0);
    mem_free(&m);
    return out->p;
}

#define BEGIN                                                                                      \
    struct belay_buf out;                                                                          \
    (void)state;                                                                                   \
    belay_buf_init(&out, 1 << 20)
#define END belay_buf_deinit(&out)

static void what_nobody_reads_is_named(void **state)
{
    BEGIN;
    assert_string_equal(said(HEAD "topics: { t: {}, u: {} }\nqueues: { q: {} }\n"
                                  "flows: { f: { from: { topic: u }, steps: [ { log: x } ] } }\n",
                             NULL, &out),
                        "3:11: nothing reads the topic 't' [unread]\n"
                        "4:11: nothing reads the queue 'q' [unread]\n");
    END;
}

static void an_awaited_topic_is_read(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD
             "topics: { t: {}, u: {} }\nsagas:\n  s:\n    from: { topic: t }\n    id: \"{% x %}\"\n"
             "    steps:\n      - name: w\n        await: { topic: u, match: '{% x %}', timeout: 1s }\n",
             NULL, &out),
        "");
    END;
}

static void a_connection_that_nothing_calls_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "connections: { c: { http: { base_url: http://h } } }\n", NULL, &out),
        "3:16: nothing calls the connection 'c' [unused-connection]\n");
    END;
}

static void a_connection_whose_retries_nothing_bounds_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "connections: { c: { http: { base_url: http://h }, retry_budget: 0, breaker: false } }\n", NULL, &out),
        "3:16: nothing bounds the retries of 'c': an outage becomes a storm [storm]\n"
        "3:16: nothing calls the connection 'c' [unused-connection]\n");
    END;
}

#define CALL(options, call)                                                                        \
    HEAD "connections:\n  c: { http: { base_url: http://h }" options " }\ntopics: { t: {} }\n"     \
         "flows:\n  f:\n    from: { topic: t }\n    steps:\n      - call: { connection: c, path: " \
         "/, " call

static void a_call_that_may_not_be_repeated_asks_for_resolve(void **state)
{
    BEGIN;
    assert_string_equal(
        said(CALL("", "method: POST }\n"), NULL, &out),
        "10:9: where 'c' gives no answer, a person must find out whether the call was done "
        "[unknown-outcome]\n");
    assert_string_equal(said(CALL("", "method: PUT }\n"), NULL, &out), "");
    assert_string_equal(said(CALL("", "body: x }\n"), NULL, &out), "");
    assert_string_equal(said(CALL(", idempotency: { header: k }", "method: POST }\n"), NULL, &out),
                        "");
    assert_string_equal(said(CALL("", "method: \"{% m %}\" }\n"), NULL, &out), "");
    assert_string_equal(
        said(CALL("", "method: POST }\n        resolve: { connection: c, path: /x }\n"), NULL,
             &out),
        "");
    END;
}

#define SAGA(steps)                                                                                \
    HEAD "connections:\n  c: { http: { base_url: http://h }, idempotency: { header: k } }\n"       \
         "topics: { t: {}, e: {} }\nflows: { f: { from: { topic: e }, steps: [ { call: { "         \
         "connection: c, path: / } } ] } }\n"                                                      \
         "sagas:\n  s:\n    from: { topic: t }\n    id: \"{% x %}\"\n    deadline: 5m\n    steps:\n" steps

static void a_saga_s_message_that_nothing_undoes_is_named(void **state)
{
    BEGIN;
    assert_string_equal(said(SAGA("      - name: p\n        publish: { topic: e }\n"), NULL, &out),
                        "13:9: once the message of 'p' is being handled, nothing undoes it "
                        "[publish-without-compensate]\n");
    assert_string_equal(
        said(SAGA("      - name: p\n        publish: { topic: e }\n        compensate: {}\n"), NULL,
             &out),
        "");
    END;
}

static void a_saga_s_call_that_nothing_undoes_is_named_but_for_the_last(void **state)
{
    BEGIN;
    assert_string_equal(
        said(SAGA("      - name: a\n        call: { connection: c, method: POST, path: / }\n"
                  "      - name: b\n        call: { connection: c, path: / }\n"
                  "      - name: c\n        call: { connection: c, method: POST, path: / }\n"),
             NULL, &out),
        "13:9: when a later step fails, nothing undoes 'a' [call-without-compensate]\n");
    END;
}

static void waiting_beyond_the_deadline_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(SAGA("      - name: w\n        await: { topic: e, match: '{% x %}', timeout: 6m }\n"), NULL,
             &out),
        "13:9: 'w' may wait longer than the whole saga's deadline [deadline]\n");
    END;
}

static void flows_in_a_circle_are_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "topics: { a: {}, b: {}, c: {} }\nflows:\n"
                  "  f:\n    from: { topic: a }\n    steps:\n      - publish: { topic: b }\n"
                  "  g:\n    from: { topic: b }\n    steps:\n      - publish: { topic: a }\n"
                  "      - publish: { topic: c }\n"
                  "  h:\n    from: { topic: c }\n    steps:\n      - publish: { topic: c }\n",
             NULL, &out),
        "8:9: what 'f' publishes to 'b' comes back to it [circle]\n"
        "12:9: what 'g' publishes to 'a' comes back to it [circle]\n"
        "17:9: what 'h' publishes to 'c' comes back to it [circle]\n");
    END;
}

static void queues_that_could_wait_for_each_other_for_ever_are_named(void **state)
{
    BEGIN;
#define LOOP(a, b)                                                                                 \
    HEAD "queues: { a: " a ", b: " b " }\nflows:\n"                                                \
         "  f:\n    from: { queue: a }\n    steps: [ { publish: { queue: b } } ]\n"                \
         "  g:\n    from: { queue: b }\n    steps: [ { publish: { queue: a } } ]\n"
    assert_string_equal(said(LOOP("{ max_messages: 5 }", "{ max_age: 5s }"), NULL, &out),
                        "7:14: 'a' and 'b' lead to each other: both full, they wait for ever [circle]\n"
                        "10:14: 'b' and 'a' lead to each other: both full, they wait for ever [circle]\n");
    assert_string_equal(said(LOOP("{ max_messages: 5 }", "{ max_bytes: 5KiB, on_full: reject }"), NULL, &out),
                        "7:14: what 'f' publishes to 'b' comes back to it [circle]\n"
                        "10:14: what 'g' publishes to 'a' comes back to it [circle]\n");
    END;
}

static void a_saga_and_its_worker_are_no_circle(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load(&m, order_files);
    assert_ok(m.status);
    assert_int_equal(m.problems.count, 0);
    mem_free(&m);
}

static void what_is_never_reached_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "topics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps:\n"
                  "      - dead_letter: no\n      - log: never\n"
                  "    on_error:\n      - { when: '*', steps: [ { discard: x } ] }\n      - { when: "
                  "HTTP, steps: [ { discard: x } ] }\n",
             NULL, &out),
        "9:9: never reached: 'dead_letter' before it ends the flow [unreachable]\n"
        "11:17: '*' takes every error: the rules after it are never used [unreachable]\n");
    END;
}

static void an_error_that_does_not_exist_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD
             "topics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps: [ { log: x } ]\n "
             "   on_error:\n"
             "      - { when: [ HTPP:TIMEOUT, 'HTTP:503', HTTP, VALIDATION, 'class:permanent', "
             "'class:odd' ], steps: [ { discard: x } ] }\n",
             NULL, &out),
        "9:19: no error is called 'HTPP:TIMEOUT' [unknown-error]\n"
        "9:82: no error is called 'class:odd' [unknown-error]\n");
    END;
}

static void a_flow_without_steps_is_named_but_for_a_timer_s(void **state)
{
    BEGIN;
    assert_string_equal(said(HEAD "topics: { t: {} }\nflows:\n  f: { from: { topic: t } }\n"
                                  "  g: { from: { timer: 1s } }\n",
                             NULL, &out),
                        "5:3: 'f' does nothing with its messages [does-nothing]\n");
    END;
}

static const char api[]
    = "openapi: 3.1.0\npaths:\n  /a:\n    get: { operationId: readA }\n    put: {}\n"
      "    parameters: []\n";

static void an_operation_without_a_flow_and_a_flow_without_a_reply_are_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "apis: { w: { listen: ':80', openapi: api.yaml } }\n"
                  "flows: { f: { from: { api: w, operation: PUT /a }, steps: [ { log: x } ] } }\n",
             api, &out),
        "3:9: no flow answers 'readA' of api.yaml [unanswered-operation]\n"
        "4:10: 'f' never replies to its caller [missing-reply]\n");
    END;
}

static void a_mistyped_error_of_a_connector_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "connections: { c: { http: { base_url: http://h }, retry: { rules: [ { when: [ HTTP, 'HTTP:*', 'HTTP:503', 'HTTP:TLS',\n"
                  "  'BROKER:QUEUE_FULL', 'HTTP:INVALID_BODY', 'TOPIC:LIMIT', 'HTTP:TIMEUT', 'COMMAND:ODD' ], max_attempts: 2 } ] } } }\n", NULL, &out),
        "3:16: nothing calls the connection 'c' [unused-connection]\n"
        "4:60: no error is called 'HTTP:TIMEUT' [unknown-error]\n");
    END;
}

static void a_rate_limit_by_caller_wants_callers_who_are_known(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "apis: { w: { listen: ':80', openapi: api.yaml, rate_limit: { a: { per_second: 5, by: caller },\n"
                  "    b: { per_second: 5, by: address }, c: 9 } } }\n"
                  "flows:\n  f: { from: { api: w, operation: PUT /a }, steps: [], reply: { status: 200 } }\n"
                  "  g: { from: { api: w, operation: readA }, steps: [], reply: { status: 200 } }\n",
             api, &out),
        "3:62: nobody proves to 'w' who he is: 'a' tells callers apart by their addresses [callers-unknown]\n");
    END;
}

static void what_a_pivot_makes_of_compensations_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(SAGA("      - name: a\n        pivot: true\n        call: { connection: c, path: /a, method: PUT }\n"
                  "      - name: b\n        call: { connection: c, path: /b, method: PUT }\n"
                  "      - name: d\n        call: { connection: c, path: /d, method: PUT }\n"
                  "        compensate: {}\n"),
             NULL, &out),
        "18:9: 'd' comes after the pivot and is never compensated [unreachable]\n");
    assert_string_equal(
        said(SAGA("      - name: a\n        timeout: 6m\n        call: { connection: c, path: /a, method: PUT }\n"),
             NULL, &out),
        "13:9: 'a' may take longer than the whole saga's deadline [deadline]\n");
    assert_string_equal(
        said(SAGA("      - name: a\n        timeout: 1m\n"
                  "        await: { topic: e, match: '{% x %}', timeout: 2m }\n"),
             NULL, &out),
        "13:9: 'a' may wait longer for its event than the step may take [deadline]\n");
    END;
}

static void an_error_of_a_flow_that_does_not_exist_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "topics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps: [ { log: x } ]\n    on_error:\n"
                  "      - { when: [ 'HTTP:5xx', 'HTTP:SERVER', 'HTTP:INVALID_BODY', 'FLOW:X', 'FLOW:TIMEOUT', 'FLOW:*', FLOW ],\n"
                  "          steps: [ { dead_letter: x } ] }\n",
             NULL, &out),
        "9:19: no error is called 'HTTP:5xx' [unknown-error]\n"
        "9:31: no error is called 'HTTP:SERVER' [unknown-error]\n"
        "9:67: no error is called 'FLOW:X' [unknown-error]\n");
    END;
}

static void a_key_that_is_no_expression_is_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "topics: { t: {}, u: {} }\nflows:\n  f:\n    from: { topic: t }\n    idempotency: id\n"
                  "    lanes: { key: customer }\n    steps: [ { publish: { topic: u, key: id } } ]\n"
                  "  g: { from: { topic: u }, lanes: { key: \"{% 'all' %}\" }, steps: [ { log: x } ] }\n"
                  "sagas:\n  s:\n    from: { topic: t }\n    id: order_id\n    steps:\n"
                  "      - { name: w, await: { topic: u, match: \"'1' & id\", timeout: 1s } }\n",
             NULL, &out),
        "7:18: 'key' is no expression: every message has 'id' [same-for-all]\n"
        "8:19: 'key' is no expression: every message has 'customer' [same-for-all]\n"
        "9:42: 'key' is no expression: every message has 'id' [same-for-all]\n"
        "14:9: 'id' is no expression: every message has 'order_id' [same-for-all]\n"
        "16:46: 'match' is no expression: every message has ''1' & id' [same-for-all]\n");
    END;
}

static void braces_that_stand_for_nothing_are_named(void **state)
{
    BEGIN;
    assert_string_equal(
        said(HEAD "connections: { c: { http: { base_url: http://h } } }\ntopics: { t: {} }\nflows:\n  f:\n"
                  "    from: { topic: t }\n    steps:\n      - call:\n          connection: c\n          method: GET\n"
                  "          path: '/t/{id}/{% \"{a}\" %}'\n          headers: { a: 'x{{ b.c }}' }\n",
             NULL, &out),
        "12:21: '{id}' stands for nothing: it is sent as it is [braces]\n"
        "13:27: '{{ b.c }}' stands for nothing: it is sent as it is [braces]\n");
    assert_string_equal(said(HEAD "topics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n    steps:\n"
                                  "      - log: 'order {{id}}'\n      - log: '{} { \"a\": 1 } {1} {a b} {a ${NO:x} $${b} {'\n"
                                  "      - set: { q: 'query { me { id } }' }\n",
                             NULL, &out),
                        "8:21: '{{id}}' stands for nothing: it is sent as it is [braces]\n");
    END;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_of_a_flow_that_does_not_exist_is_named),
        cmocka_unit_test(a_key_that_is_no_expression_is_named),
        cmocka_unit_test(braces_that_stand_for_nothing_are_named),
        cmocka_unit_test(a_mistyped_error_of_a_connector_is_named),
        cmocka_unit_test(a_rate_limit_by_caller_wants_callers_who_are_known),
        cmocka_unit_test(what_a_pivot_makes_of_compensations_is_named),
        cmocka_unit_test(what_nobody_reads_is_named),
        cmocka_unit_test(an_awaited_topic_is_read),
        cmocka_unit_test(a_connection_that_nothing_calls_is_named),
        cmocka_unit_test(a_connection_whose_retries_nothing_bounds_is_named),
        cmocka_unit_test(a_call_that_may_not_be_repeated_asks_for_resolve),
        cmocka_unit_test(a_saga_s_message_that_nothing_undoes_is_named),
        cmocka_unit_test(a_saga_s_call_that_nothing_undoes_is_named_but_for_the_last),
        cmocka_unit_test(waiting_beyond_the_deadline_is_named),
        cmocka_unit_test(flows_in_a_circle_are_named),
        cmocka_unit_test(queues_that_could_wait_for_each_other_for_ever_are_named),
        cmocka_unit_test(a_saga_and_its_worker_are_no_circle),
        cmocka_unit_test(what_is_never_reached_is_named),
        cmocka_unit_test(an_error_that_does_not_exist_is_named),
        cmocka_unit_test(a_flow_without_steps_is_named_but_for_a_timer_s),
        cmocka_unit_test(an_operation_without_a_flow_and_a_flow_without_a_reply_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
