/* poison.c - what failed before, in rows that expire.  poison.h says when a row is there and what it says.
 *
 * The record carries the whole row: apply only puts it.  That an expired row goes is no record: whether it is there
 * changes no answer. */
#include "broker/poison.h"

#include "base/planted.h"
#include "broker/record.h"
#include "broker/unreadable.h"

#define KEY_BYTES 21 /* kind, hash, subscription */
#define IDS_KEPT 16
#define SWEEP_BITE 32
#define SWEEP_EVERY_US BELAY_US_PER_S

struct row {
    uint32_t count;
    belay_time first_at, last_at, expires_at, tripped_at;
    bool refused;
    uint64_t sequence;
    uint8_t id_count, id_next;
    uint64_t ids[IDS_KEPT]; /* hashes; a ring */
    struct belay_str sample;
};

static struct row_key key_of(const struct belay_poison_key *key)
{
    struct row_key k = { .bytes = { (uint8_t)key->kind }, .n = KEY_BYTES };
    belay_store_be64(k.bytes + 1, key->hash.hi);
    belay_store_be64(k.bytes + 9, key->hash.lo);
    belay_store_be32(k.bytes + 17, key->sub);
    return k;
}

static struct belay_poison_key key_take(struct belay_str s)
{
    BELAY_ASSERT(s.n == KEY_BYTES);
    return (struct belay_poison_key){ .kind = (enum belay_poison_kind)s.p[0],
                                      .hash = { belay_load_be64(s.p + 1), belay_load_be64(s.p + 9) },
                                      .sub = belay_load_be32(s.p + 17) };
}

static void encode(struct belay_buf *out, const struct row *r)
{
    belay_pack_u8(out, ROW_VERSION);
    belay_pack_varint(out, r->count);
    belay_pack_svarint(out, r->first_at);
    belay_pack_svarint(out, r->last_at);
    belay_pack_svarint(out, r->expires_at);
    belay_pack_svarint(out, r->tripped_at);
    belay_pack_u8(out, r->refused);
    belay_pack_varint(out, r->sequence);
    belay_pack_u8(out, r->id_count);
    belay_pack_u8(out, r->id_next);
    for (uint32_t i = 0; i < r->id_count; i++)
        belay_pack_u64(out, r->ids[i]);
    belay_pack_str(out, r->sample);
}

static bool decode(struct belay_str value, struct row *ret_row)
{
    struct belay_unpack u = belay_unpack_init(value);
    if (belay_unpack_u8(&u) != ROW_VERSION)
        return false;
    struct row r = { .count = (uint32_t)belay_unpack_varint(&u) };
    r.first_at = belay_unpack_svarint(&u);
    r.last_at = belay_unpack_svarint(&u);
    r.expires_at = belay_unpack_svarint(&u);
    r.tripped_at = belay_unpack_svarint(&u);
    r.refused = belay_unpack_u8(&u);
    r.sequence = belay_unpack_varint(&u);
    r.id_count = belay_unpack_u8(&u);
    r.id_next = belay_unpack_u8(&u);
    if (r.id_count > IDS_KEPT || r.id_next >= IDS_KEPT)
        return false;
    for (uint32_t i = 0; i < r.id_count; i++)
        r.ids[i] = belay_unpack_u64(&u);
    r.sample = belay_unpack_str(&u);
    if (!belay_unpack_done(&u))
        return false;
    *ret_row = r;
    return true;
}

/* False: absent or expired. Views of the state. */
static bool get(struct belay_broker *b, const struct belay_poison_key *key, struct row *ret_row)
{
    struct row_key k = key_of(key);
    struct belay_str value;
    return b->poison_count && belay_state_get(b->state, BELAY_TABLE_POISON, row_key_str(&k), &value)
           && decode(value, ret_row) && ret_row->expires_at > b->now;
}

/* ---- counting ---- */

/* True: it had not failed before. */
static bool add_id(struct row *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->id_count; i++)
        if (r->ids[i] == id)
            return false;
    r->ids[r->id_next] = id;
    r->id_next = (r->id_next + 1) % IDS_KEPT;
    r->id_count += r->id_count < IDS_KEPT;
    return true;
}

static int show(struct belay_broker *b, const struct belay_poison_key *key, const struct row *r,
                struct belay_arena *arena, struct belay_poison *ret)
{
    struct belay_subscription *sub = belay_broker_find_id(b, key->sub);
    struct belay_str flow = sub ? sub->name : key->kind == BELAY_POISON_REQUEST ? BELAY_STR("") : BELAY_STR("?");
    *ret = (struct belay_poison){ .key = *key, .count = r->count, .first_at = r->first_at, .last_at = r->last_at,
                                  .expires_at = r->expires_at, .tripped_at = r->tripped_at, .refused = r->refused,
                                  .sequence = r->sequence, .flow = belay_arena_str(arena, flow),
                                  .sample = belay_arena_str(arena, r->sample) };
    return ret->flow.p && ret->sample.p ? BELAY_OK : BELAY_NOMEM;
}

static int commit(struct belay_broker *b, const struct belay_poison_key *key, const struct row *r, struct belay_err *err)
{
    struct belay_buf *out = record_begin(b);
    struct row_key k = key_of(key);
    belay_buf_put(out, k.bytes, k.n);
    if (r)
        encode(out, r);
    return record_commit(b, RECORD_POISON, (struct cost){ out->n + 64, 1 }, true, err);
}

int belay_poison_failed(struct belay_broker *b, const struct belay_poison_key *key,
                        const struct belay_poison_failure *f, belay_time now, struct belay_arena *arena,
                        struct belay_poison *ret, bool *ret_trips, struct belay_err *err)
{
    char sample[BELAY_POISON_SAMPLE_BYTES_MAX];
    struct row r;
    broker_advance(b, now);
    bool known = get(b, key, &r);
    if (!known && b->poison_count >= BELAY_POISON_ROWS_MAX)
        return belay_fail(err, BELAY_LIMIT, "too many payloads and errors are being counted");
    if (!known)
        r = (struct row){ .first_at = b->now };
    bool trips = false;
    if (add_id(&r, belay_hash64(f->id)) || BELAY_PLANTED(63))
        r.count++;
    if (!r.tripped_at && r.count >= f->threshold) {
        trips = true;
        r.tripped_at = b->now;
        r.refused = f->refuse;
    }
    r.last_at = b->now;
    r.expires_at = belay_time_add_ms(r.tripped_at ? b->now : r.first_at, (int64_t)f->window_ms);
    r.sequence = f->sequence;
    size_t n = f->sample.n < sizeof sample ? f->sample.n : sizeof sample; /* r.sample may be a view of the state */
    if (n)
        memcpy(sample, f->sample.p, n);
    r.sample = belay_str(sample, n);
    int status = commit(b, key, &r, err);
    if (status == BELAY_OK)
        status = show(b, key, &r, arena, ret);
    if (status == BELAY_OK)
        *ret_trips = trips;
    return status;
}

int belay_poison_clear(struct belay_broker *b, const struct belay_poison_key *key, struct belay_err *err)
{
    struct row r;
    return get(b, key, &r) ? commit(b, key, NULL, err) : BELAY_OK;
}

int apply_poison(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_str key = belay_unpack_bytes(u, KEY_BYTES);
    struct belay_str value = belay_unpack_bytes(u, belay_unpack_left(u)), old;
    struct row r;
    if (!belay_unpack_ok(u) || (value.n && !decode(value, &r)))
        return BELAY_CORRUPT;
    bool there = belay_state_get(b->state, BELAY_TABLE_POISON, key, &old);
    if (value.n) {
        belay_state_put(b->state, BELAY_TABLE_POISON, key, value);
        b->poison_count += !there;
    } else if (there) {
        BELAY_ASSERT(b->poison_count);
        belay_state_del(b->state, BELAY_TABLE_POISON, key);
        b->poison_count--;
    }
    return BELAY_OK;
}

/* ---- looking ---- */

bool belay_poison_any(const struct belay_broker *b)
{
    return b->poison_count > 0;
}

bool belay_poison_get(struct belay_broker *b, const struct belay_poison_key *key, belay_time now,
                      struct belay_arena *arena, struct belay_poison *ret)
{
    struct row r;
    broker_advance(b, now);
    return get(b, key, &r) && show(b, key, &r, arena, ret) == BELAY_OK;
}

static const char *kind_name(uint8_t kind)
{
    switch (kind) {
    case BELAY_POISON_PAYLOAD: return "payload";
    case BELAY_POISON_SIGNATURE: return "signature";
    case BELAY_POISON_REQUEST: return "request";
    default: return NULL;
    }
}

/* The row behind k. False: none. */
static bool next_row(struct belay_broker *b, struct row_key *k, struct row *ret_row)
{
    const struct row_key all = { .n = 0 };
    struct belay_str key, value;
    if (!rows_seek(b, BELAY_TABLE_POISON, row_key_str(k), true, row_key_str(&all), &key, &value))
        return false;
    *k = row_key_of(key);
    if (!kind_name(k->bytes[0]) || !decode(value, ret_row))
        *ret_row = (struct row){ 0 }; /* cannot be read: as one that is over */
    return true;
}

bool belay_poison_next(struct belay_broker *b, struct belay_poison_key *key, belay_time now, struct belay_arena *arena,
                       struct belay_poison *ret)
{
    struct row_key k = key_of(key);
    struct row r;
    broker_advance(b, now);
    while (b->poison_count && next_row(b, &k, &r)) {
        if (r.expires_at <= b->now)
            continue;
        *key = key_take(row_key_str(&k));
        return show(b, key, &r, arena, ret) == BELAY_OK;
    }
    return false;
}

/* ---- expiry ---- */

/* Of what was counted by it nothing is known any more: it may fail as often again before somebody is told. */
static void tell_unreadable(struct belay_broker *b, const struct row_key *k)
{
    struct belay_subscription *sub = belay_broker_find_id(b, belay_load_be32(k->bytes + 17));
    const char *kind = kind_name(k->bytes[0]);
    if (k->bytes[0] == BELAY_POISON_REQUEST)
        unreadable_found(b, "the count of a request that the process did not survive: it begins anew");
    else
        unreadable_found(b, "the count of %s%s that failed in %.*s: it begins anew", kind ? "a " : "",
                         kind ? kind : "something unknown", BELAY_STR_ARG(sub ? sub->name : BELAY_STR("an unknown flow")));
}

void poison_load(struct belay_broker *b)
{
    struct row_key k = { .n = 0 };
    struct row r;
    while (next_row(b, &k, &r)) {
        b->poison_count++;
        if (!r.count)
            tell_unreadable(b, &k);
    }
}

void poison_tick(struct belay_broker *b)
{
    struct belay_err err;
    struct row r;
    if (!b->poison_count || b->now < b->poison_at
        || belay_state_reserve(b->state, SWEEP_BITE * 64, SWEEP_BITE, &err) != BELAY_OK)
        return;
    b->poison_at = b->now + SWEEP_EVERY_US;
    for (uint32_t i = 0; i < SWEEP_BITE; i++) {
        if (!next_row(b, &b->poison_swept, &r)) {
            b->poison_swept.n = 0;
            return;
        }
        if (r.expires_at > b->now)
            continue;
        belay_state_del(b->state, BELAY_TABLE_POISON, row_key_str(&b->poison_swept));
        b->poison_count--;
    }
    b->poison_at = b->now; /* there may be more at once */
}
