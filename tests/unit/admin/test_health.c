/* What the health address answers when the engine is busy. */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "platform/thread.h"
#include "unit/tempdir.h"
#include "unit/test.h"

struct fixture {
    char dir[32], data[64], path[64];
    const char *paths[1];
    struct belay_config_opt config;
    struct belay_log log;
    struct belay_metrics *metrics;
    struct belay_runtime *rt;
    struct belay_admin *admin;
    struct belay_mutex mutex;
    struct belay_cond cond;
    bool ended, entered, go, over;
};

static void drop_line(void *ctx, const char *line, size_t n)
{
    (void)ctx, (void)line, (void)n;
}

static void tell(struct fixture *f, bool *flag)
{
    belay_mutex_lock(&f->mutex);
    *flag = true;
    belay_cond_broadcast(&f->cond);
    belay_mutex_unlock(&f->mutex);
}

static void await(struct fixture *f, const bool *flag)
{
    belay_mutex_lock(&f->mutex);
    while (!*flag)
        belay_cond_wait(&f->cond, &f->mutex);
    belay_mutex_unlock(&f->mutex);
}

static void on_ended(void *arg)
{
    struct fixture *f = arg;
    tell(f, &f->ended);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct belay_err err;
    assert_non_null(f);
    assert_non_null(tempdir_make(f->dir));
    snprintf(f->data, sizeof f->data, "%s/data", f->dir);
    snprintf(f->path, sizeof f->path, "%s/belay.yaml", f->dir);
    FILE *out = fopen(f->path, "wb");
    fputs("belay: 1\nname: small\ntopics:\n  work: { retain: 1h }\n", out);
    fclose(out);
    f->paths[0] = f->path;
    f->config = (struct belay_config_opt){ .paths = f->paths, .path_count = 1 };
    belay_log_init(&f->log, (struct belay_log_sink){ drop_line, NULL }, BELAY_LOG_DEBUG);
    belay_mutex_init(&f->mutex);
    belay_cond_init(&f->cond);
    assert_ok(belay_metrics_new(&f->metrics, &err));
    struct belay_problems problems;
    belay_problems_init(&problems);
    struct belay_runtime_opt opt = {
        .data_dir = f->data, .config = &f->config, .clock = belay_clock_posix(), .entropy = belay_entropy_posix(),
        .log = &f->log, .metrics = f->metrics, .drain_ms = 2000, .ended = on_ended, .arg = f,
    };
    assert_ok(belay_runtime_open(&opt, &problems, &f->rt, &err));
    belay_problems_deinit(&problems);
    assert_ok(belay_admin_open(&(struct belay_admin_opt){ .runtime = f->rt }, &f->admin, &err));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    belay_runtime_stop(f->rt);
    await(f, &f->ended);
    belay_admin_close(f->admin);
    belay_runtime_close(f->rt);
    belay_metrics_free(f->metrics);
    belay_cond_deinit(&f->cond);
    belay_mutex_deinit(&f->mutex);
    tempdir_remove(f->dir);
    free(f);
    return 0;
}

/* Asks over the admin socket; "" when no answer came in time. */
static void get(struct fixture *f, const char *path, int timeout_ms, char *answer, size_t n)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char request[128];
    snprintf(a.sun_path, sizeof a.sun_path, "%s/admin.sock", f->data);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    struct timeval wait = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nhost: t\r\n\r\n", path);
    assert_int_equal(write(fd, request, (size_t)length), length);
    ssize_t got = read(fd, answer, n - 1);
    answer[got > 0 ? got : 0] = '\0';
    close(fd);
}

struct doorstop {
    struct belay_visit visit;
    struct fixture *f;
};

static bool stop_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct fixture *f = BELAY_CONTAINER_OF(v, struct doorstop, visit)->f;
    (void)e, (void)now;
    tell(f, &f->entered);
    await(f, &f->go);
    return true;
}

static void stop_done(struct belay_visit *v, bool failed)
{
    struct fixture *f = BELAY_CONTAINER_OF(v, struct doorstop, visit)->f;
    (void)failed;
    tell(f, &f->over);
}

static void a_busy_engine_is_alive_and_not_ready(void **state)
{
    struct fixture *f = *state;
    char answer[2048];
    struct doorstop stop = { .visit = { .run = stop_run, .done = stop_done }, .f = f };
    get(f, "/ready", 5000, answer, sizeof answer);
    assert_non_null(strstr(answer, "{\"ready\":true}"));
    assert_ok(belay_runtime_visit(f->rt, &stop.visit));
    await(f, &f->entered);
    get(f, "/ready", 50, answer, sizeof answer);
    assert_string_equal(answer, "");
    get(f, "/ping", 5000, answer, sizeof answer);
    assert_non_null(strstr(answer, " 200 OK"));
    assert_non_null(strstr(answer, "{\"ping\":\"pong\"}"));
    tell(f, &f->go);
    await(f, &f->over);
    get(f, "/ready", 5000, answer, sizeof answer);
    assert_non_null(strstr(answer, "{\"ready\":true}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_busy_engine_is_alive_and_not_ready, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
