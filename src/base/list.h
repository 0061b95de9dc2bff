/* list.h - intrusive doubly linked list with a sentinel.  Thread: one owner.
 * Invariant: a node is in at most one list; one that was taken out points at itself, so that it is empty and may be
 * unlinked again.  One that never was in a list has to be told so (belay_list_init) before either: zeros are no list. */
#ifndef BELAY_BASE_LIST_H
#define BELAY_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct belay_list {
    struct belay_list *prev, *next;
};

/* The struct that embeds the node. */
#define BELAY_CONTAINER_OF(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void belay_list_init(struct belay_list *l)
{
    l->prev = l->next = l;
}

static inline bool belay_list_empty(const struct belay_list *l)
{
    return l->next == l;
}

static inline void belay_list_insert_before(struct belay_list *at, struct belay_list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void belay_list_push(struct belay_list *l, struct belay_list *node)
{
    belay_list_insert_before(l, node);
}

/* To the front: of a list of spare things, which are taken from there, the one used last is still in the cache. */
static inline void belay_list_push_front(struct belay_list *l, struct belay_list *node)
{
    belay_list_insert_before(l->next, node);
}

static inline void belay_list_unlink(struct belay_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    belay_list_init(node);
}

/* All of `from` behind those of `to`, in order; from is empty then. */
static inline void belay_list_splice(struct belay_list *to, struct belay_list *from)
{
    if (belay_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    belay_list_init(from);
}

/* NULL when empty. */
static inline struct belay_list *belay_list_pop(struct belay_list *l)
{
    struct belay_list *node = l->next;
    if (node == l)
        return NULL;
    belay_list_unlink(node);
    return node;
}

#endif
