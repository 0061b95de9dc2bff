#include "connector/http/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <llhttp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"

#define READS_A_TURN 16            /* of one wire, then it is the others' turn */
#define HEAD_BYTES_MAX BELAY_KIB(256) /* of all heads and trailers of an answer */
#define HEAD_BYTES_KEPT BELAY_KIB(8)  /* of the memory of a request's head */
/* What lay idle for longer is not trusted: something on the way may have forgotten it. */
#define IDLE_MS_MAX 118000

struct http_wire {
    uv_poll_t poll;
    struct belay_list node; /* in client->wires */
    struct belay_connection *client;
    struct http_call *call; /* NULL: idle */
    CURL *easy;             /* while connecting */
    int socket;             /* -1: not connected */
    int events;             /* armed for */
    uint64_t idle_since_ms;
    struct belay_buf head;  /* of the request */
    size_t sent;            /* of head and body */
    size_t answer_head_bytes;
    uint32_t status;
    bool complete, reusable, ended;
    CURLcode fault;         /* why the parser was stopped */
    llhttp_t parser;
};

static const llhttp_settings_t settings;

/* ---- life ---- */

static struct http_wire *wire_new(struct belay_connection *client)
{
    struct http_wire *wire = belay_calloc(1, sizeof *wire);
    if (!wire)
        return NULL;
    wire->client = client;
    wire->socket = -1;
    belay_list_init(&wire->node);
    belay_buf_init(&wire->head, BELAY_MIB(8));
    llhttp_init(&wire->parser, HTTP_RESPONSE, &settings);
    wire->parser.data = wire;
    return wire;
}

static void wire_free(struct http_wire *wire)
{
    belay_buf_deinit(&wire->head);
    belay_free(wire);
}

static void on_poll_closed(uv_handle_t *handle)
{
    wire_free(BELAY_CONTAINER_OF((uv_poll_t *)handle, struct http_wire, poll));
}

static void wire_close(struct http_wire *wire)
{
    struct belay_connection *client = wire->client;
    belay_list_unlink(&wire->node);
    if (wire->easy) {
        curl_multi_remove_handle(client->multi, wire->easy);
        curl_easy_cleanup(wire->easy);
        wire->easy = NULL;
    }
    if (wire->socket < 0) {
        wire_free(wire);
        return;
    }
    uv_close((uv_handle_t *)&wire->poll, on_poll_closed); /* it is out of epoll now */
    close(wire->socket);
    wire->socket = -1;
}

void http_wires_close(struct belay_connection *client)
{
    while (!belay_list_empty(&client->wires))
        wire_close(BELAY_CONTAINER_OF(client->wires.next, struct http_wire, node));
}

bool http_wire_has_sent(const struct http_wire *wire)
{
    return wire->sent > 0;
}

uint32_t http_wire_status(const struct http_wire *wire)
{
    return wire->status;
}

void http_wire_release(struct http_wire *wire)
{
    wire->call->wire = NULL;
    wire->call = NULL;
    if (!wire->reusable || wire->client->draining) {
        wire_close(wire);
        return;
    }
    wire->idle_since_ms = uv_now(&wire->client->loop.uv);
    if (wire->head.cap > HEAD_BYTES_KEPT) {
        belay_buf_deinit(&wire->head);
        belay_buf_init(&wire->head, BELAY_MIB(8));
    }
    belay_list_insert_before(wire->client->wires.next, &wire->node); /* the warmest first */
}

/* The call's one end; the wire may be gone after it. */
static void end(struct http_wire *wire, CURLcode code)
{
    wire->ended = true;
    http_client_end(wire->call, code);
}

/* ---- the answer ---- */

static int stop(struct http_wire *wire, CURLcode code)
{
    wire->fault = code;
    return -1;
}

static int put_head(struct http_wire *wire, const char *p, size_t n)
{
    wire->answer_head_bytes += n;
    if (wire->answer_head_bytes > HEAD_BYTES_MAX)
        return stop(wire, CURLE_WEIRD_SERVER_REPLY);
    belay_buf_put(&wire->call->answer_head, p, n); /* what is over its limit is left out */
    return 0;
}

static int on_begin(llhttp_t *parser)
{
    struct http_wire *wire = parser->data;
    belay_buf_clear(&wire->call->answer_head);
    return 0;
}

static int on_head_text(llhttp_t *parser, const char *p, size_t n)
{
    return put_head(parser->data, p, n);
}

static int on_name_complete(llhttp_t *parser)
{
    return put_head(parser->data, ":", 1);
}

static int on_value_complete(llhttp_t *parser)
{
    return put_head(parser->data, "\n", 1);
}

static int on_head_complete(llhttp_t *parser)
{
    struct http_wire *wire = parser->data;
    uint32_t status = parser->status_code;
    if (status < 100) /* no status of HTTP: nothing more would come that could end it */
        return stop(wire, CURLE_WEIRD_SERVER_REPLY);
    wire->status = status;
    return status < 200 || status == 204 || status == 304 || strcmp(wire->call->method, "HEAD") == 0;
}

static int on_answer_body(llhttp_t *parser, const char *p, size_t n)
{
    struct http_wire *wire = parser->data;
    return http_call_take_body(wire->call, p, n) ? 0 : stop(wire, CURLE_WRITE_ERROR);
}

/* An interim answer (100 to 199) is not the end. */
static int on_complete(llhttp_t *parser)
{
    struct http_wire *wire = parser->data;
    if (parser->status_code < 200)
        return 0;
    wire->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_header_field = on_head_text,
    .on_header_field_complete = on_name_complete,
    .on_header_value = on_head_text,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head_complete,
    .on_body = on_answer_body,
    .on_message_complete = on_complete,
};

static bool is_all_sent(const struct http_wire *wire)
{
    return wire->sent == wire->head.n + wire->call->body.n;
}

/* Kept for another call only when both sides are at the same point. */
static void complete(struct http_wire *wire, bool all_read)
{
    wire->reusable = all_read && is_all_sent(wire) && llhttp_should_keep_alive(&wire->parser);
    end(wire, CURLE_OK);
}

static void parse(struct http_wire *wire, const char *p, size_t n)
{
    llhttp_errno_t error = llhttp_execute(&wire->parser, p, n);
    if (wire->complete)
        complete(wire, llhttp_get_error_pos(&wire->parser) == p + n);
    else if (error != HPE_OK)
        end(wire, wire->fault ? wire->fault : CURLE_WEIRD_SERVER_REPLY);
}

/* An answer without a length ends here; any other is cut off. */
static void on_eof(struct http_wire *wire)
{
    bool begun = wire->status || wire->call->answer_head.n;
    llhttp_finish(&wire->parser);
    if (wire->complete)
        complete(wire, false);
    else
        end(wire, begun ? CURLE_PARTIAL_FILE : CURLE_GOT_NOTHING);
}

static void receive(struct http_wire *wire)
{
    char *input = wire->client->input;
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = recv(wire->socket, input, HTTP_INPUT_BYTES, MSG_DONTWAIT);
        if (n > 0)
            parse(wire, input, (size_t)n);
        else if (n == 0)
            on_eof(wire);
        else if (errno == EINTR)
            continue;
        else if (errno != EAGAIN)
            end(wire, CURLE_RECV_ERROR);
        if (n < (ssize_t)HTTP_INPUT_BYTES)
            return; /* ended, or what is left comes with the next turn */
        if (wire->ended)
            return;
    }
}

/* ---- the request ---- */

/* Lines of libcurl's kinds: "name: value", "name;" is a field without a value, "name:" none at all. */
static void put_line(struct belay_buf *head, struct belay_str line)
{
    size_t colon = belay_str_find(line, ':'), semicolon = belay_str_find(line, ';');
    if (colon + 1 == line.n)
        return;
    bool empty = semicolon < colon;
    belay_buf_put_str(head, empty ? belay_str_sub(line, 0, semicolon) : line);
    belay_buf_put_str(head, empty ? BELAY_STR(":\r\n") : BELAY_STR("\r\n"));
}

static bool has_line(const struct http_call *call, struct belay_str name)
{
    for (const struct curl_slist *at = call->headers; at; at = at->next) {
        struct belay_str line = belay_str_c(at->data);
        if (line.n > name.n && (line.p[name.n] == ':' || line.p[name.n] == ';')
            && belay_str_eq_nocase(belay_str_sub(line, 0, name.n), name))
            return true;
    }
    return false;
}

static void put_own(struct http_wire *wire, struct belay_str name, struct belay_str value)
{
    if (has_line(wire->call, name))
        return;
    belay_buf_put_str(&wire->head, name);
    belay_buf_put_str(&wire->head, BELAY_STR(": "));
    belay_buf_put_str(&wire->head, value);
    belay_buf_put_str(&wire->head, BELAY_STR("\r\n"));
}

static void put_length(struct belay_buf *head, size_t n)
{
    char digits[24], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    belay_buf_put_str(head, BELAY_STR("Content-Length: "));
    belay_buf_put(head, at, (size_t)(digits + sizeof digits - at));
    belay_buf_put_str(head, BELAY_STR("\r\n"));
}

static int build_head(struct http_wire *wire)
{
    struct http_call *call = wire->call;
    const struct http_client_options *o = &wire->client->options;
    struct belay_buf *head = &wire->head;
    belay_buf_clear(head);
    belay_buf_put_str(head, belay_str_c(call->method));
    belay_buf_put_str(head, BELAY_STR(" "));
    belay_buf_put_str(head, belay_str_c(call->url + o->origin_bytes));
    belay_buf_put_str(head, BELAY_STR(" HTTP/1.1\r\nHost: "));
    belay_buf_put_str(head, o->host);
    belay_buf_put_str(head, BELAY_STR("\r\n"));
    if (o->authorization.n)
        put_own(wire, BELAY_STR("Authorization"), o->authorization);
    put_own(wire, BELAY_STR("User-Agent"), BELAY_STR("belay/" BELAY_VERSION_STRING));
    put_own(wire, BELAY_STR("Accept"), BELAY_STR("*/*"));
    for (const struct curl_slist *at = call->headers; at; at = at->next)
        put_line(head, belay_str_c(at->data));
    if (!http_call_is_bodiless(call))
        put_length(head, call->body.n);
    belay_buf_put_str(head, BELAY_STR("\r\n"));
    return belay_buf_status(head);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* False: the loop refused. */
static bool arm(struct http_wire *wire, int events)
{
    if (wire->events == events)
        return true;
    wire->events = events;
    return uv_poll_start(&wire->poll, events, on_ready) == 0;
}

/* As much as the system takes. CURLE_OK, or why it is over. */
static CURLcode transmit(struct http_wire *wire)
{
    struct belay_str head = belay_buf_view(&wire->head), body = wire->call->body;
    while (!is_all_sent(wire)) {
        struct iovec parts[2];
        int count = 0;
        size_t in_body = wire->sent > head.n ? wire->sent - head.n : 0;
        if (wire->sent < head.n)
            parts[count++] = (struct iovec){ (char *)head.p + wire->sent, head.n - wire->sent };
        if (in_body < body.n)
            parts[count++] = (struct iovec){ (char *)body.p + in_body, body.n - in_body };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = (size_t)count };
        ssize_t n = sendmsg(wire->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            wire->sent += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR && wire->sent == 0)
            return CURLE_SEND_ERROR;
        else if (errno != EINTR) /* what it came to, reading will tell */
            return arm(wire, UV_READABLE) ? CURLE_OK : CURLE_SEND_ERROR;
    }
    int events = is_all_sent(wire) ? UV_READABLE : UV_READABLE | UV_WRITABLE;
    return arm(wire, events) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct http_wire *wire = BELAY_CONTAINER_OF(poll, struct http_wire, poll);
    struct belay_connection *client = wire->client;
    if (!wire->call) { /* the other side closed it, or says what nobody asked for */
        wire_close(wire);
        return;
    }
    http_loop_enter(&client->loop);
    CURLcode code = CURLE_OK;
    if (status < 0)
        code = CURLE_RECV_ERROR;
    else if (events & UV_WRITABLE)
        code = transmit(wire);
    if (events & UV_READABLE || status < 0)
        receive(wire); /* also after a failed send: it may have answered before it closed */
    if (code && !wire->ended)
        end(wire, code);
    http_client_turn(client);
    http_loop_leave(&client->loop);
}

/* ---- connecting and starting ---- */

static void reset(struct http_wire *wire, struct http_call *call)
{
    wire->call = call;
    call->wire = wire;
    wire->sent = 0;
    wire->status = 0;
    wire->answer_head_bytes = 0;
    wire->complete = wire->reusable = wire->ended = false;
    wire->fault = CURLE_OK;
    llhttp_reset(&wire->parser);
    llhttp_resume(&wire->parser);
}

static void detach(struct http_wire *wire)
{
    wire->call->wire = NULL;
    wire->call = NULL;
}

/* The system may know what the loop has not heard yet. */
static bool is_quiet(const struct http_wire *wire)
{
    char byte;
    return recv(wire->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static struct http_wire *take_idle(struct belay_connection *client)
{
    uint64_t now = uv_now(&client->loop.uv);
    while (!belay_list_empty(&client->wires)) {
        struct http_wire *wire =
            BELAY_CONTAINER_OF(client->wires.next, struct http_wire, node);
        if (now - wire->idle_since_ms <= IDLE_MS_MAX && is_quiet(wire)) {
            belay_list_unlink(&wire->node);
            return wire;
        }
        wire_close(wire);
    }
    return NULL;
}

static CURLcode begin_connect(struct http_call *call)
{
    struct belay_connection *client = call->client;
    struct http_wire *wire = wire_new(client);
    if (!wire)
        return CURLE_OUT_OF_MEMORY;
    reset(wire, call);
    CURLcode code = http_call_prepare_connect(call, &wire->easy);
    if (!code)
        code = curl_easy_setopt(wire->easy, CURLOPT_PRIVATE, wire);
    if (!code && curl_multi_add_handle(client->multi, wire->easy))
        code = CURLE_OUT_OF_MEMORY;
    if (code) {
        detach(wire);
        wire_close(wire);
    }
    return code;
}

CURLcode http_wire_start(struct http_call *call)
{
    struct http_wire *wire;
    while ((wire = take_idle(call->client))) {
        reset(wire, call);
        CURLcode code = build_head(wire) ? CURLE_OUT_OF_MEMORY : transmit(wire);
        if (!code)
            return CURLE_OK;
        BELAY_ASSERT(wire->sent == 0); /* an idle wire is armed: nothing else can fail */
        detach(wire); /* it was on no wire yet */
        wire_close(wire);
        if (code == CURLE_OUT_OF_MEMORY)
            return code;
    }
    return begin_connect(call);
}

/* Its own descriptor of libcurl's socket, which libcurl may close now. */
static CURLcode take_socket(struct http_wire *wire)
{
    curl_socket_t theirs = CURL_SOCKET_BAD;
    CURLcode code = curl_easy_getinfo(wire->easy, CURLINFO_ACTIVESOCKET, &theirs);
    int ours = code || theirs == CURL_SOCKET_BAD ? -1 : fcntl(theirs, F_DUPFD_CLOEXEC, 0);
    curl_multi_remove_handle(wire->client->multi, wire->easy);
    curl_easy_cleanup(wire->easy);
    wire->easy = NULL;
    if (ours < 0)
        return CURLE_COULDNT_CONNECT;
    if (uv_poll_init_socket(&wire->client->loop.uv, &wire->poll, ours)) {
        close(ours);
        return CURLE_OUT_OF_MEMORY;
    }
    wire->socket = ours;
    return CURLE_OK;
}

void http_wire_connected(struct http_wire *wire, CURLcode code)
{
    if (!code)
        code = take_socket(wire);
    if (!code)
        code = build_head(wire) ? CURLE_OUT_OF_MEMORY : transmit(wire);
    if (code)
        end(wire, code);
}
