/* breaker.h - stops calling an outside system that fails, and finds out when it is back.
 *
 *              failed or slow share of the window too high
 *     CLOSED ---------------------------------------------> OPEN --open_ms--> HALF_OPEN
 *       ^                                                     ^                  |   |
 *       |                                                     `---a probe failed-'   |
 *       `--------------------------- `probes` of them succeeded ---------------------'
 *
 * OPEN lets nothing through; HALF_OPEN only as many probes at once as are still wanted.  After a probe that failed
 * it stays open twice as long, up to open_max_ms.  What counts is the system's own failure (transient, unknown, and
 * not "too many requests"): an answer that says no is an answer.  Calls that began before it opened are no probes,
 * whatever comes of them.
 * Uses: base, model.  Thread: the owner's. */
#ifndef BELAY_POLICY_BREAKER_H
#define BELAY_POLICY_BREAKER_H

#include "model/connection_def.h"

#define BELAY_BREAKER_SLOTS 10 /* of the window */

enum belay_breaker_state { BELAY_BREAKER_CLOSED, BELAY_BREAKER_OPEN, BELAY_BREAKER_HALF_OPEN };
const char *belay_breaker_state_name(enum belay_breaker_state state);

struct belay_breaker_slot {
    uint32_t calls, failed, slow;
};

struct belay_breaker { /* zero: closed */
    uint8_t state;         /* as of the last change; OPEN becomes HALF_OPEN when somebody asks */
    uint8_t reopened;      /* how often without closing */
    uint32_t probes_out, probes_ok;
    uint32_t generation;   /* of the opening: probes of an earlier one do not count */
    belay_time changed_at, open_until;
    int64_t slot;
    struct belay_breaker_slot slots[BELAY_BREAKER_SLOTS], sum;
};

enum belay_call_end {
    BELAY_CALL_WELL,   /* it answered */
    BELAY_CALL_REFUSED, /* it answered that it is asked too much: no failure, but a sign for the limit */
    BELAY_CALL_FAILED, /* it did not do what it is there for */
    BELAY_CALL_VOID    /* nothing is known about it: cancelled, refused before it was made */
};

/* When a call may be made: not later than now means at once; BELAY_TIME_NEVER: when a probe has ended. */
belay_time belay_breaker_at(struct belay_breaker *b, const struct belay_breaker_def *def, belay_time now);
/* A call is made. True: it is a probe, to be named as one when it ends, with the generation as of now. */
bool belay_breaker_begin(struct belay_breaker *b, const struct belay_breaker_def *def);
/* How a call ended. True: the state changed with it. */
bool belay_breaker_end(struct belay_breaker *b, const struct belay_breaker_def *def, bool probe, uint32_t generation,
                       enum belay_call_end end, uint64_t duration_us, belay_time now);
/* Of the window, in percent. */
uint32_t belay_breaker_failed_percent(const struct belay_breaker *b);

#endif
