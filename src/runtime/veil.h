/* veil.h - what may not be told, for those who are on no engine's thread: the log, and who asks the admin API.
 *
 * It holds the definitions in force, and beside them those that are to be, or were before: their secrets may be under way.
 * Uses: config's definitions, obs.  Thread: any, at the same time, between init and deinit. */
#ifndef BELAY_RUNTIME_VEIL_H
#define BELAY_RUNTIME_VEIL_H

#include "model/definition.h"
#include "obs/log.h"
#include "platform/thread.h"

struct belay_veil {
    struct belay_mutex mutex;
    struct belay_definitions *now, *beside; /* references; NULL */
    struct belay_log_sink to;
};

/* Lines go to `to`. */
void belay_veil_init(struct belay_veil *v, struct belay_log_sink to);
void belay_veil_deinit(struct belay_veil *v);
/* A sink that hides secrets in each line; one that hides nothing until definitions are set. */
struct belay_log_sink belay_veil_sink(struct belay_veil *v);
/* They may come into force: their secrets are hidden too. */
void belay_veil_coming(struct belay_veil *v, struct belay_definitions *d);
/* They are in force from now on. */
void belay_veil_set(struct belay_veil *v, struct belay_definitions *d);
/* A reference to those in force (belay_definitions_unref); NULL: none yet. */
struct belay_definitions *belay_veil_definitions(struct belay_veil *v);

#endif
