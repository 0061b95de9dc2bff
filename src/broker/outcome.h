/* outcome.h - how an attempt, or a message, ends.  Private to broker.
 * Uses: letter_impl.h, window.h.  Thread: engine only. */
#ifndef BELAY_BROKER_OUTCOME_H
#define BELAY_BROKER_OUTCOME_H

#include "broker/letter_impl.h"
#include "broker/window.h"

/* Becomes a letter now; stop: and on_exhausted says whether its subscription stops. Errors: as belay_broker_letter. */
int letter_now(struct belay_broker *b, struct entry *e, const struct belay_fault *fault, bool park, bool stop,
               struct belay_str progress, struct belay_hash128 definition, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- a letter's rows (outcome.c) ---- */

/* What a letter has beside its exception. 0 is no fingerprint. */
uint64_t letter_fingerprint(const struct belay_fault *fault, struct belay_str owner);
/* u32 length, the row; through b->message, whose status tells whether it is whole. */
void letter_pack_facts(struct belay_broker *b, struct belay_buf *r, const struct letter_facts *f);
/* message.p NULL: it is there already. */
void letter_put(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                struct belay_str facts, struct belay_str message);

/* ---- finish.c ---- */

enum finish_how { FINISH_DONE, FINISH_DISCARDED, FINISH_EXPIRED };
/* Ends a message that has rows, or one with a reason. held_in: the lane that holds it; NULL: none does. */
int finish_commit(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, enum finish_how how,
                  const struct belay_hash128 *held_in, struct belay_str reason, struct belay_str who,
                  struct belay_err *err) BELAY_MUST_CHECK;

#endif
