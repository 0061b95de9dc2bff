/* idempotency.c - answers by key, for as long as their window, in tables that are dropped whole.
 *
 * A key goes into the bucket of the time at which it expires.  A class of windows has SLOTS buckets of a
 * sixth of its longest window each, used in turn:
 *
 *   class   windows up to   a bucket spans        bucket = class * SLOTS + (expiry / span) % SLOTS
 *   0       1 hour          10 minutes            epoch  = expiry / span
 *   1       1 day           4 hours
 *   2       7 days          28 hours
 *   3       30 days         5 days
 *
 * A bucket whose epoch has passed is over: a record, and no work per key; its parts' tables are dropped one by one.
 *
 * A bucket's keys lie in parts (key_parts.h), one behind the other, and within a part in runs: a checkpoint that finds
 * enough new keys begins the next run.  The row's key is the run, the hash of (scope, key), and a number that tells
 * keys with equal hashes apart.  So what a checkpoint writes lies behind all that was written before, in order, and
 * fills page after page: random keys all over a part, or a bucket, would make it touch a page for each.
 * Which parts may hold a key a filter in memory says (key_filter.h), usually none; then the runs are looked through, the
 * newest first; scope and key are compared in full.  A part that is full keeps its filter's bits in rows of its own, so
 * that a start reads those and not the keys.
 */
#include "broker/idempotency.h"

#include "base/planted.h"
#include "broker/idempotency_impl.h"
#include "broker/key_parts.h"
#include "broker/record.h"

#define SLOTS 8
#define CLASSES (BUCKETS / SLOTS)
#define COLLISIONS_MAX 16
#define US_PER_HOUR (3600 * (belay_time)BELAY_US_PER_S)

static const belay_time window_max[CLASSES] = { US_PER_HOUR, 24 * US_PER_HOUR, 7 * 24 * US_PER_HOUR,
                                                30 * 24 * US_PER_HOUR };

static belay_time longest(const struct belay_broker *b, uint32_t class)
{
    return window_max[class] / b->windows_shrink;
}

static belay_time span_of(const struct belay_broker *b, uint32_t class)
{
    return longest(b, class) / (SLOTS - 2);
}

static struct belay_hash128 hash_of(struct belay_str scope, struct belay_str key)
{
    struct belay_str parts[] = { scope, key };
    return belay_hash128_parts(parts, 2);
}

struct row {
    uint8_t state;
    uint64_t incarnation; /* of the process that began it */
    belay_time expires_at;
    struct belay_hash128 request;
    struct belay_str scope, key, answer;
};

static bool decode(struct belay_str value, struct row *ret_row)
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
    struct row row = { .state = belay_unpack_u8(&u) };
    row.incarnation = belay_unpack_varint(&u);
    row.expires_at = belay_unpack_svarint(&u);
    row.request = unpack_hash(&u);
    row.scope = belay_unpack_str(&u);
    row.key = belay_unpack_str(&u);
    row.answer = belay_unpack_str(&u);
    if (!known || !belay_unpack_ok(&u))
        return false;
    *ret_row = row;
    return true;
}

/* at->run is looked through; at->number: of its row, or of the first free one. True: it is there. */
static bool find_in_run(struct belay_broker *b, uint32_t slot, struct belay_hash128 h, struct belay_str scope,
                        struct belay_str key, struct place *at, struct row *ret_row)
{
    for (at->number = 0; at->number < COLLISIONS_MAX; at->number++) {
        struct row_key k = part_row(*at, h);
        struct belay_str value;
        if (!belay_state_get(b->state, part_table(slot), row_key_str(&k), &value))
            return false;
        if (decode(value, ret_row) && belay_str_eq(ret_row->scope, scope) && belay_str_eq(ret_row->key, key))
            return true;
    }
    return false;
}

/* *chained: other keys with this hash are there. */
static bool find_in_part(struct belay_broker *b, uint32_t slot, struct belay_hash128 h, struct belay_str scope,
                         struct belay_str key, struct place *ret_at, bool *chained, struct row *ret_row)
{
    for (unsigned run = b->parts[slot].run + 1u; run-- > 0;) {
        ret_at->run = (uint8_t)run;
        if (find_in_run(b, slot, h, scope, key, ret_at, ret_row))
            return true;
        *chained |= ret_at->number > 0;
        if (BELAY_PLANTED(76))
            break; /* what an earlier checkpoint wrote is not asked */
    }
    return false;
}

/* A new key is looked for when its request comes and again when its answer is kept: what was in no part then is in
 * none until one changes. */
static bool known_absent(const struct belay_broker *b, struct belay_hash128 h)
{
    return b->absent_known && belay_hash128_eq(b->absent, h);
}

/* *ret_slot: of its part. */
static bool find(struct belay_broker *b, struct belay_hash128 h, struct belay_str scope, struct belay_str key,
                 uint32_t *ret_slot, struct place *ret_at, struct row *ret_row)
{
    bool chained = false;
    if (known_absent(b, h))
        return false;
    key_filter_prefetch(&b->filter, h);
    for (uint32_t plane = 0; plane < KEY_FILTER_PLANES; plane++)
        for (uint64_t slots = key_filter_look(&b->filter, plane, h); slots; slots &= slots - 1) {
            *ret_slot = 64 * plane + (uint32_t)__builtin_ctzll(slots);
            if (find_in_part(b, *ret_slot, h, scope, key, ret_at, &chained, ret_row))
                return true;
        }
    if (!chained)
        b->absent = h;
    b->absent_known = !chained;
    return false;
}

void belay_broker_idempotency_get(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                  struct belay_idempotency *ret_idem)
{
    struct belay_idempotency idem = { .state = BELAY_IDEMPOTENCY_NONE };
    uint32_t slot;
    struct place at;
    struct row row;
    if (find(b, hash_of(scope, key), scope, key, &slot, &at, &row) && row.expires_at > b->now
        && !(BELAY_PLANTED(4) && row.incarnation != b->incarnation)) {
        idem.state = (enum belay_idempotency_state)row.state;
        idem.request = row.request;
        idem.answer = row.answer;
        idem.interrupted = row.state == BELAY_IDEMPOTENCY_RUNNING && row.incarnation != b->incarnation;
    }
    *ret_idem = idem;
}

/* ---- writing ---- */

static uint32_t bucket_of(const struct belay_broker *b, belay_time expires_at, uint64_t window_ms, uint64_t *ret_epoch)
{
    uint32_t class = 0;
    while (class < CLASSES - 1 && window_ms > (uint64_t)(longest(b, class) / BELAY_US_PER_MS))
        class++;
    *ret_epoch = (uint64_t)(expires_at / span_of(b, class));
    return class * SLOTS + (uint32_t)(*ret_epoch % SLOTS);
}

static int drop_bucket(struct belay_broker *b, uint32_t bucket, struct belay_err *err)
{
    belay_pack_varint(record_begin(b), bucket);
    return record_commit(b, RECORD_IDEM_DROP, (struct cost){ 64, 1 }, true, err);
}

static void pack_place(struct belay_buf *r, struct place at)
{
    belay_pack_u8(r, at.run);
    belay_pack_u8(r, at.number);
}

static struct place unpack_place(struct belay_unpack *u)
{
    uint8_t run = belay_unpack_u8(u);
    return (struct place){ run, belay_unpack_u8(u) };
}

/* bucket | epoch | slot | run | number | old slot, KEY_FILTER_SLOTS: none | old run | old number | incarnation | hash | the row */
static int put(struct belay_broker *b, struct belay_str scope, struct belay_str key, const struct row *fresh,
               uint64_t window_ms, struct belay_err *err)
{
    uint64_t window_ms_max = (uint64_t)(longest(b, CLASSES - 1) / BELAY_US_PER_MS), epoch;
    BELAY_ASSERT(scope.n && key.n);
    struct belay_hash128 h = hash_of(scope, key);
    uint32_t old_slot = KEY_FILTER_SLOTS;
    struct place at = { 0 }, old_at = { 0 };
    struct row old;
    bool closes;
    if (window_ms > window_ms_max)
        window_ms = window_ms_max;
    belay_time expires_at = belay_time_add_ms(b->now, (int64_t)window_ms);
    uint32_t bucket = bucket_of(b, expires_at, window_ms, &epoch);
    if (!find(b, h, scope, key, &old_slot, &old_at, &old))
        old_slot = KEY_FILTER_SLOTS;
    if (b->buckets[bucket].count && b->buckets[bucket].epoch != epoch) {
        bool within = old_slot < KEY_FILTER_SLOTS && b->parts[old_slot].bucket == bucket;
        int status = drop_bucket(b, bucket, err); /* all in it have expired: its turn comes again */
        if (status != BELAY_OK)
            return status;
        if (within)
            old_slot = KEY_FILTER_SLOTS;
    }
    uint32_t slot = part_for(b, bucket, &closes);
    if (slot == KEY_FILTER_SLOTS || part_reserve(b, bucket, slot) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for idempotency keys");
    bool opens = b->buckets[bucket].open != slot + 1;
    if (slot == old_slot) {
        at = old_at;
    } else if (!opens) {
        at.run = b->parts[slot].run;
        if (!known_absent(b, h))
            (void)find_in_run(b, slot, h, scope, key, &at, &old);
    }
    if (at.number == COLLISIONS_MAX)
        return belay_fail(err, BELAY_LIMIT, "too many idempotency keys with one hash");
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, bucket);
    belay_pack_varint(r, epoch);
    belay_pack_varint(r, slot);
    pack_place(r, at);
    belay_pack_varint(r, old_slot);
    pack_place(r, old_at);
    belay_pack_varint(r, b->incarnation);
    pack_hash(r, h);
    belay_pack_u8(r, ROW_VERSION);
    belay_pack_u8(r, fresh->state);
    belay_pack_varint(r, b->incarnation);
    belay_pack_svarint(r, expires_at);
    pack_hash(r, fresh->request);
    belay_pack_str(r, scope);
    belay_pack_str(r, key);
    belay_pack_str(r, fresh->answer);
    struct cost closing = closes ? part_closing() : (struct cost){ 0 };
    struct cost cost = { r->n + 128 + closing.state_bytes, 3 + closing.changes };
    return record_commit(b, RECORD_IDEM_PUT, cost, true, err);
}

/* What a record says of a place is a disk's word: could a key be there? */
static bool may_lie(const struct belay_broker *b, uint64_t slot, struct place at)
{
    return slot < KEY_FILTER_SLOTS && part_live(&b->parts[slot]) && b->buckets[b->parts[slot].bucket].count
           && at.run < PART_RUNS_MAX && at.number < COLLISIONS_MAX;
}

static void key_out(struct belay_broker *b, uint32_t slot, struct place at, struct belay_hash128 h)
{
    const struct key_part *part = &b->parts[slot];
    struct row_key k = part_row(at, h);
    BELAY_ASSERT(part_live(part));
    belay_state_del(b->state, part_table(slot), row_key_str(&k));
    count_less(&b->buckets[part->bucket].count, 1);
}

int apply_idem_put(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t bucket = belay_unpack_varint(u), epoch = belay_unpack_varint(u), slot = belay_unpack_varint(u);
    struct place place = unpack_place(u);
    uint64_t old_slot = belay_unpack_varint(u);
    struct place old_place = unpack_place(u);
    uint64_t incarnation = belay_unpack_varint(u);
    struct belay_hash128 h = unpack_hash(u);
    struct belay_str value = belay_unpack_bytes(u, belay_unpack_left(u));
    if (!belay_unpack_ok(u) || bucket >= BUCKETS || slot >= KEY_FILTER_SLOTS || old_slot > KEY_FILTER_SLOTS
        || place.run >= PART_RUNS_MAX || place.number >= COLLISIONS_MAX)
        return BELAY_CORRUPT;
    if (old_slot < KEY_FILTER_SLOTS && !may_lie(b, old_slot, old_place))
        return BELAY_CORRUPT;
    if (part_reserve(b, (uint32_t)bucket, (uint32_t)slot) != BELAY_OK)
        return BELAY_NOMEM;
    struct bucket *at = &b->buckets[bucket];
    if (at->open != slot + 1 && part_live(&b->parts[slot]))
        return BELAY_CORRUPT;
    if (at->open != slot + 1)
        open_part(b, (uint32_t)bucket, (uint32_t)slot);
    if (old_slot < KEY_FILTER_SLOTS && old_slot != slot)
        key_out(b, (uint32_t)old_slot, old_place, h);
    struct row_key k = part_row(place, h);
    b->absent_known = false;
    belay_state_put(b->state, part_table((uint32_t)slot), row_key_str(&k), value);
    at->epoch = epoch;
    at->count += old_slot != slot;
    part_takes(b, (uint32_t)slot, place, h, old_slot != slot);
    if (incarnation > b->incarnation_seen)
        b->incarnation_seen = incarnation;
    b->dirty = true;
    return BELAY_OK;
}

int belay_broker_idempotency_begin(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                   struct belay_hash128 request, struct belay_str so_far, uint64_t window_ms, belay_time now,
                                   struct belay_err *err)
{
    struct row row = { .state = BELAY_IDEMPOTENCY_RUNNING, .request = request, .answer = so_far };
    broker_advance(b, now);
    return put(b, scope, key, &row, window_ms, err);
}

int belay_broker_idempotency_done(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                  struct belay_hash128 request, struct belay_str answer, uint64_t window_ms,
                                  belay_time now, struct belay_err *err)
{
    struct row row = { .state = BELAY_IDEMPOTENCY_DONE, .request = request, .answer = answer };
    broker_advance(b, now);
    return put(b, scope, key, &row, window_ms, err);
}

/* ---- forgetting ---- */

/* A chain of equal hashes has no gaps within its run: the last of it moves into the place of the one that goes.
 * slot | hash | run | number | number of the last | the last's row */
int belay_broker_idempotency_forget(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                    struct belay_err *err)
{
    struct belay_hash128 h = hash_of(scope, key);
    uint32_t slot;
    struct place at, last;
    struct row row;
    struct belay_str value, moved = BELAY_STR_NONE;
    if (!find(b, h, scope, key, &slot, &at, &row))
        return BELAY_OK;
    for (last = at; last.number + 1 < COLLISIONS_MAX; last.number++) {
        struct row_key next = part_row((struct place){ at.run, (uint8_t)(last.number + 1) }, h);
        if (!belay_state_get(b->state, part_table(slot), row_key_str(&next), &value))
            break;
        moved = value;
    }
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, slot);
    pack_hash(r, h);
    pack_place(r, at);
    belay_pack_u8(r, last.number);
    belay_buf_put_str(r, moved);
    return record_commit(b, RECORD_IDEM_FORGET, (struct cost){ r->n + 64, 2 }, true, err);
}

int apply_idem_forget(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t slot = belay_unpack_varint(u);
    struct belay_hash128 h = unpack_hash(u);
    struct place at = unpack_place(u), last = { at.run, belay_unpack_u8(u) };
    struct belay_str moved = belay_unpack_bytes(u, belay_unpack_left(u));
    if (!belay_unpack_ok(u) || !may_lie(b, slot, at) || !may_lie(b, slot, last))
        return BELAY_CORRUPT;
    struct row_key k = part_row(at, h);
    if (last.number != at.number)
        belay_state_put(b->state, part_table((uint32_t)slot), row_key_str(&k), moved);
    b->absent_known = false;
    key_out(b, (uint32_t)slot, last, h);
    b->dirty = true;
    return BELAY_OK;
}

int apply_idem_drop(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t bucket = belay_unpack_varint(u);
    if (!belay_unpack_ok(u) || bucket >= BUCKETS)
        return BELAY_CORRUPT;
    parts_over(b, (uint32_t)bucket);
    b->buckets[bucket].count = 0;
    b->absent_known = false;
    b->dirty = true;
    return BELAY_OK;
}

/* A part that is over, its slot. */
static int drop_part(struct belay_broker *b, uint32_t slot, struct belay_err *err)
{
    belay_pack_varint(record_begin(b), slot);
    return record_commit(b, RECORD_IDEM_GONE, (struct cost){ 64, 1 }, true, err);
}

int apply_idem_gone(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t slot = belay_unpack_varint(u);
    int status = belay_unpack_ok(u) ? part_gone(b, slot) : BELAY_CORRUPT;
    b->dirty = true;
    return status;
}

void idempotency_tick(struct belay_broker *b)
{
    struct belay_err err;
    (void)key_filter_tick(&b->filter);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        belay_time span = span_of(b, i / SLOTS);
        if (b->buckets[i].count && (belay_time)(b->buckets[i].epoch + 1) * span <= b->now
            && drop_bucket(b, i, &err) != BELAY_OK)
            return; /* no room now: a later tick */
    }
    uint32_t slot = part_to_drop(b);
    if (slot < KEY_FILTER_SLOTS)
        (void)drop_part(b, slot, &err); /* likewise */
}
