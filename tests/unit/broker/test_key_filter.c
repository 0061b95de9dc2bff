/* Which parts may hold a key: never a false no, seldom a false yes, and slots that are used again. */
#include <stdlib.h>

#include "base/alloc.h"
#include "broker/key_filter.h"
#include "unit/test.h"

static struct belay_hash128 key(uint64_t n)
{
    return belay_hash128(belay_str((const char *)&n, sizeof n));
}

static bool may_hold(const struct key_filter *f, uint32_t slot, uint64_t n)
{
    return key_filter_look(f, slot / 64, key(n)) >> slot % 64 & 1;
}

static void use(struct key_filter *f, uint32_t slot)
{
    assert_ok(key_filter_reserve(f, slot));
    key_filter_use(f, slot);
}

static void a_key_is_found_in_its_slot_and_seldom_in_another(void **state)
{
    struct key_filter f = { 0 };
    unsigned wrong = 0;
    (void)state;
    use(&f, 3);
    use(&f, 70);
    for (uint64_t n = 0; n < 65536; n++)
        key_filter_add(&f, n % 2 ? 3 : 70, key(n));
    for (uint64_t n = 65536; n < 131072; n++) /* more than a part has */
        key_filter_add(&f, 3, key(n | UINT64_C(1) << 40));
    for (uint64_t n = 0; n < 65536; n++)
        assert_true(may_hold(&f, n % 2 ? 3 : 70, n));
    for (uint64_t n = 0; n < 100000; n++)
        wrong += may_hold(&f, 70, n | UINT64_C(1) << 50);
    assert_true(wrong < 20); /* half full: one in 100,000 */
    wrong = 0;
    for (uint64_t n = 0; n < 100000; n++)
        wrong += may_hold(&f, 3, n | UINT64_C(1) << 50);
    assert_true(wrong < 1000);
    assert_int_equal(key_filter_look(&f, 0, key(7)) & ~(UINT64_C(1) << 3), 0);
    key_filter_deinit(&f);
}

static void a_dropped_slot_says_no_and_is_free_when_it_is_clear(void **state)
{
    struct key_filter f = { 0 };
    (void)state;
    use(&f, 0);
    use(&f, 1);
    key_filter_add(&f, 0, key(1));
    key_filter_add(&f, 1, key(2));
    key_filter_drop(&f, 0);
    assert_true(!key_filter_live(&f, 0) && key_filter_live(&f, 1));
    assert_false(may_hold(&f, 0, 1));
    assert_true(!key_filter_free(&f, 0) && !key_filter_free(&f, 1) && key_filter_free(&f, 2));
    int bites = 0;
    while (key_filter_tick(&f))
        bites++;
    assert_int_equal(bites, KEY_FILTER_BITS / 32768);
    assert_true(key_filter_free(&f, 0));
    use(&f, 0);
    assert_false(may_hold(&f, 0, 1));
    assert_true(may_hold(&f, 1, 2));
    key_filter_deinit(&f);
}

static void a_slot_that_is_used_while_it_dies_is_cleared_at_once(void **state)
{
    struct key_filter f = { 0 };
    (void)state;
    use(&f, 5);
    use(&f, 6);
    key_filter_add(&f, 5, key(1));
    key_filter_drop(&f, 5);
    (void)key_filter_tick(&f); /* a pass is under way */
    use(&f, 5);
    assert_false(may_hold(&f, 5, 1));
    key_filter_add(&f, 5, key(9));
    while (key_filter_tick(&f))
        ;
    assert_true(may_hold(&f, 5, 9));
    key_filter_deinit(&f);
}

static void the_last_slot_of_a_plane_gives_its_memory_back(void **state)
{
    struct key_filter f = { 0 };
    (void)state;
    use(&f, 64);
    use(&f, 65);
    key_filter_drop(&f, 64);
    assert_non_null(f.planes[1]);
    key_filter_drop(&f, 65);
    assert_null(f.planes[1]);
    assert_false(key_filter_tick(&f));
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        assert_true(key_filter_free(&f, slot));
        use(&f, slot);
        assert_true(key_filter_live(&f, slot) && !key_filter_free(&f, slot));
    }
    key_filter_deinit(&f);
}

static void bits_that_were_kept_say_the_same(void **state)
{
    struct key_filter f = { 0 };
    uint8_t *bits = calloc(1, KEY_FILTER_BYTES);
    (void)state;
    assert_non_null(bits);
    for (uint64_t n = 0; n < 5000; n++)
        key_bits_add(bits, key(n));
    use(&f, 100);
    for (size_t at = 0; at < KEY_FILTER_BYTES; at += KEY_FILTER_BYTES / 4)
        key_filter_take(&f, 100, at, bits + at, KEY_FILTER_BYTES / 4);
    key_filter_prefetch(&f, key(1));
    for (uint64_t n = 0; n < 5000; n++)
        assert_true(may_hold(&f, 100, n));
    unsigned wrong = 0;
    for (uint64_t n = 5000; n < 100000; n++)
        wrong += may_hold(&f, 100, n);
    assert_true(wrong < 5);
    free(bits);
    key_filter_deinit(&f);
}

static void without_memory_no_slot_is_to_be_had(void **state)
{
    struct key_filter f = { 0 };
    (void)state;
    belay_alloc_fail_after(0);
    int status = key_filter_reserve(&f, 0);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(status, BELAY_NOMEM);
    use(&f, 0);
    key_filter_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_in_its_slot_and_seldom_in_another),
        cmocka_unit_test(a_dropped_slot_says_no_and_is_free_when_it_is_clear),
        cmocka_unit_test(a_slot_that_is_used_while_it_dies_is_cleared_at_once),
        cmocka_unit_test(the_last_slot_of_a_plane_gives_its_memory_back),
        cmocka_unit_test(bits_that_were_kept_say_the_same),
        cmocka_unit_test(without_memory_no_slot_is_to_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
