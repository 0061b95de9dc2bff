#include "expr/unicode.h"

#include <string.h>

#include "json/utf8.h"

/* Ranges of letters whose other case is a fixed distance away, or the neighbour (step 1: even is
 * upper; step -1: odd is upper). By upper-case letter. */
static const struct {
    uint16_t first, last; /* upper case */
    int16_t distance;     /* to lower case; 0: alternating, even upper; 1: alternating, odd upper */
} ranges[] = {
    { 0x00c0, 0x00d6, 32 },   { 0x00d8, 0x00de, 32 }, { 0x0100, 0x012f, 0 },
    { 0x0132, 0x0137, 0 },    { 0x0139, 0x0148, 1 },  { 0x014a, 0x0177, 0 },
    { 0x0178, 0x0178, -121 }, { 0x0179, 0x017e, 1 },  { 0x01cd, 0x01dc, 1 },
    { 0x01de, 0x01ef, 0 },    { 0x01f8, 0x021f, 0 },  { 0x0222, 0x0233, 0 },
    { 0x0246, 0x024f, 0 },    { 0x0370, 0x0373, 0 },  { 0x0386, 0x0386, 38 },
    { 0x0388, 0x038a, 37 },   { 0x038c, 0x038c, 64 }, { 0x038e, 0x038f, 63 },
    { 0x0391, 0x03a1, 32 },   { 0x03a3, 0x03ab, 32 }, { 0x03d8, 0x03ef, 0 },
    { 0x0400, 0x040f, 80 },   { 0x0410, 0x042f, 32 }, { 0x0460, 0x0481, 0 },
    { 0x048a, 0x04bf, 0 },    { 0x04c1, 0x04ce, 1 },  { 0x04d0, 0x052f, 0 },
    { 0x0531, 0x0556, 48 },   { 0x1e00, 0x1e95, 0 },  { 0x1ea0, 0x1eff, 0 },
    { 0x2160, 0x216f, 16 },   { 0x24b6, 0x24cf, 26 }, { 0xff21, 0xff3a, 32 },
};

static uint32_t map(uint32_t c, bool upper)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        uint32_t first = ranges[i].first, last = ranges[i].last;
        int d = ranges[i].distance;
        if (d == 0 || d == 1) {
            bool is_upper = (c & 1) == (uint32_t)d;
            if (c >= first && c <= last)
                return upper == is_upper ? c : is_upper ? c + 1 : c - 1;
        } else if (!upper && c >= first && c <= last) {
            return (uint32_t)((int)c + d);
        } else if (upper && (int)c - d >= (int)first && (int)c - d <= (int)last) {
            return (uint32_t)((int)c - d);
        }
    }
    if (upper && c == 0x3c2) /* final sigma */
        return 0x3a3;
    return upper && c == 0xb5 ? 0x39c : c;
}

size_t unicode_case(const char *p, size_t n, bool upper, char to[UNICODE_CASE_BYTES_MAX])
{
    if (n == 1) {
        char c = *p;
        bool letter = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        to[0] = letter ? (char)(c ^ 0x20) : c;
        return 1;
    }
    uint32_t c = belay_utf8_get(p, n);
    if (upper && c == 0xdf) {
        memcpy(to, "SS", 2);
        return 2;
    }
    return belay_utf8_put(to, map(c, upper));
}
