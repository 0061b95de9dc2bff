/* client.h - the connector "http": HTTP out, on a loop of its own: with libcurl's multi interface, and
 * without TLS, proxy and password on wires that libcurl only connects (docs/decisions/0180).
 * Uses: connector/common, loop, wire.  Thread: see belay/connector.h; done and closed come on the
 * connection's I/O thread (one for each connection: a slow TLS peer holds up nobody else).
 *
 * One attempt: no redirects, no repetition. libcurl would by itself send a request again when a kept
 * connection turns out to be dead; it is stopped from doing so once a byte of the request was handed
 * to the system (client_call.c, on_before_request).
 * A kept connection on which something can be read before the request is sent (also within TLS) is not
 * used, and the request goes on a new one: what nobody asked for is never the next call's answer. HTTP/2
 * numbers its answers and may speak at any time.
 *
 * How an attempt is classified (why: docs/decisions/0020-http-outcomes.md):
 *
 *   could not resolve, connect             HTTP:CONNECTIVITY        TRANSIENT
 *   connection lost before / after sent    HTTP:CONNECTIVITY        TRANSIENT / UNKNOWN_OUTCOME
 *   no answer in time before / after sent  HTTP:TIMEOUT             TRANSIENT / UNKNOWN_OUTCOME
 *   cancelled before / after sent          HTTP:CANCELLED           TRANSIENT / UNKNOWN_OUTCOME
 *   TLS refused, certificate not trusted   HTTP:TLS                 TRANSIENT
 *   no HTTP before / after sent            HTTP:PROTOCOL            TRANSIENT / UNKNOWN_OUTCOME
 *   2xx                                    ok
 *   2xx, body over the limit               HTTP:RESPONSE_TOO_LARGE  PERMANENT (GET, HEAD, OPTIONS),
 *                                                                   else UNKNOWN_OUTCOME
 *   3xx                                    HTTP:REDIRECT            PERMANENT
 *   408                                    HTTP:TIMEOUT             TRANSIENT
 *   425                                    HTTP:TOO_EARLY           TRANSIENT
 *   429                                    HTTP:TOO_MANY_REQUESTS   TRANSIENT (Retry-After)
 *   other 4xx                              HTTP:CLIENT_ERROR        PERMANENT
 *   501, 505, 506, 508, 510, 511           HTTP:SERVER_ERROR        PERMANENT
 *   502, 504, 520, 522, 524                HTTP:SERVER_ERROR        UNKNOWN_OUTCOME: a gateway speaks,
 *                                                                   who may have passed it on
 *   other 5xx                              HTTP:SERVER_ERROR        TRANSIENT (Retry-After)
 *
 * What is sent beside the caller's headers: traceparent, X-Correlation-ID, the idempotency key (under
 * "Idempotency-Key" as the quoted string of the IETF draft, under any other name as it is), and
 * content-type application/json where there is a body and the caller names no type. Fields that
 * belong to the connection (Connection, Content-Length, Transfer-Encoding ...) are left out.
 */
#ifndef BELAY_CONNECTOR_HTTP_CLIENT_H
#define BELAY_CONNECTOR_HTTP_CLIENT_H

#include "belay/connector.h"

extern const struct belay_connector belay_connector_http;

/* libcurl's own set-up, once in the process. Any thread. */
void http_client_init_once(void);

#endif
