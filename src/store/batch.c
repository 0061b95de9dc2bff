#include "store/batch.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "store/segment.h"

struct batch *journal_batch_new(size_t cap)
{
    struct batch *b = belay_calloc(1, sizeof *b);
    if (!b)
        return NULL;
    cap = blocks_up(cap ? cap : 1);
    b->p = belay_malloc_aligned(BELAY_BLOCK_BYTES, cap);
    if (!b->p) {
        belay_free(b);
        return NULL;
    }
    belay_list_init(&b->node);
    b->cap = cap;
    journal_batch_clear(b);
    return b;
}

void journal_batch_free(struct batch *b)
{
    if (b) {
        belay_free(b->p);
        belay_free(b->extents);
        belay_free(b);
    }
}

void journal_batch_clear(struct batch *b)
{
    b->n = COMMIT_HEADER_BYTES;
    b->records = 0;
    b->number = 0;
    b->extent_count = 0;
}

static int grow_bytes(struct batch *b, size_t need)
{
    BELAY_ASSERT(b->n <= b->cap && need > b->cap);
    size_t cap = b->cap * 2 > need ? b->cap * 2 : blocks_up(need);
    uint8_t *p = belay_malloc_aligned(BELAY_BLOCK_BYTES, cap);
    if (!p)
        return BELAY_NOMEM;
    memcpy(p, b->p, b->n);
    belay_free(b->p);
    b->p = p;
    b->cap = cap;
    return BELAY_OK;
}

static int grow_extents(struct batch *b, uint32_t need)
{
    uint32_t cap = b->extent_cap ? b->extent_cap * 2 : 4;
    while (cap < need)
        cap *= 2;
    struct extent *more = belay_realloc(b->extents, cap * sizeof *more);
    if (!more)
        return BELAY_NOMEM;
    b->extents = more;
    b->extent_cap = cap;
    return BELAY_OK;
}

int journal_batch_reserve(struct batch *b, size_t n, uint32_t count)
{
    int status = BELAY_OK;
    if (n > b->cap - b->n)
        status = grow_bytes(b, b->n + n);
    if (status == BELAY_OK && count > b->extent_cap - b->extent_count)
        status = grow_extents(b, b->extent_count + count);
    return status;
}

void journal_batch_pad(struct batch *b)
{
    size_t padded = blocks_up(b->n);
    BELAY_ASSERT(padded <= b->cap);
    memset(b->p + b->n, 0, padded - b->n);
}
