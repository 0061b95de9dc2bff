/* silence.h - what is not to be told for a while, until when, who said so and why.
 *
 * A silence fits alerts by what they are: a rule and a subject, each a name, a beginning and "*", or "" for any, and a
 * level. It has a number, by which it is taken back, and as text (pack) it outlives the process: whoever keeps that gives
 * it back with belay_silences_put. One that is over says nothing and is offered for forgetting.
 *
 * Uses: model.  Thread: one owner.  Bounds: BELAY_SILENCES_MAX. */
#ifndef BELAY_ALERT_SILENCE_H
#define BELAY_ALERT_SILENCE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/time.h"
#include "model/alert_def.h"

enum belay_silence_level { BELAY_SILENCE_ANY, BELAY_SILENCE_WARN, BELAY_SILENCE_ERROR };

struct belay_silence {
    uint64_t number;             /* from 1 */
    belay_time made_at, until;
    struct belay_str rule, subject; /* patterns; not both empty with level ANY: "*" is every rule */
    enum belay_silence_level level;
    struct belay_str who, reason;
};

struct belay_silences {
    struct belay_list list;
    uint32_t count;
    uint64_t last; /* number */
};

void belay_silences_init(struct belay_silences *s);
void belay_silences_deinit(struct belay_silences *s);

/* Copied; replaces one of the same number; number 0: it gets the next. *ret_number may be NULL.
 * Errors: BELAY_INVALID (nothing named; no reason), BELAY_LIMIT (a text, their number), BELAY_NOMEM. */
int belay_silences_put(struct belay_silences *s, const struct belay_silence *silence, uint64_t *ret_number,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* False: there is none. */
bool belay_silences_remove(struct belay_silences *s, uint64_t number);
/* By index from 0; false at the end. Views until it is removed. */
bool belay_silences_look(const struct belay_silences *s, uint32_t index, struct belay_silence *ret_silence);
/* The number of one that is over; 0: none. */
uint64_t belay_silences_over(const struct belay_silences *s, belay_time now);
/* Until when an alert of that rule about that subject is not told; 0: it is. */
belay_time belay_silences_until(const struct belay_silences *s, const struct belay_alert_def *def,
                                struct belay_str subject, belay_time now);

/* As bytes, and back: texts are views of them. Errors: BELAY_CORRUPT (also of a later version). */
void belay_silence_pack(struct belay_buf *out, const struct belay_silence *silence);
int belay_silence_unpack(struct belay_str bytes, struct belay_silence *ret_silence) BELAY_MUST_CHECK;

#endif
