/* record.h - what the engine tells becomes log lines and figures.
 * Uses: obs, engine.  Thread: the engine's; the registry's text may be written from any. */
#ifndef BELAY_RUNTIME_RECORD_H
#define BELAY_RUNTIME_RECORD_H

#include "connector/http/server.h"
#include "engine/engine.h"
#include "obs/log.h"
#include "obs/metric.h"

#define RECORD_GAUGES_MAX 64
#define RECORD_TRAFFIC 8
#define RECORD_LIMITS 3

struct record {
    struct belay_log *log;
    struct belay_metrics *metrics;
    struct belay_family *events, *requests, *gauges[RECORD_GAUGES_MAX];
    struct belay_family *traffic[RECORD_TRAFFIC], *responses, *limits[RECORD_LIMITS];
    struct belay_histogram *step, *request;
    struct belay_counter *invalid_responses; /* the I/O thread's */
    struct belay_counter *replies[600]; /* of requests, by status; NULL: not found yet */
};

/* Defines the families. Errors: BELAY_EXISTS, BELAY_LIMIT, BELAY_NOMEM. */
int record_init(struct record *r, struct belay_log *log, struct belay_metrics *metrics,
                struct belay_err *err) BELAY_MUST_CHECK;
/* Part of init: the families that record_sample fills (gauges.c). */
int gauges_define(struct record *r, struct belay_err *err) BELAY_MUST_CHECK;
/* Part of init: the families of the HTTP servers (traffic.c). */
int traffic_define(struct record *r, struct belay_err *err) BELAY_MUST_CHECK;
/* A `log` step's line (is_log) or an event of the engine: a line and a count. */
void record_event(struct record *r, const struct belay_action_event *event, bool is_log, belay_time now);
/* What a server noticed; I/O thread. redact: what may not be told of it. */
void record_notice(struct record *r, const struct belay_http_notice *notice, const struct belay_redact *redact, belay_time now);
void record_step(struct record *r, uint64_t duration_us);
/* An answered request: status, time since its head was complete. */
void record_reply(struct record *r, uint32_t status, uint64_t duration_us);
/* Puts the figures of broker, sagas, store and engine into the registry. */
void record_sample(struct record *r, struct belay_engine *e, belay_time now);
/* Puts the figures of an API's server into the registry. */
void traffic_sample(struct record *r, struct belay_str api, const struct belay_http_server_stats *s);
/* And those of one of its rate limits. */
void traffic_sample_limit(struct record *r, struct belay_str api, const struct belay_http_limit_stats *s);

#endif
