#include "obs/trace.h"
#include "unit/test.h"

#include <string.h>

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void a_good_one_comes_out_as_it_went_in(void **state)
{
    (void)state;
    struct belay_trace t;
    char text[BELAY_TRACEPARENT_BYTES];
    assert_true(belay_trace_parse(BELAY_STR(GOOD), &t));
    assert_int_equal(t.trace_id[0], 0x0a);
    assert_int_equal(t.span_id[7], 0x31);
    assert_int_equal(t.flags, BELAY_TRACE_SAMPLED);
    belay_trace_format(&t, text);
    assert_string_equal(text, GOOD);
}

static void a_later_version_is_read_as_far_as_we_know(void **state)
{
    (void)state;
    struct belay_trace t;
    char text[BELAY_TRACEPARENT_BYTES];
    const struct belay_str later[] = {
        BELAY_STR("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        BELAY_STR("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-what.comes"),
    };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        assert_true(belay_trace_parse(later[i], &t));
        belay_trace_format(&t, text);
        assert_string_equal(text, GOOD);
    }
}

static void a_bad_one_is_refused(void **state)
{
    (void)state;
    const struct belay_str bad[] = {
        BELAY_STR(""),
        BELAY_STR("00"),
        BELAY_STR("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        BELAY_STR("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        BELAY_STR("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
        BELAY_STR("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        BELAY_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"),
        BELAY_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-"),
        BELAY_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x"),
        BELAY_STR("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x"),
        BELAY_STR("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        BELAY_STR("00-0af7651916cd43dd8448eb211c80319cxb7ad6b7169203331-01"),
        BELAY_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01"),
        BELAY_STR("0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    };
    struct belay_trace t = { .flags = 77 };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(belay_trace_parse(bad[i], &t));
    assert_int_equal(t.flags, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_comes_out_as_it_went_in),
        cmocka_unit_test(a_later_version_is_read_as_far_as_we_know),
        cmocka_unit_test(a_bad_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
