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
 * A bucket whose epoch has passed is dropped: a record, and no work per key.
 *
 * A bucket's keys lie in parts of PART_KEYS, one behind the other: the row's key is the part's number, the hash of
 * (scope, key), and a number that tells keys with equal hashes apart.  So what is written lies within one part, however
 * many keys there are: random keys all over a bucket would make a checkpoint touch a page for each.  Which parts may
 * hold a key a filter in memory says (key_filter.h), usually none; scope and key are compared in full.  A part that is
 * full keeps its filter's bits in a row of its own, so that a start reads those and not the keys.
 */
#include "broker/idempotency.h"

#include "base/alloc.h"
#include "base/planted.h"
#include "broker/background.h"
#include "broker/record.h"

#define SLOTS 8
#define CLASSES (BUCKETS / SLOTS)
#define COLLISIONS_MAX 16
#define PARTS_FULL_MAX (KEY_FILTER_SLOTS - BUCKETS) /* beyond it parts are not closed: each bucket finds one */
#define KEY_BYTES 21
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

static struct belay_hash128 hash_of(struct belay_str scope, struct belay_str key)
{
    struct belay_str parts[] = { scope, key };
    return belay_hash128_parts(parts, 2);
}

static struct row_key key_of(uint32_t part, struct belay_hash128 h, uint8_t number)
{
    struct row_key k = { .n = KEY_BYTES };
    belay_store_be32(k.bytes, part);
    belay_store_be64(k.bytes + 4, h.hi);
    belay_store_be64(k.bytes + 12, h.lo);
    k.bytes[20] = number;
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
static bool find_in(struct belay_broker *b, const struct key_part *part, struct belay_hash128 h, struct belay_str scope,
                    struct belay_str key, uint8_t *ret_number, struct row *ret_row)
{
    for (uint8_t number = 0; number < COLLISIONS_MAX; number++) {
        struct row_key k = key_of(part->number, h, number);
        struct belay_str value;
        *ret_number = number;
        if (!belay_state_get(b->state, table_of(part->bucket), row_key_str(&k), &value))
            return false;
        if (decode(value, ret_row) && belay_str_eq(ret_row->scope, scope) && belay_str_eq(ret_row->key, key))
            return true;
    }
    *ret_number = COLLISIONS_MAX;
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
                 uint32_t *ret_slot, uint8_t *ret_number, struct row *ret_row)
{
    bool chained = false;
    if (known_absent(b, h))
        return false;
    for (uint32_t plane = 0; plane < KEY_FILTER_PLANES; plane++)
        for (uint64_t slots = key_filter_look(&b->filter, plane, h); slots; slots &= slots - 1) {
            *ret_slot = 64 * plane + (uint32_t)__builtin_ctzll(slots);
            if (find_in(b, &b->parts[*ret_slot], h, scope, key, ret_number, ret_row))
                return true;
            chained |= *ret_number > 0;
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
    uint8_t number;
    struct row row;
    if (find(b, hash_of(scope, key), scope, key, &slot, &number, &row) && row.expires_at > b->now
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

/* The open part of the bucket, or one to open; memory for what apply does with it. KEY_FILTER_SLOTS: none. */
static uint32_t part_for(struct belay_broker *b, uint32_t bucket, bool *ret_closes)
{
    const struct bucket *at = &b->buckets[bucket];
    bool full = at->open && b->parts[at->open - 1].keys >= b->part_keys
                && key_filter_live_count(&b->filter) < PARTS_FULL_MAX;
    uint32_t slot = at->open && !full ? at->open - 1 : key_filter_free_slot(&b->filter);
    if (full && slot == KEY_FILTER_SLOTS) { /* what died is still being cleared */
        full = false;
        slot = at->open - 1;
    }
    *ret_closes = full;
    return slot;
}

static int part_reserve(struct belay_broker *b, uint32_t bucket, uint32_t slot)
{
    struct bucket *at = &b->buckets[bucket];
    if (!at->bits)
        at->bits = belay_calloc(1, KEY_FILTER_BYTES);
    return at->bits ? key_filter_reserve(&b->filter, slot) : BELAY_NOMEM;
}

/* bucket | epoch | slot | part | number | old slot, SLOTS: none | old number | incarnation | hash | the row */
static int put(struct belay_broker *b, struct belay_str scope, struct belay_str key, const struct row *fresh,
               uint64_t window_ms, struct belay_err *err)
{
    uint64_t longest = (uint64_t)(window_max[CLASSES - 1] / BELAY_US_PER_MS), epoch;
    struct belay_hash128 h = hash_of(scope, key);
    uint32_t old_slot = KEY_FILTER_SLOTS;
    uint8_t number = 0, old_number = 0;
    struct row old;
    bool closes;
    if (window_ms > longest)
        window_ms = longest;
    belay_time expires_at = belay_time_add_ms(b->now, (int64_t)window_ms);
    uint32_t bucket = bucket_of(expires_at, window_ms, &epoch);
    if (!find(b, h, scope, key, &old_slot, &old_number, &old))
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
    if (slot == old_slot)
        number = old_number;
    else if (!opens && !known_absent(b, h))
        (void)find_in(b, &b->parts[slot], h, scope, key, &number, &old);
    if (number == COLLISIONS_MAX)
        return belay_fail(err, BELAY_LIMIT, "too many idempotency keys with one hash");
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, bucket);
    belay_pack_varint(r, epoch);
    belay_pack_varint(r, slot);
    belay_pack_varint(r, opens ? b->part_last + 1 : b->parts[slot].number);
    belay_pack_u8(r, number);
    belay_pack_varint(r, old_slot);
    belay_pack_u8(r, old_number);
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
    struct cost cost = { r->n + 128 + (closes ? KEY_FILTER_BYTES + 64 : 0), closes ? 4 : 3 };
    return record_commit(b, RECORD_IDEM_PUT, cost, true, err);
}

/* It is full: its bits become a row, and the bucket's are empty again. */
static void close_part(struct belay_broker *b, struct bucket *at)
{
    struct key_part *part = &b->parts[at->open - 1];
    struct row_key k = { .n = 4 };
    belay_store_be32(k.bytes, part->number);
    belay_state_put(b->state, table_of(part->bucket), row_key_str(&k),
                    belay_str((const char *)at->bits, KEY_FILTER_BYTES));
    memset(at->bits, 0, KEY_FILTER_BYTES);
    part->full = true;
    at->open = 0;
}

static void open_part(struct belay_broker *b, uint32_t bucket, uint32_t slot, uint32_t number)
{
    struct bucket *at = &b->buckets[bucket];
    if (at->open)
        close_part(b, at);
    key_filter_use(&b->filter, slot);
    b->parts[slot] = (struct key_part){ .number = number, .bucket = (uint8_t)bucket };
    b->part_last = number;
    at->open = slot + 1;
}

static void key_out(struct belay_broker *b, uint32_t slot, struct belay_hash128 h, uint8_t number)
{
    const struct key_part *part = &b->parts[slot];
    struct row_key k = key_of(part->number, h, number);
    belay_state_del(b->state, table_of(part->bucket), row_key_str(&k));
    b->buckets[part->bucket].count--;
}

int apply_idem_put(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t bucket = belay_unpack_varint(u), epoch = belay_unpack_varint(u), slot = belay_unpack_varint(u);
    uint32_t part = (uint32_t)belay_unpack_varint(u);
    uint8_t number = belay_unpack_u8(u);
    uint64_t old_slot = belay_unpack_varint(u);
    uint8_t old_number = belay_unpack_u8(u);
    uint64_t incarnation = belay_unpack_varint(u);
    struct belay_hash128 h = unpack_hash(u);
    struct belay_str value = belay_unpack_bytes(u, belay_unpack_left(u));
    if (!belay_unpack_ok(u) || bucket >= BUCKETS || slot >= KEY_FILTER_SLOTS || old_slot > KEY_FILTER_SLOTS)
        return BELAY_CORRUPT;
    if (part_reserve(b, (uint32_t)bucket, (uint32_t)slot) != BELAY_OK)
        return BELAY_NOMEM;
    struct bucket *at = &b->buckets[bucket];
    if (at->open != slot + 1)
        open_part(b, (uint32_t)bucket, (uint32_t)slot, part);
    if (old_slot < KEY_FILTER_SLOTS && old_slot != slot)
        key_out(b, (uint32_t)old_slot, h, old_number);
    struct row_key k = key_of(part, h, number);
    b->absent_known = false;
    belay_state_put(b->state, table_of((uint32_t)bucket), row_key_str(&k), value);
    if (!BELAY_PLANTED(64)) {
        key_filter_add(&b->filter, (uint32_t)slot, h);
        key_bits_add(at->bits, h);
    }
    at->epoch = epoch;
    at->count += old_slot != slot;
    b->parts[slot].keys += old_slot != slot;
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
    struct belay_hash128 h = hash_of(scope, key);
    uint32_t slot;
    uint8_t number, last;
    struct row row;
    struct belay_str value, moved = BELAY_STR_NONE;
    if (!find(b, h, scope, key, &slot, &number, &row))
        return BELAY_OK;
    const struct key_part *part = &b->parts[slot];
    for (last = number; last + 1 < COLLISIONS_MAX; last++) {
        struct row_key next = key_of(part->number, h, (uint8_t)(last + 1));
        if (!belay_state_get(b->state, table_of(part->bucket), row_key_str(&next), &value))
            break;
        moved = value;
    }
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, slot);
    pack_hash(r, h);
    belay_pack_u8(r, number);
    belay_pack_u8(r, last);
    belay_buf_put_str(r, moved);
    return record_commit(b, RECORD_IDEM_FORGET, (struct cost){ r->n + 64, 2 }, true, err);
}

int apply_idem_forget(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t slot = belay_unpack_varint(u);
    struct belay_hash128 h = unpack_hash(u);
    uint8_t number = belay_unpack_u8(u), last = belay_unpack_u8(u);
    struct belay_str moved = belay_unpack_bytes(u, belay_unpack_left(u));
    if (!belay_unpack_ok(u) || slot >= KEY_FILTER_SLOTS)
        return BELAY_CORRUPT;
    const struct key_part *part = &b->parts[slot];
    struct row_key k = key_of(part->number, h, number);
    if (last != number)
        belay_state_put(b->state, table_of(part->bucket), row_key_str(&k), moved);
    b->absent_known = false;
    key_out(b, (uint32_t)slot, h, last);
    b->dirty = true;
    return BELAY_OK;
}

int apply_idem_drop(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t bucket = belay_unpack_varint(u);
    if (!belay_unpack_ok(u) || bucket >= BUCKETS)
        return BELAY_CORRUPT;
    struct bucket *at = &b->buckets[bucket];
    belay_state_drop(b->state, table_of((uint32_t)bucket));
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++)
        if (b->parts[slot].number && b->parts[slot].bucket == bucket) {
            key_filter_drop(&b->filter, slot);
            b->parts[slot] = (struct key_part){ 0 };
        }
    belay_free(at->bits);
    at->bits = NULL;
    at->count = 0;
    at->open = 0;
    b->absent_known = false;
    b->dirty = true;
    return BELAY_OK;
}

void idempotency_tick(struct belay_broker *b)
{
    struct belay_err err;
    (void)key_filter_tick(&b->filter);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        belay_time span = span_of(i / SLOTS);
        if (b->buckets[i].count && (belay_time)(b->buckets[i].epoch + 1) * span <= b->now
            && drop_bucket(b, i, &err) != BELAY_OK)
            return; /* no room now: a later tick */
    }
}

size_t idempotency_extra(const struct belay_broker *b)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        if (b->buckets[i].open && b->parts[b->buckets[i].open - 1].keys + 1 >= b->part_keys)
            return KEY_FILTER_BYTES + 128;
    return 0;
}

/* ---- the parts, in row 0 ---- */

void parts_pack(const struct belay_broker *b, struct belay_buf *out)
{
    belay_pack_varint(out, b->part_last);
    belay_pack_varint(out, key_filter_live_count(&b->filter));
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        const struct key_part *part = &b->parts[slot];
        if (!part->number)
            continue;
        belay_pack_varint(out, slot);
        belay_pack_varint(out, part->number);
        belay_pack_u8(out, part->bucket);
        belay_pack_u8(out, part->full);
        belay_pack_varint(out, part->keys);
    }
}

int parts_unpack(struct belay_broker *b, struct belay_unpack *u)
{
    b->part_last = (uint32_t)belay_unpack_varint(u);
    uint64_t count = belay_unpack_varint(u);
    for (uint64_t i = 0; i < count && belay_unpack_ok(u); i++) {
        uint64_t slot = belay_unpack_varint(u);
        struct key_part part = { .number = (uint32_t)belay_unpack_varint(u), .bucket = belay_unpack_u8(u) };
        part.full = belay_unpack_u8(u);
        part.keys = (uint32_t)belay_unpack_varint(u);
        if (!belay_unpack_ok(u) || slot >= KEY_FILTER_SLOTS || part.bucket >= BUCKETS || !part.number
            || b->parts[slot].number)
            return BELAY_CORRUPT;
        if (part_reserve(b, part.bucket, (uint32_t)slot) != BELAY_OK)
            return BELAY_NOMEM;
        b->parts[slot] = part;
        key_filter_use(&b->filter, (uint32_t)slot);
    }
    return belay_unpack_ok(u) ? BELAY_OK : BELAY_CORRUPT;
}

/* Of a part that is not full its keys say what they are. */
static void load_keys(struct belay_broker *b, uint32_t slot)
{
    const struct key_part *part = &b->parts[slot];
    struct bucket *at = &b->buckets[part->bucket];
    struct row_key prefix = { .n = 4 }, from;
    struct belay_str key, value;
    belay_store_be32(prefix.bytes, part->number);
    from = prefix;
    while (belay_state_seek(b->state, table_of(part->bucket), row_key_str(&from), true, row_key_str(&prefix), &key,
                            &value)) {
        memcpy(from.bytes, key.p, key.n);
        from.n = key.n;
        if (key.n != KEY_BYTES)
            continue;
        struct belay_hash128 h = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        key_filter_add(&b->filter, slot, h);
        key_bits_add(at->bits, h);
    }
    at->open = slot + 1;
}

int parts_load(struct belay_broker *b)
{
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        const struct key_part *part = &b->parts[slot];
        struct row_key k = { .n = 4 };
        struct belay_str bits;
        if (!part->number)
            continue;
        belay_store_be32(k.bytes, part->number);
        if (!part->full)
            load_keys(b, slot);
        else if (!belay_state_get(b->state, table_of(part->bucket), row_key_str(&k), &bits) || bits.n != KEY_FILTER_BYTES)
            return BELAY_CORRUPT;
        else
            key_filter_take(&b->filter, slot, (const uint8_t *)bits.p);
    }
    return BELAY_OK;
}

void parts_free(struct belay_broker *b)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        belay_free(b->buckets[i].bits);
    key_filter_deinit(&b->filter);
}
