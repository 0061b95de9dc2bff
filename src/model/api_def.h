/* api_def.h - APIs: where they listen, who may call and how often.  Uses: base; the OpenAPI document is opaque
 * here.  Thread: immutable once made. */
#ifndef BELAY_MODEL_API_DEF_H
#define BELAY_MODEL_API_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rate.h"
#include "base/str.h"
#include "model/place.h"

/* How callers prove who they are: what the configuration says about one security scheme of the document. */
struct belay_security_def {
    struct belay_str name;                    /* of the scheme */
    const struct belay_field *keys; uint32_t key_count;   /* who -> key (apiKey) */
    const struct belay_field *users; uint32_t user_count; /* user -> password (http basic) */
    struct belay_str jwks_text, jwks_url;     /* tokens: one of both */
    struct belay_str issuer;
    const struct belay_str *audiences; uint32_t audience_count;
    uint32_t leeway_ms, refresh_ms;
    const struct belay_str *subjects; uint32_t subject_count; /* of certificates; none: any */
};

/* How many requests a second the edge takes; those beyond are told 429. */
enum belay_limit_by {
    BELAY_LIMIT_BY_ALL,     /* one bucket for whoever comes */
    BELAY_LIMIT_BY_CALLER,  /* one for each who proved who he is; of the others one for each address */
    BELAY_LIMIT_BY_ADDRESS  /* one for each address, before anybody proves anything */
};

struct belay_limit_def {
    struct belay_str name;
    struct belay_rate_def rate;
    enum belay_limit_by by;
    const struct belay_str *operations; uint32_t operation_count; /* together; none: all of the API */
    uint32_t callers_max; /* told apart at once; those beyond share buckets */
    struct belay_place place;
};

struct belay_api_def {
    struct belay_str name;
    struct belay_str listen;            /* "127.0.0.1:7000" */
    struct belay_str openapi_path;
    const void *openapi;                /* root of the document's tape (const belay_json *) */
    struct belay_str layer;             /* system | process | experience | "" */
    struct belay_str tls_cert, tls_key; /* paths, "" without TLS */
    struct belay_str tls_client_ca;     /* path; "": clients show no certificate */
    bool tls_client_optional;
    const struct belay_security_def *security;
    uint32_t security_count;
    int responses;                      /* enum belay_responses (connector/http) */
    struct belay_str document_path, page_path; /* published there; "": not */
    size_t body_bytes_max;
    uint32_t in_flight_max;             /* beyond it the server refuses */
    uint32_t max_concurrent;            /* whose flows are at work at once; 0: all. The others wait ... */
    uint64_t max_wait_ms;               /* ... so long for that, or for room in a queue, then 503 */
    const struct belay_limit_def *limits; uint32_t limit_count;
    struct belay_place place;
};

#endif
