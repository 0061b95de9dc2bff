/* heap.h - binary min-heap of intrusive nodes; equal keys leave in the order they came, so that
 * runs repeat.  Uses: alloc.  Thread: one owner.
 * Invariant: node->index is its place; BELAY_HEAP_OUT while it is in no heap. */
#ifndef BELAY_BASE_HEAP_H
#define BELAY_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define BELAY_HEAP_OUT SIZE_MAX

struct belay_heap_node {
    int64_t key;
    uint64_t order; /* set by insert */
    size_t index;
};

struct belay_heap {
    struct belay_heap_node **nodes;
    size_t count, cap;
    uint64_t next_order;
};

void belay_heap_init(struct belay_heap *h);
void belay_heap_deinit(struct belay_heap *h);
void belay_heap_node_init(struct belay_heap_node *node);
/* Errors: BELAY_NOMEM (node stays out). */
int belay_heap_insert(struct belay_heap *h, struct belay_heap_node *node, int64_t key) BELAY_MUST_CHECK;
/* No-op for a node that is out. */
void belay_heap_remove(struct belay_heap *h, struct belay_heap_node *node);
/* NULL when empty; stays in. */
struct belay_heap_node *belay_heap_min(const struct belay_heap *h);

#endif
