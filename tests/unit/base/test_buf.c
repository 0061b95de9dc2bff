#include "base/alloc.h"
#include "base/buf.h"
#include "unit/test.h"

static void it_grows_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct belay_buf b;
    belay_buf_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++)
        belay_buf_printf(&b, "%d,", i % 10);
    assert_ok(belay_buf_status(&b));
    assert_int_equal(b.n, 2000);
    assert_memory_equal(b.p + 1990, "5,6,7,8,9,", 10);
    belay_buf_clear(&b);
    belay_buf_put_str(&b, BELAY_STR("x"));
    belay_buf_put_str(&b, BELAY_STR_NONE);
    belay_buf_put_c(&b, 'y');
    assert_str(belay_buf_view(&b), "xy");
    belay_buf_deinit(&b);
}

static void beyond_the_limit_it_says_so_once_and_ignores_the_rest(void **state)
{
    (void)state;
    struct belay_buf b;
    belay_buf_init(&b, 10);
    belay_buf_put_str(&b, BELAY_STR("123456789"));
    belay_buf_put_str(&b, BELAY_STR("ab"));
    belay_buf_put_c(&b, 'c');
    assert_int_equal(belay_buf_status(&b), BELAY_LIMIT);
    assert_str(belay_buf_view(&b), "123456789");
    belay_buf_clear(&b);
    belay_buf_put_str(&b, BELAY_STR("1234567890"));
    assert_ok(belay_buf_status(&b));
    assert_null(belay_buf_reserve(&b, SIZE_MAX));
    assert_int_equal(belay_buf_status(&b), BELAY_LIMIT);
    belay_buf_deinit(&b);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct belay_buf b;
    belay_buf_init(&b, 1 << 20);
    belay_alloc_fail_after(0);
    belay_buf_put_str(&b, BELAY_STR("abc"));
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(belay_buf_status(&b), BELAY_NOMEM);
    belay_buf_put_str(&b, BELAY_STR("abc"));
    assert_int_equal(b.n, 0);
    belay_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_and_keeps_what_it_has),
        cmocka_unit_test(beyond_the_limit_it_says_so_once_and_ignores_the_rest),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
