/* connections.h - a connection: its gate, and the runs that wait for it (connections.c): the one place where it is
 * decided who may call.  Private to engine. A connection lives until the engine ends: definitions come and go, what
 * it learned of the other side stays.  Thread: engine. */
#ifndef BELAY_ENGINE_CONNECTIONS_H
#define BELAY_ENGINE_CONNECTIONS_H

#include "base/limits.h"
#include "base/list.h"
#include "engine/engine.h"
#include "policy/gate.h"

struct engine_run;

#define TURN_WAITING_MAX 1024u /* runs of one flow that wait for one connection; beyond it its messages stay put */

struct engine_turn {              /* the runs of one flow that wait for a connection: flows take turns */
    char flow[BELAY_NAME_BYTES_MAX + 1];
    struct belay_list firsts, retries;
    uint32_t count;
};

struct engine_connection {
    char name[BELAY_NAME_BYTES_MAX + 1];
    struct belay_gate_def def;
    struct belay_gate gate;
    struct engine_turn **turns;
    uint32_t turn_count, next_turn;
    uint32_t waiting_count, retries_waiting;
    uint64_t calls, failed, retries, postponed;
    bool run_went_last;           /* of runs and sagas, who got the last slot while both wanted one */
    bool retry_went_last;         /* the same of retries and first tries */
    uint8_t held_by;              /* enum belay_gate_answer: what the last one that had to wait waits for */
    belay_time wake_at;           /* when the gate is to be asked again without an event; NEVER */
};

static inline struct belay_str engine_name(const struct engine_connection *c)
{
    return belay_str_c(c->name);
}

/* A place for each; then they can be configured. Errors: BELAY_NOMEM. */
int engine_connections_make(struct belay_engine *e, const struct belay_definitions *d, struct belay_err *err) BELAY_MUST_CHECK;
void engine_connections_configure(struct belay_engine *e, const struct belay_definitions *d);
/* Also one of a definition older than the process. NULL: no memory. */
struct engine_connection *engine_connection_need(struct belay_engine *e,
                                                 const struct belay_connection_def *def);
bool engine_may_call(void *arg, const struct belay_connection_def *connection, bool retry,
                     belay_time *ret_at);
/* False: not now; the connection knows when it is to be asked again. */
bool engine_gate_lets(struct belay_engine *e, struct engine_connection *c, bool retry);
void engine_gate_begin(struct belay_engine *e, struct engine_connection *c, bool retry,
                       struct belay_gate_ticket *ret_ticket);
void engine_gate_end(struct belay_engine *e, struct engine_connection *c,
                     const struct belay_gate_ticket *ticket, enum belay_call_end end);
void engine_gate_undo(struct belay_engine *e, struct engine_connection *c,
                      const struct belay_gate_ticket *ticket);
/* A run waits for its turn. BELAY_NOMEM. */
int engine_turn_push(struct engine_connection *c, struct engine_run *r, bool retry);
void engine_turn_remove(struct engine_run *r);
/* The run whose turn it is, where one may call now; NULL. */
struct engine_run *engine_turn_next(struct belay_engine *e, struct engine_connection *c, bool *ret_retry);
/* It got its slot: the next flow is next. */
void engine_turn_taken(struct engine_connection *c, bool retry);
belay_time engine_connections_wake_at(const struct belay_engine *e);
void engine_connections_free(struct belay_engine *e);

#endif
