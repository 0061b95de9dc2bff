/* letter_read.c - dead letters read back, and what went wrong with messages that wait. */
#include "broker/held.h"
#include "broker/letter_impl.h"
#include "broker/record.h"
#include "broker/window.h"

static bool take_attempt(struct belay_str value, struct belay_letter_attempt *ret_attempt)
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
    struct belay_letter_attempt attempt = { .attempt = belay_unpack_u32(&u) };
    belay_fault_unpack(&u, &attempt.fault);
    if (!known || !belay_unpack_ok(&u))
        return false;
    *ret_attempt = attempt;
    return true;
}

/* Entry `number` of the history; a view of the state, p == NULL: it is not there. */
static struct belay_str history_entry(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                                      uint32_t number)
{
    struct row_key key = key_history(sub, sequence, number);
    struct belay_str value;
    if (number == 0 && exception_has_inside(x, INSIDE_FAILURE))
        return exception_inside(b, sub, sequence, INSIDE_FAILURE);
    return belay_state_get(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &value) ? value : BELAY_STR_NONE;
}

bool exception_last_fault(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                          struct belay_fault *ret_fault)
{
    struct belay_letter_attempt attempt;
    struct belay_str value = x->history ? history_entry(b, sub, sequence, x, x->history - 1) : BELAY_STR_NONE;
    if (!value.p || !take_attempt(value, &attempt))
        return false;
    *ret_fault = attempt.fault;
    return true;
}

static int take_history(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                        bool last_only, struct belay_arena *arena, struct belay_letter *letter)
{
    uint32_t kept = x->history < BELAY_LETTER_ATTEMPTS_MAX ? x->history : BELAY_LETTER_ATTEMPTS_MAX, n = 0;
    uint32_t first = last_only && kept ? kept - 1 : 0;
    struct belay_letter_attempt *history = BELAY_ARENA_ARRAY(arena, struct belay_letter_attempt, kept - first);
    if (kept && !history)
        return BELAY_NOMEM;
    for (uint32_t i = first; i < kept; i++) {
        struct belay_str value = history_entry(b, sub, sequence, x, i ? x->history - kept + i : 0);
        if (value.p && take_attempt(value, &history[n]))
            n++;
    }
    letter->history = history;
    letter->history_count = n;
    return BELAY_OK;
}

static int take_message(struct belay_broker *b, uint32_t sub, uint64_t sequence, enum letter_part part,
                        struct belay_arena *arena, struct belay_message *ret_message)
{
    struct row_key key = key_letter(sub, sequence, part);
    struct belay_str value;
    struct belay_err err;
    if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &value))
        return BELAY_CORRUPT;
    value = belay_arena_str(arena, value);
    return value.p ? belay_message_decode(value, arena, ret_message, &err) : BELAY_NOMEM;
}

static int take_progress(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                         struct belay_arena *arena, struct belay_letter *letter)
{
    struct progress p;
    letter->definition = x->definition;
    if (!x->progress || !progress_get(b, sub, sequence, true, &p) || !p.bytes.n)
        return BELAY_OK;
    letter->made_of = p.made_of;
    letter->progress = belay_arena_str(arena, p.bytes);
    return letter->progress.p ? BELAY_OK : BELAY_NOMEM;
}

static int take_texts(const struct letter_facts *facts, const struct exception *x,
                      struct belay_arena *arena, struct belay_letter *letter)
{
    struct belay_str index_key = belay_arena_str(arena, facts->key); /* a view of the state until here */
    letter->lane_key = belay_arena_str(arena, key_text_str(&x->key));
    letter->index_key = index_key;
    return index_key.p && letter->lane_key.p ? BELAY_OK : BELAY_NOMEM;
}

int letter_take(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x,
                bool last_only, struct belay_arena *arena, struct belay_letter *ret_letter)
{
    struct belay_letter letter = { .subscription = sub->name, .topic = sub->topic->name, .sequence = sequence,
                                   .parked = x->state == EXCEPTION_PARKED };
    struct letter_facts facts;
    struct lane_row row;
    if (!facts_get(b, sub->id, sequence, &facts))
        return BELAY_CORRUPT;
    letter.created_at = facts.created_at;
    letter.fingerprint = facts.fingerprint;
    letter.payload_hash = facts.payload_hash;
    letter.edits = facts.edits;
    letter.first_attempt_at = x->first_attempt_at;
    letter.attempts = x->total + x->begun;
    int status = take_texts(&facts, x, arena, &letter);
    if (letter.parked && lane_row_get(b, sub->id, x->lane, &row))
        letter.held = row.held;
    if (status == BELAY_OK)
        status = take_history(b, sub->id, sequence, x, last_only, arena, &letter);
    if (status == BELAY_OK)
        status = take_message(b, sub->id, sequence, LETTER_MESSAGE, arena, &letter.message);
    if (status == BELAY_OK && !last_only)
        status = take_progress(b, sub->id, sequence, x, arena, &letter);
    if (status == BELAY_OK)
        *ret_letter = letter;
    return status;
}

bool belay_broker_waiting_next(struct belay_broker *b, uint32_t *sub_id, uint64_t *sequence, struct belay_arena *arena,
                               struct belay_message *ret_message)
{
    struct row_key from = key_exception(*sub_id, *sequence, PART_META);
    const struct row_key prefix = { .n = 0 };
    struct belay_str key, value;
    while (rows_seek(b, BELAY_TABLE_EXCEPTION, row_key_str(&from), true, row_key_str(&prefix), &key,
                            &value)) {
        uint32_t id = belay_load_be32(key.p);
        uint64_t at = belay_load_be64(key.p + 4);
        bool meta = key.p[12] == PART_META;
        struct exception x;
        from = row_key_of(key); /* key and value live until the next look */
        if (!meta || !exception_get(b, id, at, &x) || exception_is_letter(&x)
            || !exception_has_inside(&x, INSIDE_MESSAGE))
            continue;
        struct belay_err err;
        value = belay_arena_str(arena, exception_inside(b, id, at, INSIDE_MESSAGE));
        int status = value.p ? belay_message_decode(value, arena, ret_message, &err) : BELAY_NOMEM;
        if (status == BELAY_NOMEM)
            return false;
        if (status != BELAY_OK)
            continue; /* it cannot be read: those behind it can */
        *sub_id = id;
        *sequence = at;
        return true;
    }
    return false;
}

bool belay_broker_letter_next(struct belay_broker *b, const struct belay_subscription *sub, uint32_t *sub_id,
                              uint64_t *sequence, struct belay_arena *arena, struct belay_letter *ret_letter)
{
    struct row_key prefix = { .n = 0 }, from = key_letter(*sub_id, *sequence, LETTER_PARTS);
    struct belay_str key, value;
    if (sub) {
        prefix = key_id(sub->id);
        if (*sub_id != sub->id)
            from = key_letter(sub->id, 0, LETTER_FACTS);
    }
    while (rows_seek(b, BELAY_TABLE_LETTER, row_key_str(&from), true, row_key_str(&prefix), &key,
                            &value)) {
        uint32_t id = belay_load_be32(key.p);
        uint64_t at = belay_load_be64(key.p + 4);
        struct belay_subscription *of = belay_broker_find_id(b, id);
        struct exception x;
        from = key_letter(id, at, LETTER_PARTS);
        if (!of || !exception_get(b, id, at, &x) || !exception_is_letter(&x))
            continue;
        int status = letter_take(b, of, at, &x, false, arena, ret_letter);
        if (status == BELAY_NOMEM)
            return false;
        if (status != BELAY_OK)
            continue;
        *sub_id = id;
        *sequence = at;
        return true;
    }
    return false;
}

int belay_broker_trouble(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                         struct belay_arena *arena, struct belay_letter *ret_letter, belay_time *ret_due)
{
    struct exception x;
    if (!exception_get(b, sub->id, sequence, &x))
        return BELAY_NOTFOUND;
    struct belay_letter letter = { .subscription = sub->name, .topic = sub->topic->name, .sequence = sequence,
                                   .parked = x.state == EXCEPTION_PARKED, .first_attempt_at = x.first_attempt_at,
                                   .attempts = x.total + exception_begun(sub, sequence, &x) };
    int status = take_history(b, sub->id, sequence, &x, false, arena, &letter);
    if (status != BELAY_OK)
        return status;
    *ret_letter = letter;
    *ret_due = x.state == EXCEPTION_WAITING ? x.due : BELAY_TIME_NEVER;
    return BELAY_OK;
}
