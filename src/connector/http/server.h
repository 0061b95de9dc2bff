/* server.h - HTTP/1.1 in: listens, parses, routes, validates, and hands over requests that are worth
 * answering.  Uses: base, json, libuv, llhttp, OpenSSL.
 *
 * Threads: a belay_http_io is one thread with one event loop; any number of servers share it. open
 * and close come from any other thread. on_request is called on the I/O thread and must not block.
 * belay_http_reply and its kin may be called from any thread, also from inside on_request.
 *
 * Life of a request:
 *
 *   bytes -> parsed -> routed -> validated -> on_request == OK -> owned by the receiver
 *                |        |          |              | != OK            | reply, reply_problem
 *                v        v          v              v                  | or drop: exactly once
 *             answered by the server itself (problem+json)             v
 *                                                    written (in the order of arrival) -> freed
 *
 *   A request that was handed over is answered exactly once, also when its client has gone (nobody
 *   tells the receiver: the answer is then discarded). After the answer it may not be touched.
 *
 * What the server answers by itself, as application/problem+json (RFC 9457, `errors[]` with a JSON
 * Pointer or a parameter's name, `correlationid`):
 *   400 bad framing, malformed JSON (line and column), missing or bad parameter or header
 *   404 no such path    405 with Allow    408 head or body too slow    413 body    414 target
 *   415 content type    417 an Expect it does not know    422 every fault of the body
 *   429 + Retry-After beyond a rate limit (limit.h)
 *   431 header fields   501 CONNECT and unknown methods   503 + Retry-After at its limits
 *   505 another version of HTTP
 *
 * Life of a server:  open -> serving -> close -> (drain: no new connections or requests; what is in
 * flight is answered, for drain_ms at most) -> connections dropped -> closed(), once every request
 * that was handed over has been given back.
 */
#ifndef BELAY_CONNECTOR_HTTP_SERVER_H
#define BELAY_CONNECTOR_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/str.h"
#include "base/time.h"
#include "belay/connector.h"
#include "connector/http/openapi.h"
#include "json/json.h"

struct belay_http_io;
struct belay_http_server;

/* Starts the thread. Errors: BELAY_NOMEM, BELAY_UNAVAILABLE (the system refuses). */
int belay_http_io_open(struct belay_http_io **ret_io, struct belay_err *err) BELAY_MUST_CHECK;
/* Ends and joins the thread, frees io. All its servers have said closed. Not from the I/O thread. */
void belay_http_io_close(struct belay_http_io *io);
/* Around a burst of answers, from any thread: they reach the I/O thread together, at the release. */
void belay_http_io_hold(struct belay_http_io *io);
void belay_http_io_release(struct belay_http_io *io);

/* Each 0 stands for the default in base/limits.h. */
struct belay_http_limits {
    size_t body_bytes_max;       /* of one request */
    size_t bodies_bytes_max;     /* of all requests that the server holds; beyond: 503 */
    uint32_t header_bytes_max;   /* request line and fields together; beyond: 431 */
    uint32_t header_count_max;
    uint32_t target_bytes_max;   /* beyond: 414 */
    uint32_t connections_max;    /* beyond: 503, close */
    uint32_t requests_max;       /* handed over and not yet answered; beyond: 503 */
    uint32_t header_timeout_ms;  /* from the first byte of a request to the end of its head */
    uint32_t body_timeout_ms;    /* for the body, plus a second for each 16 KiB that came */
    uint32_t idle_timeout_ms;    /* between requests */
    uint32_t write_timeout_ms;   /* without a byte taken by the client */
};

/* A route by hand, where no OpenAPI document is: admin, health, test doubles. */
struct belay_http_route {
    const char *method, *path; /* "GET", "/topics/{name}" */
    const char *operation;     /* comes back as operation_id */
};

enum belay_http_param_in {
    BELAY_HTTP_IN_PATH,
    BELAY_HTTP_IN_QUERY,
    BELAY_HTTP_IN_HEADER,
    BELAY_HTTP_IN_COOKIE
};

/* A parameter that the OpenAPI document declares, or the path's template or the query names. */
struct belay_http_param {
    enum belay_http_param_in in;
    struct belay_str name;
    struct belay_str text;    /* percent-decoded UTF-8; of a repeated one the first; "" of a deepObject */
    const belay_json *value;  /* as its schema types it, an array or object too; else a string */
};

struct belay_http_auth {
    struct belay_str scheme;  /* name in the document; "": nobody had to say who he is */
    struct belay_str subject; /* the key's or user's name, the token's sub, the certificate's subject */
    const belay_json *claims; /* of a token; NULL */
};

struct belay_http_request {
    struct belay_str api;          /* of the configuration */
    struct belay_str operation_id; /* "" where the server has neither OpenAPI nor routes */
    struct belay_str method;       /* "POST"; "HEAD" arrives at a GET operation when it has none */
    struct belay_str target;       /* as sent, with the query */
    struct belay_str path;         /* as sent, without it */
    const struct belay_http_param *params;
    uint32_t param_count;
    const struct belay_field *headers; /* names in lower case, values trimmed, in order */
    uint32_t header_count;
    struct belay_str body;
    struct belay_str content_type; /* "" when none was sent */
    const belay_json *body_json;   /* NULL unless the content type is JSON and there is a body */
    struct belay_str correlationid; /* X-Correlation-ID, else made here (a UUID) */
    struct belay_str traceparent;   /* "" when absent or malformed */
    struct belay_str idempotency_key; /* the header's text as sent; "" */
    struct belay_str peer;          /* "127.0.0.1:5312"; of a unix socket "uid 1000" */
    struct belay_str peer_subject;  /* of a verified client certificate; "" */
    struct belay_http_auth auth;    /* who asks, as the document's security demanded it */
    belay_time received;            /* wall clock, when its head was complete */
    struct belay_arena *arena;      /* the request's own: the receiver may take memory from it */
};

/* BELAY_OK: the request is the receiver's. BELAY_BUSY, NOSPACE, UNAVAILABLE, NOMEM: the server
 * answers 503 with Retry-After (err->retry_after_ms, or 1 s); any other status: 500. */
typedef int belay_http_on_request(void *arg, struct belay_http_request *request,
                                  struct belay_err *err);
/* Something that the operator wants to know, on the I/O thread; borrowed for the call. */
enum belay_http_notice_kind { BELAY_HTTP_RESPONSE_INVALID, BELAY_HTTP_DEPRECATED_USED, BELAY_HTTP_LIMITED };
struct belay_http_notice {
    enum belay_http_notice_kind kind;
    struct belay_str api, operation_id, correlationid;
    uint32_t status;         /* RESPONSE_INVALID: of the answer */
    struct belay_str detail; /* RESPONSE_INVALID: faults, JSON objects with commas; DEPRECATED: how often so far */
    struct belay_str body;   /* RESPONSE_INVALID: of the answer; what detail quotes is out of it */
    struct belay_str limit, caller; /* LIMITED: a limit's name, and who met it */
    uint64_t count;          /* LIMITED: how many it refused since it was told last */
};
typedef void belay_http_on_notice(void *arg, const struct belay_http_notice *notice);
/* On the I/O thread, after one on_request or several: what is ready has been handed over, so a
 * receiver elsewhere may be woken now, once for all of them. */
typedef void belay_http_on_handed(void *arg);

struct belay_http_server_config {
    struct belay_str listen; /* "127.0.0.1:7000", "[::1]:0", "*:80", "unix:/path/to.sock" */
    struct belay_str api;    /* its name; copied */
    const belay_json *openapi; /* document; borrowed until closed or replaced; or NULL */
    struct belay_openapi_opt openapi_opt; /* likewise */
    const struct belay_http_route *routes; /* when openapi is NULL; borrowed; NULL: all is handed over */
    uint32_t route_count;
    const char *tls_cert, *tls_key; /* PEM files; NULL: plain */
    const char *tls_client_ca;      /* PEM; then clients must show a certificate it vouches for ... */
    bool tls_client_optional;       /* ... or none */
    struct belay_http_limits limits;
    belay_http_on_notice *on_notice; /* NULL: nobody is to be told; its arg is on_request's */
    belay_http_on_handed *on_handed; /* NULL: nobody is to be told; its arg is on_request's */
};

/* Binds, listens and serves. Errors: BELAY_INVALID (address, OpenAPI document, certificate; names the
 * place), BELAY_UNSUPPORTED (of the document), BELAY_EXISTS (address in use), BELAY_DENIED (the port
 * is privileged), BELAY_UNAVAILABLE (other refusals of the system), BELAY_NOMEM. */
int belay_http_server_open(struct belay_http_io *io, const struct belay_http_server_config *config,
                           belay_http_on_request *on_request, void *arg,
                           struct belay_http_server **ret_server, struct belay_err *err)
    BELAY_MUST_CHECK;
/* The port it listens on; 0 for a unix socket. */
uint16_t belay_http_server_port(const struct belay_http_server *server);
/* Asynchronous; closed(arg) comes last, on the I/O thread, and the server is gone. */
void belay_http_server_close(struct belay_http_server *server, uint32_t drain_ms,
                             void (*closed)(void *arg), void *closed_arg);
/* Puts another OpenAPI document in place of the one there is, for requests whose head comes from now
 * on; released(arg) is called on the I/O thread when the last request that began under the old one
 * has been answered. On failure the old one stays and released is not called. Errors as open.
 * Not from the I/O thread. */
int belay_http_server_replace(struct belay_http_server *server, const belay_json *openapi,
                              const struct belay_openapi_opt *opt,
                              void (*released)(void *arg), void *released_arg,
                              struct belay_err *err) BELAY_MUST_CHECK;

/* Reads certificate and key anew, for connections that come from now on; the others go on under the old ones. On failure
 * nothing changed. Of a server that was opened with a certificate. Errors: BELAY_INVALID (names the file), BELAY_NOMEM.
 * Not from the I/O thread. */
int belay_http_server_renew(struct belay_http_server *server, const char *cert, const char *key, const char *client_ca,
                            bool client_optional, struct belay_err *err) BELAY_MUST_CHECK;

/* Read at any time from any thread; each number by itself is right. */
struct belay_http_server_stats {
    uint64_t connections_total, connections_refused, requests_total, requests_refused;
    uint64_t responses[6]; /* by the first digit of the status; [0]: dropped without an answer */
    uint64_t bytes_in, bytes_out;
    uint32_t connections, requests; /* now: open; handed over and not answered */
    belay_time certificate_until;   /* what is shown to clients ends then; 0: no TLS */
};
void belay_http_server_stats(const struct belay_http_server *server,
                             struct belay_http_server_stats *ret_stats);

/* A rate limit of the document that is served now; false: it has no more. Any thread. */
struct belay_http_limit_stats {
    char name[BELAY_NAME_BYTES_MAX + 1];
    uint64_t passed, refused;
    uint64_t shared; /* looked at in a bucket that several callers share: callers_max is too small */
};
bool belay_http_server_limit(struct belay_http_server *server, uint32_t index, struct belay_http_limit_stats *ret_stats);

/* ---- answers: exactly one of these for each request; it is gone afterwards ---- */

/* Copies headers and body. The server adds Date, Content-Length, Connection and X-Correlation-ID.
 * A body where the status or HEAD allows none is not sent. */
void belay_http_reply(struct belay_http_request *request, uint32_t status,
                      const struct belay_field *headers, uint32_t header_count,
                      struct belay_str body);

struct belay_http_problem {
    uint32_t status;
    struct belay_str type;   /* a URI; "" for about:blank */
    struct belay_str detail; /* one sentence */
    uint32_t retry_after_s;  /* 0: none */
    struct belay_str members; /* more members as JSON text without braces: "\"errors\":[...]"; "" */
};
/* The same shape as the server's own refusals. */
void belay_http_reply_problem(struct belay_http_request *request,
                              const struct belay_http_problem *problem);
/* Closes the connection without an answer. */
void belay_http_drop(struct belay_http_request *request);

/* "Not Found"; "" for a number without a name. Static. */
const char *belay_http_status_text(uint32_t status);

/* ---- looking at a request ---- */

/* The first of that name (lower case); BELAY_STR_NONE when absent. */
struct belay_str belay_http_header(const struct belay_http_request *request, struct belay_str name);
/* The request for expressions: {method, path, operation, params, query, headers, cookies, auth}; params
 * to cookies typed as their schemas say. Takes memory from arena only. Errors: BELAY_NOMEM. */
int belay_http_describe(const struct belay_http_request *request, struct belay_arena *arena,
                        const belay_json **ret_request) BELAY_MUST_CHECK;
const struct belay_http_param *belay_http_param(const struct belay_http_request *request,
                                                struct belay_str name);

#endif
