/* delivery.h - the next message to handle, and what became of it.  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_DELIVERY_H
#define BELAY_BROKER_DELIVERY_H

#include "base/list.h"
#include "broker/broker.h"
#include "model/fault.h"
#include "model/message.h"

struct belay_delivery {
    struct belay_subscription *sub;
    uint64_t sequence;
    uint32_t attempt;               /* this one's number, from 1; a crash uses up none */
    uint32_t deaths;                /* of processes in which it ran alone */
    bool interrupted;               /* it was recorded as started before, its outcome never */
    bool replayed;                  /* it was a letter, and somebody wants it handled again */
    belay_time first_attempt_at;    /* of attempt 1; now for the first */
    struct belay_message message;   /* views valid until the delivery ends */
    struct belay_str lane_key;      /* "" alone */
    struct belay_str progress;      /* what progress/retry stored; "" none */
    struct belay_hash128 definition;/* of the flow it began with; zero: take the current one */
    void *user;                     /* the engine's */
    struct belay_list node;         /* the broker's */
};

/* Next message to handle, fair among subscriptions; NULL: none now (fetches may be under way, their
 * events lead to more). The delivery is the broker's until one of the outcomes below ends it. */
struct belay_delivery *belay_broker_next(struct belay_broker *b, belay_time now);
/* Records that an attempt with an outside effect begins; durable with the commit of this step. Not for
 * flows without outside calls. BELAY_BUSY, BELAY_NOSPACE: it is not recorded, so the call must not be
 * made: defer. */
int belay_broker_start(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err) BELAY_MUST_CHECK;
/* What the run has achieved so far (body, variables, step), kept over retries and crashes. */
int belay_broker_progress(struct belay_broker *b, struct belay_delivery *d, struct belay_str progress,
                          struct belay_hash128 definition, struct belay_err *err) BELAY_MUST_CHECK;

/* Outcomes: each ends the delivery (d is gone afterwards). They may use the reserve; on BELAY_BUSY or
 * BELAY_NOSPACE nothing happened and the delivery stays: try again in a later step. */
int belay_broker_ack(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err) BELAY_MUST_CHECK;
int belay_broker_discard(struct belay_broker *b, struct belay_delivery *d, struct belay_str reason, struct belay_err *err) BELAY_MUST_CHECK;
/* Attempt failed; again at due. fault goes into the history. */
int belay_broker_retry(struct belay_broker *b, struct belay_delivery *d, belay_time due,
                       const struct belay_fault *fault, struct belay_str progress,
                       struct belay_hash128 definition, struct belay_err *err) BELAY_MUST_CHECK;
/* Becomes a letter. park: the lane waits behind it (only where there is a key). `stop` of the
 * subscription's on_exhausted also pauses it. */
int belay_broker_letter(struct belay_broker *b, struct belay_delivery *d, const struct belay_fault *fault,
                        bool park, struct belay_str progress, struct belay_hash128 definition,
                        belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Its time was over: a letter that blocks nothing and stops nothing. Errors as belay_broker_letter. */
int belay_broker_expire(struct belay_broker *b, struct belay_delivery *d, const struct belay_fault *fault,
                        belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Not handled, no attempt used up (endpoint busy, shutting down): again from `not_before`, not durable. */
void belay_broker_defer(struct belay_broker *b, struct belay_delivery *d, belay_time not_before);
/* A delivery that waited for its retry waits longer, durably; its attempt has not begun. Ends the delivery.
 * Errors: BELAY_BUSY, BELAY_NOSPACE (nothing happened), BELAY_CONFLICT (it waited for no retry). */
int belay_broker_postpone(struct belay_broker *b, struct belay_delivery *d, belay_time due, struct belay_err *err) BELAY_MUST_CHECK;

#endif
