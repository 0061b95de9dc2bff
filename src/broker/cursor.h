/* cursor.h - what a subscription that keeps up costs: a cursor and ranges above it.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_CURSOR_H
#define BELAY_BROKER_CURSOR_H

#include "broker/resident.h"

#define GATHER_RANGES_MAX 256 /* of one subscription in a step, before they are flushed */
#define RANGES_MAX 8192       /* above a cursor; a cancel or seek that would make more is refused */

/* [first, end) is finished or an exception from now on: covered. Needs room for one range in covered. Returns
 * how many were not before. */
uint64_t cursor_cover(struct belay_subscription *sub, uint64_t first, uint64_t end);
/* The same, and no attempt of it is under way. Needs room for one range in started. */
uint64_t cursor_pass(struct belay_subscription *sub, uint64_t first, uint64_t end);
bool cursor_covers(const struct belay_subscription *sub, uint64_t sequence);
/* Room for what the next record may add. Errors: BELAY_NOMEM. */
int cursor_reserve(struct belay_subscription *sub, struct belay_err *err) BELAY_MUST_CHECK;
/* After it an ack of sub in this step does not fail. */
int gather_prepare(struct belay_broker *b, struct belay_subscription *sub, struct ranges *set, struct belay_err *err) BELAY_MUST_CHECK;
int gather_ack(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_err *err) BELAY_MUST_CHECK;
int gather_start(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_err *err) BELAY_MUST_CHECK;
void gather_flush(struct belay_broker *b, struct belay_subscription *sub);

#endif
