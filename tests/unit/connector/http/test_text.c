/* The small grammar of HTTP: what comes from outside is decoded whole or refused. */
#include "connector/http/text.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "unit/test.h"

static void a_percent_that_makes_no_sense_is_refused_and_no_half_text_comes_out(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
        bool plus;
    } rows[] = {
        { "plain", "plain", false },  { "", "", false },          { "a%20b", "a b", false },
        { "a+b", "a+b", false },      { "a+b", "a b", true },     { "%2B+", "+ ", true },
        { "%C3%a4", "\xc3\xa4", false }, { "%", NULL, false },    { "%4", NULL, false },
        { "abc%4", NULL, false },     { "%4G", NULL, false },     { "%G4", NULL, false },
        { "%%41", NULL, false },      { "%ff", NULL, false },     { "%C3", NULL, false },
        { "%C0%AF", NULL, false },    { "%E0%80%AF", NULL, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_arena arena;
        struct belay_str text = BELAY_STR("untouched");
        belay_arena_init(&arena, 0, BELAY_KIB(64));
        int status = http_decode(&arena, belay_str_c(rows[i].in), rows[i].plus, &text);
        if (status != (rows[i].out ? BELAY_OK : BELAY_INVALID))
            fail_msg("%s: %s", rows[i].in, belay_status_text(status));
        assert_true(belay_str_eq(text, belay_str_c(rows[i].out ? rows[i].out : "untouched")));
        belay_arena_deinit(&arena);
    }
}

static void an_escaped_slash_stays_escaped_when_a_path_is_normalized(void **state)
{
    (void)state;
    struct belay_arena arena;
    struct belay_str text;
    belay_arena_init(&arena, 0, BELAY_KIB(64));
    assert_ok(http_normalize(&arena, BELAY_STR("/%61%2Fb%7e%2e%zz%4"), &text));
    assert_str(text, "/a%2Fb~.%zz%4");
    assert_ok(http_normalize(&arena, BELAY_STR(""), &text));
    assert_int_equal(text.n, 0);
    belay_arena_deinit(&arena);
}

static void decoding_without_memory_says_so(void **state)
{
    (void)state;
    struct belay_arena arena;
    struct belay_str text = BELAY_STR("untouched");
    belay_arena_init(&arena, 0, BELAY_KIB(64));
    belay_alloc_fail_after(0);
    int decoded = http_decode(&arena, BELAY_STR("a%20b"), false, &text);
    int normalized = http_normalize(&arena, BELAY_STR("a%20b"), &text);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(decoded, BELAY_NOMEM);
    assert_int_equal(normalized, BELAY_NOMEM);
    assert_str(text, "untouched");
    belay_arena_deinit(&arena);
}

static void utf8_is_only_what_the_rfc_allows(void **state)
{
    (void)state;
    static const char *const good[] = { "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa4z" };
    static const char *const bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xe1\x80",
                                       "\xed\xa0\x80", "\xef\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                       "\xf1\x80\x80", "\xff", "a\xe2\x82" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(http_is_utf8(belay_str_c(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(http_is_utf8(belay_str_c(bad[i])));
}

/* What a flow computes goes into a field: it must not begin another one. */
static void a_field_value_ends_no_line(void **state)
{
    (void)state;
    assert_true(http_is_field_value(BELAY_STR("a b\tc \xc3\xa4")));
    assert_true(http_is_field_value(BELAY_STR("")));
    for (unsigned c = 0; c < 0x20; c++) {
        const char text[] = { 'a', (char)c, 'b' };
        assert_int_equal(http_is_field_value(belay_str(text, sizeof text)), c == '\t');
    }
    assert_false(http_is_field_value(BELAY_STR("a\x7f")));
    assert_true(http_is_token(BELAY_STR("X-Order_1.~")));
    const char zero[] = { 'a', 0 };
    assert_false(http_is_token(belay_str(zero, sizeof zero)));
    static const char *const none[] = { "", "a b", "a:", "a\r\n", "(a)", "\xc3\xa4" };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(http_is_token(belay_str_c(none[i])));
}

static void a_content_type_is_taken_apart(void **state)
{
    (void)state;
    struct belay_str type = BELAY_STR(" Application/Problem+JSON ; charset = utf-8; boundary=\"x y\"");
    assert_str(http_media_type(type), "Application/Problem+JSON");
    assert_str(http_media_param(type, BELAY_STR("Charset")), "utf-8");
    assert_str(http_media_param(type, BELAY_STR("boundary")), "x y");
    assert_null(http_media_param(type, BELAY_STR("q")).p);
    assert_null(http_media_param(BELAY_STR("charset=utf-8"), BELAY_STR("charset")).p); /* that is the type */
    assert_str(http_media_param(BELAY_STR("a/b; x=\""), BELAY_STR("x")), "\"");
    assert_true(http_media_is_json(http_media_type(type)));
    assert_false(http_media_is_json(BELAY_STR("+json")));
    assert_false(http_media_is_json(BELAY_STR("application/jsonp")));
    assert_true(http_media_matches(BELAY_STR("*/*"), BELAY_STR("a/b")));
    assert_true(http_media_matches(BELAY_STR("Text/*"), BELAY_STR("text/plain")));
    assert_false(http_media_matches(BELAY_STR("text/*"), BELAY_STR("text/")));
    assert_false(http_media_matches(BELAY_STR("text/*"), BELAY_STR("texts/plain")));
    assert_int_equal(http_media_kind(BELAY_STR("application/X-www-form-urlencoded")), HTTP_MEDIA_FORM);
    assert_int_equal(http_media_kind(BELAY_STR("multipart/form-data")), HTTP_MEDIA_MULTIPART);
    assert_int_equal(http_media_kind(BELAY_STR("text/csv")), HTTP_MEDIA_TEXT);
    assert_int_equal(http_media_kind(BELAY_STR("tex")), HTTP_MEDIA_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percent_that_makes_no_sense_is_refused_and_no_half_text_comes_out),
        cmocka_unit_test(an_escaped_slash_stays_escaped_when_a_path_is_normalized),
        cmocka_unit_test(decoding_without_memory_says_so),
        cmocka_unit_test(utf8_is_only_what_the_rfc_allows),
        cmocka_unit_test(a_field_value_ends_no_line),
        cmocka_unit_test(a_content_type_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
