/* stats.h - figures of topics and subscriptions.  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_STATS_H
#define BELAY_BROKER_STATS_H

#include "broker/declare.h"
#include "broker/publish.h"

struct belay_topic_stats {
    struct belay_str name;
    bool queue;
    uint64_t first, next, messages, bytes;
    uint64_t length;                      /* not handled yet, by the slowest subscription; without what is parked */
    uint64_t max_messages, max_bytes, max_age_ms; /* 0: no limit */
    bool rejects;                         /* on_full */
    enum belay_topic_bound bound;         /* the one it is at now */
    uint64_t times_full;                  /* that a producer found it so, since the start */
    belay_time full_at;                   /* the last time; NEVER: none did */
    double drain_per_second;              /* as seen lately; 0 where that is not known */
};
struct belay_subscription_stats {
    struct belay_str name, topic, paused; /* reason, or empty */
    bool broken;                          /* the reason is what it cannot read */
    uint64_t cursor, backlog;             /* backlog: queued */
    uint64_t in_flight, waiting, held, parked, dead, done, discarded, expired;
    uint64_t lanes_in_trouble, lanes_by_hand; /* by hand: of them */
    uint64_t stuck;                       /* of held: behind a parked letter */
    uint64_t lost;                        /* given to the subscription and in no state (I4): 0, or a bug */
    belay_time oldest_at;                 /* accepted_at of the oldest unfinished; NEVER: none */
    belay_time early_at;                  /* where messages wait until somebody comes for them: of the oldest that does; it is
                                             not in oldest_at then. NEVER: none */
    belay_time oldest_letter_at;          /* it became one; NEVER: there is none */
    struct belay_letters_opt letters;     /* as configured */
    uint32_t new_groups;                  /* kinds of failure with letters that made their first within BELAY_GROUP_NEW_MS */
    belay_time stalled_since;             /* a lane has stood so long (belay_broker_lanes_watch), not parked; NEVER: none */
};
/* What is in memory of all subscriptions together. */
struct belay_broker_memory {
    uint64_t messages; /* read ahead, or in flight */
    uint64_t bytes;    /* of the pages they lie in */
};
void belay_broker_memory(const struct belay_broker *b, struct belay_broker_memory *ret_memory);
/* index from 0; false at the end. */
bool belay_broker_topic_stats(struct belay_broker *b, uint32_t index, struct belay_topic_stats *ret_stats);
bool belay_broker_subscription_stats(struct belay_broker *b, uint32_t index, struct belay_subscription_stats *ret_stats);
uint32_t belay_broker_topic_id(struct belay_broker *b, struct belay_str topic); /* 0: none */
/* Subscriptions of a topic, by index. NULL at the end. */
struct belay_subscription *belay_broker_topic_subscription(struct belay_broker *b, struct belay_str topic, uint32_t index);

#endif
