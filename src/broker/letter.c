/* letter.c - dead letters read back, and the workbench: replay, release, discard.
 *
 *   PARKED --replay--> WAITING (still the head of its lane)
 *      | `-release---> DEAD (the lane goes on) --replay--> WAITING, beside its lane
 *      `-discard---> gone with a reason (the lane goes on)
 *
 * A replayed letter keeps its message, history and fingerprint until it is done; it is no letter while
 * it waits.
 */
#include "broker/impl.h"

/* ---- reading ---- */

static bool take_attempt(struct belay_str value, struct belay_letter_attempt *ret_attempt)
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
    ret_attempt->attempt = belay_unpack_u32(&u);
    belay_fault_unpack(&u, &ret_attempt->fault);
    return known && belay_unpack_ok(&u);
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
                        struct belay_arena *arena, struct belay_letter *letter)
{
    uint32_t kept = x->history < BELAY_LETTER_ATTEMPTS_MAX ? x->history : BELAY_LETTER_ATTEMPTS_MAX, n = 0;
    struct belay_letter_attempt *history = BELAY_ARENA_ARRAY(arena, struct belay_letter_attempt, kept);
    if (kept && !history)
        return BELAY_NOMEM;
    for (uint32_t i = 0; i < kept; i++) {
        struct belay_str value = history_entry(b, sub, sequence, x, i ? x->history - kept + i : 0);
        if (value.p && take_attempt(value, &history[n]))
            n++;
    }
    letter->history = history;
    letter->history_count = n;
    return BELAY_OK;
}

static int take_message(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct belay_arena *arena,
                        struct belay_letter *letter)
{
    struct row_key key = key_letter(sub, sequence, LETTER_MESSAGE);
    struct belay_str value;
    struct belay_err err;
    if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &value))
        return BELAY_CORRUPT;
    value = belay_arena_str(arena, value);
    return value.p ? belay_message_decode(value, arena, &letter->message, &err) : BELAY_NOMEM;
}

static int take_progress(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                         struct belay_arena *arena, struct belay_letter *letter)
{
    struct belay_hash128 definition;
    belay_time first;
    struct belay_str progress;
    letter->definition = x->definition;
    if (!x->progress || !progress_get(b, sub, sequence, true, &definition, &first, &progress) || !progress.n)
        return BELAY_OK;
    letter->progress = belay_arena_str(arena, progress);
    return letter->progress.p ? BELAY_OK : BELAY_NOMEM;
}

static int take_letter(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                       const struct exception *x, struct belay_arena *arena, struct belay_letter *ret_letter)
{
    struct row_key key = key_letter(sub->id, sequence, LETTER_FACTS);
    struct belay_str facts;
    struct lane_row row;
    if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &facts))
        return BELAY_CORRUPT;
    struct belay_unpack u = belay_unpack_init(facts);
    struct belay_letter letter = { .subscription = sub->name, .topic = sub->topic->name, .sequence = sequence,
                                   .parked = x->state == EXCEPTION_PARKED };
    if (belay_unpack_u8(&u) != ROW_VERSION)
        return BELAY_VERSION;
    letter.created_at = belay_unpack_svarint(&u);
    letter.fingerprint = belay_unpack_u64(&u);
    letter.payload_hash = unpack_hash(&u);
    letter.first_attempt_at = x->first_attempt_at;
    letter.attempts = x->total + x->begun;
    if (letter.parked && lane_row_get(b, sub->id, x->lane, &row))
        letter.held = row.held;
    letter.lane_key = belay_arena_str(arena, key_text_str(&x->key));
    int status = x->key.n && !letter.lane_key.p ? BELAY_NOMEM : BELAY_OK;
    if (status == BELAY_OK)
        status = take_history(b, sub->id, sequence, x, arena, &letter);
    if (status == BELAY_OK)
        status = take_message(b, sub->id, sequence, arena, &letter);
    if (status == BELAY_OK)
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
    while (belay_state_seek(b->state, BELAY_TABLE_EXCEPTION, row_key_str(&from), true, row_key_str(&prefix), &key,
                            &value)) {
        uint32_t id = belay_load_be32(key.p);
        uint64_t at = belay_load_be64(key.p + 4);
        bool meta = key.p[12] == PART_META;
        struct exception x;
        BELAY_ASSERT(key.n <= sizeof from.bytes);
        memcpy(from.bytes, key.p, key.n); /* key and value live until the next look */
        from.n = key.n;
        if (!meta || !exception_get(b, id, at, &x) || x.state != EXCEPTION_WAITING
            || !exception_has_inside(&x, INSIDE_MESSAGE))
            continue;
        struct belay_err err;
        value = belay_arena_str(arena, exception_inside(b, id, at, INSIDE_MESSAGE));
        if (!value.p || belay_message_decode(value, arena, ret_message, &err) != BELAY_OK)
            return false;
        *sub_id = id;
        *sequence = at;
        return true;
    }
    return false;
}

bool exception_is_letter(const struct exception *x)
{
    return x->state == EXCEPTION_PARKED || x->state == EXCEPTION_DEAD;
}

bool belay_broker_letter_next(struct belay_broker *b, const struct belay_subscription *sub, uint32_t *sub_id,
                              uint64_t *sequence, struct belay_arena *arena, struct belay_letter *ret_letter)
{
    struct row_key prefix = { .n = 0 }, from = key_letter(*sub_id, *sequence, LETTER_MESSAGE);
    struct belay_str key, value;
    if (sub) {
        prefix = key_id(sub->id);
        if (*sub_id != sub->id)
            from = key_letter(sub->id, 0, LETTER_FACTS);
    }
    while (belay_state_seek(b->state, BELAY_TABLE_LETTER, row_key_str(&from), true, row_key_str(&prefix), &key,
                            &value)) {
        uint32_t id = belay_load_be32(key.p);
        uint64_t at = belay_load_be64(key.p + 4);
        struct belay_subscription *of = belay_broker_find_id(b, id);
        struct exception x;
        from = key_letter(id, at, LETTER_MESSAGE);
        if (!of || !exception_get(b, id, at, &x) || !exception_is_letter(&x))
            continue;
        if (take_letter(b, of, at, &x, arena, ret_letter) != BELAY_OK)
            return false;
        *sub_id = id;
        *sequence = at;
        return true;
    }
    return false;
}

/* Somebody else was quicker, or there never was one. */
static int no_letter(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_err *err)
{
    struct exception x;
    unsigned long long n = sequence;
    bool there = exception_get(b, sub->id, sequence, &x), given = sequence >= sub->start && cursor_settled(sub, sequence);
    if (there && x.letter && x.job)
        return belay_fail(err, BELAY_CONFLICT, "letter %llu of %.*s is being replayed by job %u", n,
                          BELAY_STR_ARG(sub->name), x.job);
    if (there && x.letter)
        return belay_fail(err, BELAY_CONFLICT, "letter %llu of %.*s is being replayed already", n, BELAY_STR_ARG(sub->name));
    if (!there && given && belay_broker_state_of(b, sub, sequence, NULL) == BELAY_MESSAGE_DONE)
        return belay_fail(err, BELAY_CONFLICT, "%.*s has no letter %llu: that message is done, or was discarded",
                          BELAY_STR_ARG(sub->name), n);
    return belay_fail(err, BELAY_NOTFOUND, "%.*s has no letter %llu", BELAY_STR_ARG(sub->name), n);
}

static int find(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *ret_x,
                struct belay_err *err)
{
    if (exception_get(b, sub->id, sequence, ret_x) && exception_is_letter(ret_x))
        return BELAY_OK;
    return no_letter(b, sub, sequence, err);
}

int belay_broker_letter_get(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                            struct belay_arena *arena, struct belay_letter *ret_letter, struct belay_err *err)
{
    struct exception x;
    int status = find(b, sub, sequence, &x, err);
    if (status != BELAY_OK)
        return belay_wrap(err, BELAY_NOTFOUND, "no letter");
    status = take_letter(b, sub, sequence, &x, arena, ret_letter);
    return status == BELAY_OK ? status : belay_fail(err, status, "letter %llu: %s", (unsigned long long)sequence,
                                                    belay_status_text(status));
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
    int status = take_history(b, sub->id, sequence, &x, arena, &letter);
    if (status != BELAY_OK)
        return status;
    *ret_letter = letter;
    *ret_due = exception_is_letter(&x) ? BELAY_TIME_NEVER : x.due;
    return BELAY_OK;
}

/* ---- the workbench ---- */

static void pack_letter(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, sequence);
    belay_pack_svarint(r, b->now);
}

int belay_broker_letter_replay(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                               bool from_start, belay_time now, struct belay_err *err)
{
    struct exception x;
    broker_advance(b, now);
    int status = find(b, sub, sequence, &x, err);
    if (status != BELAY_OK)
        return status;
    pack_letter(b, sub, sequence);
    belay_pack_u8(&b->record, from_start);
    status = record_commit(b, RECORD_REPLAY, EXCEPTION_COST, true, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}

int apply_replay(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    belay_time now = belay_unpack_svarint(u);
    bool from_start = belay_unpack_u8(u);
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !exception_get(b, sub->id, sequence, &x) || !exception_is_letter(&x))
        return BELAY_CORRUPT;
    letter_replayed(b, sub, sequence, &x, from_start, 0, now);
    return BELAY_OK;
}

void letter_replayed(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                     bool from_start, uint32_t job, belay_time now)
{
    BELAY_ASSERT(exception_is_letter(x));
    if (x->state == EXCEPTION_DEAD)
        x->loner = true; /* it left its lane: it waits for its turn there, and holds nobody */
    x->job = job;
    x->total += x->begun;
    x->begun = x->ended = 0;
    x->first_attempt_at = 0;
    x->due = now;
    exception_set_state(sub, x, EXCEPTION_WAITING);
    if (from_start) {
        x->definition = (struct belay_hash128){ 0 };
        exception_put_progress(b, sub, sequence, x, x->progress ? PROGRESS_GONE : PROGRESS_NONE, BELAY_STR_NONE);
    } else {
        exception_put(b, sub, sequence, x);
    }
    due_put(b, sub, now, sequence);
}

int belay_broker_letter_release(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                belay_time now, struct belay_err *err)
{
    struct exception x;
    broker_advance(b, now);
    int status = find(b, sub, sequence, &x, err);
    if (status != BELAY_OK || x.state == EXCEPTION_DEAD)
        return status;
    pack_letter(b, sub, sequence);
    status = record_commit(b, RECORD_RELEASE, EXCEPTION_COST, true, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}

int apply_release(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u);
    belay_time now = belay_unpack_svarint(u);
    struct exception x;
    if (!sub || !belay_unpack_ok(u) || !exception_get(b, sub->id, sequence, &x) || x.state != EXCEPTION_PARKED)
        return BELAY_CORRUPT;
    exception_set_state(sub, &x, EXCEPTION_DEAD);
    exception_put(b, sub, sequence, &x);
    sub->topic->low_dirty = true;
    lane_advance(b, sub, x.lane, now);
    return BELAY_OK;
}

int belay_broker_letter_discard(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                struct belay_str reason, struct belay_str who, belay_time now, struct belay_err *err)
{
    struct exception x;
    broker_advance(b, now);
    int status = find(b, sub, sequence, &x, err);
    if (status != BELAY_OK)
        return status;
    if (belay_str_trim(reason).n == 0)
        return belay_fail(err, BELAY_INVALID, "a letter is discarded with a reason");
    status = settle_commit(b, sub, sequence, SETTLE_DISCARDED, NULL, reason, who, err);
    if (status == BELAY_OK)
        subscription_kick(b, sub);
    return status;
}
