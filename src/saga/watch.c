/* watch.c - which instance of each saga has not moved for longest: the rows are walked, a bite a look.
 *
 * An instance that ended stays a week, so there may be many rows that say nothing; with a million of them a walk takes
 * some minutes. What was found is looked up again before it is told: one that moved meanwhile is not. */
#include "saga/room.h"

#include <string.h>

#include "base/assert.h"
#include "saga/kinds.h"

#define BITE 4096 /* rows a look, all sagas together */

static bool is_under_way(uint8_t state)
{
    return state == SAGA_RUNNING || state == SAGA_COMPENSATING;
}

/* When it moved last; NEVER: it is not under way (any more). */
static belay_time moved_at(struct belay_sagas *s, struct belay_str key)
{
    const struct saga *i = belay_map_get(&s->sagas, key);
    struct saga_glance g;
    struct belay_str row;
    if (i)
        return is_under_way(i->state) ? i->updated_at : BELAY_TIME_NEVER;
    bool known = belay_state_get(s->state, BELAY_TABLE_SAGA, key, &row) && saga_row_glance(row, &g);
    return known && is_under_way(g.state) ? g.updated_at : BELAY_TIME_NEVER;
}

/* The walk of one kind goes on for so many rows at most; how many are left. */
static uint32_t walk(struct belay_sagas *s, struct saga_kind *kind, uint32_t looks)
{
    struct saga_watch *w = &kind->watch;
    struct saga_key prefix;
    struct belay_str key, row;
    saga_key_init(&prefix, kind->number, BELAY_STR_NONE);
    for (; looks; looks--) {
        struct saga_key from = w->walking ? w->at : prefix;
        if (!belay_state_seek(s->state, BELAY_TABLE_SAGA, saga_key_str(&from), w->walking, belay_str(prefix.bytes, 5), &key,
                              &row)) {
            w->longest = w->best;
            w->walking = false;
            return looks;
        }
        if (!w->walking)
            w->best.since = BELAY_TIME_NEVER;
        w->walking = true;
        BELAY_ASSERT(key.n <= sizeof w->at.bytes);
        memcpy(w->at.bytes, key.p, key.n);
        w->at.n = (uint16_t)key.n;
        belay_time since = moved_at(s, saga_key_str(&w->at));
        if (since < w->best.since)
            w->best = (struct saga_idle){ since, w->at };
    }
    return 0;
}

void belay_sagas_watch(struct belay_sagas *s)
{
    uint32_t looks = BITE;
    for (uint32_t n = 0; n < s->kind_count; n++) {
        struct saga_kind *kind = s->kinds[(s->watch_from + n) % s->kind_count];
        if (kind->stats.running + kind->stats.compensating == 0)
            kind->watch = (struct saga_watch){ .longest.since = BELAY_TIME_NEVER };
        else
            looks = walk(s, kind, looks);
    }
    s->watch_from = s->kind_count ? (s->watch_from + 1) % s->kind_count : 0;
}

bool belay_sagas_idle(struct belay_sagas *s, uint32_t index, belay_time *ret_since)
{
    const struct saga_kind *kind = saga_kind_at(s, index + 1);
    if (!kind || kind->watch.longest.since == BELAY_TIME_NEVER || kind->watch.longest.key.n == 0)
        return false;
    belay_time since = moved_at(s, saga_key_str(&kind->watch.longest.key));
    if (since != kind->watch.longest.since)
        return false;
    *ret_since = since;
    return true;
}
