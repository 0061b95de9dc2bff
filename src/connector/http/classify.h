/* classify.h - from what libcurl says to type and class of an outcome.  Thread: any.  Pure. */
#ifndef BELAY_CONNECTOR_HTTP_CLASSIFY_H
#define BELAY_CONNECTOR_HTTP_CLASSIFY_H

#include <curl/curl.h>
#include <stdbool.h>

#include "belay/connector.h"

enum http_end { HTTP_END_CURL, HTTP_END_TIMEOUT, HTTP_END_CANCELLED, HTTP_END_REPEATED };

struct http_evidence {
    enum http_end end;  /* who ended it: REPEATED: libcurl wanted to send it a second time */
    CURLcode code;      /* of libcurl, for END_CURL */
    uint32_t status;    /* 0: no answer began */
    bool sent;          /* a byte of the request was handed to the system */
    bool too_large;     /* the body went over the limit */
    bool safe;          /* GET, HEAD, OPTIONS: it changes nothing */
};

/* Fills ok, class_, type, description (static texts) and body_truncated. */
void http_classify(const struct http_evidence *e, struct belay_call_outcome *outcome);

#endif
