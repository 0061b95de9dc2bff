#include "connector/http/exchange.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "connector/http/problem.h"
#include "connector/http/responses.h"
#include "connector/http/session.h"
#include "connector/http/text.h"

#define ARENA_CHUNK_BYTES BELAY_KIB(8)
#define KEPT_BODY_BYTES BELAY_KIB(16)
#define FREE_MAX 64

struct http_exchange *http_exchange_new(struct http_host *host, struct http_session *session)
{
    struct http_exchange *x;
    struct belay_list *node = belay_list_pop(&host->free);
    if (node) {
        x = BELAY_CONTAINER_OF(node, struct http_exchange, node);
        host->free_count--;
    } else {
        x = belay_calloc(1, sizeof *x);
        if (!x)
            return NULL;
        belay_arena_init(&x->arena, ARENA_CHUNK_BYTES, SIZE_MAX);
    }
    belay_buf_init(&x->body, host->limits.body_bytes_max);
    belay_list_init(&x->node);
    x->host = host;
    x->session = session;
    x->state = HTTP_RECEIVING;
    x->keep_alive = true;
    x->request.api = host->name;
    x->request.arena = &x->arena;
    host->exchanges++;
    return x;
}

void http_exchange_forget_body(struct http_exchange *x)
{
    BELAY_ASSERT(x->host->bodies_bytes >= x->body_counted);
    x->host->bodies_bytes -= x->body_counted;
    x->body_counted = 0;
    belay_buf_deinit(&x->body);
    belay_buf_init(&x->body, x->host->limits.body_bytes_max);
}

void http_exchange_recycle(struct http_exchange *x)
{
    struct http_host *host = x->host;
    BELAY_ASSERT(host->exchanges > 0 && belay_list_empty(&x->node));
    http_exchange_forget_body(x);
    if (x->api)
        http_api_release(x->api);
    host->exchanges--;
    if (host->free_count == FREE_MAX) {
        belay_arena_deinit(&x->arena);
        belay_free(x);
        return;
    }
    belay_arena_reset(&x->arena);
    struct belay_arena arena = x->arena;
    *x = (struct http_exchange){ .arena = arena };
    belay_list_push(&host->free, &x->node);
    host->free_count++;
}

void http_exchanges_free(struct http_host *host)
{
    struct belay_list *node;
    while ((node = belay_list_pop(&host->free))) {
        struct http_exchange *x = BELAY_CONTAINER_OF(node, struct http_exchange, node);
        belay_arena_deinit(&x->arena);
        belay_free(x);
        host->free_count--;
    }
    BELAY_ASSERT(host->free_count == 0);
}

int http_exchange_append(struct http_exchange *x, struct belay_str bytes)
{
    struct http_host *host = x->host;
    if (bytes.n > host->limits.body_bytes_max - x->body.n)
        return BELAY_LIMIT;
    if (bytes.n > host->limits.bodies_bytes_max - host->bodies_bytes)
        return BELAY_BUSY;
    belay_buf_put_str(&x->body, bytes);
    int status = belay_buf_status(&x->body);
    if (!status) {
        host->bodies_bytes += bytes.n;
        x->body_counted += bytes.n;
    }
    return status;
}

struct belay_str http_exchange_make_id(struct http_exchange *x)
{
    uint64_t bits[2] = { belay_random_next(&x->host->random), belay_random_next(&x->host->random) };
    unsigned char b[16];
    char hex[32];
    memcpy(b, bits, 16);
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    belay_hex(b, 16, hex);
    char *to = belay_arena_bytes(&x->arena, 36);
    if (!to)
        return BELAY_STR_NONE;
    static const unsigned char groups[] = { 8, 4, 4, 4, 12 };
    size_t from = 0, n = 0;
    for (size_t g = 0; g < sizeof groups; g++) {
        if (g)
            to[n++] = '-';
        memcpy(to + n, hex + from, groups[g]);
        n += groups[g];
        from += groups[g];
    }
    BELAY_ASSERT(n == 36 && from == 32);
    return belay_str(to, n);
}

/* ---- answers ---- */

/* The server says these itself. */
static bool is_ours(struct belay_str name)
{
    static const struct belay_str names[] = {
        BELAY_STR_INIT("content-length"), BELAY_STR_INIT("connection"), BELAY_STR_INIT("date"),
        BELAY_STR_INIT("transfer-encoding"), BELAY_STR_INIT("keep-alive"),
        BELAY_STR_INIT("x-correlation-id"),
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (belay_str_eq_nocase(name, names[i]))
            return true;
    return false;
}

/* A field that would break the framing of the answer is left out. */
static bool is_sendable(const struct belay_field *f)
{
    return http_is_token(f->name) && http_is_field_value(f->value) && !is_ours(f->name);
}

static size_t put(char *to, size_t at, struct belay_str s)
{
    if (s.n)
        memcpy(to + at, s.p, s.n);
    return at + s.n;
}

static int copy_head(struct http_exchange *x, const struct belay_field *headers, uint32_t count)
{
    size_t n = 0, at = 0;
    for (uint32_t i = 0; i < count; i++)
        n += headers[i].name.n + headers[i].value.n + 4;
    char *to = n ? belay_arena_bytes(&x->arena, n) : NULL;
    if (n && !to)
        return BELAY_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_sendable(&headers[i])) {
            if (!is_ours(headers[i].name) && !x->answer.left_out.n)
                x->answer.left_out = belay_arena_str(&x->arena, headers[i].name);
            continue;
        }
        at = put(to, at, headers[i].name);
        at = put(to, at, BELAY_STR(": "));
        at = put(to, at, headers[i].value);
        at = put(to, at, BELAY_STR("\r\n"));
    }
    BELAY_ASSERT(at <= n);
    x->answer.head = belay_str(to, at);
    return BELAY_OK;
}

void http_exchange_answer(struct http_exchange *x, uint32_t status, const struct belay_field *headers,
                          uint32_t header_count, struct belay_str body)
{
    BELAY_ASSERT(status >= 200 && status <= 599);
    bool bodiless = status == 204 || status == 304;
    x->answer = (struct http_answer){ .status = status };
    struct belay_str copy = body.n && !bodiless ? belay_arena_str(&x->arena, body) : BELAY_STR_NONE;
    if ((body.n && !bodiless && !copy.p) || copy_head(x, headers, header_count))
        x->answer = (struct http_answer){ .status = 503, .head = BELAY_STR("retry-after: 1\r\n") };
    else
        x->answer.body = copy;
}

void http_exchange_problem(struct http_exchange *x, const struct belay_http_problem *problem,
                           struct belay_field extra)
{
    char seconds[16];
    struct belay_field fields[3];
    uint32_t count = 0;
    fields[count++] = (struct belay_field){ BELAY_STR("content-type"),
                                            BELAY_STR("application/problem+json") };
    if (problem->retry_after_s) {
        int n = snprintf(seconds, sizeof seconds, "%u", problem->retry_after_s);
        fields[count++] = (struct belay_field){ BELAY_STR("retry-after"), { seconds, (size_t)n } };
    }
    if (extra.name.n)
        fields[count++] = extra;
    struct belay_buf body;
    belay_buf_init(&body, BELAY_MIB(1));
    http_problem_write(&body, problem, x->request.correlationid);
    if (belay_buf_status(&body))
        belay_buf_clear(&body);
    http_exchange_answer(x, problem->status, fields, count, belay_buf_view(&body));
    belay_buf_deinit(&body);
    x->answer.own = true;
}

void http_exchange_refuse(struct http_exchange *x, uint32_t status, const char *detail)
{
    struct belay_http_problem problem = {
        .status = status,
        .detail = belay_str_c(detail),
        .retry_after_s = status == 503 || status == 429,
    };
    http_exchange_problem(x, &problem, (struct belay_field){ BELAY_STR_NONE, BELAY_STR_NONE });
    x->state = HTTP_ANSWERED;
}

void http_exchange_came_back(struct http_exchange *x)
{
    struct http_host *host = x->host;
    BELAY_ASSERT(x->state == HTTP_HANDED);
    x->state = HTTP_ANSWERED;
    HTTP_COUNT(host->counters.requests, (uint32_t)-1);
    if (x->operation && x->operation->response_count)
        http_response_check(x);
    if (x->session)
        http_session_answered(x->session);
    else
        http_exchange_recycle(x);
}

static void put_status_line(struct belay_buf *out, uint32_t status)
{
    char *to = belay_buf_reserve(out, 64);
    if (!to)
        return;
    struct belay_str text = belay_str_c(belay_http_status_text(status));
    memcpy(to, "HTTP/1.1 ", 9);
    to[9] = (char)('0' + status / 100);
    to[10] = (char)('0' + status / 10 % 10);
    to[11] = (char)('0' + status % 10);
    to[12] = ' ';
    size_t n = put(to, 13, text);
    n = put(to, n, BELAY_STR("\r\n"));
    BELAY_ASSERT(n <= 64);
    out->n += n;
}

static void put_length(struct belay_buf *out, size_t length)
{
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + length % 10);
    while (length /= 10);
    belay_buf_put_str(out, BELAY_STR("content-length: "));
    belay_buf_put(out, digits + at, sizeof digits - at);
    belay_buf_put_str(out, BELAY_STR("\r\n"));
}

void http_exchange_render(struct http_exchange *x, bool close, struct belay_buf *out)
{
    const struct http_answer *answer = &x->answer;
    BELAY_ASSERT(x->state == HTTP_ANSWERED && !answer->drop);
    put_status_line(out, answer->status);
    belay_buf_put_str(out, belay_str_c(x->host->clock->date));
    if (x->request.correlationid.n) {
        belay_buf_put_str(out, BELAY_STR("x-correlation-id: "));
        belay_buf_put_str(out, x->request.correlationid);
        belay_buf_put_str(out, BELAY_STR("\r\n"));
    }
    belay_buf_put_str(out, answer->head);
    belay_buf_put_str(out, x->limited);
    if (answer->status != 204 && answer->status != 304)
        put_length(out, answer->body.n);
    if (close)
        belay_buf_put_str(out, BELAY_STR("connection: close\r\n"));
    else if (x->old_client)
        belay_buf_put_str(out, BELAY_STR("connection: keep-alive\r\n"));
    belay_buf_put_str(out, BELAY_STR("\r\n"));
    if (!x->head_only)
        belay_buf_put_str(out, answer->body);
    HTTP_COUNT(x->host->counters.responses[answer->status / 100], 1);
}
