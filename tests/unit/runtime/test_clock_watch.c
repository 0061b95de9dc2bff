/* Two clocks, and what one of them does that the other does not. */
#include "runtime/clock_watch.h"
#include "unit/test.h"

#define S (int64_t)BELAY_US_PER_S
#define WALL INT64_C(1790000000000000)

static void a_clock_that_runs_does_not_jump(void **state)
{
    (void)state;
    struct clock_watch w = { 0 };
    for (int64_t s = 0; s < 1000; s++)
        assert_int_equal(clock_watch_jump(&w, WALL + s * S, 77 + s * S), 0);
}

static void a_jump_is_told_once_with_its_size(void **state)
{
    (void)state;
    struct clock_watch w = { 0 };
    assert_int_equal(clock_watch_jump(&w, WALL, 0), 0);
    assert_int_equal(clock_watch_jump(&w, WALL + 3601 * S, S), 3600 * S);
    assert_int_equal(clock_watch_jump(&w, WALL + 3602 * S, 2 * S), 0);
    assert_int_equal(clock_watch_jump(&w, WALL + 3 * S, 3 * S), -3600 * S);
    assert_int_equal(clock_watch_jump(&w, WALL + 4 * S, 4 * S), 0);
}

static void what_is_slowly_put_right_is_no_jump(void **state)
{
    (void)state;
    struct clock_watch w = { 0 };
    for (int64_t s = 0; s < 1000; s++) /* a second an hour, or one in ten */
        assert_int_equal(clock_watch_jump(&w, WALL + s * S + s * S / 10, s * S), 0);
}

static void a_few_seconds_are_told_either_way(void **state)
{
    (void)state;
    struct clock_watch w = { 0 };
    assert_int_equal(clock_watch_jump(&w, WALL, 0), 0);
    assert_int_equal(clock_watch_jump(&w, WALL + 4 * S, 0), 0);
    assert_int_equal(clock_watch_jump(&w, WALL + 10 * S, 0), 6 * S);
    assert_int_equal(clock_watch_jump(&w, WALL + 4 * S, 0), -6 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_runs_does_not_jump),
        cmocka_unit_test(a_jump_is_told_once_with_its_size),
        cmocka_unit_test(what_is_slowly_put_right_is_no_jump),
        cmocka_unit_test(a_few_seconds_are_told_either_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
