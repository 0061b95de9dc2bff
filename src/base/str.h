/* str.h - string views: {p, n}, not NUL-terminated, never owning.  Thread: any (plain values).
 * Invariant: n == 0, or p points at n readable bytes. */
#ifndef BELAY_BASE_STR_H
#define BELAY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct belay_str {
    const char *p;
    size_t n;
};

struct belay_field { /* a header, or a named parameter */
    struct belay_str name, value;
};

#define BELAY_STR(literal) ((struct belay_str){ "" literal, sizeof(literal) - 1 })
#define BELAY_STR_INIT(literal) { "" literal, sizeof(literal) - 1 }
#define BELAY_STR_NONE ((struct belay_str){ NULL, 0 })
/* printf("%.*s", BELAY_STR_ARG(s)) */
#define BELAY_STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct belay_str belay_str(const char *p, size_t n)
{
    return (struct belay_str){ p, n };
}

/* NULL gives the empty view. */
static inline struct belay_str belay_str_c(const char *c)
{
    return (struct belay_str){ c, c ? strlen(c) : 0 };
}

static inline bool belay_str_eq(struct belay_str a, struct belay_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Byte order, shorter first: <0, 0, >0. */
static inline int belay_str_cmp(struct belay_str a, struct belay_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* n bytes from offset, both clipped to the view. */
struct belay_str belay_str_sub(struct belay_str s, size_t offset, size_t n);
bool belay_str_starts(struct belay_str s, struct belay_str prefix);
bool belay_str_ends(struct belay_str s, struct belay_str suffix);
/* Of two of one length. */
bool belay_str_same_nocase(struct belay_str a, struct belay_str b);
/* ASCII letters only (HTTP header names, media types). */
static inline bool belay_str_eq_nocase(struct belay_str a, struct belay_str b)
{
    return a.n == b.n && belay_str_same_nocase(a, b);
}
/* Offset of the first c, or s.n. */
size_t belay_str_find(struct belay_str s, char c);
/* Without leading and trailing space, tab, CR, LF. */
struct belay_str belay_str_trim(struct belay_str s);
/* Cuts *rest at the first separator and returns what was before it; after the last part
 * *rest is BELAY_STR_NONE (p == NULL). */
struct belay_str belay_str_split(struct belay_str *rest, char separator);
/* Decimal digits only, no sign, no overflow. *ret_value untouched on false. */
bool belay_str_to_u64(struct belay_str s, uint64_t *ret_value);
/* Edit distance of at most max (for "did you mean"); max + 1 when it is more. */
unsigned belay_str_distance(struct belay_str a, struct belay_str b, unsigned max);

#endif
