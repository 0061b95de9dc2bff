/* exchange.h - one request and its answer, from the first byte in to the last byte out.
 * Uses: host.  Thread: the I/O thread; while HANDED it is the receiver's, from any thread.
 *
 *   RECEIVING --refused by us-----------------------> ANSWERED --rendered--> recycled
 *       |                                                ^
 *       +--on_request == OK--> HANDED --reply, back------+   (session gone: recycled at once)
 */
#ifndef BELAY_CONNECTOR_HTTP_EXCHANGE_H
#define BELAY_CONNECTOR_HTTP_EXCHANGE_H

#include "base/buf.h"
#include "connector/http/host.h"
#include "connector/http/loop.h"

enum http_exchange_state { HTTP_RECEIVING, HTTP_HANDED, HTTP_ANSWERED };

struct http_session;

struct http_answer {
    uint32_t status;
    struct belay_str head; /* "name: value\r\n" for each field */
    struct belay_str body;
    struct belay_str left_out; /* name of a field that cannot be sent; "": none */
    bool drop;
    bool own; /* a problem, which no document describes */
};

struct http_exchange {
    struct belay_http_request request; /* first: the receiver's pointer is ours */
    struct http_job job;               /* the way back to the I/O thread */
    struct http_host *host;
    struct http_session *session; /* NULL: its client has gone */
    struct belay_list node;       /* in the session's pipeline, or the host's free list */
    enum http_exchange_state state;
    bool head_only;  /* HEAD: the answer's body stays here */
    bool keep_alive; /* what the client wants */
    bool old_client; /* HTTP/1.0 */
    struct belay_openapi *api;
    const struct http_operation *operation;
    struct belay_arena arena;
    struct belay_buf body;
    struct belay_str limited; /* RateLimit fields, each with its end of line; "": no limit was asked */
    size_t body_counted; /* in host->bodies_bytes */
    struct http_answer answer;
};

/* NULL without memory. */
struct http_exchange *http_exchange_new(struct http_host *host, struct http_session *session);
/* Gives it back; it is in no list. */
void http_exchange_recycle(struct http_exchange *x);
/* Frees what lies in the host's free list. */
void http_exchanges_free(struct http_host *host);
/* Appends to the body. Errors: BELAY_LIMIT (this body), BELAY_BUSY (all bodies), BELAY_NOMEM. */
int http_exchange_append(struct http_exchange *x, struct belay_str bytes) BELAY_MUST_CHECK;
void http_exchange_forget_body(struct http_exchange *x);

/* A UUID (version 4) as correlation id, in x's arena. BELAY_STR_NONE without memory. */
struct belay_str http_exchange_make_id(struct http_exchange *x);

/* Fills x->answer with copies; without memory it becomes a bare 503. */
void http_exchange_answer(struct http_exchange *x, uint32_t status, const struct belay_field *headers,
                          uint32_t header_count, struct belay_str body);
/* The same with problem+json, plus one more field (name "" for none). */
void http_exchange_problem(struct http_exchange *x, const struct belay_http_problem *problem,
                           struct belay_field extra);
/* A refusal by the server itself: problem, counted, ANSWERED. */
void http_exchange_refuse(struct http_exchange *x, uint32_t status, const char *detail);
/* A handed-over exchange came back (I/O thread). */
void http_exchange_came_back(struct http_exchange *x);
/* The response as it goes on the wire; close: say that the connection ends here. */
void http_exchange_render(struct http_exchange *x, bool close, struct belay_buf *out);

#endif
