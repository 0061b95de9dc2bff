#include "base/str.h"

static bool space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

struct belay_str belay_str_sub(struct belay_str s, size_t offset, size_t n)
{
    if (offset > s.n)
        offset = s.n;
    if (n > s.n - offset)
        n = s.n - offset;
    return belay_str(s.p ? s.p + offset : NULL, n);
}

bool belay_str_starts(struct belay_str s, struct belay_str prefix)
{
    return s.n >= prefix.n && belay_str_eq(belay_str(s.p, prefix.n), prefix);
}

bool belay_str_ends(struct belay_str s, struct belay_str suffix)
{
    return s.n >= suffix.n && belay_str_eq(belay_str_sub(s, s.n - suffix.n, suffix.n), suffix);
}

bool belay_str_same_nocase(struct belay_str a, struct belay_str b)
{
    if (a.n == 0 || memcmp(a.p, b.p, a.n) == 0) /* as most who write a header write it */
        return true;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

size_t belay_str_find(struct belay_str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

struct belay_str belay_str_trim(struct belay_str s)
{
    while (s.n && space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct belay_str belay_str_split(struct belay_str *rest, char separator)
{
    size_t at = belay_str_find(*rest, separator);
    struct belay_str part = belay_str_sub(*rest, 0, at);
    *rest = at < rest->n ? belay_str_sub(*rest, at + 1, rest->n) : BELAY_STR_NONE;
    return part;
}

bool belay_str_to_u64(struct belay_str s, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (s.n == 0 || s.n > 20)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value)
            || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

#define DISTANCE_LEN_MAX 63

unsigned belay_str_distance(struct belay_str a, struct belay_str b, unsigned max)
{
    unsigned row[DISTANCE_LEN_MAX + 1];
    if (a.n > DISTANCE_LEN_MAX || b.n > DISTANCE_LEN_MAX)
        return max + 1;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned change = diagonal + (lower(a.p[i - 1]) != lower(b.p[j - 1]));
            diagonal = row[j];
            unsigned best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
            row[j] = best < change ? best : change;
        }
    }
    return row[b.n] <= max ? row[b.n] : max + 1;
}
