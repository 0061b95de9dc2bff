#include "base/alloc.h"
#include "base/arena.h"
#include "unit/test.h"

static void a_limit_is_never_passed(void **state)
{
    (void)state;
    struct belay_arena a;
    belay_arena_init(&a, 1024, 4096);
    assert_null(belay_arena_alloc(&a, 5000));
    assert_true(a.full && !a.starved);
    size_t got = 0;
    while (belay_arena_alloc(&a, 100))
        got++;
    assert_true(got >= 30 && a.used_bytes <= 4096 && a.full);
    belay_arena_reset(&a);
    assert_false(a.full);
    belay_alloc_fail_after(0);
    assert_null(belay_arena_alloc(&a, 2000));
    belay_alloc_fail_after(UINT64_MAX);
    assert_true(a.starved && !a.full);
    belay_arena_reset(&a);
    assert_false(a.starved);
    belay_arena_deinit(&a);
}

static void rewind_gives_back_what_came_after_the_mark(void **state)
{
    (void)state;
    struct belay_arena a;
    belay_arena_init(&a, 256, 1 << 20);
    char *first = belay_arena_alloc(&a, 10);
    struct belay_arena_mark mark = belay_arena_mark(&a);
    char *second = belay_arena_alloc(&a, 10);
    for (int i = 0; i < 100; i++)
        assert_non_null(belay_arena_alloc(&a, 100));
    belay_arena_rewind(&a, mark);
    assert_ptr_equal(belay_arena_alloc(&a, 10), second);
    belay_arena_reset(&a);
    assert_ptr_equal(belay_arena_alloc(&a, 10), first);
    belay_arena_deinit(&a);
}

static void strings_are_copied_with_a_nul(void **state)
{
    (void)state;
    struct belay_arena a;
    belay_arena_init(&a, 0, 1 << 20);
    struct belay_str s = belay_arena_str(&a, BELAY_STR("abc"));
    assert_str(s, "abc");
    assert_int_equal(s.p[3], 0);
    assert_str(belay_arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    s = belay_arena_join(&a, BELAY_STR("/apis/"), BELAY_STR_NONE, BELAY_STR("shop"));
    assert_str(s, "/apis/shop");
    assert_int_equal(s.p[s.n], 0);
    belay_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_never_passed),
        cmocka_unit_test(rewind_gives_back_what_came_after_the_mark),
        cmocka_unit_test(strings_are_copied_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
