/* sweep.c - rows of lanes whose trouble is over go together, in the order of their keys.
 *
 * A lane's key is a hash: the rows of lanes that get well one after the other lie on as many pages of the checkpoint,
 * and each page is copied, written and synced for one row of fifty bytes.  So such a row stays (held.c: its head does
 * not live and it holds nothing) until there are more of them than lanes in trouble; then all rows are looked at in
 * order, a bite a tick, and those that say nothing go, all of a page at once.
 *
 * This is no record: whether the row is there changes no answer.  What a crash brings back is swept again.
 */
#include "broker/background.h"
#include "broker/lane.h"

#define BITE 32
#define ROWS_MIN 1024 /* fewer are not worth a sweep while others are in trouble */

static bool is_due(const struct belay_subscription *sub)
{
    return sub->lanes_over && (!sub->n.lanes_in_trouble || sub->lanes_over >= sub->n.lanes_in_trouble + ROWS_MIN);
}

static void start_if_due(struct belay_broker *b, struct belay_subscription *sub)
{
    if (sub->sweeping || !is_due(sub))
        return;
    sub->sweeping = true;
    sub->swept = key_id(sub->id);
    sub->lanes_over = 0;
    b->sweeping++;
}

void lane_over(struct belay_broker *b, struct belay_subscription *sub)
{
    sub->lanes_over++;
    start_if_due(b, sub);
}

/* Leftovers of an earlier process, where there can be nothing else. */
void sweep_recovered(struct belay_broker *b)
{
    for (uint32_t i = 0; i < b->sub_count; i++)
        if (!b->subs[i]->n.lanes_in_trouble) {
            b->subs[i]->lanes_over++;
            start_if_due(b, b->subs[i]);
        }
}

static void ended(struct belay_broker *b, struct belay_subscription *sub)
{
    sub->sweeping = false;
    b->sweeping--;
    start_if_due(b, sub);
}

static void sweep(struct belay_broker *b, struct belay_subscription *sub)
{
    struct row_key prefix = key_id(sub->id);
    struct belay_err err;
    if (belay_state_reserve(b->state, BITE * sizeof prefix.bytes, BITE, &err) != BELAY_OK)
        return; /* the next tick tries again */
    for (uint32_t n = 0; n < BITE; n++) {
        struct belay_str key, value;
        struct lane_row row;
        if (!belay_state_seek(b->state, BELAY_TABLE_LANE, row_key_str(&sub->swept), true, row_key_str(&prefix), &key,
                              &value)) {
            ended(b, sub);
            return;
        }
        struct belay_hash128 lane = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        sub->swept = key_lane(sub->id, lane);
        if (!lane_in_trouble(b, sub->id, lane, &row))
            belay_state_del(b->state, BELAY_TABLE_LANE, row_key_str(&sub->swept));
    }
}

void sweep_tick(struct belay_broker *b)
{
    for (uint32_t i = 0; b->sweeping && i < b->sub_count; i++)
        if (b->subs[i]->sweeping)
            sweep(b, b->subs[i]);
}
