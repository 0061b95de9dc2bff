#include "json/string.h"

#include "base/assert.h"
#include "json/scan.h"
#include "json/utf8.h"

struct trouble {
    const char *at;
    const char *what;
};

static const char *bad(struct trouble *t, const char *at, const char *what)
{
    t->at = at;
    t->what = what;
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* A \u escape, p at the u: the character and the byte after it. A surrogate without its partner is
 * refused: there is no UTF-8 for it, and any replacement would change what was sent. */
static const char *unicode_escape(const char *p, const char *end, uint32_t *ret_c,
                                  struct trouble *t)
{
    int32_t c = hex4(p + 1, end);
    if (c < 0)
        return bad(t, p - 1, "\\u must be followed by four hexadecimal digits");
    p += 5;
    if (c >= 0xd800 && c < 0xe000) {
        int32_t low = end - p >= 2 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
        if (c >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
            return bad(t, p - 6, "an escaped surrogate without its partner is no character");
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
        p += 6;
    }
    *ret_c = (uint32_t)c;
    return p;
}

/* The character that a one-letter escape stands for; 0 for none. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
    }
}

/* An escape, p at the backslash: appends its character at *to, returns the byte after it. */
static const char *escape(const char *p, const char *end, char **to, struct trouble *t)
{
    uint32_t c;
    if (end - p < 2)
        return bad(t, end, "a string has no closing quote");
    if (p[1] != 'u') {
        char plain = short_escape(p[1]);
        if (!plain)
            return bad(t, p, "unknown escape: after a backslash comes one of \" \\ / b f n r t u");
        *(*to)++ = plain;
        return p + 2;
    }
    p = unicode_escape(p + 1, end, &c, t);
    if (p)
        *to += belay_utf8_put(*to, c);
    return p;
}

/* From a special byte on, to the closing quote or the first backslash. */
static const char *to_quote_or_escape(const char *at, const char *end, struct trouble *t)
{
    for (;;) {
        if (at == end)
            return bad(t, end, "a string has no closing quote");
        if (*at == '"' || *at == '\\')
            return at;
        if ((unsigned char)*at < 0x20)
            return bad(t, at, "a control character in a string must be escaped");
        while (at < end && (unsigned char)*at >= 0x80) {
            size_t len = belay_utf8_len(at, end);
            if (len == 0)
                return bad(t, at, "invalid UTF-8");
            at += len;
        }
        at = scan_plain(at, end);
    }
}

/* The quote that closes the string, from a backslash on, without looking closer: an escape is never
 * shorter than its character, so this bounds the memory that is needed. */
static const char *closing_quote(const char *at, const char *end)
{
    while (at < end && *at != '"') {
        at += *at == '\\' && end - at >= 2 ? 2 : 1;
        while (at < end && *at != '"' && *at != '\\')
            at++;
    }
    return at;
}

/* Copies the string that begins at p into room; at is its first escape. */
static const char *copy(const char *p, const char *at, const char *end, char *room, char **ret_to,
                        struct trouble *t)
{
    char *to = room;
    while (at) {
        memcpy(to, p, (size_t)(at - p));
        to += at - p;
        if (*at == '"') {
            *ret_to = to;
            return at + 1;
        }
        p = at = escape(at, end, &to, t);
        if (at)
            at = to_quote_or_escape(scan_plain(at, end), end, t);
    }
    return NULL;
}

const char *string_scan(const char *p, const char *at, const char *end, struct belay_arena *arena,
                        struct belay_json_node *node, const char **ret_bad, const char **ret_what)
{
    struct trouble t = { NULL, NULL };
    char *to = NULL;
    const char *after = NULL;
    at = to_quote_or_escape(at, end, &t);
    if (at && *at == '"') {
        node->flags = BELAY_JSON_PLAIN;
        node->n = (uint32_t)(at - p);
        node->u.s = p;
        return at + 1;
    }
    if (at) {
        size_t most = (size_t)(closing_quote(at, end) - p);
        char *room = belay_arena_bytes(arena, most);
        after = room ? copy(p, at, end, room, &to, &t) : NULL;
        if (after) {
            BELAY_ASSERT((size_t)(to - room) <= most);
            arena->at = to; /* gives back the rest */
            node->flags = 0;
            node->n = (uint32_t)(to - room);
            node->u.s = room;
        }
    }
    *ret_bad = t.at;
    *ret_what = t.what;
    return after;
}
