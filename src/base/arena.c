#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"

#define CHUNK_BYTES_DEFAULT (16 * 1024)

struct belay_arena_chunk {
    struct belay_arena_chunk *older;
    size_t size; /* of the whole allocation */
    _Alignas(16) char bytes[];
};

void belay_arena_init(struct belay_arena *a, size_t chunk_bytes, size_t size_bytes_max)
{
    *a = (struct belay_arena){
        .chunk_bytes = chunk_bytes ? chunk_bytes : CHUNK_BYTES_DEFAULT,
        .size_bytes_max = size_bytes_max,
    };
}

static void drop_newest(struct belay_arena *a)
{
    struct belay_arena_chunk *chunk = a->chunk;
    a->chunk = chunk->older;
    a->used_bytes -= chunk->size;
    belay_free(chunk);
}

void belay_arena_deinit(struct belay_arena *a)
{
    while (a->chunk)
        drop_newest(a);
    BELAY_ASSERT(a->used_bytes == 0);
    a->at = a->end = NULL;
}

static void use_newest(struct belay_arena *a, char *at)
{
    a->at = at;
    a->end = a->chunk ? (char *)a->chunk + a->chunk->size : NULL;
}

void belay_arena_reset(struct belay_arena *a)
{
    while (a->chunk && (a->chunk->older || a->chunk->size > a->chunk_bytes * 2))
        drop_newest(a);
    use_newest(a, a->chunk ? a->chunk->bytes : NULL);
    a->full = a->starved = false;
}

struct belay_arena_mark belay_arena_mark(const struct belay_arena *a)
{
    return (struct belay_arena_mark){ a->chunk, a->at };
}

void belay_arena_rewind(struct belay_arena *a, struct belay_arena_mark mark)
{
    while (a->chunk != mark.chunk) {
        BELAY_ASSERT(a->chunk);
        drop_newest(a);
    }
    use_newest(a, mark.at);
}

void *belay_arena_alloc_slow(struct belay_arena *a, size_t n, size_t align)
{
    size_t head = sizeof(struct belay_arena_chunk);
    if (n > a->size_bytes_max || a->used_bytes > a->size_bytes_max) {
        a->full = true;
        return NULL;
    }
    size_t room = a->size_bytes_max - a->used_bytes;
    size_t size = a->chunk_bytes > head + n ? a->chunk_bytes : head + n;
    if (size > room)
        size = head + n; /* the last, smaller chunk */
    if (size > room) {
        a->full = true;
        return NULL;
    }
    struct belay_arena_chunk *chunk = belay_malloc(size);
    if (!chunk) {
        a->starved = true;
        return NULL;
    }
    chunk->older = a->chunk;
    chunk->size = size;
    a->chunk = chunk;
    a->used_bytes += size;
    use_newest(a, chunk->bytes);
    BELAY_ASSERT(((uintptr_t)a->at & (align - 1)) == 0);
    void *p = a->at;
    a->at += n;
    return p;
}

void *belay_arena_zalloc(struct belay_arena *a, size_t n)
{
    void *p = belay_arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

struct belay_str belay_arena_str(struct belay_arena *a, struct belay_str s)
{
    char *p = belay_arena_bytes(a, s.n + 1);
    if (!p)
        return BELAY_STR_NONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return belay_str(p, s.n);
}

struct belay_str belay_arena_join(struct belay_arena *a, struct belay_str x, struct belay_str y,
                                  struct belay_str z)
{
    char *p = belay_arena_bytes(a, x.n + y.n + z.n + 1), *at = p;
    if (!p)
        return BELAY_STR_NONE;
    const struct belay_str parts[] = { x, y, z };
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].n)
            memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    *at = '\0';
    return belay_str(p, x.n + y.n + z.n);
}

struct belay_str belay_arena_printf(struct belay_arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    BELAY_ASSERT(n >= 0);
    char *p = belay_arena_bytes(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return p ? belay_str(p, (size_t)n) : BELAY_STR_NONE;
}
