/* Numbers: text -> value -> text, against strtod and printf. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/random.h"
#include "json/json.h"
#include "json/number.h"
#include "unit/test.h"

static struct belay_arena arena;

static const belay_json *parse(const char *text)
{
    const belay_json *v;
    struct belay_err err;
    belay_arena_reset(&arena);
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, &err));
    return v;
}

static const char *text_of(double d)
{
    static char text[NUMBER_TEXT_MAX + 1];
    text[number_text(d, text)] = '\0';
    return text;
}

static double random_double(struct belay_random *random)
{
    double d;
    do {
        uint64_t bits = belay_random_next(random);
        memcpy(&d, &bits, sizeof d);
    } while (!isfinite(d));
    return d;
}

static void check_reading(const char *text)
{
    const belay_json *v = parse(text);
    double expected = strtod(text, NULL);
    if (belay_json_number(v) != expected)
        fail_msg("%s reads as %.17g, not %.17g", text, belay_json_number(v), expected);
}

/* No text with fewer digits reads back as d, and no other of this length is nearer. */
static void check_shortest(double d)
{
    char shorter[64];
    if (strtod(text_of(d), NULL) != d)
        fail_msg("%.17g is written as %s", d, text_of(d));
    struct number_decimal decimal = number_shortest(fabs(d));
    int digits = snprintf(NULL, 0, "%llu", (unsigned long long)decimal.digits);
    for (int n = digits - 1; n >= 1 && n >= digits - 2; n--) {
        snprintf(shorter, sizeof shorter, "%.*e", n - 1, d);
        if (strtod(shorter, NULL) == d)
            fail_msg("%.17g is written as %s, but %s would do", d, text_of(d), shorter);
    }
    snprintf(shorter, sizeof shorter, "%.*e", digits - 1, d);
    char ours[64];
    snprintf(ours, sizeof ours, "%llue%d", (unsigned long long)decimal.digits, decimal.exponent);
    if (strtod(shorter, NULL) == d && digits < 16) {
        char padded[64]; /* correctly rounded to as many digits: must be the same decimal */
        snprintf(padded, sizeof padded, "%.*e", digits - 1, fabs(d));
        struct number_decimal same = number_shortest(strtod(padded, NULL));
        assert_true(same.digits == decimal.digits && same.exponent == decimal.exponent);
    }
}

static void random_doubles_are_read_as_strtod_reads_them(void **state)
{
    (void)state;
    struct belay_random random = { 1 };
    for (int i = 0; i < 100000; i++) {
        char text[64];
        double d = random_double(&random);
        snprintf(text, sizeof text, "%.*e", (int)belay_random_below(&random, 25), d);
        check_reading(text);
        snprintf(text, sizeof text, "%.17g", ldexp(d, -(int)belay_random_below(&random, 1000)));
        check_reading(text);
    }
}

static void decimals_are_read_as_strtod_reads_them(void **state)
{
    (void)state;
    struct belay_random random = { 2 };
    for (int i = 0; i < 100000; i++) {
        char text[64];
        uint64_t m = belay_random_next(&random) >> belay_random_below(&random, 64);
        int e = (int)belay_random_below(&random, 700) - 360;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)m, e);
        check_reading(text);
        snprintf(text, sizeof text, "%llu.%03d", (unsigned long long)(m >> 20), abs(e));
        check_reading(text);
    }
}

static void halfway_cases_are_rounded_to_even(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9007199254740993.0", "9007199254740992.99999999999999999999", "9007199254740993.00000001",
        "2.2250738585072011e-308", "2.2250738585072014e-308", "4.9e-324", "2.4703282292062327e-324",
        "2.4703282292062328e-324", "1.7976931348623157e308", "1.7976931348623158e308",
        "1.7976931348623159e308", "7.2057594037927933e16", "1e23", "8.5e22", "1e22", "1e-22",
        "0.000000000000000000000000000000000000000000000000000001e54",
        "1000000000000000000000000000000000000000000000000000000e-54",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_reading(texts[i]);
}

static void a_very_long_number_is_read_to_its_last_digit(void **state)
{
    (void)state;
    char text[4096];
    /* 2^53 + 1 is halfway; one digit far behind decides */
    int n = snprintf(text, sizeof text, "9007199254740993.");
    memset(text + n, '0', 3000);
    strcpy(text + n + 3000, "1");
    assert_true(belay_json_number(parse(text)) == 9007199254740994.0);
    text[n + 3000] = '0';
    assert_true(belay_json_number(parse(text)) == 9007199254740992.0);
}

static void random_doubles_are_written_shortest(void **state)
{
    (void)state;
    struct belay_random random = { 3 };
    for (int i = 0; i < 100000; i++) {
        double d = random_double(&random);
        check_shortest(d);
        check_shortest(ldexp(1, (int)belay_random_below(&random, 2098) - 1074));
        check_shortest((double)(belay_random_next(&random) >> belay_random_below(&random, 64)));
        check_shortest((double)belay_random_below(&random, 100000000) / 1000);
    }
}

static void doubles_have_the_form_of_ecma_262(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        { 0.0, "0" }, { -0.0, "0" }, { 1, "1" }, { -1.5, "-1.5" }, { 100, "100" },
        { 1e20, "100000000000000000000" }, { 123456789012345680000.0, "123456789012345680000" },
        { 1e21, "1e+21" }, { 1.5e21, "1.5e+21" }, { 1e-6, "0.000001" }, { 1.5e-6, "0.0000015" },
        { 1e-7, "1e-7" }, { 1.25e-7, "1.25e-7" }, { 0.1, "0.1" }, { 0.3, "0.3" },
        { 0.1 + 0.2, "0.30000000000000004" }, { 5e-324, "5e-324" }, { 9007199254740993.0, "9007199254740992" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" }, { 123.456, "123.456" },
        { -1.2345678901234568e-300, "-1.2345678901234568e-300" },
        { 2.2250738585072014e-308, "2.2250738585072014e-308" }, { 1e23, "1e+23" },
        { 9.5367431640625e-7, "9.5367431640625e-7" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(text_of(cases[i].d), cases[i].text);
}

static void integers_are_exact_to_the_last_bit(void **state)
{
    (void)state;
    assert_true(parse("9223372036854775807")->u.i == INT64_MAX);
    assert_true(parse("-9223372036854775808")->u.i == INT64_MIN);
    assert_true(parse("9007199254740993")->u.i == 9007199254740993);
    assert_true(parse("123456789012345678")->u.i == 123456789012345678);
    assert_true(parse("1234567890123456789")->u.i == 1234567890123456789);
    assert_int_equal(parse("-0")->type, BELAY_JSON_INT);
    assert_int_equal(parse("-0")->u.i, 0);
}

static void what_neither_holds_keeps_its_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9223372036854775808", "-9223372036854775809", "100000000000000000000", "1e400", "-1E+400",
        "1e-400", "123456789012345678.9", "0.1000000000000000055", "99999999999999999999999999.5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct belay_buf buf;
        const belay_json *v = parse(texts[i]);
        assert_int_equal(v->type, BELAY_JSON_BIG);
        belay_buf_init(&buf, 100);
        belay_json_write(&buf, v);
        assert_true(belay_str_eq(belay_buf_view(&buf), belay_str_c(texts[i])));
        belay_buf_deinit(&buf);
    }
    assert_true(isinf(belay_json_number(parse("1e400"))));
    assert_true(belay_json_number(parse("1e-400")) == 0);
}

static void a_fraction_or_an_exponent_makes_a_double(void **state)
{
    (void)state;
    static const char *const texts[] = { "1.0", "1e3", "0.0", "-0.0", "19.99", "1.00000000000000000000",
                                         "1E18", "0e1", "0.12345678901234567" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(parse(texts[i])->type, BELAY_JSON_DOUBLE);
        assert_true(parse(texts[i])->u.d == strtod(texts[i], NULL));
    }
    assert_true(signbit(parse("-0.0")->u.d));
}

static int order(const char *a, const char *b)
{
    const belay_json *v;
    char text[512];
    snprintf(text, sizeof text, "[%s,%s]", a, b);
    v = parse(text);
    int ab = belay_json_compare_numbers(v + 1, v + 2), ba = belay_json_compare_numbers(v + 2, v + 1);
    assert_int_equal((ab > 0) - (ab < 0), (ba < 0) - (ba > 0));
    assert_true((ab == 0) == belay_json_equal(v + 1, v + 2));
    if (ab == 0)
        assert_true(belay_json_hash(v + 1) == belay_json_hash(v + 2));
    return (ab > 0) - (ab < 0);
}

static void numbers_compare_by_value_whatever_their_type(void **state)
{
    (void)state;
    assert_int_equal(order("1", "1.0"), 0);
    assert_int_equal(order("100", "1e2"), 0);
    assert_int_equal(order("9007199254740993", "9007199254740992.0"), 1);
    assert_int_equal(order("9223372036854775807", "9223372036854775808"), -1);
    assert_int_equal(order("9223372036854775807", "9.3e18"), -1);
    assert_int_equal(order("-9223372036854775808", "-9223372036854775809"), 1);
    assert_int_equal(order("-5", "-5.5"), 1);
    assert_int_equal(order("5", "5.5"), -1);
    assert_int_equal(order("0", "-0.0"), 0);
    assert_int_equal(order("1e400", "10e399"), 0);
    assert_int_equal(order("1e400", "1e401"), -1);
    assert_int_equal(order("-1e400", "1e-400"), -1);
    assert_int_equal(order("1e-400", "0"), 1);
    assert_int_equal(order("-1e-400", "0"), -1);
    assert_int_equal(order("100000000000000000000", "1e20"), 0);
    assert_int_equal(order("100000000000000000001", "1e20"), 1);
    assert_int_equal(order("0.10000000000000000000", "0.1"), 0);
    assert_int_equal(order("0.10000000000000000001", "0.1"), 1);
    assert_int_equal(order("1234567890123456789.0", "1234567890123456789"), 0);
    assert_int_equal(order("1234567890123456789.5", "1234567890123456789"), 1);
    assert_int_equal(order("0.00000000000000000000012345678901234567890", "12345678901234567890e-41"), 0);
}

static int set_up(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_doubles_are_read_as_strtod_reads_them),
        cmocka_unit_test(decimals_are_read_as_strtod_reads_them),
        cmocka_unit_test(halfway_cases_are_rounded_to_even),
        cmocka_unit_test(a_very_long_number_is_read_to_its_last_digit),
        cmocka_unit_test(random_doubles_are_written_shortest),
        cmocka_unit_test(doubles_have_the_form_of_ecma_262),
        cmocka_unit_test(integers_are_exact_to_the_last_bit),
        cmocka_unit_test(what_neither_holds_keeps_its_text),
        cmocka_unit_test(a_fraction_or_an_exponent_makes_a_double),
        cmocka_unit_test(numbers_compare_by_value_whatever_their_type),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
