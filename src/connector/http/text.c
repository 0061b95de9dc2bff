#include "connector/http/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool needs_decoding(struct belay_str s, bool plus)
{
    return memchr(s.p, '%', s.n) || (plus && memchr(s.p, '+', s.n));
}

/* Bytes written, or SIZE_MAX for a bad %. */
static size_t decode_into(char *to, struct belay_str s, bool plus)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int hi = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int lo = hi >= 0 ? hex_digit(s.p[i + 2]) : -1;
            if (lo < 0)
                return SIZE_MAX;
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        to[n++] = c;
    }
    return n;
}

int http_decode(struct belay_arena *arena, struct belay_str s, bool plus,
                struct belay_str *ret_text)
{
    struct belay_str text = s;
    if (s.n && needs_decoding(s, plus)) {
        char *to = belay_arena_bytes(arena, s.n);
        if (!to)
            return BELAY_NOMEM;
        size_t n = decode_into(to, s, plus);
        if (n == SIZE_MAX)
            return BELAY_INVALID;
        text = belay_str(to, n);
    }
    if (!http_is_utf8(text))
        return BELAY_INVALID;
    *ret_text = text;
    return BELAY_OK;
}

static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-'
           || c == '.' || c == '_' || c == '~';
}

int http_normalize(struct belay_arena *arena, struct belay_str s, struct belay_str *ret_text)
{
    char *to = belay_arena_bytes(arena, s.n + 1);
    size_t n = 0;
    if (!to)
        return BELAY_NOMEM;
    for (size_t i = 0; i < s.n; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(s.p[i + 2]) : -1;
        bool plain = lo >= 0 && is_unreserved((char)(hi << 4 | lo));
        to[n++] = plain ? (char)(hi << 4 | lo) : s.p[i];
        i += plain ? 2 : 0;
    }
    *ret_text = belay_str(to, n);
    return BELAY_OK;
}

/* Length of the sequence that starts at p (at most n bytes), 0 when it is no UTF-8 (RFC 3629:
 * no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    static const struct {
        unsigned char from, to, second_min, second_max, length;
    } rows[] = {
        { 0x00, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        if (p[0] < rows[row].from || p[0] > rows[row].to)
            continue;
        size_t length = rows[row].length;
        if (length > n || (length > 1 && (p[1] < rows[row].second_min || p[1] > rows[row].second_max)))
            return 0;
        for (size_t i = 2; i < length; i++)
            if ((p[i] & 0xc0) != 0x80)
                return 0;
        return length;
    }
    return 0;
}

bool http_is_utf8(struct belay_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n;) {
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        size_t length = utf8_sequence(p + i, s.n - i);
        if (!length)
            return false;
        i += length;
    }
    return true;
}

bool http_is_token(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool usual = (c >= 'a' && c <= 'z') || c == '-' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        if (!usual && (c == 0 || !strchr("!#$%&'*+.^_`|~", c)))
            return false;
    }
    return s.n > 0;
}

bool http_is_field_value(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

struct belay_str http_media_type(struct belay_str content_type)
{
    struct belay_str rest = content_type;
    return belay_str_trim(belay_str_split(&rest, ';'));
}

struct belay_str http_media_param(struct belay_str content_type, struct belay_str name)
{
    struct belay_str rest = content_type;
    belay_str_split(&rest, ';');
    while (rest.p) {
        struct belay_str value = belay_str_split(&rest, ';');
        struct belay_str key = belay_str_trim(belay_str_split(&value, '='));
        if (!belay_str_eq_nocase(key, name))
            continue;
        value = belay_str_trim(value);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            return belay_str(value.p + 1, value.n - 2);
        return value;
    }
    return BELAY_STR_NONE;
}

bool http_media_matches(struct belay_str range, struct belay_str type)
{
    if (belay_str_eq(range, BELAY_STR("*/*")))
        return true;
    if (belay_str_ends(range, BELAY_STR("/*"))) {
        size_t n = range.n - 1;
        return type.n > n && belay_str_eq_nocase(belay_str(range.p, n), belay_str(type.p, n));
    }
    return belay_str_eq_nocase(range, type);
}

bool http_media_is_json(struct belay_str type)
{
    const size_t suffix = sizeof "+json" - 1;
    return belay_str_eq_nocase(type, BELAY_STR("application/json"))
           || (type.n > suffix
               && belay_str_eq_nocase(belay_str(type.p + type.n - suffix, suffix),
                                      BELAY_STR("+json")));
}

enum http_media_kind http_media_kind(struct belay_str type)
{
    if (http_media_is_json(type))
        return HTTP_MEDIA_JSON;
    if (belay_str_eq_nocase(type, BELAY_STR("application/x-www-form-urlencoded")))
        return HTTP_MEDIA_FORM;
    if (belay_str_eq_nocase(type, BELAY_STR("multipart/form-data")))
        return HTTP_MEDIA_MULTIPART;
    return belay_str_eq_nocase(belay_str_sub(type, 0, 5), BELAY_STR("text/")) ? HTTP_MEDIA_TEXT
                                                                             : HTTP_MEDIA_BYTES;
}
