#include "connector/http/client.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "connector/common/outcome.h"
#include "connector/http/client_impl.h"
#include "connector/http/wire.h"

/* ---- sockets and timers of libcurl on the loop ---- */

static void start_waiting(struct belay_connection *client);
static void finish(struct http_call *call, enum http_end end, CURLcode code);
static bool start_afresh(struct http_call *call);

static void end_transfer(struct http_call *call, CURLcode code)
{
    if (!call->stale || !start_afresh(call))
        finish(call, HTTP_END_CURL, code);
}

/* Everything libcurl says is done. */
static void collect(struct belay_connection *client)
{
    int left;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(client->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        void *whose = NULL;
        CURLcode code = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &whose);
        BELAY_ASSERT(whose);
        if (client->options.direct)
            http_wire_connected(whose, code);
        else
            end_transfer(whose, code);
    }
    start_waiting(client);
}

static void act(struct belay_connection *client, curl_socket_t socket, int events)
{
    int running;
    http_loop_enter(&client->loop);
    curl_multi_socket_action(client->multi, socket, events, &running);
    collect(client);
    http_loop_leave(&client->loop);
}

static void on_watch_closed(uv_handle_t *handle)
{
    belay_free(BELAY_CONTAINER_OF((uv_poll_t *)handle, struct http_watch, poll));
}

static struct http_watch *watch_of(struct belay_connection *client, curl_socket_t socket)
{
    return (uint32_t)socket < client->watch_count ? client->watches[socket] : NULL;
}

/* The socket is closed next, or already another's. */
static void watch_close(struct http_watch *watch)
{
    watch->client->watches[watch->socket] = NULL;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

/* Between two calls a kept connection is closed by the server, most likely: libcurl finds out when it
 * takes it again. But what it may have said meanwhile libcurl would take for the next call's answer, so it
 * goes, and with it the connection; also where it was only TLS that spoke. HTTP/2 knows its answers apart. */
static void on_uncalled(struct http_watch *watch)
{
    char bytes[1024];
    uv_poll_stop(&watch->poll);
    watch->events = 0;
    if (watch->multiplexed)
        return;
    for (int i = 0; i < 64 && recv(watch->socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0; i++)
        ;
    shutdown(watch->socket, SHUT_RDWR);
}

static void on_socket_ready(uv_poll_t *poll, int status, int events)
{
    struct http_watch *watch = BELAY_CONTAINER_OF(poll, struct http_watch, poll);
    if (!watch->wanted) {
        on_uncalled(watch);
        return;
    }
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0)
                | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    if (status < 0) /* libuv has stopped it */
        watch->events = 0;
    act(watch->client, watch->socket, flags);
}

static bool has_watch_room(struct belay_connection *client, curl_socket_t socket)
{
    uint32_t count = client->watch_count ? client->watch_count : 64;
    if ((uint32_t)socket < client->watch_count)
        return true;
    while (count <= (uint32_t)socket)
        count *= 2;
    struct http_watch **more = belay_calloc(count, sizeof(struct http_watch *));
    if (!more)
        return false;
    if (client->watch_count)
        memcpy(more, client->watches, client->watch_count * sizeof(struct http_watch *));
    belay_free(client->watches);
    client->watches = more;
    client->watch_count = count;
    return true;
}

static struct http_watch *watch_new(struct belay_connection *client, curl_socket_t socket)
{
    bool room = has_watch_room(client, socket);
    struct http_watch *watch = room ? belay_calloc(1, sizeof *watch) : NULL;
    if (!watch)
        return NULL;
    if (uv_poll_init_socket(&client->loop.uv, &watch->poll, socket)) {
        belay_free(watch);
        return NULL;
    }
    watch->client = client;
    watch->socket = socket;
    client->watches[socket] = watch;
    return watch;
}

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
    struct belay_connection *client = arg;
    struct http_watch *watch = watch_of(client, socket);
    (void)easy, (void)socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (watch && watch->kept)
            watch->wanted = false;
        else if (watch)
            watch_close(watch);
        return 0;
    }
    if (!watch && !(watch = watch_new(client, socket)))
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    watch->wanted = true;
    if (watch->events != events && uv_poll_start(&watch->poll, events, on_socket_ready))
        return -1;
    watch->events = events;
    return 0;
}

/* A connection begins: it is told when its socket is closed, too. */
int http_client_on_open_socket(void *arg, curl_socket_t socket, curlsocktype purpose)
{
    struct belay_connection *client = arg;
    struct http_watch *watch = watch_of(client, socket);
    (void)purpose;
    if (watch)
        watch_close(watch);
    if ((watch = watch_new(client, socket)))
        watch->kept = true;
    return watch ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

int http_client_on_close_socket(void *arg, curl_socket_t socket)
{
    struct http_watch *watch = watch_of(arg, socket);
    if (watch)
        watch_close(watch);
    return close(socket);
}

static void arm_curl_timer(struct belay_connection *client);

static void on_curl_timeout(uv_timer_t *timer)
{
    struct belay_connection *client =
        BELAY_CONTAINER_OF(timer, struct belay_connection, curl_timer);
    client->curl_armed_ms = UINT64_MAX;
    if (client->curl_due_ms <= uv_now(&client->loop.uv)) {
        client->curl_due_ms = UINT64_MAX;
        act(client, CURL_SOCKET_TIMEOUT, 0);
    }
    arm_curl_timer(client);
}

/* A timer that runs out early costs less than setting it anew for each call. */
static void arm_curl_timer(struct belay_connection *client)
{
    if (client->ended || client->curl_due_ms >= client->curl_armed_ms)
        return;
    uint64_t now = uv_now(&client->loop.uv), due = client->curl_due_ms;
    client->curl_armed_ms = due;
    uv_timer_start(&client->curl_timer, on_curl_timeout, due > now ? due - now : 0, 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct belay_connection *client = arg;
    (void)multi;
    client->curl_due_ms = timeout_ms < 0 ? UINT64_MAX
                                         : uv_now(&client->loop.uv) + (uint64_t)timeout_ms;
    return 0;
}

static void deliver(struct belay_connection *client)
{
    uint32_t count = client->outcome_count;
    client->outcome_count = 0;
    atomic_fetch_sub_explicit(&client->pending, count, memory_order_release);
    for (uint32_t i = 0; i < count; i++)
        client->done(client->done_arg, client->outcomes[i]);
}

/* What libcurl wants to do at once (a call was added) is done here for all calls of the turn. */
static void on_turn_end(uv_prepare_t *turn_end)
{
    struct belay_connection *client =
        BELAY_CONTAINER_OF(turn_end, struct belay_connection, turn_end);
    if (client->curl_due_ms <= uv_now(&client->loop.uv)) {
        client->curl_due_ms = UINT64_MAX;
        act(client, CURL_SOCKET_TIMEOUT, 0);
    }
    arm_curl_timer(client);
    deliver(client);
}

/* ---- calls ---- */

static void end_if_drained(struct belay_connection *client);

static void give_easy_back(struct http_call *call)
{
    struct belay_connection *client = call->client;
    if (client->idle_count < client->options.concurrency && !client->draining)
        client->idle[client->idle_count++] = call->easy;
    else
        curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

/* Its one end: out of every list, the outcome handed over. */
static void finish(struct http_call *call, enum http_end end, CURLcode code)
{
    struct belay_connection *client = call->client;
    struct belay_call_outcome *outcome = http_call_outcome(call, end, code);
    belay_heap_remove(&client->deadlines, &call->deadline);
    belay_list_unlink(&call->node);
    if (call->easy || call->wire) {
        BELAY_ASSERT(client->active_count > 0);
        client->active_count--;
    }
    if (call->easy) {
        curl_multi_remove_handle(client->multi, call->easy);
        give_easy_back(call);
    }
    if (call->wire)
        http_wire_release(call->wire);
    http_call_give_back(call);
    client->outcomes[client->outcome_count++] = outcome;
    if (client->outcome_count == HTTP_OUTCOMES_BATCH)
        deliver(client);
}

void http_client_end(struct http_call *call, CURLcode code)
{
    finish(call, HTTP_END_CURL, code);
}

void http_client_turn(struct belay_connection *client)
{
    start_waiting(client);
}

/* NULL: that of a socket whose end libcurl did not let us see. */
static struct http_watch *watch_at(struct belay_connection *client, int local_port)
{
    for (uint32_t i = 0; i < client->watch_count; i++) {
        struct http_watch *watch = client->watches[i];
        union {
            struct sockaddr any;
            struct sockaddr_in v4;
            struct sockaddr_in6 v6;
        } a = { 0 };
        socklen_t n = sizeof a;
        if (watch && watch->kept && !watch->local_port && !getsockname(watch->socket, &a.any, &n))
            watch->local_port = ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
        if (watch && watch->kept && watch->local_port == local_port)
            return watch;
    }
    return NULL;
}

static SSL *tls_of(struct http_call *call)
{
    struct curl_tlssessioninfo *tls = NULL;
    bool known = call->client->options.tls && !curl_easy_getinfo(call->easy, CURLINFO_TLS_SSL_PTR, &tls);
    return known && tls->backend == CURLSSLBACKEND_OPENSSL ? tls->internals : NULL;
}

static bool speaks_http2(const SSL *tls)
{
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(tls, &name, &n);
    return n == 2 && memcmp(name, "h2", 2) == 0;
}

bool http_client_has_more_to_read(struct http_call *call, int local_port)
{
    char byte;
    long fresh = 0;
    SSL *tls = tls_of(call);
    struct http_watch *watch = watch_at(call->client, local_port);
    if (watch && tls && speaks_http2(tls))
        watch->multiplexed = true;
    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &fresh);
    if (!watch || watch->multiplexed || fresh) /* a new one may: TLS sends its tickets */
        return false;
    return (tls && SSL_pending(tls) > 0) || recv(watch->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* Its kept connection was no good and not a byte was sent. False: there is no other to be had. */
static bool start_afresh(struct http_call *call)
{
    CURLM *multi = call->client->multi;
    call->stale = false;
    call->sendings = 0;
    curl_multi_remove_handle(multi, call->easy);
    return !curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L) && !curl_multi_add_handle(multi, call->easy);
}

static CURLcode begin_transfer(struct http_call *call)
{
    CURLcode code = http_call_prepare(call);
    if (code && call->easy) { /* half told: not to be used again */
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
    }
    if (!code && curl_multi_add_handle(call->client->multi, call->easy))
        code = CURLE_OUT_OF_MEMORY;
    if (code && call->easy)
        give_easy_back(call);
    return code;
}

static void start(struct http_call *call)
{
    struct belay_connection *client = call->client;
    CURLcode code = client->options.direct ? http_wire_start(call) : begin_transfer(call);
    if (code) {
        finish(call, HTTP_END_CURL, code);
        return;
    }
    belay_list_push(&client->active, &call->node);
    client->active_count++;
}

static void start_waiting(struct belay_connection *client)
{
    while (client->active_count < client->options.concurrency) {
        struct belay_list *node = belay_list_pop(&client->waiting);
        if (!node)
            break;
        start(BELAY_CONTAINER_OF(node, struct http_call, node));
    }
    end_if_drained(client);
}

/* ---- deadlines ---- */

static void on_deadline(uv_timer_t *timer);

static void arm_deadline(struct belay_connection *client)
{
    struct belay_heap_node *first = belay_heap_min(&client->deadlines);
    if (!first) /* a timer that runs out for nobody costs less than stopping it for each call */
        return;
    uint64_t due = (uint64_t)first->key, now = uv_hrtime() / 1000000;
    if (due >= client->deadline_due_ms)
        return;
    client->deadline_due_ms = due;
    uv_timer_start(&client->deadline_timer, on_deadline, due > now ? due - now : 0, 0);
}

static void on_deadline(uv_timer_t *timer)
{
    struct belay_connection *client =
        BELAY_CONTAINER_OF(timer, struct belay_connection, deadline_timer);
    uint64_t now = uv_hrtime() / 1000000;
    struct belay_heap_node *first;
    http_loop_enter(&client->loop);
    client->deadline_due_ms = UINT64_MAX;
    while ((first = belay_heap_min(&client->deadlines)) && (uint64_t)first->key <= now)
        finish(BELAY_CONTAINER_OF(first, struct http_call, deadline), HTTP_END_TIMEOUT, CURLE_OK);
    arm_deadline(client);
    start_waiting(client);
    http_loop_leave(&client->loop);
}

/* ---- jobs from the runtime's thread ---- */

static void do_call(struct http_job *job)
{
    struct http_call *call = BELAY_CONTAINER_OF(job, struct http_call, job);
    struct belay_connection *client = call->client;
    int64_t due = (int64_t)(call->began_us / 1000 + call->timeout_ms + 1); /* never early */
    if (belay_heap_insert(&client->deadlines, &call->deadline, due)) {
        finish(call, HTTP_END_CURL, CURLE_OUT_OF_MEMORY);
        return;
    }
    belay_list_push(&client->waiting, &call->node);
    start_waiting(client);
    arm_deadline(client);
}

struct cancel_job {
    struct http_job job;
    struct belay_connection *client;
    uint64_t id;
};

static struct http_call *find(struct belay_list *list, uint64_t id)
{
    for (struct belay_list *at = list->next; at != list; at = at->next) {
        struct http_call *call = BELAY_CONTAINER_OF(at, struct http_call, node);
        if (call->id == id)
            return call;
    }
    return NULL;
}

static void do_cancel(struct http_job *job)
{
    struct cancel_job *cancel = BELAY_CONTAINER_OF(job, struct cancel_job, job);
    struct belay_connection *client = cancel->client;
    struct http_call *call = find(&client->waiting, cancel->id);
    if (!call)
        call = find(&client->active, cancel->id);
    belay_free(cancel);
    if (call)
        finish(call, HTTP_END_CANCELLED, CURLE_OK);
    start_waiting(client);
}

/* ---- closing ---- */

static void cancel_all(struct belay_list *list)
{
    while (!belay_list_empty(list))
        finish(BELAY_CONTAINER_OF(list->next, struct http_call, node), HTTP_END_CANCELLED, CURLE_OK);
}

static void on_drain_over(uv_timer_t *timer)
{
    struct belay_connection *client =
        BELAY_CONTAINER_OF(timer, struct belay_connection, drain_timer);
    http_loop_enter(&client->loop);
    cancel_all(&client->waiting);
    cancel_all(&client->active);
    end_if_drained(client);
    http_loop_leave(&client->loop);
}

static void end_if_drained(struct belay_connection *client)
{
    if (!client->draining || client->ended || client->active_count
        || !belay_list_empty(&client->waiting))
        return;
    client->ended = true;
    http_wires_close(client);
    while (client->idle_count)
        curl_easy_cleanup(client->idle[--client->idle_count]);
    curl_multi_cleanup(client->multi);
    client->multi = NULL;
    deliver(client);
    for (uint32_t i = 0; i < client->watch_count; i++)
        if (client->watches[i])
            watch_close(client->watches[i]);
    uv_close((uv_handle_t *)&client->turn_end, NULL);
    uv_close((uv_handle_t *)&client->curl_timer, NULL);
    uv_close((uv_handle_t *)&client->deadline_timer, NULL);
    uv_close((uv_handle_t *)&client->drain_timer, NULL);
    http_loop_stop(&client->loop);
}

static void do_close(struct http_job *job)
{
    struct belay_connection *client = BELAY_CONTAINER_OF(job, struct belay_connection, close_job);
    client->draining = true;
    uv_timer_start(&client->drain_timer, on_drain_over, client->drain_ms, 0);
    end_if_drained(client);
}

static void client_free(struct belay_connection *client)
{
    BELAY_ASSERT(atomic_load(&client->pending) == 0);
    if (client->multi)
        curl_multi_cleanup(client->multi);
    http_calls_free(client);
    belay_heap_deinit(&client->deadlines);
    belay_free(client->watches);
    belay_free(client->input);
    belay_free(client->idle);
    http_client_options_deinit(&client->options);
    belay_free(client);
}

/* The last act of the loop's thread. */
static void on_exited(struct http_loop *loop)
{
    struct belay_connection *client = BELAY_CONTAINER_OF(loop, struct belay_connection, loop);
    void (*closed)(void *arg) = client->closed;
    void *closed_arg = client->closed_arg;
    client_free(client);
    closed(closed_arg);
}

/* ---- the descriptor ---- */

static bool http_idempotent(const struct belay_call_request *request)
{
    return http_method_is_idempotent(belay_call_param(request, BELAY_STR("method")));
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_client_init_once(void)
{
    static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
    pthread_once(&curl_once, init_curl);
}

static int multi_new(struct belay_connection *client)
{
    client->multi = curl_multi_init();
    client->idle = belay_calloc(client->options.concurrency, sizeof(CURL *));
    if (client->options.direct)
        client->input = belay_malloc(HTTP_INPUT_BYTES);
    if (!client->multi || !client->idle || (client->options.direct && !client->input))
        return BELAY_NOMEM;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)client->options.concurrency);
    return BELAY_OK;
}

/* The handles are made before the thread runs, so nothing here is shared yet. */
static int begin(struct belay_connection *client, struct belay_err *err)
{
    int status = http_loop_init(&client->loop, err);
    if (status)
        return status;
    uv_timer_init(&client->loop.uv, &client->curl_timer);
    uv_timer_init(&client->loop.uv, &client->deadline_timer);
    uv_timer_init(&client->loop.uv, &client->drain_timer);
    uv_prepare_init(&client->loop.uv, &client->turn_end);
    uv_prepare_start(&client->turn_end, on_turn_end);
    client->loop.exited = on_exited;
    return http_loop_run(&client->loop, err);
}

static int http_open(const struct belay_connection_config *config, belay_call_done *done, void *done_arg,
                     struct belay_connection **ret_connection, struct belay_err *err)
{
    http_client_init_once();
    struct belay_connection *client = belay_calloc(1, sizeof *client);
    if (!client)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    int status = http_client_options_init(&client->options, config, err);
    if (status) {
        belay_free(client);
        return status;
    }
    client->done = done;
    client->done_arg = done_arg;
    client->deadline_due_ms = client->curl_due_ms = client->curl_armed_ms = UINT64_MAX;
    belay_heap_init(&client->deadlines);
    belay_list_init(&client->waiting);
    belay_list_init(&client->active);
    belay_list_init(&client->wires);
    atomic_init(&client->pending, 0);
    atomic_init(&client->given_back_calls, NULL);
    atomic_init(&client->spare_call_count, 0);
    status = multi_new(client) ? belay_fail(err, BELAY_NOMEM, "http: out of memory")
                               : begin(client, err);
    if (status)
        client_free(client);
    else
        *ret_connection = client;
    return status;
}

static int http_call(struct belay_connection *c, const struct belay_call_request *request,
                     struct belay_err *err)
{
    struct http_call *call;
    BELAY_ASSERT(request->timeout_ms > 0);
    if (c->closing)
        return belay_fail(err, BELAY_CANCELLED, "the connection is closing");
    uint32_t room = c->options.concurrency + c->options.queue_max;
    if (atomic_load_explicit(&c->pending, memory_order_acquire) >= room)
        return belay_fail(err, BELAY_BUSY, "%u calls are in flight or waiting", room);
    int status = http_call_new(c, request, &call, err);
    if (status)
        return status;
    call->began_us = uv_hrtime() / 1000;
    atomic_fetch_add_explicit(&c->pending, 1, memory_order_relaxed);
    call->job.run = do_call;
    http_loop_post(&c->loop, &call->job);
    return BELAY_OK;
}

static void http_cancel(struct belay_connection *c, uint64_t id)
{
    struct cancel_job *cancel = belay_malloc(sizeof *cancel);
    if (!cancel)
        return; /* its timeout ends the call */
    *cancel = (struct cancel_job){ .job.run = do_cancel, .client = c, .id = id };
    http_loop_post(&c->loop, &cancel->job);
}

static void http_close(struct belay_connection *c, uint32_t drain_ms, void (*closed)(void *arg),
                       void *closed_arg)
{
    BELAY_ASSERT(!c->closing);
    c->closing = true;
    c->drain_ms = drain_ms;
    c->closed = closed;
    c->closed_arg = closed_arg;
    c->close_job.run = do_close;
    http_loop_post(&c->loop, &c->close_job);
}

static const char *const errors[] = { "HTTP:TIMEOUT", "HTTP:CONNECTIVITY", "HTTP:TLS", "HTTP:PROTOCOL", "HTTP:CLIENT_ERROR",
                                      "HTTP:SERVER_ERROR", "HTTP:TOO_MANY_REQUESTS", "HTTP:TOO_EARLY", "HTTP:REDIRECT",
                                      "HTTP:RESPONSE_TOO_LARGE", "HTTP:INVALID_BODY", "HTTP:CANCELLED", NULL };

const struct belay_connector belay_connector_http = {
    .name = "http",
    .help = "Calls an HTTP server (HTTP/1.1 and HTTP/2, TLS, proxies).",
    .options = http_client_option_table,
    .call_params = http_client_param_table,
    .namespace_ = "HTTP",
    .errors = errors,
    .idempotent = http_idempotent,
    .check = http_check,
    .open = http_open,
    .call = http_call,
    .preview = http_preview,
    .cancel = http_cancel,
    .close = http_close,
};
