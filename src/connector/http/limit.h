/* limit.h - how many requests a second an API takes, of all, of each caller or of each address: 429 beyond.
 *
 * Limits by address are asked once the route is known, before anybody's credentials cost anything; all others once it
 * is known who asks, so that strangers use up nobody's share. What one limit refuses uses up no other one's tokens
 * (of the same time of asking). Answers carry RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10):
 *
 *   RateLimit-Policy: "total";q=500;w=1, "partner";q=10;w=1
 *   RateLimit: "total";r=412;t=1, "partner";r=0;t=3
 *
 * q tokens come back in w seconds; r are left; t is when one has them all again, in a refusal when to come again.
 *
 * Uses: api, exchange, base/buckets, libuv.  Thread: the I/O thread; compiled elsewhere; counts are read from any. */
#ifndef BELAY_CONNECTOR_HTTP_LIMIT_H
#define BELAY_CONNECTOR_HTTP_LIMIT_H

#include <stdatomic.h>

#include "base/buckets.h"
#include "model/api_def.h"

struct belay_openapi;
struct http_exchange;

struct http_limit {
    const struct belay_limit_def *def; /* borrowed as the tape is */
    struct belay_rate all;             /* BY_ALL */
    struct belay_buckets *callers;     /* the others */
    _Atomic uint64_t passed, refused, shared;
    uint64_t told_at_ms, told_refused; /* when the receiver was told, and how many had been refused then */
    struct belay_str policy;           /* "\"total\";q=500;w=1" */
};

/* Those that opt names, in api's arena; each operation learns which are its own. Errors: BELAY_NOMEM. */
int http_limits_compile(struct belay_openapi *api, const struct belay_limit_def *defs, uint32_t count, struct belay_err *err)
    BELAY_MUST_CHECK;
void http_limits_deinit(struct belay_openapi *api);
/* I/O thread: buckets and counts of limits that stay as they were go on in api. */
void http_limits_start(struct belay_openapi *api, struct belay_openapi *old, uint64_t seed);

/* Takes one token of each limit of x's operation: known false of those by address, else of the others. Otherwise takes
 * none, x is refused with 429, and returns that. 0: goes on; x->limited has the fields for its answer. */
uint32_t http_limits_pass(struct http_exchange *x, bool known);

#endif
