#include "connector/smtp/message.h"

#include "base/limits.h"
#include "unit/test.h"

#define AT (INT64_C(1795780800) * BELAY_US_PER_S) /* 2026-11-27T12:00:00Z */

static const struct belay_str to[] = { BELAY_STR_INIT("ann@example.com"), BELAY_STR_INIT("bob@example.com") };

static const char *mail(const char *subject, const char *body)
{
    static char text[20000];
    struct belay_buf out;
    const struct smtp_mail m = { .from = BELAY_STR("belay@example.com"), .to = to, .to_count = 2, .subject = belay_str_c(subject),
                                 .body = belay_str_c(body), .key = BELAY_STR("k"), .at = AT };
    belay_buf_init(&out, sizeof text);
    smtp_message(&out, &m);
    assert_ok(belay_buf_status(&out));
    assert_true(out.n < sizeof text);
    memcpy(text, out.p, out.n);
    text[out.n] = '\0';
    belay_buf_deinit(&out);
    return text;
}

static void has(const char *text, const char *want)
{
    if (!strstr(text, want))
        fail_msg("%s\nhas no: %s", text, want);
}

static void a_mail_has_what_it_needs_and_stays_readable(void **state)
{
    (void)state;
    const char *m = mail("[firing] stalled work: late", "one\ntwo\r\n.three");
    has(m, "Date: Fri, 27 Nov 2026 12:00:00 +0000\r\nFrom: belay@example.com\r\nTo: ann@example.com,\r\n bob@example.com\r\n");
    has(m, "Subject: [firing] stalled work: late\r\nMessage-ID: <");
    has(m, "@example.com>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    has(m, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\n.three\r\n");
}

static void a_subject_cannot_add_headers(void **state)
{
    (void)state;
    const char *m = mail("a\r\nBcc: eve@example.com", "");
    has(m, "Subject: a  Bcc: eve@example.com\r\n");
    assert_null(strstr(m, "\nBcc"));
}

static void what_is_no_ascii_is_encoded_in_words_of_whole_characters(void **state)
{
    (void)state;
    has(mail("St\xc3\xb6rung", "x"), "Subject: =?utf-8?B?U3TDtnJ1bmc=?=\r\n");
    const char *m = mail("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac\xe2\x82\xac", "x");
    has(m, "=?utf-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n =?utf-8?B?4oKs4oKs?=\r\n");
}

static void a_body_that_mail_might_spoil_is_base64(void **state)
{
    char longer[2001];
    (void)state;
    has(mail("s", "\xe2\x82\xac\n"), "Content-Transfer-Encoding: base64\r\n\r\n4oKsCg==\r\n");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *m = mail("s", longer);
    has(m, "base64\r\n\r\n");
    for (const char *line = m, *end; (end = strstr(line, "\r\n")); line = end + 2)
        assert_true(end - line <= 78);
}

static void an_address_is_one_and_nothing_else(void **state)
{
    static const char *const good[] = { "a@b", "first.last+tag@mail.example.com" },
                            *const bad[] = { "", "a", "@b", "a@", "a b@c", "A <a@b>", "a@b@c", "a@b,c@d", "a@b\r\nX: y", "a@b>" };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(smtp_is_address(belay_str_c(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(smtp_is_address(belay_str_c(bad[i])));
    struct belay_str rest = BELAY_STR(" a@b, ,c@d,"), one;
    assert_true(smtp_next_address(&rest, &one));
    assert_str(one, "a@b");
    assert_true(smtp_next_address(&rest, &one));
    assert_str(one, "c@d");
    assert_false(smtp_next_address(&rest, &one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_has_what_it_needs_and_stays_readable),
        cmocka_unit_test(a_subject_cannot_add_headers),
        cmocka_unit_test(what_is_no_ascii_is_encoded_in_words_of_whole_characters),
        cmocka_unit_test(a_body_that_mail_might_spoil_is_base64),
        cmocka_unit_test(an_address_is_one_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
