#include "base/status.h"
#include "unit/test.h"

#include <string.h>

static void every_status_has_name_text_and_class(void **state)
{
    (void)state;
    for (int s = 0; s < BELAY_STATUS_COUNT; s++) {
        assert_string_not_equal(belay_status_name(s), "?");
        assert_true(strlen(belay_status_text(s)) > 0);
        assert_true(strlen(belay_class_name(belay_status_class(s))) > 0);
    }
    assert_string_equal(belay_status_name(-1), "?");
    assert_string_equal(belay_status_name(BELAY_STATUS_COUNT), "?");
    assert_int_equal(belay_status_class(999), BELAY_CLASS_FATAL);
}

static void failing_fills_the_error_and_returns_the_status(void **state)
{
    (void)state;
    struct belay_err err = { .retry_after_ms = 7 };
    assert_int_equal(belay_fail(&err, BELAY_NOSPACE, "disk %d is full", 3), BELAY_NOSPACE);
    assert_int_equal(err.code, BELAY_NOSPACE);
    assert_int_equal(err.class_, BELAY_CLASS_TRANSIENT);
    assert_int_equal(err.retry_after_ms, 0);
    assert_string_equal(err.msg, "disk 3 is full");
    assert_int_equal(belay_fail(NULL, BELAY_IO, "nobody listens"), BELAY_IO);
    belay_err_clear(&err);
    assert_int_equal(err.code, BELAY_OK);
}

static void wrapping_puts_the_context_in_front(void **state)
{
    (void)state;
    struct belay_err err = { 0 };
    int status = belay_fail(&err, BELAY_CORRUPT, "checksum");
    assert_int_equal(belay_wrap(&err, status, "segment %d", 4), BELAY_CORRUPT);
    assert_string_equal(err.msg, "segment 4: checksum");
    assert_int_equal(belay_wrap(NULL, BELAY_IO, "x"), BELAY_IO);
}

static void long_messages_are_cut_never_overrun(void **state)
{
    (void)state;
    char text[2000];
    struct belay_err err;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)!belay_fail(&err, BELAY_INVALID, "%s", text);
    assert_int_equal(strlen(err.msg), BELAY_ERR_MSG_MAX - 1);
    (void)!belay_wrap(&err, BELAY_INVALID, "%s", text);
    assert_int_equal(strlen(err.msg), BELAY_ERR_MSG_MAX - 1);
    assert_memory_equal(err.msg + 200, ": x", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_name_text_and_class),
        cmocka_unit_test(failing_fills_the_error_and_returns_the_status),
        cmocka_unit_test(wrapping_puts_the_context_in_front),
        cmocka_unit_test(long_messages_are_cut_never_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
