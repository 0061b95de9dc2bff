/* rows.h - keys of the broker's tables (docs/format/broker-records.md).  Private to broker. */
#ifndef BELAY_BROKER_ROWS_H
#define BELAY_BROKER_ROWS_H

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "broker/broker.h"

/* A key of a table (rows.c). */
struct row_key {
    uint8_t bytes[40];
    size_t n;
};
static inline struct belay_str row_key_str(const struct row_key *k)
{
    return belay_str((const char *)k->bytes, k->n);
}
/* By value what rows_seek showed as a view: where a walk goes on. */
static inline struct row_key row_key_of(struct belay_str key)
{
    struct row_key k = { .n = key.n };
    BELAY_ASSERT(key.n && key.n <= sizeof k.bytes);
    memcpy(k.bytes, key.p, key.n);
    return k;
}

/* A lane's key by value: what is read from the state would not outlive the next put. */
struct key_text {
    uint16_t n;
    char bytes[BELAY_KEY_BYTES_MAX];
};
static inline struct belay_str key_text_str(const struct key_text *k)
{
    return belay_str(k->bytes, k->n);
}
static inline void key_text_set(struct key_text *k, struct belay_str s)
{
    k->n = (uint16_t)(s.n < sizeof k->bytes ? s.n : sizeof k->bytes);
    if (k->n)
        memcpy(k->bytes, s.p, k->n);
}

enum exception_part { PART_META, PART_PROGRESS, PART_HISTORY };
enum letter_part { LETTER_FACTS, LETTER_MESSAGE, LETTER_ORIGINAL, LETTER_PARTS };

struct row_key key_id(uint32_t id);
struct row_key key_exception(uint32_t sub, uint64_t sequence, enum exception_part part);
struct row_key key_history(uint32_t sub, uint64_t sequence, uint32_t number);
struct row_key key_letter(uint32_t sub, uint64_t sequence, enum letter_part part);
/* Of the letters' index (letter_facts.c). */
struct row_key key_by_group(uint64_t group, belay_time at, uint32_t sub, uint64_t sequence);
#define KEY_BY_KEY_TEXT 11 /* bytes of the key, zeros behind a shorter one */
#define KEY_BY_KEY_SUB (1 + KEY_BY_KEY_TEXT + 8)
struct row_key key_by_key(struct belay_str key, uint32_t sub, uint64_t sequence);
struct row_key key_by_time(uint32_t sub, belay_time at, uint64_t sequence);
#define KEY_BY_TIME_AT 5 /* bytes before the time */
struct row_key key_due(uint32_t sub, belay_time due, uint64_t sequence);
struct row_key key_lane(uint32_t sub, struct belay_hash128 lane);
struct row_key key_held(uint32_t sub, struct belay_hash128 lane, uint64_t first);

/* As belay_state_seek, but for rows that are none of the broker's, as the length of their key tells: whoever put them there,
 * they are passed over, and told once a table (unreadable.h). */
bool rows_seek(struct belay_broker *b, uint32_t table, struct belay_str from, bool after, struct belay_str prefix,
               struct belay_str *ret_key, struct belay_str *ret_value);
/* The tables of which such rows were met; 160 bytes hold them all. False: of none. */
bool rows_strangers(const struct belay_broker *b, char *ret_names, size_t n);

#endif
