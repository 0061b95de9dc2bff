/* unreadable.h - rows of the state that cannot be read (unreadable.c).  Private to broker.
 *
 * A row comes from a disk, so one that makes no sense is no bug: what it stands for is told by name, once a process, and
 * all that does not need it goes on.
 *
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_UNREADABLE_H
#define BELAY_BROKER_UNREADABLE_H

#include "broker/resident.h"

/* What the row stands for, and what becomes of that: "a scheduled message ...: it stays where it is". Cut to fit. */
void unreadable_found(struct belay_broker *b, const char *fmt, ...) BELAY_PRINTF(2, 3);

/* Can the message be read? Errors: BELAY_CORRUPT: never, whatever the reason; BELAY_NOMEM: nobody knows. */
int unreadable_message(struct belay_str encoded) BELAY_MUST_CHECK;

#endif
