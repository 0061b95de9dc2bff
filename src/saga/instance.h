/* instance.h - one saga while it is in memory, and its row.  Uses: base, machine.h.
 *
 * An instance is in memory while there is work for it; otherwise it is its row in the SAGA table.
 * What it holds in bytes lies in three buffers: `data` (id, start message, results, names of
 * topics), `log` (its history, in short entries) and `fault` (why it failed or was parked).  The
 * row is a header and these three (docs/format/saga-records.md).
 */
#ifndef BELAY_SAGA_INSTANCE_H
#define BELAY_SAGA_INSTANCE_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/pack.h"
#include "base/time.h"
#include "saga/machine.h"

/* Table keys: part, number of the saga's kind, id (long ids: their start and a hash). */
#define KEY_PART_KIND 0
#define KEY_PART_INSTANCE 1
#define KEY_ID_BYTES_MAX 240
#define KEY_BYTES_MAX (5 + KEY_ID_BYTES_MAX)

struct saga_key {
    uint16_t n;
    char bytes[KEY_BYTES_MAX];
};
void saga_key_init(struct saga_key *key, uint32_t kind, struct belay_str id);
static inline struct belay_str saga_key_str(const struct saga_key *key)
{
    return belay_str(key->bytes, key->n);
}

struct range { /* of an instance's data */
    uint32_t at, n;
};

/* Flags of a step. */
#define STEP_MAYBE 0x01     /* an earlier attempt may have had its effect */
#define STEP_PUBLISHED 0x02 /* topic and sequence (or due and number) name the message */
#define STEP_DELAYED 0x04   /* it was scheduled: due and number */
#define STEP_CANCELLED 0x08 /* the message was taken back, or nothing is left to take back */
#define STEP_HAPPENED 0x10  /* somebody handled the message, or began to */

struct saga_step {
    uint8_t state; /* enum saga_step_state */
    uint8_t flags;
    uint32_t attempts; /* of the call or publish forwards */
    struct range result;
    struct range topic;
    uint64_t sequence; /* DELAYED: the schedule's number */
    belay_time due;    /* DELAYED */
};

enum flight { FLIGHT_NONE, FLIGHT_DO, FLIGHT_RESOLVE, FLIGHT_UNDO };

/* Flags of an instance. */
#define SAGA_ABORTING 0x01 /* a person said so, perhaps while a call was in flight */
#define SAGA_SUSPECTED 0x02 /* it was at work when the process died, and had no answer since */
#define SAGA_DEATH 0x04     /* the rest: how often the process died while it alone was at work */
#define SAGA_DEATHS_MAX 63u
#define SAGA_DEATHS(flags) ((uint32_t)(flags) / SAGA_DEATH)

struct saga_kind;

struct saga {
    struct saga_key key;
    struct saga_kind *kind;
    uint8_t state;       /* enum saga_state */
    uint8_t parked_from; /* PARKED: RUNNING or COMPENSATING */
    uint8_t flags;
    uint8_t at; /* the step it is at, forwards or backwards; step_count: none */
    uint8_t step_count;
    uint32_t attempt;    /* of resolving or undoing the step it is at */
    uint64_t delay_ms;   /* the last one, for decorrelated jitter */
    belay_time first_at; /* of the first attempt of what it is at */
    belay_time until;    /* when the step it is at has to be over; NEVER: no bound, or not begun */
    belay_time started_at, updated_at;
    belay_time deadline, due; /* NEVER: none; due: when it has to do something at the latest */
    struct belay_hash128 definition;
    uint32_t id_n, input_n; /* at the start of data */
    belay_time log_at;      /* of the last entry */
    struct saga_step *steps;
    struct belay_buf data, log, fault;

    /* memory only */
    belay_time entry; /* of its entry in SAGA_DUE; NEVER: it has none. Outside memory it is `due` */
    uint8_t steps_cap;
    uint8_t flight;     /* enum flight: a call is under way */
    bool repeatable;    /* that call */
    bool gated, knocks; /* waits for a slot; has waited and may look whether there is one */
    bool again;         /* the call was recorded as begun and never handed over */
    uint32_t slot;      /* of the flight */
    size_t counted_bytes;
    struct belay_list node; /* ready, or a gate's, or the pool's */
    struct belay_heap_node timer;
    struct belay_list idle; /* idle, oldest first */
};

struct saga *saga_new(void);
void saga_free(struct saga *s);
/* As new, with room for that many steps. Errors: BELAY_NOMEM. */
int saga_clear(struct saga *s, uint8_t step_count) BELAY_MUST_CHECK;
/* Room for that much more in each buffer, so that applying cannot fail. Errors: BELAY_NOMEM. */
int saga_reserve(struct saga *s, size_t data, size_t log, size_t fault) BELAY_MUST_CHECK;
size_t saga_bytes(const struct saga *s);

struct belay_str saga_id(const struct saga *s);
struct belay_str saga_input(const struct saga *s); /* the encoded start message; empty once ended */
struct belay_str saga_range(const struct saga *s, struct range r);
struct range saga_keep(struct saga *s, struct belay_str bytes);
void saga_drop_input(struct saga *s);

/* Began, and is not known to have had no effect (G5). */
bool saga_step_counts(const struct saga_step *step);

/* Times in rows and records are written as distances; what a damaged one says wraps around. */
static inline void saga_pack_distance(struct belay_buf *out, belay_time from, belay_time to)
{
    belay_pack_svarint(out, (int64_t)((uint64_t)to - (uint64_t)from));
}
static inline belay_time saga_unpack_distance(struct belay_unpack *u, belay_time from)
{
    return (belay_time)((uint64_t)from + (uint64_t)belay_unpack_svarint(u));
}

void saga_row_pack(struct belay_buf *out, const struct saga *s);
/* Into a fresh s. Errors: BELAY_CORRUPT, BELAY_NOMEM. */
int saga_row_unpack(struct belay_str row, struct saga *s, struct belay_err *err) BELAY_MUST_CHECK;
/* What a row says without unpacking it all; false: corrupt. */
struct saga_glance {
    uint8_t state;
    belay_time due;
    struct belay_str id;
    belay_time updated_at;
};
bool saga_row_glance(struct belay_str row, struct saga_glance *ret_glance);

#endif
