#include "json/format.h"

#include <math.h>

#include "json/pattern.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool uuid(struct belay_str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

static bool json_pointer(struct belay_str s)
{
    if (s.n && s.p[0] != '/')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '~' && (i + 1 == s.n || (s.p[i + 1] != '0' && s.p[i + 1] != '1')))
            return false;
    return true;
}

static bool relative_json_pointer(struct belay_str s)
{
    size_t digits = 0;
    while (digits < s.n && is_digit(s.p[digits]))
        digits++;
    if (digits == 0 || (digits > 1 && s.p[0] == '0'))
        return false;
    struct belay_str rest = belay_str_sub(s, digits, s.n);
    return belay_str_eq(rest, BELAY_STR("#")) || json_pointer(rest);
}

static bool regex(struct belay_str s)
{
    return pattern_check(s) == BELAY_OK;
}

/* Base64 (RFC 4648 section 4) with its padding. */
static bool byte(struct belay_str s)
{
    size_t n = s.n;
    if (n % 4)
        return false;
    for (int i = 0; i < 2 && n && s.p[n - 1] == '='; i++)
        n--;
    for (size_t i = 0; i < n; i++)
        if (!is_digit(s.p[i]) && !((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z') && s.p[i] != '+'
            && s.p[i] != '/')
            return false;
    return true;
}

enum { INT32 = 1, INT64 }; /* first rows of the table */

static const struct {
    struct belay_str name;
    bool (*holds)(struct belay_str s);
} formats[] = {
    { BELAY_STR_INIT(""), NULL },
    { BELAY_STR_INIT("int32"), NULL },
    { BELAY_STR_INIT("int64"), NULL },
    { BELAY_STR_INIT("date-time"), format_date_time },
    { BELAY_STR_INIT("date"), format_date },
    { BELAY_STR_INIT("time"), format_time },
    { BELAY_STR_INIT("duration"), format_duration },
    { BELAY_STR_INIT("email"), format_email },
    { BELAY_STR_INIT("idn-email"), format_idn_email },
    { BELAY_STR_INIT("hostname"), format_hostname },
    { BELAY_STR_INIT("idn-hostname"), format_idn_hostname },
    { BELAY_STR_INIT("ipv4"), format_ipv4 },
    { BELAY_STR_INIT("ipv6"), format_ipv6 },
    { BELAY_STR_INIT("uri"), format_uri },
    { BELAY_STR_INIT("uri-reference"), format_uri_reference },
    { BELAY_STR_INIT("iri"), format_iri },
    { BELAY_STR_INIT("iri-reference"), format_iri_reference },
    { BELAY_STR_INIT("uri-template"), format_uri_template },
    { BELAY_STR_INIT("uuid"), uuid },
    { BELAY_STR_INIT("json-pointer"), json_pointer },
    { BELAY_STR_INIT("relative-json-pointer"), relative_json_pointer },
    { BELAY_STR_INIT("regex"), regex },
    { BELAY_STR_INIT("byte"), byte },
};

unsigned format_find(struct belay_str name)
{
    for (unsigned i = 1; i < sizeof formats / sizeof formats[0]; i++)
        if (belay_str_eq(name, formats[i].name))
            return i;
    return 0;
}

const char *format_name(unsigned format)
{
    return formats[format].name.p;
}

bool format_string(unsigned format, struct belay_str s)
{
    return !formats[format].holds || formats[format].holds(s);
}

bool format_number(unsigned format, const belay_json *v)
{
    double limit = format == INT32 ? 0x1p31 : 0x1p63;
    if (format != INT32 && format != INT64)
        return true;
    if (v->type == BELAY_JSON_DOUBLE)
        return v->u.d >= -limit && v->u.d < limit && v->u.d == floor(v->u.d);
    return v->type == BELAY_JSON_INT && (format == INT64 || (v->u.i >= INT32_MIN && v->u.i <= INT32_MAX));
}
