/* record.h - what sagas write into the journal: six records, each frozen once released.
 *
 *   KIND        a saga's name got a number
 *   START       an instance began
 *   MOVE        an instance moved: the values it has from now on, and an entry of its history
 *   EVENT_KEPT  an event came before its saga
 *   EVENT_GONE  it was taken, or waited too long
 *   FORGET      an ended instance was kept long enough
 *
 * A record carries results, never reasons to compute them again: apply reads only state and record.
 * Byte layouts: docs/format/saga-records.md.
 */
#ifndef BELAY_SAGA_RECORD_H
#define BELAY_SAGA_RECORD_H

#include "base/pack.h"
#include "saga/instance.h"
#include "store/store.h"

enum saga_record {
    SAGA_RECORD_KIND = BELAY_RECORD_SAGA,
    SAGA_RECORD_START,
    SAGA_RECORD_MOVE,
    SAGA_RECORD_EVENT_KEPT,
    SAGA_RECORD_EVENT_GONE,
    SAGA_RECORD_FORGET
};
#define SAGA_RECORD_VERSION 1

/* Entries of a history; the numbers are on disk. */
enum saga_event {
    SAGA_EVENT_STARTED,
    SAGA_EVENT_SKIPPED,
    SAGA_EVENT_BEGUN,
    SAGA_EVENT_DONE,
    SAGA_EVENT_PUBLISHED,
    SAGA_EVENT_AWAITING,
    SAGA_EVENT_ATTEMPT_FAILED,
    SAGA_EVENT_OUTCOME_UNKNOWN,
    SAGA_EVENT_RESOLVED_DONE,
    SAGA_EVENT_RESOLVED_NOT_DONE,
    SAGA_EVENT_RESOLVE_FAILED,
    SAGA_EVENT_STEP_FAILED,
    SAGA_EVENT_ABORT_ASKED,
    SAGA_EVENT_ABORTED,
    SAGA_EVENT_DEADLINE,
    SAGA_EVENT_WITHDRAWN,
    SAGA_EVENT_UNDO_BEGUN,
    SAGA_EVENT_UNDO_FAILED,
    SAGA_EVENT_UNDONE,
    SAGA_EVENT_COMPLETED,
    SAGA_EVENT_PARKED,
    SAGA_EVENT_SETTLED_RETRY,
    SAGA_EVENT_SETTLED_DONE,
    SAGA_EVENT_SETTLED_NOT_DONE,
    SAGA_EVENT_SETTLED_SKIP,
    SAGA_EVENT_STEP_TIMEOUT,
    SAGA_EVENT_ABORT_TOO_LATE,
    SAGA_EVENT_CRASHED,
    SAGA_EVENT_COUNT
};
const char *saga_event_name(unsigned event);

struct saga_start {
    uint32_t kind;
    struct belay_str id;
    belay_time at, deadline;
    struct belay_hash128 definition;
    uint8_t step_count;
    struct belay_str message; /* encoded */
};

/* What a MOVE may carry. */
#define MOVE_RESULT 0x01 /* of the step */
#define MOVE_FAULT 0x02  /* packed; why it failed or was parked */
#define MOVE_PUBLISHED 0x04
#define MOVE_TEXT 0x08  /* detail of the history's entry */
#define MOVE_QUIET 0x10 /* no entry in the history */

struct saga_move {
    uint32_t kind;
    struct belay_str id;
    belay_time now;
    uint8_t event; /* enum saga_event */
    uint8_t carries;
    uint8_t step; /* the one whose state changes; step_count: none */
    uint8_t step_state, step_flags;
    uint32_t step_attempts;
    uint8_t state, parked_from, flags, at; /* of the instance, from now on */
    uint32_t attempt;
    uint64_t delay_ms;
    belay_time first_at, until, due;
    struct belay_str result, fault, text;
    struct belay_str topic;
    uint64_t sequence;
    belay_time published_due;
};

struct saga_kept { /* an event that waits for its saga */
    uint32_t kind;
    struct belay_str id, step;
    belay_time at, expires;
    uint32_t subscription;
    uint64_t sequence;
    struct belay_str message; /* encoded */
};

void saga_start_pack(struct belay_buf *out, const struct saga_start *r);
bool saga_start_unpack(struct belay_str body, struct saga_start *ret_r);
void saga_move_pack(struct belay_buf *out, const struct saga_move *r);
bool saga_move_unpack(struct belay_str body, struct saga_move *ret_r);
void saga_kept_pack(struct belay_buf *out, const struct saga_kept *r);
bool saga_kept_unpack(struct belay_str body, struct saga_kept *ret_r);

/* Appends an entry to a history; read back with saga_entry_next. */
struct saga_entry {
    belay_time at;
    uint8_t event, step;
    uint32_t attempt;
    struct belay_str text;
};
#define SAGA_ENTRY_BYTES_MAX (2 * BELAY_VARINT_MAX + 2 + 5 + SAGA_TEXT_BYTES_MAX)
#define SAGA_TEXT_BYTES_MAX 400
void saga_entry_pack(struct belay_buf *out, belay_time previous, const struct saga_entry *e);
/* *at: time of the entry before (the start's at first). False at the end. */
bool saga_entry_next(struct belay_unpack *u, belay_time *at, struct saga_entry *ret_e);

#endif
