/* Budget, limiter, and the gate that asks them all. */
#include "policy/gate.h"

#include "base/random.h"
#include "unit/test.h"

#define S ((belay_time)BELAY_US_PER_S)
#define MS ((belay_time)BELAY_US_PER_MS)

/* ---- budget ---- */

static const struct belay_budget_def budget = { .share = 0.2, .floor = 10, .window_ms = 10000 };

static void a_budget_follows_the_first_tries_of_its_window(void **state)
{
    (void)state;
    struct belay_budget b = { 0 };
    belay_time now = 1000 * S;
    assert_true(belay_budget_per_second(&b, &budget, now) == 10);
    for (int i = 0; i < 10000; i++)
        belay_budget_first(&b, &budget, now);
    assert_true(belay_budget_per_second(&b, &budget, now) == 200);
    assert_true(belay_budget_per_second(&b, &budget, now + 9 * S) == 200);
    assert_true(belay_budget_per_second(&b, &budget, now + 10 * S) == 10);
    const struct belay_budget_def none = { 0 };
    assert_int_equal(belay_budget_at(&b, &none, now), now);
}

static void no_second_sees_more_retries_than_the_budget(void **state)
{
    (void)state;
    struct belay_random random = { 6 };
    for (int round = 0; round < 40; round++) {
        const struct belay_budget_def def = { .share = belay_random_unit(&random) + 0.01,
                                              .floor = (double)belay_random_below(&random, 30) + 0.5,
                                              .window_ms = 10000 };
        struct belay_budget b = { 0 };
        static struct { belay_time at; double most; } made[60000];
        uint32_t n = 0, from = 0;
        belay_time now = 5000 * S;
        double most = 0;
        while (now < 5030 * S && n < 60000) {
            now += (belay_time)belay_random_below(&random, 3000);
            if (belay_random_below(&random, 3) && now < 5015 * S)
                belay_budget_first(&b, &def, now);
            if (belay_budget_at(&b, &def, now) > now)
                continue;
            most = belay_budget_per_second(&b, &def, now);
            belay_budget_retry(&b, &def, now);
            made[n].at = now;
            made[n++].most = most;
            while (made[from].at <= now - S)
                from++;
            for (uint32_t i = from; i < n; i++)
                most = made[i].most > most ? made[i].most : most;
            assert_true((double)(n - from) <= most + 1);
        }
        assert_true(n > 10);
    }
}

static void what_a_budget_allows_is_used_by_those_who_wait(void **state)
{
    (void)state;
    struct belay_budget b = { 0 };
    uint32_t made = 0;
    belay_time now = 1000 * S;
    for (int i = 0; i < 10000; i++)
        belay_budget_first(&b, &budget, now);
    for (; now < 1009 * S; now += 1 * MS)
        while (belay_budget_at(&b, &budget, now) <= now) {
            belay_budget_retry(&b, &budget, now);
            made++;
        }
    assert_in_range(made, 9 * 200 * 8 / 10, 9 * 200 + 1);
}

/* ---- limiter ---- */

/* A system that does `capacity` calls at once in 10 ms each and queues the rest. */
static uint32_t found_limit(uint32_t capacity, uint32_t offered, uint32_t max)
{
    struct belay_limiter l = { 0 };
    struct belay_random random = { 3 };
    for (int i = 0; i < 200000; i++) {
        uint32_t limit = belay_limiter_limit(&l, max);
        uint32_t in_flight = offered < limit ? offered : limit;
        double us = 10000.0 * (in_flight > capacity ? (double)in_flight / capacity : 1);
        us *= 0.95 + 0.1 * belay_random_unit(&random);
        belay_limiter_sample(&l, max, (uint64_t)us, in_flight, false);
        assert_in_range(belay_limiter_limit(&l, max), 1, max);
    }
    while (l.probing) /* at half of what it found, for a moment */
        belay_limiter_sample(&l, max, 10000, 1, false);
    return belay_limiter_limit(&l, max);
}

static void the_limit_is_found_by_latency(void **state)
{
    (void)state;
    assert_in_range(found_limit(20, 1000, 1000), 20, 60);
    assert_in_range(found_limit(200, 1000, 1000), 200, 500);
    assert_int_equal(found_limit(200, 1000, 50), 50);       /* its maximum */
    assert_in_range(found_limit(200, 4, 1000), 4, 20);      /* what nobody uses does not grow */
}

static void failures_lower_the_limit(void **state)
{
    (void)state;
    struct belay_limiter l = { 0 };
    for (int i = 0; i < 20000; i++)
        belay_limiter_sample(&l, 100, 1000, 100, false);
    while (l.probing)
        belay_limiter_sample(&l, 100, 1000, 100, false);
    assert_int_equal(belay_limiter_limit(&l, 100), 100);
    for (int i = 0; i < 20000; i++)
        belay_limiter_sample(&l, 100, 1000, 100, i % 2);
    assert_int_equal(belay_limiter_limit(&l, 100), 1);
}

/* ---- the gate ---- */

static struct belay_gate_def gate_def(void)
{
    return (struct belay_gate_def){
        .concurrency = 4,
        .rate = { 100, 10 },
        .budget = { .share = 0.2, .floor = 10, .window_ms = 10000, .concurrency = 0.5 },
        .breaker = { true, 0.5, 0, 0, 4, 10000, 5000, 60000, 1 },
    };
}

static enum belay_gate_answer ask(struct belay_gate *g, const struct belay_gate_def *def, bool retry, belay_time now)
{
    belay_time at;
    enum belay_gate_answer answer = belay_gate_ask(g, def, retry, now, &at);
    if (answer == BELAY_GATE_GO)
        assert_true(at <= now);
    else
        assert_true(at > now);
    return answer;
}

static void retries_hold_only_their_share_of_the_slots(void **state)
{
    (void)state;
    struct belay_gate g = { 0 };
    struct belay_gate_def def = gate_def();
    struct belay_gate_ticket tickets[4];
    def.budget.floor = 1000;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(&g, &def, true, S), BELAY_GATE_GO);
        belay_gate_begin(&g, &def, true, S, &tickets[i]);
    }
    assert_int_equal(ask(&g, &def, true, S), BELAY_GATE_RETRIES);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(ask(&g, &def, false, S), BELAY_GATE_GO);
        belay_gate_begin(&g, &def, false, S, &tickets[i]);
    }
    assert_int_equal(ask(&g, &def, false, S), BELAY_GATE_CONCURRENCY);
    assert_false(belay_gate_end(&g, &def, &tickets[0], BELAY_CALL_WELL, S));
    assert_int_equal(ask(&g, &def, true, S), BELAY_GATE_GO);
    def.concurrency = 1; /* one at least */
    assert_int_equal(belay_gate_retries(&g, &def), 1);
}

static void each_reason_to_wait_is_named(void **state)
{
    (void)state;
    struct belay_gate_def def = gate_def();
    struct belay_gate_ticket t;
    struct belay_gate g = { 0 };
    def.concurrency = 100;
    for (int i = 0; i < 10; i++)
        belay_gate_begin(&g, &def, false, S, &t);
    assert_int_equal(ask(&g, &def, false, S), BELAY_GATE_RATE);
    g = (struct belay_gate){ 0 };
    belay_gate_begin(&g, &def, true, S, &t);
    assert_int_equal(ask(&g, &def, true, S), BELAY_GATE_BUDGET);
    assert_int_equal(ask(&g, &def, false, S), BELAY_GATE_GO);
    belay_gate_undo(&g, &def, &t, S);
    assert_int_equal(ask(&g, &def, true, S), BELAY_GATE_GO);
    for (int i = 0; i < 4; i++) {
        belay_gate_begin(&g, &def, false, S, &t);
        assert_int_equal(belay_gate_end(&g, &def, &t, BELAY_CALL_FAILED, S), i == 3);
    }
    assert_int_equal(ask(&g, &def, false, S), BELAY_GATE_BREAKER);
    assert_string_equal(belay_gate_answer_name(BELAY_GATE_BREAKER), "breaker");
}

static void a_gate_without_a_definition_lets_everything_through_one_by_one(void **state)
{
    (void)state;
    struct belay_gate g = { 0 };
    const struct belay_gate_def def = { 0 };
    struct belay_gate_ticket t;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ask(&g, &def, i % 2, S), BELAY_GATE_GO);
        belay_gate_begin(&g, &def, i % 2, S, &t);
        assert_int_equal(ask(&g, &def, false, S), BELAY_GATE_CONCURRENCY);
        assert_false(belay_gate_end(&g, &def, &t, BELAY_CALL_FAILED, S));
    }
}

/* Anything, in any order: what is out is counted, an open breaker has nothing out that began after it opened,
 * half open has at most its probes. */
static void random_calls_keep_the_invariants(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct belay_random r = { seed };
        struct belay_gate g = { 0 };
        struct belay_gate_def def = gate_def();
        struct belay_gate_ticket out[64];
        uint32_t count = 0, retries = 0, probes = 0;
        belay_time now = (belay_time)belay_random_below(&r, 1000) * S;
        def.concurrency_auto = seed % 2;
        def.concurrency = 1 + (uint32_t)belay_random_below(&r, 60);
        for (int i = 0; i < 2000; i++) {
            belay_time at;
            bool retry = belay_random_below(&r, 2);
            now += (belay_time)belay_random_below(&r, 300 * MS);
            if (belay_random_below(&r, 2) && belay_gate_ask(&g, &def, retry, now, &at) == BELAY_GATE_GO) {
                assert_true(count < 60);
                assert_true(g.breaker.state != BELAY_BREAKER_OPEN);
                belay_gate_begin(&g, &def, retry, now, &out[count++]);
                retries += retry;
            } else if (count) {
                uint32_t n = (uint32_t)belay_random_below(&r, count);
                if (belay_random_below(&r, 10))
                    belay_gate_end(&g, &def, &out[n], (enum belay_call_end)belay_random_below(&r, 4), now);
                else
                    belay_gate_undo(&g, &def, &out[n], now);
                retries -= out[n].retry;
                out[n] = out[--count];
            }
            probes = 0;
            for (uint32_t n = 0; n < count; n++)
                probes += out[n].probe && out[n].generation == g.breaker.generation;
            assert_int_equal(g.in_flight, count);
            assert_int_equal(g.retries_in_flight, retries);
            if (g.breaker.state == BELAY_BREAKER_HALF_OPEN)
                assert_int_equal(probes, g.breaker.probes_out);
            if (g.breaker.state == BELAY_BREAKER_OPEN)
                for (uint32_t n = 0; n < count; n++)
                    assert_true(out[n].generation != g.breaker.generation);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_follows_the_first_tries_of_its_window),
        cmocka_unit_test(no_second_sees_more_retries_than_the_budget),
        cmocka_unit_test(what_a_budget_allows_is_used_by_those_who_wait),
        cmocka_unit_test(the_limit_is_found_by_latency),
        cmocka_unit_test(failures_lower_the_limit),
        cmocka_unit_test(retries_hold_only_their_share_of_the_slots),
        cmocka_unit_test(each_reason_to_wait_is_named),
        cmocka_unit_test(a_gate_without_a_definition_lets_everything_through_one_by_one),
        cmocka_unit_test(random_calls_keep_the_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
