/* Letters that go by themselves: only where somebody said so, the oldest first, and each is written down. */
#include "base/alloc.h"
#include "broker/trail.h"
#include "unit/broker/broker_fixture.h"

#define MINUTE_MS 60000

static void policy(struct world *w, uint64_t expire_ms, uint64_t count_max)
{
    w->sub_opt.letters = (struct belay_letters_opt){ expire_ms, count_max, BELAY_STR("prices of yesterday") };
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
}

static void make(struct world *w, const char *key, bool park)
{
    uint64_t n = publish(w, key, "x");
    letter(w, take_one(w, n), park);
    world_settle(w);
}

/* Ticks for so long; a second at a time. */
static void wait_ms(struct world *w, int64_t ms)
{
    struct belay_expired x;
    struct belay_str named;
    for (int64_t at = 0; at < ms; at += 1000) {
        pass_ms(w, 1000);
        belay_broker_tick(w->b, w->now);
        (void)belay_broker_expired_news(w->b, &x, &named);
        world_flush(w);
    }
    world_settle(w);
}

static const char *trail(struct world *w)
{
    static char text[512];
    struct belay_arena arena;
    struct belay_trail_entry e;
    uint64_t number = 0;
    size_t n = 0;
    text[0] = '\0';
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    while (belay_trail_about(w->b, BELAY_TRAIL_FLOW, BELAY_STR("billing"), BELAY_STR_NONE, &number, &arena, &e))
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s %.*s %.*s (%.*s). ", BELAY_STR_ARG(e.who), BELAY_STR_ARG(e.verb),
                              BELAY_STR_ARG(e.detail), BELAY_STR_ARG(e.reason));
    belay_arena_deinit(&arena);
    return text;
}

static void without_a_policy_a_letter_stays_for_ever(void **state)
{
    struct world *w = *state;
    make(w, "a", false);
    for (int i = 0; i < 400; i++) {
        pass_ms(w, INT64_C(86400000));
        belay_broker_tick(w->b, w->now);
    }
    world_settle(w);
    assert_int_equal(stats_of(w).dead, 1);
    assert_int_equal(stats_of(w).expired, 0);
    assert_int_equal(stats_of(w).oldest_letter_at, START_TIME);
}

static void after_its_time_a_letter_goes_and_is_written_down(void **state)
{
    struct world *w = *state;
    policy(w, 10 * MINUTE_MS, 0);
    make(w, "", false);
    wait_ms(w, 5 * MINUTE_MS);
    make(w, "", false);
    wait_ms(w, 5 * MINUTE_MS - 2000);
    assert_int_equal(stats_of(w).dead, 2);
    assert_true(belay_broker_wake_at(w->b) <= START_TIME + 10 * MINUTE_MS * (belay_time)MS);
    wait_ms(w, 4000);
    assert_int_equal(stats_of(w).dead, 1);
    assert_int_equal(stats_of(w).expired, 1);
    assert_string_equal(trail(w), "policy expire 1 letter: 1 (prices of yesterday). ");
    world_reopen(w, SIM_POWER);
    assert_int_equal(stats_of(w).expired, 1);
    assert_string_equal(trail(w), "policy expire 1 letter: 1 (prices of yesterday). ");
    wait_ms(w, 5 * MINUTE_MS);
    assert_int_equal(stats_of(w).dead + stats_of(w).lost, 0);
    assert_int_equal(stats_of(w).expired, 2);
}

static void of_too_many_the_oldest_go_in_bites_each_told_once(void **state)
{
    struct world *w = *state;
    struct belay_expired x;
    struct belay_str named;
    for (int i = 0; i < 40; i++) {
        make(w, "", false);
        pass_ms(w, 1);
    }
    policy(w, 0, 5);
    belay_broker_tick(w->b, w->now);
    assert_int_equal(stats_of(w).dead, 24);
    belay_broker_tick(w->b, w->now + 1000 * MS); /* not before the first bite was told */
    assert_int_equal(stats_of(w).dead, 24);
    assert_true(belay_broker_expired_news(w->b, &x, &named));
    assert_true(x.sub == w->sub && x.count == 16 && !x.by_age);
    assert_true(belay_str_starts(named, BELAY_STR("16 letters: 1, 2, 3,")));
    assert_false(belay_broker_expired_news(w->b, &x, &named));
    wait_ms(w, 5000);
    assert_int_equal(stats_of(w).dead, 5);
    assert_int_equal(stats_of(w).expired, 35);
    assert_state(w, 35, BELAY_MESSAGE_DONE);
    assert_state(w, 36, BELAY_MESSAGE_DEAD);
    make(w, "", false); /* one more: one goes */
    wait_ms(w, 2000);
    assert_int_equal(stats_of(w).dead, 5);
}

static void the_key_of_a_parked_letter_goes_on(void **state)
{
    struct world *w = *state;
    policy(w, MINUTE_MS, 0);
    make(w, "k", true);
    publish(w, "k", "behind");
    world_settle(w);
    assert_null(take(w));
    wait_ms(w, MINUTE_MS + 1000);
    ack(w, take_one(w, 2));
    world_settle(w);
    assert_int_equal(stats_of(w).expired, 1);
    assert_int_equal(stats_of(w).done, 1);
}

static void what_is_replayed_is_no_letter_and_stays(void **state)
{
    struct world *w = *state;
    policy(w, MINUTE_MS, 0);
    make(w, "", false);
    wait_ms(w, MINUTE_MS - 5000);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    wait_ms(w, 2 * MINUTE_MS);
    assert_int_equal(stats_of(w).expired, 0);
    letter(w, take_one(w, 1), false); /* it fails again: its time begins anew */
    world_settle(w);
    wait_ms(w, MINUTE_MS - 5000);
    assert_int_equal(stats_of(w).dead, 1);
    wait_ms(w, 10000);
    assert_int_equal(stats_of(w).expired, 1);
}

static void of_a_flow_that_is_gone_nothing_goes(void **state)
{
    struct world *w = *state;
    policy(w, MINUTE_MS, 0);
    make(w, "", false);
    world_ok(w, belay_broker_pause(w->b, w->sub, BELAY_STR_NONE, &w->err));
    wait_ms(w, 5 * MINUTE_MS);
    assert_int_equal(stats_of(w).dead, 1);
}

static void without_memory_it_goes_later(void **state)
{
    struct world *w = *state;
    policy(w, MINUTE_MS, 0);
    for (int i = 0; i < 3; i++)
        make(w, "", false);
    pass_ms(w, 2 * MINUTE_MS);
    for (uint64_t n = 0; n < 20; n++) {
        belay_alloc_fail_after(n);
        pass_ms(w, 2000);
        belay_broker_tick(w->b, w->now);
        belay_alloc_fail_after(UINT64_MAX);
        world_flush(w);
    }
    wait_ms(w, 5000);
    assert_int_equal(stats_of(w).expired, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(without_a_policy_a_letter_stays_for_ever),
        WORLD_TEST(after_its_time_a_letter_goes_and_is_written_down),
        WORLD_TEST(of_too_many_the_oldest_go_in_bites_each_told_once),
        WORLD_TEST(the_key_of_a_parked_letter_goes_on),
        WORLD_TEST(what_is_replayed_is_no_letter_and_stays),
        WORLD_TEST(of_a_flow_that_is_gone_nothing_goes),
        WORLD_TEST(without_memory_it_goes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
