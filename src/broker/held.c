/* held.c - a lane in trouble and the messages it holds, as rows (docs/internals/broker.md).
 *
 *   LANE sub,lane         head, held count, first run and what was taken of it, last run, since when, key text; who
 *                         parked it by hand and why; stays a while when the trouble is over (sweep.c), and says
 *                         nothing then
 *   HELD sub,lane,first   version | u64 last | delta varints: a run of held sequences, `first` being its key
 *
 * Runs are appended at the end and taken from the front; a taken prefix is remembered in the lane's row,
 * so that taking one does not rewrite the run.
 */
#include "base/planted.h"
#include "broker/head.h"
#include "broker/lane_filter.h"
#include "broker/lane_impl.h"
#include "broker/record.h"
#include "broker/sweep.h"
#include "broker/unreadable.h"

#define LANE_VERSION 2

#define RUN_BYTES_MAX 256 /* of a run's value: some hundred messages */
#define RUN_PREFIX 9      /* version, the last sequence */
#define RUN_LONGEST (RUN_BYTES_MAX + 2 * BELAY_VARINT_MAX) /* with what an insertion adds; so many sequences at most */
#define RUN_SEQUENCES_SPLIT 24 /* so many fit whatever their distance; above it an insertion makes two runs */

enum { LANE_HAND = 1, LANE_KEPT = 2 };

static void hand_set(struct hand_text *to, struct belay_str text)
{
    to->n = (uint8_t)(text.n < sizeof to->bytes ? text.n : sizeof to->bytes);
    if (to->n)
        memcpy(to->bytes, text.p, to->n);
}

void lane_row_by_hand(struct lane_row *row, belay_time at, struct belay_str reason, struct belay_str who)
{
    row->hand = true;
    row->hand_at = at;
    hand_set(&row->reason, reason);
    hand_set(&row->who, who);
}

bool lane_row_get(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *ret_row)
{
    struct row_key key = key_lane(sub, lane);
    struct belay_str value;
    if (!belay_state_get(b->state, BELAY_TABLE_LANE, row_key_str(&key), &value))
        return false;
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == LANE_VERSION;
    struct lane_row row = { .head = belay_unpack_varint(&u) };
    row.held = belay_unpack_varint(&u);
    row.run_first = belay_unpack_varint(&u);
    row.run_taken = belay_unpack_varint(&u);
    row.run_at = (uint32_t)belay_unpack_varint(&u);
    row.last_first = belay_unpack_varint(&u);
    row.since = belay_unpack_svarint(&u);
    row.head_since = belay_unpack_svarint(&u);
    uint8_t flags = belay_unpack_u8(&u);
    row.kept = flags & LANE_KEPT;
    key_text_set(&row.key, belay_unpack_str(&u));
    if (flags & LANE_HAND) {
        belay_time at = belay_unpack_svarint(&u);
        struct belay_str reason = belay_unpack_str(&u);
        lane_row_by_hand(&row, at, reason, belay_unpack_str(&u));
    }
    if (!known || !belay_unpack_done(&u))
        return false;
    *ret_row = row;
    return true;
}

void lane_row_put(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row)
{
    struct row_key key = key_lane(sub, lane);
    char bytes[BELAY_KEY_BYTES_MAX + 2 * BELAY_LANE_REASON_BYTES_MAX + 14 * BELAY_VARINT_MAX];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    BELAY_ASSERT(row->key.n && !row->held == !row->run_first && !row->held == !row->last_first);
    BELAY_ASSERT(row->run_taken ? row->run_taken >= row->run_first && row->run_at >= RUN_PREFIX : !row->run_at);
    belay_pack_u8(&out, LANE_VERSION);
    belay_pack_varint(&out, row->head);
    belay_pack_varint(&out, row->held);
    belay_pack_varint(&out, row->run_first);
    belay_pack_varint(&out, row->run_taken);
    belay_pack_varint(&out, row->run_at);
    belay_pack_varint(&out, row->last_first);
    belay_pack_svarint(&out, row->since);
    belay_pack_svarint(&out, row->head_since);
    belay_pack_u8(&out, (uint8_t)((row->hand ? LANE_HAND : 0) | (row->kept ? LANE_KEPT : 0)));
    belay_pack_str(&out, key_text_str(&row->key));
    if (row->hand) {
        belay_pack_svarint(&out, row->hand_at);
        belay_pack_str(&out, belay_str(row->reason.bytes, row->reason.n));
        belay_pack_str(&out, belay_str(row->who.bytes, row->who.n));
    }
    BELAY_ASSERT(belay_buf_status(&out) == BELAY_OK);
    belay_state_put(b->state, BELAY_TABLE_LANE, row_key_str(&key), belay_buf_view(&out));
    lane_filter_add(b, sub, lane);
}

bool lane_has_head(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row)
{
    struct exception x;
    return row->head && exception_get(b, sub, row->head, &x) && x.state != EXCEPTION_DEAD && x.keyed && !x.loner
           && belay_hash128_eq(x.lane, lane);
}

bool lane_by_hand(struct belay_broker *b, const struct belay_subscription *sub, struct belay_hash128 lane)
{
    struct lane_row row;
    return sub->n.lanes_by_hand && lane_row_get(b, sub->id, lane, &row) && row.hand;
}

bool lane_in_trouble(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *ret_row)
{
    return lane_row_get(b, sub, lane, ret_row)
           && (ret_row->held || ret_row->hand || lane_has_head(b, sub, lane, ret_row));
}

void lane_trouble(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                  struct belay_str key, uint64_t head, belay_time since)
{
    struct lane_row row;
    BELAY_ASSERT(head && key.n);
    if (lane_in_trouble(b, sub->id, lane, &row)) {
        BELAY_ASSERT(row.head == head);
        return;
    }
    row = (struct lane_row){ .head = head, .since = since, .head_since = since };
    key_text_set(&row.key, key);
    lane_row_put(b, sub->id, lane, &row);
    sub->n.lanes_in_trouble++;
    sub->dirty = true;
    struct lane *l = lane_find(sub, lane);
    if (l) {
        l->trouble = !BELAY_PLANTED(85); /* what was read together with it goes on */
        if (l->pending_count && l->trouble)
            lane_mark_troubled(sub, l);
    }
}

/* ---- runs ---- */

/* A row comes from a disk: what is not as long as a run is not looked into. */
static bool run_is_sound(struct belay_str run)
{
    return run.n >= RUN_PREFIX && run.n <= RUN_LONGEST && run.p[0] == ROW_VERSION;
}

/* False: it is not there, or cannot be read. */
static bool run_get(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, uint64_t first,
                    struct belay_str *ret_run)
{
    struct row_key key = key_held(sub, lane, first);
    return first && belay_state_get(b->state, BELAY_TABLE_HELD, row_key_str(&key), ret_run) && run_is_sound(*ret_run);
}

static void run_put(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, uint64_t first,
                    struct belay_str run)
{
    struct row_key key = key_held(sub, lane, first);
    belay_state_put(b->state, BELAY_TABLE_HELD, row_key_str(&key), run);
}

static void run_del(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, uint64_t first)
{
    struct row_key key = key_held(sub, lane, first);
    belay_state_del(b->state, BELAY_TABLE_HELD, row_key_str(&key));
}

static uint64_t run_last(struct belay_str run)
{
    BELAY_ASSERT(run.n >= RUN_PREFIX);
    return belay_load_u64(run.p + 1);
}

/* Key of the first run above `above`; 0: none. */
static uint64_t run_after(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, uint64_t above)
{
    struct row_key prefix = key_lane(sub, lane), from = key_held(sub, lane, above);
    struct belay_str key, value;
    bool there = rows_seek(b, BELAY_TABLE_HELD, row_key_str(&from), true,
                                  row_key_str(&prefix), &key, &value);
    return there ? belay_load_be64(key.p + prefix.n) : 0;
}

static void held_insert(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row,
                        uint64_t sequence);

void held_append(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row,
                 uint64_t sequence)
{
    struct belay_str run;
    char bytes[RUN_BYTES_MAX + BELAY_VARINT_MAX];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    belay_pack_u8(&out, ROW_VERSION);
    belay_pack_u64(&out, sequence);
    bool there = run_get(b, sub, lane, row->last_first, &run);
    if (there && run_last(run) >= sequence) {
        held_insert(b, sub, lane, row, sequence);
        return;
    }
    if (there && run.n < RUN_BYTES_MAX) {
        uint64_t last = run_last(run);
        belay_buf_put_str(&out, belay_str_sub(run, RUN_PREFIX, run.n));
        belay_pack_varint(&out, sequence - last);
    } else {
        row->last_first = sequence;
        if (!row->run_first) {
            row->run_first = sequence;
            row->run_taken = row->run_at = 0;
        }
    }
    BELAY_ASSERT(belay_buf_status(&out) == BELAY_OK);
    run_put(b, sub, lane, row->last_first, belay_buf_view(&out));
    row->held++;
}

/* The sequences of a run that were not taken, into out. Returns how many: one at least, or it cannot be read. */
static uint32_t run_decode(uint64_t first, struct belay_str run, const struct lane_row *row, uint64_t out[RUN_LONGEST])
{
    struct belay_unpack u = belay_unpack_init(belay_str_sub(run, RUN_PREFIX, run.n));
    uint64_t at = first, after = first == row->run_first ? row->run_taken : 0;
    uint32_t n = 0;
    for (;;) {
        if (at > after)
            out[n++] = at;
        if (!belay_unpack_left(&u))
            return at == run_last(run) ? n : 0;
        uint64_t step = belay_unpack_varint(&u);
        if (!step)
            return 0;
        at += step;
    }
}

/* The next of the first run; 0: it cannot be read. */
static uint64_t take_next(struct belay_str run, struct lane_row *row)
{
    uint64_t sequences[RUN_LONGEST];
    if (!row->run_taken) {
        if (!run_decode(row->run_first, run, row, sequences))
            return 0;
        row->run_at = RUN_PREFIX;
        return row->run_taken = row->run_first;
    }
    struct belay_unpack u = belay_unpack_init(belay_str_sub(run, row->run_at, run.n));
    uint64_t step = belay_unpack_varint(&u);
    if (!step)
        return 0;
    row->run_at = (uint32_t)(run.n - belay_unpack_left(&u));
    return row->run_taken += step;
}

/* The first run cannot be read: its row stays, and what the others hold is held still. */
static void pass_over(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row)
{
    uint64_t sequences[RUN_LONGEST], first = row->run_first;
    struct belay_str run;
    unreadable_found(b, "messages of the key '%.*s', %llu and after it, held: they stay in the store and are not handled",
                     BELAY_STR_ARG(key_text_str(&row->key)), (unsigned long long)first);
    row->run_first = run_after(b, sub, lane, first);
    row->run_taken = row->run_at = 0;
    row->held = 0;
    for (first = row->run_first; first; first = run_after(b, sub, lane, first))
        row->held += run_get(b, sub, lane, first, &run) ? run_decode(first, run, row, sequences) : 0;
    if (!row->run_first)
        row->last_first = 0;
}

uint64_t held_take(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row)
{
    struct belay_str run;
    uint64_t sequence = 0;
    BELAY_ASSERT(row->held && row->run_first);
    while (row->run_first && !(sequence = run_get(b, sub, lane, row->run_first, &run) ? take_next(run, row) : 0))
        pass_over(b, sub, lane, row);
    if (!sequence)
        return 0;
    row->held--;
    if (row->run_at == run.n) {
        uint64_t first = row->run_first;
        run_del(b, sub, lane, first);
        row->run_first = row->held ? run_after(b, sub, lane, first) : 0;
        row->held = row->run_first ? row->held : 0; /* of runs that are gone it counted more than there is (else I2) */
        row->run_taken = row->run_at = 0;
        if (row->last_first == first)
            row->last_first = 0;
    }
    return sequence;
}

bool lane_head_parked(struct belay_broker *b, const struct belay_subscription *sub, const struct lane_row *row)
{
    struct exception x;
    return sub->n.parked && row->head && exception_get(b, sub->id, row->head, &x) && x.state == EXCEPTION_PARKED;
}

void lane_promote(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                  struct lane_row *row, uint64_t sequence, belay_time now)
{
    struct exception x = { .keyed = true, .lane = lane, .key = row->key };
    struct progress p;
    BELAY_ASSERT(sequence);
    row->head = sequence;
    row->head_since = now;
    lane_row_put(b, sub->id, lane, row);
    if (row->kept && progress_get(b, sub->id, sequence, false, &p)) {
        x.begun = x.progress = true;
        x.definition = p.definition;
        x.first_attempt_at = p.first_attempt_at;
    }
    exception_wait(b, sub, sequence, &x, now);
    exception_put(b, sub, sequence, &x);
}

/* What is in memory of it goes on. */
static void lane_well(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane)
{
    struct lane *l = lane_find(sub, lane);
    if (l) {
        l->trouble = l->hand = false;
        belay_list_unlink(&l->troubled_node);
        lane_pump(b, sub, l);
    }
}

void lane_healed(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane)
{
    count_less(&sub->n.lanes_in_trouble, 1);
    sub->dirty = true;
    lane_over(b, sub);
    if (!sub->n.lanes_in_trouble)
        lane_filter_well(b);
    lane_well(b, sub, lane);
}

void lane_advance(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane, uint64_t head,
                  belay_time now)
{
    struct lane_row row;
    sub->dirty = true;
    if (!lane_row_get(b, sub->id, lane, &row)) {
        unreadable_found(b, "which messages a key of %.*s holds: they stay in the store, and are not handled (belay audit "
                         "names them)", BELAY_STR_ARG(sub->name));
        lane_well(b, sub, lane); /* whether it is counted as one in trouble nobody knows: it stays so */
        return;
    }
    if (row.head != head)
        return;
    uint64_t held = row.held, first = held ? held_take(b, sub->id, lane, &row) : 0;
    count_less(&sub->n.held, held - row.held);
    if (first) {
        lane_promote(b, sub, lane, &row, first, now);
        return;
    }
    if (row.hand)
        row.head = 0; /* whatever comes next will be it */
    if (row.hand || held)
        lane_row_put(b, sub->id, lane, &row);
    if (!row.hand)
        lane_healed(b, sub, lane);
}

void held_each(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row,
               bool (*fn)(void *arg, uint64_t sequence), void *arg)
{
    uint64_t sequences[RUN_LONGEST];
    struct belay_str run;
    for (uint64_t first = row->run_first; first; first = run_after(b, sub, lane, first)) {
        uint32_t n = run_get(b, sub, lane, first, &run) ? run_decode(first, run, row, sequences) : 0;
        for (uint32_t i = 0; i < n; i++)
            if (!fn(arg, sequences[i]))
                return;
    }
}

/* A run of n sequences under its own key. */
static void run_write(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const uint64_t *sequences,
                      uint32_t n)
{
    char bytes[RUN_LONGEST];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    BELAY_ASSERT(n && sequences[0] && sequences[0] <= sequences[n - 1]);
    belay_pack_u8(&out, ROW_VERSION);
    belay_pack_u64(&out, sequences[n - 1]);
    for (uint32_t i = 1; i < n; i++)
        belay_pack_varint(&out, sequences[i] - sequences[i - 1]);
    BELAY_ASSERT(belay_buf_status(&out) == BELAY_OK);
    run_put(b, sub, lane, sequences[0], belay_buf_view(&out));
}

/* Key of the last run; 0: there is none. */
static uint64_t last_run(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row)
{
    uint64_t last = 0;
    for (uint64_t first = row->run_first; first; first = run_after(b, sub, lane, first))
        last = first;
    return last;
}

/* In place of the run with this key: n sequences, as one run or two; the lane's row follows. */
static void run_replace(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row,
                        uint64_t first, const uint64_t *sequences, uint32_t n)
{
    uint32_t half = n > RUN_SEQUENCES_SPLIT ? n / 2 : n;
    run_del(b, sub, lane, first);
    if (half)
        run_write(b, sub, lane, sequences, half);
    if (half < n)
        run_write(b, sub, lane, sequences + half, n - half);
    if (row->run_first == first) {
        row->run_first = n ? sequences[0] : run_after(b, sub, lane, first);
        row->run_taken = row->run_at = 0;
    }
    if (row->last_first == first) /* the one before it is the last, where it is gone: what comes late has its place there */
        row->last_first = half < n ? sequences[half] : n ? sequences[0] : last_run(b, sub, lane, row);
}

/* As a run of its own, behind or in front of the run `first`. */
static void insert_apart(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row,
                         uint64_t first, uint64_t sequence)
{
    if (first == sequence)
        return; /* there it is held already, as far as one can tell */
    run_write(b, sub, lane, &sequence, 1);
    row->held++;
    if (sequence < row->run_first) {
        row->run_first = sequence;
        row->run_taken = row->run_at = 0;
    }
    if (row->last_first == first && sequence > first)
        row->last_first = sequence;
}

/* Not at the end: a subscription that went back meets earlier messages of a lane in trouble. Slow, rare. */
static void held_insert(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row,
                        uint64_t sequence)
{
    uint64_t sequences[RUN_LONGEST + 1], next;
    uint64_t first = row->run_first;
    struct belay_str run;
    while ((next = run_after(b, sub, lane, first)) && next <= sequence)
        first = next;
    bool there = run_get(b, sub, lane, first, &run);
    uint32_t n = there ? run_decode(first, run, row, sequences) : 0, at = n;
    if (!n) { /* in place of one that cannot be read nothing is written */
        insert_apart(b, sub, lane, row, first, sequence);
        return;
    }
    for (; at && sequences[at - 1] > sequence; at--)
        sequences[at] = sequences[at - 1];
    if (at && sequences[at - 1] == sequence)
        return;
    sequences[at] = sequence;
    run_replace(b, sub, lane, row, first, sequences, n + 1);
    row->held++;
}

void held_remove(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane, uint64_t sequence)
{
    struct lane_row row;
    struct belay_str run;
    uint64_t sequences[RUN_LONGEST];
    if (!lane_row_get(b, sub->id, lane, &row))
        return;
    for (uint64_t first = row.run_first; first && first <= sequence; first = run_after(b, sub->id, lane, first)) {
        if (!run_get(b, sub->id, lane, first, &run) || run_last(run) < sequence)
            continue;
        uint32_t n = run_decode(first, run, &row, sequences);
        uint32_t at = 0;
        while (at < n && sequences[at] != sequence)
            at++;
        if (at == n)
            return;
        memmove(&sequences[at], &sequences[at + 1], (n - at - 1) * sizeof *sequences);
        run_replace(b, sub->id, lane, &row, first, sequences, n - 1);
        row.held--;
        count_less(&sub->n.held, 1);
        count_less(&sub->n.stuck, lane_head_parked(b, sub, &row));
        lane_row_put(b, sub->id, lane, &row);
        if (row.kept)
            progress_put(b, sub->id, sequence, BELAY_STR_NONE);
        return;
    }
}

static bool held_in_run(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                        uint64_t first, struct belay_str run, uint64_t sequence)
{
    struct lane_row row;
    struct belay_unpack u = belay_unpack_init(belay_str_sub(run, RUN_PREFIX, run.n));
    uint64_t at = first;
    while (at < sequence && belay_unpack_left(&u))
        at += belay_unpack_varint(&u);
    if (at != sequence || !lane_row_get(b, sub->id, lane, &row))
        return false;
    return !(first == row.run_first && sequence <= row.run_taken);
}

bool held_find(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
               struct belay_hash128 *ret_lane)
{
    struct row_key prefix = key_id(sub->id), from = prefix;
    struct belay_str key, run;
    while (sub->n.held && rows_seek(b, BELAY_TABLE_HELD, row_key_str(&from), true,
                                           row_key_str(&prefix), &key, &run)) {
        struct belay_hash128 lane = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        uint64_t first = belay_load_be64(key.p + 20);
        from = row_key_of(key);
        if (run_is_sound(run) && first <= sequence && sequence <= run_last(run)
            && held_in_run(b, sub, lane, first, run, sequence)) {
            *ret_lane = lane;
            return true;
        }
    }
    return false;
}
