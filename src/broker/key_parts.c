#include "broker/key_parts.h"

#include "base/alloc.h"
#include "base/planted.h"
#include "broker/record.h"

#define KEY_BYTES 18
#define FILTER_ROW_BYTES 1024u
#define FILTER_ROWS (KEY_FILTER_BYTES / FILTER_ROW_BYTES)
#define FILTER_MARK 0xff /* instead of a run */
_Static_assert(BUCKETS <= 32, "buckets_open has a bit for each");
_Static_assert(KEY_FILTER_SLOTS <= BELAY_TABLE_PARTS && FILTER_ROWS <= 256, "a table a slot, a byte a row of its filter");

struct row_key part_row(struct place at, struct belay_hash128 h)
{
    struct row_key k = { .n = KEY_BYTES };
    k.bytes[0] = at.run;
    belay_store_be64(k.bytes + 1, h.hi);
    belay_store_be64(k.bytes + 9, h.lo);
    k.bytes[17] = at.number;
    return k;
}

static struct row_key filter_row(uint32_t i)
{
    return (struct row_key){ .n = 2, .bytes = { FILTER_MARK, (uint8_t)i } };
}

/* ---- decide ---- */

/* Nobody uses it, its table is empty and its bits are clear. */
static bool is_free(const struct belay_broker *b, uint32_t slot)
{
    bool none = b->parts[slot].state == PART_NONE || (BELAY_PLANTED(86) && b->parts[slot].state == PART_OVER);
    return none && key_filter_free(&b->filter, slot);
}

static uint32_t free_slot(const struct belay_broker *b, uint32_t *ret_count)
{
    uint32_t first = KEY_FILTER_SLOTS;
    *ret_count = 0;
    for (uint32_t slot = KEY_FILTER_SLOTS; slot-- > 0;)
        if (is_free(b, slot)) {
            first = slot;
            ++*ret_count;
        }
    return first;
}

uint32_t part_for(struct belay_broker *b, uint32_t bucket, bool *ret_closes)
{
    uint32_t open = b->buckets[bucket].open, count;
    *ret_closes = false;
    if (open && b->parts[open - 1].keys < b->part_keys)
        return open - 1;
    uint32_t slot = free_slot(b, &count);
    if (open && count <= BUCKETS) /* what is left is for buckets that have none */
        return open - 1;
    *ret_closes = open != 0;
    return slot;
}

int part_reserve(struct belay_broker *b, uint32_t bucket, uint32_t slot)
{
    struct bucket *at = &b->buckets[bucket];
    if (!at->bits)
        at->bits = belay_calloc(1, KEY_FILTER_BYTES);
    return at->bits ? key_filter_reserve(&b->filter, slot) : BELAY_NOMEM;
}

struct cost part_closing(void)
{
    return (struct cost){ KEY_FILTER_BYTES + FILTER_ROWS * 4, FILTER_ROWS };
}

struct cost idempotency_extra(const struct belay_broker *b)
{
    for (uint32_t left = b->buckets_open; left; left &= left - 1)
        if (b->parts[b->buckets[__builtin_ctz(left)].open - 1].keys + 1 >= b->part_keys)
            return part_closing();
    return (struct cost){ 0 };
}

/* One a checkpoint, unless slots run out. */
uint32_t part_to_drop(const struct belay_broker *b)
{
    uint32_t first = KEY_FILTER_SLOTS, none = 0;
    if (!b->parts_over)
        return KEY_FILTER_SLOTS;
    for (uint32_t slot = KEY_FILTER_SLOTS; slot-- > 0;) {
        none += b->parts[slot].state == PART_NONE;
        if (b->parts[slot].state == PART_OVER)
            first = slot;
    }
    return b->part_dropped && none > 2 * BUCKETS ? KEY_FILTER_SLOTS : first;
}

/* ---- apply ---- */

/* slot_1: of the part that takes keys, plus 1; 0: none. */
static void set_open(struct belay_broker *b, uint32_t bucket, uint32_t slot_1)
{
    uint32_t bit = UINT32_C(1) << bucket;
    b->buckets[bucket].open = slot_1;
    b->buckets_open = slot_1 ? b->buckets_open | bit : b->buckets_open & ~bit;
}

/* It is full: its bits become rows, and the bucket's are empty again. */
static void close_part(struct belay_broker *b, struct bucket *at)
{
    BELAY_ASSERT(at->open && at->bits);
    uint32_t slot = at->open - 1;
    struct key_part *part = &b->parts[slot];
    BELAY_ASSERT(part->state == PART_OPEN);
    for (uint32_t i = 0; i < FILTER_ROWS; i++) {
        struct row_key k = filter_row(i);
        belay_state_put(b->state, part_table(slot), row_key_str(&k),
                        belay_str((const char *)at->bits + (size_t)i * FILTER_ROW_BYTES, FILTER_ROW_BYTES));
    }
    memset(at->bits, 0, KEY_FILTER_BYTES);
    part->state = PART_FULL;
    set_open(b, part->bucket, 0);
}

void open_part(struct belay_broker *b, uint32_t bucket, uint32_t slot)
{
    struct bucket *at = &b->buckets[bucket];
    if (at->open)
        close_part(b, at);
    key_filter_use(&b->filter, slot);
    b->parts[slot] = (struct key_part){ .state = PART_OPEN, .bucket = (uint8_t)bucket };
    set_open(b, bucket, slot + 1);
}

/* A record of a later run was written behind a checkpoint that began it. */
void part_takes(struct belay_broker *b, uint32_t slot, struct place at, struct belay_hash128 h, bool one_more)
{
    struct key_part *part = &b->parts[slot];
    BELAY_ASSERT(part->state == PART_OPEN);
    if (at.run > part->run) {
        part->run = at.run;
        part->run_keys = 0;
    }
    part->keys += one_more;
    part->run_keys += one_more;
    if (BELAY_PLANTED(64))
        return;
    key_filter_add(&b->filter, slot, h);
    key_bits_add(b->buckets[part->bucket].bits, h);
}

void parts_over(struct belay_broker *b, uint32_t bucket)
{
    struct bucket *at = &b->buckets[bucket];
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        struct key_part *part = &b->parts[slot];
        if (part_live(part) && part->bucket == bucket) {
            key_filter_drop(&b->filter, slot);
            *part = (struct key_part){ .state = PART_OVER };
            b->parts_over++;
        }
    }
    belay_free(at->bits);
    at->bits = NULL;
    set_open(b, bucket, 0);
}

int part_gone(struct belay_broker *b, uint64_t slot)
{
    if (slot >= KEY_FILTER_SLOTS || (b->parts[slot].state != PART_OVER && !BELAY_PLANTED(86)))
        return BELAY_CORRUPT;
    belay_state_drop(b->state, part_table((uint32_t)slot));
    b->parts[slot] = (struct key_part){ 0 };
    b->parts_over--;
    b->part_dropped = true;
    return BELAY_OK;
}

/* ---- row 0 ---- */

/* What comes behind this checkpoint lies behind what it writes, where that is worth a run. */
void parts_begin_runs(struct belay_broker *b)
{
    uint32_t worth = b->part_keys / PART_RUNS_MAX + 1;
    for (uint32_t left = b->buckets_open; left; left &= left - 1) {
        struct key_part *part = &b->parts[b->buckets[__builtin_ctz(left)].open - 1];
        if (part->run_keys >= worth && part->run + 1 < PART_RUNS_MAX) {
            part->run++;
            part->run_keys = 0;
        }
    }
    b->part_dropped = false;
}

void parts_pack(const struct belay_broker *b, struct belay_buf *out)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++)
        count += b->parts[slot].state != PART_NONE;
    belay_pack_varint(out, count);
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        const struct key_part *part = &b->parts[slot];
        if (part->state == PART_NONE)
            continue;
        belay_pack_varint(out, slot);
        belay_pack_u8(out, part->state);
        belay_pack_u8(out, part->bucket);
        belay_pack_varint(out, part->keys);
        belay_pack_u8(out, part->run);
        belay_pack_varint(out, part->run_keys);
    }
}

static int part_unpack(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t slot = belay_unpack_varint(u);
    struct key_part part = { .state = belay_unpack_u8(u), .bucket = belay_unpack_u8(u) };
    part.keys = (uint32_t)belay_unpack_varint(u);
    part.run = belay_unpack_u8(u);
    part.run_keys = (uint32_t)belay_unpack_varint(u);
    if (!belay_unpack_ok(u) || part.run >= PART_RUNS_MAX || slot >= KEY_FILTER_SLOTS || part.bucket >= BUCKETS
        || part.state == PART_NONE || part.state > PART_OVER || b->parts[slot].state != PART_NONE
        || (part.state == PART_OPEN && b->buckets[part.bucket].open))
        return BELAY_CORRUPT;
    b->parts[slot] = part;
    if (part.state == PART_OVER) {
        b->parts_over++;
        return BELAY_OK;
    }
    if (part_reserve(b, part.bucket, (uint32_t)slot) != BELAY_OK)
        return BELAY_NOMEM;
    key_filter_use(&b->filter, (uint32_t)slot);
    if (part.state == PART_OPEN)
        set_open(b, part.bucket, (uint32_t)slot + 1);
    return BELAY_OK;
}

int parts_unpack(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t count = belay_unpack_varint(u);
    int status = BELAY_OK;
    for (uint64_t i = 0; i < count && status == BELAY_OK; i++)
        status = part_unpack(b, u);
    return status != BELAY_OK ? status : belay_unpack_ok(u) ? BELAY_OK : BELAY_CORRUPT;
}

/* Of a part that is not full its keys say what they are. */
static void load_keys(struct belay_broker *b, uint32_t slot)
{
    struct bucket *at = &b->buckets[b->parts[slot].bucket];
    struct row_key from = { 0 };
    struct belay_str key, value;
    while (rows_seek(b, part_table(slot), row_key_str(&from), true, BELAY_STR_NONE, &key, &value)) {
        from = row_key_of(key);
        if (key.n != KEY_BYTES)
            continue;
        struct belay_hash128 h = { belay_load_be64(key.p + 1), belay_load_be64(key.p + 9) };
        key_filter_add(&b->filter, slot, h);
        key_bits_add(at->bits, h);
    }
}

static int load_filter(struct belay_broker *b, uint32_t slot, struct belay_err *err)
{
    for (uint32_t i = 0; i < FILTER_ROWS; i++) {
        struct row_key k = filter_row(i);
        struct belay_str bits;
        if (!belay_state_get(b->state, part_table(slot), row_key_str(&k), &bits) || bits.n != FILTER_ROW_BYTES)
            return belay_fail(err, BELAY_CORRUPT, "row %u of the filter of the idempotency keys' part %u cannot be read",
                              (unsigned)i, (unsigned)slot);
        key_filter_take(&b->filter, slot, i * FILTER_ROW_BYTES, (const uint8_t *)bits.p, FILTER_ROW_BYTES);
    }
    return BELAY_OK;
}

int parts_load(struct belay_broker *b, struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS && status == BELAY_OK; slot++) {
        if (b->parts[slot].state == PART_OPEN)
            load_keys(b, slot);
        else if (b->parts[slot].state == PART_FULL)
            status = load_filter(b, slot, err);
    }
    return status;
}

void parts_free(struct belay_broker *b)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        belay_free(b->buckets[i].bits);
    key_filter_deinit(&b->filter);
}

int parts_check(const struct belay_broker *b, struct belay_err *err)
{
    uint32_t over = 0;
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        const struct key_part *part = &b->parts[slot];
        over += part->state == PART_OVER;
        if (part_live(part) != key_filter_live(&b->filter, slot))
            return belay_fail(err, BELAY_CORRUPT, "idempotency: part %u is in state %u, its filter is not", (unsigned)slot,
                              (unsigned)part->state);
        if (part->state == PART_OPEN && b->buckets[part->bucket].open != slot + 1)
            return belay_fail(err, BELAY_CORRUPT, "idempotency: bucket %u has two open parts", (unsigned)part->bucket);
    }
    if (over != b->parts_over)
        return belay_fail(err, BELAY_CORRUPT, "idempotency: %u parts are over, %u are counted", (unsigned)over,
                          (unsigned)b->parts_over);
    return BELAY_OK;
}
