/* room: connector/http */
#include "lib/http_bench.c"

#include <stdlib.h>

/* The input is an OpenAPI document, a line end, and a request: its target, perhaps a tab and a media type
 * (with cookies and a header of the same text), perhaps another and a body. Whatever the document, it is
 * answered once. */
static void ask(struct belay_openapi *api, struct belay_str request)
{
    struct belay_str body = request, target = belay_str_split(&body, '\t'), type = belay_str_split(&body, '\t');
    if (!type.n)
        type = BELAY_STR("application/json");
    if (!body.n)
        body = target;
    static const char *const methods[] = { "GET", "POST" };
    static char room[1 << 18];
    struct http_bench b;
    http_bench_init(&b, api, NULL);
    b.answer_at_once = true;
    for (int i = 0; i < 2; i++) {
        struct belay_buf text;
        belay_buf_init(&text, BELAY_MIB(1));
        belay_buf_printf(&text, "%s /", methods[i]);
        belay_buf_put_str(&text, target);
        belay_buf_printf(&text, " HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n", i ? body.n : 0);
        static const char *const fields[] = { "Content-Type", "Cookie", "X", "Authorization" };
        for (size_t f = 0; f < 4; f++) {
            belay_buf_printf(&text, "%s: ", fields[f]);
            belay_buf_put_str(&text, type);
            belay_buf_put_str(&text, BELAY_STR("\r\n"));
        }
        belay_buf_put_str(&text, BELAY_STR("\r\n"));
        if (i)
            belay_buf_put_str(&text, body);
        http_bench_feed(&b, belay_buf_view(&text), 0);
        belay_buf_deinit(&text);
        const char *out = http_bench_output(&b, room, sizeof room);
        if (strncmp(out, "HTTP/1.1 ", 9) != 0)
            abort();
        if (http_session_is_finished(&b.session))
            break;
    }
    http_bench_deinit(&b);
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
        && belay_openapi_compile(v, &opt, &api, &err) == BELAY_OK)
        ask(api, rest);
    belay_arena_deinit(&arena);
    return 0;
}
