/* lane_impl.h - a lane in trouble beside the window: what stands behind its head, and what an operator asks of it.
 * Private to broker.
 * Uses: held.h, window.h.  Thread: engine only. */
#ifndef BELAY_BROKER_LANE_IMPL_H
#define BELAY_BROKER_LANE_IMPL_H

#include "broker/held.h"
#include "broker/window.h"

/* The pending entries of a lane in trouble (or, with the busy entry as its head, of a long one) become
 * held. Errors: BELAY_BUSY, BELAY_NOSPACE, BELAY_NOMEM: they stay as they are. */
int lane_hold(struct belay_broker *b, struct belay_subscription *sub, struct lane *lane, struct belay_err *err) BELAY_MUST_CHECK;
/* For apply: a message in flight, so far no exception, is the head of the lane from now on. */
void lane_head_in_flight(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                         struct belay_str key, uint64_t head, belay_time first_attempt_at, bool progress);
/* All lanes in sub->troubled. False: some could not. */
bool lanes_hold(struct belay_broker *b, struct belay_subscription *sub);

/* ---- what an operator does with one (lane_operate.c) ---- */

/* Errors: BELAY_NOTFOUND: it is not in trouble. */
int lane_find_row(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key, struct lane_row *ret_row,
                  struct belay_err *err) BELAY_MUST_CHECK;

/* Since when a lane stands that is not parked (lane_watch.c); NEVER: none does. */
belay_time lane_stands_since(struct belay_broker *b, const struct belay_subscription *sub);

#endif
