/* alerts.h - the shard's figures and events go through the alert rules; what they say becomes durable messages
 * (queue alerts.CHANNEL, whose flow config made) and lines of the log.
 * Uses: alert, engine, obs.  Thread: the engine's, but for alerts_reload (any). */
#ifndef BELAY_RUNTIME_ALERTS_H
#define BELAY_RUNTIME_ALERTS_H

#include <stdatomic.h>

#include "alert/alert.h"
#include "runtime/record.h"

struct certificates;
struct listeners;

struct alerts {
    struct belay_alerts *rules;
    struct belay_log *log;
    struct listeners *listeners;       /* whose certificates are looked at; NULL: nobody's */
    struct certificates *certificates; /* the same of connections */
    struct belay_gauge *firing;
    struct belay_counter *told;
    struct belay_definitions *definitions; /* lends the rules; a reference */
    belay_time now, round_at;              /* never back */
    _Atomic uint32_t reloads_failed;       /* since the last that did not */
    _Atomic bool reloaded;
    bool waits;                            /* a notice found no room: it was said once */
};

/* Errors: BELAY_NOMEM, what metrics refuse. */
int alerts_init(struct alerts *a, struct belay_log *log, struct belay_metrics *metrics, struct belay_err *err) BELAY_MUST_CHECK;
void alerts_deinit(struct alerts *a); /* also of one that is zero */
void alerts_configure(struct alerts *a, struct belay_definitions *d);
/* After recovery and configure: silences, and what was told, that outlived the process. */
void alerts_load(struct alerts *a, struct belay_engine *e, belay_time now);
/* Durable with the next commit. Errors: as belay_silences_put, BELAY_NOSPACE, BELAY_BUSY: nothing happened. */
int alerts_silence(struct alerts *a, struct belay_engine *e, const struct belay_silence *silence, uint64_t *ret_number,
                   struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: BELAY_NOTFOUND, BELAY_NOSPACE, BELAY_BUSY. */
int alerts_unsilence(struct alerts *a, struct belay_engine *e, uint64_t number, struct belay_err *err) BELAY_MUST_CHECK;
/* Of two reloads at most one is under way. */
void alerts_reload(struct alerts *a, bool failed);
/* An event of the engine, on its way to the log. */
void alerts_event(struct alerts *a, const struct belay_action_event *event, belay_time now);
/* About once a second: looks at the figures and tells what has to be told. Before a step, which makes it durable. */
void alerts_round(struct alerts *a, struct belay_engine *e, belay_time now);
/* A notice of no rule, to see whether a channel works. Errors: BELAY_NOTFOUND (channel), BELAY_NOSPACE, BELAY_BUSY. */
int alerts_test(struct alerts *a, struct belay_engine *e, struct belay_str channel, struct belay_str who, belay_time now,
                struct belay_err *err) BELAY_MUST_CHECK;

#endif
