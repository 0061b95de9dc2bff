#include "json/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "json/pow10.h"

/* A double's text needs no more digits than these to be told from every other (Goldberg). */
#define DOUBLE_DIGITS_MAX 17
/* Digits beyond these can't change the nearest double, except by not being all zero. */
#define NEAREST_DIGITS_MAX 780
#define EXPONENT_CAP 1000000000

/* What a number's text says, without its sign: 0.d1d2d3... in a few facts. */
struct digits {
    uint64_t m;          /* the first up to 19 significant digits */
    int64_t e;           /* value = m * 10^e where significant <= 19 */
    int64_t significant; /* digits from the first to the last that is not 0 */
    bool whole;          /* neither fraction nor exponent */
};

static inline bool is_digit(const char *p, const char *end)
{
    return p < end && (unsigned char)(*p - '0') <= 9;
}

/* *seen counts significant digits, zeros at the end included. */
static inline const char *take(const char *p, const char *end, struct digits *d, int64_t *seen,
                               bool fraction)
{
    for (; is_digit(p, end); p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (*seen || digit)
            ++*seen;
        if (*seen <= 19) {
            d->m = d->m * 10 + digit;
            d->e -= fraction;
        } else {
            d->e += !fraction;
        }
        if (digit)
            d->significant = *seen;
    }
    return p;
}

static const char *take_exponent(const char *p, const char *end, int64_t *ret_e,
                                 const char **ret_bad)
{
    int64_t e = 0;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (!is_digit(p, end)) {
        *ret_bad = p;
        return NULL;
    }
    for (; is_digit(p, end); p++)
        if (e < EXPONENT_CAP)
            e = e * 10 + (*p - '0');
    *ret_e = negative ? -e : e;
    return p;
}

/* number = int [ frac ] [ exp ], RFC 8259 section 6, from after the sign on. */
static const char *take_number(const char *p, const char *end, struct digits *d,
                               const char **ret_bad)
{
    int64_t seen = 0, e = 0;
    *d = (struct digits){ .whole = true };
    *ret_bad = p;
    if (!is_digit(p, end))
        return NULL;
    p = *p == '0' ? p + 1 : take(p, end, d, &seen, false);
    if (p < end && *p == '.') {
        *ret_bad = ++p;
        if (!is_digit(p, end))
            return NULL;
        p = take(p, end, d, &seen, true);
        d->whole = false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p = take_exponent(p + 1, end, &e, ret_bad);
        d->whole = false;
        d->e += e;
    }
    return p;
}

static void set_double(struct belay_json_node *node, double value)
{
    *node = (struct belay_json_node){ .type = BELAY_JSON_DOUBLE, .u.d = value };
}

const char *number_scan(const char *p, const char *end, struct belay_json_node *node,
                        const char **ret_bad)
{
    struct digits d;
    const char *start = p;
    bool negative = *p == '-';
    p = take_number(p + negative, end, &d, ret_bad);
    if (!p)
        return NULL;
    if (d.whole && d.significant + d.e <= 19 && d.e == 0
        && d.m <= (uint64_t)INT64_MAX + negative) {
        *node = (struct belay_json_node){ .type = BELAY_JSON_INT };
        node->u.i = negative ? (int64_t)(0 - d.m) : (int64_t)d.m;
        return p;
    }
    if (!d.whole && d.significant <= DOUBLE_DIGITS_MAX) {
        double value = number_scale(d.m, d.e);
        if (!isinf(value) && (value > 0 || d.m == 0)) {
            set_double(node, negative ? -value : value);
            return p;
        }
    }
    *node = (struct belay_json_node){ .type = BELAY_JSON_BIG, .n = (uint32_t)(p - start) };
    node->u.s = start;
    return p;
}

static double strtod_of(const char *digits, int64_t e)
{
    char text[NEAREST_DIGITS_MAX + 32];
    /* no decimal point: strtod would want the locale's */
    snprintf(text, sizeof text, "%se%lld", digits, (long long)e);
    return strtod(text, NULL);
}

/* Eisel-Lemire: m * 10^e from one or two 64x64 products; false where these can't decide (halfway
 * cases, subnormals). See Lemire, "Number parsing at a gigabyte per second", 2021. */
static bool eisel_lemire(uint64_t m, int e, double *ret_value)
{
    if (e < BELAY_POW10_MIN || e > 308)
        return false;
    struct belay_pow10 g = belay_pow10_table[e - BELAY_POW10_MIN];
    if (e < 0 || e > 55) /* the table rounds up, this wants it cut off */
        g.hi -= g.lo-- == 0;
    int zeros = __builtin_clzll(m);
    m <<= zeros;
    uint64_t exponent = (uint64_t)(((217706 * e) >> 16) + 64 + 1023) - (uint64_t)zeros;
    unsigned __int128 x = (unsigned __int128)m * g.hi;
    uint64_t hi = (uint64_t)(x >> 64), lo = (uint64_t)x;
    if ((hi & 0x1ff) == 0x1ff && lo + m < m) {
        unsigned __int128 y = (unsigned __int128)m * g.lo;
        uint64_t merged = lo + (uint64_t)(y >> 64);
        hi += merged < lo;
        if ((hi & 0x1ff) == 0x1ff && merged + 1 == 0 && (uint64_t)y + m < m)
            return false;
        lo = merged;
    }
    uint64_t top = hi >> 63, mantissa = hi >> (top + 9);
    exponent -= 1 ^ top;
    if (lo == 0 && (hi & 0x1ff) == 0 && (mantissa & 3) == 1)
        return false;
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >> 53) {
        mantissa >>= 1;
        exponent++;
    }
    if (exponent - 1 >= 0x7ff - 1)
        return false;
    uint64_t bits = exponent << 52 | (mantissa & ((1ull << 52) - 1));
    memcpy(ret_value, &bits, sizeof bits);
    return true;
}

double number_scale(uint64_t m, int64_t e)
{
    static const double exact[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    double value;
    char digits[24];
    if (m == 0 || e < -400)
        return 0;
    if (e > 310)
        return (double)INFINITY;
    if (m <= 1ull << 53 && e >= -22 && e <= 22) /* both exact: one rounding (Clinger) */
        return e < 0 ? (double)m / exact[-e] : (double)m * exact[e];
    if (eisel_lemire(m, (int)e, &value))
        return value;
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)m);
    return strtod_of(digits, e);
}

double number_nearest(struct belay_str text)
{
    char digits[NEAREST_DIGITS_MAX + 2];
    size_t n = 0;
    int64_t e = 0, explicit_e = 0;
    const char *end = text.p + text.n, *bad, *p = text.p;
    bool negative = *p == '-', fraction = false, sticky = false;
    for (p += negative; is_digit(p, end) || (p < end && *p == '.'); p++) {
        if (*p == '.') {
            fraction = true;
        } else if (n == NEAREST_DIGITS_MAX) {
            sticky |= *p != '0';
            e += !fraction;
        } else {
            e -= fraction;
            if (n || *p != '0')
                digits[n++] = *p;
        }
    }
    if (p < end) {
        p = take_exponent(p + 1, end, &explicit_e, &bad);
        BELAY_ASSERT(p == end);
    }
    if (n == 0)
        return negative ? -0.0 : 0.0;
    if (sticky) {
        digits[n++] = '1';
        e--;
    }
    digits[n] = '\0';
    double value = strtod_of(digits, e + explicit_e);
    return negative ? -value : value;
}

double belay_json_number(const belay_json *v)
{
    BELAY_ASSERT(belay_json_is_number(v));
    if (v->type == BELAY_JSON_INT)
        return (double)v->u.i;
    return v->type == BELAY_JSON_DOUBLE ? v->u.d : number_nearest(belay_json_str(v));
}
