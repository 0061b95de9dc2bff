/* Which letters and lanes a question is about: what its parameters may say. */
#include "admin/filter.h"
#include "admin/lanes.h"
#include "base/limits.h"
#include "unit/test.h"

#define NOW ((belay_time)1782900000 * BELAY_US_PER_S) /* 2026-07-01T10:00:00Z */

static bool moment(const char *text, belay_time *ret_t, struct belay_err *ret_err)
{
    struct question q = { 0 };
    bool ok = filter_moment(&q, "since", belay_str_c(text), NOW, 7, ret_t);
    *ret_err = q.err;
    return ok;
}

static void a_moment_is_a_time_or_how_long_ago(void **state)
{
    (void)state;
    struct belay_err err;
    belay_time t;
    assert_true(moment("", &t, &err));
    assert_int_equal(t, 7);
    assert_true(moment("2h", &t, &err));
    assert_int_equal(t, NOW - 2 * 3600 * (belay_time)BELAY_US_PER_S);
    assert_true(moment("2026-07-01T10:00:00Z", &t, &err));
    assert_int_equal(t, NOW);
    assert_true(moment("2026-07-01T12:00:00+02:00", &t, &err));
    assert_int_equal(t, NOW);
    static const char *const wrong[] = { "yesterday", "2026-13-01", "-2h", "2 h", "2026-07-01T10:00:00" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(moment(wrong[i], &t, &err));
        assert_int_equal(err.code, BELAY_INVALID);
        assert_non_null(strstr(err.msg, wrong[i])); /* it says what it did not understand ... */
        assert_non_null(strstr(err.msg, "since is a time (2026-07-01T12:00:00Z)")); /* ... and what it would have */
    }
}

static void a_group_is_sixteen_digits_or_any(void **state)
{
    (void)state;
    struct question q = { 0 };
    uint64_t group = 1;
    assert_true(filter_group(&q, BELAY_STR(""), &group));
    assert_int_equal(group, 0);
    assert_true(filter_group(&q, BELAY_STR("00ff00000000000a"), &group));
    assert_true(group == UINT64_C(0x00ff00000000000a));
    static const char *const wrong[] = { "ff", "00FF00000000000A", "00ff00000000000", "00ff00000000000a0", "00ff00000000000g" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        q = (struct question){ 0 };
        assert_false(filter_group(&q, belay_str_c(wrong[i]), &group));
        assert_int_equal(q.err.code, BELAY_INVALID);
    }
}

static void a_page_goes_on_at_the_place_that_the_one_before_told(void **state)
{
    (void)state;
    static const struct belay_letter_cursor places[] = {
        { 0 },
        { .sub = 3, .sequence = 17, .at = NOW, .group = UINT64_MAX, .began = true },
        { .sub = UINT32_MAX, .sequence = UINT64_MAX, .at = INT64_MAX, .group = 1 },
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct belay_buf buf;
        struct belay_letter_cursor back = { 0 };
        belay_buf_init(&buf, 1024);
        struct belay_json_out out = belay_json_out(&buf);
        filter_show_place(&out, "next", &places[i]);
        struct belay_str told = belay_buf_view(&buf), quoted = BELAY_STR("\"next\":\"");
        assert_true(told.n > quoted.n && told.p[told.n - 1] == '"');
        assert_true(filter_place(belay_str(told.p + quoted.n, told.n - quoted.n - 1), &back));
        assert_int_equal(back.sub, places[i].sub);
        assert_true(back.sequence == places[i].sequence);
        assert_int_equal(back.at, places[i].at);
        assert_true(back.group == places[i].group);
        assert_int_equal(back.began, places[i].began);
        belay_buf_deinit(&buf);
    }
}

static void a_place_that_nobody_told_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "1", "1-2-3-4", "1-2-3-4-5", "1-2-3-4-1-", "4294967296-2-3-4-0",
                                         "1-2-9223372036854775808-4-0", "1--3-4-0", "1-2-3-4-x", "-1-2-3-4-0" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct belay_letter_cursor c = { .sub = 99 };
        assert_false(filter_place(belay_str_c(wrong[i]), &c));
        assert_int_equal(c.sub, 99);
    }
}

/* Keys are data: a pattern that fits more than it says parks, or skips, what nobody meant. */
static void a_key_pattern_fits_what_it_says_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *key;
        bool fits;
    } rows[] = {
        { "order-1", "order-1", true },   { "order-1", "order-12", false }, { "order-1", "xorder-1", false },
        { "order-*", "order-", true },    { "order-*", "order-12", true },  { "order-*", "orders-12", false },
        { "order-?", "order-1", true },   { "order-?", "order-", false },   { "order-?", "order-12", false },
        { "*", "", true },                { "?", "", false },               { "**", "abc", true },
        { "*-eu", "a-eu-b-eu", true },    { "*-eu", "a-eu-b", false },      { "a*b*c", "a-b-b-c", true },
        { "a*b*c", "a-c-b", false },      { "*?", "", false },              { "Order", "order", false },
        { "a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (lane_key_matches(belay_str_c(rows[i].pattern), belay_str_c(rows[i].key)) != rows[i].fits)
            fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_is_a_time_or_how_long_ago),
        cmocka_unit_test(a_group_is_sixteen_digits_or_any),
        cmocka_unit_test(a_page_goes_on_at_the_place_that_the_one_before_told),
        cmocka_unit_test(a_place_that_nobody_told_is_none),
        cmocka_unit_test(a_key_pattern_fits_what_it_says_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
