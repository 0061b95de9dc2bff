/* What was told outlives the process: told as over when it holds no more, no news while it holds, whatever could not be written. */
#include <stdio.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/random.h"
#include "unit/test.h"

#define SECOND ((belay_time)BELAY_US_PER_S)
#define ROWS 4096

static const struct belay_str to_ops[] = { BELAY_STR_INIT("ops") }, to_page[] = { BELAY_STR_INIT("page") };
static struct belay_alert_def rules[] = {
    { .name = BELAY_STR_INIT("lag"), .on = BELAY_ALERT_QUEUED, .bound = 10, .repeat_ms = 3600000, .to = to_ops, .to_count = 1 },
    { .name = BELAY_STR_INIT("crashed"), .on = BELAY_ALERT_EVENT, .event = BELAY_STR_INIT("message.crashed"), .within_ms = 600000 },
    { .name = BELAY_STR_INIT("stalled-key"), .on = BELAY_ALERT_STALLED, .bound = 300000 },
    { .name = BELAY_STR_INIT("new-group"), .on = BELAY_ALERT_NEW_GROUPS },
};

static struct belay_alerts *a;
static struct belay_buf disk[ROWS]; /* rows by number; they outlive the alerts */

static void begin(uint32_t rule_count)
{
    assert_ok(belay_alerts_new(&a, NULL));
    belay_alerts_configure(a, rules, rule_count);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        belay_buf_init(&disk[i], BELAY_NOTE_BYTES_MAX);
    begin(3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    belay_alerts_free(a);
    for (size_t i = 0; i < ROWS; i++)
        belay_buf_deinit(&disk[i]);
    rules[0].to = to_ops;
    return 0;
}

/* As the runtime does after each round; at most so many. How many were written. */
static uint32_t save(uint32_t max)
{
    uint32_t count = 0;
    uint64_t number;
    struct belay_buf row;
    belay_buf_init(&row, BELAY_NOTE_BYTES_MAX);
    for (; count < max && (number = belay_alerts_unsaved(a, &row)); count++) {
        assert_true(number < ROWS);
        belay_buf_clear(&disk[number]);
        belay_buf_put_str(&disk[number], belay_buf_view(&row));
        belay_alerts_saved(a, number);
        belay_buf_clear(&row);
    }
    belay_buf_deinit(&row);
    return count;
}

static uint32_t rows(void)
{
    uint32_t count = 0;
    for (size_t i = 0; i < ROWS; i++)
        count += disk[i].n > 0;
    return count;
}

/* The status of the last row that was given back. */
static int restart(uint32_t rule_count, belay_time now)
{
    int status = BELAY_OK;
    belay_alerts_free(a);
    begin(rule_count);
    for (uint64_t i = 1; i < ROWS; i++)
        if (disk[i].n)
            status = belay_alerts_restore(a, i, belay_buf_view(&disk[i]), now);
    return status;
}

static void name(void *arg, const struct belay_alert *x)
{
    char *text = arg;
    size_t at = strlen(text);
    snprintf(text + at, 256 - at, " %.*s", BELAY_STR_ARG(x->subject));
}

/* "firing lag: a b" and told; "" for nothing. */
static const char *told(belay_time now)
{
    static char text[256];
    struct belay_alert_notice n;
    if (!belay_alerts_next(a, now, &n))
        return "";
    snprintf(text, sizeof text, "%s %.*s:", belay_alert_state_name(n.state), BELAY_STR_ARG(n.def->name));
    belay_alerts_each(a, &n, now, name, text);
    belay_alerts_told(a, &n, now);
    return text;
}

/* Each letter of firing is a queue that is too long. */
static const char *round_of(const char *firing, belay_time now)
{
    for (const char *c = firing; *c; c++)
        belay_alerts_sample(a, BELAY_ALERT_QUEUED, belay_str(c, 1), 11, now);
    belay_alerts_sampled(a, now);
    return told(now);
}

static void what_holds_no_more_after_a_restart_is_told_as_over_once(void **state)
{
    (void)state;
    assert_string_equal(round_of("ab", 1 * SECOND), "firing lag: a b");
    assert_int_equal(save(ROWS), 2);
    assert_ok(restart(3, 100 * SECOND));
    assert_int_equal(belay_alerts_firing(a), 2);
    assert_string_equal(round_of("b", 101 * SECOND), "resolved lag: a");
    assert_int_equal(save(ROWS), 1);
    assert_int_equal(rows(), 1);
    assert_ok(restart(3, 200 * SECOND));
    assert_string_equal(round_of("b", 201 * SECOND), "");
    assert_string_equal(round_of("", 202 * SECOND), "resolved lag: b");
    assert_int_equal(save(ROWS) + rows(), 1);
    assert_int_equal(belay_alerts_unsaved(a, NULL), 0);
}

static void what_still_holds_is_no_news_until_it_is_repeated(void **state)
{
    (void)state;
    struct belay_alert x;
    assert_string_equal(round_of("a", 1 * SECOND), "firing lag: a");
    save(ROWS);
    assert_ok(restart(3, 100 * SECOND));
    assert_string_equal(round_of("ab", 101 * SECOND), "firing lag: b"); /* b is news */
    assert_true(belay_alerts_look(a, 0, 102 * SECOND, &x));
    assert_true(x.since == 1 * SECOND && x.told == 1 && x.told_at == 1 * SECOND && x.value == 11);
    save(ROWS);
    assert_ok(restart(3, 3500 * SECOND));
    assert_string_equal(round_of("ab", 3600 * SECOND), "");
    assert_string_equal(round_of("ab", 3601 * SECOND), "firing lag: a");
    assert_int_equal(save(ROWS), 1);
    assert_int_equal(rows(), 2);
}

static void what_was_not_told_is_not_remembered(void **state)
{
    (void)state;
    struct belay_alert_notice n;
    belay_alerts_sample(a, BELAY_ALERT_QUEUED, BELAY_STR("a"), 11, SECOND);
    belay_alerts_sampled(a, SECOND);
    assert_true(belay_alerts_next(a, SECOND, &n));
    belay_alerts_held(a, &n, SECOND); /* no room for the notice */
    assert_int_equal(save(ROWS), 0);
    assert_string_equal(round_of("", 2 * SECOND), "");
    assert_int_equal(save(ROWS), 0);
}

/* The notice went, its row did not: he may be told twice, but he is told. */
static void a_row_that_could_not_be_written_is_offered_again(void **state)
{
    (void)state;
    assert_string_equal(round_of("ab", 1 * SECOND), "firing lag: a b");
    assert_int_equal(save(1), 1);
    assert_string_equal(round_of("ab", 2 * SECOND), "");
    assert_int_equal(save(ROWS), 1);
    assert_string_equal(round_of("", 3 * SECOND), "resolved lag: a b"); /* one row goes, and the process dies */
    assert_int_equal(save(1), 1);
    assert_ok(restart(3, 4 * SECOND));
    assert_int_equal(belay_alerts_firing(a), 1);
    assert_int_equal(strncmp(round_of("", 5 * SECOND), "resolved lag: ", 14), 0);
    assert_int_equal(save(ROWS) + rows(), 1);
}

/* A row whose alert was over, and could not go; then the same subject fired anew. */
static void of_two_rows_of_one_subject_the_later_one_counts(void **state)
{
    (void)state;
    struct belay_alert x;
    assert_string_equal(round_of("a", 1 * SECOND), "firing lag: a");
    save(ROWS);
    assert_string_equal(round_of("", 2 * SECOND), "resolved lag: a");
    belay_alerts_saved(a, 1); /* lost */
    assert_string_equal(round_of("a", 3 * SECOND), "firing lag: a");
    save(ROWS);
    assert_int_equal(rows(), 2);
    assert_ok(restart(3, 10 * SECOND));
    assert_int_equal(belay_alerts_firing(a), 1);
    assert_true(belay_alerts_look(a, 0, 11 * SECOND, &x) && x.since == 3 * SECOND);
    save(ROWS);
    assert_int_equal(rows(), 1);
    assert_string_equal(round_of("", 12 * SECOND), "resolved lag: a");
}

static void a_new_first_channel_is_told_what_it_does_not_know(void **state)
{
    (void)state;
    assert_string_equal(round_of("a", 1 * SECOND), "firing lag: a");
    save(ROWS);
    rules[0].to = to_page;
    assert_ok(restart(3, 2 * SECOND));
    assert_string_equal(round_of("a", 3 * SECOND), "firing lag: a");
    save(ROWS);
    assert_ok(restart(3, 4 * SECOND));
    assert_string_equal(round_of("a", 5 * SECOND), "");
}

static void an_event_is_over_when_its_window_is_quiet_since_it_was_told(void **state)
{
    (void)state;
    belay_alerts_event(a, BELAY_STR("message.crashed"), BELAY_STR("ship"), 1000 * SECOND);
    assert_string_equal(round_of("", 1000 * SECOND), "firing crashed: ship");
    save(ROWS);
    assert_ok(restart(3, 1100 * SECOND));
    assert_string_equal(round_of("", 1500 * SECOND), "");
    assert_string_equal(round_of("", 1700 * SECOND), "resolved crashed: ship");
    belay_alerts_event(a, BELAY_STR("message.crashed"), BELAY_STR("ship"), 2000 * SECOND);
    assert_string_equal(round_of("", 2000 * SECOND), "firing crashed: ship");
    save(ROWS);
    assert_ok(restart(3, 9000 * SECOND)); /* it was down for long */
    belay_alerts_event_over(a, BELAY_STR("another.event"));
    assert_string_equal(round_of("", 9001 * SECOND), "resolved crashed: ship");
}

static void a_figure_that_begins_anew_with_the_process_has_time_to_come_back(void **state)
{
    (void)state;
    belay_alerts_sample(a, BELAY_ALERT_STALLED, BELAY_STR("ship"), 300001, SECOND);
    assert_string_equal(round_of("", 1 * SECOND), "firing stalled-key: ship");
    save(ROWS);
    assert_ok(restart(3, 10 * SECOND));
    assert_string_equal(round_of("", 300 * SECOND), "");
    belay_alerts_sample(a, BELAY_ALERT_STALLED, BELAY_STR("ship"), 300001, 310 * SECOND); /* it is back */
    assert_string_equal(round_of("", 310 * SECOND), "");
    assert_string_equal(round_of("", 311 * SECOND), "resolved stalled-key: ship");
    belay_alerts_sample(a, BELAY_ALERT_STALLED, BELAY_STR("ship"), 300001, 400 * SECOND);
    assert_string_equal(round_of("", 400 * SECOND), "firing stalled-key: ship");
    save(ROWS);
    assert_ok(restart(3, 500 * SECOND));
    assert_string_equal(round_of("", 809 * SECOND), ""); /* it does not come back */
    assert_string_equal(round_of("", 810 * SECOND), "resolved stalled-key: ship");
}

/* The first looks come before the walk over the groups is at its end, and find none. */
static void a_new_group_is_neither_over_nor_new_because_of_a_restart(void **state)
{
    (void)state;
    restart(4, 1 * SECOND);
    belay_alerts_sample(a, BELAY_ALERT_NEW_GROUPS, BELAY_STR("ship"), 1, SECOND);
    assert_string_equal(round_of("", 1 * SECOND), "firing new-group: ship");
    save(ROWS);
    assert_ok(restart(4, 10 * SECOND));
    belay_alerts_sample(a, BELAY_ALERT_NEW_GROUPS, BELAY_STR("ship"), 0, 10 * SECOND);
    assert_string_equal(round_of("", 10 * SECOND), "");
    belay_alerts_sample(a, BELAY_ALERT_NEW_GROUPS, BELAY_STR("ship"), 1, 12 * SECOND);
    assert_string_equal(round_of("", 12 * SECOND), "");
    belay_alerts_sample(a, BELAY_ALERT_NEW_GROUPS, BELAY_STR("ship"), 0, 3700 * SECOND);
    assert_string_equal(round_of("", 3700 * SECOND), "resolved new-group: ship");
}

static void a_row_without_its_rule_and_one_that_makes_no_sense_go(void **state)
{
    (void)state;
    belay_alerts_event(a, BELAY_STR("message.crashed"), BELAY_STR("ship"), SECOND);
    assert_string_equal(round_of("", 1 * SECOND), "firing crashed: ship");
    save(ROWS);
    assert_int_equal(restart(1, 2 * SECOND), BELAY_NOTFOUND); /* of `lag` alone */
    assert_int_equal(belay_alerts_firing(a), 0);
    assert_int_equal(save(ROWS) + rows(), 1);
    belay_buf_put_str(&disk[5], BELAY_STR("\1nonsense"));
    assert_int_equal(restart(3, 3 * SECOND), BELAY_CORRUPT);
    assert_string_equal(round_of("a", 4 * SECOND), "firing lag: a");
    save(ROWS);
    assert_true(rows() == 1 && disk[6].n > 0); /* behind all numbers there were */
    disk[6].p[0]++; /* of a later version */
    assert_int_equal(restart(3, 5 * SECOND), BELAY_CORRUPT);
    save(ROWS);
    assert_int_equal(rows(), 0);
}

static void every_row_that_is_cut_is_refused(void **state)
{
    (void)state;
    assert_string_equal(round_of("a", 1 * SECOND), "firing lag: a");
    save(ROWS);
    for (size_t n = 0; n < disk[1].n; n++)
        assert_int_equal(belay_alerts_restore(a, 2 + n, belay_str(disk[1].p, n), SECOND), BELAY_CORRUPT);
}

static void a_rule_that_a_reload_takes_away_leaves_no_row(void **state)
{
    (void)state;
    assert_string_equal(round_of("a", 1 * SECOND), "firing lag: a");
    save(ROWS);
    belay_alerts_configure(a, rules + 1, 2);
    assert_int_equal(save(ROWS) + rows(), 1);
}

static void what_comes_and_goes_while_nothing_can_be_written_leaves_nothing(void **state)
{
    (void)state;
    for (belay_time now = 1; now < 100; now += 2) {
        assert_string_equal(round_of("a", now * SECOND), "firing lag: a");
        round_of("", (now + 1) * SECOND);
    }
    assert_int_equal(save(ROWS), 0);
}

static void what_is_over_in_silence_leaves_no_row(void **state)
{
    (void)state;
    const struct belay_silence quiet = { .until = 100 * SECOND, .rule = BELAY_STR("*"), .who = BELAY_STR("ann"), .reason = BELAY_STR("x") };
    assert_string_equal(round_of("a", 1 * SECOND), "firing lag: a");
    save(ROWS);
    assert_ok(belay_silences_put(belay_alerts_silences(a), &quiet, NULL, NULL));
    assert_string_equal(round_of("", 2 * SECOND), "");
    assert_int_equal(save(ROWS) + rows(), 1);
}

static void a_clock_that_was_set_back_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct belay_alert x;
    assert_string_equal(round_of("a", 9000 * SECOND), "firing lag: a");
    save(ROWS);
    assert_ok(restart(3, 10 * SECOND));
    assert_true(belay_alerts_look(a, 0, 10 * SECOND, &x) && x.since == 10 * SECOND && x.told_at == 10 * SECOND);
    assert_string_equal(round_of("", 11 * SECOND), "resolved lag: a");
}

static void without_memory_it_is_forgotten_and_its_row_stays_for_the_next_start(void **state)
{
    (void)state;
    assert_string_equal(round_of("a", 1 * SECOND), "firing lag: a");
    save(ROWS);
    belay_alerts_free(a);
    begin(3);
    belay_alloc_fail_after(0);
    int status = belay_alerts_restore(a, 1, belay_buf_view(&disk[1]), SECOND);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(status, BELAY_NOMEM);
    assert_int_equal(save(ROWS), 0);
    assert_int_equal(belay_alerts_dropped(a), 1);
}

/* At random: subjects fire and are well again, rows find no room, the process dies. Who was told hears that it is over. */
static void nobody_is_left_with_an_alert_that_is_over(void **state)
{
    (void)state;
    struct belay_random random = { 11 };
    bool ill[3] = { 0 }, known[3] = { 0 };
    belay_time now = SECOND;
    for (int i = 0; i < 3000; i++) {
        char firing[4] = "";
        bool calm = i % 100 > 95;
        for (size_t c = 0; c < 3; c++) {
            ill[c] = calm ? false : belay_random_below(&random, 3) ? ill[c] : !ill[c];
            if (ill[c])
                strncat(firing, &"abc"[c], 1);
        }
        now += SECOND;
        for (const char *text = round_of(firing, now); *text; text = told(now)) {
            const char *subjects = strchr(text, ':');
            for (size_t c = 0; c < 3; c++)
                if (strchr(subjects, "abc"[c])) {
                    bool fires = text[0] == 'f';
                    assert_true(known[c] != fires);
                    known[c] = fires;
                }
        }
        save(ROWS);
        if (belay_random_below(&random, 10) == 0)
            assert_ok(restart(3, now));
        for (size_t c = 0; c < 3 && i % 100 == 99; c++)
            assert_false(known[c]);
        for (size_t n = 0; i % 100 == 99 && n < ROWS; n++)
            assert_int_equal(disk[n].n, 0);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_holds_no_more_after_a_restart_is_told_as_over_once),
        T(what_still_holds_is_no_news_until_it_is_repeated),
        T(what_was_not_told_is_not_remembered),
        T(a_row_that_could_not_be_written_is_offered_again),
        T(of_two_rows_of_one_subject_the_later_one_counts),
        T(a_new_first_channel_is_told_what_it_does_not_know),
        T(an_event_is_over_when_its_window_is_quiet_since_it_was_told),
        T(a_figure_that_begins_anew_with_the_process_has_time_to_come_back),
        T(a_new_group_is_neither_over_nor_new_because_of_a_restart),
        T(a_row_without_its_rule_and_one_that_makes_no_sense_go),
        T(every_row_that_is_cut_is_refused),
        T(a_rule_that_a_reload_takes_away_leaves_no_row),
        T(what_comes_and_goes_while_nothing_can_be_written_leaves_nothing),
        T(what_is_over_in_silence_leaves_no_row),
        T(a_clock_that_was_set_back_keeps_nobody_waiting),
        T(without_memory_it_is_forgotten_and_its_row_stays_for_the_next_start),
        T(nobody_is_left_with_an_alert_that_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
