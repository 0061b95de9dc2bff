/* engine.h - broker, flows and sagas of one shard composed into one stepped machine.
 *
 *   request, outcome, job done, time -> belay_engine_step(now) -> actions, each once it is durable
 *
 * A step decides, appends records to the store, applies them, and queues actions with the journal
 * position they wait for; belay_engine_action gives an action out only when the store is durable through
 * that position (G1, G3: effects follow durability).  Where an action comes from:
 *
 *   request --run--> publishes + idempotency + reply in one commit -------------> REPLY
 *   delivery --run--> CALL verdict: start (+ progress) recorded ----------------> CALL
 *   outcome  --run--> DONE: publishes + ack in one commit ----------------------> LOG, EVENT
 *   saga next -----> intent recorded -------------------------------------------> CALL
 *
 * Sans-I/O: no clock, randomness, thread or log of its own.  The simulation and the runtime drive it by the
 * same five ports: disk, time (`now` of each call, monotone in the engine whatever the caller says), state
 * backend, background jobs (store/jobs.h; their done() is called on the engine thread between steps), and
 * connectors (CALL actions out, belay_engine_outcome in).  Randomness comes from opt->seed.
 *
 * A request of an API that is not yet answered lives in memory only (it is not accepted): after a crash the
 * client asks again, and the same idempotency key resumes it (BELAY_IDEMPOTENCY_RUNNING, interrupted).
 * What is in flight is noted in mapped pages (`in_flight`); what is found there at open is suspected (belay_broker_crashed),
 * runs first and one by one, and what kills the process again and again is quarantined (isolate.c).
 *
 * Uses: broker, flow, saga, platform/disk.h.  Thread: one, the shard's.
 */
#ifndef BELAY_ENGINE_ENGINE_H
#define BELAY_ENGINE_ENGINE_H

#include "belay/connector.h"
#include "broker/broker.h"
#include "flow/flow.h"
#include "model/definition.h"
#include "saga/saga.h"
#include "store/store.h"

struct belay_engine;
struct belay_lane; /* broker/lane.h */
struct belay_gate_ticket;

struct belay_engine_opt {
    struct belay_disk *disk;
    const struct belay_jobs *jobs;
    const struct belay_state_backend *state;
    uint64_t seed;
    belay_time now;                     /* at open */
    uint64_t store_bytes_max, journal_bytes_max, segment_bytes; /* 0: defaults of the store */
    size_t overlay_bytes_max, tail_cache_bytes;                 /* 0: defaults */
    uint32_t requests_max;              /* of APIs, unanswered; 0: default; beyond BELAY_BUSY */
    bool look, state_only;              /* as in store.h: only to look at what is there; never stepped */
    /* A definition from its stored text, for work that began under it; compiled against `current`, kept by the
     * engine as long as it is needed. kind: "flow" or "saga". Errors: BELAY_INVALID (no longer compiles). */
    int (*recompile)(void *arg, const struct belay_definitions *current, const char *kind, struct belay_str text,
                     struct belay_definitions **ret_one, struct belay_err *err);
    /* For tests; may be NULL. Told of each call that was let through, and of those that were not made after all. */
    void (*granted)(void *arg, const char *connection, const struct belay_gate_def *def,
                    const struct belay_gate_ticket *ticket, bool undone, belay_time now);
    void *arg;
};

/* Opens the store (blocking: recovery), loads what was in flight. Errors: belay_store_open's. */
int belay_engine_open(const struct belay_engine_opt *opt, struct belay_engine **ret_engine,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* Stopped or failed; no job in flight. Frees; writes nothing. */
void belay_engine_close(struct belay_engine *e);

/* Makes definitions the current ones (a reference is taken): declares topics, subscribes flows, sagas and
 * their awaits ("saga/step"), pauses subscriptions whose flow is gone, resumes those that came back.  Work in
 * flight ends on its old definition. All or nothing (configure.c): on failure the old ones stay, whole, and nothing
 * of these is asked any more. First call before the first step. Errors: BELAY_INVALID, BELAY_CONFLICT, BELAY_NOSPACE. */
int belay_engine_configure(struct belay_engine *e, struct belay_definitions *definitions, belay_time now,
                           struct belay_err *err) BELAY_MUST_CHECK;
const struct belay_definitions *belay_engine_definitions(const struct belay_engine *e);
/* The flow that answered the request of this id (the hash of a row BELAY_POISON_REQUEST, `lo`); none: the configuration has it
 * no more. */
struct belay_str belay_engine_request_flow(const struct belay_engine *e, uint64_t id);

/* ---- events in ---- */

/* A request to a flow with an API source; borrowed until its REPLY action was taken and finished. */
struct belay_engine_request {
    void *user;                         /* the runtime's; comes back in the reply */
    struct belay_str api, operation, method, target;
    const struct belay_field *headers;  /* names in lower case */
    uint32_t header_count;
    const struct belay_field *params;
    uint32_t param_count;
    /* What $request shows, put into arena; called with user while the request is borrowed, on the engine's
     * thread. NULL: nothing. Errors: BELAY_NOMEM. */
    int (*describe)(void *user, struct belay_arena *arena, const belay_json **ret_request);
    struct belay_str body, content_type;
    const belay_json *body_json;        /* NULL where the body is no JSON */
    struct belay_str correlationid, traceparent;
};
/* Taken: a REPLY follows, also one that there is no room for it. Errors, nothing taken: BELAY_BUSY (503 with
 * err->retry_after_ms), BELAY_UNAVAILABLE (held: 503), BELAY_NOTFOUND (no flow answers this operation: 501),
 * BELAY_CANCELLED (stopping: 503). */
int belay_engine_request(struct belay_engine *e, const struct belay_engine_request *request, belay_time now,
                         struct belay_err *err) BELAY_MUST_CHECK;
/* The outcome of a CALL action; borrowed for the call. Outcomes of unknown ids are ignored. */
void belay_engine_outcome(struct belay_engine *e, const struct belay_call_outcome *outcome, belay_time now);
/* The connector would not take the call (BELAY_BUSY, BELAY_CANCELLED): asked again later, no attempt used up.
 * Other statuses (BELAY_INVALID): a permanent fault of the step. */
void belay_engine_call_refused(struct belay_engine *e, uint64_t id, int status, const struct belay_err *err,
                               belay_time now);

/* Does what is due, in a bite of bounded length; starts commits, checkpoints, fetches. True: there is more to
 * do at once (call again after looking at the mailboxes). Call after each batch of events and at wake_at. */
bool belay_engine_step(struct belay_engine *e, belay_time now);
/* Earliest time at which step has something to do that is not caused by an event; BELAY_TIME_NEVER. */
belay_time belay_engine_wake_at(const struct belay_engine *e);
/* BELAY_OK, or why the engine stopped for good (failed sync, corrupt state): the process must end. */
int belay_engine_failed(const struct belay_engine *e, struct belay_err *err);

/* Held: nothing is delivered, called, or asked for by a timer, and requests are refused (BELAY_UNAVAILABLE), until
 * a person has looked. People can look and settle meanwhile. Not durable: who holds it says so again at a start. */
void belay_engine_hold(struct belay_engine *e, bool held);
bool belay_engine_held(const struct belay_engine *e);
/* No new deliveries, requests and saga calls from now on; what is in flight ends (or is left to recovery). */
void belay_engine_stop(struct belay_engine *e);
/* Stopped, and its time is over: what still waits for anything but a call that is out (room in the store, in a queue)
 * is left to recovery as after a crash, but nobody is suspected. Again after each step until it is idle. */
void belay_engine_cut(struct belay_engine *e);
/* Stopped, nothing in flight, everything durable, store idle. */
bool belay_engine_idle(const struct belay_engine *e);

/* ---- actions out ---- */

enum belay_action_kind { BELAY_ACTION_CALL, BELAY_ACTION_REPLY, BELAY_ACTION_LOG, BELAY_ACTION_EVENT };

struct belay_action_reply {
    void *user;
    uint32_t status;
    const struct belay_field *headers;
    uint32_t header_count;
    struct belay_str body;
    bool problem;                       /* an error: the runtime shapes problem+json from type and detail */
    struct belay_str type, detail;
    struct belay_str letter;            /* "FLOW/SEQUENCE" of what it is about; "" */
    uint32_t retry_after_ms;
};

/* Something an operator wants to know, named as in the log (base/events.c lists them):
 * message.retry, .dead_letter, .parked, .crashed, .duplicate; poison.quarantined, .payload, .signature; request.retry, .poisoned; saga.* (saga.h's news);
 * clock.jumped.  The runtime logs and counts. */
struct belay_action_event {
    uint8_t level;                      /* obs level */
    const char *name;                   /* static */
    uint64_t sequence;                  /* of the message in its topic; 0: none */
    uint32_t attempt, status;           /* 0: none; status: of HTTP */
    belay_time again_at;                /* 0: none */
    struct belay_str owner;             /* flow or saga */
    struct belay_str message_id, correlationid, traceparent, key;
    const struct belay_field *fields;
    uint32_t field_count;
    uint64_t duration_us;               /* 0: none */
};

struct belay_action {
    enum belay_action_kind kind;
    union {
        struct {
            const struct belay_connection_def *connection;
            const struct belay_call_request *request; /* id is the engine's */
            bool cancel;                /* end the call `request->id` early (flow timeout, stop) */
        } call;
        struct belay_action_reply reply;
        struct belay_action_event log;  /* of a `log` step; fields[0] is "message" */
        struct belay_action_event event;
    } u;
};
/* Next action whose position is durable; false: none now. Views valid until the next call of this function;
 * the connector copies the request, the reply is copied by the server. */
bool belay_engine_action(struct belay_engine *e, struct belay_action *ret_action);

/* ---- looking and operating (admin, on the engine's thread) ---- */

/* What they change becomes durable with the next commit: an answer that leaves the process waits until
 * belay_store_durable(store) >= belay_store_position(store) as of the change or the reading. */
struct belay_broker *belay_engine_broker(struct belay_engine *e);
belay_time belay_engine_now(const struct belay_engine *e);
/* Looks for lanes that stall and tells of them (lane.stalled, lane.recovered), for sagas that do not move, and
 * for subscriptions that cannot read on (flow.stopped). Call about
 * once a second. */
void belay_engine_watch(struct belay_engine *e, belay_time now);
/* What the lane waits for, as a sentence; cut to n bytes. */
void belay_engine_lane_why(struct belay_engine *e, const struct belay_lane *lane, char *to, size_t n);
/* The lane that a message of its subscription belongs to, by the flow as it is now; text from arena. Empty: none. */
struct belay_str belay_engine_lane_key(struct belay_engine *e, const struct belay_subscription *sub, const struct belay_message *m,
                                       struct belay_arena *arena);
struct belay_sagas *belay_engine_sagas(struct belay_engine *e);
struct belay_store *belay_engine_store(struct belay_engine *e);

/* A small text that is known again after a restart; an empty value: it goes. name: 1 to BELAY_NOTE_NAME_BYTES_MAX bytes.
 * Errors: BELAY_LIMIT, BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int belay_engine_note(struct belay_engine *e, struct belay_str name, struct belay_str value, struct belay_err *err) BELAY_MUST_CHECK;
/* The first note after `after` ("": from the beginning) whose name begins with prefix; in the order of their names.
 * Views until the next change. False: none. */
bool belay_engine_note_next(struct belay_engine *e, struct belay_str prefix, struct belay_str after,
                            struct belay_str *ret_name, struct belay_str *ret_value);

/* A person's word on a letter whose last call has an unknown outcome; it goes on at that step, in its lane. result: JSON,
 * the call's answer for DONE; "" none. Errors: BELAY_NOTFOUND; BELAY_CONFLICT (its outcome is known, or what it achieved is
 * lost: msg says so); BELAY_LIMIT, BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int belay_engine_letter_settle(struct belay_engine *e, struct belay_subscription *sub, uint64_t sequence,
                               enum belay_flow_settle how, struct belay_str result, belay_time now,
                               struct belay_err *err) BELAY_MUST_CHECK;

/* Counted since open. Balance of a flow (G4) comes from the broker's stats. */
struct belay_engine_stats {
    uint64_t steps, requests, replies, runs, runs_done, retries, letters, calls, calls_refused;
    uint32_t runs_in_flight, calls_in_flight, requests_open;
};
void belay_engine_stats(const struct belay_engine *e, struct belay_engine_stats *ret_stats);
struct belay_connection_stats {
    struct belay_str name;
    uint32_t in_flight, concurrency;      /* calls; at once, as found where that is automatic */
    uint32_t retries_in_flight, waiting;  /* runs of flows that wait for it in memory */
    bool automatic;
    uint64_t calls, failed, retries;
    uint64_t postponed;                   /* times that a retry was told to come back later */
    const char *breaker;                  /* "closed", "open", "half open"; "off" */
    uint32_t failed_percent;              /* of the breaker's window */
    belay_time open_until;                /* NEVER: it is not open */
    const char *held_by;                  /* what those that wait wait for: "breaker", "rate" ...; "" nobody waits */
};
/* Of one connection (index from 0; false at the end). */
bool belay_engine_connection_stats(const struct belay_engine *e, uint32_t index, struct belay_connection_stats *ret_stats);
struct belay_api_stats {
    struct belay_str name;
    uint32_t running, max_concurrent;     /* requests at work; 0: any number */
    uint32_t waiting;                     /* for their turn */
    uint32_t at_door;                     /* for room in the store */
    uint64_t answered, refused;           /* of those that were admitted; because none had room for them in time */
    double drain_per_second;              /* answered, as seen lately; 0: not known */
};
/* Of one API (index from 0; false at the end). */
bool belay_engine_api_stats(const struct belay_engine *e, uint32_t index, struct belay_api_stats *ret_stats);
/* The balance of every topic, subscription and saga out of the rows, as JSON (docs/admin-api.md), and what is wrong
 * with it: *ret_findings, 0 where every message is in exactly one state (G4). cancelled: NULL, or asked now and
 * then. Over an engine that only looks, or between two steps. Errors: BELAY_CANCELLED, BELAY_LIMIT (too long),
 * why the state cannot be read. */
int belay_engine_audit(struct belay_engine *e, bool (*cancelled)(void *arg), void *arg, struct belay_buf *out,
                       uint64_t *ret_findings, struct belay_err *err) BELAY_MUST_CHECK;
/* All invariants of broker, sagas and engine: slow; for tests. Errors: BELAY_CORRUPT. */
int belay_engine_check(struct belay_engine *e, struct belay_err *err) BELAY_MUST_CHECK;

#endif
