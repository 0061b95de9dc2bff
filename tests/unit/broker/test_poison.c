/* Payloads and errors that failed: counted by distinct messages, over a window, within a bound. */
#include "base/alloc.h"
#include "broker/poison.h"
#include "unit/broker/broker_fixture.h"

static struct belay_poison_key key_of(struct world *w, enum belay_poison_kind kind, uint64_t n)
{
    return (struct belay_poison_key){ kind, { n, 7 }, belay_subscription_id(w->sub) };
}

struct seen {
    bool trips;
    struct belay_poison p;
};

static struct seen fails(struct world *w, struct belay_poison_key key, const char *id, uint32_t threshold,
                         struct belay_arena *arena)
{
    const struct belay_poison_failure f = { .id = belay_str_c(id), .sequence = 5, .sample = BELAY_STR("HTTP:500 at x"),
                                            .threshold = threshold, .window_ms = 60000, .refuse = true };
    struct seen s = { 0 };
    world_ok(w, belay_poison_failed(w->b, &key, &f, w->now, arena, &s.p, &s.trips, &w->err));
    return s;
}

static void the_third_message_trips_and_a_message_counts_once(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_poison_key key = key_of(w, BELAY_POISON_PAYLOAD, 1);
    assert_false(belay_poison_any(w->b));
    assert_false(fails(w, key, "a", 3, &arena).trips);
    assert_false(fails(w, key, "a", 3, &arena).trips);
    assert_false(fails(w, key, "b", 3, &arena).trips);
    assert_int_equal(fails(w, key, "a", 3, &arena).p.count, 2);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_true(belay_poison_any(w->b));
    struct seen s = fails(w, key, "c", 3, &arena);
    assert_true(s.trips);
    assert_true(s.p.refused);
    assert_true(s.p.tripped_at > 0);
    assert_str(s.p.flow, "billing");
    assert_str(s.p.sample, "HTTP:500 at x");
    assert_false(fails(w, key, "d", 3, &arena).trips); /* it has tripped already */
    world_settle(w);
    belay_arena_deinit(&arena);
}

/* A row as it lies on the disk. */
static struct belay_str raw_row(const struct belay_poison_key *key, uint8_t kind, uint8_t to[21])
{
    to[0] = kind;
    belay_store_be64(to + 1, key->hash.hi);
    belay_store_be64(to + 9, key->hash.lo);
    belay_store_be32(to + 17, key->sub);
    return belay_str((const char *)to, 21);
}

static void put_row(struct world *w, struct belay_poison_key key, uint8_t kind, struct belay_str value)
{
    uint8_t row[21];
    world_ok(w, belay_state_reserve(w->b->state, 256, 1, &w->err));
    belay_state_put(w->b->state, BELAY_TABLE_POISON, raw_row(&key, kind, row), value);
}

static void assert_told_at_the_start(struct world *w, const char *told)
{
    struct belay_str named;
    uint64_t more;
    w->b->poison_count = 0;
    poison_load(w->b);
    assert_true(belay_broker_unreadable_news(w->b, &named, &more));
    assert_int_equal(named.n, strlen(told));
    assert_memory_equal(named.p, told, named.n);
    assert_int_equal(more, 0);
    assert_false(belay_broker_unreadable_news(w->b, &named, &more));
}

static void a_count_that_cannot_be_read_is_told_at_the_start_and_begins_anew(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_poison_key key = key_of(w, BELAY_POISON_PAYLOAD, 1);
    fails(w, key, "a", 3, &arena);
    fails(w, key, "b", 3, &arena);
    fails(w, key_of(w, BELAY_POISON_PAYLOAD, 2), "a", 3, &arena);
    put_row(w, key, BELAY_POISON_PAYLOAD, BELAY_STR("nonsense"));
    assert_told_at_the_start(w, "the count of a payload that failed in billing: it begins anew");
    assert_int_equal(fails(w, key, "c", 3, &arena).p.count, 1);
    belay_arena_deinit(&arena);
}

static void a_count_of_requests_that_cannot_be_read_is_called_so(void **state)
{
    struct world *w = *state;
    put_row(w, (struct belay_poison_key){ BELAY_POISON_REQUEST, { 0, 7 }, 0 }, BELAY_POISON_REQUEST, BELAY_STR("nonsense"));
    assert_told_at_the_start(w, "the count of a request that the process did not survive: it begins anew");
}

/* Its value can be read, but not what it counts: nobody is shown it. */
static void a_row_of_a_kind_that_is_none_cannot_be_read(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_poison p;
    struct belay_str value;
    uint8_t row[21];
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_poison_key key = key_of(w, BELAY_POISON_PAYLOAD, 1), at = { 0 };
    fails(w, key, "a", 3, &arena);
    assert_true(belay_state_get(w->b->state, BELAY_TABLE_POISON, raw_row(&key, BELAY_POISON_PAYLOAD, row), &value));
    put_row(w, key, 9, belay_arena_str(&arena, value));
    assert_told_at_the_start(w, "the count of something unknown that failed in billing: it begins anew");
    assert_true(belay_poison_next(w->b, &at, w->now, &arena, &p));
    assert_int_equal(p.key.kind, BELAY_POISON_PAYLOAD);
    assert_false(belay_poison_next(w->b, &at, w->now, &arena, &p));
    belay_arena_deinit(&arena);
}

static void the_window_is_over_and_it_begins_anew(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_poison p;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_poison_key key = key_of(w, BELAY_POISON_SIGNATURE, 1);
    fails(w, key, "a", 2, &arena);
    pass_ms(w, 59000);
    assert_true(belay_poison_get(w->b, &key, w->now, &arena, &p));
    pass_ms(w, 1000);
    assert_false(belay_poison_get(w->b, &key, w->now, &arena, &p));
    assert_int_equal(fails(w, key, "b", 2, &arena).p.count, 1);
    assert_true(fails(w, key, "c", 2, &arena).trips);
    pass_ms(w, 59000);
    fails(w, key, "d", 2, &arena); /* a tripped one is kept as long as it goes on failing */
    pass_ms(w, 59000);
    assert_true(belay_poison_get(w->b, &key, w->now, &arena, &p));
    pass_ms(w, 1000);
    assert_false(belay_poison_get(w->b, &key, w->now, &arena, &p));
    world_settle(w);
    pass_ms(w, 2000);
    pass_ms(w, 2000);
    assert_false(belay_poison_any(w->b)); /* swept */
    world_settle(w);
    world_reopen(w, SIM_KILL);
    assert_false(belay_poison_get(w->b, &key, w->now, &arena, &p)); /* the crash may bring it back: it has expired */
    pass_ms(w, 2000);
    assert_false(belay_poison_any(w->b));
    belay_arena_deinit(&arena);
}

static void what_is_cleared_is_gone(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_poison p;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_poison_key key = key_of(w, BELAY_POISON_PAYLOAD, 1), other = key_of(w, BELAY_POISON_PAYLOAD, 2);
    fails(w, key, "a", 1, &arena);
    world_ok(w, belay_poison_clear(w->b, &other, &w->err));
    assert_true(belay_poison_get(w->b, &key, w->now, &arena, &p));
    world_ok(w, belay_poison_clear(w->b, &key, &w->err));
    assert_false(belay_poison_any(w->b));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_false(belay_poison_any(w->b));
    belay_arena_deinit(&arena);
}

static void rows_are_listed_in_order(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_poison p;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    fails(w, key_of(w, BELAY_POISON_SIGNATURE, 3), "a", 2, &arena);
    fails(w, key_of(w, BELAY_POISON_PAYLOAD, 9), "a", 2, &arena);
    fails(w, key_of(w, BELAY_POISON_PAYLOAD, 4), "a", 2, &arena);
    struct belay_poison_key key = { 0 };
    const uint64_t order[] = { 4, 9, 3 };
    for (int i = 0; i < 3; i++) {
        assert_true(belay_poison_next(w->b, &key, w->now, &arena, &p));
        assert_int_equal(p.key.hash.hi, order[i]);
        assert_int_equal(key.hash.hi, order[i]);
    }
    assert_false(belay_poison_next(w->b, &key, w->now, &arena, &p));
    world_settle(w);
    belay_arena_deinit(&arena);
}

static void beyond_the_bound_nothing_new_is_counted(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_poison_key first = key_of(w, BELAY_POISON_PAYLOAD, 1);
    fails(w, first, "a", 2, &arena);
    for (uint64_t n = 2; n <= BELAY_POISON_ROWS_MAX; n++) {
        struct belay_arena_mark mark = belay_arena_mark(&arena);
        fails(w, key_of(w, BELAY_POISON_PAYLOAD, n), "a", 2, &arena);
        belay_arena_rewind(&arena, mark);
        if (n % 200 == 0)
            world_flush(w);
    }
    const struct belay_poison_failure f = { .id = BELAY_STR("x"), .threshold = 2, .window_ms = 60000 };
    struct belay_poison_key more = key_of(w, BELAY_POISON_PAYLOAD, BELAY_POISON_ROWS_MAX + 1);
    struct belay_poison p;
    bool trips;
    assert_int_equal(belay_poison_failed(w->b, &more, &f, w->now, &arena, &p, &trips, &w->err), BELAY_LIMIT);
    assert_true(fails(w, first, "b", 2, &arena).trips); /* what is known goes on */
    pass_ms(w, 120000);
    for (int i = 0; i < BELAY_POISON_ROWS_MAX; i++) {
        belay_broker_tick(w->b, w->now);
        world_flush(w);
    }
    assert_false(belay_poison_any(w->b));
    world_settle(w);
    belay_arena_deinit(&arena);
}

static void a_failure_without_memory_is_not_half_counted(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_poison_key key = key_of(w, BELAY_POISON_PAYLOAD, 1);
    const struct belay_poison_failure f = { .id = BELAY_STR("a"), .threshold = 1, .window_ms = 60000 };
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (unsigned n = 0;; n++) {
        struct belay_poison p;
        bool trips = false;
        belay_alloc_fail_after(n);
        int status = belay_poison_failed(w->b, &key, &f, w->now, &arena, &p, &trips, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        if (status == BELAY_OK)
            break;
        assert_false(trips);
        assert_true(n < 100);
    }
    world_settle(w);
    assert_true(belay_poison_any(w->b));
    belay_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(the_third_message_trips_and_a_message_counts_once),
        WORLD_TEST(a_count_that_cannot_be_read_is_told_at_the_start_and_begins_anew),
        WORLD_TEST(a_count_of_requests_that_cannot_be_read_is_called_so),
        WORLD_TEST(a_row_of_a_kind_that_is_none_cannot_be_read),
        WORLD_TEST(the_window_is_over_and_it_begins_anew),
        WORLD_TEST(what_is_cleared_is_gone),
        WORLD_TEST(rows_are_listed_in_order),
        WORLD_TEST(beyond_the_bound_nothing_new_is_counted),
        WORLD_TEST(a_failure_without_memory_is_not_half_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
