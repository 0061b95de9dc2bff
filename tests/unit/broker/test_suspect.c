/* What was in flight at a crash: suspected, one by one, cleared; and the story that is told of it. */
#include "base/alloc.h"
#include "broker/crash.h"
#include "unit/broker/broker_fixture.h"

static struct belay_crash_item item(struct world *w, uint64_t sequence, bool in_hand)
{
    return (struct belay_crash_item){ belay_subscription_id(w->sub), sequence, in_hand };
}

/* Dies with these in flight, and so many other things. */
static void crash_with(struct world *w, const uint64_t *sequences, uint32_t count, uint32_t others)
{
    struct belay_crash_item items[16];
    struct belay_crash crash = { belay_broker_crash_next(w->b), items, count, others, false };
    uint64_t position;
    for (uint32_t i = 0; i < count; i++)
        items[i] = item(w, sequences[i], i + 1 == count);
    world_settle(w);
    world_reopen(w, SIM_KILL);
    world_ok(w, belay_broker_crashed(w->b, &crash, w->now, &position, &w->err));
    assert_true(position > 0);
    world_settle(w);
    world_reopen(w, SIM_KILL); /* it is durable */
    world_ok(w, belay_broker_crashed(w->b, &crash, w->now, &position, &w->err));
    assert_int_equal(position, 0); /* and not counted again */
}

static struct belay_delivery *next_suspect(struct world *w)
{
    bool pending = true;
    struct belay_delivery *d = NULL;
    for (int i = 0; i < 100 && !d && pending; i++) {
        d = belay_broker_next_suspect(w->b, w->now, &pending);
        world_flush(w);
        sim_jobs_finish(&w->queue);
    }
    return d;
}

static void what_was_in_flight_comes_first_and_the_one_in_hand_before_all(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 6; i++)
        publish(w, "", "m");
    crash_with(w, (uint64_t[]){ 2, 5 }, 2, 0);
    assert_int_equal(belay_broker_suspected(w->b), 2);
    struct belay_delivery *d = next_suspect(w);
    assert_int_equal(d->sequence, 5);
    assert_int_equal(d->deaths, 0);
    ack(w, d);
    d = next_suspect(w);
    assert_int_equal(d->sequence, 2);
    ack(w, d);
    world_settle(w);
    assert_int_equal(belay_broker_suspected(w->b), 0);
    assert_null(next_suspect(w));
    ack(w, take_one(w, 1));
    ack(w, take_one(w, 3));
    world_settle(w);
}

static void only_a_death_while_alone_counts_and_success_clears_it(void **state)
{
    struct world *w = *state;
    publish(w, "", "a");
    publish(w, "", "b");
    crash_with(w, (uint64_t[]){ 1, 2 }, 2, 0);
    crash_with(w, (uint64_t[]){ 1 }, 1, 1); /* a saga's call was under way as well */
    struct belay_delivery *d = next_suspect(w);
    assert_int_equal(d->deaths, 0);
    crash_with(w, (uint64_t[]){ 1 }, 1, 0);
    crash_with(w, (uint64_t[]){ 1 }, 1, 0);
    d = next_suspect(w);
    assert_int_equal(d->sequence, 1); /* it has deaths: before the other */
    assert_int_equal(d->deaths, 2);
    retry(w, d, 0); /* it lived through an attempt: not suspected, but it is remembered */
    world_settle(w);
    assert_int_equal(belay_broker_suspected(w->b), 1);
    ack(w, next_suspect(w));
    d = take_one(w, 1);
    assert_int_equal(d->deaths, 2);
    ack(w, d);
    world_settle(w);
    assert_int_equal(w->sub->suspect_count, 0);
}

static void what_stands_before_a_suspect_in_its_lane_runs_before_it(void **state)
{
    struct world *w = *state;
    publish(w, "k", "first"); /* its ack was not durable: it is there again */
    publish(w, "j", "another");
    publish(w, "k", "second");
    crash_with(w, (uint64_t[]){ 3 }, 1, 0);
    struct belay_delivery *d = next_suspect(w);
    assert_int_equal(d->sequence, 1);
    ack(w, d);
    d = next_suspect(w);
    assert_int_equal(d->sequence, 3);
    ack(w, d);
    ack(w, take_one(w, 2));
    world_settle(w);
}

static void a_paused_subscription_keeps_its_suspects(void **state)
{
    struct world *w = *state;
    publish(w, "", "a");
    crash_with(w, (uint64_t[]){ 1 }, 1, 0);
    world_ok(w, belay_broker_pause(w->b, w->sub, BELAY_STR("by hand"), &w->err));
    assert_null(next_suspect(w));
    assert_int_equal(belay_broker_suspected(w->b), 1);
    world_ok(w, belay_broker_resume(w->b, w->sub, &w->err));
    struct belay_delivery *d = next_suspect(w);
    assert_int_equal(d->deaths, 1);
    ack(w, d);
    world_settle(w);
}

static void what_is_finished_or_unknown_is_not_suspected(void **state)
{
    struct world *w = *state;
    publish(w, "", "a");
    ack(w, take_one(w, 1));
    world_settle(w);
    struct belay_crash_item items[] = { item(w, 1, true), item(w, 7, false), { 99, 1, false } };
    struct belay_crash crash = { 1, items, 3, 0, false };
    uint64_t position = 1;
    world_ok(w, belay_broker_crashed(w->b, &crash, w->now, &position, &w->err));
    assert_int_equal(position, 0);
    assert_int_equal(belay_broker_suspected(w->b), 0);
}

static void the_story_tells_when_and_with_what_it_died(void **state)
{
    struct world *w = *state;
    struct belay_buf story;
    belay_buf_init(&story, BELAY_MIB(1));
    publish(w, "", "a");
    publish(w, "", "b");
    crash_with(w, (uint64_t[]){ 2, 1 }, 2, 3);
    crash_with(w, (uint64_t[]){ 1 }, 1, 0);
    struct belay_delivery *d = next_suspect(w);
    assert_int_equal(d->sequence, 1);
    belay_broker_crash_story(w->b, d, &story);
    belay_buf_put_c(&story, '\0');
    assert_non_null(strstr(story.p, "died with 2 messages and 3 calls of sagas and requests in flight, this one and "
                                    "billing 2\n"));
    assert_non_null(strstr(story.p, "died while this message ran alone\n"));
    ack(w, d);
    world_settle(w);
    belay_buf_deinit(&story);
}

/* Of the crashes only the last ones are remembered: a story is never another one's. */
static void many_crashes_leave_the_last_ones_to_be_told(void **state)
{
    struct world *w = *state;
    struct belay_buf story;
    belay_buf_init(&story, BELAY_MIB(1));
    publish(w, "", "a");
    publish(w, "", "b");
    crash_with(w, (uint64_t[]){ 1, 2 }, 2, 0);
    for (int i = 0; i < CRASHES_KEPT + 3; i++)
        crash_with(w, (uint64_t[]){ 2 }, 1, 0);
    struct belay_delivery *d = next_suspect(w);
    assert_int_equal(d->sequence, 2);
    assert_int_equal(d->deaths, CRASHES_KEPT + 3);
    belay_broker_crash_story(w->b, d, &story);
    int lines = 0;
    for (size_t i = 0; i < story.n; i++)
        lines += story.p[i] == '\n';
    assert_int_equal(lines, STORY_CRASHES);
    belay_buf_clear(&story);
    ack(w, d);
    d = next_suspect(w);
    assert_int_equal(d->sequence, 1);
    belay_broker_crash_story(w->b, d, &story); /* that one is forgotten */
    assert_int_equal(story.n, 0);
    ack(w, d);
    world_settle(w);
    belay_buf_deinit(&story);
}

static void a_crash_without_memory_is_not_half_counted(void **state)
{
    struct world *w = *state;
    publish(w, "", "a");
    world_settle(w);
    for (unsigned n = 0;; n++) {
        struct belay_crash_item items[] = { item(w, 1, true) };
        struct belay_crash crash = { 1, items, 1, 0, false };
        uint64_t position = 0;
        belay_alloc_fail_after(n);
        int status = belay_broker_crashed(w->b, &crash, w->now, &position, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_int_equal(belay_broker_suspected(w->b), status == BELAY_OK);
        if (status == BELAY_OK)
            break;
        assert_true(status == BELAY_NOMEM || status == BELAY_BUSY);
    }
    world_settle(w);
    ack(w, next_suspect(w));
    world_settle(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_was_in_flight_comes_first_and_the_one_in_hand_before_all),
        WORLD_TEST(only_a_death_while_alone_counts_and_success_clears_it),
        WORLD_TEST(what_stands_before_a_suspect_in_its_lane_runs_before_it),
        WORLD_TEST(a_paused_subscription_keeps_its_suspects),
        WORLD_TEST(what_is_finished_or_unknown_is_not_suspected),
        WORLD_TEST(the_story_tells_when_and_with_what_it_died),
        WORLD_TEST(many_crashes_leave_the_last_ones_to_be_told),
        WORLD_TEST(a_crash_without_memory_is_not_half_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
