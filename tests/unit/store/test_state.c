/* The rules of the state, over the model: what a view promises, what a reservation holds, what a
 * failed checkpoint leaves, what an error does. The model's own rules as well. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/pack.h"
#include "store/state.h"
#include "store/state_impl.h"
#include "unit/aborts.h"
#include "unit/test.h"

#define K(literal) BELAY_STR(literal)
enum { T = BELAY_TABLE_EXCEPTION, D = BELAY_TABLE_DROPPABLE };

static struct belay_state_backend model;

static struct belay_state *open_state(size_t size_bytes_max)
{
    struct belay_state *s = NULL;
    assert_ok(belay_state_model_open(&model, NULL));
    assert_ok(belay_state_new(&model, size_bytes_max, &s, NULL));
    return s;
}

static void close_state(struct belay_state *s)
{
    belay_state_free(s);
    model.close(model.self);
}

static void put(struct belay_state *s, uint32_t table, struct belay_str key, struct belay_str value)
{
    assert_ok(belay_state_reserve(s, key.n + value.n, 1, NULL));
    belay_state_put(s, table, key, value);
}

static void checkpoint(struct belay_state *s, uint64_t position)
{
    belay_state_freeze(s, position);
    assert_ok(belay_state_checkpoint_run(s, NULL));
    assert_ok(belay_state_checkpoint_done(s, NULL));
}

static struct belay_str get(struct belay_state *s, uint32_t table, struct belay_str key)
{
    struct belay_str value = BELAY_STR("absent");
    (void)!belay_state_get(s, table, key, &value);
    return value;
}

static struct belay_str key_of(char room[8], uint64_t n)
{
    belay_store_be64(room, n);
    return belay_str(room, 8);
}

/* ---- values ---- */

static void a_value_may_be_made_of_the_one_it_replaces(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    put(s, T, K("k"), K("abcdef"));
    struct belay_str old = get(s, T, K("k"));
    put(s, T, K("k"), belay_str_sub(old, 2, 3)); /* in place */
    assert_str(get(s, T, K("k")), "cde");
    put(s, T, K("k"), K("a value of another size, so that it moves elsewhere"));
    old = get(s, T, K("k"));
    put(s, T, K("k"), belay_str_sub(old, 2, 5));
    assert_str(get(s, T, K("k")), "value");
    belay_state_del(s, T, K("k"));
    assert_str(get(s, T, K("k")), "absent");
    close_state(s);
}

/* New rows find their places in the order when somebody asks, or when many are loose (LOOSE_MAX). */
static void what_was_put_in_any_order_is_found_in_order(void **state)
{
    (void)state;
    enum { N = 1301 }; /* a prime: 7 * i walks over all */
    struct belay_state *s = open_state(BELAY_MIB(4));
    char room[8];
    for (uint64_t i = 0; i < N; i++)
        put(s, T, key_of(room, i * 7 % N), K("v"));
    belay_state_del(s, T, key_of(room, 7)); /* a loose one, and ones in their places */
    belay_state_del(s, T, key_of(room, 0));
    belay_state_del(s, T, key_of(room, (N - 1) * UINT64_C(7) % N));
    put(s, T, key_of(room, N), K("the last"));
    struct belay_str key = BELAY_STR(""), value;
    uint64_t count = 0, before = 0;
    while (belay_state_seek(s, T, key, count > 0, BELAY_STR(""), &key, &value)) {
        uint64_t at = belay_load_be64(key.p);
        assert_true(count == 0 || at > before);
        before = at;
        count++;
    }
    assert_int_equal(count, N + 1 - 3);
    assert_int_equal(before, N);
    close_state(s);
}

static void a_frozen_overlay_has_nothing_loose_so_that_two_threads_may_read_it(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    put(s, T, K("b"), K("1"));
    put(s, D, K("a"), K("2"));
    assert_true(overlay_has(s->active, T) && overlay_has(s->active, D));
    belay_state_freeze(s, 1);
    for (uint32_t table = 0; table < STATE_TABLES; table++)
        assert_null(s->frozen->loose[table]);
    assert_true(overlay_has(s->frozen, T) && overlay_has(s->frozen, D));
    assert_ok(belay_state_checkpoint_run(s, NULL));
    assert_ok(belay_state_checkpoint_done(s, NULL));
    assert_str(get(s, D, K("a")), "2");
    close_state(s);
}

static void a_dropped_table_forgets_what_was_loose(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    put(s, D, K("a"), K("1"));
    put(s, D, K("b"), K("2"));
    belay_state_drop(s, D);
    assert_str(get(s, D, K("a")), "absent");
    assert_false(overlay_has(s->active, D));
    put(s, D, K("b"), K("3"));
    assert_str(get(s, D, K("b")), "3");
    close_state(s);
}

static void an_empty_value_is_a_value_at_every_level(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    put(s, T, K("k"), BELAY_STR_NONE);
    assert_str(get(s, T, K("k")), "");
    belay_state_freeze(s, 1);
    assert_str(get(s, T, K("k")), "");
    assert_ok(belay_state_checkpoint_run(s, NULL));
    assert_ok(belay_state_checkpoint_done(s, NULL));
    assert_str(get(s, T, K("k")), "");
    close_state(s);
}

static void what_comes_and_goes_between_checkpoints_leaves_nothing(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    char room[8];
    for (uint64_t i = 0; i < 100000; i++) {
        put(s, T, key_of(room, i), K("a message in flight"));
        belay_state_del(s, T, key_of(room, i));
    }
    assert_false(belay_state_may_freeze(s));
    assert_int_equal(belay_state_active_bytes(s), 0);
    close_state(s);
}

static void a_deleted_row_is_hidden_until_the_checkpoint_took_it_away(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    put(s, T, K("k"), K("v"));
    checkpoint(s, 1);
    belay_state_del(s, T, K("k"));
    assert_str(get(s, T, K("k")), "absent");
    belay_state_freeze(s, 2);
    assert_str(get(s, T, K("k")), "absent");
    assert_ok(belay_state_checkpoint_run(s, NULL));
    assert_ok(belay_state_checkpoint_done(s, NULL));
    assert_str(get(s, T, K("k")), "absent");
    struct belay_str value;
    assert_int_equal(model.get(model.self, T, K("k"), &value, NULL), BELAY_NOTFOUND);
    close_state(s);
}

static void a_dropped_table_is_empty_and_may_be_filled_again(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    struct belay_str key, value;
    put(s, D, K("old"), K("1"));
    put(s, D + 1, K("other"), K("1"));
    checkpoint(s, 1);
    put(s, D, K("newer"), K("2"));
    belay_state_drop(s, D);
    put(s, D, K("newest"), K("3"));
    for (int level = 0; level < 3; level++) {
        assert_str(get(s, D, K("old")), "absent");
        assert_true(belay_state_seek(s, D, K(""), false, K(""), &key, &value));
        assert_str(key, "newest");
        assert_str(get(s, D + 1, K("other")), "1");
        if (level == 0)
            belay_state_freeze(s, 2);
        else if (level == 1)
            assert_ok(belay_state_checkpoint_run(s, NULL));
    }
    assert_ok(belay_state_checkpoint_done(s, NULL));
    assert_str(get(s, D, K("old")), "absent");
    assert_str(get(s, D, K("newest")), "3");
    close_state(s);
}

/* ---- the front of a queue ---- */

static unsigned seeks;
static int (*model_seek)(void *, uint32_t, struct belay_str, bool, struct belay_str *,
                         struct belay_str *, struct belay_err *);

static int counted_seek(void *self, uint32_t table, struct belay_str from, bool after,
                        struct belay_str *ret_key, struct belay_str *ret_value, struct belay_err *err)
{
    seeks++;
    return model_seek(self, table, from, after, ret_key, ret_value, err);
}

/* 2000 rows in the backend are deleted from the front; each seek must not walk over the deleted. */
static void a_queue_eaten_from_its_front_costs_what_its_length_says(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct belay_state *s = open_state(BELAY_MIB(1));
    char room[8];
    for (uint64_t i = 0; i < N; i++)
        put(s, T, key_of(room, i), K("v"));
    checkpoint(s, 1);
    model_seek = s->backend.seek;
    s->backend.seek = counted_seek;
    seeks = 0;
    for (uint64_t i = 0; i < N; i++) {
        struct belay_str key, value;
        assert_true(belay_state_seek(s, T, K(""), false, K(""), &key, &value));
        assert_true(belay_str_eq(key, key_of(room, i)));
        assert_ok(belay_state_reserve(s, 8, 1, NULL));
        belay_state_del(s, T, key_of(room, i));
    }
    assert_true(seeks < 20 * N);
    struct belay_str key, value;
    assert_false(belay_state_seek(s, T, K(""), false, K(""), &key, &value));
    close_state(s);
}

static void a_key_that_comes_back_into_a_gap_is_seen(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_MIB(1));
    struct belay_str key, value;
    char room[8];
    for (uint64_t i = 0; i < 100; i++)
        put(s, T, key_of(room, i), K("v"));
    checkpoint(s, 1);
    for (uint64_t i = 0; i < 100; i++)
        belay_state_del(s, T, key_of(room, i));
    assert_false(belay_state_seek(s, T, K(""), false, K(""), &key, &value));
    put(s, T, key_of(room, 70), K("back"));
    assert_true(belay_state_seek(s, T, K(""), false, K(""), &key, &value));
    assert_str(value, "back");
    put(s, T, key_of(room, 30), K("first"));
    assert_true(belay_state_seek(s, T, K(""), false, K(""), &key, &value));
    assert_str(value, "first");
    assert_true(belay_state_seek(s, T, key_of(room, 30), true, K(""), &key, &value));
    assert_str(value, "back");
    put(s, T, K("\0"), K("least of all"));
    assert_true(belay_state_seek(s, T, K(""), false, K(""), &key, &value));
    assert_str(value, "least of all");
    close_state(s);
}

static void more_queues_than_gaps_are_remembered_still_read_right(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_MIB(8));
    struct belay_str key, value;
    char room[8];
    for (uint64_t i = 0; i < 100 * 30; i++)
        put(s, T, key_of(room, i / 30 << 32 | i % 30), K("v"));
    checkpoint(s, 1);
    for (uint64_t i = 0; i < 100 * 30; i++)
        if (i % 30 < 29)
            belay_state_del(s, T, key_of(room, i / 30 << 32 | i % 30));
    for (uint64_t i = 0; i < 300; i++) {
        char prefix[4];
        belay_store_be32(prefix, (uint32_t)(i % 100));
        assert_true(belay_state_seek(s, T, belay_str(prefix, 4), false, belay_str(prefix, 4), &key, &value));
        assert_true(belay_str_eq(key, key_of(room, (i % 100) << 32 | 29)));
    }
    close_state(s);
}

/* ---- memory ---- */

static void when_both_overlays_are_full_reservations_wait_for_the_checkpoint(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    struct belay_err err;
    char room[8];
    uint64_t n = 0;
    for (int overlay = 0; overlay < 2; overlay++) {
        while (belay_state_reserve(s, 300, 1, &err) == BELAY_OK)
            belay_state_put(s, T, key_of(room, n++), belay_str("0123456789" /* a part */, 10));
        assert_int_equal(err.code, BELAY_BUSY);
        assert_int_equal(err.class_, BELAY_CLASS_TRANSIENT);
        assert_int_equal(belay_state_active_bytes(s), BELAY_KIB(64));
        assert_int_equal(belay_state_may_freeze(s), overlay == 0);
        if (overlay == 0)
            belay_state_freeze(s, 1);
    }
    for (int i = 0; i < 2; i++)
        assert_true(s->overlays[i].pool.block_bytes + overlay_index_bytes(&s->overlays[i]) <= BELAY_KIB(64));
    assert_ok(belay_state_checkpoint_run(s, NULL));
    assert_int_equal(belay_state_reserve(s, 300, 1, &err), BELAY_BUSY);
    assert_ok(belay_state_checkpoint_done(s, NULL));
    assert_true(belay_state_may_freeze(s));
    belay_state_freeze(s, 2);
    assert_ok(belay_state_reserve(s, 300, 1, &err));
    for (uint64_t i = 0; i < n; i++)
        assert_str(get(s, T, key_of(room, i)), "0123456789");
    close_state(s);
}

static void what_is_larger_than_an_overlay_gets_an_empty_one(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    static char large[BELAY_MIB(1)];
    struct belay_err err;
    put(s, T, K("small"), K("v"));
    assert_int_equal(belay_state_reserve(s, sizeof large, 1, &err), BELAY_BUSY);
    assert_true(belay_state_active_bytes(s) >= BELAY_KIB(64)); /* asks for a freeze */
    belay_state_freeze(s, 1);
    assert_int_equal(belay_state_reserve(s, sizeof large, 1, &err), BELAY_BUSY);
    assert_ok(belay_state_checkpoint_run(s, NULL));
    assert_ok(belay_state_checkpoint_done(s, NULL));
    put(s, T, K("large"), belay_str(large, sizeof large));
    checkpoint(s, 2);
    assert_int_equal(get(s, T, K("large")).n, sizeof large);
    assert_true(s->active->pool.block_bytes == 0);
    close_state(s);
}

/* Every put and del after a reservation that was granted works without an allocation. */
static void what_was_reserved_needs_no_memory_any_more(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_MIB(1));
    static char bytes[2000];
    char room[8];
    for (uint64_t round = 0; round < 60; round++) {
        size_t each = 1 + round * 33;
        assert_ok(belay_state_reserve(s, 8 * (8 + each), 8, NULL));
        belay_alloc_fail_after(0);
        for (uint64_t i = 0; i < 8; i++) {
            belay_state_put(s, T, key_of(room, round * 5 + i), belay_str(bytes, each));
            if (i % 3 == 0)
                belay_state_del(s, T, key_of(room, round * 4 + i));
        }
        belay_alloc_fail_after(UINT64_MAX);
        if (round % 20 == 19)
            checkpoint(s, round);
    }
    close_state(s);
}

static void without_memory_nothing_is_opened_and_nothing_reserved(void **state)
{
    (void)state;
    struct belay_err err;
    for (uint64_t n = 0;; n++) {
        struct belay_state *s = NULL;
        belay_alloc_fail_after(n);
        int status = belay_state_model_open(&model, &err);
        bool opened = status == BELAY_OK;
        if (opened)
            status = belay_state_new(&model, BELAY_KIB(64), &s, &err);
        if (status == BELAY_OK)
            status = belay_state_reserve(s, 100, 1, &err);
        belay_alloc_fail_after(UINT64_MAX);
        belay_state_free(s);
        if (opened)
            model.close(model.self);
        if (status == BELAY_OK)
            break;
        assert_int_equal(status, BELAY_NOMEM);
    }
}

static void a_checkpoint_without_memory_changes_nothing_and_may_be_tried_again(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    struct belay_err err;
    int status = BELAY_NOMEM;
    put(s, T, K("a"), K("1"));
    put(s, D, K("b"), K("2"));
    belay_state_freeze(s, 7);
    for (uint64_t n = 0; status != BELAY_OK; n++) {
        assert_int_equal(model.position(model.self), 0);
        belay_alloc_fail_after(n);
        status = belay_state_checkpoint_run(s, &err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
    }
    assert_ok(belay_state_checkpoint_done(s, NULL));
    assert_int_equal(belay_state_position(s), 7);
    assert_str(get(s, T, K("a")), "1");
    assert_str(get(s, D, K("b")), "2");
    close_state(s);
}

static void count_rest(void *arg)
{
    ++*(unsigned *)arg;
}

static void a_long_checkpoint_rests_between_its_rows(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    unsigned rests = 0;
    char key[8];
    belay_state_set_rest(s, count_rest, &rests);
    put(s, T, K("a"), K("1"));
    checkpoint(s, 1);
    assert_int_equal(rests, 0);
    for (unsigned i = 0; i < 200; i++)
        put(s, T, belay_str(key, (size_t)snprintf(key, sizeof key, "k%03u", i)), K("v"));
    checkpoint(s, 2);
    assert_in_range(rests, 2, 200);
    assert_str(get(s, T, K("k199")), "v");
    close_state(s);
}

/* ---- positions, failures ---- */

static void a_commit_counts_from_its_end_and_is_read_from_the_refresh(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    struct belay_str value;
    put(s, T, K("k"), K("v"));
    belay_state_freeze(s, 3);
    assert_ok(belay_state_checkpoint_run(s, NULL));
    assert_int_equal(model.position(model.self), 3);
    assert_int_equal(belay_state_position(s), 0);
    assert_int_equal(model.get(model.self, T, K("k"), &value, NULL), BELAY_NOTFOUND);
    belay_state_free(s); /* the process dies before it hears of it */
    assert_ok(belay_state_new(&model, BELAY_KIB(64), &s, NULL));
    assert_int_equal(belay_state_position(s), 3);
    assert_str(get(s, T, K("k")), "v");
    close_state(s);
}

static void a_failed_checkpoint_keeps_the_frozen_changes(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    struct belay_err err;
    put(s, T, K("k"), K("v"));
    belay_state_freeze(s, 3);
    belay_state_model_fail_next(&model, BELAY_NOSPACE);
    assert_int_equal(belay_state_checkpoint_run(s, &err), BELAY_NOSPACE);
    assert_int_equal(model.position(model.self), 0);
    assert_str(get(s, T, K("k")), "v");
    assert_false(belay_state_may_freeze(s));
    assert_ok(belay_state_checkpoint_run(s, &err));
    assert_ok(belay_state_checkpoint_done(s, &err));
    assert_int_equal(belay_state_position(s), 3);
    close_state(s);
}

static int sick_get(void *self, uint32_t table, struct belay_str key, struct belay_str *ret_value,
                    struct belay_err *err)
{
    (void)self;
    (void)key;
    (void)ret_value;
    return belay_fail(err, BELAY_CORRUPT, "table %u is ill", table);
}

static void an_error_of_the_backend_reads_as_absent_and_is_kept(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    struct belay_err err;
    struct belay_str value;
    put(s, T, K("k"), K("v"));
    checkpoint(s, 1);
    assert_ok(belay_state_error(s, &err));
    s->backend.get = sick_get;
    assert_false(belay_state_get(s, T, K("k"), &value));
    assert_false(belay_state_get(s, T, K("l"), &value));
    assert_int_equal(belay_state_error(s, &err), BELAY_CORRUPT);
    assert_string_equal(err.msg, "table 7 is ill");
    close_state(s);
}

static void key_too_long(void *ctx)
{
    static char key[BELAY_STATE_KEY_BYTES_MAX + 1];
    belay_state_put(ctx, T, belay_str(key, sizeof key), K("v"));
}

static void drop_a_static_table(void *ctx)
{
    belay_state_drop(ctx, BELAY_TABLE_SAGA);
}

static void freeze_nothing(void *ctx)
{
    belay_state_freeze(ctx, 1);
}

static void misuse_is_a_bug(void **state)
{
    (void)state;
    struct belay_state *s = open_state(BELAY_KIB(64));
    assert_true(aborts(key_too_long, s));
    assert_true(aborts(drop_a_static_table, s));
    assert_true(aborts(freeze_nothing, s));
    close_state(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_may_be_made_of_the_one_it_replaces),
        cmocka_unit_test(what_was_put_in_any_order_is_found_in_order),
        cmocka_unit_test(a_frozen_overlay_has_nothing_loose_so_that_two_threads_may_read_it),
        cmocka_unit_test(a_dropped_table_forgets_what_was_loose),
        cmocka_unit_test(an_empty_value_is_a_value_at_every_level),
        cmocka_unit_test(what_comes_and_goes_between_checkpoints_leaves_nothing),
        cmocka_unit_test(a_deleted_row_is_hidden_until_the_checkpoint_took_it_away),
        cmocka_unit_test(a_dropped_table_is_empty_and_may_be_filled_again),
        cmocka_unit_test(a_queue_eaten_from_its_front_costs_what_its_length_says),
        cmocka_unit_test(a_key_that_comes_back_into_a_gap_is_seen),
        cmocka_unit_test(more_queues_than_gaps_are_remembered_still_read_right),
        cmocka_unit_test(when_both_overlays_are_full_reservations_wait_for_the_checkpoint),
        cmocka_unit_test(what_is_larger_than_an_overlay_gets_an_empty_one),
        cmocka_unit_test(what_was_reserved_needs_no_memory_any_more),
        cmocka_unit_test(without_memory_nothing_is_opened_and_nothing_reserved),
        cmocka_unit_test(a_checkpoint_without_memory_changes_nothing_and_may_be_tried_again),
        cmocka_unit_test(a_long_checkpoint_rests_between_its_rows),
        cmocka_unit_test(a_commit_counts_from_its_end_and_is_read_from_the_refresh),
        cmocka_unit_test(a_failed_checkpoint_keeps_the_frozen_changes),
        cmocka_unit_test(an_error_of_the_backend_reads_as_absent_and_is_kept),
        cmocka_unit_test(misuse_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
