/* alert_def.h - alerts: which figure or event fires one, and who is told.  Uses: base.  Thread: immutable once made. */
#ifndef BELAY_MODEL_ALERT_DEF_H
#define BELAY_MODEL_ALERT_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/place.h"

/* What a rule looks at. All but EVENT are figures of one subject, looked up about once a second. */
enum belay_alert_on {
    BELAY_ALERT_LETTERS,     /* of a flow or saga: parked and dead; grows are told again */
    BELAY_ALERT_LETTERS_AGE, /* of a flow: ms since its oldest letter became one */
    BELAY_ALERT_LETTERS_LIMIT, /* of a flow whose letters expire: percent of what lets the first of them go */
    BELAY_ALERT_NEW_GROUPS,  /* of a flow: kinds of failure that made their first letter within the last hour; grows ... */
    BELAY_ALERT_PARKED,      /* of a flow: keys that wait behind a letter */
    BELAY_ALERT_OLDEST,      /* of a flow: ms since its oldest unfinished message was accepted */
    BELAY_ALERT_QUEUED,      /* of a flow: messages not yet handled */
    BELAY_ALERT_WAITING,     /* of a flow: messages waiting for a retry */
    BELAY_ALERT_STALLED,     /* of a flow: ms since a key that is not parked has had the same head */
    BELAY_ALERT_PAUSED,      /* of a flow: 1 while it is paused */
    BELAY_ALERT_EVENT_WAITS, /* of "saga/step": ms since the oldest event was accepted that waits for its saga to come to the step */
    BELAY_ALERT_SAGA_PARKED, /* of a saga: instances that wait for a person; grows are told again */
    BELAY_ALERT_SAGA_IDLE,   /* of a saga: ms since the instance under way that has not moved for longest moved */
    BELAY_ALERT_BREAKER,     /* of a connection: 1 while its breaker is not closed */
    BELAY_ALERT_DISK_FREE,   /* bytes; subject "" */
    BELAY_ALERT_STORE_FULL,  /* 1 while nothing new is accepted for want of room; subject "" */
    BELAY_ALERT_QUEUE_FULL,  /* of a queue or topic: 1 while a limit is reached, or a producer has just met it */
    BELAY_ALERT_CERTIFICATE, /* of "api NAME", "connection NAME": ms until its certificate ends; below 0: it has */
    BELAY_ALERT_LOST,        /* messages in no state: a bug; subject "" */
    BELAY_ALERT_EVENT        /* of the log: how often within `within_ms`; its owner is the subject */
};
#define BELAY_ALERT_ON_COUNT (BELAY_ALERT_EVENT + 1)

/* How the figure is written: "3", "15m", "512MiB", "80%", "yes". */
enum belay_alert_unit { BELAY_ALERT_COUNT, BELAY_ALERT_MS, BELAY_ALERT_BYTES, BELAY_ALERT_PERCENT, BELAY_ALERT_FLAG };
enum belay_alert_unit belay_alert_unit(enum belay_alert_on on);

struct belay_alert_def {
    struct belay_str name;
    enum belay_alert_on on;
    struct belay_str event;      /* EVENT: a name, or a beginning and "*" */
    struct belay_str subject;    /* of this one only, or a beginning and "*"; "": of any */
    struct belay_place subject_place;
    bool below;                  /* fires below the bound, else above it */
    double bound;
    uint64_t for_ms;             /* it must hold so long before it fires */
    uint64_t within_ms;          /* EVENT: the window that is counted; it is over when that was quiet */
    uint64_t repeat_ms;          /* told again while it fires; 0: never */
    uint64_t regroup_ms;         /* where grows are told: not more often than this */
    uint64_t wait_ms;            /* from the first news to the notice, so that others come into it */
    uint64_t interval_ms;        /* between two notices of the rule */
    bool urgent;                 /* level error, else warn */
    struct belay_str summary;    /* one sentence: what it means */
    struct belay_str hint;       /* a command that shows more; "{subject}" is replaced */
    const struct belay_str *to;  /* channels: the first, and who takes over when it fails */
    uint32_t to_count;           /* 0: the log only */
};

#endif
