#include "lib/http_bench.h"

#include <string.h>

static int on_request(void *arg, struct belay_http_request *request, struct belay_err *err)
{
    struct http_bench *b = arg;
    if (b->status)
        return belay_fail(err, b->status, "told to refuse");
    b->handed++;
    if (b->answer_at_once)
        belay_http_reply(request, 200, NULL, 0, request->target);
    else if (b->kept_count < HTTP_BENCH_KEPT)
        b->kept[b->kept_count++] = request;
    else
        belay_http_drop(request);
    return BELAY_OK;
}

static void post(struct http_host *host, struct http_exchange *x)
{
    struct http_bench *b = (struct http_bench *)((char *)host - offsetof(struct http_bench, host));
    b->posted[b->posted_count++] = x;
}

static void changed(struct http_session *s)
{
    (void)s;
}

/* As the loop does, once it is out of the session's own calls. */
static void settle(struct http_bench *b)
{
    for (uint32_t i = 0; i < b->posted_count; i++)
        http_exchange_came_back(b->posted[i]);
    b->posted_count = 0;
    http_session_resume(&b->session);
    if (b->posted_count)
        settle(b);
}

void http_bench_init(struct http_bench *b, struct belay_openapi *api, const struct belay_http_limits *limits)
{
    static const struct belay_http_limits defaults;
    memset(b, 0, sizeof *b);
    http_host_init(&b->host, limits ? limits : &defaults);
    http_clock_set(&b->clock, 1000, (belay_time)1700000000 * BELAY_US_PER_S);
    b->host.name = BELAY_STR("test");
    b->host.api = api;
    b->host.on_request = on_request;
    b->host.on_request_arg = b;
    b->host.post = post;
    b->host.clock = &b->clock;
    b->host.random.state = 7;
    http_session_init(&b->session, &b->host, BELAY_STR("127.0.0.1:5000"), BELAY_STR(""), changed);
}

void http_bench_deinit(struct http_bench *b)
{
    http_session_deinit(&b->session);
    for (uint32_t i = 0; i < b->kept_count; i++)
        if (b->kept[i])
            belay_http_drop(b->kept[i]);
    for (uint32_t i = 0; i < b->posted_count; i++)
        http_exchange_came_back(b->posted[i]);
    http_host_deinit(&b->host);
}

void http_bench_feed(struct http_bench *b, struct belay_str bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.n;) {
        struct belay_str part = belay_str_sub(bytes, at, piece ? piece : bytes.n);
        http_session_feed(&b->session, part);
        settle(b);
        at += part.n;
    }
}

void http_bench_answer(struct http_bench *b, uint32_t index, uint32_t status)
{
    struct belay_http_request *r = b->kept[index];
    b->kept[index] = NULL;
    belay_http_reply(r, status, NULL, 0, r->target);
    settle(b);
}

void http_bench_wait(struct http_bench *b, uint64_t ms)
{
    http_clock_set(&b->clock, b->clock.now_ms + ms, b->clock.wall + (belay_time)ms * 1000);
    http_session_tick(&b->session);
    settle(b);
}

const char *http_bench_output(struct http_bench *b, char *room, size_t room_bytes)
{
    struct belay_str out = belay_str_sub(belay_buf_view(&b->session.out), 0, room_bytes - 1);
    if (out.n)
        memcpy(room, out.p, out.n);
    room[out.n] = '\0';
    belay_buf_clear(&b->session.out);
    http_session_resume(&b->session);
    settle(b);
    return room;
}
