/* responses.h - whether an answer is what the document promises.  Uses: api, exchange.
 * Thread: the I/O thread. */
#ifndef BELAY_CONNECTOR_HTTP_RESPONSES_H
#define BELAY_CONNECTOR_HTTP_RESPONSES_H

#include "connector/http/exchange.h"

struct http_response_rule {
    struct belay_str key; /* "200", "2XX", "default" */
    struct http_media_rule *media; /* none: the body is not looked at */
    uint32_t media_count;
    struct http_param_rule *headers;
    uint32_t header_count;
};

/* Of a receiver's answer, before it is written: what is wrong is told to host->notice, and where answers
 * are enforced it becomes a 500 that names every fault. The server's own problems are not judged. */
void http_response_check(struct http_exchange *x);
/* Once an hour and operation, that a deprecated one is in use. */
void http_deprecated_tell(struct http_exchange *x);

/* The rule for a status; NULL: it is not declared. */
const struct http_response_rule *http_response_rule(const struct http_operation *op, uint32_t status);

#endif
