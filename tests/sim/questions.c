/* What people ask: the real answers of the admin API, on the engine that runs.  Sockets and threads are not there: the
 * linker puts us in the place of what an answer wants of the runtime (--wrap), and it ends at the moment in which it began.
 *
 * What must hold: nothing that `redact` names is in an answer, an error, or the log of what persons did, unless it was
 * asked for with --reveal. */
#include <stdio.h>
#include <string.h>

#include "admin/question.h"
#include "admin/room.h"
#include "admin/routes.h"
#include "admin/tell.h"
#include "sim/world.h"

#define TURNS_MAX 1000

void __wrap_belay_visit_again(struct belay_runtime *rt, struct belay_visit *v);
void __wrap_belay_visit_finish(struct belay_runtime *rt, struct belay_visit *v);
void __wrap_belay_runtime_audit(struct belay_runtime *rt, belay_time now, const char *event, struct belay_str who,
                                struct belay_str what, struct belay_str reason);
const struct belay_clock *__wrap_belay_clock_posix(void);

static struct sim_world *world;

void __wrap_belay_visit_again(struct belay_runtime *rt, struct belay_visit *v)
{
    (void)rt;
    v->again = true;
}

void __wrap_belay_visit_finish(struct belay_runtime *rt, struct belay_visit *v)
{
    (void)rt;
    v->finished = true;
}

void __wrap_belay_runtime_audit(struct belay_runtime *rt, belay_time now, const char *event, struct belay_str who,
                                struct belay_str what, struct belay_str reason)
{
    (void)rt;
    (void)now;
    (void)event;
    (void)who;
    sim_no_canary(world, "the log of what persons did", what);
    sim_no_canary(world, "the log of what persons did", reason);
}

/* A turn of an answer has as long as it likes: nothing here is measured. */
static belay_time stands_still(void *ctx)
{
    (void)ctx;
    return 1;
}

const struct belay_clock *__wrap_belay_clock_posix(void)
{
    static const struct belay_clock clock = { stands_still, stands_still, NULL };
    return &clock;
}

/* ---- what may not be told ---- */

void sim_no_canary(struct sim_world *w, const char *where, struct belay_str text)
{
    for (size_t i = 0; i + sizeof SIM_CANARY - 1 <= text.n; i++)
        if (memcmp(text.p + i, SIM_CANARY, sizeof SIM_CANARY - 1) == 0)
            sim_violation(w, "REDACT", "%s tells of a card: %.*s", where, BELAY_STR_ARG(text));
}

void sim_no_canary_event(struct sim_world *w, const struct belay_action_event *e)
{
    sim_no_canary(w, "an event's key", e->key);
    for (uint32_t i = 0; i < e->field_count; i++)
        sim_no_canary(w, e->name ? e->name : "a log step", e->fields[i].value);
}

/* ---- asking ---- */

static const struct admin_route *route_of(const char *operation)
{
    for (uint32_t i = 0; i < admin_route_count; i++)
        if (strcmp(admin_routes[i].operation, operation) == 0)
            return &admin_routes[i];
    return NULL;
}

/* Parameters of the path and of the query: "flow=see&sequence=7". */
static uint32_t split_params(struct belay_str text, const struct admin_route *route, struct belay_http_param *params, uint32_t max)
{
    uint32_t n = 0;
    while (text.n && n < max) {
        struct belay_str value = belay_str_split(&text, '&'), name = belay_str_split(&value, '=');
        char in_path[40];
        snprintf(in_path, sizeof in_path, "{%.*s}", BELAY_STR_ARG(name));
        params[n++] = (struct belay_http_param){ .in = strstr(route->path, in_path) ? BELAY_HTTP_IN_PATH : BELAY_HTTP_IN_QUERY,
                                                 .name = name, .text = value };
    }
    return n;
}

static void go_through(struct sim_world *w, struct question *q)
{
    bool ended = q->route->answer(q, w->engine, q->now);
    if (ended)
        question_tell(q);
    for (int turns = 0; !ended && !q->visit.finished; turns++) {
        void (*go_on)(void *arg, struct belay_engine *e) = q->go_on;
        if (!go_on || turns == TURNS_MAX)
            sim_violation(w, "ADMIN", "%s does not end", q->route->operation);
        q->go_on = NULL;
        go_on(q->go_on_arg, w->engine);
    }
    if (q->forget)
        q->forget(q->forget_arg);
}

static void begin(struct sim_world *w, struct question *q, const struct admin_route *route, struct belay_http_request *http)
{
    static struct belay_admin admin; /* its runtime is us */
    world = w;
    q->admin = &admin;
    q->http = http;
    q->route = route;
    q->engine = w->engine;
    q->now = sim_clock(w);
    q->who = BELAY_STR("sim");
    q->role = BELAY_ROLE_OPERATOR;
    q->content_type = "application/json";
    q->status = 200;
    belay_arena_init(&q->arena, 0, BELAY_MIB(64));
    belay_arena_init(&q->kept, 0, BELAY_MIB(64));
    belay_buf_init(&q->out, BELAY_MIB(16));
}

int sim_ask(struct sim_world *w, const char *operation, const char *params, struct belay_str body, bool reveal,
            struct belay_buf *ret_answer, struct belay_err *err)
{
    const struct admin_route *route = route_of(operation);
    struct belay_http_param list[8];
    struct belay_http_request http = { .params = list, .body = body };
    struct question q = { .reveal = reveal };
    char wrong[BELAY_ERR_MSG_MAX];
    begin(w, &q, route, &http);
    http.param_count = split_params(belay_str_c(params), route, list, 8);
    if (body.n && belay_json_parse(body, NULL, &q.kept, &http.body_json, NULL, err) != BELAY_OK)
        sim_violation(w, "sim", "what is asked is no JSON: %.*s", BELAY_STR_ARG(body));
    if (!asked_is_known(&http, route->query, route->body, wrong, sizeof wrong))
        sim_violation(w, "sim", "%s: %s", operation, wrong);
    go_through(w, &q);
    int status = q.err.code != BELAY_OK ? q.err.code : belay_buf_status(&q.out);
    struct belay_str told = status == BELAY_OK ? belay_buf_view(&q.out) : belay_str_c(q.err.msg);
    if (!reveal)
        sim_no_canary(w, operation, told);
    if (err)
        *err = q.err;
    if (status == BELAY_OK && ret_answer) {
        belay_buf_clear(ret_answer);
        belay_buf_put_str(ret_answer, told);
    }
    belay_buf_deinit(&q.out);
    belay_arena_deinit(&q.arena);
    belay_arena_deinit(&q.kept);
    return status;
}
