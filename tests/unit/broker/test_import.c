/* A letter that is told becomes one, with all it had, and nobody else handles its message. */
#include "base/alloc.h"
#include "unit/broker/broker_fixture.h"

static struct belay_letter_attempt attempts[2];

static struct belay_letter told(void)
{
    static const struct belay_field header = { BELAY_STR_INIT("x"), BELAY_STR_INIT("1") };
    belay_fault_init(&attempts[0].fault, "HTTP:503", BELAY_CLASS_TRANSIENT, "busy");
    belay_fault_init(&attempts[1].fault, "HTTP:TIMEOUT", BELAY_CLASS_UNKNOWN_OUTCOME, "no answer");
    attempts[0].attempt = 1;
    attempts[1].attempt = 7;
    attempts[0].fault.at = 1000;
    attempts[1].fault.at = 5000;
    return (struct belay_letter){
        .subscription = BELAY_STR("billing"), .topic = BELAY_STR("orders"), .sequence = 4711, .lane_key = BELAY_STR("a"),
        .message = { .id = BELAY_STR("m-1"), .key = BELAY_STR("k"), .body = BELAY_STR("{\"n\":1}"), .headers = &header,
                     .header_count = 1 },
        .first_attempt_at = 900, .created_at = 6000, .attempts = 7, .history = attempts, .history_count = 2,
        .progress = BELAY_STR("what was achieved"), .definition = { 1, 2 },
    };
}

static struct belay_letter get(struct world *w, uint64_t sequence, struct belay_arena *arena)
{
    struct belay_letter l;
    world_ok(w, belay_broker_letter_get(w->b, w->sub, sequence, arena, &l, &w->err));
    return l;
}

static void it_is_a_dead_letter_with_all_it_had_also_after_a_crash(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_letter l = told();
    uint64_t sequence = 0;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    l.topic = belay_subscription_topic(w->sub);
    publish(w, "a", "before");
    world_ok(w, belay_broker_letter_import(w->b, w->sub, &l, w->now, &sequence, &w->err));
    assert_int_equal(sequence, 2);
    publish(w, "a", "behind");
    for (int i = 0; i < 2; i++) {
        struct belay_letter is = get(w, 2, &arena);
        assert_false(is.parked);
        assert_int_equal(is.attempts, 7);
        assert_int_equal(is.history_count, 2);
        assert_string_equal(is.history[0].fault.type, "HTTP:503");
        assert_int_equal(is.history[1].attempt, 7);
        assert_int_equal(is.history[1].fault.class_, BELAY_CLASS_UNKNOWN_OUTCOME);
        assert_int_equal(is.first_attempt_at, 900);
        assert_int_equal(is.created_at, w->now - i);
        assert_str(is.lane_key, "a");
        assert_str(is.message.id, "m-1");
        assert_str(is.message.body, "{\"n\":1}");
        assert_int_equal(is.message.header_count, 1);
        assert_str(is.progress, "what was achieved");
        assert_true(belay_hash128_eq(is.definition, l.definition));
        assert_true(belay_broker_letter_known(w->b, w->sub, 2, is.created_at));
        assert_false(belay_broker_letter_known(w->b, w->sub, 2, is.created_at + BELAY_US_PER_S));
        assert_int_equal(stats_of(w).dead, 1);
        world_settle(w);
        if (i == 0) {
            world_reopen(w, SIM_POWER);
            w->now++;
        }
    }
    ack(w, take_one(w, 1)); /* its key goes on without it */
    ack(w, take_one(w, 3));
    assert_null(take(w));
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 2, false, w->now, &w->err));
    struct belay_delivery *d = take_one(w, 2);
    assert_str(d->progress, "what was achieved");
    assert_str(d->message.body, "{\"n\":1}");
    ack(w, d);
    world_settle(w);
    assert_int_equal(stats_of(w).lost, 0);
    belay_arena_deinit(&arena);
}

static void who_else_reads_the_topic_discards_it(void **state)
{
    struct world *w = *state;
    struct belay_letter l = told();
    struct belay_subscription_stats s = { 0 };
    uint64_t sequence;
    l.topic = belay_subscription_topic(w->sub);
    struct belay_subscription *billing = w->sub;
    subscribe(w, BELAY_STR("other"), BELAY_STR("orders")); /* w->sub from now on */
    publish(w, "a", "1");
    world_ok(w, belay_broker_letter_import(w->b, billing, &l, w->now, &sequence, &w->err));
    publish(w, "a", "3");
    for (uint32_t i = 0; belay_broker_subscription_stats(w->b, i, &s); i++)
        if (belay_str_eq(s.name, BELAY_STR("other")))
            break;
    assert_int_equal(s.discarded, 1);
    assert_int_equal(s.backlog, 2);
    world_settle(w);
    world_reopen(w, SIM_KILL);
    world_settle(w);
}

static void what_is_no_letter_of_it_is_refused(void **state)
{
    struct world *w = *state;
    struct belay_letter l = told();
    uint64_t sequence;
    char key[BELAY_KEY_BYTES_MAX + 1];
    memset(key, 'k', sizeof key);
    l.topic = BELAY_STR("elsewhere");
    assert_int_equal(belay_broker_letter_import(w->b, w->sub, &l, w->now, &sequence, &w->err), BELAY_CONFLICT);
    l.topic = belay_subscription_topic(w->sub);
    l.history_count = 0;
    assert_int_equal(belay_broker_letter_import(w->b, w->sub, &l, w->now, &sequence, &w->err), BELAY_INVALID);
    l.history_count = BELAY_LETTER_ATTEMPTS_MAX + 1;
    assert_int_equal(belay_broker_letter_import(w->b, w->sub, &l, w->now, &sequence, &w->err), BELAY_INVALID);
    l.history_count = 2;
    l.lane_key = belay_str(key, sizeof key);
    assert_int_equal(belay_broker_letter_import(w->b, w->sub, &l, w->now, &sequence, &w->err), BELAY_INVALID);
    assert_int_equal(stats_of(w).dead, 0);
    world_settle(w);
}

static void without_memory_nothing_is_there(void **state)
{
    struct world *w = *state;
    struct belay_letter l = told();
    uint64_t sequence = 0;
    bool done = false;
    l.topic = belay_subscription_topic(w->sub);
    for (uint64_t n = 0; !done && n < 200; n++) {
        belay_alloc_fail_after(n);
        int status = belay_broker_letter_import(w->b, w->sub, &l, w->now, &sequence, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        done = status == BELAY_OK;
        assert_true(done || status == BELAY_NOMEM || status == BELAY_BUSY);
        assert_int_equal(stats_of(w).dead, done);
        world_settle(w);
    }
    assert_true(done && sequence == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(it_is_a_dead_letter_with_all_it_had_also_after_a_crash),
        WORLD_TEST(who_else_reads_the_topic_discards_it),
        WORLD_TEST(what_is_no_letter_of_it_is_refused),
        WORLD_TEST(without_memory_nothing_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
