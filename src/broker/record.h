/* record.h - decide -> append -> apply: the broker's records.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_RECORD_H
#define BELAY_BROKER_RECORD_H

#include "broker/resident.h"

enum record_type {
    RECORD_TOPIC = BELAY_RECORD_BROKER + 1,
    RECORD_SUBSCRIPTION,
    RECORD_PAUSE,
    RECORD_ACK,
    RECORD_START,
    RECORD_FINISH,
    RECORD_RETRY,
    RECORD_LETTER,
    RECORD_POISON,
    RECORD_PROGRESS,
    RECORD_HOLD,
    RECORD_REPLAY,
    RECORD_RELEASE,
    RECORD_SEEK,
    RECORD_CRASH,
    RECORD_SCHEDULE,
    RECORD_UNSCHEDULE,
    RECORD_IDEM_PUT,
    RECORD_IDEM_FORGET,
    RECORD_IDEM_DROP,
    RECORD_POSTPONE,
    RECORD_TRAIL,
    RECORD_REPLAY_START,
    RECORD_REPLAY_STATE,
    RECORD_REPLAY_BITE,
    RECORD_LANE_PARK,
    RECORD_LANE_RELEASE,
    RECORD_LANE_RETRY,
    RECORD_LANE_SKIP,
    RECORD_LANE_MOVE,
    RECORD_RESUME,
    RECORD_EDIT,
    RECORD_IMPORT,
    RECORD_IDEM_GONE,
    RECORD_END
};
#define RECORD_VERSION 1
#define ROW_VERSION 1 /* first byte of a row, where nothing else is said */

/* Empties b->record, for the body of the next one. */
struct belay_buf *record_begin(struct belay_broker *b);
/* Reserves room for the body in b->record and what apply puts, appends and applies it. On an error
 * nothing happened. */
int record_commit(struct belay_broker *b, enum record_type type, struct cost cost, bool use_reserve,
                  struct belay_err *err) BELAY_MUST_CHECK;
/* The same where room was reserved already. */
void record_append(struct belay_broker *b, enum record_type type);
int record_reserve(struct belay_broker *b, size_t bytes, uint32_t records, struct cost cost, bool use_reserve,
                   struct belay_err *err) BELAY_MUST_CHECK;
void broker_advance(struct belay_broker *b, belay_time now);

void pack_hash(struct belay_buf *out, struct belay_hash128 h);
struct belay_hash128 unpack_hash(struct belay_unpack *u);
static inline bool hash_none(struct belay_hash128 h)
{
    return h.hi == 0 && h.lo == 0;
}

/* Apply functions, one a record type. BELAY_OK, BELAY_CORRUPT, BELAY_NOMEM (only at recovery). */
int apply_topic(struct belay_broker *b, struct belay_unpack *u);
int apply_subscription(struct belay_broker *b, struct belay_unpack *u);
int apply_pause(struct belay_broker *b, struct belay_unpack *u);
int apply_ack(struct belay_broker *b, struct belay_unpack *u);
int apply_start(struct belay_broker *b, struct belay_unpack *u);
int apply_finish(struct belay_broker *b, struct belay_unpack *u);
int apply_retry(struct belay_broker *b, struct belay_unpack *u);
int apply_letter(struct belay_broker *b, struct belay_unpack *u);
int apply_postpone(struct belay_broker *b, struct belay_unpack *u);
int apply_trail(struct belay_broker *b, struct belay_unpack *u);
int apply_resume(struct belay_broker *b, struct belay_unpack *u);
int apply_edit(struct belay_broker *b, struct belay_unpack *u);
int apply_import(struct belay_broker *b, struct belay_unpack *u);
int apply_progress(struct belay_broker *b, struct belay_unpack *u);
int apply_hold(struct belay_broker *b, struct belay_unpack *u);
int apply_replay(struct belay_broker *b, struct belay_unpack *u);
int apply_release(struct belay_broker *b, struct belay_unpack *u);
int apply_seek(struct belay_broker *b, struct belay_unpack *u);
int apply_crash(struct belay_broker *b, struct belay_unpack *u);
int apply_poison(struct belay_broker *b, struct belay_unpack *u);
int apply_schedule(struct belay_broker *b, struct belay_unpack *u);
int apply_unschedule(struct belay_broker *b, struct belay_unpack *u);
int apply_idem_put(struct belay_broker *b, struct belay_unpack *u);
int apply_idem_forget(struct belay_broker *b, struct belay_unpack *u);
int apply_idem_drop(struct belay_broker *b, struct belay_unpack *u);
int apply_idem_gone(struct belay_broker *b, struct belay_unpack *u);
int apply_replay_start(struct belay_broker *b, struct belay_unpack *u);
int apply_replay_state(struct belay_broker *b, struct belay_unpack *u);
int apply_replay_bite(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_park(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_release(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_retry(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_skip(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_move(struct belay_broker *b, struct belay_unpack *u);

#endif
