/* alerts_look.h - the figures that alert rules look at, out of the engine and what stands around it.
 * Uses: alert, engine, listeners, certificates.  Thread: the engine's. */
#ifndef BELAY_RUNTIME_ALERTS_LOOK_H
#define BELAY_RUNTIME_ALERTS_LOOK_H

#include "alert/alert.h"
#include "engine/engine.h"

struct certificates;
struct listeners;

/* One round of figures. listeners, certificates: NULL where there are none (tests). */
void alerts_look(struct belay_alerts *rules, struct belay_engine *e, struct listeners *listeners,
                 struct certificates *certificates, belay_time now);

#endif
