/* A letter's replay that is only told: which calls, which answers, how it ends; and that nothing happens. */
#include "engine/rehearse.h"

#include "unit/engine/bench.h"

#define HEAD                                                                                        \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "connections:\n"                                                                                \
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, concurrency: 8 }\n" \
    "topics: { things: { retain: 1d }, copies: { retain: 1d } }\n"                                  \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"                                   \
    "flows:\n"                                                                                      \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: things, key: '{% id %}' }\n"                                         \
    "    reply: { status: 202 }\n"

static const char calling[] = HEAD
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    retry: { max_attempts: 1 }\n"
    "    steps:\n"
    "      - filter: { when: '{% id != \"none\" %}', reason: nobody }\n"
    "      - call: { connection: out, method: POST, path: /zero }\n"
    "        name: zero\n"
    "      - call: { connection: out, method: POST, path: /one, body: '{% { \"id\": id } %}' }\n"
    "        name: first\n"
    "        as: one\n"
    "      - call: { connection: out, method: POST, path: /two, body: '{% { \"n\": $one.body.n } %}' }\n"
    "        name: second\n"
    "        as: two\n"
    "      - publish: { topic: copies, key: k, body: '{% { \"n\": $one.body.n, \"m\": $two.body } %}' }\n";

#define TOLD_MAX 8

struct told {
    struct {
        char step[16], path[16], body[64];
        bool answered, recorded;
    } calls[TOLD_MAX];
    unsigned call_count, end_count;
    struct belay_rehearsal end;
    char step[16], topic[16], body[64], fault[48];
    unsigned publications;
};

static void on_called(void *arg, const struct belay_rehearsal_call *call)
{
    struct told *t = arg;
    assert_true(t->call_count < TOLD_MAX);
    bench_put(t->calls[t->call_count].step, 16, call->step);
    for (uint32_t i = 0; i < call->request->param_count; i++)
        if (belay_str_eq(call->request->params[i].name, BELAY_STR("path")))
            bench_put(t->calls[t->call_count].path, 16, call->request->params[i].value);
    bench_put(t->calls[t->call_count].body, 64, call->request->body);
    t->calls[t->call_count].answered = call->answer;
    t->calls[t->call_count++].recorded = call->recorded;
}

static void on_ended(void *arg, const struct belay_rehearsal *end)
{
    struct told *t = arg;
    t->end = *end;
    t->end_count++;
    bench_put(t->step, 16, end->step);
    t->publications = end->effects->publication_count;
    if (t->publications) {
        bench_put(t->topic, 16, end->effects->publications[0].target);
        bench_put(t->body, 64, end->effects->publications[0].message.body);
    }
    if (end->fault)
        bench_put(t->fault, sizeof t->fault, belay_str_c(end->fault->type));
}

static int rehearse(struct bench *b, bool from_start, const char *answers, struct told *t)
{
    struct belay_rehearsal_opt opt = { .from_start = from_start, .called = on_called, .ended = on_ended, .arg = t };
    struct belay_broker *broker = belay_engine_broker(b->engine);
    struct belay_letter letter;
    struct belay_arena arena;
    memset(t, 0, sizeof *t);
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_broker_letter_get(broker, belay_broker_find(broker, BELAY_STR("handle")), 1, &arena, &letter, &b->err));
    if (answers)
        assert_ok(belay_json_parse(belay_str_c(answers), NULL, &arena, &opt.answers, NULL, &b->err));
    int status = belay_engine_rehearse(b->engine, &letter, &opt, b->now, &b->err);
    belay_arena_deinit(&arena);
    return status;
}

static void answer_with(struct bench *b, uint32_t status, const char *body)
{
    assert_true(b->call_count > 0);
    struct belay_call_outcome o = { .id = b->calls[(b->call_count - 1) % BENCH_KEPT].id, .ok = status < 400,
                                    .status = status, .body = belay_str_c(body),
                                    .class_ = BELAY_CLASS_PERMANENT, .type = BELAY_STR("HTTP:CLIENT_ERROR") };
    belay_engine_outcome(b->engine, &o, b->now);
    bench_go(b);
}

/* A letter whose calls `zero` and `first` were made, and `second` refused. */
static int setup(void **state)
{
    static struct bench b;
    struct bench_request r;
    bench_init(&b, calling);
    assert_ok(bench_ask(&b, &r, "a", NULL, "{\"id\":\"x\"}"));
    bench_go(&b);
    bench_request_free(&r);
    answer_with(&b, 200, "");
    answer_with(&b, 200, "{\"n\":7}");
    answer_with(&b, 409, "");
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    bench_deinit(*state);
    return 0;
}

static void from_the_failed_step_it_stops_where_the_answer_decides(void **state)
{
    struct bench *b = *state;
    struct told t;
    uint64_t position = belay_store_position(belay_engine_store(b->engine));
    unsigned calls = b->call_count;
    assert_ok(rehearse(b, false, NULL, &t));
    assert_int_equal(t.call_count, 1);
    assert_string_equal(t.calls[0].step, "second");
    assert_string_equal(t.calls[0].body, "{\"n\":7}");
    assert_false(t.calls[0].answered);
    assert_int_equal(t.end.end, BELAY_REHEARSAL_STOPPED);
    assert_int_equal(t.end_count, 1);
    assert_int_equal(t.publications, 0);
    assert_int_equal(belay_store_position(belay_engine_store(b->engine)), position); /* nothing was written */
    bench_go(b);
    assert_int_equal(b->call_count, calls);
}

static void with_an_answer_it_goes_on_and_tells_what_is_published(void **state)
{
    struct bench *b = *state;
    struct told t;
    assert_ok(rehearse(b, false, "{\"second\":{\"status\":200,\"body\":{\"m\":1}}}", &t));
    assert_int_equal(t.end.end, BELAY_REHEARSAL_DONE);
    assert_int_equal(t.publications, 1);
    assert_string_equal(t.topic, "copies");
    assert_string_equal(t.body, "{\"n\":7,\"m\":{\"m\":1}}");
    assert_ok(rehearse(b, false, "{\"out\":\"plain\"}", &t)); /* of the connection; just a body */
    assert_string_equal(t.body, "{\"n\":7,\"m\":\"plain\"}");
}

static void from_the_start_calls_are_answered_as_they_were(void **state)
{
    struct bench *b = *state;
    struct told t;
    assert_ok(rehearse(b, true, "{\"out\":{\"body\":{\"never\":true}},\"second\":[1]}", &t));
    assert_int_equal(t.call_count, 3);
    assert_true(t.calls[0].recorded && t.calls[1].recorded);
    assert_string_equal(t.calls[1].path, "/one");
    assert_false(t.calls[2].recorded);
    assert_string_equal(t.body, "{\"n\":7,\"m\":[1]}");
    assert_int_equal(t.end.end, BELAY_REHEARSAL_DONE);
}

static void an_answer_that_says_no_goes_the_errors_way(void **state)
{
    struct bench *b = *state;
    struct told t;
    assert_ok(rehearse(b, false, "{\"second\":{\"status\":503}}", &t));
    assert_int_equal(t.end.end, BELAY_REHEARSAL_LETTER); /* one attempt is all */
    assert_string_equal(t.fault, "HTTP:SERVER_ERROR");
    assert_ok(rehearse(b, false, "{\"second\":{\"error\":\"HTTP:TIMEOUT\",\"class\":\"unknown_outcome\"}}", &t));
    assert_string_equal(t.fault, "HTTP:TIMEOUT");
    assert_int_equal(rehearse(b, false, "{\"second\":{\"error\":\"X\",\"class\":\"odd\"}}", &t), BELAY_INVALID);
    assert_int_equal(rehearse(b, false, "{\"second\":{\"status\":\"200\"}}", &t), BELAY_INVALID);
    assert_int_equal(rehearse(b, false, "[]", &t), BELAY_INVALID);
}

static void it_survives_without_memory(void **state)
{
    struct bench *b = *state;
    struct told t;
    int status = BELAY_NOMEM;
    struct belay_broker *broker = belay_engine_broker(b->engine);
    struct belay_rehearsal_opt opt = { .from_start = true, .called = on_called, .ended = on_ended, .arg = &t };
    struct belay_letter letter;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_broker_letter_get(broker, belay_broker_find(broker, BELAY_STR("handle")), 1, &arena, &letter, &b->err));
    uint64_t n = 0;
    for (; status != BELAY_OK && n < 200; n++) {
        memset(&t, 0, sizeof t);
        belay_alloc_fail_after(n);
        status = belay_engine_rehearse(b->engine, &letter, &opt, b->now, &b->err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
    }
    assert_int_equal(status, BELAY_OK);
    belay_arena_deinit(&arena);
    bench_go(b);
}

int main(void)
{
#define REHEARSAL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        REHEARSAL_TEST(from_the_failed_step_it_stops_where_the_answer_decides),
        REHEARSAL_TEST(with_an_answer_it_goes_on_and_tells_what_is_published),
        REHEARSAL_TEST(from_the_start_calls_are_answered_as_they_were),
        REHEARSAL_TEST(an_answer_that_says_no_goes_the_errors_way),
        REHEARSAL_TEST(it_survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
