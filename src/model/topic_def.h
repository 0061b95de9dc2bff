/* topic_def.h - topics and queues: what they keep, and when they are full.  Uses: base.  Thread: immutable once made. */
#ifndef BELAY_MODEL_TOPIC_DEF_H
#define BELAY_MODEL_TOPIC_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/place.h"

enum belay_on_full { BELAY_ON_FULL_BACKPRESSURE, BELAY_ON_FULL_REJECT };

struct belay_topic_def {
    struct belay_str name;
    bool queue;                         /* one subscription, messages go once handled */
    uint64_t retain_ms;                 /* 0: only until every subscription has finished it */
    uint64_t retain_bytes;              /* 0: no bound */
    struct belay_str discard_reason;    /* why what expires may go unseen; empty: it may not */
    uint64_t max_messages, max_bytes;   /* not yet handled; 0: no bound */
    uint64_t max_age_ms;                /* full while the oldest has waited longer; 0: however long */
    uint64_t ttl_ms;                    /* of a message from when it appears here; 0: no bound */
    enum belay_on_full on_full;
    struct belay_place place;
};

#endif
