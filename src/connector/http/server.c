#include "connector/http/server.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "connector/http/server_impl.h"

#define BACKLOG 1024
#define REFUSALS_MAX 128 /* connections beyond the limit that are answered with 503 at a time */
#define HANDED_MIN 32 /* fewer are not worth a wake-up and a commit while more is ready */
#define HANDED_MAX 64 /* so many do not wait for the rest of what is ready */
#define HANDED_TURNS_MAX 8 /* nor longer than this */
#define TICK_MS_MIN 10
#define TICK_MS_MAX 500

/* ---- the I/O thread ---- */

void http_io_look_at_clock(struct belay_http_io *io)
{
    uv_timeval64_t now;
    uv_gettimeofday(&now);
    http_clock_set(&io->clock, uv_now(&io->loop.uv),
                   (belay_time)now.tv_sec * BELAY_US_PER_S + now.tv_usec);
}

static void on_turned(struct http_loop *loop)
{
    struct belay_http_io *io = BELAY_CONTAINER_OF(loop, struct belay_http_io, loop);
    struct belay_list *node;
    while ((node = belay_list_pop(&io->dirty)))
        http_conn_flush(BELAY_CONTAINER_OF(node, struct http_conn, dirty));
}

static void tell_handed(struct belay_http_server *server)
{
    belay_list_unlink(&server->handed);
    server->handed_count = 0;
    server->on_handed(server->host.on_request_arg);
}

/* The receiver is told when nothing else is ready: on one core it would go on at once, with the little there
 * is, and what it then commits would be as little. */
static void on_sleeps(struct http_loop *loop)
{
    struct belay_http_io *io = BELAY_CONTAINER_OF(loop, struct belay_http_io, loop);
    if (belay_list_empty(&io->handed))
        return;
    if (++io->handed_turns < HANDED_TURNS_MAX && http_loop_is_ready(loop))
        return;
    io->handed_turns = 0;
    while (!belay_list_empty(&io->handed))
        tell_handed(BELAY_CONTAINER_OF(io->handed.next, struct belay_http_server, handed));
}

/* As many as the receiver has already: while it makes one half durable the other is read. With all of them
 * together the disk would wait for the last request, and then everybody for the disk. */
static bool is_half(const struct belay_http_server *server)
{
    uint32_t all = atomic_load_explicit(&server->host.counters.requests, memory_order_relaxed);
    uint32_t n = server->handed_count;
    return n >= HANDED_MAX || (n >= HANDED_MIN && 2 * (uint64_t)n >= all);
}

static void on_handed(struct http_host *host)
{
    struct belay_http_server *server = BELAY_CONTAINER_OF(host, struct belay_http_server, host);
    if (server->handed_count++ == 0)
        belay_list_push(&server->io->handed, &server->handed);
    if (is_half(server))
        tell_handed(server);
}

int belay_http_io_open(struct belay_http_io **ret_io, struct belay_err *err)
{
    struct belay_http_io *io = belay_calloc(1, sizeof *io);
    if (!io)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    belay_list_init(&io->dirty);
    belay_list_init(&io->handed);
    int status = http_loop_init(&io->loop, err);
    io->loop.turned = on_turned;
    io->loop.sleeps = on_sleeps;
    if (!status)
        status = http_loop_run(&io->loop, err);
    if (status)
        belay_free(io);
    else
        *ret_io = io;
    return status;
}

void belay_http_io_close(struct belay_http_io *io)
{
    if (!io)
        return;
    http_loop_stop(&io->loop);
    http_loop_join(&io->loop);
    belay_free(io);
}

void belay_http_io_hold(struct belay_http_io *io)
{
    http_loop_hold(&io->loop);
}

void belay_http_io_release(struct belay_http_io *io)
{
    http_loop_release(&io->loop);
}

/* ---- the end of a server ---- */

static void server_free(struct belay_http_server *server)
{
    belay_list_unlink(&server->handed);
    http_host_deinit(&server->host);
    http_tls_context_close(server->tls);
    belay_free((void *)server->host.name.p);
    belay_mutex_deinit(&server->limits_mutex);
    belay_free(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct belay_http_server *server = handle->data;
    BELAY_ASSERT(server->handles > 0);
    if (--server->handles || !server->closing)
        return;
    void (*closed)(void *arg) = server->closed;
    void *closed_arg = server->closed_arg;
    server_free(server);
    if (closed)
        closed(closed_arg);
}

/* Once nothing is left, the timers go, and with the last of them the server. */
static void end_when_empty(struct belay_http_server *server)
{
    if (!server->closing || server->conn_count || server->host.exchanges
        || uv_is_closing((uv_handle_t *)&server->tick))
        return;
    uv_close((uv_handle_t *)&server->tick, on_handle_closed);
    uv_close((uv_handle_t *)&server->drain, on_handle_closed);
}

/* ---- connections ---- */

static void on_tick(uv_timer_t *timer)
{
    struct belay_http_server *server = timer->data;
    http_loop_enter(&server->io->loop);
    http_io_look_at_clock(server->io);
    struct belay_list *next;
    for (struct belay_list *at = server->conns.next; at != &server->conns; at = next) {
        next = at->next; /* dropping closes later: no node leaves the list here */
        http_conn_tick(BELAY_CONTAINER_OF(at, struct http_conn, node));
    }
    http_loop_leave(&server->io->loop);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint64_t tick_ms(const struct belay_http_limits *l)
{
    uint32_t least = smaller(smaller(l->header_timeout_ms, l->body_timeout_ms),
                             smaller(l->idle_timeout_ms, l->write_timeout_ms));
    uint32_t ms = least / 4;
    return ms < TICK_MS_MIN ? TICK_MS_MIN : smaller(ms, TICK_MS_MAX);
}

void http_server_conn_opened(struct belay_http_server *server, struct http_conn *c)
{
    uint64_t ms = tick_ms(&server->host.limits);
    belay_list_push(&server->conns, &c->node);
    if (server->conn_count++ == 0)
        uv_timer_start(&server->tick, on_tick, ms, ms);
    HTTP_COUNT(server->host.counters.connections, 1);
    HTTP_COUNT(server->host.counters.connections_total, 1);
}

void http_server_conn_closed(struct belay_http_server *server, struct http_conn *c)
{
    BELAY_ASSERT(server->conn_count > 0);
    belay_list_unlink(&c->node);
    if (--server->conn_count == 0)
        uv_timer_stop(&server->tick);
    HTTP_COUNT(server->host.counters.connections, (uint32_t)-1);
    end_when_empty(server);
}

static void on_connection(uv_stream_t *listening, int status)
{
    struct belay_http_server *server = listening->data;
    if (status)
        return; /* the client left before it was accepted */
    http_loop_enter(&server->io->loop);
    http_io_look_at_clock(server->io);
    bool refuse = server->conn_count >= server->host.limits.connections_max;
    if (refuse)
        HTTP_COUNT(server->host.counters.connections_refused, 1);
    http_conn_accept(server, listening, refuse);
    if (server->conn_count > server->host.limits.connections_max + REFUSALS_MAX)
        http_conn_drop(BELAY_CONTAINER_OF(server->conns.prev, struct http_conn, node));
    http_loop_leave(&server->io->loop);
}

/* ---- answers from other threads ---- */

static void on_answered(struct http_job *job)
{
    struct http_exchange *x = BELAY_CONTAINER_OF(job, struct http_exchange, job);
    struct belay_http_server *server = BELAY_CONTAINER_OF(x->host, struct belay_http_server, host);
    http_io_look_at_clock(server->io);
    http_exchange_came_back(x);
    end_when_empty(server);
}

static void post_answer(struct http_host *host, struct http_exchange *x)
{
    struct belay_http_server *server = BELAY_CONTAINER_OF(host, struct belay_http_server, host);
    x->job.run = on_answered;
    http_loop_post(&server->io->loop, &x->job);
}

/* ---- listening ---- */

static int refuse_uv(struct belay_err *err, int uv, struct belay_str listen)
{
    int status = uv == UV_EADDRINUSE ? BELAY_EXISTS
                 : uv == UV_EACCES   ? BELAY_DENIED
                 : uv == UV_ENOMEM   ? BELAY_NOMEM
                 : uv == UV_EINVAL || uv == UV_EADDRNOTAVAIL || uv == UV_ENAMETOOLONG
                     ? BELAY_INVALID
                     : BELAY_UNAVAILABLE;
    return belay_fail(err, status, "cannot listen on %.*s: %s", BELAY_STR_ARG(listen), uv_strerror(uv));
}

/* A socket file that is there belongs to a process that is gone: whoever lists us locks the folder. */
static int bind_unix(struct belay_http_server *server, struct belay_str listen, struct belay_err *err)
{
    char path[108];
    struct stat st;
    struct belay_str text = belay_str_sub(listen, sizeof "unix:" - 1, listen.n);
    if (!text.n || text.n >= sizeof path)
        return belay_fail(err, BELAY_INVALID, "the path of %.*s is empty or over 107 bytes",
                          BELAY_STR_ARG(listen));
    memcpy(path, text.p, text.n);
    path[text.n] = '\0';
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    int uv = uv_pipe_bind(&server->listening.pipe, path);
    if (!uv && chmod(path, 0600))
        uv = UV_EACCES;
    return uv ? refuse_uv(err, uv, listen) : BELAY_OK;
}

static int parse_address(struct belay_str listen, struct sockaddr_storage *ret_address,
                         struct belay_err *err)
{
    char host[64];
    uint64_t port;
    size_t colon = listen.n;
    while (colon && listen.p[colon - 1] != ':')
        colon--;
    struct belay_str name = belay_str_sub(listen, 0, colon ? colon - 1 : 0);
    bool v6 = name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
    if (v6)
        name = belay_str_sub(name, 1, name.n - 2);
    if (belay_str_eq(name, BELAY_STR("*")))
        name = BELAY_STR("0.0.0.0");
    if (belay_str_eq(name, BELAY_STR("localhost")))
        name = BELAY_STR("127.0.0.1");
    snprintf(host, sizeof host, "%.*s", BELAY_STR_ARG(name));
    bool good = colon && belay_str_to_u64(belay_str_sub(listen, colon, listen.n), &port)
                && port <= 65535 && name.n < sizeof host;
    if (good)
        good = v6 ? !uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)ret_address)
                  : !uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret_address);
    return good ? BELAY_OK
                : belay_fail(err, BELAY_INVALID,
                             "\"%.*s\" is no address to listen on (\"127.0.0.1:7000\", \"[::1]:7000\", "
                             "\"*:7000\" or \"unix:/path\")",
                             BELAY_STR_ARG(listen));
}

static int bind_tcp(struct belay_http_server *server, struct belay_str listen, struct belay_err *err)
{
    struct sockaddr_storage address;
    int n = sizeof address;
    int status = parse_address(listen, &address, err);
    if (status)
        return status;
    int uv = uv_tcp_bind(&server->listening.tcp, (struct sockaddr *)&address, 0);
    if (!uv)
        uv = uv_tcp_getsockname(&server->listening.tcp, (struct sockaddr *)&address, &n);
    server->port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                       : ((struct sockaddr_in *)&address)->sin_port);
    return uv ? refuse_uv(err, uv, listen) : BELAY_OK;
}

struct open_job {
    struct http_job job;
    struct belay_http_server *server;
    struct belay_str listen;
    struct belay_err *err;
    int status;
    uv_sem_t done;
};

static void close_handles(struct belay_http_server *server)
{
    uv_close(&server->listening.handle, on_handle_closed);
    uv_close((uv_handle_t *)&server->tick, on_handle_closed);
    uv_close((uv_handle_t *)&server->drain, on_handle_closed);
}

static void do_open(struct http_job *job)
{
    struct open_job *open = BELAY_CONTAINER_OF(job, struct open_job, job);
    struct belay_http_server *server = open->server;
    uv_loop_t *loop = &server->io->loop.uv;
    http_io_look_at_clock(server->io);
    uv_timer_init(loop, &server->tick);
    uv_timer_init(loop, &server->drain);
    if (server->is_unix)
        uv_pipe_init(loop, &server->listening.pipe, 0);
    else
        uv_tcp_init(loop, &server->listening.tcp);
    server->handles = 3;
    server->tick.data = server->drain.data = server->listening.handle.data = server;
    open->status = server->is_unix ? bind_unix(server, open->listen, open->err)
                                   : bind_tcp(server, open->listen, open->err);
    int uv = open->status ? 0 : uv_listen(&server->listening.stream, BACKLOG, on_connection);
    if (uv)
        open->status = refuse_uv(open->err, uv, open->listen);
    if (!open->status && server->host.api) {
        http_security_start(server->host.api, NULL);
        http_limits_start(server->host.api, NULL, belay_random_next(&server->host.random));
    }
    if (open->status) {
        server->closing = true; /* freed when its handles are */
        close_handles(server);
    }
    uv_sem_post(&open->done);
}

static int compile_api(const struct belay_http_server_config *config, struct belay_openapi **ret_api,
                       struct belay_err *err)
{
    if (config->openapi)
        return belay_openapi_compile(config->openapi, &config->openapi_opt, ret_api, err);
    if (config->routes)
        return http_api_from_routes(config->routes, config->route_count, ret_api, err);
    return BELAY_OK;
}

static int prepare(struct belay_http_server *server, const struct belay_http_server_config *config,
                   struct belay_err *err)
{
    uint64_t seed;
    struct http_host *host = &server->host;
    http_host_init(host, &config->limits);
    host->clock = &server->io->clock;
    host->post = post_answer;
    host->handed = config->on_handed ? on_handed : NULL;
    server->on_handed = config->on_handed;
    host->notice = config->on_notice;
    host->name.p = belay_memdup0(config->api.n ? config->api.p : "", config->api.n);
    host->name.n = config->api.n;
    if (!host->name.p)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    if (uv_random(NULL, NULL, &seed, sizeof seed, 0, NULL))
        return belay_fail(err, BELAY_UNAVAILABLE, "http: the system gives no randomness");
    host->random.state = seed;
    int status = compile_api(config, &host->api, err);
    if (!status && config->tls_cert)
        status = http_tls_context_open(config->tls_cert, config->tls_key ? config->tls_key : "",
                                       config->tls_client_ca, config->tls_client_optional, &server->tls, err);
    if (!status && server->tls)
        atomic_store(&host->counters.certificate_until, http_tls_context_until(server->tls));
    return status;
}

int belay_http_server_open(struct belay_http_io *io, const struct belay_http_server_config *config,
                           belay_http_on_request *on_request, void *arg,
                           struct belay_http_server **ret_server, struct belay_err *err)
{
    struct belay_http_server *server = belay_calloc(1, sizeof *server);
    if (!server)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    belay_list_init(&server->conns);
    belay_list_init(&server->handed);
    server->io = io;
    belay_mutex_init(&server->limits_mutex);
    server->is_unix = belay_str_starts(config->listen, BELAY_STR("unix:"));
    server->host.on_request = on_request;
    server->host.on_request_arg = arg;
    int status = prepare(server, config, err);
    if (status) {
        server_free(server);
        return status;
    }
    struct open_job open = { .job.run = do_open, .server = server, .listen = config->listen, .err = err };
    uv_sem_init(&open.done, 0);
    http_loop_post(&io->loop, &open.job);
    uv_sem_wait(&open.done);
    uv_sem_destroy(&open.done);
    if (!open.status)
        *ret_server = server;
    return open.status;
}

uint16_t belay_http_server_port(const struct belay_http_server *server)
{
    return server->port;
}

/* ---- closing ---- */

static void drop_all(struct belay_http_server *server)
{
    for (struct belay_list *at = server->conns.next; at != &server->conns; at = at->next)
        http_conn_drop(BELAY_CONTAINER_OF(at, struct http_conn, node));
}

static void on_drain_over(uv_timer_t *timer)
{
    drop_all(timer->data);
}

static void do_close(struct http_job *job)
{
    struct belay_http_server *server = BELAY_CONTAINER_OF(job, struct belay_http_server, close_job);
    BELAY_ASSERT(!server->closing);
    http_io_look_at_clock(server->io);
    server->closing = true;
    server->host.draining = true;
    uv_close(&server->listening.handle, on_handle_closed);
    for (struct belay_list *at = server->conns.next; at != &server->conns; at = at->next)
        http_session_drain(&BELAY_CONTAINER_OF(at, struct http_conn, node)->session);
    if (server->drain_ms)
        uv_timer_start(&server->drain, on_drain_over, server->drain_ms, 0);
    else
        drop_all(server);
    end_when_empty(server);
}

void belay_http_server_close(struct belay_http_server *server, uint32_t drain_ms,
                             void (*closed)(void *arg), void *closed_arg)
{
    server->drain_ms = drain_ms;
    server->closed = closed;
    server->closed_arg = closed_arg;
    server->close_job.run = do_close;
    http_loop_post(&server->io->loop, &server->close_job);
}

/* ---- the rest ---- */

struct replace_job {
    struct http_job job;
    struct belay_http_server *server;
    struct belay_openapi *api;
    void (*released)(void *arg);
    void *released_arg;
};

static void do_replace(struct http_job *job)
{
    struct replace_job *replace = BELAY_CONTAINER_OF(job, struct replace_job, job);
    struct belay_openapi *old = replace->server->host.api;
    http_security_start(replace->api, old);
    belay_mutex_lock(&replace->server->limits_mutex);
    http_limits_start(replace->api, old, belay_random_next(&replace->server->host.random));
    replace->server->host.api = replace->api;
    belay_mutex_unlock(&replace->server->limits_mutex);
    if (old) {
        old->released = replace->released;
        old->released_arg = replace->released_arg;
        http_api_release(old);
    } else if (replace->released) {
        replace->released(replace->released_arg);
    }
    belay_free(replace);
}

int belay_http_server_replace(struct belay_http_server *server, const belay_json *openapi,
                              const struct belay_openapi_opt *opt,
                              void (*released)(void *arg), void *released_arg, struct belay_err *err)
{
    struct replace_job *replace = belay_malloc(sizeof *replace);
    if (!replace)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    *replace = (struct replace_job){ .job.run = do_replace, .server = server, .released = released,
                                     .released_arg = released_arg };
    int status = belay_openapi_compile(openapi, opt, &replace->api, err);
    if (status)
        belay_free(replace);
    else
        http_loop_post(&server->io->loop, &replace->job);
    return status;
}

struct renew_job {
    struct http_job job;
    struct belay_http_server *server;
    struct http_tls_context *tls;
};

static void do_renew(struct http_job *job)
{
    struct renew_job *renew = BELAY_CONTAINER_OF(job, struct renew_job, job);
    http_tls_context_close(renew->server->tls);
    renew->server->tls = renew->tls;
    atomic_store(&renew->server->host.counters.certificate_until, http_tls_context_until(renew->tls));
    belay_free(renew);
}

int belay_http_server_renew(struct belay_http_server *server, const char *cert, const char *key, const char *client_ca,
                            bool client_optional, struct belay_err *err)
{
    struct renew_job *renew = belay_malloc(sizeof *renew);
    if (!renew)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    *renew = (struct renew_job){ .job.run = do_renew, .server = server };
    int status = http_tls_context_open(cert, key ? key : "", client_ca, client_optional, &renew->tls, err);
    if (status)
        belay_free(renew);
    else
        http_loop_post(&server->io->loop, &renew->job);
    return status;
}

#define READ(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

void belay_http_server_stats(const struct belay_http_server *server,
                             struct belay_http_server_stats *ret_stats)
{
    const struct http_counters *c = &server->host.counters;
    *ret_stats = (struct belay_http_server_stats){
        .connections_total = READ(c->connections_total),
        .connections_refused = READ(c->connections_refused),
        .requests_total = READ(c->requests_total),
        .requests_refused = READ(c->requests_refused),
        .bytes_in = READ(c->bytes_in),
        .bytes_out = READ(c->bytes_out),
        .connections = READ(c->connections),
        .requests = READ(c->requests),
        .certificate_until = READ(c->certificate_until),
    };
    for (size_t i = 0; i < 6; i++)
        ret_stats->responses[i] = READ(c->responses[i]);
}

bool belay_http_server_limit(struct belay_http_server *server, uint32_t index, struct belay_http_limit_stats *ret_stats)
{
    belay_mutex_lock(&server->limits_mutex);
    const struct belay_openapi *api = server->host.api;
    const struct http_limit *l = api && index < api->limit_count ? &api->limits[index] : NULL;
    if (l) {
        *ret_stats = (struct belay_http_limit_stats){ .passed = READ(l->passed), .refused = READ(l->refused),
                                                      .shared = READ(l->shared) };
        snprintf(ret_stats->name, sizeof ret_stats->name, "%.*s", BELAY_STR_ARG(l->def->name));
    }
    belay_mutex_unlock(&server->limits_mutex);
    return l != NULL;
}
