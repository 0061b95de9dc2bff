/* Which lanes are surely well: never one in trouble, whatever happens to the filter. */
#include "unit/broker/broker_fixture.h"

#include "base/alloc.h"
#include "broker/lane_filter.h"

static bool may(struct world *w, const char *key)
{
    return lane_filter_may(w->b, w->sub->id, belay_hash128(belay_str_c(key)));
}

static void fail_next(struct world *w, const char *key, int64_t again_ms)
{
    uint64_t sequence = publish(w, key, "m");
    retry(w, take_one(w, sequence), again_ms);
}

static void only_lanes_in_trouble_are_asked_for(void **state)
{
    struct world *w = *state;
    pass_ms(w, 1);
    assert_true(w->b->lane_filter.complete); /* nothing was there at the start */
    assert_false(may(w, "a"));
    fail_next(w, "a", 10);
    assert_true(may(w, "a"));
    assert_false(may(w, "b"));
    assert_false(lane_filter_may(w->b, w->sub->id + 1, belay_hash128(BELAY_STR("a"))));
    pass_ms(w, 10);
    ack(w, take_one(w, 1));
    pass_ms(w, 1);
    assert_false(may(w, "a")); /* all are well: it is empty again */
    assert_null(w->b->lane_filter.words);
}

static void after_a_start_all_are_asked_for_until_it_has_walked(void **state)
{
    struct world *w = *state;
    char key[8];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%u", i);
        fail_next(w, key, 1000);
    }
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_true(may(w, "never"));
    pass_ms(w, 1); /* begins */
    pass_ms(w, 1); /* a bite */
    assert_true(may(w, "never"));
    fail_next(w, "meanwhile", 1000);
    pass_ms(w, 1);
    assert_true(w->b->lane_filter.complete);
    assert_false(may(w, "never"));
    assert_true(may(w, "meanwhile"));
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_true(may(w, key));
    }
}

static void lanes_that_got_well_wear_it_out_and_it_is_walked_again(void **state)
{
    struct world *w = *state;
    char key[8];
    w->b->lane_filter_worn = 20;
    pass_ms(w, 1);
    fail_next(w, "long", 100000);
    w->b->lane_filter.words[0] = UINT64_MAX; /* seen: the old one is gone */
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "k%u", i);
        fail_next(w, key, 1);
        pass_ms(w, 1);
        ack(w, take(w));
    }
    for (unsigned i = 0; i < 4; i++)
        pass_ms(w, 1);
    assert_true(w->b->lane_filter.complete);
    assert_true(w->b->lane_filter.words[0] != UINT64_MAX);
    assert_true(may(w, "long"));
}

static void without_memory_the_state_is_asked(void **state)
{
    struct world *w = *state;
    struct belay_hash128 lane = belay_hash128(BELAY_STR("a"));
    pass_ms(w, 1);
    belay_alloc_fail_after(0);
    lane_filter_add(w->b, w->sub->id, lane);
    belay_alloc_fail_after(UINT64_MAX);
    assert_true(may(w, "a"));
    assert_true(may(w, "b"));
    fail_next(w, "b", 1000);
    belay_alloc_fail_after(0);
    lane_filter_recovered(w->b);
    lane_filter_tick(w->b); /* no memory for a walk */
    belay_alloc_fail_after(UINT64_MAX);
    assert_true(may(w, "c"));
    for (unsigned i = 0; i < 3; i++)
        pass_ms(w, 1);
    assert_true(may(w, "b"));
    assert_false(may(w, "c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(only_lanes_in_trouble_are_asked_for),
        WORLD_TEST(after_a_start_all_are_asked_for_until_it_has_walked),
        WORLD_TEST(lanes_that_got_well_wear_it_out_and_it_is_walked_again),
        WORLD_TEST(without_memory_the_state_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
