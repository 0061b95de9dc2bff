/* lane_look.c - what a lane looks like from outside: those in trouble, one after the other, and one by its key. */
#include "broker/head.h"
#include "broker/lane.h"
#include "broker/lane_impl.h"
#include "broker/record.h"

const char *belay_lane_state_name(enum belay_lane_state state)
{
    static const char *const names[] = { "open", "waiting", "in flight", "ready", "parked", "hand" };
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static belay_time flight_since(const struct belay_subscription *sub, uint64_t sequence)
{
    const struct entry *e = sequence ? entry_find(sub, sequence) : NULL;
    return e && e->where == ENTRY_FLIGHT ? e->taken_at : BELAY_TIME_NEVER;
}

static enum belay_lane_state state_of(const struct belay_broker *b, const struct belay_lane *lane)
{
    if (lane->hand_at != BELAY_TIME_NEVER)
        return BELAY_LANE_HAND;
    if (lane->letter)
        return BELAY_LANE_PARKED;
    if (lane->in_flight_since != BELAY_TIME_NEVER)
        return BELAY_LANE_FLIGHT;
    return lane->due > b->now ? BELAY_LANE_WAITING : BELAY_LANE_READY;
}

/* Of the head: attempts, when it is due, what went wrong last. */
static int look_at_head(struct belay_broker *b, struct belay_lane *lane, struct belay_arena *arena)
{
    struct belay_letter trouble;
    belay_time due;
    int status = belay_broker_trouble(b, lane->sub, lane->head, arena, &trouble, &due);
    if (status != BELAY_OK)
        return status;
    lane->letter = trouble.parked;
    lane->attempts = trouble.attempts;
    lane->due = due;
    lane->failed = trouble.history_count > 0;
    if (lane->failed)
        lane->last = trouble.history[trouble.history_count - 1].fault;
    return BELAY_OK;
}

static void look_at_subscription(const struct belay_subscription *sub, struct belay_lane *lane)
{
    lane->paused = !sub->active || sub->stopped || sub->broken || sub->paused[0];
    lane->limited = sub->in_flight >= sub->opt.concurrency;
}

static struct belay_str hand_text(struct belay_arena *arena, const struct hand_text *text)
{
    return belay_arena_str(arena, belay_str(text->bytes, text->n));
}

/* Errors: BELAY_NOMEM. */
static int look(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 hash,
                const struct lane_row *row, struct belay_arena *arena, struct belay_lane *ret_lane)
{
    struct belay_lane lane = { .sub = sub, .held = row->held, .since = row->since, .head_since = row->head_since,
                               .due = BELAY_TIME_NEVER, .in_flight_since = BELAY_TIME_NEVER,
                               .hand_at = BELAY_TIME_NEVER };
    lane.key = belay_arena_str(arena, key_text_str(&row->key));
    int status = lane.key.p ? BELAY_OK : BELAY_NOMEM;
    if (status == BELAY_OK && lane_has_head(b, sub->id, hash, row)) {
        lane.head = row->head;
        lane.in_flight_since = flight_since(sub, row->head);
        status = look_at_head(b, &lane, arena);
    }
    if (row->hand) {
        lane.hand_at = row->hand_at;
        lane.reason = hand_text(arena, &row->reason);
        lane.who = hand_text(arena, &row->who);
    }
    if (status != BELAY_OK)
        return BELAY_NOMEM;
    lane.state = state_of(b, &lane);
    look_at_subscription(sub, &lane);
    *ret_lane = lane;
    return BELAY_OK;
}

bool belay_broker_lane_next(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 *at,
                            struct belay_arena *arena, struct belay_lane *ret_lane)
{
    struct row_key prefix = key_id(sub->id), from = hash_none(*at) ? prefix : key_lane(sub->id, *at);
    struct belay_str key, value;
    while (sub->n.lanes_in_trouble && rows_seek(b, BELAY_TABLE_LANE, row_key_str(&from), true,
                                                        row_key_str(&prefix), &key, &value)) {
        struct belay_hash128 hash = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        struct lane_row row;
        from = key_lane(sub->id, hash);
        if (!lane_in_trouble(b, sub->id, hash, &row))
            continue;
        if (look(b, sub, hash, &row, arena, ret_lane) != BELAY_OK)
            return false;
        *at = hash;
        return true;
    }
    return false;
}

int belay_broker_lane_get(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                          struct belay_arena *arena, struct belay_lane *ret_lane, struct belay_err *err)
{
    struct belay_hash128 hash = belay_hash128(key);
    struct lane_row row;
    if (lane_in_trouble(b, sub->id, hash, &row)) {
        int status = look(b, sub, hash, &row, arena, ret_lane);
        return status == BELAY_OK ? status : belay_fail(err, status, "no memory to look at a lane");
    }
    const struct lane *lane = lane_find(sub, hash);
    if (!lane || !lane->busy)
        return lane_find_row(b, sub, key, &row, err);
    *ret_lane = (struct belay_lane){ .sub = sub, .state = BELAY_LANE_OPEN, .key = belay_arena_str(arena, key),
                                     .head = lane->busy->d.sequence, .pending = lane->pending_count,
                                     .attempts = lane->busy->d.attempt, .due = BELAY_TIME_NEVER,
                                     .since = lane->busy->taken_at, .head_since = lane->busy->taken_at,
                                     .in_flight_since = flight_since(sub, lane->busy->d.sequence),
                                     .hand_at = BELAY_TIME_NEVER };
    if (!ret_lane->key.p)
        return belay_fail(err, BELAY_NOMEM, "no memory to look at a lane");
    look_at_subscription(sub, ret_lane);
    return BELAY_OK;
}

bool belay_broker_exception_message(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                    struct belay_arena *arena, struct belay_message *ret_message)
{
    struct row_key key = key_letter(sub->id, sequence, LETTER_MESSAGE);
    struct belay_str value = BELAY_STR_NONE;
    struct exception x;
    struct belay_err err;
    if (!exception_get(b, sub->id, sequence, &x))
        return false;
    if (exception_has_inside(&x, INSIDE_MESSAGE))
        value = exception_inside(b, sub->id, sequence, INSIDE_MESSAGE);
    else if (x.letter)
        (void)belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &value);
    value = value.p ? belay_arena_str(arena, value) : value;
    return value.p && belay_message_decode(value, arena, ret_message, &err) == BELAY_OK;
}

struct some_held {
    uint64_t after, *sequences;
    uint32_t count, count_max;
};

static bool take_held(void *arg, uint64_t sequence)
{
    struct some_held *some = arg;
    if (sequence > some->after)
        some->sequences[some->count++] = sequence;
    return some->count < some->count_max;
}

uint32_t belay_broker_lane_held(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                                uint64_t after, uint32_t count_max, uint64_t *ret_sequences)
{
    struct some_held some = { .after = after, .sequences = ret_sequences, .count_max = count_max };
    struct belay_hash128 hash = belay_hash128(key);
    struct lane_row row;
    if (count_max && lane_row_get(b, sub->id, hash, &row) && row.held)
        held_each(b, sub->id, hash, &row, take_held, &some);
    return some.count;
}
