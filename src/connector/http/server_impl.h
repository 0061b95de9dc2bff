/* server_impl.h - the insides of an I/O thread and a server (for conn.c and server.c). */
#ifndef BELAY_CONNECTOR_HTTP_SERVER_IMPL_H
#define BELAY_CONNECTOR_HTTP_SERVER_IMPL_H

#include "connector/http/conn.h"
#include "connector/http/loop.h"
#include "platform/thread.h"

#define HTTP_READ_BYTES 65536

struct belay_http_io {
    struct http_loop loop;
    struct http_clock clock;
    struct belay_list dirty; /* connections with something to write or to decide */
    struct belay_list handed; /* servers whose receiver is still to be told */
    uint32_t handed_turns;    /* for so long */
    char read_bytes[HTTP_READ_BYTES]; /* what one read brought: taken before the next */
};

struct belay_http_server {
    struct http_host host;
    struct belay_http_io *io;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } listening;
    uv_timer_t tick, drain;
    struct belay_list conns;
    uint32_t conn_count;
    uint32_t handles; /* of the server's own, not yet closed */
    bool is_unix, closing;
    uint16_t port;
    uint32_t drain_ms;
    belay_http_on_handed *on_handed;
    struct belay_list handed; /* in the I/O thread's */
    uint32_t handed_count;    /* since its receiver was told */
    struct http_tls_context *tls;
    struct belay_mutex limits_mutex; /* which API is the host's, for those who read its limits' counts */
    struct http_job close_job;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* Sets the clock to now. */
void http_io_look_at_clock(struct belay_http_io *io);
void http_server_conn_opened(struct belay_http_server *server, struct http_conn *c);
void http_server_conn_closed(struct belay_http_server *server, struct http_conn *c);

#endif
