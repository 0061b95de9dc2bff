#include "obs/line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* ,"truncated":true}\n always fits behind the members. */
#define END_BYTES 24
#define MEMBERS_BYTES_MAX (BELAY_LOG_LINE_BYTES_MAX - END_BYTES)

static void put(struct belay_line *l, const char *p, size_t n)
{
    if (l->failed || n > MEMBERS_BYTES_MAX - l->n) {
        l->failed = true;
        return;
    }
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void put_c(struct belay_line *l, const char *text)
{
    put(l, text, strlen(text));
}

/* The length of the UTF-8 character at p (RFC 3629: no overlong forms, no surrogates, at most
 * U+10FFFF), or 0. */
static size_t utf8_at(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t first, last, low, high; /* of the lead byte, of the second byte */
        size_t n;
    } forms[] = {
        { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if (p[0] < forms[f].first || p[0] > forms[f].last)
            continue;
        if (forms[f].n > n || (forms[f].n > 1 && (p[1] < forms[f].low || p[1] > forms[f].high)))
            return 0;
        for (size_t i = 2; i < forms[f].n; i++)
            if ((p[i] & 0xc0) != 0x80)
                return 0;
        return forms[f].n;
    }
    return 0;
}

static void put_escape(struct belay_line *l, uint8_t c)
{
    static const char shorts[] = "\"\"\\\\\nn\rr\tt";
    for (const char *s = shorts; *s; s += 2) {
        if ((uint8_t)*s == c) {
            put(l, (char[]){ '\\', s[1] }, 2);
            return;
        }
    }
    char text[8];
    snprintf(text, sizeof text, "\\u%04x", c);
    put(l, text, 6);
}

static bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_quoted(struct belay_line *l, struct belay_str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    size_t n = s.n < BELAY_LOG_STRING_BYTES_MAX ? s.n : BELAY_LOG_STRING_BYTES_MAX;
    put(l, "\"", 1);
    for (size_t i = 0; i < n;) {
        size_t run = i;
        while (run < n && plain(p[run]))
            run++;
        put(l, (const char *)p + i, run - i);
        i = run;
        if (i == n)
            break;
        size_t length = utf8_at(p + i, s.n - i);
        if (length > n - i)
            break; /* a character across the cut */
        if (length == 0)
            put_c(l, "\xef\xbf\xbd");
        else if (length == 1)
            put_escape(l, p[i]);
        else
            put(l, (const char *)p + i, length);
        i += length ? length : 1;
    }
    if (n < s.n) {
        put_c(l, "\xe2\x80\xa6"); /* an ellipsis shows where */
        l->truncated = true;
    }
    put(l, "\"", 1);
}

static size_t member_begin(struct belay_line *l, const char *name)
{
    size_t start = l->n;
    BELAY_ASSERT(l->n > 0 && !l->failed);
    if (l->p[l->n - 1] != '{')
        put(l, ",", 1);
    put(l, "\"", 1);
    put_c(l, name);
    put(l, "\":", 2);
    return start;
}

/* Takes a member back that did not fit. */
static void member_end(struct belay_line *l, size_t start)
{
    if (!l->failed)
        return;
    l->n = start;
    l->failed = false;
    l->truncated = true;
}

static void member(struct belay_line *l, const char *name, const char *value)
{
    size_t start = member_begin(l, name);
    put_c(l, value);
    member_end(l, start);
}

void belay_line_begin(struct belay_line *l)
{
    l->n = 0;
    l->truncated = l->failed = false;
    put(l, "{", 1);
}

void belay_line_end(struct belay_line *l)
{
    const char *end = !l->truncated ? "}\n" : l->n > 1 ? ",\"truncated\":true}\n" : "}\n";
    size_t n = strlen(end);
    BELAY_ASSERT(n <= BELAY_LOG_LINE_BYTES_MAX - l->n);
    memcpy(l->p + l->n, end, n);
    l->n += n;
}

void belay_line_str(struct belay_line *l, const char *name, struct belay_str v)
{
    size_t start = member_begin(l, name);
    put_quoted(l, v);
    member_end(l, start);
}

void belay_line_int(struct belay_line *l, const char *name, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    member(l, name, text);
}

void belay_line_uint(struct belay_line *l, const char *name, uint64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, v);
    member(l, name, text);
}

void belay_line_bool(struct belay_line *l, const char *name, bool v)
{
    member(l, name, v ? "true" : "false");
}

void belay_line_double(struct belay_line *l, const char *name, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", v);
    member(l, name, isfinite(v) ? text : "null");
}

void belay_line_error(struct belay_line *l, const char *name, const char *code, const char *class_,
                      struct belay_str message)
{
    size_t start = member_begin(l, name);
    put_c(l, "{\"code\":\"");
    put_c(l, code);
    put_c(l, "\",\"class\":\"");
    put_c(l, class_);
    put_c(l, "\",\"message\":");
    put_quoted(l, message);
    put(l, "}", 1);
    member_end(l, start);
}
