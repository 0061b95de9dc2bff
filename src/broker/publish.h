/* publish.h - messages into a topic or queue: now or later, and whether there is room.  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_PUBLISH_H
#define BELAY_BROKER_PUBLISH_H

#include "broker/broker.h"
#include "model/message.h"

/* Appends to a topic or queue. m->accepted_at is set to now. *ret_sequence may be NULL.
 * Errors: BELAY_NOTFOUND, BELAY_LIMIT (too large), BELAY_NOSPACE (disk, or the topic's retain_bytes is
 * full of unfinished messages), BELAY_BUSY. */
int belay_broker_publish(struct belay_broker *b, struct belay_str topic, const struct belay_message *m,
                         belay_time now, uint64_t *ret_sequence, struct belay_err *err) BELAY_MUST_CHECK;
/* Appears in the topic at `due`. *ret_number names it for cancel. */
int belay_broker_schedule(struct belay_broker *b, struct belay_str topic, const struct belay_message *m,
                          belay_time due, uint64_t *ret_number, struct belay_err *err) BELAY_MUST_CHECK;
/* It will not appear (compensation of a delayed publish). Errors: BELAY_NOTFOUND: it has appeared, or was cancelled before;
 * BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM: nothing happened, and it still waits. */
int belay_broker_schedule_cancel(struct belay_broker *b, belay_time due, uint64_t number, struct belay_err *err) BELAY_MUST_CHECK;
/* Room for changes that belong together: publications and other records of `bytes` in `records`, and the
 * outcome of d (NULL: none; letter: it may be one). After it, until the flush, publish, schedule,
 * idempotency calls within those bytes and the outcome do not fail for lack of room. Errors: BELAY_NOSPACE,
 * BELAY_BUSY, BELAY_NOMEM. */
int belay_broker_begin(struct belay_broker *b, size_t bytes, uint32_t records, struct belay_delivery *d,
                       bool letter, struct belay_err *err) BELAY_MUST_CHECK;
/* Room for d's failure (letter: it may become one, else it is tried again), and for `bytes` in `records` counted beside
 * it; until the flush, in the place of what belay_broker_begin granted. Errors: BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int belay_broker_may_fail(struct belay_broker *b, struct belay_delivery *d, bool letter, size_t bytes, uint32_t records,
                          struct belay_err *err) BELAY_MUST_CHECK;
/* Would a producer be refused now? (admission at the edge: BELAY_NOSPACE, BELAY_BUSY) */
int belay_broker_admit(struct belay_broker *b, size_t bytes, struct belay_err *err) BELAY_MUST_CHECK;
/* Would a publish of so many bytes in all to the topic be refused for the topic's sake? BELAY_NOTFOUND,
 * BELAY_NOSPACE (retain_bytes); what is finished makes way. */
int belay_broker_topic_room(struct belay_broker *b, struct belay_str topic, size_t bytes, struct belay_err *err) BELAY_MUST_CHECK;

enum belay_topic_bound { BELAY_BOUND_NONE, BELAY_BOUND_MESSAGES, BELAY_BOUND_BYTES, BELAY_BOUND_AGE };
const char *belay_topic_bound_name(enum belay_topic_bound bound);
struct belay_topic_full {
    enum belay_topic_bound bound;
    bool rejects;                 /* on_full: its producers are told; else they wait */
    uint64_t length;              /* messages that count: not those that wait for a person */
    uint32_t retry_after_ms;      /* when a part of it will be free, at the speed at which it empties */
};
/* Has the topic as much as its limits allow, with a message of so many bytes? False also where there is no such
 * topic. The broker itself never refuses for that: who publishes asks first (a delayed message when it is
 * scheduled, not when it appears). */
bool belay_broker_topic_full(struct belay_broker *b, struct belay_str topic, size_t bytes, belay_time now,
                             struct belay_topic_full *ret_full);

#endif
