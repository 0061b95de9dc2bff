#include "config/config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "belay/connector.h"
#include "expr/expr.h"
#include "unit/config/files.h"
#include "unit/config/order.h"
#include "unit/tempdir.h"
#include "json/json.h"

static void load_clean(struct mem_config *m, const struct mem_file *files)
{
    struct belay_buf text;
    mem_load(m, files);
    belay_buf_init(&text, 1 << 20);
    mem_write_problems(m, &text);
    assert_string_equal(text.p, "");
    belay_buf_deinit(&text);
    assert_ok(m->status);
    assert_non_null(m->d);
}

static void the_order_example_loads_without_a_word(void **state)
{
    struct mem_config m;
    (void)state;
    load_clean(&m, order_files);
    assert_str(m.d->name, "order-fulfilment");
    assert_int_equal(m.d->connection_count, 2);
    assert_int_equal(m.d->topic_count, 3);
    assert_int_equal(m.d->api_count, 1);
    assert_int_equal(m.d->flow_count, 3);
    assert_int_equal(m.d->saga_count, 1);
    mem_free(&m);
}

static const struct belay_option_value *option(const struct belay_connection_def *c,
                                               const char *name)
{
    const struct belay_connection_config *config = c->config;
    for (uint32_t i = 0; i < config->option_count; i++)
        if (strcmp(config->options[i].option->name, name) == 0)
            return &config->options[i];
    return NULL;
}

static void a_connection_has_its_options_with_the_environment_in_them(void **state)
{
    struct mem_config m;
    (void)state;
    load_clean(&m, order_files);
    const struct belay_connection_def *p = belay_definitions_connection(m.d, BELAY_STR("payments"));
    const struct belay_connection_def *w
        = belay_definitions_connection(m.d, BELAY_STR("warehouse"));
    const struct belay_connection_config *config = p->config;
    assert_str(p->connector, "http");
    assert_str(option(p, "base_url")->text, "http://127.0.0.1:7101");
    assert_str(option(w, "base_url")->text, "http://127.0.0.1:7100");
    assert_int_equal(option(w, "connect_timeout")->number, 5000);
    assert_str(option(w, "headers")->fields[0].value, "belay");
    assert_null(option(p, "bearer"));
    assert_true(p->honours_key);
    assert_false(w->honours_key);
    assert_str(config->idempotency_header, "Idempotency-Key");
    assert_str(config->name, "payments");
    assert_int_equal(p->timeout_ms, 2000);
    assert_int_equal(w->timeout_ms, 30000);
    assert_int_equal(p->gate.concurrency, 64);
    assert_int_equal(config->concurrency, 64);
    assert_int_equal(p->place.line, 5);
    assert_int_equal(p->place.column, 3);
    mem_free(&m);
}

static void an_api_has_its_document_as_a_tape(void **state)
{
    struct mem_config m;
    (void)state;
    load_clean(&m, order_files);
    const struct belay_api_def *api = &m.d->apis[0];
    const belay_json *id
        = belay_json_pointer(api->openapi, BELAY_STR("/paths/~1orders/post/operationId"));
    assert_str(belay_json_str(id), "placeOrder");
    assert_non_null(
        belay_json_pointer(api->openapi, BELAY_STR("/paths/~1orders/post/responses/202")));
    assert_int_equal(
        belay_json_pointer(api->openapi, BELAY_STR("/paths/~1orders/post/requestBody/required"))
            ->type,
        BELAY_JSON_TRUE);
    assert_str(api->listen, "127.0.0.1:7000");
    assert_str(api->layer, "experience");
    assert_int_equal(api->body_bytes_max, 1 << 20);
    const struct belay_flow_def *f
        = belay_definitions_operation(m.d, BELAY_STR("storefront"), BELAY_STR("getOrder"));
    assert_str(f->name, "order-status");
    mem_free(&m);
}

static void an_api_has_its_rate_limits_by_name(void **state)
{
    (void)state;
    struct mem_config m;
    const struct mem_file files[] = {
        { "belay.yaml", "belay: 1\nname: a\napis:\n  w:\n    listen: ':80'\n    openapi: api.yaml\n    rate_limit:\n"
                        "      total: 2.5\n"
                        "      each: { per_second: 10, burst: 3, by: address, callers_max: 7, operations: readA }\n"
                        "flows: { f: { from: { api: w, operation: readA }, steps: [], reply: { status: 200 } } }\n" },
        { "api.yaml", "openapi: 3.1.0\npaths: { /a: { get: { operationId: readA } } }\n" },
        { NULL, NULL },
    };
    load_clean(&m, files);
    const struct belay_api_def *api = &m.d->apis[0];
    assert_int_equal(api->limit_count, 2);
    assert_str(api->limits[0].name, "total");
    assert_int_equal(api->limits[0].rate.burst, 3); /* what comes in a second, whole */
    assert_int_equal(api->limits[0].by, BELAY_LIMIT_BY_ALL);
    assert_int_equal(api->limits[0].operation_count, 0);
    assert_str(api->limits[1].name, "each");
    assert_int_equal(api->limits[1].rate.burst, 3);
    assert_int_equal(api->limits[1].by, BELAY_LIMIT_BY_ADDRESS);
    assert_int_equal(api->limits[1].callers_max, 7);
    assert_str(api->limits[1].operations[0], "readA");
    mem_free(&m);
}

static void a_flow_is_a_flat_array_of_steps(void **state)
{
    struct mem_config m;
    (void)state;
    load_clean(&m, order_files);
    const struct belay_flow_def *f = belay_definitions_flow(m.d, BELAY_STR("notify-warehouse"));
    assert_int_equal(f->from.kind, BELAY_SOURCE_QUEUE);
    assert_int_equal(f->step_count, 5);
    assert_int_equal(f->first, 0);
    assert_str(f->steps[0].name, "map-1");
    assert_str(f->steps[1].name, "shipment");
    assert_int_equal(f->steps[1].kind, BELAY_STEP_CALL);
    assert_str(f->steps[1].u.call.call.params[0].name, "method");
    assert_str(f->steps[1].u.call.call.params[1].name, "path");
    assert_ptr_equal(f->steps[1].u.call.call.connection,
                     belay_definitions_connection(m.d, BELAY_STR("warehouse")));
    assert_int_equal(f->steps[1].next, 2);
    assert_int_equal(f->steps[2].next, BELAY_STEP_END);
    assert_int_equal(f->on_error_count, 1);
    assert_int_equal(f->on_error[0].first, 3);
    assert_int_equal(f->on_error[0].when_count, 2);
    assert_str(f->on_error[0].when[1], "VALIDATION");
    assert_int_equal(f->steps[3].next, 4);
    assert_true(f->steps[4].u.dead_letter.skip);
    assert_int_equal(f->retry.max_attempts, 8);
    assert_int_equal(f->retry.max_ms, 300000);
    assert_true(f->retry.respect_retry_after);
    assert_int_equal(f->lanes.on_exhausted, BELAY_EXHAUSTED_PARK_KEY);
    assert_true(f->has_calls);
    assert_false(f->replies);
    mem_free(&m);
}

static void a_reply_of_the_flow_is_its_last_step(void **state)
{
    struct mem_config m;
    (void)state;
    load_clean(&m, order_files);
    const struct belay_flow_def *f = belay_definitions_flow(m.d, BELAY_STR("accept-order"));
    assert_int_equal(f->step_count, 2);
    assert_int_equal(f->steps[0].next, 1);
    assert_int_equal(f->steps[1].kind, BELAY_STEP_REPLY);
    assert_int_equal(f->steps[1].next, BELAY_STEP_END);
    assert_str(f->steps[1].u.reply.headers[0].name, "location");
    assert_true(f->idempotency.required);
    assert_int_equal(f->idempotency.window_ms, 24 * 3600000);
    assert_int_equal(f->lanes.concurrency, 32);
    assert_true(f->replies);
    mem_free(&m);
}

static void a_saga_has_its_steps_words_and_what_undoes_them(void **state)
{
    struct mem_config m;
    (void)state;
    load_clean(&m, order_files);
    assert_int_equal(m.d->saga_count, 1);
    const struct belay_saga_def *s = &m.d->sagas[0];
    assert_str(s->name, "fulfil-order");
    assert_int_equal(s->step_count, 2);
    assert_int_equal(s->deadline_ms, 900000);
    assert_str(s->word_started, "accepted");
    assert_str(s->word_compensating, "");
    assert_str(s->word_parked, "needs_attention");
    assert_str(s->steps[0].status, "charging");
    assert_non_null(s->steps[0].call);
    assert_non_null(s->steps[0].resolve);
    assert_non_null(s->steps[0].compensate->call);
    assert_int_equal(s->steps[0].compensate->retry.max_attempts, 10);
    assert_int_equal(s->steps[0].retry.max_attempts, 5);
    assert_null(s->steps[1].call);
    assert_str(s->steps[1].await->topic, "shipments");
    assert_int_equal(s->steps[1].await->timeout_ms, 600000);
    mem_free(&m);
}

static void the_branches_of_a_choice_meet_again(void **state)
{
    static const char text[] = "belay: 1\nname: a\ntopics: { t: {} }\n"
                               "flows:\n"
                               "  f:\n"
                               "    from: { topic: t }\n"
                               "    steps:\n"
                               "      - choose:\n" /* 0 */
                               "          - when: \"{% x > 1 %}\"\n"
                               "            steps:\n"
                               "              - set: { a: 1 }\n" /* 1 */
                               "              - choose:\n"       /* 2 */
                               "                  - when: \"{% y %}\"\n"
                               "                    steps: [ { log: deep } ]\n" /* 3 */
                               "          - when: \"{% x > 0 %}\"\n"
                               "            steps: []\n"
                               "          - otherwise:\n"
                               "              - dead_letter: too small\n" /* 4 */
                               "      - log: after\n";                    /* 5 */
    struct mem_config m;
    (void)state;
    mem_load_text(&m, text);
    assert_ok(m.status);
    const struct belay_flow_def *f = &m.d->flows[0];
    const struct belay_step_def *choose = &f->steps[0];
    assert_int_equal(f->step_count, 6);
    assert_int_equal(choose->u.choose.count, 3);
    assert_int_equal(choose->u.choose.choices[0].first, 1);
    assert_int_equal(choose->u.choose.choices[1].first, 5);
    assert_int_equal(choose->u.choose.choices[2].first, 4);
    assert_null(choose->u.choose.choices[2].when);
    assert_int_equal(choose->next, 5);
    assert_int_equal(f->steps[1].next, 2);
    assert_int_equal(f->steps[2].next, 5);
    assert_int_equal(f->steps[3].next, 5);
    assert_int_equal(f->steps[4].next, BELAY_STEP_END);
    assert_int_equal(f->steps[5].next, BELAY_STEP_END);
    assert_str(f->steps[3].name, "log-1");
    assert_str(f->steps[5].name, "log-2");
    mem_free(&m);
}

static void files_are_merged_whatever_their_order(void **state)
{
    static const struct mem_file files[] = {
        { "a.belay.yaml", "belay: 1\nflows:\n  f:\n    from: { topic: t }\n    steps:\n"
                          "      - call: { connection: c, path: / }\n" },
        { "b.belay.yaml",
          "belay: 1\nname: two\nconnections:\n  c: { http: { base_url: http://h } }\n" },
        { "c.belay.yaml", "belay: 1\nname: two\ntopics: { t: {} }\n" },
        { 0 },
    };
    struct mem_config m;
    (void)state;
    load_clean(&m, files);
    assert_str(m.d->name, "two");
    assert_int_equal(m.d->flow_count, 1);
    assert_str(m.d->flows[0].place.file, "a.belay.yaml");
    mem_free(&m);
}

static void a_start_may_be_a_time(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(
        &m,
        "belay: 1\nname: a\ntopics: { t: {} }\nflows:\n"
        "  f: { from: { topic: t, start: 2026-07-01T12:00:00.5+02:00 }, steps: [ { log: x } ] }\n"
        "  g: { from: { topic: t, start: latest }, steps: [ { log: x } ] }\n"
        "  h: { from: { timer: 90s } }\n");
    assert_ok(m.status);
    char text[BELAY_TIME_TEXT_BYTES];
    assert_int_equal(m.d->flows[0].from.start, BELAY_START_TIME);
    belay_time_text(m.d->flows[0].from.start_time, text);
    assert_string_equal(text, "2026-07-01T10:00:00.500Z");
    assert_int_equal(m.d->flows[1].from.start, BELAY_START_LATEST);
    assert_int_equal(m.d->flows[2].from.every_ms, 90000);
    assert_int_equal(m.d->flows[2].first, BELAY_STEP_END);
    mem_free(&m);
}

static void anchors_are_shared(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, "belay: 1\nname: a\ntopics: { t: {} }\nflows:\n"
                      "  f: { from: { topic: t }, retry: &patient { max_attempts: 50 } }\n"
                      "  g: { from: { topic: t }, retry: *patient }\n");
    assert_ok(m.status);
    assert_int_equal(m.d->flows[0].retry.max_attempts, 50);
    assert_int_equal(m.d->flows[1].retry.max_attempts, 50);
    mem_free(&m);
}

#define POLICIES                                                                                   \
    "belay: 1\nname: a\npolicies:\n"                                                               \
    "  careful:\n    max_attempts: 8\n    immediate: 2\n    rules:\n"                              \
    "      - { when: [ HTTP:TIMEOUT, 'HTTP:503' ], max: 5m, max_attempts: 20 }\n"                  \
    "      - { when: class:transient, jitter: none }\n"                                           \
    "  short: { max_attempts: 2 }\n"                                                              \
    "connections:\n  c: { http: { base_url: http://h }, retry: short }\n"                         \
    "topics: { t: {} }\n"

static void a_policy_is_used_by_its_name_and_may_be_changed_where_it_is(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, POLICIES "flows:\n  f: { from: { topic: t }, retry: careful }\n"
                               "  g: { from: { topic: t }, retry: { policy: careful, max_attempts: 3 } }\n");
    assert_ok(m.status);
    const struct belay_retry_def *f = &m.d->flows[0].retry, *g = &m.d->flows[1].retry;
    assert_int_equal(f->max_attempts, 8);
    assert_int_equal(f->immediate, 2);
    assert_int_equal(f->initial_ms, 200); /* what a policy does not say is the default */
    assert_int_equal(f->rule_count, 2);
    assert_int_equal(f->rules[0].when_count, 2);
    assert_str(f->rules[0].when[1], "HTTP:503");
    assert_int_equal(f->rules[0].def.max_ms, 300000);
    assert_int_equal(f->rules[0].def.max_attempts, 20);
    assert_int_equal(f->rules[0].def.immediate, 2);
    assert_int_equal(f->rules[0].def.rule_count, 0);
    assert_int_equal(f->rules[1].def.jitter, BELAY_JITTER_NONE);
    assert_int_equal(f->rules[1].def.max_attempts, 8); /* what a rule does not say is the policy's */
    assert_int_equal(g->max_attempts, 3);
    assert_int_equal(g->rule_count, 2);
    mem_free(&m);
}

/* Step, flow or saga, connection, default: the first that says something. */
static void the_closest_policy_counts(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(
        &m, POLICIES
        "flows:\n"
        "  own: { from: { topic: t, start: earliest }, retry: careful, steps: [ { call: { connection: c, path: / }, retry: { max_attempts: 4 } } ] }\n"
        "  flow: { from: { topic: t, start: earliest }, retry: careful, steps: [ { call: { connection: c, path: / } } ] }\n"
        "  connection: { from: { topic: t, start: earliest }, steps: [ { call: { connection: c, path: / } } ] }\n"
        "sagas:\n"
        "  s:\n    from: { topic: t }\n    id: x\n    steps:\n"
        "      - { name: a, call: { connection: c, path: / }, compensate: { call: { connection: c, path: / } } }\n"
        "      - { name: b, call: { connection: c, path: / }, retry: careful }\n"
        "  u:\n    from: { topic: t }\n    id: x\n    retry: careful\n    steps:\n"
        "      - { name: a, call: { connection: c, path: / } }\n");
    assert_ok(m.status);
    assert_int_equal(m.d->flows[0].steps[0].u.call.retry->max_attempts, 4);
    assert_null(m.d->flows[1].steps[0].u.call.retry); /* as the flow says */
    assert_int_equal(m.d->flows[2].steps[0].u.call.retry->max_attempts, 2);
    assert_int_equal(m.d->sagas[0].steps[0].retry.max_attempts, 2);
    assert_int_equal(m.d->sagas[0].steps[0].compensate->retry.max_attempts, 10); /* undoing is patient */
    assert_int_equal(m.d->sagas[0].steps[1].retry.max_attempts, 8);
    assert_int_equal(m.d->sagas[1].steps[0].retry.max_attempts, 8);
    mem_free(&m);
}

static void plain_scalars_of_YAML_stay_numbers_and_booleans_where_values_are_wanted(void **state)
{
    struct mem_config m;
    struct belay_arena arena;
    struct belay_expr_env env = { 0 };
    struct belay_value v;
    (void)state;
    mem_load_text(&m, "belay: 1\nname: a\ntopics: { t: {} }\nflows:\n"
                      "  f:\n    from: { topic: t }\n    steps:\n"
                      "      - set: { n: 5, s: '5', b: true, z: null, x: 0x10 }\n");
    assert_ok(m.status);
    const struct belay_step_def *step = &m.d->flows[0].steps[0];
    const char *const json[] = { "5", "\"5\"", "true", "null", "16" };
    assert_int_equal(step->u.set.count, 5);
    belay_arena_init(&arena, 0, 1 << 20);
    for (size_t i = 0; i < 5; i++) {
        struct belay_buf text;
        belay_buf_init(&text, 100);
        assert_ok(belay_template_eval(step->u.set.vars[i].value, belay_value_undefined(), &env,
                                      &arena, &v, NULL, &m.err));
        assert_true(belay_value_write(&text, v));
        belay_buf_put_c(&text, '\0');
        assert_string_equal(text.p, json[i]);
        belay_buf_deinit(&text);
    }
    belay_arena_deinit(&arena);
    mem_free(&m);
}

static void what_looks_like_the_environment_may_be_text(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(
        &m, "belay: 1\nname: a\nconnections:\n  c: { http: { base_url: \"http://h/$${x}\", "
            "bearer: \"$ {PORT} ${EMPTY:none}${EMPTY}$\", ca_file: sub/ca.pem } }\n"
            "topics: { t: {} }\nflows:\n  f:\n    from: { topic: t, start: earliest }\n    steps:\n"
            "      - call: { connection: c, path: / }\n        retry: { initial: 2m }\n"
            "      - map: \"{% ${sku: qty} %}\"\n");
    assert_ok(m.status);
    assert_str(option(&m.d->connections[0], "base_url")->text, "http://h/${x}");
    assert_str(option(&m.d->connections[0], "bearer")->text, "$ {PORT} none$");
    assert_str(option(&m.d->connections[0], "ca_file")->text, "sub/ca.pem");
    const struct belay_flow_def *f = &m.d->flows[0];
    assert_int_equal(f->from.start, BELAY_START_EARLIEST);
    assert_int_equal(f->steps[0].u.call.retry->initial_ms, 120000);
    assert_int_equal(f->steps[0].u.call.retry->max_ms, 120000); /* the default would be shorter */
    mem_free(&m);
}

static void a_compensation_may_be_a_message(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(
        &m, "belay: 1\nname: a\ntopics: { t: {}, u: {} }\nsagas:\n  s:\n    from: { topic: t }\n"
            "    id: x\n    retry: { max_attempts: 7 }\n    steps:\n      - name: p\n"
            "        publish: { topic: u }\n        compensate: { publish: { topic: u }, retry: "
            "{ max_attempts: 3 } }\n");
    assert_ok(m.status);
    const struct belay_saga_step_def *step = &m.d->sagas[0].steps[0];
    assert_non_null(step->compensate->publish);
    assert_null(step->compensate->call);
    assert_int_equal(step->compensate->retry.max_attempts, 3);
    assert_int_equal(step->retry.max_attempts, 7);
    mem_free(&m);
}

/* ---- stored definitions ---- */

static void recompile(struct mem_config *m, struct belay_str text, struct belay_definitions **ret)
{
    struct belay_problems problems;
    belay_problems_init(&problems);
    assert_ok(belay_config_recompile(&m->opt, m->d, text, ret, &problems, &m->err));
    assert_int_equal(problems.count, 0);
    belay_problems_deinit(&problems);
}

static void a_stored_definition_compiles_to_the_same_again(void **state)
{
    struct mem_config m;
    struct belay_definitions *one;
    (void)state;
    load_clean(&m, order_files);
    for (uint32_t i = 0; i < m.d->flow_count; i++) {
        const struct belay_flow_def *f = &m.d->flows[i];
        recompile(&m, f->text, &one);
        assert_int_equal(one->flow_count, 1);
        assert_true(belay_hash128_eq(one->flows[0].hash, f->hash));
        assert_true(belay_str_eq(one->flows[0].name, f->name));
        assert_int_equal(one->flows[0].step_count, f->step_count);
        for (uint32_t k = 0; k < f->step_count; k++) {
            assert_true(belay_str_eq(one->flows[0].steps[k].name, f->steps[k].name));
            assert_int_equal(one->flows[0].steps[k].next, f->steps[k].next);
        }
        belay_definitions_unref(one);
    }
    recompile(&m, m.d->sagas[0].text, &one);
    assert_true(belay_hash128_eq(one->sagas[0].hash, m.d->sagas[0].hash));
    assert_ptr_equal(one->sagas[0].steps[0].call->connection,
                     m.d->sagas[0].steps[0].call->connection);
    belay_definitions_unref(one);
    mem_free(&m);
}

/* As connections are. One that is gone leaves the default. */
static void a_recompiled_definition_takes_the_current_policies(void **state)
{
    struct mem_config old, now;
    struct belay_definitions *one;
    (void)state;
    mem_load_text(&old, POLICIES "flows:\n  f: { from: { topic: t }, retry: careful }\n");
    assert_ok(old.status);
    mem_load_text(&now, "belay: 1\nname: a\npolicies: { careful: { max_attempts: 30 } }\ntopics: { t: {} }\n");
    assert_ok(now.status);
    recompile(&now, old.d->flows[0].text, &one);
    assert_int_equal(one->flows[0].retry.max_attempts, 30);
    belay_definitions_unref(one);
    mem_free(&now);
    mem_load_text(&now, "belay: 1\nname: a\ntopics: { t: {} }\n");
    recompile(&now, old.d->flows[0].text, &one);
    assert_int_equal(one->flows[0].retry.max_attempts, 5);
    belay_definitions_unref(one);
    mem_free(&now);
    mem_free(&old);
}

static void a_recompiled_definition_keeps_the_connections_alive(void **state)
{
    struct mem_config m;
    struct belay_definitions *one;
    (void)state;
    load_clean(&m, order_files);
    recompile(&m, m.d->sagas[0].text, &one);
    belay_definitions_unref(m.d);
    m.d = NULL;
    assert_str(one->sagas[0].steps[0].call->connection->name, "payments");
    belay_definitions_unref(one);
    mem_free(&m);
}

static const char with_schema[] = "belay: 1\nname: a\ntopics: { t: {} }\nflows:\n"
                                  "  f:\n    from: { topic: t }\n    steps:\n"
                                  "      - validate: { schema: s.json }\n";

static void a_schema_file_is_part_of_the_stored_text(void **state)
{
    struct mem_file files[] = { { "belay.yaml", with_schema },
                                { "s.json", "{\"type\":\"object\",\"required\":[\"id\"]}" },
                                { 0 } };
    struct mem_config m;
    struct belay_definitions *one;
    (void)state;
    load_clean(&m, files);
    files[1].text = "{\"type\":\"string\"}"; /* changed meanwhile */
    recompile(&m, m.d->flows[0].text, &one);
    assert_true(belay_hash128_eq(one->flows[0].hash, m.d->flows[0].hash));
    assert_non_null(one->flows[0].steps[0].u.validate.schema);
    belay_definitions_unref(one);
    mem_free(&m);
}

static void a_stored_definition_outlives_its_topics_but_not_its_connections(void **state)
{
    struct mem_config old, now;
    struct belay_definitions *one = NULL;
    struct belay_problems problems;
    (void)state;
    load_clean(&old, order_files);
    mem_load_text(&now, "belay: 1\nname: a\nconnections:\n"
                        "  warehouse: { http: { base_url: http://new } }\n");
    assert_ok(now.status);
    belay_problems_init(&problems);
    const struct belay_flow_def *f = belay_definitions_flow(old.d, BELAY_STR("notify-warehouse"));
    assert_ok(belay_config_recompile(&now.opt, now.d, f->text, &one, &problems, &now.err));
    assert_ptr_equal(one->flows[0].steps[1].u.call.call.connection, &now.d->connections[0]);
    belay_definitions_unref(one);
    one = NULL;
    assert_int_equal(
        belay_config_recompile(&now.opt, now.d, old.d->sagas[0].text, &one, &problems, &now.err),
        BELAY_INVALID);
    assert_null(one);
    assert_str(problems.items[0].message, "there is no connection 'payments'");
    belay_problems_deinit(&problems);
    mem_free(&old);
    mem_free(&now);
}

static void a_stored_text_that_is_none_is_refused(void **state)
{
    static const char *const texts[] = { "",
                                         "{}",
                                         "[]",
                                         "{\"belay\":2,\"flow\":\"f\",\"definition\":{}}",
                                         "{\"belay\":1,\"flow\":[],\"definition\":{}}",
                                         "{\"belay\":1,\"flow\":\"f\"}",
                                         "{\"belay\":1,\"flow\":\"f\",",
                                         "1" };
    struct mem_config m;
    struct belay_definitions *one = NULL;
    (void)state;
    mem_load_text(&m, "belay: 1\nname: a\n");
    assert_ok(m.status);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct belay_problems problems;
        belay_problems_init(&problems);
        assert_int_equal(
            belay_config_recompile(&m.opt, m.d, belay_str_c(texts[i]), &one, &problems, &m.err),
            BELAY_INVALID);
        assert_null(one);
        assert_true(problems.error_count > 0);
        belay_problems_deinit(&problems);
    }
    mem_free(&m);
}

static void the_stored_text_holds_no_secret(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, "belay: 1\nname: a\ntopics: { t: {} }\nflows:\n"
                      "  f: { from: { topic: t }, steps: [ { set: { s: '${SECRET}' } } ] }\n");
    assert_ok(m.status);
    struct belay_str text = m.d->flows[0].text;
    assert_non_null(memmem(text.p, text.n, "${SECRET}", 9));
    assert_null(memmem(text.p, text.n, "hush", 4));
    mem_free(&m);
}

/* ---- the disk ---- */

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void load_path(struct mem_config *m, const char *path)
{
    *m = (struct mem_config){ .paths = { path }, .opt = { .path_count = 1 } };
    m->opt.paths = m->paths;
    belay_problems_init(&m->problems);
    m->status = belay_config_load(&m->opt, &m->d, &m->problems, &m->err);
}

static void a_folder_means_its_belay_yaml_files(void **state)
{
    char folder[32];
    struct mem_config m;
    (void)state;
    assert_non_null(tempdir_make(folder));
    write_file(folder, "belay.yaml",
               "belay: 1\nname: a\ntopics: { t: {} }\n"
               "connections:\n  c: { http: { base_url: http://h, bearer: \"${file:token}\" } }\n");
    write_file(folder, "flows.belay.yaml",
               "belay: 1\nflows: { f: { from: { topic: t }, steps: [ { call: "
               "{ connection: c, path: / } } ] } }\n");
    write_file(folder, "token", "s3cret\n");
    write_file(folder, "other.yaml", "this: is none of ours\n");
    write_file(folder, ".hidden.belay.yaml", "this: is none of ours\n");
    load_path(&m, folder);
    assert_ok(m.status);
    assert_int_equal(m.d->flow_count, 1);
    assert_str(option(&m.d->connections[0], "bearer")->text, "s3cret");
    mem_free(&m);
    tempdir_remove(folder);
}

static void a_folder_without_any_says_so(void **state)
{
    char folder[32];
    struct mem_config m;
    (void)state;
    assert_non_null(tempdir_make(folder));
    load_path(&m, folder);
    assert_int_equal(m.status, BELAY_INVALID);
    assert_null(m.d);
    assert_str(m.problems.items[0].message, "the folder holds no belay.yaml and no *.belay.yaml");
    mem_free(&m);
    tempdir_remove(folder);
}

static void a_file_that_is_not_there_says_so(void **state)
{
    struct mem_config m;
    (void)state;
    load_path(&m, "no/such/belay.yaml");
    assert_int_equal(m.status, BELAY_INVALID);
    assert_str(m.problems.items[0].message,
               "the file cannot be read: no/such/belay.yaml: No such file or directory");
    mem_free(&m);
}

static void expressions_read_declared_variables_and_tables(void **state)
{
    (void)state;
    struct mem_config m;
    const struct mem_file files[] = {
        { "a/belay.yaml",
          "belay: 1\nname: app\nenv:\n  PORT_OF: '${PORT}'\n  stage: { value: test }\n"
          "tables:\n  vat: vat.json\n  skus: { file: skus.csv, key: sku, delimiter: ';' }\n"
          "  zones: { file: zones.yaml, key: id }\n"
          "topics: { t: , u: }\nflows:\n  f:\n    from: { topic: t }\n    steps:\n"
          "      - map: \"{% [$env('PORT_OF'), $env('stage'), $lookupTable('vat', 'DE'),"
          " $lookupTable('skus', 'B').name, $lookupTable('zones', 2).z] %}\"\n"
          "      - publish: { topic: u }\n  g:\n    from: { topic: u }\n    steps: [ log: x ]\n" },
        { "a/vat.json", "{\"DE\":19}" },
        { "a/skus.csv", "sku;name\nA;first\nB;\"second; \"\n" },
        { "a/zones.yaml", "- { id: 1, z: one }\n- { id: 2, z: two }\n" },
        { 0 } };
    mem_load(&m, files);
    assert_int_equal(m.status, BELAY_OK);
    const struct belay_flow_def *f = belay_definitions_flow(m.d, BELAY_STR("f"));
    struct belay_arena arena;
    struct belay_value v;
    struct belay_buf out;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    belay_buf_init(&out, BELAY_MIB(1));
    assert_ok(belay_template_eval(f->steps[0].u.map.value, belay_value_undefined(), NULL, &arena, &v,
                                  NULL, NULL));
    assert_true(belay_value_write(&out, v));
    belay_buf_put_c(&out, '\0');
    assert_string_equal(out.p, "[\"7100\",\"test\",19,\"second; \",\"two\"]");
    belay_buf_deinit(&out);
    belay_arena_deinit(&arena);
    mem_free(&m);
}

static void a_table_that_is_none_is_a_mistake_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "a,b\n1\n", "belay.yaml:3:22: error: the table cannot be used: the text is not well formed: "
                      "line 2: 1 fields, but 2 columns [table]" },
        { "a,b\n1,2\n1,3\n",
          "belay.yaml:3:22: error: the table cannot be used: row 2: the key '1' is there already [table]" },
        { "b\n1\n",
          "belay.yaml:3:22: error: the table cannot be used: row 1 has no 'a' that could be its key [table]" },
        { "a\n\xff\n", "belay.yaml:3:22: error: the table cannot be used: byte 2 is no UTF-8 [table]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mem_config m;
        struct belay_buf out;
        const struct mem_file files[] = {
            { "belay.yaml", "belay: 1\nname: app\ntables: { t: { file: t.csv, key: a } }\n" },
            { "t.csv", cases[i].text },
            { 0 } };
        belay_buf_init(&out, BELAY_MIB(1));
        mem_load(&m, files);
        mem_write_problems(&m, &out);
        assert_non_null(strstr(out.p, cases[i].said));
        belay_buf_deinit(&out);
        mem_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_example_loads_without_a_word),
        cmocka_unit_test(a_connection_has_its_options_with_the_environment_in_them),
        cmocka_unit_test(an_api_has_its_document_as_a_tape),
        cmocka_unit_test(an_api_has_its_rate_limits_by_name),
        cmocka_unit_test(a_flow_is_a_flat_array_of_steps),
        cmocka_unit_test(a_reply_of_the_flow_is_its_last_step),
        cmocka_unit_test(a_saga_has_its_steps_words_and_what_undoes_them),
        cmocka_unit_test(the_branches_of_a_choice_meet_again),
        cmocka_unit_test(files_are_merged_whatever_their_order),
        cmocka_unit_test(a_start_may_be_a_time),
        cmocka_unit_test(anchors_are_shared),
        cmocka_unit_test(a_policy_is_used_by_its_name_and_may_be_changed_where_it_is),
        cmocka_unit_test(the_closest_policy_counts),
        cmocka_unit_test(a_recompiled_definition_takes_the_current_policies),
        cmocka_unit_test(plain_scalars_of_YAML_stay_numbers_and_booleans_where_values_are_wanted),
        cmocka_unit_test(what_looks_like_the_environment_may_be_text),
        cmocka_unit_test(a_compensation_may_be_a_message),
        cmocka_unit_test(a_stored_definition_compiles_to_the_same_again),
        cmocka_unit_test(a_recompiled_definition_keeps_the_connections_alive),
        cmocka_unit_test(a_schema_file_is_part_of_the_stored_text),
        cmocka_unit_test(a_stored_definition_outlives_its_topics_but_not_its_connections),
        cmocka_unit_test(a_stored_text_that_is_none_is_refused),
        cmocka_unit_test(the_stored_text_holds_no_secret),
        cmocka_unit_test(a_folder_means_its_belay_yaml_files),
        cmocka_unit_test(a_folder_without_any_says_so),
        cmocka_unit_test(a_file_that_is_not_there_says_so),
        cmocka_unit_test(expressions_read_declared_variables_and_tables),
        cmocka_unit_test(a_table_that_is_none_is_a_mistake_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
