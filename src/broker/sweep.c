/* sweep.c - rows that say nothing any more go together, in the order of their keys.
 *
 * Of lanes: a lane's key is a hash, and the rows of lanes that get well one after the other lie on as many pages of the
 * checkpoint, each copied, written and synced for one row of fifty bytes.  So such a row stays (held.c: its head does not
 * live and it holds nothing).
 *
 * Of exceptions: those that waited are done in the order in which they were due, which may be any; rows lie in that of
 * their sequences.  With many waiting, the row of one that is done far from the one before stays (exception.c: it has no
 * row of DUE).
 *
 * Once there are more of them than of those that say something, the rows are looked at in order, a bite a tick, and those
 * that say nothing go, all of a page at once.  This is no record: whether the row is there changes no answer.  What a
 * crash brings back is swept again.
 */
#include "broker/sweep.h"

#include "base/planted.h"
#include "broker/held.h"

#define BITE 32
#define ROWS_PART 4   /* of sweep_waiting_min: fewer are not worth a sweep while others say something */
#define BUSY_PERIOD_US (16 * BELAY_US_PER_MS) /* between two bites while its messages are at work: those come first */
#define NEAR_PART 16 /* of those that must wait: sequences so near that their rows are likely to lie on the same pages */

static const uint32_t table_of[SWEEPS] = { [SWEEP_LANES] = BELAY_TABLE_LANE, [SWEEP_EXCEPTIONS] = BELAY_TABLE_EXCEPTION };

static bool is_due(const struct belay_broker *b, const struct belay_subscription *sub, unsigned kind)
{
    uint64_t over = sub->sweeps[kind].over, say = kind == SWEEP_LANES ? sub->n.lanes_in_trouble : sub->n.waiting;
    return over && (!say || over >= say + b->sweep_waiting_min / ROWS_PART);
}

static void start_if_due(struct belay_broker *b, struct belay_subscription *sub, unsigned kind)
{
    struct sweep *s = &sub->sweeps[kind];
    if (s->on || !is_due(b, sub, kind))
        return;
    s->on = true;
    s->at = key_id(sub->id);
    s->end = UINT64_MAX;
    if (kind == SWEEP_EXCEPTIONS) {
        s->at = key_exception(sub->id, s->low, PART_META);
        s->at.n--; /* before it */
        s->end = s->high;
    }
    s->over = 0;
    b->sweeping++;
}

static void came(struct belay_broker *b, struct belay_subscription *sub, unsigned kind, uint64_t low, uint64_t high)
{
    struct sweep *s = &sub->sweeps[kind];
    s->low = s->over && s->low < low ? s->low : low;
    s->high = s->over && s->high > high ? s->high : high;
    s->over++;
    start_if_due(b, sub, kind);
}

void lane_over(struct belay_broker *b, struct belay_subscription *sub)
{
    came(b, sub, SWEEP_LANES, 0, 0);
}

/* In order they go at once: a page of the checkpoint goes with all its rows. */
bool exception_stays(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x)
{
    uint64_t last = sub->removed_last;
    uint32_t distance = b->sweep_waiting_min / NEAR_PART;
    bool near = sequence < last + distance && last < sequence + distance;
    sub->removed_last = sequence;
    if (near || x->state != EXCEPTION_WAITING || x->letter || sub->n.waiting < b->sweep_waiting_min)
        return false;
    came(b, sub, SWEEP_EXCEPTIONS, sequence, sequence);
    return true;
}

/* Leftovers of an earlier process. */
void sweep_recovered(struct belay_broker *b)
{
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct belay_subscription *sub = b->subs[i];
        if (!sub->n.lanes_in_trouble)
            came(b, sub, SWEEP_LANES, 0, 0);
        came(b, sub, SWEEP_EXCEPTIONS, 0, UINT64_MAX);
    }
}

static void ended(struct belay_broker *b, struct belay_subscription *sub, unsigned kind)
{
    sub->sweeps[kind].on = false;
    b->sweeping--;
    start_if_due(b, sub, kind);
}

static bool lane_says_nothing(struct belay_broker *b, struct belay_subscription *sub, const struct row_key *key)
{
    struct belay_hash128 lane = { belay_load_be64(key->bytes + 4), belay_load_be64(key->bytes + 12) };
    struct lane_row row;
    return !lane_in_trouble(b, sub->id, lane, &row);
}

/* value: of the row. Other rows of an exception go with it. */
static bool exception_says_nothing(struct belay_broker *b, struct belay_subscription *sub, const struct row_key *key,
                                   struct belay_str value)
{
    struct exception x;
    return key->bytes[12] == PART_META && value.n > 1 && value.p[1] == EXCEPTION_WAITING
           && (BELAY_PLANTED(93) || !exception_get(b, sub->id, belay_load_be64(key->bytes + 4), &x));
}

static bool sweep_one(struct belay_broker *b, struct belay_subscription *sub, unsigned kind)
{
    struct row_key prefix = key_id(sub->id);
    struct sweep *s = &sub->sweeps[kind];
    struct belay_str key, value;
    if (!rows_seek(b, table_of[kind], row_key_str(&s->at), true, row_key_str(&prefix), &key, &value)
        || (kind == SWEEP_EXCEPTIONS && belay_load_be64(key.p + 4) > s->end))
        return false;
    BELAY_ASSERT(key.n <= sizeof s->at.bytes);
    memcpy(s->at.bytes, key.p, key.n);
    s->at.n = key.n;
    if (kind == SWEEP_LANES ? lane_says_nothing(b, sub, &s->at) : exception_says_nothing(b, sub, &s->at, value))
        belay_state_del(b->state, table_of[kind], row_key_str(&s->at));
    return true;
}

static void sweep(struct belay_broker *b, struct belay_subscription *sub, unsigned kind)
{
    struct belay_err err;
    if (belay_state_reserve(b->state, BITE * sizeof sub->sweeps[kind].at.bytes, BITE, &err) != BELAY_OK)
        return; /* the next tick tries again */
    for (uint32_t n = 0; n < BITE; n++) {
        if (sweep_one(b, sub, kind))
            continue;
        ended(b, sub, kind);
        return;
    }
}

static void tick(struct belay_broker *b, struct belay_subscription *sub)
{
    if (b->now < sub->sweep_at)
        return;
    sub->sweep_at = sub->in_flight ? b->now + BUSY_PERIOD_US : 0;
    for (unsigned kind = 0; kind < SWEEPS; kind++)
        if (sub->sweeps[kind].on)
            sweep(b, sub, kind);
}

void sweep_tick(struct belay_broker *b)
{
    for (uint32_t i = 0; b->sweeping && i < b->sub_count; i++)
        tick(b, b->subs[i]);
}
