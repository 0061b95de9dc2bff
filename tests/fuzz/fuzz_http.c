/* room: connector/http */
#include "lib/http_bench.c"

#include <stdlib.h>

/* A connection's bytes, read whole and in pieces (their size is the first byte): the answers and what
 * is handed over are the same, and nothing is left behind. Only for the request that ends the
 * connection two reasons to refuse it may meet, and which is seen first depends on the pieces. */
struct result {
    struct belay_buf out;
    uint32_t handed;
    bool finished;
};

static void serve(struct belay_str bytes, size_t piece, struct result *ret)
{
    static const struct belay_http_route routes[] = {
        { "GET", "/orders/{id}", "get" }, { "POST", "/orders", "place" }, { "PUT", "/a/{b}.json", "put" } };
    static const struct belay_http_limits limits = { .body_bytes_max = 4096, .header_bytes_max = 2048 };
    static char room[1 << 20];
    struct belay_openapi *api;
    struct http_bench b;
    if (http_api_from_routes(routes, 3, &api, NULL) != BELAY_OK)
        abort();
    http_bench_init(&b, api, &limits);
    b.answer_at_once = true;
    belay_buf_init(&ret->out, BELAY_MIB(256));
    http_bench_feed(&b, bytes, piece);
    for (const char *text; *(text = http_bench_output(&b, room, sizeof room));)
        belay_buf_put(&ret->out, text, strlen(text));
    ret->handed = b.handed;
    ret->finished = http_session_is_finished(&b.session);
    http_session_eof(&b.session);
    http_bench_deinit(&b);
}

/* Up to the refusal at the end, if the connection ended with one. */
static struct belay_str comparable(const struct result *r)
{
    struct belay_str out = belay_buf_view(&r->out);
    struct belay_str start = BELAY_STR("HTTP/1.1 ");
    for (size_t at = out.n; r->finished && at-- > 0;) {
        struct belay_str rest = belay_str_sub(out, at, out.n);
        if (belay_str_starts(rest, start))
            return rest.n > start.n && rest.p[start.n] >= '4' ? belay_str(out.p, at) : out;
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct belay_str bytes = belay_str((const char *)data + 1, n - 1);
    struct result whole, pieces;
    serve(bytes, 0, &whole);
    serve(bytes, 1 + data[0] % 64, &pieces);
    if (whole.handed != pieces.handed || whole.finished != pieces.finished
        || !belay_str_eq(comparable(&whole), comparable(&pieces)))
        abort();
    belay_buf_deinit(&whole.out);
    belay_buf_deinit(&pieces.out);
    return 0;
}
