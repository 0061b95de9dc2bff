#include "connector/http/session.h"

#include "base/assert.h"

#define KEPT_BYTES BELAY_KIB(16) /* of a buffer of an idle connection */

static void enter_idle(struct http_session *s)
{
    s->phase = HTTP_PHASE_IDLE;
    s->deadline_ms = s->pipeline_count ? UINT64_MAX
                                       : s->host->clock->now_ms + s->host->limits.idle_timeout_ms;
}

void http_session_init(struct http_session *s, struct http_host *host, struct belay_str peer,
                       struct belay_str subject, void (*changed)(struct http_session *s))
{
    *s = (struct http_session){ .host = host, .peer = peer, .subject = subject, .changed = changed };
    belay_list_init(&s->pipeline);
    belay_buf_init(&s->out, BELAY_MIB(1024));
    belay_buf_init(&s->rest, BELAY_MIB(1));
    belay_buf_init(&s->head, host->limits.header_bytes_max);
    llhttp_init(&s->parser, HTTP_REQUEST, &http_reader_settings);
    s->parser.data = s;
    enter_idle(s);
    /* A client that has just connected has something to say. */
    s->deadline_ms = host->clock->now_ms + host->limits.header_timeout_ms;
}

static void take_out(struct http_session *s, struct http_exchange *x)
{
    BELAY_ASSERT(s->pipeline_count > 0);
    belay_list_unlink(&x->node);
    s->pipeline_count--;
    if (s->x == x)
        s->x = NULL;
    x->session = NULL;
}

void http_session_deinit(struct http_session *s)
{
    while (!belay_list_empty(&s->pipeline)) {
        struct http_exchange *x = BELAY_CONTAINER_OF(s->pipeline.next, struct http_exchange, node);
        take_out(s, x);
        if (x->state != HTTP_HANDED)
            http_exchange_recycle(x);
    }
    belay_buf_deinit(&s->out);
    belay_buf_deinit(&s->rest);
    belay_buf_deinit(&s->head);
}

/* ---- out ---- */

bool http_session_is_full(const struct http_session *s)
{
    return s->pipeline_count >= BELAY_HTTP_PIPELINE_MAX || s->out.n > BELAY_HTTP_OUTPUT_BYTES_SOFT;
}

void http_session_end(struct http_session *s)
{
    s->phase = HTTP_PHASE_ENDING;
    s->deadline_ms = UINT64_MAX;
    s->held = false;
    belay_buf_deinit(&s->rest);
    belay_buf_init(&s->rest, BELAY_MIB(1));
}

/* Sends 100 Continue once everything before this request has been answered. */
static void pump_continue(struct http_session *s)
{
    if (!s->want_continue || s->phase != HTTP_PHASE_BODY || s->pipeline.next != &s->x->node)
        return;
    s->want_continue = false;
    belay_buf_put_str(&s->out, BELAY_STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void break_off(struct http_session *s)
{
    HTTP_COUNT(s->host->counters.responses[0], 1);
    s->broken = true;
    belay_buf_clear(&s->out);
    http_session_end(s);
}

/* True while there may be another. */
static bool pump_one(struct http_session *s)
{
    if (belay_list_empty(&s->pipeline) || s->broken)
        return false;
    struct http_exchange *x = BELAY_CONTAINER_OF(s->pipeline.next, struct http_exchange, node);
    if (x->state != HTTP_ANSWERED || (x == s->x && s->phase != HTTP_PHASE_ENDING))
        return false; /* a refused head still waits for the end of its body */
    if (s->host->draining && s->phase == HTTP_PHASE_IDLE)
        http_session_end(s);
    if (x->answer.drop)
        break_off(s);
    else
        http_exchange_render(x, s->phase == HTTP_PHASE_ENDING && s->pipeline_count == 1, &s->out);
    take_out(s, x);
    http_exchange_recycle(x);
    return true;
}

void http_session_pump(struct http_session *s)
{
    while (pump_one(s))
        ;
    pump_continue(s);
    if (belay_buf_status(&s->out))
        break_off(s);
    if (s->phase == HTTP_PHASE_IDLE && s->pipeline_count == 0 && s->deadline_ms == UINT64_MAX)
        enter_idle(s);
    s->changed(s);
}

void http_session_answered(struct http_session *s)
{
    http_session_pump(s);
}

bool http_session_is_finished(const struct http_session *s)
{
    return s->broken || (s->phase == HTTP_PHASE_ENDING && s->pipeline_count == 0);
}

/* ---- in ---- */

void http_session_refuse(struct http_session *s, uint32_t status, const char *detail)
{
    if (s->phase == HTTP_PHASE_ENDING)
        return;
    if (!s->x) {
        s->x = http_exchange_new(s->host, s);
        if (s->x) {
            belay_list_push(&s->pipeline, &s->x->node);
            s->pipeline_count++;
        }
    }
    if (s->x && s->x->state == HTTP_RECEIVING) {
        HTTP_COUNT(s->host->counters.requests_refused, 1);
        if (!s->x->request.correlationid.n)
            s->x->request.correlationid = http_exchange_make_id(s->x);
        http_exchange_refuse(s->x, status, detail);
    }
    s->x = NULL;
    s->linger = true;
    http_session_end(s);
}

static void refuse_syntax(struct http_session *s, llhttp_errno_t error)
{
    switch (error) {
    case HPE_INVALID_METHOD:
        http_session_refuse(s, 501, "the method is not known, or this is no HTTP");
        break;
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        http_session_refuse(s, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        break;
    case HPE_PAUSED_UPGRADE:
        http_session_refuse(s, 501, "CONNECT is not supported");
        break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        http_session_refuse(s, 400, "Content-Length twice, or together with Transfer-Encoding");
        break;
    default:
        http_session_refuse(s, 400, llhttp_get_error_reason(&s->parser));
        break;
    }
}

/* Keeps what the parser has not taken; it is at most what one read brought. */
static void hold(struct http_session *s, struct belay_str bytes)
{
    s->held = true;
    belay_buf_put_str(&s->rest, bytes);
    if (belay_buf_status(&s->rest))
        http_session_refuse(s, 503, "out of memory");
}

static void execute(struct http_session *s, struct belay_str bytes)
{
    llhttp_errno_t error = llhttp_execute(&s->parser, bytes.p, bytes.n);
    if (s->phase == HTTP_PHASE_ENDING || error == HPE_OK)
        return;
    if (error == HPE_PAUSED) {
        const char *at = llhttp_get_error_pos(&s->parser);
        BELAY_ASSERT(at >= bytes.p && at <= bytes.p + bytes.n);
        llhttp_resume(&s->parser);
        hold(s, belay_str(at, (size_t)(bytes.p + bytes.n - at)));
    } else {
        refuse_syntax(s, error);
    }
}

void http_session_feed(struct http_session *s, struct belay_str bytes)
{
    HTTP_COUNT(s->host->counters.bytes_in, bytes.n);
    if (s->phase == HTTP_PHASE_ENDING || bytes.n == 0)
        return;
    if (s->held)
        hold(s, bytes);
    else
        execute(s, bytes);
    http_session_pump(s);
}

void http_session_resume(struct http_session *s)
{
    while (s->held && !http_session_is_full(s)) {
        struct belay_buf rest = s->rest;
        belay_buf_init(&s->rest, BELAY_MIB(1));
        s->held = false;
        execute(s, belay_buf_view(&rest));
        belay_buf_deinit(&rest);
        http_session_pump(s);
    }
    if (s->eof_held && !s->held) {
        s->eof_held = false;
        http_session_eof(s);
    }
}

bool http_session_wants_bytes(const struct http_session *s)
{
    return !s->held && !s->broken;
}

void http_session_eof(struct http_session *s)
{
    if (s->phase == HTTP_PHASE_ENDING)
        return;
    if (s->held) {
        s->eof_held = true; /* whole requests may wait in `rest`: ends when they are through */
        return;
    }
    struct http_exchange *x = s->x;
    s->x = NULL;
    if (x && x->state == HTTP_RECEIVING) { /* cut off in the middle: there is nothing to answer */
        take_out(s, x);
        http_exchange_recycle(x);
    }
    http_session_end(s);
    http_session_pump(s);
}

void http_session_tick(struct http_session *s)
{
    if (s->host->clock->now_ms < s->deadline_ms)
        return;
    if (s->phase == HTTP_PHASE_HEAD)
        http_session_refuse(s, 408, "the head of the request did not come in time");
    else if (s->phase == HTTP_PHASE_BODY)
        http_session_refuse(s, 408, "the body of the request did not come in time");
    else
        http_session_end(s);
    http_session_pump(s);
}

void http_session_drain(struct http_session *s)
{
    if (s->phase == HTTP_PHASE_IDLE)
        http_session_end(s);
    http_session_pump(s);
}
