/* alerts_keep.h - what alerts have to know after a restart: silences, and what was told.
 * Uses: alert, engine.  Thread: the engine's. */
#ifndef BELAY_RUNTIME_ALERTS_KEEP_H
#define BELAY_RUNTIME_ALERTS_KEEP_H

#include "runtime/alerts.h"

/* Those that are over go; where there is no room for that now, in a later round. */
void alerts_forget_silences(struct alerts *a, struct belay_engine *e, belay_time now);
/* What was told, into the commit of its notice; what finds no room now is written in a later round. */
void alerts_keep_told(struct alerts *a, struct belay_engine *e);

#endif
