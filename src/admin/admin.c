/* admin.c - the servers of the admin API, who may come in, and the way of a question to its answer. */
#include "admin/admin.h"

#include <stdio.h>

#include "admin/question.h"
#include "admin/room.h"
#include "admin/routes.h"
#include "admin/tell.h"
#include "admin/who.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "platform/thread.h"

#define SOCKET_PATH_BYTES 256
#define CLOSE_DRAIN_MS 2000
#define ROUTES_MAX 128

/* ---- the way of a question ---- */

static void free_question(struct question *q)
{
    if (q->forget)
        q->forget(q->forget_arg);
    belay_buf_deinit(&q->out);
    belay_arena_deinit(&q->arena);
    belay_arena_deinit(&q->kept);
    belay_free(q);
}

static uint32_t http_status(int status)
{
    switch (status) {
    case BELAY_NOTFOUND:
        return 404;
    case BELAY_CONFLICT:
    case BELAY_EXISTS:
        return 409;
    case BELAY_INVALID:
    case BELAY_SYNTAX:
    case BELAY_LIMIT:
        return 422;
    case BELAY_BUSY:
    case BELAY_NOSPACE:
    case BELAY_CANCELLED:
    case BELAY_UNAVAILABLE:
    case BELAY_NOMEM:
        return 503;
    default:
        return 500;
    }
}

static void answer_problem(struct belay_http_request *http, int status, const char *detail)
{
    struct belay_http_problem problem = { .status = http_status(status), .detail = belay_str_c(detail) };
    if (status == BELAY_BUSY) /* nothing was done, and in a moment there is room: who asks may ask again */
        problem.retry_after_s = 1;
    belay_http_reply_problem(http, &problem);
}

/* Engine thread: all that was seen is durable. */
static void on_done(struct belay_visit *v, bool failed)
{
    struct question *q = BELAY_CONTAINER_OF(v, struct question, visit);
    int status = failed ? BELAY_UNAVAILABLE : q->err.code;
    if (status == BELAY_OK)
        status = belay_buf_status(&q->out);
    if (status == BELAY_OK) {
        struct belay_field header = { BELAY_STR("content-type"), belay_str_c(q->content_type) };
        belay_http_reply(q->http, q->status, &header, 1, belay_buf_view(&q->out));
    } else {
        answer_problem(q->http, status, failed ? "the engine has stopped" : q->err.msg[0] ? q->err.msg : "the answer is too large");
    }
    free_question(q);
}

static bool on_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct question *q = BELAY_CONTAINER_OF(v, struct question, visit);
    void (*go_on)(void *arg, struct belay_engine *e) = q->go_on;
    q->engine = e;
    q->now = now;
    if (!go_on) {
        bool ended = q->route->answer(q, e, now);
        if (ended)
            question_tell(q);
        return ended;
    }
    q->go_on = NULL;
    go_on(q->go_on_arg, e);
    return false;
}

static const struct admin_route *route_of(struct belay_str operation)
{
    for (uint32_t i = 0; i < admin_route_count; i++)
        if (belay_str_eq(operation, belay_str_c(admin_routes[i].operation)))
            return &admin_routes[i];
    return NULL;
}

/* Is the process alive? Not even a busy engine is asked. */
static void answer_ping(struct belay_http_request *http)
{
    static const struct belay_field header = { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/json") };
    belay_http_reply(http, 200, &header, 1, BELAY_STR("{\"ping\":\"pong\"}"));
}

/* A body that is not understood would be a filter that is not there: a replay of everything. */
static bool refuse_body(struct belay_http_request *http)
{
    struct belay_http_problem problem = { .status = 415, .detail = BELAY_STR("a body is JSON here: content-type: application/json") };
    if (!http->body.n || (http->body_json && http->body_json->type == BELAY_JSON_OBJECT))
        return false;
    if (http->body_json) {
        problem.status = 422;
        problem.detail = BELAY_STR("a body is an object here");
    }
    belay_http_reply_problem(http, &problem);
    return true;
}

static bool refuse_unknown(struct belay_http_request *http, const struct admin_route *route)
{
    char text[BELAY_ERR_MSG_MAX];
    struct belay_http_problem problem = { .status = 422 };
    if (!route || route->health || asked_is_known(http, route->query, route->body, text, sizeof text))
        return false;
    problem.detail = belay_str_c(text);
    belay_http_reply_problem(http, &problem);
    return true;
}

static bool is_flagged(const struct belay_http_request *http, const char *name)
{
    const struct belay_http_param *p = belay_http_param(http, belay_str_c(name));
    return p && belay_str_eq(p->text, BELAY_STR("true"));
}

/* What the request needs: its route's role, and to see what is redacted an operator's. */
static enum belay_role role_needed(const struct belay_http_request *http, const struct admin_route *route)
{
    bool reveal = is_flagged(http, "reveal") && route->role < BELAY_ROLE_OPERATOR;
    return reveal ? BELAY_ROLE_OPERATOR : route->role;
}

static bool refuse_role(struct belay_http_request *http, const struct admin_route *route, enum belay_role role)
{
    char detail[160], members[96];
    enum belay_role needed = role_needed(http, route);
    if (role >= needed)
        return false;
    int n = snprintf(detail, sizeof detail, "%s needs the role %s%s, and yours is %s", route->operation, belay_role_name(needed),
                     needed > route->role ? " to see what is redacted" : "", belay_role_name(role));
    int m = snprintf(members, sizeof members, "\"needs\":\"%s\",\"role\":\"%s\"", belay_role_name(needed), belay_role_name(role));
    const struct belay_http_problem problem = { .status = 403, .detail = belay_str(detail, (size_t)n),
                                                .members = belay_str(members, (size_t)m) };
    belay_http_reply_problem(http, &problem);
    return true;
}

static struct question *question_new(struct belay_admin *admin, struct belay_http_request *http,
                                     const struct admin_route *route, enum belay_role role)
{
    struct question *q = belay_calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->visit = (struct belay_visit){ .run = on_run, .done = on_done };
    q->admin = admin;
    q->http = http;
    q->route = route;
    q->role = role;
    q->reveal = is_flagged(http, "reveal");
    q->places = is_flagged(http, "places");
    q->content_type = "application/json";
    q->status = 200;
    belay_err_clear(&q->err);
    belay_arena_init(&q->arena, 0, BELAY_ADMIN_OUT_BYTES_MAX);
    belay_arena_init(&q->kept, 0, BELAY_ADMIN_OUT_BYTES_MAX);
    belay_buf_init(&q->out, BELAY_ADMIN_OUT_BYTES_MAX);
    return q;
}

/* token: NULL of who did not come over TCP. */
static int ask(struct belay_admin *admin, struct belay_http_request *http, const struct admin_token *token,
               enum belay_role role, struct belay_err *err)
{
    const struct admin_route *route = route_of(http->operation_id);
    if (route && !route->answer) {
        answer_ping(http);
        return BELAY_OK;
    }
    if (!route)
        return belay_fail(err, BELAY_NOTFOUND, "there is no such resource");
    if (refuse_role(http, route, role) || refuse_body(http) || refuse_unknown(http, route))
        return BELAY_OK;
    struct question *q = question_new(admin, http, route, role);
    if (!q)
        return belay_fail(err, BELAY_NOMEM, "no memory for the question");
    q->who = who_asks(http, token, &q->kept);
    int status = belay_runtime_visit(admin->runtime, &q->visit);
    if (status != BELAY_OK) {
        free_question(q);
        return belay_fail(err, status, "the engine takes no questions now");
    }
    return BELAY_OK;
}

/* ---- who may come in ---- */

static int on_health_request(void *arg, struct belay_http_request *http, struct belay_err *err)
{
    return ask(arg, http, NULL, BELAY_ROLE_VIEWER, err);
}

static int on_local_request(void *arg, struct belay_http_request *http, struct belay_err *err)
{
    struct belay_admin *admin = arg;
    struct belay_definitions *d = belay_runtime_definitions(admin->runtime);
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_KIB(64));
    enum belay_role role = role_of_user(d, http->peer, &arena);
    belay_arena_deinit(&arena);
    if (d)
        belay_definitions_unref(d);
    return ask(admin, http, NULL, role, err);
}

static void refuse_stranger(struct belay_http_request *http)
{
    static const struct belay_field headers[] = { { BELAY_STR_INIT("www-authenticate"), BELAY_STR_INIT("Bearer realm=\"belay\"") },
                                                  { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/problem+json") } };
    const struct admin_route *route = route_of(http->operation_id);
    char body[256];
    int n = snprintf(body, sizeof body, "{\"title\":\"Unauthorized\",\"status\":401,\"detail\":\"Authorization: Bearer TOKEN is "
                     "needed, of a token with the role %s\",\"needs\":\"%s\"}",
                     belay_role_name(route ? route->role : BELAY_ROLE_VIEWER), belay_role_name(route ? route->role : BELAY_ROLE_VIEWER));
    belay_http_reply(http, 401, headers, 2, belay_str(body, (size_t)n));
}

static int on_tcp_request(void *arg, struct belay_http_request *http, struct belay_err *err)
{
    struct belay_admin *admin = arg;
    struct belay_definitions *d = belay_runtime_definitions(admin->runtime);
    struct admin_token token;
    int status = BELAY_OK;
    if (token_of(admin, d, http, &token))
        status = ask(admin, http, &token, token.role, err);
    else
        refuse_stranger(http);
    if (d)
        belay_definitions_unref(d);
    return status;
}

/* ---- servers ---- */

static void on_closed(void *arg)
{
    struct belay_admin *admin = arg;
    atomic_fetch_sub(&admin->alive, 1);
}

static int serve(struct belay_admin *admin, struct belay_str listen, const char *name, bool health,
                 belay_http_on_request *on_request, struct belay_err *err)
{
    struct belay_http_route routes[ROUTES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < admin_route_count; i++) {
        const struct admin_route *r = &admin_routes[i];
        if (!health || r->health)
            routes[count++] = (struct belay_http_route){ r->method, r->path, r->operation };
    }
    struct belay_http_server_config config = {
        .listen = listen, .api = belay_str_c(name), .routes = routes, .route_count = count,
        .limits = { .connections_max = 128, .requests_max = 256 },
    };
    int status = belay_http_server_open(admin->io, &config, on_request, admin,
                                        &admin->servers[admin->server_count], err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "%s address", name);
    admin->server_count++;
    atomic_fetch_add(&admin->alive, 1);
    return BELAY_OK;
}

static bool has_tokens(const struct belay_admin *admin)
{
    struct belay_definitions *d = belay_runtime_definitions(admin->runtime);
    bool has = admin->token_count > 0 || (d && d->token_count > 0);
    if (d)
        belay_definitions_unref(d);
    return has;
}

static int serve_all(struct belay_admin *admin, const struct belay_admin_opt *opt, struct belay_err *err)
{
    char path[SOCKET_PATH_BYTES];
    int n = snprintf(path, sizeof path, "unix:%s/admin.sock", belay_runtime_data_dir(opt->runtime));
    if (n >= (int)sizeof path)
        return belay_fail(err, BELAY_LIMIT, "the path of the data directory is too long for a socket in it");
    int status = serve(admin, belay_str(path, (size_t)n), "admin socket", false, on_local_request, err);
    if (status == BELAY_OK && opt->tcp_listen.n) {
        if (!has_tokens(admin))
            return belay_fail(err, BELAY_INVALID, "the admin API over TCP needs tokens: admin: { tokens: ... } in the configuration, "
                              "or --admin-token FILE");
        status = serve(admin, opt->tcp_listen, "admin", false, on_tcp_request, err);
    }
    if (status == BELAY_OK && opt->health_listen.n)
        status = serve(admin, opt->health_listen, "health", true, on_health_request, err);
    return status;
}

int belay_admin_open(const struct belay_admin_opt *opt, struct belay_admin **ret_admin, struct belay_err *err)
{
    struct belay_admin *admin = belay_calloc(1, sizeof *admin);
    if (!admin)
        return belay_fail(err, BELAY_NOMEM, "no memory for the admin API");
    admin->runtime = opt->runtime;
    admin->token_text = belay_str(belay_memdup0(opt->token.p, opt->token.n), opt->token.n);
    int status = admin->token_text.p ? tokens_parse(admin, err)
                                     : belay_fail(err, BELAY_NOMEM, "no memory for the admin API");
    if (status == BELAY_OK)
        status = belay_http_io_open(&admin->io, err);
    if (status == BELAY_OK)
        status = serve_all(admin, opt, err);
    if (status != BELAY_OK) {
        belay_admin_close(admin);
        return status;
    }
    *ret_admin = admin;
    return BELAY_OK;
}

/* Answers come from the engine, so the servers close on their own time; this waits for them. */
static void wait_closed(struct belay_admin *admin)
{
    struct belay_mutex mutex;
    struct belay_cond cond;
    belay_mutex_init(&mutex);
    belay_cond_init(&cond);
    belay_mutex_lock(&mutex);
    while (atomic_load(&admin->alive) > 0)
        belay_cond_wait_ms(&cond, &mutex, 1);
    belay_mutex_unlock(&mutex);
    belay_cond_deinit(&cond);
    belay_mutex_deinit(&mutex);
}

void belay_admin_close(struct belay_admin *admin)
{
    if (!admin)
        return;
    for (uint32_t i = 0; i < admin->server_count; i++)
        belay_http_server_close(admin->servers[i], CLOSE_DRAIN_MS, on_closed, admin);
    wait_closed(admin);
    if (admin->io)
        belay_http_io_close(admin->io);
    belay_free((char *)(uintptr_t)admin->token_text.p);
    belay_free(admin);
}
