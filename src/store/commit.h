/* commit.h - what one commit is in bytes: a header, records behind it, zeros to the next 4 KiB.
 *
 *   | header 64 | record header 16 | body | record header 16 | body | ... | 0 0 0 |
 *
 * The header has a CRC32C of its own, the records another one inside it, so "a commit was begun
 * here" and "all of it is here" are two questions.  It repeats the salt of its segment's incarnation,
 * has the commit's number, the header CRC of the commit before it, and the highest commit that was
 * known to be durable when it was written.
 * Bytes: docs/format/journal.md, records.md.  Uses: base.  Thread: any (plain values). */
#ifndef BELAY_STORE_COMMIT_H
#define BELAY_STORE_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "store/store.h"

#define COMMIT_HEADER_BYTES 64
#define RECORD_HEADER_BYTES 16
#define MESSAGE_HEADER_BYTES 20 /* topic, sequence, accepted_at before the encoded message */

enum { /* record types of the store itself */
    RECORD_MESSAGE = BELAY_RECORD_STORE + 1,
    RECORD_ARCHIVED = BELAY_RECORD_STORE + 2,
};

struct commit {
    uint64_t salt, number, durable_through;
    uint32_t previous;     /* header CRC of commit number - 1 */
    uint32_t length_bytes; /* header and records */
    uint32_t records;
    uint32_t crc;          /* of this header */
};

/* Writes the header before the length_bytes - COMMIT_HEADER_BYTES that are there; sets c->crc. */
void commit_seal(struct commit *c, uint8_t *p);
/* The header alone is intact: *ret_c filled. p: at least COMMIT_HEADER_BYTES. */
bool commit_header(const uint8_t *p, struct commit *ret_c);
/* The records are what the header (intact) says. p: length_bytes. */
bool commit_intact(const uint8_t *p, const struct commit *c);

/* Writes a record's header; returns where its body goes. */
uint8_t *commit_record_begin(uint8_t *p, uint16_t type, uint8_t version, uint32_t body_bytes);
/* Walks the records of an intact commit: start with *at = COMMIT_HEADER_BYTES and *status BELAY_OK.
 * False at the end; *status then says whether it was the end: BELAY_CORRUPT (the bytes make no
 * sense), BELAY_VERSION (a codec, a key or a tenant, which this version does not know). */
bool commit_record_next(const uint8_t *p, size_t length_bytes, size_t *at, struct belay_record *ret_record,
                 int *status);

struct message_record {
    uint32_t topic;
    uint64_t sequence;
    belay_time accepted_at;
    struct belay_str encoded;
};
void commit_message_begin(uint8_t *body, const struct message_record *m);
/* False where the body is too short. The view is into body. */
bool commit_message_of(struct belay_str body, struct message_record *ret_m);

#endif
