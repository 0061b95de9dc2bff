#include "config/scalar.h"

#include "unit/test.h"

static void durations_have_units_and_may_be_sums(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        { "0", 0 },
        { "200ms", 200 },
        { "2s", 2000 },
        { "1.5s", 1500 },
        { "5m", 300000 },
        { "1h", 3600000 },
        { "7d", 604800000 },
        { "2w", 1209600000 },
        { "1h30m", 5400000 },
        { "0.5ms", -1 },
        { "", -1 },
        { "5", -1 },
        { "5 s", -1 },
        { "-5s", -1 },
        { "s", -1 },
        { "5x", -1 },
        { "1.s", -1 },
        { "1..5s", -1 },
        { "5s ", -1 },
        { "99999999999w", -1 },
        { "9007199254740992ms", -1 },
        { "9007199254740991ms", 9007199254740991 },
        { "000000000000000000000000000000000000001s", -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ms = 0;
        bool good = config_duration(belay_str_c(cases[i].text), &ms);
        assert_int_equal(good ? (int64_t)ms : -1, cases[i].ms);
    }
}

static void sizes_are_bytes_or_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        { "0", 0 },
        { "700", 700 },
        { "64KiB", 65536 },
        { "1MiB", 1048576 },
        { "1.5KiB", 1536 },
        { "2GiB", 2147483648 },
        { "1TiB", 1099511627776 },
        { "10kB", 10000 },
        { "1MB", 1000000 },
        { "3B", 3 },
        { "", -1 },
        { "1K", -1 },
        { "1 MiB", -1 },
        { "-1", -1 },
        { "1MiB2", -1 },
        { "0.1B", -1 },
        { "99999999999999999999", -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes = 0;
        bool good = config_size(belay_str_c(cases[i].text), &bytes);
        assert_int_equal(good ? (int64_t)bytes : -1, cases[i].bytes);
    }
}

static void numbers_are_decimal(void **state)
{
    int64_t i;
    double d;
    (void)state;
    assert_true(config_int(BELAY_STR("-42"), &i) && i == -42);
    assert_false(config_int(BELAY_STR(""), &i));
    assert_false(config_int(BELAY_STR("-"), &i));
    assert_false(config_int(BELAY_STR("4.0"), &i));
    assert_false(config_int(BELAY_STR("0x10"), &i));
    assert_false(config_int(BELAY_STR("9223372036854775808"), &i));
    assert_true(config_number(BELAY_STR("-0.25"), &d) && d < -0.24 && d > -0.26);
    assert_false(config_number(BELAY_STR("1e5"), &d));
    assert_false(config_number(BELAY_STR("nan"), &d));
}

static void booleans_are_those_of_YAML_1_2(void **state)
{
    bool b;
    (void)state;
    assert_true(config_bool(BELAY_STR("true"), &b) && b);
    assert_true(config_bool(BELAY_STR("false"), &b) && !b);
    assert_false(config_bool(BELAY_STR("yes"), &b));
    assert_false(config_bool(BELAY_STR("True"), &b));
    assert_false(config_bool(BELAY_STR(""), &b));
}

static void times_are_RFC_3339(void **state)
{
    static const struct {
        const char *text;
        const char *utc; /* NULL: refused */
    } cases[] = {
        { "2026-07-01T12:00:00Z", "2026-07-01T12:00:00.000Z" },
        { "2026-07-01t12:00:00.25+02:00", "2026-07-01T10:00:00.250Z" },
        { "2024-02-29 23:59:59-00:30", "2024-03-01T00:29:59.000Z" },
        { "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000Z" },
        { "2026-02-29T00:00:00Z", NULL },
        { "2026-13-01T00:00:00Z", NULL },
        { "2026-07-01T24:00:00Z", NULL },
        { "2026-07-01T12:00:00", NULL },
        { "2026-07-01", NULL },
        { "2026-07-01T12:00:00.Z", NULL },
        { "2026-07-01T12:00:00+2:00", NULL },
        { "", NULL },
        { "2026-07-01T12:00:00Zx", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        belay_time t;
        char text[BELAY_TIME_TEXT_BYTES];
        bool good = config_time(belay_str_c(cases[i].text), &t);
        assert_int_equal(good, cases[i].utc != NULL);
        if (!good)
            continue;
        belay_time_text(t, text);
        assert_string_equal(text, cases[i].utc);
    }
}

static void names_are_safe_everywhere(void **state)
{
    char longest[202];
    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_true(config_name(BELAY_STR("order-fulfilment_v1.2")));
    assert_true(config_name(belay_str(longest, 200)));
    assert_false(config_name(belay_str(longest, 201)));
    assert_false(config_name(BELAY_STR("")));
    assert_false(config_name(BELAY_STR("-a")));
    assert_false(config_name(BELAY_STR("a/b")));
    assert_false(config_name(BELAY_STR("a b")));
    assert_false(config_name(BELAY_STR("\xc3\xa9")));
}

static void numbers_of_YAML_become_those_of_JSON(void **state)
{
    static const struct {
        const char *text;
        const char *json; /* NULL: no number, a string */
    } cases[] = {
        { "0", "0" },       { "-12", "-12" },
        { "1.50", "1.50" }, { "1e5", "1e5" },
        { "0x1F", "31" },   { "0o17", "15" },
        { "+1", "1" },      { ".5", "0.5" },
        { "-.5", "-0.5" },  { "1.", "1.0" },
        { "007", "7" },     { "1.e3", "1.0e3" },
        { ".", NULL },      { "-", NULL },
        { "e5", NULL },     { "1.2.3", NULL },
        { "0x", NULL },     { "0xzz", NULL },
        { "0x-1", NULL },   { "1 ", NULL },
        { "", NULL },       { ".inf", NULL },
        { ".nan", NULL },   { "12:30", NULL },
        { "1_000", NULL },  { "0xFFFFFFFFFFFFFFFFFF", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char space[CONFIG_NUMBER_TEXT_MAX];
        struct belay_str number;
        bool good = config_json_number(belay_str_c(cases[i].text), space, &number);
        assert_int_equal(good, cases[i].json != NULL);
        if (good)
            assert_true(belay_str_eq(number, belay_str_c(cases[i].json)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_units_and_may_be_sums),
        cmocka_unit_test(sizes_are_bytes_or_have_units),
        cmocka_unit_test(numbers_are_decimal),
        cmocka_unit_test(booleans_are_those_of_YAML_1_2),
        cmocka_unit_test(times_are_RFC_3339),
        cmocka_unit_test(names_are_safe_everywhere),
        cmocka_unit_test(numbers_of_YAML_become_those_of_JSON),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
