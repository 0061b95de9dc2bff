#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "unit/test.h"

#include <stdio.h>

#define KEYS 300

static void what_was_put_is_found_until_it_is_taken_out(void **state)
{
    (void)state;
    struct belay_map m;
    int a, b;
    void *old = &m;
    belay_map_init(&m);
    assert_null(belay_map_get(&m, BELAY_STR("k")));
    assert_null(belay_map_del(&m, BELAY_STR("k")));
    assert_ok(belay_map_put(&m, BELAY_STR("k"), &a, &old));
    assert_null(old);
    assert_ok(belay_map_put(&m, BELAY_STR("k"), &b, &old));
    assert_ptr_equal(old, &a);
    assert_ok(belay_map_put(&m, BELAY_STR(""), &a, NULL));
    assert_ptr_equal(belay_map_get(&m, BELAY_STR_NONE), &a);
    assert_int_equal(m.count, 2);
    assert_ptr_equal(belay_map_del(&m, BELAY_STR("k")), &b);
    assert_null(belay_map_get(&m, BELAY_STR("k")));
    belay_map_deinit(&m);
}

/* Random puts and dels beside an array that says what should be there: closing the gap of a
 * deleted slot must not hide a key behind it. */
static void it_agrees_with_a_plain_array(void **state)
{
    (void)state;
    static char names[KEYS][16];
    static int values[KEYS];
    bool there[KEYS] = { false };
    struct belay_random r = { .state = 11 };
    struct belay_map m;
    belay_map_init(&m);
    for (int i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof names[i], "k%d", i);
    for (int step = 0; step < 20000; step++) {
        size_t i = belay_random_below(&r, KEYS);
        struct belay_str key = belay_str_c(names[i]);
        if (belay_random_below(&r, 2)) {
            assert_ok(belay_map_put(&m, key, &values[i], NULL));
            there[i] = true;
        } else {
            assert_ptr_equal(belay_map_del(&m, key), there[i] ? &values[i] : NULL);
            there[i] = false;
        }
        size_t j = belay_random_below(&r, KEYS);
        assert_ptr_equal(belay_map_get(&m, belay_str_c(names[j])), there[j] ? &values[j] : NULL);
    }
    size_t expected = 0, seen = 0, at = 0;
    struct belay_map_slot *slot;
    for (int i = 0; i < KEYS; i++)
        expected += there[i];
    while ((slot = belay_map_next(&m, &at))) {
        assert_true(there[(int *)slot->value - values]);
        seen++;
    }
    assert_int_equal(seen, expected);
    assert_int_equal(m.count, expected);
    belay_map_deinit(&m);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct belay_map m;
    int value;
    belay_map_init(&m);
    belay_alloc_fail_after(0);
    assert_int_equal(belay_map_put(&m, BELAY_STR("k"), &value, NULL), BELAY_NOMEM);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(m.count, 0);
    assert_null(belay_map_get(&m, BELAY_STR("k")));
    assert_ok(belay_map_put(&m, BELAY_STR("k"), &value, NULL));
    belay_map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_until_it_is_taken_out),
        cmocka_unit_test(it_agrees_with_a_plain_array),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
