#include "store/commit.h"

#include <string.h>

#include "base/assert.h"
#include "base/crc.h"
#include "base/limits.h"
#include "base/pack.h"

/* The header:
 *   0 u32 magic   4 u32 CRC32C of bytes 8..63   8 u64 salt   16 u64 number
 *  24 u64 durable_through   32 u32 previous   36 u32 CRC32C of the records
 *  40 u32 length   44 u32 count of records   48..63 zero */
#define MAGIC 0x43594c42u /* "BLYC" */

enum { AT_CRC = 4, AT_SALT = 8, AT_NUMBER = 16, AT_DURABLE = 24, AT_PREVIOUS = 32, AT_BODY_CRC = 36,
       AT_LENGTH = 40, AT_RECORDS = 44 };
/* Of a record: u32 length of the body, u16 type, u8 version, u8 codec, u32 key id, u32 tenant. */
enum { AT_TYPE = 4, AT_VERSION = 6, AT_CODEC = 7, AT_KEY = 8, AT_TENANT = 12 };

static uint32_t body_crc(const uint8_t *p, uint32_t length_bytes)
{
    return belay_crc32c(0, p + COMMIT_HEADER_BYTES, length_bytes - COMMIT_HEADER_BYTES);
}

void commit_seal(struct commit *c, uint8_t *p)
{
    BELAY_ASSERT(c->records && c->durable_through < c->number);
    BELAY_ASSERT(c->length_bytes > COMMIT_HEADER_BYTES && c->length_bytes <= BELAY_COMMIT_BYTES_MAX);
    memset(p, 0, COMMIT_HEADER_BYTES);
    belay_store_u32(p, MAGIC);
    belay_store_u64(p + AT_SALT, c->salt);
    belay_store_u64(p + AT_NUMBER, c->number);
    belay_store_u64(p + AT_DURABLE, c->durable_through);
    belay_store_u32(p + AT_PREVIOUS, c->previous);
    belay_store_u32(p + AT_BODY_CRC, body_crc(p, c->length_bytes));
    belay_store_u32(p + AT_LENGTH, c->length_bytes);
    belay_store_u32(p + AT_RECORDS, c->records);
    c->crc = belay_crc32c(0, p + AT_SALT, COMMIT_HEADER_BYTES - AT_SALT);
    belay_store_u32(p + AT_CRC, c->crc);
}

bool commit_header(const uint8_t *p, struct commit *ret_c)
{
    struct commit c = {
        .salt = belay_load_u64(p + AT_SALT),
        .number = belay_load_u64(p + AT_NUMBER),
        .durable_through = belay_load_u64(p + AT_DURABLE),
        .previous = belay_load_u32(p + AT_PREVIOUS),
        .length_bytes = belay_load_u32(p + AT_LENGTH),
        .records = belay_load_u32(p + AT_RECORDS),
        .crc = belay_load_u32(p + AT_CRC),
    };
    if (belay_load_u32(p) != MAGIC
        || c.crc != belay_crc32c(0, p + AT_SALT, COMMIT_HEADER_BYTES - AT_SALT)
        || c.length_bytes < COMMIT_HEADER_BYTES || c.length_bytes > BELAY_COMMIT_BYTES_MAX
        || c.durable_through >= c.number)
        return false;
    *ret_c = c;
    return true;
}

bool commit_intact(const uint8_t *p, const struct commit *c)
{
    return belay_load_u32(p + AT_BODY_CRC) == body_crc(p, c->length_bytes);
}

uint8_t *commit_record_begin(uint8_t *p, uint16_t type, uint8_t version, uint32_t body_bytes)
{
    belay_store_u32(p, body_bytes);
    belay_store_u16(p + AT_TYPE, type);
    p[AT_VERSION] = version;
    p[AT_CODEC] = 0;
    belay_store_u64(p + AT_KEY, 0); /* and the tenant */
    return p + RECORD_HEADER_BYTES;
}

bool commit_record_next(const uint8_t *p, size_t length_bytes, size_t *at, struct belay_record *ret_record,
                 int *status)
{
    size_t left = length_bytes - *at;
    if (left == 0)
        return false;
    const uint8_t *r = p + *at;
    if (left < RECORD_HEADER_BYTES || belay_load_u32(r) > left - RECORD_HEADER_BYTES) {
        *status = BELAY_CORRUPT;
        return false;
    }
    if (r[AT_CODEC] != 0 || belay_load_u32(r + AT_KEY) != 0 || belay_load_u32(r + AT_TENANT) != 0) {
        *status = BELAY_VERSION;
        return false;
    }
    uint32_t body_bytes = belay_load_u32(r);
    ret_record->type = belay_load_u16(r + AT_TYPE);
    ret_record->version = r[AT_VERSION];
    ret_record->body = belay_str((const char *)r + RECORD_HEADER_BYTES, body_bytes);
    *at += RECORD_HEADER_BYTES + body_bytes;
    return true;
}

void commit_message_begin(uint8_t *body, const struct message_record *m)
{
    belay_store_u32(body, m->topic);
    belay_store_u64(body + 4, m->sequence);
    belay_store_u64(body + 12, (uint64_t)m->accepted_at);
}

bool commit_message_of(struct belay_str body, struct message_record *ret_m)
{
    if (body.n < MESSAGE_HEADER_BYTES)
        return false;
    ret_m->topic = belay_load_u32(body.p);
    ret_m->sequence = belay_load_u64(body.p + 4);
    ret_m->accepted_at = (belay_time)belay_load_u64(body.p + 12);
    ret_m->encoded = belay_str(body.p + MESSAGE_HEADER_BYTES, body.n - MESSAGE_HEADER_BYTES);
    return true;
}
