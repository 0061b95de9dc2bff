#include "policy/drain.h"
#include "unit/test.h"

static void before_anything_was_seen_one_comes_again_soon(void **state)
{
    (void)state;
    struct belay_drain d = { 0 };
    assert_int_equal(belay_drain_after_ms(&d, 1000000), BELAY_DRAIN_AFTER_MS_MIN);
    belay_drain_see(&d, 5, 0);
    assert_int_equal(belay_drain_after_ms(&d, 1000000), BELAY_DRAIN_AFTER_MS_MIN);
}

static void what_leaves_at_fifty_a_second_has_room_for_five_hundred_in_ten_seconds(void **state)
{
    (void)state;
    struct belay_drain d = { 0 };
    for (int i = 0; i <= 100; i++)
        belay_drain_see(&d, (uint64_t)i * 5, (belay_time)i * 100 * BELAY_US_PER_MS);
    assert_in_range(belay_drain_after_ms(&d, 500), 9900, 10100);
    assert_int_equal(belay_drain_after_ms(&d, 1), BELAY_DRAIN_AFTER_MS_MIN);
}

static void where_nothing_leaves_the_most_is_asked_for(void **state)
{
    (void)state;
    struct belay_drain d = { 0 };
    belay_drain_see(&d, 7, 0);
    belay_drain_see(&d, 7, BELAY_US_PER_S);
    assert_int_equal(belay_drain_after_ms(&d, 1), BELAY_DRAIN_AFTER_MS_MAX);
}

static void a_speed_of_long_ago_is_forgotten(void **state)
{
    (void)state;
    struct belay_drain d = { 0 };
    belay_drain_see(&d, 0, 0);
    belay_drain_see(&d, 100000, BELAY_US_PER_S);
    for (int i = 2; i < 60; i++)
        belay_drain_see(&d, 100000 + (uint64_t)i * 10, (belay_time)i * BELAY_US_PER_S);
    assert_in_range(belay_drain_after_ms(&d, 100), 8000, 11000);
}

static void after_a_seek_back_it_begins_anew(void **state)
{
    (void)state;
    struct belay_drain d = { 0 };
    belay_drain_see(&d, 1000, 0);
    belay_drain_see(&d, 2000, BELAY_US_PER_S);
    assert_true(d.known);
    belay_drain_see(&d, 10, 2 * BELAY_US_PER_S);
    assert_false(d.known);
}

static void looks_in_quick_succession_are_one(void **state)
{
    (void)state;
    struct belay_drain d = { 0 };
    belay_drain_see(&d, 0, 0);
    belay_drain_see(&d, 50, BELAY_US_PER_MS);
    assert_false(d.known);
    belay_drain_see(&d, 100, BELAY_US_PER_S);
    assert_in_range((uint64_t)d.per_second, 99, 101);
}

static void a_time_in_which_it_was_idle_makes_it_no_slower(void **state)
{
    (void)state;
    struct belay_drain d = { 0 };
    belay_drain_see(&d, 0, 0);
    belay_drain_see(&d, 100, BELAY_US_PER_S);
    belay_drain_skip(&d, 101, 60 * BELAY_US_PER_S);
    belay_drain_skip(&d, 102, 60 * BELAY_US_PER_S + 1);
    assert_int_equal(d.left, 101);
    assert_in_range((uint64_t)d.per_second, 99, 101);
    belay_drain_see(&d, 201, 61 * BELAY_US_PER_S);
    assert_in_range((uint64_t)d.per_second, 99, 101);
    belay_drain_skip(&d, 1201, 62 * BELAY_US_PER_S); /* but that it can do */
    assert_in_range((uint64_t)d.per_second, 999, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_anything_was_seen_one_comes_again_soon),
        cmocka_unit_test(what_leaves_at_fifty_a_second_has_room_for_five_hundred_in_ten_seconds),
        cmocka_unit_test(where_nothing_leaves_the_most_is_asked_for),
        cmocka_unit_test(a_speed_of_long_ago_is_forgotten),
        cmocka_unit_test(after_a_seek_back_it_begins_anew),
        cmocka_unit_test(looks_in_quick_succession_are_one),
        cmocka_unit_test(a_time_in_which_it_was_idle_makes_it_no_slower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
