#include "store/state_gap.h"

#include <string.h>

static struct belay_str from_of(const struct state_gap *gap)
{
    return belay_str(gap->from, gap->from_n);
}

static bool holds(const struct state_gap *gap, struct belay_str key)
{
    return belay_str_cmp(key, from_of(gap)) >= 0
           && (gap->open || belay_str_cmp(key, state_gap_to(gap)) < 0);
}

static struct state_gap *find(struct state_gaps *g, uint32_t table, struct belay_str key)
{
    for (unsigned i = 0; g->count && i < STATE_GAPS; i++)
        if (g->items[i].table == table && holds(&g->items[i], key))
            return &g->items[i];
    return NULL;
}

const struct state_gap *state_gap_find(struct state_gaps *g, uint32_t table, struct belay_str key)
{
    struct state_gap *gap = find(g, table, key);
    if (gap)
        gap->used = ++g->clock;
    return gap;
}

/* A gap of this table that starts no later than from and reaches it; else the least used place. */
static struct state_gap *place_for(struct state_gaps *g, uint32_t table, struct belay_str from)
{
    struct state_gap *oldest = &g->items[0];
    for (struct state_gap *gap = g->items; gap < g->items + STATE_GAPS; gap++) {
        if (gap->table == table && belay_str_cmp(from_of(gap), from) <= 0
            && (gap->open || belay_str_cmp(state_gap_to(gap), from) >= 0))
            return gap;
        if (gap->used < oldest->used)
            oldest = gap;
    }
    g->count += oldest->table == 0;
    oldest->table = table;
    oldest->from_n = (uint16_t)from.n;
    memcpy(oldest->from, from.p, from.n);
    return oldest;
}

void state_gap_add(struct state_gaps *g, uint32_t table, struct belay_str from, bool after,
                   struct belay_str to)
{
    char next[STATE_GAP_KEY];
    memcpy(next, from.p ? from.p : "", from.n);
    next[from.n] = '\0'; /* the least key above from */
    struct state_gap *gap = place_for(g, table, belay_str(next, from.n + after));
    gap->used = ++g->clock;
    gap->open = to.p == NULL;
    gap->to_n = (uint16_t)to.n;
    memcpy(gap->to, to.p ? to.p : "", to.n);
}

static void forget(struct state_gaps *g, struct state_gap *gap)
{
    gap->table = 0;
    gap->used = 0;
    g->count--;
}

void state_gap_fill(struct state_gaps *g, uint32_t table, struct belay_str key)
{
    if (g->count == 0)
        return;
    for (struct state_gap *gap; (gap = find(g, table, key));) {
        gap->open = false;
        gap->to_n = (uint16_t)key.n;
        memcpy(gap->to, key.p, key.n);
        if (belay_str_eq(from_of(gap), key))
            forget(g, gap);
    }
}
