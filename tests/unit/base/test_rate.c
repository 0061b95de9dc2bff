/* Token buckets: one, and one for each of many callers. */
#include "base/alloc.h"
#include "base/buckets.h"
#include "base/limits.h"
#include "base/random.h"
#include "unit/test.h"

#define S ((belay_time)BELAY_US_PER_S)
#define MS ((belay_time)BELAY_US_PER_MS)

/* ---- one ---- */

static void a_rate_gives_its_burst_and_then_one_at_a_time(void **state)
{
    (void)state;
    struct belay_rate r = { 0 };
    const struct belay_rate_def def = { 10, 3 };
    belay_time now = 1000 * S;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(belay_rate_at(&r, &def, now), now);
        belay_rate_take(&r, &def, now);
    }
    assert_int_equal(belay_rate_at(&r, &def, now), now + 100 * MS);
    belay_rate_give_back(&r, &def);
    assert_int_equal(belay_rate_at(&r, &def, now), now);
    belay_rate_take(&r, &def, now);
    now += 100 * MS;
    belay_rate_take(&r, &def, now);
    assert_int_equal(belay_rate_at(&r, &def, now), now + 100 * MS);
}

static void no_window_sees_more_than_the_burst_and_its_share(void **state)
{
    (void)state;
    struct belay_random random = { 4 };
    for (int round = 0; round < 50; round++) {
        const struct belay_rate_def def = { 1 + 2000 * belay_random_unit(&random), (uint32_t)belay_random_below(&random, 50) };
        struct belay_rate r = { 0 };
        static belay_time taken[4000];
        uint32_t n = 0, burst = def.burst ? def.burst : 1;
        belay_time now = 5000 * S;
        while (n < 4000 && now < 5010 * S) {
            now += (belay_time)belay_random_below(&random, 1 + (uint64_t)(2e6 / def.per_second));
            if (belay_rate_at(&r, &def, now) > now)
                continue;
            belay_rate_take(&r, &def, now);
            taken[n] = now;
            uint32_t back = (uint32_t)belay_random_below(&random, n + 1);
            double seconds = (double)(now - taken[n - back]) / S;
            assert_true(back + 1 <= burst + seconds * def.per_second + 1);
            n++;
        }
        assert_true(n > 2);
    }
}

/* A million at once, and one in three hours: the sum of it is beyond what 64 bits of nanoseconds hold. */
static void a_burst_that_takes_centuries_to_come_back_is_one_all_the_same(void **state)
{
    (void)state;
    struct belay_rate r = { 0 };
    const struct belay_rate_def def = { 0.0001, 1000000 };
    belay_time now = 1800000000 * S;
    uint32_t taken = 0;
    assert_true(belay_rate_left(&r, &def, now) > 1000);
    while (taken <= def.burst && belay_rate_at(&r, &def, now) <= now) {
        uint32_t left = belay_rate_left(&r, &def, now);
        belay_rate_take(&r, &def, now);
        assert_int_equal(belay_rate_left(&r, &def, now), left - 1);
        taken++;
    }
    assert_in_range(taken, 1000, def.burst);
    assert_int_equal(belay_rate_left(&r, &def, now), 0);
    assert_int_equal(belay_rate_at(&r, &def, now), now + 10000 * S);
}

static void what_is_left_says_whether_one_may_be_taken(void **state)
{
    (void)state;
    struct belay_random random = { 9 };
    for (int round = 0; round < 200; round++) {
        const struct belay_rate_def def = { 0.01 + 5000 * belay_random_unit(&random), 1 + (uint32_t)belay_random_below(&random, 20) };
        struct belay_rate r = { 0 };
        belay_time now = 3 * S;
        assert_int_equal(belay_rate_left(&r, &def, now), def.burst);
        for (int i = 0; i < 100; i++) {
            uint32_t left = belay_rate_left(&r, &def, now);
            assert_true(left <= def.burst);
            assert_int_equal(left > 0, belay_rate_at(&r, &def, now) <= now);
            if (left > 0) {
                belay_rate_take(&r, &def, now);
                assert_int_equal(belay_rate_left(&r, &def, now), left - 1);
            }
            now += (belay_time)belay_random_below(&random, (uint64_t)(2e6 / def.per_second) + 1);
        }
    }
    const struct belay_rate_def none = { 0 };
    assert_int_equal(belay_rate_left(&(struct belay_rate){ 5 }, &none, 0), UINT32_MAX);
}

/* ---- many ---- */

static uint64_t who(const struct belay_buckets *b, uint32_t n)
{
    return belay_buckets_who(b, BELAY_STR("key"), belay_str((char *)&n, sizeof n));
}

static bool take(struct belay_buckets *b, const struct belay_rate_def *def, uint32_t n, belay_time now, bool *ret_shared)
{
    struct belay_rate *r = belay_buckets_of(b, who(b, n), now, ret_shared);
    if (belay_rate_at(r, def, now) > now)
        return false;
    belay_rate_take(r, def, now);
    return true;
}

static void each_caller_has_a_bucket_of_his_own(void **state)
{
    (void)state;
    const struct belay_rate_def def = { 1, 2 };
    struct belay_buckets *b = belay_buckets_new(100);
    bool shared;
    belay_buckets_seed(b, 7);
    for (uint32_t n = 0; n < 100; n++) {
        assert_true(take(b, &def, n, S, &shared) && !shared);
        assert_true(take(b, &def, n, S, &shared));
        assert_false(take(b, &def, n, S, &shared));
    }
    for (uint32_t n = 0; n < 100; n++)
        assert_true(take(b, &def, n, 2 * S, &shared));
    assert_true(who(b, 1) != who(b, 2));
    assert_true(belay_buckets_who(b, BELAY_STR("a"), BELAY_STR("x")) != belay_buckets_who(b, BELAY_STR("b"), BELAY_STR("x")));
    belay_buckets_free(b);
    belay_buckets_free(NULL);
}

static void a_place_is_free_again_when_its_bucket_is_full(void **state)
{
    (void)state;
    const struct belay_rate_def def = { 10, 1 };
    struct belay_buckets *b = belay_buckets_new(1); /* one set */
    bool shared;
    uint32_t n = 0;
    for (; n < 8; n++)
        assert_true(take(b, &def, n, S, &shared) && !shared);
    assert_true(take(b, &def, n, S, &shared) && shared); /* the set's own: one token for all who come now */
    assert_false(take(b, &def, n + 1, S, &shared));
    assert_true(take(b, &def, n + 1, S + 100 * MS, &shared) && !shared);
    belay_buckets_free(b);
}

/* Whatever the others do, and however often he changes between the shared bucket and one of his own. */
static void no_caller_gets_more_than_his_share_in_a_crowd(void **state)
{
    (void)state;
    enum { CALLERS = 40, TAKEN = 20000 };
    static belay_time taken[CALLERS][TAKEN];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct belay_random random = { seed };
        const struct belay_rate_def def = { 1 + 50 * belay_random_unit(&random), 1 + (uint32_t)belay_random_below(&random, 10) };
        struct belay_buckets *b = belay_buckets_new(1 + (uint32_t)belay_random_below(&random, 8));
        uint32_t counts[CALLERS] = { 0 };
        bool shared, ever_shared = false;
        belay_buckets_seed(b, seed);
        for (belay_time now = S; now < 20 * S; now += (belay_time)belay_random_below(&random, 4 * MS)) {
            uint32_t crowd = now / (3 * S) % 2 ? CALLERS : 6; /* it comes and goes */
            uint32_t n = (uint32_t)belay_random_below(&random, crowd);
            if (!take(b, &def, n, now, &shared))
                continue;
            ever_shared = ever_shared || shared;
            taken[n][counts[n]++] = now;
            assert_true(counts[n] < TAKEN);
            for (uint32_t k = 0; k < counts[n]; k += 1 + counts[n] / 16) {
                double seconds = (double)(now - taken[n][k]) / S;
                assert_true(counts[n] - k <= def.burst + seconds * def.per_second + 0.01);
            }
        }
        assert_true(ever_shared);
        belay_buckets_free(b);
    }
}

static void few_share_while_there_are_no_more_than_expected(void **state)
{
    (void)state;
    const struct belay_rate_def def = { 1, 1 };
    struct belay_buckets *b = belay_buckets_new(10000);
    uint32_t sharing = 0;
    bool shared;
    belay_buckets_seed(b, 99);
    for (uint32_t n = 0; n < 10000; n++) {
        take(b, &def, n, S, &shared);
        sharing += shared;
    }
    assert_true(sharing < 20);
    assert_true(belay_buckets_bytes(b) < BELAY_MIB(2));
    for (uint32_t n = 0; n < 1000000; n++) /* however many come, it does not grow */
        take(b, &def, n, S, &shared);
    assert_true(shared);
    belay_buckets_free(b);
}

static void without_memory_there_are_no_buckets(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2; n++) {
        belay_alloc_fail_after(n);
        assert_null(belay_buckets_new(10));
        belay_alloc_fail_after(UINT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_gives_its_burst_and_then_one_at_a_time),
        cmocka_unit_test(no_window_sees_more_than_the_burst_and_its_share),
        cmocka_unit_test(a_burst_that_takes_centuries_to_come_back_is_one_all_the_same),
        cmocka_unit_test(what_is_left_says_whether_one_may_be_taken),
        cmocka_unit_test(each_caller_has_a_bucket_of_his_own),
        cmocka_unit_test(a_place_is_free_again_when_its_bucket_is_full),
        cmocka_unit_test(no_caller_gets_more_than_his_share_in_a_crowd),
        cmocka_unit_test(few_share_while_there_are_no_more_than_expected),
        cmocka_unit_test(without_memory_there_are_no_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
