/* reader.c - the callbacks of llhttp: bytes of a request become the fields of an exchange. */
#include "base/assert.h"
#include "connector/http/session.h"
#include "connector/http/text.h"
#include "obs/trace.h"

#define CORRELATIONID_BYTES_MAX 200

static struct http_session *session_of(llhttp_t *parser)
{
    return parser->data;
}

static int refuse(struct http_session *s, uint32_t status, const char *detail)
{
    http_session_refuse(s, status, detail);
    return -1;
}

/* ---- head ---- */

static int on_message_begin(llhttp_t *parser)
{
    struct http_session *s = session_of(parser);
    if (s->phase != HTTP_PHASE_IDLE)
        return -1; /* it ended with the request before */
    BELAY_ASSERT(!s->x);
    s->x = http_exchange_new(s->host, s);
    if (!s->x)
        return refuse(s, 503, "out of memory");
    belay_list_push(&s->pipeline, &s->x->node);
    s->pipeline_count++;
    s->phase = HTTP_PHASE_HEAD;
    s->deadline_ms = s->host->clock->now_ms + s->host->limits.header_timeout_ms;
    belay_buf_clear(&s->head);
    s->target_bytes = s->span_count = 0;
    s->span_open = s->skip_body = s->want_continue = false;
    HTTP_COUNT(s->host->counters.requests_total, 1);
    return 0;
}

static int append(struct http_session *s, const char *at, size_t n)
{
    belay_buf_put(&s->head, at, n);
    int status = belay_buf_status(&s->head);
    if (status == BELAY_LIMIT)
        return refuse(s, 431, "the head of the request is too large");
    return status ? refuse(s, 503, "out of memory") : 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct http_session *s = session_of(parser);
    s->target_bytes += (uint32_t)n;
    if (n > s->host->limits.target_bytes_max || s->target_bytes > s->host->limits.target_bytes_max)
        return refuse(s, 414, "the target of the request is too long");
    return append(s, at, n);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct http_session *s = session_of(parser);
    if (s->phase != HTTP_PHASE_HEAD) /* a trailer: counts, is not kept */
        return append(s, at, n);
    if (!s->span_open) {
        if (s->span_count == s->host->limits.header_count_max)
            return refuse(s, 431, "the request has too many header fields");
        s->spans[s->span_count] = (struct http_span){ .name = (uint32_t)s->head.n };
        s->span_open = true;
    }
    size_t from = s->head.n;
    if (append(s, at, n))
        return -1;
    for (size_t i = from; i < s->head.n; i++)
        if (s->head.p[i] >= 'A' && s->head.p[i] <= 'Z')
            s->head.p[i] |= 0x20;
    return 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http_session *s = session_of(parser);
    if (s->phase == HTTP_PHASE_HEAD && s->span_open) {
        struct http_span *span = &s->spans[s->span_count];
        span->name_bytes = (uint32_t)s->head.n - span->name;
        span->value = (uint32_t)s->head.n;
    }
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    return append(session_of(parser), at, n);
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_session *s = session_of(parser);
    if (s->phase == HTTP_PHASE_HEAD && s->span_open) {
        struct http_span *span = &s->spans[s->span_count++];
        span->value_bytes = (uint32_t)s->head.n - span->value;
        s->span_open = false;
    }
    return 0;
}

/* Moves the head into the exchange's own memory. */
static int keep_head(struct http_session *s, struct http_exchange *x)
{
    struct belay_http_request *r = &x->request;
    struct belay_str head = belay_arena_str(&x->arena, belay_buf_view(&s->head));
    struct belay_field *fields = belay_arena_alloc(&x->arena, sizeof *fields * (s->span_count + 1));
    r->peer = belay_arena_str(&x->arena, s->peer);
    r->peer_subject = belay_arena_str(&x->arena, s->subject);
    if (!head.p || !fields || !r->peer.p || !r->peer_subject.p)
        return BELAY_NOMEM;
    for (uint32_t i = 0; i < s->span_count; i++) {
        const struct http_span *span = &s->spans[i];
        fields[i].name = belay_str_sub(head, span->name, span->name_bytes);
        fields[i].value = belay_str_trim(belay_str_sub(head, span->value, span->value_bytes));
    }
    r->target = belay_str_sub(head, 0, s->target_bytes);
    r->headers = fields;
    r->header_count = s->span_count;
    return BELAY_OK;
}

static bool is_usable_id(struct belay_str id)
{
    return id.n > 0 && id.n <= CORRELATIONID_BYTES_MAX && http_is_field_value(id) && http_is_utf8(id);
}

/* The fields that the request shows by name. */
static void pick_fields(struct belay_http_request *r)
{
    struct belay_trace trace;
    for (uint32_t i = 0; i < r->header_count; i++) {
        struct belay_str name = r->headers[i].name, value = r->headers[i].value;
        if (belay_str_eq(name, BELAY_STR("content-type")))
            r->content_type = value;
        else if (belay_str_eq(name, BELAY_STR("idempotency-key")))
            r->idempotency_key = value;
        else if (belay_str_eq(name, BELAY_STR("x-correlation-id")) && is_usable_id(value))
            r->correlationid = value;
        else if (belay_str_eq(name, BELAY_STR("traceparent")) && belay_trace_parse(value, &trace))
            r->traceparent = value;
    }
}

static uint32_t count_fields(const struct belay_http_request *r, struct belay_str name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->header_count; i++)
        count += belay_str_eq(r->headers[i].name, name);
    return count;
}

/* What makes two parsers on one path disagree is refused, and the connection with it. */
static int check_framing(struct http_session *s, llhttp_t *parser)
{
    const struct belay_http_request *r = &s->x->request;
    uint32_t hosts = count_fields(r, BELAY_STR("host"));
    if (hosts > 1 || (hosts == 0 && !s->x->old_client))
        return refuse(s, 400, "exactly one Host field is needed");
    if (count_fields(r, BELAY_STR("content-length")) > 1)
        return refuse(s, 400, "Content-Length is there twice");
    if (count_fields(r, BELAY_STR("authorization")) > 1) /* whose right counts, each on the way may see otherwise */
        return refuse(s, 400, "Authorization is there twice");
    if (count_fields(r, BELAY_STR_NONE))
        return refuse(s, 400, "a header field has no name");
    if (parser->flags & F_TRANSFER_ENCODING) {
        struct belay_str coding = belay_http_header(r, BELAY_STR("transfer-encoding"));
        if (s->x->old_client || (parser->flags & F_CONTENT_LENGTH))
            return refuse(s, 400, "Transfer-Encoding is not allowed here");
        if (count_fields(r, BELAY_STR("transfer-encoding")) > 1
            || !belay_str_eq_nocase(coding, BELAY_STR("chunked")))
            return refuse(s, 501, "a transfer coding other than chunked");
    }
    if (parser->method == HTTP_CONNECT)
        return refuse(s, 501, "CONNECT is not supported");
    return 0;
}

static int check_expectation(struct http_session *s, bool has_body)
{
    struct belay_str expect = belay_http_header(&s->x->request, BELAY_STR("expect"));
    if (!expect.n)
        return 0;
    if (!belay_str_eq_nocase(expect, BELAY_STR("100-continue")))
        return refuse(s, 417, "only 100-continue can be expected");
    s->want_continue = has_body && !s->x->old_client;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_session *s = session_of(parser);
    struct http_exchange *x = s->x;
    bool has_body = (parser->flags & F_CHUNKED) || parser->content_length > 0;
    x->old_client = parser->http_major == 1 && parser->http_minor == 0;
    x->request.received = s->host->clock->wall;
    x->request.method = belay_str_c(llhttp_method_name((llhttp_method_t)parser->method));
    x->head_only = parser->method == HTTP_HEAD;
    if (keep_head(s, x))
        return refuse(s, 503, "out of memory");
    pick_fields(&x->request);
    if (!x->request.correlationid.n)
        x->request.correlationid = http_exchange_make_id(x);
    if (parser->http_major != 1)
        return refuse(s, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (check_framing(s, parser) || check_expectation(s, has_body))
        return -1;
    parser->upgrade = 0; /* an offer we do not take up */
    if ((parser->flags & F_CONTENT_LENGTH) && parser->content_length > s->host->limits.body_bytes_max)
        return refuse(s, 413, "the body is larger than this server takes");
    s->phase = HTTP_PHASE_BODY;
    s->body_began_ms = s->host->clock->now_ms;
    s->body_received = 0;
    s->deadline_ms = s->body_began_ms + s->host->limits.body_timeout_ms;
    if (http_admit_head(x, has_body)) {
        s->skip_body = true;
        if (s->want_continue) { /* it may or may not send the body now: nobody can tell */
            s->linger = true;
            s->x = NULL;
            http_session_end(s);
            return -1;
        }
    }
    return 0;
}

/* ---- body ---- */

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct http_session *s = session_of(parser);
    s->want_continue = false;
    s->body_received += n;
    s->deadline_ms = s->body_began_ms + s->host->limits.body_timeout_ms
                     + s->body_received / BELAY_HTTP_BODY_BYTES_PER_S * 1000;
    if (s->body_received > s->host->limits.body_bytes_max)
        return refuse(s, 413, "the body is larger than this server takes");
    if (s->skip_body)
        return 0;
    int status = http_exchange_append(s->x, belay_str(at, n));
    if (status == BELAY_OK)
        return 0;
    BELAY_ASSERT(status != BELAY_LIMIT);
    http_exchange_forget_body(s->x);
    http_exchange_refuse(s->x, 503, "too many bodies at once");
    HTTP_COUNT(s->host->counters.requests_refused, 1);
    s->skip_body = true;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_session *s = session_of(parser);
    struct http_exchange *x = s->x;
    if (s->phase != HTTP_PHASE_BODY)
        return -1;
    bool keep_alive = llhttp_should_keep_alive(parser) && !s->host->draining;
    s->x = NULL;
    s->want_continue = false;
    s->phase = HTTP_PHASE_IDLE;
    s->deadline_ms = UINT64_MAX; /* set when the pipeline is empty */
    if (!s->skip_body)
        http_admit_body(x); /* x may be gone now */
    if (!keep_alive) {
        http_session_end(s);
        return 0;
    }
    return http_session_is_full(s) ? HPE_PAUSED : 0;
}

const llhttp_settings_t http_reader_settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};
