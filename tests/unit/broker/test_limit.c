/* How much a topic may hold, and for how long. */
#include "unit/broker/broker_fixture.h"

static void limit(struct world *w, const struct belay_topic_def *limits)
{
    struct belay_topic_def def = *limits;
    def.name = BELAY_STR("orders");
    world_ok(w, belay_broker_declare_topic(w->b, &def, &w->err));
}

static bool full(struct world *w, struct belay_topic_full *ret)
{
    *ret = (struct belay_topic_full){ 0 };
    return belay_broker_topic_full(w->b, BELAY_STR("orders"), 100, w->now, ret);
}

static uint64_t length(struct world *w)
{
    struct belay_topic_stats s;
    assert_true(belay_broker_topic_stats(w->b, 0, &s));
    return s.length;
}

static void a_topic_without_limits_is_never_full(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    for (int i = 0; i < 100; i++)
        publish(w, "a", "x");
    assert_false(full(w, &f));
    assert_false(belay_broker_topic_full(w->b, BELAY_STR("nowhere"), 1, w->now, &f));
}

static void what_is_queued_at_work_or_waits_for_a_retry_counts(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    limit(w, &(struct belay_topic_def){ .max_messages = 3 });
    publish(w, "a", "1");
    publish(w, "b", "2");
    assert_false(full(w, &f));
    publish(w, "c", "3");
    assert_true(full(w, &f));
    assert_int_equal(f.bound, BELAY_BOUND_MESSAGES);
    assert_int_equal(f.length, 3);
    assert_false(f.rejects);
    struct belay_delivery *d = take_one(w, 1);
    assert_true(full(w, &f));
    retry(w, d, 1000);
    assert_true(full(w, &f));
    ack(w, take_one(w, 2));
    world_flush(w);
    assert_false(full(w, &f));
    world_settle(w);
}

/* A key that waits for a person closes the queue to nobody. */
static void a_parked_letter_and_what_waits_behind_it_do_not_count(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    limit(w, &(struct belay_topic_def){ .max_messages = 3, .on_full = BELAY_ON_FULL_REJECT });
    for (int i = 0; i < 3; i++)
        publish(w, "bad", "x");
    assert_true(full(w, &f) && f.rejects);
    letter(w, take_one(w, 1), true);
    assert_null(take(w)); /* the others are held now */
    world_settle(w);
    assert_int_equal(length(w), 0);
    for (int i = 0; i < 3; i++)
        publish(w, "bad", "x");
    assert_null(take(w));
    assert_int_equal(length(w), 0);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    limit(w, &(struct belay_topic_def){ .max_messages = 3 });
    assert_int_equal(length(w), 0);
    world_ok(w, belay_broker_cancel(w->b, w->sub, 3, BELAY_STR("not wanted"), w->now, &(bool){ 0 }, &w->err));
    world_settle(w);
    assert_int_equal(length(w), 0);
    /* Replayed, it and the four behind it are work again. */
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    assert_int_equal(length(w), 5);
    letter(w, take_one(w, 1), true);
    assert_int_equal(length(w), 0);
    world_ok(w, belay_broker_letter_release(w->b, w->sub, 1, w->now, &w->err));
    assert_int_equal(length(w), 4);
    world_settle(w);
    letter(w, take_one(w, 2), true);
    assert_int_equal(length(w), 0);
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 2, BELAY_STR("why not"), BELAY_STR("me"), w->now, &w->err));
    assert_int_equal(length(w), 3);
    world_settle(w);
}

static void bytes_are_counted_by_their_mean(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    char body[1001];
    memset(body, 'x', 1000);
    body[1000] = '\0';
    limit(w, &(struct belay_topic_def){ .max_bytes = 5200 });
    for (int i = 0; i < 5; i++) {
        assert_false(full(w, &f));
        publish(w, "", body);
    }
    assert_true(full(w, &f));
    assert_int_equal(f.bound, BELAY_BOUND_BYTES);
    for (uint64_t i = 1; i <= 2; i++)
        ack(w, take_one(w, i));
    world_flush(w);
    assert_false(full(w, &f));
    limit(w, &(struct belay_topic_def){ .max_bytes = 50 }); /* an empty one takes any message */
    for (uint64_t i = 3; i <= 5; i++)
        ack(w, take_one(w, i));
    world_flush(w);
    assert_false(full(w, &f));
}

static void a_topic_whose_oldest_has_waited_too_long_is_full(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    limit(w, &(struct belay_topic_def){ .max_age_ms = 5000 });
    publish(w, "a", "1");
    pass_ms(w, 4000);
    publish(w, "a", "2");
    assert_false(full(w, &f));
    pass_ms(w, 2000);
    assert_true(full(w, &f));
    assert_int_equal(f.bound, BELAY_BOUND_AGE);
    ack(w, take_one(w, 1));
    world_flush(w);
    pass_ms(w, 20); /* looked up now and then */
    assert_false(full(w, &f));
    pass_ms(w, 4000);
    assert_true(full(w, &f));
}

static void the_slowest_subscription_counts(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    struct belay_subscription *billing = w->sub;
    subscribe(w, BELAY_STR("audit"), BELAY_STR("orders"));
    world_ok(w, belay_broker_pause(w->b, billing, BELAY_STR("by hand"), &w->err));
    limit(w, &(struct belay_topic_def){ .max_messages = 2 });
    publish(w, "a", "1");
    publish(w, "b", "2");
    ack(w, take_one(w, 1));
    ack(w, take_one(w, 2));
    world_flush(w);
    assert_true(full(w, &f));
    world_ok(w, belay_broker_resume(w->b, billing, &w->err));
    ack(w, take_one(w, 1));
    world_flush(w);
    assert_false(full(w, &f));
}

static void who_is_turned_away_is_told_when_a_tenth_will_be_free(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    limit(w, &(struct belay_topic_def){ .max_messages = 1000 });
    for (int i = 0; i < 1100; i++)
        publish(w, "", "x");
    assert_true(full(w, &f));
    assert_int_equal(f.retry_after_ms, BELAY_DRAIN_AFTER_MS_MIN); /* nothing is known yet */
    for (int i = 0; i < 100; i++) { /* ten a second */
        ack(w, take(w));
        world_flush(w);
        pass_ms(w, 100);
        (void)full(w, &f);
    }
    assert_in_range(f.retry_after_ms, 9500, 10500); /* 101 of them */
    pass_ms(w, 100 * 1000);
    (void)full(w, &f);
    pass_ms(w, 100 * 1000);
    (void)full(w, &f);
    assert_int_equal(f.retry_after_ms, BELAY_DRAIN_AFTER_MS_MAX);
}

static struct belay_delivery *take_expiring(struct world *w, uint64_t sequence, belay_time expires_at)
{
    struct belay_delivery *d = take_one(w, sequence);
    assert_true(d->message.expires_at == expires_at);
    return d;
}

/* Nothing leaves before the first retry is due, however fast it went until now. */
static void where_all_wait_for_a_retry_nobody_is_told_to_come_before_it(void **state)
{
    struct world *w = *state;
    struct belay_topic_full f;
    limit(w, &(struct belay_topic_def){ .max_messages = 2, .on_full = BELAY_ON_FULL_REJECT });
    publish(w, "a", "1");
    publish(w, "b", "2");
    retry(w, take_one(w, 1), 20000);
    assert_true(full(w, &f) && f.retry_after_ms < 20000); /* the other one is still to be tried */
    retry(w, take_one(w, 2), 30000);
    assert_true(full(w, &f));
    assert_in_range(f.retry_after_ms, 19000, 20001);
    w->now += 20 * BELAY_US_PER_S;
    struct belay_delivery *d = take_one(w, 1);
    assert_true(full(w, &f)); /* at work again: as fast as it goes */
    ack(w, d);
    world_settle(w);
    assert_false(full(w, &f));
}

static void a_message_lives_as_long_as_its_topic_or_itself_says_the_shorter_counts(void **state)
{
    struct world *w = *state;
    limit(w, &(struct belay_topic_def){ .ttl_ms = 1000 });
    belay_time own[] = { 0, w->now + 500 * MS, w->now + 5000 * MS };
    for (int i = 0; i < 3; i++) {
        struct belay_message m = { .id = BELAY_STR("id"), .expires_at = own[i] };
        world_ok(w, belay_broker_publish(w->b, BELAY_STR("orders"), &m, w->now, NULL, &w->err));
    }
    belay_time whole = w->now + 1000 * MS;
    ack(w, take_expiring(w, 1, whole));
    ack(w, take_expiring(w, 2, own[1]));
    ack(w, take_expiring(w, 3, whole));
    /* of a delayed one it begins when it appears */
    struct belay_message m = { .id = BELAY_STR("id") };
    world_ok(w, belay_broker_schedule(w->b, BELAY_STR("orders"), &m, w->now + 3000 * MS, NULL, &w->err));
    pass_ms(w, 3000);
    ack(w, take_expiring(w, 4, w->now + 1000 * MS));
}

static void what_expired_is_a_letter_that_blocks_and_stops_nothing(void **state)
{
    struct world *w = *state;
    struct belay_err err;
    w->sub_opt.on_exhausted = BELAY_EXHAUSTED_STOP;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &err));
    publish(w, "a", "1");
    publish(w, "a", "2");
    struct belay_delivery *d = take_one(w, 1);
    assert_false(d->replayed);
    world_ok(w, belay_broker_expire(w->b, d, &w->fault, w->now, &w->err));
    assert_state(w, 1, BELAY_MESSAGE_DEAD);
    ack(w, take_one(w, 2));
    assert_int_equal(stats_of(w).paused.n, 0);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    d = take_one(w, 1);
    assert_true(d->replayed);
    ack(w, d);
    world_settle(w);
}

static void a_subscription_reads_no_more_ahead_than_it_says(void **state)
{
    struct world *w = *state;
    w->sub_opt.prefetch = 4;
    w->sub_opt.concurrency = 2;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    for (int i = 0; i < 100; i++)
        publish(w, i % 2 ? "a" : "b", "x");
    struct belay_delivery *first = take_one(w, 1), *second = take_one(w, 2);
    assert_null(take(w));
    assert_true(w->sub->fresh <= 4 + 2);
    ack(w, first);
    ack(w, second);
    for (uint64_t i = 3; i <= 100; i++)
        ack(w, take_one(w, i));
    world_settle(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_topic_without_limits_is_never_full),
        WORLD_TEST(what_is_queued_at_work_or_waits_for_a_retry_counts),
        WORLD_TEST(a_parked_letter_and_what_waits_behind_it_do_not_count),
        WORLD_TEST(bytes_are_counted_by_their_mean),
        WORLD_TEST(a_topic_whose_oldest_has_waited_too_long_is_full),
        WORLD_TEST(the_slowest_subscription_counts),
        WORLD_TEST(who_is_turned_away_is_told_when_a_tenth_will_be_free),
        WORLD_TEST(where_all_wait_for_a_retry_nobody_is_told_to_come_before_it),
        WORLD_TEST(a_message_lives_as_long_as_its_topic_or_itself_says_the_shorter_counts),
        WORLD_TEST(what_expired_is_a_letter_that_blocks_and_stops_nothing),
        WORLD_TEST(a_subscription_reads_no_more_ahead_than_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
