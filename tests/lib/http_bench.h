/* http_bench.h - a session of the HTTP server without its socket, for tests: bytes go in by call, time
 * passes when told, requests are kept until the test answers them. */
#ifndef BELAY_TESTS_HTTP_BENCH_H
#define BELAY_TESTS_HTTP_BENCH_H

#include "connector/http/exchange.h"
#include "connector/http/session.h"

enum { HTTP_BENCH_KEPT = 128 };

struct http_bench {
    struct http_clock clock;
    struct http_host host;
    struct http_session session;
    struct belay_http_request *kept[HTTP_BENCH_KEPT]; /* handed over, not answered */
    uint32_t kept_count, handed;
    int status;               /* what on_request says; BELAY_OK: kept */
    bool answer_at_once;      /* 200, the target as body */
    struct http_exchange *posted[HTTP_BENCH_KEPT];
    uint32_t posted_count;
};

/* api may be NULL; it becomes the bench's. */
void http_bench_init(struct http_bench *b, struct belay_openapi *api, const struct belay_http_limits *limits);
/* Drops what is kept. */
void http_bench_deinit(struct http_bench *b);
/* In pieces of at most `piece` bytes (0: in one). */
void http_bench_feed(struct http_bench *b, struct belay_str bytes, size_t piece);
/* Answers kept[index] with the status and its target as body. */
void http_bench_answer(struct http_bench *b, uint32_t index, uint32_t status);
/* Time passes, and the session is told. */
void http_bench_wait(struct http_bench *b, uint64_t ms);
/* What the session wrote since the last call, NUL-terminated in room. */
const char *http_bench_output(struct http_bench *b, char *room, size_t room_bytes);

#endif
