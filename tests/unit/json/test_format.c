/* Formats, a few of each kind; many more are in the official suite (test_schema_suite.c). */
#include <stdio.h>

#include "json/format.h"
#include "unit/test.h"

static void each_format_knows_its_own(void **state)
{
    static const struct {
        const char *format, *text;
        bool fits;
    } rows[] = {
        { "date-time", "2024-02-29T23:59:60Z", true },    { "date-time", "2024-02-29T22:59:60Z", false },
        { "date-time", "2023-02-29T10:00:00Z", false },   { "date-time", "2024-01-01T10:00:00.123+05:30", true },
        { "date-time", "2024-01-01 10:00:00Z", false },   { "date-time", "2024-01-01T10:00:00", false },
        { "date-time", "2024-01-01T24:00:00Z", false },   { "date-time", "2024-01-01T10:00:00.Z", false },
        { "date", "2100-02-29", false },                  { "date", "2000-02-29", true },
        { "date", "2024-13-01", false },                  { "date", "24-01-01", false },
        { "time", "23:59:60+00:00", true },               { "time", "15:59:60-08:00", true },
        { "duration", "P1Y2M3DT4H5M6S", true },           { "duration", "P1W", true },
        { "duration", "P", false },                       { "duration", "P1D2H", false },
        { "duration", "PT", false },                      { "duration", "P1Y1W", false },
        { "email", "a.b+c@x-y.test", true },              { "email", "\"a b\"@x.test", true },
        { "email", "a@[127.0.0.1]", true },               { "email", "a@[IPv6:::1]", true },
        { "email", ".a@x", false },                       { "email", "a..b@x", false },
        { "email", "a@", false },                         { "email", "@x", false },
        { "email", "\xc3\xa4@x", false },                 { "idn-email", "\xc3\xa4@\xc3\xbc.test", true },
        { "hostname", "a.b-c.test", true },               { "hostname", "-a", false },
        { "hostname", "a..b", false },                    { "hostname", "", false },
        { "hostname", "xn--bcher-kva.test", true },       { "hostname", "xn--X", false },
        { "hostname", "XN--BCHER-KVA", true },            { "hostname", "ab--cd", false },
        { "idn-hostname", "b\xc3\xbc" "cher.test", true },  { "idn-hostname", "b\xc3\xbc" "cher\xe3\x80\x82x", true },
        { "idn-hostname", "\xc3\xbc..x", false },         { "idn-hostname", "", false },
        { "idn-hostname", "0a.\xd7\x90", false },         { "idn-hostname", "a.\xd7\x90", true },
        { "idn-hostname", "\xd7\x90" "0\xd9\xa0", false }, { "idn-hostname", "\xd7\x90" "0", true },
        { "ipv4", "255.0.0.1", true },                    { "ipv4", "256.0.0.1", false },
        { "ipv4", "1.2.3", false },                       { "ipv4", "01.2.3.4", false },
        { "ipv6", "::", true },                           { "ipv6", "1::8", true },
        { "ipv6", "::ffff:1.2.3.4", true },               { "ipv6", "1:2:3:4:5:6:7:8", true },
        { "ipv6", "1:2:3:4:5:6:7", false },               { "ipv6", "1::2::3", false },
        { "ipv6", "::12345", false },                     { "ipv6", "1.2.3.4::", false },
        { "uri", "http://[::1]:80/a%20b?c#d", true },     { "uri", "a/b", false },
        { "uri", "http://x/%zz", false },                 { "uri", "http://x/a b", false },
        { "uri", "urn:x:y", true },                       { "uri-reference", "../a?b#c", true },
        { "uri-reference", "1:2", false },                { "iri", "http://\xc3\xa4/", true },
        { "uri-template", "/a{?b,c*}{#d:3}", true },      { "uri-template", "/a{b", false },
        { "uri-template", "{}", false },                  { "uri-template", "{b:0}", false },
        { "uuid", "123e4567-E89B-12d3-a456-426614174000", true },
        { "uuid", "123e4567e89b12d3a456426614174000", false },
        { "json-pointer", "/a~0/b~1", true },             { "json-pointer", "/a~2", false },
        { "relative-json-pointer", "1/a", true },         { "relative-json-pointer", "0#", true },
        { "relative-json-pointer", "01/a", false },       { "regex", "^a{2}$", true },
        { "regex", "(", false },                          { "byte", "YWI=", true },
        { "byte", "YW=", false },                         { "byte", "Y===", false },
        { "int32", "any text", true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned format = format_find(belay_str_c(rows[i].format));
        assert_true(format != 0);
        assert_string_equal(format_name(format), rows[i].format);
        if (format_string(format, belay_str_c(rows[i].text)) != rows[i].fits)
            fail_msg("%s: \"%s\" %s", rows[i].format, rows[i].text, rows[i].fits ? "refused" : "accepted");
    }
    assert_int_equal(format_find(BELAY_STR("password")), 0);
}

static void integers_have_their_ranges(void **state)
{
    static const struct {
        const char *format;
        int64_t i;
        bool fits;
    } rows[] = { { "int32", INT32_MAX, true }, { "int32", INT32_MIN, true }, { "int32", INT32_MAX + 1ll, false },
                 { "int32", INT32_MIN - 1ll, false }, { "int64", INT64_MIN, true } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        belay_json v = { .type = BELAY_JSON_INT, .u.i = rows[i].i };
        assert_int_equal(format_number(format_find(belay_str_c(rows[i].format)), &v), rows[i].fits);
    }
    static const struct {
        const char *format;
        double d;
        bool fits;
    } doubles[] = { { "int32", 5.0, true }, { "int32", 5.5, false }, { "int32", 1e10, false }, { "int64", 1e10, true },
                    { "int64", 1e19, false }, { "int64", -9223372036854775808.0, true }, { "int64", 0.5, false } };
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        belay_json v = { .type = BELAY_JSON_DOUBLE, .u.d = doubles[i].d };
        if (format_number(format_find(belay_str_c(doubles[i].format)), &v) != doubles[i].fits)
            fail_msg("%s %g", doubles[i].format, doubles[i].d);
    }
    belay_json big = { .type = BELAY_JSON_BIG, .n = 19, .u.s = "9223372036854775808" };
    assert_false(format_number(format_find(BELAY_STR("int64")), &big));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_knows_its_own),
        cmocka_unit_test(integers_have_their_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
