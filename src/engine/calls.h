/* calls.h - a call, from the slot it got to its outcome (calls.c).  Private to engine.
 * It holds its connection's slot (ticket) and a reference of its definitions until it is given back to the table; an
 * orphan goes on without the run that wanted it.  Thread: engine. */
#ifndef BELAY_ENGINE_CALLS_H
#define BELAY_ENGINE_CALLS_H

#include "base/arena.h"
#include "base/limits.h"
#include "engine/engine.h"
#include "policy/gate.h"

struct engine_connection;
struct engine_run;

#define NO_INDEX UINT32_MAX /* no next_free: the end of the list */

/* A call of a run or of a saga, from the slot it got to its outcome. */
struct engine_call {
    uint32_t index, generation;
    bool used, out, saga, orphan; /* orphan: nobody waits for the outcome any more */
    bool noted;                         /* in the pages of what is in flight, beside the messages */
    bool ended;                         /* its ticket was given back: it waits only to be told */
    struct belay_gate_ticket ticket;
    struct engine_run *run;
    struct engine_connection *connection;
    const struct belay_connection_def *def;
    struct belay_definitions *set;      /* holds def; a reference */
    struct belay_call_request request;  /* saga: copied into arena; run: views of the run */
    uint64_t token;                     /* saga: its own id */
    bool outcome_waits;                 /* saga: the store had no room for it */
    struct belay_call_outcome outcome;  /* copied into arena */
    struct belay_arena arena;
    uint32_t next_free;
};

/* The run waits for a slot of the connection its verdict names. */
int engine_call_want(struct belay_engine *e, struct engine_run *r);
/* The run does not want its slot any more. */
void engine_call_unwant(struct engine_run *r);
/* Ends the call of a run early. `orphan`: the run does not wait for the outcome. */
void engine_call_cancel(struct belay_engine *e, struct engine_run *r, bool orphan);
/* The time of a message's run is over, and nobody saw the call it wants: it is not made, and the flow is told. */
void engine_call_late(struct belay_engine *e, struct engine_run *r);
/* Calls of sagas, then of runs, as slots are free; false: nothing more now. */
bool engine_calls_grant(struct belay_engine *e, uint32_t count_max);
/* Outcomes that sagas have no room for are left to recovery. */
void engine_calls_cut(struct belay_engine *e);
void engine_calls_free(struct belay_engine *e);
/* That saga's turn alone. NULL: it makes no call. */
struct engine_call *engine_call_saga(struct belay_engine *e, struct belay_str key);

#endif
