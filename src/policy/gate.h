/* gate.h - the one place where it is decided whether a call may be made now.
 *
 *     ask --GO--> begin (a ticket) --> end (how it went), or undo (it was not made)
 *      `--WAIT: until a time, or until a call of the gate ends
 *
 * Asked in this order: breaker, slots, slots of retries, rate, budget; nothing is used up by asking.
 * Uses: base, model.  Thread: the owner's.  No clock: time comes in and never goes back.
 * Invariants: in_flight and retries_in_flight count the tickets that are out; an open breaker has no ticket that
 * began after it opened; half open has at most `probes`. */
#ifndef BELAY_POLICY_GATE_H
#define BELAY_POLICY_GATE_H

#include "base/random.h"
#include "policy/breaker.h"
#include "policy/budget.h"
#include "policy/limiter.h"
#include "base/rate.h"

enum belay_gate_answer {
    BELAY_GATE_GO,
    BELAY_GATE_BREAKER,     /* it is open, or half open with enough probes out */
    BELAY_GATE_CONCURRENCY, /* all slots are taken: when a call ends */
    BELAY_GATE_RETRIES,     /* those that retries may hold: when one ends */
    BELAY_GATE_RATE,
    BELAY_GATE_BUDGET,
    BELAY_GATE_ANSWERS
};
/* "breaker", "concurrency", "retries", "rate", "budget"; "" of GO. */
const char *belay_gate_answer_name(enum belay_gate_answer answer);

struct belay_gate { /* zero: nothing happened yet */
    struct belay_breaker breaker;
    struct belay_budget budget;
    struct belay_rate rate;
    struct belay_limiter limiter;
    uint32_t in_flight, retries_in_flight;
    belay_time promised_until;             /* retries that wait were given times up to here */
    uint32_t postponed, postponed_before;  /* of this minute, and of the last one */
    int64_t minute;
};

struct belay_gate_ticket {
    belay_time began_at;
    int64_t budget_used;
    uint32_t generation;
    bool retry, probe;
};

/* A retry that ask refused (until `at`, which may be NEVER) is to come back when?  Those that wait are told times as
 * far apart as the budget asks for, so that most of them come once; nobody is sent away for much longer than a
 * minute, more only where hundreds of thousands wait, so that what the budget allows by then is used. */
belay_time belay_gate_postpone(struct belay_gate *g, const struct belay_gate_def *def, belay_time at, belay_time now,
                               struct belay_random *random);
/* May a call be made? Not GO: *ret_at is when to ask again, BELAY_TIME_NEVER: when a call ends. */
enum belay_gate_answer belay_gate_ask(struct belay_gate *g, const struct belay_gate_def *def, bool retry,
                                      belay_time now, belay_time *ret_at);
/* ask said GO, at the same time. */
void belay_gate_begin(struct belay_gate *g, const struct belay_gate_def *def, bool retry, belay_time now,
                      struct belay_gate_ticket *ret_ticket);
/* The call was not made: as if it had never been asked for. */
void belay_gate_undo(struct belay_gate *g, const struct belay_gate_def *def,
                     const struct belay_gate_ticket *ticket, belay_time now);
/* True: the breaker's state changed. */
bool belay_gate_end(struct belay_gate *g, const struct belay_gate_def *def, const struct belay_gate_ticket *ticket,
                    enum belay_call_end end, belay_time now);
/* Calls at once, as of now: what auto found, or what def says. */
uint32_t belay_gate_concurrency(const struct belay_gate *g, const struct belay_gate_def *def);
/* Of these, those that may be retries. */
uint32_t belay_gate_retries(const struct belay_gate *g, const struct belay_gate_def *def);

#endif
