/* room: connector/http */
#include "lib/http_bench.c"

#include <stdlib.h>

#include "connector/http/mock.h"

/* The input is an OpenAPI document, a line end, and a request: its target, perhaps a tab and a media type
 * (with cookies and a header of the same text), perhaps another and a body. Whatever the document, it is
 * answered once; and a mock of it gives the same answer to the same request. */
struct request {
    struct belay_str target, type, body;
};

static const char *const methods[] = { "GET", "POST" };

static void put_request(struct belay_buf *out, const struct request *r, bool post)
{
    static const char *const fields[] = { "Content-Type", "Cookie", "X", "Authorization", "Accept", "Prefer" };
    belay_buf_printf(out, "%s /", methods[post]);
    belay_buf_put_str(out, r->target);
    belay_buf_printf(out, " HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n", post ? r->body.n : 0);
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        belay_buf_printf(out, "%s: ", fields[f]);
        belay_buf_put_str(out, r->type);
        belay_buf_put_str(out, BELAY_STR("\r\n"));
    }
    belay_buf_put_str(out, BELAY_STR("\r\n"));
    if (post)
        belay_buf_put_str(out, r->body);
}

/* All that is answered; with a mock, by it. */
static void ask(struct belay_openapi *api, const struct request *r, struct belay_http_mock *mock, struct belay_buf *out)
{
    static char room[1 << 23];
    struct http_bench b;
    http_api_hold(api); /* the bench gives one back */
    http_bench_init(&b, api, NULL);
    b.answer_at_once = true;
    if (mock) {
        b.host.on_request = belay_http_mock_answer;
        b.host.on_request_arg = mock;
    }
    for (int i = 0; i < 2 && !http_session_is_finished(&b.session); i++) {
        struct belay_buf text;
        belay_buf_init(&text, BELAY_MIB(1));
        put_request(&text, r, i == 1);
        http_bench_feed(&b, belay_buf_view(&text), 0);
        belay_buf_deinit(&text);
        const char *answer = http_bench_output(&b, room, sizeof room);
        if (strncmp(answer, "HTTP/1.1 ", 9) != 0)
            abort();
        belay_buf_put_str(out, belay_str_c(answer));
    }
    http_bench_deinit(&b);
}

static void ask_mock(struct belay_openapi *api, const struct request *r)
{
    struct belay_http_mock mock = { 1 };
    struct belay_buf once, twice;
    belay_buf_init(&once, BELAY_MIB(32));
    belay_buf_init(&twice, BELAY_MIB(32));
    ask(api, r, &mock, &once);
    ask(api, r, &mock, &twice);
    if (!belay_str_eq(belay_buf_view(&once), belay_buf_view(&twice)))
        abort();
    belay_buf_deinit(&once);
    belay_buf_deinit(&twice);
}

static void ask_both(struct belay_openapi *api, struct belay_str text)
{
    struct request r = { .body = text };
    struct belay_buf out;
    r.target = belay_str_split(&r.body, '\t');
    r.type = belay_str_split(&r.body, '\t');
    if (!r.type.n)
        r.type = BELAY_STR("application/json");
    if (!r.body.n)
        r.body = r.target;
    ask_mock(api, &r);
    belay_buf_init(&out, BELAY_MIB(32));
    ask(api, &r, NULL, &out);
    belay_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_str rest = belay_str((const char *)data, n);
    struct belay_str document = belay_str_split(&rest, '\n');
    struct belay_json_limits limits = { .depth_max = 64, .size_bytes_max = BELAY_KIB(64) };
    struct belay_arena arena;
    const belay_json *v;
    struct belay_openapi *api;
    struct belay_err err;
    const struct belay_openapi_opt opt = { .any_credentials = true };
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    if (rest.p && rest.n < 4000 && belay_json_parse(document, &limits, &arena, &v, NULL, NULL) == BELAY_OK
        && belay_openapi_compile(v, &opt, &api, &err) == BELAY_OK) {
        ask_both(api, rest);
        http_api_release(api);
    }
    belay_arena_deinit(&arena);
    return 0;
}
