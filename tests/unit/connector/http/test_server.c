/* The server on real sockets: what test_session.c cannot show. Answers given from another thread,
 * clients that go, limits on connections, closing, replacing the API, unix sockets. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "connector/http/server.h"
#include "unit/tempdir.h"
#include "unit/test.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define TIMEOUT_MS 5000

static struct belay_http_io *io;
static struct belay_http_server *server;
static atomic_uint handed, closed_count, released_count;
static _Atomic(struct belay_http_request *) kept[64]; /* to be answered by the test's thread */
static atomic_bool keep;
static char room[1 << 20];

static int on_request(void *arg, struct belay_http_request *request, struct belay_err *err)
{
    (void)arg;
    (void)err;
    unsigned n = atomic_fetch_add(&handed, 1);
    if (atomic_load(&keep) && n < 64)
        atomic_store(&kept[n], request);
    else
        belay_http_reply(request, 200, NULL, 0, request->target);
    return BELAY_OK;
}

static void closed(void *arg)
{
    (void)arg;
    atomic_fetch_add(&closed_count, 1);
}

static void released(void *arg)
{
    (void)arg;
    atomic_fetch_add(&released_count, 1);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static void wait_for(atomic_uint *counter, unsigned wanted)
{
    for (int i = 0; i < TIMEOUT_MS && atomic_load(counter) < wanted; i++)
        pause_ms(1);
    assert_true(atomic_load(counter) >= wanted);
}

static void open_with(struct belay_http_server_config config)
{
    struct belay_err err = { 0 };
    if (!config.listen.p)
        config.listen = BELAY_STR("127.0.0.1:0");
    config.api = BELAY_STR("test");
    if (belay_http_server_open(io, &config, on_request, NULL, &server, &err))
        fail_msg("%s", err.msg);
}

static void close_server(uint32_t drain_ms)
{
    unsigned before = atomic_load(&closed_count);
    belay_http_server_close(server, drain_ms, closed, NULL);
    server = NULL;
    wait_for(&closed_count, before + 1);
}

static int begin(void **state)
{
    (void)state;
    atomic_store(&handed, 0);
    atomic_store(&keep, false);
    for (int i = 0; i < 64; i++)
        atomic_store(&kept[i], NULL);
    return belay_http_io_open(&io, NULL);
}

static int end(void **state)
{
    (void)state;
    if (server)
        close_server(0);
    belay_http_io_close(io);
    return 0;
}

/* ---- a client ---- */

static int dial(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(belay_http_server_port(server)) };
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval limit = { TIMEOUT_MS / 1000, 0 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_ok(connect(fd, (struct sockaddr *)&a, sizeof a));
    return fd;
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

/* Reads until the text has come, or the end where `until` is NULL; what came is in room. */
static const char *hear(int fd, const char *until)
{
    size_t n = 0;
    room[0] = '\0';
    while (!until || !strstr(room, until)) {
        ssize_t got = recv(fd, room + n, sizeof room - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        room[n] = '\0';
    }
    if (until && !strstr(room, until))
        fail_msg("no \"%s\" in:\n%s", until, room);
    return room;
}

static bool ended(int fd)
{
    struct pollfd p = { fd, POLLIN, 0 };
    char c;
    return poll(&p, 1, TIMEOUT_MS) == 1 && recv(fd, &c, 1, 0) <= 0;
}

/* ---- */

static void requests_of_many_connections_are_answered(void **state)
{
    (void)state;
    open_with((struct belay_http_server_config){ 0 });
    int fds[50];
    for (int i = 0; i < 50; i++)
        fds[i] = dial();
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 50; i++) {
            say(fds[i], GET("/hello") GET("/again"));
            hear(fds[i], "/again");
        }
    struct belay_http_server_stats stats;
    belay_http_server_stats(server, &stats);
    assert_int_equal(stats.requests_total, 300);
    assert_int_equal(stats.responses[2], 300);
    assert_int_equal(stats.connections, 50);
    for (int i = 0; i < 50; i++)
        close(fds[i]);
}

static void an_answer_from_another_thread_arrives(void **state)
{
    (void)state;
    atomic_store(&keep, true);
    open_with((struct belay_http_server_config){ 0 });
    int fd = dial();
    say(fd, GET("/slow") GET("/second"));
    wait_for(&handed, 2);
    belay_http_reply(atomic_load(&kept[1]), 200, NULL, 0, BELAY_STR("two"));
    struct belay_field location = { BELAY_STR("Location"), BELAY_STR("/orders/1") };
    belay_http_reply(atomic_load(&kept[0]), 202, &location, 1, BELAY_STR("one"));
    const char *text = hear(fd, "two");
    assert_non_null(strstr(text, "HTTP/1.1 202 Accepted"));
    assert_non_null(strstr(text, "Location: /orders/1\r\n"));
    assert_true(strstr(text, "one") < strstr(text, "two"));
    close(fd);
}

static atomic_uint told;

static void on_handed(void *arg)
{
    (void)arg;
    atomic_fetch_add(&told, 1);
}

static void a_receiver_is_told_once_of_what_came_together(void **state)
{
    (void)state;
    atomic_store(&keep, true);
    atomic_store(&told, 0);
    open_with((struct belay_http_server_config){ .on_handed = on_handed });
    int fd = dial();
    say(fd, GET("/1") GET("/2") GET("/3"));
    wait_for(&handed, 3);
    wait_for(&told, 1);
    belay_http_io_hold(io);
    for (int i = 0; i < 3; i++)
        belay_http_reply(atomic_load(&kept[i]), 200, NULL, 0, i == 2 ? BELAY_STR("the last") : BELAY_STR("more"));
    belay_http_io_release(io);
    hear(fd, "the last");
    assert_in_range(atomic_load(&told), 1, 3);
    close(fd);
}

/* The I/O thread is held up while requests come on many connections: it finds them all ready at once. */
static int on_request_slowly(void *arg, struct belay_http_request *request, struct belay_err *err)
{
    pause_ms(20);
    return on_request(arg, request, err);
}

static void a_receiver_is_told_when_nothing_else_is_ready(void **state)
{
    (void)state;
    int fds[4];
    atomic_store(&keep, false);
    atomic_store(&told, 0);
    struct belay_err err;
    struct belay_http_server_config config = { .listen = BELAY_STR("127.0.0.1:0"), .api = BELAY_STR("shop"),
                                               .on_handed = on_handed };
    assert_ok(belay_http_server_open(io, &config, on_request_slowly, NULL, &server, &err));
    for (int i = 0; i < 4; i++)
        fds[i] = dial();
    for (int i = 0; i < 4; i++)
        say(fds[i], GET("/together"));
    for (int i = 0; i < 4; i++)
        hear(fds[i], "/together");
    wait_for(&told, 1);
    assert_int_equal(atomic_load(&handed), 4);
    assert_in_range(atomic_load(&told), 1, 2); /* the first may have come alone */
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

static atomic_bool gate;

static int on_request_at_gate(void *arg, struct belay_http_request *request, struct belay_err *err)
{
    for (int i = 0; i < TIMEOUT_MS && !atomic_load(&gate); i++)
        pause_ms(1);
    return on_request(arg, request, err);
}

/* Else all would wait for the last, and the receiver's work would begin when there is nothing left to read. */
static void a_receiver_is_told_when_it_has_half_of_what_is_ready(void **state)
{
    (void)state;
    enum { N = 48 };
    int fds[N];
    atomic_store(&keep, true);
    atomic_store(&told, 0);
    atomic_store(&gate, false);
    struct belay_err err;
    struct belay_http_server_config config = { .listen = BELAY_STR("127.0.0.1:0"), .api = BELAY_STR("shop"),
                                               .on_handed = on_handed };
    assert_ok(belay_http_server_open(io, &config, on_request_at_gate, NULL, &server, &err));
    for (int i = 0; i < N; i++)
        fds[i] = dial();
    for (int i = 0; i < N; i++)
        say(fds[i], GET("/"));
    atomic_store(&gate, true);
    wait_for(&handed, N);
    wait_for(&told, 2); /* after 32 at the latest, and at the end */
    assert_in_range(atomic_load(&told), 2, N / 8);
    for (int i = 0; i < N; i++)
        belay_http_reply(atomic_load(&kept[i]), 200, NULL, 0, BELAY_STR("fine"));
    for (int i = 0; i < N; i++) {
        hear(fds[i], "fine");
        close(fds[i]);
    }
}

static void a_client_that_left_costs_nothing(void **state)
{
    (void)state;
    atomic_store(&keep, true);
    open_with((struct belay_http_server_config){ 0 });
    int fd = dial();
    say(fd, GET("/gone"));
    wait_for(&handed, 1);
    struct linger reset = { 1, 0 }; /* a plain close looks like a half-closed client that waits */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    struct belay_http_server_stats stats = { .connections = 1 };
    for (int i = 0; i < TIMEOUT_MS && stats.connections; i++) {
        pause_ms(1);
        belay_http_server_stats(server, &stats);
    }
    assert_int_equal(stats.connections, 0);
    belay_http_reply(atomic_load(&kept[0]), 200, NULL, 0, BELAY_STR("late"));
    fd = dial();
    say(fd, GET("/next"));
    wait_for(&handed, 2);
    belay_http_reply(atomic_load(&kept[1]), 200, NULL, 0, BELAY_STR("fine"));
    hear(fd, "fine");
    close(fd);
}

static void a_half_closed_client_gets_its_answer_and_then_the_end(void **state)
{
    (void)state;
    open_with((struct belay_http_server_config){ 0 });
    int fd = dial();
    say(fd, GET("/half"));
    shutdown(fd, SHUT_WR);
    assert_non_null(strstr(hear(fd, NULL), "/half"));
    close(fd);
}

static void slow_and_silent_clients_are_cut_off(void **state)
{
    (void)state;
    open_with((struct belay_http_server_config){
        .limits = { .header_timeout_ms = 150, .body_timeout_ms = 150, .idle_timeout_ms = 150 } });
    int head = dial(), body = dial(), idle = dial(), silent = dial();
    say(head, "GET / HT");
    say(body, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123");
    say(idle, GET("/idle"));
    assert_non_null(strstr(hear(head, NULL), "HTTP/1.1 408 "));
    assert_non_null(strstr(hear(body, NULL), "HTTP/1.1 408 "));
    hear(idle, "/idle");
    assert_true(ended(idle));
    assert_true(ended(silent));
    close(head);
    close(body);
    close(idle);
    close(silent);
}

/* The refusal must reach a client that is still sending: a reset would take it away. */
static void a_client_that_sends_on_still_hears_the_refusal(void **state)
{
    (void)state;
    open_with((struct belay_http_server_config){ .limits = { .body_bytes_max = 1000 } });
    static char piece[65536];
    int fd = dial();
    say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n");
    for (int i = 0; i < 20; i++)
        if (send(fd, piece, sizeof piece, MSG_NOSIGNAL) < 0)
            break;
    hear(fd, "HTTP/1.1 413 ");
    close(fd);
}

static void connections_beyond_the_limit_are_told_so(void **state)
{
    (void)state;
    open_with((struct belay_http_server_config){ .limits = { .connections_max = 2 } });
    int one = dial(), two = dial();
    say(one, GET("/1"));
    hear(one, "/1");
    say(two, GET("/2"));
    hear(two, "/2");
    int three = dial();
    assert_non_null(strstr(hear(three, NULL), "HTTP/1.1 503 "));
    close(one);
    close(three);
    pause_ms(50);
    three = dial();
    say(three, GET("/3"));
    hear(three, "/3");
    close(two);
    close(three);
}

static void a_large_answer_to_a_slow_reader_arrives_whole(void **state)
{
    (void)state;
    atomic_store(&keep, true);
    open_with((struct belay_http_server_config){ 0 });
    static char large[900000];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '!';
    int fd = dial();
    say(fd, GET("/large"));
    wait_for(&handed, 1);
    belay_http_reply(atomic_load(&kept[0]), 200, NULL, 0, belay_str(large, sizeof large));
    pause_ms(100);
    hear(fd, "!");
    close(fd);
}

static void closing_answers_what_is_in_flight(void **state)
{
    (void)state;
    atomic_store(&keep, true);
    open_with((struct belay_http_server_config){ 0 });
    int busy = dial(), idle = dial();
    say(busy, GET("/in-flight"));
    wait_for(&handed, 1);
    unsigned before = atomic_load(&closed_count);
    belay_http_server_close(server, 5000, closed, NULL);
    server = NULL;
    assert_true(ended(idle));
    pause_ms(20);
    assert_int_equal(atomic_load(&closed_count), before);
    belay_http_reply(atomic_load(&kept[0]), 200, NULL, 0, BELAY_STR("done"));
    assert_non_null(strstr(hear(busy, NULL), "done"));
    wait_for(&closed_count, before + 1);
    close(busy);
    close(idle);
}

static void closing_waits_for_what_was_handed_over(void **state)
{
    (void)state;
    atomic_store(&keep, true);
    open_with((struct belay_http_server_config){ 0 });
    int fd = dial();
    say(fd, GET("/held"));
    wait_for(&handed, 1);
    unsigned before = atomic_load(&closed_count);
    belay_http_server_close(server, 10, closed, NULL);
    server = NULL;
    assert_true(ended(fd));
    pause_ms(20);
    assert_int_equal(atomic_load(&closed_count), before);
    belay_http_drop(atomic_load(&kept[0]));
    wait_for(&closed_count, before + 1);
    close(fd);
}

static void a_dropped_request_ends_the_connection(void **state)
{
    (void)state;
    atomic_store(&keep, true);
    open_with((struct belay_http_server_config){ 0 });
    int fd = dial();
    say(fd, GET("/drop"));
    wait_for(&handed, 1);
    belay_http_drop(atomic_load(&kept[0]));
    assert_string_equal(hear(fd, NULL), "");
    close(fd);
}

/* ---- opening ---- */

static void what_cannot_be_listened_on_is_said(void **state)
{
    static const struct {
        const char *listen;
        int status;
    } rows[] = {
        { "127.0.0.1:99999", BELAY_INVALID }, { "nonsense", BELAY_INVALID }, { "", BELAY_INVALID },
        { "unix:/no/such/folder/x.sock", BELAY_DENIED }, /* as libuv has it */
    };
    (void)state;
    struct belay_http_server *other = NULL;
    struct belay_err err;
    struct belay_http_server_config config = { .api = BELAY_STR("t") };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        config.listen = belay_str_c(rows[i].listen);
        assert_int_equal(belay_http_server_open(io, &config, on_request, NULL, &other, &err), rows[i].status);
        assert_true(err.msg[0]);
    }
    open_with((struct belay_http_server_config){ 0 });
    char listen[40];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", belay_http_server_port(server));
    config.listen = belay_str_c(listen);
    assert_int_equal(belay_http_server_open(io, &config, on_request, NULL, &other, &err), BELAY_EXISTS);
    assert_non_null(strstr(err.msg, listen));
}

static void a_unix_socket_serves_too(void **state)
{
    (void)state;
    char folder[32], listen[64];
    assert_non_null(tempdir_make(folder));
    snprintf(listen, sizeof listen, "unix:%s/s.sock", folder);
    open_with((struct belay_http_server_config){ .listen = belay_str_c(listen) });
    assert_int_equal(belay_http_server_port(server), 0);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_ok(connect(fd, (struct sockaddr *)&a, sizeof a));
    say(fd, GET("/unix"));
    hear(fd, "/unix");
    close(fd);
    close_server(0);
    tempdir_remove(folder);
}

static void routes_by_hand_are_served(void **state)
{
    (void)state;
    static const struct belay_http_route routes[] = { { "GET", "/topics/{name}", "showTopic" },
                                                      { "POST", "/topics", "makeTopic" } };
    open_with((struct belay_http_server_config){ .routes = routes, .route_count = 2 });
    int fd = dial();
    say(fd, GET("/topics/orders") GET("/topics") GET("/other"));
    const char *text = hear(fd, "404");
    assert_non_null(strstr(text, "/topics/orders"));
    assert_non_null(strstr(text, "HTTP/1.1 405 "));
    close(fd);
}

static const belay_json *api_with(struct belay_arena *arena, const char *path)
{
    const belay_json *v = NULL;
    struct belay_str text = belay_arena_printf(
        arena, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"t\",\"version\":\"1\"},\"paths\":{\"%s\":{\"get\":"
               "{\"operationId\":\"op\",\"responses\":{\"200\":{\"description\":\"ok\"}}}}}}", path);
    assert_ok(belay_json_parse(text, NULL, arena, &v, NULL, NULL));
    return v;
}

static void a_replaced_api_serves_new_requests_and_lets_old_ones_end(void **state)
{
    (void)state;
    struct belay_arena arena;
    struct belay_err err;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    unsigned before = atomic_load(&released_count);
    atomic_store(&keep, true);
    open_with((struct belay_http_server_config){ .openapi = api_with(&arena, "/old") });
    int fd = dial();
    say(fd, GET("/old"));
    wait_for(&handed, 1);
    assert_int_equal(belay_http_server_replace(server, belay_json_get(api_with(&arena, "/x"), BELAY_STR("info")), NULL,
                                               released, NULL, &err), BELAY_INVALID);
    assert_ok(belay_http_server_replace(server, api_with(&arena, "/new"), NULL, released, NULL, &err));
    say(fd, GET("/old") GET("/new"));
    wait_for(&handed, 2);
    assert_int_equal(atomic_load(&released_count), before);
    belay_http_reply(atomic_load(&kept[0]), 200, NULL, 0, BELAY_STR("of the old"));
    belay_http_reply(atomic_load(&kept[1]), 200, NULL, 0, BELAY_STR("of the new"));
    assert_non_null(strstr(hear(fd, "of the new"), "HTTP/1.1 404 "));
    wait_for(&released_count, before + 1);
    close(fd);
    close_server(0);
    belay_arena_deinit(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_of_many_connections_are_answered),
        TEST(an_answer_from_another_thread_arrives),
        TEST(a_receiver_is_told_once_of_what_came_together),
        TEST(a_receiver_is_told_when_nothing_else_is_ready),
        TEST(a_receiver_is_told_when_it_has_half_of_what_is_ready),
        TEST(a_client_that_left_costs_nothing),
        TEST(a_half_closed_client_gets_its_answer_and_then_the_end),
        TEST(slow_and_silent_clients_are_cut_off),
        TEST(a_client_that_sends_on_still_hears_the_refusal),
        TEST(connections_beyond_the_limit_are_told_so),
        TEST(a_large_answer_to_a_slow_reader_arrives_whole),
        TEST(closing_answers_what_is_in_flight),
        TEST(closing_waits_for_what_was_handed_over),
        TEST(a_dropped_request_ends_the_connection),
        TEST(what_cannot_be_listened_on_is_said),
        TEST(a_unix_socket_serves_too),
        TEST(routes_by_hand_are_served),
        TEST(a_replaced_api_serves_new_requests_and_lets_old_ones_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
