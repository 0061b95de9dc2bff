/* declare.h - which topics there are, who reads them and how.  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_DECLARE_H
#define BELAY_BROKER_DECLARE_H

#include "broker/broker.h"
#include "model/definition.h"
#include "model/fault.h"
#include "model/message.h"

/* Creates the topic (a record) or updates its retention and its limits (those are not durable). Errors: BELAY_NOSPACE, BELAY_LIMIT,
 * BELAY_CONFLICT (a queue became a topic or the reverse). */
int belay_broker_declare_topic(struct belay_broker *b, const struct belay_topic_def *def, struct belay_err *err) BELAY_MUST_CHECK;

/* What declaring and subscribing will write, where it is not so already. */
struct belay_declare_need {
    size_t bytes;
    uint32_t records;
    uint32_t topics, subscriptions; /* new ones */
    bool grows;                     /* it may not use what is kept for a full disk */
};
/* Would belay_broker_declare_topic do? Changes nothing; adds to *need. Errors: its, but for those of room and memory. */
int belay_broker_declare_check(struct belay_broker *b, const struct belay_topic_def *def, struct belay_declare_need *need,
                               struct belay_err *err) BELAY_MUST_CHECK;
/* Room, on disk and in memory, for all that: what was checked and exists cannot fail in this step. Errors: the store's. */
int belay_broker_declare_room(struct belay_broker *b, const struct belay_declare_need *need, struct belay_err *err) BELAY_MUST_CHECK;

/* When its letters go by themselves; 0, 0: never. */
struct belay_letters_opt {
    uint64_t expire_ms;         /* a letter for longer than this */
    uint64_t count_max;         /* the oldest of more than these */
    struct belay_str reason;    /* why nobody needs them then; at most BELAY_LANE_REASON_BYTES_MAX bytes are kept */
};

struct belay_subscription_opt {
    struct belay_str name;      /* of its flow or saga */
    struct belay_str topic;
    enum belay_start start;     /* UNSAID is an error where the topic has messages already */
    belay_time start_time;
    uint32_t concurrency;       /* lanes at work at once; UINT32_MAX: as many as come (saga starts) */
    uint32_t prefetch;          /* messages in memory at most; 0: BELAY_LANE_READ_AHEAD_MAX */
    enum belay_exhausted on_exhausted;
    struct belay_letters_opt letters;
    bool ordered;               /* false: lanes are ignored, every message is alone */
    bool awaits;                /* its messages wait until somebody comes for them: that is no trouble, and told apart */
    /* Lane key of a message, fixed when it is first read. NULL: the message's key. Text from arena.
     * An error makes the message a letter at once (fault set); but BELAY_NOMEM: it is read again later, and waits. */
    int (*lane_key)(void *arg, const struct belay_message *m, struct belay_arena *arena,
                    struct belay_str *ret_key, struct belay_fault *ret_fault);
    void *arg;
};
/* Creates (a record) or takes up a durable subscription with its run-time options. Errors:
 * BELAY_NOTFOUND (topic), BELAY_INVALID (no start on a topic with messages: msg says what to write),
 * BELAY_CONFLICT (a queue has one subscription; the name subscribes another topic), BELAY_NOSPACE. */
int belay_broker_subscribe(struct belay_broker *b, const struct belay_subscription_opt *opt,
                           struct belay_subscription **ret_sub, struct belay_err *err) BELAY_MUST_CHECK;
/* Would it do? As belay_broker_declare_check; a topic that is not there is one that is to be declared before. */
int belay_broker_subscribe_check(struct belay_broker *b, const struct belay_subscription_opt *opt,
                                 struct belay_declare_need *need, struct belay_err *err) BELAY_MUST_CHECK;
/* Only creates it where it is not there; nothing is delivered, and of opt nothing is kept. */
int belay_broker_subscription_make(struct belay_broker *b, const struct belay_subscription_opt *opt,
                                   struct belay_subscription **ret_sub, struct belay_err *err) BELAY_MUST_CHECK;
/* Its flow is gone: nothing is delivered, and its lane_key is asked no more; what was read ahead will be read again. */
void belay_broker_unsubscribe(struct belay_broker *b, struct belay_subscription *sub);
/* What a pause or its end writes is added to *need. */
void belay_broker_pause_need(struct belay_str reason, struct belay_declare_need *need);
/* Stops delivering (flow removed, stopped, by hand); durable by `reason` when not empty. */
int belay_broker_pause(struct belay_broker *b, struct belay_subscription *sub, struct belay_str reason, struct belay_err *err) BELAY_MUST_CHECK;
int belay_broker_resume(struct belay_broker *b, struct belay_subscription *sub, struct belay_err *err) BELAY_MUST_CHECK;
struct belay_subscription *belay_broker_find(struct belay_broker *b, struct belay_str name);
struct belay_subscription *belay_broker_find_id(struct belay_broker *b, uint32_t id);
/* What it should read is damaged or missing: nothing is delivered until it is resumed (and reads it again) or sought
 * past that. "": it is not so. *ret_news: it is so since the last call. */
struct belay_str belay_subscription_stopped_by(struct belay_subscription *sub, bool *ret_news);
struct belay_str belay_subscription_name(const struct belay_subscription *sub);
struct belay_str belay_subscription_topic(const struct belay_subscription *sub);
uint32_t belay_subscription_id(const struct belay_subscription *sub);
/* To a sequence. Forward discards what is skipped (reason); back requeues only what is done. */
int belay_broker_seek(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                      struct belay_str reason, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;

#endif
