/* lane_move.c - what a lane holds goes to another topic or queue, a bite in one commit.
 *
 * What is moved: the messages a lane holds, from the first on, and before them its head where nobody has tried it yet.
 * In the subscription each is then discarded, with the reason "moved to ..."; in the target it is a new message with the
 * same id, key, headers and body: both in one commit, so it is lost or doubled nowhere.
 *
 * What stays: a head that has a story (it was tried, it is a letter, it was in flight at a crash), since only here is it
 * known that a call may have been made for it; and what stands behind such a one among the held.  What was moved never
 * overtakes what is moved later: a head that is at work and was not tried yet, so that it may still be moved, keeps
 * everything where it is.
 */
#include "base/planted.h"
#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/head.h"
#include "broker/lane.h"
#include "broker/lane_impl.h"
#include "broker/record.h"
#include "broker/subscription.h"
#include "broker/suspect.h"
#include "broker/topic.h"

/* ---- which ---- */

struct bite {
    struct belay_broker *b;
    struct belay_subscription *sub;
    bool kept; /* look for attempts */
    uint64_t *sequences;
    uint32_t count, count_max;
};

static bool add(void *arg, uint64_t sequence)
{
    struct bite *bite = arg;
    struct progress progress;
    if (bite->count == bite->count_max || (bite->sub->suspect_count && suspect_find(bite->sub, sequence))
        || (bite->kept && progress_get(bite->b, bite->sub->id, sequence, false, &progress)))
        return false;
    bite->sequences[bite->count++] = sequence;
    return true;
}

static bool has_story(const struct belay_subscription *sub, uint64_t head, const struct exception *x)
{
    return x->letter || x->total || x->progress || exception_begun(sub, head, x);
}

uint32_t belay_broker_lane_movable(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                                   uint32_t count_max, uint64_t *ret_sequences)
{
    struct belay_hash128 hash = belay_hash128(key);
    struct lane_row row;
    struct exception x;
    struct bite bite = { .b = b, .sub = sub, .sequences = ret_sequences, .count_max = count_max };
    if (!count_max || !lane_in_trouble(b, sub->id, hash, &row))
        return 0;
    gather_flush(b, sub); /* that an attempt began */
    if (lane_has_head(b, sub->id, hash, &row) && exception_get(b, sub->id, row.head, &x) && !has_story(sub, row.head, &x)) {
        const struct entry *e = entry_find(sub, row.head);
        if ((e && e->where == ENTRY_FLIGHT) || suspect_find(sub, row.head))
            return 0;
        ret_sequences[bite.count++] = row.head;
    }
    bite.kept = row.kept;
    held_each(b, sub->id, hash, &row, add, &bite);
    return bite.count;
}

/* ---- where to ---- */

int belay_broker_lane_target(struct belay_broker *b, struct belay_subscription *sub, struct belay_str to,
                             bool unread, struct belay_str *ret_topic, struct belay_err *err)
{
    struct belay_subscription *flow = belay_broker_find(b, to);
    struct topic *t = topic_find(b, to);
    if (!t && flow)
        t = flow->topic;
    if (!t)
        return belay_fail(err, BELAY_NOTFOUND, "there is no topic, queue or flow '%.*s'", BELAY_STR_ARG(to));
    if (t == sub->topic)
        return belay_fail(err, BELAY_INVALID, "%.*s takes its messages from %.*s itself: they would come back",
                          BELAY_STR_ARG(sub->name), BELAY_STR_ARG(t->name));
    if (t != topic_find(b, to) && t->subscription_count > 1)
        return belay_fail(err, BELAY_CONFLICT, "%.*s is not the only one that reads %.*s: name a queue, or the topic",
                          BELAY_STR_ARG(to), BELAY_STR_ARG(t->name));
    if (!t->subscription_count && !unread)
        return belay_fail(err, BELAY_CONFLICT, "nobody reads %.*s: what is moved there lies there until somebody does "
                          "(--force, \"force\": true: move it all the same)", BELAY_STR_ARG(t->name));
    *ret_topic = t->name;
    return BELAY_OK;
}

/* ---- moving ---- */

/* All of them as they are to be in the target, one after the other; sizes in ret_ends. */
static int encode_all(struct belay_broker *b, const struct topic *t, const struct belay_fetched *items, uint32_t count,
                      struct belay_buf *out, size_t *ret_ends, struct belay_err *err)
{
    struct belay_arena arena;
    int status = BELAY_OK;
    belay_arena_init(&arena, 4096, 4 * BELAY_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < count && status == BELAY_OK; i++) {
        struct belay_message m;
        struct belay_arena_mark start = belay_arena_mark(&arena);
        status = belay_message_decode(items[i].encoded, &arena, &m, err);
        if (status == BELAY_OK)
            status = broker_encode(b, t, &m, err);
        if (status == BELAY_OK)
            belay_buf_put_str(out, belay_buf_view(&b->message));
        ret_ends[i] = out->n;
        belay_arena_rewind(&arena, start);
    }
    belay_arena_deinit(&arena);
    if (status == BELAY_OK && belay_buf_status(out) != BELAY_OK)
        status = belay_fail(err, belay_buf_status(out), "no memory to move messages");
    return status;
}

/* sub | key | now | with head | count of the held | text to | text who */
static void pack_move(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key, bool head,
                      uint32_t held, struct belay_str to, struct belay_str who)
{
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_str(r, key);
    belay_pack_svarint(r, b->now);
    belay_pack_u8(r, head);
    belay_pack_varint(r, held);
    belay_pack_str(r, to);
    belay_pack_str(r, who);
}

/* They are still the first ones, and there is room in the target. */
static int check_move(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                      const struct belay_fetched *items, uint32_t count, struct belay_err *err)
{
    uint64_t sequences[BELAY_LANE_MOVE_MAX];
    BELAY_ASSERT(count && count <= BELAY_LANE_MOVE_MAX);
    bool same = belay_broker_lane_movable(b, sub, key, count, sequences) == count;
    for (uint32_t i = 0; same && i < count; i++)
        same = sequences[i] == items[i].sequence;
    return same ? BELAY_OK
                : belay_fail(err, BELAY_CONFLICT, "the key '%.*s' went on meanwhile: ask again", BELAY_STR_ARG(key));
}

int belay_broker_lane_move(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                           struct belay_str topic, const struct belay_fetched *items, uint32_t count,
                           struct belay_str who, belay_time now, struct belay_err *err)
{
    struct lane_row row;
    struct belay_buf all;
    size_t ends[BELAY_LANE_MOVE_MAX];
    struct topic *t = topic_find(b, topic);
    broker_advance(b, now);
    BELAY_ASSERT(t && t != sub->topic);
    int status = check_move(b, sub, key, items, count, err);
    if (status == BELAY_OK)
        status = lane_find_row(b, sub, key, &row, err);
    if (status != BELAY_OK)
        return status;
    belay_buf_init(&all, 2 * BELAY_COMMIT_BYTES_MAX);
    status = encode_all(b, t, items, count, &all, ends, err);
    if (status == BELAY_OK)
        status = belay_broker_topic_room(b, topic, all.n, err);
    bool head = items[0].sequence == row.head;
    if (status == BELAY_OK) {
        gather_flush(b, sub);
        pack_move(b, sub, key, head, count - head, t->name, belay_str_sub(who, 0, BELAY_LANE_REASON_BYTES_MAX));
        struct cost cost = { EXCEPTION_COST.state_bytes + 1024, EXCEPTION_COST.changes + 2 * count };
        status = record_reserve(b, b->record.n + all.n, count + 1, cost, false, err);
    }
    if (status == BELAY_OK) {
        record_append(b, RECORD_LANE_MOVE);
        for (uint32_t i = BELAY_PLANTED(83); i < count; i++)
            topic_append(b, t, belay_str(all.p + (i ? ends[i - 1] : 0), ends[i] - (i ? ends[i - 1] : 0)));
        struct entry *e = head ? entry_find(sub, row.head) : NULL;
        if (e)
            entry_recall(b, e);
        subscription_kick(b, sub);
    }
    belay_buf_deinit(&all);
    return status;
}

int apply_lane_move(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    struct belay_str key = belay_unpack_str(u);
    belay_time now = belay_unpack_svarint(u);
    bool head = belay_unpack_u8(u);
    uint64_t held = belay_unpack_varint(u);
    belay_unpack_str(u);
    belay_unpack_str(u);
    struct belay_hash128 hash = belay_hash128(key);
    struct lane_row row;
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !lane_in_trouble(b, sub->id, hash, &row) || row.held < held)
        return BELAY_CORRUPT;
    uint64_t before = row.held;
    for (uint64_t i = 0; i < held && held_take(b, sub->id, hash, &row); i++)
        continue;
    lane_row_put(b, sub->id, hash, &row);
    count_less(&sub->n.held, before - row.held);
    count_less(&sub->n.stuck, lane_head_parked(b, sub, &row) ? before - row.held : 0);
    sub->n.discarded += held + head;
    sub->dirty = sub->topic->low_dirty = true;
    if (!head)
        return BELAY_OK;
    if (!exception_get(b, sub->id, row.head, &x))
        return BELAY_CORRUPT;
    exception_remove(b, sub, row.head, &x, now);
    return BELAY_OK;
}
