/* utf8.h - UTF-8 one character at a time, as Unicode 15 table 3-7 has it: no overlong forms, no
 * surrogates, nothing above U+10FFFF.  Uses: libc.  Thread: any (pure). */
#ifndef BELAY_JSON_UTF8_H
#define BELAY_JSON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at p (p < end): 1 to 4, or 0 when it is malformed or cut off. */
static inline size_t belay_utf8_len(const char *p, const char *end)
{
    const uint8_t *u = (const uint8_t *)p;
    size_t left = (size_t)(end - p);
    uint8_t c = u[0];
    if (c < 0x80)
        return 1;
    if (c < 0xe0)
        return c >= 0xc2 && left >= 2 && (u[1] & 0xc0) == 0x80 ? 2 : 0;
    if (c < 0xf0) {
        uint8_t from = c == 0xe0 ? 0xa0 : 0x80, to = c == 0xed ? 0x9f : 0xbf;
        return left >= 3 && u[1] >= from && u[1] <= to && (u[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    uint8_t from = c == 0xf0 ? 0x90 : 0x80, to = c == 0xf4 ? 0x8f : 0xbf;
    return c <= 0xf4 && left >= 4 && u[1] >= from && u[1] <= to && (u[2] & 0xc0) == 0x80
                   && (u[3] & 0xc0) == 0x80
               ? 4
               : 0;
}

/* The character of a well-formed sequence of len bytes. */
static inline uint32_t belay_utf8_get(const char *p, size_t len)
{
    const uint8_t *u = (const uint8_t *)p;
    switch (len) {
    case 1: return u[0];
    case 2: return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
    case 3: return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
    default:
        return (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
    }
}

/* Writes character c (no surrogate, at most U+10FFFF); returns its bytes. */
static inline size_t belay_utf8_put(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

#endif
