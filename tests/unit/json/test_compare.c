#include "base/alloc.h"
#include "base/limits.h"
#include "json/json.h"
#include "unit/test.h"

static struct belay_arena arena;

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    return 0;
}

static int end(void **state)
{
    (void)state;
    belay_arena_deinit(&arena);
    return 0;
}

static const belay_json *parse(const char *text)
{
    const belay_json *v = NULL;
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &arena, &v, NULL, NULL));
    return v;
}

/* Each is below the next, however they are written. */
static void numbers_have_one_exact_order(void **state)
{
    static const char *const order[] = {
        "-1e400", "-1e309", "-1.7976931348623157e308", "-9223372036854775809", "-9223372036854775808", "-1.5", "-1",
        "-1e-400", "0", "1e-400", "5e-324", "0.1", "0.1000000000000000000001", "1", "1.5", "9007199254740992",
        "9007199254740993", "9007199254740994", "9223372036854775807", "9223372036854775808",
        "9223372036854775808.5", "1e300", "1e309", "1e400",
    };
    enum { N = sizeof order / sizeof order[0] };
    (void)state;
    const belay_json *v[N];
    for (int i = 0; i < N; i++)
        v[i] = parse(order[i]);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int c = belay_json_compare_numbers(v[i], v[j]);
            if ((c > 0) - (c < 0) != (i > j) - (i < j))
                fail_msg("%s and %s: %d", order[i], order[j], c);
            assert_int_equal(belay_json_equal(v[i], v[j]), i == j);
        }
}

static void equal_values_are_equal_however_they_are_written(void **state)
{
    static const char *const rows[][2] = {
        { "0", "-0" }, { "0", "0.0e5" }, { "1", "1.0" }, { "100", "1e2" }, { "0.5", "5e-1" },
        { "12345678901234567890", "12345678901234567890.0" }, { "1e400", "10e399" },
        { "9223372036854775808", "9.223372036854775808e18" }, { "\"\\u00e4\"", "\"\xc3\xa4\"" },
        { "{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}" }, { "{\"a\":1,\"a\":2}", "{\"a\":2}" },
        { "[1,{\"x\":null}]", "[1.0,{\"x\":null}]" },
        /* a double counts as what it is written as, and that reads back as an integer */
        { "922337203685477580.0", "922337203685477600" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const belay_json *a = parse(rows[i][0]), *b = parse(rows[i][1]);
        if (!belay_json_equal(a, b) || !belay_json_equal(b, a) || belay_json_hash(a) != belay_json_hash(b))
            fail_msg("%s and %s", rows[i][0], rows[i][1]);
    }
}

static void different_values_are_different(void **state)
{
    static const char *const rows[][2] = {
        { "1", "\"1\"" }, { "null", "false" }, { "true", "false" }, { "[]", "{}" }, { "[1,2]", "[2,1]" },
        { "[1]", "[1,1]" }, { "{\"a\":1}", "{\"a\":2}" }, { "{\"a\":1}", "{\"b\":1}" }, { "{}", "{\"a\":1}" },
        { "{\"a\":1,\"a\":2}", "{\"a\":1}" }, { "\"a\"", "\"A\"" }, { "0", "false" }, { "\"\"", "null" },
        { "{\"a\":1,\"b\":1}", "{\"a\":1,\"a\":1}" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (belay_json_equal(parse(rows[i][0]), parse(rows[i][1])))
            fail_msg("%s and %s", rows[i][0], rows[i][1]);
}

/* With a map, and where there is no memory for one. */
static void large_objects_are_compared_by_name(void **state)
{
    enum { N = 500 };
    (void)state;
    struct belay_buf one, other;
    belay_buf_init(&one, BELAY_MIB(1));
    belay_buf_init(&other, BELAY_MIB(1));
    for (int i = 0; i < N; i++) {
        belay_buf_printf(&one, "%c\"k%d\":%d", i ? ',' : '{', i, i);
        belay_buf_printf(&other, "%c\"k%d\":%d.0", i ? ',' : '{', N - 1 - i, N - 1 - i);
    }
    belay_buf_put(&one, "}", 2);
    belay_buf_put(&other, "}", 2);
    const belay_json *a = parse(one.p), *b = parse(other.p);
    uint64_t hash = belay_json_hash(a);
    for (int memory = 0; memory < 2; memory++) {
        belay_alloc_fail_after(memory ? UINT64_MAX : 0);
        assert_true(belay_json_equal(a, b));
        assert_int_equal(belay_json_hash(b), hash);
    }
    other.p[other.n - 5] ^= 1; /* the digit of the last value */
    assert_false(belay_json_equal(a, parse(other.p)));
    belay_buf_deinit(&one);
    belay_buf_deinit(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_have_one_exact_order),
        TEST(equal_values_are_equal_however_they_are_written),
        TEST(different_values_are_different),
        TEST(large_objects_are_compared_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
