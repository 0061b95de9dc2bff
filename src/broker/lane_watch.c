/* lane_watch.c - which lane of a subscription stands longest with the same head.
 *
 * Lanes in trouble are rows: they are walked in the order of their keys, a bite a look, and the one whose head is the
 * oldest is known when the walk is over; with few lanes each look is a whole walk.  A lane with nothing but a message at
 * work has no row: it is in memory, and looked at each time.  What was found is looked up again before it is told: a lane
 * that got well meanwhile is not.
 *
 * A message that waits until somebody comes for it (awaits) stands as it should. A parked lane stands until somebody acts: it counts only where no other stands.  Parked by hand: it does not count.
 */
#include "base/planted.h"
#include "broker/head.h"
#include "broker/lane.h"
#include "broker/lane_impl.h"
#include "broker/record.h"

#define BITE 4096 /* rows a look, all subscriptions together */

static bool longer(const struct stand *a, const struct stand *than)
{
    if (!than->there || a->parked != than->parked)
        return !than->there || than->parked;
    return BELAY_PLANTED(84) ? a->since > than->since : a->since < than->since;
}

static void offer(struct stand *best, struct stand x)
{
    x.there = true;
    if (longer(&x, best))
        *best = x;
}

static bool stands(struct belay_broker *b, const struct belay_subscription *sub, struct belay_hash128 lane,
                   const struct lane_row *row, struct stand *ret_stand)
{
    struct exception x;
    if (row->hand || !lane_has_head(b, sub->id, lane, row) || !exception_get(b, sub->id, row->head, &x))
        return false;
    if (sub->opt.awaits && x.state == EXCEPTION_WAITING) /* somebody will come for it */
        return false;
    *ret_stand = (struct stand){ .lane = lane, .since = row->head_since, .parked = x.state == EXCEPTION_PARKED };
    return true;
}

/* Rows that may be looked at: what is left of them. */
static uint32_t walk(struct belay_broker *b, struct belay_subscription *sub, uint32_t looks)
{
    struct row_key prefix = key_id(sub->id);
    struct lane_watch *w = &sub->watch;
    if (!sub->n.lanes_in_trouble)
        w->longest.there = w->walking = false;
    while (sub->n.lanes_in_trouble && looks) {
        struct row_key from = w->walking ? w->at : prefix;
        struct belay_str key, value;
        struct lane_row row;
        struct stand x;
        if (!w->walking)
            w->best.there = false;
        looks--;
        if (!rows_seek(b, BELAY_TABLE_LANE, row_key_str(&from), w->walking, row_key_str(&prefix), &key, &value)) {
            w->longest = w->best;
            w->walking = false;
            break;
        }
        struct belay_hash128 lane = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        w->walking = true;
        w->at = key_lane(sub->id, lane);
        if (lane_row_get(b, sub->id, lane, &row) && stands(b, sub, lane, &row, &x))
            offer(&w->best, x);
    }
    return looks;
}

static void look_at_memory(struct belay_subscription *sub)
{
    struct belay_map_slot *slot;
    struct lane_watch *w = &sub->watch;
    w->open.there = false;
    for (size_t at = 0; (slot = belay_map_next(&sub->lanes, &at));) {
        const struct lane *lane = slot->value;
        if (!lane->trouble && lane->busy && lane->busy->where == ENTRY_FLIGHT)
            offer(&w->open, (struct stand){ .lane = lane->hash, .since = lane->busy->taken_at });
    }
}

void belay_broker_lanes_watch(struct belay_broker *b, belay_time now)
{
    uint32_t looks = BITE;
    broker_advance(b, now);
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct belay_subscription *sub = b->subs[(b->watch_from + i) % b->sub_count];
        look_at_memory(sub);
        looks = walk(b, sub, looks);
    }
    b->watch_from = b->sub_count ? (b->watch_from + 1) % b->sub_count : 0;
}

/* What was found, if it still stands. */
static bool still(struct belay_broker *b, const struct belay_subscription *sub, struct stand *ret_stand)
{
    const struct lane_watch *w = &sub->watch;
    struct lane_row row;
    struct stand x, found = { .there = false };
    if (w->longest.there && lane_in_trouble(b, sub->id, w->longest.lane, &row)
        && stands(b, sub, w->longest.lane, &row, &x) && x.since == w->longest.since)
        offer(&found, x);
    const struct lane *open = w->open.there ? lane_find(sub, w->open.lane) : NULL;
    if (open && !open->trouble && open->busy && open->busy->taken_at == w->open.since)
        offer(&found, w->open);
    *ret_stand = found;
    return found.there;
}

belay_time lane_stands_since(struct belay_broker *b, const struct belay_subscription *sub)
{
    struct stand x;
    return still(b, sub, &x) && !x.parked ? x.since : BELAY_TIME_NEVER;
}

static bool look(struct belay_broker *b, struct belay_subscription *sub, const struct stand *x, struct belay_arena *arena,
                 struct belay_lane *ret_lane)
{
    struct lane_row row;
    struct belay_err err;
    const struct lane *open = lane_find(sub, x->lane);
    struct belay_str key = BELAY_STR_NONE;
    if (lane_row_get(b, sub->id, x->lane, &row))
        key = key_text_str(&row.key);
    else if (open && open->busy)
        key = open->busy->d.lane_key;
    return key.n && belay_broker_lane_get(b, sub, key, arena, ret_lane, &err) == BELAY_OK;
}

bool belay_broker_lane_longest(struct belay_broker *b, struct belay_subscription *sub, struct belay_arena *arena,
                               struct belay_lane *ret_lane)
{
    struct stand x;
    return still(b, sub, &x) && look(b, sub, &x, arena, ret_lane);
}

enum belay_lane_news belay_broker_lane_news(struct belay_broker *b, struct belay_subscription *sub, int64_t stalled_ms,
                                            struct belay_arena *arena, struct belay_lane *ret_lane)
{
    struct lane_watch *w = &sub->watch;
    struct stand x;
    bool stalls = still(b, sub, &x) && !x.parked && b->now - x.since >= stalled_ms * BELAY_US_PER_MS;
    bool same = stalls && belay_hash128_eq(x.lane, w->told.lane) && x.since == w->told.since;
    if (w->told.there && !same) {
        w->told.there = false;
        return BELAY_LANE_RECOVERED;
    }
    if (!stalls || w->told.there || !look(b, sub, &x, arena, ret_lane))
        return BELAY_LANE_NO_NEWS;
    w->told = x;
    return BELAY_LANE_STALLED;
}
