#include "alert/silence.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "unit/test.h"

#define MINUTE (60 * (belay_time)BELAY_US_PER_S)

static const struct belay_alert_def letters = { .name = BELAY_STR_INIT("dead-letters"), .urgent = true },
                                    stalled = { .name = BELAY_STR_INIT("stalled") };

static struct belay_silences s;

static int setup(void **state)
{
    (void)state;
    belay_silences_init(&s);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    belay_silences_deinit(&s);
    return 0;
}

static uint64_t put(const char *rule, const char *subject, enum belay_silence_level level, belay_time until)
{
    uint64_t number;
    const struct belay_silence x = { .until = until, .rule = belay_str_c(rule), .subject = belay_str_c(subject),
                                     .level = level, .who = BELAY_STR("ann"), .reason = BELAY_STR("INC-1") };
    assert_ok(belay_silences_put(&s, &x, &number, NULL));
    return number;
}

static bool silent(const struct belay_alert_def *def, const char *subject)
{
    return belay_silences_until(&s, def, belay_str_c(subject), 0) > 0;
}

static void it_fits_by_rule_by_subject_and_by_level(void **state)
{
    (void)state;
    uint64_t n = put("dead-*", "", BELAY_SILENCE_ANY, MINUTE);
    assert_true(silent(&letters, "ship") && !silent(&stalled, "ship"));
    assert_true(belay_silences_remove(&s, n));
    n = put("", "pay-*", BELAY_SILENCE_ANY, MINUTE);
    assert_true(silent(&letters, "pay-1") && silent(&stalled, "pay-2") && !silent(&letters, "ship"));
    assert_true(belay_silences_remove(&s, n));
    n = put("*", "", BELAY_SILENCE_WARN, MINUTE);
    assert_true(silent(&stalled, "ship") && !silent(&letters, "ship"));
    assert_true(belay_silences_remove(&s, n) && !belay_silences_remove(&s, n));
}

static void the_longest_counts_and_what_is_over_is_offered_for_forgetting(void **state)
{
    (void)state;
    uint64_t first = put("stalled", "", BELAY_SILENCE_ANY, MINUTE), second = put("stalled", "", BELAY_SILENCE_ANY, 2 * MINUTE);
    assert_true(first != second);
    assert_int_equal(belay_silences_until(&s, &stalled, BELAY_STR("x"), 0), 2 * MINUTE);
    assert_int_equal(belay_silences_over(&s, MINUTE - 1), 0);
    assert_int_equal(belay_silences_over(&s, MINUTE), first);
    assert_int_equal(belay_silences_until(&s, &stalled, BELAY_STR("x"), 2 * MINUTE), 0);
}

static void it_says_what_until_when_who_and_why_or_is_none(void **state)
{
    (void)state;
    struct belay_err err;
    struct belay_silence x = { .until = 1, .reason = BELAY_STR("r") };
    assert_int_equal(belay_silences_put(&s, &x, NULL, &err), BELAY_INVALID);
    x.rule = BELAY_STR("*");
    x.reason = BELAY_STR("  ");
    assert_int_equal(belay_silences_put(&s, &x, NULL, &err), BELAY_INVALID);
    assert_non_null(strstr(err.msg, "why"));
    char many[BELAY_SILENCE_TEXT_BYTES_MAX + 1];
    memset(many, 'x', sizeof many);
    x.reason = belay_str(many, sizeof many);
    assert_int_equal(belay_silences_put(&s, &x, NULL, &err), BELAY_LIMIT);
    x.reason = BELAY_STR("r");
    belay_alloc_fail_after(0);
    int status = belay_silences_put(&s, &x, NULL, &err);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(status, BELAY_NOMEM);
    for (int i = 0; i < BELAY_SILENCES_MAX; i++)
        assert_ok(belay_silences_put(&s, &x, NULL, NULL));
    assert_int_equal(belay_silences_put(&s, &x, NULL, &err), BELAY_LIMIT);
}

static void its_bytes_give_it_back_and_nonsense_is_refused(void **state)
{
    (void)state;
    struct belay_buf bytes;
    struct belay_silence back;
    const struct belay_silence x = { 7, 1000, 2000, BELAY_STR("stalled"), BELAY_STR("pay-*"), BELAY_SILENCE_ERROR,
                                     BELAY_STR("ann"), BELAY_STR("INC-1") };
    belay_buf_init(&bytes, 1024);
    belay_silence_pack(&bytes, &x);
    assert_ok(belay_silence_unpack(belay_buf_view(&bytes), &back));
    assert_int_equal(back.number, 7);
    assert_int_equal(back.until, 2000);
    assert_int_equal(back.level, BELAY_SILENCE_ERROR);
    assert_str(back.subject, "pay-*");
    assert_str(back.reason, "INC-1");
    for (size_t n = 0; n < bytes.n; n++)
        assert_int_equal(belay_silence_unpack(belay_str_sub(belay_buf_view(&bytes), 0, n), &back), BELAY_CORRUPT);
    bytes.p[0] = 9;
    assert_int_equal(belay_silence_unpack(belay_buf_view(&bytes), &back), BELAY_CORRUPT);
    bytes.p[0] = 1;
    assert_ok(belay_silence_unpack(belay_buf_view(&bytes), &back));
    assert_ok(belay_silences_put(&s, &back, NULL, NULL));
    assert_int_equal(put("a", "", BELAY_SILENCE_ANY, 5), 8); /* numbers go on where they were */
    belay_buf_deinit(&bytes);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(it_fits_by_rule_by_subject_and_by_level),
        T(the_longest_counts_and_what_is_over_is_offered_for_forgetting),
        T(it_says_what_until_when_who_and_why_or_is_none),
        T(its_bytes_give_it_back_and_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
