/* The row of a message that waits: what lies inside it, what beside it, what is left when it is gone. */
#include "unit/broker/broker_fixture.h"

static const struct belay_hash128 definition = { 1, 2 };

static unsigned rows_of(struct world *w, uint32_t table)
{
    char from[64] = "";
    size_t n = 1;
    unsigned count = 0;
    struct belay_str key, value;
    while (belay_state_seek(belay_store_state(w->store), table, belay_str(from, n), true, BELAY_STR_NONE, &key,
                            &value)) {
        memcpy(from, key.p, key.n);
        n = key.n;
        count++;
    }
    return count;
}

static void retry_with(struct world *w, struct belay_delivery *d, struct belay_str progress)
{
    world_ok(w, belay_broker_retry(w->b, d, w->now + 10 * MS, &w->fault, progress, definition, &w->err));
    world_settle(w);
    pass_ms(w, 10);
}

static struct belay_str long_text(char *bytes, size_t n)
{
    memset(bytes, 'x', n - 1);
    bytes[n - 1] = '\0';
    return belay_str(bytes, n - 1);
}

/* What the log let go of is found by those who look for it. */
static void find_waiting(struct world *w, uint64_t sequence, const char *body)
{
    struct belay_arena arena;
    struct belay_message m;
    uint32_t sub = 0;
    uint64_t at = 0;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_true(belay_broker_waiting_next(w->b, &sub, &at, &arena, &m));
    assert_int_equal(at, sequence);
    assert_true(belay_str_eq(m.body, belay_str_c(body)));
    assert_false(belay_broker_waiting_next(w->b, &sub, &at, &arena, &m));
    belay_arena_deinit(&arena);
}

static void a_small_message_waits_in_its_row_and_not_in_the_log(void **state)
{
    struct world *w = *state;
    publish(w, "k", "small");
    retry(w, take_one(w, 1), 1000);
    for (uint64_t s = 2; s <= 40; s++) {
        publish(w, "", "other");
        ack(w, take_one(w, s));
    }
    world_settle(w);
    belay_broker_tick(w->b, w->now);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 1);
    assert_int_equal(w->b->topics[0]->low, 41);
    find_waiting(w, 1, "small");
    world_reopen(w, SIM_POWER);
    pass_ms(w, 1000);
    struct belay_delivery *d = take_one(w, 1);
    assert_str(d->message.body, "small");
    assert_str(d->lane_key, "k");
    assert_int_equal(d->attempt, 2);
    ack(w, d);
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 0);
}

static void a_large_message_waits_in_the_log(void **state)
{
    struct world *w = *state;
    static char body[BELAY_KIB(4)];
    long_text(body, sizeof body);
    publish(w, "k", body);
    retry(w, take_one(w, 1), 1000);
    publish(w, "", "other");
    ack(w, take_one(w, 2));
    world_settle(w);
    belay_broker_tick(w->b, w->now);
    assert_int_equal(w->b->topics[0]->low, 1);
    world_reopen(w, SIM_KILL);
    pass_ms(w, 1000);
    struct belay_delivery *d = take_one(w, 1);
    assert_int_equal(d->message.body.n, sizeof body - 1);
    ack(w, d);
    world_settle(w);
}

static void progress_moves_between_the_row_and_one_of_its_own(void **state)
{
    struct world *w = *state;
    static char bytes[BELAY_KIB(8)];
    struct belay_str large = long_text(bytes, sizeof bytes), steps[] = { BELAY_STR("a"), large, large, BELAY_STR("b"),
                                                                         BELAY_STR_NONE, large, BELAY_STR("c") };
    static const unsigned rows[] = { 0, 1, 1, 0, 0, 1, 0 };
    publish(w, "k", "small");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        retry_with(w, take_one(w, 1), steps[i]);
        assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 1 + i + rows[i]); /* and a row a further failure */
        if (i % 2)
            world_reopen(w, SIM_KILL);
        struct belay_delivery *d = take_one(w, 1);
        assert_true(belay_str_eq(d->progress, steps[i].p ? steps[i] : BELAY_STR("")));
        assert_str(d->message.body, "small");
        belay_broker_defer(w->b, d, w->now);
    }
    ack(w, take_one(w, 1));
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 0);
}

static void progress_of_a_message_in_flight_moves_into_the_row_when_it_fails(void **state)
{
    struct world *w = *state;
    publish(w, "k", "small");
    struct belay_delivery *d = take_one(w, 1);
    world_ok(w, belay_broker_progress(w->b, d, BELAY_STR("half"), definition, &w->err));
    world_ok(w, belay_broker_start(w->b, d, &w->err));
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 1);
    retry_with(w, d, BELAY_STR("half"));
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 1);
    d = take_one(w, 1);
    assert_str(d->progress, "half");
    uint64_t before = belay_store_position(w->store);
    world_flush(w);
    world_ok(w, belay_broker_progress(w->b, d, BELAY_STR("half"), definition, &w->err)); /* it is recorded already */
    assert_true(belay_store_position(w->store) <= before);
    world_ok(w, belay_broker_progress(w->b, d, BELAY_STR("more"), definition, &w->err));
    world_ok(w, belay_broker_progress(w->b, d, BELAY_STR("half"), definition, &w->err)); /* it is not any more */
    world_settle(w);
    world_reopen(w, SIM_KILL);
    d = take_one(w, 1);
    assert_str(d->progress, "half");
    ack(w, d);
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 0);
}

static void an_attempt_of_an_exception_that_a_crash_cut_short_is_interrupted(void **state)
{
    struct world *w = *state;
    uint32_t attempts;
    publish(w, "k", "small");
    retry(w, take_one(w, 1), 0);
    for (uint32_t begun = 2; begun < 5; begun++) {
        struct belay_delivery *d = take_one(w, 1);
        assert_int_equal(d->attempt, 2); /* a crash uses up none */
        assert_int_equal(d->interrupted, begun > 2);
        world_ok(w, belay_broker_start(w->b, d, &w->err));
        world_settle(w);
        world_reopen(w, begun % 2 ? SIM_POWER : SIM_KILL);
        assert_int_equal(belay_broker_state_of(w->b, w->sub, 1, &attempts), BELAY_MESSAGE_WAITING);
        assert_int_equal(attempts, 2);
    }
    retry(w, take_one(w, 1), 0);
    world_settle(w);
    struct belay_delivery *d = take_one(w, 1);
    assert_int_equal(d->attempt, 3);
    assert_false(d->interrupted);
    ack(w, d);
    world_settle(w);
    assert_int_equal(w->sub->started.count, 0);
}

/* Attempts under way of exceptions among queued messages, every other one. */
static void a_seek_leaves_attempts_of_exceptions_alone(void **state)
{
    struct world *w = *state;
    struct belay_delivery *d;
    for (uint64_t s = 1; s <= 8; s++)
        publish(w, "", "m");
    for (uint64_t s = 1; s <= 8; s++) {
        d = take_one(w, s);
        if (s % 2)
            retry(w, d, 0);
        else
            world_ok(w, belay_broker_start(w->b, d, &w->err));
    }
    for (uint64_t s = 1; s <= 8; s += 2) {
        d = take_one(w, s);
        world_ok(w, belay_broker_start(w->b, d, &w->err));
    }
    world_settle(w);
    world_reopen(w, SIM_KILL);
    world_ok(w, belay_broker_seek(w->b, w->sub, 9, BELAY_STR("test"), w->now, &w->err));
    world_settle(w);
    world_ok(w, belay_broker_seek(w->b, w->sub, 2, BELAY_STR("test"), w->now, &w->err));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    for (int n = 0; n < 8; n++) {
        d = take(w);
        assert_non_null(d);
        assert_int_equal(d->interrupted, d->sequence % 2);
        assert_int_equal(d->attempt, d->sequence % 2 ? 2 : 1);
        ack(w, d);
    }
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 0);
}

/* Rows of lanes whose trouble is over, and of those that still are. */
static void a_lane_that_got_well_leaves_no_row_for_long(void **state)
{
    struct world *w = *state;
    char key[8];
    for (uint64_t s = 1; s <= 100; s++) {
        snprintf(key, sizeof key, "k%u", (unsigned)s % 50);
        publish(w, key, "m");
    }
    for (uint64_t s = 1; s <= 50; s++)
        retry(w, take_one(w, s), s == 50 ? 100000 : 10);
    world_settle(w);
    pass_ms(w, 10);
    for (int n = 0; n < 98; n++)
        ack(w, take(w)); /* each head, then the one it held */
    world_settle(w);
    assert_int_equal(w->sub->n.lanes_in_trouble, 1);
    assert_int_equal(rows_of(w, BELAY_TABLE_LANE), 50); /* too few for a sweep */
    world_reopen(w, SIM_POWER);
    publish(w, "k1", "m"); /* its lane is well, whatever its row is */
    ack(w, take_one(w, 101));
    publish(w, "k2", "m"); /* and may be in trouble again */
    retry(w, take_one(w, 102), 100000);
    publish(w, "k2", "m");
    assert_null(take(w));
    assert_state(w, 103, BELAY_MESSAGE_HELD);
    world_settle(w);
    assert_int_equal(w->sub->n.lanes_in_trouble, 2);
    pass_ms(w, 100000);
    for (int n = 0; n < 4; n++)
        ack(w, take(w));
    world_settle(w);
    for (int n = 0; n < 4; n++)
        pass_ms(w, 1);
    world_settle(w);
    assert_int_equal(w->sub->n.lanes_in_trouble, 0);
    assert_int_equal(rows_of(w, BELAY_TABLE_LANE), 0);
    assert_int_equal(w->b->sweeping, 0);
    assert_null(take(w));
    assert_int_equal(belay_broker_wake_at(w->b), BELAY_TIME_NEVER);
}

/* Due in another order than theirs: rows that lie far apart go together, when most are done. */
static void what_waited_and_is_done_leaves_its_row_for_a_sweep(void **state)
{
    struct world *w = *state;
    w->rows_stay = true;
    w->b->sweep_waiting_min = 2;
    for (uint64_t s = 1; s <= 8; s++)
        publish(w, "", "m");
    for (uint64_t s = 1; s <= 8; s++)
        retry(w, take_one(w, s), 10 * (1 + s * 3 % 8));
    for (unsigned n = 0; n < 4; n++) {
        pass_ms(w, 10);
        ack(w, take(w));
        world_settle(w);
        world_audit(w);
    }
    assert_int_equal(rows_of(w, BELAY_TABLE_DUE), 4);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 8);
    assert_state(w, 8, BELAY_MESSAGE_DONE); /* due first */
    world_reopen(w, SIM_POWER);
    assert_state(w, 8, BELAY_MESSAGE_DONE);
    assert_int_equal(w->sub->n.waiting, 4);
    for (unsigned n = 0; n < 4; n++) {
        pass_ms(w, 10);
        ack(w, take(w));
    }
    world_settle(w);
    pass_ms(w, 1);
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 0);
    assert_int_equal(w->b->sweeping, 0);
    assert_null(take(w));
    assert_int_equal(belay_broker_wake_at(w->b), BELAY_TIME_NEVER);
}

/* Its row may still be there: what a person seeks back to begins anew. */
static void a_row_that_says_nothing_is_no_story_of_a_message_that_comes_again(void **state)
{
    struct world *w = *state;
    w->rows_stay = true;
    char large[BELAY_KIB(3)];
    w->b->sweep_waiting_min = 2;
    publish(w, "", long_text(large, sizeof large).p); /* keeps the log */
    for (uint64_t s = 2; s <= 4; s++)
        publish(w, "", "m");
    for (uint64_t s = 1; s <= 4; s++)
        retry(w, take_one(w, s), s == 3 ? 10 : 1000);
    pass_ms(w, 10);
    ack(w, take_one(w, 3));
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_EXCEPTION), 4);
    world_ok(w, belay_broker_seek(w->b, w->sub, 3, BELAY_STR("again"), w->now, &w->err));
    struct belay_delivery *d = take_one(w, 3);
    assert_int_equal(d->attempt, 1);
    retry(w, d, 10);
    world_settle(w);
    pass_ms(w, 10);
    d = take_one(w, 3);
    assert_int_equal(d->attempt, 2);
    ack(w, d);
    world_settle(w);
    world_audit(w);
}

static void rows_that_an_earlier_process_left_are_swept_after_a_start(void **state)
{
    struct world *w = *state;
    publish(w, "k", "m");
    retry(w, take_one(w, 1), 0);
    ack(w, take_one(w, 1));
    world_settle(w);
    assert_int_equal(rows_of(w, BELAY_TABLE_LANE), 1);
    world_reopen(w, SIM_POWER);
    pass_ms(w, 1);
    assert_int_equal(rows_of(w, BELAY_TABLE_LANE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_small_message_waits_in_its_row_and_not_in_the_log),
        WORLD_TEST(a_large_message_waits_in_the_log),
        WORLD_TEST(progress_moves_between_the_row_and_one_of_its_own),
        WORLD_TEST(progress_of_a_message_in_flight_moves_into_the_row_when_it_fails),
        WORLD_TEST(an_attempt_of_an_exception_that_a_crash_cut_short_is_interrupted),
        WORLD_TEST(a_seek_leaves_attempts_of_exceptions_alone),
        WORLD_TEST(a_lane_that_got_well_leaves_no_row_for_long),
        WORLD_TEST(rows_that_an_earlier_process_left_are_swept_after_a_start),
        WORLD_TEST(what_waited_and_is_done_leaves_its_row_for_a_sweep),
        WORLD_TEST(a_row_that_says_nothing_is_no_story_of_a_message_that_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
