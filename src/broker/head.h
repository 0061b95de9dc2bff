/* head.h - how a record names a message that departs from the order, and what it says of its attempt.
 *
 *   head      sub | sequence | flags | attempt | first_attempt_at | accepted_at | definition | [lane, key]
 *   progress  what its run achieved: new, as it was, none
 *   failure   an entry of the history
 *
 * Shared by the records retry, letter and import.  Uses: exception.h, letter_impl.h, window.h.  Thread: engine only. */
#ifndef BELAY_BROKER_HEAD_H
#define BELAY_BROKER_HEAD_H

#include "broker/letter_impl.h"
#include "broker/window.h"

struct head {
    struct belay_subscription *sub;
    uint64_t sequence;
    uint32_t attempt;
    struct exception x; /* as it is, or a new one (state 0) */
    bool is_new;
};

/* What a record says of it. */
struct head_told {
    const struct belay_subscription *sub;
    uint64_t sequence;
    uint32_t attempt; /* from 1 */
    bool keyed, loner;
    belay_time first_attempt_at, accepted_at;
    struct belay_hash128 definition, lane; /* lane, key: where it is keyed */
    struct belay_str key;
};
/* Of a message in flight. */
struct head_told head_of(const struct entry *e, struct belay_hash128 definition);
/* Begins the record. */
struct belay_buf *head_pack(struct belay_broker *b, const struct head_told *t);
/* The exception the record is about: as it is, with the attempt and definition of the record; or a new one.
 * Errors: BELAY_CORRUPT, BELAY_NOMEM. */
int head_unpack(struct belay_broker *b, struct belay_unpack *u, struct head *h) BELAY_MUST_CHECK;
/* What applying such a record may put. */
struct cost head_cost(const struct belay_buf *record, const struct entry *e);
/* An exception in place of a queued message from now on, and no attempt of it under way. */
void head_enter(struct head *h);

void head_pack_progress(struct belay_broker *b, struct belay_buf *r, struct entry *e, struct belay_hash128 definition,
                        struct belay_str progress);
/* The same of a message that has none yet. */
void head_pack_first_progress(struct belay_buf *r, const struct progress *p);
/* What the run of a message in flight achieved, and the content of the message it began from: the one it has, but where it
 * goes on with what an earlier run had made of another. */
struct progress head_progress(const struct entry *e, struct belay_hash128 definition, struct belay_str progress);
struct told_progress {
    enum progress_now now;
    struct belay_str packed; /* of a new one: a view of the record */
};
struct told_progress head_unpack_progress(struct belay_unpack *u);

void head_pack_failure(struct belay_broker *b, struct belay_buf *r, uint32_t attempt, const struct belay_fault *fault);
struct belay_str head_unpack_failure(struct belay_unpack *u);

/* What apply did with the message, for the entry that stays or the lane that waits. */
void became_exception(struct entry *e);
/* The delivery is over: the entry goes. */
void delivery_end(struct belay_broker *b, struct entry *e);
/* Before a record about one message: what gathered comes first, and there is memory for the ranges. */
int delivery_prepare(struct belay_broker *b, struct belay_subscription *sub, struct belay_err *err) BELAY_MUST_CHECK;

#endif
