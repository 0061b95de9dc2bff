/* client_call.c - one attempt: from the caller's request to libcurl, and from libcurl to an outcome. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "connector/common/outcome.h"
#include "connector/http/client_impl.h"
#include "connector/http/server.h"
#include "connector/http/text.h"
#include "connector/http/wire.h"
#include "platform/clock.h"

#define ANSWER_HEAD_BYTES_MAX BELAY_KIB(64)
/* libcurl asks for leave to send a body beyond a size that grew from 1 KiB to 1 MiB with its versions. */
#define EXPECT_BYTES_MIN 1024
/* What a call keeps of its answer's memory for the next one. */
#define ANSWER_BYTES_KEPT BELAY_KIB(4)

/* ---- the request ---- */

static int no_memory(struct belay_err *err)
{
    return belay_fail(err, BELAY_NOMEM, "http: out of memory");
}

/* One text of several, NUL after it; {NULL, 0} without memory. */
static struct belay_str join(struct belay_arena *arena, const struct belay_str *parts, uint32_t count)
{
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += parts[i].n;
    char *p = belay_arena_bytes(arena, n + 1), *at = p;
    if (!p)
        return BELAY_STR_NONE;
    for (uint32_t i = 0; i < count; at += parts[i++].n)
        if (parts[i].n)
            memcpy(at, parts[i].p, parts[i].n);
    *at = '\0';
    return belay_str(p, n);
}

/* The call's URL: base_url and path; without a path base_url as it is. */
static const char *build_url(struct http_call *call, struct belay_str path)
{
    const struct http_client_options *o = &call->client->options;
    struct belay_str origin = belay_str_sub(o->whole_url, 0, o->origin_bytes);
    struct belay_str rest = belay_str_sub(o->whole_url, o->origin_bytes, o->whole_url.n);
    if (path.n)
        return join(&call->arena, (struct belay_str[]){ o->base_url, path }, 2).p;
    bool rooted = rest.n && rest.p[0] == '/';
    return join(&call->arena, (struct belay_str[]){ origin, rooted ? BELAY_STR_NONE : BELAY_STR("/"), rest }, 3).p;
}

static int build_target(struct http_call *call, const struct belay_call_request *request,
                        struct belay_err *err)
{
    struct belay_str path = belay_call_param(request, BELAY_STR("path"));
    struct belay_str method = belay_call_param(request, BELAY_STR("method"));
    struct belay_str base = call->client->options.base_url;
    if (!method.n)
        method = BELAY_STR("GET");
    if (!http_is_token(method))
        return belay_fail(err, BELAY_INVALID, "method: \"%.*s\" is none", BELAY_STR_ARG(method));
    const char *fault = http_path_fault(path, true);
    if (fault)
        return belay_fail(err, BELAY_INVALID, "path: \"%.*s\" %s", BELAY_STR_ARG(path), fault);
    if (path.n && belay_str_find(base, '?') < base.n)
        return belay_fail(err, BELAY_INVALID, "path: nothing can be appended to a base_url with a query");
    if (!path.n) /* such a URL often is a secret beyond its host */
        base = belay_str_sub(base, 0, call->client->options.origin_bytes);
    struct belay_str bare = belay_str_sub(path, 0, belay_str_find(path, '?'));
    call->endpoint = join(&call->arena, (struct belay_str[]){ method, BELAY_STR(" "), base, bare }, 4);
    call->url = build_url(call, path);
    call->method = belay_arena_str(&call->arena, method).p;
    call->body = belay_arena_str(&call->arena, request->body);
    if (!call->endpoint.p || !call->url || !call->method || !call->body.p)
        return no_memory(err);
    call->safe = belay_str_eq(method, BELAY_STR("GET")) || belay_str_eq(method, BELAY_STR("HEAD"))
                 || belay_str_eq(method, BELAY_STR("OPTIONS"));
    return BELAY_OK;
}

/* Fields that belong to the connection, or that the connector says itself. */
static bool is_ours(struct belay_str name)
{
    static const struct belay_str names[] = {
        BELAY_STR_INIT("connection"), BELAY_STR_INIT("content-length"), BELAY_STR_INIT("expect"),
        BELAY_STR_INIT("host"), BELAY_STR_INIT("keep-alive"), BELAY_STR_INIT("proxy-connection"),
        BELAY_STR_INIT("te"), BELAY_STR_INIT("trailer"), BELAY_STR_INIT("transfer-encoding"),
        BELAY_STR_INIT("upgrade"),
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (belay_str_eq_nocase(name, names[i]))
            return true;
    return false;
}

/* A list for libcurl in the arena: it reads it and never frees it. text "" without memory ends it. */
static int add_line(struct http_call *call, struct belay_str line)
{
    struct curl_slist *item = BELAY_ARENA_NEW(&call->arena, struct curl_slist);
    if (!line.p || !item)
        return BELAY_NOMEM;
    item->data = (char *)line.p;
    item->next = call->headers;
    call->headers = item;
    return BELAY_OK;
}

/* "name;" is libcurl's way to send a field without a value. */
static int add_field(struct http_call *call, struct belay_str name, struct belay_str value)
{
    struct belay_str parts[] = { name, value.n ? BELAY_STR(": ") : BELAY_STR(";"), value };
    return add_line(call, join(&call->arena, parts, 3));
}

static bool is_named(const struct belay_field *fields, uint32_t count, struct belay_str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (belay_str_eq_nocase(fields[i].name, name))
            return true;
    return false;
}

static int add_fields(struct http_call *call, const struct belay_field *fields, uint32_t count,
                      const struct belay_field *except, uint32_t except_count, struct belay_err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct belay_field *f = &fields[i];
        if (!http_is_token(f->name) || !http_is_field_value(f->value))
            return belay_fail(err, BELAY_INVALID, "headers: \"%.*s\" has a name or value that HTTP "
                              "does not allow", BELAY_STR_ARG(f->name));
        if (is_ours(f->name) || is_named(except, except_count, f->name))
            continue;
        if (add_field(call, f->name, f->value))
            return no_memory(err);
    }
    return BELAY_OK;
}

/* "Idempotency-Key" is a quoted string (RFC 8941) by its draft. */
static int add_key(struct http_call *call, struct belay_str key)
{
    struct belay_str header = call->client->options.idempotency_header;
    if (!header.n || !key.n)
        return BELAY_OK;
    if (!belay_str_eq_nocase(header, BELAY_STR("idempotency-key")))
        return add_field(call, header, key);
    struct belay_buf quoted;
    belay_buf_init(&quoted, BELAY_KIB(8));
    belay_buf_put_c(&quoted, '"');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '"' || key.p[i] == '\\')
            belay_buf_put_c(&quoted, '\\');
        belay_buf_put_c(&quoted, key.p[i]);
    }
    belay_buf_put_c(&quoted, '"');
    int status = belay_buf_status(&quoted);
    if (!status)
        status = add_field(call, header, belay_buf_view(&quoted));
    belay_buf_deinit(&quoted);
    return status;
}

static int build_headers(struct http_call *call, const struct belay_call_request *r,
                         struct belay_err *err)
{
    const struct http_client_options *o = &call->client->options;
    const struct belay_str content_type = BELAY_STR("content-type");
    if (!http_is_field_value(r->idempotency_key) || !http_is_field_value(r->correlationid)
        || !http_is_field_value(r->traceparent))
        return belay_fail(err, BELAY_INVALID, "an id holds control characters");
    int status = add_fields(call, o->headers, o->header_count, r->headers, r->header_count, err);
    if (!status)
        status = add_fields(call, r->headers, r->header_count, NULL, 0, err);
    if (status)
        return status;
    if (r->body.n >= EXPECT_BYTES_MIN)
        status = add_line(call, BELAY_STR("Expect:")); /* nobody waits for 100 Continue */
    bool typed = is_named(r->headers, r->header_count, content_type)
                 || is_named(o->headers, o->header_count, content_type);
    if (!status && !typed)
        status = add_line(call, r->body.n ? BELAY_STR("content-type: application/json")
                                          : BELAY_STR("Content-Type:"));
    if (!status && r->traceparent.n)
        status = add_field(call, BELAY_STR("traceparent"), r->traceparent);
    if (!status && r->correlationid.n)
        status = add_field(call, BELAY_STR("x-correlation-id"), r->correlationid);
    if (!status)
        status = add_key(call, r->idempotency_key);
    return status ? no_memory(err) : BELAY_OK;
}

static struct http_call *take_spare(struct belay_connection *client)
{
    if (!client->spare_calls)
        client->spare_calls = atomic_exchange_explicit(&client->given_back_calls, NULL, memory_order_acquire);
    struct http_call *call = client->spare_calls;
    if (call) {
        client->spare_calls = call->next;
        atomic_fetch_sub_explicit(&client->spare_call_count, 1, memory_order_relaxed);
    }
    return call;
}

static struct http_call *call_take(struct belay_connection *client)
{
    struct http_call *call = take_spare(client);
    if (!call && (call = belay_calloc(1, sizeof *call))) {
        call->client = client;
        belay_list_init(&call->node);
        belay_heap_node_init(&call->deadline);
        belay_arena_init(&call->arena, BELAY_KIB(2), SIZE_MAX);
        belay_buf_init(&call->answer, client->options.response_bytes_max);
        belay_buf_init(&call->answer_head, ANSWER_HEAD_BYTES_MAX);
    }
    if (call && !call->spare && !(call->spare = belay_calloc(1, sizeof *call->spare))) {
        http_call_free(call);
        call = NULL;
    }
    return call;
}

int http_call_new(struct belay_connection *client, const struct belay_call_request *request,
                  struct http_call **ret_call, struct belay_err *err)
{
    struct http_call *call = call_take(client);
    if (!call)
        return no_memory(err);
    call->id = request->id;
    call->timeout_ms = request->timeout_ms;
    int status = build_target(call, request, err);
    if (!status)
        status = build_headers(call, request, err);
    if (status)
        http_call_free(call);
    else
        *ret_call = call;
    return status;
}

void http_call_free(struct http_call *call)
{
    BELAY_ASSERT(!call->easy);
    belay_free(call->spare);
    belay_buf_deinit(&call->answer);
    belay_buf_deinit(&call->answer_head);
    belay_arena_deinit(&call->arena);
    belay_free(call);
}

static void empty(struct belay_buf *buf)
{
    if (buf->cap > ANSWER_BYTES_KEPT) {
        size_t size_bytes_max = buf->size_bytes_max;
        belay_buf_deinit(buf);
        belay_buf_init(buf, size_bytes_max);
    } else {
        belay_buf_clear(buf);
    }
}

void http_call_give_back(struct http_call *call)
{
    struct belay_connection *client = call->client;
    BELAY_ASSERT(!call->easy);
    if (atomic_load_explicit(&client->spare_call_count, memory_order_relaxed) >= HTTP_SPARE_CALLS_MAX) {
        http_call_free(call);
        return;
    }
    belay_arena_reset(&call->arena);
    empty(&call->answer);
    empty(&call->answer_head);
    call->headers = NULL;
    call->safe = call->repeated = call->too_large = call->head_ended = call->stale = false;
    call->sendings = 0;
    atomic_fetch_add_explicit(&client->spare_call_count, 1, memory_order_relaxed);
    call->next = atomic_load_explicit(&client->given_back_calls, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&client->given_back_calls, &call->next, call,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

void http_calls_free(struct belay_connection *client)
{
    struct http_call *call;
    while ((call = take_spare(client)))
        http_call_free(call);
}

bool http_method_is_idempotent(struct belay_str method)
{
    static const struct belay_str methods[] = {
        BELAY_STR_INIT(""),    BELAY_STR_INIT("GET"), BELAY_STR_INIT("HEAD"),  BELAY_STR_INIT("OPTIONS"),
        BELAY_STR_INIT("PUT"), BELAY_STR_INIT("DELETE"), BELAY_STR_INIT("TRACE"),
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (belay_str_eq(method, methods[i]))
            return true;
    return false;
}

/* ---- libcurl ---- */

bool http_call_was_sent(const struct http_call *call)
{
    if (call->wire)
        return http_wire_has_sent(call->wire);
    long n = 0;
    return call->easy && !curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &n) && n > 0;
}

bool http_call_take_body(struct http_call *call, const char *p, size_t n)
{
    size_t room = call->answer.size_bytes_max - call->answer.n;
    belay_buf_put(&call->answer, p, n < room ? n : room);
    call->too_large = n > room || belay_buf_status(&call->answer);
    return !call->too_large;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    return http_call_take_body(arg, p, size * n) ? size * n : 0;
}

/* One line of the answer's head; a new one begins with its status line. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    struct belay_str line = belay_str(p, size * n);
    if (belay_str_starts(line, BELAY_STR("HTTP/"))) {
        belay_buf_clear(&call->answer_head);
        call->head_ended = false;
    } else if (belay_str_trim(line).n) {
        belay_buf_put_str(&call->answer_head, line);
    } else {
        call->head_ended = true;
    }
    return size * n; /* what is over the limit is left out */
}

/* Called whenever libcurl is about to send the request. A kept connection must have nothing to say that nobody
 * asked for. It may also be the second time, after a kept connection broke without an answer: then the request
 * must have been on no wire yet. */
static int on_before_request(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct http_call *call = arg;
    (void)remote, (void)local, (void)remote_port;
    if (call->sendings == 0 && http_client_has_more_to_read(call, local_port)) {
        call->stale = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (call->sendings++ == 0 || !http_call_was_sent(call))
        return CURL_PREREQFUNC_OK;
    call->repeated = true;
    return CURL_PREREQFUNC_ABORT;
}

#define SET(option, value)                                      \
    do {                                                        \
        CURLcode code_ = curl_easy_setopt(easy, option, value); \
        if (code_)                                              \
            return code_;                                       \
    } while (0)

static CURLcode set_security(CURL *easy, const struct http_client_options *o)
{
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, o->proxy ? o->proxy : "");
    SET(CURLOPT_NOPROXY, o->no_proxy);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (o->username) {
        SET(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, o->username);
        SET(CURLOPT_PASSWORD, o->password ? o->password : "");
    }
    if (o->bearer) {
        SET(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, o->bearer);
    }
    if (o->ca_file) {
        SET(CURLOPT_CAINFO, o->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_SSLCERT, o->client_cert);
    SET(CURLOPT_SSLKEY, o->client_key ? o->client_key : o->client_cert);
    return CURLE_OK;
}

/* What is the same for all calls of a connection. */
static CURLcode set_common(CURL *easy, struct belay_connection *client)
{
    const struct http_client_options *o = &client->options;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_USERAGENT, "belay/" BELAY_VERSION_STRING);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_HTTP_VERSION, o->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PIPEWAIT, (long)(o->http2 && o->tls));
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_PREREQFUNCTION, on_before_request);
    SET(CURLOPT_SOCKOPTFUNCTION, http_client_on_open_socket);
    SET(CURLOPT_SOCKOPTDATA, client);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_client_on_close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, client);
    return set_security(easy, o);
}

bool http_call_is_bodiless(const struct http_call *call)
{
    return call->body.n == 0
           && (call->safe || strcmp(call->method, "DELETE") == 0 || strcmp(call->method, "TRACE") == 0);
}

static CURLcode set_request(CURL *easy, struct http_call *call)
{
    bool head = strcmp(call->method, "HEAD") == 0;
    bool bodiless = http_call_is_bodiless(call);
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_FRESH_CONNECT, 0L);
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_PREREQDATA, call);
    if (bodiless) {
        SET(CURLOPT_HTTPGET, 1L);
    } else {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
        SET(CURLOPT_POSTFIELDS, call->body.p);
    }
    SET(CURLOPT_NOBODY, (long)(head && bodiless));
    SET(CURLOPT_CUSTOMREQUEST, head && bodiless ? NULL : call->method);
    return CURLE_OK;
}

CURLcode http_call_prepare(struct http_call *call)
{
    struct belay_connection *client = call->client;
    BELAY_ASSERT(!call->easy);
    if (client->idle_count) {
        call->easy = client->idle[--client->idle_count];
    } else {
        call->easy = curl_easy_init();
        CURLcode code = call->easy ? set_common(call->easy, client) : CURLE_OUT_OF_MEMORY;
        if (code)
            return code;
    }
    return set_request(call->easy, call);
}

static CURLcode set_connect(CURL *easy, struct http_call *call)
{
    CURLcode code = set_common(easy, call->client);
    if (code)
        return code;
    SET(CURLOPT_PREREQFUNCTION, NULL);
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_CONNECT_ONLY, 1L);
    return CURLE_OK;
}

CURLcode http_call_prepare_connect(struct http_call *call, CURL **ret_easy)
{
    *ret_easy = curl_easy_init();
    return *ret_easy ? set_connect(*ret_easy, call) : CURLE_OUT_OF_MEMORY;
}

/* ---- the outcome ---- */

/* Lines "name: value" to fields, names in lower case. */
static uint32_t parse_head(struct http_call *call, struct belay_field *fields, uint32_t count_max)
{
    struct belay_str rest = belay_buf_view(&call->answer_head);
    uint32_t count = 0;
    while (rest.n && count < count_max) {
        struct belay_str line = belay_str_split(&rest, '\n');
        size_t colon = belay_str_find(line, ':');
        if (colon == line.n || colon == 0)
            continue;
        for (char *p = (char *)line.p; p < line.p + colon; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p |= 0x20;
        fields[count].name = belay_str_sub(line, 0, colon);
        fields[count++].value = belay_str_trim(belay_str_sub(line, colon + 1, line.n));
    }
    return count;
}

/* A number of seconds, or a date. */
static uint32_t retry_after_ms(const struct belay_call_outcome *o)
{
    char text[64] = "";
    for (uint32_t i = 0; i < o->header_count; i++)
        if (belay_str_eq(o->headers[i].name, BELAY_STR("retry-after"))
            && o->headers[i].value.n < sizeof text)
            memcpy(text, o->headers[i].value.p, o->headers[i].value.n);
    char *end = text;
    int64_t seconds = strtoll(text, &end, 10);
    if (*text && *end)
        seconds = (int64_t)curl_getdate(text, NULL)
                  - belay_clock_wall(belay_clock_posix()) / BELAY_US_PER_S;
    if (seconds <= 0)
        return 0;
    return seconds > UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)seconds * 1000;
}

/* Without memory for its answer a success is not known in full: it counts as unknown. */
static struct belay_call_outcome *settle_for_less(struct http_call *call,
                                                  const struct belay_call_outcome *full)
{
    struct belay_call_outcome *o = call->spare;
    call->spare = NULL;
    *o = (struct belay_call_outcome){
        .id = full->id,
        .class_ = full->ok ? BELAY_CLASS_UNKNOWN_OUTCOME : full->class_,
        .type = full->ok ? BELAY_STR("HTTP:RESPONSE_TOO_LARGE") : full->type,
        .description = BELAY_STR("out of memory for the answer"),
        .status = full->status,
        .retry_after_ms = full->retry_after_ms,
        .duration_us = full->duration_us,
        .body_truncated = true,
    };
    return o;
}

/* "404 Not Found: the server does not accept the request": the number is what a person looks up. */
static struct belay_str with_status(uint32_t status, struct belay_str why, char text[static 256])
{
    const char *name = belay_http_status_text(status);
    int n = snprintf(text, 256, "%u%s%s: %.*s", status, *name ? " " : "", name, BELAY_STR_ARG(why));
    BELAY_ASSERT(n > 0 && n < 256); /* of static texts */
    return (struct belay_str){ text, (size_t)n };
}

struct belay_call_outcome *http_call_outcome(struct http_call *call, enum http_end end, CURLcode code)
{
    struct belay_field fields[BELAY_HEADERS_MAX];
    char described[256];
    struct belay_call_outcome o = { .id = call->id, .endpoint = call->endpoint };
    long status = 0;
    if (call->easy)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->easy && code == CURLE_OK && !call->head_ended) /* libcurl is content with half a head */
        code = CURLE_PARTIAL_FILE;
    if (call->wire)
        status = (long)http_wire_status(call->wire);
    struct http_evidence evidence = {
        .end = call->repeated ? HTTP_END_REPEATED : end,
        .code = code,
        .status = (uint32_t)status,
        .sent = http_call_was_sent(call),
        .too_large = call->too_large,
        .safe = call->safe,
    };
    http_classify(&evidence, &o);
    o.status = (uint32_t)status;
    if (!o.ok && status)
        o.description = with_status(o.status, o.description, described);
    o.duration_us = uv_hrtime() / 1000 - call->began_us;
    o.headers = fields;
    o.header_count = parse_head(call, fields, BELAY_HEADERS_MAX);
    o.retry_after_ms = retry_after_ms(&o);
    o.body = belay_buf_view(&call->answer);
    struct belay_call_outcome *copy = belay_call_outcome_copy(&o);
    return copy ? copy : settle_for_less(call, &o);
}
