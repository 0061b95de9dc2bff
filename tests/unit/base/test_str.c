#include "base/str.h"
#include "unit/test.h"

static void comparing(void **state)
{
    (void)state;
    assert_true(belay_str_eq(BELAY_STR(""), BELAY_STR_NONE));
    assert_true(belay_str_eq(BELAY_STR("a\0b"), belay_str("a\0b", 3)));
    assert_false(belay_str_eq(BELAY_STR("a"), BELAY_STR("ab")));
    assert_true(belay_str_cmp(BELAY_STR("a"), BELAY_STR("ab")) < 0);
    assert_true(belay_str_cmp(BELAY_STR("b"), BELAY_STR("ab")) > 0);
    assert_true(belay_str_cmp(BELAY_STR("\xff"), BELAY_STR("a")) > 0);
    assert_int_equal(belay_str_cmp(BELAY_STR("x"), BELAY_STR("x")), 0);
    assert_true(belay_str_eq_nocase(BELAY_STR("Content-TYPE"), BELAY_STR("content-type")));
    assert_false(belay_str_eq_nocase(BELAY_STR("a["), BELAY_STR("a{")));
    assert_true(belay_str_eq_nocase(BELAY_STR("text/json"), BELAY_STR("text/json")));
    assert_false(belay_str_eq_nocase(BELAY_STR("text/json"), BELAY_STR("text/jso")));
    assert_true(belay_str_eq_nocase(BELAY_STR_NONE, BELAY_STR("")));
    assert_true(belay_str_starts(BELAY_STR("abc"), BELAY_STR("ab")));
    assert_true(belay_str_starts(BELAY_STR("abc"), BELAY_STR_NONE));
    assert_false(belay_str_starts(BELAY_STR("ab"), BELAY_STR("abc")));
    assert_true(belay_str_ends(BELAY_STR("abc"), BELAY_STR("bc")));
    assert_false(belay_str_ends(BELAY_STR("c"), BELAY_STR("bc")));
}

static void cutting(void **state)
{
    (void)state;
    struct belay_str s = BELAY_STR("hello");
    assert_str(belay_str_sub(s, 1, 3), "ell");
    assert_str(belay_str_sub(s, 3, 100), "lo");
    assert_str(belay_str_sub(s, 100, 1), "");
    assert_str(belay_str_sub(BELAY_STR_NONE, 1, 1), "");
    assert_int_equal(belay_str_find(s, 'l'), 2);
    assert_int_equal(belay_str_find(s, 'x'), 5);
    assert_str(belay_str_trim(BELAY_STR(" \t\r\na b \n")), "a b");
    assert_str(belay_str_trim(BELAY_STR(" \n")), "");
}

static void splitting_yields_every_part_the_empty_ones_too(void **state)
{
    (void)state;
    struct belay_str rest = BELAY_STR("a,,b,");
    assert_str(belay_str_split(&rest, ','), "a");
    assert_str(belay_str_split(&rest, ','), "");
    assert_str(belay_str_split(&rest, ','), "b");
    assert_non_null(rest.p);
    assert_str(belay_str_split(&rest, ','), "");
    assert_null(rest.p);
}

static void numbers(void **state)
{
    (void)state;
    uint64_t v = 5;
    assert_true(belay_str_to_u64(BELAY_STR("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_true(belay_str_to_u64(BELAY_STR("0"), &v) && v == 0);
    assert_true(belay_str_to_u64(BELAY_STR("007"), &v) && v == 7);
    const struct belay_str bad[] = {
        BELAY_STR(""),   BELAY_STR("-1"), BELAY_STR("+1"), BELAY_STR("1 "),
        BELAY_STR("1a"), BELAY_STR("18446744073709551616"), BELAY_STR("99999999999999999999"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(belay_str_to_u64(bad[i], &v));
    assert_int_equal(v, 7);
}

static void distance_for_did_you_mean(void **state)
{
    (void)state;
    assert_int_equal(belay_str_distance(BELAY_STR("timeout"), BELAY_STR("timeuot"), 3), 2);
    assert_int_equal(belay_str_distance(BELAY_STR("Retry"), BELAY_STR("retry"), 3), 0);
    assert_int_equal(belay_str_distance(BELAY_STR(""), BELAY_STR("ab"), 3), 2);
    assert_int_equal(belay_str_distance(BELAY_STR("abc"), BELAY_STR("xyz"), 2), 3);
    char text[65] = "";
    memset(text, 'a', 64);
    assert_int_equal(belay_str_distance(belay_str_c(text), BELAY_STR("a"), 2), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),
        cmocka_unit_test(cutting),
        cmocka_unit_test(splitting_yields_every_part_the_empty_ones_too),
        cmocka_unit_test(numbers),
        cmocka_unit_test(distance_for_did_you_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
