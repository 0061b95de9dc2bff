/* hash.h - XXH3 for maps and fingerprints (stable across releases: it reaches the disk).
 * Not for adversaries: what a stranger may choose is compared in full as well.  Thread: any. */
#ifndef BELAY_BASE_HASH_H
#define BELAY_BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

struct belay_hash128 {
    uint64_t hi, lo;
};

uint64_t belay_hash64(struct belay_str s);
/* For tables in memory that a stranger's texts go into: seed is not known to him. */
uint64_t belay_hash64_seeded(struct belay_str s, uint64_t seed);
struct belay_hash128 belay_hash128(struct belay_str s);

/* Incremental: of the concatenation of parts, each preceded by its length (8 bytes, little
 * endian), so that ("ab","c") and ("a","bc") differ. */
struct belay_hash128 belay_hash128_parts(const struct belay_str *parts, size_t count);

static inline bool belay_hash128_eq(struct belay_hash128 a, struct belay_hash128 b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* 32 lower-case hex digits, hi first, NUL after them. */
void belay_hash128_hex(struct belay_hash128 h, char ret_hex[33]);
/* n bytes as 2n lower-case hex digits, no NUL. */
void belay_hex(const void *p, size_t n, char *ret_hex);

#endif
