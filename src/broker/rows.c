/* rows.c - keys of the broker's tables (docs/format/broker-records.md).  Numbers are big-endian, so
 * that the order of keys is the order of subscription, sequence, time. */
#include "broker/rows.h"

#include "base/pack.h"

static void put32(struct row_key *k, uint32_t v)
{
    belay_store_be32(k->bytes + k->n, v);
    k->n += 4;
}

static void put64(struct row_key *k, uint64_t v)
{
    belay_store_be64(k->bytes + k->n, v);
    k->n += 8;
}

struct row_key key_id(uint32_t id)
{
    struct row_key k = { .n = 0 };
    put32(&k, id);
    return k;
}

static struct row_key key_part(uint32_t sub, uint64_t sequence, uint8_t part)
{
    struct row_key k = key_id(sub);
    put64(&k, sequence);
    k.bytes[k.n++] = part;
    return k;
}

struct row_key key_exception(uint32_t sub, uint64_t sequence, enum exception_part part)
{
    return key_part(sub, sequence, (uint8_t)part);
}

struct row_key key_history(uint32_t sub, uint64_t sequence, uint32_t number)
{
    struct row_key k = key_part(sub, sequence, PART_HISTORY);
    put32(&k, number);
    return k;
}

struct row_key key_letter(uint32_t sub, uint64_t sequence, enum letter_part part)
{
    return key_part(sub, sequence, (uint8_t)part);
}

struct row_key key_due(uint32_t sub, belay_time due, uint64_t sequence)
{
    struct row_key k = key_id(sub);
    put64(&k, (uint64_t)due);
    put64(&k, sequence);
    return k;
}

struct row_key key_lane(uint32_t sub, struct belay_hash128 lane)
{
    struct row_key k = key_id(sub);
    put64(&k, lane.hi);
    put64(&k, lane.lo);
    return k;
}

struct row_key key_held(uint32_t sub, struct belay_hash128 lane, uint64_t first)
{
    struct row_key k = key_lane(sub, lane);
    put64(&k, first);
    return k;
}
