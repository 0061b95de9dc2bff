/* apis.h - how many requests of an API are at work, and who waits for a turn (apis.c).  Private to engine.
 * Thread: engine. */
#ifndef BELAY_ENGINE_APIS_H
#define BELAY_ENGINE_APIS_H

#include "base/limits.h"
#include "base/list.h"
#include "engine/engine.h"
#include "policy/drain.h"

struct engine_run;

/* Requests of an API: at work, and waiting for their turn. */
struct engine_api {
    char name[BELAY_NAME_BYTES_MAX + 1];
    uint32_t max, running, waiting_count, at_door;
    uint32_t allowed;             /* max, or as many as were at work when it was lowered */
    uint64_t max_wait_ms, answered, refused;
    struct belay_list waiting;    /* runs, the oldest first */
    struct belay_drain drain;
};

/* NULL: there is none. */
struct engine_api *engine_api_of(const struct belay_engine *e, struct belay_str name);
/* A place for each; then they can be configured. Errors: BELAY_NOMEM. */
int engine_apis_make(struct belay_engine *e, const struct belay_definitions *d, struct belay_err *err) BELAY_MUST_CHECK;
void engine_apis_configure(struct belay_engine *e, const struct belay_definitions *d);
void engine_apis_free(struct belay_engine *e);
/* False: not now: it waits for its turn, or was refused. */
bool engine_api_admit(struct belay_engine *e, struct engine_run *r);
/* It waits no more: its turn, its end. */
void engine_api_leave(struct engine_run *r);
/* It has waited as long as it may. */
void engine_api_waited(struct belay_engine *e, struct engine_run *r);
/* The run ends. */
void engine_api_done(struct engine_run *r);
/* Those whose turn it is. */
void engine_apis_admit(struct belay_engine *e);
belay_time engine_apis_wake_at(const struct belay_engine *e);
int engine_apis_check(const struct belay_engine *e, struct belay_err *err);

#endif
