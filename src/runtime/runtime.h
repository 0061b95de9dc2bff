/* runtime.h - one shard composed and alive: data directory, threads, servers, connections.
 *
 *   main thread: open, reload, stop, close        I/O threads: HTTP in, one per outgoing connection
 *   engine thread: the only one that touches the engine; everything reaches it through one mailbox
 *   job threads: one for each lane of store/jobs.h
 *
 * Life:  open (recovers, listens) -> running -> stop -> draining -> ended() -> close
 *   stop: servers take nothing new, the engine begins nothing new; what is in flight ends or, after
 *   drain_ms, is left to recovery. A failed engine (a sync that failed) ends by itself: ended() comes,
 *   belay_runtime_failed says why.  From ended() to close visits and requests are told that it has stopped.
 *
 * Uses: engine, config, connector/http, platform, obs.  Thread: as said at each function.
 */
#ifndef BELAY_RUNTIME_RUNTIME_H
#define BELAY_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/alert.h"
#include "config/config.h"
#include "engine/engine.h"
#include "obs/log.h"
#include "obs/metric.h"
#include "platform/clock.h"
#include "platform/random.h"
#include "runtime/veil.h"

struct belay_runtime;

struct belay_runtime_opt {
    const char *data_dir;        /* made when it is not there */
    const struct belay_config_opt *config; /* where flows come from; read again by reload; outlives it */
    const struct belay_clock *clock;
    const struct belay_entropy *entropy;
    struct belay_log *log;
    struct belay_metrics *metrics;
    struct belay_veil *veil;     /* told which definitions are in force; outlives it. NULL: nobody */
    uint64_t store_bytes_max;    /* 0: what the disk has */
    uint32_t drain_ms;           /* of a stop */
    /* Called once on the engine thread when it has ended, after a stop or a failure. */
    void (*ended)(void *arg);
    void *arg;
};

/* Blocking: configuration, recovery, connections, listening. On return requests are served.
 * Errors: BELAY_INVALID (problems says what), BELAY_LOCKED, BELAY_VERSION, BELAY_CORRUPT, BELAY_EXISTS
 * (a port is in use), BELAY_IO, BELAY_NOSPACE, BELAY_NOMEM. Main thread. */
int belay_runtime_open(const struct belay_runtime_opt *opt, struct belay_problems *problems,
                       struct belay_runtime **ret_runtime, struct belay_err *err) BELAY_MUST_CHECK;
/* Reads the configuration again and, where it is right, makes it the current one: all or nothing.
 * Blocking. Errors: BELAY_INVALID (problems), BELAY_CANCELLED (stopping, ended), what belay_engine_configure
 * and listening return. Main thread. */
int belay_runtime_reload(struct belay_runtime *rt, struct belay_problems *problems, struct belay_err *err) BELAY_MUST_CHECK;
/* Begins the stop; ended() follows. A second call cuts the drain short. Main thread. */
void belay_runtime_stop(struct belay_runtime *rt);
/* After ended(): joins the threads, closes everything, frees. Main thread. */
void belay_runtime_close(struct belay_runtime *rt);

/* BELAY_OK, or why the engine ended by itself. After ended(). */
int belay_runtime_failed(const struct belay_runtime *rt, struct belay_err *err);
/* True between open and stop. Any thread. */
bool belay_runtime_ready(const struct belay_runtime *rt);
const char *belay_runtime_data_dir(const struct belay_runtime *rt);
struct belay_metrics *belay_runtime_metrics(const struct belay_runtime *rt);
/* A reference to the definitions in force (belay_definitions_unref). Any thread. NULL: without a veil. */
struct belay_definitions *belay_runtime_definitions(const struct belay_runtime *rt);
/* "http://127.0.0.1:7000" of each API that listens, by index; empty at the end. Main thread. */
struct belay_str belay_runtime_api_url(const struct belay_runtime *rt, uint32_t index, struct belay_str *ret_name);

struct belay_http_limit_stats; /* connector/http/server.h */
/* A rate limit of an API that listens, by index; false: it has no more. Any thread. */
bool belay_runtime_api_limit(struct belay_runtime *rt, struct belay_str api, uint32_t index,
                             struct belay_http_limit_stats *ret_stats);

/* ---- visits: work of the admin API on the engine's thread ---- */

struct belay_visit {
    /* On the engine thread. True: finished; false: belay_visit_finish will be called (after a fetch). */
    bool (*run)(struct belay_visit *v, struct belay_engine *e, belay_time now);
    /* On the engine thread, once all that run saw or changed is durable: only now may it be told.
     * failed: it will never be (the engine failed). The visit is the visitor's again. */
    void (*done)(struct belay_visit *v, bool failed);
    /* the runtime's own */
    struct belay_list node;
    uint64_t position;
    bool finished, again;
};
/* Hands v over; done follows. Any thread. Errors: BELAY_BUSY, BELAY_CANCELLED (ended); v stays the caller's. */
int belay_runtime_visit(struct belay_runtime *rt, struct belay_visit *v) BELAY_MUST_CHECK;
/* Engine thread, within run: run is called once more in a later turn, so that a long look holds up nobody.
 * One visit a turn goes on. */
void belay_visit_again(struct belay_runtime *rt, struct belay_visit *v);
/* Engine thread. */
void belay_visit_finish(struct belay_runtime *rt, struct belay_visit *v);

/* What a call would send now. Engine thread. Errors: the connector's; BELAY_NOTFOUND (no such connection any more). */
int belay_runtime_preview(struct belay_runtime *rt, struct belay_str connection, const struct belay_call_request *request,
                          struct belay_arena *arena, struct belay_call_preview *ret_preview,
                          struct belay_err *err) BELAY_MUST_CHECK;

/* ---- alerts; engine thread (within a visit) ---- */

struct belay_alerts *belay_runtime_alerts(struct belay_runtime *rt);
/* Not told until then. Durable when the visit is done. Errors: as belay_silences_put, BELAY_NOSPACE, BELAY_BUSY. */
int belay_runtime_silence(struct belay_runtime *rt, const struct belay_silence *silence, uint64_t *ret_number,
                          struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: BELAY_NOTFOUND, BELAY_NOSPACE, BELAY_BUSY. */
int belay_runtime_unsilence(struct belay_runtime *rt, uint64_t number, struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: BELAY_NOTFOUND (channel), BELAY_NOSPACE, BELAY_BUSY. */
int belay_runtime_alert_test(struct belay_runtime *rt, struct belay_str channel, struct belay_str who, belay_time now,
                             struct belay_err *err) BELAY_MUST_CHECK;
/* ---- keeping the store: one audit and one backup at a time, in the background; engine thread (within a visit) ---- */

struct belay_keep_stats {
    const char *work;            /* "audit", "backup"; "": none was asked for yet */
    const char *state;           /* "waiting" (for a checkpoint), "running", "done", "failed" */
    belay_time began_at, ended_at;
    uint64_t findings;           /* of an audit that is done */
    struct belay_str to;         /* of a backup: its folder */
    uint64_t bytes_done, bytes_total; /* of a backup; total 0: not known yet */
    uint64_t position;           /* of a backup that is done */
    struct belay_str report;     /* JSON of a work that is done; else empty. Until the next work begins */
    int status;                  /* failed: with which one; else BELAY_OK */
    struct belay_str error;      /* failed: why */
};
/* The balance as of a commit from now on. Errors: BELAY_CONFLICT (one is under way), BELAY_CANCELLED (stopping). */
int belay_runtime_audit_start(struct belay_runtime *rt, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* A backup into a folder that does not exist or is empty, as of a commit from now on, at most so many bytes a second
 * (0: any). It gives way where the journal runs out of room. Errors: as above, BELAY_LIMIT. */
int belay_runtime_backup_start(struct belay_runtime *rt, struct belay_str to, uint64_t rate, belay_time now,
                               struct belay_err *err) BELAY_MUST_CHECK;
/* It ends soon, as failed with BELAY_CANCELLED. Errors: BELAY_NOTFOUND (none is under way). */
int belay_runtime_backup_cancel(struct belay_runtime *rt, struct belay_err *err) BELAY_MUST_CHECK;
/* Why nothing begins: the store was restored, and nobody has said resume; "": it runs. */
struct belay_str belay_runtime_held(const struct belay_runtime *rt);
/* A person has looked. Durable when it returns. Errors: BELAY_CONFLICT (it is not held), the disk's. */
int belay_runtime_resume(struct belay_runtime *rt, struct belay_err *err) BELAY_MUST_CHECK;
/* The last one that was asked for. */
void belay_runtime_audit_stats(const struct belay_runtime *rt, struct belay_keep_stats *ret_stats);
void belay_runtime_backup_stats(const struct belay_runtime *rt, struct belay_keep_stats *ret_stats);

/* A line that says who did what and why. event: a literal, as in the log. */
void belay_runtime_audit(struct belay_runtime *rt, belay_time now, const char *event, struct belay_str who,
                         struct belay_str what, struct belay_str reason);

/* ---- figures that are the runtime's own (others: engine, broker, store) ---- */

struct belay_runtime_stats {
    uint64_t step_us_worst;      /* longest engine step since the last look */
    uint64_t loops, sleeps;      /* of the engine thread */
    belay_time started_at;
};
/* Engine thread (within a visit). */
void belay_runtime_stats(struct belay_runtime *rt, struct belay_runtime_stats *ret_stats);
/* Puts the figures of broker, sagas, store and engine into the metrics. Engine thread (within a visit). */
void belay_runtime_sample(struct belay_runtime *rt, belay_time now);

#endif
