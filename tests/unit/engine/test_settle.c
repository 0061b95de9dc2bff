/* A person's word on a letter whose last call nobody knows of. */
#include "broker/letter.h"
#include "unit/engine/bench.h"

static const char yaml[] =
    "belay: 1\n"
    "name: t\n"
    "connections: { bank: { http: { base_url: 'http://127.0.0.1:1' }, breaker: false } }\n"
    "queues: { work: {} }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  take: { from: { api: api, operation: a }, steps: [ { publish: { queue: work } } ], reply: { status: 202 } }\n"
    "  charge:\n"
    "    from: { queue: work }\n"
    "    steps:\n"
    "      - map: \"{% { 'order': id } %}\"\n"
    "      - call: { connection: bank, method: GET, path: /accounts }\n"
    "      - call: { connection: bank, method: POST, path: /charges }\n"
    "      - call: { connection: bank, method: POST, path: /receipts }\n";

static struct belay_subscription *charge(struct bench *b)
{
    return belay_broker_find(belay_engine_broker(b->engine), BELAY_STR("charge"));
}

/* Letter 1, whose charge may have been made. */
static void make_letter(struct bench *b)
{
    struct bench_request r;
    bench_init(b, yaml);
    assert_ok(bench_ask(b, &r, "a", NULL, "{\"id\":\"x\"}"));
    bench_go(b);
    bench_answer(b, bench_call_last(b)->id, "{}"); /* from here on there is progress: what was mapped is in it */
    assert_string_equal(bench_call_last(b)->body, "{\"order\":\"x\"}");
    bench_answer_bad(b, bench_call_last(b)->id, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:TIMEOUT", 0);
    bench_request_free(&r);
    assert_int_equal(bench_stats(b, "charge").dead + bench_stats(b, "charge").parked, 1);
}

static void edit(struct bench *b, bool restore)
{
    struct belay_broker *broker = belay_engine_broker(b->engine);
    struct belay_arena arena;
    struct belay_letter l;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_broker_letter_get(broker, charge(b), 1, &arena, &l, &b->err));
    if (restore)
        assert_ok(belay_broker_letter_original(broker, charge(b), 1, &arena, &l.message, &b->err));
    else
        l.message.body = BELAY_STR("{\"id\":\"y\"}");
    assert_ok(belay_broker_letter_edit(broker, charge(b), 1, l.edits, &l.message, b->now, &b->err));
    belay_arena_deinit(&arena);
}

static int settle(struct bench *b, enum belay_flow_settle how)
{
    int status = belay_engine_letter_settle(b->engine, charge(b), 1, how, BELAY_STR_NONE, b->now, &b->err);
    bench_go(b);
    return status;
}

static void what_was_edited_is_not_settled_past_the_edit(void **state)
{
    static const enum belay_flow_settle words[] = { BELAY_FLOW_SETTLE_DONE, BELAY_FLOW_SETTLE_NOT_DONE, BELAY_FLOW_SETTLE_RETRY };
    struct bench b;
    (void)state;
    make_letter(&b);
    edit(&b, false);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(settle(&b, words[i]), BELAY_CONFLICT);
        assert_non_null(strstr(b.err.msg, "belay dlq replay charge 1 --from-start"));
        assert_non_null(strstr(b.err.msg, "--restore"));
    }
    assert_int_equal(b.call_count, 2);
    edit(&b, true);
    assert_ok(settle(&b, BELAY_FLOW_SETTLE_DONE));
    assert_int_equal(b.call_count, 3);
    assert_string_equal(bench_call_last(&b)->path, "/receipts");
    assert_string_equal(bench_call_last(&b)->body, "{\"order\":\"x\"}");
    bench_deinit(&b);
}

static void from_the_start_the_edited_one_goes(void **state)
{
    struct bench b;
    (void)state;
    make_letter(&b);
    edit(&b, false);
    assert_ok(belay_broker_letter_replay(belay_engine_broker(b.engine), charge(&b), 1, true, b.now, &b.err));
    bench_go(&b);
    assert_string_equal(bench_call_last(&b)->path, "/accounts");
    bench_answer(&b, bench_call_last(&b)->id, "{}");
    assert_string_equal(bench_call_last(&b)->path, "/charges");
    assert_string_equal(bench_call_last(&b)->body, "{\"order\":\"y\"}");
    bench_deinit(&b);
}

/* Its calls are made with the edited one, and nobody knows whether that one's charge was made. */
static void make_letter_of_the_edited_one(struct bench *b)
{
    make_letter(b);
    edit(b, false);
    assert_ok(belay_broker_letter_replay(belay_engine_broker(b->engine), charge(b), 1, true, b->now, &b->err));
    bench_go(b);
    bench_answer(b, bench_call_last(b)->id, "{}");
    assert_string_equal(bench_call_last(b)->body, "{\"order\":\"y\"}");
    bench_answer_bad(b, bench_call_last(b)->id, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:TIMEOUT", 0);
    assert_int_equal(bench_stats(b, "charge").dead + bench_stats(b, "charge").parked, 1);
}

static void what_the_edited_one_made_is_settled(void **state)
{
    struct bench b;
    (void)state;
    make_letter_of_the_edited_one(&b);
    assert_false(belay_broker_letter_unseen(belay_engine_broker(b.engine), charge(&b), 1));
    assert_ok(settle(&b, BELAY_FLOW_SETTLE_DONE));
    assert_string_equal(bench_call_last(&b)->path, "/receipts");
    assert_string_equal(bench_call_last(&b)->body, "{\"order\":\"y\"}");
    bench_deinit(&b);
}

static void an_edit_that_was_taken_back_after_its_calls_is_not_settled_past_that(void **state)
{
    struct bench b;
    (void)state;
    make_letter_of_the_edited_one(&b);
    edit(&b, true);
    assert_true(belay_broker_letter_unseen(belay_engine_broker(b.engine), charge(&b), 1));
    assert_int_equal(settle(&b, BELAY_FLOW_SETTLE_DONE), BELAY_CONFLICT);
    assert_non_null(strstr(b.err.msg, "belay dlq replay charge 1 --from-start"));
    assert_int_equal(b.call_count, 4);
    edit(&b, false);
    assert_ok(settle(&b, BELAY_FLOW_SETTLE_DONE));
    assert_string_equal(bench_call_last(&b)->body, "{\"order\":\"y\"}");
    bench_deinit(&b);
}

/* A word is no other message: what was settled and fails again is of the message it was of before. */
static void what_was_settled_stays_of_its_message(void **state)
{
    struct bench b;
    (void)state;
    make_letter(&b);
    assert_ok(settle(&b, BELAY_FLOW_SETTLE_DONE));
    assert_string_equal(bench_call_last(&b)->path, "/receipts");
    bench_answer_bad(&b, bench_call_last(&b)->id, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:TIMEOUT", 0);
    assert_false(belay_broker_letter_unseen(belay_engine_broker(b.engine), charge(&b), 1));
    edit(&b, false);
    assert_int_equal(settle(&b, BELAY_FLOW_SETTLE_DONE), BELAY_CONFLICT);
    edit(&b, true);
    assert_ok(settle(&b, BELAY_FLOW_SETTLE_RETRY));
    assert_string_equal(bench_call_last(&b)->path, "/receipts");
    assert_string_equal(bench_call_last(&b)->body, "{\"order\":\"x\"}");
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_edited_is_not_settled_past_the_edit),
        cmocka_unit_test(from_the_start_the_edited_one_goes),
        cmocka_unit_test(what_the_edited_one_made_is_settled),
        cmocka_unit_test(an_edit_that_was_taken_back_after_its_calls_is_not_settled_past_that),
        cmocka_unit_test(what_was_settled_stays_of_its_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
