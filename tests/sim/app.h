/* app.h - the configuration that the simulated world runs: every kind of flow, and a saga whose steps
 * can each fail.  Uses: config.  Two editions, so that work in flight meets a reload. */
#ifndef SIM_APP_H
#define SIM_APP_H

#include "model/definition.h"

/* Compiled once for the process; a reference each time. edition: 0 or 1. Prints what is wrong and
 * returns NULL where it does not compile. */
struct belay_definitions *sim_app(int edition);
/* As belay_engine_opt.recompile. */
int sim_app_recompile(void *arg, const struct belay_definitions *current, const char *kind,
                      struct belay_str text, struct belay_definitions **ret_one,
                      struct belay_err *err);

#endif
