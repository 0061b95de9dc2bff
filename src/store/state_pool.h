/* state_pool.h - memory of one overlay: blocks reserved ahead, pieces recycled by size.
 * What was reserved can be taken without fail; everything goes back at once (clear), a piece at a
 * time (give) only for the pool's own reuse.
 * Uses: base.  Thread: one owner.  Invariant: used_bytes <= block_bytes; pieces are 16-aligned. */
#ifndef BELAY_STORE_STATE_POOL_H
#define BELAY_STORE_STATE_POOL_H

#include <stdbool.h>
#include <stddef.h>

enum { STATE_POOL_OPEN = 4, STATE_POOL_CLASSES = 96 };

struct state_pool_block;

struct state_pool {
    struct state_pool_block *blocks;                /* all of them */
    struct state_pool_block *open[STATE_POOL_OPEN]; /* those with room, oldest first */
    unsigned open_count;
    size_t block_size;  /* of an ordinary block */
    size_t block_bytes; /* held from the heap */
    size_t used_bytes;  /* in pieces that were taken and not given back */
    void *recycled[STATE_POOL_CLASSES];
};

void state_pool_init(struct state_pool *p, size_t block_size);
/* Gives every block back; the pool is as after init. */
void state_pool_clear(struct state_pool *p);

/* Bytes of the piece that a request for n gets: at most n + n/4 + 15. */
size_t state_pool_rounded(size_t n);
/* What a reservation of n more bytes would add to block_bytes: 0 where they are there. */
size_t state_pool_growth(const struct state_pool *p, size_t n);
/* n bytes of pieces (each counted with state_pool_rounded) can be taken from now on until the next
 * reservation. False: no memory, nothing changed. */
bool state_pool_reserve(struct state_pool *p, size_t n);
/* A piece of state_pool_rounded(n) bytes. NULL only beyond what was reserved. */
void *state_pool_take(struct state_pool *p, size_t n);
/* n as it was asked for, or the rounded size. */
void state_pool_give(struct state_pool *p, void *piece, size_t n);

#endif
