#include "connector/http/conn.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "connector/http/server_impl.h"

static struct http_conn *conn_of(uv_handle_t *handle)
{
    return handle->data;
}

static uint64_t now_ms(const struct http_conn *c)
{
    return c->server->io->clock.now_ms;
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct http_conn *c = conn_of(handle);
    struct belay_http_server *server = c->server;
    http_session_deinit(&c->session);
    http_tls_free(c->tls);
    belay_buf_deinit(&c->writing);
    belay_buf_deinit(&c->wire);
    belay_buf_deinit(&c->plain);
    http_server_conn_closed(server, c);
    belay_free(c);
}

void http_conn_drop(struct http_conn *c)
{
    if (c->state == HTTP_CONN_CLOSED)
        return;
    c->state = HTTP_CONN_CLOSED;
    belay_list_unlink(&c->dirty);
    uv_close(&c->uv.handle, on_closed);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    struct http_conn *c = shutdown->data;
    if (status && c->state == HTTP_CONN_LINGERING)
        http_conn_drop(c);
}

/* Says that nothing more comes, and reads on for a moment so that the kernel does not reset away
 * the last answer because of bytes nobody read. */
static void linger(struct http_conn *c)
{
    c->state = HTTP_CONN_LINGERING;
    c->deadline_ms = now_ms(c) + BELAY_HTTP_LINGER_MS;
    c->shutdown.data = c;
    if (uv_shutdown(&c->shutdown, &c->uv.stream, on_shutdown))
        http_conn_drop(c);
}

/* ---- writing ---- */

static void on_written(uv_write_t *write, int status)
{
    struct http_conn *c = write->data;
    struct http_loop *loop = &c->server->io->loop;
    http_loop_enter(loop);
    http_io_look_at_clock(c->server->io);
    c->write_pending = false;
    c->deadline_ms = UINT64_MAX;
    belay_buf_clear(&c->writing);
    if (c->state == HTTP_CONN_OPEN) {
        if (status)
            http_conn_drop(c);
        else
            http_conn_flush(c);
    }
    http_loop_leave(loop);
}

/* Sends what the system takes at once; the rest is lent to libuv. False when the client is gone. */
static bool write_some(struct http_conn *c, struct belay_buf *from)
{
    uv_buf_t bytes = uv_buf_init(from->p, (unsigned)from->n);
    int n = uv_try_write(&c->uv.stream, &bytes, 1);
    if (n < 0 && n != UV_EAGAIN && n != UV_ENOSYS)
        return false;
    size_t taken = n > 0 ? (size_t)n : 0;
    HTTP_COUNT(c->server->host.counters.bytes_out, from->n);
    if (taken == from->n) {
        if (from->cap > BELAY_KIB(64)) {
            size_t max = from->size_bytes_max;
            belay_buf_deinit(from);
            belay_buf_init(from, max);
        }
        belay_buf_clear(from);
        return true;
    }
    struct belay_buf lent = *from;
    *from = c->writing;
    from->size_bytes_max = lent.size_bytes_max;
    c->writing = lent;
    bytes = uv_buf_init(lent.p + taken, (unsigned)(lent.n - taken));
    c->write.data = c;
    if (uv_write(&c->write, &c->uv.stream, &bytes, 1, on_written))
        return false;
    c->write_pending = true;
    c->deadline_ms = now_ms(c) + c->server->host.limits.write_timeout_ms;
    return true;
}

/* False when it must be dropped. */
static bool write_out(struct http_conn *c)
{
    struct belay_buf *out = &c->session.out;
    if (c->tls && out->n) {
        if (http_tls_send(c->tls, belay_buf_view(out), &c->wire))
            return false;
        belay_buf_clear(out);
    }
    struct belay_buf *from = c->tls ? &c->wire : out;
    return from->n == 0 || c->write_pending || write_some(c, from);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    struct belay_http_io *io = conn_of(handle)->server->io;
    *buf = uv_buf_init(io->read_bytes, sizeof io->read_bytes);
}

static void take_cipher(struct http_conn *c, struct belay_str bytes)
{
    int status = http_tls_receive(c->tls, bytes, &c->plain, &c->wire);
    c->session.subject = http_tls_subject(c->tls);
    http_session_feed(&c->session, belay_buf_view(&c->plain));
    belay_buf_clear(&c->plain);
    if (status == BELAY_CANCELLED) {
        c->eof = true;
        http_session_eof(&c->session);
    } else if (status) {
        write_out(c); /* the alert */
        http_conn_drop(c);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = conn_of((uv_handle_t *)stream);
    struct http_loop *loop = &c->server->io->loop;
    if (n == 0)
        return;
    http_loop_enter(loop);
    http_io_look_at_clock(c->server->io);
    if (belay_list_empty(&c->dirty))
        belay_list_push(&c->server->io->dirty, &c->dirty);
    if (n == UV_EOF) {
        c->eof = true;
        c->reading = false;
        uv_read_stop(stream);
        if (c->state == HTTP_CONN_LINGERING)
            http_conn_drop(c);
        else
            http_session_eof(&c->session);
    } else if (n < 0) {
        http_conn_drop(c);
    } else if (c->state == HTTP_CONN_OPEN) {
        struct belay_str bytes = belay_str(buf->base, (size_t)n);
        if (c->tls)
            take_cipher(c, bytes);
        else
            http_session_feed(&c->session, bytes);
    }
    http_loop_leave(loop);
}

static void set_reading(struct http_conn *c)
{
    bool want = !c->eof && http_session_wants_bytes(&c->session);
    if (want == c->reading)
        return;
    if (want && uv_read_start(&c->uv.stream, on_alloc, on_read)) {
        http_conn_drop(c);
        return;
    }
    if (!want)
        uv_read_stop(&c->uv.stream);
    c->reading = want;
}

/* ---- both ---- */

static void finish(struct http_conn *c)
{
    if (c->tls) {
        http_tls_goodbye(c->tls, &c->wire);
        if (!write_out(c) || c->write_pending) {
            http_conn_drop(c);
            return;
        }
    }
    if (c->session.linger && !c->eof)
        linger(c);
    else
        http_conn_drop(c);
}

void http_conn_flush(struct http_conn *c)
{
    if (c->state != HTTP_CONN_OPEN)
        return;
    struct http_session *s = &c->session;
    do {
        if (s->broken || !write_out(c)) {
            http_conn_drop(c);
            return;
        }
        if (!c->write_pending)
            http_session_resume(s);
    } while (s->out.n && !c->write_pending && !s->broken);
    if (s->broken || (http_session_is_finished(s) && !c->write_pending))
        s->broken ? http_conn_drop(c) : finish(c);
    else
        set_reading(c);
}

static void on_session_changed(struct http_session *s)
{
    struct http_conn *c = BELAY_CONTAINER_OF(s, struct http_conn, session);
    if (c->state == HTTP_CONN_OPEN && belay_list_empty(&c->dirty))
        belay_list_push(&c->server->io->dirty, &c->dirty);
}

void http_conn_tick(struct http_conn *c)
{
    if (c->state == HTTP_CONN_CLOSED)
        return;
    if (now_ms(c) >= c->deadline_ms)
        http_conn_drop(c);
    else if (c->state == HTTP_CONN_OPEN && !c->write_pending)
        http_session_tick(&c->session);
}

/* ---- accepting ---- */

/* As the kernel noted it when the other side connected. */
static void name_user(struct http_conn *c)
{
    struct ucred user;
    socklen_t n = sizeof user;
    int fd;
    if (uv_fileno(&c->uv.handle, &fd) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &n) == 0)
        snprintf(c->peer, sizeof c->peer, "uid %u", (unsigned)user.uid);
}

static void name_peer(struct http_conn *c)
{
    struct sockaddr_storage address;
    int n = sizeof address;
    char host[48] = "?";
    snprintf(c->peer, sizeof c->peer, "unix");
    if (c->server->is_unix)
        name_user(c);
    if (c->server->is_unix || uv_tcp_getpeername(&c->uv.tcp, (struct sockaddr *)&address, &n))
        return;
    bool v6 = address.ss_family == AF_INET6;
    if (v6)
        uv_ip6_name((struct sockaddr_in6 *)&address, host, sizeof host);
    else
        uv_ip4_name((struct sockaddr_in *)&address, host, sizeof host);
    unsigned port = v6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                       : ntohs(((struct sockaddr_in *)&address)->sin_port);
    snprintf(c->peer, sizeof c->peer, v6 ? "[%s]:%u" : "%s:%u", host, port);
}

static struct http_conn *conn_new(struct belay_http_server *server)
{
    struct http_conn *c = belay_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    uv_loop_t *loop = &server->io->loop.uv;
    int uv = server->is_unix ? uv_pipe_init(loop, &c->uv.pipe, 0) : uv_tcp_init(loop, &c->uv.tcp);
    if (uv) {
        belay_free(c);
        return NULL;
    }
    c->server = server;
    c->uv.handle.data = c;
    c->deadline_ms = UINT64_MAX;
    belay_list_init(&c->node);
    belay_list_init(&c->dirty);
    belay_buf_init(&c->writing, BELAY_MIB(1024));
    belay_buf_init(&c->wire, BELAY_MIB(1024));
    belay_buf_init(&c->plain, BELAY_MIB(1));
    http_session_init(&c->session, &server->host, BELAY_STR_NONE, BELAY_STR_NONE, on_session_changed);
    return c;
}

void http_conn_accept(struct belay_http_server *server, uv_stream_t *listening, bool refuse)
{
    struct http_conn *c = conn_new(server);
    if (!c)
        return; /* libuv accepts it again when there is memory */
    http_server_conn_opened(server, c);
    bool bad = uv_accept(listening, &c->uv.stream) != 0;
    if (!bad && server->tls) {
        c->tls = http_tls_new(server->tls);
        bad = !c->tls;
    }
    if (bad) {
        http_conn_drop(c);
        return;
    }
    if (!server->is_unix)
        uv_tcp_nodelay(&c->uv.tcp, 1);
    name_peer(c);
    c->session.peer = belay_str_c(c->peer);
    set_reading(c);
    if (refuse && c->state == HTTP_CONN_OPEN && !c->tls) {
        http_session_refuse(&c->session, 503, "too many connections");
        http_session_pump(&c->session);
    } else if (refuse) {
        http_conn_drop(c);
    }
}
