/* traffic.c - the figures of the HTTP servers of the APIs, looked up when somebody asks. */
#include "runtime/impl.h"

enum figure { CONNECTIONS, REFUSED_CONNECTIONS, REQUESTS, REFUSED_REQUESTS, BYTES_IN, BYTES_OUT, OPEN, IN_HAND, FIGURES };

_Static_assert(FIGURES == RECORD_TRAFFIC, "a family for every figure");

static const struct belay_metric_def defs[FIGURES] = {
    [CONNECTIONS] = { "belay_http_connections_total", "Connections that clients opened.", BELAY_METRIC_COUNTER,
                      BELAY_UNIT_ONE, { "api" }, 0 },
    [REFUSED_CONNECTIONS] = { "belay_http_connections_refused_total", "Connections beyond the limit.",
                              BELAY_METRIC_COUNTER, BELAY_UNIT_ONE, { "api" }, 0 },
    [REQUESTS] = { "belay_http_requests_total", "Requests whose head was read.", BELAY_METRIC_COUNTER,
                   BELAY_UNIT_ONE, { "api" }, 0 },
    [REFUSED_REQUESTS] = { "belay_http_requests_refused_total", "Requests the server answered by itself: bad, or no room.",
                           BELAY_METRIC_COUNTER, BELAY_UNIT_ONE, { "api" }, 0 },
    [BYTES_IN] = { "belay_http_received_bytes_total", "Bytes that came, within TLS.", BELAY_METRIC_COUNTER,
                   BELAY_UNIT_BYTES, { "api" }, 0 },
    [BYTES_OUT] = { "belay_http_sent_bytes_total", "Bytes that went, with TLS.", BELAY_METRIC_COUNTER,
                    BELAY_UNIT_BYTES, { "api" }, 0 },
    [OPEN] = { "belay_http_connections_open", "Connections now.", BELAY_METRIC_GAUGE, BELAY_UNIT_ONE, { "api" }, 0 },
    [IN_HAND] = { "belay_http_requests_open", "Requests handed over and not yet answered.", BELAY_METRIC_GAUGE,
                  BELAY_UNIT_ONE, { "api" }, 0 },
};

static const struct belay_metric_def responses_def = {
    "belay_http_responses_total", "Answers by the class of their status; none: the connection was dropped.",
    BELAY_METRIC_COUNTER, BELAY_UNIT_ONE, { "api", "class" }, 0 };

static const struct belay_metric_def limit_defs[RECORD_LIMITS] = {
    { "belay_rate_limit_passed_total", "Requests that a rate limit of an API let through.", BELAY_METRIC_COUNTER,
      BELAY_UNIT_ONE, { "api", "limit" }, 0 },
    { "belay_rate_limit_refused_total", "Requests answered 429 because of a rate limit.", BELAY_METRIC_COUNTER,
      BELAY_UNIT_ONE, { "api", "limit" }, 0 },
    { "belay_rate_limit_shared_total", "Requests of callers who shared a bucket, for there were too many of them.",
      BELAY_METRIC_COUNTER, BELAY_UNIT_ONE, { "api", "limit" }, 0 },
};

int traffic_define(struct record *r, struct belay_err *err)
{
    int status = BELAY_OK;
    for (int i = 0; i < RECORD_LIMITS && status == BELAY_OK; i++)
        status = belay_metrics_define(r->metrics, &limit_defs[i], &r->limits[i], err);
    for (int i = 0; i < FIGURES && status == BELAY_OK; i++)
        status = belay_metrics_define(r->metrics, &defs[i], &r->traffic[i], err);
    return status == BELAY_OK ? belay_metrics_define(r->metrics, &responses_def, &r->responses, err) : status;
}

/* The server counts; a reload that opens it anew begins at 0, as Prometheus expects. */
static void set(struct belay_counter *c, uint64_t value)
{
    belay_counter_add_owned(c, value - belay_counter_get(c));
}

void traffic_sample(struct record *r, struct belay_str api, const struct belay_http_server_stats *s)
{
    static const struct belay_str classes[6] = { BELAY_STR_INIT("none"), BELAY_STR_INIT("1xx"), BELAY_STR_INIT("2xx"),
                                                 BELAY_STR_INIT("3xx"), BELAY_STR_INIT("4xx"), BELAY_STR_INIT("5xx") };
    const uint64_t counts[] = { s->connections_total, s->connections_refused, s->requests_total, s->requests_refused,
                                s->bytes_in, s->bytes_out };
    for (int i = CONNECTIONS; i <= BYTES_OUT; i++)
        set(belay_counter_of(r->traffic[i], &api), counts[i]);
    for (int i = 0; i < 6; i++)
        set(belay_counter_of(r->responses, (struct belay_str[]){ api, classes[i] }), s->responses[i]);
    belay_gauge_set(belay_gauge_of(r->traffic[OPEN], &api), s->connections);
    belay_gauge_set(belay_gauge_of(r->traffic[IN_HAND], &api), s->requests);
}

void traffic_sample_limit(struct record *r, struct belay_str api, const struct belay_http_limit_stats *s)
{
    const struct belay_str labels[2] = { api, belay_str_c(s->name) };
    const uint64_t counts[RECORD_LIMITS] = { s->passed, s->refused, s->shared };
    for (int i = 0; i < RECORD_LIMITS; i++)
        set(belay_counter_of(r->limits[i], labels), counts[i]);
}
