/* buckets.h - a token bucket for each of many callers, in memory that does not grow.
 *
 *   set 0  [ who, bucket ] x 8   [ shared bucket ]
 *   set 1  ...
 *
 * A caller's hash names his set. A bucket that is full again says nothing that a new one would not, so its place
 * goes to whoever comes next, and forgetting needs no clock. Where all places of a set are held by callers who are
 * not through yet, the next one shares the set's bucket with others like him: he may get less than his share, never
 * more. Once there is a place for him, his own bucket begins as empty as the shared one is.
 *
 * Uses: base.  Thread: the owner's.
 * Invariant: of one caller, within any t seconds at most burst + t * per_second. */
#ifndef BELAY_BASE_BUCKETS_H
#define BELAY_BASE_BUCKETS_H

#include "base/rate.h"
#include "base/status.h"
#include "base/str.h"

struct belay_buckets;

/* Places for callers_max (at least 1) who are not through at once: of so many, one in some thousands shares.
 * NULL: no memory. */
struct belay_buckets *belay_buckets_new(uint32_t callers_max);
void belay_buckets_free(struct belay_buckets *b);
size_t belay_buckets_bytes(const struct belay_buckets *b);

/* The bucket of a caller: his own, else the shared one of his set (*ret_shared). Good until the next call; def is the
 * same each time. A look takes a place and nothing else. */
struct belay_rate *belay_buckets_of(struct belay_buckets *b, uint64_t who, belay_time now, bool *ret_shared);
/* Before anybody is looked up: from the system's randomness, so that no stranger can choose whose set he is in. */
void belay_buckets_seed(struct belay_buckets *b, uint64_t seed);
/* A caller's name as belay_buckets_of wants it. */
uint64_t belay_buckets_who(const struct belay_buckets *b, struct belay_str scheme, struct belay_str name);

#endif
