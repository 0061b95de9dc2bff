/* A life in the order in which it happened, also within a millisecond. */
#include "cli/story.h"

#include <stdio.h>

#include "base/alloc.h"
#include "unit/test.h"

#define NOON "2026-07-01T12:00:00.000Z"
#define LATER "2026-07-01T12:00:00.001Z"

static void add(struct story *s, const char *text, struct story_line line)
{
    char bytes[64];
    struct belay_buf b = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    belay_buf_put_str(&b, belay_str_c(text));
    story_add(s, &line, &b);
}

/* "a b c" */
static const char *told(struct story *s)
{
    static char all[512];
    size_t n = 0;
    all[0] = '\0';
    story_sort(s);
    for (size_t i = 0; i < s->count; i++) {
        struct belay_str text;
        (void)story_at(s, i, &text);
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%.*s", i ? " " : "", BELAY_STR_ARG(text));
    }
    story_end(s);
    return all;
}

#define AT(time) .at = BELAY_STR_INIT(time)
#define MESSAGE(time, list_, id_, cause_, topic_, sequence_)                                                     \
    ((struct story_line){ AT(time), .list = (list_), .id = BELAY_STR_INIT(id_), .cause = BELAY_STR_INIT(cause_), \
                          .topic = BELAY_STR_INIT(topic_), .sequence = (sequence_) })
#define SAID(time, list_) ((struct story_line){ AT(time), .list = (list_) })
#define PUBLISHED(time, list_, place)                                                                             \
    ((struct story_line){ AT(time), .list = (list_), .published = BELAY_STR_INIT(place) })

static void time_comes_first(void **state)
{
    struct story s = { 0 };
    (void)state;
    add(&s, "second", MESSAGE(LATER, 1, "a", "", "t", 1));
    add(&s, "first", MESSAGE(NOON, 2, "b", "a", "t", 2)); /* whatever it says of its cause */
    assert_string_equal(told(&s), "first second");
}

/* Topics are told in their own order: what a message caused may come before it. */
static void of_one_moment_a_cause_comes_before_its_effect(void **state)
{
    struct story s = { 0 };
    (void)state;
    add(&s, "grandchild", MESSAGE(NOON, 1, "c", "b", "audit", 9));
    add(&s, "failed", SAID(NOON, 1));
    add(&s, "child", MESSAGE(NOON, 2, "b", "a", "lines", 4));
    add(&s, "order", MESSAGE(NOON, 3, "a", "request", "orders", 1));
    assert_string_equal(told(&s), "order child grandchild failed");
}

static void a_sagas_message_comes_after_the_sagas_word(void **state)
{
    struct story s = { 0 };
    (void)state;
    add(&s, "order", MESSAGE(NOON, 1, "a", "", "orders", 1));
    add(&s, "shipment", MESSAGE(NOON, 2, "b", "a", "updates", 7));
    add(&s, "other", MESSAGE(NOON, 3, "d", "", "updates", 17));
    add(&s, "outcome", MESSAGE(NOON, 4, "c", "b", "shipments", 3));
    add(&s, "started", SAID(NOON, 5));
    add(&s, "charged", SAID(NOON, 5));
    add(&s, "published", PUBLISHED(NOON, 5, "updates #7"));
    add(&s, "done", SAID(NOON, 5));
    assert_string_equal(told(&s), "order other started charged published shipment outcome done");
}

static void a_circle_ends_too(void **state)
{
    struct story s = { 0 };
    (void)state;
    add(&s, "egg", MESSAGE(NOON, 1, "a", "b", "t", 1));
    add(&s, "hen", MESSAGE(NOON, 2, "b", "a", "t", 2));
    assert_string_equal(told(&s), "egg hen");
}

static void more_than_can_be_put_in_order_stay_as_they_came(void **state)
{
    struct story s = { 0 };
    char first[64];
    struct belay_str text;
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        snprintf(first, sizeof first, "%u", i);
        add(&s, first, SAID(NOON, i));
    }
    story_sort(&s);
    assert_int_equal(s.count, 300);
    (void)story_at(&s, 299, &text);
    assert_str(text, "299");
    story_end(&s);
}

static void without_memory_it_says_that_lines_are_missing(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2; n++) {
        struct story s = { 0 };
        belay_alloc_fail_after(n);
        add(&s, "order", SAID(NOON, 1));
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(s.full);
        story_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_comes_first),
        cmocka_unit_test(of_one_moment_a_cause_comes_before_its_effect),
        cmocka_unit_test(a_sagas_message_comes_after_the_sagas_word),
        cmocka_unit_test(a_circle_ends_too),
        cmocka_unit_test(more_than_can_be_put_in_order_stay_as_they_came),
        cmocka_unit_test(without_memory_it_says_that_lines_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
