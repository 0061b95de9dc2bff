#include "store/state_pool.h"

#include <stdint.h>

#include "base/alloc.h"
#include "base/assert.h"

struct state_pool_block {
    struct state_pool_block *next;
    char *at, *end;
    size_t size_bytes;
};

enum { HEADER = (sizeof(struct state_pool_block) + 15) & ~15, SMALL = 64 };

void state_pool_init(struct state_pool *p, size_t block_size)
{
    *p = (struct state_pool){ .block_size = block_size };
}

void state_pool_clear(struct state_pool *p)
{
    for (struct state_pool_block *b = p->blocks, *next; b; b = next) {
        next = b->next;
        belay_free(b);
    }
    state_pool_init(p, p->block_size);
}

/* Multiples of 16 up to 64, then four steps to each power of two: 80, 96, 112, 128, 160, ... */
size_t state_pool_rounded(size_t n)
{
    size_t step = 16;
    if (n > SMALL)
        step = (size_t)1 << (61 - __builtin_clzll(n - 1));
    return n ? (n + step - 1) & ~(step - 1) : step;
}

static unsigned class_of(size_t rounded)
{
    if (rounded <= SMALL)
        return (unsigned)(rounded / 16 - 1);
    unsigned power = 63u - (unsigned)__builtin_clzll(rounded - 1);
    return 4 * (power - 5) + (unsigned)((rounded - 1) >> (power - 2)) - 4;
}

static size_t room(const struct state_pool_block *b)
{
    return (size_t)(b->end - b->at);
}

size_t state_pool_growth(const struct state_pool *p, size_t n)
{
    for (unsigned i = 0; i < p->open_count; i++)
        if (room(p->open[i]) >= n)
            return 0;
    return HEADER + n > p->block_size ? HEADER + n : p->block_size;
}

static void open_remove(struct state_pool *p, unsigned at)
{
    p->open_count--;
    for (unsigned i = at; i < p->open_count; i++)
        p->open[i] = p->open[i + 1];
}

/* Where all places are taken, the fullest block leaves: its rest is lost until the next clear. */
static void open_add(struct state_pool *p, struct state_pool_block *b)
{
    if (p->open_count == STATE_POOL_OPEN) {
        unsigned fullest = 0;
        for (unsigned i = 1; i < p->open_count; i++)
            if (room(p->open[i]) < room(p->open[fullest]))
                fullest = i;
        open_remove(p, fullest);
    }
    p->open[p->open_count++] = b;
}

bool state_pool_reserve(struct state_pool *p, size_t n)
{
    size_t growth = state_pool_growth(p, n);
    if (growth == 0)
        return true;
    struct state_pool_block *b = belay_malloc(growth);
    if (!b)
        return false;
    BELAY_ASSERT(growth > HEADER && growth - HEADER >= n);
    *b = (struct state_pool_block){ p->blocks, (char *)b + HEADER, (char *)b + growth, growth };
    p->blocks = b;
    p->block_bytes += growth;
    open_add(p, b);
    return true;
}

void *state_pool_take(struct state_pool *p, size_t n)
{
    size_t rounded = state_pool_rounded(n);
    unsigned class_ = class_of(rounded);
    if (class_ < STATE_POOL_CLASSES && p->recycled[class_]) {
        void *piece = p->recycled[class_];
        p->recycled[class_] = *(void **)piece;
        p->used_bytes += rounded;
        return piece;
    }
    for (unsigned i = 0; i < p->open_count; i++) {
        struct state_pool_block *b = p->open[i];
        if (room(b) < rounded)
            continue;
        char *piece = b->at;
        b->at += rounded;
        p->used_bytes += rounded;
        if (room(b) < SMALL)
            open_remove(p, i);
        return piece;
    }
    return NULL;
}

void state_pool_give(struct state_pool *p, void *piece, size_t n)
{
    size_t rounded = state_pool_rounded(n);
    unsigned class_ = class_of(rounded);
    BELAY_ASSERT(p->used_bytes >= rounded);
    p->used_bytes -= rounded;
    if (class_ >= STATE_POOL_CLASSES)
        return;
    *(void **)piece = p->recycled[class_];
    p->recycled[class_] = piece;
}
