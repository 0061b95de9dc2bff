/* exception.c - the rows of a message that departed from the order: waiting, parked or dead.
 *
 *   EXCEPTION sub,seq,META      state, attempts, due, lane; where they fit: the first failed attempt, what its
 *                               run achieved, and the message itself
 *             sub,seq,HISTORY,n another failed attempt
 *             sub,seq,PROGRESS  a large progress; or that of a message that is no exception (yet)
 *   DUE       sub,due,seq       of a waiting one (the head of a lane parked by hand waits for no time: HELD)
 *                               a waiting one is there as long as this row is: its own may outlive it (sweep.c)
 *   LETTER    sub,seq,FACTS     and MESSAGE: of a letter, also while it is replayed
 *
 * Most exceptions fail once or a few times, have little progress and a small message: one row, which is written
 * when the message fails, read when it is due, and deleted when it is done.
 */
#include "base/planted.h"
#include "broker/deliver.h"
#include "broker/head.h"
#include "broker/held.h"
#include "broker/record.h"
#include "broker/sweep.h"

enum { FLAG_KEYED = 1, FLAG_LONER = 2, FLAG_LETTER = 4, FLAG_PROGRESS = 8, FLAG_INSIDE = 16 /* 32, 64 */, FLAG_JOB = 128 };

#define EXCEPTION_VERSION 3
#define META_BYTES_MAX (BELAY_KEY_BYTES_MAX + 160 + INSIDE_BYTES_MAX)

/* parts: NULL, or views of what lies inside. */
static bool decode(struct belay_str value, struct exception *ret_x, struct belay_str parts[INSIDE_COUNT])
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == EXCEPTION_VERSION;
    struct exception x = { .state = belay_unpack_u8(&u) };
    uint8_t flags = belay_unpack_u8(&u);
    x.keyed = flags & FLAG_KEYED;
    x.loner = flags & FLAG_LONER;
    x.letter = flags & FLAG_LETTER;
    x.progress = flags & FLAG_PROGRESS;
    x.begun = (uint32_t)belay_unpack_varint(&u);
    x.ended = (uint32_t)belay_unpack_varint(&u);
    x.total = (uint32_t)belay_unpack_varint(&u);
    x.history = (uint32_t)belay_unpack_varint(&u);
    x.due = belay_unpack_svarint(&u);
    x.first_attempt_at = belay_unpack_svarint(&u);
    x.accepted_at = belay_unpack_svarint(&u);
    x.definition = unpack_hash(&u);
    key_text_set(&x.key, belay_unpack_str(&u));
    if (x.keyed)
        x.lane = belay_hash128(key_text_str(&x.key));
    x.job = flags & FLAG_JOB ? (uint32_t)belay_unpack_varint(&u) : 0;
    x.inside = (flags & ~FLAG_JOB) / FLAG_INSIDE;
    for (unsigned i = 0; i < INSIDE_COUNT; i++) {
        struct belay_str part = exception_has_inside(&x, i) ? belay_unpack_str(&u) : BELAY_STR_NONE;
        x.inside_bytes[i] = (uint16_t)part.n;
        if (parts)
            parts[i] = part;
    }
    if (!known || !belay_unpack_done(&u) || x.state < EXCEPTION_WAITING || x.state > EXCEPTION_HELD)
        return false;
    *ret_x = x;
    return true;
}

static bool get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct exception *ret_x,
                struct belay_str parts[INSIDE_COUNT])
{
    struct row_key key = key_exception(sub, sequence, PART_META);
    struct belay_str value;
    return belay_state_get(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &value)
           && decode(value, ret_x, parts);
}

bool exception_is_over(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x)
{
    struct row_key key = key_due(sub, x->due, sequence);
    struct belay_str value;
    return x->state == EXCEPTION_WAITING && !belay_state_get(b->state, BELAY_TABLE_DUE, row_key_str(&key), &value);
}

bool exception_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct exception *ret_x)
{
    return get(b, sub, sequence, ret_x, NULL) && !exception_is_over(b, sub, sequence, ret_x);
}

bool exception_look(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct exception *ret_x, enum inside part,
                    struct belay_str *ret_part)
{
    struct belay_str parts[INSIDE_COUNT];
    if (!get(b, sub, sequence, ret_x, parts))
        return false;
    *ret_part = parts[part];
    return true;
}

struct belay_str exception_inside(struct belay_broker *b, uint32_t sub, uint64_t sequence, enum inside part)
{
    struct exception x;
    struct belay_str parts[INSIDE_COUNT];
    return get(b, sub, sequence, &x, parts) ? parts[part] : BELAY_STR_NONE;
}

bool exception_give(struct exception *x, enum inside part, struct belay_str value)
{
    size_t bytes = value.n;
    BELAY_ASSERT(value.p);
    for (unsigned i = 0; i < INSIDE_COUNT; i++)
        bytes += i == part ? 0 : x->inside_bytes[i];
    if (bytes > INSIDE_BYTES_MAX)
        return false;
    x->inside |= (uint8_t)(1u << part);
    x->inside_bytes[part] = (uint16_t)value.n;
    x->given[part] = value;
    return true;
}

void exception_take_out(struct exception *x, enum inside part)
{
    x->inside &= (uint8_t)~(1u << part);
    x->inside_bytes[part] = 0;
    x->given[part] = BELAY_STR_NONE;
}

uint32_t exception_begun(const struct belay_subscription *sub, uint64_t sequence, const struct exception *x)
{
    uint32_t begun = x->begun > x->ended ? x->begun : x->ended;
    return begun + (sub->started.count && ranges_contains(&sub->started, sequence));
}

bool exception_next(struct belay_broker *b, uint32_t sub, uint64_t *sequence, struct exception *ret_x)
{
    struct row_key prefix = key_id(sub);
    for (uint64_t at = *sequence;; at++) {
        struct row_key from = key_exception(sub, at, PART_META);
        struct belay_str key, value;
        if (!rows_seek(b, BELAY_TABLE_EXCEPTION, row_key_str(&from), false,
                              row_key_str(&prefix), &key, &value))
            return false;
        at = belay_load_be64(key.p + 4);
        if (key.p[12] == PART_META && decode(value, ret_x, NULL)) {
            if (exception_is_over(b, sub, at, ret_x))
                ret_x->state = EXCEPTION_OVER;
            *sequence = at;
            return true;
        }
    }
}

static void pack_inside(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                        struct belay_buf *out)
{
    struct exception old;
    struct belay_str parts[INSIDE_COUNT];
    bool keeps = false;
    for (unsigned i = 0; i < INSIDE_COUNT; i++)
        keeps = keeps || (exception_has_inside(x, i) && !x->given[i].p);
    bool there = keeps && get(b, sub, sequence, &old, parts);
    BELAY_ASSERT(there == keeps);
    for (unsigned i = 0; i < INSIDE_COUNT; i++)
        if (exception_has_inside(x, i))
            belay_pack_str(out, x->given[i].p ? x->given[i] : parts[i]);
}

void exception_put(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                   const struct exception *x)
{
    struct row_key key = key_exception(sub->id, sequence, PART_META);
    char bytes[META_BYTES_MAX];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    BELAY_ASSERT(x->state >= EXCEPTION_WAITING && x->state <= EXCEPTION_HELD && (!x->keyed || x->key.n));
    BELAY_ASSERT(x->letter ? !exception_has_inside(x, INSIDE_MESSAGE) : !exception_is_letter(x));
    belay_pack_u8(&out, EXCEPTION_VERSION);
    belay_pack_u8(&out, (uint8_t)x->state);
    belay_pack_u8(&out, (uint8_t)((x->keyed ? FLAG_KEYED : 0) | (x->loner ? FLAG_LONER : 0)
                                  | (x->letter ? FLAG_LETTER : 0) | (x->progress ? FLAG_PROGRESS : 0)
                                  | x->inside * FLAG_INSIDE | (x->job ? FLAG_JOB : 0)));
    belay_pack_varint(&out, x->begun);
    belay_pack_varint(&out, x->ended);
    belay_pack_varint(&out, x->total);
    belay_pack_varint(&out, x->history);
    belay_pack_svarint(&out, x->due);
    belay_pack_svarint(&out, x->first_attempt_at);
    belay_pack_svarint(&out, x->accepted_at);
    pack_hash(&out, x->definition);
    belay_pack_str(&out, key_text_str(&x->key));
    if (x->job)
        belay_pack_varint(&out, x->job);
    pack_inside(b, sub->id, sequence, x, &out);
    BELAY_ASSERT(belay_buf_status(&out) == BELAY_OK);
    belay_state_put(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), belay_buf_view(&out));
    if (x->state != EXCEPTION_DEAD && !exception_has_inside(x, INSIDE_MESSAGE) && sequence < sub->pin_low)
        sub->pin_low = sequence;
}

static void due_put(struct belay_broker *b, struct belay_subscription *sub, belay_time due, uint64_t sequence)
{
    struct row_key key = key_due(sub->id, due, sequence);
    belay_state_put(b->state, BELAY_TABLE_DUE, row_key_str(&key), BELAY_STR(""));
    due_rewind(sub, due, sequence); /* the reader may have passed here; it skips what it has */
}

static void due_del(struct belay_broker *b, struct belay_subscription *sub, belay_time due, uint64_t sequence)
{
    struct row_key key = key_due(sub->id, due, sequence);
    belay_state_del(b->state, BELAY_TABLE_DUE, row_key_str(&key));
}

static uint64_t *counter(struct belay_subscription *sub, enum exception_state state)
{
    switch (state) {
    case EXCEPTION_WAITING: return &sub->n.waiting;
    case EXCEPTION_PARKED: return &sub->n.parked;
    case EXCEPTION_DEAD: return &sub->n.dead;
    case EXCEPTION_HELD: return &sub->n.held;
    case EXCEPTION_OVER: break;
    }
    BELAY_UNREACHABLE();
}

/* What waits behind it, where it is its lane's head. */
static uint64_t held_behind(struct belay_broker *b, const struct belay_subscription *sub, const struct exception *x)
{
    struct lane_row row;
    return x->keyed && !x->loner && lane_row_get(b, sub->id, x->lane, &row) ? row.held : 0;
}

/* state 0: it is new. */
void exception_set_state(struct belay_broker *b, struct belay_subscription *sub, struct exception *x,
                         enum exception_state state)
{
    if (x->state == EXCEPTION_PARKED && !BELAY_PLANTED(74))
        count_less(&sub->n.stuck, held_behind(b, sub, x));
    if (state == EXCEPTION_PARKED)
        sub->n.stuck += held_behind(b, sub, x);
    if (x->state)
        count_less(counter(sub, x->state), 1);
    ++*counter(sub, state);
    x->state = state;
    sub->dirty = true;
}

void exception_wait(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                    belay_time due)
{
    bool by_hand = x->keyed && !x->loner && lane_by_hand(b, sub, x->lane);
    x->due = due;
    exception_set_state(b, sub, x, by_hand && !BELAY_PLANTED(80) ? EXCEPTION_HELD : EXCEPTION_WAITING);
    if (x->state == EXCEPTION_WAITING)
        due_put(b, sub, due, sequence);
}

void exception_unwait(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x)
{
    if (x->state == EXCEPTION_WAITING)
        due_del(b, sub, x->due, sequence);
}

void exception_remove(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                      const struct exception *x, belay_time now)
{
    struct row_key key = key_exception(sub->id, sequence, PART_META);
    bool head = x->keyed && !x->loner && x->state != EXCEPTION_DEAD;
    if (!exception_stays(b, sub, sequence, x))
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
    if (x->progress && !exception_has_inside(x, INSIDE_PROGRESS))
        progress_put(b, sub->id, sequence, BELAY_STR_NONE);
    for (uint32_t i = exception_has_inside(x, INSIDE_FAILURE); i < x->history; i++) {
        if (i == 1 && x->history > BELAY_LETTER_ATTEMPTS_MAX)
            i = x->history - (BELAY_LETTER_ATTEMPTS_MAX - 1);
        key = key_history(sub->id, sequence, i);
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
    }
    if (x->letter) {
        struct letter_facts facts;
        if (exception_is_letter(x) && facts_get(b, sub->id, sequence, &facts))
            group_left(b, facts.fingerprint);
        letter_rows_del(b, sub, sequence);
    }
    exception_unwait(b, sub, sequence, x);
    if (x->state == EXCEPTION_PARKED)
        count_less(&sub->n.stuck, held_behind(b, sub, x));
    count_less(counter(sub, x->state), 1);
    sub->dirty = sub->topic->low_dirty = true;
    if (head)
        lane_advance(b, sub, x->lane, sequence, now);
}

/* The first entry and the last ones are kept: the middle of a long history is the least telling. */
void exception_add_history(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                           struct exception *x, struct belay_str packed)
{
    struct row_key key = key_history(sub->id, sequence, x->history);
    BELAY_ASSERT(packed.n);
    if (x->history || !exception_give(x, INSIDE_FAILURE, packed))
        belay_state_put(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), packed);
    x->history++;
    if (x->history > BELAY_LETTER_ATTEMPTS_MAX) {
        key = key_history(sub->id, sequence, x->history - BELAY_LETTER_ATTEMPTS_MAX);
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
    }
}

void progress_put(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct belay_str packed)
{
    struct row_key key = key_exception(sub, sequence, PART_PROGRESS);
    if (packed.p)
        belay_state_put(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), packed);
    else
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
}

void exception_put_progress(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                            struct exception *x, enum progress_now now, struct belay_str packed)
{
    struct row_key key = key_exception(sub->id, sequence, PART_PROGRESS);
    bool was_inside = exception_has_inside(x, INSIDE_PROGRESS), row = false;
    if (now == PROGRESS_SAME && !was_inside) {
        row = belay_state_get(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &packed);
        BELAY_ASSERT(row);
    }
    x->progress = now == PROGRESS_NEW || now == PROGRESS_SAME;
    if (!x->progress)
        exception_take_out(x, INSIDE_PROGRESS);
    else if (now == PROGRESS_NEW || row) {
        exception_take_out(x, INSIDE_PROGRESS);
        if (!exception_give(x, INSIDE_PROGRESS, packed) && !row)
            belay_state_put(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), packed);
    }
    exception_put(b, sub, sequence, x);
    bool obsolete = now != PROGRESS_NONE && !was_inside && (!x->progress || exception_has_inside(x, INSIDE_PROGRESS));
    if (obsolete)
        progress_put(b, sub->id, sequence, BELAY_STR_NONE);
}

void progress_pack(struct belay_buf *out, const struct progress *p)
{
    belay_pack_varint(out, PROGRESS_PREFIX_BYTES + p->bytes.n);
    belay_pack_u8(out, PROGRESS_VERSION);
    pack_hash(out, p->definition);
    pack_hash(out, p->made_of);
    belay_pack_u64(out, (uint64_t)p->first_attempt_at);
    belay_buf_put_str(out, p->bytes);
}

bool progress_is_sound(struct belay_str packed)
{
    return packed.n >= PROGRESS_PREFIX_BYTES && packed.p[0] == PROGRESS_VERSION;
}

bool progress_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, bool exception, struct progress *ret)
{
    struct row_key key = key_exception(sub, sequence, PART_PROGRESS);
    struct belay_str value = exception ? exception_inside(b, sub, sequence, INSIDE_PROGRESS) : BELAY_STR_NONE;
    if (!value.p && !belay_state_get(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &value))
        return false;
    if (!progress_is_sound(value))
        return false;
    struct belay_unpack u = belay_unpack_init(belay_str(value.p + 1, PROGRESS_PREFIX_BYTES - 1));
    *ret = (struct progress){ .definition = unpack_hash(&u) };
    ret->made_of = unpack_hash(&u);
    ret->first_attempt_at = (belay_time)belay_unpack_u64(&u);
    ret->bytes = belay_str_sub(value, PROGRESS_PREFIX_BYTES, value.n);
    BELAY_ASSERT(belay_unpack_done(&u));
    return true;
}

bool progress_carries(const struct belay_broker *b, struct belay_str progress)
{
    return b->carries && b->carries(progress);
}

bool exception_pins(struct belay_broker *b, const struct belay_subscription *sub, const struct exception *x)
{
    struct lane_row row;
    if (x->state == EXCEPTION_DEAD || x->state == EXCEPTION_OVER)
        return false;
    if (!x->letter && !exception_has_inside(x, INSIDE_MESSAGE))
        return true;
    /* What its lane holds lies above it: it stands for them. */
    return sub->n.held && x->keyed && !x->loner && lane_row_get(b, sub->id, x->lane, &row) && row.held;
}
