/* Topics, queues, subscriptions, retention, schedule, seek, cancel. */
#include "base/alloc.h"
#include "unit/broker/broker_fixture.h"

static void a_queue_has_one_subscription_and_stays_a_queue(void **state)
{
    struct world *w = *state;
    struct belay_subscription *sub;
    struct belay_topic_def topic = { .name = BELAY_STR_INIT("jobs") };
    declare(w, BELAY_STR("jobs"), true);
    assert_int_equal(belay_broker_declare_topic(w->b, &topic, &w->err), BELAY_CONFLICT);
    subscribe(w, BELAY_STR("worker"), BELAY_STR("jobs"));
    w->sub_opt.name = BELAY_STR("other");
    assert_int_equal(belay_broker_subscribe(w->b, &w->sub_opt, &sub, &w->err), BELAY_CONFLICT);
    w->sub_opt.name = BELAY_STR("worker");
    w->sub_opt.topic = BELAY_STR("orders");
    assert_int_equal(belay_broker_subscribe(w->b, &w->sub_opt, &sub, &w->err), BELAY_CONFLICT);
    w->sub_opt.topic = BELAY_STR("nowhere");
    assert_int_equal(belay_broker_subscribe(w->b, &w->sub_opt, &sub, &w->err), BELAY_NOTFOUND);
}

static void a_late_subscription_must_say_where_it_starts(void **state)
{
    struct world *w = *state;
    struct belay_topic_def kept = { .name = BELAY_STR_INIT("kept"), .retain_ms = 3600 * 1000 };
    world_ok(w, belay_broker_declare_topic(w->b, &kept, &w->err));
    for (int i = 0; i < 5; i++) {
        publish_to(w, BELAY_STR("kept"), "", "x");
        w->now += 1000 * MS;
    }
    struct belay_subscription_opt opt = { .name = BELAY_STR_INIT("late"), .topic = BELAY_STR_INIT("kept"),
                                          .concurrency = 1 };
    assert_int_equal(belay_broker_subscribe(w->b, &opt, &w->sub, &w->err), BELAY_INVALID);
    assert_non_null(strstr(w->err.msg, "start: earliest"));
    opt.start = BELAY_START_TIME;
    opt.start_time = w->now - 2500 * MS;
    world_ok(w, belay_broker_subscribe(w->b, &opt, &w->sub, &w->err));
    ack(w, take_one(w, 4));
    opt.name = BELAY_STR("latest");
    opt.start = BELAY_START_LATEST;
    world_ok(w, belay_broker_subscribe(w->b, &opt, &w->sub, &w->err));
    ack(w, take_one(w, 5));
    assert_null(take(w));
    opt.name = BELAY_STR("earliest");
    opt.start = BELAY_START_EARLIEST;
    world_ok(w, belay_broker_subscribe(w->b, &opt, &w->sub, &w->err));
    take_one(w, 1);
    world_settle(w);
}

static void names_that_are_unknown_are_refused(void **state)
{
    struct world *w = *state;
    struct belay_message m = { .body = BELAY_STR_INIT("x") };
    assert_int_equal(belay_broker_publish(w->b, BELAY_STR("nowhere"), &m, w->now, NULL, &w->err), BELAY_NOTFOUND);
    assert_int_equal(belay_broker_schedule(w->b, BELAY_STR("nowhere"), &m, w->now, NULL, &w->err), BELAY_NOTFOUND);
    assert_null(belay_broker_find(w->b, BELAY_STR("nobody")));
    assert_int_equal(belay_broker_topic_id(w->b, BELAY_STR("nowhere")), 0);
    m.key = belay_str("k", BELAY_KEY_BYTES_MAX + 1);
    char *key = calloc(1, BELAY_KEY_BYTES_MAX + 1);
    m.key.p = key;
    assert_int_equal(belay_broker_publish(w->b, BELAY_STR("orders"), &m, w->now, NULL, &w->err), BELAY_LIMIT);
    free(key);
}

static uint64_t messages_in(struct world *w, uint32_t topic)
{
    struct belay_topic_stats t;
    assert_true(belay_broker_topic_stats(w->b, topic, &t));
    return t.messages;
}

static void what_is_finished_by_all_goes_unless_it_is_retained(void **state)
{
    struct world *w = *state;
    struct belay_topic_def kept = { .name = BELAY_STR_INIT("kept"), .retain_ms = 10 * 1000 };
    world_ok(w, belay_broker_declare_topic(w->b, &kept, &w->err));
    subscribe(w, BELAY_STR("reader"), BELAY_STR("kept"));
    for (int i = 0; i < 10; i++) {
        publish_to(w, BELAY_STR("kept"), "", "x");
        publish(w, "", "x");
        w->now += 1000 * MS;
    }
    struct belay_delivery *d;
    while ((d = take(w)))
        ack(w, d);
    world_settle(w);
    pass_ms(w, 1001);
    assert_int_equal(messages_in(w, 0), 0);
    assert_int_equal(messages_in(w, 1), 8);
    pass_ms(w, 5000);
    assert_int_equal(messages_in(w, 1), 3);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    pass_ms(w, 60000);
    assert_int_equal(messages_in(w, 1), 0);
}

static void retention_never_takes_what_a_subscription_has_not_finished(void **state)
{
    struct world *w = *state;
    struct belay_topic_def def = { .name = BELAY_STR_INIT("orders"), .retain_ms = 1000 };
    world_ok(w, belay_broker_declare_topic(w->b, &def, &w->err));
    publish(w, "a", "1");
    publish(w, "a", "2");
    retry(w, take_one(w, 1), 100000);
    world_settle(w);
    pass_ms(w, 50000);
    assert_int_equal(messages_in(w, 0), 2);
    pass_ms(w, 50000);
    ack(w, take_one(w, 1));
    ack(w, take_one(w, 2));
    world_settle(w);
    pass_ms(w, 2000);
    assert_int_equal(messages_in(w, 0), 0);
}

static void a_topic_full_of_unsettled_messages_refuses_producers(void **state)
{
    struct world *w = *state;
    struct belay_topic_def def = { .name = BELAY_STR_INIT("small"), .retain_ms = 3600 * 1000, .retain_bytes = 5000 };
    char body[500] = { 0 };
    struct belay_message m = { .body = belay_str(body, sizeof body) };
    uint64_t n = 0;
    world_ok(w, belay_broker_declare_topic(w->b, &def, &w->err));
    subscribe(w, BELAY_STR("slow"), BELAY_STR("small"));
    while (belay_broker_publish(w->b, def.name, &m, w->now, NULL, &w->err) == BELAY_OK)
        n++;
    assert_int_equal(w->err.code, BELAY_NOSPACE);
    assert_true(n == 8 || n == 9);
    ack(w, take_one(w, 1));
    belay_broker_flush(w->b);
    world_ok(w, belay_broker_publish(w->b, def.name, &m, w->now, NULL, &w->err));
    assert_int_equal(belay_broker_publish(w->b, def.name, &m, w->now, NULL, &w->err), BELAY_NOSPACE);
    world_settle(w);
}

/* Whoever undoes a publish has to know whether it happened. */
static void a_scheduled_message_that_cannot_be_cancelled_now_still_waits(void **state)
{
    struct world *w = *state;
    struct belay_message m = { .id = BELAY_STR_INIT("s1"), .body = BELAY_STR_INIT("later"), .time = w->now };
    belay_time due = w->now + 3000 * MS;
    uint64_t number;
    int status = BELAY_NOMEM;
    world_ok(w, belay_broker_schedule(w->b, BELAY_STR("orders"), &m, due, &number, &w->err));
    world_settle(w);
    for (uint64_t n = 0; status != BELAY_OK && n < 200; n++) {
        belay_alloc_fail_after(n);
        status = belay_broker_schedule_cancel(w->b, due, number, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM || status == BELAY_BUSY);
    }
    assert_int_equal(status, BELAY_OK);
    assert_int_equal(belay_broker_schedule_cancel(w->b, due, number, &w->err), BELAY_NOTFOUND);
    pass_ms(w, 3000);
    assert_null(take(w));
    world_settle(w);
}

static void a_scheduled_message_appears_once_when_it_is_due(void **state)
{
    struct world *w = *state;
    struct belay_message m = { .id = BELAY_STR_INIT("s1"), .key = BELAY_STR_INIT("k"), .body = BELAY_STR_INIT("later"),
                               .time = w->now };
    uint64_t number, other;
    belay_time due = w->now + 3000 * MS;
    world_ok(w, belay_broker_schedule(w->b, BELAY_STR("orders"), &m, due, &number, &w->err));
    world_ok(w, belay_broker_schedule(w->b, BELAY_STR("orders"), &m, due + MS, &other, &w->err));
    assert_int_not_equal(number, other);
    assert_null(take(w));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    assert_int_equal(belay_broker_wake_at(w->b), due);
    world_ok(w, belay_broker_schedule_cancel(w->b, due + MS, other, &w->err));
    assert_int_equal(belay_broker_schedule_cancel(w->b, due + MS, other, &w->err), BELAY_NOTFOUND);
    pass_ms(w, 3000);
    world_settle(w);
    assert_int_equal(belay_broker_schedule_cancel(w->b, due, number, &w->err), BELAY_NOTFOUND);
    world_reopen(w, SIM_POWER);
    struct belay_delivery *d = take_one(w, 1);
    assert_str(d->message.body, "later");
    assert_int_equal(d->message.accepted_at, due);
    assert_int_equal(d->message.time, START_TIME);
    ack(w, d);
    pass_ms(w, 10000);
    assert_null(take(w));
    world_settle(w);
}

/* Another program, or the disk, changes a row. */
static void damage(struct world *w, uint32_t table, uint64_t due, uint64_t number, struct belay_str value)
{
    uint8_t key[16];
    belay_store_be64(key, due);
    belay_store_be64(key + 8, number);
    world_ok(w, belay_state_reserve(w->b->state, value.n + 64, 1, &w->err));
    belay_state_put(w->b->state, table, belay_str((const char *)key, sizeof key), value);
}

static bool is_told(struct world *w, const char *text, uint64_t more)
{
    struct belay_str named;
    uint64_t others;
    if (!belay_broker_unreadable_news(w->b, &named, &others))
        return false;
    assert_int_equal(others, more);
    assert_non_null(memmem(named.p, named.n, text, strlen(text)));
    return true;
}

/* Of a key that nobody could have published: it reads, and cannot be written again. */
static void damage_key(struct world *w, uint64_t due, uint64_t number)
{
    static const char key[BELAY_KEY_BYTES_MAX + 1] = "k";
    const struct belay_message m = { .id = BELAY_STR_INIT("s"), .key = { key, sizeof key }, .body = BELAY_STR_INIT("later") };
    struct belay_buf value;
    belay_buf_init(&value, BELAY_KIB(8));
    belay_buf_put_str(&value, BELAY_STR("\x01\x01"));
    belay_message_encode(&value, &m);
    assert_ok(belay_buf_status(&value));
    damage(w, BELAY_TABLE_SCHEDULED, due, number, belay_buf_view(&value));
    belay_buf_deinit(&value);
}

static void a_scheduled_message_that_cannot_be_read_is_told_and_holds_up_no_other(void **state)
{
    struct world *w = *state;
    uint64_t numbers[6];
    belay_time due = w->now + 3000 * MS;
    for (int i = 0; i < 6; i++) {
        struct belay_message m = { .id = BELAY_STR_INIT("s"), .body = BELAY_STR_INIT("later"), .time = w->now };
        world_ok(w, belay_broker_schedule(w->b, BELAY_STR("orders"), &m, due + i, &numbers[i], &w->err));
    }
    damage(w, BELAY_TABLE_SCHEDULED, (uint64_t)due, numbers[0], BELAY_STR("\x7f of a later version"));
    damage(w, BELAY_TABLE_SCHEDULED, (uint64_t)due + 1, numbers[1], BELAY_STR("\x01\x01nonsense"));
    damage(w, BELAY_TABLE_SCHEDULED, (uint64_t)due + 2, numbers[2], BELAY_STR("\x01\x63 of a topic that there is not"));
    damage(w, BELAY_TABLE_SCHEDULED, (uint64_t)due + 3, numbers[3], BELAY_STR("\x01\x01\x7f is no encoding of a message"));
    damage_key(w, (uint64_t)due + 4, numbers[4]);
    pass_ms(w, 2000);
    assert_false(is_told(w, "", 0)); /* it is not looked at before it is due */
    pass_ms(w, 2000);
    ack(w, take_one(w, 1));
    assert_null(take(w));
    assert_true(is_told(w, "scheduled message 1 of an unknown topic, due at 2023-11-14T22:13:23.000Z", 4));
    assert_true(belay_broker_wake_at(w->b) > w->now); /* nobody looks again and again */
    pass_ms(w, 2000);
    assert_null(take(w));
    assert_false(is_told(w, "", 0));
    struct belay_message m = { .id = BELAY_STR_INIT("s"), .body = BELAY_STR_INIT("overdue"), .time = w->now };
    world_ok(w, belay_broker_schedule(w->b, BELAY_STR("orders"), &m, due - 1, NULL, &w->err)); /* before them all */
    struct belay_delivery *d = take_one(w, 2);
    assert_str(d->message.body, "overdue");
    ack(w, d);
    world_settle(w);
}

static void seeking_forward_discards_what_is_queued_and_back_requeues_what_is_done(void **state)
{
    struct world *w = *state;
    struct belay_topic_def def = { .name = BELAY_STR_INIT("orders"), .retain_ms = 3600 * 1000 };
    world_ok(w, belay_broker_declare_topic(w->b, &def, &w->err));
    for (int i = 0; i < 20; i++)
        publish(w, "", "x");
    struct belay_delivery *flight = take_one(w, 1);
    letter(w, take_one(w, 2), true);
    ack(w, take_one(w, 3));
    world_ok(w, belay_broker_seek(w->b, w->sub, 11, BELAY_STR("skip"), w->now, &w->err));
    assert_int_equal(stats_of(w).discarded, 7);
    assert_int_equal(stats_of(w).cursor, 1);
    world_settle(w);
    ack(w, flight);
    ack(w, take_one(w, 11));
    world_settle(w);
    assert_int_equal(belay_broker_seek(w->b, w->sub, 30, BELAY_STR("skip"), w->now, &w->err), BELAY_INVALID);
    world_ok(w, belay_broker_seek(w->b, w->sub, 1, BELAY_STR("again"), w->now, &w->err));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    for (uint64_t s = 1; s <= 20; s++)
        if (s != 2)
            ack(w, take_one(w, s));
    assert_null(take(w));
    assert_state(w, 2, BELAY_MESSAGE_DEAD);
    world_settle(w);
}

static void a_message_that_is_not_in_flight_can_be_cancelled(void **state)
{
    struct world *w = *state;
    bool attempted = true;
    for (int i = 0; i < 3; i++)
        publish(w, "a", "x");
    publish(w, "b", "x");
    struct belay_delivery *d = take_one(w, 1);
    assert_int_equal(belay_broker_cancel(w->b, w->sub, 1, BELAY_STR("c"), w->now, &attempted, &w->err), BELAY_BUSY);
    retry(w, d, 1000);
    world_ok(w, belay_broker_cancel(w->b, w->sub, 2, BELAY_STR("c"), w->now, &attempted, &w->err));
    assert_false(attempted);
    assert_state(w, 2, BELAY_MESSAGE_DONE);
    world_ok(w, belay_broker_cancel(w->b, w->sub, 1, BELAY_STR("c"), w->now, &attempted, &w->err));
    assert_true(attempted);
    world_ok(w, belay_broker_cancel(w->b, w->sub, 4, BELAY_STR("c"), w->now, &attempted, &w->err));
    assert_int_equal(belay_broker_cancel(w->b, w->sub, 4, BELAY_STR("c"), w->now, &attempted, &w->err), BELAY_NOTFOUND);
    ack(w, take_one(w, 3));
    world_settle(w);
    assert_int_equal(stats_of(w).discarded, 3);
    assert_int_equal(stats_of(w).lanes_in_trouble, 0);
}

static void a_subscription_without_its_flow_stays_and_takes_up_where_it_was(void **state)
{
    struct world *w = *state;
    publish(w, "", "x");
    publish(w, "", "y");
    ack(w, take_one(w, 1));
    world_settle(w);
    struct belay_subscription_opt opt = w->sub_opt;
    w->sub = NULL;
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    w->sub_opt = opt;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    take_one(w, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_queue_has_one_subscription_and_stays_a_queue),
        WORLD_TEST(a_late_subscription_must_say_where_it_starts),
        WORLD_TEST(names_that_are_unknown_are_refused),
        WORLD_TEST(what_is_finished_by_all_goes_unless_it_is_retained),
        WORLD_TEST(retention_never_takes_what_a_subscription_has_not_finished),
        WORLD_TEST(a_topic_full_of_unsettled_messages_refuses_producers),
        WORLD_TEST(a_scheduled_message_appears_once_when_it_is_due),
        WORLD_TEST(a_scheduled_message_that_cannot_be_cancelled_now_still_waits),
        WORLD_TEST(a_scheduled_message_that_cannot_be_read_is_told_and_holds_up_no_other),
        WORLD_TEST(seeking_forward_discards_what_is_queued_and_back_requeues_what_is_done),
        WORLD_TEST(a_message_that_is_not_in_flight_can_be_cancelled),
        WORLD_TEST(a_subscription_without_its_flow_stays_and_takes_up_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
