/* poison.h - what failed before: payloads by their hash, errors by their signature, counted over a window.
 *
 *   absent --first failure--> COUNTED --nth distinct message--> TRIPPED --success, clear--> absent
 *      ^                         `------------ the window is over ---------------'
 *
 * A row for each payload and for each signature of a subscription that failed lately (docs/format/broker-records.md,
 * table POISON).  A message counts once: its id is remembered with the row, of many the last IDS_KEPT.  The window
 * begins with the first failure; a tripped row is kept until nothing failed for a whole window.
 * Bounded: BELAY_POISON_ROWS_MAX rows; beyond it what is new is not counted.  Expired rows count as absent and are
 * swept a few a tick.
 *
 * Uses: store.  Thread: engine only.
 */
#ifndef BELAY_BROKER_POISON_H
#define BELAY_BROKER_POISON_H

#include "broker/broker.h"

/* On the disk: a kind keeps its number. */
enum belay_poison_kind { BELAY_POISON_PAYLOAD = 1, BELAY_POISON_SIGNATURE, BELAY_POISON_REQUEST };

struct belay_poison_key {
    enum belay_poison_kind kind;
    struct belay_hash128 hash; /* of the canonical payload, or hi 0 and lo the fingerprint; of a request likewise what it asks for */
    uint32_t sub;              /* 0: of a request */
};

struct belay_poison {
    struct belay_poison_key key;
    struct belay_str flow;     /* the subscription's name; "" of a request */
    uint32_t count;            /* distinct messages */
    belay_time first_at, last_at, expires_at;
    belay_time tripped_at;     /* 0: it has not */
    bool refused;              /* tripped, and whoever sends it is refused at the edge */
    uint64_t sequence;         /* of the message that failed last: its letter */
    struct belay_str sample;   /* what went wrong */
};

struct belay_poison_failure {
    struct belay_str id;       /* of the message */
    uint64_t sequence;
    struct belay_str sample;   /* at most BELAY_POISON_SAMPLE_BYTES_MAX are kept */
    uint32_t threshold;        /* trips with so many distinct messages */
    uint64_t window_ms;
    bool refuse;               /* when it trips */
};
/* A failure. *ret: what is known now; texts from arena; *ret_trips: it tripped just now. Errors: BELAY_LIMIT (too many
 * rows: not counted), BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int belay_poison_failed(struct belay_broker *b, const struct belay_poison_key *key,
                        const struct belay_poison_failure *failure, belay_time now, struct belay_arena *arena,
                        struct belay_poison *ret, bool *ret_trips, struct belay_err *err) BELAY_MUST_CHECK;
/* Nothing is held against it any more. Nothing happens where nothing was. Errors: as above. */
int belay_poison_clear(struct belay_broker *b, const struct belay_poison_key *key, struct belay_err *err) BELAY_MUST_CHECK;

/* Are there rows at all? */
bool belay_poison_any(const struct belay_broker *b);
/* False: absent, or expired. Texts from arena. */
bool belay_poison_get(struct belay_broker *b, const struct belay_poison_key *key, belay_time now,
                      struct belay_arena *arena, struct belay_poison *ret);
/* The next row after *key that has not expired, in order; *key all zero at first. False: none. */
bool belay_poison_next(struct belay_broker *b, struct belay_poison_key *key, belay_time now, struct belay_arena *arena,
                       struct belay_poison *ret);

/* ---- private to broker ---- */

/* Counts the rows there are; tells which cannot be read. */
void poison_load(struct belay_broker *b);
/* Rows whose window is over go, a bite. */
void poison_tick(struct belay_broker *b);

#endif
