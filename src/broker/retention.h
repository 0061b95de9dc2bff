/* retention.h - what a topic keeps (retention.c).  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_RETENTION_H
#define BELAY_BROKER_RETENTION_H

#include "broker/resident.h"

/* Tells the store what is needed no more. */
void retention_tick(struct belay_broker *b);
/* Makes room for bytes more in a topic with retain_bytes; false: it is full of unfinished messages. */
bool retention_make_room(struct belay_broker *b, struct topic *t, size_t bytes);

#endif
