/* What has a few lines has a few lines of test: alloc, hash, list, random, time. */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/pack.h"
#include "base/list.h"
#include "base/random.h"
#include "base/time.h"
#include "unit/test.h"

static void the_nth_allocation_can_be_made_to_fail(void **state)
{
    (void)state;
    belay_alloc_fail_after(1);
    void *first = belay_malloc(10), *second = belay_malloc(10), *third = belay_calloc(1, 1);
    assert_int_equal(belay_alloc_count(), 3);
    belay_alloc_fail_after(UINT64_MAX);
    assert_true(first && !second && !third);
    first = belay_realloc(first, 0);
    assert_non_null(first);
    belay_free(first);
    belay_free(NULL);
    char *copy = belay_memdup0("abc", 3);
    assert_string_equal(copy, "abc");
    belay_free(copy);
}

static void aligned_memory_is_aligned(void **state)
{
    (void)state;
    for (size_t align = 16; align <= 4096; align *= 2) {
        void *p = belay_malloc_aligned(align, 3);
        assert_true(p && ((uintptr_t)p & (align - 1)) == 0);
        belay_free(p);
    }
    assert_null(belay_malloc_aligned(64, SIZE_MAX - 63));
}

/* They reach the disk: a change of these numbers is a change of the format. */
static void hashes_are_stable_across_releases(void **state)
{
    (void)state;
    char hex[33];
    assert_true(belay_hash64(BELAY_STR("")) == UINT64_C(0x2d06800538d394c2));
    belay_hash128_hex(belay_hash128(BELAY_STR("")), hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
    struct belay_str a[] = { BELAY_STR("ab"), BELAY_STR("c") };
    struct belay_str b[] = { BELAY_STR("a"), BELAY_STR("bc") };
    assert_false(belay_hash128_eq(belay_hash128_parts(a, 2), belay_hash128_parts(b, 2)));
    assert_true(belay_hash128_eq(belay_hash128_parts(a, 2), belay_hash128_parts(a, 2)));
    belay_hash128_hex(belay_hash128(BELAY_STR("\2\0\0\0\0\0\0\0ab\1\0\0\0\0\0\0\0c")), hex);
    char parts_hex[33];
    belay_hash128_hex(belay_hash128_parts(a, 2), parts_hex);
    assert_string_equal(hex, parts_hex);
    for (size_t n = 1000; n < 1032; n++) { /* around the length from which it goes piece by piece */
        char whole[2048] = { 0 };
        belay_store_u64(whole, n);
        memset(whole + 8, 'x', n);
        struct belay_str one = belay_str(whole + 8, n);
        assert_true(belay_hash128_eq(belay_hash128_parts(&one, 1), belay_hash128(belay_str(whole, n + 8))));
    }
}

static void a_list_goes_behind_another(void **state)
{
    (void)state;
    struct belay_list a, b, nodes[4];
    belay_list_init(&a);
    belay_list_init(&b);
    belay_list_splice(&a, &b);
    assert_true(belay_list_empty(&a) && belay_list_empty(&b));
    for (int i = 0; i < 4; i++)
        belay_list_push(i < 2 ? &a : &b, &nodes[i]);
    belay_list_splice(&a, &b);
    assert_true(belay_list_empty(&b));
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(belay_list_pop(&a), &nodes[i]);
    assert_true(belay_list_empty(&a));
}

static void a_list_gives_back_in_order(void **state)
{
    (void)state;
    struct belay_list l, nodes[3];
    belay_list_init(&l);
    assert_null(belay_list_pop(&l));
    for (int i = 0; i < 3; i++)
        belay_list_push(&l, &nodes[i]);
    belay_list_unlink(&nodes[1]);
    assert_true(belay_list_empty(&nodes[1]));
    assert_ptr_equal(belay_list_pop(&l), &nodes[0]);
    assert_ptr_equal(belay_list_pop(&l), &nodes[2]);
    assert_true(belay_list_empty(&l));
}

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct belay_random a = { .state = 0 }, b = { .state = 0 };
    assert_true(belay_random_next(&a) == UINT64_C(0xe220a8397b1dcdaf)); /* SplitMix64's own */
    (void)belay_random_next(&b);
    for (int i = 0; i < 1000; i++) {
        uint64_t below = belay_random_below(&a, 10);
        assert_true(below < 10 && below == belay_random_below(&b, 10));
        double unit = belay_random_unit(&a);
        assert_true(unit >= 0 && unit < 1 && unit == belay_random_unit(&b));
    }
}

static void assert_time(belay_time t, const char *text)
{
    char got[BELAY_TIME_TEXT_BYTES];
    belay_time_text(t, got);
    assert_string_equal(got, text);
}

static void times_as_text(void **state)
{
    (void)state;
    assert_time(0, "1970-01-01T00:00:00.000Z");
    assert_time(-1, "1969-12-31T23:59:59.999Z");
    assert_time(INT64_C(951782400000000), "2000-02-29T00:00:00.000Z");
    assert_time(INT64_C(951868799999999), "2000-02-29T23:59:59.999Z");
    assert_time(INT64_C(4107542400000000), "2100-03-01T00:00:00.000Z");
    assert_time(INT64_C(1782907200123456), "2026-07-01T12:00:00.123Z");
    assert_time(INT64_C(-62167219200000000), "0000-01-01T00:00:00.000Z");
    assert_time(INT64_MIN, "0000-01-01T00:00:00.000Z");
    assert_time(BELAY_TIME_NEVER, "9999-12-31T23:59:59.999Z");
    assert_true(belay_time_add_ms(BELAY_TIME_NEVER - 5, 1) == BELAY_TIME_NEVER);
    assert_true(belay_time_add_ms(1000, 2) == 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_allocation_can_be_made_to_fail),
        cmocka_unit_test(aligned_memory_is_aligned),
        cmocka_unit_test(hashes_are_stable_across_releases),
        cmocka_unit_test(a_list_gives_back_in_order),
        cmocka_unit_test(a_list_goes_behind_another),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(times_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
