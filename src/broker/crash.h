/* crash.h - what was in flight when the process died (suspect.c).  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_CRASH_H
#define BELAY_BROKER_CRASH_H

#include "base/buf.h"
#include "broker/delivery.h"

struct belay_crash_item {
    uint32_t sub;
    uint64_t sequence;
    bool in_hand;               /* its flow was being stepped just then */
};
struct belay_crash {
    uint64_t number;            /* as belay_broker_crash_next said while the process lived: it is counted once */
    const struct belay_crash_item *items; /* messages in flight */
    uint32_t count;
    uint32_t others;            /* what else was: calls of sagas, requests */
    bool others_named;          /* somebody else writes down which, in this commit: the crash counts without messages too */
};
/* The process died: what was in flight is suspected, durably; where a message was all that was, the death counts
 * against it. *ret_position: through which that must be durable before anything is delivered; 0: there is nothing to
 * count, or it was. */
int belay_broker_crashed(struct belay_broker *b, const struct belay_crash *crash, belay_time now,
                         uint64_t *ret_position, struct belay_err *err) BELAY_MUST_CHECK;
uint64_t belay_broker_crash_next(const struct belay_broker *b);
/* How many are suspected: each is to run alone once. An outcome clears a suspicion, success the deaths too. */
uint32_t belay_broker_suspected(const struct belay_broker *b);
/* As belay_broker_next, a suspected one, or one that stands before it in its lane. NULL: none can be had now;
 * *ret_pending: one is being read. */
struct belay_delivery *belay_broker_next_suspect(struct belay_broker *b, belay_time now, bool *ret_pending);
/* When the process died with d in flight, and what else was: a line each, oldest first. */
void belay_broker_crash_story(struct belay_broker *b, const struct belay_delivery *d, struct belay_buf *out);

#endif
