/* scan.h - the inner loops of reading and writing text: sixteen bytes at a time where the
 * processor has SSE2, eight elsewhere.  Private to json.  Thread: any (pure).
 * Invariant: nothing outside [p, end) is read. */
#ifndef BELAY_JSON_SCAN_H
#define BELAY_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A byte that ends a run of plain string text: quote, backslash, control, not ASCII. */
static inline bool scan_special(char c)
{
    return c == '"' || c == '\\' || (signed char)c < 0x20;
}

/* The first special byte, or end. */
static inline const char *scan_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        __m128i other = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)); /* signed: 0x80.. as well */
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), other));
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
        p += 16;
    }
#else
    while (end - p >= 8) {
        const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
        uint64_t v;
        memcpy(&v, p, 8);
        uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
        /* a borrow may mark a byte above a special one: only whether any is set is used */
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | (v - ones * 0x20) | v) & tops)
            break;
        p += 8;
    }
#endif
    while (p < end && !scan_special(*p))
        p++;
    return p;
}

static inline bool scan_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

const char *scan_space_long(const char *p, const char *end);

/* The first byte that is no white space, or end. */
static inline const char *scan_space(const char *p, const char *end)
{
    if (p < end && (unsigned char)*p > ' ')
        return p;
    if (end - p >= 2 && *p == ' ' && (unsigned char)p[1] > ' ')
        return p + 1;
    return scan_space_long(p, end);
}

#endif
