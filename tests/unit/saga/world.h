/* world.h - sagas over a real store and broker on the simulated disk, with scripted endpoints, a
 * worker that handles what sagas publish, a person, and a ledger of what really happened outside.
 *
 * It keeps the engine's promises: a call is made, and a message worked on, only once what says so
 * is durable.  It can die at any moment; what was under way then has no outcome. */
#ifndef BELAY_TEST_SAGA_WORLD_H
#define BELAY_TEST_SAGA_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "broker/declare.h"
#include "broker/delivery.h"
#include "broker/publish.h"
#include "saga/saga.h"
#include "sim/disk.h"
#include "sim/jobs.h"
#include "unit/test.h"

#define WORLD_SAGAS 64 /* with a ledger; the others' numbers wrap around */
#define WORLD_STEPS 8
#define WORLD_CALLS 256

/* What an endpoint makes of a call. */
enum answer {
    ANSWER_OK,
    ANSWER_NOT_SENT,    /* transient, never arrived */
    ANSWER_BUSY,        /* 503 */
    ANSWER_REFUSED,     /* 422 */
    ANSWER_LOST,        /* done, and the answer was lost */
    ANSWER_LOST_BEFORE, /* not done, and nobody can tell */
    ANSWER_GARBLED,     /* done, and the answer says it is JSON and is none */
    ANSWER_KINDS
};

struct ledger { /* of one step of one saga: the outside truth */
    unsigned done, undone, do_calls, undo_calls;
    bool asked_after_undo; /* it was asked to be done after it was asked to be undone */
};

struct world;

struct world_call {
    uint64_t id, position;
    const struct belay_connection_def *connection;
    char path[128];
};

struct world {
    uint64_t seed;
    struct belay_random random;
    struct belay_disk *disk;
    struct belay_state_backend backend;
    struct sim_jobs jobs;
    struct belay_store *store;
    struct belay_broker *broker;
    struct belay_sagas *sagas;
    struct belay_err err;
    belay_time now;

    const struct belay_saga_def *def;
    bool def_gone;
    const struct belay_redact *redact;

    struct world_call calls[WORLD_CALLS];
    unsigned call_count, slots; /* slots: calls that may be under way at once */
    struct belay_delivery *work;
    uint64_t work_position;
    unsigned worked; /* whose message it had in hand last */

    enum answer (*answer)(struct world *w, const char *verb, unsigned step, unsigned saga);
    bool (*work_fails)(struct world *w, unsigned saga);
    bool work_breaks_off; /* now and then: it was done, and the worker does not know */
    struct ledger ledger[WORLD_SAGAS][WORLD_STEPS];
    int undo_below[WORLD_SAGAS]; /* steps from here on may no longer be undone: order */
    unsigned deaths, called;
    bool crowd; /* more sagas than ledgers: their order is not looked at */
    char trace[1 << 16];
    size_t trace_n;
};

static inline void note(struct world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void note(struct world *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (w->trace_n + 256 < sizeof w->trace)
        w->trace_n += (size_t)vsnprintf(w->trace + w->trace_n, 255, fmt, args);
    va_end(args);
}

/* fail_msg cuts a long text off. */
#define world_fail(w, ...)                                                                         \
    do {                                                                                           \
        fprintf(stderr, "%s\n", (w)->trace);                                                       \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

#define world_ok(w, status)                                                                        \
    do {                                                                                           \
        if ((status) != BELAY_OK)                                                                  \
            world_fail(w, "seed %llu: %s", (unsigned long long)(w)->seed, (w)->err.msg);           \
    } while (0)

/* ---- definitions, by hand ---- */

/* A test's definitions live as long as the test program. */
static inline void *forever(void *p)
{
    static void *kept[4096];
    static unsigned count;
    assert_true(p && count < 4096);
    return kept[count++] = p;
}

static inline struct belay_template *template(const char *text)
{
    struct belay_template *t;
    struct belay_err err = { 0 };
    if (belay_template_compile(belay_str_c(text), (struct belay_template_opt){ 0 }, &t, NULL, &err)
        != BELAY_OK)
        fail_msg("%s: %s", text, err.msg);
    return forever(t);
}

static inline bool is_idempotent(const struct belay_call_request *request)
{
    return !belay_str_eq(request->params[0].value, BELAY_STR("POST"));
}

static inline struct belay_call_def *call_def(const struct belay_connection_def *connection,
                                              const char *method, const char *path)
{
    struct belay_call_def *call = forever(calloc(1, sizeof *call));
    struct belay_named_template *params = forever(calloc(2, sizeof *params));
    params[0] = (struct belay_named_template){ BELAY_STR("method"), template(method) };
    params[1] = (struct belay_named_template){ BELAY_STR("path"), template(path) };
    *call = (struct belay_call_def){ .connection = connection, .params = params, .param_count = 2 };
    return call;
}

static inline struct belay_compensate_def *compensate_def(struct belay_call_def *call,
                                                          struct belay_retry_def retry)
{
    struct belay_compensate_def *c = forever(calloc(1, sizeof *c));
    *c = (struct belay_compensate_def){ .call = call, .retry = retry };
    return c;
}

static inline struct belay_publish_def *publish_def(const char *target)
{
    struct belay_publish_def *p = forever(calloc(1, sizeof *p));
    p->target = template(target);
    return p;
}

static inline struct belay_await_def *await_def(const char *topic, const char *match,
                                                const char *fail_when, uint64_t timeout_ms)
{
    struct belay_await_def *a = forever(calloc(1, sizeof *a));
    *a = (struct belay_await_def){ .topic = belay_str_c(topic),
                                   .match = template(match),
                                   .fail_when = fail_when ? template(fail_when) : NULL,
                                   .timeout_ms = timeout_ms };
    return a;
}

static const struct belay_connection_def payments = { .name = BELAY_STR_INIT("payments"),
                                                      .namespace_ = BELAY_STR_INIT("HTTP"),
                                                      .timeout_ms = 1000,
                                                      .gate.concurrency = 8,
                                                      .idempotent = is_idempotent };
static const struct belay_connection_def keyed = { /* honours the idempotency key */
                                                   .name = BELAY_STR_INIT("keyed"),
                                                   .namespace_ = BELAY_STR_INIT("HTTP"),
                                                   .timeout_ms = 1000,
                                                   .gate.concurrency = 8,
                                                   .honours_key = true,
                                                   .idempotent = is_idempotent
};
#define QUICK ((struct belay_retry_def){ 4, 0, 10, 100, 2.0, BELAY_JITTER_NONE, true, 0, NULL, 0 })

static inline struct belay_saga_def *saga_def(struct belay_saga_step_def *steps, uint32_t count,
                                              uint64_t deadline_ms)
{
    struct belay_saga_def *def = forever(calloc(1, sizeof *def));
    *def = (struct belay_saga_def){
        .name = BELAY_STR("trip"),
        .hash = { 1, count },
        .text = BELAY_STR("{}"),
        .from = { .kind = BELAY_SOURCE_TOPIC, .name = BELAY_STR("orders") },
        .id = template("{% order_id %}"),
        .deadline_ms = deadline_ms,
        .steps = steps,
        .step_count = count,
        .word_started = BELAY_STR("accepted"),
        .word_completed = BELAY_STR("fulfilled"),
        .word_compensated = BELAY_STR("refunded"),
        .word_failed = BELAY_STR("declined"),
        .word_parked = BELAY_STR("needs_attention"),
    };
    return def;
}

/* ---- the room's surroundings ---- */

static inline const struct belay_saga_def *world_definition(void *arg, struct belay_str name,
                                                            struct belay_hash128 hash)
{
    struct world *w = arg;
    return !w->def_gone && belay_str_eq(name, w->def->name) && belay_hash128_eq(hash, w->def->hash)
               ? w->def
               : NULL;
}

static inline bool world_may_call(void *arg, const struct belay_connection_def *connection, bool retry, belay_time *ret_at)
{
    (void)retry, (void)ret_at;
    (void)connection;
    return ((struct world *)arg)->call_count < ((struct world *)arg)->slots;
}

static inline int world_load(void *arg, struct belay_state *state, struct belay_err *err)
{
    struct world *w = arg;
    int status = belay_broker_load(w->broker, state, err);
    return status == BELAY_OK ? belay_sagas_load(w->sagas, state, err) : status;
}

static inline int world_apply(void *arg, uint64_t position, const struct belay_record *record,
                              struct belay_err *err)
{
    struct world *w = arg;
    return (record->type & 0xff00) == BELAY_RECORD_SAGA
               ? belay_sagas_apply(w->sagas, position, record, err)
               : belay_broker_apply(w->broker, position, record, err);
}

static inline void world_save(void *arg, struct belay_state *state)
{
    struct world *w = arg;
    belay_broker_save(w->broker, state);
    belay_sagas_save(w->sagas, state);
}

static inline void world_subscribe(struct world *w, const char *name, const char *topic)
{
    struct belay_subscription *sub;
    const struct belay_subscription_opt opt = { .name = belay_str_c(name),
                                                .topic = belay_str_c(topic),
                                                .start = BELAY_START_EARLIEST,
                                                .concurrency = 1000 };
    world_ok(w, belay_broker_subscribe(w->broker, &opt, &sub, &w->err));
}

static inline void world_declare(struct world *w)
{
    const struct belay_topic_def topics[] = { { .name = BELAY_STR("orders") },
                                              { .name = BELAY_STR("work"), .queue = true },
                                              { .name = BELAY_STR("results") } };
    for (unsigned n = 0; n < 3; n++)
        world_ok(w, belay_broker_declare_topic(w->broker, &topics[n], &w->err));
    world_subscribe(w, "trip", "orders");
    world_subscribe(w, "worker", "work");
    for (uint32_t n = 0; n < w->def->step_count; n++)
        if (w->def->steps[n].await) {
            char name[64];
            snprintf(name, sizeof name, "trip/%u", n);
            world_subscribe(w, name, "results");
        }
}

static inline void world_open(struct world *w)
{
    const struct belay_sagas_opt opt = { .definition = world_definition,
                                         .may_call = world_may_call,
                                         .arg = w,
                                         .redact = &w->redact,
                                         .seed = belay_random_next(&w->random) };
    sim_jobs_init(&w->jobs);
    world_ok(w, belay_broker_new(NULL, &w->broker, &w->err));
    struct belay_sagas_opt with = opt;
    with.broker = w->broker;
    world_ok(w, belay_sagas_new(&with, &w->sagas, &w->err));
    const struct belay_store_opt store = { .disk = w->disk,
                                           .jobs = &w->jobs.port,
                                           .state = &w->backend,
                                           .segment_bytes = 256 * 1024,
                                           .seed = belay_random_next(&w->random),
                                           .apply = world_apply,
                                           .load = world_load,
                                           .save = world_save,
                                           .arg = w };
    world_ok(w, belay_store_open(&store, &w->store, &w->err));
    belay_broker_set_store(w->broker, w->store);
    belay_sagas_set_store(w->sagas, w->store);
    belay_broker_recovered(w->broker, w->now);
    belay_sagas_recovered(w->sagas, w->now);
    world_declare(w);
}

static inline void world_close(struct world *w)
{
    sim_jobs_finish(&w->jobs);
    belay_sagas_free(w->sagas);
    belay_broker_free(w->broker);
    belay_store_close(w->store);
    w->store = NULL;
    w->call_count = 0;
    w->work = NULL;
}

static inline enum answer answer_ok(struct world *w, const char *verb, unsigned step, unsigned saga)
{
    (void)w, (void)verb, (void)step, (void)saga;
    return ANSWER_OK;
}

static inline bool work_succeeds(struct world *w, unsigned saga)
{
    (void)w, (void)saga;
    return false;
}

static inline struct world *world_new(uint64_t seed, const struct belay_saga_def *def)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->seed = seed;
    w->random.state = seed;
    w->def = def;
    w->now = (belay_time)1700000000 * BELAY_US_PER_S;
    w->slots = 16;
    w->answer = answer_ok;
    w->work_fails = work_succeeds;
    for (unsigned n = 0; n < WORLD_SAGAS; n++)
        w->undo_below[n] = WORLD_STEPS;
    world_ok(w, sim_disk_new(&(struct sim_disk_opt){ .seed = seed }, &w->disk, &w->err));
    world_ok(w, belay_state_model_open(&w->backend, &w->err));
    world_open(w);
    return w;
}

static inline void world_free(struct world *w)
{
    world_close(w);
    belay_disk_close(w->disk);
    w->backend.close(w->backend.self);
    free(w);
}

static inline void world_die(struct world *w, enum sim_death death)
{
    note(w, "-- dies --\n");
    sim_disk_stop(w->disk);
    world_close(w);
    sim_disk_restart(w->disk, death);
    w->deaths++;
    world_open(w);
}

/* ---- what comes in ---- */

static inline void world_publish(struct world *w, const char *topic, const char *id,
                                 const char *body)
{
    const struct belay_message m = { .id = belay_str_c(id),
                                     .source = BELAY_STR("/test"),
                                     .type = BELAY_STR("test"),
                                     .key = belay_str_c(id),
                                     .time = w->now,
                                     .body = belay_str_c(body),
                                     .datacontenttype = BELAY_STR("application/json") };
    world_ok(w, belay_broker_publish(w->broker, belay_str_c(topic), &m, w->now, NULL, &w->err));
}

static inline void world_order(struct world *w, unsigned saga)
{
    char id[32], body[64];
    snprintf(id, sizeof id, "m-%u", saga);
    snprintf(body, sizeof body, "{\"order_id\":\"o-%u\",\"total\":5}", saga);
    world_publish(w, "orders", id, body);
}

static inline void world_result(struct world *w, unsigned saga, bool failed)
{
    char id[32], body[64];
    snprintf(id, sizeof id, "r-%u", saga);
    snprintf(body, sizeof body, "{\"order_id\":\"o-%u\",\"outcome\":\"%s\"}", saga,
             failed ? "failed" : "ok");
    world_publish(w, "results", id, body);
}

static inline unsigned number_after(struct belay_str text, const char *prefix)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%.*s", BELAY_STR_ARG(text));
    char *at = strstr(copy, prefix);
    return at ? (unsigned)strtoul(at + strlen(prefix), NULL, 10) : 0;
}

/* ---- the worker: one message at a time, worked on once its attempt is durable ---- */

static inline void world_work(struct world *w)
{
    if (!w->work || belay_store_durable(w->store) < w->work_position)
        return;
    unsigned saga = number_after(w->work->message.body, "o-");
    bool failed = w->work_fails(w, saga);
    unsigned step = 0;
    while (step < w->def->step_count && !w->def->steps[step].publish)
        step++;
    note(w, "worker %u %s\n", saga, failed ? "fails" : "works");
    w->ledger[saga][step].asked_after_undo |= w->ledger[saga][step].undo_calls > 0;
    if (!failed)
        w->ledger[saga][step].done = 1;
    if (w->work_breaks_off && belay_random_below(&w->random, 3) == 0) {
        struct belay_fault fault;
        belay_fault_init(&fault, "TEST:BROKE_OFF", BELAY_CLASS_TRANSIENT, "it broke off");
        world_ok(w, belay_broker_retry(w->broker, w->work, w->now + 20 * BELAY_US_PER_S, &fault,
                                       BELAY_STR_NONE, (struct belay_hash128){ 0 }, &w->err));
        w->work = NULL;
        return;
    }
    world_result(w, saga, failed);
    world_ok(w, belay_broker_ack(w->broker, w->work, &w->err));
    w->work = NULL;
}

static inline void world_deliver(struct world *w)
{
    struct belay_delivery *d;
    while ((d = belay_broker_next(w->broker, w->now))) {
        struct belay_str name = belay_subscription_name(d->sub);
        int status = BELAY_OK;
        if (belay_str_eq(name, BELAY_STR("trip")))
            status = belay_sagas_start(w->sagas, w->def, d, w->now, &w->err);
        else if (!belay_str_eq(name, BELAY_STR("worker")))
            status = belay_sagas_event(w->sagas, w->def, number_after(name, "trip/"), d, w->now,
                                       &w->err);
        else if (w->work || (belay_random_next(&w->random) & 1))
            belay_broker_defer(w->broker, d, w->now + 1000);
        else if (belay_broker_start(w->broker, d, &w->err) == BELAY_OK) {
            w->work = d;
            w->work_position = belay_store_position(w->store);
            w->worked = number_after(d->message.body, "o-");
        }
        world_ok(w, status);
    }
}

/* ---- endpoints ---- */

static inline void world_ledger(struct world *w, const char *verb, unsigned step, unsigned saga,
                                bool happens)
{
    struct ledger *l = &w->ledger[saga][step];
    if (strcmp(verb, "do") == 0) {
        l->do_calls++;
        l->asked_after_undo |= l->undo_calls > 0;
        l->done += happens;
    } else if (strcmp(verb, "undo") == 0) {
        l->undo_calls++;
        if (!w->crowd && (int)step > w->undo_below[saga])
            world_fail(w, "seed %llu: saga %u undoes step %u after step %d",
                       (unsigned long long)w->seed, saga, step, w->undo_below[saga]);
        w->undo_below[saga] = (int)step;
        l->undone += happens;
    }
}

static inline struct belay_call_outcome
world_outcome(struct world *w, const char *verb, unsigned step, unsigned saga, enum answer answer)
{
    struct belay_call_outcome o = { .class_ = BELAY_CLASS_TRANSIENT,
                                    .type = BELAY_STR("HTTP:SERVER_ERROR"),
                                    .description = BELAY_STR("scripted"),
                                    .endpoint = BELAY_STR("POST test") };
    static const struct belay_field says_json = { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/json") };
    bool resolve = strcmp(verb, "resolve") == 0;
    bool missing = resolve && !w->ledger[saga][step].done;
    switch (answer) {
    case ANSWER_OK:
    case ANSWER_LOST:
        o.ok = answer == ANSWER_OK && !missing;
        o.status = missing ? 404 : 200;
        o.body = BELAY_STR("{\"fine\":true}");
        o.type = o.ok ? BELAY_STR_NONE : BELAY_STR("HTTP:CONNECTIVITY");
        o.class_ = answer == ANSWER_LOST ? BELAY_CLASS_UNKNOWN_OUTCOME : BELAY_CLASS_PERMANENT;
        break;
    case ANSWER_GARBLED:
        o.ok = true;
        o.status = 200;
        o.headers = &says_json;
        o.header_count = 1;
        o.body = BELAY_STR("<html>");
        break;
    case ANSWER_LOST_BEFORE: o.class_ = BELAY_CLASS_UNKNOWN_OUTCOME; break;
    case ANSWER_REFUSED:
        o.class_ = BELAY_CLASS_PERMANENT;
        o.status = 422;
        o.type = BELAY_STR("HTTP:CLIENT_ERROR");
        break;
    case ANSWER_BUSY: o.status = 503; break;
    default: break;
    }
    return o;
}

/* Answers call n, which is gone then. lost: the process never hears of it. */
static inline void world_answer(struct world *w, unsigned n, bool lost)
{
    struct world_call c = w->calls[n];
    char verb[16];
    unsigned step, saga;
    if (sscanf(c.path, "/%15[a-z]/%u/o-%u", verb, &step, &saga) != 3)
        fail_msg("call to %s", c.path);
    enum answer answer = w->answer(w, verb, step, saga);
    world_ledger(w, verb, step, saga, answer == ANSWER_OK || answer == ANSWER_LOST || answer == ANSWER_GARBLED);
    note(w, "%s %u of %u: %d%s\n", verb, step, saga, answer, lost ? " lost" : "");
    w->called++;
    if (lost)
        return;
    struct belay_call_outcome o = world_outcome(w, verb, step, saga, answer);
    o.id = c.id;
    w->calls[n] = w->calls[--w->call_count];
    world_ok(w, belay_sagas_outcome(w->sagas, &o, w->now, &w->err));
}

static inline void world_ask(struct world *w)
{
    struct belay_call_request request;
    const struct belay_connection_def *connection;
    while (w->call_count < WORLD_CALLS
           && belay_sagas_next(w->sagas, w->now, &request, &connection, &(bool){ false })) {
        struct world_call *c = &w->calls[w->call_count++];
        c->id = request.id;
        c->connection = connection;
        c->position = belay_store_position(w->store);
        snprintf(c->path, sizeof c->path, "%.*s", BELAY_STR_ARG(request.params[1].value));
        assert_true(request.idempotency_key.n > 0);
    }
}

static inline void world_flush(struct world *w)
{
    belay_broker_flush(w->broker);
    belay_store_flush(w->store, w->now);
    sim_jobs_finish(&w->jobs);
    world_ok(w, belay_store_failed(w->store, &w->err));
}

/* One engine step; false: nothing happened, and nothing will before time passes. */
static inline bool world_step(struct world *w)
{
    uint64_t before = belay_store_position(w->store);
    unsigned called = w->called;
    belay_broker_tick(w->broker, w->now);
    world_deliver(w);
    world_ask(w);
    world_flush(w);
    world_work(w);
    for (unsigned n = w->call_count; n-- > 0;)
        if (belay_store_durable(w->store) >= w->calls[n].position)
            world_answer(w, n, false);
    world_flush(w);
    return belay_store_position(w->store) != before || w->called != called;
}

static inline void world_pass(struct world *w, belay_time until)
{
    belay_time at = belay_sagas_wake_at(w->sagas), other = belay_broker_wake_at(w->broker);
    at = other < at ? other : at;
    at = at > w->now ? at : w->now + BELAY_US_PER_MS;
    w->now = at < until ? at : until;
}

/* Five hours: longer than any saga of the tests, shorter than ended ones are kept. */
#define A_WHILE(w) ((w)->now + (belay_time)5 * 3600 * BELAY_US_PER_S)

static inline void world_run(struct world *w, belay_time until)
{
    while (w->now < until)
        if (!world_step(w))
            world_pass(w, until);
    world_ok(w, belay_sagas_check(w->sagas, &w->err));
}

/* ---- what came out ---- */

static inline void world_view(struct world *w, unsigned saga, struct belay_buf *out)
{
    char id[32];
    snprintf(id, sizeof id, "o-%u", saga);
    belay_buf_clear(out);
    world_ok(w, belay_sagas_view(w->sagas, w->def->name, belay_str_c(id), out, &w->err));
    belay_buf_put_c(out, '\0');
}

static inline void world_text(struct world *w, unsigned saga, const char *member, char *to,
                              size_t n)
{
    struct belay_buf out;
    struct belay_arena arena;
    const belay_json *root;
    belay_buf_init(&out, 1 << 20);
    belay_arena_init(&arena, 0, 1 << 22);
    world_view(w, saga, &out);
    world_ok(w, belay_json_parse(belay_str(out.p, out.n - 1), NULL, &arena, &root, NULL, &w->err));
    const belay_json *v = belay_json_pointer(root, belay_str_c(member));
    to[0] = 0;
    if (v && v->type == BELAY_JSON_STRING)
        snprintf(to, n, "%.*s", BELAY_STR_ARG(belay_json_str(v)));
    belay_arena_deinit(&arena);
    belay_buf_deinit(&out);
}

static inline void assert_member(struct world *w, unsigned saga, const char *member,
                                 const char *value)
{
    char text[256];
    world_text(w, saga, member, text, sizeof text);
    if (strcmp(text, value) != 0) {
        struct belay_buf out;
        belay_buf_init(&out, 1 << 20);
        world_view(w, saga, &out);
        fprintf(stderr, "%s\n", out.p);
        world_fail(w, "saga %u: %s is \"%s\", not \"%s\"", saga, member, text, value);
    }
}

#endif
