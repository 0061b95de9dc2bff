#include "policy/breaker.h"

#include "base/random.h"
#include "unit/test.h"

#define S ((belay_time)BELAY_US_PER_S)

static const struct belay_breaker_def def = { .enabled = true, .failure_rate = 0.5, .calls_min = 10, .window_ms = 10000,
                                              .open_ms = 5000, .open_max_ms = 60000, .probes = 2 };

static bool ended(struct belay_breaker *b, enum belay_call_end end, belay_time now)
{
    return belay_breaker_end(b, &def, false, b->generation, end, 1000, now);
}

/* Ten failures: open until now + 5 s. */
static void open_it(struct belay_breaker *b, belay_time now)
{
    for (int i = 0; i < 9; i++)
        assert_false(ended(b, BELAY_CALL_FAILED, now));
    assert_true(ended(b, BELAY_CALL_FAILED, now));
    assert_int_equal(b->state, BELAY_BREAKER_OPEN);
}

static void it_opens_when_half_of_enough_calls_failed(void **state)
{
    (void)state;
    struct belay_breaker b = { 0 };
    for (int i = 0; i < 9; i++)
        assert_false(ended(&b, i % 2 ? BELAY_CALL_FAILED : BELAY_CALL_WELL, 100 * S));
    assert_int_equal(belay_breaker_at(&b, &def, 100 * S), 100 * S);
    assert_true(ended(&b, BELAY_CALL_FAILED, 100 * S)); /* five of ten */
    assert_int_equal(belay_breaker_at(&b, &def, 100 * S), 105 * S);
    assert_int_equal(belay_breaker_at(&b, &def, 105 * S - 1), 105 * S);
}

static void what_left_the_window_does_not_count(void **state)
{
    (void)state;
    struct belay_breaker b = { 0 };
    for (int i = 0; i < 9; i++)
        assert_false(ended(&b, BELAY_CALL_FAILED, 100 * S));
    assert_false(ended(&b, BELAY_CALL_FAILED, 110 * S)); /* the only one */
    assert_int_equal(b.sum.calls, 1);
    assert_false(ended(&b, BELAY_CALL_VOID, 110 * S));
    assert_int_equal(b.sum.calls, 1);
    assert_false(ended(&b, BELAY_CALL_FAILED, 10000 * S));
    assert_int_equal(b.sum.calls, 1);
}

static void only_as_many_probes_as_are_wanted_pass(void **state)
{
    (void)state;
    struct belay_breaker b = { 0 };
    open_it(&b, 100 * S);
    assert_int_equal(belay_breaker_at(&b, &def, 105 * S), 105 * S);
    assert_int_equal(b.state, BELAY_BREAKER_HALF_OPEN);
    assert_true(belay_breaker_begin(&b, &def));
    assert_int_equal(belay_breaker_at(&b, &def, 105 * S), 105 * S);
    assert_true(belay_breaker_begin(&b, &def));
    assert_int_equal(belay_breaker_at(&b, &def, 105 * S), BELAY_TIME_NEVER);
    /* one that was refused by the connector makes room for another */
    assert_false(belay_breaker_end(&b, &def, true, b.generation, BELAY_CALL_VOID, 0, 106 * S));
    assert_int_equal(belay_breaker_at(&b, &def, 106 * S), 106 * S);
    assert_true(belay_breaker_begin(&b, &def));
    assert_false(belay_breaker_end(&b, &def, true, b.generation, BELAY_CALL_WELL, 0, 106 * S));
    assert_int_equal(belay_breaker_at(&b, &def, 106 * S), BELAY_TIME_NEVER); /* one is known, one is out */
    assert_true(belay_breaker_end(&b, &def, true, b.generation, BELAY_CALL_WELL, 0, 106 * S));
    assert_int_equal(b.state, BELAY_BREAKER_CLOSED);
    assert_false(belay_breaker_begin(&b, &def));
}

static void a_probe_that_fails_opens_it_for_twice_as_long(void **state)
{
    (void)state;
    struct belay_breaker b = { 0 };
    belay_time now = 100 * S;
    const int64_t waits[] = { 5, 10, 20, 40, 60, 60, 60 };
    open_it(&b, now);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(belay_breaker_at(&b, &def, now), now + waits[i] * S);
        now += waits[i] * S;
        assert_int_equal(belay_breaker_at(&b, &def, now), now);
        assert_true(belay_breaker_begin(&b, &def));
        assert_true(belay_breaker_end(&b, &def, true, b.generation, BELAY_CALL_FAILED, 0, now));
    }
}

static void calls_from_before_it_opened_are_no_probes(void **state)
{
    (void)state;
    struct belay_breaker b = { 0 };
    uint32_t before = b.generation;
    open_it(&b, 100 * S);
    assert_false(belay_breaker_end(&b, &def, false, before, BELAY_CALL_FAILED, 0, 101 * S));
    assert_int_equal(belay_breaker_at(&b, &def, 105 * S), 105 * S);
    assert_true(belay_breaker_begin(&b, &def));
    uint32_t first = b.generation;
    assert_true(belay_breaker_begin(&b, &def));
    assert_true(belay_breaker_end(&b, &def, true, first, BELAY_CALL_FAILED, 0, 106 * S)); /* open again */
    assert_int_equal(belay_breaker_at(&b, &def, 116 * S), 116 * S);
    assert_int_equal(b.state, BELAY_BREAKER_HALF_OPEN);
    /* the second probe of the first time comes late: it neither closes nor opens */
    assert_false(belay_breaker_end(&b, &def, true, first, BELAY_CALL_FAILED, 0, 116 * S));
    assert_int_equal(b.state, BELAY_BREAKER_HALF_OPEN);
    assert_int_equal(b.probes_out, 0);
}

static void slow_calls_open_it_where_that_is_said(void **state)
{
    (void)state;
    struct belay_breaker_def slow = def;
    struct belay_breaker b = { 0 };
    slow.slow_ms = 100;
    slow.slow_rate = 0.8;
    for (int i = 0; i < 9; i++)
        assert_false(belay_breaker_end(&b, &slow, false, 0, BELAY_CALL_WELL, i < 7 ? 100001 : 100000, S));
    assert_true(belay_breaker_end(&b, &slow, false, 0, BELAY_CALL_WELL, 200000, S)); /* eight of ten */
    assert_int_equal(belay_breaker_at(&b, &slow, 6 * S), 6 * S);
    assert_true(belay_breaker_begin(&b, &slow));
    assert_true(belay_breaker_end(&b, &slow, true, b.generation, BELAY_CALL_WELL, 200000, 6 * S)); /* still slow */
    assert_int_equal(b.state, BELAY_BREAKER_OPEN);
}

static void a_reload_may_take_it_away_or_change_its_window(void **state)
{
    (void)state;
    struct belay_breaker b = { 0 };
    const struct belay_breaker_def off = { 0 };
    struct belay_breaker_def wide = def;
    open_it(&b, 100 * S);
    assert_int_equal(belay_breaker_at(&b, &off, 100 * S), 100 * S);
    assert_int_equal(b.state, BELAY_BREAKER_CLOSED);
    assert_false(ended(&b, BELAY_CALL_FAILED, 100 * S));
    wide.window_ms = 100000;
    for (int i = 0; i < 9; i++)
        assert_false(belay_breaker_end(&b, &wide, false, 0, BELAY_CALL_FAILED, 0, 100 * S));
    assert_true(belay_breaker_end(&b, &wide, false, 0, BELAY_CALL_FAILED, 0, 100 * S));
}

/* Against a list of everything that happened. */
static void its_window_is_that_of_a_naive_one(void **state)
{
    (void)state;
    struct belay_random r = { 11 };
    struct belay_breaker_def never = def;
    struct belay_breaker b = { 0 };
    static struct { belay_time at; bool failed; } all[20000];
    belay_time now = 1000 * S;
    never.failure_rate = 0;
    for (int n = 0; n < 20000; n++) {
        now += (belay_time)belay_random_below(&r, belay_random_below(&r, 100) ? 20000 : 3000000);
        all[n].at = now;
        all[n].failed = belay_random_below(&r, 2);
        belay_breaker_end(&b, &never, false, 0, all[n].failed ? BELAY_CALL_FAILED : BELAY_CALL_WELL, 0, now);
        uint32_t calls = 0, failed = 0;
        for (int i = n; i >= 0 && all[i].at / S > now / S - 10; i--) {
            calls++;
            failed += all[i].failed;
        }
        assert_int_equal(b.sum.calls, calls);
        assert_int_equal(b.sum.failed, failed);
        assert_int_equal(belay_breaker_failed_percent(&b), failed * 100 / calls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_when_half_of_enough_calls_failed),
        cmocka_unit_test(what_left_the_window_does_not_count),
        cmocka_unit_test(only_as_many_probes_as_are_wanted_pass),
        cmocka_unit_test(a_probe_that_fails_opens_it_for_twice_as_long),
        cmocka_unit_test(calls_from_before_it_opened_are_no_probes),
        cmocka_unit_test(slow_calls_open_it_where_that_is_said),
        cmocka_unit_test(a_reload_may_take_it_away_or_change_its_window),
        cmocka_unit_test(its_window_is_that_of_a_naive_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
