#include "model/fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"

#define VERSION 1

/* ---- making ---- */

/* At most max bytes of s, not cutting a UTF-8 sequence in two. */
static size_t cut(struct belay_str s, size_t max)
{
    if (s.n <= max)
        return s.n;
    size_t n = max;
    while (n && ((uint8_t)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void set_text(char *to, size_t size, struct belay_str s)
{
    size_t n = cut(s, size - 1);
    if (n)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

void belay_fault_init(struct belay_fault *f, const char *type, enum belay_class class_,
                      const char *fmt, ...)
{
    char text[2 * sizeof f->description];
    va_list args;
    va_start(args, fmt); /* before f is touched: the text may be made of it */
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    *f = (struct belay_fault){ .class_ = class_ };
    set_text(f->type, sizeof f->type, belay_str_c(type));
    set_text(f->description, sizeof f->description, belay_str_c(text));
}

void belay_fault_set_step(struct belay_fault *f, struct belay_str step)
{
    set_text(f->step, sizeof f->step, step);
}

void belay_fault_set_description(struct belay_fault *f, struct belay_str text)
{
    set_text(f->description, sizeof f->description, text);
}

void belay_fault_set_endpoint(struct belay_fault *f, struct belay_str endpoint)
{
    set_text(f->endpoint, sizeof f->endpoint, endpoint);
}

void belay_fault_set_excerpt(struct belay_fault *f, struct belay_str body)
{
    f->excerpt_n = (uint16_t)cut(body, BELAY_FAULT_EXCERPT_MAX);
    if (f->excerpt_n)
        memcpy(f->excerpt, body.p, f->excerpt_n);
}

/* ---- matching ---- */

/* "EXPRESSION:D3030": a letter and four digits, as the language numbers its errors. */
static bool is_code(struct belay_str type)
{
    struct belay_str code = belay_str_sub(type, belay_str_find(type, ':') + 1, 5);
    uint64_t number;
    return type.n == sizeof "EXPRESSION:D3030" - 1 && belay_str_starts(type, BELAY_STR("EXPRESSION:"))
           && belay_str_to_u64(belay_str_sub(code, 1, 4), &number);
}

bool belay_fault_matches(const struct belay_fault *f, struct belay_str pattern)
{
    struct belay_str type = belay_str_c(f->type),
                     space = belay_str_sub(type, 0, belay_str_find(type, ':'));
    struct belay_str rest = pattern, head = belay_str_split(&rest, ':');
    uint64_t status;
    if (belay_str_eq(pattern, BELAY_STR("*")) || belay_str_eq(pattern, type))
        return true;
    if (belay_str_eq(pattern, BELAY_STR("EXPRESSION:ERROR")) && is_code(type))
        return true;
    if (belay_str_eq(head, BELAY_STR("class")))
        return belay_str_eq(rest, belay_str_c(belay_class_name(f->class_)));
    if (!belay_str_eq(head, space))
        return false;
    return !rest.p || belay_str_eq(rest, BELAY_STR("*"))
           || (f->status && belay_str_to_u64(rest, &status) && status == f->status);
}

/* ---- fingerprint ---- */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool word(char c)
{
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* Length of the word at s; a ".", ":" or "+" between digits belongs to it (times, addresses,
 * decimals). */
static size_t word_length(struct belay_str s, bool *ret_has_digit)
{
    size_t n = 0;
    *ret_has_digit = false;
    for (; n < s.n; n++) {
        char c = s.p[n];
        bool joins = (c == '.' || c == ':' || c == '+') && n && n + 1 < s.n && digit(s.p[n - 1])
                     && digit(s.p[n + 1]);
        if (!word(c) && !joins)
            break;
        *ret_has_digit |= digit(c);
    }
    return n;
}

/* Length of the text in quotes at s, with both; 0: there is none. An apostrophe within a word is no quote. */
static size_t quoted_length(struct belay_str s, char before)
{
    char quote = s.p[0] == '\'' || s.p[0] == '"' || s.p[0] == '`' ? s.p[0] : '\0';
    if (!quote || word(before))
        return 0;
    for (size_t n = 1; n < s.n; n++)
        if (s.p[n] == quote && (n + 1 == s.n || !word(s.p[n + 1])))
            return n + 1;
    return 0;
}

/* No longer than s. */
static size_t generalise(struct belay_str s, char *to)
{
    size_t out = 0;
    char before = ' ';
    while (s.n) {
        bool has_digit = false;
        size_t quoted = quoted_length(s, before), n = quoted ? quoted : word_length(s, &has_digit);
        if (quoted > 2) {
            memcpy(to + out, (char[]){ s.p[0], '#', s.p[0] }, 3);
            out += 3;
        } else if (has_digit) {
            to[out++] = '#';
        } else {
            n = n ? n : 1;
            memcpy(to + out, s.p, n);
            out += n;
        }
        before = s.p[n - 1];
        s = belay_str_sub(s, n, s.n);
    }
    return out;
}

void belay_fault_message(const struct belay_fault *f, char ret_text[sizeof f->description])
{
    ret_text[generalise(belay_str_c(f->description), ret_text)] = '\0';
}

uint64_t belay_fault_fingerprint(const struct belay_fault *f, struct belay_str owner)
{
    char place[sizeof f->type + sizeof f->step + 32], message[sizeof f->description];
    int n = snprintf(place, sizeof place, "\n%s\n%s\n%d\n%u\n", f->type, f->step, (int)f->class_, f->status);
    BELAY_ASSERT(n > 0 && (size_t)n < sizeof place);
    belay_fault_message(f, message);
    struct belay_str parts[] = { owner, belay_str(place, (size_t)n), belay_str_c(message) };
    return belay_hash128_parts(parts, 3).hi;
}

/* ---- bytes (docs/format/message.md) ---- */

void belay_fault_pack(struct belay_buf *out, const struct belay_fault *f)
{
    belay_pack_u8(out, VERSION);
    belay_pack_u8(out, (uint8_t)f->class_);
    belay_pack_varint(out, f->status);
    belay_pack_varint(out, f->retry_after_ms);
    belay_pack_varint(out, f->duration_us);
    belay_pack_svarint(out, f->at);
    belay_pack_str(out, belay_str_c(f->type));
    belay_pack_str(out, belay_str_c(f->step));
    belay_pack_str(out, belay_str_c(f->endpoint));
    belay_pack_str(out, belay_str_c(f->description));
    belay_pack_str(out, belay_str(f->excerpt, f->excerpt_n));
}

static void unpack_text(struct belay_unpack *u, char *to, size_t size)
{
    struct belay_str s = belay_unpack_str(u);
    if (s.n >= size || (s.n && memchr(s.p, '\0', s.n)))
        u->failed = true;
    else
        set_text(to, size, s);
}

static uint32_t unpack_u32(struct belay_unpack *u)
{
    uint64_t v = belay_unpack_varint(u);
    u->failed |= v > UINT32_MAX;
    return (uint32_t)v;
}

void belay_fault_unpack(struct belay_unpack *u, struct belay_fault *ret_f)
{
    *ret_f = (struct belay_fault){ 0 };
    uint8_t version = belay_unpack_u8(u), class_ = belay_unpack_u8(u);
    u->failed |= version != VERSION || class_ > BELAY_CLASS_UNKNOWN_OUTCOME;
    if (u->failed)
        return;
    ret_f->class_ = (enum belay_class)class_;
    ret_f->status = unpack_u32(u);
    ret_f->retry_after_ms = unpack_u32(u);
    ret_f->duration_us = belay_unpack_varint(u);
    ret_f->at = belay_unpack_svarint(u);
    unpack_text(u, ret_f->type, sizeof ret_f->type);
    unpack_text(u, ret_f->step, sizeof ret_f->step);
    unpack_text(u, ret_f->endpoint, sizeof ret_f->endpoint);
    unpack_text(u, ret_f->description, sizeof ret_f->description);
    struct belay_str excerpt = belay_unpack_str(u);
    if (excerpt.n > BELAY_FAULT_EXCERPT_MAX)
        u->failed = true;
    else
        belay_fault_set_excerpt(ret_f, excerpt);
    if (u->failed)
        *ret_f = (struct belay_fault){ 0 };
}
