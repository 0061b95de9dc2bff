/* arena.h - memory with one lifetime: taken piece by piece, given back at once.
 * Uses: alloc.  Thread: one owner.  Invariant: used_bytes <= size_bytes_max.
 * Lifetimes in Belay: configuration arena (a reload), step arena (one engine step),
 * run arena (one message in flight). */
#ifndef BELAY_BASE_ARENA_H
#define BELAY_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct belay_arena_chunk;

struct belay_arena {
    struct belay_arena_chunk *chunk; /* newest first */
    char *at, *end;                  /* free part of the newest chunk */
    size_t used_bytes;               /* sum of chunk sizes */
    size_t size_bytes_max;
    size_t chunk_bytes;
    bool full, starved;              /* its limit, the heap, refused something since it was reset last */
};

struct belay_arena_mark {
    struct belay_arena_chunk *chunk;
    char *at;
};

/* Allocates nothing yet. chunk_bytes 0: 16 KiB. */
void belay_arena_init(struct belay_arena *a, size_t chunk_bytes, size_t size_bytes_max);
void belay_arena_deinit(struct belay_arena *a);
/* Forgets everything; keeps the first chunk for the next round. */
void belay_arena_reset(struct belay_arena *a);
struct belay_arena_mark belay_arena_mark(const struct belay_arena *a);
/* Forgets what was taken since the mark (of this arena, not older than the last reset). */
void belay_arena_rewind(struct belay_arena *a, struct belay_arena_mark mark);

void *belay_arena_alloc_slow(struct belay_arena *a, size_t n, size_t align);

/* 16-aligned, not zeroed. NULL at the limit (full) or without memory (starved). */
static inline void *belay_arena_alloc(struct belay_arena *a, size_t n)
{
    uintptr_t at = ((uintptr_t)a->at + 15) & ~(uintptr_t)15;
    if (__builtin_expect(a->at && at <= (uintptr_t)a->end && n <= (uintptr_t)a->end - at, 1)) {
        a->at = (char *)at + n;
        return (void *)at;
    }
    return belay_arena_alloc_slow(a, n, 16);
}

/* Bytes, unaligned. */
static inline char *belay_arena_bytes(struct belay_arena *a, size_t n)
{
    if (__builtin_expect(a->at && n <= (size_t)(a->end - a->at), 1)) {
        char *p = a->at;
        a->at += n;
        return p;
    }
    return belay_arena_alloc_slow(a, n, 1);
}

void *belay_arena_zalloc(struct belay_arena *a, size_t n);
/* A copy in the arena, NUL after it. {NULL, 0} when there is no memory. */
struct belay_str belay_arena_str(struct belay_arena *a, struct belay_str s);
/* The three one after the other, NUL after them; as above. */
struct belay_str belay_arena_join(struct belay_arena *a, struct belay_str x, struct belay_str y,
                                  struct belay_str z);
struct belay_str belay_arena_printf(struct belay_arena *a, const char *fmt, ...) BELAY_PRINTF(2, 3);

#define BELAY_ARENA_NEW(a, type) ((type *)belay_arena_zalloc((a), sizeof(type)))
#define BELAY_ARENA_ARRAY(a, type, count) ((type *)belay_arena_zalloc((a), sizeof(type) * (count)))

#endif
