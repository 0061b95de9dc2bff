/* exception.c - the rows of a message that departed from the order: waiting, parked or dead.
 *
 *   EXCEPTION sub,seq,META      state, attempts, due, lane        HISTORY,n  one failed attempt
 *             sub,seq,PROGRESS  what its run achieved; also of a message that is no exception (yet)
 *   DUE       sub,due,seq       of a waiting one
 *   LETTER    sub,seq,FACTS     and MESSAGE: of a letter, also while it is replayed
 */
#include "broker/impl.h"

enum { FLAG_KEYED = 1, FLAG_LONER = 2, FLAG_LETTER = 4, FLAG_PROGRESS = 8 };

#define META_BYTES_MAX (BELAY_KEY_BYTES_MAX + 160)

static bool decode(struct belay_str value, struct exception *ret_x)
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
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
    x.lane = unpack_hash(&u);
    key_text_set(&x.key, belay_unpack_str(&u));
    *ret_x = x;
    return known && belay_unpack_done(&u);
}

bool exception_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct exception *ret_x)
{
    struct row_key key = key_exception(sub, sequence, PART_META);
    struct belay_str value;
    return belay_state_get(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &value)
           && decode(value, ret_x);
}

bool exception_next(struct belay_broker *b, uint32_t sub, uint64_t *sequence, struct exception *ret_x)
{
    struct row_key prefix = key_id(sub);
    for (uint64_t at = *sequence;; at++) {
        struct row_key from = key_exception(sub, at, PART_META);
        struct belay_str key, value;
        if (!belay_state_seek(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&from), false,
                              row_key_str(&prefix), &key, &value))
            return false;
        at = belay_load_be64(key.p + 4);
        if (key.p[12] == PART_META && decode(value, ret_x)) {
            *sequence = at;
            return true;
        }
    }
}

void exception_put(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                   const struct exception *x)
{
    struct row_key key = key_exception(sub->id, sequence, PART_META);
    char bytes[META_BYTES_MAX];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    belay_pack_u8(&out, ROW_VERSION);
    belay_pack_u8(&out, (uint8_t)x->state);
    belay_pack_u8(&out, (uint8_t)((x->keyed ? FLAG_KEYED : 0) | (x->loner ? FLAG_LONER : 0)
                                  | (x->letter ? FLAG_LETTER : 0) | (x->progress ? FLAG_PROGRESS : 0)));
    belay_pack_varint(&out, x->begun);
    belay_pack_varint(&out, x->ended);
    belay_pack_varint(&out, x->total);
    belay_pack_varint(&out, x->history);
    belay_pack_svarint(&out, x->due);
    belay_pack_svarint(&out, x->first_attempt_at);
    belay_pack_svarint(&out, x->accepted_at);
    pack_hash(&out, x->definition);
    pack_hash(&out, x->lane);
    belay_pack_str(&out, key_text_str(&x->key));
    BELAY_ASSERT(belay_buf_status(&out) == BELAY_OK);
    belay_state_put(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), belay_buf_view(&out));
    if (x->state != EXCEPTION_DEAD && sequence < sub->pin_low)
        sub->pin_low = sequence;
}

static uint64_t *counter(struct belay_subscription *sub, enum exception_state state)
{
    switch (state) {
    case EXCEPTION_WAITING: return &sub->n.waiting;
    case EXCEPTION_PARKED: return &sub->n.parked;
    case EXCEPTION_DEAD: return &sub->n.dead;
    }
    BELAY_UNREACHABLE();
}

/* state 0: it is new. */
void exception_set_state(struct belay_subscription *sub, struct exception *x, enum exception_state state)
{
    if (x->state)
        --*counter(sub, x->state);
    ++*counter(sub, state);
    x->state = state;
    sub->dirty = true;
}

void exception_remove(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                      const struct exception *x, belay_time now)
{
    struct row_key key = key_exception(sub->id, sequence, PART_META);
    bool head = x->keyed && !x->loner && x->state != EXCEPTION_DEAD;
    belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
    if (x->progress) {
        key = key_exception(sub->id, sequence, PART_PROGRESS);
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
    }
    for (uint32_t i = 0; i < x->history; i++) {
        if (i == 1 && x->history > BELAY_LETTER_ATTEMPTS_MAX)
            i = x->history - (BELAY_LETTER_ATTEMPTS_MAX - 1);
        key = key_history(sub->id, sequence, i);
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
    }
    if (x->letter)
        for (uint8_t part = LETTER_FACTS; part <= LETTER_MESSAGE; part++) {
            key = key_letter(sub->id, sequence, part);
            belay_state_del(b->state, BELAY_TABLE_LETTER, row_key_str(&key));
        }
    if (x->state == EXCEPTION_WAITING)
        due_del(b, sub, x->due, sequence);
    --*counter(sub, x->state);
    sub->dirty = sub->topic->low_dirty = true;
    if (head)
        lane_advance(b, sub, x->lane, now);
}

/* The first entry and the last ones are kept: the middle of a long history is the least telling. */
void exception_add_history(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                           struct exception *x, struct belay_str packed)
{
    struct row_key key = key_history(sub->id, sequence, x->history);
    belay_state_put(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), packed);
    x->history++;
    if (x->history > BELAY_LETTER_ATTEMPTS_MAX) {
        key = key_history(sub->id, sequence, x->history - BELAY_LETTER_ATTEMPTS_MAX);
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
    }
}

void exception_put_progress(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                            struct belay_str packed)
{
    struct row_key key = key_exception(sub->id, sequence, PART_PROGRESS);
    if (packed.p)
        belay_state_put(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), packed);
    else
        belay_state_del(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key));
}

void progress_pack(struct belay_buf *out, struct belay_hash128 definition, belay_time first_attempt_at,
                   struct belay_str progress)
{
    belay_pack_varint(out, PROGRESS_PREFIX_BYTES + progress.n);
    belay_pack_u8(out, ROW_VERSION);
    pack_hash(out, definition);
    belay_pack_u64(out, (uint64_t)first_attempt_at);
    belay_buf_put_str(out, progress);
}

bool progress_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct belay_hash128 *ret_definition,
                  belay_time *ret_first_attempt_at, struct belay_str *ret_progress)
{
    struct row_key key = key_exception(sub, sequence, PART_PROGRESS);
    struct belay_str value;
    if (!belay_state_get(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &value))
        return false;
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
    struct belay_hash128 definition = unpack_hash(&u);
    belay_time first = (belay_time)belay_unpack_u64(&u);
    if (!known || !belay_unpack_ok(&u))
        return false;
    *ret_definition = definition;
    *ret_first_attempt_at = first;
    *ret_progress = belay_str_sub(value, PROGRESS_PREFIX_BYTES, value.n);
    return true;
}

bool exception_pins(struct belay_broker *b, uint32_t sub, const struct exception *x)
{
    struct lane_row row;
    if (x->state == EXCEPTION_DEAD)
        return false;
    if (!x->letter)
        return true;
    /* What its lane holds lies above it: it stands for them. */
    return x->keyed && !x->loner && lane_row_get(b, sub, x->lane, &row) && row.held;
}

/* ---- due ---- */

void due_put(struct belay_broker *b, struct belay_subscription *sub, belay_time due, uint64_t sequence)
{
    struct row_key key = key_due(sub->id, due, sequence);
    belay_state_put(b->state, BELAY_TABLE_DUE, row_key_str(&key), BELAY_STR(""));
    due_rewind(sub, due, sequence); /* the reader may have passed here; it skips what it has */
}

void due_del(struct belay_broker *b, struct belay_subscription *sub, belay_time due, uint64_t sequence)
{
    struct row_key key = key_due(sub->id, due, sequence);
    belay_state_del(b->state, BELAY_TABLE_DUE, row_key_str(&key));
}
