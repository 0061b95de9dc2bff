/* rehearse.c - a letter's replay whose effects are told (rehearse.h). */
#include "engine/rehearse.h"

#include "base/assert.h"
#include "base/limits.h"
#include "broker/declare.h"
#include "engine/clock.h"
#include "engine/definitions.h"
#include "engine/room.h"

#define ANSWER_BYTES_MAX BELAY_MIB(16)

struct rehearsal {
    struct belay_engine *e;
    const struct belay_rehearsal_opt *opt;
    struct belay_flow_run *run, *then; /* then: stands where the letter failed; NULL: nothing is recorded */
    struct belay_arena arena;          /* of answers */
};

const char *belay_rehearsal_end_name(enum belay_rehearsal_end end)
{
    static const char *const names[] = { "stopped", "done", "filtered", "retry", "letter" };
    return (size_t)end < sizeof names / sizeof names[0] ? names[end] : "?";
}

/* ---- answers ---- */

/* Status of HTTP, which other systems' numbers look like; what is not like it says its error and class. */
static void classify(struct belay_call_outcome *o)
{
    bool busy = o->status == 408 || o->status == 425 || o->status == 429 || o->status >= 500;
    o->ok = o->status < 400;
    o->class_ = busy ? BELAY_CLASS_TRANSIENT : BELAY_CLASS_PERMANENT;
    if (!o->ok)
        o->type = busy ? BELAY_STR("HTTP:SERVER_ERROR") : BELAY_STR("HTTP:CLIENT_ERROR");
}

static bool class_named(struct belay_str name, enum belay_class *ret)
{
    static const enum belay_class classes[] = { BELAY_CLASS_TRANSIENT, BELAY_CLASS_PERMANENT, BELAY_CLASS_FATAL,
                                                BELAY_CLASS_UNKNOWN_OUTCOME };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (belay_str_eq(name, belay_str_c(belay_class_name(classes[i])))) {
            *ret = classes[i];
            return true;
        }
    return false;
}

static int take_error(const belay_json *answer, struct belay_call_outcome *o, struct belay_err *err)
{
    const belay_json *error = belay_json_get(answer, BELAY_STR("error")), *class_ = belay_json_get(answer, BELAY_STR("class"));
    if (!error)
        return BELAY_OK;
    if (error->type != BELAY_JSON_STRING)
        return belay_fail(err, BELAY_INVALID, "an answer's error is a text like HTTP:TIMEOUT");
    o->ok = false;
    o->type = belay_json_str(error);
    o->class_ = BELAY_CLASS_TRANSIENT;
    if (class_ && (class_->type != BELAY_JSON_STRING || !class_named(belay_json_str(class_), &o->class_)))
        return belay_fail(err, BELAY_INVALID, "an answer's class is transient, permanent, fatal or unknown_outcome");
    return BELAY_OK;
}

static int take_headers(struct rehearsal *r, const belay_json *headers, struct belay_call_outcome *o)
{
    if (!headers || headers->type != BELAY_JSON_OBJECT)
        return BELAY_OK;
    struct belay_field *fields = BELAY_ARENA_ARRAY(&r->arena, struct belay_field, headers->n + 1);
    const belay_json *at = belay_json_first(headers);
    uint32_t n = 0;
    if (!fields)
        return BELAY_NOMEM;
    for (uint32_t i = 0; i < headers->n; i++) {
        const belay_json *value = at + 1;
        if (value->type == BELAY_JSON_STRING)
            fields[n++] = (struct belay_field){ belay_json_str(at), belay_json_str(value) };
        at = belay_json_next(value);
    }
    o->headers = fields;
    o->header_count = n;
    return BELAY_OK;
}

static int take_body(struct rehearsal *r, const belay_json *body, struct belay_call_outcome *o)
{
    static const struct belay_field text_type = { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("text/plain") };
    if (!body)
        return BELAY_OK;
    if (body->type == BELAY_JSON_STRING) {
        o->body = belay_json_str(body);
        if (!o->header_count) {
            o->headers = &text_type;
            o->header_count = 1;
        }
        return BELAY_OK;
    }
    struct belay_buf out;
    belay_buf_init(&out, ANSWER_BYTES_MAX);
    belay_json_write(&out, body);
    int status = belay_buf_status(&out);
    if (status == BELAY_OK)
        o->body = belay_arena_str(&r->arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    return status == BELAY_OK && !o->body.p ? BELAY_NOMEM : status;
}

/* {"status", "headers", "body"}, {"error", "class"}, or just a body. */
static int take_answer(struct rehearsal *r, const belay_json *answer, struct belay_call_outcome *ret, struct belay_err *err)
{
    struct belay_call_outcome o = { .status = 200, .endpoint = BELAY_STR("(an answer that was given)") };
    const belay_json *number = belay_json_get(answer, BELAY_STR("status")), *body = belay_json_get(answer, BELAY_STR("body"));
    bool whole = number || body || belay_json_get(answer, BELAY_STR("error"));
    if (number && number->type == BELAY_JSON_INT && number->u.i > 0 && number->u.i <= UINT32_MAX)
        o.status = (uint32_t)number->u.i;
    else if (number)
        return belay_fail(err, BELAY_INVALID, "an answer's status is a number");
    classify(&o);
    int status = whole ? take_headers(r, belay_json_get(answer, BELAY_STR("headers")), &o) : BELAY_OK;
    if (status == BELAY_OK)
        status = take_body(r, whole ? body : answer, &o);
    if (status != BELAY_OK)
        return belay_fail(err, status, "an answer: %s", belay_status_text(status));
    status = take_error(answer, &o, err);
    if (status == BELAY_OK)
        *ret = o;
    return status;
}

/* What it was answered when it was made, by way of its text. */
static int recorded_answer(struct rehearsal *r, struct belay_str step, struct belay_call_outcome *ret, bool *ret_known,
                           struct belay_err *err)
{
    struct belay_value v;
    const belay_json *answer;
    *ret_known = r->opt->from_start && r->then && !belay_flow_asks(r->run) && belay_flow_recorded(r->then, step, &v);
    if (!*ret_known)
        return BELAY_OK;
    *ret = (struct belay_call_outcome){ .ok = true, .status = 200 };
    if (v.type == BELAY_VALUE_UNDEFINED)
        return BELAY_OK;
    struct belay_buf out;
    belay_buf_init(&out, ANSWER_BYTES_MAX);
    belay_value_write(&out, v);
    struct belay_str text = belay_buf_status(&out) == BELAY_OK ? belay_arena_str(&r->arena, belay_buf_view(&out))
                                                              : BELAY_STR_NONE;
    belay_buf_deinit(&out);
    int status = text.p ? belay_json_parse(text, NULL, &r->arena, &answer, NULL, err) : BELAY_NOMEM;
    return status == BELAY_OK ? take_answer(r, answer, ret, err) : belay_fail(err, status, "a recorded answer");
}

static int find_answer(struct rehearsal *r, struct belay_call_outcome *ret, bool *ret_known, bool *ret_recorded,
                       struct belay_err *err)
{
    struct belay_str step = belay_flow_step_name(r->run);
    const belay_json *answer = belay_json_get(r->opt->answers, step);
    int status = recorded_answer(r, step, ret, ret_known, err);
    *ret_recorded = *ret_known;
    if (status != BELAY_OK || *ret_known)
        return status;
    if (!answer)
        answer = belay_json_get(r->opt->answers, belay_flow_connection(r->run)->name);
    *ret_known = answer != NULL;
    return answer ? take_answer(r, answer, ret, err) : BELAY_OK;
}

/* ---- the run ---- */

static int begin(struct belay_engine *e, const struct belay_letter *letter, const struct belay_flow_def *def,
                 struct belay_str progress, struct belay_flow_run **ret_run, struct belay_err *err)
{
    const struct belay_flow_input input = { .def = def, .message = &letter->message, .attempt = 1,
                                            .first_attempt_at = e->now, .progress = progress,
                                            .functions = e->functions, .function_count = 1, .pool = e->flow_pool,
                                            .redact = &e->redact };
    return belay_flow_begin(&input, ret_run, err);
}

static enum belay_rehearsal_end end_of(const struct belay_flow_run *run, enum belay_flow_verdict verdict)
{
    switch (verdict) {
    case BELAY_FLOW_CALL: return BELAY_REHEARSAL_STOPPED;
    case BELAY_FLOW_DONE: return belay_flow_effects(run)->filtered.p ? BELAY_REHEARSAL_FILTERED : BELAY_REHEARSAL_DONE;
    case BELAY_FLOW_RETRY: return BELAY_REHEARSAL_RETRY;
    case BELAY_FLOW_LETTER: return BELAY_REHEARSAL_LETTER;
    }
    BELAY_UNREACHABLE();
}

static void tell_end(const struct rehearsal *r, const struct belay_flow_def *def, enum belay_flow_verdict verdict)
{
    const struct belay_rehearsal end = {
        .end = end_of(r->run, verdict),
        .step = belay_flow_step_name(r->run),
        .effects = belay_flow_effects(r->run),
        .fault = belay_flow_fault(r->run),
        .delay_ms = verdict == BELAY_FLOW_RETRY ? belay_flow_delay_ms(r->run) : 0,
        .parks = verdict == BELAY_FLOW_LETTER && !belay_flow_skips(r->run)
                 && def->lanes.on_exhausted == BELAY_EXHAUSTED_PARK_KEY,
    };
    r->opt->ended(r->opt->arg, &end);
}

/* Each call is told, with its answer where that is known. The flow copies what it keeps of an answer. */
static int go(struct rehearsal *r, const struct belay_flow_def *def, struct belay_err *err)
{
    enum belay_flow_verdict verdict = belay_flow_step(r->run, r->e->now, NULL);
    while (verdict == BELAY_FLOW_CALL) {
        struct belay_call_outcome answer;
        bool known = false, recorded = false;
        int status = find_answer(r, &answer, &known, &recorded, err);
        if (status != BELAY_OK)
            return status;
        const struct belay_rehearsal_call call = { .step = belay_flow_step_name(r->run),
                                                   .connection = belay_flow_connection(r->run),
                                                   .request = belay_flow_request(r->run),
                                                   .resolve = belay_flow_asks(r->run),
                                                   .answer = known ? &answer : NULL,
                                                   .recorded = recorded };
        r->opt->called(r->opt->arg, &call);
        if (!known)
            break;
        verdict = belay_flow_step(r->run, r->e->now, &answer);
    }
    tell_end(r, def, verdict);
    return BELAY_OK;
}

int belay_engine_rehearse(struct belay_engine *e, const struct belay_letter *letter,
                          const struct belay_rehearsal_opt *opt, belay_time now, struct belay_err *err)
{
    struct belay_subscription *sub = belay_broker_find(e->broker, letter->subscription);
    const struct engine_consumer *c = sub && e->current ? engine_consumer_of(e, sub) : NULL;
    struct rehearsal r = { .e = e, .opt = opt };
    engine_clock_tick(e, now);
    if (!c || c->kind == CONSUMER_NONE)
        return belay_fail(err, BELAY_NOTFOUND, "there is no flow %.*s now", BELAY_STR_ARG(letter->subscription));
    if (c->kind != CONSUMER_FLOW)
        return belay_fail(err, BELAY_INVALID, "%.*s is a saga's: only a flow can be rehearsed",
                          BELAY_STR_ARG(letter->subscription));
    if (opt->answers && opt->answers->type != BELAY_JSON_OBJECT)
        return belay_fail(err, BELAY_INVALID, "answers are an object: name of a step or connection, and its answer");
    belay_arena_init(&r.arena, 0, 4 * ANSWER_BYTES_MAX);
    struct belay_str progress = opt->from_start ? BELAY_STR_NONE : letter->progress;
    int status = opt->from_start && letter->progress.n ? begin(e, letter, c->flow, letter->progress, &r.then, err) : BELAY_OK;
    if (status == BELAY_OK)
        status = begin(e, letter, c->flow, progress, &r.run, err);
    if (status == BELAY_OK)
        status = go(&r, c->flow, err);
    belay_flow_free(r.run);
    belay_flow_free(r.then);
    belay_arena_deinit(&r.arena);
    return status;
}
