/* room.h - the engine itself: all that it holds between two steps.  Private to engine.
 *
 *   runs.h          a message or request on its way through a flow: states, the step
 *   requests.h      runs of APIs: keys, deadlines, answers         apis.h         how many at once
 *   deliveries.h    runs of messages: retries, letters             definitions.h  which flow or saga consumes what
 *   connections.h   who may call, and when                         calls.h        from the grant to the outcome
 *   effects.h       what a verdict publishes and logs              actions.h      what leaves, once it is durable
 *   idempotency.h   who works under a key                          poison.h       what fails again and again
 *   flight.h        what is in flight, should the process die      isolate.h      what was, one by one
 *   timers.h  notes.h  clock.h  sagas.h  news.h  record.h
 *
 * Invariants (belay_engine_check): a run is in the list its state names; a BLOCKED run publishes to a limited queue;
 * a connection's in_flight is the number of its calls; positions in the ring never go down; an idempotency key has
 * one run at most. Thread: engine. */
#ifndef BELAY_ENGINE_ROOM_H
#define BELAY_ENGINE_ROOM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "broker/crash.h"
#include "engine/engine.h"

struct engine_api;
struct engine_call;
struct engine_connection;
struct engine_consumer;
struct engine_event;
struct engine_flight; /* flight.c: bytes of the mapped pages */
struct engine_held;
struct engine_run;
struct engine_timer;

/* Sagas that were at work when the process died. */
struct engine_accused {
    struct belay_str *keys;     /* memory of their own each */
    uint32_t count;
    uint32_t told, next;        /* how many are written down; whose turn it is alone */
    bool alone;
    uint64_t request;           /* the last that was noted, and how many were */
    uint32_t requests;
    bool request_alone, request_told; /* nothing else was at work; it is written down */
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
    struct belay_list free_runs, door, working, stalled, blocked, answered;
    uint32_t door_count, stalled_count, blocked_count, runs_used, requests_open;
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

/* ---- engine.c ---- */

/* The engine stops for good. */
void engine_fail(struct belay_engine *e, int status, const struct belay_err *err);
/* A status of a room: true when it only means "no room now". Anything else that is not OK is fatal. */
bool engine_no_room(struct belay_engine *e, int status, const struct belay_err *err);

#endif
