/* alert.h - rules over figures and events -> notices: what fires, that it goes on, that it is over.
 *
 * An alert is one rule about one subject (a flow, a saga, "" for the whole process):
 *
 *           breach            held for `for_ms`                  fine
 *   (none) --------> PENDING ------------------> FIRING --------------------> OVER --told--> (none)
 *                       |                         |  ^                          |
 *                       `--fine--> (none)         `--' told, told again:        `--breach--> FIRING
 *                                                      `repeat_ms`; grown: `regroup_ms`
 *
 * Figures are level-triggered: whoever starts anew sees what holds and says it again, so a notice that was
 * lost with the process is not lost for good.  An event is not: it counts when it happens.  What was told outlives the process
 * (memory.c): it is told as over when it holds no more, and is no news while it holds.
 * A silence (silence.h) keeps an alert from being told, not from being known.
 *
 * A notice is of one rule and tells all its subjects of which there is news, firing or over, each in its own notices:
 *
 *   first news        + wait_ms, and interval_ms after the last notice of this kind
 *      |-------- others come ---------|-> told, all together
 *
 *
 * Sans-I/O: time comes in (monotone engine time), notices go out; belay_alerts_told makes a notice done, so that
 * one that found no room is offered again.  Each subject is told in exactly one notice for each of its news.  Uses: model.  Thread: one owner.
 * Bounds: BELAY_ALERTS_MAX alerts; what is beyond is counted (belay_alerts_dropped) and not told. */
#ifndef BELAY_ALERT_ALERT_H
#define BELAY_ALERT_ALERT_H

#include "alert/silence.h"

struct belay_alerts;

enum belay_alert_state { BELAY_ALERT_PENDING, BELAY_ALERT_FIRING, BELAY_ALERT_OVER };
const char *belay_alert_state_name(enum belay_alert_state state); /* "pending", "firing", "resolved" */
const char *belay_alert_on_name(enum belay_alert_on on);          /* "letters"; as the language spells it */

/* One alert as it is now. Views valid until the next call that changes anything. */
struct belay_alert {
    const struct belay_alert_def *def;
    struct belay_str subject;
    enum belay_alert_state state;
    belay_time since;      /* of the breach */
    belay_time told_at;    /* 0: never */
    belay_time silent_until;  /* 0: not silenced */
    double value;          /* last seen; of events: within the window */
    uint64_t told;         /* notices so far */
};

/* Errors: BELAY_NOMEM. */
int belay_alerts_new(struct belay_alerts **ret_alerts, struct belay_err *err) BELAY_MUST_CHECK;
void belay_alerts_free(struct belay_alerts *a); /* NULL is allowed */

/* The rules from now on; borrowed until the next configure. An alert whose rule is still there (by name) goes
 * on under the new one; others are forgotten. */
void belay_alerts_configure(struct belay_alerts *a, const struct belay_alert_def *defs, uint32_t count);

/* One round of figures: sample each, then sampled: who was not seen in the round is fine. */
void belay_alerts_sample(struct belay_alerts *a, enum belay_alert_on on, struct belay_str subject, double value,
                         belay_time now);
void belay_alerts_sampled(struct belay_alerts *a, belay_time now);
/* Something was written to the log. */
void belay_alerts_event(struct belay_alerts *a, struct belay_str name, struct belay_str owner, belay_time now);
/* What that told of is known to be over: rules of exactly this event need not wait until their window is quiet. */
void belay_alerts_event_over(struct belay_alerts *a, struct belay_str name);

/* What has to be told now: of one rule all subjects with news of one kind. */
struct belay_alert_notice {
    const struct belay_alert_def *def;
    enum belay_alert_state state; /* FIRING or OVER */
    bool own;            /* about the flows that tell alerts themselves: for the log, told aloud it would go round */
    uint32_t count;      /* subjects, at least one */
    uint32_t firing;     /* subjects of the rule that fire once this is told */
    belay_time since;    /* of the oldest */
    double value;        /* the worst */
};
/* The next; false: none now. Nothing is done: what was not told is offered again. */
bool belay_alerts_next(struct belay_alerts *a, belay_time now, struct belay_alert_notice *ret_notice);
/* Its subjects, in the order in which they came. Same now as next, and nothing changed since; so below. */
void belay_alerts_each(struct belay_alerts *a, const struct belay_alert_notice *notice, belay_time now,
                       void (*each)(void *arg, const struct belay_alert *alert), void *arg);
/* It was told, with all its subjects. OVER: they are forgotten. */
void belay_alerts_told(struct belay_alerts *a, const struct belay_alert_notice *notice, belay_time now);
/* There was no room for it: the next ones come now, it is offered again after belay_alerts_sampled. */
void belay_alerts_held(struct belay_alerts *a, const struct belay_alert_notice *notice, belay_time now);

/* What was told is to be known after a restart. Each alert that was told is a row with a number; whoever keeps rows writes what
 * is unsaved with the notice, into the same commit. A row that could not be written is offered again: what dies before that is
 * told twice, and never not at all. */
/* The number of a row that is not as it should be, its bytes put to out; no bytes: it goes. 0: all are. */
uint64_t belay_alerts_unsaved(struct belay_alerts *a, struct belay_buf *out);
/* That row was written. */
void belay_alerts_saved(struct belay_alerts *a, uint64_t number);
/* A row of a process before this one, in the order of their numbers; after configure, before the first round. Errors: BELAY_CORRUPT,
 * BELAY_NOTFOUND (its rule is not there any more), BELAY_NOMEM: nobody knows of it any more, and the row is offered as one that goes. */
int belay_alerts_restore(struct belay_alerts *a, uint64_t number, struct belay_str bytes, belay_time now) BELAY_MUST_CHECK;

/* What is not told for now, also alerts that come only then. They outlive a configure: one may name a rule that is not
 * there (any more). */
struct belay_silences *belay_alerts_silences(struct belay_alerts *a);

/* By index from 0, pending ones too; false at the end. */
bool belay_alerts_look(const struct belay_alerts *a, uint32_t index, belay_time now, struct belay_alert *ret_alert);
uint32_t belay_alerts_firing(const struct belay_alerts *a);
uint64_t belay_alerts_dropped(const struct belay_alerts *a);
/* What the queues and flows are called that notices go through: this and the channel's name. */
#define BELAY_ALERT_OWN "alerts."
/* A name of the log, or a beginning and "*". */
bool belay_alert_matches(struct belay_str pattern, struct belay_str name);

#endif
