/* host.h - what the connections of one server share, without sockets: limits, the API, time, counts
 * and recycled requests.  Uses: api, base.
 * Thread: the I/O thread, but for the counters (read anywhere) and `post` (called anywhere). */
#ifndef BELAY_CONNECTOR_HTTP_HOST_H
#define BELAY_CONNECTOR_HTTP_HOST_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/random.h"
#include "connector/http/api.h"
#include "connector/http/server.h"

struct http_exchange;

/* The time of the turn of the loop. */
struct http_clock {
    uint64_t now_ms; /* monotone */
    belay_time wall;
    int64_t date_s; /* the second that date tells */
    char date[40];  /* "date: Tue, 15 Nov 1994 08:12:31 GMT\r\n" */
};

void http_clock_set(struct http_clock *clock, uint64_t now_ms, belay_time wall);

/* Written by the I/O thread alone, so a count is a load and a store. */
struct http_counters {
    _Atomic uint64_t connections_total, connections_refused, requests_total, requests_refused;
    _Atomic uint64_t responses[6];
    _Atomic uint64_t bytes_in, bytes_out;
    _Atomic uint32_t connections, requests;
    _Atomic int64_t certificate_until; /* belay_time; 0: no TLS */
};

#define HTTP_COUNT(counter, n)                                                              \
    atomic_store_explicit(&(counter), atomic_load_explicit(&(counter), memory_order_relaxed) + (n), \
                          memory_order_relaxed)

struct http_host {
    struct belay_str name;
    struct belay_openapi *api; /* NULL: everything is handed over */
    struct belay_http_limits limits;
    belay_http_on_request *on_request;
    void *on_request_arg;
    /* Takes an answered exchange to http_exchange_came_back on the I/O thread. */
    void (*post)(struct http_host *host, struct http_exchange *x);
    /* A request was handed over; NULL: nobody asks. */
    void (*handed)(struct http_host *host);
    belay_http_on_notice *notice; /* NULL: nobody asks */
    struct http_clock *clock;
    struct belay_random random;
    size_t bodies_bytes;
    uint32_t exchanges; /* alive, the free ones not counted */
    bool draining;      /* no request is taken any more */
    struct belay_list free;
    uint32_t free_count;
    struct http_counters counters;
};

/* limits as configured; zeros become the defaults. */
void http_host_init(struct http_host *host, const struct belay_http_limits *limits);
/* No exchange is alive. Releases the API. */
void http_host_deinit(struct http_host *host);

#endif
