#include "obs/log.h"
#include "unit/test.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1782907200123456)
#define HEAD "{\"ts\":\"2026-07-01T12:00:00.123Z\",\"level\":"

struct fixture {
    struct belay_buf lines;
    struct belay_log log;
};

static int setup(void **state)
{
    static struct fixture f;
    belay_buf_init(&f.lines, 1 << 20);
    belay_log_init(&f.log, belay_log_sink_buf(&f.lines), BELAY_LOG_INFO);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    belay_buf_deinit(&f->lines);
    return 0;
}

static void assert_lines(struct fixture *f, const char *expected)
{
    belay_buf_put_c(&f->lines, '\0');
    assert_string_equal(f->lines.p, expected);
    belay_buf_clear(&f->lines);
}

static void one_object_a_line_with_typed_fields(void **state)
{
    struct fixture *f = *state;
    struct belay_err err;
    struct belay_log_ids ids = { .message = BELAY_STR("m1"), .flow = BELAY_STR("notify") };
    (void)!belay_fail(&err, BELAY_NOSPACE, "disk \"a\"");
    err.retry_after_ms = 5;
    BELAY_LOG(&f->log, BELAY_LOG_WARN, NOW, "letter.created", belay_f_ids(&ids),
              belay_f_uint("attempts", UINT64_MAX), belay_f_int("delta", INT64_MIN),
              belay_f_bool("parked", true), belay_f_double("ratio", 0.5),
              belay_f_double("none", NAN), belay_f_time("due", 0), belay_f_c("why", NULL),
              belay_f_err(&err));
    assert_lines(f, HEAD "\"warn\",\"event\":\"letter.created\",\"message\":\"m1\","
                         "\"flow\":\"notify\",\"attempts\":18446744073709551615,"
                         "\"delta\":-9223372036854775808,\"parked\":true,\"ratio\":0.5,"
                         "\"none\":null,\"due\":\"1970-01-01T00:00:00.000Z\",\"why\":\"\","
                         "\"error\":{\"code\":\"NOSPACE\",\"class\":\"transient\","
                         "\"message\":\"disk \\\"a\\\"\"}}\n");
    belay_log_write(&f->log, BELAY_LOG_ERROR, NOW, "x", NULL, 0);
    assert_lines(f, HEAD "\"error\",\"event\":\"x\"}\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    struct fixture *f = *state;
    enum belay_log_level level = BELAY_LOG_ERROR;
    BELAY_LOG(&f->log, BELAY_LOG_DEBUG, NOW, "x", belay_f_int("a", 1));
    BELAY_LOG(NULL, BELAY_LOG_ERROR, NOW, "x", belay_f_int("a", 1));
    assert_lines(f, "");
    assert_false(belay_log_wants(NULL, BELAY_LOG_ERROR));
    assert_true(belay_log_level_parse(BELAY_STR("debug"), &level));
    assert_false(belay_log_level_parse(BELAY_STR("loud"), &level));
    belay_log_set_level(&f->log, level);
    BELAY_LOG(&f->log, BELAY_LOG_DEBUG, NOW, "x", belay_f_int("a", 1));
    assert_lines(f, HEAD "\"debug\",\"event\":\"x\",\"a\":1}\n");
}

static void strings_become_valid_json_whatever_they_are(void **state)
{
    struct fixture *f = *state;
    const struct {
        struct belay_str in;
        const char *out;
    } cases[] = {
        { BELAY_STR("\"\\\n\r\t\x01\x7f"), "\\\"\\\\\\n\\r\\t\\u0001\\u007f" },
        { BELAY_STR("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" },
        { BELAY_STR("\xff"), "\xef\xbf\xbd" },
        { BELAY_STR("a\xc3"), "a\xef\xbf\xbd" },
        { BELAY_STR("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd" },             /* overlong */
        { BELAY_STR("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
        { BELAY_STR("\xf4\x90\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { BELAY_STR("\0x"), "\\u0000x" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, HEAD "\"info\",\"event\":\"x\",\"s\":\"%s\"}\n",
                 cases[i].out);
        BELAY_LOG(&f->log, BELAY_LOG_INFO, NOW, "x", belay_f_str("s", cases[i].in));
        assert_lines(f, expected);
    }
}

static void what_is_too_long_is_cut_and_says_so(void **state)
{
    struct fixture *f = *state;
    static char text[BELAY_LOG_STRING_BYTES_MAX * 2];
    struct belay_log_field fields[20];
    memset(text, 'x', sizeof text);
    text[BELAY_LOG_STRING_BYTES_MAX - 1] = '\xc3'; /* a character across the cut */
    text[BELAY_LOG_STRING_BYTES_MAX] = '\xbc';
    for (size_t i = 0; i < 20; i++)
        fields[i] = belay_f_str("s", belay_str(text, sizeof text));
    fields[19] = belay_f_int("last", 1);
    belay_log_write(&f->log, BELAY_LOG_INFO, NOW, "x", fields, 20);
    assert_true(f->lines.n <= BELAY_LOG_LINE_BYTES_MAX);
    const char *end = ",\"last\":1,\"truncated\":true}\n";
    assert_memory_equal(f->lines.p + f->lines.n - strlen(end), end, strlen(end));
    assert_non_null(memmem(f->lines.p, f->lines.n, "xxx\xe2\x80\xa6\"", 7));
}

static void a_flood_is_counted_not_written(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++)
        BELAY_LOG(&f->log, BELAY_LOG_INFO, NOW, "flood", belay_f_int("i", i));
    BELAY_LOG(&f->log, BELAY_LOG_INFO, NOW, "other", belay_f_int("i", 0));
    size_t lines = 0;
    for (size_t i = 0; i < f->lines.n; i++)
        lines += f->lines.p[i] == '\n';
    assert_int_equal(lines, BELAY_LOG_EVENTS_PER_S + 1);
    belay_buf_clear(&f->lines);
    belay_log_tick(&f->log, NOW); /* the second is not over */
    assert_lines(f, "");
    BELAY_LOG(&f->log, BELAY_LOG_INFO, NOW + BELAY_US_PER_S, "flood", belay_f_int("i", 100));
    assert_lines(f, "{\"ts\":\"2026-07-01T12:00:01.123Z\",\"level\":\"info\",\"event\":\"flood\","
                    "\"i\":100,\"suppressed\":80}\n");
    belay_log_tick(&f->log, NOW + 5 * BELAY_US_PER_S);
    assert_lines(f, "");
}

static void the_end_of_a_flood_is_told_by_the_tick(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < BELAY_LOG_EVENTS_PER_S + 3; i++)
        BELAY_LOG(&f->log, BELAY_LOG_INFO, NOW, "flood", belay_f_int("i", i));
    belay_buf_clear(&f->lines);
    belay_log_tick(&f->log, NOW + BELAY_US_PER_S);
    assert_lines(f, "{\"ts\":\"2026-07-01T12:00:01.123Z\",\"level\":\"warn\","
                    "\"event\":\"log.suppressed\",\"of\":\"flood\",\"suppressed\":3}\n");
}

static void more_event_names_than_slots_are_all_written(void **state)
{
    struct fixture *f = *state;
    static char names[BELAY_LOG_EVENTS_MAX + 10][16];
    for (size_t i = 0; i < BELAY_LOG_EVENTS_MAX + 10; i++) {
        snprintf(names[i], sizeof names[i], "e%zu", i);
        belay_log_write(&f->log, BELAY_LOG_INFO, NOW, names[i], NULL, 0);
        assert_true(f->lines.n > 0);
        belay_buf_clear(&f->lines);
    }
}

static void a_stream_gets_whole_lines(void **state)
{
    (void)state;
    static struct belay_log log;
    char got[256] = "";
    FILE *file = tmpfile();
    belay_log_init(&log, belay_log_sink_file(file), BELAY_LOG_INFO);
    BELAY_LOG(&log, BELAY_LOG_INFO, NOW, "a", belay_f_int("i", 1));
    BELAY_LOG(&log, BELAY_LOG_INFO, NOW, "b", belay_f_int("i", 2));
    rewind(file);
    size_t n = fread(got, 1, sizeof got - 1, file);
    fclose(file);
    assert_true(n > 0);
    assert_string_equal(got, HEAD "\"info\",\"event\":\"a\",\"i\":1}\n"
                             HEAD "\"info\",\"event\":\"b\",\"i\":2}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_object_a_line_with_typed_fields),
        TEST(what_is_below_the_level_is_not_written),
        TEST(strings_become_valid_json_whatever_they_are),
        TEST(what_is_too_long_is_cut_and_says_so),
        TEST(a_flood_is_counted_not_written),
        TEST(the_end_of_a_flood_is_told_by_the_tick),
        TEST(more_event_names_than_slots_are_all_written),
        TEST(a_stream_gets_whole_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
