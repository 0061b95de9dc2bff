/* runs.h - a run, its states, its step (runs.c).  Private to engine.
 *
 * A run is one message (or one request of an API) on its way through a flow:
 *
 *               begin            slot free          outcome
 *  (before AT_WORK a request may be AT_DOOR, while the store is busy, and ADMITTING, where too many of its API are)
 *   FREE --> AT_WORK --CALL--> QUEUED --------> CALLING -----> AT_WORK ...
 *               |                 ^  `-- refused: WAITING --'
 *               |--RETRY--> request: WAITING --due--> AT_WORK (a new attempt)
 *               |           delivery: FREE (the broker waits)
 *               |--DONE, LETTER--> FREE, or for a request ANSWERED until its reply was taken
 *               |--no room in the store--> STALLED --room--> (as its verdict says)
 *               `--its queue is full-----> BLOCKED --room--> (as its verdict says)
 *
 * engine_run_go steps it; engine_run_enact does what its verdict says; runs.c has the table.
 *
 * A run belongs to the engine, in whatever state: engine_run_free takes it back to the pool, with its delivery or
 * request let go by whoever ended those.  Functions that say "the run is gone" have done that. Thread: engine. */
#ifndef BELAY_ENGINE_RUNS_H
#define BELAY_ENGINE_RUNS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "engine/engine.h"

struct engine_api;
struct engine_call;
struct engine_connection;
struct engine_turn;

enum engine_run_kind { RUN_REQUEST, RUN_DELIVERY };
enum engine_run_state {
    RUN_FREE,
    RUN_AT_WORK,  /* on the stack */
    RUN_AT_DOOR,  /* a request: the store takes nothing more just now */
    RUN_ADMITTING, /* a request: too many of its API are at work */
    RUN_QUEUED,   /* for a slot of its connection */
    RUN_CALLING,  /* its call is held or out */
    RUN_WAITING,  /* for its timer */
    RUN_STALLED,  /* its verdict found no room in the store */
    RUN_BLOCKED,  /* what it publishes to is full: a run has no other way to wait for that */
    RUN_ANSWERED, /* its reply is held */
    RUN_STATES
};

struct engine_run {
    uint32_t index;               /* among all runs: of its note in the pages (flight.c) */
    struct belay_list node;       /* of the list its state names */
    struct belay_heap_node timer; /* due (WAITING), else the deadline */
    uint8_t kind, state, verdict;
    bool started;                 /* delivery: the attempt is recorded */
    bool begun;                   /* request: its idempotency row says RUNNING */
    bool keyed;                   /* it is in e->keys */
    bool key_waits;               /* WAITING: for another run with its key */
    bool interrupted;
    bool in_doubt;                /* request: it is not known what a call with its key did, so the key stays RUNNING */
    bool once;                    /* request: the call that was granted last may not be repeated */
    bool achieved;                /* request: such a call was done */
    bool cancelled;               /* its deadline passed, the call was told to end */
    bool found_full;              /* what it publishes to, when its verdict was to be made true last */
    bool kept;                    /* BLOCKED: what it achieved is durable */
    struct belay_flow_run *flow;
    const struct belay_flow_def *def;
    struct belay_definitions *set; /* a reference */
    struct belay_delivery *delivery;
    struct engine_connection *connection; /* QUEUED, CALLING */
    struct engine_turn *turn;             /* QUEUED */
    bool retry;                           /* QUEUED: among the retries */
    struct engine_call *call;             /* CALLING */
    bool called;                          /* there was one */
    /* of a request */
    const struct belay_engine_request *request;
    struct engine_api *api;
    bool admitted;                /* it counts as one that is at work */
    belay_time waits_since;       /* AT_DOOR, ADMITTING */
    struct belay_message message;
    char id[33];
    uint32_t attempt;
    belay_time first_at, deadline;
    belay_time waits_until;       /* AT_DOOR, BLOCKED, once it was: then it is refused; 0: not yet */
    uint32_t full_after_ms;       /* found_full: when to ask again */
    struct belay_str full_topic;  /* found_full: which; a view of its flow's */
    struct belay_buf progress;
    struct belay_action_reply reply;
    /* idempotency, of both kinds */
    struct belay_str map_key, scope, key; /* from arena */
    struct belay_str stands_at;           /* request: the step whose call its row speaks of; the flow's */
    struct belay_hash128 payload;
    struct belay_arena arena;
};

/* NULL: as many as may be, or no memory. */
struct engine_run *engine_run_new(struct belay_engine *e, enum engine_run_kind kind,
                                  const struct belay_flow_def *def, struct belay_definitions *set);
void engine_run_free(struct belay_engine *e, struct engine_run *r);
void engine_run_move(struct belay_engine *e, struct engine_run *r, enum engine_run_state to);
/* The same where its node is in the list of the new state already. */
void engine_run_moved(struct belay_engine *e, struct engine_run *r, enum engine_run_state to);
void engine_run_timer(struct belay_engine *e, struct engine_run *r, belay_time at);
/* Starts (or starts again) the flow. False: *err says why. */
int engine_run_begin(struct belay_engine *e, struct engine_run *r, struct belay_err *err);
/* One step of the flow and what follows from it. outcome: NULL at first. */
void engine_run_go(struct belay_engine *e, struct engine_run *r,
                   const struct belay_call_outcome *outcome);
/* False: the store is busy, as it will be for others: what was asked for is small. The run is stalled. */
bool engine_run_enact(struct belay_engine *e, struct engine_run *r);
void engine_run_stall(struct belay_engine *e, struct engine_run *r);
/* Tries what stalled again. Returns how many are no longer. */
uint32_t engine_runs_unstall(struct belay_engine *e);
/* Tries what waits for room in a queue again. */
void engine_runs_unblock(struct belay_engine *e);
/* Timers that are due: retries of requests, deadlines. */
void engine_runs_due(struct belay_engine *e);
/* What has no call out ends now; and the same when the drain is over, also of what finds no room in the store. */
void engine_runs_stop(struct belay_engine *e);
void engine_runs_cut(struct belay_engine *e);
void engine_runs_free(struct belay_engine *e);

#endif
