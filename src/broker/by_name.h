/* by_name.h - a message by its number: compensating a publish, poison, admin.  Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_BY_NAME_H
#define BELAY_BROKER_BY_NAME_H

#include "broker/broker.h"

enum belay_message_state {
    BELAY_MESSAGE_QUEUED, BELAY_MESSAGE_HELD, BELAY_MESSAGE_IN_FLIGHT, BELAY_MESSAGE_WAITING,
    BELAY_MESSAGE_PARKED, BELAY_MESSAGE_DEAD, BELAY_MESSAGE_DONE, BELAY_MESSAGE_EXPIRED,
    BELAY_MESSAGE_DISCARDED, BELAY_MESSAGE_SCHEDULED
};
const char *belay_message_state_name(enum belay_message_state state);
/* Of one subscription; *ret_attempts may be NULL. Done and discarded both read as DONE below the cursor. */
enum belay_message_state belay_broker_state_of(struct belay_broker *b, struct belay_subscription *sub,
                                               uint64_t sequence, uint32_t *ret_attempts);
/* Takes a message that is queued, held, waiting, parked or dead out of the subscription, with a reason
 * (G4). *ret_attempted: an attempt ever began. BELAY_BUSY: it is in flight, ask again later.
 * BELAY_NOTFOUND: done already. */
int belay_broker_cancel(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                        struct belay_str reason, belay_time now, bool *ret_attempted, struct belay_err *err) BELAY_MUST_CHECK;

#endif
