/* Doubles to their shortest text.  Schubfach (Raffaello Giulietti, "The Schubfach way to render
 * doubles", 2021): the interval of reals that round to d is scaled by a power of ten to 128 bits;
 * at most two candidates of the right length are in it. */
#include <math.h>

#include "base/assert.h"
#include "json/number.h"
#include "json/pow10.h"

#define MANTISSA_BITS 52
#define EXPONENT_BIAS (1023 + MANTISSA_BITS)

static int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* floor(log10(2^q)), or of 3/4 * 2^q where the interval below is half as wide */
static int floor_log10_pow2(int q, bool three_quarters)
{
    return (q * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

/* The high part of g * cp, its lowest bit set when anything was cut off. */
static uint64_t round_to_odd(struct belay_pow10 g, uint64_t cp)
{
    unsigned __int128 x = (unsigned __int128)g.lo * cp;
    unsigned __int128 y = (unsigned __int128)g.hi * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static struct number_decimal schubfach(uint64_t fraction, int exponent)
{
    uint64_t c = exponent ? fraction | 1ull << MANTISSA_BITS : fraction;
    int q = (exponent ? exponent : 1) - EXPONENT_BIAS;
    bool closer_below = fraction == 0 && exponent > 1, even = c % 2 == 0;
    int k = floor_log10_pow2(q, closer_below);
    int h = q + floor_log2_pow10(-k) + 1;
    BELAY_ASSERT(-k >= BELAY_POW10_MIN && -k <= BELAY_POW10_MAX && h >= 1 && h <= 4);
    struct belay_pow10 g = belay_pow10_table[-k - BELAY_POW10_MIN];
    uint64_t lower = round_to_odd(g, (4 * c - 2 + closer_below) << h) + !even;
    uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - !even;
    uint64_t v = round_to_odd(g, (4 * c) << h), s = v / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above)
            return (struct number_decimal){ tens + above, k + 1 };
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above)
        return (struct number_decimal){ s + above, k };
    uint64_t middle = 4 * s + 2;
    bool up = v > middle || (v == middle && (s & 1));
    return (struct number_decimal){ s + up, k };
}

struct number_decimal number_shortest(double d)
{
    uint64_t bits;
    BELAY_ASSERT(isfinite(d) && !signbit(d));
    memcpy(&bits, &d, sizeof bits);
    struct number_decimal decimal = { 0, 0 };
    if (d < 0x1p53 && d == (double)(uint64_t)d)
        decimal.digits = (uint64_t)d;
    else
        decimal = schubfach(bits & ((1ull << MANTISSA_BITS) - 1), (int)(bits >> MANTISSA_BITS));
    while (decimal.digits && decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    return decimal;
}

size_t number_uint_text(uint64_t u, char to[NUMBER_INT_MAX])
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
                                "34353637383940414243444546474849505152535455565758596061626364656667"
                                "68697071727374757677787980818283848586878889909192939495969798"
                                "99";
    char text[NUMBER_INT_MAX], *p = text + sizeof text;
    for (; u >= 100; u /= 100)
        memcpy(p -= 2, pairs + u % 100 * 2, 2);
    if (u >= 10)
        memcpy(p -= 2, pairs + u * 2, 2);
    else
        *--p = (char)('0' + u);
    size_t n = (size_t)(text + sizeof text - p);
    memcpy(to, p, n);
    return n;
}

static char *put_zeros(char *to, int n)
{
    memset(to, '0', (size_t)n);
    return to + n;
}

static char *put_exponent(char *to, int e)
{
    *to++ = 'e';
    *to++ = e < 0 ? '-' : '+';
    return to + number_uint_text((uint64_t)(e < 0 ? -e : e), to);
}

/* ECMA-262 6.1.6.1.20: value = 0.digits * 10^n, k digits. */
size_t number_text(double d, char to[NUMBER_TEXT_MAX])
{
    char digits[NUMBER_INT_MAX], *p = to;
    if (d < 0)
        *p++ = '-';
    struct number_decimal decimal = number_shortest(fabs(d));
    int k = (int)number_uint_text(decimal.digits, digits), n = k + decimal.exponent;
    if (n > 21 || n < -5) {
        *p++ = digits[0];
        if (k > 1)
            *p++ = '.';
        memcpy(p, digits + 1, (size_t)k - 1);
        return (size_t)(put_exponent(p + k - 1, n - 1) - to);
    }
    if (n <= 0) {
        *p++ = '0';
        *p++ = '.';
        p = put_zeros(p, -n);
        memcpy(p, digits, (size_t)k);
        return (size_t)(p + k - to);
    }
    int before = k < n ? k : n;
    memcpy(p, digits, (size_t)before);
    p = put_zeros(p + before, n - before);
    if (k > n) {
        *p++ = '.';
        memcpy(p, digits + n, (size_t)(k - n));
        p += k - n;
    }
    return (size_t)(p - to);
}
