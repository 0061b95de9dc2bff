#include "alert/text.h"

#include "alert/alert.h"
#include "unit/test.h"

static void a_figure_is_shown_with_its_unit(void **state)
{
    static const struct {
        enum belay_alert_unit unit;
        double value;
        const char *want;
    } rows[] = {
        { BELAY_ALERT_COUNT, 3, "3" },           { BELAY_ALERT_COUNT, 1234567, "1234567" },
        { BELAY_ALERT_MS, 0, "0ms" },            { BELAY_ALERT_MS, 250, "250ms" },
        { BELAY_ALERT_MS, 5000, "5s" },          { BELAY_ALERT_MS, 5400, "5s" },
        { BELAY_ALERT_MS, 90000, "1m30s" },      { BELAY_ALERT_MS, 900000, "15m" },
        { BELAY_ALERT_MS, 5400000, "1h30m" },    { BELAY_ALERT_MS, 7 * 86400000.0, "7d" },
        { BELAY_ALERT_MS, -86400000.0, "-1d" },  { BELAY_ALERT_BYTES, 512.0 * 1024 * 1024, "512MiB" },
        { BELAY_ALERT_BYTES, 1.5 * 1024 * 1024 * 1024, "1.5GiB" }, { BELAY_ALERT_BYTES, 10, "10B" },
        { BELAY_ALERT_PERCENT, 80, "80%" },      { BELAY_ALERT_FLAG, 1, "yes" },
        { BELAY_ALERT_FLAG, 0, "no" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[BELAY_ALERT_VALUE_BYTES];
        belay_alert_value_text(rows[i].unit, rows[i].value, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void a_rule_says_when_it_fires(void **state)
{
    static const struct {
        struct belay_alert_def def;
        const char *want;
    } rows[] = {
        { { .on = BELAY_ALERT_OLDEST, .bound = 900000, .for_ms = 60000 }, "oldest > 15m for 1m" },
        { { .on = BELAY_ALERT_DISK_FREE, .below = true, .bound = 536870912 }, "disk_free < 512MiB" },
        { { .on = BELAY_ALERT_BREAKER, .for_ms = 5000 }, "breaker for 5s" },
        { { .on = BELAY_ALERT_LETTERS }, "letters > 0" },
        { { .on = BELAY_ALERT_LETTERS_LIMIT, .bound = 50 }, "letters_limit > 50%" },
        { { .on = BELAY_ALERT_EVENT, .event = BELAY_STR_INIT("poison.*"), .within_ms = 3600000 }, "poison.*, over after 1h" },
        { { .on = BELAY_ALERT_EVENT, .event = BELAY_STR_INIT("message.retry"), .bound = 500, .within_ms = 300000 },
          "more than 500 of message.retry within 5m" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[BELAY_ALERT_WHEN_BYTES];
        belay_alert_when_text(&rows[i].def, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void a_hint_names_its_subject_and_never_overflows(void **state)
{
    char text[BELAY_ALERT_HINT_BYTES], large[2 * BELAY_ALERT_HINT_BYTES];
    (void)state;
    belay_alert_hint_text(BELAY_STR("belay dlq ls --flow {subject} -x"), BELAY_STR("pay"), text);
    assert_string_equal(text, "belay dlq ls --flow pay -x");
    belay_alert_hint_text(BELAY_STR("belay status"), BELAY_STR("pay"), text);
    assert_string_equal(text, "belay status");
    belay_alert_hint_text(BELAY_STR_NONE, BELAY_STR("pay"), text);
    assert_string_equal(text, "");
    memset(large, 'x', sizeof large);
    belay_alert_hint_text(belay_str(large, sizeof large), BELAY_STR_NONE, text);
    assert_int_equal(strlen(text), sizeof text - 1);
}

static void every_figure_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < BELAY_ALERT_ON_COUNT; i++)
        assert_non_null(belay_alert_on_name((enum belay_alert_on)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_figure_is_shown_with_its_unit),
        cmocka_unit_test(a_rule_says_when_it_fires),
        cmocka_unit_test(a_hint_names_its_subject_and_never_overflows),
        cmocka_unit_test(every_figure_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
