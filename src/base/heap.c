#include "base/heap.h"

#include <stdbool.h>

#include "base/alloc.h"
#include "base/assert.h"

void belay_heap_init(struct belay_heap *h)
{
    *h = (struct belay_heap){ 0 };
}

void belay_heap_deinit(struct belay_heap *h)
{
    belay_free(h->nodes);
    *h = (struct belay_heap){ 0 };
}

void belay_heap_node_init(struct belay_heap_node *node)
{
    *node = (struct belay_heap_node){ .index = BELAY_HEAP_OUT };
}

static bool before(const struct belay_heap_node *a, const struct belay_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void place(struct belay_heap *h, size_t i, struct belay_heap_node *node)
{
    h->nodes[i] = node;
    node->index = i;
}

static void sift_up(struct belay_heap *h, size_t i, struct belay_heap_node *node)
{
    while (i > 0 && before(node, h->nodes[(i - 1) / 2])) {
        place(h, i, h->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(h, i, node);
}

static void sift_down(struct belay_heap *h, size_t i, struct belay_heap_node *node)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && before(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!before(h->nodes[child], node))
            break;
        place(h, i, h->nodes[child]);
        i = child;
    }
    place(h, i, node);
}

int belay_heap_insert(struct belay_heap *h, struct belay_heap_node *node, int64_t key)
{
    BELAY_ASSERT(node->index == BELAY_HEAP_OUT);
    if (h->count == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 64;
        struct belay_heap_node **nodes = belay_realloc(h->nodes, cap * sizeof *nodes);
        if (!nodes)
            return BELAY_NOMEM;
        h->nodes = nodes;
        h->cap = cap;
    }
    node->key = key;
    node->order = h->next_order++;
    sift_up(h, h->count++, node);
    return BELAY_OK;
}

void belay_heap_remove(struct belay_heap *h, struct belay_heap_node *node)
{
    size_t i = node->index;
    if (i == BELAY_HEAP_OUT)
        return;
    BELAY_ASSERT(i < h->count && h->nodes[i] == node);
    struct belay_heap_node *last = h->nodes[--h->count];
    node->index = BELAY_HEAP_OUT;
    if (last == node)
        return;
    if (i > 0 && before(last, h->nodes[(i - 1) / 2]))
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

struct belay_heap_node *belay_heap_min(const struct belay_heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}
