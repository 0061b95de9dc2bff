/* lane_filter.h - lanes that are surely well, told without the state.  Private to broker.
 *
 * While any lane is in trouble each lane that comes into the window would be looked for among the rows of LANE, and nearly
 * all are well.  This is a Bloom filter of the lanes that have rows: no false negatives once it is complete.
 *
 *   UNKNOWN --a walk over all rows ends--> COMPLETE --many rows came since, or none is left--> walked, or emptied, again
 *
 * Volatile; a start that finds lanes in trouble begins with a walk, a bite a tick.  Until it ends the state is asked.
 * Uses: resident.h.  Thread: engine only.  Invariant: complete, every row of LANE is in it. */
#ifndef BELAY_BROKER_LANE_FILTER_H
#define BELAY_BROKER_LANE_FILTER_H

#include "broker/resident.h"

#define LANE_FILTER_WORN 65536 /* rows that came, of four times as many lanes as are in trouble: it is walked again */

/* False: the lane has no row. */
bool lane_filter_may(const struct belay_broker *b, uint32_t sub, struct belay_hash128 lane);
/* Its row is put. */
void lane_filter_add(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane);
/* The last lane in trouble of a subscription got well. */
void lane_filter_well(struct belay_broker *b);
void lane_filter_recovered(struct belay_broker *b);
void lane_filter_tick(struct belay_broker *b);
void lane_filter_free(struct belay_broker *b);

#endif
