/* Many subjects, one notice: what comes into it, when it goes, and that nobody is left out or told twice. */
#include <stdio.h>

#include "alert/alert.h"
#include "base/alloc.h"
#include "base/random.h"
#include "unit/test.h"

#define SECOND ((belay_time)BELAY_US_PER_S)

static const struct belay_alert_def rules[] = {
    { .name = BELAY_STR_INIT("letters"), .on = BELAY_ALERT_LETTERS, .regroup_ms = 300000, .wait_ms = 5000, .interval_ms = 60000 },
    { .name = BELAY_STR_INIT("disk"), .on = BELAY_ALERT_DISK_FREE, .below = true, .bound = 10 },
};

static struct belay_alerts *a;
static char names[4096];
static uint32_t named;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(belay_alerts_new(&a, NULL), BELAY_OK);
    belay_alerts_configure(a, rules, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    belay_alerts_free(a);
    return 0;
}

/* Each letter of firing is a flow with letters, as many as its place in the alphabet. Asked after it, as in every round. */
static void round_of(const char *firing, belay_time now)
{
    struct belay_alert_notice n;
    for (const char *c = firing; *c; c++)
        belay_alerts_sample(a, BELAY_ALERT_LETTERS, belay_str(c, 1), *c - 'a' + 1, now);
    belay_alerts_sampled(a, now);
    (void)belay_alerts_next(a, now, &n);
}

static void name(void *arg, const struct belay_alert *x)
{
    size_t at = strlen(names);
    (void)arg;
    snprintf(names + at, sizeof names - at, "%.*s ", BELAY_STR_ARG(x->subject));
    named++;
}

/* "firing 2: a b " and told; "" for nothing. */
static const char *told(belay_time now)
{
    static char text[sizeof names + 64];
    struct belay_alert_notice n;
    if (!belay_alerts_next(a, now, &n))
        return "";
    names[0] = '\0';
    named = 0;
    belay_alerts_each(a, &n, now, name, NULL);
    assert_int_equal(named, n.count);
    snprintf(text, sizeof text, "%s %u of %u: %s", belay_alert_state_name(n.state), n.count, n.firing, names);
    belay_alerts_told(a, &n, now);
    return text;
}

static void those_that_fire_together_are_told_together(void **state)
{
    (void)state;
    round_of("a", 1 * SECOND);
    assert_string_equal(told(1 * SECOND), "");
    round_of("ab", 3 * SECOND);
    round_of("abc", 6 * SECOND);
    assert_string_equal(told(6 * SECOND - 1), "");
    assert_string_equal(told(6 * SECOND), "firing 3 of 3: a b c ");
    assert_string_equal(told(6 * SECOND), "");
    round_of("abc", 7 * SECOND);
    assert_string_equal(told(7 * SECOND), "");
}

static void who_comes_later_waits_for_the_next_notice_of_the_rule(void **state)
{
    (void)state;
    round_of("a", 1 * SECOND);
    assert_string_equal(told(6 * SECOND), "firing 1 of 1: a ");
    round_of("ab", 10 * SECOND);
    round_of("abc", 50 * SECOND);
    assert_string_equal(told(65 * SECOND), "");
    round_of("abc", 66 * SECOND);
    assert_string_equal(told(66 * SECOND), "firing 2 of 3: b c ");
    round_of("abcd", 200 * SECOND); /* the interval is long over: it waits for others like a first one */
    assert_string_equal(told(204 * SECOND), "");
    assert_string_equal(told(205 * SECOND), "firing 1 of 4: d ");
}

static void what_is_over_is_told_together_and_in_its_own_time(void **state)
{
    (void)state;
    round_of("abc", 1 * SECOND);
    assert_string_equal(told(6 * SECOND), "firing 3 of 3: a b c ");
    round_of("ac", 8 * SECOND);
    round_of("c", 11 * SECOND);
    assert_string_equal(told(12 * SECOND), "");
    assert_string_equal(told(13 * SECOND), "resolved 2 of 1: a b ");
    round_of("", 20 * SECOND);
    assert_string_equal(told(72 * SECOND), "");
    assert_string_equal(told(73 * SECOND), "resolved 1 of 0: c ");
    assert_int_equal(belay_alerts_firing(a), 0);
}

/* That it is over is news of its own: it waits for others from then on, whatever news there was before. */
static void what_is_over_waits_from_when_it_was(void **state)
{
    (void)state;
    round_of("a", 1 * SECOND);
    assert_string_equal(told(6 * SECOND), "firing 1 of 1: a ");
    belay_alerts_sample(a, BELAY_ALERT_LETTERS, BELAY_STR("a"), 2, 310 * SECOND); /* it grew: news */
    round_of("", 310 * SECOND);
    round_of("", 313 * SECOND); /* no longer sampled: over */
    assert_string_equal(told(317 * SECOND), "");
    assert_string_equal(told(318 * SECOND), "resolved 1 of 0: a ");
}

static void a_notice_that_had_no_room_holds_back_no_other(void **state)
{
    (void)state;
    struct belay_alert_notice n;
    belay_alerts_sample(a, BELAY_ALERT_DISK_FREE, BELAY_STR("x"), 7, SECOND);
    round_of("a", SECOND);
    belay_alerts_sample(a, BELAY_ALERT_DISK_FREE, BELAY_STR("x"), 7, 6 * SECOND);
    assert_true(belay_alerts_next(a, 6 * SECOND, &n));
    assert_int_equal(n.def->on, BELAY_ALERT_DISK_FREE);
    belay_alerts_held(a, &n, 6 * SECOND);
    assert_string_equal(told(6 * SECOND), "firing 1 of 1: a ");
    assert_string_equal(told(6 * SECOND), ""); /* not again in this round */
    belay_alerts_sampled(a, 7 * SECOND);
    assert_string_equal(told(7 * SECOND), "firing 1 of 1: x "); /* in the next */
}

static void what_is_over_before_its_notice_went_is_in_none(void **state)
{
    (void)state;
    round_of("ab", 1 * SECOND);
    round_of("b", 3 * SECOND);
    assert_string_equal(told(6 * SECOND), "firing 1 of 1: b ");
    round_of("", 100 * SECOND);
    round_of("b", 103 * SECOND); /* nor what is there again before its end was told */
    assert_string_equal(told(200 * SECOND), "");
}

static void the_worst_figure_and_the_oldest_time_are_the_notice_s(void **state)
{
    (void)state;
    struct belay_alert_notice n;
    round_of("b", 1 * SECOND);
    round_of("bza", 2 * SECOND);
    assert_true(belay_alerts_next(a, 10 * SECOND, &n));
    assert_int_equal(n.since, 1 * SECOND);
    assert_true(n.value == 26);
    belay_alerts_told(a, &n, 10 * SECOND);
    belay_alerts_sample(a, BELAY_ALERT_DISK_FREE, BELAY_STR("x"), 7, 11 * SECOND);
    belay_alerts_sample(a, BELAY_ALERT_DISK_FREE, BELAY_STR("y"), 3, 11 * SECOND);
    assert_true(belay_alerts_next(a, 11 * SECOND, &n));
    assert_true(n.value == 3 && n.count == 2);
}

static void our_own_flows_have_a_notice_of_their_own(void **state)
{
    (void)state;
    struct belay_alert_notice n;
    belay_alerts_sample(a, BELAY_ALERT_LETTERS, BELAY_STR("alerts.ops"), 1, SECOND);
    round_of("a", SECOND);
    assert_false(belay_alerts_next(a, SECOND, &n));
    assert_true(belay_alerts_next(a, 6 * SECOND, &n));
    assert_true(n.own && n.count == 1 && n.firing == 1);
    belay_alerts_told(a, &n, 6 * SECOND);
    assert_true(belay_alerts_next(a, 6 * SECOND, &n));
    assert_true(!n.own && n.count == 1 && n.firing == 1);
}

static void a_reload_keeps_the_time_of_the_last_notice(void **state)
{
    (void)state;
    static const struct belay_alert_def turned[] = {
        { .name = BELAY_STR_INIT("disk"), .on = BELAY_ALERT_DISK_FREE, .below = true, .bound = 10 },
        { .name = BELAY_STR_INIT("letters"), .on = BELAY_ALERT_LETTERS, .wait_ms = 0, .interval_ms = 60000 },
    };
    round_of("a", 1 * SECOND);
    assert_string_equal(told(6 * SECOND), "firing 1 of 1: a ");
    belay_alerts_configure(a, turned, 2);
    round_of("ab", 7 * SECOND);
    assert_string_equal(told(65 * SECOND), "");
    assert_string_equal(told(66 * SECOND), "firing 1 of 2: b ");
}

static void without_memory_for_groups_notices_come_at_once(void **state)
{
    (void)state;
    belay_alloc_fail_after(0);
    belay_alerts_configure(a, rules, 2);
    belay_alloc_fail_after(UINT64_MAX);
    round_of("ab", 1 * SECOND);
    assert_string_equal(told(1 * SECOND), "firing 2 of 2: a b ");
}

/* ---- whatever happens ---- */

enum { FLOWS = 12 };

static struct {
    bool fires, believed; /* as it is; as whoever reads the notices takes it to be */
    uint64_t silence;     /* its number; 0: none */
    belay_time changed_at;
} flows[FLOWS];

static void read_subject(void *arg, const struct belay_alert *x)
{
    const struct belay_alert_notice *n = arg;
    unsigned at = (unsigned)(x->subject.p[0] - 'a');
    assert_true(at < FLOWS && !flows[at].silence && x->def == n->def && x->state == n->state);
    assert_true(flows[at].fires == (n->state == BELAY_ALERT_FIRING));
    assert_true(flows[at].believed != flows[at].fires); /* told once for each of its news */
    flows[at].believed = flows[at].fires;
    named++;
}

static void change_something(struct belay_random *random, belay_time now)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        char subject = (char)('a' + i);
        if (belay_random_below(random, 20) == 0) {
            flows[i].fires = !flows[i].fires;
            flows[i].changed_at = now;
        }
        if (flows[i].silence && belay_random_below(random, 10) == 0) {
            assert_true(belay_silences_remove(belay_alerts_silences(a), flows[i].silence));
            flows[i].silence = 0;
        } else if (!flows[i].silence && belay_random_below(random, 60) == 0) {
            const struct belay_silence s = { .rule = BELAY_STR("*"), .subject = belay_str(&subject, 1), .until = BELAY_TIME_NEVER,
                                             .who = BELAY_STR("x"), .reason = BELAY_STR("y") };
            assert_int_equal(belay_silences_put(belay_alerts_silences(a), &s, &flows[i].silence, NULL), BELAY_OK);
        }
    }
}

/* A round as the runtime does it; room false: what is to be told finds no place. */
static void a_round(belay_time now, bool room, belay_time last[2])
{
    struct belay_alert_notice n;
    for (unsigned i = 0; i < FLOWS; i++) {
        char subject = (char)('a' + i);
        belay_alerts_sample(a, BELAY_ALERT_LETTERS, belay_str(&subject, 1), flows[i].fires, now);
        if (flows[i].silence && !flows[i].fires)
            flows[i].believed = false; /* an end in silence is forgotten: whoever silenced it does not ask */
    }
    belay_alerts_sampled(a, now);
    while (belay_alerts_next(a, now, &n) && room) {
        belay_time *at = &last[n.state == BELAY_ALERT_OVER];
        assert_true(!*at || now - *at >= 60 * SECOND);
        *at = now;
        named = 0;
        belay_alerts_each(a, &n, now, read_subject, &n);
        assert_int_equal(named, n.count);
        belay_alerts_told(a, &n, now);
    }
}

static void every_news_is_in_exactly_one_notice(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct belay_random random = { seed };
        belay_time now = SECOND, last[2] = { 0 };
        memset(flows, 0, sizeof flows);
        for (int i = 0; i < 600; i++, now += SECOND) {
            change_something(&random, now);
            a_round(now, belay_random_below(&random, 4) > 0, last);
        }
        for (unsigned i = 0; i < FLOWS; i++)
            if (flows[i].silence)
                assert_true(belay_silences_remove(belay_alerts_silences(a), flows[i].silence));
        for (unsigned i = 0; i < FLOWS; i++)
            flows[i].silence = 0;
        for (int i = 0; i < 140; i++, now += SECOND) /* calm: an interval, a wait, and one more for what waited for the first */
            a_round(now, true, last);
        for (unsigned i = 0; i < FLOWS; i++)
            if (flows[i].believed != flows[i].fires)
                fail_msg("seed %llu: flow %c is %s and nobody was told", (unsigned long long)seed, (char)('a' + i),
                         flows[i].fires ? "firing" : "over");
        teardown(NULL);
        setup(NULL);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(those_that_fire_together_are_told_together),
        T(who_comes_later_waits_for_the_next_notice_of_the_rule),
        T(what_is_over_is_told_together_and_in_its_own_time),
        T(what_is_over_waits_from_when_it_was),
        T(a_notice_that_had_no_room_holds_back_no_other),
        T(what_is_over_before_its_notice_went_is_in_none),
        T(the_worst_figure_and_the_oldest_time_are_the_notice_s),
        T(our_own_flows_have_a_notice_of_their_own),
        T(a_reload_keeps_the_time_of_the_last_notice),
        T(without_memory_for_groups_notices_come_at_once),
        T(every_news_is_in_exactly_one_notice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
