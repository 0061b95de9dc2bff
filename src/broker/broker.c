/* broker.c - life of a broker; decide -> append -> apply in one place. */
#include "base/alloc.h"
#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/exception.h"
#include "broker/key_parts.h"
#include "broker/lane_filter.h"
#include "broker/poison.h"
#include "broker/record.h"
#include "broker/replay_impl.h"
#include "broker/retention.h"
#include "broker/schedule.h"
#include "broker/subscription.h"
#include "broker/sweep.h"
#include "broker/topic.h"
#include "broker/trail.h"

int belay_broker_new(struct belay_store *store, struct belay_broker **ret_broker,
                     struct belay_err *err)
{
    struct belay_broker *b = belay_calloc(1, sizeof *b);
    if (!b)
        return belay_fail(err, BELAY_NOMEM, "no memory for a broker");
    b->store = store;
    b->incarnation = 1;
    b->read_ahead_max = BELAY_LANE_READ_AHEAD_MAX;
    b->part_keys = BELAY_IDEMPOTENCY_PART_KEYS;
    b->windows_shrink = 1;
    b->spill_after_us = SPILL_AFTER_US;
    b->sweep_waiting_min = SWEEP_WAITING_MIN;
    b->lane_filter_worn = LANE_FILTER_WORN;
    b->trail_entries_max = BELAY_TRAIL_ENTRIES_MAX;
    b->scheduled_next = 1;
    b->scheduled_due = b->retention_at = BELAY_TIME_NEVER;
    belay_map_init(&b->topics_by_name);
    belay_map_init(&b->subs_by_name);
    belay_buf_init(&b->record, BELAY_COMMIT_BYTES_MAX);
    belay_buf_init(&b->message, BELAY_COMMIT_BYTES_MAX);
    belay_list_init(&b->gathering);
    belay_list_init(&b->ring);
    belay_heap_init(&b->wakes);
    belay_list_init(&b->free_entries);
    belay_list_init(&b->free_lanes);
    spare_pages_init(b);
    if (store)
        b->state = belay_store_state(store);
    *ret_broker = b;
    return BELAY_OK;
}

static void free_pages(struct belay_list *list)
{
    struct belay_list *node;
    while ((node = belay_list_pop(list))) {
        struct page *p = BELAY_CONTAINER_OF(node, struct page, node);
        belay_arena_deinit(&p->fetch.arena);
        belay_free(p);
    }
}

static void free_entries(struct belay_broker *b)
{
    struct belay_list *node;
    while ((node = belay_list_pop(&b->free_entries)))
        belay_free(BELAY_CONTAINER_OF(node, struct entry, d.node));
    while ((node = belay_list_pop(&b->free_lanes)))
        belay_free(BELAY_CONTAINER_OF(node, struct lane, troubled_node));
    free_pages(&b->spare_large.list);
    free_pages(&b->spare_few.list);
}

void belay_broker_free(struct belay_broker *b)
{
    if (!b)
        return;
    replays_free(b);
    lane_filter_free(b);
    subscriptions_free(b);
    topics_free(b);
    parts_free(b);
    free_entries(b);
    belay_map_deinit(&b->topics_by_name);
    belay_map_deinit(&b->subs_by_name);
    belay_heap_deinit(&b->wakes);
    belay_buf_deinit(&b->record);
    belay_buf_deinit(&b->message);
    belay_free(b);
}

void belay_broker_set_store(struct belay_broker *b, struct belay_store *store)
{
    BELAY_ASSERT(store && !b->store);
    b->store = store;
    b->state = belay_store_state(store);
}

int belay_broker_load(struct belay_broker *b, struct belay_state *state, struct belay_err *err)
{
    b->state = state;
    int status = broker_row_load(b, state);
    if (status == BELAY_OK)
        status = topics_load(b, state);
    if (status == BELAY_OK)
        status = subscriptions_load(b, state);
    if (status == BELAY_OK)
        status = replays_load(b);
    if (status == BELAY_OK)
        status = trail_load(b);
    if (status == BELAY_OK)
        poison_load(b);
    if (status != BELAY_OK)
        return belay_fail(err, status, "the broker's rows in the state: %s", belay_status_text(status));
    return parts_load(b, err);
}

void belay_broker_save(struct belay_broker *b, struct belay_state *state)
{
    broker_row_save(b, state);
    topics_save(b, state);
    subscriptions_save(b, state);
    replays_save(b, state);
}

void belay_broker_recovered(struct belay_broker *b, belay_time now)
{
    broker_advance(b, now);
    b->incarnation = b->incarnation_seen + 1;
    schedule_recovered(b);
    b->retention_at = now;
    for (uint32_t i = 0; i < b->topic_count; i++)
        b->topics[i]->low_dirty = true;
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct belay_subscription *sub = b->subs[i];
        sub->read_next = sub->cursor;
        sub->next_due = 0;
        subscription_kick(b, sub);
    }
    sweep_recovered(b);
    lane_filter_recovered(b);
    replays_recovered(b);
    retention_tick(b);
}

void broker_advance(struct belay_broker *b, belay_time now)
{
    b->now = now > b->now ? now : b->now;
}

/* ---- records ---- */

typedef int apply_fn(struct belay_broker *b, struct belay_unpack *u);

static apply_fn *const applies[] = {
    [RECORD_TOPIC - BELAY_RECORD_BROKER] = apply_topic,
    [RECORD_SUBSCRIPTION - BELAY_RECORD_BROKER] = apply_subscription,
    [RECORD_PAUSE - BELAY_RECORD_BROKER] = apply_pause,
    [RECORD_ACK - BELAY_RECORD_BROKER] = apply_ack,
    [RECORD_START - BELAY_RECORD_BROKER] = apply_start,
    [RECORD_FINISH - BELAY_RECORD_BROKER] = apply_finish,
    [RECORD_RETRY - BELAY_RECORD_BROKER] = apply_retry,
    [RECORD_LETTER - BELAY_RECORD_BROKER] = apply_letter,
    [RECORD_PROGRESS - BELAY_RECORD_BROKER] = apply_progress,
    [RECORD_HOLD - BELAY_RECORD_BROKER] = apply_hold,
    [RECORD_REPLAY - BELAY_RECORD_BROKER] = apply_replay,
    [RECORD_RELEASE - BELAY_RECORD_BROKER] = apply_release,
    [RECORD_SEEK - BELAY_RECORD_BROKER] = apply_seek,
    [RECORD_CRASH - BELAY_RECORD_BROKER] = apply_crash,
    [RECORD_POISON - BELAY_RECORD_BROKER] = apply_poison,
    [RECORD_SCHEDULE - BELAY_RECORD_BROKER] = apply_schedule,
    [RECORD_UNSCHEDULE - BELAY_RECORD_BROKER] = apply_unschedule,
    [RECORD_IDEM_PUT - BELAY_RECORD_BROKER] = apply_idem_put,
    [RECORD_IDEM_FORGET - BELAY_RECORD_BROKER] = apply_idem_forget,
    [RECORD_IDEM_DROP - BELAY_RECORD_BROKER] = apply_idem_drop,
    [RECORD_IDEM_GONE - BELAY_RECORD_BROKER] = apply_idem_gone,
    [RECORD_POSTPONE - BELAY_RECORD_BROKER] = apply_postpone,
    [RECORD_TRAIL - BELAY_RECORD_BROKER] = apply_trail,
    [RECORD_REPLAY_START - BELAY_RECORD_BROKER] = apply_replay_start,
    [RECORD_REPLAY_STATE - BELAY_RECORD_BROKER] = apply_replay_state,
    [RECORD_REPLAY_BITE - BELAY_RECORD_BROKER] = apply_replay_bite,
    [RECORD_LANE_PARK - BELAY_RECORD_BROKER] = apply_lane_park,
    [RECORD_LANE_RELEASE - BELAY_RECORD_BROKER] = apply_lane_release,
    [RECORD_LANE_RETRY - BELAY_RECORD_BROKER] = apply_lane_retry,
    [RECORD_LANE_SKIP - BELAY_RECORD_BROKER] = apply_lane_skip,
    [RECORD_LANE_MOVE - BELAY_RECORD_BROKER] = apply_lane_move,
    [RECORD_IMPORT - BELAY_RECORD_BROKER] = apply_import,
    [RECORD_RESUME - BELAY_RECORD_BROKER] = apply_resume,
    [RECORD_EDIT - BELAY_RECORD_BROKER] = apply_edit,
};
_Static_assert(sizeof applies / sizeof applies[0] == RECORD_END - BELAY_RECORD_BROKER, "each record type is applied");

/* The only place where durable state changes: from a record just appended, or one read at recovery. */
static int apply(struct belay_broker *b, uint16_t type, struct belay_str body)
{
    struct belay_unpack u = belay_unpack_init(body);
    int status = applies[type - BELAY_RECORD_BROKER](b, &u);
    return status == BELAY_OK && !belay_unpack_done(&u) ? BELAY_CORRUPT : status;
}

int belay_broker_apply(struct belay_broker *b, uint64_t position, const struct belay_record *record,
                       struct belay_err *err)
{
    if (record->type <= BELAY_RECORD_BROKER || record->type >= RECORD_END
        || record->version != RECORD_VERSION)
        return belay_fail(err, BELAY_VERSION,
                          "record type 0x%04x version %u at position %llu was written by a newer version",
                          record->type, record->version, (unsigned long long)position);
    int status = apply(b, record->type, record->body);
    if (status != BELAY_OK)
        return belay_fail(err, status, "record type 0x%04x at position %llu: %s", record->type,
                          (unsigned long long)position, belay_status_text(status));
    return BELAY_OK;
}

struct belay_buf *record_begin(struct belay_broker *b)
{
    belay_buf_clear(&b->record);
    return &b->record;
}

int record_reserve(struct belay_broker *b, size_t bytes, uint32_t records, struct cost cost, bool use_reserve,
                   struct belay_err *err)
{
    int status = belay_store_reserve(b->store, bytes, records, use_reserve, err);
    if (status != BELAY_OK || !cost.changes)
        return status;
    if (cost.state_bytes <= b->unit.state_bytes && cost.changes <= b->unit.changes) {
        b->unit.state_bytes -= cost.state_bytes;
        b->unit.changes -= cost.changes;
        return BELAY_OK;
    }
    /* What is left of the unit holds on: a reservation takes the place of the one before. */
    return belay_state_reserve(b->state, cost.state_bytes + b->unit.state_bytes, cost.changes + b->unit.changes, err);
}

/* What the outcome's record may have beside the message: a fault, a key, numbers. */
#define OUTCOME_BYTES (BELAY_KIB(4) + 2 * BELAY_KEY_BYTES_MAX)

int belay_broker_begin(struct belay_broker *b, size_t bytes, uint32_t records, struct belay_delivery *d,
                       bool letter, struct belay_err *err)
{
    struct cost cost = { bytes + EXCEPTION_COST.state_bytes, 3 * records + EXCEPTION_COST.changes + 8 };
    int status = BELAY_OK;
    BELAY_ASSERT(!d || entry_of(d)->where == ENTRY_FLIGHT);
    struct cost closing = idempotency_extra(b);
    cost.state_bytes += closing.state_bytes;
    cost.changes += closing.changes;
    b->unit = (struct cost){ 0 };
    if (d) {
        bytes += OUTCOME_BYTES + (letter ? entry_of(d)->encoded.n + d->progress.n : 0);
        cost.state_bytes += OUTCOME_BYTES + (letter ? entry_of(d)->encoded.n + d->progress.n : 0);
        status = gather_prepare(b, d->sub, &d->sub->acks, err);
    }
    if (status == BELAY_OK)
        status = belay_store_reserve(b->store, bytes, records + 3, false, err);
    if (status == BELAY_OK)
        status = belay_state_reserve(b->state, cost.state_bytes, cost.changes, err);
    if (status == BELAY_OK)
        b->unit = cost;
    return status;
}

/* As a retry or a letter may: out of what is kept aside for what drains. Not for a message that the record does not have:
 * room for a large one there is only where nothing else changes. */
int belay_broker_may_fail(struct belay_broker *b, struct belay_delivery *d, bool letter, size_t bytes, uint32_t records,
                          struct belay_err *err)
{
    const struct entry *e = entry_of(d);
    BELAY_ASSERT(e->where == ENTRY_FLIGHT);
    bytes += OUTCOME_BYTES + d->progress.n + (letter && !e->letter ? e->encoded.n : INSIDE_BYTES_MAX);
    struct cost cost = { bytes + EXCEPTION_COST.state_bytes, records + EXCEPTION_COST.changes + 8 };
    b->unit = (struct cost){ 0 };
    int status = belay_store_reserve(b->store, bytes, records + 2, true, err); /* the letter, and the pause it may bring */
    if (status == BELAY_OK)
        status = belay_state_reserve(b->state, cost.state_bytes, cost.changes, err);
    if (status == BELAY_OK)
        b->unit = cost; /* what is counted is the first change: a large letter behind it would not be granted any more */
    return status;
}

void record_append(struct belay_broker *b, enum record_type type)
{
    BELAY_ASSERT(type >= RECORD_TOPIC && type < RECORD_END && b->record.n);
    struct belay_str body = belay_store_append(b->store, (uint16_t)type, RECORD_VERSION,
                                               belay_buf_view(&b->record));
    int status = apply(b, (uint16_t)type, body);
    BELAY_ASSERT(status == BELAY_OK);
}

int record_commit(struct belay_broker *b, enum record_type type, struct cost cost, bool use_reserve,
                  struct belay_err *err)
{
    int status = belay_buf_status(&b->record);
    if (status != BELAY_OK)
        return belay_fail(err, status, "a record: %s", belay_status_text(status));
    status = record_reserve(b, b->record.n, 1, cost, use_reserve, err);
    if (status == BELAY_OK)
        record_append(b, type);
    return status;
}

void pack_hash(struct belay_buf *out, struct belay_hash128 h)
{
    belay_pack_u64(out, h.hi);
    belay_pack_u64(out, h.lo);
}

struct belay_hash128 unpack_hash(struct belay_unpack *u)
{
    struct belay_hash128 h;
    h.hi = belay_unpack_u64(u);
    h.lo = belay_unpack_u64(u);
    return h;
}
