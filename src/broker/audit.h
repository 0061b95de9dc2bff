/* audit.h - the proof by counting that no message is lost.  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_AUDIT_H
#define BELAY_BROKER_AUDIT_H

#include "broker/broker.h"

/* The balance of a subscription out of its rows (audit.c). */
struct belay_audit_balance {
    struct belay_str name, topic;
    uint64_t published;                   /* given to it, or still to be given: the sum of the others and of lost */
    uint64_t queued, in_flight, waiting, held, parked, dead;
    uint64_t done, discarded, expired;    /* as counted: nothing else is left of them */
    uint64_t lost;                        /* in no state */
    uint64_t twice;                       /* in more than one */
};
struct belay_auditor {
    void (*balance)(void *arg, const struct belay_audit_balance *balance);
    /* Something is wrong. owner: of the subscription or topic; sequence 0: no message can be named. */
    void (*finding)(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what);
    bool (*cancelled)(void *arg); /* NULL; asked now and then, any thread */
    void *arg;
};
/* Proves G4 by counting: each message of each subscription is in exactly one state. Walks every row by itself,
 * trusts no counter but those of what has ended, and compares the others. in_flight: an attempt was recorded as
 * begun. Errors: BELAY_CANCELLED, why the state cannot be read. */
int belay_broker_audit(struct belay_broker *b, const struct belay_auditor *to, struct belay_err *err) BELAY_MUST_CHECK;

#endif
