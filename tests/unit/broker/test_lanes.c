/* Lanes and the people who park, release, retry, skip and move them. test_model.c plays all of it at random. */
#include "broker/lane.h"
#include "unit/broker/broker_fixture.h"

#include "base/alloc.h"

static const struct belay_str A = BELAY_STR_INIT("a"), B = BELAY_STR_INIT("b");

static void park(struct world *w, struct belay_str key)
{
    world_ok(w, belay_broker_lane_park(w->b, w->sub, key, BELAY_STR("stock-taking"), BELAY_STR("ann"), w->now, &w->err));
}

static void release(struct world *w, struct belay_str key)
{
    world_ok(w, belay_broker_lane_release(w->b, w->sub, key, w->now, &w->err));
}

static int skip_head(struct world *w, struct belay_str key)
{
    return belay_broker_lane_skip(w->b, w->sub, key, 0, BELAY_STR_NONE, BELAY_STR("of no use"), BELAY_STR("ann"), w->now,
                                  &w->err);
}

static struct belay_lane lane_of(struct world *w, struct belay_str key, struct belay_arena *arena)
{
    struct belay_lane l;
    world_ok(w, belay_broker_lane_get(w->b, w->sub, key, arena, &l, &w->err));
    return l;
}

static void a_key_without_messages_can_be_parked_and_holds_what_comes(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    park(w, A);
    assert_int_equal(lane_of(w, A, &arena).state, BELAY_LANE_HAND);
    assert_int_equal(lane_of(w, A, &arena).head, 0);
    for (int i = 0; i < 3; i++)
        publish(w, "a", "x");
    publish(w, "b", "x");
    ack(w, take_one(w, 4));
    assert_null(take(w));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    struct belay_lane l = lane_of(w, A, &arena);
    assert_int_equal(l.head, 1);
    assert_int_equal(l.held, 2);
    assert_str(l.reason, "stock-taking");
    assert_str(l.who, "ann");
    assert_int_equal(stats_of(w).held, 3);
    assert_int_equal(stats_of(w).lanes_by_hand, 1);
    assert_state(w, 1, BELAY_MESSAGE_HELD);
    release(w, A);
    for (uint64_t s = 1; s <= 3; s++)
        ack(w, take_one(w, s));
    world_settle(w);
    assert_int_equal(belay_broker_lane_get(w->b, w->sub, A, &arena, &l, &w->err), BELAY_NOTFOUND);
    assert_int_equal(stats_of(w).lanes_in_trouble, 0);
    belay_arena_deinit(&arena);
}

static void what_is_in_flight_may_end_and_what_fails_is_held(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        publish(w, "a", "x");
    struct belay_delivery *d = take_one(w, 1);
    park(w, A);
    assert_null(take(w));
    assert_int_equal(stats_of(w).in_flight, 1);
    assert_int_equal(stats_of(w).held, 2);
    retry(w, d, 10);
    pass_ms(w, 1000);
    assert_null(take(w));
    world_settle(w);
    release(w, A);
    d = take_one(w, 1);
    assert_int_equal(d->attempt, 2);
    park(w, A);
    ack(w, d);
    pass_ms(w, 1000);
    assert_null(take(w));
    world_settle(w);
    release(w, A);
    ack(w, take_one(w, 2));
    ack(w, take_one(w, 3));
}

static void an_attempt_that_a_crash_cut_short_is_known_when_the_lane_goes_on(void **state)
{
    struct world *w = *state;
    publish(w, "a", "x");
    struct belay_delivery *d = take_one(w, 1);
    world_ok(w, belay_broker_start(w->b, d, &w->err));
    park(w, A);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_null(take(w));
    release(w, A);
    d = take_one(w, 1);
    assert_int_equal(d->attempt, 1); /* that one again */
    assert_true(d->interrupted);
    ack(w, d);
}

static void a_message_that_waits_for_its_turn_or_its_time_does_not_come(void **state)
{
    struct world *w = *state;
    publish(w, "a", "x");
    publish(w, "b", "x");
    belay_broker_defer(w->b, take_one(w, 1), w->now + 10 * MS);
    retry(w, take_one(w, 2), 10);
    park(w, A);
    park(w, B);
    pass_ms(w, 100);
    assert_null(take(w));
    world_settle(w);
    release(w, B);
    ack(w, take_one(w, 2));
    release(w, A);
    ack(w, take_one(w, 1));
}

static void a_replayed_dead_letter_waits_for_its_lane_too(void **state)
{
    struct world *w = *state;
    publish(w, "a", "x");
    letter(w, take_one(w, 1), false);
    park(w, A);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    publish(w, "a", "y");
    assert_null(take(w));
    world_settle(w);
    world_reopen(w, SIM_KILL);
    assert_null(take(w));
    release(w, A);
    struct belay_delivery *d = take(w), *none = take(w);
    assert_non_null(d);
    assert_null(none); /* one at a time */
    ack(w, d);
    ack(w, take(w));
    world_settle(w);
    assert_int_equal(stats_of(w).done, 2);
}

static void release_lets_go_of_a_letter_and_refuses_what_is_not_parked(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        publish(w, "a", "x");
    assert_int_equal(belay_broker_lane_release(w->b, w->sub, A, w->now, &w->err), BELAY_NOTFOUND);
    retry(w, take_one(w, 1), 10);
    assert_int_equal(belay_broker_lane_release(w->b, w->sub, A, w->now, &w->err), BELAY_CONFLICT);
    pass_ms(w, 10);
    letter(w, take_one(w, 1), true);
    release(w, A);
    assert_state(w, 1, BELAY_MESSAGE_DEAD);
    ack(w, take_one(w, 2));
    ack(w, take_one(w, 3));
    world_settle(w);
}

static void a_letter_in_a_lane_parked_by_hand_leaves_the_lane_parked(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        publish(w, "a", "x");
    letter(w, take_one(w, 1), true);
    park(w, A);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    assert_null(take(w));
    assert_state(w, 1, BELAY_MESSAGE_HELD);
    world_settle(w);
    assert_int_equal(skip_head(w, A), BELAY_OK);
    assert_state(w, 1, BELAY_MESSAGE_DEAD);
    assert_state(w, 2, BELAY_MESSAGE_HELD);
    assert_null(take(w));
    world_settle(w);
    release(w, A);
    ack(w, take_one(w, 2));
    ack(w, take_one(w, 3));
}

static void retry_comes_now_with_fresh_attempts_and_knows_of_an_interrupted_one(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    publish(w, "a", "x");
    retry(w, take_one(w, 1), 1000);
    pass_ms(w, 1000);
    retry(w, take_one(w, 1), 3600000);
    assert_int_equal(lane_of(w, A, &arena).state, BELAY_LANE_WAITING);
    assert_int_equal(lane_of(w, A, &arena).attempts, 2);
    world_ok(w, belay_broker_lane_retry(w->b, w->sub, A, w->now, &w->err));
    struct belay_delivery *d = take_one(w, 1);
    assert_int_equal(d->attempt, 1);
    assert_int_equal(belay_broker_lane_retry(w->b, w->sub, A, w->now, &w->err), BELAY_CONFLICT);
    world_ok(w, belay_broker_start(w->b, d, &w->err));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    world_ok(w, belay_broker_lane_retry(w->b, w->sub, A, w->now, &w->err));
    d = take_one(w, 1);
    assert_true(d->interrupted);
    ack(w, d);
    publish(w, "a", "y");
    park(w, A);
    assert_null(take(w));
    assert_int_equal(belay_broker_lane_retry(w->b, w->sub, A, w->now, &w->err), BELAY_CONFLICT);
    belay_arena_deinit(&arena);
}

static void skip_makes_a_letter_of_a_message_that_waits(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_letter l;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    publish(w, "a", "one");
    publish(w, "a", "two");
    retry(w, take_one(w, 1), 1000);
    world_settle(w);
    assert_int_equal(skip_head(w, B), BELAY_NOTFOUND);
    assert_int_equal(skip_head(w, A), BELAY_OK);
    world_ok(w, belay_broker_letter_get(w->b, w->sub, 1, &arena, &l, &w->err));
    assert_false(l.parked);
    assert_str(l.message.body, "one");
    assert_int_equal(l.attempts, 1);
    assert_int_equal(l.history_count, 2);
    assert_string_equal(l.history[1].fault.type, "OPERATOR:SKIPPED");
    assert_string_equal(l.history[1].fault.description, "ann skipped it: of no use");
    struct belay_delivery *d = take_one(w, 2);
    assert_int_equal(skip_head(w, A), BELAY_CONFLICT); /* at work */
    ack(w, d);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    ack(w, take_one(w, 1));
    belay_arena_deinit(&arena);
}

static void what_was_attempted_is_not_moved(void **state)
{
    struct world *w = *state;
    uint64_t sequences[8];
    declare(w, BELAY_STR("aside"), true);
    for (int i = 0; i < 4; i++)
        publish(w, "a", "x");
    retry(w, take_one(w, 1), 1000);
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, 8, sequences), 3); /* all but its head */
    assert_int_equal(sequences[0], 2);
    park(w, A);
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, 8, sequences), 3);
    assert_int_equal(skip_head(w, A), BELAY_OK);
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, 8, sequences), 3); /* with the new head */
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, 2, sequences), 2);
    world_settle(w);
}

static void a_head_that_is_at_work_and_may_be_moved_later_keeps_what_is_behind_it(void **state)
{
    struct world *w = *state;
    uint64_t sequences[8];
    for (int i = 0; i < 3; i++)
        publish(w, "a", "x");
    struct belay_delivery *d = take_one(w, 1);
    park(w, A);
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, 8, sequences), 0);
    world_ok(w, belay_broker_start(w->b, d, &w->err));
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, 8, sequences), 2); /* it never will be */
    retry(w, d, 10);
    release(w, A);
    ack(w, take_one(w, 1));
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, 8, sequences), 2); /* the next one waits for its turn */
    assert_int_equal(sequences[0], 2);
    ack(w, take_one(w, 2));
    ack(w, take_one(w, 3));
    world_settle(w);
}

static void fetched(struct belay_fetch *f)
{
    *(bool *)f->arg = true;
}

/* Messages `first` to first + 7 at most. */
static void read_orders(struct world *w, uint64_t first, struct belay_fetch *f)
{
    bool done = false;
    *f = (struct belay_fetch){ .topic = belay_broker_topic_id(w->b, BELAY_STR("orders")), .first = first, .count_max = 8,
                               .bytes_max = BELAY_MIB(1), .done = fetched, .arg = &done };
    belay_arena_init(&f->arena, 0, BELAY_MIB(4));
    belay_store_fetch(w->store, f);
    for (int i = 0; !done && i < 10; i++)
        world_flush(w);
    assert_true(done);
    assert_int_equal(f->status, BELAY_OK);
}

static void move_aside(struct world *w, uint32_t count, int expected)
{
    uint64_t sequences[8];
    struct belay_fetch f;
    assert_int_equal(belay_broker_lane_movable(w->b, w->sub, A, count, sequences), count);
    read_orders(w, sequences[0], &f);
    if (expected == BELAY_CONFLICT)
        f.items[count - 1].sequence++;
    assert_int_equal(belay_broker_lane_move(w->b, w->sub, A, BELAY_STR("aside"), f.items, count, BELAY_STR("ann"), w->now,
                                            &w->err), expected);
    belay_arena_deinit(&f.arena);
}

static void what_is_moved_is_in_one_place_after_a_crash(void **state)
{
    struct world *w = *state;
    declare(w, BELAY_STR("aside"), true);
    uint32_t aside = belay_broker_topic_id(w->b, BELAY_STR("aside"));
    park(w, A);
    for (int i = 0; i < 5; i++)
        publish(w, "a", "x");
    assert_null(take(w));
    world_settle(w);
    move_aside(w, 2, BELAY_CONFLICT);
    move_aside(w, 2, BELAY_OK);
    world_reopen(w, SIM_POWER); /* nobody flushed it */
    assert_int_equal(belay_store_next_sequence(w->store, aside), 1);
    assert_int_equal(stats_of(w).held, 5);
    move_aside(w, 3, BELAY_OK);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_int_equal(belay_store_next_sequence(w->store, aside), 4);
    assert_int_equal(stats_of(w).held, 2);
    assert_int_equal(stats_of(w).discarded, 3);
    release(w, A);
    while (stats_of(w).backlog + stats_of(w).held + stats_of(w).waiting)
        ack(w, take(w));
    world_settle(w);
    assert_int_equal(stats_of(w).lost, 0);
}

static void a_target_is_a_topic_or_a_flow_that_alone_reads_it(void **state)
{
    struct world *w = *state;
    struct belay_subscription *billing = w->sub;
    struct belay_str topic;
    declare(w, BELAY_STR("aside"), false);
    assert_int_equal(belay_broker_lane_target(w->b, billing, BELAY_STR("aside"), false, &topic, &w->err), BELAY_CONFLICT);
    world_ok(w, belay_broker_lane_target(w->b, billing, BELAY_STR("aside"), true, &topic, &w->err)); /* nobody reads it */
    subscribe(w, BELAY_STR("other"), BELAY_STR("aside"));
    world_ok(w, belay_broker_lane_target(w->b, billing, BELAY_STR("aside"), false, &topic, &w->err));
    world_ok(w, belay_broker_lane_target(w->b, billing, BELAY_STR("other"), false, &topic, &w->err));
    assert_str(topic, "aside");
    assert_int_equal(belay_broker_lane_target(w->b, billing, BELAY_STR("none"), false, &topic, &w->err), BELAY_NOTFOUND);
    assert_int_equal(belay_broker_lane_target(w->b, billing, BELAY_STR("billing"), false, &topic, &w->err), BELAY_INVALID);
    subscribe(w, BELAY_STR("third"), BELAY_STR("aside"));
    assert_int_equal(belay_broker_lane_target(w->b, billing, BELAY_STR("other"), false, &topic, &w->err), BELAY_CONFLICT);
}

static void lanes_in_trouble_are_listed_and_the_well_ones_are_not(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_hash128 at = { 0 };
    struct belay_lane l;
    uint64_t sequences[4];
    uint32_t n = 0;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (int i = 0; i < 4; i++)
        publish(w, "a", "x");
    publish(w, "b", "x");
    publish(w, "c", "x");
    retry(w, take_one(w, 1), 1000);
    letter(w, take_one(w, 5), true);
    ack(w, take_one(w, 6));
    park(w, BELAY_STR("d"));
    for (; belay_broker_lane_next(w->b, w->sub, &at, &arena, &l); n++) {
        enum belay_lane_state should = l.key.p[0] == 'a' ? BELAY_LANE_WAITING : l.key.p[0] == 'b' ? BELAY_LANE_PARKED
                                                                                                  : BELAY_LANE_HAND;
        assert_int_equal(l.state, should);
        assert_int_equal(l.held, l.key.p[0] == 'a' ? 3 : 0);
    }
    assert_int_equal(n, 3);
    assert_int_equal(belay_broker_lane_held(w->b, w->sub, A, 2, 4, sequences), 2);
    assert_int_equal(sequences[0], 3);
    assert_int_equal(belay_broker_lane_get(w->b, w->sub, BELAY_STR("c"), &arena, &l, &w->err), BELAY_NOTFOUND);
    publish(w, "c", "y");
    take_one(w, 7);
    assert_int_equal(lane_of(w, BELAY_STR("c"), &arena).state, BELAY_LANE_OPEN);
    assert_int_equal(lane_of(w, BELAY_STR("c"), &arena).head, 7);
    belay_arena_deinit(&arena);
}

static void nothing_happens_where_there_is_no_memory_or_no_reason(void **state)
{
    struct world *w = *state;
    publish(w, "a", "x");
    publish(w, "a", "y");
    struct belay_delivery *d = take_one(w, 1);
    assert_int_equal(belay_broker_lane_park(w->b, w->sub, A, BELAY_STR(" "), A, w->now, &w->err), BELAY_INVALID);
    assert_int_equal(belay_broker_lane_park(w->b, w->sub, BELAY_STR(""), A, A, w->now, &w->err), BELAY_INVALID);
    for (uint64_t n = 0;; n++) {
        belay_alloc_fail_after(n);
        int status = belay_broker_lane_park(w->b, w->sub, A, BELAY_STR("why"), BELAY_STR("ann"), w->now, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        if (status == BELAY_OK)
            break;
        assert_int_equal(status, BELAY_NOMEM);
        assert_int_equal(stats_of(w).lanes_by_hand, 0);
    }
    world_ok(w, belay_broker_check(w->b, &w->err));
    ack(w, d);
    assert_null(take(w));
    for (uint64_t n = 0;; n++) {
        belay_alloc_fail_after(n);
        int status = skip_head(w, A);
        belay_alloc_fail_after(UINT64_MAX);
        if (status == BELAY_OK)
            break;
        assert_true(status == BELAY_NOMEM || status == BELAY_BUSY);
        assert_state(w, 2, BELAY_MESSAGE_HELD);
    }
    world_settle(w);
    assert_state(w, 2, BELAY_MESSAGE_DEAD);
}

static void the_watch_names_the_lane_that_stands_longest_and_tells_once(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_lane l;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    belay_broker_lanes_watch(w->b, w->now);
    assert_false(belay_broker_lane_longest(w->b, w->sub, &arena, &l));
    assert_int_equal(stats_of(w).stalled_since, BELAY_TIME_NEVER);
    publish(w, "a", "x");
    letter(w, take_one(w, 1), true);
    pass_ms(w, 1000);
    publish(w, "b", "x");
    publish(w, "b", "y");
    retry(w, take_one(w, 2), 3600000);
    belay_time since = w->now;
    pass_ms(w, 1000);
    publish(w, "c", "x");
    struct belay_delivery *d = take_one(w, 4);
    park(w, BELAY_STR("d"));
    belay_broker_lanes_watch(w->b, w->now);
    assert_true(belay_broker_lane_longest(w->b, w->sub, &arena, &l)); /* not the one that is parked */
    assert_str(l.key, "b");
    assert_int_equal(stats_of(w).stalled_since, since);
    assert_int_equal(belay_broker_lane_news(w->b, w->sub, 2000, &arena, &l), BELAY_LANE_NO_NEWS);
    pass_ms(w, 1000);
    assert_int_equal(belay_broker_lane_news(w->b, w->sub, 2000, &arena, &l), BELAY_LANE_STALLED);
    assert_str(l.key, "b");
    assert_int_equal(l.held, 1);
    assert_int_equal(belay_broker_lane_news(w->b, w->sub, 2000, &arena, &l), BELAY_LANE_NO_NEWS);
    assert_int_equal(skip_head(w, B), BELAY_OK);
    ack(w, take_one(w, 3));
    assert_int_equal(belay_broker_lane_news(w->b, w->sub, 2000, &arena, &l), BELAY_LANE_RECOVERED);
    pass_ms(w, 5000);
    belay_broker_lanes_watch(w->b, w->now);
    assert_int_equal(belay_broker_lane_news(w->b, w->sub, 2000, &arena, &l), BELAY_LANE_STALLED); /* hangs in flight */
    assert_str(l.key, "c");
    assert_int_equal(l.state, BELAY_LANE_OPEN);
    ack(w, d);
    belay_broker_lanes_watch(w->b, w->now);
    assert_int_equal(belay_broker_lane_news(w->b, w->sub, 2000, &arena, &l), BELAY_LANE_RECOVERED);
    assert_true(belay_broker_lane_longest(w->b, w->sub, &arena, &l));
    assert_str(l.key, "a");
    assert_int_equal(stats_of(w).stalled_since, BELAY_TIME_NEVER);
    belay_arena_deinit(&arena);
}

/* Each of its messages is quick; there are many. */
static void a_hot_key_does_not_keep_others_out(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 4 * BELAY_LANE_READ_AHEAD_MAX; i++) {
        publish(w, "hot", "x");
        if (i % 256 == 0)
            world_flush(w);
    }
    uint64_t other = publish(w, "b", "x");
    world_settle(w);
    for (int i = 0; i < 1000; i++) {
        struct belay_delivery *d = take(w);
        assert_non_null(d);
        struct belay_delivery *second = take(w); /* behind the first, unless it is another key's */
        assert_true(!second || second->sequence == other);
        pass_ms(w, 1);
        ack(w, d);
        if (second) {
            ack(w, second);
            world_settle(w);
            assert_true(stats_of(w).held > 3 * BELAY_LANE_READ_AHEAD_MAX);
            return;
        }
    }
    fail_msg("another key waited for a thousand messages of the hot one");
}

/* Each from a page of its own, all read together: what they hold on to is their own. */
static void messages_at_work_for_long_leave_the_window_to_others(void **state)
{
    struct world *w = *state;
    char key[24], body[501];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    w->sub_opt.concurrency = 2048;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    uint32_t hanging = 0, handled = 0;
    for (int i = 0; i < 40000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        publish(w, key, body);
        if (i % 32 == 31) {
            struct belay_delivery *d;
            world_flush(w);
            while ((d = take(w))) {
                if (d->sequence % 64 == 1) {
                    hanging++;
                    continue;
                }
                ack(w, d);
                handled++;
            }
        }
    }
    assert_int_equal(hanging, 625);
    assert_int_equal(handled, 40000 - 625);
    assert_true(w->b->window_bytes < WINDOW_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_key_without_messages_can_be_parked_and_holds_what_comes),
        WORLD_TEST(what_is_in_flight_may_end_and_what_fails_is_held),
        WORLD_TEST(an_attempt_that_a_crash_cut_short_is_known_when_the_lane_goes_on),
        WORLD_TEST(a_message_that_waits_for_its_turn_or_its_time_does_not_come),
        WORLD_TEST(a_replayed_dead_letter_waits_for_its_lane_too),
        WORLD_TEST(release_lets_go_of_a_letter_and_refuses_what_is_not_parked),
        WORLD_TEST(a_letter_in_a_lane_parked_by_hand_leaves_the_lane_parked),
        WORLD_TEST(retry_comes_now_with_fresh_attempts_and_knows_of_an_interrupted_one),
        WORLD_TEST(skip_makes_a_letter_of_a_message_that_waits),
        WORLD_TEST(what_was_attempted_is_not_moved),
        WORLD_TEST(a_head_that_is_at_work_and_may_be_moved_later_keeps_what_is_behind_it),
        WORLD_TEST(what_is_moved_is_in_one_place_after_a_crash),
        WORLD_TEST(a_target_is_a_topic_or_a_flow_that_alone_reads_it),
        WORLD_TEST(lanes_in_trouble_are_listed_and_the_well_ones_are_not),
        WORLD_TEST(the_watch_names_the_lane_that_stands_longest_and_tells_once),
        WORLD_TEST(a_hot_key_does_not_keep_others_out),
        WORLD_TEST(messages_at_work_for_long_leave_the_window_to_others),
        WORLD_TEST(nothing_happens_where_there_is_no_memory_or_no_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
