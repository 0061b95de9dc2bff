/* schedule.h - messages that appear in their topic later (schedule.c).  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_SCHEDULE_H
#define BELAY_BROKER_SCHEDULE_H

#include "broker/resident.h"

/* Publishes what is due, a bite; what finds no room stays due. */
void schedule_tick(struct belay_broker *b);
void schedule_recovered(struct belay_broker *b);

#endif
