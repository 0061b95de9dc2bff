/* audit.c - where is every message?  Counted out of the rows, one subscription after the other.
 *
 *   [start, next)  =  covered (below the cursor, or in a range above it)  +  queued
 *   covered        =  rows of EXCEPTION + sequences in runs of HELD  +  what has ended
 *
 * What has ended left nothing but its count (I4): so what the rows leave over and the counts differ by is lost,
 * or in two states.  Which message that is, the other rows of it say: a row of DUE, LETTER or HISTORY without its
 * exception, a run without its lane.  Never asks the window, so it also runs over a snapshot of the state. */
#include "broker/audit.h"

#include <stdarg.h>
#include <stdio.h>

#include "broker/cursor.h"
#include "broker/head.h"
#include "broker/held.h"
#include "broker/unreadable.h"

#define LOOK_EVERY 4096 /* rows between two looks whether it is to go on */
#define OVER_MAX 16     /* rows of messages that waited, without a time: of what is done, or of what is lost */

struct audit {
    struct belay_broker *b;
    const struct belay_auditor *to;
    struct belay_subscription *sub;
    struct belay_audit_balance sum;
    uint64_t lanes, by_hand; /* in trouble; of them parked by hand */
    uint64_t rows;
    uint64_t first;   /* lowest sequence the store keeps */
    uint64_t last, head; /* of the lane at hand: held before; its head */
    uint64_t over[OVER_MAX];
    uint32_t over_count;
    bool cancelled;
};

static void find(struct audit *a, uint64_t sequence, const char *fmt, ...) BELAY_PRINTF(3, 4);

static void find(struct audit *a, uint64_t sequence, const char *fmt, ...)
{
    char text[BELAY_ERR_MSG_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    a->to->finding(a->to->arg, a->sub ? a->sub->name : BELAY_STR_NONE, sequence, belay_str_c(text));
}

/* Next row of the table that belongs to the subscription. key: where it begins, then the row's own. */
static bool next_row(struct audit *a, uint32_t table, struct row_key *key, struct belay_str *ret_value)
{
    struct row_key prefix = key_id(a->sub->id);
    struct belay_str found;
    if (++a->rows % LOOK_EVERY == 0 && a->to->cancelled && a->to->cancelled(a->to->arg))
        a->cancelled = true;
    if (a->cancelled
        || !rows_seek(a->b, table, row_key_str(key), true, row_key_str(&prefix), &found, ret_value))
        return false;
    *key = row_key_of(found);
    return true;
}

static bool has(const struct audit *a, uint32_t table, struct row_key key)
{
    struct belay_str value;
    return belay_state_get(a->b->state, table, row_key_str(&key), &value);
}

/* ---- what departed from the order ---- */

static void look_at_over(struct audit *a, uint64_t sequence)
{
    if (a->over_count < OVER_MAX)
        a->over[a->over_count++] = sequence;
}

/* inside: its message, where that lies in its row. */
static void look_at_exception(struct audit *a, uint64_t sequence, const struct exception *x, struct belay_str inside)
{
    uint32_t id = a->sub->id;
    struct lane_row row;
    struct letter_facts facts;
    bool waiting = x->state == EXCEPTION_WAITING, by_hand = x->state == EXCEPTION_HELD;
    if (waiting && (x->begun > x->ended || ranges_contains(&a->sub->started, sequence)))
        a->sum.in_flight++;
    else
        ++*(waiting ? &a->sum.waiting : by_hand ? &a->sum.held : x->state == EXCEPTION_PARKED ? &a->sum.parked : &a->sum.dead);
    if (exception_has_inside(x, INSIDE_MESSAGE) && unreadable_message(inside) == BELAY_CORRUPT)
        find(a, sequence, "its message cannot be read");
    if (!cursor_covers(a->sub, sequence))
        find(a, sequence, "in two states: queued, and an exception as well");
    if (by_hand && !lane_by_hand(a->b, a->sub, x->lane))
        find(a, sequence, "it is held by hand, and nobody parked its lane");
    if (x->letter && !facts_get(a->b, id, sequence, &facts))
        find(a, sequence, "what is known of its letter cannot be read");
    bool has_letter = x->letter && has(a, BELAY_TABLE_LETTER, key_letter(id, sequence, LETTER_MESSAGE));
    if (!waiting && !by_hand && !has_letter)
        find(a, sequence, "it is dead, and its letter is not there");
    if (waiting && x->letter && !has_letter)
        find(a, sequence, "it is replayed, and the message of its letter is not there");
    if ((waiting || by_hand) && !x->letter && !exception_has_inside(x, INSIDE_MESSAGE) && sequence < a->first)
        find(a, sequence, "it waits, and its topic's log has forgotten it");
    if (x->state != EXCEPTION_DEAD && x->keyed && !x->loner
        && (!lane_row_get(a->b, id, x->lane, &row) || row.head != sequence))
        find(a, sequence, "its lane does not know it as its head");
}

static void walk_exceptions(struct audit *a)
{
    struct row_key key = key_id(a->sub->id);
    struct belay_str value, inside;
    struct exception x;
    while (next_row(a, BELAY_TABLE_EXCEPTION, &key, &value)) {
        uint64_t sequence = belay_load_be64(key.bytes + 4);
        uint8_t part = key.bytes[12];
        bool there = exception_look(a->b, a->sub->id, sequence, &x, INSIDE_MESSAGE, &inside);
        bool over = there && exception_is_over(a->b, a->sub->id, sequence, &x);
        if (part == PART_META && !there)
            find(a, sequence, "its row cannot be read");
        else if (part == PART_META && over)
            look_at_over(a, sequence);
        else if (part == PART_META)
            look_at_exception(a, sequence, &x, inside);
        else if (part == PART_HISTORY && (!there || over) && key.n == 17 && belay_load_be32(key.bytes + 13) <= 1)
            find(a, sequence, "its failed attempts are there, and it is in no state");
    }
}

static void walk_due(struct audit *a)
{
    struct row_key key = key_id(a->sub->id);
    struct belay_str value;
    struct exception x;
    while (next_row(a, BELAY_TABLE_DUE, &key, &value)) {
        belay_time due = (belay_time)belay_load_be64(key.bytes + 4);
        uint64_t sequence = belay_load_be64(key.bytes + 12);
        bool there = exception_get(a->b, a->sub->id, sequence, &x);
        if (!there)
            find(a, sequence, "it is due for a retry, and it is in no state");
        else if (x.state != EXCEPTION_WAITING || x.due != due)
            find(a, sequence, "it is due at a time that is not its own");
    }
}

static void walk_letters(struct audit *a)
{
    struct row_key key = key_id(a->sub->id);
    struct belay_str value;
    struct exception x;
    while (next_row(a, BELAY_TABLE_LETTER, &key, &value)) {
        uint64_t sequence = belay_load_be64(key.bytes + 4);
        if (key.bytes[12] != LETTER_MESSAGE)
            continue;
        if (!exception_get(a->b, a->sub->id, sequence, &x))
            find(a, sequence, "its letter is there, and it is in no state");
        else if (!x.letter)
            find(a, sequence, "a letter is there, and it is none");
        else if (unreadable_message(value) == BELAY_CORRUPT)
            find(a, sequence, "the message of its letter cannot be read");
    }
}

/* ---- what is held ---- */

static bool look_at_held(void *arg, uint64_t sequence)
{
    struct audit *a = arg;
    struct exception x;
    a->sum.held++;
    if (sequence <= a->last)
        find(a, sequence, "held twice, or out of order");
    if (!cursor_covers(a->sub, sequence))
        find(a, sequence, "in two states: queued, and held as well");
    else if (exception_get(a->b, a->sub->id, sequence, &x))
        find(a, sequence, "in two states: held, and an exception as well");
    else if (sequence < a->first)
        find(a, sequence, "it is held, and its topic's log has forgotten it");
    a->last = sequence;
    return true;
}

static void walk_lanes(struct audit *a)
{
    struct row_key key = key_id(a->sub->id);
    struct belay_str value;
    while (next_row(a, BELAY_TABLE_LANE, &key, &value)) {
        struct belay_hash128 lane = { belay_load_be64(key.bytes + 4), belay_load_be64(key.bytes + 12) };
        struct lane_row row;
        struct exception x;
        uint64_t before = a->sum.held;
        if (!lane_in_trouble(a->b, a->sub->id, lane, &row))
            continue;
        a->lanes++;
        a->last = 0;
        held_each(a->b, a->sub->id, lane, &row, look_at_held, a);
        a->by_hand += row.hand;
        bool empty = row.hand && !row.head && !row.held;
        if (!empty && (!exception_get(a->b, a->sub->id, row.head, &x) || x.state == EXCEPTION_DEAD))
            find(a, row.head, "the lane '%.*s' holds %llu messages behind it, and it is in no state that ends",
                 BELAY_STR_ARG(key_text_str(&row.key)), (unsigned long long)row.held);
        if (a->sum.held - before != row.held)
            find(a, row.head, "the lane '%.*s' behind it holds %llu messages, and %llu of them can be found",
                 BELAY_STR_ARG(key_text_str(&row.key)), (unsigned long long)row.held,
                 (unsigned long long)(a->sum.held - before));
    }
}

/* Runs of a lane that is not there hold what nobody will ever take. */
static void walk_held(struct audit *a)
{
    struct row_key key = key_id(a->sub->id);
    struct belay_str value;
    while (next_row(a, BELAY_TABLE_HELD, &key, &value)) {
        struct belay_hash128 lane = { belay_load_be64(key.bytes + 4), belay_load_be64(key.bytes + 12) };
        uint64_t sequence = belay_load_be64(key.bytes + 20);
        struct belay_unpack u = belay_unpack_init(value);
        struct lane_row row;
        (void)belay_unpack_u8(&u);
        (void)belay_unpack_u64(&u);
        uint64_t deltas[256];
        size_t n = 0;
        while (n < 256 && belay_unpack_left(&u)) /* before the next read: value is a view */
            deltas[n++] = belay_unpack_varint(&u);
        if (lane_row_get(a->b, a->sub->id, lane, &row))
            continue;
        find(a, sequence, "held by a lane that is not there");
        for (size_t i = 0; i < n; i++)
            find(a, sequence += deltas[i], "held by a lane that is not there");
    }
}

/* ---- the balance ---- */

static uint64_t fresh_started(const struct belay_subscription *sub)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < sub->started.count; i++)
        for (uint64_t s = sub->started.items[i].first; s < sub->started.items[i].end; s++)
            n += !cursor_covers(sub, s);
    return n;
}

static void compare(struct audit *a, const char *what, uint64_t counted, uint64_t rows)
{
    if (counted != rows)
        find(a, 0, "the counter says %llu %s, the rows %llu", (unsigned long long)counted, what,
             (unsigned long long)rows);
}

/* A cursor, or a range above it, that went too far takes along what lies at its end. */
static void tell_lost(struct audit *a)
{
    const struct belay_subscription *sub = a->sub;
    uint64_t n = a->sum.lost, from = sub->cursor - n;
    find(a, sub->cursor > sub->start ? sub->cursor - 1 : 0,
         "%llu of the messages that were given are in no state; where the cursor (%llu) is too far, they are %llu to %llu",
         (unsigned long long)n, (unsigned long long)sub->cursor,
         (unsigned long long)(from < sub->start || n > sub->cursor ? sub->start : from),
         (unsigned long long)sub->cursor - 1);
}

static void balance(struct audit *a)
{
    struct belay_subscription *sub = a->sub;
    const struct counters *n = &sub->n;
    struct belay_audit_balance *s = &a->sum;
    uint64_t next = belay_store_next_sequence(a->b->store, sub->topic_id);
    uint64_t covered = sub->cursor - sub->start + ranges_size(&sub->covered);
    uint64_t rows = s->waiting + s->in_flight + s->parked + s->dead + s->held;
    compare(a, "waiting", n->waiting, s->waiting + s->in_flight);
    compare(a, "held", n->held, s->held);
    compare(a, "parked", n->parked, s->parked);
    compare(a, "dead", n->dead, s->dead);
    compare(a, "lanes in trouble", n->lanes_in_trouble, a->lanes);
    compare(a, "lanes parked by hand", n->lanes_by_hand, a->by_hand);
    uint64_t fresh = fresh_started(sub);
    if (next - sub->start < covered) /* sequences that its topic never had */
        find(a, next, "it was given %llu messages, and its topic has %llu", (unsigned long long)covered,
             (unsigned long long)(next - sub->start));
    else
        s->queued = next - sub->start - covered - fresh;
    s->in_flight += fresh;
    s->done = n->done;
    s->discarded = n->discarded;
    s->expired = n->expired;
    s->published = next - sub->start;
    uint64_t ended = n->done + n->discarded + n->expired;
    s->lost = covered > rows + ended ? covered - rows - ended : 0;
    s->twice = covered < rows + ended ? rows + ended - covered : 0;
    if (s->lost)
        tell_lost(a);
    for (uint32_t i = 0; s->lost && i < a->over_count; i++)
        find(a, a->over[i], "it waited, and nothing says when it is tried again: lost, or done long ago");
    if (s->twice)
        find(a, 0, "%llu messages are in two states", (unsigned long long)s->twice);
}

static void check_place(struct audit *a)
{
    const struct belay_subscription *sub = a->sub;
    if (sub->cursor < a->first)
        find(a, sub->cursor, "it is next, and its topic's log has forgotten it (it begins at %llu)",
             (unsigned long long)a->first);
    for (uint32_t i = 0; i < sub->covered.count; i++)
        if (sub->covered.items[i].first <= sub->cursor)
            find(a, sub->covered.items[i].first, "covered, by a range that the cursor (%llu) has passed",
                 (unsigned long long)sub->cursor);
}

static void audit_subscription(struct audit *a, struct belay_subscription *sub)
{
    a->sub = sub;
    a->sum = (struct belay_audit_balance){ .name = sub->name, .topic = sub->topic->name };
    a->lanes = a->by_hand = 0;
    a->over_count = 0;
    a->first = belay_store_first_sequence(a->b->store, sub->topic_id);
    check_place(a);
    walk_exceptions(a);
    walk_due(a);
    walk_letters(a);
    walk_lanes(a);
    walk_held(a);
    if (a->cancelled)
        return;
    balance(a);
    a->to->balance(a->to->arg, &a->sum);
}

/* What waits for its time belongs to no subscription yet. */
static void audit_schedule(struct audit *a)
{
    struct row_key from = { .n = 0 };
    uint64_t count = 0;
    struct belay_str key, value;
    while (rows_seek(a->b, BELAY_TABLE_SCHEDULED, row_key_str(&from), count > 0, BELAY_STR_NONE, &key, &value)) {
        from = row_key_of(key);
        count++;
    }
    if (count != a->b->scheduled_count)
        find(a, 0, "%llu messages wait for their time, and %llu are counted", (unsigned long long)count,
             (unsigned long long)a->b->scheduled_count);
}

/* What the walks passed over: it is in no state at all. */
static void audit_strangers(struct audit *a)
{
    char names[160];
    if (rows_strangers(a->b, names, sizeof names))
        find(a, 0, "rows whose keys are none of their table's: in %s", names);
}

int belay_broker_audit(struct belay_broker *b, const struct belay_auditor *to, struct belay_err *err)
{
    struct audit a = { .b = b, .to = to };
    belay_broker_flush(b); /* what a step has gathered; nothing in who only looks */
    for (uint32_t i = 0; i < b->sub_count && !a.cancelled; i++)
        audit_subscription(&a, b->subs[i]);
    a.sub = NULL;
    if (!a.cancelled) {
        audit_schedule(&a);
        audit_strangers(&a);
    }
    if (a.cancelled)
        return belay_fail(err, BELAY_CANCELLED, "the audit was cancelled");
    return belay_state_error(b->state, err);
}
