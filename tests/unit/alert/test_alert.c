#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/limits.h"

#define SECOND BELAY_US_PER_S
#define MINUTE (60 * (belay_time)SECOND)

static const struct belay_str ops[] = { BELAY_STR_INIT("ops") };
static const struct belay_alert_def rules[] = {
    { .name = BELAY_STR_INIT("letters"), .on = BELAY_ALERT_LETTERS, .repeat_ms = 3600000, .regroup_ms = 60000,
      .to = ops, .to_count = 1 },
    { .name = BELAY_STR_INIT("new"), .on = BELAY_ALERT_NEW_GROUPS, .regroup_ms = 60000 },
    { .name = BELAY_STR_INIT("stalled"), .on = BELAY_ALERT_OLDEST, .bound = 900000, .for_ms = 60000 },
    { .name = BELAY_STR_INIT("disk"), .on = BELAY_ALERT_DISK_FREE, .below = true, .bound = 1e9, .repeat_ms = 60000 },
    { .name = BELAY_STR_INIT("crash"), .on = BELAY_ALERT_EVENT, .event = BELAY_STR_INIT("message.crashed"),
      .bound = 1, .within_ms = 60000 },
    { .name = BELAY_STR_INIT("one"), .on = BELAY_ALERT_QUEUED, .subject = BELAY_STR_INIT("pay-*"), .bound = 10 },
};
#define COUNT (sizeof rules / sizeof rules[0])

static struct belay_alerts *a;
static struct belay_alert_notice got;
static struct belay_alert seen;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(belay_alerts_new(&a, NULL), BELAY_OK);
    belay_alerts_configure(a, rules, COUNT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    belay_alerts_free(a);
    return 0;
}

static void letters(double value, belay_time now)
{
    belay_alerts_sample(a, BELAY_ALERT_LETTERS, BELAY_STR("ship"), value, now);
    belay_alerts_sampled(a, now);
}

/* What is told at now: "" for nothing, else the state's name; and it counts as told. */
static const char *told(belay_time now)
{
    if (!belay_alerts_next(a, now, &got))
        return "";
    enum belay_alert_state state = got.state;
    belay_alerts_told(a, &got, now);
    return belay_alert_state_name(state);
}

static void a_first_letter_is_told_at_once_and_its_end_too(void **state)
{
    (void)state;
    letters(0, SECOND);
    assert_string_equal(told(SECOND), "");
    letters(1, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "firing");
    assert_string_equal(told(2 * SECOND), "");
    letters(0, 3 * SECOND);
    assert_string_equal(told(3 * SECOND), "resolved");
    assert_false(belay_alerts_look(a, 0, 0, &seen));
}

static void more_letters_are_told_together_once_in_a_while(void **state)
{
    (void)state;
    letters(1, SECOND);
    assert_string_equal(told(SECOND), "firing");
    letters(400, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "");
    letters(500, SECOND + MINUTE);
    assert_string_equal(told(SECOND + MINUTE), "firing");
    assert_true(got.value == 500);
    letters(500, 10 * MINUTE); /* no more of them: not before the repeat */
    assert_string_equal(told(10 * MINUTE), "");
    letters(500, 62 * MINUTE);
    assert_string_equal(told(62 * MINUTE), "firing");
}

static void a_notice_that_was_not_told_is_offered_again(void **state)
{
    (void)state;
    letters(1, SECOND);
    assert_true(belay_alerts_next(a, SECOND, &got));
    assert_true(belay_alerts_next(a, 2 * SECOND, &got));
    assert_true(belay_alerts_look(a, 0, SECOND, &seen));
    assert_int_equal(seen.told, 0);
}

static void what_was_never_told_need_not_be_taken_back(void **state)
{
    (void)state;
    letters(1, SECOND);
    letters(0, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "");
}

static void a_breach_must_last_before_it_fires(void **state)
{
    (void)state;
    const struct belay_str flow = BELAY_STR("ship");
    for (belay_time t = SECOND; t < MINUTE; t += 10 * SECOND) {
        belay_alerts_sample(a, BELAY_ALERT_OLDEST, flow, 1e6, t);
        belay_alerts_sampled(a, t);
        assert_string_equal(told(t), "");
    }
    assert_int_equal(belay_alerts_firing(a), 0);
    belay_alerts_sample(a, BELAY_ALERT_OLDEST, flow, 1e6, 2 * MINUTE);
    assert_string_equal(told(2 * MINUTE), "firing");
    assert_int_equal(got.since, SECOND);
    assert_int_equal(belay_alerts_firing(a), 1);
}

static void a_subject_that_is_gone_is_fine(void **state)
{
    (void)state;
    letters(1, SECOND);
    assert_string_equal(told(SECOND), "firing");
    belay_alerts_sampled(a, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "resolved");
}

static void below_a_bound_counts_where_the_rule_says_so(void **state)
{
    (void)state;
    belay_alerts_sample(a, BELAY_ALERT_DISK_FREE, BELAY_STR_NONE, 2e9, SECOND);
    assert_string_equal(told(SECOND), "");
    belay_alerts_sample(a, BELAY_ALERT_DISK_FREE, BELAY_STR_NONE, 5e8, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "firing");
    belay_alerts_sample(a, BELAY_ALERT_DISK_FREE, BELAY_STR_NONE, 4e8, 2 * SECOND + MINUTE);
    assert_string_equal(told(2 * SECOND + MINUTE), "firing"); /* repeat */
}

static void crash(belay_time now)
{
    belay_alerts_event(a, BELAY_STR("message.crashed"), BELAY_STR("ship"), now);
}

static void events_are_counted_within_their_window(void **state)
{
    (void)state;
    crash(MINUTE);
    assert_string_equal(told(MINUTE), "");
    belay_alerts_sampled(a, 3 * MINUTE); /* quiet: forgotten */
    assert_false(belay_alerts_look(a, 0, 0, &seen));
    crash(4 * MINUTE);
    crash(4 * MINUTE + 30 * SECOND);
    assert_string_equal(told(4 * MINUTE + 30 * SECOND), "firing");
    assert_true(got.value == 2);
    belay_alerts_sampled(a, 5 * MINUTE + 20 * SECOND);
    assert_string_equal(told(5 * MINUTE + 20 * SECOND), "");
    belay_alerts_sampled(a, 6 * MINUTE);
    assert_string_equal(told(6 * MINUTE), "resolved");
}

/* The rules with a window of so many seconds for crashes; what was counted stays. */
static void reload(uint32_t window_s)
{
    static struct belay_alert_def edited[2][COUNT]; /* the rules in force are borrowed */
    static uint32_t turn;
    struct belay_alert_def *now = edited[turn++ % 2];
    memcpy(now, rules, sizeof rules);
    now[4].within_ms = window_s * 1000;
    belay_alerts_configure(a, now, COUNT);
}

static void a_window_that_a_reload_makes_longer_still_ends(void **state)
{
    (void)state;
    crash(10 * MINUTE);
    crash(10 * MINUTE + SECOND);
    assert_string_equal(told(10 * MINUTE + SECOND), "firing");
    reload(600);
    belay_alerts_sampled(a, 15 * MINUTE);
    assert_string_equal(told(15 * MINUTE), "");
    belay_alerts_sampled(a, 22 * MINUTE);
    assert_string_equal(told(22 * MINUTE), "resolved");
    crash(40 * MINUTE); /* one alone is none too many */
    assert_string_equal(told(40 * MINUTE), "");
}

static void a_window_that_a_reload_makes_shorter_keeps_what_is_in_it(void **state)
{
    (void)state;
    reload(600);
    crash(10 * MINUTE);
    crash(10 * MINUTE + SECOND);
    assert_string_equal(told(10 * MINUTE + SECOND), "firing");
    reload(60);
    belay_alerts_sampled(a, 10 * MINUTE + 2 * SECOND);
    assert_string_equal(told(10 * MINUTE + 2 * SECOND), "");
    belay_alerts_sampled(a, 12 * MINUTE);
    assert_string_equal(told(12 * MINUTE), "resolved");
}

static void an_event_known_to_be_over_need_not_wait_for_its_window(void **state)
{
    (void)state;
    crash(MINUTE);
    crash(MINUTE);
    assert_string_equal(told(MINUTE), "firing");
    belay_alerts_event_over(a, BELAY_STR("message.retry"));
    assert_string_equal(told(MINUTE + SECOND), "");
    belay_alerts_event_over(a, BELAY_STR("message.crashed"));
    assert_string_equal(told(MINUTE + SECOND), "resolved");
    crash(MINUTE + 2 * SECOND); /* counted anew */
    belay_alerts_event_over(a, BELAY_STR("message.crashed"));
    assert_false(belay_alerts_look(a, 0, 0, &seen)); /* nobody was told of it: nobody hears that it is over */
    crash(MINUTE + 3 * SECOND);
    assert_string_equal(told(MINUTE + 3 * SECOND), "");
}

static void a_rule_is_about_the_subjects_it_names(void **state)
{
    (void)state;
    belay_alerts_sample(a, BELAY_ALERT_QUEUED, BELAY_STR("ship"), 1000, SECOND);
    assert_string_equal(told(SECOND), "");
    belay_alerts_sample(a, BELAY_ALERT_QUEUED, BELAY_STR("pay-all"), 1000, SECOND);
    assert_string_equal(told(SECOND), "firing");
    assert_true(belay_alert_matches(BELAY_STR("saga.*"), BELAY_STR("saga.parked")));
    assert_false(belay_alert_matches(BELAY_STR("saga"), BELAY_STR("saga.parked")));
}

static uint64_t silence(const char *rule, const char *subject, belay_time until)
{
    uint64_t number;
    const struct belay_silence x = { .until = until, .rule = belay_str_c(rule), .subject = belay_str_c(subject),
                                     .who = BELAY_STR("ann"), .reason = BELAY_STR("a test") };
    assert_int_equal(belay_silences_put(belay_alerts_silences(a), &x, &number, NULL), BELAY_OK);
    return number;
}

static void a_silenced_alert_is_known_and_not_told(void **state)
{
    (void)state;
    silence("letters", "ship", 5 * MINUTE);
    letters(1, SECOND);
    assert_string_equal(told(SECOND), "");
    assert_true(belay_alerts_look(a, 0, SECOND, &seen));
    assert_int_equal(seen.state, BELAY_ALERT_FIRING);
    assert_int_equal(seen.silent_until, 5 * MINUTE);
    letters(1, 5 * MINUTE);
    assert_string_equal(told(5 * MINUTE), "firing");
    uint64_t number = silence("*", "", 9 * MINUTE);
    letters(0, 6 * MINUTE);
    assert_string_equal(told(6 * MINUTE), "");
    assert_true(belay_silences_remove(belay_alerts_silences(a), number));
    letters(2, 7 * MINUTE);
    assert_string_equal(told(7 * MINUTE), "firing");
}

static void new_groups_are_told_as_they_come_together_once_in_a_while(void **state)
{
    (void)state;
    belay_alerts_sample(a, BELAY_ALERT_NEW_GROUPS, BELAY_STR("ship"), 1, SECOND);
    assert_string_equal(told(SECOND), "firing");
    belay_alerts_sample(a, BELAY_ALERT_NEW_GROUPS, BELAY_STR("ship"), 3, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "");
    belay_alerts_sample(a, BELAY_ALERT_NEW_GROUPS, BELAY_STR("ship"), 3, SECOND + MINUTE);
    assert_string_equal(told(SECOND + MINUTE), "firing");
    assert_true(got.value == 3);
}

/* One alert whatever happens in between: who is told of the fault hears once that it is over. */
static void what_comes_and_goes_while_it_is_told_is_one_alert(void **state)
{
    (void)state;
    letters(1, SECOND);
    assert_string_equal(told(SECOND), "firing");
    letters(0, 2 * SECOND);
    letters(1, 3 * SECOND); /* before anybody was told that it was over */
    assert_string_equal(told(3 * SECOND), "");
    letters(0, 4 * SECOND);
    assert_string_equal(told(4 * SECOND), "resolved");
    assert_string_equal(told(4 * SECOND), "");
}

static void rules_that_stay_keep_their_alerts(void **state)
{
    (void)state;
    letters(1, SECOND);
    assert_string_equal(told(SECOND), "firing");
    belay_alerts_configure(a, rules, 1);
    letters(1, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "");
    belay_alerts_configure(a, rules + 1, COUNT - 1);
    assert_false(belay_alerts_look(a, 0, 0, &seen));
}

static void a_flood_of_subjects_is_bounded_and_counted(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < BELAY_ALERTS_MAX + 10; i++) {
        int n = snprintf(name, sizeof name, "f%d", i);
        belay_alerts_sample(a, BELAY_ALERT_LETTERS, belay_str(name, (size_t)n), 1, SECOND);
    }
    assert_int_equal(belay_alerts_firing(a), BELAY_ALERTS_MAX);
    assert_int_equal(belay_alerts_dropped(a), 10);
}

static void without_memory_an_alert_is_counted_and_comes_with_the_next_round(void **state)
{
    (void)state;
    belay_alloc_fail_after(0);
    letters(1, SECOND);
    belay_alloc_fail_after(-1);
    assert_int_equal(belay_alerts_dropped(a), 1);
    letters(1, 2 * SECOND);
    assert_string_equal(told(2 * SECOND), "firing");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_first_letter_is_told_at_once_and_its_end_too),
        T(more_letters_are_told_together_once_in_a_while),
        T(a_notice_that_was_not_told_is_offered_again),
        T(what_was_never_told_need_not_be_taken_back),
        T(a_breach_must_last_before_it_fires),
        T(a_subject_that_is_gone_is_fine),
        T(below_a_bound_counts_where_the_rule_says_so),
        T(events_are_counted_within_their_window),
        T(a_window_that_a_reload_makes_longer_still_ends),
        T(a_window_that_a_reload_makes_shorter_keeps_what_is_in_it),
        T(an_event_known_to_be_over_need_not_wait_for_its_window),
        T(a_rule_is_about_the_subjects_it_names),
        T(a_silenced_alert_is_known_and_not_told),
        T(new_groups_are_told_as_they_come_together_once_in_a_while),
        T(what_comes_and_goes_while_it_is_told_is_one_alert),
        T(rules_that_stay_keep_their_alerts),
        T(a_flood_of_subjects_is_bounded_and_counted),
        T(without_memory_an_alert_is_counted_and_comes_with_the_next_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
