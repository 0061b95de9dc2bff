/* outcome.h - how an attempt, or a message, ends.  Private to broker.
 * Uses: window.h.  Thread: engine only. */
#ifndef BELAY_BROKER_OUTCOME_H
#define BELAY_BROKER_OUTCOME_H

#include "broker/window.h"

/* Becomes a letter now; stop: and on_exhausted says whether its subscription stops. Errors: as belay_broker_letter. */
int letter_now(struct belay_broker *b, struct entry *e, const struct belay_fault *fault, bool park, bool stop,
               struct belay_str progress, struct belay_hash128 definition, struct belay_err *err) BELAY_MUST_CHECK;

enum settle_how { SETTLE_DONE, SETTLE_DISCARDED, SETTLE_EXPIRED };
/* Ends a message that has rows, or one with a reason. lane: of a held one, NULL. */
int settle_commit(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, enum settle_how how,
                  const struct belay_hash128 *held_in, struct belay_str reason, struct belay_str who,
                  struct belay_err *err) BELAY_MUST_CHECK;

#endif
