/* The pieces of JSON that answers are made of, and how a question fails. */
#include <stdio.h>

#include "admin/question.h"
#include "admin/show.h"
#include "base/limits.h"
#include "unit/test.h"

struct shown {
    struct belay_arena arena;
    struct belay_buf buf;
    struct belay_json_out out;
};

static void begin(struct shown *s)
{
    belay_arena_init(&s->arena, 0, BELAY_MIB(1));
    belay_buf_init(&s->buf, BELAY_MIB(1));
    s->out = belay_json_out(&s->buf);
}

static void end(struct shown *s, const char *expected)
{
    assert_ok(belay_buf_status(&s->buf));
    belay_buf_put_c(&s->buf, '\0');
    assert_string_equal(s->buf.p, expected);
    belay_buf_deinit(&s->buf);
    belay_arena_deinit(&s->arena);
}

static void a_body_is_shown_as_json_where_it_is_and_as_text_where_not(void **state)
{
    (void)state;
    struct shown s;
    struct belay_field header = { BELAY_STR("x"), BELAY_STR("1") };
    struct belay_message m = { .id = BELAY_STR("m1"), .body = BELAY_STR("{\"a\":1}"), .headers = &header,
                               .header_count = 1, .time = BELAY_TIME_NEVER };
    begin(&s);
    show_message(&s.out, &m, &s.arena);
    end(&s, "{\"id\":\"m1\",\"time\":null,\"accepted_at\":\"1970-01-01T00:00:00.000Z\",\"headers\":{\"x\":\"1\"},"
            "\"body\":{\"a\":1}}");
    m = (struct belay_message){ .body = BELAY_STR("{\"a\":") };
    begin(&s);
    show_message(&s.out, &m, &s.arena);
    end(&s, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"accepted_at\":\"1970-01-01T00:00:00.000Z\",\"headers\":{},"
            "\"body\":\"{\\\"a\\\":\"}");
}

static void a_fault_names_only_what_is_known(void **state)
{
    (void)state;
    struct shown s;
    struct belay_fault f = { .at = 1000000, .class_ = BELAY_CLASS_TRANSIENT, .duration_us = 5 };
    snprintf(f.type, sizeof f.type, "HTTP:TIMEOUT");
    begin(&s);
    show_fault(&s.out, &f);
    end(&s, "{\"at\":\"1970-01-01T00:00:01.000Z\",\"error\":\"HTTP:TIMEOUT\",\"class\":\"transient\","
            "\"duration_us\":5}");
}

static void a_change_is_done_or_says_why_not(void **state)
{
    (void)state;
    struct question q = { 0 };
    belay_buf_init(&q.out, 1024);
    assert_true(question_done(&q, BELAY_OK));
    assert_int_equal(q.err.code, BELAY_OK);
    belay_buf_put_c(&q.out, '\0');
    assert_string_equal(q.out.p, "{\"done\":true}");
    assert_true(question_done(&q, BELAY_NOTFOUND));
    assert_int_equal(q.err.code, BELAY_NOTFOUND);
    assert_true(q.err.msg[0]);
    assert_true(question_fail(&q, BELAY_INVALID, "say %s", "why"));
    assert_int_equal(q.err.code, BELAY_INVALID);
    assert_string_equal(q.err.msg, "say why");
    belay_buf_deinit(&q.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_shown_as_json_where_it_is_and_as_text_where_not),
        cmocka_unit_test(a_fault_names_only_what_is_known),
        cmocka_unit_test(a_change_is_done_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
