/* conn.h - a session on a socket.  Uses: session, tls, libuv.  Thread: the I/O thread.
 *
 *   OPEN --session finished, all written--> [LINGERING: half closed, discards, 2 s] --> CLOSED
 *     \--error, broken, write timeout, dropped-----------------------------------------/
 */
#ifndef BELAY_CONNECTOR_HTTP_CONN_H
#define BELAY_CONNECTOR_HTTP_CONN_H

#include <uv.h>

#include "connector/http/session.h"
#include "connector/http/tls.h"

enum http_conn_state { HTTP_CONN_OPEN, HTTP_CONN_LINGERING, HTTP_CONN_CLOSED };

struct belay_http_server;

struct http_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct belay_http_server *server;
    struct belay_list node;  /* of the server's connections */
    struct belay_list dirty; /* of those the loop's turn must look at */
    enum http_conn_state state;
    bool reading, eof, write_pending;
    uint64_t deadline_ms; /* of a write that makes no progress, or of lingering */
    uv_write_t write;
    struct belay_buf writing; /* lent to libuv while write_pending */
    struct http_tls *tls;     /* NULL: plain */
    struct belay_buf wire;    /* cipher text to be written */
    struct belay_buf plain;   /* plain text that came in with one read */
    uv_shutdown_t shutdown;
    struct http_session session;
    char peer[64];
};

/* Takes one connection off the listening stream. refuse: answers it with 503. */
void http_conn_accept(struct belay_http_server *server, uv_stream_t *listening, bool refuse);
void http_conn_drop(struct http_conn *c);
/* Looks at the deadlines. */
void http_conn_tick(struct http_conn *c);
/* Writes what there is; to be called for each dirty connection at the end of a turn. */
void http_conn_flush(struct http_conn *c);

#endif
