#include "base/limits.h"
#include "policy/policy.h"

#include "unit/test.h"

static struct belay_retry_def def_of(enum belay_jitter jitter)
{
    struct belay_retry_def def = BELAY_RETRY_DEFAULT;
    def.jitter = jitter;
    return def;
}

static struct belay_fault fault_of(enum belay_class class_, uint32_t retry_after_ms)
{
    struct belay_fault f;
    belay_fault_init(&f, "HTTP:SERVER_ERROR", class_, "no");
    f.retry_after_ms = retry_after_ms;
    return f;
}

static void without_jitter_the_delay_doubles_up_to_its_cap(void **state)
{
    (void)state;
    struct belay_retry_def def = def_of(BELAY_JITTER_NONE);
    const uint64_t expected[] = { 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000 };
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(belay_backoff_ms(&def, i + 1, 0, NULL), expected[i]);
    assert_int_equal(belay_backoff_ms(&def, UINT32_MAX, 0, NULL), 30000);
    def.multiplier = 1;
    assert_int_equal(belay_backoff_ms(&def, UINT32_MAX, 0, NULL), 200);
    def.initial_ms = 0;
    def.multiplier = 1e300;
    assert_int_equal(belay_backoff_ms(&def, UINT32_MAX, 0, NULL), 0);
    def.initial_ms = 40000;
    assert_int_equal(belay_backoff_ms(&def, 1, 0, NULL), 30000);
}

/* Random definitions: each kind stays in its bounds and uses them. */
static void jitter_stays_in_its_bounds(void **state)
{
    (void)state;
    struct belay_random r = { 1 };
    for (int i = 0; i < 20000; i++) {
        struct belay_retry_def def = {
            .max_attempts = 9,
            .initial_ms = belay_random_below(&r, 5000),
            .max_ms = belay_random_below(&r, 100000),
            .multiplier = 1 + 4 * belay_random_unit(&r),
        };
        uint32_t attempt = 1 + (uint32_t)belay_random_below(&r, 40);
        uint64_t previous = belay_random_below(&r, 50000);
        def.jitter = BELAY_JITTER_NONE;
        uint64_t base = belay_backoff_ms(&def, attempt, 0, &r);
        assert_true(base <= def.max_ms);
        def.jitter = BELAY_JITTER_FULL;
        assert_true(belay_backoff_ms(&def, attempt, 0, &r) <= base);
        def.jitter = BELAY_JITTER_EQUAL;
        assert_in_range(belay_backoff_ms(&def, attempt, 0, &r), base / 2, base);
        def.jitter = BELAY_JITTER_DECORRELATED;
        uint64_t delay = belay_backoff_ms(&def, attempt, previous, &r);
        uint64_t low = def.initial_ms < def.max_ms ? def.initial_ms : def.max_ms;
        uint64_t high = 3 * (previous > low ? previous : low);
        assert_in_range(delay, low, high < def.max_ms ? high : def.max_ms);
    }
}

static void jitter_spreads_over_its_whole_range(void **state)
{
    (void)state;
    const enum belay_jitter kinds[]
        = { BELAY_JITTER_FULL, BELAY_JITTER_EQUAL, BELAY_JITTER_DECORRELATED };
    const uint64_t low[] = { 0, 100, 200 }, high[] = { 200, 200, 600 };
    for (int k = 0; k < 3; k++) {
        struct belay_retry_def def = def_of(kinds[k]);
        struct belay_random r = { 7 };
        uint64_t least = UINT64_MAX, most = 0, sum = 0;
        for (int i = 0; i < 20000; i++) {
            uint64_t delay = belay_backoff_ms(&def, 1, 0, &r);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
            sum += delay;
        }
        assert_true(least == low[k] && most == high[k]);
        assert_in_range(sum / 20000, (low[k] + high[k]) / 2 - 5, (low[k] + high[k]) / 2 + 5);
    }
}

static void the_same_seed_gives_the_same_delays(void **state)
{
    (void)state;
    struct belay_retry_def def = def_of(BELAY_JITTER_FULL);
    struct belay_random a = { 42 }, b = { 42 }, c = { 43 };
    bool differs = false;
    for (uint32_t i = 1; i < 10; i++) {
        uint64_t delay = belay_backoff_ms(&def, i, 0, &a);
        assert_int_equal(delay, belay_backoff_ms(&def, i, 0, &b));
        differs |= delay != belay_backoff_ms(&def, i, 0, &c);
    }
    assert_true(differs);
}

static void extreme_numbers_do_not_overflow(void **state)
{
    (void)state;
    struct belay_random r = { 3 };
    for (int jitter = BELAY_JITTER_FULL; jitter <= BELAY_JITTER_NONE; jitter++) {
        struct belay_retry_def def = { UINT32_MAX, 0, UINT64_MAX, UINT64_MAX, 1e300, jitter, true, 0, NULL, 0 };
        struct belay_fault f = fault_of(BELAY_CLASS_TRANSIENT, UINT32_MAX);
        struct belay_retry_question q = { &def, &f, UINT32_MAX - 1, UINT64_MAX, UINT64_MAX, true };
        uint64_t delay = 0;
        assert_int_equal(belay_retry_decide(&q, &r, &delay), BELAY_RETRY_AGAIN);
        assert_true(delay >= UINT32_MAX && delay <= (UINT64_C(1) << 47));
    }
}

static enum belay_retry_verdict decide(enum belay_class class_, bool repeatable, uint32_t attempt)
{
    struct belay_retry_def def = def_of(BELAY_JITTER_FULL);
    struct belay_fault f = fault_of(class_, 0);
    struct belay_random r = { 1 };
    uint64_t delay = 77;
    struct belay_retry_question q = { &def, &f, attempt, 0, 0, repeatable };
    enum belay_retry_verdict verdict = belay_retry_decide(&q, &r, &delay);
    assert_true(verdict == BELAY_RETRY_AGAIN ? delay <= 30000 : delay == 77);
    return verdict;
}

static void only_what_may_succeed_is_tried_again(void **state)
{
    (void)state;
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        assert_int_equal(decide(BELAY_CLASS_TRANSIENT, repeatable, 1), BELAY_RETRY_AGAIN);
        assert_int_equal(decide(BELAY_CLASS_PERMANENT, repeatable, 1), BELAY_RETRY_NO);
        assert_int_equal(decide(BELAY_CLASS_FATAL, repeatable, 1), BELAY_RETRY_NO);
    }
    assert_int_equal(decide(BELAY_CLASS_UNKNOWN_OUTCOME, true, 1), BELAY_RETRY_AGAIN);
    assert_int_equal(decide(BELAY_CLASS_UNKNOWN_OUTCOME, false, 1), BELAY_RETRY_RESOLVE);
}

static void attempts_end_exactly_at_their_maximum(void **state)
{
    (void)state;
    assert_int_equal(decide(BELAY_CLASS_TRANSIENT, false, 4), BELAY_RETRY_AGAIN);
    assert_int_equal(decide(BELAY_CLASS_TRANSIENT, false, 5), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(decide(BELAY_CLASS_TRANSIENT, false, 6), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(decide(BELAY_CLASS_UNKNOWN_OUTCOME, true, 5), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(decide(BELAY_CLASS_UNKNOWN_OUTCOME, false, 5), BELAY_RETRY_RESOLVE);
}

static enum belay_retry_verdict after(uint64_t elapsed_ms, uint32_t retry_after_ms,
                                      uint64_t *ret_delay)
{
    struct belay_retry_def def = { 100, 10000, 1000, 1000, 1, BELAY_JITTER_NONE, true, 0, NULL, 0 };
    struct belay_fault f = fault_of(BELAY_CLASS_TRANSIENT, retry_after_ms);
    struct belay_retry_question q = { &def, &f, 3, elapsed_ms, 0, false };
    return belay_retry_decide(&q, NULL, ret_delay);
}

static void no_attempt_begins_later_than_max_elapsed(void **state)
{
    (void)state;
    uint64_t delay = 0;
    assert_int_equal(after(9000, 0, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 1000);
    assert_int_equal(after(9001, 0, &delay), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(after(10000, 0, &delay), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(after(UINT64_MAX, 0, &delay), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(after(4000, 6000, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 6000);
    assert_int_equal(after(4000, 6001, &delay), BELAY_RETRY_EXHAUSTED);
}

static void retry_after_is_a_lower_bound(void **state)
{
    (void)state;
    struct belay_random r = { 5 };
    for (int jitter = BELAY_JITTER_FULL; jitter <= BELAY_JITTER_NONE; jitter++) {
        struct belay_retry_def def = def_of(jitter);
        struct belay_fault f = fault_of(BELAY_CLASS_TRANSIENT, 7000);
        bool differs = false;
        uint64_t first = 0;
        for (int i = 0; i < 50; i++) {
            struct belay_retry_question q = { &def, &f, 2, 0, 300, false };
            uint64_t delay = 0;
            assert_int_equal(belay_retry_decide(&q, &r, &delay), BELAY_RETRY_AGAIN);
            assert_in_range(delay, 7000, 7000 + 900);
            first = i ? first : delay;
            differs |= delay != first;
        }
        assert_int_equal(differs, jitter != BELAY_JITTER_NONE);
    }
}

static void retry_after_does_not_put_a_message_away_for_weeks(void **state)
{
    (void)state;
    struct belay_random r = { 5 };
    struct belay_retry_def def = def_of(BELAY_JITTER_NONE);
    struct belay_fault f = fault_of(BELAY_CLASS_TRANSIENT, UINT32_MAX);
    struct belay_retry_question q = { &def, &f, 1, 0, 0, false };
    uint64_t delay = 0;
    assert_int_equal(belay_retry_decide(&q, &r, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, BELAY_RETRY_AFTER_MS_MAX);
    def.max_ms = 3 * (uint64_t)BELAY_RETRY_AFTER_MS_MAX;
    assert_int_equal(belay_retry_decide(&q, &r, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, def.max_ms);
}

static void retry_after_is_overlooked_where_the_rule_says_so(void **state)
{
    (void)state;
    struct belay_retry_def def = def_of(BELAY_JITTER_NONE);
    struct belay_fault f = fault_of(BELAY_CLASS_TRANSIENT, 7000);
    struct belay_retry_question q = { &def, &f, 1, 0, 0, false };
    uint64_t delay = 0;
    def.respect_retry_after = false;
    assert_int_equal(belay_retry_decide(&q, NULL, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 200);
    def.respect_retry_after = true;
    f.retry_after_ms = 100; /* shorter than the schedule */
    assert_int_equal(belay_retry_decide(&q, NULL, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 200);
}

static enum belay_retry_verdict decide_of(const struct belay_retry_def *def, const char *type,
                                          uint32_t status, uint32_t attempt, uint64_t *ret_delay)
{
    struct belay_fault f;
    struct belay_random r = { 9 };
    belay_fault_init(&f, type, BELAY_CLASS_TRANSIENT, "no");
    f.status = status;
    const struct belay_retry_question q = { def, &f, attempt, 0, 0, true };
    return belay_retry_decide(&q, &r, ret_delay);
}

static void the_first_rule_that_names_the_error_counts(void **state)
{
    (void)state;
    static const struct belay_str timeout[] = { BELAY_STR_INIT("HTTP:TIMEOUT"), BELAY_STR_INIT("HTTP:503") };
    static const struct belay_str kafka[] = { BELAY_STR_INIT("KAFKA:*") };
    static const struct belay_str all[] = { BELAY_STR_INIT("class:transient") };
    const struct belay_retry_rule rules[] = {
        { timeout, 2, { 3, 0, 1000, 9000, 1, BELAY_JITTER_NONE, true, 0, NULL, 0 } },
        { kafka, 1, { 1, 0, 1, 1, 1, BELAY_JITTER_NONE, true, 0, NULL, 0 } },
        { all, 1, { 2, 0, 7, 7, 1, BELAY_JITTER_NONE, true, 0, NULL, 0 } },
    };
    struct belay_retry_def def = def_of(BELAY_JITTER_NONE);
    uint64_t delay = 0;
    def.rules = rules;
    def.rule_count = 3;
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 2, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 1000);
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 3, &delay), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(decide_of(&def, "HTTP:SERVER_ERROR", 503, 1, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 1000);
    assert_int_equal(decide_of(&def, "KAFKA:BROKER", 0, 1, &delay), BELAY_RETRY_EXHAUSTED);
    assert_int_equal(decide_of(&def, "HTTP:SERVER_ERROR", 500, 1, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 7);
    def.rule_count = 2; /* and none names it */
    assert_int_equal(decide_of(&def, "HTTP:SERVER_ERROR", 500, 1, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 200);
}

static void tries_at_once_come_first_and_besides_the_others(void **state)
{
    (void)state;
    struct belay_retry_def def = def_of(BELAY_JITTER_NONE);
    uint64_t delay = 77;
    def.immediate = 2;
    def.max_attempts = 3;
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 1, &delay), BELAY_RETRY_AT_ONCE);
    assert_int_equal(delay, 0);
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 2, &delay), BELAY_RETRY_AT_ONCE);
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 3, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 200); /* the first delay, although it is the third try that failed */
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 4, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 400);
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 5, &delay), BELAY_RETRY_EXHAUSTED);
    def.max_attempts = 1; /* nothing is to be repeated */
    assert_int_equal(decide_of(&def, "HTTP:TIMEOUT", 0, 1, &delay), BELAY_RETRY_EXHAUSTED);
}

static void nothing_is_tried_at_once_that_was_told_to_wait(void **state)
{
    (void)state;
    struct belay_retry_def def = def_of(BELAY_JITTER_NONE);
    struct belay_fault f = fault_of(BELAY_CLASS_TRANSIENT, 7000);
    uint64_t delay = 0;
    def.immediate = 2;
    struct belay_retry_question q = { &def, &f, 1, 0, 0, false };
    assert_int_equal(belay_retry_decide(&q, NULL, &delay), BELAY_RETRY_AGAIN);
    assert_int_equal(delay, 7000);
    def.respect_retry_after = false;
    assert_int_equal(belay_retry_decide(&q, NULL, &delay), BELAY_RETRY_AT_ONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_jitter_the_delay_doubles_up_to_its_cap),
        cmocka_unit_test(jitter_stays_in_its_bounds),
        cmocka_unit_test(jitter_spreads_over_its_whole_range),
        cmocka_unit_test(the_same_seed_gives_the_same_delays),
        cmocka_unit_test(extreme_numbers_do_not_overflow),
        cmocka_unit_test(only_what_may_succeed_is_tried_again),
        cmocka_unit_test(attempts_end_exactly_at_their_maximum),
        cmocka_unit_test(no_attempt_begins_later_than_max_elapsed),
        cmocka_unit_test(retry_after_is_a_lower_bound),
        cmocka_unit_test(retry_after_does_not_put_a_message_away_for_weeks),
        cmocka_unit_test(the_first_rule_that_names_the_error_counts),
        cmocka_unit_test(tries_at_once_come_first_and_besides_the_others),
        cmocka_unit_test(nothing_is_tried_at_once_that_was_told_to_wait),
        cmocka_unit_test(retry_after_is_overlooked_where_the_rule_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
