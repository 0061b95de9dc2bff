/* Dead letters: what they keep, and what the workbench does with them. */
#include "unit/broker/broker_fixture.h"

static struct belay_letter get(struct world *w, uint64_t sequence, struct belay_arena *arena)
{
    struct belay_letter l;
    world_ok(w, belay_broker_letter_get(w->b, w->sub, sequence, arena, &l, &w->err));
    return l;
}

static void a_letter_keeps_its_message_and_every_attempt(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    publish(w, "k1", "{\"order\":1}");
    for (int i = 0; i < 3; i++) {
        retry(w, take_one(w, 1), 10);
        world_settle(w);
        pass_ms(w, 10);
    }
    struct belay_delivery *d = take_one(w, 1);
    assert_int_equal(d->attempt, 4);
    world_ok(w, belay_broker_letter(w->b, d, &w->fault, true, BELAY_STR("half way"), (struct belay_hash128){ 5, 6 },
                                    w->now, &w->err));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    struct belay_letter l = get(w, 1, &arena);
    assert_true(l.parked);
    assert_str(l.subscription, "billing");
    assert_str(l.topic, "orders");
    assert_str(l.lane_key, "k1");
    assert_str(l.message.body, "{\"order\":1}");
    assert_str(l.progress, "half way");
    assert_int_equal(l.definition.lo, 6);
    assert_int_equal(l.attempts, 4);
    assert_int_equal(l.history_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(l.history[i].attempt, i + 1);
        assert_string_equal(l.history[i].fault.type, "HTTP:TIMEOUT");
    }
    assert_int_equal(l.fingerprint, belay_fault_fingerprint(&w->fault, BELAY_STR("billing")));
    assert_true(belay_hash128_eq(l.payload_hash, belay_hash128(l.message.body)));
    assert_int_equal(l.created_at, w->now);
    belay_arena_deinit(&arena);
}

static void of_a_long_history_the_first_and_the_last_are_kept(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    publish(w, "", "x");
    for (int i = 0; i < 69; i++) {
        retry(w, take_one(w, 1), 0);
        world_flush(w);
    }
    letter(w, take_one(w, 1), false);
    world_settle(w);
    struct belay_letter l = get(w, 1, &arena);
    assert_int_equal(l.attempts, 70);
    assert_int_equal(l.history_count, BELAY_LETTER_ATTEMPTS_MAX);
    assert_int_equal(l.history[0].attempt, 1);
    assert_int_equal(l.history[1].attempt, 70 - BELAY_LETTER_ATTEMPTS_MAX + 2);
    assert_int_equal(l.history[BELAY_LETTER_ATTEMPTS_MAX - 1].attempt, 70);
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 1, BELAY_STR("test"), BELAY_STR("me"), w->now, &w->err));
    world_settle(w);
    struct belay_str key, value;
    assert_false(belay_state_seek(belay_store_state(w->store), BELAY_TABLE_EXCEPTION, BELAY_STR("\0"), false,
                                  BELAY_STR_NONE, &key, &value));
    belay_arena_deinit(&arena);
}

static void a_parked_letter_blocks_its_key_until_it_is_replayed(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (int i = 0; i < 4; i++)
        publish(w, "a", "x");
    publish(w, "b", "x");
    letter(w, take_one(w, 1), true);
    ack(w, take_one(w, 5));
    assert_null(take(w));
    assert_int_equal(get(w, 1, &arena).held, 3);
    assert_state(w, 1, BELAY_MESSAGE_PARKED);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    assert_int_equal(belay_broker_letter_get(w->b, w->sub, 1, &arena, &(struct belay_letter){ 0 }, &w->err), BELAY_NOTFOUND);
    for (uint64_t s = 1; s <= 4; s++) {
        struct belay_delivery *d = take_one(w, s);
        assert_int_equal(d->attempt, 1);
        assert_null(take(w));
        ack(w, d);
        world_settle(w);
    }
    assert_int_equal(stats_of(w).done, 5);
    belay_arena_deinit(&arena);
}

static void a_replayed_letter_that_fails_again_keeps_its_history(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    publish(w, "a", "x");
    publish(w, "a", "y");
    letter(w, take_one(w, 1), true);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, true, w->now, &w->err));
    letter(w, take_one(w, 1), true);
    world_settle(w);
    struct belay_letter l = get(w, 1, &arena);
    assert_int_equal(l.attempts, 2);
    assert_int_equal(l.history_count, 2);
    assert_int_equal(l.held, 1);
    assert_null(take(w));
    belay_arena_deinit(&arena);
}

static void a_replayed_letter_takes_the_current_definition_and_keeps_its_progress(void **state)
{
    struct world *w = *state;
    for (int large = 0; large < 2; large++) { /* in its row, and in a row of its own */
        char progress[4000];
        size_t n = large ? sizeof progress : 8;
        memset(progress, 'p', sizeof progress);
        uint64_t sequence = publish(w, "a", "x");
        world_ok(w, belay_broker_letter(w->b, take_one(w, sequence), &w->fault, false, belay_str(progress, n),
                                        (struct belay_hash128){ 5, 6 }, w->now, &w->err));
        world_settle(w);
        world_ok(w, belay_broker_letter_replay(w->b, w->sub, sequence, false, w->now, &w->err));
        struct belay_delivery *d = take_one(w, sequence);
        assert_true(hash_none(d->definition));
        assert_int_equal(d->progress.n, n);
        world_ok(w, belay_broker_retry(w->b, d, w->now, &w->fault, d->progress, (struct belay_hash128){ 7, 8 }, &w->err));
        world_settle(w);
        world_reopen(w, SIM_POWER);
        d = take_one(w, sequence);
        assert_int_equal(d->definition.lo, 8);
        ack(w, d);
        world_settle(w);
    }
}

static void released_and_discarded_letters_let_their_key_go_on(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        publish(w, "a", "x");
    letter(w, take_one(w, 1), true);
    world_ok(w, belay_broker_letter_release(w->b, w->sub, 1, w->now, &w->err));
    assert_state(w, 1, BELAY_MESSAGE_DEAD);
    letter(w, take_one(w, 2), true);
    assert_int_equal(belay_broker_letter_discard(w->b, w->sub, 2, BELAY_STR(" "), BELAY_STR("me"), w->now, &w->err),
                     BELAY_INVALID);
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 2, BELAY_STR("test order"), BELAY_STR("me"), w->now, &w->err));
    assert_state(w, 2, BELAY_MESSAGE_DONE);
    ack(w, take_one(w, 3));
    world_settle(w);
    struct belay_subscription_stats s = stats_of(w);
    assert_int_equal(s.dead, 1);
    assert_int_equal(s.discarded, 1);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.lanes_in_trouble, 0);
}

static void a_replayed_dead_letter_never_runs_beside_its_key(void **state)
{
    struct world *w = *state;
    publish(w, "a", "x");
    publish(w, "a", "y");
    letter(w, take_one(w, 1), false);
    struct belay_delivery *d = take_one(w, 2);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    assert_null(take(w));
    ack(w, d);
    d = take_one(w, 1);
    publish(w, "a", "z");
    assert_null(take(w));
    retry(w, d, 1000); /* it waits; the key does not wait for it */
    ack(w, take_one(w, 3));
    world_settle(w);
}

static void a_dead_letter_outlives_the_log_of_its_topic(void **state)
{
    struct world *w = *state;
    struct belay_topic_stats t;
    publish(w, "a", "keep me");
    for (int i = 0; i < 50; i++)
        publish(w, "", "x");
    letter(w, take_one(w, 1), true);
    for (uint64_t s = 2; s <= 51; s++)
        ack(w, take_one(w, s));
    world_settle(w);
    pass_ms(w, 10);
    assert_true(belay_broker_topic_stats(w->b, 0, &t));
    assert_int_equal(t.messages, 0);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    struct belay_delivery *d = take_one(w, 1);
    assert_str(d->message.body, "keep me");
    assert_str(d->lane_key, "a");
    ack(w, d);
    world_settle(w);
}

static void letters_are_listed_in_order(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_letter l;
    uint32_t sub = 0;
    uint64_t sequence = 0;
    struct belay_subscription *billing = w->sub;
    belay_arena_init(&arena, 0, BELAY_MIB(4));
    subscribe(w, BELAY_STR("shipping"), BELAY_STR("orders"));
    for (int i = 0; i < 20; i++)
        publish(w, "", "x");
    struct belay_delivery *d;
    while ((d = take(w)))
        if (d->sequence % 2)
            letter(w, d, false);
        else
            ack(w, d);
    uint32_t n = 0;
    uint64_t last = 0;
    while (belay_broker_letter_next(w->b, NULL, &sub, &sequence, &arena, &l)) {
        uint64_t at = ((uint64_t)sub << 32) + sequence;
        assert_true(at > last);
        last = at;
        n++;
    }
    assert_int_equal(n, 20);
    sub = 0;
    sequence = 0;
    for (n = 0; belay_broker_letter_next(w->b, billing, &sub, &sequence, &arena, &l); n++)
        assert_str(l.subscription, "billing");
    assert_int_equal(n, 10);
    world_ok(w, belay_broker_letter_replay(w->b, billing, 1, false, w->now, &w->err));
    sub = 0;
    sequence = 0;
    assert_true(belay_broker_letter_next(w->b, billing, &sub, &sequence, &arena, &l));
    assert_int_equal(l.sequence, 3);
    belay_arena_deinit(&arena);
}

static void stop_pauses_the_subscription_durably(void **state)
{
    struct world *w = *state;
    w->sub_opt.on_exhausted = BELAY_EXHAUSTED_STOP;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    publish(w, "", "x");
    publish(w, "", "y");
    letter(w, take_one(w, 1), false);
    assert_null(take(w));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    assert_true(stats_of(w).paused.n > 0);
    world_ok(w, belay_broker_resume(w->b, w->sub, &w->err));
    ack(w, take_one(w, 2));
    world_settle(w);
}

static int no_key(void *arg, const struct belay_message *m, struct belay_arena *arena, struct belay_str *ret_key,
                  struct belay_fault *ret_fault)
{
    (void)arg;
    (void)arena;
    if (belay_str_eq(m->body, BELAY_STR("no key"))) {
        belay_fault_init(ret_fault, "EXPRESSION:UNDEFINED", BELAY_CLASS_PERMANENT, "order_id is undefined");
        return BELAY_INVALID;
    }
    *ret_key = m->body;
    return BELAY_OK;
}

static int memory_later(void *arg, const struct belay_message *m, struct belay_arena *arena, struct belay_str *ret_key,
                        struct belay_fault *ret_fault)
{
    unsigned *refusals = arg;
    (void)arena;
    (void)ret_fault;
    if (*refusals && belay_str_eq(m->body, BELAY_STR("first"))) {
        --*refusals;
        return BELAY_NOMEM;
    }
    *ret_key = BELAY_STR("same");
    return BELAY_OK;
}

static void a_message_whose_lane_there_is_no_memory_for_is_read_again_and_not_overtaken(void **state)
{
    struct world *w = *state;
    unsigned refusals = 3;
    w->sub_opt.lane_key = memory_later;
    w->sub_opt.arg = &refusals;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    publish(w, "", "first");
    publish(w, "", "second");
    for (int i = 0; i < 3; i++) {
        assert_null(take(w));
        belay_time at = belay_broker_wake_at(w->b);
        assert_true(at > w->now && at < w->now + 100 * MS); /* soon again, and not in a circle */
        w->now = at;
    }
    struct belay_delivery *d = take_one(w, 1);
    assert_str(d->lane_key, "same");
    assert_null(take(w));
    ack(w, d);
    ack(w, take_one(w, 2));
    assert_int_equal(stats_of(w).dead, 0);
    world_settle(w);
}

static void a_message_whose_lane_cannot_be_told_is_a_letter_at_once(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    w->sub_opt.lane_key = no_key;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    publish(w, "ignored", "no key");
    publish(w, "ignored", "k2");
    struct belay_delivery *d = take_one(w, 2);
    assert_str(d->lane_key, "k2");
    struct belay_letter l = get(w, 1, &arena);
    assert_false(l.parked);
    assert_string_equal(l.history[0].fault.type, "EXPRESSION:UNDEFINED");
    belay_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_letter_keeps_its_message_and_every_attempt),
        WORLD_TEST(of_a_long_history_the_first_and_the_last_are_kept),
        WORLD_TEST(a_parked_letter_blocks_its_key_until_it_is_replayed),
        WORLD_TEST(a_replayed_letter_that_fails_again_keeps_its_history),
        WORLD_TEST(a_replayed_letter_takes_the_current_definition_and_keeps_its_progress),
        WORLD_TEST(released_and_discarded_letters_let_their_key_go_on),
        WORLD_TEST(a_replayed_dead_letter_never_runs_beside_its_key),
        WORLD_TEST(a_dead_letter_outlives_the_log_of_its_topic),
        WORLD_TEST(letters_are_listed_in_order),
        WORLD_TEST(stop_pauses_the_subscription_durably),
        WORLD_TEST(a_message_whose_lane_there_is_no_memory_for_is_read_again_and_not_overtaken),
        WORLD_TEST(a_message_whose_lane_cannot_be_told_is_a_letter_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
