/* bench.h - an engine on a workbench: simulated disk, jobs that run at once, a clock one sets, calls one
 * answers by hand.  The configuration is YAML text. */
#ifndef BELAY_TEST_ENGINE_BENCH_H
#define BELAY_TEST_ENGINE_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "broker/stats.h"
#include "config/config.h"
#include "engine/engine.h"
#include "sim/disk.h"
#include "sim/jobs.h"
#include "unit/test.h"

#define BENCH_START INT64_C(1790000000000000)
#define BENCH_KEPT 64

struct bench_reply {
    void *user;
    uint32_t status, retry_after_ms;
    bool problem;
    char type[48], body[256], headers[256];
};

struct bench_call {
    uint64_t id;
    bool cancel;
    char connection[32], method[8], path[64], key[80], body[256];
};

struct bench {
    struct belay_disk *disk;
    struct belay_state_backend model;
    struct sim_jobs jobs;
    struct belay_engine *engine;
    struct belay_definitions *definitions;
    const char *yaml;
    uint32_t requests_max;
    size_t overlay_bytes_max;
    belay_time now;
    struct belay_err err;
    struct bench_reply replies[BENCH_KEPT];
    struct bench_call calls[BENCH_KEPT];
    char events[BENCH_KEPT][48], logs[BENCH_KEPT][64];
    unsigned reply_count, call_count, event_count, log_count;
};

static const char bench_openapi[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"t\",\"version\":\"1\"},\"paths\":{"
    "\"/a\":{\"post\":{\"operationId\":\"a\"}},\"/b\":{\"post\":{\"operationId\":\"b\"}}}}";

static int bench_read(void *arg, const char *path, struct belay_buf *out, struct belay_err *err)
{
    (void)err;
    belay_buf_put_str(out, belay_str_c(strstr(path, ".json") ? bench_openapi : (const char *)arg));
    return BELAY_OK;
}

static inline struct belay_definitions *bench_compile(const char *yaml)
{
    static const char *const paths[] = { "t.belay.yaml" };
    struct belay_config_opt opt = { .paths = paths, .path_count = 1, .read = bench_read,
                                    .read_arg = (void *)yaml };
    struct belay_problems problems;
    struct belay_definitions *d = NULL;
    struct belay_err err;
    belay_problems_init(&problems);
    int status = belay_config_load(&opt, &d, &problems, &err);
    for (uint32_t i = 0; i < problems.count; i++)
        if (problems.items[i].level == BELAY_PROBLEM_ERROR)
            print_message("%u: %.*s\n", problems.items[i].place.line,
                          BELAY_STR_ARG(problems.items[i].message));
    assert_ok(status);
    belay_problems_deinit(&problems);
    return d;
}

static int bench_recompile(void *arg, const struct belay_definitions *current, const char *kind,
                           struct belay_str text, struct belay_definitions **ret_one,
                           struct belay_err *err)
{
    struct belay_config_opt opt = { .read = bench_read };
    struct belay_problems problems;
    (void)arg;
    (void)kind;
    belay_problems_init(&problems);
    int status = belay_config_recompile(&opt, (struct belay_definitions *)current, text, ret_one,
                                        &problems, err);
    belay_problems_deinit(&problems);
    return status;
}

static inline void bench_open(struct bench *b)
{
    const struct belay_engine_opt opt = { .disk = b->disk, .jobs = &b->jobs.port, .state = &b->model,
                                          .seed = 7, .now = b->now, .segment_bytes = BELAY_KIB(256),
                                          .requests_max = b->requests_max, .recompile = bench_recompile,
                                          .overlay_bytes_max = b->overlay_bytes_max };
    assert_ok(belay_engine_open(&opt, &b->engine, &b->err));
    assert_ok(belay_engine_configure(b->engine, b->definitions, b->now, &b->err));
}

static inline void bench_init_with(struct bench *b, const char *yaml, uint32_t requests_max)
{
    memset(b, 0, sizeof *b);
    b->requests_max = requests_max;
    b->now = BENCH_START;
    b->yaml = yaml;
    sim_jobs_init(&b->jobs);
    assert_ok(sim_disk_new(&(struct sim_disk_opt){ .seed = 1, .write_sync = true }, &b->disk, &b->err));
    assert_ok(belay_state_model_open(&b->model, &b->err));
    b->definitions = bench_compile(yaml);
    bench_open(b);
}

static inline void bench_init(struct bench *b, const char *yaml)
{
    bench_init_with(b, yaml, 16);
}

static inline void bench_die(struct bench *b)
{
    sim_disk_stop(b->disk);
    belay_state_model_fail_next(&b->model, BELAY_IO);
    sim_jobs_finish(&b->jobs);
    belay_state_model_fail_next(&b->model, BELAY_OK);
    belay_engine_close(b->engine);
    sim_disk_restart(b->disk, SIM_KILL);
}

static inline void bench_crash(struct bench *b)
{
    bench_die(b);
    bench_open(b);
}

static inline void bench_deinit(struct bench *b)
{
    bench_die(b);
    belay_definitions_unref(b->definitions);
    b->model.close(b->model.self);
    belay_disk_close(b->disk);
}

static inline void bench_put(char *to, size_t size, struct belay_str s)
{
    snprintf(to, size, "%.*s", BELAY_STR_ARG(s));
}

static inline void bench_take_call(struct bench *b, const struct belay_action *a)
{
    const struct belay_call_request *q = a->u.call.request;
    struct bench_call *c = &b->calls[b->call_count++ % BENCH_KEPT];
    memset(c, 0, sizeof *c);
    c->id = q->id;
    c->cancel = a->u.call.cancel;
    bench_put(c->connection, sizeof c->connection, a->u.call.connection->name);
    bench_put(c->key, sizeof c->key, q->idempotency_key);
    bench_put(c->body, sizeof c->body, q->body);
    for (uint32_t i = 0; i < q->param_count; i++) {
        if (belay_str_eq(q->params[i].name, BELAY_STR("method")))
            bench_put(c->method, sizeof c->method, q->params[i].value);
        if (belay_str_eq(q->params[i].name, BELAY_STR("path")))
            bench_put(c->path, sizeof c->path, q->params[i].value);
    }
}

static inline void bench_take_reply(struct bench *b, const struct belay_action_reply *from)
{
    struct bench_reply *r = &b->replies[b->reply_count++ % BENCH_KEPT];
    memset(r, 0, sizeof *r);
    r->user = from->user;
    r->status = from->status;
    r->problem = from->problem;
    r->retry_after_ms = from->retry_after_ms;
    bench_put(r->type, sizeof r->type, from->type);
    bench_put(r->body, sizeof r->body, from->problem ? from->detail : from->body);
    for (uint32_t i = 0; i < from->header_count; i++) {
        size_t n = strlen(r->headers);
        snprintf(r->headers + n, sizeof r->headers - n, "%.*s=%.*s;",
                 BELAY_STR_ARG(from->headers[i].name), BELAY_STR_ARG(from->headers[i].value));
    }
}

static inline void bench_take(struct bench *b)
{
    struct belay_action a;
    while (belay_engine_action(b->engine, &a)) {
        switch (a.kind) {
        case BELAY_ACTION_CALL: bench_take_call(b, &a); break;
        case BELAY_ACTION_REPLY: bench_take_reply(b, &a.u.reply); break;
        case BELAY_ACTION_LOG:
            bench_put(b->logs[b->log_count++ % BENCH_KEPT], 64, a.u.log.fields[0].value);
            break;
        case BELAY_ACTION_EVENT:
            bench_put(b->events[b->event_count++ % BENCH_KEPT], 48, belay_str_c(a.u.event.name));
            break;
        }
    }
}

/* Steps, lets jobs run, takes actions until nothing moves. */
static inline void bench_go(struct bench *b)
{
    for (int i = 0; i < 20; i++) {
        belay_engine_step(b->engine, b->now);
        sim_jobs_finish(&b->jobs);
        bench_take(b);
    }
    assert_ok(belay_engine_failed(b->engine, &b->err));
    if (belay_engine_check(b->engine, &b->err) != BELAY_OK)
        fail_msg("%s", b->err.msg);
}

static inline void bench_pass_ms(struct bench *b, int64_t ms)
{
    b->now = belay_time_add_ms(b->now, ms);
    bench_go(b);
}

/* Only one request at a time with this arena: it lives until the bench goes. */
struct bench_request {
    struct belay_engine_request q;
    struct belay_field headers[2];
    struct belay_arena arena;
};

static inline int bench_ask(struct bench *b, struct bench_request *r, const char *operation,
                            const char *key, const char *body)
{
    const belay_json *root = NULL;
    memset(r, 0, sizeof *r);
    belay_arena_init(&r->arena, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(belay_str_c(body), NULL, &r->arena, &root, NULL, &b->err));
    r->headers[0] = (struct belay_field){ BELAY_STR("content-type"), BELAY_STR("application/json") };
    if (key)
        r->headers[1] = (struct belay_field){ BELAY_STR("idempotency-key"), belay_str_c(key) };
    r->q = (struct belay_engine_request){
        .user = r, .api = BELAY_STR("api"), .operation = belay_str_c(operation),
        .method = BELAY_STR("POST"), .target = BELAY_STR("/"), .headers = r->headers,
        .header_count = key ? 2 : 1, .body = belay_str_c(body), .body_json = root,
        .content_type = BELAY_STR("application/json"),
    };
    return belay_engine_request(b->engine, &r->q, b->now, &b->err);
}

static inline void bench_request_free(struct bench_request *r)
{
    belay_arena_deinit(&r->arena);
}

/* The latest ones. */
static inline const struct bench_reply *bench_reply_last(const struct bench *b)
{
    assert_true(b->reply_count > 0);
    return &b->replies[(b->reply_count - 1) % BENCH_KEPT];
}

static inline const struct bench_call *bench_call_last(const struct bench *b)
{
    assert_true(b->call_count > 0);
    return &b->calls[(b->call_count - 1) % BENCH_KEPT];
}

static inline void bench_answer(struct bench *b, uint64_t id, const char *body)
{
    static const struct belay_field json = { BELAY_STR_INIT("content-type"),
                                             BELAY_STR_INIT("application/json") };
    const struct belay_call_outcome o = { .id = id, .ok = true, .status = 200, .headers = &json,
                                          .header_count = 1, .body = belay_str_c(body),
                                          .endpoint = BELAY_STR("test") };
    belay_engine_outcome(b->engine, &o, b->now);
    bench_go(b);
}

static inline void bench_answer_bad(struct bench *b, uint64_t id, enum belay_class class_,
                                    const char *type, uint32_t status)
{
    const struct belay_call_outcome o = { .id = id, .class_ = class_, .type = belay_str_c(type),
                                          .status = status, .description = BELAY_STR("bad"),
                                          .endpoint = BELAY_STR("test") };
    belay_engine_outcome(b->engine, &o, b->now);
    bench_go(b);
}

static inline bool bench_saw_event(const struct bench *b, const char *name)
{
    for (unsigned i = 0; i < b->event_count && i < BENCH_KEPT; i++)
        if (strcmp(b->events[i], name) == 0)
            return true;
    return false;
}

static inline struct belay_subscription_stats bench_stats(struct bench *b, const char *name)
{
    struct belay_subscription_stats s;
    for (uint32_t i = 0; belay_broker_subscription_stats(belay_engine_broker(b->engine), i, &s); i++)
        if (belay_str_eq(s.name, belay_str_c(name)))
            return s;
    fail_msg("no subscription %s", name);
    return s;
}

#endif
