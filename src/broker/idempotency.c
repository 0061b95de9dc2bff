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
 * A bucket whose epoch has passed is dropped: a record, and no work per key.  A lookup asks the buckets that
 * have keys, usually one or two.  In a bucket the row's key is the hash of (scope, key) and a number that
 * tells keys with equal hashes apart: scope and key are compared in full.
 */
#include "base/planted.h"
#include "broker/impl.h"

#define SLOTS 8
#define CLASSES (BUCKETS / SLOTS)
#define COLLISIONS_MAX 16
#define US_PER_HOUR (3600 * (belay_time)BELAY_US_PER_S)

static const belay_time window_max[CLASSES] = { US_PER_HOUR, 24 * US_PER_HOUR, 7 * 24 * US_PER_HOUR,
                                                30 * 24 * US_PER_HOUR };

static belay_time span_of(uint32_t class)
{
    return window_max[class] / (SLOTS - 2);
}

static uint32_t table_of(uint32_t bucket)
{
    return BELAY_TABLE_DROPPABLE + bucket;
}

static struct row_key key_of(struct belay_str scope, struct belay_str key, uint8_t number)
{
    struct belay_str parts[] = { scope, key };
    struct belay_hash128 h = belay_hash128_parts(parts, 2);
    struct row_key k = { .n = 17 };
    belay_store_be64(k.bytes, h.hi);
    belay_store_be64(k.bytes + 8, h.lo);
    k.bytes[16] = number;
    return k;
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
    ret_row->state = belay_unpack_u8(&u);
    ret_row->incarnation = belay_unpack_varint(&u);
    ret_row->expires_at = belay_unpack_svarint(&u);
    ret_row->request = unpack_hash(&u);
    ret_row->scope = belay_unpack_str(&u);
    ret_row->key = belay_unpack_str(&u);
    ret_row->answer = belay_unpack_str(&u);
    return known && belay_unpack_ok(&u);
}

/* *number: of its row, or of the first free one. True: it is there. */
static bool find_in(struct belay_broker *b, uint32_t bucket, struct row_key k, struct belay_str scope,
                    struct belay_str key, uint8_t *ret_number, struct row *ret_row)
{
    for (uint8_t number = 0; number < COLLISIONS_MAX; number++) {
        struct belay_str value;
        k.bytes[16] = number;
        *ret_number = number;
        if (!belay_state_get(b->state, table_of(bucket), row_key_str(&k), &value))
            return false;
        if (decode(value, ret_row) && belay_str_eq(ret_row->scope, scope) && belay_str_eq(ret_row->key, key))
            return true;
    }
    *ret_number = COLLISIONS_MAX;
    return false;
}

/* A new key is looked for when its request comes and again when its answer is kept: what was in no bucket then
 * is in none until one changes. */
static bool known_absent(const struct belay_broker *b, const struct row_key *k)
{
    return b->absent_known && memcmp(b->absent, k->bytes, sizeof b->absent) == 0;
}

static bool find(struct belay_broker *b, struct belay_str scope, struct belay_str key, uint32_t *ret_bucket,
                 uint8_t *ret_number, struct row *ret_row)
{
    struct row_key k = key_of(scope, key, 0);
    bool chained = false;
    if (known_absent(b, &k))
        return false;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        if (!b->buckets[i].count)
            continue;
        if (find_in(b, i, k, scope, key, ret_number, ret_row)) {
            *ret_bucket = i;
            return true;
        }
        chained |= *ret_number > 0;
    }
    if (!chained)
        memcpy(b->absent, k.bytes, sizeof b->absent);
    b->absent_known = !chained;
    return false;
}

void belay_broker_idempotency_get(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                  struct belay_idempotency *ret_idem)
{
    struct belay_idempotency idem = { .state = BELAY_IDEMPOTENCY_NONE };
    uint32_t bucket;
    uint8_t number;
    struct row row;
    if (find(b, scope, key, &bucket, &number, &row) && row.expires_at > b->now
        && !(BELAY_PLANTED(4) && row.incarnation != b->incarnation)) {
        idem.state = (enum belay_idempotency_state)row.state;
        idem.request = row.request;
        idem.answer = row.answer;
        idem.interrupted = row.state == BELAY_IDEMPOTENCY_RUNNING && row.incarnation != b->incarnation;
    }
    *ret_idem = idem;
}

/* ---- writing ---- */

static uint32_t bucket_of(belay_time expires_at, uint64_t window_ms, uint64_t *ret_epoch)
{
    uint32_t class = 0;
    while (class < CLASSES - 1 && window_ms > (uint64_t)(window_max[class] / BELAY_US_PER_MS))
        class++;
    *ret_epoch = (uint64_t)(expires_at / span_of(class));
    return class * SLOTS + (uint32_t)(*ret_epoch % SLOTS);
}

static int drop_bucket(struct belay_broker *b, uint32_t bucket, struct belay_err *err)
{
    belay_pack_varint(record_begin(b), bucket);
    return record_commit(b, RECORD_IDEM_DROP, (struct cost){ 64, 1 }, true, err);
}

/* bucket | epoch | number | old bucket, BUCKETS: none | old number | incarnation | hash | the row */
static int put(struct belay_broker *b, struct belay_str scope, struct belay_str key, const struct row *fresh,
               uint64_t window_ms, struct belay_err *err)
{
    uint64_t longest = (uint64_t)(window_max[CLASSES - 1] / BELAY_US_PER_MS), epoch;
    uint32_t old_bucket = BUCKETS;
    uint8_t number, old_number = 0;
    struct row old;
    if (window_ms > longest)
        window_ms = longest;
    belay_time expires_at = belay_time_add_ms(b->now, (int64_t)window_ms);
    uint32_t bucket = bucket_of(expires_at, window_ms, &epoch);
    if (!find(b, scope, key, &old_bucket, &old_number, &old))
        old_bucket = BUCKETS;
    if (b->buckets[bucket].count && b->buckets[bucket].epoch != epoch) {
        int status = drop_bucket(b, bucket, err); /* all in it have expired: its turn comes again */
        if (status != BELAY_OK)
            return status;
        if (old_bucket == bucket)
            old_bucket = BUCKETS;
    }
    struct row_key k = key_of(scope, key, 0);
    number = old_number;
    if (known_absent(b, &k))
        number = 0;
    else if (old_bucket != bucket)
        (void)find_in(b, bucket, k, scope, key, &number, &old);
    if (number == COLLISIONS_MAX)
        return belay_fail(err, BELAY_LIMIT, "too many idempotency keys with one hash");
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, bucket);
    belay_pack_varint(r, epoch);
    belay_pack_u8(r, number);
    belay_pack_varint(r, old_bucket);
    belay_pack_u8(r, old_number);
    belay_pack_varint(r, b->incarnation);
    belay_buf_put(r, k.bytes, 16);
    belay_pack_u8(r, ROW_VERSION);
    belay_pack_u8(r, fresh->state);
    belay_pack_varint(r, b->incarnation);
    belay_pack_svarint(r, expires_at);
    pack_hash(r, fresh->request);
    belay_pack_str(r, scope);
    belay_pack_str(r, key);
    belay_pack_str(r, fresh->answer);
    return record_commit(b, RECORD_IDEM_PUT, (struct cost){ r->n + 128, 3 }, true, err);
}

int apply_idem_put(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t bucket = belay_unpack_varint(u), epoch = belay_unpack_varint(u);
    uint8_t number = belay_unpack_u8(u);
    uint64_t old_bucket = belay_unpack_varint(u);
    uint8_t old_number = belay_unpack_u8(u);
    uint64_t incarnation = belay_unpack_varint(u);
    struct belay_str hash = belay_unpack_bytes(u, 16);
    struct belay_str value = belay_unpack_bytes(u, belay_unpack_left(u));
    struct row_key k = { .n = 17 };
    if (!belay_unpack_ok(u) || bucket >= BUCKETS || old_bucket > BUCKETS)
        return BELAY_CORRUPT;
    memcpy(k.bytes, hash.p, 16);
    if (old_bucket < BUCKETS && old_bucket != bucket) {
        k.bytes[16] = old_number;
        belay_state_del(b->state, table_of((uint32_t)old_bucket), row_key_str(&k));
        b->buckets[old_bucket].count--;
    }
    b->absent_known = false;
    k.bytes[16] = number;
    belay_state_put(b->state, table_of((uint32_t)bucket), row_key_str(&k), value);
    b->buckets[bucket].epoch = epoch;
    b->buckets[bucket].count += old_bucket != bucket;
    if (incarnation > b->incarnation_seen)
        b->incarnation_seen = incarnation;
    b->dirty = true;
    return BELAY_OK;
}

int belay_broker_idempotency_begin(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                   struct belay_hash128 request, uint64_t window_ms, belay_time now,
                                   struct belay_err *err)
{
    struct row row = { .state = BELAY_IDEMPOTENCY_RUNNING, .request = request };
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

/* A chain of equal hashes has no gaps: the last of it moves into the place of the one that goes. */
int belay_broker_idempotency_forget(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                    struct belay_err *err)
{
    uint32_t bucket;
    uint8_t number, last;
    struct row row;
    struct belay_str value, moved = BELAY_STR_NONE;
    if (!find(b, scope, key, &bucket, &number, &row))
        return BELAY_OK;
    for (last = number; last + 1 < COLLISIONS_MAX; last++) {
        struct row_key next = key_of(scope, key, (uint8_t)(last + 1));
        if (!belay_state_get(b->state, table_of(bucket), row_key_str(&next), &value))
            break;
        moved = value;
    }
    struct belay_buf *r = record_begin(b);
    struct row_key k = key_of(scope, key, 0);
    belay_pack_varint(r, bucket);
    belay_buf_put(r, k.bytes, 16);
    belay_pack_u8(r, number);
    belay_pack_u8(r, last);
    belay_buf_put_str(r, moved);
    return record_commit(b, RECORD_IDEM_FORGET, (struct cost){ r->n + 64, 2 }, true, err);
}

int apply_idem_forget(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t bucket = belay_unpack_varint(u);
    struct belay_str hash = belay_unpack_bytes(u, 16);
    uint8_t number = belay_unpack_u8(u), last = belay_unpack_u8(u);
    struct belay_str moved = belay_unpack_bytes(u, belay_unpack_left(u));
    struct row_key k = { .n = 17 };
    if (!belay_unpack_ok(u) || bucket >= BUCKETS)
        return BELAY_CORRUPT;
    memcpy(k.bytes, hash.p, 16);
    k.bytes[16] = number;
    if (last != number)
        belay_state_put(b->state, table_of((uint32_t)bucket), row_key_str(&k), moved);
    k.bytes[16] = last;
    b->absent_known = false;
    belay_state_del(b->state, table_of((uint32_t)bucket), row_key_str(&k));
    b->buckets[bucket].count--;
    b->dirty = true;
    return BELAY_OK;
}

int apply_idem_drop(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t bucket = belay_unpack_varint(u);
    if (!belay_unpack_ok(u) || bucket >= BUCKETS)
        return BELAY_CORRUPT;
    belay_state_drop(b->state, table_of((uint32_t)bucket));
    b->buckets[bucket].count = 0;
    b->dirty = true;
    return BELAY_OK;
}

void idempotency_tick(struct belay_broker *b)
{
    struct belay_err err;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        belay_time span = span_of(i / SLOTS);
        if (b->buckets[i].count && (belay_time)(b->buckets[i].epoch + 1) * span <= b->now
            && drop_bucket(b, i, &err) != BELAY_OK)
            return; /* no room now: a later tick */
    }
}
