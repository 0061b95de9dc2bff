/* impl.h - what the files of this room share: the engine, its runs, its calls, what it holds.
 *
 * A run is one message (or one request of an API) on its way through a flow:
 *
 *               begin            slot free          outcome
 *  (ADMITTING comes before AT_WORK where too many requests of an API are)
 *   FREE --> AT_WORK --CALL--> QUEUED --------> CALLING -----> AT_WORK ...
 *               |                 ^  `-- refused: WAITING --'
 *               |--RETRY--> request: WAITING --due--> AT_WORK (a new attempt)
 *               |           delivery: FREE (the broker waits)
 *               |--DONE, LETTER--> FREE, or for a request ANSWERED until its reply was taken
 *               |--no room in the store--> STALLED --room--> (as its verdict says)
 *               `--its queue is full-----> BLOCKED --room--> (as its verdict says)
 *
 * engine_run_go steps it; engine_run_settle does what its verdict says; runs.c has the table.
 * Invariants (belay_engine_check): a run is in the list its state names; a BLOCKED run publishes to a limited queue; a connection's in_flight is the
 * number of its calls; positions in the ring never go down; an idempotency key has one run at most.
 */
#ifndef BELAY_ENGINE_IMPL_H
#define BELAY_ENGINE_IMPL_H

#include <stdio.h>

#include "base/heap.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/random.h"
#include "base/sm.h"
#include "engine/engine.h"
#include "policy/drain.h"
#include "policy/gate.h"

#define RECORD_CLOCK (BELAY_RECORD_ENGINE + 1)      /* time */
#define RECORD_DEFINITION (BELAY_RECORD_ENGINE + 2) /* kind, hash, name, text */
#define RECORD_TIMER (BELAY_RECORD_ENGINE + 3)      /* flow, next */
#define RECORD_NOTE (BELAY_RECORD_ENGINE + 4)       /* name, value */
#define RECORD_VERSION 1

enum engine_run_kind { RUN_REQUEST, RUN_DELIVERY };
enum engine_run_state {
    RUN_FREE,
    RUN_AT_WORK,  /* on the stack */
    RUN_ADMITTING, /* a request: too many of its API are at work */
    RUN_QUEUED,   /* for a slot of its connection */
    RUN_CALLING,  /* its call is held or out */
    RUN_WAITING,  /* for its timer */
    RUN_STALLED,  /* its verdict found no room in the store */
    RUN_BLOCKED,  /* what it publishes to is full: a run has no other way to wait for that */
    RUN_ANSWERED, /* its reply is held */
    RUN_STATES
};

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

/* Requests of an API: at work, and waiting for their turn (apis.c). */
struct engine_api {
    char name[BELAY_NAME_BYTES_MAX + 1];
    uint32_t max, running, waiting_count;
    uint32_t allowed;             /* max, or as many as were at work when it was lowered */
    uint64_t max_wait_ms, answered, refused;
    struct belay_list waiting;    /* runs, the oldest first */
    struct belay_drain drain;
};

struct engine_call;

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
    /* of a request */
    const struct belay_engine_request *request;
    struct engine_api *api;
    bool admitted;                /* it counts as one that is at work */
    belay_time waits_since;       /* ADMITTING */
    struct belay_message message;
    char id[33];
    uint32_t attempt;
    belay_time first_at, deadline;
    belay_time waits_until;       /* BLOCKED, once it was: then it is refused; 0: not yet */
    uint32_t full_after_ms;       /* found_full: when to ask again */
    struct belay_str full_topic;  /* found_full: which; a view of its flow's */
    struct belay_buf progress;
    struct belay_action_reply reply;
    /* idempotency, of both kinds */
    struct belay_str map_key, scope, key; /* from arena */
    struct belay_hash128 payload;
    struct belay_arena arena;
};

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

/* An event or a log record on its way out: all copied. */
struct engine_event {
    struct engine_event *next_free;
    struct belay_action_event event;
    struct belay_arena arena;
};

struct engine_held {
    uint64_t position;
    enum belay_action_kind kind;
    bool cancel;
    uint32_t generation; /* CALL: of the call as it was */
    union {
        struct engine_call *call;
        struct engine_run *run;
        struct engine_event *event;
    } u;
};

enum engine_consumer_kind { CONSUMER_NONE, CONSUMER_FLOW, CONSUMER_SAGA, CONSUMER_AWAIT };
struct engine_consumer {
    enum engine_consumer_kind kind;
    const struct belay_flow_def *flow;
    const struct belay_saga_def *saga;
    uint32_t step;
    struct belay_subscription *sub;
};

/* A definition that can be found by its hash. */
struct engine_kept {
    uint8_t key[17]; /* 'f' or 's', hash */
    struct belay_definitions *set;
    const struct belay_flow_def *flow;
    const struct belay_saga_def *saga;
    bool current;
};

struct engine_timer { /* a flow with a timer as its source */
    const struct belay_flow_def *flow;
    belay_time next;
    char topic[BELAY_NAME_BYTES_MAX + 8];
};

struct engine_flight; /* flight.c: bytes of the mapped pages */

/* Sagas that were at work when the process died. */
struct engine_accused {
    struct belay_str *keys;     /* memory of their own each */
    uint32_t count;
    uint32_t told, next;        /* how many are written down; whose turn it is alone */
    bool alone;
};

struct belay_engine {
    struct belay_engine_opt opt;
    struct belay_store *store;
    struct belay_state *state;
    struct belay_broker *broker;
    struct belay_sagas *sagas;
    struct belay_random random;
    struct belay_host_function functions[1];

    /* time */
    belay_time now, wall;       /* of the engine; as the caller said last */
    belay_time recorded;        /* the latest that is in the journal */
    uint64_t records_seen;      /* that the clock was recorded with */

    /* definitions */
    struct belay_definitions *current;
    const struct belay_redact *redact; /* current's: what logs and faults may not tell */
    struct belay_map kept;      /* struct engine_kept by key */
    struct engine_consumer *consumers; /* by subscription id */
    uint32_t consumer_count;
    struct engine_timer *timers;
    uint32_t timer_count;
    struct engine_connection **connections;
    uint32_t connection_count;
    struct engine_api **apis;
    uint32_t api_count;

    /* runs */
    struct belay_flow_pool *flow_pool;
    struct engine_run **runs;   /* all that were ever made */
    uint32_t run_count, run_cap, run_max;
    struct belay_list free_runs, working, stalled, blocked, answered;
    uint32_t stalled_count, blocked_count, runs_used, requests_open;
    belay_time stalled_until, blocked_until;
    struct belay_heap due;      /* runs by timer */
    struct belay_map keys;      /* runs by idempotency scope and key */
    struct belay_arena arena;   /* of what is done at once */
    struct belay_buf buf;

    /* calls */
    struct engine_call **calls;
    uint32_t call_count, call_free, calls_used, outcomes_waiting;

    /* actions */
    struct engine_held *ring;
    uint32_t ring_head, ring_count;
    struct engine_run *shown_run;     /* what the last action showed */
    struct engine_event *shown_event, *free_events;
    uint32_t event_count;
    uint64_t events_dropped;

    struct belay_file *flight_file;
    struct engine_flight *flight;
    struct engine_accused accused;
    struct belay_crash uncounted; /* what the last process died of, as long as there is no room to write it down */
    belay_time uncounted_until;   /* then it is let go: a full disk has to drain */
    uint64_t crash_position; /* of what says whom the last process died of; 0: durable, or nobody */
    /* one by one (isolate.c) */
    bool isolating;
    struct engine_run *alone;   /* the suspect at work; NULL: none */
    struct engine_call *alone_saga; /* the same, a saga's call */
    belay_time alone_until, isolate_until;

    bool stopping;
    bool held;                  /* nothing begins until a person has looked */
    int failed;
    struct belay_err failure;
    struct belay_engine_stats stats;
};
#define NO_INDEX UINT32_MAX

static inline struct belay_str engine_name(const struct engine_connection *c)
{
    return belay_str_c(c->name);
}

/* ---- engine.c ---- */
/* The engine stops for good. */
void engine_fail(struct belay_engine *e, int status, const struct belay_err *err);
/* A status of a room: true when it only means "no room now". Anything else that is not OK is fatal. */
bool engine_no_room(struct belay_engine *e, int status, const struct belay_err *err);

/* ---- clock.c ---- */
void engine_clock_open(struct belay_engine *e, belay_time wall);
void engine_clock_tick(struct belay_engine *e, belay_time wall);
/* Before the flush: the commit that begins or grows tells the time. */
void engine_clock_record(struct belay_engine *e);
belay_time engine_clock_wall(const struct belay_engine *e, belay_time engine_time);
int engine_clock_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
void engine_clock_load(struct belay_engine *e);

/* ---- definitions.c ---- */
const struct belay_flow_def *engine_flow_of(struct belay_engine *e, struct belay_hash128 hash,
                                            struct belay_definitions **ret_set);
const struct belay_saga_def *engine_saga_of(void *arg, struct belay_str name,
                                            struct belay_hash128 hash);
int engine_definition_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
void engine_definitions_free(struct belay_engine *e);
struct engine_consumer *engine_consumer_of(struct belay_engine *e,
                                           const struct belay_subscription *sub);

/* ---- runs.c ---- */
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
void engine_run_settle(struct belay_engine *e, struct engine_run *r);
void engine_run_stall(struct belay_engine *e, struct engine_run *r);
/* Tries what stalled again. */
void engine_runs_unstall(struct belay_engine *e);
/* Tries what waits for room in a queue again. */
void engine_runs_unblock(struct belay_engine *e);
/* Timers that are due: retries of requests, deadlines. */
void engine_runs_due(struct belay_engine *e);
/* What has no call out ends now; and the same when the drain is over, also of what finds no room in the store. */
void engine_runs_stop(struct belay_engine *e);
void engine_runs_cut(struct belay_engine *e);
void engine_runs_free(struct belay_engine *e);

/* ---- idempotency.c ---- */
bool engine_key_set(struct belay_engine *e, struct engine_run *r, struct belay_str scope,
                    struct belay_str key);
struct engine_run *engine_key_holder(struct belay_engine *e, const struct engine_run *r);
int engine_key_claim(struct belay_engine *e, struct engine_run *r);
void engine_key_release(struct belay_engine *e, struct engine_run *r);
/* A reply as bytes, and back (views of bytes, fields from arena). */
void engine_answer_pack(struct belay_buf *out, const struct belay_action_reply *reply);
bool engine_answer_unpack(struct belay_str bytes, struct belay_arena *arena,
                          struct belay_action_reply *ret_reply);

/* ---- effects.c: publications, logs ---- */
/* Can all that the run publishes be appended now, with `extra` bytes beside it? BELAY_OK; BELAY_BUSY or
 * BELAY_NOSPACE: not now; BELAY_INVALID: never, *ret_fault says why. */
int engine_effects_check(struct belay_engine *e, struct engine_run *r, size_t extra,
                         struct belay_fault *ret_fault);
/* belay_flow_input's admit: a full queue that rejects is the step's error. arg: the run's `owner`. */
bool engine_effects_admit(void *arg, const struct belay_publication *p, struct belay_fault *ret_fault);
void engine_effects_publish(struct belay_engine *e, struct engine_run *r);
void engine_effects_log(struct belay_engine *e, struct engine_run *r);

/* ---- requests.c ---- */
int engine_request_settle(struct belay_engine *e, struct engine_run *r);
void engine_request_again(struct belay_engine *e, struct engine_run *r);
/* What it wants to call is not called now: 503, and when to ask again. */
void engine_request_breaker_open(struct belay_engine *e, struct engine_run *r, const struct engine_connection *c);
void engine_request_begin(struct belay_engine *e, struct engine_run *r);
void engine_request_deadline(struct belay_engine *e, struct engine_run *r);
/* It waits for room in a queue, as long as its API lets it; and has waited so long. */
void engine_request_block(struct belay_engine *e, struct engine_run *r);
void engine_request_blocked(struct belay_engine *e, struct engine_run *r);
/* An error as the answer; nothing of the run took effect. */
void engine_request_refuse(struct belay_engine *e, struct engine_run *r, uint32_t status,
                           const char *type, struct belay_str detail, uint32_t retry_after_ms);

/* ---- apis.c ---- */
int engine_apis_configure(struct belay_engine *e, const struct belay_definitions *d, struct belay_err *err);
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

/* ---- deliveries.c ---- */
/* Hands messages to flows and sagas, so many or about so many bytes of them; false: nothing more now. */
bool engine_deliver(struct belay_engine *e, uint32_t count_max, size_t bytes_max);
/* Room for another run, its actions and what it may leave in the store? */
bool engine_may_deliver(const struct belay_engine *e);
void engine_deliver_one(struct belay_engine *e, struct belay_delivery *d);
int engine_delivery_settle(struct belay_engine *e, struct engine_run *r);
/* A retry that may not be made now: the broker has it again until later, no attempt used up. BELAY_CONFLICT: it is
 * none that the broker can put away; BELAY_BUSY, NOSPACE: nothing happened. The run is gone when OK. */
int engine_delivery_postpone(struct belay_engine *e, struct engine_run *r, struct engine_connection *c);
/* Too many of its flow wait already: the broker keeps it for a moment. The run is gone. */
void engine_delivery_give_back(struct belay_engine *e, struct engine_run *r);

/* ---- connections.c: the one place where it is decided who may call ---- */
int engine_connections_configure(struct belay_engine *e, const struct belay_definitions *d,
                                 struct belay_err *err);
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

/* ---- calls.c ---- */
/* The run waits for a slot of the connection its verdict names. */
int engine_call_want(struct belay_engine *e, struct engine_run *r);
/* The run does not want its slot any more. */
void engine_call_unwant(struct belay_engine *e, struct engine_run *r);
/* Ends the call of a run early. `orphan`: the run does not wait for the outcome. */
void engine_call_cancel(struct belay_engine *e, struct engine_run *r, bool orphan);
/* Calls of sagas, then of runs, as slots are free; false: nothing more now. */
bool engine_calls_grant(struct belay_engine *e, uint32_t count_max);
/* Outcomes that sagas have no room for are left to recovery. */
void engine_calls_cut(struct belay_engine *e);
void engine_calls_free(struct belay_engine *e);

/* ---- actions.c ---- */
int engine_actions_init(struct belay_engine *e);
void engine_actions_free(struct belay_engine *e);
void engine_hold_call(struct belay_engine *e, struct engine_call *c, bool cancel);
void engine_hold_reply(struct belay_engine *e, struct engine_run *r);
/* Copies; dropped (and counted) where too many wait. m may be NULL. */
void engine_hold_event(struct belay_engine *e, enum belay_action_kind kind,
                       const struct belay_action_event *event, const struct belay_message *m);
/* An event (of level, name, owner, what is known of the attempt) with the usual fields of a fault. */
void engine_tell_fault(struct belay_engine *e, const struct belay_action_event *event,
                       const struct belay_message *m, const struct belay_fault *fault);
/* For the sagas (sagas.c). */
void engine_tell_saga(void *arg, const struct belay_saga_news *news);
void engine_tell_saga_letter(void *arg, const struct belay_delivery *d, const struct belay_fault *fault);
bool engine_actions_crowded(const struct belay_engine *e);
void engine_actions_clamp(struct belay_engine *e);

/* ---- timers.c ---- */
int engine_timers_configure(struct belay_engine *e, const struct belay_definitions *d,
                            struct belay_err *err);
void engine_timers_fire(struct belay_engine *e);
belay_time engine_timers_wake_at(const struct belay_engine *e);
int engine_timer_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
/* ---- notes.c ---- */
int engine_note_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);
/* Name of the queue that a timer's messages go through. */
void engine_timer_topic(const struct belay_flow_def *flow, char *ret_name, size_t size);
void engine_timers_free(struct belay_engine *e);

/* ---- flight.c ---- */
/* What is found there; items from e->arena. */
int engine_flight_open(struct belay_engine *e, struct belay_crash *ret_crash, struct belay_err *err);
/* A message's flow is about to be stepped; FLIGHT_OTHER: something that is no message. */
#define FLIGHT_OTHER UINT32_MAX
void engine_flight_at_work(struct belay_engine *e, uint32_t sub, uint64_t sequence);
void engine_flight_idle(struct belay_engine *e);
/* A message is in flight from here on, and no more. */
void engine_flight_note(struct belay_engine *e, const struct engine_run *r);
void engine_flight_unnote(struct belay_engine *e, const struct engine_run *r);
/* Whose call it is: of which saga; no more. */
void engine_flight_saga(struct belay_engine *e, const struct engine_call *c, struct belay_str key);
void engine_flight_saga_ended(struct belay_engine *e, const struct engine_call *c);
/* Whose turn it is, after a take of FLIGHT_OTHER. */
void engine_flight_saga_at_work(struct belay_engine *e, struct belay_str key);
/* A call of a saga or a request is under way; no more. */
void engine_flight_other(struct belay_engine *e, bool begins);
/* The process ends in order: nothing it did ended it. */
void engine_flight_clear(struct belay_engine *e);
/* What the last process died of is durable: messages may be delivered. */
bool engine_flight_is_known(struct belay_engine *e);
/* What the last process died of, written down: nothing is delivered before. False: not yet. (engine.c) */
bool engine_crash_count(struct belay_engine *e);
void engine_flight_close(struct belay_engine *e);

/* ---- isolate.c: what was in flight when the process died runs one by one ---- */
void engine_isolate_begin(struct belay_engine *e);
/* Hands a suspect out where that may be now. True: nobody is suspected, the others may go. */
bool engine_isolate(struct belay_engine *e);
/* The suspect's call waits for its commit, and is out: only then its time begins. */
void engine_isolate_granted(struct belay_engine *e, const struct engine_run *r);
void engine_isolate_out(struct belay_engine *e, const struct engine_run *r);
/* The same of a saga's call; ended: it has no outcome to come. */
void engine_isolate_saga_out(struct belay_engine *e, const struct engine_call *c, bool ended);
/* The sagas' part of a crash, in the commit that counts it. Errors: BELAY_BUSY, BELAY_NOSPACE: again later. */
int engine_accuse(struct belay_engine *e, const struct belay_crash *crash, struct belay_err *err);
void engine_accused_free(struct belay_engine *e);
uint32_t engine_deaths_allowed(const struct belay_engine *e, const struct belay_flow_def *flow);
/* The crash before is not written down yet. */
static inline bool engine_is_uncounted(const struct belay_engine *e)
{
    return e->uncounted.count || e->uncounted.others_named;
}
/* That saga's turn alone. NULL: it makes no call. (calls.c) */
struct engine_call *engine_call_saga(struct belay_engine *e, struct belay_str key);
/* NEVER: not isolating. */
belay_time engine_isolate_wake_at(const struct belay_engine *e);
/* So many deaths, and it is quarantined instead of being run. True: the delivery is gone. */
bool engine_quarantine(struct belay_engine *e, struct belay_delivery *d, const struct belay_flow_def *flow);

/* ---- poison.c: what fails again and again ---- */
/* An attempt failed. True: it is to become a letter now, whatever its policy says; *ret_fault says why. *ret_pause: its
 * flow is to be paused, once the delivery has ended. */
bool engine_poison_failed(struct belay_engine *e, struct engine_run *r, const struct belay_fault *fault,
                          struct belay_fault *ret_fault, bool *ret_pause);
void engine_poison_pause(struct belay_engine *e, struct belay_subscription *sub);
/* It succeeded after all. */
void engine_poison_succeeded(struct belay_engine *e, struct engine_run *r);
/* It killed the process: whoever sends the same is refused. */
void engine_poison_quarantined(struct belay_engine *e, const struct belay_delivery *d, const struct belay_flow_def *flow,
                               const struct belay_fault *fault);
/* True: the request's payload is known to be poison where it goes, and it was answered so. */
bool engine_poison_refuses(struct belay_engine *e, struct engine_run *r);

/* ---- sagas.c: what flows see of sagas ---- */
int engine_saga_function(void *arg, struct belay_arena *arena, const struct belay_value *args,
                         uint32_t count, struct belay_value *ret, struct belay_err *err);

#endif
