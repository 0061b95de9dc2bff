/* Times as text, both ways. */
#include "base/time.h"
#include "unit/test.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const belay_time times[] = { 0, 1700000000123000, -62167219200000000, 253402300799999000, 951782400000000,
                                        -1000, 1709164800000000 };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char text[BELAY_TIME_TEXT_BYTES];
        belay_time back;
        belay_time_text(times[i], text);
        assert_true(belay_time_parse(belay_str_c(text), &back));
        assert_int_equal(back, times[i]);
    }
}

static void offsets_fractions_and_dates_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        belay_time t;
    } good[] = {
        { "1970-01-01", 0 },
        { "1970-01-02", INT64_C(86400000000) },
        { "1970-01-01T00:00:01.5Z", 1500000 },
        { "1970-01-01t00:00:01.123456789z", 1123456 },
        { "1970-01-01T02:00:00+02:00", 0 },
        { "1969-12-31T22:30:00-01:30", 0 },
        { "2024-02-29 00:00:00Z", INT64_C(1709164800000000) },
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        belay_time t = -1;
        assert_true(belay_time_parse(belay_str_c(good[i].text), &t));
        assert_int_equal(t, good[i].t);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "2h", "yesterday", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10",
                                       "2024-01-32", "2024-01-01T", "2024-01-01T25:00:00Z", "2024-01-01T10:00:00",
                                       "2024-01-01T10:00Z", "2024-01-01T10:00:00.Z", "2024-01-01T10:00:00+2:00",
                                       "2024-01-01T10:00:00+24:00", "2024-01-01T10:00:00Zx", "2024-1-1", "20240101" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        belay_time t = 7;
        if (belay_time_parse(belay_str_c(bad[i]), &t))
            fail_msg("%s was taken for a time", bad[i]);
        assert_int_equal(t, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(offsets_fractions_and_dates_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
