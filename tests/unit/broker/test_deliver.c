/* Publish, deliver, acknowledge, retry; what survives a restart. */
#include "unit/broker/broker_fixture.h"

static void messages_are_delivered_in_order_and_are_done_once_acknowledged(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 500; i++)
        publish(w, "", "x");
    for (uint64_t i = 1; i <= 500; i++) {
        struct belay_delivery *d = take_one(w, i);
        assert_int_equal(d->attempt, 1);
        assert_false(d->interrupted);
        assert_str(d->message.body, "x");
        ack(w, d);
    }
    assert_null(take(w));
    world_settle(w);
    assert_int_equal(stats_of(w).done, 500);
    assert_int_equal(stats_of(w).cursor, 501);
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    assert_int_equal(stats_of(w).done, 500);
}

static void what_was_not_acknowledged_comes_again_after_a_crash(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        publish(w, "", "x");
    take_one(w, 1);
    ack(w, take_one(w, 2));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    take_one(w, 1);
    take_one(w, 3);
    assert_null(take(w));
}

static void what_cannot_be_read_stops_its_subscription_until_it_is_back(void **state)
{
    struct world *w = *state;
    bool news;
    for (int i = 0; i < 3; i++) {
        publish(w, "", "x");
        world_settle(w);
    }
    world_reopen(w, SIM_POWER);
    assert_true(sim_disk_flip(w->disk, "journal/00000001.seg", BELAY_BLOCK_BYTES + 100, 3));
    assert_null(take(w));
    assert_true(stats_of(w).broken);
    struct belay_str why = belay_subscription_stopped_by(w->sub, &news);
    assert_true(news);
    assert_non_null(strstr(why.p, "journal/00000001.seg"));
    (void)belay_subscription_stopped_by(w->sub, &news);
    assert_false(news);
    assert_ok(belay_broker_resume(w->b, w->sub, &w->err)); /* it looks, and stops again */
    assert_null(take(w));
    (void)belay_subscription_stopped_by(w->sub, &news);
    assert_true(news && stats_of(w).broken);
    assert_true(sim_disk_flip(w->disk, "journal/00000001.seg", BELAY_BLOCK_BYTES + 100, 3));
    assert_ok(belay_broker_resume(w->b, w->sub, &w->err));
    take_one(w, 1);
    assert_int_equal(belay_subscription_stopped_by(w->sub, &news).n, 0);
    assert_false(news);
}

static void an_ack_whose_commit_was_never_made_is_lost(void **state)
{
    struct world *w = *state;
    publish(w, "", "x");
    world_settle(w);
    ack(w, take_one(w, 1));
    belay_broker_flush(w->b); /* the record is appended, the commit never made */
    world_reopen(w, SIM_KILL);
    take_one(w, 1);
}

static void messages_of_a_key_wait_for_each_other_and_other_keys_go_on(void **state)
{
    struct world *w = *state;
    publish(w, "a", "1");
    publish(w, "a", "2");
    publish(w, "b", "3");
    struct belay_delivery *first = take_one(w, 1);
    assert_str(first->lane_key, "a");
    ack(w, take_one(w, 3));
    assert_null(take(w));
    ack(w, first);
    ack(w, take_one(w, 2));
    world_settle(w);
    assert_int_equal(stats_of(w).cursor, 4);
}

static void concurrency_bounds_what_is_in_flight(void **state)
{
    struct world *w = *state;
    w->sub_opt.concurrency = 2;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    for (int i = 0; i < 4; i++)
        publish(w, "", "x");
    struct belay_delivery *d = take_one(w, 1);
    take_one(w, 2);
    assert_null(take(w));
    ack(w, d);
    take_one(w, 3);
    assert_null(take(w));
}

static void a_retry_comes_again_when_due_with_its_attempt_and_progress(void **state)
{
    struct world *w = *state;
    publish(w, "a", "1");
    struct belay_delivery *d = take_one(w, 1);
    belay_time first = d->first_attempt_at;
    world_ok(w, belay_broker_retry(w->b, d, w->now + 500 * MS, &w->fault, BELAY_STR("so far"),
                                   (struct belay_hash128){ 7, 8 }, &w->err));
    assert_null(take(w));
    assert_state(w, 1, BELAY_MESSAGE_WAITING);
    assert_int_equal(belay_broker_wake_at(w->b), w->now + 500 * MS);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    pass_ms(w, 499);
    assert_null(take(w));
    pass_ms(w, 1);
    d = take_one(w, 1);
    assert_int_equal(d->attempt, 2);
    assert_false(d->interrupted);
    assert_int_equal(d->first_attempt_at, first);
    assert_str(d->progress, "so far");
    assert_int_equal(d->definition.hi, 7);
    assert_state(w, 1, BELAY_MESSAGE_IN_FLIGHT);
    ack(w, d);
    world_settle(w);
    assert_state(w, 1, BELAY_MESSAGE_DONE);
    assert_int_equal(stats_of(w).waiting, 0);
}

static void what_waits_is_looked_at_on_whole_milliseconds(void **state)
{
    struct world *w = *state;
    publish(w, "a", "1");
    publish(w, "b", "2");
    struct belay_delivery *first = take_one(w, 1), *second = take_one(w, 2);
    world_ok(w, belay_broker_retry(w->b, first, w->now + 5 * MS + 1, &w->fault, BELAY_STR_NONE,
                                   (struct belay_hash128){ 7, 8 }, &w->err));
    world_ok(w, belay_broker_retry(w->b, second, w->now + 6 * MS, &w->fault, BELAY_STR_NONE,
                                   (struct belay_hash128){ 7, 8 }, &w->err));
    assert_null(take(w));
    assert_int_equal(belay_broker_wake_at(w->b), w->now + 6 * MS);
    assert_true(belay_broker_tick_at(w->b) > w->now + 6 * MS);
    pass_ms(w, 6);
    ack(w, take_one(w, 1));
    ack(w, take_one(w, 2));
}

static void later_messages_of_a_waiting_key_are_held_in_order(void **state)
{
    struct world *w = *state;
    publish(w, "a", "1");
    publish(w, "a", "2");
    publish(w, "b", "3");
    retry(w, take_one(w, 1), 1000);
    publish(w, "a", "4");
    ack(w, take_one(w, 3));
    assert_null(take(w));
    assert_state(w, 2, BELAY_MESSAGE_HELD);
    assert_state(w, 4, BELAY_MESSAGE_HELD);
    assert_int_equal(stats_of(w).held, 2);
    assert_int_equal(stats_of(w).cursor, 5);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    pass_ms(w, 1000);
    for (uint64_t expected = 1; expected <= 4; expected += expected == 2 ? 2 : 1) {
        struct belay_delivery *d = take_one(w, expected);
        assert_null(take(w));
        ack(w, d);
        world_settle(w);
    }
    assert_null(take(w));
    assert_int_equal(stats_of(w).lanes_in_trouble, 0);
}

static void a_started_attempt_without_an_outcome_is_an_interrupted_one(void **state)
{
    struct world *w = *state;
    publish(w, "a", "1");
    for (uint32_t begun = 1; begun <= 4; begun++) {
        struct belay_delivery *d = take_one(w, 1);
        assert_int_equal(d->attempt, 1); /* a crash uses up none */
        assert_int_equal(d->interrupted, begun > 1);
        world_ok(w, belay_broker_start(w->b, d, &w->err));
        if (begun >= 2)
            world_ok(w, belay_broker_progress(w->b, d, BELAY_STR("step 1"), (struct belay_hash128){ 3, 4 }, &w->err));
        if (begun > 2)
            assert_str(d->progress, "step 1");
        world_settle(w);
        world_reopen(w, SIM_POWER);
    }
    struct belay_delivery *d = take_one(w, 1);
    retry(w, d, 10);
    world_settle(w);
    pass_ms(w, 10);
    d = take_one(w, 1);
    assert_int_equal(d->attempt, 2);
    assert_false(d->interrupted);
    ack(w, d);
    world_settle(w);
}

static void a_deferred_delivery_comes_again_and_used_no_attempt_up(void **state)
{
    struct world *w = *state;
    publish(w, "a", "1");
    publish(w, "a", "2");
    belay_broker_defer(w->b, take_one(w, 1), w->now + 5 * MS);
    assert_null(take(w));
    assert_int_equal(belay_broker_wake_at(w->b), w->now + 5 * MS);
    pass_ms(w, 5);
    struct belay_delivery *d = take_one(w, 1);
    assert_int_equal(d->attempt, 1);
    ack(w, d);
    ack(w, take_one(w, 2));
    world_settle(w);
}

static void subscriptions_take_turns(void **state)
{
    struct world *w = *state;
    struct belay_subscription *billing = w->sub;
    subscribe(w, BELAY_STR("shipping"), BELAY_STR("orders"));
    for (int i = 0; i < 10; i++)
        publish(w, "", "x");
    for (uint64_t i = 1; i <= 10; i++) {
        struct belay_delivery *a = take_one(w, i), *b = take_one(w, i);
        assert_true(a->sub != b->sub);
        assert_true(a->sub == billing || b->sub == billing);
        ack(w, a);
        ack(w, b);
    }
    assert_null(take(w));
    world_settle(w);
}

static void a_backlog_larger_than_memory_streams_through_fetches(void **state)
{
    struct world *w = *state;
    char body[1000];
    memset(body, 'b', sizeof body - 1);
    body[sizeof body - 1] = 0;
    w->opt.tail_cache_bytes = 64 * 1024;
    world_settle(w);
    world_reopen(w, SIM_KILL);
    world_ok(w, belay_broker_pause(w->b, w->sub, BELAY_STR_NONE, &w->err));
    for (int i = 0; i < 3000; i++) {
        publish(w, "", body);
        if (i % 32 == 0)
            world_flush(w);
    }
    world_settle(w);
    world_ok(w, belay_broker_resume(w->b, w->sub, &w->err));
    for (uint64_t i = 1; i <= 3000; i++) {
        struct belay_delivery *d = take_one(w, i);
        assert_int_equal(d->message.body.n, sizeof body - 1);
        ack(w, d);
    }
    world_settle(w);
    assert_int_equal(stats_of(w).done, 3000);
}

static void what_was_begun_has_room_for_its_outcome(void **state)
{
    struct world *w = *state;
    char body[2000] = { 0 };
    struct belay_message m = { .body = belay_str(body, sizeof body) };
    declare(w, BELAY_STR("out"), false);
    uint64_t refused = 0, done = 0;
    for (int i = 0; i < 400; i++) {
        if (belay_broker_publish(w->b, BELAY_STR("orders"), &m, w->now, NULL, &w->err) != BELAY_OK)
            world_flush(w);
        struct belay_delivery *d = belay_broker_next(w->b, w->now);
        if (!d)
            continue;
        if (belay_broker_begin(w->b, 2 * sizeof body + 1000, 2, d, i % 3 == 0, &w->err) != BELAY_OK) {
            refused++;
            belay_broker_defer(w->b, d, w->now);
            world_flush(w);
            continue;
        }
        for (int k = 0; k < 2; k++)
            world_ok(w, belay_broker_publish(w->b, BELAY_STR("out"), &m, w->now, NULL, &w->err));
        if (i % 3 == 0)
            letter(w, d, true);
        else
            ack(w, d);
        done++;
    }
    assert_true(refused > 0 && done > 100);
    world_settle(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(messages_are_delivered_in_order_and_are_done_once_acknowledged),
        WORLD_TEST(what_was_not_acknowledged_comes_again_after_a_crash),
        WORLD_TEST(what_cannot_be_read_stops_its_subscription_until_it_is_back),
        WORLD_TEST(an_ack_whose_commit_was_never_made_is_lost),
        WORLD_TEST(messages_of_a_key_wait_for_each_other_and_other_keys_go_on),
        WORLD_TEST(concurrency_bounds_what_is_in_flight),
        WORLD_TEST(a_retry_comes_again_when_due_with_its_attempt_and_progress),
        WORLD_TEST(what_waits_is_looked_at_on_whole_milliseconds),
        WORLD_TEST(later_messages_of_a_waiting_key_are_held_in_order),
        WORLD_TEST(a_started_attempt_without_an_outcome_is_an_interrupted_one),
        WORLD_TEST(a_deferred_delivery_comes_again_and_used_no_attempt_up),
        WORLD_TEST(subscriptions_take_turns),
        WORLD_TEST(what_was_begun_has_room_for_its_outcome),
        WORLD_TEST(a_backlog_larger_than_memory_streams_through_fetches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
