/* What is given back goes back; the nth allocation fails. */
#include <malloc.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "unit/test.h"

static void a_large_block_goes_back_to_the_system_also_after_a_larger_one(void **state)
{
    (void)state;
#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__
    belay_alloc_keep_little();
    void *larger = belay_malloc(BELAY_MIB(8));
    assert_non_null(larger);
    belay_free(larger); /* glibc by itself takes its size for what is large from now on */
    size_t before = mallinfo2().hblkhd;
    void *large = belay_malloc(BELAY_MIB(1));
    assert_non_null(large);
    assert_true(mallinfo2().hblkhd >= before + BELAY_MIB(1));
    belay_free(large);
    assert_int_equal(mallinfo2().hblkhd, before);
#else
    skip();
#endif
}

static void after_so_many_all_allocations_fail_until_it_is_over(void **state)
{
    (void)state;
    belay_alloc_fail_after(1);
    void *first = belay_malloc(10), *second = belay_calloc(1, 10);
    char *third = belay_memdup0("x", 1);
    uint64_t count = belay_alloc_count();
    belay_alloc_fail_after(UINT64_MAX);
    assert_non_null(first);
    assert_null(second);
    assert_null(third);
    assert_int_equal(count, 3);
    belay_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_block_goes_back_to_the_system_also_after_a_larger_one),
        cmocka_unit_test(after_so_many_all_allocations_fail_until_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
