/* check.c - the invariants of broker.h, over the whole state and the window.  Slow: for tests. */
#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/head.h"
#include "broker/held.h"
#include "broker/key_parts.h"
#include "broker/letter_impl.h"
#include "broker/replay_impl.h"
#include "broker/trail.h"

#define MEMORY_SLACK READ_COUNT

struct check {
    struct belay_broker *b;
    struct belay_subscription *sub;
    struct belay_err *err;
    uint64_t waiting, parked, dead, due, lanes, by_hand, held, stuck;
    uint64_t last;  /* held sequence before */
    uint64_t head;  /* of the lane at hand */
    uint64_t first; /* lowest sequence the store keeps */
    bool bad;
};

static int broken(struct check *c, const char *invariant, const char *what, uint64_t sequence)
{
    c->bad = true;
    return belay_fail(c->err, BELAY_CORRUPT, "%s: subscription %.*s, message %llu: %s", invariant,
                      BELAY_STR_ARG(c->sub->name), (unsigned long long)sequence, what);
}

/* I1 */
static int check_ranges(struct check *c)
{
    const struct ranges *r = &c->sub->covered;
    struct exception x;
    c->first = belay_store_first_sequence(c->b->store, c->sub->topic_id);
    if (c->sub->cursor < c->first)
        return broken(c, "G1", "the log it needs was given up", c->sub->cursor);
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t below = i ? r->items[i - 1].end : c->sub->cursor;
        if (r->items[i].first <= below || r->items[i].first >= r->items[i].end)
            return broken(c, "I1", "ranges overlap, touch or reach below the cursor", r->items[i].first);
    }
    for (uint32_t i = 0; i < c->sub->started.count; i++)
        for (uint64_t s = c->sub->started.items[i].first; s < c->sub->started.items[i].end; s++)
            if (cursor_covers(c->sub, s)
                && (!exception_get(c->b, c->sub->id, s, &x)
                    || (x.state != EXCEPTION_WAITING && x.state != EXCEPTION_HELD)))
                return broken(c, "I1", "started, though finished or a letter", s);
    return BELAY_OK;
}

static bool has(struct check *c, uint32_t table, struct row_key key)
{
    struct belay_str value;
    return belay_state_get(c->b->state, table, row_key_str(&key), &value);
}

static int check_exception(struct check *c, uint64_t sequence, const struct exception *x)
{
    uint32_t id = c->sub->id;
    struct lane_row row;
    bool open = x->state == EXCEPTION_WAITING || x->state == EXCEPTION_HELD;
    ++*(x->state == EXCEPTION_WAITING ? &c->waiting : x->state == EXCEPTION_HELD ? &c->held
        : x->state == EXCEPTION_PARKED ? &c->parked : &c->dead);
    if (!cursor_covers(c->sub, sequence))
        return broken(c, "I1", "an exception that is still queued", sequence);
    if (x->state != EXCEPTION_DEAD && x->keyed && !x->loner
        && (!lane_row_get(c->b, id, x->lane, &row) || row.head != sequence))
        return broken(c, "I2", "in a lane of which it is not the head", sequence);
    if (open && (x->state == EXCEPTION_HELD) != (x->keyed && !x->loner && lane_by_hand(c->b, c->sub, x->lane)))
        return broken(c, "I8", "its lane is parked by hand and it is not, or the reverse", sequence);
    if ((x->state == EXCEPTION_WAITING) != has(c, BELAY_TABLE_DUE, key_due(id, x->due, sequence)))
        return broken(c, "I5", "its row of DUE does not fit its state", sequence);
    if ((x->progress && !exception_has_inside(x, INSIDE_PROGRESS))
        != has(c, BELAY_TABLE_EXCEPTION, key_exception(id, sequence, PART_PROGRESS)))
        return broken(c, "rows", "its progress row does not fit", sequence);
    for (uint8_t part = LETTER_FACTS; part <= LETTER_MESSAGE; part++)
        if (x->letter != has(c, BELAY_TABLE_LETTER, key_letter(id, sequence, part)))
            return broken(c, "rows", "its letter's rows do not fit", sequence);
    if (!open && !x->letter)
        return broken(c, "rows", "parked or dead without a letter", sequence);
    if (x->letter && exception_has_inside(x, INSIDE_MESSAGE))
        return broken(c, "rows", "a letter with its message twice", sequence);
    if (open && !x->letter && !exception_has_inside(x, INSIDE_MESSAGE) && sequence < c->first)
        return broken(c, "G1", "the log it needs was given up", sequence);
    return BELAY_OK;
}

static int check_exceptions(struct check *c)
{
    struct exception x;
    for (uint64_t at = 0; exception_next(c->b, c->sub->id, &at, &x); at++) {
        int status = x.state == EXCEPTION_OVER ? BELAY_OK : check_exception(c, at, &x);
        if (status != BELAY_OK)
            return status;
    }
    return BELAY_OK;
}

/* I5 */
static int check_due(struct check *c)
{
    struct row_key prefix = key_id(c->sub->id), from = prefix;
    struct belay_str key, value;
    while (rows_seek(c->b, BELAY_TABLE_DUE, row_key_str(&from), true, row_key_str(&prefix), &key,
                            &value)) {
        belay_time due = (belay_time)belay_load_be64(key.p + 4);
        uint64_t sequence = belay_load_be64(key.p + 12);
        struct exception x;
        from = key_due(c->sub->id, due, sequence);
        c->due++;
        if (!exception_get(c->b, c->sub->id, sequence, &x) || x.state != EXCEPTION_WAITING || x.due != due)
            return broken(c, "I5", "a row of DUE without its exception", sequence);
        bool passed = due < c->sub->due_at || (due == c->sub->due_at && sequence <= c->sub->due_sequence);
        if (due < c->sub->next_due && !passed)
            return broken(c, "I5", "due before the reader looks again", sequence);
        if (passed && !entry_find(c->sub, sequence))
            return broken(c, "I5", "the reader passed it and has it not", sequence);
    }
    return c->due == c->waiting ? BELAY_OK : broken(c, "I5", "waiting exceptions and rows of DUE differ", 0);
}

static bool check_held(void *arg, uint64_t sequence)
{
    struct check *c = arg;
    struct exception x;
    c->held++;
    if (sequence <= c->last)
        broken(c, "I2", "held out of order", sequence);
    else if (sequence <= c->head && !c->sub->went_back)
        broken(c, "I2", "held below the head of its lane", sequence);
    else if (sequence < c->first)
        broken(c, "G1", "held, and the log it needs was given up", sequence);
    else if (!cursor_covers(c->sub, sequence) || exception_get(c->b, c->sub->id, sequence, &x))
        broken(c, "G4", "held, and something else as well", sequence);
    c->last = sequence;
    return !c->bad;
}

/* I2 */
static int check_lanes(struct check *c)
{
    struct row_key prefix = key_id(c->sub->id), from = prefix;
    struct belay_str key, value;
    while (rows_seek(c->b, BELAY_TABLE_LANE, row_key_str(&from), true, row_key_str(&prefix), &key,
                            &value)) {
        struct belay_hash128 lane = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        struct lane_row row;
        from = key_lane(c->sub->id, lane);
        if (!lane_in_trouble(c->b, c->sub->id, lane, &row))
            continue;
        c->lanes++;
        c->by_hand += row.hand;
        bool empty = row.hand && !row.head && !row.held;
        if (!empty && !lane_has_head(c->b, c->sub->id, lane, &row))
            return broken(c, "I2", "a lane in trouble without its head", row.head);
        uint64_t before = c->held;
        c->last = 0;
        c->head = row.head;
        held_each(c->b, c->sub->id, lane, &row, check_held, c);
        if (c->bad)
            return BELAY_CORRUPT;
        c->stuck += lane_head_parked(c->b, c->sub, &row) ? row.held : 0;
        if (c->held - before != row.held)
            return broken(c, "I2", "the lane's count of held messages is wrong", row.head);
    }
    return BELAY_OK;
}

/* I4 */
static int check_counters(struct check *c)
{
    const struct counters *n = &c->sub->n;
    if (n->waiting != c->waiting || n->parked != c->parked || n->dead != c->dead || n->held != c->held
        || n->lanes_in_trouble != c->lanes || n->lanes_by_hand != c->by_hand || n->stuck != c->stuck)
        return broken(c, "I4", "counters and rows differ", 0);
    uint64_t given = c->sub->cursor - c->sub->start + ranges_size(&c->sub->covered);
    if (given != n->done + n->discarded + n->expired + n->waiting + n->held + n->parked + n->dead)
        return broken(c, "I4", "the states do not add up to what was given", given);
    return BELAY_OK;
}

/* I3 */
static int check_lane_in_memory(struct check *c, struct lane *lane)
{
    struct lane_row row;
    uint32_t n = 0;
    uint64_t last = 0;
    for (struct belay_list *node = lane->pending.next; node != &lane->pending; node = node->next, n++) {
        uint64_t sequence = BELAY_CONTAINER_OF(node, struct entry, d.node)->d.sequence;
        if (sequence <= last)
            return broken(c, "I3", "behind a later message of its lane", sequence);
        if (lane->busy && !lane->busy->exception && lane->busy->d.sequence > sequence && !c->sub->went_back)
            return broken(c, "I3", "a later message of its lane is in flight", sequence);
        last = sequence;
    }
    if (n != lane->pending_count)
        return broken(c, "I3", "the lane's count is wrong", last);
    if (lane->trouble != lane_in_trouble(c->b, c->sub->id, lane->hash, &row))
        return broken(c, "I2", "memory and state differ about a lane's trouble", last);
    if (lane->hand != (lane->trouble && row.hand))
        return broken(c, "I8", "memory and state differ about a lane parked by hand", last);
    if (lane->hand && lane->busy && lane->busy->where != ENTRY_FLIGHT)
        return broken(c, "I8", "to be delivered though its lane is parked by hand", lane->busy->d.sequence);
    if (lane->trouble && lane->busy && !lane->busy->exception)
        return broken(c, "I3", "in flight though its lane is in trouble", lane->busy->d.sequence);
    return BELAY_OK;
}

static int check_window(struct check *c)
{
    struct belay_map_slot *slot;
    uint32_t flight = 0, fresh = 0, loaded = 0;
    for (size_t at = 0; (slot = belay_map_next(&c->sub->lanes, &at));) {
        int status = check_lane_in_memory(c, slot->value);
        if (status != BELAY_OK)
            return status;
    }
    for (size_t at = 0; (slot = belay_map_next(&c->sub->index, &at));) {
        struct entry *e = slot->value;
        bool works = e->where == ENTRY_FLIGHT || e->where == ENTRY_READY || e->where == ENTRY_DEFERRED;
        flight += e->where == ENTRY_FLIGHT;
        ++*(e->exception ? &loaded : &fresh);
        if (works && e->keyed && (!e->lane || e->lane->busy != e))
            return broken(c, "I3", "at work beside another of its lane", e->d.sequence);
        if (!e->exception && cursor_covers(c->sub, e->d.sequence))
            return broken(c, "G4", "in the window though finished", e->d.sequence);
    }
    if (flight != c->sub->in_flight || fresh != c->sub->fresh || loaded != c->sub->loaded)
        return broken(c, "I6", "the window's counts are wrong", 0);
    uint32_t max = prefetch_of(c->b, c->sub);
    uint32_t at_work = c->sub->opt.concurrency < BELAY_RUNS_MAX ? c->sub->opt.concurrency : BELAY_RUNS_MAX;
    uint32_t bite = max < READ_COUNT ? max : READ_COUNT; /* read while the last place was free */
    if (fresh > max + at_work + bite || loaded > 2 * max + MEMORY_SLACK)
        return broken(c, "I6", "the window is too large", 0);
    return BELAY_OK;
}

/* I6: what was read lies in pages, and each subscription may have gone beyond the bound by one of them. */
static int check_memory(struct belay_broker *b, struct belay_err *err)
{
    size_t beyond = (size_t)(b->sub_count + 1) * (PAGE_CHUNK_BYTES + BELAY_MESSAGE_BYTES_MAX);
    if (b->window_bytes <= WINDOW_BYTES_MAX + beyond)
        return BELAY_OK;
    return belay_fail(err, BELAY_CORRUPT, "I6: %zu bytes of messages are in memory", b->window_bytes);
}

int belay_broker_check(struct belay_broker *b, struct belay_err *err)
{
    static int (*const checks[])(struct check *) = { check_ranges, check_exceptions, check_due, check_lanes,
                                                     check_counters, check_window };
    belay_broker_flush(b);
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct check c = { .b = b, .sub = b->subs[i], .err = err };
        for (size_t j = 0; j < sizeof checks / sizeof checks[0]; j++) {
            int status = checks[j](&c);
            if (status != BELAY_OK)
                return status;
        }
    }
    int status = check_memory(b, err);
    if (status == BELAY_OK)
        status = trail_check(b, err);
    if (status == BELAY_OK)
        status = letters_expire_check(b, err);
    if (status == BELAY_OK)
        status = replays_check(b, err);
    if (status == BELAY_OK)
        status = letters_check(b, err);
    if (status == BELAY_OK)
        status = parts_check(b, err);
    return status == BELAY_OK ? belay_state_error(b->state, err) : status;
}
