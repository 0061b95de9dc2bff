#include "base/alloc.h"
#include "base/random.h"
#include "store/state_pool.h"
#include "unit/test.h"

#include <string.h>

static void a_piece_is_at_most_a_quarter_larger_than_asked_for(void **state)
{
    (void)state;
    size_t before = 0;
    for (size_t n = 0; n < 5000000; n += n < 5000 ? 1 : n / 37) {
        size_t rounded = state_pool_rounded(n);
        assert_true(rounded >= n && rounded <= n + n / 4 + 16 && rounded % 16 == 0 && rounded >= before);
        assert_int_equal(state_pool_rounded(rounded), rounded);
        before = rounded;
    }
}

static void what_was_reserved_can_be_taken(void **state)
{
    (void)state;
    struct belay_random r = { .state = 3 };
    struct state_pool p;
    state_pool_init(&p, 4096);
    for (int round = 0; round < 300; round++) {
        size_t sizes[20], need = 0;
        for (int i = 0; i < 20; i++) {
            sizes[i] = belay_random_below(&r, round % 10 ? 200 : 5000);
            need += state_pool_rounded(sizes[i]);
        }
        size_t growth = state_pool_growth(&p, need), held = p.block_bytes;
        assert_true(state_pool_reserve(&p, need));
        assert_int_equal(p.block_bytes, held + growth);
        belay_alloc_fail_after(0);
        for (int i = 0; i < 20; i++) {
            char *piece = state_pool_take(&p, sizes[i]);
            assert_non_null(piece);
            assert_int_equal((uintptr_t)piece % 16, 0);
            memset(piece, i, state_pool_rounded(sizes[i]));
            if (belay_random_below(&r, 4))
                state_pool_give(&p, piece, sizes[i]);
        }
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(p.used_bytes <= p.block_bytes);
    }
    state_pool_clear(&p);
    assert_int_equal(p.block_bytes, 0);
    assert_int_equal(p.used_bytes, 0);
}

/* Pieces that live at the same time do not touch. */
static void pieces_keep_what_is_in_them(void **state)
{
    enum { N = 400 };
    (void)state;
    static struct { unsigned char *p; size_t n; unsigned char fill; } live[N];
    struct belay_random r = { .state = 9 };
    struct state_pool p;
    state_pool_init(&p, 65536);
    for (int step = 0; step < 40000; step++) {
        size_t i = belay_random_below(&r, N);
        if (live[i].p) {
            for (size_t j = 0; j < live[i].n; j++)
                assert_int_equal(live[i].p[j], live[i].fill);
            state_pool_give(&p, live[i].p, live[i].n);
            live[i].p = NULL;
        } else {
            live[i].n = 1 + belay_random_below(&r, belay_random_below(&r, 50) ? 100 : 20000);
            assert_true(state_pool_reserve(&p, state_pool_rounded(live[i].n)));
            live[i].p = state_pool_take(&p, live[i].n);
            live[i].fill = (unsigned char)step;
            memset(live[i].p, live[i].fill, live[i].n);
        }
    }
    assert_true(p.block_bytes < 8u << 20); /* recycled, not grown for ever */
    state_pool_clear(&p);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct state_pool p;
    state_pool_init(&p, 4096);
    belay_alloc_fail_after(0);
    assert_false(state_pool_reserve(&p, 100));
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(p.block_bytes, 0);
    assert_null(state_pool_take(&p, 1));
    assert_true(state_pool_reserve(&p, 100));
    assert_non_null(state_pool_take(&p, 100));
    state_pool_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_is_at_most_a_quarter_larger_than_asked_for),
        cmocka_unit_test(what_was_reserved_can_be_taken),
        cmocka_unit_test(pieces_keep_what_is_in_them),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
