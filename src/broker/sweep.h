/* sweep.h - rows that say nothing any more.  Private to broker.
 * Uses: exception.h.  Thread: engine only. */
#ifndef BELAY_BROKER_SWEEP_H
#define BELAY_BROKER_SWEEP_H

#include "broker/exception.h"

#define SWEEP_PERIOD_US BELAY_US_PER_MS /* between two bites where no step comes by itself */
#define SWEEP_WAITING_MIN 4096 /* of fewer that wait, the row of one that is done goes at once */

/* The lane's row says nothing any more. */
void lane_over(struct belay_broker *b, struct belay_subscription *sub);
/* Of an exception that is removed: its row is to stay; else the caller deletes it. */
bool exception_stays(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x);
void sweep_tick(struct belay_broker *b);
void sweep_recovered(struct belay_broker *b);

#endif
