/* HTTP out, against a server that misbehaves on demand: how each ending is classified, what is sent,
 * what is refused. What any connector must do: test_conformance.c. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/limits.h"
#include "connector/http/client.h"
#include "lib/connector_conformance.h"
#include "lib/scripted_server.h"

static struct scripted_server *server;
static struct recorder *recorder;
static char base_url[64];
static bool through_libcurl; /* or on a wire of our own: the same is expected of both */

static const struct belay_option *option(const char *name)
{
    const struct belay_option *o = belay_connector_http.options;
    while (o->name && strcmp(o->name, name) != 0)
        o++;
    assert_non_null(o->name);
    return o;
}

static int begin(void **state)
{
    (void)state;
    recorder = recorder_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    recorder_free(recorder);
    return 0;
}

static struct belay_connection *open_with(const struct belay_option_value *more, uint32_t count,
                                          const char *idempotency)
{
    struct belay_option_value options[8] = { { .option = option("base_url"), .text = belay_str_c(base_url) } };
    struct belay_connection *c = NULL;
    struct belay_err err = { 0 };
    for (uint32_t i = 0; i < count; i++)
        options[1 + i] = more[i];
    if (through_libcurl && !count) /* a password is libcurl's business */
        options[1 + count++] = (struct belay_option_value){ .option = option("username"), .text = BELAY_STR("me") };
    struct belay_connection_config config = { .name = BELAY_STR("remote"), .options = options,
                                              .option_count = 1 + count, .concurrency = 4, .queue_max = 4,
                                              .idempotency_header = belay_str_c(idempotency),
                                              .response_bytes_max = 10000 };
    if (belay_connector_http.open(&config, recorder_done, recorder, &c, &err))
        fail_msg("%s", err.msg);
    return c;
}

static void close_connection(struct belay_connection *c)
{
    belay_connector_http.close(c, 0, recorder_closed, recorder);
    recorder_wait_closed(recorder);
}

static int call(struct belay_connection *c, struct belay_call_request request, const char *method, const char *path,
                struct belay_err *err)
{
    struct belay_field params[] = { { BELAY_STR("method"), belay_str_c(method) },
                                    { BELAY_STR("path"), belay_str_c(path) } };
    request.params = params;
    request.param_count = 2;
    if (!request.timeout_ms)
        request.timeout_ms = 20000; /* a busy machine is no failure */
    return belay_connector_http.call(c, &request, err);
}

static struct belay_call_outcome *outcome_of(struct belay_connection *c, uint64_t id, const char *method,
                                             const char *path)
{
    struct belay_err err = { 0 };
    bool body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
    struct belay_call_request request = { .id = id, .body = body ? BELAY_STR("{}") : BELAY_STR_NONE };
    if (call(c, request, method, path, &err))
        fail_msg("%s", err.msg);
    return recorder_wait(recorder, id);
}

static void each_ending_is_classified(void **state)
{
    static const struct {
        const char *method, *path, *type; /* type NULL: ok */
        enum belay_class class_;
        uint32_t status;
    } rows[] = {
        { "POST", "/ok", NULL, 0, 200 },
        { "POST", "/status/204", NULL, 0, 204 },
        { "POST", "/status/302", "HTTP:REDIRECT", BELAY_CLASS_PERMANENT, 302 },
        { "POST", "/status/400", "HTTP:CLIENT_ERROR", BELAY_CLASS_PERMANENT, 400 },
        { "POST", "/status/404", "HTTP:CLIENT_ERROR", BELAY_CLASS_PERMANENT, 404 },
        { "POST", "/status/409", "HTTP:CLIENT_ERROR", BELAY_CLASS_PERMANENT, 409 },
        { "POST", "/status/408", "HTTP:TIMEOUT", BELAY_CLASS_TRANSIENT, 408 },
        { "POST", "/status/425", "HTTP:TOO_EARLY", BELAY_CLASS_TRANSIENT, 425 },
        { "POST", "/status/429", "HTTP:TOO_MANY_REQUESTS", BELAY_CLASS_TRANSIENT, 429 },
        { "POST", "/status/500", "HTTP:SERVER_ERROR", BELAY_CLASS_TRANSIENT, 500 },
        { "POST", "/status/501", "HTTP:SERVER_ERROR", BELAY_CLASS_PERMANENT, 501 },
        { "POST", "/status/502", "HTTP:SERVER_ERROR", BELAY_CLASS_UNKNOWN_OUTCOME, 502 },
        { "POST", "/status/503", "HTTP:SERVER_ERROR", BELAY_CLASS_TRANSIENT, 503 },
        { "POST", "/status/504", "HTTP:SERVER_ERROR", BELAY_CLASS_UNKNOWN_OUTCOME, 504 },
        { "POST", "/lost", "HTTP:CONNECTIVITY", BELAY_CLASS_UNKNOWN_OUTCOME, 0 },
        { "GET", "/lost", "HTTP:CONNECTIVITY", BELAY_CLASS_UNKNOWN_OUTCOME, 0 },
        { "POST", "/cut", "HTTP:CONNECTIVITY", BELAY_CLASS_UNKNOWN_OUTCOME, 200 },
        { "POST", "/garbage", "HTTP:PROTOCOL", BELAY_CLASS_UNKNOWN_OUTCOME, 0 },
        { "POST", "/big/20000", "HTTP:RESPONSE_TOO_LARGE", BELAY_CLASS_UNKNOWN_OUTCOME, 200 },
        { "GET", "/big/20000", "HTTP:RESPONSE_TOO_LARGE", BELAY_CLASS_PERMANENT, 200 },
        { "GET", "/big/10000", NULL, 0, 200 },
    };
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    for (uint64_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t before = scripted_server_requests(server);
        struct belay_call_outcome *o = outcome_of(c, i, rows[i].method, rows[i].path);
        bool fits = o->ok ? rows[i].type == NULL
                          : rows[i].type && belay_str_eq(o->type, belay_str_c(rows[i].type))
                                && o->class_ == rows[i].class_;
        if (!fits || o->status != rows[i].status)
            fail_msg("%s %s: ok %d %.*s %s, status %u", rows[i].method, rows[i].path, o->ok,
                     BELAY_STR_ARG(o->type), o->ok ? "" : belay_class_name(o->class_), o->status);
        assert_true(o->ok || o->description.n > 0);
        assert_true(o->ok || !o->status || strtoul(o->description.p, NULL, 10) == o->status);
        assert_int_equal(scripted_server_requests(server), before + 1);
        belay_call_outcome_free(o);
    }
    close_connection(c);
}

static void the_time_to_come_back_is_read(void **state)
{
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    struct belay_call_outcome *after = outcome_of(c, 1, "POST", "/status/429/after");
    struct belay_call_outcome *date = outcome_of(c, 2, "POST", "/status/503/date");
    assert_int_equal(after->retry_after_ms, 2000);
    assert_true(date->retry_after_ms > 5000 && date->retry_after_ms <= 11000);
    belay_call_outcome_free(after);
    belay_call_outcome_free(date);
    close_connection(c);
}

static void contains(struct belay_str text, const char *part)
{
    if (!memmem(text.p, text.n, part, strlen(part)))
        fail_msg("no \"%s\" in:\n%.*s", part, BELAY_STR_ARG(text));
}

static void what_is_sent_is_what_was_asked_for(void **state)
{
    (void)state;
    struct belay_field fixed[] = { { BELAY_STR("X-Fixed"), BELAY_STR("always") } };
    struct belay_option_value more[] = { { .option = option("headers"), .fields = fixed, .field_count = 1 },
                                         { .option = option("bearer"), .text = BELAY_STR("token") } };
    struct belay_connection *c = open_with(more, 2, "Idempotency-Key");
    struct belay_field own[] = { { BELAY_STR("X-Own"), BELAY_STR("this time") },
                                 { BELAY_STR("Content-Length"), BELAY_STR("7") },
                                 { BELAY_STR("Connection"), BELAY_STR("close") } };
    struct belay_call_request request = { .id = 1, .headers = own, .header_count = 3, .body = BELAY_STR("{\"a\":1}"),
                                          .idempotency_key = BELAY_STR("k-1"), .correlationid = BELAY_STR("c-1"),
                                          .traceparent = BELAY_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") };
    struct belay_err err;
    assert_ok(call(c, request, "PUT", "/echo?x=%20y", &err));
    struct belay_call_outcome *o = recorder_wait(recorder, 1);
    assert_true(o->ok);
    contains(o->body, "PUT /echo?x=%20y HTTP/1.1\r\n");
    contains(o->body, "X-Fixed: always\r\n");
    contains(o->body, "X-Own: this time\r\n");
    contains(o->body, "Authorization: Bearer token\r\n");
    contains(o->body, "Idempotency-Key: \"k-1\"\r\n");
    contains(o->body, "x-correlation-id: c-1\r\n");
    contains(o->body, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
    contains(o->body, "\r\n\r\n{\"a\":1}");
    assert_null(memmem(o->body.p, o->body.n, "close", 5));
    contains(o->endpoint, "PUT http://127.0.0.1:");
    assert_null(memmem(o->endpoint.p, o->endpoint.n, "token", 5));
    bool echoed = false;
    for (uint32_t i = 0; i < o->header_count; i++)
        echoed = echoed || (belay_str_eq(o->headers[i].name, BELAY_STR("x-echo"))
                            && belay_str_eq(o->headers[i].value, BELAY_STR("Yes")));
    assert_true(echoed);
    belay_call_outcome_free(o);
    close_connection(c);
}

static void connections_are_kept_and_used_again(void **state)
{
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    uint32_t before = scripted_server_connections(server);
    for (uint64_t i = 0; i < 20; i++)
        belay_call_outcome_free(outcome_of(c, i, "POST", "/ok"));
    assert_int_equal(scripted_server_connections(server), before + 1);
    close_connection(c);
}

static double cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3
           + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* Its socket stays readable for as long as nobody calls. */
static void a_kept_connection_that_the_server_closed_costs_nothing_and_is_replaced(void **state)
{
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    for (uint64_t i = 0; i < 6; i += 2) {
        struct belay_call_outcome *o = outcome_of(c, i, "POST", "/bye");
        assert_true(o->ok);
        belay_call_outcome_free(o);
        double before = cpu_ms();
        usleep(150000);
        assert_true(cpu_ms() - before < 75);
        o = outcome_of(c, i + 1, "POST", "/ok");
        assert_true(o->ok);
        belay_call_outcome_free(o);
    }
    close_connection(c);
}

/* A call sent before the client can know of it would be lost, and rightly so. */
static void wait_closed(uint32_t before)
{
    while (scripted_server_closed(server) == before)
        usleep(500);
}

static void answers_of_all_shapes_are_understood(void **state)
{
    static const struct {
        const char *method, *answer, *type; /* type NULL: ok */
        uint32_t status;
        const char *body;
        bool wire_only;
    } rows[] = {
        { "PUT", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n", NULL, 200, "abcde", 0 },
        { "PUT", "HT|TP/1.1 200 O|K\r\nTransfer-En|coding: chun|ked\r\n\r|\n3\r|\nab|c\r\n0\r|\n\r\n", NULL, 200, "abc", 0 },
        { "PUT", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", "HTTP:CONNECTIVITY", 200, "abc", 0 },
        { "PUT", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc", "HTTP:PROTOCOL", 200, "", 1 },
        { "PUT", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", NULL, 200, "x", 0 },
        { "PUT", "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n|HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx", "HTTP:CLIENT_ERROR", 404, "x", 0 },
        { "PUT", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP:CONNECTIVITY", 100, "", 1 },
        { "PUT", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "HTTP:PROTOCOL", 101, "", 1 },
        { "PUT", "HTTP/1.1 200 OK\r\n\r\nuntil the| end", NULL, 200, "until the end", 0 },
        { "PUT", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL, 200, "ok", 0 },
        { "PUT", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", NULL, 200, "ok", 0 },
        { "PUT", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", NULL, 204, "", 0 },
        { "PUT", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "HTTP:REDIRECT", 304, "", 0 },
        { "PUT", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Junk\r\n\r\n", NULL, 200, "ok", 0 },
        { "PUT", "HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\ncut", "HTTP:SERVER_ERROR", 500, "cut", 0 },
        { "PUT", "HTTP/1.1 409 No\r\nContent-Length: 100\r\n\r\ncut", "HTTP:CLIENT_ERROR", 409, "cut", 0 },
        { "PUT", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "HTTP:PROTOCOL", 0, "", 1 },
        { "PUT", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP:CONNECTIVITY", 0, "", 1 },
        { "PUT", "HTTP/1.1", "HTTP:CONNECTIVITY", 0, "", 1 },
        { "PUT", "HTTP/1.1 099 Ok\r\nContent-Length: 0\r\n\r\n", "HTTP:PROTOCOL", 0, "", 1 },
        { "PUT", "HTTP/1.1 000 Ok\r\nContent-Length: 0\r\n\r\n", "HTTP:PROTOCOL", 0, "", 1 },
        { "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", NULL, 200, "", 1 },
    };
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    for (uint64_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].wire_only && through_libcurl)
            continue;
        for (int kept = 0; kept < 2; kept++) { /* on a new connection, and on one used before */
            struct belay_err err;
            if (kept)
                belay_call_outcome_free(outcome_of(c, 1000 + i, "POST", "/ok"));
            struct belay_call_request request = { .id = 2 * i + (uint64_t)kept, .body = belay_str_c(rows[i].answer) };
            uint32_t closed = scripted_server_closed(server);
            assert_ok(call(c, request, rows[i].method, "/raw", &err));
            struct belay_call_outcome *o = recorder_wait(recorder, request.id);
            bool fits = o->ok ? !rows[i].type : rows[i].type && belay_str_eq(o->type, belay_str_c(rows[i].type));
            if (!fits || o->status != rows[i].status || !belay_str_eq(o->body, belay_str_c(rows[i].body)))
                fail_msg("%d, %s: ok %d %.*s, status %u, body '%.*s'", kept, rows[i].answer, o->ok,
                         BELAY_STR_ARG(o->type), o->status, BELAY_STR_ARG(o->body));
            bool unknown = rows[i].status < 300 && rows[i].type;
            assert_true(o->ok || (o->class_ == BELAY_CLASS_UNKNOWN_OUTCOME) == unknown || rows[i].status == 500);
            belay_call_outcome_free(o);
            wait_closed(closed);
        }
    }
    close_connection(c);
}

/* More than an answer: what follows belongs to nobody, and not to the next call. */
static void an_answer_too_many_is_not_the_next_calls(void **state)
{
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na|HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
    };
    for (uint64_t i = 0; i < 2; i++) {
        struct belay_err err;
        struct belay_call_request request = { .id = 2 * i, .body = belay_str_c(answers[i]) };
        assert_ok(call(c, request, "PUT", "/raw/kept", &err));
        struct belay_call_outcome *o = recorder_wait(recorder, 2 * i);
        assert_true(o->ok && belay_str_eq(o->body, BELAY_STR("a")));
        belay_call_outcome_free(o);
        usleep(500000); /* the second part comes after a pause; nobody says when it was heard */
        o = outcome_of(c, 2 * i + 1, "POST", "/ok");
        if (!o->ok || !belay_str_eq(o->body, BELAY_STR("{}")))
            fail_msg("%s: then %.*s, '%.*s'", answers[i], BELAY_STR_ARG(o->type), BELAY_STR_ARG(o->body));
        belay_call_outcome_free(o);
    }
    close_connection(c);
}

/* It does not wait for a body that nobody reads. */
static void a_body_may_be_refused_before_it_is_through(void **state)
{
    static char body[4 << 20];
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    struct belay_err err;
    memset(body, 'x', sizeof body);
    for (uint64_t i = 0; i < 6; i += 2) {
        struct belay_call_request request = { .id = i, .body = belay_str(body, sizeof body), .timeout_ms = 5000 };
        assert_ok(call(c, request, "PUT", "/early", &err));
        struct belay_call_outcome *o = recorder_wait(recorder, i);
        assert_false(o->ok); /* the answer, when a reset did not take it away */
        assert_true(o->status == 413 || belay_str_eq(o->type, BELAY_STR("HTTP:CONNECTIVITY")));
        belay_call_outcome_free(o);
        o = outcome_of(c, i + 1, "POST", "/ok");
        assert_true(o->ok);
        belay_call_outcome_free(o);
    }
    close_connection(c);
}

static void a_head_without_end_is_broken_off(void **state)
{
    static char answer[60000];
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    struct belay_err err;
    int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nX-A: ");
    memset(answer + n, 'y', sizeof answer - (size_t)n);
    struct belay_call_request request = { .id = 1, .body = belay_str(answer, sizeof answer) };
    assert_ok(call(c, request, "PUT", "/raw", &err));
    struct belay_call_outcome *o = recorder_wait(recorder, 1);
    assert_true(!o->ok && o->class_ == BELAY_CLASS_UNKNOWN_OUTCOME);
    belay_call_outcome_free(o);
    close_connection(c);
}

/* A listener whose queue is full lets nobody in: the call waits for its connection. */
static void a_call_that_waits_for_its_connection_can_end(void **state)
{
    int listening = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    char there[64];
    (void)state;
    assert_int_equal(bind(listening, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listening, 0), 0);
    getsockname(listening, (struct sockaddr *)&a, &size);
    for (int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&a, sizeof a);
    }
    usleep(20000);
    snprintf(there, sizeof there, "http://127.0.0.1:%u", ntohs(a.sin_port));
    struct belay_option_value more[] = { { .option = option("base_url"), .text = belay_str_c(there) },
                                         { .option = option("username"), .text = BELAY_STR("me") } };
    struct belay_connection_config config = { .name = BELAY_STR("remote"), .options = more,
                                              .option_count = through_libcurl ? 2 : 1, .concurrency = 4,
                                              .queue_max = 4 };
    struct belay_connection *c = NULL;
    struct belay_err err;
    assert_ok(belay_connector_http.open(&config, recorder_done, recorder, &c, &err));
    const char *types[] = { "HTTP:TIMEOUT", "HTTP:CANCELLED", "HTTP:CANCELLED" };
    for (uint64_t i = 0; i < 3; i++) {
        struct belay_call_request request = { .id = i, .timeout_ms = i == 0 ? 100 : 60000 };
        assert_ok(call(c, request, "POST", "/x", &err));
    }
    usleep(30000);
    belay_connector_http.cancel(c, 1);
    for (uint64_t i = 0; i < 3; i++) {
        if (i == 2)
            belay_connector_http.close(c, 0, recorder_closed, recorder);
        struct belay_call_outcome *o = recorder_wait(recorder, i);
        if (o->ok || o->class_ != BELAY_CLASS_TRANSIENT || !belay_str_eq(o->type, belay_str_c(types[i])))
            fail_msg("%u: %.*s", (unsigned)i, BELAY_STR_ARG(o->type));
        belay_call_outcome_free(o);
    }
    recorder_wait_closed(recorder);
    for (int i = 0; i < 8; i++)
        close(fillers[i]);
    close(listening);
}

static struct belay_str previewed(const struct belay_call_preview *p, const char *name)
{
    for (uint32_t i = 0; i < p->header_count; i++)
        if (belay_str_eq_nocase(p->headers[i].name, belay_str_c(name)))
            return p->headers[i].value;
    return BELAY_STR_NONE;
}

static void a_preview_tells_what_would_be_sent_without_secrets(void **state)
{
    (void)state;
    struct belay_field fields[] = { { BELAY_STR("x-api-key"), BELAY_STR("s3cret") },
                                    { BELAY_STR("x-both"), BELAY_STR("s3cret") } };
    struct belay_option_value more[] = { { .option = option("headers"), .fields = fields, .field_count = 2 },
                                         { .option = option("bearer"), .text = BELAY_STR("t0ken") } };
    struct belay_connection *c = open_with(more, 2, "Idempotency-Key");
    struct belay_field own[] = { { BELAY_STR("x-both"), BELAY_STR("the flow's") }, { BELAY_STR("x-empty"), BELAY_STR("") } };
    struct belay_field params[] = { { BELAY_STR("method"), BELAY_STR("PUT") }, { BELAY_STR("path"), BELAY_STR("/ok?a=1") } };
    struct belay_call_request r = { .params = params, .param_count = 2, .headers = own, .header_count = 2,
                                    .body = BELAY_STR("{}"), .idempotency_key = BELAY_STR("k"), .timeout_ms = 1000 };
    struct belay_call_preview p;
    struct belay_arena arena;
    struct belay_err err;
    uint32_t connections = scripted_server_connections(server);
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_connector_http.preview(c, &r, &arena, &p, &err));
    assert_str(p.method, "PUT");
    assert_true(p.target.n > 7 && belay_str_eq(belay_str_sub(p.target, p.target.n - 7, p.target.n), BELAY_STR("/ok?a=1")));
    assert_str(p.body, "{}");
    assert_str(previewed(&p, "x-api-key"), "***");
    assert_str(previewed(&p, "authorization"), "***");
    assert_str(previewed(&p, "x-both"), "the flow's");
    assert_true(previewed(&p, "x-empty").p && previewed(&p, "x-empty").n == 0);
    assert_str(previewed(&p, "idempotency-key"), "\"k\"");
    assert_str(previewed(&p, "content-type"), "application/json");
    params[1].value = BELAY_STR("/a b");
    assert_int_equal(belay_connector_http.preview(c, &r, &arena, &p, &err), BELAY_INVALID);
    params[1].value = BELAY_STR("/ok");
    int status = BELAY_NOMEM;
    for (uint64_t n = 0; status == BELAY_NOMEM && n < 50; n++) {
        belay_arena_deinit(&arena);
        belay_arena_init(&arena, 64, BELAY_MIB(1));
        belay_alloc_fail_after(n);
        status = belay_connector_http.preview(c, &r, &arena, &p, &err);
        belay_alloc_fail_after(UINT64_MAX);
    }
    assert_ok(status);
    assert_int_equal(scripted_server_connections(server), connections);
    belay_arena_deinit(&arena);
    close_connection(c);
}

static void a_name_is_resolved(void **state)
{
    char by_name[64];
    (void)state;
    /* The connections of the tests before are closed on threads of the server's: they are not to be counted. */
    for (int i = 0; i < 4000 && scripted_server_closed(server) < scripted_server_connections(server); i++)
        usleep(500);
    snprintf(by_name, sizeof by_name, "http://localhost:%u", scripted_server_port(server));
    struct belay_option_value more[] = { { .option = option("base_url"), .text = belay_str_c(by_name) } };
    struct belay_connection_config config = { .name = BELAY_STR("remote"), .options = more, .option_count = 1,
                                              .concurrency = 4, .queue_max = 4 };
    struct belay_connection *c = NULL;
    struct belay_err err;
    assert_ok(belay_connector_http.open(&config, recorder_done, recorder, &c, &err));
    for (uint64_t i = 0; i < 5; i++) {
        uint32_t closed = scripted_server_closed(server);
        struct belay_call_outcome *o = outcome_of(c, i, "POST", i % 2 ? "/bye" : "/ok");
        assert_true(o->ok);
        belay_call_outcome_free(o);
        if (i % 2)
            wait_closed(closed);
    }
    close_connection(c);
}

/* What one call left behind is not the next one's: many at once, of all sizes, on recycled memory. */
static void calls_side_by_side_get_their_own_answers(void **state)
{
    static char body[9000];
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "Idempotency-Key");
    for (uint64_t round = 0; round < 30; round++) {
        for (uint64_t i = 0; i < 8; i++) {
            char key[24];
            struct belay_err err;
            int key_n = snprintf(key, sizeof key, "k-%u-%u", (unsigned)round, (unsigned)i);
            size_t size = i == 7 ? sizeof body : (size_t)((round * 8 + i) * 37 % 1500);
            memset(body, 'a' + (int)i, sizeof body);
            struct belay_call_request request = { .id = round * 8 + i, .body = belay_str(body, size),
                                                  .idempotency_key = belay_str(key, (size_t)key_n) };
            assert_ok(call(c, request, "PUT", "/echo", &err));
        }
        for (uint64_t i = 0; i < 8; i++) {
            char key[40];
            struct belay_call_outcome *o = recorder_wait(recorder, round * 8 + i);
            snprintf(key, sizeof key, "Idempotency-Key: \"k-%u-%u\"\r\n", (unsigned)round, (unsigned)i);
            size_t size = i == 7 ? sizeof body : (size_t)((round * 8 + i) * 37 % 1500);
            assert_true(o->ok);
            contains(o->body, key);
            assert_true(o->body.n > size + 4 && o->body.p[o->body.n - size - 1] == '\n');
            for (size_t at = o->body.n - size; at < o->body.n; at++)
                assert_int_equal(o->body.p[at], 'a' + (int)i);
            belay_call_outcome_free(o);
        }
    }
    close_connection(c);
}

static void a_call_that_is_wrong_never_happens(void **state)
{
    static const struct {
        const char *method, *path;
    } rows[] = { { "POST", "no-slash" }, { "PO ST", "/x" }, { "POST", "/a b" },
                 { "POST", "/a\r\nX: y" } };
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    uint32_t before = scripted_server_requests(server);
    struct belay_err err;
    struct belay_call_request request = { .id = 1 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (call(c, request, rows[i].method, rows[i].path, &err) != BELAY_INVALID)
            fail_msg("%s %s was taken", rows[i].method, rows[i].path);
    struct belay_field bad[] = { { BELAY_STR("X-A"), BELAY_STR("b\r\nX-C: d") } };
    request.headers = bad;
    request.header_count = 1;
    assert_int_equal(call(c, request, "POST", "/x", &err), BELAY_INVALID);
    assert_int_equal(scripted_server_requests(server), before);
    assert_int_equal(recorder_count(recorder), 0);
    close_connection(c);
}

static void without_a_path_the_base_url_is_the_whole_of_it(void **state)
{
    static const struct {
        const char *more, *line;
    } rows[] = { { "/echo?sig=a%20b", "POST /echo?sig=a%20b HTTP/1.1" }, { "/echo/", "POST /echo/ HTTP/1.1" },
                 { "", "POST / HTTP/1.1" }, { "?a=1", "POST /?a=1 HTTP/1.1" } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char url[160];
        snprintf(url, sizeof url, "%.*s%s", (int)strlen(base_url) - 1, base_url, rows[i].more);
        struct belay_option_value options[] = { { .option = option("base_url"), .text = belay_str_c(url) } };
        struct belay_connection_config config = { .name = BELAY_STR("r"), .options = options, .option_count = 1,
                                                  .concurrency = 1, .response_bytes_max = 1 << 20 };
        struct belay_connection *c = NULL;
        struct belay_err err;
        assert_ok(belay_connector_http.open(&config, recorder_done, recorder, &c, &err));
        struct belay_call_request request = { .id = i };
        if (strchr(rows[i].more, '?'))
            assert_int_equal(call(c, request, "POST", "/more", &err), BELAY_INVALID);
        assert_ok(call(c, request, "POST", "", &err));
        struct belay_call_outcome *o = recorder_wait(recorder, request.id);
        if (strncmp(rows[i].more, "/echo", 5) == 0)
            contains(o->body, rows[i].line);
        assert_true(o->status > 0);
        assert_false(belay_str_ends(o->endpoint, BELAY_STR("b"))); /* what follows the host may be secret */
        belay_call_outcome_free(o);
        close_connection(c);
        recorder_free(recorder); /* it is of one connection */
        recorder = recorder_new();
    }
}

static void a_wrong_option_is_named(void **state)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "base_url", "ftp://x" }, { "base_url", "not a url" }, { "base_url", "http://u:p@x" },
        { "base_url", "http://x/#part" }, { "ca_file", "/no/such/file.pem" }, { "client_cert", "/no/such/file.pem" },
        { "bearer", "a\nb" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_option_value options[] = {
            { .option = option(rows[i].name), .text = belay_str_c(rows[i].text) },
            { .option = option("base_url"), .text = belay_str_c(base_url) } };
        struct belay_connection_config config = { .name = BELAY_STR("r"), .options = options, .option_count = 2,
                                                  .concurrency = 1 };
        struct belay_connection *c = NULL;
        struct belay_err err;
        assert_int_equal(belay_connector_http.open(&config, recorder_done, recorder, &c, &err), BELAY_INVALID);
        if (!strstr(err.msg, rows[i].name))
            fail_msg("%s", err.msg);
    }
}

static void without_memory_a_call_is_refused_or_ends(void **state)
{
    (void)state;
    struct belay_connection *c = open_with(NULL, 0, "");
    for (uint64_t n = 0; n < 40; n++) {
        struct belay_err err;
        struct belay_call_request request = { .id = n, .body = BELAY_STR("{}") };
        belay_alloc_fail_after(n);
        int status = call(c, request, "POST", "/ok", &err);
        struct belay_call_outcome *o = status ? NULL : recorder_wait(recorder, n);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
        belay_call_outcome_free(o);
    }
    close_connection(c);
}

static void what_is_idempotent_is_told_by_the_method(void **state)
{
    static const struct {
        const char *method;
        bool idempotent;
    } rows[] = { { "GET", true }, { "HEAD", true }, { "PUT", true }, { "DELETE", true }, { "OPTIONS", true },
                 { "POST", false }, { "PATCH", false } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_field params[] = { { BELAY_STR("method"), belay_str_c(rows[i].method) } };
        struct belay_call_request request = { .params = params, .param_count = 1 };
        assert_int_equal(belay_connector_http.idempotent(&request), rows[i].idempotent);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_ending_is_classified),
        TEST(the_time_to_come_back_is_read),
        TEST(what_is_sent_is_what_was_asked_for),
        TEST(a_preview_tells_what_would_be_sent_without_secrets),
        TEST(connections_are_kept_and_used_again),
        TEST(a_kept_connection_that_the_server_closed_costs_nothing_and_is_replaced),
        TEST(answers_of_all_shapes_are_understood),
        TEST(an_answer_too_many_is_not_the_next_calls),
        TEST(a_body_may_be_refused_before_it_is_through),
        TEST(a_head_without_end_is_broken_off),
        TEST(a_call_that_waits_for_its_connection_can_end),
        TEST(a_name_is_resolved),
        TEST(calls_side_by_side_get_their_own_answers),
        TEST(a_call_that_is_wrong_never_happens),
        TEST(without_a_path_the_base_url_is_the_whole_of_it),
        TEST(a_wrong_option_is_named),
        TEST(without_memory_a_call_is_refused_or_ends),
        TEST(what_is_idempotent_is_told_by_the_method),
    };
    server = scripted_server_start();
    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%u/", scripted_server_port(server));
    int failed = cmocka_run_group_tests_name("on a wire", tests, NULL, NULL);
    through_libcurl = true;
    failed += cmocka_run_group_tests_name("through libcurl", tests, NULL, NULL);
    scripted_server_stop(server);
    return failed;
}
