/* fixture.h - a flow made by hand, driven against a script of outcomes; what happened reads as a
 * trace.
 *
 *   call POST /charges {"a":1}        the verdict CALL
 *   retry HTTP:TIMEOUT                RETRY
 *   letter HTTP:CLIENT_ERROR [skip]   LETTER
 *   done | filtered REASON            DONE, after the effects it has:
 *   publish TOPIC key=K BODY / log LEVEL TEXT name=value / reply STATUS BODY
 */
#ifndef BELAY_TEST_FLOW_FIXTURE_H
#define BELAY_TEST_FLOW_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "flow/flow.h"
#include "model/flow_def.h"
#include "unit/test.h"

#define STEPS_MAX 24
#define TEMPLATES_MAX 128

struct fixture {
    struct belay_flow_def def;
    struct belay_step_def steps[STEPS_MAX];
    struct belay_connection_def payments;
    struct belay_error_rule rules[4];
    struct belay_str patterns[4];
    struct belay_template *templates[TEMPLATES_MAX];
    uint32_t template_count;
    struct belay_arena arena; /* of the definition */
    struct belay_message message;
    struct belay_field params[2];
    struct belay_flow_pool *pool;
    const struct belay_redact *redact;
    struct belay_buf trace;
    belay_time now;
};

/* Only what a GET asks may be asked again. */
static inline bool get_is_idempotent(const struct belay_call_request *r)
{
    for (uint32_t i = 0; i < r->param_count; i++)
        if (belay_str_eq(r->params[i].name, BELAY_STR("method")))
            return belay_str_eq(r->params[i].value, BELAY_STR("GET"));
    return true;
}

static inline void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    belay_arena_init(&f->arena, 0, BELAY_MIB(1));
    belay_buf_init(&f->trace, BELAY_MIB(1));
    assert_ok(belay_flow_pool_new(&f->pool, NULL));
    f->now = 1000 * (belay_time)BELAY_US_PER_S;
    f->payments = (struct belay_connection_def){ .name = BELAY_STR("payments"),
                                                 .connector = BELAY_STR("http"),
                                                 .namespace_ = BELAY_STR("HTTP"),
                                                 .timeout_ms = 2000,
                                                 .idempotent = get_is_idempotent };
    f->message = (struct belay_message){
        .id = BELAY_STR("m-1"),
        .key = BELAY_STR("k"),
        .correlationid = BELAY_STR("c-1"),
        .time = f->now,
        .accepted_at = f->now,
        .datacontenttype = BELAY_STR("application/json"),
        .body = BELAY_STR("{\"order_id\":\"o-1\",\"total\":12,\"items\":[1,2]}"),
    };
    f->def = (struct belay_flow_def){
        .name = BELAY_STR("notify"),
        .retry = { 3, 0, 1000, 1000, 1, BELAY_JITTER_NONE, true, 0, NULL, 0 },
        .steps = f->steps,
        .first = BELAY_STEP_END,
        .on_error = f->rules,
    };
}

static inline void fixture_deinit(struct fixture *f)
{
    for (uint32_t i = 0; i < f->template_count; i++)
        belay_template_free(f->templates[i]);
    belay_flow_pool_free(f->pool);
    belay_buf_deinit(&f->trace);
    belay_arena_deinit(&f->arena);
}

/* ---- the flow ---- */

static inline const struct belay_template *compiled(struct fixture *f, const char *text, bool path)
{
    struct belay_template *t;
    struct belay_err err;
    if (!text)
        return NULL;
    assert_true(f->template_count < TEMPLATES_MAX);
    if (belay_template_compile(belay_str_c(text), (struct belay_template_opt){ .path = path }, &t, NULL,
                               &err))
        fail_msg("%s: %s", text, err.msg);
    f->templates[f->template_count++] = t;
    return t;
}

static inline const struct belay_template *T(struct fixture *f, const char *text)
{
    return compiled(f, text, false);
}

/* Appends a step that the one before leads to. */
static inline struct belay_step_def *add(struct fixture *f, enum belay_step_kind kind,
                                         const char *name)
{
    uint16_t at = (uint16_t)f->def.step_count++;
    assert_true(at < STEPS_MAX);
    if (f->def.first == BELAY_STEP_END)
        f->def.first = at;
    else if (at > 0 && f->steps[at - 1].next == BELAY_STEP_END)
        f->steps[at - 1].next = at;
    f->steps[at] = (struct belay_step_def){ .kind = kind,
                                            .name = belay_str_c(name),
                                            .next = BELAY_STEP_END };
    return &f->steps[at];
}

/* From here on the steps belong to a rule for this pattern. */
static inline void on_error(struct fixture *f, const char *pattern)
{
    uint32_t i = f->def.on_error_count++;
    f->patterns[i] = belay_str_c(pattern);
    f->rules[i] = (struct belay_error_rule){ &f->patterns[i], 1, (uint16_t)f->def.step_count };
}

/* As add, but the step before ends its path. */
static inline struct belay_step_def *add_apart(struct fixture *f, enum belay_step_kind kind,
                                               const char *name)
{
    struct belay_step_def *step = add(f, kind, name);
    if (step > f->steps)
        step[-1].next = BELAY_STEP_END;
    return step;
}

static inline const struct belay_named_template *named(struct fixture *f, const char *const *pairs,
                                                       uint32_t *ret_count)
{
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    struct belay_named_template *items
        = BELAY_ARENA_ARRAY(&f->arena, struct belay_named_template, count + 1);
    for (uint32_t i = 0; i < count; i++)
        items[i]
            = (struct belay_named_template){ belay_str_c(pairs[2 * i]), T(f, pairs[2 * i + 1]) };
    *ret_count = count;
    return items;
}
#define NAMED(f, ret_count, ...) named((f), (const char *const[]){ __VA_ARGS__, NULL }, (ret_count))

static inline struct belay_call_def call_def(struct fixture *f, const char *method,
                                             const char *path, const char *body)
{
    struct belay_call_def def = { .connection = &f->payments, .body = T(f, body) };
    def.params = NAMED(f, &def.param_count, "method", method, "path", path);
    return def;
}

static inline struct belay_step_def *add_call(struct fixture *f, const char *name,
                                              const char *method, const char *path,
                                              const char *body)
{
    struct belay_step_def *step = add(f, BELAY_STEP_CALL, name);
    step->as = belay_str_c(name);
    step->u.call.call = call_def(f, method, path, body);
    return step;
}

static inline void add_resolve(struct fixture *f, struct belay_step_def *step, const char *path)
{
    struct belay_call_def *resolve = BELAY_ARENA_NEW(&f->arena, struct belay_call_def);
    *resolve = call_def(f, "GET", path, NULL);
    step->u.call.resolve = resolve;
}

static inline struct belay_step_def *set_publish(struct fixture *f, struct belay_step_def *step,
                                                 const char *topic, const char *key,
                                                 const char *body)
{
    step->u.publish
        = (struct belay_publish_def){ .target = T(f, topic), .key = T(f, key), .body = T(f, body) };
    return step;
}

static inline struct belay_step_def *add_publish(struct fixture *f, const char *name,
                                                 const char *topic, const char *key,
                                                 const char *body)
{
    return set_publish(f, add(f, BELAY_STEP_PUBLISH, name), topic, key, body);
}

static inline struct belay_step_def *add_map(struct fixture *f, const char *name, const char *value)
{
    struct belay_step_def *step = add(f, BELAY_STEP_MAP, name);
    step->u.map.value = T(f, value);
    return step;
}

/* ---- outcomes ---- */

static const struct belay_field json_header[] = {
    { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/json") },
};

static inline struct belay_call_outcome ok(const char *body)
{
    return (struct belay_call_outcome){ .ok = true,
                                        .status = 200,
                                        .headers = json_header,
                                        .header_count = 1,
                                        .body = belay_str_c(body) };
}

static inline struct belay_call_outcome failed(enum belay_class class_, uint32_t status,
                                               const char *type)
{
    return (struct belay_call_outcome){ .class_ = class_,
                                        .status = status,
                                        .type = belay_str_c(type),
                                        .description = BELAY_STR("no"),
                                        .endpoint = BELAY_STR("POST http://h/c") };
}

static inline struct belay_call_outcome transient(void)
{
    return failed(BELAY_CLASS_TRANSIENT, 503, "HTTP:SERVER_ERROR");
}

static inline struct belay_call_outcome refused(void)
{
    return failed(BELAY_CLASS_PERMANENT, 422, "HTTP:CLIENT_ERROR");
}

static inline struct belay_call_outcome not_found(void)
{
    return failed(BELAY_CLASS_PERMANENT, 404, "HTTP:CLIENT_ERROR");
}

static inline struct belay_call_outcome unknown(void)
{
    return failed(BELAY_CLASS_UNKNOWN_OUTCOME, 0, "HTTP:TIMEOUT");
}

/* The process dies while the call is under way. */
static inline struct belay_call_outcome crash(void)
{
    return (struct belay_call_outcome){ .id = 0xdead };
}

/* ---- driving ---- */

static inline void trace_param(struct fixture *f, const struct belay_call_request *r,
                               struct belay_str name)
{
    for (uint32_t i = 0; i < r->param_count; i++)
        if (belay_str_eq(r->params[i].name, name))
            belay_buf_printf(&f->trace, " %.*s", BELAY_STR_ARG(r->params[i].value));
}

static inline void trace_call(struct fixture *f, const struct belay_flow_run *run)
{
    const struct belay_call_request *r = belay_flow_request(run);
    belay_buf_printf(&f->trace, "call");
    trace_param(f, r, BELAY_STR("method"));
    trace_param(f, r, BELAY_STR("path"));
    belay_buf_printf(&f->trace, r->body.n ? " %.*s\n" : "%.*s\n", BELAY_STR_ARG(r->body));
}

static inline void trace_effects(struct fixture *f, const struct belay_flow_run *run)
{
    const struct belay_flow_effects *fx = belay_flow_effects(run);
    for (uint32_t i = 0; i < fx->publication_count; i++) {
        const struct belay_publication *p = &fx->publications[i];
        belay_buf_printf(&f->trace, "publish %.*s key=%.*s %.*s\n", BELAY_STR_ARG(p->target),
                         BELAY_STR_ARG(p->message.key), BELAY_STR_ARG(p->message.body));
    }
    for (uint32_t i = 0; i < fx->log_count; i++) {
        belay_buf_printf(&f->trace, "log %u %.*s", fx->logs[i].level,
                         BELAY_STR_ARG(fx->logs[i].message));
        for (uint32_t k = 0; k < fx->logs[i].field_count; k++)
            belay_buf_printf(&f->trace, " %.*s=%.*s", BELAY_STR_ARG(fx->logs[i].fields[k].name),
                             BELAY_STR_ARG(fx->logs[i].fields[k].value));
        belay_buf_put_c(&f->trace, '\n');
    }
    if (fx->reply.present)
        belay_buf_printf(&f->trace, "reply %u %.*s\n", fx->reply.status,
                         BELAY_STR_ARG(fx->reply.body));
    if (fx->filtered.p)
        belay_buf_printf(&f->trace, "filtered %.*s\n", BELAY_STR_ARG(fx->filtered));
}

static inline void trace_verdict(struct fixture *f, struct belay_flow_run *run,
                                 enum belay_flow_verdict verdict)
{
    switch (verdict) {
    case BELAY_FLOW_CALL: trace_call(f, run); break;
    case BELAY_FLOW_RETRY:
        belay_buf_printf(&f->trace, "retry %s\n", belay_flow_fault(run)->type);
        break;
    case BELAY_FLOW_LETTER:
        trace_effects(f, run);
        belay_buf_printf(&f->trace, "letter %s%s\n", belay_flow_fault(run)->type,
                         belay_flow_skips(run) ? " skip" : "");
        break;
    case BELAY_FLOW_DONE:
        trace_effects(f, run);
        if (!belay_flow_effects(run)->filtered.p)
            belay_buf_printf(&f->trace, "done\n");
        break;
    }
}

struct drive {
    const struct belay_call_outcome *outcomes;
    uint32_t count, at;
    uint32_t attempt;
    bool interrupted;
    struct belay_buf progress; /* what is durable */
    belay_time first_attempt_at;
    struct belay_fault fault; /* of the last verdict that had one */
    bool has_fault;
};

static inline void drive_init(struct drive *d, struct fixture *f,
                              const struct belay_call_outcome *outcomes, uint32_t count)
{
    *d = (struct drive){
        .outcomes = outcomes, .count = count, .attempt = 1, .first_attempt_at = f->now
    };
    belay_buf_init(&d->progress, BELAY_PROGRESS_BYTES_MAX);
}

static inline void drive_deinit(struct drive *d)
{
    belay_buf_deinit(&d->progress);
}

static inline struct belay_flow_run *drive_begin(struct fixture *f, const struct drive *d)
{
    struct belay_flow_run *run;
    struct belay_err err;
    const struct belay_flow_input in = {
        .def = &f->def,
        .message = &f->message,
        .params = f->params,
        .param_count = 2,
        .attempt = d->attempt,
        .interrupted = d->interrupted,
        .first_attempt_at = d->first_attempt_at,
        .progress = belay_buf_view(&d->progress),
        .seed = 7,
        .pool = f->pool,
        .redact = &f->redact,
    };
    if (belay_flow_begin(&in, &run, &err))
        fail_msg("begin: %s", err.msg);
    return run;
}

/* As the engine keeps it: nothing to keep leaves what was kept. */
static inline void keep(struct drive *d, struct belay_flow_run *run, bool always)
{
    struct belay_str progress = belay_flow_progress(run);
    if (!progress.n && !always)
        return;
    belay_buf_clear(&d->progress);
    belay_buf_put_str(&d->progress, progress);
    assert_ok(belay_buf_status(&d->progress));
}

/* One attempt. True: there is another. */
static inline bool attempt(struct fixture *f, struct drive *d)
{
    struct belay_flow_run *run = drive_begin(f, d);
    enum belay_flow_verdict verdict = belay_flow_step(run, f->now, NULL);
    d->interrupted = false;
    for (trace_verdict(f, run, verdict); verdict == BELAY_FLOW_CALL;
         trace_verdict(f, run, verdict)) {
        assert_true(d->at < d->count);
        keep(d, run, false);
        f->now += 1000;
        if (d->outcomes[d->at].id == 0xdead) {
            d->at++;
            d->interrupted = true;
            belay_buf_printf(&f->trace, "crash\n");
            break;
        }
        struct belay_call_outcome outcome = d->outcomes[d->at++];
        verdict = belay_flow_step(run, f->now, &outcome);
    }
    const struct belay_fault *fault = belay_flow_fault(run);
    if (!d->interrupted && fault) {
        d->fault = *fault;
        d->has_fault = true;
    }
    bool again = d->interrupted || verdict == BELAY_FLOW_RETRY;
    if (!d->interrupted)
        keep(d, run, true);
    if (!d->interrupted && verdict == BELAY_FLOW_RETRY)
        f->now += (belay_time)belay_flow_delay_ms(run) * BELAY_US_PER_MS;
    d->attempt++;
    belay_flow_free(run);
    return again;
}

/* Until DONE or LETTER. */
static inline void drive(struct fixture *f, struct drive *d)
{
    while (attempt(f, d))
        assert_true(d->attempt < 100);
    assert_int_equal(d->at, d->count); /* every outcome was wanted */
}

static inline void assert_trace_of(struct fixture *f, const char *expected)
{
    belay_buf_put_c(&f->trace, '\0');
    assert_ok(belay_buf_status(&f->trace));
    if (strcmp(f->trace.p, expected) != 0)
        fail_msg("expected:\n%sbut was:\n%s", expected, f->trace.p);
    belay_buf_clear(&f->trace);
}

static inline void assert_run(struct fixture *f, const struct belay_call_outcome *outcomes,
                              uint32_t count, const char *expected)
{
    struct drive d;
    drive_init(&d, f, outcomes, count);
    drive(f, &d);
    drive_deinit(&d);
    assert_trace_of(f, expected);
}
#define RUN(f, expected, ...)                                                                      \
    do {                                                                                           \
        const struct belay_call_outcome outcomes_[] = { __VA_ARGS__ };                             \
        assert_run((f), outcomes_, sizeof outcomes_ / sizeof outcomes_[0], (expected));            \
    } while (0)
#define RUN_QUIET(f, expected) assert_run((f), NULL, 0, (expected))

/* ---- a fresh fixture for each test ---- */

static inline int setup(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    fixture_init(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    fixture_deinit(*state);
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
