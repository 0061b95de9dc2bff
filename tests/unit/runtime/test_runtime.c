/* The whole runtime in one process: real threads, sockets and disk; no program, no signals. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "broker/stats.h"
#include "engine/room.h"
#include "platform/thread.h"
#include "runtime/impl.h"
#include "unit/tempdir.h"
#include "unit/test.h"

static const char door[] = "openapi: 3.1.0\n"
                           "info: { title: Door, version: '1' }\n"
                           "paths:\n"
                           "  /work:\n"
                           "    post:\n"
                           "      operationId: put\n"
                           "      requestBody: { required: true, content: { application/json: { schema: { type: object, "
                           "required: [id] } } } }\n"
                           "      responses: { '202': { description: taken } }\n";

static const char flows[] = "belay: 1\n"
                            "name: small\n"
                            "apis:\n"
                            "  door: { listen: '127.0.0.1:0', openapi: door.yaml }\n"
                            "topics:\n"
                            "  work: { retain: 1h }\n"
                            "  seen: { retain: 1h }\n"
                            "flows:\n"
                            "  take:\n"
                            "    from: { api: door, operation: put }\n"
                            "    steps:\n"
                            "      - publish: { topic: work, key: '{% id %}' }\n"
                            "    reply: { status: 202, headers: { x-version: 'VERSION' } }\n"
                            "  see:\n"
                            "    from: { topic: work }\n"
                            "    steps:\n"
                            "      - publish: { topic: seen, key: '{% id %}' }\n";

struct fixture {
    char dir[32], data[64], path[64], openapi[64];
    const char *paths[1];
    struct belay_config_opt config;
    struct belay_log log;
    struct belay_buf lines;
    struct belay_metrics *metrics;
    struct belay_runtime *rt;
    struct belay_mutex mutex;
    struct belay_cond cond;
    bool ended;
};

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void write_flows(struct fixture *f, const char *version)
{
    char text[sizeof flows + 64];
    const char *at = strstr(flows, "VERSION");
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - flows), flows, version, at + 7);
    write_file(f->path, text);
}

static void drop_line(void *ctx, const char *line, size_t n)
{
    (void)ctx, (void)line, (void)n;
}

static void on_ended(void *arg)
{
    struct fixture *f = arg;
    belay_mutex_lock(&f->mutex);
    f->ended = true;
    belay_cond_signal(&f->cond);
    belay_mutex_unlock(&f->mutex);
}

static int open_status(struct fixture *f, struct belay_err *err)
{
    struct belay_problems problems;
    struct belay_runtime_opt opt = {
        .data_dir = f->data, .config = &f->config, .clock = belay_clock_posix(), .entropy = belay_entropy_posix(),
        .log = &f->log, .metrics = f->metrics, .drain_ms = 2000, .ended = on_ended, .arg = f,
    };
    belay_problems_init(&problems);
    int status = belay_runtime_open(&opt, &problems, &f->rt, err);
    belay_problems_deinit(&problems);
    return status;
}

static void start(struct fixture *f)
{
    struct belay_err err;
    assert_ok(belay_metrics_new(&f->metrics, &err));
    f->ended = false;
    int status = open_status(f, &err);
    if (status != BELAY_OK)
        print_message("%s\n", err.msg);
    assert_ok(status);
}

static void stop(struct fixture *f)
{
    belay_runtime_stop(f->rt);
    belay_mutex_lock(&f->mutex);
    while (!f->ended)
        belay_cond_wait(&f->cond, &f->mutex);
    belay_mutex_unlock(&f->mutex);
    assert_ok(belay_runtime_failed(f->rt, NULL));
    belay_runtime_close(f->rt);
    belay_metrics_free(f->metrics);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_non_null(tempdir_make(f->dir));
    snprintf(f->data, sizeof f->data, "%s/data", f->dir);
    snprintf(f->path, sizeof f->path, "%s/belay.yaml", f->dir);
    snprintf(f->openapi, sizeof f->openapi, "%s/door.yaml", f->dir);
    write_file(f->openapi, door);
    write_flows(f, "1");
    f->paths[0] = f->path;
    f->config = (struct belay_config_opt){ .paths = f->paths, .path_count = 1 };
    belay_log_init(&f->log, (struct belay_log_sink){ drop_line, NULL }, BELAY_LOG_DEBUG);
    belay_mutex_init(&f->mutex);
    belay_cond_init(&f->cond);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    belay_cond_deinit(&f->cond);
    belay_mutex_deinit(&f->mutex);
    tempdir_remove(f->dir);
    free(f);
    return 0;
}

/* ---- a client ---- */

static int dial(struct fixture *f)
{
    struct belay_str name, url = belay_runtime_api_url(f->rt, 0, &name);
    assert_str(name, "door");
    struct sockaddr_in a = { .sin_family = AF_INET };
    a.sin_port = htons((uint16_t)atoi(url.p + sizeof "http://127.0.0.1:" - 1));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void post(struct fixture *f, const char *body, char *answer, size_t n)
{
    char request[512];
    int fd = dial(f);
    int length = snprintf(request, sizeof request,
                          "POST /work HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\n"
                          "content-length: %zu\r\n\r\n%s", strlen(body), body);
    assert_int_equal(write(fd, request, (size_t)length), length);
    size_t got = 0;
    ssize_t r;
    while (got + 1 < n && (r = read(fd, answer + got, n - 1 - got)) > 0)
        got += (size_t)r;
    answer[got] = '\0';
    close(fd);
}

/* ---- a visitor ---- */

struct look {
    struct belay_visit visit;
    struct fixture *f;
    uint64_t seen;
    bool over, failed;
};

static bool look_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct look *l = BELAY_CONTAINER_OF(v, struct look, visit);
    struct belay_topic_stats t;
    for (uint32_t i = 0; belay_broker_topic_stats(belay_engine_broker(e), i, &t); i++)
        if (belay_str_eq(t.name, BELAY_STR("seen")))
            l->seen = t.next - 1;
    belay_runtime_sample(l->f->rt, now);
    return true;
}

static void look_done(struct belay_visit *v, bool failed)
{
    struct look *l = BELAY_CONTAINER_OF(v, struct look, visit);
    struct fixture *f = l->f;
    belay_mutex_lock(&f->mutex);
    l->over = true;
    l->failed = failed;
    belay_cond_broadcast(&f->cond);
    belay_mutex_unlock(&f->mutex);
}

static uint64_t seen(struct fixture *f)
{
    struct look l = { .visit = { .run = look_run, .done = look_done }, .f = f };
    assert_ok(belay_runtime_visit(f->rt, &l.visit));
    belay_mutex_lock(&f->mutex);
    while (!l.over)
        belay_cond_wait(&f->cond, &f->mutex);
    belay_mutex_unlock(&f->mutex);
    assert_false(l.failed);
    return l.seen;
}

static void wait_seen(struct fixture *f, uint64_t wanted)
{
    for (int i = 0; i < 2000 && seen(f) < wanted; i++)
        usleep(5000);
    assert_int_equal(seen(f), wanted);
}

/* ---- tests ---- */

static void what_is_accepted_goes_through_the_flows(void **state)
{
    struct fixture *f = *state;
    char answer[4096];
    start(f);
    assert_true(belay_runtime_ready(f->rt));
    for (int i = 0; i < 20; i++) {
        post(f, "{\"id\":\"a\"}", answer, sizeof answer);
        assert_non_null(strstr(answer, "202 Accepted"));
    }
    wait_seen(f, 20);
    post(f, "{}", answer, sizeof answer);
    assert_non_null(strstr(answer, "422"));
    stop(f);
}

static void what_was_accepted_is_there_after_the_next_start(void **state)
{
    struct fixture *f = *state;
    char answer[4096];
    start(f);
    post(f, "{\"id\":\"a\"}", answer, sizeof answer);
    stop(f);
    start(f);
    wait_seen(f, 1);
    post(f, "{\"id\":\"b\"}", answer, sizeof answer);
    wait_seen(f, 2);
    stop(f);
}

static void a_reload_takes_over_at_once_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct belay_problems problems;
    struct belay_err err;
    char answer[4096];
    start(f);
    write_flows(f, "2");
    belay_problems_init(&problems);
    assert_ok(belay_runtime_reload(f->rt, &problems, &err));
    post(f, "{\"id\":\"a\"}", answer, sizeof answer);
    assert_non_null(strstr(answer, "x-version: 2"));
    write_flows(f, "3' }, nonsense: { a: '");
    assert_int_equal(belay_runtime_reload(f->rt, &problems, &err), BELAY_INVALID);
    assert_true(problems.error_count > 0);
    post(f, "{\"id\":\"b\"}", answer, sizeof answer);
    assert_non_null(strstr(answer, "x-version: 2"));
    belay_problems_deinit(&problems);
    wait_seen(f, 2);
    stop(f);
}

static void a_directory_that_is_served_is_refused(void **state)
{
    struct fixture *f = *state;
    struct belay_err err;
    start(f);
    struct belay_runtime *first = f->rt;
    struct belay_metrics *metrics = f->metrics;
    assert_ok(belay_metrics_new(&f->metrics, &err));
    assert_int_equal(open_status(f, &err), BELAY_LOCKED);
    belay_metrics_free(f->metrics);
    f->metrics = metrics;
    f->rt = first;
    stop(f);
}

/* ---- more visits than the mailbox has room for ---- */

struct crowd {
    struct fixture *f;
    uint32_t done, expected; /* expected: 0 until it is known */
    bool entered, go, all_done;
};

struct visitor {
    struct belay_visit visit;
    struct crowd *crowd;
};

/* Waits for a flag by looking: both sides of one condition, and thousands of wake-ups, are no test of ours. */
static void look_again(struct crowd *c, const bool *flag)
{
    while (!*flag) {
        belay_mutex_unlock(&c->f->mutex);
        usleep(1000);
        belay_mutex_lock(&c->f->mutex);
    }
}

static bool doorstop_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct crowd *c = BELAY_CONTAINER_OF(v, struct visitor, visit)->crowd;
    (void)e, (void)now;
    belay_mutex_lock(&c->f->mutex);
    c->entered = true;
    look_again(c, &c->go);
    belay_mutex_unlock(&c->f->mutex);
    return true;
}

static bool visitor_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    (void)v, (void)e, (void)now;
    return true;
}

static void visitor_done(struct belay_visit *v, bool failed)
{
    struct crowd *c = BELAY_CONTAINER_OF(v, struct visitor, visit)->crowd;
    (void)failed;
    belay_mutex_lock(&c->f->mutex);
    c->all_done = ++c->done == c->expected;
    belay_mutex_unlock(&c->f->mutex);
}

static void a_crowd_of_visits_leaves_room_for_outcomes_and_jobs(void **state)
{
    struct fixture *f = *state;
    struct crowd c = { .f = f };
    struct visitor *all = calloc(BELAY_MAIL_CAPACITY, sizeof *all);
    uint32_t n = 0;
    assert_non_null(all);
    start(f);
    for (int status = BELAY_OK; status == BELAY_OK && n < BELAY_MAIL_CAPACITY; n += status == BELAY_OK) {
        all[n] = (struct visitor){ .visit = { .run = n ? visitor_run : doorstop_run, .done = visitor_done },
                                   .crowd = &c };
        status = belay_runtime_visit(f->rt, &all[n].visit);
        assert_true(status == BELAY_OK || status == BELAY_BUSY);
        belay_mutex_lock(&f->mutex);
        look_again(&c, &c.entered);
        belay_mutex_unlock(&f->mutex);
    }
    assert_in_range(n, BELAY_MAIL_OFFERED_MAX - 64, BELAY_MAIL_OFFERED_MAX + 1); /* jobs that ended lie there too */
    belay_mutex_lock(&f->mutex);
    c.expected = n; /* the doorstop is still in: nobody was done yet */
    c.go = true;
    look_again(&c, &c.all_done);
    belay_mutex_unlock(&f->mutex);
    stop(f);
    free(all);
}

static void the_figures_are_text_for_prometheus(void **state)
{
    struct fixture *f = *state;
    struct belay_buf text;
    char answer[4096];
    start(f);
    post(f, "{\"id\":\"a\"}", answer, sizeof answer);
    wait_seen(f, 1);
    belay_buf_init(&text, BELAY_MIB(1));
    belay_metrics_write(f->metrics, &text);
    belay_buf_put_c(&text, '\0');
    assert_ok(belay_buf_status(&text));
    assert_non_null(strstr(text.p, "belay_lost 0"));
    assert_non_null(strstr(text.p, "belay_topic_messages{topic=\"seen\"} 1"));
    assert_non_null(strstr(text.p, "belay_api_replies_total{status=\"202\"} 1"));
    assert_non_null(strstr(text.p, "belay_http_requests_total{api=\"door\"} 1"));
    assert_non_null(strstr(text.p, "belay_http_responses_total{api=\"door\",class=\"2xx\"} 1"));
    assert_non_null(strstr(text.p, "belay_http_connections_refused_total{api=\"door\"} 0"));
    belay_buf_deinit(&text);
    stop(f);
}

/* ---- the end ---- */

static int visit(struct look *l)
{
    int status = belay_runtime_visit(l->f->rt, &l->visit);
    belay_mutex_lock(&l->f->mutex);
    while (status == BELAY_OK && !l->over)
        belay_cond_wait(&l->f->cond, &l->f->mutex);
    belay_mutex_unlock(&l->f->mutex);
    return status;
}

static void wait_ended(struct fixture *f)
{
    belay_mutex_lock(&f->mutex);
    while (!f->ended)
        belay_cond_wait(&f->cond, &f->mutex);
    belay_mutex_unlock(&f->mutex);
}

static void who_comes_after_the_end_is_told(void **state)
{
    struct fixture *f = *state;
    struct look late = { .visit = { .run = look_run, .done = look_done }, .f = f };
    struct belay_problems problems;
    struct belay_err err;
    start(f);
    belay_runtime_stop(f->rt);
    wait_ended(f);
    assert_ok(visit(&late));
    assert_true(late.failed);
    belay_problems_init(&problems);
    assert_int_equal(belay_runtime_reload(f->rt, &problems, &err), BELAY_CANCELLED);
    belay_problems_deinit(&problems);
    belay_runtime_close(f->rt);
    belay_metrics_free(f->metrics);
}

static bool open_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct belay_engine_stats stats;
    (void)now;
    belay_engine_stats(e, &stats);
    BELAY_CONTAINER_OF(v, struct look, visit)->seen = stats.calls_in_flight;
    return true;
}

static bool fail_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct belay_err err;
    (void)v, (void)now;
    engine_fail(e, belay_fail(&err, BELAY_IO, "the disk is gone"), &err);
    return true;
}

/* A listening socket that nobody accepts from. */
static int hole(uint16_t *ret_port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_ok(bind(fd, (struct sockaddr *)&a, sizeof a));
    assert_ok(listen(fd, 8));
    assert_ok(getsockname(fd, (struct sockaddr *)&a, &n));
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void a_failed_engine_lets_everybody_go(void **state)
{
    static const char request[] = "POST /work HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n"
                                  "content-length: 10\r\n\r\n{\"id\":\"a\"}";
    struct fixture *f = *state;
    struct look fail = { .visit = { .run = fail_run, .done = look_done }, .f = f };
    struct belay_err err;
    char text[1024], byte;
    uint16_t port;
    uint64_t calls = 0;
    int silent = hole(&port);
    snprintf(text, sizeof text,
             "belay: 1\nname: small\napis:\n  door: { listen: '127.0.0.1:0', openapi: door.yaml }\n"
             "connections:\n  hole: { http: { base_url: 'http://127.0.0.1:%u' } }\n"
             "flows:\n  ask:\n    from: { api: door, operation: put }\n    steps:\n"
             "      - call: { connection: hole, method: GET, path: /x }\n    reply: { status: 200 }\n", port);
    write_file(f->path, text);
    start(f);
    int fd = dial(f);
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    for (int i = 0; i < 2000 && calls == 0; i++) {
        struct look l = { .visit = { .run = open_run, .done = look_done }, .f = f };
        assert_ok(visit(&l));
        calls = l.seen;
        usleep(1000);
    }
    assert_int_equal(calls, 1);
    assert_ok(visit(&fail));
    assert_true(fail.failed);
    wait_ended(f);
    assert_true(read(fd, &byte, 1) <= 0);
    assert_int_equal(belay_runtime_failed(f->rt, &err), BELAY_IO);
    belay_runtime_close(f->rt);
    belay_metrics_free(f->metrics);
    close(fd);
    close(silent);
}

/* ---- long looks ---- */

struct long_look {
    struct look look;
    uint32_t turns, turns_max;
};

static bool long_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct long_look *l = BELAY_CONTAINER_OF(v, struct long_look, look.visit);
    (void)e, (void)now;
    belay_mutex_lock(&l->look.f->mutex);
    uint32_t turns = ++l->turns;
    belay_mutex_unlock(&l->look.f->mutex);
    if (turns < l->turns_max)
        belay_visit_again(l->look.f->rt, v);
    return turns >= l->turns_max;
}

static void wait_over(struct look *l)
{
    belay_mutex_lock(&l->f->mutex);
    while (!l->over)
        belay_cond_wait(&l->f->cond, &l->f->mutex);
    belay_mutex_unlock(&l->f->mutex);
}

#define LONG_LOOK(turns) \
    { .look = { .visit = { .run = long_run, .done = look_done }, .f = f }, .turns_max = (turns) }

static void a_long_look_holds_up_nobody_and_ends(void **state)
{
    struct fixture *f = *state;
    struct long_look all[3] = { LONG_LOOK(200000), LONG_LOOK(20), LONG_LOOK(30) };
    char answer[4096];
    start(f);
    for (int i = 0; i < 3; i++)
        assert_ok(belay_runtime_visit(f->rt, &all[i].look.visit));
    post(f, "{\"id\":\"a\"}", answer, sizeof answer);
    assert_non_null(strstr(answer, "202 Accepted"));
    wait_over(&all[1].look);
    wait_over(&all[2].look);
    belay_mutex_lock(&f->mutex);
    assert_false(all[0].look.over); /* they went in turn */
    belay_mutex_unlock(&f->mutex);
    wait_over(&all[0].look);
    for (int i = 0; i < 3; i++) {
        assert_false(all[i].look.failed);
        assert_int_equal(all[i].turns, all[i].turns_max);
    }
    stop(f);
}

static void a_long_look_ends_with_the_engine(void **state)
{
    struct fixture *f = *state;
    struct long_look endless[2] = { LONG_LOOK(UINT32_MAX), LONG_LOOK(UINT32_MAX) };
    struct look fail = { .visit = { .run = fail_run, .done = look_done }, .f = f };
    start(f);
    for (int i = 0; i < 2; i++)
        assert_ok(belay_runtime_visit(f->rt, &endless[i].look.visit));
    assert_ok(visit(&fail));
    for (int i = 0; i < 2; i++) {
        wait_over(&endless[i].look);
        assert_true(endless[i].look.failed);
    }
    wait_ended(f);
    belay_runtime_close(f->rt);
    belay_metrics_free(f->metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_comes_after_the_end_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_engine_lets_everybody_go, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_accepted_goes_through_the_flows, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_accepted_is_there_after_the_next_start, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_takes_over_at_once_or_not_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_is_served_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crowd_of_visits_leaves_room_for_outcomes_and_jobs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_look_holds_up_nobody_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_look_ends_with_the_engine, setup, teardown),
        cmocka_unit_test_setup_teardown(the_figures_are_text_for_prometheus, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
